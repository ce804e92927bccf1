"""Designs with ceilings, several targets or missing directions, by interior points.

Money on each source is a smooth convex problem with bounds. A primal-dual interior
point method (Lu and Pong 2013) solves it to the last digits in some tens of Newton
steps, whatever is degenerate about it; coordinate descent on the equivalent group Lasso
needs thousands of sweeps. A step costs no more than a least-squares fit of k times
n_targets coefficients to n_sources rows.
"""

from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve, solve_triangular

from ._design import Spread, least_risk, risk

# Distance of the risk from the least, relative to it.
EXACT = 1e-10
MOST_STEPS = 100
# What the slope may be wrong by, in units of the mean product of a bound's distance and
# price: an iterate farther off has to find the central path again before it moves on.
LAG = 1e2
# Sources with a smaller share may be on their way to nothing.
CRUMBS = (1e-5, 1e-7, 1e-9)
FAINT = 1e-16


class Shares(NamedTuple):
    """Shares of the budget, the room below their ceilings, and the prices of bounds.

    Attributes
    ----------
    share, room : float64 array of shape (n_sources,)
        The room is infinite where there is no ceiling.
    floor, ceiling : float64 array of shape (n_sources,)
        How fast the risk would fall if the bound gave way.
    budget : float
        How fast the risk would fall with more budget.
    """

    share: np.ndarray
    room: np.ndarray
    floor: np.ndarray
    ceiling: np.ndarray
    budget: float

    def moved(self, step):
        """Return the shares after as much of a step as keeps inside the bounds."""
        limited = np.isfinite(self.room)
        primal = min(
            _longest(self.share, step.share),
            _longest(self.room[limited], step.room[limited]),
        )
        dual = min(
            _longest(self.floor, step.floor),
            _longest(self.ceiling[limited], step.ceiling[limited]),
        )
        return Shares(
            self.share + primal * step.share,
            self.room + primal * step.room,
            self.floor + dual * step.floor,
            self.ceiling + dual * step.ceiling,
            self.budget + dual * step.budget,
        )

    def products(self):
        """Return the mean product of the distance from a bound and its price."""
        limited = np.isfinite(self.room)
        total = self.share @ self.floor + self.room[limited] @ self.ceiling[limited]
        return total / (self.share.size + limited.sum())


def _longest(value, change):
    """Return the largest part of a change, at most all, that leaves values positive."""
    down = change < 0.0
    return min(1.0, 0.99 * np.min(value[down] / -change[down], initial=np.inf))


class Slope(NamedTuple):
    """How the risk changes with shares.

    Attributes
    ----------
    direction : float64 array of shape (k, n_targets)
        As in a spread.
    gain : float64 array of shape (n_sources,)
        Minus the first derivatives.
    curve : float64 array of shape (k * n_targets, n_sources)
        A root of the matrix of second derivatives.
    """

    direction: np.ndarray
    gain: np.ndarray
    curve: np.ndarray


def spread_inside(design):
    """Return the optimal spread of a design in which no direction is out of reach."""
    ceiling = np.minimum(design.ceiling, design.budget)
    if ceiling.sum() <= design.budget:
        money, direction = ceiling, None
    else:
        on_sale = np.flatnonzero(ceiling > 0.0)
        money = np.zeros(ceiling.size)
        money[on_sale], direction = _solve(design.only(on_sale))
    if direction is None:
        direction = risk(design.information(money), design.targets).direction
    return Spread(money, money[:, None] * (design.heads.T @ direction), direction)


def _solve(design):
    """Return money, and direction, of a design whose ceilings exceed its budget."""
    unit, shares, slope = _start(design)
    best, proof = None, -1.0
    for _ in range(MOST_STEPS):
        worth = (unit.targets * slope.direction).sum()
        reached = least_risk(unit, slope.direction) / worth
        if reached > proof:
            best, proof = (shares.share, slope.direction, worth), reached
        if proof >= 1.0 - EXACT or shares.products() < FAINT * shares.budget:
            break
        shares = _advance(shares, slope)
        slope = _slope(unit, shares.share)
    share, direction, worth = best
    length = np.linalg.norm(design.targets) / np.linalg.norm(unit.targets)
    money = _without_crumbs(unit, share, worth) * design.budget
    return money, direction * (length / design.budget)


def _start(design):
    """Return the design for a budget of one, even shares, and the slope there."""
    ceiling = np.minimum(design.ceiling / design.budget, 1.0)
    share = ceiling / ceiling.sum()
    held = design.held / design.budget
    unit = design._replace(held=held, ceiling=ceiling, budget=1.0)
    # Directions that the optimum leaves alone must not vanish on the way there.
    little = FAINT * np.trace(unit.information(share)) * np.eye(len(held))
    unit = unit._replace(held=held + little)
    length = np.sqrt((unit.targets * _slope(unit, share).direction).sum())
    unit = unit._replace(targets=unit.targets / length)
    slope = _slope(unit, share)
    price = np.full(share.size, share @ slope.gain)
    room = np.where(ceiling < 1.0, ceiling - share, np.inf)
    shares = Shares(share, room, price, price * (ceiling < 1.0), float(price[0]))
    return unit, shares, slope


def _slope(unit, share):
    information = unit.information(share)
    factor = cho_factor(information, lower=True, check_finite=False)
    direction = cho_solve(factor, unit.targets, check_finite=False)
    white = solve_triangular(factor[0], unit.heads, lower=True, check_finite=False)
    change = direction.T @ unit.heads
    curve = np.sqrt(2.0) * (white[:, None] * change).reshape(-1, share.size)
    return Slope(direction, (change * change).sum(axis=0), curve)


def _advance(shares, slope):
    """Return shares after a predictor and a corrector step (Mehrotra 1992)."""
    newton = _Newton(shares, slope)
    now = shares.products()
    wrong = np.abs(slope.gain - shares.budget + shares.floor - shares.ceiling).max()
    centre = now
    if wrong <= LAG * now * shares.share.size:
        ahead = shares.moved(newton.step(0.0)).products()
        centre = now * min(1.0, max((ahead / now) ** 3, 1e-3))
    return shares.moved(newton.step(centre))


class _Newton:
    """Steps from one iterate: a diagonal system, corrected for the curvature."""

    def __init__(self, shares, slope):
        self.shares, self.slope = shares, slope
        barrier = shares.floor / shares.share + shares.ceiling / shares.room
        self.unit = 1.0 / np.sqrt(barrier)
        self.curve = slope.curve * self.unit
        inner = self.curve @ self.curve.T
        inner[np.diag_indices_from(inner)] += 1.0
        self.factor = cho_factor(inner, lower=True, check_finite=False)

    def solve(self, columns):
        """Divide columns by second derivatives and barrier (Woodbury's identity)."""
        columns = columns * self.unit[:, None]
        within = cho_solve(self.factor, self.curve @ columns, check_finite=False)
        return (columns - self.curve.T @ within) * self.unit[:, None]

    def step(self, centre):
        """Return the step towards bounds and prices whose products are ``centre``."""
        now = self.shares
        floor, ceiling = centre / now.share, centre / now.room
        wanted = self.slope.gain - now.budget + floor - ceiling
        free, price = self.solve(np.column_stack([wanted, np.ones_like(wanted)])).T
        budget = (free.sum() - (1.0 - now.share.sum())) / price.sum()
        share = free - budget * price
        return Shares(
            share,
            -share,
            floor - now.floor * (1.0 + share / now.share),
            ceiling - now.ceiling * (1.0 - share / now.room),
            budget,
        )


def _without_crumbs(unit, share, worth):
    """Return shares without those that are on their way to nothing."""
    for crumb in CRUMBS:
        kept = np.where(share > crumb, share, 0.0)
        full = kept >= unit.ceiling * (1.0 - crumb)
        kept = np.where(full, unit.ceiling, kept)
        rest = kept[~full].sum()
        if rest > 0.0:
            kept[~full] *= (1.0 - kept[full].sum()) / rest
        kept = np.minimum(kept, unit.ceiling)
        left = risk(unit.information(kept), unit.targets)
        if not left.outside and left.value <= worth * (1.0 + 10.0 * EXACT):
            return kept
    return share
