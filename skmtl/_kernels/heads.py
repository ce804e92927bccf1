"""Derivatives of losses through task heads, row by row.

Task t sees a row's scores as ``theta[t, k] + sum_s theta[t, n_outputs + s] * score_s``:
an intercept for every output, and a slope for every score that all outputs share. Rows
``offsets[t]:offsets[t + 1]`` belong to task t.
"""

import numpy as np
from numba import njit

from .losses import (
    HUBER,
    LEAST_HESSIAN,
    QUANTILE,
    log_sum,
    loss_of_value,
    slope_of_row,
)

# What a split does with a row: nothing, learn from it, or score it.
UNUSED, LEARNED, SCORED = range(3)


@njit(cache=True, inline="always")
def combine(theta, t, scores, i, total):
    """Write what task t makes of the scores of a row."""
    n_outputs = total.shape[1]
    for k in range(n_outputs):
        value = theta[t, k]
        for s in range(scores.shape[0]):
            value += theta[t, n_outputs + s] * scores[s, i, k]
        total[0, k] = value


@njit(cache=True, inline="always")
def derive_classes(y, total, share, slope):
    """Write the shares of classes, and the slopes of the log loss of one row.

    The hessian by its scores is ``diag(share) - outer(share, share)``.
    """
    log_total = log_sum(total, 0)
    for k in range(total.shape[1]):
        share[k] = np.exp(total[0, k] - log_total)
        slope[k] = share[k] - (1.0 if y == k else 0.0)


@njit(cache=True, nogil=True)
def apply_heads(theta, offsets, scores, total):
    """Write what tasks make of the scores of their rows."""
    for t in range(offsets.shape[0] - 1):
        for i in range(offsets[t], offsets[t + 1]):
            combine(theta, t, scores, i, total[i : i + 1])


@njit(cache=True, nogil=True)
def head_gradients(
    loss,
    parameter,
    y,
    weight,
    task_weight,
    offsets,
    part,
    slope,
    base,
    score,
    gradient,
    hessian,
):
    """Write the derivatives by the score that grows, of rows learned.

    ``base`` is what heads make of the scores before it, and ``slope`` what each task
    multiplies it by. Derivatives of other rows are zero. Classes have a kernel of their
    own, which others need not compile.
    """
    for t in range(offsets.shape[0] - 1):
        b = slope[t]
        for i in range(offsets[t], offsets[t + 1]):
            size = task_weight[t] if part[i] == LEARNED else 0.0
            if weight.shape[0] > 0:
                size *= weight[i]
            value = base[i, 0] + b * score[i, 0]
            down, bend = slope_of_row(loss, parameter, y[i], value)
            gradient[0, i] = size * b * down
            hessian[0, i] = size * b * b * max(bend, LEAST_HESSIAN)


@njit(cache=True, nogil=True)
def head_gradients_of_classes(
    y, weight, task_weight, offsets, part, slope, base, score, gradient, hessian
):
    """Do what ``head_gradients`` does for classes."""
    n_outputs = score.shape[1]
    total = np.empty((1, n_outputs))
    share, down = np.empty(n_outputs), np.empty(n_outputs)
    # Scores of classes can rise and fall together: one alone may go further.
    wide = n_outputs / (n_outputs - 1.0)
    for t in range(offsets.shape[0] - 1):
        b = slope[t]
        for i in range(offsets[t], offsets[t + 1]):
            size = task_weight[t] if part[i] == LEARNED else 0.0
            if weight.shape[0] > 0:
                size *= weight[i]
            for k in range(n_outputs):
                total[0, k] = base[i, k] + b * score[i, k]
            derive_classes(y[i], total, share, down)
            for k in range(n_outputs):
                bend = wide * share[k] * (1.0 - share[k])
                gradient[k, i] = size * b * down[k]
                hessian[k, i] = size * b * b * max(bend, LEAST_HESSIAN)


@njit(cache=True, inline="always")
def majorise(loss, parameter, residual, slope, least):
    """Return a curvature with which a step by the slope cannot overshoot.

    Losses with kinks have a curvature of zero almost everywhere; that of a parabola
    that touches them from above serves instead (Hunter and Lange, 2000).
    """
    if loss == QUANTILE:
        return 0.5 / max(abs(residual), least)
    if loss == HUBER:
        return min(1.0, parameter / max(abs(residual), parameter))
    return 1.0


@njit(cache=True, inline="always")
def mirror(curvature):
    """Copy what is above the diagonal of each matrix below it."""
    for t in range(curvature.shape[0]):
        for p in range(curvature.shape[1]):
            for q in range(p):
                curvature[t, p, q] = curvature[t, q, p]


@njit(cache=True, nogil=True)
def head_statistics(
    loss,
    parameter,
    least,
    y,
    weight,
    offsets,
    part,
    theta,
    scores,
    gradient,
    curvature,
    value,
):
    """Sum derivatives by the heads over the rows learned, and losses of both parts.

    ``value[0, t]`` and ``value[1, t]`` are the losses of the rows learned and of those
    scored, ``value[2, t]`` and ``value[3, t]`` their weights, and ``value[4, t]`` the
    squared slopes over curvatures of the rows scored. Classes have a kernel of their
    own.
    """
    n_scores = scores.shape[0]
    gradient[:], curvature[:], value[:] = 0.0, 0.0, 0.0
    for t in range(offsets.shape[0] - 1):
        for i in range(offsets[t], offsets[t + 1]):
            if part[i] == UNUSED:
                continue
            size = weight[i] if weight.shape[0] > 0 else 1.0
            total = theta[t, 0]
            for s in range(n_scores):
                total += theta[t, 1 + s] * scores[s, i, 0]
            own = 0 if part[i] == LEARNED else 1
            value[own, t] += size * loss_of_value(loss, parameter, y[i], total)
            value[2 + own, t] += size
            slope, bend = slope_of_row(loss, parameter, y[i], total)
            if own == 1:
                value[4, t] += size * slope**2 / max(bend, 1e-6)
                continue
            if loss in (QUANTILE, HUBER):
                bend = majorise(loss, parameter, y[i] - total, slope, least)
            g, h = size * slope, size * bend
            gradient[t, 0] += g
            curvature[t, 0, 0] += h
            for s in range(n_scores):
                one = scores[s, i, 0]
                gradient[t, 1 + s] += g * one
                curvature[t, 0, 1 + s] += h * one
                for r in range(s + 1):
                    curvature[t, 1 + r, 1 + s] += h * one * scores[r, i, 0]
    mirror(curvature)


@njit(cache=True, nogil=True)
def head_statistics_of_classes(
    y, weight, offsets, part, theta, scores, gradient, curvature, value
):
    """Do what ``head_statistics`` does for classes."""
    n_scores, n_outputs = scores.shape[0], scores.shape[2]
    total, moment = np.empty((1, n_outputs)), np.empty(n_scores)
    share, slope = np.empty(n_outputs), np.empty(n_outputs)
    gradient[:], curvature[:], value[:] = 0.0, 0.0, 0.0
    for t in range(offsets.shape[0] - 1):
        for i in range(offsets[t], offsets[t + 1]):
            if part[i] == UNUSED:
                continue
            size = weight[i] if weight.shape[0] > 0 else 1.0
            combine(theta, t, scores, i, total)
            own = 0 if part[i] == LEARNED else 1
            value[own, t] += size * (log_sum(total, 0) - total[0, np.int64(y[i])])
            value[2 + own, t] += size
            derive_classes(y[i], total, share, slope)
            if own == 1:
                for k in range(n_outputs):
                    bend = max(share[k] * (1.0 - share[k]), 1e-6)
                    value[4, t] += size * slope[k] ** 2 / bend
                continue
            for s in range(n_scores):
                moment[s] = 0.0
                for k in range(n_outputs):
                    moment[s] += share[k] * scores[s, i, k]
            for k in range(n_outputs):
                gradient[t, k] += size * slope[k]
                curvature[t, k, k] += size * share[k]
                for r in range(k + 1):
                    curvature[t, r, k] -= size * share[r] * share[k]
                for s in range(n_scores):
                    place = n_outputs + s
                    gradient[t, place] += size * slope[k] * scores[s, i, k]
                    centred = size * share[k] * (scores[s, i, k] - moment[s])
                    curvature[t, k, place] += centred
                    for r in range(s + 1):
                        curvature[t, n_outputs + r, place] += centred * scores[r, i, k]
    mirror(curvature)
