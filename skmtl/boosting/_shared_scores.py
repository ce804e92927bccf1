"""The default structure: shared scores, heads of tasks on them, trees of tasks."""

from typing import NamedTuple

import numpy as np

from .._kernels.heads import LEARNED, UNUSED
from ._blend import blend, task_losses
from ._cross_fit import cross_fit
from ._growth import Workers, gather
from ._heads import LONGEST_STEP, Heads, first_heads, posterior
from ._losses import Loss
from ._open import with_tasks
from ._outliers import Scale, flag, outlier_scale
from ._problem import Fitted, Parts
from ._task_block import TaskBlock, alone, grow_task_block, promises
from ._trees import add_trees, importances

# Newton steps that find the best constant of each task.
INTERCEPT_STEPS = 10


class Variant(NamedTuple):
    """Scores and heads, and the share of their model in a blend of several.

    Attributes
    ----------
    ending : str
        Ends the names of its blocks.
    scores : list of Score
        Empty where tasks share nothing.
    heads : Heads
    share, common_share : float
        The latter in what tasks have in common, and so in predictions for tasks that
        were never seen.
    task_codes : uint8 array of shape (n_tasks + 1,), or None
        Codes of tasks, that of an unseen one last, where trees can part tasks.
    moments : float64 array of shape (n_scores, n_scores)
        Mean products of the scores of all rows, out of fold.
    block : TaskBlock or None
        Trees of tasks.
    """

    ending: str
    scores: list
    heads: Heads
    share: float
    common_share: float
    task_codes: np.ndarray | None
    moments: np.ndarray
    block: TaskBlock | None

    def shares(self, task):
        """Return its share in the prediction of each row, as a column."""
        return np.where(task < 0, self.common_share, self.share)[:, None]

    def add_task(self, theta, block):
        """Return the variant with the head of one more task."""
        heads = self.heads._replace(theta=np.vstack([self.heads.theta, theta]))
        task_codes = self.task_codes
        if task_codes is not None:
            task_codes = np.insert(task_codes, -1, 0)
        return self._replace(heads=heads, task_codes=task_codes, block=block)


class SharedScores(NamedTuple):
    """A fitted model.

    Attributes
    ----------
    variants : list of Variant
        First that whose trees do not see tasks: it tells what these have in common.
    task_loss : float64 array of shape (n_tasks,)
        Mean loss of each task out of fold.
    usual : Scale
        What is usual among tasks, from which outliers are told.
    outlier_scores : float64 array of shape (n_tasks,)
    loss : Loss
    """

    variants: list
    task_loss: np.ndarray
    usual: Scale
    outlier_scores: np.ndarray
    loss: Loss

    @property
    def used(self):
        """The variants that have a share in predictions."""
        return [v for v in self.variants if v.share > 0.0 or v.common_share > 0.0]

    @property
    def is_outlier(self):
        """Which tasks the shared scores do not describe."""
        return flag(self.outlier_scores)

    @property
    def task_weights(self):
        """Slopes of each task on the scores that do not see tasks."""
        return self.variants[0].heads.slopes

    @property
    def similarity(self):
        """Correlation of what tasks make of the scores, over the rows of all tasks."""
        slopes, moments = self.task_weights, self.variants[0].moments
        product = slopes @ moments @ slopes.T
        size = np.sqrt(np.diag(product))
        size[size == 0.0] = 1.0
        similarity = np.clip(product / np.outer(size, size), -1.0, 1.0)
        np.fill_diagonal(similarity, 1.0)
        return similarity

    @property
    def n_rounds(self):
        """Number of rounds of each block; of the shared ones for each score."""
        rounds = {}
        for variant in self.used:
            if variant.scores:
                shared = np.array([score.n_rounds for score in variant.scores])
                rounds["shared" + variant.ending] = shared
            if variant.block is not None:
                rounds["task_trees" + variant.ending] = variant.block.n_rounds
        return rounds

    def importances(self, n_features):
        """Return gains of the splits at each feature in each block.

        Splits between tasks are not among them.
        """
        blocks = {}
        for variant in self.used:
            share, ending = variant.share, variant.ending
            for score in variant.scores:
                gains = sum(importances(t, n_features + 1) for t in score.boosters)
                gains = share * gains[:n_features]
                blocks["shared" + ending] = blocks.get("shared" + ending, 0.0) + gains
            if variant.block is not None:
                gains = share * variant.block.importances(n_features)
                blocks["task_trees" + ending] = gains
        return blocks

    def parts(self, codes, task, n_threads=1):
        """Return what the parts of the model say of rows.

        Parameters
        ----------
        codes : uint8 array of shape (n_rows, n_features)
        task : int array of shape (n_rows,)
            -1 for a task that was never seen.
        """
        everyone = np.full(len(task), -1)
        shared = own = 0.0
        trees = np.zeros((len(task), self.loss.n_outputs))
        for variant in self.used:
            scores = _scores(variant, codes, task, n_threads)
            common = variant.heads.apply(scores, everyone)
            shared = shared + variant.common_share * common
            own = own + variant.shares(task) * variant.heads.apply(scores, task)
            if variant.block is not None:
                share = variant.share
                variant.block.add(codes, task, trees, n_threads, share=share)
        return Parts(shared, own - shared, trees)

    def with_task(self, problem):
        """Return the model with one more task, which nothing else depends on.

        Parameters
        ----------
        problem : Problem
            The rows of the task.
        """
        codes, task = problem.table.codes, np.full(problem.n_rows, -1)
        own = np.zeros(problem.n_rows, np.int64)
        variants, total = [], 0.0
        for variant in self.variants:
            scores = _scores(variant, codes, task, problem.n_threads)
            heads = posterior(problem, variant.heads, scores)
            score, block = heads.apply(scores, own), variant.block
            if block is not None:
                block = block.with_task(problem, score)
                if variant.share > 0.0:
                    total = total + variant.share * block.loss[-1]
            variants.append(variant.add_task(heads.theta, block))
        first = self.variants[0]
        scores = _scores(first, codes, task, problem.n_threads)
        score = self.usual.scores(*_common_losses(problem, first.heads, scores))
        loss = total / max(problem.task_weight[0], 1e-300)
        return self._replace(
            variants=variants,
            task_loss=np.append(self.task_loss, loss),
            outlier_scores=np.append(self.outlier_scores, score),
        )

    def stages(self, codes, task, n_threads=1):
        """Yield the scores of rows after each round.

        First the rounds of the first score of all variants side by side, then those of
        the second, and at last those of the tasks' own trees.
        """
        known, parts = [], []
        for variant in self.used:
            shape = (len(variant.scores), len(codes), variant.heads.n_outputs)
            parts.append(np.zeros(shape))
            known.append(_with_task(variant, codes, task))

        def score():
            return sum(
                variant.shares(task) * variant.heads.apply(scores, task)
                for variant, scores in zip(self.used, parts, strict=True)
            )

        for s in range(max(len(variant.scores) for variant in self.used)):
            for m in range(max(_rounds(variant, s) for variant in self.used)):
                for variant, scores, own in zip(self.used, parts, known, strict=True):
                    if m < _rounds(variant, s):
                        _add_round(variant, s, m, own, scores[s], n_threads)
                yield score()
        total = score()
        blocks = [(v.share, v.block) for v in self.used if v.block is not None]
        most = max((int(block.n_rounds.max()) for _, block in blocks), default=0)
        for m in range(1, most + 1):
            with_trees = total.copy()
            for share, block in blocks:
                block.add(codes, task, with_trees, n_threads, share=share, n_rounds=m)
            yield with_trees


def _rounds(variant, s):
    """Return the number of rounds of a score of a variant, zero if there is none."""
    return variant.scores[s].n_rounds if s < len(variant.scores) else 0


def _add_round(variant, s, m, codes, score, n_threads):
    """Add what the boosters of a score learned in one round."""
    k, boosters = variant.heads.n_outputs, variant.scores[s].boosters
    for trees in boosters:
        own = trees.take(slice(m * k, (m + 1) * k))
        add_trees(own, codes, score, n_threads=n_threads)


def _with_task(variant, codes, task):
    """Return the codes that the trees of a variant read."""
    if variant.task_codes is None:
        return codes
    return np.column_stack([codes, variant.task_codes[task]])


def _scores(variant, codes, task, n_threads):
    """Return the sum of the boosters of every score."""
    codes = _with_task(variant, codes, task)
    shape = (len(variant.scores), len(codes), variant.heads.n_outputs)
    scores = np.zeros(shape)
    for score, own in zip(variant.scores, scores, strict=True):
        for trees in score.boosters:
            add_trees(trees, codes, own, n_threads=n_threads)
    return scores


def fit_shared_scores(problem, progress):
    """Fit the default structure.

    Parameters
    ----------
    problem : Problem
    progress : Progress

    Returns
    -------
    fitted : Fitted
        Its model is a SharedScores.
    """
    tables, codes = [problem.table], [None]
    if problem.n_tasks > 1:
        table, code = with_tasks(
            problem.table, problem.task, problem.weight, problem.n_tasks
        )
        tables.append(table)
        codes.append(code)
    workers, most = Workers(problem, tables), 2 if problem.n_tasks > 1 else 1
    try:
        fits = cross_fit(problem, tables, workers, progress, most)
    finally:
        workers.close()
    start, fits = fits[-1], fits[:-1]
    blocks, totals = [None] * len(fits), [fit.total for fit in fits]
    shares, total = blend(problem, totals)
    if problem.n_tasks > 1:
        shares, blocks, total = _with_trees_of_tasks(problem, totals, shares)
    common, endings = shares, ["", "_by_task"][: len(fits)]
    if problem.n_tasks > 1 and promises(problem, start.total, total, alone(problem)):
        block, own = grow_task_block(problem, start.total, alone(problem))
        (rest, share), total = blend(problem, [total, own])
        common, shares = [*shares, 0.0], [*(rest * np.array(shares)), share]
        fits, codes = [*fits, start], [*codes, None]
        blocks, endings = [*blocks, block], [*endings, "_alone"]
    parts = (endings, fits, shares, common, codes, blocks)
    variants = [
        Variant(
            *(ending, fit.scores, fit.heads, share, common_share, code),
            *(_moments(problem, fit), block),
        )
        for ending, fit, share, common_share, code, block in zip(*parts, strict=True)
    ]
    weight = problem.scored_weight
    usual, scores = _outliers(problem, fits[0], weight)
    loss = task_losses(problem, total) / np.maximum(weight, 1e-300)
    model = SharedScores(variants, loss, usual, scores, problem.loss)
    scored = problem.fold[:, None] >= 0
    return Fitted(model, lambda: np.where(scored, total, np.nan))


def _with_trees_of_tasks(problem, totals, shares):
    """Return shares of models with trees of tasks, these, and what all say together.

    Without trees some have no share. They get trees where that is likely to change it.
    """
    kept, grown = [], []
    for v in np.argsort(-np.array(shares), kind="stable"):
        if kept and shares[v] == 0.0:
            best, total = grown[0]
            if not promises(problem, totals[v], total, best.growing):
                continue
        kept.append(v)
        grown.append(grow_task_block(problem, totals[v]))
    blended, total = blend(problem, [own for _, own in grown])
    shares, blocks = [0.0] * len(totals), [None] * len(totals)
    for v, share, (block, _) in zip(kept, blended, grown, strict=True):
        shares[v], blocks[v] = share, block
    return shares, blocks, total


def _moments(problem, fit):
    """Return mean products of scores over the rows of all tasks."""
    scores = fit.out_of_fold.reshape(
        len(fit.scores), problem.y.size * problem.loss.n_outputs
    )
    return scores @ scores.T / max(problem.n_rows, 1)


def _outliers(problem, fit, weight):
    """Return what is usual among tasks, and how far each is from it.

    The shared function is the scores with the usual slopes; it is compared with a
    constant, and either has an intercept of the task's own.
    """
    losses = _common_losses(problem, fit.heads, fit.out_of_fold)
    usual = outlier_scale(*losses, weight)
    return usual, usual.scores(*losses)


def _common_losses(problem, heads, scores):
    """Return losses of tasks with the same slopes for all, and with a constant.

    These are medians, which outliers do not move.
    """
    common = np.tensordot(np.median(heads.slopes, axis=0), scores, axes=1)
    shared = _with_intercepts(problem, common)
    return shared, _with_intercepts(problem, np.zeros_like(common))


def _with_intercepts(problem, score):
    """Return the loss of each task whose best constant is added to a score."""
    start = first_heads(problem.loss, problem.y, problem.weight, problem.n_tasks)
    heads = start.with_score(1.0)
    k, scores = start.n_outputs, score[None]
    part = np.where(problem.fold >= 0, LEARNED, UNUSED).astype(np.uint8)
    for _ in range(INTERCEPT_STEPS):
        evidence = gather(problem, part, heads, scores)
        slope, curvature = evidence.gradient[:, :k], evidence.curvature[:, :k, :k]
        step = slope / (np.einsum("tkk->tk", curvature) + 1e-9)
        theta = heads.theta.copy()
        theta[:, :k] -= np.clip(step, -LONGEST_STEP, LONGEST_STEP)
        heads = heads._replace(theta=theta)
    return gather(problem, part, heads, scores).value[0]
