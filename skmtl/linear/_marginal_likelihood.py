"""Marginal likelihood of a Gaussian prior over the coefficients of tasks.

Task ``t`` has targets ``b_t = R_t w_t + e`` with noise variance ``s``, coefficients
``w_t = m + d_t``, deviations ``d_t ~ N(0, s D)`` and a mean ``m`` whose slopes are
``N(0, s c I)`` and whose other coordinates have a flat prior. The slopes of the mean
are integrated out; the noise and the flat coordinates take their best values for given
``D`` and ``c``.
"""

from typing import NamedTuple

import numpy as np
from scipy.linalg import solve_triangular


class Model(NamedTuple):
    """What is maximised.

    Attributes
    ----------
    n_free : int
        Leading coordinates of the mean that have a flat prior.
    n_intercepts : int
        Leading coordinates whose variance is not compared with the slopes'.
    pull : float
        Imaginary tasks that speak for slopes of equal variance without correlation.
    equal : bool
        Whether slopes have one variance and no correlation.
    n_means : int
        The tasks fall into so many equal blocks, each with a mean of its own.
    noise : float or None
        The noise variance where it is known.
    rate : float
        Rate of an exponential prior on every variance, which keeps them finite where
        the data do not.
    in_common : bool
        Whether the share of the variance of slopes that tasks have in common has a
        prior: it is as likely to be small as to be large.
    """

    n_free: int
    n_intercepts: int
    pull: float
    equal: bool = False
    n_means: int = 1
    noise: float | None = None
    rate: float = 0.0
    in_common: bool = False


class Point(NamedTuple):
    """The likelihood at one prior, and what its derivatives are made of.

    Attributes
    ----------
    deviance : float
        Minus twice the log likelihood, without the term of the weight alone.
    slope : array of shape (n_coordinates, n_coordinates)
        Derivative of the deviance with respect to ``D``.
    mean_slope : float
        Derivative of the deviance with respect to ``log c``.
    noise : float
    mean : array of shape (n_means, n_coordinates)
    mean_covariance : array of shape (n_means, n_coordinates, n_coordinates)
        In units of the noise variance.
    white : array of shape (n_tasks or 1, n_rows, n_coordinates)
        Rows of every task, whitened by the covariance of its targets.
    score : array of shape (n_tasks, n_coordinates)
        The posterior mean of a task's deviation is ``D @ score``.
    """

    deviance: float
    slope: np.ndarray
    mean_slope: float
    noise: float
    mean: np.ndarray
    mean_covariance: np.ndarray
    white: np.ndarray
    score: np.ndarray


def whitened(tasks, factor):
    """Return rows and targets whitened by ``I + R D R'``, and its log determinants."""
    carried = tasks.root @ factor
    covariance = carried @ carried.transpose(0, 2, 1)
    place = np.arange(covariance.shape[1])
    covariance[:, place, place] += 1.0
    lower = np.linalg.cholesky(covariance)
    logdet = 2.0 * np.log(lower[:, place, place]).sum(axis=1)
    if tasks.root.shape[0] == 1:
        root = solve_triangular(lower[0], tasks.root[0], lower=True)[None]
        target = solve_triangular(lower[0], tasks.target.T, lower=True).T
        return root, target, logdet[0] * len(target)
    both = np.concatenate([tasks.root, tasks.target[:, :, None]], axis=2)
    both = np.linalg.solve(lower, both)
    return np.ascontiguousarray(both[:, :, :-1]), both[:, :, -1], logdet.sum()


def likelihood(tasks, model, factor, mean_variance):
    """Return the point for ``D = factor @ factor.T`` and ``c = mean_variance``."""
    white, target, deviance = whitened(tasks, factor)
    n_coordinates, free = factor.shape[0], model.n_free
    n_each = len(target) // model.n_means
    parts = []
    for k in range(model.n_means):
        block = slice(k * n_each, (k + 1) * n_each)
        rows = white if len(white) == 1 else white[block]
        parts.append(_block(rows, target[block], free, mean_variance))
    square = tasks.remainder + sum(part.square for part in parts)
    noise = model.noise or square / tasks.weight
    score = np.concatenate([part.score for part in parts])
    slope = sum(part.information for part in parts) - score.T @ score / noise
    deviance += square / noise + tasks.weight * np.log(noise)
    deviance += sum(part.logdet for part in parts)
    n_bound = model.n_means * (n_coordinates - free)
    mean_slope = n_bound - sum(part.trace + part.length / noise for part in parts)
    return Point(
        float(deviance),
        slope,
        float(mean_slope),
        float(noise),
        np.stack([part.mean for part in parts]),
        np.stack([part.covariance for part in parts]),
        white,
        score,
    )


def log_likelihood(point, weight, y_scale):
    """Return the log density of the targets in their own units."""
    jacobian = weight @ np.log(y_scale)
    return float(
        -0.5 * (point.deviance + weight.sum() * np.log(2.0 * np.pi)) - jacobian
    )


class _Block(NamedTuple):
    mean: np.ndarray
    covariance: np.ndarray
    square: float
    logdet: float
    information: np.ndarray
    score: np.ndarray
    trace: float
    length: float


def _block(white, target, free, mean_variance):
    """Return one mean's part of the likelihood, from whitened rows and targets."""
    n_tasks, n_coordinates = len(target), white.shape[2]
    flat = white.reshape(-1, n_coordinates)
    if len(white) == 1:
        precision = n_tasks * (flat.T @ flat)
        moment = target.sum(axis=0) @ flat
    else:
        precision = flat.T @ flat
        moment = target.ravel() @ flat
    bound = np.arange(free, n_coordinates)
    total = precision.copy()
    total[bound, bound] += 1.0 / mean_variance
    covariance = _inverse(total)
    mean = covariance @ moment
    residual = target - white @ mean
    if len(white) == 1:
        score = residual @ white[0]
    else:
        score = np.einsum("tqk,tq->tk", white, residual)
    inner = np.zeros_like(total)
    lower = np.linalg.cholesky(total[free:, free:])
    inner[free:, free:] = _inverse(total[free:, free:])
    logdet = 2.0 * np.log(np.diag(lower)).sum() + bound.size * np.log(mean_variance)
    length = float(mean[free:] @ mean[free:]) / mean_variance
    if bound.size:
        hidden = (white @ inner) @ white.transpose(0, 2, 1) @ white
        repeat = n_tasks if len(white) == 1 else 1
        precision = precision - repeat * (flat.T @ hidden.reshape(flat.shape))
    return _Block(
        mean,
        covariance,
        float((residual**2).sum()) + length,
        float(logdet),
        precision,
        score,
        float(np.trace(inner)) / mean_variance,
        length,
    )


def _inverse(matrix):
    """Return the inverse of a positive definite matrix, scaled to a unit diagonal."""
    if not matrix.size:
        return matrix.copy()
    size = np.sqrt(np.diag(matrix))
    return np.linalg.inv(matrix / np.outer(size, size)) / np.outer(size, size)
