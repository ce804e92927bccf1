"""Is skmtl more accurate than what people use, on sets that nobody tuned for?

Run ``python -m benchmarks.accuracy [FOLDER]``, with one described table per folder
inside (see :func:`skmtl.datasets.load_multitask_csv`); without FOLDER it takes the
tables of :mod:`skmtl.datasets` and two that are generated. ``--list`` chooses a list of
``split.toml``; the grouped sets are written by ``benchmarks.grouped_tables``. Then
``python -m benchmarks.accuracy_report`` makes tables of the results.

In ``dense`` seven of ten rows of every task are for training, of targets side by side
seven of ten rows; in ``few`` ten rows of a task, half of a smaller one, or 60 rows in
all. The rest is for the test. Rivals choose their hyper-parameters within the training
rows; models of skmtl are as they are by default. Every measurement is appended to the
file of results at once (``--out``; ``--resume`` adds to the one that is kept in
``benchmarks/results``), and what fails is a row with the reason. The time of a fit is
processor time, without loading libraries and compiled code.

Rivals are installed by ``pip install -r benchmarks/rivals.txt``. For mutar, after
that: ``pip install Cython setuptools POT`` and
``pip install --no-build-isolation --no-deps mutar``.
"""

import argparse
import csv
import importlib.metadata
import json
import os
import platform
import time
from datetime import date
from pathlib import Path

from benchmarks import accuracy_tables as tables
from benchmarks import rivals
from benchmarks.accuracy_runs import Bench, Job

PATH = Path(__file__).parent / "results" / "accuracy.csv"
COLUMNS = [
    *Job._fields,
    *("kind", "macro", "pooled", "macro_log", "pooled_log", "fit_cpu", "predict_wall"),
    *("by_task", "log_by_task", "failure", "code"),
]
PACKAGES = (
    *("skmtl", "numpy", "scipy", "scikit-learn", "numba", "pandas", "lightgbm"),
    *("xgboost", "catboost", "gpboost", "statsmodels", "mutar"),
)


def chosen_sets(options):
    """Return the names of the sets to run, in order."""
    there, lists = tables.names(options.folder), tables.lists()
    wanted = options.sets or there
    if options.list:
        wanted = [name for name in lists[options.list] if name in there]
    unknown = sorted(set(wanted) - set(there))
    if unknown:
        raise SystemExit(f"There are no sets {unknown}; there are {there}.")
    return wanted


def jobs(options, methods):
    """Yield every job and the kind of its set; all methods see a split in turn."""
    for name in chosen_sets(options):
        table = tables.read(options.folder, name)
        for regime in options.regime:
            for seed in range(options.splits):
                for method in options.methods or methods:
                    if methods[method].applies(table):
                        yield Job(name, regime, seed, method), table.kind


def done(path, retry):
    """Return the jobs that a file of results has already."""
    if not path.exists():
        return set()
    with path.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if not (retry and row["failure"])]
    return {Job(r["set"], r["regime"], int(r["split"]), r["method"]) for r in rows}


def append(path, row):
    """Add a row to the results, so that nothing measured is lost."""
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        if new:
            writer.writeheader()
        writer.writerow({name: text(value) for name, value in row.items()})


def text(value):
    """Return a value as text, numbers with six digits, lists between spaces."""
    if isinstance(value, list):
        return " ".join(map(text, value))
    return f"{value:.6g}" if isinstance(value, float) else value


def note(path, options):
    """Write beside the results what they were measured with."""
    beside = path.with_suffix(".json")
    runs = json.loads(beside.read_text()) if beside.exists() else []
    runs.append(
        {
            "date": date.today().isoformat(),
            "cpu": processor(),
            "cores": os.cpu_count(),
            "threads": options.threads,
            "limit": options.limit,
            "python": platform.python_version(),
            "versions": versions(),
        }
    )
    beside.write_text(json.dumps(runs, indent=1) + "\n")


def versions():
    """Return the versions of what is compared, where it is installed."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    if "skmtl" not in found:
        import skmtl

        found["skmtl"] = skmtl.__version__
    return found


def processor():
    """Return the name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    named = [line.split(":")[1].strip() for line in lines if "model name" in line]
    return named[0] if named else platform.machine()


def arguments():
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, nargs="?")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--sets", type=lambda names: names.split(","))
    which.add_argument("--list", choices=tables.lists())
    parser.add_argument(
        "--regime", nargs="*", default=list(tables.REGIMES), choices=tables.REGIMES
    )
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--methods", type=lambda names: names.split(","))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--limit", type=float, default=600, help="CPU seconds of a fit")
    parser.add_argument("--out", type=Path, default=PATH)
    parser.add_argument("--resume", action="store_true", help="keep what is measured")
    parser.add_argument("--retry", action="store_true", help="and try failures again")
    return parser.parse_args()


def main():
    """Run what the command line asks for."""
    options, methods = arguments(), rivals.methods()
    unknown = sorted(set(options.methods or ()) - set(methods))
    if unknown:
        raise SystemExit(f"There are no methods {unknown}; there are {list(methods)}.")
    if options.out.exists() and not (options.resume or options.retry):
        raise SystemExit(f"{options.out} exists: use --resume, or another --out.")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    known = done(options.out, options.retry)
    note(options.out, options)
    bench = Bench(options.folder, options.threads, options.limit)
    for job, kind in jobs(options, methods):
        if job not in known:
            found = bench.measure(job)
            append(options.out, {**job._asdict(), "kind": kind, **found})
            shown = found.get("failure") or f"{found['macro']:.4f}"
            print(time.strftime("%H:%M:%S"), *job, shown, flush=True)
    bench.stop()


if __name__ == "__main__":
    main()
