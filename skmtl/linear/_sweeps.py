"""Sweeps of block descent over a working set, from Gram matrices or from rows.

Four classes with the same methods. The arrays ``W`` and ``multiplier`` belong to the
working set and are changed in place.

sweep()
    Minimise over one feature after the other, once; return the largest step.
slope()
    Return minus the derivative of loss and ridge by every coefficient.
moves
    Whether ``move(W, slope)``, which goes on from elsewhere, is there and takes little.
"""

from itertools import pairwise

import numpy as np

from ._plain import descend as plain_descend

# Features that are descended on together between two matrix products.
CHUNK = 32
# From this many multiplications a sweep on, matrix products pay.
LARGE = 2**17
# Up to this many coefficients, loading compiled code takes longer than most descents,
SMALL = 64
# which visit fewer features than this.
PATIENCE = 1000


class Effort:
    """How many features a descent has visited in plain numpy."""

    n_visits = 0


def gram_sweeps(gram, correlation, penalty, W, multiplier, slope, effort):
    """Return the faster kind of sweeps that work on Gram matrices."""
    if gram.shape[2] == 1 and W.size * len(W) > LARGE:
        return ChunkSweeps(gram, correlation, penalty, W, multiplier, effort)
    return GramSweeps(gram, penalty, W, multiplier, slope, effort)


def descent(size, shared, effort):
    """Return the sweep over one Gram matrix or many, for so many coefficients."""
    if size > SMALL or effort.n_visits > PATIENCE:
        return _compiled(shared)

    def descend(gram, joint, specific, ridge, multiplier, W, slope):
        choice = plain_descend
        if effort.n_visits > PATIENCE:
            choice = _compiled(shared)
        effort.n_visits += len(W)
        return choice(gram, joint, specific, ridge, multiplier, W, slope)

    return descend


def _compiled(shared):
    from .._kernels.joint_sparse import descend, descend_tasks

    return descend if shared else descend_tasks


class GramSweeps:
    """Sweeps that bring all slopes up to date after every step."""

    moves = True

    def __init__(self, gram, penalty, W, multiplier, slope, effort):
        self._gram, self._penalty = gram, penalty
        self.W, self._multiplier, self._slope = W, multiplier, slope
        self._descend = descent(W.size, gram.shape[2] == 1, effort)

    def sweep(self):
        """Minimise over one feature after the other, once."""
        return self._descend(
            self._gram, *self._penalty, self._multiplier, self.W, self._slope
        )

    def slope(self):
        """Return the slopes of the working set."""
        return self._slope

    def move(self, W, slope):
        """Go on from other coefficients, whose slopes are known."""
        self.W[:], self._slope[:] = W, slope


class ChunkSweeps:
    """Sweeps that bring the slopes of one chunk of features after the other up to date.

    The tasks share one Gram matrix, so this takes matrix products.
    """

    moves = False

    def __init__(self, gram, correlation, penalty, W, multiplier, effort):
        self.W, self._multiplier = W, multiplier
        self._correlation, self._penalty = correlation, penalty
        self._gram, self._parts = gram[: len(W), : len(W), 0], _chunks(len(W))
        self._own = [gram[part, part].copy() for part in self._parts]
        self._descend = descent(W.size, shared=True, effort=effort)

    def sweep(self):
        """Minimise over one feature after the other, once."""
        largest = 0.0
        for part, own in zip(self._parts, self._own, strict=True):
            slope, W = self._slope_of(part), self.W[part]
            step = self._descend(own, *self._penalty, self._multiplier[part], W, slope)
            largest = max(largest, step)
        return largest

    def slope(self):
        """Return the slopes of the working set."""
        return self._slope_of(slice(None))

    def _slope_of(self, part):
        fitted = self._gram[part] @ self.W + self._penalty.ridge * self.W[part]
        return self._correlation[part] - fitted


class SharedRowSweeps:
    """Sweeps that keep the residuals of rows that all tasks share, chunk by chunk."""

    moves = False

    def __init__(self, columns, targets, penalty, W, multiplier, effort):
        self.W, self._multiplier = W, multiplier
        self._columns, self._penalty = columns, penalty
        self._parts = _chunks(len(W))
        self._own = [
            (columns[part] @ columns[part].T)[:, :, None] for part in self._parts
        ]
        self.residual = targets - columns.T @ W
        self._descend = descent(W.size, shared=True, effort=effort)

    def sweep(self):
        """Minimise over one feature after the other, once."""
        largest = 0.0
        for part, own in zip(self._parts, self._own, strict=True):
            slope, W = self._slope_of(part), self.W[part]
            before = W.copy()
            step = self._descend(own, *self._penalty, self._multiplier[part], W, slope)
            if step > 0.0:
                self.residual -= self._columns[part].T @ (W - before)
            largest = max(largest, step)
        return largest

    def slope(self):
        """Return the slopes of the working set."""
        return self._slope_of(slice(None))

    def _slope_of(self, part):
        slope = self._columns[part] @ self.residual
        return slope - self._penalty.ridge * self.W[part]


class TaskRowSweeps:
    """Sweeps that keep the residuals of each task's own rows."""

    moves = False

    def __init__(self, columns, offsets, targets, penalty, W, multiplier):
        self.W, self._multiplier = W, multiplier
        self._columns, self._offsets, self._penalty = columns, offsets, penalty
        ends = offsets.tolist()
        self._parts = [slice(*pair) for pair in pairwise(ends)]
        self.residual = targets.copy()
        for t, part in enumerate(self._parts):
            self.residual[part] -= W[:, t] @ columns[:, part]

    def sweep(self):
        """Minimise over one feature after the other, once."""
        from .._kernels.joint_sparse import descend_rows

        return descend_rows(
            self._columns,
            self._offsets,
            *self._penalty,
            self._multiplier,
            self.W,
            self.residual,
        )

    def slope(self):
        """Return the slopes of the working set."""
        slope = np.empty(self.W.shape)
        for t, part in enumerate(self._parts):
            slope[:, t] = self._columns[:, part] @ self.residual[part]
        return slope - self._penalty.ridge * self.W


def _chunks(n_features):
    ends = [*range(0, n_features, CHUNK), n_features]
    return [slice(*pair) for pair in pairwise(ends)]
