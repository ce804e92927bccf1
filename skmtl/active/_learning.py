"""From the statistics of all tasks to a span and the coefficients of the targets."""

from typing import NamedTuple

import numpy as np

from ..linear._squared_tasks import gram_tasks
from ._soft_head import Metric
from ._source_span import SourceSpan, fit_span, no_span
from ._target import fit_target, rows_of

# Where every task is a target, more spans than these would say little more.
MOST_SPANS = 10


class Learned(NamedTuple):
    """What the rows of all tasks say.

    Attributes
    ----------
    span : SourceSpan
        Of the sources; of all tasks where every task is a target.
    targets : list of TargetFit
    rank_losses : float64 array or None
    n_iter : int
    order : int64 array of shape (n_sources,)
        The sources in an order that does not depend on their names.
    """

    span: SourceSpan
    targets: list
    rank_losses: np.ndarray | None
    n_iter: int
    order: np.ndarray


def learn(statistics, splits, targets, sources, rank, n_scores=1):
    """Fit the span to the sources, and every target beside it.

    Parameters
    ----------
    statistics : TaskStatistics
    splits : list of (TaskStatistics, TaskStatistics)
    targets, sources : int64 array
        Positions; where both are all tasks, every task is the target of the others.
    rank : int or None
        None is chosen by left-out rows of the sources.
    n_scores : int
        Tasks in succession that are scores of one and the same.
    """
    statistics = _meaningful(statistics)
    everyone = targets.size == sources.size and (targets == sources).all()
    own = statistics if everyone else statistics.take(sources)
    parts = splits
    if not everyone and rank is None:
        parts = [tuple(part.take(sources) for part in split) for split in splits]
    span, fit, losses = fit_span(own, rank, parts)
    order = _by_content(own)
    covariance = _covariance(statistics)
    group = np.zeros(statistics.n_tasks, np.int64)
    if everyone:
        group = np.repeat(_deal(order[order % n_scores == 0] // n_scores), n_scores)
    fits = {}
    for g in np.unique(group[targets]):
        beside = _without(statistics, group == g, span, fit) if everyone else span
        metric = Metric.of(covariance, beside.basis)
        for t in targets[group[targets] == g]:
            fits[t] = fit_target(*rows_of(statistics, splits, t), beside, metric)
    n_iter = 1 if fit is None else max(1, fit.representation.span.n_iter)
    return Learned(span, [fits[t] for t in targets], losses, n_iter, order)


def _meaningful(statistics):
    """Return statistics in which what is only rounding about a mean is zero."""
    tasks = gram_tasks(statistics, statistics.weight)
    return statistics._replace(gram=tasks.gram, xy=tasks.xy, yy=tasks.yy)


def _by_content(statistics):
    """Return the tasks in an order that depends on their rows only.

    Targets that are classes tie often, and rounding must not break a tie.
    """
    size = np.round(statistics.yy / max(statistics.yy.max(initial=0.0), 1e-300), 9)
    moments = np.linalg.norm(statistics.xy, axis=1)
    return np.lexsort((moments, size, statistics.weight))


def _deal(order):
    """Return the group of every task: those of a group are not each other's sources."""
    group = np.empty(order.size, np.int64)
    group[order] = np.arange(order.size) % MOST_SPANS
    return group


def _without(statistics, absent, span, fit):
    """Return the span of the tasks that are not absent."""
    others = np.flatnonzero(~absent)
    if others.size < 1:
        return no_span(statistics.xy.shape[1], 0)
    start = fit if span.rank <= others.size else None
    return fit_span(statistics.take(others), span.rank, None, start)[0]


def _covariance(statistics):
    """Return the mean covariance of features within tasks."""
    share = statistics.weight / statistics.weight.sum()
    each = np.divide(
        share, statistics.weight, out=np.zeros(share.size), where=share > 0.0
    )
    if len(statistics.gram) == 1:
        return statistics.gram[0] * each.sum()
    return np.tensordot(each, statistics.gram, 1)
