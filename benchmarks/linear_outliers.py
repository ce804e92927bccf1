"""Measure robust linear models among outlier tasks, and the detection of these.

Run ``python -m benchmarks.linear_outliers [SEEDS]`` (100 by default). Tasks of the
shared representation are those of Tian, Gu and Feng (JMLR 26(187), 2025): 50 tasks of
100 rows and 50 features, rank 5, outliers with coefficients of their own and features
twice as large. Jointly sparse tasks are as many and as large, on features that are
correlated (0.5 between neighbours); inliers use 6 of them, outliers all, with
coefficients as long as those of inliers unless said otherwise. Errors are means over
inlier tasks of the length of the coefficients' error. The oracle is the plain model
fitted to the inlier tasks only; "found" is the share of outliers flagged, "false" the
mean share of inliers among the flagged.
"""

from benchmarks import threads

threads.pin()

import sys
from typing import NamedTuple

import numpy as np
import pandas as pd

from benchmarks.measuring import ratio, table
from skmtl.datasets import make_shared_representation
from skmtl.linear import JointSparseRegressor, SharedRepresentationRegressor

SETTINGS = [
    ("clean", {}),
    ("20 % outliers", {"n_outlier_tasks": 10}),
    ("40 % outliers", {"n_outlier_tasks": 20}),
    ("20 %, features alike", {"n_outlier_tasks": 10, "outlier_feature_scale": 1.0}),
    ("20 %, inliers drift 0.3", {"n_outlier_tasks": 10, "drift": 0.3}),
    ("drift 0.6, no outliers", {"drift": 0.6}),
]
SPARSE_SETTINGS = [
    ("clean", {"n_outliers": 0}),
    ("20 % outliers", {}),
    ("20 % outliers, 10 times as large", {"size": 10.0}),
    ("40 % outliers", {"n_outliers": 20}),
    ("20 %, 60 rows", {"n_rows": 60}),
    ("20 %, 30 rows", {"n_rows": 30}),
]


class SparseTasks(NamedTuple):
    """Tasks that use the same few features, and outliers among them."""

    data: object
    target: object
    coef: np.ndarray
    outlier_tasks: np.ndarray


def draw_sparse(seed, *, n_outliers=10, n_rows=100, size=1.0):
    """Return one jointly sparse problem."""
    rng, n_tasks, n_features, n_used = np.random.default_rng(seed), 50, 50, 6
    coef = np.zeros((n_tasks, n_features))
    used = rng.choice(n_features, n_used, replace=False)
    coef[:, used] = rng.normal(size=(n_tasks, n_used)) * np.sqrt(5.0 / n_used)
    outlier = np.sort(rng.choice(n_tasks, n_outliers, replace=False))
    own = rng.normal(size=(n_outliers, n_features)) * np.sqrt(5.0 / n_features)
    coef[outlier] = size * own
    lag = np.abs(np.subtract.outer(np.arange(n_features), np.arange(n_features)))
    factor = np.linalg.cholesky(0.5**lag)
    X = rng.normal(size=(n_tasks * n_rows, n_features)) @ factor.T
    task = np.repeat(np.arange(n_tasks), n_rows)
    y = np.sum(X * coef[task], axis=1) + rng.normal(size=task.size)
    frame = pd.DataFrame(X).add_prefix("x").assign(task=task)
    return SparseTasks(frame, y, coef, outlier)


def draw(seed, **changes):
    """Return one problem of a shared representation."""
    settings = {"outlier_feature_scale": 2.0, **changes}
    return make_shared_representation(
        50, 100, 50, rank=5, random_state=seed, **settings
    )


def model(robust):
    """Return the shared representation for problems that have no intercepts."""
    return SharedRepresentationRegressor(
        5, robust=robust, fit_intercept=False, task_feature="task"
    )


def sparse_model(robust):
    """Return the model of joint sparsity."""
    return JointSparseRegressor("auto", robust=robust, task_feature="task")


def mean_error(coef, truth):
    """Return the mean length of the coefficients' error."""
    return np.linalg.norm(coef - truth, axis=1).mean()


def measure(data, model):
    """Return errors of robust, plain and oracle fit, and what was flagged."""
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


def compare(title, settings, draw, model, n_seeds):
    """Print one model's table and the cost of being robust."""
    rows = []
    for name, changes in settings:
        results = np.array(
            [measure(draw(seed, **changes), model) for seed in range(n_seeds)]
        )
        error = results[:, 0].std() / np.sqrt(n_seeds)
        means = [f"{value:.3f}" for value in results.mean(axis=0)]
        rows.append((name, f"{means[0]} +- {error:.3f}", *means[1:]))
    header = (
        "setting", "robust", "plain", "oracle", "found", "false", "inliers flagged"
    )  # fmt: skip
    print(f"{title}, {n_seeds} seeds")
    print(table(rows, header))
    data = draw(0, **dict(settings)["20 % outliers"])
    cost = ratio(
        lambda: model(True).fit(data.data, data.target),
        lambda: model(False).fit(data.data, data.target),
    )
    print(f"\nrobust fit / plain fit: {cost}\n")


def main(n_seeds):
    """Print a table for every model that can be robust among its outliers."""
    compare("shared representation", SETTINGS, draw, model, n_seeds)
    compare("joint sparsity", SPARSE_SETTINGS, draw_sparse, sparse_model, n_seeds)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
