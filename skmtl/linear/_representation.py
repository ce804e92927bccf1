"""From rows to a shared representation: units, alignment, weights, rank and fit."""

from typing import NamedTuple

import numpy as np

from ._alignment import alignment_maps, span_weights, task_covariances
from ._heads import Representation, fit_representation
from ._low_rank import TINY, Whitening, extend_basis, whitening
from ._rank import select_rank
from ._robust import OutlierTest
from ._robust_span import fit_robust_representation

UNIT_ROUNDS = 3
# A task's noise counts this many rows of an average task beside its own.
UNIT_ROWS = 3.0


class Plan(NamedTuple):
    """What is asked of a fit.

    Attributes
    ----------
    rank : int or None
        None is chosen by the error on left-out rows.
    alpha : float or None
        None is estimated.
    align : bool
    task_weight : {"samples", "equal", "svd", "noise"}
    robust : bool
    tol : float
    max_iter : int
    """

    rank: int | None
    alpha: float | None
    align: bool
    task_weight: str
    robust: bool
    tol: float
    max_iter: int


class SharedFit(NamedTuple):
    """A representation in the user's units and features.

    Attributes
    ----------
    coef : float64 array of shape (n_tasks, n_features)
    in_span : float64 array of shape (n_tasks, n_features)
        Coefficients without what tasks deviate by.
    shared_coef : float64 array of shape (n_features,)
    representation : Representation
        In aligned features and in the tasks' own units.
    maps : float64 array of shape (n_tasks, n_features, n_features) or None
        Alignment of each task's features.
    common : float64 array of shape (n_features, n_features) or None
        Covariance all tasks are aligned to.
    unit : float64 array of shape (n_tasks,)
        Unit of each task's target.
    similarity : float64 array of shape (n_tasks, n_tasks)
        Correlation of tasks' predictions on the rows of all tasks.
    white : Whitening
    test : OutlierTest or None
    """

    coef: np.ndarray
    in_span: np.ndarray
    shared_coef: np.ndarray
    representation: Representation
    maps: np.ndarray | None
    common: np.ndarray | None
    unit: np.ndarray
    similarity: np.ndarray
    white: Whitening
    test: OutlierTest | None


def largest_rank(shape):
    """Return the rank beyond which nothing is constrained."""
    return max(1, min(shape))


def fit_shared(sample, plan, start=None):
    """Fit one representation of a given rank (``plan.rank``)."""
    maps, common = _maps(sample) if plan.align else (None, None)
    if maps is not None:
        sample = sample.aligned(maps)
    basis = None if start is None else start.representation.basis
    part, unit = _fit_in_units(sample, plan, basis)
    coefs = np.stack([part.coef, part.representation.coef]) * unit[:, None]
    if maps is not None:
        coefs = np.einsum("tjk,ctk->ctj", maps, coefs)
    shared = part.representation.shared_coef * typical_unit(sample, unit)
    similarity = cosines(part.coef, part.white.mean_gram)
    return SharedFit(
        *coefs, shared, part.representation, maps, common, unit, similarity,
        part.white, part.test,
    )  # fmt: skip


def _fit_in_units(sample, plan, basis):
    """Fit targets in a common unit, or each in that of its noise."""
    own = plan.task_weight == "noise"
    unit = target_units(sample) if own else common_unit(sample)
    part = _fit_scaled(sample.per_unit(unit), plan, basis)
    for _ in range(UNIT_ROUNDS if own else 0):
        unit = unit * noise_ratio(sample.per_unit(unit), part.coef, plan.rank)
        basis = part.representation.basis
        part = _fit_scaled(sample.per_unit(unit), plan, basis)
    return part, unit


def choose_rank(splits, plan, shape):
    """Return the rank with the least median error on left-out rows."""

    def fit(train, rank, last):
        grown = None if last is None else _grown(train, last, plan)
        return fit_shared(train, plan._replace(rank=rank), grown)

    return select_rank(splits, fit, largest_rank(shape))


def _grown(train, last, plan):
    """Return the last fit with one more direction, where one can be added to it."""
    if plan.align or plan.robust or plan.task_weight == "noise":
        return None
    fit = last.representation
    tasks = train.per_unit(last.unit).tasks
    basis = extend_basis(tasks, last.white, fit.basis, fit.heads, 1)
    return last._replace(representation=fit._replace(basis=basis))


class _Part(NamedTuple):
    """A fit in aligned features and in the tasks' own units."""

    coef: np.ndarray
    representation: Representation
    white: Whitening
    test: OutlierTest | None


def _fit_scaled(sample, plan, basis):
    """Fit tasks that are aligned and in units of their own."""
    if plan.task_weight == "svd":
        weights = span_weights(sample, whitening(sample.tasks), plan.rank)
        sample = sample.rescaled(weights)
    control = {"tol": plan.tol, "max_iter": plan.max_iter}
    white = whitening(sample.tasks)
    if plan.robust:
        fit = fit_robust_representation(
            sample, plan.rank, plan.alpha, start=basis, **control
        )
        return _Part(fit.coef, fit.representation, white, fit.test)
    fit = fit_representation(
        sample, white, plan.rank, plan.alpha, start=basis, **control
    )
    return _Part(fit.coef, fit, white, None)


def cosines(coef, metric):
    """Return the cosine of any two rows in a metric."""
    inner = coef @ metric @ coef.T
    length = np.sqrt(np.maximum(np.diag(inner), TINY))
    return np.clip(inner / length / length[:, None], -1.0, 1.0)


def _maps(sample):
    covariance, common = task_covariances(sample)
    return alignment_maps(covariance, common, sample.freedom()), common


def typical_unit(sample, unit):
    """Return the unit in which a task of which nothing is known is predicted."""
    return float(np.median(unit[sample.weight > 0.0]))


def common_unit(sample):
    """Return the spread of all targets about their tasks' means, for every task."""
    error = sample.tasks.squared_error(np.zeros(sample.tasks.shape)).sum()
    unit = np.sqrt(error / max(sample.freedom().sum(), 1.0))
    return np.full(sample.weight.size, unit if unit > TINY else 1.0)


def target_units(sample):
    """Return the spread of every task's target about its mean."""
    freedom = np.maximum(sample.freedom(), 1.0)
    error = sample.tasks.squared_error(np.zeros(sample.tasks.shape))
    unit = np.sqrt(error / freedom)
    present = unit > TINY
    typical = np.exp(np.log(unit[present]).mean()) if present.any() else 1.0
    return np.where(present, unit, typical)


def noise_ratio(sample, coef, rank):
    """Return each task's noise, as a standard deviation, in its present unit.

    The mean over tasks, worth ``UNIT_ROWS`` rows, stands in for what tiny tasks lack.
    """
    error = sample.tasks.squared_error(coef)
    freedom = sample.freedom()
    freedom = freedom - np.minimum(rank, freedom / 2.0)
    mean = error.sum() / max(freedom.sum(), 1.0)
    variance = (error + UNIT_ROWS * mean) / (freedom + UNIT_ROWS)
    return np.sqrt(variance) if mean > TINY else np.ones(error.size)
