"""What the generators of nonlinear tasks share: rows from known functions."""

import numpy as np

from skmtl.datasets._bunch import Table, labels, matrix_columns, pack


def evaluate(functions, rows, codes):
    """Return the value of each row's own function, `rows[t]` being those of task t."""
    signal = np.empty(len(codes))
    for t, (function, X) in enumerate(zip(functions, rows, strict=True)):
        signal[codes == t] = function(X)
    return signal


def pack_functions(X, y, codes, functions, clusters, outliers, as_frame, return_X_y):
    """Return the generated rows and their truth as `pack` does."""
    names = labels("task_", len(functions))
    keys = names.tolist() if as_frame else range(len(functions))
    return pack(
        Table(matrix_columns(X), {"y": y}, names, codes, "task"),
        as_frame=as_frame,
        return_X_y=return_X_y,
        functions=dict(zip(keys, functions, strict=True)),
        clusters=clusters,
        outlier_tasks=names[outliers] if as_frame else outliers,
    )
