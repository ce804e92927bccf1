"""The door: user input is checked here once and becomes arrays kernels can trust."""

from numbers import Integral
from typing import NamedTuple

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from ._documentation import address
from ._labels import (
    build_vocabulary,
    check_known,
    encode,
    extend_vocabulary,
    warn_if_transformed,
)
from ._sklearn_compat import (
    CallbackSupportMixin,
    StrOptions,
    check_sample_weight,
    num_samples,
    safe_indexing,
)
from ._tables import as_numbers, as_rows, is_aligned
from ._targets import class_positions, name_tasks, read_targets
from ._task_column import split_table
from ._tasks import TaskData, group_rows, group_targets


class Rows(NamedTuple):
    """Rows of the user's table after the door, in the order they were passed.

    Attributes
    ----------
    X : table or float64 array of shape (n_rows, n_features)
        The features, without the task column.
    y : array of shape (n_rows,) or (n_rows, n_tasks)
        Targets; class positions, as floats, in a classifier.
    weight : float64 array of shape (n_rows,)
        Positive: rows of weight zero are gone.
    task : int64 array of shape (n_rows,)
        Position of each row's label in ``tasks_``; zeros when ``y`` is wide.
    index : int64 array of shape (n_rows,)
        Where each row stood among those passed.
    n_rows_passed : int
    """

    X: object
    y: np.ndarray
    weight: np.ndarray
    task: np.ndarray
    index: np.ndarray
    n_rows_passed: int


class Training(NamedTuple):
    """Training rows grouped by task, and where they came from.

    Attributes
    ----------
    data : TaskData
    targets : float64 array of shape (n_rows,) or (n_rows, n_tasks)
        The target of each row of ``data.X``.
    index : int64 array of shape (n_rows,)
        Where each row of ``data.X`` stood among the rows passed.
    n_rows_passed : int
    """

    data: TaskData
    targets: np.ndarray
    index: np.ndarray
    n_rows_passed: int


class TaskMixin(CallbackSupportMixin):
    """Learn which row belongs to which task from a column of X or the columns of y.

    An estimator that inherits from this class has the parameters ``task_feature`` and
    ``unseen_task`` and gets ``tasks_`` and ``n_tasks_`` at fit.
    """

    _parameter_constraints = {
        "task_feature": [str, Integral, None],
        "unseen_task": [StrOptions({"shared", "error"})],
    }
    # Whether y may have two dimensions, and X may be sparse, when no column is named.
    _accepts_wide_y = True
    _accepts_sparse = False
    # Where the question mark in a notebook's picture of an estimator leads.
    _doc_link_module = "skmtl"
    _doc_link_template = address("generated/{estimator_module}.{estimator_name}.html")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.multi_output = (
            self._accepts_wide_y and self.task_feature is None
        )
        tags.input_tags.sparse = self._accepts_sparse
        return tags

    def _open_rows(
        self, X, y, sample_weight=None, *, numeric=True, extend=False, lean=False
    ):
        """Check a training set and set the attributes that describe it.

        With ``extend``, labels that an earlier call has not seen join ``tasks_``. With
        ``lean``, features may be a view of the user's table and are not searched for
        NaN and infinity: the caller answers for that.
        """
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is "
                "None"
            )
        features, labels = split_table(self, X, reset=not extend, view=lean)
        if numeric and not (lean and is_aligned(features)):
            features = as_numbers(self, features)
        y, target_names = read_targets(self, y)
        check_consistent_length(features, y)
        weight = np.ones(num_samples(features))
        if sample_weight is not None:
            weight = check_sample_weight(sample_weight, features)
        kept = np.flatnonzero(weight)
        n_rows_passed = weight.size
        if kept.size < n_rows_passed:
            features = safe_indexing(features, kept, axis=0)
            y, weight = y[kept], weight[kept]
            labels = None if labels is None else labels[kept]
        task = self._set_tasks(y, labels, target_names, extend)
        if is_classifier(self):
            known = self.classes_ if extend else None
            self.classes_, y = class_positions(y, known)
        return Rows(features, y, weight, task, kept, n_rows_passed)

    def _open_training(self, X, y, sample_weight=None, *, extend=False, lean=False):
        """Check a numeric training set and group its rows by task."""
        rows = self._open_rows(X, y, sample_weight, extend=extend, lean=lean)
        features = rows.X if lean and is_aligned(rows.X) else as_rows(rows.X)
        if rows.y.ndim == 2:
            data = group_targets(features, rows.y, rows.weight)
        else:
            data = group_rows(features, rows.y, rows.weight, rows.task, self.n_tasks_)
        return Training(data, rows.y, rows.index, rows.n_rows_passed)

    def _open_query(self, X, *, numeric=True):
        """Return the features of rows to predict and the position of their tasks.

        The position is -1 for a task that fit has not seen, and None where every task
        is asked for each row because fit saw them as columns of y.
        """
        check_is_fitted(self)
        table, labels = split_table(self, X, reset=False)
        features = as_numbers(self, table) if numeric else table
        if labels is None:
            one = not self._tasks_are_targets
            return features, np.zeros(num_samples(features), np.int64) if one else None
        task = encode(labels, self.tasks_)
        if self.unseen_task == "error":
            check_known(labels, task)
        return features, task

    def _set_tasks(self, y, labels, target_names, extend):
        """Set ``tasks_`` and return each row's position in it."""
        self._tasks_are_targets = target_names is not None
        if labels is None:
            tasks, task = name_tasks(target_names), np.zeros(len(y), np.int64)
            if extend and not np.array_equal(tasks, self.tasks_):
                raise ValueError(
                    f"y has the tasks {tasks.tolist()}, but earlier calls saw "
                    f"{self.tasks_.tolist()}: its columns must stay the same."
                )
        elif extend:
            tasks, task = self.tasks_, encode(labels, self.tasks_)
            if (task < 0).any():
                tasks = extend_vocabulary(tasks, labels[task < 0])
                task = encode(labels, tasks)
        else:
            tasks, task = build_vocabulary(labels)
            warn_if_transformed(tasks, task)
        self.tasks_, self.n_tasks_ = tasks, tasks.size
        return task
