"""Block descent on a squared loss plus joint sparsity, certified by a duality gap."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from ._quadratic import with_room
from ._sweeps import Effort, gram_sweeps

# Sweeps between two looks at the gap of the working set.
SWEEPS = 5
# Sweeps from which the next are foretold.
TRAIL = 4
TINY = 1e-300
# A working set that is short of features, or nearly all of them, is descended on until
# its gap is this fraction of that of all features, and then looked over again.
LOOSE = 0.1
# From so many entries on, Gram matrices of tasks are kept in single precision: they
# would not stay in the processor's cache otherwise.
MANY = 2**20


class Certificate(NamedTuple):
    """An objective, and a value that no coefficients can go below."""

    primal: float
    dual: float

    @property
    def gap(self):
        """Bound on what the objective is above its minimum."""
        return max(self.primal - self.dual, 0.0)


def certify(energy, correlation, penalty, W, slope):
    """Return the certificate of coefficients, given the slopes of loss and ridge.

    The residuals, scaled until no feature's slopes leave the dual ball, are a feasible
    point of the dual problem. The ridge counts as rows of its own with target zero, and
    all takes no more than inner products of coefficients, slopes and correlations.
    """
    aligned = 2.0 * energy - np.vdot(W, correlation)
    squared = max(aligned - np.vdot(W, slope), 0.0)
    reach = penalty.dual_norm(slope).max(initial=0.0)
    scale = max(aligned, 0.0) / squared if squared > 0.0 else 1.0
    scale = min(scale, 1.0 / reach) if reach > 0.0 else scale
    primal = 0.5 * squared + penalty.value(W)
    return Certificate(primal, scale * aligned - 0.5 * scale**2 * squared)


class BlockDescent:
    """Coefficients that go from one penalty to the next, each time to the optimum.

    Parameters
    ----------
    loss : StatisticsLoss, SharedRowsLoss or TaskRowsLoss
    W : array of shape (n_features, n_tasks), default=None
        Where to start from; zero by default.

    Attributes
    ----------
    W : array of shape (n_features, n_tasks)
    """

    def __init__(self, loss, W=None):
        self._loss = loss
        self.W = np.zeros(loss.correlation.shape) if W is None else W.copy()
        self._slope = loss.slopes(self.W)
        self._multiplier = np.zeros(len(self.W))
        self._members = np.flatnonzero(self.W.any(axis=1))
        # Reading many Gram matrices takes longer than calculating with them. Rounding
        # them shortens steps a little, but does not move the optimum: slopes are exact.
        entries = loss.n_blocks * len(self.W) ** 2
        kind = np.float32 if loss.n_blocks > 1 and entries > MANY else np.float64
        self._gram, self._n_known = np.empty((0, 0, loss.n_blocks), kind), 0
        self._optima, self._effort = [], Effort()

    def minimise(self, penalty, enough, max_sweeps):
        """Descend until the duality gap is at most ``enough``.

        Return the gap and the number of sweeps.
        """
        entry = self._step_ahead(penalty)
        n_sweeps, dual = 0, -np.inf
        while True:
            slope = self._slope - penalty.ridge * self.W
            here = self._certificate(penalty, self.W, slope)
            dual = max(dual, here.dual)
            gap = max(here.primal - dual, 0.0)
            if gap <= enough or n_sweeps >= max_sweeps:
                now = penalty.joint, self.W.copy(), self._slope
                self._optima = [*self._optima[-1:], now]
                return gap, n_sweeps
            reach = penalty.dual_norm(slope)
            complete = self._admit(reach, entry)
            target = 0.9 * enough if complete else max(0.9 * enough, LOOSE * gap)
            chosen = self._members
            if self._on_rows:
                # Every feature costs the same here, whether it changes or not.
                chosen = chosen[self.W[chosen].any(axis=1) | (reach[chosen] > entry)]
            n_sweeps += self._descend(
                penalty, chosen, slope[chosen], target, max_sweeps - n_sweeps
            )
            entry = 1.0

    @property
    def _on_rows(self):
        return self._members.size > self._loss.depth

    def _certificate(self, penalty, W, slope):
        loss = self._loss
        return certify(loss.energy, loss.correlation, penalty, W, slope)

    def _step_ahead(self, penalty):
        """Go on along the line of the last two optima if that lowers the objective.

        Return from which reach on a feature is likely to come in at this penalty: the
        sequential strong rule of Tibshirani et al. (2012).
        """
        if len(self._optima) == 2:
            (joint, W, slope), (last, *_) = self._optima
            factor = (penalty.joint - last) / (last - joint) if last != joint else 0.0
            W = self.W + factor * (self.W - W)
            slope = self._slope + factor * (self._slope - slope)
            if self._primal(penalty, W, slope) < self._primal(
                penalty, self.W, self._slope
            ):
                self.W, self._slope = W, slope
        if not self._optima:
            return 1.0
        return min(1.0, max(2.0 - self._optima[-1][0] / penalty.joint, 0.0))

    def _primal(self, penalty, W, slope):
        return self._certificate(penalty, W, slope - penalty.ridge * W).primal

    def _admit(self, reach, entry):
        """Let the features of the longest slopes join; return whether all could."""
        active = int(self.W[self._members].any(axis=1).sum())
        room = max(10, 2 * active - self._members.size, active // 2)
        reach = reach.copy()
        reach[self._members] = 0.0
        new = np.flatnonzero(reach > entry)
        complete = new.size <= room
        if not complete:
            new = np.sort(np.argpartition(-reach, room - 1)[:room])
        self._members = np.concatenate([self._members, new])
        return complete and not (self._on_rows and 2 * self._members.size > reach.size)

    def _descend(self, penalty, chosen, slope, target, max_sweeps):
        """Descend on the chosen features until their gap is at most ``target``."""
        loss = self._loss
        W, multiplier = self.W[chosen], self._multiplier[chosen]
        correlation = loss.correlation[chosen]
        if self._on_rows:
            sweeps = loss.sweeps(chosen, penalty, W, multiplier, self._effort)
        else:
            self._grow_gram()
            sweeps = gram_sweeps(
                self._gram, correlation, penalty, W, multiplier, slope, self._effort
            )
        count = settle(sweeps, loss.energy, correlation, penalty, target, max_sweeps)
        self.W[chosen], self._multiplier[chosen] = W, multiplier
        if self._on_rows:
            self._slope = loss.slopes_from(sweeps.residual)
        else:
            self._slope = loss.slopes(self.W)
        return count

    def _grow_gram(self):
        """Add the Gram matrices of new members to those that are known."""
        known, needed = self._n_known, self._members.size
        if known < needed:
            block = self._loss.gram_between(self._members[known:], self._members)
            if self._gram.dtype == np.float32 and not _is_moderate(block[:, known:]):
                self._gram = self._gram.astype(np.float64)
            gram = with_room(self._gram, known, needed, len(self.W), n_axes=2)
            gram[known:needed, :needed] = block
            gram[:known, known:needed] = block[:, :known].transpose(1, 0, 2)
            self._gram, self._n_known = gram, needed


def _is_moderate(gram):
    """Return whether features are neither so large nor so small that float32 ends."""
    square = np.einsum("jjt->jt", gram)
    square = square[square > 0.0]
    return square.size == 0 or (square.min() > 1e-25 and square.max() < 1e25)


def settle(sweeps, energy, correlation, penalty, target, max_sweeps):
    """Sweep until the gap of the working set alone is at most ``target``.

    Return the number of sweeps.
    """
    negligible, dual = 0.03 * target / max(len(correlation), 1), -np.inf
    trail = Trail(sweeps) if sweeps.moves else None
    for count in range(1, max_sweeps + 1):
        step = sweeps.sweep()
        complete = trail is not None and trail.extend(sweeps)
        if not (complete or step <= negligible or count % SWEEPS == 0):
            continue
        here = certify(energy, correlation, penalty, sweeps.W, sweeps.slope())
        dual = max(dual, here.dual)
        if complete and here.primal - dual > target:
            W, slope = trail.limit()
            there = certify(energy, correlation, penalty, W, slope)
            dual = max(dual, there.dual)
            if there.primal < here.primal:
                here = there
                sweeps.move(W, slope)
            trail = Trail(sweeps)
        if here.primal - dual <= target:
            break
    return count


class Trail:
    """The last few sweeps, and where they seem to lead.

    Anderson extrapolation, which Bertrand and Massias (2021) found to suit coordinate
    descent: slopes are affine in coefficients, so that theirs come for nothing.
    """

    def __init__(self, sweeps):
        self._points = [(sweeps.W.copy(), sweeps.slope().copy())]

    def extend(self, sweeps):
        """Remember one more sweep; return whether there are enough."""
        self._points.append((sweeps.W.copy(), sweeps.slope().copy()))
        return len(self._points) > TRAIL

    def limit(self):
        """Return the coefficients at which sweeps would end, and their slopes."""
        pairs = pairwise(W for W, _ in self._points)
        steps = np.array([(after - before).ravel() for before, after in pairs])
        inner = steps @ steps.T
        # Steps that are all alike, or nil, leave the last sweep as it is.
        inner += (1e-12 * np.trace(inner) + TINY) * np.eye(TRAIL)
        share = np.linalg.solve(inner, np.ones(TRAIL))
        share /= share.sum()
        ends = zip(*self._points[1:], strict=True)
        return tuple(np.tensordot(share, np.array(part), 1) for part in ends)
