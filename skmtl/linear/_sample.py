"""Tasks about their means, as moments or as rows, together with those means."""

from typing import NamedTuple

import numpy as np

from ._squared_tasks import GramTasks, RowTasks, gram_tasks, row_tasks

FEW_FEATURES = 64


class Sample(NamedTuple):
    """What a squared-loss model sees of some rows.

    Attributes
    ----------
    tasks : GramTasks or RowTasks
        Centred where tasks have intercepts.
    weight : float64 array of shape (n_tasks,)
    x_mean : float64 array of shape (p, n_features)
        Zeros where tasks have no intercepts.
    y_mean : float64 array of shape (n_tasks,)
    centred : bool
    """

    tasks: GramTasks | RowTasks
    weight: np.ndarray
    x_mean: np.ndarray
    y_mean: np.ndarray
    centred: bool

    def intercept(self, coef):
        """Return the intercepts that fit best beside some coefficients."""
        return self.y_mean - np.sum(self.x_mean * coef, axis=1)

    def squared_error(self, coef, intercept):
        """Return every task's sum of squared errors."""
        shift = self.y_mean - intercept - np.sum(self.x_mean * coef, axis=1)
        return self.tasks.squared_error(coef) + self.weight * shift**2

    def freedom(self):
        """Return the weight of every task less what its intercept uses up."""
        return np.maximum(self.weight - self.centred, 0.0)

    def per_unit(self, unit):
        """Return the same rows with every task's target in a unit of its own."""
        return self._replace(tasks=self.tasks.per_unit(unit), y_mean=self.y_mean / unit)

    def aligned(self, maps):
        """Return the same rows with every task's features mapped by its own matrix."""
        x_mean = np.broadcast_to(self.x_mean, (len(maps), self.x_mean.shape[1]))
        x_mean = np.einsum("tj,tjk->tk", x_mean, maps)
        return self._replace(tasks=self.tasks.aligned(maps), x_mean=x_mean)

    def rescaled(self, factor):
        """Return the same rows with every task's loss times a factor."""
        tasks = self.tasks._replace(scale=self.tasks.scale * factor)
        return self._replace(tasks=tasks)


def loss_scale(weight, equal=False):
    """Return the factor of each task's squared error.

    By default every row counts the same; with one task the loss is then half the mean
    squared error. ``equal`` gives every task the same say instead.
    """
    present = weight[weight > 0.0]
    mean = present.mean() if present.size else 1.0
    if equal:
        return 1.0 / np.where(weight > 0.0, weight, mean)
    return np.full(weight.shape, 1.0 / mean)


def sample_statistics(statistics, *, centred=True, equal=False):
    """Return a sample as moments."""
    tasks = gram_tasks(
        statistics, loss_scale(statistics.weight, equal), centred=centred
    )
    means = statistics.x_mean, statistics.y_mean
    if not centred:
        means = np.zeros((1, tasks.shape[1])), np.zeros(tasks.shape[0])
    return Sample(tasks, statistics.weight, *means, centred)


def sample_rows(data, *, centred=True, equal=False):
    """Return a sample as rows."""
    task = np.repeat(np.arange(data.n_tasks), np.diff(data.offsets))
    weight = np.bincount(task, data.weight, data.n_tasks)
    scale = loss_scale(weight, equal)
    tasks, x_mean, y_mean = row_tasks(data, scale, centred=centred)
    return Sample(tasks, weight, x_mean, y_mean, centred)


def prefer_rows(n_entries, n_tasks, n_features):
    """Return whether rows are the cheaper description of tasks.

    They are where tasks have fewer rows than features on average: they then take less
    memory than Gram matrices, are read faster, and cost no products to form. With few
    features nothing is gained, and moments can be added to.
    """
    return n_features > FEW_FEATURES and n_entries < n_tasks * n_features
