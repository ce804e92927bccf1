"""Regression tasks whose coefficients lie in one low-dimensional span."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from .._folds import split_rows, split_statistics
from .._sklearn_compat import StrOptions, fitting
from .._tasks import TaskData, statistics
from .._validation import Training
from ._alignment import alignment_maps, task_covariances
from ._base import RowsOrStatistics
from ._low_rank import TINY
from ._representation import (
    Plan,
    choose_rank,
    fit_shared,
    largest_rank,
    target_units,
    typical_unit,
)
from ._robust import name_outliers
from ._sample import prefer_rows, sample_rows, sample_statistics
from ._shared_representation import CONSTRAINTS, SharedRepresentation, fewer_features


class SharedRepresentationRegressor(SharedRepresentation, RowsOrStatistics):
    r"""Linear regression whose tasks use a few common directions of the features.

    The coefficients of task t are :math:`w_t = B v_t`: ``rank`` orthonormal directions
    :math:`B` that all tasks share, and a head :math:`v_t` of the task's own. Directions
    and heads minimise

    .. math:: \sum_t \frac{c_t}{2} \lVert y_t - X_t w_t - b_t \rVert^2
              + \frac{\alpha}{2} \sum_t \lVert w_t \rVert^2,
              \qquad c_t = \frac{1}{\bar n},

    where :math:`\bar n` is the mean number of rows of a task. With ``alpha="auto"`` the
    ridge is the most likely one, and the heads are then drawn towards a mean head as
    far as their spread over tasks says (empirical Bayes): tasks that hardly differ
    share all but everything, and a new task needs a handful of rows (:meth:`fit_task`).
    The mean of all tasks lies in the span too and counts as one of its directions.

    Parameters
    ----------
    rank : int or "auto", default="auto"
        Number of shared directions. "auto" takes the rank with the least squared error
        on left-out rows, as the median over tasks, or the first from which the typical
        task does not gain. A rank above the number of features
        or of tasks constrains nothing.
    alpha : float or "auto", default="auto"
        Strength of the ridge; with one task this is ``alpha * n_samples`` of
        :class:`~sklearn.linear_model.Ridge`. "auto" estimates it by type-II maximum
        likelihood, and the distribution of heads with it.
    robust : bool, default=False
        Keep tasks that share no directions with the others from distorting these, and
        find them. They get a fit of their own, in ``coef_``, and the others may deviate
        a little from the span, at a price.
    align : {"covariance"} or None, default=None
        "covariance" first maps the features of every task linearly so that their
        covariance is the same in all tasks. For tasks that record the same quantities
        in other units or mixtures; without effect on tasks that do not.
    task_weight : {"samples", "equal", "svd", "noise"}, default="samples"
        How much a task counts where directions are learned. "samples": every row the
        same. "equal": every task the same. "svd": a task counts less the less of it
        lies in the directions common to all. "noise": every target is divided by the
        standard deviation of its noise, estimated along the way; for targets in
        different units.
    cv : int, splitter or iterable of splits, default=3
        Left-out rows for ``rank="auto"``.
    fit_intercept : bool, default=True
        Give every task an intercept, which is not penalised.
    tol : float, default=1e-6
        Stop when the estimate of the objective's distance from the nearest minimum,
        relative to the objective, is below ``tol``. The problem is not convex: that the
        minimum is the global one is certain only where all tasks share all rows.
    max_iter : int, default=500
        Most iterations of the descent.
    keep_task_column : bool, default=False
        Whether ``transform`` keeps the task column, as its last one.
    task_feature : str, int or None, default=None
        Name or position of the column of X that holds each row's task. With None, every
        column of y is a task, or there is one task only.
    unseen_task : {"shared", "error"}, default="shared"
        What to do at predict with a task that fit did not see: predict with the mean of
        all tasks, or raise.

    Attributes
    ----------
    components_ : ndarray of shape (rank, n_features)
        Orthonormal shared directions, that of the largest heads first.
    heads_ : ndarray of shape (n_tasks, rank)
        Coordinates of every task's coefficients along ``components_``.
    coef_ : ndarray of shape (n_tasks, n_features)
        ``heads_ @ components_``, for the features as they are passed; with ``robust``,
        plus what each task deviates by.
    intercept_ : ndarray of shape (n_tasks,)
        Intercepts of the tasks.
    shared_coef_ : ndarray of shape (n_features,)
        Mean of all tasks, used for tasks that fit did not see.
    shared_intercept_ : float
        Intercept that goes with ``shared_coef_``.
    rank_ : int
        Number of shared directions.
    rank_losses_ : ndarray
        Median left-out error for ranks 1, 2, ... (with ``rank="auto"``).
    noise_variance_ : float
        Variance of targets about their predictions (with ``alpha="auto"``).
    task_similarity_ : ndarray of shape (n_tasks, n_tasks)
        Correlation of the predictions of any two tasks on the rows of all tasks.
    outlier_tasks_ : ndarray
        Tasks outside the span, about 5 % of them wrongly so (with ``robust=True``).
    outlier_pvalues_, outlier_scores_ : ndarray of shape (n_tasks,)
        p-value of an F-test of each task against the span, off which tasks may drift as
        far as most of them do, and minus its decimal logarithm; NaN for tasks added by
        ``fit_task``.
    excess_ : float
        Estimate of the objective above the nearest minimum, relative to it.
    n_iter_ : int
        Number of steps of the solver.
    tasks_, n_tasks_, n_features_in_, feature_names_in_
        Labels of the tasks, their number, that of the columns of X (the task's counts),
        and the names of these, where they have names.

    See Also
    --------
    SharedRepresentationClassifier : The same for classes.
    HierarchicalRegressor : Tasks that differ in every direction.
    skmtl.active.ActiveTaskRegressor : Which tasks to sample for the sake of one.

    Notes
    -----
    With more than 64 features, and fewer rows than features in the average task, the
    model is fitted from the rows themselves, a copy of which is kept; otherwise from
    one Gram matrix per task, and nothing else is kept. Both give the same coefficients.
    ``partial_fit`` and ``remove_task`` turn rows that were kept into Gram matrices,
    which then take more memory than the rows: ``n_features`` squared for each task.

    References
    ----------
    .. [1] S. S. Du, W. Hu, S. M. Kakade, J. D. Lee and Q. Lei, "Few-shot learning via
       learning the representation, provably", ICLR 2021.
    .. [2] S. Wu, H. R. Zhang and C. Ré, "Understanding and improving information
       transfer in multi-task learning", ICLR 2020.
    .. [3] Y. Duan and K. Wang, "Adaptive and robust multi-task learning", Annals of
       Statistics 51(5), 2023.
    .. [4] G. H. Golub and V. Pereyra, "The differentiation of pseudo-inverses and
       nonlinear least squares problems whose variables separate", SIAM Journal on
       Numerical Analysis 10(2), 1973.

    Examples
    --------
    >>> from skmtl.datasets import make_shared_representation
    >>> from skmtl.linear import SharedRepresentationRegressor
    >>> data = make_shared_representation(
    ...     n_tasks=30, n_samples=40, n_features=20, rank=3, random_state=0
    ... )
    >>> model = SharedRepresentationRegressor(task_feature="task")
    >>> model.fit(data.data, data.target).rank_
    3
    >>> model.transform(data.data).shape
    (1200, 3)
    """

    _parameter_constraints = {
        **RowsOrStatistics._parameter_constraints,
        **CONSTRAINTS,
        "robust": ["boolean"],
        "task_weight": [StrOptions({"samples", "equal", "svd", "noise"})],
    }

    def __init__(
        self,
        rank="auto",
        *,
        alpha="auto",
        robust=False,
        align=None,
        task_weight="samples",
        cv=3,
        fit_intercept=True,
        tol=1e-6,
        max_iter=500,
        keep_task_column=False,
        task_feature=None,
        unseen_task="shared",
    ):
        self.rank = rank
        self.alpha = alpha
        self.robust = robust
        self.align = align
        self.task_weight = task_weight
        self.cv = cv
        self.fit_intercept = fit_intercept
        self.tol = tol
        self.max_iter = max_iter
        self.keep_task_column = keep_task_column
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
        data, lift = fewer_features(training.data)
        from_rows, splits = lift is not None or self._from_rows(data), None
        if self._needs_splits():
            split = split_rows if from_rows else split_statistics
            splits = split(training, self.cv, X, y)
        if not from_rows:
            self._learn(statistics(data), splits)
            return self
        self._keep(training.data, splits)
        if lift is not None and splits is not None:
            splits = [[part._replace(X=data.X) for part in pair] for pair in splits]
        self._fit_rows(data, splits, lift)
        return self

    def _from_rows(self, data):
        """Return whether to keep the rows of these data instead of their moments."""
        n_tasks = 1 if data.shared else data.n_tasks
        if self._aligns() or self.robust:
            return False
        return prefer_rows(data.rows.size, n_tasks, data.X.shape[1])

    def _needs_splits(self):
        return self.rank == "auto"

    def _fit_statistics(self, statistics, splits):
        kind = {"centred": self.fit_intercept, "equal": self.task_weight == "equal"}
        sample = sample_statistics(statistics, **kind)
        splits = splits and [
            (sample_statistics(train, **kind), sample_statistics(test))
            for train, test in splits
        ]
        self._fit_sample(sample, splits, None)

    def _fit_rows(self, data, splits, lift):
        """Fit without keeping statistics, maybe in the span of the rows only."""
        kind = {"centred": self.fit_intercept, "equal": self.task_weight == "equal"}
        read = sample_rows if self._from_rows(data) else _sample_moments
        splits = splits and [(read(a, **kind), read(b)) for a, b in splits]
        self._fit_sample(read(data, **kind), splits, lift)

    def _fit_sample(self, sample, splits, lift):
        plan = Plan(
            rank=None if self.rank == "auto" else int(self.rank),
            alpha=None if self.alpha == "auto" else float(self.alpha),
            align=self._aligns(),
            task_weight=self.task_weight,
            robust=self.robust and self.n_tasks_ > 1,
            tol=self.tol,
            max_iter=self.max_iter,
        )
        most = largest_rank(sample.tasks.shape)
        if plan.rank is None:
            rank, self.rank_losses_ = choose_rank(splits, plan, sample.tasks.shape)
            plan = plan._replace(rank=rank)
        plan = plan._replace(rank=min(plan.rank, most))
        self._set_fit(sample, fit_shared(sample, plan), lift)

    def _set_fit(self, sample, fit, lift):
        representation, span = fit.representation, fit.representation.span
        self._prior, self._common = representation.prior, fit.common
        self._maps, self._unit = fit.maps, typical_unit(sample, fit.unit)
        self._unit_share = self._unit / typical_unit(sample, target_units(sample))
        self.rank_ = representation.basis.shape[1]
        self.heads_ = representation.heads * fit.unit[:, None]
        self.intercept_ = sample.intercept(fit.coef)
        self.task_similarity_ = fit.similarity
        pooled = sample.weight / sample.weight.sum()
        self.shared_intercept_ = float(pooled @ sample.intercept(fit.shared_coef[None]))
        parts = representation.basis.T, fit.coef, fit.shared_coef
        if lift is not None:
            parts = [part @ lift.T for part in parts]
        self.components_, self.coef_, self.shared_coef_ = parts
        if self.alpha == "auto":
            self.noise_variance_ = float(self._prior.noise * self._unit**2)
        if self.robust:
            name_outliers(self, fit.test)
        self.excess_, self.n_iter_ = float(span.excess), max(1, span.n_iter)
        if span.excess > self.tol and span.n_iter >= self.max_iter:
            warnings.warn(
                f"The descent ended after max_iter={self.max_iter} iterations at an "
                f"estimated relative excess of {span.excess:.1e}, above tol="
                f"{self.tol:.1e}. Raise max_iter, or scale the features.",
                ConvergenceWarning,
                stacklevel=4,
            )

    def _new_task(self, data):
        """Return head, coefficients, intercept and alignment of one task's rows."""
        maps, unit = None, self._unit
        if self._maps is not None:
            sample = sample_statistics(statistics(data), centred=self.fit_intercept)
            covariance, _ = task_covariances(sample)
            maps = alignment_maps(covariance, self._common, sample.freedom())[0]
        basis = self.components_.T if maps is None else maps @ self.components_.T
        reduced = data._replace(X=np.ascontiguousarray(data.X @ basis))
        sample = sample_statistics(statistics(reduced), centred=self.fit_intercept)
        if self.task_weight == "noise" and sample.tasks.yy[0] > TINY:
            unit = float(target_units(sample)[0] * self._unit_share)
        tasks = sample.per_unit(np.array([unit])).tasks
        head = self._prior.heads(tasks.gram, tasks.xy)[0] * unit
        return head[0], basis @ head[0], sample.intercept(head)[0], maps

    def _remember(self, data, place):
        """Keep a new task's rows or statistics, for calls to come."""
        if isinstance(self._statistics, TaskData):
            # Moments of all tasks may never be asked for.
            self._later = [*self._later, (data, place)]
        else:
            self._add_task(data, place)

    def _add_task(self, data, place):
        """Add a new task's statistics to those of the others."""
        known, alone = self._statistics.n_tasks, statistics(data)
        order, new = np.insert(np.arange(known), place, -1), np.full(known + 1, -1)
        new[place] = 0
        self._statistics = self._statistics.take(order) + alone.take(new)
        if self._splits is not None:
            training = Training(data, data.y, data.rows, data.rows.size)
            parts = split_statistics(training, self.cv, data.X, data.y)
            self._splits = [
                tuple(a.take(order) + b.take(new) for a, b in zip(*pair, strict=True))
                for pair in zip(self._splits, parts, strict=True)
            ]

    def _keep(self, source, splits):
        super()._keep(source, splits)
        self._later = []

    def _as_moments(self):
        super()._as_moments()
        later, self._later = self._later, []
        for data, place in later:
            self._add_task(data, place)


def _sample_moments(data, **kind):
    return sample_statistics(statistics(data), **kind)
