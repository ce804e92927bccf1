"""
Do my tasks help each other?
============================

You have a table in which every row belongs to a group: a county, a shop, a patient. The
same question is asked in every group, and the answer differs a little from one to the
next. skmtl calls such groups *tasks*.

There are two plain ways to deal with them. A model for each group knows nothing of the
others, and is poor where a group has few rows. One model for all groups averages over
their differences. This page asks of a real table whether something between the two is
better, for which groups, and ends with a table where it is not.
"""

# %%
# Houses in 85 counties
# ---------------------
#
# Radon, a radioactive gas, was measured in 919 houses of Minnesota. The question is how
# much of it a house has, given the floor on which it was measured and the uranium in
# the county's soil. The county of a house is a column of the table, and stays there.

import numpy as np
import pandas as pd

from skmtl.datasets import load_radon

radon = load_radon()
X, y = radon.data, radon.target
houses = X["county"].value_counts()
print(houses.iloc[[0, 1, -2, -1]])
assert houses.max() > 100 > 1 == houses.min()

# %%
# Three models
# ------------
#
# ``IndependentTasks`` and ``PooledTasks`` turn any estimator of scikit-learn into one
# model for each county, or one for all of them. ``HierarchicalRegressor`` gives every
# county coefficients of its own, too, but expects them to be like those of the other
# counties. How much alike they are, it learns from all counties together.

from sklearn.linear_model import Ridge

from skmtl import IndependentTasks, PooledTasks
from skmtl.linear import HierarchicalRegressor

models = {
    "one each": IndependentTasks(Ridge(), task_feature="county"),
    "one for all": PooledTasks(Ridge(), task_feature="county"),
    "shared": HierarchicalRegressor(task_feature="county"),
}

# %%
# Every house is predicted by models that have not seen it. ``TaskKFold`` makes sure
# that the houses of each county are spread over all five folds.

from sklearn.model_selection import cross_val_predict

from skmtl.model_selection import TaskKFold

folds = TaskKFold(5, task_feature="county", shuffle=True, random_state=0)
predictions = {
    name: cross_val_predict(model, X, y, cv=folds) for name, model in models.items()
}

# %%
# Small counties and large ones
# -----------------------------
#
# The error of each model, in three groups of counties: those with few houses, a medium
# number, and many.

squared = pd.DataFrame({k: (p - y) ** 2 for k, p in predictions.items()})
by_county = squared.groupby(X["county"].to_numpy()).mean()
size = houses.reindex(by_county.index)
groups = pd.qcut(size.rank(method="first"), 3, labels=["few", "medium", "many"])
table = np.sqrt(by_county.groupby(groups, observed=True).mean())
table.insert(0, "houses", size.groupby(groups, observed=True).mean())
table.round(3)

# %%
# In counties with few houses, a model of their own is hopeless, and one model for all
# is the best there is. In counties with many houses it is the other way round: the
# model for all counties ignores what they know of themselves. The shared model is never
# more than five per cent behind the better of the two, and in large counties ahead of
# both. Nobody told it which of the two to follow where.

few, many = table.loc["few"], table.loc["many"]
assert few["one for all"] < 0.85 * few["one each"]
assert many["one each"] < many["one for all"]
assert many["shared"] < many["one each"]
assert table["shared"].le(1.05 * table[["one each", "one for all"]].min(axis=1)).all()

# %%
# The same county by county: the share of a county's own error that sharing saves. Marks
# below the line are counties that would have done better alone. With five houses to be
# predicted, some of them always do by chance.

from skmtl.plotting import TaskGainDisplay

TaskGainDisplay.from_predictions(
    y,
    predictions["shared"],
    predictions["one each"],
    X["county"],
    baseline="one model each",
)

# %%
# And when they do not help
# -------------------------
#
# Forty-two patients recorded their voices, each of them more than a hundred times, and
# a doctor scored their symptoms. Here the patient is the task. A patient with a hundred
# recordings has little to learn from the others.

from skmtl.datasets import load_parkinsons

voices = load_parkinsons()
X = voices.data.drop(columns=["age", "sex", "test_time"])
numbers = X.columns.drop("patient")
X[numbers] = (X[numbers] - X[numbers].mean()) / X[numbers].std()
folds = TaskKFold(5, task_feature="patient", shuffle=True, random_state=0)


def error(model):
    """Return the error on held-out recordings, as the mean over patients."""
    left = cross_val_predict(model, X, voices.target, cv=folds) - voices.target
    return np.sqrt((left**2).groupby(X["patient"].to_numpy()).mean()).mean()


alone, shared = (
    error(model.set_params(task_feature="patient"))
    for model in (models["one each"], models["shared"])
)
print(f"one model each {alone:.2f}, shared {shared:.2f}")
print(f"sharing saves {1 - shared / alone:.1%}")
assert abs(1 - shared / alone) < 0.06

# %%
# So the answer depends on the table. Tasks help each other if they have few rows for
# what is to be learned, and if they are alike. If you would rather not look yourself,
# :class:`~skmtl.safety.SafeTasks` decides by held-out rows, task by task, how much of a
# shared model to use, and :class:`~skmtl.automatic.MultiTaskRegressor` also which.
