"""Timing that survives a busy machine: runs in turn, medians, and ratios of pairs."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple


class Ratio(NamedTuple):
    """How long one thing takes in units of another, over paired runs."""

    median: float
    low: float
    high: float

    def __str__(self):
        """Show the median and the range."""
        return f"{self.median:.3g} ({self.low:.3g} to {self.high:.3g})"


def seconds(call):
    """Return the wall time of one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def ratio(ours, theirs, *, runs=7, warm=1, timer=seconds):
    """Time two calls in turn and return the ratio of each pair.

    Parameters
    ----------
    ours, theirs : callable
        What to compare; the ratio is below one where ``ours`` is faster.
    runs : int, default=7
        Pairs that count.
    warm : int, default=1
        Pairs before those, which do not count.
    timer : callable, default=seconds
        Returns the cost of a call.

    Returns
    -------
    ratio : Ratio
    """
    pairs = [(timer(ours), timer(theirs)) for _ in range(warm + runs)][warm:]
    ratios = [a / b for a, b in pairs]
    return Ratio(statistics.median(ratios), min(ratios), max(ratios))


def process_seconds(code, *, cache=None):
    """Return the wall time of a new Python process that runs some code."""
    environment = dict(os.environ, OMP_NUM_THREADS="1")
    if cache is not None:
        environment["NUMBA_CACHE_DIR"] = str(cache)
    command = [sys.executable, "-c", code]
    return seconds(lambda: subprocess.run(command, env=environment, check=True))


def cold_cache():
    """Return a new empty folder for compiled kernels."""
    return tempfile.TemporaryDirectory(prefix="skmtl-cold-")


def table(rows, header):
    """Return rows as aligned text."""
    cells = [header, *([str(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in cells
    ]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(line.rstrip() for line in lines)
