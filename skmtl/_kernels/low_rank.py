"""One visit to every task's rows for a given low-dimensional basis.

Rows are centred and scaled by the roots of their weights beforehand, so that a task is
a plain least-squares problem in ``rows[offsets[t]:offsets[t + 1]]``.
"""

import numpy as np
from numba import njit


@njit(cache=True)
def solve_head(gram, xy, ridge, head):
    """Write the solution of ``(gram + ridge I) head = xy``; ``gram`` is overwritten.

    Cholesky by hand: the systems are of the size of a rank, too small for LAPACK calls.
    """
    rank = xy.shape[0]
    for a in range(rank):
        gram[a, a] += ridge
        for b in range(a + 1):
            entry = gram[a, b]
            for c in range(b):
                entry -= gram[a, c] * gram[b, c]
            if a == b:
                gram[a, a] = np.sqrt(max(entry, ridge))
            else:
                gram[a, b] = entry / gram[b, b]
    for a in range(rank):
        entry = xy[a]
        for c in range(a):
            entry -= gram[a, c] * head[c]
        head[a] = entry / gram[a, a]
    for a in range(rank - 1, -1, -1):
        entry = head[a]
        for c in range(a + 1, rank):
            entry -= gram[c, a] * head[c]
        head[a] = entry / gram[a, a]


@njit(cache=True)
def visit_rows(rows, y, offsets, scale, basis, ridge, heads, moment):
    """Fit every head and add residual moments; return half the penalised loss.

    ``moment`` becomes the sum over tasks of ``scale X' residual head'``, the negative
    gradient with respect to ``basis``. A task's rows are read once from memory: they
    are still in the cache when the residual is projected back.
    """
    loss = 0.0
    for t in range(offsets.shape[0] - 1):
        block = rows[offsets[t] : offsets[t + 1]]
        target = y[offsets[t] : offsets[t + 1]]
        reduced = np.dot(block, basis)
        gram = scale[t] * np.dot(reduced.T, reduced)
        head = heads[t]
        solve_head(gram, scale[t] * np.dot(reduced.T, target), ridge, head)
        residual = target - np.dot(reduced, head)
        loss += scale[t] * np.dot(residual, residual) + ridge * np.dot(head, head)
        push = np.dot(block.T, residual)
        for j in range(push.shape[0]):
            for k in range(head.shape[0]):
                moment[j, k] += scale[t] * push[j] * head[k]
    return loss / 2.0


@njit(cache=True)
def project_rows(rows, y, offsets, basis, gram, xy):
    """Write every task's Gram matrix and moments in the coordinates of ``basis``."""
    for t in range(offsets.shape[0] - 1):
        reduced = np.dot(rows[offsets[t] : offsets[t + 1]], basis)
        gram[t] = np.dot(reduced.T, reduced)
        xy[t] = np.dot(reduced.T, y[offsets[t] : offsets[t + 1]])


@njit(cache=True)
def centre_rows(X, rows, y, weight, offsets, centre, out, out_y, mean, y_mean):
    """Write rows by task, about their weighted means, times the roots of weights."""
    n_features = X.shape[1]
    for t in range(offsets.shape[0] - 1):
        total = 0.0
        for i in range(offsets[t], offsets[t + 1]):
            total += weight[i]
            y_mean[t] += centre * weight[i] * y[i]
            for j in range(n_features):
                mean[t, j] += centre * weight[i] * X[rows[i], j]
        if total > 0.0:
            mean[t] /= total
            y_mean[t] /= total
        for i in range(offsets[t], offsets[t + 1]):
            root = np.sqrt(weight[i])
            out_y[i] = root * (y[i] - y_mean[t])
            for j in range(n_features):
                out[i, j] = root * (X[rows[i], j] - mean[t, j])
