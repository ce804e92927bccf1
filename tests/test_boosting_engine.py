"""Laws of bins, histograms and trees, for all rows together and task by task."""

import os
import subprocess
import sys

import boosting_twins as twins
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skmtl._kernels import histograms, leaves
from skmtl._kernels.boosting_records import TaskSettings, TreeSettings
from skmtl._kernels.tree_predict import GROUP
from skmtl.boosting import _bins, _grower, _losses, _task_trees, _trees
from skmtl.boosting._open import with_tasks

NO_WEIGHT = np.empty(0)
SMALL = TreeSettings(max_leaves=6, min_weight=2.0, learning_rate=0.5)
EXACT = SMALL._replace(category_smoothing=0.0, category_weight=0.0)


def problem(n_rows=300, n_features=4, seed=0, missing=0.0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, n_features))
    y = np.sin(2 * X[:, 0]) + X[:, 1] * X[:, -1] + 0.1 * rng.normal(size=n_rows)
    X[rng.uniform(size=X.shape) < missing] = np.nan
    return X, y


def coded(X, **options):
    names = {k: options.pop(k) for k in ("weight", "is_category") if k in options}
    bins = _bins.find_bins(X, max_bins=options.pop("max_bins", 255), **names)
    return bins, _bins.make_table(bins, X, **options)


def fit(
    table, y, tree_settings=SMALL, n_rounds=5, weight=NO_WEIGHT, loss=None, **options
):
    """Boost some rounds; return the trees and the scores."""
    loss = loss or _losses.squared()
    n_threads = options.pop("n_threads", 1)
    start = loss.start(y, weight)
    score = np.tile(start, (len(y), 1))
    has_hessian = bool(weight.size) or not loss.has_constant_hessian
    room = _grower.make_room(
        [table],
        tree_settings,
        loss.n_outputs,
        has_hessian=has_hessian,
        n_threads=n_threads,
    )
    parts = [
        _grower.boost(table, loss, y, score, weight, tree_settings, room, **options)
        for _ in range(n_rounds)
    ]
    return _trees.join(parts), score


def assert_same(ours, theirs):
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(a, b)


# Bins


@given(st.integers(0, 10**6), st.integers(1, 60), st.integers(2, 20))
def test_codes_follow_the_order_of_values(seed, n_rows, max_bins):
    rng = np.random.default_rng(seed)
    X = np.round(rng.normal(size=(n_rows, 2)), 1)
    X[rng.uniform(size=X.shape) < 0.2] = np.nan
    bins, table = coded(X, max_bins=max_bins)
    for j in range(2):
        own = bins.edges[bins.starts[j] : bins.starts[j + 1]]
        twin = 1 + np.searchsorted(own, X[:, j], side="left")
        twin[np.isnan(X[:, j])] = 0
        np.testing.assert_array_equal(table.codes[:, j], twin)
        np.testing.assert_array_equal(table.columns[j], twin)
        assert twin.max() < bins.n_codes[j] <= max_bins + 1
        n_distinct = np.unique(X[~np.isnan(X[:, j]), j]).size
        if n_distinct <= max_bins:
            assert np.unique(twin[twin > 0]).size == n_distinct


def test_bins_hold_similar_weight_and_common_values_one_each():
    rng = np.random.default_rng(0)
    X = np.r_[np.zeros(3000), rng.normal(size=3000)][:, None]
    _, table = coded(X, max_bins=31)
    size = np.bincount(table.codes[:, 0])[1:]
    assert size.max() == 3000
    others = np.delete(size, size.argmax())
    assert others.min() > 60
    assert others.max() < 140


def test_a_weight_of_two_moves_edges_like_a_row_twice():
    X, _ = problem(400)
    weight = np.random.default_rng(0).integers(1, 4, 400)
    repeated = np.repeat(X, weight, axis=0)
    ours = _bins.find_bins(X, weight.astype(float), max_bins=20)
    assert_same(ours, _bins.find_bins(repeated, max_bins=20))


def test_order_of_rows_does_not_move_edges():
    X, _ = problem(400, missing=0.1)
    assert_same(_bins.find_bins(X), _bins.find_bins(X[::-1]))


def test_categories_are_told_apart_and_unknown_ones_are_missing():
    X = np.array([[5.0], [2.0], [5.0], [9.0], [np.nan]])
    bins, table = coded(X, is_category=np.array([True]))
    np.testing.assert_array_equal(table.codes[:, 0], [2, 1, 2, 3, 0])
    other = np.array([[9.0], [3.0], [1e300], [-np.inf], [2.0]])
    np.testing.assert_array_equal(_bins.encode_rows(bins, other)[:, 0], [3, 0, 0, 0, 1])


def test_rare_categories_beyond_255_are_missing():
    names = np.r_[np.arange(300.0), np.arange(255.0)]
    _, table = coded(names[:, None], is_category=np.array([True]))
    np.testing.assert_array_equal(table.codes[:255, 0], np.arange(1, 256))
    assert not table.codes[255:300].any()


def test_any_layout_of_the_same_values_has_the_same_codes(tmp_path):
    X, _ = problem(300)
    X = X.astype(np.float32).astype(float)
    bins, table = coded(X)
    mapped = np.memmap(tmp_path / "X", np.float32, "w+", shape=X.shape)
    mapped[:] = X
    mapped.flush()
    read_only = X.copy()
    read_only.flags.writeable = False
    frozen = np.memmap(tmp_path / "X", np.float32, "r", shape=X.shape)
    for same in (np.asfortranarray(X), X.astype(np.float32), frozen, read_only):
        assert_same(_bins.find_bins(same), bins)
        np.testing.assert_array_equal(_bins.encode_rows(bins, same), table.codes)


def test_a_table_can_be_in_another_order():
    X, _ = problem(50)
    order = np.random.default_rng(0).permutation(50)
    bins, table = coded(X, order=order)
    np.testing.assert_array_equal(table.codes, _bins.encode_rows(bins, X[order]))
    np.testing.assert_array_equal(table.columns, table.codes.T)


@pytest.mark.nojit_skip
def test_a_sample_of_many_rows_gives_good_bins():
    X = np.random.default_rng(0).normal(size=(200_000, 1))
    bins, table = coded(X)
    assert_same(bins, _bins.find_bins(X))
    size = np.bincount(table.codes[:, 0])[1:]
    assert size.size == 255
    assert size.max() < 2 * size.mean()


# Histograms


def packed_problem(n_rows=200, n_features=70, seed=0):
    rng = np.random.default_rng(seed)
    _, table = coded(rng.normal(size=(n_rows, n_features)), max_bins=9)
    packed = np.empty(n_rows, np.int64)
    gradient, hessian = rng.normal(size=n_rows), rng.uniform(0.1, 1, n_rows)
    scales = histograms.pack(gradient, hessian, NO_WEIGHT, packed)
    return table, packed, gradient, hessian, scales


def filled(table, packed, rows, n_chunks=1):
    partial = np.empty((n_chunks, table.n_cells), np.int64)
    for piece in range(2 * n_chunks):
        histograms.fill_piece(
            table.codes,
            table.layout,
            packed,
            rows,
            0,
            rows.size,
            n_chunks,
            piece,
            partial,
        )
    return partial.sum(axis=0)


def test_histogram_equals_its_twin_and_parent_is_the_sum_of_children():
    table, packed, *_ = packed_problem()
    rows = np.random.default_rng(1).permutation(200).astype(np.uint32)
    parent, left, right = (
        filled(table, packed, part) for part in (rows, rows[:70], rows[70:])
    )
    np.testing.assert_array_equal(
        parent, twins.histogram(table.codes, packed, rows, table.layout)
    )
    np.testing.assert_array_equal(parent, left + right)
    np.testing.assert_array_equal(parent, filled(table, packed, rows, n_chunks=3))


def test_packed_sums_come_apart_again():
    _, packed, gradient, hessian, (shift, unit, hessian_unit) = packed_problem()
    total = int(packed.sum())
    high, low = total >> shift, total & ((1 << shift) - 1)
    assert high * unit == pytest.approx(gradient.sum(), abs=200 * unit / 2)
    assert low * hessian_unit == pytest.approx(
        hessian.sum(), abs=200 * hessian_unit / 2
    )
    assert unit < 1e-8 * np.abs(gradient).sum()
    assert hessian_unit < 1e-8 * hessian.sum()


@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_packing_does_not_overflow_and_counts_are_exact(scale):
    gradient = scale * np.r_[np.full(999, 1.0), -1e6]
    packed = np.empty(1000, np.int64)
    shift, unit, _ = histograms.pack(gradient, NO_WEIGHT, NO_WEIGHT, packed)
    assert int(packed.sum()) & ((1 << shift) - 1) == 1000
    assert int(packed[:999].sum() >> shift) * unit == pytest.approx(999 * scale)
    assert int(packed.sum() >> shift) * unit == pytest.approx(gradient.sum())


def test_zero_gradients_pack_to_counts():
    packed = np.empty(5, np.int64)
    histograms.pack(np.zeros(5), NO_WEIGHT, NO_WEIGHT, packed)
    np.testing.assert_array_equal(packed, 1)


# Rows of leaves


@given(st.integers(0, 10**6), st.integers(0, 40), st.integers(1, 5))
def test_partition_keeps_order_however_many_chunks(seed, n_rows, n_chunks):
    rng = np.random.default_rng(seed)
    column = rng.integers(0, 5, 50).astype(np.uint8)
    right = (np.arange(256) > 2).astype(np.uint8)
    rows = rng.permutation(50).astype(np.uint32)
    begin, end = 5, 5 + n_rows
    inside = rows[begin:end]
    goes_right = right[column[inside]] == 1
    twin = rows.copy()
    twin[begin:end] = np.r_[inside[~goes_right], inside[goes_right]]
    middle = begin + (~goes_right).sum()
    for kernel, more in (
        (leaves.partition, ()),
        (leaves.partition_chunks, (n_chunks,)),
    ):
        ours, spare = rows.copy(), np.empty(50, np.uint32)
        assert kernel(column, right, begin, end, *more, ours, spare) == middle
        np.testing.assert_array_equal(ours, twin)


# One tree


@st.composite
def tree_problem(draw):
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    n_rows, d = draw(st.integers(2, 40)), draw(st.integers(1, 3))
    X = rng.integers(0, draw(st.integers(2, 5)), (n_rows, d)).astype(float)
    X[rng.uniform(size=X.shape) < draw(st.sampled_from([0.0, 0.3]))] = np.nan
    is_category = np.array(draw(st.lists(st.booleans(), min_size=d, max_size=d)))
    shrinkage, depth = draw(st.sampled_from([0.0, 3.0])), draw(st.sampled_from([1, 9]))
    weight = rng.uniform(0.5, 2, n_rows) if draw(st.booleans()) else NO_WEIGHT
    leaves_ = 2 if depth == 1 else 5
    own = EXACT._replace(shrinkage=shrinkage, max_depth=depth, max_leaves=leaves_)
    if is_category.any():
        # The best of all groupings is among those of categories in order (Fisher) only
        # where none is too small.
        own = own._replace(min_weight=0.0)
    return X, is_category, rng.normal(size=n_rows), weight, own


def grow_one(table, gradient, weight, own):
    room = _grower.make_room([table], own, has_hessian=bool(weight.size))
    own_weight = None if weight.size else weight
    gradients = _grower.pack_gradients(gradient, weight, own_weight, room.packed)
    grown = _grower.grow(table, gradients, own, room)
    return grown, room


@settings(max_examples=150)
@given(tree_problem())
def test_a_tree_equals_its_twin(case):
    X, is_category, gradient, weight, own = case
    _, table = coded(X, is_category=is_category)
    grown, room = grow_one(table, gradient, weight, own)
    hessian = weight if weight.size else np.ones(len(X))
    twin, gains = twins.grow(table.codes, gradient, hessian, own, is_category)
    ours = _trees.predict(grown.tree, table.codes)[:, 0]
    np.testing.assert_allclose(ours, twin, atol=1e-6)
    np.testing.assert_allclose(
        np.sort(grown.tree.gains[grown.tree.gains > 0]), np.sort(gains), rtol=1e-4
    )
    score = np.zeros((len(X), 1))
    _grower.add_leaves(grown, room, score)
    np.testing.assert_array_equal(score[:, 0], ours)


@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_prediction_equals_going_down_node_by_node(missing):
    X, y = problem(3 * GROUP + 5, missing=missing)
    X[:, 2] = np.round(2 * X[:, 2])
    is_category = np.array([False, False, True, False])
    _, table = coded(X, is_category=is_category)
    trees, _ = fit(table, y)
    ours = _trees.predict(trees, table.codes)[:, 0]
    twin = [
        sum(twins.descend(trees, tree, row) for tree in range(trees.n_trees))
        for row in table.codes
    ]
    np.testing.assert_allclose(ours, twin)


def test_scores_of_training_are_predictions_and_last_stage_too():
    X, y = problem(missing=0.1)
    _, table = coded(X)
    trees, score = fit(table, y)
    ours = y.mean() + _trees.predict(trees, table.codes)
    np.testing.assert_allclose(ours, score, rtol=1e-12)
    stages = [stage.copy() for stage in _trees.staged_predict(trees, table.codes)]
    assert len(stages) == 5
    np.testing.assert_array_equal(stages[-1], _trees.predict(trees, table.codes))


def test_part_of_a_batch_is_predicted_like_the_batch():
    X, y = problem(missing=0.1)
    _, table = coded(X)
    trees, _ = fit(table, y)
    rows = np.array([7, 3, 250])
    part = _trees.predict(trees, np.ascontiguousarray(table.codes[rows]))
    np.testing.assert_array_equal(part, _trees.predict(trees, table.codes)[rows])


def test_few_histograms_grow_the_same_tree():
    X, y = problem(500)
    _, table = coded(X)
    own = SMALL._replace(max_leaves=20)
    room = _grower.make_room([table], own, has_hessian=False)
    few = room._replace(pool=room.pool[:2].copy())
    gradients = _grower.pack_gradients(-y, NO_WEIGHT, NO_WEIGHT, room.packed)
    ours = _grower.grow(table, gradients, own, few).tree
    assert ours.n_trees == 1
    assert_same(ours, _grower.grow(table, gradients, own, room).tree)


@pytest.mark.nojit_skip
@pytest.mark.parametrize(("n_rows", "n_features"), [(30_000, 12), (2_000, 300)])
@pytest.mark.parametrize("weighted", [False, True])
def test_two_threads_grow_what_one_grows(n_rows, n_features, weighted):
    X, y = problem(n_rows, n_features, missing=0.05)
    weight = np.random.default_rng(1).uniform(size=n_rows) if weighted else NO_WEIGHT
    _, table = coded(X)
    own = SMALL._replace(max_leaves=25, min_weight=5.0)
    one, one_score = fit(table, y, own, 3, weight)
    _, again = coded(X, n_threads=2)
    np.testing.assert_array_equal(table.codes, again.codes)
    two, two_score = fit(again, y, own, 3, weight, n_threads=2)
    assert_same(one, two)
    np.testing.assert_array_equal(one_score, two_score)
    np.testing.assert_array_equal(
        _trees.predict(one, table.codes),
        _trees.predict(one, table.codes, n_threads=2),
    )


def test_rows_left_out_are_scored_and_do_not_matter():
    X, y = problem(400)
    _, table = coded(X)
    rows = np.flatnonzero(np.arange(400) % 3 > 0).astype(np.uint32)
    others = np.flatnonzero(np.arange(400) % 3 == 0).astype(np.uint32)
    trees, score = fit(table, y, rows=rows, others=others)
    start = _losses.squared().start(y, NO_WEIGHT)
    np.testing.assert_allclose(score, start + _trees.predict(trees, table.codes))
    changed = y.copy()
    changed[others] = changed[others][::-1]
    again, _ = fit(table, changed, rows=rows, others=others)
    np.testing.assert_allclose(again.values, trees.values, atol=1e-9)
    np.testing.assert_array_equal(again.nodes, trees.nodes)


def test_a_weight_of_two_is_a_row_twice():
    X, y = problem(200)
    weight = np.random.default_rng(0).integers(1, 4, 200)
    repeated = np.repeat(np.arange(200), weight)
    bins, table = coded(X)
    twice = _bins.make_table(bins, X[repeated])
    # Weights that are whole numbers are exact. Other hessians leave 31 bits to the sum
    # of gradients over all rows.
    for loss, bound in ((_losses.squared(), 1e-12), (_losses.logistic(), 1e-6)):
        target = y if loss.code == 0 else (y > 0).astype(float)
        ours, _ = fit(table, target, SMALL, 5, weight.astype(float), loss)
        theirs, _ = fit(twice, target[repeated], SMALL, 5, loss=loss)
        a, b = (_trees.predict(trees, table.codes) for trees in (ours, theirs))
        np.testing.assert_allclose(a, b, rtol=0, atol=bound)


def test_squared_loss_falls_every_round():
    X, y = problem(missing=0.1)
    _, table = coded(X)
    trees, _ = fit(table, y, n_rounds=30)
    stages = _trees.staged_predict(trees, table.codes)
    losses = [np.sum((y - y.mean() - stage[:, 0]) ** 2) for stage in stages]
    assert (np.diff([np.sum((y - y.mean()) ** 2), *losses]) < 0).all()


@pytest.mark.parametrize("monotone", [None, np.array([1, -1, 0, -1])])
@pytest.mark.parametrize("seed", range(4))
def test_leaves_have_the_least_weight_and_trees_the_depth_asked_for(monotone, seed):
    X, y = problem(500, seed=seed)
    _, table = coded(X, monotone=monotone)
    own = SMALL._replace(max_leaves=40, max_depth=4, min_weight=17.0)
    room = _grower.make_room([table], own, has_hessian=False)
    gradients = _grower.pack_gradients(-y, NO_WEIGHT, NO_WEIGHT, room.packed)
    grown = _grower.grow(table, gradients, own, room)
    size = room.leaf[: grown.n_leaves, 1] - room.leaf[: grown.n_leaves, 0]
    assert size.sum() == 500
    assert size.min() >= 17
    assert grown.tree.depth == 4


@pytest.mark.parametrize("loss", [_losses.squared(), _losses.poisson()])
def test_monotone_constraints_hold(loss):
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, size=(300, 3))
    y = np.exp(X[:, 0] - X[:, 1] + np.sin(6 * X[:, 0]) + X[:, 2])
    signs = np.array([1, -1, 0])
    bins, table = coded(X, monotone=signs)
    own = SMALL._replace(max_leaves=10, min_weight=5.0)
    trees, _ = fit(table, y, own, 6, loss=loss)
    free, _ = fit(_bins.make_table(bins, X), y, own, 6, loss=loss)
    for j, sign in enumerate(signs):
        line = np.repeat(rng.uniform(-1, 1, size=(20, 1, 3)), 40, axis=1)
        line[:, :, j] = np.linspace(-1, 1, 40)
        codes = _bins.encode_rows(bins, line.reshape(-1, 3))
        steps, free_steps = (
            np.diff(_trees.predict(t, codes).reshape(20, 40), axis=1)
            for t in (trees, free)
        )
        if sign:
            assert (sign * steps >= -1e-12).all()
            assert (sign * free_steps < -1e-6).any()


def test_missing_values_go_where_they_gain_most():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 1))
    y = (X[:, 0] > 0.5).astype(float)
    away = rng.uniform(size=300) < 0.3
    X[away] = np.nan
    y[away] = 1.0
    own = SMALL._replace(max_leaves=2)
    gains = []
    for filler in (np.nan, -1e9, 1e9):
        _, table = coded(np.where(np.isnan(X), filler, X))
        grown, _ = grow_one(table, -(y - y.mean()), NO_WEIGHT, own)
        gains.append(grown.tree.gains[0])
    assert gains[0] >= max(gains[1:])
    assert gains[0] > min(gains[1:])


def test_a_value_never_seen_missing_joins_the_heavier_side():
    X = np.r_[np.zeros(10), np.ones(30)][:, None]
    bins, table = coded(X)
    own = SMALL._replace(max_leaves=2)
    for gradient, expected in ((-X[:, 0], 1), (-X[::-1, 0].copy(), 0)):
        flipped = table if expected else coded(X[::-1])[1]
        grown, _ = grow_one(flipped, gradient, NO_WEIGHT, own)
        codes = _bins.encode_rows(bins, np.array([[np.nan], [0.0], [1.0]]))
        score = _trees.predict(grown.tree, codes)[:, 0]
        assert score[0] == score[2]


def test_thresholds_are_in_the_middle_of_gaps():
    X = np.arange(100.0)[:, None]
    _, table = coded(X)
    rows = np.r_[0:20, 60:100].astype(np.uint32)
    room = _grower.make_room([table], SMALL, has_hessian=False)
    gradients = _grower.pack_gradients(
        -(X[:, 0] > 50).astype(float), NO_WEIGHT, NO_WEIGHT, room.packed
    )
    own = SMALL._replace(max_leaves=2)
    tree = _grower.grow(table, gradients, own, room, rows).tree
    score = _trees.predict(tree, table.codes)[:, 0]
    assert score[39] == score[0]
    assert score[41] == score[99]


@pytest.mark.parametrize("n_features", [300, 1000])
def test_features_beyond_the_256th_are_split_on(n_features):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 2, size=(100, n_features)).astype(float)
    y = 3.0 * X[:, -1] + X[:, n_features // 2]
    _, table = coded(X)
    trees, _ = fit(table, y, SMALL._replace(max_leaves=4), 1)
    found = _trees.importances(trees, n_features)
    assert np.flatnonzero(found).tolist() == [n_features // 2, n_features - 1]
    assert found.argmax() == n_features - 1


@pytest.mark.parametrize("places", [range(70), range(3, 24, 3), range(14, 26)])
def test_where_indicators_stand_does_not_change_a_tree(places):
    X, y = problem(400, 100, missing=0.05)
    is_indicator = np.isin(np.arange(100), places)
    X[:, is_indicator] = X[:, is_indicator] > 0.5
    _, table = coded(X)
    _, score = fit(table, y)
    _, apart = coded(X[:, np.argsort(is_indicator, kind="stable")])
    _, other_score = fit(apart, y)
    np.testing.assert_allclose(score, other_score)


def test_indicators_need_few_cells_beside_numbers():
    X, _ = problem(400, 100)
    X[:, 20:] = X[:, 20:] > 0.5
    _, table = coded(X)
    assert table.n_cells == 20 * 256 + 80 * 4


def test_one_room_is_large_enough_for_trees_that_see_tasks_and_others():
    # Tasks and indicators together form a block, which indicators alone do not: there
    # are more blocks, and fewer cells.
    X, y = problem(300, 8)
    X[:, 1:] = X[:, 1:] > 0.5
    plain = coded(X, n_spare=1)[1]
    task = np.repeat(np.arange(10), 30)
    wider, _ = with_tasks(plain, task, NO_WEIGHT, 10)
    assert wider.n_cells < plain.n_cells
    gradients = _grower.pack_gradients(
        -y, NO_WEIGHT, NO_WEIGHT, np.empty(300, np.int64)
    )
    own = SMALL._replace(category_weight=0.0)
    room = _grower.make_room([plain, wider], own, has_hessian=False)
    for table in (plain, wider):
        apart = _grower.make_room([table], own, has_hessian=False)
        ours, theirs = (_grower.grow(table, gradients, own, r) for r in (room, apart))
        assert_same(ours.tree, theirs.tree)


def test_constant_targets_and_features_grow_no_split():
    X, y = problem(50)
    for table, target in ((coded(X)[1], np.ones(50)), (coded(0 * X)[1], y)):
        trees, score = fit(table, target, n_rounds=2)
        np.testing.assert_array_equal(np.diff(trees.starts), 1)
        np.testing.assert_array_equal(trees.values, 0.0)
        np.testing.assert_allclose(score, target.mean())


def test_shrinkage_draws_values_to_zero():
    X, y = problem()
    _, table = coded(X)
    sizes = []
    for shrinkage in (0.0, 10.0, 1e9):
        trees, _ = fit(table, y, SMALL._replace(shrinkage=shrinkage), 1)
        sizes.append(np.abs(_trees.predict(trees, table.codes)).mean())
    assert sizes[0] > sizes[1] > sizes[2]
    assert sizes[2] < 1e-6


def test_min_gain_stops_growth():
    X, y = problem()
    _, table = coded(X)
    free, _ = fit(table, y, n_rounds=1)
    bar = float(np.median(free.gains[free.gains > 0]))
    trees, _ = fit(table, y, SMALL._replace(min_gain=bar), 1)
    assert trees.gains[trees.gains > 0].min() >= bar * (1 - 1e-6)
    assert np.diff(trees.starts) < np.diff(free.starts)


# Losses


@pytest.mark.parametrize("level", [0.2, 0.5, 0.9])
def test_quantile_leaves_reach_their_share(level):
    X, y = problem(400)
    _, table = coded(X)
    own = SMALL._replace(min_weight=20.0)
    _, score = fit(table, y, own, 40, loss=_losses.quantile(level))
    assert np.mean(y <= score[:, 0]) == pytest.approx(level, abs=0.06)


@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_softmax_learns_classes(n_classes):
    X, y = problem(400)
    _, table = coded(X)
    target = np.searchsorted(np.quantile(y, np.arange(1, n_classes) / n_classes), y)
    loss, target = _losses.softmax(n_classes), target.astype(float)
    trees, score = fit(table, target, SMALL, 20, loss=loss)
    assert trees.n_trees == 20 * n_classes
    assert np.mean(score.argmax(axis=1) == target) > 0.85
    start = loss.start(target, NO_WEIGHT)
    ours = start + _trees.predict(trees, table.codes, n_classes)
    np.testing.assert_allclose(ours, score, rtol=1e-12)


def test_two_class_softmax_is_close_to_logistic():
    X, y = problem(400)
    _, table = coded(X)
    target = (y > 0).astype(float)
    own = SMALL._replace(learning_rate=0.1)
    _, ours = fit(table, target, own, 10, loss=_losses.logistic())
    _, theirs = fit(table, target, own, 10, loss=_losses.softmax(2))
    np.testing.assert_allclose(theirs[:, 1] - theirs[:, 0], ours[:, 0], atol=0.05)


# All tasks


def tasks_problem(n_tasks=4, n_rows=60, missing=0.05, seed=0):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(n_rows // 2, n_rows, n_tasks)
    X, y = problem(sizes.sum(), missing=missing, seed=seed)
    X[:, 2] = np.round(X[:, 2])
    offsets = np.r_[0, np.cumsum(sizes)]
    _, table = coded(X, is_category=np.array([False, False, True, False]))
    return table, y, offsets


def boost_all(table, y, offsets, plan=None, own=SMALL, n_threads=1, **options):
    plan = plan or TaskSettings(n_rounds=4)
    entries = _task_trees.task_entries(np.arange(y.size), offsets, y, **options)
    n_outputs = 3 if plan.loss == 5 else 1
    score = np.zeros((y.size, n_outputs))
    return _task_trees.grow_task_trees(table, entries, score, plan, own, n_threads)


def test_scores_of_all_tasks_are_predictions():
    table, y, offsets = tasks_problem()
    boosted = boost_all(table, y, offsets)
    task = np.repeat(np.arange(4), np.diff(offsets))
    score = np.zeros((y.size, 1))
    _task_trees.add_task_trees(boosted.task_trees, table.codes, task, score)
    np.testing.assert_allclose(score, boosted.score, rtol=1e-12)
    unknown = np.zeros((y.size, 1))
    mixed = np.where(task == 2, -1, task)
    _task_trees.add_task_trees(boosted.task_trees, table.codes, mixed, unknown)
    np.testing.assert_array_equal(unknown, np.where(task[:, None] == 2, 0.0, score))


def test_a_task_does_not_depend_on_others():
    table, y, offsets = tasks_problem()
    before = boost_all(table, y, offsets)
    changed = y.copy()
    changed[offsets[1] :] *= -3.0
    after = boost_all(table, changed, offsets)
    own = slice(0, offsets[1])
    np.testing.assert_array_equal(before.score[own], after.score[own])
    assert not np.allclose(before.score, after.score)
    kept = before.task_trees.first[1]
    a, b = (x.task_trees.trees.take(slice(0, kept)) for x in (before, after))
    assert_same(a, b)


def test_one_task_with_all_bins_is_ordinary_boosting():
    table, y, _ = tasks_problem()
    start = _losses.squared().start(y, NO_WEIGHT)
    plan = TaskSettings(n_rounds=5, n_groups=255)
    boosted = boost_all(table, y - start, np.array([0, y.size]), plan)
    _, score = fit(table, y, n_rounds=5)
    np.testing.assert_allclose(boosted.score + start, score, atol=1e-9)


@pytest.mark.nojit_skip
def test_threads_do_not_change_any_task():
    table, y, offsets = tasks_problem(n_tasks=9)
    one, two = (boost_all(table, y, offsets, n_threads=n) for n in (1, 2))
    assert_same(one.task_trees.trees, two.task_trees.trees)
    np.testing.assert_array_equal(one.score, two.score)


def test_few_groups_still_predict_what_was_trained():
    table, y, offsets = tasks_problem(missing=0.2)
    plan = TaskSettings(n_rounds=4, n_groups=3)
    boosted = boost_all(table, y, offsets, plan)
    task = np.repeat(np.arange(4), np.diff(offsets))
    score = np.zeros((y.size, 1))
    _task_trees.add_task_trees(boosted.task_trees, table.codes, task, score)
    np.testing.assert_allclose(score, boosted.score, rtol=1e-12)


@pytest.mark.parametrize(
    "loss",
    [_losses.squared(), _losses.logistic(), _losses.absolute(), _losses.softmax(3)],
)
@pytest.mark.parametrize("weighted", [False, True])
def test_curves_are_losses_of_truncated_trees_on_entries_held_out(loss, weighted):
    table, y, offsets = tasks_problem()
    rng = np.random.default_rng(0)
    if loss.code == 4:
        y = (y > 0).astype(float)
    if loss.code == 5:
        y = np.digitize(y, [-0.3, 0.3]).astype(float)
    weight = rng.integers(1, 3, y.size).astype(float) if weighted else NO_WEIGHT
    held_out = rng.uniform(size=y.size) < 0.3
    plan = TaskSettings(loss.code, loss.parameter, n_rounds=3)
    boosted = boost_all(table, y, offsets, plan, weight=weight, held_out=held_out)
    task = np.repeat(np.arange(4), np.diff(offsets))
    for m in range(4):
        score = np.zeros((y.size, loss.n_outputs))
        part = boosted.task_trees.truncate(np.full(4, m))
        assert (part.n_rounds <= m).all()
        _task_trees.add_task_trees(part, table.codes, task, score)
        for t in range(4):
            own = np.flatnonzero(held_out & (task == t))
            own_weight = weight[own] if weighted else weight
            twin = loss.value(y[own], score[own], own_weight)
            assert boosted.curve[t, m] == pytest.approx(twin)
    changed = y.copy()
    changed[held_out] = changed[held_out][::-1]
    again = boost_all(table, changed, offsets, plan, weight=weight, held_out=held_out)
    assert_same(boosted.task_trees.trees, again.task_trees.trees)


def test_patience_ends_a_task_and_shrinkage_is_its_own():
    rng = np.random.default_rng(0)
    table, y, offsets = tasks_problem()
    y = rng.normal(size=y.size)
    held_out = rng.uniform(size=y.size) < 0.4
    plan = TaskSettings(n_rounds=60, patience=3)
    boosted = boost_all(table, y, offsets, plan, held_out=held_out)
    assert boosted.task_trees.n_rounds.max() < 60
    for curve, n_rounds in zip(boosted.curve, boosted.task_trees.n_rounds, strict=True):
        assert n_rounds - curve.argmin() == 3
        assert (curve[n_rounds:] == curve[n_rounds]).all()
    shrinkage = np.array([0.0, 1e12, 0.0, 0.0])
    plain, shrunk = (
        boost_all(table, y, offsets, shrinkage=s).score for s in (0.0, shrinkage)
    )
    second = slice(offsets[1], offsets[2])
    assert np.abs(shrunk[second]).max() < 1e-9
    np.testing.assert_array_equal(
        np.delete(shrunk, second, axis=0), np.delete(plain, second, axis=0)
    )


def test_tiny_and_empty_tasks_grow_nothing():
    table, y, _ = tasks_problem(n_tasks=2)
    offsets = np.array([0, 0, 1, 3, y.size])
    boosted = boost_all(table, y, offsets)
    assert boosted.task_trees.n_rounds[:3].tolist() == [0, 0, 0]
    assert boosted.task_trees.n_rounds[3] == 4
    np.testing.assert_array_equal(boosted.score[:3], 0.0)


def test_importances_of_tasks_add_up():
    table, y, offsets = tasks_problem()
    task_trees = boost_all(table, y, offsets).task_trees
    own = task_trees.importances(4)
    assert own.shape == (4, 4)
    np.testing.assert_allclose(own.sum(axis=0), _trees.importances(task_trees.trees, 4))


def test_rounds_follow_the_pool_where_a_task_knows_little():
    curve = np.array([[10.0, 6.0, 8.0], [100.0, 50.0, 10.0]])
    weight = np.array([10.0, 100.0])
    assert _task_trees.choose_rounds(curve, weight, 0.0).tolist() == [1, 2]
    assert _task_trees.choose_rounds(curve, weight, 1e6).tolist() == [2, 2]


# Threads


@pytest.mark.nojit_skip
@pytest.mark.slow
@pytest.mark.parametrize("layer", ["default", "workqueue"])
def test_two_fits_at_once_do_not_disturb_each_other(layer):
    code = """
import threading
import numpy as np
import test_boosting_engine as t

X, y = t.problem(20_000, 8)
_, table = t.coded(X)
expected = t.fit(table, y)[1]
scores = [None, None]

def work(k):
    for _ in range(5):
        scores[k] = t.fit(table, y, n_threads=2)[1]

threads = [threading.Thread(target=work, args=(k,)) for k in range(2)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
assert all(np.array_equal(score, expected) for score in scores)
"""
    environment = dict(os.environ, NUMBA_NUM_THREADS="2")
    environment["NUMBA_THREADING_LAYER"] = layer
    run = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        cwd=os.path.dirname(__file__),
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr


# Rivals


@pytest.mark.nojit_skip
def test_accuracy_is_that_of_lightgbm():
    lightgbm = pytest.importorskip("lightgbm")
    X, y = problem(6000, 8, missing=0.02)
    own = TreeSettings(max_leaves=15, max_depth=100)
    bins, table = coded(X[:3000])
    trees, _ = fit(table, y[:3000], own, 80)
    ours = y[:3000].mean() + _trees.predict(trees, _bins.encode_rows(bins, X[3000:]))
    theirs = lightgbm.LGBMRegressor(
        n_estimators=80, num_leaves=15, n_jobs=1, verbose=-1
    )
    theirs = theirs.fit(X[:3000], y[:3000]).predict(X[3000:])
    errors = [np.sqrt(np.mean((y[3000:] - p) ** 2)) for p in (ours[:, 0], theirs)]
    assert errors[0] < 1.02 * errors[1]
