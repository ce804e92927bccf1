"""Arguments of splitters: what is wrong with them, said in one way."""

import warnings
from numbers import Integral


def check_n_splits(n_splits):
    """Raise unless the number of splits is an integer of at least two."""
    check_count("n_splits", n_splits, 2)


def check_count(name, value, least):
    """Raise unless a parameter is an integer of at least ``least``."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(
            f"{name} must be an integer of at least {least}, got {value!r}."
        )


def check_enough(count, n_splits, what):
    """Raise if there are fewer rows or groups than folds."""
    if count < n_splits:
        raise ValueError(f"n_splits={n_splits} needs as many {what}, but got {count}.")


def warn_of_groups(splitter, groups):
    """Say that a splitter has no use for groups."""
    if groups is not None:
        warnings.warn(
            f"{type(splitter).__name__} ignores groups.", UserWarning, stacklevel=3
        )
