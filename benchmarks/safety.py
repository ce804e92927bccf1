"""Is sharing with SafeTasks ever worse than not sharing?

Run ``python -m benchmarks.safety FOLDER``, with one described table per folder inside
(see :func:`skmtl.datasets.load_multitask_csv`). ``--sets``, ``--seeds`` and
``--shared`` do less or more. Each task's rows, or the rows that all tasks share, are
split 70/30 at random; models see the 70.

A task's loss is its mean squared error, or its mean log loss with probabilities of at
least 0.001, on its test rows, averaged over seeds. Tasks of all sets are ranked by
their training rows and cut into quarters. In each set and quarter, losses are added
over tasks (divided by the variance of their column, where tasks are columns of y) and
compared with the losses, added in the same way, of the single-task models that
SafeTasks mixes in. The quarter's figure is the geometric mean of these ratios over
sets, each counting as many times as it has tasks in the quarter; beside it stand the
same with every set counting once, how many sets are above 1.005, and the worst set.
The bar is 1.005 for the first.
"""

from benchmarks import threads

threads.pin()

import argparse
import json
import warnings
from copy import copy
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.base import is_classifier
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.linear_model import BayesianRidge, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmtl.baselines import IndependentTasks, PooledTasks
from skmtl.datasets import load_multitask_csv
from skmtl.safety import SafeTasks

BAR = 1.005
FLOOR = 1e-3
SHARED = ("drop", "onehot", "boosting", "hierarchical", "representation")


def linear(classify):
    model = LogisticRegression(max_iter=1000) if classify else BayesianRidge()
    return make_pipeline(StandardScaler(), model)


def shared_model(name, classify):
    if name in ("drop", "onehot"):
        return PooledTasks(linear(classify), encode=name)
    if name == "boosting":
        kinds = HistGradientBoostingRegressor, HistGradientBoostingClassifier
        return PooledTasks(kinds[classify](random_state=0), encode="category")
    import skmtl.linear as models

    kinds = {"hierarchical": "Hierarchical", "representation": "SharedRepresentation"}
    return getattr(models, kinds[name] + ["Regressor", "Classifier"][classify])()


def read(folder):
    """Return X with the task's code last, y (missing as NaN) and the kind of target."""
    bunch = load_multitask_csv(folder)
    kind = json.loads(Path(folder, "meta.json").read_text())["type"]
    X, task = bunch.data, None
    if bunch.task_feature is not None:
        task = X.pop(bunch.task_feature).astype("category").cat.codes.to_numpy()
    X = pd.get_dummies(X, dtype=float).to_numpy(float)
    y = bunch.target.to_numpy(float)
    return X, y, task, kind in ("binary", "classification")


def split(y, task, rng):
    """Return training and test rows; a task with one row keeps it for training."""
    group = np.zeros(len(y), int) if task is None else task
    train = np.zeros(len(y), bool)
    for t in np.unique(group):
        rows = rng.permutation(np.flatnonzero(group == t))
        train[rows[: int(np.ceil(0.7 * rows.size))]] = True
    return train, ~train


def completed(X, train):
    """Fill gaps by the medians of training rows."""
    seen = X[train]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        median = np.nan_to_num(np.nanmedian(seen, axis=0))
    return np.where(np.isnan(X), median, X)


def task_losses(model, X, y, scale):
    """Return each task's mean test loss, NaN for tasks without test rows."""
    if is_classifier(model):
        p = model.predict_proba(X)
        if y.ndim == 1:
            p = p[:, 1]
        p = np.clip(np.where(y == 1, p, 1 - p), FLOOR, None)
        loss = np.where(np.isnan(y), np.nan, -np.log(p))
    else:
        loss = (y - model.predict(X)) ** 2 / scale
    frame = pd.DataFrame(loss)
    if y.ndim == 1:
        frame = frame.groupby(X[:, -1].astype(int)).mean()
        frame = frame.reindex(range(model.n_tasks_))
        return frame[0].to_numpy()
    return frame.mean().to_numpy()


def compare(name, data, seed):
    """Return the training rows and three losses of every task."""
    X, y, task, classify = data
    train, test = split(y, task, np.random.default_rng(seed))
    X = completed(X, train)
    task_feature = None
    if task is not None:
        X, task_feature = np.column_stack([X, task]), -1
    # Columns, classes and one whole table have a scale of one.
    scale = np.nanvar(y[train], axis=0) if y.ndim == 2 and not classify else 1.0
    safe = SafeTasks(
        shared_model(name, classify), linear(classify), task_feature=task_feature
    )
    safe.fit(X[train], y[train])
    single = IndependentTasks(linear(classify), task_feature=task_feature)
    single.fit(X[train], y[train])
    if y.ndim == 1:
        n_rows = np.bincount(task[train])
    else:
        n_rows = (~np.isnan(y[train])).sum(axis=0)
    models = single, with_open_gates(safe), safe
    losses = [task_losses(model, X[test], y[test], scale) for model in models]
    return pd.DataFrame(
        {
            "task": range(safe.n_tasks_),
            "n_rows": n_rows,
            "gate": safe.gate_,
            "single": losses[0],
            "shared": losses[1],
            "safe": losses[2],
        }
    )


def with_open_gates(safe):
    """Return the shared model alone, in the clothes of a fitted SafeTasks."""
    opened = copy(safe)
    opened.gate_ = np.ones_like(safe.gate_)
    return opened


def summary(results, column):
    """Return one row per quarter of task sizes."""
    keys = ["model", "set", "task"]
    tasks = results.groupby(keys).mean(numeric_only=True).reset_index().dropna()
    size = tasks.groupby(["set", "task"])["n_rows"].first()
    edges = np.quantile(size, [0.25, 0.5, 0.75])
    tasks["quarter"] = np.searchsorted(edges, tasks["n_rows"])
    cells = tasks.groupby(["model", "set", "quarter"]).agg(
        single=("single", "sum"), other=(column, "sum"), count=("task", "size")
    )
    cells["log"] = np.log(cells["other"] / cells["single"])
    rows = []
    for quarter, part in cells.groupby("quarter"):
        worst = part["log"].idxmax()
        limits = np.r_[size.min(), edges, size.max()][quarter : quarter + 2]
        rows.append(
            {
                "rows": f"{limits[0]:.0f} to {limits[1]:.0f}",
                "tasks": int(part["count"].sum()),
                "by_task": np.exp(np.average(part["log"], weights=part["count"])),
                "by_set": np.exp(part["log"].mean()),
                "worse_sets": f"{(part['log'] > np.log(BAR)).sum()} of {len(part)}",
                "worst": np.exp(part["log"].max()),
                "worst_set": "/".join(map(str, worst[:2])),
            }
        )
    return pd.DataFrame(rows)


def report(results):
    """Print quarters for each shared model and for all together."""
    models = [*results["model"].unique()]
    for name in [*models, "all"]:
        part = results if name == "all" else results[results["model"] == name]
        for column in ("shared", "safe"):
            print(f"\nshared model {name}: loss of {column} / loss of single")
            print(summary(part, column).to_string(index=False, float_format="%.4f"))
    safe = summary(results, "safe")["by_task"]
    print(
        f"\nbar: every quarter <= {BAR}: {'met' if (safe <= BAR).all() else 'missed'}"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sets", nargs="*", help="names of folders; all by default")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--shared", nargs="*", default=SHARED, choices=SHARED)
    parser.add_argument("--save", type=Path, help="write each task's losses to a CSV")
    options = parser.parse_args()
    folders = sorted(path.parent for path in options.folder.glob("*/meta.json"))
    if options.sets:
        folders = [folder for folder in folders if folder.name in options.sets]
    results = []
    for folder in folders:
        data = read(folder)
        for name in options.shared:
            for seed in range(options.seeds):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    part = compare(name, data, seed)
                results.append(part.assign(set=folder.name, model=name, seed=seed))
            print(folder.name, name, flush=True)
            if options.save:
                pd.concat(results).to_csv(options.save, index=False)
    report(pd.concat(results))


if __name__ == "__main__":
    main()
