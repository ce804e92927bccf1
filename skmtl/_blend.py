"""Weights that mix predictions of rows that were held out from fitting."""

from itertools import combinations
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

from ._gates import UNLIKELY

# Weights below this are not worth a model.
LEAST_WEIGHT = 0.01
# Rows held out on which the best mixture has half of the say that it has on many.
FEW = 100.0
# What a model took from rows that judge it, as a number of rows: of so many, half of
# its loss is not seen.
TAKEN = 20.0
# More folds are put together: mixtures are fitted without every pair of them.
MOST_FOLDS = 10


class Answers(NamedTuple):
    """What models say of targets that were held out from them.

    Attributes
    ----------
    values : float64 array of shape (n_cells, n_models)
        Predicted numbers; in a classifier, probabilities of the true class.
    target : float64 array of shape (n_cells,)
        True numbers; 1 in a classifier.
    weight : float64 array of shape (n_cells,)
    task, fold : int64 arrays of shape (n_cells,)
    classify : bool
    """

    values: np.ndarray
    target: np.ndarray
    weight: np.ndarray
    task: np.ndarray
    fold: np.ndarray
    classify: bool

    def of(self, cells):
        """Return what is said of some cells."""
        parts = (part[cells] for part in self[:-1])
        return Answers(*parts, self.classify)

    def losses(self, shares=None):
        """Return the loss of each cell, of every model or of one mixture of them."""
        values = self.values if shares is None else self.values @ shares
        return loss_of(values, self.target, self.classify)

    def mean(self, losses):
        """Return the mean loss of cells, for each column."""
        return self.weight @ losses / self.weight.sum()


def loss_of(values, target, classify):
    """Return squared errors, or minus logarithms of probabilities."""
    if classify:
        return -np.log(np.maximum(values, UNLIKELY))
    target = target.reshape(-1, *[1] * (values.ndim - 1))
    return (values - target) ** 2


def best_mixture(answers):
    """Return the non-negative weights of sum one with the lowest loss."""
    n_models = answers.values.shape[1]
    if n_models == 1:
        return np.ones(1)
    objective = _log_loss(answers) if answers.classify else _squared_loss(answers)
    found = minimize(
        objective,
        np.full(n_models, 1.0 / n_models),
        jac=True,
        method="SLSQP",
        bounds=[(0.0, 1.0)] * n_models,
        constraints={
            "type": "eq",
            "fun": lambda shares: shares.sum() - 1.0,
            "jac": lambda shares: np.ones(n_models),
        },
        options={"ftol": 1e-10, "maxiter": 200},
    )
    shares = np.maximum(found.x, 0.0)
    shares /= shares.sum()
    corners = np.eye(n_models)
    values = [objective(corner)[0] for corner in corners]
    best = int(np.argmin(values))
    return shares if objective(shares)[0] <= values[best] else corners[best]


def _squared_loss(answers):
    """Return loss and gradient as functions of weights that sum to one."""
    error = answers.values - answers.target[:, None]
    products = error.T @ (answers.weight[:, None] * error)
    # In units of the loss of the start, where the search is well scaled.
    products /= max(products.mean(), 1e-12 * products.trace(), 1e-300)
    return lambda shares: (shares @ products @ shares, 2.0 * products @ shares)


def _log_loss(answers):
    values, weight = np.maximum(answers.values, UNLIKELY), answers.weight
    weight = weight / weight.sum()

    def objective(shares):
        mixed = values @ shares
        return -(weight @ np.log(mixed)), -((weight / mixed) @ values)

    return objective


def sobered(answers, k):
    """Return answers with larger errors of a model that was chosen by the same rows.

    Boosting stops at the round, and takes the shares of its parts, at which it loses
    least on rows held out. That loss is too low, the more so the fewer the rows.
    """
    factor, values = 1.0 + TAKEN / answers.weight.sum(), answers.values.copy()
    if answers.classify:
        values[:, k] **= factor
    else:
        values[:, k] += (np.sqrt(factor) - 1.0) * (values[:, k] - answers.target)
    return answers._replace(values=values)


def mixture(answers, prior=1.0):
    """Return the weights of models in the mixture that predicts.

    The mean of two choices that err in different ways: the best mixture, which trusts
    differences between models that rows held out may show by chance, and weights by
    how sure it is that a model is not the best one, which never mix what is certain to
    be worse, even where errors would cancel. The fewer the rows, the more the second.
    ``prior`` says how plausible models are before any row is held out.
    """
    n_rows = answers.weight.sum()
    trust = 0.5 * n_rows / (n_rows + FEW)
    weights = trust * _stacked(answers) + (1.0 - trust) * _plausible(answers, prior)
    weights[weights < LEAST_WEIGHT] = 0.0
    return weights / weights.sum()


def _stacked(answers):
    """Return the mean of the best mixtures without any two of the folds."""
    fold = np.unique(answers.fold, return_inverse=True)[1] % MOST_FOLDS
    folds = np.unique(fold)
    mixtures = [
        best_mixture(answers.of(~np.isin(fold, out)))
        for out in combinations(folds, min(2, folds.size // 2))
    ]
    return np.mean(mixtures, axis=0)


def _plausible(answers, prior):
    """Return weights that fall with the distance from the best in standard errors."""
    mean, error = excesses(answers)
    certain = np.where(mean > 0.0, np.inf, 0.0)
    away = np.divide(mean, error, out=certain, where=error > 0.0)
    weights = prior * np.exp(-0.5 * away**2)
    return weights / weights.sum()


def excesses(answers):
    """Return by how much the mean loss of each model exceeds the least, and its error.

    The standard error is that of the slope of the loss from the best model toward the
    other. The difference of losses itself has a larger one where a model is far off
    for a few rows, which speaks against it and not for chance.
    """
    mean, weight = answers.mean(answers.losses()), answers.weight
    total, best = weight.sum(), answers.values[:, [mean.argmin()]]
    if answers.classify:
        rise = -1.0 / np.maximum(best, UNLIKELY)
    else:
        rise = 2.0 * (best - answers.target[:, None])
    slope = rise * (answers.values - best)
    slope = slope - weight @ slope / total
    return mean - mean.min(), np.sqrt(weight @ slope**2) / total


def clearly_worse(answers, leader, errors):
    """Return which models lose more than the leader by more than so many errors.

    These are standard errors of the differences of losses: a model that is far off for
    a few rows may still be the best on others.
    """
    loss, weight = answers.losses(), answers.weight
    beyond = loss - loss[:, [leader]]
    mean = answers.mean(beyond)
    return mean > errors * np.sqrt(weight @ (beyond - mean) ** 2) / weight.sum()


def share_beside(answers, k, leader):
    """Return the weight of a model in its best mixture with the leader."""
    return best_mixture(answers._replace(values=answers.values[:, [k, leader]]))[0]


def first_as_good(answers, errors):
    """Return the first model whose mean loss is the least but for chance.

    That is, not higher than the least by more than so many standard errors.
    """
    mean, error = excesses(answers)
    return int(np.argmax(mean <= errors * error))
