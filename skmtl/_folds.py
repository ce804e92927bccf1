"""Folds for cross-validation inside an estimator.

An integer ``cv`` assigns rows to folds by what they contain: copies of a row share a
fold, the order of rows does not matter, and a row of weight two is the row twice.
"""

from numbers import Integral

import numpy as np
from scipy import sparse

from ._tasks import (
    fold_statistics,
    freeze,
    statistics,
    training_statistics,
)

MIX = np.uint64(0x9E3779B97F4A7C15)
TARGET_MIX = np.uint64(0xC2B2AE3D27D4EB4F)
# Rows up to which five folds serve better than three.
FEW_ROWS = 20_000


def usual_folds(n_rows):
    """Return the number of folds where the user names none."""
    return 5 if n_rows <= FEW_ROWS else 3


def hash_rows(X, y):
    """Return one 64-bit number per row that depends on its values only."""
    return _stir(_hash_values(X, MIX) + _hash_values(y, TARGET_MIX))


def _hash_values(values, multiplier):
    if sparse.issparse(values):
        return _hash_sparse(values.tocoo(), multiplier)
    values = values.reshape(len(values), -1)
    total = np.zeros(len(values), np.uint64)
    block = max(1, 2**15 // max(values.shape[1], 1))
    for first in range(0, len(values), block):
        # Adding zero makes one of the two zeros; a NaN is given one bit pattern.
        part = np.nan_to_num(values[first : first + block], nan=0.1234567) + 0.0
        bits = _stir(part.view(np.uint64) * multiplier)
        total[first : first + block] = bits.sum(axis=1, dtype=np.uint64)
    return total


def _hash_sparse(values, multiplier):
    """Return the same numbers for a sparse table: a zero adds nothing to them."""
    data = np.nan_to_num(values.data.astype(np.float64), nan=0.1234567) + 0.0
    total = np.zeros(values.shape[0], np.uint64)
    np.add.at(total, values.row, _stir(data.view(np.uint64) * multiplier))
    return total


def _stir(bits):
    """Spread every bit over all others (the finaliser of SplitMix64)."""
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


def hashed_folds(X, y, n_folds):
    """Return the fold of each row, by its content alone: the same in any batch."""
    return (hash_rows(X, y) % np.uint64(n_folds)).astype(np.int64)


def balanced_folds(X, y, stratum, n_folds):
    """Return the fold of each row, spreading every stratum evenly over all folds.

    Scaling or shifting ``y`` changes nothing: rows are told apart by its rank. Strata
    that begin with the same row begin in different folds: where few rows differ, a fold
    would else hold all that look alike, and what is learned without it be the reverse.
    """
    columns = y.reshape(len(y), -1).T
    ranks = [np.unique(column, return_inverse=True)[1] for column in columns]
    key = hash_rows(X, np.column_stack(ranks).astype(np.float64))
    order = np.lexsort((key, stratum))
    key, stratum = key[order], stratum[order]
    new_stratum = np.r_[True, stratum[1:] != stratum[:-1]]
    new_row = new_stratum | np.r_[True, key[1:] != key[:-1]]
    count = np.cumsum(new_row) - 1
    first, of_row = np.flatnonzero(new_stratum), np.cumsum(new_stratum) - 1
    # The start is a property of the stratum's content, and of its place only among
    # those of the same content.
    content = np.add.reduceat(np.where(new_row, key, np.uint64(0)), first)
    start = (_stir(key[first]) % np.uint64(n_folds)).astype(np.int64)
    start = (start + _place_among_equals(key[first], content))[of_row]
    fold = np.empty(X.shape[0], np.int64)
    fold[order] = (count - count[first][of_row] + start) % n_folds
    if fold.size and (fold == fold[0]).all():
        # Nothing could be learned beside a fold that holds all rows.
        fold[order] = np.unique(key, return_inverse=True)[1]
    return fold % n_folds


def class_folds(X, classes, task, n_folds):
    """Return the fold of each row, spreading the classes of every task over all folds.

    Rows of a task with the same features share a fold whatever their classes are: what
    is learned without some of them would have too much of the other classes there.
    """
    key = hash_rows(X, np.zeros(len(classes)))
    order = np.lexsort((key, task))
    new = np.diff(key[order], prepend=0) != 0
    new[:1], new[1:] = True, new[1:] | (np.diff(task[order]) != 0)
    group = np.empty(order.size, np.int64)
    group[order] = np.cumsum(new) - 1
    n_classes = int(classes.max(initial=0)) + 1
    pairs = np.unique(group * n_classes + classes)
    members = np.zeros(group.max(initial=0) + 1, np.uint64)
    np.add.at(members, pairs // n_classes, _stir((pairs % n_classes).astype(np.uint64)))
    kinds = np.unique(members, return_inverse=True)[1]
    stratum = task * members.size + kinds[group]
    return balanced_folds(X, np.zeros(len(classes)), stratum, n_folds)


def _place_among_equals(group, rank):
    """Return how many before each are of the same group, in the order of their rank."""
    order = np.lexsort((rank, group))
    place, new = np.arange(order.size), np.diff(group[order], prepend=~group[:1]) != 0
    place -= np.maximum.accumulate(np.where(new, place, 0))
    return place[np.argsort(order)]


def task_folds(X, y, task, n_folds, *, classifier):
    """Return the fold of each row, spreading tasks, and their classes, over all."""
    if classifier:
        return class_folds(X, y.astype(np.int64), task, n_folds)
    return balanced_folds(X, y, task, n_folds)


def user_splits(cv, X, y, training, *, classifier=False):
    """Return (train, test) rows of ``training.data.X`` for the user's ``cv``.

    ``cv`` is an integer, a splitter, or a list of splits over the rows of the X that
    the user passed; rows of weight zero are not in ``training`` and drop out here.
    """
    if isinstance(cv, Integral):
        fold = integer_folds(cv, training, classifier=classifier)
        rows = np.arange(len(fold))
        return [(rows[fold != f], rows[fold == f]) for f in range(cv)]
    from sklearn.model_selection import check_cv

    place = np.full(training.n_rows_passed, -1)
    place[training.index] = np.arange(training.index.size)
    splits = []
    for split in check_cv(cv).split(X, y):
        train, test = (place[np.arange(place.size)[part]] for part in split)
        splits.append((train[train >= 0], test[test >= 0]))
    return splits


def integer_folds(n_folds, training, *, classifier=False):
    """Return balanced folds of the training rows, within task (and class)."""
    data, targets = training.data, training.targets
    if targets.ndim == 2:
        one = np.zeros(len(targets), np.int64)
        return balanced_folds(data.X, targets, one, n_folds)
    task = np.empty(len(targets), np.int64)
    task[data.rows] = np.repeat(np.arange(data.n_tasks), np.diff(data.offsets))
    return task_folds(data.X, targets, task, n_folds, classifier=classifier)


def choose_rows(data, rows):
    """Return the data of some rows of X; a row chosen twice counts twice."""
    count = np.bincount(rows, minlength=data.X.shape[0])[data.rows]
    kept = count > 0
    before = np.r_[0, np.cumsum(kept)]
    return freeze(
        data._replace(
            rows=data.rows[kept],
            y=data.y[kept],
            weight=data.weight[kept] * count[kept],
            offsets=before[data.offsets],
        )
    )


def split_statistics(training, cv, X, y):
    """Return (train, test) statistics for every split of ``cv``."""
    data = training.data
    if isinstance(cv, Integral):
        folds = fold_statistics(data, hashed_folds(data.X, training.targets, cv), cv)
        return list(zip(training_statistics(folds), folds, strict=True))
    return [
        tuple(statistics(choose_rows(data, rows)) for rows in split)
        for split in user_splits(cv, X, y, training)
    ]


def split_rows(training, cv, X, y):
    """Return (train, test) rows for every split of ``cv``, as ``split_statistics``."""
    if not isinstance(cv, Integral):
        splits = user_splits(cv, X, y, training)
    else:
        fold = hashed_folds(training.data.X, training.targets, cv)
        splits = [
            (np.flatnonzero(fold != f), np.flatnonzero(fold == f)) for f in range(cv)
        ]
    return [
        tuple(choose_rows(training.data, rows) for rows in split) for split in splits
    ]
