"""What a run has asked for and received, kept so that no row is ever paid twice."""

import os
import pickle
from pathlib import Path
from typing import NamedTuple

import joblib
import numpy as np

from .._sklearn_compat import num_samples


class Start(NamedTuple):
    """The target whose run it is, and rows the oracle had drawn before it, by task."""

    target_hash: str
    n_drawn: dict


class Asked(NamedTuple):
    """What a round asks for: rows by task, at a step of the schedule."""

    step: int
    rows: dict


class Received(NamedTuple):
    """What the oracle returned for a task, of which `n_asked` rows were asked."""

    task: object
    n_asked: int
    X: object
    y: object

    @property
    def n_rows(self):
        """Number of rows received."""
        return 0 if self.y is None else num_samples(self.y)


class Journal:
    """Everything a run has asked for and received, in the order in which it happened.

    It can be pickled, and given a path every entry is appended to that file as soon as
    it is made: a delivery survives whatever happens next.

    Parameters
    ----------
    path : path-like or None, default=None
        The file, read if it exists.

    Attributes
    ----------
    entries : list of Asked and Received
        Each round begins with what it asks for.
    """

    def __init__(self, path=None):
        self.path = None if path is None else Path(path)
        self.entries, self.start = [], None
        if self.path is not None and self.path.exists():
            self._read()

    def begin(self, target, oracle):
        """Note whose rows these are, or refuse to mix them with another target's."""
        found = _hash(target)
        if self.start is None:
            self.start = Start(found, dict(getattr(oracle, "n_drawn", {})))
            self._append(self.start)
        if self.start.target_hash != found:
            raise ValueError(
                "The checkpoint belongs to a run with other target rows"
                + (f": remove {self.path} to begin anew." if self.path else ".")
            )

    def catch_up(self, oracle):
        """Drop rows of an oracle that begins anew and that were received before."""
        drawn = getattr(oracle, "n_drawn", {})
        for task in [task for task in self.received() if task in drawn]:
            position = self.start.n_drawn.get(task, 0) + self.received()[task]
            if position > drawn[task]:
                oracle(task, position - drawn[task])

    def add(self, entry):
        """Keep one more entry."""
        self.entries.append(entry)
        self._append(entry)
        return entry

    def received(self):
        """Return the number of rows received so far, by task."""
        count = {}
        for entry in self.entries:
            if isinstance(entry, Received):
                count[entry.task] = count.get(entry.task, 0) + entry.n_rows
        return count

    def rounds(self):
        """Return each round: what it asked for, and what it has received."""
        rounds = []
        for entry in self.entries:
            if isinstance(entry, Asked):
                rounds.append((entry, []))
            else:
                rounds[-1][1].append(entry)
        return rounds

    def _append(self, record):
        if self.path is None:
            return
        with self.path.open("ab") as file:
            pickle.dump(record, file, protocol=pickle.HIGHEST_PROTOCOL)
            file.flush()
            os.fsync(file.fileno())

    def _read(self):
        """Read the file, and cut off an entry whose writing was interrupted."""
        records, end = [], 0
        with self.path.open("rb") as file:
            try:
                while True:
                    records.append(pickle.load(file))
                    end = file.tell()
            except EOFError:
                pass
            except pickle.UnpicklingError as error:
                if end == 0 or "truncated" not in str(error):
                    raise
        os.truncate(self.path, end)
        self.start, *self.entries = records or [None]


def open_journal(checkpoint):
    """Return the journal a user passed, or that of a path, or a new one."""
    return checkpoint if isinstance(checkpoint, Journal) else Journal(checkpoint)


def _hash(target):
    if target is None:
        return "no target"
    X, y = target
    return joblib.hash([tuple(np.shape(X)), np.asarray(y).tolist()])
