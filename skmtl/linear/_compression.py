"""Tasks in common coordinates, each compressed to at most one row per coordinate.

A squared loss does not change when a task's rows are replaced by a root of their Gram
matrix. Features are standardised by the spread of all rows, and directions in which no
row has any extent are left out: nothing can be learned there.
"""

from typing import NamedTuple

import numpy as np

# Noise below this share of the targets' variance is not told from rounding.
LEAST_NOISE = 1e-10


class Frame(NamedTuple):
    """Coordinates in which the coefficients of tasks are compared.

    Attributes
    ----------
    x_mean, x_scale : float64 arrays of shape (n_features,)
        Centre and scale of the features; the scale of a constant one is infinite.
    y_mean, y_scale : float64 arrays of shape (n_tasks,)
        Centre and scale of each task's targets.
    basis : float64 array of shape (n_features, rank), or None
        Directions of standardised features; None stands for the identity.
    intercept : bool
        Whether the first coordinate is the intercept.
    """

    x_mean: np.ndarray
    x_scale: np.ndarray
    y_mean: np.ndarray
    y_scale: np.ndarray
    basis: np.ndarray | None
    intercept: bool

    @property
    def n_slopes(self):
        """Number of coordinates beside the intercept."""
        return self.x_mean.size if self.basis is None else self.basis.shape[1]

    def features(self, X):
        """Return rows of X in these coordinates, and their squared distance to them."""
        Z = (X - self.x_mean) / self.x_scale
        outside = np.zeros(len(Z))
        if self.basis is not None:
            outside = (Z**2).sum(axis=1)
            Z = Z @ self.basis
            outside = np.maximum(outside - (Z**2).sum(axis=1), 0.0)
        if self.intercept:
            Z = np.column_stack([np.ones(len(Z)), Z])
        return Z, outside

    def coefficients(self, position, y_mean, y_scale):
        """Return coefficients and intercepts of the user's features and targets."""
        slope = position[..., int(self.intercept) :]
        slope = slope if self.basis is None else slope @ self.basis.T
        coef = slope / self.x_scale * np.asarray(y_scale)[..., None]
        if not self.intercept:
            return coef, np.zeros(position.shape[:-1])
        return coef, y_mean + y_scale * position[..., 0] - coef @ self.x_mean


class CompressedTasks(NamedTuple):
    """Every task as a regression of a few targets on a few rows with unit noise.

    Attributes
    ----------
    root : float64 array of shape (n_tasks or 1, n_rows, n_coordinates)
        Rows whose Gram matrix is that of the task's rows in the frame.
    target : float64 array of shape (n_tasks, n_rows)
    remainder : float
        Sum of squares that no coefficients explain, over all tasks.
    weight : float
        Sum of the weights of all rows.
    """

    root: np.ndarray
    target: np.ndarray
    remainder: float
    weight: float


def common_frame(statistics, *, intercept, units="common"):
    """Return the frame of tasks whose targets have one scale, or each its own.

    With ``units="own"`` every task's targets are centred and scaled by themselves.
    """
    share = statistics.weight / statistics.weight.sum()
    x_mean, scatter = _feature_moments(statistics, share, intercept)
    variance = np.diag(scatter).copy()
    # Rounding of a constant is no spread.
    variance[variance <= 1e-24 * (x_mean**2 + 1e-200)] = np.inf
    x_scale = np.sqrt(variance)
    scatter = scatter / np.outer(x_scale, x_scale)
    y_mean, y_scale = _target_moments(statistics, share, intercept, units)
    basis = _span(scatter)
    return Frame(x_mean, x_scale, y_mean, y_scale, basis, intercept)


def _feature_moments(statistics, share, intercept):
    """Return mean and mean square of all rows, about the mean or about zero."""
    p, total = statistics.gram.shape[0], statistics.weight.sum()
    share = share if p > 1 or share.size == 1 else np.ones(1)
    total = total if p > 1 or statistics.n_tasks == 1 else statistics.weight[0]
    centre = share @ statistics.x_mean
    mean = centre if intercept else np.zeros_like(centre)
    offset = statistics.x_mean - mean
    scatter = statistics.gram.sum(axis=0) / total
    return mean, scatter + (offset * share[:, None]).T @ offset


def _target_moments(statistics, share, intercept, units):
    weight, square = statistics.weight, statistics.yy
    mean = statistics.y_mean if intercept else np.zeros(statistics.n_tasks)
    offset = statistics.y_mean - mean
    observed = weight > 0
    if units == "own":
        size = np.where(observed, weight, 1.0)
        scale = np.sqrt(square / size + offset**2)
        typical = np.sqrt((scale[observed] ** 2).mean()) or 1.0
        mean = np.where(observed, mean, mean[observed].mean())
        return mean, np.where(scale > 0.0, scale, typical)
    mean = np.full(statistics.n_tasks, share @ mean)
    offset = statistics.y_mean - mean
    scale = np.sqrt(square.sum() / weight.sum() + share @ offset**2) or 1.0
    return mean, np.full(statistics.n_tasks, scale)


def _span(scatter):
    """Return an orthonormal basis of the range, or None where that is everything."""
    n_features = scatter.shape[0]
    value, vector = np.linalg.eigh(scatter)
    kept = value > 1e-13 * n_features * max(value[-1], 1e-300)
    return None if kept.all() else np.ascontiguousarray(vector[:, kept])


def compress(statistics, frame):
    """Return the tasks in a frame, each with as few rows as carry its statistics."""
    gram = statistics.gram / np.outer(frame.x_scale, frame.x_scale)
    x_mean = (statistics.x_mean - frame.x_mean) / frame.x_scale
    xy = statistics.xy / frame.x_scale / frame.y_scale[:, None]
    if frame.basis is not None:
        gram = frame.basis.T @ gram @ frame.basis
        x_mean, xy = x_mean @ frame.basis, xy @ frame.basis
    root, target = _root(gram, xy)
    yy = statistics.yy / frame.y_scale**2
    remainder = np.maximum(yy - (target**2).sum(axis=1), 0.0).sum()
    remainder += LEAST_NOISE * statistics.weight.sum()
    # One more row carries the means; a task without rows has a row of zeros.
    size = np.sqrt(statistics.weight)
    y_mean = (statistics.y_mean - frame.y_mean) / frame.y_scale
    row = size[: x_mean.shape[0], None] * x_mean
    root = np.concatenate([root, row[:, None, :]], axis=1)
    if frame.intercept:
        one = np.zeros(root.shape[:2])
        one[:, -1] = size[: one.shape[0]]
        root = np.concatenate([one[:, :, None], root], axis=2)
    target = np.column_stack([target, size * y_mean])
    return CompressedTasks(root, target, remainder, statistics.weight.sum())


def _root(gram, xy):
    """Return rows R and targets b with R'R = gram and R'b = xy."""
    value, vector = np.linalg.eigh(gram)
    least = 1e-13 * gram.shape[-1] * value.max(axis=1, initial=0.0)
    kept = value > np.maximum(least, 1e-300)[:, None]
    most = int(kept.sum(axis=1).max(initial=0))
    kept = kept[:, gram.shape[-1] - most :]
    value = np.where(kept, value[:, gram.shape[-1] - most :], 0.0)
    vector = vector[:, :, gram.shape[-1] - most :]
    size = np.sqrt(value)
    root = size[:, :, None] * vector.transpose(0, 2, 1)
    along = np.einsum(
        "tj,tjk->tk", xy, np.broadcast_to(vector, (len(xy), *vector.shape[1:]))
    )
    target = np.divide(along, size, out=np.zeros_like(along), where=size > 0.0)
    return root, target
