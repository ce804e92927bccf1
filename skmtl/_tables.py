"""The user's table, of whatever kind: one column of it, all others, or numbers."""

import numpy as np
from scipy import sparse
from sklearn.utils.validation import check_array

from ._documentation import see
from ._sklearn_compat import safe_indexing


def check_unique_names(X):
    """Raise if two columns of a frame have the same name."""
    names = list(X.columns)
    if len(set(names)) < len(names):
        twice = sorted({str(name) for name in names if names.count(name) > 1})
        raise ValueError(
            f"The names of the columns of X must be unique; found {twice} more than "
            "once." + see("two-columns-of-one-name")
        )


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
    # Dates turn into counts of their own unit without an error, alone in a table.
    if getattr(column.dtype, "kind", "") in "mM":
        return False
    try:
        np.asarray(column, dtype=np.float64)
    except (ValueError, TypeError):
        return False
    return True


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
