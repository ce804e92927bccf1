"""How unlike the others every task is."""

import numpy as np

from ._canvas import Display, ink, quiet, series_colours
from ._estimators import labels_of, read_fitted
from ._names import counted, lay_out, name_rows, points_apart

HINT = (
    "HierarchicalRegressor and HierarchicalClassifier have it, the models of "
    "skmtl.boosting, and with robust=True SharedCenterRegressor, "
    "SharedRepresentationRegressor and JointSparseRegressor."
)
# Largest score in units of the typical one, beyond which the axis is logarithmic.
FAR = 50.0
# No axis reaches the scores of models that fit without error, which have no bound.
CUT = 1e12


class OutlierTaskDisplay(Display):
    """The outlier score of every task, sorted, with the tasks that were flagged.

    What a score means is told by the estimator: higher is always more unlike the other
    tasks, but scores of different models are in different units.

    Parameters
    ----------
    tasks : ndarray of shape (n_tasks,)
        Labels of the tasks.
    scores : ndarray of shape (n_tasks,)
        Their outlier scores; NaN where a task has none.
    flagged : ndarray of shape (n_tasks,), default=None
        Which tasks are outliers; None if nobody said.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn in.
    figure_ : matplotlib Figure
        Their figure.

    See Also
    --------
    TaskSimilarityDisplay : Which tasks are alike.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from skmtl.datasets import make_shared_representation
    >>> from skmtl.linear import SharedCenterRegressor
    >>> from skmtl.plotting import OutlierTaskDisplay
    >>> data = make_shared_representation(
    ...     n_tasks=20, n_samples=60, n_features=10, head_scale=0.0, shared_scale=2.0,
    ...     n_outlier_tasks=2, random_state=0,
    ... )
    >>> model = SharedCenterRegressor(robust=True, task_feature="task")
    >>> display = OutlierTaskDisplay.from_estimator(model.fit(data.data, data.target))
    >>> display.tasks[display.flagged].tolist()
    ['task_15', 'task_18']
    >>> plt.close(display.figure_)
    """

    def __init__(self, *, tasks, scores, flagged=None):
        self.tasks = tasks
        self.scores = scores
        self.flagged = flagged

    @classmethod
    def from_estimator(cls, estimator, *, ax=None):
        """Draw the scores that a fitted estimator gave its tasks.

        Parameters
        ----------
        estimator : estimator
            Fitted, with the attribute ``outlier_scores_``; a pipeline may end in it.
        ax : matplotlib Axes, default=None
            Axes to draw in; None makes a figure.

        Returns
        -------
        display : OutlierTaskDisplay
            What was drawn.
        """
        model, scores = read_fitted(cls.__name__, estimator, "outlier_scores_", HINT)
        named, flagged = getattr(model, "outlier_tasks_", None), None
        if named is not None:
            flagged = np.isin(model.tasks_, named)
        return cls(tasks=model.tasks_, scores=scores, flagged=flagged).plot(ax=ax)

    @classmethod
    def from_scores(cls, scores, *, flagged=None, tasks=None, ax=None):
        """Draw scores from wherever they come.

        Parameters
        ----------
        scores : array-like of shape (n_tasks,)
            Higher is more of an outlier.
        flagged : array-like of bool of shape (n_tasks,), default=None
            Which tasks are outliers.
        tasks : array-like of shape (n_tasks,), default=None
            Labels; None numbers the tasks.
        ax : matplotlib Axes, default=None
            Axes to draw in; None makes a figure.

        Returns
        -------
        display : OutlierTaskDisplay
            What was drawn.
        """
        scores = np.asarray(scores, dtype=float)
        flagged = None if flagged is None else np.asarray(flagged, dtype=bool)
        tasks = labels_of(tasks, scores.size)
        return cls(tasks=tasks, scores=scores, flagged=flagged).plot(ax=ax)

    def plot(self, *, ax=None):
        """Draw the scores.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw in; None makes a figure.

        Returns
        -------
        self : OutlierTaskDisplay
            The display.
        """
        known = np.flatnonzero(np.isfinite(self.scores))
        order = known[np.argsort(self.scores[known], kind="stable")]
        scores = self.scores[order]
        flagged = np.zeros(order.size, bool)
        if self.flagged is not None:
            flagged = self.flagged[order]
        ax = self._open(ax, n_rows=order.size, width=6.0)
        ax.set_ylim(-0.7, max(order.size, 1) - 0.3)
        size = np.abs(scores)
        typical = np.median(size[size > 0.0]) if size.any() else 1.0
        self._draw_scores(ax, np.minimum(scores, CUT * typical), flagged)
        if size.max(initial=0.0) > FAR * typical:
            ax.set_xscale("symlog", linthresh=4.0 * typical)
        unknown, label = len(self.tasks) - order.size, "outlier score"
        if self.flagged is not None:
            label += f" (diamonds: {flagged.sum()} flagged)"
        if (scores > CUT * typical).any():
            label += f"\ncut at {CUT:.0e} times the median"
        if unknown:
            label += f"\n{counted(unknown, 'task')} without a score not shown"
        ax.set_xlabel(label)
        quiet(ax)
        # From the most unlike the others on: the ordinary need no names.
        first = range(order.size - 1, -1, -1)
        first = first[: max(2 * int(flagged.sum()), 10)]
        name_rows(ax, np.asarray(self.tasks)[order], first)
        return self

    def _draw_scores(self, ax, scores, flagged):
        lay_out(ax)
        area = float(np.clip(points_apart(ax) ** 2, 8.0, 50.0))
        rows = np.arange(scores.size)
        ax.hlines(rows, 0.0, scores, color=ink(ax), alpha=0.25, linewidth=1, zorder=1)
        colours = series_colours(2, ax)[::-1]
        kinds = (~flagged, "o", area), (flagged, "D", 1.4 * area)
        for (chosen, marker, size), colour in zip(kinds, colours, strict=True):
            ax.scatter(
                scores[chosen],
                rows[chosen],
                s=size,
                marker=marker,
                color=colour,
                zorder=2,
            )
