"""One visit to every task's rows for a given low-dimensional basis.

Rows are centred and scaled by the roots of their weights beforehand, so that a task is
a plain least-squares problem in ``rows[offsets[t]:offsets[t + 1]]``. A basis is given
by its vectors as the rows of ``lines``.
"""

import numpy as np
from numba import njit

# Sums may be reordered into vector instructions.
REORDERED = {"reassoc", "contract", "arcp", "nsz"}


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


@njit(cache=True, fastmath=REORDERED)
def four_by_two(rows, i, lines, k, out, place):
    """Write the products of four rows with two lines: what registers have room for.

    Matrix libraries copy their arguments first, which for so few lines costs more.
    """
    a = b = c = d = e = f = g = h = 0.0
    for j in range(rows.shape[1]):
        one, two = lines[k, j], lines[k + 1, j]
        a += rows[i, j] * one
        b += rows[i, j] * two
        c += rows[i + 1, j] * one
        d += rows[i + 1, j] * two
        e += rows[i + 2, j] * one
        f += rows[i + 2, j] * two
        g += rows[i + 3, j] * one
        h += rows[i + 3, j] * two
    out[place, k], out[place, k + 1] = a, b
    out[place + 1, k], out[place + 1, k + 1] = c, d
    out[place + 2, k], out[place + 2, k + 1] = e, f
    out[place + 3, k], out[place + 3, k + 1] = g, h


@njit(cache=True, fastmath=REORDERED)
def four_by_one(rows, i, line, k, out, place):
    """Write the products of four rows with one line."""
    a = b = c = d = 0.0
    for j in range(rows.shape[1]):
        a += rows[i, j] * line[j]
        b += rows[i + 1, j] * line[j]
        c += rows[i + 2, j] * line[j]
        d += rows[i + 3, j] * line[j]
    out[place, k], out[place + 1, k] = a, b
    out[place + 2, k], out[place + 3, k] = c, d


@njit(cache=True, fastmath=REORDERED)
def product(row, line):
    """Return the product of two vectors."""
    total = 0.0
    for j in range(row.shape[0]):
        total += row[j] * line[j]
    return total


@njit(cache=True)
def reduce_rows(rows, first, last, lines, out):
    """Write the products of rows with all lines from the first row of ``out`` on."""
    rank, i = lines.shape[0], first
    while i + 3 < last:
        for k in range(0, rank - 1, 2):
            four_by_two(rows, i, lines, k, out, i - first)
        if rank % 2:
            four_by_one(rows, i, lines[rank - 1], rank - 1, out, i - first)
        i += 4
    while i < last:
        for k in range(rank):
            out[i - first, k] = product(rows[i], lines[k])
        i += 1


@njit(cache=True, fastmath=REORDERED)
def add_rows(rows, first, last, share, total):
    """Write the sum of rows, each times its share."""
    total[:] = 0.0
    i = first
    while i + 3 < last:
        a, b = share[i - first], share[i + 1 - first]
        c, d = share[i + 2 - first], share[i + 3 - first]
        for j in range(total.shape[0]):
            total[j] += (
                a * rows[i, j] + b * rows[i + 1, j]
                + c * rows[i + 2, j] + d * rows[i + 3, j]
            )  # fmt: skip
        i += 4
    while i < last:
        for j in range(total.shape[0]):
            total[j] += share[i - first] * rows[i, j]
        i += 1


@njit(cache=True)
def moments_of(reduced, y, first, n_rows, gram, xy):
    """Write the lower half of a Gram matrix, and products with the targets."""
    gram[:], xy[:] = 0.0, 0.0
    for i in range(n_rows):
        for k in range(xy.shape[0]):
            value = reduced[i, k]
            xy[k] += value * y[first + i]
            for m in range(k + 1):
                gram[k, m] += value * reduced[i, m]


@njit(cache=True)
def visit_rows(rows, y, offsets, scale, lines, ridge, heads, moment):
    """Fit every head and add residual moments; return half the penalised loss.

    ``moment`` becomes the sum over tasks of ``head (scale X' residual)'``, the negative
    gradient with respect to ``lines``. A task's rows are read once from memory: they
    are still in the cache when the residual is projected back.
    """
    loss, rank, most = 0.0, lines.shape[0], np.diff(offsets).max()
    reduced, residual = np.empty((most, rank)), np.empty(most)
    gram, xy, pull = np.empty((rank, rank)), np.empty(rank), np.empty(lines.shape[1])
    for t in range(offsets.shape[0] - 1):
        first, n_rows = offsets[t], offsets[t + 1] - offsets[t]
        reduce_rows(rows, first, first + n_rows, lines, reduced)
        moments_of(reduced, y, first, n_rows, gram, xy)
        head = heads[t]
        solve_head(scale[t] * gram, scale[t] * xy, ridge, head)
        for i in range(n_rows):
            residual[i] = y[first + i] - product(reduced[i], head)
            loss += scale[t] * residual[i] ** 2
            residual[i] *= scale[t]
        add_rows(rows, first, first + n_rows, residual, pull)
        for k in range(rank):
            loss += ridge * head[k] ** 2
            for j in range(pull.shape[0]):
                moment[k, j] += head[k] * pull[j]
    return loss / 2.0


@njit(cache=True)
def project_rows(rows, y, offsets, lines, gram, xy):
    """Write every task's Gram matrix and moments in the coordinates of a basis."""
    rank = lines.shape[0]
    reduced = np.empty((np.diff(offsets).max(), rank))
    for t in range(offsets.shape[0] - 1):
        first, n_rows = offsets[t], offsets[t + 1] - offsets[t]
        reduce_rows(rows, first, first + n_rows, lines, reduced)
        moments_of(reduced, y, first, n_rows, gram[t], xy[t])
        for k in range(rank):
            for m in range(k):
                gram[t, m, k] = gram[t, k, m]
