"""Coordinates in which the prior of tasks' coefficients is searched for."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.linalg import solve_triangular

from ._compression import CompressedTasks
from ._marginal_likelihood import Model
from ._prior import Prior, equal_variances, root_of
from ._prior_curvature import (
    bent_square,
    curvature,
    log_odds,
    units,
    with_mean,
    with_priors,
)

# Variances with a prior go no further than where its density is below that of its mean
# by the exponential of this: likelihoods out there take long to find, for nothing.
FAR = 40.0
# Largest change of the logarithm of a variance in one step.
LONGEST_STEP = 3.0


class Logarithms(NamedTuple):
    """The penalised likelihood over ``D = B U U' B'`` and ``log c``.

    In logarithms of squares on the diagonal of the triangular ``U`` and in the entries
    above it curvatures differ by no more than the pull allows, whatever the scales of
    coordinates. Columns of ``B`` are the principal axes in ascending order, so that an
    entry of ``U`` turns a longer axis towards a shorter one in a straight line. Of a
    model with equal variances only the diagonal is free, with one entry for all slopes.
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
        if model.rate:
            longest = max((base**2).sum(axis=0).max(), 1e-300)
            ceiling = min(ceiling, np.log(FAR / model.rate / longest))
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

    @property
    def has_mean(self):
        """Whether ``log c`` is searched for, in the last coordinate."""
        return len(self.base) > self.model.n_free

    def _units(self):
        return units(self.model, len(self.base), self.tasks)

    def _unpack(self, x):
        k, (unit, mean_unit) = len(self.base), self._units()
        bound = k > self.model.n_free
        log_variance = self.log_variance + (mean_unit * x[-1] if bound else 0.0)
        most = np.log(FAR / self.model.rate) if self.model.rate else 60.0
        variance = np.exp(np.clip(log_variance, -60.0, most))
        if not self.has_covariance:
            return None, np.zeros((k, k)), variance
        if self.model.equal:
            value = np.clip(self._members() @ x[: len(x) - bound], -60.0, self.ceiling)
            return np.exp(value / 2.0), self.base * np.exp(value / 2.0), variance
        rows, columns = np.triu_indices(k)
        entry = x[: rows.size] * np.where(rows == columns, unit, unit / np.sqrt(2.0))
        most = np.exp(self.ceiling / 2.0)
        upper = np.zeros((k, k))
        upper[rows, columns] = np.clip(entry, -most, most)
        logarithm = np.clip(np.diag(upper), -60.0, self.ceiling)
        np.fill_diagonal(upper, np.exp(logarithm / 2.0))
        return upper, self.base @ upper, variance

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
        upper, factor, variance = self._unpack(x)
        deviance, slope, mean_slope = with_priors(point, self.model, factor, variance)
        mean_slope = [mean_slope * self._units()[1]]
        gradient = np.array(mean_slope if len(self.base) > self.model.n_free else [])
        if upper is not None and self.model.equal:
            own = (factor**2).sum(axis=1) * np.diag(slope)
            gradient = np.concatenate([self._members().T @ own, gradient])
        elif upper is not None:
            if self.model.pull:
                penalty, penalty_slope = self._penalty(upper)
                deviance, slope = deviance + penalty, slope + penalty_slope
            gradient = np.concatenate([self._chain(upper, slope), gradient])
        return deviance / 2.0, gradient / 2.0

    def information(self, point):
        """Return the second derivatives at the base, but mixed ones with ``log c``."""
        k, model = len(self.base), self.model
        second = curvature(model, self.tasks, point)
        for _ in range(4):
            second = np.tensordot(second, self.base, (0, 0))
        variance = np.exp(self.log_variance)
        slope = with_priors(point, model, self.base, variance)[1]
        inner = self.base.T @ slope @ self.base
        pulled = np.zeros_like(inner)
        if model.pull:
            half = np.sqrt(self._target())[:, None] * self.base_inverse.T
            pulled = model.pull * (half.T @ half)
            second = second - model.pull * self._slack(half).reshape(4 * [k])
        second = self._folded(second, bent_square(inner, pulled), point)
        if model.in_common:
            second = second + self._of_share()
        return second / 2.0

    def _of_share(self):
        """Return the second derivatives of the prior of the share in common.

        But for those of ``U U'`` in U, which stand beside those of the likelihood.
        """
        upper, factor, variance = self._unpack(np.zeros(self.size))
        odds, slope = log_odds(self.model, factor, variance)
        apart = np.append(self._chain(upper, slope), 0.0)
        along = np.append(apart[:-1], -self._units()[1])
        second = np.outer(along, along) / np.cosh(odds / 2.0) ** 2
        return second - 2.0 * np.tanh(odds / 2.0) * np.outer(apart, apart)

    def _target(self):
        return equal_variances(self.model, self.base_inverse.T @ self.base_inverse)

    def _slack(self, half):
        """Return how much the targets give way, as a matrix over pairs of entries."""
        first = self.model.n_intercepts
        parts = np.einsum("mi,mj->mij", half, half).reshape(len(half), -1)
        slopes = parts[first:].sum(axis=0) / np.sqrt(max(len(half) - first, 1))
        parts = np.vstack([parts[:first], slopes])
        return parts.T @ parts

    def _folded(self, second, bent, point):
        """Return derivatives in what is searched over.

        ``second`` are those in entries of ``U U'``, ``bent`` more in entries of ``U``.
        """
        k, (unit, mean_unit) = len(self.base), self._units()
        rows, columns = np.triu_indices(k)
        weight = np.where(rows == columns, unit / 2.0, unit / np.sqrt(2.0))
        folded = second + second.transpose(1, 0, 2, 3)
        folded = folded + folded.transpose(0, 1, 3, 2) + bent
        folded = folded[rows, columns][:, rows, columns] * np.outer(weight, weight)
        variance = np.exp(self.log_variance)
        return with_mean(folded, point, self.model, variance, mean_unit)

    def shortened(self, x):
        """Return a step that changes no variance by more than a certain factor."""
        unit, mean_unit = self._units()
        longest = np.full(x.size, LONGEST_STEP / unit)
        if len(self.base) > self.model.n_free:
            longest[-1] = LONGEST_STEP / mean_unit
        return np.clip(x, -longest, longest)

    def _penalty(self, upper):
        """Return the pull towards equal variances and its derivative in D."""
        half = solve_triangular(upper, self.base_inverse)
        inverse = half.T @ half
        target = equal_variances(self.model, inverse)
        logdet = np.log(np.diag(upper)).sum() - np.linalg.slogdet(self.base_inverse)[1]
        slope = inverse - (inverse * target) @ inverse
        pull = self.model.pull
        return pull * (2.0 * logdet - np.log(target).sum()), pull * slope

    def _chain(self, upper, slope):
        """Turn a derivative in D into one in the logarithms and entries of U."""
        full = 2.0 * self.base.T @ (slope @ (self.base @ upper))
        rows, columns = np.triu_indices(len(full))
        unit, diagonal = self._units()[0], np.diag(upper)[rows] / 2.0
        weight = np.where(rows == columns, unit * diagonal, unit / np.sqrt(2.0))
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

    @property
    def has_mean(self):
        """Whether ``log c`` is searched for, in the last coordinate."""
        return len(self.factor) > self.model.n_free

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
        deviance, slope, mean_slope = with_priors(point, self.model, factor, variance)
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
        """Return the second derivatives at the base, but mixed ones with ``log c``."""
        factor, k = self.factor, len(self.factor)
        second = curvature(self.model, self.tasks, point)
        second = second + second.transpose(1, 0, 2, 3)
        second = second + second.transpose(0, 1, 3, 2)
        second = np.einsum("ijkl,jb,ld->ibkd", second, factor, factor, optimize=True)
        # Of F F' itself.
        _, slope, _ = with_priors(point, self.model, *self.prior(np.zeros(self.size)))
        second = second.reshape(k * k, -1) + 2.0 * np.kron(slope, np.eye(k))
        return with_mean(second, point, self.model, self.mean_variance) / 2.0

    def shortened(self, x):
        """Return a step that is not too long."""
        if self.size > self.factor.size:
            x[-1] = np.clip(x[-1], -LONGEST_STEP, LONGEST_STEP)
        return x
