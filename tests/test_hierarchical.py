"""Laws of the hierarchical linear models."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from ragged import ragged_tasks
from scipy.integrate import quad
from scipy.linalg import block_diag
from scipy.optimize import approx_fprime
from scipy.special import expit
from scipy.stats import multivariate_normal
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import BayesianRidge

from skmtl._kernels import scores
from skmtl._tasks import group_rows, group_targets, statistics
from skmtl.linear import (
    HierarchicalClassifier,
    HierarchicalRegressor,
    _expectation_propagation,
    _plain,
)
from skmtl.linear._compression import common_frame, compress
from skmtl.linear._empirical_bayes import improved, maximise
from skmtl.linear._expectation_propagation import Evidence, first_sites
from skmtl.linear._labelled import labels_of
from skmtl.linear._laplace import log_likelihood, regression
from skmtl.linear._marginal_likelihood import Model, likelihood
from skmtl.linear._prior import Prior, equal_variances
from skmtl.linear._prior_coordinates import Factors, Logarithms
from skmtl.linear._prior_search import Optimum, with_mixed
from skmtl.linear._task_posterior import posterior

pytestmark = pytest.mark.filterwarnings("ignore::skmtl.exceptions.TaskColumnWarning")


def problem(seed=0, n_tasks=6, n_rows=12, n_features=3, noise=0.5):
    """Draw tasks of unequal size; return X with the task in front, and y."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(2, n_rows, n_tasks)
    task = rng.permutation(np.repeat(np.arange(n_tasks), sizes))
    X = rng.normal(size=(task.size, n_features)) * np.arange(1, n_features + 1)
    weight = rng.normal(size=(n_tasks, n_features)) * [0.9, 0.5, 0.1][:n_features] + 1.0
    y = (X * weight[task]).sum(axis=1) + rng.normal(size=n_tasks)[task]
    return np.column_stack([task, X]), y + noise * rng.normal(size=task.size)


def compressed(X, y, weight=None, intercept=True):
    task = X[:, 0].astype(int)
    weight = np.ones(len(y)) if weight is None else weight
    features = np.ascontiguousarray(X[:, 1:])
    totals = statistics(group_rows(features, y, weight, task, task.max() + 1))
    frame = common_frame(totals, intercept=intercept)
    return frame, compress(totals, frame), totals


def evaluation(tasks, model):
    return lambda *prior: likelihood(tasks, model, *prior)


def random_prior(seed, n_coordinates):
    rng = np.random.default_rng(seed)
    factor = rng.normal(size=(n_coordinates, n_coordinates))
    return Prior(factor, float(np.exp(rng.normal())))


def dense_log_density(X, y, frame, model, prior, point):
    """Return the log density of y the slow way: one normal over all rows."""
    task, noise = X[:, 0].astype(int), point.noise
    order = np.argsort(task, kind="stable")
    rows, target = frame.features(X[order, 1:])[0], (y[order] - frame.y_mean[0])
    target, task = target / frame.y_scale[0], task[order]
    parts = [rows[task == t] @ prior.covariance @ rows[task == t].T for t in set(task)]
    bound = rows[:, model.n_free :]
    covariance = np.eye(len(y)) + block_diag(*parts)
    covariance += prior.mean_variance * bound @ bound.T
    centre = rows[:, : model.n_free] @ point.mean[0, : model.n_free]
    density = multivariate_normal(centre, noise * covariance).logpdf(target)
    return density - len(y) * np.log(frame.y_scale[0])


@pytest.mark.parametrize("n_free", [1, 4])
def test_likelihood_is_the_density_of_all_rows(n_free):
    X, y = problem()
    frame, tasks, _ = compressed(X, y)
    model, prior = Model(n_free, 1, 0.0), random_prior(1, 4)
    point = likelihood(tasks, model, *prior)
    expected = dense_log_density(X, y, frame, model, prior, point)
    found = -0.5 * (point.deviance + len(y) * np.log(2 * np.pi))
    assert_allclose(found - len(y) * np.log(frame.y_scale[0]), expected, rtol=1e-8)


def test_log_likelihood_attribute_is_that_density():
    X, y = problem(3)
    model = HierarchicalRegressor(task_feature=0).fit(X, y)
    frame, tasks, _ = compressed(X, y)
    kind = Model(1, 1, 4.0, in_common=True)
    optimum = maximise(tasks, kind, tol=1e-3, max_iter=500)
    expected = dense_log_density(X, y, frame, kind, optimum.prior, optimum.point)
    assert_allclose(model.log_likelihood_, expected, rtol=1e-7)


def test_noise_and_flat_coordinates_have_their_best_values():
    X, y = problem()
    frame, tasks, _ = compressed(X, y)
    model, prior = Model(1, 1, 0.0), random_prior(2, 4)
    point = likelihood(tasks, model, *prior)
    best = dense_log_density(X, y, frame, model, prior, point)
    for factor, shift in [(1.01, 0.0), (0.99, 0.0), (1.0, 0.01), (1.0, -0.01)]:
        mean = point.mean.copy()
        mean[0, 0] += shift
        other = point._replace(noise=point.noise * factor, mean=mean)
        assert dense_log_density(X, y, frame, model, prior, other) < best


@pytest.mark.parametrize("pull", [0.0, 3.0, "equal"])
@pytest.mark.parametrize("n_means", [1, 2])
@pytest.mark.parametrize("in_common", [False, True])
def test_gradient_is_the_derivative(pull, n_means, in_common):
    X, y = problem()
    _, tasks, _ = compressed(X, y)
    prior, equal = random_prior(3, 4), pull == "equal"
    if equal:
        pull, prior = 0.0, Prior(np.diag([0.5, 2.0, 2.0, 2.0]), 0.3)
    noise = None if n_means == 1 else 0.7
    model = Model(1, 1, pull, equal, n_means, noise, 0.1, in_common)
    path = Logarithms.around(prior, evaluation(tasks, model), tasks, model)
    x = np.random.default_rng(0).normal(size=path.size)
    numeric = approx_fprime(x, lambda x: path.objective(x)[0], 1e-6)
    assert_allclose(path.objective(x)[1], numeric, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("estimator", [HierarchicalRegressor, HierarchicalClassifier])
@pytest.mark.parametrize("seed", range(4))
def test_few_rows_leave_tasks_something_in_common_and_something_apart(estimator, seed):
    rng = np.random.default_rng(seed)
    X = np.column_stack([np.repeat(np.arange(5), 10), rng.normal(size=(50, 6))])
    y = X[:, 1:3].sum(axis=1) + 4.0 * rng.normal(size=50)
    y = np.where(y > 0.0, 1.0, 0.0) if estimator is HierarchicalClassifier else y
    model = estimator(task_feature=0).fit(X, y)
    shared = (model.shared_coef_**2).mean()
    apart = ((model.coef_ - model.shared_coef_) ** 2).mean()
    assert min(shared, apart) > 1e-4 * max(shared, apart)


def test_gradient_over_factors_is_the_derivative():
    X, y = problem()
    _, tasks, _ = compressed(X, y)
    model = Model(1, 1, 0.0)
    path = Factors(evaluation(tasks, model), tasks, model, *random_prior(3, 4))

    def objective(x):
        return path.derivatives(x, path.evaluate(*path.prior(x)))

    x = np.random.default_rng(0).normal(size=path.size)
    numeric = approx_fprime(x, lambda x: objective(x)[0], 1e-6)
    assert_allclose(objective(x)[1], numeric, rtol=1e-4, atol=1e-5)


def second_derivatives(path):
    """Return second derivatives as the search takes them, and by differences."""
    zero = np.zeros(path.size)

    def gradient(x):
        return path.derivatives(x, path.evaluate(*path.prior(x)))[1]

    steps = 1e-5 * np.eye(path.size)
    numeric = np.stack([(gradient(h) - gradient(-h)) / 2e-5 for h in steps])
    found = path.information(path.evaluate(*path.prior(zero)))
    return with_mixed(path, found, gradient(zero)), numeric


@pytest.mark.parametrize("pull", [0.0, 4.0])
@pytest.mark.parametrize("n_means", [1, 2])
def test_curvature_is_the_derivative_of_the_gradient(pull, n_means):
    X, y = problem()
    _, tasks, _ = compressed(X, y)
    noise = None if n_means == 1 else 0.7
    model, prior = Model(4, 1, pull, n_means=n_means, noise=noise), random_prior(3, 4)
    evaluate = evaluation(tasks, model)
    path = Logarithms.around(prior, evaluate, tasks, model)
    if pull == 0.0:
        path = Factors(evaluate, tasks, model, *prior)
    found, numeric = second_derivatives(path)
    assert_allclose(found, numeric, rtol=1e-3, atol=1e-3 * np.abs(numeric).max())


@pytest.mark.parametrize("mean_variance", [1e-3, 1.0, 1e3])
def test_curvature_has_that_of_the_prior_of_what_is_in_common(mean_variance):
    X, y = problem()
    _, tasks, _ = compressed(X, y)
    plain, prior = Model(1, 1, 4.0), random_prior(3, 4)
    prior = prior._replace(mean_variance=mean_variance)
    found, numeric = np.zeros((2, 11, 11))
    for model, sign in ((plain, -1.0), (plain._replace(in_common=True), 1.0)):
        path = Logarithms.around(prior, evaluation(tasks, model), tasks, model)
        parts = second_derivatives(path)
        found, numeric = found + sign * parts[0], numeric + sign * parts[1]
    assert_allclose(found, numeric, rtol=1e-3, atol=1e-3 * np.abs(numeric).max())


def penalised(tasks, model, prior):
    deviance = likelihood(tasks, model, *prior).deviance
    _, logdet = np.linalg.slogdet(prior.covariance)
    target = equal_variances(model, np.linalg.inv(prior.covariance))
    return -0.5 * (deviance + model.pull * (logdet - np.log(target).sum()))


def slow_step(tasks, model, prior):
    """Take one step of expectation and maximisation, task by task."""
    point = likelihood(tasks, model, *prior)
    D, spread = prior.covariance, np.zeros_like(prior.covariance)
    # Joint posterior of mean and deviations given the rows, by dense algebra.
    n_tasks, k = len(tasks.target), len(D)
    bound = np.arange(model.n_free, k)
    precision = np.zeros(((n_tasks + 1) * k, (n_tasks + 1) * k))
    moment = np.zeros((n_tasks + 1) * k)
    precision[bound, bound] = 1.0 / prior.mean_variance
    for t, (root, target) in enumerate(zip(tasks.root, tasks.target, strict=True)):
        rows = np.zeros((len(root), len(moment)))
        own = slice((t + 1) * k, (t + 2) * k)
        rows[:, :k], rows[:, own] = root, root
        precision += rows.T @ rows
        precision[own, own] += np.linalg.inv(D)
        moment += rows.T @ target
    # The flat coordinates are held at their best values, not integrated out.
    mean = np.linalg.solve(precision, moment)
    kept = np.arange(model.n_free, len(moment))
    covariance = np.zeros_like(precision)
    covariance[np.ix_(kept, kept)] = np.linalg.inv(precision[np.ix_(kept, kept)])
    covariance *= point.noise
    second = covariance + np.outer(mean, mean)
    for t in range(n_tasks):
        own = slice((t + 1) * k, (t + 2) * k)
        spread += second[own, own] / point.noise
    target = np.diag(equal_variances(model, np.linalg.inv(D)))
    spread = (spread + model.pull * target) / (n_tasks + model.pull)
    variance = np.trace(second[bound][:, bound]) / point.noise / bound.size
    return spread, variance


def test_improvement_is_a_step_of_expectation_and_maximisation():
    X, y = problem()
    _, tasks, _ = compressed(X, y)
    model, prior = Model(1, 1, 4.0), random_prior(4, 4)
    covariance, variance = slow_step(tasks, model, prior)
    found = improved(tasks, model, prior)
    assert_allclose(found.covariance, covariance, rtol=1e-6, atol=1e-9)
    assert_allclose(found.mean_variance, variance, rtol=1e-8)


@pytest.mark.parametrize("pull", [0.0, 4.0])
def test_optimum_is_where_slow_steps_lead_and_end(pull):
    X, y = problem(5, n_tasks=12, n_rows=20)
    _, tasks, _ = compressed(X, y)
    model, prior = Model(1, 1, pull), Prior(np.eye(4), 1.0)
    path = [penalised(tasks, model, prior)]
    for _ in range(400):
        prior = improved(tasks, model, prior)
        path.append(penalised(tasks, model, prior))
    optimum = maximise(tasks, model, tol=1e-5, max_iter=500)
    best = penalised(tasks, model, optimum.prior)
    assert np.diff(path).min() > -1e-8
    assert path[0] < path[-1] <= best + 1e-7
    assert best - path[-1] < 0.05
    assert penalised(tasks, model, improved(tasks, model, optimum.prior)) < best + 1e-7


def test_nothing_nearby_is_more_likely():
    X, y = problem(6)
    _, tasks, _ = compressed(X, y)
    model = Model(1, 1, 4.0)
    optimum = maximise(tasks, model, tol=1e-6, max_iter=500)
    best, rng = penalised(tasks, model, optimum.prior), np.random.default_rng(0)
    for _ in range(50):
        factor = optimum.prior.factor @ (np.eye(4) + 0.03 * rng.normal(size=(4, 4)))
        variance = optimum.prior.mean_variance * np.exp(0.03 * rng.normal())
        assert penalised(tasks, model, Prior(factor, variance)) <= best + 1e-9


def test_one_task_is_bayesian_ridge():
    X, y = problem(1, n_tasks=1, n_rows=60, noise=2.0)
    X = X[:, 1:] / X[:, 1:].std(axis=0)
    ridge = BayesianRidge(
        alpha_1=0, alpha_2=0, lambda_1=0, lambda_2=0, tol=1e-12, compute_score=True
    ).fit(X, y)
    model = HierarchicalRegressor(tol=1e-7).fit(X, y)
    assert_allclose(model.coef_[0], ridge.coef_, rtol=1e-6)
    assert_allclose(model.noise_variance_, 1.0 / ridge.alpha_, rtol=1e-6)
    assert_allclose(model.log_likelihood_, ridge.scores_[-1], rtol=1e-6)
    assert_allclose(model.shared_coef_, model.coef_[0])


@settings(max_examples=25, deadline=None)
@given(ragged_tasks(), st.booleans())
def test_weights_count_as_rows_however_few(tasks, intercept):
    X, y, weight, task = tasks
    X, count = np.column_stack([task, X]), weight.astype(int)
    model = HierarchicalRegressor(task_feature=0, fit_intercept=intercept)
    weighted = model.fit(X, y, weight).predict(X, return_std=True)
    repeated = model.fit(np.repeat(X, count, axis=0), np.repeat(y, count))
    for a, b in zip(weighted, repeated.predict(X, return_std=True), strict=True):
        assert np.isfinite(a).all()
        assert_allclose(a, b, rtol=2e-3, atol=2e-3)


def test_order_and_names_do_not_matter():
    X, y = problem(2)
    model = HierarchicalRegressor(task_feature=0, tol=1e-7).fit(X, y)
    rng = np.random.default_rng(0)
    row, feature, task = rng.permutation(len(y)), [2, 0, 1], rng.permutation(6)
    other = np.column_stack([task[X[:, 0].astype(int)], X[:, 1:][:, feature]])[row]
    permuted = HierarchicalRegressor(task_feature=0, tol=1e-7).fit(other, y[row])
    assert_allclose(permuted.coef_[task], model.coef_[:, feature], rtol=1e-4)
    assert_allclose(permuted.intercept_[task], model.intercept_, rtol=1e-4)
    assert_allclose(permuted.outlier_scores_[task], model.outlier_scores_, rtol=1e-4)
    similarity = permuted.task_similarity_[np.ix_(task, task)]
    assert_allclose(similarity, model.task_similarity_, atol=1e-4)


def test_units_do_not_matter():
    X, y = problem(2)
    model = HierarchicalRegressor(task_feature=0, tol=1e-7).fit(X, y)
    scale, shift = np.array([1e3, 1e-3, 1.0]), np.array([5.0, -2.0, 1e4])
    other = np.column_stack([X[:, 0], X[:, 1:] * scale + shift])
    moved = HierarchicalRegressor(task_feature=0, tol=1e-7).fit(other, 10.0 * y + 7.0)
    assert_allclose(moved.coef_ * scale / 10.0, model.coef_, rtol=1e-5, atol=1e-7)
    mean, std = moved.predict(other, return_std=True)
    expected, expected_std = model.predict(X, return_std=True)
    assert_allclose((mean - 7.0) / 10.0, expected, rtol=1e-5, atol=1e-6)
    assert_allclose(std / 10.0, expected_std, rtol=1e-5)
    change = moved.log_likelihood_ + len(y) * np.log(10.0)
    assert_allclose(change, model.log_likelihood_, rtol=1e-6)
    shifted = HierarchicalRegressor(task_feature=0, tol=1e-7).fit(X, y + 100.0)
    assert_allclose(shifted.coef_, model.coef_, rtol=1e-5, atol=1e-7)
    assert_allclose(shifted.intercept_ - 100.0, model.intercept_, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("size", [1e-9, 1e9])
def test_priors_without_and_with_all_freedom(size):
    X, y = problem(4, n_rows=30)
    frame, tasks, totals = compressed(X, y)
    prior = Prior(np.sqrt(size) * np.eye(4), 1e9)
    point = likelihood(tasks, Model(1, 1, 0.0), *prior)
    known = posterior(Optimum(prior, point, 1, 0.0))
    coef, _ = frame.coefficients(known.position, frame.y_mean, frame.y_scale)
    many = size > 1
    separate = [
        np.linalg.lstsq(
            np.column_stack([np.ones(len(rows)), rows[:, 1:]]), target, rcond=None
        )[0][1:]
        for t in range(6)
        for rows, target in [(X[X[:, 0] == t], y[X[:, 0] == t])]
    ]
    ones = np.column_stack([np.ones(len(y)), X[:, 1:]])
    pooled = np.linalg.lstsq(ones, y, rcond=None)[0][1:]
    big = totals.weight > 6
    expected = np.array(separate)[big] if many else np.tile(pooled, (big.sum(), 1))
    assert_allclose(coef[big], expected, rtol=1e-4)


def test_shared_rows_are_tasks_with_the_same_rows():
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(40, 3)), rng.normal(size=(40, 5)) * [1, 10, 100, 0.1, 1]
    weight = rng.uniform(0.5, 2.0, 40)
    shared = statistics(group_targets(X, Y, weight))
    frame = common_frame(shared, intercept=True, units="own")
    model = Model(1, 1, 4.0)
    assert shared.gram.shape[0] == 1
    separate_frame = common_frame(shared.per_task(), intercept=True, units="own")
    prior = random_prior(0, 4)
    a = likelihood(compress(shared, frame), model, *prior)
    b = likelihood(compress(shared.per_task(), separate_frame), model, *prior)
    assert_allclose(a.deviance, b.deviance)
    assert_allclose(a.slope, b.slope, rtol=1e-6)
    for one, other in zip(
        posterior(Optimum(prior, a, 1, 0.0)),
        posterior(Optimum(prior, b, 1, 0.0)),
        strict=True,
    ):
        assert_allclose(*np.broadcast_arrays(one, other), rtol=1e-6, atol=1e-12)


def test_missing_targets_are_rows_that_are_not_there():
    rng = np.random.default_rng(1)
    X, Y = rng.normal(size=(30, 2)), rng.normal(size=(30, 3))
    Y[rng.random(Y.shape) < 0.3] = np.nan
    model = HierarchicalRegressor().fit(X, Y)
    task, row = np.nonzero(~np.isnan(Y.T))
    rows = group_rows(X[row], Y[row, task], np.ones(row.size), task, 3)
    frame = common_frame(statistics(rows), intercept=True, units="own")
    optimum = maximise(
        compress(statistics(rows), frame), Model(1, 1, 3.0), tol=1e-4, max_iter=500
    )
    position = posterior(optimum).position
    coef, intercept = frame.coefficients(position, frame.y_mean, frame.y_scale)
    assert_allclose(model.coef_, coef, rtol=1e-6)
    assert_allclose(model.intercept_, intercept, rtol=1e-6)


def test_columns_of_y_may_have_any_units():
    rng = np.random.default_rng(1)
    X, units = rng.normal(size=(30, 2)), np.array([1.0, 1e3, 1e-3])
    Y = X[:, :1] + rng.normal(size=(30, 3))
    a = HierarchicalRegressor(tol=1e-7).fit(X, Y)
    b = HierarchicalRegressor(tol=1e-7).fit(X, Y * units)
    for one, other in zip(
        a.predict(X, return_std=True), b.predict(X, return_std=True), strict=True
    ):
        assert_allclose(other / units, one, rtol=1e-5, atol=1e-7)


def test_standard_deviations_cover():
    hits = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        task = np.repeat(np.arange(45), 16)
        X = rng.normal(size=(task.size, 3))
        weight = rng.normal(size=(45, 3)) @ np.diag([1.0, 0.6, 0.3]) + [1.0, 0.0, -1.0]
        y = (X * weight[task]).sum(axis=1) + rng.normal(size=45)[task]
        y += 0.7 * rng.normal(size=task.size)
        train = (np.arange(task.size) % 16 < 10) & (task < 40)
        X = np.column_stack([task, X])
        model = HierarchicalRegressor(task_feature=0).fit(X[train], y[train])
        mean, std = model.predict(X[~train], return_std=True)
        inside = np.abs(y[~train] - mean) < 1.6449 * std
        unseen = task[~train] >= 40
        hits.append([inside[~unseen].mean(), inside[unseen].mean()])
    known, unseen = np.mean(hits, axis=0)
    assert 0.87 < known < 0.93
    assert 0.83 < unseen < 0.96


def test_new_task_has_the_posterior_of_its_rows():
    X, y = problem(7, n_tasks=8)
    new = np.random.default_rng(0).normal(size=(4, 3))
    target = new.sum(axis=1)
    model = HierarchicalRegressor(task_feature=0).fit(X, y)
    rows = np.column_stack([np.ones(4), model._frame.features(new)[0][:, 1:]])
    scaled = (target - model._frame.y_mean[0]) / model._frame.y_scale[0]
    precision = np.linalg.inv(model._spread) + rows.T @ rows / model._noise
    moment = (
        np.linalg.solve(model._spread, model._mean) + rows.T @ scaled / model._noise
    )
    position = np.linalg.solve(precision, moment)
    before, coef = model.predict(X), model.coef_.copy()
    X_new = np.column_stack([np.full(4, 3.5), new])
    model.fit_task(X_new, target)
    assert model.tasks_.tolist() == [0, 1, 2, 3, 3.5, 4, 5, 6, 7]
    assert_allclose(model._position[4], position)
    assert_allclose(model._covariance[4], np.linalg.inv(precision), atol=1e-10)
    assert_allclose(model.predict(X), before)
    assert_allclose(np.delete(model.coef_, 4, axis=0), coef)
    assert model.task_similarity_.shape == (9, 9)


def test_rows_of_a_task_may_come_in_parts():
    X, y = problem(7, n_tasks=8)
    new, target = X[:6].copy(), y[:6]
    new[:, 0] = 99
    model = HierarchicalRegressor(task_feature=0).fit(X, y)
    model.fit_task(new[:2], target[:2], name=99).fit_task(new[2:], target[2:])
    whole = HierarchicalRegressor(task_feature=0).fit(X, y).fit_task(new, target)
    assert_allclose(model.coef_, whole.coef_)
    assert_allclose(model.outlier_scores_, whole.outlier_scores_)
    std = [m.predict(new, return_std=True)[1] for m in (model, whole)]
    assert_allclose(*std)
    # What is known of a task is in its statistics, and so in later fits.
    model.partial_fit(X[:1], y[:1])
    refitted = HierarchicalRegressor(task_feature=0).fit(
        np.vstack([X, new, X[:1]]), np.r_[y, target, y[:1]]
    )
    assert_allclose(model.coef_, refitted.coef_, rtol=1e-4, atol=1e-6)


def test_task_rows_must_be_of_one_task():
    X, y = problem()
    model = HierarchicalRegressor(task_feature=0).fit(X, y)
    with pytest.raises(ValueError, match="one task"):
        model.fit_task(X, y)
    assert not hasattr(HierarchicalRegressor(), "fit_task")


def test_outlier_tasks_stand_out():
    X, y = problem(8, n_tasks=30, n_rows=30)
    odd = X[:, 0] == 11
    y[odd] -= 6.0 * X[odd, 3]
    scores = HierarchicalRegressor(task_feature=0).fit(X, y).outlier_scores_
    assert scores.argmax() == 11
    assert scores[11] > 3.0
    assert 0.5 < scores.mean() < 2.0


def test_few_tasks_have_slopes_of_one_variance():
    X, y = problem(1, n_tasks=3, n_rows=30)
    model = HierarchicalRegressor(task_feature=0).fit(X, y)
    scaled = model.prior_covariance_ * np.outer(*2 * [np.r_[model._frame.x_scale, 1.0]])
    variance = np.diag(scaled)[:3]
    assert_allclose(scaled[:3, :3], np.eye(3) * variance[0], atol=1e-9 * variance[0])
    _, tasks, _ = compressed(X, y)
    kind, base = (
        Model(1, 1, 0.0, equal=True),
        maximise(tasks, Model(1, 1, 0.0, equal=True), tol=1e-6, max_iter=100),
    )
    best = base.point.deviance
    for step in 0.03 * np.vstack([np.eye(3), -np.eye(3)]):
        size = np.exp([step[0], *3 * [step[1]]])
        prior = Prior(
            base.prior.factor * size, base.prior.mean_variance * np.exp(step[2])
        )
        assert likelihood(tasks, kind, *prior).deviance >= best - 1e-8


@pytest.mark.parametrize("n_tasks", [1, 2, 5])
def test_more_features_than_rows(n_tasks):
    rng = np.random.default_rng(0)
    n_rows, task = 30, np.arange(60) % n_tasks
    hidden = rng.normal(size=(60, 5))
    X = hidden @ rng.normal(size=(5, 80)) + 0.1 * rng.normal(size=(60, 80))
    y = hidden.sum(axis=1) + 0.1 * rng.normal(size=60)
    X = np.column_stack([task, X])
    model = HierarchicalRegressor(task_feature=0).fit(X[:n_rows], y[:n_rows])
    mean, std = model.predict(X[n_rows:], return_std=True)
    error = mean - y[n_rows:]
    assert (error**2).mean() < 0.1 * y.var()
    assert 0.3 < (error**2 / std**2).mean() < 3.0


def test_maximum_likelihood_has_no_prior_on_mean_and_covariance():
    X, y = problem(9, n_tasks=40, n_rows=20, n_features=2)
    free = HierarchicalRegressor(task_feature=0, shrinkage=0.0).fit(X, y)
    frame, tasks, _ = compressed(X, y)
    optimum = maximise(tasks, Model(3, 1, 0.0), tol=1e-4, max_iter=500)
    expected = dense_log_density(
        X, y, frame, Model(3, 1, 0.0), optimum.prior, optimum.point
    )
    assert_allclose(free.log_likelihood_, expected, rtol=1e-7)


def test_stopping_early_is_said():
    X, y = problem()
    with pytest.warns(ConvergenceWarning, match="A derivative of"):
        HierarchicalRegressor(task_feature=0, max_iter=1, tol=1e-9).fit(X, y)


def labelled(seed=0, n_tasks=10, n_classes=2, n_rows=30):
    rng = np.random.default_rng(seed)
    task = np.repeat(np.arange(n_tasks), rng.integers(5, n_rows, n_tasks))
    X = rng.normal(size=(task.size, 3))
    weight = (
        0.7 * rng.normal(size=(n_tasks, n_classes, 3)) + 2.0 * np.eye(3)[:n_classes]
    )
    scores = np.einsum("ij,ikj->ik", X, weight[task])
    y = (scores + rng.gumbel(size=scores.shape)).argmax(axis=1)
    return np.column_stack([task, X]), y


def test_coefficients_of_several_classes_are_the_posterior_mode():
    X, y = labelled(n_classes=3)
    model = HierarchicalClassifier(task_feature=0).fit(X, y)
    rows = model._frame.features(X[:, 1:])[0]
    labels = labels_of(
        rows,
        y,
        3,
        np.ones(len(y)),
        np.r_[0, np.bincount(X[:, 0].astype(int)).cumsum()],
        True,
    )
    inverse = np.linalg.inv(model._factor)

    def objective(step, t):
        # Steps are in units of the prior, which may leave a coordinate no freedom.
        position = model._position.copy()
        position[:, t] += step.reshape(len(position), -1) @ model._factor.T
        scores = np.einsum("ik,sik->si", rows, position[:, labels.task])
        offset = (position[:, t] - model._mean) @ inverse.T
        return log_likelihood(labels, scores).value - (offset**2).sum() / 2.0

    for t in (0, 3):
        size = model._position[:, t].size
        for step in 1e-4 * np.eye(size):
            slope = (objective(step, t) - objective(-step, t)) / 2e-4
            assert abs(slope) < 1e-5


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_coefficients_of_several_classes_sum_to_zero(fit_intercept):
    # Only the prior says where scores that all classes share would be.
    X, y = labelled(n_classes=3)
    model = HierarchicalClassifier(fit_intercept=fit_intercept, task_feature=0)
    model.fit(X, y)
    assert_allclose(model.coef_.sum(axis=1), 0.0, atol=1e-9)
    assert_allclose(model.intercept_.sum(axis=1), 0.0, atol=1e-9)
    assert_allclose(model.shared_coef_.sum(axis=0), 0.0, atol=1e-9)


def test_normal_scores_have_the_moments_of_coefficients():
    rng = np.random.default_rng(0)
    rows, offsets = rng.normal(size=(7, 3)), np.array([0, 2, 2, 7])
    position, factor = rng.normal(size=(3, 3)), rng.normal(size=(3, 3, 3))
    covariance = factor @ factor.transpose(0, 2, 1)
    task = np.repeat(np.arange(3), np.diff(offsets))
    for loops in (scores, _plain):
        mean, variance = np.empty((2, 7))
        loops.gather_moments(rows, offsets, position, covariance, mean, variance)
        assert_allclose(mean, (rows * position[task]).sum(axis=1))
        slow = np.einsum("ij,ijk,ik->i", rows, covariance[task], rows)
        assert_allclose(variance, slow)


def slow_tilt(sign, power, mean, variance, centre, spread):
    """Integrate piece by piece around where the density is."""
    edges = centre + spread**0.5 * np.arange(-25.0, 26.0)

    def log_density(score):
        score = np.asarray(score)
        likely = -power * np.logaddexp(0.0, -sign * score)
        return likely - (score - mean) ** 2 / (2.0 * variance)

    top = log_density(centre)

    def integral(moment):
        def piece(score):
            return (score - centre) ** moment * np.exp(log_density(score) - top)

        parts = itertools.pairwise(edges)
        return sum(quad(piece, a, b, epsabs=1e-13)[0] for a, b in parts)

    mass, first, second = integral(0), integral(1), integral(2)
    log_mass = np.log(mass) + top - 0.5 * np.log(2.0 * np.pi * variance)
    shift = first / mass
    return log_mass, centre + shift - mean, second / mass - shift**2


@pytest.mark.parametrize("loops", [scores, _plain])
@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("power", [1.0, 0.3])
@pytest.mark.parametrize(
    ("mean", "variance"),
    [
        *[(-3.0, 1.0), (-3.0, 0.1), (0.5, 0.8), (0.0, 30.0), (3.0, 100.0)],
        *[(-50.0, 2e3), (-700.0, 1.0), (800.0, 9e3), (-800.0, 9e3)],
        *[(-900.0, 3e6), (2.0, 3e6)],
    ],
)
def test_moments_with_a_label_are_those_of_slow_integration(
    loops, sign, power, mean, variance
):
    log_mass, offset, spread = np.empty((3, 1))
    loops.tilt(
        np.array([sign]), np.array([power]), np.array([mean]), np.array([variance]),
        log_mass, offset, spread,
    )  # fmt: skip
    slow = slow_tilt(sign, power, mean, variance, mean + offset[0], spread[0])
    assert_allclose(log_mass[0], slow[0], rtol=1e-7, atol=1e-7)
    assert_allclose(offset[0], slow[1], atol=1e-6 * spread[0] ** 0.5)
    assert_allclose(spread[0], slow[2], rtol=1e-6)


def opened(X, y, weight=None, pull=4.0):
    """Return labelled rows and the model of their tasks."""
    frame, _, _ = compressed(X, y.astype(float))
    rows = frame.features(X[:, 1:])[0]
    sizes = np.r_[0, np.bincount(X[:, 0].astype(int)).cumsum()]
    weight = np.ones(len(y)) if weight is None else weight
    labels = labels_of(rows, y, 2, weight, sizes, True)
    return labels, Model(1, 1, pull, noise=1.0, rate=0.04)


@pytest.mark.parametrize("weight", [0.4, 1.0, 2.0])
@pytest.mark.parametrize("pull", [0.0, 4.0])
def test_evidence_of_labels_has_the_gradient_it_says(weight, pull, monkeypatch):
    monkeypatch.setattr(_expectation_propagation, "SETTLED", 1e-8)
    X, y = labelled(1, n_tasks=5)
    labels, model = opened(X, y, np.full(len(y), weight), pull)
    evidence = Evidence(labels, model, first_sites(labels))
    tasks = first_sites(labels).tasks(labels)
    path = Logarithms.around(random_prior(1, 4), evidence, tasks, model)
    x = 0.3 * np.random.default_rng(0).normal(size=path.size)
    numeric = approx_fprime(x, lambda x: path.objective(x)[0], 1e-5)
    assert_allclose(path.objective(x)[1], numeric, rtol=1e-3, atol=1e-4)


def test_evidence_of_one_label_is_exact():
    y = np.array([1])
    rows = np.array([[1.0, 1.3]])
    labels = labels_of(rows, y, 2, np.ones(1), np.array([0, 1]), True)
    prior = Prior(np.array([[0.8, 0.0], [0.3, 1.1]]), 0.7)
    # Both coordinates have a mean of zero and the variance c beside their deviation.
    model = Model(0, 1, 0.0, noise=1.0)
    point = Evidence(labels, model, first_sites(labels))(*prior)
    variance = (rows @ (prior.covariance + 0.7 * np.eye(2)) @ rows.T).item()
    exact = slow_tilt(1.0, 1.0, 0.0, variance, 0.0, variance)
    assert_allclose(-0.5 * point.deviance, exact[0], rtol=1e-6)
    known = posterior(Optimum(prior, point, 1, 0.0))
    assert_allclose(known.position[0] @ rows[0], exact[1], rtol=1e-4)
    assert_allclose(rows[0] @ known.covariance[0] @ rows[0], exact[2], rtol=1e-3)


def test_variance_between_tasks_is_that_of_few_labels():
    # Tasks of eight rows and few labels of one class, where Laplace's approximation
    # takes a third of the variance.
    found = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        task = np.repeat(np.arange(150), 8)
        X = rng.normal(size=(task.size, 2))
        weight = 1.5 * rng.normal(size=(150, 2))
        y = (rng.random(task.size) < expit((X * weight[task]).sum(axis=1) - 2)).astype(
            int
        )
        model = HierarchicalClassifier(task_feature=0)
        model.fit(np.column_stack([task, X]), y)
        found.append(np.diag(model.prior_covariance_)[:2].mean())
    assert 0.75 < np.mean(found) / 1.5**2 < 1.25


@pytest.mark.parametrize("n_classes", [2, 3])
def test_quadratic_touches_the_likelihood(n_classes):
    X, y = labelled(n_classes=n_classes)
    sizes = np.r_[0, np.bincount(X[:, 0].astype(int)).cumsum()]
    rows = np.column_stack([np.ones(len(y)), X[:, 1:]])
    labels = labels_of(rows, y, n_classes, np.ones(len(y)), sizes, True)
    rng = np.random.default_rng(0)
    position = 0.3 * rng.normal(size=(len(labels.target), 10, 4))
    scores = np.einsum("ik,sik->si", rows, position[:, labels.task])
    tasks = regression(labels, scores)
    error = tasks.target - np.einsum(
        "tqk,tk->tq", tasks.root, position.reshape(len(tasks.root), -1)
    )
    slope = np.einsum("tqk,tq->tk", tasks.root, error).reshape(position.shape)
    step = rng.normal(size=position.shape)

    def along(size):
        moved = position + size * step
        scores = np.einsum("ik,sik->si", rows, moved[:, labels.task])
        return log_likelihood(labels, scores).value

    numeric = (along(1e-5) - along(-1e-5)) / 2e-5
    assert_allclose((slope * step).sum(), numeric, rtol=1e-6)
    if n_classes == 2:
        curvature = ((tasks.root @ step.reshape(-1, 4)[:, :, None]) ** 2).sum()
        numeric = -(along(1e-3) - 2.0 * along(0.0) + along(-1e-3)) / 1e-6
        assert_allclose(curvature, numeric, rtol=1e-3)


def test_separated_classes_and_tasks_of_one_class():
    X, y = labelled()
    y = (X[:, 1] > 0).astype(int)
    y[X[:, 0] == 2] = 1
    y[X[:, 0] == 3] = 0
    model = HierarchicalClassifier(task_feature=0).fit(X, y)
    assert np.isfinite(model.coef_).all()
    assert np.abs(model.coef_).max() < 50.0
    assert model.score(X, y) > 0.9
    unseen = np.array([[77, 2.0, 0.0, 0.0], [77, -2.0, 0.0, 0.0]])
    assert model.predict(unseen).tolist() == [1, 0]


@pytest.mark.parametrize("n_classes", [2, 3])
def test_weights_of_labelled_rows(n_classes):
    X, y = labelled(n_classes=n_classes)
    count = np.random.default_rng(0).integers(1, 3, len(y))
    model = HierarchicalClassifier(task_feature=0)
    weighted = model.fit(X, y, count).predict_proba(X)
    repeated = model.fit(np.repeat(X, count, axis=0), np.repeat(y, count))
    assert_allclose(repeated.predict_proba(X), weighted, atol=1e-3)
    assert_allclose(weighted.sum(axis=1), 1.0)


def test_the_search_does_not_stray_where_classes_can_be_separated(monkeypatch):
    rng = np.random.default_rng(4)
    X = np.column_stack([np.arange(32) % 4, 1.0 * (rng.random((32, 8)) < 0.3)])
    y = 0.3 * rng.normal(size=32) + X[:, 1] - X[:, 2] > 0.0
    largest = []
    kept = _expectation_propagation.refreshed

    def watched(labels, sites, mean, variance):
        largest.append(variance.max())
        return kept(labels, sites, mean, variance)

    monkeypatch.setattr(_expectation_propagation, "refreshed", watched)
    HierarchicalClassifier(task_feature=0, max_iter=20).fit(X, y)
    # Beyond, sums over the likelihoods of labels take seconds each.
    assert max(largest) < 1e6


def test_weights_of_classes_that_are_not_there_are_refused():
    X, y = labelled()
    model = HierarchicalClassifier(task_feature=0, class_weight={7: 3.0})
    with pytest.raises(ValueError, match=r"classes \[7\].*not among \[0, 1\]"):
        model.fit(X, y)


def test_class_weights():
    X, y = labelled()
    model = HierarchicalClassifier(task_feature=0, class_weight={1: 3.0}).fit(X, y)
    same = HierarchicalClassifier(task_feature=0).fit(X, y, np.where(y == 1, 3.0, 1.0))
    assert_allclose(model.coef_, same.coef_)
    balanced = HierarchicalClassifier(task_feature=0, class_weight="balanced")
    assert balanced.fit(X, y).coef_.shape == (10, 3)


def test_new_task_of_labels_has_the_moments_of_its_posterior():
    X, y = labelled()
    model = HierarchicalClassifier(task_feature=0).fit(X, y)
    new, target = X[X[:, 0] == 4], y[X[:, 0] == 4]
    rows = model._frame.features(new[:, 1:])[0]
    factor = np.linalg.cholesky(model._spread[0])
    # Importance sampling from the prior; the posterior is not much narrower.
    rng = np.random.default_rng(0)
    draws = model._mean[0] + rng.normal(size=(400_000, 4)) @ factor.T
    scores = draws @ rows.T
    log_weight = (target * scores - np.logaddexp(0.0, scores)).sum(axis=1)
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    centre = weight @ draws
    covariance = (draws - centre).T @ ((draws - centre) * weight[:, None])
    before = model.coef_.copy()
    model.fit_task(new, target, name=44)
    assert model.tasks_.tolist()[-1] == 44
    sd = np.sqrt(np.diag(covariance))
    assert_allclose(model._position[0, -1] / sd, centre / sd, atol=0.05)
    found = model._covariance[0, -1] / np.outer(sd, sd)
    assert_allclose(found, covariance / np.outer(sd, sd), atol=0.05)
    assert_allclose(model.coef_[:-1], before)
    assert np.isfinite(model.outlier_scores_).all()


def test_labels_in_columns():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 3))
    Y = (X @ rng.normal(size=(3, 4)) + rng.normal(size=(80, 4)) > 0).astype(float)
    Y[rng.random(Y.shape) < 0.2] = np.nan
    model = HierarchicalClassifier().fit(X, Y)
    assert model.predict_proba(X).shape == (80, 4)
    seen = ~np.isnan(Y)
    assert (model.predict(X)[seen] == Y[seen]).mean() > 0.75
