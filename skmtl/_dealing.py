"""Spread rows over folds so that every fold has its part of every stratum."""

import numpy as np
from scipy import sparse


def deal(stratum, n_folds, rows):
    """Return the fold of each row, dealing the strata's rows one after another.

    In every stratum, in every run of consecutive strata and in total the folds differ
    by one row at most. Within a stratum the rows come in the order of ``rows``.
    """
    order = rows[np.argsort(stratum[rows], kind="stable")]
    fold = np.empty(order.size, np.int64)
    fold[order] = np.arange(order.size) % n_folds
    return fold


def deal_overlapping(member, n_folds, rows):
    """Return the fold of each row where a row belongs to several strata.

    Rows that belong to the same strata are dealt like cards as far as they go round;
    what is left over of each such set is placed one by one.

    Parameters
    ----------
    member : bool array of shape (n_rows, n_strata)
    n_folds : int
    rows : int array of shape (n_rows,)
        The order in which rows are taken.
    """
    pattern = _same_rows(member)
    order = rows[np.argsort(pattern[rows], kind="stable")]
    size = np.bincount(pattern)
    first = np.repeat(np.cumsum(size) - size, size)
    rank = np.arange(order.size) - first
    whole_rounds = rank < np.repeat(size // n_folds * n_folds, size)
    fold = np.empty(order.size, np.int64)
    fold[order] = rank % n_folds
    left = order[~whole_rounds]
    if left.size:
        count = sparse.csr_matrix(member[left].astype(np.int64))
        ones, total = np.ones(left.size, np.int64), member.sum(axis=0)
        fold[left] = place(count, ones, total, n_folds, np.arange(left.size))
    return fold


def _same_rows(member):
    """Return one integer per row, the same for equal rows."""
    packed = np.ascontiguousarray(np.packbits(member, axis=1))
    if packed.shape[1] == 0:
        return np.zeros(len(packed), np.int64)
    as_one = packed.view(np.dtype((np.void, packed.shape[1]))).ravel()
    return np.unique(as_one, return_inverse=True)[1]


def deal_groups(member, group, n_folds, tie):
    """Return the fold of each row, all rows of a group in one.

    Parameters
    ----------
    member : bool array, or csr matrix of int, of shape (n_rows, n_strata)
    group : int array of shape (n_rows,)
    n_folds : int
    tie : int array of shape (n_groups,)
        Which of equal groups comes first.
    """
    member = sparse.csr_matrix(member, dtype=np.int64)
    count = (indicator(group).T @ member).tocsr()
    total = np.asarray(member.sum(axis=0)).ravel()
    return place(count, np.bincount(group), total, n_folds, tie)[group]


def indicator(code):
    """Return the matrix with a one in each row, in the column of its code."""
    ones = np.ones(code.size, np.int64)
    return sparse.csr_matrix((ones, (np.arange(code.size), code)))


def place(count, size, total, n_folds, tie):
    """Return the fold of each unit, chosen one by one.

    Units with a part of the rarest stratum come first, large ones before small ones;
    each goes where least of its strata lies so far, the rare ones counting most, and
    among such folds to the one with the fewest rows. This is the idea of iterative
    stratification (Sechidis, Tsoumakas and Vlahavas, 2011).

    Parameters
    ----------
    count : csr matrix of int, of shape (n_units, n_strata)
        Rows of each unit in each stratum.
    size : int array of shape (n_units,)
        Rows of each unit.
    total : int array of shape (n_strata,)
        Rows of each stratum.
    n_folds : int
    tie : int array of shape (n_units,)
        Which of equal units comes first.
    """
    load = np.zeros((total.size, n_folds), np.int64)
    rows_in = np.zeros(n_folds, np.int64)
    fold = np.empty(size.size, np.int64)
    urgency = count.data / total[count.indices]
    for u in np.lexsort((tie, -size, _rarest(count, total))):
        part = slice(count.indptr[u], count.indptr[u + 1])
        strata = count.indices[part]
        f = np.lexsort((rows_in, urgency[part] @ load[strata]))[0]
        load[strata, f] += count.data[part]
        rows_in[f] += size[u]
        fold[u] = f
    return fold


def _rarest(count, total):
    """Return the size of the rarest stratum of each unit."""
    rarest = np.full(count.shape[0], np.iinfo(np.int64).max)
    unit = np.repeat(np.arange(count.shape[0]), np.diff(count.indptr))
    np.minimum.at(rarest, unit, total[count.indices])
    return rarest
