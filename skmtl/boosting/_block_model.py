"""What boosting in blocks found, and what it says of rows."""

from typing import NamedTuple

import numpy as np

from .._folds import balanced_folds
from .._kernels.boosting_records import TaskSettings, TreeSettings
from ._bins import Table
from ._intercepts import intercepts
from ._losses import Loss
from ._mixture import find_gates
from ._outliers import Scale, flag
from ._problem import Parts
from ._task_trees import (
    TaskTrees,
    add_task_trees,
    grow_task_trees,
    task_entries,
)
from ._trees import Trees, add_trees, importances, join, predict

# Parts of the rows of a new task that are held out in turn.
N_FOLDS = 5
# Rows of all tasks that count besides its own where its rounds are chosen.
PRIOR_ROUNDS = 100.0


class Recipe(NamedTuple):
    """What fitting chose, by which a new task is fitted to the blocks.

    Attributes
    ----------
    loss : Loss
    layout : int64 array of shape (n_features + 1, 6)
    settings : TreeSettings
        Of task trees.
    prior_rows : float
        Rows at the common level in every intercept.
    ridge : float
        By which gates are drawn to their mean.
    curve : float64 array of shape (n_rounds + 1,)
        Mean loss of rows held out, before and after each round of task trees.
    scale : Scale
    """

    loss: Loss
    layout: np.ndarray
    settings: TreeSettings
    prior_rows: float
    ridge: float
    curve: np.ndarray
    scale: Scale


class Blocks(NamedTuple):
    """A model in blocks.

    Attributes
    ----------
    start : float64 array of shape (n_outputs,)
    intercept : float64 array of shape (n_tasks, n_outputs)
        What each task adds to the start.
    gate : float64 array of shape (n_tasks,)
        Share of the second component in the mixture; less than one half on average.
    shares : bool array of shape (n_tasks,)
        Tasks that have the mixture and the shared trees at all.
    first, second : Trees
        The components.
    shared : Trees
    task_trees : TaskTrees
    task_weight : float64 array of shape (n_tasks,)
        Weight of the rows that each task was fitted to.
    outlier_scores, task_loss : float64 arrays of shape (n_tasks,)
        From rows held out; NaN where there were none.
    recipe : Recipe
    """

    start: np.ndarray
    intercept: np.ndarray
    gate: np.ndarray
    shares: np.ndarray
    first: Trees
    second: Trees
    shared: Trees
    task_trees: TaskTrees
    task_weight: np.ndarray
    outlier_scores: np.ndarray
    task_loss: np.ndarray
    recipe: Recipe

    @property
    def n_outputs(self):
        """Number of scores of a row."""
        return self.start.size

    @property
    def n_tasks(self):
        """Number of tasks."""
        return self.gate.size

    @property
    def n_rounds(self):
        """Number of rounds of each block that has rounds."""
        return {
            "mixture": self.first.n_trees // self.n_outputs,
            "shared": self.shared.n_trees // self.n_outputs,
            "task_trees": self.task_trees.n_rounds,
        }

    @property
    def task_weights(self):
        """Shares of each task in the two components: none of either in no mixture."""
        return self.shares[:, None] * np.column_stack([1.0 - self.gate, self.gate])

    @property
    def is_outlier(self):
        """Which tasks what is shared does not describe."""
        return flag(self.outlier_scores)

    @property
    def mean_gate(self):
        """The gate of a task of which nothing is known."""
        weight = self.task_weight * self.shares
        return float(self.gate @ weight / max(weight.sum(), 1e-300))

    @property
    def similarity(self):
        """How alike tasks are: one less the distance of their gates.

        Tasks that share nothing are like none.
        """
        alike = 1.0 - np.abs(self.gate[:, None] - self.gate)
        alike *= self.shares[:, None] & self.shares
        np.fill_diagonal(alike, 1.0)
        return alike

    def importances(self, n_features):
        """Return the gain of each feature in the splits of each block."""
        mixture = importances(join([self.first, self.second]), n_features)
        return {
            "mixture": mixture,
            "shared": importances(self.shared, n_features),
            "task_trees": self.task_trees.importances(n_features),
        }

    def gates(self, task):
        """Return the gates of rows as a column; that of unknown tasks is the mean."""
        return np.append(self.gate, self.mean_gate)[task][:, None]

    def have_shared(self, task):
        """Return whether rows have what is shared, as a column; unknown tasks do."""
        return np.append(self.shares, True)[task][:, None]

    def intercepts(self, task):
        """Return the intercepts of rows; those of unknown tasks are zero."""
        return np.vstack([self.intercept, np.zeros(self.n_outputs)])[task]

    def parts(self, codes, task, n_threads=1):
        """Return what is shared, what tasks change about it, and what own trees add.

        Shared are the start, the mixture with the mean gate, and the shared trees.

        Parameters
        ----------
        codes : uint8 array of shape (n_rows, n_features)
        task : int array of shape (n_rows,)
            Position of each row's task, -1 if it is unknown.
        n_threads : int, default=1

        Returns
        -------
        parts : Parts
        """
        first = predict(self.first, codes, self.n_outputs, n_threads)
        difference = predict(self.second, codes, self.n_outputs, n_threads) - first
        shared = self.start + first + self.mean_gate * difference
        add_trees(self.shared, codes, shared, n_threads=n_threads)
        head = (self.gates(task) - self.mean_gate) * difference
        head = np.where(self.have_shared(task), head, self.start - shared)
        head += self.intercepts(task)
        own = np.zeros_like(shared)
        add_task_trees(self.task_trees, codes, task, own, n_threads)
        return Parts(shared, head, own)

    def stages(self, codes, task, n_threads=1):
        """Yield the scores after each round: of the mixture, shared trees, task trees.

        Intercepts and gates are those of the whole model from the beginning.
        """
        gate, share = self.gates(task), self.have_shared(task)
        n_outputs = self.n_outputs
        score = self.start + self.intercepts(task)
        for m in range(self.n_rounds["mixture"]):
            chosen = slice(m * n_outputs, (m + 1) * n_outputs)
            first, second = (
                predict(trees.take(chosen), codes, n_outputs, n_threads)
                for trees in (self.first, self.second)
            )
            score = score + share * (first + gate * (second - first))
            yield score
        for m in range(self.n_rounds["shared"]):
            chosen = slice(m * n_outputs, (m + 1) * n_outputs)
            trees = self.shared.take(chosen)
            score = score + share * predict(trees, codes, n_outputs, n_threads)
            yield score
        for m in range(1, 1 + self.n_rounds["task_trees"].max(initial=0)):
            stage = score.copy()
            trees = self.task_trees.truncate(m)
            add_task_trees(trees, codes, task, stage, n_threads)
            yield stage

    def with_task(self, problem):
        """Return these blocks and one more task, fitted to its rows alone.

        Parameters
        ----------
        problem : Problem
            The rows of the task.
        """
        codes, y, weight = problem.table.codes, problem.y, problem.weight
        loss, recipe = self.recipe.loss, self.recipe
        row_weight = weight if weight.size else np.ones(y.size)
        offsets = np.array([0, y.size])
        known = (loss, y, row_weight, offsets, self.start, recipe.prior_rows)
        intercept = intercepts(*known)
        base = np.tile(self.start + intercept[0], (y.size, 1))
        first = predict(self.first, codes, self.n_outputs)
        second = predict(self.second, codes, self.n_outputs)
        components = (base, first, second, offsets)
        gate = find_gates(
            loss, y, row_weight, *components, recipe.ridge, self.mean_gate
        )
        shared = predict(self.shared, codes, self.n_outputs)
        score = base + first + gate[0] * (second - first) + shared
        task_trees, task_loss = _own_trees(recipe, codes, y, weight, score)
        majority = loss.value(y, base + first + shared, row_weight)
        null = loss.value(y, base, row_weight)
        outlier_score = recipe.scale.scores(np.array([majority]), np.array([null]))
        return self._replace(
            intercept=np.vstack([self.intercept, intercept]),
            gate=np.append(self.gate, gate),
            shares=np.append(self.shares, True),
            task_trees=_append(self.task_trees, task_trees),
            task_weight=np.append(self.task_weight, row_weight.sum()),
            outlier_scores=np.append(self.outlier_scores, outlier_score),
            task_loss=np.append(self.task_loss, task_loss),
        )


def _own_trees(recipe, codes, y, weight, score):
    """Return the trees of a single task, and its mean loss on rows held out."""
    columns = np.ascontiguousarray(codes.T)
    table = Table(np.ascontiguousarray(codes), columns, recipe.layout)
    loss, n_rounds = recipe.loss, recipe.curve.size - 1
    plan = TaskSettings(loss.code, loss.parameter, n_rounds)
    offsets = np.array([0, y.size])
    known = (np.arange(y.size), offsets, y, weight)
    fold = balanced_folds(codes.astype(float), y, np.zeros(y.size, np.int64), N_FOLDS)
    curve = np.zeros((1, n_rounds + 1))
    for f in np.unique(fold):
        entries = task_entries(*known, fold == f, recipe.settings.shrinkage)
        boosted = grow_task_trees(table, entries, score, plan, recipe.settings)
        curve += boosted.curve
    size = weight.sum() if weight.size else y.size
    chosen = [np.argmin(curve[0] + PRIOR_ROUNDS * recipe.curve)]
    entries = task_entries(*known, None, recipe.settings.shrinkage)
    plan = plan._replace(n_rounds=int(chosen[0]))
    boosted = grow_task_trees(table, entries, score, plan, recipe.settings)
    return boosted.task_trees, curve[0, chosen[0]] / size


def _append(task_trees, others):
    """Return the trees of all tasks of both records."""
    first = np.r_[task_trees.first, task_trees.first[-1] + others.first[1:]]
    return task_trees._replace(
        trees=join([task_trees.trees, others.trees]), first=first
    )
