"""Forecast the polls of every state: one model each, one for all, and skmtl.

3,097 polls of the United States' presidential election of 2016 ask one question in 53
places: by how many points does Clinton lead? A model for each place has few polls to
learn from, a model for all places knows none of them. ``make demo`` prints what sharing
gains and draws ``demo.png``.
"""

import numpy as np
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.linear_model import Ridge
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skmtl import IndependentTasks, PooledTasks
from skmtl.compose import keep_task
from skmtl.datasets import load_polls2016
from skmtl.linear import HierarchicalRegressor
from skmtl.model_selection import TaskKFold

LABELS = {
    "single": "one model for each state",
    "pooled": "one model for all states",
    "dummies": "one for all, a level for each state",
    "skmtl": "skmtl: HierarchicalRegressor",
}


def candidates(task):
    """Return the models to compare, all behind the same preprocessing."""
    words = make_column_selector(dtype_include="category")
    encode = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), words),
        remainder=StandardScaler(),
        verbose_feature_names_out=False,
    )
    models = {
        "single": IndependentTasks(Ridge(), task_feature=task),
        "pooled": PooledTasks(Ridge(), task_feature=task),
        "dummies": PooledTasks(Ridge(), encode="onehot", task_feature=task),
        "skmtl": HierarchicalRegressor(task_feature=task),
    }
    return {
        name: make_pipeline(keep_task(encode, task), model)
        for name, model in models.items()
    }


def errors_by_task(models, X, y, task):
    """Return the root mean squared error of held-out polls, by place and model."""
    folds = TaskKFold(5, task_feature=task, shuffle=True, random_state=0)
    squared = {
        name: (cross_val_predict(model, X, y, cv=folds) - y) ** 2
        for name, model in models.items()
    }
    by_task = pd.DataFrame(squared).groupby(X[task].to_numpy())
    table = np.sqrt(by_task.mean())
    table.insert(0, "polls", by_task.size())
    table["gain"] = 1 - table["skmtl"] / table["single"]
    return table.sort_values("polls")


def draw(table, outliers, path):
    """Draw errors by place, gain against the number of polls, and unusual places."""
    import matplotlib.pyplot as plt

    figure, (left, middle, right) = plt.subplots(
        1, 3, figsize=(14, 7.5), width_ratios=[1.5, 1, 0.9], layout="constrained"
    )
    order = table.sort_values("single")
    place = np.arange(len(order))
    styles = {"pooled": ("s", "#999999"), "single": ("o", "#56b4e9")}
    styles["skmtl"] = ("D", "#d55e00")
    left.hlines(place, order["skmtl"], order["single"], color="#cccccc", zorder=0)
    for name, (marker, colour) in styles.items():
        left.scatter(
            order[name],
            place,
            s=22,
            marker=marker,
            color=colour,
            alpha=0.9,
            label=LABELS[name],
        )
    left.set_xscale("log")
    ticks = [3, 5, 10, 20, 50]
    left.set_xticks(ticks, [str(tick) for tick in ticks])
    left.minorticks_off()
    left.set_yticks(place, order.index, fontsize=6.5)
    left.set_ylim(-1, len(order))
    figure.legend(fontsize=9, loc="outside upper left", ncols=3)
    left.set_xlabel("error on held-out polls (points)")
    left.set_title("Error in every place", loc="left")

    middle.axhline(0, color="black", linewidth=0.8)
    middle.scatter(
        table["polls"], 100 * table["gain"], s=26, color=styles["skmtl"][1], alpha=0.8
    )
    middle.set_xscale("log")
    middle.set_xticks([10, 20, 50, 100], ["10", "20", "50", "100"])
    middle.minorticks_off()
    middle.set_xlabel("polls in the place")
    middle.set_ylabel("error saved against a model of its own (%)")
    middle.set_title("What sharing saves", loc="left")

    top = outliers.sort_values().tail(15)
    right.barh(top.index, top, color="#0072b2", height=0.7)
    right.set_xlabel("outlier score")
    right.set_title("Places unlike the others", loc="left")
    right.tick_params(axis="y", labelsize=8)
    for axes in (left, middle, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)


def main():
    """Compare the models, print what sharing gains, and draw it."""
    data = load_polls2016()
    X, y, task = data.data, data.target, data.task_feature
    models = candidates(task)
    table = errors_by_task(models, X, y, task)
    print(table.round(2).to_string())
    print("\nMean over all places of the error on held-out polls, in points:")
    for name, label in LABELS.items():
        print(f"  {label:38s}{table[name].mean():6.2f}")
    better, few = (table["gain"] > 0).sum(), table["gain"][:10].mean()
    print(
        f"\nskmtl beats a place's own model in {better} of {len(table)} places; in the "
        f"ten with fewest polls its error is {few:.0%} lower on average."
    )
    model = models["skmtl"].fit(X, y)[-1]
    draw(table, pd.Series(model.outlier_scores_, model.tasks_), "demo.png")
    print("The picture is in demo.png.")


if __name__ == "__main__":
    main()
