"""Shares with which models predict together, by what they lose on rows held out."""

import numpy as np

# Shares that are tried.
SHARES = np.linspace(0.0, 1.0, 21)


def blend(problem, totals, rows=slice(None)):
    """Return the shares with which scores have the smallest loss, and their sum.

    Parameters
    ----------
    problem : Problem
    totals : list of float64 arrays of shape (n_rows, n_outputs)
        One or two.
    rows : slice or array, optional
        The rows that scores are of; all by default.
    """
    if len(totals) == 1:
        return [1.0], totals[0]
    first, second = totals
    losses = [
        loss_of(problem, (1.0 - share) * first + share * second, rows)
        for share in SHARES
    ]
    share = SHARES[int(np.argmin(losses))]
    return [1.0 - share, share], (1.0 - share) * first + share * second


def loss_of(problem, total, rows=slice(None)):
    """Return the loss of rows that some split scores."""
    weight = problem.row_weight[rows] * (problem.fold[rows] >= 0)
    return problem.loss.value(problem.y[rows], total, weight)


def task_losses(problem, total):
    """Return the loss of each task's rows that some split scores."""
    weight = problem.row_weight * (problem.fold >= 0)
    loss, offsets = problem.loss, problem.offsets
    return np.array(
        [
            loss.value(problem.y[rows], total[rows], weight[rows])
            for rows in map(slice, offsets[:-1], offsets[1:])
        ]
    )
