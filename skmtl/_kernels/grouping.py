"""Entries of a table put in the order of their tasks by counting."""

import numpy as np
from numba import njit


@njit(cache=True)
def group(n_tasks, task, y, weight):
    """Return the rows of every task in their order, their y and weight, and offsets.

    One visit instead of a sort and three reads out of order.
    """
    n_rows = task.shape[0]
    offsets = np.zeros(n_tasks + 1, np.int64)
    for i in range(n_rows):
        offsets[task[i] + 1] += 1
    for t in range(n_tasks):
        offsets[t + 1] += offsets[t]
    place = offsets.copy()
    rows = np.empty(n_rows, np.int64)
    values = np.empty((2, n_rows))
    for i in range(n_rows):
        at = place[task[i]]
        place[task[i]] = at + 1
        rows[at] = i
        values[0, at] = y[i]
        values[1, at] = weight[i]
    return rows, values[0], values[1], offsets
