"""Grown trees, packed one behind the other, and what they say of rows."""

from typing import NamedTuple

import numpy as np

from .._kernels.tree_predict import add_segments
from ._threads import spread

# Rows that a thread takes at once.
SEGMENT_ROWS = 2048
# Rows times trees below which a second thread does not pay.
FEW_VISITS = 50_000


class Trees(NamedTuple):
    """Trees as arrays of nodes.

    Attributes
    ----------
    nodes : uint64 array of shape (n_nodes,)
        Threshold (8 bits), 255 if missing values go right and else 0 (8), feature (16),
        whether the node parts categories (1), its left child within the tree (31); the
        right child is the next node. A leaf is its own left child.
    values : float64 array of shape (n_nodes,)
        Values of leaves; 0 elsewhere.
    gains : float32 array of shape (n_nodes,)
        By how much a split decreased twice the objective; 0 in leaves.
    starts : int64 array of shape (n_trees + 1,)
        First node of each tree.
    depth : int64 array of shape (n_trees,)
    sides : uint64 array of shape (n_sides, 4)
        Bits of the codes that go right, for nodes that part categories. Such a node
        names its entry within the tree in its first 16 bits.
    side_starts : int64 array of shape (n_trees + 1,)
    """

    nodes: np.ndarray
    values: np.ndarray
    gains: np.ndarray
    starts: np.ndarray
    depth: np.ndarray
    sides: np.ndarray
    side_starts: np.ndarray

    @property
    def n_trees(self):
        """Number of trees."""
        return self.depth.size

    @property
    def is_leaf(self):
        """Which nodes are leaves."""
        own = np.arange(self.nodes.size) - np.repeat(
            self.starts[:-1], np.diff(self.starts)
        )
        return self.nodes >> np.uint64(33) == own.astype(np.uint64)

    @property
    def features(self):
        """Feature of each node, without meaning in leaves."""
        return (self.nodes >> np.uint64(16) & np.uint64(65535)).astype(np.int64)

    def scaled(self, share):
        """Return trees that say, and gained, a share of what these do."""
        gains = self.gains * np.float32(share)
        return self._replace(values=share * self.values, gains=gains)

    def take(self, chosen):
        """Return some of the trees."""
        parts = [self._one(tree) for tree in np.arange(self.n_trees)[chosen]]
        return join(parts)

    def _one(self, tree):
        begin, end = self.starts[tree : tree + 2]
        first, last = self.side_starts[tree : tree + 2]
        return Trees(
            self.nodes[begin:end],
            self.values[begin:end],
            self.gains[begin:end],
            np.array([0, end - begin]),
            self.depth[tree : tree + 1],
            self.sides[first:last],
            np.array([0, last - first]),
        )


def no_trees():
    """Return an empty record."""
    zero = np.zeros(1, np.int64)
    return Trees(
        np.empty(0, np.uint64),
        np.empty(0),
        np.empty(0, np.float32),
        zero,
        np.empty(0, np.int64),
        np.empty((0, 4), np.uint64),
        zero,
    )


def join(parts):
    """Return the trees of several records in one."""
    if not parts:
        return no_trees()
    if len(parts) == 1:
        return parts[0]
    columns = list(zip(*parts, strict=True))
    nodes, values, gains, starts, depth, sides, side_starts = columns
    return Trees(
        np.concatenate(nodes),
        np.concatenate(values),
        np.concatenate(gains),
        _join_starts(starts),
        np.concatenate(depth),
        np.concatenate(sides),
        _join_starts(side_starts),
    )


def _join_starts(starts):
    """Return where trees start in one array, from where they start in several."""
    before = np.cumsum([0] + [part[-1] for part in starts])
    parts = [part[1:] + begin for part, begin in zip(starts, before, strict=False)]
    return np.concatenate([before[:1], *parts])


def importances(trees, n_features):
    """Return the sum of the gains of each feature's splits."""
    return np.bincount(trees.features, trees.gains, minlength=n_features)


def add_trees(trees, codes, score, rows=None, n_threads=1):
    """Add the values of trees to the scores of rows of codes.

    Parameters
    ----------
    trees : Trees
    codes : uint8 array of shape (n_rows, n_features)
    score : float64 array of shape (n_rows, n_outputs)
        Changed in place. Trees take turns at the outputs.
    rows : uint32 array, optional
        The rows to score; all by default.
    n_threads : int, default=1
    """
    if rows is None:
        rows = np.arange(len(codes), dtype=np.uint32)
    begins = np.arange(0, rows.size, SEGMENT_ROWS)
    segments = np.zeros((begins.size, 4), np.int64)
    segments[:, 0] = begins
    segments[:, 1] = np.minimum(begins + SEGMENT_ROWS, rows.size)
    segments[:, 3] = trees.n_trees
    _add(trees, codes, rows, segments, score, n_threads)


def _add(trees, codes, rows, segments, score, n_threads):
    """Let threads take the segments in turn."""
    n_pieces = 1
    if n_threads > 1:
        visits = (segments[:, 1] - segments[:, 0]) @ (segments[:, 3] - segments[:, 2])
        n_pieces = 1 if visits < FEW_VISITS else min(8 * n_threads, len(segments))
    ends = len(segments) * np.arange(n_pieces + 1) // max(n_pieces, 1)
    nodes, values, _, starts, depth, sides, side_starts = trees

    def work(piece):
        add_segments(
            codes,
            rows,
            segments,
            ends[piece],
            ends[piece + 1],
            nodes,
            values,
            starts,
            depth,
            sides,
            side_starts,
            score,
        )

    spread(work, n_pieces, n_threads)


def predict(trees, codes, n_outputs=1, n_threads=1):
    """Return the scores of rows, a float64 array of shape (n_rows, n_outputs)."""
    score = np.zeros((len(codes), n_outputs))
    add_trees(trees, codes, score, n_threads=n_threads)
    return score


def staged_predict(trees, codes, n_outputs=1, n_threads=1):
    """Yield the scores after each round, in one array that changes."""
    score = np.zeros((len(codes), n_outputs))
    for first in range(0, trees.n_trees, n_outputs):
        stage = trees.take(slice(first, first + n_outputs))
        add_trees(stage, codes, score, n_threads=n_threads)
        yield score
