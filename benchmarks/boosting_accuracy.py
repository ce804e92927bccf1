"""Is multi-task boosting more accurate than LightGBM that sees the task as a category?

Run ``python -m benchmarks.boosting_accuracy cells`` for tables that are generated (12
cells of :func:`skmtl.datasets.make_task_deviations`), ``authors`` for the setting of
the authors of R-MTGB, ``real FOLDER`` for described tables (see
:func:`skmtl.datasets.load_multitask_csv`) and ``speed`` for the time of the default as
a whole. ``--seeds`` does more or less, ``--sets`` names tables, ``--structure`` chooses
what is compared.

Rivals get their rounds from a fifth of each task's rows and are fitted to all rows
then; with real tables one is LightGBM as it comes, one LightGBM with a category that
may speak for few rows ("loose"), and one ``HistGradientBoosting``. ``--out FILE`` keeps
each measurement of real tables as a line, and what stands there already is not measured
again; ``--page FILE`` makes docs/benchmarks/boosting.md of it.

In the cells the error is the mean over tasks of the root mean squared distance from the
target without noise; with real tables tasks' rows are split 70/30 and it is the mean
over tasks of the root mean squared error, or the log loss of classes.
"""

from benchmarks import threads

threads.pin()

import argparse
import csv
import json
import time
import warnings
from pathlib import Path

import lightgbm
import numpy as np
import pandas as pd
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)

from benchmarks import measuring, records
from benchmarks.accuracy_runs import digest
from skmtl.boosting import MultiTaskBoostingClassifier, MultiTaskBoostingRegressor
from skmtl.datasets import load_multitask_csv, make_task_deviations, make_task_functions

CELLS = {
    "reversed": {"n_outlier_tasks": 3, "deviation": 0.5},
    "unrelated": {"n_outlier_tasks": 6, "deviation": 0.3, "outliers": "unrelated"},
    "hetero": {"deviation": 1.2},
    "clean": {"deviation": 0.3},
}
SIZES = (30, 100, 300)
DEVELOPMENT = [
    *("polls2016", "gapminder", "exam", "computer", "portal_rodents", "hsb82"),
    *("communities", "parkinsons", "mhc1_hla_a", "seoul_temperature", "school"),
    *("abalone", "beijing_air"),
]
CLASSES = ["landmine", "heart", "adult", "bank_marketing", "avila"]
TREES = {
    "num_leaves": 15,
    "learning_rate": 0.1,
    "min_data_in_leaf": 10,
    "lambda_l2": 1.0,
    "verbosity": -1,
    "num_threads": 1,
}
# What a category must have to be heard, against 100 rows, 10 and 10 as it comes.
LOOSE = {"min_data_per_group": 5, "cat_smooth": 1.0, "cat_l2": 1.0}
RIVALS = ("LightGBM", "loose", "HistGB")
# Categories that HistGradientBoosting can tell apart.
MOST_CATEGORIES = 255
COLUMNS = (
    *("set", "seed", "rows", "tasks", *RIVALS, "ours", "cpu_rival", "cpu_ours", "code"),
)
NOTES = """\
Rows of every task are split 70/30. The loss is the mean over tasks of the root mean
squared error, of a target with a standard deviation of one, or of the log loss of
classes. Trees have 15 leaves and a rate of .1 everywhere. The rivals see the task as a
category and take their rounds from a fifth of each task's rows, then learn from all:
LightGBM as it comes, LightGBM that lets a category speak for five rows ("loose"), and
HistGradientBoosting (beyond 255 tasks, the task is a number). GPBoost has random
intercepts of tasks in place of the category (`python -m benchmarks.boosting_gpboost
FOLDER`). Changes are means over splits of our loss over theirs, with the standard error
of pairs. These sets were looked at while the models were designed. The last column is
our processor time over that of the first rival, whose two fits choose nothing but their
rounds.
"""


class LightGBM:
    """LightGBM with the task as a category and rounds by early stopping."""

    def __init__(self, objective, n_classes=0, **more):
        self.settings = dict(TREES, objective=objective, **more)
        if n_classes > 2:
            self.settings["num_class"] = n_classes

    def fit(self, X, y, rng):
        """Fit, with the task in the last column."""
        held_out = choose(X[:, -1], rng, 0.2, least=2)
        last = [X.shape[1] - 1]
        train, test = (
            lightgbm.Dataset(X[part], y[part], categorical_feature=last)
            for part in (~held_out, held_out)
        )
        test.reference = train
        stop = lightgbm.early_stopping(30, verbose=False)
        first = lightgbm.train(
            self.settings, train, 1500, valid_sets=[test], callbacks=[stop]
        )
        everything = lightgbm.Dataset(X, y, categorical_feature=last)
        n_rounds = max(first.best_iteration, 1)
        self.model = lightgbm.train(self.settings, everything, n_rounds)
        return self

    def predict(self, X):
        """Return predictions, or probabilities."""
        return self.model.predict(X)


def choose(task, rng, share, least=1):
    """Return a random share of each task's rows as a mask."""
    chosen = np.zeros(task.size, bool)
    for t in np.unique(task):
        rows = np.flatnonzero(task == t)
        size = max(least, int(share * rows.size))
        chosen[rng.choice(rows, min(size, rows.size - 1), replace=False)] = True
    return chosen


def timed(work):
    """Return what a call returns and its CPU seconds."""
    start = time.process_time()
    return work(), time.process_time() - start


def by_task(loss, task):
    """Return the mean over tasks of the mean loss of their rows."""
    return np.bincount(task, loss) / np.maximum(np.bincount(task), 1)


def one_cell(kind, size, seed, structure):
    """Return errors of the rival and of ours on one generated table, and times."""
    rng = np.random.default_rng(seed)
    sizes = np.clip(rng.lognormal(np.log(size), 0.5, 30).astype(int), 12, None)
    bunch = make_task_deviations(
        30,
        200 + sizes,
        size_spread=0.0,
        noise=0.0,
        random_state=seed,
        as_frame=False,
        shuffle=False,
        **CELLS[kind],
    )
    X, mean = bunch.data, bunch.target
    task = X[:, -1].astype(int)
    place = np.arange(task.size) - np.searchsorted(task, task)
    train = place < sizes[task]
    test = ~train
    y = mean + 0.5 * rng.normal(size=mean.size)
    rival, theirs = timed(lambda: LightGBM("regression").fit(X[train], y[train], rng))
    model = MultiTaskBoostingRegressor(structure=structure, task_feature=-1)
    ours, own = timed(lambda: model.fit(X[train], y[train]))
    errors = [
        np.sqrt(by_task((m.predict(X[test]) - mean[test]) ** 2, task[test])).mean()
        for m in (rival, ours)
    ]
    return errors, (theirs, own)


def cells(options):
    """Print the table of the generated cells."""
    ratios = []
    for kind in CELLS:
        for size in SIZES:
            found = [
                one_cell(kind, size, 100 + seed, options.structure)
                for seed in range(options.seeds)
            ]
            rival, ours = np.mean([errors for errors, _ in found], axis=0)
            theirs, own = np.sum([times for _, times in found], axis=0)
            ratios.append(ours / rival)
            print(
                f"{kind:10s} {size:4d} rows a task: LightGBM {rival:.3f}, ours "
                f"{ours:.3f}, ratio {ours / rival:.3f}, CPU {own / theirs:.2f}",
                flush=True,
            )
    ratios = np.array(ratios)
    print(
        f"better in {(ratios < 1).sum()} of {ratios.size}, geometric mean "
        f"{np.exp(np.log(ratios).mean()):.3f}"
    )


def authors(options):
    """Print the setting of the authors of R-MTGB and variants of it."""
    settings = {
        "regression": {},
        "classification": {"problem": "classification"},
        "noise 0.3": {"noise": 0.3},
        "three distinct outliers": {"n_outlier_tasks": 3, "n_outlier_functions": 3},
    }
    for label, changes in settings.items():
        figures, found = [], []
        for seed in range(options.seeds):
            bunch = make_task_functions(
                **{
                    "n_samples": 1300,
                    "n_outlier_tasks": 2,
                    "as_frame": False,
                    "shuffle": False,
                    "random_state": seed,
                    **changes,
                }
            )
            X, y = bunch.data, bunch.target
            place = np.arange(len(y)) - np.searchsorted(X[:, -1], X[:, -1])
            train = place < 300
            rng = np.random.default_rng(seed)
            classify = label == "classification"
            kind = MultiTaskBoostingClassifier if classify else None
            kind = kind or MultiTaskBoostingRegressor
            model = kind(structure=options.structure, task_feature=-1)
            if classify:
                y = (y == np.unique(y)[1]).astype(float)
            objective = "binary" if classify else "regression"
            rival = LightGBM(objective).fit(X[train], y[train], rng)
            model.fit(X[train], y[train])
            pair = []
            for m in (rival, model):
                said = m.predict(X[~train])
                if classify:
                    pair.append(np.mean((said > 0.5) == y[~train]))
                else:
                    pair.append(np.sqrt(np.mean((said - y[~train]) ** 2)))
            figures.append(pair)
            outliers = np.unique(X[:, -1])[-changes.get("n_outlier_tasks", 2) :]
            found.append(np.array_equal(model.outlier_tasks_, outliers))
        rival, ours = np.mean(figures, axis=0)
        print(
            f"{label:24s} LightGBM {rival:.4f}, ours {ours:.4f}, exactly the outliers "
            f"in {np.mean(found):.0%} of {len(found)}",
            flush=True,
        )


def read(folder):
    """Return features with the task last, targets, and whether these are classes."""
    bunch = load_multitask_csv(folder)
    kind = json.loads(Path(folder, "meta.json").read_text())["type"]
    X, name = bunch.data, bunch.task_feature
    task = X.pop(name).astype("category").cat.codes.to_numpy()
    X = pd.get_dummies(X, dtype=float).to_numpy(float)
    X = np.column_stack([X, task])
    classify = kind in ("binary", "classification")
    y = bunch.target
    if classify:
        return X, y.astype("category").cat.codes.to_numpy(float), True
    y = y.to_numpy(float)
    return X, (y - y.mean()) / y.std(), False


class HistGB:
    """HistGradientBoosting with the task as a category and rounds by early stopping."""

    def __init__(self, classify):
        kind = HistGradientBoostingRegressor
        self.kind = HistGradientBoostingClassifier if classify else kind
        self.classify = classify

    def fit(self, X, y, rng):
        """Fit, with the task in the last column; too many tasks are a number."""
        held_out = choose(X[:, -1], rng, 0.2, least=2)
        last = X.shape[1] - 1
        few = X[:, -1].max() < MOST_CATEGORIES
        settings = {
            "learning_rate": TREES["learning_rate"],
            "max_leaf_nodes": TREES["num_leaves"],
            "categorical_features": [last] if few else None,
        }
        stopping = {"early_stopping": True, "n_iter_no_change": 30, "tol": 0.0}
        first = self.kind(max_iter=1500, scoring="loss", **stopping, **settings)
        first.fit(X[~held_out], y[~held_out], X_val=X[held_out], y_val=y[held_out])
        n_rounds = max(int(np.argmax(first.validation_score_)), 1)
        self.model = self.kind(max_iter=n_rounds, early_stopping=False, **settings)
        self.model.fit(X, y)
        return self

    def predict(self, X):
        """Return predictions, or probabilities."""
        return self.model.predict_proba(X) if self.classify else self.model.predict(X)


def split(X, y, rng):
    """Return the rows of tasks that have eight or more, and a test part of each."""
    kept = np.bincount(X[:, -1].astype(int))[X[:, -1].astype(int)] >= 8
    X, y = X[kept], y[kept]
    return X, y, choose(X[:, -1], rng, 0.3)


def one_split(X, y, classify, seed, structure):
    """Return the macro losses of the rivals and of ours, and CPU seconds."""
    rng = np.random.default_rng(seed)
    X, y, test = split(X, y, rng)
    n_classes = int(y.max()) + 1 if classify else 0
    objective = "regression"
    if classify:
        objective = "binary" if n_classes == 2 else "multiclass"
    kind = MultiTaskBoostingClassifier if classify else MultiTaskBoostingRegressor
    model = kind(structure=structure, task_feature=-1)
    rivals = (
        LightGBM(objective, n_classes),
        LightGBM(objective, n_classes, **LOOSE),
        HistGB(classify),
    )
    rivals, times = zip(
        *(
            timed(lambda rival=rival: rival.fit(X[~test], y[~test], rng))
            for rival in rivals
        ),
        strict=True,
    )
    model, own = timed(lambda: model.fit(X[~test], y[~test]))
    losses = [loss_of(m, False, X[test], y[test], classify) for m in rivals]
    losses.append(loss_of(model, True, X[test], y[test], classify))
    sizes = {"rows": int((~test).sum()), "tasks": np.unique(X[:, -1]).size}
    return losses, (times[0], own), sizes


def loss_of(model, is_ours, X, y, classify):
    """Return the mean over tasks of their root mean squared error or log loss."""
    task = X[:, -1].astype(int)
    has_rows = np.bincount(task) > 0
    if not classify:
        errors = by_task((model.predict(X) - y) ** 2, task)
        return np.sqrt(errors[has_rows]).mean()
    said = model.predict_proba(X) if is_ours else model.predict(X)
    if said.ndim == 1:
        said = np.column_stack([1 - said, said])
    own_class = said[np.arange(len(said)), y.astype(int)]
    errors = by_task(-np.log(np.clip(own_class, 1e-6, None)), task)
    return errors[has_rows].mean()


def real(options):
    """Measure real sets split by split, and print their table."""
    found = measured(options.out)
    names = options.sets or DEVELOPMENT + CLASSES
    for seed in range(options.seeds):
        for name in names:
            if (name, seed) in found:
                continue
            table = read(options.folder / name)
            losses, times, sizes = one_split(*table, seed, options.structure)
            values = (name, seed, *sizes.values(), *losses, *times, digest())
            found[name, seed] = dict(zip(COLUMNS, values, strict=True))
            keep(options.out, found[name, seed])
    report([row for (name, _), row in found.items() if name in names])


def measured(path):
    """Return the measurements of a file by set and seed."""
    if path is None or not path.exists():
        return {}
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    numbers = [
        {
            name: value if name in ("set", "code") else float(value)
            for name, value in row.items()
        }
        for row in rows
    ]
    return {(row["set"], int(row["seed"])): row for row in numbers}


def keep(path, row):
    """Add a measurement to a file."""
    if path is None:
        return
    is_new = not path.exists()
    beside = path.with_suffix(".json")
    beside.write_text(json.dumps(records.measured_with(), indent=1) + "\n")
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        if is_new:
            writer.writeheader()
        writer.writerow(row)


def compared(rows, others=None):
    """Return a line for each set, and the median change for each rival.

    ``others`` is what rivals that were measured apart lost, by rival, set and seed.
    """
    table, others = pd.DataFrame(rows), others or {}
    places = list(zip(table["set"], table["seed"].astype(int), strict=True))
    for rival, found in others.items():
        table[rival] = [found.get(place, np.nan) for place in places]
    rivals = (*RIVALS, *others)
    lines, changes = [], {rival: [] for rival in rivals}
    for name, part in table.groupby("set", sort=False):
        cells = [name, int(part["tasks"].iloc[0]), len(part)]
        cells.append(f"{part['ours'].mean():.4f}")
        for rival in rivals:
            change = (part["ours"] / part[rival] - 1.0).dropna()
            if change.empty:
                cells.append("no figure")
                continue
            changes[rival].append(change.mean())
            cells.append(f"{change.mean():+.1%}{spread(change, len(part))}")
        cells.append(f"{part['cpu_ours'].sum() / part['cpu_rival'].sum():.1f}")
        lines.append(cells)
    medians = [f"{np.median(values):+.1%}" for values in changes.values()]
    lines.append(["median", "", "", "", *medians, ""])
    return lines


def spread(change, n_splits):
    """Return the standard error of a mean, and of how many splits if not of all."""
    n = len(change)
    error = f" ± {change.std(ddof=1) / np.sqrt(n):.1%}" if n > 1 else ""
    return error if n == n_splits else f"{error} ({n} of {n_splits})"


def header(others=()):
    """Return the names of the columns of :func:`compared`."""
    return ["set", "tasks", "splits", "ours", *RIVALS, *others, "time"]


def report(rows):
    """Print how ours compares with each rival, set by set."""
    print(measuring.table(compared(rows), header()))


def write_page(path):
    """Write the page of the measurements of a file."""
    from benchmarks.boosting_gpboost import apart, failures

    rows, others = list(measured(path).values()), apart(path)
    parts = (
        "# Multi-task boosting on real tables\n",
        "Made by `python -m benchmarks.boosting_accuracy real FOLDER --out FILE`,",
        "and the same with `--page FILE`.",
        records.provenance(path) + records.states(rows),
        NOTES,
        records.markdown(header(others), compared(rows, others)),
        failures(path),
    )
    page = records.PAGES / "boosting.md"
    page.write_text("\n".join(parts), encoding="utf-8")


def speed(options):
    """Print the time of the default beside LightGBM with rounds by 3-fold CV."""
    for n_rows, n_tasks in ((5_000, 20), (50_000, 200)):
        bunch = make_task_deviations(
            n_tasks, n_rows // n_tasks, 20, as_frame=False, random_state=0
        )
        X, y = bunch.data, bunch.target

        def theirs(X=X, y=y):
            rng = np.random.default_rng(0)
            last = [X.shape[1] - 1]
            data = lightgbm.Dataset(X, y, categorical_feature=last)
            settings = dict(TREES, objective="regression", metric="l2")
            folds = rng.integers(0, 3, len(y))
            splits = [
                (np.flatnonzero(folds != k), np.flatnonzero(folds == k))
                for k in range(3)
            ]
            stop = lightgbm.early_stopping(30, verbose=False)
            found = lightgbm.cv(settings, data, 1500, folds=splits, callbacks=[stop])
            n_rounds = len(found["valid l2-mean"])
            lightgbm.train(
                settings, lightgbm.Dataset(X, y, categorical_feature=last), n_rounds
            )
            return n_rounds

        def ours(X=X, y=y):
            return MultiTaskBoostingRegressor(task_feature=-1).fit(X, y)

        ours()
        ratios = []
        for _ in range(options.seeds):
            n_rounds, rival = timed(theirs)
            model, own = timed(ours)
            ratios.append(own / rival)
        print(
            f"{n_rows:,} rows, {n_tasks} tasks: {np.median(ratios):.2f} of LightGBM "
            f"tuned by 3-fold CV ({n_rounds} rounds; ours {model.n_iter_})",
            flush=True,
        )


def main():
    """Run one part."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=["cells", "authors", "real", "speed"])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--sets", nargs="*")
    parser.add_argument("--structure", default="auto")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--page", type=Path)
    options = parser.parse_args()
    if options.page is not None:
        write_page(options.page)
        return
    warnings.simplefilter("ignore")
    parts = {"cells": cells, "authors": authors, "real": real, "speed": speed}
    parts[options.part](options)


if __name__ == "__main__":
    main()
