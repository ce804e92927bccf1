"""A normal prior over the coefficients of tasks."""

from typing import NamedTuple

import numpy as np


class Prior(NamedTuple):
    """A prior over the coefficients of tasks.

    Attributes
    ----------
    factor : array of shape (n_coordinates, n_coordinates)
        A square root of ``D``.
    mean_variance : float
        ``c``.
    """

    factor: np.ndarray
    mean_variance: float

    @property
    def covariance(self):
        """The covariance ``D`` of deviations, in units of the noise variance."""
        return self.factor @ self.factor.T


def equal_variances(model, inverse):
    """Return the diagonal the covariance is pulled to: one variance for all slopes.

    Of all such diagonals it is the one of largest penalised likelihood.
    """
    diagonal, i = np.diag(inverse), model.n_intercepts
    n_slopes = diagonal.size - i
    mean = diagonal[i:].sum() / max(n_slopes, 1)
    slopes = np.full(n_slopes, 1.0 / max(mean, 1e-300))
    return np.concatenate([1.0 / diagonal[:i], slopes])


def slope_variance(prior, model):
    """Return the prior variance of a slope along which there are no data."""
    deviations = prior.covariance[model.n_intercepts :, model.n_intercepts :]
    if not len(deviations):
        return 0.0
    if model.pull == 0.0 or not prior.factor.any():
        return np.trace(deviations) / len(deviations) + prior.mean_variance
    inverse = np.linalg.inv(prior.covariance)
    return equal_variances(model, inverse)[-1] + prior.mean_variance


def root_of(matrix, symmetric=True):
    """Return a square root of a covariance, and its inverse."""
    value, vector = np.linalg.eigh(matrix)
    root = np.sqrt(np.maximum(value, max(value[-1], 1e-300) * 1e-15))
    if not symmetric:
        return vector * root, (vector / root).T
    return (vector * root) @ vector.T, (vector / root) @ vector.T
