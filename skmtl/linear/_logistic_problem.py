"""The logistic losses of all tasks under one penalty of varying strength.

Scores, class indicators and probabilities are (n_entries, n_columns): one column for
two classes, one per class for more. Coefficients are (n_features, n_tasks * n_columns).
"""

from itertools import pairwise

import numpy as np
from scipy import sparse
from scipy.special import expit, logsumexp, softmax, xlogy

from .._tasks import TaskData, statistics
from ._block_descent import BlockDescent, Certificate
from ._quadratic import prefers_rows, squared_loss, take_rows
from ._squared_problem import Solution, mean_weight, task_weights

# Least curvature of a row in a quadratic model, where steps go well and where not. More
# than there is of it where classes separate makes steps there as much too short.
FLAT, FLATTEST = 1e-8, 1e-2
# A class that a task has no row of weighs as much as this part of a row.
ABSENT = 0.5
# Smallest part of the gap that a quadratic model is minimised to.
FINEST = 1e-8
# Most sweeps over one quadratic model.
SWEEPS = 1000


def probabilities(scores):
    """Return the probability of each class, or of the second of two."""
    return expit(scores) if scores.shape[1] == 1 else softmax(scores, axis=1)


def surprise(scores, Y):
    """Return minus the logarithm of the probability of each entry's class."""
    if scores.shape[1] == 1:
        return np.logaddexp(0.0, scores[:, 0]) - Y[:, 0] * scores[:, 0]
    chosen = np.take_along_axis(scores, Y.argmax(axis=1)[:, None], axis=1)
    return logsumexp(scores, axis=1) - chosen[:, 0]


def entropy(P):
    """Return the entropy of each entry's classes: the conjugate of the surprise."""
    value = -xlogy(P, P).sum(axis=1)
    return value - xlogy(1.0 - P, 1.0 - P)[:, 0] if P.shape[1] == 1 else value


class LogisticProblem:
    """Logistic losses of rows under multiples of one penalty.

    Each step minimises a quadratic model of the loss by block descent and goes along it
    while the objective falls (proximal Newton: Lee, Sun and Saunders, 2014). Intercepts
    are at their optimum throughout. The model leaves out how classes act on each other
    and makes up for it: it is exact for two classes, and not far below for more.

    A class that a task has no row of is left out of that task, whose loss it can only
    raise; a task of one class has no loss at all. All coefficients of a feature, over
    tasks and classes, are one block.

    Attributes
    ----------
    strongest : float
        The least multiple that leaves no coefficient.
    """

    def __init__(self, data, unit, centred, n_classes):
        # Slices of a sparse table are cheap, chosen rows are not.
        data = data.gathered() if sparse.issparse(data.X) else data
        self._data, self._unit, self._centred = data, unit, centred
        self._n_columns = 1 if n_classes == 2 else n_classes
        ends = data.offsets.tolist()
        self._parts = [slice(*pair) for pair in pairwise(ends)]
        self._task = np.repeat(np.arange(data.n_tasks), np.diff(data.offsets))
        self._task_weight = task_weights(data)
        self._scale = 1.0 / mean_weight(self._task_weight)
        indicator = np.eye(n_classes)[data.y.astype(np.int64)]
        self._Y = indicator if n_classes > 2 else np.ascontiguousarray(indicator[:, 1:])
        weighted = data.weight[:, None] * indicator
        self._class_weight = np.stack(self._sums(weighted), axis=1)
        # Without intercepts no score goes to infinity, and nothing is left out.
        there = (self._class_weight > 0.0) | (not centred)
        live = there.sum(axis=1) > 1
        self._weight = data.weight * live[self._task]
        self._known = (there & live[:, None])[:, -self._n_columns :]
        left_out = live[:, None] & ~there & (n_classes > 2)
        self._mask = np.where(left_out, -np.inf, 0.0)[:, -self._n_columns :]
        self._lay_out_model()
        self._flat = FLAT
        self._mean = np.zeros((data.n_tasks, data.X.shape[1]))
        for t, part in enumerate(self._parts):
            share = data.weight[part] / max(self._task_weight[t], 1e-300)
            self._mean[t] = share @ take_rows(data.X, data.rows[part])
        self.W = np.zeros((data.X.shape[1], data.n_tasks * self._n_columns))
        self._intercept = np.zeros((data.n_tasks, self._n_columns))
        self._move(self.W, np.zeros(self._Y.shape))
        self._energy = self._loss
        self.strongest = unit.strongest(self._slopes())

    def _sums(self, values):
        """Return the sum over each task's entries of every column."""
        n_tasks = self._data.n_tasks
        return [np.bincount(self._task, column, n_tasks) for column in values.T]

    def _lay_out_model(self):
        """Say which entry and class each row of the quadratic model stands for."""
        pieces, counts = [], []
        for t, part in enumerate(self._parts):
            entries = np.arange(part.start, part.stop)
            for k in range(self._n_columns):
                there = self._known[t, k]
                pieces.append(k + self._n_columns * entries[: entries.size * there])
                counts.append(pieces[-1].size)
        self._cell = np.concatenate(pieces)
        self._model_offsets = np.r_[0, np.cumsum(counts)]

    def _move(self, W, scores):
        """Go over to other coefficients, whose scores without intercept are given."""
        self.W, self._scores = W, scores
        if self._centred:
            self._fit_intercept()
        full = self._full_scores()
        self._P = probabilities(full)
        self._loss = self._scale * float(self._weight @ surprise(full, self._Y))

    def _full_scores(self):
        return self._scores + (self._intercept + self._mask)[self._task]

    def _fit_intercept(self):
        """Bring every task's intercepts to their optimum by Newton's method."""
        least = 1e-14 * max(self._task_weight.max(), 1e-300)
        for _ in range(100):
            P = probabilities(self._full_scores())
            gradient = np.stack(
                self._sums(self._weight[:, None] * (self._Y - P)), axis=1
            )
            if np.abs(gradient).max() <= least:
                break
            step = self._newton_step(P, gradient)
            # Far from the optimum the curvature may vanish, and Newton overshoot.
            self._intercept += np.clip(step, -2.0, 2.0)
            if np.abs(step).max() <= 1e-13:
                break

    def _newton_step(self, P, gradient):
        if self._n_columns == 1:
            (curvature,) = self._sums(self._weight[:, None] * P * (1.0 - P))
            least = 1e-10 * self._task_weight + 1e-300
            return gradient / np.maximum(curvature, least)[:, None]
        step = np.empty_like(gradient)
        for t, part in enumerate(self._parts):
            weighted = self._weight[part, None] * P[part]
            curvature = np.diag(weighted.sum(axis=0)) - weighted.T @ P[part]
            step[t] = np.linalg.lstsq(curvature, gradient[t], rcond=1e-12)[0]
        return step

    def _score(self, W):
        """Return the scores of coefficients, without intercepts."""
        used = np.flatnonzero(W.any(axis=1))
        scores = np.zeros(self._Y.shape)
        if used.size:
            by_task = W[used].reshape(used.size, self._data.n_tasks, -1)
            for t, part in enumerate(self._parts):
                X = take_rows(self._data.X, self._data.rows[part])
                scores[part] = X[:, used] @ by_task[:, t]
        return scores

    def _slopes(self):
        """Return minus the derivative of the loss by every coefficient."""
        residual = self._scale * self._weight[:, None] * (self._Y - self._P)
        slope = np.empty((self._data.n_tasks, self._n_columns, len(self.W)))
        for t, part in enumerate(self._parts):
            X = take_rows(self._data.X, self._data.rows[part])
            slope[t] = residual[part].T @ X
            if self._centred:
                # Residuals add up to no more than rounding, which far values magnify.
                slope[t] -= np.outer(residual[part].sum(axis=0), self._mean[t])
        return np.ascontiguousarray(slope.reshape(-1, len(self.W)).T)

    def _objective(self, penalty):
        return self._loss + penalty.value(self.W) + penalty.shrinkage(self.W)

    def _certificate(self, penalty, slope):
        """Return the certificate; see ``certify`` for the dual point."""
        reach = penalty.dual_norm(slope).max(initial=0.0)
        scale = min(1.0, 1.0 / reach) if reach > 0.0 else 1.0
        mixed = self._Y + scale * (self._P - self._Y)
        dual = self._scale * float(self._weight @ entropy(np.clip(mixed, 0.0, 1.0)))
        dual -= scale**2 * penalty.shrinkage(self.W)
        return Certificate(self._objective(penalty), dual)

    def minimise(self, penalty, enough, max_iter):
        """Go on until the duality gap is at most ``enough``.

        Return the gap and the number of steps.
        """
        last, precision = np.inf, 0.1
        for n_iter in range(max_iter + 1):
            slope = self._slopes() - penalty.ridge * self.W
            gap = self._certificate(penalty, slope).gap
            if gap <= enough or n_iter == max_iter:
                break
            # The model's own gap may be small before its minimum is of any use.
            precision = max(0.1 * precision, FINEST) if gap > 0.5 * last else precision
            last = gap
            descent = BlockDescent(self._model(), self.W)
            descent.minimise(penalty, precision * gap, SWEEPS)
            if precision <= FINEST and np.array_equal(descent.W, self.W):
                break  # What is left of the gap is rounding.
            if not self._search(penalty, slope, self._balanced(penalty, descent.W)):
                if self._flat >= FLATTEST:
                    break
                self._flat *= 100.0
        return gap, n_iter

    def _model(self):
        """Return the quadratic model of the loss at the present coefficients."""
        classes = self._n_columns
        factor = 1.0 if classes == 1 else classes / (classes - 1.0)
        curvature = np.maximum(factor * self._P * (1.0 - self._P), self._flat)
        response = self._scores + (self._Y - self._P) / curvature
        weight = (self._weight[:, None] * curvature).ravel()[self._cell]
        data = TaskData(
            self._data.X,
            self._data.rows[self._cell // classes],
            response.ravel()[self._cell],
            weight,
            self._model_offsets,
            False,
        )
        source = data if prefers_rows(data) else statistics(data)
        return squared_loss(source, self._scale, self._centred)

    def _balanced(self, penalty, W):
        """Shift the classes' coefficients together, which changes no probability.

        By the mean of joint parts, which lowers their penalty, and by the median of
        specific parts if that lowers all of it. The quadratic model does not see that
        such shifts are free, and would find them slowly.
        """
        if self._n_columns == 1:
            return W
        shape = len(W), -1, self._n_columns
        joint, specific = (part.reshape(shape) for part in penalty.parts(W))
        known = np.broadcast_to(self._known, joint.shape)
        left_out = ~known & known.any(axis=2, keepdims=True)
        mean = np.mean(joint, axis=2, keepdims=True, where=~left_out)
        choices = [W, np.where(known, joint + specific - mean, 0.0).reshape(W.shape)]
        if specific.any():
            masked = np.ma.masked_array(specific, left_out)
            middle = np.ma.median(masked, axis=2, keepdims=True).filled(0.0)
            choices.append(
                (choices[1].reshape(shape) - known * middle).reshape(W.shape)
            )
        return min(choices, key=lambda W: penalty.value(W) + penalty.shrinkage(W))

    def _search(self, penalty, slope, W):
        """Go towards W as far as the objective falls; return whether it did."""
        start, scores, intercept = self.W, self._scores, self._intercept.copy()
        change, ahead = W - start, self._score(W) - scores
        before, value = self._objective(penalty), penalty.value(start)
        promised = min(penalty.value(W) - value - np.vdot(slope, change), 0.0)
        # Close to the optimum the objective falls by less than its rounding, while the
        # gap, which is of first order, has some way to go.
        rounding, length = 1e-14 * abs(before), 1.0
        while length > 1e-6:
            self._move(start + length * change, scores + length * ahead)
            falls = self._objective(penalty) - before
            if falls <= 1e-3 * length * promised + rounding:
                return True
            length *= 0.5
        self._intercept = intercept
        self._move(start, scores)
        return False

    def solve(self, alpha, tol, max_iter):
        """Return the solution of one multiple, starting from that of the last one."""
        enough = tol * self._energy
        gap, n_iter = self.minimise(self._unit.scaled(alpha), enough, max_iter)
        n_tasks = self._data.n_tasks
        coef = self.W.T.reshape(n_tasks, self._n_columns, -1)
        intercept = self._finite_intercept()
        if self._n_columns == 1:
            coef, intercept = coef[:, 0], intercept[:, 0]
        return Solution(coef.copy(), intercept, gap, enough, max(n_iter, 1))

    def _finite_intercept(self):
        """Return intercepts under which a class that is not there weighs half a row."""
        if not self._centred:
            return self._intercept.copy()
        present, total = self._class_weight, self._task_weight[:, None]
        if self._n_columns == 1:
            odds = np.log((present[:, 1:] + ABSENT) / (present[:, :1] + ABSENT))
            return np.where(self._known, self._intercept, odds)
        level = logsumexp(self._full_scores(), axis=1)
        mean = np.bincount(self._task, self._data.weight * level, len(total))[:, None]
        mean /= np.maximum(total, 1e-300)
        absent = np.log(ABSENT / (total + ABSENT))
        single = ~self._known.any(axis=1)[:, None]
        intercept = np.where(single, 0.0, self._intercept)
        mean[single] = 0.0
        intercept = np.where(present > 0.0, intercept, mean + absent)
        return intercept - intercept.mean(axis=1, keepdims=True)

    def error(self, data, solution):
        """Return the logarithmic loss of other rows."""
        solution = solution.filled(self._task_weight)
        error = 0.0
        for t, pair in enumerate(pairwise(data.offsets.tolist())):
            part = slice(*pair)
            X = take_rows(data.X, data.rows[part])
            scores = X @ solution.coef[t].T + solution.intercept[t]
            codes = data.y[part].astype(np.int64)
            if self._n_columns == 1:
                Y, scores = data.y[part, None], scores[:, None]
            else:
                Y = np.eye(self._n_columns)[codes]
            error += float(data.weight[part] @ surprise(scores, Y))
        return error
