"""Out-of-fold answers of structures, as long as a structure can still win."""

import logging
import warnings
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from ._blend import Answers, clearly_worse, share_beside
from ._structures import BY_FOLDS, ONE_FOR_ALL, ask, boosting, clone_with, fit_rows
from .exceptions import TaskColumnWarning

LOGGER = logging.getLogger("skmtl")
# After each fold a structure is given up if it is worse than the leader by this many
# standard errors, and the two mixed would hardly be better than the leader alone.
CLEARLY, HARDLY = 3.0, 0.05
# Against these it is measured what tasks gain, and which are unlike the others.
KEPT = {"independent", "pooled"}
# Structures of less weight keep the strengths that were chosen on the first fold.
CHOOSES_ANEW = 0.25
# Held-out targets of fewer rows say little.
FEWEST_CELLS = 30


class Course(NamedTuple):
    """What structures run on.

    Attributes
    ----------
    sample : Sample
    splits : list of (train, test)
    fold : int64 array of shape (n_rows,)
        The split in which a row's held-out answer counts, or -1.
    row, task : int64 arrays of shape (n_cells,)
        Observed targets that some split holds out.
    """

    sample: object
    splits: list
    fold: np.ndarray
    row: np.ndarray
    task: np.ndarray

    def held(self, k):
        """Return the rows whose answers of one split count."""
        return np.flatnonzero(self.fold == k)

    def of_new_tasks(self):
        """Return whether fits have not seen the task of any row that judges them."""
        sample = self.sample
        if sample.wide:
            return False
        task = sample.design[:, -1]
        return not any(
            np.isin(task[self.held(k)], task[train]).any()
            for k, (train, _) in enumerate(self.splits)
        )

    def room(self):
        """Return an array for answers about all rows, with none in it yet."""
        sample, shape = self.sample, self.sample.y.shape
        if sample.n_classes and not sample.wide:
            shape = (*shape, sample.n_classes)
        return np.full(shape, np.nan)

    def answers(self, values):
        """Return what models say of held-out targets, from their answers by row."""
        sample, target = self.sample, np.ones(self.row.size)
        if not sample.n_classes:
            target = self._cells(sample.y)
        return Answers(
            np.column_stack([self._truth(part) for part in values]),
            target,
            sample.weight[self.row],
            self.task,
            self.fold[self.row],
            bool(sample.n_classes),
        )

    def _cells(self, values):
        return values[self.row, self.task] if self.sample.wide else values[self.row]

    def _truth(self, values):
        """Return answers about cells; of classes, the probability of the true one."""
        sample, values = self.sample, self._cells(values)
        if not sample.n_classes:
            return values
        true = self._cells(sample.y).astype(np.intp)
        if sample.wide:
            return np.where(true > 0, values, 1.0 - values)
        return values[np.arange(true.size), true]


def lay_out(sample, task, splits):
    """Return the course of a race.

    ``task`` is each row's task; a row that several splits hold out counts in the first
    of them.
    """
    fold = np.full(len(sample.y), -1)
    for k, (_, test) in reversed(list(enumerate(splits))):
        fold[test] = k
    if sample.wide:
        row, task = np.nonzero(~np.isnan(sample.y))
    else:
        row = np.arange(len(task))
    kept = fold[row] >= 0
    return Course(sample, splits, fold, row[kept], task[kept])


class FoldRunner:
    """A structure that is fitted without each fold in turn."""

    def __init__(self, structure, sample):
        self.name, self.settled = structure.name, structure.settled
        self.in_folds = structure.in_folds
        self.status = structure.refuse(sample) or ""
        self.estimator = structure.make(sample)
        self.error = None

    def answer(self, course, k):
        """Answer about a fold; the first one settles parameters for the others."""
        sample, rows = course.sample, course.held(k)
        if not k:
            self.values = course.room()
            self.fixed = clone_with(self.estimator, self.in_folds)
        fitted = fit_rows(self.fixed, sample, course.splits[k][0])
        said = ask(fitted, sample.design[rows], sample.n_classes, sample.wide)
        self.values[rows] = said
        if not k:
            names = [name for name in self.settled if hasattr(fitted, f"{name}_")]
            self.chosen = {name: getattr(fitted, f"{name}_") for name in names}
            self.fixed = clone_with(self.fixed, self.chosen)

    def model(self, course, weight):
        """Return the structure fitted to all rows, for a weight in the mixture."""
        estimator = self.estimator
        if weight < CHOOSES_ANEW:
            estimator = clone_with(estimator, self.chosen)
        return fit_rows(estimator, course.sample, np.arange(len(self.values)))


class BoostingRunner:
    """Boosting, whose own splits hold rows out: one fit answers about all folds."""

    name, status, error = "boosting", "", None

    def __init__(self, random_state, n_jobs):
        self.options = random_state, n_jobs

    def answer(self, course, k):
        """Answer about the first fold, and then about all of them at once."""
        if k < 2:
            self._boost(course, course.splits if k else course.splits[:1])

    def _boost(self, course, splits):
        sample = course.sample
        self.fitted = boosting(sample, splits, *self.options)
        y = sample.y
        y = y.astype(np.int64) if sample.n_classes and not sample.wide else y
        weights = sample.weights(slice(None))
        self.values = self.fitted._fit_held_out(sample.raw, y, **weights)

    def model(self, course, weight):
        """Return the boosters of all splits, which predict together."""
        # It has served, and is as long as the table.
        self.fitted.cv = None
        return self.fitted


def race(course, names, random_state, n_jobs, verbose):
    """Return a runner for each structure named.

    Those with an empty ``status`` have answered about all folds; the status of others
    says why they have not.
    """
    runners = [FoldRunner(s, course.sample) for s in BY_FOLDS if s.name in names]
    several = course.sample.n_tasks > 1
    if not several and "boosting" not in names and all(r.status for r in runners):
        # Of one task, all that share are one model for all rows.
        runners.append(FoldRunner(ONE_FOR_ALL, course.sample))
    if course.of_new_tasks():
        # A task's own model would be judged by what stands in for it.
        for runner in runners:
            if runner.name == "independent":
                runner.status = "rows held out are of tasks that it has not seen"
    if "boosting" in names:
        runners.append(BoostingRunner(random_state, n_jobs))
    for k in range(len(course.splits)):
        for runner in runners:
            _step(runner, course, k, verbose)
        _give_up(course, runners, k)
    failed = {runner.name: runner.error for runner in runners if runner.error}
    if all(runner.status for runner in runners):
        tried = "; ".join(f"{runner.name}: {runner.status}" for runner in runners)
        raise ValueError(f"No structure could be fitted. {tried}") from next(
            iter(failed.values()), None
        )
    for name, error in failed.items():
        warnings.warn(
            f"Structure {name!r} failed and is left out: {error}", stacklevel=5
        )
    return runners


def _step(runner, course, k, verbose):
    """Let a runner answer about a fold, and note if it cannot."""
    if runner.status:
        return
    try:
        with quietly():
            runner.answer(course, k)
    except (ValueError, ArithmeticError, np.linalg.LinAlgError) as error:
        runner.status, runner.error = f"failed: {error}", error
    if verbose:
        LOGGER.info(
            "%s: fold %d%s", runner.name, k, runner.status and f", {runner.status}"
        )


@contextmanager
def quietly():
    """Do not tell users of models that did not converge: held-out rows judge them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        # Users were told of the column when they passed it.
        warnings.simplefilter("ignore", TaskColumnWarning)
        yield


def _give_up(course, runners, k):
    """Stop runners that folds up to one show to be without hope."""
    running = [runner for runner in runners if not runner.status]
    if len(running) < 2 or k + 1 == len(course.splits):
        return
    answers = course.answers([runner.values for runner in running])
    answers = answers.of(answers.fold <= k)
    if answers.weight.sum() < FEWEST_CELLS:
        return
    leader = int(answers.mean(answers.losses()).argmin())
    worse = clearly_worse(answers, leader, CLEARLY)
    folds = f"{k + 1} folds" if k else "one fold"
    for j, runner in enumerate(running):
        # What boosting has said of all folds costs nothing more.
        kept = runner.name in KEPT or (runner.name == "boosting" and k)
        if worse[j] and not kept and share_beside(answers, j, leader) < HARDLY:
            runner.status = f"clearly worse than {running[leader].name} on {folds}"
