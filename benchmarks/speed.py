"""How fast is skmtl beside what people use: ratios, growth, memory, first use.

Run ``python -m benchmarks.speed``; ``--parts`` names what is run (pillars, scaling,
memory, first), ``--subjects`` the estimators; ``--short``, ``--runs`` and ``--sizes``
do less. It writes ``benchmarks/results/speed.csv`` and, from that,
``docs/benchmarks/speed.md``; ``--keep`` keeps rows of other parts and estimators,
``--page`` makes only the page.
"""

from benchmarks import threads

threads.pin(numba=2)  # Estimators are told how many of these to use.

import argparse
import time
import warnings
from pathlib import Path

from benchmarks import records
from benchmarks.accuracy_runs import described, digest
from benchmarks.measuring import Ratio
from benchmarks.speed_growth import first_use, memory, scaling
from benchmarks.speed_report import page, tables, with_range
from benchmarks.speed_subjects import SUBJECTS

PATH, PAGE = records.RESULTS / "speed.csv", records.PAGES / "speed.md"
PARTS = ("pillars", "first", "memory", "scaling")


def foundation(short):
    """Yield what every estimator stands on."""
    from benchmarks import foundation as home

    yield from home.labels()
    yield from home.moments(home.SHAPES[1:2] if short else home.SHAPES)
    yield from home.one_row()


def trees(short):
    """Yield trees of all rows and of tasks, beside LightGBM's."""
    from benchmarks import boosting_engine as home

    size, threads = (1, (1,)) if short else (2, (1, 2))
    yield from home.shared_trees(home.SHARED_CASES[:size], threads)
    yield from home.task_trees(home.TASK_CASES[:size], threads)
    yield from home.memory()


def blocks(short):
    """Yield whole fits with given rounds."""
    from benchmarks import boosting_blocks as home

    if not short:
        yield from home.timing(home.TIMED[:1])


def low_rank(short):
    """Yield a shared representation beside a pass over its data, and ridges."""
    from benchmarks import linear_low_rank as home

    shapes = [(1000, 100), (100, 300)][: 1 if short else 2]
    for shape in shapes:
        line = home.measure(*shape, runs=3)
        yield (
            f"representation from {line[1]}, {line[0]}",
            "ridge per task",
            line[-1],
            "<= 1",
        )


def joint_sparse(short):
    """Yield paths and single strengths beside mutar, if it is installed."""
    from benchmarks import linear_joint_sparse as home

    if not short:
        for what, rival, times, _, bar in home.tasks():
            yield f"joint sparsity: {rival} over ours, {what}", "ours", times, bar


def stream(short):
    """Yield the throughput of statistics of a stream beside numpy's product."""
    from benchmarks import linear_stream as home

    block = 100_000 if short else 500_000
    model = home.StatisticsAlone(task_feature=-1)
    ours, theirs, _ = home.stream(model, 4 * block, block)
    pairs = sorted(b / a for a, b in zip(ours[1:], theirs[1:], strict=True))
    found = Ratio(pairs[len(pairs) // 2], pairs[0], pairs[-1])
    yield "X.T @ X, blocks of a stream", "partial_fit of statistics", found, ""


def allocations(short):
    """Yield allocations of a budget beside one path of the Lasso."""
    from benchmarks import active_allocation as home

    yield from home.times()


PILLARS = (foundation, trees, blocks, low_rank, joint_sparse, stream, allocations)


def pillars(short):
    """Yield rows of the benchmarks of single pillars, failures with the reason."""
    for part in PILLARS:
        try:
            for line in part(short):
                if line[1]:  # Only ratios mean the same on another machine.
                    yield pillar_row(part.__name__, *line)
        except Exception as error:  # a failure of any kind is a result
            row = {"part": "pillars", "subject": part.__name__}
            yield {**row, "failure": described(error)}


def pillar_row(family, what, rival, figure, bar):
    """Return the row of a line of another benchmark."""
    row = {"part": "pillars", "family": family, "subject": what.strip()}
    # Some bars are for one number of features, which the line tells.
    bar, _, features = bar.partition(" at d=")
    bar = bar if not features or f" x {features}," in what else ""
    row |= {"rival": rival, "bar": bar}
    if isinstance(figure, Ratio):
        return {**row, **figure._asdict()}
    return {**row, "median": float(figure)}


def run(parts, subjects, short=False, runs=3, n_sizes=None, most_threads=2):
    """Yield all rows of some parts."""
    calls = {
        "pillars": lambda: pillars(short),
        "first": lambda: first_use(subjects, runs),
        "memory": lambda: memory(subjects),
        "scaling": lambda: scaling(subjects, runs, n_sizes, most_threads),
    }
    code = digest()
    for part in parts:
        try:
            for row in calls[part]():
                yield {**row, "code": code}
        except Exception as error:  # a failure of any kind is a result
            yield {"part": part, "subject": part, "failure": described(error)}


def others(path, parts, subjects):
    """Return the rows of a file that a run does not measure again."""
    names = {"first": "first use"}
    again = {names.get(part, part) for part in parts}
    kept = []
    for row in records.load(path):
        by_estimator = row["part"] in ("memory", "scaling")
        if row["part"] not in again or (
            by_estimator and row["subject"] not in subjects
        ):
            kept.append(row)
    return kept


def main():
    """Measure what the command line asks for, and write results and page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="*", default=PARTS, choices=PARTS)
    parser.add_argument("--subjects", nargs="*", default=[*SUBJECTS], choices=SUBJECTS)
    parser.add_argument("--short", action="store_true", help="small sizes of pillars")
    parser.add_argument("--runs", type=int, default=3, help="of which medians are")
    parser.add_argument("--sizes", type=int, help="how many of them, from the least")
    parser.add_argument("--threads", type=int, default=2, help="1 on a busy machine")
    parser.add_argument("--out", type=Path, default=PATH)
    parser.add_argument("--keep", action="store_true", help="rows of other parts too")
    parser.add_argument("--page", action="store_true", help="make only the page")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if not options.page:
        kept = (options.out, options.parts, options.subjects)
        rows = others(*kept) if options.keep else []
        chosen = (options.short, options.runs, options.sizes, options.threads)
        for row in run(options.parts, options.subjects, *chosen):
            rows.append(row)
            names = ("part", "subject", "rival", "axis", "size", "threads")
            shown = [row[name] for name in names if row.get(name) is not None]
            print(time.strftime("%H:%M:%S"), *shown, with_range(row), flush=True)
            records.save(options.out, rows, threads="1, and 2 where the rows say so")
    if options.out == PATH:
        PAGE.write_text(page(PATH, PAGE.parent))
    else:
        print(tables(records.load(options.out)))


if __name__ == "__main__":
    main()
