"""From what a user passes to what clones of an estimator and trees of tasks learn."""

from numbers import Integral
from typing import NamedTuple

import numpy as np
from scipy import sparse
from sklearn.utils.validation import check_array

from .._columns import as_codes
from .._folds import balanced_folds, class_folds, user_splits
from .._kernels.boosting_records import TreeSettings
from .._tables import take_column
from ._bins import Bins, encode_rows, find_bins, make_table
from ._features import _has_categories, _take
from ._open import NOTHING, enter
from ._problem import Problem
from ._task_heads_cross_fit import Lesson

# Infinity is as good as the largest number that bins tell apart.
LARGEST = 1e300
# Trees of tasks; how many leaves and rows they have is theirs to say.
SETTINGS = TreeSettings(max_leaves=15, min_weight=10.0, shrinkage=1.0)
MISSING = ("NoneType", "NAType", "NaTType")


class Columns(NamedTuple):
    """How trees of tasks read a table: numbers, and whatever else as categories.

    Attributes
    ----------
    categories : dict
        For each position of a column that does not hold numbers, the place of each of
        its values, by their text.
    n_columns : int
    bins : Bins
    """

    categories: dict
    n_columns: int
    bins: Bins | None = None

    def read(self, table):
        """Return a table as numbers; NaN is missing, or was not there at fit."""
        values = np.empty((table.shape[0], self.n_columns))
        plain = [j for j in range(self.n_columns) if j not in self.categories]
        if plain:
            part = (
                table if len(plain) == self.n_columns else _take(table, _array(plain))
            )
            values[:, plain] = check_array(
                part, dtype=np.float64, ensure_all_finite=False, ensure_min_samples=0
            )
        for j, place in self.categories.items():
            column = _texts(take_column(table, j))
            values[:, j] = [place.get(text, np.nan) for text in column]
        return np.clip(values, -LARGEST, LARGEST)

    def encode(self, table):
        """Return the codes of rows to predict."""
        return encode_rows(self.bins, self.read(table))


def find_columns(table, weight):
    """Return how trees of tasks read a table, or None where it is sparse."""
    if sparse.issparse(table):
        return None
    categories = {}
    for j in range(table.shape[1]):
        column = take_column(table, j)
        if not _is_numeric(column):
            texts = sorted({text for text in _texts(column) if text is not None})
            categories[j] = {text: float(k) for k, text in enumerate(texts)}
    columns = Columns(categories, table.shape[1])
    is_category = np.isin(np.arange(columns.n_columns), list(categories))
    weight = weight if (weight != 1.0).any() else None
    return columns._replace(bins=find_bins(columns.read(table), weight, is_category))


def _array(positions):
    return np.array(positions, dtype=np.intp)


def _is_numeric(column):
    if _has_categories(column):
        return False
    if getattr(column.dtype, "kind", "O") in "fiub":
        return True
    try:
        np.asarray(column, dtype=np.float64)
    except (TypeError, ValueError):
        return False
    return True


def _texts(column):
    """Return the values of a column as text, None where one is missing."""
    values = np.asarray(column, dtype=object).tolist()
    return [None if type(v).__name__ in MISSING or v != v else str(v) for v in values]


def open_lesson(rows, X, y, *, loss, n_tasks, n_classes, cv, columns, n_jobs):
    """Return what clones learn from.

    Parameters
    ----------
    rows : Rows
        The training set, with targets in units of scores.
    X, y : table and array
        What the user passed.
    columns : Columns or None
        How trees of tasks read X; without, there are none.
    """
    entries = enter(rows)
    fold, learns = _splits(cv, rows, X, y, n_classes)
    fold, learns = _useful(fold[entries.row], learns[:, entries.row])
    table = None
    if columns is not None:
        values = columns.read(rows.X)
        table = make_table(columns.bins, values[entries.row])
    problem = Problem(
        table=table,
        y=entries.y,
        weight=entries.weight if (entries.weight != 1.0).any() else NOTHING,
        offsets=np.searchsorted(entries.task, np.arange(n_tasks + 1)),
        fold=fold,
        n_folds=len(learns),
        loss=loss,
        settings=SETTINGS,
        max_rounds=1,
        seed=0,
        n_threads=1,
        # Heads rest on scores out of fold alone, which other rows have not.
        learns=learns & (fold >= 0),
    )
    return Lesson(
        problem, rows.X, entries.row, [np.flatnonzero(own) for own in learns], n_jobs
    )


def open_one_task(X, y, weight, columns, loss, n_folds):
    """Return the rows of one task as a problem.

    Parameters
    ----------
    X : table of shape (n_rows, n_features)
    y, weight : float64 arrays of shape (n_rows,)
    columns : Columns or None
    """
    table = None
    if columns is not None:
        table = make_table(columns.bins, columns.read(X))
    stratum = np.zeros(len(y), np.int64)
    return Problem(
        table=table,
        y=y,
        weight=weight if (weight != 1.0).any() else NOTHING,
        offsets=np.array([0, len(y)]),
        fold=balanced_folds(as_codes(X), y, stratum, n_folds),
        n_folds=n_folds,
        loss=loss,
        settings=SETTINGS,
        max_rounds=1,
        seed=0,
        n_threads=1,
    )


def _splits(cv, rows, X, y, n_classes):
    """Return the fold of each row, -1 for none, and the rows each split learns from."""
    if isinstance(cv, Integral):
        codes = as_codes(rows.X)
        if n_classes and rows.y.ndim == 1:
            fold = class_folds(codes, rows.y.astype(np.int64), rows.task, cv)
        else:
            fold = balanced_folds(codes, rows.y, rows.task, cv)
        return fold, fold != np.arange(cv)[:, None]
    splits = user_splits(cv, X, y, rows, classifier=n_classes > 0)
    fold = np.full(rows.weight.size, -1)
    learns = np.zeros((len(splits), fold.size), bool)
    for k, (train, test) in enumerate(splits):
        learns[k, train] = True
        fold[test] = np.where(fold[test] < 0, k, fold[test])
    return fold, learns


def _useful(fold, learns):
    """Return folds without those that nothing is learned for, or no row is in."""
    kept = [k for k, own in enumerate(learns) if own.any() and (fold == k).any()]
    if not kept:
        raise ValueError(
            "cv leaves no split with rows to learn from and others to score: TaskHeads "
            f"needs two rows that differ, and got n_samples = {fold.size}."
        )
    place = np.full(len(learns) + 1, -1)
    place[kept] = np.arange(len(kept))
    return place[fold], learns[kept]
