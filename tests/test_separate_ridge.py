"""Laws of ridge regressions of single tasks that are fitted together."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skmtl import _separate_ridge
from skmtl._separate_ridge import SeparateRidge
from skmtl._single import single_model


def ragged(n_features, seed=0):
    """Return rows of thirty tasks of 1 to 40 rows, one with a constant feature."""
    rng = np.random.default_rng(seed)
    count = np.r_[1, 2, rng.integers(2, 41, 28)]
    code = np.repeat(np.arange(30.0), count)
    X = rng.normal(size=(code.size, n_features))
    X[code == 5, 0] = 3.0
    slopes = rng.normal(size=(30, n_features)) + 1.0
    y = (X * slopes[code.astype(int)]).sum(axis=1) + rng.normal(size=code.size)
    return np.column_stack([X, code]), y


@pytest.mark.parametrize("n_features", [1, 4, 25])
@pytest.mark.parametrize("most", [10**6, 500])
def test_tasks_together_are_those_that_scikit_learn_fits_alone(
    n_features, most, monkeypatch
):
    monkeypatch.setattr(_separate_ridge, "MOST_AT_ONCE", most)
    table, y = ragged(n_features)
    together = SeparateRidge().fit(table, y)
    X, code = table[:, :-1], table[:, -1]
    for task in np.unique(code):
        rows = code == task
        alone = single_model(False).fit(X[rows], y[rows])
        expected = alone.predict(X[:40])
        asked = np.column_stack([X[:40], np.full(40, task)])
        assert_allclose(together.predict(asked), expected, rtol=1e-8, atol=1e-8)
    unknown = np.column_stack([X[:40], np.full(40, -1.0)])
    every = single_model(False).fit(X, y).predict(X[:40])
    assert_allclose(together.predict(unknown), every, rtol=1e-8, atol=1e-8)


def test_columns_of_y_are_tasks_of_the_rows_that_they_have():
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(40, 3)), rng.normal(size=(40, 2))
    Y[::3, 0] = np.nan
    said = SeparateRidge(wide=True).fit(X, Y).predict(X)
    for t, column in enumerate(Y.T):
        seen = ~np.isnan(column)
        alone = single_model(False).fit(X[seen], column[seen])
        assert_allclose(said[:, t], alone.predict(X), rtol=1e-8, atol=1e-8)


def test_a_row_of_weight_two_is_the_row_twice():
    table, y = ragged(4)
    weight = np.random.default_rng(1).integers(1, 3, len(y))
    weighted = SeparateRidge().fit(table, y, weight.astype(float))
    twice = np.repeat(np.arange(len(y)), weight)
    copies = SeparateRidge().fit(table[twice], y[twice])
    assert_allclose(weighted.predict(table), copies.predict(table), atol=1e-10)


def test_a_task_that_comes_later_is_as_if_it_had_been_there():
    table, y = ragged(4)
    late = table[:, -1] == 29.0
    model = SeparateRidge().fit(table[~late], y[~late])
    before = model.predict(table[~late])
    model.fit_task(table[late], y[late])
    every = SeparateRidge().fit(table, y)
    assert_allclose(model.predict(table), every.predict(table), atol=1e-12)
    assert_allclose(model.predict(table[~late]), before, atol=1e-12)
