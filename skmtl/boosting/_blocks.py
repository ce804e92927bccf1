"""Robust multi-task boosting in blocks: intercepts, a mixture, shared and own trees."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from .._kernels.heads import LEARNED, SCORED
from ._block_fit import (
    ROWS_ALONE,
    Booster,
    Rounds,
    boost_own,
    fit_fixed,
    make_block_room,
)
from ._outliers import outlier_scale
from ._problem import Fitted
from ._resume import Progress
from ._task_trees import add_task_trees

# Rounds without progress on held-out rows after which a block ends.
PATIENCE = 25
# Name of the blocks that build on each other.
CHAIN = "blocks"
# What is tried for the rows at the common level that every task gets for its intercept,
# and for the shrinkage of the leaves of task trees.
PRIOR_ROWS = (1.0, 3.0, 10.0, 30.0, 100.0, 1e6)
SHRINKAGES = (1.0, 3.0, 10.0, 30.0, 100.0)
# Rows for which the mean of all tasks counts where a task chooses about its own trees.
PRIOR_TASK_ROWS = 100.0
# What a task has to save of its loss by standing alone: the others lose its rows.
WORTH_LEAVING = 0.2
# Rounds of a task, and of all tasks together; and tasks that each try all shrinkages.
MOST_OWN_ROUNDS, MOST_ROUNDS, MOST_TASKS = 500, 2_000_000, 200


class _Standing(NamedTuple):
    """A block after its last round.

    Attributes
    ----------
    now, best : lists of lists of arrays
        What growing changes, after the last and after the best round.
    least : float
        Loss after the best round.
    best_round, n_rounds : int
    is_over : bool
        Whether it would not grow on.
    """

    now: list
    best: list
    least: float
    best_round: int
    n_rounds: int
    is_over: bool


class _Own(NamedTuple):
    """How the trees of single tasks grow.

    Attributes
    ----------
    shrinkage : float64 array of shape (n_tasks,)
    n_rounds : int array of shape (n_tasks,)
    curve : float64 array of shape (n_tasks, n_rounds + 1)
        Summed loss of the rows of each task held out, after each round.
    loss : float64 array of shape (n_tasks,)
        The least of what tasks judge by.
    """

    shrinkage: np.ndarray
    n_rounds: np.ndarray
    curve: np.ndarray
    loss: np.ndarray


def fit_blocks(problem):
    """Return the model that ``cross_fit_blocks`` fits."""
    return cross_fit_blocks(problem, Progress({})).model


def cross_fit_blocks(problem, progress):
    r"""Fit all blocks, with numbers of rounds chosen by the loss on rows held out.

    The score of task :math:`t` is

    .. math:: F_t(x) = a + a_t + (1 - s_t) U_0(x) + s_t U_1(x) + A(x) + R_t(x),

    built from left to right: a start and an intercept :math:`a_t`, two ensembles mixed
    by the gate :math:`s_t` between 0 and 1, trees of all tasks and trees of the task.
    These are the blocks of [1]_, but for the intercepts, in another order: where tasks
    are of two kinds, trees of all of them first would learn what suits neither.
    Outliers of many kinds are described by neither ensemble, and disturb both: a task
    whose trees do much better from its intercept than from what is shared stands alone,
    and the others build the mixture and the shared trees again without it.

    One booster per fold learns from the rows of the others. All boosters go through
    the rounds of a block in lock-step, until their loss on the rows held out falls no
    more; then they go back to the round where it was least, and to the next block. A
    last booster learns from all rows in as many rounds. Task trees learn from errors on
    rows held out, which are not too small as those of the last booster.

    Parameters
    ----------
    problem : Problem
    progress : Progress
        Its only chain are the mixture and the shared trees.

    Returns
    -------
    fitted : Fitted
        Its model is a Blocks.

    References
    ----------
    .. [1] S. Emami, G. Martínez-Muñoz and D. Hernández-Lobato, "Robust-Multi-Task
       Gradient Boosting", arXiv:2507.11411, 2025.
    """
    parts = [part for part in problem.parts if _can_hold_out(problem, part)]
    if not parts:
        nothing = np.full((problem.n_rows, problem.loss.n_outputs), np.nan)
        return Fitted(fit_fixed(problem, Rounds(0, 0, 0)), lambda: nothing)
    room = make_block_room(problem)
    boosters = [Booster(problem, room, part) for part in parts]
    prior_rows = _choose_prior_rows(boosters)
    null = _out_of_fold(boosters, lambda b: b.score)
    shares = np.ones(problem.n_tasks, bool)
    n_shared = _boost_all(boosters, CHAIN, progress)
    major = _out_of_fold(boosters, _majority_score)
    score = _out_of_fold(boosters, lambda b: b.score)
    own = _choose_own(problem, boosters, score)
    if problem.n_tasks > 1 and sum(n_shared):
        shares = ~_are_better_alone(problem, boosters, null, own.loss)
    if not shares.all():
        prior_rows, n_shared = _share_among(boosters, shares, progress)
        score = _out_of_fold(boosters, lambda b: b.score)
        own = _choose_own(problem, boosters, score)
    shrinkage, n_own, curve = own.shrinkage, own.n_rounds, own.curve
    problem.report("mixture: %d rounds, shared: %d rounds", *n_shared)
    problem.report("tasks that stand alone: %d", (~shares).sum())
    rounds = Rounds(*n_shared, n_own, prior_rows, shrinkage, shares)
    blocks = fit_fixed(problem, rounds, score)
    return Fitted(
        _judge(blocks, problem, boosters, null, major, curve),
        lambda: _with_own(problem, boosters, score, shrinkage, n_own),
    )


def _can_hold_out(problem, part):
    """Return whether there are rows to hold out, and others to learn from."""
    weight = problem.row_weight
    return min(weight[part == LEARNED].sum(), weight[part == SCORED].sum()) > 0.0


def _choose_prior_rows(boosters):
    """Do the first block of all boosters; return how much levels are drawn together."""
    losses = []
    for prior_rows in PRIOR_ROWS:
        for booster in boosters:
            booster.set_levels(prior_rows)
        losses.append(sum(b.held_out_loss(b.score[b.others]) for b in boosters))
    best = PRIOR_ROWS[int(np.argmin(losses))]
    for booster in boosters:
        booster.set_levels(best)
    return best


def _share_among(boosters, shares, progress):
    """Do the first three blocks again, for some tasks.

    Returns
    -------
    prior_rows : float
    n_rounds : tuple of int
    """
    if not shares.any():
        prior_rows = ROWS_ALONE
        for booster in boosters:
            booster.set_levels(prior_rows)
        return prior_rows, (0, 0)
    for booster in boosters:
        booster.share_among(shares)
    prior_rows = _choose_prior_rows(boosters)
    chain = f"{CHAIN} without {np.flatnonzero(~shares).tolist()}"
    return prior_rows, _boost_all(boosters, chain, progress)


def _boost_all(boosters, chain, progress):
    """Do the second and third block of all boosters; return their numbers of rounds."""
    n_mixture, has_kinds = 0, boosters[0].shares.sum() > 1
    if has_kinds:
        n_mixture = _boost_mixtures(boosters, chain, progress)
    return n_mixture, _boost_shared(boosters, chain, progress)


def _boost_mixtures(boosters, chain, progress):
    """Do the second block of all boosters; return its number of rounds."""
    for booster in boosters:
        booster.open_mixture()
    mixtures = [b.mixture for b in boosters]

    def grow():
        for mixture in mixtures:
            mixture.grow_both()

    def loss():
        return sum(b.held_out_loss(b.mixture.score_others()) for b in boosters)

    states = [(m.first, m.second, m.gate) for m in mixtures]
    last = (boosters[0].problem.max_rounds, chain, progress)
    n_rounds = _grow_while_better(grow, loss, states, *last)
    for booster in boosters:
        booster.close_mixture()
    return n_rounds


def _boost_shared(boosters, chain, progress):
    """Do the third block of all boosters; return its number of rounds."""

    def grow():
        for booster in boosters:
            booster.grow_shared()

    def loss():
        return sum(b.held_out_loss(b.score[b.others]) for b in boosters)

    states = [(b.score,) for b in boosters]
    last = (boosters[0].problem.max_rounds, chain, progress)
    return _grow_while_better(grow, loss, states, *last)


def _grow_while_better(grow, loss, states, max_rounds, chain, progress):
    """Grow until the loss falls no more, and go back to where it was least.

    Parameters
    ----------
    grow, loss : callables
    states : list of tuples of arrays
        What growing changes in place.
    max_rounds : int
    chain : str
    progress : Progress

    Returns
    -------
    n_rounds : int
    """
    standing = progress.recall(chain)
    if standing is None:
        standing = _Standing(None, _copies(states), loss(), 0, 0, is_over=False)
    else:
        _copy(standing.now, states)
    _, best, least, best_round, n_rounds, is_over = standing
    if n_rounds < max_rounds and not is_over:
        best = _copies(best)
        progress.start_anew(chain)
    while n_rounds < max_rounds and not is_over:
        grow()
        n_rounds, now = n_rounds + 1, loss()
        if now < least:
            least, best_round = now, n_rounds
            _copy(states, best)
        is_over = n_rounds - best_round >= PATIENCE
    if progress.is_kept:
        own = (best, least, best_round, n_rounds, is_over)
        progress.keep(chain, _Standing(_copies(states), *own))
    _copy(best, states)
    return best_round


def _copies(states):
    return [[array.copy() for array in state] for state in states]


def _copy(sources, targets):
    for source, target in zip(sources, targets, strict=True):
        for ours, theirs in zip(source, target, strict=True):
            np.copyto(theirs, ours)


def _out_of_fold(boosters, score_of):
    """Return scores of all rows, each by the booster that did not learn from it."""
    scores = boosters[0].score.copy()
    for booster in boosters:
        scores[booster.held_out] = score_of(booster)[booster.held_out]
    return scores


def _majority_score(booster):
    """Return what scores would be if every task were like the majority."""
    if booster.mixture is None:
        return booster.score
    return booster.score - booster.mixture.head()


def _choose_own(problem, boosters, score):
    """Choose how the trees of single tasks grow.

    Every task chooses by its own loss on rows held out and, as if these were
    ``PRIOR_TASK_ROWS`` more, by the mean of all tasks that share as it does. Where
    there are many tasks some of them choose a shrinkage for all.

    Returns
    -------
    own : _Own
    """
    counted = _held_out(problem, boosters)
    weight = np.bincount(problem.task, counted, problem.n_tasks)
    tried = np.array(SHRINKAGES)
    if problem.n_tasks > MOST_TASKS:
        known = np.flatnonzero(weight)
        places = np.linspace(0, known.size - 1, min(known.size, MOST_TASKS))
        some = known[places.astype(np.int64)]
        curves = [_own_curve(problem, boosters, score, s, some) for s in tried]
        least = [curve.sum(axis=0).min() for curve in curves]
        tried = tried[[np.argmin(least)]]
    curves = np.stack([_own_curve(problem, boosters, score, s) for s in tried], axis=1)
    judged, shares = np.empty_like(curves), boosters[0].shares
    for tasks in (shares, ~shares):
        pooled = curves[tasks].sum(axis=0) / max(weight[tasks].sum(), 1e-300)
        judged[tasks] = curves[tasks] + PRIOR_TASK_ROWS * pooled
    judged = judged.reshape(problem.n_tasks, -1)
    way, n_rounds = np.divmod(judged.argmin(axis=1), curves.shape[2])
    curve = curves[np.arange(problem.n_tasks), way]
    return _Own(tried[way], n_rounds, curve, judged.min(axis=1))


def _are_better_alone(problem, boosters, null, shared_loss):
    """Return whether tasks do much better with trees from their intercepts alone."""
    loss = _choose_own(problem, boosters, null).loss
    return loss < (1.0 - WORTH_LEAVING) * shared_loss


def _own_curve(problem, boosters, score, shrinkage, tasks=None):
    """Return the summed loss of the rows of tasks held out, after each round."""
    n_rounds = min(problem.max_rounds, MOST_OWN_ROUNDS, MOST_ROUNDS // problem.n_tasks)
    n_rounds = n_rounds if problem.n_tasks > 1 else 0
    known = (problem, score, shrinkage, n_rounds)
    return sum(_boost_others(*known, booster, tasks).curve for booster in boosters)


def _boost_others(problem, score, shrinkage, n_rounds, booster, tasks=None):
    """Boost tasks on rows of a booster, and score those it does not learn from."""
    last = (booster.part, PATIENCE, tasks)
    return boost_own(problem, score, shrinkage, n_rounds, *last)


def _with_own(problem, boosters, score, shrinkage, n_rounds):
    """Return scores out of fold with trees of tasks; NaN of rows nobody held out."""
    found, codes, task = np.full_like(score, np.nan), problem.table.codes, problem.task
    for booster in boosters:
        rows = np.flatnonzero(booster.held_out)
        known = (shrinkage, int(n_rounds.max()))
        grown = _boost_others(problem, score, *known, booster)
        own = score[rows]
        trees = grown.task_trees.truncate(n_rounds)
        add_task_trees(trees, codes[rows], task[rows], own)
        found[rows] = own
    return found


def _held_out(problem, boosters):
    """Return the weight of each row, or 0 if no booster held it out."""
    counted = np.zeros(problem.n_rows)
    for booster in boosters:
        counted[booster.held_out] = problem.row_weight[booster.held_out]
    return counted


def _judge(blocks, problem, boosters, null, majority, curve):
    """Return blocks with what rows that were held out say of the tasks."""
    counted = _held_out(problem, boosters)
    weight = np.bincount(problem.task, counted, problem.n_tasks)
    null_loss = _task_losses(problem, null, counted)
    shared_loss = _task_losses(problem, majority, counted)
    scale = outlier_scale(shared_loss, null_loss, weight)
    n_rounds = np.minimum(blocks.n_rounds["task_trees"], curve.shape[1] - 1)
    own = curve[np.arange(n_rounds.size), n_rounds]
    unknown = np.full(problem.n_tasks, np.nan)
    alike = blocks.shares if weight[blocks.shares].any() else weight > 0.0
    pooled = curve[alike].sum(axis=0) / weight[alike].sum()
    recipe = blocks.recipe._replace(curve=pooled, scale=scale)
    return blocks._replace(
        outlier_scores=scale.scores(shared_loss, null_loss),
        task_loss=np.divide(own, weight, out=unknown, where=weight > 0.0),
        recipe=recipe,
    )


def _task_losses(problem, score, weight):
    """Return the summed loss of each task."""
    ends = problem.offsets
    return np.array(
        [
            problem.loss.value(problem.y[a:b], score[a:b], weight[a:b])
            for a, b in pairwise(ends)
        ]
    )
