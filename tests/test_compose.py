import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn.utils.estimator_checks as checks
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from ragged import ragged_tasks
from scipy import sparse
from sklearn import config_context
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.inspection import permutation_importance
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    Normalizer,
    OneHotEncoder,
    PolynomialFeatures,
    StandardScaler,
)

from skmtl.baselines import IndependentTasks
from skmtl.compose import (
    KeepTask,
    TaskStandardScaler,
    keep_task,
    melt_targets,
    split_tasks,
    stack_tasks,
)
from skmtl.metrics import make_task_scorer
from skmtl.model_selection import TaskKFold

SCHOOLS = np.array(["a", "b", "c"], dtype=object)


def schools(n_rows=60, seed=0):
    """Return features, school codes and targets with a slope of their own each."""
    rng = np.random.default_rng(seed)
    X, task = rng.normal(3.0, 2.0, (n_rows, 2)), rng.integers(0, 3, n_rows)
    y = X[:, 0] * np.array([-2.0, 0.0, 2.0])[task] + X[:, 1]
    return X, task, y


def as_pandas(X, task):
    index = np.arange(len(X))[::-1] + 100
    labels = pd.Categorical(SCHOOLS[task])
    columns = {"x": X[:, 0], "school": labels, "z": X[:, 1]}
    return pd.DataFrame(columns, index=index)


def as_polars(X, task):
    labels = SCHOOLS[task].tolist()
    return pl.DataFrame({"x": X[:, 0], "school": labels, "z": X[:, 1]})


def as_codes(X, task):
    return np.c_[X[:, :1], task, X[:, 1:]]


def as_objects(X, task):
    return np.array(as_pandas(X, task).astype(object))


def as_lists(X, task):
    return as_objects(X, task).tolist()


CONTAINERS = [
    (as_pandas, "school"),
    (as_pandas, 1),
    (as_polars, "school"),
    (as_polars, -2),
    (as_codes, 1),
    (as_codes, -2),
    (as_objects, 1),
    (as_lists, -2),
]


@pytest.mark.parametrize(("make", "task_feature"), CONTAINERS)
def test_keep_task_puts_the_task_last_in_a_table_of_the_same_kind(make, task_feature):
    X, task, _ = schools()
    table = make(X, task)
    transformer = keep_task(StandardScaler(), task_feature)
    out = transformer.fit_transform(table)
    kind = np.ndarray if make is as_lists else type(table)
    assert isinstance(out, kind)
    assert_allclose(
        np.asarray(out)[:, :2].astype(float), StandardScaler().fit_transform(X)
    )
    labels = task if make is as_codes else SCHOOLS[task]
    assert_array_equal(np.asarray(out)[:, 2], labels)
    assert_array_equal(np.asarray(transformer.transform(table)), np.asarray(out))
    if hasattr(out, "columns"):
        assert list(out.columns) == ["x", "z", "school"]
        assert_array_equal(transformer.get_feature_names_out(), ["x", "z", "school"])


@pytest.mark.parametrize(("make", "task_feature"), CONTAINERS)
def test_models_after_keep_task_find_the_task_in_every_container(make, task_feature):
    X, task, y = schools()
    by_name = "school" if make in (as_pandas, as_polars) else -1
    expected = np.empty(len(y))
    for t in range(3):
        mine = task == t
        expected[mine] = (
            Ridge().fit(scaled(X, X)[mine], y[mine]).predict(scaled(X, X)[mine])
        )
    for after in {by_name, -1}:
        model = make_pipeline(
            keep_task(StandardScaler(), task_feature),
            IndependentTasks(Ridge(), task_feature=after),
        )
        table = make(X, task)
        assert_allclose(model.fit(table, y).predict(table), expected)


def scaled(train, X):
    return StandardScaler().fit(train).transform(X)


def test_keep_task_keeps_pandas_index_and_dtypes():
    table = as_pandas(*schools()[:2])
    out = keep_task(StandardScaler(), "school").fit_transform(table)
    assert out.index.equals(table.index)
    assert out["school"].dtype == table["school"].dtype
    assert out["x"].dtype == np.float64


def test_text_features_of_a_frame_come_out_encoded():
    columns = {"school": ["a", "b", "a"], "sex": ["f", "m", "m"], "age": [9, 8, 9]}
    table = pd.DataFrame(columns)
    out = keep_task(OneHotEncoder(), "school").fit_transform(table)
    assert list(out.columns) == ["sex_f", "sex_m", "age_8", "age_9", "school"]
    assert all(dtype.kind == "f" for dtype in out.dtypes.iloc[:4])
    frame = keep_task(OneHotEncoder(), "school").fit_transform(pl.DataFrame(columns))
    assert frame.columns == list(out.columns)
    assert_array_equal(frame["sex_f"].to_numpy(), out["sex_f"])


def test_numbers_beside_text_stay_numbers():
    columns = {"school": ["a", "b", "a"], "sex": ["f", "m", "m"], "age": [9.5, 8, 9]}
    inner = make_column_transformer(
        (StandardScaler(), ["age"]), ("passthrough", ["sex"])
    )
    for table in (pd.DataFrame(columns), pl.DataFrame(columns)):
        out = keep_task(inner, "school").fit_transform(table)
        assert out["standardscaler__age"].to_numpy().dtype == np.float64


def test_sparse_stays_sparse_while_tasks_are_numbers():
    codes = np.array([[0, 1, 5], [1, 2, 5], [0, 2, 6]])
    out = keep_task(OneHotEncoder(), -1).fit_transform(codes)
    assert sparse.issparse(out)
    assert_array_equal(out.toarray()[:, -1], [5, 5, 6])
    text = codes.astype(object)
    text[:, -1] = ["a", "a", "b"]
    dense = keep_task(OneHotEncoder(), -1).fit_transform(text)
    assert_array_equal(dense[:, :-1].astype(float), out.toarray()[:, :-1])
    assert dense[:, -1].tolist() == ["a", "a", "b"]
    for kind in (sparse.csr_matrix, sparse.csr_array):
        table = kind(codes.astype(float))
        scaled_table = keep_task(MaxAbsScaler(), 0).fit_transform(table)
        assert_allclose(
            scaled_table.toarray(),
            np.c_[MaxAbsScaler().fit_transform(codes[:, 1:]), codes[:, 0]],
        )


def test_float32_features_stay_float32_where_the_labels_fit():
    X = np.array([[1, 2, 0], [3, 4, 1]], dtype=np.float32)
    assert keep_task("passthrough", -1).fit_transform(X).dtype == np.float32
    X64 = np.array([[1, 2, 2**24 + 1], [3, 4, 1]], dtype=float)
    assert_array_equal(keep_task("passthrough", -1).fit_transform(X64), X64)


def test_keep_task_of_no_task_transforms_all_columns():
    X = schools()[0]
    out = keep_task(StandardScaler(), None).fit_transform(X)
    assert_allclose(out, scaled(X, X))


@pytest.mark.parametrize("kind", ["default", "pandas", "polars"])
@pytest.mark.parametrize("make", [as_pandas, as_polars, as_codes, as_objects])
def test_set_output_decides_the_container(make, kind):
    X, task, _ = schools(12)
    table = make(X, task)
    for inner in (StandardScaler(), PCA(n_components=1)):
        for transformer in (
            keep_task(inner, 1),
            TaskStandardScaler(task_feature=1),
        ):
            plain = np.asarray(transformer.fit_transform(table))
            with config_context(transform_output=kind):
                out = clone(transformer).fit_transform(table)
            again = clone(transformer).set_output(transform=kind).fit_transform(table)
            wanted = {"pandas": pd.DataFrame, "polars": pl.DataFrame}
            for result in (out, again):
                assert isinstance(result, wanted.get(kind, type(table)))
                assert_array_equal(np.asarray(result).astype(str), plain.astype(str))


def test_inner_frames_are_passed_on():
    X, task, _ = schools(12)
    inner = StandardScaler().set_output(transform="pandas")
    for make in (as_pandas, as_polars):
        out = keep_task(inner, 1).fit_transform(make(X, task))
        assert type(out) is type(make(X, task))
        assert list(out.columns) == ["x", "z", "school"]
    out = keep_task(inner, 1).fit_transform(as_codes(X, task))
    assert list(out.columns) == ["x0", "x2", "x1"]


class Doubler(TransformerMixin, BaseEstimator):
    """A transformer that neither names its columns nor remembers anything."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return 2 * np.asarray(X, dtype=float)


def test_transformers_without_names_for_their_columns():
    X, task, _ = schools(12)
    out = keep_task(Doubler(), "school").fit_transform(as_pandas(X, task))
    assert list(out.columns) == ["doubler0", "doubler1", "school"]
    assert_array_equal(out.iloc[:, :2], 2 * X)
    out = keep_task(Doubler(), None).fit_transform(pd.DataFrame(X, columns=["a", "b"]))
    assert list(out.columns) == ["doubler0", "doubler1"]


class OutOfFold(Doubler):
    """A transformer that treats the rows it is fitted to as no others."""

    def fit_transform(self, X, y):
        return np.asarray(X, dtype=float) * np.asarray(y)[:, None]


def test_targets_reach_the_transformer_and_its_own_fit_transform_is_used():
    X, task, y = schools(12)
    table = as_pandas(X, task)
    out = keep_task(OutOfFold(), "school").fit_transform(table, y)
    assert_array_equal(out.iloc[:, :2], X * y[:, None])
    later = keep_task(OutOfFold(), "school").fit(table, y).transform(table)
    assert_array_equal(later.iloc[:, :2], 2 * X)


def test_weights_reach_the_transformer():
    X, task, _ = schools()
    table, weight = as_codes(X, task), np.arange(60.0)
    expected = StandardScaler().fit(X, sample_weight=weight).mean_
    plain = keep_task(StandardScaler(), 1).fit(table, sample_weight=weight)
    assert_allclose(plain.transformer_.mean_, expected)
    with config_context(enable_metadata_routing=True):
        inner = StandardScaler().set_fit_request(sample_weight=True)
        pipeline = make_pipeline(keep_task(inner, 1), StandardScaler())
        pipeline[-1].set_fit_request(sample_weight=False)
        pipeline.fit(table, sample_weight=weight)
        assert_allclose(pipeline[0].transformer_.mean_, expected)
        keep_task(inner, 1).fit(table)


def test_keep_task_survives_copies_and_changes_nothing():
    X, task, _ = schools()
    table = as_pandas(X, task)
    before = table.copy()
    transformer = keep_task(make_pipeline(StandardScaler(), PCA(1)), "school")
    out = transformer.fit_transform(table)
    copy = pickle.loads(pickle.dumps(transformer))
    pd.testing.assert_frame_equal(copy.transform(table), out)
    pd.testing.assert_frame_equal(clone(transformer).fit_transform(table), out)
    pd.testing.assert_frame_equal(table, before)
    frame = as_polars(X, task)
    keep_task(StandardScaler(), "school").fit_transform(frame)
    assert frame.columns == ["x", "school", "z"]


def test_keep_task_refuses_what_it_cannot_use():
    table = as_pandas(*schools()[:2])
    with pytest.raises(ValueError, match="transformer"):
        keep_task(3, "school").fit(table)
    with pytest.raises(ValueError, match="'class' matches no columns"):
        keep_task(StandardScaler(), "class").fit(table)
    with pytest.raises(ValueError, match="missing"):
        keep_task(StandardScaler(), "school").fit(
            table.assign(school=table["school"].where(table["x"] > 3))
        )


CONTRACT = [
    pair
    for transformer in (
        KeepTask(Normalizer(), 0),
        KeepTask(PolynomialFeatures(), -1),
        KeepTask(StandardScaler(), None),
    )
    for pair in checks.estimator_checks_generator(transformer)
]


@pytest.mark.parametrize(("estimator", "check"), CONTRACT)
@pytest.mark.filterwarnings("ignore::skmtl.exceptions.TaskColumnWarning")
def test_keep_task_is_a_transformer(estimator, check):
    check(estimator)


OUTPUT_CHECKS = [
    "check_dataframe_column_names_consistency",
    "check_global_output_transform_pandas",
    "check_global_set_output_transform_polars",
    "check_param_validation",
    "check_set_output_transform",
    "check_set_output_transform_pandas",
    "check_set_output_transform_polars",
    "check_transformer_get_feature_names_out",
    "check_transformer_get_feature_names_out_pandas",
]


@pytest.mark.parametrize("check", OUTPUT_CHECKS)
@pytest.mark.parametrize(
    "transformer",
    [
        KeepTask(StandardScaler(), 0),
        KeepTask(StandardScaler(), -1),
        TaskStandardScaler(),
        TaskStandardScaler(task_feature=0),
        TaskStandardScaler(task_feature=-1),
    ],
)
@pytest.mark.filterwarnings("ignore::skmtl.exceptions.TaskColumnWarning")
@pytest.mark.filterwarnings("ignore:X (does not have valid|has) feature names")
def test_output_is_as_scikit_learn_expects(transformer, check):
    getattr(checks, check)(type(transformer).__name__, transformer)


# One task


def test_one_task_is_scikit_learns_scaler():
    X = schools()[0]
    for options in ({}, {"with_mean": False}, {"with_std": False}):
        ours = TaskStandardScaler(**options).fit_transform(X)
        assert_allclose(ours, StandardScaler(**options).fit_transform(X))


@given(ragged_tasks())
def test_every_task_is_standardized_by_its_own_rows(problem):
    X, _, weight, task = problem
    scaler = TaskStandardScaler(task_feature=0)
    out = scaler.fit_transform(np.c_[task, X], sample_weight=weight)
    assert_array_equal(out[:, 0], task)
    for t in np.unique(task):
        mine = task == t
        twin = StandardScaler().fit(X[mine], sample_weight=weight[mine])
        assert_allclose(out[mine, 1:], twin.transform(X[mine]), atol=1e-9)


@given(ragged_tasks(), st.integers(1, 4))
def test_batches_in_any_order_are_one_fit(problem, n_batches):
    X, _, weight, task = problem
    table = np.c_[X, task]
    whole = TaskStandardScaler(task_feature=-1).fit(table, sample_weight=weight)
    parts = TaskStandardScaler(task_feature=-1)
    for rows in np.array_split(np.arange(len(X))[::-1], n_batches):
        if rows.size:
            parts.partial_fit(table[rows], sample_weight=weight[rows])
    assert_array_equal(parts.tasks_, whole.tasks_)
    for name in ("mean_", "scale_", "shared_mean_", "shared_scale_"):
        assert_allclose(getattr(parts, name), getattr(whole, name), atol=1e-9)


@given(ragged_tasks())
def test_weight_two_is_the_row_twice_and_zero_is_none(problem):
    X, _, weight, task = problem
    weight[0] = 0.0
    if not weight.any():
        return
    table, count = np.c_[X, task], weight.astype(int)
    weighted = TaskStandardScaler(task_feature=-1).fit(table, sample_weight=weight)
    repeated = TaskStandardScaler(task_feature=-1).fit(np.repeat(table, count, axis=0))
    assert_array_equal(weighted.tasks_, repeated.tasks_)
    assert_allclose(weighted.transform(table), repeated.transform(table), atol=1e-9)


@pytest.mark.parametrize("make", [as_pandas, as_polars, as_codes, as_objects])
def test_standardizing_can_be_undone(make):
    X, task, _ = schools()
    table = make(X, task)
    scaler = TaskStandardScaler(task_feature=1).fit(table)
    out = scaler.transform(table)
    assert type(out) is type(table)
    back = np.asarray(scaler.inverse_transform(out))
    assert_allclose(back[:, [0, 2]].astype(float), X)
    assert_array_equal(back[:, 1], np.asarray(table)[:, 1])
    assert list(scaler.get_feature_names_out()) == list(
        getattr(table, "columns", ["x0", "x1", "x2"])
    )


def test_unseen_tasks_use_the_statistics_of_all_rows():
    X, task, _ = schools()
    new = np.c_[X, np.full(len(X), 9)]
    scaler = TaskStandardScaler(task_feature=-1).fit(np.c_[X, task])
    assert_allclose(scaler.transform(new)[:, :2], scaled(X, X))
    scaler = TaskStandardScaler(task_feature=-1, unseen_task="error")
    with pytest.raises(ValueError, match="fit did not see: 9"):
        scaler.fit(np.c_[X, task]).transform(new)


def test_constant_features_get_scale_one_even_far_from_zero():
    rng = np.random.default_rng(0)
    task = rng.integers(0, 5, 5000)
    X = np.c_[np.array([0.0, 0.1, 1e8 / 3, -1e-9, 7e15])[task], rng.normal(size=5000)]
    weight = rng.random(5000)
    scaler = TaskStandardScaler(task_feature=-1)
    out = scaler.fit(np.c_[X, task], sample_weight=weight)
    assert_array_equal(scaler.scale_[:, 0], 1.0)
    assert np.abs(out.transform(np.c_[X, task])[:, 0]).max() <= 1.0
    shifted = TaskStandardScaler().fit(X[:, 1:] + 1e9)
    assert_allclose(shifted.scale_, X[:, 1].std(), rtol=1e-6)


def test_constant_features_stay_constant_in_batches():
    for seed in range(300):
        rng = np.random.default_rng(seed)
        X = np.full((20, 1), rng.choice([0.1, 1e8 / 3, 1 / 3, -0.7e-9, 7.1e15]))
        weight, first = rng.random(20), rng.integers(1, 20)
        scaler = TaskStandardScaler().fit(X[:first], sample_weight=weight[:first])
        scaler.partial_fit(X[first:], sample_weight=weight[first:])
        assert scaler.scale_[0, 0] == 1
        assert TaskStandardScaler().fit(X, None, weight).scale_[0, 0] == 1


def test_many_tasks_are_one_pass():
    rng = np.random.default_rng(0)
    task = rng.permutation(np.arange(40_000) % 10_000)
    X = rng.normal(size=(40_000, 3))
    out = TaskStandardScaler(task_feature=-1).fit_transform(np.c_[X, task])
    mean = np.bincount(task, out[:, 0]) / 4
    assert_allclose(mean, 0, atol=1e-12)


# Layouts

LABELS = {
    "text": ["a", "b", "c", "d"],
    "integers": [3, 5, 8, 9],
    "floats": [0.5, 1.5, 2.5, 3.5],
}


def tables_by_task(problem, labels, container):
    X, y, _, task = problem
    tables = {}
    for t in np.unique(task):
        part = X[task == t]
        if container == "pandas":
            part = pd.DataFrame(part, columns=[f"f{j}" for j in range(X.shape[1])])
        elif container == "polars":
            part = pl.DataFrame(part, schema=[f"f{j}" for j in range(X.shape[1])])
        tables[labels[t]] = (part, y[task == t])
    return tables


@given(
    ragged_tasks(),
    st.sampled_from(list(LABELS)),
    st.sampled_from(["array", "pandas", "polars"]),
)
def test_splitting_undoes_stacking(problem, kind, container):
    tables = tables_by_task(problem, LABELS[kind], container)
    X, y = stack_tasks(
        {label: part[0] for label, part in tables.items()},
        {label: part[1] for label, part in tables.items()},
    )
    assert type(X) is type(next(iter(tables.values()))[0])
    if container == "array":
        assert (X.dtype == object) == (kind == "text")
    back = split_tasks(X, y, -1)
    assert list(back) == list(tables)
    for label, (part, target) in tables.items():
        assert type(back[label][0]) is type(part)
        assert_array_equal(np.asarray(back[label][0]), np.asarray(part), strict=True)
        assert_array_equal(back[label][1], target)


@given(ragged_tasks(), st.sampled_from(["array", "pandas", "polars"]))
def test_stacking_what_was_split_sorts_rows_by_task(problem, container):
    X, y, _, task = problem
    table = np.c_[X, task]
    if container != "array":
        names = [f"f{j}" for j in range(X.shape[1])] + ["task"]
        make = {"pandas": pd.DataFrame, "polars": pl.DataFrame}[container]
        table = make(dict(zip(names, table.T.copy(), strict=True)))
    parts = split_tasks(table, y, -1)
    stacked, target = stack_tasks(
        {label: part for label, (part, _) in parts.items()},
        {label: part for label, (_, part) in parts.items()},
    )
    order = np.argsort(task, kind="stable")
    assert_array_equal(np.asarray(stacked), np.asarray(table)[order])
    assert_array_equal(target, y[order])


def test_lists_of_tables_are_named_by_position_or_by_names():
    Xs, ys = [np.ones((2, 1)), np.zeros((1, 1))], [[1, 2], [3]]
    X, y = stack_tasks(Xs, ys)
    assert_array_equal(X, [[1, 0], [1, 0], [0, 1]])
    assert_array_equal(y, [1, 2, 3])
    X, _ = stack_tasks(Xs, ys, ["u", "v"])
    assert X[:, -1].tolist() == ["u", "u", "v"]
    X, y = stack_tasks(Xs)
    assert y is None
    assert X.shape == (3, 2)


def test_labels_that_a_small_float_cannot_hold_widen_it():
    X, _ = stack_tasks([np.ones((1, 1), np.float32)] * 2, names=[2**24, 2**24 + 1])
    assert_array_equal(X[:, -1], [2**24, 2**24 + 1])
    X, _ = stack_tasks([np.ones((1, 1), np.float32)] * 2)
    assert X.dtype == np.float32


def test_sparse_tables_are_stacked_and_split():
    Xs = [sparse.csr_matrix(np.eye(3)), sparse.csr_matrix(np.ones((1, 3)))]
    X, y = stack_tasks(Xs, [[1, 2, 3], [4]])
    assert sparse.issparse(X)
    back = split_tasks(X, y, -1)
    assert_array_equal(back[0][0].toarray(), np.eye(3))
    assert_array_equal(back[1][1], [4])


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda a: stack_tasks([a, a], [[1, 2]]), ValueError, "2 tasks but ys has 1"),
        (lambda a: stack_tasks([a], [[1]]), ValueError, "2 rows of X but 1 of y"),
        (lambda a: stack_tasks([a, a[:, :1]]), ValueError, "all tasks need the same"),
        (lambda a: stack_tasks([a, pd.DataFrame(a)]), TypeError, "of one kind"),
        (lambda a: stack_tasks([]), ValueError, "no task"),
        (lambda a: stack_tasks([a, a], names=["u", "u"]), ValueError, "different"),
        (lambda a: stack_tasks([a, a], names=["u", 1]), TypeError, "mixes text"),
        (lambda a: stack_tasks({"u": a}, {"v": [1, 2]}), ValueError, "same labels"),
        (lambda a: stack_tasks({"u": a}, names=["u"]), ValueError, "keys of Xs"),
        (
            lambda a: stack_tasks([pd.DataFrame(a, columns=["task", "x"])]),
            ValueError,
            "already has a column 'task'",
        ),
        (lambda a: melt_targets(a, a[:1]), ValueError, "2 rows of X but 1 of y"),
        (lambda a: melt_targets(a, a, ["u"]), ValueError, "2 different labels"),
        (lambda a: split_tasks(a, [1, 2]), ValueError, "no \\(string\\) names"),
        (lambda a: split_tasks(a, [1], -1), ValueError, "2 rows of X but 1 of y"),
    ],
)
def test_layouts_that_do_not_fit_are_refused(call, error, match):
    with pytest.raises(error, match=match):
        call(np.ones((2, 2)))


@pytest.mark.parametrize("container", ["array", "pandas", "polars"])
@pytest.mark.parametrize("names", [None, ["math", "art", "sport"]])
def test_melting_keeps_every_observed_cell_and_no_other(container, names):
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(8, 2)), rng.normal(size=(8, 3))
    Y[rng.random(Y.shape) < 0.4] = np.nan
    make = {"array": np.asarray, "pandas": pd.DataFrame, "polars": pl.DataFrame}
    table, y = melt_targets(make[container](X), Y, names)
    assert type(table) is type(make[container](X))
    expected = [
        (*X[i], names[t] if names else t, Y[i, t])
        for t in range(3)
        for i in range(8)
        if not np.isnan(Y[i, t])
    ]
    rows = np.asarray(table).tolist()
    got = [(*row, target) for row, target in zip(rows, y, strict=True)]
    assert got == expected
    parts = split_tasks(table, y, -1)
    for t in range(3):
        part, target = parts[names[t] if names else t]
        seen = ~np.isnan(Y[:, t])
        assert_array_equal(np.asarray(part), X[seen])
        assert_array_equal(target, Y[seen, t])


def test_melting_takes_names_and_classes_from_a_frame_and_keeps_the_index():
    X = pd.DataFrame({"x": [1.0, 2.0, 3.0]}, index=[7, 8, 9])
    Y = pd.DataFrame({"cough": ["no", None, "yes"], "fever": ["no", "yes", None]})
    table, y = melt_targets(X, Y, task_feature="sign")
    assert table["sign"].tolist() == ["cough", "cough", "fever", "fever"]
    assert table.index.tolist() == [7, 9, 7, 8]
    assert y.tolist() == ["no", "yes", "no", "yes"]
    assert y.dtype.kind == "U"


def test_a_melted_problem_is_the_wide_one():
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(30, 2)), rng.normal(size=(30, 3))
    Y[rng.random(Y.shape) < 0.3] = np.nan
    wide = IndependentTasks(Ridge()).fit(X, Y).predict(X)
    table, y = melt_targets(X, Y)
    long = IndependentTasks(Ridge(), task_feature=-1).fit(table, y)
    for t in range(3):
        assert_allclose(long.predict(np.c_[X, np.full(30, t)]), wide[:, t])


# All together


@pytest.mark.parametrize("make", [as_pandas, as_polars])
def test_a_search_over_a_pipeline_needs_nothing_but_the_frame(make):
    X, task, y = schools(90)
    table = make(X, task)
    model = make_pipeline(
        keep_task(StandardScaler(), "school"),
        IndependentTasks(Ridge(), task_feature="school"),
    )
    grid = {
        "independenttasks__estimator__alpha": [1e-6, 1e4],
        "keeptask__transformer__with_std": [True, False],
        "keeptask__transformer": [StandardScaler(), PCA(), "passthrough"],
    }
    del grid["keeptask__transformer__with_std"]
    search = GridSearchCV(
        model,
        [grid, {"keeptask__transformer__with_std": [True, False]}],
        cv=TaskKFold(3, task_feature="school"),
        scoring=make_task_scorer("r2", average="worst", task_feature="school"),
    )
    search.fit(table, y)
    assert search.best_params_["independenttasks__estimator__alpha"] == 1e-6
    assert search.best_score_ > 0.99
    predicted = cross_val_predict(search.best_estimator_, table, y, cv=search.cv)
    assert_allclose(predicted, y, atol=1e-3)


def test_the_importance_of_the_task_itself():
    X, task, y = schools(90)
    model = make_pipeline(
        keep_task(StandardScaler(), "school"),
        IndependentTasks(Ridge(1e-6), task_feature="school"),
    )
    table = as_pandas(X, task)
    found = permutation_importance(
        model.fit(table, y),
        table,
        y,
        scoring=make_task_scorer("neg_mean_squared_error", task_feature="school"),
        random_state=0,
    )
    assert (found.importances_mean > 0.1).all()


def test_arrays_need_no_frames():
    code = """
import sys
class NoFrames:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("pandas", "polars", "numba", "matplotlib"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, NoFrames())
import numpy as np
from sklearn.linear_model import Ridge
from sklearn.model_selection import cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skmtl.baselines import IndependentTasks
from skmtl.compose import *
from skmtl.metrics import make_task_scorer, task_scores
from skmtl.model_selection import TaskKFold
X, y = stack_tasks([np.eye(4), np.ones((4, 4))], [np.arange(4.0), np.ones(4)])
model = make_pipeline(
    keep_task(StandardScaler(), -1),
    TaskStandardScaler(task_feature=-1),
    IndependentTasks(Ridge(), task_feature=-1),
)
folds = TaskKFold(2, task_feature=-1)
cross_validate(model, X, y, cv=folds, scoring=make_task_scorer("r2", task_feature=-1))
repr(task_scores(y, y, X[:, -1], metric="r2"))
split_tasks(*melt_targets(np.eye(2), np.eye(2)), -1)
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
