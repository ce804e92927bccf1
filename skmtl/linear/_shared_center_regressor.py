"""Regression by tasks whose coefficients lie around one common model."""

import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from .._sklearn_compat import HasMethods, Interval, StrOptions
from ._base import StatisticsRegressor
from ._centre import eigen, fit_centre, fit_robust_centre, robust_tasks, solve_centres
from ._rank import left_out_error
from ._representation import target_units
from ._robust import name_outliers
from ._sample import sample_statistics

ALPHAS = np.geomspace(1e-4, 1e5, 28)
ROBUST_ALPHAS = np.geomspace(0.125, 8.0, 7)
# Ridges of the centre, in units of the curvature of all tasks together; the last one
# leaves no centre.
CENTER_ALPHAS = np.r_[0.0, np.geomspace(1e-3, 1e2, 6), 1e4]


class SharedCenterRegressor(StatisticsRegressor):
    r"""Linear regression whose tasks lie around one common model.

    Coefficients :math:`w_t` and their centre :math:`w_0` minimise

    .. math:: \sum_t \frac{c_t}{2} \lVert y_t - X_t w_t - b_t \rVert^2
              + \frac{\alpha}{2} \sum_t \lVert w_t - w_0 \rVert^2
              + \frac{\beta}{2} \lVert w_0 \rVert^2,
              \qquad c_t = \frac{1}{\bar n},

    where :math:`\bar n` is the mean number of rows of a task and :math:`\beta` is
    ``center_alpha``: between separate models (``alpha=0``, or ridge regressions where
    ``center_alpha`` is large) and one model with an intercept for each task (large
    ``alpha``). The solution is that of linear equations [1]_. Without a ridge of its
    own the centre is as uncertain as least squares on the rows of all tasks, which is
    no better than on those of one where tasks share their rows.

    With ``robust=True`` deviations are priced by their length, not its square:

    .. math:: \sum_t \frac{c_t}{2} \lVert y_t - X_t w_t - b_t \rVert^2
              + \alpha \sum_t c_t \lambda_t \lVert w_t - w_0 \rVert
              + \frac{\beta}{2} \lVert w_0 \rVert^2,

    so that most tasks are exactly at the centre, and tasks that are not pull it by no
    more than their price [2]_. Lengths are measured in coordinates in which the
    features of all tasks are white; :math:`\lambda_t` is the price at which noise alone
    makes few tasks deviate. Tasks that an F-test finds off the centre get a ridge
    fit of their own.

    Parameters
    ----------
    alpha : float or "auto", default="auto"
        Strength of the pull to the centre; "auto" takes the one with the least squared
        error on left-out rows, that of a column of y in units of its own spread. With
        ``robust=True`` a multiple of the natural price, which is 1.
    center_alpha : float or "auto", default="auto"
        Ridge of the centre itself; "auto" chooses it together with ``alpha="auto"``,
        and is 0 beside an ``alpha`` that is given and with ``robust=True``.
    robust : bool, default=False
        Put most tasks exactly at the centre, and find those that are not there.
    cv : int, splitter or iterable of splits, default=5
        Left-out rows for ``alpha="auto"``.
    fit_intercept : bool, default=True
        Give every task an intercept, which is not penalised.
    tol : float, default=1e-8
        With ``robust=True``: stop when the estimate of the objective above its minimum,
        relative to it, is below ``tol``.
    max_iter : int, default=500
        With ``robust=True``: most iterations.
    task_feature : str, int or None, default=None
        Name or position of the column of X that holds each row's task. With None, every
        column of y is a task, or there is one task only.
    unseen_task : {"shared", "error"}, default="shared"
        What to do at predict with a task that fit did not see: predict by the centre,
        or raise.

    Attributes
    ----------
    coef_ : ndarray of shape (n_tasks, n_features)
        Coefficients of every task.
    intercept_ : ndarray of shape (n_tasks,)
        Intercepts of the tasks.
    shared_coef_ : ndarray of shape (n_features,)
        The centre.
    shared_intercept_ : float
        Intercept that goes with ``shared_coef_``.
    alpha_, center_alpha_ : float
        The strengths used.
    outlier_tasks_ : ndarray
        Tasks off the centre, about 5 % of them wrongly so (with ``robust=True``).
    outlier_pvalues_, outlier_scores_ : ndarray of shape (n_tasks,)
        p-value of an F-test of each task against the centre, about which tasks may
        drift as far as most of them do, and minus its decimal logarithm.
    n_iter_ : int
        Number of steps of the solver.
    tasks_, n_tasks_, n_features_in_, feature_names_in_
        Labels of the tasks, their number, that of the columns of X (the task's counts),
        and the names of these, where they have names.

    See Also
    --------
    SharedCenterClassifier : The same for classes.
    HierarchicalRegressor : Learns how far tasks are from their centre, and in which
        directions.

    References
    ----------
    .. [1] T. Evgeniou and M. Pontil, "Regularized multi-task learning", KDD 2004.
    .. [2] Y. Duan and K. Wang, "Adaptive and robust multi-task learning", Annals of
       Statistics 51(5), 2023.

    Examples
    --------
    >>> from skmtl.datasets import make_shared_representation
    >>> from skmtl.linear import SharedCenterRegressor
    >>> data = make_shared_representation(
    ...     n_tasks=20, n_samples=60, n_features=10, head_scale=0.0, shared_scale=2.0,
    ...     n_outlier_tasks=2, random_state=0,
    ... )
    >>> model = SharedCenterRegressor(robust=True, task_feature="task")
    >>> model.fit(data.data, data.target).outlier_tasks_.tolist()
    ['task_15', 'task_18']
    >>> data.outlier_tasks.tolist()
    ['task_15', 'task_18']
    """

    _parameter_constraints = {
        **StatisticsRegressor._parameter_constraints,
        "alpha": [Interval(Real, 0.0, None, closed="left"), StrOptions({"auto"})],
        "center_alpha": [
            Interval(Real, 0.0, None, closed="left"),
            StrOptions({"auto"}),
        ],
        "robust": ["boolean"],
        "cv": [Interval(Integral, 2, None, closed="left"), HasMethods("split"), list],
        "fit_intercept": ["boolean"],
        "tol": [Interval(Real, 0.0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        alpha="auto",
        *,
        center_alpha="auto",
        robust=False,
        cv=5,
        fit_intercept=True,
        tol=1e-8,
        max_iter=500,
        task_feature=None,
        unseen_task="shared",
    ):
        self.alpha = alpha
        self.center_alpha = center_alpha
        self.robust = robust
        self.cv = cv
        self.fit_intercept = fit_intercept
        self.tol = tol
        self.max_iter = max_iter
        self.task_feature = task_feature
        self.unseen_task = unseen_task

    def _needs_splits(self):
        return self.alpha == "auto"

    def _fit_statistics(self, statistics, splits):
        sample = sample_statistics(statistics, centred=self.fit_intercept)
        self.alpha_, self.center_alpha_ = self.alpha, self.center_alpha
        if self.alpha == "auto":
            splits = [
                (sample_statistics(a, centred=self.fit_intercept), sample_statistics(b))
                for a, b in splits
            ]
            self.alpha_, self.center_alpha_ = self._select(sample, splits)
        elif self.center_alpha == "auto":
            self.center_alpha_ = 0.0
        fit = self._fit_centre(sample)
        self.coef_, self.shared_coef_ = fit.coef, fit.centre
        self.intercept_ = sample.intercept(fit.coef)
        share = sample.weight / sample.weight.sum()
        self.shared_intercept_ = float(share @ sample.intercept(fit.centre[None]))
        self.n_iter_ = fit.n_iter
        if self.robust:
            name_outliers(self, fit.test)
        if fit.excess > self.tol and fit.n_iter >= self.max_iter:
            warnings.warn(
                f"The descent ended after max_iter={self.max_iter} iterations at an "
                f"estimated relative excess of {fit.excess:.1e}, above tol="
                f"{self.tol:.1e}. Raise max_iter, or scale the features.",
                ConvergenceWarning,
                stacklevel=4,
            )

    def _fit_centre(self, sample):
        if self._resists():
            return self._robust(robust_tasks(sample), self.alpha_, self.center_alpha_)
        return fit_centre(sample, self.alpha_, self.center_alpha_)

    def _robust(self, part, alpha, ridge):
        return fit_robust_centre(part, alpha, ridge, self.tol, self.max_iter)

    def _resists(self):
        """Return whether there is a task that others can be robust against."""
        return self.robust and self.n_tasks_ > 1

    def _select(self, sample, splits):
        """Return the strength and the centre's ridge of the least left-out error."""
        if self._resists():
            return self._select_robustly(sample, splits)
        n_tasks, n_features = sample.tasks.shape
        curvature = np.trace(sample.tasks.mean_gram()) / n_features
        curvature = curvature if curvature > 0.0 else 1.0
        ridges = CENTER_ALPHAS * n_tasks * curvature
        if self.center_alpha != "auto":
            ridges = np.array([self.center_alpha])
        parts = [eigen(train.tasks) for train, _ in splits]
        pairs, errors = [], []
        for alpha in ALPHAS * curvature:
            coefs = [solve_centres(part, alpha, ridges) for part in parts]
            pairs += [(float(alpha), float(ridge)) for ridge in ridges]
            errors += _left_out_errors(splits, coefs)
        return pairs[int(np.argmin(np.array(errors) @ self._votes(sample)))]

    def _select_robustly(self, sample, splits):
        """Choose the price; tasks off the centre at the natural one do not vote."""
        ridge = 0.0 if self.center_alpha == "auto" else self.center_alpha
        parts = [robust_tasks(train) for train, _ in splits]
        coefs = [[self._robust(p, a, ridge).near for a in ROBUST_ALPHAS] for p in parts]
        test = self._robust(robust_tasks(sample), 1.0, ridge).test
        votes = self._votes(sample) * (~test.flagged | test.flagged.all())
        errors = np.array(_left_out_errors(splits, coefs))
        return float(ROBUST_ALPHAS[int(np.argmin(errors @ votes))]), ridge

    def _votes(self, sample):
        """Return what a squared error counts in every task.

        Columns of y may have units of their own, rows of one column have not.
        """
        if self._tasks_are_targets:
            return 1.0 / target_units(sample) ** 2
        return np.ones(sample.weight.size)


def _left_out_errors(splits, coefs):
    """Return every task's left-out error for each of some fits of every split."""
    return [left_out_error(splits, part)[0] for part in zip(*coefs, strict=True)]
