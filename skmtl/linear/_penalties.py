"""Penalties on coefficients: records with their value, their dual norm and their parts.

Arrays are (n_features, n_tasks), a feature's coefficients for all tasks in one row.
"""

from typing import NamedTuple

import numpy as np


class JointSparsity(NamedTuple):
    """Every feature is used by all tasks or none, or by a few tasks at a price.

    The sum over features of ``min joint * ||s||_2 + specific * ||w - s||_1`` over all
    parts ``s`` of the feature's coefficients w, and ``ridge / 2`` times all squares.
    With ``specific`` at least ``joint`` only the joint part remains.

    Attributes
    ----------
    joint : float
    specific : float
    ridge : float
    """

    joint: float
    specific: float = np.inf
    ridge: float = 0.0

    def value(self, W):
        """Return the penalty without its ridge."""
        joint, specific = self.parts(W)
        value = self.joint * np.sqrt((joint**2).sum(axis=1)).sum()
        if specific.any():
            value += self.specific * np.abs(specific).sum()
        return value

    def shrinkage(self, W):
        """Return the ridge."""
        return 0.5 * self.ridge * float(np.vdot(W, W))

    def dual_norm(self, slope):
        """Return for each feature how far its slopes reach: above 1, it comes in."""
        reach = np.sqrt(np.einsum("jt,jt->j", slope, slope)) / self.joint
        if self.specific < self.joint:
            np.maximum(reach, np.abs(slope).max(axis=1) / self.specific, out=reach)
        return reach

    def parts(self, W):
        """Return the joint and the specific part of least penalty; they add to W.

        The joint part is W clipped at a threshold which is ``specific / joint`` times
        the length of what the clipping leaves.
        """
        if self.specific >= self.joint or not W.any():
            return W, np.zeros_like(W)
        price = (self.specific / self.joint) ** 2
        ordered = -np.sort(-np.abs(W), axis=1)
        # Column k supposes that the k largest coefficients of the feature are clipped.
        below = np.cumsum(ordered[:, ::-1] ** 2, axis=1)[:, ::-1]
        room = 1.0 - price * np.arange(W.shape[1])
        squared = np.where(room > 0.0, price * below / np.where(room > 0.0, room, 1), 0)
        threshold = np.sqrt(squared)
        fits = (threshold >= ordered) & (room > 0.0)
        first = fits.argmax(axis=1)
        chosen = np.take_along_axis(threshold, first[:, None], axis=1)
        chosen[~fits.any(axis=1)] = 0.0
        joint = np.clip(W, -chosen, chosen)
        return joint, W - joint

    def scaled(self, factor):
        """Return the penalty with all strengths multiplied."""
        return JointSparsity(*(factor * strength for strength in self))

    def strongest(self, correlation):
        """Return the least factor of this penalty under which all is zero."""
        return float(self.dual_norm(correlation).max(initial=0.0))
