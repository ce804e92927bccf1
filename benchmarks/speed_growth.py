"""How time grows with rows, tasks and features, memory, and first use (see speed)."""

import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.measuring import cold_cache
from benchmarks.speed_subjects import SUBJECTS, Shape, ridge_of_all

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
IMPORTS = ("import sklearn.linear_model", "import sklearn, pandas")
PEAK = """
import warnings
warnings.simplefilter("ignore")
from benchmarks.speed_growth import peak
print(peak({subject!r}, {rival!r}, {shape}))
"""


def clock(n_threads):
    """Return the time of the processor, or of the wall where threads share the work."""
    return time.process_time if n_threads == 1 else time.perf_counter


def spent(call, n_threads):
    """Return the cost of a call."""
    now = clock(n_threads)
    start = now()
    call()
    return now() - start


def scaling(names, runs=3, n_sizes=None, most_threads=2):
    """Yield rows of times of estimators and rivals, over one kind of size at a time.

    Times are medians in units of the rival's at its smallest size; ratios are those of
    calls in turn.
    """
    for name in names:
        subject = SUBJECTS[name]
        for axis, sizes in subject.sizes.items():
            for n_threads in subject.threads if axis == "rows" else (1,):
                if n_threads <= most_threads:
                    yield from curve(name, axis, sizes[:n_sizes], n_threads, runs)


def curve(name, axis, sizes, n_threads, runs):
    """Yield the rows of an estimator over sizes of one kind."""
    subject, units = SUBJECTS[name], {}
    for size in sizes:
        shape = subject.base._replace(**{axis: size})
        costs = in_turn(subject, shape, n_threads, runs, warm=size == sizes[0])
        for rival in subject.rivals:
            pairs = [own[""] / own[rival] for own in costs]
            medians = [
                statistics.median(c[side] for c in costs) for side in ("", rival)
            ]
            unit = units.setdefault(rival, medians[1])
            yield {
                "part": "scaling",
                "subject": name,
                "rival": rival,
                "axis": axis,
                "size": size,
                **shape._asdict(),
                "threads": n_threads,
                "runs": runs,
                "ours": medians[0] / unit,
                "theirs": medians[1] / unit,
                "median": statistics.median(pairs),
                "low": min(pairs),
                "high": max(pairs),
            }


def in_turn(subject, shape, n_threads, runs, warm):
    """Return the costs of ours, named by nothing, and of each rival, run after run."""
    X, y = subject.draw(shape)
    calls = {"": lambda: subject.make(n_threads).fit(X, y)}
    for rival, fit in subject.rivals.items():
        calls[rival] = lambda fit=fit: fit(X, y, n_threads)
    if warm:
        for call in calls.values():
            call()
    return [
        {side: spent(call, n_threads) for side, call in calls.items()}
        for _ in range(runs)
    ]


def exponent(sizes, costs):
    """Return the slope of the logarithm of costs on that of sizes, and its error."""
    x, y = np.log(sizes), np.log(costs)
    x = x - x.mean()
    slope = x @ y / (x @ x)
    residual = y - y.mean() - slope * x
    freedom = max(len(x) - 2, 1)
    error = np.sqrt(residual @ residual / freedom / (x @ x))
    return float(slope), float(error) if len(x) > 2 else float("nan")


def memory(names, shapes=None):
    """Yield peaks of memory of a fit above the table, in units of the table."""
    if not CLEAR.exists():
        raise OSError(f"Peaks of memory need {CLEAR}, which this system does not have.")
    for name in names:
        shape = (shapes or PEAK_SHAPES).get(name, Shape(100, 1000, 50))
        rivals = ["all rows"] if "Ridge per task" in SUBJECTS[name].rivals else []
        rivals += list(SUBJECTS[name].rivals)[:1]
        ours = child_peak(name, "", shape)
        for rival in rivals:
            theirs = child_peak(name, rival, shape)
            yield {
                "part": "memory",
                "subject": name,
                "rival": "one Ridge of all rows" if rival == "all rows" else rival,
                **shape._asdict(),
                "threads": 1,
                "ours": ours,
                "theirs": theirs,
                "median": ours / theirs,
            }


PEAK_SHAPES = {
    "boosting": Shape(50, 1000, 20),
    "front door": Shape(20, 100, 10),
}


def child_peak(name, rival, shape):
    """Return the peak of a process of its own."""
    code = PEAK.format(subject=name, rival=rival, shape=tuple(shape))
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    return float(done.stdout)


def peak(name, rival, shape):
    """Return how far memory rises in a fit above what it was, in units of the table.

    A small fit comes first, which loads libraries and compiled code.
    """
    subject = SUBJECTS[name]
    fits = {"": lambda X, y, _: subject.make().fit(X, y), "all rows": ridge_of_all}
    fit = (fits | subject.rivals)[rival]
    small = subject.base._replace(tasks=4, rows=40)
    fit(*subject.draw(small), 1)
    X, y = subject.draw(Shape(*shape))
    CLEAR.write_text("5")  # Linux forgets the highest water there was.
    before = high_water()
    fit(X, y, 1)
    return (high_water() - before) / X.nbytes


def high_water():
    """Return the largest memory of this process in bytes."""
    lines = STATUS.read_text().splitlines()
    line = next(line for line in lines if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def first_use(names, runs=3):
    """Yield processes that import, or fit for the first time, beside imports.

    The first process of an estimator compiles, and the others find what it compiled.
    """
    with cold_cache() as folder:
        yield from beside_imports("import skmtl", "import skmtl", folder, runs)
    for name in names:
        code, what = SUBJECTS[name].first_fit, f"first fit, {SUBJECTS[name].name}"
        with cold_cache() as folder:
            yield from beside_imports(f"{what}, nothing cached", code, folder, 1)
            yield from beside_imports(f"{what}, kernels cached", code, folder, runs)


def beside_imports(what, code, cache, runs):
    """Yield the processor time of a process in units of those that import."""
    costs = [
        [processor_seconds(c, cache) for c in (code, *IMPORTS)] for _ in range(runs)
    ]
    for k, rival in enumerate(IMPORTS, start=1):
        pairs = [own[0] / own[k] for own in costs]
        yield {
            "part": "first use",
            "subject": what,
            "rival": rival,
            "threads": 1,
            "runs": runs,
            "median": statistics.median(pairs),
            "low": min(pairs),
            "high": max(pairs),
        }


def processor_seconds(code, cache):
    """Return the processor time of a new process that runs some code."""
    environment = dict(os.environ, NUMBA_CACHE_DIR=str(cache), OMP_NUM_THREADS="1")
    start = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], env=environment, check=True
    )
    end = resource.getrusage(resource.RUSAGE_CHILDREN)
    return end.ru_utime + end.ru_stime - start.ru_utime - start.ru_stime
