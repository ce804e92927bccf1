"""One shape for every data set of the library: columns in, a Bunch out."""

from typing import NamedTuple

import numpy as np


class Table(NamedTuple):
    """Named columns, with the tasks and the categories coded from zero.

    ``features`` and ``targets`` map a name to a column, ``categories`` the name of a
    coded feature to its labels, and ``task_codes[i]`` is the place of row i's task in
    ``task_names``. Without a task column ``task_feature`` and ``task_codes`` are None
    and every target is a task. Nothing here is written to once it is made.
    """

    features: dict
    targets: dict
    task_names: np.ndarray
    task_codes: np.ndarray | None = None
    task_feature: str | None = None
    categories: dict = {}


def labels(prefix, count):
    """Return `count` names whose order as text is their order as numbers."""
    width = max(2, len(str(count - 1)))
    return np.array([f"{prefix}{number:0{width}d}" for number in range(count)])


def matrix_columns(X):
    """Return the columns of a generated matrix under the names x00, x01, ..."""
    return dict(zip(labels("x", X.shape[1]).tolist(), X.T, strict=True))


def arrays(table):
    """Return X and y as arrays: the last column of X holds the task's code."""
    columns = list(table.features.values())
    if table.task_codes is not None:
        columns.append(table.task_codes)
    y = list(table.targets.values())
    X = np.column_stack(columns).astype(np.float64, copy=False)
    return X, (y[0] if len(y) == 1 else np.column_stack(y))


def frames(table):
    """Return X, y and both side by side as pandas objects."""
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError(
            "as_frame=True needs pandas, which is not installed. "
            "Install pandas, or pass as_frame=False for arrays."
        ) from error
    columns = dict(table.features)
    for name, categories in table.categories.items():
        codes = np.nan_to_num(columns[name], nan=-1.0).astype(np.intp)
        columns[name] = pd.Categorical.from_codes(codes, list(categories))
    if table.task_codes is not None:
        columns[table.task_feature] = table.task_names[table.task_codes]
    frame = pd.DataFrame(columns | table.targets)
    names = list(table.targets)
    y = frame[names[0]] if len(names) == 1 else frame[names]
    return frame[list(columns)], y, frame


def pack(table, *, as_frame, return_X_y, **truth):
    """Return ``(X, y)`` or the Bunch that every public function here documents."""
    from sklearn.utils import Bunch

    X, y, *both = frames(table) if as_frame else arrays(table)
    if return_X_y:
        return X, y
    task_feature = table.task_feature
    if task_feature is not None and not as_frame:
        task_feature = -1
    return Bunch(
        data=X,
        target=y,
        frame=both[0] if both else None,
        feature_names=list(table.features),
        target_names=list(table.targets),
        task_feature=task_feature,
        task_names=table.task_names,
        categories={name: list(kept) for name, kept in table.categories.items()},
        **truth,
    )
