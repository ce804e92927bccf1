"""Tasks whose features measure the same things in other units or mixtures."""

import numpy as np
from scipy import sparse

from .._labels import build_vocabulary
from .._tables import as_rows, drop_column
from .._task_column import locate, read_task_column
from .._tasks import group_rows, statistics
from ._low_rank import TINY
from ._sample import sample_statistics


def task_covariances(sample):
    """Return the covariance of every task's features, and that of all together."""
    tasks = sample.tasks
    divisor = np.maximum(sample.freedom(), 1.0)
    each = tasks.gram / divisor[: len(tasks.gram), None, None]
    each = np.broadcast_to(each, (len(divisor), *each.shape[1:]))
    return each, np.tensordot(divisor / divisor.sum(), each, 1)


def symmetric_power(matrix, power, floor=1e-8):
    """Return a power of symmetric matrices; directions without spread stay as small."""
    values, vectors = np.linalg.eigh(matrix)
    least = floor * values.mean(axis=-1, keepdims=True).clip(min=np.finfo(float).tiny)
    values = np.maximum(values, least) ** power
    return (vectors * values[..., None, :]) @ np.swapaxes(vectors, -1, -2)


def alignment_maps(covariance, common, freedom):
    r"""Return the maps that give every task's features one covariance.

    Map :math:`R_t = S_t^{-1/2}` is taken in coordinates in which the features of all
    tasks together are white, and then back: a task like the others is left alone. Each
    :math:`S_t` is shrunk towards the identity as far as its distance from that is what
    sampling alone would give (Wu, Zhang and Ré, 2020, for the maps; Ledoit and Wolf,
    2004, for the shrinkage, with the sampling error of normal features).

    Parameters
    ----------
    covariance : array of shape (n_tasks, n_features, n_features)
    common : array of shape (n_features, n_features)
    freedom : array of shape (n_tasks,)
        Rows behind each covariance.

    Returns
    -------
    maps : float64 array of shape (n_tasks, n_features, n_features)
        Features of task t become ``X @ maps[t]``.
    """
    root, inverse = symmetric_power(common, 0.5), symmetric_power(common, -0.5)
    white = inverse @ covariance @ inverse
    identity = np.eye(len(common))
    distance = np.sum((white - identity) ** 2, axis=(1, 2))
    trace = np.trace(white, axis1=1, axis2=2)
    square = np.sum(white**2, axis=(1, 2))
    # Noise of the estimate for white features, which those of tiny tasks look least.
    noise = (np.maximum(trace, len(common)) ** 2 + square) / np.maximum(freedom, 1.0)
    noise = np.where(freedom > 0, noise, np.inf)
    share = np.clip(noise / np.maximum(distance, 1e-300), 0.0, 1.0)[:, None, None]
    shrunk = np.where(share >= 1.0, identity, (1.0 - share) * white + share * identity)
    return inverse @ symmetric_power(shrunk, -0.5) @ root


def span_weights(sample, white, rank):
    """Return how much of each task's moments lies in the directions common to all.

    The weights of Wu, Zhang and Ré (2020, algorithm 2) with every task's moments
    brought to length one, so that no unit or number of rows counts.
    """
    moments = white.direction(
        sample.tasks.residual_moments(np.zeros(sample.tasks.shape)).T
    )
    length = np.linalg.norm(moments, axis=0)
    moments = moments / np.where(length > 0.0, length, 1.0)
    left = np.linalg.svd(moments, full_matrices=False)[0][:, :rank]
    share = np.linalg.norm(left.T @ moments, axis=0)
    share = np.where(
        length > 0.0, share, share[length > 0.0].mean() if share.any() else 1
    )
    return share / share.mean() if share.any() else np.ones(len(share))


def covariance_similarity(X, *, task_feature):
    """Return how alike the features of any two tasks vary, before fitting anything.

    The cosine between two tasks' covariances, in coordinates in which the features of
    all tasks together are white, so that units common to all tasks do not count. Tasks
    sampled from one distribution are close to 1 (less the noise of few rows); values
    far below say that ``align="covariance"`` may help.

    Parameters
    ----------
    X : table of shape (n_samples, n_features)
        Numeric features and the task column.
    task_feature : str or int
        Name or position of that column.

    Returns
    -------
    tasks : ndarray of shape (n_tasks,)
        Labels, sorted.
    similarity : ndarray of shape (n_tasks, n_tasks)
        Between 0 and 1, of every pair of tasks.

    See Also
    --------
    SharedRepresentationRegressor : Aligns tasks with ``align="covariance"``.

    References
    ----------
    .. [1] S. Wu, H. R. Zhang and C. Ré, "Understanding and improving information
       transfer in multi-task learning", ICLR 2020.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl.linear import covariance_similarity
    >>> rng = np.random.default_rng(0)
    >>> unit = np.repeat([[1.0, 1.0], [1.0, 1.0], [9.0, 0.1]], 100, axis=0)
    >>> x = unit * rng.normal(size=(300, 2))
    >>> X = np.column_stack([np.repeat([0, 1, 2], 100), x])
    >>> tasks, similarity = covariance_similarity(X, task_feature=0)
    >>> bool(similarity[0, 1] > 0.9 > 0.5 > similarity[0, 2])
    True
    """
    tasks, task = build_vocabulary(read_task_column(X, task_feature))
    as_is = hasattr(X, "columns") or sparse.issparse(X)
    table = X if as_is else np.asarray(X)
    names = np.array(table.columns, dtype=object) if hasattr(X, "columns") else None
    column = locate(task_feature, table.shape[1], names)
    features = drop_column(table, column)
    if not sparse.issparse(features):
        features = np.asarray(features, dtype=np.float64)
    features, n_rows = as_rows(features), features.shape[0]
    data = group_rows(features, np.zeros(n_rows), np.ones(n_rows), task, tasks.size)
    covariance, common = task_covariances(sample_statistics(statistics(data)))
    inverse = symmetric_power(common, -0.5)
    white = (inverse @ covariance @ inverse).reshape(tasks.size, -1)
    white /= np.maximum(np.linalg.norm(white, axis=1, keepdims=True), TINY)
    return tasks, np.clip(white @ white.T, 0.0, 1.0)
