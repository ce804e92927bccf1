"""Any estimator, fitted to a target's rows and those of the sources that help it."""

from numbers import Integral, Real

import numpy as np
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils.parallel import Parallel, delayed

from .._columns import as_codes
from .._folds import balanced_folds, user_splits
from .._labels import encode, read_labels
from .._sklearn_compat import HasMethods, Interval, fitting, get_tags, safe_indexing
from .._validation import split_table
from .._wrapping import (
    TaskWrapper,
    answer,
    answer_by_task,
    weight_arguments,
    weight_names,
)
from ..linear import HierarchicalClassifier, HierarchicalRegressor
from ._source_tasks_choice import (
    Rows,
    Wrapped,
    fit_target,
    fit_to_all,
    tells_sources_apart,
)
from ._source_tasks_heads import linear_features, target_columns

__all__ = ["SourceTasksClassifier", "SourceTasksRegressor"]

# Where every task is a target in turn, one hierarchy tells the heads of all sources if
# tasks are more than this: what it then knows of a source from the target is little.
MANY_TASKS = 10


class SourceTasks(TaskWrapper):
    """What regressor and classifier share."""

    _parameter_constraints = {
        **TaskWrapper._parameter_constraints,
        "estimator": [HasMethods(["fit", "predict"]), None],
        "target_task": [str, Real, "boolean", None],
        "max_tasks": [Interval(Integral, 1, None, closed="left"), None],
        "cv": [
            Interval(Integral, 2, None, closed="left"),
            HasMethods(["split"]),
            list,
            tuple,
        ],
        "n_jobs": [Integral, None],
    }
    # Features are needed as numbers, too: a sparse table would be filled.
    _accepts_sparse = False

    def __init__(
        self,
        estimator=None,
        *,
        target_task=None,
        max_tasks=None,
        task_feature=None,
        cv=5,
        unseen_task="shared",
        n_jobs=None,
    ):
        self.estimator = estimator
        self.target_task = target_task
        self.max_tasks = max_tasks
        self.task_feature = task_feature
        self.cv = cv
        self.unseen_task = unseen_task
        self.n_jobs = n_jobs

    @property
    def _accepts_wide_y(self):
        return self.target_task is None

    def _model(self):
        """Return the estimator to clone."""
        return self._default() if self.estimator is None else self.estimator

    def _wrapped_tags(self):
        return get_tags(self._model())

    def _offers(self, method):
        return hasattr(self._model(), method)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        # Another task's rows can outvote a task's only row.
        for kind in (tags.classifier_tags, tags.regressor_tags):
            if kind is not None and self.task_feature is not None:
                kind.poor_score = True
        return tags

    def _check_kind(self):
        tags = get_tags(self._model())
        if tags.estimator_type != self._kind or tags.input_tags.pairwise:
            raise ValueError(
                f"{type(self).__name__} takes a {self._kind} of rows, got "
                f"{self.estimator!r}."
            )

    @fitting(nested=True)
    def fit(self, X, y, sample_weight=None):
        """Choose sources and fit the estimator, for the target or for every task.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)
            Features, and the column named by ``task_feature`` if there is one.
        y : array of shape (n_samples,) or (n_samples, n_tasks)
            Targets. Two dimensions make every column a task, NaN meaning "not
            observed"; only without ``task_feature`` and ``target_task``.
        sample_weight : array of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        self._check_kind()
        opened = self._open_rows(X, y, sample_weight)
        rows, wrapped = self._rows(opened), self._wrapped(opened.weight)
        splits, position = self._splits(X, y, opened, rows), self._target_position()
        targets = range(self.n_tasks_) if position is None else [position]
        fits = self._fit_targets(rows, wrapped, splits, targets)
        self._keep(fits, targets, position)
        vars(self).pop("shared_estimator_", None)
        if position is None and self._fits_shared():
            self.shared_estimator_ = wrapped.fit_all(rows)
        return self

    def _fit_targets(self, rows, wrapped, splits, targets):
        """Return what was found for every target."""
        n_tasks, apart = self.n_tasks_, targets
        if self.max_tasks is None:
            apart = [t for t in targets if tells_sources_apart(rows, t)]
        heads = rows.heads(slice(None)) if len(apart) > MANY_TASKS else None
        fits = Parallel(n_jobs=self.n_jobs)(
            delayed(fit_target)(
                rows, t, n_tasks, wrapped, splits(rows.task == t), self.max_tasks, heads
            )
            for t in apart
        )
        fits = dict(zip(apart, fits, strict=True))
        if len(apart) < len(targets):
            one = wrapped.fit_all(rows)
            alike = (fit_to_all(rows, t, n_tasks, one) for t in targets)
            fits = dict(zip(targets, alike, strict=True)) | fits
        return [fits[t] for t in targets]

    def _fits_shared(self):
        return self.task_feature is not None and self.unseen_task == "shared"

    def _target_position(self):
        """Return the place of the target among ``tasks_``, None if all are targets."""
        if self.target_task is None:
            return None
        label = read_labels(np.asarray([self.target_task]))
        position = int(encode(label, self.tasks_)[0])
        if position < 0:
            raise ValueError(
                f"target_task={self.target_task!r} has no rows; the tasks are "
                f"{self.tasks_.tolist()[:20]}."
            )
        return position

    def _rows(self, opened):
        """Return observed targets, each with its task, over a table held once."""
        X, y = opened.X, opened.y
        if y.ndim == 2:
            task, place = np.nonzero(~np.isnan(y.T))
            y = y[place, task]
        else:
            task, place = opened.task, np.arange(len(y))
        classes = self._class_labels()
        Y = target_columns(y, None if classes is None else classes.size)
        Z = linear_features(X)
        return Rows(X, Z, place, y, Y, task, opened.weight[place])

    def _wrapped(self, weight):
        """Return the user's estimator with what is known about it."""
        estimator, classes = self._model(), self._class_labels()
        names = weight_names(estimator)
        if not names:  # An error where the user's own weights would be lost.
            weight_arguments(estimator, weight)
        probabilities = classes is not None and hasattr(estimator, "predict_proba")
        method = "predict_proba" if probabilities else "predict"
        return Wrapped(estimator, names, bool(names), method, classes)

    def _splits(self, X, y, opened, rows):
        """Return a function of a mask of target rows that returns masks of splits."""
        if not isinstance(self.cv, Integral):
            given = [
                [np.bincount(part, minlength=len(opened.y)) > 0 for part in split]
                for split in user_splits(self.cv, X, y, opened)
            ]
            masks = [[part[rows.place] for part in split] for split in given]
            return lambda of_target: masks
        codes, classes = as_codes(rows.X), self._class_labels()

        def within(of_target):
            place, target = rows.place[of_target], rows.y[of_target]
            stratum = np.zeros(place.size, np.int64)
            if classes is not None:
                stratum = target.astype(np.int64)
            fold = np.full(of_target.size, -1)
            fold[of_target] = balanced_folds(codes[place], target, stratum, self.cv)
            numbers = np.unique(fold[of_target])
            return [(fold != f, fold == f) for f in numbers if numbers.size > 1]

        return within

    def _keep(self, fits, targets, position):
        """Set the attributes that describe the targets."""
        tasks = np.arange(self.n_tasks_)
        shares = np.array([fit.shares for fit in fits])
        factor = np.array([fit.factor for fit in fits])
        losses = np.array([fit.losses for fit in fits])
        selected = [
            self.tasks_[(fit.factor > 0.0) & (tasks != t)]
            for fit, t in zip(fits, targets, strict=True)
        ]
        uses = np.array([labels.size > 0 for labels in selected])
        for name in ("estimator_", "estimators_"):
            vars(self).pop(name, None)
        if position is None:
            self.estimators_ = [fit.estimator for fit in fits]
            self.relevance_, self.row_weights_, self.cv_losses_ = shares, factor, losses
            self.selected_tasks_, self.uses_sources_ = selected, uses
            return
        self.estimator_ = fits[0].estimator
        self.relevance_, self.row_weights_ = shares[0], factor[0]
        self.cv_losses_, self.uses_sources_ = losses[0], bool(uses[0])
        self.selected_tasks_ = selected[0]

    def _answer(self, X, method):
        features, task = self._open_query(X)
        classes = self._class_labels()
        if hasattr(self, "estimator_"):
            return answer(self.estimator_, features, method, classes)
        shared = getattr(self, "shared_estimator_", None)
        if shared is None and task is not None and (task < 0).any():
            raise ValueError(
                "unseen_task was 'error' at fit, so that no model of all tasks exists; "
                "fit again with unseen_task='shared'."
            )
        return answer_by_task(self.estimators_, shared, features, task, method, classes)

    def score(self, X, y, sample_weight=None):
        """Return R² of a regressor, or the accuracy of a classifier.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)
            The same columns as at fit.
        y : array of shape (n_samples,) or (n_samples, n_tasks)
            True targets. With one task per column, observed cells count together, each
            as one row.
        sample_weight : array of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        score : float
            Over all rows; with ``target_task``, over those of the target.
        """
        if self.target_task is None or self.task_feature is None:
            return super().score(X, y, sample_weight)
        predicted, y = self.predict(X), np.asarray(y)
        labels = split_table(self, X, reset=False)[1]
        rows = np.flatnonzero(labels == self.target_task)
        if not rows.size:
            raise ValueError(
                f"There is nothing to score: X has no rows of target_task="
                f"{self.target_task!r}."
            )
        if sample_weight is not None:
            sample_weight = safe_indexing(np.asarray(sample_weight), rows)
        metric = accuracy_score if self._kind == "classifier" else r2_score
        return metric(y[rows], predicted[rows], sample_weight=sample_weight)


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
