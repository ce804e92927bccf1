"""A user's own table, read into the same Bunch as the tables that come along."""

import json
from pathlib import Path

from skmtl.datasets._bunch import pack
from skmtl.datasets._layout import Layout
from skmtl.datasets._text import build_table, read_columns

MISSING = ("", "NA", "NaN", "nan", "null")
TABLE_FILES = ("data.csv.gz", "data.csv")


def load_multitask_csv(
    path,
    *,
    target=None,
    task=None,
    categorical=None,
    ignored=None,
    missing=MISSING,
    return_X_y=False,
    as_frame=True,
):
    r"""Load a table from a CSV file, or from a folder that describes its table.

    Only numpy is needed to read it, and pandas where objects of pandas are wanted. A
    folder says once which columns are targets, which one is the task, and which are
    categories.

    Parameters
    ----------
    path : str or path-like
        A CSV file with a header, gzip-compressed or not, or a folder that holds such a
        file under the name ``data.csv.gz`` or ``data.csv`` and a file ``meta.json``
        with the keys

        ``"targets"``
            List of the columns to predict.
        ``"task"``
            Name of the task column, or null.
        ``"categorical"``
            List of the features to read as categories (optional).
        ``"alt_columns"``
            List of columns to leave out (optional), for example other targets.

        Other keys are not read. The arguments below, where given, take the place of
        what ``meta.json`` says.
    target : str or list of str, default=None
        Column to predict; several columns make a two-dimensional target, a task for
        each, in which values may be missing. Required for a file.
    task : str or None, default=None
        Column that holds each row's task. Tasks are read as text.
    categorical : list of str or None, default=None
        Features to read as categories. None reads every feature that holds text so.
    ignored : list of str or None, default=None
        Columns to leave out.
    missing : sequence of str, default=("", "NA", "NaN", "nan", "null")
        Marks of missing values, in all columns.
    return_X_y : bool, default=False
        Return ``(data, target)`` only.
    as_frame : bool, default=True
        Return pandas objects with string task labels and categorical columns, else
        arrays of numbers with codes for tasks and categories.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        With the attributes

        data : DataFrame or ndarray
            The features, and the task in the last column: a label in a frame, the
            label's place in ``task_names`` in an array. A category is likewise its
            place in ``categories[name]`` in an array, NaN where it is missing.
        target : Series, DataFrame or ndarray
            The target or targets.
        frame : DataFrame or None
            Data and target side by side.
        task_feature : str, int or None
            What to pass to an estimator as ``task_feature``.
        task_names : ndarray of str
            The tasks, sorted; the targets' names if there is no task column.
        feature_names, target_names : list of str
            Names of the features without the task, and of the targets.
        categories : dict
            Labels of each categorical feature.
    (data, target) : tuple
        If ``return_X_y`` is True.

    See Also
    --------
    skmtl.compose.stack_tasks : For one table for each task.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skmtl.datasets import load_multitask_csv
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "marks.csv")
    ...     lines = ["school,hours,mark", "north,1,10", "south,2,15", "north,3,21"]
    ...     size = path.write_text("\n".join(lines))
    ...     marks = load_multitask_csv(path, target="mark", task="school")
    >>> marks.data
       hours school
    0      1  north
    1      2  south
    2      3  north
    >>> marks.target.tolist()
    [10, 15, 21]
    """
    path = Path(path)
    given = {
        "targets": _names(target),
        "task": task,
        "categorical": _names(categorical),
        "ignored": _names(ignored),
    }
    roles = {}
    if path.is_dir():
        path, roles = _described(path)
    columns = read_columns(path)
    roles |= {role: names for role, names in given.items() if names is not None}
    if not roles.get("targets"):
        raise ValueError(
            "target must name the column or columns to predict, got "
            f"{target!r}: the columns are {list(columns)}."
        )
    table = build_table(columns, Layout(**roles), frozenset(missing))
    return pack(table, as_frame=as_frame, return_X_y=return_X_y, filename=str(path))


def _names(value):
    if value is None:
        return None
    return (value,) if isinstance(value, str) else tuple(value)


def _described(folder):
    tables = [folder / name for name in TABLE_FILES if (folder / name).is_file()]
    meta = folder / "meta.json"
    if not tables or not meta.is_file():
        held = sorted(entry.name for entry in folder.iterdir())
        raise ValueError(
            f"A folder must hold {' or '.join(TABLE_FILES)}, and meta.json; "
            f"{str(folder)!r} holds {held}."
        )
    described = json.loads(meta.read_text(encoding="utf-8"))
    if "targets" not in described:
        raise ValueError(f"{str(meta)!r} must have the key 'targets'.")
    return tables[0], {
        "targets": tuple(described["targets"]),
        "task": described.get("task"),
        "categorical": _names(described.get("categorical")),
        "ignored": tuple(described.get("alt_columns", ())),
    }
