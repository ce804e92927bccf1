"""Data sets of the leaderboard, and how their rows are split (see accuracy)."""

import tomllib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from skmtl import datasets
from skmtl.datasets import load_multitask_csv

REGIMES = ("dense", "few")
SHARE, FEW_OF_TASK, FEW_IN_ALL = 0.7, 10, 60
BUNDLED = (
    *("radon", "penguins", "portal_rodents", "gapminder", "heart", "parkinsons"),
    *("polls2016", "enb", "slump"),
)
GENERATED = ("make_task_deviations", "make_shared_representation")


class Table(NamedTuple):
    """A data set: ``task`` is None where the columns of ``y`` are the tasks.

    ``kind`` is "regression" or "binary", where classes are 0 and 1. Features are
    floats and categories, with gaps; targets side by side may have gaps too.
    """

    X: pd.DataFrame
    y: np.ndarray
    task: np.ndarray | None
    kind: str


class Lesson(NamedTuple):
    """What a method learns from.

    ``row`` says for targets that were stacked which row of X each of them is of, else
    it is None; ``threads`` is how many a method may use.
    """

    X: pd.DataFrame
    y: np.ndarray
    task: np.ndarray | None
    kind: str
    row: np.ndarray | None = None
    threads: int = 1

    @property
    def tasks(self):
        """Names of the tasks, sorted."""
        if self.task is None:
            return task_names(self.y.shape[1])
        return np.unique(self.task)


class Part(NamedTuple):
    """A lesson, and the rows that it is examined on."""

    lesson: Lesson
    X: pd.DataFrame
    y: np.ndarray
    task: np.ndarray | None


def task_names(count):
    """Return names for targets side by side."""
    return np.array([f"y{t:03d}" for t in range(count)])


def lists():
    """Return the names of development and of confirmation sets."""
    return tomllib.loads(Path(__file__).with_name("split.toml").read_text())


def names(folder):
    """Return the names of all sets there are."""
    if folder is None:
        return [*BUNDLED, *GENERATED]
    return sorted(path.parent.name for path in Path(folder).glob("*/meta.json"))


def read(folder, name):
    """Return one data set by its name."""
    if folder is not None:
        return table_of(load_multitask_csv(Path(folder, name)))
    if name in GENERATED:
        return table_of(getattr(datasets, name)(random_state=0))
    return table_of(getattr(datasets, f"load_{name}")())


def table_of(bunch):
    """Return a Bunch of :mod:`skmtl.datasets` as a table with plain column names."""
    X, y, task = bunch.data.copy(), bunch.target.to_numpy(float), None
    if bunch.task_feature is not None:
        task = X.pop(bunch.task_feature).to_numpy(str)
    # Some rivals refuse names with brackets and other signs.
    X.columns = [f"x{j:04d}" for j in range(X.shape[1])]
    numbers = X.columns[[dtype.name != "category" for dtype in X.dtypes]]
    X = X.astype(dict.fromkeys(numbers, float))
    kind = "binary" if np.unique(y[~np.isnan(y)]).size == 2 else "regression"
    if kind == "binary":
        y = np.where(np.isnan(y), np.nan, y == np.nanmax(y))
    return Table(X, y, task, kind)


def size_of_training(count, regime):
    """Return how many of a task's rows are for training; a single row always is."""
    if count < 2:
        return count
    size = round(SHARE * count) if regime == "dense" else min(FEW_OF_TASK, count // 2)
    return int(np.clip(size, 1, count - 1))


def training_rows(table, regime, seed):
    """Return a mask of the rows for training, chosen at random within every task."""
    rng, train = np.random.default_rng(seed), np.zeros(len(table.y), bool)
    if table.task is None:
        few = min(FEW_IN_ALL, train.size // 2)
        size = few if regime == "few" else size_of_training(train.size, regime)
        train[rng.permutation(train.size)[:size]] = True
        return train
    for task in np.unique(table.task):
        rows = rng.permutation(np.flatnonzero(table.task == task))
        train[rows[: size_of_training(rows.size, regime)]] = True
    return train


def split(table, regime, seed, threads=1):
    """Return a table in two parts; the second knows no category the first has not.

    Targets side by side are in units of their standard deviations in training rows.
    """
    train = training_rows(table, regime, seed)
    X, X_new, y = table.X[train].copy(), table.X[~train].copy(), table.y
    if table.task is None and table.kind == "regression":
        scale = np.nanstd(y[train], axis=0)
        y = (y - np.nanmean(y[train], axis=0)) / np.where(scale > 0, scale, 1.0)
    for name in categories(X):
        X[name] = X[name].cat.remove_unused_categories()
        X_new[name] = X_new[name].cat.set_categories(X[name].cat.categories)
    X, X_new = X.reset_index(drop=True), X_new.reset_index(drop=True)
    task, task_new = (
        (None, None)
        if table.task is None
        else (
            table.task[train],
            table.task[~train],
        )
    )
    lesson = Lesson(X, y[train], task, table.kind, threads=threads)
    return Part(lesson, X_new, y[~train], task_new)


def categories(X):
    """Return the names of the columns that hold categories."""
    return list(X.columns[[dtype.name == "category" for dtype in X.dtypes]])
