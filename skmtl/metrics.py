"""Scores by task: scorers for model selection, tables, and the gain over single tasks.

scikit-learn's named scorers look at all rows at once, and reject a two-dimensional
``y`` with missing values; those made here do neither.
"""

import numpy as np
from sklearn.metrics import mean_squared_error

from ._task_scorer import TaskScorer, checked_weight, column_labels, one_column
from ._task_scores import TaskScores, as_metric, score_columns, score_rows

__all__ = [
    "TaskScorer",
    "TaskScores",
    "make_task_scorer",
    "multitask_gain",
    "task_scores",
]

AVERAGES = ("macro", "weighted", "worst", None)


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
