"""
Several targets at once, some missing
=====================================

Every row has several answers: yield and purity of a batch, heating and cooling of a
house. Some answers are cheap and always there, others dear and mostly missing. In skmtl
each column of ``y`` is a task, and ``NaN`` means that nobody measured it. There is
nothing to impute and no row to drop.
"""

# %%
# Cooling is rarely measured
# --------------------------
#
# 768 simulated buildings, described by shape and windows; what they need for heating
# and for cooling. We hold a quarter of them out, and pretend that cooling was measured
# in twenty of the others only. Which twenty matters a lot, so we do this three times.

import numpy as np
import pandas as pd

from skmtl.datasets import load_enb

buildings = load_enb()
X, Y = buildings.data, buildings.target


def draw(seed):
    """Return the rows to train on, what was measured of them, and rows to test on."""
    order = np.random.default_rng(seed).permutation(len(X))
    test, train = np.split(order, [len(X) // 4])
    measured = Y.iloc[train].copy()
    measured.loc[measured.index[20:], "cooling_load"] = np.nan
    return train, measured, test


train, measured, test = draw(0)
print(measured.count())
measured.iloc[18:22]

# %%
# What twenty rows can tell
# -------------------------
#
# ``IndependentTasks`` fits one clone of an estimator to each column, on the rows where
# it was measured. ``task_feature`` stays at None, because tasks are columns of ``y``.

from sklearn.ensemble import ExtraTreesRegressor
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmtl import IndependentTasks
from skmtl.boosting import MultiTaskBoostingRegressor
from skmtl.linear import SharedRepresentationRegressor

ridge = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-3, 3, 13)))
trees = ExtraTreesRegressor(200, random_state=0)
directions = SharedRepresentationRegressor(task_weight="noise")
models = {
    "ridge each": IndependentTasks(ridge),
    "trees each": IndependentTasks(trees),
    "shared directions": make_pipeline(StandardScaler(), directions),
    "shared trees": MultiTaskBoostingRegressor(random_state=0),
}


def squared_errors(train, measured, test):
    """Return the mean squared error of every model and target."""
    found = {}
    for name, model in models.items():
        said = model.fit(X.iloc[train], measured).predict(X.iloc[test])
        found[name] = ((said - Y.iloc[test]) ** 2).mean()
    return pd.DataFrame(found).T


table = np.sqrt(sum(squared_errors(*draw(seed)) for seed in range(3)) / 3)
table.round(2)

# %%
# Heating was measured everywhere, and is learned as well by models that share as by
# models that do not. Cooling is another matter: what a building loses in winter has
# much to do with what it takes up in summer. Both models that share have a clearly
# lower error than their like that do not, and trees gain most.

linear, shared = table.loc["ridge each"], table.loc["shared directions"]
boosted, alone = table.loc["shared trees"], table.loc["trees each"]
print(f"linear {1 - shared['cooling_load'] / linear['cooling_load']:.0%} lower")
print(f"trees {1 - boosted['cooling_load'] / alone['cooling_load']:.0%} lower")
assert abs(shared["heating_load"] / linear["heating_load"] - 1) < 0.02
assert shared["cooling_load"] < 0.95 * linear["cooling_load"]
assert boosted["cooling_load"] < 0.7 * alone["cooling_load"]

# %%
# The buildings held out, in the last of the three:

import matplotlib.pyplot as plt

train, measured, test = draw(2)
truth = Y.iloc[test]["cooling_load"]
figure, panels = plt.subplots(
    1, 2, figsize=(8, 4), sharex=True, sharey=True, layout="constrained"
)
for axes, name in zip(panels, ("trees each", "shared trees"), strict=True):
    axes.scatter(models[name].predict(X.iloc[test])[:, 1], truth, s=12, alpha=0.6)
    axes.axline((20, 20), slope=1, color="grey", linestyle=":")
    axes.set(title=name, xlabel="cooling load, predicted", ylabel="cooling load")

# %%
# Scores with gaps
# ----------------
#
# Metrics of scikit-learn raise an error at ``NaN``. ``make_task_scorer`` scores every
# column on its own observed rows, and ``TaskKFold`` spreads the twenty over the folds.
# Both need no more than that tasks are columns of ``y``.

from sklearn.model_selection import cross_validate

from skmtl.metrics import make_task_scorer
from skmtl.model_selection import TaskKFold

scorer = make_task_scorer("neg_root_mean_squared_error", average=None)
scores = cross_validate(
    models["shared directions"],
    X.iloc[train],
    measured,
    cv=TaskKFold(5, shuffle=True, random_state=0),
    scoring=scorer,
)
scores = {name[5:]: -s.mean() for name, s in scores.items() if name[:5] == "test_"}
print({name: round(float(score), 2) for name, score in scores.items()})
assert len(scores) == 2
assert np.isfinite(list(scores.values())).all()

# %%
# Targets with little in common
# -----------------------------
#
# The slump, the flow and the strength of concrete: 103 rows, half of all answers
# deleted. How stiff fresh concrete is says little of how strong it will be. The mean
# over twenty splits:

from skmtl import SafeTasks
from skmtl.datasets import load_slump
from skmtl.linear import HierarchicalRegressor

concrete = load_slump()
X, Y = concrete.data, concrete.target
models = {
    "ridge each": IndependentTasks(ridge),
    "hierarchical": make_pipeline(StandardScaler(), HierarchicalRegressor()),
}


def one_split(seed):
    """Return the error of every model and target, in the target's deviations."""
    draw = np.random.default_rng(seed)
    order = draw.permutation(len(X))
    test, train = order[:25], order[25:]
    known = Y.iloc[train].mask(draw.random((len(train), 3)) < 0.5)
    return pd.DataFrame(
        {
            name: (model.fit(X.iloc[train], known).predict(X.iloc[test]) - Y.iloc[test])
            .div(Y.std())
            .pow(2)
            .mean()
            for name, model in models.items()
        }
    )


table = np.sqrt(sum(one_split(seed) for seed in range(20)) / 20).T
print(table.round(3))

# %%
# No target gains much, and the strength is predicted worse than alone. If you cannot
# tell beforehand, ``SafeTasks(model, single)`` weighs the two by held-out rows, column
# by column. Its gates are the weights of the shared model: near zero, they say that it
# is not wanted.

worse = table.loc["hierarchical"] / table.loc["ridge each"]
assert worse["strength"] > 1
assert worse.min() > 0.9

safe = SafeTasks(models["hierarchical"], ridge).fit(X, Y)
print(
    {name: float(g) for name, g in zip(safe.tasks_, safe.gate_.round(2), strict=True)}
)
assert safe.gate_.max() < 0.5
