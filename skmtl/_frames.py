"""Tables of the user's own kind: arrays, sparse matrices, pandas and polars frames."""

import numpy as np
from scipy import sparse
from sklearn import get_config

from ._labels import read_labels
from ._sklearn_compat import num_samples
from ._tables import take_column


def frame_kind(X):
    """Return "pandas" or "polars" for such a frame and None for any other table."""
    if hasattr(X, "iloc"):
        return "pandas"
    if hasattr(X, "columns") and type(X).__module__.startswith("polars"):
        return "polars"
    return None


def output_kind(transformer, X):
    """Return the kind of table a transformer gives for X: what the user set, or X's."""
    default = get_config()["transform_output"]
    chosen = getattr(transformer, "_sklearn_output_config", {}).get("transform")
    chosen = default if chosen is None else chosen
    return frame_kind(X) if chosen == "default" else chosen


def to_frame(kind, values, names, like):
    """Return a table as a frame with these column names, its index that of ``like``."""
    if frame_kind(values) is not None and frame_kind(values) != kind:
        values = np.column_stack([np.asarray(values[c]) for c in values.columns])
    if sparse.issparse(values):
        values = values.toarray()
    if kind == "polars":
        import polars

        if frame_kind(values) == "polars":
            return values.rename(dict(zip(values.columns, names, strict=True)))
        columns = zip(names, _columns(values), strict=True)
        return polars.DataFrame([polars.Series(n, part) for n, part in columns])
    import pandas

    index = like.index if hasattr(like, "iloc") else None
    if frame_kind(values) == "pandas":
        frame = values.set_axis(names, axis=1)
        return frame if index is None else frame.set_axis(index)
    return pandas.DataFrame(values, index=index, columns=names).infer_objects()


def _columns(values):
    """Return the columns of an array; of objects, as lists to be read anew."""
    as_objects = values.dtype.kind == "O"
    return [part.tolist() if as_objects else part.copy() for part in values.T]


def insert_column(table, position, column, name=None):
    """Return a new table with one more column, which keeps its own type in a frame.

    A pandas frame must be the caller's own: the column is inserted in place.
    """
    kind = frame_kind(table)
    if kind == "pandas":
        values = column if hasattr(column, "dtype") else np.asarray(column)
        table.insert(position, name, getattr(values, "array", values))
        return table
    if kind == "polars":
        import polars

        if not isinstance(column, polars.Series):
            column = polars.Series(np.asarray(column).tolist())
        return table.clone().insert_column(position, column.alias(name))
    column = np.asarray(column)
    if sparse.issparse(table) and column.dtype.kind != "O":
        parts = [table[:, :position], column[:, None], table[:, position:]]
        return sparse.hstack(parts, format="csr")
    table = table.toarray() if sparse.issparse(table) else table
    dtype = _common_dtype(table, column)
    return np.insert(table.astype(dtype, copy=False), position, column, axis=1)


def _common_dtype(table, column):
    """Return the table's dtype if it can hold every label, or one that can."""
    if {table.dtype.kind, column.dtype.kind} & set("OUT"):
        return np.dtype(object)
    if table.dtype.kind == "f" and (column.astype(table.dtype) == column).all():
        return table.dtype
    return np.result_type(table.dtype, column.dtype)


def rejoin(transformer, X, values, names, position):
    """Return transformed features with X's task column at a position among them.

    The result is of the kind of X unless ``set_output`` asks for another; ``names`` are
    those of all its columns.
    """
    kind = output_kind(transformer, X) or frame_kind(values)
    others = [name for j, name in enumerate(names) if j != position]
    if kind is not None:
        values = to_frame(kind, values, others, X)
    if position is None:
        return values
    X = as_table(X)
    column = take_column(X, transformer._task_column)
    if kind != frame_kind(X):
        column = read_labels(column)
    return insert_column(values, position, column, names[position])


def stack_rows(tables):
    """Return the rows of tables of one kind and with the same columns, one by one."""
    kind = frame_kind(tables[0])
    if kind == "pandas":
        import pandas

        return pandas.concat(tables)
    if kind == "polars":
        import polars

        return polars.concat(tables)
    if sparse.issparse(tables[0]):
        return sparse.vstack(tables, format="csr")
    return np.concatenate(tables)


def column_names(X):
    """Return the names of a table's columns; x0, x1 and so on where it has none."""
    if hasattr(X, "columns"):
        return list(X.columns)
    return [f"x{j}" for j in range(X.shape[1])]


def as_table(X):
    """Return a frame, an array or a sparse matrix of two dimensions."""
    if frame_kind(X) is not None or sparse.issparse(X):
        return X
    X = np.asarray(X)
    if X.ndim != 2:
        raise ValueError(
            f"Expected a table with rows and columns, got an array of shape {X.shape}."
        )
    return X


def check_rows(X, y, what):
    """Raise if a table and its targets differ in their number of rows."""
    if num_samples(X) != num_samples(y):
        raise ValueError(
            f"{what} has {num_samples(X)} rows of X but {num_samples(y)} of y."
        )
