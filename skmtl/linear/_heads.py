"""Strength of the penalties of a shared representation, by maximum likelihood."""

from typing import NamedTuple

import numpy as np
from scipy.linalg import lapack

from ._low_rank import LowRank, extend_basis, fit_span, least_ridge

LOOSE = 1e-4
RIDGE_ROUNDS = 8
RIDGE_CHANGE = 0.05
PRIOR_ROUNDS = 100
PRIOR_CHANGE = 1e-3
# Targets have a mean square of one here: what is smaller by this factor is rounding.
NOTHING = 1e-12


class HeadPrior(NamedTuple):
    """Normal distribution of heads, and the noise beside them.

    Attributes
    ----------
    mean : float64 array of shape (rank,) or (n_tasks, rank)
    covariance : float64 array of shape (rank, rank)
    noise : float
        Variance of a target around its prediction.
    """

    mean: np.ndarray
    covariance: np.ndarray
    noise: float

    def heads(self, gram, xy):
        """Return the expected heads of tasks, and their covariances."""
        precision = np.linalg.inv(self.covariance)
        spread = np.linalg.inv(gram / self.noise + precision)
        pull = xy / self.noise + self.mean @ precision
        return np.einsum("tab,tb->ta", spread, pull), spread


class Representation(NamedTuple):
    """A common span and the heads of all tasks in it.

    Attributes
    ----------
    basis : float64 array of shape (n_features, rank)
    heads : float64 array of shape (n_tasks, rank)
    prior : HeadPrior
        From which heads come; with a fixed ridge, that ridge as a distribution.
    shared_head : float64 array of shape (rank,)
        Head of a task of which nothing is known.
    span : LowRank
        The solution of the rank-constrained problem behind it.
    """

    basis: np.ndarray
    heads: np.ndarray
    prior: HeadPrior
    shared_head: np.ndarray
    span: LowRank

    @property
    def coef(self):
        """Coefficients of every task."""
        return self.heads @ self.basis.T

    @property
    def shared_coef(self):
        """Coefficients of a task of which nothing is known."""
        return self.basis @ self.shared_head


def effective_parameters(sample, white, basis, ridge):
    """Return how many parameters of basis and heads the data determine.

    The trace of (curvature + ridge)^-1 curvature (MacKay, 1992) over heads, and over
    the movements of the basis; the curvature of those is that of the mean task.
    """
    tasks, (n_features, rank) = sample.tasks, basis.shape
    gram, _ = tasks.project(basis)
    values = np.linalg.eigvalsh(tasks.scale[:, None, None] * gram).clip(min=0.0)
    of_heads = np.sum(values / (values + ridge))
    damped = white.mean_gram + ridge * np.eye(n_features)
    inverse = lapack.dtrtri(np.linalg.cholesky(damped), lower=1)[0]
    of_basis = n_features - ridge * np.sum(inverse**2)
    return of_heads, of_basis * rank * (n_features - rank) / n_features


def evidence_ridge(sample, white, basis, heads, objective, ridge):
    """Return the ridge that makes coefficients of this size most likely, and noise.

    Both in units of the scaled loss: ``ridge = noise / variance of a coefficient``.
    """
    determined = sum(effective_parameters(sample, white, basis, ridge))
    size = max(np.sum(heads**2), NOTHING / white.size)
    rows = sample.freedom().sum()
    error = max(2.0 * objective - ridge * size, NOTHING * rows)
    noise = error / max(rows - determined, 0.05 * rows, 1.0)
    ridge = noise * determined / size
    return float(np.clip(ridge, 1e-10 * white.size, 1e6 * white.size)), noise


def fit_representation(sample, white, rank, alpha, *, start=None, tol, max_iter):
    """Fit a common span and heads; ``alpha=None`` estimates all penalties.

    Targets are expected to have a mean square of about one.
    """
    if start is None:
        suited = white.plus(0.1 * white.size if alpha is None else alpha)
        start = extend_basis(sample.tasks, suited, None, None, rank)
    if alpha is not None:
        span = fit_span(
            sample.tasks, white, rank, alpha, start=start, tol=tol, max_iter=max_iter
        )
        return _with_fixed_ridge(sample, white, span, alpha)
    span, ridge = _fit_with_evidence(sample, white, rank, start, tol, max_iter)
    return _with_learned_prior(sample, white, span, ridge)


def _fit_with_evidence(sample, white, rank, start, tol, max_iter):
    """Alternate between the span and the ridge, then converge for the last ridge."""
    ridge = 0.1 * white.size
    objective, heads, _ = sample.tasks.fit_heads(start, ridge)
    ridge, _ = evidence_ridge(sample, white, start, heads, objective, ridge)
    for _ in range(RIDGE_ROUNDS):
        span = fit_span(
            sample.tasks, white, rank, ridge,
            start=start, tol=max(tol, LOOSE), max_iter=max_iter,
        )  # fmt: skip
        last, start = ridge, span.basis
        ridge, _ = evidence_ridge(
            sample, white, span.basis, span.heads, span.objective, ridge
        )
        if abs(np.log(ridge / last)) < RIDGE_CHANGE:
            break
    span = fit_span(
        sample.tasks, white, rank, ridge, start=start, tol=tol, max_iter=max_iter
    )
    return span, ridge


def _with_fixed_ridge(sample, white, span, alpha):
    """Take heads as they are; a task without rows gets their mean."""
    present = sample.weight > 0.0
    mean = span.heads[present].mean(axis=0)
    strength = least_ridge(white, alpha) / np.median(sample.tasks.scale)
    prior = HeadPrior(np.zeros(mean.size), np.eye(mean.size) / strength, 1.0)
    heads = np.where(present[:, None], span.heads, mean)
    return Representation(span.basis, heads, prior, mean, span)


def _with_learned_prior(sample, white, span, ridge):
    """Learn the distribution of heads and take their expected values under it."""
    tasks, present = sample.tasks, sample.weight > 0.0
    gram, xy = tasks.project(span.basis)
    fitted = np.einsum("ta,tab,tb->t", span.heads, gram, span.heads)
    error = tasks.squared_error(span.heads @ span.basis.T)
    yy = error + 2.0 * np.sum(span.heads * xy, axis=1) - fitted
    of_heads, of_basis = effective_parameters(sample, white, span.basis, ridge)
    size = np.sum(span.heads**2) / max(of_heads + of_basis, NOTHING)
    rows = sample.freedom()[present].sum()
    prior = learn_prior(
        gram[present], xy[present], yy[present],
        rows=max(rows - of_basis, 0.05 * rows, 1.0),
        start=HeadPrior(
            span.heads[present].mean(axis=0),
            max(size, NOTHING / white.size) * np.eye(xy.shape[1]),
            max(error.sum() / max(rows, 1.0), NOTHING),
        ),
    )  # fmt: skip
    heads = prior.heads(gram, xy)[0]
    return Representation(span.basis, heads, prior, prior.mean, span)


def learn_prior(gram, xy, yy, *, rows, start):
    """Return the most likely distribution of heads, by expectation-maximisation.

    The mean counts one head at zero, and the covariance one head from ``start``, as
    observed beside those of the tasks: one task alone has no spread to learn from.
    (Type-II maximum likelihood; Dempster, Laird and Rubin, 1977.)
    """
    prior, n_tasks = start, len(xy)
    for _ in range(PRIOR_ROUNDS):
        heads, spread = prior.heads(gram, xy)
        mean = heads.sum(axis=0) / (n_tasks + 1.0)
        about = heads - mean
        scatter = about.T @ about + spread.sum(axis=0) + np.outer(mean, mean)
        covariance = (scatter + start.covariance) / (n_tasks + 1.0)
        fitted = np.einsum("tab,tab->", gram, heads[:, :, None] * heads[:, None, :])
        error = yy.sum() - 2.0 * np.sum(heads * xy) + fitted
        error += np.einsum("tab,tba->", spread, gram)
        last = prior
        noise = max(error / rows, NOTHING)
        prior = HeadPrior(mean, covariance, noise)
        change = np.abs(prior.covariance - last.covariance).max()
        if change <= PRIOR_CHANGE * np.abs(prior.covariance).max():
            break
    return prior._replace(covariance=rounded(prior.covariance, n_tasks))


def rounded(covariance, n_tasks):
    """Return a covariance drawn to a multiple of one unless data speak against it.

    The covariance of ``n_tasks`` heads that are equally spread in all directions is a
    multiple of one but for a relative squared error of ``(rank + 1) / n_tasks``. What
    is observed is taken for that as far as it is no larger: the square of the share
    that Ledoit and Wolf (2004) take, so that a clear shape stays as it is.
    """
    rank = len(covariance)
    size = np.trace(covariance) / rank
    shape = covariance / size - np.eye(rank)
    chance = (rank + 1.0) / n_tasks
    share = min(1.0, chance / max(np.sum(shape**2) / rank, NOTHING)) ** 2
    return covariance - share * size * shape
