"""Laws of the estimators that choose how tasks share."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.model_selection import TimeSeriesSplit

from skmtl import MultiTaskClassifier, MultiTaskRegressor
from skmtl._blend import TAKEN, Answers, best_mixture, mixture, sobered
from skmtl._design import measure
from skmtl._forest import SharedForest, task_levels
from skmtl._guard import guard
from skmtl._structures import NAMES
from skmtl.baselines import IndependentTasks
from skmtl.datasets import make_task_deviations
from skmtl.linear import HierarchicalRegressor
from skmtl.model_selection import LeaveOneTaskOut

LINEAR = ["independent", "pooled", "pooled_intercepts", "hierarchical"]


@pytest.fixture(scope="module")
def grouped():
    """Return eight linear tasks, one of them reversed."""
    rng = np.random.default_rng(0)
    task = np.repeat([f"t{k}" for k in range(8)], 40)
    features = rng.normal(size=(320, 4))
    slopes = np.array([2.0, -1.0, 0.5, 0.0]) + 0.1 * rng.normal(size=(8, 4))
    slopes[7] *= -1.0
    code = np.repeat(np.arange(8), 40)
    y = (features * slopes[code]).sum(axis=1) + 0.5 * rng.normal(size=320)
    frame = pd.DataFrame(features, columns=list("abcd")).assign(task=task)
    return frame, y


@pytest.fixture(scope="module")
def fitted(grouped):
    """Return a linear mixture fitted to them."""
    return MultiTaskRegressor(LINEAR, task_feature="task").fit(*grouped)


def some_answers(classify, seed=0):
    """Return what three models say of 200 cells."""
    rng = np.random.default_rng(seed)
    fold = np.arange(200) % 5
    task, weight = np.arange(200) % 4, rng.uniform(0.5, 2.0, 200)
    if classify:
        return Answers(
            rng.uniform(0.2, 0.9, (200, 3)), np.ones(200), weight, task, fold, True
        )
    target = rng.normal(size=200)
    noise = rng.normal(size=(200, 3)) * [0.5, 0.6, 3.0]
    return Answers(target[:, None] + noise, target, weight, task, fold, False)


@pytest.mark.parametrize("classify", [False, True])
def test_no_nearby_mixture_is_better(classify):
    answers = some_answers(classify)
    shares = best_mixture(answers)
    assert_allclose(shares.sum(), 1.0)
    least = answers.mean(answers.losses(shares))
    rng = np.random.default_rng(1)
    for _ in range(200):
        other = rng.dirichlet(np.ones(3))
        near = 0.95 * shares + 0.05 * other
        assert answers.mean(answers.losses(near)) >= least - 1e-8


def test_the_mixture_leaves_out_what_is_useless_and_mixes_what_errs_apart():
    shares = mixture(some_answers(False))
    assert shares[2] < 0.05
    assert min(shares[:2]) > 0.2
    assert_allclose(shares.sum(), 1.0)


@pytest.mark.parametrize("noise", [1e-6, 1e-3, 1.0])
def test_weights_are_found_whatever_the_losses_are(noise):
    rng = np.random.default_rng(0)
    answers = some_answers(False)
    errors = np.column_stack(
        [10.0 * rng.normal(size=200), noise * rng.normal(size=200)]
    )
    answers = answers._replace(values=answers.target[:, None] + errors)
    assert best_mixture(answers)[1] > 0.98
    assert mixture(answers)[1] > 0.98


def test_a_single_row_that_tells_models_apart_is_believed():
    answers = some_answers(False).of(np.array([0]))
    answers = answers._replace(values=answers.target + np.array([[0.0, 5.0, 5.0]]))
    assert_allclose(mixture(answers), [1.0, 0.0, 0.0], atol=1e-6)


def test_splits_that_repeat_rows_count_once(grouped):
    from sklearn.model_selection import RepeatedKFold

    X, y = grouped
    names = ["independent", "hierarchical"]
    once = RepeatedKFold(n_splits=3, n_repeats=1, random_state=0)
    twice = RepeatedKFold(n_splits=3, n_repeats=2, random_state=0)
    tables = [
        MultiTaskRegressor(names, cv=cv, task_feature="task").fit(X, y).candidates_
        for cv in (once, twice)
    ]
    assert_array_equal(tables[0].loss, tables[1].loss)


def test_a_fold_of_one_class_is_no_obstacle():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    y = (X[:, 0] + 0.3 * rng.normal(size=200) > 0).astype(int)
    y[:40] = 0
    model = MultiTaskClassifier(["pooled", "joint_sparse"], cv=TimeSeriesSplit(4))
    assert model.fit(X, y).score(X, y) > 0.6


def test_one_model_has_all_the_weight():
    answers = some_answers(False)
    alone = answers._replace(values=answers.values[:, :1])
    assert_array_equal(mixture(alone), [1.0])


def test_a_prior_counts_where_rows_do_not_tell_models_apart():
    answers = some_answers(False)
    twins = answers._replace(values=answers.values[:, [0, 0, 2]])
    odds = mixture(twins.of(np.arange(8)), np.array([2.0, 1.0, 1.0]))
    assert odds[0] > odds[1]
    few, many = (
        mixture(answers._replace(weight=size * answers.weight), np.array([1, 1, 9.0]))
        for size in (1e-3, 1.0)
    )
    assert few[2] > many[2]
    assert many[2] < 0.05


@pytest.mark.parametrize("classify", [False, True])
def test_losses_of_a_model_that_was_chosen_by_them_count_more(classify):
    answers = some_answers(classify)
    factor = 1.0 + TAKEN / answers.weight.sum()
    expected = answers.losses() * [1.0, factor, 1.0]
    assert_allclose(sobered(answers, 1).losses(), expected)


def test_gates_stay_open_unless_own_models_are_clearly_better():
    answers = some_answers(False)
    own, shared = answers.values[:, 2], answers.values[:, 0]
    assert_array_equal(guard(answers, own, shared, 4).values, np.ones(4))
    harmed = np.where(answers.task == 2, -9.0 * answers.target, shared)
    gates = guard(answers, own, harmed, 4).values
    assert gates[2] < 0.2
    assert min(np.delete(gates, 2)) > 0.5


def test_two_rows_of_a_task_are_no_evidence_for_a_model_of_its_own():
    # Held out from a mean of the other, both rows of a task have the same error.
    rng = np.random.default_rng(0)
    target = rng.normal(size=(40, 2)).cumsum(axis=1)
    own, shared = target[:, ::-1].ravel(), np.zeros(80)
    cells = np.arange(80)
    answers = Answers(
        np.zeros((80, 1)), target.ravel(), np.ones(80), cells // 2, cells % 2, False
    )
    assert_array_equal(guard(answers, own, shared, 40).values, np.ones(40))


def test_a_design_is_finite_and_of_like_size():
    rng = np.random.default_rng(0)
    values = np.column_stack(
        [1e9 * rng.normal(size=50), np.ones(50), rng.integers(0, 3, 50)]
    )
    values[::7, 0] = np.nan
    design = measure(values, np.ones(50), np.array([False, False, True]))
    table = design.apply(values)
    # A number, a constant, where the number is missing, and three categories.
    assert table.shape == (50, 6)
    assert np.abs(table).max() < 10.0
    assert_allclose(table[:, 0].mean(), 0.0, atol=1e-12)
    assert_array_equal(table[:, 3:].sum(axis=1), np.ones(50))
    unknown = design.apply(np.array([[np.nan, np.nan, 9.0]]))
    assert_array_equal(unknown, [[0, 0, 1, 0, 0, 0]])


def test_the_table_tells_what_was_tried(fitted):
    table = fitted.candidates_
    assert table.structure.tolist() == LINEAR
    assert_allclose(table.weight.sum(), 1.0)
    assert table["hierarchical"]["loss"] == np.nanmin(table.loss)
    assert str(table).splitlines()[0].split() == [
        "structure",
        "loss",
        "weight",
        "status",
    ]
    assert table.to_frame().shape == (4, 4)
    assert len(table) == 4


def test_hopeless_structures_are_given_up(grouped):
    X, y = grouped
    names = ["independent", "pooled", "pooled_intercepts"]
    slope = np.where(X["task"].str[1].astype(int) % 2, 5.0, -5.0)
    model = MultiTaskRegressor(names, task_feature="task")
    table = model.fit(X, y + slope * X["d"]).candidates_
    given_up = table["pooled_intercepts"]
    assert given_up["status"] == "clearly worse than independent on one fold"
    assert given_up["weight"] == 0.0
    # What all share tells which tasks are unlike the others.
    assert table["pooled"]["status"] == ""
    assert np.isfinite(model.outlier_scores_).all()


def test_the_reversed_task_is_named(fitted):
    assert fitted.outlier_tasks_.tolist() == ["t7"]
    assert fitted.outlier_scores_.argmax() == 7


def test_sharing_gains_and_losses_by_task_are_those_of_rows_held_out(grouped):
    X, y = grouped
    splits = [
        (np.flatnonzero(np.arange(320) % 4 != k), np.arange(k, 320, 4))
        for k in range(4)
    ]
    model = MultiTaskRegressor(
        ["independent", "hierarchical"], cv=splits, task_feature="task"
    )
    model.fit(X, y)
    held_out = np.empty(320)
    for train, test in splits:
        part = MultiTaskRegressor(["independent"], cv=2, task_feature="task")
        held_out[test] = part.fit(X.iloc[train], y[train]).predict(X.iloc[test])
    loss = pd.Series((held_out - y) ** 2).groupby(X["task"].to_numpy()).mean()
    own = model.task_loss_ / (1.0 - model.task_gain_)
    # The splits' models see rows in units of all rows, these in units of their own.
    assert_allclose(own, loss, rtol=1e-3)


def test_rows_that_no_split_holds_out_are_not_judged(grouped):
    X, y = grouped
    first, later = np.arange(0, 320, 2), np.arange(1, 320, 2)
    fitted = MultiTaskRegressor(
        ["hierarchical"], cv=[(first, later)], task_feature="task"
    ).fit(X, y)
    honest = HierarchicalRegressor(task_feature="task").fit(X.iloc[first], y[first])
    error = (honest.predict(X.iloc[later]) - y[later]) ** 2
    task = X["task"].to_numpy()[later]
    loss = [error[task == name].mean() for name in fitted.tasks_]
    assert_allclose(fitted.task_loss_, loss, rtol=1e-3)


def test_names_of_tasks_and_order_of_rows_do_not_matter(grouped, fitted):
    X, y = grouped
    order = np.random.default_rng(0).permutation(320)
    other = X.assign(task=X["task"].map(lambda name: f"z{9 - int(name[1])}"))
    model = MultiTaskRegressor(LINEAR, task_feature="task").fit(
        other.iloc[order], y[order]
    )
    assert_allclose(model.predict(other), fitted.predict(X), rtol=1e-6, atol=1e-8)
    assert_allclose(model.gate_[::-1], fitted.gate_, rtol=1e-6)


def test_units_of_targets_do_not_matter(grouped, fitted):
    X, y = grouped
    model = MultiTaskRegressor(LINEAR, task_feature="task").fit(X, 1000.0 * y + 5.0)
    expected = 1000.0 * fitted.predict(X) + 5.0
    assert_allclose(model.predict(X), expected, rtol=1e-5, atol=1e-3)
    assert_allclose(model.task_loss_, 1e6 * fitted.task_loss_, rtol=1e-5)


def test_missing_values_and_categories_of_frames(grouped):
    X, y = grouped
    rng = np.random.default_rng(0)
    kind = pd.Categorical(rng.choice(["red", "green", "blue"], 320))
    X = X.assign(kind=kind, a=X["a"].where(rng.random(320) > 0.1))
    y = y + 3.0 * (kind == "red")
    model = MultiTaskRegressor(["independent", "hierarchical"], task_feature="task")
    with_kind = model.fit(X, y).score(X, y)
    without = model.fit(X.drop(columns="kind"), y).score(X.drop(columns="kind"), y)
    assert with_kind > without + 0.1


def test_columns_of_y_have_units_of_their_own():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 5))
    Y = X @ rng.normal(size=(5, 3)) + 0.3 * rng.normal(size=(120, 3))
    Y[rng.random(Y.shape) < 0.2] = np.nan
    model = MultiTaskRegressor(["independent", "hierarchical", "joint_sparse"])
    plain = model.fit(X, Y).predict(X)
    scaled = model.fit(X, Y * [1.0, 1e4, 1e-3] + [0, 7, 0]).predict(X)
    assert_allclose(scaled, plain * [1.0, 1e4, 1e-3] + [0, 7, 0], rtol=1e-4, atol=1e-5)
    assert model.score(X, Y * [1.0, 1e4, 1e-3] + [0, 7, 0]) > 0.8


def test_boosting_takes_part():
    tasks = make_task_deviations(n_tasks=4, n_samples=80, deviation=0.3, random_state=0)
    model = MultiTaskRegressor(["pooled", "boosting"], task_feature="task", n_jobs=1)
    model.fit(tasks.data, tasks.target)
    assert model.weights_["boosting"] > 0.5
    expected = model.estimators_["boosting"].outlier_scores_
    assert_array_equal(model.outlier_scores_, expected)


@pytest.mark.parametrize("kind", ["numbers", "classes"])
def test_a_new_task_is_learned_and_others_stay(grouped, kind):
    X, y = grouped
    y = y if kind == "numbers" else np.where(y > 0, "up", "down")
    model = (MultiTaskRegressor if kind == "numbers" else MultiTaskClassifier)(
        ["independent", "hierarchical"], task_feature="task"
    )
    old, new = X["task"] != "t3", X["task"] == "t3"
    model.fit(X[old], y[old])
    ask = "predict" if kind == "numbers" else "predict_proba"
    before, shared = (getattr(model, ask)(X[part]) for part in (old, new))
    loss_shared = model.score(X[new], y[new])
    model.fit_task(X[new], y[new])
    assert_allclose(getattr(model, ask)(X[old]), before, rtol=1e-9, atol=1e-12)
    assert not np.allclose(getattr(model, ask)(X[new]), shared)
    assert model.score(X[new], y[new]) >= loss_shared
    assert model.tasks_.tolist() == sorted(X["task"].unique())
    assert np.isnan(model.task_loss_[3])
    with pytest.raises(ValueError, match="fit saw task 't3' already"):
        model.fit_task(X[new], y[new])


def test_a_mixture_that_cannot_learn_a_task_says_so(grouped):
    X, y = grouped
    model = MultiTaskRegressor(["shared_center"], task_feature="task")
    old = X["task"] != "t3"
    model.fit(X[old], y[old])
    with pytest.raises(ValueError, match="can learn a single task"):
        model.fit_task(X[~old], y[~old])


def test_independent_tasks_learn_a_new_task(grouped):
    from sklearn.linear_model import Ridge

    X, y = grouped
    old = X["task"] != "t0"
    model = IndependentTasks(Ridge(), task_feature="task").fit(X[old], y[old])
    model.fit_task(X[~old], y[~old])
    every = IndependentTasks(Ridge(), task_feature="task").fit(X, y)
    assert_allclose(model.predict(X), every.predict(X))


def test_probabilities_sum_to_one_and_agree_with_classes(grouped):
    X, y = grouped
    labels = np.array(["low", "middle", "high"])[np.digitize(y, [-1.0, 1.0])]
    model = MultiTaskClassifier(["pooled", "hierarchical"], task_feature="task")
    model.fit(X, labels)
    probability = model.predict_proba(X)
    assert_allclose(probability.sum(axis=1), 1.0)
    assert_array_equal(model.classes_[probability.argmax(axis=1)], model.predict(X))
    assert model.score(X, labels) > 0.7
    scores = model.decision_function(X)
    assert_array_equal(scores.argmax(axis=1), probability.argmax(axis=1))


def test_scores_of_two_classes_are_logarithms_of_odds(grouped):
    X, y = grouped
    model = MultiTaskClassifier(["pooled"], task_feature="task").fit(X, y > 0.0)
    probability = model.predict_proba(X)[:, 1]
    expected = np.log(probability / (1.0 - probability))
    assert_allclose(model.decision_function(X), expected)
    columns = np.column_stack([y > 0.0, y > 1.0])
    model = MultiTaskClassifier(["pooled"]).fit(X.drop(columns="task"), columns)
    scores = model.decision_function(X.drop(columns="task"))
    assert_array_equal(scores > 0.0, model.predict(X.drop(columns="task")))


@pytest.fixture(scope="module")
def rare(grouped):
    """Return tasks of which a class is rare, and more so in some than in others."""
    X, y = grouped
    level = X["task"].str[1].astype(float).to_numpy() / 4.0
    noise = np.random.default_rng(1).normal(size=320)
    return X, np.where(y + 3.0 * noise > 3.0 + level, "yes", "no")


@pytest.mark.parametrize("structures", [[name] for name in NAMES[:-1]] + [LINEAR])
def test_balanced_classes_are_those_of_weights_by_hand(rare, structures):
    X, y = rare
    frame = pd.DataFrame({"task": X["task"], "y": y})
    of_class = frame.groupby(["task", "y"]).y.transform("size").to_numpy()
    of_task = frame.groupby("task").y.transform("size").to_numpy()
    kinds = frame.groupby("task").y.transform("nunique").to_numpy()
    model = MultiTaskClassifier(structures, cv=2, task_feature="task")
    by_hand = model.fit(X, y, of_task / (kinds * of_class)).predict_proba(X)
    model.set_params(class_weight="balanced")
    balanced = model.fit(X, y).predict_proba(X)
    assert_allclose(balanced, by_hand, rtol=1e-6, atol=1e-9)
    plain = model.set_params(class_weight=None).fit(X, y).predict_proba(X)
    assert balanced[:, 1].mean() > plain[:, 1].mean()


def test_weights_of_classes_by_name(rare):
    X, y = rare
    model = MultiTaskClassifier(["pooled", "forest"], cv=2, task_feature="task")
    by_hand = model.fit(X, y, np.where(y == "yes", 5.0, 1.0)).predict_proba(X)
    model.set_params(class_weight={"yes": 5.0})
    assert_allclose(model.fit(X, y).predict_proba(X), by_hand, rtol=1e-6, atol=1e-9)
    with pytest.raises(ValueError, match="not among"):
        model.set_params(class_weight={"maybe": 5.0}).fit(X, y)


def test_a_new_task_has_weights_of_classes_too(rare):
    X, y = rare
    model = MultiTaskClassifier(["hierarchical"], cv=2, task_feature="task")
    old, new = X["task"] != "t3", X["task"] == "t3"
    plain = model.fit(X[old], y[old]).fit_task(X[new], y[new]).predict_proba(X[new])
    model.set_params(class_weight={"yes": 9.0})
    even = model.fit(X[old], y[old]).fit_task(X[new], y[new]).predict_proba(X[new])
    assert even[:, 1].mean() > plain[:, 1].mean()


def test_columns_of_y_have_no_weights_of_classes(rare):
    X, y = rare
    Y = np.column_stack([y == "yes", y == "no"])
    with pytest.raises(ValueError, match="melt_targets"):
        MultiTaskClassifier(class_weight="balanced").fit(X.drop(columns="task"), Y)


def test_models_of_single_tasks_are_not_judged_by_other_tasks(grouped):
    X, y = grouped
    leave = LeaveOneTaskOut(task_feature="task")
    model = MultiTaskRegressor(LINEAR, cv=leave, task_feature="task").fit(X, y)
    assert "has not seen" in model.candidates_["independent"]["status"]
    assert "independent" not in model.estimators_
    assert np.isnan(model.task_gain_).all()
    assert_array_equal(model.gate_, 1.0)


def test_a_column_with_two_observed_cells_keeps_every_structure():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 3))
    Y = X @ rng.normal(size=(3, 3)) + 0.1 * rng.normal(size=(40, 3))
    Y[2:, 1] = np.nan
    model = MultiTaskRegressor(["independent", "hierarchical", "forest"]).fit(X, Y)
    assert not any("failed" in status for status in model.candidates_.status)
    assert np.isfinite(model.predict(X)).all()


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("n_classes", [0, 2])
def test_a_forest_sees_a_row_of_weight_two_as_the_row_twice(wide, n_classes):
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=(60, 3)), np.arange(60) % 4])
    y = X[:, 0] + X[:, 3] + rng.normal(size=60)
    y = np.column_stack([y, y**2]) if wide else y
    y = (y > 1.0).astype(float) if n_classes else y
    weight = rng.integers(1, 3, 60)
    forest = SharedForest(n_classes, wide).fit(X, y, weight.astype(float))
    twice = np.repeat(np.arange(60), weight)
    copies = SharedForest(n_classes, wide).fit(X[twice], y[twice])
    assert_allclose(forest.predict(X), copies.predict(X))
    order = rng.permutation(60)
    shuffled = SharedForest(n_classes, wide).fit(
        X[order], y[order], weight[order].astype(float)
    )
    assert_allclose(forest.predict(X), shuffled.predict(X))


def test_a_forest_knows_tasks_by_their_level_and_new_ones_by_that_of_all():
    code, y = np.array([0.0, 0.0, 3.0, 3.0]), np.array([1.0, 1.0, 5.0, 5.0])
    codes, levels = task_levels(code, y[:, None], np.ones(4))
    assert_array_equal(codes, [0.0, 3.0])
    assert_allclose(levels[:, 0], [2.0, 4.0, 3.0])
    forest = SharedForest().fit(np.column_stack([np.zeros(4), code]), y)
    known, unknown = forest.predict(np.array([[0.0, 3.0], [0.0, 7.0]]))
    assert known > unknown


def test_columns_of_one_forest_are_those_of_their_own_where_some_have_gaps():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 3))
    Y = X @ rng.normal(size=(3, 2)) + 0.1 * rng.normal(size=(50, 2))
    Y[::5, 0] = np.nan
    said = SharedForest(wide=True).fit(X, Y).predict(X)
    own = SharedForest(wide=True).fit(X, Y[:, [1]]).predict(X)
    assert_allclose(said[:, 1], own.ravel())
    assert not SharedForest(wide=True).fit(X, Y * np.nan).predict(X).any()


def test_unseen_tasks_are_predicted_by_what_is_shared(grouped, fitted):
    X, _ = grouped
    strange = X.assign(task="never")
    assert np.isfinite(fitted.predict(strange)).all()
    strict = MultiTaskRegressor(["pooled"], task_feature="task", unseen_task="error")
    with pytest.raises(ValueError, match="never"):
        strict.fit(*grouped).predict(strange)


def test_unknown_structures_are_refused(grouped):
    with pytest.raises(ValueError, match="structures must be 'auto' or some of"):
        MultiTaskRegressor(["woods"], task_feature="task").fit(*grouped)


def test_one_row_is_too_few():
    with pytest.raises(ValueError, match="leaves no rows to hold out"):
        MultiTaskRegressor().fit([[1.0, 2.0]], [1.0])


def test_a_structure_that_fails_is_listed_and_left_out(grouped, monkeypatch):
    from skmtl.linear import HierarchicalRegressor

    def fail(self, *arguments, **weights):
        raise ValueError("a reason")

    monkeypatch.setattr(HierarchicalRegressor, "fit", fail)
    model = MultiTaskRegressor(["independent", "hierarchical"], task_feature="task")
    with pytest.warns(UserWarning, match="'hierarchical' failed and is left out"):
        table = model.fit(*grouped).candidates_
    assert table["hierarchical"]["status"] == "failed: a reason"
    with pytest.raises(KeyError, match="not among the structures tried"):
        table["woods"]
    with pytest.raises(ValueError, match="a reason"):
        MultiTaskRegressor(["hierarchical"], task_feature="task").fit(*grouped)


def test_fits_are_reported_on_request(grouped, caplog):
    model = MultiTaskRegressor(["pooled"], task_feature="task", verbose=1)
    model.fit(*grouped)
    assert any("pooled" in record.message for record in caplog.records)
