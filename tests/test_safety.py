"""Gates between shared and separate models: what they must be, and must do."""

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from scipy.optimize import minimize_scalar
from scipy.special import expit
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks

from skmtl._gates import HeldOut, careful, log_gates, shrink, squared_gates
from skmtl.baselines import IndependentTasks, PooledTasks
from skmtl.safety import SafeTasks

quiet = pytest.mark.filterwarnings("ignore::skmtl.exceptions.TaskColumnWarning")


def problem(
    sizes=(60, 60, 60, 60, 20, 5, 1), reversed_tasks=(1,), classify=False, seed=0
):
    """Return rows of linear tasks that are alike but for reversed ones."""
    rng = np.random.default_rng(seed)
    task = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    X = rng.normal(size=(task.size, 8))
    signal = (
        X @ np.linspace(0.5, 1.5, 8) * np.where(np.isin(task, reversed_tasks), -1, 1)
    )
    if classify:
        y = (expit(2 * signal) > rng.random(task.size)).astype(int)
    else:
        y = signal + 2.0 * rng.normal(size=task.size)
    return np.column_stack([X, task]), y


def safe(estimator=None, single=None, **options):
    options = {"task_feature": -1, "cv": 3} | options
    return SafeTasks(PooledTasks(estimator or Ridge()), single, **options)


# The contract tests run the default around linear models.
@quiet
@parametrize_with_checks(
    [
        SafeTasks(DecisionTreeClassifier(random_state=0), task_feature=0, cv=2),
        SafeTasks(Ridge(), LinearRegression(), task_feature=-1, cv=2),
    ]
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


# --- shrinkage


def slow_shrink(estimate, precision):
    """Try spreads until squares are as large as expected, with no algebra."""

    def weighted(spread):
        weight = 1.0 / (1.0 / precision + spread)
        mean = np.average(estimate, weights=weight)
        return mean, np.sum(weight * (estimate - mean) ** 2)

    spreads = np.r_[0.0, np.geomspace(1e-6, 1e3, 10_001)]
    squares = np.array([weighted(spread)[1] for spread in spreads])
    spread = spreads[np.argmax(squares <= estimate.size - 1)]
    mean = weighted(spread)[0]
    values = [
        minimize_scalar(
            lambda g, e=e, p=p: p * (g - e) ** 2 + (g - mean) ** 2 / max(spread, 1e-12)
        ).x
        for e, p in zip(estimate, precision, strict=True)
    ]
    return mean, spread, np.array(values)


@pytest.mark.parametrize("seed", range(5))
def test_shrinkage_agrees_with_a_search(seed):
    rng = np.random.default_rng(seed)
    precision = rng.uniform(1.0, 50.0, 9)
    estimate = (
        rng.normal(0.5, 0.4 * (seed > 0), 9) + rng.normal(size=9) / precision**0.5
    )
    mean, spread, values = slow_shrink(estimate, precision)
    shrunken = shrink(estimate, precision)
    assert shrunken.mean == pytest.approx(mean, abs=1e-3)
    assert shrunken.spread == pytest.approx(spread, rel=5e-3, abs=1e-9)
    np.testing.assert_allclose(shrunken.values, values, atol=1e-3)


def test_limits_of_shrinkage():
    estimate = np.array([0.0, 0.2, 1.0, 7.0])
    certain = shrink(estimate, np.array([1e9, 1e9, 1e9, 0.0]))
    np.testing.assert_allclose(certain.values, [0.0, 0.2, 1.0, 0.4], atol=1e-6)
    assert certain.variance[3] > certain.variance[0]
    vague = shrink(estimate, np.full(4, 1e-9))
    assert vague.spread == 0.0
    np.testing.assert_allclose(vague.values, 2.05)
    alone = shrink(np.array([0.3]), np.array([4.0]))
    assert (alone.mean, alone.values[0], alone.variance[0]) == (0.3, 0.3, 0.25)


def test_spread_is_no_wider_than_asked():
    shrunken = shrink(np.array([-9.0, 0.0, 9.0]), np.full(3, 10.0), widest=0.25)
    assert shrunken.spread == 0.25


def test_careful_gates():
    gate = np.linspace(0.0, 1.0, 5)
    np.testing.assert_array_equal(careful(gate, np.zeros(5), 1.0), gate)
    fewer = careful(gate, np.zeros(5), 0.8)
    assert (fewer[1:-1] < gate[1:-1]).all()
    np.testing.assert_allclose(fewer[[0, -1]], [0.0, 1.0])
    np.testing.assert_allclose(
        fewer[1:-1] / (1 - fewer[1:-1]), 0.8 * gate[1:-1] / (1 - gate[1:-1])
    )
    assert (careful(gate, np.full(5, 0.01), 1.0) <= gate).all()
    assert ((careful(gate, np.full(5, 9.0), 1.0)) == 0.0).all()


# --- gates from held-out predictions


def held_out(rng, n_tasks=1, n_rows=200, better=0.5, classify=False):
    """Return rows whose models err independently; ``better`` is the best gate."""
    task = np.repeat(np.arange(n_tasks), n_rows)
    weight = rng.integers(1, 4, task.size).astype(float)
    if classify:
        single, shared = rng.uniform(0.05, 0.95, (2, task.size))
        return HeldOut(task, weight, np.ones(task.size), single, shared)
    truth, noise = rng.normal(size=(2, task.size))
    single = truth + rng.normal(size=task.size) * np.sqrt(better)
    shared = truth + rng.normal(size=task.size) * np.sqrt(1 - better)
    return HeldOut(task, weight, truth + noise, single, shared)


def loss_of(rows, gate, classify):
    mixed = (1 - gate) * rows.single + gate * rows.shared
    loss = -np.log(mixed) if classify else (rows.target - mixed) ** 2
    return rows.weight @ loss


@pytest.mark.parametrize("classify", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_one_task_has_the_gate_of_least_loss(classify, seed):
    rows = held_out(np.random.default_rng(seed), classify=classify)
    best = minimize_scalar(
        lambda gate: loss_of(rows, gate, classify), bounds=(0, 1), method="bounded"
    ).x
    find = log_gates if classify else squared_gates
    gate = find(rows, 1, 1.0).values[0]
    # Caution takes half a standard deviation, of about 0.06 for 400 rows.
    assert best - 0.12 < gate < best


@pytest.mark.parametrize("classify", [False, True])
def test_a_weight_of_two_is_a_row_twice(classify):
    rows = held_out(np.random.default_rng(0), n_tasks=3, classify=classify)
    copies = np.repeat(np.arange(rows.task.size), rows.weight.astype(int))
    twice = HeldOut(*(part[copies] for part in rows))._replace(
        weight=np.ones(copies.size)
    )
    find = log_gates if classify else squared_gates
    one, other = find(rows, 3, 0.8), find(twice, 3, 0.8)
    np.testing.assert_allclose(one.values, other.values)
    assert one.overall == pytest.approx(other.overall)


def test_gates_do_not_depend_on_units():
    rows = held_out(np.random.default_rng(0), n_tasks=3)
    scale = np.array([1e-3, 1.0, 1e6])[rows.task]
    scaled = rows._replace(
        target=rows.target * scale,
        single=rows.single * scale,
        shared=rows.shared * scale,
    )
    one, other = squared_gates(rows, 3, 0.8), squared_gates(scaled, 3, 0.8)
    # Noise is compared between tasks, so that units of a task matter a little.
    np.testing.assert_allclose(one.values, other.values, atol=0.02)
    for scale in (1e-6, 1e6):
        scaled = HeldOut(rows.task, rows.weight, *(scale * part for part in rows[2:]))
        other = squared_gates(scaled, 3, 0.8)
        np.testing.assert_allclose(one.values, other.values)


@pytest.mark.parametrize("classify", [False, True])
def test_equal_models_and_no_rows(classify):
    find = log_gates if classify else squared_gates
    rows = held_out(np.random.default_rng(0), n_tasks=2, classify=classify)
    same = find(rows._replace(shared=rows.single), 2, 0.8)
    np.testing.assert_array_equal(same.values, 1.0)
    none = HeldOut(*(part[:0] for part in rows))
    assert find(none, 2, 0.8).overall == 1.0
    some = find(rows, 4, 0.8)
    np.testing.assert_allclose(some.values[2:], some.overall)


def test_small_tasks_are_shrunk_more():
    rng = np.random.default_rng(0)
    rows = held_out(rng, n_tasks=20, better=0.9)
    # The shared model is useless in two tasks, one of them known by 3 rows.
    useless = rows.task < 2
    shared = np.where(
        useless, rows.shared + 3 * rng.normal(size=rows.task.size), rows.shared
    )
    rows = rows._replace(shared=shared)
    kept = (rows.task != 1) | (np.arange(rows.task.size) < 203)
    gates = squared_gates(HeldOut(*(part[kept] for part in rows)), 20, 1.0).values
    assert gates[0] < 0.15
    assert gates[0] < gates[1]
    assert gates[2:].mean() > 0.8


# --- the estimator


@pytest.mark.parametrize("classify", [False, True])
def test_reversed_tasks_are_left_alone_and_others_share(classify):
    X, y = problem([60] * 30, reversed_tasks=(4,), classify=classify)
    model = safe(LogisticRegression() if classify else Ridge()).fit(X, y)
    assert model.gate_[4] < 0.1
    assert np.median(np.delete(model.gate_, 4)) > 0.7
    assert ((model.gate_ >= 0) & (model.gate_ <= 1)).all()


def test_sharing_pays_and_never_costs_much():
    for reversed_tasks in ((), (0, 2, 4, 6, 8)):
        X, y = problem([15] * 10, reversed_tasks=reversed_tasks)
        Z, z = problem([300] * 10, reversed_tasks=reversed_tasks, seed=1)
        model = safe().fit(X, y)
        loss = ((model.predict(Z) - z) ** 2).mean()
        alone = IndependentTasks(model._own_model(), task_feature=-1).fit(X, y)
        separate = ((alone.predict(Z) - z) ** 2).mean()
        together = ((model.shared_estimator_.predict(Z) - z) ** 2).mean()
        assert loss < (0.9 * separate if not reversed_tasks else 1.005 * separate)
        assert loss < together or not reversed_tasks


@pytest.mark.parametrize("classify", [False, True])
def test_predictions_mix_both_models(classify):
    X, y = problem(classify=classify)
    model = safe(LogisticRegression() if classify else Ridge()).fit(X, y)
    method = "predict_proba" if classify else "predict"
    single = IndependentTasks(model._own_model(), task_feature=-1).fit(X, y)
    own = getattr(single, method)(X)
    shared = getattr(model.shared_estimator_, method)(X)
    gate = model.gate_[X[:, -1].astype(int)]
    gate = gate[:, None] if classify else gate
    mixed = getattr(model, method)(X)
    np.testing.assert_allclose(mixed, (1 - gate) * own + gate * shared)
    if classify:
        np.testing.assert_array_equal(model.predict(X), mixed.argmax(axis=1))


def test_unseen_tasks_are_shared():
    X, y = problem()
    model = safe().fit(X, y)
    X[:7, -1] = 99
    shared = model.shared_estimator_.predict(X)
    np.testing.assert_array_equal(model.predict(X)[:7], shared[:7])
    assert (model.predict(X)[7:] != shared[7:]).all()
    # A batch of its own size: products of matrices round by it.
    few = model.shared_estimator_.predict(X[:2])
    np.testing.assert_array_equal(model.predict(X[:2]), few)
    with pytest.raises(ValueError, match="99"):
        model.set_params(unseen_task="error").predict(X)


def test_tasks_of_one_row_have_the_overall_gate():
    X, y = problem()
    model = safe().fit(X, y)
    assert model.gate_[6] == pytest.approx(model.overall_gate_)
    assert abs(model.gate_[0] - model.overall_gate_) > 1e-3
    tiny = safe().fit(*problem(sizes=[1] * 9))
    assert tiny.overall_gate_ == 1.0
    np.testing.assert_array_equal(tiny.gate_, 1.0)


@pytest.mark.parametrize("classify", [False, True])
def test_rows_weights_and_names(classify):
    X, y = problem(classify=classify)
    model = safe(LogisticRegression(tol=1e-10) if classify else Ridge())
    if classify:
        model.set_params(single=LogisticRegression(tol=1e-10, max_iter=1000))
    weight = np.random.default_rng(0).integers(0, 3, y.size)
    rows = np.random.default_rng(1).permutation(np.repeat(np.arange(y.size), weight))
    one = clone(model).fit(X, y, weight)
    other = clone(model).fit(X[rows], y[rows])
    np.testing.assert_allclose(one.gate_, other.gate_, rtol=1e-4, atol=1e-5)
    renamed = np.column_stack([X[:, :-1], -X[:, -1]])
    third = clone(model).fit(renamed, y, weight)
    np.testing.assert_allclose(one.gate_, third.gate_[::-1], rtol=1e-4, atol=1e-5)


def test_units_of_the_target_do_not_matter():
    X, y = problem()
    one, other = safe(LinearRegression()).fit(X, y), safe(LinearRegression())
    other.set_params(single=LinearRegression()).fit(X, 1e3 * y)
    one.set_params(single=LinearRegression()).fit(X, y)
    np.testing.assert_allclose(one.gate_, other.gate_, rtol=1e-6)


def test_splits_of_the_user():
    X, y = problem()
    rng = np.random.default_rng(0)
    splits = list(KFold(4, shuffle=True, random_state=0).split(X))
    one = safe(cv=splits).fit(X, y)
    other = safe(cv=KFold(4, shuffle=True, random_state=0)).fit(X, y)
    np.testing.assert_array_equal(one.gate_, other.gate_)
    assert (one.gate_ != safe(cv=4).fit(X, y).gate_).any()
    # Rows in no split's test part do not touch the gates, and zero weights shift none.
    weight = (rng.random(y.size) < 0.8).astype(float)
    train, test = splits[0]
    test = test[weight[test] > 0]
    one = safe(cv=[(train, test)]).fit(X, y, weight)
    place = np.cumsum(weight).astype(int) - 1
    train = place[train[weight[train] > 0]]
    kept = weight > 0
    other = safe(cv=[(train, place[test])]).fit(X[kept], y[kept])
    np.testing.assert_allclose(one.gate_, other.gate_)


def test_columns_of_y_are_tasks():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 3))
    y = (X @ [1.0, 2.0, 3.0])[:, None] * [1, 1, 1, -1] + rng.normal(size=(80, 4))
    y[rng.random(y.shape) < 0.3] = np.nan
    model = SafeTasks(PooledTasks(Ridge())).fit(X, y)
    assert model.gate_.shape == (4,)
    assert model.gate_[3] < 0.1
    own = IndependentTasks(model._own_model()).fit(X, y).predict(X)
    shared = model.shared_estimator_.predict(X)
    np.testing.assert_allclose(model.predict(X), own + model.gate_ * (shared - own))
    assert np.isfinite(model.score(X, y))
    weight = rng.integers(0, 3, 80)
    rows = np.repeat(np.arange(80), weight)
    one, other = clone(model).fit(X, y, weight), clone(model).fit(X[rows], y[rows])
    np.testing.assert_allclose(one.gate_, other.gate_, atol=1e-6)


@pytest.mark.parametrize(
    "shared",
    [PooledTasks(LogisticRegression()), RandomForestClassifier(20, random_state=0)],
)
@pytest.mark.parametrize("labels", [(0, 1), ("no", "yes")])
def test_binary_columns_of_y(shared, labels):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 3))
    y = np.array(labels, dtype=object if labels[0] == "no" else None)[
        (X @ rng.normal(size=(3, 2)) + rng.normal(size=(80, 2)) > 0).astype(int)
    ]
    if isinstance(shared, RandomForestClassifier) and labels[0] == "no":
        y = y.astype(str)
    elif isinstance(shared, PooledTasks):
        y = y.astype(object if labels[0] == "no" else float)
        y[::9, 1] = np.nan
    model = SafeTasks(shared).fit(X, y)
    probability = model.predict_proba(X)
    assert probability.shape == (80, 2)
    np.testing.assert_array_equal(model.predict(X) == labels[1], probability > 0.5)
    assert model.score(X, y) > 0.6


def test_classes_that_some_tasks_or_folds_lack():
    X, y = problem(classify=True)
    y = np.array(["a", "b", "c"])[y + (X[:, 0] > 1)]
    y[X[:, -1] == 2] = "b"
    rows = np.flatnonzero(X[:, -1] == 3)
    y[rows] = "a"
    y[rows[0]] = "c"
    model = safe(LogisticRegression()).fit(X, y)
    probability = model.predict_proba(X)
    assert probability.shape == (len(y), 3)
    np.testing.assert_allclose(probability.sum(axis=1), 1.0)
    assert np.isfinite(model.gate_).all()
    assert not hasattr(model, "decision_function")


def test_text_in_a_frame():
    X, y = problem()
    frame = pd.DataFrame(X[:, :3], columns=list("abc"))
    frame["colour"] = np.where(X[:, 3] > 0, "red", "blue")
    frame["place"] = np.array(list("stuvwxyz"))[X[:, -1].astype(int)]

    def encoded(columns):
        encoder = OneHotEncoder(handle_unknown="ignore")
        table = make_column_transformer((encoder, columns), remainder="passthrough")
        return make_pipeline(table, Ridge())

    model = SafeTasks(
        encoded(["colour", "place"]), encoded(["colour"]), task_feature="place", cv=3
    )
    model.fit(frame, y)
    order = np.random.default_rng(0).permutation(y.size)
    other = clone(model).fit(frame.iloc[order], y[order])
    np.testing.assert_allclose(model.gate_, other.gate_, atol=1e-8)
    assert model.score(frame, y) > 0.2


def test_number_of_jobs_does_not_matter():
    X, y = problem()
    one = safe().fit(X, y).predict(X)
    with parallel_config("threading"):
        two = safe(n_jobs=2).fit(X, y).predict(X)
    np.testing.assert_array_equal(one, two)


# --- the two estimators


def test_the_shared_model_is_told_the_task_column():
    X, y = problem()
    frame = pd.DataFrame(X, columns=[*"abcdefgh", "place"])
    for named in (None, "place", -1, 8):
        shared = PooledTasks(Ridge(), task_feature=named, unseen_task="error")
        model = SafeTasks(shared, task_feature="place", cv=3).fit(frame, y)
        assert model.shared_estimator_.tasks_.size == 7
        assert shared.task_feature == named
        frame_of_new = frame.assign(place=99)
        assert np.isfinite(model.predict(frame_of_new)).all()
    for mine, named in (("place", 0), (None, "place")):
        shared = PooledTasks(Ridge(), task_feature=named)
        with pytest.raises(ValueError, match="give SafeTasks the task column"):
            SafeTasks(shared, task_feature=mine).fit(frame, y)


def test_estimators_that_do_not_fit_together():
    X, y = problem(classify=True)
    for shared, single, message in (
        (Ridge(), LogisticRegression(), "single should be a regressor"),
        (LinearSVC(), None, "LinearSVC has no predict_proba"),
        (LogisticRegression(), LinearSVC(), "LinearSVC has no predict_proba"),
    ):
        with pytest.raises(ValueError, match=message):
            SafeTasks(shared, single, task_feature=-1).fit(X, y)


def test_a_failed_fit_leaves_the_model_as_it_was():
    X, y = problem()
    model = safe().fit(X, y)
    expected = model.predict(X)
    with pytest.raises(ValueError, match="NaN"):
        model.fit(np.where(X[0, 0] == X, np.nan, X), y)
    np.testing.assert_array_equal(model.predict(X), expected)
