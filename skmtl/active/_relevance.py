"""How much each source matters to a target."""

import numpy as np

from ._arguments import read_heads
from ._design import Design
from ._scaling import fewer_targets, warn_if_outside
from ._spending import spend


def source_relevance(W, c, norm="l1"):
    r"""Return the smallest mixture of source heads that makes the target's head.

    The relevance :math:`\nu` solves :math:`W \nu = c`. That of least :math:`\ell_1`
    norm [1]_ has no more than k entries that are not zero, and samples in proportion
    to :math:`|\nu_m|` are the optimal allocation of a budget: this is Elfving's theorem
    [3]_ on optimal designs. That of least :math:`\ell_2` norm [2]_ spreads over all
    sources. For several targets, :math:`\nu` has a row :math:`\nu_m` for each source,
    and the norms are :math:`\sum_m \|\nu_m\|_2` and :math:`\sum_m \|\nu_m\|_2^2`.

    Parameters
    ----------
    W : array-like of shape (k, n_sources)
        Heads of the sources, one a column.
    c : array-like of shape (k,) or (k, n_targets)
        Head of the target, or of several targets.
    norm : {"l1", "l2"}, default="l1"
        Which norm is the least.

    Returns
    -------
    relevance : ndarray of shape (n_sources,) or (n_sources, n_targets)
        Where part of a target lies outside the span of the sources, a mixture that
        makes the rest of it, with a warning.

    See Also
    --------
    optimal_allocation : Samples for a budget, with costs and limits.

    References
    ----------
    .. [1] Y. Wang, Y. Chen, K. Jamieson and S. S. Du, "Improved active multi-task
       representation learning via Lasso", International Conference on Machine
       Learning, 2023.
    .. [2] Y. Chen, K. Jamieson and S. S. Du, "Active multi-task representation
       learning", International Conference on Machine Learning, 2022.
    .. [3] G. Elfving, "Optimum allocation in linear regression theory", The Annals of
       Mathematical Statistics 23(2), 1952.

    Examples
    --------
    >>> from skmtl.active import source_relevance
    >>> W = [[1, 0, 1], [0, 1, 1]]
    >>> source_relevance(W, [3, 2]).round(9)
    array([1., 0., 2.])
    >>> source_relevance(W, [3, 2], norm="l2").round(9)
    array([1.33333333, 0.33333333, 1.66666667])
    """
    if norm not in ("l1", "l2"):
        raise ValueError(f"norm must be 'l1' or 'l2', got {norm!r}.")
    heads, targets = read_heads(W, c)
    relevance = _LEAST[norm](heads, targets)
    size = (targets**2).sum()
    if size:
        missing = ((targets - heads @ relevance) ** 2).sum()
        warn_if_outside(missing / size, "given")
    return relevance if np.ndim(c) == 2 else relevance[:, 0]


def _least_l1(heads, targets):
    few, turn = fewer_targets(targets)
    k, n_sources = heads.shape
    unlimited = np.full(n_sources, np.inf)
    design = Design(heads, few, np.zeros((k, k)), unlimited, 1.0)
    return spend(design).weights @ turn


def _least_l2(heads, targets):
    return np.linalg.lstsq(heads, targets, rcond=None)[0]


_LEAST = {"l1": _least_l1, "l2": _least_l2}
