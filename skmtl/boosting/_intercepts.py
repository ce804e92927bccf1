"""One number, or one for each output, that a task adds to every score."""

from itertools import pairwise

import numpy as np

from .._kernels import losses


def intercepts(loss, y, weight, offsets, start, prior_rows):
    """Return what the level of each task adds to ``start``, drawn towards zero.

    The level is that of the task's rows and ``prior_rows`` more at the level of all
    tasks; a task without rows adds nothing.

    Parameters
    ----------
    loss : Loss
    y, weight : float64 arrays of shape (n_rows,)
    offsets : int64 array of shape (n_tasks + 1,)
    start : float64 array of shape (n_outputs,)
    prior_rows : float

    Returns
    -------
    intercept : float64 array of shape (n_tasks, n_outputs)
    """
    task = np.repeat(np.arange(offsets.size - 1), np.diff(offsets))
    n_tasks = offsets.size - 1
    size = np.bincount(task, weight, n_tasks)[:, None]
    if loss.code in (losses.HUBER, losses.QUANTILE):
        levels = _levels(loss, y, weight, offsets, start)
        return size / (size + prior_rows) * (levels - start)
    if loss.code == losses.SOFTMAX:
        cell = task * loss.n_outputs + y.astype(np.int64)
        total = np.bincount(cell, weight, n_tasks * loss.n_outputs)
        total = total.reshape(n_tasks, loss.n_outputs)
    else:
        total = np.bincount(task, weight * y, n_tasks)[:, None]
    mean = (total + prior_rows * _means(loss, start)) / (size + prior_rows)
    return _links(loss, mean) - start


def _levels(loss, y, weight, offsets, start):
    """Return the constant with the smallest loss of each task."""
    levels = np.tile(start, (offsets.size - 1, 1))
    for t, (begin, end) in enumerate(pairwise(offsets)):
        if weight[begin:end].any():
            levels[t] = loss.start(y[begin:end], weight[begin:end])
    return levels


def _means(loss, score):
    """Return the mean target that a score stands for."""
    if loss.code == losses.POISSON:
        return np.exp(score)
    if loss.code == losses.LOGISTIC:
        return 1.0 / (1.0 + np.exp(-score))
    if loss.code == losses.SOFTMAX:
        return np.exp(score) / np.exp(score).sum()
    return score


def _links(loss, mean):
    """Return the scores that stand for mean targets."""
    if loss.code == losses.POISSON:
        return np.log(mean)
    if loss.code == losses.LOGISTIC:
        return np.log(mean) - np.log1p(-mean)
    if loss.code == losses.SOFTMAX:
        logs = np.log(mean)
        return logs - logs.mean(axis=1, keepdims=True)
    return mean
