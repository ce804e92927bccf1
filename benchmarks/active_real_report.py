"""Make tables of what benchmarks.active_real measured."""

import numpy as np

from benchmarks import records

# Shares of the money at which losses are kept, linear between rounds.
SHARES = np.linspace(0.1, 1.0, 10)
# Prices and rivals; the last, which pays most for dear rows, counts for no bar.
PAIRS = (("one", "uniform"), ("many", "equal"), ("many", "uniform"))
TITLES = {
    PAIRS[0]: "Rows cost the same, beside spreading them evenly",
    PAIRS[1]: "Prices between 0.2 and 5, beside the same money on every source",
    PAIRS[
        2
    ]: "Prices between 0.2 and 5, beside the same number of rows of every source",
}
SIGNIFICANT = 1.96
HEADER = (
    *("table", "strategy", "runs", "alone", "rival", "loss", "saving", "t"),
    *("t of targets", "money saved"),
)


def losses_of(rows, strategy):
    """Return the losses at all shares of the money, by repetition."""
    names = [f"{share:.0%}" for share in SHARES]
    return {
        int(row["seed"]): np.array([float(row[name]) for name in names])
        for row in rows
        if row["strategy"] == strategy
    }


def money_saved(own, rival):
    """Return the part of the money with which a strategy has its rival's last loss."""
    own = np.minimum.accumulate(own)
    if own[-1] > rival[-1]:
        return "none"
    if own[0] <= rival[-1]:
        return f">= {1.0 - SHARES[0]:.0%}"
    return f"{1.0 - np.interp(-rival[-1], -own, SHARES):.0%}"


def t_of_targets(gain, targets):
    """Return the mean over targets in units of its error, targets counting alike."""
    means = [gain[targets == target].mean() for target in np.unique(targets)]
    if len(means) < 3:
        return ""
    error = np.std(means, ddof=1) / np.sqrt(len(means))
    return f"{np.mean(means) / error:+.1f} ({len(means)})"


def summary(rows, strategy, rival):
    """Return the line of a strategy on one table, beside a rival."""
    own, other = losses_of(rows, strategy), losses_of(rows, rival)
    seeds = sorted(own.keys() & other.keys())
    own, other = (np.array([part[s] for s in seeds]) for part in (own, other))
    first = {int(row["seed"]): row for row in rows}
    targets = np.array([int(first[s]["target"]) for s in seeds])
    end = other[:, -1].mean()
    gain = (other[:, -1] - own[:, -1]) / end
    error = gain.std(ddof=1) / np.sqrt(gain.size) if gain.size > 1 else np.nan
    return [
        *(rows[0]["table"], strategy, gain.size),
        f"{np.mean([float(first[s]['alone']) for s in seeds]):.3f}",
        f"{end:.3f}",
        f"{own[:, -1].mean():.3f}",
        f"{gain.mean():+.1%} ± {error:.1%}",
        f"{gain.mean() / error:+.1f}" if error > 0.0 else "",
        t_of_targets(gain, targets),
        money_saved(own.mean(axis=0), other.mean(axis=0)),
    ]


def lines_of(rows, prices, rival):
    """Return the lines of all tables and strategies beside a rival."""
    lines = []
    for table in dict.fromkeys(row["table"] for row in rows):
        here = [r for r in rows if (r["table"], r["prices"]) == (table, prices)]
        strategies = dict.fromkeys(row["strategy"] for row in here)
        if rival in strategies:
            lines += [summary(here, s, rival) for s in strategies if s != rival]
    return lines


def tables(rows):
    """Return a table for each kind of prices and rival."""
    text = []
    for pair in PAIRS:
        lines = lines_of(rows, *pair)
        if lines:
            text += [f"{TITLES[pair]}:\n", records.markdown(HEADER, lines)]
    return "\n".join(text)


def significant(rows, pairs=PAIRS):
    """Return the tables on which "elfving" saves more than chance, by pair."""
    return {
        pair: [
            line[0]
            for line in lines_of(rows, *pair)
            if line[1] == "elfving" and _significant(line)
        ]
        for pair in pairs
    }


def told(rows):
    """Return a list of the tables with significant savings."""
    return "\n".join(
        f"- {TITLES[pair]}: {', '.join(found) or 'none'}."
        for pair, found in significant(rows).items()
        if lines_of(rows, *pair)
    )


def missed(rows):
    """Return a list of one line if savings are significant on less than two tables."""
    good = set().union(*significant(rows, PAIRS[:2]).values())
    if len(good) > 1 or not rows:
        return []
    named = ", ".join(sorted(good)) or "none"
    return [
        "- significant savings on real tables, where rows cost the same or beside the "
        f"same money on every source: {named}, bar two tables"
    ]


def _significant(line):
    return bool(line[7]) and float(line[7]) > SIGNIFICANT
