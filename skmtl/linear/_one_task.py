"""Read the rows of one task, for models that learn a task by itself."""

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from .._labels import encode, extend_vocabulary, read_labels
from .._sklearn_compat import check_sample_weight
from .._tasks import group_rows
from .._validation import as_numbers, as_rows, split_table


class OneTask:
    """Read the rows of one task for ``fit_task``.

    A mixin for fitted estimators with a task column. ``_open_task`` checks rows as fit
    does and returns them as training data of one task, those of weight zero left out;
    a classifier's targets are positions in ``classes_``. ``_vocabulary_with`` gives the
    label its place among ``tasks_``, which stays as it is.
    """

    def _open_task(self, X, y, name, sample_weight):
        """Return one task's rows as training data, and its label in an array."""
        check_is_fitted(self)
        table, labels = split_table(self, X, reset=False)
        features, (y, _) = as_numbers(self, table), self._check_y(y)
        check_consistent_length(features, y)
        weight = np.ones(len(y))
        if sample_weight is not None:
            weight = check_sample_weight(sample_weight, table)
        label = np.unique(labels if name is None else read_labels(np.asarray([name])))
        if label.size != 1:
            raise ValueError(
                f"fit_task takes the rows of one task; the task column holds "
                f"{label.size} labels: {label[:5].tolist()}."
            )
        if is_classifier(self):
            y = self._set_classes(y, extend=True)
        kept = np.flatnonzero(weight)
        features, task = as_rows(features[kept]), np.zeros(kept.size, np.int64)
        return group_rows(features, y[kept], weight[kept], task, 1), label

    def _vocabulary_with(self, label):
        """Return all labels, their positions before (-1 if new), and the label's."""
        tasks = extend_vocabulary(self.tasks_, label)
        return tasks, encode(tasks, self.tasks_), int(encode(label, tasks)[0])
