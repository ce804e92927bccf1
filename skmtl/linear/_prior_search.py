"""Search for the prior that makes the targets of all tasks most likely."""

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

from ._marginal_likelihood import Point
from ._prior import Prior
from ._prior_coordinates import Factors, Logarithms
from ._prior_curvature import positive

# Of which second derivatives are worth their cost: some thirty coordinates.
MOST_UNKNOWNS = 500
# What is not found by then is found slowly.
MOST_STEPS = 100
# Step along log c of a difference of gradients.
NEARBY = 1e-4


class Optimum(NamedTuple):
    """The most likely prior, the point there, and how it was reached."""

    prior: Prior
    point: Point
    n_iter: int
    gradient: float


def ascend(evaluate, tasks, model, prior, *, tol, max_iter):
    """Return the prior uphill of another, where ``evaluate`` returns the points.

    By Newton's method where second derivatives are few, else by quasi-Newton steps.
    ``tasks`` say how many there are and how large.
    """
    path = Logarithms.around(prior, evaluate, tasks, model)
    if model.equal or not path.has_covariance:
        return _descend(path, tol, max_iter)
    newton = path
    if model.pull == 0.0:
        newton = Factors(evaluate, tasks, model, *prior)
    if newton.size > MOST_UNKNOWNS:
        return _descend(path, tol, max_iter)
    near = _newton(newton, tol, min(max_iter, MOST_STEPS))
    if near.gradient <= tol or near.n_iter >= max_iter:
        return near
    path = Logarithms.around(near.prior, evaluate, tasks, model)
    found = _descend(path, tol, max_iter - near.n_iter)
    return found._replace(n_iter=near.n_iter + found.n_iter)


def _descend(path, tol, max_iter):
    """Take quasi-Newton steps to the optimum, and again from where they end."""
    gradient, n_iter, progress = path.objective(np.zeros(path.size))[1], 0, True
    gradient = path.steepest(gradient)
    while gradient > tol and n_iter < max_iter and progress:
        found = minimize(
            path.objective,
            np.zeros(path.size),
            jac=True,
            method="L-BFGS-B",
            options={
                "maxiter": max_iter - n_iter,
                "maxfun": 20 * max_iter,
                "maxcor": 20,
                "ftol": 0.0,
                "gtol": tol,
            },
        )
        progress = found.nit > 1 or np.abs(found.jac).max() < gradient
        path, gradient = path.at(found.x), np.abs(found.jac).max()
        n_iter += max(found.nit, 1)
    prior = path.prior(np.zeros(path.size))
    return Optimum(prior, path.evaluate(*prior), n_iter, float(gradient))


def _newton(path, tol, max_iter):
    """Take Newton's steps, damped while they do not descend (Levenberg, 1944).

    Every step starts from coordinates about the present prior, so that a variance on
    its way to zero is followed at any scale.
    """
    n_iter, damping, zero = 0, 1e-3, np.zeros(path.size)
    point = path.evaluate(*path.prior(zero))
    value, gradient = path.derivatives(zero, point)
    while path.steepest(gradient) > tol and n_iter < max_iter and damping < 1e8:
        n_iter += 1
        second = positive(with_mixed(path, path.information(point), gradient))
        diagonal, new = np.diag(np.diag(second)), np.inf
        while not new < value and damping < 1e8:
            step = np.linalg.solve(second + damping * diagonal, -gradient)
            step = path.shortened(step)
            trial = path.evaluate(*path.prior(step))
            new = path.derivatives(step, trial)[0]
            damping = damping / 10.0 if new < value else 10.0 * damping
        if new < value:
            path, point, damping = path.at(step), trial, max(damping, 1e-6)
            value, gradient = path.derivatives(zero, point)
    return Optimum(path.prior(zero), point, n_iter, path.steepest(gradient))


def with_mixed(path, second, gradient):
    """Return second derivatives with those along ``log c``, the last coordinate.

    Where noise goes to zero all variances grow together: without mixed derivatives
    Newton's method does not see that. A difference of gradients has them all.
    """
    if not path.has_mean:
        return second
    step = np.zeros(path.size)
    step[-1] = NEARBY
    beyond = path.derivatives(step, path.evaluate(*path.prior(step)))[1]
    second[-1] = second[:, -1] = (beyond - gradient) / NEARBY
    return second
