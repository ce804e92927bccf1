"""A shared span that tasks outside it cannot bend."""

from typing import NamedTuple

import numpy as np

from ._heads import Representation, fit_representation
from ._low_rank import fit_span, least_ridge, whitening
from ._robust import (
    OutlierTest,
    base_strength,
    deviations,
    noise_level,
    outlier_test,
    own_ridge,
    robust_loss,
    spectra,
    winsorise,
)
from ._squared_tasks import GramTasks, solve_heads

ROUNDS = 100
ROUND_CHANGE = 1e-9
INNER_ITERATIONS = 20
INNER_TOL = 1e-9
NOISE_ROUNDS = 3
ORDINARY = 0.8
# A ridge too weak to matter, but enough for tasks with hardly any rows.
WEAK_RIDGE = 1e-4


class RobustFit(NamedTuple):
    """A span, what every task is by it or beside it, and which are beside it.

    Attributes
    ----------
    representation : Representation
    coef : float64 array of shape (n_tasks, n_features)
    test : OutlierTest
    """

    representation: Representation
    coef: np.ndarray
    test: OutlierTest


class RobustSpan(NamedTuple):
    """The span of a robust fit, by iteratively softened least squares.

    Attributes
    ----------
    basis, heads : float64 arrays
    softened : GramTasks
        The quadratic bound on the robust loss that the span is the solution of.
    objective : float
    n_iter : int
    converged : bool
    """

    basis: np.ndarray
    heads: np.ndarray
    softened: GramTasks
    objective: float
    n_iter: int
    converged: bool


def robust_span(tasks, white, axes, rank, ridge, strength, *, start, max_rounds=ROUNDS):
    """Minimise the robust loss over coefficients of a given rank.

    The loss of every task is bounded by a quadratic that touches it at the present
    coefficients; the rank-constrained problem with those takes its place, in turn.
    """
    ridge = least_ridge(white, ridge)
    basis, (_, heads, _) = start, tasks.fit_heads(start, ridge)
    objective, converged = np.inf, False
    n_iter = 0
    while not converged and n_iter < max_rounds:
        n_iter += 1
        coef = heads @ basis.T
        deviation = deviations(axes, coef, strength)
        loss = robust_loss(axes, coef, deviation, strength)
        last = objective
        objective = tasks.scale @ loss + 0.5 * ridge * np.sum(heads**2)
        converged = last - objective <= ROUND_CHANGE * abs(objective)
        gram, xy = axes.softened(np.linalg.norm(deviation, axis=1), strength)
        softened = tasks._replace(gram=gram, xy=xy)
        if not converged:
            span = fit_span(
                softened, whitening(softened), rank, ridge,
                start=basis, tol=INNER_TOL, max_iter=INNER_ITERATIONS,
            )  # fmt: skip
            basis, heads = span.basis, span.heads
    return RobustSpan(basis, heads, softened, objective, n_iter, converged)


def spectral_start(axes, own, rank):
    """Return the leading directions of the tasks' own fits, long ones cut short."""
    size = np.linalg.norm(own, axis=1)
    limit = np.quantile(size, ORDINARY)
    cut = np.divide(limit, size, out=np.ones_like(size), where=size > limit)
    left = np.linalg.svd(axes.coef(own * cut[:, None]).T, full_matrices=False)[0]
    if left.shape[1] < rank:
        left = np.linalg.qr(np.hstack([left, np.eye(len(left))]))[0]
    return left[:, :rank]


def fit_robust_representation(sample, rank, alpha, *, start=None, tol, max_iter):
    """Fit a span to the tasks that share one, and find those that do not.

    First a robust fit of all tasks, then a test of each, then a plain fit of the tasks
    that pass. These may still deviate; tasks that fail get a ridge fit of their own.
    """
    tasks = sample.tasks
    white = whitening(tasks)
    factor = white.factor / np.sqrt(tasks.scale.mean())
    axes, freedom = spectra(tasks, factor), sample.freedom()
    own, own_rank = axes.own_fit()
    own_error = np.maximum(axes.yy - np.sum(own * axes.moments, axis=1), 0.0)
    basis = spectral_start(axes, own, rank) if start is None else start
    spare = freedom - own_rank
    measured = np.mean(spare >= 1.0) > 0.5
    ridge = WEAK_RIDGE * white.size if alpha is None else alpha
    size = np.linalg.norm(own, axis=1)
    noise = noise_level(own_error, spare)
    if not measured:
        noise = noise_level(_span_error(tasks, axes, basis), freedom - rank)
    for _ in range(1 if measured else NOISE_ROUNDS):
        strength = base_strength(axes, noise)
        span = robust_span(
            tasks, white, axes, rank, ridge, winsorise(strength, size), start=basis
        )
        basis, error = span.basis, _span_error(tasks, axes, span.basis)
        noise = noise if measured else noise_level(error, freedom - rank)
    test = outlier_test(error, own_error, rank, own_rank, freedom)
    representation = _plain_fit(sample, span, test, rank, alpha, tol, max_iter)
    error = _span_error(tasks, axes, representation.basis)
    test = outlier_test(error, own_error, rank, own_rank, freedom)
    return RobustFit(
        representation, _final_coef(axes, representation, test, strength, freedom), test
    )


def _plain_fit(sample, span, test, rank, alpha, tol, max_iter):
    """Fit the span of the tasks that are not flagged, unless hardly any is left."""
    kept = np.flatnonzero(~test.flagged & (sample.weight > 0.0))
    if kept.size < max(rank + 1, len(sample.weight) / 2):
        kept = np.flatnonzero(sample.weight > 0.0)
    softened = span.softened
    if kept.size == len(sample.weight):
        part = softened
    else:
        part = GramTasks(
            softened.gram[kept], softened.xy[kept], softened.yy[kept],
            softened.scale[kept],
        )  # fmt: skip
    part = sample._replace(tasks=part, weight=sample.weight[kept])
    fit = fit_representation(
        part, whitening(part.tasks), rank, alpha,
        start=span.basis, tol=tol, max_iter=max_iter,
    )  # fmt: skip
    return fit._replace(heads=fit.prior.heads(*sample.tasks.project(fit.basis))[0])


def _span_error(tasks, axes, basis):
    """Return every task's squared error by least squares within a span."""
    gram, xy = tasks.project(basis)
    ridge = 1e-10 * max(np.trace(gram, axis1=1, axis2=2).mean(), 1e-150)
    return np.maximum(axes.yy - np.sum(xy * solve_heads(gram, xy, ridge), axis=1), 0.0)


def _final_coef(axes, representation, test, strength, freedom):
    """Return coefficients in the span, off it where that pays, or of a task's own."""
    centre = representation.coef
    coef = centre - axes.coef(deviations(axes, centre, strength))
    if test.flagged.any():
        rank = representation.basis.shape[1]
        alone = axes.coef(own_ridge(axes, freedom, centre, rank))
        coef[test.flagged] = alone[test.flagged]
    return coef
