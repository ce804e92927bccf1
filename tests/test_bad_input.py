"""Wrong input is told what was found and what was expected, or simply works.

Every case runs over every estimator that predicts. Nothing may fail inside compiled
code, answer with nonsense, or damage the model fitted before.
"""

import re
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from registry import name_of, once, supervised, with_task_feature
from scipy import sparse
from sklearn.base import clone, is_classifier
from sklearn.exceptions import DataConversionWarning

from skmtl import MultiTaskRegressor
from skmtl._sklearn_compat import get_tags
from skmtl.boosting import MultiTaskBoostingRegressor
from skmtl.linear import HierarchicalRegressor

pytestmark = pytest.mark.filterwarnings(
    "ignore::skmtl.exceptions.TaskColumnWarning",
    "ignore:X has feature names, but:UserWarning",
    "ignore:X does not have valid feature names:UserWarning",
)

RNG = np.random.default_rng(0)
TASK = np.repeat(["north", "south", "west"], 20)
FRAME = pd.DataFrame(RNG.normal(size=(60, 2)), columns=["a", "b"]).assign(school=TASK)
ARRAY = np.column_stack([FRAME[["a", "b"]], np.repeat([0.0, 1.0, 2.0], 20)])
SCORE = FRAME["a"].to_numpy() + 0.1 * RNG.normal(size=60)


def with_cell(table, row, column, value):
    """Return a copy of a frame or array with one cell changed."""
    table = table.copy()
    if isinstance(table, np.ndarray):
        table[row, column] = value
        return table
    values = table[column].tolist()
    values[row] = value
    return table.assign(**{column: pd.Series(values, dtype=object)})


def at(values, row, value):
    """Return a float copy of a vector with one entry changed."""
    values = np.array(values, float)
    values[row] = value
    return values


# name: (task_feature, X, y or None for the ordinary one, weight, error, message)
BAD_FITS = {
    "X has NaN": ("school", with_cell(FRAME, 3, "a", np.nan), "NaN"),
    "X has infinity": ("school", with_cell(FRAME, 3, "a", np.inf), "infinity"),
    "X array has NaN": (-1, with_cell(ARRAY, 3, 0, np.nan), "NaN"),
    "X array has infinity": (-1, with_cell(ARRAY, 3, 0, -np.inf), "infinity"),
    "label is NaN": ("school", with_cell(FRAME, 3, "school", np.nan), "missing"),
    "label is None": ("school", with_cell(FRAME, 3, "school", None), "missing"),
    "label is NA": ("school", with_cell(FRAME, 3, "school", pd.NA), "missing"),
    "label is NaN in an array": (-1, with_cell(ARRAY, 3, 2, np.nan), "1 of 60 rows"),
    "label is infinite": (-1, with_cell(ARRAY, 3, 2, np.inf), "infinity"),
    "label is a dict": ("school", with_cell(FRAME, 3, "school", {}), "dict, str"),
    "label is a tuple": (
        "school",
        FRAME.assign(school=[("x", i % 2) for i in range(60)]),
        "must be a string or a number, found tuple",
    ),
    "labels mix text and numbers": (
        "school",
        with_cell(FRAME, 3, "school", 7),
        "mixes text and numbers .*int, str",
    ),
    "labels are dates": (
        "school",
        FRAME.assign(school=pd.Timestamp("2020-01-01")),
        "datetime64.*Convert it to strings",
    ),
    "no such column": ("scool", FRAME, "'scool' matches no columns.*school"),
    "position too large": (3, ARRAY, "task_feature=3 is not a column.*n_features=3"),
    "position too small": (-4, ARRAY, "task_feature=-4 is not a column"),
    "position is a truth value": (True, ARRAY, "name or its position, got True"),
    "position is a float": (1.0, ARRAY, "task_feature.* must be .*Got 1.0"),
    "name without names": ("school", ARRAY, "no \\(string\\) names.*task_feature=-1"),
    "prefix fits two columns": (
        "school",
        FRAME.rename(columns={"school": "x__school", "b": "y__school"}),
        "matches 2 columns",
    ),
    "duplicated task column": (
        "school",
        FRAME.set_axis(["school", "b", "school"], axis=1),
        "must be unique; found \\['school'\\]",
    ),
    "duplicated names of features": (
        "school",
        FRAME.set_axis(["x", "x", "school"], axis=1),
        "must be unique; found \\['x'\\]",
    ),
    "text left in without task_feature": (None, FRAME, "school|north"),
    "only the task column": ("school", FRAME[["school"]], "nothing is left"),
    "only the task column, array": (0, ARRAY[:, 2:], "nothing is left"),
    "empty frame": ("school", FRAME.iloc[:0], "0 sample"),
    "empty array": (-1, ARRAY[:0], "0 sample"),
    "one dimension": (-1, ARRAY[:, 0], "Expected 2D|1D array"),
    "three dimensions": (-1, ARRAY[None], "dim 3|3 dim|Expected 2D|expected <= 2"),
    "one number": (-1, 3.0, "Expected 2D|scalar"),
    "X is None": (-1, None, "Expected 2D|scalar|None"),
    "X is complex": (-1, ARRAY + 1j, "Complex data not supported"),
    "X holds dates": (
        "school",
        FRAME.assign(b=pd.Timestamp("2020-01-01")),
        "not numbers: .*b|DType|dtype|date|Timestamp",
    ),
    "X holds dicts": (-1, with_cell(ARRAY.astype(object), 3, 0, {}), "must be"),
    "too few rows for y": ("school", FRAME.iloc[:50], "inconsistent.*50, 60"),
}

BAD_TARGETS = {
    "y is None": (None, "requires y to be passed"),
    "y too short": (SCORE[:50], "inconsistent.*60, 50"),
    "y has three dimensions": (np.zeros((60, 1, 1)), "shape \\(60, 1, 1\\)"),
    "y is wide beside a task column": (
        np.zeros((60, 2)),
        "shape \\(60, 2\\).*task_feature='school' already names.*melt_targets",
    ),
    "y is one number": (1.0, "shape \\(\\)|Singleton|bad input shape"),
    "y is empty": (SCORE[:0], "inconsistent|0 sample|empty"),
    "y has NaN": (at(SCORE, 3, np.nan), "NaN"),
    "y has infinity": (at(SCORE, 3, np.inf), "infinity"),
    "y is complex": (SCORE + 1j, "[cC]omplex"),
    "y holds words": (np.array(["x"] * 59 + [{}], object), "."),
}

BAD_WEIGHTS = {
    "all zero": (np.zeros(60), "All 60 values of sample_weight are zero|zero"),
    "negative": (at(np.ones(60), 3, -1), "[nN]egative"),
    "NaN": (at(np.ones(60), 3, np.nan), "NaN"),
    "infinite": (at(np.ones(60), 3, np.inf), "infinity"),
    "too short": (np.ones(59), "59|shape"),
    "two columns": (np.ones((60, 2)), "1D|2D|shape"),
    "words": (np.array(["x"] * 60), "could not convert|string"),
}

BAD_QUERIES = {
    "X has NaN": (with_cell(FRAME, 3, "a", np.nan), "NaN"),
    "label is missing": (with_cell(FRAME, 3, "school", None), "missing"),
    "label is a number": (FRAME.assign(school=1), "holds numbers.*fit saw text"),
    "label is an array's number": (ARRAY, "holds numbers.*fit saw text"),
    "a column is missing": (FRAME[["a", "school"]], "missing"),
    "a column too many": (FRAME.assign(c=1.0), "feature names"),
    "columns in another order": (FRAME[["school", "b", "a"]], "same order"),
    "columns renamed": (FRAME.rename(columns={"a": "z"}), "unseen at fit time"),
    "no rows": (FRAME.iloc[:0], "0 sample"),
    "one dimension": (FRAME["a"], "Expected 2D|1D array|Reshape|2-dimensional"),
}

# What looks strange but has one clear meaning: these must work.
FINE_FITS = {
    "one task": FRAME.assign(school="only"),
    "a task with one row": with_cell(FRAME, 3, "school", "alone"),
    "constant feature": FRAME.assign(b=1.0),
    "feature constant within tasks": FRAME.assign(b=np.repeat([1.0, 2.0, 3.0], 20)),
    "duplicated feature": FRAME.assign(b=FRAME["a"]),
    "category labels with unused levels": FRAME.assign(
        school=pd.Categorical(TASK, ["south", "unused", "west", "north"])
    ),
    "truth values as labels": FRAME.assign(school=TASK == "north"),
    "numbers as labels": FRAME.assign(school=ARRAY[:, 2].astype(int)),
    "fractions as labels": FRAME.assign(school=ARRAY[:, 2] + 0.5),
    "integer features": FRAME.assign(a=np.arange(60), b=np.arange(60)[::-1]),
    "truth values as features": FRAME.assign(b=FRAME["b"] > 0),
    "numbers as objects": FRAME.astype({"a": object}),
    "float32": FRAME.astype({"a": np.float32, "b": np.float32}),
    "float16": FRAME.astype({"a": np.float16, "b": np.float16}),
    "nullable numbers": FRAME.astype({"a": "Float64"}),
    "huge scale": FRAME.assign(a=FRAME["a"] * 1e60),
    "tiny scale": FRAME.assign(a=FRAME["a"] * 1e-60),
    "far from zero": FRAME.assign(a=FRAME["a"] + 1e8),
    "polars": pl.DataFrame(FRAME.to_dict("list")),
    "another index": FRAME.set_index(np.arange(60)[::-1] * 7),
    "prefixed names": FRAME.rename(
        columns={"a": "num__a", "b": "num__b", "school": "remainder__school"}
    ),
}

FINE_ARRAYS = {
    "objects": np.array(FRAME.to_numpy(), dtype=object),
    "lists": FRAME.to_numpy().tolist(),
    "column order": np.asfortranarray(ARRAY),
    "every second row": np.repeat(ARRAY, 2, axis=0)[::2],
    "float32": ARRAY.astype(np.float32),
    "integers": np.round(ARRAY * 100).astype(int),
    "codes as text": ARRAY.astype(str),
}


def target(model):
    return (SCORE > 0).astype(int) if is_classifier(model) else SCORE


def targets_for(model, y):
    """Return wrong targets in the kind that the model expects."""
    if not is_classifier(model) or y is None or np.iscomplexobj(y):
        return y
    y = np.asarray(y)
    if y.dtype == object or not np.isfinite(y).all():
        return y
    return (y > 0).astype(int)


@once
def good(estimator):
    model = with_task_feature(estimator, "school")
    return model.fit(FRAME, target(model))


@once
def answers_for_an_array(estimator):
    model = with_task_feature(estimator, -1)
    return model.fit(ARRAY, target(model)).predict(ARRAY)


def assert_refused(call, message):
    """The call fails with a clear error of scikit-learn's kinds."""
    with pytest.raises((ValueError, TypeError)) as caught:
        call()
    text = str(caught.value)
    assert re.search(message, text, re.DOTALL), text
    assert "numba" not in type(caught.value).__module__
    assert "nopython" not in text


def either(call, message):
    """Return what a call returns, or None if it refuses with this message."""
    try:
        return call()
    except (ValueError, TypeError) as error:
        if re.search(message, str(error)) is None:
            raise
        return None


def assert_unharmed(model, expected):
    assert np.array_equal(model.predict(FRAME), expected)


everyone = pytest.mark.parametrize("estimator", supervised(), ids=name_of)


# What only some estimators refuse.
MISSING = {"X has NaN", "X array has NaN"}


def is_fine(estimator, case, table):
    """Return whether a case is no mistake for an estimator that takes NaN."""
    takes_missing = get_tags(estimator).input_tags.allow_nan
    return takes_missing and any(table[name] is case for name in MISSING & set(table))


def cases(table):
    return pytest.mark.parametrize("case", table.values(), ids=table.keys())


@everyone
@cases(BAD_FITS)
def test_a_bad_table_is_refused_at_fit(estimator, case):
    task_feature, X, message = case
    model = good(estimator)
    if is_fine(model, case, BAD_FITS):
        model = clone(model).set_params(task_feature=task_feature)
        assert np.isfinite(model.fit(X, target(model)).predict(X)).all()
        return
    expected = model.predict(FRAME)
    other = clone(model).set_params(task_feature=task_feature)
    assert_refused(lambda: other.fit(X, target(model)), message)
    if task_feature == "school":
        assert_refused(lambda: model.fit(X, target(model)), message)
        assert_unharmed(model, expected)


@everyone
@cases(BAD_TARGETS)
def test_a_bad_target_is_refused(estimator, case):
    y, message = case
    model = good(estimator)
    expected = model.predict(FRAME)
    assert_refused(lambda: model.fit(FRAME, targets_for(model, y)), message)
    assert_unharmed(model, expected)


@everyone
@cases(BAD_WEIGHTS)
def test_a_bad_weight_is_refused(estimator, case):
    weight, message = case
    model = good(estimator)
    expected = model.predict(FRAME)
    assert_refused(lambda: model.fit(FRAME, target(model), weight), message)
    assert_unharmed(model, expected)


@everyone
@cases(BAD_QUERIES)
def test_a_bad_table_is_refused_at_predict(estimator, case):
    X, message = case
    model = good(estimator)
    if is_fine(model, case, BAD_QUERIES):
        assert np.isfinite(model.predict(X)).all()
        return
    expected = model.predict(FRAME)
    assert_refused(lambda: model.predict(X), message)
    assert_unharmed(model, expected)


# A wrapped scikit-learn model may warn of the scale, and answers all the same.
@pytest.mark.filterwarnings(
    "ignore::scipy.linalg.LinAlgWarning",
    "ignore::sklearn.exceptions.ConvergenceWarning",
)
@everyone
@cases(FINE_FITS)
def test_a_strange_frame_works(estimator, case):
    model = with_task_feature(estimator, "school").fit(case, target(estimator))
    prediction = model.predict(case)
    assert prediction.shape == (60,)
    assert np.isfinite(prediction).all()
    assert np.array_equal(model.predict(case[:1]), prediction[:1]) or np.allclose(
        model.predict(case[:1]), prediction[:1], rtol=1e-6
    )


# Plain Python warns of the overflow that compiled code carries on with as infinity.
@pytest.mark.nojit_skip
@pytest.mark.filterwarnings(
    "ignore::scipy.linalg.LinAlgWarning",
    "ignore::sklearn.exceptions.ConvergenceWarning",
)
@everyone
@pytest.mark.parametrize("scale", [1e100, 1e-100])
def test_an_enormous_scale_works(estimator, scale):
    table = FRAME.assign(a=FRAME["a"] * scale)
    model = with_task_feature(estimator, "school").fit(table, target(estimator))
    assert np.isfinite(model.predict(table)).all()


@everyone
@cases(FINE_ARRAYS)
def test_a_strange_array_works(estimator, case):
    model = with_task_feature(estimator, -1).fit(case, target(estimator))
    assert model.n_tasks_ == 3
    assert np.isfinite(model.predict(case)).all()


@everyone
def test_memory_maps_and_read_only_arrays_work(estimator, tmp_path):
    np.save(tmp_path / "X.npy", ARRAY)
    X = np.load(tmp_path / "X.npy", mmap_mode="r")
    model = with_task_feature(estimator, -1)
    y = target(model)
    y.flags.writeable = False
    try:
        mapped = clone(model).fit(X, y).predict(X)
        assert np.allclose(mapped, answers_for_an_array(estimator))
    finally:
        y.flags.writeable = True


@everyone
def test_a_column_vector_is_a_vector_with_a_warning(estimator):
    model = with_task_feature(estimator, "school")
    with pytest.warns(DataConversionWarning, match="column-vector y"):
        model.fit(FRAME, target(model)[:, None])
    assert model.predict(FRAME).shape == (60,)


@everyone
def test_one_row(estimator):
    model = with_task_feature(estimator, "school")
    answer = either(
        lambda: model.fit(FRAME.iloc[:1], target(model)[:1]), "class|sample|row"
    )
    if answer is not None:
        assert answer.predict(FRAME.iloc[:1]).shape == (1,)


@everyone
def test_an_infinite_or_missing_column_of_targets(estimator):
    X, Y = FRAME[["a", "b"]], np.column_stack([target(estimator)] * 2).astype(float)
    model = clone(estimator)
    with pytest.raises(ValueError, match="infinity"):
        model.fit(X, np.where(np.equal(Y, Y[3, 0]), np.inf, Y))
    with pytest.raises(ValueError, match="no observed value"):
        model.fit(X, np.full(Y.shape, np.nan))


@everyone
def test_more_than_two_classes_in_columns_of_targets(estimator):
    if not is_classifier(estimator):
        return
    Y = np.column_stack([np.arange(60) % 3, np.arange(60) % 2])
    with pytest.raises(ValueError, match=r"two classes; found 3.*melt_targets"):
        clone(estimator).fit(FRAME[["a", "b"]], Y)


@everyone
@pytest.mark.parametrize(
    "kind", [sparse.csr_array, sparse.csr_matrix, sparse.coo_array]
)
def test_sparse_tables_work_or_are_refused_clearly(estimator, kind):
    model = with_task_feature(estimator, -1)
    X = kind(ARRAY)
    if either(lambda: model.fit(X, target(model)), "[sS]parse") is not None:
        assert np.allclose(model.predict(X), answers_for_an_array(estimator))


@everyone
def test_a_scaled_task_column_is_reported(estimator):
    from skmtl.exceptions import TaskColumnWarning

    model = with_task_feature(estimator, -1)
    X = np.column_stack([ARRAY[:, :2], RNG.normal(size=60)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(TaskColumnWarning, match="60 distinct labels in 60 rows"):
            model.fit(X, target(model))


@pytest.mark.parametrize("unit", ["datetime64[ns]", "timedelta64[ns]"])
@pytest.mark.parametrize(
    "kind", [HierarchicalRegressor, MultiTaskBoostingRegressor, MultiTaskRegressor]
)
def test_dates_are_columns_that_are_not_numbers(kind, unit):
    table = FRAME.assign(b=np.arange(60).astype(unit))
    with pytest.raises(ValueError, match=r"that are not numbers: \['b'\]"):
        kind(task_feature="school").fit(table, SCORE)
