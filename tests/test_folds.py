"""Folds by content: copies stay together, and order, names and scale do not matter."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from ragged import ragged_tasks
from scipy import sparse
from sklearn.model_selection import KFold

from skmtl._folds import (
    balanced_folds,
    class_folds,
    hash_rows,
    hashed_folds,
    split_statistics,
    user_splits,
)
from skmtl._tasks import group_rows, statistics
from skmtl._validation import Training


def folds_of(kind, X, y, task, n_folds=3):
    if kind == "hashed":
        return hashed_folds(X, y, n_folds)
    if kind == "class":
        return class_folds(X, (y > 0).astype(int), task, n_folds)
    return balanced_folds(X, y, task, n_folds)


@pytest.mark.parametrize("kind", ["hashed", "balanced", "class"])
@given(ragged_tasks(max_rows=12))
def test_order_does_not_matter_and_copies_share_a_fold(kind, problem):
    X, y, weight, task = problem
    fold = folds_of(kind, X, y, task)
    order = np.random.default_rng(1).permutation(len(X))
    assert_array_equal(folds_of(kind, X[order], y[order], task[order]), fold[order])
    copies = np.repeat(np.arange(len(X)), weight.astype(int))
    repeated = folds_of(kind, X[copies], y[copies], task[copies])
    assert_array_equal(repeated, fold[copies])


@pytest.mark.parametrize("kind", ["hashed", "balanced", "class"])
@given(ragged_tasks(max_rows=12))
def test_order_of_features_and_names_of_tasks_do_not_matter(kind, problem):
    X, y, _, task = problem
    fold = folds_of(kind, X, y, task)
    assert_array_equal(folds_of(kind, X[:, ::-1].copy(), y, task), fold)
    assert_array_equal(folds_of(kind, X, y, task.max() - task), fold)


@given(ragged_tasks(max_rows=12), st.sampled_from([0.1, 8.0, 100.0]))
def test_balanced_folds_ignore_the_scale_of_the_target(problem, scale):
    X, y, _, task = problem
    fold = balanced_folds(X, y, task, 3)
    assert_array_equal(balanced_folds(X, scale * y, task, 3), fold)


@given(ragged_tasks(max_rows=30), st.integers(2, 5))
def test_balanced_folds_spread_every_task(problem, n_folds):
    X, y, _, task = problem
    fold = balanced_folds(X, y, task, n_folds)
    for t in np.unique(task):
        sizes = np.bincount(fold[task == t], minlength=n_folds)
        assert sizes.max() - sizes.min() <= 1


def few_kinds(n_tasks=60, n_rows=8):
    """Return rows of four kinds whose classes are drawn with odds of their own."""
    rng = np.random.default_rng(0)
    task = np.repeat(np.arange(n_tasks), n_rows)
    kind = rng.integers(0, 4, task.size)
    chance = np.array([0.2, 0.4, 0.6, 0.8])[kind]
    X = np.column_stack([kind % 2, kind // 2]).astype(float)
    return X, (rng.random(task.size) < chance).astype(int), task, kind, chance


def test_rows_held_out_are_no_stranger_than_others_where_rows_look_alike():
    X, y, task, kind, chance = few_kinds()
    of_class = class_folds(X, y, task, 5)
    mixed = balanced_folds(X, y, 2 * task + y, 5)
    for fold in (of_class, mixed):
        for f in range(5):
            learned = np.bincount(kind[fold != f], y[fold != f]) / np.bincount(
                kind[fold != f]
            )
            assert (
                np.abs(learned - chance[[*map(list(kind).index, range(4))]]).max()
                < 0.15
            )
    cells = task * 4 + kind
    for cell in np.unique(cells):
        assert np.unique(of_class[cells == cell]).size == 1


@given(ragged_tasks(max_rows=30), st.integers(2, 5))
def test_classes_of_distinct_rows_are_spread_over_all_folds(problem, n_folds):
    X, y, _, task = problem
    X = X + np.arange(len(X))[:, None]
    classes = (y > 0).astype(int)
    fold = class_folds(X, classes, task, n_folds)
    cells = 2 * task + classes
    for cell in np.unique(cells):
        sizes = np.bincount(fold[cells == cell], minlength=n_folds)
        assert sizes.max() - sizes.min() <= 1


@given(st.integers(0, 1000), st.integers(2, 4))
def test_no_fold_holds_all_rows_where_rows_differ(seed, n_tasks):
    task = np.repeat(np.arange(n_tasks), 3)
    X = np.random.default_rng(seed).normal(size=(n_tasks, 2))[task]
    for n_folds in (2, 3, 5):
        for kind in ("balanced", "class"):
            fold = folds_of(kind, X, np.zeros(len(task)), task, n_folds)
            assert np.unique(fold).size > 1


def test_order_of_the_columns_of_y_does_not_matter():
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(50, 2)), rng.normal(size=(50, 3))
    Y[rng.random(Y.shape) < 0.3] = np.nan
    stratum = np.zeros(50, int)
    for fold in [
        lambda Y: balanced_folds(X, Y, stratum, 3),
        lambda Y: hashed_folds(X, Y, 3),
    ]:
        assert_array_equal(fold(Y), fold(Y[:, ::-1].copy()))


def test_sparse_rows_hash_as_dense_ones():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 6)) * (rng.random((40, 6)) < 0.4)
    y, stratum = rng.normal(size=40), np.arange(40) % 2
    assert_array_equal(hash_rows(sparse.csr_array(X), y), hash_rows(X, y))
    dense = balanced_folds(X, y, stratum, 3)
    assert_array_equal(balanced_folds(sparse.csr_array(X), y, stratum, 3), dense)


def test_hashes_of_different_rows_differ():
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 50, (20000, 3)).astype(float), np.zeros(20000)
    distinct = len(np.unique(np.sort(X, axis=1), axis=0))
    assert len(np.unique(hash_rows(X, y))) == distinct
    sizes = np.bincount(hashed_folds(X, y, 5))
    assert sizes.min() > 0.9 * sizes.max()


def test_both_zeros_and_all_nans_are_one_value():
    X = np.array([[0.0], [-0.0]])
    Y = np.array([[np.nan, 1.0], [-np.nan, 1.0]])
    assert len(np.unique(hash_rows(X, Y))) == 1


def trained(n=60):
    rng = np.random.default_rng(0)
    X, y, task = rng.normal(size=(n, 2)), rng.normal(size=n), np.arange(n) % 3
    kept = np.arange(n) % 4 != 0
    data = group_rows(X[kept], y[kept], np.ones(kept.sum()), task[kept], 3)
    return X, y, task, kept, Training(data, y[kept], np.flatnonzero(kept), n)


@pytest.mark.parametrize("as_list", [False, True])
def test_splits_are_over_the_rows_as_passed(as_list):
    X, y, task, kept, training = trained()
    splitter = KFold(3)
    cv = list(splitter.split(X)) if as_list else splitter
    given_splits = list(splitter.split(X))
    for (train, test), passed in zip(
        user_splits(cv, X, y, training), given_splits, strict=True
    ):
        for rows, original in zip((train, test), passed, strict=True):
            expected = original[kept[original]]
            assert_array_equal(training.index[rows], expected)
    for (train, _), passed in zip(
        split_statistics(training, cv, X, y), given_splits, strict=True
    ):
        rows = passed[0][kept[passed[0]]]
        expected = statistics(
            group_rows(X[rows], y[rows], np.ones(rows.size), task[rows], 3)
        )
        np.testing.assert_allclose(train.gram, expected.gram, atol=1e-10)
        np.testing.assert_allclose(train.weight, expected.weight)


def test_an_integer_splits_into_statistics_that_add_up():
    X, y, _, _, training = trained()
    whole = statistics(training.data)
    for train, test in split_statistics(training, 4, X, y):
        for part, total in zip(train + test, whole, strict=True):
            np.testing.assert_allclose(part, total, atol=1e-9)
