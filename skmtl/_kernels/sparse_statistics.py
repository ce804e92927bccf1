"""Weighted moments of every task from the entries of a sparse table.

``values[starts[i]:starts[i + 1]]`` are the entries of row i, of the features in
``columns``, in rising order; the other arguments are those of ``measure``.
"""

import numpy as np
from numba import njit

from .products import HEIGHT, LANES, add_strip
from .statistics import absorb, complete, new_block

# A feature whose spread is a smaller part of its size loses digits if it is centred
# after its squares were added up.
NEAR = 1e-3
# What one product of two entries costs, in units of one within a matrix product.
SPARSE_COST = 10.0


@njit(cache=True)
def describe(values, columns, starts, rows, weight, first, last, mean, suits):
    """Write the mean of every feature, and which can be centred afterwards.

    ``suits`` becomes 1 for those, 0 for features too far from zero, and 2 for features
    of one value in all rows. Return the weight and the number of products of entries.
    """
    square, value = np.zeros(mean.shape[0]), np.zeros(mean.shape[0])
    count = np.zeros(mean.shape[0], np.int64)
    total, n_products = 0.0, 0.0
    mean[:] = 0.0
    for i in range(first, last):
        w = weight[i]
        total += w
        start, stop = starts[rows[i]], starts[rows[i] + 1]
        n_products += float(stop - start) ** 2
        for e in range(start, stop):
            j, v = columns[e], values[e]
            mean[j] += w * v
            square[j] += w * v * v
            if count[j] == i - first and (i == first or value[j] == v):
                value[j] = v
                count[j] += 1
    mean /= total
    for j in range(mean.shape[0]):
        spread = square[j] - total * mean[j] * mean[j]
        if count[j] == last - first:
            suits[j], mean[j] = 2, value[j]
        else:
            suits[j] = 1 if spread >= NEAR * square[j] else 0
    return total, n_products


@njit(cache=True)
def add_products(
    values, columns, starts, rows, y, weight, first, last, y_mean, gram, xy
):
    """Add the rows' products to ``xy`` and the lower triangle of ``gram``."""
    yy = 0.0
    for i in range(first, last):
        start, stop = starts[rows[i]], starts[rows[i] + 1]
        target = weight[i] * (y[i] - y_mean)
        yy += target * (y[i] - y_mean)
        for e in range(start, stop):
            j, v = columns[e], weight[i] * values[e]
            xy[j] += target * values[e]
            for f in range(start, e + 1):
                gram[j, columns[f]] += v * values[f]
    return yy


@njit(cache=True)
def centre(total, mean, suits, gram, xy):
    """Go over from products about zero to those about the mean, in both triangles."""
    for j in range(mean.shape[0]):
        for k in range(j + 1):
            gram[j, k] -= total * mean[j] * mean[k]
            if suits[j] == 2 or suits[k] == 2:
                gram[j, k] = 0.0
            gram[k, j] = gram[j, k]
        if suits[j] == 2:
            xy[j] = 0.0


@njit(cache=True)
def fill_sparse(values, columns, starts, rows, y, weight, first, last, centre, block):
    """Fill a block with rows about their mean, and write this to ``centre``."""
    d = centre.shape[0] - 1
    total = 0.0
    centre[:] = 0.0
    block[:] = 0.0
    for i in range(first, last):
        w = weight[i]
        for e in range(starts[rows[i]], starts[rows[i] + 1]):
            j = columns[e]
            block[j // LANES, i - first, j % LANES] = values[e]
            centre[j] += w * values[e]
        block[d // LANES, i - first, d % LANES] = y[i]
        centre[d] += w * y[i]
        total += w
    centre /= total
    for i in range(last - first):
        root = np.sqrt(weight[first + i])
        for j in range(d + 1):
            held = block[j // LANES, i]
            held[j % LANES] = root * (held[j % LANES] - centre[j])
        block[(d + 1) // LANES, i, (d + 1) % LANES] = root


@njit(cache=True)
def measure_sparse(
    values, columns, starts, rows, y, weight, offsets, block_rows, total,
    x_mean, y_mean, gram, xy, yy,
):  # fmt: skip
    """Write weight sum, means and centred sums of squares of every task.

    Entry by entry; or by dense blocks where a task has so many entries that these are
    faster, or features so far from zero that they have to be centred first.
    """
    d = x_mean.shape[1]
    block, product, mean = new_block(block_rows, d)
    suits = np.empty(d, np.int64)
    for t in range(offsets.shape[0] - 1):
        first, last = offsets[t], offsets[t + 1]
        if first == last:
            continue
        added, n_products = describe(
            values, columns, starts, rows, weight, first, last, x_mean[t], suits
        )
        if suits.min() > 0 and SPARSE_COST * n_products < float(last - first) * d * d:
            total[t] = added
            y_mean[t] = np.dot(weight[first:last], y[first:last]) / added
            yy[t] = add_products(
                values, columns, starts, rows, y, weight, first, last, y_mean[t],
                gram[t], xy[t],
            )  # fmt: skip
            centre(added, x_mean[t], suits, gram[t], xy[t])
            continue
        x_mean[t] = 0.0
        for start in range(first, last, block_rows):
            stop = min(start + block_rows, last)
            fill_sparse(
                values, columns, starts, rows, y, weight, start, stop, mean, block
            )
            product[:] = 0.0
            for j in range(0, d + 2, HEIGHT):
                add_strip(block, product, j, stop - start)
            block_weight = weight[start:stop].sum()
            absorb(block_weight, mean, product, t, total, x_mean, y_mean, gram, xy, yy)
        complete(gram[t])
