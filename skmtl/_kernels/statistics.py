"""Weighted moments of every task in one visit to its rows.

Entries ``offsets[t]:offsets[t + 1]`` belong to task ``t``; entry ``i`` is row ``rows[i]``
of ``X`` with target ``y[i]`` and weight ``weight[i]``.
"""

import numpy as np
from numba import njit


@njit(cache=True)
def copy_block(X, rows, y, first, last, block):
    """Fill ``block`` with the rows ``[x, y]`` of entries ``first`` to ``last``."""
    n_features = X.shape[1]
    for i in range(first, last):
        row = rows[i]
        for j in range(n_features):
            block[i - first, j] = X[row, j]
        block[i - first, n_features] = y[i]


@njit(cache=True)
def centre_block(block, weight, mean):
    """Subtract the weighted mean, scale by root weights; return the weight sum."""
    total = 0.0
    mean[:] = 0.0
    for i in range(block.shape[0]):
        total += weight[i]
        for j in range(block.shape[1]):
            mean[j] += weight[i] * block[i, j]
    mean /= total
    for i in range(block.shape[0]):
        root = np.sqrt(weight[i])
        for j in range(block.shape[1]):
            block[i, j] = root * (block[i, j] - mean[j])
    return total


@njit(cache=True)
def merge_moments(total, mean, scatter, weight_sum, other_mean, other_scatter):
    """Add the moments of more rows to those of a set; return the joint weight.

    The update of Chan, Golub and LeVeque (1983): means never enter squared, so features
    far from zero lose no digits.
    """
    joint = total + weight_sum
    share = weight_sum / joint
    for j in range(mean.shape[0]):
        change = other_mean[j] - mean[j]
        for k in range(mean.shape[0]):
            scatter[j, k] += other_scatter[j, k] + total * share * change * (
                other_mean[k] - mean[k]
            )
    for j in range(mean.shape[0]):
        mean[j] += share * (other_mean[j] - mean[j])
    return joint


@njit(cache=True)
def measure(X, rows, y, weight, offsets, block_rows, total, mean, scatter):
    """Write weight sum, mean and centred scatter of ``[x, y]`` for every task."""
    width = X.shape[1] + 1
    space = np.empty((block_rows, width))
    block_mean = np.empty(width)
    block_scatter = np.empty((width, width))
    for t in range(offsets.shape[0] - 1):
        for first in range(offsets[t], offsets[t + 1], block_rows):
            last = min(first + block_rows, offsets[t + 1])
            block = space[: last - first]
            copy_block(X, rows, y, first, last, block)
            weight_sum = centre_block(block, weight[first:last], block_mean)
            np.dot(block.T, block, block_scatter)
            total[t] = merge_moments(
                total[t], mean[t], scatter[t], weight_sum, block_mean, block_scatter
            )
