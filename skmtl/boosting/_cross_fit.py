"""Scores that grow by boosters that take turns at not seeing a part of the rows.

Every score has one booster for each split. A row's score is out of fold: that of the
booster that never learned from it. Heads of tasks, rounds, and everything else that is
chosen rest on such scores alone.
"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from queue import SimpleQueue
from typing import NamedTuple

import numpy as np

from .._kernels import heads as kernels
from .._kernels.boosting_records import SIGN
from .._kernels.heads import LEARNED, SCORED, UNUSED
from ._bins import Table
from ._grower import add_leaves, grow, make_room, pack_gradients, refit
from ._heads import (
    Heads,
    average,
    first_heads,
    gather_evidence,
    growing_slopes,
    improve,
)
from ._trees import add_trees, join

# Rounds between two looks at the heads, and those without progress that end a score.
ROUNDS_AT_ONCE, PATIENCE = 5, 40
LEAST_PROGRESS = 1e-5
# What another score must take off the loss to stay.
WORTH_A_SCORE = 0.005
# Steps that heads take at most until they move less than this.
SETTLING_STEPS, AT_REST = 30, 1e-3
# Weights of tasks in the first rounds of a further score.
LIGHTEST, HEAVIEST = 0.02, 5.0
# Where slopes of a further score start.
LATER_SLOPE = 0.3


class Score(NamedTuple):
    """A score that all tasks share.

    Attributes
    ----------
    boosters : list of Trees
        One for each split.
    n_rounds : int
    """

    boosters: list
    n_rounds: int


class CrossFit(NamedTuple):
    """Shared scores and the heads of tasks on them.

    Attributes
    ----------
    scores : list of Score
    heads : Heads
    out_of_fold : float64 array of shape (n_scores, n_rows, n_outputs)
        Scores of rows by boosters that did not learn from them.
    total : float64 array of shape (n_rows, n_outputs)
        What heads that did not learn from a row either make of them.
    loss : float64 array of shape (n_tasks,)
        Loss of that, summed over the rows of each task that some split scores.
    """

    scores: list
    heads: Heads
    out_of_fold: np.ndarray
    total: np.ndarray
    loss: np.ndarray


class Workers:
    """Threads, each with room of its own to grow trees in."""

    def __init__(self, problem, tables):
        largest = max(tables, key=lambda table: table.n_cells)
        loss, self.settings = problem.loss, problem.settings
        self.n_workers = max(1, problem.n_threads)
        self.rooms = SimpleQueue()
        for _ in range(self.n_workers):
            self.rooms.put(make_room(largest, self.settings, loss.n_outputs))
        self.pool = ThreadPoolExecutor(self.n_workers) if self.n_workers > 1 else None

    @contextmanager
    def room(self):
        """Lend room to the thread that asks."""
        room = self.rooms.get()
        try:
            yield room
        finally:
            self.rooms.put(room)

    def run(self, work, jobs):
        """Call ``work(job)`` for all jobs."""
        if self.pool is None:
            return [work(job) for job in jobs]
        return list(self.pool.map(work, jobs))

    def close(self):
        """Let the threads go."""
        if self.pool is not None:
            self.pool.shutdown()


class _Booster:
    """One of the boosters of a score, while it grows."""

    def __init__(self, growth, split, heads, before):
        self.growth, self.split, self.heads = growth, split, heads
        self.before = before
        part = growth.parts[split]
        self.learned = np.flatnonzero(part == LEARNED).astype(np.uint32)
        self.scored = np.flatnonzero(part == SCORED).astype(np.uint32)
        problem = growth.problem
        self.score = np.zeros((problem.n_rows, problem.loss.n_outputs))
        self.trees = []

    def advance(self):
        """Grow the trees of some rounds."""
        growth = self.growth
        n_rounds = growth.rounds_to_come
        if self.learned.size < 2:
            return
        theta = growing_slopes(self.heads, growth.centre)
        target = None
        if growth.problem.loss.level is not None:
            # Leaves take quantiles of what is left: this score has no slopes.
            theta[:, -1] = 1.0
            before = self.heads._replace(theta=theta[:, :-1], mean=self.heads.mean[:-1])
            total = before.apply(self.before, growth.problem.task)
            target = growth.problem.y - total[:, 0]
        with growth.workers.room() as room:
            for _ in range(n_rounds):
                self.trees.append(self._round(room, theta, target))

    def _round(self, room, theta, target):
        growth, problem = self.growth, self.growth.problem
        loss, table = problem.loss, growth.table
        kernels.head_gradients(
            loss.code,
            loss.parameter,
            problem.y,
            problem.weight,
            growth.task_weight,
            problem.offsets,
            growth.parts[self.split],
            theta,
            self.before,
            self.score,
            room.gradient,
            room.hessian,
        )
        trees = []
        for k in range(loss.n_outputs):
            gradients = pack_gradients(
                room.gradient[k], room.hessian[k], problem.weight, room.packed
            )
            grown = grow(table, gradients, problem.settings, room, self.learned)
            if target is not None and grown.n_leaves > 1:
                weight, settings = problem.weight, problem.settings
                refit(grown, room, loss.level, target, self.score, k, weight, settings)
            add_leaves(grown, room, self.score, k)
            add_trees(grown.tree, table.codes, self.score[:, k : k + 1], self.scored)
            trees.append(grown.tree)
        return join(trees)


class _Growth:
    """A score that grows on one table, with its boosters in step."""

    def __init__(self, problem, stage, workers, heads, task_weight):
        self.problem, self.table, self.workers = problem, stage.table, workers
        self.before, self.task_weight = stage.out_of_fold, task_weight
        self.parts = problem.parts
        self.boosters = [
            _Booster(self, split, own, before)
            for split, (own, before) in enumerate(zip(heads, stage.own, strict=True))
        ]
        self.best_loss, self.best_round, self.least_progress = np.inf, 0, 0.0
        self.n_rounds, self.n_looks, self.is_growing = 0, 0, True
        self.centre = np.zeros((problem.n_tasks, problem.loss.n_outputs))

    def _centre(self, score):
        """Return the mean of a score over the rows of each task."""
        problem = self.problem
        weighted = problem.row_weight[:, None] * score
        ends = np.concatenate([np.zeros((1, score.shape[1])), weighted.cumsum(axis=0)])
        total = ends[problem.offsets[1:]] - ends[problem.offsets[:-1]]
        return total / np.maximum(problem.task_weight, 1e-300)[:, None]

    @property
    def rounds_to_come(self):
        """Number of rounds until the next look."""
        return min(ROUNDS_AT_ONCE, self.problem.max_rounds - self.n_rounds)

    @property
    def out_of_fold(self):
        """The score of each row by the booster that did not learn from it."""
        fold = np.maximum(self.problem.fold, 0)
        scores = np.stack([booster.score for booster in self.boosters])
        return scores[fold, np.arange(fold.size)]

    def look(self):
        """Fit heads to the score so far, and stop where it has not paid for long."""
        self.n_rounds += self.rounds_to_come
        scores = np.concatenate([self.before, self.out_of_fold[None]])
        signed, self.centre = is_monotone(self.table), self._centre(scores[-1])

        def work(booster):
            part, heads = self.parts[booster.split], booster.heads
            evidence = gather(self.problem, part, heads, scores)
            booster.heads, _ = improve(
                heads, evidence, self.problem.loss, is_signed=signed
            )
            return evidence.scored_loss.sum()

        loss = sum(self.workers.run(work, self.boosters))
        self.task_weight = np.ones(self.problem.n_tasks)
        if not self.n_looks or loss < self.best_loss - self.least_progress:
            self.best_loss, self.best_round = loss, self.n_rounds
            self.least_progress = LEAST_PROGRESS * abs(loss)
        self.n_looks += 1
        stale = self.n_rounds - self.best_round >= PATIENCE
        self.is_growing = not stale and self.n_rounds < self.problem.max_rounds

    def finish(self, stage):
        """Return the stage with this score up to its best round."""
        n_rounds = self.best_round
        shape = (self.problem.n_rows, self.problem.loss.n_outputs)
        out_of_fold, boosters, own = np.zeros(shape), [], []
        for booster in self.boosters:
            trees, score = join(booster.trees[:n_rounds]), np.zeros(shape)
            add_trees(trees, self.table.codes, score)
            out_of_fold[booster.scored] = score[booster.scored]
            boosters.append(trees)
            own.append(np.concatenate([booster.before, score[None]]))
        heads = [booster.heads for booster in self.boosters]
        return stage._replace(
            scores=[*stage.scores, Score(boosters, n_rounds)],
            out_of_fold=np.concatenate([stage.out_of_fold, out_of_fold[None]]),
            own=own,
            # Those of all rows start where they are sure to find the way.
            heads=[*heads, average(heads)],
        )


def is_monotone(table):
    """Return whether any feature has a monotone constraint."""
    return bool(table.layout[:, SIGN].any())


def gather(problem, part, heads, scores):
    """Return what the rows of a problem say of heads."""
    rows = (problem.y, problem.weight, problem.offsets, part)
    return gather_evidence(problem.loss, *rows, heads, scores)


def settle(problem, part, heads, scores, *, is_signed, n_steps=SETTLING_STEPS):
    """Return heads that rest, and what rows say of them."""
    evidence = gather(problem, part, heads, scores)
    for _ in range(n_steps):
        heads, distance = improve(heads, evidence, problem.loss, is_signed=is_signed)
        evidence = gather(problem, part, heads, scores)
        if distance < AT_REST:
            break
    return heads, evidence


class _Stage(NamedTuple):
    """A table, and how far its scores have come.

    Attributes
    ----------
    own : list of float64 arrays of shape (n_scores, n_rows, n_outputs)
        What the boosters of each split say of all rows, also of those they learned
        from: a further score continues from there. Out of fold, other boosters would
        tell a booster of the rows that it must not see.
    heads : list of Heads
        Those of each split, and of all rows together.
    """

    table: Table
    scores: list
    out_of_fold: np.ndarray
    own: list
    heads: list
    evidence: list

    @property
    def loss(self):
        """Loss of the rows that splits score, for every task."""
        return sum(evidence.scored_loss for evidence in self.evidence[:-1])


def cross_fit(problem, tables, workers, max_scores=2):
    """Return scores and heads, for each of some tables with codes of the same rows.

    Parameters
    ----------
    problem : Problem
    tables : list of Table
    workers : Workers
    max_scores : int, default=2

    Returns
    -------
    fits : list of CrossFit
    """
    n_rows, k = problem.n_rows, problem.loss.n_outputs
    start = first_heads(problem.loss, problem.y, problem.weight, problem.n_tasks)
    heads = [start] * (problem.n_folds + 1)
    nothing = np.zeros((0, n_rows, k))
    first = _settled(
        problem,
        _Stage(None, [], nothing, [nothing] * problem.n_folds, heads, []),
        workers,
    )
    stages = [first._replace(table=table) for table in tables]
    open_stages = range(len(stages))
    for n_scores in range(max_scores):
        growths = {v: _start(problem, stages[v], workers) for v in open_stages}
        _grow(list(growths.values()), workers)
        longer = []
        for v, growth in growths.items():
            stage = _settled(problem, growth.finish(stages[v]), workers)
            before, after = stages[v].loss.sum(), stage.loss.sum()
            problem.report(
                "%s score %d: %d rounds, loss out of fold %.6g after %.6g",
                "shared" if v == 0 else "shared_by_task",
                n_scores + 1,
                stage.scores[-1].n_rounds,
                after,
                before,
            )
            if n_scores == 0 or after < before - WORTH_A_SCORE * abs(before):
                stages[v] = stage
                longer.append(v)
        open_stages = longer
    return [_finish(problem, stage) for stage in stages]


def _start(problem, stage, workers):
    """Return the next score of a stage before its first round."""
    is_first = not stage.scores
    heads = [own.with_score(1.0 if is_first else LATER_SLOPE) for own in stage.heads]
    task_weight = np.ones(problem.n_tasks)
    if not is_first:
        task_weight = _excess(stage)
    return _Growth(problem, stage, workers, heads[:-1], task_weight)


def _excess(stage):
    """Return weights of tasks by how much worse they are fitted than most."""
    weight, misfit = sum(evidence.value[3:] for evidence in stage.evidence[:-1])
    size = misfit / np.maximum(weight, 1e-300)
    usual = np.median(size[weight > 0])
    return np.clip(size / max(usual, 1e-300) - 1.0, LIGHTEST, HEAVIEST)


def _grow(growths, workers):
    """Let scores grow side by side, each until it stops."""
    while growths:
        boosters = [booster for growth in growths for booster in growth.boosters]
        workers.run(_Booster.advance, boosters)
        for growth in growths:
            growth.look()
        growths = [growth for growth in growths if growth.is_growing]


def _settled(problem, stage, workers):
    """Return a stage whose heads rest."""
    everything = np.where(problem.fold >= 0, LEARNED, UNUSED).astype(np.uint8)
    parts = [*problem.parts, everything]
    signed = stage.table is not None and is_monotone(stage.table)

    def work(split):
        heads = stage.heads[split]
        return settle(problem, parts[split], heads, stage.out_of_fold, is_signed=signed)

    found = workers.run(work, range(len(parts)))
    heads, evidence = map(list, zip(*found, strict=True))
    return stage._replace(heads=heads, evidence=evidence)


def _finish(problem, stage):
    """Return what a stage found."""
    task, fold = problem.task, problem.fold
    total = np.empty((problem.n_rows, problem.loss.n_outputs))
    for split, heads in enumerate(stage.heads):
        rows = fold == (split if split < problem.n_folds else -1)
        total[rows] = heads.apply(stage.out_of_fold[:, rows], task[rows])
    return CrossFit(stage.scores, stage.heads[-1], stage.out_of_fold, total, stage.loss)
