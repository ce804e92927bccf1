"""How many directions the tasks share, by the error on rows that were left out."""

import numpy as np

PATIENCE = 5


def select_rank(splits, fit, largest):
    """Return the rank that suits the typical task on left-out rows.

    That with the lowest median over tasks of the error, because a few tasks that share
    nothing would otherwise ask for directions of their own; or the first rank below it
    from which the typical task does not gain. Medians of two ranks differ by chance
    also where no task gains, and with many rows that would let such directions in.
    Ranks are tried from one upwards, until five in a row are no better than the best
    before them; every fit starts from that of the rank below.

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
    errors, losses, fits = [], [], [None] * len(splits)
    for rank in range(1, largest + 1):
        fits = [
            fit(train, rank, last)
            for (train, _), last in zip(splits, fits, strict=True)
        ]
        errors.append(_mean_errors(splits, [part.in_span for part in fits]))
        losses.append(float(np.median(errors[-1])))
        best = int(np.argmin(losses))
        if rank - 1 - best >= PATIENCE:
            break
    gains = np.median(np.array(errors[: best + 1]) - errors[best], axis=1)
    return int(np.argmax(gains <= 0.0)) + 1, np.array(losses)


def left_out_error(splits, coefs):
    """Return every task's squared error over all left-out rows, and their weight."""
    error, weight = 0.0, 0.0
    for (train, test), coef in zip(splits, coefs, strict=True):
        error = error + test.squared_error(coef, train.intercept(coef))
        weight = weight + test.weight
    return error, weight


def _mean_errors(splits, coefs):
    """Return the mean left-out error of every task that has left-out rows."""
    error, weight = left_out_error(splits, coefs)
    present = weight > 0.0
    return error[present] / weight[present]
