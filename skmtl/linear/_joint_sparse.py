"""Tasks that agree on which features matter, each with coefficients of its own."""

import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from .._folds import choose_rows, hashed_folds, split_statistics, user_splits
from .._sklearn_compat import HasMethods, Interval, StrOptions, fitting
from .._tasks import TaskData, statistics
from .._validation import balanced_weights
from ._base import LinearClassifier, StatisticsRegressor
from ._penalties import JointSparsity

# How far down from the least strength that leaves nothing alpha="auto" tries.
SHORTEST = 1e-3
# Precision, relative to the loss at zero, of fits that only serve to choose alpha.
COARSE = 1e-4


def penalty_of(l1_ratio, specific_cost):
    """Return the penalty whose multiples by alpha the user asks for."""
    specific = l1_ratio * specific_cost if specific_cost < 1.0 else np.inf
    return JointSparsity(float(l1_ratio), float(specific), 1.0 - float(l1_ratio))


def alpha_grid(strongest, n_alphas, shortest=SHORTEST):
    """Return strengths from the least that leaves nothing down, geometrically."""
    # Where no feature has to do with the targets, every strength leaves nothing.
    return (strongest or 1.0) * np.geomspace(1.0, shortest, n_alphas)


def as_statistics(source):
    """Return the moments of rows; moments are returned as they are."""
    return statistics(source) if isinstance(source, TaskData) else source


def split_rows(training, cv, X, y):
    """Return (train, test) rows for every split of ``cv``, as ``split_statistics``."""
    if not isinstance(cv, Integral):
        splits = user_splits(cv, X, y, training)
    else:
        fold = hashed_folds(training.data.X, training.targets, cv)
        splits = [
            (np.flatnonzero(fold != f), np.flatnonzero(fold == f)) for f in range(cv)
        ]
    return [
        tuple(choose_rows(training.data, rows) for rows in split) for split in splits
    ]


class JointSparse:
    """Parameters and fitted attributes of joint sparsity, whatever the loss."""

    def _needs_splits(self):
        return self.alpha == "auto"

    def _fit_problem(self, problem_of, source, splits, weight):
        """Fit to rows or moments after choosing ``alpha`` on the splits."""
        unit = penalty_of(self.l1_ratio, self.specific_cost)
        problem = problem_of(source, unit)
        if splits is not None:
            self.alphas_ = alpha_grid(problem.strongest, self.n_alphas)
            self.cv_errors_ = self._left_out_errors(problem_of, unit, splits)
            self.alpha_ = float(self.alphas_[self.cv_errors_.argmin()])
        else:
            self.alpha_ = float(self.alpha)
        solution = problem.solve(self.alpha_, self.tol, self.max_iter)
        self._warn_unless_converged(solution)
        self.coef_, self.intercept_ = solution.coef, solution.intercept
        shared_coef, shared_intercept = solution.averaged(weight)
        self.shared_coef_, self.shared_intercept_ = shared_coef, shared_intercept
        self.dual_gap_, self.n_iter_ = float(solution.gap), int(solution.n_iter)
        blocks = np.moveaxis(self.coef_, -1, 0)
        joint, specific = unit.parts(blocks.reshape(len(blocks), -1))
        for name, part in (("joint_coef_", joint), ("specific_coef_", specific)):
            setattr(self, name, np.moveaxis(part.reshape(blocks.shape), 0, -1).copy())

    def _left_out_errors(self, problem_of, unit, splits):
        """Return the mean loss of left-out rows at every strength."""
        errors, total = np.zeros(self.alphas_.size), 0.0
        for train, test in splits:
            # All rows may be copies of one, which are never parted.
            if not train.weight.any():
                continue
            problem = problem_of(train, unit)
            for k, alpha in enumerate(self.alphas_):
                solution = problem.solve(alpha, max(self.tol, COARSE), self.max_iter)
                errors[k] += problem.error(test, solution)
            total += test.weight.sum()
        return errors / (total or 1.0)

    def _warn_unless_converged(self, solution):
        if solution.gap > solution.enough:
            warnings.warn(
                f"Stopped after {solution.n_iter} iterations with a duality gap of "
                f"{solution.gap:.3g}, above the {solution.enough:.3g} that tol="
                f"{self.tol} asks for. Raise max_iter, alpha or tol.",
                ConvergenceWarning,
                stacklevel=4,
            )


CONSTRAINTS = {
    "alpha": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
    "l1_ratio": [Interval(Real, 0, 1, closed="right")],
    "specific_cost": [Interval(Real, 0, 1, closed="right")],
    "n_alphas": [Interval(Integral, 1, None, closed="left")],
    "cv": [
        Interval(Integral, 2, None, closed="left"),
        HasMethods("split"),
        "array-like",
    ],
    "fit_intercept": ["boolean"],
    "tol": [Interval(Real, 0, None, closed="neither")],
    "max_iter": [Interval(Integral, 1, None, closed="left")],
}


class JointSparseRegressor(JointSparse, StatisticsRegressor):
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
    n_alphas : int, default=50
        How many strengths ``alpha="auto"`` tries, from the least that leaves no
        coefficient down to a thousandth of it.
    cv : int, splitter or iterable of splits, default=5
        Left-out rows for ``alpha="auto"``.
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
    intercept_ : ndarray of shape (n_tasks,)
    joint_coef_, specific_coef_ : ndarray of shape (n_tasks, n_features)
        The parts of ``coef_``, which is their sum.
    shared_coef_ : ndarray of shape (n_features,)
        Average of ``coef_`` over tasks, weighted by their rows.
    shared_intercept_ : float
        Average of ``intercept_``, likewise.
    alpha_ : float
        The strength used.
    alphas_, cv_errors_ : ndarray of shape (n_alphas,)
        Strengths tried and their mean squared errors (with ``alpha="auto"``).
    dual_gap_ : float
        Bound on what the objective is above its minimum.
    n_iter_ : int
        Number of sweeps.
    tasks_ : ndarray of shape (n_tasks,)
        The tasks, in the order of ``coef_``.
    n_tasks_ : int
    n_features_in_ : int
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
    """

    _parameter_constraints = {
        **StatisticsRegressor._parameter_constraints,
        **CONSTRAINTS,
    }

    def __init__(
        self,
        alpha=1.0,
        *,
        l1_ratio=1.0,
        specific_cost=1.0,
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

        training = self._open_training(X, y, sample_weight)
        keep_rows = prefers_rows(training.data)
        splits = None
        if self._needs_splits():
            split = split_rows if keep_rows else split_statistics
            splits = split(training, self.cv, X, y)
        self._learn(training.data if keep_rows else statistics(training.data), splits)
        return self

    @property
    def _statistics(self):
        """Moments of all rows seen, from these themselves where fit kept them."""
        self._seen = as_statistics(self._seen)
        return self._seen

    @_statistics.setter
    def _statistics(self, source):
        # The table may be the user's, who is free to write to it.
        kept = isinstance(source, TaskData)
        self._seen = source._replace(X=source.X.copy()) if kept else source

    @property
    def _splits(self):
        """Moments of the rows of every split, as above."""
        if self._seen_splits is not None:
            splits = [tuple(map(as_statistics, split)) for split in self._seen_splits]
            self._seen_splits = splits
        return self._seen_splits

    @_splits.setter
    def _splits(self, splits):
        self._seen_splits = splits

    def _fit_statistics(self, source, splits):
        from ._squared_problem import SquaredProblem, task_weights

        def problem_of(source, unit):
            return SquaredProblem(source, unit, self.fit_intercept)

        self._fit_problem(problem_of, source, splits, task_weights(source))

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


class JointSparseClassifier(JointSparse, LinearClassifier):
    r"""Logistic classification whose tasks agree on which features matter.

    The penalty of :class:`JointSparseRegressor` on the tasks' logistic losses:
    coefficients minimise

    .. math:: \frac{1}{\bar n} \sum_t \sum_i -\log p_t(y_{ti} \mid x_{ti})
              + \alpha \rho \sum_j \Omega(w_{\cdot j})
              + \frac{\alpha (1 - \rho)}{2} \sum_t \lVert w_t \rVert^2,

    where :math:`\bar n` is the mean number of rows of a task and :math:`\rho` is
    ``l1_ratio``. With more than two classes, p is the softmax of one score per class,
    and the coefficients of a feature for all tasks and classes are one block
    :math:`w_{\cdot j}`: a feature is used by all tasks and classes or by none [1]_.

    Intercepts are not penalised. A task that has rows of one class only has
    coefficients of zero, and a class that a task has no row of is given the weight of
    half a row there.

    Parameters
    ----------
    alpha : float or "auto", default=0.01
        Strength of the penalty; "auto" takes the one with the least logarithmic loss on
        left-out rows.
    l1_ratio : float, default=1.0
        Part of the penalty that selects features, above 0; the rest shrinks them.
    specific_cost : float, default=1.0
        Price of a coefficient of one task (and class) alone, relative to the price of
        the joint part, between 0 and 1. At 1 there are no specific parts.
    n_alphas : int, default=30
        How many strengths ``alpha="auto"`` tries, from the least that leaves no
        coefficient down to a thousandth of it.
    class_weight : {"balanced"}, dict or None, default=None
        Factors of the rows' weights by class label, 1 for a label that is not there.
        With "balanced", all classes of a task have the same weight in it.
    cv : int, splitter or iterable of splits, default=5
        Left-out rows for ``alpha="auto"``.
    fit_intercept : bool, default=True
        Give every task (and class) an intercept, which is not penalised.
    tol : float, default=1e-6
        Stop when the duality gap is at most this part of the loss at zero coefficients.
        Fits that only serve to choose ``alpha`` stop at 1e-4 if that is more.
    max_iter : int, default=1000
        Most steps, each of which solves a quadratic model of the loss.
    task_feature : str, int or None, default=None
        Name or position of the column of X that holds each row's task. With None, every
        column of y is a task of two classes, or there is one task only.
    unseen_task : {"shared", "error"}, default="shared"
        What to do at predict with a task that fit did not see: predict by the average
        scores of all tasks, weighted by their rows, or raise.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    coef_ : ndarray of shape (n_tasks, n_features) or (n_tasks, n_classes, n_features)
    intercept_ : ndarray of shape (n_tasks,) or (n_tasks, n_classes)
    joint_coef_, specific_coef_ : ndarray of the shape of ``coef_``
        The parts of ``coef_``, which is their sum.
    shared_coef_ : ndarray of shape (n_features,) or (n_classes, n_features)
        Average of ``coef_`` over tasks, weighted by their rows.
    shared_intercept_ : float or ndarray of shape (n_classes,)
        Average of ``intercept_``, likewise.
    alpha_ : float
        The strength used.
    alphas_, cv_errors_ : ndarray of shape (n_alphas,)
        Strengths tried and their mean logarithmic losses (with ``alpha="auto"``).
    dual_gap_ : float
        Bound on what the objective is above its minimum.
    n_iter_ : int
        Number of steps.
    tasks_ : ndarray of shape (n_tasks,)
        The tasks, in the order of ``coef_``.
    n_tasks_ : int
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only where X has column names.

    See Also
    --------
    JointSparseRegressor : The same penalty on squared errors.

    References
    ----------
    .. [1] G. Obozinski, B. Taskar, M. Jordan, "Joint covariate selection and joint
       subspace selection for multiple classification problems", Statistics and
       Computing 20, 2010.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl.linear import JointSparseClassifier
    >>> rng = np.random.default_rng(0)
    >>> task = np.repeat([0, 1, 2], [50, 60, 70])
    >>> features = rng.normal(size=(180, 6))
    >>> slope = np.array([2.0, 4.0, -3.0])
    >>> y = slope[task] * features[:, 4] + rng.logistic(size=180) > 0
    >>> X = np.column_stack([features, task])
    >>> model = JointSparseClassifier(alpha=0.2, task_feature=-1).fit(X, y)
    >>> np.flatnonzero(model.coef_.any(axis=0))
    array([4])
    """

    _parameter_constraints = {
        **LinearClassifier._parameter_constraints,
        **CONSTRAINTS,
        "class_weight": [StrOptions({"balanced"}), dict, None],
    }

    def __init__(
        self,
        alpha=0.01,
        *,
        l1_ratio=1.0,
        specific_cost=1.0,
        n_alphas=30,
        class_weight=None,
        cv=5,
        fit_intercept=True,
        tol=1e-6,
        max_iter=1000,
        task_feature=None,
        unseen_task="shared",
    ):
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.specific_cost = specific_cost
        self.n_alphas = n_alphas
        self.class_weight = class_weight
        self.cv = cv
        self.fit_intercept = fit_intercept
        self.tol = tol
        self.max_iter = max_iter
        self.task_feature = task_feature
        self.unseen_task = unseen_task

    @fitting
    def fit(self, X, y, sample_weight=None):
        """Fit the model.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)
            Features, and the column named by ``task_feature`` if there is one.
        y : array of shape (n_samples,) or (n_samples, n_tasks)
            Classes. Two dimensions make every column a task of two classes, a missing
            value meaning "not observed"; only without ``task_feature``.
        sample_weight : array of shape (n_samples,), default=None
            Weights; a row of weight two counts as two rows.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        from ._logistic_problem import LogisticProblem
        from ._squared_problem import task_weights

        training = self._open_training(X, y, sample_weight)
        n_classes = self.classes_.size
        if n_classes < 2:
            raise ValueError(
                f"{type(self).__name__} needs two classes at least, but y holds only "
                f"1 class: {self.classes_.tolist()}."
            )

        def problem_of(data, unit):
            return LogisticProblem(data, unit, self.fit_intercept, n_classes)

        data, splits = self._weighted(training.data), None
        if self._needs_splits():
            splits = [
                tuple(choose_rows(data, rows) for rows in split)
                for split in user_splits(self.cv, X, y, training, classifier=True)
            ]
        self._fit_problem(problem_of, data, splits, task_weights(data))
        return self

    def _weighted(self, data):
        """Return the data with the weights that ``class_weight`` asks for."""
        if self.class_weight is None:
            return data
        codes = data.y.astype(np.int64)
        if self.class_weight == "balanced":
            task = np.repeat(np.arange(data.n_tasks), np.diff(data.offsets))
            weight = balanced_weights(data.weight, task, codes, self.classes_.size)
        else:
            factor = [self.class_weight.get(label, 1.0) for label in self.classes_]
            weight = data.weight * np.array(factor)[codes]
        return data._replace(weight=weight, shared=False)


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
    l1_ratio, specific_cost, fit_intercept, task_feature, tol, max_iter
        As for the estimator.

    Returns
    -------
    alphas : ndarray of shape (n_alphas,)
        The strengths, falling.
    coefs : ndarray of shape (n_tasks, n_features, n_alphas)
    dual_gaps : ndarray of shape (n_alphas,)
        Bound on what each objective is above its minimum.

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
