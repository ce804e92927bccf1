"""Any scikit-learn estimator as the source of a score that tasks share."""

from typing import NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_random_state
from sklearn.utils.validation import has_fit_parameter

from .._columns import append_category, append_indicators, mark_category
from .._sklearn_compat import num_samples
from .._wrapping import answer, fit_clone, named_targets
from ._base import Scale

# Probabilities closer to zero say no more: those of forests are often zero.
LEAST_PROBABILITY = 1e-4
# Tasks that are told as columns of their own where categories are not understood.
MOST_INDICATORS = 100


class Untold(NamedTuple):
    """Rows without their task."""

    is_told = False

    def table(self, X, task):
        """Return the table an estimator sees."""
        return X

    def marks(self, estimator, table):
        """Return parameters and ``fit`` arguments that belong to the table."""
        return {}, {}


class AsCategory(NamedTuple):
    """Rows with their task as a category.

    Attributes
    ----------
    labels : array of shape (n_named,)
        Tasks that are told.
    place : int array of shape (n_tasks + 1,)
        Where each task is among them, -1 if it is not; an unseen task comes last.
    name : str or None
        Name of the column in a frame.
    """

    labels: np.ndarray
    place: np.ndarray
    name: str | None
    is_told = True

    def table(self, X, task):
        """Return the table an estimator sees."""
        return append_category(X, self.place[task], self.labels, self.name)

    def marks(self, estimator, table):
        """Return parameters and ``fit`` arguments that belong to the table."""
        return mark_category(estimator, table)


class AsIndicators(NamedTuple):
    """Rows with one more column for each task, 1 in its rows and 0 elsewhere.

    Attributes
    ----------
    n_tasks : int
    """

    n_tasks: int
    is_told = True

    def table(self, X, task):
        """Return the table an estimator sees."""
        known = np.where(task < self.n_tasks, task, -1)
        return append_indicators(X, known, self.n_tasks)

    def marks(self, estimator, table):
        """Return parameters and ``fit`` arguments that belong to the table."""
        return {}, {}


def views(estimator, tasks, size, name):
    """Return how an estimator is shown rows: without tasks, and with if it can be.

    Parameters
    ----------
    estimator : estimator
    tasks : array of shape (n_tasks,)
        Their labels.
    size : array of shape (n_tasks,)
        Weight of their rows: where not all can be told apart, the largest are.
    name : str or None
        Name of the task column.
    """
    if tasks.size == 1:
        return [Untold()]
    parameters, most = estimator.get_params(), None
    if "categorical_features" in parameters:
        most = parameters.get("max_bins", 255)
    elif has_fit_parameter(estimator, "categorical_feature"):
        most = tasks.size
    if most is not None:
        named = np.sort(np.argsort(-size, kind="stable")[:most])
        place = np.full(tasks.size + 1, -1)
        place[named] = np.arange(named.size)
        return [Untold(), AsCategory(tasks[named], place, name)]
    # What stands inside another estimator may not be made for columns of ours.
    is_composed = any(hasattr(value, "fit") for value in parameters.values())
    if tasks.size > MOST_INDICATORS or is_composed:
        return [Untold()]
    return [Untold(), AsIndicators(tasks.size)]


class Language(NamedTuple):
    """How estimators are told targets, and how their answers become scores.

    Attributes
    ----------
    scale : Scale
        Units of the user's targets.
    classes : array or None
        None in a regressor.
    """

    scale: Scale
    classes: np.ndarray | None

    def targets(self, target):
        """Return targets as the user would write them."""
        if self.classes is not None:
            return named_targets(target, self.classes)
        return self.scale.centre + self.scale.size * target

    def score(self, fitted, table):
        """Return scores of rows, (n_rows, n_outputs): linear in what was learned.

        Predictions in units of scores, log-odds, or centred log-probabilities.
        """
        if self.classes is None:
            predicted = answer(fitted, table, "predict", None)
            return (predicted[:, None] - self.scale.centre) / self.scale.size
        if not hasattr(fitted, "predict_proba"):
            scores = answer(fitted, table, "decision_function", self.classes)
            return _bounded(scores)
        share = answer(fitted, table, "predict_proba", self.classes)
        logs = np.log(np.clip(share, LEAST_PROBABILITY, 1.0 - LEAST_PROBABILITY))
        if self.classes.size < 2:
            return np.zeros((len(logs), 1))
        if self.classes.size == 2:
            return logs[:, 1:] - logs[:, :1]
        return logs - logs.mean(axis=1, keepdims=True)


def _bounded(scores):
    """Return scores of a classifier without probabilities, one column for two classes.

    A class that was not there to be learned has the lowest number there is.
    """
    lowest = np.log(LEAST_PROBABILITY)
    if scores.ndim == 1:
        return scores[:, None]
    scores = np.maximum(scores, 2.0 * lowest)
    return scores - scores.mean(axis=1, keepdims=True)


class Source(NamedTuple):
    """What a score is learned with.

    Attributes
    ----------
    estimators : list
        What is cloned for each split, and last for all rows.
    view : Untold, AsCategory or AsIndicators
    language : Language
    weight_names : list of str
        Arguments of ``fit`` that take weights.
    """

    estimators: list
    view: object
    language: Language
    weight_names: list

    def learn(self, k, table, target, weight):
        """Return a clone of an estimator, fitted to rows of a table of this view."""
        parameters, arguments = self.view.marks(self.estimators[k], table)
        weighted = bool((weight != 1.0).any())
        return fit_clone(
            clone(self.estimators[k]).set_params(**parameters),
            table,
            self.language.targets(target),
            weight,
            self.weight_names if weighted else (),
            **arguments,
        )

    def score(self, fitted, table):
        """Return the scores of the rows of a table of this view."""
        if not num_samples(table):
            return np.zeros((0, self.n_outputs))
        return self.language.score(fitted, table)

    @property
    def n_outputs(self):
        """Scores of one row: as many as classes, if these are more than two."""
        classes = self.language.classes
        return 1 if classes is None or classes.size < 3 else classes.size


def seeded(estimator, random_state, n_copies):
    """Return copies of an estimator that differ in their random states, if one is set.

    Without a random state, all are as the user made them.
    """
    if random_state is None:
        return [estimator] * n_copies
    random_state = check_random_state(random_state)
    names = [
        name
        for name in sorted(estimator.get_params())
        if name == "random_state" or name.endswith("__random_state")
    ]
    copies = []
    for _ in range(n_copies):
        seeds = {name: random_state.randint(2**31 - 1) for name in names}
        copies.append(clone(estimator).set_params(**seeds))
    return copies
