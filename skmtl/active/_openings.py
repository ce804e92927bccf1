"""Which sources to open, where opening has a price or only so many may be opened.

Branch and bound. In a node some sources are open (their fee is paid), others are shut,
and for the rest a fee is a surcharge on every unit of money: at most `room` can be
spent on a source after its fee, so that the fee is at least ``fee / room`` of it. What
is left is a design without fees, and its least risk bounds that of every choice in the
node. Small problems are solved exactly; in large ones the search ends after a number of
nodes, and the smallest bound among those left says how far from the best its answer can
be.
"""

import heapq
from itertools import count
from typing import NamedTuple

import numpy as np

from ._design import Found, least_risk, nothing, risk
from ._spending import spend

# Designs solved in a search; those of many sources take longer.
NODES = 50
NODES_TIMES_SOURCES = 20_000
CLOSE = 1e-9


class Terms(NamedTuple):
    """Price of opening each source, and how many may be opened."""

    fee: np.ndarray
    most: int


class Choice(NamedTuple):
    """Part of the target left outside, risk of the rest, and the spread behind it."""

    outside: float
    risk: float
    spread: object

    def beats(self, other):
        """Tell whether this is better than another by more than rounding."""
        if abs(self.outside - other.outside) > CLOSE * max(self.outside, other.outside):
            return self.outside < other.outside
        return self.risk < other.risk * (1.0 - CLOSE)


def open_sources(design, terms):
    """Return the best spread found, and a number below the risk of every other."""
    search = Search(design, terms)
    anything = np.ones(terms.fee.size, dtype=bool)
    search.visit(anything, ~anything)
    while search.waiting and search.n_visits < search.limit:
        *_, allowed, opened, source = heapq.heappop(search.waiting)
        only = np.arange(terms.fee.size) == source
        search.visit(allowed & ~only, opened)
        opened = opened | only
        search.visit(opened if opened.sum() == terms.most else allowed, opened)
    return Found(search.best.spread, search.bound())


class Search:
    """Nodes that wait, the most promising first, and the best choice so far."""

    def __init__(self, design, terms):
        self.design, self.terms = design, terms
        self.limit = NODES + NODES_TIMES_SOURCES // terms.fee.size
        self.n_visits, self.waiting, self._order = 0, [], count()
        self.best = _choice(design, nothing(design))

    def visit(self, allowed, opened):
        """Bound a node, try a choice near it, and keep the node if worth dividing."""
        self.n_visits += 1
        inside, bound = _relax(self.design, self.terms.fee, allowed, opened)
        if not bound.beats(self.best):
            return
        ranked = np.argsort(-inside.money, kind="stable")
        used = ranked[inside.money[ranked] > 0.0]
        undecided = used[~opened[used]]
        if undecided.size == 0:
            self.best = _choice(self.design, inside)
            return
        trial = np.concatenate([np.flatnonzero(opened), undecided])[: self.terms.most]
        choice = _try(self.design, self.terms.fee, trial)
        if choice.beats(self.best):
            self.best = choice
        entry = bound.outside, bound.risk, next(self._order)
        heapq.heappush(self.waiting, (*entry, allowed, opened, undecided[0]))

    def bound(self):
        """Return a number below the risk of every choice."""
        lowest = self.best.risk
        for outside, least, *_ in self.waiting:
            node = Choice(outside, least, None)
            if node.beats(self.best):
                same = not node.outside < self.best.outside * (1.0 - CLOSE)
                lowest = min(lowest, least if same else 0.0)
        return lowest


def _choice(design, spread):
    reached = risk(design.information(spread.money), design.targets)
    return Choice(reached.outside, reached.value, spread)


def _relax(design, fee, allowed, opened):
    """Return the optimal spread of a node, and the bound it gives."""
    left = design.budget - fee[opened].sum()
    surcharge = np.where(opened, 0.0, fee)
    room = np.minimum(design.ceiling, left - surcharge)
    usable = np.flatnonzero(allowed & (room > 0.0))
    spread = nothing(design)
    if usable.size == 0:
        return spread, _choice(design, spread)
    factor = 1.0 + surcharge[usable] / room[usable]
    inner = design.only(usable)
    inner = inner._replace(
        heads=inner.heads / np.sqrt(factor),
        ceiling=inner.ceiling * factor,
        budget=left,
    )
    found = spend(inner)
    outside = risk(inner.information(found.money), design.targets).outside
    bound = Choice(outside, least_risk(inner, found.direction), None)
    spread.money[usable] = found.money / factor
    spread.weights[usable] = found.weights / np.sqrt(factor)[:, None]
    return spread._replace(direction=found.direction), bound


def _try(design, fee, sources):
    """Return the choice that opens some sources, as many as the budget allows."""
    while sources.size and fee[sources].sum() >= design.budget:
        sources = sources[:-1]
    spread = nothing(design)
    if sources.size == 0:
        return _choice(design, spread)
    left = design.budget - fee[sources].sum()
    found = spend(design.only(sources)._replace(budget=left))
    used = found.money > 0.0
    if fee[sources[~used]].any():
        return _try(design, fee, sources[used])
    spread.money[sources], spread.weights[sources] = found.money, found.weights
    return _choice(design, spread._replace(direction=found.direction))
