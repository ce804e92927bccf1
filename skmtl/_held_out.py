"""Fits of the shared and the single models, and their answers about held-out rows."""

from typing import NamedTuple

import numpy as np
from sklearn.utils.parallel import delayed

from ._gates import HeldOut
from ._sklearn_compat import safe_indexing
from ._wrapping import fit_clone, named_targets


class Model(NamedTuple):
    """One of the two models to mix: what it is fitted to, and how it is asked."""

    estimator: object
    X: object
    y: np.ndarray
    weight: np.ndarray
    weight_names: list
    question: tuple

    def job(self, train, test=None, task=None):
        """Return the delayed fit to some rows, for the answer about others if given."""
        y = self.y[train] if self.y.ndim == 1 or task is None else self.y[train, task]
        query = None if test is None else safe_indexing(self.X, test, axis=0)
        return delayed(_fit_and_ask)(
            self.estimator,
            safe_indexing(self.X, train, axis=0),
            y,
            self.weight[train],
            self.weight_names,
            query,
            self.question,
        )


def _fit_and_ask(estimator, X, y, weight, weight_names, query, question):
    ask, method, classes = question
    fitted = fit_clone(estimator, X, named_targets(y, classes), weight, weight_names)
    return fitted if query is None else ask(fitted, query, method, classes)


class Piece(NamedTuple):
    """Rows of one task in one split."""

    split: int
    task: int
    train: np.ndarray
    test: np.ndarray


def pieces_of(splits, parts, n_rows):
    """Return the pieces on whose held-out rows both models can be asked."""
    pieces = []
    for k, split in enumerate(splits):
        in_train, in_test = (np.bincount(part, minlength=n_rows) > 0 for part in split)
        for t, part in enumerate(parts):
            train, test = part[in_train[part]], part[in_test[part]]
            if train.size and test.size:
                pieces.append(Piece(k, t, train, test))
    return pieces


def held_out(rows, splits, pieces, answers, classify):
    """Return both models' predictions of the held-out rows of every piece."""
    columns = [[np.zeros(0, kind)] for kind in (np.int64, *[np.float64] * 4)]
    for piece, own in zip(pieces, answers[len(splits) :], strict=True):
        test = splits[piece.split][1]
        place = np.argsort(test)[np.searchsorted(np.sort(test), piece.test)]
        shared, target = answers[piece.split][place], rows.y[piece.test]
        if target.ndim == 2:
            shared, target = shared[:, piece.task], target[:, piece.task]
        if classify:
            shared, own = _of_class(shared, target), _of_class(own, target)
            target = np.ones(target.size)
        task = np.full(target.size, piece.task)
        record = task, rows.weight[piece.test], target, own, shared
        for column, part in zip(columns, record, strict=True):
            column.append(part)
    return HeldOut(*map(np.concatenate, columns))


def _of_class(probability, code):
    """Return the probability of each row's class."""
    if probability.ndim == 1:
        return np.where(code > 0, probability, 1.0 - probability)
    return probability[np.arange(code.size), code.astype(np.intp)]
