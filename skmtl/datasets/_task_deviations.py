"""One nonlinear function from which every task deviates a little; some are reversed."""

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

FEWEST_ROWS = 12


def common_function(X):
    """Return the function that ordinary tasks share, at each row of X."""
    wave = 1.5 * np.sin(1.5 * X[:, 0]) + X[:, 1] * X[:, 2]
    return wave + np.abs(X[:, 3]) - 0.8 + 1.2 * (X[:, 4] > 0.3) * X[:, 5]


def unrelated_function(X):
    """Return the function of unrelated outlier tasks, at each row of X."""
    wave = 1.5 * np.cos(1.3 * X[:, 6]) + X[:, 7] * X[:, 8]
    return wave - np.abs(X[:, 9]) + 1.2 * (X[:, 0] > -0.3) * X[:, 7]


@dataclass(frozen=True, eq=False)
class DeviatingFunction:
    """The function of one task: a base with a sign, and the task's own deviation."""

    unrelated: bool
    sign: float
    offset: float
    slopes: np.ndarray
    pair: tuple
    pair_slope: float

    def __call__(self, X):
        """Return the value of the function at each row of X."""
        X = np.asarray(X, dtype=np.float64)
        base = unrelated_function(X) if self.unrelated else common_function(X)
        return self.sign * base + self.deviation(X)

    def deviation(self, X):
        """Return what the task adds to its base, at each row of X."""
        squashed = np.tanh(X)
        first, second = self.pair
        interaction = squashed[:, first] * (X[:, second] > 0.0)
        return self.offset + squashed @ self.slopes + self.pair_slope * interaction


def make_task_deviations(
    n_tasks=30,
    n_samples=100,
    n_features=10,
    *,
    deviation=0.5,
    n_outlier_tasks=0,
    outliers="reversed",
    size_spread=0.0,
    noise=0.5,
    shuffle=True,
    return_X_y=False,
    as_frame=True,
    random_state=None,
):
    r"""Generate tasks that deviate from one nonlinear function.

    Features are standard normal and :math:`y_i = s_t f(x_i) + g_t(x_i) + \sigma_t
    \varepsilon_i` with

    .. math::

        f(x) &= 1.5 \sin(1.5 x_0) + x_1 x_2 + |x_3| - 0.8
                + 1.2\, [x_4 > 0.3]\, x_5, \\
        g_t(x) &= a_t + u_t^\top \tanh(x) + q_t \tanh(x_{j_t})\, [x_{k_t} > 0],

    where :math:`a_t, q_t` and a random three tenths of the entries of :math:`u_t` are
    normal with standard deviation ``deviation``, the other entries of :math:`u_t`
    being zero. Outlier tasks, chosen at random, have :math:`s_t = -1` ("reversed") or,
    with :math:`s_t = 1`, another function in place of :math:`f` ("unrelated").

    Parameters
    ----------
    n_tasks : int, default=30
        Number of tasks.
    n_samples : int or sequence of int, default=100
        Rows of every task, or of each task in turn; the median when ``size_spread``
        is positive.
    n_features : int, default=10
        Number of features beside the task, at least 10.
    deviation : float, default=0.5
        Size of the tasks' own parts :math:`g_t`.
    n_outlier_tasks : int, default=0
        Number of outlier tasks.
    outliers : {"reversed", "unrelated"}, default="reversed"
        What outlier tasks do with the common function.
    size_spread : float, default=0.0
        Standard deviation of the logarithm of the task sizes, which are then
        log-normal, but at least 12 (or ``n_samples``, if less).
    noise : float or sequence of float, default=0.5
        Standard deviation of the noise in every task, or in each task in turn.
    shuffle : bool, default=True
        Shuffle the rows; otherwise they stand in the order of the tasks.
    return_X_y : bool, default=False
        Return ``(data, target)`` only.
    as_frame : bool, default=True
        Return pandas objects with string task labels, else arrays with task codes.
    random_state : int, RandomState instance or None, default=None
        Fixes the outcome. The functions do not depend on ``n_samples`` or ``noise``.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        With the attributes of :func:`make_task_functions`: ``data``, ``target``,
        ``frame``, ``task_feature``, ``task_names``, ``feature_names``,
        ``target_names``, the true ``functions`` keyed as in the task column,
        ``clusters`` (1 for outlier tasks, else 0) and ``outlier_tasks``.
    (data, target) : tuple
        If ``return_X_y`` is True.

    See Also
    --------
    make_task_functions : Mixtures of a common and an own function.

    Examples
    --------
    >>> from skmtl.datasets import make_task_deviations
    >>> tasks = make_task_deviations(
    ...     n_tasks=5, n_outlier_tasks=1, size_spread=0.5, random_state=0
    ... )
    >>> tasks.data["task"].nunique(), len(tasks.functions), len(tasks.outlier_tasks)
    (5, 5, 1)
    """
    n_tasks = whole_number("n_tasks", n_tasks, low=1)
    n_features = whole_number("n_features", n_features, low=10)
    noise = noise_per_task(noise, n_tasks)
    function_stream, row_stream, noise_stream = random_streams(random_state, 3)
    outlier = np.zeros(n_tasks, dtype=bool)
    n_outliers = whole_number("n_outlier_tasks", n_outlier_tasks, low=0, high=n_tasks)
    outlier[function_stream.permutation(n_tasks)[:n_outliers]] = True
    kind = one_of("outliers", outliers, ("reversed", "unrelated"))
    scale = real_number("deviation", deviation, low=0.0)
    functions = [
        _draw_function(function_stream, n_features, scale, kind if out else None)
        for out in outlier
    ]
    sizes = _draw_sizes(row_stream, n_samples, n_tasks, size_spread)
    codes = np.repeat(np.arange(n_tasks), sizes)
    if shuffle:
        row_stream.shuffle(codes)
    X = row_stream.standard_normal((len(codes), n_features))
    signal = evaluate(functions, [X[codes == t] for t in range(n_tasks)], codes)
    y = signal + noise[codes] * noise_stream.standard_normal(len(codes))
    return pack_functions(
        X,
        y,
        codes,
        functions,
        outlier.astype(np.intp),
        np.flatnonzero(outlier),
        as_frame,
        return_X_y,
    )


def _draw_function(stream, n_features, scale, outlier_kind):
    slopes = scale * stream.standard_normal(n_features)
    slopes *= stream.random(n_features) < 0.3
    return DeviatingFunction(
        unrelated=outlier_kind == "unrelated",
        sign=-1.0 if outlier_kind == "reversed" else 1.0,
        offset=scale * stream.standard_normal(),
        slopes=slopes,
        pair=tuple(stream.integers(n_features, size=2).tolist()),
        pair_slope=scale * stream.standard_normal(),
    )


def _draw_sizes(stream, n_samples, n_tasks, size_spread):
    sizes = rows_per_task(n_samples, n_tasks)
    spread = real_number("size_spread", size_spread, low=0.0)
    if spread == 0.0:
        return sizes
    if np.ndim(n_samples):
        raise ValueError(
            "size_spread draws the task sizes around one number: n_samples must be an "
            f"int, got {n_samples!r}."
        )
    drawn = stream.lognormal(np.log(n_samples), spread, n_tasks).astype(np.intp)
    return np.maximum(drawn, min(FEWEST_ROWS, n_samples))
