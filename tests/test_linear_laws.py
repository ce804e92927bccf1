"""Laws of every squared-loss linear model: statistics decide all of it."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from registry import linear_regressors, name_of, with_task_feature
from sklearn.base import clone

everyone = pytest.mark.parametrize("estimator", linear_regressors(), ids=name_of)
CLOSE = {"rtol": 1e-5, "atol": 1e-6}


def problem(n_tasks=8, n_rows=30, n_features=5, seed=0):
    """Return rows of tasks near a plane of coefficients, sizes unequal."""
    rng = np.random.default_rng(seed)
    heads = rng.normal(size=(n_tasks, 2))
    coef = 1 + heads @ rng.normal(size=(2, n_features))
    sizes = rng.integers(n_rows // 2, n_rows + 1, n_tasks)
    task = rng.permutation(np.repeat(np.arange(n_tasks), sizes))
    X = rng.normal(size=(task.size, n_features)) * np.linspace(0.5, 2, n_features)
    y = (X * coef[task]).sum(axis=1) + task + 0.5 * rng.normal(size=task.size)
    frame = pd.DataFrame(X, columns=list("abcde")[:n_features])
    return frame.assign(school=[f"s{t}" for t in task]), y


def assert_same_model(a, b, **tolerance):
    assert_array_equal(a.tasks_, b.tasks_)
    tolerance = tolerance or CLOSE
    assert_allclose(a.coef_, b.coef_, **tolerance)
    assert_allclose(a.intercept_, b.intercept_, **tolerance)
    assert_allclose(a.shared_coef_, b.shared_coef_, **tolerance)
    assert_allclose(a.shared_intercept_, b.shared_intercept_, **tolerance)


@everyone
def test_shapes_follow_the_table_without_its_task_column(estimator):
    frame, y = problem()
    model = with_task_feature(estimator, "school").fit(frame, y)
    assert model.coef_.shape == (8, 5)
    assert model.intercept_.shape == (8,)
    assert model.shared_coef_.shape == (5,)
    assert isinstance(model.n_iter_, int)
    assert model.n_iter_ >= 1
    task = frame["school"].str[1:].astype(int).to_numpy()
    by_hand = frame[list("abcde")].to_numpy() * model.coef_[task]
    expected = by_hand.sum(axis=1) + model.intercept_[task]
    assert_allclose(model.predict(frame), expected, rtol=1e-9)
    stranger = frame.assign(school="elsewhere")
    shared = frame[list("abcde")] @ model.shared_coef_ + model.shared_intercept_
    assert_allclose(model.predict(stranger), shared, rtol=1e-9)


@everyone
def test_batches_in_any_order_give_the_fit_on_everything(estimator):
    frame, y = problem()
    model = with_task_feature(estimator, "school")
    whole = clone(model).fit(frame, y)
    parts = np.array_split(np.random.default_rng(0).permutation(len(y)), 3)
    for order in [(0, 1, 2), (2, 0, 1)]:
        stream = clone(model)
        for part in order:
            stream.partial_fit(frame.iloc[parts[part]], y[parts[part]])
        assert_same_model(stream, whole, rtol=1e-8, atol=1e-8)


@everyone
def test_a_new_label_in_a_later_batch_is_a_new_task(estimator):
    frame, y = problem()
    model = with_task_feature(estimator, "school")
    late = (frame["school"].isin(["s0", "s5"])).to_numpy()
    stream = clone(model).partial_fit(frame[~late], y[~late])
    assert "s0" not in stream.tasks_
    stream.partial_fit(frame[late], y[late])
    assert_same_model(stream, clone(model).fit(frame, y), rtol=1e-8, atol=1e-8)


@everyone
def test_a_removed_task_was_never_there(estimator):
    frame, y = problem()
    model = with_task_feature(estimator, "school")
    kept = (frame["school"] != "s3").to_numpy()
    rest = clone(model).fit(frame[kept], y[kept])
    forgetful = clone(model).fit(frame, y).remove_task("s3")
    assert_same_model(forgetful, rest, rtol=1e-8, atol=1e-8)
    with pytest.raises(ValueError, match="'s3', tasks_ are"):
        forgetful.remove_task("s3")


@everyone
@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_columns_of_y_are_rows_with_a_task_column(estimator, missing):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 4))
    Y = X @ (1 + rng.normal(size=(4, 2)) @ rng.normal(size=(2, 6)))
    Y += 0.3 * rng.normal(size=Y.shape) + np.arange(6)
    Y[rng.random(Y.shape) < missing] = np.nan
    # Columns of y may have units of their own, rows with a task column share them.
    Y = (Y - np.nanmean(Y, axis=0)) / np.nanstd(Y, axis=0)
    fixed = without_cross_validation(estimator)
    wide = clone(fixed).fit(X, Y)
    rows, task = np.nonzero(~np.isnan(Y))
    long = with_task_feature(fixed, -1)
    long.fit(np.column_stack([X[rows], task]), Y[rows, task])
    assert_allclose(wide.coef_, long.coef_, **CLOSE)
    assert_allclose(wide.intercept_, long.intercept_, **CLOSE)
    assert_allclose(
        wide.predict(X)[rows, task],
        long.predict(np.column_stack([X[rows], task])),
        **CLOSE,
    )


def without_cross_validation(estimator):
    """Return the model with automatic choices made: folds differ between layouts."""
    fixed = {"rank": 2, "alpha": 0.1}
    automatic = {
        name: fixed[name]
        for name, value in estimator.get_params().items()
        if isinstance(value, str) and value == "auto" and name in fixed
    }
    # Two descents end as close to the optimum as tol says; compare near the optimum.
    tight = min(estimator.tol, 1e-6)
    return clone(estimator).set_params(tol=tight, **automatic)


@everyone
def test_a_column_of_y_without_values_gets_the_shared_part(estimator):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    Y = X @ np.ones((3, 4)) + 0.1 * rng.normal(size=(60, 4))
    Y[:, 2] = np.nan
    model = clone(estimator).fit(X, Y)
    assert np.isfinite(model.predict(X)).all()


@everyone
def test_a_constant_added_to_y_moves_intercepts_only(estimator):
    frame, y = problem()
    model = without_cross_validation(with_task_feature(estimator, "school"))
    a, b = clone(model).fit(frame, y), clone(model).fit(frame, y + 50)
    assert_allclose(b.coef_, a.coef_, rtol=1e-4, atol=1e-4)
    assert_allclose(b.intercept_, a.intercept_ + 50, rtol=1e-4, atol=1e-3)


@everyone
def test_order_of_features_does_not_matter(estimator):
    frame, y = problem()
    model = without_cross_validation(with_task_feature(estimator, "school"))
    a = clone(model).fit(frame, y)
    b = clone(model).fit(frame[["school", *"edcba"]], y)
    assert_allclose(b.coef_[:, ::-1], a.coef_, rtol=1e-4, atol=1e-5)


@everyone
def test_awkward_features_and_tasks(estimator):
    frame, y = problem()
    awkward = frame.assign(zero=0.0, one=1.0, copy=frame["a"])
    awkward["by_school"] = frame["school"].str[1:].astype(float)
    awkward.loc[awkward.index[:3], "school"] = ["alone", "two", "two"]
    model = with_task_feature(estimator, "school").fit(awkward, y)
    assert np.isfinite(model.coef_).all()
    assert_allclose(model.coef_[:, 5], 0, atol=1e-8)
    residual = y - model.predict(awkward)
    assert (residual**2).mean() < y.var()


@everyone
def test_fewer_rows_than_features(estimator):
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=(60, 30)), np.arange(60) % 6])
    y = X[:, 0] + 0.1 * rng.normal(size=60)
    model = with_task_feature(estimator, -1).fit(X, y)
    assert np.isfinite(model.predict(X)).all()


@everyone
def test_a_strong_signal_is_found(estimator):
    frame, y = problem(n_rows=80)
    half = np.arange(len(y)) % 2 == 0
    model = with_task_feature(estimator, "school").fit(frame[half], y[half])
    assert model.score(frame[~half], y[~half]) > 0.9


# Two values of each parameter that is part of the model.
ALTERNATIVES = {
    "align": [None, "covariance"],
    "alpha": [0.01, 1.0],
    "center_alpha": [0.0, 1.0],
    "fit_intercept": [True, False],
    "l1_ratio": [0.5, 1.0],
    "rank": [1, 3],
    "robust": [False, True],
    "shrinkage": [0.0, 50.0],
    "specific_cost": [0.5, 1.0],
    "task_weight": ["samples", "equal"],
}
# How the model is found, not what it is.
MEANS = {"cv", "max_iter", "n_alphas", "n_jobs", "random_state", "tol"}
ELSEWHERE = {"keep_task_column", "task_feature", "unseen_task"}


@everyone
def test_every_parameter_of_the_model_changes_it(estimator):
    frame, y = problem()
    # One task differs, also in what it needs.
    frame["f"] = np.random.default_rng(1).normal(size=len(y))
    outlier = (frame["school"] == "s1").to_numpy()
    y = np.where(outlier, y - 20 * frame["a"] + 20 * frame["f"], y)
    base = without_cross_validation(with_task_feature(estimator, "school"))
    names = set(base.get_params(deep=False)) - MEANS - ELSEWHERE
    if base.get_params().get("robust"):
        # Only a value of one goes with it.
        names -= {"specific_cost"}
    for name in names:
        one, other = (
            clone(base).set_params(**{name: value}).fit(frame, y).predict(frame)
            for value in ALTERNATIVES[name]
        )
        assert np.abs(one - other).max() > 1e-4, name


SMALL_FITS = """
import sys
import numpy as np
import skmtl.linear
rng = np.random.default_rng(0)
X = np.column_stack([rng.normal(size=(200, 5)), np.arange(200) % 10])
y = X[:, 0] + rng.normal(size=200)
for name in dir(skmtl.linear):
    if name.endswith(("Regressor", "Classifier")):
        target = y if name.endswith("Regressor") else y > 0
        model = getattr(skmtl.linear, name)(task_feature=-1)
        model.fit(X, target).predict(X)
        print(name, [m for m in ("numba", "sklearn.metrics") if m in sys.modules])
"""


def test_fits_of_small_tables_load_no_compiled_code():
    command = [sys.executable, "-W", "error", "-c", SMALL_FITS]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert len(lines) == 8
    assert all(line.endswith("[]") for line in lines), lines
