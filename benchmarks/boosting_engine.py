"""Trees for all rows and for every task, beside LightGBM with the same settings.

Run ``python -m benchmarks.boosting_engine``, with the names of parts to run only these.
Every ratio is of two things timed in turn in this run; bars are those the project sets
itself.
"""

import os
import statistics
import subprocess
import sys
import time
from functools import partial

import numpy as np

from benchmarks.measuring import Ratio, cold_cache, ratio, table

N_FEATURES, N_LEAVES = 20, 31
NO_WEIGHT = np.empty(0)

FIRST_USE = """
import time
from resource import RUSAGE_SELF, getrusage
import numpy as np
from skmtl._kernels.boosting_records import TaskSettings, TreeSettings
from skmtl.boosting import _bins, _grower, _losses, _task_trees, _trees

def seconds():
    use = getrusage(RUSAGE_SELF)
    return use.ru_utime + use.ru_stime

imported = seconds()
rng = np.random.default_rng(0)
X, no_weight = rng.normal(size=(500, 3)), np.empty(0)
y, settings, loss = X[:, 0], TreeSettings(), _losses.squared()
bins = _bins.find_bins(X)
codes = _bins.make_table(bins, X)
room = _grower.make_room([codes], settings, has_hessian=False)
score = np.zeros((500, 1))
trees = _grower.boost(codes, loss, y, score, no_weight, settings, room)
_trees.predict(trees, _bins.encode_rows(bins, X))
entries = _task_trees.task_entries(np.arange(500), np.array([0, 250, 500]), y)
_task_trees.grow_task_trees(codes, entries, score, TaskSettings(n_rounds=2), settings)
print(seconds() - imported)
"""

MEMORY = """
import benchmarks.boosting_engine as b
from benchmarks.speed_growth import CLEAR, high_water

b.{side}(*b.problem(2_000), 2, 1)
X, y = b.problem(500_000)
CLEAR.write_text("5")  # Linux forgets the highest water there was.
before = high_water()
b.{side}(X, y, 10, 1)
print(high_water() - before)
"""


def problem(n_rows, seed=0):
    """Return rows whose target no single tree finds."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, N_FEATURES))
    y = np.sin(3 * X[:, 0]) + X[:, 1] * X[:, 2] + X[:, 3] ** 2 * X[:, 4]
    return X, y + 0.3 * rng.normal(size=n_rows)


def parameters(n_threads, **changed):
    """Return LightGBM's parameters for the trees that we grow."""
    return {
        "objective": "regression",
        "num_leaves": N_LEAVES,
        "learning_rate": 0.1,
        "min_data_in_leaf": 20,
        "max_depth": 10,
        "num_threads": n_threads,
        "force_col_wise": True,
        "verbose": -1,
        **changed,
    }


class Ours:
    """Boosting of all rows by this package."""

    def __init__(self, X, y, n_threads):
        from skmtl._kernels.boosting_records import TreeSettings
        from skmtl.boosting import _bins, _grower, _losses

        self.bins, self.loss = _bins.find_bins(X), _losses.squared()
        self.table = _bins.make_table(self.bins, X, n_threads=n_threads)
        self.settings, self.n_threads, self.y = TreeSettings(), n_threads, y
        self.start = self.loss.start(y, NO_WEIGHT)
        self.score = np.tile(self.start, (len(y), 1))
        self.room = _grower.make_room(
            [self.table], self.settings, has_hessian=False, n_threads=n_threads
        )
        self.trees = []

    def grow(self):
        from skmtl.boosting._grower import boost

        last = (self.score, NO_WEIGHT, self.settings, self.room)
        self.trees.append(boost(self.table, self.loss, self.y, *last))

    def predict(self, X):
        from skmtl.boosting import _bins, _trees

        codes = _bins.encode_rows(self.bins, X, self.n_threads)
        return _trees.predict(_trees.join(self.trees), codes, 1, self.n_threads)


class Theirs:
    """The same by LightGBM."""

    def __init__(self, X, y, n_threads):
        import lightgbm

        data = lightgbm.Dataset(X, y, params={"verbose": -1}, free_raw_data=True)
        self.n_threads = n_threads
        self.booster = lightgbm.Booster(parameters(n_threads), data)

    def grow(self):
        self.booster.update()

    def predict(self, X):
        return self.booster.predict(X, num_threads=self.n_threads)


def fit(kind, X, y, n_rounds, n_threads):
    """Return a fitted model."""
    model = kind(X, y, n_threads)
    for _ in range(n_rounds):
        model.grow()
    return model


def ours(X, y, n_rounds, n_threads):
    return fit(Ours, X, y, n_rounds, n_threads)


def theirs(X, y, n_rounds, n_threads):
    return fit(Theirs, X, y, n_rounds, n_threads)


# Seconds that are measured at least.
LONG_ENOUGH = 0.05


def clock(n_threads):
    """Return a timer: of the processor where there is one thread, else of the wall.

    A busy machine disturbs the first less. Some clocks advance in steps of a hundredth
    of a second, so that quick calls are repeated.
    """
    now = time.process_time if n_threads == 1 else time.perf_counter

    def timer(call):
        start, n_calls, spent = now(), 0, 0.0
        while spent < LONG_ENOUGH:
            call()
            n_calls, spent = n_calls + 1, now() - start
        return spent / n_calls

    return timer


SHARED_CASES = (5_000, 0.5, 50), (50_000, 0.7, 50), (500_000, 0.8, 25)
TASK_CASES = (200, 8, 31), (2_000, 8, 31), (10_000, 4, 15)


def shared_trees(cases=SHARED_CASES, threads=(1, 2)):
    """Yield trees over all rows, and predictions."""
    for n_rows, bar, n_rounds in cases:
        X, y = problem(n_rows)
        for n_threads in threads:
            sides = [kind(X, y, n_threads) for kind in (Ours, Theirs)]
            grow = [side.grow for side in sides]
            measured = ratio(*grow, runs=n_rounds, warm=5, timer=clock(n_threads))
            where = f"{n_rows:,} rows, {n_threads} thread(s)"
            yield f"tree, {where}", "LightGBM", _middle(measured), f"<= {bar}"
            predict = [partial(side.predict, X) for side in sides]
            measured = ratio(*predict, runs=5, timer=clock(n_threads))
            yield f"predict, {where}", "LightGBM", measured, "<= 0.7"


def _middle(measured):
    """Leave out the range, which single trees make very wide."""
    return Ratio(measured.median, measured.median, measured.median)


def task_trees(cases=TASK_CASES, threads=(1, 2)):
    """Yield trees of every task beside a LightGBM model for each."""
    for n_tasks, n_leaves, n_groups in cases:
        case = TaskCase(n_tasks)
        for n_threads in threads:
            bar = ">= 12" if n_threads == 1 else ">= 14"
            measured, each = case.compare(n_leaves, n_groups, n_threads)
            what = f"{n_tasks:,} tasks, {n_leaves} leaves, {n_threads} thread(s)"
            yield f"LightGBM per task, {what}", "ours", measured, bar
            yield f"  microseconds per tree, {what}", "", f"{each:.1f}", "flat"


class TaskCase:
    """Tasks of 100 to 1,000 rows, and a few of them for LightGBM."""

    n_rounds, n_sampled, runs = 50, 30, 3

    def __init__(self, n_tasks):
        from skmtl.boosting import _bins, _task_trees

        rng = np.random.default_rng(0)
        self.sizes = rng.integers(100, 1000, n_tasks)
        self.offsets = np.r_[0, np.cumsum(self.sizes)]
        self.X, self.y = problem(self.offsets[-1])
        self.codes = _bins.make_table(_bins.find_bins(self.X), self.X)
        rows = np.arange(self.y.size)
        self.entries = _task_trees.task_entries(rows, self.offsets, self.y)
        self.some = rng.choice(n_tasks, self.n_sampled, replace=False)

    def boost_ours(self, n_leaves, n_groups, n_threads):
        from skmtl._kernels.boosting_records import TaskSettings, TreeSettings
        from skmtl.boosting._task_trees import grow_task_trees

        plan = TaskSettings(n_rounds=self.n_rounds, n_groups=n_groups)
        settings = TreeSettings(max_leaves=n_leaves)
        score = np.zeros((self.y.size, 1))
        grow_task_trees(self.codes, self.entries, score, plan, settings, n_threads)

    def boost_theirs(self, n_leaves, n_threads):
        for t in self.some:
            rows = slice(self.offsets[t], self.offsets[t + 1])
            _one_model(self.X[rows], self.y[rows], n_leaves, self.n_rounds, n_threads)

    def compare(self, n_leaves, n_groups, n_threads):
        """Return how often faster we are, and our microseconds per tree."""
        timer, times = clock(n_threads), []
        share = self.sizes.sum() / self.sizes[self.some].sum()
        for _ in range(1 + self.runs):
            mine = timer(lambda: self.boost_ours(n_leaves, n_groups, n_threads))
            other = share * timer(lambda: self.boost_theirs(n_leaves, n_threads))
            times.append((mine, other))
        ratios = [b / a for a, b in times[1:]]
        n_trees = self.n_rounds * self.sizes.size
        each = statistics.median(a for a, _ in times[1:]) / n_trees * 1e6
        return Ratio(statistics.median(ratios), min(ratios), max(ratios)), each


def _one_model(X, y, n_leaves, n_rounds, n_threads):
    import lightgbm

    data = lightgbm.Dataset(X, y, params={"verbose": -1})
    changed = parameters(n_threads, num_leaves=n_leaves)
    lightgbm.train(changed, data, n_rounds)


def memory():
    """Yield the peak above the input, of 500,000 rows."""
    peaks = {}
    for side in ("ours", "theirs"):
        peaks[side] = float(_run(MEMORY.format(side=side)))
    measured = f"{peaks['ours'] / peaks['theirs']:.2f}"
    yield "peak memory above the input, 500,000 rows", "LightGBM", measured, "<= 1"


def first_use():
    """Yield the processor's seconds that compiling, and loading, kernels takes."""
    with cold_cache() as cache:
        cold, warm = (float(_run(FIRST_USE, cache)) for _ in range(2))
    yield "seconds of the processor, kernels compiled", "", f"{cold:.1f}", "<= 9"
    yield "seconds of the processor, kernels cached", "", f"{warm:.2f}", "<= 0.5"


def _run(code, cache=None):
    environment = dict(os.environ, OMP_NUM_THREADS="1")
    if cache is not None:
        environment["NUMBA_CACHE_DIR"] = str(cache)
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout


def main():
    """Print every ratio."""
    parts = {
        part.__name__: part for part in (first_use, memory, shared_trees, task_trees)
    }
    chosen = sys.argv[1:] or list(parts)
    rows = [row for name in chosen for row in parts[name]()]
    print(table(rows, ["measured", "in units of", "ratio", "bar"]))


if __name__ == "__main__":
    main()
