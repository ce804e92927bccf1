"""What money spent on source tasks is worth, by strategy."""

from itertools import cycle

import numpy as np

from ._canvas import MARKERS, Display, log_scale, quiet, series_colours
from ._estimators import read_history
from ._names import shorten, show_legend


class RiskCurveDisplay(Display):
    """The target's risk against money spent, for each strategy.

    Solid lines are risks that were measured, dashed lines what the learner expected.
    Of several runs with a strategy every one is a thin line, and their median a thick
    one. Both axes are logarithmic.

    Parameters
    ----------
    spent : dict of str to list of ndarray
        Money spent by the end of each round, by strategy, for each run.
    expected : dict of str to list of ndarray
        The risk that the learner expected after each round; NaN where it did not tell.
    measured : dict of str to list of ndarray, default=None
        The risk that was measured.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn in.
    figure_ : matplotlib Figure
        Their figure.

    See Also
    --------
    AllocationDisplay : What a run bought.
    skmtl.active.expected_risk : The risk of samples, to leading order.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import numpy as np
    >>> from skmtl.plotting import RiskCurveDisplay
    >>> history = {
    ...     "round": np.array([0, 0, 1]),
    ...     "spent": np.array([10, 10, 80]),
    ...     "expected_risk": np.array([2.0, 2.0, 0.5]),
    ... }
    >>> display = RiskCurveDisplay.from_histories(
    ...     {"elfving": history}, measured={"elfving": [2.2, 0.6]}
    ... )
    >>> display.spent["elfving"][0].tolist()
    [20.0, 100.0]
    >>> plt.close(display.figure_)
    """

    def __init__(self, *, spent, expected, measured=None):
        self.spent = spent
        self.expected = expected
        self.measured = measured

    @classmethod
    def from_histories(cls, histories, *, measured=None, ax=None):
        """Draw the risk along runs with different strategies.

        Parameters
        ----------
        histories : dict of str to table, Bunch, or list of them
            By strategy, what :func:`~skmtl.active.run_active_learning` returns, or its
            ``history``; a list for several runs.
        measured : dict of str to array, or to list of arrays, default=None
            Risks measured after each round, by strategy; a list for several runs. A
            ``callback`` of the run can measure them.
        ax : matplotlib Axes, default=None
            Axes to draw in; None makes a figure.

        Returns
        -------
        display : RiskCurveDisplay
            What was drawn.
        """
        if not hasattr(histories, "keys") or "round" in histories:
            raise TypeError(
                f"{cls.__name__} takes histories by strategy, such as "
                "{'elfving': history}; got one "
                f"{type(histories).__name__}."
            )
        spent, expected = {}, {}
        for name in histories:
            runs = histories[name]
            runs = runs if isinstance(runs, list) else [runs]
            curves = [curve(cls.__name__, run) for run in runs]
            spent[str(name)] = [money for money, _ in curves]
            expected[str(name)] = [risk for _, risk in curves]
        if measured is not None:
            measured = {str(n): read_runs(n, measured[n], spent) for n in measured}
        return cls(spent=spent, expected=expected, measured=measured).plot(ax=ax)

    def plot(self, *, ax=None):
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw in; None makes a figure.

        Returns
        -------
        self : RiskCurveDisplay
            The display.
        """
        ax = self._open(ax, n_rows=16)
        measured = self.measured or {}
        looks = zip(
            self.spent,
            series_colours(len(self.spent), ax),
            cycle(MARKERS),
            strict=False,
        )
        for name, colour, marker in looks:
            spent = self.spent[name]
            style = {"color": colour, "marker": marker, "markersize": 5}
            if name in measured:
                label = f"{shorten(name)}, measured"
                draw_runs(ax, spent, measured[name], label, style)
            label = f"{shorten(name)}, expected"
            style = {**style, "linestyle": "--", "markerfacecolor": "none"}
            draw_runs(ax, spent, self.expected[name], label, style)
        log_scale(ax, "x")
        log_scale(ax, "y")
        ax.set_xlabel("spent")
        ax.set_ylabel("risk of the target")
        n_runs = max(map(len, self.spent.values()))
        if n_runs > 1:
            ax.set_xlabel(f"spent (thin: {n_runs} runs, thick: their median)")
        quiet(ax)
        show_legend(ax, outside=self._outside)
        return self


def curve(display, history):
    """Return money spent and risk expected by the end of each round."""
    names = "round", "spent", "expected_risk"
    number, spent, risk = read_history(display, history, *names)
    rounds, first, place = np.unique(number, return_index=True, return_inverse=True)
    by_round = np.bincount(place, spent, minlength=rounds.size)
    return np.cumsum(by_round), risk[first].astype(float)


def read_runs(name, risks, spent):
    """Return the measured risks of each run with a strategy."""
    several = isinstance(risks, list) and len(risks) > 0 and np.ndim(risks[0]) == 1
    runs = [np.asarray(run, float) for run in (risks if several else [risks])]
    if str(name) not in spent:
        raise ValueError(
            f"measured holds risks of {name!r}, which is none of the strategies "
            f"{list(spent)}."
        )
    expected = [run.size for run in spent[str(name)]]
    if [run.size for run in runs] != expected:
        raise ValueError(
            f"measured[{name!r}] must hold a risk for each round: {expected} of the "
            f"runs, got {[run.size for run in runs]}."
        )
    return runs


def draw_runs(ax, spent, risks, label, style):
    """Draw each run thinly and their median, or one run."""
    known = [np.isfinite(risk).any() for risk in risks]
    if not any(known):
        return
    if len(risks) == 1:
        ax.plot(spent[0], risks[0], label=label, **style)
        return
    thin = {**style, "linewidth": 0.7, "alpha": 0.4, "marker": "none"}
    for money, risk in zip(spent, risks, strict=True):
        ax.plot(money, risk, **thin)
    if len({money.size for money in spent}) == 1:
        middle = np.median(spent, axis=0), np.median(risks, axis=0)
        ax.plot(*middle, label=label, **style)
    else:
        ax.plot([], [], label=label, **style)
