"""Other layouts of several tasks, to and from one table with a task column."""

from collections.abc import Mapping

import numpy as np

from ._frames import (
    as_table,
    check_rows,
    column_names,
    frame_kind,
    insert_column,
    stack_rows,
)
from ._labels import build_vocabulary, read_labels
from ._sklearn_compat import num_samples, safe_indexing
from ._tables import drop_column, take_column
from ._targets import is_observed
from ._task_column import locate


def stack_tasks(Xs, ys=None, names=None, *, task_feature="task"):
    """Stack one table per task into one table with a task column.

    So come the tables of many files into the one form that all estimators take.

    Parameters
    ----------
    Xs : mapping of label to table, or list of tables
        The features of each task: arrays, sparse matrices, pandas or polars frames, all
        of one kind and with the same columns.
    ys : mapping of label to array, or list of arrays, default=None
        The targets of each task, in the same form.
    names : list of labels, default=None
        The tasks' labels where ``Xs`` is a list; 0, 1 and so on if None.
    task_feature : str, default="task"
        Name of the new column, in frames.

    Returns
    -------
    X : table of shape (n_samples, n_features + 1)
        All rows, task after task, with the task as the last column. An array holds
        objects only where labels are text. A pandas index is kept.
    y : ndarray of shape (n_samples,) or None
        Their targets.

    See Also
    --------
    split_tasks : The way back.
    melt_targets : For tasks that share their rows.

    Examples
    --------
    >>> from skmtl.compose import stack_tasks
    >>> X, y = stack_tasks([[[1.0], [2.0]], [[3.0]]], [[10, 20], [30]])
    >>> X
    array([[1., 0.],
           [2., 0.],
           [3., 1.]])
    >>> y
    array([10, 20, 30])
    """
    labels, tables, targets = _listed(Xs, ys, names)
    tables = [as_table(X) for X in tables]
    _check_alike(tables, labels)
    for label, X, y in zip(labels, tables, targets, strict=True):
        if ys is not None:
            check_rows(X, y, f"Task {label!r}")
    sizes = [num_samples(X) for X in tables]
    task = np.repeat(_label_array(labels), sizes)
    X = _with_task(stack_rows(tables), task, task_feature)
    return X, None if ys is None else np.concatenate([np.asarray(y) for y in targets])


def melt_targets(X, Y, names=None, *, task_feature="task"):
    """Turn columns of targets into rows of one table with a task column.

    Every observed cell of ``Y`` becomes a row; missing cells (NaN or None) are left
    out. The features are copied for every task, where an estimator with
    ``task_feature=None`` takes a two-dimensional ``y`` without copies.

    Parameters
    ----------
    X : table of shape (n_samples, n_features)
        Features that the tasks share.
    Y : table of shape (n_samples, n_tasks)
        One column of targets per task.
    names : list of labels, default=None
        The tasks' labels; the column names of ``Y``, or 0, 1 and so on, if None.
    task_feature : str, default="task"
        Name of the new column, in frames.

    Returns
    -------
    X : table of shape (n_observed, n_features + 1)
        The rows of each task, task after task, with the task as the last column. The
        pandas index is kept: as ``groups`` it holds the targets of a row together.
    y : ndarray of shape (n_observed,)
        Their targets.

    See Also
    --------
    stack_tasks : For tasks with rows of their own.
    split_tasks : One table per task.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl.compose import melt_targets
    >>> X, y = melt_targets([[1.0], [2.0]], [[10.0, 11.0], [np.nan, 22.0]])
    >>> X
    array([[1., 0.],
           [1., 1.],
           [2., 1.]])
    >>> y
    array([10., 11., 22.])
    """
    X, Y_names = as_table(X), list(getattr(Y, "columns", ()))
    Y = as_table(np.asarray(Y))
    check_rows(X, Y, "melt_targets")
    names = _names(names or Y_names, Y.shape[1])
    task, rows = np.nonzero(is_observed(Y).T)
    y = Y[rows, task]
    y = np.array(y.tolist()) if y.dtype.kind == "O" else y
    table = safe_indexing(X, rows, axis=0)
    return _with_task(table, _label_array(names)[task], task_feature), y


def split_tasks(X, y=None, task_feature="task"):
    """Split a table with a task column into one table per task.

    For code that wants tasks one by one; the estimators of skmtl take the table as it
    is.

    Parameters
    ----------
    X : table of shape (n_samples, n_features)
        Features and the task column.
    y : array of shape (n_samples,), default=None
        Targets.
    task_feature : str or int, default="task"
        The task's column in X: its name or its position.

    Returns
    -------
    tasks : dict
        For every label, in sorted order, the pair ``(X, y)`` of its rows in the given
        order: features without the task column, and targets (None without ``y``). Both
        stay of the kind they were; an array of objects whose features are numbers
        becomes an array of numbers.

    See Also
    --------
    stack_tasks : The way back.

    Examples
    --------
    >>> from skmtl.compose import split_tasks
    >>> tasks = split_tasks([[1.0, 7], [2.0, 5], [3.0, 7]], [10, 20, 30], -1)
    >>> sorted(tasks)
    [5.0, 7.0]
    >>> X, y = tasks[7.0]
    >>> X
    array([[1.],
           [3.]])
    >>> y
    [10, 30]
    """
    X = as_table(X)
    if y is not None:
        check_rows(X, y, "split_tasks")
    names = np.array(X.columns, dtype=object) if frame_kind(X) is not None else None
    column = locate(task_feature, X.shape[1], names)
    tasks, task = build_vocabulary(read_labels(take_column(X, column)))
    features = drop_column(X, column)
    if isinstance(features, np.ndarray) and features.dtype.kind == "O":
        plain = np.array(features.tolist())
        features = plain if plain.dtype.kind in "biuf" else features
    order = np.argsort(task, kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(task))[:-1])
    return {
        label: (
            safe_indexing(features, rows, axis=0),
            None if y is None else safe_indexing(y, rows, axis=0),
        )
        for label, rows in zip(tasks.tolist(), parts, strict=True)
    }


def _listed(Xs, ys, names):
    """Return labels, tables and targets as three lists of one length."""
    if isinstance(Xs, Mapping):
        if names is not None:
            raise ValueError("names are the keys of Xs where Xs is a mapping.")
        if ys is not None and (not isinstance(ys, Mapping) or set(ys) != set(Xs)):
            raise ValueError("ys must be a mapping with the same labels as Xs.")
        labels, tables = list(Xs), list(Xs.values())
        targets = [None] * len(labels) if ys is None else [ys[t] for t in labels]
    else:
        tables = list(Xs)
        targets = [None] * len(tables) if ys is None else list(ys)
        if len(targets) != len(tables):
            raise ValueError(f"Xs has {len(tables)} tasks but ys has {len(targets)}.")
        labels = _names(names, len(tables))
    if not tables:
        raise ValueError("Xs has no task.")
    return labels, tables, targets


def _names(names, n_tasks):
    """Return one label per task, no two alike."""
    names = list(range(n_tasks)) if names is None or len(names) == 0 else list(names)
    if len(names) != n_tasks or len(set(names)) != n_tasks:
        raise ValueError(f"names must be {n_tasks} different labels, got {names}.")
    return names


def _label_array(labels):
    """Return labels as the task column would be read, so that mixtures fail here."""
    column = np.empty(len(labels), dtype=object)
    column[:] = labels
    return read_labels(column)


def _check_alike(tables, labels):
    """Raise unless all tables are of one kind and have the same columns."""
    kind, columns = frame_kind(tables[0]), column_names(tables[0])
    for label, X in zip(labels, tables, strict=True):
        if frame_kind(X) != kind or type(X) is not type(tables[0]):
            raise TypeError("The tables of all tasks must be of one kind.")
        if column_names(X) != columns:
            raise ValueError(
                f"Task {label!r} has the columns {column_names(X)}, task {labels[0]!r} "
                f"has {columns}; all tasks need the same, in the same order."
            )


def _with_task(X, task, name):
    """Return the table with the task as its last column."""
    if frame_kind(X) is not None and name in X.columns:
        raise ValueError(
            f"X already has a column {name!r}; name the new one by task_feature."
        )
    return insert_column(X, X.shape[1], task, name)
