"""What boosting of numbers and of classes has in common."""

from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
from sklearn.base import (
    BaseEstimator,
)
from sklearn.utils.validation import check_is_fitted

from .._new_task import LearnsTasks
from .._sklearn_compat import (
    Interval,
    StrOptions,
    fitting,
    n_threads_of,
)
from .._validation import TaskMixin
from ._bins import encode_rows
from ._open import open_problem, open_task
from ._resume import open_progress


class Scale(NamedTuple):
    """Units of targets: a score of zero stands for ``centre``, one for ``size`` more.

    Attributes
    ----------
    centre, size : float or float64 array of shape (n_tasks,)
        Arrays where targets stand side by side.
    """

    centre: float | np.ndarray = 0.0
    size: float | np.ndarray = 1.0


class Decomposition(NamedTuple):
    """What the parts of a model say of rows; their sum is the raw prediction.

    Attributes
    ----------
    shared : ndarray
        What is the same for all tasks, also for those never seen.
    head : ndarray
        What the task's own intercept and slopes, or gate, change about it.
    task_trees : ndarray
        What the task's own trees add.
    """

    shared: np.ndarray
    head: np.ndarray
    task_trees: np.ndarray


class MultiTaskBoosting(LearnsTasks, TaskMixin, BaseEstimator):
    """What the regressor and the classifier have in common."""

    _parameter_constraints = {
        **TaskMixin._parameter_constraints,
        "structure": [StrOptions({"auto", "blocks"})],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "max_leaf_nodes": [Interval(Integral, 2, 65535, closed="both")],
        "min_samples_leaf": [Interval(Real, 0, None, closed="neither")],
        "l2_regularization": [Interval(Real, 0, None, closed="left")],
        "categorical_features": ["array-like", StrOptions({"from_dtype"}), None],
        "monotonic_cst": ["array-like", dict, None],
        "cv": ["cv_object", None],
        "random_state": ["random_state"],
        "warm_start": ["boolean"],
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
    }

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    @fitting
    def fit(self, X, y, sample_weight=None):
        """Fit the model.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)
            Features, and the column named by ``task_feature`` if there is one. Missing
            values are NaN.
        y : array of shape (n_samples,) or (n_samples, n_tasks)
            Targets; classes, for a classifier. Two dimensions make every column a task
            (of two classes), NaN or None meaning "not observed"; only without
            ``task_feature``.
        sample_weight : array of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        self._learn(X, y, sample_weight)
        return self

    def _learn(self, X, y, sample_weight):
        """Fit the model.

        Returns
        -------
        held_out : callable
            Returns scores of the rows passed, each by what did not learn from it.
        """
        # Growing trees takes long and much memory: by then the features are gone.
        opened = self._open_problem(X, y, *self._open(X, y, sample_weight))
        problem = opened.problem
        self._features, self._bins = opened.features, opened.bins
        self._settings, self._loss, self._n_folds = (
            problem.settings,
            problem.loss,
            problem.n_folds,
        )
        # Where the model keeps each of tasks_: those added later come last in it.
        self._slots = np.arange(self.n_tasks_)
        progress = open_progress(self, problem)
        fitted = _structure(self.structure)(problem, progress)
        self._memory = progress.memory
        self._describe(fitted.model)
        return lambda: self._by_row(fitted.held_out(), opened)

    def _open_problem(self, X, y, rows, loss, scale, n_classes):
        """Return rows whose targets are in the units of scores as a problem."""
        self._scale, n_threads = scale, n_threads_of(self.n_jobs)
        return open_problem(self, rows, X, y, loss, n_classes, n_threads)

    def _by_row(self, score, opened):
        """Return scores of entries as scores of the rows passed, NaN where none is."""
        wide = self._tasks_are_targets
        width = self.n_tasks_ if wide else score.shape[1]
        found = np.full((opened.n_rows_passed, width), np.nan)
        if wide:
            found[opened.passed, opened.problem.task] = score[:, 0]
        else:
            found[opened.passed] = score
        return found

    def _fit_held_out(self, X, y, sample_weight=None):
        """Fit the model, and return what it says of rows that it did not learn from.

        Every row is answered for by boosters, heads and trees of tasks from which its
        split held it out, with their shares in the model; the answers are those of
        ``predict``, in a classifier of ``predict_proba``. They are NaN for rows that no
        split holds out, rows of weight zero, and targets that were not observed.
        """
        held_out = self._learn(X, y, sample_weight)
        return self._answer(self._in_units(held_out()))

    def _describe(self, model):
        """Set what users read of a model."""
        self._model, slots = model, self._slots
        self.task_loss_ = self._loss_unit * model.task_loss[slots]
        self.outlier_scores_ = model.outlier_scores[slots]
        self.outlier_tasks_ = self.tasks_[model.is_outlier[slots]]
        self.task_weights_ = model.task_weights[slots]
        self.task_similarity_ = model.similarity[np.ix_(slots, slots)]
        self.n_rounds_ = {
            name: n[slots] if name.startswith("task_trees") else n
            for name, n in model.n_rounds.items()
        }
        self.n_iter_ = max(1, sum(int(np.max(n)) for n in self.n_rounds_.values()))

    def _learn_task(self, new):
        problem = open_task(
            self._features.read(self, new.X),
            (new.y - self._scale.centre) / self._scale.size,
            new.weight,
            self._bins,
            self._loss,
            self._settings,
            self._n_folds,
            n_threads_of(self.n_jobs),
        )
        model = self._model.with_task(problem)
        self._slots = np.insert(self._slots, new.place, self._slots.size)
        self._describe(model)

    def _codes(self, X):
        """Return codes of rows to predict, and the position of their tasks."""
        table, task = self._open_query(X, numeric=False)
        values = self._features.read(self, table)
        if task is not None:
            task = np.append(self._slots, -1)[task]
        return encode_rows(self._bins, values), task

    def _scores(self, X):
        """Return the scores of rows, (n_rows, n_outputs), or (n_rows, n_tasks)."""
        codes, task = self._codes(X)
        if task is not None:
            return self._model.parts(codes, task).score
        return self._by_column(codes, lambda *query: self._model.parts(*query).score)

    def _by_column(self, codes, ask):
        """Ask for every task of every row."""
        columns = [
            ask(codes, np.full(len(codes), t))[:, 0] for t in range(self.n_tasks_)
        ]
        return np.column_stack(columns)

    def _in_units(self, score):
        """Return scores in the units of the target before any inverse link."""
        score = self._scale.centre + self._scale.size * score
        return score[:, 0] if self._is_flat(score) else score

    def _is_flat(self, score):
        return score.shape[1] == 1 and not self._tasks_are_targets

    def _stages(self, X):
        codes, task = self._codes(X)
        if task is not None:
            yield from self._model.stages(codes, task)
            return
        tasks = [np.full(len(codes), t) for t in range(self.n_tasks_)]
        stages = [self._model.stages(codes, task) for task in tasks]
        for columns in zip(*stages, strict=True):
            yield np.column_stack([column[:, 0] for column in columns])

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
            prediction, which is their sum: the prediction itself of a regressor (its
            logarithm with the Poisson loss), the decision function of a classifier.
        """
        codes, task = self._codes(X)
        size = self._scale.size
        if task is None:
            tasks = range(self.n_tasks_)
            found = [self._model.parts(codes, np.full(len(codes), t)) for t in tasks]
            parts = [np.column_stack([p[k][:, 0] for p in found]) for k in range(3)]
        else:
            parts = list(self._model.parts(codes, task))
            if self._is_flat(parts[0]):
                parts = [part[:, 0] for part in parts]
        shared, head, trees = (size * part for part in parts)
        return Decomposition(self._scale.centre + shared, head, trees)

    @property
    def feature_importances_(self):
        """Share of each feature in what all splits gained; they sum to one."""
        total = sum(
            gains.sum(axis=0) if gains.ndim == 2 else gains
            for gains in self.feature_importances_by_block_.values()
        )
        size = total.sum()
        return total / size if size > 0.0 else total

    @property
    def feature_importances_by_block_(self):
        """Gain of each feature's splits in each block, for trees of tasks by task."""
        check_is_fitted(self)
        return self._model.importances(self._features.n_features)


def _structure(name):
    """Return the function that fits a structure."""
    if name == "blocks":
        from ._blocks import cross_fit_blocks

        return cross_fit_blocks
    from ._shared_scores import fit_shared_scores

    return fit_shared_scores
