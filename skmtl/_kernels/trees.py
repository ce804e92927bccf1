"""Growth of one tree: always the split that gains most, wherever it is.

The bits of a node: threshold (8), 255 if missing values go right and else 0 (8),
feature (16), whether it parts categories (1), left child (31); the right child comes
next. A leaf is its own left child. Where a node parts categories the first 16 bits say
which entry of ``sides`` has a bit for every code that goes right.

Rows ``max_leaves`` and up of ``leaf``, ``worth`` and ``right`` hold the best splits of
single blocks of features, where there are several.
"""

import numpy as np
from numba import njit

from .boosting_records import (
    BEGIN,
    CUT,
    DEPTH,
    EDGE,
    END,
    FEATURE,
    GAIN,
    HESSIAN,
    HIGH,
    IS_CATEGORY,
    LEFT,
    LEFT_VALUE,
    LOW,
    MISSING_RIGHT,
    NODE,
    RIGHT_VALUE,
    ROWS,
    SIGN,
    SLOT,
    START,
    TOTAL,
    WEIGHT,
    Node,
)
from .histograms import add_cells, fill, gather, number_of_blocks, sum_of_rows
from .leaves import FEW_ROWS, partition, partition_chunks, sum_rows
from .splits import bounded_value, curvature, search, slope

# Weights of rows are integers in most cases: their sums must not fall short.
SLACK = 1.0 - 1e-9
# Cells that are scored in one go.
RUN_CELLS = 1024
TINY = 1e-10


@njit(cache=True, inline="always")
def word(rule, feature, is_category, left):
    """Return the bits of a node."""
    return np.uint64(rule | (feature << 16) | (is_category << 32) | (left << 33))


@njit(cache=True, inline="always")
def pack_side(right, side):
    """Write which codes go right as 256 bits."""
    for part in range(4):
        bits = np.uint64(0)
        for c in range(64):
            bits |= np.uint64(right[part * 64 + c]) << np.uint64(c)
        side[part] = bits


@njit(cache=True)
def keep_best(k, first, last, leaf, worth, right):
    """Give a leaf the best of some splits, the first among equals."""
    best = first
    for found in range(first + 1, last):
        if worth[found, GAIN] > worth[best, GAIN]:
            best = found
    for entry in range(FEATURE, LEFT + 1):
        leaf[k, entry] = leaf[best, entry]
    for entry in range(GAIN, RIGHT_VALUE + 1):
        worth[k, entry] = worth[best, entry]
    for c in range(256):
        right[k, c] = right[best, c]


@njit(cache=True, inline="always")
def study(
    layout,
    partial,
    n_chunks,
    pool,
    k,
    other_k,
    node,
    other,
    relation,
    most_cells,
    max_leaves,
    leaf,
    worth,
    right,
):
    """Complete the histogram of a leaf and find its best split.

    With ``relation`` 1 the histogram of the other leaf is still that of their parent;
    it becomes that of the other leaf, whose best split is found too.
    """
    fresh, rest = pool[leaf[k, SLOT]], pool[leaf[other_k, SLOT]]
    n_blocks = number_of_blocks(layout)
    second = max_leaves + n_blocks
    for block in range(n_blocks):
        first, last = layout[block, EDGE], layout[block + 1, EDGE]
        a, b = (max_leaves + block, second + block) if n_blocks > 1 else (k, other_k)
        gather(layout, partial, n_chunks, first, last, fresh)
        search(
            layout, first, last, fresh, node, most_cells, leaf[a], worth[a], right[a]
        )
        if relation:
            begin, end = layout[first, START], layout[last, START]
            add_cells(np.int64(-1), fresh[begin:end], rest[begin:end])
            search(
                layout,
                first,
                last,
                rest,
                other,
                most_cells,
                leaf[b],
                worth[b],
                right[b],
            )
    if n_blocks > 1:
        keep_best(k, max_leaves, second, leaf, worth, right)
        if relation:
            keep_best(other_k, second, second + n_blocks, leaf, worth, right)


@njit(cache=True, inline="always")
def describe(k, units, settings, ridge, leaf, worth):
    """Return what the search must know about a leaf."""
    total, h = leaf[k, TOTAL], curvature(leaf[k, TOTAL], units.shift)
    each = 1.0 / units.hessian
    if units.weighting != HESSIAN:
        each = h / max(worth[k, WEIGHT], TINY)
    least = settings.min_weight * each
    least = max(least, settings.min_hessian / units.hessian) * SLACK
    least_group = max(least, settings.category_weight * each * SLACK)
    if leaf[k, DEPTH] >= settings.max_depth:
        least = np.inf
    smoothing = settings.category_smoothing / units.hessian
    gain = settings.min_gain * units.hessian / units.gradient**2
    low, high = worth[k, LOW], worth[k, HIGH]
    return Node(
        total, units.shift, ridge, smoothing, least, least_group, low, high, gain
    )


@njit(cache=True)
def take_slot(owner, leaf, worth, spared):
    """Return a free histogram, or take that of the leaf least likely to be split next.

    The histogram of leaf ``spared`` is not taken.
    """
    best = -1
    for slot in range(owner.shape[0]):
        k = owner[slot]
        if k < 0:
            return slot
        if k != spared and (best < 0 or worth[k, GAIN] < worth[owner[best], GAIN]):
            best = slot
    leaf[owner[best], SLOT] = -1
    return best


@njit(cache=True, inline="always")
def weigh(k, units, weight, rows, leaf, worth):
    """Set the weight of a leaf."""
    begin, end = leaf[k, BEGIN], leaf[k, END]
    if units.weighting == ROWS:
        worth[k, WEIGHT] = float(end - begin)
    elif units.weighting == HESSIAN:
        worth[k, WEIGHT] = curvature(leaf[k, TOTAL], units.shift) * units.hessian
    else:
        worth[k, WEIGHT] = sum_rows(weight, rows, begin, end)


@njit(cache=True, inline="always")
def part_rows(columns, n_all, layout, k, n_threads, rows, spare, leaf, right):
    """Move the rows of a leaf to the sides of its split; return where these meet."""
    j, begin, end = leaf[k, FEATURE], leaf[k, BEGIN], leaf[k, END]
    if not layout[j, IS_CATEGORY]:
        missing_right = leaf[k, MISSING_RIGHT]
        for c in range(256):
            right[k, c] = ((c - missing_right) & 255) > leaf[k, CUT] - missing_right
    column = columns[j * n_all : (j + 1) * n_all]
    if n_threads is not None and end - begin > FEW_ROWS:
        return partition_chunks(column, right[k], begin, end, n_threads, rows, spare)
    return partition(column, right[k], begin, end, rows, spare)


@njit(cache=True, inline="always")
def write_node(layout, k, n_nodes, n_sides, gain_unit, leaf, worth, right, tree):
    """Write the split of a leaf, whose children come next; return the sides so far."""
    nodes, values, gains, sides = tree
    node, j, missing_right = leaf[k, NODE], leaf[k, FEATURE], leaf[k, MISSING_RIGHT]
    rule = (leaf[k, CUT] - missing_right) | (255 * missing_right << 8)
    is_category = layout[j, IS_CATEGORY]
    if is_category:
        pack_side(right[k], sides[n_sides])
        rule, n_sides = n_sides, n_sides + 1
    nodes[node] = word(rule, j, is_category, n_nodes)
    values[node], gains[node] = 0.0, worth[k, GAIN] * gain_unit
    return n_sides


@njit(cache=True, inline="always")
def open_children(k, new, middle, n_nodes, sign, leaf, worth):
    """Turn a leaf into its left child and make the right child a leaf."""
    leaf[new, BEGIN], leaf[new, END], leaf[k, END] = middle, leaf[k, END], middle
    leaf[new, TOTAL] = leaf[k, TOTAL] - leaf[k, LEFT]
    leaf[k, TOTAL] = leaf[k, LEFT]
    leaf[k, NODE], leaf[new, NODE] = n_nodes, n_nodes + 1
    leaf[k, DEPTH] += 1
    leaf[new, DEPTH], leaf[new, SLOT] = leaf[k, DEPTH], -1
    worth[new, LOW], worth[new, HIGH] = worth[k, LOW], worth[k, HIGH]
    if sign != 0:
        between = 0.5 * (worth[k, LEFT_VALUE] + worth[k, RIGHT_VALUE])
        worth[k, HIGH if sign > 0 else LOW] = between
        worth[new, LOW if sign > 0 else HIGH] = between


@njit(cache=True, inline="always")
def take_slots(small, large, k, owner, leaf, worth):
    """Give both children histograms; return whether one is their parent's."""
    slot, relation = leaf[k, SLOT], 1
    if slot < 0:
        slot, relation = take_slot(owner, leaf, worth, np.int64(-1)), 0
    owner[slot], leaf[large, SLOT] = large, slot
    fresh = take_slot(owner, leaf, worth, large)
    owner[fresh], leaf[small, SLOT] = small, fresh
    return relation


@njit(cache=True, inline="always")
def most_promising(worth, n_leaves):
    """Return the leaf whose split gains most."""
    best = 0
    for k in range(1, n_leaves):
        if worth[k, GAIN] > worth[best, GAIN]:
            best = k
    return best


@njit(cache=True, inline="always")
def close_leaves(n_leaves, units, ridge, rate, leaf, worth, tree):
    """Write the leaves and return the depth of the tree."""
    nodes, values, gains, _ = tree
    unit = rate * units.gradient / units.hessian
    depth = 0
    for k in range(n_leaves):
        total, node = leaf[k, TOTAL], leaf[k, NODE]
        g, h = slope(total, units.shift), curvature(total, units.shift)
        value = bounded_value(g, h, ridge, worth[k, LOW], worth[k, HIGH])
        # A tree without a split has nothing to say.
        values[node] = unit * value if n_leaves > 1 else 0.0
        # No code is above the threshold 255.
        nodes[node], gains[node] = word(255, 0, 0, node), 0.0
        depth = max(depth, leaf[k, DEPTH])
    return depth


@njit(cache=True, nogil=True)
def grow_tree(
    codes,
    columns,
    layout,
    packed,
    weight,
    units,
    settings,
    shrinkage,
    n_rows,
    n_threads,
    rows,
    spare,
    pool,
    partial,
    leaf,
    worth,
    right,
    nodes,
    values,
    gains,
    sides,
):
    """Grow a tree for the first ``n_rows`` of ``rows``.

    ``columns`` holds the codes of one feature after the other; ``n_threads`` is None
    for a single one.
    Returns the number of leaves, of nodes that part categories, and the depth. The
    first rows of ``leaf`` are the leaves of the tree, in no order.
    """
    # Bounds differ between features: these cannot be judged in one go.
    most_cells = np.int64(RUN_CELLS)
    n_features = layout.shape[0] - 1
    for j in range(n_features):
        if layout[j, SIGN] != 0:
            most_cells = np.int64(0)
    tree, most = (nodes, values, gains, sides), settings.max_leaves
    n_all = columns.shape[0] // codes.shape[1]
    ridge, gain_unit = (
        shrinkage / units.hessian + TINY,
        units.gradient**2 / units.hessian,
    )
    owner = np.empty(pool.shape[0], np.int64)
    for slot in range(pool.shape[0]):
        owner[slot] = -1
    # Literal numbers are types of their own, for which functions are compiled again.
    k = small = large = relation = np.int64(0)
    n_leaves = n_nodes = n_studied = np.int64(1)
    n_sides, begin, end = np.int64(0), k, n_rows
    n_chunks = fill(codes, layout, packed, rows, begin, end, n_threads, partial)
    leaf[0, BEGIN], leaf[0, END] = 0, n_rows
    leaf[0, TOTAL] = sum_of_rows(layout, partial, n_chunks)
    leaf[0, NODE], leaf[0, DEPTH], leaf[0, SLOT], owner[0] = 0, 0, 0, 0
    worth[0, LOW], worth[0, HIGH] = -np.inf, np.inf
    while True:
        for turn in range(n_studied):
            k, other = (large, small) if turn else (small, large)
            if turn or n_leaves > 1:
                begin, end = leaf[k, BEGIN], leaf[k, END]
                n_chunks = fill(
                    codes, layout, packed, rows, begin, end, n_threads, partial
                )
            weigh(k, units, weight, rows, leaf, worth)
            weigh(other, units, weight, rows, leaf, worth)
            node = describe(k, units, settings, ridge, leaf, worth)
            sibling = describe(other, units, settings, ridge, leaf, worth)
            study(
                layout,
                partial,
                n_chunks,
                pool,
                k,
                other,
                node,
                sibling,
                relation,
                most_cells,
                most,
                leaf,
                worth,
                right,
            )
        k = most_promising(worth, n_leaves)
        if n_leaves == most or worth[k, GAIN] <= 0.0:
            break
        sign = layout[leaf[k, FEATURE], SIGN]
        middle = part_rows(
            columns, n_all, layout, k, n_threads, rows, spare, leaf, right
        )
        n_sides = write_node(
            layout, k, n_nodes, n_sides, gain_unit, leaf, worth, right, tree
        )
        new = n_leaves
        open_children(k, new, middle, n_nodes, sign, leaf, worth)
        n_nodes, n_leaves, n_studied = n_nodes + 2, n_leaves + 1, 0
        if n_leaves < most:
            left_is_small = 2 * middle <= leaf[k, BEGIN] + leaf[new, END]
            small, large = (k, new) if left_is_small else (new, k)
            relation = take_slots(small, large, k, owner, leaf, worth)
            n_studied = 2 - relation
    depth = close_leaves(
        n_leaves, units, ridge, settings.learning_rate, leaf, worth, tree
    )
    return n_leaves, n_sides, depth
