"""Moments of linear scores: of normal coefficients, and with a label's likelihood."""

import numpy as np
from numba import njit

# Parts of a density below this share of its peak are left out.
NEGLIGIBLE = 1e-9
# Of one, or of a standard deviation if that is less.
STEP = 0.85
# Beyond this variance products of factors may overflow.
WIDE = 1e4


@njit(cache=True)
def gather_moments(rows, offsets, position, covariance, mean, variance):
    """Write the mean and the variance of ``x @ w`` for every row x.

    Parameters
    ----------
    rows : float64 array of shape (n_entries, n_coordinates)
    offsets : int64 array of shape (n_tasks + 1,)
        Rows ``offsets[t]:offsets[t + 1]`` are of task t.
    position : float64 array of shape (n_tasks, n_coordinates)
    covariance : float64 array of shape (n_tasks, n_coordinates, n_coordinates)
        Mean and symmetric covariance of each task's coefficients w.
    mean, variance : float64 arrays of shape (n_entries,)
        Written.
    """
    for t in range(offsets.size - 1):
        for i in range(offsets[t], offsets[t + 1]):
            centre, spread = 0.0, 0.0
            for j in range(rows.shape[1]):
                centre += rows[i, j] * position[t, j]
                half = 0.5 * rows[i, j] * covariance[t, j, j]
                for k in range(j):
                    half += rows[i, k] * covariance[t, j, k]
                spread += 2.0 * rows[i, j] * half
            mean[i], variance[i] = centre, spread


@njit(cache=True)
def near_mode(power, mean, variance):
    """Return a score of almost the largest density, by steps that do not leap."""
    # It lies between the mean and as far above as the likelihood can pull.
    mode = max(mean, min(mean + power * variance, 0.0))
    near = 0.1 * min(1.0, np.sqrt(variance))
    for _ in range(50):
        wrong = 1.0 / (1.0 + np.exp(min(mode, 700.0)))
        slope = power * wrong - (mode - mean) / variance
        step = slope / (power * wrong * (1.0 - wrong) + 1.0 / variance)
        # The curvature may double within some two units of the score.
        mode += min(max(step, -3.0), 3.0)
        if abs(step) < near:
            break
    return mode


@njit(cache=True)
def log_density(score, power, mean, variance):
    """Return the log of a normal density times a logistic function to a power.

    Up to the constant of the normal density.
    """
    likely = min(score, 0.0) - np.log1p(np.exp(-abs(score)))
    return power * likely - (score - mean) ** 2 / (2.0 * variance)


@njit(cache=True)
def sums_aside(start, power, mean, variance, side):
    """Return sums of ``density * away ** k`` for k = 0, 1, 2 at steps to one side.

    The density is in units of that at ``start``, its factors continued from step to
    step.
    """
    mass, first, second, away, density = 0.0, 0.0, 0.0, side, 1.0
    # 1 + exp(-score), divided by exp(-start) where that is large.
    floor, odds = np.exp(min(start, 0.0)), np.exp(-max(start, 0.0))
    peak, fall = floor + odds, np.exp(-side)
    slope, top = (mean - start) / variance, log_density(start, power, mean, variance)
    normal, ratio = 1.0, np.exp(slope * side - side * side / (2.0 * variance))
    curved = np.exp(-side * side / variance)
    while density > NEGLIGIBLE:
        if variance < WIDE:
            odds, normal, ratio = odds * fall, normal * ratio, ratio * curved
            likely = peak / (floor + odds)
            density = normal * (likely if power == 1.0 else likely**power)
        else:
            density = np.exp(log_density(start + away, power, mean, variance) - top)
        mass += density
        first += density * away
        second += density * away * away
        away += side
    return mass, first, second


@njit(cache=True)
def tilt(sign, power, mean, variance, log_mass, offset, spread):
    """Write moments of normal scores times the likelihoods of labels.

    By the trapezoidal rule outward from about the mode: densities are analytic in a
    strip of width pi about the real line, so that the error of steps shorter than one
    is below one in a million.

    Parameters
    ----------
    sign, power : float64 arrays of shape (n_entries,)
        The likelihood of score s is ``expit(sign * s) ** power``.
    mean, variance : float64 arrays of shape (n_entries,)
        Of normal scores.
    log_mass, offset, spread : float64 arrays of shape (n_entries,)
        Written: logarithm of the integral, mean of the product less ``mean``, and its
        variance.
    """
    for i in range(mean.size):
        centre, step = sign[i] * mean[i], STEP * min(1.0, np.sqrt(variance[i]))
        start = near_mode(power[i], centre, variance[i])
        right = sums_aside(start, power[i], centre, variance[i], step)
        left = sums_aside(start, power[i], centre, variance[i], -step)
        mass = 1.0 + right[0] + left[0]
        first = (right[1] + left[1]) / mass
        top = log_density(start, power[i], centre, variance[i])
        log_mass[i] = top + np.log(mass * step / np.sqrt(2.0 * np.pi * variance[i]))
        offset[i] = sign[i] * (start - centre + first)
        spread[i] = (right[2] + left[2]) / mass - first * first
