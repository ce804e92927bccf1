"""Task labels: from a column of any table to integers, by value and never by batch."""

import warnings
from collections import defaultdict
from itertools import count
from numbers import Real

import numpy as np

from ._documentation import see
from .exceptions import TaskColumnWarning

MISSING = ("NoneType", "NAType", "NaTType")


def read_labels(column):
    """Return the labels of a column: text as objects, numbers by their value.

    Raises
    ------
    ValueError
        If a label is missing or infinite.
    TypeError
        If a label is neither text nor a number, or the column holds both.
    """
    labels = column.to_numpy() if hasattr(column, "to_numpy") else np.asarray(column)
    # A column of a table of rows lies scattered, and is read several times.
    labels = np.ascontiguousarray(labels)
    if labels.dtype.kind == "O":
        labels = _plain(labels)
    elif labels.dtype.kind in "UT":
        labels = labels.astype(object)
    if labels.dtype.kind == "c":
        raise ValueError("Complex data not supported: the task column holds complex.")
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        found = labels[~np.isfinite(labels)]
        raise ValueError(
            f"The task column contains NaN or infinity in {found.size} of "
            f"{labels.size} rows; every row needs a task. Label rows of no known task "
            "by a name of their own, such as 'unknown'." + see("a-label-is-missing")
        )
    if labels.dtype.kind not in "Obiuf":
        raise TypeError(
            f"A task label must be a string or a number; the task column has dtype "
            f"{labels.dtype}. Convert it to strings first."
        )
    return labels


def _plain(labels):
    """Turn objects into text or numbers, or say which of them cannot be."""
    values = labels.tolist()
    try:
        values = set(values)
    except TypeError:  # Something without a hash, which is refused below.
        kinds = set(map(type, values))
    else:
        kinds = set(map(type, values))
    missing = [kind for kind in kinds if kind.__name__ in MISSING]
    if not missing and any(issubclass(kind, (float, np.floating)) for kind in kinds):
        missing = [value for value in values if value != value]
    if missing:
        raise ValueError(
            "The task column contains missing values (NaN or None); every row needs a "
            "task. Label rows of no known task by a name of their own, such as "
            "'unknown'." + see("a-label-is-missing")
        )
    if all(issubclass(kind, str) for kind in kinds):
        return labels
    if any(issubclass(kind, str) for kind in kinds):
        names = sorted(kind.__name__ for kind in kinds)
        raise TypeError(
            f"The task column mixes text and numbers (found {', '.join(names)}); make "
            "all its labels strings." + see("text-and-numbers")
        )
    odd = [k.__name__ for k in kinds if not issubclass(k, (Real, np.bool_, np.number))]
    if odd:
        raise TypeError(
            "Each task label: argument must be a string or a number, found "
            f"{', '.join(sorted(odd))}."
        )
    return np.array(labels.tolist())


def build_vocabulary(labels):
    """Return the sorted distinct labels and each row's position among them."""
    if labels.dtype.kind != "O":
        return np.unique(labels, return_inverse=True)
    # Hashing beats the sort of np.unique several times over on text. The dictionary
    # numbers labels as they appear, in one pass without a step of Python.
    code = defaultdict(count().__next__)
    found = np.fromiter(map(code.__getitem__, labels.tolist()), np.int64, labels.size)
    tasks = sorted(code)
    rank = np.empty(len(tasks), np.int64)
    rank[[code[task] for task in tasks]] = np.arange(len(tasks))
    return np.array(tasks, dtype=object), rank[found]


def encode(labels, tasks):
    """Return each label's position among ``tasks``, -1 where it is none of them."""
    check_same_kind(labels, tasks)
    if labels.dtype.kind == "O" and 20 * labels.size > tasks.size:
        return _look_up(labels.tolist(), tasks)
    position = _from_table(labels, tasks)
    if position is None:
        position = np.searchsorted(tasks, labels).clip(max=tasks.size - 1)
    return np.where(tasks[position] == labels, position, -1)


def _from_table(labels, tasks):
    """Return where labels would be among tasks that are whole numbers, or None.

    A table of all numbers in between is read faster than tasks are searched.
    """
    if tasks.dtype.kind not in "iuf" or labels.dtype.kind not in "iuf":
        return None
    low, high = tasks[0], tasks[-1]
    span, furthest = float(high) - float(low), max(abs(float(low)), abs(float(high)))
    if span >= 2.0 * labels.size or furthest >= 2.0**53:
        return None
    whole = tasks.astype(np.int64)
    if (whole != tasks).any():
        return None
    table = np.zeros(whole[-1] - whole[0] + 1, np.int64)
    table[whole - whole[0]] = np.arange(tasks.size)
    known = np.where((labels >= low) & (labels <= high), labels, low)
    return table[known.astype(np.int64) - whole[0]]


def extend_vocabulary(tasks, labels):
    """Return the sorted union of known tasks and the labels of new rows."""
    check_same_kind(labels, tasks)
    new, _ = build_vocabulary(labels)
    return build_vocabulary(np.concatenate([tasks, new]))[0]


def _look_up(values, tasks):
    code = dict(zip(tasks.tolist(), range(tasks.size), strict=True))
    try:
        return np.fromiter(map(code.__getitem__, values), np.int64, len(values))
    except KeyError:
        return np.fromiter((code.get(v, -1) for v in values), np.int64, len(values))


def check_same_kind(labels, tasks):
    """Refuse numbers where fit saw text, or the reverse: no row would match."""
    if labels.size and (labels.dtype.kind == "O") != (tasks.dtype.kind == "O"):
        kinds = ["numbers", "text"]
        found, fitted = (kinds[part.dtype.kind == "O"] for part in (labels, tasks))
        raise TypeError(
            f"The task column holds {found} such as {labels[0]!r}, but fit saw "
            f"{fitted} such as {tasks[0]!r}. Pass the labels in the same form."
            + see("text-and-numbers")
        )


def check_known(labels, code):
    """Raise if a row has a task that fit did not see."""
    if (code < 0).any():
        unknown = build_vocabulary(labels[code < 0])[0].tolist()
        shown = ", ".join([*map(repr, unknown[:5]), *["..."] * (len(unknown) > 5)])
        raise ValueError(
            f"Found {len(unknown)} task(s) that fit did not see: {shown}. Use "
            "unseen_task='shared' to predict them by the part all tasks share."
            + see("a-task-that-fit-has-not-seen")
        )


def warn_if_transformed(tasks, code):
    """Warn when a task column looks like a scaled, projected or synthetic one."""
    n_rows, n_tasks = code.size, tasks.size
    if n_rows <= 20 or n_tasks < 10:
        return
    single = int((np.bincount(code, minlength=n_tasks) == 1).sum())
    if n_tasks > n_rows / 2 or single > n_tasks / 2:
        warnings.warn(
            f"The task column has {n_tasks} distinct labels in {n_rows} rows, {single} "
            "of them on one row only. Did an earlier step of the pipeline change it? "
            "Keep it out of such steps with skmtl.compose.keep_task(transformer, "
            "task_feature)." + see("labels-that-look-like-measurements"),
            TaskColumnWarning,
            stacklevel=2,
        )
