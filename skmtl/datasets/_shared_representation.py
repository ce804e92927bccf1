"""Linear tasks whose coefficients lie near one subspace, with outliers among them."""

from typing import NamedTuple

import numpy as np

from skmtl.datasets._arguments import (
    noise_per_task,
    one_of,
    random_streams,
    real_number,
    rows_per_task,
    whole_number,
)
from skmtl.datasets._bunch import Table, labels, matrix_columns, pack

PROBLEMS = ("regression", "classification")
HEADS = ("uniform", "normal", "clustered")


class LinearTruth(NamedTuple):
    """The numbers that generate y, one row a task."""

    coef: np.ndarray
    intercept: np.ndarray
    components: np.ndarray
    heads: np.ndarray
    clusters: np.ndarray
    shared_coef: np.ndarray
    outlier: np.ndarray


def make_shared_representation(
    n_tasks=10,
    n_samples=100,
    n_features=20,
    *,
    rank=3,
    heads="uniform",
    head_scale=2.0,
    n_clusters=2,
    shared_scale=0.0,
    intercept_scale=0.0,
    drift=0.0,
    n_outlier_tasks=0,
    outlier_scale=3.0,
    outlier_feature_scale=1.0,
    noise=1.0,
    problem="regression",
    shared_rows=False,
    missing=0.0,
    shuffle=True,
    return_X_y=False,
    as_frame=True,
    random_state=None,
):
    r"""Generate linear tasks that share a low-dimensional representation.

    Row i of task t has standard normal features and

    .. math:: y_i = b_t + x_i^\top w_t + \sigma_t \varepsilon_i,
              \qquad w_t = m + B_t v_t,

    where :math:`m` is common to all tasks, :math:`v_t` has length ``rank`` and the
    columns of :math:`B_t` are orthonormal. Without drift every task has the same
    :math:`B_t = B`. With ``drift=h`` each task has its own,

    .. math:: B_t = \operatorname{polar}\bigl(B + \delta_t [I; 0]\bigr),
              \qquad \delta_t \sim U(-h, h),

    and outlier tasks have coefficients of their own that ignore the representation.
    ``n_tasks=50, n_features=50, rank=5, outlier_feature_scale=2`` are the settings of
    [1]_.

    Parameters
    ----------
    n_tasks : int, default=10
        Number of tasks.
    n_samples : int or sequence of int, default=100
        Rows of every task, or of each task in turn.
    n_features : int, default=20
        Number of features beside the task.
    rank : int, default=3
        Dimension of the shared representation, at most ``n_features``.
    heads : {"uniform", "normal", "clustered"}, default="uniform"
        How the vectors :math:`v_t` are drawn: each entry uniform between
        ``-head_scale`` and ``head_scale``; normal with standard deviation
        ``head_scale``; or uniform, but one and the same for all tasks of a cluster.
    head_scale : float, default=2.0
        Size of the entries of :math:`v_t`.
    n_clusters : int, default=2
        Number of clusters of tasks when ``heads="clustered"``.
    shared_scale : float, default=0.0
        The entries of the common part :math:`m` are uniform between
        ``-shared_scale`` and ``shared_scale``.
    intercept_scale : float, default=0.0
        Standard deviation of the intercepts :math:`b_t`.
    drift : float, default=0.0
        How far, at most, the representation of a task departs from the common one.
    n_outlier_tasks : int, default=0
        Number of outlier tasks, chosen at random.
    outlier_scale : float, default=3.0
        The coefficients of outlier tasks are uniform between ``-outlier_scale`` and
        ``outlier_scale``.
    outlier_feature_scale : float, default=1.0
        Standard deviation of the features in the rows of outlier tasks.
    noise : float or sequence of float, default=1.0
        Noise level :math:`\sigma_t` of every task, or of each task in turn. The noise
        :math:`\varepsilon_i` is standard normal in regression and standard logistic
        in classification.
    problem : {"regression", "classification"}, default="regression"
        In classification the label is 1 where the right-hand side above is positive
        and 0 elsewhere, which for ``noise=1`` is exactly logistic regression.
    shared_rows : bool, default=False
        Give all tasks the same rows: X has no task column and every task is a column
        of a two-dimensional y.
    missing : float, default=0.0
        With ``shared_rows``, the share of the rows that each column of y misses
        (NaN); at least one label of each task is kept.
    shuffle : bool, default=True
        Shuffle the rows; otherwise they stand in the order of the tasks.
    return_X_y : bool, default=False
        Return ``(data, target)`` only.
    as_frame : bool, default=True
        Return pandas objects with string task labels, else arrays with task codes.
    random_state : int, RandomState instance or None, default=None
        Fixes the outcome. The truth does not depend on ``n_samples`` or ``noise``.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        With the attributes

        data : DataFrame or ndarray
            The features, and the task in the last column: a label ("task_00", ...)
            under the name "task" in a frame, a code (0, 1, ...) in an array.
        target : Series, DataFrame or ndarray
            The target; a column for each task with ``shared_rows``.
        frame : DataFrame or None
            Data and target side by side.
        task_feature : str, int or None
            What to pass to an estimator as ``task_feature``.
        task_names : ndarray of str
            Label of each task; the code of a task is its place here.
        feature_names, target_names : list of str
            Names of the features without the task, and of the targets.
        coef, intercept : ndarray of shape (n_tasks, n_features), (n_tasks,)
            The true coefficients.
        components : ndarray of shape (rank, n_features)
            Orthonormal basis :math:`B^\top` of the common representation.
        heads : ndarray of shape (n_tasks, rank)
            The vectors :math:`v_t` (zero for outlier tasks).
        shared_coef : ndarray of shape (n_features,)
            The common part :math:`m`.
        clusters : ndarray of shape (n_tasks,)
            Cluster of each task, -1 for outlier tasks.
        outlier_tasks : ndarray
            The outlier tasks, named as in the task column.
    (data, target) : tuple
        If ``return_X_y`` is True.

    See Also
    --------
    make_source_tasks : A target, and sources that can be asked for rows.
    make_task_functions : Tasks that are not linear.

    References
    ----------
    .. [1] Y. Tian, Y. Gu and Y. Feng, "Learning from similar linear representations:
       adaptivity, minimaxity, and robustness", Journal of Machine Learning Research
       26(187), 2025.

    Examples
    --------
    >>> from skmtl.datasets import make_shared_representation
    >>> tasks = make_shared_representation(
    ...     n_tasks=6, n_samples=40, n_features=8, rank=2, n_outlier_tasks=1,
    ...     random_state=0,
    ... )
    >>> tasks.data.shape, tasks.coef.shape, tasks.components.shape
    ((240, 9), (6, 8), (2, 8))
    >>> len(tasks.outlier_tasks)
    1
    >>> X, Y = make_shared_representation(
    ...     n_tasks=6, shared_rows=True, missing=0.25, return_X_y=True, random_state=0
    ... )
    >>> X.shape, Y.shape, int(Y.isna().to_numpy().sum())
    ((100, 20), (100, 6), 150)
    """
    n_tasks = whole_number("n_tasks", n_tasks, low=1)
    n_features = whole_number("n_features", n_features, low=1)
    one_of("problem", problem, PROBLEMS)
    noise = noise_per_task(noise, n_tasks)
    missing = real_number("missing", missing, low=0.0, high=1.0)
    for_outliers = real_number("outlier_feature_scale", outlier_feature_scale, low=0.0)
    _check_layout(n_samples, shared_rows, missing, for_outliers)
    sizes = rows_per_task(n_samples, n_tasks)
    truth_stream, *streams = random_streams(random_state, 3)
    truth = _draw_truth(
        truth_stream,
        _coefficient_size(n_features, rank, head_scale, heads, n_clusters),
        n_tasks=n_tasks,
        shared_scale=real_number("shared_scale", shared_scale, low=0.0),
        intercept_scale=real_number("intercept_scale", intercept_scale, low=0.0),
        drift=real_number("drift", drift, low=0.0),
        n_outliers=whole_number(
            "n_outlier_tasks", n_outlier_tasks, low=0, high=n_tasks
        ),
        outlier_scale=real_number("outlier_scale", outlier_scale, low=0.0),
    )
    names = labels("task_", n_tasks)
    if shared_rows:
        table = _shared_rows(truth, names, sizes[0], noise, problem, missing, *streams)
    else:
        codes = np.repeat(np.arange(n_tasks), sizes)
        if shuffle:
            streams[0].shuffle(codes)
        table = _own_rows(truth, names, codes, noise, problem, for_outliers, *streams)
    outliers = np.flatnonzero(truth.outlier)
    return pack(
        table,
        as_frame=as_frame,
        return_X_y=return_X_y,
        outlier_tasks=names[outliers] if as_frame else outliers,
        **{name: field for name, field in truth._asdict().items() if name != "outlier"},
    )


def _shared_rows(
    truth, names, n_rows, noise, problem, missing, row_stream, noise_stream
):
    X = row_stream.standard_normal((n_rows, truth.coef.shape[1]))
    signal = X @ truth.coef.T + truth.intercept
    Y = _hide(_outcome(signal, noise, problem, noise_stream), missing, row_stream)
    targets = dict(zip(names.tolist(), Y.T, strict=True))
    return Table(matrix_columns(X), targets, names)


def _own_rows(
    truth, names, codes, noise, problem, outlier_scale, row_stream, noise_stream
):
    X = row_stream.standard_normal((len(codes), truth.coef.shape[1]))
    X[truth.outlier[codes]] *= outlier_scale
    signal = np.einsum("ij,ij->i", X, truth.coef[codes]) + truth.intercept[codes]
    y = _outcome(signal, noise[codes], problem, noise_stream)
    return Table(matrix_columns(X), {"y": y}, names, codes, "task")


def _check_layout(n_samples, shared_rows, missing, outlier_feature_scale):
    if shared_rows and np.ndim(n_samples):
        raise ValueError(
            "shared_rows=True gives all tasks the same rows: n_samples must be one "
            f"number, got {n_samples!r}."
        )
    if shared_rows and outlier_feature_scale != 1.0:
        raise ValueError(
            "outlier_feature_scale needs rows of their own for outlier tasks; with "
            f"shared_rows=True it must be 1, got {outlier_feature_scale!r}."
        )
    if missing and not shared_rows:
        raise ValueError(
            "missing labels need shared_rows=True (in a one-dimensional y every label "
            f"must be known), got missing={missing!r}."
        )


class CoefficientSize(NamedTuple):
    """Dimensions of the representation and the law of the heads."""

    n_features: int
    rank: int
    head_scale: float
    heads: str
    n_clusters: int


def _coefficient_size(n_features, rank, head_scale, heads, n_clusters):
    return CoefficientSize(
        n_features,
        whole_number("rank", rank, low=1, high=n_features),
        real_number("head_scale", head_scale, low=0.0),
        one_of("heads", heads, HEADS),
        whole_number("n_clusters", n_clusters, low=1),
    )


def _draw_truth(
    stream,
    size,
    *,
    n_tasks,
    shared_scale,
    intercept_scale,
    drift,
    n_outliers,
    outlier_scale,
):
    basis = np.linalg.qr(stream.standard_normal((size.n_features, size.rank)))[0]
    heads, clusters = _draw_heads(stream, size, n_tasks)
    shared_coef = stream.uniform(-shared_scale, shared_scale, size.n_features)
    intercept = intercept_scale * stream.standard_normal(n_tasks)
    shifts = stream.uniform(-drift, drift, n_tasks)
    outlier = np.zeros(n_tasks, dtype=bool)
    outlier[stream.permutation(n_tasks)[:n_outliers]] = True
    coef = np.empty((n_tasks, size.n_features))
    for t in range(n_tasks):
        coef[t] = shared_coef + _drifted(basis, shifts[t]) @ heads[t]
    coef[outlier] = stream.uniform(
        -outlier_scale, outlier_scale, (n_outliers, size.n_features)
    )
    heads[outlier] = 0.0
    clusters[outlier] = -1
    return LinearTruth(
        coef, intercept, basis.T.copy(), heads, clusters, shared_coef, outlier
    )


def _draw_heads(stream, size, n_tasks):
    if size.heads == "clustered":
        clusters = stream.permutation(np.arange(n_tasks) % size.n_clusters)
        centres = _uniform_heads(stream, size, size.n_clusters)
        return centres[clusters], clusters
    clusters = np.zeros(n_tasks, dtype=np.intp)
    if size.heads == "normal":
        return size.head_scale * stream.standard_normal((n_tasks, size.rank)), clusters
    return _uniform_heads(stream, size, n_tasks), clusters


def _uniform_heads(stream, size, count):
    return stream.uniform(-size.head_scale, size.head_scale, (count, size.rank))


def _drifted(basis, shift):
    if shift == 0.0:
        return basis
    moved = basis.copy()
    rank = basis.shape[1]
    moved[np.arange(rank), np.arange(rank)] += shift
    left, _, right = np.linalg.svd(moved, full_matrices=False)
    return left @ right


def _outcome(signal, noise, problem, stream):
    if problem == "regression":
        return signal + noise * stream.standard_normal(signal.shape)
    return (signal + noise * stream.logistic(size=signal.shape) > 0.0).astype(np.int64)


def _hide(y, missing, stream):
    n_hidden = min(round(missing * len(y)), len(y) - 1)
    if n_hidden == 0:
        return y
    y = y.astype(np.float64)
    for column in y.T:
        column[stream.permutation(len(y))[:n_hidden]] = np.nan
    return y
