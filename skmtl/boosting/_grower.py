"""Trees over the rows of all tasks: one call grows one tree."""

from typing import NamedTuple

import numpy as np

from .._kernels import leaves
from .._kernels.boosting_records import HESSIAN, ROWS, SUMMED, Units
from .._kernels.histograms import number_of_blocks, pack
from .._kernels.trees import grow_tree
from ._threads import numba_threads
from ._trees import Trees, add_trees, join

# Cells of histograms held at once, whatever the number of leaves: 512 MB.
MOST_CELLS = 2**26

NOTHING = np.empty(0)


class Gradients(NamedTuple):
    """First and second derivatives of the loss in fixed point, one integer per row.

    Attributes
    ----------
    packed : int64 array of shape (n_rows,)
    weight : float64 array of shape (n_rows,) or (0,)
        Weights of rows, if leaves are weighed by them.
    units : Units
    """

    packed: np.ndarray
    weight: np.ndarray
    units: Units


class Room(NamedTuple):
    """Memory that trees are grown in, one after the other.

    Attributes
    ----------
    rows, spare : uint32 array of shape (n_rows,)
        The rows, leaf after leaf.
    pool : int64 array of shape (n_slots, n_cells)
        Histograms of leaves; at least two.
    partial : int64 array of shape (n_threads, n_cells)
    leaf, worth, right : arrays
        What is known of each leaf.
    nodes, values, gains, sides : arrays
        The tree.
    packed : int64 array of shape (n_rows,)
    gradient, hessian : float64 array of shape (n_outputs, n_rows)
        The hessian has no columns where it is constant.
    base : float64 array of shape (n_rows, n_outputs)
        What is known of rows before a score begins to grow.
    """

    rows: np.ndarray
    spare: np.ndarray
    pool: np.ndarray
    partial: np.ndarray
    leaf: np.ndarray
    worth: np.ndarray
    right: np.ndarray
    nodes: np.ndarray
    values: np.ndarray
    gains: np.ndarray
    sides: np.ndarray
    packed: np.ndarray
    gradient: np.ndarray
    hessian: np.ndarray
    base: np.ndarray

    @property
    def n_threads(self):
        """Number of threads that trees are grown by."""
        return len(self.partial)


class Grown(NamedTuple):
    """A tree, and its rows by leaf, which stay in a room until the next one grows.

    Attributes
    ----------
    tree : Trees
    n_leaves, n_rows : int
    """

    tree: Trees
    n_leaves: int
    n_rows: int


def make_room(tables, settings, n_outputs=1, *, has_hessian=True, n_threads=1):
    """Return memory for growing trees on any of some tables of the same rows.

    Parameters
    ----------
    tables : list of Table
    settings : TreeSettings
    n_outputs : int, default=1
        Trees that are grown from the same scores.
    has_hessian : bool, default=True
        Whether hessians differ between rows.
    n_threads : int, default=1
    """
    n_rows, n_leaves = tables[0].n_rows, settings.max_leaves
    n_cells = max(table.n_cells for table in tables)
    n_blocks = max(number_of_blocks(table.layout) for table in tables)
    n_slots = max(2, min(n_leaves, MOST_CELLS // n_cells))
    n_described, n_nodes = n_leaves + 2 * n_blocks, 2 * n_leaves - 1
    n_sides = n_leaves - 1 if any(t.has_categories for t in tables) else 0
    return Room(
        rows=np.empty(n_rows, np.uint32),
        spare=np.empty(n_rows, np.uint32),
        pool=np.empty((n_slots, n_cells), np.int64),
        partial=np.empty((n_threads, n_cells), np.int64),
        leaf=np.empty((n_described, 10), np.int64),
        worth=np.empty((n_described, 6)),
        right=np.empty((n_described, 256), np.uint8),
        nodes=np.empty(n_nodes, np.uint64),
        values=np.empty(n_nodes),
        gains=np.empty(n_nodes, np.float32),
        sides=np.empty((n_sides, 4), np.uint64),
        packed=np.empty(n_rows, np.int64),
        gradient=np.empty((n_outputs, n_rows)),
        hessian=np.empty((n_outputs, n_rows if has_hessian else 0)),
        base=np.empty((n_rows, n_outputs)),
    )


def pack_gradients(gradient, hessian, weight, packed):
    """Return the derivatives of all rows in fixed point.

    Parameters
    ----------
    gradient : float64 array of shape (n_rows,)
    hessian : float64 array of shape (n_rows,) or (0,)
        Empty where all are one.
    weight : float64 array of shape (n_rows,) or (0,), or None
        Weights of rows, by which leaves are judged too small; empty where all are one,
        None where they are the hessian.
    packed : int64 array of shape (n_rows,)
        Overwritten.
    """
    scales = pack(gradient, hessian, hessian if weight is None else weight, packed)
    if weight is None:
        return Gradients(packed, NOTHING, Units(*scales, HESSIAN))
    weighting = SUMMED if weight.size else ROWS
    return Gradients(packed, weight, Units(*scales, weighting))


def grow(table, gradients, settings, room, rows=None):
    """Grow one tree.

    Parameters
    ----------
    table : Table
    gradients : Gradients
        Derivatives of all rows of the table.
    settings : TreeSettings
    room : Room
        Holds the rows of each leaf afterwards.
    rows : uint32 array, optional
        Rows that the tree is grown on; all by default.

    Returns
    -------
    grown : Grown
    """
    n_rows = table.n_rows if rows is None else rows.size
    room.rows[:n_rows] = np.arange(n_rows) if rows is None else rows
    with numba_threads(room.n_threads) as n_threads:
        n_leaves, n_sides, depth = grow_tree(
            table.codes,
            table.columns.reshape(-1),
            table.layout,
            *gradients,
            settings,
            settings.shrinkage,
            n_rows,
            n_threads,
            *room[:11],
        )
    n_nodes = 2 * n_leaves - 1
    tree = Trees(
        room.nodes[:n_nodes].copy(),
        room.values[:n_nodes].copy(),
        room.gains[:n_nodes].copy(),
        np.array([0, n_nodes]),
        np.array([depth]),
        room.sides[:n_sides].copy(),
        np.array([0, n_sides]),
    )
    return Grown(tree, n_leaves, n_rows)


def add_leaves(grown, room, score, output=0):
    """Add a tree that was just grown to the scores of the rows it was grown on."""
    with numba_threads(room.n_threads) as n_threads:
        leaves.add_leaves(
            room.rows,
            grown.n_rows,
            n_threads,
            room.leaf,
            grown.n_leaves,
            grown.tree.values,
            output,
            score,
        )


def boost(table, loss, y, score, weight, settings, room, rows=None, others=None):
    """Grow one tree for each output of the score and add them to it.

    Parameters
    ----------
    table : Table
    loss : Loss
    y : float64 array of shape (n_rows,)
    score : float64 array of shape (n_rows, n_outputs)
        What the model says so far; changed in place.
    weight : float64 array of shape (n_rows,) or (0,)
        Empty where all rows weigh one.
    settings : TreeSettings
    room : Room
    rows, others : uint32 arrays, optional
        Rows to learn from, all by default; and rows to score besides.

    Returns
    -------
    trees : Trees
        As many as there are outputs.
    """
    for output in range(score.shape[1]):
        gradient, hessian = room.gradient[output], room.hessian[output]
        loss.differentiate(y, score, weight, output, gradient, hessian)
    own_weight = None if loss.has_constant_hessian and weight.size else weight
    trees = []
    for output in range(score.shape[1]):
        gradient, hessian = room.gradient[output], room.hessian[output]
        gradients = pack_gradients(gradient, hessian, own_weight, room.packed)
        grown = grow(table, gradients, settings, room, rows)
        if loss.level is not None and grown.n_leaves > 1:
            refit(grown, room, loss.level, y, score, output, weight, settings)
        add_leaves(grown, room, score, output)
        trees.append(grown.tree)
        if others is not None and others.size:
            own = score[:, output : output + 1]
            add_trees(grown.tree, table.codes, own, others, room.n_threads)
    return join(trees)


def refit(grown, room, level, y, score, output, weight, settings):
    """Let the leaves of a tree that was just grown take quantiles of residuals."""
    leaves.refit_leaves(
        room.rows,
        room.leaf,
        grown.n_leaves,
        y,
        score,
        output,
        weight,
        level,
        settings.shrinkage,
        settings.learning_rate,
        grown.tree.values,
    )
