"""
From LightGBM to multi-task boosting
====================================

Boosted trees are a good first choice for tables, and a table with groups is no
exception: pass the group as a category, and trees split on it where it matters. If you
do that today, this page is for you. It shows what it costs to try trees that know about
tasks, when they are better, and when you should stay where you are.
"""

# %%
# The group as a category
# -----------------------
#
# Forty-two patients recorded their voices; the target is a doctor's score of their
# symptoms. We know thirty recordings of every patient. The day of the recording is left
# out, because scores between two visits of the doctor were interpolated.
#
# ``PooledTasks`` with ``encode="category"`` is what you would write by hand: it marks
# the patient as a category and hands all rows to LightGBM.

import re

import numpy as np
import pandas as pd
from lightgbm import LGBMRegressor

from skmtl import IndependentTasks, PooledTasks
from skmtl.boosting import MultiTaskBoostingRegressor, TaskHeads
from skmtl.datasets import load_gapminder, load_parkinsons, load_polls2016


def voices():
    """Return the recordings, with names of columns that LightGBM accepts."""
    data = load_parkinsons()
    X = data.data.drop(columns="test_time")
    return X.rename(columns=lambda name: re.sub(r"\W", "_", name)), data.target


def first_rows(X, task, count, seed=0):
    """Return which rows are the first so many of their task, in a random order."""
    order = np.random.default_rng(seed).permutation(len(X))
    rank = X.iloc[order].groupby(task, observed=True).cumcount()
    return (rank.reindex(X.index) < count).to_numpy()


X, y = voices()
known = first_rows(X, "patient", 30)
print(known.sum(), "rows known,", (~known).sum(), "to predict")

# %%
# Four ways of using trees
# ------------------------
#
# The category with LightGBM's default settings; one LightGBM for each patient; and the
# two of skmtl. ``MultiTaskBoostingRegressor`` grows trees that all tasks share, and
# lets every task shift, scale or reverse what they say. ``TaskHeads`` does the same
# around an estimator of yours, with the settings you have found to be good.

mine = LGBMRegressor(
    n_estimators=200, num_leaves=15, learning_rate=0.05, n_jobs=1, verbose=-1
)
plain = LGBMRegressor(n_jobs=1, verbose=-1)
models = {
    "category": PooledTasks(plain, encode="category", task_feature="patient"),
    "one each": IndependentTasks(plain, task_feature="patient"),
    "TaskHeads(LightGBM)": TaskHeads(mine, task_feature="patient", random_state=0),
    "MultiTaskBoosting": MultiTaskBoostingRegressor(
        task_feature="patient", random_state=0
    ),
}


def error(model, X, y, known, task):
    """Return the error on the rows that are not known, as the mean over tasks."""
    squared = (model.fit(X[known], y[known]).predict(X[~known]) - y[~known]) ** 2
    return np.sqrt(squared.groupby(X[~known][task].to_numpy()).mean()).mean()


errors = {name: error(m, X, y, known, "patient") for name, m in models.items()}
pd.Series(errors, name="error").to_frame().round(2)

# %%
# With thirty rows a patient, the category is no better than models that share nothing:
# to use it, a tree has to spend its first splits on telling patients apart. Heads do
# that with one or two numbers for each task.

ours = errors["TaskHeads(LightGBM)"], errors["MultiTaskBoosting"]
assert errors["one each"] < errors["category"]
assert max(ours) < 0.97 * errors["category"]
assert max(ours) < errors["one each"]

# %%
# What the model says beside its predictions
# ------------------------------------------
#
# A booster with a category does not say how its groups are related. Here a prediction
# is the sum of three parts: what is common to all patients, what a patient's head
# changes about it, and what trees of the patient's own add. How much each of them
# varies:

boosting = models["MultiTaskBoosting"]
parts = boosting.decompose(X[~known])
spread = {name: float(np.std(part)) for name, part in parts._asdict().items()}
print({name: round(part, 2) for name, part in spread.items()})
np.testing.assert_allclose(sum(parts), boosting.predict(X[~known]))
assert spread["head"] > 10 * spread["shared"]

# %%
# So the level of each patient is nearly all that can be known here, and the voice says
# little beyond it. An average over patients would not have told you. Patient by
# patient, the booster beside the category:

from skmtl.plotting import TaskScoreDisplay

shown = {name: models[name] for name in ("category", "MultiTaskBoosting")}
TaskScoreDisplay.from_estimator(shown, X[~known], y[~known])

# %%
# Does it pay on my table?
# ------------------------
#
# Three tables, each with few known rows in every task. The second rival is a LightGBM
# whose settings are loosened so that it can tell small groups apart; the defaults want
# a hundred rows of a category before they look at it.

loose = LGBMRegressor(
    n_estimators=500,
    num_leaves=15,
    learning_rate=0.05,
    min_child_samples=5,
    min_data_per_group=5,
    cat_smooth=1,
    n_jobs=1,
    verbose=-1,
)
world, polls = load_gapminder(), load_polls2016()
tables = {
    "life expectancy": (world.data, world.target, "country", 8),
    "polls": (polls.data, polls.target, "state", 10),
}
rival = PooledTasks(loose, encode="category", task_feature="patient")
found = {"voices": errors | {"category, loose": error(rival, X, y, known, "patient")}}
for name, (X, y, task, count) in tables.items():
    candidates = {
        "category": PooledTasks(plain, encode="category", task_feature=task),
        "category, loose": PooledTasks(loose, encode="category", task_feature=task),
        "MultiTaskBoosting": MultiTaskBoostingRegressor(
            task_feature=task, random_state=0
        ),
    }
    known = first_rows(X, task, count)
    found[name] = {k: error(m, X, y, known, task) for k, m in candidates.items()}
found = pd.DataFrame(found).T[["category", "category, loose", "MultiTaskBoosting"]]
found.round(2)

# %%
# Twice yes, once no. Countries follow one history, faster or slower, higher or lower,
# which is just what heads describe. On polls a loosened LightGBM is better, and
# simpler: stay with it on such a table.

against = found["MultiTaskBoosting"] / found["category, loose"]
assert against["voices"] < 0.98
assert against["life expectancy"] < 0.8
assert against["polls"] > 1
