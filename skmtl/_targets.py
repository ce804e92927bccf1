"""Targets as the user passes them: one vector, or one column per task with gaps."""

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils import assert_all_finite
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_array, column_or_1d

from ._documentation import see


def read_targets(estimator, y):
    """Return y checked as one vector and None, or as columns and their names."""
    shape = y.shape if hasattr(y, "shape") else np.asarray(y).shape
    n_columns = shape[1] if len(shape) == 2 else len(shape)
    wide_allowed = estimator.task_feature is None and estimator._accepts_wide_y
    # scikit-learn's classifiers take a single column for a vector, and say so.
    several = n_columns > 1 or not is_classifier(estimator)
    if len(shape) == 2 and wide_allowed and several:
        names = list(getattr(y, "columns", range(n_columns)))
        return _check_columns(estimator, y), names
    if len(shape) > 2 or n_columns > 1:
        raise ValueError(
            f"y should be a 1d array, got an array of shape {shape} instead: "
            + _why_one_column(estimator)
        )
    return _check_vector(estimator, column_or_1d(y, warn=True)), None


def _why_one_column(estimator):
    if estimator.task_feature is None:
        return f"{type(estimator).__name__} takes one target at a time."
    return (
        f"task_feature={estimator.task_feature!r} already names each row's task; "
        "skmtl.compose.melt_targets turns columns of y into rows."
        + see("columns-of-y-beside-a-task-column")
    )


def _check_vector(estimator, y):
    if is_classifier(estimator):
        assert_all_finite(y, input_name="y", estimator_name=type(estimator).__name__)
        check_classification_targets(y)
        return y
    return check_array(
        y, ensure_2d=False, dtype=np.float64, input_name="y", estimator=estimator
    )


def _check_columns(estimator, y):
    """Check a table with one column per task, where NaN means not observed."""
    dtype = None if is_classifier(estimator) else np.float64
    y = check_array(
        y,
        dtype=dtype,
        ensure_all_finite="allow-nan" if dtype else False,
        ensure_min_samples=1,
        input_name="y",
        estimator=estimator,
    )
    observed = is_observed(y)
    if y.dtype.kind == "f" and np.isinf(y[observed]).any():
        raise ValueError("Input y contains infinity; a missing target must be NaN.")
    if not observed.any():
        raise ValueError(
            f"y of shape {y.shape} has no observed value: all of it is missing."
        )
    return y


def is_observed(y):
    """Return where an array of targets holds a value."""
    if y.dtype.kind == "O":
        flat = (v is not None and v == v for v in y.ravel().tolist())
        return np.fromiter(flat, bool, y.size).reshape(y.shape)
    return ~np.isnan(y) if y.dtype.kind == "f" else np.ones(y.shape, bool)


def name_tasks(target_names):
    """Return ``tasks_`` of an estimator whose table has no task column."""
    names = [0] if target_names is None else target_names
    text = any(isinstance(name, str) for name in names)
    return np.array(names, dtype=object if text else None)


def class_positions(y, classes=None):
    """Return sorted classes, and each target's place among them: NaN where missing.

    ``classes`` are given where an earlier call has told all there are.
    """
    observed = np.ones(y.shape, bool) if y.ndim == 1 else is_observed(y)
    values = y[observed]
    if y.ndim == 2 and y.dtype.kind == "O":
        values = np.array(values.tolist())
    if classes is None:
        classes = np.unique(values)
    if y.ndim == 2 and classes.size > 2:
        raise ValueError(
            f"With one task per column, y must hold two classes; found {classes.size}: "
            f"{classes[:5].tolist()}. Use skmtl.compose.melt_targets and a task column "
            "for more classes."
        )
    position = np.searchsorted(classes, values).clip(max=classes.size - 1)
    if (classes[position] != values).any():
        unknown = np.setdiff1d(values, classes)
        raise ValueError(
            f"y has the classes {unknown.tolist()}, which are not among "
            f"{classes.tolist()}; name all of them in the first call."
        )
    codes = np.full(y.shape, np.nan)
    codes[observed] = position
    return classes, codes
