"""The minimum versions that are declared are the ones that are tested."""

import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

root = Path(__file__).parents[1]
project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
extras = project["optional-dependencies"]
declared = [*project["dependencies"], *extras["plot"], *extras["frames"]]


def installed_in_the_oldest_environment(name):
    """Version that tests/oldest.txt gives to Python 3.11, the oldest supported."""
    for line in (root / "tests" / "oldest.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            pin = Requirement(line)
            on_oldest_python = pin.marker is None or pin.marker.evaluate(
                {"python_version": "3.11"}
            )
            if pin.name == name and on_oldest_python:
                (version,) = pin.specifier
                return Version(version.version)
    return None


@pytest.mark.parametrize("line", declared)
def test_declared_minimum_is_tested(line):
    requirement = Requirement(line)
    (minimum,) = requirement.specifier
    assert minimum.operator == ">="
    tested = installed_in_the_oldest_environment(requirement.name)
    assert tested == Version(minimum.version)


@pytest.mark.parametrize("extra", ["test", "docs"])
def test_extras_agree_on_minimums(extra):
    names = {Requirement(line).name: line for line in declared}
    for line in extras[extra]:
        assert names.get(Requirement(line).name, line) == line
