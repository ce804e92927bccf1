"""A finite pool of rows that are handed out task by task, each once."""

from numbers import Integral

import numpy as np
from sklearn.utils import check_random_state

from .._frames import as_table, check_rows
from .._labels import build_vocabulary
from .._sklearn_compat import safe_indexing
from .._tables import drop_column
from .._task_column import locate, read_task_column

__all__ = ["PoolOracle"]


class PoolOracle:
    """Hand out rows of a table task by task, as if each had to be bought.

    Calling ``oracle(task, n)`` returns ``(X, y)``: the next `n` rows of a task without
    the task column, or all that are left if these are fewer. No row is handed out
    twice. Within each task the order is random, and depends neither on how many rows
    are asked for at a time nor on what was asked of other tasks.

    Parameters
    ----------
    X : table of shape (n_samples, n_features)
        Features and task column: a frame, an array or a sparse matrix. What is handed
        out is of the same kind.
    y : array of shape (n_samples,)
        Targets of the rows.
    task_feature : str or int
        Name or position of the column of X that holds each row's task.
    random_state : int, RandomState instance or None, default=None
        Fixes the order of rows within tasks.

    Attributes
    ----------
    tasks : list
        Labels of the tasks, sorted.
    n_drawn : dict
        Number of rows handed out so far, by task.

    See Also
    --------
    run_active_learning : Buy rows of an oracle round by round.

    Notes
    -----
    A copy or a pickle goes on from where the original stood.

    Examples
    --------
    >>> from skmtl.active import PoolOracle
    >>> from skmtl.datasets import load_radon
    >>> homes = load_radon()
    >>> oracle = PoolOracle(
    ...     homes.data, homes.target, task_feature="county", random_state=0
    ... )
    >>> oracle.available["AITKIN"]
    4
    >>> X, y = oracle("AITKIN", 10)
    >>> X.shape, oracle.available["AITKIN"]
    ((4, 2), 0)
    """

    def __init__(self, X, y, *, task_feature, random_state=None):
        X = as_table(X)
        if not hasattr(y, "iloc"):
            y = np.asarray(y)
        check_rows(X, y, "The pool")
        names = np.array(X.columns, object) if hasattr(X, "columns") else None
        tasks, code = build_vocabulary(read_task_column(X, task_feature))
        self.X = _as_numbers(drop_column(X, locate(task_feature, X.shape[1], names)))
        self.y = y
        self.tasks = tasks.tolist()
        self._rows = _shuffled(code, len(self.tasks), random_state)
        self.restart()

    def restart(self):
        """Take all rows back; they will be handed out in the same order.

        Returns
        -------
        self : PoolOracle
            The oracle itself.
        """
        self.n_drawn = dict.fromkeys(self.tasks, 0)
        return self

    @property
    def available(self):
        """Number of rows left, by task."""
        pairs = zip(self.tasks, self._rows, strict=True)
        return {task: rows.size - self.n_drawn[task] for task, rows in pairs}

    def __call__(self, task, n):
        """Return the next rows of a task, `n` or as many as are left.

        Parameters
        ----------
        task : label
            One of ``tasks``.
        n : int
            Number of rows.

        Returns
        -------
        X : table of shape (n_rows, n_features - 1)
            The rows without the task column.
        y : array of shape (n_rows,)
            Their targets.
        """
        if task not in self.n_drawn:
            raise ValueError(
                f"Unknown task {task!r}: the pool has {len(self.tasks)} tasks, "
                f"{_shown(self.tasks)}."
            )
        if not isinstance(n, Integral) or isinstance(n, bool) or n < 0:
            raise ValueError(f"n must be a whole number >= 0, got {n!r}.")
        first = self.n_drawn[task]
        rows = self._rows[self.tasks.index(task)][first : first + n]
        self.n_drawn[task] = first + rows.size
        return safe_indexing(self.X, rows, axis=0), safe_indexing(self.y, rows)


def _shuffled(code, n_tasks, random_state):
    """Return the rows of each task in a random order."""
    random_state = check_random_state(random_state)
    order = np.argsort(code, kind="stable")
    ends = np.cumsum(np.bincount(code, minlength=n_tasks))[:-1]
    return [random_state.permutation(rows) for rows in np.split(order, ends)]


def _as_numbers(X):
    """Return an array as numbers where only the task's labels were not."""
    if not isinstance(X, np.ndarray) or X.dtype.kind not in "OU":
        return X
    try:
        return X.astype(np.float64)
    except (TypeError, ValueError):
        return X


def _shown(tasks):
    names = [repr(task) for task in tasks]
    return ", ".join(names if len(names) <= 6 else [*names[:3], "...", names[-1]])
