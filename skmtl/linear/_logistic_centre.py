"""Classification tasks around one common model."""

import numpy as np

from ._centre import Eigen, eigen, solve_centre
from ._working import Step, majorise, no_step


def centre_solver(alpha, ridge, n_scores):
    """Return a solver of quadratic problems around one centre for each score."""

    def solve(sample, last):
        parts = eigen(sample.tasks)
        n_pairs, n_features = sample.tasks.shape
        coef, centres = np.empty((n_pairs, n_features)), []
        for score in range(n_scores):
            own = slice(score, None, n_scores)
            coef[own], centre = solve_centre(
                Eigen(*(part[own] for part in parts)), alpha, ridge
            )
            centres.append(centre)
        centres = np.array(centres)
        penalty = centre_penalty(coef, centres, alpha, ridge)
        return Step(coef, sample.intercept(coef), penalty, centres)

    return solve


def centre_penalty(coef, centres, alpha, ridge):
    """Return the penalty of coefficients around their centres."""
    about = coef.reshape(-1, *centres.shape) - centres
    return 0.5 * (alpha * np.sum(about**2) + ridge * np.sum(centres**2))


def fit_logistic_centre(labels, alpha, ridge, tol, max_iter, start=None):
    """Fit logistic models around their centre.

    The ``ridge`` of the centre keeps the coefficients of classes that can be separated
    finite.

    Returns
    -------
    Majorised
        The state of its step is the centres, one row for each score.
    """
    solve = centre_solver(alpha, ridge, labels.n_scores)
    if start is None:
        start = no_step(labels, labels.data.X.shape[1])
    else:
        penalty = centre_penalty(start.coef, start.state, alpha, ridge)
        start = start._replace(penalty=penalty)
    return majorise(labels, solve, start, tol, max_iter)


def left_out_loss(labels, fit):
    """Return the summed logistic loss of labels that a fit has not seen."""
    scores = labels.scores(fit.step.coef, fit.step.intercept)
    return float(labels.data.weight @ labels.losses(scores))
