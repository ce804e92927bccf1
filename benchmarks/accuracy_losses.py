"""Losses by task and of all rows, of predictions of the leaderboard (see accuracy)."""

import numpy as np
from sklearn.metrics import roc_auc_score

# No probability is surer than this: one confident mistake must not decide a mean.
FLOOR = 1e-3


def losses(part, prediction):
    """Return losses of predictions, or of probabilities, as a dictionary.

    "macro" is the mean over tasks of "by task": root mean squared errors, or one minus
    the area under the ROC curve of tasks whose rows have both classes. With classes
    "macro_log" and "log by task" are the log loss; names with "pooled" take all rows
    at once. Tasks without test rows have no loss.
    """
    prediction = np.asarray(prediction, dtype=float)
    if prediction.shape != part.y.shape:
        raise ValueError(f"{prediction.shape} predictions for {part.y.shape} targets.")
    y, task = cells(part, part.y)
    said, _ = cells(part, prediction)
    if not np.isfinite(said).all():
        raise ValueError(f"{(~np.isfinite(said)).sum()} predictions are not finite.")
    place = [task == name for name in part.lesson.tasks]
    if part.lesson.kind == "regression":
        return summary(root_mean_square, y, said, place)
    said = np.clip(said, FLOOR, 1.0 - FLOOR)
    log = summary(log_loss, y, said, place)
    return summary(missed_area, y, said, place) | {
        "macro_log": log["macro"],
        "pooled_log": log["pooled"],
        "log_by_task": log["by_task"],
    }


def cells(part, values):
    """Return the values of observed cells and their tasks, one after the other."""
    if part.task is not None:
        return values, part.task
    seen = ~np.isnan(part.y)
    tasks = np.broadcast_to(part.lesson.tasks, part.y.shape)
    return values[seen], tasks[seen]


def summary(loss, y, said, place):
    """Return a loss for each task, their mean, and that of all rows at once."""
    by_task = [loss(y[rows], said[rows]) if rows.any() else np.nan for rows in place]
    known = [value for value in by_task if not np.isnan(value)]
    macro = float(np.mean(known)) if known else np.nan
    return {"macro": macro, "pooled": loss(y, said), "by_task": by_task}


def root_mean_square(y, said):
    """Return the root mean squared error."""
    return float(np.sqrt(np.mean((y - said) ** 2)))


def log_loss(y, said):
    """Return the mean log loss."""
    return float(-np.mean(np.log(np.where(y > 0, said, 1.0 - said))))


def missed_area(y, said):
    """Return one minus the area under the ROC curve, if there are both classes."""
    if np.unique(y).size < 2:
        return np.nan
    return float(1.0 - roc_auc_score(y, said))
