"""Regression of a target task, and which source tasks to collect rows of."""

import numpy as np
from sklearn.linear_model import LinearRegression

from ..linear._base import StatisticsRegressor
from ._learner import ActiveTasks
from ._learning import learn


class ActiveTaskRegressor(ActiveTasks, StatisticsRegressor):
    r"""Linear regression of a target task that says which sources to sample next.

    A target task has few rows; rows of source tasks can be bought. Sources share a few
    directions of the features, which are learned from their rows alone
    (:class:`~skmtl.linear.SharedRepresentationRegressor`). The target's coefficients
    are drawn towards that span as far as the rows of the sources, and its own, say that
    it lies there; mixed with that are the same with a head like those of the sources,
    and a ridge on the target's rows alone, weighted by cross-validation within these.
    :meth:`query` returns how many rows of every source to collect next; collect them,
    add them by :meth:`partial_fit`, and ask again.

    Parameters
    ----------
    strategy : {"elfving", "lasso", "l2", "uniform"} or callable, default="elfving"
        How rows are divided among the sources.

        "elfving"
            The least expected risk of the target, given what is held, averaged over
            draws of what the heads may be: optimal design with a prior. As long as the
            span is hardly known (``exploring_``), the same money on every source.
        "lasso"
            In proportion to the relevance that a Lasso estimates, above a floor [1]_.
        "l2"
            In proportion to the squared relevance of least l2 norm, above a floor [2]_.
        "uniform"
            As many rows of one source as of another.

        A callable takes the arguments ``(W, c, budget, n_seen=..., cost=...)`` of
        :func:`optimal_allocation` and returns rows of every source.
    rank : int or "auto", default="auto"
        Number of directions that the sources share. "auto" takes the rank with the
        least error on left-out rows of the sources.
    target_task : label or list of labels, default=None
        The task, or tasks, to be predicted well; never bought. With None, every task is
        a target whose sources are the others, and rows are bought of all.
    costs : mapping, default=None
        Price of one row of every source, by label. None is one.
    cv : int, splitter or iterable of splits, default=5
        Left-out rows, for the choice of the target's coefficients and of the rank.
    task_feature : str, int or None, default=None
        Name or position of the column of X that holds each row's task. With None, every
        column of y is a task, or there is one task only.
    unseen_task : {"shared", "error"}, default="shared"
        What to do at predict with a task that fit did not see: predict with the mean of
        the sources, or raise.
    random_state : int, RandomState instance or None, default=None
        Fixes the draws of heads, on which :meth:`query` and ``relevance_`` depend, not
        the coefficients.

    Attributes
    ----------
    target_coef_ : ndarray of shape (n_features,) or (n_targets, n_features)
        Coefficients of the target; two-dimensional unless ``target_task`` is one label.
    target_estimator_ : LinearRegression or dict
        Predicts rows of the target without the task column; with several targets, one
        by label. Only with ``target_task``.
    coef_ : ndarray of shape (n_tasks, n_features)
        Coefficients of all tasks, those of sources within the span.
    intercept_ : ndarray of shape (n_tasks,)
        Intercepts of the tasks.
    shared_coef_ : ndarray of shape (n_features,)
        Used for tasks that fit did not see.
    shared_intercept_ : float
        Intercept that goes with ``shared_coef_``.
    components_ : ndarray of shape (rank, n_features)
        Orthonormal directions that the sources share.
    rank_ : int
        Zero where no source has rows.
    rank_losses_ : ndarray or None
        Median left-out error of the sources for ranks 1, 2, ... (``rank="auto"``).
    task_coef_ : ndarray of shape (n_sources, rank)
        Heads of the sources: coordinates along ``components_``.
    target_head_ : ndarray of shape (rank,) or (n_targets, rank)
        Head of the target.
    source_tasks_, target_tasks_ : ndarray
        Their labels, in the order of ``tasks_``.
    n_seen_ : ndarray of shape (n_sources,)
        Rows held of every source (sums of weights).
    cost_spent_ : float
        What these cost.
    relevance_, relevance_std_ : ndarray of shape (n_sources,) or (n_sources, n_targets)
        Mean and standard deviation of :func:`source_relevance` over draws of what heads
        may be. Computed when read, like the two that follow.
    allocation_ : ndarray of shape (n_sources,)
        Shares of the next rows, were the budget what is held already.
    selected_tasks_ : ndarray
        Sources that matter: those whose mean relevance, to any target, is more than
        two standard deviations from zero.
    exploring_ : bool
        Whether too little is known of the span to choose sources.
    expected_risk_ : float
        Expected squared error of the target's predictions, beside the noise; the mean
        over several targets.
    coverage_ : float or ndarray of shape (n_targets,)
        Share of the target's signal that lies in the span of the sources.
    head_kind_ : ndarray of shape (n_targets,)
        The coefficients of largest weight in the mixture: "span" (near the span),
        "heads" (and with a head like those of the sources) or "target" (target rows
        only).
    head_losses_ : ndarray of shape (n_targets, 3)
        Mean squared errors of the three on left-out rows; NaN where there were none.
        Weights are proportional to them to the power of minus a quarter of the number
        of rows.
    noise_variance_ : float
        Variance of the target about its predictions; the mean over several targets.
    n_iter_ : int
        Iterations of the fit of the span.
    tasks_, n_tasks_, n_features_in_, feature_names_in_
        Labels of the tasks, their number, that of the columns of X (the task's counts),
        and the names of these, where they have names.

    See Also
    --------
    optimal_allocation : The optimal rows for heads that are known.
    expected_risk : What a number of rows of every source leads to.

    Notes
    -----
    Only sums of squares and products are kept of rows, so that memory does not grow
    with them, and :meth:`partial_fit` in any order is :meth:`fit` on all rows.

    Where every task is a target, none takes part in the span it is drawn to: tasks are
    dealt into ten groups, and the span of a group is that of all other groups. Rows of
    a task are then bought for what they say of the span; that they also show the task's
    own head is not counted.

    References
    ----------
    .. [1] Y. Wang, Y. Chen, K. Jamieson and S. S. Du, "Improved active multi-task
       representation learning via Lasso", International Conference on Machine
       Learning, 2023.
    .. [2] Y. Chen, K. Jamieson and S. S. Du, "Active multi-task representation
       learning", International Conference on Machine Learning, 2022.
    .. [3] G. Elfving, "Optimum allocation in linear regression theory", The Annals of
       Mathematical Statistics 23(2), 1952.
    .. [4] S. D. Silvey, D. M. Titterington and B. Torsney, "An algorithm for optimal
       designs on a finite design space", Communications in Statistics 7(14), 1978.

    Examples
    --------
    One of ten sources is the target itself, which the learner does not know.

    >>> import pandas as pd
    >>> from skmtl.active import ActiveTaskRegressor
    >>> from skmtl.datasets import make_source_tasks
    >>> problem = make_source_tasks(
    ...     n_sources=10, n_features=8, rank=2, scenario="l2hard",
    ...     n_target_samples=40, random_state=0,
    ... )
    >>> learner = ActiveTaskRegressor(
    ...     rank=2, target_task="target", task_feature="task", random_state=0
    ... ).fit(problem.data, problem.target)
    >>> sources = dict.fromkeys(problem.source_tasks, 10_000)
    >>> for budget in (200, 200, 400):
    ...     asked = learner.query(budget, available=sources)
    ...     rows = {task: problem.oracle(task, n) for task, n in asked.items()}
    ...     X = pd.concat([X.assign(task=task) for task, (X, _) in rows.items()])
    ...     y = pd.concat([y for _, y in rows.values()])
    ...     _ = learner.partial_fit(X, y)
    >>> str(learner.source_tasks_[abs(learner.relevance_).argmax()])
    'source_05'
    >>> problem.source_tasks[abs(problem.relevance).argmax()]
    'source_05'
    """

    _parameter_constraints = {
        **StatisticsRegressor._parameter_constraints,
        **ActiveTasks._parameter_constraints,
    }

    def __init__(
        self,
        strategy="elfving",
        *,
        rank="auto",
        target_task=None,
        costs=None,
        cv=5,
        task_feature=None,
        unseen_task="shared",
        random_state=None,
    ):
        self.strategy = strategy
        self.rank = rank
        self.target_task = target_task
        self.costs = costs
        self.cv = cv
        self.task_feature = task_feature
        self.unseen_task = unseen_task
        self.random_state = random_state

    def _needs_splits(self):
        return True

    def _fit_statistics(self, statistics, splits):
        targets, sources = self._place_targets()
        rank = None if self.rank == "auto" else int(self.rank)
        learned = learn(statistics, splits, targets, sources, rank)
        self._set_learned(learned, statistics.weight, targets, sources)
        self._set_coefficients(statistics, learned, targets, sources)
        self._warn_of_targets()

    def _set_coefficients(self, statistics, learned, targets, sources):
        coef = np.zeros(statistics.xy.shape)
        coef[sources] = learned.span.coef
        coef[targets] = [target.coef for target in learned.targets]
        self.coef_ = coef
        self.intercept_ = statistics.y_mean - (statistics.x_mean * coef).sum(axis=1)
        if learned.span.rank:
            self.shared_coef_ = learned.span.basis @ learned.span.mean
        else:
            sources, self.shared_coef_ = targets, coef[targets].mean(axis=0)
        weight = statistics.weight[sources]
        x_mean = np.broadcast_to(statistics.x_mean, coef.shape)[sources]
        left = statistics.y_mean[sources] - x_mean @ self.shared_coef_
        self.shared_intercept_ = float(weight @ left / weight.sum())
        self._set_target_estimator(targets)

    def _alone(self, t):
        """Return an estimator of one task."""
        model = LinearRegression()
        model.coef_, model.intercept_ = self.coef_[t], float(self.intercept_[t])
        return model
