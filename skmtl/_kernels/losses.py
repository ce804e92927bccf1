"""Losses of one row at a time, and what boosting needs of their derivatives.

A loss is a code and one number; ``y`` is the target (the class, for the last two) and
``score`` holds what the model says so far, one column for each of its outputs.
"""

import numpy as np
from numba import njit

SQUARED, HUBER, QUANTILE, POISSON, LOGISTIC, SOFTMAX = range(6)
# A confident and right model still learns from a row, if little.
LEAST_HESSIAN = 1e-12


@njit(cache=True, inline="always")
def sigmoid(score):
    """Return the probability with the log-odds ``score``."""
    if score >= 0.0:
        return 1.0 / (1.0 + np.exp(-score))
    odds = np.exp(score)
    return odds / (1.0 + odds)


@njit(cache=True)
def log_sum(score, i):
    """Return the logarithm of the sum of exponentials of a row."""
    top = score[i, 0]
    for k in range(1, score.shape[1]):
        top = max(top, score[i, k])
    total = 0.0
    for k in range(score.shape[1]):
        total += np.exp(score[i, k] - top)
    return top + np.log(total)


@njit(cache=True, inline="always")
def loss_of_value(loss, parameter, y, value):
    """Return the loss of one row, if it has one output."""
    residual = y - value
    if loss == SQUARED:
        return 0.5 * residual * residual
    if loss == HUBER:
        size = min(abs(residual), parameter)
        return size * (abs(residual) - 0.5 * size)
    if loss == QUANTILE:
        return residual * (parameter if residual > 0.0 else parameter - 1.0)
    if loss == POISSON:
        return np.exp(value) - y * value
    return max(value, 0.0) + np.log1p(np.exp(-abs(value))) - y * value


@njit(cache=True, inline="always")
def loss_of_row(loss, parameter, y, score, i):
    """Return the loss of row ``i`` of ``score`` with target ``y``."""
    if loss == SOFTMAX:
        return log_sum(score, i) - score[i, np.int64(y)]
    return loss_of_value(loss, parameter, y, score[i, 0])


@njit(cache=True, inline="always")
def slope_of_row(loss, parameter, y, value):
    """Return both derivatives of a loss with one output."""
    if loss == SQUARED:
        return value - y, 1.0
    if loss == HUBER:
        return min(max(value - y, -parameter), parameter), 1.0
    if loss == QUANTILE:
        return (1.0 if value >= y else 0.0) - parameter, 1.0
    if loss == POISSON:
        mean = np.exp(value)
        return mean - y, max(mean, LEAST_HESSIAN)
    share = sigmoid(value)
    return share - y, max(share * (1.0 - share), LEAST_HESSIAN)


@njit(cache=True, nogil=True)
def differentiate(loss, parameter, y, score, weight, output, gradient, hessian):
    """Write the derivatives by one output; without ``weight`` all rows weigh one.

    Where ``hessian`` is empty it is constant, the weight, and not asked for.
    """
    for i in range(y.shape[0]):
        if loss == SOFTMAX:
            share = np.exp(score[i, output] - log_sum(score, i))
            slope = share - (1.0 if y[i] == output else 0.0)
            # Scores of classes can rise and fall together: one alone may go further.
            wide = score.shape[1] / (score.shape[1] - 1.0)
            curvature = max(wide * share * (1.0 - share), LEAST_HESSIAN)
        else:
            slope, curvature = slope_of_row(loss, parameter, y[i], score[i, output])
        size = weight[i] if weight.shape[0] > 0 else 1.0
        gradient[i] = size * slope
        if hessian.shape[0] > 0:
            hessian[i] = size * curvature


@njit(cache=True, nogil=True)
def total_loss(loss, parameter, y, score, weight):
    """Return the weighted sum of the losses of all rows."""
    total = 0.0
    for i in range(y.shape[0]):
        size = weight[i] if weight.shape[0] > 0 else 1.0
        total += size * loss_of_row(loss, parameter, y[i], score, i)
    return total


@njit(cache=True)
def sift(order, values, start, end):
    """Let one position sink to its place in a heap with the largest value on top."""
    parent, moved = start, order[start]
    while 2 * parent + 1 < end:
        child = 2 * parent + 1
        if child + 1 < end and values[order[child + 1]] > values[order[child]]:
            child += 1
        if values[order[child]] <= values[moved]:
            break
        order[parent] = order[child]
        parent = child
    order[parent] = moved


@njit(cache=True, inline="always")
def sort_positions(values, order):
    """Write the positions of values in increasing order (a heap sort).

    NumPy's takes ten times as long to compile.
    """
    size = values.shape[0]
    for place in range(size):
        order[place] = place
    for start in range(size // 2, -1, -1):
        sift(order, values, start, size)
    for end in range(size - 1, 0, -1):
        order[0], order[end] = order[end], order[0]
        sift(order, values, np.int64(0), end)


@njit(cache=True)
def weighted_quantile(values, weight, level):
    """Return the smallest value with at least a share ``level`` of the weight up to it.

    Half way to the next where the share is met exactly, so that a median is one.
    """
    size, total, reached = values.shape[0], 0.0, 0.0
    order = np.empty(size, np.int64)
    sort_positions(values, order)
    for place in range(size):
        total += weight[place]
    target, slack = level * total, 1e-12 * total
    for place in range(size - 1):
        reached += weight[order[place]]
        if reached > target + slack:
            return values[order[place]]
        if reached >= target - slack:
            return 0.5 * (values[order[place]] + values[order[place + 1]])
    return values[order[size - 1]]
