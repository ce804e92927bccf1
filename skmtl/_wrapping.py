"""Any scikit-learn estimator inside one that knows tasks: kind, weights, answers."""

from copy import deepcopy
from inspect import Parameter, signature

import numpy as np
from sklearn import get_config
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone, is_classifier
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import Pipeline
from sklearn.utils import assert_all_finite
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import has_fit_parameter

from ._scoring import ObservedScoreMixin
from ._sklearn_compat import HasMethods, get_tags, num_samples, safe_indexing
from ._validation import TaskMixin

# The score of a class that a task has never seen, as in cross_val_predict.
NEVER = np.finfo(np.float64).min


class TaskWrapper(ObservedScoreMixin, TaskMixin, MetaEstimatorMixin, BaseEstimator):
    """Be the kind of estimator that the parameter ``estimator`` is.

    A subclass keeps one fitted estimator per task in ``estimators_``, and may keep one
    of all tasks in ``shared_estimator_``; or it answers for rows by itself, in
    ``_answer(X, method)``, where ``method`` is one of ``predict``, ``predict_proba``
    and ``decision_function``.
    """

    _parameter_constraints = {
        **TaskMixin._parameter_constraints,
        "estimator": [HasMethods(["fit", "predict"])],
    }

    @property
    def _accepts_sparse(self):
        return get_tags(self._wrapped()).input_tags.sparse

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        wrapped = self._wrapped_tags()
        tags.estimator_type = wrapped.estimator_type
        tags.classifier_tags = deepcopy(wrapped.classifier_tags)
        tags.regressor_tags = deepcopy(wrapped.regressor_tags)
        if tags.classifier_tags is not None:
            tags.classifier_tags.multi_label = False
        tags.non_deterministic = wrapped.non_deterministic
        tags.target_tags.positive_only = wrapped.target_tags.positive_only
        tags.input_tags = deepcopy(wrapped.input_tags)
        tags.input_tags.sparse = self._accepts_sparse
        return tags

    def _wrapped(self):
        """Return the estimator to clone; a subclass may have a default."""
        return self.estimator

    def _wrapped_tags(self):
        return get_tags(self._wrapped())

    def _offers(self, method):
        return hasattr(self._wrapped(), method)

    def predict(self, X):
        """Predict the target of each row.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)
            The same columns as at fit.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_tasks)
            One column per task where fit saw tasks as columns of y.
        """
        return self._answer(X, "predict")

    @available_if(lambda self: self._offers("predict_proba"))
    def predict_proba(self, X):
        """Return the probability of each class.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)
            The same columns as at fit.

        Returns
        -------
        probability : ndarray of shape (n_samples, n_classes) or (n_samples, n_tasks)
            In the order of ``classes_``, 0 for a class that the row's task has never
            seen; of the second class only where fit saw tasks as columns of y.
        """
        return self._answer(X, "predict_proba")

    @available_if(lambda self: self._offers("decision_function"))
    def decision_function(self, X):
        """Return the scores by which classes are chosen.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)
            The same columns as at fit.

        Returns
        -------
        scores : ndarray of shape (n_samples,), (n_samples, n_classes or n_tasks)
            Larger means more likely the second class (or the column's class). A class
            that the row's task has never seen has the lowest number there is; with two
            classes, a task that has seen one of them scores 1 or -1.
        """
        return self._answer(X, "decision_function")

    def _check_kind(self):
        """Refuse what is neither a regressor nor a classifier of rows."""
        tags = get_tags(self._wrapped())
        if tags.estimator_type not in ("regressor", "classifier"):
            raise TypeError(
                f"{type(self).__name__} takes a regressor or a classifier, got "
                f"{self.estimator!r}."
            )
        if tags.input_tags.pairwise:
            raise ValueError(
                f"{type(self).__name__} cannot fit {self.estimator!r} on parts of a "
                "matrix of similarities between rows; compute the kernel inside it."
            )

    def _open_rows(self, X, y, sample_weight=None):
        """Check a training set, but leave its features as they are."""
        rows = super()._open_rows(X, y, sample_weight, numeric=False)
        self._check_finite(rows.X)
        return rows

    def _open_query(self, X):
        features, task = super()._open_query(X, numeric=False)
        self._check_finite(features)
        return features, task

    def _check_finite(self, features):
        """Refuse missing values that only some fitted estimators would refuse."""
        array = isinstance(features, np.ndarray) and features.dtype.kind == "f"
        if array and not get_tags(self).input_tags.allow_nan:
            assert_all_finite(
                features, input_name="X", estimator_name=type(self).__name__
            )

    def _answer(self, X, method):
        features, task = self._open_query(X)
        shared = getattr(self, "shared_estimator_", None)
        if shared is None and task is not None and (task < 0).any():
            raise ValueError(
                "unseen_task was 'error' at fit, so that no model of all tasks exists; "
                "fit again with unseen_task='shared'."
            )
        return answer_by_task(
            self.estimators_, shared, features, task, method, self._class_labels()
        )

    def _class_labels(self):
        """Return ``classes_``, or None in a regressor."""
        return self.classes_ if is_classifier(self) else None


def named_targets(y, classes):
    """Return targets as the user wrote them: classes instead of their positions."""
    if classes is None:
        return y
    missing = np.isnan(y)
    if not missing.any():
        return classes[y.astype(np.intp)]
    named = classes[np.where(missing, 0, y).astype(np.intp)]
    named = named.astype(object if classes.dtype.kind in "OUS" else np.float64)
    named[missing] = np.nan
    return named


def weight_names(estimator, prefix=""):
    """Return the arguments of an estimator's ``fit`` that take sample weights.

    Every step of a pipeline that takes them is given them, so that scaling too sees a
    row of weight two as two rows; with metadata routing the requests decide instead.
    """
    routed = get_config()["enable_metadata_routing"]
    if isinstance(estimator, Pipeline) and not routed:
        if not weight_names(estimator.steps[-1][1]):
            return []
        return [
            name
            for step, part in estimator.steps
            if hasattr(part, "fit")
            for name in weight_names(part, f"{prefix}{step}__")
        ]
    if has_fit_parameter(estimator, "sample_weight"):
        return [f"{prefix}sample_weight"]
    inner = getattr(estimator, "estimator", getattr(estimator, "regressor", None))
    arguments = signature(estimator.fit).parameters.values()
    if all(argument.kind is not Parameter.VAR_KEYWORD for argument in arguments):
        return []
    if routed:
        return [f"{prefix}sample_weight"]
    return [] if inner is None else weight_names(inner, prefix)


def weight_arguments(estimator, weight):
    """Return ``fit`` arguments for weights; none are needed where all are one."""
    names = weight_names(estimator)
    if not names and (weight != 1.0).any():
        raise ValueError(
            f"{type(estimator).__name__} does not take sample_weight, and the weights "
            "are not all 0 or 1."
        )
    return names


def fit_clone(estimator, X, y, weight, arguments=(), **others):
    """Return a clone fitted to some rows.

    A classifier of rows that all have one class is a constant: many classifiers refuse
    such rows, and a small task, or a fold of one, often has no others.
    """
    if not len(y):
        raise ValueError("A task has no observed target to fit a model of its own to.")
    if is_classifier(estimator) and y.ndim == 1 and (y == y[0]).all():
        return DummyClassifier(strategy="prior").fit(np.zeros((len(y), 1)), y, weight)
    weights = dict.fromkeys(arguments, weight)
    return clone(estimator).fit(X, y, **weights, **others)


def answer(estimator, X, method, classes):
    """Return a fitted estimator's answer in terms of all tasks' ``classes``.

    Shape (n_rows,) for predictions and for scores of two classes, (n_rows, n_classes)
    otherwise; ``classes`` is None in a regressor.
    """
    if method == "decision_function" and not hasattr(estimator, method):
        scores = np.zeros((num_samples(X), 1))
    else:
        scores = np.asarray(getattr(estimator, method)(X))
    if method == "predict":
        return scores.ravel() if classes is not None else scores.ravel().astype(float)
    absent = 0.0 if method == "predict_proba" else NEVER
    if method == "decision_function" and classes.size == 2:
        if scores.ndim == 1:
            return scores.astype(float)
        return np.full(len(scores), 2.0 * (estimator.classes_[0] == classes[1]) - 1.0)
    if scores.ndim == 1:
        scores = np.column_stack([-scores, scores])
    aligned = np.full((len(scores), classes.size), absent)
    aligned[:, np.searchsorted(classes, estimator.classes_)] = scores
    return aligned


def answer_column(estimator, X, method, classes):
    """Return one number per row: where tasks are columns, each answers with one."""
    scores = answer(estimator, X, method, classes)
    return scores if scores.ndim == 1 else scores[:, -1]


def answer_columns(estimator, X, method, classes):
    """Return one column per task by an estimator that was fitted to all of them.

    Multi-output classifiers of scikit-learn answer with a list, one entry per column.
    """
    scores = getattr(estimator, method)(X)
    if not isinstance(scores, list):
        return np.asarray(scores, dtype=np.float64).reshape(num_samples(X), -1)
    own = zip(scores, estimator.classes_, strict=True)
    return np.column_stack([part @ (labels == classes[-1]) for part, labels in own])


def answer_by_task(estimators, shared, X, task, method, classes):
    """Return each row's answer by the estimator of its task, or of all tasks.

    ``task`` is -1 in rows for ``shared``, and None where every task answers for each
    row, one column per task.
    """
    if task is None:
        columns = [answer_column(part, X, method, classes) for part in estimators]
        return np.column_stack(columns)
    order = np.argsort(task, kind="stable")
    present, first = np.unique(task[order], return_index=True)
    result = None
    for t, rows in zip(present, np.split(order, first[1:]), strict=True):
        estimator = shared if t < 0 else estimators[t]
        part = answer(estimator, safe_indexing(X, rows, axis=0), method, classes)
        if result is None:
            kind = (
                classes.dtype if method == "predict" and classes is not None else float
            )
            result = np.empty((task.size, *part.shape[1:]), kind)
        result[rows] = part
    return result


def rows_by_task(rows, n_tasks):
    """Return the places of each task's observed rows."""
    if rows.y.ndim == 2:
        return [np.flatnonzero(~np.isnan(column)) for column in rows.y.T]
    order = np.argsort(rows.task, kind="stable")
    count = np.bincount(rows.task, minlength=n_tasks)
    return np.split(order, np.cumsum(count)[:-1])
