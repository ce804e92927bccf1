"""Scores learned by clones of an estimator that take turns at not seeing rows.

Clones and heads of tasks take turns, too: a clone learns what heads leave for it, and
heads are fitted to scores of rows that the clones did not learn from.
"""

from typing import NamedTuple

import numpy as np
from sklearn.utils.parallel import Parallel, delayed

from .._kernels.heads import LEARNED, UNUSED
from .._kernels.losses import LOGISTIC, SQUARED
from .._sklearn_compat import safe_indexing
from ._heads import first_heads, gather_evidence, growing_slopes, improve
from ._problem import Problem

# Turns that clones and heads take at most, and what one must take off the loss.
MOST_TURNS, WORTH_A_TURN = 4, 0.001
# What another score must take off the loss to stay.
WORTH_A_SCORE = 0.005
# Where slopes of a further score start.
LATER_SLOPE = 0.3
# Slopes nearer to zero are as good as this one: targets are divided by slopes.
FLATTEST = 0.1
# Weights of tasks for a clone that learns what earlier scores leave.
LIGHTEST, HEAVIEST = 0.02, 5.0
# Steps that heads take at most until they move less than this.
SETTLING_STEPS, AT_REST = 30, 1e-3


class Lesson(NamedTuple):
    """What clones learn from, all tasks after each other.

    Attributes
    ----------
    problem : Problem
        Its ``learns`` are the rows that heads may learn from.
    X : table
        As the user passed it, without the task.
    row : int64 array of shape (n_rows,)
        Row of X of each row of the problem.
    learned : list of int64 arrays
        Rows that the clone of each split learns from.
    n_jobs : int or None
    """

    problem: Problem
    X: object
    row: np.ndarray
    learned: list
    n_jobs: int | None

    def table(self, view, rows):
        """Return rows as an estimator sees them."""
        features = safe_indexing(self.X, self.row[rows], axis=0)
        return view.table(features, self.problem.task[rows])

    def run(self, jobs):
        """Return the results of delayed calls."""
        return Parallel(n_jobs=self.n_jobs)(jobs)


class Teacher(NamedTuple):
    """What decides the targets of clones.

    Attributes
    ----------
    heads : list of Heads
        Those of each split, and of all rows together.
    task_weight : float64 array of shape (n_tasks,)
    """

    heads: list
    task_weight: np.ndarray


class Learned(NamedTuple):
    """Scores learned by the clones of one source, and heads on them.

    Attributes
    ----------
    clones : list of lists
        For each score the clones, one for each split.
    teachers : list of Teacher
        For each score that of its clones.
    out_of_fold : float64 array of shape (n_scores, n_rows, n_outputs)
        Scores of rows by clones that did not learn from them.
    heads : list of Heads
        Those of each split, and of all rows together.
    evidence : list of Evidence
    """

    clones: list
    teachers: list
    out_of_fold: np.ndarray
    heads: list
    evidence: list

    @property
    def loss(self):
        """Loss of the rows that splits score, by heads that did not learn from them."""
        return sum(evidence.scored_loss.sum() for evidence in self.evidence[:-1])

    def total(self, problem):
        """Return what heads that did not learn from a row make of its scores."""
        task, fold = problem.task, problem.fold
        total = np.empty(self.out_of_fold.shape[1:])
        for split, heads in enumerate(self.heads):
            rows = fold == (split if split < problem.n_folds else -1)
            total[rows] = heads.apply(self.out_of_fold[:, rows], task[rows])
        return total


def cross_fit(lesson, source, fewest_scores, most_scores):
    """Return scores and heads.

    Parameters
    ----------
    lesson : Lesson
    source : Source
    fewest_scores, most_scores : int
        Scores beyond the fewest stay only where they pay.

    Returns
    -------
    learned : Learned
    """
    problem = lesson.problem
    shape = (0, problem.n_rows, problem.loss.n_outputs)
    start = first_heads(problem.loss, problem.y, problem.weight, problem.n_tasks)
    heads = [start] * (problem.n_folds + 1)
    learned = _settled(problem, Learned([], [], np.zeros(shape), heads, []))
    for n_scores in range(most_scores):
        longer = _with_score(lesson, source, learned)
        pays = longer.loss < learned.loss - WORTH_A_SCORE * abs(learned.loss)
        if n_scores >= fewest_scores and not pays:
            break
        learned = longer
    return learned


def teach_all(lesson, source, learned):
    """Return for each score a clone that learned it from all rows."""
    everything = np.arange(lesson.problem.n_rows)
    table = lesson.table(source.view, everything)
    jobs = []
    for teacher in learned.teachers:
        target, weight = working_targets(lesson.problem, teacher, -1)
        jobs.append(delayed(source.learn)(-1, table, target, weight))
    return lesson.run(jobs)


def _with_score(lesson, source, learned):
    """Return scores with one more, after as many turns as pay."""
    problem, is_first = lesson.problem, not learned.clones
    alike = np.ones(problem.n_tasks)
    slope = 1.0 if is_first else LATER_SLOPE
    heads, best = [own.with_score(slope) for own in learned.heads], None
    teacher = Teacher(heads, alike if is_first else _excess(learned))
    for _ in range(MOST_TURNS if problem.n_tasks > 1 else 1):
        found = _settled(problem, _taught(lesson, source, learned, teacher))
        if best is not None and not found.loss < best.loss * (1.0 - WORTH_A_TURN):
            break
        best, teacher = found, Teacher(found.heads, alike)
    return best


def _taught(lesson, source, learned, teacher):
    """Return scores with one more, which clones learn once."""
    problem, jobs, asked = lesson.problem, [], []
    for k, rows in enumerate(lesson.learned):
        target, weight = working_targets(problem, teacher, k)
        # Rows that no split scores are shown to the first clone.
        asked.append(np.flatnonzero(problem.fold == k if k else problem.fold < 1))
        tables = (lesson.table(source.view, part) for part in (rows, asked[-1]))
        own = k, *tables, target[rows], weight[rows]
        jobs.append(delayed(_learn_and_score)(source, *own))
    score = np.zeros((1, problem.n_rows, problem.loss.n_outputs))
    clones = []
    for rows, (fitted, part) in zip(asked, lesson.run(jobs), strict=True):
        clones.append(fitted)
        score[0, rows] = part
    return Learned(
        [*learned.clones, clones],
        [*learned.teachers, teacher],
        np.concatenate([learned.out_of_fold, score]),
        teacher.heads,
        [],
    )


def _learn_and_score(source, k, table, query, target, weight):
    fitted = source.learn(k, table, target, weight)
    return fitted, source.score(fitted, query)


def working_targets(problem, teacher, k):
    r"""Return what a clone is to learn of each row, and how much that matters.

    With the squared loss the error of :math:`a + b s(x)` is :math:`b^2` times that of
    :math:`s(x)` about :math:`(y - a) / b`: an ordinary regression. Classes cannot be
    divided. Where two of them are seen through a negative slope, each stands for the
    other; and rows count by the square of their slope, the share of it in the curvature
    of the loss.

    Earlier scores are not taken off the target of a later one, which therefore learns
    tasks that these describe badly. What they leave of a row depends on the targets of
    all other rows, as its clone learned from them: a score of such remainders, seen
    through a negative slope, would tell the noise of rows that are held out.

    Parameters
    ----------
    problem : Problem
    teacher : Teacher
        The last slopes of its heads are those of the score to be learned.
    k : int
        A split, or -1 for all rows.
    """
    task, loss = problem.task, problem.loss
    theta = growing_slopes(teacher.heads[k])
    slope = theta[:, -1]
    size = np.maximum(np.abs(slope), FLATTEST)
    if loss.code not in (SQUARED, LOGISTIC):
        size = np.maximum(slope, FLATTEST)
    slope = np.where(slope < 0.0, -size, size)
    weight = problem.row_weight * (teacher.task_weight * size**2)[task]
    if loss.code == SQUARED:
        return (problem.y - theta[task, 0]) / slope[task], weight
    if loss.code == LOGISTIC:
        return np.where(slope[task] < 0.0, 1.0 - problem.y, problem.y), weight
    return problem.y, weight


def settle(problem, part, heads, scores):
    """Return heads that rest, and what rows say of them."""
    rows = (problem.y, problem.weight, problem.offsets, part)

    def ask(heads):
        return gather_evidence(problem.loss, *rows, heads, scores)

    evidence = ask(heads)
    # Far from its minimum the log loss is no parabola that bears several steps: a slope
    # that has the wrong sign would be sent beyond it.
    for _ in range(SETTLING_STEPS):
        heads, distance = improve(heads, evidence, problem.loss, ask)
        evidence = ask(heads)
        if distance < AT_REST:
            break
    return heads, evidence


def _settled(problem, learned):
    """Return scores with heads that rest."""
    everything = np.where(problem.fold >= 0, LEARNED, UNUSED).astype(np.uint8)
    parts = zip([*problem.parts, everything], learned.heads, strict=True)
    found = [settle(problem, *own, learned.out_of_fold) for own in parts]
    heads, evidence = map(list, zip(*found, strict=True))
    return learned._replace(heads=heads, evidence=evidence)


def _excess(learned):
    """Return weights of tasks by how much worse they are fitted than most.

    Their mean is one over the tasks, for estimators whose penalty has a scale.
    """
    weight, misfit = sum(evidence.value[3:] for evidence in learned.evidence[:-1])
    size = misfit / np.maximum(weight, 1e-300)
    usual = np.median(size[weight > 0])
    excess = np.clip(size / max(usual, 1e-300) - 1.0, LIGHTEST, HEAVIEST)
    return excess / excess.mean()
