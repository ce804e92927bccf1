"""Which tasks are alike."""

import numpy as np

from ._canvas import FRAME, LOWEST, ROW, Display
from ._estimators import labels_of, read_fitted
from ._names import name_rows, write_cells

HINT = (
    "Hierarchical and SharedRepresentation models of skmtl.linear have it, and the "
    "models of skmtl.boosting."
)
# Ordering the leaves of a tree in the best way takes time that grows fast with them.
MOST_ORDERED = 500
MOST_ROWS, WIDER = 32, 1.6


class TaskSimilarityDisplay(Display):
    """A heat map of the similarity of all pairs of tasks, like tasks side by side.

    Tasks are in the order of the leaves of a tree of clusters (average linkage), so
    that groups of tasks show as bright squares. Lightness grows with similarity: the
    sign can be read in grey.

    Parameters
    ----------
    tasks : ndarray of shape (n_tasks,)
        Labels of the tasks.
    similarity : ndarray of shape (n_tasks, n_tasks)
        From -1 to 1.

    Attributes
    ----------
    order_ : ndarray of shape (n_tasks,)
        Positions of the tasks from top to bottom.
    image_ : matplotlib AxesImage
        The heat map.
    ax_ : matplotlib Axes
        The axes drawn in.
    figure_ : matplotlib Figure
        Their figure.

    See Also
    --------
    OutlierTaskDisplay : Tasks that are like no others.
    skmtl.linear.covariance_similarity : How alike the features of tasks are.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from skmtl.plotting import TaskSimilarityDisplay
    >>> similarity = [[1.0, -0.2, 0.9], [-0.2, 1.0, 0.1], [0.9, 0.1, 1.0]]
    >>> display = TaskSimilarityDisplay.from_similarity(similarity, tasks=list("abc"))
    >>> [str(display.tasks[t]) for t in display.order_]
    ['b', 'c', 'a']
    >>> plt.close(display.figure_)
    """

    def __init__(self, *, tasks, similarity):
        self.tasks = tasks
        self.similarity = similarity

    @classmethod
    def from_estimator(cls, estimator, *, ax=None):
        """Draw how alike a fitted estimator found its tasks.

        Parameters
        ----------
        estimator : estimator
            Fitted, with the attribute ``task_similarity_``; a pipeline may end in it.
        ax : matplotlib Axes, default=None
            Axes to draw in; None makes a figure.

        Returns
        -------
        display : TaskSimilarityDisplay
            What was drawn.
        """
        name = "task_similarity_"
        model, similarity = read_fitted(cls.__name__, estimator, name, HINT)
        return cls(tasks=model.tasks_, similarity=similarity).plot(ax=ax)

    @classmethod
    def from_similarity(cls, similarity, *, tasks=None, ax=None):
        """Draw similarities from wherever they come.

        Parameters
        ----------
        similarity : array-like of shape (n_tasks, n_tasks)
            Correlations or cosines, from -1 to 1.
        tasks : array-like of shape (n_tasks,), default=None
            Labels; None numbers the tasks.
        ax : matplotlib Axes, default=None
            Axes to draw in; None makes a figure.

        Returns
        -------
        display : TaskSimilarityDisplay
            What was drawn.
        """
        similarity = np.asarray(similarity, dtype=float)
        if similarity.ndim != 2 or len(set(similarity.shape)) != 1:
            raise ValueError(
                f"similarity must have a row and a column for each task, got the shape "
                f"{similarity.shape}."
            )
        tasks = labels_of(tasks, len(similarity))
        return cls(tasks=tasks, similarity=similarity).plot(ax=ax)

    def plot(self, *, ax=None):
        """Draw the heat map.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw in; None makes a figure.

        Returns
        -------
        self : TaskSimilarityDisplay
            The display.
        """
        n_tasks = len(self.tasks)
        self.order_ = clustered(self.similarity)
        n_rows = min(n_tasks, MOST_ROWS)
        # As wide as high, beside the names and the scale of colours.
        width = WIDER + max(FRAME + ROW * n_rows, LOWEST)
        ax = self._open(ax, n_rows=n_rows, width=width)
        order = self.order_[::-1]
        self.image_ = ax.imshow(
            self.similarity[np.ix_(order, self.order_)],
            cmap="cividis",
            vmin=-1.0,
            vmax=1.0,
            aspect="auto",
            origin="lower",
            interpolation="nearest",
        )
        ax.figure.colorbar(self.image_, ax=ax, label="similarity", shrink=0.8)
        ax.set_xticks([])
        ax.set_xlabel("tasks from left to right as from top to bottom")
        name_rows(ax, np.asarray(self.tasks)[order], first=())
        write_cells(ax, self.image_, "{:.2f}".format)
        return self


def clustered(similarity):
    """Return an order of tasks in which those that are alike are neighbours."""
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    n_tasks = len(similarity)
    if n_tasks < 3:
        return np.arange(n_tasks)
    distance = np.clip(1.0 - 0.5 * (similarity + similarity.T), 0.0, 2.0)
    # A task that is like nothing, itself included, is as far as unrelated ones.
    distance = np.nan_to_num(distance, nan=1.0)
    np.fill_diagonal(distance, 0.0)
    tree = linkage(
        squareform(distance, checks=False),
        "average",
        optimal_ordering=n_tasks <= MOST_ORDERED,
    )
    return leaves_list(tree)
