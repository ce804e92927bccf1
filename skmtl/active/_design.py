r"""Spending on sources as an experimental design.

Money :math:`x_m` spent on source m buys information about the shared directions; the
expected risk of the target is proportional to

.. math:: \sum_j c_j^\top \Bigl(A_0 + \sum_m x_m v_m v_m^\top\Bigr)^{-1} c_j

with the head :math:`v_m` that one unit of money buys. Minimising it is c-optimal design
(Elfving 1952), and for several targets L-optimal design.
"""

from typing import NamedTuple

import numpy as np

# A part of the target this small, in units of its length, is rounding.
OUTSIDE = 1e-8


class Design(NamedTuple):
    """What is for sale and what is wanted.

    Attributes
    ----------
    heads : float64 array of shape (k, n_sources)
        What a unit of money buys of each source.
    targets : float64 array of shape (k, n_targets)
    held : float64 array of shape (k, k)
        Information of the samples already held.
    ceiling : float64 array of shape (n_sources,)
        Most money that can be spent on each source; may be infinite.
    budget : float
    """

    heads: np.ndarray
    targets: np.ndarray
    held: np.ndarray
    ceiling: np.ndarray
    budget: float

    def only(self, sources):
        """Return the design with some of the sources."""
        return self._replace(
            heads=self.heads[:, sources], ceiling=self.ceiling[sources]
        )

    def information(self, money):
        """Return the information after spending ``money``."""
        used = np.flatnonzero(money)
        some = self.heads[:, used]
        return self.held + (some * money[used]) @ some.T

    def spent(self, money):
        """Return the design that is left after spending ``money``."""
        return self._replace(
            held=self.information(money), budget=self.budget - money.sum()
        )


class Spread(NamedTuple):
    """Money on each source, and why.

    Attributes
    ----------
    money : float64 array of shape (n_sources,)
    weights : float64 array of shape (n_sources, n_targets)
        Mixture of the sources: what of the targets is explained by money spent.
    direction : float64 array of shape (k, n_targets)
        The inverse of the information times the targets, Z: the money reduces the risk
        of another unit on source m by the squared length of the vector Z' v_m.
    """

    money: np.ndarray
    weights: np.ndarray
    direction: np.ndarray


class Found(NamedTuple):
    """A spread, and a number below the risk of every spread within the same limits."""

    spread: Spread
    least: float


class Risk(NamedTuple):
    """Risk of the targets within the span of the information, and what is outside."""

    value: float
    outside: float
    direction: np.ndarray


def nothing(design):
    """Return the spread that spends nothing."""
    shape = design.heads.shape[1], design.targets.shape[1]
    return Spread(np.zeros(shape[0]), np.zeros(shape), np.zeros(design.targets.shape))


def principal(information):
    """Return eigenvalues, axes, and which of them are more than rounding."""
    size, axes = np.linalg.eigh(information)
    smallest = max(size[-1], 0.0) * 8 * size.size * np.finfo(float).eps
    return size, axes, size > smallest


def risk(information, targets):
    """Return the risk of the targets, by eigenvalues: information may be singular."""
    size, axes, inside = principal(information)
    parts = axes.T @ targets
    scaled = parts[inside] / size[inside, None]
    outside = float((parts[~inside] ** 2).sum())
    if outside <= OUTSIDE**2 * (targets**2).sum():
        outside = 0.0
    value = float((parts[inside] * scaled).sum())
    return Risk(value, outside, axes[:, inside] @ scaled)


def gains(design, direction):
    """Return how fast the risk falls with money on each source."""
    return ((direction.T @ design.heads) ** 2).sum(axis=0)


def least_risk(design, direction):
    r"""Return a number below the risk of every way to spend the budget.

    For any direction :math:`Z`, the risk of information :math:`A` is at least
    :math:`2 \langle C, Z \rangle - \langle Z, A Z \rangle`; the best multiple of
    :math:`Z`, and the most that the budget adds to the last term, give the bound. It is
    attained by the direction of an optimal spread.
    """
    gain = gains(design, direction)
    most = (direction * (design.held @ direction)).sum() + _richest(design, gain)
    if most <= 0.0:
        return 0.0
    return float((design.targets * direction).sum() ** 2 / most)


def _richest(design, gain):
    """Return the largest total of gain times money that the budget allows."""
    best = np.argmax(gain)
    if design.ceiling[best] >= design.budget:
        return design.budget * gain[best]
    order = np.argsort(-gain)
    before = np.concatenate([[0.0], np.cumsum(design.ceiling[order])[:-1]])
    money = np.clip(design.budget - before, 0.0, design.ceiling[order])
    return float(gain[order] @ money)
