"""Laws of the active estimators: what they predict, and what they ask for."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold, StratifiedKFold

from skmtl._tasks import group_rows, statistics
from skmtl.active import ActiveTaskClassifier, ActiveTaskRegressor
from skmtl.active._posterior import Draws
from skmtl.active._soft_head import (
    Metric,
    TargetRows,
    from_heads,
    near_span,
    target_only,
)
from skmtl.active._source_span import SourceSpan, no_span
from skmtl.active._strategies import (
    CLOSE,
    Question,
    elfving,
    levelled,
    optimal_shares,
    proportional,
    whole,
)
from skmtl.active._target import BELIEVED, share_missed
from skmtl.datasets import make_source_tasks

STRATEGIES = ["elfving", "lasso", "l2", "uniform"]


def rows_of(problem, task, n):
    """Return rows of a task with the task column."""
    X, y = problem.oracle(task, n)
    return X.assign(task=task), np.asarray(y)


def table(n=30, n_target=60, n_sources=8, seed=0, **options):
    """Return a problem, and a table of its target and of `n` rows of each source."""
    options = {"n_features": 6, "rank": 2, "scenario": "l2hard", **options}
    problem = make_source_tasks(n_sources, n_target, random_state=seed, **options)
    parts = [(problem.data, np.asarray(problem.target))]
    if n:
        parts += [rows_of(problem, task, n) for task in problem.source_tasks]
    X, y = zip(*parts, strict=True)
    return problem, pd.concat(X, ignore_index=True), np.concatenate(y)


def learner(**parameters):
    given = {"rank": 2, "target_task": "target", "task_feature": "task"}
    return ActiveTaskRegressor(**{**given, "random_state": 0, **parameters})


def risk(model, problem):
    error = model.target_coef_ - problem.target_coef
    return float(error @ error)


@pytest.mark.parametrize("rank", [2, "auto"])
def test_parts_in_any_order_are_the_whole(rank):
    _, X, y = table()
    whole_fit = learner(rank=rank).fit(X, y)
    rng = np.random.default_rng(0)
    for parts in (2, 5):
        order = rng.permutation(len(y))
        # The first part must hold the target.
        order = np.r_[np.flatnonzero(X["task"] == "target")[:3], order]
        order = order[np.sort(np.unique(order, return_index=True)[1])]
        model = learner(rank=rank)
        with warnings.catch_warnings():
            # Few rows of the target, for a moment.
            warnings.simplefilter("ignore", UserWarning)
            for part in np.array_split(order, parts):
                model.partial_fit(X.iloc[part], y[part])
        assert_allclose(model.coef_, whole_fit.coef_, rtol=1e-7, atol=1e-8)
        assert_allclose(model.n_seen_, whole_fit.n_seen_)
        assert_allclose(model.expected_risk_, whole_fit.expected_risk_, rtol=1e-6)
        assert model.query(100) == whole_fit.query(100)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_query_changes_nothing_and_keeps_to_the_budget(strategy):
    _, X, y = table()
    model = learner(strategy=strategy).fit(X, y)
    before = pickle.dumps(model)
    first, second = model.query(137), model.query(137)
    assert first == second
    assert pickle.dumps(model) == before
    assert sum(first.values()) <= 137
    assert sum(first.values()) >= 137 - len(model.source_tasks_)
    assert all(isinstance(n, int) and n > 0 for n in first.values())
    assert set(first) <= set(model.source_tasks_)
    assert list(first) == sorted(first)
    assert model.query(0) == {}


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_no_more_rows_than_are_available(strategy):
    _, X, y = table()
    model = learner(strategy=strategy).fit(X, y)
    limits = {task: 3 * m for m, task in enumerate(model.source_tasks_.tolist())}
    rows = model.query(10_000, available=limits)
    assert rows == {task: n for task, n in limits.items() if n}
    rows = model.query(40, available=limits)
    assert all(n <= limits[task] for task, n in rows.items())
    assert 40 - 8 <= sum(rows.values()) <= 40


def test_money_is_spent_where_rows_have_prices():
    _, X, y = table()
    names = sorted(set(X["task"]) - {"target"})
    costs = {name: 1.0 + m for m, name in enumerate(names)} | {"other": 9.0}
    for strategy in STRATEGIES:
        model = learner(strategy=strategy, costs=costs).fit(X, y)
        spent = sum(costs[name] * n for name, n in model.query(400).items())
        assert 400 - sum(costs.values()) <= spent <= 400 + 1e-9
        assert_allclose(model.cost_spent_, 30 * sum(costs[name] for name in names))
    with pytest.raises(ValueError, match="costs must name"):
        learner(costs={names[0]: 1.0}).fit(X, y)
    with pytest.raises(ValueError, match="positive"):
        learner(costs=dict.fromkeys(names, 0.0)).fit(X, y)


def test_a_dear_source_is_bought_less():
    problem, X, y = table(n=100)
    best = problem.source_tasks[int(np.argmax(np.abs(problem.relevance)))]
    costs = dict.fromkeys(problem.source_tasks, 1.0)
    cheap = learner(costs=costs).fit(X, y).query(400)
    dear = learner(costs=costs | {best: 20.0}).fit(X, y).query(400)
    assert cheap[best] > 100
    assert dear.get(best, 0) < 20


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_before_any_source_is_seen_all_are_asked_alike(strategy):
    problem, X, y = table(n=0)
    model = learner(strategy=strategy).fit(X, y)
    assert model.exploring_
    assert model.rank_ == 0
    assert model.head_kind_.tolist() == ["target"]
    assert model.n_seen_.size == model.relevance_.size == model.allocation_.size == 0
    available = dict.fromkeys(problem.source_tasks, 50)
    assert model.query(80, available=available) == dict.fromkeys(available, 10)
    with pytest.raises(ValueError, match="No source task is known"):
        model.query(10)


def test_a_source_that_is_new_is_asked_for():
    _, X, y = table()
    old, new = X["task"] != "source_03", (X["task"] == "source_03").to_numpy()
    model = learner().fit(X[old], y[old])
    rows = model.query(200, available={"source_03": 100})
    assert rows["source_03"] > 0
    assert list(rows) == sorted(rows)
    model.partial_fit(X[new], y[new])
    assert_allclose(model.coef_, learner().fit(X, y).coef_, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_names_order_and_units_do_not_matter(strategy):
    _, X, y = table()
    model = learner(strategy=strategy).fit(X, y)
    expected = model.query(200)
    order = np.random.default_rng(1).permutation(len(y))
    assert clone(model).fit(X.iloc[order], y[order]).query(200) == expected
    # Folds of whole numbers depend on the numbers in a row: these are the same.
    given = clone(model).set_params(cv=list(KFold(5).split(X)))
    here = given.fit(X, y).query(200), given.expected_risk_
    assert clone(given).fit(X, 100 * y + 7).query(200) == here[0]
    risk = clone(given).fit(X, 100 * y).expected_risk_
    assert_allclose(risk, 1e4 * here[1], rtol=1e-6)
    names = sorted(set(X["task"]))
    new = {name: f"z{9 - m}" for m, name in enumerate(names)}
    renamed = clone(model).set_params(target_task=new["target"])
    answer = renamed.fit(X.assign(task=X["task"].map(new)), y).query(200)
    assert answer == {new[name]: n for name, n in expected.items()}


def test_the_target_is_a_mixture_by_losses_of_left_out_rows():
    _, X, y = table(n_target=24, scenario="generic")
    model = learner().fit(X, y)
    losses = model.head_losses_[0]
    weights = (losses / losses.min()) ** (-BELIEVED * 24 / 2.0)
    fit = model._targets[0]
    assert np.count_nonzero(fit.weights) == 3
    assert_allclose(fit.weights, weights / weights.sum(), rtol=1e-9)
    rows = TargetRows.of(model._statistics, model.tasks_.tolist().index("target"))
    parts = np.array([prior.coef(rows) for prior in fit.priors])
    assert_allclose(model.target_coef_, fit.weights @ parts, rtol=1e-9)


def test_a_row_of_weight_two_is_two_rows():
    _, X, y = table()
    weight = np.random.default_rng(0).integers(0, 3, len(y))
    copies = np.repeat(np.arange(len(y)), weight)
    weighted = learner().fit(X, y, sample_weight=weight)
    repeated = learner().fit(X.iloc[copies], y[copies])
    assert_allclose(weighted.coef_, repeated.coef_, rtol=1e-6, atol=1e-8)
    assert weighted.query(100) == repeated.query(100)


def test_draws_do_not_move_predictions():
    _, X, y = table()
    a, b = learner(random_state=1).fit(X, y), learner(random_state=2).fit(X, y)
    assert_array_equal(a.coef_, b.coef_)
    assert not np.array_equal(a.relevance_, b.relevance_)


def test_attributes_have_the_shapes_that_are_promised():
    _, X, y = table()
    model = learner().fit(X, y)
    assert model.source_tasks_.size == 8
    for name in ("relevance_", "relevance_std_", "allocation_", "n_seen_"):
        assert getattr(model, name).shape == (8,)
    assert_allclose(model.allocation_.sum(), 1.0)
    assert model.components_.shape == (2, 6)
    assert_allclose(model.components_ @ model.components_.T, np.eye(2), atol=1e-12)
    assert model.task_coef_.shape == (8, 2)
    assert model.target_coef_.shape == (6,)
    assert model.target_head_.shape == (2,)
    assert model.coef_.shape == (9, 6)
    assert 0.0 <= model.coverage_ <= 1.0
    assert isinstance(model.exploring_, bool)
    assert isinstance(model.expected_risk_, float)
    assert set(model.selected_tasks_) <= set(model.source_tasks_)
    sources = np.isin(model.tasks_, model.source_tasks_)
    assert_allclose(model.coef_[sources], model.task_coef_ @ model.components_)


def test_the_target_is_predicted_without_its_column():
    _, X, y = table()
    model = learner().fit(X, y)
    own = X[X["task"] == "target"]
    alone = model.target_estimator_.predict(own.drop(columns="task"))
    assert_allclose(alone, model.predict(own))
    several = learner(target_task=["target", "source_02"]).fit(X, y)
    assert several.target_coef_.shape == (2, 6)
    assert several.coverage_.shape == (2,)
    assert several.relevance_.shape == (7, 2)
    assert set(several.target_estimator_) == {"target", "source_02"}
    for name, estimator in several.target_estimator_.items():
        rows = X[X["task"] == name]
        expected = several.predict(rows)
        assert_allclose(estimator.predict(rows.drop(columns="task")), expected)
    assert set(several.query(100)) <= set(several.source_tasks_)


def test_every_task_may_be_the_target():
    _, X, y = table(n=40)
    model = learner(target_task=None).fit(X, y)
    assert model.target_tasks_.tolist() == model.source_tasks_.tolist()
    assert model.coverage_.shape == (9,)
    assert model.relevance_.shape == (9, 9)
    assert sum(model.query(90).values()) == 90
    assert model.score(X, y) > 0.3
    # None takes part in the span that it is drawn to.
    named = learner().fit(X, y)
    target = model.tasks_.tolist().index("target")
    assert_allclose(model.coef_[target], named.target_coef_, rtol=1e-3, atol=1e-3)


def test_one_task_alone_is_a_ridge():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 5))
    y = X @ rng.normal(size=5) + rng.normal(size=40)
    model = ActiveTaskRegressor().fit(X, y)
    part = statistics(group_rows(X, y, np.ones(40), np.zeros(40, int), 1))
    rows = TargetRows.of(part, 0)
    metric = Metric.of(rows.gram / 40, np.zeros((5, 0)))
    alpha = target_only(rows, metric, 0.0).precision[0, 0]
    ridge = Ridge(alpha=alpha, tol=1e-12).fit(X, y)
    assert_allclose(model.predict(X), ridge.predict(X), rtol=1e-9)
    assert 0.01 < alpha < 50


def test_evidence_is_that_of_the_rows():
    rng = np.random.default_rng(0)
    X, basis = rng.normal(size=(25, 6)), np.linalg.qr(rng.normal(size=(6, 2)))[0]
    y = X @ basis @ [2.0, -1.0] + 0.7 * rng.normal(size=25)
    part = statistics(group_rows(X, y, np.ones(25), np.zeros(25, int), 1))
    rows, metric = TargetRows.of(part, 0), Metric.of(np.cov(X.T), basis)
    X, y = X - X.mean(axis=0), y - y.mean()

    def dense(candidate):
        cover = np.eye(25) + X @ np.linalg.solve(candidate.precision, X.T)
        square = y @ np.linalg.solve(cover, y)
        return -0.5 * (np.linalg.slogdet(cover)[1] + 24 * np.log(square / 24))

    alone, near = target_only(rows, metric, 0.0), near_span(rows, metric, 0.0, 10.0)
    belief = -0.5 * ((np.log10(near.distance) - 1.0) / 0.5) ** 2
    assert_allclose(alone.evidence, dense(alone))
    assert_allclose(near.evidence, dense(near) + belief)


def question(n_draws=6, n_sources=12, k=3, budget=300.0, seed=0):
    rng = np.random.default_rng(seed)
    heads = rng.normal(size=(n_sources, k))
    draws = Draws(
        heads + 0.2 * rng.normal(size=(n_draws, n_sources, k)),
        rng.normal(size=(n_draws, k, 1)),
    )
    span = no_span(5, n_sources)._replace(
        basis=np.eye(5)[:, :k], heads=heads, rows=rng.integers(0, 20, n_sources) * 1.0
    )
    price = rng.uniform(0.5, 3.0, n_sources)
    return Question(
        span, draws.targets[0], draws, price, np.full(n_sources, np.inf), budget, 0.0,
        np.arange(n_sources),
    )  # fmt: skip


def mean_risk(asked, rows):
    total = asked.span.rows + rows
    heads = asked.draws.heads
    information = (heads.transpose(0, 2, 1) * total) @ heads
    solved = np.linalg.solve(information, asked.draws.targets)
    return (asked.draws.targets * solved).sum() / len(heads)


@pytest.mark.parametrize("least", [1e-3, 1e-10, 1e-14, 1e-18, 0.0])
def test_heads_in_fewer_directions_than_the_span(least):
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(13, 3)))[0]
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    X, noise = rng.normal(size=(8, 13)), rng.normal(size=8)
    X -= X.mean(axis=0)
    y = X @ basis[:, 0] + noise - noise.mean()
    rows = TargetRows(X.T @ X, X.T @ y, float(y @ y), 8.0, np.zeros(13), 0.0)
    span = SourceSpan(
        basis,
        np.zeros((20, 3)),
        np.zeros((20, 3, 3)),
        np.zeros(3),
        (turn * [1.0, 0.5, least]) @ turn.T,
        1.0,
        np.full(20, 5.0),
    )
    found = from_heads(rows, Metric.of(np.eye(13), basis), span, 10.0)
    head = turn.T @ (basis.T @ found.coef(rows))
    assert np.isfinite(head).all()
    assert np.abs(head[:2]).max() > 0.01
    if least < 1e-9:  # The third direction has no variance beforehand.
        assert abs(head[2]) < 1e-6


def test_no_other_rows_have_a_lower_expected_risk():
    asked = question()
    best = mean_risk(asked, asked.budget * optimal_shares(asked) / asked.price)
    rng = np.random.default_rng(0)
    for share in rng.dirichlet(np.full(12, 0.3), 1000):
        other = mean_risk(asked, asked.budget * share / asked.price)
        assert best <= other * (1.0 + CLOSE)
    assert_allclose(asked.price @ elfving(asked), asked.budget)


def test_rows_that_run_out_are_bought_out():
    asked = question()
    first = elfving(asked)
    limit = np.where(first > 10.0, 5.0, np.inf)
    limited = elfving(asked._replace(most=limit))
    assert (limited <= limit + 1e-9).all()
    assert_allclose(asked.price @ limited, asked.budget)
    assert mean_risk(asked, limited) >= mean_risk(asked, first) * (1.0 - CLOSE)


def test_levelling_and_proportion_spend_the_budget():
    asked = question()
    rows = levelled(asked)
    assert_allclose(asked.price @ rows, asked.budget)
    before = asked.price * asked.span.rows
    total = before + asked.price * rows
    assert_allclose(total[rows > 0], total[rows > 0].max())
    assert (before[rows == 0] >= total[rows > 0].max() - 1e-9).all()
    assert np.ptp(asked.price) > 0.0
    share = np.arange(12.0)
    rows = proportional(asked, share)
    assert_allclose(rows / rows[-1], share / share[-1], atol=1e-12)
    counts = whole(rows, asked)
    assert asked.price @ counts <= asked.budget
    assert (np.abs(counts - rows) <= 1.0).all()


def test_the_source_that_matters_is_found():
    problem, X, y = table(n=100, n_target=200)
    best = problem.source_tasks[int(np.argmax(np.abs(problem.relevance)))]
    for strategy in ("elfving", "lasso", "l2"):
        model = learner(strategy=strategy).fit(X, y)
        rows = model.query(1000)
        assert max(rows, key=rows.get) == best
        assert best in model.selected_tasks_
    place = model.source_tasks_.tolist().index(best)
    assert np.argmax(np.abs(model.relevance_)) == place
    assert abs(model.relevance_[place] - 1.0) < 4 * model.relevance_std_[place] + 0.3


def test_selected_sources_are_those_that_are_planted():
    rng = np.random.default_rng(0)
    basis, names = np.linalg.qr(rng.normal(size=(12, 3)))[0].T, ["target"]
    # Two sources mix to the target; the others lie off to its sides.
    heads = [[1.0, 1.0, 0.0], [1.0, 0.1, 0.0], [0.1, 1.0, 0.0]]
    heads += [[0.2, 0.2, sign] for sign in (1.0, -1.0) for _ in range(6)]
    names += [f"s{m:02}" for m in range(1, len(heads))]
    task = np.repeat(names, 400)
    X = rng.normal(size=(task.size, 12))
    coef = np.repeat(np.array(heads) @ basis, 400, axis=0)
    y = (X * coef).sum(axis=1) + rng.normal(size=task.size)
    frame = pd.DataFrame(X, columns=list("abcdefghijkl")).assign(task=task)
    model = learner(rank=3).fit(frame, y)
    assert model.selected_tasks_.tolist() == ["s01", "s02"]
    # A tenth of the next rows explores all of them none the less.
    assert np.count_nonzero(model.allocation_) == model.source_tasks_.size
    noise = learner(rank=3).fit(frame, rng.normal(size=task.size))
    assert noise.selected_tasks_.size <= 2


def test_a_rule_of_ones_own():
    _, X, y = table()
    seen = {}

    def first(W, c, budget, *, n_seen, cost):
        seen.update(W=W.shape, c=c.shape, n_seen=n_seen.sum(), cost=cost.sum())
        return np.eye(W.shape[1])[0] * budget

    model = learner(strategy=first).fit(X, y)
    assert model.query(17) == {"source_00": 17}
    assert seen == {"W": (2, 8), "c": (2,), "n_seen": 240.0, "cost": 8.0}
    assert_array_equal(model.allocation_, np.eye(8)[0])
    wrong = learner(strategy=lambda W, c, budget, n_seen, cost: [budget]).fit(X, y)
    with pytest.raises(ValueError, match="strategy must return 8 numbers"):
        wrong.query(10)


def test_sources_that_have_nothing_to_do_with_the_target_do_no_harm():
    ratios = []
    for seed in range(12):
        problem, X, y = table(n=40, n_target=80, seed=seed, n_features=10)
        rng = np.random.default_rng(seed)
        for task in problem.source_tasks:
            own = (X["task"] == task).to_numpy()
            features = X.loc[own].drop(columns="task").to_numpy()
            y[own] = features @ rng.normal(size=10) + rng.normal(size=own.sum())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            model = learner().fit(X, y)
        own = X["task"] == "target"
        alone = learner().fit(X[own], y[own])
        ratios.append([risk(model, problem), risk(alone, problem)])
    ours, rival = np.mean(ratios, axis=0)
    assert ours <= 1.05 * rival


def test_sources_that_share_the_span_help():
    ratios = []
    for seed in range(6):
        problem, X, y = table(n=100, n_target=40, seed=seed, n_features=12)
        own = X["task"] == "target"
        model, alone = learner().fit(X, y), learner().fit(X[own], y[own])
        ratios.append([risk(model, problem), risk(alone, problem)])
        assert model.head_kind_[0] in ("span", "heads", "target")
    ours, rival = np.mean(ratios, axis=0)
    assert ours <= 0.6 * rival


def test_the_expected_risk_is_the_risk():
    pairs = []
    for seed in range(30):
        problem, X, y = table(n=60, n_target=80, seed=seed, n_features=10)
        model = learner().fit(X, y)
        pairs.append([model.expected_risk_, risk(model, problem)])
    expected, measured = np.mean(pairs, axis=0)
    assert 0.6 <= measured / expected <= 1.6


def test_a_target_outside_the_span_is_told():
    rng = np.random.default_rng(0)
    names = np.repeat(["target", *[f"s{m}" for m in range(8)]], 200)
    X = rng.normal(size=(names.size, 6))
    heads = rng.normal(size=(9, 2)) @ np.eye(6)[:2]
    heads[0] = np.eye(6)[4]
    y = (X * np.repeat(heads, 200, axis=0)).sum(axis=1) + 0.5 * rng.normal(size=len(X))
    frame = pd.DataFrame(X, columns=list("abcdef")).assign(task=names)
    with pytest.warns(UserWarning, match="outside the span"):
        model = learner().fit(frame, y)
    assert model.coverage_ < 0.2
    assert_allclose(model.target_coef_, heads[0], atol=0.15)


@pytest.mark.parametrize(("seed", "n"), [(5, 16), (5, 24), (8, 32)])
def test_few_rows_of_sources_are_no_reason_to_call_a_target_outside(seed, n):
    options = {"n_features": 30, "rank": 4, "n_sources": 30}
    _, X, y = table(n=n, n_target=300, seed=seed, **options)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        model = learner(rank=4).fit(X, y)
    # It looks outside, and the target's rows agree; but the span is hardly known.
    assert model.coverage_ < 0.9
    assert not model.exploring_
    assert not [w for w in told if "outside the span" in str(w.message)]


@pytest.mark.parametrize("n", [30, 60, 240])
def test_a_span_misses_as_much_as_is_expected(n):
    missed, expected = [], []
    for seed in range(5):
        options = {"n_features": 30, "rank": 3, "n_sources": 40}
        problem, X, y = table(n=n, seed=seed, scenario="generic", **options)
        model = learner(rank=3).fit(X, y)
        truth = np.linalg.svd(problem.heads @ problem.components)[2][:3]
        least = np.linalg.svd(truth @ model.components_.T, compute_uv=False)[-1]
        missed.append(1.0 - least**2)
        metric = Metric.of(np.eye(30), model.components_.T)
        expected.append(share_missed(model._span, metric))
    assert 0.6 <= np.mean(missed) / np.mean(expected) <= 1.7


def test_too_few_rows_are_told():
    _, X, y = table(n_target=2)
    with pytest.warns(UserWarning, match="not more than the 2 shared"):
        learner().fit(X, y)
    problem, X, y = table(n=0)
    model = learner().fit(X, y)
    with pytest.warns(UserWarning, match="So few say little"):
        model.query(5, available=dict.fromkeys(problem.source_tasks, 9))


def test_an_unknown_target_is_told():
    _, X, y = table()
    with pytest.raises(ValueError, match="target_task='nobody' must name tasks"):
        learner(target_task="nobody").fit(X, y)
    model = learner().fit(X, y)
    for budget in (-1, np.inf, "all"):
        with pytest.raises(ValueError, match="budget must be"):
            model.query(budget)
    with pytest.raises(ValueError, match="available must hold"):
        model.query(10, available={"source_00": -1})


CASES = {
    "one source": {"n_sources": 2, "keep": ["target", "source_00"]},
    "one row of the target": {"n_target": 1},
    "fewer rows than the rank": {"n": 1},
    "two rows each": {"n": 2, "n_target": 3},
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("rank", [1, 2, 5, "auto"])
def test_hardly_any_data(name, rank):
    options = dict(CASES[name])
    keep = options.pop("keep", None)
    _, X, y = table(**options)
    if keep:
        kept = X["task"].isin(keep).to_numpy()
        X, y = X[kept], y[kept]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        for strategy in STRATEGIES:
            model = learner(rank=rank, strategy=strategy).fit(X, y)
            assert np.isfinite(model.coef_).all()
            assert np.isfinite(model.predict(X)).all()
            assert 0 < sum(model.query(50).values()) <= 50
            assert np.isfinite(model.relevance_).all()


def test_constant_features_and_copies_of_sources():
    _, X, y = table()
    # Folds of the learner's own depend on all columns.
    folds = list(StratifiedKFold(3, shuffle=True, random_state=0).split(X, X["task"]))
    expected = learner(cv=folds).fit(X, y)
    # The ridge of the sources' span counts features, constant ones too.
    constant = X.assign(f=1e6, g=0.0)[[*X.columns[:-1], "f", "g", "task"]]
    model = learner(cv=folds).fit(constant, y)
    assert_allclose(
        model.target_coef_[:-2], expected.target_coef_, rtol=1e-2, atol=2e-3
    )
    assert_allclose(model.target_coef_[-2:], 0.0, atol=1e-9)
    twin = X[X["task"] == "source_00"].assign(task="twin")
    y_twin = y[(X["task"] == "source_00").to_numpy()]
    model = learner().fit(pd.concat([X, twin]), np.concatenate([y, y_twin]))
    assert sum(model.query(100).values()) == 100
    assert np.isfinite(model.relevance_).all()
    flat = learner().fit(X, np.full(len(y), 3.0))
    assert_allclose(flat.predict(X), 3.0)
    assert sum(flat.query(100).values()) == 100


def classes(y, n_classes):
    edges = np.quantile(y, np.linspace(0, 1, n_classes + 1)[1:-1])
    return np.array(["low", "mid", "top"])[np.searchsorted(edges, y)]


def classifier(**parameters):
    return ActiveTaskClassifier(**learner(**parameters).get_params())


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_classifier(n_classes, strategy):
    _, X, y = table(n=60, n_target=120, noise=0.3)
    labels = classes(y, n_classes)
    model = classifier(strategy=strategy).fit(X, labels)
    before = pickle.dumps(model)
    rows = model.query(90)
    assert rows == model.query(90)
    assert pickle.dumps(model) == before
    assert 90 - 8 <= sum(rows.values()) <= 90
    assert set(rows) <= set(model.source_tasks_)
    assert model.score(X, labels) > (0.8 if n_classes == 2 else 0.65)
    own = X[X["task"] == "target"]
    alone = model.target_estimator_
    assert_array_equal(alone.predict(own.drop(columns="task")), model.predict(own))
    probability = alone.predict_proba(own.drop(columns="task"))
    assert_allclose(probability, model.predict_proba(own))
    for name in ("relevance_", "allocation_", "n_seen_"):
        assert getattr(model, name).shape == (8,)
    several = (n_classes,) * (n_classes > 2)
    assert model.target_coef_.shape == (*several, 6)
    assert model.coef_.shape == (9, *several, 6)


def test_classifier_by_parts_is_the_whole():
    _, X, y = table()
    labels = y > 0
    whole_fit = classifier().fit(X, labels)
    order = np.random.default_rng(0).permutation(len(y))
    order = np.r_[np.flatnonzero(X["task"] == "target"), order]
    order = order[np.sort(np.unique(order, return_index=True)[1])]
    model = classifier()
    for part in np.array_split(order, 3):
        model.partial_fit(X.iloc[part], labels[part])
    assert_allclose(model.coef_, whole_fit.coef_, rtol=1e-5, atol=1e-6)
    assert model.query(100) == whole_fit.query(100)
    with pytest.raises(ValueError, match="classes"):
        model.partial_fit(X.iloc[:3], ["a", "b", "c"])


def test_classifier_every_task_a_target():
    _, X, y = table()
    model = classifier(target_task=None).fit(X, y > 0)
    assert model.relevance_.shape == (9, 9)
    assert sum(model.query(90).values()) == 90
    three = classifier(target_task=None).fit(X, classes(y, 3))
    assert three.relevance_.shape == (9, 9)
    assert three.coverage_.shape == (9,)


def test_classifier_before_any_source_is_seen():
    problem, X, y = table(n=0)
    model = classifier().fit(X, y > 0)
    available = dict.fromkeys(problem.source_tasks, 50)
    assert model.query(80, available=available) == dict.fromkeys(available, 10)
    assert model.score(X, y > 0) > 0.6
