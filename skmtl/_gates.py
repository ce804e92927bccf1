"""How much of a shared model to mix into each task's own, from held-out predictions.

With gate ``g`` a task predicts ``(1 - g) * single + g * shared``. Its held-out loss is
convex in ``g``, near its minimum a parabola: an estimate of the best gate, and a
precision that says how well the task's rows determine it. Few rows determine little, so
estimates are shrunk toward a weight common to all tasks, by as much as the tasks differ.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import polygamma

# No distribution on [0, 1] has a larger variance.
WIDEST = 0.25


class Shrunken(NamedTuple):
    """Estimates moved toward their common mean.

    Attributes
    ----------
    mean : float
        The common mean.
    spread : float
        Variance of the true values around it.
    values : float64 array of shape (n_tasks,)
        Posterior means.
    """

    mean: float
    spread: float
    values: np.ndarray


def shrink(estimate, precision, largest_spread=np.inf):
    """Return posterior means of quantities that vary normally around a common mean.

    Estimates have variance ``1 / precision``; the spread of the true values is the one
    at which the weighted squares of the estimates about their mean are as large as
    expected [1]_. Precision 0 means nothing is known.

    References
    ----------
    .. [1] R. C. Paule and J. Mandel, "Consensus values and weighting factors", Journal
       of Research of the National Bureau of Standards 87(5), 377-385, 1982.
    """
    known = precision > 0
    estimate = np.where(known, estimate, 0.0)

    def centre(spread):
        share = precision / (1.0 + precision * spread)
        return (share @ estimate) / share.sum(), share

    def excess(spread):
        mean, share = centre(spread)
        return share @ (estimate - mean) ** 2 - (known.sum() - 1)

    spread = 0.0
    if known.sum() > 1 and excess(0.0) > 0:
        spread = 1.0
        while excess(spread) > 0 and spread < largest_spread:
            spread *= 4.0
        high = excess(spread) > 0
        spread = spread if high else brentq(excess, 0.0, spread)
    spread = min(spread, largest_spread)
    mean = centre(spread)[0]
    own = precision * spread
    return Shrunken(mean, spread, (own * estimate + mean) / (own + 1.0))
