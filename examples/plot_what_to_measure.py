"""
What should I measure next?
===========================

You want to predict one task, the *target*: a new assay, a new machine. Of the target
there are few rows. Rows of other tasks can be bought, some cheaply and some at ten
times the price. On which of them should the budget be spent?

Spreading it evenly pays for tasks that have nothing to do with the target. skmtl asks
for rows of those that do, and finds out along the way which ones these are.
"""

# %%
# The best plan, were everything known
# ------------------------------------
#
# Suppose that all tasks follow two common directions, and that we knew where each of
# them lies. Every source is a point and its mirror image, the target is a direction.
# Elfving's theorem (1952) says: draw the hull of all points, and go towards the target
# until you leave it. The sources at both ends of the edge that you cross are those to
# buy, and no others.

from skmtl.active import optimal_allocation
from skmtl.plotting import ElfvingDisplay

W, c = [[1, 0, 1], [0, 1, 1]], [3, 2]
names = ["east", "north", "both"]
display = ElfvingDisplay.from_heads(W, c, tasks=names)
print(dict(zip(names, display.shares_.round(2).tolist(), strict=True)))
assert display.shares_[1] == 0

# %%
# Prices move the points: a source that costs four times as much reaches half as far. If
# rows of "both" are dear, they are not worth it.

plan = optimal_allocation(W, c, budget=90, cost=[1, 1, 4])
print(dict(zip(names, plan.n.tolist(), strict=True)))
ElfvingDisplay.from_heads(W, c, cost=[1, 1, 4], tasks=names)
assert plan.n[2] == 0

# %%
# Nothing is known
# ----------------
#
# Twenty sources, whose rows cost between 0.3 and 3, and a target of 200 rows with
# twenty features. ``run_active_learning`` spends a budget in rounds. In the first it
# buys the same number of rows everywhere; then it asks the learner what to buy, buys,
# and lets the learner learn. The rows come from an *oracle*: any function that is given
# a task and a number, and returns rows.
#
# We know the truth of generated tasks, so we can measure after every round how far off
# the target's coefficients are.

import numpy as np

from skmtl.active import ActiveTaskRegressor, run_active_learning
from skmtl.datasets import make_source_tasks


def run(strategy, seed):
    """Spend 2000 on sources for the target; return the run and its errors."""
    problem = make_source_tasks(
        n_sources=20, n_features=20, rank=2, n_target_samples=200, random_state=seed
    )
    learner = ActiveTaskRegressor(
        strategy,
        rank=2,
        costs=dict(zip(problem.source_tasks, np.geomspace(0.3, 3, 20), strict=True)),
        target_task="target",
        task_feature="task",
        random_state=0,
    )
    errors = []

    def measure(report):
        error = report.learner.target_coef_ - problem.target_coef
        errors.append(float(error @ error))

    target = problem.data, problem.target
    result = run_active_learning(
        learner, problem.oracle, 2000, target=target, callback=measure
    )
    return result, errors


strategies = "elfving", "uniform"
runs = {name: [run(name, seed) for seed in range(6)] for name in strategies}
spent = [runs["elfving"][0][0].spent, runs["uniform"][0][0].spent]
assert max(spent) <= 2000

# %%
# What was bought, in the first of six problems: everything at first, then less and less
# of what does not matter.

from skmtl.plotting import AllocationDisplay, RiskCurveDisplay

AllocationDisplay.from_history(runs["elfving"][0][0])

# %%
# And what it was worth. Thin lines are the six problems, thick ones their median; solid
# lines are measured, dashed ones what the learner expected.

RiskCurveDisplay.from_histories(
    {name: [result for result, _ in found] for name, found in runs.items()},
    measured={name: [errors for _, errors in found] for name, found in runs.items()},
)
last = {name: np.mean([errors[-1] for _, errors in runs[name]]) for name in runs}
print({name: round(float(error), 4) for name, error in last.items()})
print(f"choosing saves {1 - last['elfving'] / last['uniform']:.0%} of the error")
assert last["elfving"] < 0.8 * last["uniform"]

# %%
# Is it worth it on my data?
# --------------------------
#
# Before you buy, try. ``PoolOracle`` hands out rows of a table that you have, as if
# each had to be bought. Here rows are voice recordings, 42 patients are the tasks, and
# one of them is the target, a sixth of whose recordings are known. The learner may buy
# 820 recordings of the others.

from skmtl.active import PoolOracle
from skmtl.datasets import load_parkinsons
from skmtl.linear import HierarchicalRegressor

voices = load_parkinsons()
X, y = voices.data.copy(), voices.target
numbers = X.columns.drop("patient")
X[numbers] = (X[numbers] - X[numbers].mean()) / X[numbers].std()


def compare(patient):
    """Return the error on a patient: alone, with others evenly, with others chosen."""
    rows = np.flatnonzero(X["patient"] == patient)
    known, test = rows[::6], np.setdiff1d(rows, rows[::6])
    others = X["patient"] != patient
    target = X.iloc[known], y.iloc[known]
    models = [HierarchicalRegressor(task_feature="patient").fit(*target)]
    for strategy in ("uniform", "elfving"):
        pool = PoolOracle(X[others], y[others], task_feature="patient", random_state=0)
        learner = ActiveTaskRegressor(
            strategy,
            rank=3,
            target_task=patient,
            task_feature="patient",
            random_state=0,
        )
        result = run_active_learning(learner, pool, 820, target=target, n_rounds=2)
        models.append(result.learner)
    left = [y.iloc[test] - model.predict(X.iloc[test]) for model in models]
    return np.mean(np.square(left), axis=1) / y.iloc[test].var()


alone, even, chosen = np.mean([compare(p) for p in ("5", "15", "25", "35")], axis=0)
print(f"alone {alone:.3f}, others evenly {even:.3f}, others chosen {chosen:.3f}")
assert max(even, chosen) < 0.95 * alone
assert 0.85 < chosen / even < 1.15

# %%
# Recordings of other patients help this patient. Whose they are makes little
# difference: no few patients are the ones that matter. Choosing pays where few sources
# matter and most do not, and a trial like this one tells before any money is spent.
