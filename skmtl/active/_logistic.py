"""Logistic coefficients: of sources in their span, and of targets near it."""

import numpy as np

from .._tasks import freeze
from ..linear._heads import HeadPrior
from ..linear._logistic_representation import learn_logistic_prior
from ..linear._working import Step, majorise, no_step

TOL = 1e-8
MAX_ITER = 200


def heads_in_span(labels, span):
    """Return coefficients and intercepts of sources, and those of their mean."""
    labels = labels._replace(
        data=labels.data._replace(X=np.ascontiguousarray(labels.data.X @ span.basis)),
        scale=np.ones(labels.scale.size),
    )
    # A code moves by its variance where the log odds move by one.
    variance = max(span.noise, 1e-6)
    size = max(float((span.heads**2).mean()) / variance**2, 1e-6)
    start = HeadPrior(
        np.zeros((labels.n_scores, span.rank)), size * np.eye(span.rank), 1.0
    )
    step = no_step(labels, span.rank)
    prior, step, scores = learn_logistic_prior(labels, start, step, MAX_ITER)
    shape = labels.scale.size, labels.n_scores
    heads, intercept = step.coef.reshape(*shape, -1), step.intercept.reshape(shape)
    weight = labels.working_sample(scores, 1.0).weight.reshape(shape)
    mean = (weight * intercept).sum(axis=0) / weight.sum(axis=0)
    return (heads @ span.basis.T, intercept), (prior.mean @ span.basis.T, mean)


def near_priors(labels, fits):
    """Return coefficients and intercepts of targets: a mixture over priors."""
    labels = labels._replace(scale=np.ones(labels.scale.size))
    weights = np.array([fit.weights for fit in fits])
    variance = np.array([min(max(fit.noise, 1e-3), 0.25) for fit in fits])
    coef, intercept = 0.0, 0.0
    for j in np.flatnonzero(weights.any(axis=0)):
        step = _near_prior(labels, [fit.priors[j] for fit in fits], variance)
        coef = coef + weights[:, j, None] * step.coef
        intercept = intercept + weights[:, j] * step.intercept
    shape = labels.scale.size, labels.n_scores
    return coef.reshape(*shape, -1), intercept.reshape(shape)


def _near_prior(labels, priors, variance):
    """Return logistic coefficients under priors of coefficients of coded classes."""
    origin = np.array([prior.origin for prior in priors]) / variance[:, None]
    precision = np.array([prior.precision for prior in priors])
    precision = precision * variance[:, None, None]

    def solve(sample, last):
        gram, xy = sample.tasks.gram, sample.tasks.xy
        left = xy - np.einsum("sij,sj->si", gram, origin)
        about = np.linalg.solve(gram + precision, left[:, :, None])[:, :, 0]
        penalty = 0.5 * np.einsum("si,sij,sj->", about, precision, about)
        coef = origin + about
        return Step(coef, sample.intercept(coef), float(penalty), None)

    start = no_step(labels, origin.shape[1])._replace(coef=origin)
    return majorise(labels, solve, start, TOL, MAX_ITER).step


def rows_of_tasks(data, tasks):
    """Return the rows of some tasks."""
    tasks = np.asarray(tasks)
    places = [np.arange(data.offsets[t], data.offsets[t + 1]) for t in tasks]
    entries = np.concatenate(places) if places else np.zeros(0, np.int64)
    rows, new = np.unique(data.rows[entries], return_inverse=True)
    return freeze(
        data._replace(
            X=data.X[rows],
            rows=new,
            y=data.y[entries],
            weight=data.weight[entries],
            offsets=np.r_[0, np.cumsum([part.size for part in places])],
            shared=False,
        )
    )
