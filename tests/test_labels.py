"""Task labels are told apart by value, whatever holds them."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from skmtl._labels import (
    build_vocabulary,
    encode,
    extend_vocabulary,
    read_labels,
    warn_if_transformed,
)
from skmtl.exceptions import TaskColumnWarning

WORDS = ["b", "a", "b", "c", "a"]
COLUMNS = [
    np.array(WORDS),
    np.array(WORDS, dtype=object),
    pd.Series(WORDS),
    pd.Series(WORDS, dtype=object),
    pd.Series(WORDS, dtype="string"),
    pd.Series(WORDS, dtype="category"),
    pl.Series(WORDS),
    pl.Series(WORDS, dtype=pl.Categorical),
]
NUMBERS = [
    np.array([2, 1, 2, 3, 1]),
    np.array([2.0, 1.0, 2.0, 3.0, 1.0]),
    np.array([2, 1.0, np.int8(2), 3, True], dtype=object),
    pd.Series([2, 1, 2, 3, 1], dtype="Int64"),
    pd.Series([2, 1, 2, 3, 1], dtype="category"),
    pl.Series([2, 1, 2, 3, 1]),
]


@pytest.mark.parametrize("column", COLUMNS)
def test_text_of_every_kind(column):
    tasks, code = build_vocabulary(read_labels(column))
    assert tasks.tolist() == ["a", "b", "c"]
    assert code.tolist() == [1, 0, 1, 2, 0]
    assert all(type(task) is str for task in tasks)


@pytest.mark.parametrize("column", NUMBERS)
def test_numbers_of_every_kind(column):
    tasks, code = build_vocabulary(read_labels(column))
    assert tasks.tolist() == [1, 2, 3]
    assert code.tolist() == [1, 0, 1, 2, 0]


def test_truth_values_are_labels():
    tasks, code = build_vocabulary(read_labels(np.array([True, False, True])))
    assert tasks.tolist() == [False, True]
    assert code.tolist() == [1, 0, 1]


@pytest.mark.parametrize("fitted", NUMBERS)
@pytest.mark.parametrize("asked", NUMBERS)
def test_numbers_match_by_value_across_kinds(fitted, asked):
    tasks, _ = build_vocabulary(read_labels(fitted))
    assert encode(read_labels(asked), tasks).tolist() == [1, 0, 1, 2, 0]


@given(st.lists(st.sampled_from("abcdefgh"), min_size=1), st.integers(1, 400))
def test_labels_are_encoded_by_value_not_by_batch(labels, n_tasks):
    tasks = np.array(
        sorted({f"{c}{i}" for i in range(n_tasks) for c in "aceg"}), object
    )
    column = np.array([f"{label}0" for label in labels], dtype=object)
    expected = [list(tasks).index(v) if v in tasks else -1 for v in column]
    assert_array_equal(encode(column, tasks), expected)
    for value, code in zip(column, expected, strict=True):
        assert encode(np.array([value], object), tasks)[0] == code


@given(st.lists(st.integers(-5, 5), min_size=1), st.lists(st.integers(-9, 9)))
def test_a_vocabulary_grows_without_losing_order(first, later):
    tasks, _ = build_vocabulary(np.array(first))
    union = extend_vocabulary(tasks, np.array(later, dtype=int))
    assert union.tolist() == sorted(set(first) | set(later))


@pytest.mark.parametrize(
    ("column", "error", "message"),
    [
        (np.array(["a", None], object), ValueError, "missing values"),
        (np.array(["a", np.nan], object), ValueError, "missing values"),
        (pd.Series(["a", pd.NA], dtype="string"), ValueError, "missing values"),
        (pd.Series(["a", None], dtype="category"), ValueError, "missing values"),
        (pl.Series(["a", None]), ValueError, "missing values"),
        (pl.Series([1, None]), ValueError, "NaN"),
        (pd.Series([1, None], dtype="Int64"), ValueError, "NaN"),
        (np.array([1.0, np.nan]), ValueError, "1 of 2 rows"),
        (np.array([1.0, np.inf]), ValueError, "infinity"),
        (np.array(["a", 1], object), TypeError, "mixes text and numbers"),
        (np.array([{}, 1], object), TypeError, "must be a string or a number"),
        (np.array([(1, 2), 1], object), TypeError, "must be a string or a number"),
        (np.array([1j, 2]), ValueError, "Complex data not supported"),
        (np.array(["2020-01-01"], "M8[D]"), TypeError, "Convert it to strings"),
        (np.array([b"a"]), TypeError, "dtype"),
    ],
)
def test_bad_labels_are_named(column, error, message):
    with pytest.raises(error, match=message):
        read_labels(column)


def test_text_against_numbers_is_refused():
    tasks, _ = build_vocabulary(np.array([1, 2]))
    with pytest.raises(TypeError, match="holds text such as '1', but fit saw numbers"):
        encode(np.array(["1"], object), tasks)
    tasks, _ = build_vocabulary(np.array(["1"], object))
    with pytest.raises(
        TypeError, match=r"holds numbers such as .*1.*, but fit saw text"
    ):
        encode(np.array([1]), tasks)


@pytest.mark.parametrize(
    "code",
    [
        np.arange(30),
        np.r_[np.arange(18), np.zeros(12, int)],
        np.r_[np.arange(11), np.repeat(np.arange(11, 20), 8)],
    ],
)
def test_a_column_that_looks_transformed_is_reported(code):
    with pytest.warns(TaskColumnWarning, match="keep_task"):
        warn_if_transformed(np.unique(code), code)


@pytest.mark.parametrize("sizes", [[1] * 4 + [10] * 8, [5] * 20, [40], [1, 1, 1]])
def test_ordinary_tasks_are_not_reported(sizes):
    code = np.repeat(np.arange(len(sizes)), sizes)
    warn_if_transformed(np.unique(code), code)


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int64, np.float32, float])
@pytest.mark.parametrize("step", [1, 3, 10**6])
def test_whole_numbers_are_found_by_table_or_by_search(kind, step):
    top = np.iinfo(kind).max if np.issubdtype(kind, np.integer) else 2**62
    tasks = np.array([v for v in (2, 5, 6, 9 * step) if v <= top], dtype=kind)
    labels = np.array([0, 2, 3, 5, 6, 9, 100, *tasks], dtype=kind)
    expected = [np.r_[np.flatnonzero(tasks == v), -1][0] for v in labels]
    assert_array_equal(encode(labels, tasks), expected)
    halves = np.r_[labels.astype(float) + 0.5, -1e300, 1e300]
    assert (encode(halves, tasks.astype(float)) == -1).all()
