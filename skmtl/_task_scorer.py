"""A scorer for model selection that computes a metric in every task."""

import numpy as np
from sklearn.utils.metadata_routing import MetadataRequest

from ._responses import by_column, fitted_tasks, one_task, respond
from ._sklearn_compat import check_sample_weight, num_samples
from ._task_column import read_task_column
from ._task_scores import score_columns, score_rows


class ScoresByName(dict):
    """Scores of one fold by the name of the task.

    Cross-validation asks every fold for the tasks of the first: one that has no rows in
    a fold has no score there.
    """

    def __missing__(self, name):
        """Return the score of a task without rows."""
        return np.nan


class TaskScorer:
    """A scorer that computes a metric in every task; see :func:`make_task_scorer`.

    It is called as ``scorer(estimator, X, y, sample_weight=None)``, by scikit-learn
    or by hand. With metadata routing it requests ``sample_weight``.

    Parameters
    ----------
    metric : str or callable
        What the user named.
    record : Metric
        The function behind it, and how to call it.
    kwargs : dict
        Arguments of the function that the user set.
    average : {"macro", "weighted", "worst"} or None
        How the tasks' scores become one.
    task_feature : str, int or None
        The task's column in X.
    min_samples : int
        Tasks with fewer rows are left out.

    See Also
    --------
    make_task_scorer : Makes one.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from skmtl import PooledTasks
    >>> from skmtl.metrics import make_task_scorer
    >>> X, y = [[1.0, 0], [2.0, 0], [1.0, 1], [3.0, 1]], [1.0, 2.0, 2.0, 3.0]
    >>> scorer = make_task_scorer("neg_mean_absolute_error", task_feature=-1)
    >>> model = PooledTasks(Ridge(), task_feature=-1).fit(X, y)
    >>> bool(scorer(model, X, y) < 0)
    True
    """

    def __init__(self, metric, record, kwargs, average, task_feature, min_samples):
        self._metric = metric
        self._kwargs = kwargs
        self._record = record
        self._average = average
        self._task_feature = task_feature
        self._min_samples = min_samples
        self._request = {"sample_weight": True}

    def __call__(self, estimator, X, y, sample_weight=None):
        """Score a fitted estimator.

        Parameters
        ----------
        estimator : estimator
            Any scikit-learn estimator or pipeline.
        X : table of shape (n_samples, n_features)
            What the estimator predicts from, with the task column.
        y : array of shape (n_samples,) or (n_samples, n_tasks)
            True targets.
        sample_weight : array of shape (n_samples,), default=None
            Weights.

        Returns
        -------
        score : float or dict of str to float
            The average over tasks, or with ``average=None`` each task's score.
        """
        table = self.table(estimator, X, y, sample_weight)
        if self._average is not None:
            return table.average(self._average)
        scores = ScoresByName()
        if self._task_feature is not None:
            fitted = np.asarray(fitted_tasks(estimator)).tolist()
            scores.update(dict.fromkeys(map(key, fitted), np.nan))
        scores.update((key(label), s) for label, s in table.to_dict().items())
        return scores

    def table(self, estimator, X, y, sample_weight=None):
        """Return the score of each task as a table.

        Parameters
        ----------
        estimator : estimator
            Any scikit-learn estimator or pipeline.
        X : table of shape (n_samples, n_features)
            What the estimator predicts from, with the task column.
        y : array of shape (n_samples,) or (n_samples, n_tasks)
            True targets.
        sample_weight : array of shape (n_samples,), default=None
            Weights.

        Returns
        -------
        scores : TaskScores
            Labels, sizes and scores of the tasks.
        """
        weight = checked_weight(sample_weight, X)
        names, y = getattr(y, "columns", None), np.asarray(y)
        method, response = respond(estimator, X, self._record.response_method)
        classes = getattr(estimator, "classes_", None)
        if y.ndim == 2 and self._task_feature is None:
            columns = [
                one_task(self._record, method, *part)
                for part in by_column(method, response, classes, y.shape[1])
            ]
            return score_columns(
                columns, column_labels(names, y), y, weight, self._min_samples
            )
        task = np.zeros(len(y), np.int64)
        if self._task_feature is not None:
            task = read_task_column(X, self._task_feature)
        y = one_column(y, self._task_feature)
        metric, response = one_task(self._record, method, response, classes)
        return score_rows(metric, y, response, task, weight, self._min_samples)

    def set_score_request(self, *, sample_weight=True):
        """Say under which name the scorer wants weights, with metadata routing.

        Parameters
        ----------
        sample_weight : bool, str or None, default=True
            True takes weights that are passed, False ignores them, None makes them an
            error, and a string is another name for them.

        Returns
        -------
        self : TaskScorer
            The scorer.
        """
        self._request = {"sample_weight": sample_weight}
        return self

    def get_metadata_routing(self):
        """Return what the scorer requests.

        Returns
        -------
        request : MetadataRequest
            The request for ``sample_weight``.
        """
        request = MetadataRequest(owner=self)
        for param, alias in self._request.items():
            request.score.add_request(param=param, alias=alias)
        return request

    def _accept_sample_weight(self):
        # Without metadata routing, searches ask whether to pass weights on.
        return self._record.accepts("sample_weight")

    def _routing_repr(self):
        return repr(self)

    def __repr__(self):
        """Return the call that makes this scorer."""
        parts = [
            getattr(self._metric, "__name__", None) or repr(self._metric),
            f"average={self._average!r}",
            f"task_feature={self._task_feature!r}",
        ]
        if not isinstance(self._metric, str):
            if self._record.sign < 0:
                parts.append("greater_is_better=False")
            if self._record.response_method != "predict":
                parts.append(f"response_method={self._record.response_method!r}")
        if self._min_samples != 1:
            parts.append(f"min_samples={self._min_samples}")
        parts += [f"{k}={v!r}" for k, v in self._kwargs.items()]
        return f"make_task_scorer({', '.join(parts)})"


def checked_weight(sample_weight, rows):
    """Return weights as one float per row, or None."""
    if sample_weight is None:
        return None
    return check_sample_weight(sample_weight, np.zeros(num_samples(rows)))


def column_labels(names, y):
    """Return the labels of the tasks that are columns of y."""
    return list(range(y.shape[1]) if names is None else names)


def one_column(y, task_feature):
    """Return y in one dimension; with a task for each row it cannot have two."""
    if y.ndim == 2 and y.shape[1] == 1:
        return y[:, 0]
    if y.ndim != 1:
        raise ValueError(
            f"y has the shape {y.shape}, but task_feature={task_feature!r} already "
            "says the task of each row; its columns cannot be tasks too."
        )
    return y


def key(label):
    """Return a task's name in the results of cross-validation."""
    if isinstance(label, float) and label.is_integer():
        return str(int(label))
    return str(label)
