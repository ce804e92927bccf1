"""Two functions that every task mixes in a proportion of its own, its gate.

Rows ``offsets[t]:offsets[t + 1]`` belong to task t. What it says of them is ``base +
(1 - gate[t]) * first + gate[t] * second``. All kernels treat tasks ``begin`` to ``end``
and nothing of others, so that threads can share the tasks.
"""

import numpy as np
from numba import njit

from .boosting_records import N_CODES
from .losses import LEAST_HESSIAN, QUANTILE, SOFTMAX, SQUARED, log_sum, slope_of_row

# Cells in which the derivatives of a feature are summed to see how tasks differ.
N_GROUPS = 16


@njit(cache=True, inline="always")
def mix_row(base, first, second, share, i, score):
    """Write the scores of one row."""
    for k in range(base.shape[1]):
        difference = second[i, k] - first[i, k]
        score[0, k] = base[i, k] + first[i, k] + share * difference


@njit(cache=True, nogil=True)
def mix(base, first, second, gate, offsets, begin, end, score):
    """Write the scores of the rows of some tasks."""
    for t in range(begin, end):
        share = gate[t]
        for i in range(offsets[t], offsets[t + 1]):
            mix_row(base, first, second, share, i, score[i : i + 1])


@njit(cache=True, nogil=True)
def differentiate_mixture(
    loss,
    parameter,
    y,
    weight,
    base,
    first,
    second,
    gate,
    offsets,
    begin,
    end,
    component,
    output,
    gradient,
    hessian,
):
    """Write the derivatives of the loss by one output of one component.

    The hessian holds the square of the component's share: a row that listens little
    to it moves its leaves little, and asks of them as little less.
    """
    score = np.empty((1, base.shape[1]))
    wide = score.shape[1] / (score.shape[1] - 1.0) if loss == SOFTMAX else 1.0
    for t in range(begin, end):
        share = gate[t] if component == 1 else 1.0 - gate[t]
        for i in range(offsets[t], offsets[t + 1]):
            mix_row(base, first, second, gate[t], i, score)
            if loss == SOFTMAX:
                chance = np.exp(score[0, output] - log_sum(score, 0))
                slope = chance - (1.0 if y[i] == output else 0.0)
                curvature = max(wide * chance * (1.0 - chance), LEAST_HESSIAN)
            else:
                slope, curvature = slope_of_row(loss, parameter, y[i], score[0, 0])
            size = weight[i] if weight.shape[0] > 0 else 1.0
            gradient[i] = size * share * slope
            hessian[i] = size * share * share * curvature


@njit(cache=True, inline="always")
def slope_along(loss, parameter, y, score, first, second, i):
    """Return both derivatives of the loss of a row by its task's gate."""
    if loss != SOFTMAX:
        slope, curvature = slope_of_row(loss, parameter, y, score[0, 0])
        difference = second[i, 0] - first[i, 0]
        return slope * difference, curvature * difference * difference
    total, mean, square = log_sum(score, 0), 0.0, 0.0
    for k in range(score.shape[1]):
        chance, difference = np.exp(score[0, k] - total), second[i, k] - first[i, k]
        mean += chance * difference
        square += chance * difference * difference
    own = np.int64(y)
    return mean - (second[i, own] - first[i, own]), square - mean * mean


@njit(cache=True, nogil=True)
def gate_slopes(
    loss, parameter, y, weight, base, first, second, gate, offsets, begin, end, slopes
):
    """Write both derivatives of the loss of some tasks by their gates."""
    score = np.empty((1, base.shape[1]))
    for t in range(begin, end):
        g = h = 0.0
        for i in range(offsets[t], offsets[t + 1]):
            mix_row(base, first, second, gate[t], i, score)
            slope, curvature = slope_along(
                loss, parameter, y[i], score, first, second, i
            )
            size = weight[i] if weight.shape[0] > 0 else 1.0
            g += size * slope
            h += size * curvature
        slopes[t, 0], slopes[t, 1] = g, h


@njit(cache=True, inline="always")
def next_gate(newton, low, high, has_slopes):
    """Return where a search for the minimum between 0 and 1 looks next.

    ``low`` and ``high`` are the points next to it whose slopes are known, if there are
    any in between: -1 and 2 stand for none. A point is never tried twice.
    """
    bottom, top = max(low, 0.0), min(high, 1.0)
    if has_slopes:
        if bottom < newton < top:
            return newton
        if newton <= bottom and low < 0.0:
            return 0.0
        if newton >= top and high > 1.0:
            return 1.0
    return 0.5 * (bottom + top)


@njit(cache=True, nogil=True)
def solve_gates(
    loss,
    parameter,
    y,
    weight,
    base,
    first,
    second,
    offsets,
    begin,
    end,
    ridge,
    centre,
    tolerance,
    slopes,
    gate,
):
    """Move the gates of some tasks to where their loss is least.

    The loss of a task and ``ridge / 2 * (gate - centre)**2`` are convex in its gate:
    the sign of the slope says on which side of a point the minimum is. ``slopes`` holds
    both derivatives of the loss where the search begins.
    """
    for t in range(begin, end):
        low, high, value = -1.0, 2.0, gate[t]
        while True:
            g = slopes[t, 0] + ridge * (value - centre)
            h = slopes[t, 1] + ridge
            if g > 0.0:
                high = value
            elif g < 0.0:
                low = value
            if g == 0.0 or h <= 0.0 or min(high, 1.0) - max(low, 0.0) <= tolerance:
                break
            step = next_gate(value - g / h, low, high, loss != QUANTILE)
            moved, value = abs(step - value), step
            gate[t] = value
            if loss == SQUARED or moved <= tolerance:
                break
            gate_slopes(
                loss,
                parameter,
                y,
                weight,
                base,
                first,
                second,
                gate,
                offsets,
                t,
                t + 1,
                slopes,
            )
        gate[t] = value


@njit(cache=True, nogil=True)
def sketch(codes, layout, features, offsets, gradient, hessian, n_groups, pull, mass):
    """Sum the derivatives of the rows of each task by groups of a feature's codes."""
    for t in range(offsets.shape[0] - 1):
        for i in range(offsets[t], offsets[t + 1]):
            for place in range(features.shape[0]):
                j = features[place]
                group = np.int64(codes[i, j]) * n_groups // layout[j, N_CODES]
                cell = place * n_groups + group
                pull[t, cell] -= gradient[i]
                mass[t, cell] += hessian[i]
