"""Cuts between bins, and the code of every value: its bin, or its category.

Code 0 is a missing value. The edges of feature ``j`` are
``edges[starts[j]:starts[j + 1]]``: sorted, their number one less than a power of two,
infinity beyond the last; a search needs no branches.
"""

import numpy as np
from numba import njit

# Rows whose values and codes stay in the first cache while features pass by.
TILE = 64


@njit(cache=True, inline="always")
def between(low, high):
    """Return a number that is at least ``low`` and below ``high``."""
    middle = low + 0.5 * (high - low)
    return middle if low <= middle < high else low


@njit(cache=True)
def equal_values(values, weight, i):
    """Return where values equal to the i-th end, and what they weigh."""
    last, own = i, 0.0
    while last < values.shape[0] and values[last] == values[i]:
        own += weight[last]
        last += 1
    return last, own


@njit(cache=True, inline="always")
def fair_share(values, weight, n_bins):
    """Return the weight from which a value has a bin of its own, and what is left.

    What is left are the weight of all other values and the number of bins for them.
    """
    share, n_left = np.inf, n_bins
    while True:
        before, i = n_left, 0
        rest, n_left, n_distinct = 0.0, n_bins, 0
        while i < values.shape[0]:
            i, own = equal_values(values, weight, i)
            n_distinct += 1
            if own >= share:
                n_left -= 1
            else:
                rest += own
        if n_distinct <= n_bins:
            return 0.0, rest, n_left
        if n_left == before and share < np.inf:
            return share, rest, n_left
        share = rest / max(n_left, 1)


@njit(cache=True)
def cut(values, weight, n_bins, edges):
    """Write edges that part sorted values into bins of similar weight; return how many.

    A value that weighs more than its share has a bin of its own, and the others share
    what is left.
    """
    share, rest, n_left = fair_share(values, weight, n_bins)
    n_edges, inside, i, was_heavy = 0, 0.0, 0, False
    while i < values.shape[0]:
        last, own = equal_values(values, weight, i)
        is_heavy = own >= share
        is_full = n_left > 1 and (2.0 * inside + own) * n_left > 2.0 * rest
        if i > 0 and (is_heavy or was_heavy or is_full) and n_edges < n_bins - 1:
            edges[n_edges] = between(values[i - 1], values[i])
            n_edges += 1
            if not was_heavy:
                rest, n_left = rest - inside, n_left - 1
            inside = 0.0
        inside += own
        i, was_heavy = last, is_heavy
    return n_edges


@njit(cache=True, boundscheck=False)
def count_below(edges, values, found):
    """Write how many edges are below each value.

    All binary searches take the same steps, side by side, without a branch.
    """
    step = np.uint64((edges.shape[0] + 1) // 2)
    one = np.uint64(1)
    for i in range(found.shape[0]):
        found[i] = 0
    while step > 0:
        for i in range(found.shape[0]):
            is_below = edges[found[i] + step - one] < values[i]
            found[i] += step if is_below else np.uint64(0)
        step >>= one


@njit(cache=True, inline="always")
def encode_tile(
    X, begin, end, j, own, is_category, place, values, found, codes, columns
):
    """Write the codes of one feature in some rows."""
    for i in range(begin, end):
        values[i - begin] = X[i, j]
    count_below(own, values, found)
    for i in range(begin, end):
        value, n_below = values[i - begin], np.int64(found[i - begin])
        is_missing = np.isnan(value)
        if is_category:
            is_missing = n_below == own.shape[0] or own[n_below] != value
        code = 0 if is_missing else n_below + 1
        codes[place[i], j] = code
        if columns.shape[0] > 0:
            columns[j, place[i]] = code


@njit(cache=True, nogil=True)
def encode(X, begin, end, edges, starts, is_category, place, codes, columns):
    """Write the codes of some rows: row i of X becomes row ``place[i]``."""
    values, found = np.zeros(TILE), np.empty(TILE, np.uint64)
    for tile in range(begin, end, TILE):
        last = min(tile + TILE, end)
        for j in range(X.shape[1]):
            own = edges[starts[j] : starts[j + 1]]
            encode_tile(
                X,
                tile,
                last,
                j,
                own,
                is_category[j],
                place,
                values,
                found,
                codes,
                columns,
            )
