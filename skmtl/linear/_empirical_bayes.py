"""The prior over the coefficients of tasks that makes their targets most likely."""

import numpy as np

from .._small_products import small_products
from ._marginal_likelihood import likelihood
from ._prior import Prior, equal_variances, root_of
from ._prior_search import ascend


@small_products()
def maximise(tasks, model, *, tol, max_iter, start=None):
    """Return the prior of largest penalised likelihood.

    Stops where no derivative of the penalised log likelihood exceeds ``tol`` in
    coordinates that are scaled to curvatures of at most about one.
    """

    def evaluate(factor, mean_variance):
        return likelihood(tasks, model, factor, mean_variance)

    prior = start or first_guess(tasks, model)
    return ascend(evaluate, tasks, model, prior, tol=tol, max_iter=max_iter)


def improved(tasks, model, prior):
    """Return the prior after one step of expectation and maximisation."""
    point, covariance = likelihood(tasks, model, *prior), prior.covariance
    n_tasks, n_bound = len(tasks.target), len(covariance) - model.n_free
    step = covariance - covariance @ point.slope @ covariance / n_tasks
    if model.equal:
        first, variance = model.n_intercepts, np.diag(step).copy()
        variance[first:] = variance[first:].mean()
        step = np.diag(variance)
    else:
        target = np.diag(equal_variances(model, np.linalg.inv(covariance)))
        step = (n_tasks * step + model.pull * target) / (n_tasks + model.pull)
    growth = point.mean_slope / max(model.n_means * n_bound, 1)
    return Prior(root_of(step)[0], prior.mean_variance * (1.0 - growth))


def first_guess(tasks, model, n_steps=8):
    """Return the best of a few multiples of one after a few EM steps.

    The variance of the mean is chosen for tasks that do not differ, then theirs.
    """
    one = np.eye(tasks.root.shape[2])
    sizes = 10.0 ** np.arange(-6, 9, 2)

    def deviances(priors):
        return [likelihood(tasks, model, *prior).deviance for prior in priors]

    def best(priors):
        return priors[int(np.argmin(deviances(priors)))]

    bound = len(one) > model.n_free
    priors = [Prior(0.0 * one, size) for size in (sizes if bound else [1.0])]
    if n_active(tasks) <= model.n_means:
        # With fewer rows than features there is a second maximum, which leaves no
        # noise; the first on the way from small variances predicts better.
        return priors[first_valley(deviances(priors))]
    prior = best(priors)
    prior = best([Prior(np.sqrt(size) * one, prior.mean_variance) for size in sizes])
    for _ in range(n_steps):
        prior = improved(tasks, model, prior)
    return prior


def first_valley(values):
    """Return the first place after which values rise."""
    rises = np.flatnonzero(np.diff(values) > 0.0)
    return int(rises[0]) if rises.size else len(values) - 1


def n_active(tasks):
    """Return how many tasks have rows."""
    if len(tasks.root) == 1:
        return len(tasks.target)
    return int(tasks.root.any(axis=(1, 2)).sum())
