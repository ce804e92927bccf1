"""Squared losses of tasks, as second moments or as rows: one set of questions to both.

A solver projects them on a basis, fits heads in it, and asks for residual moments.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy import sparse

from . import _plain

# A sample of rows for white coordinates may cost about as much as a few evaluations;
# the smaller it is, the more it must be damped (measured at 25 to 1000 features).
SAMPLE_COST = 50
MOST_SAMPLED_PER_FEATURE = 10
# What varies by less than this part of its mean is constant.
SPREAD = 1e-12
# Up to this many numbers, loading compiled code takes longer than most fits.
SMALL = 2**17


class GramTasks(NamedTuple):
    """Tasks as second moments; ``gram`` has one entry where all tasks share it.

    Attributes
    ----------
    gram : float64 array of shape (p, n_features, n_features)
    xy : float64 array of shape (n_tasks, n_features)
    yy : float64 array of shape (n_tasks,)
    scale : float64 array of shape (n_tasks,)
        Factor of each task's squared error.
    """

    gram: np.ndarray
    xy: np.ndarray
    yy: np.ndarray
    scale: np.ndarray
    damping = 0.0

    @property
    def shape(self):
        """Number of tasks and features."""
        return self.xy.shape

    def project(self, basis):
        """Return every task's Gram matrix and moments in the coordinates of basis."""
        gram = basis.T @ (self.gram @ basis)
        return np.broadcast_to(gram, (len(self.xy), *gram.shape[1:])), self.xy @ basis

    def fit_heads(self, basis, ridge):
        """Return half the penalised loss, the heads, and the residual moments."""
        moved = self.gram @ basis
        xy = self.scale[:, None] * (self.xy @ basis)
        inner = self.scale[:, None, None] * (basis.T @ moved)
        heads = solve_heads(inner, xy, ridge)
        loss = self.scale @ self.yy - np.sum(xy * heads)
        weighted = self.scale[:, None] * heads
        if self.gram.shape[0] == 1:
            fitted = moved[0] @ (heads.T @ weighted)
        else:
            fitted = (moved @ heads[:, :, None])[:, :, 0].T @ weighted
        return 0.5 * loss, heads, self.xy.T @ weighted - fitted

    def residual_moments(self, coef):
        """Return ``scale X' (y - X w)`` of every task."""
        if self.gram.shape[0] == 1:
            fitted = coef @ self.gram[0]
        else:
            fitted = (self.gram @ coef[:, :, None])[:, :, 0]
        return self.scale[:, None] * (self.xy - fitted)

    def squared_error(self, coef):
        """Return every task's sum of squared errors."""
        if self.gram.shape[0] == 1:
            fitted = coef @ self.gram[0]
        else:
            fitted = (self.gram @ coef[:, :, None])[:, :, 0]
        error = self.yy + np.sum((fitted - 2.0 * self.xy) * coef, axis=1)
        return np.maximum(error, 0.0)

    def per_unit(self, unit):
        """Return the tasks with targets divided by a unit of their own."""
        return self._replace(xy=self.xy / unit[:, None], yy=self.yy / unit**2)

    def aligned(self, maps):
        """Return the tasks with features mapped by a matrix of their own."""
        gram = maps.transpose(0, 2, 1) @ (self.gram @ maps)
        return self._replace(gram=gram, xy=np.einsum("tj,tjk->tk", self.xy, maps))

    def mean_gram(self):
        """Return the mean over tasks of the scaled Gram matrices."""
        if self.gram.shape[0] == 1:
            return self.scale.mean() * self.gram[0]
        return np.tensordot(self.scale, self.gram, 1) / len(self.xy)


class RowTasks(NamedTuple):
    """Tasks as rows, centred and scaled by the roots of their weights.

    Attributes
    ----------
    rows : float64 array of shape (n_entries, n_features), C-contiguous
    y : float64 array of shape (n_entries,)
    offsets : int64 array of shape (n_tasks + 1,)
    scale : float64 array of shape (n_tasks,)
    """

    rows: np.ndarray
    y: np.ndarray
    offsets: np.ndarray
    scale: np.ndarray

    @property
    def damping(self):
        """Part of the mean squared feature to add to the sampled Gram matrix."""
        return 1.0 / self._sampled_per_feature()

    def _sampled_per_feature(self):
        n_rows, n_features = self.rows.shape
        most = min(MOST_SAMPLED_PER_FEATURE, SAMPLE_COST * n_rows / n_features**2)
        return max(1.0, most)

    @property
    def shape(self):
        """Number of tasks and features."""
        return self.scale.size, self.rows.shape[1]

    def project(self, basis):
        """Return every task's Gram matrix and moments in the coordinates of basis."""
        rank = basis.shape[1]
        gram = np.empty((self.scale.size, rank, rank))
        xy = np.empty((self.scale.size, rank))
        lines = np.ascontiguousarray(basis.T)
        self._loops.project_rows(self.rows, self.y, self.offsets, lines, gram, xy)
        return gram, xy

    def fit_heads(self, basis, ridge):
        """Return half the penalised loss, the heads, and the residual moments."""
        lines = np.ascontiguousarray(basis.T)
        heads = np.empty((self.scale.size, len(lines)))
        moment, parts = np.zeros(lines.shape), (self.rows, self.y, self.offsets)
        loss = self._loops.visit_rows(*parts, self.scale, lines, ridge, heads, moment)
        return loss, heads, moment.T

    @property
    def _loops(self):
        """The module of the loops over so many rows."""
        if self.rows.size <= SMALL:
            return _plain
        from .._kernels import low_rank

        return low_rank

    def residual_moments(self, coef):
        """Return ``scale X' (y - X w)`` of every task."""
        moments = np.empty(coef.shape)
        for t, (rows, y) in enumerate(self.blocks()):
            moments[t] = self.scale[t] * ((y - rows @ coef[t]) @ rows)
        return moments

    def squared_error(self, coef):
        """Return every task's sum of squared errors."""
        blocks = zip(self.blocks(), coef, strict=True)
        return np.array([np.sum((y - rows @ w) ** 2) for (rows, y), w in blocks])

    def per_unit(self, unit):
        """Return the tasks with targets divided by a unit of their own."""
        return self._replace(y=self.y / np.repeat(unit, np.diff(self.offsets)))

    def aligned(self, maps):
        """Return the tasks with features mapped by a matrix of their own."""
        blocks = zip(self.blocks(), maps, strict=True)
        return self._replace(rows=np.vstack([rows @ m for (rows, _), m in blocks]))

    def blocks(self):
        """Yield the rows and targets of each task."""
        for first, last in zip(self.offsets[:-1], self.offsets[1:], strict=True):
            yield self.rows[first:last], self.y[first:last]

    def mean_gram(self):
        """Return the mean over tasks of the scaled Gram matrices, from some rows.

        Only the speed of the descent depends on it, so rows at even distances do.
        """
        n_rows, n_features = self.rows.shape
        step = max(1, int(n_rows / (self._sampled_per_feature() * n_features)))
        root = np.sqrt(np.repeat(self.scale, np.diff(self.offsets))[::step])
        sample = root[:, None] * self.rows[::step]
        return sample.T @ sample * (n_rows / max(len(sample), 1) / self.scale.size)


def gram_tasks(statistics, scale, *, centred=True):
    """Return the moments of tasks, about their means or about zero.

    About the mean of what is constant only rounding is left, which says nothing.
    """
    if not centred:
        return GramTasks(*statistics.about_origin(), scale)
    square = np.einsum("tjj->tj", statistics.gram)
    weight = statistics.weight[: len(square), None]
    varies = square > weight * (SPREAD * statistics.x_mean) ** 2
    told = statistics.yy > statistics.weight * (SPREAD * statistics.y_mean) ** 2
    gram, xy = statistics.gram, statistics.xy
    if not varies.all():
        gram = gram * (varies[:, :, None] & varies[:, None, :])
    if not (varies.all() and told.all()):
        xy = xy * (varies & told[:, None])
    return GramTasks(gram, xy, statistics.yy * told, scale)


def row_tasks(data, scale, *, centred=True):
    """Return the rows of tasks, about their means or not, and those means."""
    X = data.X.toarray() if sparse.issparse(data.X) else np.ascontiguousarray(data.X)
    rows, y = np.empty((data.rows.size, X.shape[1])), data.y.copy()
    x_mean, y_mean = np.zeros((data.n_tasks, X.shape[1])), np.zeros(data.n_tasks)
    for t, ends in enumerate(pairwise(data.offsets.tolist())):
        part, weight = slice(*ends), data.weight[slice(*ends)]
        # Task by task, so that rows are still in the cache when they are centred.
        np.take(X, data.rows[part], axis=0, out=rows[part], mode="clip")
        if centred and weight.size:
            total = weight.sum()
            x_mean[t], y_mean[t] = weight @ rows[part] / total, weight @ y[part] / total
            rows[part] -= x_mean[t]
            y[part] -= y_mean[t]
    if (data.weight != 1.0).any():
        root = np.sqrt(data.weight)
        rows *= root[:, None]
        y *= root
    return RowTasks(rows, y, data.offsets, scale), x_mean, y_mean


def solve_heads(inner, xy, ridge):
    """Solve ``(inner + ridge I) head = xy`` for every task."""
    rank = xy.shape[1]
    return np.linalg.solve(inner + ridge * np.eye(rank), xy[:, :, None])[:, :, 0]
