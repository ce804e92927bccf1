"""TaskHeads around LightGBM beside LightGBM with the task as a category.

Run ``python -m benchmarks.task_heads [FOLDER]``; ``--seeds``, ``--cells`` and
``--sets`` do less or more. Both wrap the same estimator, whose parameters are tuned on
neither.

Synthetic cells are those of :func:`skmtl.datasets.make_task_deviations` with 30 tasks
of about 30, 100 and 300 rows: a tenth of the tasks reversed, a fifth that follow
another function, no outliers but large deviations, and small ones. The error is that of
the noise-free function at new rows. With FOLDER, which holds one described table per
folder (see :func:`skmtl.datasets.load_multitask_csv`), tables with a task column are
split 70/30 within tasks; the error is that of the target, or the log loss. Errors are
root mean squares by task, averaged over tasks; ratios of errors are averaged over seeds
by their logarithms. Bars: below 1 in every cell, at most 1.01 on every table.
"""

from benchmarks import threads

threads.pin()

import argparse
import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from lightgbm import LGBMClassifier, LGBMRegressor

from benchmarks.measuring import table
from skmtl.baselines import PooledTasks
from skmtl.boosting import TaskHeads
from skmtl.datasets import load_multitask_csv, make_task_deviations

CELLS = {
    "reversed": {"deviation": 0.5, "n_outlier_tasks": 3},
    "unrelated": {"deviation": 0.3, "n_outlier_tasks": 6, "outliers": "unrelated"},
    "heterogeneous": {"deviation": 1.2},
    "clean": {"deviation": 0.3},
}
SIZES = (30, 100, 300)
N_NEW = 200
CELL_BAR, TABLE_BAR = 1.0, 1.01
FEWEST_ROWS, MOST_ROWS = 8, 20_000
FLOOR = 1e-3


def wrapped(classify):
    kind = LGBMClassifier if classify else LGBMRegressor
    return kind(n_estimators=200, num_leaves=15, n_jobs=1, verbose=-1)


def synthetic(name, n_samples, seed):
    """Return rows to learn from, and new rows with the values of the functions."""
    tasks = make_task_deviations(
        n_samples=n_samples, size_spread=0.5, random_state=seed, **CELLS[name]
    )
    rng, parts, values = np.random.default_rng(seed), [], []
    for task in tasks.task_names:
        X = rng.standard_normal((N_NEW, len(tasks.feature_names)))
        values.append(tasks.functions[task](X))
        frame = pd.DataFrame(X, columns=tasks.feature_names)
        parts.append(frame.assign(**{tasks.task_feature: task}))
    new = pd.concat(parts, ignore_index=True)
    return tasks.data, tasks.target, new, np.concatenate(values)


def real(bunch, seed):
    """Return rows to learn from, and those held out, of tasks with enough rows."""
    X, y = bunch.data, bunch.target.to_numpy(float)
    # LightGBM refuses names with some signs.
    X = X.rename(columns={name: f"x{j}" for j, name in enumerate(bunch.feature_names)})
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(y))[:MOST_ROWS]
    X, y = X.iloc[chosen].reset_index(drop=True), y[chosen]
    size = X.groupby(bunch.task_feature)[bunch.task_feature].transform("size")
    X, y = X[size >= FEWEST_ROWS].reset_index(drop=True), y[size >= FEWEST_ROWS]
    place = X.groupby(bunch.task_feature).cumcount()
    size = X.groupby(bunch.task_feature)[bunch.task_feature].transform("size")
    train = (place < np.ceil(0.7 * size)).to_numpy()
    return X[train], y[train], X[~train], y[~train]


def error(model, X, y, task_feature, classify):
    """Return the mean over tasks of the root mean squared error, or of the log loss."""
    if classify:
        share = model.predict_proba(X)[:, 1]
        loss = -np.log(np.clip(np.where(y > 0, share, 1 - share), FLOOR, None))
    else:
        loss = (y - model.predict(X)) ** 2
    by_task = pd.Series(loss).groupby(X[task_feature].to_numpy()).mean()
    return (by_task if classify else np.sqrt(by_task)).mean()


def compare(rows, task_feature, classify=False):
    """Return the error of the rival, and ours in its units."""
    X, y, new, truth = rows
    rival = PooledTasks(
        wrapped(classify), encode="category", task_feature=task_feature
    ).fit(X, y)
    ours = TaskHeads(wrapped(classify), task_feature=task_feature).fit(X, y)
    theirs = error(rival, new, truth, task_feature, classify)
    return theirs, error(ours, new, truth, task_feature, classify) / theirs


def summary(name, found, bar):
    theirs, ratios = np.transpose(found)
    logs = np.log(ratios)
    spread = logs.std(ddof=1) / np.sqrt(logs.size) if logs.size > 1 else np.nan
    ratio = np.exp(logs.mean())
    verdict = "met" if ratio <= bar else "missed"
    return [name, f"{theirs.mean():.4g}", f"{ratio:.3f}", f"{spread:.3f}", verdict]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--cells", nargs="*", default=list(CELLS), choices=list(CELLS))
    parser.add_argument("--sets", nargs="*", help="names of folders; all by default")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    lines = []

    def add(*line):
        lines.append(summary(*line))
        print("  ".join(lines[-1]), flush=True)

    for name in options.cells:
        for size in SIZES:
            rows = [synthetic(name, size, seed) for seed in range(options.seeds)]
            add(f"{name}, {size} rows", [compare(r, "task") for r in rows], CELL_BAR)
    folders = []
    if options.folder is not None:
        folders = sorted(path.parent for path in options.folder.glob("*/meta.json"))
    for folder in folders:
        if options.sets is not None and folder.name not in options.sets:
            continue
        kind = json.loads((folder / "meta.json").read_text())["type"]
        bunch = load_multitask_csv(folder)
        if bunch.task_feature is None or not isinstance(bunch.target, pd.Series):
            continue
        classify = kind in ("binary", "classification")
        found = [
            compare(real(bunch, seed), bunch.task_feature, classify)
            for seed in range(options.seeds)
        ]
        add(folder.name, found, TABLE_BAR)
    header = ["rows", "error of LightGBM + category", "ratio", "its s.e.", "bar"]
    print("\n" + table(lines, header))


if __name__ == "__main__":
    main()
