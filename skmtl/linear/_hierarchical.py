"""Regression whose tasks' coefficients are drawn from one learned distribution."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from .._sklearn_compat import Interval, fitting
from .._tasks import statistics
from ._base import StatisticsRegressor
from ._compression import common_frame, compress
from ._empirical_bayes import maximise
from ._hierarchy import hierarchy, report
from ._marginal_likelihood import log_likelihood
from ._one_task import open_one
from ._prior import slope_variance
from ._task_posterior import (
    conditioned,
    cosines,
    deviation_of,
    posterior,
    quadratic,
    surprise,
)


class HierarchicalRegressor(StatisticsRegressor):
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
        Largest number of steps, each of Newton's method unless features are many.
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
        Intercepts of the tasks.
    shared_coef_ : ndarray of shape (n_features,)
        The mean of the distribution, used for tasks that fit did not see.
    shared_intercept_ : float
        Intercept that goes with ``shared_coef_``.
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
        Number of steps of the solver.
    tasks_, n_tasks_, n_features_in_, feature_names_in_
        Labels of the tasks, their number, that of the columns of X (the task's counts),
        and the names of these, where they have names.

    See Also
    --------
    HierarchicalClassifier : The same for classes.
    SharedRepresentationRegressor : Tasks that differ in few directions only.
    skmtl.automatic.MultiTaskRegressor : Chooses among structures by rows held out.

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
    How much of the variance of slopes tasks have in common, ``c`` beside the mean of
    their own variances, has a prior too: a uniform one, in the logarithm of its odds.
    Without it, few rows often have it that tasks share nothing at all, or everything;
    a prior to the same purpose is that of [4]_.

    Only the statistics of each task are used; the cost of a step is proportional to
    ``n_tasks * n ** 3`` with `n` the number of features, or the rows of the largest
    task if these are fewer. More features than rows in total cost as many as rows.

    References
    ----------
    .. [1] B. Bakker and T. Heskes, "Task clustering and gating for Bayesian multitask
       learning", Journal of Machine Learning Research 4, 2003.
    .. [2] N. M. Laird and J. H. Ware, "Random-effects models for longitudinal data",
       Biometrics 38(4), 1982.
    .. [3] M. J. Lindstrom and D. M. Bates, "Newton-Raphson and EM algorithms for linear
       mixed-effects models for repeated-measures data", Journal of the American
       Statistical Association 83(404), 1988.
    .. [4] Y. Chung, S. Rabe-Hesketh, V. Dorie, A. Gelman and J. Liu, "A nondegenerate
       penalized likelihood estimator for variance parameters in multilevel models",
       Psychometrika 78(4), 2013.

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
        data, new = open_one(self, X, y, name, sample_weight)
        tasks, old, t = new.tasks, new.known, new.place
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
