"""Laws of logistic regressions of single tasks that are no surer than their rows."""

import numpy as np
from numpy.testing import assert_allclose
from sklearn.linear_model import LogisticRegression

from skmtl._separate_logistic import SeparateLogistic


def tasks(n_rows, seed=0):
    """Return rows of three tasks with two classes, and of one with the first only."""
    rng = np.random.default_rng(seed)
    code = np.repeat(np.arange(4.0), n_rows)
    X = rng.normal(size=(code.size, 3))
    y = (X[:, 0] + rng.normal(size=code.size) > 0.0).astype(int)
    y[code == 3] = 0
    return np.column_stack([X, code]), y


def test_a_task_of_one_class_is_as_sure_as_its_rows_allow():
    for n_rows in (4, 400):
        table, y = tasks(n_rows)
        said = SeparateLogistic().fit(table, y).predict_proba(table[table[:, -1] == 3])
        share = y.mean()
        assert_allclose(said[:, 1], 2.0 * share / (n_rows + 2.0))
        assert_allclose(said.sum(axis=1), 1.0)


def test_tasks_of_many_rows_have_models_of_their_own():
    table, y = tasks(400)
    said = SeparateLogistic().fit(table, y).predict_proba(table)
    for task in range(3):
        rows = table[:, -1] == task
        alone = LogisticRegression(max_iter=1000).fit(table[rows, :-1], y[rows])
        expected = alone.predict_proba(table[rows, :-1])
        assert np.abs(said[rows] - expected).max() < 0.005
    unknown = table.copy()
    unknown[:, -1] = 9.0
    every = LogisticRegression(max_iter=1000).fit(table[:, :-1], y)
    found = SeparateLogistic().fit(table, y).predict_proba(unknown)
    assert np.abs(found - every.predict_proba(table[:, :-1])).max() < 0.005


def test_a_row_of_weight_two_is_the_row_twice():
    table, y = tasks(12)
    weight = np.random.default_rng(1).integers(1, 3, len(y))
    weighted = SeparateLogistic().fit(table, y, weight.astype(float))
    twice = np.repeat(np.arange(len(y)), weight)
    copies = SeparateLogistic().fit(table[twice], y[twice])
    expected = copies.predict_proba(table)
    assert_allclose(weighted.predict_proba(table), expected, atol=1e-4)


def test_a_task_that_comes_later_is_like_others_and_leaves_them():
    table, y = tasks(12)
    late = table[:, -1] == 3.0
    model = SeparateLogistic().fit(table[~late], y[~late])
    before = model.predict_proba(table[~late])
    model.fit_task(table[late], y[late])
    assert_allclose(model.predict_proba(table[~late]), before)
    share = y[~late].mean()
    assert_allclose(model.predict_proba(table[late])[:, 1], 2.0 * share / 14.0)


def test_columns_of_y_are_tasks_of_the_rows_that_they_have():
    table, y = tasks(50)
    X, Y = table[:, :-1], np.column_stack([y, 1 - y]).astype(float)
    Y[::2, 1] = np.nan
    said = SeparateLogistic(wide=True).fit(X, Y).predict_proba(X)
    assert said.shape == Y.shape
    rows = ~np.isnan(Y[:, 1])
    alone = LogisticRegression(max_iter=1000).fit(X[rows], Y[rows, 1])
    expected = (100.0 * alone.predict_proba(X)[:, 1] + 2.0 * np.nanmean(Y)) / 102.0
    assert_allclose(said[:, 1], expected)
