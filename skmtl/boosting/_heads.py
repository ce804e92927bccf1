"""Heads of tasks: an intercept and slopes on shared scores, shrunk to a common mean.

Their prior is normal; its mean and covariance are those that make the targets of all
tasks most likely, found by expectation and maximisation with the mode of each task's
posterior in place of its mean (Laplace's method).
"""

from typing import NamedTuple

import numpy as np

from .._kernels import heads as kernels
from .._kernels.head_steps import FLOOR, improve_heads
from .._kernels.losses import LOGISTIC, POISSON, QUANTILE, SOFTMAX, SQUARED

# Likelihoods that say themselves how much targets scatter.
NO_SCALE = (POISSON, LOGISTIC, SOFTMAX)
# The farthest an intercept or a slope moves at once where the loss is no parabola.
LONGEST_STEP = 2.0
# A step that raises the loss is shortened to this share, so many times; and what
# rounding makes of a loss that stays.
SHORTER, SHORTER_STEPS, ROUNDING = 0.25, 5, 1e-12
# Where variances of heads start, and steps on the same evidence.
FIRST_VARIANCE, EM_STEPS = 0.25, 6
POSTERIOR_STEPS = 50
# Slopes through which a score may grow, in units of their size over all tasks.
FLATTEST, STEEPEST = 0.03, 3.0


class Heads(NamedTuple):
    """Heads of all tasks and the prior they share.

    Attributes
    ----------
    theta : float64 array of shape (n_tasks, n_outputs + n_scores)
        Intercepts, one for every output, and slopes, one for every score.
    mean : float64 array of shape (n_outputs + n_scores,)
    covariance : float64 array of shape (n_outputs + n_scores,) * 2
    spread : float
        Scale of the loss: the variance of the noise where this is half the squared
        error.
    n_outputs : int
    """

    theta: np.ndarray
    mean: np.ndarray
    covariance: np.ndarray
    spread: float
    n_outputs: int

    @property
    def n_scores(self):
        """Number of scores."""
        return self.mean.size - self.n_outputs

    @property
    def slopes(self):
        """Slopes of all tasks."""
        return self.theta[:, self.n_outputs :]

    def with_score(self, slope):
        """Return heads with one more score, whose slopes start from ``slope``."""
        width = self.mean.size
        covariance = np.zeros((width + 1, width + 1))
        covariance[:width, :width] = self.covariance
        covariance[width, width] = FIRST_VARIANCE
        column = np.full((len(self.theta), 1), slope)
        return self._replace(
            theta=np.hstack([self.theta, column]),
            mean=np.append(self.mean, slope),
            covariance=covariance,
        )

    def rigid(self):
        """Return heads whose last slope is the same for all."""
        covariance = self.covariance.copy()
        covariance[-1, -1] = FLOOR
        return self._replace(covariance=covariance)

    def apply(self, scores, task):
        """Return what tasks make of scores; task -1 is one that was never seen.

        Parameters
        ----------
        scores : float64 array of shape (n_scores, n_rows, n_outputs)
        task : int array of shape (n_rows,)
        """
        theta = np.vstack([self.theta, self.mean])[task]
        k = self.n_outputs
        total = theta[:, :k].copy()
        for s, score in enumerate(scores):
            total += theta[:, k + s, None] * score
        return total


NUMBERS = Heads._fields[:-1]


class Evidence(NamedTuple):
    """What rows say of heads: derivatives on those learned, losses on both parts.

    Attributes
    ----------
    gradient : float64 array of shape (n_tasks, width)
    curvature : float64 array of shape (n_tasks, width, width)
    value : float64 array of shape (5, n_tasks)
        Losses of the rows learned and scored, their weights, and the squared slopes
        over curvatures of those scored.
    """

    gradient: np.ndarray
    curvature: np.ndarray
    value: np.ndarray

    @property
    def scored_loss(self):
        """Loss of the rows scored, for every task."""
        return self.value[1]


def first_heads(loss, y, weight, n_tasks):
    """Return heads without scores: the best constant for all tasks."""
    mean = loss.start(y, weight)
    k = loss.n_outputs
    return Heads(np.tile(mean, (n_tasks, 1)), mean, FIRST_VARIANCE * np.eye(k), 1.0, k)


def gather_evidence(loss, y, weight, offsets, part, heads, scores):
    """Return what rows say of heads.

    Parameters
    ----------
    part : uint8 array of shape (n_rows,)
        Whether a row is learned from, scored, or neither.
    scores : float64 array of shape (n_scores, n_rows, n_outputs)
    """
    n_tasks, width = heads.theta.shape
    evidence = Evidence(
        np.empty((n_tasks, width)),
        np.empty((n_tasks, width, width)),
        np.empty((5, n_tasks)),
    )
    rows = (y, weight, offsets, part, heads.theta, scores)
    if loss.code == SOFTMAX:
        kernels.head_statistics_of_classes(*rows, *evidence)
    else:
        least = 1e-3 * heads.spread
        kernels.head_statistics(loss.code, loss.parameter, least, *rows, *evidence)
    return evidence


def differentiate(loss, *rows):
    """Write the derivatives of rows by a score that grows."""
    if loss.code == SOFTMAX:
        kernels.head_gradients_of_classes(*rows)
    else:
        kernels.head_gradients(loss.code, loss.parameter, *rows)


def posterior(problem, heads, scores):
    """Return the head of one task alone under the prior of others.

    Parameters
    ----------
    problem : Problem
        The rows of the task.
    heads : Heads
        Those of other tasks.
    scores : float64 array of shape (n_scores, n_rows, n_outputs)
    """
    precision = np.linalg.inv(heads.covariance)
    part = np.full(problem.n_rows, kernels.LEARNED, np.uint8)
    rows = (problem.y, problem.weight, problem.offsets, part)

    def look(theta):
        own, apart = heads._replace(theta=theta[None]), theta - heads.mean
        evidence = gather_evidence(problem.loss, *rows, own, scores)
        value = evidence.value[0, 0] / heads.spread + 0.5 * apart @ precision @ apart
        return value, evidence

    theta = heads.mean.copy()
    value, evidence = look(theta)
    for _ in range(POSTERIOR_STEPS):
        bend = evidence.curvature[0] / heads.spread + precision
        pull = evidence.gradient[0] / heads.spread + precision @ (theta - heads.mean)
        step = np.linalg.solve(bend, pull)
        # Far from its minimum a loss is no parabola.
        after, found = look(theta - step)
        while after > value and np.abs(step).max() > 1e-9:
            step *= 0.5
            after, found = look(theta - step)
        if np.abs(step).max() <= 1e-9:
            break
        theta, value, evidence = theta - step, after, found
    return heads._replace(theta=theta[None])


def average(many):
    """Return heads in the middle of some."""
    middle = [np.mean([getattr(own, name) for own in many], axis=0) for name in NUMBERS]
    return Heads(*middle, many[0].n_outputs)


def improve(heads, evidence, loss, gather, *, is_signed=False):
    """Return heads after some steps, and how far they moved in units of their spread.

    The steps are those of expectation and maximisation with the rows' losses replaced
    by parabolas: several where these are exact, else one, which is shortened for tasks
    whose loss it raises: where classes are nearly parted, parabolas are flat.

    Parameters
    ----------
    heads : Heads
    evidence : Evidence
        What rows say of them.
    loss : Loss
    gather : callable
        Returns what rows say of other heads.
    is_signed : bool, default=False
        Whether slopes cannot be negative.
    """
    n_tasks = len(heads.theta)
    if loss.code == SQUARED:
        return _step(heads, evidence, loss, np.full(n_tasks, np.inf), is_signed)
    reach, before = np.full(n_tasks, LONGEST_STEP), _penalised(heads, evidence, heads)
    most = before + ROUNDING * np.abs(before)
    for _ in range(SHORTER_STEPS):
        found, distance = _step(heads, evidence, loss, reach, is_signed)
        higher = ~(_penalised(found, gather(found), heads) <= most)
        if not higher.any():
            return found, distance
        moved = np.abs(found.theta - heads.theta).max(axis=1)
        reach[higher] = SHORTER * moved[higher]
    reach[higher] = 0.0
    return _step(heads, evidence, loss, reach, is_signed)


def _penalised(heads, evidence, prior):
    """Return the loss of each task's rows and of its distance from a prior."""
    apart = heads.theta - prior.mean
    precision = np.linalg.inv(prior.covariance)
    penalty = 0.5 * np.einsum("tp,pq,tq->t", apart, precision, apart)
    return evidence.value[0] / prior.spread + penalty


def _step(heads, evidence, loss, reach, is_signed):
    """Return heads after steps none of whose tasks moves by more than its reach."""
    is_exact = loss.code == SQUARED
    theta, mean, covariance, spread = (np.array(getattr(heads, n)) for n in NUMBERS)
    gradient, curvature, value = evidence.gradient.copy(), *evidence[1:]
    value = value.copy()
    spread = improve_heads(
        EM_STEPS if is_exact else 1,
        heads.n_outputs,
        reach,
        is_signed,
        loss.code not in (*NO_SCALE, QUANTILE),
        theta,
        mean,
        covariance,
        float(spread),
        gradient,
        curvature,
        value,
    )
    weight = value[2].sum()
    if loss.code == QUANTILE and weight > 0.0:
        spread = max(value[0].sum() / weight, 1e-12)
    distance = np.abs(theta - heads.theta).max() / np.sqrt(np.diag(covariance).max())
    return Heads(theta, mean, covariance, spread, heads.n_outputs), distance


def growing_slopes(heads, centre=0.0):
    """Return heads' numbers, with slopes on the last score that have a size of one.

    The score itself is then what grows, and none of the tasks drives it alone.

    Parameters
    ----------
    heads : Heads
    centre : float64 array of shape (n_tasks, n_outputs), default=0.0
        Mean of the last score in each task, where what heads say does not change.
    """
    theta = heads.theta.copy()
    before = heads.theta[:, -1:]
    size = np.sqrt(np.mean(before**2))
    if heads.mean[-1] < 0:
        size = -size
    # Nothing grows through slopes of zero.
    slope = before / size if abs(size) >= 1e-3 else np.ones_like(before)
    slope = np.copysign(np.clip(np.abs(slope), FLATTEST, STEEPEST), slope)
    theta[:, -1:] = slope
    theta[:, : heads.n_outputs] += (before - slope) * centre
    return theta
