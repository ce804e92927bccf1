"""Search for the prior that makes the targets of all tasks most likely."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

from ._compression import CompressedTasks
from ._marginal_likelihood import Model, Point
from ._prior import Prior, equal_variances, root_of

# Of which second derivatives are worth their cost: some thirty coordinates.
MOST_UNKNOWNS = 500
# Where the noise goes to zero all variances grow together, which Newton's method does
# not see without mixed derivatives: what is not found by then it finds slowly.
MOST_STEPS = 30
# Largest change of the logarithm of a variance in one step.
LONGEST_STEP = 3.0


class Optimum(NamedTuple):
    """The most likely prior, the point there, and how it was reached."""

    prior: Prior
    point: Point
    n_iter: int
    gradient: float


def ascend(evaluate, tasks, model, prior, *, tol, max_iter):
    """Return the prior uphill of another, where ``evaluate`` returns the points.

    By Newton's method where second derivatives are few, else by quasi-Newton steps.
    ``tasks`` say how many there are and how large.
    """
    path = Logarithms.around(prior, evaluate, tasks, model)
    if model.equal or not path.has_covariance:
        return _descend(path, tol, max_iter)
    newton = path
    if model.pull == 0.0:
        newton = Factors(evaluate, tasks, model, *prior)
    if newton.size > MOST_UNKNOWNS:
        return _descend(path, tol, max_iter)
    near = _newton(newton, tol, min(max_iter, MOST_STEPS))
    if near.gradient <= tol or near.n_iter >= max_iter:
        return near
    path = Logarithms.around(near.prior, evaluate, tasks, model)
    found = _descend(path, tol, max_iter - near.n_iter)
    return found._replace(n_iter=near.n_iter + found.n_iter)


def _descend(path, tol, max_iter):
    """Take quasi-Newton steps to the optimum, and again from where they end."""
    gradient, n_iter, progress = path.objective(np.zeros(path.size))[1], 0, True
    gradient = path.steepest(gradient)
    while gradient > tol and n_iter < max_iter and progress:
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
        path, gradient = path.at(found.x), np.abs(found.jac).max()
        n_iter += max(found.nit, 1)
    prior = path.prior(np.zeros(path.size))
    return Optimum(prior, path.evaluate(*prior), n_iter, float(gradient))


def _newton(path, tol, max_iter):
    """Take Newton's steps, damped while they do not descend (Levenberg, 1944).

    Every step starts from coordinates about the present prior, so that a variance on
    its way to zero is followed at any scale.
    """
    n_iter, damping, zero = 0, 1e-3, np.zeros(path.size)
    point = path.evaluate(*path.prior(zero))
    value, gradient = path.derivatives(zero, point)
    while path.steepest(gradient) > tol and n_iter < max_iter and damping < 1e8:
        n_iter, second = n_iter + 1, path.information(point)
        diagonal, new = np.diag(np.diag(second)), np.inf
        while not new < value and damping < 1e8:
            step = np.linalg.solve(second + damping * diagonal, -gradient)
            step = path.shortened(step)
            trial = path.evaluate(*path.prior(step))
            new = path.derivatives(step, trial)[0]
            damping = damping / 10.0 if new < value else 10.0 * damping
        if new < value:
            path, point, damping = path.at(step), trial, max(damping, 1e-6)
            value, gradient = path.derivatives(zero, point)
    return Optimum(path.prior(zero), point, n_iter, path.steepest(gradient))


class Logarithms(NamedTuple):
    """The penalised likelihood over ``D = B exp(S) B`` and ``log c``.

    In the entries of the symmetric ``S`` curvatures differ by no more than the pull
    allows, whatever the scales of coordinates. Of a model with equal variances only
    the diagonal of ``S`` is free, with one entry for all slopes.
    """

    evaluate: Callable
    tasks: CompressedTasks
    model: Model
    base: np.ndarray
    base_inverse: np.ndarray
    log_variance: float
    has_covariance: bool
    ceiling: float

    @classmethod
    def around(cls, prior, evaluate, tasks, model):
        has_covariance = bool(prior.factor.any())
        base, inverse = root_of(prior.covariance, model.equal)
        log_variance = np.log(prior.mean_variance)
        # Beyond this the unit noise would be lost in rounding.
        size = max(((tasks.root @ base) ** 2).sum(axis=(1, 2)).max(), 1e-300)
        ceiling = 30.0 - np.log(size)
        return cls(
            evaluate, tasks, model, base, inverse, log_variance, has_covariance, ceiling
        )

    def at(self, x):
        """Return the search about another point."""
        return self.around(self.prior(x), self.evaluate, self.tasks, self.model)

    @property
    def size(self):
        k, first = len(self.base), self.model.n_intercepts
        n_entries = first + (k > first) if self.model.equal else k * (k + 1) // 2
        return self.has_covariance * n_entries + (k > self.model.n_free)

    def _units(self):
        return units(self.model, len(self.base), self.tasks)

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

    def steepest(self, gradient):
        """Return the largest derivative."""
        return np.abs(gradient).max(initial=0.0)

    def objective(self, x):
        """Return minus the penalised log likelihood and its gradient."""
        return self.derivatives(x, self.evaluate(*self.prior(x)))

    def derivatives(self, x, point):
        """Return minus the penalised log likelihood and its gradient at a point."""
        eigen, factor, variance = self._unpack(x)
        deviance, slope, mean_slope = with_rate(point, self.model, factor, variance)
        mean_slope = [mean_slope * self._units()[1]]
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

    def information(self, point):
        """Return the second derivatives at the base, made positive.

        Mixed ones with respect to ``S`` and ``log c`` are taken as zero.
        """
        k, model = len(self.base), self.model
        second = curvature(model, self.tasks, point)
        for _ in range(4):
            second = np.tensordot(second, self.base, (0, 0))
        # Of exp(S) itself.
        inner = self.base.T @ point.slope @ self.base
        inner = inner + model.rate * (self.base.T @ self.base)
        if model.pull:
            half = np.sqrt(self._target())[:, None] * self.base_inverse.T
            inner = inner + model.pull * (half.T @ half)
            second = second - model.pull * self._slack(half).reshape(4 * [k])
        # tr(A S S') for a symmetric A.
        bent = np.einsum("li,jk->ijkl", inner, np.eye(k))
        bent = (bent + bent.transpose(2, 3, 0, 1)) / 2.0
        return positive(self._folded(second + bent, point) / 2.0)

    def _target(self):
        return equal_variances(self.model, self.base_inverse.T @ self.base_inverse)

    def _slack(self, half):
        """Return how much the targets give way, as a matrix over pairs of entries."""
        first = self.model.n_intercepts
        parts = np.einsum("mi,mj->mij", half, half).reshape(len(half), -1)
        slopes = parts[first:].sum(axis=0) / np.sqrt(max(len(half) - first, 1))
        parts = np.vstack([parts[:first], slopes])
        return parts.T @ parts

    def _folded(self, second, point):
        """Return derivatives in entries of ``S`` as those in what is searched over."""
        k, (unit, mean_unit) = len(self.base), self._units()
        rows, columns = np.triu_indices(k)
        weight = np.where(rows == columns, unit / 2.0, unit / np.sqrt(2.0))
        folded = second + second.transpose(1, 0, 2, 3)
        folded = (folded + folded.transpose(0, 1, 3, 2))[rows, columns]
        folded = folded[:, rows, columns] * np.outer(weight, weight)
        variance = np.exp(self.log_variance)
        return with_mean(folded, point, self.model, variance, mean_unit)

    def shortened(self, x):
        """Return a step that changes no variance by more than a certain factor."""
        k = len(self.base)
        rows, columns = np.triu_indices(k)
        unit, mean_unit = self._units()
        longest = np.full(x.size, LONGEST_STEP / mean_unit)
        longest[: rows.size] = np.where(rows == columns, LONGEST_STEP, 1.0) / unit
        return np.clip(x, -longest, longest)

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


class Factors(NamedTuple):
    """The likelihood over the entries of ``F`` with ``D = F F'``, and ``log c``.

    Without a pull the best covariance is often singular. A column of F then goes to
    zero at once, while the others turn freely, which logarithms near a singular matrix
    do not.
    """

    evaluate: Callable
    tasks: CompressedTasks
    model: Model
    factor: np.ndarray
    mean_variance: float

    @property
    def size(self):
        return self.factor.size + (len(self.factor) > self.model.n_free)

    def at(self, x):
        """Return the search about another point."""
        return self._replace(**self.prior(x)._asdict())

    def prior(self, x):
        """Return the prior at a point of the search."""
        step = x[: self.factor.size].reshape(self.factor.shape)
        change = x[-1] if self.size > self.factor.size else 0.0
        return Prior(self.factor + step, self.mean_variance * np.exp(change))

    def derivatives(self, x, point):
        """Return minus the penalised log likelihood and its gradient at a point."""
        factor, variance = self.prior(x)
        deviance, slope, mean_slope = with_rate(point, self.model, factor, variance)
        gradient = np.r_[2.0 * (slope @ factor).ravel(), mean_slope]
        return deviance / 2.0, gradient[: self.size] / 2.0

    def steepest(self, gradient):
        """Return the largest derivative in the coordinates of ``Logarithms``."""
        unit, mean_unit = units(self.model, len(self.factor), self.tasks)
        inner = self.factor.T @ gradient[: self.factor.size].reshape(self.factor.shape)
        largest = np.abs(inner).max() * unit / 2.0
        return max(
            largest, np.abs(gradient[self.factor.size :]).max(initial=0.0) * mean_unit
        )

    def information(self, point):
        """Return the second derivatives at the base, made positive."""
        factor, k = self.factor, len(self.factor)
        second = curvature(self.model, self.tasks, point)
        second = second + second.transpose(1, 0, 2, 3)
        second = second + second.transpose(0, 1, 3, 2)
        second = np.einsum("ijkl,jb,ld->ibkd", second, factor, factor, optimize=True)
        # Of F F' itself.
        _, slope, _ = with_rate(point, self.model, *self.prior(np.zeros(self.size)))
        second = second.reshape(k * k, -1) + 2.0 * np.kron(slope, np.eye(k))
        return positive(with_mean(second, point, self.model, self.mean_variance) / 2.0)

    def shortened(self, x):
        """Return a step that is not too long."""
        if self.size > self.factor.size:
            x[-1] = np.clip(x[-1], -LONGEST_STEP, LONGEST_STEP)
        return x


def units(model, n_coordinates, tasks):
    """Return steps in S and log c whose curvature is about one."""
    n_bound = model.n_means * (n_coordinates - model.n_free)
    n_tasks = len(tasks.target) + model.pull
    return np.sqrt(2.0 / n_tasks), np.sqrt(2.0 / max(n_bound, 1))


def with_rate(point, model, factor, mean_variance):
    """Return deviance and slopes with those of the exponential prior."""
    deviance, slope, mean_slope = point.deviance, point.slope, point.mean_slope
    if model.rate:
        n_bound = model.n_means * (len(factor) - model.n_free)
        total = n_bound * mean_variance
        deviance = deviance + model.rate * ((factor**2).sum() + total)
        slope = slope + model.rate * np.eye(len(factor))
        mean_slope = mean_slope + model.rate * total
    return deviance, slope, mean_slope


def curvature(model, tasks, point):
    """Return the second derivatives of the deviance in entries of D.

    With M the information of a task and z its score, entries E and E' of D have
    ``2 z'E M E'z - tr(E M E' M)``, summed over tasks, less what the means and the noise
    make up for by taking their best values.
    """
    k, n_tasks = point.white.shape[2], len(tasks.target)
    seen = point.white.transpose(0, 2, 1) @ point.white
    flat = seen.reshape(len(seen), -1)
    z = point.score / np.sqrt(point.noise)
    square = np.einsum("ti,tj->tij", z, z).reshape(n_tasks, -1)
    weight = 2.0 * square - flat
    if len(flat) == 1:
        weight = weight.sum(axis=0, keepdims=True)
    products = (flat.T @ weight).reshape(4 * [k])
    # Entry (j, k) of M and entry (l, i) of what stands beside it.
    second = products.transpose(3, 0, 1, 2)
    n_each = n_tasks // model.n_means
    for t, spread in enumerate(point.mean_covariance):
        block = slice(t * n_each, (t + 1) * n_each)
        own = seen if len(seen) == 1 else seen[block]
        q = np.einsum(
            "tmi,tj->mij", np.broadcast_to(own, (n_each, k, k)), z[block]
        ).reshape(k, -1)
        second = second - 2.0 * (q.T @ spread @ q).reshape(4 * [k])
    if model.noise is None:
        total = square.sum(axis=0)
        second = second - (np.outer(total, total) / tasks.weight).reshape(4 * [k])
    return second


def positive(matrix):
    """Return a symmetric matrix with the absolute values of its eigenvalues."""
    value, vector = np.linalg.eigh(matrix)
    value = np.maximum(np.abs(value), 1e-9 * np.abs(value).max())
    return (vector * value) @ vector.T


def with_mean(second, point, model, mean_variance, unit=1.0):
    """Return second derivatives extended by that with respect to log c."""
    free = model.n_free
    n_bound = point.mean_covariance.shape[2] - free
    if not n_bound:
        return second
    known = np.eye(n_bound) - point.mean_covariance[:, free:, free:] / mean_variance
    last = (known**2).sum() + model.rate * model.n_means * n_bound * mean_variance
    full = np.zeros((len(second) + 1, len(second) + 1))
    full[:-1, :-1], full[-1, -1] = second, last * unit**2
    return full
