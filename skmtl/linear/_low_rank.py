r"""Coefficients of all tasks in one low-dimensional span, by variable projection.

The problem is

.. math:: \min_{\operatorname{rank} W \le k}\ \sum_t \frac{c_t}{2}
          \lVert y_t - X_t w_t \rVert^2 + \frac{\rho}{2} \lVert W \rVert_F^2 .

With W = Q V' and orthonormal Q, the heads v_t are least squares in k dimensions, so
that only a function of Q is left (Golub and Pereyra, 1973); it is minimised in
coordinates in which its curvature is about one.
"""

from typing import NamedTuple

import numpy as np
from scipy.linalg import solve_triangular

from ._descent import minimise

# Heads without any penalty would be undetermined in a task with fewer rows than the
# rank; relative to the mean squared feature this changes no digit that is kept.
LEAST_RIDGE = 1e-11
WEAKEST_DIRECTION = 1e-3
WEAKEST_SQUARE = 1e-14
LEAST_DAMPING = 1e-7
# Where less than this is all there is, there is nothing.
TINY = 1e-150


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
