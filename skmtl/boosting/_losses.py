"""Losses that trees are boosted with."""

from typing import NamedTuple

import numpy as np

from .._kernels import losses as kernels


class Loss(NamedTuple):
    """A loss of one row, by its code in the kernels.

    Attributes
    ----------
    code : int
    parameter : float
        Where the Huber loss turns linear, or the level of a quantile.
    n_outputs : int
        Scores per row: the number of classes for ``softmax``, else 1.
    """

    code: int
    parameter: float = 0.0
    n_outputs: int = 1

    @property
    def has_constant_hessian(self):
        """Whether the second derivative is one everywhere."""
        return self.code in (kernels.SQUARED, kernels.HUBER, kernels.QUANTILE)

    @property
    def level(self):
        """Level of the quantile that leaves take of their residuals, or None."""
        return self.parameter if self.code == kernels.QUANTILE else None

    def value(self, y, score, weight):
        """Return the weighted sum of the losses of all rows."""
        return kernels.total_loss(self.code, self.parameter, y, score, weight)

    def differentiate(self, y, score, weight, output, gradient, hessian):
        """Write both derivatives of the loss of each row by one of its scores.

        An empty ``hessian`` is not written: it is one everywhere.
        """
        kernels.differentiate(
            self.code, self.parameter, y, score, weight, output, gradient, hessian
        )

    def start(self, y, weight):
        """Return the constant scores with the smallest loss, one for each output.

        For classes and counts, where a share of zero has no finite score, as if there
        were a hundred-millionth of a row more.
        """
        weight = weight if weight.size else np.ones(y.size)
        if self.code == kernels.QUANTILE:
            return np.array([kernels.weighted_quantile(y, weight, self.parameter)])
        if self.code == kernels.HUBER:
            return np.array([self._huber_centre(y, weight)])
        if self.code == kernels.SOFTMAX:
            sizes = np.bincount(y.astype(np.int64), weight, self.n_outputs)
            logs = np.log(sizes / weight.sum() + 1e-8)
            return logs - logs.mean()
        mean = np.average(y, weights=weight)
        if self.code == kernels.POISSON:
            return np.array([np.log(mean + 1e-8)])
        if self.code == kernels.LOGISTIC:
            mean = np.clip(mean, 1e-8, 1.0 - 1e-8)
            return np.array([np.log(mean / (1.0 - mean))])
        return np.array([mean])

    def _huber_centre(self, y, weight):
        """Return the minimiser by Newton's method from the median."""
        centre = kernels.weighted_quantile(y, weight, 0.5)
        for _ in range(100):
            residual = y - centre
            inside = weight @ (np.abs(residual) <= self.parameter)
            pull = weight @ np.clip(residual, -self.parameter, self.parameter)
            step = pull / max(inside, 1e-3 * weight.sum())
            centre += step
            if abs(step) <= 1e-12 * self.parameter:
                break
        return centre


def squared():
    """Return half the squared error."""
    return Loss(kernels.SQUARED)


def huber(delta):
    """Return the squared error that turns linear at residuals of size ``delta``."""
    return Loss(kernels.HUBER, float(delta))


def quantile(level):
    """Return the loss whose minimiser is a quantile."""
    return Loss(kernels.QUANTILE, float(level))


def absolute():
    """Return half the absolute error, whose minimiser is the median."""
    return quantile(0.5)


def poisson():
    """Return the negative log-likelihood of counts with the mean ``exp(score)``."""
    return Loss(kernels.POISSON)


def logistic():
    """Return the negative log-likelihood of classes 0 and 1 given their log-odds."""
    return Loss(kernels.LOGISTIC)


def softmax(n_classes):
    """Return the negative log-likelihood of classes 0 to ``n_classes - 1``."""
    return Loss(kernels.SOFTMAX, 0.0, int(n_classes))
