"""Laws of tasks around one common model."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize
from sklearn.linear_model import LinearRegression, Ridge, RidgeCV

from skmtl._tasks import group_rows, group_targets, statistics
from skmtl.datasets import make_shared_representation
from skmtl.linear import SharedCenterClassifier, SharedCenterRegressor, _working
from skmtl.linear._centre import eigen, solve_centre, solve_regular
from skmtl.linear._sample import sample_statistics
from skmtl.linear._working import open_labels


def ragged(sizes=(9, 14, 30, 7, 21), n_features=4, seed=0):
    rng = np.random.default_rng(seed)
    task = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    coef = 2.0 + 0.7 * rng.normal(size=(len(sizes), n_features))
    X = rng.normal(size=(task.size, n_features)) + rng.normal(size=n_features)
    y = np.sum(X * coef[task], axis=1) + task + 0.5 * rng.normal(size=task.size)
    return np.column_stack([task, X]), y, task


def separate(Z, y, task):
    return np.array(
        [
            LinearRegression().fit(Z[task == t, 1:], y[task == t]).coef_
            for t in np.unique(task)
        ]
    )


def pooled(Z, y, task):
    """Return common coefficients beside an intercept for each task."""
    indicators = (task[:, None] == np.unique(task)).astype(float)
    design = np.column_stack([Z[:, 1:], indicators])
    return np.linalg.lstsq(design, y, rcond=None)[0][: Z.shape[1] - 1]


@pytest.mark.parametrize("robust", [False, True])
def test_strength_zero_is_separate_models_and_infinity_the_pooled_one(robust):
    Z, y, task = ragged()
    settings = {"robust": robust, "task_feature": 0, "tol": 1e-14}
    apart = SharedCenterRegressor(1e-9, **settings).fit(Z, y)
    if not robust:
        assert_allclose(apart.coef_, separate(Z, y, task), rtol=1e-5)
        none = SharedCenterRegressor(0.0, **settings).fit(Z, y)
        assert_allclose(none.coef_, separate(Z, y, task), rtol=1e-8)
    else:
        kept = ~np.isin(apart.tasks_, apart.outlier_tasks_)
        assert_allclose(apart.coef_[kept], separate(Z, y, task)[kept], rtol=1e-4)
    one = SharedCenterRegressor(1e9, task_feature=0).fit(Z, y)
    assert_allclose(one.coef_, np.tile(pooled(Z, y, task), (5, 1)), rtol=1e-5)


def test_a_robust_centre_at_infinite_strength_is_the_pooled_model():
    rng = np.random.default_rng(0)
    task = np.repeat(np.arange(6), 20)
    Z = np.column_stack([task, rng.normal(size=(120, 3))])
    y = Z[:, 1:].sum(axis=1) + task + rng.normal(size=120)
    model = SharedCenterRegressor(1e6, robust=True, tol=1e-14, task_feature=0)
    model.fit(Z, y)
    assert model.outlier_tasks_.size == 0
    assert_allclose(model.coef_, np.tile(pooled(Z, y, task), (6, 1)), rtol=1e-5)
    assert (model.coef_ == model.shared_coef_).all()


def test_the_closed_form_solves_the_whole_system():
    Z, y, task = ragged()
    alpha = 0.3
    model = SharedCenterRegressor(alpha, task_feature=0).fit(Z, y)
    scale = 5 / len(y)
    # Unknowns: the centre, then every task's coefficients; centred by hand.
    system, side = np.zeros((24, 24)), np.zeros(24)
    for t in range(5):
        X, target = Z[task == t, 1:], y[task == t]
        X, target = X - X.mean(axis=0), target - target.mean()
        own = slice(4 + 4 * t, 8 + 4 * t)
        system[own, own] += scale * X.T @ X + alpha * np.eye(4)
        system[own, :4] -= alpha * np.eye(4)
        system[:4, own] -= alpha * np.eye(4)
        system[:4, :4] += alpha * np.eye(4)
        side[own] = scale * X.T @ target
    solution = np.linalg.solve(system, side)
    assert_allclose(model.shared_coef_, solution[:4], rtol=1e-7)
    assert_allclose(model.coef_.ravel(), solution[4:], rtol=1e-7)


def test_a_ridge_of_the_centre_solves_the_whole_system_too():
    Z, y, task = ragged()
    alpha, ridge = 0.3, 0.7
    model = SharedCenterRegressor(alpha, center_alpha=ridge, task_feature=0).fit(Z, y)
    scale = 5 / len(y)
    for t in range(5):
        X, target = Z[task == t, 1:], y[task == t]
        X, target = X - X.mean(axis=0), target - target.mean()
        pull = alpha * (model.coef_[t] - model.shared_coef_)
        slope = scale * X.T @ (target - X @ model.coef_[t])
        assert_allclose(slope, pull, atol=1e-10)
    away = alpha * (model.coef_ - model.shared_coef_).sum(axis=0)
    assert_allclose(away, ridge * model.shared_coef_, atol=1e-10)
    none = SharedCenterRegressor(alpha, task_feature=0).fit(Z, y)
    assert none.center_alpha_ == 0.0
    tiny = SharedCenterRegressor(alpha, center_alpha=1e-9, task_feature=0).fit(Z, y)
    assert_allclose(tiny.coef_, none.coef_, rtol=1e-6)


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("alpha", [0.1, 3.0, 1e200])
@pytest.mark.parametrize("ridge", [0.0, 0.5, 50.0])
def test_systems_and_eigenvectors_give_one_solution(shared, alpha, ridge):
    rng = np.random.default_rng(3)
    X, weight = rng.normal(size=(60, 5)), np.ones(60)
    X[:, 4] = X[:, 0]
    if shared:
        data = group_targets(X, rng.normal(size=(60, 4)), weight)
    else:
        task = np.r_[0, 0, rng.integers(1, 4, 58)]
        data = group_rows(X, rng.normal(size=60), weight, task, 5)
    tasks = sample_statistics(statistics(data)).tasks
    solved = solve_regular(tasks, alpha, ridge)
    for a, b in zip(solved, solve_centre(eigen(tasks), alpha, ridge), strict=True):
        assert_allclose(a, b, atol=1e-12)


@pytest.mark.parametrize("robust", [False, True])
def test_without_a_centre_tasks_are_separate_ridge_regressions(robust):
    Z, y, task = ragged()
    model = SharedCenterRegressor(
        0.3, center_alpha=1e9, robust=robust, tol=1e-13, task_feature=0
    )
    model.fit(Z, y)
    assert_allclose(model.shared_coef_, 0.0, atol=1e-5)
    if not robust:
        for t in range(5):
            rows = task == t
            ridge = Ridge(0.3 * len(y) / 5).fit(Z[rows, 1:], y[rows])
            assert_allclose(model.coef_[t], ridge.coef_, rtol=1e-5, atol=1e-6)


def narrow(seed, units):
    """Return a table with hardly more rows than features, and targets to predict."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(234, 8)) @ rng.normal(size=(8, 30))
    X += 0.3 * rng.normal(size=X.shape)
    X[:, 27:] = X[:, :3]
    X[:, 26] = X[:, 3] + 1e-6 * rng.normal(size=234)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    Y = X @ (rng.normal(size=(30, 6)) * (rng.random((30, 1)) < 0.3))
    Y = Y / Y.std(axis=0) + 0.5 * rng.normal(size=Y.shape)
    return X[:34], Y[:34] * units, X[34:], Y[34:] * units


@pytest.mark.parametrize("units", [np.ones(6), np.geomspace(1.0, 100.0, 6)])
def test_as_many_features_as_rows_and_targets_in_units_of_their_own(units):
    ours, theirs = [], []
    for seed in range(4):
        X, Y, X_new, Y_new = narrow(seed, units)
        spread = Y_new.std(axis=0)
        for errors, model in (
            (ours, SharedCenterRegressor()),
            (theirs, RidgeCV(np.geomspace(1e-3, 1e4, 15), alpha_per_target=True)),
        ):
            error = (model.fit(X, Y).predict(X_new) - Y_new) / spread
            errors.append(np.sqrt(np.mean(error**2, axis=0)).mean())
    assert max(ours) < 1.0
    assert np.mean(ours) < 1.15 * np.mean(theirs)


@pytest.mark.parametrize("robust", [False, True])
@pytest.mark.parametrize("alpha", [0.5, "auto"])
def test_weights_orders_and_parts(robust, alpha):
    Z, y, _ = ragged()
    settings = {"robust": robust, "tol": 1e-13, "task_feature": 0}
    model = SharedCenterRegressor(alpha, **settings).fit(Z, y)
    weight = np.random.default_rng(0).integers(1, 4, len(y))
    copies = np.random.default_rng(1).permutation(np.repeat(np.arange(len(y)), weight))
    a = SharedCenterRegressor(alpha, **settings).fit(Z, y, weight)
    b = SharedCenterRegressor(alpha, **settings).fit(Z[copies], y[copies])
    assert_allclose(a.coef_, b.coef_, rtol=1e-5, atol=1e-7)
    features = np.array([2, 0, 3, 1])
    turned = np.column_stack([4 - Z[:, 0], Z[:, 1:][:, features]])
    c = SharedCenterRegressor(alpha, **settings)
    if alpha != "auto":  # folds depend on what rows contain
        c.fit(turned, y)
        assert_allclose(c.coef_[::-1], model.coef_[:, features], rtol=1e-5, atol=1e-7)
    parts = SharedCenterRegressor(alpha, **settings).partial_fit(Z[:30], y[:30])
    parts.partial_fit(Z[30:], y[30:])
    assert_allclose(parts.coef_, model.coef_, rtol=1e-5, atol=1e-7)


def test_most_tasks_are_at_the_centre_and_others_are_found():
    for seed in range(3):
        data = make_shared_representation(
            30, 40, 8, head_scale=0.0, shared_scale=2.0, n_outlier_tasks=6,
            random_state=seed,
        )  # fmt: skip
        model = SharedCenterRegressor(robust=True, task_feature="task")
        model.fit(data.data, data.target)
        plain = SharedCenterRegressor(task_feature="task").fit(data.data, data.target)
        assert np.isin(data.outlier_tasks, model.outlier_tasks_).all()
        inlier = ~np.isin(model.tasks_, data.outlier_tasks)
        at_centre = (model.coef_ == model.shared_coef_).all(axis=1)
        assert at_centre[inlier].mean() > 0.6
        error = np.linalg.norm((model.coef_ - data.coef)[inlier], axis=1).mean()
        rival = np.linalg.norm((plain.coef_ - data.coef)[inlier], axis=1).mean()
        assert error < 0.6 * rival


@pytest.mark.parametrize("robust", [False, True])
def test_awkward_tasks(robust):
    Z, y, task = ragged(sizes=(1, 2, 1, 30, 25))
    Z = np.column_stack([Z, Z[:, 1], np.ones(len(y))])
    for alpha in (0.0, 0.1, "auto"):
        if robust and alpha == 0.0:
            continue
        model = SharedCenterRegressor(alpha, robust=robust, task_feature=0).fit(Z, y)
        assert np.isfinite(model.coef_).all()
    wide = np.full((len(y), 5), np.nan)
    wide[np.arange(len(y)), task] = y
    a = SharedCenterRegressor(0.1, robust=robust, tol=1e-13, task_feature=0).fit(Z, y)
    b = SharedCenterRegressor(0.1, robust=robust, tol=1e-13).fit(Z[:, 1:], wide)
    assert_allclose(a.coef_, b.coef_, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_classifier_minimises_its_objective(n_classes):
    rng = np.random.default_rng(0)
    task, X = rng.integers(0, 3, 150), rng.normal(size=(150, 2))
    score = X @ rng.normal(size=(2, n_classes)) + rng.gumbel(size=(150, n_classes))
    y = score.argmax(axis=1)
    model = SharedCenterClassifier(0.2, tol=1e-12, max_iter=5000, task_feature=0)
    model.fit(np.column_stack([task, X]), y)
    n_scores = 1 if n_classes == 2 else n_classes
    variance = np.mean(
        [np.sum((X[task == t] - X[task == t].mean(axis=0)) ** 2) for t in range(3)]
    )
    ridge = 1e-3 * variance * 3 / 150 / 2

    def objective(parameters):
        coef, intercept = parameters[: 6 * n_scores], parameters[6 * n_scores :]
        coef, intercept = coef.reshape(3, n_scores, 2), intercept.reshape(3, n_scores)
        score = np.einsum("ij,isj->is", X, coef[task]) + intercept[task]
        if n_scores == 1:
            loss = np.logaddexp(0.0, score[:, 0]) - y * score[:, 0]
        else:
            loss = np.logaddexp.reduce(score, axis=1) - score[np.arange(150), y]
        centre = 0.2 * coef.sum(axis=0) / (3 * 0.2 + ridge)
        penalty = 0.2 * np.sum((coef - centre) ** 2) + ridge * np.sum(centre**2)
        return loss.sum() * 3 / 150 + 0.5 * penalty

    best = np.r_[model.coef_.ravel(), model.intercept_.ravel()]
    slow = minimize(objective, np.zeros(best.size), method="BFGS")
    assert objective(best) <= slow.fun + 1e-6


def test_classes_that_separate_and_tasks_of_one_class():
    rng = np.random.default_rng(1)
    task, X = rng.integers(0, 5, 120), rng.normal(size=(120, 3))
    y = (X[:, 0] > 0).astype(int)
    y[task == 2] = 1
    Z = np.column_stack([task, X])
    model = SharedCenterClassifier(task_feature=0).fit(Z, y)
    assert np.isfinite(model.coef_).all()
    assert model.score(Z, y) > 0.9
    assert np.abs(model.shared_intercept_) < 10


def test_the_strength_is_chosen_by_left_out_rows():
    alike = make_shared_representation(
        20, 40, 6, head_scale=0.0, shared_scale=1.5, problem="classification",
        random_state=0,
    )  # fmt: skip
    unlike = make_shared_representation(
        20, 200, 6, rank=6, head_scale=2.0, problem="classification", random_state=0
    )
    strengths = [
        SharedCenterClassifier(task_feature="task").fit(d.data, d.target).alpha_
        for d in (alike, unlike)
    ]
    assert strengths[0] > 10 * strengths[1]


@pytest.mark.parametrize("n_classes", [2, 3])
def test_scores_and_tasks_of_scores_are_those_of_each_row(n_classes, monkeypatch):
    rng = np.random.default_rng(0)
    task, y = np.sort(rng.integers(0, 5, 30)), rng.integers(0, n_classes, 30) * 1.0
    X, weight = rng.normal(size=(30, 2)), rng.uniform(1, 2, 30)
    labels = open_labels(group_rows(X, y, weight, task, 5), n_classes, centred=True)
    k = labels.n_scores
    coef, intercept = rng.normal(size=(5 * k, 2)), rng.normal(size=5 * k)
    expected = [
        [X[i] @ coef[task[i] * k + s] + intercept[task[i] * k + s] for s in range(k)]
        for i in range(30)
    ]
    assert_allclose(labels.scores(coef, intercept), expected)
    monkeypatch.setattr(_working, "FEW_PRODUCTS", 0)
    assert_allclose(labels.scores(coef, intercept), expected)
    values = rng.normal(size=(30, k))
    data = labels.spread(values, values**2)
    for t in range(5):
        for s in range(k):
            part = slice(*data.offsets[t * k + s : t * k + s + 2])
            assert_array_equal(data.X[data.rows[part]], X[task == t])
            assert_array_equal(data.y[part], values[task == t, s])
            assert_array_equal(data.weight[part], values[task == t, s] ** 2)
