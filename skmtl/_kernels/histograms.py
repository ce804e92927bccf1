"""Histograms of packed gradients: one integer addition per row and feature.

A cell holds ``(gradient << shift) + hessian`` of its rows in fixed-point numbers, so
that sums are exact: they depend neither on the order of rows nor on the number of
threads, and what is left of a parent without one child is the other child.

The cells of a feature begin at ``layout[j, START]``, the first for missing values.
Features come in blocks, from ``layout[b, EDGE]`` on, whose cells stay in cache; within
a block they are ``1 << layout[j, STRIDE]`` cells apart.
"""

import math

import numpy as np
from numba import njit, prange, uint64

from .boosting_records import EDGE, IS_CATEGORY, N_CODES, START, STRIDE
from .prefetch import prefetch

# Rows between the one that is fetched and the one that is added.
AHEAD = 24
# Additions below which a second thread does not pay.
FEW_ADDITIONS = 80_000


@njit(cache=True, fastmath={"reassoc", "nsz"})
def total_size(values):
    """Return the sum of absolute values."""
    total = 0.0
    for i in range(values.shape[0]):
        total += abs(values[i])
    return total


@njit(cache=True)
def exponent(values, bits, n_rounded):
    """Return the largest power of two by which all sums of values fit into bits."""
    total = total_size(values)
    if total == 0.0:
        return 0
    # Rounding adds at most a half for every value.
    room = math.ldexp(1.0, int(bits)) - n_rounded
    return -math.frexp(total / room)[1]


@njit(cache=True, inline="always")
def whole_sum(values):
    """Return the sum of values, or -1 if it is large or any of them is no integer."""
    total = 0.0
    for i in range(values.shape[0]):
        total += values[i]
        if values[i] != np.floor(values[i]) or total >= 2.0**30:
            return np.int64(-1)
    return np.int64(total)


@njit(cache=True, nogil=True)
def pack(gradient, hessian, weight, packed):
    """Write both derivatives of each row as one integer; return shift and units.

    Scales are powers of two, and hessians that are whole numbers keep their value: they
    need few bits. An empty hessian stands for ones.

    Derivatives include the weights. Where these are whole numbers, what a row of weight
    one says is rounded and then multiplied, so that a row of weight two is the row
    twice. An empty weight stands for ones.
    """
    n_rows, shift, power = gradient.shape[0], 32, 0
    has_hessian = hessian.shape[0] > 0
    whole = whole_sum(hessian) if has_hessian else n_rows
    if whole >= 0:
        shift = 1
        while whole >> shift:
            shift += 1
    total_weight = whole_sum(weight)
    n_rounded = n_rows if total_weight <= 0 else total_weight
    if whole < 0:
        power = exponent(hessian, np.int64(31), n_rounded)
    hessian_scale = math.ldexp(1.0, int(power))
    # A float has no more than 53 bits.
    power = exponent(gradient, min(62 - shift, 52), n_rounded)
    scale, low, copies, size = (
        math.ldexp(1.0, int(power)),
        np.int64(1),
        np.int64(1),
        1.0,
    )
    for i in range(n_rows):
        if total_weight > 0:
            copies = np.int64(weight[i])
            size = max(weight[i], 1.0)
        if has_hessian:
            low = np.int64(np.rint(hessian[i] / size * hessian_scale))
        high = np.int64(np.rint(gradient[i] / size * scale))
        packed[i] = ((high << shift) + low) * copies
    return shift, 1.0 / scale, 1.0 / hessian_scale


@njit(cache=True, inline="always")
def number_of_blocks(layout):
    """Return the number of blocks of features."""
    block = 0
    while layout[block, EDGE] < layout.shape[0] - 1:
        block += 1
    return block


@njit(cache=True, inline="always")
def add_row(codes, i, first, last, stride, value, cells):
    """Add one row to its cell of each feature of a block."""
    for j in range(first, last):
        cells[((j - first) << stride) + codes[i, j]] += value


@njit(cache=True)
def add_rows(codes, packed, rows, begin, end, first, last, stride, cells):
    """Add rows to the cells of one block of features."""
    width, final, offset = codes.shape[1], end - 1, np.int64(first)
    for place in range(begin, end):
        coming = np.int64(rows[min(place + AHEAD, final)])
        prefetch(codes, coming * width + offset)
        prefetch(packed, coming * 8)
        i = rows[place]
        # A constant distance between features makes addresses a third cheaper.
        if stride == 8:
            add_row(codes, i, first, last, uint64(8), packed[i], cells)
        else:
            add_row(codes, i, first, last, stride, packed[i], cells)


@njit(cache=True, inline="always")
def fill_piece(codes, layout, packed, rows, begin, end, n_chunks, piece, partial):
    """Fill the cells of one block of features from one chunk of the rows."""
    n_rows = end - begin
    chunk, block = piece % n_chunks, piece // n_chunks
    first, last = layout[block, EDGE], layout[block + 1, EDGE]
    cells = partial[chunk, layout[first, START] : layout[last, START]]
    cells[:] = 0
    add_rows(
        codes,
        packed,
        rows,
        begin + n_rows * chunk // n_chunks,
        begin + n_rows * (chunk + 1) // n_chunks,
        uint64(first),
        uint64(last),
        uint64(layout[first, STRIDE]),
        cells,
    )


@njit(cache=True, parallel=True)
def fill_pieces(codes, layout, packed, rows, begin, end, n_chunks, n_pieces, partial):
    """Fill all pieces, on all threads."""
    for piece in prange(n_pieces):
        fill_piece(codes, layout, packed, rows, begin, end, n_chunks, piece, partial)


@njit(cache=True)
def fill(codes, layout, packed, rows, begin, end, n_threads, partial):
    """Fill the histogram of some rows, in parts; return the number of parts.

    Where ``n_threads`` is None what threads need is not even compiled.
    """
    n_features = layout.shape[0] - 1
    n_blocks = number_of_blocks(layout)
    if n_threads is not None and (end - begin) * n_features > FEW_ADDITIONS:
        # Many features are dealt to threads; few are not, and then rows are.
        n_chunks = 1 if n_blocks >= 2 * n_threads else n_threads
        n_pieces = n_chunks * n_blocks
        fill_pieces(
            codes, layout, packed, rows, begin, end, n_chunks, n_pieces, partial
        )
        return n_chunks
    for block in range(n_blocks):
        fill_piece(codes, layout, packed, rows, begin, end, 1, block, partial)
    return 1


@njit(cache=True, inline="always")
def accumulate(counts, is_category, cells):
    """Copy the cells of one feature, cumulated where its codes are ordered.

    Cells that no code has, up to the next feature's, hold the total then.
    """
    total = 0
    for c in range(counts.shape[0]):
        total = counts[c] if is_category else total + counts[c]
        cells[c] = total


@njit(cache=True)
def add_cells(sign, cells, total):
    """Add a histogram to another, or with ``sign=-1`` take it away."""
    for c in range(cells.shape[0]):
        total[c] += sign * cells[c]


@njit(cache=True, inline="always")
def gather(layout, partial, n_chunks, first, last, cells):
    """Sum the chunks' histograms of some features, cumulated over ordered codes."""
    begin, end = layout[first, START], layout[last, START]
    for chunk in range(1, n_chunks):
        add_cells(np.int64(1), partial[chunk, begin:end], partial[0, begin:end])
    for j in range(first, last):
        begin, end = layout[j, START], layout[j + 1, START]
        accumulate(partial[0, begin:end], layout[j, IS_CATEGORY], cells[begin:end])


@njit(cache=True)
def sum_of_rows(layout, partial, n_chunks):
    """Return the packed sum over all rows of a histogram in parts."""
    total = 0
    for c in range(layout[0, N_CODES]):
        for chunk in range(n_chunks):
            total += partial[chunk, c]
    return total
