"""A target's coefficients: which of the candidates, and what is to be expected."""

from typing import NamedTuple

import numpy as np

from ._design import risk
from ._soft_head import Candidate, TargetRows, from_heads, near_span, target_only

KINDS = ("span", "heads", "target")
# What sources may be worth, in rows.
LEAST_WORTH, MOST_WORTH = 0.1, 1e8


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
        Whether the target's rows say that it lies outside the span.
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
    coverage, outside = _coverage(candidates[0], rows, metric, worth)
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
        outside=outside and len(candidates) > 1,
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
