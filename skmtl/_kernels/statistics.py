"""Weighted moments of every task in one visit to its rows.

Entries ``offsets[t]:offsets[t + 1]`` belong to task ``t``; entry ``i`` is row
``rows[i]`` of a table with target ``y[i]`` and weight ``weight[i]``. Rows of the table
start every ``width`` numbers of ``cells``.
"""

import numpy as np
from numba import njit

from .prefetch import prefetch

# Rows stand in any order: fetched this long before they are read.
AHEAD = 8


@njit(cache=True)
def fetch(cells, width, n_features, row):
    """Have one row of the table read ahead."""
    for byte in range(0, 8 * n_features, 64):
        prefetch(cells, 8 * row * width + byte)


@njit(cache=True)
def read_block(cells, width, rows, y, weight, first, last, block, mean):
    """Fill ``block`` with the rows ``[x, y]`` of entries ``first`` to ``last``.

    Write their weighted mean and return the sum of their weights.
    """
    n_features = block.shape[1] - 1
    total = 0.0
    mean[:] = 0.0
    for i in range(first, last):
        if i + AHEAD < last:
            fetch(cells, width, n_features, rows[i + AHEAD])
        start, w = rows[i] * width, weight[i]
        for j in range(n_features):
            block[i - first, j] = cells[start + j]
            mean[j] += w * cells[start + j]
        block[i - first, n_features] = y[i]
        mean[n_features] += w * y[i]
        total += w
    mean /= total
    return total


@njit(cache=True)
def centre_block(block, weight, mean):
    """Subtract the mean from every row and scale it by the root of its weight."""
    for i in range(block.shape[0]):
        root = np.sqrt(weight[i])
        for j in range(block.shape[1]):
            block[i, j] = root * (block[i, j] - mean[j])


@njit(cache=True)
def merge(share, mean, scatter, x_mean, y_mean, gram, xy, yy):
    """Add the moments of a block to those of a task that had some before.

    ``share`` is the product of both weights over their sum. After Chan, Golub and
    LeVeque (1983): means never enter squared, so features far from zero lose no digits.
    """
    d = x_mean.shape[0]
    y_change = mean[d] - y_mean
    for j in range(d):
        x_change = share * (mean[j] - x_mean[j])
        for k in range(d):
            gram[j, k] += scatter[j, k] + x_change * (mean[k] - x_mean[k])
        xy[j] += scatter[j, d] + x_change * y_change
    return yy + scatter[d, d] + share * y_change**2


@njit(cache=True)
def absorb(block, weight, added, mean, scatter, t, total, x_mean, y_mean, gram, xy, yy):
    """Add a block of rows, their weight and mean known, to the moments of task t."""
    d = x_mean.shape[1]
    centre_block(block, weight, mean)
    np.dot(block.T, block, scatter)
    joint = total[t] + added
    share = total[t] * added / joint
    yy[t] = merge(share, mean, scatter, x_mean[t], y_mean[t], gram[t], xy[t], yy[t])
    x_mean[t] += added / joint * (mean[:d] - x_mean[t])
    y_mean[t] += added / joint * (mean[d] - y_mean[t])
    total[t] = joint


@njit(cache=True)
def read_about(cells, width, rows, y, weight, first, last, x_mean, y_mean, block, sums):
    """Fill ``block`` with rows about given means, times the roots of their weights.

    Write the weighted sums of what is left and return the sum of the weights.
    """
    d = x_mean.shape[0]
    total = 0.0
    sums[:] = 0.0
    for i in range(first, last):
        if i + AHEAD < last:
            fetch(cells, width, d, rows[i + AHEAD])
        start, root = rows[i] * width, np.sqrt(weight[i])
        for j in range(d):
            value = root * (cells[start + j] - x_mean[j])
            block[i - first, j] = value
            sums[j] += root * value
        value = root * (y[i] - y_mean)
        block[i - first, d] = value
        sums[d] += root * value
        total += weight[i]
    return total


@njit(cache=True)
def extend(block, added, sums, scatter, t, total, x_mean, y_mean, gram, xy, yy):
    """Add a block of rows about the means of task t to its moments, and move these."""
    d = x_mean.shape[1]
    np.dot(block.T, block, scatter)
    joint = total[t] + added
    for j in range(d):
        change = sums[j] / joint
        for k in range(d):
            gram[t, j, k] += scatter[j, k] - change * sums[k]
        xy[t, j] += scatter[j, d] - change * sums[d]
        x_mean[t, j] += change
    yy[t] += scatter[d, d] - sums[d] / joint * sums[d]
    y_mean[t] += sums[d] / joint
    total[t] = joint


@njit(cache=True)
def measure(
    cells, width, rows, y, weight, offsets, block_rows, total, x_mean, y_mean, gram, xy,
    yy,
):  # fmt: skip
    """Add every task's weight sum, means and centred sums of squares to what is there.

    The arrays from ``total`` on hold the moments of other rows, or zeros. A block of
    rows is centred about its own mean, or, one visit less, about that of a task which
    has as many rows already: with fewer, digits might be lost.
    """
    d = x_mean.shape[1]
    space = np.empty((block_rows, d + 1))
    mean, scatter = np.empty(d + 1), np.empty((d + 1, d + 1))
    for t in range(offsets.shape[0] - 1):
        for first in range(offsets[t], offsets[t + 1], block_rows):
            last = min(first + block_rows, offsets[t + 1])
            block = space[: last - first]
            if total[t] < weight[first:last].sum():
                added = read_block(
                    cells, width, rows, y, weight, first, last, block, mean
                )
                absorb(
                    block, weight[first:last], added, mean, scatter, t, total, x_mean,
                    y_mean, gram, xy, yy,
                )  # fmt: skip
            else:
                added = read_about(
                    cells, width, rows, y, weight, first, last, x_mean[t], y_mean[t],
                    block, mean,
                )  # fmt: skip
                extend(
                    block, added, mean, scatter, t, total, x_mean, y_mean, gram, xy, yy
                )
