"""Measure a robust shared representation among outlier tasks, and their detection.

Run ``python -m benchmarks.linear_outliers [SEEDS]`` (100 by default). Tasks are those
of Tian, Gu and Feng (JMLR 26(187), 2025): 50 tasks of 100 rows and 50 features, rank 5,
outliers with coefficients of their own and features twice as large. Errors are means
over tasks of the length of the coefficients' error. The oracle is the plain model
fitted to the inlier tasks only; "found" is the share of outliers flagged, "false" the
mean share of inliers among the flagged.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys

import numpy as np

from benchmarks.measuring import ratio, table
from skmtl.datasets import make_shared_representation
from skmtl.linear import SharedRepresentationRegressor

SETTINGS = [
    ("clean", {}),
    ("20 % outliers", {"n_outlier_tasks": 10}),
    ("40 % outliers", {"n_outlier_tasks": 20}),
    ("20 %, features alike", {"n_outlier_tasks": 10, "outlier_feature_scale": 1.0}),
    ("20 %, inliers drift 0.3", {"n_outlier_tasks": 10, "drift": 0.3}),
    ("drift 0.6, no outliers", {"drift": 0.6}),
]


def draw(seed, **changes):
    """Return one problem."""
    settings = {"outlier_feature_scale": 2.0, **changes}
    return make_shared_representation(
        50, 100, 50, rank=5, random_state=seed, **settings
    )


def model(robust):
    """Return the model for problems that have no intercepts."""
    return SharedRepresentationRegressor(
        5, robust=robust, fit_intercept=False, task_feature="task"
    )


def mean_error(coef, truth):
    """Return the mean length of the coefficients' error."""
    return np.linalg.norm(coef - truth, axis=1).mean()


def measure(seed, changes):
    """Return errors of robust, plain and oracle fit, and what was flagged."""
    data = draw(seed, **changes)
    robust = model(True).fit(data.data, data.target)
    plain = model(False).fit(data.data, data.target)
    inlier = ~np.isin(robust.tasks_, data.outlier_tasks)
    kept = ~data.data["task"].isin(data.outlier_tasks)
    oracle = model(False).fit(data.data[kept], data.target[kept])
    flagged = np.isin(robust.tasks_, robust.outlier_tasks_)
    found = flagged[~inlier].mean() if not inlier.all() else np.nan
    return (
        mean_error(robust.coef_[inlier], data.coef[inlier]),
        mean_error(plain.coef_[inlier], data.coef[inlier]),
        mean_error(oracle.coef_, data.coef[inlier]),
        found,
        flagged[inlier].sum() / max(flagged.sum(), 1),
        flagged[inlier].mean(),
    )


def main(n_seeds):
    """Print the table and the cost of being robust."""
    rows = []
    for name, changes in SETTINGS:
        results = np.array([measure(seed, changes) for seed in range(n_seeds)])
        error = results[:, 0].std() / np.sqrt(n_seeds)
        means = [f"{value:.3f}" for value in results.mean(axis=0)]
        rows.append((name, f"{means[0]} +- {error:.3f}", *means[1:]))
    header = (
        "setting", "robust", "plain", "oracle", "found", "false", "inliers flagged"
    )  # fmt: skip
    print(f"{n_seeds} seeds")
    print(table(rows, header))
    data = draw(0, n_outlier_tasks=10)
    cost = ratio(
        lambda: model(True).fit(data.data, data.target),
        lambda: model(False).fit(data.data, data.target),
    )
    print(f"\nrobust fit / plain fit: {cost}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
