"""Squared losses as block descent sees them: by slopes and Gram matrices.

Three classes with the same methods, for the three places a loss can come from: moments,
rows that all tasks share, rows of each task. The loss of coefficients W, (n_features,
n_tasks), is ``scale / 2`` times the weighted sum of squared errors; where ``centred``
is true every task has an intercept that nothing penalises. In all three classes

correlation : array (n_features, n_tasks)
    Minus the derivative of the loss at zero.
energy : float
    The loss at zero.
n_blocks : int
    Number of distinct Gram matrices: 1 if all tasks share theirs, or n_tasks.
depth : float
    Rows behind each Gram matrix; infinite where only moments are known.
x_mean, y_mean : arrays (1 or n_tasks, n_features), (n_tasks,)
    What was subtracted from the rows; zeros where ``centred`` is false.
"""

from itertools import pairwise

import numpy as np
from scipy import sparse
from scipy.linalg import qr

from .._tasks import TaskStatistics
from ._sweeps import SharedRowSweeps, TaskRowSweeps

# A feature whose spread is a smaller fraction of its size is constant: what is left of
# it after centring is rounding.
SPREAD = 1e-12
# Gram matrices of more entries are not formed as long as rows are at hand.
MANY = 2**23


def squared_loss(source, scale, centred):
    """Return the loss of rows or of moments."""
    if isinstance(source, TaskStatistics):
        return StatisticsLoss(source, scale, centred)
    return (SharedRowsLoss if source.shared else TaskRowsLoss)(source, scale, centred)


def prefers_rows(data):
    """Return whether Gram matrices of all features would cost more than the rows."""
    n_features = data.X.shape[1]
    if n_features <= data.y.size / data.n_tasks:
        return False
    return data.shared or data.n_tasks * n_features**2 > MANY


class StatisticsLoss:
    """The loss of tasks of which only the moments are known."""

    depth = np.inf

    def __init__(self, statistics, scale, centred):
        self.n_blocks, self._scale = len(statistics.gram), scale
        self.x_mean, self.y_mean = statistics.x_mean, statistics.y_mean
        if centred:
            self._gram, xy, yy = statistics.gram, statistics.xy, statistics.yy
        else:
            self._gram, xy, yy = statistics.about_origin()
            self.x_mean, self.y_mean = 0.0 * self.x_mean, 0.0 * self.y_mean
        weight = statistics.weight[: self.n_blocks, None]
        square = np.einsum("tjj->tj", self._gram)
        self._varies = square > weight * (SPREAD * self.x_mean) ** 2
        self._all_vary = bool(self._varies.all())
        self.correlation = np.ascontiguousarray(scale * (xy * self._varies).T)
        self.energy = 0.5 * scale * float(yy.sum())

    def rotate(self):
        """Go over to fewer tasks of the same answer; return the rotation or None."""
        rotation = None
        if self.n_blocks == 1:
            rotation = _rotation(self.correlation)
        if rotation is not None:
            self.correlation = self.correlation @ rotation
        return rotation

    def gram_between(self, some, others):
        """Return the Gram matrices of some features with others, task index last."""
        gram = self._scale * self._gram[:, some][:, :, others]
        if not self._all_vary:
            gram *= self._varies[:, some, None] & self._varies[:, None, others]
        return gram.transpose(1, 2, 0)

    def slopes(self, W):
        """Return minus the derivative of the loss by every coefficient."""
        used = np.flatnonzero(W.any(axis=1))
        if used.size == 0:
            return self.correlation.copy()
        if self.n_blocks == 1:
            product = self._gram[0][used].T @ W[used]
        elif 4 * used.size < len(W):
            product = np.matmul(W[used].T[:, None], self._gram[:, used])[:, 0].T
        else:
            # All of a matrix is read sooner than most of it copied, and along its rows.
            coef = np.ascontiguousarray(W.T)[:, :, None]
            product = np.matmul(self._gram, coef)[:, :, 0].T
        slope = self.correlation - self._scale * product
        if not self._all_vary:
            slope *= self._varies.T
        return np.ascontiguousarray(slope)


class SharedRowsLoss:
    """The loss of tasks over the same rows, of which no full Gram matrix is formed."""

    n_blocks = 1

    def __init__(self, data, scale, centred):
        n_rows = int(data.offsets[1])
        weight = data.weight[:n_rows]
        self._X = take_rows(data.X, data.rows[:n_rows])
        self._root = np.sqrt(scale * weight)
        Y = data.y.reshape(data.n_tasks, n_rows).T
        share = weight / weight.sum() if centred else np.zeros(n_rows)
        self.x_mean, self.y_mean = (share @ self._X)[None], share @ Y
        self._targets = self._root[:, None] * (Y - self.y_mean)
        self.depth = n_rows
        self.energy = 0.5 * float((self._targets**2).sum())
        self.correlation = self.slopes_from(self._targets)
        self._columns = Columns(self._prepare, self._X.shape[1], n_rows)

    def rotate(self):
        """Go over to fewer tasks of the same answer; return the rotation or None."""
        rotation = _rotation(self._targets)
        if rotation is not None:
            self._targets = self._targets @ rotation
            self.correlation = self.correlation @ rotation
        return rotation

    def gram_between(self, some, others):
        """Return the Gram matrices of some features with others, task index last."""
        gram = self._columns.take(some) @ self._columns.take(others).T
        return gram[:, :, None]

    def slopes(self, W):
        """Return minus the derivative of the loss by every coefficient."""
        used = np.flatnonzero(W.any(axis=1))
        return self.slopes_from(self._targets - self._columns.take(used).T @ W[used])

    def slopes_from(self, residual):
        """Return the slopes that belong to weighted residuals."""
        residual = self._root[:, None] * residual
        # This order of the product is up to twice as fast as the transposed one.
        correlation = np.ascontiguousarray((residual.T @ self._X).T)
        correlation -= self.x_mean.T * residual.sum(axis=0)
        return correlation

    def sweeps(self, features, penalty, W, multiplier, effort):
        """Return sweeps over some features that work on rows."""
        columns = self._columns.take(features)
        return SharedRowSweeps(columns, self._targets, penalty, W, multiplier, effort)

    def _prepare(self, features):
        mean = self.x_mean[0, features][:, None]
        return _weighted(columns_of(self._X, features) - mean, mean, self._root)


class TaskRowsLoss:
    """The loss of tasks with rows of their own, of which no Gram matrix is formed."""

    def __init__(self, data, scale, centred):
        # Slices of a sparse table are cheap, chosen rows are not.
        data = data.gathered() if sparse.issparse(data.X) else data
        self._data = data
        ends = data.offsets.tolist()
        self._parts = [slice(*pair) for pair in pairwise(ends)]
        self._root = np.sqrt(scale * data.weight)
        self.n_blocks, self.depth = data.n_tasks, data.y.size / data.n_tasks
        self.x_mean = np.zeros((data.n_tasks, data.X.shape[1]))
        self.y_mean = np.zeros(data.n_tasks)
        for t, (X, part) in enumerate(self._tasks()):
            if centred and len(X):
                share = data.weight[part] / data.weight[part].sum()
                self.x_mean[t], self.y_mean[t] = share @ X, share @ data.y[part]
        mean = np.repeat(self.y_mean, np.diff(data.offsets))
        self._targets = self._root * (data.y - mean)
        self.energy = 0.5 * float(self._targets @ self._targets)
        self.correlation = self.slopes_from(self._targets)
        self._columns = Columns(self._prepare, data.X.shape[1], data.y.size)

    def rotate(self):
        """Return None: tasks with rows of their own do not rotate."""
        return None

    def gram_between(self, some, others):
        """Return the Gram matrices of some features with others, task index last."""
        gram = np.empty((len(some), len(others), self.n_blocks))
        left, right = self._columns.take(some), self._columns.take(others)
        for t, part in enumerate(self._parts):
            gram[:, :, t] = left[:, part] @ right[:, part].T
        return gram

    def slopes(self, W):
        """Return minus the derivative of the loss by every coefficient."""
        used = np.flatnonzero(W.any(axis=1))
        columns, residual = self._columns.take(used), self._targets.copy()
        for t, part in enumerate(self._parts):
            residual[part] -= W[used, t] @ columns[:, part]
        return self.slopes_from(residual)

    def slopes_from(self, residual):
        """Return the slopes that belong to weighted residuals."""
        residual = self._root * residual
        correlation = np.empty(self.x_mean.shape)
        for t, (X, part) in enumerate(self._tasks()):
            correlation[t] = residual[part] @ X
            correlation[t] -= residual[part].sum() * self.x_mean[t]
        return np.ascontiguousarray(correlation.T)

    def sweeps(self, features, penalty, W, multiplier, effort):
        """Return sweeps over some features that work on rows."""
        columns, offsets = self._columns.take(features), self._data.offsets
        return TaskRowSweeps(columns, offsets, self._targets, penalty, W, multiplier)

    def _tasks(self):
        for part in self._parts:
            yield take_rows(self._data.X, self._data.rows[part]), part

    def _prepare(self, features):
        columns = np.empty((len(features), self._root.size))
        for t, (X, part) in enumerate(self._tasks()):
            mean = self.x_mean[t, features][:, None]
            columns[:, part] = _weighted(
                columns_of(X, features) - mean, mean, self._root[part]
            )
        return columns


class Columns:
    """Columns of a table, each prepared when it is first asked for, and kept."""

    def __init__(self, prepare, n_features, length):
        self._prepare = prepare
        self._place = np.full(n_features, -1)
        self._kept, self._count = np.empty((0, length)), 0

    def take(self, features):
        """Return the prepared columns of some features as rows."""
        new = features[self._place[features] < 0]
        if new.size:
            count = self._count + new.size
            self._kept = with_room(self._kept, self._count, count, self._place.size)
            self._kept[self._count : count] = self._prepare(new)
            self._place[new] = np.arange(self._count, count)
            self._count = count
        place = self._place[features]
        if place.size and np.array_equal(place, np.arange(place[0], place[-1] + 1)):
            return self._kept[place[0] : place[-1] + 1]
        return self._kept[place]


def with_room(array, used, needed, most, n_axes=1):
    """Return an array with room for more along its first axes, with what it held."""
    if len(array) >= needed:
        return array
    size = min(max(needed, 2 * len(array)), most)
    larger = np.empty((size,) * n_axes + array.shape[n_axes:], array.dtype)
    held = (slice(used),) * n_axes
    larger[held] = array[held]
    return larger


def columns_of(X, features):
    """Return some columns of any table as the rows of an array."""
    columns = X[:, features].T
    return columns.toarray() if sparse.issparse(columns) else columns


def take_rows(X, rows):
    """Return rows of X, as a view where they follow each other."""
    first = int(rows[0]) if rows.size else 0
    if np.array_equal(rows, np.arange(first, first + rows.size)):
        return X[first : first + rows.size]
    return X[rows]


def squared_error(source, coef, intercept):
    """Return the weighted sum of squared errors of rows or of moments."""
    if isinstance(source, TaskStatistics):
        return _error_of_moments(source, coef, intercept)
    error = 0.0
    for t in range(source.n_tasks):
        part = slice(source.offsets[t], source.offsets[t + 1])
        predicted = take_rows(source.X, source.rows[part]) @ coef[t] + intercept[t]
        error += source.weight[part] @ (source.y[part] - predicted) ** 2
    return float(error)


def _error_of_moments(statistics, coef, intercept):
    used = np.flatnonzero(coef.any(axis=0))
    W, gram = coef[:, used], statistics.gram[:, used][:, :, used]
    product = W @ gram[0] if len(gram) == 1 else np.matmul(W[:, None], gram)[:, 0]
    error = statistics.yy.sum() + np.vdot(product - 2.0 * statistics.xy[:, used], W)
    mean = (statistics.x_mean[:, used] * W).sum(axis=1) + intercept
    return float(error + statistics.weight @ (statistics.y_mean - mean) ** 2)


def _weighted(columns, mean, root):
    """Weight centred columns, and clear those in which centring left rounding only."""
    columns *= root
    square = np.einsum("ji,ji->j", columns, columns)
    columns[square <= (SPREAD * mean[:, 0]) ** 2 * (root @ root)] = 0.0
    return columns


def _rotation(targets):
    """Return orthonormal columns that span the rows of ``targets``, or None.

    A rotation of tasks that share their rows keeps the length of every feature's block:
    more tasks than dimensions need not be carried along.
    """
    if len(targets) >= targets.shape[1] or not targets.any():
        return None
    basis, triangle, _ = qr(targets.T, mode="economic", pivoting=True)
    diagonal = np.abs(np.diag(triangle))
    rank = int((diagonal > 1e-15 * diagonal[0]).sum())
    return np.ascontiguousarray(basis[:, :rank])
