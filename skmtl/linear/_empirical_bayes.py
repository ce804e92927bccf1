"""The prior over the coefficients of tasks that makes their targets most likely."""

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

from ._compression import CompressedTasks
from ._marginal_likelihood import Model, Point, likelihood


class Prior(NamedTuple):
    """A prior over the coefficients of tasks.

    Attributes
    ----------
    factor : array of shape (n_coordinates, n_coordinates)
        A square root of ``D``.
    mean_variance : float
        ``c``.
    """

    factor: np.ndarray
    mean_variance: float

    @property
    def covariance(self):
        """The covariance ``D`` of deviations, in units of the noise variance."""
        return self.factor @ self.factor.T


class Optimum(NamedTuple):
    """The most likely prior, the point there, and how it was reached."""

    prior: Prior
    point: Point
    n_iter: int
    gradient: float


def maximise(tasks, model, *, tol, max_iter, start=None):
    """Return the prior of largest penalised likelihood.

    Stops where no derivative of the penalised log likelihood exceeds ``tol`` in
    coordinates that are scaled to curvatures of at most about one.
    """
    prior, n_iter = start or first_guess(tasks, model), 0
    gradient = _Logarithms.around(prior, tasks, model).steepest()
    while gradient > tol and n_iter < max_iter:
        path = _Logarithms.around(prior, tasks, model)
        found = minimize(
            path.objective,
            np.zeros(path.size),
            jac=True,
            method="L-BFGS-B",
            options={
                "maxiter": max_iter - n_iter,
                "maxfun": 20 * max_iter,
                "maxcor": 20,
                "ftol": 0.0,
                "gtol": tol,
            },
        )
        progress = found.nit > 1 or np.abs(found.jac).max() < gradient
        prior, gradient = path.prior(found.x), np.abs(found.jac).max()
        n_iter += max(found.nit, 1)
        if not progress:
            break
    return Optimum(prior, likelihood(tasks, model, *prior), n_iter, float(gradient))


def equal_variances(model, inverse):
    """Return the diagonal the covariance is pulled to: one variance for all slopes.

    Of all such diagonals it is the one of largest penalised likelihood.
    """
    diagonal, i = np.diag(inverse), model.n_intercepts
    slopes = np.full(diagonal.size - i, 1.0 / max(diagonal[i:].mean(), 1e-300))
    return np.concatenate([1.0 / diagonal[:i], slopes])


def slope_variance(prior, model):
    """Return the prior variance of a slope along which there are no data."""
    deviations = prior.covariance[model.n_intercepts :, model.n_intercepts :]
    if not len(deviations):
        return 0.0
    if model.pull == 0.0 or not prior.factor.any():
        return np.trace(deviations) / len(deviations) + prior.mean_variance
    inverse = np.linalg.inv(prior.covariance)
    return equal_variances(model, inverse)[-1] + prior.mean_variance


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
    return Prior(_root_of(step)[0], prior.mean_variance * (1.0 - growth))


def first_guess(tasks, model, n_steps=8):
    """Return the best of a few multiples of one after a few EM steps.

    The variance of the mean is chosen for tasks that do not differ, then theirs.
    """
    one = np.eye(tasks.root.shape[2])
    sizes = 10.0 ** np.arange(-6, 9, 2)

    def best(priors):
        deviance = [likelihood(tasks, model, *prior).deviance for prior in priors]
        return priors[int(np.argmin(deviance))]

    prior = best([Prior(0.0 * one, size) for size in sizes])
    if n_active(tasks) <= model.n_means:
        return prior
    prior = best([Prior(np.sqrt(size) * one, prior.mean_variance) for size in sizes])
    for _ in range(n_steps):
        prior = improved(tasks, model, prior)
    return prior


def n_active(tasks):
    """Return how many tasks have rows."""
    if len(tasks.root) == 1:
        return len(tasks.target)
    return int(tasks.root.any(axis=(1, 2)).sum())


def _root_of(matrix):
    """Return the symmetric square root of a covariance, and the inverse root."""
    value, vector = np.linalg.eigh(matrix)
    root = np.sqrt(np.maximum(value, max(value[-1], 1e-300) * 1e-15))
    return (vector * root) @ vector.T, (vector / root) @ vector.T


class _Logarithms(NamedTuple):
    """The penalised likelihood over ``D = B exp(S) B`` and ``log c``.

    In the entries of the symmetric ``S`` curvatures differ by no more than the pull
    allows, whatever the scales of coordinates. Of a model with equal variances only
    the diagonal of ``S`` is free, with one entry for all slopes.
    """

    tasks: CompressedTasks
    model: Model
    base: np.ndarray
    base_inverse: np.ndarray
    log_variance: float
    has_covariance: bool
    ceiling: float

    @classmethod
    def around(cls, prior, tasks, model):
        has_covariance = bool(prior.factor.any())
        base, inverse = _root_of(prior.covariance)
        log_variance = np.log(prior.mean_variance)
        # Beyond this the unit noise would be lost in rounding.
        size = max(((tasks.root @ base) ** 2).sum(axis=(1, 2)).max(), 1e-300)
        ceiling = 30.0 - np.log(size)
        return cls(tasks, model, base, inverse, log_variance, has_covariance, ceiling)

    @property
    def size(self):
        k, first = len(self.base), self.model.n_intercepts
        n_entries = first + (k > first) if self.model.equal else k * (k + 1) // 2
        return self.has_covariance * n_entries + (k > self.model.n_free)

    def _units(self):
        """Return steps in S and log c whose curvature is about one."""
        n_bound = self.model.n_means * (len(self.base) - self.model.n_free)
        n_tasks = len(self.tasks.target) + self.model.pull
        return np.sqrt(2.0 / n_tasks), np.sqrt(2.0 / max(n_bound, 1))

    def _unpack(self, x):
        k, (unit, mean_unit) = len(self.base), self._units()
        bound = k > self.model.n_free
        log_variance = self.log_variance + (mean_unit * x[-1] if bound else 0.0)
        variance = np.exp(np.clip(log_variance, -60.0, 60.0))
        if not self.has_covariance:
            return None, np.zeros((k, k)), variance
        if self.model.equal:
            value = np.clip(self._members() @ x[: len(x) - bound], -60.0, self.ceiling)
            return (value, None), self.base * np.exp(value / 2.0), variance
        rows, columns = np.triu_indices(k)
        entry = x[: rows.size] * np.where(rows == columns, unit, unit / np.sqrt(2.0))
        logarithm = np.zeros((k, k))
        logarithm[rows, columns] = logarithm[columns, rows] = entry
        value, vector = np.linalg.eigh(logarithm)
        value = np.clip(value, -60.0, self.ceiling)
        factor = (self.base @ vector) * np.exp(value / 2.0)
        return (value, vector), factor, variance

    def _members(self):
        """Return the derivative of every diagonal entry of S in the free ones."""
        k, first = len(self.base), self.model.n_intercepts
        unit = np.eye(first + (k > first))
        members = unit[np.minimum(np.arange(k), first)]
        return members * self._units()[0] / np.sqrt(members.sum(axis=0))

    def prior(self, x):
        """Return the prior at a point of the search."""
        return Prior(*self._unpack(x)[1:])

    def steepest(self):
        """Return the largest derivative at the base."""
        return np.abs(self.objective(np.zeros(self.size))[1]).max(initial=0.0)

    def objective(self, x):
        """Return minus the penalised log likelihood and its gradient."""
        eigen, factor, variance = self._unpack(x)
        point = likelihood(self.tasks, self.model, factor, variance)
        deviance, slope, rate = point.deviance, point.slope, self.model.rate
        if rate:
            n_bound = self.model.n_means * (len(factor) - self.model.n_free)
            deviance += rate * ((factor**2).sum() + n_bound * variance)
            slope = slope + rate * np.eye(len(factor))
            point = point._replace(
                mean_slope=point.mean_slope + rate * n_bound * variance
            )
        mean_slope = [point.mean_slope * self._units()[1]]
        gradient = np.array(mean_slope if len(self.base) > self.model.n_free else [])
        if eigen is not None and self.model.equal:
            own = (factor**2).sum(axis=1) * np.diag(slope)
            gradient = np.concatenate([self._members().T @ own, gradient])
        elif eigen is not None:
            if self.model.pull:
                penalty, penalty_slope = self._penalty(eigen)
                deviance, slope = deviance + penalty, slope + penalty_slope
            gradient = np.concatenate([self._chain(eigen, slope), gradient])
        return deviance / 2.0, gradient / 2.0

    def _penalty(self, eigen):
        """Return the pull towards equal variances and its derivative in D."""
        value, vector = eigen
        half = np.exp(-value / 2.0)[:, None] * (vector.T @ self.base_inverse)
        inverse = half.T @ half
        target = equal_variances(self.model, inverse)
        logdet = value.sum() - 2.0 * np.linalg.slogdet(self.base_inverse)[1]
        slope = inverse - (inverse * target) @ inverse
        pull = self.model.pull
        return pull * (logdet - np.log(target).sum()), pull * slope

    def _chain(self, eigen, slope):
        """Turn a derivative in D into one in the entries of S (Daleckii-Krein)."""
        value, vector = eigen
        turned = self.base @ vector
        inner = turned.T @ slope @ turned
        gap = (value[:, None] - value) / 2.0
        ratio = np.divide(np.sinh(gap), gap, out=np.ones_like(gap), where=gap != 0.0)
        inner *= np.exp((value[:, None] + value) / 2.0) * ratio
        full = vector @ inner @ vector.T
        rows, columns = np.triu_indices(len(full))
        unit = self._units()[0]
        weight = np.where(rows == columns, unit, unit * np.sqrt(2.0))
        return full[rows, columns] * weight
