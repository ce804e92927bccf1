"""Weighted moments of every task in one visit to its rows.

Entries ``offsets[t]:offsets[t + 1]`` belong to task ``t``; entry ``i`` is row
``rows[i]`` of ``X`` with target ``y[i]`` and weight ``weight[i]``.
"""

import numpy as np
from numba import njit


@njit(cache=True)
def read_block(X, rows, y, weight, first, last, block, mean):
    """Fill ``block`` with the rows ``[x, y]`` of entries ``first`` to ``last``.

    Write their weighted mean and return the sum of their weights.
    """
    n_features = X.shape[1]
    total = 0.0
    mean[:] = 0.0
    for i in range(first, last):
        row, w = rows[i], weight[i]
        for j in range(n_features):
            block[i - first, j] = X[row, j]
            mean[j] += w * X[row, j]
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
def measure(
    X, rows, y, weight, offsets, block_rows, total, x_mean, y_mean, gram, xy, yy
):
    """Write weight sum, means and centred sums of squares of every task."""
    d = X.shape[1]
    space = np.empty((block_rows, d + 1))
    mean, scatter = np.empty(d + 1), np.empty((d + 1, d + 1))
    for t in range(offsets.shape[0] - 1):
        for first in range(offsets[t], offsets[t + 1], block_rows):
            last = min(first + block_rows, offsets[t + 1])
            block = space[: last - first]
            added = read_block(X, rows, y, weight, first, last, block, mean)
            centre_block(block, weight[first:last], mean)
            np.dot(block.T, block, scatter)
            joint = total[t] + added
            share = total[t] * added / joint
            yy[t] = merge(
                share, mean, scatter, x_mean[t], y_mean[t], gram[t], xy[t], yy[t]
            )
            x_mean[t] += added / joint * (mean[:d] - x_mean[t])
            y_mean[t] += added / joint * (mean[d] - y_mean[t])
            total[t] = joint
