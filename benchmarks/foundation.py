"""What every estimator stands on: imports, labels, grouping, statistics, one row.

Run ``python -m benchmarks.foundation``. Every figure is a ratio of two things timed in
turn in this run; bars are those the project sets itself.
"""

from benchmarks import threads

threads.pin()

import warnings

import numpy as np

from benchmarks.measuring import (
    cold_cache,
    process_seconds,
    ratio,
    table,
)

MODEL = "from skmtl.linear import SharedRepresentationRegressor as Model"
FIRST_FIT = f"""
import numpy as np
{MODEL}
rng = np.random.default_rng(0)
X = np.column_stack([rng.normal(size=(200, 5)), np.arange(200) % 10])
Model(rank=2, task_feature=-1).fit(X, X[:, 0] + rng.normal(size=200))
"""


def import_time():
    """Yield the cost of imports beside scikit-learn's."""
    sides = [
        ("import skmtl", "import skmtl", "import sklearn", 1.3),
        (MODEL.split(" as")[0], MODEL, "import sklearn.linear_model", 1.5),
    ]
    for name, ours, theirs, bar in sides:
        measured = ratio(ours, theirs, timer=process_seconds)
        yield name, theirs, measured, f"<= {bar}"


def first_fit():
    """Yield the cost of the first fit in a process, compiled before and not."""
    import_linear = "import sklearn.linear_model"
    with cold_cache() as cache:

        def warm(code):
            return process_seconds(code, cache=cache)

        measured = ratio(FIRST_FIT, import_linear, timer=warm, runs=5)
        yield "first fit, kernels cached, imports included", import_linear, measured, ""

    def cold(code):
        with cold_cache() as cache:
            return process_seconds(code, cache=cache)

    measured = ratio(FIRST_FIT, import_linear, timer=cold, runs=3, warm=0)
    yield "first fit, nothing cached, imports included", import_linear, measured, ""


def labels():
    """Yield the cost of turning text labels into positions."""
    from skmtl._labels import build_vocabulary, read_labels

    rng = np.random.default_rng(0)
    for n_tasks in (10, 500, 20_000):
        names = [f"school {t:05d}" for t in range(n_tasks)]
        column = np.array(names, dtype=object)[rng.integers(0, n_tasks, 200_000)]
        measured = ratio(
            lambda column=column: np.unique(column, return_inverse=True),
            lambda column=column: build_vocabulary(read_labels(column)),
        )
        yield (
            f"np.unique of 200,000 labels, {n_tasks:,} tasks",
            "ours",
            measured,
            ">= 5",
        )


SHAPES = (10**6, 50, 1000), (2 * 10**5, 100, 200), (2 * 10**5, 20, 10**4)


def moments(shapes=SHAPES):
    """Yield grouping and statistics beside reading X once and beside a plain Gram."""
    from skmtl._tasks import group_rows, statistics

    rng = np.random.default_rng(0)
    for n_rows, n_features, n_tasks in shapes:
        X, y = rng.normal(size=(n_rows, n_features)), rng.normal(size=n_rows)
        task, weight = rng.integers(0, n_tasks, n_rows), np.ones(n_rows)
        data = group_rows(X, y, weight, task, n_tasks)
        shape = f"{n_rows:,} x {n_features}, {n_tasks:,} tasks"

        def group(X=X, y=y, weight=weight, task=task, n_tasks=n_tasks):
            return group_rows(X, y, weight, task, n_tasks)

        def measure(data=data):
            return statistics(data)

        yield f"grouping, {shape}", "X.sum()", ratio(group, X.sum), ""
        yield f"statistics, {shape}", "X.sum()", ratio(measure, X.sum), ""
        gram = ratio(lambda X=X: X.T @ X, lambda m=measure, g=group: (g(), m()))
        yield f"X.T @ X, {shape}", "grouping and statistics", gram, ">= 0.5 at d=50"


def one_row():
    """Yield the cost of predicting one row of a frame."""
    import pandas as pd
    from sklearn.linear_model import Ridge

    from skmtl.linear import SharedRepresentationRegressor

    rng = np.random.default_rng(0)
    features = pd.DataFrame(rng.normal(size=(2000, 10))).rename(columns="x{}".format)
    y = rng.normal(size=2000)
    frame = features.assign(school=[f"s{i % 30}" for i in range(2000)])
    ours = SharedRepresentationRegressor(rank=2, task_feature="school").fit(frame, y)
    ridge = Ridge().fit(features, y)
    row, plain = frame.iloc[:1], features.iloc[:1]
    measured = ratio(
        lambda: [ours.predict(row) for _ in range(50)],
        lambda: [ridge.predict(plain) for _ in range(50)],
    )
    yield (
        "predict one row of a frame",
        "Ridge.predict, no task column",
        measured,
        "<= 3",
    )


def main():
    """Print every ratio."""
    warnings.simplefilter("ignore")
    rows = [
        row
        for part in (import_time, first_fit, labels, moments, one_row)
        for row in part()
    ]
    print(table(rows, ["measured", "in units of", "ratio", "bar"]))


if __name__ == "__main__":
    main()
