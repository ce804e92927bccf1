"""Samples of each source that lower the risk of a target most for a budget."""

from typing import NamedTuple

import numpy as np

from ._arguments import (
    read_amounts,
    read_count,
    read_heads,
    read_number,
    read_positive,
)
from ._design import OUTSIDE, Found, least_risk, risk
from ._openings import Terms, open_sources
from ._rounding import whole_samples
from ._scaling import Problem, scale, warn_if_outside
from ._spending import spend


class Allocation(NamedTuple):
    """Samples of each source, and what is to be expected of them.

    A named tuple, which :func:`optimal_allocation` returns.

    Parameters
    ----------
    n : ndarray of shape (n_sources,)
        Samples to collect of each source; integers, or floats with ``integer=False``.
    relevance : ndarray of shape (n_sources,) or (n_sources, n_targets)
        Mixture of source heads that the optimal samples (before rounding) stand for:
        without samples held, ``W @ relevance`` is the target's head.
    unit_risk : float
        Expected risk for every feature beyond the rank: times ``n_features - k`` it is
        :func:`expected_risk` of these samples and those held. Infinite where part of
        the target lies outside the span of the sources sampled.
    spent : float
        Money the samples cost, with the price of opening sources.
    efficiency : float
        No allocation within the same limits has a risk below ``efficiency *
        unit_risk``. One is optimal; a little less is the price of whole samples.
    coverage : float
        Share of the target's squared length that lies in the span of the sources
        sampled.

    See Also
    --------
    optimal_allocation : Finds it.

    Examples
    --------
    >>> from skmtl.active import optimal_allocation
    >>> plan = optimal_allocation([[1, 0, 1], [0, 1, 1]], [3, 2], budget=90)
    >>> plan.n
    array([30,  0, 60])
    >>> plan.spent
    90.0
    """

    n: np.ndarray
    relevance: np.ndarray
    unit_risk: float
    spent: float
    efficiency: float
    coverage: float


def optimal_allocation(
    W,
    c,
    budget,
    *,
    n_seen=None,
    cost=None,
    fixed_cost=None,
    available=None,
    noise_var=None,
    max_tasks=None,
    integer=True,
):
    r"""Return the samples of each source that lower a target's risk most for a budget.

    The samples minimise :func:`expected_risk`. With equal costs and nothing else asked,
    they are in proportion to :math:`|\nu_m|`, where :math:`\nu` has the least
    :math:`\ell_1` norm of all solutions of :math:`W \nu = c` [1]_, [3]_; at most k
    sources are sampled. With a cost :math:`q_m` of one sample and noise of variance
    :math:`\sigma_m^2`, the norm is :math:`\sum_m \sqrt{q_m} \sigma_m |\nu_m|` and
    samples are in proportion to :math:`\sigma_m |\nu_m| / \sqrt{q_m}`.

    Parameters
    ----------
    W : array-like of shape (k, n_sources)
        Heads of the sources, one a column.
    c : array-like of shape (k,) or (k, n_targets)
        Head of the target, or of several targets whose total risk is lowered.
    budget : float
        Money to spend; number of samples if no costs are given.
    n_seen : array-like of shape (n_sources,), default=None
        Samples held already. They count: what they have taught is not bought again.
    cost : float or array-like of shape (n_sources,), default=None
        Cost of one sample. None is one.
    fixed_cost : float or array-like of shape (n_sources,), default=None
        Cost of the first sample of a source, beside ``cost``. None is zero. Set it to
        zero for sources that are open from an earlier round.
    available : float or array-like of shape (n_sources,), default=None
        Most samples to be had of each source. None is no limit.
    noise_var : float or array-like of shape (n_sources,), default=None
        Variance of the noise, of all sources or of each. None is one.
    max_tasks : int, default=None
        Most sources to sample.
    integer : bool, default=True
        Return whole samples. With r the cost of one sample of each chosen source, in
        units of the budget, optimal samples times 1 - r are rounded up [4]_, and money
        left is spent where it helps most: the risk is at most 1 / (1 - r) times that
        without rounding.

    Returns
    -------
    allocation : Allocation
        With the fields ``n``, ``relevance``, ``unit_risk``, ``spent``, ``efficiency``
        and ``coverage``.

    See Also
    --------
    source_relevance : How much each source matters.
    expected_risk : The risk of any samples.

    Notes
    -----
    Samples of a source that cannot lower the risk are not bought; the budget may then
    be left, as it is when all that is useful has been bought.

    The optimum is a point of a Lasso path, which LARS finds without iterating [6]_. For
    several targets it is a group Lasso [5]_; that, and limits on what is available,
    take an interior point method [7]_. With ``fixed_cost`` or
    ``max_tasks`` the choice is combinatorial: it is searched by branch and bound, and
    ``efficiency`` is below one where the search ended early.

    References
    ----------
    .. [1] Y. Wang, Y. Chen, K. Jamieson and S. S. Du, "Improved active multi-task
       representation learning via Lasso", International Conference on Machine
       Learning, 2023.
    .. [2] Y. Chen, K. Jamieson and S. S. Du, "Active multi-task representation
       learning", International Conference on Machine Learning, 2022.
    .. [3] G. Elfving, "Optimum allocation in linear regression theory", The Annals of
       Mathematical Statistics 23(2), 1952.
    .. [4] F. Pukelsheim and S. Rieder, "Efficient rounding of approximate designs",
       Biometrika 79(4), 1992.
    .. [5] G. Sagnol and E. Pauwels, "An unexpected connection between Bayes A-optimal
       designs and the group lasso", Statistical Papers 60, 2019.
    .. [6] G. Sagnol and L. Pronzato, "Fast screening rules for optimal design via
       quadratic Lasso reformulation", Journal of Machine Learning Research 24, 2023.
    .. [7] Z. Lu and T. K. Pong, "Computing optimal experimental designs via interior
       point method", SIAM Journal on Matrix Analysis and Applications 34(4), 2013.

    Examples
    --------
    >>> from skmtl.active import optimal_allocation
    >>> W = [[1, 0, 1], [0, 1, 1]]
    >>> optimal_allocation(W, [3, 2], budget=90).n
    array([30,  0, 60])

    A source four times as dear is sampled less, or not at all.

    >>> optimal_allocation(W, [3, 2], budget=90, cost=[1, 1, 4]).n
    array([54, 36,  0])

    Samples held are not bought again.

    >>> optimal_allocation(W, [3, 2], budget=30, n_seen=[10, 10, 40]).n
    array([17,  0, 13])
    """
    problem = _read(W, c, budget, n_seen, cost, fixed_cost, available, noise_var)
    if integer:
        problem = problem._replace(most=np.floor(problem.most))
    if max_tasks is not None:
        max_tasks = read_count("max_tasks", max_tasks, low=1)
    allocation = allocate(problem, max_tasks, whole=bool(integer))
    warn_if_outside(1.0 - allocation.coverage, "sampled")
    if np.ndim(c) == 2:
        return allocation
    return allocation._replace(relevance=allocation.relevance[:, 0])


def _read(W, c, budget, n_seen, cost, fixed_cost, available, noise_var):
    heads, targets = read_heads(W, c)
    n = heads.shape[1]
    return Problem(
        heads=heads,
        targets=targets,
        noise=read_positive("noise_var", noise_var, n),
        price=read_positive("cost", cost, n),
        fee=read_amounts("fixed_cost", fixed_cost, n),
        most=read_amounts("available", available, n, default=np.inf),
        seen=read_amounts("n_seen", n_seen, n),
        budget=read_number("budget", budget, low=0.0),
    )


def allocate(problem, max_tasks=None, whole=True):
    """Return the optimal allocation of a problem whose numbers have been checked.

    Here ``relevance`` has a column for each target, and nothing warns of targets that
    are out of reach.
    """
    scaled = scale(problem)
    choice = _choose(scaled.design, problem.fee, max_tasks)
    samples = np.minimum(choice.spread.money / problem.price, problem.most)
    if whole:
        samples = _round(problem, scaled.held, samples)
    reached = risk(scaled.held + problem.information(samples), problem.targets)
    coverage, efficiency = 1.0, 1.0
    if reached.value:
        efficiency = min(1.0, choice.least * scaled.per_risk / reached.value)
    if reached.outside:
        size = (problem.targets**2).sum()
        coverage = 1.0 - float(reached.outside / size)
        ideal = problem.information(choice.spread.money / problem.price)
        best = risk(scaled.held + ideal, problem.targets).outside
        # Whole samples may miss directions that parts of samples reach.
        if reached.outside > best + OUTSIDE * size:
            efficiency = 0.0
    return Allocation(
        n=samples,
        relevance=scaled.weights(choice.spread),
        unit_risk=np.inf if reached.outside else reached.value,
        spent=float(problem.price @ samples + problem.fee @ (samples > 0)),
        efficiency=efficiency,
        coverage=coverage,
    )


def _choose(design, fee, max_tasks):
    """Return the best spread found, and a number below the risk of every other."""
    most = fee.size if max_tasks is None else min(max_tasks, fee.size)
    if not fee.any():
        spread = spend(design)
        if np.count_nonzero(spread.money) <= most:
            return Found(spread, least_risk(design, spread.direction))
    return open_sources(design, Terms(fee, most))


def _round(problem, held, samples):
    chosen = np.flatnonzero(samples)
    whole = np.zeros(samples.size, dtype=np.int64)
    if chosen.size:
        whole[chosen] = whole_samples(
            samples[chosen],
            problem.price[chosen],
            problem.most[chosen],
            problem.budget - problem.fee[chosen].sum(),
            problem.heads[:, chosen] / np.sqrt(problem.noise[chosen]),
            held,
            problem.targets,
        )
    return whole
