"""Make the page of what benchmarks.linear measured."""

from benchmarks import records

SECTIONS = {
    "first": (
        "First fit and prediction of a new process",
        "Processor time of the whole process, imports included, for 200 rows of 5 "
        "features and ten tasks, which need no compiled code, and for 20,000 rows of "
        "30 features and 50 tasks, which do; the median of several pairs, and their "
        "range.",
    ),
    "paths": (
        "Paths of joint sparsity",
        "Processor time on one thread at a relative duality gap of one in a million; "
        "also `python -m benchmarks.linear_joint_sparse path tasks`.",
    ),
    "single": (
        "Single strengths of joint sparsity",
        "The same; also `python -m benchmarks.linear_joint_sparse single`.",
    ),
    "low_rank": (
        "Shared representations beside reading their data",
        "200 tasks of rank five; also `python -m benchmarks.linear_low_rank`.",
    ),
    "stream": (
        "Streams",
        "50 features, 1,000 tasks, rows in any order; also "
        "`python -m benchmarks.linear_stream`.",
    ),
    "mixed": (
        "Hierarchical models beside mixed models",
        "Also `python -m benchmarks.linear_hierarchical FOLDER`.",
    ),
    "protocols": (
        "Sets with published protocols",
        "Means over splits with standard errors. A bar is the published or earlier "
        "figure with one standard error of these splits as slack, or half a per cent "
        "for a single split; also `python -m benchmarks.linear_accuracy FOLDER`.",
    ),
    "chosen": (
        "The family member that cross-validation chooses",
        "Three folds of the training rows choose among hierarchical, shared "
        "representation, joint sparsity and shared centre; the best member is that of "
        "the least mean loss on the test rows, known only afterwards. The bar is one "
        "per cent, or one standard error of the mean difference over five splits or "
        "more.",
    ),
    "outliers": (
        "Outlier tasks",
        "50 tasks of 100 rows and 50 features, rank five; also "
        "`python -m benchmarks.linear_outliers`.",
    ),
    "few_shot": (
        "New tasks with few rows, and aligned features",
        "50 features, rank five; also `python -m benchmarks.linear_few_shot`.",
    ),
}


def figure(row):
    """Return a figure with its error or range."""
    if row.get("failure"):
        return f"failed: {row['failure']}"
    text = f"{float(row['figure']):.4g}"
    if row.get("error"):
        return f"{text} ± {float(row['error']):.2g}"
    if row.get("low"):
        return f"{text} ({float(row['low']):.3g} to {float(row['high']):.3g})"
    return text


def verdict(row):
    """Return whether a bar is met."""
    if row.get("failure"):
        return ""
    return records.met(float(row["figure"]), row.get("bar") or "")


def shown(row):
    """Return the cells of a row that a reader of the log wants."""
    return [row["what"], row.get("unit", ""), figure(row), row.get("bar") or ""]


def missed(rows):
    """Return a list of the bars that are missed, and of failures."""
    lines = [
        f"- {row['what']} ({row.get('unit', '')}): {figure(row)}, bar {row.get('bar')}"
        for row in rows
        if row.get("failure") or verdict(row) == "missed"
    ]
    return "\n".join(lines) or "None."


def tables(rows):
    """Return a section with a table for every part there is."""
    header, text = ["", "in", "figure", "bar", "", "draws", ""], []
    for part, (title, note) in SECTIONS.items():
        own = [row for row in rows if row["part"] == part]
        lines = [
            [row["what"], row.get("unit", ""), figure(row), row.get("bar") or ""]
            + [verdict(row), row.get("draws") or "", row.get("note") or ""]
            for row in own
        ]
        if own:
            text += [f"## {title}\n", note + "\n", records.markdown(header, lines)]
        else:
            text += [f"## {title}\n", "Not measured yet.\n"]
    return "\n".join(text)


def page(path):
    """Return the page of a file of results."""
    rows = records.load(path)
    return "\n".join(
        [
            "# Linear models\n",
            "Made by `python -m benchmarks.linear FOLDER`; with `--parts` the other "
            "rows stay. Draws are the splits, seeds or pairs of runs of a figure.\n",
            records.provenance(path),
            records.states(rows),
            "## Bars that are missed\n",
            missed(rows) + "\n",
            tables(rows),
        ]
    )
