"""Linear models beside the bars of the project: speed, accuracy, outliers, new tasks.

Run ``python -m benchmarks.linear [FOLDER]``; ``--parts`` names what is run, and
``--splits``, ``--seeds`` and ``--runs`` do less or more. FOLDER holds the sets of
published protocols, without which those parts are left out. It writes
``benchmarks/results/linear.csv`` and, from that, ``docs/benchmarks/linear.md``; parts
that are not run keep their rows, and ``--page`` makes only the page. Each part is also
a command of its own, with more in it.
"""

from benchmarks import threads

threads.pin()

import argparse
import statistics
import time
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks import records
from benchmarks.accuracy_runs import described, digest
from benchmarks.linear_report import page, shown
from benchmarks.measuring import Ratio

PATH, PAGE = records.RESULTS / "linear.csv", records.PAGES / "linear.md"
# Measured over such numbers of draws where the command line does not say.
SPLITS, SEEDS = 10, 100


class Line(NamedTuple):
    """One figure: what it is of, in which unit, its error or range, and its bar."""

    what: str
    unit: str
    figure: object
    bar: str = ""
    draws: int = 1
    note: str = ""

    def row(self):
        """Return the line as a row of the table of results."""
        row = self._asdict()
        if isinstance(self.figure, Ratio):
            row["figure"] = self.figure.median
            row |= {"low": self.figure.low, "high": self.figure.high}
        elif isinstance(self.figure, tuple):
            row["figure"], row["error"] = self.figure
        return {name: value for name, value in row.items() if value != ""}


def mean(values, scale=1.0):
    """Return a mean and its standard error."""
    values = scale * np.asarray(values)
    spread = values.std(ddof=1) if len(values) > 1 else 0.0
    return float(values.mean()), float(spread / np.sqrt(len(values)))


def ratio_of_means(a, b):
    """Return the ratio of two means over the same draws, and its standard error.

    To first order that is the error of the mean of what the ratio leaves of the first.
    """
    ratio = a.mean() / b.mean()
    return float(ratio), mean(a - ratio * b)[1] / float(b.mean())


def first(options):
    """Yield first fits and predictions of new processes, cached and not.

    Tables of 200 rows need no compiled code; those of 20,000 do, and their fits take a
    time of their own besides, so that there is no bar for them once code is cached.
    """
    from skmtl import linear

    names = [n for n in dir(linear) if n.endswith(("Regressor", "Classifier"))]
    unit = "import sklearn.linear_model"
    for size in (SMALL, LARGE):
        for name in names:
            cold, *warm = first_fits(name, size, unit, 1 + options.runs)
            what = f"{name}, {size[0]:,} rows"
            yield Line(f"{what}, cold cache", unit, cold, "<= 8")
            figure = Ratio(statistics.median(warm), min(warm), max(warm))
            bar = "<= 1" if size == SMALL else ""
            yield Line(f"{what}, warm cache", unit, figure, bar, len(warm))


def first_fits(name, size, imports, n_runs):
    """Return times of first fits over those of imports, at first with no cache."""
    from benchmarks.measuring import cold_cache
    from benchmarks.speed_growth import processor_seconds

    code = FIRST_FIT.format(name=name, size=size)
    with cold_cache() as folder:
        processor_seconds(imports, folder)  # The first of all reads from the disk.
        return [
            processor_seconds(code, folder) / processor_seconds(imports, folder)
            for _ in range(n_runs)
        ]


# Rows, features and tasks.
SMALL, LARGE = (200, 5, 10), (20_000, 30, 50)
FIRST_FIT = """
import numpy as np
from skmtl.linear import {name} as Model
n_rows, n_features, n_tasks = {size}
rng = np.random.default_rng(0)
task = np.arange(n_rows) % n_tasks
X = np.column_stack([rng.normal(size=(n_rows, n_features)), task])
y = X[:, 0] + rng.normal(size=n_rows)
y = y > 0 if Model.__name__.endswith("Classifier") else y
Model(task_feature=-1).fit(X, y).predict(X)
"""


def paths(options):
    """Yield joint sparsity beside those of its rivals that are installed."""
    from benchmarks import linear_joint_sparse as home

    for part in (home.path, home.tasks):
        for what, rival, times, gap, bar in part():
            unit = f"{rival}'s time over ours"
            yield Line(what, unit, float(times), bar, 1, f"rival's gap {gap}")


def single(options):
    """Yield single strengths of joint sparsity: the same."""
    from benchmarks import linear_joint_sparse as home

    for what, rival, times, gap, bar in home.single():
        unit = f"{rival}'s time over ours"
        yield Line(what, unit, float(times), bar, 1, f"rival's gap {gap}")


def low_rank(options):
    """Yield fits of shared representations beside passes over their data."""
    from benchmarks import linear_low_rank as home

    for shape in home.SHAPES:
        case, source, n, fit, descent, _, ridge = home.measure(*shape)
        case = f"{case} rows x features, from {source}"
        floor = "forming moments" if source == "moments" else f"{n} passes over rows"
        yield Line(f"fit, {case}", floor, fit, "<= 2", 3)
        yield Line(f"descent alone, {case}", floor, descent, "", 3)
        yield Line(f"fit, {case}", "a ridge per task", ridge, "<= 1", 3)


def stream(options):
    """Yield throughput and memory of models that follow a stream."""
    from benchmarks import linear_stream as home

    for model in home.models():
        ours, theirs, memory = home.stream(model, options.rows, options.rows // 5)
        pairs = sorted(b / a for a, b in zip(ours[1:], theirs[1:], strict=True))
        found = Ratio(statistics.median(pairs), pairs[0], pairs[-1])
        name, grown = type(model).__name__, max(memory) - memory[1]
        note = f"memory +{grown:.0f} MB"
        what = f"{name}, {options.rows:,} rows in five blocks"
        yield Line(what, "throughput of X.T @ X", found, ">= 0.5", len(pairs), note)


def mixed(options):
    """Yield the mixed model of statsmodels beside the hierarchical regressor."""
    from benchmarks import linear_hierarchical as home

    table = home.read_table(Path(options.folder, "school"))
    for n_effects in (3, 6, 11):
        found = home.compare(*table, n_effects)
        if found is not None:
            bar = ">= 300" if n_effects == 11 else ""
            what = f"School, {n_effects} random effects"
            same, default, likelihood, _ = found
            yield Line(what, "statsmodels' time over ours, same model", same, bar)
            yield Line(what, "statsmodels' time over ours, default", default)
            unit = "log likelihood below statsmodels'"
            # Both stop near the maximum, statsmodels' at its own tolerance.
            yield Line(what, unit, -likelihood, "<= 1e-05")


PUBLISHED = {
    ("School, 75/25", "explained_variance"): 0.384,
    ("School, 75/25", "rmse"): 10.03,
    ("Computer, first 16 and last 4", "rmse"): 1.79,
    ("Landmine, 40 per task", "mean_auc"): 0.751,
    ("Landmine, 160 per task", "mean_auc"): 0.779,
    ("Landmine, 0.5 per task", "mean_auc"): 0.784,
}


def protocols(options):
    """Yield measures on sets with published protocols, and those of rivals."""
    from benchmarks import linear_accuracy as home

    for protocol in home.protocols(options.folder, options.splits):
        for label, measure, values in protocol.scores():
            name, (figure, error) = measure.__name__, mean(values)
            target = PUBLISHED.get((protocol.name, name))
            bar = ""
            if label == "hierarchical" and target is not None:
                # Within one standard error, which a single split does not have.
                sign = "<=" if name == "rmse" else ">="
                slack = max(error, 0.005 * target if len(values) == 1 else 0.0)
                bar = (
                    f"{sign} {target + slack if name == 'rmse' else target - slack:.4f}"
                )
            what = f"{protocol.name}: {label}"
            yield Line(what, name, (figure, error), bar, len(values))


def chosen(options):
    """Yield what the member chosen by cross-validation loses to the best one."""
    from benchmarks import linear_accuracy as home

    for protocol in home.protocols(options.folder, min(options.splits, options.few)):
        classes = not protocol.measures
        excess, error, best, picked = home.chosen(protocol.splits, classes)
        note = ", ".join(f"{name} {count}" for name, count in picked.items())
        unit = f"loss of the chosen over that of the best ({best}) less 1"
        draws = len(protocol.splits)
        # Of fewer splits the standard error says little.
        bar = f"<= {max(0.01, error) if draws >= 5 else 0.01:.6g}"
        yield Line(protocol.name, unit, (float(excess), float(error)), bar, draws, note)


def outliers(options):
    """Yield errors of inliers and detection among outliers."""
    from benchmarks import linear_outliers as home

    bars = {"20 % outliers": "<= 0.34", "40 % outliers": "<= 0.38"}
    for name, changes in home.SETTINGS:
        draws = range(options.seeds if name in bars else max(options.seeds // 4, 1))
        found = np.array(
            [home.measure(home.draw(s, **changes), home.model) for s in draws]
        )
        oracle = f"oracle {found[:, 2].mean():.3f}, plain {found[:, 1].mean():.3f}"
        bar, n = bars.get(name, ""), len(found)
        yield Line(name, "error of inliers", mean(found[:, 0]), bar, n, oracle)
        if not np.isnan(found[:, 3]).any():
            all_found = ">= 1" if bar else ""
            yield Line(name, "outliers flagged", mean(found[:, 3]), all_found, n)
        false = "<= 0.05" if bar else ""
        yield Line(name, "false among the flagged", mean(found[:, 4]), false, n)


def few_shot(options):
    """Yield errors of heads of new tasks, and what aligning features is worth."""
    from benchmarks import linear_few_shot as home

    n_seeds = max(options.seeds // 2, 1)
    errors = np.array([home.new_heads(seed) for seed in range(n_seeds)])
    bars = (0.42, 0.22, 0.12, 0.12)
    for size, a, b, bar in zip(home.SIZES, *errors.T.swapaxes(0, 1), bars, strict=True):
        what, unit = f"head of a new task, {size} rows", "squared error of ridge"
        yield Line(what, unit, ratio_of_means(a, b), f"<= {bar}", n_seeds)
    for n_rows in (30, 60, 100, 200):
        draws = max(n_seeds // 5, 2)
        parts = np.mean([home.alignment(seed, n_rows) for seed in range(draws)], axis=0)
        what, unit = f"mixed features, {n_rows} rows a task", "excess of ridge per task"
        yield Line(f"{what}, plain", unit, float(parts[1] / parts[0]), "", draws)
        bar = "<= 1"
        yield Line(f"{what}, aligned", unit, float(parts[2] / parts[0]), bar, draws)


PARTS = (
    *(first, paths, single, low_rank, stream, mixed, protocols, chosen, outliers),
    few_shot,
)
NEED_DATA = (mixed, protocols, chosen)


def run(parts, options):
    """Yield rows of parts; what fails is a row with the reason."""
    code = digest()
    for part in parts:
        row = {"part": part.__name__, "code": code}
        try:
            for line in part(options):
                yield {**row, **line.row()}
        except Exception as error:  # a failure of any kind is a result
            yield {**row, "what": part.__name__, "failure": described(error)}


def main():
    """Measure what the command line asks for, and write results and page."""
    names = {part.__name__: part for part in PARTS}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", help="of sets of published protocols")
    parser.add_argument("--parts", nargs="*", default=[*names], choices=[*names])
    parser.add_argument("--splits", type=int, default=SPLITS)
    parser.add_argument("--few", type=int, default=5, help="splits of choosing")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--runs", type=int, default=5, help="of first fits")
    parser.add_argument("--rows", type=int, default=10**7, help="of the stream")
    parser.add_argument("--page", action="store_true", help="make only the page")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    parts = [names[name] for name in options.parts]
    parts = [p for p in parts if options.folder or p not in NEED_DATA]
    if not options.page:
        again = {part.__name__ for part in parts}
        rows = [row for row in records.load(PATH) if row["part"] not in again]
        for row in run(parts, options):
            rows.append(row)
            print(time.strftime("%H:%M:%S"), row["part"], *shown(row), flush=True)
            records.save(PATH, rows, threads=1)
    PAGE.write_text(page(PATH))


if __name__ == "__main__":
    main()
