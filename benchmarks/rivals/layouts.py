"""One method for rows with a task and for targets side by side."""

from functools import wraps

import numpy as np
import pandas as pd

from benchmarks.accuracy_tables import Lesson

SEED = 0


def stacked(fit):
    """Let a method for rows with a task take targets side by side, one below another.

    Which target a row is of is its task then.
    """

    @wraps(fit)
    def either(lesson):
        if lesson.task is not None:
            return fit(lesson)
        predict, names = fit(stack(lesson)), lesson.tasks

        def side_by_side(X, task=None):
            columns = [predict(X, np.full(len(X), name)) for name in names]
            return np.column_stack(columns)

        return side_by_side

    return either


def stack(lesson):
    """Return the observed targets of a lesson one below another."""
    target, row = np.nonzero(~np.isnan(lesson.y.T))
    return Lesson(
        lesson.X.iloc[row].reset_index(drop=True),
        lesson.y[row, target],
        lesson.tasks[target],
        lesson.kind,
        row,
        lesson.threads,
    )


def separate(fit, fewest=6):
    """Return a method that uses another for each task by itself.

    A task with fewer rows, or with one class, is predicted by a constant.
    """

    def each(lesson):
        models = {}
        for t, name in enumerate(lesson.tasks):
            own = task_alone(lesson, t, name)
            simple = own.y.size < fewest or np.unique(own.y).size < 2
            models[name] = constant(own) if simple else fit(own)

        def predict(X, task):
            if task is None:
                columns = [models[name](X, None) for name in lesson.tasks]
                return np.column_stack(columns)
            prediction = np.empty(len(X))
            for name in np.unique(task):
                rows = np.flatnonzero(task == name)
                prediction[rows] = models[name](X.iloc[rows], None)
            return prediction

        return predict

    return each


def task_alone(lesson, t, name):
    """Return the observed rows of one task as a lesson without tasks."""
    y = lesson.y if lesson.y.ndim == 1 else lesson.y[:, t]
    chosen = ~np.isnan(y) if lesson.task is None else lesson.task == name
    rows = np.flatnonzero(chosen)
    X = lesson.X.iloc[rows].reset_index(drop=True)
    return lesson._replace(X=X, y=y[rows], task=None, row=None)


def constant(lesson):
    """Predict the mean; half a row of each class keeps probabilities inside."""
    value = np.mean(lesson.y) if lesson.y.size else 0.0
    if lesson.kind == "binary":
        value = (np.sum(lesson.y) + 0.5) / (lesson.y.size + 1.0)
    return lambda X, task: np.full(len(X), value)


def folds(lesson, most=5):
    """Return splits of a lesson's rows, even within tasks and classes.

    Targets of the same row stay together, as they do between training and test.
    """
    rng, n_rows = np.random.default_rng(SEED), len(lesson.y)
    n_folds = min(most, n_rows)
    if lesson.row is not None:
        dealt = rng.permutation(lesson.row.max() + 1) % n_folds
        fold = dealt[lesson.row]
    else:
        order, fold = rng.permutation(n_rows), np.empty(n_rows, int)
        strata = np.zeros(n_rows, int)
        if lesson.task is not None:
            strata = np.unique(lesson.task, return_inverse=True)[1]
        if lesson.kind == "binary":
            strata = 2 * strata + (lesson.y > 0)
        fold[order[np.argsort(strata[order], kind="stable")]] = (
            np.arange(n_rows) % n_folds
        )
    pairs = [
        (np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(n_folds)
    ]
    return [pair for pair in pairs if pair[1].size]


def telling(lesson):
    """Return the features with the task as a category, if there is one, and a reader.

    The reader makes the same table of other rows.
    """
    if lesson.task is None:
        return lesson.X, lambda X, task: X
    names = lesson.tasks

    def read(X, task):
        return X.assign(task=pd.Categorical(task, categories=names))

    return read(lesson.X, lesson.task), read
