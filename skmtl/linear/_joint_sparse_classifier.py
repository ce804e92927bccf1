"""Classification tasks that agree on which features matter."""

from .._folds import choose_rows, user_splits
from .._sklearn_compat import StrOptions, fitting
from ._base import LinearClassifier
from ._joint_sparse import CONSTRAINTS, JointSparse
from ._working import weigh_classes


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
        Classes of all tasks together, sorted.
    coef_ : ndarray of shape (n_tasks, n_features) or (n_tasks, n_classes, n_features)
        Coefficients of every task.
    intercept_ : ndarray of shape (n_tasks,) or (n_tasks, n_classes)
        Intercepts of the tasks.
    joint_coef_, specific_coef_ : ndarray of the shape of ``coef_``
        The parts of ``coef_``, which is their sum.
    shared_coef_ : ndarray of shape (n_features,) or (n_classes, n_features)
        Average of ``coef_`` over tasks, weighted by their rows.
    shared_intercept_ : float or ndarray of shape (n_classes,)
        Average of ``intercept_``, likewise.
    alpha_ : float
        The strength used.
    alphas_, cv_errors_ : ndarray of shape (n_tried,)
        Strengths tried and their mean logarithmic losses (with ``alpha="auto"``): from
        strong to weak, until these rise.
    dual_gap_ : float
        Bound on what the objective is above its minimum.
    n_iter_ : int
        Number of steps.
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

        data = weigh_classes(training.data, self.class_weight, self.classes_)
        splits = None
        if self._needs_splits():
            splits = [
                tuple(choose_rows(data, rows) for rows in split)
                for split in user_splits(self.cv, X, y, training, classifier=True)
            ]
        self._fit_problem(problem_of, data, splits, task_weights(data))
        return self
