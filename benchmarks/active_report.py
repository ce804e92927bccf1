"""Make the page of what the benchmarks of active learning measured."""

import numpy as np

from benchmarks import active_real_report, records

PATH = records.RESULTS / "active.csv"
ALLOCATION = records.RESULTS / "active_allocation.csv"
REAL = records.RESULTS / "active_real.csv"
PAGE = records.PAGES / "active.md"

SAVED_BARS = {"generic": 2.4, "l2hard": 4.0, "cluster": 4.7}
L2_BARS = {"generic": ">= 1.3", "l2hard": ">= 1.3", "cluster": ">= 1"}
# Rows from which "l2" is compared: 400 of each source.
MANY = (16_000, 32_000)
SHOWN = (500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000)
STRATEGIES = ("uniform", "target only", "elfving", "l2", "lasso", "known")
SAFE = "<= 1.1"

NOTES = """\
Tasks are those of `make_source_tasks`: 40 sources, rank 5, 50 features, noise one, 500
rows of the target. The rank is given; relevance is not, but to "known", which divides
rows by the true one. Risks are those of the target's predictions, noise aside, and all
strategies fit the target in the same way. "elfving" and "uniform" buy in rounds, "l2"
and "lasso" in the four doubling phases of their papers. Intervals are of 95 %, over
resampled seeds. No decision was taken on these seeds.
"""
SAVED = """\
How many times as many rows of sources uniform spending needs as a strategy, to reach
the mean risk that uniform spending has with 32,000; below it, how many times as many
"l2" needs as "elfving" to reach what "l2" has with 16,000 and with 32,000.
"""
SAFETY = """\
Mean risks at the same number of rows; the ratio is that of "elfving" to the better of
"uniform" and "target only", paired, with the upper end of its interval.
"""
ALLOCATIONS = """\
`python -m benchmarks.active_allocation`. Risks of representations fitted to rows that
`optimal_allocation` divides by the true heads, over what theory says; risk of the same
money on every source over that of weighted relevance, prices between 0.2 and 5; and
processor time of allocations over that of one `lars_path` on the same matrices. For
coefficients that are known, weighted relevance has the least expected risk of all ways
to spend the money: beside even money it saves what prices and coefficients, as they are
drawn, allow. Its median saving and that of means differ where a few draws rule means.
"""
REAL_NOTES = """\
`python -m benchmarks.active_real FOLDER`: a task is held out as the target and keeps
few rows; rows of others are bought of a pool. Targets are odd-numbered tasks, which no
design decision has used. Losses are mean squared errors of the target's other rows, by
"alone" from the target's rows only; a saving is one minus the loss over the rival's,
with the standard error over repetitions, which `t` is in units of; "t of targets" takes
the mean over targets, which share their sources. "Money saved" is the part of the money
without which a strategy's mean loss is the rival's at the end.
Where prices differ, they are drawn anew for each source and repetition, log-uniformly.
"cheapest" buys the cheapest rows there are, and knows nothing of tasks. Savings are
called significant from 1.96 standard errors on; of fifteen comparisons without any,
one in three times one would be.
"""


def risks_of(rows, scenario):
    """Return risks by strategy and number of rows, one for each seed."""
    found = {name: {} for name in STRATEGIES}
    for row in rows:
        if row["scenario"] == scenario:
            for name in STRATEGIES:
                if row[name] != "":
                    n, risk = int(row["rows"]), float(row[name])
                    found[name].setdefault(n, []).append(risk)
    return {
        name: {n: np.array(risks) for n, risks in by_rows.items()}
        for name, by_rows in found.items()
    }


def rows_for(risks, risk):
    """Return the rows at which a strategy reaches a mean risk, by interpolation."""
    rows = np.array(sorted(risks))
    means = np.minimum.accumulate([risks[n].mean() for n in rows])
    if risk > means[0] or means[-1] == means[-2] > risk:
        return np.nan
    if risk < means[-1]:  # Beyond the last rows the curve goes on as it ended.
        slope = np.log(rows[-1] / rows[-2]) / np.log(means[-1] / means[-2])
        return float(rows[-1] * (risk / means[-1]) ** slope)
    logs = np.log(means[::-1]), np.log(rows[::-1])
    return float(np.exp(np.interp(np.log(risk), *logs)))


def saved(risks, name, rival, n):
    """Return how many times as many rows a rival needs for its risk with n of them."""
    return n / rows_for(risks[name], risks[rival][n].mean())


def interval(risks, *arguments, n_resamples=400):
    """Return rows saved, with the ends of the interval over resampled seeds."""
    rng, n_seeds = np.random.default_rng(0), risks["uniform"][SHOWN[0]].size
    values = []
    for _ in range(n_resamples):
        chosen = rng.integers(0, n_seeds, n_seeds)
        some = {k: {n: x[chosen] for n, x in v.items()} for k, v in risks.items()}
        values.append(saved(some, *arguments))
    return saved(risks, *arguments), *np.nanquantile(values, [0.025, 0.975])


def savings(scenario, risks):
    """Yield lines of rows saved: what, strategy, factor, interval, bar, verdict."""
    asked = [(name, "uniform", 32_000) for name in ("elfving", "lasso", "l2", "known")]
    asked += [("elfving", "l2", n) for n in MANY]
    for name, rival, n in asked:
        bar = L2_BARS[scenario] if rival == "l2" else ""
        if (name, rival) == ("elfving", "uniform"):
            bar = f">= {SAVED_BARS[scenario]}"
        factor, low, high = interval(risks, name, rival, n)
        yield (
            f"{scenario}: rows saved, risk of {rival} at {n:,}",
            *(name, f"{factor:.2f}", f"{low:.2f} to {high:.2f}"),
            *(bar, records.met(factor, bar)),
        )


def safety(scenario, risks):
    """Yield the risk of every number of rows beside that of the better rival."""
    for n in SHOWN:
        ours = risks["elfving"][n]
        rival = min((risks["uniform"][n], risks["target only"][n]), key=np.mean)
        ratio = ours.mean() / rival.mean()
        # The delta method for a ratio of paired means.
        error = np.std(ours - ratio * rival, ddof=1) / np.sqrt(ours.size) / rival.mean()
        upper = ratio + 1.96 * error
        means = [
            f"{risks[name][n].mean():.4f}" if n in risks[name] else ""
            for name in STRATEGIES
        ]
        verdict = records.met(round(upper, 3), SAFE)
        yield scenario, f"{n:,}", *means, f"{ratio:.3f}", f"{upper:.3f}", SAFE, verdict


SAVED_HEADER = ("measured", "strategy", "factor", "95 %", "bar", "")
SAFE_HEADER = ("scenario", "rows", *STRATEGIES, "ratio", "upper", "bar", "")
ALLOCATION_HEADER = ("measured", "in units of", "ratio", "", "bar", "")


def within(value, bar):
    """Return "met" or "missed" for bars with two ends too."""
    if " to " not in bar:
        return records.met(value, bar)
    low, high = map(float, bar.split(" to "))
    return "met" if low <= value <= high else "missed"


def allocations():
    """Return the lines of benchmarks.active_allocation."""
    return [
        (r["measured"], r["unit"], r["value"], r["spread"], r["bar"],
         within(float(r["value"]), r["bar"]))
        for r in records.load(ALLOCATION)
    ]  # fmt: skip


def lines_of(rows):
    """Return the lines of rows saved, and of safety, in all scenarios."""
    kinds = {scenario: risks_of(rows, scenario) for scenario in SAVED_BARS}
    kinds = {name: risks for name, risks in kinds.items() if risks["uniform"]}
    return (
        [line for name, risks in kinds.items() for line in savings(name, risks)],
        [line for name, risks in kinds.items() for line in safety(name, risks)],
    )


def tables(rows):
    """Return tables of rows saved and of safety."""
    saving, safe = lines_of(rows)
    return "\n".join(
        [records.markdown(SAVED_HEADER, saving), records.markdown(SAFE_HEADER, safe)]
    )


def missed(saving, safe, allocation):
    """Return a list of the bars that are missed."""
    lines = [
        f"- {line[0]}, {line[1]}: {line[2]}, bar {line[-2]}"
        for line in [*saving, *allocation]
        if line[-1] == "missed"
    ]
    lines += [
        f"- {line[0]}, {line[1]} rows: upper end of the ratio {line[-3]}, bar {SAFE}"
        for line in safe
        if line[-1] == "missed"
    ]
    return lines


def seeds_of(rows):
    """Return how many seeds there are of each scenario."""
    counts = {
        s: len({r["seed"] for r in rows if r["scenario"] == s}) for s in SAVED_BARS
    }
    return ", ".join(f"{name} {n}" for name, n in counts.items())


def page():
    """Return the page, from the results that are kept."""
    rows, real = records.load(PATH), records.load(REAL)
    saving, safe = lines_of(rows)
    allocation = allocations()
    gains = active_real_report.missed(real)
    text = [
        "# Active learning\n",
        "Made by `python -m benchmarks.active_tasks`.",
        records.provenance(PATH),
        f"{NOTES}\nSeeds: {seeds_of(rows)}.\n",
        "## Bars that are missed\n",
        "\n".join([*missed(saving, safe, allocation), *gains]) or "None.",
        "\n## Rows saved\n",
        SAVED,
        records.markdown(SAVED_HEADER, saving),
        "## Never worse\n",
        SAFETY,
        records.markdown(SAFE_HEADER, safe),
    ]
    if allocation:
        text += ["## Known relevance, prices, time\n", ALLOCATIONS]
        text += [records.provenance(ALLOCATION)]
        text += [records.markdown(ALLOCATION_HEADER, allocation)]
    if real:
        text += ["## Real tables\n", REAL_NOTES, records.provenance(REAL)]
        text += [records.states(real), 'Significant savings of "elfving":\n']
        text += [active_real_report.told(real), "\n" + active_real_report.tables(real)]
    return "\n".join(text)
