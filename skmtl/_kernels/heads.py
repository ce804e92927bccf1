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
    SOFTMAX,
    SQUARED,
    log_sum,
    loss_of_row,
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
def derive(loss, parameter, y, total, share, slope, curvature):
    """Write the derivatives of the loss of one row by its scores.

    ``share`` is filled only where the hessian is not diagonal: it is then
    ``diag(share) - outer(share, share)``, and ``curvature`` its diagonal.
    """
    if loss == SOFTMAX:
        log_total = log_sum(total, 0)
        for k in range(total.shape[1]):
            share[k] = np.exp(total[0, k] - log_total)
            slope[k] = share[k] - (1.0 if y == k else 0.0)
            curvature[k] = share[k] * (1.0 - share[k])
    else:
        slope[0], curvature[0] = slope_of_row(loss, parameter, y, total[0, 0])


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
    multiplies it by. Derivatives of other rows are zero.
    """
    n_outputs = score.shape[1]
    total = np.empty((1, n_outputs))
    share, down, bend = np.empty(n_outputs), np.empty(n_outputs), np.empty(n_outputs)
    # Scores of classes can rise and fall together: one alone may go further.
    wide = n_outputs / (n_outputs - 1.0) if loss == SOFTMAX else 1.0
    for t in range(offsets.shape[0] - 1):
        b = slope[t]
        for i in range(offsets[t], offsets[t + 1]):
            size = task_weight[t] if part[i] == LEARNED else 0.0
            if weight.shape[0] > 0:
                size *= weight[i]
            if loss == SQUARED:
                gradient[0, i] = size * b * (base[i, 0] + b * score[i, 0] - y[i])
                hessian[0, i] = size * b * b
                continue
            for k in range(n_outputs):
                total[0, k] = base[i, k] + b * score[i, k]
            derive(loss, parameter, y[i], total, share, down, bend)
            for k in range(n_outputs):
                gradient[k, i] = size * b * down[k]
                hessian[k, i] = size * b * b * max(wide * bend[k], LEAST_HESSIAN)


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
    squared slopes over curvatures of the rows scored.
    """
    n_scores, n_outputs = scores.shape[0], scores.shape[2]
    n_heads = n_outputs + n_scores
    total, moment = np.empty((1, n_outputs)), np.empty(n_heads)
    share, slope, bend = np.empty(n_outputs), np.empty(n_outputs), np.empty(n_outputs)
    gradient[:], curvature[:], value[:] = 0.0, 0.0, 0.0
    for t in range(offsets.shape[0] - 1):
        for i in range(offsets[t], offsets[t + 1]):
            if part[i] == UNUSED:
                continue
            size = weight[i] if weight.shape[0] > 0 else 1.0
            combine(theta, t, scores, i, total)
            own = 0 if part[i] == LEARNED else 1
            value[own, t] += size * loss_of_row(loss, parameter, y[i], total, 0)
            value[2 + own, t] += size
            derive(loss, parameter, y[i], total, share, slope, bend)
            if own == 1:
                for k in range(n_outputs):
                    value[4, t] += size * slope[k] ** 2 / max(bend[k], 1e-6)
                continue
            if loss != SOFTMAX:
                residual = y[i] - total[0, 0]
                if loss in (QUANTILE, HUBER):
                    bend[0] = majorise(loss, parameter, residual, slope[0], least)
                h = size * bend[0]
                gradient[t, 0] += size * slope[0]
                curvature[t, 0, 0] += h
                for s in range(n_scores):
                    one = scores[s, i, 0]
                    gradient[t, 1 + s] += size * slope[0] * one
                    curvature[t, 0, 1 + s] += h * one
                    for r in range(s + 1):
                        curvature[t, 1 + r, 1 + s] += h * one * scores[r, i, 0]
                continue
            for s in range(n_scores):
                mean = 0.0
                for k in range(n_outputs):
                    mean += share[k] * scores[s, i, k]
                moment[n_outputs + s] = mean
            for k in range(n_outputs):
                gradient[t, k] += size * slope[k]
                curvature[t, k, k] += size * share[k]
                for r in range(k + 1):
                    curvature[t, r, k] -= size * share[r] * share[k]
                for s in range(n_scores):
                    centred = scores[s, i, k] - moment[n_outputs + s]
                    gradient[t, n_outputs + s] += size * slope[k] * scores[s, i, k]
                    curvature[t, k, n_outputs + s] += size * share[k] * centred
                    for r in range(s + 1):
                        curvature[t, n_outputs + r, n_outputs + s] += (
                            size * share[k] * centred * scores[r, i, k]
                        )
        for p in range(n_heads):
            for q in range(p):
                curvature[t, p, q] = curvature[t, q, p]
