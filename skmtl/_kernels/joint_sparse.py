"""Block descent for coefficients that tasks share feature by feature.

``W`` and ``slope`` are (n_features, n_tasks): the coefficients of a feature and minus
the derivative of the smooth loss by them, side by side for all tasks. What changes
``W`` changes ``slope`` (or ``residual``) to fit. ``gram`` is (m, m, p) with m at least
the number of features, and p either the number of tasks or, where all tasks have the
same rows, 1. A feature's block is penalised by the norm whose dual ball holds the
vectors of length at most ``joint`` with entries of size at most ``specific``.
"""

import numpy as np
from numba import njit

# Sums may be reordered into vector instructions; infinities keep their meaning.
REORDERED = {"reassoc", "contract", "arcp", "nsz"}


@njit(cache=True, fastmath=REORDERED)
def clipped_length(target, curvature, specific, multiplier, unit):
    """Return the squared length of the clipped dual vector, and its derivative.

    The derivative is by the multiplier times ``unit``, the size of the curvatures: by
    the multiplier itself it would overflow where features are enormous.
    """
    length, derivative = 0.0, 0.0
    for t in range(target.shape[0]):
        stretch = 1.0 + multiplier * curvature[t]
        value = target[t] / stretch
        if abs(value) > specific:
            length += specific * specific
        else:
            length += value * value
            derivative -= 2.0 * value * value * (curvature[t] / unit) / stretch
    return length, derivative


@njit(cache=True)
def dual_multiplier(target, curvature, joint, specific, start):
    """Return the multiplier that brings the dual vector to the length ``joint``.

    Newton's method on the inverse length, which is nearly linear in the multiplier (as
    in trust-region methods: Moré and Sorensen, 1983), kept inside a shrinking bracket.
    """
    multiplier, low, high, unit = start, 0.0, np.inf, curvature.max()
    for _ in range(100):
        length, slope = clipped_length(target, curvature, specific, multiplier, unit)
        if length > joint * joint:
            low = multiplier
        else:
            high = multiplier
        proposal = -1.0
        if slope < 0.0:
            error = 1.0 - np.sqrt(length) / joint
            proposal = multiplier + 2.0 * length * error / slope / unit
        if not low <= proposal <= high:
            proposal = 0.5 * (low + high) if high < np.inf else 2.0 * multiplier + 1.0
        if abs(proposal - multiplier) <= 1e-12 * proposal:
            return proposal
        multiplier = proposal
    return multiplier


@njit(cache=True, fastmath=REORDERED)
def shrink(target, curvature, joint, specific, start, block):
    """Fill ``block`` with the exact minimiser of one feature; return its multiplier.

    The minimiser of ``curvature / 2 w**2 - target w`` plus the penalty. Its joint part
    is the multiplier times ``target - curvature * block``, the rest is specific.
    """
    for t in range(target.shape[0]):
        if curvature[t] <= 0.0:
            target[t] = 0.0
    multiplier = 0.0
    if clipped_length(target, curvature, specific, 0.0, 1.0)[0] > joint * joint:
        multiplier = dual_multiplier(target, curvature, joint, specific, start)
    for t in range(target.shape[0]):
        value = target[t] / (1.0 + multiplier * curvature[t])
        value = min(max(value, -specific), specific)
        block[t] = (target[t] - value) / curvature[t] if curvature[t] > 0.0 else 0.0
    return multiplier


@njit(cache=True, fastmath=REORDERED)
def descend(gram, joint, specific, ridge, multiplier, W, slope):
    """Minimise over one feature after the other, once; return the largest step.

    All tasks share one Gram matrix. Steps are measured by their squares times the
    curvature.
    """
    n_tasks = W.shape[1]
    target, curvature, block = np.empty(n_tasks), np.empty(n_tasks), np.empty(n_tasks)
    largest = 0.0
    for j in range(W.shape[0]):
        for t in range(n_tasks):
            curvature[t] = gram[j, j, 0] + ridge
            target[t] = slope[j, t] + curvature[t] * W[j, t]
        multiplier[j] = shrink(target, curvature, joint, specific, multiplier[j], block)
        step = take_step(block, curvature, W[j], target)
        if step > 0.0:
            for k in range(W.shape[0]):
                for t in range(n_tasks):
                    slope[k, t] -= gram[j, k, 0] * target[t]
            for t in range(n_tasks):
                slope[j, t] -= ridge * target[t]
            largest = max(largest, step)
    return largest


@njit(cache=True, fastmath=REORDERED)
def take_step(block, curvature, coef, change):
    """Write a feature's new coefficients and their change; return the step's size."""
    step = 0.0
    for t in range(coef.shape[0]):
        change[t] = block[t] - coef[t]
        step += curvature[t] * change[t] ** 2
        coef[t] = block[t]
    return step


@njit(cache=True, fastmath=REORDERED)
def descend_tasks(gram, joint, specific, ridge, multiplier, W, slope):
    """Do what ``descend`` does, for tasks with Gram matrices of their own.

    What changed features do to the slopes waits until it is four of them, so that all
    slopes are read and written a quarter as often.
    """
    n_tasks = W.shape[1]
    target, curvature, block = np.empty(n_tasks), np.empty(n_tasks), np.empty(n_tasks)
    waiting, change, n_waiting = np.zeros(4, np.int64), np.zeros((4, n_tasks)), 0
    largest = 0.0
    for j in range(W.shape[0]):
        for t in range(n_tasks):
            target[t], curvature[t] = slope[j, t], gram[j, j, t] + ridge
        for i in range(n_waiting):
            for t in range(n_tasks):
                target[t] -= gram[waiting[i], j, t] * change[i, t]
        for t in range(n_tasks):
            target[t] += curvature[t] * W[j, t]
        multiplier[j] = shrink(target, curvature, joint, specific, multiplier[j], block)
        step = take_step(block, curvature, W[j], change[n_waiting])
        if step > 0.0:
            for t in range(n_tasks):
                slope[j, t] -= ridge * change[n_waiting, t]
            waiting[n_waiting], n_waiting = j, n_waiting + 1
            largest = max(largest, step)
        if n_waiting == 4:
            catch_up(gram, waiting, change, slope)
            n_waiting = 0
    if n_waiting > 0:
        change[n_waiting:] = 0.0
        catch_up(gram, waiting, change, slope)
    return largest


@njit(cache=True)
def catch_up(gram, waiting, change, slope):
    """Subtract from all slopes what the changes of four features take away."""
    a, b, c, d = waiting
    rows = gram[a], gram[b], gram[c], gram[d]
    subtract(*rows, change[0], change[1], change[2], change[3], slope)


@njit(cache=True, fastmath=REORDERED)
def subtract(gram_a, gram_b, gram_c, gram_d, a, b, c, d, slope):
    """Subtract four products from the slopes; on rows of their own this is fastest."""
    for k in range(slope.shape[0]):
        for t in range(slope.shape[1]):
            first = gram_a[k, t] * a[t] + gram_b[k, t] * b[t]
            slope[k, t] -= first + (gram_c[k, t] * c[t] + gram_d[k, t] * d[t])


@njit(cache=True, fastmath=REORDERED)
def descend_rows(columns, offsets, joint, specific, ridge, multiplier, W, residual):
    """Do what ``descend`` does, from each task's own rows instead of Gram matrices.

    Entries ``offsets[t]:offsets[t + 1]`` of the residual and of each row of ``columns``
    belong to task t.
    """
    n_tasks = W.shape[1]
    target, curvature, block = np.empty(n_tasks), np.empty(n_tasks), np.empty(n_tasks)
    largest = 0.0
    for j in range(W.shape[0]):
        for t in range(n_tasks):
            curvature[t], target[t] = ridge, 0.0
            for i in range(offsets[t], offsets[t + 1]):
                curvature[t] += columns[j, i] * columns[j, i]
                target[t] += columns[j, i] * residual[i]
            target[t] += (curvature[t] - ridge) * W[j, t]
        multiplier[j] = shrink(target, curvature, joint, specific, multiplier[j], block)
        step = 0.0
        for t in range(n_tasks):
            change = block[t] - W[j, t]
            step += curvature[t] * change**2
            W[j, t] = block[t]
            if change != 0.0:
                for i in range(offsets[t], offsets[t + 1]):
                    residual[i] -= columns[j, i] * change
        largest = max(largest, step)
    return largest
