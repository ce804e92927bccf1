"""How many threads numerical libraries use, which they read when they are loaded.

Benchmarks of one thread call :func:`pin` before anything else. In a process that has
loaded numpy already, such as one of the tests, it is too late for that and nothing is
changed: numba refuses to go on compiling where the number differs from what it started
with.
"""

import os
import sys
from contextlib import contextmanager

BLAS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
NUMBA = "NUMBA_NUM_THREADS"


def pin(blas=1, numba=1):
    """Set the number of threads of libraries that are not loaded yet.

    What the environment says already stands.
    """
    if "numpy" not in sys.modules:
        for name, value in settings(blas, numba).items():
            os.environ.setdefault(name, value)


def settings(blas=1, numba=1):
    """Return the environment of a process with so many threads."""
    return {**dict.fromkeys(BLAS, str(blas)), NUMBA: str(numba)}


@contextmanager
def inherited(blas=1, numba=1):
    """Let processes that are started meanwhile have so many threads."""
    before = dict(os.environ)
    os.environ.update(settings(blas, numba))
    try:
        yield
    finally:
        for name in settings():
            os.environ.pop(name, None)
            if name in before:
                os.environ[name] = before[name]
