r"""Whole samples that keep to the budget, and to most of the optimum.

Optimal samples are shrunk by the factor :math:`s = 1 - \sum_m q_m / b`, for a budget
:math:`b` and prices :math:`q_m` of one sample of the chosen sources, and rounded up.
They cost no more than the budget, and every source has at least :math:`s` times its
optimal sample, so that the risk is at most :math:`1 / s` times the optimal one. Money
left over buys the sample that lowers the risk most for its price, again and again.
Rounding up what was shrunk is the efficient rounding of Pukelsheim and Rieder (1992),
here with prices.
"""

import numpy as np

# Prices add up to the budget within this share of it.
PENNY = 1e-12


def whole_samples(samples, price, most, budget, heads, held, targets):
    """Return whole samples of the chosen sources, for at most the budget.

    Parameters
    ----------
    samples : float64 array of shape (n_chosen,)
        Optimal samples, all positive.
    price, most : float64 array of shape (n_chosen,)
        Price of one sample, and the number of samples to be had.
    budget : float
    heads : float64 array of shape (k, n_chosen)
        Information of one sample is the product of the head with itself.
    held : float64 array of shape (k, k)
        Information already held.
    targets : float64 array of shape (k, n_targets)
    """
    factor = max(0.0, 1.0 - price.sum() / budget)
    whole = np.ceil(factor * samples * (1.0 - PENNY))
    left = budget * (1.0 + PENNY) - price @ whole
    wanted = (price <= left) & (whole < most)
    if wanted.any():
        tried = _Trial.of(whole, heads, held, targets)
    while wanted.any():
        best = int(np.argmax(np.where(wanted, tried.gain() / price, -1.0)))
        # Several at once where they are cheap beside what is left.
        count = np.floor(left / (2.0 * price.size * price[best]))
        count = min(max(1.0, count), most[best] - whole[best])
        tried.buy(best, count)
        whole[best] += count
        left -= count * price[best]
        wanted = (price <= left) & (whole < most)
    return whole


class _Trial:
    """How much the risk falls with one more sample of each source."""

    def __init__(self, between, change):
        self.between, self.change = between, change

    @classmethod
    def of(cls, whole, heads, held, targets):
        """Measure heads, and targets, by the inverse of the information."""
        information = held + (heads * whole) @ heads.T
        # Without one sample of each source, directions may be missing.
        little = 1e-9 * (np.trace(information) + (heads * heads).sum())
        information += little * np.eye(len(held))
        reached = np.linalg.solve(information, heads)
        return cls(heads.T @ reached, targets.T @ reached)

    def gain(self):
        """Return how much the risk falls with one sample (Sherman and Morrison)."""
        return (self.change**2).sum(axis=0) / (1.0 + self.between.diagonal())

    def buy(self, m, count):
        """Change the measure by some samples of one source."""
        row = self.between[m] * (count / (1.0 + count * self.between[m, m]))
        self.change = self.change - self.change[:, m, None] * row
        self.between = self.between - self.between[m][:, None] * row
