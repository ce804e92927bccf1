"""The column of a table that holds each row's task: where it is, and its labels."""

import numpy as np
from scipy import sparse
from sklearn.utils.validation import check_array, validate_data

from ._documentation import see
from ._labels import read_labels
from ._sklearn_compat import num_samples
from ._tables import check_unique_names, drop_column, restore_numbers, take_column


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


def read_task_column(X, task_feature):
    """Return the labels in the task column of a table that no estimator has seen."""
    if not hasattr(X, "columns"):
        X = X if sparse.issparse(X) else np.asarray(X)
    names = np.array(X.columns, dtype=object) if hasattr(X, "columns") else None
    if X.shape[1] == 1 and not isinstance(task_feature, str):
        return read_labels(take_column(X, 0))
    return read_labels(take_column(X, locate(task_feature, X.shape[1], names)))


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
