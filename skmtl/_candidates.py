"""The table of what an automatic model tried."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False, repr=False)
class Candidates:
    """What each structure lost on rows held out, and what became of it.

    Parameters
    ----------
    structure : ndarray of str
        Names of the structures.
    loss : ndarray of shape (n_structures,)
        Mean loss of rows held out; NaN where a structure was not run to the end.
    weight : ndarray of shape (n_structures,)
        Weight in the mixture that predicts.
    status : ndarray of str
        Why a structure was not run to the end; empty if it was.
    """

    structure: np.ndarray
    loss: np.ndarray
    weight: np.ndarray
    status: np.ndarray

    def to_frame(self):
        """Return the table as a pandas DataFrame.

        Returns
        -------
        frame : DataFrame
            Columns ``structure``, ``loss``, ``weight`` and ``status``.
        """
        import pandas

        return pandas.DataFrame(dict(vars(self)))

    def __len__(self):
        """Return the number of structures."""
        return self.structure.size

    def __getitem__(self, name):
        """Return loss, weight and status of a structure as a dict."""
        names = self.structure.tolist()
        if name not in names:
            raise KeyError(f"{name!r} is not among the structures tried: {names}.")
        k = names.index(name)
        return {
            "loss": float(self.loss[k]),
            "weight": float(self.weight[k]),
            "status": str(self.status[k]),
        }

    def __repr__(self):
        """Return the table as text."""
        rows = [("structure", "loss", "weight", "status")]
        for name, loss, weight, status in zip(*vars(self).values(), strict=True):
            rows.append((name, f"{loss:.5g}", f"{weight:.2f}", status))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = []
        for name, loss, weight, status in rows:
            numbers = f"{loss:>{widths[1]}}  {weight:>{widths[2]}}"
            lines.append(f"{name:<{widths[0]}}  {numbers}  {status}".rstrip())
        return "\n".join(lines)
