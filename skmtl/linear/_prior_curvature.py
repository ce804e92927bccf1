"""Derivatives of the marginal likelihood, and their scale, for searches of a prior."""

import numpy as np


def units(model, n_coordinates, tasks):
    """Return steps in S and log c whose curvature is about one."""
    n_bound = model.n_means * (n_coordinates - model.n_free)
    n_tasks = len(tasks.target) + model.pull
    return np.sqrt(2.0 / n_tasks), np.sqrt(2.0 / max(n_bound, 1))


def with_priors(point, model, factor, mean_variance):
    """Return deviance and slopes with those of the priors on variances."""
    deviance, slope, mean_slope = point.deviance, point.slope, point.mean_slope
    if model.rate:
        n_bound = model.n_means * (len(factor) - model.n_free)
        total = n_bound * mean_variance
        deviance = deviance + model.rate * ((factor**2).sum() + total)
        slope = slope + model.rate * np.eye(len(factor))
        mean_slope = mean_slope + model.rate * total
    if model.in_common and factor[model.n_intercepts :].any():
        odds, odds_slope = log_odds(model, factor, mean_variance)
        deviance = deviance + 4.0 * np.logaddexp(odds / 2.0, -odds / 2.0)
        change = 2.0 * np.tanh(odds / 2.0)
        slope, mean_slope = slope + change * odds_slope, mean_slope - change
    return deviance, slope, mean_slope


def log_odds(model, factor, mean_variance):
    """Return the logarithm of how much more of slopes tasks have apart than in common.

    And its derivative in D; that in log c is minus one. The share in common is uniform,
    with a density in the logarithm of its odds, in which it is searched for: few rows
    would often have it that the share is nothing or all.
    """
    first, n_coordinates = model.n_intercepts, len(factor)
    size = (factor[first:] ** 2).sum()
    slope = np.zeros(n_coordinates)
    slope[first:] = 1.0 / size
    apart = size / (n_coordinates - first)
    return np.log(apart / mean_variance), np.diag(slope)


def curvature(model, tasks, point):
    """Return the second derivatives of the deviance in entries of D.

    With M the information of a task and z its score, entries E and E' of D have
    ``2 z'E M E'z - tr(E M E' M)``, summed over tasks, less what the means and the noise
    make up for by taking their best values.
    """
    k, n_tasks = point.white.shape[2], len(tasks.target)
    seen = point.white.transpose(0, 2, 1) @ point.white
    flat = seen.reshape(len(seen), -1)
    z = point.score / np.sqrt(point.noise)
    square = np.einsum("ti,tj->tij", z, z).reshape(n_tasks, -1)
    weight = 2.0 * square - flat
    if len(flat) == 1:
        weight = weight.sum(axis=0, keepdims=True)
    products = (flat.T @ weight).reshape(4 * [k])
    # Entry (j, k) of M and entry (l, i) of what stands beside it.
    second = products.transpose(3, 0, 1, 2)
    n_each = n_tasks // model.n_means
    for t, spread in enumerate(point.mean_covariance):
        block = slice(t * n_each, (t + 1) * n_each)
        own = seen if len(seen) == 1 else seen[block]
        q = np.einsum(
            "tmi,tj->mij", np.broadcast_to(own, (n_each, k, k)), z[block]
        ).reshape(k, -1)
        second = second - 2.0 * (q.T @ spread @ q).reshape(4 * [k])
    if model.noise is None:
        total = square.sum(axis=0)
        second = second - (np.outer(total, total) / tasks.weight).reshape(4 * [k])
    return second


def positive(matrix):
    """Return a symmetric matrix with the absolute values of its eigenvalues."""
    value, vector = np.linalg.eigh(matrix)
    value = np.maximum(np.abs(value), 1e-9 * np.abs(value).max())
    return (vector * value) @ vector.T


def with_mean(second, point, model, mean_variance, unit=1.0):
    """Return second derivatives extended by that with respect to log c."""
    free = model.n_free
    n_bound = point.mean_covariance.shape[2] - free
    if not n_bound:
        return second
    known = np.eye(n_bound) - point.mean_covariance[:, free:, free:] / mean_variance
    last = (known**2).sum() + model.rate * model.n_means * n_bound * mean_variance
    full = np.zeros((len(second) + 1, len(second) + 1))
    full[:-1, :-1], full[-1, -1] = second, last * unit**2
    return full


def bent_square(inner, pulled):
    """Return what the bends of ``U U'`` and of its inverse add to second derivatives.

    ``inner`` and ``pulled`` are the derivatives with respect to these at the identity.
    To second order in A, where ``U`` has the entries of A and exponentials of them on
    the diagonal, the one is ``I + A + A' + AA' + d`` and the other
    ``I - A - A' + A'A + AA + A'A' - d``, with squares of the diagonal in d.
    """
    one = np.eye(len(inner))
    turned = np.einsum("mi,jl->ijlm", pulled, one)
    bent = np.einsum("il,jm->ijlm", inner, one) + np.einsum("jm,il->ijlm", pulled, one)
    bent += turned + turned.transpose(2, 3, 0, 1)
    place = np.arange(len(inner))
    bent[place, place, place, place] += np.diag(inner - pulled)
    return 2.0 * bent
