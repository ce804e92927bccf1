"""What the hierarchical models of both kinds share."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from ._marginal_likelihood import Model

# A variance of log odds, per standard deviation of a feature, that is beyond any data.
LARGE_VARIANCE = 25.0


def hierarchy(frame, weight, shrinkage, **options):
    """Return the model of tasks in a frame, with their sums of weights."""
    first = int(frame.intercept)
    n_coordinates = first + frame.n_slopes
    if shrinkage == 0.0:
        return Model(n_coordinates, first, 0.0, **options)
    options["in_common"] = True
    if np.count_nonzero(weight) < n_coordinates:
        return Model(first, first, 0.0, equal=True, **options)
    return Model(first, first, shrinkage * n_coordinates, **options)


def report(gradient, tol, n_iter):
    """Warn of a fit that stopped early."""
    if gradient > tol:
        warnings.warn(
            f"A derivative of {gradient:.1e} is left after {n_iter} steps, more than "
            f"tol={tol:g}; increase max_iter or tol.",
            ConvergenceWarning,
            stacklevel=2,
        )
