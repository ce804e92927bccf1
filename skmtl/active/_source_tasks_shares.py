r"""How much each source should weigh in a fit to rows of several tasks.

A linear model fitted to weighted rows of several tasks has, where features are spread
alike in all of them, a weighted mean of their heads: :math:`p_0 c + \sum_m p_m w_m`
with shares that add up to one. Of these combinations the best for the target is that of
least expected error at the target's rows. The target's own fit :math:`f_0` is closer to
its rows than to the truth, for which Mallows' criterion charges it
:math:`2 \sigma^2 p_0` per degree of freedom (Hansen 2007, "Least squares model
averaging"); what is not known of a source's head, of variance :math:`v_m` at the
target's rows, costs :math:`p_m^2 v_m`:

.. math:: \min_{p \ge 0,\; \sum_m p_m \le 1}\;
          \frac1n \Bigl\| y - f_0 - \sum_m p_m (f_m - f_0) \Bigr\|^2
          + \sum_m p_m^2 v_m + \frac{2 \sigma^2 d_0}{n} \Bigl(1 - \sum_m p_m\Bigr)
          + \frac{\sigma}{n} \sum_m p_m \| f_m - f_0 \|.

This is a Lasso with shares that are not negative. Its penalty, the last term, is not
tuned: it is what noise alone makes of the slope in a share.
"""

from typing import NamedTuple

import numpy as np

# Standard deviations by which what a source seems to gain has to exceed nothing: of
# many sources, some seem to gain by chance. In simulations, values from 0.3 to 1 had
# lower risks than 0 on average.
CAUTION = 0.5
# Slopes that differ by less are equal.
ROUNDING = 1e-11


class Evidence(NamedTuple):
    """What heads say of the target's rows, for each of `k` columns of targets.

    Attributes
    ----------
    sources : array of shape (n_rows, n_sources, k)
        Predictions by the heads of sources.
    variance : array of shape (n_rows, n_sources)
        What is not known of them, summed over columns.
    noise : array of shape (k,)
        Variance of targets about their predictions.
    """

    sources: np.ndarray
    variance: np.ndarray
    noise: np.ndarray

    def take(self, rows):
        """Return the evidence of some rows."""
        return self._replace(sources=self.sources[rows], variance=self.variance[rows])


class OwnFit(NamedTuple):
    """Fitted values of the target's own head, (n_rows, k), and degrees of freedom."""

    values: np.ndarray
    freedom: np.ndarray


def source_shares(evidence, own, Y, weight, max_tasks):
    """Return the shares of sources in the best combination; the rest is the target's.

    At most ``max_tasks`` of them are not zero, unless that is None.
    """
    total = weight.sum()
    gap = evidence.sources - own.values[:, None, :]
    weighted = gap * weight[:, None, None]
    gram = np.einsum("imk,ilk->ml", weighted, gap, optimize=True) / total
    unknown = weight @ evidence.variance / total
    gram.flat[:: len(gram) + 1] += unknown + ROUNDING * gram.diagonal()
    gain = np.einsum("imk,ik->m", weighted, Y - own.values) / total
    gain += (evidence.noise @ own.freedom) / total
    noise = np.einsum("imk,imk,k->m", weighted, gap, evidence.noise, optimize=True)
    gain -= CAUTION * np.sqrt(noise) / total
    return few_shares(gram, gain, max_tasks)


def few_shares(gram, gain, max_tasks=None):
    """Return p >= 0 of sum at most one that minimises ``p'gram p / 2 - gain'p``.

    Where more than ``max_tasks`` shares would be positive, the smallest is left out and
    the problem is solved anew for the others.
    """
    shares = best_shares(gram, gain)
    while max_tasks is not None and np.count_nonzero(shares) > max_tasks:
        kept = np.flatnonzero(shares)
        kept = np.delete(kept, np.argmin(shares[kept]))
        shares = np.zeros(gain.size)
        shares[kept] = best_shares(gram[np.ix_(kept, kept)], gain[kept])
    return shares


def best_shares(gram, gain):
    """Return p >= 0 of sum at most one that minimises ``p'gram p / 2 - gain'p``.

    An active-set method in the manner of Lawson and Hanson's for least squares: one
    more share, of the steepest descent, is set free at a time.
    """
    n = gain.size
    if n == 0 or gain.max() <= 0.0 or gram.diagonal().max() <= 0.0:
        return np.zeros(n)
    # The last share is what the sum lacks: it adds nothing to the objective.
    Q, g = np.zeros((n + 1, n + 1)), np.zeros(n + 1)
    Q[:n, :n], g[:n] = gram / np.abs(gain).max(), gain / np.abs(gain).max()
    p, free = np.zeros(n + 1), np.zeros(n + 1, bool)
    p[n], free[n] = 1.0, True
    for _ in range(10 * n + 10):
        slope = Q @ p - g
        j = np.argmin(np.where(free, np.inf, slope))
        if free.all() or slope[j] >= slope[free].max() - ROUNDING:
            break
        free[j] = True
        p, free = _descend(Q, g, p, free)
    return p[:n]


def _descend(Q, g, p, free):
    """Return the optimum over free shares, of which some may end at zero."""
    while True:
        index = np.flatnonzero(free)
        step = _stationary(Q[np.ix_(index, index)], g[index]) - p[index]
        falling = step < 0.0
        length = np.where(falling, p[index] / np.where(falling, -step, 1.0), np.inf)
        if length.min() >= 1.0:
            p[index] += step
            return p, free
        p[index] += length.min() * step
        gone = index[length <= length.min()]
        p[gone], free[gone] = 0.0, False


def _stationary(Q, g):
    """Return the shares of sum one, of any sign, at which all slopes are equal."""
    n = g.size
    system = np.ones((n + 1, n + 1))
    system[:n, :n], system[n, n] = Q, 0.0
    return np.linalg.solve(system, np.append(g, 1.0))[:n]


def row_weights(shares, rows, rows_of_target):
    """Return what a row of each source weighs beside one of the target, at most one.

    ``rows`` are the sums of weights of the sources' rows.
    """
    of_target = max(1.0 - shares.sum(), 0.0) / rows_of_target
    of_source = shares / rows
    equal = np.where(of_source > 0.0, 1.0, 0.0)
    return np.divide(of_source, of_target, out=equal, where=of_source < of_target)
