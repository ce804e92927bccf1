"""Weighted moments of every task in one visit to its rows.

Entries ``offsets[t]:offsets[t + 1]`` belong to task ``t``; entry ``i`` is row
``rows[i]`` of a table with target ``y[i]`` and weight ``weight[i]``. Rows of the table
start every ``width`` numbers of ``cells``.

A block holds some rows ``[x, y, 1]`` of one task, less a centre and times the roots of
their weights; its product with itself has all their moments.
"""

import numpy as np
from numba import njit

from .prefetch import prefetch
from .products import half_product

# Rows stand in any order: fetched this long before they are read.
AHEAD = 8
# Blocks are as wide as a multiple of this, with zeros in what is left.
LANES = 4


@njit(cache=True)
def new_block(n_rows, n_features):
    """Return room for a block, the product of a block with itself, and a centre."""
    width = (n_features + 2 + LANES - 1) // LANES * LANES
    space = np.zeros((n_rows, width)), np.zeros((width, width))
    return space[0], space[1], np.empty(n_features + 1)


@njit(cache=True)
def find_centre(cells, width, rows, y, weight, first, last, centre):
    """Write the weighted mean of some rows."""
    d = centre.shape[0] - 1
    total = 0.0
    centre[:] = 0.0
    for i in range(first, last):
        if i + AHEAD < last:
            fetch(cells, width, d, rows[i + AHEAD])
        row, w = cells[rows[i] * width :][:d], weight[i]
        for j in range(d):
            centre[j] += w * row[j]
        centre[d] += w * y[i]
        total += w
    centre /= total


@njit(cache=True)
def fetch(cells, width, n_features, row):
    """Have one row of the table read ahead."""
    for byte in range(0, 8 * n_features, 64):
        prefetch(cells, 8 * row * width + byte)


@njit(cache=True)
def fill(cells, width, rows, y, weight, first, last, centre, block):
    """Fill a block with rows about a centre."""
    d = centre.shape[0] - 1
    for i in range(first, last):
        if i + AHEAD < last:
            fetch(cells, width, d, rows[i + AHEAD])
        row, root = cells[rows[i] * width :][:d], np.sqrt(weight[i])
        held = block[i - first]
        for j in range(d):
            held[j] = root * (row[j] - centre[j])
        held[d] = root * (y[i] - centre[d])
        held[d + 1] = root


@njit(cache=True)
def absorb(
    routine, block, added, centre, product, t, total, x_mean, y_mean, gram, xy, yy
):
    """Add a block of rows of a known weight to the moments of task t.

    After Chan, Golub and LeVeque (1983): means never enter squared, so features far
    from zero lose no digits. Of ``gram`` only the upper triangle is kept up.
    """
    d = x_mean.shape[1]
    half_product(routine, block, product)
    mean = product[: d + 1, d + 1] / added
    change = centre + mean
    change[:d] -= x_mean[t]
    change[d] -= y_mean[t]
    joint = total[t] + added
    share = total[t] * added / joint
    for j in range(d):
        ours, beside = added * mean[j], share * change[j]
        for k in range(j, d):
            gram[t, j, k] += product[j, k] - ours * mean[k] + beside * change[k]
        xy[t, j] += product[j, d] - ours * mean[d] + beside * change[d]
        x_mean[t, j] += added / joint * change[j]
    yy[t] += product[d, d] - added * mean[d] ** 2 + share * change[d] ** 2
    y_mean[t] += added / joint * change[d]
    total[t] = joint


@njit(cache=True)
def complete(gram):
    """Copy the upper triangle to the lower."""
    for j in range(gram.shape[0]):
        for k in range(j):
            gram[j, k] = gram[k, j]


@njit(cache=True)
def measure(
    routine, cells, width, rows, y, weight, offsets, block_rows, total, x_mean, y_mean,
    gram, xy, yy,
):  # fmt: skip
    """Add every task's weight sum, means and centred sums of squares to what is there.

    The arrays from ``total`` on hold the moments of other rows, or zeros. A block of
    rows is centred about its own mean, or, one visit less, about that of a task which
    has as many rows already: with fewer, digits might be lost.
    """
    d = x_mean.shape[1]
    space, product, centre = new_block(block_rows, d)
    for t in range(offsets.shape[0] - 1):
        for first in range(offsets[t], offsets[t + 1], block_rows):
            last = min(first + block_rows, offsets[t + 1])
            added = weight[first:last].sum()
            if total[t] < added:
                find_centre(cells, width, rows, y, weight, first, last, centre)
            else:
                centre[:d], centre[d] = x_mean[t], y_mean[t]
            block = space[: last - first]
            fill(cells, width, rows, y, weight, first, last, centre, block)
            absorb(
                routine, block, added, centre, product, t, total, x_mean, y_mean, gram,
                xy, yy,
            )  # fmt: skip
        if offsets[t] < offsets[t + 1]:
            complete(gram[t])
