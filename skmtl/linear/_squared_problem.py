"""The squared errors of all tasks under one penalty of varying strength."""

from typing import NamedTuple

import numpy as np

from .._tasks import TaskStatistics
from ._block_descent import BlockDescent
from ._quadratic import squared_error, squared_loss


class Solution(NamedTuple):
    """Coefficients of one penalty and what is known of them.

    Attributes
    ----------
    coef : array of shape (n_tasks, n_features) or (n_tasks, n_classes, n_features)
    intercept : array of shape (n_tasks,) or (n_tasks, n_classes)
    gap : float
        Bound on what the objective is above its minimum.
    enough : float
        The bound that was asked for.
    n_iter : int
    """

    coef: np.ndarray
    intercept: np.ndarray
    gap: float
    enough: float
    n_iter: int

    def averaged(self, weight):
        """Return the tasks' average coefficients and intercept."""
        share = weight / weight.sum()
        return tuple(np.tensordot(share, part, axes=1) for part in self[:2])

    def filled(self, weight):
        """Return the solution with the average for tasks without weight."""
        absent = weight == 0.0
        parts = [self.coef.copy(), self.intercept.copy()]
        for part, average in zip(parts, self.averaged(weight), strict=True):
            part[absent] = average
        return self._replace(coef=parts[0], intercept=parts[1])


def task_weights(source):
    """Return the sum of each task's weights in rows or moments."""
    if isinstance(source, TaskStatistics):
        return source.weight
    task = np.repeat(np.arange(source.n_tasks), np.diff(source.offsets))
    return np.bincount(task, source.weight, minlength=source.n_tasks)


def mean_weight(weight):
    """Return the mean weight of the tasks that have rows."""
    return weight[weight > 0.0].mean()


class SquaredProblem:
    """Squared errors of rows or moments under multiples of one penalty.

    Attributes
    ----------
    strongest : float
        The least multiple that leaves no coefficient.
    """

    def __init__(self, source, unit, centred):
        self._unit, self._weight = unit, task_weights(source)
        scale = 1.0 / mean_weight(self._weight)
        self._loss = squared_loss(source, scale, centred)
        self.strongest = unit.strongest(self._loss.correlation)
        joint_only = unit.specific >= unit.joint
        self._rotation = self._loss.rotate() if joint_only else None
        self._descent = BlockDescent(self._loss)

    def solve(self, alpha, tol, max_iter):
        """Return the solution of one multiple, starting from that of the last one."""
        loss, enough = self._loss, tol * self._loss.energy
        gap, n_iter = self._descent.minimise(self._unit.scaled(alpha), enough, max_iter)
        W = self._descent.W
        coef = np.array((W if self._rotation is None else W @ self._rotation.T).T)
        intercept = loss.y_mean - (coef * loss.x_mean).sum(axis=1)
        return Solution(coef, intercept, gap, enough, max(n_iter, 1))

    def error(self, source, solution):
        """Return the squared error of other rows or moments."""
        solution = solution.filled(self._weight)
        return squared_error(source, solution.coef, solution.intercept)
