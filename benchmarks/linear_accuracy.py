"""Measure the hierarchical models on data sets with published protocols.

Run ``python -m benchmarks.linear_accuracy FOLDER``, where every set is a folder with
``data.csv.gz``: columns ``task``, ``target`` and features, or ``y_*`` and features.
Rivals see the same splits: one ridge per task with cross-validated strength, one for
all tasks, and, for classes, logistic regression. Standard errors are over the splits.
"""

import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegressionCV, RidgeCV
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmtl.linear import HierarchicalClassifier, HierarchicalRegressor


class Split(NamedTuple):
    """Rows with their tasks in front, split in two."""

    X_train: np.ndarray
    y_train: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray


def read(folder, name):
    """Return tasks, features and targets of a set of grouped rows."""
    table = pd.read_csv(Path(folder, name, "data.csv.gz"), dtype={"task": str})
    other = [c for c in table if c in ("task", "target") or c.startswith("alt_")]
    task = table["task"].factorize(sort=True)[0]
    X = table.drop(columns=other).to_numpy(float)
    return task, X, table["target"].to_numpy(float)


def by_task(task, X, y, size, seed):
    """Split every task at random; ``size`` is a share of its rows or their number."""
    rng, train = np.random.default_rng(seed), np.zeros(len(y), bool)
    for t in np.unique(task):
        rows = rng.permutation(np.flatnonzero(task == t))
        count = size if isinstance(size, int) else round(size * rows.size)
        train[rows[:count]] = True
    table = np.column_stack([task, X])
    return Split(table[train], y[train], table[~train], y[~train])


def profiles(task, X, y):
    """Split every person's twenty answers into the first sixteen and the last four."""
    place = np.zeros(len(y), int)
    for t in np.unique(task):
        place[task == t] = np.arange((task == t).sum())
    train, table = place < 16, np.column_stack([task, X])
    return Split(table[train], y[train], table[~train], y[~train])


def targets(folder, name, n_train, seed):
    """Return standardised targets as tasks with the same random training rows."""
    table = pd.read_csv(Path(folder, name, "data.csv.gz"))
    columns = [c for c in table if c.startswith("y_")]
    X, Y = table.drop(columns=columns).to_numpy(float), table[columns].to_numpy(float)
    rows = np.random.default_rng(seed).permutation(len(X))
    train, test = rows[:n_train], rows[n_train:]
    Y = (Y - Y[train].mean(axis=0)) / Y[train].std(axis=0)

    def melt(rows):
        task = np.repeat(np.arange(Y.shape[1]), rows.size)
        table = np.column_stack([task, np.tile(X[rows], (Y.shape[1], 1))])
        return table, Y[rows].T.ravel()

    return Split(*melt(train), *melt(test))


def ridge():
    return make_pipeline(StandardScaler(), RidgeCV(np.logspace(-3, 5, 25)))


def separately(split):
    """Predict every task by a ridge of its own."""
    prediction = np.empty(len(split.y_test))
    for t in np.unique(split.X_train[:, 0]):
        train, test = split.X_train[:, 0] == t, split.X_test[:, 0] == t
        if test.any():
            model = ridge().fit(split.X_train[train, 1:], split.y_train[train])
            prediction[test] = model.predict(split.X_test[test, 1:])
    return prediction


def together(split):
    """Predict all tasks by one ridge."""
    model = ridge().fit(split.X_train[:, 1:], split.y_train)
    return model.predict(split.X_test[:, 1:])


def hierarchical(split):
    """Predict by the hierarchical model."""
    model = HierarchicalRegressor(task_feature=0).fit(split.X_train, split.y_train)
    return model.predict(split.X_test)


def likeliest(split):
    """Predict by the hierarchical model without a pull on its covariance."""
    model = HierarchicalRegressor(task_feature=0, shrinkage=0.0, tol=1e-2)
    return model.fit(split.X_train, split.y_train).predict(split.X_test)


def score(name, splits, measures, *, free=True):
    """Print each method's measures over the splits."""
    methods = {"separate ridge": separately, "pooled ridge": together}
    methods["hierarchical"] = hierarchical
    if free:
        methods["maximum likelihood"] = likeliest
    print(f"{name} ({len(splits)} splits)")
    for label, method in methods.items():
        predictions = [method(split) for split in splits]
        for measure in measures:
            values = [measure(s, p) for s, p in zip(splits, predictions, strict=True)]
            print(f"  {label:20s} {measure.__name__:20s} {summary(values)}", flush=True)


def summary(values):
    """Return a mean and its standard error."""
    error = np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0.0
    return f"{np.mean(values):.4f} +- {error:.4f} (sd {error * len(values) ** 0.5:.4f})"


def rmse(split, prediction):
    return np.sqrt(np.mean((split.y_test - prediction) ** 2))


def explained_variance(split, prediction):
    return 1.0 - np.mean((split.y_test - prediction) ** 2) / np.var(split.y_test)


def unexplained_variance(split, prediction):
    return 1.0 - explained_variance(split, prediction)


def landmines(folder, size, n_splits):
    """Print areas under the curve, averaged over tasks, and log losses."""
    measures = {"hierarchical": [], "pooled logistic": [], "separate logistic": []}
    for seed in range(n_splits):
        split = by_task(*read(folder, "landmine"), size, seed)
        for label, found in measures.items():
            found.append(probabilities(label, split))
    for label, found in measures.items():
        auc = [mean_auc(split, p) for split, p in found]
        loss = [log_loss(split.y_test, p) for split, p in found]
        print(f"  {label:20s} AUC {summary(auc)} log loss {summary(loss)}", flush=True)


def probabilities(label, split):
    if label == "hierarchical":
        model = HierarchicalClassifier(task_feature=0).fit(split.X_train, split.y_train)
        return split, model.predict_proba(split.X_test)[:, 1]
    task, p = split.X_train[:, 0], np.empty(len(split.y_test))
    for t in np.unique(task) if label.startswith("separate") else [None]:
        train = task == t if t is not None else np.ones(len(task), bool)
        test = split.X_test[:, 0] == t if t is not None else np.ones(len(p), bool)
        p[test] = logistic(split.X_train[train, 1:], split.y_train[train])(
            split.X_test[test, 1:]
        )
    return split, p


def logistic(X, y):
    """Return the probabilities of a logistic regression, or of the rate if it fails."""
    if min(y.sum(), len(y) - y.sum()) < 3:
        return lambda X: np.full(len(X), (y.sum() + 0.5) / (len(y) + 1.0))
    inner = LogisticRegressionCV(
        Cs=np.logspace(-4, 2, 7),
        cv=3,
        scoring="neg_log_loss",
        l1_ratios=(0,),
        use_legacy_attributes=False,
    )
    model = make_pipeline(StandardScaler(), inner).fit(X, y)
    return lambda X: model.predict_proba(X)[:, 1]


def mean_auc(split, probability):
    areas = []
    for t in np.unique(split.X_test[:, 0]):
        rows = split.X_test[:, 0] == t
        if 0 < split.y_test[rows].sum() < rows.sum():
            areas.append(roc_auc_score(split.y_test[rows], probability[rows]))
    return np.mean(areas)


def main(folder):
    school = read(folder, "school")
    splits = [by_task(*school, 0.75, seed) for seed in range(10)]
    score("School, 75/25", splits, [explained_variance, rmse])
    computer = read(folder, "computer")
    score("Computer, first 16 and last 4", [profiles(*computer)], [rmse])
    splits = [by_task(*computer, 8, seed) for seed in range(5)]
    score("Computer, 8 and 12", splits, [rmse])
    for n_train in (50, 150):
        splits = [targets(folder, "sarcos", n_train, seed) for seed in range(5)]
        name = f"SARCOS, {n_train} rows"
        score(name, splits, [unexplained_variance], free=False)
    parkinsons = read(folder, "parkinsons")
    for size in (10, 0.5):
        splits = [by_task(*parkinsons, size, seed) for seed in range(5)]
        score(f"Parkinson's, {size} per task", splits, [rmse], free=False)
    for size in (40, 160, 0.5):
        print(f"Landmine, {size} per task (10 splits)")
        landmines(folder, size, 10)


if __name__ == "__main__":
    main(sys.argv[1])
