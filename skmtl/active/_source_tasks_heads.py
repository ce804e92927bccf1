"""Linear heads of sources and of the target, from which relevance is told."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from .._columns import as_codes
from .._tables import take_column
from ..exceptions import TaskColumnWarning
from ..linear import HierarchicalRegressor
from ._source_tasks_shares import Evidence, OwnFit

# Text has an indicator for each of its most frequent values, and no more.
MOST_VALUES = 20
# Penalties to choose from, beside the mean square of a feature.
PENALTIES = np.geomspace(1e-6, 1e3, 91)


class SourceHeads:
    """Heads of tasks from one hierarchy: the fewer its rows, the more like the others.

    Parameters
    ----------
    Z : array of shape (n_rows, n_features)
        Features, all numbers.
    Y : array of shape (n_rows, k)
        Targets, a hierarchy for each column.
    task : array of shape (n_rows,)
        Codes of the tasks.
    weight : array of shape (n_rows,)
    """

    def __init__(self, Z, Y, task, weight):
        table = np.column_stack([Z, task])
        self.models = [_fitted(table, y, weight) for y in Y.T]
        self.codes = np.unique(task)

    def evidence(self, Z, codes):
        """Return what the heads of some tasks say of rows."""
        n_rows, n_tasks = len(Z), len(codes)
        task = np.repeat(codes, n_rows)
        table = np.column_stack([np.tile(Z, (n_tasks, 1)), task])
        values, variance, noise = [], 0.0, []
        for model in self.models:
            mean, deviation = model.predict(table, return_std=True)
            values.append(mean.reshape(n_tasks, n_rows).T)
            noise.append(model.noise_variance_)
            unknown = np.maximum(deviation**2 - noise[-1], 0.0)
            variance = variance + unknown.reshape(n_tasks, n_rows).T
        return Evidence(np.stack(values, axis=2), variance, np.array(noise))


def own_fit(Z, Y, weight, noise):
    """Return what a head fitted to the target's rows says of them.

    It is ridge regression on standardised features, with the penalty of least error as
    told by Mallows' criterion.
    """
    total, root = weight.sum(), np.sqrt(weight)[:, None]
    mean = weight @ Y / total
    centred = Z - weight @ Z / total
    spread = np.sqrt(weight @ centred**2 / total)
    unit = np.divide(centred, spread, out=np.zeros_like(Z), where=spread > 0.0)
    basis, size, _ = np.linalg.svd(root * unit, full_matrices=False)
    score = basis.T @ (root * (Y - mean))
    # One row for each penalty: what is kept of every direction.
    kept = size**2 / (size**2 + PENALTIES[:, None] * total + 1e-300)
    lost = ((1.0 - kept) ** 2) @ score**2 - (score**2).sum(axis=0)
    freedom = 1.0 + kept.sum(axis=1)
    best = np.argmin(lost + 2.0 * noise * freedom[:, None], axis=0)
    fitted = basis @ (kept[best].T * score)
    return OwnFit(mean + fitted / root, freedom[best])


def _fitted(X, y, weight):
    """Return the hierarchy of the tasks in the last column."""
    model = HierarchicalRegressor(task_feature=-1)
    with warnings.catch_warnings():
        # Heads only compare tasks: a less than perfect fit will do.
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", TaskColumnWarning)
        return model.fit(X, y, sample_weight=weight)


def linear_features(X):
    """Return any table as finite numbers: gaps as means, text as indicators."""
    if isinstance(X, np.ndarray) and X.dtype.kind in "fiub":
        return _filled(X.astype(np.float64))
    columns = [take_column(X, j) for j in range(X.shape[1])]
    return _filled(np.column_stack([_as_numbers(column) for column in columns]))


def _as_numbers(column):
    values = column.to_numpy() if hasattr(column, "to_numpy") else np.asarray(column)
    try:
        return values.astype(np.float64)[:, None]
    except (TypeError, ValueError):
        code = as_codes(values.astype(str)[:, None])[:, 0].astype(np.intp)
    frequent = np.argsort(-np.bincount(code), kind="stable")[:MOST_VALUES]
    return (code[:, None] == frequent).astype(np.float64)


def _filled(Z):
    Z = np.where(np.isinf(Z), np.nan, Z)
    missing = np.isnan(Z)
    if missing.any():
        count = np.maximum((~missing).sum(axis=0), 1)
        Z = np.where(missing, np.nansum(Z, axis=0) / count, Z)
    return np.require(Z, np.float64, "C")


def target_columns(y, n_classes):
    """Return targets as columns: numbers, or an indicator of each class but for two."""
    if n_classes is None or n_classes <= 2:
        return y[:, None]
    return (y[:, None] == np.arange(n_classes)).astype(np.float64)
