"""Features that most tasks use, found among tasks that use others.

A task lies in the structure if it needs none but the features that the tasks use
together.
"""

from typing import NamedTuple

import numpy as np

from ._low_rank import TINY
from ._penalties import JointSparsity
from ._robust import (
    OutlierTest,
    Spectra,
    base_strength,
    noise_level,
    outlier_test,
    own_ridge,
    winsorise,
)
from ._robust_joint import JointFit, fit_joint, whitened
from ._sample import loss_scale
from ._squared_tasks import GramTasks

# Relative gap of fits that only say which features are used.
PILOT_TOL, PILOT_SWEEPS = 1e-3, 1000
# How much less a feature costs that is known to be used.
KNOWN = 10.0
# Rounds between features, noise, and tasks that do not count.
SEARCHES = 20
# Tasks whose strength is a smaller part of that of others have no say.
NO_SAY = 1e-6
# Half of the tasks this many times farther off than noise: there is more to find.
UNHEARD = 2.0
RANK_TOLERANCE = 1e-10


class OutlierSearch(NamedTuple):
    """Which tasks need features that the others do not, and what they are alone.

    Attributes
    ----------
    test : OutlierTest
    kept : int array
        Tasks that say what is shared.
    noise : float
    tasks : GramTasks
        On features of one size, every task as loud as its noise.
    axes : Spectra
    freedom, unit : float64 arrays
        Rows to spare, and the units of features.
    """

    test: OutlierTest
    kept: np.ndarray
    noise: float
    tasks: GramTasks
    axes: Spectra
    freedom: np.ndarray
    unit: np.ndarray

    def own_coef(self, support):
        """Return every task's own fit: a ridge towards zero or its fit on a support."""
        centre, _, rank = support_fit(self.tasks, support)
        # On as many features as rows there is nothing to learn from.
        centre[self.freedom < rank + 1.0] = 0.0
        along = own_ridge(self.axes, self.freedom, centre, rank)
        return self.axes.coef(along) / self.unit


def find_outliers(sample):
    """Search for tasks that need features which the tasks do not use together.

    Features are those of a robust fit at the strength that noise alone does not pass,
    whatever the user's; then every task is tested, and tasks that fail have no say in
    the next round.
    """
    tasks, unit = levelled(sample.tasks)
    axes, tasks = whitened(tasks)
    freedom = sample.freedom()
    own, own_rank = axes.own_fit()
    own_error = np.maximum(axes.yy - np.sum(own * axes.moments, axis=1), 0.0)
    size, spare = np.linalg.norm(own, axis=1), freedom - own_rank
    measured = np.mean(spare >= 1.0) > 0.5
    noise = noise_level(own_error, spare) if measured else 0.0
    support = np.zeros(len(unit), bool)
    flagged, factor = np.zeros(len(own), bool), 1.0
    for _ in range(SEARCHES):
        coef, error, rank = support_fit(tasks, support)
        noise = noise if measured else noise_level(error, freedom - rank)
        plain = base_strength(axes, noise)
        strength = winsorise(factor * plain, size)
        # What is so far out that it has no say would cost the others their digits.
        heard = np.flatnonzero(counted(flagged) & (strength > NO_SAY * plain))
        found = joint_support(tasks, axes, strength, noise, heard, support)
        slope = np.linalg.norm(axes.values * axes.along(coef) - axes.moments, axis=1)
        if (found & ~support).any():
            # Without them most tasks would look unlike each other.
            support = support | found
        elif np.median((slope / plain)[heard]) > UNHEARD:
            # The little that each task may say is not enough for any feature.
            factor *= 2.0
        else:
            test = outlier_test(error, own_error, rank, own_rank, freedom)
            if (test.flagged == flagged).all():
                break
            flagged = test.flagged
    else:
        _, error, rank = support_fit(tasks, support)
        test = outlier_test(error, own_error, rank, own_rank, freedom)
    kept = np.flatnonzero(counted(test.flagged))
    return OutlierSearch(test, kept, noise, tasks, axes, freedom, unit)


def levelled(tasks):
    """Return tasks on features of one size, each as loud as its noise, and the units.

    Slopes that are noise have the same size in every task then, however many rows it
    has and however large these are: none shouts the others down.
    """
    square = np.einsum("tjj->tj", tasks.gram)
    unit = np.sqrt(np.mean(tasks.scale[:, None] * square, axis=0))
    unit = np.where(unit > TINY, unit, 1.0)
    size = np.broadcast_to(np.mean(square / unit**2, axis=1), len(tasks.xy))
    # Features that do not vary say nothing, however loud.
    typical = size.mean() if size.any() else 1.0
    loud = 1.0 / np.sqrt(np.where(size > 0.0, size, typical))
    gram = tasks.gram / unit / unit[:, None]
    return GramTasks(gram, tasks.xy / unit, tasks.yy, loud), unit


def joint_support(tasks, axes, strength, noise, kept, known):
    """Return which features the kept tasks use together, above their noise.

    Those already known cost little, so that what the penalty takes from their
    coefficients hides no others.
    """
    if kept.size < len(strength):
        tasks, axes, strength = some(tasks, axes, strength, kept)
    penalty = JointSparsity(max(noise * noise_reach(tasks), TINY))
    tasks, axes = enlarged(tasks, axes, np.where(known, KNOWN, 1.0))
    fit = fit_joint(tasks, axes, strength, penalty, PILOT_TOL, PILOT_SWEEPS)
    return fit.joint.any(axis=0)


def enlarged(tasks, axes, factor):
    """Return tasks and their spectra with features multiplied by factors."""
    gram = tasks.gram * factor * factor[:, None]
    tasks = tasks._replace(gram=gram, xy=tasks.xy * factor)
    dual = axes.dual / factor / factor[:, None]
    return tasks, axes._replace(axes=axes.axes * factor[:, None], dual=dual)


def noise_reach(tasks):
    """Return the length of a feature's slopes that are noise, in units of its size.

    Exceeded by any one of all features with a probability below one over their number
    (the tail of a chi-square; Laurent and Massart, 2000).
    """
    square = np.einsum("tjj->tj", tasks.gram) * tasks.scale[:, None] ** 2
    n_tasks, n_features = tasks.shape
    room = 2.0 * np.log(n_features)
    reach = n_tasks + np.sqrt(2.0 * n_tasks * room) + room
    return np.sqrt(square.mean(axis=0).max() * reach)


def support_fit(tasks, support):
    """Return every task's least squares on some features, with its error and rank."""
    gram = tasks.gram[:, support][:, :, support]
    values, vectors = np.linalg.eigh(gram)
    floor = RANK_TOLERANCE * np.trace(gram, axis1=1, axis2=2)[:, None]
    known = values > floor
    moments = (tasks.xy[:, None, support] @ vectors)[:, 0] * known
    along = moments / np.where(known, values, 1.0)
    coef = np.zeros(tasks.shape)
    coef[:, support] = (vectors @ along[:, :, None])[:, :, 0]
    error = np.maximum(tasks.yy - np.sum(along * moments, axis=1), 0.0)
    return coef, error, np.broadcast_to(known.sum(axis=1), len(coef))


def counted(flagged):
    """Return which tasks are not flagged, or all where these are the minority."""
    return ~flagged | (2 * flagged.sum() >= flagged.size)


def some(tasks, axes, strength, kept):
    """Return some of the tasks with their spectra."""
    own = kept if len(tasks.gram) > 1 else np.zeros(1, int)
    axes = Spectra(
        axes.axes[own], axes.values[own], axes.moments[kept], axes.yy[kept], axes.dual
    )
    tasks = GramTasks(
        tasks.gram[own], tasks.xy[kept], tasks.yy[kept], tasks.scale[kept]
    )
    return tasks, axes, strength[kept]


class RobustJoint(NamedTuple):
    """Coefficients of all tasks: on joint features, and beside them.

    Attributes
    ----------
    joint, own : float64 arrays of shape (n_tasks, n_features)
    fit : JointFit
        Of the tasks that say what is shared.
    """

    joint: np.ndarray
    own: np.ndarray
    fit: JointFit


def fit_among_outliers(sample, search, penalty, tol, max_iter, start):
    """Fit the tasks that share features; those that fail the test are left alone.

    Tasks that share may still deviate, for more than their noise and what the penalty
    takes from them. ``start`` are their coefficients without deviations.
    """
    kept, everyone = search.kept, sample.weight.size
    part = sample.tasks
    if kept.size < everyone:
        own = kept if len(part.gram) > 1 else np.zeros(1, int)
        scale = loss_scale(sample.weight[kept])
        part = GramTasks(part.gram[own], part.xy[kept], part.yy[kept], scale)
    axes, part = whitened(part)
    strength = base_strength(axes, search.noise)
    strength = strength + shrinkage_pull(part, axes, start)
    fit = fit_joint(part, axes, strength, penalty, tol, max_iter, start)
    joint, beside = np.zeros((2, *sample.tasks.shape))
    joint[kept], beside[kept] = fit.joint, -fit.deviation
    flagged = search.test.flagged
    if flagged.any():
        joint[flagged] = 0.0
        beside[flagged] = search.own_coef(fit.joint.any(axis=0))[flagged]
    return RobustJoint(joint, beside, fit)


def shrinkage_pull(tasks, axes, coef):
    """Return the length of each task's slopes that a penalty on coefficients leaves.

    What least squares on the same features would do away with.
    """
    free, _, _ = support_fit(tasks, coef.any(axis=0))
    slope = tasks.residual_moments(coef) - tasks.residual_moments(free)
    square = np.sum(slope @ axes.dual * slope, axis=1)
    return np.sqrt(np.maximum(square, 0.0)) / tasks.scale
