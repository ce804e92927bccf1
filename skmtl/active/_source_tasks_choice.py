"""One target: which sources to use, and whether to use any."""

from typing import NamedTuple

import numpy as np

from .._sklearn_compat import safe_indexing
from .._wrapping import answer, fit_clone, named_targets
from ._source_tasks_heads import SourceHeads, own_fit
from ._source_tasks_shares import row_weights, source_shares

# Probabilities below this count as this: one row must not outweigh all others.
UNLIKELY = 1e-6


class Rows(NamedTuple):
    """Observed targets of all tasks, each of which belongs to a row of the table.

    Attributes
    ----------
    X : table
        The features.
    Z : float64 array of shape (n_table_rows, n_numbers)
        The same as numbers, for linear heads.
    place : int64 array of shape (n_rows,)
        Row of X and Z.
    y : float64 array of shape (n_rows,)
    Y : float64 array of shape (n_rows, k)
        What heads predict: y, or an indicator of each class.
    task : int64 array of shape (n_rows,)
    weight : float64 array of shape (n_rows,)
    """

    X: object
    Z: np.ndarray
    place: np.ndarray
    y: np.ndarray
    Y: np.ndarray
    task: np.ndarray
    weight: np.ndarray

    def heads(self, chosen):
        """Return linear heads of the tasks of the chosen rows."""
        place, task = self.place[chosen], self.task[chosen]
        return SourceHeads(self.Z[place], self.Y[chosen], task, self.weight[chosen])


class Wrapped(NamedTuple):
    """The user's estimator: how it takes weights, and how its answers are judged.

    Attributes
    ----------
    estimator : estimator
    weight_names : list of str
    weighted : bool
        Whether it takes weights at all.
    method : {"predict", "predict_proba"}
    classes : array or None
        None in a regressor.
    """

    estimator: object
    weight_names: list
    weighted: bool
    method: str
    classes: np.ndarray | None

    def fit(self, rows, chosen, factor):
        """Return a clone fitted to chosen rows whose weights a factor multiplies."""
        weight = rows.weight[chosen] * (factor[chosen] if self.weighted else 1.0)
        return fit_clone(
            self.estimator,
            safe_indexing(rows.X, rows.place[chosen], axis=0),
            named_targets(rows.y[chosen], self.classes),
            weight,
            self.weight_names,
        )

    def fit_all(self, rows):
        """Return a clone fitted to the rows of all tasks alike."""
        every = np.arange(rows.task.size)
        return self.fit(rows, every, np.ones(every.size))

    def losses(self, fitted, rows, chosen):
        """Return the loss of each chosen row."""
        X, y = safe_indexing(rows.X, rows.place[chosen], axis=0), rows.y[chosen]
        answers = answer(fitted, X, self.method, self.classes)
        if self.classes is None:
            return (answers - y) ** 2
        code = y.astype(np.intp)
        if self.method == "predict":
            return (answers != self.classes[code]).astype(np.float64)
        return -np.log(np.maximum(answers[np.arange(code.size), code], UNLIKELY))


class TargetFit(NamedTuple):
    """What was found for one target.

    Attributes
    ----------
    estimator : estimator
    shares : array of shape (n_tasks,)
        The target's own among them: they add up to one.
    factor : array of shape (n_tasks,)
        Weight of a row of each task in the fit.
    losses : array of shape (2,)
        Of held-out rows, by the target's rows alone and with sources; NaN where no
        rows could be held out, or there are no sources.
    """

    estimator: object
    shares: np.ndarray
    factor: np.ndarray
    losses: np.ndarray


def tells_sources_apart(rows, t):
    """Return whether the target has rows that differ: one alone says next to nothing.

    It has no line to compare with those of sources, and nothing to hold out: in
    simulations the rows of all tasks then served better than those of chosen ones.
    """
    own = np.flatnonzero(rows.task == t)
    Z, y = rows.Z[rows.place[own]], rows.y[own]
    return bool((Z[0] != Z).any() or (y != y[0]).any())


def fit_to_all(rows, t, n_tasks, estimator):
    """Return a target whose estimator is fitted to the rows of all tasks alike."""
    count = np.bincount(rows.task, rows.weight, n_tasks)
    return TargetFit(
        estimator, count / count.sum(), np.ones(n_tasks), np.full(2, np.nan)
    )


def fit_target(rows, t, n_tasks, wrapped, splits, max_tasks, heads=None):
    """Fit the target `t` with sources, or without where these do not help.

    ``splits`` are pairs of masks of the rows, ``heads`` those of all tasks where one
    hierarchy serves all targets.
    """
    every, alone = np.ones(rows.task.size, bool), np.arange(n_tasks) == t
    advice = _Advice(rows, t, n_tasks, max_tasks, heads)
    shares, factor = advice.of(every)
    losses = np.full(2, np.nan)
    if factor[~alone].any():
        losses = _held_out_losses(rows, t, advice, wrapped, splits)
        if losses[0] <= losses[1]:
            factor = alone.astype(np.float64)
    chosen = np.flatnonzero(factor[rows.task])
    estimator = wrapped.fit(rows, chosen, factor[rows.task])
    return TargetFit(estimator, shares, factor, losses)


def _held_out_losses(rows, t, advice, wrapped, splits):
    """Return the mean losses of held-out rows of the target, without and with sources.

    Relevance is told anew in every split: rows held out must not choose sources.
    """
    total, weight = np.zeros(2), 0.0
    alone = (rows.task == t).astype(np.float64)
    for train, test in splits:
        held = np.flatnonzero(test & (rows.task == t))
        if not held.size or not (train & (rows.task == t)).any():
            continue
        _, factor = advice.of(train)
        for j, part in enumerate((alone, factor[rows.task])):
            fitted = wrapped.fit(rows, np.flatnonzero(train & (part > 0.0)), part)
            total[j] += rows.weight[held] @ wrapped.losses(fitted, rows, held)
        weight += rows.weight[held].sum()
    return total / weight if weight else np.full(2, np.nan)


class _Advice:
    """Shares and row weights of tasks for one target, from any part of the rows."""

    def __init__(self, rows, t, n_tasks, max_tasks, heads):
        self.rows, self.t, self.n_tasks = rows, t, n_tasks
        self.max_tasks, self.joint = max_tasks, heads
        self.of_target = rows.task == t
        self.known = None

    def of(self, part):
        """Return shares and row weights of all tasks, from some rows."""
        rows, shares = self.rows, np.zeros(self.n_tasks)
        own = np.flatnonzero(part & self.of_target)
        count = np.bincount(rows.task[part], rows.weight[part], self.n_tasks)
        sources = np.flatnonzero((count > 0.0) & (np.arange(self.n_tasks) != self.t))
        factor = (np.arange(self.n_tasks) == self.t).astype(np.float64)
        if sources.size:
            Z, Y, weight = rows.Z[rows.place[own]], rows.Y[own], rows.weight[own]
            evidence = self._evidence(part, own, sources)
            fitted = own_fit(Z, Y, weight, evidence.noise)
            shares[sources] = source_shares(evidence, fitted, Y, weight, self.max_tasks)
            factor[sources] = row_weights(
                shares[sources], count[sources], count[self.t]
            )
        shares[self.t] = max(1.0 - shares.sum(), 0.0)
        return shares, factor

    def _evidence(self, part, own, sources):
        """Return what sources say of the target's rows in a part of all rows."""
        rows, theirs = self.rows, np.flatnonzero(part & ~self.of_target)
        if theirs.size < (~self.of_target).sum():  # Sources, too, are held out in part.
            return rows.heads(theirs).evidence(rows.Z[rows.place[own]], sources)
        if self.known is None:
            heads = self.joint or rows.heads(theirs)
            places = rows.place[self.of_target]
            self.known = heads.evidence(rows.Z[places], sources)
        return self.known.take(np.searchsorted(np.flatnonzero(self.of_target), own))
