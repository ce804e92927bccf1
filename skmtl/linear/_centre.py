r"""Tasks around one common model, in closed form and robustly.

The first problem is

.. math:: \min\ \sum_t \frac{c_t}{2} \lVert y_t - X_t w_t \rVert^2
          + \frac{\alpha}{2} \sum_t \lVert w_t - w_0 \rVert^2
          + \frac{\beta}{2} \lVert w_0 \rVert^2 ,

quadratic in everything, so that w_0 solves one linear system (Evgeniou and Pontil,
2004). The second bounds by a norm instead of a square what a task may deviate, so that
most tasks do not deviate at all (Duan and Wang, 2023).
"""

from typing import NamedTuple

import numpy as np
from scipy.linalg import solve_triangular

from ._descent import minimise
from ._low_rank import TINY, whitening
from ._robust import (
    OutlierTest,
    Spectra,
    base_strength,
    deviations,
    noise_level,
    outlier_test,
    own_ridge,
    robust_loss,
    spectra,
)
from ._squared_tasks import GramTasks

RANK_TOLERANCE = 1e-11
# From this part of a task's curvature on, a strength keeps rounding out of its rank.
REGULAR = 1e-3
FIRST_ALPHA = 0.25


class CentreFit(NamedTuple):
    """Coefficients around a centre.

    Attributes
    ----------
    coef : float64 array of shape (n_tasks, n_features)
    near : float64 array of shape (n_tasks, n_features)
        Coefficients by the objective, before tasks off the centre get their own.
    centre : float64 array of shape (n_features,)
    excess : float
        Estimate of the objective above its minimum, relative to it.
    n_iter : int
    test : OutlierTest or None
    """

    coef: np.ndarray
    near: np.ndarray
    centre: np.ndarray
    excess: float
    n_iter: int
    test: OutlierTest | None


class Eigen(NamedTuple):
    """Eigenvalues and vectors of every task's Gram matrix, and moments along these."""

    values: np.ndarray
    vectors: np.ndarray
    moments: np.ndarray
    scale: np.ndarray


def eigen(tasks):
    """Return the eigenvalues and vectors of GramTasks."""
    values, vectors = np.linalg.eigh(tasks.gram)
    floor = RANK_TOLERANCE * values.max(axis=1, keepdims=True).clip(min=0.0)
    values = np.where(values > floor, values, 0.0)
    moments = (tasks.xy[:, None, :] @ vectors)[:, 0]
    return Eigen(values, vectors, moments, tasks.scale)


class CentreEquation(NamedTuple):
    """The centre's linear equation without a ridge, along its own axes.

    Attributes
    ----------
    values, side : float64 arrays of shape (n_features,)
    axes : float64 array of shape (n_features, n_features)
    size : float
        By what both sides were multiplied, which keeps them in range.
    """

    values: np.ndarray
    side: np.ndarray
    axes: np.ndarray
    size: float


def centre_equation(parts, alpha, ridge=0.0):
    """Return the equation of the centre for a strength, and up to about one ridge."""
    total, present = _curvature(parts, alpha)
    size = parts.scale.mean() * parts.values.mean() + alpha
    if ridge > alpha > 0.0:
        size *= alpha / ridge
    share = np.where(present, size / total * parts.values, 0.0)
    pull = np.where(present, size / total * parts.moments, 0.0)
    vectors = parts.vectors
    if len(vectors) < len(share):
        share, pull = share.sum(axis=0)[None], pull.sum(axis=0)[None]
    matrix = np.zeros(vectors.shape[1:])
    # One task after the other, for want of memory for all products at once.
    for axes, factor in zip(vectors, share, strict=True):
        matrix += axes * factor @ axes.T
    values, axes = np.linalg.eigh(matrix)
    side = axes.T @ (vectors @ pull[:, :, None])[:, :, 0].sum(axis=0)
    return CentreEquation(values, side, axes, size)


def around_centre(parts, equation, alpha, ridge):
    """Return the coefficients of all tasks, and the centre with a ridge of its own."""
    centre = _centre(equation, alpha, ridge)
    total, present = _curvature(parts, alpha)
    at = (centre @ parts.vectors).reshape(parts.values.shape)
    gap = np.where(present, (parts.moments - parts.values * at) / total, 0.0)
    return centre + (parts.vectors @ gap[:, :, None])[:, :, 0], centre


def _centre(equation, alpha, ridge):
    """Return the centre with a ridge of its own.

    Where nothing pulls tasks to it, it has no equation to put a ridge in.
    """
    known = equation.values > RANK_TOLERANCE * max(equation.values[-1], 0.0)
    weight = ridge / alpha * equation.size if alpha > 0.0 else 0.0
    damped = np.where(known, equation.values + weight, 1.0)
    return equation.axes @ (np.where(known, equation.side, 0.0) / damped)


def solve_centre(parts, alpha, ridge=0.0):
    """Return the coefficients of all tasks, and their centre, for given strengths.

    ``ridge`` is that of the centre itself.
    """
    return around_centre(parts, centre_equation(parts, alpha, ridge), alpha, ridge)


def solve_centres(parts, alpha, ridges):
    """Return the coefficients of all tasks for one strength and several ridges."""
    equation = centre_equation(parts, alpha)
    return [around_centre(parts, equation, alpha, ridge)[0] for ridge in ridges]


def _curvature(parts, alpha):
    """Return every task's curvature with its pull, and where rows give it any."""
    present = parts.values > 0.0
    total = parts.values + (alpha / parts.scale)[:, None]
    return np.where(present, total, 1.0), present


def robust_centre(tasks, axes, strength, ridge, start, tol, max_iter):
    """Minimise the sum of the tasks' robust losses over one centre, with a ridge."""
    mean = tasks.mean_gram() * len(tasks.scale)
    size = max(np.trace(mean) / len(mean), TINY)
    factor = np.linalg.cholesky(mean + (1e-9 * size + ridge) * np.eye(len(mean)))

    def value(centre):
        everyone = np.broadcast_to(centre, tasks.xy.shape)
        deviation = deviations(axes, everyone, strength)
        loss = tasks.scale @ robust_loss(axes, everyone, deviation, strength)
        slope = axes.values * (axes.along(everyone) - deviation) - axes.moments
        slope = (axes.axes @ (tasks.scale[:, None] * slope)[:, :, None])[:, :, 0]
        loss = loss + 0.5 * ridge * np.sum(centre**2)
        return loss, slope.sum(axis=0) + ridge * centre

    # A perfect fit leaves rounding, which is no unit.
    unit = max(value(start)[0], 1e-12 * float(tasks.scale @ tasks.yy))
    unit = unit if unit > TINY else 1.0

    def evaluate(x):
        centre = solve_triangular(factor, x * np.sqrt(unit), lower=True, trans="T")
        loss, slope = value(centre)
        return loss / unit, solve_triangular(factor, slope, lower=True) / np.sqrt(unit)

    descent = minimise(evaluate, factor.T @ start / np.sqrt(unit), tol, max_iter)
    x = descent.x * np.sqrt(unit)
    centre = solve_triangular(factor, x, lower=True, trans="T")
    return centre, descent


def fit_centre(sample, alpha, ridge):
    """Fit tasks around a centre they are drawn to by squares."""
    tasks = sample.tasks
    curvature = np.einsum("tjj->t", tasks.gram) * tasks.scale[: len(tasks.gram)]
    if alpha > REGULAR * curvature.max():
        coef, centre = solve_regular(tasks, alpha, ridge)
    else:
        coef, centre = solve_centre(eigen(tasks), alpha, ridge)
    return CentreFit(coef, coef, centre, 0.0, 1, None)


def solve_regular(tasks, alpha, ridge):
    """Return what ``solve_centre`` does in less time, for strengths that suit it.

    A strength that is no small part of the curvature makes every task's system regular:
    it takes no eigenvectors to solve.
    """
    n_tasks, n_features = tasks.shape
    n_grams = len(tasks.gram)
    gram = tasks.scale[:n_grams, None, None] * tasks.gram
    moments = (tasks.scale[:, None] * tasks.xy).reshape(n_grams, -1, n_features)
    sides = np.concatenate([gram, moments.transpose(0, 2, 1)], axis=2)
    solved = np.linalg.solve(gram + alpha * np.eye(n_features), sides)
    share, own = solved[:, :, :n_features], solved[:, :, n_features:]
    size = alpha * (n_tasks // n_grams)
    values, axes = np.linalg.eigh(size * share.sum(axis=0))
    side = axes.T @ (alpha * own.sum(axis=(0, 2)))
    equation = CentreEquation(values, side, axes, alpha)
    centre = _centre(equation, alpha, ridge)
    own = own.transpose(0, 2, 1).reshape(n_tasks, n_features)
    return own + (centre - (share @ centre)), centre


class RobustTasks(NamedTuple):
    """What a robust fit needs of its tasks, whatever its strength."""

    tasks: GramTasks
    axes: Spectra
    own_error: np.ndarray
    own_rank: np.ndarray
    freedom: np.ndarray
    noise: float
    start: np.ndarray


def robust_tasks(sample):
    """Return tasks with their spectra, own fits, noise, and a centre to start from."""
    tasks, freedom = sample.tasks, sample.freedom()
    axes = spectra(tasks, whitening(tasks).factor / np.sqrt(tasks.scale.mean()))
    own, rank = axes.own_fit()
    error = np.maximum(axes.yy - np.sum(own * axes.moments, axis=1), 0.0)
    ridge = axes.coef(own_ridge(axes, freedom, 0.0 * tasks.xy, 0))
    present = axes.moments.any(axis=1)
    start = np.median(ridge[present], axis=0) if present.any() else ridge[0]
    noise = noise_level(error, freedom - rank)
    if noise == 0.0:
        about = tasks.squared_error(np.broadcast_to(start, own.shape))
        noise = noise_level(about, freedom)
    return RobustTasks(tasks, axes, error, rank, freedom, noise, start)


def fit_robust_centre(part, alpha, ridge, tol, max_iter):
    """Fit tasks on a centre, with deviations where they pay, and test every task.

    The first centre is that of a low price, under which tasks far off hardly count;
    those found off it have no say in where it is at last.
    """
    axes, tasks, control = part.axes, part.tasks, (tol, max_iter)
    strength = alpha * base_strength(axes, part.noise)
    first = min(alpha, FIRST_ALPHA) * base_strength(axes, part.noise)
    centre, _ = robust_centre(tasks, axes, first, ridge, part.start, *control)
    _, test = _test_centre(part, centre)
    kept = tasks
    if test.flagged.sum() < len(tasks.scale) / 2:
        kept = tasks._replace(scale=np.where(test.flagged, 0.0, tasks.scale))
    centre, descent = robust_centre(kept, axes, strength, ridge, centre, *control)
    everyone, test = _test_centre(part, centre)
    deviation = deviations(axes, everyone, strength)
    off = deviation.any(axis=1, keepdims=True)
    coef = near = np.where(off, everyone - axes.coef(deviation), everyone)
    if test.flagged.any():
        alone = axes.coef(own_ridge(axes, part.freedom, everyone, 0))
        coef = np.where(test.flagged[:, None], alone, near)
    n_iter = max(1, descent.n_iter)
    return CentreFit(coef, near, centre, descent.excess, n_iter, test)


def _test_centre(part, centre):
    everyone = np.broadcast_to(centre, part.tasks.xy.shape)
    error = part.tasks.squared_error(everyone)
    test = outlier_test(error, part.own_error, 0, part.own_rank, part.freedom)
    return everyone, test
