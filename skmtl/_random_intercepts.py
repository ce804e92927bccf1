"""Ridge regression with an intercept of each task, drawn from a normal distribution.

How far intercepts differ, and how strong the ridge is, have the largest restricted
likelihood [1]_: tasks of few rows are told from each other no more than these allow.

References
----------
.. [1] H. D. Patterson and R. Thompson, "Recovery of inter-block information when block
   sizes are unequal", Biometrika 58(3), 545-554, 1971.
"""

from typing import NamedTuple

import numpy as np
from sklearn.base import BaseEstimator

from ._labels import encode

# Variances of intercepts that are tried, in units of that of the noise.
VARIANCES = np.r_[0.0, np.logspace(-3.0, 3.0, 25)]
# Strengths of the ridge that are tried, in rows; strong ones first: with fewer rows
# than features the likelihood has a second maximum that leaves no noise.
STRENGTHS = np.logspace(6.0, -6.0, 49)


class RandomIntercepts(BaseEstimator):
    """One ridge regression of all tasks, and an intercept of each.

    Parameters
    ----------
    wide : bool
        Whether columns of y are tasks; else the last column of X is a task's code.
    """

    def __init__(self, wide=False):
        self.wide = wide

    def fit(self, X, y, sample_weight=None):
        """Fit all tasks."""
        weight = np.ones(len(y)) if sample_weight is None else sample_weight
        if self.wide:
            row, code = np.nonzero(~np.isnan(y))
            X, y, weight = X[row], y[row, code], weight[row]
        else:
            X, code = X[:, :-1], X[:, -1]
        self._codes, place = np.unique(code, return_inverse=True)
        moments = moments_by_task(np.column_stack([X, y]), weight, place)
        self._variance, self._coef, self._level = likeliest(moments)
        rest = moments.mean[:, -1] - moments.mean[:, :-1] @ self._coef - self._level
        told = moments.total * self._variance
        self._offset = told / (1.0 + told) * rest
        return self

    def predict(self, X):
        """Return numbers; an unknown task has the mean intercept."""
        if self.wide:
            return (X @ self._coef + self._level)[:, None] + self._offset
        own = np.append(self._offset, 0.0)[encode(X[:, -1], self._codes)]
        return X[:, :-1] @ self._coef + self._level + own


class Moments(NamedTuple):
    """Rows of features and target: weights and means by task, products within tasks."""

    total: np.ndarray
    mean: np.ndarray
    within: np.ndarray


def moments_by_task(rows, weight, place):
    """Return the moments of rows of tasks."""
    total = np.bincount(place, weight)
    mean = np.empty((total.size, rows.shape[1]))
    for j, column in enumerate(rows.T):
        mean[:, j] = np.bincount(place, weight * column) / total
    away = rows - mean[place]
    return Moments(total, mean, away.T @ (weight[:, None] * away))


def likeliest(moments):
    """Return the variance of intercepts, the coefficients, and the mean intercept."""
    trials = [trial(moments, variance) for variance in VARIANCES]
    _, variance, strength = min(
        (part[0], float(tau), part[1])
        for part, tau in zip(trials, VARIANCES, strict=True)
    )
    products, centre = products_of(moments, variance)
    gram = products[:-1, :-1] + strength * np.eye(len(products) - 1)
    coef = np.linalg.solve(gram, products[:-1, -1])
    return variance, coef, centre[-1] - centre[:-1] @ coef


def products_of(moments, variance):
    """Return products of rows that are whitened and centred, and their centre."""
    share = moments.total / (1.0 + moments.total * variance)
    centre = share @ moments.mean / share.sum()
    away = moments.mean - centre
    return moments.within + away.T @ (share[:, None] * away), centre


def trial(moments, variance):
    """Return the least deviance for a variance of intercepts, and its strength."""
    products, _ = products_of(moments, variance)
    size, axes = np.linalg.eigh(products[:-1, :-1])
    size, joint = np.maximum(size, 0.0), axes.T @ products[:-1, -1]
    n_rows = moments.total.sum()
    strength = STRENGTHS * n_rows
    explained = (joint**2 / (size + strength[:, None])).sum(axis=1)
    rest = np.maximum(products[-1, -1] - explained, 1e-12 * products[-1, -1] + 1e-300)
    spread = 1.0 + moments.total * variance
    deviance = (
        np.log1p(size / strength[:, None]).sum(axis=1)
        + np.log(spread).sum()
        + np.log((moments.total / spread).sum())
        + max(n_rows - 1.0, 1.0) * np.log(rest)
    )
    best = int(np.argmax(np.diff(deviance, append=np.inf) > 0.0))
    return float(deviance[best]), float(strength[best])
