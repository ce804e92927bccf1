"""Scores while they grow: the boosters of all splits in step, and looks at heads."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from queue import SimpleQueue
from typing import NamedTuple

import numpy as np

from .._kernels import heads as kernels
from .._kernels.boosting_records import SIGN
from .._kernels.heads import LEARNED, SCORED, UNUSED
from ._grower import add_leaves, grow, make_room, pack_gradients, refit
from ._heads import differentiate, gather_evidence, growing_slopes, improve
from ._trees import add_trees, join

# Rounds between two looks at the heads, and those without progress that end a score.
ROUNDS_AT_ONCE, PATIENCE = 5, 40
# What the loss must fall by to be progress; and how far above its least, for how many
# looks, it is lost. Where heads move it often rises before it falls.
LEAST_PROGRESS, LOST, LOST_LOOKS = 1e-4, 5e-3, 2
# Rounds after which the learning rate grows in proportion to them, and the most that it
# grows to: a score that still gets better then has a long way to go.
STEADY_ROUNDS, FASTEST = 100, 0.5


class Workers:
    """Threads, each with room of its own to grow trees in."""

    def __init__(self, problem, tables):
        loss, self.settings = problem.loss, problem.settings
        self.n_workers = max(1, problem.n_threads)
        self.rooms = SimpleQueue()
        for _ in range(self.n_workers):
            self.rooms.put(make_room(tables, self.settings, loss.n_outputs))
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
        """Let the threads and their rooms go."""
        self.rooms = None
        if self.pool is not None:
            self.pool.shutdown()


class Standing(NamedTuple):
    """A score after a look that a fit with more rounds takes as well.

    Attributes
    ----------
    trees : list of lists
        Those grown until each look, for every split.
    scores : list of float64 arrays of shape (n_rows, n_outputs)
    heads : list of Heads
    centre : float64 array of shape (n_tasks, n_outputs)
    best_loss : float
    best_round : int
    mark : tuple of float and int
        The last loss that was progress, and its round.
    n_rounds, n_looks : int
    is_over : bool
        Whether it would not grow on.
    """

    trees: list
    scores: list
    heads: list
    centre: np.ndarray
    best_loss: float
    best_round: int
    mark: tuple
    n_rounds: int
    n_looks: int
    is_over: bool


class Booster:
    """One of the boosters of a score, while it grows."""

    def __init__(self, growth, part, heads, before):
        self.growth, self.part, self.heads = growth, part, heads
        self.before = before
        self.learned = np.flatnonzero(part == LEARNED).astype(np.uint32)
        self.scored = np.flatnonzero(part == SCORED).astype(np.uint32)
        problem = growth.problem
        self.score = np.zeros((problem.n_rows, problem.loss.n_outputs))
        self.trees = []

    @property
    def n_rounds(self):
        """Number of rounds so far."""
        n_outputs = self.growth.problem.loss.n_outputs
        return sum(trees.n_trees for trees in self.trees) // n_outputs

    def advance(self):
        """Grow the trees of the rounds until the next look."""
        growth = self.growth
        self.grow(growing_slopes(self.heads, growth.centre), growth.rounds_to_come)

    def grow(self, theta, n_rounds):
        """Grow the trees of some rounds, with the heads' numbers as they are given."""
        growth = self.growth
        if self.learned.size < 2:
            return
        problem, loss = growth.problem, growth.problem.loss
        with growth.workers.room() as room:
            kernels.apply_heads(theta, problem.offsets, self.before, room.base)
            slope, target = theta[:, -1].copy(), None
            if loss.level is not None:
                # Leaves take quantiles of what is left: this score has no slopes.
                slope[:], target = 1.0, problem.y - room.base[:, 0]
            first = self.n_rounds
            rounds = [
                self._round(room, slope, target, growth.settings(first + m))
                for m in range(n_rounds)
            ]
        # Small arrays are mostly what says that they are arrays.
        trees = join(rounds)
        self.trees.append(trees)
        add_trees(trees, growth.table.codes, self.score, self.scored)
        growth.out_of_fold[self.scored] = self.score[self.scored]

    def _round(self, room, slope, target, settings):
        growth, problem = self.growth, self.growth.problem
        loss, table = problem.loss, growth.table
        rows = (problem.y, problem.weight, growth.task_weight, problem.offsets)
        known = (*rows, self.part, slope, room.base, self.score)
        differentiate(loss, *known, room.gradient, room.hessian)
        trees = []
        for k in range(loss.n_outputs):
            gradients = pack_gradients(
                room.gradient[k], room.hessian[k], problem.weight, room.packed
            )
            grown = grow(table, gradients, settings, room, self.learned)
            if target is not None and grown.n_leaves > 1:
                weight = problem.weight
                refit(grown, room, loss.level, target, self.score, k, weight, settings)
            add_leaves(grown, room, self.score, k)
            trees.append(grown.tree)
        return join(trees)

    def go_back(self):
        """Forget the rounds after the best one."""
        growth = self.growth
        n_looks = -(-growth.best_round // ROUNDS_AT_ONCE)
        later, self.trees = join(self.trees[n_looks:]), self.trees[:n_looks]
        rows = self.scored
        if not growth.is_rigid:
            rows = np.flatnonzero(self.part != UNUSED).astype(np.uint32)
        add_trees(later.scaled(-1.0), growth.table.codes, self.score, rows)


class Growth:
    """A score that grows on one table, with its boosters in step."""

    def __init__(self, problem, stage, workers, heads, task_weight, is_kept):
        self.problem, self.table, self.workers = problem, stage.table, workers
        self.is_kept, self.standing = is_kept, None
        self.is_rigid = stage.is_rigid
        self.before, self.task_weight = stage.out_of_fold, task_weight
        self.parts = problem.parts
        self.boosters = [
            Booster(self, *each)
            for each in zip(self.parts, heads, stage.own, strict=True)
        ]
        self.best_loss, self.best_round, self.mark = np.inf, 0, (np.inf, 0)
        self.n_rounds, self.n_looks, self.is_growing = 0, 0, True
        # Whether more rounds would be of no use.
        self.is_over = False
        self.centre = np.zeros((problem.n_tasks, problem.loss.n_outputs))
        # The score of each row by the booster that did not learn from it.
        self.out_of_fold = np.zeros((problem.n_rows, problem.loss.n_outputs))

    def go_on(self, standing):
        """Go on from where the score stood in another fit."""
        self.standing, self.centre = standing, standing.centre
        self.task_weight = np.ones(self.problem.n_tasks)
        for k, booster in enumerate(self.boosters):
            booster.trees = list(standing.trees[k])
            booster.score = standing.scores[k].copy()
            booster.heads = standing.heads[k]
            self.out_of_fold[booster.scored] = booster.score[booster.scored]
        self.best_loss, self.best_round = standing.best_loss, standing.best_round
        self.mark = standing.mark
        self.n_rounds, self.n_looks = standing.n_rounds, standing.n_looks
        self.is_over = standing.is_over
        is_longer = self.n_rounds < self.problem.max_rounds
        self.is_growing = is_longer and not self.is_over

    def refit(self, heads):
        """Return the trees of a booster that learns from the rows of all splits.

        It has more rounds than theirs in the measure in which it has more rows.
        """
        learned = (self.parts != UNUSED).any(axis=0)
        part = np.where(learned, LEARNED, UNUSED).astype(np.uint8)
        booster = Booster(self, part, heads, self.before)
        fewer = np.mean([own.learned.size for own in self.boosters])
        n_rounds = round(self.best_round * booster.learned.size / max(fewer, 1.0))
        booster.grow(heads.theta.copy(), min(n_rounds, self.problem.max_rounds))
        return join(booster.trees)

    def settings(self, n_before):
        """Return how trees grow after some rounds."""
        settings = self.problem.settings
        rate = settings.learning_rate
        faster = min(rate * max(1.0, n_before / STEADY_ROUNDS), FASTEST)
        return settings._replace(learning_rate=max(rate, faster))

    def _stand(self):
        """Return where the score stands."""
        return Standing(
            [list(booster.trees) for booster in self.boosters],
            [booster.score.copy() for booster in self.boosters],
            [booster.heads for booster in self.boosters],
            self.centre,
            self.best_loss,
            self.best_round,
            self.mark,
            self.n_rounds,
            self.n_looks,
            self.is_over,
        )

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

    def look(self):
        """Fit heads to the score so far, and stop where it has not paid for long."""
        self.n_rounds += self.rounds_to_come
        scores = np.concatenate([self.before, self.out_of_fold[None]])
        signed, self.centre = is_monotone(self.table), self._centre(scores[-1])

        def work(booster):
            def ask(heads):
                return gather(self.problem, booster.part, heads, scores)

            evidence = ask(booster.heads)
            if not self.is_rigid:
                booster.heads, _ = improve(
                    booster.heads, evidence, self.problem.loss, ask, is_signed=signed
                )
            return evidence.scored_loss.sum()

        loss = sum(self.workers.run(work, self.boosters))
        self.task_weight = np.ones(self.problem.n_tasks)
        self.is_over = self._judge(loss)
        self.n_looks += 1
        is_longer = self.n_rounds < self.problem.max_rounds
        self.is_growing = is_longer and not self.is_over
        # A fit with more rounds does not look where this one ends in between.
        is_whole = self.n_rounds % ROUNDS_AT_ONCE == 0
        is_last = self.is_over or self.rounds_to_come < ROUNDS_AT_ONCE
        if self.is_kept and is_whole and is_last:
            self.standing = self._stand()

    def _judge(self, loss):
        """Remember a loss if it is the least, and return whether there is no hope."""
        if not self.n_looks or loss < self.best_loss:
            self.best_loss, self.best_round = loss, self.n_rounds
        if not self.n_looks or loss < self.mark[0] - LEAST_PROGRESS * abs(loss):
            self.mark = loss, self.n_rounds
        if self.n_rounds - self.mark[1] >= PATIENCE:
            return True
        is_lost = loss > self.best_loss + LOST * abs(self.best_loss)
        rounds = self.n_rounds - self.best_round
        return self.is_rigid and is_lost and rounds >= LOST_LOOKS * ROUNDS_AT_ONCE


def is_monotone(table):
    """Return whether any feature has a monotone constraint."""
    return bool(table.layout[:, SIGN].any())


def gather(problem, part, heads, scores):
    """Return what the rows of a problem say of heads."""
    rows = (problem.y, problem.weight, problem.offsets, part)
    return gather_evidence(problem.loss, *rows, heads, scores)
