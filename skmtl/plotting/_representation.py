"""Directions that tasks share, and where the tasks are in them."""

from itertools import cycle

import numpy as np

from ._canvas import (
    MANY,
    MARKERS,
    Display,
    import_pyplot,
    ink,
    quiet,
    series_colours,
)
from ._estimators import feature_names, labels_of, read_fitted
from ._names import counted, name_points, name_rows, shorten, show_legend

HINT = "SharedRepresentationRegressor and SharedRepresentationClassifier have it."
WIDTH, HEIGHT = 9.5, 4.5


class SharedRepresentationDisplay(Display):
    """What shared directions consist of, and the heads of all tasks along them.

    On the left a heat map: which features (rows) each direction (column) is made of.
    Lightness grows from negative to positive. On the right every task's head, its
    coordinates along two of the directions; along the only one, if there is one.

    Parameters
    ----------
    components : ndarray of shape (rank, n_features)
        Shared directions.
    heads : ndarray of shape (n_tasks, rank) or (n_tasks, n_classes, rank)
        Coordinates of the tasks.
    tasks : ndarray of shape (n_tasks,)
        Labels of the tasks.
    features : list of str
        Names of the features.
    classes : ndarray of shape (n_classes,), default=None
        Classes, where every class has a head.

    Attributes
    ----------
    image_ : matplotlib AxesImage
        The heat map.
    ax_ : ndarray of two matplotlib Axes
        The axes drawn in: of directions and of heads.
    figure_ : matplotlib Figure
        Their figure.

    See Also
    --------
    TaskSimilarityDisplay : Which tasks are alike.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from skmtl.datasets import make_shared_representation
    >>> from skmtl.linear import SharedRepresentationRegressor
    >>> from skmtl.plotting import SharedRepresentationDisplay
    >>> data = make_shared_representation(n_features=8, rank=2, random_state=0)
    >>> model = SharedRepresentationRegressor(rank=2, task_feature="task")
    >>> model = model.fit(data.data, data.target)
    >>> display = SharedRepresentationDisplay.from_estimator(model)
    >>> display.ax_[1].get_xlabel()
    'head along direction 1'
    >>> plt.close(display.figure_)
    """

    def __init__(self, *, components, heads, tasks, features, classes=None):
        self.components = components
        self.heads = heads
        self.tasks = tasks
        self.features = features
        self.classes = classes

    @classmethod
    def from_estimator(cls, estimator, *, directions=(0, 1), ax=None):
        """Draw what a fitted estimator found its tasks to share.

        Parameters
        ----------
        estimator : estimator
            Fitted, with the attributes ``components_`` and ``heads_``; a pipeline may
            end in it.
        directions : pair of int, default=(0, 1)
            Along which directions heads are drawn.
        ax : pair of matplotlib Axes, default=None
            Axes to draw directions and heads in; None makes a figure.

        Returns
        -------
        display : SharedRepresentationDisplay
            What was drawn.
        """
        model, heads = read_fitted(cls.__name__, estimator, "heads_", HINT)
        return cls(
            components=model.components_,
            heads=heads,
            tasks=model.tasks_,
            features=feature_names(model, model.components_.shape[1]),
            classes=model.classes_ if heads.ndim == 3 else None,
        ).plot(directions=directions, ax=ax)

    @classmethod
    def from_heads(
        cls, components, heads, *, tasks=None, features=None, directions=(0, 1), ax=None
    ):
        """Draw directions and heads from wherever they come.

        Parameters
        ----------
        components : array-like of shape (rank, n_features)
            Shared directions.
        heads : array-like of shape (n_tasks, rank)
            Coordinates of the tasks along them.
        tasks : array-like of shape (n_tasks,), default=None
            Labels; None numbers the tasks.
        features : list of str, default=None
            Names of the features; None numbers them.
        directions : pair of int, default=(0, 1)
            Along which directions heads are drawn.
        ax : pair of matplotlib Axes, default=None
            Axes to draw directions and heads in; None makes a figure.

        Returns
        -------
        display : SharedRepresentationDisplay
            What was drawn.
        """
        components, heads = np.asarray(components, float), np.asarray(heads, float)
        if features is None:
            features = [f"x{j}" for j in range(components.shape[1])]
        return cls(
            components=components,
            heads=heads,
            tasks=labels_of(tasks, len(heads)),
            features=list(features),
        ).plot(directions=directions, ax=ax)

    def plot(self, *, directions=(0, 1), ax=None):
        """Draw directions and heads.

        Parameters
        ----------
        directions : pair of int, default=(0, 1)
            Along which directions heads are drawn.
        ax : pair of matplotlib Axes, default=None
            Axes to draw directions and heads in; None makes a figure.

        Returns
        -------
        self : SharedRepresentationDisplay
            The display.
        """
        left, right = self._open_pair(ax)
        self._draw_directions(left)
        if len(self.components) == 1:
            self._draw_row_of_heads(right)
        else:
            self._draw_heads(right, *directions)
        return self

    def _open_pair(self, ax):
        plt = import_pyplot(type(self).__name__)
        if ax is None:
            size = WIDTH, HEIGHT
            _, ax = plt.subplots(1, 2, figsize=size, layout="constrained")
        pair = np.ravel(np.asarray(ax, dtype=object))
        if pair.size != 2:
            raise ValueError(
                f"ax must be a pair of axes, for directions and for heads; got "
                f"{pair.size}."
            )
        self.ax_, self.figure_ = pair, pair[0].figure
        return pair

    def _draw_directions(self, ax):
        parts = self.components.T[::-1]
        largest = np.abs(parts).max()
        self.image_ = ax.imshow(
            parts,
            cmap="cividis",
            vmin=-largest,
            vmax=largest,
            aspect="auto",
            origin="lower",
            interpolation="nearest",
        )
        ax.figure.colorbar(self.image_, ax=ax, label="part in the direction")
        n = parts.shape[1]
        step = -(-n // MANY)
        ax.set_xticks(range(0, n, step), range(1, n + 1, step))
        ax.set_xlabel("shared direction")
        most = np.argsort(-np.abs(parts).max(axis=1), kind="stable")[:10]
        name_rows(ax, self.features[::-1], most.tolist(), what="feature")

    def _series(self):
        """Yield the name and the heads of each class, or of all tasks."""
        if self.heads.ndim == 2:
            yield None, self.heads
            return
        for k, name in enumerate(self.classes):
            yield shorten(name), self.heads[:, k]

    def _draw_heads(self, ax, across, along):
        ax.axhline(0.0, color=ink(ax), linewidth=0.6, alpha=0.5)
        ax.axvline(0.0, color=ink(ax), linewidth=0.6, alpha=0.5)
        series = list(self._series())
        self._draw_series(ax, series, lambda heads: (heads[:, across], heads[:, along]))
        ax.margins(0.12)
        ax.set_xlabel(f"head along direction {across + 1}")
        ax.set_ylabel(f"head along direction {along + 1}")
        quiet(ax)
        places = np.concatenate([heads[:, [across, along]] for _, heads in series])
        labels = np.tile(np.asarray(self.tasks, dtype=object), len(series))
        far = np.linalg.norm(places - np.median(places, axis=0), axis=1)
        most = MANY if len(places) <= MANY else 10
        order = np.argsort(-far, kind="stable")
        named = name_points(ax, places, labels, order, most=most)
        if named < len(places):
            n_tasks = counted(len(self.tasks), "task")
            ax.set_xlabel(f"{ax.get_xlabel()}\n({n_tasks}, the farthest named)")

    def _draw_row_of_heads(self, ax):
        order = np.argsort(self.heads.reshape(len(self.heads), -1)[:, 0], kind="stable")
        ax.axvline(0.0, color=ink(ax), linewidth=0.6, alpha=0.5)
        ax.set_ylim(-0.7, len(order) - 0.3)
        rows = np.arange(len(order))
        self._draw_series(ax, self._series(), lambda heads: (heads[order, 0], rows))
        ax.set_xlabel("head along direction 1")
        quiet(ax)
        name_rows(ax, np.asarray(self.tasks)[order])

    def _draw_series(self, ax, series, place):
        series = list(series)
        colours = series_colours(len(series), ax)
        for (name, heads), colour, marker in zip(
            series, colours, cycle(MARKERS), strict=False
        ):
            ax.scatter(
                *place(heads), s=24, marker=marker, color=colour, alpha=0.8, label=name
            )
        if len(series) > 1:
            show_legend(ax, outside=False, title="class")
