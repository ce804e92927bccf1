"""Results as tables that are kept: what was measured, and with what."""

import csv
import json
import os
import platform
import re
from datetime import date
from pathlib import Path

from benchmarks import accuracy
from benchmarks.accuracy_runs import digest

RESULTS = Path(__file__).parent / "results"
PAGES = Path(__file__).parents[1] / "docs" / "benchmarks"
BAR = re.compile(r"(<=|>=) ([\d.]+)")


def save(path, rows, **settings):
    """Write rows, which are dictionaries, and beside them what they were measured with.

    The state of the library's code is that of the moment.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    names = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, names, lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({key: accuracy.text(value) for key, value in row.items()})
    beside = path.with_suffix(".json")
    beside.write_text(json.dumps(measured_with(**settings), indent=1) + "\n")


def load(path):
    """Return rows of text, nothing where nothing was measured."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def measured_with(**settings):
    """Return the day, the machine, versions and settings."""
    return {
        "date": date.today().isoformat(),
        "cpu": accuracy.processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "code": digest(),
        "versions": accuracy.versions(),
        **settings,
    }


def provenance(path):
    """Return a paragraph on what results were measured with."""
    return described(json.loads(path.with_suffix(".json").read_text()))


def described(found):
    """Return a paragraph on a day, a machine and versions."""
    versions = ", ".join(f"{name} {v}" for name, v in found["versions"].items())
    return (
        f"Measured {found['date']} on {found['cpu']} ({found['cores']} cores), Python "
        f"{found['python']}; {versions} (state {found['code']} of its code).\n"
    )


def states(rows):
    """Return which states of the library's code rows are of, if of several."""
    codes = sorted({row["code"] for row in rows if row.get("code")})
    return f"Rows are of {len(codes)} states: {codes}.\n" if len(codes) > 1 else ""


def met(value, bar):
    """Return "met" or "missed", or nothing where a bar is no bound of a number."""
    bound = BAR.fullmatch(bar)
    if bound is None or value != value:
        return ""
    limit = float(bound[2])
    return (
        "met" if (value <= limit if bound[1] == "<=" else value >= limit) else "missed"
    )


def markdown(header, rows):
    """Return a table; what would end a cell or a line is replaced."""
    lines = [header, ["---"] * len(header), *rows]
    cells = [[str(x).replace("|", "/").replace("\n", " ") for x in r] for r in lines]
    return "\n".join("| " + " | ".join(line) + " |" for line in cells) + "\n"
