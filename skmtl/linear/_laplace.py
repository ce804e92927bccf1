"""Logistic likelihood under a normal prior, after Laplace.

Near the posterior mode the log likelihood of a task's labels is a quadratic, that is, a
regression with unit noise: so a prior that explains the modes best is found as for
squared loss, and both are repeated until the prior no longer changes. Several classes
have one set of coefficients each, with a prior that treats all classes alike. Their
quadratics leave out the entries of the curvature between two classes; the entries
within a class are enlarged by ``n_classes / (n_classes - 1)``, which is exact for two
classes and for equal probabilities. The modes are those of the softmax likelihood.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import expit, log_softmax

from .._small_products import small_products
from ._empirical_bayes import maximise
from ._labelled import gaussian_tasks
from ._marginal_likelihood import likelihood
from ._prior import Prior
from ._prior_search import Optimum
from ._task_posterior import conditioned

# The curvature of a row whose label is certain: its label still bounds the step.
LEAST_CURVATURE = 1e-3
# Steps from which the next are foretold.
TRAIL = 6
# What priors are found to, as a part of what is asked of the last of them: the next
# search begins where the one before ended.
FINER = 0.1


class Quadratic(NamedTuple):
    """The log likelihood of labels at some scores, and its derivatives there."""

    value: float
    gradient: np.ndarray
    curvature: np.ndarray


def log_likelihood(labels, scores):
    """Return the log likelihood at scores of shape (n_sets, n_entries)."""
    n_sets, weight = len(scores), labels.weight
    if n_sets == 1:
        probability = expit(scores)
        value = weight @ (labels.target * scores - np.logaddexp(0.0, scores))[0]
        enlarged = 1.0
    else:
        logarithm = log_softmax(scores, axis=0)
        probability = np.exp(logarithm)
        value = weight @ (labels.target * logarithm).sum(axis=0)
        enlarged = n_sets / (n_sets - 1)
    curvature = enlarged * probability * (1.0 - probability)
    curvature = np.maximum(curvature, LEAST_CURVATURE)
    gradient = labels.target - probability
    return Quadratic(float(value), weight * gradient, weight * curvature)


def scores_of(labels, position):
    """Return the scores of rows for coefficients of every set and task."""
    return np.stack(
        [np.einsum("ik,ik->i", labels.rows, each[labels.task]) for each in position]
    )


def regression(labels, scores):
    """Return tasks whose squared error is the log likelihood near some scores."""
    quadratic = log_likelihood(labels, scores)
    response = scores + quadratic.gradient / quadratic.curvature
    return gaussian_tasks(labels, response, quadratic.curvature)


class Mode(NamedTuple):
    """A posterior mode: ``mean[set] + covariance @ score[set, task]``."""

    mean: np.ndarray
    score: np.ndarray

    def position(self, prior):
        return self.mean[:, None] + self.score @ prior.covariance

    def log_prior(self, prior, n_free):
        """Return the log density of the mode, up to a constant."""
        carried = (self.score @ prior.factor) ** 2
        slopes = self.mean[:, n_free:] ** 2
        return -0.5 * (carried.sum() + slopes.sum() / prior.mean_variance)


def mode_of(point, n_sets):
    """Return the coefficients that are most likely at a point.

    Scores of all classes may be shifted alike, and the prior, which is the same for all
    classes, is largest where they sum to zero.
    """
    score = point.score.reshape(n_sets, -1, point.score.shape[1])
    if n_sets == 1:
        return Mode(point.mean, score)
    return Mode(point.mean - point.mean.mean(axis=0), score - score.mean(axis=0))


def find_mode(labels, prior, model, start):
    """Return the posterior mode under a prior, and its scores."""

    def value(mode):
        scores = scores_of(labels, mode.position(prior))
        likely = log_likelihood(labels, scores).value
        return likely + mode.log_prior(prior, model.n_free), scores

    def newton(scores):
        point = likelihood(regression(labels, scores), model, *prior)
        return mode_of(point, len(scores))

    return climb(start, value, newton, mixed_modes)


def mixed_modes(modes, shares):
    """Return the sum of modes times their shares."""
    return Mode(*(mixed(parts, shares) for parts in zip(*modes, strict=True)))


def mixed(arrays, shares):
    """Return the sum of arrays times their shares."""
    return np.tensordot(shares, np.array(arrays), 1)


def climb(place, value, newton, mix, max_iter=100):
    """Return the place where Newton steps, halved as long as they descend, end.

    ``value`` returns what is climbed and the scores there, ``newton`` the place that
    the quadratic at some scores is largest at, and ``mix`` a weighted sum of places.
    Quadratics that leave out some of the curvature get there in ever smaller steps:
    where the last few seem to lead is tried as well (Anderson, 1965).
    """
    height, scores = value(place)
    steps = []
    for _ in range(max_iter):
        target, share, change = newton(scores), 1.0, -np.inf
        rounding = 1e-13 * (1.0 + abs(height))
        while change < -rounding and share > 1e-6:
            trial = mix([place, target], [1.0 - share, share])
            new_height, new_scores = value(trial)
            change, share = new_height - height, share / 2.0
        if change < -rounding:
            break
        moved = np.abs(new_scores - scores).max()
        steps = [*steps[1 - TRAIL :], (trial, (new_scores - scores).ravel())]
        place, height, scores = trial, new_height, new_scores
        if moved <= 1e-9 * (1.0 + np.abs(scores).max()):
            break
        if len(steps) > 1:
            trial = mix([end for end, _ in steps], vanishing([d for _, d in steps]))
            new_height, new_scores = value(trial)
            if new_height > height:
                place, height, scores = trial, new_height, new_scores
            else:
                steps = []
    return place, scores


def vanishing(steps):
    """Return shares, of sum one, for which the sum of the steps is smallest."""
    inner = np.inner(steps, steps)
    inner += (1e-12 * np.trace(inner) + 1e-300) * np.eye(len(inner))
    shares = np.linalg.solve(inner, np.ones(len(inner)))
    return shares / shares.sum()


def first_scores(labels, model):
    """Return the scores of posterior modes under a prior neither weak nor strong."""
    n_sets, n_coordinates = len(labels.target), labels.rows.shape[1]
    prior = Prior(np.sqrt(0.3) * np.eye(n_coordinates), 0.3)
    zero = np.zeros((n_sets, labels.offsets.size - 1, n_coordinates))
    start = Mode(zero[:, 0], zero)
    return find_mode(labels, prior, model, start)[1]


@small_products()
def fit_by_laplace(labels, model, *, tol, max_iter):
    """Return the prior that explains its own posterior modes best, and those modes.

    Also returns Laplace's approximation of the log likelihood of the labels.
    """
    n_sets = len(labels.target)
    prior, n_iter = None, 0
    tasks = regression(labels, first_scores(labels, model))
    while n_iter < max_iter:
        left = max(max_iter - n_iter, 1)
        found = maximise(tasks, model, tol=FINER * tol, max_iter=left, start=prior)
        n_iter += found.n_iter
        if prior is not None and found.n_iter == 0:
            break
        prior = found.prior
        mode, scores = find_mode(labels, prior, model, mode_of(found.point, n_sets))
        tasks = regression(labels, scores)
    point = likelihood(tasks, model, *prior)
    optimum = Optimum(prior, point, max(n_iter, 1), found.gradient)
    evidence = laplace_likelihood(labels, optimum, mode, scores)
    return optimum, mode, evidence


def laplace_likelihood(labels, optimum, mode, scores):
    """Return Laplace's approximation of the marginal log likelihood of the labels."""
    tasks = regression(labels, scores)
    position = mode.position(optimum.prior).reshape(len(tasks.target), -1)
    fitted = np.einsum("tqk,tk->tq", tasks.root, position)
    error = tasks.remainder + ((tasks.target - fitted) ** 2).sum()
    # The quadratic model's own squared error gives way to the likelihood it stands for.
    return log_likelihood(labels, scores).value - (optimum.point.deviance - error) / 2.0


def conditioned_by_laplace(labels, mean, covariance):
    """Return the normal distribution of one task's coefficients, after its labels.

    ``mean`` is (n_sets, n_coordinates): coefficients of different sets are independent.
    """

    def value(weight):
        carried = np.einsum("sjk,sk->sj", covariance, weight)
        scores = scores_of(labels, (mean + carried)[:, None])
        penalty = np.einsum("sj,sj->", weight, carried) / 2.0
        return log_likelihood(labels, scores).value - penalty, scores

    def newton(scores):
        tasks = regression(labels, scores)
        parts = zip(tasks.root, tasks.target, mean, covariance, strict=True)
        return np.stack([_dual(*part) for part in parts])

    _, scores = climb(np.zeros_like(mean), value, newton, mixed)
    tasks = regression(labels, scores)
    parts = zip(mean, covariance, tasks.root, tasks.target, strict=True)
    known = [conditioned(*part, 1.0) for part in parts]
    return tuple(np.stack(part) for part in zip(*known, strict=True))


def _dual(root, target, mean, covariance):
    """Return a with ``mean + covariance @ a`` the mean after rows are seen."""
    total = np.eye(len(root)) + root @ covariance @ root.T
    return root.T @ np.linalg.solve(total, target - root @ mean)
