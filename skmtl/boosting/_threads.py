"""Work on several threads whose result does not depend on their number."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext

import numba

# Numba's own thread pool, the one that every platform has, aborts the process when two
# threads use it at once.
_pool = threading.Lock()
_ONE = nullcontext()


def numba_threads(n_threads):
    """Let compiled loops use some threads; None, if there is only one to use.

    A function compiled for more crashes when it is loaded before the pool has started.
    """
    return _ONE if n_threads == 1 else _several(n_threads)


@contextmanager
def _several(n_threads):
    with _pool:
        before = numba.get_num_threads()
        allowed = min(n_threads, numba.config.NUMBA_NUM_THREADS)
        numba.set_num_threads(allowed)
        try:
            yield allowed
        finally:
            numba.set_num_threads(before)


def spread(work, n_pieces, n_threads):
    """Call ``work(piece)`` for all pieces on threads; the work must release the GIL."""
    if n_threads == 1 or n_pieces == 1:
        for piece in range(n_pieces):
            work(piece)
        return
    with ThreadPoolExecutor(min(n_threads, n_pieces)) as threads:
        list(threads.map(work, range(n_pieces)))
