"""Labelled rows of all tasks, and regressions that stand for them."""

from typing import NamedTuple

import numpy as np

from .._tasks import TaskData, freeze, statistics
from ._compression import Frame, compress


class Labels(NamedTuple):
    """Labelled rows of all tasks.

    Attributes
    ----------
    rows : array of shape (n_entries, n_coordinates)
    target : array of shape (n_sets, n_entries)
        Whether the label is the set's class. Two classes have one set.
    weight : array of shape (n_entries,)
    task : int array of shape (n_entries,)
    offsets : int array of shape (n_tasks + 1,)
    intercept : bool
    """

    rows: np.ndarray
    target: np.ndarray
    weight: np.ndarray
    task: np.ndarray
    offsets: np.ndarray
    intercept: bool


def labels_of(rows, code, n_classes, weight, offsets, intercept):
    """Return labelled rows from class positions."""
    task = np.repeat(np.arange(offsets.size - 1), np.diff(offsets))
    classes = np.arange(n_classes) if n_classes > 2 else np.ones(1)
    target = (code == classes[:, None]).astype(float)
    return Labels(rows, target, weight, task, offsets, intercept)


def gaussian_tasks(labels, response, precision):
    """Return scores with normal likelihoods as tasks with unit noise.

    ``response`` and ``precision`` are (n_sets, n_entries); the tasks of one set stand
    after those of another.
    """
    n_sets, n_entries = response.shape
    first, n_coordinates = int(labels.intercept), labels.rows.shape[1]
    shift = n_entries * np.arange(n_sets)[:, None]
    offsets = np.r_[0, (labels.offsets[1:] + shift).ravel()]
    data = TaskData(
        np.ascontiguousarray(labels.rows[:, first:]),
        np.tile(np.arange(n_entries), n_sets),
        response.ravel(),
        precision.ravel(),
        offsets,
        False,
    )
    none, one = np.zeros(n_coordinates - first), np.ones(n_coordinates - first)
    n_tasks = offsets.size - 1
    plain = Frame(none, one, np.zeros(n_tasks), np.ones(n_tasks), None, bool(first))
    return compress(statistics(freeze(data)), plain)
