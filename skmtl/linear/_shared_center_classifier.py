"""Classification by tasks whose coefficients lie around one common model."""

from numbers import Integral, Real

import numpy as np

from .._folds import choose_rows, user_splits
from .._sklearn_compat import HasMethods, Interval, StrOptions, fitting
from ._base import LinearClassifier
from ._logistic_centre import fit_logistic_centre, left_out_loss
from ._working import check_classes, open_labels, report_gain, weigh_classes

# From strong to weak: each fit starts from the one before.
ALPHAS = np.geomspace(1e3, 1e-4, 15)
PATH_TOL = 1e-5
# In units of the mean variance of a feature.
CENTRE_RIDGE = 1e-3


class SharedCenterClassifier(LinearClassifier):
    r"""Logistic classification whose tasks lie around one common model.

    Coefficients :math:`w_t` and their centre :math:`w_0` minimise

    .. math:: \sum_t c_t \sum_i \ell(y_i, x_i^\top w_t + b_t)
              + \frac{\alpha}{2} \sum_t \lVert w_t - w_0 \rVert^2,
              \qquad c_t = \frac{1}{\bar n},

    with the logistic loss (softmax, and one centre for each class, for several classes)
    and the mean number :math:`\bar n` of rows of a task: between separate models
    (small ``alpha``) and one model with an intercept for each task (large ``alpha``). A
    ridge on the centre, a thousandth of the features' mean variance strong, keeps the
    coefficients of classes that can be separated finite.

    Parameters
    ----------
    alpha : float or "auto", default="auto"
        Strength of the pull to the centre; "auto" takes the one with the least logistic
        loss on left-out rows.
    class_weight : {"balanced"}, dict or None, default=None
        "balanced" makes all classes of a task weigh the same in it; a dict gives the
        weight of each class.
    cv : int, splitter or iterable of splits, default=3
        Left-out rows for ``alpha="auto"``.
    fit_intercept : bool, default=True
        Give every task an intercept, which is not penalised.
    tol : float, default=1e-7
        Stop when an iteration lowers the objective by less than this part of what it is
        when nothing is known.
    max_iter : int, default=200
        Most iterations, each the solution of a quadratic problem.
    task_feature : str, int or None, default=None
        Name or position of the column of X that holds each row's task. With None, every
        column of y is a task of two classes, or there is one task only.
    unseen_task : {"shared", "error"}, default="shared"
        What to do at predict with a task that fit did not see: predict by the centre,
        or raise.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Classes of all tasks together, sorted.
    coef_ : ndarray of shape (n_tasks, n_features) or (n_tasks, n_classes, n_features)
        Coefficients of every task.
    intercept_ : ndarray of shape (n_tasks,) or (n_tasks, n_classes)
        Intercepts of the tasks.
    shared_coef_ : ndarray of shape (n_features,) or (n_classes, n_features)
        The centre.
    shared_intercept_ : float or ndarray of shape (n_classes,)
        Mean of the intercepts, each counting by how well its rows determine it.
    alpha_ : float
        The strength used.
    n_iter_ : int
        Number of steps of the solver.
    tasks_, n_tasks_, n_features_in_, feature_names_in_
        Labels of the tasks, their number, that of the columns of X (the task's counts),
        and the names of these, where they have names.

    See Also
    --------
    SharedCenterRegressor : The same for numbers, with a test for outlier tasks.
    HierarchicalClassifier : Learns how far tasks are from their centre, and in which
        directions.

    References
    ----------
    .. [1] T. Evgeniou and M. Pontil, "Regularized multi-task learning", KDD 2004.

    Examples
    --------
    >>> from skmtl.datasets import make_shared_representation
    >>> from skmtl.linear import SharedCenterClassifier
    >>> data = make_shared_representation(
    ...     n_tasks=20, n_samples=40, n_features=5, rank=1, head_scale=0.5,
    ...     shared_scale=2.0, problem="classification", random_state=0,
    ... )
    >>> model = SharedCenterClassifier(task_feature="task")
    >>> model.fit(data.data, data.target).coef_.shape
    (20, 5)
    """

    _parameter_constraints = {
        **LinearClassifier._parameter_constraints,
        "alpha": [Interval(Real, 0.0, None, closed="left"), StrOptions({"auto"})],
        "class_weight": [StrOptions({"balanced"}), dict, None],
        "cv": [Interval(Integral, 2, None, closed="left"), HasMethods("split"), list],
        "fit_intercept": ["boolean"],
        "tol": [Interval(Real, 0.0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        alpha="auto",
        *,
        class_weight=None,
        cv=3,
        fit_intercept=True,
        tol=1e-7,
        max_iter=200,
        task_feature=None,
        unseen_task="shared",
    ):
        self.alpha = alpha
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
        labels = self._labels(training.data)
        size = np.trace(labels.code_sample().tasks.mean_gram()) / labels.data.X.shape[1]
        size = size if size > 0.0 else 1.0
        ridge = CENTRE_RIDGE * size
        self.alpha_ = self.alpha
        if self.alpha == "auto" and labels.scale.size == 1:
            self.alpha_ = 1.0
        elif self.alpha == "auto":
            parts = user_splits(self.cv, X, y, training, classifier=True)
            splits = [
                [self._labels(choose_rows(training.data, rows)) for rows in split]
                for split in parts
            ]
            self.alpha_ = self._select(ALPHAS * size, ridge, splits)
        fit = fit_logistic_centre(labels, self.alpha_, ridge, self.tol, self.max_iter)
        self._set_fit(labels, fit)
        report_gain(fit.gain, fit.n_iter, self.tol, self.max_iter)
        return self

    def _labels(self, data):
        data = weigh_classes(data, self.class_weight, self.classes_)
        return open_labels(
            data, self.classes_.size, centred=self.fit_intercept, moments=True
        )

    def _select(self, candidates, ridge, splits):
        """Return the strength with the least logistic loss on left-out rows."""
        losses = np.zeros(candidates.size)
        for train, test in splits:
            start = None
            for place, alpha in enumerate(candidates):
                fit = fit_logistic_centre(
                    train, alpha, ridge, PATH_TOL, self.max_iter, start
                )
                losses[place] += left_out_loss(test, fit)
                start = fit.step
        return float(candidates[int(np.argmin(losses))])

    def _set_fit(self, labels, fit):
        several = labels.n_scores > 1
        shape = labels.scale.size, labels.n_scores
        coef = fit.step.coef.reshape(*shape, -1)
        intercept = fit.step.intercept.reshape(shape)
        weight = labels.working_sample(fit.scores, 1.0).weight.reshape(shape)
        shared = (weight * intercept).sum(axis=0) / weight.sum(axis=0)
        self.coef_ = coef if several else coef[:, 0]
        self.intercept_ = intercept if several else intercept[:, 0]
        self.shared_coef_ = fit.step.state if several else fit.step.state[0]
        self.shared_intercept_ = shared if several else float(shared[0])
        self.n_iter_ = fit.n_iter
