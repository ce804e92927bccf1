"""Do chosen rows of source tasks serve a target better than rows of all alike?

Run ``python -m benchmarks.active_real FOLDER``, with one described table per folder
inside (see :func:`skmtl.datasets.load_multitask_csv`). ``--sets``, ``--repetitions``,
``--strategies`` and ``--rounds`` do less or more.

How many rows a target keeps, how many are bought and the rank of the span were chosen
by trials with even-numbered tasks as targets (``--targets even``), a few dozen on the
five tables together; what is reported is of odd-numbered ones, which these left out.

In each repetition one of these tasks, drawn at random, is the target: it keeps a few
rows, and its other rows are the test. Rows of all other tasks are bought of a
``PoolOracle``. ``ActiveTaskRegressor`` spends the same budget by its strategy and by
"uniform", and beside them stands the target's ridge regression without sources
(``HierarchicalRegressor`` of one task). Numbers are standardised by all rows, without
their targets; of wide tables, the leading principal components are the features.

The loss is the mean squared error of the test rows, where targets of the whole table
have a variance of one: the few rows of one task may have none.
A saving is one minus the loss of the strategy over that of uniform, both averaged over
repetitions after the last round; its standard error is that of paired differences.
Targets that were drawn more than once have sources in common, so that beside it stands
``t`` of the means of targets. The strategy "known" divides rows by the heads of a fit
to all rows there are, those of the test too: no learner has that knowledge, and what it
saves is about what could be saved.
Rows saved is the part of uniform's budget with which the strategy's mean loss, linear
between rounds, is what uniform's is at the end.
"""

from benchmarks import threads

threads.pin()

import argparse
import json
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from benchmarks.measuring import table
from skmtl.active import (
    ActiveTaskRegressor,
    PoolOracle,
    optimal_allocation,
    run_active_learning,
)
from skmtl.datasets import load_multitask_csv
from skmtl.linear import HierarchicalRegressor

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


def with_task(tasks, rows):
    return np.column_stack([tasks.X[rows], tasks.task[rows]])


def learner_of(strategy, target, problem):
    return ActiveTaskRegressor(
        strategy,
        rank=problem.rank,
        target_task=target,
        task_feature=-1,
        random_state=0,
    )


def known(tasks, dealt, problem, available):
    """Return the rule of one who has seen all rows, those of the test too."""
    target, few, others, test = dealt
    rows = np.concatenate([few, test, np.arange(len(tasks.y))[others]])
    model = learner_of("uniform", target, problem)
    model.fit(with_task(tasks, rows), tasks.y[rows])
    heads, head = model.task_coef_.T, model.target_head_
    pool = np.array([available[task] for task in model.source_tasks_.tolist()])

    def rule(_, __, budget, *, n_seen, cost):
        left = np.maximum(pool - n_seen, 0.0)
        held = {"n_seen": n_seen, "cost": cost, "available": left}
        return optimal_allocation(heads, head, budget, integer=False, **held).n

    return rule


def curve(tasks, dealt, problem, strategy, n_rounds, seed):
    """Return the share of the budget spent, and the test loss, after each round."""
    target, few, others, test = dealt
    oracle = PoolOracle(
        with_task(tasks, others), tasks.y[others], task_feature=-1, random_state=seed
    )
    budget = problem.per_source * len(oracle.tasks)
    points = []

    def note(report):
        error = tasks.y[test] - report.learner.predict(with_task(tasks, test))
        points.append((report.spent / budget, (error**2).mean()))

    if strategy == "known":
        strategy = known(tasks, dealt, problem, oracle.available)
    run_active_learning(
        learner_of(strategy, target, problem),
        oracle,
        budget,
        target=(with_task(tasks, few), tasks.y[few]),
        n_rounds=n_rounds,
        callback=note,
    )
    return np.array(points)


def alone(tasks, dealt):
    """Return the test loss of a ridge regression on the target's rows."""
    _, few, _, test = dealt
    model = HierarchicalRegressor().fit(tasks.X[few], tasks.y[few])
    error = tasks.y[test] - model.predict(tasks.X[test])
    return (error**2).mean()


def on_grid(points, grid):
    """Return a curve's losses at shares of the budget."""
    return np.interp(grid, points[:, 0], points[:, 1])


def rows_saved(grid, own, uniform):
    """Return the part of the budget that a strategy can do without, or None."""
    reached = np.flatnonzero(own <= uniform[-1])
    return None if reached.size == 0 else 1.0 - grid[reached[0]]


def t_of_targets(gain, targets):
    """Return the mean over targets in units of its error, targets counting alike."""
    means = [gain[targets == target].mean() for target in np.unique(targets)]
    if len(means) < 3:
        return ""
    error = np.std(means, ddof=1) / np.sqrt(len(means))
    return f"{np.mean(means) / error:+.1f} ({len(means)})"


def measure(name, folder, options):
    """Yield one line of the table for each strategy."""
    problem = PROBLEMS[name]
    tasks = read(folder, problem.n_components)
    grid = np.linspace(0.1, 1.0, 181)
    names, single, targets = ["uniform", *options.strategies], [], []
    losses = {strategy: [] for strategy in names}
    for seed in range(options.repetitions):
        rng = np.random.default_rng(seed)
        dealt = deal(tasks, problem, PARITY[options.targets], rng)
        targets.append(dealt[0])
        single.append(alone(tasks, dealt))
        for strategy in names:
            points = curve(tasks, dealt, problem, strategy, options.rounds, seed)
            losses[strategy].append(on_grid(points, grid))
    losses = {strategy: np.array(part) for strategy, part in losses.items()}
    uniform = losses["uniform"]
    for strategy in options.strategies:
        own, end = losses[strategy], uniform[:, -1].mean()
        gain = (uniform[:, -1] - own[:, -1]) / end
        spread = gain.std(ddof=1) / np.sqrt(len(gain)) if len(gain) > 1 else np.nan
        saved = rows_saved(grid, own.mean(axis=0), uniform.mean(axis=0))
        yield (
            name,
            strategy,
            len(gain),
            f"{np.mean(single):.3f}",
            f"{end:.3f}",
            f"{own[:, -1].mean():.3f}",
            f"{gain.mean():+.1%} +- {spread:.1%}",
            f"{gain.mean() / spread:+.1f}" if spread > 0.0 else "",
            t_of_targets(gain, np.array(targets)),
            "none" if saved is None else f"{saved:.0%}",
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sets", nargs="*", default=[*PROBLEMS], choices=PROBLEMS)
    parser.add_argument("--targets", default="odd", choices=PARITY)
    parser.add_argument("--strategies", nargs="*", default=["elfving", "known"])
    parser.add_argument("--repetitions", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=6)
    options = parser.parse_args()
    header = (
        *("table", "strategy", "runs", "alone", "uniform", "loss", "saving", "t"),
        *("t of targets", "rows saved"),
    )
    lines = []
    for name in options.sets:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            lines += measure(name, options.folder / name, options)
        print(table(lines, header), end="\n\n", flush=True)


if __name__ == "__main__":
    main()
