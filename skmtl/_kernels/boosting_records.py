"""Records that boosting kernels read; importing them does not import numba.

Kernels take records of numbers only: a record of arrays costs seconds to compile.
"""

from typing import NamedTuple

# Entries of ``layout`` for each feature: its first cell in a histogram, the number of
# its codes, whether they are categories, the sign of a monotone constraint, and the
# binary logarithm of the distance between features of its block. The last entry of row
# b is the first feature of block b; one row more than there are features closes them.
START, N_CODES, IS_CATEGORY, SIGN, STRIDE, EDGE = range(6)

# Entries of ``leaf`` and ``worth``, which describe a leaf while a tree grows: where its
# rows are, its packed sum, its node, depth and histogram, and its best split.
BEGIN, END, TOTAL, NODE, DEPTH, SLOT, FEATURE, CUT, MISSING_RIGHT, LEFT = range(10)
GAIN, LEFT_VALUE, RIGHT_VALUE, WEIGHT, LOW, HIGH = range(6)

# How the weight of a leaf is known (``Units.weighting``): it is its number of rows, its
# hessian, or a sum over its rows.
ROWS, HESSIAN, SUMMED = range(3)


class Units(NamedTuple):
    """How derivatives are packed.

    Attributes
    ----------
    shift : int
        Where the gradient starts in a packed number.
    gradient, hessian : float
        What a one stands for in either part.
    weighting : int
        How the weight of a leaf is known.
    """

    shift: int
    gradient: float
    hessian: float
    weighting: int


class TreeSettings(NamedTuple):
    """How a tree grows.

    Attributes
    ----------
    max_leaves, max_depth : int
    min_weight : float
        Smallest weight (number of rows, where all weigh one) of a leaf. The weight of a
        side of a split is inferred from its share of the leaf's hessian, which is exact
        for losses with a constant one.
    min_hessian : float
        Smallest hessian of a leaf.
    shrinkage : float
        Added to the hessian of a leaf, which draws its value to zero.
    min_gain : float
        A split must decrease twice the objective by more.
    category_smoothing : float
        Added to the hessian of a category for its place in the order of categories,
        and to the shrinkage where their splits are judged.
    category_weight : float
        Smallest weight of a side where categories are parted.
    learning_rate : float
        Multiplies the values of leaves.
    """

    max_leaves: int = 31
    max_depth: int = 10
    min_weight: float = 20.0
    min_hessian: float = 1e-3
    shrinkage: float = 0.0
    min_gain: float = 0.0
    category_smoothing: float = 10.0
    category_weight: float = 100.0
    learning_rate: float = 0.1


class Node(NamedTuple):
    """What the search for a split must know about a node beside its histogram.

    Attributes
    ----------
    total : int
        Packed sum over its rows.
    shift : int
        Where the gradient starts in a packed number.
    ridge, smoothing : float
        Shrinkage of every value, and more of it where categories are parted.
    least, least_group : float
        Smallest hessian of a child, and of one where categories are parted.
    low, high : float
        Bounds of its values.
    gain : float
        What a split must gain.
    """

    total: int
    shift: int
    ridge: float
    smoothing: float
    least: float
    least_group: float
    low: float
    high: float
    gain: float


class TaskSettings(NamedTuple):
    """What is boosted within every task, and for how long.

    Attributes
    ----------
    loss : int
        Code of the loss.
    parameter : float
        Its parameter, if it has one.
    n_rounds : int
    patience : int
        Rounds without progress on the entries held out after which a task stops.
    n_groups : int
        Bins of a feature within a task, apart from missing values; at most 255.
    """

    loss: int = 0
    parameter: float = 0.0
    n_rounds: int = 50
    patience: int = 1_000_000
    n_groups: int = 31
