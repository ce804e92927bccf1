"""Tables as text: CSV files become named columns, without pandas."""

import csv
import gzip
import io

import numpy as np

from skmtl.datasets._bunch import Table

GZIP_MAGIC = b"\x1f\x8b"


def read_columns(source):
    """Return the header's names and their columns of text from a CSV(.gz) file."""
    raw = source.read_bytes()
    if raw.startswith(GZIP_MAGIC):
        raw = gzip.decompress(raw)
    rows = list(csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline="")))
    rows = [row for row in rows if row]
    if len(rows) < 2:
        raise ValueError(f"{source.name} must hold a header and at least one row.")
    header, *rows = rows
    repeated = sorted({name for name in header if header.count(name) > 1})
    if repeated:
        raise ValueError(f"{source.name} has columns of the same name: {repeated}.")
    for number, row in enumerate(rows, start=1):
        if len(row) != len(header):
            raise ValueError(
                f"{source.name}: row {number} has {len(row)} fields, but the header "
                f"has {len(header)}."
            )
    return dict(zip(header, zip(*rows, strict=True), strict=True))


def numbers(name, texts, missing):
    """Return a column of text as numbers: int64 if all are whole, else float64."""
    try:
        values = np.array(
            [np.nan if text in missing else float(text) for text in texts]
        )
    except ValueError:
        number, text = next(
            (i, text)
            for i, text in enumerate(texts, 1)
            if not _is_number(text, missing)
        )
        raise ValueError(
            f"Column {name!r} must hold numbers, but row {number} is {text!r}. Text "
            f"columns are read when they are named in categorical=[...], and the marks "
            f"of missing values are {sorted(missing)}."
        ) from None
    whole = np.isfinite(values).all() and (values == np.trunc(values)).all()
    return values.astype(np.int64) if whole and abs(values).max() < 2**53 else values


def _is_number(text, missing):
    if text in missing:
        return True
    try:
        float(text)
    except ValueError:
        return False
    return True


def is_numeric(texts, missing):
    """Tell whether every text is a number or missing, and one of them a number."""
    return all(_is_number(text, missing) for text in texts) and any(
        text not in missing for text in texts
    )


def categories_of(texts, missing):
    """Return codes from zero (NaN where missing) and the labels they stand for."""
    found = sorted(set(texts) - set(missing))
    if is_numeric(found, missing):
        found.sort(key=float)
    place = {label: float(code) for code, label in enumerate(found)}
    return np.array([place.get(text, np.nan) for text in texts]), tuple(found)


def build_table(columns, layout, missing):
    """Return the Table that `layout` picks from columns of text."""
    layout.check(columns)
    coded, features, targets = {}, {}, {}
    for name in layout.features(columns):
        texts = columns[name]
        if layout.is_category(name, texts, missing):
            features[name], coded[name] = categories_of(texts, missing)
        else:
            features[name] = numbers(name, texts, missing)
    for name in layout.targets:
        targets[name] = _target(name, columns[name], missing, len(layout.targets) == 1)
    if layout.task is None:
        return Table(features, targets, np.array(list(targets)), categories=coded)
    task_names, codes = _tasks(layout.task, columns[layout.task], missing)
    return Table(features, targets, task_names, codes, layout.task, coded)


def _target(name, texts, missing, single):
    if not single:
        return numbers(name, texts, missing).astype(np.float64)
    without = [number for number, text in enumerate(texts, 1) if text in missing]
    if without:
        raise ValueError(
            f"The target {name!r} is missing in {len(without)} rows (the first is row "
            f"{without[0]}). Remove them from the file; missing targets are read only "
            "when several targets share the rows."
        )
    return (
        numbers(name, texts, missing) if is_numeric(texts, missing) else texts_of(texts)
    )


def texts_of(texts):
    """Return labels as an array of text."""
    return np.array(texts, dtype=np.str_)


def _tasks(name, texts, missing):
    without = [number for number, text in enumerate(texts, 1) if text in missing]
    if without:
        raise ValueError(
            f"The task {name!r} is missing in {len(without)} rows (the first is row "
            f"{without[0]}): every row must belong to a task."
        )
    return np.unique(texts_of(texts), return_inverse=True)
