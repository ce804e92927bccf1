"""Elfving's picture of the best mixture of sources, in two dimensions."""

import warnings

import numpy as np

from ._canvas import MANY, Display, ink, quiet, series_colours
from ._estimators import labels_of, read_fitted
from ._names import counted, name_points
from ._relevance import HINT, target_place

# Share of the largest relevance below which a source is not sampled.
NONE = 1e-9
# Width of all points in units of their length below which they are a line.
FLAT = 1e-9


class ElfvingDisplay(Display):
    """Heads of sources in the plane, and where the target's direction leaves them.

    Every source is two points: its head and the reverse, divided by the root of what a
    row costs and by the standard deviation of its noise. The ray to the target's head
    leaves their convex hull on an edge, and the sources at the ends of that edge are
    the ones to sample [1]_: each for more of the money, the nearer the point is to it.
    Beside their names are the shares of the money.

    Parameters
    ----------
    heads : ndarray of shape (2, n_sources)
        Heads of the sources in units of money and noise.
    target : ndarray of shape (2,)
        Head of the target.
    relevance : ndarray of shape (n_sources,)
        The mixture of `heads`, of least l1 norm, that makes the target's head.
    tasks : ndarray of shape (n_sources,)
        Labels of the sources.

    Attributes
    ----------
    exit_ : ndarray of shape (2,)
        The point where the ray leaves the hull.
    shares_ : ndarray of shape (n_sources,)
        Shares of the money.
    ax_ : matplotlib Axes
        The axes drawn in.
    figure_ : matplotlib Figure
        Their figure.

    See Also
    --------
    RelevanceDisplay : Relevance in any number of dimensions.
    skmtl.active.optimal_allocation : The optimal rows.

    References
    ----------
    .. [1] G. Elfving, "Optimum allocation in linear regression theory", The Annals of
       Mathematical Statistics 23(2), 1952.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from skmtl.plotting import ElfvingDisplay
    >>> display = ElfvingDisplay.from_heads([[1, 0, 1], [0, 1, 1]], [3, 2])
    >>> display.shares_.round(3), display.exit_.round(3)
    (array([0.333, 0.   , 0.667]), array([1.   , 0.667]))
    >>> plt.close(display.figure_)
    """

    def __init__(self, *, heads, target, relevance, tasks):
        self.heads = heads
        self.target = target
        self.relevance = relevance
        self.tasks = tasks

    @classmethod
    def from_heads(cls, W, c, *, cost=None, noise_var=None, tasks=None, ax=None):
        """Draw heads that are known.

        Parameters
        ----------
        W : array-like of shape (2, n_sources)
            Heads of the sources, one a column.
        c : array-like of shape (2,)
            Head of the target.
        cost : float or array-like of shape (n_sources,), default=None
            Cost of one sample. None is one.
        noise_var : float or array-like of shape (n_sources,), default=None
            Variance of the noise. None is one.
        tasks : array-like of shape (n_sources,), default=None
            Labels; None numbers the sources.
        ax : matplotlib Axes, default=None
            Axes to draw in; None makes a figure.

        Returns
        -------
        display : ElfvingDisplay
            What was drawn.
        """
        from ..active import source_relevance

        W, c = np.asarray(W, dtype=float), np.asarray(c, dtype=float)
        if W.ndim != 2 or len(W) != 2 or c.shape != (2,):
            raise ValueError(
                "Elfving's picture has two dimensions: W must have the shape (2, "
                f"n_sources) and c the shape (2,), got {W.shape} and {c.shape}."
            )
        cost, noise = (1.0 if part is None else part for part in (cost, noise_var))
        size = np.sqrt(np.broadcast_to(np.multiply(cost, noise), W.shape[1:]))
        heads = W / size
        with warnings.catch_warnings():
            # The picture shows what lies outside the span of the sources.
            warnings.simplefilter("ignore", UserWarning)
            relevance = source_relevance(heads, c)
        tasks = labels_of(tasks, W.shape[1])
        return cls(heads=heads, target=c, relevance=relevance, tasks=tasks).plot(ax=ax)

    @classmethod
    def from_estimator(cls, estimator, *, target=None, ax=None):
        """Draw the heads that a fitted learner of rank two estimates.

        Parameters
        ----------
        estimator : ActiveTaskRegressor or ActiveTaskClassifier
            The fitted learner, with ``rank_`` two; not for more than two classes.
        target : label, default=None
            Which target, if there are several.
        ax : matplotlib Axes, default=None
            Axes to draw in; None makes a figure.

        Returns
        -------
        display : ElfvingDisplay
            What was drawn.
        """
        learner, heads = read_fitted(cls.__name__, estimator, "task_coef_", HINT)
        labels, column = learner.source_tasks_, target_place(learner, target)
        head = np.atleast_2d(learner.target_head_)
        if learner.rank_ != 2 or head.ndim == 3:
            raise ValueError(
                "Elfving's picture has two dimensions, but the learner has "
                f"rank_={learner.rank_} and heads of the shape {head.shape[1:]}."
            )
        cost = None
        if learner.costs is not None:
            cost = [float(learner.costs[label]) for label in labels.tolist()]
        return cls.from_heads(heads.T, head[column], cost=cost, tasks=labels, ax=ax)

    def plot(self, *, ax=None):
        """Draw the picture.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw in; None makes a figure.

        Returns
        -------
        self : ElfvingDisplay
            The display.
        """
        size = np.abs(self.relevance)
        total = max(size.sum(), np.finfo(float).tiny)
        self.shares_ = size / total
        self.exit_ = self.heads @ self.relevance / total
        ax = self._open(ax, n_rows=26, width=6.8)
        bought = np.flatnonzero(size > NONE * size.max(initial=0.0))
        self._draw_hull(ax)
        self._draw_heads(ax, bought)
        self._draw_ray(ax)
        ax.set_aspect("equal", adjustable="datalim")
        ax.margins(0.12)
        ax.set_xlabel(
            "along direction 1\n"
            f"{counted(len(self.tasks), 'source')} (rings: reversed), "
            f"squares: {bought.size} to sample\n"
            "dashes: the target, cross: out of the hull"
        )
        ax.set_ylabel("along direction 2")
        quiet(ax)
        self._name_heads(ax, bought)
        return self

    def _draw_hull(self, ax):
        corners = hull(np.column_stack([self.heads, -self.heads]).T)
        colour = ink(ax)
        ax.fill(*corners.T, color=colour, alpha=0.06, zorder=0)
        closed = np.vstack([corners, corners[:1]])
        ax.plot(*closed.T, color=colour, linewidth=1.0, alpha=0.6)

    def _draw_heads(self, ax, bought):
        dark, light = series_colours(2, ax)
        few = len(self.tasks) <= MANY
        ax.scatter(
            *self.heads,
            s=26 if few else 12,
            color=[light],
            zorder=2,
        )
        ax.scatter(
            *-self.heads,
            s=22 if few else 10,
            facecolor="none",
            edgecolor=[light],
            zorder=2,
        )
        signed = self.heads[:, bought] * np.sign(self.relevance[bought])
        ax.scatter(
            *signed,
            s=70,
            marker="s",
            facecolor="none",
            edgecolor=[dark],
            linewidth=2.0,
            zorder=3,
        )

    def _draw_ray(self, ax):
        dark, _ = series_colours(2, ax)
        length = np.linalg.norm(self.target)
        reach = 1.25 * np.abs(self.heads).max()
        end = self.target * (reach / length if length else 0.0)
        ax.plot(
            *np.column_stack([np.zeros(2), end]),
            color=dark,
            linewidth=1.6,
            linestyle="--",
        )
        ax.scatter(
            *self.exit_,
            s=90,
            marker="X",
            color=[dark],
            zorder=4,
        )

    def _name_heads(self, ax, bought):
        """Name sources to sample with their shares, then others from the outside in."""
        sign = np.where(self.relevance < 0.0, -1.0, 1.0)
        places = (self.heads * sign).T
        labels = [str(label) for label in self.tasks]
        for m in bought:
            labels[m] = f"{labels[m]}: {self.shares_[m]:.0%}"
        order = np.argsort(-np.linalg.norm(places, axis=1), kind="stable")
        order = [*bought, *order[~np.isin(order, bought)]]
        most = MANY if len(order) <= MANY else bought.size + 4
        marks = np.concatenate([places, -places])
        sure = bought.size
        name_points(ax, places, labels, order, most=most, marks=marks, sure=sure)


def hull(points):
    """Return the corners of the convex hull of points in the plane, in their order.

    Points on a line have its two ends.
    """
    from scipy.spatial import ConvexHull

    _, sizes, axes = np.linalg.svd(points, full_matrices=False)
    if sizes[1] <= FLAT * sizes[0]:
        along = points @ axes[0]
        return points[[along.argmin(), along.argmax()]]
    return points[ConvexHull(points).vertices]
