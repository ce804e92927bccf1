"""The door of the pure functions: heads, targets and one number for each source."""

from numbers import Integral, Real

import numpy as np


def read_heads(W, c):
    """Return the heads of sources and targets as float arrays of two dimensions."""
    heads, targets = _floats("W", W), _floats("c", c)
    if heads.ndim != 2 or heads.size == 0:
        raise ValueError(
            "W must have one column for each source and one row for each of the k "
            f"shared directions, got an array of shape {heads.shape}."
        )
    if targets.ndim == 1:
        targets = targets[:, None]
    if targets.ndim != 2 or targets.shape[0] != heads.shape[0] or targets.size == 0:
        raise ValueError(
            f"c must be of shape (k,) or (k, n_targets) with k={heads.shape[0]}, the "
            f"number of rows of W, got {np.shape(c)}."
        )
    return heads, targets


def read_positive(name, value, n_sources):
    """Return a positive float for each source; None is one."""
    if value is None:
        return np.ones(n_sources)
    values = _per_source(name, value, n_sources)
    if (values <= 0.0).any():
        raise ValueError(f"{name} must be positive, got {values.min():g}.")
    return values


def read_amounts(name, value, n_sources, *, default=0.0):
    """Return a float >= 0 for each source; None is the default.

    Infinite amounts are allowed where the default is.
    """
    if value is None:
        return np.full(n_sources, default)
    values = _per_source(name, value, n_sources, finite=default != np.inf)
    if (values < 0.0).any():
        raise ValueError(f"{name} must not be negative, got {values.min():g}.")
    return values


def _per_source(name, value, n_sources, *, finite=True):
    values = _floats(name, value, finite=finite)
    if values.ndim > 1 or (values.ndim == 1 and values.size != n_sources):
        raise ValueError(
            f"{name} must be one number or one for each of the {n_sources} sources, "
            f"got an array of shape {values.shape}."
        )
    return np.broadcast_to(values, n_sources)


def read_number(name, value, *, low):
    """Return a finite float of at least `low`."""
    number = isinstance(value, Real) and not isinstance(value, bool)
    if not number or not low <= value < np.inf:
        raise ValueError(f"{name} must be a finite number >= {low}, got {value!r}.")
    return float(value)


def read_count(name, value, *, low):
    """Return an int of at least `low`."""
    number = isinstance(value, Integral) and not isinstance(value, bool)
    if not number or value < low:
        raise ValueError(f"{name} must be a whole number >= {low}, got {value!r}.")
    return int(value)


def _floats(name, value, *, finite=True):
    values = np.asarray(value, dtype=np.float64)
    if np.isfinite(values).all() if finite else not np.isnan(values).any():
        return values
    kind = "finite numbers" if finite else "numbers, not NaN"
    raise ValueError(f"{name} must hold {kind}.")


def read_costs(costs, labels):
    """Return the price of one row of each of some sources."""
    if costs is None:
        return np.ones(labels.size)
    known = set(costs.keys())
    missing = [label for label in labels.tolist() if label not in known]
    if missing:
        raise ValueError(
            f"costs must name the price of a row of every source; {missing[:5]} of "
            f"{labels.size} sources are missing."
        )
    price = np.array([float(costs[label]) for label in labels.tolist()])
    if not (np.isfinite(price) & (price > 0.0)).all():
        raise ValueError(
            f"costs must be positive and finite, got {price.min():g} as the least and "
            f"{price.max():g} as the largest."
        )
    return price
