"""Splitters that know which task a row belongs to.

They read the task from X, so that nothing but the splitter itself need be passed to
:class:`~sklearn.model_selection.GridSearchCV` and its like.
"""

import warnings
from numbers import Integral

import numpy as np
from scipy import sparse
from sklearn.model_selection import BaseCrossValidator
from sklearn.utils import check_random_state, indexable

from ._dealing import deal, deal_groups, deal_overlapping, indicator
from ._labels import build_vocabulary
from ._sklearn_compat import num_samples
from ._strata import build_codes, class_codes, read_times, target_strata
from ._validation import read_task_column

__all__ = ["LeaveOneTaskOut", "TaskKFold", "TaskTimeSeriesSplit"]


class TaskKFold(BaseCrossValidator):
    """K folds with a part of every task in each.

    Each task's rows are dealt to the folds in turn, the next task going on where the
    last one stopped: in every task, and in total, the folds differ by one row at most.
    A task of one row is in one test fold, and unseen in the training rows of that fold.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, at least two.
    task_feature : str, int or None, default=None
        The task's column in X: its name or its position. None takes the columns of a
        two-dimensional ``y`` for tasks, and a one-dimensional ``y`` for one task.
    stratify : bool, default=False
        Whether to spread the classes of ``y`` within each task as well.
    shuffle : bool, default=False
        Whether to deal each task's rows in random order instead of the given one.
    random_state : int, RandomState instance or None, default=None
        Order of the rows when ``shuffle=True``; an int gives the same folds each time.

    See Also
    --------
    TaskTimeSeriesSplit : Train on the past of each task, test on its future.
    LeaveOneTaskOut : Test on a task that training has not seen.

    Notes
    -----
    Without ``shuffle`` a row's fold depends on its place among the rows of its own task
    (and class, with ``stratify``), and on the sizes of the tasks whose labels sort
    before; neighbouring rows of a task lie in different folds.

    ``groups`` passed to :meth:`split` are kept whole: no group has rows on both sides
    of a split. They are placed one by one, large ones first, where least of their tasks
    lies so far; balance is then as good as the groups allow.

    With tasks in the columns of ``y``, missing values (NaN) are spread too: the
    observed rows of every column are balanced over the folds by iterative
    stratification [1]_, so that a column is observed in every training set if it can
    be. scikit-learn's own splitters look at the rows only; for a classifier its integer
    ``cv`` and its stratified splitters reject a two-dimensional ``y`` with NaN, and so
    do all its named scorers (see :func:`skmtl.metrics.make_task_scorer`).

    References
    ----------
    .. [1] Sechidis, K., Tsoumakas, G. and Vlahavas, I. (2011). On the stratification of
       multi-label data. ECML PKDD, 145-158.

    Examples
    --------
    >>> import pandas as pd
    >>> from skmtl.model_selection import TaskKFold
    >>> table = pd.DataFrame({"school": list("aaaabb"), "hours": [1, 2, 3, 4, 5, 6]})
    >>> for train, test in TaskKFold(2, task_feature="school").split(table):
    ...     print(train, test)
    [1 3 5] [0 2 4]
    [0 2 4] [1 3 5]
    """

    # Tells metadata routing that groups are welcome.
    __metadata_request__split = {"groups": True}

    def __init__(
        self,
        n_splits=5,
        *,
        task_feature=None,
        stratify=False,
        shuffle=False,
        random_state=None,
    ):
        check_n_splits(n_splits)
        if random_state is not None and not shuffle:
            raise ValueError("random_state has no effect unless shuffle=True.")
        self.n_splits = n_splits
        self.task_feature = task_feature
        self.stratify = stratify
        self.shuffle = shuffle
        self.random_state = random_state

    def split(self, X, y=None, groups=None):
        """Yield the training and test rows of each fold.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)
            Features, and the column named by ``task_feature`` if there is one.
        y : array of shape (n_samples,) or (n_samples, n_tasks), default=None
            Targets; needed for ``stratify``, and for tasks in columns of ``y``.
        groups : array of shape (n_samples,), default=None
            Rows of one group stay together.

        Yields
        ------
        train : ndarray
            Positions of the training rows.
        test : ndarray
            Positions of the test rows.
        """
        X, y, groups = indexable(X, y, groups)
        fold = self._folds(X, y, groups)
        for f in range(self.n_splits):
            yield np.flatnonzero(fold != f), np.flatnonzero(fold == f)

    def get_n_splits(self, X=None, y=None, groups=None):
        """Return the number of folds.

        Parameters
        ----------
        X, y, groups : object, default=None
            Ignored.

        Returns
        -------
        n_splits : int
            The number of folds.
        """
        return self.n_splits

    def _folds(self, X, y, groups):
        """Return the fold of each row."""
        n_rows = num_samples(X)
        check_enough(n_rows, self.n_splits, "rows")
        rng = check_random_state(self.random_state) if self.shuffle else None
        member = None
        if self.task_feature is None and np.ndim(y) == 2:
            member = target_strata(y, self.stratify)
        if groups is not None:
            return self._group_folds(X, y, groups, member, rng)
        rows = np.arange(n_rows) if rng is None else rng.permutation(n_rows)
        if member is not None:
            return deal_overlapping(member, self.n_splits, rows)
        return deal(self._strata(X, y)[-1], self.n_splits, rows)

    def _group_folds(self, X, y, groups, member, rng):
        """Return the fold of each row, groups kept whole."""
        group = build_codes(groups)
        n_groups = int(group.max()) + 1
        check_enough(n_groups, self.n_splits, "groups")
        tie = np.arange(n_groups) if rng is None else rng.permutation(n_groups)
        if member is None:
            member = sparse.hstack([indicator(code) for code in self._strata(X, y)])
        return deal_groups(member, group, self.n_splits, tie)

    def _strata(self, X, y):
        """Return each row's task and, to stratify by classes, its class in the task."""
        task = np.zeros(num_samples(X), np.int64)
        if self.task_feature is not None:
            task = build_vocabulary(read_task_column(X, self.task_feature))[1]
        if not self.stratify:
            return [task]
        classes = class_codes(y)
        return [task, task * (int(classes.max()) + 1) + classes]


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


class LeaveOneTaskOut(BaseCrossValidator):
    """Test on each task in turn, training on all others.

    What is measured is how well a model does on a task that it has not seen, by
    whatever rule ``unseen_task="shared"`` stands for in it.

    Parameters
    ----------
    task_feature : str or int
        The task's column in X: its name or its position.

    See Also
    --------
    TaskKFold : Test on new rows of known tasks.
    sklearn.model_selection.LeaveOneGroupOut : The same for groups outside X.

    Examples
    --------
    >>> import pandas as pd
    >>> from skmtl.model_selection import LeaveOneTaskOut
    >>> table = pd.DataFrame({"school": list("abab"), "hours": [1, 2, 3, 4]})
    >>> for train, test in LeaveOneTaskOut("school").split(table):
    ...     print(train, test)
    [1 3] [0 2]
    [0 2] [1 3]
    """

    def __init__(self, task_feature):
        if task_feature is None:
            raise ValueError(
                "LeaveOneTaskOut needs a task_feature to tell tasks apart."
            )
        self.task_feature = task_feature

    def split(self, X, y=None, groups=None):
        """Yield the training and test rows for each task, in sorted order of labels.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)
            Features and the task column.
        y : object, default=None
            Ignored.
        groups : object, default=None
            Ignored.

        Yields
        ------
        train : ndarray
            Positions of the rows of all other tasks.
        test : ndarray
            Positions of the task's rows.
        """
        warn_of_groups(self, groups)
        tasks, task = self._read(X)
        for t in range(tasks.size):
            yield np.flatnonzero(task != t), np.flatnonzero(task == t)

    def get_n_splits(self, X=None, y=None, groups=None):
        """Return the number of tasks.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)
            Features and the task column.
        y, groups : object, default=None
            Ignored.

        Returns
        -------
        n_splits : int
            The number of tasks in X.
        """
        return self._read(X)[0].size

    def _read(self, X):
        if X is None:
            raise ValueError(
                "LeaveOneTaskOut needs X: it has one split for every task."
            )
        (X,) = indexable(X)
        tasks, task = build_vocabulary(read_task_column(X, self.task_feature))
        if tasks.size < 2:
            raise ValueError(
                "LeaveOneTaskOut needs at least two tasks, but the task column holds "
                f"{tasks.tolist()} only."
            )
        return tasks, task


def check_n_splits(n_splits):
    """Raise unless the number of splits is an integer of at least two."""
    check_count("n_splits", n_splits, 2)


def check_count(name, value, least):
    """Raise unless a parameter is an integer of at least ``least``."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(
            f"{name} must be an integer of at least {least}, got {value!r}."
        )


def check_enough(count, n_splits, what):
    """Raise if there are fewer rows or groups than folds."""
    if count < n_splits:
        raise ValueError(f"n_splits={n_splits} needs as many {what}, but got {count}.")


def warn_of_groups(splitter, groups):
    """Say that a splitter has no use for groups."""
    if groups is not None:
        warnings.warn(
            f"{type(splitter).__name__} ignores groups.", UserWarning, stacklevel=3
        )
