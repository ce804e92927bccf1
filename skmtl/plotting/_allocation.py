"""What a run of active learning bought in each round."""

import numpy as np

from ._canvas import Display, strength_map, write_plainly
from ._estimators import read_history
from ._names import name_rows, write_cells

# Ratio of the most rows to the fewest beyond which colours stand for factors.
WIDE = 20.0


class AllocationDisplay(Display):
    """A heat map of the rows bought of every task in every round.

    The task of which most was bought is on top. Where nothing was bought the map is
    empty.

    Parameters
    ----------
    tasks : ndarray of shape (n_tasks,)
        Labels of the tasks, most rows first.
    rows : ndarray of shape (n_tasks, n_rounds)
        Rows bought.

    Attributes
    ----------
    image_ : matplotlib AxesImage
        The heat map.
    ax_ : matplotlib Axes
        The axes drawn in.
    figure_ : matplotlib Figure
        Their figure.

    See Also
    --------
    RiskCurveDisplay : What the money was worth.
    RelevanceDisplay : How much each source matters.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import numpy as np
    >>> from skmtl.plotting import AllocationDisplay
    >>> history = {
    ...     "round": np.array([0, 0, 1]),
    ...     "task": np.array(["a", "b", "b"]),
    ...     "received": np.array([10, 10, 80]),
    ... }
    >>> display = AllocationDisplay.from_history(history)
    >>> display.tasks.tolist(), display.rows.tolist()
    (['b', 'a'], [[10.0, 80.0], [10.0, 0.0]])
    >>> plt.close(display.figure_)
    """

    def __init__(self, *, tasks, rows):
        self.tasks = tasks
        self.rows = rows

    @classmethod
    def from_history(cls, history, *, ax=None):
        """Draw what a run bought.

        Parameters
        ----------
        history : table or Bunch
            What :func:`~skmtl.active.run_active_learning` returns, or its ``history``.
        ax : matplotlib Axes, default=None
            Axes to draw in; None makes a figure.

        Returns
        -------
        display : AllocationDisplay
            What was drawn.
        """
        names = "round", "task", "received"
        number, task, received = read_history(cls.__name__, history, *names)
        if number.size == 0:
            raise ValueError("The history is empty: nothing was bought.")
        tasks, place = np.unique(task, return_inverse=True)
        rows = np.zeros((tasks.size, int(number.max()) + 1))
        np.add.at(rows, (place, number.astype(np.intp)), received)
        order = np.argsort(-rows.sum(axis=1), kind="stable")
        return cls(tasks=tasks[order], rows=rows[order]).plot(ax=ax)

    def plot(self, *, ax=None):
        """Draw the heat map.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw in; None makes a figure.

        Returns
        -------
        self : AllocationDisplay
            The display.
        """
        n_tasks, n_rounds = self.rows.shape
        ax = self._open(ax, n_rows=n_tasks, width=6.5)
        shown = np.ma.masked_equal(self.rows[::-1], 0.0)
        self.image_ = ax.imshow(
            shown,
            cmap=strength_map(ax),
            norm=scale_of(shown),
            aspect="auto",
            origin="lower",
            interpolation="nearest",
        )
        bar = ax.figure.colorbar(self.image_, ax=ax, label="rows bought (none: empty)")
        if bar.ax.get_yscale() == "log":
            write_plainly(bar.ax.yaxis)
        step = -(-n_rounds // 12)
        ax.set_xticks(range(0, n_rounds, step))
        ax.set_xlabel("round")
        order = np.asarray(self.tasks)[::-1]
        name_rows(ax, order, range(n_tasks - 1, -1, -1)[:10])
        write_cells(ax, self.image_, "{:.0f}".format)
        return self


def scale_of(rows):
    """Return how numbers of rows become colours: by factors if they differ widely."""
    from matplotlib.colors import LogNorm, Normalize

    some = rows.compressed()
    if some.size and some.max() > WIDE * some.min():
        return LogNorm(some.min(), some.max())
    return Normalize(0.0, some.max() if some.size else 1.0)
