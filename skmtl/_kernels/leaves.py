"""What happens to the rows of leaves: partition into children, sums, new scores."""

import numpy as np
from numba import njit, prange

from .boosting_records import BEGIN, END, NODE
from .histograms import AHEAD
from .losses import weighted_quantile
from .prefetch import prefetch

# Rows below which a second thread does not pay.
FEW_ROWS = 8_000


@njit(cache=True)
def partition(column, right, begin, end, rows, spare):
    """Move rows whose code goes right behind the others; return where they begin.

    Both sides keep their order.
    """
    left, n_right = begin, 0
    for place in range(begin, end):
        i = rows[place]
        goes_right = np.int64(right[column[i]])
        rows[left] = i
        spare[n_right] = i
        left += 1 - goes_right
        n_right += goes_right
    for place in range(n_right):
        rows[left + place] = spare[place]
    return left


@njit(cache=True, inline="always")
def deal_chunk(column, right, begin, end, rows, spare):
    """Deal rows to the two ends of a chunk of ``spare``; return how many went left.

    Each row is written at both ends: where it does not belong, the next overwrites it.
    """
    left, back = begin, end - 1
    for place in range(begin, end):
        i = rows[place]
        goes_right = np.int64(right[column[i]])
        spare[left] = i
        spare[back] = i
        left += 1 - goes_right
        back -= goes_right
    return left - begin


@njit(cache=True, inline="always")
def collect_chunk(spare, begin, n_left, end, left, right, rows):
    """Copy a dealt chunk to where its rows belong in the order of both children."""
    for place in range(n_left):
        rows[left + place] = spare[begin + place]
    for place in range(end - begin - n_left):
        rows[right + place] = spare[end - 1 - place]


@njit(cache=True, inline="always")
def place_chunks(n_left, begin, end, n_chunks, starts):
    """Write where each chunk's rows begin on either side; return where sides meet."""
    middle = begin
    for chunk in range(n_chunks):
        starts[0, chunk] = middle
        middle += n_left[chunk]
    for chunk in range(n_chunks):
        before = (end - begin) * chunk // n_chunks
        starts[1, chunk] = middle + before - (starts[0, chunk] - begin)
    return middle


@njit(cache=True, parallel=True)
def partition_chunks(column, right, begin, end, n_chunks, rows, spare):
    """Do what ``partition`` does on all threads."""
    n_left, starts = np.empty(n_chunks, np.int64), np.empty((2, n_chunks), np.int64)
    for chunk in prange(n_chunks):
        first = begin + (end - begin) * chunk // n_chunks
        last = begin + (end - begin) * (chunk + 1) // n_chunks
        n_left[chunk] = deal_chunk(column, right, first, last, rows, spare)
    middle = place_chunks(n_left, begin, end, n_chunks, starts)
    for chunk in prange(n_chunks):
        first = begin + (end - begin) * chunk // n_chunks
        last = begin + (end - begin) * (chunk + 1) // n_chunks
        left, behind = starts[0, chunk], starts[1, chunk]
        collect_chunk(spare, first, n_left[chunk], last, left, behind, rows)
    return middle


@njit(cache=True, inline="always")
def sum_rows(values, rows, begin, end):
    """Return the sum of a value over some rows."""
    total = 0.0
    for place in range(begin, end):
        ahead = np.int64(rows[min(place + AHEAD, end - 1)])
        prefetch(values, ahead * 8)
        total += values[rows[place]]
    return total


@njit(cache=True)
def add_chunk(rows, begin, end, leaf, n_leaves, values, output, score):
    """Add to the score of some rows the value of the leaf in which they are."""
    for k in range(n_leaves):
        value = values[leaf[k, NODE]]
        last = min(leaf[k, END], end)
        for position in range(max(leaf[k, BEGIN], begin), last):
            ahead = np.int64(rows[min(position + AHEAD, last - 1)])
            prefetch(score, (ahead * score.shape[1] + output) * 8)
            score[rows[position], output] += value


@njit(cache=True, parallel=True)
def add_chunks(rows, n_rows, n_chunks, leaf, n_leaves, values, output, score):
    """Do what ``add_chunk`` does for all rows, on all threads."""
    for chunk in prange(n_chunks):
        begin = n_rows * chunk // n_chunks
        end = n_rows * (chunk + 1) // n_chunks
        add_chunk(rows, begin, end, leaf, n_leaves, values, output, score)


@njit(cache=True, nogil=True)
def add_leaves(rows, n_rows, n_threads, leaf, n_leaves, values, output, score):
    """Add the values of a tree's leaves to the score of the rows it was grown on."""
    if n_threads is not None and n_rows > FEW_ROWS:
        add_chunks(rows, n_rows, n_threads, leaf, n_leaves, values, output, score)
        return
    none = np.int64(0)
    add_chunk(rows, none, n_rows, leaf, n_leaves, values, output, score)


@njit(cache=True, nogil=True)
def refit_leaves(
    rows, leaf, n_leaves, y, score, output, weight, level, shrinkage, rate, values
):
    """Replace the values of leaves by quantiles of their residuals, shrunken."""
    for k in range(n_leaves):
        begin, end = leaf[k, BEGIN], leaf[k, END]
        residual, part = np.empty(end - begin), np.empty(end - begin)
        total = 0.0
        for position in range(end - begin):
            i = rows[begin + position]
            residual[position] = y[i] - score[i, output]
            part[position] = weight[i] if weight.shape[0] > 0 else 1.0
            total += part[position]
        kept = rate * total / (total + shrinkage)
        values[leaf[k, NODE]] = kept * weighted_quantile(residual, part, level)
