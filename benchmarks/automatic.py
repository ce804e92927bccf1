"""What does choosing cost, beside the two dearest of the models it chooses from?

Run ``python -m benchmarks.automatic FOLDER --sets a,b``, with one described table per
folder inside (see :func:`skmtl.datasets.load_multitask_csv`); without a folder, on
tables that come with skmtl. The figure is the processor time of fitting
``MultiTaskRegressor`` or ``MultiTaskClassifier``, one thread, over that of its two
dearest structures fitted once each to the same rows. The bar is 3.
"""

from benchmarks import threads

threads.pin()

import argparse
import json
import time
import warnings
from functools import partial
from pathlib import Path

import numpy as np

from skmtl import MultiTaskClassifier, MultiTaskRegressor, datasets
from skmtl._structures import BY_FOLDS, boosting, fit_rows

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


def one_run(model, X, y):
    """Return what a fit costs over its two dearest structures, and their names."""
    seen = []

    def keep(course, runners):
        seen.append(course.sample)
        type(model)._weigh(model, course, runners)

    model._weigh = keep
    whole = cpu_seconds(partial(model.fit, X, y))
    del model._weigh
    cost = own_fits(seen[0])
    dearest = sorted(cost, key=cost.get)[-2:]
    return whole / sum(cost[key] for key in dearest), ", ".join(dearest[::-1])


def own_fits(sample):
    """Return the processor time of each structure's own fit, by name."""
    rows, cost = np.arange(len(sample.y)), {}
    for structure in BY_FOLDS:
        if structure.refuse(sample) is None:
            estimator = structure.make(sample)
            cost[structure.name] = cpu_seconds(
                partial(fit_rows, estimator, sample, rows)
            )
    trees = boosting(sample, None, None, 1)
    target = sample.y if sample.wide or not sample.n_classes else sample.y.astype(int)
    cost["boosting"] = cpu_seconds(partial(trees.fit, sample.raw, target))
    return cost


def main():
    """Print a line for each table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?")
    parser.add_argument("--sets")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    for name in options.sets.split(",") if options.sets else BUNDLED:
        X, y, task_feature, classify = read(options.folder, name)
        kind = MultiTaskClassifier if classify else MultiTaskRegressor
        model = kind(task_feature=task_feature, n_jobs=1)
        model.fit(X, y)  # Kernels are compiled.
        runs = sorted(one_run(model, X, y) for _ in range(RUNS))
        ratio, dearest = runs[RUNS // 2]
        print(f"{name:20s} {ratio:5.2f} of {dearest}", flush=True)


if __name__ == "__main__":
    main()
