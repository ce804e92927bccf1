"""Laws of the limit on threads of matrix products."""

import threading

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from skmtl import MultiTaskRegressor
from skmtl._small_products import small_products


def threads():
    """Return the numbers of threads of the BLAS libraries that are loaded."""
    return [
        library["num_threads"]
        for library in threadpool_info()
        if library["user_api"] == "blas"
    ]


@pytest.fixture(autouse=True)
def two_threads():
    """Let BLAS have two threads, whatever the tests' own environment says."""
    with threadpool_limits(2, user_api="blas"):
        if set(threads()) != {2}:
            pytest.skip("BLAS has no threads here")
        yield


def test_there_is_one_thread_within_and_as_many_as_before_afterwards():
    before = threads()
    with small_products(), small_products():
        assert set(threads()) == {1}
    assert threads() == before


def test_threads_are_restored_where_a_fit_fails():
    before = threads()
    with pytest.raises(ZeroDivisionError), small_products():
        1 / 0  # noqa: B018
    assert threads() == before
    with small_products():
        assert set(threads()) == {1}


@pytest.mark.parametrize("other_ends_first", [False, True])
def test_threads_are_restored_whichever_of_two_fits_ends_first(other_ends_first):
    before = threads()
    inside, leave = threading.Event(), threading.Event()

    def hold():
        with small_products():
            inside.set()
            leave.wait(10.0)

    other = threading.Thread(target=hold)
    with small_products():
        other.start()
        assert inside.wait(10.0)
        assert set(threads()) == {1}
        if other_ends_first:
            leave.set()
            other.join()
            assert set(threads()) == {1}
    assert threads() == before
    leave.set()
    other.join()
    assert threads() == before


def test_a_fit_leaves_threads_as_they_were():
    before, rng = threads(), np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=(60, 2)), np.repeat([0, 1, 2], 20)])
    seen = []

    class Watch(MultiTaskRegressor):
        def _weigh(self, course, runners):
            seen.append(set(threads()))
            super()._weigh(course, runners)

    Watch(["pooled", "hierarchical"], task_feature=2).fit(X, X[:, 0])
    assert seen == [{1}]
    assert threads() == before
