"""Steps of heads and of the prior they share, given what rows say of them."""

import numpy as np
from numba import njit

# A learned variance does not fall below this.
FLOOR = 1e-6


@njit(cache=True)
def invert(matrix):
    """Replace a positive definite matrix by its inverse (Gauss and Jordan)."""
    width = matrix.shape[0]
    for p in range(width):
        scale = 1.0 / matrix[p, p]
        matrix[p, p] = 1.0
        for q in range(width):
            matrix[p, q] *= scale
        for r in range(width):
            if r == p:
                continue
            factor = matrix[r, p]
            matrix[r, p] = 0.0
            for q in range(width):
                matrix[r, q] -= factor * matrix[p, q]


@njit(cache=True)
def step_of_task(
    n_outputs,
    reach,
    is_signed,
    spread,
    precision,
    mean,
    theta,
    gradient,
    curvature,
    variance,
    step,
):
    """Move the head of one task to its mode, and write its variance and the step back.

    No number moves by more than ``reach``. Return by how much the loss falls if it is a
    parabola.
    """
    width = mean.shape[0]
    for p in range(width):
        for q in range(width):
            variance[p, q] = curvature[p, q] / spread + precision[p, q]
    invert(variance)
    for p in range(width):
        step[p] = 0.0
        for q in range(width):
            pull = gradient[q] / spread
            for r in range(width):
                pull += (theta[r] - mean[r]) * precision[r, q]
            step[p] += variance[p, q] * pull
    fall = 0.0
    most = 0.0
    for p in range(width):
        most = max(most, abs(step[p]))
    # A shorter step in the same direction, which still lowers the loss.
    share = min(1.0, reach / max(most, 1e-300))
    for p in range(width):
        moved = theta[p] - share * step[p]
        if is_signed and p >= n_outputs:
            moved = max(moved, 0.0)
        step[p], theta[p] = theta[p] - moved, moved
    for p in range(width):
        change = 0.0
        for q in range(width):
            change += curvature[p, q] * step[q]
        fall += (gradient[p] - 0.5 * change) * step[p]
        gradient[p] -= change
    return fall


@njit(cache=True)
def improve_prior(n_outputs, theta, uncertain, mean, covariance):
    """Write the mean and the covariance under which heads are most likely.

    ``uncertain`` is the sum of the variances of all heads.
    """
    n_tasks, width = theta.shape
    for p in range(width):
        mean[p] = 0.0
        for t in range(n_tasks):
            mean[p] += theta[t, p]
        mean[p] /= n_tasks
    # Few tasks say little of how parameters go together.
    share = 0.0 if n_outputs > 1 else n_tasks / (n_tasks + 2.0 * width)
    for p in range(width):
        for q in range(p + 1):
            total = uncertain[p, q]
            for t in range(n_tasks):
                total += (theta[t, p] - mean[p]) * (theta[t, q] - mean[q])
            total *= (1.0 if p == q else share) / n_tasks
            covariance[p, q] = covariance[q, p] = total
        covariance[p, p] += FLOOR


@njit(cache=True, nogil=True)
def improve_heads(
    n_steps,
    n_outputs,
    reach,
    is_signed,
    learns_spread,
    theta,
    mean,
    covariance,
    spread,
    gradient,
    curvature,
    value,
):
    """Take steps of expectation and maximisation, and return the new spread.

    The losses of rows are replaced by parabolas. Heads, their prior, derivatives and
    the losses of rows learned are changed in place. ``reach`` has one entry for each
    task.
    """
    n_tasks, width = theta.shape
    precision, variance = np.empty((width, width)), np.empty((width, width))
    uncertain, step = np.empty((width, width)), np.empty(width)
    for _ in range(n_steps):
        # Assigning a whole array costs two seconds of compiling errors about shapes.
        for p in range(width):
            for q in range(width):
                precision[p, q], uncertain[p, q] = covariance[p, q], 0.0
        invert(precision)
        left = doubt = weight = 0.0
        for t in range(n_tasks):
            value[0, t] -= step_of_task(
                n_outputs,
                reach[t],
                is_signed,
                spread,
                precision,
                mean,
                theta[t],
                gradient[t],
                curvature[t],
                variance,
                step,
            )
            left, weight = left + value[0, t], weight + value[2, t]
            for p in range(width):
                for q in range(width):
                    uncertain[p, q] += variance[p, q]
                    doubt += curvature[t, p, q] * variance[q, p]
        improve_prior(n_outputs, theta, uncertain, mean, covariance)
        if learns_spread and weight > 0.0:
            spread = max((2.0 * max(left, 0.0) + doubt) / weight, 1e-12)
    return spread
