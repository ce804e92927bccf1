"""What heads may be, given the rows held: draws from their distribution."""

from typing import NamedTuple

import numpy as np


class Draws(NamedTuple):
    """Heads as they may be.

    Attributes
    ----------
    heads : float64 array of shape (n_draws, n_sources, k)
    targets : float64 array of shape (n_draws, k, n_targets)
    """

    heads: np.ndarray
    targets: np.ndarray


def draw_heads(span, targets, order, n_draws, seed):
    """Return draws of the heads of sources and targets.

    ``order`` ranks the sources by what their rows are, so that their names do not
    matter. Without targets, every source is one.
    """
    rng = np.random.default_rng(seed)
    numbers = rng.standard_normal((n_draws, len(order), span.rank))
    heads = np.empty_like(numbers)
    # Half the draws mirror the others: their mean is the expected head.
    numbers[n_draws // 2 :] = -numbers[: n_draws - n_draws // 2]
    heads[:, order] = numbers
    roots = _roots(span.spread)
    heads = span.heads + np.einsum("tkl,btl->btk", roots, heads)
    if not targets:
        return Draws(heads, heads.transpose(0, 2, 1))
    centre = np.array([target.head for target in targets])
    roots = _roots(np.array([target.head_covariance for target in targets]))
    numbers = rng.standard_normal((n_draws, len(targets), span.rank))
    numbers = np.einsum("tkl,btl->btk", roots, numbers)
    return Draws(heads, (centre + numbers).transpose(0, 2, 1))


def _roots(covariances):
    """Return symmetric square roots."""
    size, axes = np.linalg.eigh(covariances)
    root = np.sqrt(size.clip(min=0.0))
    return (axes * root[:, None, :]) @ axes.transpose(0, 2, 1)
