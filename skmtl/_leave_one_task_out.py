"""Splits that leave out one task at a time."""

import numpy as np
from sklearn.model_selection import BaseCrossValidator
from sklearn.utils import indexable

from ._labels import build_vocabulary
from ._split_arguments import warn_of_groups
from ._task_column import read_task_column


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
