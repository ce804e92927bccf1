"""Scores by task: scorers for model selection, tables, and the gain over single tasks.

scikit-learn's named scorers look at all rows at once, and reject a two-dimensional
``y`` with missing values; those made here do neither.
"""

import numpy as np
from sklearn.metrics import mean_squared_error
from sklearn.utils.metadata_routing import MetadataRequest

from ._responses import by_column, fitted_tasks, one_task, respond
from ._sklearn_compat import check_sample_weight, num_samples
from ._task_scores import TaskScores, as_metric, score_columns, score_rows
from ._validation import read_task_column

__all__ = [
    "TaskScorer",
    "TaskScores",
    "make_task_scorer",
    "multitask_gain",
    "task_scores",
]

AVERAGES = ("macro", "weighted", "worst", None)


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


def make_task_scorer(
    metric,
    *,
    average="macro",
    task_feature=None,
    greater_is_better=True,
    response_method="predict",
    min_samples=1,
    **kwargs,
):
    """Make a scorer that computes a metric in every task and averages over tasks.

    The scorer goes into ``scoring=`` wherever scikit-learn takes one. It reads the task
    from the X it is given, before any pipeline step, so that the same scorer rates
    multi-task models and ordinary pipelines.

    Parameters
    ----------
    metric : str or callable
        The name of one of scikit-learn's scorers, such as "r2", "roc_auc" or
        "neg_root_mean_squared_error", or a function ``metric(y_true, y_pred)`` with an
        optional argument ``sample_weight``.
    average : {"macro", "weighted", "worst"} or None, default="macro"
        How the tasks' scores become one: their mean; their mean weighted by the rows of
        each (or the sum of its sample weights); or the lowest of them, which is the
        worst since scores are signed so that greater is better. None gives a dict of
        all scores, by label, that ``cross_validate`` and, with ``refit=False`` or a
        label, ``GridSearchCV`` take for several metrics.
    task_feature : str, int or None, default=None
        The task's column in X: its name or its position. None takes the columns of a
        two-dimensional ``y`` for tasks, and a one-dimensional ``y`` for one task.
    greater_is_better : bool, default=True
        Whether ``metric``, if it is a function, is a score; if False, it is a loss and
        its sign is changed.
    response_method : str or sequence of str, default="predict"
        What a function takes as ``y_pred``: "predict", "predict_proba" (of the positive
        class where there are two) or "decision_function"; of several, the first that
        the estimator has.
    min_samples : int, default=1
        Tasks with fewer rows to score are left out.
    **kwargs : dict
        Passed to the metric.

    Returns
    -------
    scorer : TaskScorer
        Called as ``scorer(estimator, X, y, sample_weight=None)``; its method ``table``
        with the same arguments returns all tasks' scores.

    See Also
    --------
    task_scores : Scores by task from predictions.

    Notes
    -----
    A task has no score, and is left out of averages, if it has fewer rows than
    ``min_samples``; if its targets are all equal and the metric compares with their
    spread or ranks classes (R² and its relatives, AUC, average precision, Matthews'
    correlation, Cohen's kappa); or if the metric is not finite. It is never counted as
    zero. If no task has a score, the result is NaN. Scores that other metrics set by
    convention stay, with scikit-learn's warning: a precision of zero where nothing is
    predicted positive is the model's doing, not the task's.

    R² compares every task with its own mean and can be very negative in small tasks;
    for ``average="macro"`` an error such as "neg_root_mean_squared_error" is steadier.

    With tasks in the columns of ``y``, missing values (NaN) are left out of each
    column. scikit-learn's own named scorers raise an error for such ``y``, and its
    integer ``cv`` does for a classifier; :class:`skmtl.model_selection.TaskKFold` does
    not.

    Metrics of probabilities or scores that take ``labels`` are given the estimator's
    ``classes_``, so that a task with one class has a log loss.

    With ``average=None`` a task has a column in ``cross_validate`` if it has rows in
    the first test fold or the fitted estimator lists it in ``tasks_``; TaskKFold
    spreads every task over all folds.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.compose import make_column_transformer
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import OneHotEncoder
    >>> from skmtl.metrics import make_task_scorer
    >>> X = pd.DataFrame(
    ...     {"school": ["a", "a", "b", "b"], "hours": [1.0, 2.0, 1.0, 2.0]}
    ... )
    >>> y = [1.0, 3.0, 2.0, 4.0]
    >>> encoder = make_column_transformer(
    ...     (OneHotEncoder(), ["school"]), remainder="passthrough"
    ... )
    >>> model = make_pipeline(encoder, Ridge()).fit(X, y)
    >>> scorer = make_task_scorer("r2", average="worst", task_feature="school")
    >>> scorer
    make_task_scorer('r2', average='worst', task_feature='school')
    >>> round(scorer(model, X, y), 3)
    0.722
    """
    if average not in AVERAGES:
        raise ValueError(f"average must be one of {AVERAGES}, got {average!r}.")
    if isinstance(metric, str) and (
        not greater_is_better or response_method != "predict"
    ):
        raise ValueError(
            f"The name {metric!r} says what the metric takes and whether greater is "
            "better; pass greater_is_better and response_method with functions only."
        )
    record = as_metric(metric, 1 if greater_is_better else -1, response_method, kwargs)
    return TaskScorer(metric, record, kwargs, average, task_feature, min_samples)


def task_scores(
    y_true, y_pred, task=None, *, metric, sample_weight=None, min_samples=1, **kwargs
):
    """Compute a metric in every task.

    One figure for all rows hides tasks with few rows, and those that are predicted
    badly. This gives every task its own.

    Parameters
    ----------
    y_true : array of shape (n_samples,) or (n_samples, n_tasks)
        True targets. In two dimensions every column is a task and NaN is not observed.
    y_pred : array of shape (n_samples,) or (n_samples, n_tasks)
        Predictions, or whatever else the metric takes.
    task : array of shape (n_samples,), default=None
        The task of each row. None is one task if ``y_true`` has one dimension.
    metric : str or callable
        The name of one of scikit-learn's scorers, in which case the score has its sign,
        or a function ``metric(y_true, y_pred)``.
    sample_weight : array of shape (n_samples,), default=None
        Weights.
    min_samples : int, default=1
        Tasks with fewer rows get no score.
    **kwargs : dict
        Passed to the metric.

    Returns
    -------
    scores : TaskScores
        Labels, sizes and scores of the tasks. A task may have no score, which is NaN
        then: see the notes of :func:`make_task_scorer`.

    See Also
    --------
    make_task_scorer : The same for model selection, and from a fitted estimator.

    Examples
    --------
    >>> from skmtl.metrics import task_scores
    >>> y_true, y_pred = [1.0, 2.0, 3.0, 4.0], [1.0, 2.5, 3.0, 5.0]
    >>> school = ["a", "a", "b", "b"]
    >>> task_scores(y_true, y_pred, school, metric="neg_mean_absolute_error")
    task  n_samples  score
       a          2  -0.25
       b          2   -0.5
    """
    record = as_metric(metric, 1, "predict", kwargs)
    weight = checked_weight(sample_weight, y_true)
    names, y = getattr(y_true, "columns", None), np.asarray(y_true)
    if y.ndim == 2 and task is None:
        y_pred = np.asarray(y_pred).reshape(y.shape)
        columns = [(record, part) for part in y_pred.T]
        return score_columns(columns, column_labels(names, y), y, weight, min_samples)
    y = one_column(y, "task")
    task = np.zeros(len(y), np.int64) if task is None else task
    return score_rows(record, y, y_pred, task, weight, min_samples)


def multitask_gain(
    y_true,
    y_pred,
    y_pred_single,
    task=None,
    *,
    metric=mean_squared_error,
    sample_weight=None,
    min_samples=1,
    **kwargs,
):
    r"""Compare multi-task with single-task predictions, task by task.

    The gain of a task is the part of the single-task model's loss that the multi-task
    model saves:

    .. math:: g_t = 1 - \frac{L_t(\text{multi-task})}{L_t(\text{single-task})},

    0 if both do alike, 1 if nothing is left of the loss, negative if sharing harms. The
    mean of :math:`g_t` over tasks, ``multitask_gain(...).average()``, is the multi-task
    performance :math:`\Delta_m` of [1]_ for losses.

    Parameters
    ----------
    y_true : array of shape (n_samples,) or (n_samples, n_tasks)
        True targets. In two dimensions every column is a task and NaN is not observed.
    y_pred : array of shape (n_samples,) or (n_samples, n_tasks)
        Predictions of the multi-task model, for rows that it was not fitted to.
    y_pred_single : array of shape (n_samples,) or (n_samples, n_tasks)
        Predictions of the same rows by a model for each task alone.
    task : array of shape (n_samples,), default=None
        The task of each row. None is one task if ``y_true`` has one dimension.
    metric : callable or str, default=mean_squared_error
        A loss ``metric(y_true, y_pred)``, or the name of one of scikit-learn's negated
        losses, such as "neg_mean_absolute_error".
    sample_weight : array of shape (n_samples,), default=None
        Weights.
    min_samples : int, default=1
        Tasks with fewer rows get no gain.
    **kwargs : dict
        Passed to the metric.

    Returns
    -------
    gains : TaskScores
        The gain of each task as its score, NaN where the single-task model's loss is
        zero or undefined.

    See Also
    --------
    task_scores : The scores themselves.
    skmtl.plotting.TaskGainDisplay : The gains as a picture, by the size of tasks.

    References
    ----------
    .. [1] Maninis, K.-K., Radosavovic, I. and Kokkinos, I. (2019). Attentive
       single-tasking of multiple tasks. CVPR, 1851-1860.

    Examples
    --------
    >>> from skmtl.metrics import multitask_gain
    >>> y_true, task = [1.0, 2.0, 3.0, 4.0], ["a", "a", "b", "b"]
    >>> together, alone = [1.0, 3.0, 3.0, 6.0], [1.0, 4.0, 3.0, 5.0]
    >>> gain = multitask_gain(y_true, together, alone, task)
    >>> gain
    task  n_samples  score
       a          2   0.75
       b          2     -3
    >>> gain.average()
    -1.125
    """
    if isinstance(metric, str) and as_metric(metric, 1, None, {}).sign > 0:
        raise ValueError(
            f"The gain needs a loss, but {metric!r} is the greater the better."
        )
    options = dict(
        metric=metric, sample_weight=sample_weight, min_samples=min_samples, **kwargs
    )
    together = task_scores(y_true, y_pred, task, **options)
    alone = task_scores(y_true, y_pred_single, task, **options).score
    ratio = np.full(alone.size, np.nan)
    np.divide(together.score, alone, out=ratio, where=alone != 0)
    return TaskScores(together.task, together.n_samples, together.weight, 1 - ratio)


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
