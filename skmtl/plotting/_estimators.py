"""What displays read of fitted estimators and of tables that runs leave behind."""

import numpy as np
from sklearn.utils.validation import check_is_fitted


def innermost(estimator):
    """Return the estimator at the end of pipelines and inside searches."""
    if hasattr(estimator, "best_estimator_"):
        return innermost(estimator.best_estimator_)
    if hasattr(estimator, "steps"):
        return innermost(estimator.steps[-1][1])
    return estimator


def read_fitted(display, estimator, name, hint):
    """Return the innermost estimator and an attribute it must have."""
    check_is_fitted(estimator)
    model = innermost(estimator)
    value = getattr(model, name, None)
    if value is None:
        raise TypeError(
            f"{display} shows the attribute {name} of a fitted estimator, which "
            f"{type(model).__name__} does not have. {hint}"
        )
    return model, value


def named_estimators(estimator):
    """Return estimators by name: those passed so, or one by the name of its class."""
    if hasattr(estimator, "keys"):
        found = {str(name): estimator[name] for name in estimator}
    else:
        found = {type(innermost(estimator)).__name__: estimator}
    for model in found.values():
        check_is_fitted(model)
    return found


def find_task_feature(estimators, y):
    """Return the task column that estimators of the same table name, or None.

    A position says nothing of the table that a pipeline is given, whose steps may move
    columns.
    """
    for estimator in estimators:
        model = innermost(estimator)
        column = getattr(model, "task_feature", None)
        if isinstance(column, str) or (column is not None and model is estimator):
            return column
    if np.ndim(y) != 2:
        raise ValueError(
            "No estimator names the column of X that holds tasks: pass task_feature."
        )
    return None


def feature_names(model, n_features):
    """Return the names of an estimator's features without the task column."""
    names = getattr(model, "feature_names_in_", None)
    if names is None:
        return [f"x{j}" for j in range(n_features)]
    if model.task_feature is not None:
        names = np.delete(names, model._task_column)
    return names.tolist()


def read_history(display, history, *names):
    """Return columns of what ``run_active_learning`` returns, or of its history."""
    table = getattr(history, "history", history)
    try:
        return [np.asarray(table[name]) for name in names]
    except (KeyError, IndexError, TypeError, ValueError):
        raise TypeError(
            f"{display} takes what run_active_learning returns, or its history: a "
            f"table with the columns {list(names)}; got {type(history).__name__}."
        ) from None


def labels_of(tasks, n):
    """Return the labels of `n` tasks: their positions if nobody named them."""
    if tasks is None:
        return np.arange(n)
    labels = np.asarray(tasks, dtype=object)
    if labels.shape != (n,):
        raise ValueError(
            f"tasks must hold the labels of {n} tasks, got {labels.size} of them."
        )
    return labels
