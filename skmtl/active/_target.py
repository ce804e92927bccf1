"""A target's coefficients: which of the candidates, and what is to be expected."""

from typing import NamedTuple

import numpy as np

from ._design import risk
from ._soft_head import Candidate, TargetRows, from_heads, near_span, target_only

KINDS = ("span", "heads", "target")
# What sources may be worth, in rows.
LEAST_WORTH, MOST_WORTH = 0.1, 1e8
# A target is outside if more of it is than this many times what a span of so few rows
# may miss of one that is inside (twice raised false alarms in one of twenty fits to few
# rows, three times in none).
SURELY = 3.0


class TargetFit(NamedTuple):
    """A target's coefficients and what is known of them.

    Attributes
    ----------
    coef : float64 array of shape (n_features,)
    intercept : float
    head : float64 array of shape (k,)
        Coordinates of the nearest predictions in the span of the sources.
    head_covariance : float64 array of shape (k, k)
    kind : {"span", "heads", "target"}
        The candidate that was chosen.
    losses : float64 array of shape (3,)
        Mean squared errors on left-out rows of the candidates, in the order of
        ``KINDS``; NaN where they could not be had.
    noise : float
    expected_risk : float
        Expected squared error of predictions, beside the noise.
    span_risk : float
        The part of it that sources could lower, relative to the target's signal,
        were the target in their span.
    coverage : float
        Share of the target's signal that lies in the span.
    outside : bool
        Whether more of the target lies outside the span than a span of so few rows of
        the sources may miss.
    prior : Candidate
        The prior behind the coefficients.
    """

    coef: np.ndarray
    intercept: float
    head: np.ndarray
    head_covariance: np.ndarray
    kind: str
    losses: np.ndarray
    noise: float
    expected_risk: float
    span_risk: float
    coverage: float
    outside: bool
    prior: Candidate


def fit_target(rows, folds, span, metric):
    """Fit the target's coefficients, sources permitting.

    Parameters
    ----------
    rows : TargetRows
    folds : list of (TargetRows, TargetRows)
        Training and left-out rows of the target.
    span : SourceSpan
    metric : Metric
    """
    worth = sources_worth(rows, span, metric)
    candidates = candidates_of(rows, span, metric, worth)
    losses = np.full(len(KINDS), np.nan)
    losses[-len(candidates) :] = [left_out_loss(c, folds) for c in candidates]
    chosen = _choose(candidates, losses[-len(candidates) :])
    kind = KINDS[len(KINDS) - len(candidates) + chosen]
    candidate = candidates[chosen]
    coef, covariance = candidate.coef(rows), candidate.covariance(rows)
    head = metric.reader @ coef
    coverage, beyond = _coverage(candidates[0], rows, metric, worth)
    missed = share_missed(span, metric) if beyond and len(candidates) > 1 else 1.0
    return TargetFit(
        coef=coef,
        intercept=rows.intercept(coef),
        head=head,
        head_covariance=metric.reader @ covariance @ metric.reader.T,
        kind=kind,
        losses=losses,
        noise=candidate.noise,
        expected_risk=float((covariance * metric.features).sum()),
        span_risk=_span_risk(span, head, metric),
        coverage=coverage,
        outside=1.0 - coverage > SURELY * missed,
        prior=candidate,
    )


def candidates_of(rows, span, metric, worth):
    """Return the priors to choose from, in the order of ``KINDS``."""
    alone = target_only(rows, metric, span.noise)
    if span.rank == 0:
        return [alone]
    return [
        near_span(rows, metric, span.noise, worth),
        from_heads(rows, metric, span, worth),
        alone,
    ]


def sources_worth(rows, span, metric):
    """Return how many rows the sources are worth in saying what lies in their span."""
    if span.rank == 0:
        return LEAST_WORTH
    inner = span.basis.T @ rows.gram @ span.basis
    least = 1e-9 * (metric.unit + np.trace(inner) / span.rank)
    moments = rows.xy @ span.basis
    head = np.linalg.solve(inner + least * np.eye(span.rank), moments)
    left = risk(span.information(), head[:, None])
    if left.outside or left.value <= 0.0:
        return LEAST_WORTH if left.outside else MOST_WORTH
    return float(np.clip(1.0 / left.value, LEAST_WORTH, MOST_WORTH))


def left_out_loss(candidate, folds):
    """Return the mean squared error of a candidate on left-out rows."""
    error, weight = 0.0, 0.0
    for train, test in folds:
        if train.weight > 0.0 and test.weight > 0.0:
            coef = candidate.coef(train)
            error += test.squared_error(coef, train.intercept(coef))
            weight += test.weight
    return error / weight if weight > 0.0 else np.nan


def _choose(candidates, losses):
    """Return the candidate of least loss; of largest evidence where there is none."""
    if np.isnan(losses).any():
        return int(np.argmax([candidate.evidence for candidate in candidates]))
    return int(np.argmin(losses))


def _coverage(candidate, rows, metric, worth):
    """Return the share of the signal in the span, and whether the rest is beyond it."""
    coef = candidate.coef(rows)
    signal = coef @ metric.features @ coef
    if signal <= 0.0:
        return 1.0 if candidate.distance > 0.0 else 0.0, False
    share = float(coef @ metric.outside @ coef / signal)
    coverage = min(max(1.0 - share, 0.0), 1.0)
    return coverage, bool(coverage < 0.9 and candidate.distance < worth / 10.0)


def share_missed(span, metric):
    """Return the share of a target in the true span that the fitted one may miss.

    It is that of a target along the direction of which the rows of the sources say
    least, by the limits of singular vectors of a matrix of low rank and noise
    (Benaych-Georges and Nadakuditi, 2012). Heads and noise are in units in which an
    entry of the matrix, tasks by features, has noise one.
    """
    root = np.linalg.cholesky(span.basis.T @ metric.features @ span.basis)
    held = span.information() + np.tensordot(span.rows, span.spread, 1)
    seen = np.linalg.eigvalsh(root.T @ held @ root)[0] / max(span.noise, 1e-300)
    entries = float(metric.n_varying * np.count_nonzero(span.rows))
    # What is seen along a direction chosen to see much is more than there is.
    excess = seen - metric.n_varying
    if excess <= 2.0 * np.sqrt(entries):
        return 1.0
    there = (excess + np.sqrt(excess**2 - 4.0 * entries)) / 2.0
    return 1.0 - (1.0 - entries / there**2) / (1.0 + metric.n_varying / there)


def _span_risk(span, head, metric):
    """Return what the sources leave in a target in their span, over its signal."""
    if span.rank == 0:
        return np.inf
    moved = metric.features @ span.basis
    signal = head @ (span.basis.T @ moved) @ head
    left = risk(span.information(), head[:, None])
    if left.outside or signal <= 0.0:
        return np.inf if span.rank < metric.n_varying else 0.0
    n_outside = max(metric.n_varying - span.rank, 0)
    return float(span.noise * n_outside * left.value / signal)


def rows_of(statistics, splits, t):
    """Return one task's rows, and those of its folds."""
    folds = [
        (TargetRows.of(train, t), TargetRows.of(test, t))
        for train, test in splits or []
    ]
    return TargetRows.of(statistics, t), folds
