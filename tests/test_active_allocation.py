"""Laws of allocations: nothing allowed has a lower risk, and limits are kept."""

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import linprog, minimize

from skmtl.active import expected_risk, optimal_allocation, source_relevance
from skmtl.datasets import make_source_tasks

SCENARIOS = ["generic", "l2hard", "cluster"]
quiet = pytest.mark.filterwarnings("ignore:A part of the target")
seeds = st.integers(0, 10**6)


def heads_and_target(scenario, seed=0):
    data = make_source_tasks(scenario=scenario, random_state=seed, n_target_samples=1)
    return data.heads.T, data.target_head


def random_problem(seed, k=4, n_sources=12, n_targets=1):
    rng = np.random.default_rng(seed)
    W = rng.normal(size=(k, n_sources))
    return W, rng.normal(size=(k, n_targets)), rng


def risk_of(W, c, n, noise_var=1.0):
    """Return the risk for each feature beyond the rank, as it is defined."""
    C = np.asarray(c).reshape(len(W), -1)
    information = (W * (n / noise_var)) @ W.T
    return float(np.trace(C.T @ np.linalg.solve(information, C)))


def least_norm(W, c, weight=1.0):
    """Return the least weighted l1 norm of a mixture, as a linear programme."""
    price = np.broadcast_to(weight, W.shape[1])
    cost = np.concatenate([price, price])
    return linprog(cost, A_eq=np.hstack([W, -W]), b_eq=c, method="highs-ds").fun


def twin(W, c, budget, *, n_seen=0.0, cost=1.0, available=np.inf, noise_var=1.0):
    """Return the least risk, by a general solver from an even spread."""
    price, most = (np.broadcast_to(a, W.shape[1]) for a in (cost, available))
    limit = np.minimum(budget / price, most)
    start = limit * min(1.0, 0.999 * budget / (price @ limit))
    C = c.reshape(len(W), -1)

    def value_and_slope(n):
        A = (W * ((n_seen + n) / noise_var)) @ W.T
        Z = np.linalg.solve(A + 1e-12 * np.trace(A) * np.eye(len(W)), C)
        return np.sum(C * Z), -((Z.T @ W) ** 2).sum(axis=0) / noise_var

    found = minimize(
        value_and_slope,
        start,
        jac=True,
        bounds=[(0.0, high) for high in limit],
        constraints={
            "type": "ineq",
            "fun": lambda n: 1.0 - price @ n / budget,
            "jac": lambda n: -price / budget,
        },
        method="SLSQP",
        options={"maxiter": 1000, "ftol": 1e-14},
    )
    return found.fun


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("seed", range(3))
def test_relevance_solves_the_linear_programme(scenario, seed):
    W, c = heads_and_target(scenario, seed)
    relevance = source_relevance(W, c)
    assert_allclose(W @ relevance, c, atol=1e-12)
    assert_allclose(np.abs(relevance).sum(), least_norm(W, c), rtol=1e-10)
    assert np.count_nonzero(relevance) <= len(W)


def test_l2_relevance_is_the_pseudoinverse():
    W, C, _ = random_problem(0, n_targets=3)
    assert_allclose(source_relevance(W, C, norm="l2"), np.linalg.pinv(W) @ C)
    assert_allclose(
        source_relevance(W, C[:, 0], norm="l2"), np.linalg.pinv(W) @ C[:, 0]
    )


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_allocation_attains_elfving_and_beats_random_ones(scenario):
    W, c = heads_and_target(scenario)
    allocation = optimal_allocation(W, c, 1000.0, integer=False)
    assert_allclose(allocation.unit_risk, least_norm(W, c) ** 2 / 1000.0, rtol=1e-8)
    assert_allclose(W @ allocation.relevance, c, atol=1e-12)
    share = np.abs(allocation.relevance) / np.abs(allocation.relevance).sum()
    assert_allclose(allocation.n, 1000.0 * share, atol=1e-9)
    rng = np.random.default_rng(0)
    for concentration in np.geomspace(0.02, 10, 1000):
        n = 1000.0 * rng.dirichlet(np.full(W.shape[1], concentration))
        n = 0.999 * n + 1e-3 * 1000.0 / W.shape[1]
        assert risk_of(W, c, n) > allocation.unit_risk


@quiet
@given(seed=seeds, n_targets=st.integers(1, 3), data=st.data())
def test_no_limits_keep_it_from_the_optimum(seed, n_targets, data):
    W, C, rng = random_problem(seed, n_targets=n_targets)
    settings = {
        "n_seen": rng.integers(1, 9, 12),
        "cost": np.exp(rng.uniform(-1.6, 1.6, 12)),
        "available": rng.integers(0, 30, 12).astype(float),
        "noise_var": np.exp(rng.uniform(-1, 1, 12)),
    }
    chosen = {name: a for name, a in settings.items() if data.draw(st.booleans(), name)}
    budget = data.draw(st.sampled_from([3.0, 40.0, 400.0]), "budget")
    allocation = optimal_allocation(W, C, budget, integer=False, **chosen)
    cost = chosen.get("cost", 1.0) * np.ones(12)
    assert cost @ allocation.n <= budget * (1 + 1e-9)
    assert (allocation.n <= chosen.get("available", np.inf)).all()
    assert 1.0 - 1e-8 <= allocation.efficiency <= 1.0
    total = chosen.get("n_seen", 0) + allocation.n
    if allocation.coverage == 1.0:
        pieces = np.linalg.pinv((W * (total / chosen.get("noise_var", 1.0))) @ W.T)
        assert_allclose(allocation.unit_risk, np.trace(C.T @ pieces @ C), rtol=1e-6)
        assert allocation.unit_risk <= twin(W, C, budget, **chosen) * (1 + 1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_the_twin_is_no_straw_man(seed):
    W, C, rng = random_problem(seed, n_targets=1 + seed % 2)
    settings = {"n_seen": rng.integers(1, 9, 12), "available": rng.uniform(5, 30, 12)}
    allocation = optimal_allocation(W, C, 60.0, integer=False, **settings)
    assert_allclose(allocation.unit_risk, twin(W, C, 60.0, **settings), rtol=1e-4)


@given(seed=seeds, n_targets=st.integers(1, 3), caps=st.booleans())
def test_what_turns_heads_or_scales_targets_does_not_matter(seed, n_targets, caps):
    W, C, rng = random_problem(seed, n_targets=n_targets)
    settings = {"n_seen": rng.integers(0, 5, 12), "integer": False}
    if caps:
        settings["available"] = rng.uniform(1, 30, 12)
    before = optimal_allocation(W, C, 50.0, **settings)
    turn = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    turned = optimal_allocation(turn @ W, turn @ C, 50.0, **settings)
    assert_allclose(turned.unit_risk, before.unit_risk, rtol=1e-7)
    assert_allclose(turned.n, before.n, atol=0.02)
    scaled = optimal_allocation(W, -300.0 * C, 50.0, **settings)
    assert_allclose(scaled.unit_risk, 300.0**2 * before.unit_risk, rtol=1e-7)
    assert_allclose(scaled.n, before.n, atol=0.02)
    among = np.linalg.qr(rng.normal(size=(n_targets, n_targets)))[0]
    mixed = optimal_allocation(W, C @ among, 50.0, **settings)
    assert_allclose(mixed.unit_risk, before.unit_risk, rtol=1e-7)
    signs = rng.choice([-1.0, 1.0], 12)
    mirrored = optimal_allocation(W * signs, C, 50.0, **settings)
    assert_allclose(mirrored.unit_risk, before.unit_risk, rtol=1e-7)


def test_order_of_sources_does_not_matter():
    W, c, rng = random_problem(5)
    order = rng.permutation(12)
    n = optimal_allocation(W, c, 100.0, integer=False).n
    assert_allclose(
        optimal_allocation(W[:, order], c, 100.0, integer=False).n, n[order]
    )


@given(seed=seeds, factor=st.floats(0.1, 10.0), n_targets=st.integers(1, 2))
def test_equal_information_for_money_is_worth_equal_money(seed, factor, n_targets):
    W, C, rng = random_problem(seed, n_targets=n_targets)
    cost = np.exp(rng.uniform(-1, 1, 12))
    before = optimal_allocation(W, C, 50.0, cost=cost, integer=False)
    dearer, longer = cost.copy(), W.copy()
    m = int(np.argmax(before.n))
    dearer[m] *= factor**2
    longer[:, m] *= factor
    after = optimal_allocation(longer, C, 50.0, cost=dearer, integer=False)
    assert_allclose(dearer * after.n, cost * before.n, atol=1e-3)
    assert_allclose(after.unit_risk, before.unit_risk, rtol=1e-8)


def test_costs_enter_by_their_root():
    W, c, rng = random_problem(3)
    c, cost = c[:, 0], np.exp(rng.uniform(-1.6, 1.6, 12))
    noise = np.exp(rng.uniform(-1, 1, 12))
    root = np.sqrt(cost * noise)
    allocation = optimal_allocation(
        W, c, 70.0, cost=cost, noise_var=noise, integer=False
    )
    assert_allclose(allocation.unit_risk, least_norm(W, c, root) ** 2 / 70.0, rtol=1e-9)
    assert_allclose(W @ allocation.relevance, c, atol=1e-10)
    norm = (root * np.abs(allocation.relevance)).sum()
    expected = 70.0 * np.sqrt(noise / cost) * np.abs(allocation.relevance) / norm
    assert_allclose(allocation.n, expected, atol=1e-9)
    assert_allclose(allocation.spent, 70.0)


def test_noise_is_the_length_of_heads():
    W, c, rng = random_problem(4)
    noise = np.exp(rng.uniform(-1, 1, 12))
    n = optimal_allocation(W, c, 70.0, noise_var=noise, integer=False).n
    quieter = optimal_allocation(W / np.sqrt(noise), c, 70.0, integer=False).n
    assert_allclose(n, quieter, atol=1e-8)


@given(seed=seeds, n_targets=st.integers(1, 2), caps=st.booleans())
def test_more_money_never_hurts(seed, n_targets, caps):
    W, C, rng = random_problem(seed, n_targets=n_targets)
    settings = {"available": rng.uniform(1, 30, 12)} if caps else {}
    risks = [
        optimal_allocation(W, C, budget, integer=False, **settings).unit_risk
        for budget in np.geomspace(5.0, 200.0, 8)
    ]
    assert (np.diff(risks) <= 1e-9 * np.array(risks[1:])).all()


@given(seed=seeds)
def test_two_optimal_rounds_are_as_good_as_one(seed):
    W, c, _ = random_problem(seed)
    first = optimal_allocation(W, c, 30.0, integer=False)
    second = optimal_allocation(W, c, 50.0, n_seen=first.n, integer=False)
    once = optimal_allocation(W, c, 80.0, integer=False)
    assert_allclose(second.unit_risk, once.unit_risk, rtol=1e-8)
    assert second.efficiency > 1.0 - 1e-8


def test_samples_held_are_not_bought_again():
    W = np.eye(2)
    allocation = optimal_allocation(W, [1.0, 1.0], 10, n_seen=[6, 0], integer=False)
    assert_allclose(allocation.n, [2.0, 8.0], atol=1e-9)
    assert_allclose(optimal_allocation(W, [1.0, 1.0], 4, n_seen=[6, 0]).n, [0, 4])


@quiet
@given(seed=seeds, data=st.data())
def test_whole_samples_keep_to_every_limit_and_to_the_bound(seed, data):
    n_targets = data.draw(st.integers(1, 2), "n_targets")
    W, C, rng = random_problem(seed, k=3, n_sources=8, n_targets=n_targets)
    budget = data.draw(st.floats(0.0, 300.0), "budget")
    cost = np.exp(rng.uniform(-1.6, 1.6, 8))
    settings = {"cost": cost, "n_seen": rng.integers(0, 4, 8)}
    if data.draw(st.booleans(), "caps"):
        settings["available"] = rng.uniform(0, 30, 8)
    if data.draw(st.booleans(), "fees"):
        settings["fixed_cost"] = rng.uniform(0, 0.3 * budget, 8)
    if data.draw(st.booleans(), "few"):
        settings["max_tasks"] = data.draw(st.integers(1, 4), "max_tasks")
    whole = optimal_allocation(W, C, budget, **settings)
    assert whole.n.dtype.kind == "i"
    assert (whole.n >= 0).all()
    opened = whole.n > 0
    fees = (settings.get("fixed_cost", np.zeros(8)) * opened).sum()
    assert_allclose(whole.spent, cost @ whole.n + fees)
    assert whole.spent <= budget * (1 + 1e-9)
    assert (whole.n <= settings.get("available", np.inf)).all()
    assert opened.sum() <= settings.get("max_tasks", 8)
    if "available" in settings:
        settings["available"] = np.floor(settings["available"])
    exact = optimal_allocation(W, C, budget, integer=False, **settings)
    chosen = exact.n > 0
    left = budget - (settings.get("fixed_cost", np.zeros(8)) * chosen).sum()
    if chosen.any() and cost[chosen].sum() < left:
        factor = 1.0 - cost[chosen].sum() / left
        assert whole.unit_risk <= exact.unit_risk / factor * (1 + 1e-9)
        assert whole.coverage >= exact.coverage - 1e-9


@pytest.mark.parametrize("seed", range(12))
def test_whole_samples_are_near_the_best_of_all_whole_samples(seed):
    W, c, rng = random_problem(seed, k=2, n_sources=4)
    cost = rng.choice([1.0, 1.5, 2.0], 4)
    seen = np.array([1, 1, 1, 1])
    best = min(
        risk_of(W, c, seen + np.array(n))
        for n in product(range(13), repeat=4)
        if cost @ n <= 12.0
    )
    whole = optimal_allocation(W, c, 12.0, cost=cost, n_seen=seen)
    assert best * (1 - 1e-12) <= whole.unit_risk <= 1.06 * best
    assert whole.efficiency * whole.unit_risk <= best * (1 + 1e-9)


def test_large_budgets_lose_no_more_than_change():
    W, C, rng = random_problem(0, n_targets=2)
    cost = np.exp(rng.uniform(-1.6, 1.6, 12))
    allocation = optimal_allocation(W, C, 1e6, cost=cost)
    assert 1e6 - allocation.spent < cost[allocation.n > 0].min()
    assert allocation.efficiency > allocation.spent / 1e6 - 1e-9


@quiet
@pytest.mark.parametrize("seed", range(24))
def test_choice_of_sources_equals_the_best_of_all_choices(seed):
    rng = np.random.default_rng(seed)
    k, n_sources = int(rng.integers(1, 4)), 5
    W, C, rng = random_problem(seed, k, n_sources, n_targets=1 + seed % 2)
    fee = rng.uniform(0, 15, n_sources) * (seed % 3 > 0)
    most = int(rng.integers(1, 4)) if seed % 3 < 2 else n_sources
    settings = {"integer": False}
    if seed % 4 < 2:
        settings["n_seen"] = rng.integers(1, 6, n_sources)
    best = (2.0, np.inf)
    for count in range(1, most + 1):
        for some in map(list, combinations(range(n_sources), count)):
            left = 50.0 - fee[some].sum()
            if left > 0.0:
                only = np.where(np.isin(np.arange(n_sources), some), np.inf, 0.0)
                tried = optimal_allocation(W, C, left, available=only, **settings)
                best = min(best, (round(1 - tried.coverage, 9), tried.unit_risk))
    found = optimal_allocation(W, C, 50.0, fixed_cost=fee, max_tasks=most, **settings)
    assert (found.n > 0).sum() <= most
    assert found.spent <= 50.0 * (1 + 1e-9)
    assert_allclose(1 - found.coverage, best[0], atol=1e-8)
    if np.isfinite(best[1]):
        assert_allclose(found.unit_risk, best[1], rtol=1e-7)
    assert found.efficiency > 1 - 1e-6


def test_limits_that_do_not_bind_change_nothing():
    W, c = heads_and_target("generic")
    free = optimal_allocation(W, c, 1000)
    limited = optimal_allocation(
        W, c, 1000, available=1000, max_tasks=5, fixed_cost=0.0, cost=1.0, n_seen=0
    )
    assert_array_equal(limited.n, free.n)
    assert limited.unit_risk == free.unit_risk


def test_everything_is_bought_when_there_is_money_for_it():
    W, c, _ = random_problem(2)
    allocation = optimal_allocation(W, c, 1000.0, available=3)
    assert_array_equal(allocation.n, np.full(12, 3))
    assert allocation.efficiency > 1 - 1e-12


def test_an_early_end_of_the_search_is_admitted():
    W, c = heads_and_target("generic", seed=1)
    seen = np.full(40, 5)
    few = optimal_allocation(W, c, 2000.0, n_seen=seen, max_tasks=2, integer=False)
    free = optimal_allocation(W, c, 2000.0, n_seen=seen, integer=False)
    assert (few.n > 0).sum() <= 2
    assert free.unit_risk <= few.unit_risk
    assert few.efficiency * few.unit_risk >= free.unit_risk * (1 - 1e-8)
    assert few.efficiency <= 1.0


@pytest.mark.parametrize("copies", [1, 3])
def test_copies_of_one_target_are_one_target(copies):
    W, c, _ = random_problem(8)
    one = optimal_allocation(W, c[:, 0], 60.0, integer=False)
    several = optimal_allocation(W, np.repeat(c, copies, 1), 60.0, integer=False)
    assert_allclose(several.n, one.n, atol=1e-8)
    assert_allclose(several.unit_risk, copies * one.unit_risk, rtol=1e-9)
    assert_allclose(several.relevance, np.repeat(one.relevance[:, None], copies, 1))


def test_group_relevance_is_proportional_to_samples():
    W, C, _ = random_problem(9, n_targets=3)
    relevance = source_relevance(W, C)
    assert_allclose(W @ relevance, C, atol=1e-6)
    size = np.linalg.norm(relevance, axis=1)
    allocation = optimal_allocation(W, C, 100.0, integer=False)
    assert_allclose(allocation.unit_risk, size.sum() ** 2 / 100.0, rtol=1e-8)
    assert_allclose(allocation.n, 100.0 * size / size.sum(), atol=1e-2)
    assert size.sum() <= np.linalg.norm(np.linalg.pinv(W) @ C, axis=1).sum()


@given(seed=seeds, k=st.integers(1, 5), n_sources=st.integers(5, 20))
def test_ties_do_not_lead_astray(seed, k, n_sources):
    rng = np.random.default_rng(seed)
    W = rng.integers(-1, 2, (k, n_sources)).astype(float)
    c = W @ rng.integers(-2, 3, n_sources)
    relevance = source_relevance(W, c)
    assert_allclose(W @ relevance, c, atol=1e-8)
    assert_allclose(np.abs(relevance).sum(), least_norm(W, c), rtol=1e-8, atol=1e-9)
    assert np.count_nonzero(np.abs(relevance) > 1e-9) <= k
    seen = rng.integers(0, 3, n_sources)
    allocation = optimal_allocation(W, c, 20.0, n_seen=seen, integer=False)
    assert allocation.efficiency > 1 - 1e-7
    assert allocation.coverage == 1.0


def test_duplicate_sources_share_or_one_takes_all():
    W, c, _ = random_problem(6, n_sources=6)
    single = optimal_allocation(W, c, 90.0, integer=False)
    double = optimal_allocation(np.hstack([W, W]), c, 90.0, integer=False)
    assert_allclose(double.unit_risk, single.unit_risk, rtol=1e-9)
    assert_allclose(double.n[:6] + double.n[6:], single.n, atol=1e-7)


def test_sources_without_a_head_get_nothing():
    W, c, _ = random_problem(7)
    padded = np.hstack([np.zeros((4, 3)), W])
    for settings in ({}, {"n_seen": 1}, {"available": 20}, {"max_tasks": 4}):
        allocation = optimal_allocation(padded, c, 50, **settings)
        assert_array_equal(allocation.n[:3], 0)
        assert allocation.n[3:].any()


def test_a_target_of_zero_needs_nothing():
    W, _, _ = random_problem(7)
    allocation = optimal_allocation(W, np.zeros(4), 50)
    assert not allocation.n.any()
    assert (allocation.unit_risk, allocation.spent, allocation.efficiency) == (0, 0, 1)
    assert not source_relevance(W, np.zeros(4)).any()


def test_one_direction_takes_the_source_that_gives_most_for_money():
    W, cost = np.array([[1.0, -3.0, 2.0]]), [1.0, 8.0, 5.0]
    allocation = optimal_allocation(W, [2.0], 40, cost=cost)
    assert_array_equal(allocation.n, [0, 5, 0])
    assert_allclose(allocation.unit_risk, 4.0 / (5 * 9.0))


@pytest.mark.parametrize("n_sources", [1, 2, 3])
def test_part_of_the_target_out_of_reach(n_sources):
    W, c, _ = random_problem(0, n_sources=n_sources)
    c = c[:, 0]
    basis = np.linalg.qr(W)[0]
    within = basis @ (basis.T @ c)
    with pytest.warns(UserWarning, match="outside the span"):
        allocation = optimal_allocation(W, c, 60.0, integer=False)
    reached = optimal_allocation(W, within, 60.0, integer=False)
    assert allocation.unit_risk == np.inf
    assert_allclose(allocation.coverage, within @ within / (c @ c))
    assert_allclose(allocation.n, reached.n, atol=1e-6)
    assert_allclose(W @ allocation.relevance, within, atol=1e-7)
    assert_allclose(allocation.efficiency, 1.0)
    for norm in ("l1", "l2"):
        with pytest.warns(UserWarning, match="outside the span"):
            relevance = source_relevance(W, c, norm=norm)
        assert_allclose(W @ relevance, within, atol=1e-7)
    held = optimal_allocation(
        np.hstack([W, np.eye(4)]), c, 60.0, n_seen=[0] * n_sources + [1] * 4
    )
    assert held.coverage == 1.0


def test_too_small_a_budget_is_reported():
    with pytest.warns(UserWarning, match="outside the span of the heads of the source"):
        allocation = optimal_allocation(np.eye(3), np.ones(3), 2)
    assert allocation.n.sum() == 2
    assert allocation.unit_risk == np.inf
    assert_allclose(allocation.coverage, 2 / 3)
    assert allocation.efficiency == 0.0
    with pytest.warns(UserWarning, match="outside the span of the heads of the source"):
        assert optimal_allocation(np.eye(3), np.ones(3), 0).coverage == 0.0


def test_expected_risk_is_what_allocations_report():
    W, C, rng = random_problem(1, n_targets=2)
    noise, seen = np.exp(rng.uniform(-1, 1, 12)), rng.integers(1, 9, 12)
    allocation = optimal_allocation(W, C, 40, n_seen=seen, noise_var=noise)
    risk = expected_risk(W, C, seen + allocation.n, n_features=30, noise_var=noise)
    assert_allclose(risk, (30 - 4) * allocation.unit_risk, rtol=1e-9)
    assert_allclose(risk, 26 * risk_of(W, C, seen + allocation.n, noise), rtol=1e-9)


def test_expected_risk_of_what_cannot_be_learned():
    W = np.eye(3)
    assert expected_risk(W, [1, 1, 0], [5, 0, 9], n_features=10) == np.inf
    assert_allclose(expected_risk(W, [1, 1, 0], [5, 5, 0], n_features=10), 7 * 0.4)
    assert expected_risk(W, [1, 1, 0], [5, 5, 0], n_features=3) == 0.0
    assert expected_risk(W, [0, 0, 0], [0, 0, 0], n_features=10) == 0.0


W_OK, C_OK = np.eye(2), np.ones(2)
WRONG = [
    ({"W": np.ones(3)}, "one column for each source"),
    ({"W": np.ones((2, 0))}, "one column for each source"),
    ({"W": [[1, np.nan], [0, 1]]}, "W must hold finite"),
    ({"c": np.ones(3)}, r"k=2.*got \(3,\)"),
    ({"c": [np.inf, 1]}, "c must hold finite"),
    ({"budget": -1}, "budget must be a finite number >= 0.0, got -1"),
    ({"budget": np.inf}, "budget must be a finite"),
    ({"budget": "much"}, "budget must be a finite"),
    ({"n_seen": [1, 2, 3]}, r"each of the 2 sources, got an array of shape \(3,\)"),
    ({"n_seen": [1, -2]}, "n_seen must not be negative, got -2"),
    ({"cost": [1, 0]}, "cost must be positive, got 0"),
    ({"fixed_cost": -1}, "fixed_cost must not be negative"),
    ({"fixed_cost": np.inf}, "fixed_cost must hold finite"),
    ({"available": [1, np.nan]}, "available must hold numbers, not NaN"),
    ({"noise_var": 0}, "noise_var must be positive"),
    ({"max_tasks": 0}, "max_tasks must be a whole number >= 1"),
    ({"max_tasks": 1.5}, "max_tasks must be a whole number >= 1"),
]


@pytest.mark.parametrize(("change", "message"), WRONG)
def test_input_that_makes_no_sense_is_named(change, message):
    arguments = {"W": W_OK, "c": C_OK, "budget": 10} | change
    with pytest.raises(ValueError, match=message):
        optimal_allocation(**arguments)


def test_the_other_doors_are_guarded_too():
    with pytest.raises(ValueError, match="norm must be 'l1' or 'l2', got 'l3'"):
        source_relevance(W_OK, C_OK, norm="l3")
    with pytest.raises(ValueError, match="n_features must be a whole number >= 2"):
        expected_risk(W_OK, C_OK, [1, 1], n_features=1)
    with pytest.raises(ValueError, match="n must not be negative"):
        expected_risk(W_OK, C_OK, [1, -1], n_features=5)


def test_inputs_are_left_as_they_were():
    W, C, rng = random_problem(0)
    arrays = {"n_seen": rng.integers(0, 5, 12), "available": rng.uniform(0, 9, 12)}
    for array in (W, C, *arrays.values()):
        array.setflags(write=False)
    optimal_allocation(W, C, 30, max_tasks=3, **arrays)
    optimal_allocation(W.tolist(), C.tolist(), 30, max_tasks=3, **arrays)
