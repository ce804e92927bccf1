"""A fitted model of shared scores from any estimator, heads of tasks, and own trees."""

from typing import NamedTuple

import numpy as np

from .._sklearn_compat import num_samples
from ._heads import Heads, posterior
from ._outliers import Scale, flag, outlier_scale
from ._problem import Parts
from ._shared_scores import _common_losses as common_losses
from ._shared_scores import blend, task_losses
from ._task_block import TaskBlock, grow_task_block
from ._task_heads_cross_fit import cross_fit, teach_all
from ._task_heads_sources import Source

# Share of the clone that learned from all rows in a score; the others are as many
# clones that each left out some rows.
SHARE_OF_ALL = 0.5


class Query(NamedTuple):
    """Rows to predict.

    Attributes
    ----------
    X : table
        Without the task.
    codes : uint8 array of shape (n_rows, n_features), or None
        What trees of tasks read.
    task : int64 array of shape (n_rows,)
        -1 for a task that was never seen.
    """

    X: object
    codes: np.ndarray | None
    task: np.ndarray


class Variant(NamedTuple):
    """Scores of one source and heads on them, and their share in a blend of several.

    Attributes
    ----------
    source : Source
        Of which nothing is fitted.
    clones : list of lists
        For each score the clones of all splits, and last that of all rows.
    heads : Heads
    share : float
    moments : float64 array of shape (n_scores, n_scores)
        Mean products of the scores of all rows, out of fold.
    """

    source: Source
    clones: list
    heads: Heads
    share: float
    moments: np.ndarray

    @property
    def is_told(self):
        """Whether clones see which task a row has."""
        return self.source.view.is_told

    def scores(self, query):
        """Return the scores of rows, each the mean of what its clones say."""
        table = self.source.view.table(query.X, query.task)
        shape = (len(self.clones), num_samples(table), self.heads.n_outputs)
        scores = np.zeros(shape)
        for s, (*parts, whole) in enumerate(self.clones):
            own = [self.source.score(clone, table) for clone in parts]
            scores[s] = np.mean(own, axis=0)
            all_rows = self.source.score(whole, table)
            scores[s] += SHARE_OF_ALL * (all_rows - scores[s])
        return scores

    def add_task(self, theta):
        """Return the variant with the head of one more task."""
        heads = self.heads._replace(theta=np.vstack([self.heads.theta, theta]))
        return self._replace(heads=heads)


class Model(NamedTuple):
    """A fitted model.

    Attributes
    ----------
    variants : list of Variant
        First that which does not see tasks: it tells what these have in common.
    block : TaskBlock or None
    task_loss : float64 array of shape (n_tasks,)
        Mean loss of each task out of fold.
    usual : Scale
        What is usual among tasks, from which outliers are told.
    outlier_scores : float64 array of shape (n_tasks,)
    """

    variants: list
    block: TaskBlock | None
    task_loss: np.ndarray
    usual: Scale
    outlier_scores: np.ndarray

    @property
    def is_outlier(self):
        """Which tasks the shared scores do not describe."""
        return flag(self.outlier_scores)

    @property
    def similarity(self):
        """Correlation of what tasks make of the scores, over the rows of all tasks."""
        slopes, moments = self.variants[0].heads.slopes, self.variants[0].moments
        product = slopes @ moments @ slopes.T
        size = np.sqrt(np.diag(product))
        size[size == 0.0] = 1.0
        similarity = np.clip(product / np.outer(size, size), -1.0, 1.0)
        np.fill_diagonal(similarity, 1.0)
        return similarity

    def parts(self, query):
        """Return what the parts of the model say of rows."""
        return self._parts(query, [v.scores(query) for v in self.variants if v.share])

    def parts_by_task(self, query, n_tasks):
        """Return what the parts say of each row, asked for every task in turn."""
        used = [variant for variant in self.variants if variant.share]
        known = [None if v.is_told else v.scores(query) for v in used]
        found = []
        for t in range(n_tasks):
            own = query._replace(task=np.full_like(query.task, t))
            scores = [
                variant.scores(own) if score is None else score
                for variant, score in zip(used, known, strict=True)
            ]
            found.append(self._parts(own, scores))
        columns = zip(*found, strict=True)
        return Parts(*(np.column_stack([part[:, 0] for part in c]) for c in columns))

    def _parts(self, query, scores):
        everyone = np.full_like(query.task, -1)
        used = [variant for variant in self.variants if variant.share]
        shared = head = 0.0
        for variant, own in zip(used, scores, strict=True):
            common = variant.heads.apply(own, everyone)
            shared = shared + variant.share * common
            by_task = variant.heads.apply(own, query.task)
            head = head + variant.share * (by_task - common)
        trees = np.zeros_like(shared)
        if self.block is not None:
            self.block.add(query.codes, query.task, trees)
        return Parts(shared, head, trees)

    def with_task(self, problem, query):
        """Return the model with one more task, which nothing else depends on.

        Parameters
        ----------
        problem : Problem
            The rows of the task.
        query : Query
            The same rows, of a task that was never seen.
        """
        variants, total, own = [], 0.0, np.zeros(problem.n_rows, np.int64)
        for variant in self.variants:
            scores = variant.scores(query)
            heads = posterior(problem, variant.heads, scores)
            total = total + variant.share * heads.apply(scores, own)
            variants.append(variant.add_task(heads.theta))
        loss = task_losses(problem, total)
        block = self.block and self.block.with_task(problem, total)
        loss = loss if block is None else block.loss[-1:]
        first = self.variants[0]
        judged = common_losses(problem, first.heads, first.scores(query))
        return Model(
            variants,
            block,
            np.append(self.task_loss, loss / problem.task_weight),
            self.usual,
            np.append(self.outlier_scores, self.usual.scores(*judged)),
        )


def fit_model(lesson, sources, scores):
    """Return the model of some sources.

    Parameters
    ----------
    lesson : Lesson
    sources : list of Source
        First that which does not see tasks.
    scores : tuple of int
        Fewest and most scores.
    """
    problem = lesson.problem
    learned = [cross_fit(lesson, source, *scores) for source in sources]
    shares, total = blend(problem, [found.total(problem) for found in learned])
    variants = []
    for source, found, share in zip(sources, learned, shares, strict=True):
        whole = teach_all(lesson, source, found)
        clones = [[*own, last] for own, last in zip(found.clones, whole, strict=True)]
        moments = _moments(found.out_of_fold)
        variants.append(Variant(source, clones, found.heads[-1], share, moments))
    loss, block = task_losses(problem, total), None
    if problem.table is not None:
        block, _ = grow_task_block(problem, total)
        loss = block.loss
    first, weight = learned[0], problem.scored_weight
    judged = common_losses(problem, first.heads[-1], first.out_of_fold)
    usual = outlier_scale(*judged, weight)
    loss = loss / np.maximum(weight, 1e-300)
    return Model(variants, block, loss, usual, usual.scores(*judged))


def _moments(scores):
    """Return mean products of scores."""
    scores = scores.reshape(len(scores), -1)
    return scores @ scores.T / scores.shape[1]
