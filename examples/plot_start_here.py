"""
Start here
==========

Your table has groups: polls by state, sales by shop, scans by hospital. The same
question is asked in each, with somewhat different answers. skmtl learns the groups
together, as far as that helps. It calls a group a *task*.

If you know scikit-learn, there is one thing to learn: the task is a column of ``X``,
and you say which.
"""

# %%
# The table
# ---------
#
# Three thousand polls before the American election of 2016. The target is the lead of
# Clinton over Trump, in points; a task is a state. Numbers and categories stand side by
# side, and need no preparation.

from skmtl.datasets import load_polls2016

polls = load_polls2016()
X, y = polls.data, polls.target
X.head(3)

# %%
# One model
# ---------
#
# :class:`~skmtl.automatic.MultiTaskRegressor` is the estimator to begin with.
# ``task_feature`` names the column. The rest is as ever: ``fit``, ``predict``,
# pipelines, cross-validation.

from skmtl import MultiTaskRegressor
from skmtl.model_selection import TaskKFold

folds = TaskKFold(4, task_feature="state", shuffle=True, random_state=0)
train, test = next(folds.split(X, y))
X_train, y_train = X.iloc[train], y.iloc[train]
X_test, y_test = X.iloc[test], y.iloc[test]

model = MultiTaskRegressor(task_feature="state", random_state=0)
model.fit(X_train, y_train)

# %%
# What it tried
# -------------
#
# There are many ways in which tasks can share: one model for all of them, one each,
# coefficients around a common mean, a few common directions, common trees. The model
# tries them, rates each by rows that were held out from it, and mixes those that are
# good together.

print(model.candidates_)

# %%
# Models that share nothing ("independent") and models that ignore the state ("pooled")
# are among them, and beaten by others. One regression of all states that gives each an
# intercept is given up after one fold of five, and so has no loss. What has weight
# predicts:

table = model.candidates_
leader = max(model.weights_, key=model.weights_.get)
assert table[leader]["loss"] < table["independent"]["loss"] < table["pooled"]["loss"]
assert "clearly worse" in table["pooled_intercepts"]["status"]
print({name: round(weight, 2) for name, weight in model.weights_.items()})

# %%
# Is it better than what I do now?
# --------------------------------
#
# Compare with a model for each state, and with one model for all states that is told
# the state as a category. Both are one line around an estimator of scikit-learn. The
# error is that of the polls held out above, averaged over states.

import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skmtl import IndependentTasks, PooledTasks
from skmtl.compose import keep_task
from skmtl.metrics import make_task_scorer

words = make_column_selector(dtype_include="category")
encode = make_column_transformer(
    (OneHotEncoder(handle_unknown="ignore", sparse_output=False), words),
    remainder=StandardScaler(),
    verbose_feature_names_out=False,
)
trees = HistGradientBoostingRegressor(categorical_features="from_dtype", random_state=0)
rivals = {
    "ridge, one for each state": make_pipeline(
        keep_task(encode, "state"), IndependentTasks(RidgeCV(), task_feature="state")
    ),
    "trees, state as a category": PooledTasks(
        trees, encode="category", task_feature="state"
    ),
}
scorer = make_task_scorer("neg_root_mean_squared_error", task_feature="state")
errors = {
    name: -scorer(rival.fit(X_train, y_train), X_test, y_test)
    for name, rival in rivals.items()
}
errors["MultiTaskRegressor"] = -scorer(model, X_test, y_test)
print(pd.Series(errors).round(2).to_string())
assert errors["MultiTaskRegressor"] == min(errors.values())

# %%
# Which tasks gain?
# -----------------
#
# ``task_gain_`` is the share of a state's own error that sharing saves, measured on
# rows held out while the model was fitted. Where sharing would clearly harm a task, its
# ``gate_`` falls below one, and its own model takes part.

import matplotlib.pyplot as plt
import numpy as np

count = X_train["state"].value_counts().reindex(model.tasks_)
figure, axes = plt.subplots(layout="constrained")
axes.axhline(0, color="grey", linewidth=1)
axes.scatter(count, 100 * model.task_gain_)
axes.set(xscale="log", xlabel="polls of the state", ylabel="error saved (%)")
helped = (model.task_gain_ > 0).mean()
print(f"{helped:.0%} of states gain, {np.median(model.task_gain_):.0%} at the median")
assert helped > 0.75

# %%
# Which tasks are unlike the others?
# ----------------------------------
#
# Tasks that are described badly by what all of them share. There may be none.

print(model.outlier_tasks_.tolist())

# %%
# A new task
# ----------
#
# A state that ``fit`` has not seen is predicted by what is shared. When its first rows
# come in, ``fit_task`` learns it; all other states stay as they are. Massachusetts is a
# state in which the lead is far from that in the average state.

here = (X_train["state"] == "Massachusetts").to_numpy()
there = (X_test["state"] == "Massachusetts").to_numpy()
others = MultiTaskRegressor(task_feature="state", cv=3, random_state=0)
others.fit(X_train[~here], y_train[~here])


def error(model):
    """Return the error on the polls of Massachusetts that were held out."""
    left = model.predict(X_test[there]) - y_test[there]
    return float(np.sqrt(np.mean(left**2)))


before = error(others)
ten = X_train[here].sample(10, random_state=0)
after = error(others.fit_task(ten, y_train[ten.index]))
print(
    f"unseen {before:.1f}, ten polls {after:.1f}, all known {error(model):.1f} points"
)
assert after < 0.4 * before

# %%
# Next
# ----
#
# - :ref:`sphx_glr_auto_examples_plot_sharing.py`: when tasks help each other, and when
#   they do not.
# - :ref:`sphx_glr_auto_examples_plot_workflow.py`: pipelines, searches, scores by task,
#   and rows in order of time. If yours have one, pass a splitter that respects it by
#   ``cv``.
# - :ref:`sphx_glr_auto_examples_plot_several_targets.py`: tasks as columns of ``y``.
# - :ref:`sphx_glr_auto_examples_plot_what_to_measure.py`: where to buy more rows.
