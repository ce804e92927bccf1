"""Grouping and statistics: each law against a twin that is obviously right."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from ragged import ragged_tasks

from skmtl import _moments
from skmtl._folds import choose_rows
from skmtl._kernels.grouping import group
from skmtl._kernels.statistics import measure
from skmtl._tasks import (
    TaskStatistics,
    fold_statistics,
    group_rows,
    group_targets,
    statistics,
    training_statistics,
    with_rows,
)


def slow_statistics(X, y, weight, task, n_tasks):
    """Moments by masks and means."""
    parts = []
    for t in range(n_tasks):
        own = task == t
        total = weight[own].sum()
        if total == 0:
            d = X.shape[1]
            parts.append((0.0, np.zeros(d), 0.0, np.zeros((d, d)), np.zeros(d), 0.0))
            continue
        x_mean = weight[own] @ X[own] / total
        y_mean = weight[own] @ y[own] / total
        x, z = X[own] - x_mean, y[own] - y_mean
        w = weight[own][:, None]
        parts.append(
            (total, x_mean, y_mean, x.T @ (w * x), x.T @ (w[:, 0] * z), w[:, 0] @ z**2)
        )
    return TaskStatistics(*(np.array(part) for part in zip(*parts, strict=True)))


def assert_same(a, b, rtol=1e-9, atol=1e-9):
    for name in TaskStatistics._fields:
        left, right = getattr(a.per_task(), name), getattr(b.per_task(), name)
        assert_allclose(left, right, rtol=rtol, atol=atol, err_msg=name)


def grouped(X, y, weight, task):
    return group_rows(X, y, weight, task, int(task.max()) + 1)


@given(ragged_tasks())
def test_statistics_equal_their_slow_twin(problem):
    X, y, weight, task = problem
    data = grouped(*problem)
    slow = slow_statistics(X, y, weight, task, data.n_tasks)
    assert_same(statistics(data), slow)
    assert_same(compiled(data, data.offsets, 384), slow)


def compiled(data, offsets, block_rows):
    """Return moments by the compiled loop, whatever the size."""
    n_tasks, d = offsets.size - 1, data.X.shape[1]
    shapes = (n_tasks,), (n_tasks, d), (n_tasks,), (n_tasks, d, d), (n_tasks, d)
    parts = TaskStatistics(*(np.zeros(shape) for shape in (*shapes, (n_tasks,))))
    rows = data.rows, data.y, data.weight, offsets
    measure(data.X.ravel(), d, *rows, block_rows, *parts)
    return parts


@pytest.mark.parametrize("block_rows", [1, 2, 7, 1000])
def test_blocks_of_any_size_give_the_same_moments(block_rows, monkeypatch):
    rng = np.random.default_rng(0)
    task = rng.integers(0, 5, 200)
    X, y = rng.normal(size=(200, 3)), rng.normal(size=200)
    data = grouped(X, y, rng.uniform(0.5, 2, 200), task)
    whole = statistics(data)
    assert_same(compiled(data, data.offsets, block_rows), whole)
    monkeypatch.setattr(_moments, "BLOCK", block_rows)
    assert_same(statistics(data), whole)


def test_features_far_from_zero_keep_their_digits():
    rng = np.random.default_rng(0)
    X, y, task = rng.normal(size=(300, 2)), rng.normal(size=300), np.arange(300) % 3
    near = statistics(grouped(X, y, np.ones(300), task))
    far = statistics(grouped(X + 1e8, y - 1e8, np.ones(300), task))
    assert_allclose(far.gram, near.gram, rtol=1e-6, atol=1e-5)
    assert_allclose(far.xy, near.xy, rtol=1e-6, atol=1e-5)


def test_views_of_a_table_give_the_moments_of_their_columns():
    rng = np.random.default_rng(0)
    table, y, task = rng.normal(size=(90, 5)), rng.normal(size=90), np.arange(90) % 4
    for view in (table[:, 1:], table[:, :-1], table[::2, 1:4], table[:, ::2]):
        part = y[: len(view)], np.ones(len(view)), task[: len(view)]
        assert_same(statistics(grouped(view, *part)), slow_statistics(view, *part, 4))


@given(ragged_tasks(), st.integers(0, 2**32 - 1))
def test_statistics_add_and_subtract(problem, seed):
    X = problem[0]
    data = grouped(*problem)
    chosen = np.random.default_rng(seed).random(len(X)) < 0.5
    rows = np.arange(len(X))
    part = statistics(choose_rows(data, rows[chosen]))
    rest = statistics(choose_rows(data, rows[~chosen]))
    whole = statistics(data)
    assert_same(part + rest, whole)
    assert_same(whole - part, rest, atol=1e-7)


def test_statistics_of_a_stream_equal_those_of_all_rows():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(1000, 4)) + 5, rng.normal(size=1000)
    task, weight = rng.integers(0, 7, 1000), rng.uniform(0.1, 3, 1000)
    blocks = [
        statistics(group_rows(X[b], y[b], weight[b], task[b], 7))
        for b in np.array_split(rng.permutation(1000), 20)
    ]
    total = blocks[0]
    for block in blocks[1:]:
        total = total + block
    assert_same(total, slow_statistics(X, y, weight, task, 7))


@given(ragged_tasks(), st.integers(2, 5))
def test_training_statistics_leave_out_exactly_one_fold(problem, n_folds):
    X, y, weight, task = problem
    data = grouped(*problem)
    fold = np.random.default_rng(len(X)).integers(0, n_folds, len(X))
    folds = fold_statistics(data, fold, n_folds)
    for f, rest in enumerate(training_statistics(folds)):
        kept = fold != f
        part = X[kept], y[kept], weight[kept], task[kept]
        assert_same(rest, slow_statistics(*part, data.n_tasks))


@given(ragged_tasks())
def test_counting_orders_rows_as_sorting_does(problem):
    _, y, weight, task = problem
    data = grouped(*problem)
    counted = group(data.n_tasks, task, y, weight)
    for a, b in zip(data[1:5], counted, strict=True):
        assert_array_equal(a, b)


@given(ragged_tasks())
def test_order_of_rows_does_not_matter(problem):
    order = np.random.default_rng(0).permutation(len(problem[0]))
    shuffled = grouped(*(part[order] for part in problem))
    assert_same(statistics(shuffled), statistics(grouped(*problem)))


@given(ragged_tasks())
def test_a_weight_is_a_number_of_copies(problem):
    X, y, weight, task = problem
    copies = np.repeat(np.arange(len(X)), weight.astype(int))
    repeated = grouped(X[copies], y[copies], np.ones(copies.size), task[copies])
    assert_same(statistics(repeated), statistics(grouped(*problem)))


@given(ragged_tasks())
def test_pooled_statistics_are_those_of_one_task(problem):
    X, y, weight, task = problem
    one = slow_statistics(X, y, weight, np.zeros_like(task), 1)
    assert_same(statistics(grouped(*problem)).pooled(), one)


@given(ragged_tasks())
def test_moments_about_the_origin(problem):
    X, y, weight, task = problem
    gram, xy, yy = statistics(grouped(*problem)).about_origin()
    for t in range(len(yy)):
        own, w = task == t, weight[task == t]
        assert_allclose(gram[t], X[own].T @ (w[:, None] * X[own]), atol=1e-9)
        assert_allclose(xy[t], X[own].T @ (w * y[own]), atol=1e-9)
        assert_allclose(yy[t], w @ y[own] ** 2, atol=1e-9)


@pytest.mark.parametrize("missing", [0.0, 0.4])
def test_targets_of_two_dimensions_are_tasks_that_share_rows(missing):
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(60, 3)), rng.normal(size=(60, 4))
    weight = rng.uniform(0.5, 2, 60)
    Y[rng.random(Y.shape) < missing] = np.nan
    data = group_targets(X, Y, weight)
    assert data.X.base is X or np.shares_memory(data.X, X)
    measured = statistics(data)
    assert measured.gram.shape[0] == (4 if missing else 1)
    rows, task = np.nonzero(~np.isnan(Y))
    tiled = slow_statistics(X[rows], Y[rows, task], weight[rows], task, 4)
    assert_same(measured, tiled)
    fold = rng.integers(0, 3, 60)
    for f, part in enumerate(fold_statistics(data, fold, 3)):
        inside = fold[rows] == f
        expected = slow_statistics(
            X[rows][inside],
            Y[rows, task][inside],
            weight[rows][inside],
            task[inside],
            4,
        )
        assert_same(part, expected)


def test_a_task_without_rows_has_zero_moments():
    one_row = np.ones((1, 2)), np.ones(1), np.ones(1), np.zeros(1, np.int64)
    measured = statistics(group_rows(*one_row, 3))
    assert_array_equal(measured.weight, [1, 0, 0])
    again = measured.take([1, 0, -1])
    assert_array_equal(again.weight, [0, 1, 0])
    assert not (again + again - again).gram.any()


def test_records_are_read_only_and_leave_the_users_arrays_alone():
    X, y = np.ones((4, 2)), np.arange(4.0)
    data = grouped(X, y, np.ones(4), np.array([0, 1, 0, 1]))
    with pytest.raises(ValueError, match="read-only"):
        data.X[0, 0] = 2
    X[0, 0] = 2
    assert y.flags.writeable


def test_gathered_data_are_slices():
    rng = np.random.default_rng(0)
    X, y, task = rng.normal(size=(30, 2)), rng.normal(size=30), np.arange(30) % 4
    data = grouped(X, y, np.ones(30), task).gathered()
    for t in range(4):
        own = slice(data.offsets[t], data.offsets[t + 1])
        assert_array_equal(data.X[own], X[task == t])
        assert_array_equal(data.y[own], y[task == t])


@pytest.mark.parametrize("n_features", [3, 97])
def test_statistics_of_many_features_and_rows(n_features):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(3000, n_features)) + 3, rng.normal(size=3000) - 2
    task, weight = (rng.random(3000) < 0.1).astype(int), rng.uniform(0.1, 3, 3000)
    expected = slow_statistics(X, y, weight, task, 2)
    assert_same(statistics(group_rows(X, y, weight, task, 2)), expected)
    copies = group_rows(X, y, np.ones(3000), task, 2)
    ones = slow_statistics(X, y, np.ones(3000), task, 2)
    assert_same(statistics(copies), ones)


@pytest.mark.parametrize("n_features", [3, 97])
@pytest.mark.parametrize("first", [1, 400, 1000])
def test_rows_added_to_statistics_join_them(n_features, first):
    rng = np.random.default_rng(0)
    table = rng.normal(size=(1000, n_features + 1)) + 1e3
    X, y, weight = table[:, 1:], rng.normal(size=1000), rng.uniform(0.1, 3, 1000)
    task = rng.integers(0, 4, 1000)
    data = group_rows(X[:first], y[:first], weight[:first], task[:first] % 3, 3)
    rest = group_rows(X[first:], y[first:], weight[first:], task[first:], 5)
    place = np.array([0, 1, 2, -1, -1])
    total = with_rows(statistics(data), place, rest)
    joined = np.r_[task[:first] % 3, task[first:]]
    assert_same(total, slow_statistics(X, y, weight, joined, 5), atol=1e-7)
