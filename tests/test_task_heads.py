"""Heads of tasks on scores of any estimator: its laws, and what it refuses."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from lightgbm import LGBMClassifier, LGBMRegressor
from scipy import sparse
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils.estimator_checks import parametrize_with_checks

from skmtl.baselines import PooledTasks
from skmtl.boosting import TaskHeads
from skmtl.boosting import _losses as losses
from skmtl.boosting._base import Scale
from skmtl.boosting._heads import first_heads
from skmtl.boosting._problem import Problem
from skmtl.boosting._task_heads_cross_fit import (
    Lesson,
    Teacher,
    cross_fit,
    settle,
    working_targets,
)
from skmtl.boosting._task_heads_cross_fit import _taught as taught
from skmtl.boosting._task_heads_open import SETTINGS, find_columns
from skmtl.boosting._task_heads_sources import (
    AsCategory,
    AsIndicators,
    Language,
    Source,
    Untold,
    seeded,
    views,
)
from skmtl.datasets import make_task_deviations

BOOSTED = HistGradientBoostingRegressor(
    max_iter=20, learning_rate=0.3, min_samples_leaf=5
)
CLASSES = HistGradientBoostingClassifier(
    max_iter=20, learning_rate=0.3, min_samples_leaf=5
)
quiet = pytest.mark.filterwarnings("ignore::skmtl.exceptions.TaskColumnWarning")


def table(slopes, n=60, noise=0.1, seed=0, shift=0.0):
    """Return a frame whose tasks see one function through slopes, and its target."""
    rng = np.random.default_rng(seed)
    task = np.repeat(np.arange(len(slopes)), n)
    X = rng.normal(size=(task.size, 3))
    f = np.sin(2 * X[:, 0]) + X[:, 1]
    y = shift * task + np.array(slopes)[task] * f + noise * rng.normal(size=task.size)
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    return frame.assign(task=[f"t{t}" for t in task]), y


def heads(estimator=BOOSTED, **parameters):
    parameters = {"n_scores": 1, "task_feature": "task", **parameters}
    return TaskHeads(estimator, **parameters)


# --- scikit-learn's checks: contract tests run over linear models inside


def excused(estimator):
    """Excuse what scikit-learn's own histogram boosting cannot."""
    reason = "bins and smallest leaves count rows, not weights"
    dense = "check_sample_weight_equivalence_on_dense_data"
    if estimator.task_feature is None:
        return {dense: reason}
    return {"check_estimators_pickle": "puts missing values in the task column too"}


@quiet
@pytest.mark.slow
@parametrize_with_checks(
    [
        TaskHeads(
            HistGradientBoostingRegressor(max_iter=10),
            n_scores=1,
            task_feature=task_feature,
        )
        for task_feature in (None, -1)
    ],
    expected_failed_checks=excused,
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


# --- what heads say


def test_tasks_that_are_alike_have_equal_slopes_near_one():
    model = heads().fit(*table([1.0] * 5))
    slopes = model.task_weights_[:, 0]
    assert np.ptp(slopes) < 0.1
    assert abs(slopes.mean() - 1.0) < 0.2
    assert model.outlier_tasks_.size == 0
    assert model.task_similarity_.min() > 0.99


def test_a_reversed_task_has_a_negative_slope_and_is_an_outlier():
    X, y = table([1.0, 1.0, -1.0, 1.0, 1.0, 1.0])
    model = heads().fit(X, y)
    assert model.tasks_[model.task_weights_[:, 0] < 0].tolist() == ["t2"]
    assert model.outlier_tasks_.tolist() == ["t2"]
    assert model.task_similarity_[2, 0] < -0.9
    pooled = PooledTasks(BOOSTED, encode="category", task_feature="task").fit(X, y)
    fresh, truth = table([1.0, 1.0, -1.0, 1.0, 1.0, 1.0], seed=1, noise=0.0)
    errors = [np.mean((m.predict(fresh) - truth) ** 2) for m in (model, pooled)]
    assert errors[0] < 0.6 * errors[1]


def test_classes_of_a_reversed_task():
    X, y = table([1.0, 1.0, -1.0, 1.0, 1.0, 1.0], n=150)
    model = heads(CLASSES, n_scores="auto").fit(X, np.where(y > 0, "yes", "no"))
    assert model.classes_.tolist() == ["no", "yes"]
    assert model.tasks_[model.task_weights_[:, 0] < 0].tolist() == ["t2"]
    fresh, truth = table([1.0, 1.0, -1.0, 1.0, 1.0, 1.0], seed=1)
    assert np.mean(model.predict(fresh) == np.where(truth > 0, "yes", "no")) > 0.9


def test_slopes_and_intercepts_are_those_of_the_shared_scores():
    """Without trees and the other variant, the formula of the docstring holds."""
    X, y = table([0.5, 1.0, 2.0], shift=3.0)
    pipeline = make_pipeline(StandardScaler(), Ridge())
    model = heads(pipeline, task_trees=False).fit(X, 100.0 + 7.0 * y)
    assert model.shares_ == {"shared": 1.0}
    *parts, whole = model.estimators_["shared"][0]
    features = X[["a", "b", "c"]]
    score = np.mean([part.predict(features) for part in parts], axis=0)
    score = 0.5 * (score + whole.predict(features))
    t = np.searchsorted(model.tasks_, X["task"].to_numpy(str))
    expected = model.task_intercepts_[t] + model.task_weights_[t, 0] * score
    np.testing.assert_allclose(model.predict(X), expected)


def test_a_second_score_stays_where_tasks_follow_two_functions():
    rng = np.random.default_rng(0)
    task = np.repeat(np.arange(8), 80)
    X = rng.normal(size=(task.size, 3))
    y = np.where(task % 2, 2 * X[:, 0], 2 * X[:, 1]) + 0.1 * rng.normal(size=task.size)
    X = np.column_stack([X, task])
    two = TaskHeads(Ridge(), task_feature=-1, task_trees=False).fit(X, y)
    assert two.task_weights_.shape == (8, 2)
    assert len(two.estimators_["shared"]) == 2
    one = clone(two).set_params(n_scores=1).fit(X, y)
    assert two.task_loss_.sum() < 0.1 * one.task_loss_.sum()
    alike = TaskHeads(Ridge(), task_feature=-1).fit(X, X[:, 0] + 0.1 * y)
    forced = clone(alike).set_params(n_scores=2).fit(X, X[:, 0] + 0.1 * y)
    assert forced.task_weights_.shape == (8, 2)


def test_one_task_is_about_the_estimator():
    X, y = table([1.0], n=300)
    X = X[["a", "b", "c"]]
    model, alone = TaskHeads(BOOSTED).fit(X, y), clone(BOOSTED).fit(X, y)
    assert set(model.estimators_) == {"shared"}
    assert np.corrcoef(model.predict(X), alone.predict(X))[0, 1] > 0.99
    linear = TaskHeads(LinearRegression()).fit(X, y)
    expected = LinearRegression().fit(X, y).predict(X)
    # A head with one task to learn from is a line through scores out of fold.
    assert np.std(linear.predict(X) - expected) < 0.05 * np.std(expected)


# --- out of fold means out of fold


def lesson_of(X, y, task, fold):
    order = np.argsort(task, kind="stable")
    X, y, task, fold = X[order], y[order], task[order], fold[order]
    offsets = np.searchsorted(task, np.arange(task.max() + 2))
    problem = Problem(
        None, y, np.empty(0), offsets, fold, 3, losses.squared(), SETTINGS, 1, 0, 1
    )
    learned = [np.flatnonzero(fold != k) for k in range(3)]
    return Lesson(problem, X, np.arange(len(y)), learned, None)


def source_of(estimator, view=None):
    return Source([estimator] * 4, view or Untold(), Language(Scale(), None), ())


def rows_of_three_tasks():
    rng = np.random.default_rng(0)
    X, task = rng.normal(size=(90, 2)), np.arange(90) % 3
    return X, X[:, 0] + rng.normal(size=90), task, np.arange(90) // 3 % 3


def test_scores_of_a_fold_do_not_depend_on_its_targets():
    X, y, task, fold = rows_of_three_tasks()
    poisoned = np.where(fold == 1, 1e3 * y, y)
    found = []
    for targets in (y, poisoned):
        lesson = lesson_of(X, targets, task, fold)
        problem = lesson.problem
        start = first_heads(problem.loss, y, problem.weight, 3).with_score(1.0)
        teacher = Teacher([start] * 4, np.ones(3))
        blank = start._replace(theta=start.theta[:, :1], mean=start.mean[:1])
        nothing = cross_fit(lesson, source_of(Ridge()), 1, 0)
        nothing = nothing._replace(heads=[blank] * 4)
        learned = taught(lesson, source_of(Ridge()), nothing, teacher)
        found.append(learned.out_of_fold[0, problem.fold == 1])
    np.testing.assert_array_equal(*found)


def test_heads_of_a_split_do_not_depend_on_its_targets_given_the_scores():
    X, y, task, fold = rows_of_three_tasks()
    scores = np.random.default_rng(1).normal(size=(1, 90, 1))
    start = first_heads(losses.squared(), y, np.empty(0), 3).with_score(1.0)
    found = {}
    for name, targets in {
        "clean": y,
        "poisoned": np.where(fold == 1, 1e3 * y, y),
    }.items():
        problem = lesson_of(X, targets, task, fold).problem
        own = [settle(problem, part, start, scores)[0] for part in problem.parts]
        found[name] = [heads.theta for heads in own]
    np.testing.assert_array_equal(found["clean"][1], found["poisoned"][1])
    assert np.abs(found["clean"][0] - found["poisoned"][0]).max() > 1.0


def test_a_turn_asks_for_the_weighted_error_through_the_heads():
    X, y, task, fold = rows_of_three_tasks()
    problem = lesson_of(X, y, task, fold).problem
    start = first_heads(problem.loss, y, problem.weight, 3).with_score(1.0)
    theta = np.column_stack([[0.5, -1.0, 2.0], [1.2, -0.8, 0.96]])
    own = start._replace(theta=theta)
    size = np.sqrt(np.mean(theta[:, 1] ** 2))
    target, weight = working_targets(problem, Teacher([own], np.ones(3)), 0)
    score, t = np.random.default_rng(1).normal(size=90), problem.task
    through = problem.y - theta[t, 0] - theta[t, 1] / size * score
    np.testing.assert_allclose(weight * (target - score) ** 2, through**2)


# --- symmetry


def test_names_of_tasks_do_not_matter():
    X, y = table([1.0, -1.0, 0.5, 2.0])
    renamed = X.assign(task=X["task"].map({"t0": "z", "t1": "b", "t2": "x", "t3": "a"}))
    one, two = heads().fit(X, y), heads().fit(renamed, y)
    np.testing.assert_allclose(one.predict(X), two.predict(renamed), rtol=1e-6)
    order = [two.tasks_.tolist().index(name) for name in "zbxa"]
    np.testing.assert_allclose(one.task_weights_, two.task_weights_[order], rtol=1e-6)
    np.testing.assert_allclose(one.outlier_scores_, two.outlier_scores_[order])


@pytest.mark.parametrize("estimator", [Ridge(), BOOSTED])
def test_shifted_and_scaled_targets(estimator):
    X, y = table([1.0, -1.0, 0.5, 2.0])
    one = heads(estimator).fit(X, y)
    two = heads(estimator).fit(X, 40.0 + 8.0 * y)
    np.testing.assert_allclose(two.predict(X), 40.0 + 8.0 * one.predict(X), rtol=1e-6)
    np.testing.assert_allclose(two.outlier_scores_, one.outlier_scores_, atol=1e-6)
    np.testing.assert_allclose(two.task_weights_, one.task_weights_, rtol=1e-5)
    np.testing.assert_allclose(two.task_loss_, 64.0 * one.task_loss_, rtol=1e-5)


def test_weights_are_copies():
    X, y = table([1.0, -1.0, 0.5, 2.0], n=30)
    weight = np.random.default_rng(0).integers(0, 3, len(y))
    copies = np.repeat(np.arange(len(y)), weight)
    one = heads(Ridge()).fit(X, y, sample_weight=weight)
    two = heads(Ridge()).fit(X.iloc[copies], y[copies])
    np.testing.assert_allclose(one.predict(X), two.predict(X), rtol=1e-6)


# --- parts, new tasks, copies


@pytest.mark.parametrize("classify", [False, True])
def test_parts_sum_to_the_prediction(classify):
    X, y = table([1.0, -1.0, 0.5, 2.0])
    model = heads(CLASSES if classify else BOOSTED)
    model.fit(X, np.digitize(y, [-0.5, 0.5]) if classify else y)
    stranger = X.iloc[:5].assign(task="new")
    for rows in (X, stranger):
        parts = model.decompose(rows)
        raw = model.decision_function(rows) if classify else model.predict(rows)
        np.testing.assert_allclose(sum(parts), raw)
    assert not parts.head.any()
    assert not parts.task_trees.any()
    if classify:
        proba = model.predict_proba(X)
        np.testing.assert_allclose(proba.sum(axis=1), 1.0)
        assert proba.shape == (len(X), 3)


def test_an_unseen_task_has_the_mean_of_all_heads():
    X, y = table([1.0, 2.0, 3.0], shift=1.0)
    model = heads(make_pipeline(Ridge()), task_trees=False).fit(X, y)
    by_task = [model.predict(X.iloc[:9].assign(task=name)) for name in model.tasks_]
    stranger = model.predict(X.iloc[:9].assign(task="new"))
    np.testing.assert_allclose(stranger, np.mean(by_task, axis=0))
    strict = clone(model).set_params(unseen_task="error").fit(X, y)
    with pytest.raises(ValueError, match="'new'"):
        strict.predict(X.iloc[:2].assign(task="new"))


@pytest.mark.parametrize("estimator", [BOOSTED, CLASSES], ids=["numbers", "classes"])
def test_a_new_task_changes_no_other(estimator):
    X, y = table([1.0, -1.0, 1.0, -1.0, 1.5], n=80)
    y = y > 0 if is_classifier(estimator) else y
    old, new = X["task"] != "t1", X["task"] == "t1"
    model = heads(estimator).fit(X[old], y[old])
    ask = model.predict_proba if is_classifier(estimator) else model.predict
    before, stranger = ask(X[old]), ask(X[new])
    model.fit_task(X[new], y[new])
    assert model.tasks_.tolist() == ["t0", "t1", "t2", "t3", "t4"]
    assert model.task_weights_.shape[0] == model.task_loss_.size == 5
    np.testing.assert_array_equal(ask(X[old]), before)
    assert model.task_weights_[1, 0] * model.task_weights_[0, 0] < 0
    target = np.column_stack([~y[new], y[new]]) if y.dtype == bool else y[new]
    assert np.mean((ask(X[new]) - target) ** 2) < np.mean((stranger - target) ** 2)
    with pytest.raises(ValueError, match="already"):
        model.fit_task(X[new], y[new])
    with pytest.raises(ValueError, match="one task"):
        model.fit_task(X, y)


def test_copies_predict_the_same():
    X, y = table([1.0, -1.0, 0.5])
    model = heads().fit(X, y)
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.predict(X), model.predict(X))
    assert not hasattr(clone(model), "estimators_")


def test_parameters_of_the_estimator_can_be_searched():
    X, y = table([1.0, -1.0, 0.5], n=40)
    grid = {"estimator__alpha": [1e6, 1.0], "task_trees": [False]}
    search = GridSearchCV(heads(Ridge()), grid, cv=2).fit(X, y)
    assert search.best_params_["estimator__alpha"] == 1.0


# --- columns of y


@pytest.mark.parametrize("estimator", [BOOSTED, CLASSES], ids=["numbers", "classes"])
def test_columns_of_y_are_tasks(estimator):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 3))
    Y = np.column_stack([X[:, 0], -X[:, 0], X[:, 0] + 1.0]) + 0.1
    Y = (Y > 0).astype(float) if is_classifier(estimator) else Y
    missing = rng.random(Y.shape) < 0.2
    known = np.where(missing, np.nan, Y)
    model = TaskHeads(estimator).fit(X, known)
    assert model.task_weights_[1, 0] < 0 < model.task_weights_[0, 0]
    assert model.predict(X).shape == Y.shape
    assert model.score(X, Y) > 0.7
    parts = model.decompose(X)
    raw = model.decision_function if is_classifier(estimator) else model.predict
    np.testing.assert_allclose(sum(parts), raw(X))
    task = np.tile(np.arange(3), 120)
    long = np.column_stack([np.repeat(X, 3, axis=0), task])[~missing.ravel()]
    melted = TaskHeads(estimator, n_scores=1, task_feature=-1).fit(
        long, known[~missing]
    )
    assert melted.score(long, known[~missing]) > 0.7


# --- any table, any estimator


def test_frames_stay_frames_for_the_estimator():
    X, y = table([1.0, -1.0, 0.5])
    X["d"] = pd.Categorical(np.where(X["c"] > 0, "high", "low"))
    y = y + np.where(X["c"] > 0, 2.0, 0.0)
    encode = ColumnTransformer([("d", OneHotEncoder(), ["d"])], remainder="passthrough")
    model = heads(make_pipeline(encode, Ridge())).fit(X, y)
    assert set(model.estimators_) == {"shared"}
    first = model.estimators_["shared"][0][0]
    assert first.feature_names_in_.tolist() == ["a", "b", "c", "d"]
    assert model.score(X, y) > 0.8
    told = heads(HistGradientBoostingRegressor(max_iter=5)).fit(X, y)
    last = told.estimators_["shared_by_task"][0][-1]
    assert last.feature_names_in_.tolist() == ["a", "b", "c", "d", "task"]


@pytest.mark.parametrize("kind", ["polars", "objects", "sparse"])
def test_tables_of_other_kinds(kind):
    X, y = table([1.0, -1.0, 0.5])
    expected = heads(Ridge(), task_trees=kind != "sparse").fit(X, y).predict(X)
    if kind == "polars":
        other, place = pl.DataFrame(X.to_dict("list")), "task"
    else:
        codes = X["task"].str[1:].astype(int)
        other, place = X.assign(task=codes).to_numpy(object), 3
        if kind == "sparse":
            other = sparse.csr_array(other.astype(float))
    estimator = Ridge(tol=1e-12) if kind == "sparse" else Ridge()
    model = heads(estimator, task_feature=place).fit(other, y)
    np.testing.assert_allclose(model.predict(other), expected, rtol=1e-6)


def test_trees_of_tasks_read_missing_values_and_text():
    frame = pd.DataFrame(
        {
            "a": [1.0, np.nan, 3.0] * 10,
            "b": pd.Categorical(["x", None, "y"] * 10),
            "c": ["u", "v", None] * 10,
            "d": pd.array([1, None, 2] * 10, dtype="Int64"),
        }
    )
    columns = find_columns(frame, np.ones(30))
    codes = columns.encode(frame.iloc[:3])
    assert ((codes > 0) == frame.iloc[:3].notna().to_numpy()).all()
    new = frame.iloc[:1].assign(b="z")
    assert columns.encode(new)[0].tolist() == [codes[0, 0], 0, *codes[0, 2:]]


@pytest.mark.parametrize("kind", [LGBMRegressor, LGBMClassifier])
@pytest.mark.parametrize("as_frame", [True, False])
def test_lightgbm_is_told_the_task(kind, as_frame):
    X, y = table([1.0, -1.0, 0.5, 1.0], n=80)
    y = y if kind is LGBMRegressor else (y > 0).astype(int)
    place = "task"
    if not as_frame:
        X, place = X.assign(task=X["task"].str[1:].astype(int)).to_numpy(), -1
    estimator = kind(n_estimators=20, n_jobs=1, verbose=-1)
    model = TaskHeads(estimator, task_feature=place).fit(X, y)
    assert set(model.estimators_) == {"shared", "shared_by_task"}
    assert model.score(X, y) > 0.8


def test_how_an_estimator_is_told_the_task():
    tasks, size = np.arange(300), np.arange(300.0)
    few = tasks[:3], size[:3], None
    assert isinstance(views(BOOSTED, *few)[1], AsCategory)
    assert isinstance(views(Ridge(), *few)[1], AsIndicators)
    assert len(views(make_pipeline(Ridge()), *few)) == 1
    assert len(views(Ridge(), tasks, size, None)) == 1
    assert len(views(BOOSTED, tasks[:1], size[:1], None)) == 1
    largest = views(BOOSTED, tasks, size, None)[1]
    assert largest.labels.tolist() == list(range(45, 300))
    codes = largest.table(np.zeros((3, 1)), np.array([0, 299, -1]))[:, 1]
    np.testing.assert_array_equal(codes, [np.nan, 254, np.nan])
    three = AsIndicators(2).table(np.zeros((3, 1)), np.array([1, 2, -1]))
    assert three.tolist() == [[0, 0, 1], [0, 0, 0], [0, 0, 0]]


def test_random_states():
    forest = RandomForestClassifier(random_state=3)
    assert seeded(forest, None, 2) == [forest, forest]
    states = [copy.random_state for copy in seeded(forest, 0, 3)]
    assert len(set(states)) == 3
    assert states == [copy.random_state for copy in seeded(forest, 0, 3)]
    pipeline = make_pipeline(StandardScaler(), forest)
    assert seeded(pipeline, 0, 1)[0][-1].random_state == states[0]


def test_classifiers_without_probabilities_and_with_certain_ones():
    X, y = table([1.0, -1.0, 1.0, 1.0], n=80)
    forest = RandomForestClassifier(20, random_state=0, min_samples_leaf=3)
    for estimator in (LinearSVC(), forest):
        model = heads(estimator).fit(X, y > 0)
        assert model.score(X, y > 0) > 0.8
        assert np.isfinite(model.decision_function(X)).all()


def test_rows_may_be_split_in_the_order_of_time():
    X, y = table([1.0, 2.0, -1.0])
    order = np.random.default_rng(0).permutation(len(y))
    X, y = X.iloc[order], y[order]
    model = heads(Ridge(), cv=TimeSeriesSplit(3)).fit(X, y)
    assert model.tasks_[model.task_weights_[:, 0] < 0].tolist() == ["t2"]
    assert len(model.estimators_["shared"][0]) == 4


@pytest.mark.parametrize("estimator", [Ridge(), LogisticRegression()])
def test_kind_of_the_estimator(estimator):
    model = TaskHeads(estimator)
    assert is_classifier(model) == is_classifier(estimator)
    assert is_regressor(model) == is_regressor(estimator)
    assert hasattr(model, "predict_proba") == is_classifier(estimator)


def test_lightgbm_is_the_default():
    X, y = table([1.0, -1.0, 1.0], n=40)
    model = TaskHeads(task_feature="task").fit(X, y)
    assert isinstance(model.estimators_["shared"][0][0], LGBMRegressor)
    assert is_regressor(model)
    assert model.score(X, y) > 0.8


class SilentClassifier(LogisticRegression):
    """A classifier that names classes and no scores."""

    predict_proba = property()
    decision_function = property()


def test_what_is_refused():
    X, y = table([1.0, 2.0])
    with pytest.raises(ValueError, match="KNeighborsRegressor does not take sample_w"):
        heads(KNeighborsRegressor()).fit(X, y)
    with pytest.raises(ValueError, match="neither predict_proba nor decision_function"):
        heads(SilentClassifier()).fit(X, y > 0)
    with pytest.raises(TypeError, match="regressor or a classifier"):
        heads(StandardScalerThatPredicts()).fit(X, y)
    with pytest.raises(ValueError, match="two rows that differ"):
        heads(Ridge()).fit(X.iloc[[0, 0, 0]], y[[0, 0, 0]])


class StandardScalerThatPredicts(StandardScaler):
    """Neither a regressor nor a classifier."""

    def predict(self, X):
        return np.zeros(len(X))


def test_better_than_the_estimator_with_the_task_as_a_category():
    tasks = make_task_deviations(
        n_tasks=8, n_samples=100, n_outlier_tasks=1, deviation=0.3, random_state=0
    )
    X, y = tasks.data, tasks.target
    train = np.arange(len(y)) % 2 == 0
    rival = PooledTasks(BOOSTED, encode="category", task_feature="task")
    models = [m.fit(X[train], y[train]) for m in (heads(), rival)]
    errors = [np.mean((m.predict(X[~train]) - y[~train]) ** 2) for m in models]
    assert errors[0] < 0.9 * errors[1]
