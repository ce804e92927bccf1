"""The door: user input is checked here once and becomes arrays kernels can trust."""

from numbers import Integral
from typing import NamedTuple

import numpy as np
from scipy import sparse
from sklearn.base import is_classifier
from sklearn.utils import assert_all_finite
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    check_array,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from ._documentation import address, see
from ._labels import (
    build_vocabulary,
    check_known,
    encode,
    extend_vocabulary,
    read_labels,
    warn_if_transformed,
)
from ._sklearn_compat import (
    CallbackSupportMixin,
    StrOptions,
    check_sample_weight,
    num_samples,
    safe_indexing,
)
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
        table, labels = split_table(self, X, reset=not extend, view=lean)
        if not (lean and is_aligned(table)):
            table = as_numbers(self, table) if numeric else table
        features = table
        y, target_names = self._check_y(y)
        check_consistent_length(features, y)
        weight = np.ones(num_samples(features))
        if sample_weight is not None:
            weight = check_sample_weight(sample_weight, table)
        kept = np.flatnonzero(weight)
        n_rows_passed = weight.size
        if kept.size < weight.size:
            features = safe_indexing(features, kept, axis=0)
            y, weight = y[kept], weight[kept]
            labels = None if labels is None else labels[kept]
        task = self._set_tasks(y, labels, target_names, extend)
        if is_classifier(self):
            y = self._set_classes(y, extend)
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

    def _check_y(self, y):
        """Return y as one vector, or as one column per task with their names."""
        shape = y.shape if hasattr(y, "shape") else np.asarray(y).shape
        n_columns = shape[1] if len(shape) == 2 else len(shape)
        wide_allowed = self.task_feature is None and self._accepts_wide_y
        # scikit-learn's classifiers take a single column for a vector, and say so.
        if (
            len(shape) == 2
            and wide_allowed
            and (n_columns > 1 or not is_classifier(self))
        ):
            names = list(getattr(y, "columns", range(n_columns)))
            return check_targets(self, y), names
        if len(shape) > 2 or n_columns > 1:
            reason = (
                f"task_feature={self.task_feature!r} already names each row's task; "
                "skmtl.compose.melt_targets turns columns of y into rows."
                + see("columns-of-y-beside-a-task-column")
                if self.task_feature is not None
                else f"{type(self).__name__} takes one target at a time."
            )
            raise ValueError(
                f"y should be a 1d array, got an array of shape {shape} instead: "
                f"{reason}"
            )
        y = column_or_1d(y, warn=True)
        if is_classifier(self):
            assert_all_finite(y, input_name="y", estimator_name=type(self).__name__)
            check_classification_targets(y)
            return y, None
        y = check_array(
            y, ensure_2d=False, dtype=np.float64, input_name="y", estimator=self
        )
        return y, None

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

    def _set_classes(self, y, extend):
        """Set ``classes_`` and return class positions as floats, NaN where missing."""
        observed = np.ones(y.shape, bool) if y.ndim == 1 else is_observed(y)
        values = y[observed]
        if y.ndim == 2 and y.dtype.kind == "O":
            values = np.array(values.tolist())
        classes = self.classes_ if extend else np.unique(values)
        if y.ndim == 2 and classes.size > 2:
            raise ValueError(
                f"With one task per column, y must hold two classes; found "
                f"{classes.size}: {classes[:5].tolist()}. Use "
                "skmtl.compose.melt_targets and a task column for more classes."
            )
        position = np.searchsorted(classes, values).clip(max=classes.size - 1)
        if (classes[position] != values).any():
            unknown = np.setdiff1d(values, classes)
            raise ValueError(
                f"y has the classes {unknown.tolist()}, which are not among "
                f"{classes.tolist()}; name all of them in the first call."
            )
        self.classes_ = classes
        codes = np.full(y.shape, np.nan)
        codes[observed] = position
        return codes


def name_tasks(target_names):
    """Return ``tasks_`` of an estimator whose table has no task column."""
    names = [0] if target_names is None else target_names
    text = any(isinstance(name, str) for name in names)
    return np.array(names, dtype=object if text else None)


def is_observed(y):
    """Return where an array of targets holds a value."""
    if y.dtype.kind == "O":
        flat = (v is not None and v == v for v in y.ravel().tolist())
        return np.fromiter(flat, bool, y.size).reshape(y.shape)
    return ~np.isnan(y) if y.dtype.kind == "f" else np.ones(y.shape, bool)


def check_targets(estimator, y):
    """Check a table with one column per task, where NaN means not observed."""
    dtype = None if is_classifier(estimator) else np.float64
    y = check_array(
        y,
        dtype=dtype,
        ensure_all_finite="allow-nan" if dtype else False,
        ensure_min_samples=1,
        input_name="y",
        estimator=estimator,
    )
    observed = is_observed(y)
    if y.dtype.kind == "f" and np.isinf(y[observed]).any():
        raise ValueError("Input y contains infinity; a missing target must be NaN.")
    if not observed.any():
        raise ValueError(
            f"y of shape {y.shape} has no observed value: all of it is missing."
        )
    return y


def split_table(estimator, X, *, reset, view=False):
    """Return the table without its task column, and that column's labels or None.

    Names and number of columns are checked, and at fit recorded, for the whole table.
    With ``view``, the table returned may share its memory with the one passed.
    """
    sparse_kinds = ["csr", "csc"] if estimator._accepts_sparse else False
    task_feature = estimator.task_feature
    if hasattr(X, "columns"):
        check_unique_names(X)
    else:
        X = check_array(
            X,
            dtype=None,
            ensure_all_finite=False,
            accept_sparse=sparse_kinds,
            estimator=estimator,
        )
    if num_samples(X) == 0:
        raise ValueError(
            f"Found array with 0 sample(s) (shape={np.shape(X)}) while a minimum of 1 "
            f"is required by {type(estimator).__name__}."
        )
    validate_data(estimator, X, reset=reset, skip_check_array=True)
    if task_feature is None:
        return X, None
    if reset:
        names = getattr(estimator, "feature_names_in_", None)
        estimator._task_column = locate(task_feature, estimator.n_features_in_, names)
    column = estimator._task_column
    labels = read_labels(take_column(X, column))
    at_end = column in (0, X.shape[1] - 1)
    if view and at_end and isinstance(X, np.ndarray) and X.dtype == np.float64:
        return (X[:, 1:] if column == 0 else X[:, :-1]), labels
    return restore_numbers(drop_column(X, column)), labels


def check_unique_names(X):
    """Raise if two columns of a frame have the same name."""
    names = list(X.columns)
    if len(set(names)) < len(names):
        twice = sorted({str(name) for name in names if names.count(name) > 1})
        raise ValueError(
            f"The names of the columns of X must be unique; found {twice} more than "
            "once." + see("two-columns-of-one-name")
        )


def restore_numbers(table):
    """Return an array of text as numbers where it is nothing else.

    One text label makes text of a whole list of lists.
    """
    if not isinstance(table, np.ndarray) or table.dtype.kind != "U":
        return table
    try:
        return table.astype(np.float64)
    except ValueError:
        return table


def locate(task_feature, n_features, names):
    """Return the position of the task column.

    A name that is not there but ends one column's name after two underscores is that
    column: so does a ``ColumnTransformer`` prefix the names of what it passes through.
    """
    if isinstance(task_feature, bool):
        raise TypeError(
            f"task_feature must be a column's name or its position, got {task_feature}."
        )
    if isinstance(task_feature, str):
        position = _locate_name(task_feature, names)
    elif -n_features <= task_feature < n_features:
        position = int(task_feature) % n_features
    else:
        raise ValueError(
            f"task_feature={task_feature} is not a column of X, which has n_features="
            f"{n_features} columns."
        )
    if n_features == 1:
        raise ValueError(
            "X has 1 feature(s), n_features = 1, and that is the task column: nothing "
            "is left to learn from."
        )
    return position


def _locate_name(task_feature, names):
    if names is None:
        raise ValueError(
            f"task_feature={task_feature!r} names a column, but the columns of X have "
            "no (string) names. Pass a DataFrame, keep names through a pipeline with "
            "set_output(transform='pandas') or skmtl.compose.keep_task, or give the "
            "column's position, such as task_feature=-1." + see("a-table-without-names")
        )
    found = np.flatnonzero(names == task_feature)
    if found.size == 0:
        ending = "__" + task_feature
        found = np.flatnonzero([name.endswith(ending) for name in names])
    if found.size != 1:
        count = "no" if found.size == 0 else f"{found.size}"
        raise ValueError(
            f"task_feature={task_feature!r} matches {count} columns of X; its columns "
            f"are {list(names[:20])}." + see("a-name-that-is-not-there")
        )
    return int(found[0])


def take_column(X, column):
    """Return one column of any table as a one-dimensional column of its own kind."""
    if hasattr(X, "iloc"):
        return X.iloc[:, column]
    if sparse.issparse(X):
        return X[:, [column]].toarray().ravel()
    return safe_indexing(X, column, axis=1)


def drop_column(X, column):
    """Return the table without one column, in a container of the same kind."""
    kept = np.delete(np.arange(X.shape[1]), column)
    if hasattr(X, "iloc"):
        return X.iloc[:, kept]
    if isinstance(X, np.ndarray):
        return np.delete(X, column, axis=1)
    if sparse.issparse(X):
        return X[:, kept]
    return safe_indexing(X, kept, axis=1)


def as_numbers(estimator, table):
    """Return the features as finite float64 in rows, or say which are not numbers."""
    try:
        return check_array(
            table,
            dtype=np.float64,
            order="C",
            accept_sparse=["csr"] if estimator._accepts_sparse else False,
            input_name="X",
            estimator=estimator,
        )
    except (ValueError, TypeError) as error:
        odd = text_columns(table)
        if not odd:
            raise
        raise ValueError(
            f"Columns of X that are not numbers: {odd}. Encode them, for example by "
            "skmtl.compose.keep_task(OneHotEncoder(), task_feature), or name the task "
            f"column by task_feature (now {estimator.task_feature!r})."
            + see("columns-that-are-not-numbers")
        ) from error


def is_aligned(features):
    """Return whether a table is an array whose rows are vectors of float64."""
    if not isinstance(features, np.ndarray) or features.dtype != np.float64:
        return False
    step, width = features.strides[1], features.strides[0]
    aligned = features.flags.aligned and width % features.itemsize == 0
    wide = width >= features.shape[1] * features.itemsize
    return aligned and wide and step == features.itemsize


def as_rows(features):
    """Return numeric features in the one layout for which kernels are compiled."""
    if not sparse.issparse(features):
        return np.require(features, np.float64, "CA")
    features = sparse.csr_array(features)
    if not features.has_canonical_format:
        features = features.copy()
        features.sum_duplicates()
    return features


def text_columns(table):
    """Return the names of a frame's columns that are not numbers."""
    if not hasattr(table, "columns"):
        return []
    return [
        name
        for position, name in enumerate(table.columns)
        if not _is_numeric(take_column(table, position))
    ]


def _is_numeric(column):
    try:
        np.asarray(column, dtype=np.float64)
    except (ValueError, TypeError):
        return False
    return True


def read_task_column(X, task_feature):
    """Return the labels in the task column of a table that no estimator has seen."""
    if not hasattr(X, "columns"):
        X = X if sparse.issparse(X) else np.asarray(X)
    names = np.array(X.columns, dtype=object) if hasattr(X, "columns") else None
    if X.shape[1] == 1 and not isinstance(task_feature, str):
        return read_labels(take_column(X, 0))
    return read_labels(take_column(X, locate(task_feature, X.shape[1], names)))


def class_weighted(wanted, weight, stratum, position, classes):
    """Return weights of rows times those that a user wants classes to have.

    Parameters
    ----------
    wanted : "balanced" or dict
    weight : float64 array of shape (n_rows,)
    stratum : int64 array of shape (n_rows,)
        Within which "balanced" classes weigh the same.
    position : int64 array of shape (n_rows,)
        Each row's class among ``classes``.
    classes : array of shape (n_classes,)
    """
    if isinstance(wanted, str):
        return balanced_weights(weight, stratum, position, max(classes.size, 2))
    names = classes.tolist()
    unknown = [name for name in wanted if name not in names]
    if unknown:
        raise ValueError(
            f"class_weight has the classes {unknown}, which are not among {names}."
        )
    return weight * np.array([wanted.get(name, 1.0) for name in names])[position]


def balanced_weights(weight, stratum, classes, n_classes):
    """Return weights under which every class of a stratum weighs the same in it."""
    cell = stratum * n_classes + classes
    in_cell = np.bincount(cell, weight)[cell]
    in_stratum = np.bincount(stratum, weight)[stratum]
    present = np.unique(cell) // n_classes
    n_present = np.bincount(present, minlength=int(stratum.max(initial=0)) + 1)
    return weight * in_stratum / (n_present[stratum] * in_cell)
