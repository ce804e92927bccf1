"""A shared representation of classification tasks."""

from typing import NamedTuple

import numpy as np

from ._heads import (
    LOOSE,
    RIDGE_CHANGE,
    RIDGE_ROUNDS,
    HeadPrior,
    effective_parameters,
    fit_representation,
)
from ._low_rank import fit_span, least_ridge, whitening
from ._working import Step, majorise, no_step

PRIOR_ROUNDS = 20
PRIOR_CHANGE = 1e-2
SPAN_ITERATIONS = 20
SPAN_TOL = 1e-11


class LogisticRepresentation(NamedTuple):
    """A common span, the heads of all tasks (and classes) in it, and intercepts.

    Attributes
    ----------
    basis : float64 array of shape (n_features, rank)
    heads : float64 array of shape (n_tasks, n_scores, rank)
    intercept : float64 array of shape (n_tasks, n_scores)
    prior : HeadPrior
        Its mean has one row for each score.
    shared_head : float64 array of shape (n_scores, rank)
    shared_intercept : float64 array of shape (n_scores,)
    metric : float64 array of shape (n_features, n_features)
        Mean Gram matrix of the tasks.
    gain : float
    n_iter : int
    """

    basis: np.ndarray
    heads: np.ndarray
    intercept: np.ndarray
    prior: HeadPrior
    shared_head: np.ndarray
    shared_intercept: np.ndarray
    metric: np.ndarray
    gain: float
    n_iter: int


def fit_logistic_representation(labels, rank, alpha, tol, max_iter):
    """Fit a span and heads; ``alpha=None`` estimates the penalties."""
    codes = labels.code_sample()
    white = whitening(codes.tasks)
    start = fit_representation(
        codes, white, rank, None, tol=LOOSE, max_iter=SPAN_ITERATIONS
    )
    n_features = labels.data.X.shape[1]
    if alpha is None:
        fit, alpha, size = _fit_with_evidence(labels, rank, start.basis, tol, max_iter)
    else:
        step = no_step(labels, n_features, (start.basis, None))
        fit = majorise(labels, span_solver(rank, alpha), step, tol, max_iter)
        size = None
    basis, heads = fit.step.state
    reduced = labels._replace(
        data=labels.data._replace(X=np.ascontiguousarray(labels.data.X @ basis)),
        scale=np.ones(labels.scale.size),
    )
    shape = labels.scale.size, labels.n_scores, basis.shape[1]
    strength = least_ridge(white, alpha) / labels.scale.mean()
    prior = HeadPrior(np.zeros(shape[1:]), np.eye(shape[2]) / strength, 1.0)
    step, scores = fit.step._replace(coef=heads), fit.scores
    shared = heads.reshape(shape).mean(axis=0)
    if size is not None:
        start = prior._replace(covariance=size * np.eye(shape[2]))
        prior, step, scores = learn_logistic_prior(reduced, start, step, max_iter)
        shared = prior.mean
    curvature = labels.working_sample(scores, 1.0).weight.reshape(shape[:2])
    intercept = step.intercept.reshape(shape[:2])
    return LogisticRepresentation(
        basis, step.coef.reshape(shape), intercept, prior, shared,
        (curvature * intercept).sum(axis=0) / curvature.sum(axis=0),
        white.mean_gram, fit.gain, fit.n_iter,
    )  # fmt: skip


def span_solver(rank, alpha):
    """Return a solver of quadratic problems over coefficients of a given rank."""

    def solve(sample, last):
        white = whitening(sample.tasks)
        span = fit_span(
            sample.tasks, white, rank, alpha,
            start=last.state[0], tol=SPAN_TOL, max_iter=SPAN_ITERATIONS,
        )  # fmt: skip
        coef = span.heads @ span.basis.T
        penalty = 0.5 * least_ridge(white, alpha) * np.sum(span.heads**2)
        state = span.basis, span.heads
        return Step(coef, sample.intercept(coef), penalty, state)

    return solve


def _fit_with_evidence(labels, rank, basis, tol, max_iter):
    """Alternate between the span and the ridge that makes its size most likely."""
    step = no_step(labels, labels.data.X.shape[1], (basis, None))
    white = whitening(labels.code_sample().tasks)
    ridge = 0.1 * white.size
    for _ in range(RIDGE_ROUNDS):
        fit = majorise(
            labels, span_solver(rank, ridge), step, max(tol, LOOSE), max_iter
        )
        basis, heads = fit.step.state
        sample = labels.working_sample(fit.scores, 1.0)
        curvature = whitening(sample.tasks)
        determined = sum(effective_parameters(sample, curvature, basis, ridge))
        size = max(np.sum(heads**2), 1e-12 / white.size) / max(determined, 1e-12)
        last, ridge = ridge, labels.scale.mean() / size
        ridge = float(np.clip(ridge, 1e-8 * white.size, 1e6 * white.size))
        step = fit.step._replace(penalty=0.5 * ridge * np.sum(heads**2))
        if abs(np.log(ridge / last)) < RIDGE_CHANGE:
            break
    fit = majorise(labels, span_solver(rank, ridge), step, tol, max_iter)
    return fit, ridge, size


def head_solver(prior, n_tasks):
    """Return a solver that draws heads towards a prior."""
    precision = np.linalg.inv(prior.covariance)
    mean = np.tile(prior.mean, (n_tasks, 1))
    tiled = prior._replace(mean=mean)

    def solve(sample, last):
        heads, spread = tiled.heads(*sample.tasks.project(np.eye(mean.shape[1])))
        about = heads - mean
        penalty = 0.5 * np.sum((about @ precision) * about)
        return Step(heads, sample.intercept(heads), penalty, spread)

    return solve


def learn_logistic_prior(labels, start, step, max_iter):
    """Return the prior of the heads, and their modes under it.

    Expectation-maximisation with the quadratic that touches the loss at the modes in
    the place of the likelihood; one mean for each score, one covariance for all.
    """
    n_tasks, prior = labels.scale.size, start
    for _ in range(PRIOR_ROUNDS):
        fit = _modes(labels, prior, step, max_iter)
        step = fit.step
        heads = step.coef.reshape(n_tasks, labels.n_scores, -1)
        mean = heads.sum(axis=0) / (n_tasks + 1.0)
        about = (heads - mean).reshape(len(step.coef), -1)
        scatter = about.T @ about + step.state.sum(axis=0) + mean.T @ mean
        covariance = (scatter + start.covariance) / (len(step.coef) + 1.0)
        change = np.abs(covariance - prior.covariance).max()
        prior = HeadPrior(mean, covariance, 1.0)
        if change <= PRIOR_CHANGE * np.abs(covariance).max():
            break
    fit = _modes(labels, prior, step, max_iter)
    return prior, fit.step, fit.scores


def _modes(labels, prior, step, max_iter):
    about = step.coef - np.tile(prior.mean, (labels.scale.size, 1))
    penalty = 0.5 * np.sum((about @ np.linalg.inv(prior.covariance)) * about)
    solve = head_solver(prior, labels.scale.size)
    start = step._replace(penalty=penalty, state=None)
    fit = majorise(labels, solve, start, 1e-7, max_iter)
    if fit.step.state is not None:
        return fit
    # Nothing was better than the start, of which it is still to be told how sure it is.
    spread = solve(labels.working_sample(fit.scores, 1.0), fit.step).state
    return fit._replace(step=fit.step._replace(state=spread))


def fit_logistic_heads(labels, prior, max_iter):
    """Return head and intercept of each task of some labels, given the prior."""
    step = no_step(labels, prior.mean.shape[1])
    step = step._replace(coef=np.tile(prior.mean, (labels.scale.size, 1)))
    return _modes(labels, prior, step, max_iter).step
