"""Classification of a target task, and which source tasks to collect rows of."""

from typing import NamedTuple

import numpy as np
from sklearn.linear_model import LogisticRegression

from .._folds import choose_rows, user_splits
from .._labels import encode
from .._sklearn_compat import fitting
from .._tasks import freeze, group_rows, group_targets, statistics
from .._validation import Training
from ..linear._base import LinearClassifier
from ..linear._working import check_classes, open_labels
from ._learner import ActiveTasks
from ._learning import learn
from ._logistic import heads_in_span, near_priors, rows_of_tasks


class Held(NamedTuple):
    """All rows that have been passed: a logistic loss needs them.

    Attributes
    ----------
    X : float64 array of shape (n_rows, n_features)
    y : float64 array of shape (n_rows,) or (n_rows, n_tasks)
    weight : float64 array of shape (n_rows,)
    task : int64 array of shape (n_rows,)
    index : int64 array of shape (n_rows,)
        Place of each row among those passed.
    n_rows_passed : int
    """

    X: np.ndarray
    y: np.ndarray
    weight: np.ndarray
    task: np.ndarray
    index: np.ndarray
    n_rows_passed: int

    def followed_by(self, new, place):
        """Return these rows and new ones; ``place`` are the old tasks among all."""
        return Held(
            np.concatenate([self.X, new.X]),
            np.concatenate([self.y, new.y]),
            np.concatenate([self.weight, new.weight]),
            np.concatenate([place[self.task], new.task]),
            np.concatenate([self.index, new.index + self.n_rows_passed]),
            self.n_rows_passed + new.n_rows_passed,
        )


class ActiveTaskClassifier(ActiveTasks, LinearClassifier):
    r"""Logistic classification of a target that says which sources to sample next.

    The classes, coded 0 and 1 (one code for each class where there are more than two),
    are treated as in :class:`ActiveTaskRegressor`: that gives the span of the sources,
    what the target's coefficients are drawn towards, and how far. Coefficients are then
    fitted by logistic loss: those of sources within the span, those of the target with
    the penalty that corresponds to it.

    That rows are allocated as for squared error is a heuristic here: the risk of which
    the allocation is optimal is that of the coded classes.

    Parameters
    ----------
    strategy : {"elfving", "lasso", "l2", "uniform"} or callable, default="elfving"
        How rows are divided among the sources, as in :class:`ActiveTaskRegressor`. With
        more than two classes a callable is given a column of W for each source and
        class, in this order, and returns rows of each.
    rank : int or "auto", default="auto"
        Number of directions that the sources share. "auto" takes the rank with the
        least squared error of coded classes on left-out rows of the sources.
    target_task : label or list of labels, default=None
        The task, or tasks, to be predicted well; never bought. With None, every task is
        a target whose sources are the others, and rows are bought of all.
    costs : mapping, default=None
        Price of one row of every source, by label. None is one.
    cv : int, splitter or iterable of splits, default=5
        Left-out rows, for the choice of the target's coefficients and of the rank.
    task_feature : str, int or None, default=None
        Name or position of the column of X that holds each row's task. With None, every
        column of y is a task of two classes, or there is one task only.
    unseen_task : {"shared", "error"}, default="shared"
        What to do at predict with a task that fit did not see: predict with the mean of
        the sources, or raise.
    random_state : int, RandomState instance or None, default=None
        Fixes the draws of heads, on which :meth:`query` and ``relevance_`` depend, not
        the coefficients.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Classes of all tasks together, sorted.
    target_coef_ : ndarray of shape (n_features,) or (n_targets, n_features)
        Coefficients of the target; two-dimensional unless ``target_task`` is one label.
        With more than two classes, classes are the last axis but one.
    target_estimator_ : LogisticRegression or dict
        Predicts rows of the target without the task column; with several targets, one
        by label. Only with ``target_task``.
    coef_ : ndarray of shape (n_tasks, n_features) or (n_tasks, n_classes, n_features)
        Coefficients of all tasks, those of sources within the span.
    intercept_ : ndarray of shape (n_tasks,) or (n_tasks, n_classes)
        Intercepts of the tasks.
    shared_coef_ : ndarray of shape (n_features,) or (n_classes, n_features)
        Used for tasks that fit did not see.
    shared_intercept_ : float or ndarray of shape (n_classes,)
        Intercept that goes with ``shared_coef_``.
    components_ : ndarray of shape (rank, n_features)
        Orthonormal directions that the sources share.
    rank_ : int
        Zero where no source has rows.
    rank_losses_ : ndarray or None
        Median left-out error of the sources for ranks 1, 2, ... (``rank="auto"``).
    task_coef_ : ndarray of shape (n_sources, rank) or (n_sources * n_classes, rank)
        Heads of the sources' coded classes.
    target_head_ : ndarray of shape (rank,) or (n_targets, rank)
        Head of the target's coded classes; with more than two, classes are the last
        axis but one.
    source_tasks_, target_tasks_ : ndarray
        Their labels, in the order of ``tasks_``.
    n_seen_ : ndarray of shape (n_sources,)
        Rows held of every source (sums of weights).
    cost_spent_ : float
        What these cost.
    relevance_, relevance_std_ : ndarray of shape (n_sources,) or (n_sources, n_targets)
        Mean and standard deviation of :func:`source_relevance` over draws of what heads
        may be; with more than two classes, of its length over them.
    allocation_ : ndarray of shape (n_sources,)
        Shares of the next rows, were the budget what is held already.
    selected_tasks_ : ndarray
        Sources that matter: those whose mean relevance, to any target, is more than
        two standard deviations from zero.
    exploring_ : bool
        Whether too little is known of the span to choose sources.
    expected_risk_ : float
        Expected squared error of the target's coded classes, beside the noise; the mean
        over several targets and classes.
    coverage_ : float or ndarray of shape (n_targets,)
        Share of the target's signal that lies in the span of the sources.
    head_kind_ : ndarray of shape (n_targets,) or (n_targets * n_classes,)
        The coefficients of largest weight in the mixture: "span" (near the span),
        "heads" (and with a head like those of the sources) or "target" (target rows
        only).
    head_losses_ : ndarray of shape (n_targets, 3) or (n_targets * n_classes, 3)
        Mean squared errors of the three for coded classes of left-out rows.
    noise_variance_ : float
        Variance of the target's coded classes about their predictions.
    n_iter_ : int
        Iterations of the fit of the span.
    tasks_, n_tasks_, n_features_in_, feature_names_in_
        Labels of the tasks, their number, that of the columns of X (the task's counts),
        and the names of these, where they have names.

    See Also
    --------
    ActiveTaskRegressor : For targets that are numbers.

    Notes
    -----
    Rows are kept, for :meth:`partial_fit`: a logistic loss is no sum of squares.

    References
    ----------
    .. [1] Y. Wang, Y. Chen, K. Jamieson and S. S. Du, "Improved active multi-task
       representation learning via Lasso", International Conference on Machine
       Learning, 2023.
    .. [2] Y. Chen, K. Jamieson and S. S. Du, "Active multi-task representation
       learning", International Conference on Machine Learning, 2022.

    Examples
    --------
    >>> from skmtl.active import ActiveTaskClassifier
    >>> from skmtl.datasets import make_source_tasks
    >>> problem = make_source_tasks(
    ...     n_sources=10, n_features=8, rank=2, n_target_samples=200, random_state=0
    ... )
    >>> learner = ActiveTaskClassifier(
    ...     rank=2, target_task="target", task_feature="task", random_state=0
    ... ).fit(problem.data, problem.target > 0)
    >>> rows = learner.query(50, available={"source_00": 100, "source_01": 5})
    >>> rows
    {'source_00': 45, 'source_01': 5}
    """

    _parameter_constraints = {
        **LinearClassifier._parameter_constraints,
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
        rows = self._open_rows(X, y, sample_weight)
        check_classes(self)
        self._learn_rows(Held(np.require(rows.X, np.float64, "CA"), *rows[1:]))
        return self

    @fitting
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Add rows to those of earlier calls and fit the model to all of them.

        The first call must have rows of all classes, or name them; a new label of a
        task adds a task.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)
            More rows, with the columns of the first call.
        y : array of shape (n_samples,) or (n_samples, n_tasks)
            Their labels.
        classes : array of shape (n_classes,), default=None
            All classes; of use in the first call only.
        sample_weight : array of shape (n_samples,), default=None
            Their weights.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        first = not hasattr(self, "_held")
        known = None if first else self.tasks_
        rows = self._open_rows(X, y, sample_weight, extend=not first)
        if first:
            if classes is not None:
                rows = rows._replace(y=self._recode(rows.y, np.unique(classes)))
            check_classes(self)
        new = Held(np.require(rows.X, np.float64, "CA"), *rows[1:])
        if not first:
            new = self._held.followed_by(new, encode(known, self.tasks_))
        self._learn_rows(new)
        return self

    def _recode(self, y, classes):
        """Make ``classes`` those of the model, and return positions among them."""
        if not np.isin(self.classes_, classes).all():
            raise ValueError(
                f"y has the classes {self.classes_.tolist()}, and classes names only "
                f"{classes.tolist()}."
            )
        place = np.append(np.searchsorted(classes, self.classes_), -1).astype(float)
        codes = np.where(np.isnan(y), -1, y).astype(np.int64)
        self.classes_ = classes
        return np.where(np.isnan(y), np.nan, place[codes])

    def _learn_rows(self, held):
        self._held = held
        self._n_scores = 1 if self.classes_.size == 2 else self.classes_.size
        if held.y.ndim == 2:
            data = group_targets(held.X, held.y, held.weight)
        else:
            data = group_rows(held.X, held.y, held.weight, held.task, self.n_tasks_)
        targets, sources = self._place_targets()
        rank = None if self.rank == "auto" else int(self.rank)
        every = np.arange(self.n_tasks_ * self._n_scores).reshape(self.n_tasks_, -1)
        learned = learn(
            self._codes(data),
            self._code_splits(data, held),
            every[targets].ravel(),
            every[sources].ravel(),
            rank,
            self._n_scores,
        )
        task = np.repeat(np.arange(data.n_tasks), np.diff(data.offsets))
        weight = np.bincount(task, data.weight, data.n_tasks)
        self._set_learned(learned, weight, targets, sources)
        self._set_coefficients(data, learned, targets, sources)
        self._warn_of_targets()

    def _labels(self, data):
        return open_labels(data, self.classes_.size, centred=True, moments=True)

    def _codes(self, data):
        """Return the statistics of coded classes, task by task and class by class."""
        labels = self._labels(data)
        values = labels.data.y[:, None]
        if self._n_scores > 1:
            values = np.eye(self._n_scores)[labels.data.y.astype(np.intp)]
        weight = np.repeat(labels.data.weight[:, None], self._n_scores, axis=1)
        return statistics(freeze(labels.spread(values, weight)))

    def _code_splits(self, data, held):
        training = Training(data, held.y, held.index, held.n_rows_passed)
        places = np.zeros(held.n_rows_passed, np.int64)
        places[held.index] = np.arange(held.index.size)
        parts = user_splits(
            self.cv, held.X[places], held.y[places], training, classifier=True
        )
        return [
            tuple(self._codes(choose_rows(data, rows)) for rows in split)
            for split in parts
        ]

    def _set_coefficients(self, data, learned, targets, sources):
        """Fit logistic coefficients of sources in the span, and of targets near it."""
        n_scores, n_features = self._n_scores, data.X.shape[1]
        coef = np.zeros((self.n_tasks_, n_scores, n_features))
        intercept = np.zeros((self.n_tasks_, n_scores))
        shared = None
        if learned.span.rank:
            heads, shared = heads_in_span(
                self._labels(rows_of_tasks(data, sources)), learned.span
            )
            coef[sources], intercept[sources] = heads
        own = near_priors(self._labels(rows_of_tasks(data, targets)), learned.targets)
        coef[targets], intercept[targets] = own
        if shared is None:
            shared = coef[targets].mean(axis=0), intercept[targets].mean(axis=0)
        drop = (lambda a: a) if n_scores > 1 else (lambda a: a[..., 0, :])
        self.coef_, self.shared_coef_ = drop(coef), drop(shared[0])
        self.intercept_ = intercept if n_scores > 1 else intercept[:, 0]
        self.shared_intercept_ = shared[1] if n_scores > 1 else float(shared[1][0])
        own = self.coef_[targets]
        self.target_coef_ = own[0] if self._one_target() else own
        self._set_target_estimator(targets)

    def _alone(self, t):
        """Return an estimator of one task."""
        model = LogisticRegression()
        several = self._n_scores > 1
        model.coef_ = self.coef_[t] if several else self.coef_[t][None]
        model.intercept_ = np.atleast_1d(self.intercept_[t])
        model.classes_ = self.classes_
        model.n_iter_ = np.array([self.n_iter_], dtype=np.int32)
        return model
