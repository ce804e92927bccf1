"""Splits in the order of time, within each task."""

import numpy as np
from sklearn.model_selection import BaseCrossValidator
from sklearn.utils import indexable

from ._labels import build_vocabulary
from ._sklearn_compat import num_samples
from ._split_arguments import check_count, check_n_splits, warn_of_groups
from ._strata import read_times
from ._task_column import read_task_column


class TaskTimeSeriesSplit(BaseCrossValidator):
    """Train on the past of each task, test on what follows in the same task.

    Split by split every task's training rows grow, and the rows next in time are its
    test rows, as in :class:`~sklearn.model_selection.TimeSeriesSplit` applied to each
    task on its own.

    Parameters
    ----------
    n_splits : int, default=5
        Number of splits, at least two.
    task_feature : str, int or None
        The task's column in X: its name or its position. None is one task.
    gap : int, default=0
        Rows of each task left out between training and test rows.
    test_size : int, default=None
        Test rows of each task in each split; for a task of n rows,
        ``n // (n_splits + 1)``, but at least one, if None.
    max_train_size : int, default=None
        Largest number of training rows of a task, the latest ones; all if None.
    time : str, int or None, default=None
        A column of X to order each task's rows by; None takes them in the given order.

    See Also
    --------
    TaskKFold : For rows whose order does not matter.

    Notes
    -----
    A task too short for all splits takes part in the last ones only: with one test row
    each, a task of n rows has test rows in the last ``n - 1 - gap`` splits. Before that
    it has no rows on either side, and a task of one row never has.

    Rows of a task at the same ``time`` as its first test row do not train.

    Tasks are cut each at a place of their own, so that one task's training rows may lie
    later in time than another's test rows. Where that would tell the future, sort the
    whole table by time and use :class:`~sklearn.model_selection.TimeSeriesSplit`.

    Examples
    --------
    >>> import pandas as pd
    >>> from skmtl.model_selection import TaskTimeSeriesSplit
    >>> table = pd.DataFrame({"shop": list("aaaabbb"), "price": [1, 2, 3, 4, 5, 6, 7]})
    >>> for train, test in TaskTimeSeriesSplit(2, task_feature="shop").split(table):
    ...     print(train, test)
    [0 1 4] [2 5]
    [0 1 2 4 5] [3 6]
    """

    def __init__(
        self,
        n_splits=5,
        *,
        task_feature,
        gap=0,
        test_size=None,
        max_train_size=None,
        time=None,
    ):
        check_n_splits(n_splits)
        check_count("gap", gap, 0)
        for name, size in (
            ("test_size", test_size),
            ("max_train_size", max_train_size),
        ):
            if size is not None:
                check_count(name, size, 1)
        self.n_splits = n_splits
        self.task_feature = task_feature
        self.gap = gap
        self.test_size = test_size
        self.max_train_size = max_train_size
        self.time = time

    def split(self, X, y=None, groups=None):
        """Yield the training and test rows of each split.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)
            Features, and the columns named by ``task_feature`` and ``time``.
        y : object, default=None
            Ignored.
        groups : object, default=None
            Ignored.

        Yields
        ------
        train : ndarray
            Positions of the training rows.
        test : ndarray
            Positions of the test rows.
        """
        warn_of_groups(self, groups)
        order, task, place, size, since = self._ordered(X)
        test_size = np.maximum(size // (self.n_splits + 1), 1)
        if self.test_size is not None:
            test_size[:] = self.test_size
        longest = order.size if self.max_train_size is None else self.max_train_size
        for split in range(self.n_splits):
            start = size - (self.n_splits - split) * test_size
            end = self._training_end(start, size, since)
            test = (place >= start[task]) & (place < (start + test_size)[task])
            test &= end[task] > 0
            train = (place < end[task]) & (place >= (end - longest)[task])
            if not test.any():
                raise ValueError(
                    f"No task has enough rows for split {split + 1} of "
                    f"{self.n_splits}: the longest has {size.max()}. Use a smaller "
                    "n_splits, test_size or gap."
                )
            yield np.sort(order[train]), np.sort(order[test])

    def get_n_splits(self, X=None, y=None, groups=None):
        """Return the number of splits.

        Parameters
        ----------
        X, y, groups : object, default=None
            Ignored.

        Returns
        -------
        n_splits : int
            The number of splits.
        """
        return self.n_splits

    def _ordered(self, X):
        """Return rows by task and time; each one's task, and place in it; sizes.

        The last array holds, for each of these rows, the place in its task of the first
        row at the same time.
        """
        (X,) = indexable(X)
        n_rows = num_samples(X)
        task = np.zeros(n_rows, np.int64)
        if self.task_feature is not None:
            task = build_vocabulary(read_task_column(X, self.task_feature))[1]
        time = np.arange(n_rows)
        if self.time is not None:
            time = read_times(X, self.time)
        order = np.lexsort((time, task))
        task, time, size = task[order], time[order], np.bincount(task)
        place = np.arange(n_rows) - (np.cumsum(size) - size)[task]
        same = np.r_[False, (task[1:] == task[:-1]) & (time[1:] == time[:-1])]
        since = np.maximum.accumulate(np.where(same, 0, np.arange(n_rows)))
        return order, task, place, size, since - (np.arange(n_rows) - place)

    def _training_end(self, start, size, since):
        """Return the place in each task before which its rows train."""
        first_row = np.cumsum(size) - size
        same_time = since[first_row + np.maximum(start, 0)]
        return np.minimum(start, same_time) - self.gap
