#!/usr/bin/env -S uv run --script

# /// script
# dependencies = ["nox>=2025.2.9"]
# ///

"""Tests that need environments of their own."""

import glob
import re
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv|virtualenv"

NEWEST = ""
VERSIONS = [
    ("==1.6.*", "==1.26.*"),
    ("==1.7.*", NEWEST),
    ("==1.8.*", NEWEST),
    (NEWEST, "==1.26.*"),
    (NEWEST, NEWEST),
]


def label(version):
    return version.strip("=.*") or "newest"


@nox.session
@nox.parametrize(
    ("sklearn", "numpy"),
    VERSIONS,
    ids=[f"scikit-learn {label(s)}, numpy {label(n)}" for s, n in VERSIONS],
)
def matrix(session, sklearn, numpy):
    """Test what every estimator promises with one pair of versions."""
    session.install("-e", ".[test]", f"scikit-learn{sklearn}", f"numpy{numpy}")
    files = session.posargs or sorted(glob.glob("tests/test_contract*.py"))
    session.run("pytest", *files, env={"OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"})


@nox.session
def newcomer(session):
    """Follow getting started where nothing is installed but what the page says."""
    page = "docs/getting_started.md"
    extras = re.search(r"skmtl(\[.*?\])", Path(page).read_text(encoding="utf-8"))[1]
    session.install(f".{extras}")
    session.run("python", "-W", "error", "tests/newcomer.py", page)


if __name__ == "__main__":
    nox.main()
