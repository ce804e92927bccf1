"""
Which of my sites are outliers?
===============================

Forty clinics, plants or shops send their rows, and a few of them do not fit: other
units, another instrument, another population. They are hard to find by looking at rows,
since every single row may look normal. What is unusual is how the answer depends on the
features. A model that learns all sites together knows what is usual, and can say which
sites are not.
"""

# %%
# Countries with a history
# ------------------------
#
# Life expectancy in 142 countries from 1952 to 2007, by year, income and population. A
# country is a task of twelve rows. The hierarchical model learns the distribution of
# the countries' coefficients; its outlier scores say how improbable a country is under
# what all others are like.

import numpy as np
import pandas as pd

from skmtl.datasets import load_gapminder
from skmtl.linear import HierarchicalRegressor
from skmtl.plotting import OutlierTaskDisplay

world = load_gapminder()
X, y = world.data[["year", "log_gdp", "log_pop", "country"]], world.target
model = HierarchicalRegressor(task_feature="country").fit(X, y)
display = OutlierTaskDisplay.from_estimator(model)

# %%
# The model knows nothing of history. Yet the countries at the top are those where lives
# became shorter while the rest of the world lived longer: the genocide in Rwanda, and
# the epidemic of AIDS in the south and the east of Africa.

scores = pd.Series(model.outlier_scores_, model.tasks_).sort_values(ascending=False)
lives = pd.DataFrame({"year": X["year"], "country": X["country"], "life": y})
lives = lives.pivot(index="year", columns="country", values="life")
fall = lives.diff().min().clip(upper=0.0)
top = scores.index[:8]
print(pd.DataFrame({"score": scores[top], "worst five years": fall[top]}).round(1))
print(f"median of the worst five years of the others: {fall.drop(top).median():.1f}")
assert (fall[top] < -2).all()
assert fall.drop(top).median() == 0

# %%
# Boosted trees judge by another rule: what does the part of the model that all tasks
# share explain of this task, on rows held out? Those that it explains badly, compared
# with the other tasks, are flagged.

from skmtl.boosting import MultiTaskBoostingRegressor

boosting = MultiTaskBoostingRegressor(task_feature="country", random_state=0)
boosting.fit(X, y)
print(boosting.outlier_tasks_.tolist())
assert "Rwanda" in boosting.outlier_tasks_
assert boosting.outlier_tasks_.size < 10

# %%
# What outliers do to the others
# ------------------------------
#
# In generated data we know the truth. Twenty-five sites follow rules that have two
# directions in common, but three of them do not.

from skmtl.datasets import make_shared_representation
from skmtl.linear import SharedRepresentationRegressor

problem = make_shared_representation(
    n_tasks=25,
    n_samples=60,
    n_features=10,
    rank=2,
    n_outlier_tasks=3,
    random_state=0,
)
fits = {
    robust: SharedRepresentationRegressor(rank=2, robust=robust, task_feature="task")
    for robust in (False, True)
}
for fit in fits.values():
    fit.fit(problem.data, problem.target)

# %%
# With ``robust=True`` every site is tested against what the others share. The three are
# found, and only they.

# sphinx_gallery_thumbnail_number = 2
OutlierTaskDisplay.from_estimator(fits[True])
print("found:", sorted(fits[True].outlier_tasks_.tolist()))
print("true: ", sorted(problem.outlier_tasks.tolist()))
assert sorted(fits[True].outlier_tasks_) == sorted(problem.outlier_tasks)

# %%
# Without it the three bend the common directions towards themselves, and all others
# pay:

usual = ~np.isin(fits[True].tasks_, problem.outlier_tasks)


def mean_error(fit, of_tasks):
    """Return the mean distance of coefficients from the truth."""
    return np.linalg.norm(fit.coef_ - problem.coef, axis=1)[of_tasks].mean()


table = pd.DataFrame(
    {
        ("robust" if robust else "not robust"): {
            "usual sites": mean_error(fit, usual),
            "outliers": mean_error(fit, ~usual),
        }
        for robust, fit in fits.items()
    }
)
print(table.round(2))
assert table.loc["usual sites", "robust"] < table.loc["usual sites", "not robust"]
assert table.loc["outliers", "robust"] < table.loc["outliers", "not robust"]

# %%
# The outliers fare better as well: they get models of their own instead of being
# pressed into directions that are not theirs.
#
# When no site is
# ---------------
#
# Four hospitals diagnosed heart disease. They differ in how ill their patients are and
# in which tests they recorded. Are any of them outliers?

from skmtl.boosting import MultiTaskBoostingClassifier
from skmtl.datasets import load_heart

heart = load_heart()
diagnosis = MultiTaskBoostingClassifier(task_feature="hospital", random_state=0)
diagnosis.fit(heart.data, heart.target)
OutlierTaskDisplay.from_estimator(diagnosis)
assert diagnosis.outlier_tasks_.size == 0

# %%
# None is flagged. With four tasks there is little to compare with, and fewer than four
# are never flagged at all. A score is a reason to look at a site, not a verdict.
