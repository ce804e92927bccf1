"""Trees of every task on its own: one call boosts all tasks through all rounds."""

from typing import NamedTuple

import numpy as np

from .._kernels.boosting_records import IS_CATEGORY, N_CODES, START
from .._kernels.losses import QUANTILE
from .._kernels.task_bins import lay_out
from .._kernels.task_trees import boost_tasks
from ._threads import spread
from ._trees import Trees, _add, join

NOTHING = np.empty(0)


class TaskTrees(NamedTuple):
    """The trees of all tasks.

    Attributes
    ----------
    trees : Trees
        Those of task 0, then of task 1, and so on; of one task round by round, in a
        round one for each output.
    first : int64 array of shape (n_tasks + 1,)
        First tree of each task.
    n_outputs : int
    """

    trees: Trees
    first: np.ndarray
    n_outputs: int

    @property
    def n_tasks(self):
        """Number of tasks."""
        return self.first.size - 1

    @property
    def n_rounds(self):
        """Number of rounds of each task."""
        return np.diff(self.first) // self.n_outputs

    def truncate(self, n_rounds):
        """Return the trees of the first rounds of each task."""
        wanted = np.minimum(n_rounds, self.n_rounds) * self.n_outputs
        tree = np.arange(self.trees.n_trees) - np.repeat(
            self.first[:-1], np.diff(self.first)
        )
        kept = tree < np.repeat(wanted, np.diff(self.first))
        first = np.r_[0, np.cumsum(wanted)]
        return self._replace(trees=_compress(self.trees, kept), first=first)

    def followed_by(self, other):
        """Return these trees and those of more tasks."""
        first = np.r_[self.first, self.first[-1] + other.first[1:]]
        return self._replace(trees=join([self.trees, other.trees]), first=first)

    def importances(self, n_features):
        """Return the gain of each feature in each task's splits."""
        size = np.diff(self.trees.starts[self.first])
        task = np.repeat(np.arange(self.n_tasks), size)
        cell = task * n_features + self.trees.features
        total = np.bincount(cell, self.trees.gains, self.n_tasks * n_features)
        return total.reshape(self.n_tasks, n_features)


class Boosted(NamedTuple):
    """What boosting all tasks gave.

    Attributes
    ----------
    task_trees : TaskTrees
    score : float64 array of shape (n_entries, n_outputs)
        Scores of all entries, those held out included.
    curve : float64 array of shape (n_tasks, n_rounds + 1)
        Loss on each task's entries that were held out, before and after each round; it
        stays as it is after the last round.
    """

    task_trees: TaskTrees
    score: np.ndarray
    curve: np.ndarray


class TaskEntries(NamedTuple):
    """What the tasks learn from, task after task.

    Attributes
    ----------
    rows : uint32 array of shape (n_entries,)
        Row of the table of codes of each entry.
    offsets : int64 array of shape (n_tasks + 1,)
    y : float64 array of shape (n_entries,)
    weight : float64 array of shape (n_entries,) or (0,)
        Empty where all entries weigh one.
    held_out : bool array of shape (n_entries,) or (0,)
        Entries that are scored and not learned from.
    shrinkage : float64 array of shape (n_tasks,)
    """

    rows: np.ndarray
    offsets: np.ndarray
    y: np.ndarray
    weight: np.ndarray
    held_out: np.ndarray
    shrinkage: np.ndarray


def task_entries(rows, offsets, y, weight=NOTHING, held_out=None, shrinkage=0.0):
    """Return what tasks learn from, in the form kernels read.

    Parameters
    ----------
    rows : int array of shape (n_entries,)
    offsets : int array of shape (n_tasks + 1,)
    y : float64 array of shape (n_entries,)
    weight : float64 array of shape (n_entries,) or (0,)
        Empty where all entries weigh one.
    held_out : bool array of shape (n_entries,), optional
        Entries that are scored but not learned from.
    shrinkage : float or array of shape (n_tasks,), default=0
    """
    held_out = np.empty(0, bool) if held_out is None else held_out
    shrinkage = np.broadcast_to(shrinkage, len(offsets) - 1)
    kinds = (np.uint32, np.int64, np.float64, np.float64, bool, np.float64)
    parts = (rows, offsets, y, weight, held_out, shrinkage)
    arrays = (np.array(p, dtype=k) for p, k in zip(parts, kinds, strict=True))
    return TaskEntries(*arrays)


class _Arena(NamedTuple):
    """Where the trees of all tasks are written, each task in a stretch of its own."""

    nodes: np.ndarray
    values: np.ndarray
    gains: np.ndarray
    sides: np.ndarray
    first_node: np.ndarray
    first_side: np.ndarray
    sizes: np.ndarray
    n_rounds: np.ndarray
    curve: np.ndarray


def grow_task_trees(table, entries, score, plan, settings, n_threads=1):
    """Boost every task by itself.

    Parameters
    ----------
    table : Table
    entries : TaskEntries
    score : float64 array of shape (n_entries, n_outputs)
        Where boosting starts; not changed.
    plan : TaskSettings
    settings : TreeSettings
        Its shrinkage is not used: that of each task is in ``entries``.
    n_threads : int, default=1

    Returns
    -------
    boosted : Boosted
    """
    sizes = np.diff(entries.offsets)
    score = np.array(score, dtype=np.float64, order="C")
    arena = _arena(table, entries, plan, settings, score.shape[1])
    order = np.argsort(-sizes, kind="stable")
    n_cells = _most_cells(table, plan)
    n_pieces = min(n_threads, sizes.size)
    level = plan.parameter if plan.loss == QUANTILE else None

    def work(piece):
        share = (order, piece, n_pieces, n_cells, score)
        known = (table.codes, table.layout, *entries, plan, level, settings)
        boost_tasks(*known, *share, *arena)

    spread(work, n_pieces, n_threads)
    return Boosted(_collect(arena, score.shape[1]), score, arena.curve)


def _most_cells(table, plan):
    """Return the cells that the histogram of a single task has at most."""
    layout = table.layout.copy()
    grouped = np.minimum(layout[:, N_CODES], plan.n_groups + 1)
    layout[:, N_CODES] = np.where(layout[:, IS_CATEGORY], layout[:, N_CODES], grouped)
    lay_out(layout)
    return int(layout[-1, START])


def _arena(table, entries, plan, settings, n_outputs):
    """Return room for the largest trees that may grow; little of it is ever touched."""
    n_rows = np.diff(entries.offsets)
    most_leaves, n_trees = np.clip(n_rows, 1, settings.max_leaves), plan.n_rounds
    n_trees *= n_outputs
    node = np.r_[0, np.cumsum(n_trees * (2 * most_leaves - 1))]
    side = np.r_[0, np.cumsum(n_trees * (most_leaves - 1) * table.has_categories)]
    return _Arena(
        nodes=np.empty(node[-1], np.uint64),
        values=np.empty(node[-1]),
        gains=np.empty(node[-1], np.float32),
        sides=np.empty((side[-1], 4), np.uint64),
        first_node=node[:-1],
        first_side=side[:-1],
        sizes=np.zeros((n_rows.size, n_trees, 3), np.int64),
        n_rounds=np.zeros(n_rows.size, np.int64),
        curve=np.zeros((n_rows.size, plan.n_rounds + 1)),
    )


def _collect(arena, n_outputs):
    """Return the trees without the room between tasks."""
    n_trees = arena.n_rounds * n_outputs
    kept = np.arange(arena.sizes.shape[1]) < n_trees[:, None]
    n_nodes = np.where(kept, 2 * arena.sizes[:, :, 0] - 1, 0)
    n_sides = np.where(kept, arena.sizes[:, :, 1], 0)
    node = _stretches(arena.first_node, n_nodes.sum(axis=1))
    side = _stretches(arena.first_side, n_sides.sum(axis=1))
    trees = Trees(
        arena.nodes[node],
        arena.values[node],
        arena.gains[node],
        np.r_[0, np.cumsum(n_nodes[kept])],
        arena.sizes[kept, 2],
        arena.sides[side],
        np.r_[0, np.cumsum(n_sides[kept])],
    )
    return TaskTrees(trees, np.r_[0, np.cumsum(n_trees)], n_outputs)


def _stretches(first, size):
    """Return the positions of stretches of an array, one after the other."""
    before = np.cumsum(size) - size
    return np.repeat(first - before, size) + np.arange(size.sum())


def _compress(trees, kept):
    """Return some of the trees."""
    n_nodes, n_sides = np.diff(trees.starts), np.diff(trees.side_starts)
    node, side = np.repeat(kept, n_nodes), np.repeat(kept, n_sides)
    return Trees(
        trees.nodes[node],
        trees.values[node],
        trees.gains[node],
        np.r_[0, np.cumsum(n_nodes[kept])],
        trees.depth[kept],
        trees.sides[side],
        np.r_[0, np.cumsum(n_sides[kept])],
    )


def add_task_trees(task_trees, codes, task, score, n_threads=1):
    """Add to the score of each row what the trees of its task say.

    Parameters
    ----------
    task_trees : TaskTrees
    codes : uint8 array of shape (n_rows, n_features)
    task : int array of shape (n_rows,)
        Position of each row's task; none is added where it is negative.
    score : float64 array of shape (n_rows, n_outputs)
        Changed in place.
    n_threads : int, default=1
    """
    order = np.argsort(task, kind="stable")
    ends = np.searchsorted(task[order], np.arange(task_trees.n_tasks + 1))
    present = np.flatnonzero(np.diff(ends))
    first = task_trees.first
    segments = np.column_stack(
        [ends[present], ends[present + 1], first[present], first[present + 1]]
    )
    rows = order.astype(np.uint32)
    _add(task_trees.trees, codes, rows, segments, score, n_threads)


def choose_rounds(curve, weight, prior_weight=100.0):
    """Return how many rounds of each task to keep.

    A task's own curve is noise where it rests on few rows, so that the mean curve of
    all tasks counts like ``prior_weight`` rows more.

    Parameters
    ----------
    curve : array of shape (n_tasks, n_rounds + 1)
        Summed loss on rows that were held out, before and after each round.
    weight : array of shape (n_tasks,)
        Weight of those rows.
    prior_weight : float, default=100
    """
    pooled = curve.sum(axis=0) / max(weight.sum(), 1e-300)
    return np.argmin(curve + prior_weight * pooled, axis=1)
