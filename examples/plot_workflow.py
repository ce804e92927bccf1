"""
Grid search, pipelines, scoring by task
=======================================

The task is a column of ``X``. This is the whole trick: what splits, resamples, scales
or scores rows takes the task along, and the tools of scikit-learn work as they are.
This page builds a pipeline, searches its settings, scores it country by country, and
shows how easily one fools oneself when rows have an order in time.
"""

# %%
# A pipeline
# ----------
#
# Life expectancy in 142 countries, every five years. A scaler must not touch the column
# that names the country: ``keep_task`` applies it to all others, and hands the task on.

from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skmtl.compose import keep_task
from skmtl.datasets import load_gapminder
from skmtl.linear import SharedRepresentationRegressor

world = load_gapminder()
X, y = world.data[["year", "log_gdp", "log_pop", "country"]], world.target
pipeline = Pipeline(
    [
        ("scale", keep_task(StandardScaler(), "country")),
        ("model", SharedRepresentationRegressor(task_feature="country")),
    ]
)
pipeline

# %%
# Grid search
# -----------
#
# ``TaskKFold`` spreads the rows of every country over the folds. The scorer computes
# the error in every country and averages: small and large countries count the same.
# ``transformer`` is the scaler within ``keep_task``; any step can be searched.

from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import RobustScaler

from skmtl.metrics import make_task_scorer
from skmtl.model_selection import TaskKFold

error = "neg_root_mean_squared_error"
macro = make_task_scorer(error, task_feature="country")
settings = {
    "model__rank": [1, 2, 3],
    "scale__transformer": [StandardScaler(), RobustScaler()],
}
folds = TaskKFold(3, task_feature="country", shuffle=True, random_state=0)
search = GridSearchCV(pipeline, settings, cv=folds, scoring=macro).fit(X, y)
print(search.best_params_)
print(f"error {-search.best_score_:.2f} years")

# %%
# Who pays for the average?
# -------------------------
#
# An average hides the country that is predicted worst. ``average="worst"`` scores a
# model by it, and :class:`~skmtl.plotting.TaskScoreDisplay` shows all of them.

from sklearn.base import clone
from sklearn.linear_model import RidgeCV

from skmtl import IndependentTasks
from skmtl.plotting import TaskScoreDisplay

worst = make_task_scorer(error, average="worst", task_feature="country")
train, test = next(folds.split(X, y))
held_out = X.iloc[test], y.iloc[test]
alone = Pipeline(
    [
        ("scale", keep_task(StandardScaler(), "country")),
        ("model", IndependentTasks(RidgeCV(), task_feature="country")),
    ]
)
models = {"shared": clone(search.best_estimator_), "one each": alone}
for name, model in models.items():
    model.fit(X.iloc[train], y.iloc[train])
    print(f"{name:9s} mean {-macro(model, *held_out):.2f}, ", end="")
    print(f"worst {-worst(model, *held_out):.2f}")
TaskScoreDisplay.from_estimator(models, *held_out, task_feature="country")
assert macro(models["shared"], *held_out) > macro(alone, *held_out)

# %%
# A trap: rows in order of time
# -----------------------------
#
# Which is better, boosted trees or a line for each country? Ask by a random split, and
# ask by a split in which training rows are earlier than test rows.

import numpy as np
import pandas as pd
from sklearn.model_selection import cross_val_score

from skmtl.boosting import MultiTaskBoostingRegressor
from skmtl.linear import HierarchicalRegressor
from skmtl.model_selection import TaskTimeSeriesSplit

splits = {
    "random": TaskKFold(2, task_feature="country", shuffle=True, random_state=0),
    "past and future": TaskTimeSeriesSplit(2, task_feature="country", time="year"),
}
models = {
    "boosted trees": MultiTaskBoostingRegressor(
        max_iter=150, task_feature="country", random_state=0
    ),
    "lines": HierarchicalRegressor(task_feature="country"),
}
table = pd.DataFrame(
    {
        split: {
            name: -cross_val_score(model, X, y, cv=cv, scoring=macro).mean()
            for name, model in models.items()
        }
        for split, cv in splits.items()
    }
)
table.round(2)

# %%
# The random split says: trees, clearly. It asks for 1977 when 1972 or 1982 is known, a
# question that answers itself. If the model is to look ahead, this is a leak, and the
# answer is wrong: trees do not continue a trend, lines do. Ask the question that will
# be asked when the model is used.

trees, lines = table.loc["boosted trees"], table.loc["lines"]
assert trees["random"] < 0.9 * lines["random"]
assert lines["past and future"] < 0.8 * trees["past and future"]
assert (table["past and future"] > table["random"]).all()

# %%
# The same holds for splits within a model. Every estimator that holds out rows while it
# is fitted has a parameter ``cv``, which takes these splitters.
#
# Never worse than alone
# ----------------------
#
# ``SafeTasks`` wraps a shared model and a model for single tasks, and mixes them for
# each task by what held-out rows say. Here the shared model is one that averages over
# all countries, a bad idea, and the gates close:

from sklearn.linear_model import Ridge

from skmtl import PooledTasks, SafeTasks

models = {
    "one for all": PooledTasks(Ridge(), task_feature="country"),
    "one each": IndependentTasks(Ridge(), task_feature="country"),
}
models["safe"] = SafeTasks(models["one for all"], Ridge(), cv=3, task_feature="country")
scores = {}
for name, model in models.items():
    model.fit(X.iloc[train], y.iloc[train])
    scores[name] = -macro(model, *held_out)
    print(f"{name:12s} {scores[name]:.2f}")
print(f"median weight of the shared model: {np.median(models['safe'].gate_):.2f}")
assert scores["safe"] < 1.05 * scores["one each"] < scores["one for all"]
