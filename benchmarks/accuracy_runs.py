"""Measure one method at a time in a process of its own (see accuracy)."""

import hashlib
import multiprocessing
import os
import resource
import signal
import time
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

import skmtl
from benchmarks import accuracy_tables as tables
from benchmarks import rivals
from benchmarks import threads as pools
from benchmarks.accuracy_losses import losses

# What a fit may wait for beside its CPU time, as a multiple of that and in seconds.
PATIENCE, SLACK = 4, 120


class Job(NamedTuple):
    """What one row of the results is about."""

    set: str
    regime: str
    split: int
    method: str


def toy(table):
    """Return a small lesson of the layout and kind of a table, to warm up with."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(60, 3)), columns=["x0000", "x0001", "x0002"])
    task, shape = np.repeat(["a", "b", "c", "d"], 15), 60
    if table.task is None:
        task, shape = None, (60, 3)
    y = rng.normal(size=shape)
    y = (y > 0).astype(float) if table.kind == "binary" else y
    return tables.Lesson(X, y, task, table.kind)


def digest():
    """Return what tells one state of the library's code from another."""
    code = Path(skmtl.__file__).parent.rglob("*.py")
    joined = b"".join(path.read_bytes() for path in sorted(code))
    return hashlib.sha256(joined).hexdigest()[:8]


class Examiner:
    """Fits methods; keeps the table at hand and loads what a method needs once."""

    def __init__(self, folder, threads, limit):
        self.folder, self.threads, self.limit = folder, threads, limit
        self.methods, self.warm, self.name = rivals.methods(), set(), None
        self.code = digest()

    def measure(self, job):
        """Return what was measured, or why not."""
        allow(None)
        if job.set != self.name:
            self.table, self.name = tables.read(self.folder, job.set), job.set
        fit = self.methods[job.method].fit
        part = tables.split(self.table, job.regime, job.split, self.threads)
        try:
            self.warm_up(job.method, fit)
            allow(self.limit)
            start = time.process_time()
            predict = fit(part.lesson)
            cost = time.process_time() - start
            start = time.perf_counter()
            prediction = predict(part.X, part.task)
            wall = time.perf_counter() - start
            found = losses(part, prediction)
        except Exception as error:  # a failure of any kind is a result
            return {"failure": described(error), "code": self.code}
        return found | {"fit_cpu": cost, "predict_wall": wall, "code": self.code}

    def warm_up(self, name, fit):
        """Load libraries and compiled code, which is not what a fit costs."""
        key = name, self.table.kind, self.table.task is None
        if key not in self.warm:
            self.warm.add(key)
            lesson = toy(self.table)
            try:
                fit(lesson)(lesson.X, lesson.task)
            except Exception:  # what is wrong is seen, and told, in the fit itself
                return


def described(error):
    """Return an exception on one line."""
    return f"{type(error).__name__}: {error}".replace("\n", " ")[:300]


def allow(seconds):
    """Let the system end this process after so much more processor time; or not, None.

    It stops compiled code too, which no exception can.
    """
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    used = resource.getrusage(resource.RUSAGE_SELF)
    total = most
    if seconds is not None:
        total = int(used.ru_utime + used.ru_stime + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (total, most))


def work(pipe, folder, threads, limit):
    """Measure jobs from a pipe until it is closed."""
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)  # Some rivals print, whatever they are told.
    os.dup2(quiet, 2)
    examiner = Examiner(folder, threads, limit)
    while True:
        try:
            job = pipe.recv()
        except EOFError:
            return
        pipe.send(examiner.measure(job))


class Bench:
    """A process that measures, replaced when a fit ends it or takes too long."""

    def __init__(self, folder, threads, limit):
        self.arguments, self.limit, self.process = (folder, threads, limit), limit, None
        self.threads = threads

    def measure(self, job):
        """Return what was measured, or why not."""
        if self.process is None:
            self.start()
        try:
            self.pipe.send(job)
            if self.pipe.poll(PATIENCE * self.limit + SLACK):
                return self.pipe.recv()
            message = f"no answer within {PATIENCE * self.limit + SLACK:.0f} s"
            self.process.kill()
        except (EOFError, ConnectionError):
            self.process.join()
            message = self.ending()
        self.stop()
        return {"failure": message}

    def start(self):
        """Start a new process, without what this one has loaded."""
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(
            target=work, args=(theirs, *self.arguments), daemon=True
        )
        with pools.inherited(self.threads, self.threads):
            self.process.start()
        theirs.close()

    def ending(self):
        """Return what ended the process."""
        code = self.process.exitcode
        if code == -signal.SIGXCPU:
            return f"more than {self.limit:.0f} s of processor time"
        return f"its process ended with {code}"

    def stop(self):
        """Close the pipe, which ends the process."""
        if self.process is not None:
            self.pipe.close()
            self.process.join()
            self.process = None
