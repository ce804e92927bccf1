"""Compiled loops in plain numpy, for problems of which loading these is most of a fit.

Functions have the names, arguments and results of those in ``skmtl._kernels``.
"""

from itertools import pairwise

import numpy as np

# As in the compiled loops.
NEGLIGIBLE, STEP = 1e-9, 0.85


def descend(gram, joint, specific, ridge, multiplier, W, slope):
    """Minimise over one feature after the other, once; return the largest step."""
    largest = 0.0
    for j in range(len(W)):
        curvature = np.broadcast_to(gram[j, j] + ridge, W.shape[1])
        target = np.where(curvature > 0.0, slope[j] + curvature * W[j], 0.0)
        value, multiplier[j] = dual_vector(
            target, curvature, joint, specific, multiplier[j]
        )
        block = np.zeros(len(target))
        np.divide(target - value, curvature, out=block, where=curvature > 0.0)
        change, W[j] = block - W[j], block
        step = curvature @ change**2
        if step > 0.0:
            slope -= gram[j, : len(W)] * change
            slope[j] -= ridge * change
            largest = max(largest, step)
    return largest


def dual_vector(target, curvature, joint, specific, multiplier):
    """Return the vector of length ``joint`` at most, and its multiplier.

    The search for the multiplier is that of the compiled ``dual_multiplier``.
    """
    value = np.clip(target, -specific, specific)
    if value @ value <= joint * joint:
        return value, 0.0
    low, high, unit = 0.0, np.inf, curvature.max()
    for _ in range(100):
        stretch = 1.0 + multiplier * curvature
        value = np.clip(target / stretch, -specific, specific)
        length = value @ value
        bent = value * (curvature / unit) / stretch
        slope = -2.0 * (value @ np.where(np.abs(value) < specific, bent, 0.0))
        low, high = (multiplier, high) if length > joint * joint else (low, multiplier)
        proposal = -1.0
        if slope < 0.0:
            error = 1.0 - np.sqrt(length) / joint
            proposal = multiplier + 2.0 * length * error / slope / unit
        if not low <= proposal <= high:
            proposal = 0.5 * (low + high) if high < np.inf else 2.0 * multiplier + 1.0
        done = abs(proposal - multiplier) <= 1e-12 * proposal
        multiplier = proposal
        if done:
            break
    value = np.clip(target / (1.0 + multiplier * curvature), -specific, specific)
    return value, multiplier


def visit_rows(rows, y, offsets, scale, lines, ridge, heads, moment):
    """Fit every head and add residual moments; return half the penalised loss."""
    loss, ridges = 0.0, ridge * np.eye(len(lines))
    for t, ends in enumerate(pairwise(offsets.tolist())):
        block, target = rows[slice(*ends)], y[slice(*ends)]
        reduced = block @ lines.T
        inner = scale[t] * reduced.T @ reduced + ridges
        heads[t] = np.linalg.solve(inner, scale[t] * target @ reduced)
        residual = target - reduced @ heads[t]
        moment += heads[t][:, None] * (scale[t] * residual @ block)
        loss += scale[t] * residual @ residual + ridge * heads[t] @ heads[t]
    return loss / 2.0


def project_rows(rows, y, offsets, lines, gram, xy):
    """Write every task's Gram matrix and moments in the coordinates of a basis."""
    for t, ends in enumerate(pairwise(offsets.tolist())):
        reduced = rows[slice(*ends)] @ lines.T
        gram[t], xy[t] = reduced.T @ reduced, y[slice(*ends)] @ reduced


def gather_moments(rows, offsets, position, covariance, mean, variance):
    """Write the mean and the variance of ``x @ w`` for every row x."""
    for t, ends in enumerate(pairwise(offsets.tolist())):
        part = slice(*ends)
        mean[part] = rows[part] @ position[t]
        variance[part] = np.einsum("ij,ij->i", rows[part] @ covariance[t], rows[part])


def near_mode(power, mean, variance):
    """Return scores of almost the largest density, by steps that do not leap."""
    mode = np.maximum(mean, np.minimum(mean + power * variance, 0.0))
    near = 0.1 * np.minimum(1.0, np.sqrt(variance))
    for _ in range(50):
        wrong = 1.0 / (1.0 + np.exp(np.minimum(mode, 700.0)))
        slope = power * wrong - (mode - mean) / variance
        step = slope / (power * wrong * (1.0 - wrong) + 1.0 / variance)
        mode += np.clip(step, -3.0, 3.0)
        if (np.abs(step) < near).all():
            break
    return mode


def tilt(sign, power, mean, variance, log_mass, offset, spread):
    """Write moments of normal scores times the likelihoods of labels."""
    centre, step = sign * mean, STEP * np.minimum(1.0, np.sqrt(variance))
    start = near_mode(power, centre, variance)

    def log_density(score):
        likely = np.minimum(score, 0.0) - np.log1p(np.exp(-np.abs(score)))
        return power * likely - (score - centre) ** 2 / (2.0 * variance)

    top = log_density(start)
    mass, first, second = np.ones(mean.size), np.zeros(mean.size), np.zeros(mean.size)
    for side in (step, -step):
        away, density = 0.0, np.ones(1)
        while (density > NEGLIGIBLE).any():
            away = away + side
            density = np.exp(log_density(start + away) - top)
            mass += density
            first += density * away
            second += density * away**2
    first /= mass
    log_mass[:] = top + np.log(mass * step / np.sqrt(2.0 * np.pi * variance))
    offset[:] = sign * (start - centre + first)
    spread[:] = second / mass - first**2
