"""Real tables whose tasks are, one after the other, a target with few rows."""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from skmtl.datasets import load_multitask_csv

PARITY = {"all": (0, 1), "even": (0,), "odd": (1,)}


class Problem(NamedTuple):
    """Rows of the target, rows to be bought, rank, principal components if any."""

    n_target: int
    per_source: int
    rank: int
    n_components: int | None = None


PROBLEMS = {
    "school": Problem(n_target=20, per_source=4, rank=2),
    "computer": Problem(n_target=8, per_source=4, rank=3),
    "sarcos": Problem(n_target=15, per_source=20, rank=5),
    "mhc1_hla_a": Problem(n_target=80, per_source=80, rank=3, n_components=40),
    "wheat": Problem(n_target=30, per_source=60, rank=2, n_components=20),
}


class Tasks(NamedTuple):
    """Rows of all tasks, each with the row of the table it comes from."""

    X: np.ndarray
    y: np.ndarray
    task: np.ndarray
    row: np.ndarray

    @property
    def n_tasks(self):
        return int(self.task.max()) + 1


def read(folder, n_components):
    """Return standardised rows of all tasks."""
    bunch = load_multitask_csv(folder)
    X, task = bunch.data, None
    if bunch.task_feature is not None:
        task = X.pop(bunch.task_feature).astype("category").cat.codes.to_numpy()
    described = json.loads(Path(folder, "meta.json").read_text())
    categorical = [name for name in described["categorical"] if name in X.columns]
    X = pd.get_dummies(X, columns=categorical, dtype=float).to_numpy(float)
    X = X[:, X.std(axis=0) > 0.0]
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    if n_components is not None:
        basis, size, _ = np.linalg.svd(X, full_matrices=False)
        X = (basis * size)[:, :n_components]
        X = X / X[:, :1].std()
    y = bunch.target.to_numpy(float)
    if y.ndim == 1:
        return Tasks(X, (y - y.mean()) / y.std(), task, np.arange(len(y)))
    y = (y - y.mean(axis=0)) / y.std(axis=0)
    row = np.tile(np.arange(len(X)), y.shape[1])
    return Tasks(X[row], y.T.ravel(), np.repeat(np.arange(y.shape[1]), len(X)), row)


def deal(tasks, problem, parity, rng):
    """Return a random target, its rows, rows of sources and test rows."""
    many = np.flatnonzero(np.bincount(tasks.task) >= problem.n_target + 10)
    target = rng.choice(many[np.isin(many % 2, parity)])
    own = rng.permutation(np.flatnonzero(tasks.task == target))
    few, test = own[: problem.n_target], own[problem.n_target :][:1000]
    others = tasks.task != target
    if tasks.row.size > tasks.row.max() + 1:  # A row of all tasks is seen in one.
        used = np.isin(tasks.row, tasks.row[np.concatenate([few, test])])
        spare = np.flatnonzero(others & ~used)
        others = spare if spare.size else np.flatnonzero(others)
    return int(target), few, others, test
