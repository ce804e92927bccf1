"""Limited-memory BFGS that stops on an estimate of what is left to gain."""

from typing import NamedTuple

import numpy as np

MEMORY = 10
SUFFICIENT = 1e-4
# Callers scale their value to be one at the start.
LEAST_VALUE = 1e-30


class Descent(NamedTuple):
    """Where a descent stopped.

    Attributes
    ----------
    x : float64 array of shape (n,)
    value : float
    excess : float
        Estimate of ``value`` above the nearest minimum, relative to ``value``.
    n_iter : int
    n_evaluations : int
    """

    x: np.ndarray
    value: float
    excess: float
    n_iter: int
    n_evaluations: int


def minimise(evaluate, x, tol, max_iter, first=None):
    """Minimise a positive function whose curvature is about one in every direction.

    There half the squared gradient estimates the distance to the minimal value; the
    descent ends when that is below ``tol`` times the value. The estimate is exact for
    a quadratic of curvature one, which is what callers rescale their problem to.
    (Nocedal and Wright, Numerical Optimization, 2006, algorithms 7.4 and 3.1.)

    Parameters
    ----------
    evaluate : callable
        Takes ``x`` and returns the value and the gradient.
    x : float64 array of shape (n,)
        Start.
    tol : float
    max_iter : int
    first : tuple, default=None
        Value and gradient at ``x``, if known.

    Returns
    -------
    Descent
    """
    value, gradient = evaluate(x) if first is None else first
    pairs, n_evaluations, n_iter = [], 1, 0
    while _excess(value, gradient) > tol and n_iter < max_iter:
        n_iter += 1
        direction = -_two_loops(gradient, pairs)
        slope = gradient @ direction
        if slope >= 0.0:
            pairs, direction = [], -gradient
            slope = -(gradient @ gradient)
        trial = _search(evaluate, x, value, direction, slope)
        n_evaluations += trial[-1]
        if trial[0] is None:
            break
        new_x, new_value, new_gradient, _ = trial
        pairs = _remember(pairs, new_x - x, new_gradient - gradient)
        x, value, gradient = new_x, new_value, new_gradient
    return Descent(x, value, _excess(value, gradient), n_iter, n_evaluations)


def _excess(value, gradient):
    """Return half the squared gradient relative to the value."""
    return 0.5 * (gradient @ gradient) / max(value, LEAST_VALUE)


def _two_loops(gradient, pairs):
    """Return the inverse of the approximate Hessian times the gradient."""
    result, weights = gradient.copy(), []
    for step, change, inner in reversed(pairs):
        weight = (step @ result) / inner
        result -= weight * change
        weights.append(weight)
    if pairs:
        _, change, inner = pairs[-1]
        result *= inner / (change @ change)
    for (step, change, inner), weight in zip(pairs, reversed(weights), strict=True):
        result += (weight - (change @ result) / inner) * step
    return result


def _search(evaluate, x, value, direction, slope):
    """Halve the step (or follow a parabola) until the value falls enough."""
    length, floor = 1.0, 1e-14 * abs(value)
    for n_evaluations in range(1, 31):
        new_x = x + length * direction
        new_value, new_gradient = evaluate(new_x)
        if new_value <= value + SUFFICIENT * length * slope:
            return new_x, new_value, new_gradient, n_evaluations
        # Below this the difference of values is rounding.
        if -length * slope < floor:
            break
        rise = new_value - value - length * slope
        best = -0.5 * slope * length**2 / rise if rise > 0.0 else 0.0
        length = min(max(best, 0.1 * length), 0.5 * length)
    return None, value, None, n_evaluations


def _remember(pairs, step, change):
    """Keep the newest pairs; one without positive curvature tells nothing."""
    inner = step @ change
    if inner <= 1e-12 * (step @ step):
        return pairs
    return [*pairs[-(MEMORY - 1) :], (step, change, inner)]
