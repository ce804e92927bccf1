"""Estimators that choose how tasks share, by what rows held out say."""

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin

from ._automatic import Automatic
from ._class_weight import class_weighted
from ._scoring import ObservedScoreMixin
from ._sklearn_compat import StrOptions

__all__ = ["MultiTaskClassifier", "MultiTaskRegressor"]

# Probabilities below have this one's logarithm.
LEAST = 1e-300


class MultiTaskRegressor(ObservedScoreMixin, RegressorMixin, Automatic):
    """Regression that finds out how tasks share, and shares that far.

    The estimator to start with. It fits the structures of this library, from a model
    for each task to boosted trees for all, weighs them by what they say of rows held
    out, and predicts with the mixture. Each task falls back from the mixture to a model
    of its own where that is clearly better.

    Parameters
    ----------
    structures : "auto" or list of str, default="auto"
        What to choose from, all by default:

        - "independent": ridge regression of each task, sharing nothing;
        - "pooled": one ridge regression that ignores the task
          (:class:`~skmtl.baselines.PooledTasks`);
        - "pooled_intercepts": one ridge regression, and an intercept of each task drawn
          from a normal distribution whose variance is learned;
        - "hierarchical": :class:`~skmtl.linear.HierarchicalRegressor`;
        - "shared_center": :class:`~skmtl.linear.SharedCenterRegressor`;
        - "shared_representation":
          :class:`~skmtl.linear.SharedRepresentationRegressor`;
        - "joint_sparse": :class:`~skmtl.linear.JointSparseRegressor`;
        - "forest": :class:`~sklearn.ensemble.ExtraTreesRegressor` for all tasks;
          columns of y share their trees, tasks of rows are known by their mean;
        - "boosting": :class:`~skmtl.boosting.MultiTaskBoostingRegressor`.
    categorical_features : "from_dtype", array-like or None, default="from_dtype"
        Columns whose values are names: names or positions in X (the task column
        included in the count), or a mask over the columns of X. By default those of a
        frame that have a categorical type.
    cv : int, splitter, list of splits or None, default=None
        How to hold out rows. None stands for 5 folds up to 20,000 rows and 3 beyond. An
        integer makes folds within each task by the content of rows; others split the
        rows of X as passed, for example in the order of time.
    task_feature : str, int or None, default=None
        Name or position of the column of X that holds each row's task. None means one
        task, or one for each column of a two-dimensional y, where NaN means "not
        observed".
    unseen_task : {"shared", "error"}, default="shared"
        How to predict a task that fit has not seen: by what the structures share, or
        not at all.
    random_state : int, RandomState or None, default=None
        Passed on to boosting, which uses it for tables of more than 50,000 rows only.
    n_jobs : int or None, default=None
        Threads of boosting; None means as many as OpenMP may use. The model does not
        depend on it.
    verbose : int, default=0
        1 reports structures as they are fitted to the logger named "skmtl".

    Attributes
    ----------
    candidates_ : Candidates
        A table: each structure, its mean squared error on rows held out (in units of
        the variance of each column where y has two dimensions), its weight, and why it
        was given up if it was. ``to_frame()`` makes a DataFrame of it.
    weights_ : dict
        The positive weights of the mixture by structure.
    estimators_ : dict
        The fitted models that predictions need, by structure. They see encoded tables
        of numbers, whose last column is a code of the task.
    gate_ : ndarray of shape (n_tasks,)
        Weight of the mixture in each task; the rest is the task's own model.
    overall_gate_ : float
        The gate of tasks added by ``fit_task``.
    task_loss_ : ndarray of shape (n_tasks,)
        Mean squared error of each task's rows when they were held out.
    task_gain_ : ndarray of shape (n_tasks,)
        Share of that error of the task's own model which sharing saves; negative where
        sharing harms. NaN without the structure "independent".
    outlier_scores_ : ndarray of shape (n_tasks,)
        How badly what all tasks share describes each task, in robust standard
        deviations above the median task: those of boosting unless it was given up, else
        likewise from one linear model for all tasks; NaN without any of these.
    outlier_tasks_ : ndarray
        Tasks whose score is above 2.5, if there are four or more.
    tasks_ : ndarray of shape (n_tasks,)
        Labels of the tasks.
    n_tasks_, n_features_in_ : int
        Numbers of tasks, and of columns of X: the task's counts.
    feature_names_in_ : ndarray of str
        Only where X has column names.

    See Also
    --------
    MultiTaskClassifier : The same for classes.
    skmtl.safety.SafeTasks : One shared model of your choice, weighed in each task.

    Notes
    -----
    Weights of the mixture are not negative and sum to one. They are a mean of two:
    those that minimise the squared error on rows held out (stacking [1]_), averaged
    over all ways to leave two folds out, which count half where rows are many and less
    where they are few; and ``exp(-z ** 2 / 2)``, up to their sum, where ``z`` is by how
    many standard errors a structure loses more than the best. The second are doubled
    for "pooled", "pooled_intercepts" and "hierarchical", for which few rows suffice,
    unless tasks are columns of y. Boosting chooses its rounds by the rows that judge
    it: of ``n`` rows held out, its loss counts ``1 + 20 / n`` times.

    Structures run in the order above, cheap ones first, fold by fold. After each fold
    those are given up that are worse than the best by three standard errors and would
    add nothing to it. Strengths and ranks that a structure chooses by cross-validation
    of its own are chosen on the first fold and kept for the others; models of a
    quarter of the weight or more choose anew on all rows. Boosting holds out rows while
    it is fitted, so that a probe on one fold and a single fit suffice.

    Structures see numbers centred and divided by their standard deviations, means in
    place of missing values with an indicator of these, and an indicator of each
    category; boosting sees the columns as they are. The forest is for small tables: up
    to 100,000 numbers.

    References
    ----------
    .. [1] L. Breiman, "Stacked regressions", Machine Learning 24, 49-64, 1996.

    Examples
    --------
    >>> from skmtl import MultiTaskRegressor
    >>> from skmtl.datasets import make_task_deviations
    >>> tasks = make_task_deviations(
    ...     n_tasks=8, n_samples=40, deviation=0.3, random_state=0
    ... )
    >>> X, y = tasks.data, tasks.target
    >>> model = MultiTaskRegressor(["pooled", "hierarchical"], task_feature="task")
    >>> model = model.fit(X, y)
    >>> model.candidates_.structure[model.candidates_.loss.argmin()]
    np.str_('hierarchical')
    """

    def predict(self, X):
        """Predict targets.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)
            The same columns as at fit.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_tasks)
            One column per task where fit saw tasks as columns of y.
        """
        said = self._answer(X)
        return self._units.centre + self._units.size * said


class MultiTaskClassifier(ObservedScoreMixin, ClassifierMixin, Automatic):
    """Classification that finds out how tasks share, and shares that far.

    The estimator to start with, for two or more classes. It fits the structures of
    this library, from a model for each task to boosted trees for all, weighs their
    probabilities by what they say of rows held out, and predicts with the mixture. Each
    task falls back from the mixture to a model of its own where that is clearly better.

    Parameters
    ----------
    structures : "auto" or list of str, default="auto"
        What to choose from: all by default, or some of "independent", "pooled",
        "pooled_intercepts" (logistic regression of each task, of all rows, and of all
        rows with an indicator of each task), "hierarchical", "shared_center",
        "shared_representation", "joint_sparse", "forest" and "boosting", the
        classifiers of those names.
    class_weight : "balanced", dict or None, default=None
        Weights of classes, by which those of rows are multiplied, for fits and for
        losses of rows held out; "balanced" lets all classes of a task weigh the same in
        it. Not for a two-dimensional y, whose columns share the weights of rows.
    categorical_features : "from_dtype", array-like or None, default="from_dtype"
        Columns whose values are names: names or positions in X (the task column
        included in the count), or a mask over the columns of X. By default those of a
        frame that have a categorical type.
    cv : int, splitter, list of splits or None, default=None
        How to hold out rows. None stands for 5 folds up to 20,000 rows and 3 beyond. An
        integer makes folds within each task and class by the content of rows; others
        split the rows of X as passed, for example in the order of time.
    task_feature : str, int or None, default=None
        Name or position of the column of X that holds each row's task. None means one
        task, or one for each column of a two-dimensional y, where NaN means "not
        observed".
    unseen_task : {"shared", "error"}, default="shared"
        How to predict a task that fit has not seen: by what the structures share, or
        not at all.
    random_state : int, RandomState or None, default=None
        Passed on to boosting, which uses it for tables of more than 50,000 rows only.
    n_jobs : int or None, default=None
        Threads of boosting; None means as many as OpenMP may use. The model does not
        depend on it.
    verbose : int, default=0
        1 reports structures as they are fitted to the logger named "skmtl".

    Attributes
    ----------
    candidates_ : Candidates
        A table: each structure, its mean log loss on rows held out, its weight, and why
        it was given up if it was. ``to_frame()`` makes a DataFrame of it.
    weights_ : dict
        The positive weights of the mixture by structure.
    estimators_ : dict
        The fitted models that predictions need, by structure. They see encoded tables
        of numbers, whose last column is a code of the task.
    gate_ : ndarray of shape (n_tasks,)
        Weight of the mixture in each task; the rest is the task's own model.
    overall_gate_ : float
        The gate of tasks added by ``fit_task``.
    task_loss_ : ndarray of shape (n_tasks,)
        Mean log loss of each task's rows when they were held out.
    task_gain_ : ndarray of shape (n_tasks,)
        Share of that loss of the task's own model which sharing saves; negative where
        sharing harms. NaN without the structure "independent".
    outlier_scores_ : ndarray of shape (n_tasks,)
        How badly what all tasks share describes each task, in robust standard
        deviations above the median task: those of boosting unless it was given up, else
        likewise from one linear model for all tasks; NaN without any of these.
    outlier_tasks_ : ndarray
        Tasks whose score is above 2.5, if there are four or more.
    classes_ : ndarray of shape (n_classes,)
        Classes of all tasks.
    tasks_ : ndarray of shape (n_tasks,)
        Labels of the tasks.
    n_tasks_, n_features_in_ : int
        Numbers of tasks, and of columns of X: the task's counts.
    feature_names_in_ : ndarray of str
        Only where X has column names.

    See Also
    --------
    MultiTaskRegressor : The same for numbers, with notes on how it chooses.
    skmtl.safety.SafeTasks : One shared model of your choice, weighed in each task.

    Examples
    --------
    >>> from skmtl import MultiTaskClassifier
    >>> from skmtl.datasets import load_heart
    >>> X, y = load_heart(return_X_y=True)
    >>> linear = ["independent", "pooled_intercepts", "hierarchical"]
    >>> model = MultiTaskClassifier(linear, task_feature="hospital").fit(X, y)
    >>> bool(model.weights_["hierarchical"] > 0.5)
    True
    """

    _parameter_constraints = {
        **Automatic._parameter_constraints,
        "class_weight": [StrOptions({"balanced"}), dict, None],
    }

    def __init__(
        self,
        structures="auto",
        *,
        class_weight=None,
        categorical_features="from_dtype",
        cv=None,
        task_feature=None,
        unseen_task="shared",
        random_state=None,
        n_jobs=None,
        verbose=0,
    ):
        super().__init__(
            structures,
            categorical_features=categorical_features,
            cv=cv,
            task_feature=task_feature,
            unseen_task=unseen_task,
            random_state=random_state,
            n_jobs=n_jobs,
            verbose=verbose,
        )
        self.class_weight = class_weight

    def _weighted(self, weight, y, task):
        if self.class_weight is None:
            return weight
        if y.ndim == 2:
            raise ValueError(
                "class_weight is for rows that have one target each; give columns of y "
                "rows of their own by skmtl.compose.melt_targets."
            )
        position = y.astype(np.int64)
        return class_weighted(self.class_weight, weight, task, position, self.classes_)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        # Where rows of the same task are few, rows held out may say to ignore tasks,
        # and so a column that holds all there is to know.
        tags.classifier_tags.poor_score = self.task_feature is not None
        return tags

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
        return self._answer(X)

    def decision_function(self, X):
        """Return the scores by which classes are chosen: logarithms of probabilities.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)
            The same columns as at fit.

        Returns
        -------
        scores : ndarray of shape (n_samples,), (n_samples, n_classes or n_tasks)
            Of two classes, and of columns of y, the logarithm of the odds of the
            second; else of the probability of each class.
        """
        probability = self.predict_proba(X)
        scores = np.log(np.maximum(probability, LEAST))
        if self._tasks_are_targets:
            return scores - np.log(np.maximum(1.0 - probability, LEAST))
        return scores[:, 1] - scores[:, 0] if scores.shape[1] == 2 else scores

    def predict(self, X):
        """Predict the likeliest class.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)
            The same columns as at fit.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_tasks)
            One column per task where fit saw tasks as columns of y.
        """
        probability = self.predict_proba(X)
        if self._tasks_are_targets:
            return self.classes_[(probability > 0.5) * (self.classes_.size - 1)]
        return self.classes_[probability.argmax(axis=1)]
