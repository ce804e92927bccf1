"""The optimal spread of a budget over sources."""

import numpy as np

from ._design import Spread, least_risk, nothing, principal
from ._interior import spread_inside
from ._lasso import pursuit, pursuit_by_programme, squared_lasso

# A spread whose risk is proven to be this close to the least, relative to it, is exact.
CLOSE = 1e-9
# Sources with a smaller share of the money got there by rounding.
CRUMB = 1e-10
# Least length of a direction, in units of the greatest, that is more than rounding.
THIN = 1e-6


def spend(design):
    """Return the optimal spread.

    For one target a Lasso path leads there, unless a ceiling is in the way or ties halt
    the path; then, and for several targets, interior points do.
    """
    if design.budget <= 0.0 or not design.targets.any():
        return nothing(design)
    spread = _along_path(design, pursuit)
    if spread is not None:
        return spread
    axes = _span(design)
    inner = design._replace(
        heads=axes.T @ design.heads,
        targets=axes.T @ design.targets,
        held=axes.T @ design.held @ axes,
    )
    if not inner.targets.any() or not inner.heads.any():
        return nothing(design)
    spread = _along_path(inner, pursuit_by_programme)
    if spread is None:
        spread = _fewest(inner, spread_inside(inner))
    return spread._replace(direction=axes @ spread.direction)


def _span(design):
    """Return an orthonormal basis of the directions that can be learned."""
    _, axes, inside = principal(design.held)
    length = np.sqrt((design.heads * design.heads).sum(axis=0))
    on_sale = (length > 0.0) & (design.ceiling > 0.0)
    known = axes[:, inside]
    buyable = design.heads[:, on_sale] / length[on_sale]
    size, axes = np.linalg.eigh(known @ known.T + buyable @ buyable.T)
    return axes[:, size > max(size[-1], 0.0) * THIN**2]


def _along_path(design, solver):
    """Return the optimal spread, or None where it cannot be found and proven so."""
    if design.targets.shape[1] > 1:
        return None
    if design.held.any():
        spread = _on_top(design)
    else:
        spread = _afresh(design, solver)
    if spread is None or (spread.money > design.ceiling * (1.0 + CLOSE)).any():
        return None
    return spread


def _afresh(design, solver):
    """Return the optimal spread where nothing is held."""
    target = design.targets[:, 0]
    weights, direction = solver(design.heads, target)
    missing = target - design.heads @ weights
    if np.abs(missing).max() > CLOSE * np.abs(target).max():
        return None
    direction = direction * (np.abs(weights).sum() / design.budget)
    return _if_proven(design, weights, direction)


def _on_top(design):
    """Return the optimal spread on top of information in all directions."""
    try:
        factor = np.linalg.cholesky(design.held)
    except np.linalg.LinAlgError:
        return None
    pivots = factor.diagonal()
    if pivots.min() < THIN * pivots.max():
        return None
    white = np.linalg.inv(factor)
    # Columns in succession, as LARS wants them.
    heads, target = (design.heads.T @ white.T).T, white @ design.targets[:, 0]
    weights = squared_lasso(heads, target, design.budget)
    return _if_proven(design, weights, white.T @ (target - heads @ weights))


def _if_proven(design, weights, direction):
    """Return the spread with these weights if no other has a lower risk.

    The risk is the least, over mixtures that make the target, of what their parts cost:
    that of the weights and of the direction bounds it from above.
    """
    direction = direction[:, None]
    size = np.abs(weights)
    above = size.sum() ** 2 / design.budget
    above += (direction * (design.held @ direction)).sum()
    if least_risk(design, direction) < above * (1.0 - CLOSE):
        return None
    return Spread(_money(design, weights), weights[:, None], direction)


def _money(design, weights):
    share = np.abs(weights)
    share[share <= CRUMB * share.max()] = 0.0
    total = share.sum()
    return share * (design.budget / total) if total > 0.0 else share


def _fewest(design, spread):
    """Return the spread over k sources at most, where one target has several optima.

    With the optimal direction known, the weights are a basis pursuit.
    """
    k = len(design.held)
    several = design.targets.shape[1] > 1 or (design.ceiling < design.budget).any()
    if several or np.count_nonzero(spread.money) <= k:
        return spread
    used = np.flatnonzero(spread.money)
    bought = design.targets - design.held @ spread.direction
    weights, _ = pursuit_by_programme(design.heads[:, used], bought[:, 0])
    sparse = np.zeros(spread.money.size)
    sparse[used] = weights
    return _if_proven(design, sparse, spread.direction[:, 0]) or spread
