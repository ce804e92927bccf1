"""From samples, prices and noise to money and information, and back."""

import warnings
from typing import NamedTuple

import numpy as np

from ._design import OUTSIDE, Design


class Problem(NamedTuple):
    """What the user asks, one number for each source.

    Attributes
    ----------
    heads : float64 array of shape (k, n_sources)
    targets : float64 array of shape (k, n_targets)
    noise : float64 array of shape (n_sources,)
        Variance of the noise.
    price : float64 array of shape (n_sources,)
        Price of one sample.
    fee : float64 array of shape (n_sources,)
        Price of opening a source.
    most : float64 array of shape (n_sources,)
        Number of samples to be had; may be infinite.
    seen : float64 array of shape (n_sources,)
        Samples already held.
    budget : float
    """

    heads: np.ndarray
    targets: np.ndarray
    noise: np.ndarray
    price: np.ndarray
    fee: np.ndarray
    most: np.ndarray
    seen: np.ndarray
    budget: float

    def information(self, samples):
        """Return the information of some samples."""
        used = np.flatnonzero(samples)
        some = self.heads[:, used] * np.sqrt(samples[used] / self.noise[used])
        return some @ some.T


class Scaled(NamedTuple):
    """A design whose heads and targets have length one, and how to get back.

    Attributes
    ----------
    design : Design
    held : float64 array of shape (k, k)
        Information already held, in units of the problem.
    per_head : float64 array of shape (n_sources,)
        Heads of the problem in units of those of the design.
    per_target : float
        The same for targets.
    turn : float64 array of shape (n_reduced, n_targets)
        Targets of the problem as mixtures of those of the design.
    per_risk : float
        Risk of the problem in units of that of the design.
    """

    design: Design
    held: np.ndarray
    per_head: np.ndarray
    per_target: float
    turn: np.ndarray
    per_risk: float

    def weights(self, spread):
        """Return the mixture of the problem's heads behind a spread."""
        return (self.per_target / self.per_head)[:, None] * (spread.weights @ self.turn)


def scale(problem):
    """Return the problem as a design in convenient units."""
    few, turn = fewer_targets(problem.targets)
    root = np.sqrt(problem.price * problem.noise)
    heads = problem.heads / root
    unit = _positive(np.sqrt((heads * heads).sum(axis=0).max()))
    length = _positive(np.sqrt((few * few).sum()))
    held = problem.information(problem.seen)
    ceiling = problem.most * problem.price
    design = Design(heads / unit, few / length, held / unit**2, ceiling, problem.budget)
    return Scaled(design, held, unit * root, length, turn, (length / unit) ** 2)


def _positive(number):
    return float(number) if number > 0.0 else 1.0


def fewer_targets(targets):
    """Return targets that span the same risk, at most k, and how they make up all.

    Risk depends on targets through the product with their own transpose only, so that
    a rotation may merge those that are alike.
    """
    if targets.shape[1] == 1:
        return targets, np.ones((1, 1))
    axes, size, turn = np.linalg.svd(targets, full_matrices=False)
    rank = max(1, int((size > 1e-12 * size[0]).sum()))
    return axes[:, :rank] * size[:rank], turn[:rank]


def warn_if_outside(share, which):
    """Warn where a share of the targets' squared length is out of reach."""
    if share > OUTSIDE**2:
        warnings.warn(
            f"A part of the target, {np.sqrt(share):.2g} of its length, lies outside "
            f"the span of the heads of the sources {which}, which do not help to learn "
            "it. The answer is for the rest of the target.",
            UserWarning,
            stacklevel=3,
        )
