"""Trees of each task's own, grown on what the shared scores leave, and well shrunk."""

from typing import NamedTuple

import numpy as np

from .._kernels.boosting_records import TaskSettings, TreeSettings
from .._kernels.heads import SCORED, UNUSED
from ._task_trees import (
    add_task_trees,
    choose_rounds,
    grow_task_trees,
    task_entries,
)

SHRINKAGES = (1.0, 10.0, 30.0, 100.0)
# How trees of a single task grow, whose rows are few.
MAX_LEAVES, MIN_WEIGHT, N_GROUPS, N_ROUNDS, PATIENCE = 4, 5.0, 31, 150, 50
# Rows of its own that the mean of all tasks counts like where rounds are chosen.
PRIOR_WEIGHT = 100.0
# Rows of a sample of tasks on which the shrinkage is chosen.
SAMPLE_ROWS = 50_000


class TaskBlock(NamedTuple):
    """Trees of all tasks, grown for every split on the rows that it learns from.

    Attributes
    ----------
    trees : list of TaskTrees
        Those of each split; their mean counts.
    n_rounds : int array of shape (n_tasks,)
    shrinkage : float
    curve : float64 array of shape (n_rounds + 1,)
        Mean loss of all rows out of fold, before and after each round.
    loss : float64 array of shape (n_tasks,)
        Loss of each task's rows out of fold, with rounds that other rows chose.
    settings : TreeSettings
    """

    trees: list
    n_rounds: np.ndarray
    shrinkage: float
    curve: np.ndarray
    loss: np.ndarray
    settings: TreeSettings

    def add(self, codes, task, score, n_threads=1, *, share=1.0, n_rounds=None):
        """Add to the scores of rows what the trees of their tasks say.

        Parameters
        ----------
        codes : uint8 array of shape (n_rows, n_features)
        task : int array of shape (n_rows,)
            None is added where it is negative.
        score : float64 array of shape (n_rows, n_outputs)
            Changed in place.
        n_threads : int, default=1
        share : float, default=1.0
            Multiplies what is added.
        n_rounds : int, optional
            Use the trees of the first rounds only.
        """
        found = np.zeros_like(score)
        for trees in self.trees:
            own = trees if n_rounds is None else trees.truncate(n_rounds)
            add_task_trees(own, codes, task, found, n_threads)
        score += share / len(self.trees) * found

    def importances(self, n_features):
        """Return the gain of each feature in each task's splits."""
        total = sum(trees.importances(n_features) for trees in self.trees)
        return total / len(self.trees)

    def with_task(self, problem, total):
        """Return the block with the trees of one more task.

        Parameters
        ----------
        problem : Problem
            The rows of the task.
        total : float64 array of shape (n_rows, n_outputs)
            What the rest of the model says of them.
        """
        own = np.arange(1)
        found = _cross_fit(problem, total, self.shrinkage, own, self.settings)
        curve = sum(boosted.curve for boosted in found)
        n_rounds = np.argmin(curve + PRIOR_WEIGHT * self.curve, axis=1)
        new = [boosted.task_trees.truncate(n_rounds) for boosted in found]
        # A list of splits tells nothing of rows to come: these have folds of their own.
        new = [new[split % len(new)] for split in range(len(self.trees))]
        return self._replace(
            trees=[a.followed_by(b) for a, b in zip(self.trees, new, strict=True)],
            n_rounds=np.append(self.n_rounds, n_rounds),
            loss=np.append(self.loss, curve[0, n_rounds[0]]),
        )


def grow_task_block(problem, total):
    """Return trees of every task, and scores out of fold with them.

    Parameters
    ----------
    problem : Problem
    total : float64 array of shape (n_rows, n_outputs)
        Scores out of fold without them.

    Returns
    -------
    block : TaskBlock
    total : float64 array of shape (n_rows, n_outputs)
    """
    weight, settings = problem.scored_weight, task_settings(problem.settings)
    sample, everyone = _sample(problem), np.arange(problem.n_tasks)
    tried = [
        _cross_fit(problem, total, shrinkage, sample, settings)
        for shrinkage in SHRINKAGES
    ]
    losses = [
        _chosen(_curve(found)[sample], weight[sample])[1].sum() for found in tried
    ]
    best = int(np.argmin(losses))
    shrinkage, found = SHRINKAGES[best], tried[best]
    if sample.size < problem.n_tasks:
        found = _cross_fit(problem, total, shrinkage, everyone, settings)
    curve = _curve(found)
    n_rounds, _ = _chosen(curve, weight)
    trees = [boosted.task_trees.truncate(n_rounds) for boosted in found]
    after, loss = total.copy(), np.zeros(problem.n_tasks)
    for split, boosted in enumerate(found):
        # The best of many rounds looks better than it is on the rows that chose it:
        # here those of the other splits do.
        rows = problem.fold == split
        own_weight = np.bincount(
            problem.task[rows], problem.row_weight[rows], problem.n_tasks
        )
        others, _ = _chosen(curve - boosted.curve, weight - own_weight)
        loss += boosted.curve[everyone, others]
        own, score = boosted.task_trees.truncate(others), after[rows]
        add_task_trees(own, problem.table.codes[rows], problem.task[rows], score)
        after[rows] = score
    problem.report(
        "task_trees: up to %d rounds, shrinkage %g, loss out of fold %.6g",
        n_rounds.max(),
        shrinkage,
        loss.sum(),
    )
    pooled = curve.sum(axis=0) / weight.sum()
    return TaskBlock(trees, n_rounds, shrinkage, pooled, loss, settings), after


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


def _curve(found):
    """Return the losses of tasks out of fold, after every round."""
    return sum(boosted.curve for boosted in found)


def _cross_fit(problem, total, shrinkage, tasks, settings):
    """Return trees of some tasks, for every split those of the rows it learns from."""
    within, found = np.isin(problem.task, tasks), []
    for part in problem.parts:
        rows = np.flatnonzero(within & (part != UNUSED))
        held_out = part[rows] == SCORED
        found.append(_boost(problem, total, rows, held_out, shrinkage, settings))
    return found


def _boost(problem, total, rows, held_out, shrinkage, settings):
    offsets = np.searchsorted(problem.task[rows], np.arange(problem.n_tasks + 1))
    weight = problem.weight[rows] if problem.weight.size else problem.weight
    entries = task_entries(rows, offsets, problem.y[rows], weight, held_out, shrinkage)
    loss = problem.loss
    plan = TaskSettings(loss.code, loss.parameter, N_ROUNDS, PATIENCE, N_GROUPS)
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
