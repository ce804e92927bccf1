"""All blocks of a model, fitted in given numbers of rounds."""

from typing import NamedTuple

import numpy as np

from .._kernels.boosting_records import TaskSettings
from .._kernels.heads import LEARNED, SCORED, UNUSED
from ._block_model import Blocks, Recipe
from ._grower import boost, make_room
from ._intercepts import intercepts
from ._mixture import FINAL_TOLERANCE, Mixture
from ._outliers import Scale
from ._task_trees import grow_task_trees, task_entries
from ._trees import join, no_trees

# Task trees are small, whatever those of all tasks are.
TASK_LEAVES, TASK_WEIGHT, TASK_DEPTH = 4, 5.0, 3
# Rows at the common level in the intercept of a task that stands alone.
ROWS_ALONE = 1.0
NOTHING = np.empty(0)


class Rounds(NamedTuple):
    """What is chosen by the loss on held-out rows.

    Attributes
    ----------
    mixture, shared : int
        Rounds of the second and third block.
    task_trees : int, or int array of shape (n_tasks,)
        Rounds of the last block.
    prior_rows : float
        Rows at the common level that every task gets for its intercept.
    task_shrinkage : float, or float64 array of shape (n_tasks,)
        Of the leaves of the last block.
    shares : bool array of shape (n_tasks,), optional
        Tasks that build the second and third block; all by default. The own trees of
        another task follow its intercept.
    """

    mixture: int
    shared: int
    task_trees: np.ndarray
    prior_rows: float = 3.0
    task_shrinkage: float = 10.0
    shares: np.ndarray | None = None


class Booster:
    """All blocks that tasks share, learned from some of the rows.

    Parameters
    ----------
    problem : Problem
    room : Room
    part : uint8 array of shape (n_rows,), optional
        Whether a row is learned from, scored, or neither; by default all are learned
        from.

    Attributes
    ----------
    score : float64 array of shape (n_rows, n_outputs)
        Of all rows, after the blocks that are complete and the shared trees so far.
    held_out : bool array of shape (n_rows,)
        Rows that it scores and does not learn from.
    """

    def __init__(self, problem, room, part=None):
        self.problem, self.room, self.part = problem, room, part
        self.rows = self.others = self.mixture = None
        self.weight, self.held_out = problem.weight, np.zeros(problem.n_rows, bool)
        self.shares = np.ones(problem.n_tasks, bool)
        if part is not None:
            self.held_out = part == SCORED
            self._confine(part == LEARNED, self.held_out)
        self._level_all()

    def _confine(self, learned, others):
        """Learn from some rows, and score others."""
        problem = self.problem
        self.rows = np.flatnonzero(learned).astype(np.uint32)
        self.others = np.flatnonzero(others).astype(np.uint32)
        # Other rows must not even change how derivatives are rounded.
        self.weight = np.where(learned, problem.row_weight, 0.0)
        self.y_others = problem.y[self.others]
        self.weight_others = (
            problem.weight[self.others] if problem.weight.size else NOTHING
        )

    def _level_all(self):
        trained = slice(None) if self.rows is None else self.rows
        own = self.weight[trained] if self.weight.size else NOTHING
        self.start = self.problem.loss.start(self.problem.y[trained], own)

    def held_out_loss(self, score):
        """Return the summed loss of the rows held out, given their scores."""
        loss = self.problem.loss
        return loss.value(self.y_others, score, self.weight_others)

    def levels(self, prior_rows):
        """Return what every task adds to the start."""
        problem, weight = self.problem, self.problem.row_weight
        if self.part is not None:
            weight = np.where(self.part == LEARNED, weight, 0.0)
        prior_rows = np.where(self.shares, prior_rows, ROWS_ALONE)[:, None]
        known = (problem.y, weight, problem.offsets, self.start)
        return intercepts(problem.loss, *known, prior_rows)

    def set_levels(self, prior_rows):
        """Do the first block."""
        self.intercept, self.mixture = self.levels(prior_rows), None
        self.score = (self.start + self.intercept)[self.problem.task]

    def share_among(self, tasks):
        """Begin again before the first block, with rows of some tasks only.

        Others get an intercept.

        Parameters
        ----------
        tasks : bool array of shape (n_tasks,)
            At least one.
        """
        self.shares = tasks
        within = tasks[self.problem.task]
        learned = within if self.part is None else within & (self.part == LEARNED)
        self._confine(learned, within & self.held_out)
        self._level_all()

    def open_mixture(self):
        """Begin the second block."""
        known = (self.weight, self.rows, self.others, self.score, self.room)
        self.mixture = Mixture(self.problem, *known)

    def close_mixture(self):
        """End the second block; return whether its components change places."""
        swaps = self.mixture.order()
        self.score = self.mixture.score()
        return swaps

    def grow_shared(self):
        """Do one round of the third block; return its trees."""
        problem, room = self.problem, self.room
        if problem.loss.has_constant_hessian and not self.weight.size:
            room = room._replace(hessian=np.empty((problem.loss.n_outputs, 0)))
        last = (problem.settings, room, self.rows, self.others)
        return boost(
            problem.table, problem.loss, problem.y, self.score, self.weight, *last
        )


def fit_fixed(problem, rounds, task_score=None):
    """Fit all blocks with given numbers of rounds.

    Parameters
    ----------
    problem : Problem
    rounds : Rounds
    task_score : float64 array of shape (n_rows, n_outputs), optional
        Scores whose errors the task trees learn; by default those of the other blocks.

    Returns
    -------
    blocks : Blocks
        Without what only rows that are held out can tell.
    """
    booster = Booster(problem, make_block_room(problem))
    shares = np.ones(problem.n_tasks, bool) if rounds.shares is None else rounds.shares
    if shares.any() and not shares.all():
        booster.share_among(shares)
    booster.set_levels(rounds.prior_rows)
    first = second = shared = no_trees()
    gate, ridge = np.zeros(problem.n_tasks), 0.0
    if rounds.mixture:
        booster.open_mixture()
        grown = [booster.mixture.grow_both() for _ in range(rounds.mixture)]
        first, second = (join(trees) for trees in zip(*grown, strict=True))
        booster.mixture.move_gates(FINAL_TOLERANCE)
        if booster.close_mixture():
            first, second = second, first
        gate, ridge = booster.mixture.gate, booster.mixture.ridge
    if rounds.shared:
        shared = join([booster.grow_shared() for _ in range(rounds.shared)])
    score = booster.score if task_score is None else task_score
    task_trees = _grow_own(problem, rounds, score)
    shrinkage = float(np.median(rounds.task_shrinkage))
    return Blocks(
        booster.start,
        booster.intercept,
        np.where(shares, gate, 0.0),
        shares,
        first,
        second,
        shared,
        task_trees,
        problem.task_weight,
        np.full(problem.n_tasks, np.nan),
        np.full(problem.n_tasks, np.nan),
        Recipe(
            problem.loss,
            problem.table.layout,
            _task_settings(problem)._replace(shrinkage=shrinkage),
            rounds.prior_rows,
            ridge,
            np.zeros(1 + int(np.max(rounds.task_trees))),
            Scale(0.0, 0.0),
        ),
    )


def make_block_room(problem):
    """Return memory for growing the trees of all tasks."""
    n_outputs, n_threads = problem.loss.n_outputs, problem.n_threads
    tables, settings = [problem.table], problem.settings
    return make_room(tables, settings, n_outputs, n_threads=n_threads)


def _task_settings(problem):
    """Return how the trees of single tasks grow."""
    own = problem.settings
    return own._replace(
        max_leaves=min(TASK_LEAVES, own.max_leaves),
        max_depth=min(TASK_DEPTH, own.max_depth),
        min_weight=min(TASK_WEIGHT, own.min_weight),
    )


def _grow_own(problem, rounds, score):
    n_rounds = np.broadcast_to(rounds.task_trees, problem.n_tasks)
    known = (rounds.task_shrinkage, int(n_rounds.max()))
    return boost_own(problem, score, *known).task_trees.truncate(n_rounds)


def boost_own(
    problem, score, shrinkage, n_rounds, part=None, patience=None, tasks=None
):
    """Boost every task by itself.

    Parameters
    ----------
    problem : Problem
    score : float64 array of shape (n_rows, n_outputs)
        Where boosting starts.
    shrinkage : float, or float64 array of shape (n_tasks,)
    n_rounds : int
    part : uint8 array of shape (n_rows,), optional
        Whether a row is learned from, scored, or neither; by default all are learned
        from.
    patience : int, optional
        Rounds without progress on these after which a task ends.
    tasks : int array, optional
        Only these, in increasing order.

    Returns
    -------
    boosted : Boosted
    """
    tasks = np.arange(problem.n_tasks) if tasks is None else tasks
    loss, used, held_out = problem.loss, np.isin(problem.task, tasks), None
    if part is not None:
        used &= part != UNUSED
        held_out = part[used] == SCORED
    rows = np.flatnonzero(used)
    weight = problem.weight[rows] if problem.weight.size else NOTHING
    sizes = np.bincount(problem.task[rows], minlength=problem.n_tasks)[tasks]
    known = (np.r_[0, np.cumsum(sizes)], problem.y[rows], weight, held_out)
    entries = task_entries(rows, *known, shrinkage)
    patience = n_rounds + 1 if patience is None else patience
    plan = TaskSettings(loss.code, loss.parameter, n_rounds, patience)
    last = (plan, _task_settings(problem), problem.n_threads)
    return grow_task_trees(problem.table, entries, score[rows], *last)
