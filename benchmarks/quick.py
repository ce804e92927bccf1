"""The short form of all benchmarks: accuracy, speed, outliers and active learning.

Run ``python -m benchmarks.quick``: about a quarter of an hour on two idle cores.
``--parts`` names what is run, ``--jobs 1`` runs one thing at a time. It measures fewer
sets, draws and sizes than the benchmarks do by themselves, writes what it finds to
``docs/benchmarks/quick.md`` and ``benchmarks/results/quick_*.csv``, and makes the pages
of the long benchmarks again from the results that are kept with them. A part that
fails is shown with its message, and the others go on.
"""

import argparse
import multiprocessing
import sys
import time
import warnings
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

from benchmarks import records, threads

# Accuracy: small tables, and every method that is there without further packages.
SETS = ("radon", "penguins", "gapminder", "heart", "enb", "slump")
METHODS = (
    *("linear_separate", "linear_pooled", "linear_dummies", "lightgbm_category"),
    *("skmtl_hierarchical", "skmtl_representation", "skmtl_joint_sparse"),
    *("skmtl_center", "skmtl_boosting", "skmtl_heads", "skmtl_automatic"),
)
CURVED = (
    *("the authors' setting", "y x 100", "noise 1", "50 rows a task"),
    *("3 outliers of distinct kinds", "classification"),
)
LINEAR = (
    *("outliers with coefficients of their own", "y x 100", "50 rows a task"),
    "outliers with common coefficients",
)
CASES = {
    "boosting": CURVED,
    "representation, robust, rank given": LINEAR,
    "center, robust": LINEAR,
}
HEADS = {
    "speed": (
        "Ratios of processor times, of two things timed in turn; the long form is "
        "`python -m benchmarks.speed`.\n"
    ),
    "outliers": "The long form is `python -m benchmarks.outliers`.\n",
    "active": (
        "Rows of source tasks that choosing saves, and what allocations cost; the long "
        "forms are `python -m benchmarks.active_tasks` and "
        "`python -m benchmarks.active_allocation`.\n"
    ),
}


class Plan(NamedTuple):
    """How much to measure, and where results go."""

    results: Path = records.RESULTS
    sets: tuple = SETS
    methods: tuple = METHODS
    regimes: tuple = ("dense", "few")
    splits: int = 2
    cases: dict = CASES
    seeds: int = 2
    subjects: tuple = ("representation", "center", "boosting", "front door")
    first: tuple = ("center", "boosting")
    n_sizes: int = 3
    pillars: bool = True
    scenarios: tuple = ("generic", "l2hard", "cluster")
    active_seeds: int = 5

    def path(self, name):
        """Return the file of a part's results."""
        return self.results / f"quick_{name}.csv"


def accuracy(own):
    """Return tables of accuracy on small tables."""
    from benchmarks import accuracy as home
    from benchmarks import accuracy_report as report
    from benchmarks import accuracy_verdicts as verdicts
    from benchmarks import rivals
    from benchmarks.accuracy_runs import Bench

    options = SimpleNamespace(
        folder=None, sets=list(own.sets), list=None, limit=60.0,
        regime=own.regimes, splits=own.splits, methods=own.methods, threads=1,
    )  # fmt: skip
    path = own.path("accuracy")
    for old in (path, path.with_suffix(".json")):
        old.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    home.note(path, options)
    bench = Bench(None, options.threads, options.limit)
    for job, kind in home.jobs(options, rivals.methods()):
        home.append(path, {**job._asdict(), "kind": kind, **bench.measure(job)})
    bench.stop()
    results, _ = report.read([path])
    text = [
        f"{own.splits} splits of bundled tables, which were looked at while models "
        "were designed, beside few rivals: no claim rests on these. "
        "[Accuracy](accuracy.md) has confirmation sets, all rivals and the rules.\n"
    ]
    for regime, part in results.groupby("regime", sort=True):
        compared = verdicts.compare(part, rivals.FRONT_DOOR)
        text += [
            f"### {regime.capitalize()}\n",
            report.comparison(part, compared, rivals.FRONT_DOOR),
            "Against the best rival of each set:\n",
            report.scores(part),
            "Costs in units of lightgbm_category, medians over sets:\n",
            report.costs(part),
        ]
    broken = (results["failure"] != "").any()
    failed = report.failures(results) if broken else "Nothing.\n"
    return "\n".join([*text, "What failed:\n", failed])


def speed(own):
    """Return tables of speed at small sizes."""
    from benchmarks import speed as home
    from benchmarks.speed_growth import first_use, memory, scaling
    from benchmarks.speed_report import tables

    parts = [
        lambda: home.pillars(short=True) if own.pillars else [],
        lambda: first_use(own.first, 1),
        lambda: memory(own.subjects),
        lambda: scaling(own.subjects, 1, own.n_sizes),
    ]
    rows, failed = [], []
    for part in parts:
        try:
            for row in part():
                rows.append(row)
                records.save(own.path("speed"), rows, threads="1 or 2")
        except Exception as error:  # a failure of any kind is a result
            failed.append(f"**Failed**: {message(error)}\n")
    text = tables(records.load(own.path("speed")))
    return "\n".join([HEADS["speed"], *failed, text.replace("## ", "### ")])


def outliers(own):
    """Return tables of outlier tasks over a few draws."""
    from benchmarks import outliers as home
    from benchmarks.outliers_report import READING, tables

    chosen = [c for c in home.cases() if c[1] in own.cases.get(c[0], ())]
    rows = []
    for row in home.run(chosen, own.seeds, compared=1):
        rows.append(row)
        records.save(own.path("outliers"), rows, threads=1)
    text = tables(records.load(own.path("outliers")))
    return "\n".join([HEADS["outliers"], READING, text.replace("## ", "### ")])


def active(own):
    """Return tables of active learning over a few draws."""
    from benchmarks import active_report as report
    from benchmarks import active_tasks as home

    rows = [
        row
        for scenario in own.scenarios
        for row in home.run(scenario, own.active_seeds)
    ]
    records.save(own.path("active"), rows, threads=1, seeds=own.active_seeds)
    lines, _ = report.lines_of(records.load(own.path("active")))
    table = records.markdown(report.SAVED_HEADER, lines)
    return "\n".join([HEADS["active"], f"{own.active_seeds} draws.\n", table])


def pages(_):
    """Make the pages of long benchmarks from the results that are kept."""
    from benchmarks import accuracy_report as long_accuracy
    from benchmarks import active_report as long_active
    from benchmarks import outliers as long_outliers
    from benchmarks import speed as long_speed

    made = []
    if long_accuracy.PATH.exists():
        long_accuracy.write([long_accuracy.PATH], long_accuracy.PAGES)
        made.append("[accuracy](accuracy.md)")
    if long_outliers.PATH.exists():
        long_outliers.PAGE.write_text(long_outliers.page(long_outliers.PATH))
        made.append("[outlier tasks](outliers.md)")
    if long_speed.PATH.exists():
        text = long_speed.page(long_speed.PATH, long_speed.PAGE.parent)
        long_speed.PAGE.write_text(text)
        made.append("[speed](speed.md)")
    if long_active.PATH.exists():
        long_active.PAGE.write_text(long_active.page())
        made.append("[active learning](active.md)")
    made = ", ".join(made) or "none"
    return f"Made again from the results kept in `benchmarks/results`: {made}.\n"


# What is timed, or stands alone, comes after what may run beside other work.
TOGETHER = {"accuracy": accuracy, "outliers": outliers, "active": active}
ALONE = {"speed": speed, "pages": pages}
PARTS = TOGETHER | ALONE
TITLES = {
    "accuracy": "Accuracy",
    "speed": "Speed and memory",
    "outliers": "Outlier tasks",
    "active": "Active learning",
    "pages": "Other pages",
}


def message(error):
    """Return an exception on one line."""
    return f"{type(error).__name__}: {error}".replace("\n", " ")[:500]


def section(name, own):
    """Return a part's text, or that it failed and why."""
    warnings.simplefilter("ignore")
    begun = time.perf_counter()
    try:
        text = PARTS[name](own)
    except Exception as error:  # the others go on
        text = f"**Failed**: {message(error)}\n"
    print(f"{name}: {(time.perf_counter() - begun) / 60.0:.1f} minutes", flush=True)
    return text


def in_process(name, own):
    """Return a part's text from a process of its own, whose end ends nothing else."""
    context = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            return pool.submit(section, name, own).result()
    except BrokenProcessPool as error:
        return f"**Failed**: {message(error)}\n"


def run(parts, own, jobs):
    """Return the text of every part; those that are timed run alone."""
    texts = {}
    for group, n_workers in ((TOGETHER, jobs), (ALONE, 1)):
        chosen = [name for name in parts if name in group]
        with ThreadPoolExecutor(n_workers) as pool:
            found = pool.map(lambda name: in_process(name, own), chosen)
            texts |= dict(zip(chosen, found, strict=True))
    return texts


def page(texts):
    """Return the whole page."""
    sections = [
        f"## {TITLES[name]}\n\n{texts[name]}" for name in TITLES if name in texts
    ]
    return "\n".join(
        [
            "# Short form of all benchmarks\n",
            "Made by `python -m benchmarks.quick`, or `make bench`.",
            records.described(records.measured_with()),
            "Few sets, draws, sizes and runs: what stands here shows that benchmarks "
            "run and about where figures lie. Claims rest on the long forms.\n",
            *sections,
        ]
    )


def main(arguments=()):
    """Run what the command line asks for, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="*", default=[*PARTS], choices=[*PARTS])
    parser.add_argument("--jobs", type=int, default=2, help="parts at a time")
    parser.add_argument("--out", type=Path, default=records.PAGES / "quick.md")
    options = parser.parse_args(arguments)
    with threads.inherited(numba=2):
        texts = run(options.parts, Plan(), options.jobs)
    options.out.write_text(page(texts))
    print(options.out)


if __name__ == "__main__":
    main(sys.argv[1:])
