"""What boosting learns from, and what any of its models can be asked."""

import logging
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .._kernels.boosting_records import TreeSettings
from .._kernels.heads import LEARNED, SCORED, UNUSED
from ._bins import Table
from ._losses import Loss

logger = logging.getLogger("skmtl")


class Problem(NamedTuple):
    """Rows of all tasks, and how trees are grown on them.

    Attributes
    ----------
    table : Table
        Codes of the features, sorted by task.
    y : float64 array of shape (n_rows,)
        Targets, near zero and of size one where the loss has no scale of its own.
    weight : float64 array of shape (n_rows,) or (0,)
        Empty where all rows weigh one.
    offsets : int64 array of shape (n_tasks + 1,)
        Rows ``offsets[t]:offsets[t + 1]`` belong to task t.
    fold : int64 array of shape (n_rows,)
        Part of each row in cross-fitting, -1 for rows that are only learned from.
    n_folds : int
    loss : Loss
    settings : TreeSettings
    max_rounds : int
    seed : int
    n_threads : int
    learns : bool array of shape (n_folds, n_rows), optional
        Rows that splits learn from, where these are not all rows of other folds.
    verbose : int, default=0
    """

    table: Table
    y: np.ndarray
    weight: np.ndarray
    offsets: np.ndarray
    fold: np.ndarray
    n_folds: int
    loss: Loss
    settings: TreeSettings
    max_rounds: int
    seed: int
    n_threads: int
    learns: np.ndarray | None = None
    verbose: int = 0

    def report(self, message, *values):
        """Tell the logger named "skmtl", if the user wants to know."""
        if self.verbose:
            logger.info(message, *values)

    @property
    def n_rows(self):
        """Number of rows."""
        return self.y.size

    @property
    def n_tasks(self):
        """Number of tasks."""
        return self.offsets.size - 1

    @property
    def task(self):
        """Task of each row."""
        return np.repeat(np.arange(self.n_tasks), np.diff(self.offsets))

    @property
    def parts(self):
        """What each split does with each row: learn from it, score it, or neither."""
        split = np.arange(self.n_folds)[:, None]
        learns = self.fold != split if self.learns is None else self.learns
        parts = np.where(learns, np.uint8(LEARNED), np.uint8(UNUSED))
        parts[self.fold == split] = SCORED
        return parts

    @property
    def row_weight(self):
        """Weight of each row, also where all weigh one."""
        return self.weight if self.weight.size else np.ones(self.n_rows)

    @property
    def scored_weight(self):
        """Weight of each task's rows that some split scores."""
        scored = self.row_weight * (self.fold >= 0)
        return np.bincount(self.task, scored, self.n_tasks)

    @property
    def task_weight(self):
        """Weight of each task's rows."""
        return np.bincount(self.task, self.row_weight, self.n_tasks)


class Fitted(NamedTuple):
    """A model, and what it would say of rows had it not learned from them.

    Attributes
    ----------
    model : object
    held_out : callable
        Returns scores of the problem's rows, (n_rows, n_outputs), each by boosters,
        heads and trees of tasks that did not learn from the row; NaN where all did.
    """

    model: object
    held_out: Callable


class Parts(NamedTuple):
    """What the parts of a model say of rows; their sum is the score.

    Attributes
    ----------
    shared : float64 array of shape (n_rows, n_outputs)
        What is the same for all tasks.
    head : float64 array of shape (n_rows, n_outputs)
        What the task changes about it by a few numbers of its own.
    task_trees : float64 array of shape (n_rows, n_outputs)
        What the task's own trees say.
    """

    shared: np.ndarray
    head: np.ndarray
    task_trees: np.ndarray

    @property
    def score(self):
        """The sum of the parts."""
        return self.shared + self.head + self.task_trees
