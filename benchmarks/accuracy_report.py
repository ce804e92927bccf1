"""Make tables and pictures of what benchmarks.accuracy measured.

Run ``python -m benchmarks.accuracy_report [RESULTS ...]``, by default on the results
that are kept in ``benchmarks/results``. Several files of results are read as one; of a
job measured twice the later row counts.
``--method`` names the method that is compared with its rivals, by default the front
door.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks import accuracy_tables as tables
from benchmarks import accuracy_verdicts as verdicts
from benchmarks.accuracy import PATH
from benchmarks.records import PAGES
from benchmarks.rivals import FRONT_DOOR

KEY = ["set", "regime", "split", "method"]
SETS_A_TABLE = 6
COST_UNIT = "lightgbm_category"
RULES = """\
The loss of a set is the mean over its tasks of the root mean squared error, or of one
minus the area under the ROC curve (with the log loss behind it). The best rival is the
one with the least mean loss on the test rows themselves, which favours rivals. Standard
errors are over splits, and those of differences over the differences of splits; splits
overlap, so that they are somewhat too small. A win is by more than 0.5 % and one
standard error, a loss by more than one standard error, all else is a tie. A method
that failed on any split of a set has lost there. Baselines are linear models of single
tasks, of all rows, of all rows with task dummies, and LightGBM with the task as a
category; clearly worse is by more than 1 % and two standard errors.\
"""
CONFIRMED = ("grouped", "confirmation")
TITLES = {
    "grouped": "Confirmation sets with rows in groups",
    "confirmation": "Other confirmation sets, most with targets side by side",
    "development": "Development sets, which were looked at during the design",
    "others": "Bundled and generated sets",
}


def read(paths):
    """Return all results, and what they were measured with."""
    text = dict.fromkeys(("by_task", "log_by_task", "failure", "method", "code"), str)
    parts = [pd.read_csv(path, dtype=text) for path in paths]
    results = pd.concat(parts).drop_duplicates(KEY, keep="last")
    results["failure"] = results["failure"].fillna("")
    runs = []
    for path in paths:
        beside = path.with_suffix(".json")
        runs += json.loads(beside.read_text()) if beside.exists() else []
    return results, runs


def markdown(header, rows):
    """Return a table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines) + "\n"


def with_error(values):
    """Return a mean and its standard error as text, nothing of nothing."""
    if not len(values):
        return ""
    mean, error = verdicts.mean_and_error(values)
    return f"{mean:.4g}" + (f" ± {error:.2g}" if np.isfinite(error) else "")


def cell(part, method):
    """Return what stands for a method on a set: its loss, or that it failed."""
    rows = part[part["method"] == method]
    if rows.empty:
        return ""
    if rows["failure"].any():
        return "failed"
    log = rows["macro_log"].mean()
    return with_error(rows["macro"]) + (f" (log {log:.4g})" if log > 0 else "")


def loss_tables(results):
    """Return the losses of all methods, some sets at a time."""
    methods, names, text = results["method"].unique(), results["set"].unique(), []
    for start in range(0, len(names), SETS_A_TABLE):
        some = names[start : start + SETS_A_TABLE]
        parts = [results[results["set"] == name] for name in some]
        rows = [[m, *(cell(part, m) for part in parts)] for m in methods]
        text.append(markdown(["method", *some], rows))
    return "\n".join(text)


def comparison(results, compared, method):
    """Return a method beside its best rival on every set."""
    rows = []
    for line in compared.itertuples():
        part = results[results["set"] == line.set]
        rows.append(
            [
                line.set,
                cell(part, method),
                f"{line.rival}: {cell(part, line.rival)}",
                line.gap,
                line.verdict,
                f"{line.baseline_gap} ({line.baseline})",
            ]
        )
    against = ["difference", "", "from the best baseline"]
    return markdown(["set", method, "best rival", *against], rows)


def score(compared):
    """Return wins, ties and losses as text."""
    counts = compared["verdict"].value_counts()
    return [counts.get(name, 0) for name in ("win", "tie", "loss")]


def scores(results):
    """Return wins, ties and losses of each of ours against the best rivals."""
    rows = [
        [method, *score(verdicts.compare(part, method))]
        for method in results["method"].unique()
        if verdicts.is_ours(method)
        for part in [results[results["set"].isin(sets_of(results, method))]]
    ]
    return markdown(["method", "wins", "ties", "losses"], rows)


def duels(results, method):
    """Return a method against each rival by itself."""
    rows = []
    for rival in results["method"].unique():
        if verdicts.is_ours(rival):
            continue
        both = results[results["set"].isin(sets_of(results, rival))]
        both = both[both["method"].isin([method, rival])]
        rows.append([rival, *score(verdicts.compare(both, method)), gain(both, method)])
    return markdown(["against", "wins", "ties", "losses", "mean ratio of losses"], rows)


def gain(results, method):
    """Return the geometric mean over sets of the ratio of losses, where both are."""
    logs = []
    for _, part in results.groupby("set"):
        losses = verdicts.losses_of(part).mean()
        if len(losses) == 2 and losses.min() > 0:
            logs.append(np.log(losses[method] / losses.drop(method).iloc[0]))
    return f"{np.exp(np.mean(logs)):.3f}" if logs else ""


def sets_of(results, method):
    """Return the sets that a method was tried on."""
    return results.loc[results["method"] == method, "set"].unique()


def worst_and_pooled(results, compared, method):
    """Return the worst task, and the loss of all rows, of a method and its rival."""
    rows = []
    for line in compared.itertuples():
        part = results[results["set"] == line.set]
        column = "log_by_task" if (part["kind"] == "binary").any() else "by_task"
        names = method, line.rival
        found = [verdicts.worst_ratio(part, name, column=column) for name in names]
        pooled = [with_error(part[part["method"] == n]["pooled"]) for n in names]
        rows.append([line.set, *(f"{ratio:.2f}" for ratio in found), *pooled])
    worst = [f"worst task, {method}", "worst task, best rival"]
    return markdown(["set", *worst, "all rows", "all rows, best rival"], rows)


def costs(results):
    """Return each method's costs in units of one rival: medians over sets."""
    values = ["fit_cpu", "predict_wall"]
    table = results.groupby(["method", "set"])[values].median().unstack("set")
    rows = []
    for method in results["method"].unique():
        ratios = [
            (table.loc[method, v] / table.loc[COST_UNIT, v]).median() for v in values
        ]
        rows.append([method, *(f"{ratio:.2g}" for ratio in ratios)])
    header = ["method", "processor time of fit", "time of predict"]
    return markdown(header, rows)


def picture(results, path):
    """Draw mean ranks: methods whose bars do not overlap differ by Nemenyi's test."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    mean, n_sets = verdicts.ranks(results)
    if len(mean) < 2:
        return
    half = verdicts.critical_difference(len(mean), n_sets) / 2.0
    figure, axes = pyplot.subplots(figsize=(7.0, 1.0 + 0.28 * len(mean)))
    colors = ["C0" if verdicts.is_ours(name) else "0.5" for name in mean.index]
    for place, (value, color) in enumerate(zip(mean, colors, strict=True)):
        axes.errorbar(value, place, xerr=half, fmt="o", color=color, capsize=3)
    axes.set_yticks(range(len(mean)), mean.index)
    axes.invert_yaxis()
    axes.set_xlabel(f"mean rank over {n_sets} sets; bars: half a critical difference")
    figure.tight_layout()
    figure.savefig(path)
    pyplot.close(figure)


def section(name, regime, results, method, out):
    """Return the section of a list of sets and a regime."""
    compared = verdicts.compare(results, method)
    drawing = f"ranks_{name}_{regime}.svg"
    picture(results, out / drawing)
    return "\n".join(
        [
            f"### {regime.capitalize()}\n",
            comparison(results, compared, method),
            "Against the best rival of each set:\n",
            scores(results),
            f"{method} against each rival:\n",
            duels(results, method),
            f"![Mean ranks]({drawing})\n",
            "The worst task, as a ratio to a linear model of that task alone (with "
            "classes, of log losses), and losses of all rows at once:\n",
            worst_and_pooled(results, compared, method),
            f"Costs in units of {COST_UNIT}, medians over sets:\n",
            costs(results),
            "All losses:\n",
            loss_tables(results),
        ]
    )


def missing(names, results, method):
    """Return which sets of a list the method was not tried on."""
    there = sets_of(results, method)
    absent = [name for name in names if name not in there]
    return f"Not measured yet: {', '.join(absent)}.\n" if absent else ""


def list_of_losses(compared):
    """Return where the method lost."""
    lost = compared[compared["verdict"] == "loss"]
    rows = lost[["list", "regime", "set", "rival", "gap"]].to_numpy().tolist()
    return markdown(["list", "regime", "set", "to", "by"], rows)


def failures(results):
    """Return what failed, where and why."""
    failed = results[results["failure"] != ""]
    groups = failed.groupby(["method", "set", "regime"], sort=True)["failure"]
    rows = [
        [*key, len(reasons), reasons.iloc[0].replace("|", "/")]
        for key, reasons in groups
    ]
    return markdown(["method", "set", "regime", "splits", "reason"], rows)


def provenance(runs):
    """Return what the results were measured with."""
    if not runs:
        return ""
    last, dates = runs[-1], sorted({run["date"] for run in runs})
    span = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
    versions = ", ".join(f"{name} {v}" for name, v in last["versions"].items())
    limits = sorted({float(run["limit"]) for run in runs})
    limit = " to ".join(
        f"{limit:g}" for limit in dict.fromkeys([limits[0], limits[-1]])
    )
    return (
        f"Measured {span} on {last['cpu']} ({last['cores']} cores, {last['threads']} "
        f"used), Python {last['python']}; {versions}. A fit may take {limit} "
        "seconds of processor time; what failed is below.\n"
    )


def states(results):
    """Return how many states of the code of skmtl the results are of."""
    ours = results[results["method"].map(verdicts.is_ours)]
    codes = sorted(ours["code"].dropna().unique())
    if len(codes) < 2:
        return ""
    return f"Results of skmtl are of {len(codes)} states of its code: {codes}.\n"


def check_table(compared):
    """Return which of the checks are met."""
    rows = verdicts.checks(compared)
    rows = [(*row[:-1], "yes" if row[-1] else "no") for row in rows]
    return markdown(["regime", "check", "count", "sets", "met"], rows)


def page(results, runs, method, out):
    """Return the whole page."""
    lists, compared, sections = tables.lists(), [], []
    known = [name for names in lists.values() for name in names]
    lists["others"] = [name for name in results["set"].unique() if name not in known]
    for name, title in TITLES.items():
        chosen = results[results["set"].isin(lists[name])]
        if chosen.empty:
            continue
        compared.append(verdicts.compare(chosen, method).assign(list=name))
        sections.append(f"## {title}\n")
        sections.append(check_table(compared[-1]))
        for regime, part in chosen.groupby("regime", sort=True):
            sections.append(section(name, regime, part, method, out))
            if name in CONFIRMED:
                sections.append(missing(lists[name], part, method))
    every = pd.concat(compared)
    confirmed = every[every["list"].isin(CONFIRMED)]
    if confirmed["list"].nunique() > 1:
        sections.insert(0, check_table(confirmed))
        sections.insert(0, "## All confirmation sets together\n")
    return "\n".join(
        [
            "# Accuracy beside the alternatives\n",
            "Made by `python -m benchmarks.accuracy` and "
            "`python -m benchmarks.accuracy_report`.",
            provenance(runs),
            states(results),
            RULES + "\n",
            *sections,
            f"## Where {method} lost\n",
            list_of_losses(every),
            "## What failed\n",
            failures(results),
        ]
    )


def main():
    """Write the page and its pictures."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("results", type=Path, nargs="*", default=[PATH])
    parser.add_argument("--out", type=Path, default=PAGES)
    parser.add_argument("--method", default=FRONT_DOOR)
    options = parser.parse_args()
    write(options.results, options.out, options.method)


def write(paths, out, method=FRONT_DOOR):
    """Write the page of some files of results, and its pictures."""
    out.mkdir(parents=True, exist_ok=True)
    results, runs = read(paths)
    (out / "accuracy.md").write_text(page(results, runs, method, out))


if __name__ == "__main__":
    main()
