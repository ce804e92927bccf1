"""The structures that an automatic model chooses from, and fits of them."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression

from . import linear
from ._forest import SharedForest
from ._random_intercepts import RandomIntercepts
from ._separate_logistic import SeparateLogistic
from ._separate_ridge import SeparateRidge
from ._single import single_model
from ._wrapping import answer, answer_columns
from .baselines import PooledTasks

# More indicators of tasks than this are not tried, nor longer tables of repeated rows.
MOST_TASK_INDICATORS = 500
MOST_NUMBERS = 10**8
# Forests take seconds beyond, and trees that learn from each other are better there.
MOST_OF_FOREST = 10**5


class Sample(NamedTuple):
    """Training rows as structures see them.

    Attributes
    ----------
    design : float64 array of shape (n_rows, n_columns)
        For most structures; the task's code last, unless tasks are columns of y.
    raw : float64 array of shape (n_rows, n_columns)
        For boosting: NaN where missing, categories as codes; the task's code last.
    categories : list of int
        Columns of ``raw`` that hold categories.
    y : float64 array of shape (n_rows,) or (n_rows, n_tasks)
    weight : float64 array of shape (n_rows,)
    n_tasks, n_classes : int
        No classes in a regression.
    """

    design: np.ndarray
    raw: np.ndarray
    categories: list
    y: np.ndarray
    weight: np.ndarray
    n_tasks: int
    n_classes: int

    @property
    def wide(self):
        """Whether tasks are columns of y."""
        return self.y.ndim == 2

    @property
    def task_feature(self):
        """Where the task is."""
        return None if self.wide else -1

    def weights(self, rows):
        """Return arguments of ``fit`` for the weights of rows, if these matter."""
        alike = np.all(self.weight == 1.0)
        return {} if alike else {"sample_weight": self.weight[rows]}


class Structure(NamedTuple):
    """What a model assumes about the tasks.

    Attributes
    ----------
    name : str
    make : callable
        Returns an unfitted estimator of a sample.
    settled : tuple of str
        Parameters that a first fit chooses and later ones take over.
    in_folds : dict
        Parameters of fits that only answer about rows held out.
    refuse : callable
        Returns why a structure is not tried on a sample, or None.
    """

    name: str
    make: Callable
    settled: tuple = ()
    in_folds: dict = {}
    refuse: Callable = lambda sample: None


def _own(sample):
    if not sample.n_classes:
        return SeparateRidge(sample.wide)
    return SeparateLogistic(sample.n_classes, sample.wide)


def _logistic():
    # Columns have the units of all rows. Divided by their own deviations, indicators
    # of what is rare, tasks among them, would hardly be shrunken.
    return LogisticRegression(max_iter=1000)


def _pooled(sample):
    model = _logistic() if sample.n_classes else single_model(False)
    return PooledTasks(model, encode="drop", task_feature=sample.task_feature)


def _pooled_intercepts(sample):
    if not sample.n_classes:
        return RandomIntercepts(sample.wide)
    feature = sample.task_feature
    return PooledTasks(_logistic(), encode="onehot", task_feature=feature)


def _linear(name, **parameters):
    def make(sample):
        kind = "Classifier" if sample.n_classes else "Regressor"
        estimator = getattr(linear, name + kind)
        return estimator(task_feature=sample.task_feature, **parameters)

    return make


def _forest(sample):
    return SharedForest(sample.n_classes, sample.wide)


def _needs_small_table(sample):
    if sample.design.size > MOST_OF_FOREST:
        return f"its table has more than {MOST_OF_FOREST:.0e} numbers"
    return None


def _needs_tasks(sample):
    return "there is one task only" if sample.n_tasks == 1 else None


def _is_too_large(sample, n_more):
    """Return why a table with a row for each target, and more columns, is not made."""
    n_rows = np.count_nonzero(~np.isnan(sample.y))
    n_numbers = n_rows * (sample.design.shape[1] + n_more)
    if n_numbers > MOST_NUMBERS:
        return f"its table would hold {n_numbers:.1e} numbers, over {MOST_NUMBERS:.0e}"
    return None


def _needs_few_numbers(sample):
    return _is_too_large(sample, 0) if sample.wide else None


def _needs_few_tasks(sample):
    n_indicators = sample.n_tasks if sample.n_classes else 0
    if n_indicators > MOST_TASK_INDICATORS:
        return f"there are more than {MOST_TASK_INDICATORS} tasks"
    return _needs_tasks(sample) or _is_too_large(sample, n_indicators)


# What is fitted without each fold in turn, cheap ones first.
BY_FOLDS = [
    Structure("independent", _own, refuse=_needs_tasks),
    Structure("pooled", _pooled, refuse=_needs_few_numbers),
    Structure("pooled_intercepts", _pooled_intercepts, refuse=_needs_few_tasks),
    Structure("hierarchical", _linear("Hierarchical")),
    Structure(
        "shared_center",
        _linear("SharedCenter"),
        ("alpha", "center_alpha"),
        refuse=_needs_tasks,
    ),
    Structure(
        "shared_representation",
        _linear("SharedRepresentation"),
        ("rank",),
        refuse=_needs_tasks,
    ),
    Structure("joint_sparse", _linear("JointSparse", alpha="auto"), ("alpha",)),
    # Fewer trees say as well whether the forest is good.
    Structure("forest", _forest, in_folds={"n_trees": 40}, refuse=_needs_small_table),
]
ONE_FOR_ALL = BY_FOLDS[1]
NAMES = [*(structure.name for structure in BY_FOLDS), "boosting"]


def boosting(sample, splits, random_state, n_jobs):
    """Return unfitted boosting that holds out the rows of splits."""
    from . import boosting as kinds

    name = "Classifier" if sample.n_classes else "Regressor"
    return getattr(kinds, f"MultiTaskBoosting{name}")(
        cv=splits,
        categorical_features=sample.categories or None,
        task_feature=sample.task_feature,
        random_state=random_state,
        n_jobs=n_jobs,
    )


def clone_with(estimator, parameters):
    """Return an unfitted copy with some parameters set."""
    return clone(estimator).set_params(**parameters)


def fit_rows(estimator, sample, rows):
    """Return a clone of an estimator fitted to some rows."""
    y = sample.y[rows]
    if sample.n_classes and not sample.wide:
        y = y.astype(np.int64)
        if (y == y[0]).all():
            weight = sample.weight[rows]
            return DummyClassifier(strategy="prior").fit(sample.design[rows], y, weight)
    if sample.wide:
        y = _observed_once(y, sample)
    return clone(estimator).fit(sample.design[rows], y, **sample.weights(rows))


def _observed_once(y, sample):
    """Return columns of targets, none empty: those without rows have their mean once.

    That is zero in units of the targets, or the class that most targets have.
    """
    empty = np.isnan(y).all(axis=0)
    if not empty.any():
        return y
    y = y.copy()
    y[0, empty] = np.nanmean(sample.y) > 0.5 if sample.n_classes else 0.0
    return y


def ask(fitted, table, n_classes, wide):
    """Return numbers, or probabilities of classes (of the second for each target)."""
    method = "predict_proba" if n_classes else "predict"
    classes = np.arange(n_classes) if n_classes else None
    return (answer_columns if wide else answer)(fitted, table, method, classes)
