"""Moments of linear scores: of normal coefficients, and with a label's likelihood."""

import numpy as np
from numba import njit

# Parts of a density below this share of its peak are left out.
NEGLIGIBLE = -34.0


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
def log_density(score, power, mean, variance):
    """Return the log of a normal density times a logistic function to a power.

    Up to the constant of the normal density.
    """
    likely = min(score, 0.0) - np.log1p(np.exp(-abs(score)))
    return power * likely - (score - mean) ** 2 / (2.0 * variance)


@njit(cache=True)
def tilted_mode(power, mean, variance):
    """Return the score of largest density, by Newton steps that do not leap."""
    mode = mean
    for _ in range(50):
        wrong = 1.0 / (1.0 + np.exp(mode)) if mode > -700.0 else 1.0
        slope = power * wrong - (mode - mean) / variance
        step = slope / (power * wrong * (1.0 - wrong) + 1.0 / variance)
        # The curvature may double within some two units of the score.
        mode += min(max(step, -3.0), 3.0) if variance < 100.0 else step
        if abs(step) < 1e-3 * min(1.0, np.sqrt(variance)):
            break
    return mode


@njit(cache=True)
def tilt(sign, power, mean, variance, log_mass, offset, spread):
    """Write moments of normal scores times the likelihoods of labels.

    By the trapezoidal rule outward from the mode: densities are analytic in a strip of
    width pi about the real line, so that the error of steps much shorter than that is
    far below one in a million.

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
        centre = sign[i] * mean[i]
        mode = tilted_mode(power[i], centre, variance[i])
        top = log_density(mode, power[i], centre, variance[i])
        step = 0.75 * min(1.0, np.sqrt(variance[i]))
        mass, first, second = 1.0, 0.0, 0.0
        for side in (-step, step):
            away, depth = side, 0.0
            while depth > NEGLIGIBLE:
                depth = log_density(mode + away, power[i], centre, variance[i]) - top
                density = np.exp(depth)
                mass += density
                first += density * away
                second += density * away * away
                away += side
        first /= mass
        log_mass[i] = top + np.log(mass * step / np.sqrt(2.0 * np.pi * variance[i]))
        offset[i] = sign[i] * (mode - centre + first)
        spread[i] = second / mass - first * first
