"""A target's coefficients: a mixture of candidates, and what is to be expected."""

from typing import NamedTuple

import numpy as np

from ._design import risk
from ._soft_head import TargetRows, from_heads, near_span, target_only

KINDS = ("span", "heads", "target")
# What sources may be worth, in rows.
LEAST_WORTH, MOST_WORTH = 0.1, 1e8
# How far the likelihood of left-out rows is believed: they are few, and predicted by
# fewer. On even-numbered tasks of five real tables, squared errors of the mixture were
# 0 to 6 % less than those of the best on left-out rows with 1/2, 0 to 5 % with 1.
BELIEVED = 0.5
# Weights below this part of all are not worth their time.
NEGLIGIBLE = 0.01
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
        The candidate of largest weight.
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
    priors : list of three Candidate
        In the order of ``KINDS``; the last stands for those that could not be had.
    weights : float64 array of shape (3,)
        The part that the coefficients under each of them have.
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
    priors: list
    weights: np.ndarray


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
    missing = len(KINDS) - len(candidates)
    losses, weights = np.full(len(KINDS), np.nan), np.zeros(len(KINDS))
    losses[missing:] = [left_out_loss(c, folds) for c in candidates]
    weights[missing:] = _weights(candidates, losses[missing:], rows.weight)
    priors = [candidates[-1]] * missing + candidates
    coef, covariance, noise = _mixture(priors, weights, rows)
    head = metric.reader @ coef
    coverage, beyond = _coverage(candidates[0], rows, metric, worth)
    missed = share_missed(span, metric) if beyond and len(candidates) > 1 else 1.0
    return TargetFit(
        coef=coef,
        intercept=rows.intercept(coef),
        head=head,
        head_covariance=metric.reader @ covariance @ metric.reader.T,
        kind=KINDS[int(np.argmax(weights))],
        losses=losses,
        noise=noise,
        expected_risk=float((covariance * metric.features).sum()),
        span_risk=_span_risk(span, head, metric),
        coverage=coverage,
        outside=1.0 - coverage > SURELY * missed,
        priors=priors,
        weights=weights,
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


def _weights(candidates, losses, n_rows):
    """Return the weights of candidates by their likelihood of left-out rows.

    All weight is the candidate's of largest evidence where no rows are left out.
    """
    if np.isnan(losses).any():
        evidence = [candidate.evidence for candidate in candidates]
        return np.eye(len(candidates))[np.argmax(evidence)]
    least = max(float(losses.min()), 1e-300)
    weights = np.maximum(losses / least, 1.0) ** (-BELIEVED * n_rows / 2.0)
    weights = np.where(weights < NEGLIGIBLE * weights.sum(), 0.0, weights)
    return weights / weights.sum()


def _mixture(priors, weights, rows):
    """Return coefficients, what is not known of them, and the noise, by weights."""
    used = np.flatnonzero(weights)
    parts = np.array([priors[j].coef(rows) for j in used])
    coef, covariance, noise = weights[used] @ parts, 0.0, 0.0
    for j, part in zip(used, parts, strict=True):
        apart = np.outer(part - coef, part - coef)
        covariance = covariance + weights[j] * (priors[j].covariance(rows) + apart)
        noise += weights[j] * priors[j].noise
    return coef, covariance, float(noise)


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
