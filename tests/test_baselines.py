"""One clone per task, one clone for all: both must equal what one would do by hand."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from joblib import parallel_config
from lightgbm import LGBMRegressor
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestRegressor,
)
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils.estimator_checks import parametrize_with_checks

from skmtl.baselines import IndependentTasks, PooledTasks

quiet = pytest.mark.filterwarnings("ignore::skmtl.exceptions.TaskColumnWarning")


def problem(n_tasks=4, sizes=(30, 12, 7, 3), classify=False, seed=0):
    """Return a frame with text tasks between two features, and a target."""
    rng = np.random.default_rng(seed)
    task = rng.permutation(np.repeat(np.arange(n_tasks), sizes))
    X = rng.normal(size=(task.size, 2))
    y = X @ [1.0, -2.0] * np.where(task == 1, -1, 1) + task
    if classify:
        y = np.array(["no", "yes"])[(y + rng.normal(size=y.size) > task).astype(int)]
    names = np.array(["north", "east", "south", "west"])[task]
    return pd.DataFrame({"a": X[:, 0], "place": names, "b": X[:, 1]}), y


def as_polars(X):
    return pl.DataFrame({name: X[name].tolist() for name in X.columns})


# --- scikit-learn's checks

# The contract tests run these estimators around linear models.
BOOSTED = HistGradientBoostingRegressor(random_state=0, max_iter=5)
INSTANCES = [
    IndependentTasks(make_pipeline(StandardScaler(), Ridge()), task_feature=-1),
    IndependentTasks(DecisionTreeRegressor(random_state=0), task_feature=0),
    IndependentTasks(DecisionTreeClassifier(random_state=0), task_feature=-1),
    IndependentTasks(BOOSTED),
    PooledTasks(LogisticRegression(), task_feature=0),
    PooledTasks(DecisionTreeRegressor(random_state=0), encode="onehot", task_feature=0),
    PooledTasks(BOOSTED, encode="category"),
    PooledTasks(BOOSTED, encode="category", task_feature=-1),
]
PLACES = (None, 0, -1)


def expected_failures(estimator):
    takes_nan = estimator.__sklearn_tags__().input_tags.allow_nan
    if takes_nan and estimator.task_feature is not None:
        reason = "puts missing values in the task column too"
        return {"check_estimators_pickle": reason}
    return {}


@quiet
@parametrize_with_checks(INSTANCES, expected_failed_checks=expected_failures)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("kind", [IndependentTasks, PooledTasks])
@pytest.mark.parametrize("place", PLACES)
def test_pickled_with_missing_features(kind, place):
    """What an excused check would have tested, with complete task labels."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 3))
    X[:, [0, 2]] = rng.integers(3, size=(40, 2))
    X[::7, 1] = np.nan
    model = kind(DecisionTreeRegressor(random_state=0), task_feature=place)
    model.fit(X, rng.normal(size=40))
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.predict(X), model.predict(X))


# --- equal by hand


@pytest.mark.parametrize("container", ["pandas", "polars", "object array"])
def test_each_task_has_its_own_clone(container):
    X, y = problem()
    table, place = X, "place"
    if container == "polars":
        table = as_polars(X)
    elif container == "object array":
        table, place = X.to_numpy(dtype=object), 1
    model = IndependentTasks(LinearRegression(), task_feature=place).fit(table, y)
    assert model.tasks_.tolist() == ["east", "north", "south", "west"]
    for t, name in enumerate(model.tasks_):
        rows = (X["place"] == name).to_numpy()
        features = X.loc[rows, ["a", "b"]].to_numpy()
        alone = LinearRegression().fit(features, y[rows])
        np.testing.assert_allclose(model.estimators_[t].coef_, alone.coef_)
        np.testing.assert_allclose(model.predict(table)[rows], alone.predict(features))


def test_one_task_is_the_estimator_itself():
    X, y = problem()
    X = X[["a", "b"]]
    plain = Ridge().fit(X, y).predict(X)
    for model in (
        IndependentTasks(Ridge()),
        PooledTasks(Ridge()),
        PooledTasks(Ridge(), encode="onehot"),
    ):
        np.testing.assert_array_equal(model.fit(X, y).predict(X), plain)


def test_columns_reach_the_estimator_as_they_are():
    X, y = problem()
    X["colour"] = pd.Categorical(np.where(X["a"] > 0, "red", "blue"))
    text = (OneHotEncoder(handle_unknown="ignore"), make_column_selector("colour"))
    encoder = ColumnTransformer([("text", *text)], remainder="passthrough")
    pipeline = make_pipeline(encoder, LinearRegression())
    for model in (
        IndependentTasks(pipeline, task_feature="place"),
        PooledTasks(pipeline, encode="onehot", task_feature="place"),
    ):
        model.fit(X, y)
        assert np.isfinite(model.predict(X)).all()
    # Fitted to numbers of the same meaning, predictions are the same.
    as_number = X.assign(colour=(X["colour"] == "red").astype(float))
    for encode in ("drop", "onehot"):
        one = PooledTasks(pipeline, encode=encode, task_feature="place").fit(X, y)
        other = PooledTasks(LinearRegression(), encode=encode, task_feature="place")
        other.fit(as_number, y)
        np.testing.assert_allclose(one.predict(X), other.predict(as_number))


@pytest.mark.parametrize("form", [sparse.csr_array, sparse.csc_matrix])
def test_sparse_tables(form):
    X, y = problem()
    codes = X.assign(place=pd.Categorical(X["place"]).codes).to_numpy(float)
    for model in (
        IndependentTasks(Ridge(), task_feature=1),
        PooledTasks(Ridge(), encode="onehot", task_feature=1),
    ):
        dense = clone(model).fit(codes, y).predict(codes)
        np.testing.assert_allclose(
            model.fit(form(codes), y).predict(form(codes)), dense, rtol=1e-4, atol=1e-4
        )


def test_columns_of_y_are_tasks_on_their_observed_rows():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 2)), rng.normal(size=(30, 3))
    y[rng.random(y.shape) < 0.3] = np.nan
    model = IndependentTasks(Ridge()).fit(X, y)
    predicted = model.predict(X)
    assert predicted.shape == y.shape
    for t, column in enumerate(y.T):
        seen = ~np.isnan(column)
        alone = Ridge().fit(X[seen], column[seen])
        np.testing.assert_allclose(predicted[:, t], alone.predict(X))
    assert model.score(X, y) == r2_score(y[~np.isnan(y)], predicted[~np.isnan(y)])


def test_binary_columns_of_y():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 2))
    y = np.where(X @ rng.normal(size=(2, 3)) > 0, "yes", "no").astype(object)
    full = IndependentTasks(LogisticRegression()).fit(X, y)
    y[::5, 1] = None
    model = IndependentTasks(LogisticRegression()).fit(X, y)
    assert model.classes_.tolist() == ["no", "yes"]
    probability = model.predict_proba(X)
    assert probability.shape == (40, 3)
    np.testing.assert_array_equal(probability[:, 0], full.predict_proba(X)[:, 0])
    assert (probability[:, 1] != full.predict_proba(X)[:, 1]).any()
    np.testing.assert_array_equal(model.predict(X) == "yes", probability > 0.5)
    np.testing.assert_array_equal(model.decision_function(X) > 0, probability > 0.5)
    seen = np.array([[cell is not None for cell in row] for row in y])
    expected = (model.predict(X)[seen] == y[seen]).mean()
    assert model.score(X, y) == pytest.approx(expected)


# --- unseen tasks


def test_unseen_tasks_are_predicted_by_a_model_of_all_rows():
    X, y = problem()
    model = IndependentTasks(Ridge(), task_feature="place").fit(X, y)
    expected = Ridge().fit(X[["a", "b"]], y).predict(X[["a", "b"]])
    np.testing.assert_allclose(model.predict(X.assign(place="far")), expected)


def test_unseen_tasks_can_be_errors():
    X, y = problem()
    for kind in (IndependentTasks, PooledTasks):
        model = kind(Ridge(), task_feature="place", unseen_task="error").fit(X, y)
        assert not hasattr(model, "shared_estimator_")
        with pytest.raises(ValueError, match="'far'"):
            model.predict(X.assign(place="far"))
    model = IndependentTasks(Ridge(), task_feature="place", unseen_task="error")
    model.fit(X, y).set_params(unseen_task="shared")
    with pytest.raises(ValueError, match="fit again"):
        model.predict(X.assign(place="far"))


def test_a_later_fit_forgets_the_shared_model():
    X, y = problem()
    model = IndependentTasks(Ridge(), task_feature="place").fit(X, y)
    model.set_params(unseen_task="error").fit(X, y)
    assert not hasattr(model, "shared_estimator_")


# --- classification


def test_tasks_with_some_of_the_classes():
    X, _ = problem()
    rng = np.random.default_rng(0)
    y = rng.choice(["a", "b", "c"], size=len(X))
    y[X["place"] == "south"] = "b"
    y[(X["place"] == "west") & (y == "c")] = "a"
    model = IndependentTasks(LogisticRegression(), task_feature="place").fit(X, y)
    probability = model.predict_proba(X)
    np.testing.assert_allclose(probability.sum(axis=1), 1.0)
    south, west = X["place"] == "south", X["place"] == "west"
    np.testing.assert_array_equal(probability[south], [[0.0, 1.0, 0.0]] * south.sum())
    assert (probability[west][:, 2] == 0.0).all()
    assert (model.predict(X[south]) == "b").all()
    best = model.classes_[model.decision_function(X).argmax(axis=1)]
    np.testing.assert_array_equal(best, model.predict(X))
    assert model.score(X, y) == accuracy_score(y, model.predict(X))


@pytest.mark.parametrize(("label", "score"), [("no", -1.0), ("yes", 1.0)])
def test_decision_of_a_task_with_one_of_two_classes(label, score):
    X, y = problem(classify=True)
    y[X["place"] == "east"] = label
    model = IndependentTasks(LogisticRegression(), task_feature="place").fit(X, y)
    east = X[X["place"] == "east"]
    assert (model.decision_function(east) == score).all()
    assert (model.predict(east) == label).all()


def test_methods_are_those_of_the_wrapped_estimator():
    for kind in (IndependentTasks, PooledTasks):
        assert is_regressor(kind(Ridge()))
        assert is_classifier(kind(SVC()))
        assert not hasattr(kind(Ridge()), "predict_proba")
        assert hasattr(kind(SVC()), "decision_function")
        assert not hasattr(kind(DecisionTreeClassifier()), "decision_function")


def test_wrapped_tags_are_not_changed():
    estimator = LogisticRegression()
    before = repr(estimator.__sklearn_tags__())
    tags = IndependentTasks(estimator, task_feature=0).__sklearn_tags__()
    tags.input_tags.sparse = not tags.input_tags.sparse
    assert repr(estimator.__sklearn_tags__()) == before


# --- weights


@pytest.mark.parametrize(
    "wrapped",
    [
        Ridge(),
        make_pipeline(StandardScaler(), Ridge()),
        make_pipeline(make_pipeline(StandardScaler()), Ridge()),
        GridSearchCV(Ridge(), {"alpha": [2.0]}, cv=[(np.arange(2), np.arange(2))]),
        GridSearchCV(
            make_pipeline(StandardScaler(), Ridge()),
            {"ridge__alpha": [2.0]},
            cv=[(np.arange(2), np.arange(2))],
        ),
    ],
)
@pytest.mark.parametrize("kind", [IndependentTasks, PooledTasks])
def test_a_row_of_weight_two_is_the_row_twice(wrapped, kind):
    X, y = problem()
    weight = np.random.default_rng(0).integers(0, 3, size=len(y))
    weight[X["place"] == "west"] = 0
    model = kind(wrapped, task_feature="place")
    one = clone(model).fit(X, y, sample_weight=weight)
    rows = np.repeat(np.arange(len(y)), weight)
    other = clone(model).fit(X.iloc[rows], y[rows])
    assert one.tasks_.tolist() == ["east", "north", "south"]
    np.testing.assert_allclose(one.predict(X), other.predict(X))


def test_weights_that_cannot_be_used():
    X, y = problem()
    weight = np.ones(len(y))
    for kind in (IndependentTasks, PooledTasks):
        model = kind(KNeighborsRegressor(1), task_feature="place")
        expected = clone(model).fit(X[3:], y[3:]).predict(X)
        weight[:3] = 0.0
        np.testing.assert_array_equal(model.fit(X, y, weight).predict(X), expected)
        with pytest.raises(ValueError, match="does not take sample_weight"):
            model.fit(X, y, 2.0 * weight)


def test_weights_follow_the_requests_of_a_routed_pipeline():
    X, y = problem()
    weight = np.random.default_rng(0).uniform(1.0, 9.0, len(y))
    with config_context(enable_metadata_routing=True):
        ridge = Ridge().set_fit_request(sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        model = PooledTasks(make_pipeline(scaler, ridge), task_feature="place")
        weighted = model.fit(X, y, weight).predict(X)
    scaled = StandardScaler().fit_transform(X[["a", "b"]])
    expected = Ridge().fit(scaled, y, weight).predict(scaled)
    np.testing.assert_allclose(weighted, expected)


def test_weights_reach_a_search_over_this_estimator():
    X, y = problem()
    weight = np.where(X["a"] > 0, 1.0, 0.0)
    model = PooledTasks(Ridge(), task_feature="place")
    cv = [(np.arange(len(y)), np.arange(len(y)))]
    with config_context(enable_metadata_routing=True):
        model.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        search = GridSearchCV(model, {"estimator__alpha": [1.0]}, cv=cv)
        search.fit(X, y, sample_weight=weight)
    expected = clone(model).fit(X, y, weight).predict(X)
    np.testing.assert_array_equal(search.predict(X), expected)


# --- invariances


@pytest.mark.parametrize("kind", [IndependentTasks, PooledTasks])
def test_order_of_rows_and_names_of_tasks_do_not_matter(kind):
    X, y = problem()
    options = {"encode": "onehot"} if kind is PooledTasks else {}
    model = kind(Ridge(), task_feature="place", **options)
    expected = clone(model).fit(X, y).predict(X)
    order = np.random.default_rng(1).permutation(len(y))
    shuffled = clone(model).fit(X.iloc[order], y[order]).predict(X)
    np.testing.assert_allclose(shuffled, expected)
    numbers = {"north": 9, "east": 0.5, "south": -3, "west": 4}
    renamed = X.assign(place=X["place"].map(numbers))
    np.testing.assert_allclose(clone(model).fit(renamed, y).predict(renamed), expected)


def test_number_of_jobs_does_not_matter():
    X, y = problem()
    model = IndependentTasks(
        RandomForestRegressor(5, random_state=0), task_feature="place"
    )
    one = clone(model).fit(X, y).predict(X)
    with parallel_config("threading"):
        two = clone(model).set_params(n_jobs=2).fit(X, y).predict(X)
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("kind", [IndependentTasks, PooledTasks])
def test_a_failed_fit_leaves_the_model_as_it_was(kind):
    X, y = problem()
    model = kind(Ridge(), task_feature="place").fit(X, y)
    expected = model.predict(X)
    with pytest.raises(ValueError, match="could not convert"):
        model.fit(X.assign(a="text"), y)
    np.testing.assert_array_equal(model.predict(X), expected)


def test_searches_reach_the_wrapped_estimator():
    X, y = problem()
    model = PooledTasks(Ridge(), encode="onehot", task_feature="place")
    search = GridSearchCV(model, {"estimator__alpha": [1e-6, 1e6]}, cv=3).fit(X, y)
    assert search.best_params_ == {"estimator__alpha": 1e-6}


def test_what_cannot_be_wrapped():
    X, y = problem()
    with pytest.raises(TypeError, match="regressor or a classifier"):
        IndependentTasks(IsolationForest(), task_feature="place").fit(X, y)
    kernel = SVC(kernel="precomputed")
    with pytest.raises(ValueError, match="similarities"):
        PooledTasks(kernel).fit(np.eye(4), [0, 1, 0, 1])


# --- pooled tasks


def test_indicators_are_those_of_a_one_hot_encoder():
    X, y = problem()
    model = PooledTasks(Ridge(), encode="onehot", task_feature="place").fit(X, y)
    encoder = ColumnTransformer(
        [("task", OneHotEncoder(handle_unknown="ignore"), ["place"])],
        remainder="passthrough",
    )
    by_hand = make_pipeline(encoder, Ridge()).fit(X, y)
    np.testing.assert_allclose(model.predict(X), by_hand.predict(X))
    far = X.assign(place="far")
    np.testing.assert_allclose(model.predict(far), by_hand.predict(far))


def test_new_columns_do_not_take_names_that_exist():
    X, y = problem()
    X = X.rename(columns={"a": "task_0"})
    model = PooledTasks(Ridge(), encode="onehot", task_feature="place").fit(X, y)
    names = model.estimator_.feature_names_in_
    assert len(set(names)) == len(names) == 6
    X = X.drop(columns="place").set_axis([3, 8], axis=1)
    targets = np.column_stack([y, y])
    model = PooledTasks(Ridge(), encode="onehot").fit(X, targets)
    assert model.predict(X).shape == targets.shape


def test_dropped_tasks_are_not_seen():
    X, y = problem()
    model = PooledTasks(Ridge(), task_feature="place").fit(X, y)
    expected = Ridge().fit(X[["a", "b"]], y).predict(X[["a", "b"]])
    for table in (X, X.assign(place="north"), X.assign(place="far")):
        np.testing.assert_array_equal(model.predict(table), expected)


def category_problem():
    """Return a frame in which tasks matter, but not in the order of their labels."""
    rng = np.random.default_rng(0)
    task = rng.integers(8, size=400)
    X = pd.DataFrame(
        {"a": rng.normal(size=400), "place": np.array(list("adbecfhg"))[task]}
    )
    return X, np.where(task % 2, 5.0, -5.0) + X["a"].to_numpy()


@pytest.mark.parametrize(
    "wrapped",
    [
        HistGradientBoostingRegressor(max_iter=20, random_state=0),
        LGBMRegressor(n_estimators=20, verbose=-1, n_jobs=1),
    ],
)
def test_categories_of_frames_and_arrays_are_the_same(wrapped):
    X, y = category_problem()
    codes = X.assign(place=pd.Categorical(X["place"]).codes).to_numpy(float)
    by_name = PooledTasks(wrapped, encode="category", task_feature="place").fit(X, y)
    by_code = PooledTasks(wrapped, encode="category", task_feature=1).fit(codes, y)
    np.testing.assert_allclose(by_name.predict(X), by_code.predict(codes))
    # An unseen task is a missing value, and one split tells even tasks from odd ones.
    far = by_name.predict(X.assign(place="far"))
    codes[:, 1] = 99
    np.testing.assert_allclose(far, by_code.predict(codes))
    stump = clone(by_name).set_params(estimator__max_depth=1).fit(X, y)
    assert np.abs(stump.predict(X) - y).mean() < np.abs(y).mean() / 2


def test_categories_in_polars_frames():
    X, y = category_problem()
    model = PooledTasks(
        HistGradientBoostingRegressor(max_iter=20),
        encode="category",
        task_feature="place",
    )
    expected = clone(model).fit(X, y).predict(X)
    table = as_polars(X)
    np.testing.assert_allclose(model.fit(table, y).predict(table), expected)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, [1]),
        ([], [1]),
        ([0], [0, 1]),
        ([True], [True, True]),
        ("from_dtype", [1]),
    ],
)
def test_categories_join_those_of_the_user(given, expected):
    X, y = category_problem()
    codes = X.assign(place=pd.Categorical(X["place"]).codes, a=np.sign(X["a"]) + 1)
    wrapped = HistGradientBoostingRegressor(max_iter=2, categorical_features=given)
    model = PooledTasks(wrapped, encode="category", task_feature=1)
    model.fit(codes.to_numpy(float), y)
    assert model.estimator_.categorical_features == expected
    assert wrapped.categorical_features == given


def test_categories_join_named_ones_of_the_user():
    X, y = category_problem()
    X["b"] = np.where(X["a"] > 0, "high", "low")
    wrapped = HistGradientBoostingRegressor(max_iter=2, categorical_features=["b"])
    model = PooledTasks(wrapped, encode="category", task_feature="place").fit(X, y)
    assert model.estimator_.categorical_features == ["b", "place"]


def test_estimators_that_do_not_know_categories():
    X, y = problem()
    model = PooledTasks(Ridge(), encode="category", task_feature="place")
    with pytest.raises(ValueError, match="could not convert"):
        model.fit(X, y)
    codes = X.assign(place=pd.Categorical(X["place"]).codes)
    with pytest.raises(ValueError, match="onehot"):
        model.set_params(task_feature=1).fit(codes.to_numpy(float), y)
    # Numbers as labels are text in the category, so that they cannot be taken for one.
    model.set_params(task_feature="place")
    renamed = X.assign(place=X["place"].str.len().map({4: "5a", 5: "6a"}))
    with pytest.raises(ValueError, match="could not convert"):
        model.fit(renamed, y)


@pytest.mark.parametrize("encode", ["drop", "onehot"])
def test_pooled_columns_of_y_are_stacked_rows(encode):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 2)), rng.normal(size=(30, 3)) + [0, 5, 9]
    y[rng.random(y.shape) < 0.3] = np.nan
    weight = rng.uniform(1, 2, size=30)
    wide = PooledTasks(Ridge(), encode=encode).fit(X, y, weight)
    task, row = np.nonzero(~np.isnan(y.T))
    stacked = np.column_stack([X[row], task])
    long = PooledTasks(Ridge(), encode=encode, task_feature=-1)
    long.fit(stacked, y[row, task], weight[row])
    predicted = wide.predict(X)
    for t in range(3):
        rows = np.column_stack([X, np.full(30, t)])
        np.testing.assert_allclose(predicted[:, t], long.predict(rows))


def test_pooled_binary_columns_of_y():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2))
    y = (X @ rng.normal(size=(2, 3)) > 0).astype(int)
    wrapped = HistGradientBoostingClassifier(max_iter=20, min_samples_leaf=5)
    model = PooledTasks(wrapped, encode="category").fit(X, y)
    assert model.predict_proba(X).shape == y.shape
    np.testing.assert_array_equal(model.predict(X), model.predict_proba(X) > 0.5)
    assert model.score(X, y) > 0.8
