"""What does choosing cost, beside the two dearest of the models it chooses from?

Run ``python -m benchmarks.automatic FOLDER --sets a,b``, with one described table per
folder inside (see :func:`skmtl.datasets.load_multitask_csv`); without a folder, on
tables that come with skmtl. The figure is the processor time of fitting
``MultiTaskRegressor`` or ``MultiTaskClassifier``, one thread, over that of its two
dearest structures fitted once each to the same rows. The bar is 3.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import json
import time
import warnings
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.measuring import table
from skmtl import MultiTaskClassifier, MultiTaskRegressor, datasets
from skmtl._structures import LINEAR, boosting, fit_rows

BUNDLED = ["radon", "gapminder", "portal_rodents", "heart", "enb"]
RUNS = 3


def cpu_seconds(call):
    """Return the processor time of a call."""
    start = time.process_time()
    call()
    return time.process_time() - start


def read(folder, name):
    """Return X, y, the task column and whether targets are classes."""
    if folder is None:
        bunch = getattr(datasets, f"load_{name}")()
        classify = name == "heart"
    else:
        bunch = datasets.load_multitask_csv(Path(folder, name))
        kind = json.loads(Path(folder, name, "meta.json").read_text())["type"]
        classify = kind in ("binary", "classification")
    return bunch.data, bunch.target, bunch.task_feature, classify


def own_fits(model, X, y):
    """Return the processor time of each structure's own fit, by name."""
    seen = {}

    def keep(course, runners):
        seen["course"] = course
        type(model)._weigh(model, course, runners)

    model._weigh = keep
    model.fit(X, y)
    del model._weigh
    sample = seen["course"].sample
    rows = np.arange(len(sample.y))
    cost = {}
    for structure in LINEAR:
        if structure.refuse(sample) is None:
            estimator = structure.make(sample)
            cost[structure.name] = cpu_seconds(
                lambda e=estimator: fit_rows(e, sample, rows)
            )
    trees = boosting(sample, None, None, 1)
    target = sample.y if sample.wide or not sample.n_classes else sample.y.astype(int)
    cost["boosting"] = cpu_seconds(lambda: trees.fit(sample.raw, target))
    return cost


def main():
    """Print a line for each table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?")
    parser.add_argument("--sets")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    rows = []
    for name in options.sets.split(",") if options.sets else BUNDLED:
        X, y, task_feature, classify = read(options.folder, name)
        kind = MultiTaskClassifier if classify else MultiTaskRegressor
        model = kind(task_feature=task_feature, n_jobs=1)
        model.fit(X, y)  # Kernels are compiled.
        fit = partial(model.fit, X, y)
        runs = []
        for _ in range(RUNS):
            cost = own_fits(model, X, y)
            dearest = sorted(cost, key=cost.get)[-2:]
            ratio = cpu_seconds(fit) / sum(cost[key] for key in dearest)
            runs.append((ratio, ", ".join(dearest[::-1])))
        ratio, dearest = sorted(runs)[RUNS // 2]
        rows.append((name, f"{ratio:.2f}", dearest))
    print(table(rows, ["set", "cost", "dearest"]))


if __name__ == "__main__":
    main()
