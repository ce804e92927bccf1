"""One thread for matrix products while many small ones are computed.

Threads that share a small product wait for each other longer than they compute, and
where other processes use the cores too, many times longer.
"""

import threading
from contextlib import contextmanager
from functools import cache

import numpy.linalg  # noqa: F401
import scipy.linalg  # noqa: F401
from threadpoolctl import ThreadpoolController

_free = threading.Lock()


@contextmanager
def small_products():
    """Let BLAS use one thread meanwhile, and as many as before afterwards.

    The number is one of the process. So only one thread of Python sets it at a time:
    inside another call, in this thread or in another one, nothing is changed, and what
    is restored is never what a call has set. A call in another thread may thus end
    with more threads than one, which costs time only.
    """
    if not _free.acquire(blocking=False):
        yield
        return
    try:
        with _libraries().limit(limits=1, user_api="blas"):
            yield
    finally:
        _free.release()


@cache
def _libraries():
    """Return the libraries of numpy and scipy; to look for them takes milliseconds."""
    return ThreadpoolController()
