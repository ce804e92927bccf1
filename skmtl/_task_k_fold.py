"""K folds with a part of every task in each."""

import numpy as np
from scipy import sparse
from sklearn.model_selection import BaseCrossValidator
from sklearn.utils import check_random_state, indexable

from ._dealing import deal, deal_groups, deal_overlapping, indicator
from ._labels import build_vocabulary
from ._sklearn_compat import num_samples
from ._split_arguments import check_enough, check_n_splits
from ._strata import build_codes, class_codes, target_strata
from ._task_column import read_task_column


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
