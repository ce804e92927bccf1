"""
A new store with twenty rows
============================

Fifty stores have sold for months, and there is a model of their sales. Now a new store
opens. After twenty days there are twenty rows: too few for a model of its own, and the
store differs from the average store. What the others have in common makes those twenty
rows go further.

The stores on this page are generated, so that we know how well one can do; the last
section repeats the exercise with real polls.
"""

# %%
# Fifty stores, ten newcomers
# ---------------------------
#
# Sales depend on twelve features. How strongly, differs between stores, but in two
# directions only: think of town and country, cheap and dear. That is not told to any
# model. We set ten stores aside, to be new ones.

import numpy as np
import pandas as pd

from skmtl.datasets import make_shared_representation

stores = make_shared_representation(
    n_tasks=60,
    n_samples=150,
    n_features=12,
    rank=2,
    noise=2.0,
    random_state=0,
)
X, y = stores.data.rename(columns={"task": "store"}), stores.target
X["store"] = X["store"].str.replace("task", "store")
newcomers = sorted(X["store"].unique())[-10:]
old = ~X["store"].isin(newcomers)

# %%
# Two models of the fifty stores. The first finds the directions that stores have in
# common, and how many there are. The second learns the distribution of the stores'
# coefficients, and starts from it whenever a store is new.

from skmtl.linear import HierarchicalRegressor, SharedRepresentationRegressor

models = {
    "shared directions": SharedRepresentationRegressor(task_feature="store"),
    "hierarchical": HierarchicalRegressor(task_feature="store"),
}
for model in models.values():
    model.fit(X[old], y[old])
print(models["shared directions"].rank_)
assert models["shared directions"].rank_ == 2

# %%
# The first days
# --------------
#
# ``fit_task`` adds a store to a fitted model from a few rows. Nothing is fitted anew,
# and the other stores stay as they are. We give every newcomer 2, 5, 10 and 20 days,
# predict its other days, and set a ridge regression of its own beside it. Before the
# first day, the model predicts by what all stores share.

from copy import deepcopy

from sklearn.linear_model import RidgeCV

ridge = RidgeCV(alphas=np.logspace(-2, 2, 9))


def errors(store, days):
    """Return each model's error on a store of which so many days are known."""
    rows = X["store"] == store
    known, known_y = X[rows][:days], y[rows][:days]
    test, test_y = X[rows][20:], y[rows][20:]
    found = {}
    if days:
        own = ridge.fit(known.drop(columns="store"), known_y)
        found["its own"] = own.predict(test.drop(columns="store"))
    for name, model in models.items():
        learner = deepcopy(model)
        if days:
            learner.fit_task(known, known_y)
        found[name] = learner.predict(test)
    return {name: np.mean((test_y - said) ** 2) for name, said in found.items()}


days = [0, 2, 5, 10, 20]
table = pd.DataFrame(
    [pd.DataFrame([errors(s, n) for s in newcomers]).mean() for n in days],
    index=pd.Index(days, name="days"),
)
table = np.sqrt(table)[["its own", "shared directions", "hierarchical"]]
table.round(2)

# %%
axes = table.plot(marker="o", ylabel="error on the days after", xticks=days)
axes.axhline(2.0, color="grey", linestyle=":")
axes.annotate("noise", (days[-1], 2.0), ha="right", va="bottom")
axes.set_ylim(0)

# %%
# After five days the hierarchical model predicts a new store better than the store's
# own model does after twenty; the shared directions need ten. Two days only mislead the
# latter: it trusts them more than it should.

own = table.loc[20, "its own"]
assert table.loc[2, "shared directions"] > table.loc[0, "shared directions"]
assert table.loc[5, "hierarchical"] < own
assert table.loc[10, "shared directions"] < own

# %%
# How sure is it?
# ---------------
#
# The hierarchical model also says how far off a prediction may be, noise included. It
# is less sure the less it has seen of a store.

model, store = models["hierarchical"], newcomers[0]
rows = X["store"] == store
widths = {}
for days in (0, 5, 20):
    learner = deepcopy(model)
    if days:
        learner.fit_task(X[rows][:days], y[rows][:days])
    _, std = learner.predict(X[rows][20:], return_std=True)
    widths[days] = std.mean()
print({days: round(float(width), 2) for days, width in widths.items()})
assert widths[0] > widths[5] > widths[20]

# %%
# Does it mean what it says? Over all newcomers, twenty days known, sales should lie
# within 1.64 standard deviations nine times in ten:

inside = []
for store in newcomers:
    rows = X["store"] == store
    learner = deepcopy(model).fit_task(X[rows][:20], y[rows][:20])
    said, std = learner.predict(X[rows][20:], return_std=True)
    inside.append(np.abs(y[rows][20:] - said) < 1.64 * std)
print(f"{np.mean(inside):.1%} inside")
assert 0.87 < np.mean(inside) < 0.93

# %%
# The same with real polls
# ------------------------
#
# Polls before the American election of 2016. Each state in turn is new: the model has
# seen the other states, and twenty polls of this one.

from skmtl.datasets import load_polls2016

polls = load_polls2016()
X, y = polls.data[["days_left", "log_n", "state"]], polls.target
generator = np.random.default_rng(0)


def poll_errors(state):
    """Return the mean squared errors on a state of which twenty polls are known."""
    here = (X["state"] == state).to_numpy()
    rows = generator.permutation(np.flatnonzero(here))
    known, test = rows[:20], rows[20:]
    features = X.drop(columns="state")
    others = HierarchicalRegressor(task_feature="state").fit(X[~here], y[~here])
    said = {"unseen": others.predict(X.iloc[test])}
    others.fit_task(X.iloc[known], y.iloc[known])
    said["20 polls, and other states"] = others.predict(X.iloc[test])
    own = ridge.fit(features.iloc[known], y.iloc[known])
    said["20 polls of its own"] = own.predict(features.iloc[test])
    return {name: np.mean((y.iloc[test] - p) ** 2) for name, p in said.items()}


sizes = X["state"].value_counts()
states = sorted(sizes.index[sizes > 30])
table = np.sqrt(pd.DataFrame([poll_errors(state) for state in states])).mean()
print(table.round(2))
assert table["20 polls, and other states"] < table["20 polls of its own"]
assert table["unseen"] > 1.5 * table["20 polls, and other states"]

# %%
# The gain is smaller here. States differ in their level above all, and a level is
# learned from a few polls; only how the lead changes with time is worth borrowing.
# Without any poll of the state the model is far off: no other state tells its level.
