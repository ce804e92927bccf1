"""Classification whose tasks' coefficients are drawn from one learned distribution."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from .._sklearn_compat import Interval, StrOptions, fitting
from .._tasks import statistics
from ._base import LinearClassifier
from ._compression import common_frame
from ._expectation_propagation import conditioned_by_propagation, fit_by_propagation
from ._hierarchy import LARGE_VARIANCE, hierarchy, report
from ._labelled import labels_of
from ._laplace import conditioned_by_laplace, fit_by_laplace
from ._one_task import open_one
from ._task_posterior import cosines, posterior, quadratic, surprise
from ._working import weigh_classes


class HierarchicalClassifier(LinearClassifier):
    """Logistic classification whose tasks' coefficients come from one distribution.

    Every task has coefficients and an intercept of its own, drawn from a normal
    distribution whose mean and covariance are learned from all tasks by empirical
    Bayes: a task with few rows, or with labels of one class only, follows the others.

    Parameters
    ----------
    shrinkage : float, default=0.3
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
        Largest number of steps, each of Newton's method unless features are many.
    task_feature : str, int or None, default=None
        Name or position of the column of X that holds each row's task.
    unseen_task : {"shared", "error"}, default="shared"
        What to do with tasks that fit did not see: predict them by the mean of the
        distribution, or raise.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Classes of all tasks together, sorted.
    coef_ : ndarray of shape (n_tasks, n_features) or (n_tasks, n_classes, n_features)
        Posterior means of the coefficients; if there are several classes, posterior
        modes, one set per class.
    intercept_ : ndarray of shape (n_tasks,) or (n_tasks, n_classes)
        Intercepts of the tasks.
    shared_coef_ : ndarray of shape (n_features,) or (n_classes, n_features)
        The mean of the distribution, used for tasks that fit did not see.
    shared_intercept_ : float or ndarray of shape (n_classes,)
        Intercept that goes with ``shared_coef_``.
    prior_covariance_ : ndarray of shape (n_features + 1, n_features + 1)
        Covariance between tasks of the coefficients of a class and, in the last row and
        column, of its intercept (absent without ``fit_intercept``).
    log_likelihood_ : float
        Approximate marginal log likelihood of the labels.
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
    HierarchicalRegressor : The same for numbers, with error bars.
    SharedRepresentationClassifier : Tasks that differ in few directions only.
    skmtl.automatic.MultiTaskClassifier : Chooses among structures by rows held out.

    Notes
    -----
    The prior is that of :class:`HierarchicalRegressor`, in the same coordinates, with
    an exponential prior of mean 25 on every variance, so that classes that can be
    separated get finite coefficients.

    With two classes the likelihood of each label is replaced by a normal one that gives
    its score the same mean and variance (expectation propagation [1]_). Derivatives of
    the evidence that this approximates are exact, and ``tol`` bounds those.

    Several classes have a softmax likelihood and one prior for all classes, whose means
    differ. Posterior modes of the coefficients, by Newton's method with halved steps,
    alternate with the prior of largest likelihood for the quadratic that touches the
    log likelihood at the modes [2]_, until the derivatives with respect to the prior
    are below ``tol`` there. The curvature between different classes is left out of the
    quadratic, and that within classes is enlarged to make up for it. Where tasks have
    few labels of a class this takes the variance between tasks for smaller than it is.

    Probabilities are averages over the posterior of the coefficients: the linear scores
    ``X @ coef + intercept`` are divided by ``sqrt(1 + pi * variance / 8)`` [3]_, which
    leaves the most likely class as it is. ``decision_function`` is after that division.

    References
    ----------
    .. [1] T. P. Minka, "Expectation propagation for approximate Bayesian inference",
       Conference on Uncertainty in Artificial Intelligence, 2001.
    .. [2] N. E. Breslow and D. G. Clayton, "Approximate inference in generalized linear
       mixed models", Journal of the American Statistical Association 88(421), 1993.
    .. [3] D. J. C. MacKay, "The evidence framework applied to classification networks",
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
        shrinkage=0.3,
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
        data = weigh_classes(data, self.class_weight, self.classes_)
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
        fit = fit_by_propagation if len(labels.target) == 1 else fit_by_laplace
        optimum, mode, evidence = fit(
            labels, model, tol=self.tol, max_iter=self.max_iter
        )
        report(optimum.gradient, self.tol, optimum.n_iter)
        self._keep(frame, optimum, mode)
        self.n_iter_, self.log_likelihood_ = optimum.n_iter, evidence
        return self

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
        data, new = open_one(self, X, y, name, sample_weight)
        tasks, old, t = new.tasks, new.known, new.place
        self._extend(old)
        data = weigh_classes(data, self.class_weight, self.classes_)
        labels = self._labels(data, self._frame)
        several = len(labels.target) > 1
        condition = conditioned_by_laplace if several else conditioned_by_propagation
        self._position[:, t], self._covariance[:, t] = condition(
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
