"""Boosting of classes."""

import numpy as np
from scipy.special import expit, softmax
from sklearn.base import ClassifierMixin

from .._scoring import ObservedScoreMixin
from .._sklearn_compat import StrOptions
from . import _losses as losses
from ._base import MultiTaskBoosting, Scale


class MultiTaskBoostingClassifier(
    ObservedScoreMixin, ClassifierMixin, MultiTaskBoosting
):
    r"""Classification by boosted trees that tasks share as far as that helps.

    Trees are grown from the rows of all tasks, and every task decides by a head of its
    own how it uses what they say: it may shift, scale or reverse it. Trees of single
    tasks add what no other task can tell. How many trees are grown, and how much is
    shared, is chosen by rows held out.

    Parameters
    ----------
    structure : {"auto", "blocks"}, default="auto"
        How tasks share trees; see Notes.
    max_iter : int, default=1000
        Most rounds of a score or block. How many are grown is chosen by the loss of
        rows held out.
    learning_rate : float, default=0.1
        Multiplies the values of leaves. After 100 rounds of a shared score it grows in
        proportion to them, up to 0.5: what is left to learn then asks for long steps.
    max_leaf_nodes : int, default=15
        Most leaves of a shared tree. Trees of single tasks have four.
    min_samples_leaf : float, default=10
        Smallest weight of a leaf: its number of rows where all weigh one. Trees of
        single tasks make do with five.
    l2_regularization : float, default=1.0
        Rows' worth of zeros in every leaf of a shared tree. For trees of single tasks
        this is chosen by cross-validation.
    class_weight : "balanced", dict or None, default=None
        Weights of classes; "balanced" lets all classes of a task weigh the same in it.
    categorical_features : "from_dtype", array-like or None, default="from_dtype"
        Columns whose values are names: names or positions in X (the task column
        included in the count), or a mask over the columns of X. By default those of a
        frame that have a categorical type. The 255 heaviest categories are told apart.
    monotonic_cst : array-like, dict or None, default=None
        1 where predictions must not fall with a feature, -1 where they must not rise,
        0 elsewhere: one value for each column of X (that of the task is ignored), or a
        mapping from names or positions.
    cv : int, splitter, list of splits or None, default=None
        Splits of the training rows; each has boosters of its own, and the mean of the
        boosters predicts. None stands for 5 folds up to 20,000 rows and 3 beyond. An
        integer assigns rows to folds by their content, within
        tasks. A list with a single split is a training and a validation set.
    task_feature : str, int or None, default=None
        Column of X that holds each row's task. Without one, rows belong to a single
        task, or y has one column per task.
    unseen_task : {"shared", "error"}, default="shared"
        What to do with rows of tasks that fit did not see: predict what is shared, with
        the mean head, or raise an error.
    random_state : int, RandomState or None, default=None
        Fitting is deterministic; this only changes which rows edges of bins are taken
        from where there are more than 50,000.
    warm_start : bool, default=False
        Whether ``fit`` goes on where the last fit stopped, if this also had
        ``warm_start=True``, a ``max_iter`` no larger, and the same data, splits and
        other parameters. The model is that of a new fit, which takes place in all
        other cases; what is kept for it makes the estimator larger.
    n_jobs : int or None, default=None
        Threads; None means as many as OpenMP may use. The model does not depend on it.
    verbose : int, default=0
        1 reports scores as they are fitted to the logger named "skmtl".

    Attributes
    ----------
    tasks_ : ndarray of shape (n_tasks,)
        Labels of the tasks.
    outlier_scores_ : ndarray of shape (n_tasks,)
        How badly what is shared describes each task: the loss it leaves of rows held
        out, as a logarithm of its share of what a constant leaves, in robust standard
        deviations above the median task. Units of y do not matter.
    outlier_tasks_ : ndarray
        Tasks whose score is above 2.5, if there are four or more.
    task_weights_ : ndarray of shape (n_tasks, n_components)
        Slopes of each task on the shared scores, or its shares of the components of
        the mixture with ``structure="blocks"``: zeros where it stands alone.
    task_similarity_ : ndarray of shape (n_tasks, n_tasks)
        How alike what tasks make of the shared scores is; one where it is the same.
    task_loss_ : ndarray of shape (n_tasks,)
        Mean loss of each task's rows when they are held out: the log loss.
    n_rounds_ : dict
        Rounds of each block: of every shared score, and of the tasks' own trees for
        each task. Names that end in "_by_task" belong to the model whose shared trees
        may part tasks, those that end in "_alone" to trees of tasks that share nothing.
    n_iter_ : int
        Rounds of all blocks together.
    feature_importances_ : ndarray of shape (n_features,)
        Share of each feature in what splits gained.
    feature_importances_by_block_ : dict
        Gains of the splits at each feature in each block, of trees of tasks by task.
    classes_ : ndarray of shape (n_classes,)
        Classes of all tasks together, sorted.
    n_tasks_, n_features_in_ : int
        Numbers of tasks, and of columns of X: the task's counts.
    feature_names_in_ : ndarray of str
        Only where X has column names.

    See Also
    --------
    MultiTaskBoostingRegressor : The same for numbers.
    skmtl.baselines.PooledTasks : One model for all tasks, with the task as a category.
    skmtl.linear.HierarchicalClassifier : Linear models with the same kind of heads.

    Notes
    -----
    The model is that of :class:`MultiTaskBoostingRegressor`, whose notes say how tasks
    share trees with either structure. Its scores are log-odds here: one for two
    classes, else one for each class.

    Examples
    --------
    >>> from skmtl.boosting import MultiTaskBoostingClassifier
    >>> from skmtl.datasets import make_task_functions
    >>> X, y = make_task_functions(
    ...     problem="classification", return_X_y=True, random_state=0
    ... )
    >>> model = MultiTaskBoostingClassifier(task_feature="task").fit(X, y)
    >>> model.score(X, y) > 0.9
    True
    """

    _parameter_constraints = {
        **MultiTaskBoosting._parameter_constraints,
        "class_weight": [StrOptions({"balanced"}), dict, None],
    }

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        # Where nearly every row is a task of its own, heads are those of all.
        tags.classifier_tags.poor_score = self.task_feature is not None
        return tags

    def __init__(
        self,
        *,
        structure="auto",
        max_iter=1000,
        learning_rate=0.1,
        max_leaf_nodes=15,
        min_samples_leaf=10,
        l2_regularization=1.0,
        class_weight=None,
        categorical_features="from_dtype",
        monotonic_cst=None,
        cv=None,
        task_feature=None,
        unseen_task="shared",
        random_state=None,
        warm_start=False,
        n_jobs=None,
        verbose=0,
    ):
        self.structure = structure
        self.max_iter = max_iter
        self.learning_rate = learning_rate
        self.max_leaf_nodes = max_leaf_nodes
        self.min_samples_leaf = min_samples_leaf
        self.l2_regularization = l2_regularization
        self.class_weight = class_weight
        self.categorical_features = categorical_features
        self.monotonic_cst = monotonic_cst
        self.cv = cv
        self.task_feature = task_feature
        self.unseen_task = unseen_task
        self.random_state = random_state
        self.warm_start = warm_start
        self.n_jobs = n_jobs
        self.verbose = verbose

    def _open(self, X, y, sample_weight):
        rows = self._open_rows(X, y, sample_weight, numeric=False)
        n_classes = max(self.classes_.size, 2)
        self._loss_unit = 1.0
        loss = losses.logistic() if n_classes == 2 else losses.softmax(n_classes)
        return rows, loss, Scale(), n_classes

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
        return self._in_units(self._scores(X))

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
        return self._answer(self.decision_function(X))

    def predict(self, X):
        """Return the most likely class of each row.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)
            The same columns as at fit.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_tasks)
            Members of ``classes_``.
        """
        return self._decide(self.decision_function(X))

    def staged_predict(self, X):
        """Predict classes after each round of boosting.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)
            The same columns as at fit.

        Yields
        ------
        y : ndarray of shape (n_samples,) or (n_samples, n_tasks)
            The last is what ``predict`` returns.
        """
        for score in self._stages(X):
            yield self._decide(self._in_units(score))

    def staged_predict_proba(self, X):
        """Return probabilities after each round of boosting.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)
            The same columns as at fit.

        Yields
        ------
        probability : ndarray of shape (n_samples, n_classes) or (n_samples, n_tasks)
            The last is what ``predict_proba`` returns.
        """
        for score in self._stages(X):
            yield self._answer(self._in_units(score))

    def _answer(self, scores):
        if self._tasks_are_targets:
            return expit(scores)
        if scores.ndim == 2:
            return softmax(scores, axis=1)
        return np.column_stack([expit(-scores), expit(scores)])

    def _decide(self, scores):
        if scores.ndim == 2 and not self._tasks_are_targets:
            return self.classes_[scores.argmax(axis=1)]
        return self.classes_[(scores > 0).astype(np.intp)]
