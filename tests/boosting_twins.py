"""Slow and obvious versions of what the boosting kernels do."""

from itertools import combinations

import numpy as np


def histogram(codes, packed, rows, layout):
    """Add rows one at a time to cells in the layout of the kernels."""
    cells = np.zeros(layout[-1, 0], np.int64)
    for i in rows:
        for j in range(codes.shape[1]):
            cells[layout[j, 0] + codes[i, j]] += packed[i]
    return cells


def value(g, h, shrinkage):
    return -g / (h + shrinkage) if h + shrinkage > 0 else 0.0


def earned(g, h, shrinkage):
    return g * g / (h + shrinkage) if h + shrinkage > 0 else 0.0


def ways(codes, is_category):
    """Yield every way to send the codes of one feature left."""
    present = np.unique(codes)
    if is_category:
        for size in range(1, present.size):
            yield from (set(left) for left in combinations(present.tolist(), size))
        return
    known = present[present > 0].tolist()
    for size in range(len(known) + 1):
        yield set(known[:size])
        yield {0, *known[:size]}


def best_split(codes, g, h, rows, settings, is_category):
    """Return the gain, feature and left rows of the best split of some rows."""
    own = earned(g[rows].sum(), h[rows].sum(), settings.shrinkage)
    best = (0.0, None, None)
    for j in range(codes.shape[1]):
        for left in ways(codes[rows, j], is_category[j]):
            goes_left = np.isin(codes[rows, j], list(left))
            sides = rows[goes_left], rows[~goes_left]
            if min(h[side].sum() for side in sides) < settings.min_weight - 1e-6:
                continue
            parts = (earned(g[s].sum(), h[s].sum(), settings.shrinkage) for s in sides)
            gain = sum(parts) - own
            if gain > best[0] + 1e-9:
                best = (gain, j, goes_left)
    return best


def grow(codes, g, h, settings, is_category):
    """Return what a tree says of its rows, and the gains of its splits in order."""
    leaves = [np.arange(len(codes))]
    found = [best_split(codes, g, h, leaves[0], settings, is_category)]
    gains = []
    while len(leaves) < settings.max_leaves:
        k = int(np.argmax([gain for gain, _, _ in found]))
        gain, j, goes_left = found[k]
        if j is None:
            break
        gains.append(gain)
        sides = leaves[k][goes_left], leaves[k][~goes_left]
        leaves[k], found[k] = (
            sides[0],
            best_split(codes, g, h, sides[0], settings, is_category),
        )
        leaves.append(sides[1])
        found.append(best_split(codes, g, h, sides[1], settings, is_category))
    score = np.zeros(len(codes))
    for rows in leaves if gains else []:
        score[rows] = value(g[rows].sum(), h[rows].sum(), settings.shrinkage)
    return settings.learning_rate * score, gains


def descend(trees, tree, codes):
    """Lead one row down one tree, node by node; return the value of its leaf."""
    first, side = int(trees.starts[tree]), int(trees.side_starts[tree])
    node = 0
    while True:
        bits = int(trees.nodes[first + node])
        left, code = bits >> 33, int(codes[(bits >> 16) & 65535])
        if left == node:
            return trees.values[first + node]
        if (bits >> 32) & 1:
            part = int(trees.sides[side + (bits & 65535), code // 64])
            node = left + (part >> (code % 64) & 1)
        elif code == 0:
            node = left + ((bits >> 8) & 255 == 255)
        else:
            # Where missing values go right, codes count from one less.
            missing_right = (bits >> 8) & 255 == 255
            node = left + (code - missing_right > bits & 255)


def weighted_quantile(values, weight, level):
    """Repeat every value as often as it weighs, and take the quantile of these."""
    repeated = np.sort(np.repeat(values, weight))
    return np.quantile(repeated, level, method="averaged_inverted_cdf")
