"""Two ensembles that every task mixes in a proportion of its own."""

import numpy as np

from .._kernels import leaves
from .._kernels.mixtures import (
    N_GROUPS,
    differentiate_mixture,
    gate_slopes,
    mix,
    sketch,
    solve_gates,
)
from ._grower import add_leaves, grow, pack_gradients
from ._threads import spread
from ._trees import add_trees, join

# Rows by which a gate is drawn to those of the other tasks.
GATE_ROWS = 10.0
TOLERANCE, FINAL_TOLERANCE = 1e-3, 1e-9
# Rows below which a second thread does not pay.
FEW_ROWS = 20_000
# Cells of the sketch of all tasks together, and the steps that find its direction.
MOST_CELLS, N_POWERS = 2**22, 100


class Mixture:
    """What two ensembles say of rows, and the gates of their tasks.

    Parameters
    ----------
    problem : Problem
    weight : float64 array of shape (n_rows,) or (0,)
        Weights of the rows it learns from, 0 for others; empty where all weigh one.
    rows, others : uint32 arrays, or None
        Rows it learns from, and those it only scores; None for all, and none.
    base : float64 array of shape (n_rows, n_outputs)
        What scores are without it.
    room : Room

    Attributes
    ----------
    first, second : float64 arrays of shape (n_rows, n_outputs)
        Scores of both components.
    gate : float64 array of shape (n_tasks,)
        Share of the second component.
    """

    def __init__(self, problem, weight, rows, others, base, room):
        self.problem, self.weight, self.base, self.room = problem, weight, base, room
        self.rows, self.others = rows, others
        self.first, self.second = np.zeros_like(base), np.zeros_like(base)
        sizes = np.diff(problem.offsets)
        self.sizes = sizes
        own = weight if weight.size else None
        self.task_weight = np.bincount(problem.task, own, problem.n_tasks)
        n_pieces = 1 if problem.n_rows < FEW_ROWS else problem.n_threads
        ends = problem.n_rows * np.arange(1, n_pieces) // n_pieces
        cuts = np.searchsorted(problem.offsets, ends)
        self.pieces = np.r_[0, cuts, problem.n_tasks]
        self.ridge, self.gate = 0.0, self._start()

    def _spread(self, work):
        """Call ``work(begin, end)`` for the tasks of every piece."""
        pieces = self.pieces

        def piece(k):
            work(pieces[k], pieces[k + 1])

        spread(piece, pieces.size - 1, self.problem.n_threads)

    def score(self):
        """Return the scores of all rows."""
        score = np.empty_like(self.base)
        parts = (self.base, self.first, self.second, self.gate, self.problem.offsets)
        self._spread(lambda begin, end: mix(*parts, begin, end, score))
        return score

    def head(self):
        """Return what gates change about the first component."""
        share = np.repeat(self.gate, self.sizes)[:, None]
        return share * (self.second - self.first)

    def score_others(self):
        """Return the scores of the rows it does not learn from."""
        share = np.repeat(self.gate, self.sizes)[self.others, None]
        first, second = self.first[self.others], self.second[self.others]
        return self.base[self.others] + first + share * (second - first)

    @property
    def _arguments(self):
        problem, loss = self.problem, self.problem.loss
        known = (loss.code, loss.parameter, problem.y, self.weight)
        return (*known, self.base, self.first, self.second)

    def grow(self, component):
        """Grow one component by a tree for each output, and return them."""
        problem, room, loss = self.problem, self.room, self.problem.loss
        score = self.second if component else self.first
        n_outputs, table = loss.n_outputs, problem.table
        for output in range(n_outputs):
            self._differentiate(component, output)
        weight = None if loss.has_constant_hessian else self._weight_in(component)
        trees = []
        for output in range(n_outputs):
            derivatives = room.gradient[output], room.hessian[output]
            gradients = pack_gradients(*derivatives, weight, room.packed)
            grown = grow(table, gradients, problem.settings, room, self.rows)
            if loss.level is not None and grown.n_leaves > 1:
                self._refit(grown, component)
            add_leaves(grown, room, score, output)
            trees.append(grown.tree)
            if self.others is not None:
                own = score[:, output : output + 1]
                add_trees(grown.tree, table.codes, own, self.others, room.n_threads)
        return join(trees)

    def _differentiate(self, component, output):
        known, offsets = self._arguments, self.problem.offsets
        out = (component, output, self.room.gradient[output], self.room.hessian[output])
        self._spread(
            lambda begin, end: differentiate_mixture(
                *known, self.gate, offsets, begin, end, *out
            )
        )

    def _share(self, component):
        share = self.gate if component else 1.0 - self.gate
        return np.repeat(share, self.sizes)

    def _weight_in(self, component):
        """Return how much each row weighs in the leaves of a component."""
        share = self._share(component)
        return share * share * self.weight if self.weight.size else share * share

    def _refit(self, grown, component):
        """Make the leaves quantiles of what the component would have to say."""
        problem, share = self.problem, self._share(component)
        residual = (problem.y - self.score()[:, 0]) / np.maximum(share, 1e-300)
        residual[share == 0.0] = 0.0
        weight = share * self.weight if self.weight.size else share
        leaves.refit_leaves(
            self.room.rows,
            self.room.leaf,
            grown.n_leaves,
            residual,
            np.zeros((residual.size, 1)),
            0,
            weight,
            problem.loss.level,
            problem.settings.shrinkage,
            problem.settings.learning_rate,
            grown.tree.values,
        )

    def move_gates(self, tolerance=TOLERANCE):
        """Move every gate to where the loss of its task is least, nearly."""
        problem, known = self.problem, self._arguments
        slopes = np.zeros((problem.n_tasks, 2))
        offsets, gate = problem.offsets, self.gate
        self._spread(
            lambda begin, end: gate_slopes(*known, gate, offsets, begin, end, slopes)
        )
        self.ridge = GATE_ROWS * slopes[:, 1].sum() / self.task_weight.sum()
        ridge, centre = self.ridge, self.mean_gate
        self._spread(
            lambda begin, end: solve_gates(
                *known, offsets, begin, end, ridge, centre, tolerance, slopes, gate
            )
        )

    @property
    def mean_gate(self):
        """The mean over the rows, which is the gate of a task without any."""
        return float(np.average(self.gate, weights=self.task_weight))

    def grow_both(self):
        """Do one round; return the trees of both components."""
        first, second = self.grow(0), self.grow(1)
        self.move_gates()
        return first, second

    def order(self):
        """Let the majority have the first component; return whether it had not."""
        swaps = self.mean_gate > 0.5
        if swaps:
            self.first, self.second = self.second, self.first
            self.gate = 1.0 - self.gate
        return swaps

    def _start(self):
        """Return gates that part tasks along the direction in which they differ most.

        Residuals of a task are summed by feature and group of codes, in units of their
        standard deviation.
        """
        problem, loss, room = self.problem, self.problem.loss, self.room
        n_tasks, layout = problem.n_tasks, problem.table.layout
        n_features = problem.table.n_features
        most = max(1, MOST_CELLS // (n_tasks * N_GROUPS * loss.n_outputs))
        features = np.arange(n_features)
        if n_features > most:
            features = np.linspace(0, n_features - 1, most).astype(np.int64)
        n_cells = features.size * N_GROUPS
        self.gate, parts = np.zeros(n_tasks), []
        for output in range(loss.n_outputs):
            self._differentiate(0, output)
            pull, mass = np.zeros((2, n_tasks, n_cells))
            derivatives = room.gradient[output], room.hessian[output]
            codes = problem.table.codes
            cells = (N_GROUPS, pull, mass)
            sketch(codes, layout, features, problem.offsets, *derivatives, *cells)
            parts.append(pull / np.sqrt(mass + 1.0))
        # A task without rows would be unlike all others.
        gate, known = np.full(n_tasks, 0.5), self.task_weight > 0.0
        gate[known] = _part(np.hstack(parts)[known])
        return gate


def find_gates(loss, y, weight, base, first, second, offsets, ridge, centre):
    """Return the gates of tasks for given components.

    Parameters
    ----------
    loss : Loss
    y, weight : float64 arrays of shape (n_rows,)
    base, first, second : float64 arrays of shape (n_rows, n_outputs)
    offsets : int64 array of shape (n_tasks + 1,)
    ridge, centre : float
        ``ridge / 2 * (gate - centre)**2`` is added to the loss of each task.

    Returns
    -------
    gate : float64 array of shape (n_tasks,)
    """
    n_tasks = offsets.size - 1
    gate, slopes = np.full(n_tasks, float(centre)), np.zeros((n_tasks, 2))
    known = (loss.code, loss.parameter, y, weight, base, first, second)
    gate_slopes(*known, gate, offsets, 0, n_tasks, slopes)
    drawn = (float(ridge), float(centre), FINAL_TOLERANCE)
    solve_gates(*known, offsets, 0, n_tasks, *drawn, slopes, gate)
    return gate


def _part(signal):
    """Return gates between 0.1 and 0.9 from what is known of each task, row by row."""
    signal = signal - signal.mean(axis=0)
    place = signal @ _direction(signal)
    place -= np.median(place)
    size = np.abs(place).max()
    if size == 0.0:
        return np.full(place.size, 0.5)
    sign = 1.0 if place.max() == size else -1.0
    return 0.5 + sign * 0.4 * place / size


def _direction(signal):
    """Return the first right singular vector, by the power method."""
    size = np.square(signal).sum(axis=1)
    direction = signal[size.argmax()]
    for _ in range(N_POWERS):
        length = np.sqrt(direction @ direction)
        if length == 0.0:
            break
        direction = signal.T @ (signal @ (direction / length))
    return direction
