"""The rows of one task, for models that learn a task by itself."""

from typing import NamedTuple

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from ._labels import encode, extend_vocabulary, read_labels
from ._sklearn_compat import check_sample_weight, fitting, safe_indexing
from ._targets import class_positions, read_targets
from ._task_column import split_table


class NewTask(NamedTuple):
    """Rows of one task, those of weight zero left out, and its place among tasks.

    Attributes
    ----------
    X : table
        Without the task column, as the user passed it.
    y : array of shape (n_rows,)
        Targets; positions in ``classes_`` in a classifier.
    weight : float64 array of shape (n_rows,)
    tasks : ndarray
        All labels, this one included.
    known : int64 array
        Positions of these labels before; -1 for a new one.
    place : int
        Where the label is among ``tasks``.
    """

    X: object
    y: np.ndarray
    weight: np.ndarray
    tasks: np.ndarray
    known: np.ndarray
    place: int

    @property
    def is_new(self):
        """Whether no earlier call saw the task."""
        return self.known[self.place] < 0


def open_task(estimator, X, y, name, sample_weight, *, again=False):
    """Check the rows of one task as ``fit`` does, and return them as ``NewTask``.

    With ``again`` the task may be one that an earlier call saw.
    """
    check_is_fitted(estimator)
    table, labels = split_table(estimator, X, reset=False)
    y, _ = read_targets(estimator, y)
    check_consistent_length(table, y)
    weight = np.ones(len(y))
    if sample_weight is not None:
        weight = check_sample_weight(sample_weight, table)
    label = np.unique(labels if name is None else read_labels(np.asarray([name])))
    if label.size != 1:
        raise ValueError(
            f"fit_task takes the rows of one task; the task column holds {label.size} "
            f"labels: {label[:5].tolist()}."
        )
    if not again and label[0] in estimator.tasks_.tolist():
        raise ValueError(f"fit saw task {label[0]!r} already.")
    if is_classifier(estimator):
        y = class_positions(y, estimator.classes_)[1]
    kept = np.flatnonzero(weight)
    tasks = extend_vocabulary(estimator.tasks_, label)
    return NewTask(
        safe_indexing(table, kept, axis=0),
        y[kept],
        weight[kept],
        tasks,
        encode(tasks, estimator.tasks_),
        int(encode(label, tasks)[0]),
    )


class LearnsTasks:
    """Estimators that learn a task by itself, in ``_learn_task(new)``.

    By then ``tasks_`` names the new task as well.
    """

    @available_if(lambda self: self.task_feature is not None)
    @fitting(nested=True)
    def fit_task(self, X, y, name=None, sample_weight=None):
        """Learn a new task from its rows; what is known of other tasks stays.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)
            Rows of the new task, with the columns of ``fit``.
        y : array of shape (n_samples,)
            Their targets.
        name : label, default=None
            The task's label; by default what the task column of X holds.
        sample_weight : array of shape (n_samples,), default=None
            Their weights.

        Returns
        -------
        self : object
            The fitted estimator, which now knows the task.
        """
        new = open_task(self, X, y, name, sample_weight)
        self.tasks_, self.n_tasks_ = new.tasks, new.tasks.size
        self._learn_task(new)
        return self
