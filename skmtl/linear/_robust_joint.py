r"""Joint sparsity under robust losses.

The problem is

.. math:: \min\ \sum_t c_t \tilde f_t(w_t) + \alpha \sum_j \lVert w_{\cdot j} \rVert
          + \frac{\rho}{2} \sum_t \lVert w_t \rVert^2

with the robust losses of ``_robust``: convex, and solved to a duality gap.
"""

from typing import NamedTuple

import numpy as np

from .._tasks import TaskStatistics
from ._block_descent import BlockDescent, Certificate
from ._low_rank import whitening
from ._quadratic import StatisticsLoss
from ._robust import deviations, robust_loss, spectra

# A quadratic bound is minimised to this part of the gap before the next one.
INNER_GAP = 0.2


class JointFit(NamedTuple):
    """Coefficients on joint features, deviations from them, and a certificate.

    Attributes
    ----------
    joint : float64 array of shape (n_tasks, n_features)
    deviation : float64 array of shape (n_tasks, n_features)
        What the tasks' coefficients are less than that.
    gap : float
        Bound on what the objective is above its minimum.
    enough : float
        The bound that was asked for.
    n_iter : int
    """

    joint: np.ndarray
    deviation: np.ndarray
    gap: float
    enough: float
    n_iter: int


def whitened(tasks):
    """Return the spectra of tasks in white coordinates, and the tasks they are of."""
    axes = spectra(tasks, whitening(tasks).factor / np.sqrt(tasks.scale.mean()))
    gram, xy = axes.known()
    return axes, tasks._replace(gram=gram, xy=xy)


def fit_joint(tasks, axes, strength, penalty, tol, max_iter, start=None):
    """Minimise the robust losses and a penalty of joint sparsity.

    The loss of every task is bounded by a quadratic that touches it at the present
    coefficients; the penalised problem with those takes its place, in turn.
    """
    W = np.zeros(tasks.shape[::-1]) if start is None else start.T.copy()
    silent = deviations(axes, np.zeros(tasks.shape), strength)
    at_zero = robust_loss(axes, np.zeros(tasks.shape), silent, strength)
    enough, n_iter, dual = tol * float(tasks.scale @ at_zero), 0, -np.inf
    inner = np.inf
    while True:
        deviation = deviations(axes, W.T, strength)
        here = certify_robust(tasks, axes, strength, penalty, W, deviation)
        dual = max(dual, here.dual)
        gap = max(here.primal - dual, 0.0)
        if gap <= enough or n_iter >= max_iter:
            return JointFit(W.T.copy(), axes.coef(deviation), gap, enough, n_iter)
        descent = BlockDescent(bounded_loss(tasks, axes, deviation, strength), W)
        inner = min(inner, INNER_GAP * gap)
        _, count = descent.minimise(penalty, inner, max_iter - n_iter)
        n_iter, W = n_iter + max(count, 1), descent.W
        # A bound may be at its minimum while the robust loss is not yet.
        inner *= 1.0 if count else INNER_GAP


def certify_robust(tasks, axes, strength, penalty, W, deviation):
    """Return the certificate of joint coefficients and the best deviations from them.

    As without deviations, except that residuals are a feasible point of the dual
    problem only if no task's slope is longer than its strength.
    """
    coef, size = W.T - axes.coef(deviation), np.linalg.norm(deviation, axis=1)
    slope = tasks.residual_moments(coef).T
    correlation = (tasks.scale[:, None] * tasks.xy).T
    aligned = float(tasks.scale @ tasks.yy - np.vdot(coef.T, correlation))
    squared = aligned - np.vdot(coef.T, slope) + penalty.ridge * np.vdot(W, W)
    squared = max(float(squared), 0.0)
    along = axes.values * (axes.along(W.T) - deviation) - axes.moments
    pull = np.linalg.norm(along, axis=1) / strength
    reach = penalty.dual_norm(slope - penalty.ridge * W)
    reach = max(reach.max(initial=0.0), pull.max(initial=0.0))
    scale = max(aligned, 0.0) / squared if squared > 0.0 else 1.0
    scale = min(scale, 1.0 / reach) if reach > 0.0 else scale
    price = float(tasks.scale @ (strength * size)) + penalty.value(W)
    dual = scale * aligned - 0.5 * scale**2 * squared
    return Certificate(0.5 * squared + price, dual)


def bounded_loss(tasks, axes, deviation, strength):
    """Return the loss of tasks whose deviations are priced by their squares."""
    gram, xy = tasks.gram, tasks.xy
    if deviation.any():
        gram, xy = axes.softened(np.linalg.norm(deviation, axis=1), strength)
    one = len(gram) == 1 and np.ptp(tasks.scale) == 0.0
    factor = tasks.scale[:1] if one else tasks.scale
    moments = TaskStatistics(
        weight=np.ones(len(xy)),
        x_mean=np.zeros((factor.size, xy.shape[1])),
        y_mean=np.zeros(len(xy)),
        gram=factor[:, None, None] * gram,
        xy=tasks.scale[:, None] * xy,
        yy=tasks.scale * tasks.yy,
    )
    return StatisticsLoss(moments, 1.0, True)
