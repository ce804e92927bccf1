"""Tasks whose coefficients lie in one low-dimensional span."""

import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.base import (
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    is_classifier,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from .._folds import choose_rows, split_statistics, user_splits
from .._frames import frame_kind, insert_column, output_kind, to_frame
from .._labels import extend_vocabulary, read_labels
from .._sklearn_compat import (
    HasMethods,
    Interval,
    StrOptions,
    check_sample_weight,
    fitting,
)
from .._tasks import group_rows, statistics
from .._validation import (
    Training,
    as_numbers,
    split_table,
    take_column,
)
from ._alignment import alignment_maps, task_covariances
from ._base import LinearClassifier, StatisticsRegressor
from ._logistic_representation import (
    fit_logistic_heads,
    fit_logistic_representation,
)
from ._low_rank import TINY
from ._representation import (
    Plan,
    choose_rank,
    cosines,
    fit_shared,
    largest_rank,
    target_units,
    typical_unit,
)
from ._robust import name_outliers
from ._sample import FEW_FEATURES, prefer_rows, sample_rows, sample_statistics
from ._working import check_classes, open_labels, report_gain, weigh_classes


class SharedRepresentation(ClassNamePrefixFeaturesOutMixin, TransformerMixin):
    """Map features to the few directions in which tasks differ."""

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
        if self._maps is not None and task is not None:
            aligned = features.copy()
            for t in np.unique(task[task >= 0]):
                aligned[task == t] = features[task == t] @ self._maps[t]
            features = aligned
        reduced = features @ self.components_.T
        if not (self.keep_task_column and self.task_feature is not None):
            return reduced
        kind = output_kind(self, X) or frame_kind(X)
        names = self.get_feature_names_out()
        if kind is not None:
            reduced = to_frame(kind, reduced, names[:-1], X)
        X = X if frame_kind(X) is not None else np.asarray(X)
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
        check_is_fitted(self)
        table, labels = split_table(self, X, reset=False)
        features, (y, _) = as_numbers(self, table), self._check_y(y)
        check_consistent_length(features, y)
        if is_classifier(self):
            y = self._set_classes(y, extend=True)
        weight = np.ones(len(y))
        if sample_weight is not None:
            weight = check_sample_weight(sample_weight, table)
        tasks, place = self._place_of_new(labels if name is None else [name])
        kept = np.flatnonzero(weight)
        data = group_rows(
            features[kept], y[kept], weight[kept], np.zeros(kept.size, np.int64), 1
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

    def _place_of_new(self, labels):
        """Return the vocabulary with one new label, and its position there."""
        found = np.unique(read_labels(np.asarray(labels)))
        if found.size != 1:
            raise ValueError(
                f"fit_task takes the rows of one task; the task column holds "
                f"{found.size} labels: {found[:5].tolist()}."
            )
        if found[0] in self.tasks_.tolist():
            raise ValueError(
                f"fit saw task {found[0]!r} already; partial_fit adds rows to it."
            )
        tasks = extend_vocabulary(self.tasks_, found)
        return tasks, int(np.flatnonzero(tasks == found[0])[0])

    def _remember(self, data, place):
        """Keep what later calls need of a new task's rows: nothing."""


class SharedRepresentationRegressor(SharedRepresentation, StatisticsRegressor):
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
        on left-out rows, as the median over tasks. A rank above the number of features
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
    shared_coef_ : ndarray of shape (n_features,)
        Mean of all tasks, used for tasks that fit did not see.
    shared_intercept_ : float
    rank_ : int
    rank_losses_ : ndarray
        Median left-out error for ranks 1, 2, ... (with ``rank="auto"``).
    noise_variance_ : float
        Variance of targets about their predictions (with ``alpha="auto"``).
    task_similarity_ : ndarray of shape (n_tasks, n_tasks)
        Correlation of the predictions of any two tasks on the rows of all tasks.
    outlier_tasks_ : ndarray
        Tasks outside the span, about 5 % of them wrongly so (with ``robust=True``).
    outlier_pvalues_, outlier_scores_ : ndarray of shape (n_tasks,)
        p-value of an F-test of each task against the span, and minus its decimal
        logarithm; NaN for tasks added by ``fit_task``.
    excess_ : float
        Estimate of the objective above the nearest minimum, relative to it.
    n_iter_ : int
    tasks_, n_tasks_, n_features_in_, feature_names_in_
        As for every estimator.

    Notes
    -----
    With more than 64 features, and fewer rows than features in the average task, the
    model is fitted from the rows themselves, in memory proportional to the rows;
    otherwise from one Gram matrix per task, which ``partial_fit`` can add to. Both give
    the same coefficients.

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
        **StatisticsRegressor._parameter_constraints,
        "rank": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "alpha": [Interval(Real, 0.0, None, closed="left"), StrOptions({"auto"})],
        "robust": ["boolean"],
        "align": [StrOptions({"covariance"}), None],
        "task_weight": [StrOptions({"samples", "equal", "svd", "noise"})],
        "cv": [Interval(Integral, 2, None, closed="left"), HasMethods("split"), list],
        "fit_intercept": ["boolean"],
        "tol": [Interval(Real, 0.0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "keep_task_column": ["boolean"],
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
        training = training._replace(data=data)
        if lift is None and not self._from_rows(data):
            splits = None
            if self._needs_splits():
                splits = split_statistics(training, self.cv, X, y)
            self._learn(statistics(data), splits)
            return self
        splits = None
        if self._needs_splits():
            parts = user_splits(self.cv, X, y, training)
            splits = [[choose_rows(data, rows) for rows in split] for split in parts]
        for name in ("_statistics", "_splits"):
            vars(self).pop(name, None)
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
        if hasattr(self, "_statistics"):
            return super().partial_fit(X, y, sample_weight)
        if hasattr(self, "coef_"):
            self._need_statistics()
        return StatisticsRegressor.fit(self, X, y, sample_weight)

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
        self._need_statistics()
        return super().remove_task(name)

    def _need_statistics(self):
        if not hasattr(self, "_statistics"):
            raise ValueError(
                "This model was fitted from its rows and kept none of them: tasks have "
                "fewer rows than features. Call partial_fit from the start to keep "
                "statistics instead."
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
        """Add a new task's statistics to those kept, for calls to come."""
        if not hasattr(self, "_statistics"):
            return
        order = np.insert(np.arange(self.n_tasks_ - 1), place, -1)
        alone = np.full(self.n_tasks_, -1)
        alone[place] = 0
        new = statistics(data)
        self._statistics = self._statistics.take(order) + new.take(alone)
        if self._splits is not None:
            training = Training(data, data.y, data.rows, data.rows.size)
            parts = split_statistics(training, self.cv, data.X, data.y)
            self._splits = [
                tuple(a.take(order) + b.take(alone) for a, b in zip(*pair, strict=True))
                for pair in zip(self._splits, parts, strict=True)
            ]


class SharedRepresentationClassifier(SharedRepresentation, LinearClassifier):
    r"""Logistic classification whose tasks use a few common directions of the features.

    The coefficients of task t (and class) are :math:`w_t = B v_t`: ``rank`` orthonormal
    directions :math:`B` that all tasks share, and a head :math:`v_t` of the task's own.
    They minimise

    .. math:: \sum_t c_t \sum_i \ell(y_i, x_i^\top w_t + b_t)
              + \frac{\alpha}{2} \sum_t \lVert w_t \rVert^2,
              \qquad c_t = \frac{1}{\bar n},

    with the logistic loss (softmax for several classes) and the mean number
    :math:`\bar n` of rows of a task. With ``alpha="auto"`` the ridge is the most likely
    one, and heads are then drawn towards a mean head as far as their spread over tasks
    says, as in :class:`SharedRepresentationRegressor`.

    Parameters
    ----------
    rank : int or "auto", default="auto"
        Number of shared directions. "auto" takes the rank with the least squared error
        of a linear fit to the classes, coded 0 and 1, on left-out rows, as the median
        over tasks.
    alpha : float or "auto", default="auto"
        Strength of the ridge; with one task ``1 / (alpha * n_samples)`` is the ``C`` of
        :class:`~sklearn.linear_model.LogisticRegression`. "auto" estimates it, and the
        distribution of heads, by type-II maximum likelihood.
    align : {"covariance"} or None, default=None
        "covariance" first maps the features of every task linearly so that their
        covariance is the same in all tasks.
    class_weight : {"balanced"}, dict or None, default=None
        "balanced" makes all classes of a task weigh the same in it; a dict gives the
        weight of each class.
    cv : int, splitter or iterable of splits, default=3
        Left-out rows for ``rank="auto"``.
    fit_intercept : bool, default=True
        Give every task an intercept, which is not penalised.
    tol : float, default=1e-7
        Stop when an iteration lowers the objective by less than this part of what it is
        when nothing is known.
    max_iter : int, default=200
        Most iterations, each the solution of a quadratic problem.
    keep_task_column : bool, default=False
        Whether ``transform`` keeps the task column, as its last one.
    task_feature : str, int or None, default=None
        Name or position of the column of X that holds each row's task. With None, every
        column of y is a task of two classes, or there is one task only.
    unseen_task : {"shared", "error"}, default="shared"
        What to do at predict with a task that fit did not see: predict with the mean of
        all tasks, or raise.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    components_ : ndarray of shape (rank, n_features)
        Orthonormal shared directions, that of the largest heads first.
    heads_ : ndarray of shape (n_tasks, rank) or (n_tasks, n_classes, rank)
        Coordinates of every task's coefficients along ``components_``.
    coef_ : ndarray of shape (n_tasks, n_features) or (n_tasks, n_classes, n_features)
    intercept_ : ndarray of shape (n_tasks,) or (n_tasks, n_classes)
    shared_coef_, shared_intercept_
        Mean of all tasks, used for tasks that fit did not see.
    rank_ : int
    rank_losses_ : ndarray
        Median left-out error for ranks 1, 2, ... (with ``rank="auto"``).
    task_similarity_ : ndarray of shape (n_tasks, n_tasks)
        Cosine of the coefficients of any two tasks, features being white.
    n_iter_ : int
    tasks_, n_tasks_, n_features_in_, feature_names_in_
        As for every estimator.

    Examples
    --------
    >>> from skmtl.datasets import make_shared_representation
    >>> from skmtl.linear import SharedRepresentationClassifier
    >>> data = make_shared_representation(
    ...     n_tasks=20, n_samples=80, n_features=10, rank=2, problem="classification",
    ...     random_state=0,
    ... )
    >>> model = SharedRepresentationClassifier(task_feature="task")
    >>> model.fit(data.data, data.target).components_.shape
    (2, 10)
    """

    _parameter_constraints = {
        **LinearClassifier._parameter_constraints,
        "rank": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "alpha": [Interval(Real, 0.0, None, closed="left"), StrOptions({"auto"})],
        "align": [StrOptions({"covariance"}), None],
        "class_weight": [StrOptions({"balanced"}), dict, None],
        "cv": [Interval(Integral, 2, None, closed="left"), HasMethods("split"), list],
        "fit_intercept": ["boolean"],
        "tol": [Interval(Real, 0.0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "keep_task_column": ["boolean"],
    }

    def __init__(
        self,
        rank="auto",
        *,
        alpha="auto",
        align=None,
        class_weight=None,
        cv=3,
        fit_intercept=True,
        tol=1e-7,
        max_iter=200,
        keep_task_column=False,
        task_feature=None,
        unseen_task="shared",
    ):
        self.rank = rank
        self.alpha = alpha
        self.align = align
        self.class_weight = class_weight
        self.cv = cv
        self.fit_intercept = fit_intercept
        self.tol = tol
        self.max_iter = max_iter
        self.keep_task_column = keep_task_column
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
        training = self._open_training(X, y, sample_weight)
        check_classes(self)
        data = weigh_classes(training.data, self.class_weight, self.classes_)
        self._maps = self._common = None
        data, lift = (
            (self._align(data), None) if self._aligns() else fewer_features(data)
        )
        labels = open_labels(data, self.classes_.size, centred=self.fit_intercept)
        shape = labels.scale.size * labels.n_scores, data.X.shape[1]
        rank = min(self._choose_rank(training._replace(data=data), X, y), min(shape))
        alpha = None if self.alpha == "auto" else float(self.alpha)
        fit = fit_logistic_representation(labels, rank, alpha, self.tol, self.max_iter)
        self._scale = float(labels.scale.mean())
        self._set_fit(fit, lift)
        report_gain(fit.gain, fit.n_iter, self.tol, self.max_iter)
        return self

    def _align(self, data):
        """Return the rows of every task after its own map."""
        sample = sample_statistics(statistics(data))
        covariance, self._common = task_covariances(sample)
        self._maps = alignment_maps(covariance, self._common, sample.freedom())
        X = np.empty(data.X.shape)
        for t, rows in enumerate(np.split(data.rows, data.offsets[1:-1])):
            X[rows] = data.X[rows] @ self._maps[t]
        return data._replace(X=X)

    def _choose_rank(self, training, X, y):
        if self.rank != "auto":
            return int(self.rank)
        parts = user_splits(self.cv, X, y, training, classifier=True)
        splits = [[self._codes(training.data, rows) for rows in part] for part in parts]
        plan = Plan(None, None, False, "samples", False, 1e-5, 100)
        shape = splits[0][0].tasks.shape
        rank, self.rank_losses_ = choose_rank(splits, plan, shape)
        return rank

    def _codes(self, data, rows):
        part = choose_rows(data, rows)
        return open_labels(
            part, self.classes_.size, centred=self.fit_intercept
        ).code_sample()

    def _set_fit(self, fit, lift):
        self._prior = fit.prior
        basis = fit.basis if lift is None else lift @ fit.basis
        self.components_ = np.ascontiguousarray(basis.T)
        self.rank_, self.n_iter_ = basis.shape[1], max(1, fit.n_iter)
        several = fit.heads.shape[1] > 1
        coef, shared = fit.heads @ self.components_, fit.shared_head @ self.components_
        white = (fit.heads @ fit.basis.T).reshape(len(coef), -1)
        metric = np.kron(np.eye(coef.shape[1]), fit.metric)
        self.task_similarity_ = cosines(white, metric)
        if self._maps is not None:
            coef = np.einsum("tjk,tsk->tsj", self._maps, coef)
        pick = (lambda part: part) if several else (lambda part: part[:, 0])
        self.heads_, self.coef_ = pick(fit.heads), pick(coef)
        self.intercept_ = pick(fit.intercept)
        self.shared_coef_ = shared if several else shared[0]
        self.shared_intercept_ = (
            fit.shared_intercept if several else float(fit.shared_intercept[0])
        )

    def _new_task(self, data):
        """Return head, coefficients, intercept and alignment of one task's rows."""
        maps = None
        if self._maps is not None:
            sample = sample_statistics(statistics(data))
            covariance, _ = task_covariances(sample)
            maps = alignment_maps(covariance, self._common, sample.freedom())[0]
        basis = self.components_.T if maps is None else maps @ self.components_.T
        data = weigh_classes(data, self.class_weight, self.classes_)
        data = data._replace(X=np.ascontiguousarray(data.X @ basis))
        labels = open_labels(data, self.classes_.size, centred=self.fit_intercept)
        labels = labels._replace(scale=np.ones(1))
        step = fit_logistic_heads(labels, self._prior, self.max_iter)
        head, intercept = step.coef, step.intercept
        if len(head) == 1:
            head, intercept = head[0], intercept[0]
        return head, head @ basis.T, intercept, maps


def _sample_moments(data, **kind):
    return sample_statistics(statistics(data), **kind)


def fewer_features(data):
    """Describe features by as many coordinates as there are rows, where that is fewer.

    Coefficients that minimise a loss with a ridge lie in the span of the rows, so that
    nothing is lost. Returns the data and the orthonormal basis of that span, or None.
    """
    n_rows, n_features = data.X.shape
    if n_rows >= n_features or n_features <= FEW_FEATURES:
        return data, None
    basis, mixing = np.linalg.qr(data.X.T)
    return data._replace(X=np.ascontiguousarray(mixing.T)), basis
