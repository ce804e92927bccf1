"""Sparse tables: every answer is that of the same numbers in a dense one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from ragged import ragged_tasks
from registry import linear_regressors, name_of, with_task_feature
from scipy import sparse
from sklearn.base import clone, is_classifier

from skmtl._tasks import (
    TaskStatistics,
    fold_statistics,
    group_rows,
    group_targets,
    statistics,
)
from skmtl.linear import (
    HierarchicalClassifier,
    HierarchicalRegressor,
    JointSparseClassifier,
    JointSparseRegressor,
    SharedCenterClassifier,
    SharedRepresentationClassifier,
    SharedRepresentationRegressor,
    covariance_similarity,
)

CLASSIFIERS = [
    JointSparseClassifier(),
    SharedRepresentationClassifier(rank=2),
    SharedRepresentationClassifier(alpha=0.1),
]
EXACT = {"rtol": 1e-10, "atol": 1e-10}
everyone = pytest.mark.parametrize(
    "estimator", [*linear_regressors(), *CLASSIFIERS], ids=name_of
)


def assert_same(a, b):
    for name in TaskStatistics._fields:
        left, right = getattr(a.per_task(), name), getattr(b.per_task(), name)
        assert_allclose(left, right, **EXACT, err_msg=name)


def of_table(data, X):
    return data._replace(X=X)


def thinned(X, share, seed=0):
    """Return a table in which this share of entries is not zero."""
    return X * (np.random.default_rng(seed).random(X.shape) < share)


@given(ragged_tasks(max_rows=20, max_features=8), st.sampled_from([0.1, 0.5, 1.0]))
def test_statistics_are_those_of_the_dense_table(problem, share):
    X, y, weight, task = problem
    X = thinned(X, share)
    data = group_rows(X, y, weight, task, int(task.max()) + 1)
    thin = of_table(data, sparse.csr_array(X))
    assert_same(statistics(thin), statistics(data))
    fold = np.arange(len(y)) % 3
    parts = (fold_statistics(thin, fold, 3), fold_statistics(data, fold, 3))
    for part, expected in zip(*parts, strict=True):
        assert_same(part, expected)


@pytest.mark.parametrize("share", [0.02, 0.6])
@pytest.mark.parametrize("shared", [False, True])
def test_both_ways_to_the_statistics_agree(share, shared):
    rng = np.random.default_rng(0)
    X, weight = thinned(rng.normal(size=(3000, 40)), share), rng.uniform(0.5, 2, 3000)
    if shared:
        data = group_targets(X, rng.normal(size=(3000, 4)), weight)
    else:
        task = rng.integers(0, 3, 3000)
        data = group_rows(X, rng.normal(size=3000), weight, task, 3)
    assert_same(statistics(of_table(data, sparse.csr_array(X))), statistics(data))


@pytest.mark.parametrize("shared", [False, True])
def test_features_far_from_zero_keep_their_digits(shared):
    rng = np.random.default_rng(0)
    X = thinned(rng.normal(size=(400, 20)), 0.03)
    X[:, 3] = 1e7 + rng.normal(size=400)
    X[:, 4] = 5.0
    X[::2, 5] = 3.0
    if shared:
        data = group_targets(X, rng.normal(size=(400, 3)), np.ones(400))
    else:
        task = np.arange(400) % 2
        data = group_rows(X, rng.normal(size=400), np.ones(400), task, 2)
    thin, dense = statistics(of_table(data, sparse.csr_array(X))), statistics(data)
    assert_allclose(thin.gram, dense.gram, rtol=1e-7, atol=1e-6)
    assert_allclose(thin.xy, dense.xy, rtol=1e-7, atol=1e-6)
    assert not thin.gram[:, 4].any() or shared


def test_a_feature_constant_in_a_task_says_nothing_there():
    X = np.zeros((60, 30))
    X[:30, 0], X[::7, 1], X[::5, 2] = 0.1, 1.0, 2.0
    task = np.repeat([0, 1], 30)
    data = group_rows(sparse.csr_array(X), X[:, 1], np.full(60, 0.3), task, 2)
    assert not statistics(data).gram[0, 0].any()


def problem(classes, n_rows=240, n_features=12, share=0.3):
    rng = np.random.default_rng(1)
    task = rng.permutation(np.arange(n_rows) % 6)
    X = thinned(rng.normal(size=(n_rows, n_features)) + 1, share)
    coef = rng.normal(size=(6, 2)) @ rng.normal(size=(2, n_features))
    y = (X * coef[task]).sum(axis=1) + 0.5 * rng.normal(size=n_rows)
    y = (y > np.median(y)).astype(int) if classes else y
    return np.column_stack([X, task]), y, rng.integers(0, 3, n_rows)


@everyone
@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csc_array])
def test_models_are_those_of_the_dense_table(estimator, kind):
    X, y, weight = problem(is_classifier(estimator))
    model = with_task_feature(estimator, -1)
    dense = clone(model).fit(X, y, sample_weight=weight)
    thin = model.fit(kind(X), y, sample_weight=weight)
    for name in ("coef_", "intercept_", "shared_coef_", "shared_intercept_"):
        # Cross-validated or descended, the two differ by what rounding does there.
        assert_allclose(getattr(thin, name), getattr(dense, name), rtol=1e-7, atol=1e-7)
    assert_allclose(thin.predict(kind(X)), thin.predict(X), **EXACT)
    X[:3, -1] = 99.0
    assert_allclose(thin.predict(kind(X)), thin.predict(X), **EXACT)
    assert_allclose(thin.predict(kind(X[:2])), thin.predict(X[:2]), **EXACT)


@pytest.mark.parametrize("estimator", linear_regressors(), ids=name_of)
def test_sparse_batches_give_the_fit_on_everything(estimator):
    X, y, weight = problem(False)
    model = with_task_feature(estimator, -1)
    whole = clone(model).fit(X, y, sample_weight=weight)
    for part in np.array_split(np.arange(len(y)), 4):
        table = sparse.csr_matrix(X[part])
        model.partial_fit(table, y[part], sample_weight=weight[part])
    assert_allclose(model.coef_, whole.coef_, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csc_array])
@pytest.mark.parametrize(
    "estimator",
    [
        HierarchicalRegressor(),
        SharedRepresentationRegressor(rank=2),
        SharedRepresentationClassifier(rank=2),
    ],
    ids=name_of,
)
def test_new_tasks_have_the_models_of_their_dense_rows(estimator, kind):
    X, y, weight = problem(is_classifier(estimator))
    model = with_task_feature(estimator, -1)
    dense, thin = clone(model).fit(X, y), model.fit(kind(X), y)
    for name, own in [(77.0, None), (88.0, weight[:40])]:
        new = np.column_stack([X[:40, :-1], np.full(40, name)])
        dense.fit_task(new, y[:40], sample_weight=own)
        thin.fit_task(kind(new), y[:40], sample_weight=own)
    assert_allclose(thin.coef_, dense.coef_, **EXACT)
    assert_allclose(thin.intercept_, dense.intercept_, **EXACT)


@pytest.mark.parametrize("estimator", linear_regressors(), ids=name_of)
@pytest.mark.parametrize("missing", [False, True])
def test_columns_of_y_may_miss_values(estimator, missing):
    X, _, weight = problem(False)
    X, rng = X[:, :-1], np.random.default_rng(0)
    Y = X @ rng.normal(size=(12, 3)) + rng.normal(size=(240, 3))
    if missing:
        Y[rng.random(Y.shape) < 0.2] = np.nan
    dense = clone(estimator).fit(X, Y, sample_weight=weight)
    thin = clone(estimator).fit(sparse.csr_array(X), Y, sample_weight=weight)
    assert_allclose(thin.coef_, dense.coef_, rtol=1e-7, atol=1e-7)
    assert_allclose(thin.predict(sparse.csr_array(X)), dense.predict(X), rtol=1e-6)


@pytest.mark.parametrize(
    "estimator",
    [
        # A million steps, taken in other tests of these kernels without compilation.
        pytest.param(JointSparseRegressor(alpha=0.05), marks=pytest.mark.nojit_skip),
        pytest.param(
            JointSparseRegressor(alpha="auto", n_alphas=5),
            marks=pytest.mark.nojit_skip,
        ),
        JointSparseClassifier(alpha=0.02),
        SharedRepresentationRegressor(rank=2),
        SharedRepresentationClassifier(rank=2),
    ],
    ids=name_of,
)
@pytest.mark.parametrize("wide_y", [False, True])
def test_more_features_than_rows(estimator, wide_y):
    X, y, _ = problem(is_classifier(estimator), n_rows=120, n_features=400, share=0.05)
    model = clone(estimator)
    if wide_y:
        X, y = X[:, :-1], np.column_stack([y, np.roll(y, 1), np.roll(y, 7)])
    else:
        model = with_task_feature(estimator, -1)
    dense, thin = clone(model).fit(X, y), model.fit(sparse.csr_array(X), y)
    assert_allclose(thin.coef_, dense.coef_, rtol=1e-7, atol=1e-7)
    assert_allclose(thin.predict(sparse.csr_array(X)), dense.predict(X), rtol=1e-6)


def test_entries_may_be_unsorted_or_repeated():
    X, y, _ = problem(False)
    entries = sparse.coo_array(X)
    half = np.r_[entries.data / 2, entries.data / 2]
    row, column = np.tile(entries.row, 2), np.tile(entries.col, 2)
    order = np.argsort(row, kind="stable")[::1]
    starts = np.r_[0, np.cumsum(np.bincount(row, minlength=len(y)))]
    twice = sparse.csr_array(
        (half[order], column[order], starts), shape=X.shape, copy=True
    )
    before = twice.data.copy()
    model = JointSparseRegressor(alpha=0.05, task_feature=-1)
    expected = clone(model).fit(X, y).coef_
    assert_allclose(model.fit(twice, y).coef_, expected, **EXACT)
    assert_allclose(twice.data, before)


@pytest.mark.parametrize("align", [None, "covariance"])
@pytest.mark.parametrize("keep", [False, True])
def test_representations_of_sparse_rows(align, keep):
    X, y, _ = problem(False)
    model = SharedRepresentationRegressor(
        2, align=align, task_feature=-1, keep_task_column=keep
    )
    dense, thin = clone(model).fit(X, y), model.fit(sparse.csr_array(X), y)
    reduced = thin.transform(sparse.csr_matrix(X))
    assert isinstance(reduced, np.ndarray)
    assert_allclose(reduced, dense.transform(X), rtol=1e-7, atol=1e-7)
    rows = X[X[:, -1] == 0]
    for fitted, table in ((dense, rows), (thin, sparse.csc_array(rows))):
        fitted.fit_task(table, y[X[:, -1] == 0], name=50.0)
    assert_allclose(thin.coef_, dense.coef_, rtol=1e-7, atol=1e-7)


def test_similarity_of_sparse_features():
    X, _, _ = problem(False)
    tasks, expected = covariance_similarity(X, task_feature=-1)
    found, similarity = covariance_similarity(sparse.csc_matrix(X), task_feature=-1)
    assert_allclose(found, tasks)
    assert_allclose(similarity, expected, **EXACT)


@pytest.mark.parametrize("estimator", [HierarchicalClassifier, SharedCenterClassifier])
def test_models_that_need_dense_rows_say_so(estimator):
    X, y, _ = problem(True)
    with pytest.raises(TypeError, match=r"[Ss]parse"):
        estimator(task_feature=-1).fit(sparse.csr_array(X), y)
