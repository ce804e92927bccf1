r"""Coefficients of a target from its own rows and from the span of the sources.

The coefficients are those of a Gaussian prior with precision

.. math:: K = a R + H

in units of the noise: :math:`\theta' R \theta` is the squared distance of predictions
from the span of the sources, :math:`a` the number of rows that the sources are worth in
saying that it is zero, and :math:`H` a ridge, or what the heads of the sources let
expect. :math:`a` and the ridge are the most likely ones for the target's rows (type-II
maximum likelihood), with the precision that the samples of the sources imply as a guess
beforehand: :math:`a = 1 / c^\top (\sum_m n_m w_m w_m^\top)^{-1} c`.
"""

from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve

# Strengths are tried at these powers of ten, in units of rows.
RIDGES = np.arange(-3.0, 6.0, 1.0)
FINE_RIDGES = np.array([-2.0, -1.0, 1.0, 2.0]) / 3.0
DISTANCES = np.arange(-1.0, 8.01, 0.25)
# Standard deviation, in powers of ten, of the guess at what sources are worth.
GUESS = 0.5
# The noise of the sources counts this many rows beside those of the target.
NOISE_ROWS = 2.0
# Part of the mean squared feature that keeps every direction determined.
LEAST = 1e-9
# Ridge on what heads of the sources say nothing of, in units of rows.
BARELY = 1e-6
# Rows that heads of sources are worth at most: beside more, that ridge is rounding.
SURE = 1e8


class TargetRows(NamedTuple):
    """Moments of one target's rows about their means.

    Attributes
    ----------
    gram : float64 array of shape (n_features, n_features)
    xy : float64 array of shape (n_features,)
    yy : float
    weight : float
    x_mean : float64 array of shape (n_features,)
    y_mean : float
    """

    gram: np.ndarray
    xy: np.ndarray
    yy: float
    weight: float
    x_mean: np.ndarray
    y_mean: float

    @classmethod
    def of(cls, statistics, t):
        """Return the rows of task t."""
        g = t if len(statistics.gram) > 1 else 0
        return cls(
            statistics.gram[g],
            statistics.xy[t],
            float(statistics.yy[t]),
            float(statistics.weight[t]),
            statistics.x_mean[g],
            float(statistics.y_mean[t]),
        )

    def about(self, coef):
        """Return the moments of what coefficients leave over."""
        fitted = self.gram @ coef
        yy = max(self.yy - 2.0 * coef @ self.xy + coef @ fitted, 0.0)
        return self._replace(xy=self.xy - fitted, yy=yy)

    def intercept(self, coef):
        """Return the intercept that fits best beside coefficients."""
        return self.y_mean - float(self.x_mean @ coef)

    def squared_error(self, coef, intercept):
        """Return the sum of squared errors of predictions."""
        shift = self.y_mean - intercept - float(self.x_mean @ coef)
        return self.about(coef).yy + self.weight * shift**2


class Candidate(NamedTuple):
    """A prior of the target's coefficients.

    Attributes
    ----------
    precision : float64 array of shape (n_features, n_features)
        In units of the noise.
    origin : float64 array of shape (n_features,)
        Coefficients expected without rows.
    distance : float
        How many rows the sources are worth.
    evidence : float
        Log likelihood of the target's rows.
    noise : float
    """

    precision: np.ndarray
    origin: np.ndarray
    distance: float
    evidence: float
    noise: float

    def coef(self, rows):
        """Return the expected coefficients after some rows."""
        left = rows.xy - rows.gram @ self.origin
        factor = cho_factor(rows.gram + self.precision)
        return self.origin + cho_solve(factor, left)

    def covariance(self, rows):
        """Return the covariance of what is not known of the coefficients."""
        factor = cho_factor(rows.gram + self.precision)
        return self.noise * cho_solve(factor, np.eye(len(self.origin)))


class Metric(NamedTuple):
    """How predictions differ, on average over rows of all tasks.

    Attributes
    ----------
    features : float64 array of shape (n_features, n_features)
        Covariance of features, with a trace of the identity.
    outside : float64 array of shape (n_features, n_features)
        Squared distance of predictions from the span.
    reader : float64 array of shape (k, n_features)
        Coordinates in the span of the nearest predictions.
    unit : float
        Mean variance of features that vary.
    n_varying : int
        How many those are.
    """

    features: np.ndarray
    outside: np.ndarray
    reader: np.ndarray
    unit: float
    n_varying: int

    @classmethod
    def of(cls, covariance, basis):
        """Return the metric of a span, given the covariance of features."""
        n_varying = max(int(np.count_nonzero(np.diag(covariance))), 1)
        unit = float(np.trace(covariance)) / n_varying
        unit = unit if unit > 0.0 else 1.0
        features = covariance + LEAST * unit * np.eye(len(covariance))
        moved = features @ basis
        reader = np.linalg.solve(basis.T @ moved, moved.T)
        outside = features - moved @ reader
        return cls(features, (outside + outside.T) / 2.0, reader, unit, n_varying)


def target_only(rows, metric, noise):
    """Return the ridge of largest likelihood, in which sources have no part."""
    moved, turn = np.linalg.eigh(rows.gram)
    moved, square = moved.clip(min=0.0), (turn.T @ rows.xy) ** 2

    def evidence(powers):
        ridges = metric.unit * 10.0 ** powers[:, None]
        error = rows.yy - (square / (moved + ridges)).sum(axis=1)
        return _evidence(error, np.log1p(moved / ridges).sum(axis=1), rows, noise)

    power, value, level = _search(evidence)
    precision = metric.unit * 10.0**power * np.eye(len(moved))
    return Candidate(precision, np.zeros(len(moved)), 0.0, value, level)


def near_span(rows, metric, noise, worth):
    """Return the ridge beside the distance from the span, both of largest likelihood.

    ``worth`` is a guess at the number of rows that the sources are worth.
    """
    one, chosen = np.eye(len(rows.xy)), {}
    belief, sizes = _belief(worth), np.linalg.eigvalsh(metric.outside).clip(min=0.0)

    def evidence(powers):
        ridges = metric.unit * 10.0 ** powers[:, None, None] * one
        error, after = _path(rows.gram + ridges, metric.outside, rows)
        ratios = 10.0 ** DISTANCES[:, None] * sizes / ridges[:, :1, 0, None]
        before = np.log1p(ratios).sum(axis=2) + sizes.size * np.log(ridges[:, :1, 0])
        values, levels = _evidence(error, after - before, rows, noise)
        places = np.argmax(values + belief, axis=1)
        chosen.update(zip(powers.tolist(), places.tolist(), strict=True))
        each = np.arange(powers.size)
        return (values + belief)[each, places], levels[each, places]

    power, value, level = _search(evidence)
    distance = 10.0 ** DISTANCES[chosen[power]]
    precision = distance * metric.outside + metric.unit * 10.0**power * one
    return Candidate(precision, np.zeros(len(one)), distance, value, level)


def from_heads(rows, metric, span, worth):
    """Return the prior that expects a head like those of the sources."""
    origin = span.basis @ span.mean
    inner = _precision_of_heads(span, metric.unit)
    least = BARELY * metric.unit * np.eye(len(origin))
    inside = metric.reader.T @ inner @ metric.reader + least
    rows = rows.about(origin)
    error, after = _path((rows.gram + inside)[None], metric.outside, rows)
    before = _path(inside[None], metric.outside)[1]
    values, levels = _evidence(error[0], (after - before)[0], rows, span.noise)
    values = values + _belief(worth)
    best = int(np.argmax(values))
    distance = 10.0 ** DISTANCES[best]
    precision = distance * metric.outside + inside
    return Candidate(
        precision, origin, distance, float(values[best]), float(levels[best])
    )


def _precision_of_heads(span, unit):
    """Return what is known of a head beforehand, in units of the noise.

    Sources whose heads lie in fewer directions than the span leave the others without
    variance.
    """
    size, axes = np.linalg.eigh(span.covariance)
    least = max(span.noise / (SURE * unit), 1e-300)
    return (axes * (span.noise / np.maximum(size, least))) @ axes.T


def _belief(worth):
    """Return the log density of every distance before the target's rows are seen."""
    return -0.5 * ((DISTANCES - np.log10(worth)) / GUESS) ** 2


def _path(precisions, outside, rows=None):
    """Return penalised errors and log determinants for all distances at once.

    Of matrices ``precision + distance * outside``, one row for each precision and one
    column for each distance.
    """
    lower = np.linalg.cholesky(precisions)
    moved = np.linalg.solve(lower, np.broadcast_to(outside, lower.shape))
    moved = np.linalg.solve(lower, moved.transpose(0, 2, 1))
    size, turn = np.linalg.eigh(moved)
    growth = 1.0 + 10.0 ** DISTANCES[:, None] * size.clip(min=0.0)[:, None, :]
    diagonal = np.diagonal(lower, axis1=1, axis2=2)
    logdet = 2.0 * np.log(diagonal).sum(axis=1)[:, None] + np.log(growth).sum(axis=2)
    if rows is None:
        return None, logdet
    moments = np.broadcast_to(rows.xy[:, None], (len(lower), rows.xy.size, 1))
    carried = np.linalg.solve(lower, moments)
    carried = (turn.transpose(0, 2, 1) @ carried)[:, None, :, 0]
    return rows.yy - (carried**2 / growth).sum(axis=2), logdet


def _evidence(error, logdet, rows, noise):
    """Return the log likelihood with the noise that suits best, and that noise."""
    count = max(rows.weight - 1.0, 0.0)
    beside = NOISE_ROWS if noise > 0.0 else 0.0
    total = np.maximum(error, 1e-12 * rows.yy) + beside * noise
    freedom = max(count + beside, 1.0)
    level = np.maximum(total / freedom, 1e-300)
    return -0.5 * (logdet + freedom * np.log(level)), level


def _search(evidence):
    """Return the power of ten of largest evidence, that, and the noise."""
    values, levels = evidence(RIDGES)
    best = int(np.argmax(values))
    near = RIDGES[best] + FINE_RIDGES
    fine_values, fine_levels = evidence(near)
    if fine_values.max() > values[best]:
        values, levels, powers = fine_values, fine_levels, near
        best = int(np.argmax(values))
    else:
        powers = RIDGES
    return powers[best], float(values[best]), float(levels[best])
