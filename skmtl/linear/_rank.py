"""How many directions the tasks share, by the error on rows that were left out."""

import numpy as np

PATIENCE = 5


def select_rank(splits, fit, largest):
    """Return the rank with the lowest median over tasks of the left-out error.

    The median, because a few tasks that share nothing would otherwise ask for
    directions of their own. Ranks are tried from one upwards, until five in a row are
    no better than the best before them; every fit starts from that of the rank below.

    Parameters
    ----------
    splits : list of (Sample, Sample)
        Training and left-out rows.
    fit : callable
        Takes a sample, the rank, and the fit of the rank below or None; what it returns
        has the coefficients within the span as ``in_span``.
    largest : int
        Largest rank to try.

    Returns
    -------
    rank : int
    losses : float64 array of shape (n_ranks_tried,)
        Median error for ranks 1, 2, ...
    """
    losses, fits = [], [None] * len(splits)
    for rank in range(1, largest + 1):
        fits = [
            fit(train, rank, last)
            for (train, _), last in zip(splits, fits, strict=True)
        ]
        losses.append(_median_error(splits, [part.in_span for part in fits]))
        if rank - 1 - int(np.argmin(losses)) >= PATIENCE:
            break
    return int(np.argmin(losses)) + 1, np.array(losses)


def left_out_error(splits, coefs):
    """Return every task's squared error over all left-out rows, and their weight."""
    error, weight = 0.0, 0.0
    for (train, test), coef in zip(splits, coefs, strict=True):
        error = error + test.squared_error(coef, train.intercept(coef))
        weight = weight + test.weight
    return error, weight


def _median_error(splits, coefs):
    error, weight = left_out_error(splits, coefs)
    present = weight > 0.0
    return float(np.median(error[present] / weight[present]))
