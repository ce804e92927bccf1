"""Who won: the rules of the leaderboard, on tables of losses (see accuracy_report).

Losses are a frame with a row for each set, regime, split and method. A method counts on
a set only where none of the set's splits failed.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import studentized_range

from benchmarks.rivals import BASELINES, OURS

WIN, WORSE, ERRORS = 0.005, 0.01, 2.0
BEST_OR_TIED, BETTER = 0.8, {"few": 0.4, "dense": 0.2}


class Difference(NamedTuple):
    """A mean difference over splits and its standard error, in units of the rival."""

    mean: float
    error: float

    @property
    def verdict(self):
        """Tie within a standard error, or where the gain is too small to matter.

        One split has no error, and tells nothing.
        """
        if np.isnan(self.error):
            return "unknown"
        if self.mean < -max(WIN, self.error):
            return "win"
        return "loss" if self.mean > self.error else "tie"

    @property
    def much_worse(self):
        """Whether it is worse by more than chance and more than a per cent."""
        return self.mean > max(WORSE, ERRORS * np.nan_to_num(self.error))

    def __str__(self):
        """Show both as percentages."""
        if np.isinf(self.mean):
            return "failed"
        known = "" if np.isnan(self.error) else f" ± {self.error:.1%}"
        return f"{self.mean:+.1%}{known}"


FAILED = Difference(np.inf, 0.0)


def mean_and_error(values):
    """Return a mean and its standard error; one split does not tell an error."""
    values = np.asarray(values, dtype=float)
    if values.size < 2:
        return values.mean(), np.nan
    return values.mean(), values.std(ddof=1) / np.sqrt(values.size)


def difference(ours, theirs):
    """Return how much more is lost on the same splits, in units of the rival's mean."""
    scale = np.mean(theirs)
    gap = np.asarray(ours) - np.asarray(theirs)
    if scale == 0.0:
        return Difference(0.0, 0.0) if not gap.any() else FAILED
    return Difference(*mean_and_error(gap / scale))


def losses_of(results, value="macro"):
    """Return losses of a set and regime: a row a split, a column a complete method."""
    return results.pivot(index="split", columns="method", values=value).dropna(axis=1)


def is_ours(method):
    """Return whether a method is one of skmtl."""
    return method.startswith(OURS)


def best(losses, methods):
    """Return the method of the least mean loss among some, None if all failed."""
    there = [name for name in methods if name in losses]
    return losses[there].mean().idxmin() if there else None


def against(losses, method, rival):
    """Return the difference between two methods; who failed has lost."""
    if method not in losses:
        return FAILED
    if rival is None:
        return Difference(-1.0, 0.0)
    return difference(losses[method], losses[rival])


def compare(results, method):
    """Return a row for each set and regime: a method, its best rival and baseline.

    The best rival is the best on the test rows themselves, which favours rivals.
    """
    rows = []
    for (regime, name), part in results.groupby(["regime", "set"], sort=True):
        losses = losses_of(part)
        rivals = [other for other in losses if not is_ours(other)]
        rival, baseline = best(losses, rivals), best(losses, BASELINES)
        gap = against(losses, method, rival)
        rows.append(
            {
                "regime": regime,
                "set": name,
                "rival": rival,
                "gap": gap,
                "verdict": gap.verdict,
                "baseline": baseline,
                "baseline_gap": against(losses, method, baseline),
            }
        )
    return pd.DataFrame(rows)


def checks(compared):
    """Return regime, check, count, number of sets and whether the check is met."""
    rows = []
    for regime, part in compared.groupby("regime", sort=True):
        total, verdict = len(part), part["verdict"]
        best_or_tied = int(verdict.isin(["win", "tie"]).sum())
        better = int((verdict == "win").sum())
        worse = sum(gap.much_worse for gap in part["baseline_gap"])
        asked = BETTER[regime]
        rows += [
            (regime, f"best or tied on {BEST_OR_TIED:.0%}", best_or_tied, total)
            + (best_or_tied >= BEST_OR_TIED * total,),
            (regime, f"strictly better on {asked:.0%}", better, total)
            + (better >= asked * total,),
            (regime, "clearly worse than the best baseline on none", worse, total)
            + (worse == 0,),
        ]
    return rows


def ranks(results):
    """Return mean ranks over sets, of methods that apply to all, and their number.

    A failed method is behind all others.
    """
    means = {}
    for name, part in results.groupby("set", sort=True):
        tried = part["method"].unique()
        means[name] = losses_of(part).mean().reindex(tried).fillna(np.inf)
    table = pd.DataFrame(means).T.dropna(axis=1)
    return table.rank(axis=1).mean().sort_values(), len(table)


def critical_difference(n_methods, n_sets, level=0.05):
    """Return the least difference of mean ranks that Nemenyi's test takes for one."""
    quantile = studentized_range.ppf(1.0 - level, n_methods, np.inf) / np.sqrt(2.0)
    return quantile * np.sqrt(n_methods * (n_methods + 1) / (6.0 * n_sets))


def worst_ratio(part, method, reference="linear_separate", column="by_task"):
    """Return the largest ratio of a task's mean loss to that of the reference.

    Tasks on which the reference loses nothing, such as those with one test row of one
    class, have no ratio.
    """
    by_task = {}
    for name in (method, reference):
        rows = part[part["method"] == name]
        if rows.empty or rows["failure"].any():
            return np.nan
        lists = [np.array(text.split(), dtype=float) for text in rows[column]]
        seen = np.sum(np.isfinite(lists), axis=0)
        by_task[name] = np.nansum(lists, axis=0)[seen > 0] / seen[seen > 0]
    lost = by_task[reference] > 0.0
    return float(np.max(by_task[method][lost] / by_task[reference][lost]))
