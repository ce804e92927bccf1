"""How much of a shared model to mix into each task's own, from held-out predictions.

With gate ``g`` a task predicts ``(1 - g) * single + g * shared``. Its held-out loss is
convex in ``g`` and near its minimum a parabola: an estimate of the best gate, and a
precision that says how well the task's rows determine it. Few rows determine little, so
estimates are shrunk toward a common weight, the more the less the tasks differ.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import polygamma

# No distribution on [0, 1] has a larger variance.
WIDEST = 0.25
# Probabilities below this count as this: one row must not outweigh all others.
UNLIKELY = 1e-6
# Standard deviations by which a gate stays below its estimate, see ``careful``.
CAUTION = 0.5


class HeldOut(NamedTuple):
    """Predictions, by both models, of rows that neither was fitted to.

    Attributes
    ----------
    task : int64 array of shape (n_rows,)
    weight : float64 array of shape (n_rows,)
    target : float64 array of shape (n_rows,)
        The true value; 1 in a classifier.
    single, shared : float64 arrays of shape (n_rows,)
        Predicted values; in a classifier, probabilities of the row's true class.
    """

    task: np.ndarray
    weight: np.ndarray
    target: np.ndarray
    single: np.ndarray
    shared: np.ndarray


class Gates(NamedTuple):
    """The shared model's weight in a task of unknown gate, and in each task."""

    overall: float
    values: np.ndarray


class Shrunken(NamedTuple):
    """Estimates moved toward their common mean.

    Attributes
    ----------
    mean, mean_variance : float
        The common mean and the variance of its estimate.
    spread : float
        Variance of the true values around it.
    values, variance : float64 arrays of shape (n_tasks,)
        Posterior means and variances.
    """

    mean: float
    mean_variance: float
    spread: float
    values: np.ndarray
    variance: np.ndarray


def shrink(estimate, precision, widest=np.inf):
    """Return posterior means of quantities that vary normally around a common mean.

    Estimates have variance ``1 / precision``; precision 0 means nothing is known. The
    spread of the true values is the one at which the weighted squares of the estimates
    about their mean are as large as expected [1]_.

    References
    ----------
    .. [1] R. C. Paule and J. Mandel, "Consensus values and weighting factors", Journal
       of Research of the National Bureau of Standards 87(5), 377-385, 1982.
    """
    n_known = np.count_nonzero(precision)

    def centre(spread):
        share = precision / (1.0 + precision * spread)
        return (share @ estimate) / share.sum(), share

    def excess(spread):
        mean, share = centre(spread)
        return share @ (estimate - mean) ** 2 - (n_known - 1)

    spread = 0.0
    if n_known > 1 and excess(0.0) > 0:
        high = 1.0 / precision[precision > 0].min()
        while high < widest and excess(high) > 0:
            high *= 4.0
        high = min(high, widest)
        spread = high if excess(high) > 0 else brentq(excess, 0.0, high)
    mean, share = centre(spread)
    mean_variance, own = 1.0 / share.sum(), precision * spread
    values = (own * estimate + mean) / (1.0 + own)
    variance = spread / (1.0 + own) + mean_variance / (1.0 + own) ** 2
    return Shrunken(mean, mean_variance, spread, values, variance)


def careful(value, variance, kept, caution=CAUTION):
    """Return the gates to use, a little below their estimates.

    Held-out rows see models fitted to a share ``kept`` of the rows. The error of a
    task's own model falls like one over its rows, that of the shared model hardly: the
    odds ``g / (1 - g)`` are those of the two errors, so they are too high by
    ``1 / kept``. Half a standard deviation less, because a gate too low costs what
    sharing would have gained, and one too high costs what the user had without it.
    """
    gate = np.clip(value - caution * np.sqrt(variance), 0.0, 1.0)
    return kept * gate / (kept * gate + (1.0 - gate))


def squared_gates(rows, n_tasks, kept, caution=CAUTION):
    """Return gates that minimise the squared error of mixed predictions.

    With residuals ``e`` of the single model and differences ``d`` between the two, a
    task's best gate is ``sum(e d) / sum(d d)``, with variance ``s2 / sum(d d)``. The
    noise ``s2`` is the mean squared residual of the better model, its logarithm shrunk.
    """
    error, difference = rows.target - rows.single, rows.shared - rows.single

    def total(values):
        return np.bincount(rows.task, rows.weight * values, minlength=n_tasks)

    count, both = total(np.ones_like(error)), total(error * difference)
    apart, single = total(difference**2), total(error**2)
    # Differences that are rounding errors determine nothing.
    known = apart > 1e-20 * total(rows.target**2)
    if not known.any():
        return Gates(1.0, np.full(n_tasks, 1.0))
    apart, count = np.where(known, apart, 1.0), np.where(known, count, 1.0)
    residual = np.minimum(single, single - 2.0 * both + apart)
    residual = np.where(known, np.maximum(residual, 1e-12 * apart), 1.0) / count
    # The logarithm of a variance from n normal residuals has variance trigamma(n / 2).
    sureness = np.where(known, 1.0 / polygamma(1, count / 2.0), 0.0)
    noise = np.exp(shrink(np.log(residual), sureness).values)
    precision = np.where(known, apart / noise, 0.0)
    shrunken = shrink(np.where(known, both / apart, 0.0), precision, WIDEST)
    return _gates(shrunken, shrunken.values, kept, caution)


def log_gates(rows, n_tasks, kept, caution=CAUTION):
    """Return gates that minimise the log loss of mixed probabilities.

    The parabolas at the gate that is best for all tasks together give the common mean
    and the spread; each task's gate then minimises its own loss plus the penalty
    ``(g - mean)**2 / (2 * spread)``.
    """
    single = np.maximum(rows.single, UNLIKELY)
    difference = np.maximum(rows.shared, UNLIKELY) - single

    def derivatives(gate):
        ratio = difference / (single + gate[rows.task] * difference)
        slope = -np.bincount(rows.task, rows.weight * ratio, minlength=n_tasks)
        return slope, np.bincount(rows.task, rows.weight * ratio**2, minlength=n_tasks)

    def everywhere(gate):
        return np.full(n_tasks, gate)

    common = _root(lambda g: derivatives(everywhere(g[0]))[0].sum(keepdims=True), 1)
    slope, precision = derivatives(everywhere(common[0]))
    precision = np.where(precision > 1e-20, precision, 0.0)
    if not precision.any():
        return Gates(1.0, np.full(n_tasks, 1.0))
    step = np.divide(slope, precision, out=np.zeros(n_tasks), where=precision > 0)
    shrunken = shrink(common[0] - step, precision, WIDEST)
    mean, spread = np.clip(shrunken.mean, 0.0, 1.0), shrunken.spread
    gate = _root(lambda g: spread * derivatives(g)[0] + g - mean, n_tasks)
    return _gates(shrunken, gate, kept, caution)


def _gates(shrunken, values, kept, caution):
    unknown = shrunken.spread + shrunken.mean_variance
    overall = careful(shrunken.mean, unknown, kept, caution)
    return Gates(float(overall), careful(values, shrunken.variance, kept, caution))


def _root(rising, size):
    """Return where rising functions on [0, 1] cross zero, or the nearer end."""
    low, high = np.zeros(size), np.ones(size)
    for _ in range(50):
        middle = 0.5 * (low + high)
        above = rising(middle) > 0
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return 0.5 * (low + high)
