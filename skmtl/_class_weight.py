"""Weights of rows by the classes they have."""

import numpy as np


def class_weighted(wanted, weight, stratum, position, classes):
    """Return weights of rows times those that a user wants classes to have.

    Parameters
    ----------
    wanted : "balanced" or dict
    weight : float64 array of shape (n_rows,)
    stratum : int64 array of shape (n_rows,)
        Within which "balanced" classes weigh the same.
    position : int64 array of shape (n_rows,)
        Each row's class among ``classes``.
    classes : array of shape (n_classes,)
    """
    if isinstance(wanted, str):
        return balanced_weights(weight, stratum, position, max(classes.size, 2))
    names = classes.tolist()
    unknown = [name for name in wanted if name not in names]
    if unknown:
        raise ValueError(
            f"class_weight has the classes {unknown}, which are not among {names}."
        )
    return weight * np.array([wanted.get(name, 1.0) for name in names])[position]


def balanced_weights(weight, stratum, classes, n_classes):
    """Return weights under which every class of a stratum weighs the same in it."""
    cell = stratum * n_classes + classes
    in_cell = np.bincount(cell, weight)[cell]
    in_stratum = np.bincount(stratum, weight)[stratum]
    present = np.unique(cell) // n_classes
    n_present = np.bincount(present, minlength=int(stratum.max(initial=0)) + 1)
    return weight * in_stratum / (n_present[stratum] * in_cell)
