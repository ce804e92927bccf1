"""How the relevance of every source changes with the budget."""

import warnings

import numpy as np

from ._canvas import Display, ink, log_scale, quiet, series_colours
from ._estimators import labels_of, read_fitted
from ._names import counted, lay_out, name_beside, names_high, shorten
from ._relevance import HINT, target_place

MOST_LINES, N_BUDGETS = 8, 40


class RelevancePathDisplay(Display):
    """The relevance of every source against the budget: a Lasso path.

    The larger the budget, the smaller the penalty. With a small budget only sources
    matter that are worth most beside the rows held already.

    Parameters
    ----------
    tasks : ndarray of shape (n_sources,)
        Labels of the sources.
    budgets : ndarray of shape (n_budgets,)
        Budgets, growing.
    relevance : ndarray of shape (n_budgets, n_sources)
        Relevance of each source with each budget.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn in.
    figure_ : matplotlib Figure
        Their figure.

    See Also
    --------
    RelevanceDisplay : Relevance with what is known of it.
    skmtl.active.optimal_allocation : What is computed with every budget.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from skmtl.plotting import RelevancePathDisplay
    >>> W = [[1, 0, 1], [0, 1, 1]]
    >>> display = RelevancePathDisplay.from_heads(
    ...     W, [3, 2], [1, 10, 100, 1000], n_seen=[10, 10, 40]
    ... )
    >>> display.relevance.shape
    (4, 3)
    >>> plt.close(display.figure_)
    """

    def __init__(self, *, tasks, budgets, relevance):
        self.tasks = tasks
        self.budgets = budgets
        self.relevance = relevance

    @classmethod
    def from_heads(cls, W, c, budgets, *, tasks=None, ax=None, **limits):
        """Divide each budget for heads that are known, and draw the relevance.

        Parameters
        ----------
        W : array-like of shape (k, n_sources)
            Heads of the sources, one a column.
        c : array-like of shape (k,)
            Head of the target.
        budgets : array-like of shape (n_budgets,)
            Positive budgets.
        tasks : array-like of shape (n_sources,), default=None
            Labels; None numbers the sources.
        ax : matplotlib Axes, default=None
            Axes to draw in; None makes a figure.
        **limits : dict
            Passed to :func:`~skmtl.active.optimal_allocation`, such as ``n_seen`` and
            ``cost``. Without samples held and without limits the relevance is the same
            with every budget.

        Returns
        -------
        display : RelevancePathDisplay
            What was drawn.
        """
        from ..active import optimal_allocation

        budgets = np.sort(np.asarray(budgets, dtype=float))
        if not (budgets.size and budgets[0] > 0.0):
            raise ValueError("budgets must hold positive numbers.")
        limits = {"integer": False, **limits}
        with warnings.catch_warnings():
            # What of the target is out of reach is the same with every budget.
            warnings.simplefilter("ignore", UserWarning)
            relevance = np.array(
                [optimal_allocation(W, c, b, **limits).relevance for b in budgets]
            )
        tasks = labels_of(tasks, np.shape(W)[1])
        return cls(tasks=tasks, budgets=budgets, relevance=relevance).plot(ax=ax)

    @classmethod
    def from_estimator(cls, estimator, *, budgets=None, target=None, ax=None):
        """Divide budgets as a fitted learner would that trusts its estimates.

        Parameters
        ----------
        estimator : ActiveTaskRegressor or ActiveTaskClassifier
            The fitted learner; not for more than two classes.
        budgets : array-like, default=None
            Positive budgets. None is from a hundredth of what the rows held cost to ten
            times as much.
        target : label, default=None
            Which target, if there are several.
        ax : matplotlib Axes, default=None
            Axes to draw in; None makes a figure.

        Returns
        -------
        display : RelevancePathDisplay
            What was drawn.
        """
        learner, heads = read_fitted(cls.__name__, estimator, "task_coef_", HINT)
        column = target_place(learner, target)
        head = np.atleast_2d(learner.target_head_)
        if head.ndim == 3:
            raise ValueError(
                f"{cls.__name__} shows learners with one head a task; this one has a "
                f"head for each of {head.shape[1]} classes."
            )
        if heads.size == 0:
            raise ValueError(
                "The learner holds no rows of sources, which have no heads."
            )
        labels = learner.source_tasks_
        price = [1.0] * labels.size
        if learner.costs is not None:
            price = [float(learner.costs[label]) for label in labels.tolist()]
        if budgets is None:
            held = max(learner.cost_spent_, sum(price))
            budgets = held * np.geomspace(0.01, 10.0, N_BUDGETS)
        return cls.from_heads(
            heads.T,
            head[column],
            budgets,
            tasks=labels,
            ax=ax,
            n_seen=learner.n_seen_,
            cost=price,
        )

    def plot(self, *, ax=None):
        """Draw the path.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw in; None makes a figure.

        Returns
        -------
        self : RelevancePathDisplay
            The display.
        """
        ax = self._open(ax, n_rows=16)
        size = np.abs(self.relevance).max(axis=0)
        order = np.argsort(-size, kind="stable")
        used = order[size[order] > 1e-9 * size.max()]
        named, rest = used[:MOST_LINES], used[MOST_LINES:]
        ax.axhline(0.0, color=ink(ax), linewidth=0.9)
        ax.plot(self.budgets, self.relevance[:, rest], color=ink(ax), alpha=0.3, lw=1.0)
        styles = ("-", "--", "-.", ":")
        for place, colour in enumerate(series_colours(named.size, ax)):
            ax.plot(
                self.budgets,
                self.relevance[:, named[place]],
                color=colour,
                linestyle=styles[place % len(styles)],
                linewidth=2.0,
            )
        if self.budgets.size > 1:
            ax.set_xlim(self.budgets[0], self.budgets[-1])
            log_scale(ax, "x")
        n_sources = counted(len(self.tasks), "source")
        ax.set_xlabel(f"budget ({n_sources}, {used.size} of them with a relevance)")
        ax.set_ylabel("relevance")
        quiet(ax)
        lay_out(ax)
        named = named[: names_high(ax)]
        labels = [shorten(self.tasks[m]) for m in named]
        name_beside(ax, self.relevance[-1, named], labels, side="right")
        return self
