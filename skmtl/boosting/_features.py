"""Features as boosting reads them: numbers, missing values, and codes of categories."""

import numpy as np
from sklearn.utils.validation import check_array

from .._tables import take_column


class Features:
    """Which columns are categories, and which values these have.

    Parameters
    ----------
    categories : dict
        For each position of a column of categories its values, in order.
    names : list
        How to call the columns in messages.
    """

    def __init__(self, categories, names):
        self.categories, self.names = categories, names

    @property
    def n_features(self):
        """Number of columns."""
        return len(self.names)

    @property
    def is_category(self):
        """Which columns are categories."""
        return np.isin(np.arange(self.n_features), list(self.categories))

    def read(self, estimator, table):
        """Return a table as numbers in rows; categories are counted from zero.

        NaN is a missing value or a category that was not there at fit.
        """
        if not self.categories:
            return _as_numbers(estimator, table)
        columns = np.empty((len(table), self.n_features))
        plain = np.flatnonzero(~self.is_category)
        if plain.size:
            columns[:, plain] = _as_numbers(estimator, _take(table, plain))
        for j, values in self.categories.items():
            columns[:, j] = _positions(take_column(table, j), values)
        return columns


def find_features(estimator, table):
    """Return what is known of the columns of a training table."""
    names = list(getattr(table, "columns", range(table.shape[1])))
    chosen = _chosen(estimator, table, names)
    return Features({j: _values(take_column(table, j)) for j in chosen}, names)


def _chosen(estimator, table, names):
    """Return the positions of the columns that are categories."""
    wanted = estimator.categorical_features
    if wanted is None:
        return []
    if isinstance(wanted, str):
        return [j for j in range(len(names)) if _has_categories(take_column(table, j))]
    wanted = np.asarray(wanted)
    if wanted.dtype == bool:
        wanted = _without_task(estimator, wanted, "categorical_features")
        return np.flatnonzero(wanted).tolist()
    return sorted({_position(estimator, name, names) for name in wanted.tolist()})


def signs(estimator, names):
    """Return the monotone constraint of each column: 1, 0 or -1; None for no one."""
    wanted = estimator.monotonic_cst
    if wanted is None:
        return None
    if isinstance(wanted, dict):
        sign = np.zeros(len(names), np.int64)
        for name, value in wanted.items():
            sign[_position(estimator, name, names, "monotonic_cst")] = value
    else:
        sign = _without_task(estimator, np.asarray(wanted), "monotonic_cst")
    if not np.isin(sign, (-1, 0, 1)).all():
        raise ValueError(
            "monotonic_cst must hold -1 (falling), 0 or 1 (rising) for each feature; "
            f"got {wanted!r}."
        )
    return sign.astype(np.int64) if sign.any() else None


def _without_task(estimator, values, parameter):
    """Return one value for each column but that of the task."""
    n_columns = estimator.n_features_in_
    if values.shape != (n_columns,):
        raise ValueError(
            f"{parameter} must have one value for each of the {n_columns} columns of "
            f"X; its shape is {values.shape}."
        )
    if estimator.task_feature is None:
        return values
    return np.delete(values, estimator._task_column)


def _position(estimator, name, names, parameter="categorical_features"):
    """Return where a column, given by name or by its position in X, is in the table."""
    if isinstance(name, str):
        if name not in names:
            raise ValueError(
                f"{parameter} has {name!r}, which is not a feature of X; features are "
                f"{names[:20]}."
            )
        return names.index(name)
    n_columns = estimator.n_features_in_
    if not 0 <= name < n_columns:
        raise ValueError(
            f"{parameter} has the position {name}, but X has {n_columns} columns."
        )
    if estimator.task_feature is None:
        return name
    if name == estimator._task_column:
        raise ValueError(
            f"{parameter} has the position {name}, which is that of the task column."
        )
    return name - (name > estimator._task_column)


def _has_categories(column):
    """Return whether a column of a frame is of a type for categories."""
    kind = str(getattr(column, "dtype", "")).lower()
    return kind.startswith(("category", "categorical", "enum"))


def _values(column):
    """Return the values of a column of categories, in order."""
    column = np.asarray(column, dtype=object)
    kept = column[~_is_missing(column)]
    try:
        return sorted(set(kept.tolist()))
    except TypeError:
        raise ValueError(
            f"A column of categories mixes values that have no order, such as "
            f"{kept[:3].tolist()}."
        ) from None


def _positions(column, values):
    """Return where each value of a column is among some, NaN where it is not."""
    place = {value: float(k) for k, value in enumerate(values)}
    column = np.asarray(column, dtype=object)
    known = np.flatnonzero(~_is_missing(column))
    positions = np.full(len(column), np.nan)
    positions[known] = [place.get(value, np.nan) for value in column[known].tolist()]
    return positions


def _is_missing(column):
    return np.array([value is None or value != value for value in column.tolist()])


def _take(table, kept):
    """Return some columns of a table."""
    if hasattr(table, "iloc"):
        return table.iloc[:, kept]
    if hasattr(table, "columns"):
        return table[:, kept.tolist()]
    return table[:, kept]


def _as_numbers(estimator, table):
    """Return a table as float64; NaN is allowed and infinity is not."""
    try:
        return check_array(
            table,
            dtype=np.float64,
            order="C",
            ensure_all_finite="allow-nan",
            input_name="X",
            estimator=estimator,
        )
    except (ValueError, TypeError) as error:
        from .._tables import text_columns

        odd = text_columns(table)
        if not odd:
            raise
        raise ValueError(
            f"Columns of X that are not numbers: {odd}. Name them in "
            "categorical_features, give them a categorical type, or name the task "
            f"column by task_feature (now {estimator.task_feature!r})."
        ) from error
