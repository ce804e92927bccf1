"""Allocations of a budget over source tasks: how fast, and how right, they are.

Run ``python -m benchmarks.active_allocation``, which keeps its figures in
``benchmarks/results/active_allocation.csv``. Times are processor time of one thread,
in units of one ``lars_path`` of scikit-learn on the same heads, in turn in this run.
Risks are those of representations
fitted to rows of ``make_source_tasks``, 40 sources, rank 5, 50 features, noise one, 10
rows of every source to begin with: the part of the target's coefficients outside the
fitted span. ``--seeds`` is their number.
"""

from benchmarks import threads

threads.pin()

import argparse
import time
import warnings

import numpy as np

from benchmarks import records
from benchmarks.active_report import ALLOCATION
from benchmarks.measuring import Ratio, ratio, table
from skmtl.active import expected_risk, optimal_allocation, source_relevance
from skmtl.datasets import make_source_tasks
from skmtl.linear import SharedRepresentationRegressor

SCENARIOS = ("generic", "l2hard", "cluster")
RANK, FEATURES, FLOOR = 5, 50, 10
BUDGETS = (8_000, 16_000, 32_000)
MONEY = 16_000.0
COST_BARS = {"generic": 4.0, "l2hard": 5.0, "cluster": 13.0}


def processor_seconds(call, repeats=5):
    """Return the processor time of some calls, which other programs leave alone."""
    start = time.process_time()
    for _ in range(repeats):
        call()
    return time.process_time() - start


def random_heads(k, n_sources, n_targets=1):
    rng = np.random.default_rng(0)
    W = rng.standard_normal((k, n_sources))
    return W / np.linalg.norm(W, axis=0), rng.standard_normal((k, n_targets))


def times():
    """Yield the cost of relevance and allocation beside one Lasso path."""
    from sklearn.linear_model import lars_path

    for k, n_sources in [(5, 40), (10, 160), (30, 160), (20, 1000), (50, 5000)]:
        W, C = random_heads(k, n_sources)
        c, seen, budget = C[:, 0], np.full(n_sources, 20), 50 * n_sources
        calls = {
            "relevance": lambda W=W, c=c: source_relevance(W, c),
            "allocation": lambda W=W, c=c, b=budget: optimal_allocation(W, c, b),
            "allocation, samples held": lambda W=W, c=c, b=budget, n=seen: (
                optimal_allocation(W, c, b, n_seen=n)
            ),
        }
        for name, call in calls.items():
            path = ratio(
                call,
                lambda W=W, c=c: lars_path(W, c, method="lasso"),
                runs=31,
                timer=processor_seconds,
            )
            yield f"{name}, {k} x {n_sources}", "lars_path", path, "<= 1.5"


def several_targets():
    """Yield the cost of three targets beside one fit of the group Lasso."""
    from sklearn.linear_model import MultiTaskLasso

    for k, n_sources in [(5, 40), (10, 160), (20, 1000)]:
        W, C = random_heads(k, n_sources, n_targets=3)
        alpha = 0.01 * np.linalg.norm(W.T @ C, axis=1).max() / k
        model = MultiTaskLasso(
            alpha=alpha, fit_intercept=False, tol=1e-10, max_iter=10**5
        )
        measured = ratio(
            lambda W=W, C=C: optimal_allocation(W, C, 1000.0, integer=False),
            lambda W=W, C=C, model=model: model.fit(W, C),
            runs=5,
            timer=processor_seconds,
        )
        yield (
            f"three targets to 1e-10, {k} x {n_sources}",
            "MultiTaskLasso at 1 % of its largest penalty",
            measured,
            "",
        )


def measured_risk(problem, samples):
    """Return the squared length of the target outside the span fitted to samples."""
    samples = np.asarray(samples, int)
    rows = [
        problem.oracle(task, n)
        for task, n in zip(problem.source_tasks, samples.tolist(), strict=True)
    ]
    X, y = (np.concatenate(part) for part in zip(*rows, strict=True))
    X = np.column_stack([X, np.repeat(problem.source_tasks, samples)])
    model = SharedRepresentationRegressor(
        RANK, alpha=0.0, fit_intercept=False, task_feature=problem.task_feature
    )
    basis = model.fit(X, y).components_
    outside = problem.target_coef - problem.target_coef @ basis.T @ basis
    return float(outside @ outside)


def problem_of(scenario, seed):
    problem = make_source_tasks(
        n_target_samples=1, scenario=scenario, as_frame=False, random_state=seed
    )
    return problem, problem.heads.T, problem.target_head


def known_relevance(n_seeds):
    """Yield measured over expected risk, and the slope of the former with samples."""
    for scenario in SCENARIOS:
        ratios = np.empty((n_seeds, len(BUDGETS)))
        risks = np.empty_like(ratios)
        for seed in range(n_seeds):
            problem, W, c = problem_of(scenario, seed)
            floor = np.full(W.shape[1], FLOOR)
            norm = np.abs(source_relevance(W, c)).sum()
            for i, budget in enumerate(BUDGETS):
                plan = optimal_allocation(W, c, budget - floor.sum(), n_seen=floor)
                risks[seed, i] = measured_risk(problem, floor + plan.n)
                ratios[seed, i] = risks[seed, i] * budget
                ratios[seed, i] /= (FEATURES - RANK) * norm**2
        for i, budget in enumerate(BUDGETS):
            error = ratios[:, i].std(ddof=1) / np.sqrt(n_seeds)
            found = ratios[:, i].mean(), f"± {error:.3f}"
            name = f"{scenario}, {budget:,} samples: risk"
            yield name, "(d - k) ||nu||_1^2 / N", found, "0.85 to 1.3"
        slope = np.polyfit(np.log(BUDGETS), np.log(risks.mean(axis=0)), 1)[0]
        yield f"{scenario}: log-log slope", "", (slope, ""), "-1.25 to -0.85"


def costs(n_seeds):
    """Yield how much less risk money buys than if every source got the same of it."""
    for scenario in SCENARIOS:
        expected, measured = np.empty((n_seeds, 2)), np.empty((n_seeds, 2))
        for seed in range(n_seeds):
            problem, W, c = problem_of(scenario, seed)
            rng = np.random.default_rng(seed)
            cost = np.exp(rng.uniform(np.log(0.2), np.log(5.0), W.shape[1]))
            floor = np.full(W.shape[1], FLOOR)
            money = MONEY - cost @ floor
            plan = optimal_allocation(W, c, money, n_seen=floor, cost=cost)
            even = np.floor(MONEY / W.shape[1] / cost)
            free = optimal_allocation(W, c, MONEY, cost=cost)
            for i, n in enumerate([even, free.n]):
                expected[seed, i] = expected_risk(W, c, n, n_features=FEATURES)
            for i, n in enumerate([even, floor + plan.n]):
                measured[seed, i] = measured_risk(problem, n)
        bar = f">= {COST_BARS[scenario]:.0f}"
        for name, risks in [("expected", expected), ("measured", measured)]:
            even, ours = risks.T
            what = f"{scenario}, costs 0.2 to 5: {name} risk, equal money"
            yield what, "weighted l1, means", (even.mean() / ours.mean(), ""), bar
            yield what, "weighted l1, median", (np.median(even / ours), ""), bar


def row_of(measured, unit, found, bar):
    """Return a line of the results, whose ratio has a range or an error."""
    if isinstance(found, Ratio):
        found = found.median, f"{found.low:.3g} to {found.high:.3g}"
    value, spread = found
    return {
        "measured": measured,
        "unit": unit,
        "value": f"{value:.3f}",
        "spread": spread,
        "bar": bar,
    }


def main():
    """Keep and print every figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=50)
    n_seeds = parser.parse_args().seeds
    warnings.simplefilter("ignore")
    found = [*times(), *several_targets(), *known_relevance(n_seeds), *costs(n_seeds)]
    rows = [row_of(*line) for line in found]
    records.save(ALLOCATION, rows, threads=1, seeds=n_seeds)
    print(table([row.values() for row in rows], rows[0].keys()))


if __name__ == "__main__":
    main()
