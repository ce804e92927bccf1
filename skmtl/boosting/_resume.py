"""What growing leaves behind, from which a fit with more rounds goes on."""

from hashlib import blake2b
from typing import NamedTuple

import numpy as np


class Memory(NamedTuple):
    """What a fit keeps for the next one.

    Attributes
    ----------
    mark : bytes
        Tells problems apart in all that growing depends on but the number of rounds.
    max_rounds : int
    states : dict of lists
        How far the parts of a model came, by chain; in a chain each builds on those
        before it.
    """

    mark: bytes
    max_rounds: int
    states: dict


class Progress:
    """How far the parts of a model came: in an earlier fit, and in this one.

    Parameters
    ----------
    earlier : dict of lists
        States of the earlier fit, which do not change.
    memory : Memory, optional
        Where parts leave their states; without, these are not kept.
    """

    def __init__(self, earlier, memory=None):
        self._earlier = {chain: list(states) for chain, states in earlier.items()}
        self.memory = memory

    @property
    def is_kept(self):
        """Whether parts leave their states."""
        return self.memory is not None

    def recall(self, chain):
        """Return where the next part of a chain goes on, None if it starts anew."""
        states = self._earlier.get(chain)
        return states.pop(0) if states else None

    def start_anew(self, chain):
        """Let further parts of a chain start anew: what they build on changes."""
        self._earlier.pop(chain, None)

    def keep(self, chain, state):
        """Leave the state of the next part of a chain, None if it has to start anew."""
        if self.is_kept:
            self.memory.states.setdefault(chain, []).append(state)


def open_progress(estimator, problem):
    """Return how far an earlier fit of an estimator to the same problem came."""
    if not estimator.warm_start:
        return Progress({})
    mark = mark_of(problem, estimator.structure)
    before = getattr(estimator, "_memory", None)
    memory = Memory(mark, problem.max_rounds, {})
    if before is None or before.mark != mark:
        return Progress({}, memory)
    if problem.max_rounds < before.max_rounds:
        raise ValueError(
            f"max_iter={problem.max_rounds} must be at least {before.max_rounds}, that "
            "of the fit to the same data from which warm_start=True goes on."
        )
    return Progress(before.states, memory)


def mark_of(problem, structure):
    """Return a digest of all that growing depends on but the number of rounds."""
    table, learns = problem.table, problem.learns
    arrays = (
        table.codes,
        table.layout,
        problem.y,
        problem.weight,
        problem.offsets,
        problem.fold,
        np.empty((0, 0)) if learns is None else learns,
    )
    shapes = [(array.shape, array.dtype.str) for array in arrays]
    rest = (structure, problem.n_folds, problem.loss, problem.settings, shapes)
    digest = blake2b(repr(rest).encode())
    for array in arrays:
        digest.update(np.ascontiguousarray(array).data)
    return digest.digest()
