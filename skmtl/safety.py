"""Sharing that is no worse than not sharing, up to the noise of held-out rows."""

from copy import copy
from numbers import Integral

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.utils.parallel import Parallel
from sklearn.utils.validation import check_array

from ._columns import as_codes
from ._folds import task_folds, user_splits
from ._gates import log_gates, squared_gates
from ._held_out import Model, held_out, pieces_of
from ._single import single_model
from ._sklearn_compat import HasMethods, Interval, fitting, get_tags, safe_indexing
from ._task_column import locate
from ._wrapping import (
    TaskWrapper,
    answer,
    answer_by_task,
    answer_column,
    answer_columns,
    rows_by_task,
    weight_arguments,
)

__all__ = ["SafeTasks"]


class SafeTasks(TaskWrapper):
    """Mix a shared model with each task's own, by as much as held-out rows advise.

    Sharing helps most tasks and can ruin some. This estimator fits a shared model and
    one model per task, and predicts ``(1 - gate) * single + gate * shared`` with a gate
    between 0 and 1 for each task. Gates come from predictions of held-out rows; those
    of small tasks are shrunk toward the gate that suits all tasks.

    Parameters
    ----------
    estimator : regressor or classifier
        The shared model: any estimator of this library, or of scikit-learn. It gets
        all columns of X, the task column included. If it has a parameter
        ``task_feature`` that is None, it is given that of this estimator. A classifier
        needs ``predict_proba``.
    single : estimator, default=None
        The model of one task, of the same kind, which never sees the task column. None
        means ridge regression whose penalty is chosen by its evidence
        (:class:`~sklearn.linear_model.BayesianRidge`), or logistic regression, on
        standardised features, which must be numbers.
    task_feature : str, int or None, default=None
        Name or position of the column of X that holds each row's task. None means one
        task, or one for each column of a two-dimensional y, where NaN means "not
        observed" if `estimator` takes that.
    cv : int, splitter or list of (train, test), default=5
        How to hold out rows. An integer makes folds within each task (and class) by
        the content of rows, so that neither their order nor the task labels matter.
        Others split the rows of X as passed, for example in the order of time.
    unseen_task : {"shared", "error"}, default="shared"
        How to predict a task that fit has not seen: by the shared model alone, or not
        at all.
    n_jobs : int or None, default=None
        Number of models fitted at the same time. None means one, unless inside
        :func:`joblib.parallel_config`. Results do not depend on it.

    Attributes
    ----------
    gate_ : ndarray of shape (n_tasks,)
        Weight of the shared model in each task, in the order of ``tasks_``.
    overall_gate_ : float
        The gate of tasks too small to hold out rows; 1 if all tasks are.
    shared_estimator_ : estimator
        The shared model, fitted to all rows.
    single_estimators_ : list of length n_tasks
        Each task's own model, fitted to all its rows; a constant
        :class:`~sklearn.dummy.DummyClassifier` where these have one class.
    tasks_ : ndarray of shape (n_tasks,)
        Labels of the tasks.
    n_tasks_ : int
        Number of tasks.
    classes_ : ndarray of shape (n_classes,)
        Classes of all tasks, in a classifier.
    n_features_in_ : int
        Number of columns of X, with the task.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns of X, where all are strings.

    See Also
    --------
    skmtl.baselines.PooledTasks : A shared model that any estimator can be.
    skmtl.baselines.IndependentTasks : The models of single tasks alone.

    Notes
    -----
    The idea of a gate in each task between what is shared and what is private is that
    of [1]_. There, gates are weights of a neural network, learned with its shared part
    from the training loss; here both models are fitted as usual, for any pair of
    estimators, and gates come from rows that neither was fitted to.

    Held-out squared error of task `t` is a parabola in its gate ``g``. With residuals
    ``e`` of the single model and differences ``d = shared - single``, its minimum is
    ``sum(e d) / sum(d d)``, with variance ``v = s2 / sum(d d)`` where ``s2`` is the
    noise. True gates are taken to vary around a common mean ``m`` with variance ``u``,
    estimated from all tasks [2]_, so that the best guess is
    ``(estimate / v + m / u) / (1 / v + 1 / u)``. In classifiers the log loss, convex in
    ``g``, takes the place of ``(g - estimate)**2 / (2 v)``. The gate is then lowered by
    half its standard deviation, and its odds by the share of rows that models in
    cross-validation are fitted to, because a task's own model gains more from the
    rest than the shared one. No bound on the loss of a single task can hold: a few held
    out rows can mislead. On average over tasks of any size the mixture should not lose,
    unless sharing helps large tasks and harms small ones, whose gates are shrunk to
    those of the others.

    With ``cv=5``, fitting costs six times both models.

    References
    ----------
    .. [1] Z. Yue, F. Ye, Y. Zhang, C. Liang and I. W. Tsang, "Deep Safe Multi-Task
       Learning", arXiv:2111.10601, 2021.
    .. [2] R. C. Paule and J. Mandel, "Consensus values and weighting factors", Journal
       of Research of the National Bureau of Standards 87(5), 377-385, 1982.

    Examples
    --------
    In one of ten tasks, the function that all share is reversed.

    >>> from sklearn.linear_model import Ridge
    >>> from skmtl.baselines import PooledTasks
    >>> from skmtl.datasets import make_task_deviations
    >>> from skmtl.safety import SafeTasks
    >>> tasks = make_task_deviations(
    ...     n_tasks=10, n_samples=80, deviation=0.2, n_outlier_tasks=1, random_state=0
    ... )
    >>> tasks.outlier_tasks.tolist()
    ['task_01']
    >>> model = SafeTasks(PooledTasks(Ridge()), task_feature="task")
    >>> model = model.fit(tasks.data, tasks.target)
    >>> model.tasks_[model.gate_ < 0.1].tolist()
    ['task_01']
    """

    _parameter_constraints = {
        **TaskWrapper._parameter_constraints,
        "single": [HasMethods(["fit", "predict"]), None],
        "cv": [
            Interval(Integral, 2, None, closed="left"),
            HasMethods(["split"]),
            list,
            tuple,
        ],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        estimator,
        single=None,
        *,
        task_feature=None,
        cv=5,
        unseen_task="shared",
        n_jobs=None,
    ):
        self.estimator = estimator
        self.single = single
        self.task_feature = task_feature
        self.cv = cv
        self.unseen_task = unseen_task
        self.n_jobs = n_jobs

    @property
    def _accepts_wide_y(self):
        return get_tags(self.estimator).target_tags.multi_output

    @property
    def _accepts_sparse(self):
        parts = (self.estimator, self._own_model())
        return all(get_tags(part).input_tags.sparse for part in parts)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        own = get_tags(self._own_model())
        tags.input_tags.allow_nan &= own.input_tags.allow_nan
        tags.non_deterministic |= own.non_deterministic
        return tags

    def _wrapped_tags(self):
        estimator = self.estimator
        if getattr(estimator, "task_feature", 0) is None:
            estimator = copy(estimator)
            estimator.task_feature = self.task_feature
        return get_tags(estimator)

    def _offers(self, method):
        return method == "predict_proba" and is_classifier(self)

    def _own_model(self):
        """Return the estimator of single tasks."""
        if self.single is not None:
            return self.single
        return single_model(is_classifier(self.estimator))

    @fitting(nested=True)
    def fit(self, X, y, sample_weight=None):
        """Fit the shared model, the models of single tasks, and the gates.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)
            Features, and the column named by ``task_feature`` if there is one.
        y : array of shape (n_samples,) or (n_samples, n_tasks)
            Targets. Two dimensions make every column a task; only without
            ``task_feature``.
        sample_weight : array of shape (n_samples,), default=None
            Weights of the rows, for both models and for the gates.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        self._check_kind()
        rows = self._open_rows(X, y, sample_weight)
        shared = self._shared_model(X, rows, sample_weight)
        single = self._single_model(rows, sample_weight)
        splits = self._splits(X, y, rows)
        parts = rows_by_task(rows, self.n_tasks_)
        pieces = pieces_of(splits, parts, rows.weight.size)
        every = np.arange(rows.weight.size)
        fitted = Parallel(n_jobs=self.n_jobs)(
            [shared.job(every)]
            + [single.job(part, task=t) for t, part in enumerate(parts)]
            + [shared.job(train, test) for train, test in splits]
            + [single.job(p.train, p.test, p.task) for p in pieces]
        )
        self.shared_estimator_, *self.single_estimators_ = fitted[: 1 + self.n_tasks_]
        answers = fitted[1 + self.n_tasks_ :]
        rows_held_out = held_out(rows, splits, pieces, answers, is_classifier(self))
        kept = np.mean([train.size for train, _ in splits] or 1.0) / every.size
        gates = log_gates if is_classifier(self) else squared_gates
        self.overall_gate_, self.gate_ = gates(
            rows_held_out, self.n_tasks_, min(kept, 1.0)
        )
        return self

    def _shared_model(self, X, rows, sample_weight):
        """Return the shared model with its data, of which the task column is part."""
        estimator = self._told_task()
        table = safe_indexing(self._as_table(X), rows.index, axis=0)
        ask = answer_columns if self._tasks_are_targets else answer
        return self._with_rows(estimator, table, rows, sample_weight, ask)

    def _single_model(self, rows, sample_weight):
        """Return the model of single tasks with the data of all of them."""
        estimator, kind = self._own_model(), get_tags(self.estimator).estimator_type
        if get_tags(estimator).estimator_type != kind:
            raise ValueError(
                f"single should be a {kind}, as estimator is, but is {estimator!r}."
            )
        ask = answer_column if self._tasks_are_targets else answer
        return self._with_rows(estimator, rows.X, rows, sample_weight, ask)

    def _with_rows(self, estimator, table, rows, sample_weight, ask):
        if is_classifier(self) and not hasattr(estimator, "predict_proba"):
            raise ValueError(
                f"SafeTasks mixes probabilities, and {type(estimator).__name__} has no "
                "predict_proba."
            )
        names = ()
        if sample_weight is not None:
            names = weight_arguments(estimator, rows.weight)
        question = ask, self._method(), self._class_labels()
        return Model(estimator, table, rows.y, rows.weight, names, question)

    def _told_task(self):
        """Return the shared model's estimator, told which column holds the task."""
        estimator = clone(self.estimator)
        parameters = estimator.get_params(deep=False)
        if "unseen_task" in parameters:  # A fold can leave out all rows of a task.
            estimator.set_params(unseen_task="shared")
        named = parameters.get("task_feature")
        if "task_feature" in parameters and named is None:
            return estimator.set_params(task_feature=self.task_feature)
        names = getattr(self, "feature_names_in_", None)
        if named is not None and (
            self.task_feature is None
            or locate(named, self.n_features_in_, names) != self._task_column
        ):
            raise ValueError(
                f"estimator has task_feature={named!r} but SafeTasks has "
                f"task_feature={self.task_feature!r}: give SafeTasks the task column; "
                "estimator may leave it out."
            )
        return estimator

    def _as_table(self, X):
        if hasattr(X, "columns"):
            return X
        kinds = ["csr", "csc"] if self._accepts_sparse else False
        return check_array(X, dtype=None, ensure_all_finite=False, accept_sparse=kinds)

    def _splits(self, X, y, rows):
        """Return (train, test) positions among the training rows."""
        if isinstance(self.cv, Integral):
            target, in_classes = rows.y, is_classifier(self) and rows.y.ndim == 1
            target = np.nan_to_num(target, nan=np.nanmin(target) - 1.0)
            fold = task_folds(
                as_codes(rows.X), target, rows.task, self.cv, classifier=in_classes
            )
            splits = [np.nonzero(fold != f) + np.nonzero(fold == f) for f in set(fold)]
        else:
            splits = user_splits(self.cv, X, y, rows)
        return [split for split in splits if split[0].size and split[1].size]

    def _method(self):
        return "predict_proba" if is_classifier(self) else "predict"

    def _answer(self, X, method):
        mixed = self._mixture(X)
        if method == "predict_proba" or not is_classifier(self):
            return mixed
        if self._tasks_are_targets:
            return self.classes_[(mixed > 0.5) * (self.classes_.size - 1)]
        return self.classes_[mixed.argmax(axis=1)]

    def _mixture(self, X):
        features, task = self._open_query(X)
        ask = answer_columns if task is None else answer
        how = self._method(), self._class_labels()
        result = ask(self.shared_estimator_, self._as_table(X), *how)
        if task is None:
            own = answer_by_task(self.single_estimators_, None, features, task, *how)
            return result + (1.0 - self.gate_) * (own - result)
        known = np.flatnonzero(task >= 0)
        if known.size:
            features, task = safe_indexing(features, known, axis=0), task[known]
            own = answer_by_task(self.single_estimators_, None, features, task, *how)
            weight = (1.0 - self.gate_[task]).reshape(-1, *[1] * (own.ndim - 1))
            result[known] += weight * (own - result[known])
        return result
