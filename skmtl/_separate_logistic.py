"""Logistic regression of every task alone, no surer than its rows allow."""

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression

from ._labels import encode
from .baselines import IndependentTasks

# Rows with the shares of classes of all tasks that are added to what a task's own say.
ADDED = 2.0


class SeparateLogistic(BaseEstimator):
    """One logistic regression for each task, and one of all rows for tasks to come.

    A task of few rows often has one class only, or classes that can be separated, and
    says of new rows that they are certain. So a row's probabilities are averaged with
    the shares of classes in all rows, which count as two rows of its task.

    Parameters
    ----------
    n_classes : int
    wide : bool
        Whether columns of y are tasks; else the last column of X is a task's code.
    """

    def __init__(self, n_classes=2, wide=False):
        self.n_classes = n_classes
        self.wide = wide

    def fit(self, X, y, sample_weight=None):
        """Fit all tasks."""
        # Columns have the units of all rows. Divided by their own deviations,
        # indicators of what is rare would hardly be shrunken.
        self._tasks = IndependentTasks(
            LogisticRegression(max_iter=1000), task_feature=None if self.wide else -1
        )
        self._tasks.fit(X, y, sample_weight=sample_weight)
        self.classes_ = np.arange(self.n_classes)
        weight = np.ones(len(y)) if sample_weight is None else sample_weight
        if self.wide:
            seen = weight[:, None] * ~np.isnan(y)
            self._size = seen.sum(axis=0)
            self._share = np.array(np.nansum(seen * np.nan_to_num(y)) / seen.sum())
        else:
            share = np.bincount(y, weight, self.n_classes)
            self._share = share / share.sum()
            size = np.bincount(encode(X[:, -1], self._tasks.tasks_), weight)
            self._size = np.append(size, weight.sum())
        return self

    def fit_task(self, X, y, sample_weight=None):
        """Fit one more task, whose code is above those of all others."""
        self._tasks.fit_task(X, y, sample_weight=sample_weight)
        size = len(y) if sample_weight is None else sample_weight.sum()
        self._size = np.insert(self._size, -1, size)
        return self

    def predict_proba(self, X):
        """Return the probability of each class, of the second for each column of y."""
        size = self._size
        if not self.wide:
            size = size[encode(X[:, -1], self._tasks.tasks_), None]
        said = self._tasks.predict_proba(X)
        return (size * said + ADDED * self._share) / (size + ADDED)
