"""Moments of dense rows by matrix products, for many small tasks at once."""

import numpy as np

# Most numbers that are read at a time, so that they stay in cache, and most rows.
CELLS, BLOCK = 2**15, 1024
# Tasks go together where the largest has up to so many times the rows of the least.
ALIKE = 1.25


def add_rows(moments, data, offsets):
    """Add rows to moments in place; entries between two offsets are of one task."""
    table, columns = _holder(data.X)
    plain = bool((data.weight == 1.0).all())
    for task, entry, absent in _batches(offsets, data.X.shape[1]):
        rows = data.rows[entry]
        # numpy's take is fast, but copies tables that are not contiguous.
        whole = table.flags.c_contiguous
        X = (table.take(rows, axis=0) if whole else table[rows])[..., columns]
        weight = data.weight[entry]
        if absent is not None:
            weight[absent] = 0.0
        block = _moments(X, data.y[entry], weight, plain and absent is None)
        _merge(moments, task, *block)


def _holder(X):
    """Return a table whose rows hold those of X, contiguous if can be, and where."""
    base = X.base
    beside = isinstance(base, np.ndarray) and base.flags.c_contiguous
    if beside and base.dtype == X.dtype and base.strides == X.strides:
        start = (X.ctypes.data - base.ctypes.data) // X.itemsize
        if len(base) == len(X) and 0 <= start <= base.shape[1] - X.shape[1]:
            return base, slice(start, start + X.shape[1])
    return X, slice(None)


def _batches(offsets, n_features):
    """Yield tasks, their entries as an equal number for each, and which are no entries.

    No task is twice in a batch, and where entries are many, they come in several.
    """
    count = np.diff(offsets)
    n_pieces = -(-count // BLOCK)
    task = np.repeat(np.arange(count.size), n_pieces)
    turn = np.arange(task.size) - np.repeat(np.cumsum(n_pieces) - n_pieces, n_pieces)
    first = offsets[task] + BLOCK * turn
    size = np.minimum(offsets[task + 1] - first, BLOCK)
    order = np.lexsort((size, turn))
    task, turn, first, size = (part[order] for part in (task, turn, first, size))
    start = 0
    while start < task.size:
        most = max(CELLS // (size[start] * (n_features + 1)), 1)
        part = slice(start, start + most)
        alike = (turn[part] == turn[start]) & (size[part] <= ALIKE * size[start])
        stop = start + (alike.size if alike.all() else alike.argmin())
        part, place = slice(start, stop), np.arange(size[stop - 1])
        absent = place >= size[part, None]
        entry = np.where(absent, first[part, None], first[part, None] + place)
        yield task[part], entry, absent if absent.any() else None
        start = stop


def _moments(X, y, weight, plain):
    """Return weight sums, means, and centred products of each of several blocks."""
    total = weight.sum(axis=1)
    x_mean = (weight[:, None] @ X)[:, 0] / total[:, None]
    y_mean = np.einsum("bi,bi->b", weight, y) / total
    X -= x_mean[:, None]
    y -= y_mean[:, None]
    if not plain:
        root = np.sqrt(weight)
        X *= root[:, :, None]
        y *= root
    xy = (y[:, None] @ X)[:, 0]
    return total, x_mean, y_mean, X.transpose(0, 2, 1) @ X, xy, (y**2).sum(axis=1)


def _merge(moments, task, added, x_mean, y_mean, gram, xy, yy):
    """Add moments of blocks to those of their tasks, after Chan et al. (1983)."""
    before = moments.weight[task]
    joint = before + added
    share, part = before * added / joint, added / joint
    x, y = x_mean - moments.x_mean[task], y_mean - moments.y_mean[task]
    if before.any():
        gram += (share[:, None] * x)[:, :, None] * x[:, None]
        gram += moments.gram[task]
        xy += (share * y)[:, None] * x
        yy += share * y**2
    moments.gram[task] = gram
    moments.xy[task] += xy
    moments.yy[task] += yy
    moments.x_mean[task] += part[:, None] * x
    moments.y_mean[task] += part * y
    moments.weight[task] = joint
