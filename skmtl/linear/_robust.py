r"""Tasks that deviate from a structure, found and kept from distorting it.

Every task may deviate from the structure by :math:`\delta_t` at a price:

.. math:: \tilde f_t(\gamma) = \min_\delta\ \tfrac12 \lVert y_t - X_t(\gamma - \delta)
          \rVert^2 + \lambda_t \lVert \delta \rVert,

the infimal convolution of a task's loss with a norm. Its slope is bounded by
:math:`\lambda_t`, so that no task can pull the structure at will, and most tasks do not
deviate at all (Duan and Wang, 2023). Lengths are measured in coordinates in which the
features of all tasks together are white.
"""

from typing import NamedTuple

import numpy as np
from scipy.linalg import solve_triangular
from scipy.special import logsumexp
from scipy.stats import f as f_distribution

SECULAR_ROUNDS = 60
# Rounding, blown up by coordinates in which the weakest directions are white.
RANK_TOLERANCE = 1e-6
LEAST_TASKS = 3
# Fewer do not say how far most tasks drift.
LEAST_DRIFTING = 10
# Sizes of drifts in standard deviations, and their probabilities.
DRIFTS = np.linspace(0.1, 9.9, 50)
LOG_DRIFT_WEIGHTS = -(DRIFTS**2) / 2.0 + np.log(0.2 * np.sqrt(2.0 / np.pi))
DRIFT_RANGE, DRIFT_HALVINGS = (1e-3, 1e4), 12
# Probability that of all tasks one is far out by chance.
FAR_OUT = 0.01
RIDGE_GRID = np.geomspace(1e-6, 1e4, 41)


class Spectra(NamedTuple):
    """Every task's Gram matrix as ``axes diag(values) axes'``, and more moments.

    Attributes
    ----------
    axes : float64 array of shape (p, n_features, n_features)
    values : float64 array of shape (p, n_features)
    moments : float64 array of shape (n_tasks, n_features)
        Features' products with y along the axes.
    yy : float64 array of shape (n_tasks,)
    dual : float64 array of shape (n_features, n_features)
        Inverse of the metric, whose Cholesky factor times orthonormal vectors are
        ``axes``.
    """

    axes: np.ndarray
    values: np.ndarray
    moments: np.ndarray
    yy: np.ndarray
    dual: np.ndarray

    def along(self, coef):
        """Return coefficients along each task's axes; their length is the metric's."""
        return (coef[:, None, :] @ self.axes)[:, 0]

    def coef(self, along):
        """Return the coefficients that are ``along`` each task's axes."""
        return (self.axes @ along[:, :, None])[:, :, 0] @ self.dual

    def own_fit(self):
        """Return every task's least-squares fit along its axes, and its rank."""
        known = self.values > 0.0
        safe = np.where(known, self.values, 1.0)
        rank = np.broadcast_to(known.sum(axis=1), len(self.moments))
        return np.where(known, self.moments / safe, 0.0), rank

    def known(self):
        """Return Gram matrices and moments of what the rows determine."""
        gram = (self.axes * self.values[:, None, :]) @ np.swapaxes(self.axes, 1, 2)
        return gram, (self.axes @ self.moments[:, :, None])[:, :, 0]

    def softened(self, deviation, strength):
        """Return Gram matrices and moments of a quadratic bound on the robust loss.

        With the norm of a deviation of length c bounded by a square, the best deviation
        has closed form and divides every eigenvalue by 1 + c/strength times itself.
        """
        softness = 1.0 / (1.0 + (deviation / strength)[:, None] * self.values)
        gram = (self.axes * (softness * self.values)[:, None, :]) @ np.swapaxes(
            self.axes, 1, 2
        )
        return gram, (self.axes @ (softness * self.moments)[:, :, None])[:, :, 0]


def spectra(tasks, factor):
    """Return the spectra of GramTasks in the metric ``factor factor'``."""
    inverse = solve_triangular(factor, np.eye(len(factor)), lower=True)
    values, vectors = np.linalg.eigh(inverse @ tasks.gram @ inverse.T)
    moments = ((tasks.xy @ inverse.T)[:, None, :] @ vectors)[:, 0]
    # What a task's rows do not determine must not deviate by rounding.
    known = values > RANK_TOLERANCE * np.maximum(values.max(axis=1, keepdims=True), 0.0)
    values, moments = np.where(known, values, 0.0), np.where(known, moments, 0.0)
    return Spectra(factor @ vectors, values, moments, tasks.yy, inverse.T @ inverse)


def deviations(spectra, centre, strength):
    """Return every task's best deviation from a centre, along its axes.

    Where the slope at the centre is no longer than ``strength`` it is zero. Elsewhere
    it is ``(G + kappa)^-1 slope``, with kappa the root of the secular equation
    ``kappa |(G + kappa)^-1 slope| = strength``, increasing in kappa: Newton steps, kept
    in a shrinking bracket.
    """
    slope = spectra.values * spectra.along(centre) - spectra.moments
    length = np.linalg.norm(slope, axis=1)
    result = np.zeros(slope.shape)
    active = np.flatnonzero(length > strength)
    if active.size:
        values = np.broadcast_to(spectra.values, slope.shape)[active]
        kappa = _secular_root(values, slope[active], strength[active], length[active])
        result[active] = slope[active] / (values + kappa[:, None])
    return result


def _secular_root(values, slope, strength, length):
    """Solve the secular equation of several tasks at once."""
    # The smallest and the largest eigenvalue in place of all bound the root.
    excess = length / strength - 1.0
    low, high = values.min(axis=1) / excess, values.max(axis=1) / excess
    kappa = values.mean(axis=1) / excess
    for _ in range(SECULAR_ROUNDS):
        part = slope / (values + kappa[:, None])
        norm = np.linalg.norm(part, axis=1)
        miss = kappa * norm - strength
        rate = norm - kappa * np.sum(part**2 / (values + kappa[:, None]), axis=1) / norm
        low, high = np.where(miss < 0.0, kappa, low), np.where(miss < 0.0, high, kappa)
        step = kappa - miss / np.maximum(rate, 1e-300)
        inside = (step > low) & (step < high)
        new = np.where(inside, step, 0.5 * (low + high))
        done = np.abs(new - kappa) <= 1e-14 * kappa
        kappa = new
        if done.all():
            break
    return kappa


def robust_loss(spectra, centre, deviation, strength):
    """Return every task's robust loss at a centre, given its best deviations."""
    at = spectra.along(centre) - deviation
    square = np.sum(at * (spectra.values * at - 2.0 * spectra.moments), axis=1)
    price = strength * np.linalg.norm(deviation, axis=1)
    return 0.5 * (spectra.yy + square) + price


def noise_level(error, freedom):
    """Return the median over tasks of the noise, as a standard deviation."""
    known = freedom > 0.5
    if not known.any():
        return 0.0
    return float(np.sqrt(np.median(error[known] / freedom[known])))


def base_strength(spectra, noise):
    """Return the strengths at which noise alone makes few tasks deviate.

    The length of a slope that is noise only: noise times the root of the sum of
    eigenvalues, with room for the largest of many tasks.
    """
    n_tasks, n_features = spectra.moments.shape
    spread = spectra.values.mean(axis=1)
    strength = noise * np.sqrt((n_features + np.log(n_tasks)) * spread)
    # Without noise, or rows, any deviation would be free.
    least = 1e-10 * max(np.linalg.norm(spectra.moments, axis=1).max(), 1e-150)
    return np.maximum(np.broadcast_to(strength, n_tasks), least)


def winsorise(strength, size):
    """Lower the strength of tasks whose own fit is larger than that of most.

    A span has room for the largest deviations, whatever their price; at a price that
    falls with the square of their size it does not pay to spend directions on them.
    """
    typical = np.median(size[size > 0.0]) if size.any() else 1.0
    ratio = np.divide(typical, size, out=np.ones_like(size), where=size > typical)
    return strength * ratio**2


class OutlierTest(NamedTuple):
    """Whether each task lies in the structure.

    Attributes
    ----------
    score : float64 array of shape (n_tasks,)
        Minus the decimal logarithm of the p-value.
    pvalue : float64 array of shape (n_tasks,)
    flagged : bool array of shape (n_tasks,)
    """

    score: np.ndarray
    pvalue: np.ndarray
    flagged: np.ndarray


def name_outliers(model, test):
    """Set what a robust model says of its tasks; one task cannot differ."""
    if test is None:
        n_tasks = model.n_tasks_
        test = OutlierTest(np.zeros(n_tasks), np.ones(n_tasks), np.zeros(n_tasks, bool))
    model.outlier_scores_, model.outlier_pvalues_ = test.score, test.pvalue
    model.outlier_tasks_ = model.tasks_[test.flagged]


def outlier_test(shared_error, own_error, shared_rank, own_rank, freedom, level=0.05):
    """Test that tasks lie in a structure, against their own least squares.

    The F-test of lack of fit, under which tasks may drift off the structure as far as
    most of them do (``drift_of``); with fewer than three tasks nothing is tested. A
    task with no rows to spare has no estimate of its noise and gets that of the tasks
    not flagged, taken together.

    Parameters
    ----------
    shared_error, own_error : float64 arrays of shape (n_tasks,)
        Sums of squared errors.
    shared_rank, own_rank : int arrays of shape (n_tasks,)
        Coefficients fitted within the structure, and without it.
    freedom : float64 array of shape (n_tasks,)
        Rows, less one where there is an intercept.
    level : float
        Expected share of false ones among the flagged.
    """
    extra, spare = np.maximum(own_rank - shared_rank, 0), freedom - own_rank
    log_tail = _f_tail(shared_error - own_error, extra, own_error, spare)
    tested = (extra >= 1.0) & (spare >= 1.0)
    if tested.sum() >= LEAST_DRIFTING:
        sums = shared_error - own_error, own_error
        parts = [part[tested] for part in (*sums, extra, spare)]
        log_tail[tested] = drifting_tail(*parts)
    lacking = spare < 1.0
    flagged = np.zeros(len(freedom), bool)
    for _ in range(5 if lacking.any() else 1):
        if lacking.any():
            within = np.maximum(freedom - shared_rank, 0.0)
            trusted = ~flagged & (within > 0.0)
            pool, pool_freedom = _pooled_noise(shared_error, within, trusted)
            tails = _f_tail(shared_error, within, pool, pool_freedom)
            log_tail = np.where(lacking, tails, log_tail)
        # Of two tasks, neither is the odd one out.
        if len(freedom) < LEAST_TASKS:
            log_tail = np.zeros(len(freedom))
        last, flagged = flagged, benjamini_hochberg(np.exp(log_tail), level)
        if (last == flagged).all():
            break
    return OutlierTest(-log_tail / np.log(10.0), np.exp(log_tail), flagged)


def drifting_tail(error, noise, freedom, noise_freedom):
    """Return logarithms of tail probabilities where all tasks may drift.

    A drift adds to a task's mean squared error off the structure ``drift * g**2`` of
    its noise variance, with g standard normal: most tasks drift little and some do
    farther.
    """
    floor = 1e-12 * error.clip(min=0.0).max() + 1e-300
    ratio = np.maximum(error, 0.0) / freedom
    ratio = ratio / np.maximum(noise / noise_freedom, floor)

    def tail(drift):
        if drift == 0.0:
            return f_distribution.logsf(ratio, freedom, noise_freedom).clip(-1e300)
        inner = ratio[:, None] / (1.0 + drift * DRIFTS**2)
        part = f_distribution.logsf(inner, freedom[:, None], noise_freedom[:, None])
        return logsumexp(part.clip(-1e300) + LOG_DRIFT_WEIGHTS, axis=1)

    return tail(drift_of(ratio, noise_freedom, tail))


def drift_of(ratio, noise_freedom, tail):
    """Return how far most tasks drift, by an empirical null distribution.

    The drift with which half of all tasks are as far off as they are (zero where noise
    alone is enough), or what explains the mean of those that are not far out under it:
    outliers are fewer than half, and far out.
    """
    half = np.log(0.5)
    if np.median(tail(0.0)) >= half:
        return 0.0
    low, high = DRIFT_RANGE
    for _ in range(DRIFT_HALVINGS):
        middle = np.sqrt(low * high)
        enough = np.median(tail(middle)) >= half
        low, high = (low, middle) if enough else (middle, high)
    # An F ratio has the mean m / (m - 2).
    spare = np.maximum(noise_freedom - 2.0, 1.0) / noise_freedom
    near = tail(high) > np.log(FAR_OUT / ratio.size)
    # Without noise everything is far out.
    near |= not near.any()
    return max(high, float((ratio * spare)[near].mean()) - 1.0)


def _f_tail(error, freedom, noise, noise_freedom):
    """Return the logarithm of the tail probability of a ratio of mean squares."""
    valid = (freedom >= 1.0) & (noise_freedom >= 1.0)
    numerator = np.maximum(error, 0.0) / np.where(valid, freedom, 1.0)
    denominator = noise / np.where(valid, noise_freedom, 1.0)
    floor = 1e-12 * (numerator + np.max(denominator, initial=0.0)) + 1e-300
    ratio = numerator / np.maximum(denominator, floor)
    tail = f_distribution.logsf(
        ratio, np.where(valid, freedom, 1.0), np.where(valid, noise_freedom, 1.0)
    )
    return np.where(valid, np.maximum(tail, -1e300), 0.0)


def _pooled_noise(error, freedom, trusted):
    """Return the summed error and freedom of tasks near the median or below it."""
    rate = error / np.maximum(freedom, 1e-300)
    typical = np.median(rate[trusted]) if trusted.any() else 0.0
    near = trusted & (rate <= 2.0 * typical)
    return error[near].sum(), freedom[near].sum()


def benjamini_hochberg(pvalue, level):
    """Return which hypotheses fall at a false discovery rate of at most ``level``.

    Y. Benjamini and Y. Hochberg, "Controlling the false discovery rate", Journal of the
    Royal Statistical Society B 57(1), 1995.
    """
    order = np.argsort(pvalue)
    bound = level * np.arange(1, pvalue.size + 1) / pvalue.size
    below = np.flatnonzero(pvalue[order] <= bound)
    flagged = np.zeros(pvalue.size, bool)
    if below.size:
        flagged[order[: below[-1] + 1]] = True
    return flagged


def own_ridge(spectra, freedom, centre, centre_rank):
    """Return every task's own fit along its axes: a ridge towards zero or its centre.

    Which of the two, and how strong, has the least generalised cross-validation error
    (Golub, Heath and Wahba, 1979), a function of moments alone. A task that only drifts
    keeps what its centre is worth; for one unlike all others that is nothing. The
    centre counts as ``centre_rank`` coefficients fitted to the task's rows.
    """
    values = np.broadcast_to(spectra.values, spectra.moments.shape)
    size = np.maximum(values.mean(axis=1), 1e-300)
    best, result = np.full(len(values), np.inf), np.zeros(values.shape)
    targets = (np.zeros(values.shape), 0), (spectra.along(centre), centre_rank)
    for target, n_fitted in targets:
        rest = spectra.moments - values * target
        for multiple in RIDGE_GRID:
            inverse = 1.0 / (values + (multiple * size)[:, None])
            at = target + inverse * rest
            fitted = np.sum(at * (values * at - 2.0 * spectra.moments), axis=1)
            spare = freedom - n_fitted - np.sum(values * inverse, axis=1)
            spare = np.maximum(spare / np.maximum(freedom, 1.0), 1e-3)
            score = np.maximum(spectra.yy + fitted, 0.0) / spare**2
            better = score < best
            best, result[better] = np.where(better, score, best), at[better]
    return result
