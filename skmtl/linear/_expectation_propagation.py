"""Logistic likelihood under a normal prior, by expectation propagation.

The likelihood of every label is replaced by a normal site, such that under all sites
and the prior the score of each row has the mean and the variance that it has with the
label's own likelihood in place of its site (Minka, 2001). Sites are a regression, so
that everything but their search is as for squared loss; and where they have settled,
the evidence's derivatives with respect to the prior are those at fixed sites. Laplace's
approximation has no such derivatives and takes too little variance between tasks where
each has few labels of a class.
"""

from typing import NamedTuple

import numpy as np

from .._small_products import small_products
from . import _plain
from ._empirical_bayes import maximise
from ._labelled import gaussian_tasks
from ._laplace import first_scores, log_likelihood, mode_of
from ._marginal_likelihood import likelihood
from ._prior import Prior, root_of
from ._prior_search import Optimum, ascend
from ._task_posterior import conditioned, posterior

# Largest change of a score, in standard deviations, with which sites have settled.
SETTLED = 1e-4
MOST_ROUNDS = 100
LEAST_PRECISION = 1e-10
# Up to this many labels, loading compiled code takes longer than most fits.
SMALL = 2**10
# The guess that the search starts from.
ROUGH, ROUGH_ITERATIONS, LEAST_VARIANCE = 0.1, 10, 0.05


def loops(n_entries):
    """Return the module of the loops over so many entries."""
    if n_entries <= SMALL:
        return _plain
    from .._kernels import scores

    return scores


class Sites(NamedTuple):
    """Normal factors ``exp(shift * s - precision * s**2 / 2)`` of scores s."""

    precision: np.ndarray
    shift: np.ndarray

    def toward(self, other, share):
        return Sites(*(a + share * (b - a) for a, b in zip(self, other, strict=True)))

    def tasks(self, labels):
        """Return the sites as targets of a regression with unit noise."""
        response = self.shift / self.precision
        return gaussian_tasks(labels, response[None], self.precision[None])


def first_sites(labels):
    """Return sites that touch the likelihood at scores of zero."""
    weight, target = labels.weight, labels.target[0]
    return Sites(np.maximum(weight / 4.0, LEAST_PRECISION), weight * (target - 0.5))


def touching_sites(labels, scores):
    """Return sites that touch the likelihood at some scores."""
    quadratic = log_likelihood(labels, scores)
    precision = np.maximum(quadratic.curvature[0], LEAST_PRECISION)
    return Sites(precision, quadratic.gradient[0] + precision * scores[0])


def refreshed(labels, sites, mean, variance):
    """Return better sites for the present moments of scores, and what these miss.

    A row of weight two has two equal sites, of which one is replaced at a time. Also
    returns the term of the evidence that stands for the likelihoods.
    """
    copies, power = np.maximum(labels.weight, 1.0), np.minimum(labels.weight, 1.0)
    one = Sites(sites.precision / copies, sites.shift / copies)
    # Rounding, where the prior leaves a score no freedom.
    cavity = np.maximum(1.0 / variance - one.precision, 1e-10 / variance)
    # All about the present mean: scores may be many standard deviations from zero.
    pull = one.shift - one.precision * mean
    log_mass, offset, spread = np.empty((3, mean.size))
    sign, centre = 2.0 * labels.target[0] - 1.0, mean - pull / cavity
    loops(mean.size).tilt(sign, power, centre, 1.0 / cavity, log_mass, offset, spread)
    offset -= pull / cavity
    precision = np.maximum(1.0 / spread - cavity, LEAST_PRECISION)
    new_pull = offset / spread + pull
    new = Sites(copies * precision, copies * (new_pull + precision * mean))
    miss = np.maximum(np.abs(offset), np.abs(np.sqrt(spread) - np.sqrt(variance)))
    log_site = mean * (one.shift - one.precision * mean / 2.0)
    log_site += 0.5 * (np.log(variance * cavity) - pull**2 / cavity)
    evidence = copies @ (log_mass - log_site)
    return new, (miss / np.sqrt(variance)).max(initial=0.0), float(evidence)


def settle(labels, sites, moments):
    """Refresh sites until they agree with the moments of scores that they give.

    ``moments`` returns those, and what else belongs to the sites. Steps are shortened
    where they do not get nearer.
    """
    share, last, new = 1.0, np.inf, sites
    for _ in range(MOST_ROUNDS):
        sites = sites.toward(new, share)
        mean, variance, known = moments(sites)
        new, miss, evidence = refreshed(labels, sites, mean, variance)
        if miss <= SETTLED:
            break
        share, last = max(0.5 * share, 0.05) if miss > last else share, miss
    return sites, known, evidence


def score_moments(labels, position, covariance):
    """Return mean and variance of every row's score."""
    mean, variance = np.empty((2, len(labels.rows)))
    covariance = np.broadcast_to(covariance, (*position.shape, position.shape[1]))
    loops(mean.size).gather_moments(
        labels.rows, labels.offsets, np.ascontiguousarray(position),
        np.ascontiguousarray(covariance), mean, variance,
    )  # fmt: skip
    return mean, np.maximum(variance, 1e-300)


class Evidence:
    """The approximate likelihood of labels as a function of their prior.

    Sites are kept between calls: those of a prior nearby have almost settled.
    """

    def __init__(self, labels, model, sites):
        self.labels, self.model, self.sites = labels, model, sites

    def __call__(self, factor, mean_variance):
        """Return the point of a prior: the regression on its sites."""
        prior = Prior(factor, mean_variance)

        def moments(sites):
            point = likelihood(sites.tasks(self.labels), self.model, *prior)
            # Coordinates with a flat prior are held at their best values.
            held = point._replace(mean_covariance=self._bound_covariance(point))
            known = posterior(Optimum(prior, held, 1, 0.0))
            scores = score_moments(self.labels, known.position, known.covariance)
            return *scores, point

        sites, point, evidence = settle(self.labels, self.sites, moments)
        self.sites = sites
        normal = (sites.shift**2 / sites.precision).sum()
        return point._replace(deviance=point.deviance - normal - 2.0 * evidence)

    def _bound_covariance(self, point):
        free = self.model.n_free
        covariance = np.zeros_like(point.mean_covariance)
        precision = np.linalg.inv(point.mean_covariance)[:, free:, free:]
        covariance[:, free:, free:] = np.linalg.inv(precision)
        return covariance


@small_products()
def fit_by_propagation(labels, model, *, tol, max_iter):
    """Return the most likely prior, the posterior means, and the log likelihood."""
    sites = touching_sites(labels, first_scores(labels, model))
    tasks = sites.tasks(labels)
    guess = maximise(tasks, model, tol=ROUGH, max_iter=ROUGH_ITERATIONS).prior
    # A variance that the guess takes for zero would stay there.
    floor = LEAST_VARIANCE * np.eye(len(guess.factor))
    prior = Prior(root_of(guess.covariance + floor)[0], guess.mean_variance)
    evidence = Evidence(labels, model, sites)
    optimum = ascend(evidence, tasks, model, prior, tol=tol, max_iter=max_iter)
    optimum = optimum._replace(n_iter=max(optimum.n_iter, 1))
    return optimum, mode_of(optimum.point, 1), -0.5 * optimum.point.deviance


def conditioned_by_propagation(labels, mean, covariance):
    """Return the normal distribution of one task's coefficients, after its labels.

    ``mean`` is (1, n_coordinates), with an axis for the one set of coefficients.
    """

    def moments(sites):
        tasks = sites.tasks(labels)
        parts = mean[0], covariance[0], tasks.root[0], tasks.target[0]
        known = [part[None] for part in conditioned(*parts, 1.0)]
        return *score_moments(labels, *known), known

    return settle(labels, first_sites(labels), moments)[1]
