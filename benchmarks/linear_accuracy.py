"""Measure linear models on data sets with published protocols.

Run ``python -m benchmarks.linear_accuracy FOLDER``, where every set is a folder with
``data.csv.gz``: columns ``task``, ``target`` and features, or ``y_*`` and features.
Rivals see the same splits: one ridge per task with cross-validated strength, one for
all tasks, the hierarchical model by textbook steps, and, for classes, logistic
regression. Standard errors are over the splits.
Besides the hierarchical model, the family member that three folds of the training rows
choose stands beside the member that turns out best on the test rows.
"""

import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegressionCV, RidgeCV
from sklearn.metrics import get_scorer, log_loss, roc_auc_score
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks import linear_em
from skmtl import linear
from skmtl.linear import HierarchicalClassifier, HierarchicalRegressor
from skmtl.model_selection import TaskKFold


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


FAMILY = ("Hierarchical", "SharedRepresentation", "JointSparse", "SharedCenter")


def member(name, classes):
    """Return a member of the family, which chooses what it has to choose."""
    model = getattr(linear, name + ("Classifier" if classes else "Regressor"))()
    free = {"alpha": "auto"} if name in ("JointSparse", "SharedCenter") else {}
    return model.set_params(task_feature=0, **free)


def losses(split, classes):
    """Return test losses of the family's members, and that of the one chosen."""
    scoring = "neg_log_loss" if classes else "neg_mean_squared_error"
    folds = TaskKFold(3, task_feature=0, shuffle=True, random_state=0)
    found = {}
    for name in FAMILY:
        model = member(name, classes)
        inner = cross_val_score(
            model, split.X_train, split.y_train, cv=folds, scoring=scoring
        )
        model.fit(split.X_train, split.y_train)
        test = get_scorer(scoring)(model, split.X_test, split.y_test)
        found[name] = -np.mean(inner), -test
    best = min(found, key=lambda name: found[name][0])
    return {name: test for name, (_, test) in found.items()}, best


def chosen(splits, classes=False):
    """Return the chosen member's loss over the best's, minus one, and its error.

    The best member is that with the least mean test loss over all splits; the error is
    that of the mean difference, in the same units.
    """
    every = [losses(split, classes) for split in splits]
    means = {n: np.mean([found[n] for found, _ in every]) for n in FAMILY}
    best = min(means, key=means.get)
    differences = [found[name] - found[best] for found, name in every]
    error = np.std(differences, ddof=1) / np.sqrt(len(every)) if len(every) > 1 else 0.0
    picked = dict(Counter(name for _, name in every))
    return np.mean(differences) / means[best], error / means[best], best, picked


METHODS = {
    "separate ridge": separately,
    "pooled ridge": together,
    "hierarchical": hierarchical,
    "maximum likelihood": likeliest,
    "expectation maximisation": linear_em.predict,
}


def score(splits, measures, methods=tuple(METHODS)):
    """Yield each method's name, measure and values over the splits."""
    for label in methods:
        predictions = [METHODS[label](split) for split in splits]
        for measure in measures:
            yield (
                label,
                measure,
                [measure(s, p) for s, p in zip(splits, predictions, strict=True)],
            )


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


def landmines(splits):
    """Yield areas under the curve, averaged over tasks, and log losses."""
    for label in ("hierarchical", "pooled logistic", "separate logistic"):
        found = [probabilities(label, split) for split in splits]
        yield label, mean_auc, [mean_auc(split, p) for split, p in found]
        yield label, log_loss, [log_loss(split.y_test, p) for split, p in found]


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


class Protocol(NamedTuple):
    """Splits of a set, what is measured on them, and by which methods."""

    name: str
    splits: list
    measures: tuple
    methods: tuple = tuple(METHODS)

    def scores(self):
        """Yield each method's name, measure and values over the splits."""
        if self.measures:
            return score(self.splits, self.measures, self.methods)
        return landmines(self.splits)


def protocols(folder, n_splits=10):
    """Yield the protocols; those of few splits in publications keep to five."""
    few, most = range(min(n_splits, 5)), range(n_splits)
    school, computer = read(folder, "school"), read(folder, "computer")
    splits = [by_task(*school, 0.75, seed) for seed in most]
    yield Protocol("School, 75/25", splits, (explained_variance, rmse))
    yield Protocol("Computer, first 16 and last 4", [profiles(*computer)], (rmse,))
    splits = [by_task(*computer, 8, seed) for seed in few]
    yield Protocol("Computer, 8 and 12", splits, (rmse,))
    plain = tuple(METHODS)[:3]
    for n_train in (50, 150):
        splits = [targets(folder, "sarcos", n_train, seed) for seed in few]
        name = f"SARCOS, {n_train} rows"
        yield Protocol(name, splits, (unexplained_variance,), plain)
    parkinsons = read(folder, "parkinsons")
    for size in (10, 0.5):
        splits = [by_task(*parkinsons, size, seed) for seed in few]
        yield Protocol(f"Parkinson's, {size} per task", splits, (rmse,), plain)
    landmine = read(folder, "landmine")
    for size in (40, 160, 0.5):
        splits = [by_task(*landmine, size, seed) for seed in most]
        yield Protocol(f"Landmine, {size} per task", splits, ())


def main(folder):
    """Print all methods' measures, and what choosing among the family costs."""
    for protocol in protocols(folder):
        print(f"{protocol.name} ({len(protocol.splits)} splits)")
        for label, measure, values in protocol.scores():
            print(f"  {label:20s} {measure.__name__:20s} {summary(values)}", flush=True)
        excess, error, best, picked = chosen(protocol.splits, not protocol.measures)
        print(
            f"  chosen / best ({best}) - 1: {excess:.4f} +- {error:.4f}, "
            f"chosen: {picked}",
            flush=True,
        )


if __name__ == "__main__":
    main(sys.argv[1])
