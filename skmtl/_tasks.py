"""The shapes in which training data travels below the estimators."""

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided
from scipy import sparse

from ._moments import BLOCK, add_rows

# A feature whose spread is a smaller part of its size is centred before it is squared.
NEAR = 1e-3
# Up to this many numbers, compiled code takes longer to load than it saves.
SMALL = 2**19
# Rows of a block that is multiplied with itself in the nearest cache, while the rows
# of the next one are on their way.
BLOCK_ROWS = 64


class TaskData(NamedTuple):
    """Every task's training rows, task after task, without a copy of the table.

    Entries ``offsets[t]:offsets[t + 1]`` belong to task ``t``; entry ``i`` is row
    ``rows[i]`` of ``X``. Tasks given by a column of X and tasks given by the columns of
    a two-dimensional y are therefore the same case, and a missing target is an entry
    that is not there.

    Attributes
    ----------
    X : float64 array of shape (n_rows, n_features), C-contiguous, read-only
        Or a CSR array of that shape, without duplicate entries.
    rows : int64 array of shape (n_entries,)
    y : float64 array of shape (n_entries,)
    weight : float64 array of shape (n_entries,), positive
    offsets : int64 array of shape (n_tasks + 1,)
    shared : bool
        Whether every task has all rows of X, in order and with the same weights.
    """

    X: np.ndarray
    rows: np.ndarray
    y: np.ndarray
    weight: np.ndarray
    offsets: np.ndarray
    shared: bool

    @property
    def n_tasks(self):
        """Number of tasks."""
        return self.offsets.size - 1

    def gathered(self):
        """Return the same data with X itself sorted by task, each task one slice."""
        if np.array_equal(self.rows, np.arange(self.X.shape[0])):
            return self
        rows = np.arange(self.rows.size)
        return freeze(self._replace(X=self.X[self.rows], rows=rows, shared=False))


class TaskStatistics(NamedTuple):
    """Weighted first and second moments of every task: all a squared loss needs.

    Sums of squares are about each task's own mean, so that features far from zero keep
    their digits; ``about_origin`` undoes that. Statistics of disjoint rows add, and
    rows can be taken away again. ``gram`` and ``x_mean`` have one entry for all tasks
    where these share all their rows (`p` is 1), and one per task otherwise.

    Attributes
    ----------
    weight : float64 array of shape (n_tasks,)
        Sum of the rows' weights.
    x_mean : float64 array of shape (p, n_features)
    y_mean : float64 array of shape (n_tasks,)
    gram : float64 array of shape (p, n_features, n_features)
    xy : float64 array of shape (n_tasks, n_features)
    yy : float64 array of shape (n_tasks,)
    """

    weight: np.ndarray
    x_mean: np.ndarray
    y_mean: np.ndarray
    gram: np.ndarray
    xy: np.ndarray
    yy: np.ndarray

    @property
    def n_tasks(self):
        """Number of tasks."""
        return self.weight.size

    def __add__(self, other):
        """Return the statistics of both sets of rows together."""
        return _combined(*_alike(self, other), 1.0)

    def __sub__(self, other):
        """Return the statistics without rows that were part of them."""
        return _combined(*_alike(self, other), -1.0)

    def about_origin(self):
        """Return gram, xy and yy about zero instead of about each task's mean."""
        p = self.gram.shape[0]
        x, y, weight = self.x_mean, self.y_mean, self.weight
        gram = (weight[:p, None] * x)[:, :, None] * x[:, None, :]
        gram += self.gram
        xy = self.xy + (weight * y)[:, None] * x
        return gram, xy, self.yy + weight * y**2

    def per_task(self):
        """Return the same statistics with a Gram matrix of its own for every task."""
        if self.gram.shape[0] == self.n_tasks:
            return self
        gram = np.repeat(self.gram, self.n_tasks, axis=0)
        x_mean = np.repeat(self.x_mean, self.n_tasks, axis=0)
        return self._replace(gram=gram, x_mean=x_mean)

    def take(self, index):
        """Return the statistics of some tasks; index -1 is a task without rows."""
        full, absent = self.per_task(), np.asarray(index) < 0
        parts = [array[index] for array in full]
        for part in parts:
            part[absent] = 0.0
        return TaskStatistics(*parts)

    def pooled(self):
        """Return the statistics of all rows as one task, tasks' means included."""
        total = self.weight.sum()
        share = self.weight / total if total > 0 else self.weight
        each = self.per_task()
        x_mean, y_mean = share @ each.x_mean, share @ self.y_mean
        x, y = each.x_mean - x_mean, self.y_mean - y_mean
        gram = each.gram.sum(0) + (x * self.weight[:, None]).T @ x
        xy = self.xy.sum(0) + (self.weight * y) @ x
        yy = self.yy.sum() + self.weight @ y**2
        return TaskStatistics(
            *(np.array([part]) for part in (total, x_mean, y_mean, gram, xy, yy))
        )


def _alike(a, b):
    """Give two statistics the same layout."""
    if a.gram.shape[0] == b.gram.shape[0]:
        return a, b
    return a.per_task(), b.per_task()


def _combined(a, b, sign):
    """Add (or with ``sign=-1`` remove) the moments ``b``, after Chan et al. (1983)."""
    weight = a.weight + sign * b.weight
    # What is left of a weight that cancels is rounding: the task has no rows.
    weight[weight <= 1e-12 * (a.weight + b.weight)] = 0.0
    share = np.divide(b.weight, weight, out=np.zeros_like(weight), where=weight > 0)
    p = a.gram.shape[0]
    x, y = b.x_mean - a.x_mean, b.y_mean - a.y_mean
    factor = sign * a.weight * share
    gram = a.gram + sign * b.gram
    gram += factor[:p, None, None] * x[:, :, None] * x[:, None, :]
    xy = a.xy + sign * b.xy + (factor * y)[:, None] * x
    yy = a.yy + sign * b.yy + factor * y**2
    x_mean = a.x_mean + sign * share[:p, None] * x
    y_mean = a.y_mean + sign * share * y
    combined = TaskStatistics(weight, x_mean, y_mean, gram, xy, yy)
    gone = np.flatnonzero(weight == 0.0)
    for part in combined:
        part[gone[gone < part.shape[0]]] = 0.0
    return combined


def freeze(record):
    """Return the record with read-only views: numba loses writes to a record's arrays.

    Views, because the arrays may be the user's own.
    """
    return type(record)(*(_read_only(part) for part in record))


def _read_only(part):
    if not isinstance(part, np.ndarray):
        return part
    view = np.asarray(part).view()
    view.flags.writeable = False
    return view


def group_rows(X, y, weight, task, n_tasks):
    """Order rows by task index, keeping the given order within each task."""
    if X.shape[0] * X.shape[1] > SMALL:
        from ._kernels.grouping import group

        columns = task.astype(np.int64, copy=False), y, weight
        columns = (_read_only(np.ascontiguousarray(column)) for column in columns)
        rows, y, weight, offsets = group(n_tasks, *columns)
    else:
        rows = np.argsort(task, kind="stable")
        y, weight = y[rows], weight[rows]
        offsets = np.r_[0, np.cumsum(np.bincount(task, minlength=n_tasks))]
    return freeze(TaskData(X, rows, y, weight, offsets, n_tasks == 1))


def group_targets(X, Y, weight):
    """Make every column of Y a task over the rows where it is observed (not NaN)."""
    observed = ~np.isnan(Y)
    task, rows = np.nonzero(observed.T)
    offsets = np.r_[0, np.cumsum(observed.sum(axis=0))]
    shared = bool(observed.all())
    return freeze(TaskData(X, rows, Y[rows, task], weight[rows], offsets, shared))


def statistics(data):
    """Return the statistics of every task from one visit to its rows."""
    if data.shared:
        return _shared_statistics(data)
    return _measured(data, data.offsets)


def fold_statistics(data, fold, n_folds):
    """Return one record of statistics per fold, ``fold`` being that of each row of X.

    All folds together take one visit to the rows.
    """
    if data.shared:
        parts = [_rows_of_fold(data, fold == f) for f in range(n_folds)]
        return [_shared_statistics(part) for part in parts]
    task = np.repeat(np.arange(data.n_tasks), np.diff(data.offsets))
    cell = task * n_folds + fold[data.rows]
    order = np.argsort(cell, kind="stable")
    offsets = np.r_[0, np.cumsum(np.bincount(cell, minlength=data.n_tasks * n_folds))]
    part = data._replace(
        rows=data.rows[order], y=data.y[order], weight=data.weight[order]
    )
    cells = _measured(freeze(part), offsets)
    return [cells.take(np.arange(f, cells.n_tasks, n_folds)) for f in range(n_folds)]


def _rows_of_fold(data, chosen):
    """Return the chosen rows of tasks that share all their rows."""
    entry = chosen[data.rows]
    offsets = np.arange(data.n_tasks + 1) * int(chosen.sum())
    return freeze(
        data._replace(
            rows=data.rows[entry],
            y=data.y[entry],
            weight=data.weight[entry],
            offsets=offsets,
        )
    )


def training_statistics(folds):
    """Return for every fold the statistics of all other folds.

    Sums from both ends instead of subtraction: a fold that holds nearly all of a task
    would cancel the digits of what is left.
    """
    after = list(folds[1:])
    for f in range(len(after) - 2, -1, -1):
        after[f] = after[f] + after[f + 1]
    rest, before = [], None
    for f, fold in enumerate(folds):
        sides = [side for side in (before, *after[f : f + 1]) if side is not None]
        rest.append(sides[0] if len(sides) == 1 else sides[0] + sides[1])
        before = fold if before is None else before + fold
    return rest


def _measured(data, offsets):
    n_tasks, d = offsets.size - 1, data.X.shape[1]
    measured = TaskStatistics(
        weight=np.zeros(n_tasks),
        x_mean=np.zeros((n_tasks, d)),
        y_mean=np.zeros(n_tasks),
        gram=np.zeros((n_tasks, d, d)),
        xy=np.zeros((n_tasks, d)),
        yy=np.zeros(n_tasks),
    )
    _add(measured, data, offsets)
    return measured


def with_rows(moments, place, data):
    """Return moments with the rows of some data added to them.

    ``place`` says where each task of the data is among those of the moments, or -1.
    """
    separate = moments.gram.shape[0] == moments.n_tasks
    if data.shared or sparse.issparse(data.X) or not separate:
        return moments.take(place) + statistics(data)
    # A copy that is added to in place: blocks of a stream come with many tasks each.
    total = moments.take(place)
    _add(total, data, data.offsets)
    return total


def _add(measured, data, offsets):
    """Add rows to moments in place; sparse rows to zeros only."""
    rest = data.rows, data.y, data.weight, offsets, BLOCK_ROWS, *measured
    if sparse.issparse(data.X):
        from ._kernels.sparse_statistics import measure_sparse

        measure_sparse(*_entries(data.X), *rest)
    elif data.rows.size * data.X.shape[1] <= SMALL:
        add_rows(measured, data, offsets)
    else:
        from ._kernels.statistics import measure

        measure(*_cells(data.X), *rest)


def _cells(X):
    """Return the memory under a dense table, and from row to row how much of it."""
    if X.shape[0] < 2:
        return _read_only(np.ravel(X)), X.shape[1]
    width = X.strides[0] // X.itemsize
    size = (X.shape[0] - 1) * width + X.shape[1]
    return as_strided(X, (size,), (X.itemsize,), writeable=False), width


def _entries(X):
    """Return the arrays of a CSR table in the one form kernels are compiled for."""
    places = (part.astype(np.int64, copy=False) for part in (X.indices, X.indptr))
    return tuple(map(_read_only, (X.data, *places)))


def _shared_statistics(data):
    """Return the statistics of tasks that share all their rows: one Gram matrix."""
    n_rows = data.offsets[1]
    rows, weight = data.rows[:n_rows], data.weight[:n_rows]
    X, Y = data.X[rows], data.y.reshape(data.n_tasks, n_rows).T
    total, root = weight.sum(), np.sqrt(weight)[:, None]
    if n_rows:
        x_mean, y_mean = weight @ X / total, weight @ Y / total
    else:
        x_mean, y_mean = np.zeros(X.shape[1]), np.zeros(data.n_tasks)
    Y = root * (Y - y_mean)
    if sparse.issparse(X):
        gram, xy = _sparse_products(X, Y, root, x_mean)
    else:
        X = root * (X - x_mean)
        gram, xy = X.T @ X, Y.T @ X
    return TaskStatistics(
        np.full(data.n_tasks, total),
        x_mean[None],
        y_mean,
        gram[None],
        xy,
        (Y**2).sum(axis=0),
    )


def _sparse_products(X, Y, root, x_mean):
    """Return the products of a sparse table, centred and weighted, with itself and Y.

    Centred afterwards where that loses no digits, else block by dense block.
    """
    weighted = X.multiply(root).tocsr()
    square = np.asarray(weighted.multiply(weighted).sum(axis=0)).ravel()
    centred = square - (root**2).sum() * x_mean**2
    many = X.nnz**2 > 0.03 * np.prod(X.shape, dtype=float) ** 2
    if many or (centred < NEAR * square).any():
        blocks = [slice(i, i + BLOCK) for i in range(0, X.shape[0], BLOCK)]
        gram, xy = np.zeros((X.shape[1],) * 2), np.zeros((Y.shape[1], X.shape[1]))
        for block in blocks:
            dense = root[block] * (X[block].toarray() - x_mean)
            gram, xy = gram + dense.T @ dense, xy + Y[block].T @ dense
        return gram, xy
    gram = (weighted.T @ weighted).toarray()
    gram -= (root**2).sum() * x_mean[:, None] * x_mean
    return gram, Y.T @ weighted - (Y * root).sum(axis=0)[:, None] * x_mean
