"""Risk of a target that a given number of source samples leads to."""

import numpy as np

from ._arguments import read_amounts, read_count, read_heads, read_positive
from ._design import risk


def expected_risk(W, c, n, *, n_features, noise_var=1.0):
    r"""Return the risk that source samples leave in a target, to leading order.

    Tasks are linear in k shared directions of d features, :math:`y = x^\top B w_m + z`,
    and the target is :math:`B c`. When the directions are fitted by least squares to
    :math:`n_m` samples of each source, with features of unit covariance and noise of
    variance :math:`\sigma_m^2`, the expected squared error of the target's predictions
    is, to leading order,

    .. math:: (d - k)\, c^\top \Bigl(\sum_m \frac{n_m}{\sigma_m^2} w_m w_m^\top
              \Bigr)^{-1} c.

    Fitting the head of the target itself to :math:`n_0` samples adds
    :math:`\sigma_0^2 k / n_0`, which no source can lower.

    Parameters
    ----------
    W : array-like of shape (k, n_sources)
        Heads of the sources, one a column.
    c : array-like of shape (k,) or (k, n_targets)
        Head of the target, or of several; their risks are added.
    n : array-like of shape (n_sources,)
        Samples of each source.
    n_features : int
        Number of features d, at least k.
    noise_var : float or array-like of shape (n_sources,), default=1.0
        Variance of the noise, of all sources or of each.

    Returns
    -------
    risk : float
        Infinite where part of a target lies outside the span of the sources sampled.

    See Also
    --------
    optimal_allocation : The samples that minimise this risk.

    References
    ----------
    .. [1] Y. Wang, Y. Chen, K. Jamieson and S. S. Du, "Improved active multi-task
       representation learning via Lasso", International Conference on Machine
       Learning, 2023.

    Examples
    --------
    >>> from skmtl.active import expected_risk
    >>> expected_risk([[1, 0], [0, 1]], [1, 0], [100, 900], n_features=12)
    0.1
    """
    heads, targets = read_heads(W, c)
    k, n_sources = heads.shape
    n_features = read_count("n_features", n_features, low=k)
    samples = read_amounts("n", n, n_sources)
    noise = read_positive("noise_var", noise_var, n_sources)
    left = risk((heads * (samples / noise)) @ heads.T, targets)
    return np.inf if left.outside else float((n_features - k) * left.value)
