"""Sources are used where they help a target, as much as they help, and else not."""

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeRegressor

from skmtl.active._source_tasks import SourceTasksClassifier, SourceTasksRegressor
from skmtl.active._source_tasks_heads import linear_features
from skmtl.active._source_tasks_shares import few_shares, row_weights
from skmtl.compose import keep_task
from skmtl.datasets import make_source_tasks
from skmtl.linear import HierarchicalRegressor


def alike(n_target=25, n_rows=80, seed=0, *, n_tasks=6, sign=1.0, noise=1.0):
    """Return rows of tasks of which 1 and 2 have the head of task 0, times a sign."""
    rng = np.random.default_rng(seed)
    task = np.repeat(np.arange(n_tasks), [n_target, *[n_rows] * (n_tasks - 1)])
    coef = rng.normal(size=(n_tasks, 8))
    coef[1:3] = sign * coef[0]
    X = rng.normal(size=(task.size, 8))
    y = (X * coef[task]).sum(axis=1) + noise * rng.normal(size=task.size)
    return np.column_stack([X, task]), y, coef


def regressor(estimator=None, **changes):
    options = {"target_task": 0, "task_feature": -1} | changes
    return SourceTasksRegressor(estimator or Ridge(), **options)


def classifier(estimator=None, **changes):
    options = {"target_task": 0, "task_feature": -1} | changes
    return SourceTasksClassifier(estimator or LogisticRegression(), **options)


# --- shares and weights ---------------------------------------------------------------


def programme(seed, n_sources=9, rank=4, size=1.0):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(rank, n_sources))
    gram = root.T @ root + np.diag(rng.uniform(0.01, 0.5, n_sources))
    return size * gram, size * rng.normal(0.5, 1.0, n_sources)


@pytest.mark.parametrize("seed", range(30))
def test_shares_satisfy_the_conditions_of_the_optimum(seed):
    gram, gain = programme(seed, size=10.0 ** (seed % 7 - 3))
    shares = few_shares(gram, gain)
    assert (shares >= 0.0).all()
    assert shares.sum() <= 1.0 + 1e-9
    slope = (gram @ shares - gain) / np.abs(gain).max()
    price = max(-slope.min(), 0.0)
    assert price < 1e-6 or shares.sum() > 1.0 - 1e-6
    assert_allclose(slope[shares > 1e-9], -price, atol=1e-6)


@pytest.mark.parametrize("seed", range(10))
def test_no_random_shares_are_better(seed):
    gram, gain = programme(seed)

    def value(p):
        return p @ gram @ p / 2.0 - gain @ p

    best = value(few_shares(gram, gain))
    rng = np.random.default_rng(seed)
    for p in rng.dirichlet(np.full(10, 0.2), 500)[:, :9]:
        assert best <= value(p) + 1e-9


@pytest.mark.parametrize("most", [1, 2, 3])
def test_no_more_tasks_than_allowed(most):
    for seed in range(10):
        gram, gain = programme(seed)
        few, all_of_them = few_shares(gram, gain, most), few_shares(gram, gain)
        assert np.count_nonzero(few) <= most
        if np.count_nonzero(all_of_them) <= most:
            assert_allclose(few, all_of_them, atol=1e-9)


def test_no_share_without_gain():
    gram, gain = programme(0)
    assert not few_shares(gram, -np.abs(gain)).any()
    assert_allclose(few_shares(gram, 1e9 * np.abs(gain)).sum(), 1.0)


def test_row_weights_give_tasks_their_shares_but_no_row_more_than_the_targets():
    shares, rows = np.array([0.2, 0.1, 0.0]), np.array([40.0, 200.0, 7.0])
    factor = row_weights(shares, rows, 30.0)
    weight = np.append(factor * rows, 30.0)
    assert_allclose(weight / weight.sum(), [0.2, 0.1, 0.0, 0.7])
    assert_array_equal(row_weights(np.array([1.0, 0.0]), rows[:2], 30.0), [1.0, 0.0])
    assert row_weights(np.array([0.9]), np.array([10.0]), 30.0) == 1.0


def test_any_table_becomes_finite_numbers():
    frame = pd.DataFrame(
        {
            "number": [1.0, np.nan, 3.0, np.inf],
            "text": ["a", "b", "a", None],
            "kind": pd.Categorical(["u", "v", "v", "u"]),
            "flag": [True, False, True, True],
        }
    )
    for X in (frame, frame.to_numpy()):
        Z = linear_features(X)
        assert Z.shape == (4, 7)
        assert np.isfinite(Z).all()
        assert_array_equal(Z[:, 0], [1.0, 2.0, 3.0, 2.0])
    many = pd.DataFrame({"text": [f"v{i}" for i in range(100)]})
    assert linear_features(many).shape == (100, 20)
    numbers = np.random.default_rng(0).normal(size=(3, 2))
    assert_array_equal(linear_features(numbers), numbers)


# --- what is learned ------------------------------------------------------------------


def test_sources_of_the_targets_head_are_selected():
    X, y, _ = alike()
    model = regressor().fit(X, y)
    assert set(np.argsort(model.relevance_[1:])[-2:] + 1) == {1, 2}
    assert model.relevance_[1:3].sum() > 0.8 * model.relevance_[1:].sum()
    assert model.uses_sources_ is True
    assert model.relevance_.shape == model.row_weights_.shape == (6,)
    assert model.relevance_.sum() == pytest.approx(1.0)
    assert (model.relevance_ >= 0.0).all()
    assert model.row_weights_[0] == 1.0
    assert model.cv_losses_[1] < model.cv_losses_[0]


def test_sources_of_the_targets_head_halve_its_risk():
    shared, single = [], []
    for seed in range(10):
        X, y, coef = alike(seed=seed)
        alone = Ridge().fit(X[:25, :-1], y[:25])
        for risks, model in (
            (shared, regressor().fit(X, y).estimator_),
            (single, alone),
        ):
            risks.append(((model.coef_ - coef[0]) ** 2).sum())
    assert np.mean(shared) < 0.5 * np.mean(single)


def test_opposite_sources_are_not_selected():
    X, y, _ = alike(sign=-1.0, n_tasks=3)
    model = regressor().fit(X, y)
    assert_array_equal(model.relevance_, [1.0, 0.0, 0.0])
    assert model.selected_tasks_.size == 0
    assert model.uses_sources_ is False
    assert np.isnan(model.cv_losses_).all()


def test_sources_that_held_out_rows_refute_are_not_used():
    # Near the target's rows, a line; where the source has its rows, far from it.
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.uniform(-1, 1, 40), rng.uniform(-1, 1, 400)])
    task = np.repeat([0, 1], [40, 400])
    X = np.column_stack([x, np.zeros(440), task])
    X[task == 1, 1] = rng.normal(3.0, 1.0, 400)
    y = np.sin(6.0 * x) + 0.1 * rng.normal(size=440)
    y[task == 1] = rng.permutation(y[task == 1])
    model = regressor(DecisionTreeRegressor(max_depth=4, random_state=0)).fit(X, y)
    if model.relevance_[1] > 0.0:
        assert model.cv_losses_[0] <= model.cv_losses_[1]
    assert not model.uses_sources_
    assert_array_equal(model.row_weights_, [1.0, 0.0])
    alone = DecisionTreeRegressor(max_depth=4, random_state=0)
    alone.fit(X[:40, :-1], y[:40])
    assert_array_equal(model.predict(X), alone.predict(X[:, :-1]))


@pytest.mark.parametrize("scenario", ["generic", "l2hard", "cluster"])
def test_sources_lower_the_risk_of_the_target(scenario):
    single, shared = [], []
    for seed in range(6):
        problem = make_source_tasks(
            16 if scenario == "cluster" else 12,
            60,
            12,
            rank=4,
            scenario=scenario,
            as_frame=False,
            random_state=seed,
        )
        rows = [(problem.data[:, :-1], problem.target)]
        rows += [problem.oracle(task, 60) for task in problem.source_tasks]
        task = np.repeat([problem.target_task, *problem.source_tasks], 60)
        X, y = (np.concatenate(part) for part in zip(*rows, strict=True))
        model = SourceTasksRegressor(target_task=problem.target_task, task_feature=-1)
        model.fit(np.column_stack([X, task]), y)
        alone = HierarchicalRegressor().fit(*rows[0])
        for risks, one in ((shared, model.estimator_), (single, alone)):
            risks.append(((one.coef_[0] - problem.target_coef) ** 2).sum())
    assert np.mean(shared) < 0.95 * np.mean(single)


def test_rows_weigh_what_is_documented():
    X, y, _ = alike()
    model = regressor().fit(X, y)
    weight = model.row_weights_[X[:, -1].astype(int)]
    again = Ridge().fit(X[:, :-1], y, sample_weight=weight)
    assert_allclose(model.estimator_.coef_, again.coef_, rtol=1e-10)


def test_most_relevant_sources_stay_where_few_are_allowed():
    X, y, _ = alike()
    for most in (1, 2):
        model = regressor(max_tasks=most).fit(X, y)
        assert 1 <= model.selected_tasks_.size <= most
        assert set(model.selected_tasks_) <= {1.0, 2.0}


def test_every_task_is_a_target_in_turn():
    X, y, _ = alike(n_tasks=4)
    model = regressor(target_task=None).fit(X, y)
    assert model.relevance_.shape == (4, 4)
    assert_allclose(model.relevance_.sum(axis=1), 1.0)
    assert_array_equal(np.diag(model.row_weights_), 1.0)
    assert len(model.estimators_) == len(model.selected_tasks_) == 4
    for t in range(4):
        one = regressor(target_task=t).fit(X, y)
        assert_array_equal(one.selected_tasks_, model.selected_tasks_[t])
        rows = X[:, -1] == t
        assert_allclose(one.predict(X[rows]), model.predict(X[rows]), rtol=1e-9)
    pooled = Ridge().fit(X[:, :-1], y)
    stranger = X[:3].copy()
    stranger[:, -1] = 99
    assert_allclose(model.predict(stranger), pooled.predict(X[:3, :-1]))


def test_columns_of_y_are_targets_in_turn():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 6))
    signal = X @ rng.normal(size=6)
    Y = np.column_stack([signal, signal, -signal]) + rng.normal(size=(120, 3))
    Y[rng.random(120) < 0.85, 0] = np.nan
    model = SourceTasksRegressor(Ridge()).fit(X, Y)
    assert model.predict(X).shape == (120, 3)
    assert model.selected_tasks_[0].tolist() == [1]
    assert 2 not in model.selected_tasks_[1]
    with pytest.raises(ValueError, match="one target at a time"):
        SourceTasksRegressor(Ridge(), target_task=0).fit(X, Y)


def test_one_task_is_the_estimator_itself():
    X, y, _ = alike()
    expected = Ridge().fit(X, y).predict(X)
    assert_allclose(SourceTasksRegressor(Ridge()).fit(X, y).predict(X), expected)
    only = X[:25]
    model = regressor().fit(only, y[:25])
    assert_allclose(
        model.predict(only), Ridge().fit(only[:, :-1], y[:25]).predict(only[:, :-1])
    )
    assert_array_equal(model.relevance_, [1.0])


# --- classification -------------------------------------------------------------------


@pytest.mark.parametrize("n_classes", [2, 3])
def test_classifier_selects_and_answers_in_terms_of_all_classes(n_classes):
    X, score, _ = alike(noise=0.3, n_target=40)
    edges = np.quantile(score, np.arange(1, n_classes) / n_classes)
    y = np.array(["low", "mid", "top"])[np.searchsorted(edges, score)]
    model = classifier().fit(X, y)
    assert np.argmax(model.relevance_[1:]) + 1 in (1, 2)
    assert model.relevance_[1:3].sum() > 0.5 * model.relevance_[1:].sum()
    probability = model.predict_proba(X)
    assert probability.shape == (len(X), n_classes)
    assert_allclose(probability.sum(axis=1), 1.0)
    assert model.score(X, y) > 0.8
    if n_classes == 2:
        assert model.decision_function(X).shape == (len(X),)


def test_classifier_without_probabilities_counts_errors():
    X, score, _ = alike(noise=0.3)
    model = classifier(LinearSVC()).fit(X, score > 0)
    assert not hasattr(model, "predict_proba")
    assert set(model.cv_losses_ * 25) <= set(map(float, range(26)))


def test_a_target_of_one_class_is_constant_where_sources_do_not_help():
    X, score, _ = alike(sign=-1.0)
    y = np.where(X[:, -1] == 0, "no", np.where(score > 0, "yes", "no"))
    model = classifier().fit(X, y)
    assert model.classes_.tolist() == ["no", "yes"]
    assert isinstance(model.estimator_, DummyClassifier) or model.uses_sources_
    assert model.predict_proba(X).shape == (len(X), 2)


# --- any estimator --------------------------------------------------------------------


def test_an_estimator_without_weights_gets_whole_rows():
    X, y, _ = alike()
    model = regressor(KNeighborsRegressor(3)).fit(X, y)
    assert model.selected_tasks_.size
    rows = model.row_weights_[X[:, -1].astype(int)] > 0.0
    again = KNeighborsRegressor(3).fit(X[rows, :-1], y[rows])
    assert_allclose(model.predict(X), again.predict(X[:, :-1]))
    assert classifier(KNeighborsClassifier(3)).fit(X, y > 0).score(X, y > 0) > 0.5
    with pytest.raises(ValueError, match="does not take sample_weight"):
        regressor(KNeighborsRegressor()).fit(X, y, sample_weight=np.arange(y.size))


def test_pipelines_and_searches_inside_and_outside():
    X, y, _ = alike()
    frame = pd.DataFrame(X, columns=[*"abcdefgh", "site"]).astype({"site": "int"})
    frame["site"] = "s" + frame["site"].astype(str)
    inner = SourceTasksRegressor(
        make_pipeline(StandardScaler(), Ridge()), target_task="s0", task_feature="site"
    )
    outer = make_pipeline(keep_task(StandardScaler(), "site"), inner)
    name = "sourcetasksregressor__"
    grid = GridSearchCV(
        outer,
        {f"{name}max_tasks": [1, 2], f"{name}estimator__ridge__alpha": [0.1, 1.0]},
        cv=KFold(3, shuffle=True, random_state=0),
        error_score="raise",
    )
    assert grid.fit(frame, y).score(frame, y) > 0.7
    folds = KFold(3, shuffle=True, random_state=0)
    assert cross_val_score(inner, frame, y, cv=folds).min() > 0.5


def test_text_and_missing_values_pass_to_estimators_that_take_them():
    X, y, _ = alike(n_rows=40)
    frame = pd.DataFrame(X[:, :-1], columns=[*"abcdefgh"])
    frame["colour"] = pd.Categorical(np.where(X[:, 0] > 0, "red", "blue"))
    frame["site"] = X[:, -1].astype(int)
    frame.loc[::7, "b"] = np.nan
    for model, target in (
        (regressor(HistGradientBoostingRegressor(max_iter=3), task_feature="site"), y),
        (
            classifier(HistGradientBoostingClassifier(max_iter=3), task_feature="site"),
            y > 0,
        ),
    ):
        model.set_params(estimator__categorical_features="from_dtype", cv=2)
        assert model.fit(frame, target).predict(frame).shape == (len(y),)


# --- laws -----------------------------------------------------------------------------


@pytest.mark.parametrize("make", [regressor, classifier])
def test_order_and_names_and_place_do_not_matter(make):
    X, y, _ = alike()
    y = y > 0 if make is classifier else y
    model = make().fit(X, y)
    ask = "predict_proba" if make is classifier else "predict"
    expected = getattr(model, ask)(X)
    order = np.random.default_rng(1).permutation(len(y))
    other = make().fit(X[order], y[order])
    assert_allclose(getattr(other, ask)(X), expected, rtol=1e-5, atol=1e-7)
    renamed = np.column_stack([X[:, :-1], 9 - X[:, -1]])
    other = make(target_task=9).fit(renamed, y)
    assert_allclose(getattr(other, ask)(renamed), expected, rtol=1e-5, atol=1e-7)
    assert_array_equal(sorted(9 - other.selected_tasks_), model.selected_tasks_)
    first = np.roll(X, 1, axis=1)
    other = make(task_feature=0).fit(first, y)
    assert_allclose(getattr(other, ask)(first), expected, rtol=1e-9)


def test_weights_are_copies_and_zero_is_absence():
    X, y, _ = alike()
    weight = np.random.default_rng(0).integers(0, 3, y.size)
    weight[X[:, -1] == 5] = 0
    copies = np.repeat(np.arange(y.size), weight)
    weighted = regressor().fit(X, y, sample_weight=weight)
    repeated = regressor().fit(X[copies], y[copies])
    assert_allclose(weighted.cv_losses_, repeated.cv_losses_, rtol=1e-6)
    assert_allclose(weighted.relevance_, repeated.relevance_, atol=1e-5)
    assert_allclose(weighted.predict(X), repeated.predict(X), rtol=1e-4, atol=1e-5)


def test_scale_of_the_targets_does_not_matter():
    X, y, _ = alike()
    model, scaled = regressor().fit(X, y), regressor().fit(X, 1000.0 * y)
    assert_allclose(model.relevance_, scaled.relevance_, atol=1e-4)
    assert_allclose(1000.0 * model.predict(X), scaled.predict(X), rtol=1e-3, atol=1.0)


def test_jobs_do_not_matter():
    X, y, _ = alike(n_tasks=4)
    one = regressor(target_task=None).fit(X, y)
    with parallel_config("threading"):
        two = clone(one).set_params(n_jobs=2).fit(X, y)
    assert_array_equal(one.predict(X), two.predict(X))


def test_splits_of_the_user_hold_out_sources_too():
    X, y, _ = alike()
    seen = []

    class Recorder(Ridge):
        def fit(self, X, y, sample_weight=None):
            seen.append(len(y))
            return super().fit(X, y, sample_weight)

    half = np.arange(y.size) % 2 == 0
    model = regressor(Recorder(), cv=[(np.flatnonzero(half), np.flatnonzero(~half))])
    model.fit(X, y)
    assert model.selected_tasks_.size
    assert max(seen[:-1]) <= half.sum()
    splitter = regressor(cv=KFold(4, shuffle=True, random_state=0)).fit(X, y)
    assert np.isfinite(splitter.cv_losses_).all()


@pytest.mark.parametrize("n_target", [1, 2, 3])
def test_targets_of_few_rows(n_target):
    X, y, _ = alike(n_target=n_target)
    model = regressor().fit(X, y)
    assert model.predict(X).shape == y.shape
    if n_target == 1:
        assert np.isnan(model.cv_losses_).all()
        assert model.uses_sources_
    classes = classifier().fit(X, y > 0)
    assert classes.predict_proba(X).shape == (y.size, 2)


def test_one_row_tells_no_source_from_another():
    X, y, _ = alike(n_target=1)
    copies = np.append(np.zeros(3, int), np.arange(len(y)))
    for rows in (np.arange(len(y)), copies):
        model = regressor().fit(X[rows], y[rows])
        everyone = Ridge().fit(X[rows, :-1], y[rows])
        assert_allclose(model.estimator_.coef_, everyone.coef_, rtol=1e-10)
        assert_array_equal(model.row_weights_, 1.0)
        assert_allclose(
            model.relevance_ * len(rows), np.bincount(X[rows, -1].astype(int))
        )
    few = regressor(max_tasks=2).fit(X, y)
    assert few.selected_tasks_.size <= 2


@pytest.mark.filterwarnings("ignore::skmtl.exceptions.TaskColumnWarning")
def test_rows_that_are_tasks_of_their_own_cost_one_fit():
    class Counted(Ridge):
        fits = 0

        def fit(self, X, y, sample_weight=None):
            Counted.fits += 1
            return super().fit(X, y, sample_weight)

    X, y, _ = alike()
    X[:, -1] = np.arange(len(y))
    model = regressor(Counted(), target_task=None).fit(X, y)
    assert Counted.fits <= 2
    assert_allclose(model.predict(X), Ridge().fit(X[:, :-1], y).predict(X[:, :-1]))


# --- what cannot be -------------------------------------------------------------------


def test_rows_of_any_task_are_predicted_as_the_targets():
    X, y, _ = alike()
    model = regressor().fit(X, y)
    other = X.copy()
    other[:, -1] = 3
    assert_array_equal(model.predict(other), model.predict(X))
    other[:, -1] = 99
    assert_array_equal(model.predict(other), model.predict(X))
    with pytest.raises(ValueError, match=r"did not see: 99\.0"):
        regressor(unseen_task="error").fit(X, y).predict(other)
    rows = X[:, -1] == 0
    assert model.score(X, y) == model.score(X[rows], y[rows])
    with pytest.raises(ValueError, match="nothing to score"):
        model.score(X[~rows], y[~rows])
    strict = regressor(target_task=None, unseen_task="error").fit(X, y)
    with pytest.raises(ValueError, match=r"did not see: 99\.0"):
        strict.predict(other)


def test_wrong_arguments_are_named():
    X, y, _ = alike()
    with pytest.raises(ValueError, match="target_task=7 has no rows; the tasks are"):
        regressor(target_task=7).fit(X, y)
    with pytest.raises(TypeError, match="text"):
        regressor(target_task="a").fit(X, y)
    with pytest.raises(ValueError, match="takes a regressor of rows"):
        regressor(LogisticRegression()).fit(X, y)
    with pytest.raises(ValueError, match="takes a classifier of rows"):
        classifier(Ridge()).fit(X, y > 0)
    with pytest.raises(ValueError, match="max_tasks"):
        regressor(max_tasks=0).fit(X, y)
