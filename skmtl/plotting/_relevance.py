"""How much every source matters to a target."""

import numpy as np

from ._canvas import Display, ink, quiet, series_colours
from ._estimators import labels_of, read_fitted
from ._names import lay_out, name_rows, points_apart, shorten

HINT = "ActiveTaskRegressor and ActiveTaskClassifier of skmtl.active have it."
# Standard deviations from zero beyond which a relevance is taken to be there.
SURE = 2.0


class RelevanceDisplay(Display):
    """A stem for every source: its relevance to the target, with error bars.

    The source that matters most is on top. Dots are filled where the relevance is more
    than two standard deviations from zero.

    Parameters
    ----------
    tasks : ndarray of shape (n_sources,)
        Labels of the sources.
    relevance : ndarray of shape (n_sources,)
        How much each matters, with its sign.
    std : ndarray of shape (n_sources,), default=None
        Standard deviations.
    target : label, default=None
        The target.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn in.
    figure_ : matplotlib Figure
        Their figure.

    See Also
    --------
    RelevancePathDisplay : Relevance against the budget.
    skmtl.active.source_relevance : Relevance for heads that are known.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from skmtl.active import source_relevance
    >>> from skmtl.plotting import RelevanceDisplay
    >>> relevance = source_relevance([[1, 0, 1], [0, 1, 1]], [3, 2])
    >>> display = RelevanceDisplay.from_relevance(relevance, tasks=["a", "b", "c"])
    >>> [label.get_text() for label in display.ax_.get_yticklabels()]
    ['b', 'a', 'c']
    >>> plt.close(display.figure_)
    """

    def __init__(self, *, tasks, relevance, std=None, target=None):
        self.tasks = tasks
        self.relevance = relevance
        self.std = std
        self.target = target

    @classmethod
    def from_estimator(cls, estimator, *, target=None, ax=None):
        """Draw what a fitted learner thinks of its sources.

        Parameters
        ----------
        estimator : ActiveTaskRegressor or ActiveTaskClassifier
            The fitted learner.
        target : label, default=None
            Which target, if there are several.
        ax : matplotlib Axes, default=None
            Axes to draw in; None makes a figure.

        Returns
        -------
        display : RelevanceDisplay
            What was drawn.
        """
        learner, relevance = read_fitted(cls.__name__, estimator, "relevance_", HINT)
        std, column = learner.relevance_std_, target_place(learner, target)
        if relevance.ndim == 2:
            relevance, std = relevance[:, column], std[:, column]
        return cls(
            tasks=learner.source_tasks_,
            relevance=relevance,
            std=std,
            target=learner.target_tasks_[column],
        ).plot(ax=ax)

    @classmethod
    def from_relevance(cls, relevance, *, std=None, tasks=None, ax=None):
        """Draw relevance from wherever it comes.

        Parameters
        ----------
        relevance : array-like of shape (n_sources,)
            How much each source matters.
        std : array-like of shape (n_sources,), default=None
            Standard deviations.
        tasks : array-like of shape (n_sources,), default=None
            Labels; None numbers the sources.
        ax : matplotlib Axes, default=None
            Axes to draw in; None makes a figure.

        Returns
        -------
        display : RelevanceDisplay
            What was drawn.
        """
        relevance = np.asarray(relevance, dtype=float)
        std = None if std is None else np.asarray(std, dtype=float)
        tasks = labels_of(tasks, relevance.size)
        return cls(tasks=tasks, relevance=relevance, std=std).plot(ax=ax)

    def plot(self, *, ax=None):
        """Draw the stems.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw in; None makes a figure.

        Returns
        -------
        self : RelevanceDisplay
            The display.
        """
        n_sources = len(self.tasks)
        order = np.argsort(np.abs(self.relevance), kind="stable")
        ax = self._open(ax, n_rows=n_sources, width=6.0)
        ax.set_ylim(-0.7, n_sources - 0.3)
        self._draw_stems(ax, order)
        label = "relevance"
        if self.target is not None:
            label += f" to {shorten(self.target)}"
        if self.std is not None:
            label += f"\n(filled: beyond {SURE:g} standard deviations)"
        ax.set_xlabel(label, parse_math=False)
        quiet(ax)
        first = range(n_sources - 1, -1, -1)[:10]
        name_rows(ax, np.asarray(self.tasks)[order], first, what="source")
        return self

    def _draw_stems(self, ax, order):
        lay_out(ax)
        area = float(np.clip(points_apart(ax) ** 2, 6.0, 40.0))
        rows, values = np.arange(order.size), self.relevance[order]
        colour, (shade, _) = ink(ax), series_colours(2, ax)
        ax.axvline(0.0, color=colour, linewidth=0.9)
        ax.hlines(rows, 0.0, values, color=colour, alpha=0.35, linewidth=1.0)
        if self.std is None:
            ax.scatter(values, rows, s=area, color=shade, zorder=3)
            return
        std = self.std[order]
        ax.errorbar(
            values,
            rows,
            xerr=std,
            fmt="none",
            ecolor=shade,
            elinewidth=min(2.0, 0.35 * np.sqrt(area)),
            alpha=0.6,
        )
        sure = np.abs(values) > SURE * std
        for chosen, face in ((sure, shade), (~sure, ax.get_facecolor())):
            ax.scatter(
                values[chosen],
                rows[chosen],
                s=area,
                facecolor=[face],
                edgecolor=[shade],
                zorder=3,
            )


def target_place(learner, target):
    """Return the position of a target among those of a learner."""
    labels = learner.target_tasks_.tolist()
    if target is None and len(labels) == 1:
        return 0
    if target not in labels:
        raise ValueError(
            f"target must be one of the learner's {len(labels)} targets, such as "
            f"{labels[:5]}; got {target!r}."
        )
    return labels.index(target)
