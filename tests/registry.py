"""Every estimator once; the contract tests run over this list and nothing else."""

import warnings
from copy import deepcopy
from functools import wraps
from typing import NamedTuple

from sklearn.base import clone, is_classifier
from sklearn.linear_model import LogisticRegression, Ridge

from skmtl import MultiTaskClassifier, MultiTaskRegressor
from skmtl.active import (
    ActiveTaskClassifier,
    ActiveTaskRegressor,
    SourceTasksClassifier,
    SourceTasksRegressor,
)
from skmtl.baselines import IndependentTasks, PooledTasks
from skmtl.boosting import MultiTaskBoostingClassifier, MultiTaskBoostingRegressor
from skmtl.compose import TaskStandardScaler
from skmtl.linear import (
    HierarchicalClassifier,
    HierarchicalRegressor,
    JointSparseClassifier,
    JointSparseRegressor,
    SharedCenterClassifier,
    SharedCenterRegressor,
    SharedRepresentationClassifier,
    SharedRepresentationRegressor,
)
from skmtl.linear._base import StatisticsRegressor
from skmtl.safety import SafeTasks

try:
    import sklearn.callback  # noqa: F401

    HAS_CALLBACKS = True
except ImportError:
    HAS_CALLBACKS = False


class Entry(NamedTuple):
    """An estimator and what the contract tests need to know about it."""

    estimator: object
    wide_y: bool = True


REGISTRY = [
    Entry(IndependentTasks(Ridge())),
    Entry(IndependentTasks(LogisticRegression())),
    Entry(PooledTasks(Ridge())),
    Entry(PooledTasks(Ridge(), encode="onehot")),
    Entry(PooledTasks(LogisticRegression(), encode="onehot")),
    # BayesianRidge, the default for single tasks, does not take weights for copies in
    # scikit-learn 1.6.
    Entry(SafeTasks(PooledTasks(Ridge()), Ridge(), cv=2)),
    Entry(SafeTasks(PooledTasks(LogisticRegression(max_iter=1000)), cv=2)),
    Entry(HierarchicalRegressor()),
    Entry(HierarchicalClassifier()),
    Entry(SharedRepresentationRegressor(rank=2)),
    Entry(SharedRepresentationRegressor(rank=2, robust=True)),
    Entry(SharedRepresentationClassifier(rank=2)),
    Entry(JointSparseRegressor(alpha=0.05)),
    Entry(JointSparseRegressor(alpha=0.05, robust=True)),
    Entry(JointSparseClassifier(alpha=0.01)),
    Entry(SharedCenterRegressor(alpha=0.1)),
    Entry(SharedCenterRegressor(alpha=0.1, robust=True)),
    Entry(SharedCenterClassifier(alpha=0.1)),
    Entry(MultiTaskBoostingRegressor(max_iter=10)),
    Entry(MultiTaskBoostingRegressor(max_iter=10, structure="blocks")),
    Entry(MultiTaskBoostingClassifier(max_iter=10)),
    Entry(ActiveTaskRegressor(rank=2, cv=2)),
    Entry(ActiveTaskClassifier(rank=2, cv=2)),
    Entry(SourceTasksRegressor(Ridge(), cv=2)),
    Entry(SourceTasksClassifier(LogisticRegression(), cv=2)),
    # The default takes what these do not: models of single tasks, which do not take
    # weights for copies in scikit-learn 1.6, and boosting, which is an entry itself.
    Entry(MultiTaskRegressor(["hierarchical", "shared_center"], cv=2)),
    Entry(MultiTaskClassifier(["pooled", "shared_center"], cv=2)),
    Entry(TaskStandardScaler(), wide_y=False),
]

TASK_FEATURES = [None, 0, -1]


def with_task_feature(estimator, task_feature):
    """Return a copy that finds its task in a column."""
    return clone(estimator).set_params(task_feature=task_feature)


def instances():
    """Return every estimator for every place of the task column."""
    return [
        with_task_feature(entry.estimator, task_feature)
        for entry in REGISTRY
        for task_feature in TASK_FEATURES
    ]


def supervised():
    """Return the estimators that predict."""
    return [e.estimator for e in REGISTRY if hasattr(e.estimator, "predict")]


def regressors():
    """Return the estimators that predict numbers."""
    return [e for e in supervised() if not is_classifier(e)]


def name_of(estimator):
    """Return a short name for a test's identifier."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return "".join(repr(estimator).split())


def once(fit):
    """Let a function of an estimator and settings fit each but the first time asked.

    Every caller is given copies of its own: one that harms them harms no other.
    """
    kept = {}

    @wraps(fit)
    def fitted(estimator, **settings):
        key = name_of(estimator), repr(settings)
        if key not in kept:
            kept[key] = fit(estimator, **settings)
        return deepcopy(kept[key])

    return fitted


def linear_regressors():
    """Return the squared-loss linear models."""
    automatic = [
        SharedRepresentationRegressor(),
        JointSparseRegressor(alpha="auto"),
        SharedCenterRegressor(),
        SharedCenterRegressor(robust=True),
    ]
    linear = [m for m in supervised() if isinstance(m, StatisticsRegressor)]
    active = [m for m in linear if isinstance(m, ActiveTaskRegressor)]
    return [m for m in [*linear, *automatic] if m not in active]
