"""Tables of bought rows, with the task column where a learner expects it."""

import numpy as np

from .._frames import as_table, frame_kind, insert_column, stack_rows
from .._sklearn_compat import num_samples


class Layout:
    """Put the task column into tables that come without it.

    Parameters
    ----------
    task_feature : str or int
        Name or position of the task column.
    label : label or None
        The task of target rows that come without the column; None where there is no
        such single task.
    target : table or None
        Target rows, whose columns set the order of those of frames.
    """

    def __init__(self, task_feature, label, target):
        self.task_feature = task_feature
        self.label = label
        self.target = None if target is None else as_table(target)

    def target_table(self, width):
        """Return the target rows with the task column.

        ``width`` is the number of features of bought rows, or None without any.
        """
        if self._has_task(width):
            return self.target
        if self.label is None:
            raise ValueError(
                "The target rows have no task column: pass them with it, or set the "
                "learner's target_task to the label of their task."
            )
        return self.labelled(self.target, self.label)

    def labelled(self, X, label):
        """Return a table of one task with that label in the task column."""
        X = as_table(X)
        column = np.full(num_samples(X), label)
        if column.dtype.kind in "UT":
            column = column.astype(object)
        kind, n_columns = frame_kind(X), X.shape[1] + 1
        if kind is None:
            position = _position(self.task_feature, n_columns)
            return insert_column(X, position, column)
        names = [name for name in self._names(n_columns) if name in set(X.columns)]
        X = X[names] if len(names) == X.shape[1] else X
        position, name = self._place(n_columns)
        X = X.copy() if kind == "pandas" else X
        return insert_column(X, position, column, name)

    def _names(self, n_columns):
        if self.target is None or frame_kind(self.target) is None:
            return []
        return list(self.target.columns)

    def _place(self, n_columns):
        """Return the position and the name of the task column of a frame."""
        names = self._names(n_columns)
        if isinstance(self.task_feature, str):
            if self.task_feature in names:
                return names.index(self.task_feature), self.task_feature
            return n_columns - 1, self.task_feature
        position = _position(self.task_feature, n_columns)
        return position, names[position] if len(names) == n_columns else "task"

    def _has_task(self, width):
        if isinstance(self.task_feature, str) and frame_kind(self.target) is not None:
            return self.task_feature in list(self.target.columns)
        found = self.target.shape[1]
        if width is not None and found not in (width, width + 1):
            raise ValueError(
                f"The target rows have {found} columns and bought rows {width}: the "
                "former should have the same columns, with or without that of the task."
            )
        if width is not None:
            return found == width + 1
        if self.label is None:
            return True
        position = _position(self.task_feature, found)
        column = np.asarray(self.target)[:, position]
        return bool((column == self.label).all())


def _position(task_feature, n_columns):
    """Return the place of the task column among all columns."""
    if isinstance(task_feature, str):
        raise ValueError(
            f"task_feature={task_feature!r} names a column, but the rows are arrays "
            "without names; give its position, such as task_feature=-1."
        )
    if not -n_columns <= task_feature < n_columns:
        raise ValueError(
            f"task_feature={task_feature} is not a column: with the task there are "
            f"{n_columns} columns."
        )
    return task_feature % n_columns


def training_rows(layout, deliveries, with_target, target_y):
    """Return the rows that a round adds, as one table with targets; None if none."""
    bought = [part for part in deliveries if part.n_rows]
    tables = [layout.labelled(part.X, part.task) for part in bought]
    targets = [np.asarray(part.y) for part in bought]
    if with_target:
        width = tables[0].shape[1] - 1 if tables else None
        tables.insert(0, layout.target_table(width))
        targets.insert(0, np.asarray(target_y))
    if not tables:
        return None
    return stack_rows(tables), np.concatenate(targets)
