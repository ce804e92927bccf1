"""Laws of the robust loss, of the outlier test, and of the span fitted by them."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from scipy.optimize import minimize
from scipy.stats import f as f_distribution
from sklearn.linear_model import LinearRegression

from skmtl._tasks import group_rows, group_targets, statistics
from skmtl.datasets import make_shared_representation
from skmtl.linear import JointSparseRegressor, SharedRepresentationRegressor
from skmtl.linear._low_rank import extend_basis, fit_span, whitening
from skmtl.linear._penalties import JointSparsity
from skmtl.linear._robust import (
    base_strength,
    benjamini_hochberg,
    deviations,
    outlier_test,
    own_ridge,
    robust_loss,
    spectra,
    winsorise,
)
from skmtl.linear._robust_joint import fit_joint, whitened
from skmtl.linear._robust_span import robust_span
from skmtl.linear._sample import sample_statistics


def problem(n_tasks=4, n_rows=12, n_features=3, seed=0):
    """Return the sample of random tasks, and their spectra in a random metric."""
    rng = np.random.default_rng(seed)
    task = np.repeat(np.arange(n_tasks), n_rows)
    X, y = rng.normal(size=(task.size, n_features)), rng.normal(size=task.size)
    data = group_rows(X, y, np.ones(task.size), task, n_tasks)
    sample = sample_statistics(statistics(data))
    metric = np.cov(rng.normal(size=(n_features, 20)))
    return sample, spectra(sample.tasks, np.linalg.cholesky(metric)), metric


@pytest.mark.parametrize("strength", [0.1, 1.0, 3.0, 30.0])
def test_deviations_are_those_a_slow_minimiser_finds(strength):
    sample, axes, metric = problem()
    tasks, rng = sample.tasks, np.random.default_rng(1)
    centre = rng.normal(size=(4, 3))
    found = axes.coef(deviations(axes, centre, np.full(4, strength)))

    def loss(delta, t):
        w = centre[t] - delta
        fit = 0.5 * w @ tasks.gram[t] @ w - tasks.xy[t] @ w
        return fit + strength * np.sqrt(delta @ metric @ delta + 1e-18)

    for t in range(4):
        starts = [found[t], np.zeros(3), rng.normal(size=3)]
        slow = min(
            minimize(loss, start, (t,), method="Nelder-Mead",
                     options={"xatol": 1e-9, "fatol": 1e-12, "maxiter": 4000}).fun
            for start in starts
        )  # fmt: skip
        assert loss(found[t], t) <= slow + 1e-7 * abs(slow)


def test_the_slope_of_the_robust_loss_is_its_derivative_and_bounded():
    _, axes, metric = problem()
    rng, strength = np.random.default_rng(2), np.full(4, 2.0)
    centre, step = rng.normal(size=(4, 3)), 1e-6

    def loss(centre):
        return robust_loss(axes, centre, deviations(axes, centre, strength), strength)

    numeric = np.stack(
        [
            (loss(centre + step * unit) - loss(centre - step * unit)) / (2 * step)
            for unit in np.eye(3)
        ],
        axis=1,
    )
    dual = np.sqrt(np.einsum("tj,jk,tk->t", numeric, np.linalg.inv(metric), numeric))
    assert (dual <= 2.0 * (1 + 1e-5)).all()
    along = axes.along(centre) - deviations(axes, centre, strength)
    exact = axes.values * along - axes.moments
    assert_allclose(
        (axes.axes @ exact[:, :, None])[:, :, 0], numeric, rtol=1e-4, atol=1e-5
    )


def test_strength_zero_is_least_squares_and_infinity_the_structure():
    sample, axes, _ = problem()
    centre = np.random.default_rng(3).normal(size=(4, 3))
    free = centre - axes.coef(deviations(axes, centre, np.full(4, 1e-9)))
    own = np.linalg.solve(sample.tasks.gram, sample.tasks.xy[:, :, None])[:, :, 0]
    assert_allclose(free, own, atol=1e-6)
    assert_allclose(axes.coef(axes.own_fit()[0]), own, rtol=1e-8)
    assert not deviations(axes, centre, np.full(4, np.inf)).any()


def test_the_quadratic_bound_touches_and_bounds_the_loss():
    _, axes, _ = problem()
    rng, strength = np.random.default_rng(4), np.array([0.5, 1.0, 2.0, 4.0])
    centre = 2 * rng.normal(size=(4, 3))
    deviation = deviations(axes, centre, strength)
    length = np.linalg.norm(deviation, axis=1)
    gram, xy = axes.softened(length, strength)

    def bound(at):
        return 0.5 * np.einsum("tj,tjk,tk->t", at, gram, at) - np.sum(xy * at, axis=1)

    def loss(at):
        return robust_loss(axes, at, deviations(axes, at, strength), strength)

    offset = loss(centre) - bound(centre)
    for size in (1e-3, 0.1, 1.0, 5.0):
        for _ in range(20):
            at = centre + size * rng.normal(size=(4, 3))
            moved = length > 0
            assert (loss(at) <= bound(at) + offset + 1e-9)[moved].all()


def test_a_span_at_great_strength_is_the_plain_one():
    sample, axes, _ = problem(n_tasks=8, n_features=5)
    tasks = sample.tasks
    white = whitening(tasks)
    start = extend_basis(tasks, white, None, None, 2)
    plain = fit_span(tasks, white, 2, 0.1, tol=1e-14)
    robust = robust_span(
        tasks, white, axes, 2, 0.1, np.full(8, 1e12), start=start, max_rounds=30
    )
    assert robust.converged
    assert_allclose(robust.objective, plain.objective, rtol=1e-7)
    assert_allclose(
        robust.heads @ robust.basis.T, plain.heads @ plain.basis.T, atol=1e-3
    )


def test_large_tasks_pay_less_and_others_the_full_price():
    size = np.array([1.0, 2.0, 4.0, 1.5, 0.0])
    assert_allclose(winsorise(np.full(5, 8.0), size)[[0, 4]], 8.0)
    assert winsorise(np.full(5, 8.0), size)[2] < 8.0 * (2.0 / 4.0) ** 2
    assert_allclose(
        winsorise(np.full(5, 8.0), 10 * size), winsorise(np.full(5, 8.0), size)
    )


def test_noise_alone_makes_few_tasks_deviate():
    rng = np.random.default_rng(5)
    task = np.repeat(np.arange(200), 30)
    X, y = rng.normal(size=(task.size, 5)), 2.0 * rng.normal(size=task.size)
    data = group_rows(X, y, np.ones(task.size), task, 200)
    sample = sample_statistics(statistics(data))
    axes = spectra(sample.tasks, np.eye(5))
    strength = base_strength(axes, 2.0)
    off = deviations(axes, np.zeros((200, 5)), strength).any(axis=1)
    # The tail of a chi-square beyond its mean plus the logarithm of 200: 7 %.
    assert 0.0 < off.mean() < 0.12


def slow_benjamini_hochberg(pvalue, level):
    order, flagged = np.argsort(pvalue), np.zeros(pvalue.size, bool)
    for k in range(pvalue.size, 0, -1):
        if pvalue[order[k - 1]] <= level * k / pvalue.size:
            flagged[order[:k]] = True
            return flagged
    return flagged


def test_flags_agree_with_their_definition():
    rng = np.random.default_rng(6)
    for size in (1, 3, 30):
        for power in (1, 4):
            pvalue = rng.uniform(size=size) ** power
            assert (
                benjamini_hochberg(pvalue, 0.2) == slow_benjamini_hochberg(pvalue, 0.2)
            ).all()


def test_pvalues_are_those_of_the_f_test_and_finite_far_out():
    test = outlier_test(
        np.array([30.0, 10.0, 1e9]), np.array([10.0, 10.0, 10.0]), 2,
        np.array([5, 5, 5]), np.array([25.0, 25.0, 25.0]),
    )  # fmt: skip
    assert_allclose(
        test.pvalue[0], f_distribution.sf((20 / 3) / (10 / 20), 3, 20), rtol=1e-9
    )
    assert test.pvalue[1] == 1.0
    assert test.flagged.tolist() == [True, False, True]
    assert np.isfinite(test.score).all()
    assert test.score[2] > test.score[0] > test.score[1]


def test_own_fits_take_what_the_centre_is_worth():
    sample, axes, _ = problem(n_rows=40)
    tasks, freedom = sample.tasks, np.full(4, 39.0)
    own = np.linalg.solve(tasks.gram, tasks.xy[:, :, None])[:, :, 0]
    exact = sample._replace(
        tasks=tasks._replace(
            xy=np.einsum("tjk,k->tj", tasks.gram, np.ones(3)),
            yy=np.einsum("tjk->t", tasks.gram) + 1e-6,
        )
    )
    precise = spectra(exact.tasks, np.eye(3))
    fit = precise.coef(own_ridge(precise, freedom, np.zeros((4, 3)), 0))
    assert_allclose(fit, 1.0, rtol=1e-4)
    noise = axes.coef(own_ridge(axes, freedom, np.zeros((4, 3)), 0))
    assert np.sum(noise**2) < np.sum(own**2)


@pytest.mark.parametrize("n_outliers", [0, 6, 12])
def test_outlier_tasks_are_found_and_do_no_harm(n_outliers):
    found, wrong, errors = 0, 0, []
    for seed in range(3):
        data = make_shared_representation(
            30, 60, 15, rank=2, n_outlier_tasks=n_outliers, outlier_feature_scale=2.0,
            random_state=seed,
        )  # fmt: skip
        model = SharedRepresentationRegressor(2, robust=True, task_feature="task")
        model.fit(data.data, data.target)
        inlier = ~np.isin(model.tasks_, data.outlier_tasks)
        found += np.isin(data.outlier_tasks, model.outlier_tasks_).sum()
        wrong += (
            inlier.sum() - (~np.isin(model.tasks_[inlier], model.outlier_tasks_)).sum()
        )
        kept = ~data.data["task"].isin(data.outlier_tasks)
        oracle = SharedRepresentationRegressor(2, task_feature="task")
        oracle.fit(data.data[kept], data.target[kept])
        error = np.linalg.norm(model.coef_[inlier] - data.coef[inlier], axis=1).mean()
        best = np.linalg.norm(oracle.coef_ - data.coef[inlier], axis=1).mean()
        errors.append(error / best)
        assert model.outlier_scores_[~inlier].min(initial=np.inf) > np.median(
            model.outlier_scores_[inlier]
        )
    assert found == 3 * n_outliers
    assert wrong <= 3
    assert np.mean(errors) < 1.1


@pytest.mark.parametrize("n_rows", [60, 2000])
@pytest.mark.parametrize("seed", range(2))
def test_the_rank_is_found_among_outliers(n_rows, seed):
    data = make_shared_representation(
        30, n_rows, 15, rank=3, n_outlier_tasks=6, random_state=seed
    )
    model = SharedRepresentationRegressor(robust=True, task_feature="task")
    assert model.fit(data.data, data.target).rank_ == 3
    assert np.isin(data.outlier_tasks, model.outlier_tasks_).all()


def test_tasks_with_fewer_rows_than_features():
    data = make_shared_representation(
        40, 15, 25, rank=2, n_outlier_tasks=6, random_state=0
    )
    model = SharedRepresentationRegressor(2, robust=True, task_feature="task")
    model.fit(data.data, data.target)
    assert np.isin(data.outlier_tasks, model.outlier_tasks_).mean() > 0.8
    inlier = ~np.isin(model.tasks_, data.outlier_tasks)
    error = np.sum((model.coef_ - data.coef)[inlier] ** 2)
    assert error < 0.5 * np.sum(data.coef[inlier] ** 2)


def test_tasks_that_all_drift_are_not_outliers():
    wrong, found = [], []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        drift = 1.0 + 1.0 * rng.normal(size=60) ** 2
        drift[:12] = 60.0
        extra, spare = np.full(60, 20), np.full(60, 40.0)
        own = rng.chisquare(spare)
        shared = own + drift * rng.chisquare(extra)
        test = outlier_test(shared, own, 5, np.full(60, 25), spare + 25.0)
        found.append(test.flagged[:12].mean())
        wrong.append(test.flagged[12:].sum() / test.flagged.sum())
        plain = f_distribution.sf((shared - own) / 20 / (own / 40), 20, 40)
        assert benjamini_hochberg(plain, 0.05)[12:].sum() > test.flagged[12:].sum()
    assert np.mean(found) == 1.0
    assert np.mean(wrong) < 0.1


def test_without_drift_pvalues_are_those_of_the_f_test():
    rng = np.random.default_rng(0)
    own, spare = rng.chisquare(np.full(40, 40.0)), np.full(40, 40.0)
    off = 0.9 * rng.chisquare(np.full(40, 20.0))
    test = outlier_test(own + off, own, 5, np.full(40, 25), spare + 25.0)
    assert_allclose(test.pvalue, f_distribution.sf(2.0 * off / own, 20, 40), rtol=1e-6)


# Joint sparsity among outlier tasks -------------------------------------------------


def sparse_problem(seed=0, n_tasks=20, n_rows=40, n_features=12, n_outliers=4):
    """Return X with a task column, y, the coefficients, and which tasks are inliers."""
    rng = np.random.default_rng(seed)
    coef = np.zeros((n_tasks, n_features))
    coef[:, rng.choice(n_features, 3, replace=False)] = rng.normal(size=(n_tasks, 3))
    inlier = np.ones(n_tasks, bool)
    inlier[rng.choice(n_tasks, n_outliers, replace=False)] = False
    coef[~inlier] = 2.0 * rng.normal(size=(n_outliers, n_features))
    task = rng.permutation(np.repeat(np.arange(n_tasks), n_rows))
    X = rng.normal(size=(task.size, n_features)) + 1.0
    y = np.sum(X * coef[task], axis=1) + task + rng.normal(size=task.size)
    return np.column_stack([X, task]), y, coef, inlier


def resistant(alpha=0.1, **settings):
    settings = {"tol": 1e-10, "task_feature": -1, **settings}
    return JointSparseRegressor(alpha, robust=True, **settings)


def joint_problem(strength, seed=0):
    """Return tasks, spectra, strengths and a penalty for a robust joint fit."""
    X, y, _, _ = sparse_problem(seed, n_tasks=6, n_features=4, n_outliers=1)
    data = group_rows(X[:, :-1].copy(), y, np.ones(len(y)), X[:, -1].astype(int), 6)
    axes, tasks = whitened(sample_statistics(statistics(data)).tasks)
    return tasks, axes, np.full(6, strength), JointSparsity(0.3, np.inf, 0.05)


def joint_objective(tasks, axes, strength, penalty, coef):
    deviation = deviations(axes, coef, strength)
    loss = tasks.scale @ robust_loss(axes, coef, deviation, strength)
    return loss + penalty.value(coef.T) + penalty.shrinkage(coef)


@pytest.mark.parametrize("strength", [1.0, 5.0, 20.0])
def test_no_nearby_joint_coefficients_are_better_and_the_gap_bounds_the_excess(
    strength,
):
    problem = joint_problem(strength)
    tight = fit_joint(*problem, 1e-11, 100000)
    assert tight.gap <= tight.enough
    best = joint_objective(*problem, tight.joint)
    rng = np.random.default_rng(1)
    for size in (1e-4, 1e-2, 1.0):
        for _ in range(20):
            step = size * rng.normal(size=tight.joint.shape) * (rng.random(4) < 0.5)
            assert joint_objective(*problem, tight.joint + step) >= best - 1e-8 * best
    for most in (1, 3, 8):
        loose = fit_joint(*problem, 1e-11, most)
        excess = joint_objective(*problem, loose.joint) - best
        assert -1e-8 * best <= excess <= loose.gap + 1e-8 * best


@pytest.mark.parametrize("shared", [False, True])
def test_joint_sparsity_at_great_strength_is_the_plain_one(shared):
    X, y, _, _ = sparse_problem(n_tasks=5)
    task = X[:, -1].astype(int)
    if shared:
        X, Y = X[:, :-1], np.random.default_rng(0).normal(size=(len(X), 5))
        Y += X[:, :5]
        data = group_targets(X, Y, np.ones(len(X)))
        plain = JointSparseRegressor(0.2, tol=1e-12).fit(X, Y)
    else:
        data = group_rows(X[:, :-1].copy(), y, np.ones(len(y)), task, 5)
        plain = JointSparseRegressor(0.2, tol=1e-12, task_feature=-1).fit(X, y)
    axes, tasks = whitened(sample_statistics(statistics(data)).tasks)
    fit = fit_joint(tasks, axes, np.full(5, 1e12), JointSparsity(0.2), 1e-12, 10000)
    assert not fit.deviation.any()
    assert_allclose(fit.joint, plain.coef_, atol=1e-5)


def test_tasks_alike_are_fitted_as_if_not_robust():
    X, y, _, _ = sparse_problem(n_outliers=0)
    model, plain = resistant().fit(X, y), resistant().set_params(robust=False).fit(X, y)
    assert model.outlier_tasks_.size == 0
    assert not model.specific_coef_.any()
    assert_allclose(model.coef_, plain.coef_, atol=1e-5)
    assert_allclose(model.intercept_, plain.intercept_, atol=1e-5)
    assert_allclose(model.shared_coef_, plain.shared_coef_, atol=1e-5)


def test_outliers_of_joint_sparsity_are_found_and_do_no_harm():
    figures = []
    for seed in range(5):
        X, y, coef, inlier = sparse_problem(seed)
        kept = inlier[X[:, -1].astype(int)]
        model = resistant("auto", tol=1e-6, n_alphas=20).fit(X, y)
        plain = resistant("auto", tol=1e-6, n_alphas=20).set_params(robust=False)
        errors = [
            np.linalg.norm(found - coef[inlier], axis=1).mean()
            for found in (
                model.coef_[inlier],
                plain.fit(X, y).coef_[inlier],
                plain.fit(X[kept], y[kept]).coef_,
            )
        ]
        assert set(np.flatnonzero(~inlier)) <= set(model.outlier_tasks_)
        false = model.outlier_tasks_.size - (~inlier).sum()
        figures.append([*errors, false])
    robust, ordinary, oracle, false = np.mean(figures, axis=0)
    assert robust < 0.8 * ordinary
    assert robust < 1.05 * oracle
    assert false <= 0.6


@pytest.mark.parametrize(("n_tasks", "n_used"), [(4, 5), (12, 10), (30, 10)])
def test_many_features_and_few_tasks_are_no_reason_to_call_all_outliers(
    n_tasks, n_used
):
    wrong = found = 0
    for seed in range(3):
        rng = np.random.default_rng(seed)
        task = np.repeat(np.arange(n_tasks), 60)
        coef = np.zeros((n_tasks, 12))
        coef[:, :n_used] = rng.normal(size=(n_tasks, n_used))
        coef[0, 6:] = 3.0
        coef[0, n_used:] = 3.0
        X = rng.normal(size=(task.size, 12))
        y = np.sum(X * coef[task], axis=1) + rng.normal(size=task.size)
        model = resistant(0.05).fit(np.column_stack([X, task]), y)
        found += 0 in model.outlier_tasks_
        wrong += np.sum(model.outlier_tasks_ > 0)
    assert found == 3
    assert wrong <= 1


def test_an_outlier_that_goes_to_infinity_moves_no_other_task():
    X, y, _, inlier = sparse_problem()
    off = ~inlier[X[:, -1].astype(int)]
    far = [resistant().fit(X, np.where(off, size * y, y)) for size in (1e2, 1e4, 1e8)]
    wide = X.copy()
    wide[off, :-1] *= 1e5
    far.append(resistant().fit(wide, np.where(off, 1e4 * y, y)))
    alone = resistant().set_params(robust=False).fit(X[~off], y[~off])
    for model in far:
        assert set(model.outlier_tasks_) == set(np.flatnonzero(~inlier))
        assert_allclose(model.coef_[inlier], far[0].coef_[inlier], atol=1e-6)
        assert_allclose(model.shared_coef_, far[0].shared_coef_, atol=1e-6)
    assert_allclose(far[0].coef_[inlier], alone.coef_, atol=1e-5)


def test_flagged_tasks_are_predicted_by_fits_of_their_own():
    X, y, coef, inlier = sparse_problem()
    task = X[:, -1].astype(int)
    off = ~inlier[task]
    # Other targets of the other tasks that use the same features.
    other = np.where(off, y, y + np.sum(X[:, :-1] * coef[task], axis=1))
    a, b = resistant().fit(X, y), resistant().fit(X, other)
    assert_allclose(a.predict(X)[off], b.predict(X)[off], rtol=1e-8)
    assert np.abs(a.predict(X)[~off] - b.predict(X)[~off]).max() > 0.1
    assert not a.joint_coef_[~inlier].any()
    for t in np.flatnonzero(~inlier):
        rows = task == t
        own = LinearRegression().fit(X[rows, :-1], y[rows])
        assert_allclose(a.coef_[t], own.coef_, atol=0.6)
        assert np.mean((a.predict(X[rows]) - y[rows]) ** 2) < 1.2


def test_units_order_and_names_of_robust_joint_sparsity():
    X, y, _, _ = sparse_problem()
    model = resistant().fit(X, y)
    louder = resistant(0.1 * 30.0).fit(X, 30.0 * y - 5.0)
    assert_allclose(louder.coef_, 30.0 * model.coef_, rtol=1e-5, atol=1e-5)
    assert_allclose(louder.outlier_pvalues_, model.outlier_pvalues_, rtol=1e-5)
    rng = np.random.default_rng(0)
    names, features = rng.permutation(20), rng.permutation(12)
    turned = np.column_stack([X[:, features], names[X[:, -1].astype(int)]])
    rows = rng.permutation(len(y))
    mixed = resistant().fit(turned[rows], y[rows])
    assert_allclose(mixed.coef_[names], model.coef_[:, features], atol=1e-5)
    assert_allclose(mixed.outlier_scores_[names], model.outlier_scores_, rtol=1e-5)
    free = resistant("auto", n_alphas=5, tol=1e-6)
    ratio = free.fit(X, 30.0 * y).alpha_ / free.fit(X, y).alpha_
    assert ratio == pytest.approx(30.0)


def test_which_tasks_are_outliers_does_not_depend_on_alpha():
    X, y, _, inlier = sparse_problem()
    scores = [resistant(alpha).fit(X, y).outlier_scores_ for alpha in (1e-3, 0.1, 1e3)]
    assert_allclose(scores[1], scores[0])
    assert_allclose(scores[2], scores[0])
    nothing = resistant(1e3).fit(X, y)
    assert not nothing.joint_coef_.any()
    assert nothing.coef_[~inlier].all()


def test_weights_gaps_and_parts_of_robust_joint_sparsity():
    X, y, _, _ = sparse_problem()
    model = resistant().fit(X, y)
    weight = np.random.default_rng(0).integers(0, 3, len(y))
    copies = np.repeat(np.arange(len(y)), weight)
    a, b = resistant().fit(X, y, weight), resistant().fit(X[copies], y[copies])
    assert_allclose(a.coef_, b.coef_, atol=1e-5)
    gaps = np.full((len(y), 20), np.nan)
    gaps[np.arange(len(y)), X[:, -1].astype(int)] = y
    c = resistant(task_feature=None).fit(X[:, :-1], gaps)
    assert_allclose(c.coef_, model.coef_, atol=1e-5)
    assert_allclose(c.outlier_scores_, model.outlier_scores_, rtol=1e-5)
    d = resistant().partial_fit(X[::2], y[::2]).partial_fit(X[1::2], y[1::2])
    assert_allclose(d.coef_, model.coef_, atol=1e-5)
    gone = model.outlier_tasks_[0]
    rest = X[:, -1] != gone
    e = d.remove_task(gone)
    assert_allclose(e.coef_, resistant().fit(X[rest], y[rest]).coef_, atol=1e-5)
    f = resistant().fit(sparse.csr_array(X), y)
    assert_allclose(f.coef_, model.coef_, atol=1e-5)
    assert_allclose(model.joint_coef_ + model.specific_coef_, model.coef_)
    counts = np.isin(model.tasks_, model.outlier_tasks_)
    assert_allclose(model.shared_coef_, model.coef_[~counts].mean(axis=0))


@pytest.mark.parametrize("n_rows", [3, 9])
@pytest.mark.parametrize("alpha", ["auto", 0.1])
def test_awkward_tables_of_robust_joint_sparsity(n_rows, alpha):
    X, y, _, _ = sparse_problem(n_rows=n_rows)
    X = np.column_stack([X[:, 0], np.ones(len(y)), X])
    settings = {"n_alphas": 5, "cv": 3, "tol": 1e-6}
    model = resistant(alpha, **settings).fit(X, y)
    assert np.isfinite(model.coef_).all()
    silent = resistant(alpha, **settings).fit(X, np.ones(len(y)))
    assert not silent.coef_.any()
    one = resistant(alpha, task_feature=None, **settings).fit(X, y)
    assert one.outlier_tasks_.size == 0
    wide = resistant(alpha, task_feature=None, **settings)
    wide.fit(X[:, :-1], np.column_stack([y, 2 * y, -y, X[:, 2]]))
    assert np.isfinite(wide.coef_).all()


def test_what_the_penalty_takes_is_no_reason_to_deviate():
    # Next to no noise: at the price of noise alone, deviations would be nearly free.
    X, _, coef, inlier = sparse_problem()
    task = X[:, -1].astype(int)
    y = np.sum(X[:, :-1] * coef[task], axis=1)
    y += 1e-4 * np.random.default_rng(0).normal(size=len(y))
    model = resistant(0.2).fit(X, y)
    assert set(model.outlier_tasks_) == set(np.flatnonzero(~inlier))
    used = coef[inlier].any(axis=0)
    assert (model.joint_coef_[inlier].any(axis=0) == used).all()
    assert not model.specific_coef_[inlier].any()


def test_robust_joint_sparsity_has_no_parts_of_one_task():
    X, y, _, _ = sparse_problem()
    with pytest.raises(ValueError, match="robust=True needs specific_cost=1"):
        resistant(specific_cost=0.5).fit(X, y)
