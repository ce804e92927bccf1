"""Heads of tasks: derivatives against differences, and what shrinkage must do."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skmtl._kernels.heads import LEARNED, SCORED, UNUSED, apply_heads
from skmtl.boosting._heads import (
    differentiate,
    first_heads,
    gather_evidence,
    growing_slopes,
    improve,
)
from skmtl.boosting._losses import (
    huber,
    logistic,
    poisson,
    quantile,
    softmax,
    squared,
)

LOSSES = [squared(), huber(0.7), poisson(), logistic(), softmax(3), quantile(0.3)]
SMOOTH = [loss for loss in LOSSES if loss.level is None]
NOTHING = np.empty(0)


def rows(loss, n_tasks=4, n_scores=2, seed=0):
    """Return targets, weights, offsets, parts, heads and scores of random rows."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 30, n_tasks)
    n, k = sizes.sum(), loss.n_outputs
    y = rng.normal(size=n)
    if loss.code == poisson().code:
        y = rng.poisson(2.0, n).astype(float)
    if loss.code == logistic().code:
        y = (y > 0).astype(float)
    if loss.code == softmax(3).code:
        y = rng.integers(0, 3, n).astype(float)
    part = rng.choice([UNUSED, LEARNED, SCORED], n, p=[0.1, 0.6, 0.3]).astype(np.uint8)
    heads = first_heads(loss, y, NOTHING, n_tasks)
    for _ in range(n_scores):
        heads = heads.with_score(1.0)
    theta = heads.theta + 0.3 * rng.normal(size=heads.theta.shape)
    scores = rng.normal(size=(n_scores, n, k))
    weight = rng.uniform(0.5, 2.0, n)
    offsets = np.r_[0, np.cumsum(sizes)]
    return y, weight, offsets, part, heads._replace(theta=theta), scores


def slow_loss(loss, y, weight, task, chosen, theta, scores):
    """Return the loss of chosen rows, one row after the other."""
    k, total = loss.n_outputs, 0.0
    for i in np.flatnonzero(chosen):
        own = theta[task[i]]
        score = own[:k] + sum(b * s for b, s in zip(own[k:], scores[:, i], strict=True))
        total += loss.value(y[i : i + 1], score[None].copy(), weight[i : i + 1])
    return total


@pytest.mark.parametrize("loss", SMOOTH, ids=lambda loss: f"{loss.code}")
def test_derivatives_by_heads_are_differences(loss):
    y, weight, offsets, part, heads, scores = rows(loss)
    found = gather_evidence(loss, y, weight, offsets, part, heads, scores)
    task = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    step = 1e-5

    def value(theta):
        return slow_loss(loss, y, weight, task, part == LEARNED, theta, scores)

    for t in range(len(heads.theta)):
        for p in range(heads.theta.shape[1]):
            up, down = heads.theta.copy(), heads.theta.copy()
            up[t, p] += step
            down[t, p] -= step
            slope = (value(up) - value(down)) / (2 * step)
            assert_allclose(found.gradient[t, p], slope, atol=1e-5)
            if loss.code == huber(1.0).code:
                continue
            change = [
                gather_evidence(
                    loss, y, weight, offsets, part, heads._replace(theta=own), scores
                ).gradient[t]
                for own in (up, down)
            ]
            bend = (change[0] - change[1]) / (2 * step)
            assert_allclose(found.curvature[t, p], bend, atol=1e-4)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: f"{loss.code}")
def test_losses_and_weights_are_those_of_the_parts(loss):
    y, weight, offsets, part, heads, scores = rows(loss)
    value = gather_evidence(loss, y, weight, offsets, part, heads, scores).value
    task = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    for own, kind in enumerate((LEARNED, SCORED)):
        chosen = part == kind
        expected = slow_loss(loss, y, weight, task, chosen, heads.theta, scores)
        assert_allclose(value[own].sum(), expected)
        in_task = np.bincount(task[chosen], weight[chosen], len(offsets) - 1)
        assert_allclose(value[2 + own], in_task)


@pytest.mark.parametrize("loss", [huber(0.7), quantile(0.3)], ids=["huber", "quantile"])
def test_curvature_lies_above_losses_with_kinks(loss):
    y, weight, offsets, part, heads, scores = rows(loss, seed=1)
    found = gather_evidence(loss, y, weight, offsets, part, heads, scores)
    rng, task = np.random.default_rng(0), np.repeat(range(4), np.diff(offsets))
    for _ in range(50):
        step = 0.5 * rng.normal(size=heads.theta.shape)
        there = heads._replace(theta=heads.theta + step)
        now = gather_evidence(loss, y, weight, offsets, part, there, scores).value[0]
        bound = found.value[0] + np.sum(found.gradient * step, axis=1)
        bound += 0.5 * np.einsum("tp,tpq,tq->t", step, found.curvature, step)
        # Next to the kink the parabola is cut off at the width it is given.
        assert (now <= bound + 1e-3 * np.bincount(task, weight)).all()


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: f"{loss.code}")
def test_gradients_through_heads_follow_the_chain_rule(loss):
    y, weight, offsets, part, heads, scores = rows(loss)
    n, k, theta = y.size, loss.n_outputs, heads.theta
    gradient, hessian = np.full((k, n), np.nan), np.full((k, n), np.nan)
    task = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    scale = np.linspace(0.5, 2.0, len(offsets) - 1)
    base = np.empty((n, k))
    apply_heads(theta, offsets, scores[:1], base)
    known = (y, weight, scale, offsets, part, theta[:, -1].copy(), base, scores[1])
    differentiate(loss, *known, gradient, hessian)
    total = heads.apply(scores, task)
    for output in range(k):
        plain, bend = np.empty(n), np.empty(n)
        loss.differentiate(y, total, weight, output, plain, bend)
        slope = theta[task, -1]
        learned = part == LEARNED
        expected = np.where(learned, plain * slope * scale[task], 0.0)
        assert_allclose(gradient[output], expected, atol=1e-12)
        expected = np.where(learned, bend * slope**2 * scale[task], 0.0)
        assert_allclose(hessian[output], expected, atol=1e-10)


def slow_steps(heads, evidence, n_steps, reach, learns_spread, is_signed):
    """Return heads after steps of expectation and maximisation, task after task."""
    theta, mean, covariance, spread, k = heads
    theta, gradient, curvature = theta.copy(), *evidence[:2]
    gradient, left = gradient.copy(), evidence.value[0].sum()
    (n_tasks, width), weight = theta.shape, evidence.value[2].sum()
    for _ in range(n_steps):
        precision, variances = np.linalg.inv(covariance), []
        for t in range(n_tasks):
            variance = np.linalg.inv(curvature[t] / spread + precision)
            pull = gradient[t] / spread + precision @ (theta[t] - mean)
            step = variance @ pull
            moved = theta[t] - step * min(1.0, reach[t] / np.abs(step).max())
            if is_signed:
                moved[k:] = np.maximum(moved[k:], 0.0)
            step, theta[t] = theta[t] - moved, moved
            change = curvature[t] @ step
            left -= (gradient[t] - 0.5 * change) @ step
            gradient[t] -= change
            variances.append(variance)
        mean = theta.mean(axis=0)
        covariance = (theta - mean).T @ (theta - mean) + np.sum(variances, axis=0)
        apart = 0.0 if k > 1 else n_tasks / (n_tasks + 2.0 * width)
        covariance *= np.where(np.eye(width), 1.0, apart) / n_tasks
        covariance += 1e-6 * np.eye(width)
        if learns_spread:
            doubt = np.sum(curvature * np.array(variances))
            spread = max((2.0 * max(left, 0.0) + doubt) / weight, 1e-12)
    return theta, mean, covariance, spread


@pytest.mark.parametrize("is_signed", [False, True], ids=["free", "signed"])
@pytest.mark.parametrize("loss", SMOOTH, ids=lambda loss: f"{loss.code}")
def test_steps_are_those_of_the_slow_twin(loss, is_signed):
    y, weight, offsets, part, heads, scores = rows(loss, seed=2)

    def ask(heads):
        return gather_evidence(loss, y, weight, offsets, part, heads, scores)

    evidence = ask(heads)
    found, _ = improve(heads, evidence, loss, ask, is_signed=is_signed)
    n_steps, longest = (6, np.inf) if loss.code == squared().code else (1, 2.0)
    steps = n_steps, np.full(len(heads.theta), longest)
    learns_spread = loss.code in (squared().code, huber(1.0).code)
    slow = slow_steps(heads, evidence, *steps, learns_spread, is_signed)
    for ours, twin in zip(found, slow, strict=False):
        assert_allclose(ours, twin, rtol=1e-9, atol=1e-12)


def many_tasks(n_tasks=40, size=30, noise=0.5, seed=0):
    """Return tasks with slopes 1 and 0.5 apart and intercepts 0.3 apart."""
    rng = np.random.default_rng(seed)
    theta = np.column_stack(
        [0.3 * rng.normal(size=n_tasks), 1.0 + 0.5 * rng.normal(size=n_tasks)]
    )
    task = np.repeat(np.arange(n_tasks), size)
    score = rng.normal(size=(1, task.size, 1))
    mean = theta[task, 0] + theta[task, 1] * score[0, :, 0]
    y = mean + noise * rng.normal(size=task.size)
    return y, score, np.arange(0, task.size + 1, size), theta


def settled(y, score, offsets, n_steps=200):
    loss = squared()
    heads = first_heads(loss, y, NOTHING, len(offsets) - 1).with_score(1.0)
    part = np.full(y.size, LEARNED, np.uint8)

    def ask(heads):
        return gather_evidence(loss, y, NOTHING, offsets, part, heads, score)

    for _ in range(n_steps):
        heads, _ = improve(heads, ask(heads), loss, ask)
    return heads


@pytest.mark.parametrize(
    ("loss", "size_of_scores"),
    [(logistic(), 30.0), (softmax(3), 30.0), (poisson(), 3.0)],
    ids=str,
)
def test_no_step_raises_the_loss_of_a_task(loss, size_of_scores):
    rng = np.random.default_rng(0)
    n_tasks, size, k = 6, 40, loss.n_outputs
    offsets = np.arange(0, n_tasks * size + 1, size)
    score = rng.normal(size=(1, n_tasks * size, k))
    # Nearly parted: a few rows contradict what the score says of the others.
    top = score[0, :, 0] > 0.0 if k == 1 else score[0].argmax(axis=1)
    y = np.where(rng.random(top.size) < 0.02, 1.0 - np.minimum(top, 1), top)
    part = np.full(y.size, LEARNED, np.uint8)
    # Far from zero the loss is straight, and parabolas are flat.
    score *= size_of_scores
    heads = first_heads(loss, y, NOTHING, n_tasks).with_score(1.0)
    heads = heads._replace(covariance=1e4 * np.eye(k + 1))

    def ask(heads):
        return gather_evidence(loss, y, NOTHING, offsets, part, heads, score)

    def penalised(after, before):
        apart = after.theta - before.mean
        penalty = np.sum(apart @ np.linalg.inv(before.covariance) * apart, axis=1)
        return ask(after).value[0] / before.spread + 0.5 * penalty

    for _ in range(20):
        after, _ = improve(heads, ask(heads), loss, ask)
        most = penalised(heads, heads) * (1.0 + 1e-9) + 1e-9
        assert (penalised(after, heads) <= most).all()
        heads = after


def test_prior_and_noise_are_found():
    y, score, offsets, _ = many_tasks(n_tasks=400)
    heads = settled(y, score, offsets)
    assert_allclose(heads.mean, [0.0, 1.0], atol=0.08)
    assert_allclose(np.sqrt(np.diag(heads.covariance)), [0.3, 0.5], rtol=0.12)
    assert_allclose(heads.spread, 0.25, rtol=0.05)


def test_shrunken_heads_are_closer_to_the_truth_than_least_squares():
    y, score, offsets, theta = many_tasks(size=6, noise=1.0)
    heads = settled(y, score, offsets)
    alone = [
        np.linalg.lstsq(np.column_stack([np.ones(6), s]), own, rcond=None)[0]
        for own, s in zip(y.reshape(-1, 6), score[0].reshape(-1, 6), strict=True)
    ]
    ours, theirs = (np.sum((found - theta) ** 2) for found in (heads.theta, alone))
    assert ours < 0.5 * theirs


def test_tasks_that_are_alike_get_the_same_head():
    y, score, offsets, _ = many_tasks(n_tasks=30, size=100)
    y = 0.2 + score[0, :, 0] + 0.5 * np.random.default_rng(1).normal(size=y.size)
    heads = settled(y, score, offsets)
    assert np.ptp(heads.theta, axis=0).max() < 0.1


def test_a_task_without_rows_has_the_mean_head():
    y, score, offsets, _ = many_tasks()
    heads = settled(y, score, np.append(offsets, offsets[-1]))
    assert_allclose(heads.theta[-1], heads.mean, atol=1e-2)
    everyone = heads.apply(score[:, :5], np.full(5, -1))
    assert_allclose(everyone[:, 0], heads.mean[0] + heads.mean[1] * score[0, :5, 0])


def test_slopes_through_which_scores_grow_have_size_one():
    y, score, offsets, _ = many_tasks()
    heads = settled(y, score, offsets)
    theta = growing_slopes(heads)
    assert_allclose(np.sqrt(np.mean(theta[:, 1] ** 2)), 1.0)
    assert_array_equal(theta[:, 0], heads.theta[:, 0])
    flipped = heads._replace(mean=-heads.mean, theta=-heads.theta)
    assert_allclose(growing_slopes(flipped)[:, 1], theta[:, 1])
