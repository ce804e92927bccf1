"""Bins of features: at most 255 for the values of each, and one for missing values."""

from typing import NamedTuple

import numpy as np

from .._kernels.bins import cut, encode
from .._kernels.boosting_records import IS_CATEGORY, N_CODES, SIGN, START
from .._kernels.task_bins import find_blocks, lay_out
from .._tasks import freeze
from ._threads import spread

MAX_BINS = 255
# Rows whose values say where the edges are, and values held for that at most.
SAMPLE_ROWS, SAMPLE_CELLS, FEWEST_ROWS = 50_000, 2**25, 1_000
# Values that are converted at once where X is not of the kind kernels read.
BLOCK_CELLS = 2**15


class Bins(NamedTuple):
    """Where the bins of every feature end, or which categories it has.

    Attributes
    ----------
    edges : float64 array of shape (n_edges,)
        For each feature its edges, or its categories, in order. Their number is one
        less than a power of two; infinity fills up.
    starts : int64 array of shape (n_features + 1,)
        Where the edges of each feature begin.
    n_codes : int64 array of shape (n_features,)
        Number of codes of each feature; 0 is a missing value, or an unknown category.
    is_category : bool array of shape (n_features,)
    """

    edges: np.ndarray
    starts: np.ndarray
    n_codes: np.ndarray
    is_category: np.ndarray

    @property
    def n_features(self):
        """Number of features."""
        return self.n_codes.size


class Table(NamedTuple):
    """Codes of all features in both orders, and where their cells are in a histogram.

    Attributes
    ----------
    codes : uint8 array of shape (n_rows, at least n_features)
        0 is a missing value, others count up with the value. Further columns are not
        looked at.
    columns : uint8 array of shape (at least n_features, n_rows)
    layout : int64 array of shape (n_features + 1, 6)
        First cell, number of codes, whether they are categories, sign of a monotone
        constraint, and distance of cells for each feature.
    """

    codes: np.ndarray
    columns: np.ndarray
    layout: np.ndarray

    @property
    def n_rows(self):
        """Number of rows."""
        return self.codes.shape[0]

    @property
    def n_features(self):
        """Number of features."""
        return self.layout.shape[0] - 1

    @property
    def n_cells(self):
        """Number of cells of a histogram."""
        return int(self.layout[-1, START])

    @property
    def has_categories(self):
        """Whether the codes of any feature are categories."""
        return bool(self.layout[:, IS_CATEGORY].any())


def find_bins(X, weight=None, is_category=None, max_bins=MAX_BINS, seed=0):
    """Return bins of similar weight, from all rows or, where these are many, a sample.

    Parameters
    ----------
    X : array of shape (n_rows, n_features)
        Anything with a shape whose slices, and choices of rows, are arrays of numbers.
        NaN is a missing value.
    weight : array of shape (n_rows,), optional
    is_category : bool array of shape (n_features,), optional
        Features whose values are names. The 255 with the largest weight are told apart,
        others count as missing.
    max_bins : int, default=255
    seed : int, default=0
        Fixes the sample.

    Returns
    -------
    bins : Bins
    """
    n_rows, d = X.shape
    if is_category is None:
        is_category = np.zeros(d, bool)
    sample = _sample(n_rows, d, seed)
    values = np.asarray(X[sample], dtype=np.float64)
    sample_weight = np.ones(len(values)) if weight is None else weight[sample]
    parts = []
    for j in range(d):
        if is_category[j]:
            parts.append(_categories(X, j, weight))
        else:
            parts.append(_edges(values[:, j], sample_weight, weight is None, max_bins))
    n_codes = np.array(
        [
            part.size + (1 if c else 2)
            for part, c in zip(parts, is_category, strict=True)
        ],
        dtype=np.int64,
    )
    padded = [_pad(part) for part in parts]
    starts = np.r_[0, np.cumsum([part.size for part in padded])].astype(np.int64)
    edges = np.concatenate(padded) if padded else np.empty(0)
    return freeze(Bins(edges, starts, n_codes, np.asarray(is_category, dtype=bool)))


def _sample(n_rows, n_features, seed):
    """Return all rows, or one at random from each of many equal stretches."""
    size = min(SAMPLE_ROWS, max(SAMPLE_CELLS // n_features, FEWEST_ROWS))
    if n_rows <= size:
        return slice(None)
    ends = n_rows * np.arange(size + 1) // size
    return np.random.default_rng(seed).integers(ends[:-1], ends[1:])


def _edges(values, weight, is_constant, max_bins):
    """Return the edges of one feature."""
    if is_constant:
        values = np.sort(values)
    else:
        order = np.argsort(values)
        values, weight = values[order], weight[order]
    n_known = np.searchsorted(values, np.nan)
    edges = np.empty(max_bins)
    n_edges = cut(values[:n_known], weight[:n_known], max_bins, edges)
    return edges[:n_edges]


def _categories(X, j, weight):
    """Return the categories of one feature with the largest weight, in order."""
    names, sizes = [], []
    for first, block in _blocks(X):
        known = ~np.isnan(block[:, j])
        name, place = np.unique(block[known, j], return_inverse=True)
        own = None if weight is None else weight[first : first + len(block)][known]
        names.append(name)
        sizes.append(np.bincount(place, own, name.size))
    name, place = np.unique(np.concatenate(names), return_inverse=True)
    size = np.bincount(place, np.concatenate(sizes), name.size)
    kept = np.argsort(-size, kind="stable")[:MAX_BINS]
    return name[np.sort(kept)]


def _pad(part):
    """Return edges with infinities up to one less than a power of two."""
    size = (1 << int(part.size).bit_length()) - 1
    return np.r_[part, np.full(size - part.size, np.inf)]


def _blocks(X):
    """Yield the first row and the values of blocks of rows, as kernels read them.

    Values that are such already are not copied: they are one block.
    """
    if isinstance(X, np.ndarray) and X.dtype == np.float64 and X.flags.c_contiguous:
        step = max(len(X), 1)
    else:
        step = max(1, BLOCK_CELLS // X.shape[1])
    for first in range(0, X.shape[0], step):
        block = np.require(X[first : first + step], np.float64, "CA").view(np.ndarray)
        block.flags.writeable = False
        yield first, block


def _encode(bins, X, place, codes, columns, n_threads):
    edges, starts, _, is_category = bins
    for first, block in _blocks(X):
        own = place[first : first + len(block)]
        n_pieces = 1 if block.size < BLOCK_CELLS else n_threads
        ends = len(block) * np.arange(n_pieces + 1) // n_pieces

        def work(piece, block=block, own=own, ends=ends):
            begin, end = ends[piece], ends[piece + 1]
            encode(block, begin, end, edges, starts, is_category, own, codes, columns)

        spread(work, n_pieces, n_threads)


def encode_rows(bins, X, n_threads=1):
    """Return the codes of rows to predict, a uint8 array of the shape of X."""
    n_rows, d = X.shape
    codes = np.empty((n_rows, d), np.uint8)
    place = np.arange(n_rows, dtype=np.uint32)
    _encode(bins, X, place, codes, np.empty((0, 0), np.uint8), n_threads)
    return codes


def make_table(bins, X, order=None, monotone=None, n_threads=1, n_spare=0):
    """Return the table of codes that trees are grown on.

    Parameters
    ----------
    bins : Bins
    X : array of shape (n_rows, n_features)
    order : int array of shape (n_rows,), optional
        Row i of the table is row ``order[i]`` of X.
    monotone : array of shape (n_features,), optional
        1 or -1 where trees must rise or fall with a feature, else 0.
    n_threads : int, default=1
    n_spare : int, default=0
        Columns of zeros for features to come.

    Returns
    -------
    table : Table
    """
    n_rows, d = X.shape
    place = np.arange(n_rows, dtype=np.uint32)
    if order is not None:
        place[order] = place.copy()
    codes = np.zeros((n_rows, d + n_spare), np.uint8)
    columns = np.zeros((d + n_spare, n_rows), np.uint8)
    _encode(bins, X, place, codes, columns, n_threads)
    layout = np.zeros((d + 1, 6), np.int64)
    layout[:d, N_CODES], layout[:d, IS_CATEGORY] = bins.n_codes, bins.is_category
    if monotone is not None:
        layout[:d, SIGN] = monotone
    find_blocks(layout)
    lay_out(layout)
    return Table(codes, columns, layout)
