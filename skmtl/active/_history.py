"""What a run bought in each round, as a table."""

from dataclasses import dataclass

import numpy as np

COLUMNS = ("round", "task", "asked", "received", "spent", "expected_risk", "exploring")


@dataclass(frozen=True, eq=False, repr=False)
class History:
    """Rows bought, one entry for each round and task: a table without pandas.

    Parameters
    ----------
    columns : dict of str to ndarray
        The columns, of equal length.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl.active._history import History
    >>> bought = History({"task": np.array(["a", "b"]), "received": np.array([3, 10])})
    >>> bought
    task  received
       a         3
       b        10
    >>> bought["received"].sum()
    np.int64(13)
    """

    columns: dict

    def __len__(self):
        """Return the number of entries."""
        return len(next(iter(self.columns.values())))

    def __getitem__(self, name):
        """Return one column."""
        return self.columns[name]

    def __repr__(self):
        """Return the table as text, shortened in the middle."""
        columns = [[str(part) for part in c.tolist()] for c in self.columns.values()]
        rows = list(zip(*columns, strict=True))
        if len(rows) > 20:
            rows = rows[:10] + [("...",) * len(columns)] + rows[-10:]
        rows = [tuple(self.columns), *rows]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(
            "  ".join(
                cell.rjust(width) for cell, width in zip(row, widths, strict=True)
            )
            for row in rows
        )


def history_of(entries):
    """Return a frame of the entries, or the plain table where pandas is missing."""
    columns = {name: _column([entry[name] for entry in entries]) for name in COLUMNS}
    try:
        import pandas
    except ImportError:
        return History(columns)
    return pandas.DataFrame(columns)


def _column(values):
    text = any(isinstance(value, str) for value in values)
    return np.array(values, dtype=object if text else None)
