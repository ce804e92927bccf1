"""Which tasks what is shared does not describe."""

from typing import NamedTuple

import numpy as np

# Rows of an average task that every task is given.
PRIOR_ROWS = 5.0
# Logarithms of ratios that are less apart are as good as the same; so are those that
# are apart by little of what the median task gains from what is shared.
LEAST_SPREAD, LEAST_SHARE = 0.05, 0.2
# Makes the median distance from the median a standard deviation, of normal numbers.
NORMAL = 1.4826
FEWEST_TASKS = 4
LIMIT = 2.5


class Scale(NamedTuple):
    """What is usual among tasks.

    Attributes
    ----------
    shared, null : float
        Mean loss of all rows under what is shared, and under a constant.
    centre, spread : float
        Median and robust standard deviation of the tasks' loss ratios.
    """

    shared: float
    null: float
    centre: float = 0.0
    spread: float = 1.0

    def ratios(self, shared_loss, null_loss):
        r"""Return how much of the loss of each task is left by what tasks share.

        .. math:: r_t = \log \frac{S_t + m \bar s}{N_t + m \bar n},

        where :math:`S_t` and :math:`N_t` are the losses of task :math:`t` and the bars
        are means over the rows of all tasks: with :math:`m` rows of an average task
        more, small tasks do not stand out by chance.
        """
        shared = shared_loss + PRIOR_ROWS * self.shared
        null = null_loss + PRIOR_ROWS * self.null
        known = (shared > 0.0) & (null > 0.0)
        return np.log(np.divide(shared, null, out=np.ones_like(null), where=known))

    def scores(self, shared_loss, null_loss):
        """Return how many standard deviations tasks are above the median."""
        return (self.ratios(shared_loss, null_loss) - self.centre) / self.spread


def outlier_scale(shared_loss, null_loss, weight):
    """Return what is usual among some tasks.

    Parameters
    ----------
    shared_loss, null_loss : float64 arrays of shape (n_tasks,)
        Sums of the losses of the rows of each task, held out from fitting: under what
        all tasks share, and under a constant (one for all tasks or one for each).
    weight : float64 array of shape (n_tasks,)
        Weight of those rows.

    Returns
    -------
    scale : Scale
    """
    total = weight.sum()
    scale = Scale(shared_loss.sum() / total, null_loss.sum() / total)
    ratios = scale.ratios(shared_loss, null_loss)[weight > 0.0]
    centre = np.median(ratios)
    spread = NORMAL * np.median(np.abs(ratios - centre))
    spread = max(spread, LEAST_SPREAD, LEAST_SHARE * abs(centre))
    return scale._replace(centre=centre, spread=spread)


def outlier_scores(shared_loss, null_loss, weight):
    """Return how badly what is shared describes each task, compared with the others.

    The logarithm of the ratio of two losses, in robust standard deviations (from the
    median distance to the median) above the median of all tasks. A ratio depends
    neither on the scale of the target nor on its origin; and every task is judged by
    itself, so that outliers need not be alike. A standard deviation is at least 0.05,
    and at least a fifth of the logarithm of the median ratio. Parameters are those of
    ``outlier_scale``; a task without rows is like the mean of all.
    """
    return outlier_scale(shared_loss, null_loss, weight).scores(shared_loss, null_loss)


def flag(scores):
    """Return which tasks are outliers: those with scores above 2.5.

    By how large a standard deviation is at least, what is shared then gains for an
    outlier at most half of the logarithm that it gains for the median task, and leaves
    at least 13 % more loss. Of fewer than four tasks none is an outlier: there is no
    majority to be unlike.
    """
    return (scores > LIMIT) & (scores.size >= FEWEST_TASKS)
