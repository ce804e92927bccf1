"""Time the hierarchical regressor against the mixed model of statsmodels.

Run ``python -m benchmarks.linear_hierarchical FOLDER`` with one BLAS thread, where
``FOLDER/data.csv.gz`` holds the exam marks of the Inner London Education Authority in
columns ``task``, ``target`` and features. Both fit the same model, by maximum
likelihood: all coefficients are fixed and random effects. Times are medians.
"""

from benchmarks import threads

threads.pin()

import statistics
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.measuring import process_seconds, ratio, seconds
from skmtl.linear import HierarchicalRegressor

FIRST_FIT = """
import numpy as np
from skmtl.linear import HierarchicalRegressor
rng = np.random.default_rng(0)
X, task = rng.normal(size=(2000, 10)), np.arange(2000) % 50
HierarchicalRegressor(task_feature=0).fit(np.column_stack([task, X]), X[:, 0])
"""


def read_table(folder):
    """Return task positions, features and targets."""
    table = pd.read_csv(Path(folder, "data.csv.gz"), dtype={"task": str})
    task = table["task"].factorize(sort=True)[0]
    return task, table.drop(columns=["task", "target"]).to_numpy(float), table["target"]


def independent_columns(X, n_columns):
    """Return the first columns that no earlier ones and a constant determine."""
    basis, kept = np.ones((len(X), 1)), []
    for j, column in enumerate(X.T):
        residual = column - basis @ np.linalg.lstsq(basis, column, rcond=None)[0]
        if np.linalg.norm(residual) > 1e-6 * np.linalg.norm(column):
            basis, kept = np.column_stack([basis, column]), [*kept, j]
        if len(kept) == n_columns:
            break
    return X[:, kept]


def mixed_model(task, X, y):
    """Return a function that fits the mixed model of statsmodels, or None."""
    try:
        from statsmodels.regression.mixed_linear_model import MixedLM
    except ImportError:
        return None
    Z = np.column_stack([np.ones(len(X)), (X - X.mean(axis=0)) / X.std(axis=0)])

    def fit():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = MixedLM(y.to_numpy(float), Z, groups=task, exog_re=Z)
            return model.fit(reml=False)

    return fit


def compare(task, X, y, n_effects):
    """Return how long the mixed model takes in units of ours, or None without it.

    The same model, our default, by how much our likelihood is higher, and whether the
    rival says that it converged.
    """
    columns = independent_columns(X, n_effects - 1)
    table = np.column_stack([task, columns])

    def fit(**options):
        return HierarchicalRegressor(task_feature=0, **options).fit(table, y)

    def same():
        return fit(shrinkage=0.0)

    rival, found = mixed_model(task, columns, y), []
    if rival is None:
        return None
    theirs = seconds(lambda: found.append(rival()))
    ours = statistics.median([seconds(same) for _ in range(7)])
    default = statistics.median([seconds(fit) for _ in range(7)])
    more = same().log_likelihood_ - found[0].llf
    return theirs / ours, theirs / default, float(more), found[0].converged


def many_tasks():
    """Print how the time grows with tasks, and that of many features with few tasks."""
    rng = np.random.default_rng(0)

    def measured(n_tasks, n_rows, n_features):
        task = np.repeat(np.arange(n_tasks), n_rows)
        X = rng.normal(size=(task.size, n_features))
        y = X @ rng.normal(size=n_features) + rng.normal(size=task.size)
        table, model = np.column_stack([task, X]), HierarchicalRegressor(task_feature=0)
        fit = [seconds(lambda: model.fit(table, y)) for _ in range(3)]
        return statistics.median(fit), model.n_iter_

    base = measured(100, 20, 5)[0]
    for shape in [(10_000, 20, 5), (100, 50, 50), (4, 150, 1279)]:
        time, n_iter = measured(*shape)
        print(
            f"{shape[0]} tasks, {shape[1]} rows each, {shape[2]} features: {n_iter} "
            f"steps, {time / base:.0f} times 100 tasks of 20 rows and 5 features",
            flush=True,
        )


def main(folder):
    first = ratio(FIRST_FIT, "import sklearn.linear_model", timer=process_seconds)
    print("import and first fit over import sklearn.linear_model:", first, flush=True)
    many_tasks()
    for n_effects in (3, 6, 11):
        found = compare(*read_table(folder), n_effects)
        if found is None:
            print("statsmodels: not installed")
            break
        print(
            f"School, {n_effects} random effects: statsmodels takes {found[0]:.0f} "
            f"times as long for the same model, {found[1]:.0f} times as long as the "
            f"default; log likelihood {found[2]:+.4f} (rival converged: {found[3]})",
            flush=True,
        )


if __name__ == "__main__":
    main(sys.argv[1])
