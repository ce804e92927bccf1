"""The best split of a node, from its histogram alone.

Derivatives stay in the fixed-point units of the histogram. A side with gradient `g` and
hessian `h` contributes ``g**2 / (h + ridge)`` (Chen and Guestrin, 2016), or what its
value earns where monotone constraints do not let it have the best one.
"""

import numpy as np
from numba import njit

from .boosting_records import (
    CUT,
    FEATURE,
    GAIN,
    IS_CATEGORY,
    LEFT,
    LEFT_VALUE,
    MISSING_RIGHT,
    N_CODES,
    RIGHT_VALUE,
    SIGN,
    START,
    STRIDE,
    Node,
)

# Relative difference of scores that rounding makes.
ROUNDING = 1e-12


@njit(cache=True, inline="always")
def slope(packed, shift):
    """Return the gradient of a packed sum."""
    return float(packed >> shift)


@njit(cache=True, inline="always")
def curvature(packed, shift):
    """Return the hessian of a packed sum."""
    return float(packed & ((np.int64(1) << shift) - 1))


@njit(cache=True, inline="always")
def bounded_value(g, h, ridge, low, high):
    """Return the best value within bounds."""
    return min(max(-g / (h + ridge), low), high)


@njit(cache=True, inline="always")
def earned(g, h, ridge, value):
    """Return twice the decrease of the objective that a value brings."""
    return -value * (2.0 * g + (h + ridge) * value)


@njit(cache=True, fastmath=True, error_model="numpy")
def score_cuts(cells, removed, node, ridge, scores):
    """Write what each cut earns: cells up to it go left, but for ``removed``."""
    shift, mask = node.shift, (np.int64(1) << node.shift) - 1
    total_g, total_h = slope(node.total, shift), curvature(node.total, shift)
    most = total_h - node.least
    for c in range(cells.shape[0]):
        left = cells[c] - removed
        h, g = float(left & mask), float(left >> shift)
        rest = total_g - g
        left_h, right_h = h + ridge, total_h - h + ridge
        score = (g * g * right_h + rest * rest * left_h) / (left_h * right_h)
        scores[c] = score if node.least <= h <= most else -1.0


@njit(cache=True, error_model="numpy")
def score_bounded_cuts(cells, removed, node, ridge, sign, scores):
    """Do what ``score_cuts`` does for values with bounds, ordered as ``sign`` says."""
    total_g = slope(node.total, node.shift)
    total_h = curvature(node.total, node.shift)
    for c in range(cells.shape[0]):
        g = slope(cells[c] - removed, node.shift)
        h = curvature(cells[c] - removed, node.shift)
        left = bounded_value(g, h, ridge, node.low, node.high)
        right = bounded_value(total_g - g, total_h - h, ridge, node.low, node.high)
        score = earned(g, h, ridge, left)
        score += earned(total_g - g, total_h - h, ridge, right)
        allowed = node.least <= h <= total_h - node.least
        scores[c] = (
            max(score, 0.0) if allowed and sign * (right - left) >= 0.0 else -1.0
        )


@njit(cache=True)
def largest(scores, n_scores):
    """Return the largest of the first scores; the last entry is overwritten.

    Compared as integers, which order numbers that are not negative in the same way:
    their maximum takes vector instructions.
    """
    bits = scores.view(np.int64)
    best = bits[0]
    for c in range(n_scores):
        best = max(best, bits[c])
    bits[-1] = best
    return scores[-1]


@njit(cache=True)
def score_best(cells, removed, node, ridge, sign, scores):
    """Write what every cut of ordered cells earns and return the most."""
    if sign == 0 and node.low == -np.inf and node.high == np.inf:
        score_cuts(cells, removed, node, ridge, scores)
    else:
        score_bounded_cuts(cells, removed, node, ridge, sign, scores)
    return largest(scores, cells.shape[0])


@njit(cache=True, inline="always")
def beats(score, kept):
    """Whether a cut is allowed, and earns more than what is kept beyond rounding."""
    return score >= 0.0 and score > kept + ROUNDING * abs(kept)


@njit(cache=True, inline="always")
def place_of(scores, score):
    """Return the first place of a score, or of one that is lower by rounding only.

    The score is that of an allowed cut, which is not negative.

    Cuts that part rows alike, or the other way round, are then told apart by their
    order and not by the last bit of the derivatives.
    """
    c, least = 0, score * (1.0 - ROUNDING)
    while scores[c] < least:
        c += 1
    return c


@njit(cache=True, inline="always")
def keep_cut(cells, j, cut, missing_right, score, node, leaf, worth):
    """Keep a threshold of feature j, in the middle of all that part the same rows."""
    missing, last = cells[0], cut
    while last + 2 < cells.shape[0] and cells[last + 1] == cells[cut]:
        last += 1
    worth[GAIN], leaf[FEATURE], leaf[CUT] = score, j, (cut + last) // 2
    leaf[LEFT] = cells[cut] - (missing if missing_right else np.int64(0))
    leaf[MISSING_RIGHT] = missing_right
    if missing == 0:
        # Rows to come may miss the value: they join the heavier side.
        heavy = 2.0 * curvature(leaf[LEFT], node.shift)
        leaf[MISSING_RIGHT] = 1 if heavy < curvature(node.total, node.shift) else 0


@njit(cache=True, inline="always")
def split_numbers(layout, first, last, cells, node, scores, leaf, worth):
    """Keep the best threshold of some features if it beats what is kept so far.

    All of them are scored in one go: together they have few cells.
    """
    start, stride = layout[first, START], layout[first, STRIDE]
    run, none = cells[start : layout[last, START]], np.int64(0)
    sign = layout[first, SIGN]
    score = score_best(run, none, node, node.ridge, sign, scores)
    if beats(score, worth[GAIN]):
        place = place_of(scores, score)
        j = first + (place >> stride)
        start = layout[j, START]
        cut = place & ((1 << stride) - 1)
        part = cells[start : start + layout[j, N_CODES]]
        keep_cut(part, j, cut, none, score, node, leaf, worth)
    for j in range(first, last):
        start = layout[j, START]
        part = cells[start : start + layout[j, N_CODES]]
        if part[0] != 0:
            score = score_best(part, part[0], node, node.ridge, sign, scores)
            if beats(score, worth[GAIN]):
                cut = place_of(scores, score)
                keep_cut(part, j, cut, none + 1, score, node, leaf, worth)


@njit(cache=True, inline="always")
def sort_categories(cells, node, order, key):
    """Write the occupied cells by their mean gradient, shrunken; return their number.

    For a convex loss one of the splits of this order is best (Fisher, 1958).
    """
    n_present = 0
    for c in range(cells.shape[0]):
        h = curvature(cells[c], node.shift)
        if cells[c] == 0:
            continue
        mean = slope(cells[c], node.shift) / (h + node.smoothing + 1e-10)
        place = n_present
        while place > 0 and key[place - 1] > mean:
            key[place], order[place] = key[place - 1], order[place - 1]
            place -= 1
        key[place], order[place] = mean, c
        n_present += 1
    return n_present


@njit(cache=True, inline="always")
def split_categories(cells, j, node, scores, leaf, worth, right):
    """Keep the best two groups of a feature's categories if better than what is kept.

    ``right`` becomes 1 for every code that goes right; codes that the node does not
    have follow the heavier side.
    """
    order, key = np.empty(256, np.int64), np.empty(256)
    n_present = sort_categories(cells, node, order, key)
    if n_present < 2:
        return
    cumulated = np.empty(n_present - 1, np.int64)
    total = 0
    for place in range(n_present - 1):
        total += cells[order[place]]
        cumulated[place] = total
    ridge = node.ridge + node.smoothing
    none = np.int64(0)
    group = Node(
        node.total,
        node.shift,
        node.ridge,
        node.smoothing,
        node.least_group,
        node.least_group,
        node.low,
        node.high,
        node.gain,
    )
    score = score_best(cumulated, none, group, ridge, none, scores)
    if not beats(score, worth[GAIN]):
        return
    cut = place_of(scores, score)
    worth[GAIN] = score
    leaf[FEATURE], leaf[CUT], leaf[LEFT] = j, cut, cumulated[cut]
    heavy = 2.0 * curvature(leaf[LEFT], node.shift)
    leaf[MISSING_RIGHT] = 1 if heavy < curvature(node.total, node.shift) else 0
    for c in range(256):
        right[c] = leaf[MISSING_RIGHT]
    for place in range(n_present):
        right[order[place]] = place > cut


@njit(cache=True, inline="always")
def run_end(layout, first, last, most_cells):
    """Return where a run of features with ordered codes and few cells ends."""
    end = first + 1
    while end < last and not layout[end, IS_CATEGORY]:
        if layout[end + 1, START] - layout[first, START] > most_cells:
            break
        end += 1
    return end


@njit(cache=True)
def search(layout, first, last, cells, node, most_cells, leaf, worth, right):
    """Find the best split among some features.

    Runs of features with up to ``most_cells`` cells are scored together; with 0, which
    monotone constraints ask for, each alone. ``worth[GAIN]`` becomes what the split
    adds to the node's own value, or -1.
    """
    shift, ridge, low, high = node.shift, node.ridge, node.low, node.high
    g, h = slope(node.total, shift), curvature(node.total, shift)
    own = earned(g, h, ridge, bounded_value(g, h, ridge, low, high))
    # A gain within rounding of zero is none.
    worth[GAIN] = own + ROUNDING * abs(own) + node.gain
    leaf[FEATURE] = -1
    j = first
    if h < 2.0 * node.least:
        j = last
    scores = np.empty(max(most_cells, 256) + 1)
    while j < last:
        end = j + 1
        if layout[j, IS_CATEGORY]:
            part = cells[layout[j, START] : layout[j, START] + layout[j, N_CODES]]
            split_categories(part, j, node, scores, leaf, worth, right)
        else:
            end = run_end(layout, j, last, most_cells)
            split_numbers(layout, j, end, cells, node, scores, leaf, worth)
        j = end
    if leaf[FEATURE] < 0:
        worth[GAIN] = -1.0
        return
    worth[GAIN] -= own
    g_left, h_left = slope(leaf[LEFT], shift), curvature(leaf[LEFT], shift)
    worth[LEFT_VALUE] = bounded_value(g_left, h_left, ridge, low, high)
    worth[RIGHT_VALUE] = bounded_value(g - g_left, h - h_left, ridge, low, high)
