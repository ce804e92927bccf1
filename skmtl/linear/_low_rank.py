r"""Coefficients of all tasks in one low-dimensional span, by variable projection.

The problem is

.. math:: \min_{\operatorname{rank} W \le k}\ \sum_t \frac{c_t}{2}
          \lVert y_t - X_t w_t \rVert^2 + \frac{\rho}{2} \lVert W \rVert_F^2 .

With W = Q V' and orthonormal Q, the heads v_t are least squares in k dimensions, so
that only a function of Q is left (Golub and Pereyra, 1973); it is minimised in
coordinates in which its curvature is about one.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy import sparse
from scipy.linalg import solve_triangular

from . import _plain
from ._descent import minimise

# Heads without any penalty would be undetermined in a task with fewer rows than the
# rank; relative to the mean squared feature this changes no digit that is kept.
LEAST_RIDGE = 1e-11
WEAKEST_DIRECTION = 1e-3
WEAKEST_SQUARE = 1e-14
# A sample of rows for white coordinates may cost about as much as a few evaluations;
# the smaller it is, the more it must be damped (measured at 25 to 1000 features).
SAMPLE_COST = 50
MOST_SAMPLED_PER_FEATURE = 10
LEAST_DAMPING = 1e-7
# Where less than this is all there is, there is nothing.
TINY = 1e-150
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


class Whitening(NamedTuple):
    """Coordinates of features in which the mean Gram matrix is about the identity.

    Attributes
    ----------
    factor : float64 array of shape (n_features, n_features)
        Lower triangular Cholesky factor of the mean Gram matrix plus damping.
    damping : float
    mean_gram : float64 array of shape (n_features, n_features)
    size : float
        Mean of its diagonal, the unit of every ridge.
    """

    factor: np.ndarray
    damping: float
    mean_gram: np.ndarray
    size: float

    def plus(self, ridge):
        """Return the coordinates that suit a penalty beside the loss."""
        return _factor(self.mean_gram, self.damping, ridge, self.size)

    def direction(self, gradient):
        """Return a gradient with respect to features in white coordinates."""
        return solve_triangular(self.factor, gradient, lower=True, check_finite=False)

    def feature(self, white):
        """Return what has the given white coordinates."""
        return solve_triangular(
            self.factor, white, lower=True, trans="T", check_finite=False
        )


class LowRank(NamedTuple):
    """Solution of the rank-constrained problem.

    Attributes
    ----------
    basis : float64 array of shape (n_features, rank)
        Orthonormal; its directions are those of the largest coefficients first.
    heads : float64 array of shape (n_tasks, rank)
    objective : float
    excess : float
        Estimate of the objective above the nearest minimum, relative to it.
    n_iter, n_evaluations : int
    """

    basis: np.ndarray
    heads: np.ndarray
    objective: float
    excess: float
    n_iter: int
    n_evaluations: int


def solve_heads(inner, xy, ridge):
    """Solve ``(inner + ridge I) head = xy`` for every task."""
    rank = xy.shape[1]
    return np.linalg.solve(inner + ridge * np.eye(rank), xy[:, :, None])[:, :, 0]


def whitening(tasks):
    """Return white coordinates for some tasks."""
    mean = tasks.mean_gram()
    size = np.trace(mean) / len(mean)
    size = size if size > TINY else 1.0
    return _factor(mean, max(tasks.damping, LEAST_DAMPING) * size, 0.0, size)


def _factor(mean, damping, ridge, size):
    factor = np.linalg.cholesky(mean + (damping + ridge) * np.eye(len(mean)))
    return Whitening(factor, damping, mean, size)


def least_ridge(white, ridge):
    """Return a ridge under which every head is determined."""
    return max(ridge, LEAST_RIDGE * white.size)


def extend_basis(tasks, white, basis, heads, count):
    """Return a basis with more directions: those the residuals ask for most.

    From nothing these are the leading directions of the white moments, which for one
    Gram matrix shared by all tasks is already the solution (reduced-rank regression).
    """
    n_tasks, n_features = tasks.shape
    coef = np.zeros((n_tasks, n_features)) if basis is None else heads @ basis.T
    moments = white.direction(tasks.residual_moments(coef).T)
    # The smaller of the two cross products has all singular vectors that are not zero.
    if n_tasks < n_features:
        values, vectors = np.linalg.eigh(moments.T @ moments)
        new = moments @ vectors
    else:
        values, new = np.linalg.eigh(moments @ moments.T)
    # Directions that are rounding are not asked for by anything.
    told = values[::-1][:count] > max(WEAKEST_SQUARE * values[-1], TINY)
    new = white.feature(new[:, ::-1][:, :count][:, told])
    new /= np.linalg.norm(new, axis=0)
    joined = new if basis is None else np.hstack([basis, new])
    known = 0 if basis is None else basis.shape[1]
    joined = np.linalg.qr(joined)[0]
    while joined.shape[1] < known + count:
        joined = _with_one_more(joined)
    return joined


def _with_one_more(basis):
    """Return an orthonormal basis with the unit vector that is farthest from it."""
    j = np.sum(basis**2, axis=1).argmin()
    new = -basis @ basis[j]
    new[j] += 1.0
    return np.column_stack([basis, new / np.linalg.norm(new)])


def fit_span(tasks, white, rank, ridge, *, start=None, tol=1e-7, max_iter=500):
    """Minimise the penalised loss over all coefficients of a given rank.

    Parameters
    ----------
    tasks : GramTasks or RowTasks
    white : Whitening
        Coordinates for the descent, those of ``whitening(tasks)``.
    rank : int
        At most the number of features and of tasks.
    ridge : float
    start : array of shape (n_features, rank), default=None
        Basis to start from; otherwise the leading directions of the moments.
    tol : float
        Stop when the estimated excess of the objective, relative to it, is below.
    max_iter : int

    Returns
    -------
    LowRank
    """
    ridge = least_ridge(white, ridge)
    white = white.plus(ridge)
    if start is None:
        start = extend_basis(tasks, white, None, None, rank)
    problem = _Projected(tasks, white, ridge, start)
    descent = minimise(
        problem.evaluate, problem.start(), tol, max_iter, first=problem.first_value()
    )
    basis, objective, heads = problem.solution(descent.x)
    basis, heads = principal_axes(basis, heads)
    return LowRank(
        basis, heads, objective, descent.excess, descent.n_iter, descent.n_evaluations
    )


def principal_axes(basis, heads):
    """Rotate a basis so that its directions are those of the largest heads, by size.

    Every direction points to where its largest entry is positive.
    """
    rotation = np.linalg.eigh(heads.T @ heads)[1][:, ::-1]
    basis = basis @ rotation
    largest = np.abs(basis).argmax(axis=0)
    sign = np.where(basis[largest, np.arange(basis.shape[1])] < 0.0, -1.0, 1.0)
    return basis * sign, heads @ rotation * sign


class _Projected:
    """The loss as a function of the basis alone, in coordinates of curvature one.

    In white coordinates the curvature of a direction is the summed square of its heads;
    so coordinates are multiplied by the root of that, as it is at the start.
    """

    def __init__(self, tasks, white, ridge, start):
        basis = np.linalg.qr(start)[0]
        objective, heads, moment = tasks.fit_heads(basis, ridge)
        strength, rotation = np.linalg.eigh(heads.T @ heads)
        weakest = max(WEAKEST_DIRECTION * strength[-1], TINY)
        self.tasks, self.white, self.ridge = tasks, white, ridge
        self.first, self._moment = basis @ rotation, moment @ rotation
        self.root = np.sqrt(np.maximum(strength, weakest))
        # A value near one, and coordinates to match, keep the descent free of units.
        self.unit = objective if objective > TINY else 1.0
        self._last = None, self.first, objective, heads @ rotation

    def first_value(self):
        """Return value and gradient at the start, where they are known already."""
        return self._last[2] / self.unit, self._gradient(self.first, self._moment)

    def solution(self, x):
        """Return basis, objective and heads at x, anew only if x was not the last."""
        last, basis, objective, heads = self._last
        if last is not None and last is not x:
            basis = self.basis(x)[0]
            objective, heads, _ = self.tasks.fit_heads(basis, self.ridge)
        return basis, objective, heads

    def start(self):
        white = self.white.factor.T @ self.first
        return (white * self.root).ravel() / np.sqrt(self.unit)

    def basis(self, x):
        """Return the orthonormal basis at x, and what made it so."""
        white = x.reshape(self.first.shape) * (np.sqrt(self.unit) / self.root)
        return np.linalg.qr(self.white.feature(white))

    def evaluate(self, x):
        basis, mixing = self.basis(x)
        objective, heads, moment = self.tasks.fit_heads(basis, self.ridge)
        self._last = x, basis, objective, heads
        # The derivative by coordinates that are not orthonormal yet.
        moment = np.linalg.solve(mixing, moment.T).T
        return objective / self.unit, self._gradient(basis, moment)

    def _gradient(self, basis, moment):
        gradient = -(moment - basis @ (basis.T @ moment))
        gradient = self.white.direction(gradient) / self.root
        return gradient.ravel() / np.sqrt(self.unit)


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
