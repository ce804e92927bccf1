"""Standardization within each task."""

from typing import NamedTuple

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from ._frames import rejoin
from ._labels import encode
from ._sklearn_compat import fitting, num_samples
from ._validation import TaskMixin


class Moments(NamedTuple):
    """Weight, mean and scatter of every feature in every task; they add.

    Attributes
    ----------
    weight : float64 array of shape (n_tasks, 1)
    mean : float64 array of shape (n_tasks, n_features)
    scatter : float64 array of shape (n_tasks, n_features)
        Weighted sum of squares about the task's mean.
    """

    weight: np.ndarray
    mean: np.ndarray
    scatter: np.ndarray

    def __add__(self, other):
        """Return the moments of both sets of rows, after Chan et al. (1983)."""
        weight = self.weight + other.weight
        share = other.weight / np.where(weight > 0, weight, 1.0)
        shift = other.mean - self.mean
        scatter = self.scatter + other.scatter + self.weight * share * shift**2
        return Moments(weight, self.mean + share * shift, scatter)

    def take(self, index):
        """Return the moments of some tasks; an index of -1 is a task without rows."""
        absent = np.asarray(index) < 0
        parts = [part[index] for part in self]
        for part in parts:
            part[absent] = 0.0
        return Moments(*parts)

    def pooled(self):
        """Return the moments of all rows as one task."""
        total = self.weight.sum(keepdims=True)
        mean = (self.weight * self.mean).sum(axis=0, keepdims=True) / total
        scatter = self.scatter + self.weight * (self.mean - mean) ** 2
        return Moments(total, mean, scatter.sum(axis=0, keepdims=True))

    def scale(self):
        """Return the standard deviations, one where a feature does not vary."""
        variance = self.scatter / np.where(self.weight > 0, self.weight, 1.0)
        # Rounding gives even equal values a variance near the square of this.
        rounding = 10 * np.finfo(float).eps * np.abs(self.mean)
        return np.where(variance > rounding**2, np.sqrt(variance), 1.0)


def measure_moments(X, weight, task, n_tasks):
    """Return the moments of every task in two visits to the rows."""
    rows = np.arange(task.size)
    sums = sparse.csr_matrix((weight, (task, rows)), shape=(n_tasks, task.size))
    total = np.bincount(task, weight, n_tasks)[:, None]
    divisor = np.where(total > 0, total, 1.0)
    mean = (sums @ X) / divisor
    residual = X - mean[task]
    # What rounding left in the mean shows in the residuals (Chan, Golub and LeVeque).
    slip = (sums @ residual) / divisor
    scatter = np.maximum(sums @ residual**2 - total * slip**2, 0.0)
    return Moments(total, mean + slip, scatter)


class TaskStandardScaler(
    OneToOneFeatureMixin, TransformerMixin, TaskMixin, BaseEstimator
):
    """Standardize every feature within each task.

    Each task's features are shifted to mean zero and scaled to unit variance by the
    task's own rows; the task column itself stays as and where it is. Useful where tasks
    measure in different units or at different levels, and the level itself is not the
    signal: a difference *between* tasks is gone after this.

    Parameters
    ----------
    task_feature : str, int or None, default=None
        The task's column in X: its name or its position. None is one task, as in
        :class:`~sklearn.preprocessing.StandardScaler`.
    unseen_task : {"shared", "error"}, default="shared"
        What to do with rows of a task that fit has not seen: standardize them by the
        mean and variance of all training rows, or raise an error.
    with_mean : bool, default=True
        Whether to subtract the mean.
    with_std : bool, default=True
        Whether to divide by the standard deviation.

    Attributes
    ----------
    tasks_ : ndarray of shape (n_tasks,)
        Labels of the tasks, sorted.
    n_tasks_ : int
        Number of tasks.
    mean_ : ndarray of shape (n_tasks, n_features)
        Mean of each feature, the task column left out; zeros without ``with_mean``.
    scale_ : ndarray of shape (n_tasks, n_features)
        Standard deviation of each feature, one where it does not vary; ones without
        ``with_std``.
    shared_mean_ : ndarray of shape (n_features,)
        Mean over all rows.
    shared_scale_ : ndarray of shape (n_features,)
        Standard deviation over all rows.
    n_features_in_ : int
        Number of columns of X, the task included.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns of X, where all are strings.

    See Also
    --------
    keep_task : Apply any transformer to all columns but the task.

    Notes
    -----
    The mean and variance of a task with few rows are noisy, and a task of one row
    becomes all zeros; ``keep_task(StandardScaler(), task_feature)`` treats all tasks
    alike instead. Frames stay frames, arrays stay arrays. A row of weight two counts as
    two rows.

    References
    ----------
    .. [1] Chan, T. F., Golub, G. H. and LeVeque, R. J. (1983). Algorithms for computing
       the sample variance: analysis and recommendations. The American Statistician,
       37(3), 242-247.

    Examples
    --------
    >>> import pandas as pd
    >>> from skmtl.compose import TaskStandardScaler
    >>> table = pd.DataFrame(
    ...     {"site": ["a", "a", "b", "b"], "level": [1.0, 3.0, 100.0, 300.0]}
    ... )
    >>> TaskStandardScaler(task_feature="site").fit_transform(table)
      site  level
    0    a   -1.0
    1    a    1.0
    2    b   -1.0
    3    b    1.0
    """

    _parameter_constraints = {
        **TaskMixin._parameter_constraints,
        "with_mean": ["boolean"],
        "with_std": ["boolean"],
    }
    _accepts_wide_y = False

    def __init__(
        self,
        *,
        task_feature=None,
        unseen_task="shared",
        with_mean=True,
        with_std=True,
    ):
        self.task_feature = task_feature
        self.unseen_task = unseen_task
        self.with_mean = with_mean
        self.with_std = with_std

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = False
        return tags

    @fitting
    def fit(self, X, y=None, sample_weight=None):
        """Measure the mean and standard deviation of every task.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)
            Features and the task column.
        y : None
            Ignored.
        sample_weight : array of shape (n_samples,), default=None
            Weights; a task whose rows all weigh zero counts as unseen.

        Returns
        -------
        self : object
            The fitted scaler.
        """
        return self._learn(self._measure(X, sample_weight, extend=False))

    @fitting
    def partial_fit(self, X, y=None, sample_weight=None):
        """Add rows to those of earlier calls; a new label adds a task.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)
            More rows, with the columns of the first call.
        y : None
            Ignored.
        sample_weight : array of shape (n_samples,), default=None
            Their weights.

        Returns
        -------
        self : object
            The fitted scaler, as ``fit`` on all rows at once would give it.
        """
        if not hasattr(self, "_moments"):
            return self.fit(X, y, sample_weight)
        known = self.tasks_
        more = self._measure(X, sample_weight, extend=True)
        return self._learn(self._moments.take(encode(self.tasks_, known)) + more)

    def transform(self, X):
        """Standardize each row by its task.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)
            The same columns as at fit.

        Returns
        -------
        X_out : table of shape (n_samples, n_features)
            The same columns, the task as it was.
        """
        features, mean, scale = self._open_moments(X)
        values = features - mean
        values /= scale
        return self._rejoined(X, values)

    def inverse_transform(self, X):
        """Return standardized rows to their task's own units.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)
            Standardized features and the task column.

        Returns
        -------
        X_original : table of shape (n_samples, n_features)
            The same columns, the task as it was.
        """
        features, mean, scale = self._open_moments(X)
        return self._rejoined(X, features * scale + mean)

    def _measure(self, X, sample_weight, *, extend):
        # The door asks for targets, of which a scaler has none.
        rows = self._open_rows(
            X, np.zeros(num_samples(X)), sample_weight, extend=extend
        )
        return measure_moments(rows.X, rows.weight, rows.task, self.n_tasks_)

    def _learn(self, moments):
        self._moments, pooled = moments, moments.pooled()
        zeros, ones = np.zeros_like(moments.mean), np.ones_like(moments.mean)
        self.mean_ = moments.mean if self.with_mean else zeros
        self.scale_ = moments.scale() if self.with_std else ones
        self.shared_mean_ = pooled.mean[0] if self.with_mean else zeros[0]
        self.shared_scale_ = pooled.scale()[0] if self.with_std else ones[0]
        return self

    def _open_moments(self, X):
        """Return the features of rows, and the mean and scale of each row's task."""
        check_is_fitted(self)
        features, task = self._open_query(X)
        # Position -1, an unseen task, addresses the last row.
        mean = np.vstack([self.mean_, self.shared_mean_])
        scale = np.vstack([self.scale_, self.shared_scale_])
        return features, mean[task], scale[task]

    def _rejoined(self, X, values):
        position = None if self.task_feature is None else self._task_column
        return rejoin(self, X, values, self.get_feature_names_out(), position)
