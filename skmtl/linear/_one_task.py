"""The rows of one task, for linear models that learn a task by itself."""

import numpy as np

from .._new_task import open_task
from .._tables import as_numbers, as_rows
from .._tasks import group_rows


def open_one(estimator, X, y, name, sample_weight):
    """Return one task's rows as training data, and its place among the tasks.

    Returns
    -------
    data : TaskData
    new : NewTask
    """
    new = open_task(estimator, X, y, name, sample_weight, again=True)
    features = as_rows(as_numbers(estimator, new.X))
    task = np.zeros(len(new.y), np.int64)
    return group_rows(features, new.y, new.weight, task, 1), new
