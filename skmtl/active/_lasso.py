r"""Lasso paths and basis pursuit, handed to scikit-learn and to HiGHS.

The least risk that a budget :math:`b` buys is

.. math:: \min_\nu\; (c - V\nu)^\top A_0^{-1} (c - V\nu) + \|\nu\|_1^2 / b,

with money in proportion to :math:`|\nu|` (Sagnol and Pronzato 2023): the point of an
ordinary Lasso path at which the penalty is :math:`\|\nu\|_1 / b`. The path is linear
between the knots that LARS returns, hence no parameter to tune and nothing to iterate.
Without samples held it is the end of the path, the mixture of least :math:`\ell_1` norm
(Elfving 1952).
"""

import warnings

import numpy as np
from scipy.optimize import linprog
from sklearn import config_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import lars_path

# LARS stops at a correlation of 1e-7 whatever the data: a large response makes that
# small.
RESPONSE = 1e6


def lasso_path(heads, target):
    """Return the knots of the Lasso path: penalties, and weights in columns."""
    k, n_sources = heads.shape
    unit = np.sqrt((heads * heads).sum(axis=0).max())
    length = np.sqrt(target @ target)
    if unit * length == 0.0:
        return np.zeros(1), np.zeros((n_sources, 1))
    with warnings.catch_warnings(), config_context(skip_parameter_validation=True):
        # Whether the path is right to its end is told by what it leads to.
        warnings.simplefilter("ignore", ConvergenceWarning)
        knots, _, path = lars_path(
            np.divide(heads, unit, order="F"),
            target * (RESPONSE / length),
            max_iter=8 * k + 64,
            method="lasso",
            copy_X=False,
        )
    scale = length / RESPONSE
    return knots * (k * unit * scale), path * (scale / unit)


def pursuit(heads, target):
    """Return the mixture of least l1 norm that is the target, and its dual direction.

    The dual direction correlates with no head by more than one, and its product with
    the target is the norm. The residual shows whether there is such a mixture.
    """
    knots, path = lasso_path(heads, target)
    if knots.size < 2:
        return path[:, -1], np.zeros_like(target)
    residual = target - heads @ path[:, -2]
    return path[:, -1], residual / knots[-2]


def pursuit_by_programme(heads, target):
    """Return what ``pursuit`` does, by a linear programme: ties may halt LARS."""
    n_sources = heads.shape[1]
    result = linprog(
        np.ones(2 * n_sources),
        A_eq=np.hstack([heads, -heads]),
        b_eq=target,
        method="highs-ds",
    )
    if result.x is None:
        return np.zeros(n_sources), np.zeros_like(target)
    return result.x[:n_sources] - result.x[n_sources:], result.eqlin.marginals


def squared_lasso(heads, target, budget):
    """Return the weights of the squared-l1 Lasso with information one held."""
    knots, path = lasso_path(heads, target)
    slack = knots * budget - np.abs(path).sum(axis=0)
    crossed = np.flatnonzero(slack <= 0.0)
    if crossed.size == 0:
        return path[:, -1]
    after = crossed[0]
    share = slack[after - 1] / (slack[after - 1] - slack[after])
    return (1.0 - share) * path[:, after - 1] + share * path[:, after]
