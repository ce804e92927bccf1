"""What rows are spread over folds by: their classes, their observed targets, time."""

import numpy as np
from sklearn.utils.multiclass import type_of_target

from ._frames import as_table
from ._tables import take_column
from ._targets import is_observed
from ._task_column import locate


def build_codes(values):
    """Return one integer per value, in sorted order of the values."""
    return np.unique(np.asarray(values), return_inverse=True)[1].reshape(-1)


def class_codes(y):
    """Return the position of each row's class, or say why y has no classes."""
    if y is None:
        raise ValueError("stratify=True needs y.")
    y = np.asarray(y)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    kind = type_of_target(y)
    if kind not in ("binary", "multiclass"):
        raise ValueError(f"stratify=True needs one class per row, but y is {kind}.")
    return build_codes(y)


def target_strata(y, stratify):
    """Return which rows each column of y is observed in (and in which class)."""
    y = np.asarray(y)
    observed = is_observed(y)
    if not stratify:
        return observed
    strata = [observed]
    for column, seen in zip(y.T, observed.T, strict=True):
        classes = class_codes(np.array(column[seen].tolist())) if seen.any() else []
        member = np.zeros((len(y), max(classes, default=-1) + 1), bool)
        member[np.flatnonzero(seen), classes] = True
        strata.append(member)
    return np.hstack(strata)


def read_times(X, time):
    """Return the rank of each row's time."""
    X = as_table(X)
    names = np.array(X.columns, dtype=object) if hasattr(X, "columns") else None
    times = np.asarray(take_column(X, locate(time, X.shape[1], names)))
    if (times != times).any():
        raise ValueError(f"The time column {time!r} contains missing values.")
    return build_codes(times)
