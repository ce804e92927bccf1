"""Scores that grow by boosters that take turns at not seeing a part of the rows.

Every score has one booster for each split. A row's score is out of fold: that of the
booster that never learned from it. Heads of tasks, rounds, and everything else that is
chosen rest on such scores alone. The boosters of the splits predict together, and where
rows are many, with one that learned from all of them.
"""

from typing import NamedTuple

import numpy as np

from .._kernels.heads import LEARNED, UNUSED
from ._bins import Table
from ._growth import Booster, Growth, gather, is_monotone
from ._heads import Heads, average, first_heads, improve
from ._trees import join

# What another score must take off the loss to stay.
WORTH_A_SCORE = 0.005
# Steps that heads take at most until they move less than this.
SETTLING_STEPS, AT_REST = 30, 1e-3
# Weights of tasks in the first rounds of a further score.
LIGHTEST, HEAVIEST = 0.02, 5.0
# Rows beyond which a booster that learns from all of them has half a say: those of the
# splits lack a fold of the rows each, and their mean is steadier.
MANY_ROWS, SAY = 20_000, 0.5
# Where slopes of a further score start.
LATER_SLOPE = 0.3


class Score(NamedTuple):
    """A score that all tasks share.

    Attributes
    ----------
    boosters : list of Trees
        Their sum is the score. One for each split, and if rows are many, one that
        learned from all of them.
    n_rounds : int
        The most that any of them has.
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


def settle(problem, part, heads, scores, *, is_signed, n_steps=SETTLING_STEPS):
    """Return heads that rest, and what rows say of them."""

    def ask(heads):
        return gather(problem, part, heads, scores)

    evidence = ask(heads)
    for _ in range(n_steps):
        heads, distance = improve(
            heads, evidence, problem.loss, ask, is_signed=is_signed
        )
        evidence = ask(heads)
        if distance < AT_REST:
            break
    return heads, evidence


class _Stage(NamedTuple):
    """A table, and how far its scores have come.

    Attributes
    ----------
    own : list of float64 arrays of shape (n_scores, n_rows, n_outputs)
        What the boosters of each split say of rows that they score, and of those that
        they learned from: a further score continues from there. Out of fold, other
        boosters would tell a booster of the rows that it must not see; empty where none
        follows.
    heads : list of Heads
        Those of each split, and of all rows together.
    is_cut_short : bool
        Whether the last score still got better when its rounds ran out.
    is_rigid : bool
        Whether heads stay as they are before the first score. Trees that part tasks
        learn the mean of a task's rows; out of fold that is lower where a row is high,
        so that slopes fitted to such scores tell a row of itself.
    """

    table: Table
    scores: list
    out_of_fold: np.ndarray
    own: list
    heads: list
    evidence: list
    is_cut_short: bool = False
    is_rigid: bool = False

    @property
    def loss(self):
        """Loss of the rows that splits score, for every task."""
        return sum(evidence.scored_loss for evidence in self.evidence[:-1])


def cross_fit(problem, tables, workers, progress, max_scores=2):
    """Return scores and heads, for each of some tables with codes of the same rows.

    Parameters
    ----------
    problem : Problem
    tables : list of Table
    workers : Workers
    progress : Progress
        Its chains are the scores of each table.
    max_scores : int, default=2

    Returns
    -------
    fits : list of CrossFit
        One for each table, and last the heads without any score.
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
    stages = [
        first._replace(table=table, is_rigid=v > 0) for v, table in enumerate(tables)
    ]
    open_stages = range(len(stages))
    for n_scores in range(max_scores):
        growths = {
            v: _start(problem, stages[v], workers, progress, v) for v in open_stages
        }
        _grow(list(growths.values()), workers)
        longer = []
        for v in list(growths):
            progress.keep(v, growths[v].standing)
            # What has grown needs much memory, and is not needed any more.
            is_last = n_scores + 1 == max_scores
            stage = _with_score(stages[v], growths.pop(v), is_last)
            stage = _settled(problem, stage, workers)
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
                if not stage.is_rigid:
                    longer.append(v)
        open_stages = longer
    return [_finish(problem, stage) for stage in [*stages, first]]


def _start(problem, stage, workers, progress, chain):
    """Return the next score of a stage before its first round, or where it goes on."""
    # Where all tasks have more to learn the next score is for all of them, else for
    # those that the scores before do not describe.
    is_for_all = not stage.scores or stage.is_cut_short
    slope = 1.0 if is_for_all else LATER_SLOPE
    heads = [own.with_score(slope) for own in stage.heads]
    if stage.is_rigid:
        heads = [own.rigid() for own in heads]
    task_weight = np.ones(problem.n_tasks) if is_for_all else _excess(stage)
    own = (heads[:-1], task_weight, progress.is_kept)
    growth = Growth(problem, stage, workers, *own)
    standing = progress.recall(chain)
    if standing is not None:
        growth.go_on(standing)
    if growth.is_growing:
        progress.start_anew(chain)
    return growth


def _excess(stage):
    """Return weights of tasks by how much worse they are fitted than most."""
    weight, misfit = sum(evidence.value[3:] for evidence in stage.evidence[:-1])
    size = misfit / np.maximum(weight, 1e-300)
    usual = np.median(size[weight > 0])
    return np.clip(size / max(usual, 1e-300) - 1.0, LIGHTEST, HEAVIEST)


def _grow(growths, workers):
    """Let scores grow side by side, each until it stops."""
    while growths := [growth for growth in growths if growth.is_growing]:
        boosters = [booster for growth in growths for booster in growth.boosters]
        workers.run(Booster.advance, boosters)
        for growth in growths:
            growth.look()


def _with_score(stage, growth, is_last):
    """Return the stage with the score that has grown, up to its best round."""
    n_rounds, problem = growth.best_round, growth.problem
    out_of_fold = np.zeros((problem.n_rows, problem.loss.n_outputs))
    boosters, own = [], []
    for booster in growth.boosters:
        booster.go_back()
        out_of_fold[booster.scored] = booster.score[booster.scored]
        boosters.append(join(booster.trees))
        if not (is_last or stage.is_rigid):
            own.append(np.concatenate([booster.before, booster.score[None]]))
    heads = [booster.heads for booster in growth.boosters]
    # Those of all rows start where they are sure to find the way.
    heads.append(average(heads))
    say = SAY if problem.n_rows > MANY_ROWS else 0.0
    boosters = [trees.scaled((1.0 - say) / len(boosters)) for trees in boosters]
    if say:
        boosters.append(growth.refit(heads[-1]).scaled(say))
        n_rounds = max(n_rounds, boosters[-1].n_trees // problem.loss.n_outputs)
    # These point to what holds them: their scores would stay until circles are sought.
    growth.boosters.clear()
    return stage._replace(
        scores=[*stage.scores, Score(boosters, n_rounds)],
        out_of_fold=np.concatenate([stage.out_of_fold, out_of_fold[None]]),
        own=own,
        heads=heads,
        is_cut_short=not growth.is_over,
    )


def _settled(problem, stage, workers):
    """Return a stage whose heads rest."""
    everything = np.where(problem.fold >= 0, LEARNED, UNUSED).astype(np.uint8)
    parts = [*problem.parts, everything]
    signed = stage.table is not None and is_monotone(stage.table)

    def work(split):
        heads = stage.heads[split]
        if stage.is_rigid:
            return heads, gather(problem, parts[split], heads, stage.out_of_fold)
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
