"""The task as further columns of any table: indicators, or one category."""

from inspect import signature
from numbers import Integral

import numpy as np
from scipy import sparse
from sklearn.utils.validation import has_fit_parameter

from ._tables import take_column


def append_indicators(X, task, n_tasks):
    """Return a table with one more column per task: 1 in its rows, 0 elsewhere."""
    # Many estimators take sparse tables with 32-bit positions only.
    known = np.flatnonzero(task >= 0).astype(np.int32)
    place = known, task[known].astype(np.int32)
    block = sparse.coo_array((np.ones(known.size), place), shape=(task.size, n_tasks))
    if sparse.issparse(X):
        return _beside(X, block)
    block = block.toarray()
    if isinstance(X, np.ndarray):
        return np.hstack([X, _as_kind_of(X, block)])
    names = _new_names(X, n_tasks)
    return _append(X, dict(zip(names, block.T, strict=True)))


def append_category(X, task, tasks, name):
    """Return a table with one more column: the task as a category of a frame.

    Its labels are text, which an estimator that takes them for numbers cannot read.
    Arrays hold the task's position instead. An unseen task is a missing value.
    """
    if not hasattr(X, "columns"):
        code = np.where(task < 0, np.nan, task)[:, None]
        if sparse.issparse(X):
            return _beside(X, sparse.csr_array(code))
        return np.hstack([X, _as_kind_of(X, code)])
    if name is None:
        name = _new_names(X, 1)[0]
    labels = [str(label) for label in tasks.tolist()]
    if hasattr(X, "iloc"):
        import pandas as pd

        return _append(X, {name: pd.Categorical.from_codes(task, labels)})
    import polars as pl

    values = np.array([*labels, None], dtype=object)[task].tolist()
    return _append(X, {name: pl.Series(name, values, dtype=pl.Enum(labels))})


def as_codes(X):
    """Return a table as numbers that are equal where its values are, for hashing."""
    if sparse.issparse(X):
        return X
    if isinstance(X, np.ndarray):
        if X.dtype.kind in "fiub":
            return X.astype(np.float64)
        columns = list(X.T)
    else:
        columns = [take_column(X, j) for j in range(X.shape[1])]
    return np.column_stack([_column_codes(column) for column in columns])


def _column_codes(column):
    values = column.to_numpy() if hasattr(column, "to_numpy") else np.asarray(column)
    try:  # Numbers stay what they are, in whatever container they come.
        return values.astype(np.float64)
    except (TypeError, ValueError):
        return np.unique(values.astype(str), return_inverse=True)[1].astype(np.float64)


def mark_category(estimator, X):
    """Return parameters and ``fit`` arguments that make the last column a category."""
    last, parameters = X.shape[1] - 1, estimator.get_params()
    if "categorical_features" in parameters:
        marked = parameters["categorical_features"]
        return {"categorical_features": _with_last(marked, X, last)}, {}
    if hasattr(X, "columns"):
        return {}, {}
    if has_fit_parameter(estimator, "categorical_feature"):
        default = signature(estimator.fit).parameters["categorical_feature"].default
        if default == "auto":
            return {}, {"categorical_feature": [last]}
    raise ValueError(
        f"encode='category' cannot tell {type(estimator).__name__} which column of an "
        "array is a category. Pass a DataFrame, whose categories many estimators read, "
        "or use encode='onehot'."
    )


def _with_last(marked, X, last):
    """Add the last column to the columns that a user has marked as categories."""
    if isinstance(marked, str):  # "from_dtype", which reads the dtypes of a frame
        return marked if hasattr(X, "columns") else [last]
    if marked is None or len(marked) == 0:
        return [last]
    marked = list(marked)
    if isinstance(marked[0], str):
        return [*marked, X.columns[last]]
    if isinstance(marked[0], (bool, np.bool_)):
        return [*marked, True]
    return [*marked, last]


def _beside(X, block):
    kind = sparse.csr_array if isinstance(X, sparse.sparray) else sparse.csr_matrix
    return kind(sparse.hstack([X, block], format="csr"))


def _as_kind_of(X, block):
    return block.astype(X.dtype) if X.dtype.kind in "fUO" else block


def _new_names(X, n_names):
    """Return names that the table does not have, of the kind of those that it has."""
    names = list(X.columns)
    if names and all(isinstance(name, Integral) for name in names):
        return list(range(max(names) + 1, max(names) + 1 + n_names))
    prefix = "task"
    while any(str(name).startswith(f"{prefix}_") for name in names):
        prefix += "_"
    return [f"{prefix}_{t}" for t in range(n_names)]


def _append(X, columns):
    if hasattr(X, "iloc"):
        import pandas as pd

        return pd.concat([X, pd.DataFrame(columns, index=X.index)], axis=1)
    import polars as pl

    return X.hstack([pl.Series(name, column) for name, column in columns.items()])
