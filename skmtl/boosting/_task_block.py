"""Trees of each task's own: shrunk ones beside the shared scores, or alone."""

from typing import NamedTuple

import numpy as np

from .._kernels.boosting_records import TaskSettings, TreeSettings
from .._kernels.heads import SCORED, UNUSED
from ._blend import blend, loss_of
from ._task_trees import (
    add_task_trees,
    choose_rounds,
    grow_task_trees,
    task_entries,
)

# From the strongest, which most tables want.
SHRINKAGES = (100.0, 30.0, 10.0, 1.0)
# How trees of a single task grow, whose rows are few.
MAX_LEAVES, MIN_WEIGHT, N_GROUPS, N_ROUNDS, PATIENCE = 4, 5.0, 31, 150, 50
# The same where nothing else describes the task: like shared trees.
ALL_CODES, PATIENCE_ALONE, MOST_NODES = 255, 40, 10**8
# Rows of its own that the mean of all tasks counts like where rounds are chosen.
PRIOR_WEIGHT = 100.0
# Rows of a sample of tasks on which the shrinkage is chosen, and of one that tells
# whether trees can be of use, in some rounds.
SAMPLE_ROWS, PROBE_ROWS, PROBE_ROUNDS = 20_000, 10_000, 50
# What they must take off the loss there, in a blend with other scores; and trees beside
# scores off that of the first splits, or else there are none.
WORTH_A_MODEL, WORTH_TREES, TRIED = 0.005, 0.0002, 2


class Growing(NamedTuple):
    """How the trees of tasks grow.

    Attributes
    ----------
    trees : TreeSettings
        Its shrinkage is one of ``shrinkages``.
    shrinkages : tuple of float
        Tried in turn, as long as the loss out of fold falls.
    n_groups : int
        Groups of a feature's codes at most.
    n_rounds, patience : int
    """

    trees: TreeSettings
    shrinkages: tuple
    n_groups: int
    n_rounds: int
    patience: int

    def plan(self, loss):
        """Return what kernels read beside the settings of trees."""
        rounds = (self.n_rounds, self.patience, self.n_groups)
        return TaskSettings(loss.code, loss.parameter, *rounds)


class TaskBlock(NamedTuple):
    """Trees of all tasks, grown for every split on the rows that it learns from.

    Attributes
    ----------
    trees : list of TaskTrees
        Those of each split; their mean counts.
    n_rounds : int array of shape (n_tasks,)
    curve : float64 array of shape (n_rounds + 1,)
        Mean loss of all rows out of fold, before and after each round.
    loss : float64 array of shape (n_tasks,)
        Loss of each task's rows out of fold, with rounds that other rows chose.
    growing : Growing
        With the one shrinkage that was taken.
    """

    trees: list
    n_rounds: np.ndarray
    curve: np.ndarray
    loss: np.ndarray
    growing: Growing

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
        found = _cross_fit(problem, total, np.ones(problem.n_rows, bool), self.growing)
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


def grow_task_block(problem, total, growing=None):
    """Return trees of every task, and scores out of fold with them.

    Parameters
    ----------
    problem : Problem
    total : float64 array of shape (n_rows, n_outputs)
        Scores out of fold without them.
    growing : Growing, optional
        By default that of trees beside shared scores.

    Returns
    -------
    block : TaskBlock
    total : float64 array of shape (n_rows, n_outputs)
    """
    growing = growing or beside_scores(problem)
    weight, everyone = problem.scored_weight, np.arange(problem.n_tasks)
    sample = _sample(problem, SAMPLE_ROWS if len(growing.shrinkages) > 1 else np.inf)
    growing, found = _with_one_shrinkage(problem, total, sample, growing)
    if sample.size < problem.n_tasks:
        found = _cross_fit(problem, total, np.ones(problem.n_rows, bool), growing)
    curve = _curve(found)
    n_rounds, _ = _chosen(curve, weight)
    trees = [boosted.task_trees.truncate(n_rounds) for boosted in found]
    after, loss = total.copy(), np.zeros(problem.n_tasks)
    for split, boosted in enumerate(found):
        # The best of many rounds looks better than it is on the rows that chose it:
        # here those of the other splits do.
        rows = problem.fold == split
        own_weight = _weight_held_out(problem, split)
        others, _ = _chosen(curve - boosted.curve, weight - own_weight)
        loss += boosted.curve[everyone, others]
        own, score = boosted.task_trees.truncate(others), after[rows]
        add_task_trees(own, problem.table.codes[rows], problem.task[rows], score)
        after[rows] = score
    problem.report(
        "task_trees: up to %d rounds, shrinkage %g, loss out of fold %.6g",
        n_rounds.max(),
        growing.shrinkages[0],
        loss.sum(),
    )
    pooled = curve.sum(axis=0) / weight.sum()
    return TaskBlock(trees, n_rounds, pooled, loss, growing), after


def _with_one_shrinkage(problem, total, sample, growing):
    """Return how trees grow with the shrinkage that is best for some tasks, and them.

    The loss of the first splits tells: it falls with the shrinkage, and rises from
    there. Where the strongest is of no use there are no trees.
    """
    within, best, least = np.isin(problem.task, sample), None, np.inf
    for shrinkage in growing.shrinkages:
        way = growing._replace(shrinkages=(shrinkage,))
        found = _cross_fit(problem, total, within, way, slice(TRIED))
        before, after = _losses(problem, found, sample)
        is_useless = before > 0.0 and after >= (1.0 - WORTH_TREES) * before
        if best is None and len(growing.shrinkages) > 1 and is_useless:
            way = way._replace(n_rounds=0)
            return way, _cross_fit(problem, total, within, way)
        if not after < least:
            break
        best, least = (way, found), after
    way, found = best
    if sample.size == problem.n_tasks:
        found = found + _cross_fit(problem, total, within, way, slice(TRIED, None))
    return way, found


def _losses(problem, found, sample):
    """Return losses of what the first splits hold out, without trees and with them."""
    curve = _curve(found)[sample]
    weight = sum(_weight_held_out(problem, split) for split in range(len(found)))
    return curve[:, 0].sum(), _chosen(curve, weight[sample])[1].sum()


def _weight_held_out(problem, split):
    """Return the weight of each task's rows that a split holds out."""
    weight = problem.row_weight * (problem.fold == split)
    return np.bincount(problem.task, weight, problem.n_tasks)


def promises(problem, start, total, growing):
    """Return whether trees of tasks are likely to make scores useful beside others.

    They grow for some tasks and one split, in few rounds.

    Parameters
    ----------
    problem : Problem
    start, total : float64 arrays of shape (n_rows, n_outputs)
        Scores out of fold that trees start from, and the others.
    growing : Growing
        With one shrinkage.
    """
    sample = _sample(problem, PROBE_ROWS)
    if np.diff(problem.offsets)[sample].max() < 2.0 * growing.trees.min_weight:
        return False
    part, task = problem.parts[0], problem.task
    within = np.isin(task, sample)
    rows = np.flatnonzero(within & (part == SCORED))
    weight = np.bincount(task[rows], problem.row_weight[rows], problem.n_tasks)
    if not weight.sum():
        return False
    few = growing._replace(n_rounds=min(PROBE_ROUNDS, growing.n_rounds))
    found = _boost(problem, start, within & (part != UNUSED), part, few)
    trees = found.task_trees.truncate(_chosen(found.curve, weight)[0])
    own = start[rows]
    add_task_trees(trees, problem.table.codes[rows], task[rows], own)
    _, both = blend(problem, [total[rows], own], rows)
    before = loss_of(problem, total[rows], rows)
    return loss_of(problem, both, rows) < (1.0 - WORTH_A_MODEL) * before


def _sample(problem, n_rows):
    """Return all tasks, or some of all sizes that have few rows together."""
    size = np.diff(problem.offsets)
    step = max(1, int(np.ceil(problem.n_rows / n_rows)))
    order = np.argsort(size, kind="stable")
    # Large tasks can be fewer than steps: then it is one of the usual size.
    return np.sort(order[min(step, size.size) // 2 :: step])


def _chosen(curve, weight):
    """Return rounds of each task, and the loss after them."""
    n_rounds = choose_rounds(curve, weight, PRIOR_WEIGHT)
    return n_rounds, curve[np.arange(len(curve)), n_rounds]


def _curve(found):
    """Return the losses of tasks out of fold, after every round."""
    return sum(boosted.curve for boosted in found)


def _cross_fit(problem, total, within, growing, splits=slice(None)):
    """Return trees of tasks on some rows, for every split on those it learns from."""
    return [
        _boost(problem, total, within & (part != UNUSED), part, growing)
        for part in problem.parts[splits]
    ]


def _boost(problem, total, is_used, part, growing):
    """Return trees of tasks on some rows, of which a split holds some out."""
    rows, (shrinkage,) = np.flatnonzero(is_used), growing.shrinkages
    offsets = np.searchsorted(problem.task[rows], np.arange(problem.n_tasks + 1))
    weight = problem.weight[rows] if problem.weight.size else problem.weight
    held_out = part[rows] == SCORED
    entries = task_entries(rows, offsets, problem.y[rows], weight, held_out, shrinkage)
    plan, settings = growing.plan(problem.loss), growing.trees
    return grow_task_trees(
        problem.table, entries, total[rows], plan, settings, problem.n_threads
    )


def beside_scores(problem):
    """Return how trees of one task grow on what shared scores leave."""
    settings = problem.settings
    trees = TreeSettings(
        max_leaves=min(MAX_LEAVES, settings.max_leaves),
        max_depth=settings.max_depth,
        min_weight=min(MIN_WEIGHT, settings.min_weight),
        learning_rate=settings.learning_rate,
    )
    return Growing(trees, SHRINKAGES, N_GROUPS, N_ROUNDS, PATIENCE)


def alone(problem):
    """Return how trees of one task grow where it shares nothing with others."""
    trees = problem.settings
    n_nodes = problem.n_tasks * problem.loss.n_outputs * (2 * trees.max_leaves - 1)
    n_rounds = max(1, min(problem.max_rounds, MOST_NODES // n_nodes))
    return Growing(trees, (trees.shrinkage,), ALL_CODES, n_rounds, PATIENCE_ALONE)
