"""Make the page of what benchmarks.speed measured."""

from benchmarks import records
from benchmarks.speed_growth import exponent

DRAWING = "speed_{}.svg"
READING = """\
Every figure is a ratio of two things that were timed in turn in one run: the median,
and the range. One thread is measured in time of the processor, several in time of the
wall. Fits include all that estimators choose for themselves; rivals get a strength, or
a number of rounds, as their names say.
"""


def with_range(row):
    """Return a median, and its range where there is one."""
    if row.get("failure"):
        return f"failed: {row['failure']}"
    text = f"{float(row['median']):.3g}"
    if row.get("low") not in (None, "") and row["low"] != row["high"]:
        text += f" ({float(row['low']):.3g} to {float(row['high']):.3g})"
    return text


def verdict(row):
    """Return whether a bar is met."""
    if row.get("failure"):
        return ""
    return records.met(float(row["median"]), row.get("bar") or "")


def pillar_table(rows):
    """Return the table of single pillars."""
    lines = [
        [row["subject"], row.get("rival", ""), with_range(row), row.get("bar") or ""]
        + [verdict(row)]
        for row in rows
    ]
    return records.markdown(["measured", "in units of", "ratio", "bar", ""], lines)


def first_table(rows):
    """Return the table of first uses."""
    names = "subject", "rival", "runs"
    lines = [[*(row.get(n, "") for n in names), with_range(row)] for row in rows]
    return records.markdown(["process", "in units of", "runs", "processor time"], lines)


def memory_table(rows):
    """Return the table of peaks."""
    lines = []
    for row in rows:
        line = [row["subject"], row.get("rival", "")]
        if not row.get("failure"):
            line += [
                shape_of(row),
                *(f"{float(row[s]):.3g}" for s in ("ours", "theirs")),
            ]
        lines.append([*line, with_range(row)])
    header = ["estimator", "rival", "table", "ours", "rival's", "ratio"]
    return records.markdown(header, lines)


def shape_of(row):
    """Return the shape of a table as text."""
    return f"{row['tasks']} tasks x {row['rows']} rows, {row['features']} features"


def curves(rows):
    """Yield the rows of each curve: one estimator, rival, kind of size and threads."""
    keys = ("subject", "rival", "axis", "threads")
    names = dict.fromkeys(tuple(row.get(k) for k in keys) for row in rows)
    for name in names:
        yield name, [row for row in rows if tuple(row.get(k) for k in keys) == name]


def growth_table(rows):
    """Return the table of growth: exponents, and ratios from the least to the most."""
    lines = []
    for (subject, rival, axis, threads), part in curves(rows):
        if part[0].get("failure"):
            lines.append([subject, *[""] * 6, with_range(part[0])])
            continue
        sizes = [float(row["size"]) for row in part]
        slopes = [
            "{:.2f} ± {:.2f}".format(*exponent(sizes, [float(r[side]) for r in part]))
            for side in ("ours", "theirs")
        ]
        span = f"{axis}, {sizes[0]:.0f} to {sizes[-1]:.0f}"
        ratios = ", ".join(f"{float(row['median']):.3g}" for row in part)
        lines.append([subject, rival, span, threads, part[0]["runs"], *slopes, ratios])
    header = ["estimator", "rival", "size", "threads", "runs", "exponent"]
    header += ["rival's", "ratios"]
    return records.markdown(header, lines)


def pictures(rows, folder):
    """Draw the curves of each kind of size, and return their names."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "skmtl"
    from matplotlib import pyplot

    names = []
    for axis in ("rows", "tasks", "features"):
        figure, axes = pyplot.subplots(figsize=(5.5, 3.6))
        for (subject, rival, kind, threads), part in curves(rows):
            if kind == axis and threads in (1, "1"):
                sizes = [float(row["size"]) for row in part]
                ratios = [float(row["median"]) for row in part]
                axes.loglog(sizes, ratios, "o-", ms=3, label=f"{subject} / {rival}")
        axes.axhline(1.0, color="0.7", lw=0.8)
        axes.set_xlabel(f"{axis} of a task" if axis == "rows" else axis)
        axes.set_ylabel("time over rival's")
        axes.legend(fontsize=6)
        figure.tight_layout()
        names.append(DRAWING.format(axis))
        figure.savefig(folder / names[-1], metadata={"Date": None})
        pyplot.close(figure)
    return names


SECTIONS = {
    "pillars": ("Single pillars, and the bars of the project", pillar_table, ""),
    "first use": (
        "First use",
        first_table,
        "Processes of their own, imports included: 200 rows of ten tasks are fitted, "
        "with an empty folder for compiled code and with one where it is.\n",
    ),
    "memory": (
        "Memory",
        memory_table,
        "How far the memory of a process rises in a fit above what it was, in units of "
        "the table's own size, after a small fit that loads all code.\n",
    ),
    "scaling": (
        "Growth",
        growth_table,
        "The exponent is the slope of the logarithm of time on that of size, by least "
        "squares, with its standard error; ratios are those of all sizes, from the "
        "smallest. What does not vary is 50 tasks of 100 rows and 20 features for "
        "linear models, 20 tasks of 200 rows and 10 features for boosting, and of 100 "
        "rows for the front door.\n",
    ),
}


def tables(rows):
    """Return the sections of all parts there are."""
    text = []
    for part, (title, make, note) in SECTIONS.items():
        own = [row for row in rows if row["part"] == part or row["part"] == part[:5]]
        if own:
            text += [f"## {title}\n", note, make(own)]
    return "\n".join(text)


def missed(rows):
    """Return a list of the bars that are missed, and of failures."""
    lines = [
        f"- {row['subject']}: {with_range(row)}, bar {row.get('bar') or 'none'}"
        for row in rows
        if row.get("failure") or verdict(row) == "missed"
    ]
    return "\n".join(lines) or "None."


def page(path, folder):
    """Return the page of a file of results, and draw its pictures."""
    rows = records.load(path)
    grown = [r for r in rows if r["part"] == "scaling" and not r.get("failure")]
    drawn = [f"![Ratios of time]({name})\n" for name in pictures(grown, folder)]
    return "\n".join(
        [
            "# Speed and memory beside the alternatives\n",
            "Made by `python -m benchmarks.speed`.",
            records.provenance(path),
            records.states(rows),
            READING,
            "## Bars that are missed\n",
            missed(rows) + "\n",
            tables(rows),
            *drawn,
        ]
    )
