"""Boosting of numbers."""

from numbers import Real

import numpy as np
from sklearn.base import RegressorMixin

from .._scoring import ObservedScoreMixin
from .._sklearn_compat import Interval, StrOptions
from .._targets import is_observed
from . import _losses as losses
from ._base import MultiTaskBoosting, Scale

# Where the Huber loss turns linear, in mean absolute deviations from the median.
HUBER_DELTA = 1.5
# Decimals of targets in units of their size.
DIGITS = 9


class MultiTaskBoostingRegressor(ObservedScoreMixin, RegressorMixin, MultiTaskBoosting):
    r"""Regression by boosted trees that tasks share as far as that helps.

    Trees are grown from the rows of all tasks, and every task decides by a head of its
    own how it uses what they say: it may shift, scale or reverse it. Trees of single
    tasks add what no other task can tell. How many trees are grown, and how much is
    shared, is chosen by rows held out.

    Parameters
    ----------
    loss : str, default="squared_error"
        What is minimised: "squared_error", "absolute_error", "huber", "quantile" or
        "poisson". The Huber loss turns linear 1.5 mean absolute deviations
        from the median; with the Poisson loss targets are counts or rates.
    quantile : float, default=0.5
        Which quantile ``loss="quantile"`` predicts.
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
        Mean loss of each task's rows when they are held out: the squared, absolute,
        pinball or Huber loss in units of y, or the negative Poisson log-likelihood but
        for what y alone determines.
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
    n_tasks_, n_features_in_ : int
        Numbers of tasks, and of columns of X: the task's counts.
    feature_names_in_ : ndarray of str
        Only where X has column names.

    See Also
    --------
    MultiTaskBoostingClassifier : The same for classes.
    skmtl.baselines.PooledTasks : One model for all tasks, with the task as a category.
    skmtl.linear.HierarchicalRegressor : Linear models with the same kind of heads.

    Notes
    -----
    With ``structure="auto"`` the score of a row :math:`x` of task :math:`t` is

    .. math:: F_t(x) = a_t + b_t\, S_1(x) + c_t\, S_2(x) + R_t(x).

    The scores :math:`S_1, S_2` are boosted trees that all tasks share; every split of
    ``cv`` has its own, which never see the rows it holds out (beyond 20,000 rows, one
    more that sees all has half a say in predictions). Heads
    :math:`(a_t, b_t, c_t)` have a normal prior whose mean and covariance are estimated
    from all tasks (empirical Bayes), on scores of rows held out: so a task with few
    rows is like the mean, and one with many can scale or reverse what is shared. The
    second score stays if it lowers the loss. :math:`R_t` are small trees of the task's
    own, grown on what is left, with shrinkage and rounds chosen by cross-validation.
    A second model, whose trees may part tasks, is grown on the same splits from the
    tasks' own constants; heads on its scores would tell rows of themselves, so it has
    none. Where a blend with boosting every task by itself loses less on some of the
    rows, that is the third model. They are blended by what they lose on rows held out.

    Columns of a two-dimensional y have units of their own each: every loss but the
    Poisson one is the same whatever these are.

    ``structure="blocks"`` is robust multi-task boosting [1]_, whose mixture
    :math:`(1 - s_t)\, U_0 + s_t\, U_1` parts the tasks into a majority and outliers,
    with gates found by Newton's method.

    References
    ----------
    .. [1] Emami, S., Martínez-Muñoz, G. and Hernández-Lobato, D. (2025). Robust-
       multi-task gradient boosting. Expert Systems with Applications, 130696.

    Examples
    --------
    >>> from skmtl.boosting import MultiTaskBoostingRegressor
    >>> from skmtl.datasets import make_task_functions
    >>> X, y = make_task_functions(n_outlier_tasks=2, return_X_y=True, random_state=0)
    >>> model = MultiTaskBoostingRegressor(task_feature="task").fit(X, y)
    >>> model.outlier_tasks_
    array(['task_08', 'task_09'], dtype=object)
    """

    _parameter_constraints = {
        **MultiTaskBoosting._parameter_constraints,
        "loss": [
            StrOptions(
                {"squared_error", "absolute_error", "huber", "quantile", "poisson"}
            )
        ],
        "quantile": [Interval(Real, 0, 1, closed="neither")],
    }

    def __init__(
        self,
        *,
        loss="squared_error",
        quantile=0.5,
        structure="auto",
        max_iter=1000,
        learning_rate=0.1,
        max_leaf_nodes=15,
        min_samples_leaf=10,
        l2_regularization=1.0,
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
        self.loss = loss
        self.quantile = quantile
        self.structure = structure
        self.max_iter = max_iter
        self.learning_rate = learning_rate
        self.max_leaf_nodes = max_leaf_nodes
        self.min_samples_leaf = min_samples_leaf
        self.l2_regularization = l2_regularization
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
        scale, loss = measure(self.loss, self.quantile, rows)
        # Rounding makes the same numbers of targets in other units, so that these do
        # not decide between splits that are as good.
        rows = rows._replace(y=np.round((rows.y - scale.centre) / scale.size, DIGITS))
        unit = scale.size**2 if self.loss in ("squared_error", "huber") else scale.size
        # Losses of boosting are half the squared and half the absolute error.
        halved = self.loss in ("squared_error", "absolute_error")
        self._loss_unit = 2.0 * unit if halved else unit
        return rows, loss, scale, 0

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
        return self._answer(self._in_units(self._scores(X)))

    def staged_predict(self, X):
        """Predict targets after each round of boosting.

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
            yield self._answer(self._in_units(score))

    def _answer(self, score):
        return np.exp(score) if self.loss == "poisson" else score


def measure(name, level, rows):
    """Return the units of targets and the loss, in these units.

    Targets side by side have units of their own each, so that none speaks louder for
    being in grams; but counts are compared as they are.
    """
    if name == "poisson":
        y = rows.y[is_observed(rows.y)]
        if y.min() < 0.0 or not y.any():
            raise ValueError(
                "loss='poisson' needs targets that are not negative and not all zero; "
                f"the smallest is {y.min()}, the largest {y.max()}."
            )
        return Scale(), losses.poisson()
    if rows.y.ndim == 2:
        units = [_units(name, column, rows.weight) for column in rows.y.T]
        scale = Scale(*np.transpose(units))
    else:
        scale = Scale(*_units(name, rows.y, rows.weight))
    if name == "squared_error":
        return scale, losses.squared()
    if name == "huber":
        return scale, losses.huber(HUBER_DELTA)
    level = 0.5 if name == "absolute_error" else level
    return scale, losses.quantile(level)


def _units(name, y, weight):
    """Return the centre and the size of observed targets."""
    observed = is_observed(y)
    y, weight = y[observed], weight[observed]
    if name == "squared_error":
        centre = np.average(y, weights=weight)
        return centre, np.sqrt(np.average((y - centre) ** 2, weights=weight)) or 1.0
    centre = losses.absolute().start(y, weight)[0]
    return centre, np.average(np.abs(y - centre), weights=weight) or 1.0
