"""The code that README and the documentation show runs, and prints what it says."""

import contextlib
import doctest
import io
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from skmtl import PooledTasks
from skmtl._documentation import SITE, address
from skmtl.boosting import MultiTaskBoostingRegressor
from skmtl.linear import HierarchicalRegressor

root = Path(__file__).parents[1]
# A block of code, and what it prints if a block of text follows at once.
fence = re.compile(
    r"^```(python|pycon)\n(.*?)^```$(?:\n\n^```text\n(.*?)^```$)?", re.M | re.S
)
options = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def code_blocks(path):
    return fence.findall(path.read_text(encoding="utf-8"))


def has_code(path):
    return bool(code_blocks(path))


pages = sorted((root / "docs").rglob("*.md"))
started = root / "docs/getting_started.md"
documents = list(filter(has_code, [root / "README.md", *pages]))
documents.remove(started)  # It has a test of its own.


def run(kind, source, printed, namespace, name):
    if kind == "python":
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            exec(compile(source, name, "exec"), namespace)
        if printed:
            assert doctest.OutputChecker().check_output(
                printed, said.getvalue(), options
            ), said.getvalue()
        return
    examples = doctest.DocTestParser().get_doctest(source, namespace, name, name, 0)
    runner = doctest.DocTestRunner(optionflags=options)
    report = []
    runner.run(examples, out=report.append, clear_globs=False)
    namespace.update(examples.globs)
    assert not runner.failures, "".join(report)


@pytest.mark.parametrize(
    "path", documents, ids=lambda path: str(path.relative_to(root))
)
def test_code_runs(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "__main__"}
    for kind, source, printed in code_blocks(path):
        run(kind, source, printed, namespace, str(path))


def test_readme_shows_code_and_what_it_prints():
    assert root / "README.md" in documents
    assert any(printed for _, _, printed in code_blocks(root / "README.md"))


def test_readme_quotes_the_page_of_benchmarks():
    page = (root / "docs/benchmarks/accuracy.md").read_text(encoding="utf-8")
    part = page.split("## Confirmation sets with rows in groups")[1]
    dense = part.split("### Dense")[1].split("###")[0]
    against = dense.split("against each rival:")[1].split("![")[0]
    ratios = dict(re.findall(r"^\| (\w+) \|.*\| (\d\.\d+) \|$", against, re.M))
    rivals = ("lightgbm_category", "mixed_model", "linear_separate")
    few = part.split("### Few")[1].split("###")[0]
    names = ["none", "one", "two", "three", "four", "five", "six", "seven", "eight"]
    names += ["nine", "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen"]
    sets, lost, sets_few, lost_few = (
        names[len(re.findall(rf"\| (?:{kinds}) \|", text))]
        for text in (dense, few)
        for kinds in ("win|tie|loss", "loss")
    )
    readme = (root / "README.md").read_text(encoding="utf-8")
    quoted = re.search(r"^On \w+ tables with groups.*$", readme, re.M).group()
    assert re.findall(r"0\.\d\d", quoted) == [f"{float(ratios[k]):.2f}" for k in rivals]
    assert quoted.startswith(f"On {sets} tables")
    assert f"On {lost} of them" in quoted
    assert f"on {lost_few} of {sets_few}" in quoted


def follow(page, folder):
    """Run a page in a process of its own, with what the page installs alone."""
    return subprocess.run(
        [sys.executable, str(root / "tests/newcomer.py"), str(page)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_newcomers_get_through_getting_started(tmp_path):
    done = follow(started, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "MultiTaskRegressor" in done.stdout


def test_newcomers_have_only_what_the_page_installs(tmp_path):
    text = started.read_text(encoding="utf-8").replace("[plot,frames]", "")
    page = tmp_path / "page.md"
    page.write_text(text, encoding="utf-8")
    done = follow(page, tmp_path)
    assert done.returncode != 0
    assert "pandas" in done.stderr


def slug(heading):
    """Return where a page's heading can be linked to."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def test_messages_lead_to_sections_that_exist():
    page = (root / "docs/user_guide/tasks_as_columns.md").read_text(encoding="utf-8")
    sections = {slug(title) for title in re.findall(r"^#+ (.*)$", page, re.M)}
    source = "".join(path.read_text() for path in (root / "skmtl").rglob("*.py"))
    named = set(re.findall(r'\bsee\("([^"]*)"\)', source))
    assert named
    assert named <= sections


@pytest.mark.parametrize(
    ("model", "page"),
    [
        (HierarchicalRegressor(), "skmtl.linear.HierarchicalRegressor"),
        (PooledTasks(HierarchicalRegressor()), "skmtl.baselines.PooledTasks"),
        (MultiTaskBoostingRegressor(), "skmtl.boosting.MultiTaskBoostingRegressor"),
    ],
)
def test_pictures_of_estimators_lead_to_their_pages(model, page):
    assert address(f"generated/{page}.html") in model._repr_html_()


def test_messages_lead_to_the_documentation(monkeypatch):
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    assert project["urls"]["Documentation"] == SITE
    for version, release in [("1.2.0", "v1.2.0"), ("1.3.0.dev0", "latest")]:
        monkeypatch.setattr("skmtl._documentation.__version__", version)
        assert address("index.html") == f"{SITE}/en/{release}/index.html"
