"""Any estimator, fitted to a target's rows and those of the sources that help it."""

from ..linear import HierarchicalClassifier, HierarchicalRegressor
from ._source_tasks_base import SourceTasks

__all__ = ["SourceTasksClassifier", "SourceTasksRegressor"]


class SourceTasksRegressor(SourceTasks):
    r"""Fit a regressor to a target's rows and to those of the sources that help it.

    The target is one task of a table. Which of the others are of use to it, and how
    much, is told by a Lasso between linear heads of the tasks: the target's head as a
    sum of relevance times heads of sources, and of its own. The rows of these sources,
    weighted by relevance, join those of the target in one fit of any estimator. Where
    held-out rows of the target are predicted better without them, they do not.

    Parameters
    ----------
    estimator : regressor, default=None
        Any regressor; it never sees the task column. None means
        :class:`~skmtl.linear.HierarchicalRegressor`, which of one task is ridge
        regression whose penalty is chosen by its evidence. An estimator that takes no
        ``sample_weight`` gets the rows of selected sources like those of the target.
    target_task : label, default=None
        The target, as named in the task column. None makes every task a target in turn,
        with an estimator of its own, and all others its sources.
    max_tasks : int or None, default=None
        Largest number of sources of a target.
    task_feature : str, int or None, default=None
        Name or position of the column of X that holds each row's task. None means one
        task, or one for each column of a two-dimensional y.
    cv : int, splitter or list of (train, test), default=5
        How to hold out rows of the target. An integer makes folds of its rows by their
        content. Others split the rows of X as passed, those of sources too.
    unseen_task : {"shared", "error"}, default="shared"
        How to predict a task that fit has not seen: by the target's estimator (by one
        fitted to the rows of all tasks, where all are targets), or not at all.
    n_jobs : int or None, default=None
        Number of targets fitted at the same time. None means one, unless inside
        :func:`joblib.parallel_config`. Results do not depend on it.

    Attributes
    ----------
    estimator_ : estimator
        The fitted estimator of the target; only with ``target_task``.
    estimators_ : list of length n_tasks
        Those of all tasks; only without.
    shared_estimator_ : estimator
        Fitted to the rows of all tasks, for tasks that fit has not seen. Only without
        ``target_task``, with a task column and ``unseen_task="shared"``.
    relevance_ : ndarray of shape (n_tasks,) or (n_tasks, n_tasks)
        Relevance of every task to the target, in the order of ``tasks_``; without
        ``target_task``, one row for each target. None is negative, and all add up to
        one, the target's own, which is what sources cannot explain, included.
    selected_tasks_ : ndarray of labels, or list of n_tasks such arrays
        Sources whose rows were used: those with relevance, or none where they do not
        help.
    row_weights_ : ndarray of the shape of ``relevance_``
        What a row of each task weighs in the fit: 1 in the target, 0 in sources that
        were not used.
    cv_losses_ : ndarray of shape (2,) or (n_tasks, 2)
        Mean squared error of held-out rows of the target, by its own rows alone and
        with those of sources. NaN if there is nothing to compare.
    uses_sources_ : bool or ndarray of bool of shape (n_tasks,)
        Whether sources were used: their loss is less than that without, or no row could
        be held out.
    tasks_ : ndarray of shape (n_tasks,)
        Labels of the tasks.
    n_tasks_ : int
        Number of tasks.
    n_features_in_ : int
        Number of columns of X, with the task.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns of X, where all are strings.

    See Also
    --------
    ActiveTaskRegressor : Which rows of sources to collect, where these cost something.
    skmtl.safety.SafeTasks : Mix a model of all tasks with one of each.

    Notes
    -----
    With ``target_task``, rows of any task are predicted as if they were the target's,
    and ``score`` counts rows of the target only, so that a grid search chooses what is
    best for it.

    Heads of sources come from a :class:`~skmtl.linear.HierarchicalRegressor` of the
    sources, so that a head of few rows is like the others instead of noise; predictions
    of sources and of the target's own ridge regression are compared at the target's
    rows. Shares ``p`` of sources, and ``1 - sum(p)`` of the target, minimise the error
    of their weighted mean, plus what is not known of sources, plus the price of
    Mallows' criterion [2]_ for the degrees of freedom of the target's own fit, plus
    a penalty in proportion to what noise can make of a share. That is a Lasso [1]_
    without a parameter to tune. A weight of rows cannot be negative, so shares are not:
    a source whose head is opposite to the target's is not selected, although a linear
    representation could learn from it.
    Text is compared by indicators of its most frequent values, and missing numbers are
    taken for means.

    A row of source `m` weighs ``(p_m / n_m) / (p_0 / n_0)``, but at most one, with `n`
    the numbers of rows: in a linear model, tasks then have their shares. Relevance is
    told anew in each split of ``cv``. With ``cv=5``, fitting costs eleven times the
    estimator.

    One row tells no source from another. A target that has no more (or copies of one)
    gets the fit to the rows of all tasks alike, unless there is ``max_tasks``.

    With more than ten tasks and no ``target_task``, heads come from one hierarchy of
    all tasks instead of one without the target for each.

    References
    ----------
    .. [1] Y. Wang, Y. Chen, K. Jamieson and S. S. Du, "Improved active multi-task
       representation learning via Lasso", International Conference on Machine
       Learning, 2023.
    .. [2] B. E. Hansen, "Least squares model averaging", Econometrica 75(4), 2007.

    Examples
    --------
    Three of eight tasks are alike, and the target has few rows.

    >>> import numpy as np
    >>> from sklearn.linear_model import Ridge
    >>> from skmtl.active import SourceTasksRegressor
    >>> rng = np.random.default_rng(0)
    >>> task = np.repeat([f"site_{t}" for t in range(8)], [12, *[60] * 7])
    >>> site, coef = np.unique(task, return_inverse=True)[1], rng.normal(size=(8, 10))
    >>> coef[:3] = coef[0]
    >>> X = rng.normal(size=(task.size, 10))
    >>> y = (X * coef[site]).sum(axis=1) + rng.normal(size=task.size)
    >>> table = np.column_stack([X.astype(object), task])
    >>> model = SourceTasksRegressor(Ridge(), target_task="site_0", task_feature=-1)
    >>> model.fit(table, y).selected_tasks_.tolist()
    ['site_1', 'site_2']
    """

    _kind = "regressor"

    @staticmethod
    def _default():
        return HierarchicalRegressor()


class SourceTasksClassifier(SourceTasks):
    r"""Fit a classifier to a target's rows and to those of the sources that help it.

    The target is one task of a table. Which of the others are of use to it, and how
    much, is told by a Lasso between linear heads of the tasks: the target's head as a
    sum of relevance times heads of sources, and of its own. The rows of these sources,
    weighted by relevance, join those of the target in one fit of any estimator. Where
    held-out rows of the target are predicted better without them, they do not.

    Parameters
    ----------
    estimator : classifier, default=None
        Any classifier; it never sees the task column. None means
        :class:`~skmtl.linear.HierarchicalClassifier`, which of one task is logistic
        regression whose penalty is chosen by its evidence. An estimator that takes no
        ``sample_weight`` gets the rows of selected sources like those of the target.
    target_task : label, default=None
        The target, as named in the task column. None makes every task a target in turn,
        with an estimator of its own, and all others its sources.
    max_tasks : int or None, default=None
        Largest number of sources of a target.
    task_feature : str, int or None, default=None
        Name or position of the column of X that holds each row's task. None means one
        task, or one for each column of a two-dimensional y.
    cv : int, splitter or list of (train, test), default=5
        How to hold out rows of the target. An integer makes folds of its rows, within
        classes, by their content. Others split the rows of X as passed, those of
        sources too.
    unseen_task : {"shared", "error"}, default="shared"
        How to predict a task that fit has not seen: by the target's estimator (by one
        fitted to the rows of all tasks, where all are targets), or not at all.
    n_jobs : int or None, default=None
        Number of targets fitted at the same time. None means one, unless inside
        :func:`joblib.parallel_config`. Results do not depend on it.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Classes of all tasks.
    estimator_ : estimator
        The fitted estimator of the target; only with ``target_task``. Where all its
        rows have one class, a constant :class:`~sklearn.dummy.DummyClassifier`.
    estimators_ : list of length n_tasks
        Those of all tasks; only without.
    shared_estimator_ : estimator
        Fitted to the rows of all tasks, for tasks that fit has not seen. Only without
        ``target_task``, with a task column and ``unseen_task="shared"``.
    relevance_ : ndarray of shape (n_tasks,) or (n_tasks, n_tasks)
        Relevance of every task to the target, in the order of ``tasks_``; without
        ``target_task``, one row for each target. None is negative, and all add up to
        one, the target's own, which is what sources cannot explain, included.
    selected_tasks_ : ndarray of labels, or list of n_tasks such arrays
        Sources whose rows were used: those with relevance, or none where they do not
        help.
    row_weights_ : ndarray of the shape of ``relevance_``
        What a row of each task weighs in the fit: 1 in the target, 0 in sources that
        were not used.
    cv_losses_ : ndarray of shape (2,) or (n_tasks, 2)
        Mean log loss of held-out rows of the target (or their share of errors, if the
        classifier has no ``predict_proba``), by its own rows alone and with those of
        sources. NaN if there is nothing to compare.
    uses_sources_ : bool or ndarray of bool of shape (n_tasks,)
        Whether sources were used: their loss is less than that without, or no row could
        be held out.
    tasks_ : ndarray of shape (n_tasks,)
        Labels of the tasks.
    n_tasks_ : int
        Number of tasks.
    n_features_in_ : int
        Number of columns of X, with the task.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns of X, where all are strings.

    See Also
    --------
    SourceTasksRegressor : The same for numbers, with notes on the method.
    ActiveTaskClassifier : Which rows of sources to collect, where these cost something.

    Notes
    -----
    Heads that tell relevance are those of squared error of indicators of the classes, a
    heuristic: which classifier is then fitted, and whether with sources, is up to
    `estimator` and to its log loss. All else is as in :class:`SourceTasksRegressor`.

    References
    ----------
    .. [1] Y. Wang, Y. Chen, K. Jamieson and S. S. Du, "Improved active multi-task
       representation learning via Lasso", International Conference on Machine
       Learning, 2023.

    Examples
    --------
    Three of six tasks are alike, and the target has few rows.

    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skmtl.active import SourceTasksClassifier
    >>> rng = np.random.default_rng(1)
    >>> task, coef = np.repeat(range(6), [30, *[90] * 5]), rng.normal(size=(6, 8))
    >>> coef[:3] = coef[0]
    >>> X = rng.normal(size=(task.size, 8))
    >>> y = (X * coef[task]).sum(axis=1) > 0.0
    >>> table = np.column_stack([X, task])
    >>> model = SourceTasksClassifier(
    ...     LogisticRegression(), target_task=0, task_feature=-1
    ... )
    >>> model.fit(table, y).selected_tasks_.tolist()
    [1.0, 2.0]
    """

    _kind = "classifier"

    @staticmethod
    def _default():
        return HierarchicalClassifier()
