"""Ridge regression of every task alone, of all tasks in one go.

Strengths are those of the largest evidence [1]_: the same models as scikit-learn's
:class:`~sklearn.linear_model.BayesianRidge` on standardised features, task by task,
whose checks and steps cost many times what small tasks need.

References
----------
.. [1] D. J. C. MacKay, "Bayesian interpolation", Neural Computation 4(3), 415-447,
   1992.
"""

from typing import NamedTuple

import numpy as np
from sklearn.base import BaseEstimator

from ._labels import encode

# Precisions of noise and of coefficients to start from. With fewer rows than features,
# evidence has a second maximum that leaves no noise; a search that starts from a strong
# penalty ends at the other one.
NOISE, STRENGTH = 1.0, 1000.0
# Shape and rate of weak priors of the two, which keep them finite.
PRIOR = 1e-6
# Movement of coefficients, summed, at which a task is left alone; most steps.
TOLERANCE, MOST_STEPS = 1e-3, 300
# Features of a task that vary less, in units of all tasks, are constant.
CONSTANT = 1e-10
# Numbers that tasks which are searched together may have.
MOST_AT_ONCE = 10**6


class SeparateRidge(BaseEstimator):
    """One ridge regression for each task, and one of all rows for tasks to come.

    Parameters
    ----------
    wide : bool
        Whether columns of y are tasks; else the last column of X is a task's code.
    """

    def __init__(self, wide=False):
        self.wide = wide

    def fit(self, X, y, sample_weight=None):
        """Fit all tasks."""
        weight = np.ones(len(y)) if sample_weight is None else sample_weight
        if self.wide:
            seen = [~np.isnan(column) for column in y.T]
            parts = [
                (X[rows], column[rows], weight[rows])
                for rows, column in zip(seen, y.T, strict=True)
            ]
        else:
            self._codes, parts = by_task(X, y, weight)
        self._coef, self._intercept = ridges(parts)
        return self

    def fit_task(self, X, y, sample_weight=None):
        """Fit one more task, whose code is above those of all others."""
        weight = np.ones(len(y)) if sample_weight is None else sample_weight
        coef, intercept = ridges([(X[:, :-1], y, weight)])
        self._codes = np.append(self._codes, X[0, -1])
        self._coef = np.insert(self._coef, -1, coef, axis=0)
        self._intercept = np.insert(self._intercept, -1, intercept)
        return self

    def predict(self, X):
        """Return numbers; rows of unknown tasks are told by the model of all rows."""
        if self.wide:
            return X @ self._coef.T + self._intercept
        place = encode(X[:, -1], self._codes)
        products = np.einsum("ij,ij->i", X[:, :-1], self._coef[place])
        return products + self._intercept[place]


def by_task(X, y, weight):
    """Return the codes of tasks, and the rows of each; those of all tasks come last."""
    order = np.argsort(X[:, -1], kind="stable")
    codes, first = np.unique(X[order, -1], return_index=True)
    places = [*np.split(order, first[1:]), np.arange(len(y))]
    return codes, [(X[rows, :-1], y[rows], weight[rows]) for rows in places]


class Spectrum(NamedTuple):
    """Rows of a task, rotated so that its features are uncorrelated.

    Attributes
    ----------
    singular : float64 array of shape (n_directions,)
        Singular values of centred and standardised rows.
    along : float64 array of shape (n_directions,)
        Targets along their left singular vectors.
    directions : float64 array of shape (n_directions, n_features)
    rest : float64
        Squares of what of the targets no direction reaches.
    n_rows : float64
        Sum of the weights.
    """

    singular: np.ndarray
    along: np.ndarray
    directions: np.ndarray
    rest: np.ndarray
    n_rows: np.ndarray


def ridges(parts):
    """Return coefficients and intercepts of (X, y, weight), one row for each."""
    width = parts[0][0].shape[1]
    found = [rotated(*part) for part in parts]
    deepest = max(spectrum.singular.size for spectrum, *_ in found)
    size = max(1, MOST_AT_ONCE // max(1, deepest * width))
    coef = np.vstack(
        [
            coefficients(padded([spectrum for spectrum, *_ in found[k : k + size]]))
            for k in range(0, len(found), size)
        ]
    )
    scale, centre, level = (
        np.array(part) for part in list(zip(*found, strict=True))[1:]
    )
    coef = coef / scale
    return coef, level - (coef * centre).sum(axis=1)


def rotated(X, y, weight):
    """Return the spectrum of a task, its features' scale and centre, and y's mean."""
    total = weight.sum()
    centre, level = weight @ X / total, weight @ y / total
    away = X - centre
    scale = np.sqrt(weight @ away**2 / total)
    scale[scale <= CONSTANT] = np.inf
    root = np.sqrt(weight)
    left, singular, directions = np.linalg.svd(
        root[:, None] * away / scale, full_matrices=False
    )
    target = root * (y - level)
    along = left.T @ target
    rest = np.sum((target - left @ along) ** 2)
    return Spectrum(singular, along, directions, rest, total), scale, centre, level


def padded(spectra):
    """Return spectra as one, a row for each task; directions added have no length."""
    depth = max(spectrum.singular.size for spectrum in spectra)

    def filled(part):
        missing = [(0, depth - len(part))] + [(0, 0)] * (part.ndim - 1)
        return np.pad(part, missing)

    columns = zip(*spectra, strict=True)
    return Spectrum(
        *(np.array([filled(p) if np.ndim(p) else p for p in part]) for part in columns)
    )


def coefficients(tasks):
    """Return the coefficients of tasks at the precisions of the largest evidence."""
    n_tasks = len(tasks.n_rows)
    noise, strength = np.full(n_tasks, NOISE), np.full(n_tasks, STRENGTH)
    coef, running = np.zeros_like(tasks.directions[:, 0]), np.arange(n_tasks)
    for step in range(MOST_STEPS):
        part = Spectrum(*(values[running] for values in tasks))
        before, ratio = coef[running], strength[running] / noise[running]
        coef[running] = shrunken(part, ratio)
        noise[running], strength[running] = precisions(part, ratio, coef[running])
        moved = np.abs(coef[running] - before).sum(axis=1)
        if step:
            running = running[moved >= TOLERANCE]
        if not running.size:
            break
    return shrunken(tasks, strength / noise)


def shrunken(tasks, ratio):
    """Return the coefficients of ridge regressions of some strengths."""
    size = tasks.singular * tasks.along / (tasks.singular**2 + ratio[:, None])
    return (size[:, None, :] @ tasks.directions)[:, 0]


def precisions(tasks, ratio, coef):
    """Return what coefficients say of the precisions of noise and of themselves."""
    kept = tasks.singular**2 / (tasks.singular**2 + ratio[:, None])
    n_determined = kept.sum(axis=1)
    lost = tasks.rest + (((1.0 - kept) * tasks.along) ** 2).sum(axis=1)
    noise = (tasks.n_rows - n_determined + 2.0 * PRIOR) / (lost + 2.0 * PRIOR)
    length = (coef**2).sum(axis=1)
    return noise, (n_determined + 2.0 * PRIOR) / (length + 2.0 * PRIOR)
