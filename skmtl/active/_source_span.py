"""What the rows of the sources say: the directions they share, and their heads."""

from typing import NamedTuple

import numpy as np

from ..linear._representation import Plan, choose_rank, fit_shared, largest_rank
from ..linear._sample import sample_statistics

TOL = 1e-8
MAX_ITER = 500


class SourceSpan(NamedTuple):
    """Directions that the sources share, and what is known of every source in them.

    Attributes
    ----------
    basis : float64 array of shape (n_features, k)
        Orthonormal; without columns where no source has rows.
    heads : float64 array of shape (n_sources, k)
        Expected coordinates of every source's coefficients.
    spread : float64 array of shape (n_sources, k, k)
        Covariance of what is not known of them.
    mean : float64 array of shape (k,)
        Expected head of a source of which nothing is known.
    covariance : float64 array of shape (k, k)
        Covariance of the heads of all sources.
    noise : float
        Variance of targets about their predictions.
    rows : float64 array of shape (n_sources,)
        Rows held of each source.
    """

    basis: np.ndarray
    heads: np.ndarray
    spread: np.ndarray
    mean: np.ndarray
    covariance: np.ndarray
    noise: float
    rows: np.ndarray

    @property
    def rank(self):
        """Number of shared directions."""
        return self.basis.shape[1]

    @property
    def coef(self):
        """Coefficients of every source."""
        return self.heads @ self.basis.T

    def information(self):
        """Return what the rows held say about each pair of directions, in rows."""
        return (self.heads * self.rows[:, None]).T @ self.heads

    def with_sources(self, places, n_sources):
        """Return the span with more sources, of which nothing is known.

        ``places`` are those of the present sources among all.
        """
        heads = np.tile(self.mean, (n_sources, 1))
        spread = np.tile(self.covariance, (n_sources, 1, 1))
        rows = np.zeros(n_sources)
        heads[places], spread[places] = self.heads, self.spread
        rows[places] = self.rows
        return self._replace(heads=heads, spread=spread, rows=rows)


def no_span(n_features, n_sources):
    """Return the span of sources without rows."""
    return SourceSpan(
        np.zeros((n_features, 0)),
        np.zeros((n_sources, 0)),
        np.zeros((n_sources, 0, 0)),
        np.zeros(0),
        np.zeros((0, 0)),
        0.0,
        np.zeros(n_sources),
    )


def fit_span(statistics, rank, splits, start=None):
    """Fit the directions that tasks share, and return the span, the fit and losses.

    Parameters
    ----------
    statistics : TaskStatistics
        Of the sources.
    rank : int or None
        None is chosen by the error on left-out rows.
    splits : list of (TaskStatistics, TaskStatistics) or None
        Training and left-out rows, for the rank.
    start : SharedFit, default=None
        A fit to nearly the same rows.
    """
    if not statistics.weight.any():
        return no_span(statistics.xy.shape[1], statistics.n_tasks), None, None
    sample = sample_statistics(statistics)
    plan = Plan(None, None, False, "samples", False, TOL, MAX_ITER)
    losses = None
    if rank is None:
        rank, losses = _choose(splits, plan, sample)
    rank = min(rank, largest_rank(sample.tasks.shape))
    fit = fit_shared(sample, plan._replace(rank=rank), start)
    return _read(sample, fit), fit, losses


def _choose(splits, plan, sample):
    """Return the rank with the least error on left-out rows, and all errors."""
    samples = [
        (sample_statistics(train), sample_statistics(test))
        for train, test in splits
        if train.weight.any()
    ]
    tested = sum((test.weight for _, test in samples), np.zeros(1))
    if not tested.any():
        return 1, None
    return choose_rank(samples, plan._replace(tol=1e-4), sample.tasks.shape)


def _read(sample, fit):
    representation, unit = fit.representation, fit.unit[0]
    basis, prior = representation.basis, representation.prior
    tasks = sample.per_unit(fit.unit).tasks
    heads, spread = prior.heads(*tasks.project(basis))
    return SourceSpan(
        basis,
        heads * unit,
        spread * unit**2,
        prior.mean * unit,
        prior.covariance * unit**2,
        float(prior.noise * unit**2),
        sample.weight,
    )
