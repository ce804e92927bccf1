"""Laws of a shared representation, for numbers and for classes."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression, Ridge

from skmtl._kernels import low_rank
from skmtl._tasks import TaskData, TaskStatistics, group_rows, statistics
from skmtl.datasets import make_shared_representation
from skmtl.linear import (
    SharedRepresentationClassifier,
    SharedRepresentationRegressor,
    _plain,
)
from skmtl.linear._alignment import covariance_similarity
from skmtl.linear._low_rank import fit_span, whitening
from skmtl.linear._sample import sample_rows, sample_statistics
from skmtl.linear._shared_representation import fewer_features


def ragged(sizes=(9, 14, 30, 7, 21), n_features=6, rank=2, seed=0):
    """Return X, y and task of tasks that share a span."""
    rng = np.random.default_rng(seed)
    task = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    coef = rng.normal(size=(len(sizes), rank)) @ rng.normal(size=(rank, n_features))
    X = rng.normal(size=(task.size, n_features)) + rng.normal(size=n_features)
    y = np.sum(X * coef[task], axis=1) + task + 0.5 * rng.normal(size=task.size)
    return X, y, task


def with_task(X, task):
    return np.column_stack([task, X])


def regressor(rank=2, **settings):
    settings = {"alpha": 0.05, "tol": 1e-13, "task_feature": 0, **settings}
    return SharedRepresentationRegressor(rank, **settings)


def fitted(X, y, task, **settings):
    weight = settings.pop("sample_weight", None)
    return regressor(**settings).fit(with_task(X, task), y, weight)


def data_of(X, y, task, weight=None):
    weight = np.ones(len(y)) if weight is None else weight
    return group_rows(np.ascontiguousarray(X), y, weight, task, task.max() + 1)


def objective(model, X, y, task, coef):
    """Return the documented objective with the best intercepts."""
    mean_rows = len(y) / model.n_tasks_
    total = 0.5 * model.alpha * np.sum(coef**2)
    for t in range(model.n_tasks_):
        residual = y[task == t] - X[task == t] @ coef[t]
        total += np.sum((residual - residual.mean()) ** 2) / (2 * mean_rows)
    return total


def test_full_rank_without_penalty_is_least_squares_of_each_task():
    X, y, task = ragged()
    model = fitted(X, y, task, rank=9, alpha=0.0)
    assert model.rank_ == 5
    for t in range(5):
        design = np.column_stack([X[task == t], np.ones((task == t).sum())])
        expected = np.linalg.lstsq(design, y[task == t], rcond=None)[0]
        assert_allclose(np.r_[model.coef_[t], model.intercept_[t]], expected, rtol=1e-5)


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_one_task_is_ridge(fit_intercept):
    X, y, _ = ragged()
    model = regressor(task_feature=None, fit_intercept=fit_intercept).fit(X, y)
    ridge = Ridge(0.05 * len(y), fit_intercept=fit_intercept).fit(X, y)
    assert_allclose(model.coef_[0], ridge.coef_, rtol=1e-5, atol=1e-6)
    assert_allclose(model.predict(X), ridge.predict(X), rtol=1e-5, atol=1e-5)


def test_tasks_that_share_rows_are_reduced_rank_regression():
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(40, 6)), rng.normal(size=(40, 5))
    model = regressor(task_feature=None).fit(X, Y)
    X, Y = X - X.mean(axis=0), Y - Y.mean(axis=0)
    gram = X.T @ X + 0.05 * len(X) * np.eye(6)
    root = np.linalg.cholesky(gram)
    left, size, right = np.linalg.svd(np.linalg.solve(root, X.T @ Y))
    best = np.linalg.solve(root.T, (left[:, :2] * size[:2]) @ right[:2])
    assert_allclose(model.coef_, best.T, rtol=1e-5, atol=1e-8)


def test_no_coefficients_of_that_rank_nearby_are_better():
    X, y, task = ragged()
    model = fitted(X, y, task)
    best = objective(model, X, y, task, model.coef_)
    rng = np.random.default_rng(1)
    for size in (1e-4, 1e-2, 1.0):
        for _ in range(30):
            heads = model.heads_ + size * rng.normal(size=model.heads_.shape)
            basis = model.components_ + size * rng.normal(size=model.components_.shape)
            assert objective(model, X, y, task, heads @ basis) >= best - 1e-10


def test_the_excess_estimates_what_is_left_to_gain():
    X, y, task = ragged(seed=3)
    tasks = sample_statistics(statistics(data_of(X, y, task))).tasks
    white = whitening(tasks)
    best = fit_span(tasks, white, 2, 0.05, tol=1e-15).objective
    for tol in (1e-2, 1e-4, 1e-6):
        loose = fit_span(tasks, white, 2, 0.05, tol=tol)
        assert loose.excess <= tol
        assert (loose.objective - best) / best <= 20 * tol


def test_rows_and_moments_give_the_same_coefficients():
    X, y, task = ragged(n_features=20, sizes=(9, 14, 30, 7, 21, 1, 2), rank=3)
    weight = np.random.default_rng(0).uniform(0.5, 2.0, len(y))
    data = data_of(X, y, task, weight)
    fits = []
    for sample in (sample_rows(data), sample_statistics(statistics(data))):
        white = whitening(sample.tasks)
        span = fit_span(sample.tasks, white, 3, 0.1, tol=1e-14)
        fits.append(span.heads @ span.basis.T)
    assert_allclose(fits[0], fits[1], rtol=1e-5, atol=1e-7)


def wide(seed=0):
    X, y, task = ragged(n_features=70, sizes=(30, 40, 50, 20), rank=2)
    order = np.random.default_rng(seed).permutation(len(y))
    return with_task(X[order], task[order]), y[order]


def test_models_with_many_features_are_fitted_from_rows_to_the_same_answer():
    X, y = wide()
    rows = regressor().fit(X, y)
    moments = regressor().partial_fit(X[:100], y[:100]).partial_fit(X[100:], y[100:])
    assert isinstance(rows._statistics, TaskData)
    assert isinstance(moments._statistics, TaskStatistics)
    assert_allclose(rows.coef_, moments.coef_, rtol=1e-3, atol=2e-5)


@pytest.mark.parametrize("rank", [2, "auto"])
def test_rows_that_were_kept_can_be_added_to(rank):
    X, y = wide()
    kept, model = X[:, 0] != 3, regressor(rank=rank)
    table = X[kept].copy()
    grown = clone(model).fit(table, y[kept])
    table[:] = 0.0
    grown.partial_fit(X[~kept][:5], y[~kept][:5])
    grown.partial_fit(X[~kept][5:], y[~kept][5:])
    whole = clone(model).fit(X, y)
    assert_allclose(grown.coef_, whole.coef_, rtol=1e-3, atol=1e-4)
    few = clone(model).fit(X[kept], y[kept])
    assert_allclose(grown.remove_task(3).coef_, few.coef_, rtol=1e-3, atol=1e-4)
    assert_allclose(whole.remove_task(3).coef_, few.coef_, rtol=1e-3, atol=1e-4)


def test_a_task_added_later_is_part_of_what_was_kept():
    X, y = wide()
    kept, model = X[:, 0] != 1, regressor(rank="auto")
    grown = clone(model).fit(X[kept], y[kept]).fit_task(X[~kept], y[~kept])
    other = clone(model).fit(X, y)
    more = X[:7] + np.r_[0.0, np.full(70, 0.1)]
    assert_allclose(
        grown.partial_fit(more, y[:7]).coef_,
        other.partial_fit(more, y[:7]).coef_,
        rtol=1e-3,
        atol=1e-4,
    )


def test_fewer_rows_than_features_lose_nothing():
    X, y, task = ragged(n_features=90, sizes=(10, 12, 8), rank=2)
    reduced, basis = fewer_features(data_of(X, y, task))
    assert reduced.X.shape == (30, 30)
    assert_allclose(reduced.X @ basis.T, X, atol=1e-12)
    few, moments = fitted(X, y, task), regressor().partial_fit(with_task(X, task), y)
    assert few.components_.shape == (2, 90)
    assert_allclose(few.coef_, moments.coef_, rtol=1e-3, atol=1e-5)


def slow_visit(rows, y, offsets, scale, basis, ridge):
    """Return what ``visit_rows`` writes and returns, by definition."""
    heads, moment, loss = [], 0.0, 0.0
    for t in range(len(scale)):
        X, target = rows[offsets[t] : offsets[t + 1]], y[offsets[t] : offsets[t + 1]]
        Z = X @ basis
        inner = scale[t] * Z.T @ Z + ridge * np.eye(basis.shape[1])
        head = np.linalg.solve(inner, scale[t] * Z.T @ target)
        residual = target - Z @ head
        loss += 0.5 * (scale[t] * residual @ residual + ridge * head @ head)
        moment = moment + scale[t] * np.outer(X.T @ residual, head)
        heads.append(head)
    return loss, np.array(heads), moment


@pytest.mark.parametrize("rank", [1, 2, 3, 4])
@pytest.mark.parametrize("loops", [low_rank, _plain])
def test_visits_agree_with_their_twin(loops, rank):
    rng = np.random.default_rng(0)
    rows, y = rng.normal(size=(25, 7)), rng.normal(size=25)
    offsets, scale = np.array([0, 3, 3, 15, 20, 25]), rng.uniform(0.5, 2.0, 5)
    basis = np.linalg.qr(rng.normal(size=(7, rank)))[0]
    lines, heads, moment = basis.T.copy(), np.empty((5, rank)), np.zeros((rank, 7))
    loss = loops.visit_rows(rows, y, offsets, scale, lines, 0.3, heads, moment)
    for got, expected in zip(
        (loss, heads, moment.T), slow_visit(rows, y, offsets, scale, basis, 0.3),
        strict=True,
    ):  # fmt: skip
        assert_allclose(got, expected, rtol=1e-10, atol=1e-12)
    gram, xy = np.empty((5, rank, rank)), np.empty((5, rank))
    loops.project_rows(rows, y, offsets, lines, gram, xy)
    for t, own in enumerate(np.split(np.arange(25), offsets[1:-1])):
        reduced = rows[own] @ basis
        assert_allclose(gram[t], reduced.T @ reduced, atol=1e-12)
        assert_allclose(xy[t], reduced.T @ y[own], atol=1e-12)


@pytest.mark.parametrize("alpha", [0.05, "auto"])
def test_weights_are_copies_and_missing_targets_are_missing_rows(alpha):
    X, y, task = ragged()
    weight = np.random.default_rng(0).integers(0, 4, len(y))
    copies = np.repeat(np.arange(len(y)), weight)
    a = fitted(X, y, task, alpha=alpha, sample_weight=weight)
    b = fitted(X[copies], y[copies], task[copies], alpha=alpha)
    assert_allclose(a.coef_, b.coef_, rtol=1e-5, atol=1e-7)
    Y = np.full((len(y), 5), np.nan)
    Y[np.arange(len(y)), task] = y
    wide = regressor(task_feature=None, alpha=alpha).fit(X, Y)
    column = fitted(X, y, task, alpha=alpha)
    assert_allclose(wide.coef_, column.coef_, rtol=1e-5, atol=1e-7)


def test_order_of_rows_tasks_and_features_does_not_matter():
    X, y, task = ragged()
    model = fitted(X, y, task)
    rng = np.random.default_rng(1)
    rows, features = rng.permutation(len(y)), rng.permutation(6)
    other = fitted(X[rows][:, features], y[rows], 4 - task[rows])
    assert_allclose(other.coef_[::-1], model.coef_[:, features], rtol=1e-5, atol=1e-7)


def test_rotating_the_features_rotates_the_coefficients():
    X, y, task = ragged()
    turn = np.linalg.qr(np.random.default_rng(2).normal(size=(6, 6)))[0]
    a, b = fitted(X, y, task), fitted(X @ turn, y, task)
    assert_allclose(b.coef_, a.coef_ @ turn, rtol=1e-5, atol=1e-7)
    assert_allclose(np.abs(b.heads_), np.abs(a.heads_), rtol=1e-5, atol=1e-7)


def test_targets_in_any_units():
    X, y, task = ragged(sizes=(30, 40, 35, 50, 60))
    unit = 10.0 ** np.arange(-2, 3)
    model = fitted(X, y, task, alpha="auto", task_weight="noise")
    other = fitted(X, y * unit[task], task, alpha="auto", task_weight="noise")
    assert_allclose(other.coef_ / unit[:, None], model.coef_, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("weight", ["equal", "svd"])
def test_other_weights_of_tasks_are_still_a_fit(weight):
    data = make_shared_representation(
        20, 40, 10, rank=2, random_state=0, n_outlier_tasks=2
    )
    model = SharedRepresentationRegressor(2, task_weight=weight, task_feature="task")
    assert model.fit(data.data, data.target).score(data.data, data.target) > 0.5


def test_parts_add_up_and_tasks_can_leave():
    X, y, task = ragged()
    Z = with_task(X, task)
    whole = regressor("auto", alpha="auto").fit(Z, y)
    parts = regressor("auto", alpha="auto").partial_fit(Z[:40], y[:40])
    parts.partial_fit(Z[40:], y[40:])
    assert whole.rank_ == parts.rank_
    assert_allclose(parts.coef_, whole.coef_, rtol=1e-5, atol=1e-7)
    kept = task != 3
    without = regressor("auto", alpha="auto").fit(Z[kept], y[kept])
    assert_allclose(parts.remove_task(3).coef_, without.coef_, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("settings", [{"alpha": 0.05}, {"alpha": "auto"}])
def test_a_new_task_with_the_rows_of_an_old_one_gets_its_head(settings):
    X, y, task = ragged()
    model = fitted(X, y, task, **settings)
    before, own = model.coef_.copy(), task == 2
    model.fit_task(with_task(X, task)[own], y[own], name=2.5)
    assert model.tasks_.tolist() == [0, 1, 2, 2.5, 3, 4]
    assert_allclose(np.delete(model.coef_, 3, axis=0), before)
    assert_allclose(model.coef_[3], before[2], rtol=1e-6)
    query = with_task(X, np.full(len(y), 2.5))
    assert_allclose(model.predict(query), X @ model.coef_[3] + model.intercept_[3])
    with pytest.raises(ValueError, match="already"):
        model.fit_task(query[:3], y[:3])
    model.partial_fit(with_task(X, task)[:5], y[:5])
    assert model.n_tasks_ == 6


def test_rows_of_a_new_task_may_be_few():
    data = make_shared_representation(40, 60, 30, rank=3, random_state=1)
    model = SharedRepresentationRegressor(3, task_feature="task")
    own = (data.data["task"] == "task_00").to_numpy()
    model.fit(data.data[~own], data.target[~own])
    model.fit_task(data.data[own][:6], data.target[own][:6])
    error = np.sum((model.coef_[0] - data.coef[0]) ** 2)
    assert error < 0.4 * np.sum(data.coef[0] ** 2)


def test_the_rank_of_the_tasks_is_found():
    for seed, rank in enumerate((1, 3, 5)):
        data = make_shared_representation(40, 60, 15, rank=rank, random_state=seed)
        model = SharedRepresentationRegressor(task_feature="task")
        model.fit(data.data, data.target)
        assert model.rank_ == rank
        overlap = model.components_ @ data.components.T
        assert np.linalg.svd(overlap)[1].min() > 0.9


def test_sharing_beats_the_tasks_alone():
    data = make_shared_representation(40, 30, 15, rank=2, random_state=0)
    X = data.data.drop(columns="task").to_numpy()
    model = SharedRepresentationRegressor(task_feature="task")
    model.fit(data.data, data.target)
    alone = [
        Ridge(1.0).fit(X[own], data.target[own]).coef_
        for own in (data.data["task"].to_numpy() == t for t in data.task_names)
    ]
    error = np.sum((model.coef_ - data.coef) ** 2)
    assert error < 0.4 * np.sum((np.array(alone) - data.coef) ** 2)


@pytest.mark.parametrize("alpha", [0.0, 0.05, "auto"])
@pytest.mark.parametrize("robust", [False, True])
def test_awkward_tasks(alpha, robust):
    X, y, task = ragged(sizes=(1, 2, 1, 40, 3, 30, 30))
    X = np.column_stack([X, X[:, 0], np.ones(len(y)), 1e6 + 1e-3 * X[:, 1]])
    X[task == 3, 2] = 5.0
    twice = np.flatnonzero(task == 5)
    X, y = np.vstack([X, X[twice]]), np.r_[y, y[twice]]
    task = np.r_[task, np.full(twice.size, 7)]
    model = fitted(X, y, task, alpha=alpha, robust=robust, rank=3, tol=1e-8)
    assert np.isfinite(model.coef_).all()
    assert np.isfinite(model.predict(with_task(X, task))).all()
    assert_allclose(model.coef_[5], model.coef_[7], rtol=1e-4, atol=1e-6)


def test_the_representation_is_a_transformer():
    X, y, task = ragged()
    model = fitted(X, y, task)
    assert_allclose(model.transform(with_task(X, task)), X @ model.components_.T)
    frame = pd.DataFrame(X, columns=list("abcdef"))
    frame["school"] = [f"s{t}" for t in task]
    model = regressor(task_feature="school", keep_task_column=True).fit(frame, y)
    reduced = model.transform(frame)
    assert reduced.columns.tolist() == model.get_feature_names_out().tolist()
    assert reduced["school"].tolist() == frame["school"].tolist()
    assert_allclose(model.components_ @ model.components_.T, np.eye(2), atol=1e-10)
    assert_allclose(model.coef_, model.heads_ @ model.components_, atol=1e-12)


def mixed(seed=0, n_samples=400):
    """Return tasks, and the same with features mixed differently in each."""
    data = make_shared_representation(
        20, n_samples, 8, rank=2, noise=3.0, random_state=seed
    )
    rng = np.random.default_rng(seed)
    frame = data.data.copy()
    for name in data.task_names:
        turn = np.linalg.qr(rng.normal(size=(8, 8)))[0]
        mixing = turn * np.exp(rng.uniform(-1.5, 1.5, 8)) @ turn.T
        own = frame["task"] == name
        frame.loc[own, frame.columns[:-1]] = (
            frame.loc[own].iloc[:, :-1].to_numpy() @ mixing
        )
    return data, frame


def test_alignment_undoes_what_mixes_the_features():
    data, frame = mixed()
    plain = SharedRepresentationRegressor(2, task_feature="task")
    aligned = SharedRepresentationRegressor(2, align="covariance", task_feature="task")
    half = np.arange(len(frame)) % 2 == 0
    scores = [
        model.fit(frame[half], data.target[half]).score(
            frame[~half], data.target[~half]
        )
        for model in (plain, aligned)
    ]
    known = plain.fit(data.data[half], data.target[half])
    best = known.score(data.data[~half], data.target[~half])
    assert scores[0] < 0.8 * best
    assert scores[1] > 0.95 * best


def test_alignment_leaves_tasks_alone_that_are_alike():
    data, _ = mixed()
    plain = SharedRepresentationRegressor(2, task_feature="task")
    aligned = SharedRepresentationRegressor(2, align="covariance", task_feature="task")
    plain.fit(data.data, data.target)
    aligned.fit(data.data, data.target)
    assert_allclose(aligned.coef_, plain.coef_, atol=0.05)
    reduced = aligned.transform(data.data)
    assert reduced.shape == (len(data.data), 2)


def test_similarity_of_features_tells_what_alignment_is_for():
    data, frame = mixed()
    tasks, alike = covariance_similarity(data.data, task_feature="task")
    _, unlike = covariance_similarity(frame, task_feature="task")
    assert tasks.tolist() == data.task_names.tolist()
    off = ~np.eye(20, dtype=bool)
    assert alike[off].min() > 0.9 > unlike[off].mean()
    assert_allclose(np.diag(unlike), 1.0)
    codes = data.data.to_numpy()[:, ::-1]
    assert_allclose(covariance_similarity(codes, task_feature=0)[1], alike)


def classes(n_classes=2, seed=0, n_features=4, n_tasks=6, n_rows=400):
    rng = np.random.default_rng(seed)
    task, X = rng.integers(0, n_tasks, n_rows), rng.normal(size=(n_rows, n_features))
    basis = rng.normal(size=(2, n_features))
    coef = rng.normal(size=(n_tasks, n_classes, 2)) @ basis
    score = np.einsum("ij,icj->ic", X, coef[task]) + rng.gumbel(
        size=(n_rows, n_classes)
    )
    return X, score.argmax(axis=1), task


@pytest.mark.parametrize("n_classes", [2, 3])
def test_one_classification_task_is_logistic_regression(n_classes):
    X, y, _ = classes(n_classes)
    model = SharedRepresentationClassifier(9, alpha=0.1, tol=1e-13, max_iter=500)
    model.fit(X, y)
    rival = LogisticRegression(C=1 / (0.1 * len(y)), tol=1e-10, max_iter=10000)
    rival.fit(X, y)
    assert_allclose(model.predict_proba(X), rival.predict_proba(X), atol=2e-4)


@pytest.mark.parametrize("alpha", [0.02, "auto"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_classes_of_many_tasks(n_classes, alpha):
    X, y, task = classes(n_classes)
    Z = with_task(X, task)
    model = SharedRepresentationClassifier(2, alpha=alpha, task_feature=0)
    model.fit(Z[:300], y[:300])
    assert model.score(Z[300:], y[300:]) > 0.6
    assert model.components_.shape == (2, 4)
    before = model.predict_proba(Z)
    own = task[:300] == 1
    model.fit_task(Z[:300][own], y[:300][own], name=1.5)
    assert_allclose(model.predict_proba(Z), before)
    assert_allclose(model.coef_[2], model.coef_[1], rtol=0.02, atol=0.02)


def test_no_logistic_coefficients_nearby_are_better():
    X, y, task = classes()
    model = SharedRepresentationClassifier(
        2, alpha=0.05, tol=1e-14, max_iter=2000, task_feature=0
    ).fit(with_task(X, task), y)

    def loss(coef, intercept):
        score = np.sum(X * coef[task], axis=1) + intercept[task]
        rows = np.logaddexp(0.0, score) - y * score
        return rows.sum() * 6 / len(y) + 0.025 * np.sum(coef**2)

    best = loss(model.coef_, model.intercept_)
    rng = np.random.default_rng(0)
    for size in (1e-3, 1e-2, 1.0):
        for _ in range(30):
            heads = model.heads_ + size * rng.normal(size=(6, 2))
            basis = model.components_ + size * rng.normal(size=(2, 4))
            intercept = model.intercept_ + size * rng.normal(size=6)
            assert loss(heads @ basis, intercept) >= best - 1e-7


def test_classes_that_separate_have_finite_coefficients():
    X, _, task = classes()
    y = (X[:, 0] > 0).astype(int)
    model = SharedRepresentationClassifier(task_feature=0)
    model.fit(with_task(X, task), y)
    assert np.isfinite(model.coef_).all()
    assert np.abs(model.coef_).max() < 1e3
    assert model.score(with_task(X, task), y) > 0.95


def test_order_of_classification_tasks_does_not_matter():
    X, y, task = classes(3)
    a = SharedRepresentationClassifier(2, alpha=0.05, tol=1e-12, task_feature=0)
    b = SharedRepresentationClassifier(2, alpha=0.05, tol=1e-12, task_feature=0)
    a.fit(with_task(X, task), y)
    b.fit(with_task(X, 5 - task)[::-1], y[::-1])
    assert_allclose(b.coef_[::-1], a.coef_, rtol=1e-3, atol=1e-4)
