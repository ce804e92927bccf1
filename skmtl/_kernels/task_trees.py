"""All rounds of boosting of one task after the other, while its rows are in cache.

Entries ``offsets[t]:offsets[t + 1]`` belong to task t; entry e is row ``rows[e]`` of
the table of codes. Tasks do not see each other: any of them can be boosted anywhere and
at any time.
"""

import numpy as np
from numba import njit

from .boosting_records import HESSIAN, ROWS, SUMMED, Units
from .histograms import number_of_blocks, pack
from .leaves import add_leaves, refit_leaves
from .losses import HUBER, QUANTILE, SQUARED, differentiate, total_loss
from .task_bins import group_codes, lay_out, recode, translate
from .tree_predict import GROUP, lead
from .trees import grow_tree

# Cells of histograms that a thread keeps at most: 64 MB.
MOST_CELLS = 2**23


@njit(cache=True, inline="always")
def has_constant_hessian(loss):
    """Return whether the second derivative of a loss is one everywhere."""
    return loss in (SQUARED, HUBER, QUANTILE)


@njit(cache=True, inline="always")
def weighting_of(loss, weight):
    """Return how the weight of a leaf is known."""
    if weight.shape[0] == 0:
        return ROWS
    return HESSIAN if has_constant_hessian(loss) else SUMMED


@njit(cache=True, inline="always")
def choose(begin, end, held_out, chosen):
    """Write the entries of a task, those held out last; return how many are not."""
    n_train = n_all = np.int64(0)
    for side in range(2):
        for e in range(begin, end):
            if (held_out.shape[0] > 0 and held_out[e]) == (side == 1):
                chosen[n_all] = e
                n_all += 1
        if side == 0:
            n_train = n_all
    return n_train


@njit(cache=True, inline="always")
def copy_entries(
    chosen, rows, y, weight, score, own_rows, own_y, own_weight, own_score
):
    """Copy what is known of some entries."""
    for place in range(chosen.shape[0]):
        e = chosen[place]
        own_rows[place], own_y[place] = rows[e], y[e]
        if weight.shape[0] > 0:
            own_weight[place] = weight[e]
        for k in range(score.shape[1]):
            own_score[place, k] = score[e, k]


@njit(cache=True, inline="always")
def walk(codes, rows, begin, nodes, values, sides, depth, output, score):
    """Add the values of a tree to the score of the rows from ``begin`` on."""
    at = np.empty(GROUP, np.uint64)
    for group in range(begin, rows.shape[0], GROUP):
        size = min(GROUP, rows.shape[0] - group)
        lead(codes, rows, group, size, nodes, sides, depth, at)
        for place in range(size):
            score[rows[group + place], output] += values[at[place]]


@njit(cache=True, nogil=True)
def boost_tasks(
    table,
    table_layout,
    all_rows,
    offsets,
    all_y,
    all_weight,
    held_out,
    shrinkage,
    plan,
    level,
    settings,
    order,
    first,
    step,
    n_cells,
    all_scores,
    all_nodes,
    all_values,
    all_gains,
    all_sides,
    first_node,
    first_side,
    sizes,
    n_rounds,
    curves,
):
    """Boost the tasks ``order[first]``, ``order[first + step]`` and so on.

    The largest is ``order[0]``. Leaves become quantiles of that ``level``, if any.
    ``sizes[t]`` tells leaves, sides and depth of each tree, output after output and
    round after round; ``curves[t]`` the loss on entries held out before and after each
    round.
    """
    most_rows = offsets[order[0] + 1] - offsets[order[0]]
    d, n_outputs = table_layout.shape[0] - 1, all_scores.shape[1]
    weighted, loss = all_weight.shape[0] > 0, plan.loss
    has_hessian = weighted or not has_constant_hessian(loss)
    n_blocks, most_leaves = number_of_blocks(table_layout), settings.max_leaves
    n_slots = max(2, min(most_leaves, MOST_CELLS // n_cells))
    chosen, counted = np.empty(most_rows, np.int64), np.arange(most_rows)
    task_rows, identity = chosen.astype(np.uint32), counted.astype(np.uint32)
    task_codes = np.empty((most_rows, d), np.uint8)
    task_columns = np.empty(most_rows * d, np.uint8)
    group, upper = np.zeros((d, 256), np.uint8), np.zeros((d, 256), np.uint8)
    layout = table_layout.copy()
    task_y, task_score = np.empty(most_rows), np.empty((most_rows, n_outputs))
    task_weight = np.empty(most_rows if weighted else 0)
    gradient = np.empty((n_outputs, most_rows))
    hessian = np.empty((n_outputs, most_rows if has_hessian else 0))
    packed = np.empty(most_rows, np.int64)
    rows, spare = np.empty(most_rows, np.uint32), np.empty(most_rows, np.uint32)
    pool, partial = (
        np.empty((n_slots, n_cells), np.int64),
        np.empty((1, n_cells), np.int64),
    )
    n_leaf_rows = most_leaves + 2 * n_blocks
    leaf, worth = np.empty((n_leaf_rows, 10), np.int64), np.empty((n_leaf_rows, 6))
    right = np.empty((n_leaf_rows, 256), np.uint8)
    for place in range(first, order.shape[0], step):
        t = order[place]
        begin, end = offsets[t], offsets[t + 1]
        n_task = end - begin
        n_train = choose(begin, end, held_out, chosen)
        copy_entries(
            chosen[:n_task],
            all_rows,
            all_y,
            all_weight,
            all_scores,
            task_rows,
            task_y,
            task_weight,
            task_score,
        )
        group_codes(
            table,
            task_rows[:n_train],
            task_weight[:n_train],
            plan.n_groups,
            layout,
            group,
            upper,
        )
        lay_out(layout)
        codes = task_codes[:n_task]
        columns = task_columns[: d * n_train]
        recode(table, task_rows[:n_task], group, n_train, codes, columns)
        y, y_out = task_y[:n_train], task_y[n_train:n_task]
        score_out = task_score[n_train:n_task]
        weight, weight_out = task_weight[:n_train], task_weight[n_train:n_task]
        n_nodes, n_sides, best = first_node[t], first_side[t], 0
        curves[t] = total_loss(loss, plan.parameter, y_out, score_out, weight_out)
        for m in range(plan.n_rounds if n_train > 1 else 0):
            for output in range(n_outputs):
                differentiate(
                    loss,
                    plan.parameter,
                    y,
                    task_score,
                    weight,
                    output,
                    gradient[output],
                    hessian[output],
                )
            has_split = False
            for output in range(n_outputs):
                own_gradient = gradient[output, :n_train]
                shift, gradient_unit, hessian_unit = pack(
                    own_gradient, hessian[output, :n_train], weight, packed
                )
                weighting = weighting_of(loss, weight)
                units = Units(shift, gradient_unit, hessian_unit, weighting)
                for i in range(n_train):
                    rows[i] = i
                nodes, values = all_nodes[n_nodes:], all_values[n_nodes:]
                gains, sides = all_gains[n_nodes:], all_sides[n_sides:]
                n_leaves, tree_sides, depth = grow_tree(
                    codes,
                    columns,
                    layout,
                    packed,
                    weight,
                    units,
                    settings,
                    shrinkage[t],
                    n_train,
                    None,
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
                )
                tree_nodes, own_sides = 2 * n_leaves - 1, sides[:tree_sides]
                if n_leaves > 1:
                    has_split = True
                    if level is not None:
                        refit_leaves(
                            rows,
                            leaf,
                            n_leaves,
                            y,
                            task_score,
                            output,
                            weight,
                            level,
                            shrinkage[t],
                            settings.learning_rate,
                            values,
                        )
                    add_leaves(
                        rows,
                        n_train,
                        None,
                        leaf,
                        n_leaves,
                        values,
                        output,
                        task_score,
                    )
                    walk(
                        codes,
                        identity[:n_task],
                        n_train,
                        nodes,
                        values,
                        own_sides,
                        depth,
                        output,
                        task_score,
                    )
                    translate(nodes[:tree_nodes], own_sides, group, upper)
                tree = sizes[t, m * n_outputs + output]
                tree[0], tree[1], tree[2] = n_leaves, tree_sides, depth
                n_nodes, n_sides = n_nodes + tree_nodes, n_sides + tree_sides
            if not has_split:
                break
            n_rounds[t] = m + 1
            if n_train < n_task:
                now = total_loss(loss, plan.parameter, y_out, score_out, weight_out)
                curves[t, m + 1 :] = now
                if now < curves[t, best]:
                    best = m + 1
                elif m + 1 - best >= plan.patience:
                    break
        for own in range(n_task):
            for output in range(n_outputs):
                all_scores[chosen[own], output] = task_score[own, output]
