"""What a model gains over a baseline in every task, by the size of tasks."""

import numpy as np
from sklearn.base import is_classifier
from sklearn.metrics import mean_squared_error
from sklearn.utils.validation import check_is_fitted

from .._task_scores import as_metric
from ..metrics import make_task_scorer, multitask_gain
from ._canvas import MANY, Display, ink, log_scale, quiet, series_colours
from ._estimators import find_task_feature, innermost
from ._names import counted, name_points

# Losses beyond two and a half times the baseline's are drawn at the edge.
LOWEST_SHOWN = -1.5


class TaskGainDisplay(Display):
    """A dot for every task: the share of a baseline's loss saved, by rows of the task.

    Tasks above the line at zero gain by the model; those below it would be served
    better by the baseline. Triangles at the lower edge are tasks far below it.

    Parameters
    ----------
    tasks : ndarray of shape (n_tasks,)
        Labels of the tasks.
    gains : ndarray of shape (n_tasks,)
        One less the model's loss over the baseline's; NaN where there is none.
    n_samples : ndarray of shape (n_tasks,)
        Sizes of the tasks: rows that the gains rest on, or any other.
    baseline : str, default="the baseline"
        What the model is compared with.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn in.
    figure_ : matplotlib Figure
        Their figure.

    See Also
    --------
    TaskScoreDisplay : Scores of several models.
    skmtl.metrics.multitask_gain : The gains as a table.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from skmtl.plotting import TaskGainDisplay
    >>> y_true, task = [1.0, 2.0, 3.0, 4.0], ["a", "a", "b", "b"]
    >>> together, alone = [1.0, 3.0, 3.0, 4.5], [1.0, 4.0, 3.0, 5.0]
    >>> display = TaskGainDisplay.from_predictions(y_true, together, alone, task)
    >>> display.gains
    array([0.75, 0.75])
    >>> plt.close(display.figure_)
    """

    def __init__(self, *, tasks, gains, n_samples, baseline="the baseline"):
        self.tasks = tasks
        self.gains = gains
        self.n_samples = n_samples
        self.baseline = baseline

    @classmethod
    def from_estimator(
        cls,
        estimator,
        baseline,
        X,
        y,
        *,
        metric=None,
        task_feature=None,
        n_samples=None,
        ax=None,
        **options,
    ):
        """Compare two fitted estimators on rows, and draw the gains.

        Parameters
        ----------
        estimator : estimator
            The fitted model.
        baseline : estimator
            The fitted estimator to compare it with, such as
            :class:`~skmtl.baselines.IndependentTasks`.
        X : table of shape (n_samples, n_features)
            Rows that they were not fitted to, with the task column.
        y : array of shape (n_samples,) or (n_samples, n_tasks)
            True targets.
        metric : str or callable, default=None
            One of scikit-learn's negated losses by name, or a loss. None is the mean
            squared error, for classifiers the log loss.
        task_feature : str, int or None, default=None
            The task's column in X. None takes what an estimator names, or the columns
            of a two-dimensional ``y`` for tasks.
        n_samples : dict, default=None
            Sizes of tasks by label, such as rows that the model was fitted to. None is
            the rows in `X`.
        ax : matplotlib Axes, default=None
            Axes to draw in; None makes a figure.
        **options : dict
            Passed to :func:`~skmtl.metrics.make_task_scorer`.

        Returns
        -------
        display : TaskGainDisplay
            What was drawn.
        """
        check_is_fitted(estimator)
        check_is_fitted(baseline)
        pair = estimator, baseline
        if task_feature is None:
            task_feature = find_task_feature(pair, y)
        if metric is None:
            squared = "neg_mean_squared_error"
            metric = "neg_log_loss" if is_classifier(estimator) else squared
        if isinstance(metric, str) and as_metric(metric, 1, None, {}).sign > 0:
            raise ValueError(
                f"The gain needs a loss, but {metric!r} is the greater the better."
            )
        scorer = make_task_scorer(metric, task_feature=task_feature, **options)
        ours, theirs = (scorer.table(one, X, y) for one in pair)
        ratio = np.full(len(ours), np.nan)
        np.divide(ours.score, theirs.score, out=ratio, where=theirs.score != 0)
        return cls(
            tasks=ours.task,
            gains=1.0 - ratio,
            n_samples=sizes_of(ours, n_samples),
            baseline=type(innermost(baseline)).__name__,
        ).plot(ax=ax)

    @classmethod
    def from_predictions(
        cls,
        y_true,
        y_pred,
        y_pred_baseline,
        task=None,
        *,
        metric=mean_squared_error,
        n_samples=None,
        baseline="the baseline",
        ax=None,
        **options,
    ):
        """Compare predictions of two models, and draw the gains.

        Parameters
        ----------
        y_true : array of shape (n_samples,) or (n_samples, n_tasks)
            True targets.
        y_pred : array of shape (n_samples,) or (n_samples, n_tasks)
            Predictions of the model.
        y_pred_baseline : array of shape (n_samples,) or (n_samples, n_tasks)
            Predictions of the baseline.
        task : array of shape (n_samples,), default=None
            The task of each row; None if tasks are columns of ``y_true``.
        metric : callable or str, default=mean_squared_error
            A loss, as in :func:`~skmtl.metrics.multitask_gain`.
        n_samples : dict, default=None
            Sizes of tasks by label. None is the rows scored.
        baseline : str, default="the baseline"
            What the baseline is called.
        ax : matplotlib Axes, default=None
            Axes to draw in; None makes a figure.
        **options : dict
            Passed to :func:`~skmtl.metrics.multitask_gain`.

        Returns
        -------
        display : TaskGainDisplay
            What was drawn.
        """
        table = multitask_gain(
            y_true, y_pred, y_pred_baseline, task, metric=metric, **options
        )
        return cls(
            tasks=table.task,
            gains=table.score,
            n_samples=sizes_of(table, n_samples),
            baseline=baseline,
        ).plot(ax=ax)

    def plot(self, *, ax=None):
        """Draw the gains.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw in; None makes a figure.

        Returns
        -------
        self : TaskGainDisplay
            The display.
        """
        known = np.flatnonzero(np.isfinite(self.gains))
        gains, sizes = self.gains[known], self.n_samples[known]
        shown = np.maximum(gains, LOWEST_SHOWN)
        ax = self._open(ax, n_rows=16)
        self._draw_dots(ax, sizes, gains, shown)
        if gains.size and sizes.max() > 4 * sizes.min():
            log_scale(ax, "x")
        else:
            ax.xaxis.get_major_locator().set_params(integer=is_whole(sizes))
        ax.set_xlabel(self._counts(gains))
        ax.set_ylabel(f"loss saved against {self.baseline}")
        quiet(ax)
        middle = np.median(gains) if gains.size else 0.0
        order = np.argsort(-np.abs(gains - middle), kind="stable")
        labels, places = np.asarray(self.tasks)[known], np.column_stack([sizes, shown])
        name_points(ax, places, labels, order, most=MANY if gains.size <= MANY else 8)
        return self

    def _draw_dots(self, ax, sizes, gains, shown):
        ax.axhline(0.0, color=ink(ax), linewidth=0.9)
        better, worse = series_colours(2, ax)
        far = gains < LOWEST_SHOWN
        kinds = (
            (gains >= 0.0, "o", better),
            ((gains < 0.0) & ~far, "D", worse),
            (far, "v", worse),
        )
        for chosen, marker, colour in kinds:
            ax.scatter(
                sizes[chosen],
                shown[chosen],
                s=28,
                marker=marker,
                color=colour,
                alpha=0.85,
            )
        ax.margins(0.08)
        ax.yaxis.set_major_formatter(percent)

    def _counts(self, gains):
        n, better = gains.size, int((gains > 0.0).sum())
        lines = [
            "rows of the task",
            f"{counted(n, 'task')}, {better} of them better than {self.baseline}",
        ]
        beyond, unknown = int((gains < LOWEST_SHOWN).sum()), len(self.gains) - n
        if beyond:
            lines.append(f"{beyond} below {LOWEST_SHOWN:.0%}: triangles at the edge")
        if unknown:
            lines.append(f"{counted(unknown, 'task')} without a gain not shown")
        return "\n".join(lines)


def is_whole(sizes):
    """Return whether sizes are whole numbers, such as rows."""
    return bool((np.asarray(sizes) % 1 == 0).all())


def percent(share, _):
    """Return a share as text, with as many digits as it has."""
    return f"{100.0 * share:.4g}%".replace("-", "\N{MINUS SIGN}")


def sizes_of(table, n_samples):
    """Return the sizes of tasks: their rows, or what was given by label."""
    if n_samples is None:
        return table.n_samples
    labels = table.task.tolist()
    missing = [label for label in labels if label not in n_samples]
    if missing:
        raise ValueError(
            f"n_samples must name the size of every task; {missing[:5]} of "
            f"{len(labels)} tasks are missing."
        )
    return np.array([n_samples[label] for label in labels])
