"""Trees of each task's own, grown on what the shared scores leave, and well shrunk."""

from typing import NamedTuple

import numpy as np

from .._kernels.boosting_records import TaskSettings, TreeSettings
from .._kernels.heads import SCORED, UNUSED
from ._task_trees import TaskTrees, choose_rounds, grow_task_trees, task_entries
from ._trees import join

SHRINKAGES = (1.0, 10.0, 30.0, 100.0)
# How trees of a single task grow, whose rows are few.
MAX_LEAVES, MIN_WEIGHT, N_GROUPS, N_ROUNDS, PATIENCE = 4, 5.0, 31, 150, 50
# Rows of its own that the mean of all tasks counts like where rounds are chosen.
PRIOR_WEIGHT = 100.0
# Rows of a sample of tasks on which the shrinkage is chosen.
SAMPLE_ROWS = 50_000


class TaskBlock(NamedTuple):
    """Trees of all tasks.

    Attributes
    ----------
    trees : TaskTrees
    shrinkage : float
    curve : float64 array of shape (n_rounds + 1,)
        Mean loss of all rows out of fold, before and after each round.
    loss : float64 array of shape (n_tasks,)
        Loss of each task's rows out of fold, with the rounds that were kept.
    settings : TreeSettings
    """

    trees: TaskTrees
    shrinkage: float
    curve: np.ndarray
    loss: np.ndarray
    settings: TreeSettings

    def with_task(self, problem, total):
        """Return the block with the trees of one more task.

        Parameters
        ----------
        problem : Problem
            The rows of the task.
        total : float64 array of shape (n_rows, n_outputs)
            What the rest of the model says of them.
        """
        curve = _curve(problem, total, self.shrinkage, np.arange(1), self.settings)
        n_rounds = np.argmin(curve + PRIOR_WEIGHT * self.curve, axis=1)
        rows = np.arange(problem.n_rows)
        found = _boost(
            problem, total, rows, None, self.shrinkage, self.settings, int(n_rounds[0])
        )
        new = found.task_trees
        trees = self.trees._replace(
            trees=join([self.trees.trees, new.trees]),
            first=np.append(self.trees.first, self.trees.first[-1] + new.first[-1]),
        )
        loss = np.append(self.loss, curve[0, n_rounds[0]])
        return self._replace(trees=trees, loss=loss)


def grow_task_block(problem, total):
    """Return trees of every task, starting from scores that are out of fold.

    Parameters
    ----------
    problem : Problem
    total : float64 array of shape (n_rows, n_outputs)
    """
    weight, settings = problem.scored_weight, task_settings(problem.settings)
    sample = _sample(problem)
    curves = [
        _curve(problem, total, shrinkage, sample, settings) for shrinkage in SHRINKAGES
    ]
    best = np.argmin([_chosen(curve, weight[sample])[1].sum() for curve in curves])
    shrinkage, curve = SHRINKAGES[best], curves[best]
    if sample.size < problem.n_tasks:
        everything = np.arange(problem.n_tasks)
        curve = _curve(problem, total, shrinkage, everything, settings)
    n_rounds, loss = _chosen(curve, weight)
    kept = np.flatnonzero(problem.fold >= 0)
    found = _boost(problem, total, kept, None, shrinkage, settings, int(n_rounds.max()))
    trees = found.task_trees.truncate(n_rounds)
    pooled = curve.sum(axis=0) / weight.sum()
    return TaskBlock(trees, shrinkage, pooled, loss, settings)


def _sample(problem):
    """Return all tasks, or some of all sizes that have few rows together."""
    size = np.diff(problem.offsets)
    step = -(-problem.n_rows // SAMPLE_ROWS)
    order = np.argsort(size, kind="stable")
    return np.sort(order[step // 2 :: step])


def _chosen(curve, weight):
    """Return rounds of each task, and the loss after them."""
    n_rounds = choose_rounds(curve, weight, PRIOR_WEIGHT)
    return n_rounds, curve[np.arange(len(curve)), n_rounds]


def _curve(problem, total, shrinkage, tasks, settings):
    """Return the losses of some tasks out of fold, after every round."""
    within = np.isin(problem.task, tasks)
    curve = 0.0
    for part in problem.parts:
        rows = np.flatnonzero(within & (part != UNUSED))
        boosted = _boost(
            problem, total, rows, part[rows] == SCORED, shrinkage, settings
        )
        curve = curve + boosted.curve[tasks]
    return curve


def _boost(problem, total, rows, held_out, shrinkage, settings, n_rounds=N_ROUNDS):
    offsets = np.searchsorted(problem.task[rows], np.arange(problem.n_tasks + 1))
    weight = problem.weight[rows] if problem.weight.size else problem.weight
    entries = task_entries(rows, offsets, problem.y[rows], weight, held_out, shrinkage)
    loss = problem.loss
    plan = TaskSettings(loss.code, loss.parameter, n_rounds, PATIENCE, N_GROUPS)
    return grow_task_trees(
        problem.table, entries, total[rows], plan, settings, problem.n_threads
    )


def task_settings(settings):
    """Return how trees of one task grow beside those of all."""
    return TreeSettings(
        max_leaves=min(MAX_LEAVES, settings.max_leaves),
        max_depth=settings.max_depth,
        min_weight=min(MIN_WEIGHT, settings.min_weight),
        learning_rate=settings.learning_rate,
    )
