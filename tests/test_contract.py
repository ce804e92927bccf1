"""What scikit-learn and its users expect, for every estimator in the registry."""

import io
import os
import pickle

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import registry
import skops.io
from numpy.testing import assert_allclose, assert_array_equal
from registry import instances, name_of, once, supervised, with_task_feature
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_validate
from sklearn.utils import estimator_checks as checks
from sklearn.utils.estimator_checks import parametrize_with_checks
from threadpoolctl import threadpool_limits

from skmtl._sklearn_compat import get_tags

# Checks feed random numbers in the task column: that it looks transformed is right.
pytestmark = pytest.mark.filterwarnings(
    "ignore::skmtl.exceptions.TaskColumnWarning",
    "ignore:X has feature names, but:UserWarning",
    "ignore:X does not have valid feature names:UserWarning",
)

OWN_CHECKS = [
    checks.check_dataframe_column_names_consistency,
    checks.check_param_validation,
    checks.check_inplace_ensure_writeable,
]
TRANSFORMER_CHECKS = [
    checks.check_transformer_get_feature_names_out,
    checks.check_transformer_get_feature_names_out_pandas,
    checks.check_set_output_transform,
    checks.check_set_output_transform_pandas,
    checks.check_set_output_transform_polars,
    checks.check_global_output_transform_pandas,
    checks.check_global_set_output_transform_polars,
]


def excuse(estimator, check):
    """Return why an estimator may fail a check, if there is a reason."""
    name = getattr(check, "func", check).__name__
    has_column = getattr(estimator, "task_feature", None) is not None
    takes_missing = get_tags(estimator).input_tags.allow_nan
    if name == "check_estimators_pickle" and has_column and takes_missing:
        return "it puts NaN into all columns, and the task of a row cannot be missing"
    return None


@parametrize_with_checks(instances())
def test_scikit_learn_contract(estimator, check):
    try:
        check(estimator)
    except (AssertionError, ValueError):
        reason = excuse(estimator, check)
        if reason is None:
            raise
        pytest.xfail(reason)


@pytest.mark.parametrize("estimator", instances(), ids=name_of)
@pytest.mark.parametrize("check", OWN_CHECKS, ids=lambda check: check.__name__)
def test_checks_scikit_learn_keeps_for_itself(estimator, check):
    check(type(estimator).__name__, estimator)


@pytest.mark.parametrize(
    "estimator", [e for e in instances() if hasattr(e, "transform")], ids=name_of
)
@pytest.mark.parametrize("check", TRANSFORMER_CHECKS, ids=lambda check: check.__name__)
def test_checks_for_transformers(estimator, check):
    check(type(estimator).__name__, estimator)


def schools(n=240, n_tasks=6, seed=0):
    """Return a frame with a text task column in the middle, and two kinds of y."""
    rng = np.random.default_rng(seed)
    task = rng.integers(0, n_tasks, n)
    X = rng.normal(size=(n, 3))
    slope = rng.normal(size=(n_tasks, 3)) + 1
    score = (X * slope[task]).sum(axis=1) + task + 0.3 * rng.normal(size=n)
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    frame.insert(1, "school", [f"s{t}" for t in task])
    return frame, score, np.where(score > np.median(score), "yes", "no")


def fit_to_schools(estimator, **changes):
    frame, score, passed = schools()
    model = with_task_feature(estimator, "school").set_params(**changes)
    return model.fit(frame, passed if is_classifier(model) else score), frame


fitted = once(fit_to_schools)


def outputs(model, X):
    """Return everything the model says about rows."""
    methods = ["predict", "predict_proba", "decision_function"]
    return [getattr(model, m)(X) for m in methods if hasattr(model, m)]


def assert_same_outputs(a, b, **tolerance):
    for left, right in zip(a, b, strict=True):
        if left.dtype.kind in "OU":
            assert_array_equal(left, right)
        else:
            assert_allclose(left, right, **tolerance)


supervised_estimators = pytest.mark.parametrize("estimator", supervised(), ids=name_of)


@supervised_estimators
def test_fitted_names(estimator):
    model, frame = fitted(estimator)
    assert model.tasks_.tolist() == sorted(frame["school"].unique())
    assert model.n_tasks_ == 6
    assert model.n_features_in_ == 4
    assert model.feature_names_in_.tolist() == ["a", "school", "b", "c"]


@supervised_estimators
def test_copies_and_files_predict_the_same(estimator, tmp_path):
    model, frame = fitted(estimator)
    expected = outputs(model, frame)
    assert_same_outputs(outputs(pickle.loads(pickle.dumps(model)), frame), expected)
    joblib.dump(model, tmp_path / "model")
    mapped = joblib.load(tmp_path / "model", mmap_mode="r")
    assert_same_outputs(outputs(mapped, frame), expected)
    file = io.BytesIO()
    skops.io.dump(model, file)
    trusted = skops.io.get_untrusted_types(data=file.getvalue())
    back = skops.io.loads(file.getvalue(), trusted=trusted)
    assert_same_outputs(outputs(back, frame), expected)


@supervised_estimators
def test_clones_are_equal_and_not_fitted(estimator):
    model, frame = fitted(estimator)
    with pytest.raises(NotFittedError):
        clone(model).predict(frame)


@supervised_estimators
def test_every_container_gives_the_same_answer(estimator):
    model, frame = fitted(estimator)
    expected = outputs(model, frame)
    frame_of_polars = pl.DataFrame(frame.to_dict("list"))
    assert_same_outputs(outputs(model, frame_of_polars), expected, rtol=1e-9)
    again = clone(model)
    _, score, passed = schools()
    again.fit(frame_of_polars, passed if is_classifier(model) else score)
    assert_same_outputs(outputs(again, frame_of_polars), expected, rtol=1e-6)
    by_position = with_task_feature(estimator, 1)
    for X in [frame.to_numpy(), frame.to_numpy().tolist()]:
        by_position.fit(X, passed if is_classifier(model) else score)
        assert_same_outputs(outputs(by_position, X), expected, rtol=1e-6)
    coded = frame.assign(school=pd.factorize(frame["school"], sort=True)[0])
    by_position.fit(coded.to_numpy(float), passed if is_classifier(model) else score)
    assert_same_outputs(
        outputs(by_position, coded.to_numpy(float)), expected, rtol=1e-6
    )


@supervised_estimators
@pytest.mark.parametrize("dtype", ["category", "string", "object"])
def test_every_kind_of_text_column(estimator, dtype):
    model, frame = fitted(estimator)
    other = frame.astype({"school": dtype})
    assert_same_outputs(outputs(model, other), outputs(model, frame))


@supervised_estimators
def test_any_part_of_a_batch_predicts_as_in_the_batch(estimator):
    model, frame = fitted(estimator)
    whole = outputs(model, frame)
    rng = np.random.default_rng(0)
    parts = [rng.permutation(len(frame))[:k] for k in (1, 2, 17, len(frame))]
    parts.append(np.flatnonzero(frame["school"] == "s3"))
    for rows in parts:
        part = outputs(model, frame.iloc[rows])
        assert_same_outputs(part, [o[rows] for o in whole], rtol=1e-9, atol=1e-12)


@supervised_estimators
def test_order_of_rows_does_not_matter(estimator):
    model, frame = fitted(estimator)
    _, score, passed = schools()
    y = passed if is_classifier(model) else score
    order = np.random.default_rng(1).permutation(len(frame))
    other = clone(model).fit(frame.iloc[order], y[order])
    assert_same_outputs(
        outputs(other, frame), outputs(model, frame), rtol=1e-5, atol=1e-6
    )


@supervised_estimators
def test_names_of_tasks_do_not_matter(estimator):
    model, frame = fitted(estimator)
    _, score, passed = schools()
    y = passed if is_classifier(model) else score
    renamed = frame.assign(school=frame["school"].map(lambda s: f"z{9 - int(s[1])}"))
    other = clone(model).fit(renamed, y)
    assert_same_outputs(
        outputs(other, renamed), outputs(model, frame), rtol=1e-5, atol=1e-6
    )


@supervised_estimators
def test_place_of_the_task_column_does_not_matter(estimator):
    model, frame = fitted(estimator)
    _, score, passed = schools()
    last = frame[["a", "b", "c", "school"]]
    other = with_task_feature(estimator, -1)
    other.fit(last, passed if is_classifier(model) else score)
    assert_same_outputs(outputs(other, last), outputs(model, frame), rtol=1e-7)


@supervised_estimators
def test_weights_are_copies_and_zero_is_absence(estimator):
    frame, score, passed = schools(160)
    model = with_task_feature(estimator, "school")
    y = passed if is_classifier(model) else score
    weight = np.random.default_rng(0).integers(0, 3, len(y))
    weight[frame["school"] == "s5"] = 0
    copies = np.repeat(np.arange(len(y)), weight)
    weighted = clone(model).fit(frame, y, sample_weight=weight)
    repeated = clone(model).fit(frame.iloc[copies], y[copies])
    assert_array_equal(weighted.tasks_, repeated.tasks_)
    assert "s5" not in weighted.tasks_
    assert_same_outputs(
        outputs(weighted, frame), outputs(repeated, frame), rtol=1e-4, atol=1e-5
    )


@supervised_estimators
def test_an_unseen_task_gets_the_shared_part_or_an_error(estimator):
    model, frame = fitted(estimator)
    stranger = frame.iloc[:2].assign(school="a new school")
    for output in outputs(model, stranger):
        assert output.shape[0] == 2
    strict, _ = fitted(estimator, unseen_task="error")
    with pytest.raises(ValueError, match="'a new school'"):
        strict.predict(stranger)


@supervised_estimators
def test_columns_of_y_are_tasks(estimator):
    frame, score, _ = schools()
    X = frame[["a", "b", "c"]]
    Y = np.column_stack([score, -score, score**2])
    if is_classifier(estimator):
        Y = (np.median(Y, axis=0) < Y).astype(float)
    Y[np.random.default_rng(0).random(Y.shape) < 0.3] = np.nan
    targets = pd.DataFrame(Y, columns=["math", "art", "music"])
    model = clone(estimator).fit(X, targets)
    assert model.tasks_.tolist() == ["math", "art", "music"]
    assert model.n_tasks_ == 3
    for output in outputs(model, X):
        assert output.shape == (len(X), 3)
    assert clone(estimator).fit(X, Y).tasks_.tolist() == [0, 1, 2]


@supervised_estimators
def test_columns_of_y_may_come_in_any_order(estimator):
    frame, score, _ = schools()
    X = frame[["a", "b", "c"]].to_numpy()
    Y = np.column_stack([score, -score, score**2])
    if is_classifier(estimator):
        Y = (np.median(Y, axis=0) < Y).astype(int)
    model = clone(estimator).fit(X, Y)
    turned = clone(estimator).fit(X, Y[:, ::-1])
    for a, b in zip(outputs(model, X), outputs(turned, X), strict=True):
        assert_allclose(a, b[:, ::-1], rtol=1e-5, atol=1e-6)


@supervised_estimators
def test_a_failed_fit_leaves_the_model_as_it_was(estimator):
    model, frame = fitted(estimator)
    expected, state = outputs(model, frame), set(vars(model))
    broken = frame.assign(d=1.0, school=None)
    with pytest.raises(ValueError, match="missing"):
        model.fit(broken, np.arange(len(frame)) % 2)
    with pytest.raises(ValueError, match="inconsistent"):
        model.fit(frame[["school", "a"]], np.arange(3) % 2)
    assert set(vars(model)) == state
    assert_same_outputs(outputs(model, frame), expected)


@supervised_estimators
def test_predicting_changes_nothing(estimator):
    model, frame = fitted(estimator)
    before, table = pickle.dumps(model), frame.copy()
    outputs(model, frame)
    outputs(model, frame.iloc[:1].assign(school="unseen"))
    assert pickle.dumps(model) == before
    pd.testing.assert_frame_equal(frame, table)


@supervised_estimators
def test_answers_do_not_depend_on_threads_or_jobs(estimator):
    model, frame = fitted(estimator)
    expected = outputs(model, frame)
    with threadpool_limits(1):
        again, _ = fit_to_schools(estimator)
        assert_same_outputs(outputs(again, frame), expected, rtol=1e-9, atol=1e-12)
    if "n_jobs" in model.get_params(deep=False):
        jobs, _ = fit_to_schools(estimator, n_jobs=2)
        assert_same_outputs(outputs(jobs, frame), expected, rtol=0, atol=0)


@supervised_estimators
def test_model_selection_needs_nothing_but_the_column(estimator):
    model, frame = fitted(estimator)
    _, score, passed = schools()
    y = passed if is_classifier(model) else score
    scoring = ["accuracy"] if is_classifier(model) else ["r2"]
    result = cross_validate(model, frame, y, cv=2, scoring=scoring, error_score="raise")
    assert result[f"test_{scoring[0]}"].mean() > 0.3
    assert cross_val_predict(model, frame, y, cv=2).shape == y.shape
    grid = GridSearchCV(model, {"unseen_task": ["shared", "error"]}, cv=2)
    assert grid.fit(frame, y).predict(frame.iloc[:3]).shape == (3,)


@pytest.mark.parametrize(
    "estimator", supervised() * registry.HAS_CALLBACKS, ids=name_of
)
def test_callbacks_see_the_fitted_model(estimator):
    from sklearn.callback import ScoringMonitor

    frame, score, passed = schools()
    y = passed if is_classifier(estimator) else score
    scoring = "accuracy" if is_classifier(estimator) else "r2"
    monitor = ScoringMonitor(scoring=scoring)
    model = with_task_feature(estimator, "school").set_callbacks(monitor).fit(frame, y)
    assert monitor.get_logs().data[-1][scoring] == model.score(frame, y)


def test_array_api_checks_are_not_skipped():
    assert os.environ.get("SCIPY_ARRAY_API") == "1"
