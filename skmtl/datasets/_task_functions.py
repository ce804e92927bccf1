"""Nonlinear tasks: smooth random functions, and one function with deviations."""

from dataclasses import dataclass

import numpy as np

from skmtl.datasets._arguments import (
    noise_per_task,
    one_of,
    random_streams,
    real_number,
    rows_per_task,
    whole_number,
)
from skmtl.datasets._functions import evaluate, pack_functions

MAX_DRAWS = 1000
ROWS_AT_A_TIME = 4096


@dataclass(frozen=True, eq=False)
class RandomWaves:
    """A sum of cosines, close to a draw from a smooth Gaussian process.

    ``f(x) = sum_k amplitudes[k] cos(frequencies[k] . x + phases[k])``
    """

    frequencies: np.ndarray
    phases: np.ndarray
    amplitudes: np.ndarray

    def __call__(self, X):
        """Return the value of the function at each row of X."""
        X = np.asarray(X, dtype=np.float64)
        # A block of rows at a time: all waves of all rows may not fit into memory.
        blocks = [
            np.cos(X[start : start + ROWS_AT_A_TIME] @ self.frequencies.T + self.phases)
            @ self.amplitudes
            for start in range(0, len(X), ROWS_AT_A_TIME)
        ]
        return np.concatenate(blocks) if blocks else np.empty(0)


@dataclass(frozen=True, eq=False)
class Mixture:
    """``f(x) = weight * common(x) + (1 - weight) * own(x)``."""

    weight: float
    common: RandomWaves
    own: RandomWaves

    def __call__(self, X):
        """Return the value of the function at each row of X."""
        return self.weight * self.common(X) + (1.0 - self.weight) * self.own(X)


def make_task_functions(
    n_tasks=10,
    n_samples=300,
    n_features=5,
    *,
    shared=0.9,
    n_outlier_tasks=0,
    n_outlier_functions=1,
    length_scale=None,
    n_waves=500,
    noise=0.0,
    problem="regression",
    min_class_share=0.1,
    shuffle=True,
    return_X_y=False,
    as_frame=True,
    random_state=None,
):
    r"""Generate tasks whose functions are mixtures of a common and an own part.

    Features are uniform on :math:`[-1, 1]` and, with ``shared`` = :math:`s`,

    .. math:: y_i = s\, c(x_i) + (1 - s)\, f_t(x_i) + \sigma_t \varepsilon_i,

    where the common function :math:`c` and the tasks' own functions :math:`f_t` are
    random Fourier features [2]_ of a Gaussian process with unit variance,

    .. math:: f(x) = \sqrt{2 / K} \sum_{k=1}^{K} a_k
              \cos(\omega_k^\top x / \ell + \beta_k),

    with :math:`a_k, \omega_k` standard normal and :math:`\beta_k` uniform between 0
    and :math:`2 \pi`. For outlier tasks (the last ones) another function takes the
    place of :math:`c`. The four scenarios of [1]_ are

    ====================  ======================================  =================
    scenario              arguments                               what is best
    ====================  ======================================  =================
    1 the same function   ``shared=1``                            one pooled model
    2 unrelated           ``shared=0``                            separate models
    3 related             ``shared=0.9``                          sharing
    4 with outlier tasks  ``shared=0.9, n_outlier_tasks=2``       robust sharing
    ====================  ======================================  =================

    Parameters
    ----------
    n_tasks : int, default=10
        Number of tasks.
    n_samples : int or sequence of int, default=300
        Rows of every task, or of each task in turn.
    n_features : int, default=5
        Number of features beside the task.
    shared : float, default=0.9
        Weight :math:`s` of the common function, between 0 and 1.
    n_outlier_tasks : int, default=0
        Number of outlier tasks; they are the last ones.
    n_outlier_functions : int, default=1
        Number of distinct functions that the outlier tasks follow in turn. One, as in
        [1]_, makes them a second cluster; ``n_outlier_tasks`` makes each an outlier
        of its own kind.
    length_scale : float or None, default=None
        Length scale :math:`\ell` of the functions; None is a quarter of
        ``n_features``.
    n_waves : int, default=500
        Number :math:`K` of random features.
    noise : float or sequence of float, default=0.0
        Standard deviation of the noise in every task, or in each task in turn.
    problem : {"regression", "classification"}, default="regression"
        In classification the label is 1 where the right-hand side is positive and 0
        elsewhere.
    min_class_share : float, default=0.1
        In classification functions are drawn again until each class has at least this
        share of the rows of each task (before noise).
    shuffle : bool, default=True
        Shuffle the rows; otherwise they stand in the order of the tasks.
    return_X_y : bool, default=False
        Return ``(data, target)`` only.
    as_frame : bool, default=True
        Return pandas objects with string task labels, else arrays with task codes.
    random_state : int, RandomState instance or None, default=None
        Fixes the outcome. In regression the functions do not depend on ``n_samples``
        or ``noise``.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        With the attributes

        data : DataFrame or ndarray
            The features, and the task in the last column: a label ("task_00", ...)
            under the name "task" in a frame, a code (0, 1, ...) in an array.
        target : Series or ndarray
            The target.
        frame : DataFrame or None
            Data and target side by side.
        task_feature : str or int
            What to pass to an estimator as ``task_feature``.
        task_names : ndarray of str
            Label of each task; the code of a task is its place here.
        feature_names, target_names : list of str
            Names of the features without the task, and of the targets.
        functions : dict
            The true function of each task, keyed as in the task column; called with
            the features (without the task) it returns the target before noise and,
            in classification, before the sign is taken.
        clusters : ndarray of shape (n_tasks,)
            0 for tasks around the common function, 1, 2, ... for outlier functions.
        outlier_tasks : ndarray
            The outlier tasks, named as in the task column.
    (data, target) : tuple
        If ``return_X_y`` is True.

    See Also
    --------
    make_task_deviations : One function, from which tasks deviate.
    make_shared_representation : Linear tasks.

    References
    ----------
    .. [1] S. Emami, G. Martínez-Muñoz and D. Hernández-Lobato, "Robust-Multi-Task
       Gradient Boosting", arXiv:2507.11411, 2025.
    .. [2] A. Rahimi and B. Recht, "Random features for large-scale kernel machines",
       Advances in Neural Information Processing Systems 20, 2007.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl.datasets import make_task_functions
    >>> tasks = make_task_functions(n_tasks=4, n_outlier_tasks=1, random_state=0)
    >>> tasks.data.shape, tasks.outlier_tasks.tolist()
    ((1200, 6), ['task_03'])
    >>> rows = tasks.data["task"] == "task_03"
    >>> X, y = tasks.data.loc[rows, tasks.feature_names], tasks.target[rows]
    >>> bool(np.allclose(tasks.functions["task_03"](X), y))
    True
    """
    n_tasks = whole_number("n_tasks", n_tasks, low=1)
    n_features = whole_number("n_features", n_features, low=1)
    sizes = rows_per_task(n_samples, n_tasks)
    noise = noise_per_task(noise, n_tasks)
    shared = real_number("shared", shared, low=0.0, high=1.0)
    share = real_number("min_class_share", min_class_share, low=0.0, high=0.5)
    if one_of("problem", problem, ("regression", "classification")) == "regression":
        share = 0.0
    clusters = _outlier_clusters(n_tasks, n_outlier_tasks, n_outlier_functions, shared)
    function_stream, row_stream, noise_stream = random_streams(random_state, 3)
    codes = np.repeat(np.arange(n_tasks), sizes)
    if shuffle:
        row_stream.shuffle(codes)
    X = row_stream.uniform(-1.0, 1.0, (len(codes), n_features))
    rows = [X[codes == t] for t in range(n_tasks)]
    draw = _wave_source(function_stream, n_features, length_scale, n_waves)
    functions = _draw_functions(draw, rows, clusters, shared, share)
    signal = evaluate(functions, rows, codes)
    y = signal + noise[codes] * noise_stream.standard_normal(len(codes))
    if problem == "classification":
        y = (y > 0.0).astype(np.int64)
    return pack_functions(
        X, y, codes, functions, clusters, np.flatnonzero(clusters), as_frame, return_X_y
    )


def _outlier_clusters(n_tasks, n_outlier_tasks, n_outlier_functions, shared):
    n_outliers = whole_number("n_outlier_tasks", n_outlier_tasks, low=0, high=n_tasks)
    n_functions = whole_number(
        "n_outlier_functions", n_outlier_functions, low=1, high=max(n_outliers, 1)
    )
    if n_outliers and shared == 0.0:
        raise ValueError(
            "n_outlier_tasks needs tasks that share something to differ from: "
            f"got n_outlier_tasks={n_outliers} with shared=0."
        )
    clusters = np.zeros(n_tasks, dtype=np.intp)
    clusters[n_tasks - n_outliers :] = 1 + np.arange(n_outliers) % n_functions
    return clusters


def _wave_source(stream, n_features, length_scale, n_waves):
    n_waves = whole_number("n_waves", n_waves, low=1)
    if length_scale is None:
        length_scale = 0.25 * n_features
    length_scale = real_number("length_scale", length_scale, low=1e-12)

    def draw():
        return RandomWaves(
            frequencies=stream.standard_normal((n_waves, n_features)) / length_scale,
            phases=stream.uniform(0.0, 2.0 * np.pi, n_waves),
            amplitudes=np.sqrt(2.0 / n_waves) * stream.standard_normal(n_waves),
        )

    return draw


def _draw_functions(draw, rows, clusters, shared, share):
    if shared == 0.0:
        return [_draw_balanced(draw, [X], share) for X in rows]
    commons = {}
    for cluster in np.unique(clusters):
        members = [rows[t] for t in np.flatnonzero(clusters == cluster)]
        # Below one half the tasks' own parts decide; the common one is then free.
        commons[cluster] = _draw_balanced(draw, members, share if shared >= 0.5 else 0)
    if shared == 1.0:
        return [commons[cluster] for cluster in clusters]
    return [
        _draw_balanced(
            lambda c=cluster: Mixture(shared, commons[c], draw()), [X], share
        )
        for cluster, X in zip(clusters, rows, strict=True)
    ]


def _draw_balanced(draw, groups, share):
    for _ in range(MAX_DRAWS):
        function = draw()
        if share == 0.0 or all(_is_balanced(function(X), share) for X in groups):
            return function
    raise ValueError(
        f"No function of {MAX_DRAWS} drawn had {share:.0%} of the rows of each task in "
        "each class. Ask for more rows per task or a smaller min_class_share."
    )


def _is_balanced(values, share):
    positive = np.mean(values > 0.0)
    return share <= positive <= 1.0 - share
