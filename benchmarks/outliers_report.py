"""Make the page of what benchmarks.outliers measured."""

import numpy as np

from benchmarks import records

NOTES = """\
Nonlinear tasks are those of `make_task_functions`, without noise unless noted: 10
tasks of 300 rows and 5 features, 2 outliers that follow one other function. Linear
tasks are 30 of 100 rows and 20 features with noise one, 3 of them outliers with
coefficients of their own; the others share three directions, or lie around a centre.
Every task has 200 more rows for the errors of the tasks that are no outliers. On the
first seeds the same model is fitted without the rows of outliers too, and a model that
knows nothing of outliers to all rows. Reversed coefficients, and none, lie in the span
of the others: a shared representation cannot, and need not, tell such tasks apart.
"""


def column(rows, name):
    """Return the values of a column, where there are any."""
    values = [row.get(name) for row in rows]
    return np.array([float(v) for v in values if v not in (None, "")])


def ratio(rows, name):
    """Return the geometric mean of errors over those of a column, as text."""
    both = [row for row in rows if row.get(name) not in (None, "")]
    if not both:
        return ""
    logs = np.log(np.maximum(column(both, "error"), 1e-12))
    return (
        f"{np.exp(np.mean(logs - np.log(np.maximum(column(both, name), 1e-12)))):.2f}"
    )


def summary(rows):
    """Return the line of a case: figures over its draws."""
    good = [row for row in rows if not row.get("failure")]
    bar, area = rows[0].get("bar") or "", column(good, "area")
    line = [rows[0]["case"], len(good)]
    if not good:
        return [*line, *[""] * 8, f"failed: {rows[0]['failure']}"]
    known = area[~np.isnan(area)]
    line += [f"{known.mean():.3f}", f"{known.min():.3f}"] if known.size else ["", ""]
    found = column(good, "found")
    verdict = records.met(known.mean() if known.size else np.nan, bar)
    if len(good) < len(rows):
        verdict = f"{len(rows) - len(good)} failed: {_reason(rows)}"
    return [
        *line,
        f"{column(good, 'exact').mean():.0%}",
        "" if np.isnan(found).all() else f"{np.nanmean(found):.0%}",
        f"{column(good, 'flagged_others').mean():.1%}",
        ratio(good, "without_outliers"),
        ratio(good, "plain"),
        bar,
        verdict,
    ]


def _reason(rows):
    return next(row["failure"] for row in rows if row.get("failure"))


HEADER = (
    *("outliers", "draws", "area under the curve", "least", "all flags right"),
    *("outliers flagged", "others flagged", "error / without outliers"),
    *("error / plain", "bar", ""),
)
READING = """\
The area under the curve is how often the score of an outlier is above that of another
task (a tie counts half): the mean over draws, and the least. A bar is met if the mean
is, so that a bar of one allows for no mistake in any draw. "All flags right" is the
share of draws in which `outlier_tasks_` are the outliers and no others. Errors are
those of the tasks that are no outliers, on new rows: over the error of the same model
fitted without the rows of outliers, and over that of a plain model of all rows, which
is LightGBM with the task as a category beside boosting, and the same model with
`robust=False` beside linear ones (geometric means of the first draws).
"""


def tables(rows):
    """Return a section with a table for every model."""
    text = []
    for model in dict.fromkeys(row["model"] for row in rows):
        own = [row for row in rows if row["model"] == model]
        lines = [
            summary([row for row in own if row["case"] == case])
            for case in dict.fromkeys(row["case"] for row in own)
        ]
        text += [f"## {model.capitalize()}\n", records.markdown(HEADER, lines)]
    return "\n".join(text)


def missed(rows):
    """Return a list of the bars that are missed."""
    lines = []
    for model, case in dict.fromkeys((row["model"], row["case"]) for row in rows):
        own = [row for row in rows if (row["model"], row["case"]) == (model, case)]
        line = summary(own)
        if line[-1] and line[-1] != "met":
            lines.append(f"- {model}, {case}: {line[2]}, bar {line[-2]} ({line[-1]})")
    return "\n".join(lines) or "None."


def page(path):
    """Return the page of a file of results."""
    rows = records.load(path)
    return "\n".join(
        [
            "# Outlier tasks\n",
            "Made by `python -m benchmarks.outliers`.",
            records.provenance(path),
            records.states(rows),
            f"{NOTES}\n{READING}",
            "## Bars that are missed\n",
            missed(rows) + "\n",
            tables(rows),
        ]
    )
