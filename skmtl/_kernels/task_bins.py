"""Bins of a single task: few, each with as many of its rows as the others.

A task of some hundred rows has no use for 255 bins, and histograms of few stay in the
first cache. Codes of the whole table are grouped; those of trees are translated back.
"""

import numpy as np
from numba import njit

from .boosting_records import EDGE, IS_CATEGORY, N_CODES, START, STRIDE
from .histograms import number_of_blocks

# Features of a block at most, and those in a row that need cells an eighth as far apart
# as the ones before and so begin another.
MOST_FEATURES, ALIKE, CLOSER = 64, 8, 3


@njit(cache=True, inline="always")
def group_numbers(count, n_groups, group, upper):
    """Deal codes above 0 to groups of similar weight, in order; return their number.

    ``group[c]`` is the group of code c, ``upper[g]`` the last code of group g.
    """
    remaining, inside, last, g = -count[0], 0.0, 0, 1
    for c in range(256):
        remaining += count[c]
    group[0] = upper[0] = 0
    begin = 1
    for c in range(1, 256):
        if count[c] == 0:
            continue
        left = n_groups - g + 1
        if inside > 0 and left > 1 and (2 * inside + count[c]) * left > 2 * remaining:
            # Codes that the task does not have belong half to either side.
            upper[g] = (last + c) // 2 if last + 1 < c else last
            group[begin : upper[g] + 1] = g
            begin = np.int64(upper[g]) + 1
            remaining -= inside
            g, inside = g + 1, 0.0
        inside += count[c]
        last = c
    upper[g] = 255
    group[begin:] = g
    return g


@njit(cache=True, inline="always")
def group_categories(count, group):
    """Give the categories that a task has numbers from 1; return how many it has."""
    n_present = 0
    group[:] = 0
    for c in range(1, 256):
        if count[c] > 0:
            n_present += 1
            group[c] = n_present
    return n_present


@njit(cache=True, inline="always")
def group_codes(codes, rows, weight, n_groups, layout, group, upper):
    """Find the groups of every feature for some rows; write how many codes it has.

    Without ``weight`` all rows weigh one.
    """
    count, is_weighted = np.empty(256), weight.shape[0] > 0
    for j in range(layout.shape[0] - 1):
        count[:] = 0.0
        for place in range(rows.shape[0]):
            count[codes[rows[place], j]] += weight[place] if is_weighted else 1.0
        if layout[j, IS_CATEGORY]:
            layout[j, N_CODES] = 1 + group_categories(count, group[j])
        else:
            n_codes = 1 + group_numbers(count, n_groups, group[j], upper[j])
            layout[j, N_CODES] = n_codes


@njit(cache=True, inline="always")
def bits(n_codes):
    """Return the binary logarithm of the cells that so many codes need."""
    stride = 0
    while n_codes > 1 << stride:
        stride += 1
    return stride


@njit(cache=True, inline="always")
def end_of_block(layout, first):
    """Return where the block of features that begins with ``first`` ends.

    That is before some features that need far fewer cells, as indicators do, or one
    that needs far more.
    """
    d, widest, alike = layout.shape[0] - 1, 0, 0
    for j in range(first, min(first + MOST_FEATURES, d)):
        own = bits(layout[j, N_CODES])
        if own >= widest + CLOSER and j - first >= ALIKE:
            return j
        widest = max(widest, own)
        alike = alike + 1 if own + CLOSER <= widest else 0
        if alike == ALIKE:
            return j + 1 - ALIKE
    return min(first + MOST_FEATURES, d)


@njit(cache=True)
def find_blocks(layout):
    """Part features into blocks."""
    first = block = 0
    layout[0, EDGE] = 0
    while first < layout.shape[0] - 1:
        first, block = end_of_block(layout, first), block + 1
        layout[block, EDGE] = first


@njit(cache=True)
def lay_out(layout):
    """Place features one behind the other, in each block at distances that fit all.

    The row after the last feature's says where the last one ends.
    """
    start = 0
    for block in range(number_of_blocks(layout)):
        first, last, stride = layout[block, EDGE], layout[block + 1, EDGE], 0
        for j in range(first, last):
            stride = max(stride, bits(layout[j, N_CODES]))
        for j in range(first, last):
            layout[j, START], layout[j, STRIDE] = start, stride
            start += 1 << stride
    layout[layout.shape[0] - 1, START] = start


@njit(cache=True, inline="always")
def recode(codes, rows, group, n_first, own, columns):
    """Write the groups of rows, and by feature those of the first of them."""
    for place in range(rows.shape[0]):
        i = rows[place]
        for j in range(own.shape[1]):
            own[place, j] = group[j, codes[i, j]]
    for j in range(own.shape[1]):
        for place in range(n_first):
            columns[j * n_first + place] = own[place, j]


@njit(cache=True, inline="always")
def translate(nodes, sides, group, upper):
    """Replace groups by codes of the whole table in the nodes of a tree."""
    own = np.empty(4, np.uint64)
    for node in range(nodes.shape[0]):
        entry = np.int64(nodes[node])
        if entry >> 33 == node:
            continue
        j, rule = (entry >> 16) & 65535, entry & 65535
        if entry & (np.int64(1) << 32):
            for part in range(4):
                own[part], sides[rule, part] = sides[rule, part], 0
            for c in range(256):
                g = np.int64(group[j, c])
                side = (own[g >> 6] >> np.uint64(g & 63)) & np.uint64(1)
                sides[rule, c >> 6] |= side << np.uint64(c & 63)
        else:
            missing_right = 1 if rule >> 8 else 0
            g = (rule & 255) + missing_right
            rule += np.int64(upper[j, g]) - g
            nodes[node] = np.uint64((entry & ~np.int64(65535)) | rule)
