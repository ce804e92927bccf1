"""One metric in every task, and the table that comes of it."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from inspect import signature
from typing import Any, NamedTuple

import numpy as np
from sklearn import metrics
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.utils.validation import check_consistent_length

from ._labels import build_vocabulary, read_labels
from ._sklearn_compat import scorer_parts
from ._targets import is_observed, name_tasks

# These compare with the spread of the targets, or rank one class against another:
# where all targets are equal scikit-learn returns NaN, zero or one, with or without a
# warning.
NEED_VARIATION = (
    metrics.r2_score,
    metrics.explained_variance_score,
    metrics.d2_absolute_error_score,
    metrics.d2_pinball_score,
    metrics.d2_tweedie_score,
    metrics.roc_auc_score,
    metrics.average_precision_score,
    metrics.matthews_corrcoef,
    metrics.cohen_kappa_score,
)


class Metric(NamedTuple):
    """A function of targets and predictions, and how to call it.

    Attributes
    ----------
    function : callable
        Called as ``function(y_true, y_pred, **kwargs)``.
    sign : int
        1 if greater is better and -1 if not: signed scores are always the greater the
        better.
    kwargs : dict
    response_method : str or sequence of str
        The method of an estimator that gives ``y_pred``; of several the first it has.
    """

    function: Callable[..., Any]
    sign: int
    kwargs: dict
    response_method: object

    def accepts(self, name):
        """Return whether the function has a parameter of this name."""
        return name in signature(self.function).parameters

    def default(self, name):
        """Return the value that an argument has if nobody sets it."""
        return self.kwargs.get(name, signature(self.function).parameters[name].default)

    def filled(self, **kwargs):
        """Return the metric with arguments that it takes and that are not yet set."""
        new = {k: v for k, v in kwargs.items() if self.accepts(k)}
        set_by_user = {k: v for k, v in self.kwargs.items() if v is not None}
        return self._replace(kwargs={**new, **set_by_user})

    def score(self, y, prediction, weight):
        """Return the signed score, NaN where the metric has no value."""
        if self.function in NEED_VARIATION and (y == y[0]).all():
            return np.nan
        weights = {} if weight is None else {"sample_weight": weight}
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            value = float(self.function(y, prediction, **self.kwargs, **weights))
        if not np.isfinite(value):
            caught = [w for w in caught if w.category is not UndefinedMetricWarning]
        for warning in caught:
            warnings.warn(warning.message, warning.category, stacklevel=3)
        return self.sign * value if np.isfinite(value) else np.nan


def as_metric(metric, sign, response_method, kwargs):
    """Return the record of a function, or of scikit-learn's scorer of that name."""
    if not isinstance(metric, str):
        if not callable(metric):
            raise TypeError(f"metric must be a name or a function, got {metric!r}.")
        return Metric(metric, sign, kwargs, response_method)
    function, sign, named_kwargs, response_method = scorer_parts(metric)
    return Metric(function, sign, {**named_kwargs, **kwargs}, response_method)


@dataclass(frozen=True, eq=False, repr=False)
class TaskScores:
    """A score for every task.

    It prints as a table, gives the score of a task by its label, and averages over
    tasks.

    Parameters
    ----------
    task : ndarray of shape (n_tasks,)
        The tasks' labels.
    n_samples : ndarray of shape (n_tasks,)
        Rows that each score rests on: observed, and of positive weight.
    weight : ndarray of shape (n_tasks,)
        Sum of their weights.
    score : ndarray of shape (n_tasks,)
        The scores, NaN where a task has none.

    See Also
    --------
    task_scores : Computes them from predictions.
    make_task_scorer : Computes them from an estimator, for model selection.

    Examples
    --------
    >>> from sklearn.metrics import mean_absolute_error
    >>> from skmtl.metrics import task_scores
    >>> task = ["a", "a", "b"]
    >>> scores = task_scores([1, 2, 3], [1, 3, 3], task, metric=mean_absolute_error)
    >>> scores
    task  n_samples  score
       a          2    0.5
       b          1      0
    >>> scores["a"]
    0.5
    >>> scores.average("weighted")
    0.333...
    """

    task: np.ndarray
    n_samples: np.ndarray
    weight: np.ndarray
    score: np.ndarray

    def average(self, kind="macro"):
        """Summarize the scores that are defined.

        Parameters
        ----------
        kind : {"macro", "weighted", "worst"}, default="macro"
            The mean over tasks, the mean weighted by their rows (or sample weights), or
            the lowest score.

        Returns
        -------
        score : float
            NaN if no task has a score.
        """
        defined = ~np.isnan(self.score)
        if not defined.any():
            return np.nan
        score, weight = self.score[defined], self.weight[defined]
        if kind == "worst":
            return float(score.min())
        return float(np.average(score, weights=weight if kind == "weighted" else None))

    def to_dict(self):
        """Return the scores by label.

        Returns
        -------
        scores : dict
            NaN where a task has none.
        """
        return dict(zip(self.task.tolist(), self.score.tolist(), strict=True))

    def to_frame(self):
        """Return the table as a pandas DataFrame.

        Returns
        -------
        frame : DataFrame
            Columns ``task``, ``n_samples``, ``weight`` and ``score``.
        """
        import pandas

        return pandas.DataFrame(dict(vars(self)))

    def __len__(self):
        """Return the number of tasks."""
        return self.task.size

    def __getitem__(self, label):
        """Return one task's score."""
        return self.to_dict()[label]

    def __repr__(self):
        """Return the table as text, shortened in the middle."""
        rows = [
            (str(label), str(n), f"{score:.6g}")
            for label, n, score in zip(
                self.task.tolist(), self.n_samples, self.score, strict=True
            )
        ]
        if len(rows) > 20:
            rows = rows[:10] + [("...",) * 3] + rows[-10:]
        rows = [("task", "n_samples", "score"), *rows]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(
                cell.rjust(width) for cell, width in zip(row, widths, strict=True)
            )
            for row in rows
        ]
        return "\n".join(lines)


def score_rows(metric, y, prediction, task, weight, min_samples):
    """Return the scores of tasks given by a label for each row."""
    check_consistent_length(y, prediction, task, weight)
    y, prediction = np.asarray(y), np.asarray(prediction)
    tasks, code = build_vocabulary(read_labels(task))
    rows = np.argsort(code, kind="stable")
    rows = rows if weight is None else rows[weight[rows] > 0]
    ends = np.cumsum(np.bincount(code[rows], minlength=tasks.size))[:-1]
    cells = [
        (metric, y[part], prediction[part], None if weight is None else weight[part])
        for part in np.split(rows, ends)
    ]
    return score_cells(tasks, cells, min_samples)


def score_columns(columns, names, y, weight, min_samples):
    """Return the scores of tasks given by the columns of y.

    ``columns`` holds for each task its metric and its predictions of all rows.
    """
    observed, y = is_observed(y), y.T
    if weight is not None:
        observed &= (weight > 0)[:, None]
    cells = []
    for t, (metric, prediction) in enumerate(columns):
        rows = np.flatnonzero(observed[:, t])
        target = np.array(y[t][rows].tolist())
        part = None if weight is None else weight[rows]
        cells.append((metric, target, np.asarray(prediction)[rows], part))
    return score_cells(name_tasks(names), cells, min_samples)


def score_cells(tasks, cells, min_samples):
    """Return the scores of tasks from the metric, targets and predictions of each."""
    n_samples = np.array([len(y) for _, y, _, _ in cells])
    weight = [len(y) if w is None else w.sum() for _, y, _, w in cells]
    enough = n_samples >= max(min_samples, 1)
    score = [
        metric.score(y, prediction, w) if known else np.nan
        for (metric, y, prediction, w), known in zip(cells, enough, strict=True)
    ]
    return TaskScores(tasks, n_samples, np.array(weight, float), np.array(score, float))
