"""The score of every task, by one model or several."""

from itertools import cycle

import numpy as np
from sklearn.base import is_classifier

from .._task_scores import as_metric
from ..metrics import make_task_scorer, task_scores
from ._canvas import MARKERS, Display, ink, quiet, series_colours
from ._estimators import find_task_feature, named_estimators
from ._names import counted, name_rows, points_apart, shorten, show_legend


class TaskScoreDisplay(Display):
    """A dot for every task and model: who predicts which task how well.

    Tasks are sorted by the first model's score, and a line joins the dots of a task.
    The area of a dot says how many rows its score rests on. Where there are too many
    tasks to name, every task keeps its dots and those at both ends are named.

    Parameters
    ----------
    tasks : ndarray of shape (n_tasks,)
        Labels of the tasks.
    scores : dict of str to ndarray of shape (n_tasks,)
        Scores by the name of the model; NaN where a task has none.
    n_samples : ndarray of shape (n_tasks,)
        Rows that scores rest on.
    metric : str
        What the scores are.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn in.
    figure_ : matplotlib Figure
        Their figure.

    See Also
    --------
    TaskGainDisplay : What a model gains over a baseline, by the size of tasks.
    skmtl.metrics.task_scores : The scores as a table.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.linear_model import Ridge
    >>> from skmtl import IndependentTasks, PooledTasks
    >>> from skmtl.datasets import make_task_deviations
    >>> from skmtl.plotting import TaskScoreDisplay
    >>> X, y = make_task_deviations(n_tasks=5, return_X_y=True, random_state=0)
    >>> models = {
    ...     "one each": IndependentTasks(Ridge(), task_feature="task").fit(X, y),
    ...     "one for all": PooledTasks(Ridge(), task_feature="task").fit(X, y),
    ... }
    >>> display = TaskScoreDisplay.from_estimator(models, X, y)
    >>> display.ax_.get_xlabel()
    'root mean squared error (less is better)'
    >>> plt.close(display.figure_)
    """

    def __init__(self, *, tasks, scores, n_samples, metric):
        self.tasks = tasks
        self.scores = scores
        self.n_samples = n_samples
        self.metric = metric

    @classmethod
    def from_estimator(
        cls, estimator, X, y, *, metric=None, task_feature=None, ax=None, **options
    ):
        """Score fitted estimators on rows, and draw the scores.

        Parameters
        ----------
        estimator : estimator or dict of str to estimator
            A fitted estimator, or several by name. Any of scikit-learn's will do.
        X : table of shape (n_samples, n_features)
            Rows that they were not fitted to, with the task column.
        y : array of shape (n_samples,) or (n_samples, n_tasks)
            True targets.
        metric : str or callable, default=None
            As in :func:`~skmtl.metrics.make_task_scorer`. None is the root mean squared
            error, for classifiers the accuracy.
        task_feature : str, int or None, default=None
            The task's column in X. None takes what an estimator names, or the columns
            of a two-dimensional ``y`` for tasks.
        ax : matplotlib Axes, default=None
            Axes to draw in; None makes a figure.
        **options : dict
            Passed to :func:`~skmtl.metrics.make_task_scorer`, such as
            ``response_method`` or ``min_samples``.

        Returns
        -------
        display : TaskScoreDisplay
            What was drawn.
        """
        models = named_estimators(estimator)
        if task_feature is None:
            task_feature = find_task_feature(models.values(), y)
        metric = default_metric(models) if metric is None else metric
        scorer = make_task_scorer(metric, task_feature=task_feature, **options)
        tables = {name: scorer.table(model, X, y) for name, model in models.items()}
        return cls._of_tables(tables, metric, options).plot(ax=ax)

    @classmethod
    def from_predictions(cls, y_true, y_pred, task=None, *, metric, ax=None, **options):
        """Score predictions, and draw the scores.

        Parameters
        ----------
        y_true : array of shape (n_samples,) or (n_samples, n_tasks)
            True targets.
        y_pred : array, or dict of str to array
            Predictions, or those of several models by name.
        task : array of shape (n_samples,), default=None
            The task of each row; None if tasks are columns of ``y_true``.
        metric : str or callable
            As in :func:`~skmtl.metrics.task_scores`.
        ax : matplotlib Axes, default=None
            Axes to draw in; None makes a figure.
        **options : dict
            Passed to :func:`~skmtl.metrics.task_scores`.

        Returns
        -------
        display : TaskScoreDisplay
            What was drawn.
        """
        named = y_pred if isinstance(y_pred, dict) else {"model": y_pred}
        tables = {
            str(name): task_scores(y_true, one, task, metric=metric, **options)
            for name, one in named.items()
        }
        return cls._of_tables(tables, metric, options).plot(ax=ax)

    @classmethod
    def _of_tables(cls, tables, metric, options):
        first = next(iter(tables.values()))
        sign = -1.0 if is_loss(metric, options) else 1.0
        return cls(
            tasks=first.task,
            scores={name: sign * table.score for name, table in tables.items()},
            n_samples=first.n_samples,
            metric=metric_label(metric, options),
        )

    def plot(self, *, ax=None):
        """Draw the scores.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw in; None makes a figure.

        Returns
        -------
        self : TaskScoreDisplay
            The display.
        """
        scores = np.array(list(self.scores.values()), dtype=float)
        known = np.flatnonzero(np.isfinite(scores).any(axis=0))
        if known.size == 0:
            raise ValueError(
                f"Nothing to draw: none of {len(self.tasks)} tasks has a score "
                f"({self.metric}). See the notes of make_task_scorer."
            )
        order = known[np.argsort(scores[0, known], kind="stable")]
        scores, rows = scores[:, order], np.arange(order.size)
        ax = self._open(ax, n_rows=order.size)
        ax.set_ylim(-0.7, order.size - 0.3)
        ends = np.nanmin(scores, axis=0), np.nanmax(scores, axis=0)
        ax.hlines(rows, *ends, color=ink(ax), alpha=0.25, linewidth=1, zorder=1)
        self._draw_dots(ax, scores, self.n_samples[order])
        self._describe(ax, len(self.tasks) - order.size)
        quiet(ax)
        name_rows(ax, np.asarray(self.tasks)[order])
        return self

    def _draw_dots(self, ax, scores, n_samples):
        area = float(np.clip(points_apart(ax) ** 2, 10.0, 64.0))
        size = area * np.maximum(n_samples / n_samples.max(), 0.12)
        colours, markers = series_colours(len(scores), ax), cycle(MARKERS)
        for name, values, colour, marker in zip(
            self.scores, scores, colours, markers, strict=False
        ):
            rows = np.arange(values.size)
            ax.scatter(
                values, rows, s=size, marker=marker, color=colour, alpha=0.85, zorder=2
            )
            mean = np.nanmean(values) if np.isfinite(values).any() else np.nan
            ax.axvline(mean, color=colour, linestyle=":", linewidth=1.2, zorder=0)
            ax.plot(
                [],
                [],
                marker,
                color=colour,
                label=f"{shorten(name)} (mean {mean:.3g})",
            )
        low, high = n_samples.min(), n_samples.max()
        sizes = f"{low} rows each" if low == high else f"area: {low} to {high} rows"
        show_legend(ax, outside=self._outside, title=sizes)

    def _describe(self, ax, n_unknown):
        label = self.metric
        if n_unknown:
            label += f"\n{counted(n_unknown, 'task')} without a score not shown"
        ax.set_xlabel(label)


def default_metric(models):
    """Return the metric for models of which nothing else is asked."""
    classify = any(is_classifier(model) for model in models.values())
    return "accuracy" if classify else "neg_root_mean_squared_error"


def is_loss(metric, options):
    """Return whether scores of a metric are losses with their sign changed."""
    if isinstance(metric, str):
        return as_metric(metric, 1, None, {}).sign < 0
    return not options.get("greater_is_better", True)


def metric_label(metric, options):
    """Return what the axis of a metric is called."""
    name = metric if isinstance(metric, str) else getattr(metric, "__name__", "score")
    name = name.removeprefix("neg_").replace("_", " ")
    name = {"r2": "R²"}.get(name, name)
    return f"{name} (less is better)" if is_loss(metric, options) else name
