"""Laws of joint sparsity: its kernels, its certificate, its estimators."""

import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import brentq
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import (
    ElasticNet,
    Lasso,
    LinearRegression,
    LogisticRegression,
    MultiTaskElasticNet,
    MultiTaskLasso,
)
from sklearn.model_selection import GridSearchCV

from skmtl._kernels.joint_sparse import (
    clipped_length,
    descend,
    descend_rows,
    descend_tasks,
    dual_multiplier,
    shrink,
)
from skmtl._tasks import group_rows, group_targets, statistics
from skmtl.linear import (
    JointSparseClassifier,
    JointSparseRegressor,
    _block_descent,
    _quadratic,
    _sweeps,
    joint_sparse_path,
)
from skmtl.linear._block_descent import BlockDescent, certify
from skmtl.linear._logistic_problem import LogisticProblem
from skmtl.linear._penalties import JointSparsity
from skmtl.linear._plain import descend as plain_descend
from skmtl.linear._quadratic import squared_error, squared_loss
from skmtl.linear._squared_problem import SquaredProblem

seeds = st.integers(0, 2**32 - 1)


def ragged(seed, n_features=5, sizes=(1, 7, 12, 20)):
    """Return X with a task column at its end, and y, of tasks of different sizes."""
    rng = np.random.default_rng(seed)
    task = np.repeat(np.arange(len(sizes)), sizes)
    features = rng.normal(size=(task.size, n_features)) * (1 + task[:, None])
    coef = rng.normal(size=(len(sizes), n_features)) * (np.arange(n_features) % 2)
    y = (features * coef[task]).sum(axis=1) + task + 0.3 * rng.normal(size=task.size)
    return np.column_stack([features, task]), y


def shared(seed, n_rows=40, n_features=6, n_tasks=3):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, n_features)) + 3.0
    W = rng.normal(size=(n_features, n_tasks)) * (np.arange(n_features) < 3)[:, None]
    return X, X @ W + rng.normal(size=(n_rows, n_tasks))


def as_data(X, y):
    task = X[:, -1].astype(np.int64)
    features = np.ascontiguousarray(X[:, :-1])
    return group_rows(features, y, np.ones(len(y)), task, task.max() + 1)


def objective(X, y, coef, intercept, penalty, scale):
    """Evaluate the documented formula, row by row."""
    task = X[:, -1].astype(int)
    residual = y - (X[:, :-1] * coef[task]).sum(axis=1) - intercept[task]
    loss = 0.5 * scale * (residual**2).sum() + 0.5 * penalty.ridge * (coef**2).sum()
    return loss + penalty.value(coef.T)


# Slow twins ------------------------------------------------------------------------


def slow_shrink(target, curvature, joint, specific):
    """Minimise one feature's quadratic plus penalty by its dual, with bisection."""

    def dual(multiplier):
        return np.clip(target / (1.0 + multiplier * curvature), -specific, specific)

    multiplier = 0.0
    if np.linalg.norm(dual(0.0)) > joint:
        high = 1.0
        while np.linalg.norm(dual(high)) > joint:
            high *= 2.0
        multiplier = brentq(
            lambda m: np.linalg.norm(dual(m)) - joint, 0.0, high, xtol=1e-14
        )
    return (target - dual(multiplier)) / curvature, multiplier


def slow_descend(gram, penalty, W, correlation):
    """Sweep once over the features, with all slopes computed afresh each time."""
    for j in range(len(W)):
        fitted = np.einsum("kt,kt->t", gram[j], W)
        curvature = gram[j, j] + penalty.ridge
        target = correlation[j] - fitted + gram[j, j] * W[j]
        W[j] = slow_shrink(target, curvature, penalty.joint, penalty.specific)[0]


@given(seeds, st.integers(1, 6), st.sampled_from([0.3, 0.6, np.inf]))
@settings(deadline=None, max_examples=40)
def test_one_block_is_minimised_exactly(seed, n_tasks, price):
    rng = np.random.default_rng(seed)
    target, curvature = rng.normal(size=n_tasks), rng.uniform(0.1, 3.0, n_tasks)
    joint, block = 0.7, np.empty(n_tasks)
    start = rng.choice([0.0, 0.5, 50.0])
    multiplier = shrink(target, curvature, joint, price * joint, start, block)
    expected, slow_multiplier = slow_shrink(target, curvature, joint, price * joint)
    assert_allclose(block, expected, atol=1e-9)
    assert_allclose(multiplier, slow_multiplier, atol=1e-8)
    # The joint part comes with it.
    joint_part, _ = JointSparsity(joint, price * joint).parts(block[None])
    dual = target - curvature * block
    if price < 1:
        assert_allclose(joint_part[0], multiplier * dual, atol=1e-8)


def test_multiplier_brings_the_dual_vector_to_length():
    target, curvature = np.array([3.0, -2.0, 0.5]), np.array([1.0, 0.2, 4.0])
    multiplier = dual_multiplier(target, curvature, 1.0, 0.9, 0.0)
    length, derivative = clipped_length(target, curvature, 0.9, multiplier, 1.0)
    assert_allclose(length, 1.0)
    ahead, behind = (
        clipped_length(target, curvature, 0.9, multiplier + h, 1.0)[0]
        for h in (1e-6, -1e-6)
    )
    assert_allclose(derivative, (ahead - behind) / 2e-6, rtol=1e-5)


def test_a_constant_feature_is_left_out():
    block = np.ones(2)
    target, curvature = np.array([5.0, 2.0]), np.array([0.0, 1.0])
    shrink(target, curvature, 1.0, np.inf, 0.0, block)
    assert_allclose(block, [0.0, 1.0])
    W, slope = np.array([[0.0, 3.0]]), np.array([[5.0, -1.0]])
    plain_descend(curvature[None, None], 1.0, np.inf, 0.0, np.zeros(1), W, slope)
    assert_allclose(W, [[0.0, 1.0]])


@pytest.mark.parametrize("penalty", [(1.0, np.inf, 0.0), (1.0, 0.6, 0.2)])
@pytest.mark.parametrize("n_blocks", [1, 3])
def test_sweeps_are_those_of_the_slow_twin(penalty, n_blocks):
    rng, penalty = np.random.default_rng(1), JointSparsity(*penalty)
    rows = rng.normal(size=(n_blocks, 20, 5))
    targets = 3.0 * rng.normal(size=(3, 20))
    gram = np.einsum("tij,tik->jkt", rows, rows).copy()
    correlation = np.einsum("tij,ti->jt", np.broadcast_to(rows, (3, 20, 5)), targets)
    expected, W = rng.normal(size=(2, 5, 3))
    W[:] = expected
    fitted = np.einsum("jkt,kt->jt", np.broadcast_to(gram, (5, 5, 3)), W)
    columns = np.concatenate(np.broadcast_to(rows, (3, 20, 5))).T.copy()
    residual = targets.ravel() - np.concatenate(
        [columns[:, 20 * t : 20 * t + 20].T @ W[:, t] for t in range(3)]
    )
    slope, by_rows = correlation - fitted - penalty.ridge * W, W.copy()
    plain, plain_slope, multiplier = W.copy(), slope.copy(), np.zeros(5)
    full = np.broadcast_to(gram, (5, 5, 3))
    for _ in range(3):
        slow_descend(full, penalty, expected, correlation)
        sweep = descend if n_blocks == 1 else descend_tasks
        step = sweep(gram, *penalty, np.zeros(5), W, slope)
        again = plain_descend(gram, *penalty, multiplier, plain, plain_slope)
        assert_allclose(again, step)
        descend_rows(
            columns, np.arange(0, 61, 20), *penalty, np.zeros(5), by_rows, residual
        )
    assert step > 0.0
    assert_allclose(W, expected, atol=1e-9)
    assert_allclose(by_rows, expected, atol=1e-9)
    assert_allclose(plain, expected, atol=1e-9)
    assert_allclose(plain_slope, slope, atol=1e-9)
    fitted = np.einsum("jkt,kt->jt", full, W)
    assert_allclose(slope, correlation - fitted - penalty.ridge * W, atol=1e-9)


@pytest.mark.parametrize("scale", [1e-40, 1e40])
def test_single_precision_of_gram_matrices_does_not_move_the_optimum(
    scale, monkeypatch
):
    rng = np.random.default_rng(0)
    X, task = rng.normal(size=(200, 30)), np.repeat(np.arange(5), 40)
    y = X[:, :3].sum(axis=1) * (1.0 + task) + rng.normal(size=200)
    model = JointSparseRegressor(0.1, tol=1e-13, task_feature=-1)
    exact = model.fit(np.column_stack([X, task]), y).coef_
    monkeypatch.setattr(_block_descent, "MANY", 0)
    coef = clone(model).fit(np.column_stack([X, task]), y).coef_
    assert not np.array_equal(coef, exact)
    assert_allclose(coef, exact, rtol=1e-5, atol=1e-6)
    # Squares of these are out of reach of single precision.
    model = clone(model).set_params(alpha=0.1 * scale)
    extreme = model.fit(np.column_stack([scale * X, task]), y)
    assert_allclose(scale * extreme.coef_, coef, rtol=1e-5, atol=1e-6)


# The penalty -----------------------------------------------------------------------


@given(seeds, st.floats(0.2, 1.2))
@settings(deadline=None, max_examples=40)
def test_no_other_parts_cost_less(seed, price):
    rng = np.random.default_rng(seed)
    W = rng.normal(size=(3, 5)) * rng.choice([0.0, 1.0, 4.0], size=(3, 5))
    penalty = JointSparsity(1.5, 1.5 * price)
    joint, specific = penalty.parts(W)
    assert_allclose(joint + specific, W)
    value = penalty.value(W)
    for threshold in np.linspace(0.0, np.abs(W).max(), 200):
        part = np.clip(W, -threshold, threshold)
        cost = 1.5 * np.sqrt((part**2).sum(axis=1)).sum()
        # The best threshold may differ from feature to feature.
        cost += penalty.specific * np.abs(W - part).sum()
        assert value <= cost + 1e-9


@given(seeds)
@settings(deadline=None, max_examples=40)
def test_value_and_dual_norm_are_dual(seed):
    rng = np.random.default_rng(seed)
    penalty = JointSparsity(1.5, 0.9)
    W, slope = rng.normal(size=(2, 4, 3))
    slope /= penalty.dual_norm(slope)[:, None]
    assert np.vdot(W, slope) <= penalty.value(W) + 1e-12


# The solver ------------------------------------------------------------------------


def losses(X, y):
    """Return the loss of ragged tasks in its three guises."""
    data = as_data(X, y)
    scale = data.n_tasks / len(y)
    return [squared_loss(source, scale, True) for source in (statistics(data), data)]


def shared_losses(X, Y):
    data = group_targets(X, Y, np.ones(len(X)))
    moments = statistics(data)
    sources = moments, data, data._replace(shared=False), moments.per_task()
    return [squared_loss(source, 1.0 / len(X), True) for source in sources]


def variants(monkeypatch):
    """Yield settings under which all kinds of sweeps are used."""
    cases = (
        (np.inf, 32, 64, None),
        (np.inf, 32, 0, None),
        (0, 2, 64, None),
        (0, 4, 0, 0),
    )
    for large, chunk, small, depth in cases:
        monkeypatch.setattr(_sweeps, "LARGE", large)
        monkeypatch.setattr(_sweeps, "SMALL", small)
        monkeypatch.setattr(_sweeps, "CHUNK", chunk)
        yield depth


@pytest.mark.parametrize("specific", [np.inf, 0.12])
@pytest.mark.parametrize("ridge", [0.0, 0.3])
def test_all_sources_and_sweeps_give_one_answer(monkeypatch, specific, ridge):
    penalty = JointSparsity(0.2, specific, ridge)
    for group in (losses(*ragged(3)), shared_losses(*shared(3))):
        answers = []
        for depth in variants(monkeypatch):
            for loss in group:
                if depth is not None and hasattr(loss, "sweeps"):
                    loss.depth = depth
                descent = BlockDescent(loss)
                gap, _ = descent.minimise(penalty, 1e-13 * loss.energy, 5000)
                assert gap <= 1e-13 * loss.energy
                answers.append(descent.W)
        for answer in answers[1:]:
            assert_allclose(answer, answers[0], atol=2e-5)
            assert_array_equal(answer.any(axis=1), answers[0].any(axis=1))


@given(seeds, st.floats(0.01, 0.9), st.sampled_from([0.5, np.inf]), st.booleans())
@settings(deadline=None, max_examples=20)
def test_gap_bounds_the_excess_at_any_point(seed, part, price, ridge):
    rng = np.random.default_rng(seed)
    loss = losses(*ragged(seed))[0]
    penalty = JointSparsity(1.0, price, float(ridge))
    penalty = penalty.scaled(part * penalty.strongest(loss.correlation))

    def certificate(W):
        slope = loss.slopes(W) - penalty.ridge * W
        return certify(loss.energy, loss.correlation, penalty, W, slope)

    descent = BlockDescent(loss)
    descent.minimise(penalty, 1e-10 * loss.energy, 10000)
    best = certificate(descent.W).primal
    for _ in range(3):
        W = descent.W + rng.choice([0.0, 0.01, 1.0]) * rng.normal(size=descent.W.shape)
        there = certificate(W)
        assert there.primal >= best - 1e-9 * loss.energy
        assert there.dual <= best + 1e-9 * loss.energy
        assert there.gap >= there.primal - best - 1e-9 * loss.energy


def test_gap_needs_no_more_than_it_says():
    loss = losses(*ragged(5))[0]
    penalty = JointSparsity(0.3)
    gaps = []
    for max_sweeps in (0, 1, 2, 4, 8):
        gap, n_sweeps = BlockDescent(loss).minimise(penalty, 0.0, max_sweeps)
        assert n_sweeps <= max_sweeps
        gaps.append(gap)
    assert gaps[0] > gaps[1] > gaps[-1] >= 0.0


def test_rotated_tasks_give_the_answer_of_all(monkeypatch):
    X, Y = shared(7, n_rows=12, n_features=6, n_tasks=30)
    data = group_targets(X, Y, np.ones(len(X)))
    for source in (statistics(data), data):
        plain = SquaredProblem(source, JointSparsity(1.0), True)
        assert plain._rotation is not None
        with monkeypatch.context() as patch:
            patch.setattr(_quadratic, "_rotation", lambda targets: None)
            other = SquaredProblem(source, JointSparsity(1.0), True)
        alpha = 0.2 * other.strongest
        assert_allclose(plain.strongest, other.strongest)
        assert_allclose(
            plain.solve(alpha, 1e-12, 1000).coef,
            other.solve(alpha, 1e-12, 1000).coef,
            atol=1e-5,
        )


def test_error_of_moments_is_that_of_rows():
    rng = np.random.default_rng(0)
    data = as_data(*ragged(0))
    coef, intercept = rng.normal(size=(4, 5)), rng.normal(size=4)
    coef[:, 1] = 0.0
    expected = squared_error(data, coef, intercept)
    assert_allclose(squared_error(statistics(data), coef, intercept), expected)
    wide = group_targets(*shared(0), np.ones(40))
    coef, intercept = rng.normal(size=(3, 6)), rng.normal(size=3)
    expected = squared_error(wide, coef, intercept)
    assert_allclose(squared_error(statistics(wide), coef, intercept), expected)


# The regressor ---------------------------------------------------------------------


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("alpha", [0.5, 0.05])
def test_shared_rows_equal_scikit_learn(alpha, fit_intercept):
    X, Y = shared(0)
    settings = {"alpha": alpha, "fit_intercept": fit_intercept}
    ours = JointSparseRegressor(tol=1e-13, **settings).fit(X, Y)
    theirs = MultiTaskLasso(tol=1e-13, max_iter=100000, **settings).fit(X, Y)
    assert_allclose(ours.coef_, theirs.coef_, atol=1e-5)
    assert_allclose(ours.intercept_, theirs.intercept_, atol=1e-4)
    settings["l1_ratio"] = 0.6
    ours = JointSparseRegressor(tol=1e-13, **settings).fit(X, Y)
    theirs = MultiTaskElasticNet(tol=1e-13, max_iter=100000, **settings).fit(X, Y)
    assert_allclose(ours.coef_, theirs.coef_, atol=1e-5)


@pytest.mark.parametrize("l1_ratio", [1.0, 0.4])
def test_one_task_equals_scikit_learn(l1_ratio):
    X, Y = shared(1)
    rng = np.random.default_rng(0)
    weight = rng.uniform(0.5, 2.0, len(X))
    settings = {"alpha": 0.1, "l1_ratio": l1_ratio, "tol": 1e-13}
    ours = JointSparseRegressor(**settings).fit(X, Y[:, 0], weight)
    theirs = ElasticNet(**settings, max_iter=100000).fit(X, Y[:, 0], weight)
    assert_allclose(ours.coef_[0], theirs.coef_, atol=1e-6)
    assert_allclose(ours.intercept_[0], theirs.intercept_, atol=1e-5)


@pytest.mark.parametrize("specific_cost", [1.0, 0.6])
def test_strongest_alpha_leaves_nothing(specific_cost):
    X, y = ragged(2)
    settings = {"specific_cost": specific_cost, "task_feature": -1}
    strongest = joint_sparse_path(X, y, alphas=2, **settings)[0][0]
    above = JointSparseRegressor(1.001 * strongest, **settings).fit(X, y)
    below = JointSparseRegressor(0.999 * strongest, tol=1e-12, **settings).fit(X, y)
    assert not above.coef_.any()
    assert below.coef_.any()
    mean = [y[X[:, -1] == task].mean() for task in range(4)]
    assert_allclose(above.predict(X), np.array(mean)[X[:, -1].astype(int)])


def test_weak_alpha_gives_least_squares():
    X, y = ragged(2, sizes=(12, 9, 20))
    model = JointSparseRegressor(1e-9, task_feature=-1, tol=1e-14).fit(X, y)
    for t in range(3):
        rows = X[:, -1] == t
        alone = LinearRegression().fit(X[rows, :-1], y[rows])
        assert_allclose(model.coef_[t], alone.coef_, atol=1e-5)
        assert_allclose(model.intercept_[t], alone.intercept_, atol=1e-4)


def test_cheap_specific_parts_make_every_task_a_lasso():
    X, y = ragged(4, sizes=(15, 15, 15, 15))
    cost = 0.5  # one over the root of four tasks
    model = JointSparseRegressor(
        0.4, specific_cost=cost, task_feature=-1, tol=1e-13
    ).fit(X, y)
    for t in range(4):
        rows = X[:, -1] == t
        alone = Lasso(0.4 * cost, tol=1e-13, max_iter=100000).fit(X[rows, :-1], y[rows])
        assert_allclose(model.coef_[t], alone.coef_, atol=1e-6)


def test_dear_specific_parts_do_not_occur():
    X, y = ragged(4)
    loss = losses(X, y)[0]
    answers = []
    for specific in (np.inf, 0.3, 0.2999999):
        descent = BlockDescent(loss)
        descent.minimise(JointSparsity(0.3, specific), 1e-13 * loss.energy, 10000)
        answers.append(descent.W)
    assert_allclose(answers[1], answers[0], atol=1e-6)
    assert_allclose(answers[2], answers[0], atol=1e-5)


def test_parts_add_up_and_dirty_lies_between():
    X, y = ragged(6)
    model = JointSparseRegressor(0.3, specific_cost=0.6, task_feature=-1).fit(X, y)
    assert_allclose(model.joint_coef_ + model.specific_coef_, model.coef_)
    assert model.joint_coef_.any()
    assert model.specific_coef_.any()


@given(
    seeds,
    st.sampled_from([0.02, 0.2, 1.0]),
    st.sampled_from([0.4, 0.7, 1.0]),
    st.sampled_from([0.5, 1.0]),
    st.booleans(),
)
@settings(deadline=None, max_examples=20)
def test_no_nearby_coefficients_are_better(seed, alpha, cost, l1_ratio, intercept):
    X, y = ragged(seed)
    model = JointSparseRegressor(
        alpha,
        l1_ratio=l1_ratio,
        specific_cost=cost,
        fit_intercept=intercept,
        task_feature=-1,
        tol=1e-10,
    ).fit(X, y)
    joint = alpha * l1_ratio
    specific = cost * joint if cost < 1.0 else np.inf
    penalty = JointSparsity(joint, specific, alpha * (1.0 - l1_ratio))
    scale = 4 / len(y)
    here = objective(X, y, model.coef_, model.intercept_, penalty, scale)
    rng = np.random.default_rng(seed)
    for size in (1e-4, 1e-2, 1.0):
        coef = model.coef_ + size * rng.normal(size=model.coef_.shape)
        coef *= rng.random(coef.shape[1]) < 0.5
        shift = intercept * size * rng.normal(size=4)
        there = objective(X, y, coef, model.intercept_ + shift, penalty, scale)
        assert here - model.dual_gap_ <= there + 1e-9 * abs(there)
    zero = objective(X, y, 0 * coef, 0 * shift, penalty, scale)
    assert model.dual_gap_ <= 1e-9 * zero


def test_rotating_targets_rotates_coefficients():
    X, Y = shared(2)
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    plain = JointSparseRegressor(0.3, tol=1e-13).fit(X, Y)
    rotated = JointSparseRegressor(0.3, tol=1e-13).fit(X, Y @ rotation)
    assert_allclose(rotated.coef_, rotation.T @ plain.coef_, atol=1e-6)


@pytest.mark.parametrize("cost", [1.0, 0.7])
def test_weights_are_copies_and_order_does_not_matter(cost):
    X, y = ragged(8)
    rng = np.random.default_rng(0)
    count = rng.integers(0, 3, len(y))
    count[X[:, -1] == 0] = 2
    model = JointSparseRegressor(0.2, specific_cost=cost, task_feature=-1, tol=1e-13)
    weighted = clone(model).fit(X, y, count)
    rows = rng.permutation(np.repeat(np.arange(len(y)), count))
    copied = clone(model).fit(X[rows], y[rows])
    assert_allclose(copied.coef_, weighted.coef_, atol=1e-6)
    assert_allclose(copied.intercept_, weighted.intercept_, atol=1e-5)
    renamed = clone(model).fit(np.column_stack([X[:, 4::-1], 3 - X[:, -1]]), y, count)
    assert_allclose(renamed.coef_[::-1, ::-1], weighted.coef_, atol=1e-6)


def test_missing_targets_are_dropped_rows():
    X, Y = shared(9)
    Y[np.random.default_rng(0).random(Y.shape) < 0.2] = np.nan
    wide = JointSparseRegressor(0.2, tol=1e-13).fit(X, Y)
    rows, task = np.nonzero(~np.isnan(Y))
    long = JointSparseRegressor(0.2, tol=1e-13, task_feature=-1)
    long.fit(np.column_stack([X[rows], task]), Y[rows, task])
    assert_allclose(wide.coef_, long.coef_, atol=1e-6)
    assert_allclose(
        wide.predict(X)[rows, task],
        long.predict(np.column_stack([X[rows], task])),
        atol=1e-5,
    )


@pytest.mark.parametrize("source", ["moments", "rows"])
def test_constant_features_get_nothing_and_copies_share(monkeypatch, source):
    monkeypatch.setattr(_quadratic, "prefers_rows", lambda data: source == "rows")
    X, y = ragged(10)
    odd = np.column_stack([np.full(len(y), 1e5 + 0.1), X[:, 1], X])
    model = JointSparseRegressor(0.05, task_feature=-1, tol=1e-10).fit(odd, y)
    plain = JointSparseRegressor(0.05, task_feature=-1, tol=1e-10).fit(X, y)
    assert not model.coef_[:, 0].any()
    assert_allclose(model.predict(odd), plain.predict(X), atol=1e-3)
    # A feature may be constant within one task only.
    X[X[:, -1] == 1, 1] = 7e4 / 3
    model.fit(X, y)
    assert model.coef_[1, 1] == 0.0
    assert model.coef_[2, 1] != 0.0


@pytest.mark.parametrize("value", [0.1, 1e5 + 0.1, 7e4 / 3])
def test_centring_constants_leaves_no_rounding(value):
    X, y = ragged(10)
    X[:, 1] = value
    for loss in losses(X, y):
        gram = loss.gram_between(np.arange(5), np.arange(5))
        assert not gram[1].any()
        assert not gram[:, 1].any()
    wide, Y = shared(10)
    wide[:, 1] = value
    for loss in shared_losses(wide, Y):
        assert not loss.gram_between(np.arange(6), np.arange(1, 2)).any()


def test_rows_far_from_zero_change_the_intercept_only():
    X, y = ragged(11)
    near = JointSparseRegressor(0.1, task_feature=-1, tol=1e-12).fit(X, y)
    far = JointSparseRegressor(0.1, task_feature=-1, tol=1e-12)
    far.fit(X + np.array([1e6] * 5 + [0.0]), y + 1e5)
    assert_allclose(far.coef_, near.coef_, atol=1e-5)


@pytest.mark.parametrize("specific_cost", [1.0, 0.7])
def test_path_equals_single_fits(specific_cost):
    X, y = ragged(12)
    settings = {"specific_cost": specific_cost, "task_feature": -1, "tol": 1e-12}
    alphas, coefs, gaps = joint_sparse_path(X, y, alphas=8, **settings)
    assert coefs.shape == (4, 5, 8)
    assert (np.diff(alphas) < 0.0).all()
    assert not coefs[:, :, 0].any()
    assert (gaps >= 0.0).all()
    for k in (2, 5, 7):
        single = JointSparseRegressor(alphas[k], **settings).fit(X, y)
        assert_allclose(coefs[:, :, k], single.coef_, atol=1e-5)
    some = joint_sparse_path(X, y, alphas=alphas[[5, 2]], **settings)
    assert_allclose(some[0], alphas[[2, 5]])
    assert_allclose(some[1], coefs[:, :, [2, 5]], atol=1e-5)


@pytest.mark.parametrize("wide", [True, False])
def test_rows_and_moments_choose_and_fit_the_same(monkeypatch, wide):
    X, y = shared(13) if wide else ragged(13)
    model = JointSparseRegressor(
        "auto", n_alphas=8, cv=3, task_feature=None if wide else -1, tol=1e-10
    )
    by_moments = clone(model).fit(X, y)
    monkeypatch.setattr(_quadratic, "prefers_rows", lambda data: True)
    by_rows = clone(model).fit(X, y)
    assert_allclose(by_rows.alphas_, by_moments.alphas_)
    assert_allclose(by_rows.cv_errors_, by_moments.cv_errors_, rtol=1e-3)
    assert by_rows.alpha_ == pytest.approx(by_moments.alpha_)
    assert_allclose(by_rows.coef_, by_moments.coef_, atol=1e-4)
    # What was kept of the rows serves later calls as well.
    monkeypatch.undo()
    by_rows.partial_fit(X[::2], y[::2])
    by_moments.partial_fit(X[::2], y[::2])
    assert_allclose(by_rows.coef_, by_moments.coef_, atol=1e-4)


def test_more_features_than_rows():
    X, Y = shared(14, n_rows=20, n_features=60)
    ours = JointSparseRegressor(0.1, tol=1e-12).fit(X, Y)
    theirs = MultiTaskLasso(0.1, tol=1e-12, max_iter=100000).fit(X, Y)
    assert ours.dual_gap_ <= 1e-12 * 0.5 * len(X) * Y.var(axis=0).sum()
    assert_allclose(ours.predict(X), theirs.predict(X), atol=1e-4)
    again = pickle.loads(pickle.dumps(ours)).partial_fit(X, Y)
    assert_allclose(again.predict(X), ours.predict(X), atol=1e-2)


def test_auto_alpha_is_the_best_by_the_same_splits():
    X, y = ragged(15, sizes=(10, 20, 30))
    splits = [
        (np.arange(0, 60, 2), np.arange(1, 60, 2)),
        (np.arange(30, 60), np.arange(30)),
    ]
    model = JointSparseRegressor("auto", n_alphas=6, cv=splits, task_feature=-1)
    model.fit(X, y)
    errors = np.zeros(6)
    for train, test in splits:
        for k, alpha in enumerate(model.alphas_):
            part = JointSparseRegressor(alpha, task_feature=-1).fit(X[train], y[train])
            errors[k] += ((part.predict(X[test]) - y[test]) ** 2).sum()
    assert_allclose(model.cv_errors_, errors / 60, rtol=0.05)
    assert model.alpha_ == model.alphas_[errors.argmin()]


def test_unseen_tasks_get_the_average():
    X, y = ragged(16)
    model = JointSparseRegressor(0.1, task_feature=-1).fit(X, y)
    share = np.bincount(X[:, -1].astype(int)) / len(y)
    new = np.column_stack([X[:, :-1], np.full(len(y), 9.0)])
    expected = sum(
        share[t] * model.predict(np.column_stack([X[:, :-1], np.full(len(y), t)]))
        for t in range(4)
    )
    assert_allclose(model.predict(new), expected)


def test_copies_of_one_row_cannot_be_split():
    model = JointSparseRegressor("auto", n_alphas=3).fit(np.ones((6, 2)), np.ones(6))
    assert_allclose(model.predict(np.ones((1, 2))), 1.0)


def test_constant_targets_and_grid_search():
    X, y = ragged(17)
    model = JointSparseRegressor("auto", n_alphas=3, task_feature=-1)
    assert not model.fit(X, np.ones(len(y))).coef_.any()
    assert_allclose(model.predict(X), 1.0)
    grid = {"alpha": [0.01, 10.0], "specific_cost": [0.5, 1.0], "l1_ratio": [0.5, 1.0]}
    search = GridSearchCV(model, grid, cv=2).fit(X[8:], y[8:])
    assert search.best_params_["alpha"] == 0.01


def test_no_convergence_is_said():
    X, y = ragged(18)
    with pytest.warns(ConvergenceWarning, match="duality gap of"):
        model = JointSparseRegressor(1e-3, max_iter=1, task_feature=-1).fit(X, y)
    assert model.n_iter_ == 1


# The classifier --------------------------------------------------------------------


def classes(seed, n_classes, sizes=(1, 30, 40, 50)):
    rng = np.random.default_rng(seed)
    task = np.repeat(np.arange(len(sizes)), sizes)
    features = rng.normal(size=(task.size, 5)) + 1.0
    coef = rng.normal(size=(len(sizes), n_classes, 5)) * (np.arange(5) < 3)
    scores = np.einsum("ij,ikj->ik", features, coef[task])
    y = (scores + rng.gumbel(size=scores.shape)).argmax(axis=1)
    return np.column_stack([features, task]), y


def logistic_objective(X, y, model, coef, intercept, penalty):
    n_tasks, task = len(coef), X[:, -1].astype(int)
    if coef.ndim == 2:
        zero = np.zeros_like(coef)
        coef = np.stack([zero, coef], axis=1)
        intercept = np.stack([0 * intercept, intercept], axis=1)
        blocks = coef[:, 1]
    else:
        blocks = coef.reshape(-1, coef.shape[-1])
    scores = np.einsum("ij,ikj->ik", X[:, :-1], coef[task]) + intercept[task]
    scores -= scores.max(axis=1, keepdims=True)
    p = np.exp(scores[np.arange(len(y)), y]) / np.exp(scores).sum(axis=1)
    value = penalty.value(blocks.T) + penalty.shrinkage(blocks)
    return -n_tasks / len(y) * np.log(p).sum() + value


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("cost", [1.0, 0.6])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_no_nearby_classifier_is_better(n_classes, cost, fit_intercept):
    X, y = classes(0, n_classes)
    alpha, l1_ratio = 0.05, 0.9
    model = JointSparseClassifier(
        alpha,
        l1_ratio=l1_ratio,
        specific_cost=cost,
        fit_intercept=fit_intercept,
        task_feature=-1,
    ).fit(X, y)
    joint = alpha * l1_ratio
    penalty = JointSparsity(
        joint, cost * joint if cost < 1 else np.inf, alpha * (1 - l1_ratio)
    )
    args = X, y, model
    coef, intercept = model.coef_, model.intercept_
    here = logistic_objective(*args, coef, intercept, penalty)
    rng = np.random.default_rng(0)
    if fit_intercept:
        # The task of one row has no loss in the limit: its intercept is left alone.
        alone = logistic_objective(X[:1], y[:1], model, coef, intercept, penalty)
        alone -= penalty.value(coef.reshape(-1, 5).T) + penalty.shrinkage(coef)
        here -= alone / len(y)
    for size in (1e-4, 1e-2, 0.3):
        for _ in range(5):
            other = coef + size * rng.normal(size=coef.shape)
            other *= rng.random(5) < 0.6
            shift = fit_intercept * size * rng.normal(size=intercept.shape)
            there = logistic_objective(*args, other, intercept + shift, penalty)
            assert here - model.dual_gap_ <= there + 1e-12
    assert_allclose(model.joint_coef_ + model.specific_coef_, coef)


def test_one_task_of_two_classes_equals_scikit_learn():
    X, y = classes(1, 2, sizes=(80,))
    alpha = 0.05
    ours = JointSparseClassifier(alpha, tol=1e-12).fit(X[:, :-1], y)
    theirs = LogisticRegression(
        C=1 / (alpha * 80), solver="saga", tol=1e-10, max_iter=100000
    )
    # From scikit-learn 1.8 on l1_ratio says all, and penalty is deprecated.
    newer = "deprecated" in str(theirs.get_params()["penalty"])
    theirs.set_params(**({"l1_ratio": 1} if newer else {"penalty": "l1"}))
    theirs.fit(X[:, :-1], y)
    assert_allclose(ours.coef_, theirs.coef_, atol=1e-5)
    assert_allclose(ours.intercept_, theirs.intercept_, atol=1e-5)


def test_two_classes_as_softmax_have_opposite_scores():
    X, y = classes(2, 2, sizes=(40, 40))
    data = as_data(X, y.astype(float))
    two = LogisticProblem(data, JointSparsity(1.0), True, 2)
    # Scores (-w, w) / 2 make blocks shorter by the root of two.
    three = LogisticProblem(data, JointSparsity(1.0), True, 3)
    alpha = 0.1 * two.strongest
    one = two.solve(alpha, 1e-12, 500)
    other = three.solve(np.sqrt(2.0) * alpha, 1e-12, 500)
    assert not other.coef[:, 2].any()
    assert_allclose(other.coef[:, 1] - other.coef[:, 0], one.coef, atol=1e-5)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_strongest_alpha_leaves_class_shares(n_classes):
    X, y = classes(3, n_classes, sizes=(30, 60))
    data = as_data(X, y.astype(float))
    strongest = LogisticProblem(data, JointSparsity(1.0), True, n_classes).strongest
    model = JointSparseClassifier(1.001 * strongest, task_feature=-1).fit(X, y)
    assert not model.coef_.any()
    for t in range(2):
        rows = X[:, -1] == t
        share = np.bincount(y[rows], minlength=n_classes) / rows.sum()
        assert_allclose(model.predict_proba(X[rows])[0], share, atol=1e-9)
    model.set_params(alpha=0.99 * strongest, tol=1e-10).fit(X, y)
    assert model.coef_.any()


def test_gap_bounds_the_excess_of_the_logistic_loss():
    X, y = classes(4, 3, sizes=(30, 30))
    data = as_data(X, y.astype(float))
    unit = JointSparsity(1.0, 0.7, 3.0)
    exact = LogisticProblem(data, unit, True, 3)
    alpha = 0.1 * exact.strongest
    penalty = unit.scaled(alpha)
    exact.solve(alpha, 1e-9, 1000)
    best = exact._objective(penalty)
    for max_iter in (1, 2, 4):
        rough = LogisticProblem(data, unit, True, 3)
        solution = rough.solve(alpha, 1e-9, max_iter)
        excess = rough._objective(penalty) - best
        assert -1e-8 <= excess <= solution.gap
        slope = rough._slopes() - penalty.ridge * rough.W
        assert rough._certificate(penalty, slope).dual <= best + 1e-9


def test_classifier_weights_are_copies_and_order_does_not_matter():
    X, y = classes(5, 3)
    rng = np.random.default_rng(0)
    count = rng.integers(0, 3, len(y))
    count[0] = 1
    model = JointSparseClassifier(0.05, task_feature=-1, tol=1e-11)
    weighted = clone(model).fit(X, y, count)
    rows = rng.permutation(np.repeat(np.arange(len(y)), count))
    copied = clone(model).fit(X[rows], y[rows])
    assert_allclose(copied.coef_, weighted.coef_, atol=1e-4)
    renamed = clone(model).fit(
        np.column_stack([X[:, 4::-1], 3 - X[:, -1]]), 2 - y, count
    )
    assert_allclose(renamed.coef_[::-1, ::-1, ::-1], weighted.coef_, atol=1e-4)


def test_absent_classes_weigh_half_a_row():
    X, y = classes(6, 3)
    y[X[:, -1] == 1] = np.minimum(y[X[:, -1] == 1], 1)
    model = JointSparseClassifier(0.05, task_feature=-1).fit(X, y)
    assert not model.coef_[0].any()
    assert not model.coef_[1, 2].any()
    single = model.predict_proba(X[:1])[0]
    assert_allclose(single[y[0]], 1.0 - 2 * single[(y[0] + 1) % 3])
    assert_allclose(single[y[0]] / single[(y[0] + 1) % 3], 3.0)
    absent = model.predict_proba(X[X[:, -1] == 1])[:, 2]
    assert 0.0 < absent.mean() < 0.05
    binary = JointSparseClassifier(0.05, task_feature=-1).fit(X, y == 0)
    assert_allclose(binary.predict_proba(X[:1])[0, int(y[0] == 0)], 0.75)


def test_classes_by_column_equal_a_task_column():
    X, Y = shared(19)
    Y = (np.median(Y, axis=0) < Y).astype(float)
    Y[3, 0] = np.nan
    wide = JointSparseClassifier(0.05, tol=1e-10).fit(X, Y)
    rows, task = np.nonzero(~np.isnan(Y))
    long = JointSparseClassifier(0.05, task_feature=-1, tol=1e-10)
    long.fit(np.column_stack([X[rows], task]), Y[rows, task])
    assert_allclose(wide.coef_, long.coef_, atol=1e-4)


def test_classifier_chooses_alpha_by_logarithmic_loss():
    X, y = classes(7, 2, sizes=(30, 40))
    splits = [
        (np.arange(0, 70, 2), np.arange(1, 70, 2)),
        (np.arange(1, 70, 2), np.arange(0, 70, 2)),
    ]
    model = JointSparseClassifier("auto", n_alphas=5, cv=splits, task_feature=-1)
    model.fit(X, y)
    losses = np.zeros(5)
    for train, test in splits:
        for k, alpha in enumerate(model.alphas_):
            part = JointSparseClassifier(alpha, task_feature=-1).fit(X[train], y[train])
            p = part.predict_proba(X[test])[np.arange(35), y[test]]
            losses[k] -= np.log(p).sum()
    assert_allclose(model.cv_errors_, losses / 70, rtol=0.01)
    assert model.alpha_ == model.alphas_[losses.argmin()]


def test_strengths_that_are_not_tried_are_no_better():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=(120, 8)), np.repeat(np.arange(6), 20)])
    y = (X[:, 0] + 2.0 * rng.normal(size=120) > 0.0).astype(int)
    splits = [
        (np.arange(0, 120, 2), np.arange(1, 120, 2)),
        (np.arange(1, 120, 2), np.arange(0, 120, 2)),
    ]
    model = JointSparseClassifier("auto", cv=splits, task_feature=-1).fit(X, y)
    step = model.alphas_[1] / model.alphas_[0]
    assert model.alphas_.size < 30
    for alpha in model.alphas_[-1] * step ** np.arange(1, 30 - model.alphas_.size, 3):
        losses = []
        for train, test in splits:
            part = JointSparseClassifier(alpha, task_feature=-1).fit(X[train], y[train])
            p = part.predict_proba(X[test])[np.arange(60), y[test]]
            losses.append(-np.log(p).mean())
        assert np.mean(losses) > model.cv_errors_.min()


def test_class_weights():
    X, y = classes(8, 2, sizes=(60, 60))
    even = JointSparseClassifier(0.02, task_feature=-1, class_weight="balanced")
    even.fit(X, y)
    weight = np.ones(len(y))
    for t in range(2):
        rows = X[:, -1] == t
        count = np.bincount(y[rows])
        weight[rows] = rows.sum() / (2 * count[y[rows]])
    model = JointSparseClassifier(0.02, task_feature=-1).fit(X, y, weight)
    assert_allclose(even.coef_, model.coef_, atol=1e-4)
    model.set_params(class_weight={1: 3.0}).fit(X, y)
    other = JointSparseClassifier(0.02, task_feature=-1)
    other.fit(X, y, np.where(y == 1, 3.0, 1.0))
    assert_allclose(model.coef_, other.coef_, atol=1e-4)


def test_wide_classification_keeps_rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 50))
    y = (X[:, 0] + X[:, 1] + 0.5 * rng.normal(size=30) > 0).astype(int)
    by_rows = JointSparseClassifier(0.05, tol=1e-9).fit(X, y)
    by_moments = JointSparseClassifier(0.05, tol=1e-9).fit(
        np.repeat(X, 3, axis=0), np.repeat(y, 3)
    )
    assert_allclose(by_rows.coef_, by_moments.coef_, atol=1e-3)


@pytest.mark.parametrize("noise", [0.0, 0.02])
@pytest.mark.parametrize("seed", [0, 2, 3])
def test_classes_that_nearly_separate_take_few_steps(noise, seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(400, 4)) * np.array([1e12, 1.0, 1.0, 1.0])
    y = (X[:, 0] > 0) ^ (rng.random(400) < noise)
    table = np.column_stack([X, np.arange(400) % 3])
    model = JointSparseClassifier(1e-3, task_feature=-1, max_iter=100)
    with warnings.catch_warnings():
        if noise:
            # The slopes of the first feature are rounded by about its penalty: whether
            # the gap can be shown to be small is chance, but the search ends there.
            warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(table, y)
    assert model.n_iter_ < 100
    assert model.score(table, y) > 0.97 - 2 * noise


def test_descents_that_take_long_go_on_in_compiled_loops(monkeypatch):
    rng, visited = np.random.default_rng(0), []
    X = rng.normal(size=(40, 2)) @ rng.normal(size=(2, 12))
    X += 0.01 * rng.normal(size=X.shape)
    Y = X[:, :2] + 0.1 * rng.normal(size=(40, 2))
    plain = _sweeps.plain_descend

    def counted(*problem):
        visited.append(len(problem[-2]))
        return plain(*problem)

    monkeypatch.setattr(_sweeps, "plain_descend", counted)
    model = JointSparseRegressor(1e-5, tol=1e-7)
    patient = model.fit(X, Y).predict(X)
    assert 0 < sum(visited) <= _sweeps.PATIENCE + max(visited)
    monkeypatch.setattr(_sweeps, "SMALL", 0)
    # Features are alike: coefficients may differ by more than what they predict.
    assert_allclose(model.fit(X, Y).predict(X), patient, atol=1e-5)
    assert model.n_iter_ * 12 > _sweeps.PATIENCE
