"""Honest rivals: any scikit-learn estimator, one per task or one for all tasks."""

from numbers import Integral

import numpy as np
from sklearn.base import clone
from sklearn.utils.parallel import Parallel, delayed

from ._columns import append_category, append_indicators, mark_category
from ._new_task import LearnsTasks
from ._sklearn_compat import StrOptions, fitting, num_samples, safe_indexing
from ._wrapping import (
    TaskWrapper,
    answer,
    answer_column,
    fit_clone,
    named_targets,
    rows_by_task,
    weight_arguments,
)

__all__ = ["IndependentTasks", "PooledTasks"]


class IndependentTasks(LearnsTasks, TaskWrapper):
    """Fit one clone of an estimator per task, sharing nothing.

    The rival that every multi-task model has to beat. Any regressor or classifier will
    do, pipelines and searches included; it gets the columns of X as they are, without
    the task, and is itself a regressor or classifier accordingly.

    Parameters
    ----------
    estimator : regressor or classifier
        Cloned for each task, so all clones have the same ``random_state``.
    task_feature : str, int or None, default=None
        Name or position of the column of X that holds each row's task. None means one
        task, or one for each column of a two-dimensional y: each clone is then fitted
        to the rows where its column is observed (not NaN).
    unseen_task : {"shared", "error"}, default="shared"
        How to predict a task that fit has not seen: by one more clone, fitted to the
        rows of all tasks, or not at all. "error" saves that fit, which can cost as
        much as all others.
    n_jobs : int or None, default=None
        Number of clones fitted at the same time. None means one, unless inside
        :func:`joblib.parallel_config`, which can also spread tasks over a cluster.
        Results do not depend on it.

    Attributes
    ----------
    estimators_ : list of length n_tasks
        Fitted clones, in the order of ``tasks_``. In a classifier, a task whose rows
        have one class has a constant :class:`~sklearn.dummy.DummyClassifier`.
    shared_estimator_ : estimator
        Fitted to the rows of all tasks; with one task the same object as
        ``estimators_[0]``. Only with a task column and ``unseen_task="shared"``.
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
    PooledTasks : One clone for the rows of all tasks.
    skmtl.safety.SafeTasks : Weigh a shared model against separate ones.

    Notes
    -----
    Weights are handed to the wrapped estimator, and to every step of a pipeline that
    takes them; with metadata routing, a pipeline's own requests decide. An estimator
    that takes no weights can only be given weights of 0 and 1.

    Examples
    --------
    >>> from sklearn.linear_model import LinearRegression
    >>> from skmtl.baselines import IndependentTasks
    >>> from skmtl.datasets import make_task_deviations
    >>> X, y = make_task_deviations(n_tasks=3, random_state=0, return_X_y=True)
    >>> model = IndependentTasks(LinearRegression(), task_feature="task").fit(X, y)
    >>> model.tasks_.tolist()
    ['task_00', 'task_01', 'task_02']
    >>> model.predict(X).shape == y.shape
    True
    """

    _parameter_constraints = {
        **TaskWrapper._parameter_constraints,
        "n_jobs": [Integral, None],
    }

    def __init__(
        self, estimator, *, task_feature=None, unseen_task="shared", n_jobs=None
    ):
        self.estimator = estimator
        self.task_feature = task_feature
        self.unseen_task = unseen_task
        self.n_jobs = n_jobs

    @fitting(nested=True)
    def fit(self, X, y, sample_weight=None):
        """Fit one clone per task.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)
            Features, and the column named by ``task_feature`` if there is one.
        y : array of shape (n_samples,) or (n_samples, n_tasks)
            Targets. Two dimensions make every column a task, NaN meaning "not
            observed"; only without ``task_feature``.
        sample_weight : array of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        self._check_kind()
        rows = self._open_rows(X, y, sample_weight)
        parts = rows_by_task(rows, self.n_tasks_)
        targets = [rows.y] * self.n_tasks_ if rows.y.ndim == 1 else list(rows.y.T)
        if self._fits_shared():
            parts.append(np.arange(rows.task.size))
            targets.append(rows.y)
        arguments = ()
        if sample_weight is not None:
            arguments = weight_arguments(self.estimator, rows.weight)
        fitted = Parallel(n_jobs=self.n_jobs)(
            delayed(fit_clone)(
                self.estimator,
                safe_indexing(rows.X, part, axis=0),
                named_targets(target[part], self._class_labels()),
                rows.weight[part],
                arguments,
            )
            for part, target in zip(parts, targets, strict=True)
        )
        self._keep(fitted)
        return self

    def _learn_task(self, new):
        self._check_finite(new.X)
        arguments = ()
        if np.any(new.weight != 1.0):
            arguments = weight_arguments(self.estimator, new.weight)
        y = named_targets(new.y, self._class_labels())
        own = fit_clone(self.estimator, new.X, y, new.weight, arguments)
        place = new.place
        self.estimators_ = [*self.estimators_[:place], own, *self.estimators_[place:]]

    def _fits_shared(self):
        named = self.task_feature is not None and self.unseen_task == "shared"
        return named and self.n_tasks_ > 1

    def _keep(self, fitted):
        self.estimators_ = fitted[: self.n_tasks_]
        vars(self).pop("shared_estimator_", None)
        if self.task_feature is not None and self.unseen_task == "shared":
            self.shared_estimator_ = fitted[-1]


class PooledTasks(TaskWrapper):
    """Fit one clone of an estimator to the rows of all tasks.

    The other rival of a multi-task model: ignore the task, or hand it over as ordinary
    features and let the estimator find out what it is worth.

    Parameters
    ----------
    estimator : regressor or classifier
        Cloned and fitted once.
    encode : {"drop", "onehot", "category"}, default="drop"
        What the clone sees of the task:

        - "drop": nothing. With a task per column of y, all columns then get the same
          prediction, which suits only columns that measure one thing.
        - "onehot": one more column per task, 1 in its rows and 0 elsewhere; all are 0
          for an unseen task. In a linear model these are fixed effects.
        - "category": one more column, last, that the clone treats as a category, with
          missing values for unseen tasks. In a DataFrame it has a categorical dtype,
          text labels and the task column's name; of arrays, histogram gradient
          boosting and LightGBM are told which column it is, and other estimators are
          refused.
    task_feature : str, int or None, default=None
        Name or position of the column of X that holds each row's task. None means one
        task, or one for each column of a two-dimensional y: the clone is then fitted
        to a table in which the rows of X are repeated for each observed cell of y.
    unseen_task : {"shared", "error"}, default="shared"
        How to predict a task that fit has not seen: as described under `encode`, or
        not at all.

    Attributes
    ----------
    estimator_ : estimator
        The fitted clone.
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
    IndependentTasks : One clone per task.

    Notes
    -----
    Columns that the estimator's own parameters name by position, such as
    ``categorical_features``, are those of X without the task column.

    Weights are handed over as in :class:`IndependentTasks`.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from skmtl.baselines import PooledTasks
    >>> from skmtl.datasets import make_task_deviations
    >>> X, y = make_task_deviations(n_tasks=3, random_state=0, return_X_y=True)
    >>> model = PooledTasks(Ridge(), encode="onehot", task_feature="task").fit(X, y)
    >>> model.estimator_.n_features_in_ == X.shape[1] - 1 + model.n_tasks_
    True
    """

    _parameter_constraints = {
        **TaskWrapper._parameter_constraints,
        "encode": [StrOptions({"drop", "onehot", "category"})],
    }

    def __init__(
        self, estimator, *, encode="drop", task_feature=None, unseen_task="shared"
    ):
        self.estimator = estimator
        self.encode = encode
        self.task_feature = task_feature
        self.unseen_task = unseen_task

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        if self.task_feature is not None and self.encode == "drop":
            # A column that may hold all there is to know is not looked at.
            for kind in (tags.classifier_tags, tags.regressor_tags):
                if kind is not None:
                    kind.poor_score = True
        return tags

    @fitting(nested=True)
    def fit(self, X, y, sample_weight=None):
        """Fit one clone to all rows.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)
            Features, and the column named by ``task_feature`` if there is one.
        y : array of shape (n_samples,) or (n_samples, n_tasks)
            Targets. Two dimensions make every column a task, NaN meaning "not
            observed"; only without ``task_feature``.
        sample_weight : array of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        self._check_kind()
        rows = _one_target(self._open_rows(X, y, sample_weight))
        table = self._with_task(rows.X, rows.task)
        marks, others = self._marks(table)
        if sample_weight is not None:
            names = weight_arguments(self.estimator, rows.weight)
            others |= dict.fromkeys(names, rows.weight)
        y = named_targets(rows.y, self._class_labels())
        self.estimator_ = (
            clone(self.estimator).set_params(**marks).fit(table, y, **others)
        )
        return self

    def _tells_task(self):
        """Return whether the clone sees which task a row has."""
        several = self._tasks_are_targets or self.task_feature is not None
        return several and self.encode != "drop"

    def _marks(self, table):
        if self._tells_task() and self.encode == "category":
            return mark_category(self.estimator, table)
        return {}, {}

    def _with_task(self, features, task):
        if not self._tells_task():
            return features
        if self.encode == "onehot":
            return append_indicators(features, task, self.n_tasks_)
        names, name = getattr(self, "feature_names_in_", None), None
        if names is not None and self.task_feature is not None:
            name = names[self._task_column]
        return append_category(features, task, self.tasks_, name)

    def _answer(self, X, method):
        features, task = self._open_query(X)
        classes = self._class_labels()
        if task is not None:
            table = self._with_task(features, task)
            return answer(self.estimator_, table, method, classes)
        n_asked = self.n_tasks_ if self._tells_task() else 1
        columns = []
        for t in range(n_asked):
            task = np.full(num_samples(features), t)
            table = self._with_task(features, task)
            columns.append(answer_column(self.estimator_, table, method, classes))
        return np.column_stack(columns * (self.n_tasks_ // n_asked))


def _one_target(rows):
    """Return rows with one target each: a row of X for every observed cell of y."""
    if rows.y.ndim == 1:
        return rows
    task, place = np.nonzero(~np.isnan(rows.y.T))
    return rows._replace(
        X=safe_indexing(rows.X, place, axis=0),
        y=rows.y[place, task],
        weight=rows.weight[place],
        task=task,
        index=rows.index[place],
    )
