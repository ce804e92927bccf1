"""Are outlier tasks found, and do they harm the others: boosting and linear models.

Run ``python -m benchmarks.outliers``; ``--seeds`` does less or more, ``--cases`` and
``--models`` name what is run, as parts of names. It writes
``benchmarks/results/outliers.csv`` with one row for each draw and, from that,
``docs/benchmarks/outliers.md``; ``--page`` makes only the page.
"""

from benchmarks import threads

threads.pin()

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.base import clone

from benchmarks import boosting_blocks, records
from benchmarks.accuracy_runs import described, digest
from benchmarks.outlier_tasks import MODELS, Curved, Linear
from benchmarks.outliers_report import page, tables

# The bars of the default of boosting, on the area under the curve.
BARS = {
    **{name: ">= 1" for name in boosting_blocks.CASES if name != "no outliers"},
    "50 rows a task": ">= 0.98",
    "noise 0.3": "",
}
CURVED = {
    **boosting_blocks.CASES,
    "20 rows a task": {"n_samples": 20},
    "3,000 rows a task": {"n_samples": 3000},
    "noise 1, 1,000 rows a task": {"noise": 1.0, "n_samples": 1000},
    "4 of 10 tasks, one function": {"n_outlier_tasks": 4},
    "targets of noise alone": {"spoilt": "noise"},
    "reversed targets": {"spoilt": "reversed"},
    "classification, 50 rows a task": {"problem": "classification", "n_samples": 50},
    "classification, labels at random": {
        "problem": "classification",
        "spoilt": "noise",
    },
    "classification, reversed labels": {
        "problem": "classification",
        "spoilt": "reversed",
    },
}
LINEAR = {
    "outliers with coefficients of their own": {},
    "y x 0.1": {"factor": 0.1},
    "y x 100": {"factor": 100.0},
    "20 rows a task": {"n_samples": 20},
    "50 rows a task": {"n_samples": 50},
    "300 rows a task": {"n_samples": 300},
    "3,000 rows a task": {"n_samples": 3000},
    "noise 5": {"noise": 5.0},
    "50 tasks, 5 outliers": {"n_tasks": 50, "n_outliers": 5},
    "12 outliers": {"n_outliers": 12},
    "outliers with common coefficients": {"kind": "common"},
    "reversed coefficients": {"kind": "reversed"},
    "targets of noise alone": {"kind": "noise"},
    "no outliers": {"n_outliers": 0},
}
# Draws of what has a bar, of others, and how many of them have errors to compare with.
SEEDS, OTHER_SEEDS, COMPARED = 20, 5, 3
PATH = records.RESULTS / "outliers.csv"
PAGE = records.PAGES / "outliers.md"


def cases():
    """Yield models, names of cases, makers of their draws, and bars."""
    for model in ("boosting", "boosting, blocks"):
        for name, options in CURVED.items():
            bar = BARS.get(name, "") if model == "boosting" else ""
            yield model, name, Curved, options, bar
    for model in ("representation, robust", "representation, robust, rank given"):
        for name, options in LINEAR.items():
            yield model, name, Linear, options, ""
    for name, options in LINEAR.items():
        yield "center, robust", name, Linear, {**options, "around": "centre"}, ""


def measure(model, draw, compared):
    """Return how well outliers are found, and errors of the other tasks."""
    make, plain = MODELS[model]
    X, known = np.column_stack([draw.X, draw.task]), draw.train
    clean = ~draw.outlying[draw.task]
    rows = ~known & clean
    robust = make(draw)
    start = time.process_time()
    fitted = clone(robust).fit(X[known], draw.y[known])
    found = {"cpu": time.process_time() - start}
    flagged = np.isin(fitted.tasks_, fitted.outlier_tasks_)
    found |= quality(fitted.outlier_scores_, flagged, draw.outlying)
    found["error"] = draw.error(fitted.predict(X[rows]), rows)
    if compared and draw.outlying.any():
        oracle = clone(robust).fit(X[known & clean], draw.y[known & clean])
        found["without_outliers"] = draw.error(oracle.predict(X[rows]), rows)
        other = plain(draw).fit(X[known], draw.y[known])
        found["plain"] = draw.error(other.predict(X[rows]), rows)
    return found


def quality(scores, flagged, outlying):
    """Return the area under the curve, exactness, and shares that are flagged."""
    return {
        "area": float(boosting_blocks.area_under_curve(scores, outlying)),
        "exact": int(np.array_equal(flagged, outlying)),
        "found": float(flagged[outlying].mean()) if outlying.any() else np.nan,
        "flagged_others": float(flagged[~outlying].mean()),
    }


def run(chosen, seeds=None, compared=COMPARED):
    """Yield one row for every draw; what fails is a row with the reason."""
    code = digest()
    for model, name, kind, options, bar in chosen:
        shared = {"model": model, "case": name, "bar": bar, "code": code}
        for seed in range(seeds or (SEEDS if bar else OTHER_SEEDS)):
            row = {**shared, "seed": seed}
            try:
                row |= measure(model, kind(seed, **options), seed < compared)
            except Exception as error:  # a failure of any kind is a result
                row["failure"] = described(error)
            yield row


def main():
    """Measure what the command line asks for, and write results and page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, help="by default 20 with a bar, else 5")
    parser.add_argument("--compared", type=int, default=COMPARED, help="of the seeds")
    parser.add_argument("--cases", nargs="*", help="parts of names")
    parser.add_argument("--models", nargs="*", default=[*MODELS], choices=[*MODELS])
    parser.add_argument("--out", type=Path, default=PATH)
    parser.add_argument("--keep", action="store_true", help="rows of other cases too")
    parser.add_argument("--page", action="store_true", help="make only the page")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if not options.page:
        chosen = [
            case
            for case in cases()
            if case[0] in options.models
            and (options.cases is None or any(p in case[1] for p in options.cases))
        ]
        rows = records.load(options.out) if options.keep else []
        for row in run(chosen, options.seeds, options.compared):
            if row["seed"] == 0:  # What was known of the case makes room.
                own = row["model"], row["case"]
                rows = [r for r in rows if (r["model"], r["case"]) != own]
            rows.append(row)
            if row["seed"] == 0 or row.get("failure"):
                shown = row.get("failure") or f"{row['area']:.3f}"
                print(time.strftime("%H:%M:%S"), row["model"], row["case"], shown)
            records.save(options.out, rows, threads=1)
    if options.out == PATH:
        PAGE.write_text(page(PATH))
    else:
        print(tables(records.load(options.out)))


if __name__ == "__main__":
    main()
