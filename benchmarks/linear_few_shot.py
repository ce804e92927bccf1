"""Measure the heads of new tasks with few rows, and what aligning features is worth.

Run ``python -m benchmarks.linear_few_shot [SEEDS]`` (50 by default). First: a shared
representation learned from 45 tasks of 100 rows (50 features, rank 5, no intercepts)
gives new tasks their heads from 5 to 50 rows; the rival is scikit-learn's
cross-validated ridge from the same rows, and figures are ratios of summed squared
errors of the coefficients. Second: tasks of one representation whose features each task
mixes and rescales in its own way; figures are squared errors of predictions on other
rows, beyond the noise, relative to a cross-validated ridge per task.
"""

from benchmarks import threads

threads.pin()

import sys

import numpy as np
from sklearn.linear_model import RidgeCV

from benchmarks.measuring import table
from skmtl.datasets import make_shared_representation
from skmtl.linear import SharedRepresentationRegressor

SIZES = (5, 10, 20, 50)
STRENGTHS = np.geomspace(1e-3, 1e4, 30)


def new_heads(seed, n_new=5):
    """Return summed squared errors of both, (2, sizes), over some new tasks."""
    data = make_shared_representation(
        50, 100, 50, rank=5, heads="normal", head_scale=1.0, random_state=seed
    )
    settings = {"fit_intercept": False, "task_feature": "task"}
    new = data.data["task"].isin(data.task_names[:n_new]).to_numpy()
    model = SharedRepresentationRegressor(5, **settings)
    model.fit(data.data[~new], data.target[~new])
    errors = np.zeros((2, len(SIZES)))
    for t, name in enumerate(data.task_names[:n_new]):
        own = (data.data["task"] == name).to_numpy()
        X, y, truth = data.data[own], data.target[own], data.coef[t]
        for place, size in enumerate(SIZES):
            label = f"new_{t}_{size}"
            model.fit_task(X[:size], y[:size], name=label)
            coef = model.coef_[model.tasks_.tolist().index(label)]
            ridge = RidgeCV(STRENGTHS, fit_intercept=False)
            ridge.fit(X[:size].drop(columns="task"), y[:size])
            errors[0, place] += np.sum((coef - truth) ** 2)
            errors[1, place] += np.sum((ridge.coef_ - truth) ** 2)
    return errors / n_new


def mixed(seed, n_rows, spread=1.5):
    """Return tasks whose features are scaled along axes of each task's own."""
    data = make_shared_representation(
        30, n_rows + 200, 20, rank=3, noise=3.0, shuffle=False, as_frame=False,
        random_state=seed,
    )  # fmt: skip
    rng, Z = np.random.default_rng(seed), data.data.copy()
    for t in range(30):
        turn = np.linalg.qr(rng.standard_normal((20, 20)))[0]
        scale = np.exp(rng.uniform(-spread, spread, 20))
        own = Z[:, -1] == t
        Z[own, :-1] = Z[own, :-1] @ (turn * scale) @ turn.T
    train = np.tile(np.arange(n_rows + 200) < n_rows, 30)
    return data, Z, train


def excess(prediction, data, train):
    """Return the squared error of predictions against what is not noise."""
    task = data.data[~train, -1].astype(int)
    signal = np.sum(data.data[~train, :-1] * data.coef[task], axis=1)
    return np.mean((prediction - signal) ** 2)


def alignment(seed, n_rows):
    """Return excess errors: ridge per task, shared, and shared with alignment."""
    data, Z, train = mixed(seed, n_rows)
    alone = np.empty((~train).sum())
    for t in range(30):
        own = Z[:, -1] == t
        ridge = RidgeCV(STRENGTHS).fit(Z[own & train, :-1], data.target[own & train])
        alone[Z[~train, -1] == t] = ridge.predict(Z[own & ~train, :-1])
    results = [excess(alone, data, train)]
    for align in (None, "covariance"):
        model = SharedRepresentationRegressor(3, align=align, task_feature=-1)
        model.fit(Z[train], data.target[train])
        results.append(excess(model.predict(Z[~train]), data, train))
    return results


def main(n_seeds):
    """Print both tables."""
    ours, theirs = np.sum([new_heads(seed) for seed in range(n_seeds)], axis=0)
    rows = [
        (size, f"{a / n_seeds:.2f}", f"{b / n_seeds:.2f}", f"{a / b:.3f}")
        for size, a, b in zip(SIZES, ours, theirs, strict=True)
    ]
    print(f"{n_seeds} seeds, squared error of a new task's coefficients")
    print(table(rows, ("rows", "head", "ridge", "ratio")))
    rows = []
    for n_rows in (30, 60, 100, 200):
        alone, plain, aligned = np.mean(
            [alignment(seed, n_rows) for seed in range(max(n_seeds // 5, 2))], axis=0
        )
        rows.append((n_rows, f"{plain / alone:.2f}", f"{aligned / alone:.2f}"))
    print("\nexcess error relative to a ridge per task, features mixed in every task")
    print(table(rows, ("rows a task", "shared", "shared, aligned")))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50)
