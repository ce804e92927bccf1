"""Warnings that a user may want to catch."""

__all__ = ["TaskColumnWarning"]


class TaskColumnWarning(UserWarning):
    """The task column does not look like one: an earlier step may have changed it.

    Issued at fit when a table has more task labels than half its rows, or when most
    labels stand on one row only, as happens after scaling, projecting or oversampling
    the column. Keep it out of such steps with :func:`skmtl.compose.keep_task`.

    See Also
    --------
    skmtl.compose.keep_task : Keeps the column out of a transformer's reach.

    Examples
    --------
    >>> import warnings
    >>> import numpy as np
    >>> from skmtl.exceptions import TaskColumnWarning
    >>> from skmtl.linear import HierarchicalRegressor
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(30, 3)), rng.normal(size=30)
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", TaskColumnWarning)
    ...     try:
    ...         HierarchicalRegressor(task_feature=-1).fit(X, y)
    ...     except TaskColumnWarning as warning:
    ...         print(str(warning)[:50])
    The task column has 30 distinct labels in 30 rows,
    """
