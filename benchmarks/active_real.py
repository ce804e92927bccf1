"""Do chosen rows of source tasks serve a target better than rows of all alike?

Run ``python -m benchmarks.active_real FOLDER``, with one described table per folder
inside (see :func:`skmtl.datasets.load_multitask_csv`). ``--sets``, ``--repetitions``,
``--strategies``, ``--rounds`` and ``--prices`` do less or more. Results are added to
``benchmarks/results/active_real.csv``, one row for each repetition and strategy.

How many rows a target keeps, how many are bought and the rank of the span were chosen
by trials with even-numbered tasks as targets (``--targets even``), a few dozen on the
five tables together; what is reported is of odd-numbered ones, which these left out.

In each repetition one of these tasks, drawn at random, is the target: it keeps a few
rows, and its other rows are the test. Rows of all other tasks are bought of a
``PoolOracle``. ``ActiveTaskRegressor`` spends the same money by its strategy and by
"uniform", and beside them stands the target's ridge regression without sources
(``HierarchicalRegressor`` of one task). Numbers are standardised by all rows, without
their targets; of wide tables, the leading principal components are the features.

Rows cost the same (``--prices one``), or the price of a row is drawn anew for every
source and repetition, log-uniformly between 0.2 and 5 (``--prices many``); the budget
then is what the same number of rows of every source costs. Beside "uniform", which
buys that, stand two rules that know nothing of tasks: "equal" spends the same money on
every source, and "cheapest" buys the cheapest rows. "known" divides money by the heads
of a fit to all rows there are, those of the test too: no learner has that knowledge,
and what it saves is about what could be saved.

The loss is the mean squared error of the test rows, where targets of the whole table
have a variance of one: the few rows of one task may have none.
"""

from benchmarks import threads

threads.pin()

import argparse
import warnings
from pathlib import Path

import numpy as np

from benchmarks import records
from benchmarks.accuracy_runs import digest
from benchmarks.active_real_report import SHARES, tables
from benchmarks.active_tables import PARITY, PROBLEMS, deal, read
from skmtl.active import (
    ActiveTaskRegressor,
    PoolOracle,
    optimal_allocation,
    run_active_learning,
)
from skmtl.linear import HierarchicalRegressor

PATH = records.RESULTS / "active_real.csv"
PRICES = {"one": (1.0, 1.0), "many": (0.2, 5.0)}
RULES = ("uniform", "equal", "cheapest", "elfving", "l2", "lasso", "known")


def with_task(tasks, rows):
    return np.column_stack([tasks.X[rows], tasks.task[rows]])


def learner_of(strategy, target, problem, costs=None):
    return ActiveTaskRegressor(
        strategy,
        rank=problem.rank,
        target_task=target,
        costs=costs,
        task_feature=-1,
        random_state=0,
    )


def known(tasks, dealt, problem, pool):
    """Return the rule of one who has seen all rows, those of the test too."""
    target, few, others, test = dealt
    rows = np.concatenate([few, test, np.arange(len(tasks.y))[others]])
    model = learner_of("uniform", target, problem)
    model.fit(with_task(tasks, rows), tasks.y[rows])
    heads, head = model.task_coef_.T, model.target_head_

    def rule(_, __, budget, *, n_seen, cost):
        left = np.maximum(pool - n_seen, 0.0)
        held = {"n_seen": n_seen, "cost": cost, "available": left}
        return optimal_allocation(heads, head, budget, integer=False, **held).n

    return rule


def cheapest(pool):
    """Return the rule that buys the cheapest rows there are."""

    def rule(_, __, budget, *, n_seen, cost):
        order = np.argsort(cost, kind="stable")
        worth = (np.maximum(pool - n_seen, 0.0) * cost)[order]
        before = np.cumsum(worth) - worth
        money = np.zeros(cost.size)
        money[order] = np.clip(budget - before, 0.0, worth)
        return money / cost

    return rule


def equal(pool):
    """Return the rule after which all sources have cost the same."""

    def rule(_, __, budget, *, n_seen, cost):
        spent, most = cost * n_seen, cost * np.maximum(pool - n_seen, 0.0)
        levels = np.unique(np.concatenate([spent, spent + most]))
        total = [np.clip(level - spent, 0.0, most).sum() for level in levels]
        level = np.interp(budget, total, levels)
        return np.clip(level - spent, 0.0, most) / cost

    return rule


def rule_of(strategy, tasks, dealt, problem, oracle):
    """Return the strategy as a learner takes it."""
    pool = np.array([oracle.available[task] for task in sorted(oracle.tasks)], float)
    if strategy == "known":
        return known(tasks, dealt, problem, pool)
    return {"cheapest": cheapest, "equal": equal}.get(strategy, lambda _: strategy)(
        pool
    )


def curve(tasks, dealt, problem, strategy, options, seed):
    """Return the share of the money spent, and the test loss, after each round."""
    target, few, others, test = dealt
    oracle = PoolOracle(
        with_task(tasks, others), tasks.y[others], task_feature=-1, random_state=seed
    )
    low, high = np.log(PRICES[options.prices])
    price = np.exp(np.random.default_rng([seed, 1]).uniform(low, high, tasks.n_tasks))
    costs = {task: float(price[int(task)]) for task in oracle.tasks}
    budget = problem.per_source * sum(costs.values())
    points = []

    def note(report):
        error = tasks.y[test] - report.learner.predict(with_task(tasks, test))
        points.append((report.spent / budget, (error**2).mean()))

    rule = rule_of(strategy, tasks, dealt, problem, oracle)
    run_active_learning(
        learner_of(rule, target, problem, costs),
        oracle,
        budget,
        target=(with_task(tasks, few), tasks.y[few]),
        n_rounds=options.rounds,
        callback=note,
    )
    return np.array(points)


def alone(tasks, dealt):
    """Return the test loss of a ridge regression on the target's rows."""
    _, few, _, test = dealt
    model = HierarchicalRegressor().fit(tasks.X[few], tasks.y[few])
    error = tasks.y[test] - model.predict(tasks.X[test])
    return (error**2).mean()


def measure(name, folder, options):
    """Yield one row for each repetition and strategy."""
    problem = PROBLEMS[name]
    tasks = read(folder, problem.n_components)
    shared = {"table": name, "prices": options.prices, "targets": options.targets}
    for seed in range(options.first, options.first + options.repetitions):
        dealt = deal(
            tasks, problem, PARITY[options.targets], np.random.default_rng(seed)
        )
        single = alone(tasks, dealt)
        for strategy in options.strategies:
            points = curve(tasks, dealt, problem, strategy, options, seed)
            losses = np.interp(SHARES, points[:, 0], points[:, 1])
            row = {"strategy": strategy, "seed": seed, "target": dealt[0]}
            row |= {"alone": single, "code": digest()}
            row |= {f"{s:.0%}": x for s, x in zip(SHARES, losses.tolist(), strict=True)}
            yield shared | row


def main():
    """Measure what the command line asks for, and print it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sets", nargs="*", default=[*PROBLEMS], choices=PROBLEMS)
    parser.add_argument("--targets", default="odd", choices=PARITY)
    parser.add_argument("--prices", default="one", choices=PRICES)
    parser.add_argument(
        "--strategies", nargs="*", default=["uniform", "elfving", "known"],
        choices=RULES,
    )  # fmt: skip
    parser.add_argument("--repetitions", type=int, default=60)
    parser.add_argument("--first", type=int, default=0, help="of the repetitions")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--out", type=Path, default=PATH)
    options = parser.parse_args()
    rows = records.load(options.out)
    for name in options.sets:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for row in measure(name, options.folder / name, options):
                rows.append(row)
                records.save(options.out, rows, threads=1)
        print(tables(records.load(options.out)), flush=True)


if __name__ == "__main__":
    main()
