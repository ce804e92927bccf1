"""The code that README and the documentation show runs, and prints what it says."""

import doctest
import re
import tomllib
from pathlib import Path

import pytest

from skmtl._documentation import SITE, address

root = Path(__file__).parents[1]
fence = re.compile(r"^```\{?(python|pycon|doctest)\}?\n(.*?)^```$", re.M | re.S)
options = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def code_blocks(path):
    return fence.findall(path.read_text(encoding="utf-8"))


def has_code(path):
    return bool(code_blocks(path))


pages = sorted((root / "docs").rglob("*.md"))
documents = list(filter(has_code, [root / "README.md", *pages]))


def run(kind, source, namespace, name):
    if kind == "python":
        exec(compile(source, name, "exec"), namespace)
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
    for kind, source in code_blocks(path):
        run(kind, source, namespace, str(path))


def test_readme_shows_code():
    assert root / "README.md" in documents


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


def test_messages_lead_to_the_documentation(monkeypatch):
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    assert project["urls"]["Documentation"] == SITE
    for version, release in [("1.2.0", "v1.2.0"), ("1.3.0.dev0", "latest")]:
        monkeypatch.setattr("skmtl._documentation.__version__", version)
        assert address("index.html") == f"{SITE}/en/{release}/index.html"
