"""Laws of boosting in blocks: gates, intercepts, outlier scores and the whole."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skmtl._folds import balanced_folds
from skmtl._kernels import mixtures
from skmtl._kernels.boosting_records import TreeSettings
from skmtl.boosting import (
    _bins,
    _block_fit,
    _blocks,
    _intercepts,
    _losses,
    _mixture,
    _outliers,
)
from skmtl.boosting._open import open_task
from skmtl.boosting._problem import Problem
from skmtl.datasets import make_task_functions

NO_WEIGHT = np.empty(0)
# Whole fits take too long where loops are not compiled.
compiled = pytest.mark.nojit_skip
SMALL = TreeSettings(max_leaves=6, min_weight=5.0, shrinkage=1.0)
LOSSES = {
    "squared": _losses.squared(),
    "huber": _losses.huber(0.5),
    "quantile": _losses.quantile(0.3),
    "poisson": _losses.poisson(),
    "logistic": _losses.logistic(),
    "softmax": _losses.softmax(3),
}


def target(loss, signal, rng):
    """Return targets that suit a loss."""
    noisy = signal + 0.3 * rng.normal(size=signal.size)
    if loss.code == LOSSES["poisson"].code:
        return rng.poisson(np.exp(np.clip(0.5 * signal, -2, 2))).astype(float)
    if loss.code == LOSSES["logistic"].code:
        return (noisy > 0).astype(float)
    if loss.code == LOSSES["softmax"].code:
        return np.digitize(noisy, [-0.5, 0.5]).astype(float)
    return noisy


def rows(sizes=(60, 50, 60, 50, 60), outliers=(4,), loss=LOSSES["squared"], seed=0):
    """Return rows of tasks of which some follow the negative of the common function."""
    rng = np.random.default_rng(seed)
    task = np.repeat(np.arange(len(sizes)), sizes)
    X = rng.normal(size=(task.size, 3))
    sign = np.where(np.isin(task, outliers), -1.0, 1.0)
    signal = sign * (np.sin(2 * X[:, 0]) + X[:, 1]) + 0.2 * task
    return X, target(loss, signal, rng), task


def pose(X, y, task, loss=LOSSES["squared"], **changed):
    """Return the bins of a problem, and the problem."""
    weight, n_folds = changed.pop("weight", NO_WEIGHT), changed.pop("n_folds", 3)
    order = np.argsort(task, kind="stable")
    offsets = np.r_[0, np.cumsum(np.bincount(task))]
    options = {k: changed.pop(k) for k in ("monotone",) if k in changed}
    bins = _bins.find_bins(X, is_category=changed.pop("is_category", None))
    fold = changed.pop("fold", None)
    if fold is None:
        fold = balanced_folds(X, y, task, n_folds)
    problem = Problem(
        _bins.make_table(bins, X, order=order, **options),
        y[order].astype(float),
        weight[order] if weight.size else weight,
        offsets,
        fold[order],
        n_folds,
        loss,
        SMALL,
        60,
        0,
        1,
    )
    return bins, problem._replace(**changed)


def fit(X, y, task, loss=LOSSES["squared"], **changed):
    """Return fitted blocks, and the codes of the rows."""
    bins, problem = pose(X, y, task, loss, **changed)
    return _blocks.fit_blocks(problem), _bins.encode_rows(bins, X)


def alone(X, y, bins, loss):
    """Return rows of one task as a problem."""
    return open_task(X, y.astype(float), np.ones(y.size), bins, loss, SMALL, 3, 1)


def same(ours, theirs):
    """Return whether two models are equal to the last bit."""
    return pickle.dumps(ours) == pickle.dumps(theirs)


# ------------------------------------------------------------------ gates


def components(loss, seed, n_rows=40):
    rng = np.random.default_rng(seed)
    shape = (3, n_rows, loss.n_outputs)
    base, first, second = 0.5 * rng.normal(size=shape)
    y = target(loss, 2 * base[:, 0] + second[:, 0], rng)
    weight = rng.integers(1, 4, n_rows).astype(float)
    return y, weight, base, first, second


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
@settings(max_examples=15)
@given(seed=st.integers(0, 10**6), ridge=st.sampled_from([0.0, 0.5, 20.0]))
def test_the_gate_found_is_the_best_on_a_grid(loss, seed, ridge):
    y, weight, base, first, second = components(loss, seed)
    offsets, centre = np.array([0, y.size]), 0.3
    known = (y, weight, base, first, second, offsets)
    gate = _mixture.find_gates(loss, *known, ridge, centre)[0]

    def objective(share):
        score = base + (1 - share) * first + share * second
        return loss.value(y, score, weight) + ridge / 2 * (share - centre) ** 2

    least = min(objective(share) for share in np.linspace(0, 1, 101))
    assert 0.0 <= gate <= 1.0
    assert objective(gate) <= least + 1e-6 * abs(least)


def test_gates_of_tasks_do_not_see_each_other():
    loss = LOSSES["logistic"]
    parts = [components(loss, seed, n_rows) for seed, n_rows in enumerate((30, 1, 50))]
    offsets = np.array([0, 30, 31, 81])
    joined = [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]
    together = _mixture.find_gates(loss, *joined, offsets, 1.0, 0.3)
    alone = [
        _mixture.find_gates(loss, *part, np.array([0, part[0].size]), 1.0, 0.3)[0]
        for part in parts
    ]
    np.testing.assert_array_equal(together, alone)


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_derivatives_of_a_component_are_differences_of_the_loss(loss):
    y, weight, base, first, second = components(loss, 3, n_rows=20)
    gate, offsets, step = np.array([0.2, 0.7]), np.array([0, 8, 20]), 1e-5
    share = np.repeat(gate, [8, 12])[:, None]
    gradient, hessian = np.empty(20), np.empty(20)

    def losses(output, change):
        moved = second.copy()
        moved[:, output] += change
        score = base + (1 - share) * first + share * moved
        return [
            loss.value(y[i : i + 1], score[i : i + 1], weight[i : i + 1])
            for i in range(20)
        ]

    for output in range(loss.n_outputs):
        mixtures.differentiate_mixture(
            loss.code,
            loss.parameter,
            y,
            weight,
            base,
            first,
            second,
            gate,
            offsets,
            0,
            2,
            1,
            output,
            gradient,
            hessian,
        )
        slope = np.subtract(losses(output, step), losses(output, -step)) / (2 * step)
        np.testing.assert_allclose(gradient, slope, atol=1e-6)
        # A step in the component is a smaller one in the score.
        whole = hessian / share[:, 0] ** 2
        plain_gradient, plain = np.empty(20), np.empty(20)
        score = base + (1 - share) * first + share * second
        loss.differentiate(y, score, weight, output, plain_gradient, plain)
        np.testing.assert_allclose(whole, plain)
        np.testing.assert_allclose(gradient, share[:, 0] * plain_gradient)


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_slopes_of_a_gate_are_differences_of_the_loss(loss):
    y, weight, *scores = components(loss, 5)
    base, first, second = scores
    offsets, step, slopes = np.array([0, 15, 40]), 1e-6, np.zeros((2, 2))

    def losses(gate):
        share, score = np.repeat(gate, [15, 25])[:, None], np.empty_like(base)
        mixtures.mix(*scores, gate, offsets, 0, 2, score)
        expected = base + (1 - share) * first + share * second
        np.testing.assert_allclose(score, expected)
        parts = (slice(0, 15), slice(15, 40))
        return np.array([loss.value(y[p], score[p], weight[p]) for p in parts])

    gate = np.array([0.3, 0.8])
    known = (loss.code, loss.parameter, y, weight, *scores)
    mixtures.gate_slopes(*known, gate, offsets, 0, 2, slopes)
    difference = losses(gate + step) - losses(gate - step)
    np.testing.assert_allclose(slopes[:, 0], difference / (2 * step), atol=1e-4)


def test_the_sketch_sums_rows_by_task_feature_and_group_of_codes():
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 40, (50, 3)).astype(np.uint8)
    layout = np.full((4, 6), 40)
    gradient, hessian = rng.normal(size=50), rng.uniform(size=50)
    offsets, features = np.array([0, 20, 20, 50]), np.array([2, 0])
    pull, mass = np.zeros((2, 3, 2 * 8))
    mixtures.sketch(codes, layout, features, offsets, gradient, hessian, 8, pull, mass)
    for t in range(3):
        own = slice(offsets[t], offsets[t + 1])
        for place, j in enumerate(features):
            group = codes[own, j].astype(int) * 8 // 40
            cells = slice(8 * place, 8 * place + 8)
            np.testing.assert_allclose(
                pull[t, cells], -np.bincount(group, gradient[own], 8)
            )
            np.testing.assert_allclose(
                mass[t, cells], np.bincount(group, hessian[own], 8)
            )


# ------------------------------------------------------------------ intercepts


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_intercepts_reach_from_nothing_to_the_level_of_each_task(loss):
    _, y, task = rows((50, 80, 120), loss=loss)
    weight, offsets = np.ones(y.size), np.array([0, 50, 130, 250])
    start = loss.start(y, weight)
    known = (loss, y, weight, offsets, start)
    free = start + _intercepts.intercepts(*known, 1e-9)
    for t in range(3):
        own = y[task == t]
        expected = loss.start(own, np.ones(own.size))
        np.testing.assert_allclose(free[t], expected, 1e-5, 1e-9)
    tied = _intercepts.intercepts(*known, 1e12)
    np.testing.assert_allclose(tied, np.zeros((3, loss.n_outputs)), atol=1e-6)


def test_a_task_without_rows_has_no_intercept():
    y, offsets = np.array([1.0, 2.0, 5.0]), np.array([0, 2, 2, 3])
    for loss in (LOSSES["squared"], LOSSES["quantile"], LOSSES["huber"]):
        start = loss.start(y, NO_WEIGHT)
        found = _intercepts.intercepts(loss, y, np.ones(3), offsets, start, 3.0)
        assert found[1] == 0.0


# ------------------------------------------------------------------ outlier scores


def test_scores_compare_losses_with_those_of_a_constant():
    shared, null = np.array([1.0, 2.0, 3.0, 4.0, 50.0]), np.array([2.0, 4, 6, 8, 10])
    weight = np.array([10.0, 20.0, 30.0, 40.0, 50.0])
    scores = _outliers.outlier_scores(shared, null, weight)
    assert scores.argmax() == 4
    np.testing.assert_array_equal(_outliers.flag(scores), scores == scores.max())
    scaled = _outliers.outlier_scores(9 * shared, 9 * null, weight)
    np.testing.assert_allclose(scores, scaled)


def test_no_task_is_an_outlier_where_all_are_alike_or_few():
    alike = np.full(6, 2.0)
    assert not _outliers.outlier_scores(alike, alike, alike).any()
    nothing = np.zeros(6)
    assert not _outliers.outlier_scores(nothing, nothing, alike).any()
    far = np.array([1.0, 1.0, 100.0])
    scores = _outliers.outlier_scores(far, np.ones(3), np.ones(3))
    assert not _outliers.flag(scores).any()


def test_a_task_whose_rows_nobody_held_out_does_not_move_the_scale():
    shared, null = np.array([1.0, 1.1, 0.9, 9.0]), np.array([2.0, 2.0, 2.0, 2.0])
    weight = np.array([10.0, 10.0, 10.0, 10.0])
    scores = _outliers.outlier_scores(shared, null, weight)
    more = [np.append(array, 0.0) for array in (shared, null, weight)]
    np.testing.assert_allclose(_outliers.outlier_scores(*more)[:4], scores)


# ------------------------------------------------------------------ the whole


@compiled
@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_every_loss_learns_and_its_parts_and_stages_agree(loss):
    X, y, task = rows(loss=loss)
    blocks, codes = fit(X, y, task, loss)
    parts = blocks.parts(codes, task)
    null = loss.value(y, np.tile(blocks.start, (y.size, 1)), NO_WEIGHT)
    assert loss.value(y, parts.score, NO_WEIGHT) < 0.9 * null
    stages = list(blocks.stages(codes, task))
    n_rounds = blocks.n_rounds
    whole = n_rounds["mixture"] + n_rounds["shared"] + max(n_rounds["task_trees"])
    assert len(stages) == whole
    np.testing.assert_allclose(stages[-1], parts.score, atol=1e-10)
    unseen = blocks.parts(codes, np.full(y.size, -1))
    np.testing.assert_array_equal(unseen.score, parts.shared)
    assert pickle.loads(pickle.dumps(blocks)).gate.shape == (5,)


@compiled
@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_a_reversed_task_gets_the_other_component_and_the_highest_score(loss):
    X, y, task = rows((120,) * 5, loss=loss, seed=1)
    blocks, _ = fit(X, y, task, loss)
    assert blocks.n_rounds["mixture"] > 0
    assert blocks.gate[4] > 0.5 > blocks.gate[:4].max()
    np.testing.assert_array_equal(
        _outliers.flag(blocks.outlier_scores), [False] * 4 + [True]
    )
    assert blocks.similarity[4].argmin() < 4
    np.testing.assert_array_equal(np.diag(blocks.similarity), np.ones(5))
    assert np.all(blocks.task_loss > 0)


@pytest.fixture(scope="module")
def distinct():
    """Rows of tasks of which two follow functions of their own, and their fit."""
    X, _, task = rows((150,) * 6, seed=2)
    wave, bump = np.sin(2 * X[:, 0]) + X[:, 1], np.cos(3 * X[:, 2]) * X[:, 1]
    ridge = 2 * np.abs(X[:, 0] - X[:, 2])
    y = np.select([task == 4, task == 5], [bump, ridge], wave)
    y = y + 0.1 * np.random.default_rng(0).normal(size=y.size)
    return X, y, task, *fit(X, y, task)


@compiled
def test_outliers_of_distinct_kinds_stand_alone_and_do_not_spoil_the_rest(distinct):
    X, y, task, blocks, codes = distinct
    np.testing.assert_array_equal(blocks.shares, np.arange(6) < 4)
    assert not blocks.task_weights[4:].any()
    np.testing.assert_allclose(blocks.task_weights[:4].sum(axis=1), 1.0)
    np.testing.assert_array_equal(_outliers.flag(blocks.outlier_scores), ~blocks.shares)
    np.testing.assert_array_equal(blocks.similarity[4], np.arange(6) == 4)
    parts, alike = blocks.parts(codes, task), task < 4
    np.testing.assert_allclose(list(blocks.stages(codes, task))[-1], parts.score)
    level = blocks.start + blocks.intercept[task]
    np.testing.assert_allclose((parts.shared + parts.head)[~alike], level[~alike])
    without, _ = fit(X[alike], y[alike], task[alike])
    ours, theirs = blocks.task_loss[:4].mean(), without.task_loss.mean()
    assert ours < 1.25 * theirs


@compiled
def test_what_tasks_share_does_not_see_those_that_stand_alone(distinct):
    X, y, task, _, codes = distinct
    rounds = _blocks.Rounds(5, 5, 5, shares=np.arange(6) < 4)
    other = y.copy()
    other[task == 4] = 3.0 - 2.0 * y[task == 4]
    one, two = (_blocks.fit_fixed(pose(X, t, task)[1], rounds) for t in (y, other))
    alike = task < 4
    ours, theirs = (b.parts(codes, task).score for b in (one, two))
    np.testing.assert_allclose(ours[alike], theirs[alike], atol=1e-8)
    assert np.abs(ours - theirs)[task == 4].max() > 0.1


@compiled
def test_the_majority_has_the_first_component_wherever_outliers_stand():
    for outliers in ((0,), (2,), (4,), (0, 4)):
        X, y, task = rows((100,) * 5, outliers)
        gate = fit(X, y, task)[0].gate
        np.testing.assert_array_equal(gate > 0.5, np.isin(np.arange(5), outliers))


@compiled
def test_any_rows_of_a_batch_are_predicted_as_in_the_batch():
    X, y, task = rows()
    blocks, codes = fit(X, y, task)
    whole = blocks.parts(codes, task)
    some = np.random.default_rng(0).permutation(y.size)[:37]
    for ours, theirs in zip(blocks.parts(codes[some], task[some]), whole, strict=True):
        np.testing.assert_array_equal(ours, theirs[some])


@compiled
def test_two_threads_fit_the_same_bits(monkeypatch):
    monkeypatch.setattr(_mixture, "FEW_ROWS", 10)
    X, y, task = rows()
    one, codes = fit(X, y, task)
    two, _ = fit(X, y, task, n_threads=2)
    assert same(one, two)
    np.testing.assert_array_equal(
        one.parts(codes, task).score, two.parts(codes, task, 2).score
    )


@compiled
def test_permuting_the_tasks_permutes_the_answer():
    X, y, task = rows()
    one, codes = fit(X, y, task)
    new = np.array([3, 0, 4, 1, 2])
    fold = balanced_folds(X, y, task, 3)
    two, _ = fit(X, y, new[task], fold=fold)
    np.testing.assert_allclose(two.gate[new], one.gate, atol=1e-8)
    np.testing.assert_allclose(two.outlier_scores[new], one.outlier_scores, 1e-6)
    np.testing.assert_allclose(
        two.parts(codes, new[task]).score, one.parts(codes, task).score, atol=1e-8
    )


@compiled
@pytest.mark.parametrize(("factor", "shift"), [(0.1, 0.0), (100.0, 0.0), (1.0, 7.0)])
def test_scale_and_origin_of_the_target_move_no_outlier_score(factor, shift):
    X, y, task = rows()
    one, codes = fit(X, y, task)
    two, _ = fit(X, factor * y + shift, task)
    np.testing.assert_allclose(two.outlier_scores, one.outlier_scores, 1e-5, 1e-5)
    np.testing.assert_allclose(two.gate, one.gate, atol=1e-6)
    np.testing.assert_allclose(
        two.parts(codes, task).score,
        factor * one.parts(codes, task).score + shift,
        rtol=1e-5,
        atol=1e-5 * factor,
    )


@compiled
@pytest.mark.parametrize("name", ["squared", "logistic"])
def test_weights_count_like_copies_in_the_shared_blocks(name):
    loss = LOSSES[name]
    X, y, task = rows(loss=loss)
    count = np.random.default_rng(0).integers(1, 4, y.size)
    rounds = _blocks.Rounds(10, 10, 0)
    _, weighted = pose(X, y, task, loss, weight=count.astype(float))
    copies = np.repeat(np.arange(y.size), count)
    bins = _bins.find_bins(X, weight=count.astype(float))
    order = np.argsort(task, kind="stable")
    table = _bins.make_table(bins, X, order=order)
    weighted = weighted._replace(table=table)
    _, copied = pose(X[copies], y[copies], task[copies], loss)
    copied = copied._replace(table=_bins.make_table(bins, X[copies]))
    one, two = _blocks.fit_fixed(weighted, rounds), _blocks.fit_fixed(copied, rounds)
    codes = _bins.encode_rows(bins, X)
    np.testing.assert_allclose(two.gate, one.gate, atol=1e-6)
    np.testing.assert_allclose(
        two.parts(codes, task).score, one.parts(codes, task).score, atol=1e-6
    )


def test_task_trees_do_not_see_the_targets_of_other_tasks():
    X, y, task = rows()
    rounds = _blocks.Rounds(0, 0, 20)
    _, problem = pose(X, y, task)
    other = y.copy()
    other[task != 2] = np.random.default_rng(1).normal(size=(task != 2).sum())
    changed = problem._replace(y=other)
    score = np.zeros((y.size, 1))
    one = _blocks.fit_fixed(problem, rounds, score).task_trees
    two = _blocks.fit_fixed(changed, rounds, score).task_trees
    for name in ("nodes", "values"):
        cut = [
            getattr(m.trees, name)[
                m.trees.starts[m.first[2]] : m.trees.starts[m.first[3]]
            ]
            for m in (one, two)
        ]
        assert cut[0].size > 20
        np.testing.assert_array_equal(*cut)


def test_what_is_held_out_does_not_change_the_scores_it_gets():
    X, y, task = rows()
    _, problem = pose(X, y, task)
    poisoned = y.copy()
    poisoned[problem.fold == 1] = 1e6
    scores = []
    for target in (y, poisoned):
        own = problem._replace(y=target)
        room, part = _block_fit.make_block_room(own), own.parts[1]
        booster = _block_fit.Booster(own, room, part)
        booster.set_levels(3.0)
        booster.open_mixture()
        for _ in range(5):
            booster.mixture.grow_both()
        booster.close_mixture()
        for _ in range(5):
            booster.grow_shared()
        scores.append(booster.score)
    np.testing.assert_array_equal(*scores)


@compiled
def test_monotone_constraints_hold_with_any_gates():
    X, y, task = rows()
    monotone = np.array([0, -1, 0])
    blocks, _ = fit(X, y, task, monotone=monotone)
    assert blocks.n_rounds["mixture"] > 0
    codes = np.tile(np.uint8(9), (40, 3))
    codes[:, 1] = np.arange(1, 41)
    for t in (-1, 0, 4):
        score = blocks.parts(codes, np.full(40, t)).score[:, 0]
        assert np.all(np.diff(score) <= 1e-12)


@compiled
def test_missing_values_and_categories():
    X, y, task = rows((80,) * 5)
    rng = np.random.default_rng(0)
    X[:, 2] = rng.integers(0, 6, y.size)
    y += np.array([2.0, -2, 0, 2, -2, 0])[X[:, 2].astype(int)]
    X[rng.uniform(size=X.shape) < 0.1] = np.nan
    blocks, codes = fit(X, y, task, is_category=np.array([False, False, True]))
    error = y - blocks.parts(codes, task).score[:, 0]
    assert error.var() < 0.3 * y.var()
    gains = blocks.importances(3)
    assert gains["mixture"].argmax() == 2
    assert gains["task_trees"].shape == (5, 3)


@compiled
@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
@settings(max_examples=15)
@given(seed=st.integers(0, 10**6))
def test_ragged_tasks_down_to_a_single_row(loss, seed):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 9, rng.integers(1, 5))
    X, y, task = rows(sizes, (), loss, seed)
    blocks, codes = fit(X, y, task, loss, max_rounds=4)
    assert np.isfinite(blocks.parts(codes, task).score).all()
    assert np.isfinite(blocks.outlier_scores).all() or y.size < 3
    bins, _ = pose(X, y, task, loss)
    added = blocks.with_task(alone(X, y, bins, loss))
    assert np.isfinite(added.parts(codes, np.full(y.size, sizes.size)).score).all()


def test_targets_that_are_all_equal():
    X, y, task = rows()
    blocks, codes = fit(X, np.full(y.size, 3.0), task)
    np.testing.assert_allclose(blocks.parts(codes, task).score, 3.0)
    np.testing.assert_array_equal(blocks.outlier_scores, np.zeros(5))
    np.testing.assert_array_equal(blocks.task_loss, np.zeros(5))


@compiled
def test_one_task_is_plain_boosting():
    X, y, task = rows((300,), ())
    blocks, codes = fit(X, y, task)
    assert blocks.n_rounds["mixture"] == 0
    np.testing.assert_array_equal(blocks.n_rounds["task_trees"], [0])
    assert blocks.n_rounds["shared"] > 10
    np.testing.assert_allclose(blocks.parts(codes, task).head, 0.0, atol=1e-12)


@compiled
def test_some_of_many_tasks_tell_how_leaves_are_shrunken(monkeypatch):
    X, y, task = rows((40,) * 8, (7,))
    whole, _ = fit(X, y, task)
    monkeypatch.setattr(_blocks, "MOST_TASKS", 4)
    some, codes = fit(X, y, task)
    assert some.n_rounds["task_trees"].shape == (8,)
    assert whole.n_rounds["shared"] == some.n_rounds["shared"]
    assert np.isfinite(some.parts(codes, task).score).all()


@compiled
def test_rows_without_a_fold_are_learned_from_only():
    X, y, task = rows()
    fold = balanced_folds(X, y, task, 3)
    fold[task == 1] = -1
    blocks, codes = fit(X, y, task, fold=fold)
    assert np.isnan(blocks.task_loss[1])
    assert np.isfinite(np.delete(blocks.task_loss, 1)).all()
    error = (y - blocks.parts(codes, task).score[:, 0])[task == 1]
    assert error.var() < y[task == 1].var()


@compiled
def test_a_task_missing_from_a_fold():
    X, y, task = rows()
    fold = balanced_folds(X, y, task, 3)
    fold[task == 1] = 2
    blocks, codes = fit(X, y, task, fold=fold)
    assert np.isfinite(blocks.parts(codes, task).score).all()
    assert np.isfinite(blocks.task_loss).all()


@compiled
@pytest.mark.parametrize("name", ["squared", "softmax"])
def test_a_new_task_changes_nothing_else(name):
    loss = LOSSES[name]
    X, y, task = rows((120,) * 6, (3, 5), loss)
    old = task < 5
    blocks, codes = fit(X[old], y[old], task[old], loss)
    bins, _ = pose(X[old], y[old], task[old], loss)
    codes = _bins.encode_rows(bins, X)
    more = blocks.with_task(alone(X[~old], y[~old], bins, loss))
    before, after = (m.parts(codes[old], task[old]).score for m in (blocks, more))
    np.testing.assert_allclose(after, before, atol=1e-10)
    assert more.gate[5] > 0.5
    assert more.outlier_scores[5] > 3.0
    np.testing.assert_array_equal(more.outlier_scores[:5], blocks.outlier_scores)
    unseen = loss.value(
        y[~old], more.parts(codes[~old], np.full(120, -1)).score, NO_WEIGHT
    )
    known = loss.value(y[~old], more.parts(codes[~old], task[~old]).score, NO_WEIGHT)
    assert known < 0.5 * unseen
    assert more.n_rounds["task_trees"].shape == (6,)


@compiled
@pytest.mark.parametrize("problem", ["regression", "classification"])
def test_outliers_of_distinct_kinds_are_found(problem):
    tasks = make_task_functions(
        8,
        150,
        n_outlier_tasks=3 if problem == "regression" else 2,
        n_outlier_functions=3 if problem == "regression" else 1,
        problem=problem,
        as_frame=False,
        random_state=0,
    )
    task, loss = tasks.data[:, -1].astype(int), LOSSES["squared"]
    if problem == "classification":
        loss = LOSSES["logistic"]
    blocks, _ = fit(tasks.data[:, :-1], tasks.target.astype(float), task, loss)
    outlying = tasks.clusters > 0
    scores = blocks.outlier_scores
    assert scores[outlying].min() > scores[~outlying].max()
