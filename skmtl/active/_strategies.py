r"""Rules that say how many rows of every source to collect next.

A rule takes a :class:`Question` and returns rows of each source, not yet whole, that
cost at most the budget.
"""

from typing import NamedTuple

import numpy as np

from ._lasso import lasso_path
from ._posterior import Draws
from ._source_span import SourceSpan

# Penalty of the Lasso, in units of the one that leaves nothing (measured: anything
# from 0.01 to 0.3 does as well).
LASSO_PENALTY = 0.1
# Expected risk above the least that any rows for the same money have, relative to it.
CLOSE = 0.01
MOST_STEPS = 500


class Question(NamedTuple):
    """What is known where a rule is asked for rows.

    Attributes
    ----------
    span : SourceSpan
    targets : float64 array of shape (k, n_targets)
        Expected heads of the targets.
    draws : Draws
    price : float64 array of shape (n_sources,)
        Price of one row.
    most : float64 array of shape (n_sources,)
        Rows to be had; may be infinite.
    budget : float
    explore : float
        Share of the budget to spend evenly, because too little is known.
    order : int64 array of shape (n_sources,)
        Sources in an order that does not depend on their names.
    """

    span: SourceSpan
    targets: np.ndarray
    draws: Draws
    price: np.ndarray
    most: np.ndarray
    budget: float
    explore: float
    order: np.ndarray

    def after(self, rows):
        """Return the question that is left after some rows have been bought."""
        return self._replace(
            span=self.span._replace(rows=self.span.rows + rows),
            most=self.most - rows,
            budget=max(self.budget - float(self.price @ rows), 0.0),
        )


def uniform(question):
    """Return as many rows of one source as of another."""
    none = np.zeros(question.price.size)
    return _spend(none, np.ones(none.size), question)


def levelled(question):
    """Return rows after which one source has cost as much as another.

    Of sources of which nothing is known, cheap rows are worth as much as dear ones.
    """
    return _spend(question.span.rows, 1.0 / question.price, question)


def l2(question):
    r"""Return rows in proportion to the squares of the relevance of least l2 norm.

    Chen, Jamieson and Du (2022), with a floor that grows like the root of the rows.
    """
    if question.span.rows.sum() == 0.0:
        return levelled(question)
    weights = np.linalg.lstsq(question.span.heads.T, question.targets, rcond=None)[0]
    return _above_floor(question, (weights**2).sum(axis=1))


def lasso(question):
    r"""Return rows in proportion to the relevance that a Lasso estimates.

    Wang, Chen, Jamieson and Du (2023), with the same floor; where rows have prices, in
    proportion to the relevance over the root of the price.
    """
    if question.span.rows.sum() == 0.0:
        return levelled(question)
    root = np.sqrt(question.price)
    heads = np.asfortranarray(question.span.heads.T / root)
    weights = np.array([_lasso_weights(heads, target) for target in question.targets.T])
    return _above_floor(question, np.sqrt((weights**2).sum(axis=0)) / root**2)


def _lasso_weights(heads, target):
    knots, path = lasso_path(heads, target)
    penalty = LASSO_PENALTY * knots[0]
    # Knots fall, and between them the path is linear.
    return np.array([np.interp(-penalty, -knots, weights) for weights in path])


def _above_floor(question, share):
    """Return rows in proportion to shares, once every source has a few."""
    affordable = question.budget / question.price.sum()
    level = np.sqrt(question.span.rows.mean() + affordable)
    floor = np.clip(level - question.span.rows, 0.0, question.most)
    cost = float(question.price @ floor)
    floor *= min(1.0, 0.5 * question.budget / cost) if cost > 0.0 else 0.0
    return floor + proportional(question.after(floor), share)


def proportional(question, share):
    """Return rows in proportion to shares, within what is available.

    What that leaves of the budget goes to the other sources.
    """
    if not share.any():
        return levelled(question)
    rows = _spend(np.zeros(share.size), share / share.max(), question)
    left = question.after(rows)
    return rows + levelled(left) if left.budget > 1e-9 * question.budget else rows


def elfving(question):
    """Return the rows of least expected risk, and some that explore.

    The risk is c-optimal design's criterion (Elfving 1952), averaged over what heads
    may be: it is the more even, the less is known.
    """
    explore = np.zeros(question.price.size)
    if question.explore > 0.0:
        part = question._replace(budget=question.explore * question.budget)
        explore = levelled(part)
        if question.explore >= 1.0:
            return explore
    left = question.after(explore)
    return explore + least_expected_risk(left)


def least_expected_risk(question):
    """Return the rows that minimise the risk on average over draws.

    Sources whose rows run out are bought out, and the rest of the money is spent on the
    others again.
    """
    rows, left = np.zeros(question.price.size), question
    while left.budget > 0.0 and (left.most > 0.0).any():
        new = left.budget * optimal_shares(left) / left.price
        over = (new >= left.most) & (left.most > 0.0)
        if not over.any():
            return rows + new
        new = np.where(over, left.most, 0.0)
        rows, left = rows + new, left.after(new)
    return rows


def optimal_shares(question):
    """Return the shares of the money that minimise the mean risk over draws.

    A multiplicative algorithm of optimal design (Silvey, Titterington and Torsney,
    1978); it stops when no spending has a risk lower by more than ``CLOSE``.
    """
    heads, targets = question.draws.heads, question.draws.targets
    held = _information(heads, question.span.rows)
    size = np.trace(held, axis1=1, axis2=2) + (heads**2).sum(axis=(1, 2))
    held = held + 1e-9 * size[:, None, None] * np.eye(held.shape[1])
    bought = question.budget / question.price
    shares = (question.most > 0.0) / max(np.count_nonzero(question.most > 0.0), 1)
    for _ in range(MOST_STEPS):
        information = held + _information(heads, bought * shares)
        direction = np.linalg.solve(information, targets)
        risk = (targets * direction).sum() / len(heads)
        slope = bought * ((heads @ direction) ** 2).sum(axis=2).mean(axis=0)
        slope = np.where(question.most > 0.0, slope, 0.0)
        total = shares @ slope
        if slope.max() - total <= CLOSE * risk:
            break
        shares = shares * np.sqrt(slope / slope.max())
        shares = shares / shares.sum()
    shares = np.where(shares > 1e-3 * shares.max(), shares, 0.0)
    return shares / shares.sum()


def _information(heads, rows):
    weighted = heads.transpose(0, 2, 1) * rows
    return weighted @ heads


def _spend(start, share, question):
    """Return rows ``share * level - start``, within bounds, that cost the budget."""
    price, most = question.price, question.most
    with np.errstate(divide="ignore", invalid="ignore"):
        begin = np.where(share > 0.0, start / share, np.inf)
        end = np.where(share > 0.0, (start + most) / share, np.inf)
    steps = np.unique(np.concatenate([begin, end]))
    steps = steps[np.isfinite(steps)]
    if steps.size == 0:
        return np.zeros(price.size)

    def rows(level):
        return np.clip(share * level - start, 0.0, most)

    costs = np.array([price @ rows(level) for level in steps])
    if costs[-1] < question.budget:
        growing = np.isinf(end) & (share > 0.0)
        if not growing.any():
            return rows(steps[-1])
        rate = price[growing] @ share[growing]
        return rows(steps[-1] + (question.budget - costs[-1]) / rate)
    return rows(np.interp(question.budget, costs, steps))


def whole(rows, question):
    """Return whole rows for at most the budget: parts are bought by their size."""
    price, most = question.price, np.floor(question.most)
    counts = np.minimum(np.floor(rows + 1e-9), most)
    left = question.budget * (1.0 + 1e-12) - float(price @ counts)
    parts = np.round(rows - counts, 6)
    for m in question.order[np.argsort(-parts[question.order], kind="stable")]:
        if rows[m] > counts[m] and counts[m] < most[m] and price[m] <= left:
            counts[m] += 1.0
            left -= price[m]
    return counts.astype(np.int64)


RULES = {"uniform": uniform, "l2": l2, "lasso": lasso, "elfving": elfving}
