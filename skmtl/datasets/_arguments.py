"""What every generator asks of its arguments, and says when it does not get it."""

import numbers

import numpy as np


def whole_number(name, value, *, low, high=None):
    """Return `value` as an int between `low` and `high` (both allowed)."""
    number = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not number or value < low or (high is not None and value > high):
        limits = f">= {low}" if high is None else f"between {low} and {high}"
        raise ValueError(f"{name} must be a whole number {limits}, got {value!r}.")
    return int(value)


def real_number(name, value, *, low, high=np.inf):
    """Return `value` as a float between `low` and `high` (both allowed)."""
    number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not number or not np.isfinite(value) or not low <= value <= high:
        limits = f">= {low}" if high == np.inf else f"between {low} and {high}"
        raise ValueError(f"{name} must be a number {limits}, got {value!r}.")
    return float(value)


def one_of(name, value, options):
    """Return `value` if it is one of `options`."""
    if not isinstance(value, str) or value not in options:
        raise ValueError(f"{name} must be one of {list(options)}, got {value!r}.")
    return value


def _for_each_task(name, value, n_tasks, check):
    if np.ndim(value) == 0:
        return [check(name, value)] * n_tasks
    if np.ndim(value) != 1 or len(value) != n_tasks:
        raise ValueError(
            f"{name} must be one number or one for each of the {n_tasks} tasks, "
            f"got an array of shape {np.shape(value)}."
        )
    return [check(f"{name}[{t}]", number) for t, number in enumerate(value)]


def rows_per_task(n_samples, n_tasks):
    """Return the number of rows of each task, from one number or one a task."""
    return np.array(
        _for_each_task(
            "n_samples", n_samples, n_tasks, lambda n, v: whole_number(n, v, low=1)
        )
    )


def noise_per_task(noise, n_tasks):
    """Return the noise level of each task, from one number or one a task."""
    return np.array(
        _for_each_task("noise", noise, n_tasks, lambda n, v: real_number(n, v, low=0.0))
    )


def random_streams(random_state, count):
    """Return independent sources of random numbers, all fixed by `random_state`.

    One stream for the truth, one for the rows and one for the noise keep a problem's
    truth the same when only its size or its noise changes.
    """
    from sklearn.utils import check_random_state

    seeds = check_random_state(random_state).randint(2**31 - 1, size=count)
    return [np.random.default_rng(seed) for seed in seeds]
