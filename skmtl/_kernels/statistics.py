"""Weighted moments of every task in one visit to its rows.

Entries ``offsets[t]:offsets[t + 1]`` belong to task ``t``; entry ``i`` is row
``rows[i]`` of a table with target ``y[i]`` and weight ``weight[i]``. Rows of the table
start every ``width`` numbers of ``cells``.

A block holds some rows ``[x, y, 1]`` of one task, less a centre and times the roots of
their weights; its product with itself has all their moments. While it is multiplied the
rows of the next block, which may stand anywhere, are read ahead.
"""

import numpy as np
from numba import njit

from .prefetch import prefetch
from .products import HEIGHT, LANES, add_strip

# Rows of a mean stand in any order: fetched so many rows before they are read.
AHEAD = 8
# Rows whose mean is near enough to that of all.
CENTRED = 384


@njit(cache=True)
def new_block(n_rows, n_features):
    """Return room for a block, the product of a block with itself, and a centre.

    Columns lie in panels of LANES, and are zeros where there are more than needed.
    """
    n_panels = (n_features + 2 + LANES - 1) // LANES
    width = n_panels * LANES
    space = np.zeros((n_panels, n_rows, LANES)), np.zeros((width, width))
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
        row, root = cells[rows[i] * width :][:d], np.sqrt(weight[i])
        for j in range(0, d - LANES + 1, LANES):
            held = block[j // LANES, i - first]
            for k in range(LANES):
                held[k] = root * (row[j + k] - centre[j + k])
        for j in range(d // LANES * LANES, d):
            block[j // LANES, i - first, j % LANES] = root * (row[j] - centre[j])
        block[d // LANES, i - first, d % LANES] = root * (y[i] - centre[d])
        block[(d + 1) // LANES, i - first, (d + 1) % LANES] = root


@njit(cache=True)
def multiply(block, n_rows, product, cells, width, rows, ahead, n_features):
    """Add half of a block's product with itself, and have the next rows read ahead."""
    steps = (n_features + 2 + HEIGHT - 1) // HEIGHT
    for step in range(steps):
        first = ahead + step * n_rows // steps
        last = ahead + (step + 1) * n_rows // steps
        for i in range(first, min(last, rows.shape[0])):
            fetch(cells, width, n_features, rows[i])
        add_strip(block, product, step * HEIGHT, n_rows)


@njit(cache=True)
def absorb(added, centre, product, t, total, x_mean, y_mean, gram, xy, yy):
    """Add rows to the moments of task t by the product of blocks about a centre.

    After Chan, Golub and LeVeque (1983): means never enter squared, so features far
    from zero lose no digits. Of ``gram`` only the upper triangle is kept up.
    """
    d = x_mean.shape[1]
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
    cells, width, rows, y, weight, offsets, block_rows, total, x_mean, y_mean, gram, xy,
    yy,
):  # fmt: skip
    """Add every task's weight sum, means and centred sums of squares to what is there.

    The arrays from ``total`` on hold the moments of other rows, or zeros. A task's rows
    are centred about the mean of the first of them, or, one visit less, about that of
    the rows it has already if these are as many: with fewer, digits might be lost.
    """
    d = x_mean.shape[1]
    block, product, centre = new_block(block_rows, d)
    for t in range(offsets.shape[0] - 1):
        start, stop = offsets[t], offsets[t + 1]
        if start == stop:
            continue
        added = weight[start:stop].sum()
        if total[t] < added:
            last = min(start + CENTRED, stop)
            find_centre(cells, width, rows, y, weight, start, last, centre)
        else:
            centre[:d], centre[d] = x_mean[t], y_mean[t]
        product[:] = 0.0
        for first in range(start, stop, block_rows):
            last = min(first + block_rows, stop)
            fill(cells, width, rows, y, weight, first, last, centre, block)
            multiply(block, last - first, product, cells, width, rows, last, d)
        absorb(added, centre, product, t, total, x_mean, y_mean, gram, xy, yy)
        complete(gram[t])
