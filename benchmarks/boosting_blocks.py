"""Boosting in blocks beside LightGBM with the task as a category, and its outliers.

Run ``python -m benchmarks.boosting_blocks``, with the names of parts to run only these.
Every ratio is of two things timed in turn in this run; bars are those the project sets
itself. The functions of the tasks are those of ``make_task_functions``.
"""

import sys

import numpy as np

from benchmarks.boosting_engine import N_FEATURES, clock, parameters
from benchmarks.measuring import ratio, table

NO_WEIGHT = np.empty(0)
N_SEEDS = 20


def pose(X, y, task, *, loss=None, settings=None, n_folds=5, n_threads=1):
    """Return the bins of a problem, and the problem."""
    from skmtl._folds import balanced_folds
    from skmtl._kernels.boosting_records import TreeSettings
    from skmtl.boosting import _bins, _losses
    from skmtl.boosting._problem import Problem

    order = np.argsort(task, kind="stable")
    bins = _bins.find_bins(X)
    codes = _bins.make_table(bins, X, order, n_threads=n_threads)
    offsets = np.r_[0, np.cumsum(np.bincount(task))]
    y, fold = y[order].astype(float), np.zeros(y.size, np.int64)
    if n_folds > 1:
        fold = balanced_folds(X[order], y, task[order], n_folds)
    loss, settings = loss or _losses.squared(), settings or TreeSettings()
    last = (n_folds, loss, settings, 500, 0, n_threads)
    return bins, Problem(codes, y, NO_WEIGHT, offsets, fold, *last)


def many_rows(n_rows, n_tasks):
    """Return rows of tasks of which one in ten follows the negative of the others."""
    rng = np.random.default_rng(0)
    X, task = rng.normal(size=(n_rows, N_FEATURES)), rng.integers(0, n_tasks, n_rows)
    y = 2 * np.sin(1.5 * X[:, 0]) + X[:, 1] * X[:, 2] + np.abs(X[:, 3])
    y = np.where(task % 10 == 0, -y, y) + 0.3 * X[np.arange(n_rows), task % N_FEATURES]
    return X, y + 0.5 * rng.normal(size=n_rows), task


def fit_ours(X, y, task, n_threads):
    """Fit 100 shared rounds, 50 of two components, and 50 of every task."""
    from skmtl.boosting import _blocks

    _, problem = pose(X, y, task, n_folds=1, n_threads=n_threads)
    return _blocks.fit_fixed(problem, _blocks.Rounds(50, 100, 50))


def fit_theirs(X, y, task, n_threads):
    """Fit 200 trees that may part the tasks."""
    import lightgbm

    own = parameters(n_threads)
    data = lightgbm.Dataset(
        np.column_stack([X, task]), y, categorical_feature=[N_FEATURES], params=own
    )
    return lightgbm.train(own, data, 200)


TIMED = (50_000, "<= 0.8"), (500_000, "<= 0.9")


def timing(cases=TIMED):
    """Yield the time of a whole fit with given numbers of rounds."""
    for n_rows, bar in cases:
        for n_tasks in (20, 200):
            rows = many_rows(n_rows, n_tasks)
            for n_threads in (1, 2):
                measured = ratio(
                    lambda rows=rows, n=n_threads: fit_ours(*rows, n),
                    lambda rows=rows, n=n_threads: fit_theirs(*rows, n),
                    runs=5 if n_rows < 100_000 else 3,
                    timer=clock(n_threads),
                )
                what = f"whole fit, {n_rows:,} rows, {n_tasks} tasks"
                yield f"{what}, {n_threads} thread(s)", "LightGBM", measured, bar


CASES = {
    "the authors' setting": {},
    "y x 0.1": {"factor": 0.1},
    "y x 100": {"factor": 100.0},
    "noise 0.3": {"noise": 0.3},
    "noise 1": {"noise": 1.0},
    "50 rows a task": {"n_samples": 50},
    "50 tasks, 5 outliers": {"n_tasks": 50, "n_outlier_tasks": 5},
    "3 outliers of distinct kinds": {"n_outlier_tasks": 3, "n_outlier_functions": 3},
    "20 tasks, 4 outliers of distinct kinds": {
        "n_tasks": 20,
        "n_outlier_tasks": 4,
        "n_outlier_functions": 4,
    },
    "classification": {"problem": "classification"},
    "no outliers": {"n_outlier_tasks": 0},
}


class Trial:
    """One draw of the tasks: 300 rows of each to learn from, and 1,000 more."""

    n_test = 1_000

    def __init__(self, seed, factor=1.0, n_samples=300, **options):
        from skmtl.datasets import make_task_functions

        options = {"n_tasks": 10, "n_outlier_tasks": 2, **options}
        self.classifies = options.get("problem") == "classification"
        tasks = make_task_functions(
            n_samples=n_samples + self.n_test,
            as_frame=False,
            shuffle=False,
            random_state=seed,
            **options,
        )
        self.X, self.task = tasks.data[:, :-1], tasks.data[:, -1].astype(int)
        self.y = tasks.target * (1 if self.classifies else factor)
        self.outlying, self.factor = tasks.clusters > 0, factor
        place = np.arange(self.y.size) % (n_samples + self.n_test)
        self.train = place < n_samples

    def fit(self):
        """Return the blocks, and their error on the other rows."""
        from skmtl._kernels.boosting_records import TreeSettings
        from skmtl.boosting import _bins, _blocks, _losses

        loss = _losses.logistic() if self.classifies else _losses.squared()
        own = TreeSettings(max_leaves=16, min_weight=5.0, shrinkage=1.0)
        rows, rest = self.train, ~self.train
        known = (self.X[rows], self.y[rows], self.task[rows])
        bins, problem = pose(*known, loss=loss, settings=own)
        blocks = _blocks.fit_blocks(problem)
        codes = _bins.encode_rows(bins, self.X[rest])
        score = blocks.parts(codes, self.task[rest]).score[:, 0]
        if self.classifies:
            return blocks, np.mean((score > 0) == self.y[rest])
        return blocks, np.sqrt(np.mean((score - self.y[rest]) ** 2)) / self.factor


def area_under_curve(scores, outlying):
    """Return how often an outlier has a higher score than another task."""
    ours, others = scores[outlying][:, None], scores[~outlying]
    return np.mean((ours > others) + 0.5 * (ours == others)) if ours.size else np.nan


def outliers():
    """Yield how outliers are told from other tasks, and the error on new rows."""
    from skmtl.boosting import _outliers

    for name, options in CASES.items():
        areas, exact, errors = [], [], []
        for seed in range(N_SEEDS):
            trial = Trial(seed, **options)
            blocks, error = trial.fit()
            areas.append(area_under_curve(blocks.outlier_scores, trial.outlying))
            found = _outliers.flag(blocks.outlier_scores)
            exact.append(np.array_equal(found, trial.outlying))
            errors.append(error)
        bar = ">= 0.98" if name == "50 rows a task" else "1.00"
        if "n_outlier_tasks" not in options or options["n_outlier_tasks"]:
            area = f"{np.mean(areas):.3f} (least {np.min(areas):.3f})"
            yield f"area under the curve: {name}", "", area, bar
        yield "  seeds whose flags are all right", "", f"{np.mean(exact):.2f}", ""
        kind = "accuracy" if trial.classifies else "root mean squared error"
        yield f"  {kind} on new rows", "", f"{np.mean(errors):.4f}", ""


def main():
    """Print every figure."""
    parts = {part.__name__: part for part in (timing, outliers)}
    chosen = sys.argv[1:] or list(parts)
    rows = [row for name in chosen for row in parts[name]()]
    print(table(rows, ["measured", "in units of", "figure", "bar"]))


if __name__ == "__main__":
    main()
