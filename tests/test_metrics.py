import inspect
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from ragged import ragged_tasks
from sklearn import config_context, metrics
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skmtl.baselines import IndependentTasks
from skmtl.compose import keep_task
from skmtl.metrics import TaskScores, make_task_scorer, multitask_gain, task_scores
from skmtl.model_selection import TaskKFold


def schools(n_rows=90, n_classes=None):
    """Return a frame with a text task, and targets that depend on it."""
    rng = np.random.default_rng(0)
    task, x = rng.integers(0, 3, n_rows), rng.normal(size=(n_rows, 2))
    X = pd.DataFrame(
        {"x": x[:, 0], "school": np.array(list("abc"))[task], "z": x[:, 1]}
    )
    y = x[:, 0] * np.array([-2.0, 0.0, 2.0])[task] + x[:, 1] + rng.normal(size=n_rows)
    if n_classes:
        y = np.digitize(y, np.quantile(y, np.arange(1, n_classes) / n_classes))
    return X, y


MODELS = [
    IndependentTasks(Ridge(), task_feature="school"),
    make_pipeline(
        keep_task(StandardScaler(), "school"),
        IndependentTasks(Ridge(), task_feature="school"),
    ),
    make_pipeline(
        make_column_transformer((OneHotEncoder(), ["school"]), remainder="passthrough"),
        Ridge(),
    ),
]


@pytest.mark.parametrize("model", MODELS)
def test_a_scorer_reads_the_task_of_any_model_from_x(model):
    X, y = schools()
    model = clone(model).fit(X, y)
    score = {
        t: metrics.r2_score(y[X["school"] == t], model.predict(X[X["school"] == t]))
        for t in "abc"
    }
    size = X["school"].value_counts()
    assert make_task_scorer("r2", average=None, task_feature="school")(
        model, X, y
    ) == pytest.approx(score)
    for average, expected in [
        ("macro", np.mean(list(score.values()))),
        ("weighted", sum(score[t] * size[t] for t in "abc") / len(y)),
        ("worst", min(score.values())),
    ]:
        scorer = make_task_scorer("r2", average=average, task_feature="school")
        assert scorer(model, X, y) == pytest.approx(expected)


@pytest.mark.parametrize("make", [np.asarray, pl.from_dict])
def test_other_containers(make):
    X, y = schools()
    columns = {name: X[name].to_numpy() for name in X.columns}
    columns["school"] = columns["school"].tolist()
    table = np.array(X, dtype=object) if make is np.asarray else make(columns)
    model = IndependentTasks(Ridge(), task_feature=1)
    expected = make_task_scorer("r2", task_feature="school")(model.fit(X, y), X, y)
    found = make_task_scorer("r2", task_feature=1)(model.fit(table, y), table, y)
    assert found == pytest.approx(expected)


NAMES = [
    "accuracy",
    "average_precision",
    "balanced_accuracy",
    "f1_macro",
    "matthews_corrcoef",
    "neg_brier_score",
    "neg_log_loss",
    "roc_auc",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("classes", [[0, 1], [1, 2], ["no", "yes"], ["a", "b", "c"]])
def test_one_task_is_the_named_scorer(name, classes):
    X, y = schools(n_classes=len(classes))
    X, y = X[["x", "z"]], np.array(classes)[y]
    model = LogisticRegression().fit(X, y)
    weight = np.random.default_rng(0).random(len(y))
    for weights in ({}, {"sample_weight": weight}):
        try:
            expected = metrics.get_scorer(name)(model, X, y, **weights)
        except ValueError:
            continue  # scikit-learn's scorer does not take such classes
        assert make_task_scorer(name)(model, X, y, **weights) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["r2", "neg_mean_absolute_error", "max_error"])
def test_signs_are_those_of_the_named_scorer(name):
    name = "neg_max_error" if name == "max_error" else name
    X, y = schools()
    model = LinearRegression().fit(X[["x", "z"]], y)
    expected = metrics.get_scorer(name)(model, X[["x", "z"]], y)
    assert make_task_scorer(name)(model, X[["x", "z"]], y) == pytest.approx(expected)


def test_a_function_is_a_score_or_a_loss():
    X, y = schools()
    model = clone(MODELS[0]).fit(X, y)
    named = make_task_scorer("neg_mean_absolute_error", task_feature="school")
    loss = make_task_scorer(
        metrics.mean_absolute_error, greater_is_better=False, task_feature="school"
    )
    assert loss(model, X, y) == named(model, X, y)
    raw = make_task_scorer(metrics.mean_absolute_error, task_feature="school")
    assert raw(model, X, y) == -named(model, X, y)
    worst = make_task_scorer(
        metrics.mean_absolute_error,
        greater_is_better=False,
        average="worst",
        task_feature="school",
    )
    assert worst(model, X, y) == min(named.table(model, X, y).score)


def test_arguments_reach_the_metric():
    X, y = schools()
    model = clone(MODELS[0]).fit(X, y)
    pinball = make_task_scorer(metrics.mean_pinball_loss, alpha=0.9)
    expected = metrics.mean_pinball_loss(y, model.predict(X), alpha=0.9)
    assert pinball(model, X, y) == pytest.approx(expected)
    X, y = schools(n_classes=2)
    model = LogisticRegression().fit(X[["x", "z"]], y)
    scorer = make_task_scorer("roc_auc", max_fpr=0.3)
    expected = metrics.roc_auc_score(
        y, model.predict_proba(X[["x", "z"]])[:, 1], max_fpr=0.3
    )
    assert scorer(model, X[["x", "z"]], y) == pytest.approx(expected)


@pytest.mark.parametrize("method", ["predict_proba", ("decision_function", "predict")])
@pytest.mark.parametrize("positive", ["no", "yes"])
def test_the_positive_class_can_be_either(method, positive):
    X, y = schools(n_classes=2)
    X, y = X[["x", "z"]], np.array(["no", "yes"])[y]
    model = LogisticRegression().fit(X, y)
    scorer = make_task_scorer(
        metrics.average_precision_score, response_method=method, pos_label=positive
    )
    column = model.predict_proba(X)[:, ["no", "yes"].index(positive)]
    expected = metrics.average_precision_score(y, column, pos_label=positive)
    assert scorer(model, X, y) == pytest.approx(expected)


# Weights and sizes


@given(ragged_tasks())
def test_weight_two_is_the_row_twice_and_zero_is_none(problem):
    X, y, weight, task = problem
    weight[0] = 0.0
    if not weight.any():
        return
    count = weight.astype(int)
    for metric in ("neg_mean_squared_error", "r2"):
        weighted = task_scores(y, X[:, 0], task, metric=metric, sample_weight=weight)
        repeated = task_scores(
            *(np.repeat(a, count) for a in (y, X[:, 0], task)), metric=metric
        )
        known = np.isin(weighted.task, repeated.task)
        assert_allclose(weighted.score[known], repeated.score, atol=1e-9)
        assert_allclose(weighted.weight[known], repeated.n_samples)
        assert np.isnan(weighted.score[~known]).all()
        for average in ("macro", "weighted", "worst"):
            assert weighted.average(average) == pytest.approx(
                repeated.average(average), nan_ok=True
            )


@given(ragged_tasks())
def test_weighting_errors_by_rows_gives_the_pooled_error(problem):
    X, y, weight, task = problem
    scores = task_scores(y, X[:, 0], task, metric=metrics.mean_squared_error)
    pooled = metrics.mean_squared_error(y, X[:, 0])
    assert scores.average("weighted") == pytest.approx(pooled)
    assert scores.n_samples.sum() == y.size
    scores = task_scores(
        y, X[:, 0], task, metric=metrics.mean_squared_error, sample_weight=weight
    )
    pooled = metrics.mean_squared_error(y, X[:, 0], sample_weight=weight)
    assert scores.average("weighted") == pytest.approx(pooled)


@given(ragged_tasks(), st.integers(0, 2**32 - 1))
def test_the_order_of_rows_and_the_names_of_tasks_do_not_matter(problem, seed):
    X, y, _, task = problem
    order = np.random.default_rng(seed).permutation(y.size)
    names = np.array([f"task {9 - t}" for t in range(10)], dtype=object)
    scores = task_scores(y, X[:, 0], task, metric="r2")
    other = task_scores(y[order], X[order, 0], names[task[order]], metric="r2")
    assert_allclose([other[names[t]] for t in scores.task], scores.score, atol=1e-9)


@given(ragged_tasks(), st.integers(1, 5))
def test_small_tasks_are_left_out(problem, min_samples):
    X, y, _, task = problem
    options = {"metric": "neg_mean_squared_error", "min_samples": min_samples}
    scores = task_scores(y, X[:, 0], task, **options)
    assert_array_equal(np.isnan(scores.score), scores.n_samples < min_samples)
    large = np.isin(task, scores.task[scores.n_samples >= min_samples])
    if large.any():
        alone = task_scores(y[large], X[large, 0], task[large], **options)
        assert alone.average() == pytest.approx(scores.average())
    else:
        assert np.isnan(scores.average())


# Tasks without a score


@pytest.mark.parametrize(
    ("metric", "y", "prediction"),
    [
        ("r2", [1.0], [2.0]),
        ("r2", [1.0, 1.0], [1.0, 2.0]),
        ("explained_variance", [3.0, 3.0], [1.0, 2.0]),
        ("d2_absolute_error_score", [3.0, 3.0], [1.0, 2.0]),
        ("roc_auc", [1, 1], [0.1, 0.2]),
        ("average_precision", [0, 0], [0.1, 0.2]),
        ("matthews_corrcoef", [0, 0], [0, 1]),
    ],
)
def test_undefined_scores_are_neither_zero_nor_counted(metric, y, prediction):
    good_y, good = [0, 1, 0, 1], [0, 1, 0, 1]
    scores = task_scores(
        [*y, *good_y], [*prediction, *good], ["u"] * len(y) + ["v"] * 4, metric=metric
    )
    assert np.isnan(scores["u"])
    assert scores["v"] == 1
    for average in ("macro", "weighted", "worst"):
        assert scores.average(average) == 1
    assert np.isnan(task_scores(y, prediction, metric=metric).average())


def test_a_task_that_lacks_a_class_has_no_area_under_curves_of_all_classes():
    X, y = schools(n_classes=3)
    y[(X["school"] == "a") & (y == 2)] = 1
    model = LogisticRegression().fit(X[["x", "z"]], y)
    inner = make_task_scorer("roc_auc_ovr", average=None, task_feature="school")
    answers = model.predict_proba(X[["x", "z"]])

    class Answers:
        classes_ = model.classes_

        def predict_proba(self, X):
            return answers

    scores = inner(Answers(), X, y)
    assert np.isnan(scores["a"])
    assert scores["b"] > 0.5


def test_a_metric_may_say_itself_that_it_has_no_value():
    def ratio(y, prediction):
        return np.inf if y[0] == 0 else prediction[0] / y[0]

    scores = task_scores([0.0, 2.0], [1.0, 3.0], [0, 1], metric=ratio)
    assert np.isnan(scores[0])
    assert scores.average() == 1.5


def test_scores_by_convention_keep_their_warning():
    with pytest.warns(UndefinedMetricWarning, match="Precision is ill-defined"):
        scores = task_scores(
            [0, 1, 0, 1], [0, 0, 0, 1], list("uuvv"), metric=metrics.precision_score
        )
    assert scores["u"] == 0


def test_wrong_predictions_are_an_error_not_a_missing_score():
    with pytest.raises(ValueError, match="NaN"):
        task_scores([1.0, 2.0], [np.nan, 1.0], [0, 0], metric="r2")
    with pytest.raises(ValueError, match="NaN"):
        task_scores([np.nan, 2.0], [1.0, 1.0], [0, 0], metric="r2")


def test_a_task_with_one_class_has_a_log_loss():
    X, y = schools(n_classes=2)
    y = np.array(["no", "yes"])[y]
    y[X["school"] == "a"] = "yes"
    model = IndependentTasks(LogisticRegression(), task_feature="school").fit(X, y)
    for name in ("neg_log_loss", "neg_brier_score"):
        scorer = make_task_scorer(name, average=None, task_feature="school")
        scores = scorer(model, X, y)
        assert scores["a"] == pytest.approx(0, abs=1e-6)
        assert scores["b"] < 0
    three = np.array(["x", "y", "z"])[schools(n_classes=3)[1]]
    three[(X["school"] == "a") & (three == "z")] = "y"
    model = IndependentTasks(LogisticRegression(), task_feature="school").fit(X, three)
    scorer = make_task_scorer("neg_log_loss", average=None, task_feature="school")
    assert all(np.isfinite(v) for v in scorer(model, X, three).values())


# Tasks in columns


def wide(n_rows=60):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_rows, 3))
    Y = X @ rng.normal(size=(3, 4)) + rng.normal(size=(n_rows, 4))
    seen = Y.copy()
    seen[rng.random(Y.shape) < 0.4] = np.nan
    return X, Y, seen


@pytest.mark.parametrize("plain", [True, False])
def test_columns_are_scored_over_their_observed_rows(plain):
    X, Y, seen = wide()
    model = LinearRegression().fit(X, Y) if plain else IndependentTasks(Ridge())
    model = model if plain else model.fit(X, seen)
    expected = [
        metrics.r2_score(Y[rows, t], model.predict(X)[rows, t])
        for t, rows in enumerate(~np.isnan(seen.T))
    ]
    scorer = make_task_scorer("r2", average=None)
    assert list(scorer(model, X, seen)) == ["0", "1", "2", "3"]
    assert_allclose(list(scorer(model, X, seen).values()), expected)
    names = ["math", "art", "sport", "music"]
    frame = pd.DataFrame(seen, columns=names)
    assert list(scorer(model, X, frame)) == names
    weight = np.random.default_rng(1).integers(0, 3, 60)
    table = scorer.table(model, X, seen, sample_weight=weight)
    assert_array_equal(table.n_samples, (~np.isnan(seen))[weight > 0].sum(axis=0))
    direct = task_scores(seen, model.predict(X), metric="r2", sample_weight=weight)
    assert_allclose(direct.score, table.score)


@pytest.mark.parametrize(
    "model",
    [
        RandomForestClassifier(10, random_state=0),
        MultiOutputClassifier(LogisticRegression()),
        MLPClassifier(hidden_layer_sizes=4, solver="lbfgs", random_state=0),
        IndependentTasks(LogisticRegression()),
    ],
)
@pytest.mark.parametrize("name", ["accuracy", "roc_auc", "neg_log_loss"])
def test_classifiers_of_several_columns(model, name):
    X, Y, seen = wide()
    labels = (Y > 0).astype(int)
    seen = np.where(np.isnan(seen), np.nan, labels)
    model = clone(model).fit(X, labels)
    found = make_task_scorer(name, average=None)(model, X, seen)
    for t, rows in enumerate(~np.isnan(seen.T)):
        if name == "accuracy":
            answer = model.predict(X)[rows, t]
            expected = metrics.accuracy_score(labels[rows, t], answer)
        else:
            answer = model.predict_proba(X)
            answer = answer[t][:, 1] if isinstance(answer, list) else answer[:, t]
            function = {"roc_auc": metrics.roc_auc_score}.get(
                name, lambda y, p: -metrics.log_loss(y, p)
            )
            expected = function(labels[rows, t], answer[rows])
        assert found[str(t)] == pytest.approx(expected)


def test_text_classes_with_missing_cells():
    X, Y, seen = wide()
    labels = np.where(np.isnan(seen), None, np.where(Y > 0, "yes", "no"))
    model = IndependentTasks(LogisticRegression()).fit(X, labels)
    scores = make_task_scorer("roc_auc", average=None)(model, X, labels)
    assert all(0.5 < score <= 1 for score in scores.values())


def test_the_first_class_of_columns_can_be_the_positive_one():
    X, Y, _ = wide()
    labels = (Y > 0).astype(int)
    model = IndependentTasks(LogisticRegression()).fit(X, labels)
    scorer = make_task_scorer(
        metrics.average_precision_score,
        response_method="predict_proba",
        average=None,
        pos_label=0,
    )
    for t, score in enumerate(scorer(model, X, labels).values()):
        expected = metrics.average_precision_score(
            1 - labels[:, t], 1 - model.predict_proba(X)[:, t]
        )
        assert score == pytest.approx(expected)


def test_a_single_column_is_a_task():
    X, Y, _ = wide()
    model = LinearRegression().fit(X, Y[:, :1])
    assert make_task_scorer("r2")(model, X, Y[:, :1]) == pytest.approx(
        model.score(X, Y[:, :1])
    )


def test_a_column_without_observed_rows_has_no_score():
    X, Y, seen = wide()
    seen[:, 1] = np.nan
    scores = make_task_scorer("r2").table(LinearRegression().fit(X, Y), X, seen)
    assert np.isnan(scores.score).tolist() == [False, True, False, False]
    assert scores.n_samples[1] == 0


def test_named_scorers_of_scikit_learn_reject_missing_targets():
    X, Y, seen = wide()
    model = LinearRegression().fit(X, Y)
    with pytest.raises(ValueError, match="NaN"):
        metrics.get_scorer("r2")(model, X, seen)
    search = GridSearchCV(
        IndependentTasks(Ridge()),
        {"estimator__alpha": [1.0, 1e4]},
        scoring=make_task_scorer("r2"),
        cv=TaskKFold(3),
    ).fit(X, seen)
    assert search.best_params_ == {"estimator__alpha": 1.0}


# With scikit-learn


def test_cross_validation_reports_every_task():
    X, y = schools()
    scorer = make_task_scorer("r2", average=None, task_feature="school")
    cv = TaskKFold(3, task_feature="school")
    for model in MODELS:
        found = cross_validate(model, X, y, scoring=scorer, cv=cv)
        assert {"test_a", "test_b", "test_c"} <= set(found)
        assert np.isfinite(found["test_b"]).all()
    search = GridSearchCV(
        MODELS[0], {"estimator__alpha": [0.1, 1.0]}, scoring=scorer, refit="b", cv=cv
    ).fit(X, y)
    assert "mean_test_c" in search.cv_results_


def test_a_task_missing_from_a_fold_has_no_score_there():
    X, y = schools()
    order = np.argsort(X["school"], kind="stable")
    X, y = X.iloc[order], y[order]
    scorer = make_task_scorer("r2", average=None, task_feature="school")
    train, test = np.arange(0, 90, 2), np.arange(1, 90, 2)
    folds = [(train, test[:20]), (train, test[-20:])]
    found = cross_validate(MODELS[0], X, y, scoring=scorer, cv=folds)
    assert np.isnan(found["test_c"]).tolist() == [True, False]
    assert np.isnan(found["test_a"]).tolist() == [False, True]
    plain = cross_validate(MODELS[2], X, y, scoring=scorer, cv=folds)
    assert np.isnan(plain["test_a"]).tolist() == [False, True]


def test_several_scorers_at_once():
    X, y = schools()
    scoring = {
        "pooled": "r2",
        "macro": make_task_scorer("r2", task_feature="school"),
        "worst": make_task_scorer("r2", average="worst", task_feature="school"),
    }
    found = cross_validate(MODELS[0], X, y, scoring=scoring, cv=3)
    assert (found["test_worst"] < found["test_macro"]).all()


def test_weights_reach_the_scorer_by_metadata_routing():
    X, y = schools()
    weight = np.random.default_rng(0).random(len(y))
    cv = TaskKFold(3, task_feature="school")
    model = IndependentTasks(Ridge(), task_feature="school")
    scorer = make_task_scorer("r2", task_feature="school")
    expected, unweighted = [], []
    for train, test in cv.split(X):
        fitted = clone(model).fit(X.iloc[train], y[train], sample_weight=weight[train])
        rows = X.iloc[test], y[test]
        expected.append(scorer(fitted, *rows, sample_weight=weight[test]))
        unweighted.append(scorer(fitted, *rows))
    with config_context(enable_metadata_routing=True):
        model.set_fit_request(sample_weight=True)
        passed = {"cv": cv, "params": {"sample_weight": weight}}
        found = cross_val_score(model, X, y, scoring=scorer, **passed)
        assert_allclose(found, expected)
        both = cross_validate(model, X, y, scoring={"macro": scorer}, **passed)
        assert_allclose(both["test_macro"], expected)
        search = GridSearchCV(model, {"unseen_task": ["shared"]}, scoring=scorer, cv=cv)
        search.fit(X, y, sample_weight=weight)
        assert search.best_score_ == pytest.approx(np.mean(expected))
        without = make_task_scorer("r2", task_feature="school")
        without.set_score_request(sample_weight=False)
        found = cross_val_score(model, X, y, scoring=without, **passed)
        assert_allclose(found, unweighted)


def test_weights_in_a_search_without_metadata_routing():
    X, y = schools()
    weight = np.random.default_rng(0).random(len(y))
    scorer = make_task_scorer("r2", task_feature="school")
    loss = "neg_mean_absolute_error"
    worst = make_task_scorer(loss, average="worst", task_feature="school")
    model = IndependentTasks(Ridge(), task_feature="school")
    grid = {"estimator__alpha": [0.1, 1.0]}
    for scoring in (scorer, worst, {"r2": scorer, "worst": worst}):
        refit = "r2" if isinstance(scoring, dict) else True
        search = GridSearchCV(model, grid, scoring=scoring, refit=refit, cv=3)
        assert np.isfinite(search.fit(X, y, sample_weight=weight).best_score_)


def test_scorers_survive_copies_and_print_what_made_them():
    scorer = make_task_scorer(
        metrics.mean_pinball_loss,
        average="worst",
        task_feature="school",
        greater_is_better=False,
        min_samples=5,
        alpha=0.9,
    )
    text = (
        "make_task_scorer(mean_pinball_loss, average='worst', task_feature='school', "
        "greater_is_better=False, min_samples=5, alpha=0.9)"
    )
    assert repr(scorer) == text
    copy = pickle.loads(pickle.dumps(scorer))
    again = eval(text, {**vars(metrics), "make_task_scorer": make_task_scorer})
    X, y = schools()
    model = clone(MODELS[0]).fit(X, y)
    assert copy(model, X, y) == again(model, X, y) == scorer(model, X, y)
    assert clone(scorer, safe=False)(model, X, y) == scorer(model, X, y)
    assert "sample_weight" in inspect.signature(scorer).parameters


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: make_task_scorer("r2", average="micro"), ValueError, "average must"),
        (lambda: make_task_scorer("r22"), ValueError, "r22"),
        (
            lambda: make_task_scorer("r2", greater_is_better=False),
            ValueError,
            "with functions only",
        ),
        (lambda: make_task_scorer(3), TypeError, "metric must be"),
        (
            lambda: multitask_gain([1], [1], [1], metric="r2"),
            ValueError,
            "needs a loss",
        ),
        (lambda: task_scores([1, 2], [1], metric="r2"), ValueError, "inconsistent"),
        (
            lambda: task_scores([[1, 2]], [[1, 2]], [0], metric="r2"),
            ValueError,
            "columns cannot be tasks too",
        ),
        (
            lambda: task_scores([1, 2], [1, 2], metric="r2", sample_weight=[0, 0]),
            ValueError,
            "zero",
        ),
    ],
)
def test_what_cannot_be_scored_is_refused(call, error, match):
    with pytest.raises(error, match=match):
        call()


def test_models_without_the_answer_are_refused():
    X, y = schools(n_classes=2)
    X = X[["x", "z"]]
    with pytest.raises(AttributeError, match="LinearRegression has none of"):
        make_task_scorer("roc_auc")(LinearRegression().fit(X, y), X, y)
    assert make_task_scorer("roc_auc")(DummyClassifier().fit(X, y), X, y) == 0.5


# Tables and gains


def test_the_table_reads_well():
    scores = task_scores([1.0, 2.0, 3.0], [1.0, 2.0, 2.0], list("aab"), metric="r2")
    assert repr(scores).splitlines() == [
        "task  n_samples  score",
        "   a          2      1",
        "   b          1    nan",
    ]
    frame = scores.to_frame()
    assert frame.columns.tolist() == ["task", "n_samples", "weight", "score"]
    assert frame["weight"].tolist() == [2.0, 1.0]
    assert len(scores) == 2
    many = TaskScores(np.arange(99), np.ones(99, int), np.ones(99), np.zeros(99))
    assert len(repr(many).splitlines()) == 22
    with pytest.raises(KeyError):
        scores["c"]


@given(ragged_tasks(), st.floats(0.1, 10.0))
def test_the_gain_is_the_saved_part_of_the_loss(problem, factor):
    X, y, weight, task = problem
    single = y + X[:, 0]
    args = {"task": task, "sample_weight": weight}
    same = multitask_gain(y, single, single, **args)
    assert_allclose(same.score, 0, atol=1e-12)
    assert_allclose(multitask_gain(y, y, single, **args).score, 1)
    scaled = multitask_gain(y, y + factor * X[:, 0], single, **args)
    assert_allclose(scaled.score, 1 - factor**2, rtol=1e-6)
    named = multitask_gain(
        y, y + factor * X[:, 0], single, metric="neg_root_mean_squared_error", **args
    )
    assert_allclose(named.score, 1 - factor, rtol=1e-6)
    assert named.average() == pytest.approx(1 - factor)


def test_a_perfect_rival_leaves_no_gain_to_tell():
    gain = multitask_gain([1.0, 2.0], [1.0, 3.0], [1.0, 4.0], [0, 1])
    assert np.isnan(gain[0])
    assert gain.average() == 0.75


def test_gains_of_columns():
    X, Y, seen = wide()
    alone = IndependentTasks(Ridge()).fit(X, seen).predict(X)
    gain = multitask_gain(seen, Y, alone)
    assert_allclose(gain.score, 1)
    assert_array_equal(gain.n_samples, (~np.isnan(seen)).sum(axis=0))
