"""What is known of every task's coefficients under a prior."""

from typing import NamedTuple

import numpy as np


class Posterior(NamedTuple):
    """Normal distributions of coefficients: of each task, and of a task without rows.

    Attributes
    ----------
    position : array of shape (n_tasks, n_coordinates)
    covariance : array of shape (n_tasks or 1, n_coordinates, n_coordinates)
    mean : array of shape (n_means, n_coordinates)
        What is expected of a task without rows, one for each block of tasks.
    spread : array of shape (n_means, n_coordinates, n_coordinates)
        The covariance of a task without rows.
    deviation : array of shape (n_tasks, n_coordinates)
        Each task's deviation from its mean in units of the prior covariance.
    expected : array of shape (n_tasks,)
        The squared length that the prior expects of it.
    """

    position: np.ndarray
    covariance: np.ndarray
    mean: np.ndarray
    spread: np.ndarray
    deviation: np.ndarray
    expected: np.ndarray


def posterior(optimum):
    """Return the posterior at the most likely prior.

    The mean is integrated out: what is not known of it is part of every covariance.
    """
    point, factor = optimum.point, optimum.prior.factor
    D, noise, n_means = optimum.prior.covariance, point.noise, len(point.mean)
    block = np.repeat(np.arange(n_means), len(point.score) // n_means)
    information = point.white.transpose(0, 2, 1) @ point.white
    taken = D @ information
    of_deviation = D - taken @ D
    of_mean = np.eye(len(D)) - taken
    # Tasks that share all their rows, and their mean, share a covariance as well.
    centre = point.mean_covariance if n_means == 1 else point.mean_covariance[block]
    covariance = of_deviation + of_mean @ centre @ of_mean.transpose(0, 2, 1)
    deviation = point.score @ factor
    expected = noise * np.einsum("tij,ij->t", information, D)
    expected = np.broadcast_to(expected, block.shape)
    return Posterior(
        point.mean[block] + point.score @ D,
        noise * (covariance + covariance.transpose(0, 2, 1)) / 2.0,
        point.mean,
        noise * (D + point.mean_covariance),
        deviation,
        expected,
    )


def conditioned(mean, covariance, root, target, noise):
    """Return mean and covariance of coefficients after rows with targets are seen."""
    carried = root @ covariance
    total = carried @ root.T + noise * np.eye(len(root))
    gain = np.linalg.solve(total, carried).T
    covariance = covariance - gain @ carried
    mean = mean + gain @ (target - root @ mean)
    return mean, (covariance + covariance.T) / 2.0


def deviation_of(mean, factor, root, target, noise):
    """Return one task's deviation and its expected length, as in a posterior."""
    carried = root @ factor
    total = np.eye(len(root)) + carried @ carried.T
    seen = np.linalg.solve(total, carried)
    deviation = seen.T @ (target - root @ mean)
    expected = noise * np.einsum("qk,qk->", seen, carried)
    return deviation, expected


def surprise(deviation, expected):
    """Return the squared lengths of deviations over those that the prior expects."""
    square = (deviation**2).sum(axis=-1)
    return np.divide(square, expected, out=np.zeros_like(square), where=expected > 0.0)


def quadratic(rows, matrix):
    """Return ``x @ matrix @ x`` for every row x."""
    return np.einsum("ij,ij->i", rows @ matrix, rows)


def cosines(deviation):
    """Return the cosine of the angle between any two rows; of zeros, zero."""
    length = np.sqrt((deviation**2).sum(axis=1, keepdims=True))
    unit = np.divide(
        deviation, length, out=np.zeros_like(deviation), where=length > 0.0
    )
    similarity = unit @ unit.T
    np.fill_diagonal(similarity, 1.0)
    return similarity.clip(-1.0, 1.0)
