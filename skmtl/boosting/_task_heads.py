"""Shared scores, heads of tasks and own trees around any scikit-learn estimator."""

from numbers import Integral

import numpy as np
from scipy.special import expit, softmax
from sklearn.base import is_classifier
from sklearn.utils.metaestimators import available_if

from .._new_task import LearnsTasks
from .._sklearn_compat import (
    HasMethods,
    Interval,
    StrOptions,
    fitting,
    get_tags,
    num_samples,
)
from .._wrapping import TaskWrapper, weight_names
from . import _losses as losses
from ._base import Decomposition, Scale
from ._regressor import measure
from ._task_heads_model import Query, fit_model
from ._task_heads_open import find_columns, open_lesson, open_one_task
from ._task_heads_sources import Language, Source, seeded, views

FEWEST_AND_MOST_SCORES = {"auto": (1, 2), 1: (1, 1), 2: (2, 2)}


def default_estimator():
    """Return what is wrapped where nothing is named."""
    from lightgbm import LGBMRegressor

    return LGBMRegressor(
        n_estimators=200, num_leaves=15, min_child_samples=10, n_jobs=1, verbose=-1
    )


class TaskHeads(LearnsTasks, TaskWrapper):
    """Let any estimator learn what tasks share, and give each task a head of its own.

    Clones of the estimator learn a score that all tasks share. Each task sees it
    through an intercept and a slope of its own, shrunk to those of the other tasks by
    empirical Bayes: one number can reverse or scale a whole function, and is safe with
    a few rows. Small trees of the task's own add what is left. It is the structure of
    :class:`MultiTaskBoostingRegressor` for those who have an estimator already, tuned
    as they like it.

    Parameters
    ----------
    estimator : regressor or classifier, default=None
        What learns the shared scores: any estimator whose ``fit`` takes
        ``sample_weight``, pipelines included. TaskHeads is itself a regressor or a
        classifier accordingly: pass a classifier instance for classes, with
        ``predict_proba`` or ``decision_function``. None means a regressor,
        :class:`lightgbm.LGBMRegressor` with 200 trees of 15 leaves.
    n_scores : {"auto", 1, 2}, default="auto"
        Number of shared scores. A second one describes tasks that the first does not;
        "auto" keeps it if it takes more than 0.5 % off the loss out of fold.
    task_trees : bool, default=True
        Whether tasks have trees of their own. There are none for sparse X, nor for a
        single task.
    cv : int, splitter or list of (train, test), default=3
        How rows are held out of clones. An integer makes folds within each task (and
        class) by the content of rows. Others split the rows of X as passed.
    task_feature : str, int or None, default=None
        Name or position of the column of X that holds each row's task. None means one
        task, or one for each column of a two-dimensional y, where NaN means "not
        observed".
    unseen_task : {"shared", "error"}, default="shared"
        How to predict a task that fit has not seen: with the mean of all heads, or not
        at all.
    random_state : int, RandomState instance or None, default=None
        Gives clones random states of their own; None leaves them as `estimator` has
        them.
    n_jobs : int or None, default=None
        Number of clones fitted at the same time. None means one, unless inside
        :func:`joblib.parallel_config`. Results do not depend on it.

    Attributes
    ----------
    estimators_ : dict
        Fitted clones by variant: "shared" does not see the task of a row,
        "shared_by_task" sees it as a category, or as one column for each task. For
        each score a list of one clone for each split and, last, one for all rows; a
        score is the mean of this last one and of the mean of the others.
    shares_ : dict
        Share of each variant in predictions.
    task_weights_ : ndarray of shape (n_tasks, n_scores)
        Slopes of each task on the scores of "shared", in the order of ``tasks_``.
    task_intercepts_ : ndarray of shape (n_tasks,) or (n_tasks, n_classes)
        Their intercepts: without its own trees, and by "shared" alone, a task is
        predicted by ``intercept + weights @ scores``. Scores of classifiers are
        log-odds, or log-probabilities about their mean. Where tasks are columns of y,
        "shared" learns each of them in units of its standard deviation.
    task_loss_ : ndarray of shape (n_tasks,)
        Mean squared error or log loss of each task, out of fold.
    outlier_scores_ : ndarray of shape (n_tasks,)
        How badly what tasks share describes each of them, in robust standard
        deviations above the median task.
    outlier_tasks_ : ndarray
        Tasks whose score is above 2.5.
    task_similarity_ : ndarray of shape (n_tasks, n_tasks)
        Correlation of what heads of tasks make of the scores.
    tasks_ : ndarray of shape (n_tasks,)
        Labels of the tasks.
    n_tasks_ : int
        Number of tasks.
    classes_ : ndarray of shape (n_classes,)
        Classes of all tasks, in a classifier.
    n_features_in_ : int
        Number of columns of X, with the task.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns of X, where all are strings.

    See Also
    --------
    MultiTaskBoostingRegressor : The same structure with trees grown for it, faster.
    skmtl.baselines.PooledTasks : The estimator with the task as a category.
    skmtl.safety.SafeTasks : Weigh a shared model against those of single tasks.

    Notes
    -----
    Heads rest on scores of rows that the clone did not learn from: on others, a
    flexible estimator would seem to need no head. Clones and heads then take turns.
    Through a head ``a + b * score`` a squared error is that of the target
    ``(y - a) / b`` with weight ``b ** 2``, which is what clones are fitted to. Classes
    cannot be divided: with two, those of tasks with negative slopes are exchanged;
    weights are ``b ** 2`` again, the share of the slope in the curvature of the log
    loss, and intercepts are left to heads. A turn is kept only where it takes 0.1 %
    off the loss out of fold; at most four are taken. The second score is learned in the
    same way, at first mostly from the tasks that the first describes badly.

    The variants with and without the task among the columns are blended by their loss
    out of fold. The task is told as a category to estimators with a parameter
    ``categorical_features`` or a ``fit`` argument ``categorical_feature`` (histogram
    gradient boosting and LightGBM), and as one column for each of at most 100 tasks to
    others, unless they consist of several estimators, as pipelines do.

    With ``cv=3`` the estimator is fitted about 15 to 50 times, to two thirds of the
    rows or to all of them. Columns that its parameters name by position are those of X
    without the task. Its targets may have any sign.

    Examples
    --------
    In one of ten tasks, the function that all share is reversed.

    >>> from sklearn.ensemble import HistGradientBoostingRegressor
    >>> from skmtl.boosting import TaskHeads
    >>> from skmtl.datasets import make_task_deviations
    >>> tasks = make_task_deviations(
    ...     n_tasks=10, n_samples=60, deviation=0.2, n_outlier_tasks=1, random_state=0
    ... )
    >>> model = TaskHeads(
    ...     HistGradientBoostingRegressor(max_iter=30), task_feature="task"
    ... )
    >>> model = model.fit(tasks.data, tasks.target)
    >>> tasks.outlier_tasks.tolist(), model.outlier_tasks_.tolist()
    (['task_01'], ['task_01'])
    >>> model.tasks_[model.task_weights_[:, 0] < 0].tolist()
    ['task_01']
    """

    _parameter_constraints = {
        **TaskWrapper._parameter_constraints,
        "estimator": [HasMethods(["fit", "predict"]), None],
        "n_scores": [StrOptions({"auto"}), Interval(Integral, 1, 2, closed="both")],
        "task_trees": ["boolean"],
        "cv": [
            Interval(Integral, 2, None, closed="left"),
            HasMethods(["split"]),
            list,
            tuple,
        ],
        "random_state": ["random_state"],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        estimator=None,
        *,
        n_scores="auto",
        task_trees=True,
        cv=3,
        task_feature=None,
        unseen_task="shared",
        random_state=None,
        n_jobs=None,
    ):
        self.estimator = estimator
        self.n_scores = n_scores
        self.task_trees = task_trees
        self.cv = cv
        self.task_feature = task_feature
        self.unseen_task = unseen_task
        self.random_state = random_state
        self.n_jobs = n_jobs

    @property
    def _accepts_sparse(self):
        return self._wrapped_tags().input_tags.sparse

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        if self.task_feature is not None and tags.classifier_tags is not None:
            # Where every row is a task, none of them tells of another out of fold.
            tags.classifier_tags.poor_score = True
        return tags

    def _wrapped_tags(self):
        return get_tags(self._wrapped())

    def _wrapped(self):
        return default_estimator() if self.estimator is None else self.estimator

    def _check_kind(self):
        """Refuse an estimator that cannot learn scores."""
        if self.estimator is None:
            return
        super()._check_kind()
        name = type(self.estimator).__name__
        if not weight_names(self.estimator):
            raise ValueError(
                "TaskHeads weighs rows by the slopes of their tasks, and the fit of "
                f"{name} does not take sample_weight."
            )
        if get_tags(self.estimator).target_tags.positive_only:
            raise ValueError(
                f"TaskHeads fits targets of any sign, and {name} takes positive ones "
                "only."
            )
        answers = ("predict_proba", "decision_function")
        if is_classifier(self) and not any(hasattr(self.estimator, a) for a in answers):
            raise ValueError(
                f"TaskHeads needs scores of classes, and {name} has neither "
                "predict_proba nor decision_function."
            )

    @fitting(nested=True)
    def fit(self, X, y, sample_weight=None):
        """Fit clones of the estimator, heads, and trees of tasks.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)
            Features, and the column named by ``task_feature`` if there is one.
        y : array of shape (n_samples,) or (n_samples, n_tasks)
            Targets. Two dimensions make every column a task, NaN meaning "not
            observed"; only without ``task_feature``. Classes are then two.
        sample_weight : array of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        self._check_kind()
        rows, loss, n_classes = self._open_scaled(X, y, sample_weight)
        self._loss, self._columns = loss, None
        has_trees = self.task_trees and self.n_tasks_ > 1
        if has_trees:
            self._columns = find_columns(rows.X, rows.weight)
        lesson = open_lesson(
            rows,
            X,
            y,
            loss=loss,
            n_tasks=self.n_tasks_,
            n_classes=n_classes,
            cv=self.cv,
            columns=self._columns,
            n_jobs=self.n_jobs,
        )
        most = FEWEST_AND_MOST_SCORES[self.n_scores]
        if self.n_tasks_ == 1:
            most = (1, 1)
        self._n_folds = lesson.problem.n_folds
        self._slots = np.arange(self.n_tasks_)
        self._describe(fit_model(lesson, self._sources(lesson.problem), most))
        return self

    def _open_scaled(self, X, y, sample_weight):
        """Return rows with targets in units of scores, the loss, and the classes."""
        rows = self._open_rows(X, y, sample_weight)
        if not is_classifier(self):
            self._scale, loss = measure("squared_error", 0.5, rows)
            y = (rows.y - self._scale.centre) / self._scale.size
            return rows._replace(y=y), loss, 0
        self._scale, n_classes = Scale(), max(self.classes_.size, 2)
        loss = losses.logistic() if n_classes == 2 else losses.softmax(n_classes)
        return rows, loss, n_classes

    def _sources(self, problem):
        """Return what scores are learned with: without the task, and with it."""
        names, name = getattr(self, "feature_names_in_", None), None
        if names is not None and self.task_feature is not None:
            name = names[self._task_column]
        estimator = self._wrapped()
        language = Language(self._told, self._class_labels())
        estimators = seeded(estimator, self.random_state, problem.n_folds + 1)
        weights = weight_names(estimator)
        return [
            Source(estimators, view, language, weights)
            for view in views(estimator, self.tasks_, problem.task_weight, name)
        ]

    def _describe(self, model):
        """Set what users read of a model."""
        self._model, slots = model, self._slots
        told = ["shared_by_task" if v.is_told else "shared" for v in model.variants]
        pairs = list(zip(told, model.variants, strict=True))
        self.estimators_ = {name: variant.clones for name, variant in pairs}
        self.shares_ = {name: float(variant.share) for name, variant in pairs}
        unit = 1.0 if is_classifier(self) else 2.0 * self._scale.size**2
        self.task_loss_ = unit * model.task_loss[slots]
        self.outlier_scores_ = model.outlier_scores[slots]
        self.outlier_tasks_ = self.tasks_[model.is_outlier[slots]]
        self.task_similarity_ = model.similarity[np.ix_(slots, slots)]
        heads, told = model.variants[0].heads, self._told
        centre, size = (np.reshape(part, (-1, 1)) for part in self._scale)
        self.task_weights_ = size / told.size * heads.slopes[slots]
        intercepts = size * heads.theta[slots, : heads.n_outputs]
        intercepts = intercepts + centre - told.centre * self.task_weights_[:, :1]
        self.task_intercepts_ = intercepts[:, 0] if heads.n_outputs == 1 else intercepts

    @property
    def _told(self):
        """Units in which estimators are told targets: the user's, if there is one."""
        return Scale() if self._tasks_are_targets else self._scale

    def _learn_task(self, new):
        self._check_finite(new.X)
        y = (new.y - self._scale.centre) / self._scale.size
        problem = open_one_task(
            new.X, y, new.weight, self._columns, self._loss, self._n_folds
        )
        model = self._model.with_task(problem, self._query(new.X, None))
        # Where the model keeps each of tasks_: those added later come last in it.
        self._slots = np.insert(self._slots, new.place, self._slots.size)
        self._describe(model)

    def _query(self, table, task):
        """Return rows as the model reads them; without tasks, all are unseen."""
        codes = None if self._columns is None else self._columns.encode(table)
        if task is None:
            task = np.full(num_samples(table), -1)
        return Query(table, codes, task)

    def _parts(self, X):
        """Return what the parts of the model say of each row, in units of scores."""
        table, task = self._open_query(X)
        if task is None:
            return self._model.parts_by_task(self._query(table, None), self.n_tasks_)
        task = np.append(self._slots, -1)[task]
        return self._model.parts(self._query(table, task))

    def _in_units(self, score):
        score = self._scale.size * score
        flat = score.shape[1] == 1 and not self._tasks_are_targets
        return score[:, 0] if flat else score

    def decompose(self, X):
        """Return what the parts of the model say of each row.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)
            The same columns as at fit.

        Returns
        -------
        parts : Decomposition
            Arrays ``shared``, ``head`` and ``task_trees`` of the shape of the raw
            prediction, which is their sum: the prediction itself of a regressor, the
            decision function of a classifier.
        """
        shared, head, trees = map(self._in_units, self._parts(X))
        return Decomposition(self._scale.centre + shared, head, trees)

    def _raw(self, X):
        score = self._parts(X).score
        return self._scale.centre + self._in_units(score)

    def _offers(self, method):
        return is_classifier(self)

    @available_if(lambda self: self._offers("decision_function"))
    def decision_function(self, X):
        """Return the log-odds of each row, or one score for each class.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)
            The same columns as at fit.

        Returns
        -------
        scores : ndarray of shape (n_samples,), or (n_samples, n_classes or n_tasks)
            Larger means more likely the second class (or the column's class).
        """
        return self._raw(X)

    @available_if(lambda self: self._offers("predict_proba"))
    def predict_proba(self, X):
        """Return the probability of each class.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)
            The same columns as at fit.

        Returns
        -------
        probability : ndarray of shape (n_samples, n_classes) or (n_samples, n_tasks)
            In the order of ``classes_``; of the second class only where fit saw tasks
            as columns of y.
        """
        scores = self._raw(X)
        if self._tasks_are_targets:
            return expit(scores)
        if self.classes_.size == 1:
            return np.ones((len(scores), 1))
        if scores.ndim == 2:
            return softmax(scores, axis=1)
        return np.column_stack([expit(-scores), expit(scores)])

    def _answer(self, X, method):
        """Return what ``predict`` does, the only answer not given above."""
        scores = self._raw(X)
        if not is_classifier(self):
            return scores
        if scores.ndim == 2 and not self._tasks_are_targets:
            return self.classes_[scores.argmax(axis=1)]
        place = (scores > 0.0).astype(np.intp)
        return self.classes_[np.minimum(place, self.classes_.size - 1)]
