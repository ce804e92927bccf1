"""Estimators, what they are timed beside, and the tables for both (see speed)."""

from typing import NamedTuple

import numpy as np


class Shape(NamedTuple):
    """How many tasks there are, rows of each of them, and features."""

    tasks: int
    rows: int
    features: int


class Subject(NamedTuple):
    """An estimator of skmtl and its rivals.

    ``make`` takes a number of threads; rivals are functions of X, y and threads.
    """

    home: str
    name: str
    settings: dict
    draw: object
    rivals: dict
    base: Shape
    sizes: dict
    threads: tuple = (1,)

    def make(self, n_threads=1):
        """Return the estimator."""
        import importlib

        model = getattr(importlib.import_module(self.home), self.name)()
        threads = {"n_jobs": n_threads} if "n_jobs" in model.get_params() else {}
        return model.set_params(**self.settings, **threads)

    @property
    def first_fit(self):
        """Code of a process that fits 200 rows of ten tasks."""
        return (
            "import numpy as np\n"
            f"from {self.home} import {self.name}\n"
            "rng = np.random.default_rng(0)\n"
            "X = np.column_stack([rng.normal(size=(200, 5)), np.arange(200) % 10])\n"
            "y = X[:, 0] + rng.normal(size=200)\n"
            f"{self.name}(**{self.settings!r}).fit(X, y)\n"
        )


def linear_tasks(shape):
    """Return rows of linear tasks, the task last."""
    from skmtl.datasets import make_shared_representation

    return make_shared_representation(
        *shape, rank=3, return_X_y=True, as_frame=False, random_state=0
    )


def curved_tasks(shape):
    """Return rows of tasks with functions of their own, the task last."""
    from skmtl.datasets import make_task_deviations

    return make_task_deviations(*shape, return_X_y=True, as_frame=False, random_state=0)


def each_task(X, y):
    """Yield the rows of every task, which are looked up once."""
    order = np.argsort(X[:, -1], kind="stable")
    ends = np.flatnonzero(np.diff(X[order, -1])) + 1
    for rows in np.split(order, ends):
        yield X[rows, :-1], y[rows]


def ridge_per_task(X, y, n_threads):
    """Fit a ridge regression of given strength to every task."""
    from sklearn.linear_model import Ridge

    return [Ridge().fit(*part) for part in each_task(X, y)]


def tuned_ridge_per_task(X, y, n_threads):
    """Fit a ridge regression to every task, its strength chosen among 13."""
    from sklearn.linear_model import RidgeCV

    return [RidgeCV(np.logspace(-3, 3, 13)).fit(*part) for part in each_task(X, y)]


def ridge_of_all(X, y, n_threads):
    """Fit one ridge regression to the rows of all tasks."""
    from sklearn.linear_model import Ridge

    return Ridge().fit(X, y)


def category(X, y, n_threads):
    """Fit LightGBM with the task as a category, rounds by early stopping."""
    from benchmarks.boosting_accuracy import LightGBM

    model = LightGBM("regression")
    model.settings["num_threads"] = n_threads
    return model.fit(X, y, np.random.default_rng(0))


RIDGES = {
    "Ridge per task": ridge_per_task,
    "RidgeCV per task": tuned_ridge_per_task,
}
TREES = {"LightGBM, task as category": category}
LINEAR_SIZES = {
    "rows": (200, 400, 800, 1600, 3200),
    "tasks": (50, 100, 200, 400, 800),
    "features": (10, 20, 40, 80, 160),
}
TREE_SIZES = {
    "rows": (100, 200, 400, 800),
    "tasks": (10, 20, 40, 80),
    "features": (10, 20, 40, 80),
}
CHOICE_SIZES = {
    "rows": (50, 100, 200),
    "tasks": (10, 20, 40),
    "features": (10, 20, 40),
}


def linear(name, **settings):
    """Return the subject of a linear model."""
    return Subject(
        "skmtl.linear",
        name,
        {"task_feature": -1, **settings},
        linear_tasks,
        RIDGES,
        Shape(50, 100, 20),
        LINEAR_SIZES,
    )


SUBJECTS = {
    "hierarchical": linear("HierarchicalRegressor"),
    "representation": linear("SharedRepresentationRegressor"),
    "joint sparse": linear("JointSparseRegressor", alpha="auto"),
    "center": linear("SharedCenterRegressor"),
    "boosting": Subject(
        "skmtl.boosting",
        "MultiTaskBoostingRegressor",
        {"task_feature": -1},
        curved_tasks,
        TREES,
        Shape(20, 200, 10),
        TREE_SIZES,
        threads=(1, 2),
    ),
    "front door": Subject(
        "skmtl",
        "MultiTaskRegressor",
        {"task_feature": -1},
        curved_tasks,
        TREES,
        Shape(20, 100, 10),
        CHOICE_SIZES,
    ),
}
