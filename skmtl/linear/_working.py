r"""Logistic losses by quadratic problems that touch them at the present scores.

For two classes there is one score per row; for more there is one per class, and every
pair of a task and a class is a task of the quadratic problem. With p the probability of
a class, the loss is bounded near the present scores by a square with curvature p (1-p)
for two classes and 2 p (1-p) for more, the row sums of the Hessian's entries (a local
form of Böhning's bound, 1992). Where a step does not lower the loss after all, the
curvature is raised.
"""

import warnings
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy.special import expit, logsumexp, softmax
from sklearn.exceptions import ConvergenceWarning

from .._class_weight import class_weighted
from .._tasks import TaskData, freeze, statistics
from ._sample import loss_scale, prefer_rows, sample_rows, sample_statistics

LEAST_CURVATURE = 1e-3
MOST_INFLATION = 1e8
ROUNDING = 1e-12
NO_LOSS = 1e-300
# Tasks with few products go together: each by itself would take longer to call than to
# compute. Not so many that they leave the cache.
FEW_PRODUCTS, MOST_PRODUCTS = 2**11, 2**20


class Labels(NamedTuple):
    """Classification rows, sorted by task.

    Attributes
    ----------
    data : TaskData
        Its y holds class positions, its X is sorted by task.
    n_scores : int
        One for two classes, else the number of classes.
    scale : float64 array of shape (n_tasks,)
        Factor of each task's loss.
    centred : bool
        Whether tasks have intercepts.
    moments : bool
        Whether problems must be described by moments, however few the rows.
    """

    data: TaskData
    n_scores: int
    scale: np.ndarray
    centred: bool
    moments: bool

    def scores(self, coef, intercept):
        """Return every row's scores, (n_rows, n_scores).

        ``coef`` and ``intercept`` have one row for each pair of a task and a score.
        """
        X, offsets = self.data.X, self.data.offsets
        shape = self.scale.size, self.n_scores
        coef, intercept = coef.reshape(*shape, -1), intercept.reshape(shape)
        n_products = X.shape[0] * coef[:1].size
        small = n_products <= min(MOST_PRODUCTS, FEW_PRODUCTS * self.scale.size)
        if small and isinstance(X, np.ndarray):
            task = np.repeat(np.arange(self.scale.size), np.diff(offsets))
            return np.einsum("ij,ikj->ik", X, coef[task]) + intercept[task]
        result = np.empty((self.data.y.size, self.n_scores))
        for t, ends in enumerate(pairwise(offsets.tolist())):
            rows = slice(*ends)
            result[rows] = X[rows] @ coef[t].T + intercept[t]
        return result

    def row_scale(self):
        """Return the factor of each row's loss."""
        return np.repeat(self.scale, np.diff(self.data.offsets)) * self.data.weight

    def losses(self, scores):
        """Return each row's loss, neither weighted nor scaled."""
        if self.n_scores == 1:
            return np.logaddexp(0.0, scores[:, 0]) - self.data.y * scores[:, 0]
        chosen = self.data.y.astype(np.intp)[:, None]
        return logsumexp(scores, axis=1) - np.take_along_axis(scores, chosen, 1)[:, 0]

    def slopes(self, scores):
        """Return slope and curvature of each row's loss in each score."""
        if self.n_scores == 1:
            p = expit(scores)
            return p - self.data.y[:, None], p * (1.0 - p)
        p = softmax(scores, axis=1)
        return p - np.eye(self.n_scores)[self.data.y.astype(np.intp)], 2 * p * (1.0 - p)

    def spread(self, values, weight):
        """Return data in which every pair of a task and a score is a task.

        ``values`` and ``weight`` have one column for each score.
        """
        if self.n_scores == 1:
            return self.data._replace(y=values[:, 0], weight=weight[:, 0])
        n_tasks, n_scores = self.scale.size, self.n_scores
        first, count = self.data.offsets[:-1], np.diff(self.data.offsets)
        first, count = np.repeat(first, n_scores), np.repeat(count, n_scores)
        offsets = np.r_[0, np.cumsum(count)]
        rows = np.arange(offsets[-1]) + np.repeat(first - offsets[:-1], count)
        score = np.repeat(np.tile(np.arange(n_scores), n_tasks), count)
        return self.data._replace(
            rows=rows,
            y=values[rows, score],
            weight=weight[rows, score],
            offsets=offsets,
            shared=False,
        )

    def code_sample(self):
        """Return the regression problem whose targets are classes, coded 0 and 1."""
        values = self.data.y[:, None]
        if self.n_scores > 1:
            values = np.eye(self.n_scores)[self.data.y.astype(np.intp)]
        weight = np.repeat(self.data.weight[:, None], self.n_scores, axis=1)
        data = freeze(self.spread(values, weight))
        return self._sample(data)

    def working_sample(self, scores, inflation):
        """Return the quadratic problem that touches the loss at some scores."""
        slope, curvature = self.slopes(scores)
        curvature = inflation * np.maximum(curvature, LEAST_CURVATURE)
        weight = curvature * self.data.weight[:, None]
        data = freeze(self.spread(scores - slope / curvature, weight))
        return self._sample(data)

    def _sample(self, data):
        shape = data.rows.size, data.n_tasks, data.X.shape[1]
        if prefer_rows(*shape) and not self.moments:
            sample = sample_rows(data, centred=self.centred)
        else:
            sample = sample_statistics(statistics(data), centred=self.centred)
        scale = np.repeat(self.scale, self.n_scores)
        return sample._replace(tasks=sample.tasks._replace(scale=scale))


class Step(NamedTuple):
    """What a solver of quadratic problems returns.

    Attributes
    ----------
    coef : float64 array of shape (n_tasks * n_scores, n_features)
    intercept : float64 array of shape (n_tasks * n_scores,)
    penalty : float
    state : object
        Where the next solution may start from.
    """

    coef: np.ndarray
    intercept: np.ndarray
    penalty: float
    state: object


class Majorised(NamedTuple):
    """A fit by repeated quadratic problems.

    Attributes
    ----------
    step : Step
    scores : float64 array of shape (n_rows, n_scores)
    objective : float
    gain : float
        By how much the last iteration lowered the objective, in units of the loss of
        scores that are all equal.
    n_iter : int
    """

    step: Step
    scores: np.ndarray
    objective: float
    gain: float
    n_iter: int


def open_labels(data, n_classes, *, centred, moments=False):
    """Return labels of data whose y holds class positions."""
    task = np.repeat(np.arange(data.n_tasks), np.diff(data.offsets))
    scale = loss_scale(np.bincount(task, data.weight, data.n_tasks))
    data = data.gathered()._replace(shared=False)
    n_scores = 1 if n_classes == 2 else n_classes
    return Labels(data, n_scores, scale, centred, moments)


def check_classes(estimator):
    """Raise if there is nothing to tell apart."""
    if estimator.classes_.size < 2:
        raise ValueError(
            f"{type(estimator).__name__} needs rows of two classes, but y holds one "
            f"class: {estimator.classes_.tolist()}."
        )


def weigh_classes(data, class_weight, classes):
    """Return data with weights that make up for unequal classes."""
    if class_weight is None:
        return data
    task = np.repeat(np.arange(data.n_tasks), np.diff(data.offsets))
    position = data.y.astype(np.int64)
    weight = class_weighted(class_weight, data.weight, task, position, classes)
    return data._replace(weight=weight, shared=False)


def report_gain(gain, n_iter, tol, max_iter):
    """Warn if iterations ended before they gained little."""
    if n_iter >= max_iter and gain > tol:
        warnings.warn(
            f"Iterations ended at max_iter={max_iter}, the last of which lowered the "
            f"objective by a relative {gain:.1e}, more than tol={tol:.1e}. Raise "
            "max_iter or alpha, or scale the features.",
            ConvergenceWarning,
            stacklevel=4,
        )


def majorise(labels, solve, start, tol, max_iter):
    """Lower a penalised logistic loss until an iteration gains hardly anything.

    Parameters
    ----------
    labels : Labels
    solve : callable
        Takes a Sample and the last Step; returns the Step that minimises the sample's
        squared loss and a penalty.
    start : Step
    tol : float
        Stop when an iteration lowers the objective by less than this part of the loss
        of scores that are all equal.
    max_iter : int

    Returns
    -------
    Majorised
    """
    row_scale = labels.row_scale()

    def objective(step, scores):
        return float(row_scale @ labels.losses(scores)) + step.penalty

    scores = labels.scores(start.coef, start.intercept)
    step, value = start, objective(start, scores)
    # Not relative to the value itself, which falls to zero where classes separate. A
    # fold that holds out all that differ leaves no rows at all.
    unit = max(row_scale.sum() * np.log(max(labels.n_scores, 2)), NO_LOSS)
    # Half the bound for several classes, their Hessian's diagonal, often does as well.
    least = 1.0 if labels.n_scores == 1 else 0.5
    inflation, gain, n_iter = least, np.inf, 0
    while n_iter < max_iter and inflation < MOST_INFLATION:
        n_iter += 1
        new = solve(labels.working_sample(scores, inflation), step)
        new_scores = labels.scores(new.coef, new.intercept)
        new_value = objective(new, new_scores)
        # A rise within rounding is not one: it must not decide what is done next.
        if not new_value <= value * (1.0 + ROUNDING):
            inflation, least = 2.0 * inflation, 1.0
            continue
        gain = (value - new_value) / unit
        step, scores, value = new, new_scores, new_value
        if gain <= tol and inflation <= 1.0:
            break
        inflation = max(least, inflation / 2.0)
    return Majorised(step, scores, value, gain, n_iter)


def no_step(labels, n_features, state=None):
    """Return a step of zeros."""
    n_pairs = labels.scale.size * labels.n_scores
    return Step(np.zeros((n_pairs, n_features)), np.zeros(n_pairs), 0.0, state)
