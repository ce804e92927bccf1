"""Laws of multi-task boosting."""

import gc
import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import make_friedman1
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.model_selection import train_test_split

from skmtl.boosting import MultiTaskBoostingClassifier as Classifier
from skmtl.boosting import MultiTaskBoostingRegressor as Regressor
from skmtl.boosting import _task_block
from skmtl.boosting._growth import Booster
from skmtl.datasets import make_task_deviations, make_task_functions

FEW = {"max_iter": 40, "task_feature": "task"}


def deviations(**changes):
    """Return a frame of tasks, and their targets."""
    options = {"n_tasks": 8, "n_samples": 60, "random_state": 0, "return_X_y": True}
    return make_task_deviations(**{**options, **changes})


@pytest.fixture(scope="module")
def data():
    return deviations()


@pytest.fixture(scope="module")
def model(data):
    return Regressor(**FEW).fit(*data)


def test_blocks_are_a_structure_with_the_same_face(data):
    X, y = data
    fitted = Regressor(**FEW, structure="blocks").fit(X, y)
    assert_allclose(sum(fitted.decompose(X)), fitted.predict(X))
    *_, last = fitted.staged_predict(X)
    assert_allclose(last, fitted.predict(X))
    assert_allclose(fitted.task_weights_.sum(axis=1), 1.0)
    assert set(fitted.n_rounds_) == {"mixture", "shared", "task_trees"}
    assert_allclose(fitted.feature_importances_.sum(), 1.0)
    threads = clone(fitted).set_params(n_jobs=2).fit(X, y)
    assert_array_equal(threads.predict(X), fitted.predict(X))
    old = X["task"] != X["task"].iloc[0]
    fitted.fit(X[old], y[old]).fit_task(X[~old], y[~old])
    assert np.isfinite(fitted.predict(X)).all()


def classes(y, n_classes=2):
    return np.digitize(y, np.quantile(y, np.arange(1, n_classes) / n_classes))


@pytest.fixture(scope="module")
def classifier(data):
    X, y = data
    return Classifier(**FEW).fit(X, classes(y, 3))


def test_parts_sum_to_the_prediction(data, model, classifier):
    X, _ = data
    parts = model.decompose(X)
    assert_allclose(parts.shared + parts.head + parts.task_trees, model.predict(X))
    assert np.ptp(parts.head) > 0
    parts = classifier.decompose(X)
    total = parts.shared + parts.head + parts.task_trees
    assert_allclose(total, classifier.decision_function(X))


def test_the_shared_part_does_not_depend_on_the_task(data, model):
    X, _ = data
    if model._model.variants[1].share == 0.0:
        other = X.assign(task=X["task"].to_numpy()[::-1])
        assert_allclose(model.decompose(other).shared, model.decompose(X).shared)
    unseen = X.assign(task="never seen")
    parts = model.decompose(unseen)
    assert_array_equal(parts.head, 0.0)
    assert_array_equal(parts.task_trees, 0.0)


def test_stages_end_with_the_prediction(data, model, classifier):
    X, y = data
    stages = [stage.copy() for stage in model.staged_predict(X)]
    assert_allclose(stages[-1], model.predict(X))
    losses = [np.mean((stage - y) ** 2) for stage in stages]
    assert losses[-1] < 0.5 * losses[0]
    *_, last = classifier.staged_predict_proba(X)
    assert_allclose(last, classifier.predict_proba(X))


def test_rows_are_predicted_one_by_one_as_together(data, model):
    X, _ = data
    chosen = [3, 77, 200]
    assert_array_equal(model.predict(X.iloc[chosen]), model.predict(X)[chosen])
    one_task = X[X["task"] == X["task"].iloc[0]]
    assert_array_equal(
        model.predict(one_task), model.predict(X)[X["task"] == X["task"].iloc[0]]
    )


@pytest.mark.parametrize("scale", [0.1, 100.0])
def test_units_of_the_target_do_not_matter(data, model, scale):
    X, y = data
    other = clone(model).fit(X, scale * y + 7.0)
    assert_allclose(other.predict(X), scale * model.predict(X) + 7.0, rtol=1e-6)
    assert_allclose(other.outlier_scores_, model.outlier_scores_, atol=1e-6)
    assert_allclose(other.task_loss_, scale**2 * model.task_loss_, rtol=1e-6)


def test_names_of_tasks_do_not_matter(data, model):
    X, y = data
    new = {name: f"x{k}" for k, name in enumerate(model.tasks_[::-1])}
    renamed = X.assign(task=X["task"].map(new))
    other = clone(model).fit(renamed, y)
    assert_allclose(other.predict(renamed), model.predict(X), rtol=1e-6, atol=1e-8)
    assert_allclose(other.outlier_scores_[::-1], model.outlier_scores_, atol=1e-6)


def test_weights_are_copies(data):
    X, y = data
    weight = np.random.default_rng(0).integers(0, 3, len(y))
    copies = np.repeat(np.arange(len(y)), weight)
    weighted = Regressor(**FEW).fit(X, y, sample_weight=weight)
    repeated = Regressor(**FEW).fit(X.iloc[copies], y[copies])
    assert_allclose(weighted.predict(X), repeated.predict(X), rtol=1e-5, atol=1e-6)


def test_threads_do_not_change_a_bit(data, model, classifier):
    X, y = data
    for fitted, target in ((model, y), (classifier, classes(y, 3))):
        alone = clone(fitted).set_params(n_jobs=1).fit(X, target)
        two = clone(fitted).set_params(n_jobs=2).fit(X, target)
        for name in ("predict", "decompose"):
            a, b = (np.asarray(getattr(m, name)(X)) for m in (alone, two))
            assert_array_equal(a, b)


def test_a_fit_survives_pickling_and_repetition(data, model):
    X, y = data
    assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), model.predict(X))
    assert_array_equal(clone(model).fit(X, y).predict(X), model.predict(X))


def test_boosters_leave_with_their_memory_when_they_have_grown(data):
    gc.collect()
    gc.disable()
    try:
        Regressor(task_feature="task", max_iter=5).fit(*data)
        left = [held for held in gc.get_objects() if isinstance(held, Booster)]
    finally:
        gc.enable()
    assert not left


def test_rows_held_out_are_not_learned_from(data):
    X, y = data
    train, test = train_test_split(np.arange(len(y)), random_state=0)
    poisoned = y.copy()
    poisoned[test] = np.random.default_rng(0).permutation(y[test])
    fits = [
        Regressor(**{**FEW, "max_iter": 5}, cv=[(train, test)]).fit(X, target)
        for target in (y, poisoned)
    ]
    # The units come from all targets; the trees see those of the training rows only.
    boosters = [fit._model.variants[0].scores[0].boosters[0] for fit in fits]
    assert_array_equal(boosters[0].nodes, boosters[1].nodes)
    assert_allclose(boosters[0].values, boosters[1].values)


def test_loss_out_of_fold_is_honest_where_there_is_nothing_to_learn():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(600, 5))).rename(columns=str)
    X["task"] = rng.integers(0, 30, 600)
    y = rng.normal(size=600)
    fitted = Regressor(task_feature="task").fit(X, y)
    size = np.bincount(X["task"])
    assert np.average(fitted.task_loss_, weights=size) > 0.93 * y.var()
    fresh = rng.normal(size=600)
    assert np.mean((fitted.predict(X) - fresh) ** 2) < 1.1 * fresh.var() + 0.05


def test_reversed_tasks_have_negative_slopes_and_are_outliers():
    X, y = deviations(
        n_tasks=12, n_samples=150, n_outlier_tasks=2, deviation=0.2, size_spread=0.0
    )
    bunch = make_task_deviations(
        n_tasks=12, n_samples=150, n_outlier_tasks=2, deviation=0.2, random_state=0
    )
    fitted = Regressor(max_iter=150, task_feature="task").fit(X, y)
    reversed_tasks = fitted.task_weights_[:, 0] < 0
    assert reversed_tasks.sum() == 2
    assert_array_equal(fitted.outlier_tasks_, fitted.tasks_[reversed_tasks])
    assert set(fitted.outlier_tasks_) == set(bunch.outlier_tasks)
    alike = fitted.task_similarity_
    assert_array_equal(np.diag(alike), 1.0)
    assert (alike[reversed_tasks][:, ~reversed_tasks] < 0).all()


def test_several_unlike_outliers_are_found():
    X, y = make_task_functions(
        n_tasks=12,
        n_outlier_tasks=3,
        n_outlier_functions=3,
        return_X_y=True,
        random_state=1,
    )
    fitted = Regressor(max_iter=200, task_feature="task").fit(X, y)
    top = np.argsort(fitted.outlier_scores_)[-3:]
    assert_array_equal(np.sort(fitted.tasks_[top]), np.sort(fitted.outlier_tasks_))
    assert fitted.outlier_tasks_.size == 3


def test_one_task_is_as_good_as_plain_boosting():
    X, y = make_friedman1(900, noise=0.5, random_state=0)
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    ours = Regressor(min_samples_leaf=20, max_leaf_nodes=31).fit(X_train, y_train)
    theirs = HistGradientBoostingRegressor(random_state=0).fit(X_train, y_train)
    ours, theirs = (1 - m.score(X_test, y_test) for m in (ours, theirs))
    assert ours < 1.05 * theirs


def test_steps_that_are_too_small_for_the_rounds_grow():
    # A thousand steps of a thousandth of the way lead two thirds of it.
    X = np.linspace(0.0, 1.0, 200)[:, None]
    y = (X[:, 0] > 0.5).astype(float)
    model = Regressor(learning_rate=1e-3, cv=2).fit(X, y)
    assert model.score(X, y) > 0.95


def test_sharing_beats_pooling_and_separation():
    X, y = deviations(n_tasks=20, n_samples=120, n_outlier_tasks=3)
    rows = np.random.default_rng(0).random(len(y)) < 0.5
    ours = Regressor(task_feature="task").fit(X[rows], y[rows])
    names = X["task"].astype("category")
    plain = HistGradientBoostingRegressor(
        categorical_features="from_dtype", random_state=0
    ).fit(X.assign(task=names)[rows], y[rows])
    ours = ours.score(X[~rows], y[~rows])
    theirs = plain.score(X.assign(task=names)[~rows], y[~rows])
    assert 1 - ours < 0.9 * (1 - theirs)


@pytest.mark.parametrize("sign", [1, -1])
def test_monotone_constraints_hold_in_every_task(sign):
    X, y = deviations()
    name = X.columns[0]
    fitted = Regressor(**FEW, monotonic_cst={name: sign}).fit(X, y)
    grid = pd.concat([X.head(1)] * 40).assign(**{name: np.linspace(-3, 3, 40)})
    for task in [*fitted.tasks_, "never seen"]:
        steps = np.diff(fitted.predict(grid.assign(task=task)))
        assert (sign * steps >= -1e-12).all()


def test_a_new_task_is_learned_and_others_stay(data):
    X, y = data
    names = X["task"].unique()
    old, new = X["task"] != names[0], X["task"] == names[0]
    fitted = Regressor(**FEW).fit(X[old], y[old])
    before, rest = fitted.predict(X[old]), fitted.outlier_scores_.copy()
    unseen = np.mean((fitted.predict(X[new]) - y[new]) ** 2)
    fitted.fit_task(X[new], y[new])
    assert_array_equal(fitted.predict(X[old]), before)
    assert names[0] in fitted.tasks_
    assert list(fitted.tasks_) == sorted(fitted.tasks_)
    assert_array_equal(fitted.outlier_scores_[fitted.tasks_ != names[0]], rest)
    assert np.mean((fitted.predict(X[new]) - y[new]) ** 2) < unseen
    with pytest.raises(ValueError, match="already"):
        fitted.fit_task(X[new], y[new])


def test_missing_values_and_categories_are_features():
    rng = np.random.default_rng(0)
    kind = rng.choice(["a", "b", "c", "d"], 500)
    X = pd.DataFrame({"kind": pd.Categorical(kind), "x": rng.normal(size=500)})
    X.loc[rng.random(500) < 0.3, "x"] = np.nan
    X["task"] = rng.integers(0, 4, 500)
    y = 2.0 * np.isin(kind, ["b", "d"]) + np.isnan(X["x"]) + 0.1 * rng.normal(size=500)
    fitted = Regressor(max_iter=100, task_feature="task").fit(X, y)
    assert fitted.score(X, y) > 0.95
    assert fitted._features.is_category.tolist() == [True, False]
    new = X.head(3).assign(kind=pd.Categorical(["z", None, "b"]))
    assert np.isfinite(fitted.predict(new)).all()
    by_name = Regressor(
        max_iter=100, task_feature="task", categorical_features=["kind"]
    ).fit(X.assign(kind=kind), y)
    assert_array_equal(by_name.predict(X.assign(kind=kind)), fitted.predict(X))


def test_columns_of_y_are_tasks():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 4))
    shared = np.sin(2 * X[:, 0]) + X[:, 1]
    Y = np.column_stack([shared, -shared, shared + X[:, 2]])
    Y += 0.1 * rng.normal(size=Y.shape)
    Y[rng.random(Y.shape) < 0.3] = np.nan
    fitted = Regressor(max_iter=200).fit(X, Y)
    assert fitted.predict(X).shape == Y.shape
    assert fitted.score(X, Y) > 0.9
    assert fitted.task_weights_[1, 0] < 0 < fitted.task_weights_[0, 0]
    parts = fitted.decompose(X)
    assert_allclose(sum(parts), fitted.predict(X))
    chosen = Classifier(max_iter=30).fit(X, np.where(np.isnan(Y), np.nan, Y > 0))
    assert chosen.predict_proba(X).shape == Y.shape


def test_many_rows_have_a_booster_that_learns_from_all(data, model, monkeypatch):
    X, y = data
    monkeypatch.setattr("skmtl.boosting._cross_fit.MANY_ROWS", 100)
    fitted = Regressor(**FEW).fit(X, y)
    score, before = (m._model.variants[0].scores[0] for m in (fitted, model))
    assert len(score.boosters) == len(before.boosters) + 1
    # Nothing that is chosen depends on it.
    assert_array_equal(fitted.task_loss_, model.task_loss_)
    assert_array_equal(fitted.outlier_scores_, model.outlier_scores_)
    *_, last = fitted.staged_predict(X)
    assert_allclose(last, fitted.predict(X))
    assert_allclose(sum(fitted.decompose(X)), fitted.predict(X))
    fewer = clone(fitted).set_params(max_iter=20, warm_start=True).fit(X, y)
    fewer.set_params(max_iter=40).fit(X, y)
    assert_array_equal(fewer.predict(X), fitted.predict(X))


def test_a_booster_of_all_rows_agrees_with_those_of_splits(monkeypatch):
    X, y = deviations(n_samples=200)
    train = np.arange(len(y)) % 2 == 0
    errors = []
    for many in (10_000, 100):
        monkeypatch.setattr("skmtl.boosting._cross_fit.MANY_ROWS", many)
        fitted = Regressor(task_feature="task").fit(X[train], y[train])
        errors.append(np.mean((fitted.predict(X[~train]) - y[~train]) ** 2))
    assert 0.8 < errors[1] / errors[0] < 1.0
    # The others lack a fifth of the rows, and have as many rounds less.
    *others, last = fitted._model.variants[0].scores[0].boosters
    assert last.n_trees == round(1.25 * others[0].n_trees)
    *_, stage = fitted.staged_predict(X[~train])
    assert_allclose(stage, fitted.predict(X[~train]))


def strangers(n_rows=150, seed=1):
    """Return a table and targets side by side that have no feature in common."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 6))
    Y = np.column_stack([np.abs(X[:, 0]), np.sin(2 * X[:, 2]), X[:, 4] * X[:, 5]])
    return X, Y + 0.1 * rng.normal(size=Y.shape)


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error"])
def test_columns_of_y_have_units_of_their_own(loss):
    X, Y = strangers()
    units, start = np.array([1.0, 1000.0, 0.01]), np.array([0.0, 5.0, -1.0])
    options = {"max_iter": 30, "loss": loss}
    plain = Regressor(**options).fit(X, Y)
    changed = Regressor(**options).fit(X, units * Y + start)
    assert_allclose(changed.predict(X), units * plain.predict(X) + start, rtol=1e-5)
    power = 2 if loss == "squared_error" else 1
    assert_allclose(changed.task_loss_, units**power * plain.task_loss_, rtol=1e-5)


def test_tasks_that_share_nothing_are_as_good_as_alone():
    ratios = []
    for seed in (1, 2, 3):
        X, Y = strangers(600, seed)
        fitted = Regressor().fit(X[:300], Y[:300])
        assert fitted.n_rounds_["task_trees_alone"].min() > 0
        own = [Regressor().fit(X[:300], Y[:300, t]).predict(X[300:]) for t in range(3)]
        together, apart = (
            np.mean((said - Y[300:]) ** 2, axis=0)
            for said in (fitted.predict(X[300:]), np.transpose(own))
        )
        ratios.append(together / apart)
    assert np.mean(ratios) < 1.05
    assert_allclose(sum(fitted.decompose(X)), fitted.predict(X))
    *_, last = fitted.staged_predict(X)
    assert_allclose(last, fitted.predict(X))


def test_what_tasks_learn_alone_says_nothing_of_others():
    X, Y = strangers(300)
    frame = pd.DataFrame(np.tile(X, (3, 1)))
    frame["task"] = np.repeat(["a", "b", "c"], len(X))
    frame.columns = frame.columns.astype(str)
    y = Y.ravel(order="F")
    old = frame["task"] != "c"
    fitted = Regressor(task_feature="task").fit(frame[old], y[old])
    assert "task_trees_alone" in fitted.n_rounds_
    parts = fitted.decompose(frame[~old])
    assert_array_equal(parts.head, 0.0)
    assert_array_equal(parts.task_trees, 0.0)
    stages = list(fitted.staged_predict(frame[~old]))
    assert_allclose(stages[-1], fitted.predict(frame[~old]))
    before, error = fitted.predict(frame[old]), np.var(y[~old])
    fitted.fit_task(frame[~old], y[~old])
    assert_array_equal(fitted.predict(frame[old]), before)
    assert np.mean((fitted.predict(frame[~old]) - y[~old]) ** 2) < 0.3 * error


def test_few_tasks_of_many_rows_are_fitted(data, monkeypatch):
    monkeypatch.setattr(_task_block, "PROBE_ROWS", 5)
    monkeypatch.setattr(_task_block, "SAMPLE_ROWS", 5)
    X, y = data
    model = Regressor(task_feature="task", max_iter=5).fit(X, y)
    assert np.isfinite(model.predict(X)).all()


def test_trees_alone_are_not_grown_where_they_cannot_help(data, model):
    assert "task_trees_alone" not in model.n_rounds_


def test_quantiles_cover_what_they_say():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"x": rng.uniform(-1, 1, 2000), "task": rng.integers(0, 5, 2000)})
    y = X["x"] * X["task"] + (0.5 + X["task"] / 5) * rng.normal(size=2000)
    train = np.arange(2000) < 1400
    for level in (0.2, 0.8):
        fitted = Regressor(loss="quantile", quantile=level, task_feature="task")
        below = y < fitted.fit(X[train], y[train]).predict(X)
        assert abs(below[~train].mean() - level) < 0.05


def test_robust_losses_ignore_a_few_wild_targets(data):
    X, y = data
    wild = y.copy()
    wild[::40] += 300.0
    errors = {
        loss: np.mean(np.abs(Regressor(**FEW, loss=loss).fit(X, wild).predict(X) - y))
        for loss in ("squared_error", "absolute_error", "huber")
    }
    assert errors["absolute_error"] < 0.5 * errors["squared_error"]
    assert errors["huber"] < 0.5 * errors["squared_error"]


def test_counts_are_positive_and_calibrated_by_task():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"x": rng.normal(size=1500), "task": rng.integers(0, 5, 1500)})
    rate = np.exp(0.5 * X["x"] + 0.4 * X["task"] - 0.5)
    y = rng.poisson(rate)
    fitted = Regressor(loss="poisson", task_feature="task").fit(X, y)
    predicted = fitted.predict(X)
    assert (predicted > 0).all()
    ratio = np.bincount(X["task"], y) / np.bincount(X["task"], predicted)
    assert_allclose(ratio, 1.0, atol=0.1)
    assert np.mean((np.log(predicted) - np.log(rate)) ** 2) < 0.05


def test_progress_is_reported_on_request(data, caplog):
    X, y = data
    with caplog.at_level("INFO", logger="skmtl"):
        Regressor(**FEW).fit(X, y)
        assert not caplog.records
        Regressor(**FEW, verbose=1).fit(X, y)
    assert "shared score 1" in caplog.text
    assert "task_trees" in caplog.text


def test_balanced_classes_weigh_the_same(data):
    X, y = data
    rare = (y > np.quantile(y, 0.9)).astype(int)
    plain = Classifier(**FEW).fit(X, rare)
    balanced = Classifier(**FEW, class_weight="balanced").fit(X, rare)
    assert balanced.predict(X).mean() > plain.predict(X).mean()
    by_hand = Classifier(**FEW, class_weight={1: 9.0}).fit(X, rare)
    assert by_hand.predict(X).mean() > plain.predict(X).mean()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"monotonic_cst": {"nothing": 1}}, "not a feature"),
        ({"monotonic_cst": [2] * 11}, "-1 .falling."),
        ({"monotonic_cst": [1, 0]}, "one value for each of the 11 columns"),
        ({"categorical_features": ["nothing"]}, "not a feature"),
        ({"categorical_features": [99]}, "position 99"),
        ({"loss": "poisson"}, "not negative"),
    ],
    ids=str,
)
def test_bad_parameters_are_named(data, change, message):
    X, y = data
    with pytest.raises(ValueError, match=message):
        Regressor(**FEW, **change).fit(X, y)


def test_text_that_is_no_category_is_an_error(data):
    X, y = data
    with pytest.raises(ValueError, match="categorical_features"):
        Regressor(**FEW).fit(X.assign(text="a"), y)
