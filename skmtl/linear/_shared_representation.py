"""What shared representations of numbers and of classes have in common."""

from numbers import Integral, Real

import numpy as np
from scipy import sparse
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.metaestimators import available_if

from .._frames import frame_kind, insert_column, output_kind, to_frame
from .._sklearn_compat import HasMethods, Interval, StrOptions, fitting
from .._tables import take_column
from ._one_task import open_one
from ._sample import FEW_FEATURES

CONSTRAINTS = {
    "rank": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
    "alpha": [Interval(Real, 0.0, None, closed="left"), StrOptions({"auto"})],
    "align": [StrOptions({"covariance"}), None],
    "cv": [Interval(Integral, 2, None, closed="left"), HasMethods("split"), list],
    "fit_intercept": ["boolean"],
    "tol": [Interval(Real, 0.0, None, closed="neither")],
    "max_iter": [Interval(Integral, 1, None, closed="left")],
    "keep_task_column": ["boolean"],
}


class SharedRepresentation(ClassNamePrefixFeaturesOutMixin, TransformerMixin):
    """Map features to the few directions in which tasks differ."""

    _accepts_sparse = True

    @property
    def _n_features_out(self):
        return self.components_.shape[0]

    def _aligns(self):
        """Return whether to align features: tasks that share rows have nothing to."""
        return self.align is not None and not self._tasks_are_targets

    def transform(self, X):
        """Return the features in the coordinates of the shared directions.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)
            The same columns as at fit.

        Returns
        -------
        Z : table of shape (n_samples, rank) or (n_samples, rank + 1)
            ``X @ components_.T``, each row's features aligned first where ``align`` is
            set; the task column stands last with ``keep_task_column=True``.
        """
        features, task = self._open_query(X)
        reduced = features @ self.components_.T
        if self._maps is not None and task is not None:
            for t in np.unique(task[task >= 0]):
                basis = self._maps[t] @ self.components_.T
                reduced[task == t] = features[task == t] @ basis
        if not (self.keep_task_column and self.task_feature is not None):
            return reduced
        kind = output_kind(self, X) or frame_kind(X)
        names = self.get_feature_names_out()
        if kind is not None:
            reduced = to_frame(kind, reduced, names[:-1], X)
        if frame_kind(X) is None and not sparse.issparse(X):
            X = np.asarray(X)
        labels = take_column(X, self._task_column)
        return insert_column(reduced, reduced.shape[1], labels, names[-1])

    def get_feature_names_out(self, input_features=None):
        """Return the names of the columns that ``transform`` gives.

        Parameters
        ----------
        input_features : None
            Ignored.

        Returns
        -------
        names : ndarray of str
            Numbered components, and the task column where it is kept.
        """
        names = super().get_feature_names_out(input_features)
        if not (self.keep_task_column and self.task_feature is not None):
            return names
        passed = getattr(self, "feature_names_in_", None)
        last = "task" if passed is None else passed[self._task_column]
        return np.append(names, last).astype(object)

    @available_if(lambda self: self.task_feature is not None)
    @fitting
    def fit_task(self, X, y, name=None, sample_weight=None):
        """Give a new task its head; directions and other tasks stay as they are.

        A few rows suffice, since only ``rank_`` numbers and an intercept are learned.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)
            Rows of the new task, with the columns of ``fit``.
        y : array of shape (n_samples,)
            Their targets.
        name : label, default=None
            The task's label; by default what the task column of X holds.
        sample_weight : array of shape (n_samples,), default=None
            Their weights.

        Returns
        -------
        self : object
            The fitted estimator, which now knows the task.
        """
        # The readers of one task's rows want them dense, and these are few.
        X = X.toarray() if sparse.issparse(X) else X
        data, new = open_one(self, X, y, name, sample_weight)
        tasks, place = new.tasks, new.place
        if not new.is_new:
            raise ValueError(
                f"fit saw task {tasks[place]!r} already; partial_fit adds rows to it."
            )
        head, coef, intercept, maps = self._new_task(data)
        self.tasks_, self.n_tasks_ = tasks, tasks.size
        self.heads_ = np.insert(self.heads_, place, head, axis=0)
        self.coef_ = np.insert(self.coef_, place, coef, axis=0)
        self.intercept_ = np.insert(self.intercept_, place, intercept, axis=0)
        if maps is not None:
            self._maps = np.insert(self._maps, place, maps, axis=0)
        if hasattr(self, "outlier_scores_"):
            self.outlier_scores_ = np.insert(self.outlier_scores_, place, np.nan)
            self.outlier_pvalues_ = np.insert(self.outlier_pvalues_, place, np.nan)
        self._remember(data, place)
        return self

    def _remember(self, data, place):
        """Keep what later calls need of a new task's rows: nothing."""


def fewer_features(data):
    """Describe features by as many coordinates as there are rows, where that is fewer.

    Coefficients that minimise a loss with a ridge lie in the span of the rows, so that
    nothing is lost. Returns the data and the orthonormal basis of that span, or None.
    """
    n_rows, n_features = data.X.shape
    if n_rows >= n_features or n_features <= FEW_FEATURES:
        return data, None
    X = data.X.toarray() if sparse.issparse(data.X) else data.X
    basis, mixing = np.linalg.qr(X.T)
    return data._replace(X=np.ascontiguousarray(mixing.T)), basis
