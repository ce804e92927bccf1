"""Classification tasks whose coefficients lie in one low-dimensional span."""

import numpy as np

from .._folds import choose_rows, user_splits
from .._sklearn_compat import StrOptions, fitting
from .._tasks import statistics
from ._alignment import alignment_maps, task_covariances
from ._base import LinearClassifier
from ._logistic_representation import (
    fit_logistic_heads,
    fit_logistic_representation,
)
from ._representation import Plan, choose_rank, cosines
from ._sample import sample_statistics
from ._shared_representation import CONSTRAINTS, SharedRepresentation, fewer_features
from ._working import check_classes, open_labels, report_gain, weigh_classes


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
        Classes of all tasks together, sorted.
    components_ : ndarray of shape (rank, n_features)
        Orthonormal shared directions, that of the largest heads first.
    heads_ : ndarray of shape (n_tasks, rank) or (n_tasks, n_classes, rank)
        Coordinates of every task's coefficients along ``components_``.
    coef_ : ndarray of shape (n_tasks, n_features) or (n_tasks, n_classes, n_features)
        Coefficients of every task.
    intercept_ : ndarray of shape (n_tasks,) or (n_tasks, n_classes)
        Intercepts of the tasks.
    shared_coef_, shared_intercept_
        Mean of all tasks, used for tasks that fit did not see.
    rank_ : int
        Number of shared directions.
    rank_losses_ : ndarray
        Median left-out error for ranks 1, 2, ... (with ``rank="auto"``).
    task_similarity_ : ndarray of shape (n_tasks, n_tasks)
        Cosine of the coefficients of any two tasks, features being white.
    n_iter_ : int
        Number of steps of the solver.
    tasks_, n_tasks_, n_features_in_, feature_names_in_
        Labels of the tasks, their number, that of the columns of X (the task's counts),
        and the names of these, where they have names.

    See Also
    --------
    SharedRepresentationRegressor : The same for numbers.
    HierarchicalClassifier : Tasks that differ in every direction.
    skmtl.active.ActiveTaskClassifier : Which tasks to sample for the sake of one.

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
        **CONSTRAINTS,
        "class_weight": [StrOptions({"balanced"}), dict, None],
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
