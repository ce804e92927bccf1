"""Tutorials check what they claim; building the documentation runs all of them."""

import ast
import runpy
from pathlib import Path

import pytest

folder = Path(__file__).parents[1] / "examples"
tutorials = sorted(folder.glob("plot_*.py"))
# The others take longer than a test should.
quick = ["plot_new_store", "plot_sharing"]


def name(path):
    return path.stem


@pytest.mark.parametrize("path", tutorials, ids=name)
def test_claims_are_asserted(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    title, underline = ast.get_docstring(tree).splitlines()[:2]
    assert len(title) == len(underline)
    assert set(underline) == {"="}
    assert any(isinstance(node, ast.Assert) for node in ast.walk(tree))


@pytest.mark.parametrize("path", tutorials, ids=name)
def test_header_leads_to_every_tutorial(path):
    header = (folder / "GALLERY_HEADER.rst").read_text(encoding="utf-8")
    assert f":ref:`sphx_glr_auto_examples_{path.name}`" in header


@pytest.mark.slow
@pytest.mark.parametrize("stem", quick)
def test_tutorial_runs(stem):
    import matplotlib.pyplot as plt

    runpy.run_path(str(folder / f"{stem}.py"))
    plt.close("all")
