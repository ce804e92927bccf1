"""Scores of rows from packed trees, many rows side by side and without branches."""

import numpy as np
from numba import njit

# Rows that go down a tree together: their codes and the tree stay in the first cache.
GROUP = 64


@njit(cache=True, inline="always")
def descend(codes, rows, begin, size, nodes, depth, at):
    """Lead a group of rows from the root to leaves."""
    byte = np.uint64(255)
    for _ in range(depth):
        for place in range(size):
            bits = nodes[at[place]]
            feature = (bits >> np.uint64(16)) & np.uint64(65535)
            code = np.uint64(codes[rows[begin + place], feature])
            # Adding 255 to a byte is taking one away: a missing value becomes largest.
            code = (code + (bits >> np.uint64(8))) & byte
            goes_right = np.uint64(code > (bits & byte))
            at[place] = (bits >> np.uint64(33)) + goes_right


@njit(cache=True, inline="always")
def descend_categories(codes, rows, begin, size, nodes, sides, depth, at):
    """Do what ``descend`` does in a tree that has nodes which part categories."""
    byte, six = np.uint64(255), np.uint64(6)
    for _ in range(depth):
        for place in range(size):
            bits = nodes[at[place]]
            feature = (bits >> np.uint64(16)) & np.uint64(65535)
            code = np.uint64(codes[rows[begin + place], feature])
            # Both answers are worked out: a branch here is a guess.
            parts = (bits >> np.uint64(32)) & np.uint64(1)
            side = sides[parts * (bits & np.uint64(65535)), code >> six]
            in_group = (side >> (code & np.uint64(63))) & np.uint64(1)
            code = (code + (bits >> np.uint64(8))) & byte
            above = np.uint64(code > (bits & byte))
            goes_right = above ^ (parts * (above ^ in_group))
            at[place] = (bits >> np.uint64(33)) + goes_right


@njit(cache=True)
def lead(codes, rows, begin, size, nodes, sides, depth, at):
    """Lead a group of rows to leaves, whatever the nodes part."""
    at[:size] = 0
    if sides.shape[0] == 0:
        descend(codes, rows, begin, size, nodes, depth, at)
    else:
        descend_categories(codes, rows, begin, size, nodes, sides, depth, at)


@njit(cache=True, inline="always")
def add_trees(
    codes,
    rows,
    begin,
    end,
    nodes,
    values,
    starts,
    depth,
    sides,
    side_starts,
    first_tree,
    last_tree,
    score,
):
    """Add the values of some trees to the score of rows ``rows[begin:end]``.

    Trees take turns at the outputs, the columns of ``score``.
    """
    n_outputs = score.shape[1]
    at = np.empty(GROUP, np.uint64)
    for group in range(begin, end, GROUP):
        size = min(GROUP, end - group)
        for tree in range(first_tree, last_tree):
            own = nodes[starts[tree] : starts[tree + 1]]
            own_values = values[starts[tree] : starts[tree + 1]]
            output = (tree - first_tree) % n_outputs
            own_sides = sides[side_starts[tree] : side_starts[tree + 1]]
            lead(codes, rows, group, size, own, own_sides, depth[tree], at)
            for place in range(size):
                score[rows[group + place], output] += own_values[at[place]]


@njit(cache=True, nogil=True)
def add_segments(
    codes,
    rows,
    segments,
    first,
    last,
    nodes,
    values,
    starts,
    depth,
    sides,
    side_starts,
    score,
):
    """Do what ``add_trees`` does for segments: begin, end, first and last tree."""
    for k in range(first, last):
        add_trees(
            codes,
            rows,
            segments[k, 0],
            segments[k, 1],
            nodes,
            values,
            starts,
            depth,
            sides,
            side_starts,
            segments[k, 2],
            segments[k, 3],
            score,
        )
