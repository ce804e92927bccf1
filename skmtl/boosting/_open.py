"""From what a user passes to a problem that boosting can solve."""

from numbers import Integral
from typing import NamedTuple

import numpy as np
from sklearn.utils import check_random_state

from .._class_weight import class_weighted
from .._folds import balanced_folds, class_folds, user_splits, usual_folds
from .._kernels.boosting_records import TreeSettings
from .._targets import is_observed
from ._bins import Bins, Table, find_bins, make_table
from ._features import Features, find_features, signs
from ._problem import Problem

NOTHING = np.empty(0)
# Trees deeper than this say little and are slow to read.
MAX_DEPTH = 10


class Entries(NamedTuple):
    """Observed targets, task after task.

    Attributes
    ----------
    row : int64 array of shape (n_entries,)
        Row of the features.
    task : int64 array of shape (n_entries,)
    y, weight : float64 arrays of shape (n_entries,)
    """

    row: np.ndarray
    task: np.ndarray
    y: np.ndarray
    weight: np.ndarray


class Opened(NamedTuple):
    """A training set after the door.

    Attributes
    ----------
    problem : Problem
        Without the scale of its targets.
    features : Features
    bins : Bins
    passed : int64 array of shape (n_entries,)
        Row that the user passed of each entry of the problem.
    n_rows_passed : int
    """

    problem: Problem
    features: Features
    bins: Bins
    passed: np.ndarray
    n_rows_passed: int


def enter(rows):
    """Return the observed targets of rows, sorted by task."""
    if rows.y.ndim == 2:
        task, row = np.nonzero(is_observed(rows.y).T)
        return Entries(row, task, rows.y[row, task], rows.weight[row])
    row = np.argsort(rows.task, kind="stable")
    return Entries(row, rows.task[row], rows.y[row], rows.weight[row])


def open_problem(estimator, rows, X, y, loss, n_classes, n_threads):
    """Return the training set of an estimator.

    Parameters
    ----------
    estimator : object
        Its parameters say how trees grow.
    rows : Rows
        The training set, whose table is as the user passed it.
    X, y : table and array
        What the user passed.
    loss : Loss
    n_classes : int
        0 in a regressor.
    n_threads : int
    """
    features = find_features(estimator, rows.X)
    values = features.read(estimator, rows.X)
    entries = enter(rows)
    if n_classes and estimator.class_weight is not None:
        weight = class_weighted(
            estimator.class_weight,
            entries.weight,
            entries.task,
            entries.y.astype(np.int64),
            estimator.classes_,
        )
        entries = entries._replace(weight=weight)
    seed = estimator.random_state
    random = check_random_state(0 if seed is None else seed)
    seed = random.randint(2**31 - 1)
    weighted = not np.all(entries.weight == 1.0)
    row_weight = None if np.all(rows.weight == 1.0) else rows.weight
    bins = find_bins(values, row_weight, features.is_category, seed=seed)
    monotone = signs(estimator, features.names)
    cv = estimator.cv
    if cv is None:
        cv = usual_folds(entries.y.size)
    # Before the table, which takes room that this needs for a while.
    fold, n_folds, learns = _folds(cv, rows, values, X, y, n_classes)
    table = _table(bins, values, entries, rows.y.ndim, monotone, n_threads)
    offsets = np.searchsorted(entries.task, np.arange(estimator.n_tasks_ + 1))
    problem = Problem(
        table=table,
        y=entries.y,
        weight=entries.weight if weighted else NOTHING,
        offsets=offsets,
        fold=fold[entries.row],
        n_folds=n_folds,
        loss=loss,
        settings=tree_settings(estimator),
        max_rounds=estimator.max_iter,
        seed=seed,
        n_threads=n_threads,
        learns=None if learns is None else learns[:, entries.row],
        verbose=estimator.verbose,
    )
    passed = rows.index[entries.row]
    return Opened(problem, features, bins, passed, rows.n_rows_passed)


def open_task(values, y, weight, bins, loss, settings, n_folds, n_threads):
    """Return the rows of one task as a problem, with the bins of a fitted model.

    Parameters
    ----------
    values : float64 array of shape (n_rows, n_features)
    y, weight : float64 arrays of shape (n_rows,)
    """
    stratum = np.zeros(len(y), np.int64)
    return Problem(
        table=make_table(bins, values, n_threads=n_threads),
        y=y,
        weight=weight if np.any(weight != 1.0) else NOTHING,
        offsets=np.array([0, len(y)]),
        fold=balanced_folds(values, y, stratum, n_folds),
        n_folds=n_folds,
        loss=loss,
        settings=settings,
        max_rounds=1,
        seed=0,
        n_threads=n_threads,
    )


def tree_settings(estimator):
    """Return how shared trees grow."""
    return TreeSettings(
        max_leaves=estimator.max_leaf_nodes,
        max_depth=MAX_DEPTH,
        min_weight=float(estimator.min_samples_leaf),
        shrinkage=float(estimator.l2_regularization),
        learning_rate=float(estimator.learning_rate),
    )


def _table(bins, values, entries, n_dimensions, monotone, n_threads):
    """Return the table of codes with one row for each entry, and room for its task."""
    if n_dimensions == 1:
        return make_table(bins, values, entries.row, monotone, n_threads, n_spare=1)
    table = make_table(bins, values, None, monotone, n_threads, n_spare=1)
    codes = np.take(table.codes, entries.row, axis=0)
    columns = np.take(table.columns, entries.row, axis=1)
    return Table(codes, columns, table.layout)


def with_tasks(table, task, weight, n_tasks):
    """Return the table with one more feature, the tasks, and the code of each task.

    It is written to the spare column. Beyond 255 tasks the largest have codes of their
    own, and others none.
    """
    size = np.bincount(task, weight if weight.size else None, n_tasks)
    named = np.sort(np.argsort(-size, kind="stable")[:255])
    code = np.zeros(n_tasks + 1, np.uint8)
    code[named] = np.arange(1, named.size + 1)
    table.columns[-1] = code[task]
    table.codes[:, -1] = table.columns[-1]
    return table._replace(layout=_wider(table.layout, named.size + 1)), code


def _wider(layout, n_codes):
    """Return the layout of one feature more, whose codes are categories."""
    from .._kernels.boosting_records import IS_CATEGORY, N_CODES
    from .._kernels.task_bins import find_blocks, lay_out

    wider = np.zeros((len(layout) + 1, layout.shape[1]), np.int64)
    wider[:-2] = layout[:-1]
    wider[-2, N_CODES], wider[-2, IS_CATEGORY] = n_codes, 1
    find_blocks(wider)
    lay_out(wider)
    return wider


def _folds(cv, rows, values, X, y, n_classes):
    """Return the fold of each row, the number of folds, and what splits learn from."""
    if isinstance(cv, Integral):
        if n_classes and rows.y.ndim == 1:
            fold = class_folds(values, rows.y.astype(np.int64), rows.task, cv)
        else:
            fold = balanced_folds(values, rows.y, rows.task, cv)
        return fold, int(cv), None
    splits = user_splits(cv, X, y, rows, classifier=n_classes > 0)
    fold = np.full(len(values), -1)
    learns = np.zeros((len(splits), len(values)), bool)
    for k, (train, test) in enumerate(splits):
        learns[k, train] = True
        fold[test] = np.where(fold[test] < 0, k, fold[test])
    return fold, len(splits), learns
