"""Tasks whose coefficients are drawn from one distribution, learned from all tasks."""

import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.base import is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from .._labels import encode, extend_vocabulary, read_labels
from .._sklearn_compat import Interval, StrOptions, check_sample_weight, fitting
from .._tasks import group_rows, statistics
from .._validation import as_numbers, balanced_weights, split_table
from ._base import LinearClassifier, StatisticsRegressor
from ._compression import common_frame, compress
from ._empirical_bayes import maximise, slope_variance
from ._laplace import (
    conditioned_on_labels,
    fit_labels,
    labels_of,
    laplace_likelihood,
)
from ._marginal_likelihood import Model, log_likelihood
from ._task_posterior import (
    conditioned,
    cosines,
    deviation_of,
    posterior,
    quadratic,
    surprise,
)

# A variance of log odds, per standard deviation of a feature, that is beyond any data.
LARGE_VARIANCE = 25.0


def hierarchy(frame, weight, shrinkage, **options):
    """Return the model of tasks in a frame, with their sums of weights."""
    first = int(frame.intercept)
    n_coordinates = first + frame.n_slopes
    if shrinkage == 0.0:
        return Model(n_coordinates, first, 0.0, **options)
    if np.count_nonzero(weight) < n_coordinates:
        return Model(first, first, 0.0, equal=True, **options)
    return Model(first, first, shrinkage * n_coordinates, **options)


def report(gradient, tol, n_iter):
    """Warn of a fit that stopped early."""
    if gradient > tol:
        warnings.warn(
            f"A derivative of {gradient:.1e} is left after {n_iter} steps, more than "
            f"tol={tol:g}; increase max_iter or tol.",
            ConvergenceWarning,
            stacklevel=2,
        )


class OneTask:
    """Read the rows of one task for ``fit_task``."""

    def _open_task(self, X, y, name, sample_weight):
        """Return one task's rows as training data, and its label in an array."""
        check_is_fitted(self)
        table, labels = split_table(self, X, reset=False)
        features, (y, _) = as_numbers(self, table), self._check_y(y)
        check_consistent_length(features, y)
        weight = np.ones(len(y))
        if sample_weight is not None:
            weight = check_sample_weight(sample_weight, table)
        label = np.unique(labels if name is None else read_labels(np.asarray([name])))
        if label.size != 1:
            raise ValueError(
                f"fit_task takes the rows of one task; the task column holds "
                f"{label.size} labels: {label[:5].tolist()}."
            )
        if is_classifier(self):
            y = self._set_classes(y, extend=True)
        kept = np.flatnonzero(weight)
        features = np.require(features[kept], np.float64, "CA")
        task = np.zeros(kept.size, np.int64)
        return group_rows(features, y[kept], weight[kept], task, 1), label

    def _vocabulary_with(self, label):
        """Return all labels, their positions before (-1 if new), and the label's."""
        tasks = extend_vocabulary(self.tasks_, label)
        return tasks, encode(tasks, self.tasks_), int(encode(label, tasks)[0])


class HierarchicalRegressor(OneTask, StatisticsRegressor):
    """Linear regression whose tasks' coefficients come from one normal distribution.

    Every task has coefficients and an intercept of its own, drawn from a normal
    distribution whose mean and covariance are learned from all tasks, together with the
    variance of the noise, by maximising the marginal likelihood (empirical Bayes). A
    task with many rows follows its rows and a task with few rows the others, by the
    amount that the data call for: there is nothing to tune.

    Parameters
    ----------
    shrinkage : float, default=1.0
        Imaginary tasks, per coefficient, that have slopes of equal variance and without
        correlation, and so pull the learned covariance in that direction: it has as
        many entries as pairs of features, more than some tens of tasks can determine.
        Where tasks are fewer than coefficients, slopes have equal variance and no
        correlation. With 0 nothing is pulled, and the mean has a flat prior: the
        maximum likelihood of a mixed model, for many more tasks than features.
    fit_intercept : bool, default=True
        Whether tasks have intercepts. Their mean is not shrunk; how far they differ is
        learned.
    tol : float, default=1e-3
        Largest derivative at which to stop, in units of log likelihood, with respect to
        logarithms of variances scaled to curvatures of at most about one. What is left
        to gain is then of the order of ``tol ** 2`` times the number of variances.
    max_iter : int, default=1000
        Largest number of quasi-Newton steps.
    task_feature : str, int or None, default=None
        Name or position of the column of X that holds each row's task.
    unseen_task : {"shared", "error"}, default="shared"
        What to do with tasks that fit did not see: predict them by the mean of the
        distribution, or raise.

    Attributes
    ----------
    coef_ : ndarray of shape (n_tasks, n_features)
        Posterior means of the coefficients.
    intercept_ : ndarray of shape (n_tasks,)
    shared_coef_ : ndarray of shape (n_features,)
        The mean of the distribution, used for tasks that fit did not see.
    shared_intercept_ : float
    prior_covariance_ : ndarray of shape (n_features + 1, n_features + 1)
        Covariance between tasks of coefficients and, in the last row and column, of the
        intercept (absent without ``fit_intercept``).
    noise_variance_ : float or ndarray of shape (n_tasks,)
        Variance of targets about their lines; of each column of a two-dimensional y.
    log_likelihood_ : float
        Marginal log likelihood of the targets: coefficients of tasks, and the slopes of
        their mean unless ``shrinkage=0``, are integrated out.
    task_similarity_ : ndarray of shape (n_tasks, n_tasks)
        Cosines between the tasks' deviations from the mean, in coordinates in which the
        prior covariance is the identity.
    outlier_scores_ : ndarray of shape (n_tasks,)
        Squared length of those deviations over its expectation: a task is ordinary at
        about 1 and unlike the others far above.
    n_iter_ : int
    tasks_, n_tasks_, n_features_in_, feature_names_in_
        As for every estimator.

    Notes
    -----
    The model is ``y = w_t0 + w_t'z + noise`` with ``w_t ~ N(m, S)`` and slopes of the
    mean ``m ~ N(0, c I)``, where ``z`` are the features centred and divided by their
    standard deviations over all rows, so that their units do not matter. Noise, ``S``
    and ``c`` are learned. With one task only ``c`` is, and the model is
    :class:`~sklearn.linear_model.BayesianRidge` without hyper-priors. The columns of a
    two-dimensional y may be of different units: each is standardised by itself.

    The covariance has the prior of ``shrinkage * n_coefficients`` imaginary tasks (an
    inverse Wishart density up to its normalisation) about a diagonal matrix with one
    variance for all slopes and one for the intercept, which take their best values.

    Only the statistics of each task are used; the cost of a step is proportional to
    ``n_tasks * n ** 3`` with `n` the number of features, or the rows of the largest
    task if these are fewer. More features than rows in total cost as many as rows.

    References
    ----------
    .. [1] B. Bakker and T. Heskes, "Task clustering and gating for Bayesian multitask
       learning", Journal of Machine Learning Research 4, 2003.
    .. [2] N. M. Laird and J. H. Ware, "Random-effects models for longitudinal data",
       Biometrics 38(4), 1982.
    .. [3] M. Jamshidian and R. I. Jennrich, "Acceleration of the EM algorithm by using
       quasi-Newton methods", Journal of the Royal Statistical Society B 59(3), 1997.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl.linear import HierarchicalRegressor
    >>> rng = np.random.default_rng(0)
    >>> task, x = np.repeat(np.arange(30), 5), rng.normal(size=150)
    >>> slope = rng.normal(2.0, 0.5, 30)
    >>> y = slope[task] * x + rng.normal(size=150)
    >>> X = np.column_stack([task, x])
    >>> model = HierarchicalRegressor(task_feature=0).fit(X, y)
    >>> model.shared_coef_.round()
    array([2.])
    >>> mean, std = model.predict([[7, 1.0], [99, 1.0]], return_std=True)
    >>> bool(std[0] < std[1])  # task 99 has not been seen
    True
    """

    _parameter_constraints = {
        **StatisticsRegressor._parameter_constraints,
        "shrinkage": [Interval(Real, 0.0, None, closed="left")],
        "fit_intercept": ["boolean"],
        "tol": [Interval(Real, 0.0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        *,
        shrinkage=1.0,
        fit_intercept=True,
        tol=1e-3,
        max_iter=1000,
        task_feature=None,
        unseen_task="shared",
    ):
        self.shrinkage = shrinkage
        self.fit_intercept = fit_intercept
        self.tol = tol
        self.max_iter = max_iter
        self.task_feature = task_feature
        self.unseen_task = unseen_task

    def _fit_statistics(self, statistics, splits):
        units = "own" if self._tasks_are_targets else "common"
        frame = common_frame(statistics, intercept=self.fit_intercept, units=units)
        tasks = compress(statistics, frame)
        model = hierarchy(frame, statistics.weight, self.shrinkage)
        optimum = maximise(tasks, model, tol=self.tol, max_iter=self.max_iter)
        report(optimum.gradient, self.tol, optimum.n_iter)
        known = posterior(optimum)
        self._frame, self._noise = frame, optimum.point.noise
        self._position, self._covariance = known.position, known.covariance
        self._mean, self._spread = known.mean[0], known.spread[0]
        self._factor = optimum.prior.factor
        self._outside = self._noise * slope_variance(optimum.prior, model)
        self._deviation = known.deviation
        self.outlier_scores_ = surprise(known.deviation, known.expected)
        self.n_iter_ = max(optimum.n_iter, 1)
        self.log_likelihood_ = log_likelihood(
            optimum.point, statistics.weight, frame.y_scale
        )
        self._describe(optimum.prior.covariance)
        self._place()

    def _describe(self, covariance):
        """Set the attributes of the learned distribution, in the user's units."""
        frame = self._frame
        mean, scale = frame.y_mean.mean(), np.sqrt((frame.y_scale**2).mean())
        self.shared_coef_, intercept = frame.coefficients(self._mean, mean, scale)
        self.shared_intercept_ = float(intercept)
        variances = self._noise * frame.y_scale**2
        self.noise_variance_ = (
            variances if self._tasks_are_targets else float(variances[0])
        )
        coef, intercept = frame.coefficients(np.eye(len(covariance)), 0.0, scale)
        to_user = np.column_stack([coef, intercept]) if frame.intercept else coef
        self.prior_covariance_ = self._noise * to_user.T @ covariance @ to_user

    def _place(self):
        """Set the coefficients of all tasks from their positions in the frame."""
        frame = self._frame
        self.coef_, self.intercept_ = frame.coefficients(
            self._position, frame.y_mean, frame.y_scale
        )

    @property
    def task_similarity_(self):
        """Cosines between the tasks' deviations from the mean."""
        check_is_fitted(self)
        return cosines(self._deviation)

    def predict(self, X, return_std=False):
        """Predict each row by its task's coefficients.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)
            The same columns as at fit.
        return_std : bool, default=False
            Whether to return also the standard deviation of each target about its
            prediction: noise, and what is not known of the task's coefficients.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_tasks)
            One column per task where fit saw tasks as columns of y.
        std : ndarray of the same shape
            Only with ``return_std``.
        """
        mean = self._decision(X)
        if not return_std:
            return mean
        return mean, np.sqrt(self._variance(X))

    def _variance(self, X):
        features, task = self._open_query(X)
        place, outside = self._frame.features(features)
        variance = self._noise + self._outside * outside
        if task is None:
            of_tasks = [quadratic(place, matrix) for matrix in self._covariance]
            return (variance + of_tasks).T * self._frame.y_scale**2
        for t in np.unique(task):
            matrix = self._spread if t < 0 else self._covariance[t]
            variance[task == t] += quadratic(place[task == t], matrix)
        return variance * self._frame.y_scale[0] ** 2

    @available_if(lambda self: self.task_feature is not None)
    @fitting
    def fit_task(self, X, y, name=None, sample_weight=None):
        """Learn one task from its rows; the distribution and other tasks stay the same.

        A new task starts from the distribution of all tasks, a task that fit saw from
        what is known of it: to either, the rows are added by Bayes' rule.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)
            Rows of the task, with the columns of ``fit``.
        y : array of shape (n_samples,)
            Their targets.
        name : label, default=None
            The task's label; by default what the task column of X holds.
        sample_weight : array of shape (n_samples,), default=None
            Their weights; a row of weight two counts as two rows.

        Returns
        -------
        self : object
            The fitted estimator, which now knows the task.
        """
        data, label = self._open_task(X, y, name, sample_weight)
        tasks, old, t = self._vocabulary_with(label)
        rows = statistics(data)
        self._extend(old)
        self._update(t, rows)
        place = np.full(tasks.size, -1)
        place[t] = 0
        self._statistics = self._statistics.take(old) + rows.take(place)
        self._compare(t)
        self.tasks_, self.n_tasks_ = tasks, tasks.size
        self._place()
        return self

    def _extend(self, old):
        """Give every new task what is known before its rows are seen."""
        new, frame = old < 0, self._frame
        # With one task the last entry, which -1 addresses, is as good as any other.
        position, covariance = self._position[old], self._covariance[old]
        position[new], covariance[new] = self._mean, self._spread
        self._position, self._covariance = position, covariance
        self._frame = frame._replace(
            y_mean=frame.y_mean[old], y_scale=frame.y_scale[old]
        )
        deviation, score = self._deviation[old], self.outlier_scores_[old]
        deviation[new], score[new] = 0.0, 0.0
        self._deviation, self.outlier_scores_ = deviation, score

    def _update(self, t, rows):
        """Add rows to what is known of a task."""
        root, target = self._compressed(rows)
        self._position[t], self._covariance[t] = conditioned(
            self._position[t], self._covariance[t], root, target, self._noise
        )

    def _compare(self, t):
        """Compare a task, by all of its rows, with the distribution."""
        root, target = self._compressed(self._statistics.take([t]))
        self._deviation[t], expected = deviation_of(
            self._mean, self._factor, root, target, self._noise
        )
        self.outlier_scores_[t] = surprise(self._deviation[t], expected)

    def _compressed(self, rows):
        """Return the rows and targets of one task in the frame."""
        frame = self._frame
        one = frame._replace(y_mean=frame.y_mean[:1], y_scale=frame.y_scale[:1])
        tasks = compress(rows, one)
        return tasks.root[0], tasks.target[0]


class HierarchicalClassifier(OneTask, LinearClassifier):
    """Logistic classification whose tasks' coefficients come from one distribution.

    Every task has coefficients and an intercept of its own, drawn from a normal
    distribution whose mean and covariance are learned from all tasks by empirical
    Bayes: a task with few rows, or with labels of one class only, follows the others.

    Parameters
    ----------
    shrinkage : float, default=1.0
        Imaginary tasks, per coefficient, that have slopes of equal variance and without
        correlation, and so pull the learned covariance in that direction. Where tasks
        are fewer than coefficients, that is the covariance.
    class_weight : {"balanced"}, dict or None, default=None
        With "balanced" all classes weigh the same within each task; a dict maps
        classes to what the weights of their rows are multiplied by.
    fit_intercept : bool, default=True
        Whether tasks have intercepts. Their mean is not shrunk; how far they differ is
        learned.
    tol : float, default=1e-3
        Largest derivative at which to stop, in units of log likelihood, with respect to
        logarithms of variances scaled to curvatures of at most about one.
    max_iter : int, default=1000
        Largest number of quasi-Newton steps.
    task_feature : str, int or None, default=None
        Name or position of the column of X that holds each row's task.
    unseen_task : {"shared", "error"}, default="shared"
        What to do with tasks that fit did not see: predict them by the mean of the
        distribution, or raise.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    coef_ : ndarray of shape (n_tasks, n_features) or (n_tasks, n_classes, n_features)
        Posterior modes of the coefficients; one set per class if there are several.
    intercept_ : ndarray of shape (n_tasks,) or (n_tasks, n_classes)
    shared_coef_ : ndarray of shape (n_features,) or (n_classes, n_features)
        The mean of the distribution, used for tasks that fit did not see.
    shared_intercept_ : float or ndarray of shape (n_classes,)
    prior_covariance_ : ndarray of shape (n_features + 1, n_features + 1)
        Covariance between tasks of the coefficients of a class and, in the last row and
        column, of its intercept (absent without ``fit_intercept``).
    log_likelihood_ : float
        Laplace's approximation of the marginal log likelihood of the labels.
    task_similarity_ : ndarray of shape (n_tasks, n_tasks)
        Cosines between the tasks' deviations from the mean, in coordinates in which the
        prior covariance is the identity.
    outlier_scores_ : ndarray of shape (n_tasks,)
        Squared length of those deviations over its expectation: a task is ordinary at
        about 1 and unlike the others far above.
    n_iter_ : int
    tasks_, n_tasks_, n_features_in_, feature_names_in_
        As for every estimator.

    Notes
    -----
    The prior is that of :class:`HierarchicalRegressor`, in the same coordinates, with
    an exponential prior of mean 25 on every variance, so that classes that can be
    separated get finite coefficients. Posterior modes of the coefficients, by Newton's
    method with halved steps, alternate with the prior of largest likelihood for the
    quadratic that touches the log likelihood at the modes [1]_, until the derivatives
    with respect to the prior are below ``tol`` there.

    Several classes have a softmax likelihood and one prior for all classes, whose means
    differ. Its modes are exact; its curvature between different classes is left out of
    the quadratic, and that within classes is enlarged to make up for it.

    Probabilities are averages over the posterior of the coefficients: the linear scores
    ``X @ coef + intercept`` are divided by ``sqrt(1 + pi * variance / 8)`` [2]_, which
    leaves the most likely class as it is. ``decision_function`` is after that division.

    References
    ----------
    .. [1] N. E. Breslow and D. G. Clayton, "Approximate inference in generalized linear
       mixed models", Journal of the American Statistical Association 88(421), 1993.
    .. [2] D. J. C. MacKay, "The evidence framework applied to classification networks",
       Neural Computation 4(5), 1992.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl.linear import HierarchicalClassifier
    >>> rng = np.random.default_rng(0)
    >>> task, x = np.repeat(np.arange(20), 10), rng.normal(size=200)
    >>> y = np.where(2.0 * x + rng.normal(size=200) > 0.0, "yes", "no")
    >>> X = np.column_stack([task, x])
    >>> model = HierarchicalClassifier(task_feature=0).fit(X, y)
    >>> model.predict([[3, 2.0], [99, -2.0]]).tolist()
    ['yes', 'no']
    """

    _parameter_constraints = {
        **LinearClassifier._parameter_constraints,
        "shrinkage": [Interval(Real, 0.0, None, closed="left")],
        "class_weight": [StrOptions({"balanced"}), dict, None],
        "fit_intercept": ["boolean"],
        "tol": [Interval(Real, 0.0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        *,
        shrinkage=1.0,
        class_weight=None,
        fit_intercept=True,
        tol=1e-3,
        max_iter=1000,
        task_feature=None,
        unseen_task="shared",
    ):
        self.shrinkage = shrinkage
        self.class_weight = class_weight
        self.fit_intercept = fit_intercept
        self.tol = tol
        self.max_iter = max_iter
        self.task_feature = task_feature
        self.unseen_task = unseen_task

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        # A task of one row says next to nothing of itself: its label is not repeated.
        tags.classifier_tags.poor_score = self.task_feature is not None
        return tags

    @fitting
    def fit(self, X, y, sample_weight=None):
        """Fit the model.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)
            Features, and the column named by ``task_feature`` if there is one.
        y : array of shape (n_samples,) or (n_samples, n_tasks)
            Labels. Two dimensions make every column a task of two classes, NaN meaning
            "not observed"; only without ``task_feature``.
        sample_weight : array of shape (n_samples,), default=None
            Weights; a row of weight two counts as two rows.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        data = self._open_training(X, y, sample_weight).data
        if self.classes_.size < 2:
            raise ValueError(
                f"{type(self).__name__} needs rows of two classes, but y holds one "
                f"class: {self.classes_.tolist()}."
            )
        data = data._replace(weight=self._class_weighted(data))
        totals = statistics(data)
        frame = common_frame(totals, intercept=self.fit_intercept)
        labels = self._labels(data, frame)
        model = hierarchy(
            frame,
            totals.weight,
            self.shrinkage,
            noise=1.0,
            n_means=len(labels.target),
            rate=1.0 / LARGE_VARIANCE,
        )
        optimum, mode, scores = fit_labels(
            labels, model, tol=self.tol, max_iter=self.max_iter
        )
        report(optimum.gradient, self.tol, optimum.n_iter)
        self._keep(frame, optimum, mode)
        self.n_iter_ = optimum.n_iter
        self.log_likelihood_ = laplace_likelihood(labels, optimum, mode, scores)
        return self

    def _class_weighted(self, data):
        """Return the weights of rows times those of their classes."""
        classes = data.y.astype(np.int64)
        if self.class_weight is None:
            return data.weight
        if self.class_weight == "balanced":
            task = np.repeat(np.arange(data.n_tasks), np.diff(data.offsets))
            return balanced_weights(data.weight, task, classes, self.classes_.size)
        factor = [self.class_weight.get(c, 1.0) for c in self.classes_.tolist()]
        return data.weight * np.array(factor)[classes]

    def _labels(self, data, frame):
        """Return rows of the frame with their labels."""
        rows = frame.features(data.X)[0][data.rows]
        n_classes, intercept = self.classes_.size, self.fit_intercept
        return labels_of(rows, data.y, n_classes, data.weight, data.offsets, intercept)

    def _keep(self, frame, optimum, mode):
        """Set what prediction needs, and the attributes that describe the tasks."""
        known, n_sets = posterior(optimum), len(mode.mean)
        shape = (n_sets, -1, known.mean.shape[1])
        self._frame, self._factor = frame, optimum.prior.factor
        self._position = mode.position(optimum.prior)
        self._covariance = known.covariance.reshape(*shape, shape[-1])
        self._mean, self._spread = mode.mean, known.spread
        self._deviation = known.deviation.reshape(shape)
        deviation = np.concatenate(self._deviation, axis=1)
        expected = known.expected.reshape(n_sets, -1).sum(axis=0)
        self.outlier_scores_ = surprise(deviation, expected)
        covariance = optimum.prior.covariance
        coef, intercept = frame.coefficients(np.eye(len(covariance)), 0.0, 1.0)
        to_user = np.column_stack([coef, intercept]) if frame.intercept else coef
        self.prior_covariance_ = to_user.T @ covariance @ to_user
        self._place()

    def _place(self):
        """Set the coefficients of all tasks from their positions in the frame."""
        coef, intercept = self._frame.coefficients(self._position, 0.0, 1.0)
        shared, shared_intercept = self._frame.coefficients(self._mean, 0.0, 1.0)
        several = len(self._mean) > 1
        self.coef_ = (
            np.ascontiguousarray(coef.transpose(1, 0, 2)) if several else coef[0]
        )
        self.intercept_ = np.ascontiguousarray(intercept.T) if several else intercept[0]
        self.shared_coef_ = shared if several else shared[0]
        self.shared_intercept_ = (
            shared_intercept if several else float(shared_intercept[0])
        )

    @property
    def task_similarity_(self):
        """Cosines between the tasks' deviations from the mean."""
        check_is_fitted(self)
        return cosines(np.concatenate(self._deviation, axis=1))

    def _decision(self, X):
        """Return scores whose logistic (or softmax) function is the probability."""
        scores = super()._decision(X)
        size = np.sqrt(1.0 + np.pi / 8.0 * self._score_variance(X))
        return scores / size.reshape(size.shape + (1,) * (scores.ndim - size.ndim))

    def _score_variance(self, X):
        """Return the variance of scores: with several classes, of their differences."""
        features, task = self._open_query(X)
        place = self._frame.features(features)[0]
        if task is None:
            of_tasks = [quadratic(place, matrix) for matrix in self._covariance[0]]
            return np.stack(of_tasks, axis=1)
        several = 2.0 if len(self._mean) > 1 else 1.0
        covariance, spread = self._covariance.mean(axis=0), self._spread.mean(axis=0)
        variance = np.empty(len(place))
        for t in np.unique(task):
            matrix = spread if t < 0 else covariance[t]
            variance[task == t] = quadratic(place[task == t], matrix)
        return several * variance

    @available_if(lambda self: self.task_feature is not None)
    @fitting
    def fit_task(self, X, y, name=None, sample_weight=None):
        """Learn one task from its rows; the distribution and other tasks stay the same.

        A new task starts from the distribution of all tasks, a task that fit saw from
        what is known of it: to either, the rows are added by Bayes' rule.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)
            Rows of the task, with the columns of ``fit``.
        y : array of shape (n_samples,)
            Their labels, among ``classes_``.
        name : label, default=None
            The task's label; by default what the task column of X holds.
        sample_weight : array of shape (n_samples,), default=None
            Their weights; a row of weight two counts as two rows.

        Returns
        -------
        self : object
            The fitted estimator, which now knows the task.
        """
        data, label = self._open_task(X, y, name, sample_weight)
        tasks, old, t = self._vocabulary_with(label)
        self._extend(old)
        data = data._replace(weight=self._class_weighted(data))
        labels = self._labels(data, self._frame)
        self._position[:, t], self._covariance[:, t] = conditioned_on_labels(
            labels, self._position[:, t], self._covariance[:, t]
        )
        self._compare(t)
        self.tasks_, self.n_tasks_ = tasks, tasks.size
        self._place()
        return self

    def _extend(self, old):
        """Give every new task what is known before its rows are seen."""
        new = old < 0
        self._position = self._position[:, old]
        self._covariance = self._covariance[:, old]
        self._deviation = self._deviation[:, old]
        self._position[:, new] = self._mean[:, None]
        self._covariance[:, new] = self._spread[:, None]
        self.outlier_scores_ = self.outlier_scores_[old]

    def _compare(self, t):
        """Compare a task with the distribution, by what is now known of it."""
        inverse = np.linalg.pinv(self._factor)
        offset = self._position[:, t] - self._mean
        self._deviation[:, t] = offset @ inverse.T
        learned = (self._spread - self._covariance[:, t]).sum(axis=0)
        expected = np.trace(inverse @ learned @ inverse.T)
        self.outlier_scores_[t] = surprise(self._deviation[:, t].ravel(), expected)
