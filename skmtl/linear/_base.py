"""What all linear models share: prediction from coefficients, fits from statistics."""

import numpy as np
from scipy import sparse
from scipy.special import expit, softmax
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from .._folds import split_statistics
from .._labels import encode
from .._scoring import ObservedScoreMixin
from .._sklearn_compat import fitting
from .._tables import as_numbers
from .._task_column import split_table
from .._tasks import TaskData, statistics, with_rows
from .._validation import TaskMixin


class LinearModel(TaskMixin, BaseEstimator):
    """Apply one row of ``coef_`` and ``intercept_`` per task."""

    def _decision(self, X):
        """Return the linear scores of rows: (n_rows,), (n_rows, n_tasks or n_classes).

        ``coef_`` is (n_tasks, n_features), or (n_tasks, n_classes, n_features); rows of
        unseen tasks use ``shared_coef_`` and ``shared_intercept_``.
        """
        features, task = self._open_query(X)
        if task is None:
            return features @ self.coef_.T + self.intercept_
        if self.n_tasks_ == 1 and not task.any():
            return features @ self.coef_[0].T + self.intercept_[0]
        # The last row, which position -1 addresses, is the one for unseen tasks.
        coef = np.concatenate([self.coef_, self.shared_coef_[None]])
        intercept = np.concatenate([self.intercept_, [self.shared_intercept_]])
        if features.shape[0] < coef.shape[0] and not sparse.issparse(features):
            scores = np.einsum("ij,i...j->i...", features, coef[task])
            return scores + intercept[task]
        return _score_by_task(features, task, coef, intercept)


def _score_by_task(features, task, coef, intercept):
    """Return each row's scores by its own task, one matrix product per task."""
    order = np.argsort(task, kind="stable")
    present, first = np.unique(task[order], return_index=True)
    scores = np.empty((features.shape[0], *coef.shape[1:-1]))
    for t, rows in zip(present, np.split(order, first[1:]), strict=True):
        scores[rows] = features[rows] @ coef[t].T + intercept[t]
    return scores


class LinearRegressor(ObservedScoreMixin, RegressorMixin, LinearModel):
    """Linear regression with one row of coefficients per task."""

    def predict(self, X):
        """Predict each row by its task's coefficients.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)
            The same columns as at fit.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_tasks)
            One column per task where fit saw tasks as columns of y.
        """
        return self._decision(X)


class StatisticsRegressor(LinearRegressor):
    """Squared-loss model that needs nothing of the rows but their statistics.

    A subclass sets its attributes in ``_fit_statistics(statistics, splits)``;
    ``splits`` are the (train, test) statistics of ``cv`` where ``_needs_splits()``.
    """

    _accepts_sparse = True

    def _needs_splits(self):
        return False

    @fitting
    def fit(self, X, y, sample_weight=None):
        """Fit the model.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)
            Features, and the column named by ``task_feature`` if there is one.
        y : array of shape (n_samples,) or (n_samples, n_tasks)
            Targets. Two dimensions make every column a task, NaN meaning "not
            observed"; only without ``task_feature``.
        sample_weight : array of shape (n_samples,), default=None
            Weights; a row of weight two counts as two rows.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        training = self._open_training(X, y, sample_weight)
        splits = None
        if self._needs_splits():
            splits = split_statistics(training, self.cv, X, y)
        self._learn(statistics(training.data), splits)
        return self

    @fitting
    def partial_fit(self, X, y, sample_weight=None):
        """Add rows to those of earlier calls and fit the model to all of them.

        Only statistics are kept, so memory does not grow with the rows, and the result
        is that of ``fit`` on all rows at once, in any order. A new label adds a task.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)
            More rows, with the columns of the first call.
        y : array of shape (n_samples,) or (n_samples, n_tasks)
            Their targets.
        sample_weight : array of shape (n_samples,), default=None
            Their weights.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        if not hasattr(self, "_statistics"):
            return self.fit(X, y, sample_weight)
        self._as_moments()
        known, kept_splits = self.tasks_, self._splits
        training = self._open_training(X, y, sample_weight, extend=True, lean=True)
        place = encode(self.tasks_, known)
        totals = with_rows(self._statistics, place, training.data)
        if not np.isfinite(totals.x_mean).all():
            self._check_finite(X)
        splits = None
        if self._needs_splits():
            new = split_statistics(training, self.cv, X, y)
            splits = [
                tuple(a.take(place) + b for a, b in zip(old, new_split, strict=True))
                for old, new_split in zip(kept_splits, new, strict=True)
            ]
        self._learn(totals, splits)
        return self

    @available_if(lambda self: self.task_feature is not None)
    @fitting
    def remove_task(self, name):
        """Forget one task's rows and fit the model to the others.

        Parameters
        ----------
        name : label
            One of ``tasks_``.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        check_is_fitted(self)
        kept = np.flatnonzero(self.tasks_ != name)
        if kept.size in (0, self.n_tasks_):
            raise ValueError(
                f"remove_task needs a task that fit saw, and another one to stay; got "
                f"{name!r}, tasks_ are {self.tasks_.tolist()}."
            )
        self._as_moments()
        self.tasks_, self.n_tasks_ = self.tasks_[kept], kept.size
        splits = self._splits and [
            tuple(part.take(kept) for part in split) for split in self._splits
        ]
        self._learn(self._statistics.take(kept), splits)
        return self

    def _check_finite(self, X):
        """Raise if rows that were read without a check hold NaN or infinity."""
        as_numbers(self, split_table(self, X, reset=False)[0])

    def _learn(self, totals, splits):
        self._keep(totals, splits)
        self._fit_statistics(totals, splits)

    def _keep(self, totals, splits):
        """Remember what later calls need."""
        self._statistics, self._splits = totals, splits

    def _as_moments(self):
        """Have moments at hand of all that was seen."""


class RowsOrStatistics(StatisticsRegressor):
    """Model that ``fit`` may learn from rows, where these take less than their moments.

    What ``fit`` read is kept, as rows or as moments; to add to it or to take a task
    away, ``partial_fit`` and ``remove_task`` turn it into moments.
    """

    def _keep(self, source, splits):
        if isinstance(source, TaskData):
            # The table may be the user's, who is free to write to it.
            table = source.X.copy()
            source = source._replace(X=table)
            splits = splits and [
                tuple(part._replace(X=table) for part in pair) for pair in splits
            ]
        super()._keep(source, splits)

    def _as_moments(self):
        if isinstance(self._statistics, TaskData):
            self._splits = self._splits and [
                tuple(map(statistics, pair)) for pair in self._splits
            ]
            self._statistics = statistics(self._statistics)


class LinearClassifier(ObservedScoreMixin, ClassifierMixin, LinearModel):
    """Logistic classification with one row (or one per class) of coefficients per task.

    With tasks as columns of y every method answers for all tasks, one column each, and
    probabilities are those of the second class.
    """

    def decision_function(self, X):
        """Return the linear score of each row.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)
            The same columns as at fit.

        Returns
        -------
        scores : ndarray of shape (n_samples,), or (n_samples, n_classes or n_tasks)
            Larger means more likely the second class (or the column's class).
        """
        return self._decision(X)

    def predict_proba(self, X):
        """Return the probability of each class.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)
            The same columns as at fit.

        Returns
        -------
        probability : ndarray of shape (n_samples, n_classes) or (n_samples, n_tasks)
            In the order of ``classes_``; of the second class only where fit saw tasks
            as columns of y.
        """
        scores = self._decision(X)
        if self._tasks_are_targets:
            return expit(scores)
        if scores.ndim == 2:
            return softmax(scores, axis=1)
        return np.column_stack([expit(-scores), expit(scores)])

    def predict(self, X):
        """Return the most likely class of each row.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)
            The same columns as at fit.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_tasks)
            Members of ``classes_``.
        """
        scores = self._decision(X)
        if scores.ndim == 2 and not self._tasks_are_targets:
            return self.classes_[scores.argmax(axis=1)]
        return self.classes_[(scores > 0).astype(np.intp)]
