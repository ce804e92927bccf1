"""Life expectancy in 142 countries: one model each, one for all, and skmtl.

A country has twelve rows, one every five years. A model for each country has few rows
to learn from, a model for all knows none of them. ``make demo`` prints what sharing
gains on rows held out, and draws ``demo.png``.
"""

import numpy as np
import pandas as pd
from lightgbm import LGBMRegressor
from sklearn.linear_model import Ridge, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmtl import IndependentTasks, MultiTaskRegressor, PooledTasks
from skmtl.datasets import load_gapminder
from skmtl.metrics import task_scores
from skmtl.model_selection import TaskKFold

SINGLE, TREES = "one model for each country", "trees, country as a category"
POOLED, SKMTL = "one model for all countries", "skmtl: MultiTaskRegressor"
ERROR = "neg_root_mean_squared_error"


def candidates():
    """Return the models to compare."""
    ridge = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-3, 3, 13)))
    # LightGBM wants a hundred rows of a category unless it is told otherwise.
    trees = LGBMRegressor(
        n_estimators=500,
        num_leaves=15,
        learning_rate=0.05,
        min_child_samples=5,
        min_data_per_group=5,
        cat_smooth=1,
        n_jobs=1,
        verbose=-1,
    )
    return {
        POOLED: PooledTasks(Ridge()),
        SINGLE: IndependentTasks(ridge),
        TREES: PooledTasks(trees, encode="category"),
        SKMTL: MultiTaskRegressor(random_state=0),
    }


def errors_by_country(models, X, y):
    """Fit to three quarters of every country's rows, return errors on the others."""
    folds = TaskKFold(4, task_feature="country", shuffle=True, random_state=0)
    train, test = next(folds.split(X, y))
    errors = {}
    for name, model in models.items():
        model.set_params(task_feature="country").fit(X.iloc[train], y.iloc[train])
        said, country = model.predict(X.iloc[test]), X.iloc[test]["country"]
        scores = task_scores(y.iloc[test], said, country, metric=ERROR)
        errors[name] = pd.Series(-scores.score, scores.task)
    return pd.DataFrame(errors)


def draw(errors, lives, unlike, path):
    """Draw the error in every country, and the countries that are unlike the others."""
    import matplotlib.pyplot as plt

    plt.rcParams.update({"font.size": 13, "axes.spines.top": False})
    plt.rcParams.update({"axes.spines.right": False})
    figure, (left, right) = plt.subplots(1, 2, figsize=(13, 5.6), layout="constrained")
    share = np.arange(1, len(errors) + 1)
    for name, colour, style in (
        (POOLED, "#999999", ":"),
        (TREES, "#0072b2", "--"),
        (SINGLE, "#009e73", "-."),
        (SKMTL, "#d55e00", "-"),
    ):
        label = f"{errors[name].mean():.1f}  {name}"
        left.plot(
            np.sort(errors[name]),
            share,
            style,
            color=colour,
            linewidth=2.6,
            label=label,
        )
    left.set_xscale("log")
    left.set_xticks([0.2, 0.5, 1, 2, 5, 10], ["0.2", "0.5", "1", "2", "5", "10"])
    left.minorticks_off()
    left.set_xlim(0.15, 30)
    left.set_xlabel("error on held-out rows, in years")
    left.set_ylabel("countries with no larger error")
    left.legend(
        title="mean over countries, in years:",
        alignment="left",
        loc="lower left",
        bbox_to_anchor=(-0.02, 1.0),
        ncols=2,
        fontsize=10,
        title_fontsize=10,
        columnspacing=1.0,
        frameon=False,
    )

    right.plot(lives, color="#bbbbbb", linewidth=0.5)
    for country, style in zip(unlike, ("-", "--", ":", "-."), strict=False):
        right.plot(lives[country], style, color="#d55e00", linewidth=2.6, label=country)
    right.set_ylabel("life expectancy")
    right.set_title("Countries that skmtl found unlike the others", loc="left")
    right.legend(fontsize=11, frameon=False, loc="lower right")
    figure.savefig(path, dpi=110)


def main():
    """Compare the models, print what sharing gains, and draw it."""
    X, y = load_gapminder(return_X_y=True)
    X = X[["year", "log_gdp", "log_pop", "country"]]
    models = candidates()
    errors = errors_by_country(models, X, y)
    print("Error on held-out rows in years, as the mean over 142 countries:")
    for name, error in errors.mean().items():
        print(f"  {name:32s}{error:5.2f}")
    better = (errors[SKMTL] < errors[SINGLE]).sum()
    print(
        f"\nskmtl beats a country's own model in {better} of {len(errors)} countries."
    )
    unlike = models[SKMTL].outlier_tasks_.tolist()
    print(f"Countries that it found unlike the others: {', '.join(unlike) or 'none'}.")
    lives = y.to_frame("life").join(X)
    lives = lives.pivot(index="year", columns="country", values="life")
    draw(errors, lives, unlike[:4], "demo.png")
    print("The picture is in demo.png.")


if __name__ == "__main__":
    main()
