"""Regression tasks that agree on which features matter."""

from numbers import Integral

import numpy as np

from .._folds import split_rows, split_statistics
from .._sklearn_compat import fitting
from .._tasks import statistics
from ._base import RowsOrStatistics
from ._joint_sparse import COARSE, CONSTRAINTS, JointSparse, alpha_grid, penalty_of
from ._robust import name_outliers
from ._sample import sample_statistics


class JointSparseRegressor(JointSparse, RowsOrStatistics):
    r"""Linear regression whose tasks agree on which features matter.

    Coefficients :math:`w_t`, of feature j over all tasks :math:`w_{\cdot j}`, minimise

    .. math:: \sum_t \frac{1}{2 \bar n} \lVert y_t - X_t w_t - b_t \rVert^2
              + \alpha \rho \sum_j \Omega(w_{\cdot j})
              + \frac{\alpha (1 - \rho)}{2} \sum_t \lVert w_t \rVert^2,

    where :math:`\bar n` is the mean number of rows of a task and :math:`\rho` is
    ``l1_ratio``. With the default ``specific_cost=1``, :math:`\Omega` is the Euclidean
    norm: a feature is used by all tasks or by none, each with its own coefficient
    [1]_. Tasks need share neither rows nor their number; where they do, this is
    :class:`~sklearn.linear_model.MultiTaskElasticNet`, and with one task
    :class:`~sklearn.linear_model.ElasticNet`.

    With ``specific_cost`` below 1 a task may also use a feature alone (the dirty model
    [2]_): :math:`\Omega(w)` is the least :math:`\lVert s \rVert + c \lVert w - s
    \rVert_1` over all joint parts s, where c is ``specific_cost``. From
    :math:`1 / \sqrt{T}` down every one of the T tasks is a lasso of its own.

    With ``robust=True`` a task may deviate from what the tasks share by
    :math:`\delta_t`, at a price that grows with its length: :math:`y_t - X_t (w_t -
    \delta_t) - b_t` and :math:`\sum_t \lambda_t \lVert \delta_t \rVert / \bar n` take
    the place of the error and join the penalty, so that no task's pull exceeds
    :math:`\lambda_t` [3]_ [4]_. At that price few tasks deviate for their noise, and
    none for what the penalty takes from them. Every task is tested, once the features
    are found that the tasks use together above their noise; those that need others are
    left out of the sum and get a ridge fit of their own.

    The fit is exact to ``tol``: block descent over features, each block in one step,
    stops when the duality gap says so.

    Parameters
    ----------
    alpha : float or "auto", default=1.0
        Strength of the penalty; "auto" takes the one with the least squared error on
        left-out rows.
    l1_ratio : float, default=1.0
        Part of the penalty that selects features, above 0; the rest shrinks them.
    specific_cost : float, default=1.0
        Price of a coefficient of one task alone, relative to the price of the joint
        part, between 0 and 1. At 1 there are no specific parts.
    robust : bool, default=False
        Bound the influence of every task, and find those that need features which the
        tasks do not use together. Only with ``specific_cost=1``, and from moments: one
        Gram matrix per task.
    n_alphas : int, default=50
        How many strengths ``alpha="auto"`` tries, from the least that leaves no
        coefficient down to a thousandth of it.
    cv : int, splitter or iterable of splits, default=5
        Left-out rows for ``alpha="auto"``; with ``robust=True`` those of the tasks that
        pass the test.
    fit_intercept : bool, default=True
        Give every task an intercept, which is not penalised.
    tol : float, default=1e-6
        Stop when the duality gap is at most this part of the loss at zero coefficients.
        Fits that only serve to choose ``alpha`` stop at 1e-4 if that is more.
    max_iter : int, default=10000
        Most sweeps over the features.
    task_feature : str, int or None, default=None
        Name or position of the column of X that holds each row's task. With None, every
        column of y is a task, or there is one task only.
    unseen_task : {"shared", "error"}, default="shared"
        What to do at predict with a task that fit did not see: predict by the average
        of all tasks, weighted by their rows, or raise.

    Attributes
    ----------
    coef_ : ndarray of shape (n_tasks, n_features)
        Coefficients of every task.
    intercept_ : ndarray of shape (n_tasks,)
        Intercepts of the tasks.
    joint_coef_, specific_coef_ : ndarray of shape (n_tasks, n_features)
        The parts of ``coef_``, which is their sum. With ``robust=True`` the specific
        part is what a task deviates by, and all of an outlier task.
    shared_coef_ : ndarray of shape (n_features,)
        Average of ``coef_`` over tasks (but outlier tasks), weighted by their rows.
    shared_intercept_ : float
        Average of ``intercept_``, likewise.
    alpha_ : float
        The strength used.
    alphas_, cv_errors_ : ndarray of shape (n_tried,)
        Strengths tried and their mean squared errors (with ``alpha="auto"``).
    outlier_tasks_ : ndarray
        Tasks that need other features, about 5 % of them wrongly so (with
        ``robust=True``).
    outlier_pvalues_, outlier_scores_ : ndarray of shape (n_tasks,)
        p-value of an F-test of each task against least squares on the features that the
        tasks use together, and minus its decimal logarithm. Tasks may need others as
        much as most of them do.
    dual_gap_ : float
        Bound on what the objective is above its minimum.
    n_iter_ : int
        Number of sweeps.
    tasks_ : ndarray of shape (n_tasks,)
        The tasks, in the order of ``coef_``.
    n_tasks_ : int
        Number of tasks.
    n_features_in_ : int
        Number of columns of X: the task's counts.
    feature_names_in_ : ndarray of str
        Only where X has column names.

    See Also
    --------
    JointSparseClassifier : The same penalty on logistic losses.
    joint_sparse_path : Coefficients for many strengths.

    References
    ----------
    .. [1] G. Obozinski, B. Taskar, M. Jordan, "Joint covariate selection and joint
       subspace selection for multiple classification problems", Statistics and
       Computing 20, 2010.
    .. [2] A. Jalali, P. Ravikumar, S. Sanghavi, C. Ruan, "A dirty model for multi-task
       learning", NIPS 2010.
    .. [3] P. Gong, J. Ye, C. Zhang, "Robust multi-task feature learning", KDD 2012.
    .. [4] Y. Duan and K. Wang, "Adaptive and robust multi-task learning", Annals of
       Statistics 51(5), 2023.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl.linear import JointSparseRegressor
    >>> rng = np.random.default_rng(0)
    >>> task = np.repeat([0, 1, 2], [20, 30, 40])
    >>> features = rng.normal(size=(90, 6))
    >>> slope = np.array([1.0, 2.0, -1.5])
    >>> y = slope[task] * features[:, 4] + 0.1 * rng.normal(size=90)
    >>> X = np.column_stack([features, task])
    >>> model = JointSparseRegressor(alpha=0.2, task_feature=-1).fit(X, y)
    >>> np.flatnonzero(model.coef_.any(axis=0))
    array([4])

    A task that uses another feature is found, and does not bring it in:

    >>> y[task == 2] = 3.0 * features[task == 2, 0] + 0.1 * rng.normal(size=40)
    >>> model = JointSparseRegressor(alpha=0.2, robust=True, task_feature=-1).fit(X, y)
    >>> model.outlier_tasks_
    array([2.])
    >>> np.flatnonzero(model.joint_coef_.any(axis=0))
    array([4])
    """

    _parameter_constraints = {
        **RowsOrStatistics._parameter_constraints,
        **CONSTRAINTS,
        "robust": ["boolean"],
    }

    def __init__(
        self,
        alpha=1.0,
        *,
        l1_ratio=1.0,
        specific_cost=1.0,
        robust=False,
        n_alphas=50,
        cv=5,
        fit_intercept=True,
        tol=1e-6,
        max_iter=10000,
        task_feature=None,
        unseen_task="shared",
    ):
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.specific_cost = specific_cost
        self.robust = robust
        self.n_alphas = n_alphas
        self.cv = cv
        self.fit_intercept = fit_intercept
        self.tol = tol
        self.max_iter = max_iter
        self.task_feature = task_feature
        self.unseen_task = unseen_task

    @fitting
    def fit(self, X, y, sample_weight=None):
        """Fit the model.

        Where features outnumber rows, rows are kept instead of their moments.

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
        from ._quadratic import prefers_rows

        self._check_choices()
        training = self._open_training(X, y, sample_weight)
        keep_rows = not self._resists() and prefers_rows(training.data)
        splits = None
        if self._needs_splits():
            split = split_rows if keep_rows else split_statistics
            splits = split(training, self.cv, X, y)
        self._learn(training.data if keep_rows else statistics(training.data), splits)
        return self

    def _check_choices(self):
        if self.robust and self.specific_cost < 1.0:
            raise ValueError(
                "robust=True needs specific_cost=1: parts of one task alone, which a "
                f"specific_cost of {self.specific_cost} allows, cannot be told from "
                "those of an outlier task."
            )

    def _resists(self):
        """Return whether there is a task that others can be robust against."""
        return self.robust and self.n_tasks_ > 1

    def _fit_statistics(self, source, splits):
        from ._squared_problem import SquaredProblem, task_weights

        def problem_of(source, unit):
            return SquaredProblem(source, unit, self.fit_intercept)

        if self._resists():
            self._fit_among_outliers(problem_of, source, splits)
            return
        self._fit_problem(problem_of, source, splits, task_weights(source))
        if self.robust:
            name_outliers(self, None)

    def _fit_among_outliers(self, problem_of, source, splits):
        """Find outlier tasks, choose ``alpha`` for the others, and fit both."""
        from ._robust_support import find_outliers, fit_among_outliers
        from ._squared_problem import Solution

        unit = penalty_of(self.l1_ratio, self.specific_cost)
        sample = sample_statistics(source, centred=self.fit_intercept)
        search = find_outliers(sample)
        part = source
        if search.kept.size < self.n_tasks_:
            part = source.take(search.kept)
            splits = splits and [
                tuple(side.take(search.kept) for side in split) for split in splits
            ]
        problem = problem_of(part, unit)
        self._set_alpha(problem, problem_of, unit, splits)
        start = problem.solve(self.alpha_, max(self.tol, COARSE), self.max_iter).coef
        penalty = unit.scaled(self.alpha_)
        both = fit_among_outliers(
            sample, search, penalty, self.tol, self.max_iter, start
        )  # fmt: skip
        coef, fit = both.joint + both.own, both.fit
        solution = Solution(
            coef, sample.intercept(coef), fit.gap, fit.enough, max(fit.n_iter, 1)
        )  # fmt: skip
        counts = np.zeros(self.n_tasks_)
        counts[search.kept] = sample.weight[search.kept]
        self._set_fit(solution, counts, both.joint, both.own)
        name_outliers(self, search.test)

    def _follow_path(self, X, y, sample_weight, alphas):
        """Return strengths, coefficients and duality gaps; see the function below."""
        from ._quadratic import prefers_rows
        from ._squared_problem import SquaredProblem

        data = self._open_training(X, y, sample_weight).data
        source = data if prefers_rows(data) else statistics(data)
        unit = penalty_of(self.l1_ratio, self.specific_cost)
        problem = SquaredProblem(source, unit, self.fit_intercept)
        if isinstance(alphas, Integral):
            alphas = alpha_grid(problem.strongest, alphas)
        alphas = np.sort(np.asarray(alphas, dtype=np.float64))[::-1].copy()
        coefs, gaps = [], []
        for alpha in alphas.tolist():
            solution = problem.solve(alpha, self.tol, self.max_iter)
            self._warn_unless_converged(solution)
            coefs.append(solution.coef)
            gaps.append(solution.gap)
        return alphas, np.stack(coefs, axis=2), np.array(gaps)


def joint_sparse_path(
    X,
    y,
    *,
    sample_weight=None,
    alphas=100,
    l1_ratio=1.0,
    specific_cost=1.0,
    fit_intercept=True,
    task_feature=None,
    tol=1e-6,
    max_iter=10000,
):
    """Return the coefficients of :class:`JointSparseRegressor` for many strengths.

    Each solution is the start of the next, so that a path costs little more than its
    last point.

    Parameters
    ----------
    X : table of shape (n_samples, n_features)
        Features, and the column named by ``task_feature`` if there is one.
    y : array of shape (n_samples,) or (n_samples, n_tasks)
        Targets, as for the estimator.
    sample_weight : array of shape (n_samples,), default=None
        Weights; a row of weight two counts as two rows.
    alphas : int or array of shape (n_alphas,), default=100
        Strengths, or how many between the least that leaves no coefficient and a
        thousandth of it.
    l1_ratio, specific_cost : float, default=1.0
        As for the estimator.
    fit_intercept : bool, default=True
        As for the estimator.
    task_feature : str, int or None, default=None
        As for the estimator.
    tol : float, default=1e-6
        As for the estimator.
    max_iter : int, default=10000
        As for the estimator.

    Returns
    -------
    alphas : ndarray of shape (n_alphas,)
        The strengths, falling.
    coefs : ndarray of shape (n_tasks, n_features, n_alphas)
        Coefficients of every strength.
    dual_gaps : ndarray of shape (n_alphas,)
        Bound on what each objective is above its minimum.

    See Also
    --------
    JointSparseRegressor : One strength, or the best of them by cross-validation.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl.linear import joint_sparse_path
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(50, 5))
    >>> Y = X[:, [1]] * np.array([2.0, -1.0]) + 0.1 * rng.normal(size=(50, 2))
    >>> alphas, coefs, dual_gaps = joint_sparse_path(X, Y, alphas=20)
    >>> coefs.shape
    (2, 5, 20)
    >>> np.flatnonzero(coefs[:, :, 5].any(axis=0))
    array([1])
    """
    model = JointSparseRegressor(
        l1_ratio=l1_ratio,
        specific_cost=specific_cost,
        fit_intercept=fit_intercept,
        task_feature=task_feature,
        tol=tol,
        max_iter=max_iter,
    )
    model._validate_params()
    return model._follow_path(X, y, sample_weight, alphas)
