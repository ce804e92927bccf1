"""Laws of the losses that trees are boosted with."""

import numpy as np
import pytest
from boosting_twins import weighted_quantile
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from skmtl._kernels import losses as kernels
from skmtl.boosting import _losses as losses

NO_WEIGHT = np.empty(0)

LOSSES = {
    "squared": losses.squared(),
    "huber": losses.huber(0.7),
    "quantile": losses.quantile(0.3),
    "absolute": losses.absolute(),
    "poisson": losses.poisson(),
    "logistic": losses.logistic(),
    "softmax": losses.softmax(3),
}


def sample(loss, n_rows=40, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.normal(size=n_rows)
    if loss.code == kernels.POISSON:
        y = rng.poisson(2.0, n_rows).astype(float)
    if loss.code in (kernels.LOGISTIC, kernels.SOFTMAX):
        y = rng.integers(0, max(loss.n_outputs, 2), n_rows).astype(float)
    return y, rng.normal(size=(n_rows, loss.n_outputs)), rng.uniform(0.5, 2.0, n_rows)


def derivatives(loss, y, score, weight, output):
    gradient, hessian = np.empty(y.size), np.empty(y.size)
    loss.differentiate(y, score, weight, output, gradient, hessian)
    return gradient, hessian


@pytest.mark.parametrize("name", LOSSES)
def test_gradient_is_the_derivative_of_the_value(name):
    loss, step = LOSSES[name], 1e-6
    y, score, weight = sample(loss)
    for output in range(loss.n_outputs):
        gradient, _ = derivatives(loss, y, score, weight, output)
        for i in range(y.size):
            up, down = score.copy(), score.copy()
            up[i, output] += step
            down[i, output] -= step
            change = loss.value(y, up, weight) - loss.value(y, down, weight)
            assert change / (2 * step) == pytest.approx(gradient[i], abs=1e-6)


@pytest.mark.parametrize("name", ["squared", "poisson", "logistic"])
def test_hessian_is_the_derivative_of_the_gradient(name):
    loss, step = LOSSES[name], 1e-6
    y, score, weight = sample(loss)
    up, down = (derivatives(loss, y, score + s, weight, 0)[0] for s in (step, -step))
    _, hessian = derivatives(loss, y, score, weight, 0)
    np.testing.assert_allclose((up - down) / (2 * step), hessian, atol=1e-6)


def test_softmax_widens_its_hessian_by_the_number_of_classes():
    loss = losses.softmax(3)
    y, score, weight = sample(loss)
    share = np.exp(score) / np.exp(score).sum(axis=1, keepdims=True)
    total = np.zeros(y.size)
    for k in range(3):
        gradient, hessian = derivatives(loss, y, score, weight, k)
        wide = 1.5 * weight * share[:, k] * (1 - share[:, k])
        np.testing.assert_allclose(hessian, wide)
        total += gradient
    np.testing.assert_allclose(total, 0.0, atol=1e-12)


@pytest.mark.parametrize("name", LOSSES)
def test_no_constant_is_better_than_the_start(name):
    loss = LOSSES[name]
    y, _, weight = sample(loss, 200)

    def value(constant):
        score = np.ascontiguousarray(np.broadcast_to(constant, (y.size, constant.size)))
        return loss.value(y, score, weight)

    start = loss.start(y, weight)
    best = minimize(value, start, method="Nelder-Mead", options={"xatol": 1e-9})
    assert value(start) <= best.fun + 1e-5 * abs(best.fun)


@pytest.mark.parametrize("name", LOSSES)
def test_a_weight_of_two_is_a_row_twice(name):
    loss = LOSSES[name]
    y, score, _ = sample(loss)
    weight = np.random.default_rng(1).integers(1, 4, y.size).astype(float)
    repeated = np.repeat(np.arange(y.size), weight.astype(int))
    ours = loss.value(y, score, weight)
    assert ours == pytest.approx(loss.value(y[repeated], score[repeated], NO_WEIGHT))
    start = loss.start(y[repeated], NO_WEIGHT)
    np.testing.assert_allclose(loss.start(y, weight), start, atol=1e-9)


@pytest.mark.parametrize("name", ["poisson", "logistic", "softmax"])
def test_start_is_finite_when_a_class_never_occurs(name):
    loss = LOSSES[name]
    assert np.isfinite(loss.start(np.zeros(5), NO_WEIGHT)).all()


def test_extreme_scores_do_not_overflow():
    y = np.array([0.0, 1.0])
    score = np.array([[800.0], [-800.0]])
    with np.errstate(all="raise", under="ignore"):
        loss = losses.logistic()
        assert loss.value(y, score, NO_WEIGHT) == pytest.approx(1600.0)
        gradient, hessian = derivatives(loss, y, score, NO_WEIGHT, 0)
    np.testing.assert_allclose(gradient, [1.0, -1.0])
    assert (hessian > 0).all()


@given(
    st.lists(st.tuples(st.integers(-5, 5), st.integers(1, 3)), min_size=1, max_size=12),
    st.sampled_from([0.1, 0.25, 0.5, 0.9]),
)
def test_weighted_quantile_equals_its_twin(pairs, level):
    values, weight = (np.array(part, dtype=float) for part in zip(*pairs, strict=True))
    ours = kernels.weighted_quantile(values, weight, level)
    twin = weighted_quantile(values, weight.astype(int), level)
    assert ours == pytest.approx(twin)
