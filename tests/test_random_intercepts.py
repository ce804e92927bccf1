"""Laws of ridge regression with random intercepts."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skmtl._random_intercepts import (
    STRENGTHS,
    RandomIntercepts,
    likeliest,
    moments_by_task,
    trial,
)


def ragged(spread, n_features=3, seed=0):
    """Return rows of tasks of 1 to 8 rows whose levels differ."""
    rng = np.random.default_rng(seed)
    place = np.repeat(np.arange(12), rng.integers(1, 9, 12))
    X = rng.normal(size=(place.size, n_features))
    level = spread * rng.normal(size=12)
    y = X @ rng.normal(size=n_features) + level[place] + rng.normal(size=place.size)
    return X, y, place


def dense(X, y, place, variance, strength):
    """Return the restricted deviance, and predictions, by matrices of all rows."""
    same = place[:, None] == place
    covariance = np.eye(len(y)) + variance * same + X @ X.T / strength
    inverse, one = np.linalg.inv(covariance), np.ones(len(y))
    information = one @ inverse @ one
    level = one @ inverse @ y / information
    pull = inverse @ (y - level)
    deviance = np.linalg.slogdet(covariance)[1] + np.log(information)
    deviance += (len(y) - 1) * np.log((y - level) @ pull)
    return deviance, level + variance * same @ pull + X @ X.T @ pull / strength


@pytest.mark.parametrize("n_features", [3, 60])
def test_the_choice_has_the_least_deviance_of_a_slow_twin(n_features):
    X, y, place = ragged(2.0, n_features)
    moments = moments_by_task(np.column_stack([X, y]), np.ones(len(y)), place)
    for variance in (0.0, 0.1, 10.0):
        deviance, strength = trial(moments, variance)
        assert_allclose(deviance, dense(X, y, place, variance, strength)[0])
        tried = STRENGTHS * len(y)
        at = int(np.argmin(np.abs(np.log(tried / strength))))
        for near in tried[max(at - 1, 0) : at + 2]:
            assert deviance <= dense(X, y, place, variance, near)[0] + 1e-9
    variance = likeliest(moments)[0]
    deviance, strength = trial(moments, variance)
    assert deviance <= min(trial(moments, v)[0] for v in (variance / 2, variance * 2))
    said = RandomIntercepts().fit(np.column_stack([X, place]), y)
    expected = dense(X, y, place, variance, strength)[1]
    assert_allclose(said.predict(np.column_stack([X, place])), expected)


def test_intercepts_differ_as_far_as_tasks_do():
    alike, apart = (
        likeliest(moments_by_task(np.column_stack([X, y]), np.ones(len(y)), place))[0]
        for X, y, place in (ragged(0.0), ragged(5.0))
    )
    assert alike < 0.3
    assert 5.0 < apart < 100.0


def test_a_row_of_weight_two_is_the_row_twice_and_order_does_not_matter():
    X, y, place = ragged(1.0)
    table = np.column_stack([X, place])
    rng = np.random.default_rng(1)
    weight = rng.integers(1, 3, len(y))
    weighted = RandomIntercepts().fit(table, y, weight.astype(float)).predict(table)
    twice = rng.permutation(np.repeat(np.arange(len(y)), weight))
    copies = RandomIntercepts().fit(table[twice], y[twice]).predict(table)
    assert_allclose(weighted, copies)


def test_columns_of_y_are_tasks_and_unknown_ones_have_the_mean_intercept():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 3))
    Y = (X @ rng.normal(size=3))[:, None] + [1.0, 5.0, 9.0] + rng.normal(size=(30, 3))
    Y[::4, 1] = np.nan
    row, task = np.nonzero(~np.isnan(Y))
    long = RandomIntercepts().fit(np.column_stack([X[row], task]), Y[row, task])
    wide = RandomIntercepts(wide=True).fit(X, Y).predict(X)
    for t in range(3):
        assert_allclose(wide[:, t], long.predict(np.column_stack([X, np.full(30, t)])))
    unknown = long.predict(np.column_stack([X, np.full(30, 7)]))
    assert_allclose(unknown, wide.mean(axis=1), atol=0.2)
