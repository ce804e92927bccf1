"""Laws of the generators and the loaders."""

import csv
import gzip
import hashlib
import inspect
import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from skmtl import datasets
from skmtl.datasets import (
    load_multitask_csv,
    make_shared_representation,
    make_source_tasks,
    make_task_deviations,
    make_task_functions,
)
from skmtl.datasets._loaders import manifest

BUNDLED = sorted(manifest())
STACKED = [make_shared_representation, make_task_functions, make_task_deviations]
GENERATORS = [*STACKED, make_source_tasks]
DATA = Path(inspect.getfile(datasets)).parent / "data"


def features_and_codes(bunch):
    """Split an array with task codes in its last column."""
    return bunch.data[:, :-1], bunch.data[:, -1].astype(int)


def loader(name):
    return getattr(datasets, f"load_{name}")


# --- what all generators have in common -----------------------------------------------


@pytest.mark.parametrize("make", GENERATORS)
def test_random_state_fixes_everything(make):
    first, again, other = (make(random_state=seed) for seed in (3, 3, 4))
    pd.testing.assert_frame_equal(first.frame, again.frame)
    assert not np.array_equal(first.target, other.target)


@pytest.mark.parametrize("make", GENERATORS)
def test_frame_and_arrays_are_the_same_data(make):
    frame, array = make(random_state=0), make(random_state=0, as_frame=False)
    X, codes = features_and_codes(array)
    np.testing.assert_array_equal(frame.data[frame.feature_names], X)
    np.testing.assert_array_equal(frame.data["task"], array.task_names[codes])
    np.testing.assert_array_equal(frame.target, array.target)
    assert (frame.task_feature, array.task_feature) == ("task", -1)
    assert frame.data.columns[-1] == "task"
    assert array.data.dtype == np.float64
    assert array.frame is None


@pytest.mark.parametrize("make", GENERATORS)
@pytest.mark.parametrize("as_frame", [True, False])
def test_return_X_y_is_data_and_target(make, as_frame):
    X, y = make(random_state=0, as_frame=as_frame, return_X_y=True)
    bunch = make(random_state=0, as_frame=as_frame)
    np.testing.assert_array_equal(X, bunch.data)
    np.testing.assert_array_equal(y, bunch.target)


@pytest.mark.parametrize("make", STACKED)
@pytest.mark.parametrize("shuffle", [True, False])
def test_tasks_have_the_sizes_asked_for(make, shuffle):
    sizes = [5, 1, 7, 30]
    bunch = make(4, sizes, shuffle=shuffle, as_frame=False, random_state=0)
    codes = features_and_codes(bunch)[1]
    np.testing.assert_array_equal(np.bincount(codes), sizes)
    assert (np.diff(codes) >= 0).all() != shuffle


@pytest.mark.parametrize("make", STACKED)
def test_noise_moves_only_the_tasks_that_have_it(make):
    clean = make(3, as_frame=False, random_state=0, noise=0.0)
    noisy = make(3, as_frame=False, random_state=0, noise=[0.0, 2.0, 0.0])
    codes = features_and_codes(clean)[1]
    np.testing.assert_array_equal(clean.data, noisy.data)
    np.testing.assert_array_equal(clean.target != noisy.target, codes == 1)
    spread = (noisy.target - clean.target)[codes == 1].std()
    # The standard deviation of a hundred normal draws is within a third of 2.
    assert 1.4 < spread < 2.6


def test_task_names_sort_as_their_codes_do():
    bunch = make_shared_representation(105, 1, 2, rank=1, random_state=0)
    assert bunch.task_names.tolist() == sorted(bunch.task_names)
    assert bunch.task_names[104] == "task_104"


@pytest.mark.parametrize(
    ("make", "arguments", "message"),
    [
        (make_shared_representation, {"rank": 21}, "rank must be .* between 1 and 20"),
        (make_shared_representation, {"n_tasks": 2.0}, "n_tasks must be .* got 2.0"),
        (make_shared_representation, {"n_samples": [3, 4]}, "each of the 10 tasks"),
        (make_shared_representation, {"n_samples": [3] * 9 + [0]}, r"n_samples\[9\]"),
        (make_shared_representation, {"noise": -1.0}, "noise must be .* got -1.0"),
        (make_shared_representation, {"heads": "ring"}, "heads must be one of"),
        (make_shared_representation, {"n_outlier_tasks": 11}, "between 0 and 10"),
        (make_shared_representation, {"missing": 0.5}, "need shared_rows=True"),
        (
            make_shared_representation,
            {"shared_rows": True, "n_samples": [9] * 10},
            "must be one number",
        ),
        (
            make_shared_representation,
            {"shared_rows": True, "outlier_feature_scale": 2},
            "rows of their own",
        ),
        (make_task_functions, {"shared": 1.5}, "shared must be .* between 0.0 and 1"),
        (make_task_functions, {"shared": 0, "n_outlier_tasks": 1}, "to differ from"),
        (
            make_task_functions,
            {"n_outlier_tasks": 2, "n_outlier_functions": 3},
            "between 1 and 2",
        ),
        (
            make_task_functions,
            {"problem": "classification", "n_samples": 1},
            "more rows per task",
        ),
        (make_task_deviations, {"n_features": 9}, "n_features must be .* >= 10"),
        (make_task_deviations, {"outliers": "odd"}, "'reversed', 'unrelated'"),
        (
            make_task_deviations,
            {"n_tasks": 2, "n_samples": [3, 4], "size_spread": 0.5},
            "n_samples must be an int",
        ),
        (make_source_tasks, {"scenario": "hard"}, "scenario must be one of"),
        (
            make_source_tasks,
            {"scenario": "cluster", "n_sources": 31},
            "n_sources must be .* >= 32, got 31",
        ),
    ],
)
def test_wrong_arguments_are_named(make, arguments, message):
    with pytest.raises(ValueError, match=message):
        make(random_state=0, **arguments)


# --- linear tasks ---------------------------------------------------------------------


def test_coefficients_and_intercepts_generate_y():
    bunch = make_shared_representation(
        noise=0.0,
        drift=0.3,
        shared_scale=1.0,
        intercept_scale=2.0,
        n_outlier_tasks=2,
        outlier_feature_scale=2.0,
        as_frame=False,
        random_state=1,
    )
    X, codes = features_and_codes(bunch)
    y = [x @ bunch.coef[t] + bunch.intercept[t] for x, t in zip(X, codes, strict=True)]
    np.testing.assert_allclose(bunch.target, y, atol=1e-12)


@pytest.mark.parametrize("heads", ["uniform", "normal", "clustered"])
def test_tasks_without_drift_lie_in_the_shared_subspace(heads):
    bunch = make_shared_representation(
        n_tasks=12, rank=3, heads=heads, n_clusters=2, n_outlier_tasks=3, random_state=0
    )
    inlier = ~np.isin(bunch.task_names, bunch.outlier_tasks)
    coef = bunch.coef[inlier]
    distinct = 2 if heads == "clustered" else 3
    assert np.linalg.matrix_rank(coef, tol=1e-9) == distinct
    np.testing.assert_allclose(
        bunch.components @ bunch.components.T, np.eye(3), atol=1e-12
    )
    np.testing.assert_allclose(coef, bunch.heads[inlier] @ bunch.components, atol=1e-12)
    assert np.linalg.matrix_rank(bunch.coef) == distinct + 3


def test_clusters_have_equal_coefficients():
    bunch = make_shared_representation(
        n_tasks=10, heads="clustered", n_clusters=3, random_state=0
    )
    for cluster in range(3):
        members = bunch.coef[bunch.clusters == cluster]
        assert len(members) >= 3
        np.testing.assert_array_equal(
            members, np.broadcast_to(members[0], members.shape)
        )
    assert len(np.unique(bunch.coef[:, 0])) == 3


def test_drift_bounds_the_distance_from_the_representation_and_keeps_lengths():
    still = make_shared_representation(30, rank=2, random_state=0)
    moved = make_shared_representation(30, rank=2, drift=0.4, random_state=0)
    np.testing.assert_array_equal(still.heads, moved.heads)
    lengths = np.linalg.norm(moved.coef, axis=1)
    np.testing.assert_allclose(lengths, np.linalg.norm(still.heads, axis=1))
    # The polar factor of B + E is within 2 |E| / (s_min(B) + s_min(B + E)) of B, and
    # s_min(B + E) >= 1 - |E|: Li (1995), SIAM J. Matrix Anal. Appl. 16(1), 327-332.
    bound = 2 * 0.4 / (2.0 - 0.4) * lengths
    distance = np.linalg.norm(moved.coef - still.coef, axis=1)
    assert (distance <= bound).all()
    assert (distance > 0).all()


def test_a_shared_part_is_common_to_all_but_outliers():
    bunch = make_shared_representation(
        head_scale=0.0, shared_scale=1.0, n_outlier_tasks=2, random_state=0
    )
    same = (bunch.coef == bunch.shared_coef).all(axis=1)
    np.testing.assert_array_equal(same, bunch.clusters == 0)
    ranks = make_shared_representation(n_outlier_tasks=2, random_state=0)
    np.testing.assert_array_equal(ranks.heads.any(axis=1), ranks.clusters == 0)
    np.testing.assert_array_equal(bunch.task_names[~same], bunch.outlier_tasks)
    assert len(bunch.outlier_tasks) == 2


def test_outlier_tasks_have_the_scales_asked_for():
    bunch = make_shared_representation(
        n_samples=2000,
        n_outlier_tasks=3,
        outlier_scale=5.0,
        outlier_feature_scale=2.0,
        as_frame=False,
        random_state=0,
    )
    X, codes = features_and_codes(bunch)
    outlier = np.isin(codes, bunch.outlier_tasks)
    np.testing.assert_allclose(X[~outlier].std(axis=0), 1.0, atol=0.05)
    np.testing.assert_allclose(X[outlier].std(axis=0), 2.0, atol=0.1)
    largest = abs(bunch.coef[bunch.outlier_tasks]).max()
    # 60 uniform entries all below nine tenths of the bound: less than once in 500.
    assert 4.5 < largest <= 5.0


@pytest.mark.parametrize("make", [make_shared_representation, make_task_deviations])
def test_truth_does_not_depend_on_size_or_noise(make):
    few = make(6, 10, noise=0.0, n_outlier_tasks=2, random_state=5)
    many = make(6, [9, 30, 4, 7, 8, 2], noise=3.0, n_outlier_tasks=2, random_state=5)
    np.testing.assert_array_equal(few.outlier_tasks, many.outlier_tasks)
    X = few.data[few.feature_names]
    for t, name in enumerate(few.task_names):
        one, other = (
            bunch.functions[name](X) if "functions" in bunch else X @ bunch.coef[t]
            for bunch in (few, many)
        )
        np.testing.assert_array_equal(one, other)


def test_labels_are_the_sign_of_the_signal_and_noise_is_logistic():
    clean = make_shared_representation(
        problem="classification", noise=0.0, as_frame=False, random_state=0
    )
    X, codes = features_and_codes(clean)
    signal = np.einsum("ij,ij->i", X, clean.coef[codes])
    np.testing.assert_array_equal(clean.target, signal > 0)
    assert clean.target.dtype.kind == "i"
    noisy = make_shared_representation(
        n_samples=4000, problem="classification", as_frame=False, random_state=0
    )
    X, codes = features_and_codes(noisy)
    p = 1.0 / (1.0 + np.exp(-np.einsum("ij,ij->i", X, noisy.coef[codes])))
    # Under the logistic model this is standard normal, up to the sample.
    z = ((noisy.target - p) * (p - 0.5)).sum() / np.sqrt(
        (p * (1 - p) * (p - 0.5) ** 2).sum()
    )
    assert abs(z) < 4.0


def test_shared_rows_make_every_task_a_column():
    bunch = make_shared_representation(
        7,
        50,
        shared_rows=True,
        missing=0.3,
        noise=0.0,
        n_outlier_tasks=1,
        random_state=0,
    )
    assert bunch.task_feature is None
    assert bunch.target_names == bunch.task_names.tolist() == list(bunch.target)
    assert list(bunch.data) == bunch.feature_names
    Y, observed = bunch.target.to_numpy(), bunch.target.notna().to_numpy()
    np.testing.assert_array_equal((~observed).sum(axis=0), np.full(7, 15))
    expected = bunch.data.to_numpy() @ bunch.coef.T
    np.testing.assert_allclose(Y[observed], expected[observed], atol=1e-12)
    array = make_shared_representation(
        7,
        50,
        shared_rows=True,
        missing=0.3,
        noise=0.0,
        n_outlier_tasks=1,
        as_frame=False,
        random_state=0,
    )
    np.testing.assert_array_equal(array.target, Y)
    np.testing.assert_array_equal(array.data, bunch.data)


def test_a_label_of_every_task_is_always_kept():
    _, Y = make_shared_representation(
        3, 4, shared_rows=True, missing=1.0, return_X_y=True, random_state=0
    )
    np.testing.assert_array_equal(Y.notna().sum(), [1, 1, 1])


# --- nonlinear tasks ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "options"),
    [
        (make_task_functions, {"shared": 1.0}),
        (make_task_functions, {"shared": 0.0}),
        (make_task_functions, {"n_outlier_tasks": 3, "n_outlier_functions": 2}),
        (make_task_deviations, {"n_outlier_tasks": 2}),
        (make_task_deviations, {"n_outlier_tasks": 2, "outliers": "unrelated"}),
    ],
)
@pytest.mark.parametrize("as_frame", [True, False])
def test_functions_generate_y(make, options, as_frame):
    bunch = make(6, 20, noise=0.0, as_frame=as_frame, random_state=0, **options)
    X = np.asarray(bunch.data)[:, :-1].astype(float)
    task = np.asarray(bunch.data)[:, -1]
    functions = pickle.loads(pickle.dumps(bunch.functions))
    assert set(functions) == set(task)
    for label, function in functions.items():
        rows = task == label
        np.testing.assert_allclose(
            function(X[rows]), np.asarray(bunch.target)[rows], atol=1e-12
        )


def values_at(bunch, points):
    return np.array([function(points) for function in bunch.functions.values()])


@pytest.fixture(scope="module")
def points():
    return np.random.default_rng(9).uniform(-1.0, 1.0, (400, 5))


def correlations(bunch, points):
    return np.corrcoef(values_at(bunch, points))


def test_scenario_1_all_tasks_are_the_same(points):
    values = values_at(make_task_functions(shared=1.0, random_state=0), points)
    np.testing.assert_array_equal(values, np.broadcast_to(values[0], values.shape))


def test_scenario_2_tasks_are_unrelated(points):
    related = correlations(make_task_functions(shared=0.9, random_state=0), points)
    unrelated = correlations(make_task_functions(shared=0.0, random_state=0), points)
    pairs = np.triu_indices(10, k=1)
    # Correlations between 45 pairs of independent smooth functions average out.
    assert abs(unrelated[pairs].mean()) < 0.2 < 0.9 < related[pairs].min()


def test_scenario_3_tasks_are_nine_parts_common(points):
    bunch = make_task_functions(shared=0.9, random_state=0)
    first, *rest = bunch.functions.values()
    for function in rest:
        assert function.common is first.common
        assert function.own is not first.own
        np.testing.assert_allclose(
            function(points),
            0.9 * function.common(points) + 0.1 * function.own(points),
            atol=1e-12,
        )


@pytest.mark.parametrize("n_functions", [1, 2, 4])
def test_scenario_4_the_last_tasks_follow_other_functions(n_functions):
    bunch = make_task_functions(
        n_outlier_tasks=4, n_outlier_functions=n_functions, random_state=0
    )
    assert bunch.outlier_tasks.tolist() == ["task_06", "task_07", "task_08", "task_09"]
    commons = [function.common for function in bunch.functions.values()]
    assert len({id(common) for common in commons[:6]}) == 1
    outliers = {id(common) for common in commons[6:]}
    assert len(outliers) == n_functions
    assert id(commons[0]) not in outliers
    assert (bunch.clusters == 0).sum() == 6
    assert bunch.clusters.max() == n_functions


def test_functions_are_draws_from_a_gaussian_process():
    # Over many independent functions the covariance of f(x) and f(z) tends to
    # exp(-|x - z|^2 / 2 l^2), with l a quarter of the number of features.
    bunch = make_task_functions(600, 1, 5, shared=0.0, n_waves=100, random_state=0)
    x, z = np.zeros(5), np.full(5, 0.5)
    values = values_at(bunch, np.array([x, z]))
    covariance = values.T @ values / len(values)
    expected = np.exp(-np.sum((x - z) ** 2) / (2.0 * 1.25**2))
    np.testing.assert_allclose(covariance, [[1, expected], [expected, 1]], atol=0.2)
    assert abs(values.mean(axis=0)).max() < 0.2


def test_long_and_empty_inputs_are_evaluated_row_by_row(monkeypatch, points):
    from skmtl.datasets import _task_functions

    function = make_task_functions(1, 5, random_state=0).functions["task_00"]
    whole = function(points)
    monkeypatch.setattr(_task_functions, "ROWS_AT_A_TIME", 7)
    np.testing.assert_allclose(function(points), whole, atol=1e-12)
    assert function(points[:0]).shape == (0,)


@pytest.mark.parametrize("shared", [0.0, 0.2, 0.9, 1.0])
def test_each_class_has_its_share_of_every_task(shared):
    bunch = make_task_functions(
        20,
        40,
        shared=shared,
        problem="classification",
        min_class_share=0.3,
        as_frame=False,
        random_state=0,
    )
    X, codes = features_and_codes(bunch)
    share = np.bincount(codes, bunch.target) / np.bincount(codes)
    assert (share >= 0.3).all()
    assert (share <= 0.7).all()
    for t, function in bunch.functions.items():
        rows = codes == t
        np.testing.assert_array_equal(bunch.target[rows], function(X[rows]) > 0)


def test_reversed_tasks_and_zero_deviation_are_plus_and_minus_one_function():
    bunch = make_task_deviations(
        8, deviation=0.0, n_outlier_tasks=3, noise=0.0, random_state=0
    )
    X = np.random.default_rng(0).standard_normal((50, 10))
    values = dict(zip(bunch.task_names, values_at(bunch, X), strict=True))
    ordinary = [name for name in values if name not in bunch.outlier_tasks]
    for name, value in values.items():
        sign = -1.0 if name in bunch.outlier_tasks else 1.0
        np.testing.assert_array_equal(value, sign * values[ordinary[0]])


def test_spread_sizes_scatter_around_the_median():
    bunch = make_task_deviations(200, 100, size_spread=0.5, random_state=0)
    sizes = bunch.data["task"].value_counts()
    assert sizes.min() >= 12
    # The logarithm of the median of 200 log-normal sizes has standard error 0.044.
    assert abs(np.log(sizes.median() / 100)) < 0.15
    assert 0.4 < np.log(sizes).std() < 0.6


# --- sources of a target task ---------------------------------------------------------

SCENARIOS = ["generic", "l2hard", "cluster"]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_relevance_explains_the_target_at_least_norm(scenario):
    bunch = make_source_tasks(scenario=scenario, random_state=2)
    for nu in (bunch.relevance, bunch.relevance_l2):
        np.testing.assert_allclose(nu @ bunch.heads, bunch.target_head, atol=1e-9)
        np.testing.assert_allclose(nu @ bunch.coef, bunch.target_coef, atol=1e-9)
    assert (abs(bunch.relevance) > 1e-9).sum() <= 5
    assert abs(bunch.relevance).sum() <= abs(bunch.relevance_l2).sum() + 1e-9
    # Least l2 norm: orthogonal to every direction that leaves the mixture as it is.
    free = np.linalg.svd(bunch.heads.T)[2][5:]
    np.testing.assert_allclose(free @ bunch.relevance_l2, 0.0, atol=1e-9)
    # Least l1 norm: the dual programme max c.z s.t. |heads z| <= 1 has the same value.
    from scipy.optimize import linprog

    dual = linprog(
        -bunch.target_head,
        A_ub=np.vstack([bunch.heads, -bunch.heads]),
        b_ub=np.ones(80),
        bounds=(None, None),
    )
    assert abs(bunch.relevance).sum() == pytest.approx(-dual.fun, abs=1e-8)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_all_heads_and_the_target_have_length_one(scenario):
    bunch = make_source_tasks(scenario=scenario, random_state=0)
    np.testing.assert_allclose(np.linalg.norm(bunch.heads, axis=1), 1.0)
    assert np.linalg.norm(bunch.target_head) == pytest.approx(1.0)
    np.testing.assert_allclose(
        bunch.coef, bunch.heads @ bunch.components, rtol=0, atol=1e-12
    )


def test_l2hard_has_one_equal_source_and_all_others_lean_towards_it():
    bunch = make_source_tasks(scenario="l2hard", random_state=0)
    alike = np.sort(bunch.heads @ bunch.target_head)
    np.testing.assert_allclose(alike, [0.25] * 39 + [1.0])
    assert abs(bunch.relevance).sum() == pytest.approx(1.0)


def test_cluster_sizes_halve_and_the_target_is_in_the_smallest():
    bunch = make_source_tasks(scenario="cluster", random_state=0)
    assert np.bincount(bunch.clusters).tolist() == [2, 3, 5, 10, 20]
    closest = np.argsort(bunch.heads @ bunch.target_head)[-2:]
    assert set(bunch.clusters[closest]) == {0}
    larger = make_source_tasks(70, scenario="cluster", rank=4, random_state=0)
    assert np.bincount(larger.clusters).tolist() == [8, 10, 17, 35]


def test_generic_target_is_a_mixture_of_three_sources():
    bunch = make_source_tasks(4, rank=4, random_state=0)
    # Four independent heads explain the target in one way only.
    assert (abs(bunch.relevance) > 1e-9).sum() == 3


@pytest.mark.parametrize("as_frame", [True, False])
def test_oracle_rows_do_not_depend_on_how_they_are_asked_for(as_frame):
    one, other = (
        make_source_tasks(as_frame=as_frame, random_state=0).oracle for _ in range(2)
    )
    task, between = one.tasks[3], one.tasks[8]
    X, y = one(task, 20)
    parts = []
    for n in (7, 0, 13):
        parts.append(other(task, n))
        other(between, 5)
        other = pickle.loads(pickle.dumps(other))
    np.testing.assert_array_equal(np.vstack([part[0] for part in parts]), X)
    np.testing.assert_array_equal(np.concatenate([part[1] for part in parts]), y)
    assert (one.n_drawn[task], other.n_drawn[between]) == (20, 15)
    again = one.restart()(task, 20)
    np.testing.assert_array_equal(again[0], X)


@pytest.mark.parametrize("as_frame", [True, False])
def test_oracle_leaves_the_task_column_out(as_frame):
    bunch = make_source_tasks(as_frame=as_frame, random_state=0)
    X, y = bunch.oracle(bunch.source_tasks[7], 30)
    assert X.shape == (30, 50)
    assert type(X) is type(bunch.data)
    assert type(y) is type(bunch.target)
    if as_frame:
        assert X.columns.tolist() == bunch.feature_names
        assert bunch.data.columns.tolist() == [*bunch.feature_names, "task"]


def test_oracle_and_target_rows_follow_the_true_coefficients():
    bunch = make_source_tasks(noise=0.0, as_frame=False, random_state=0)
    for task in (0, 17, bunch.target_task):
        X, y = bunch.oracle(task, 10)
        coef = np.vstack([bunch.coef, bunch.target_coef])[task]
        np.testing.assert_allclose(y, X @ coef, atol=1e-12)
    np.testing.assert_allclose(
        bunch.target, bunch.data[:, :-1] @ bunch.target_coef, atol=1e-12
    )
    assert not np.isin(X[:, 0], bunch.data[:, 0]).any()
    assert bunch.source_tasks == list(range(40))


def test_oracle_names_the_tasks_it_knows():
    oracle = make_source_tasks(5, random_state=0).oracle
    with pytest.raises(ValueError, match="'source_00' to 'source_04', and 'target'"):
        oracle("source_05", 1)
    with pytest.raises(ValueError, match="n must be a whole number >= 0, got -1"):
        oracle("source_04", -1)


# --- tables that come along -----------------------------------------------------------


def rows_of(name):
    """Read a table as plainly as can be, under the names of the manifest."""
    rename = manifest()[name]["rename"]
    with gzip.open(DATA / f"{name}.csv.gz", "rt", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [{rename.get(key, key): text for key, text in row.items()} for row in rows]


@pytest.mark.parametrize("name", BUNDLED)
def test_table_is_the_one_of_the_manifest(name):
    entry = manifest()[name]
    raw = gzip.decompress((DATA / f"{name}.csv.gz").read_bytes())
    assert hashlib.sha256(raw).hexdigest() == entry["sha256"]
    assert len(rows_of(name)) == entry["n_rows"] == len(loader(name)().target)


def test_every_file_has_a_loader_and_every_loader_a_file():
    assert sorted(path.name.removesuffix(".csv.gz") for path in DATA.glob("*.gz")) == (
        BUNDLED
    )
    names = {name.removeprefix("load_") for name in datasets.__all__ if "load_" in name}
    assert names == {*BUNDLED, "multitask_csv"}


@pytest.mark.parametrize("name", BUNDLED)
def test_source_and_licence_are_stated_everywhere(name):
    entry = manifest()[name]
    documented = " ".join(inspect.getdoc(loader(name)).split())
    described = loader(name)().DESCR
    licence = entry["licence"].split("(")[0].strip()
    assert f"Licence: {licence}".lower() in documented.lower()
    for fact in ("source", "licence", "changes"):
        assert entry[fact] in described
    notices = Path(__file__).parents[1] / "THIRD_PARTY_NOTICES.md"
    for fact in ("source", "licence", "changes"):
        assert entry[fact] in notices.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", BUNDLED)
def test_loaded_frame_holds_the_text_of_the_file(name):
    bunch = loader(name)()
    for column in bunch.frame:
        texts = [row[column] for row in rows_of(name)]
        values = bunch.frame[column]
        if column == bunch.task_feature:
            assert values.tolist() == texts
        elif column in bunch.categories:
            assert values.astype(object).where(values.notna(), "").tolist() == texts
        else:
            expected = [float(text or "nan") for text in texts]
            np.testing.assert_array_equal(values.to_numpy(float), expected)


@pytest.mark.parametrize("name", BUNDLED)
def test_loaded_frame_and_arrays_are_the_same_data(name):
    frame, array = loader(name)(), loader(name)(as_frame=False)
    assert array.data.dtype == np.float64
    for j, column in enumerate(frame.feature_names):
        values = frame.data[column]
        if column in frame.categories:
            codes = values.cat.codes.to_numpy(float)
            values = np.where(codes < 0, np.nan, codes)
        np.testing.assert_array_equal(array.data[:, j], values)
    np.testing.assert_array_equal(array.target, frame.target)
    if frame.task_feature is not None:
        codes = array.data[:, array.task_feature].astype(int)
        tasks = frame.data[frame.task_feature]
        np.testing.assert_array_equal(array.task_names[codes], tasks)
        assert array.task_names.tolist() == sorted(set(tasks))
    assert set(frame.target_names).isdisjoint(frame.data.columns)
    X, y = loader(name)(return_X_y=True)
    pd.testing.assert_frame_equal(X, frame.data)
    np.testing.assert_array_equal(y, frame.target)


def test_missing_values_of_the_hospitals_are_kept():
    heart, array = datasets.load_heart(), datasets.load_heart(as_frame=False)
    assert heart.data.isna().sum().sum() == np.isnan(array.data).sum() == 1932
    assert heart.categories["thal"] == ["3", "6", "7"]


# --- a user's own table ---------------------------------------------------------------

LINES = ["school,kind,hours,mark", "b,day,1,3.5", "a,,NA,4", "b,night,3,10"]


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "marks.csv"
    path.write_text("\n".join(LINES) + "\n\n", encoding="utf-8")
    return path


def test_a_file_is_read_by_named_columns(path):
    frame = load_multitask_csv(path, target="mark", task="school")
    assert frame.data["school"].tolist() == ["b", "a", "b"]
    assert frame.data["kind"].tolist()[::2] == ["day", "night"]
    assert frame.data.isna().to_numpy().sum() == 2
    array = load_multitask_csv(path, target="mark", task="school", as_frame=False)
    np.testing.assert_array_equal(
        array.data, [[0, 1, 1], [np.nan, np.nan, 0], [1, 3, 1]]
    )
    np.testing.assert_array_equal(array.target, [3.5, 4.0, 10.0])
    assert (array.task_feature, array.task_names.tolist()) == (-1, ["a", "b"])
    assert array.categories == {"kind": ["day", "night"]}


def test_compression_and_a_byte_order_mark_change_nothing(path):
    packed = path.with_suffix(".gz")
    packed.write_bytes(gzip.compress(b"\xef\xbb\xbf" + path.read_bytes()))
    read = [
        load_multitask_csv(p, target="mark", task="school").frame
        for p in (path, packed)
    ]
    pd.testing.assert_frame_equal(*read)


def test_several_targets_share_the_rows_and_may_miss_values(path):
    bunch = load_multitask_csv(path, target=["mark", "hours"], ignored=["school"])
    np.testing.assert_array_equal(bunch.target, [[3.5, 1], [4, np.nan], [10, 3]])
    assert bunch.task_feature is None
    assert bunch.task_names.tolist() == bunch.target_names == ["mark", "hours"]
    assert list(bunch.data) == ["kind"]


def test_text_targets_stay_text_and_numbers_can_be_categories(path):
    bunch = load_multitask_csv(
        path, target="school", categorical=["kind", "mark"], as_frame=False
    )
    assert bunch.target.tolist() == ["b", "a", "b"]
    assert bunch.categories["mark"] == ["3.5", "4", "10"]
    assert bunch.task_feature is None


def test_a_folder_is_read_by_its_description(path):
    folder = path.parent
    with pytest.raises(ValueError, match=r"data\.csv, and meta\.json.*marks\.csv"):
        load_multitask_csv(folder)
    path.rename(folder / "data.csv")
    meta = {"targets": ["mark"], "task": "school", "alt_columns": ["hours"], "n": 3}
    (folder / "meta.json").write_text(json.dumps(meta | {"categorical": ["kind"]}))
    bunch = load_multitask_csv(folder)
    assert (bunch.task_feature, bunch.feature_names) == ("school", ["kind"])
    assert load_multitask_csv(folder, ignored=[]).feature_names == ["kind", "hours"]
    (folder / "meta.json").write_text("{}")
    with pytest.raises(ValueError, match="must have the key 'targets'"):
        load_multitask_csv(folder)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, r"target must name .* the columns are \['school', 'kind'"),
        ({"target": "grade"}, r"No target column 'grade': the columns are \['school'"),
        ({"target": "mark", "task": "town"}, "No task column 'town'"),
        ({"target": "mark", "categorical": ["x"]}, "No categorical column 'x'"),
        ({"target": "mark", "task": "mark"}, "both target and task"),
        ({"target": ["mark", "hours"], "task": "school"}, "no place for a task column"),
        ({"target": "hours", "task": "school"}, "'hours' is missing in 1 rows"),
        ({"target": "mark", "task": "kind"}, "task 'kind' is missing in 1 rows"),
        (
            {"target": "mark", "task": "school", "categorical": []},
            "'kind' must hold numbers, but row 1 is 'day'",
        ),
        (
            {"target": "mark", "task": "school", "ignored": ["kind", "hours"]},
            "No column is left as a feature",
        ),
    ],
)
def test_wrong_roles_are_named(path, options, message):
    with pytest.raises(ValueError, match=message):
        load_multitask_csv(path, **options)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n1\n", "row 2 has 1 fields, but the header has 2"),
        ("a,a\n1,2\n", r"columns of the same name: \['a'\]"),
        ("a,b\n", "a header and at least one row"),
    ],
)
def test_a_broken_file_is_described(tmp_path, text, message):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        load_multitask_csv(tmp_path / "t.csv", target="a")


# --- what importing costs -------------------------------------------------------------


def run(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_importing_the_datasets_imports_nothing_heavy():
    run(
        "import sys, skmtl.datasets\n"
        "heavy = {'pandas', 'numba', 'sklearn', 'scipy'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )


def test_arrays_need_no_pandas():
    run(
        "import sys\n"
        "sys.modules['pandas'] = None\n"
        "from skmtl.datasets import load_radon, make_shared_representation\n"
        "make_shared_representation(as_frame=False)\n"
        "assert load_radon(as_frame=False).data.shape == (919, 3)\n"
        "try:\n"
        "    load_radon()\n"
        "except ImportError as error:\n"
        "    assert 'as_frame=False' in str(error)\n"
        "else:\n"
        "    raise AssertionError('a frame without pandas')"
    )
