"""Every public object's docstring is complete, as numpydoc sees it."""

import ast
import contextlib
import inspect
import pkgutil
from importlib import import_module
from pathlib import Path

import pytest

import skmtl

validate = pytest.importorskip("numpydoc.validate").validate
parse = pytest.importorskip("numpydoc.docscrape").get_doc_object

# Of all checks, only that of names for returned values, which scikit-learn gives them.
NOT_ASKED = {"RT02"}
# The summary says what a method does; it is shown where its class is.
NOT_ASKED_OF_METHODS = NOT_ASKED | {"ES01", "EX01", "SA01"}
MODULES = ["skmtl"] + [
    f"skmtl.{module.name}"
    for module in pkgutil.iter_modules(skmtl.__path__)
    if not module.name.startswith("_")
]


def public_objects(module):
    """Yield the dotted names of what a module offers, and the objects."""
    for name in getattr(import_module(module), "__all__", []):
        found = getattr(import_module(module), name)
        if not inspect.ismodule(found):
            yield f"{module}.{name}", found


def is_exception(found):
    return inspect.isclass(found) and issubclass(found, Exception)


def own_methods(found):
    """Yield the names of a class's public methods, but those that others wrote."""
    for name, value in inspect.getmembers(found, callable):
        home = getattr(value, "__module__", "") or ""
        if not name.startswith("_") and home.startswith("skmtl"):
            yield name


def checked_names(module):
    """Yield dotted names, and the checks that are not asked of them."""
    for name, found in public_objects(module):
        yield name, NOT_ASKED
        if inspect.isclass(found):
            for method in own_methods(found):
                yield f"{name}.{method}", NOT_ASKED_OF_METHODS


@pytest.mark.parametrize("module", MODULES)
def test_docstrings_are_complete(module):
    faults = {
        name: found
        for name, not_asked in checked_names(module)
        if (
            found := [
                error for error in validate(name)["errors"] if error[0] not in not_asked
            ]
        )
    }
    assert not faults


@pytest.mark.parametrize("module", MODULES)
def test_attributes_are_described(module):
    bare = {
        name: attributes
        for name, found in public_objects(module)
        if inspect.isclass(found)
        and not is_exception(found)
        and (
            attributes := [
                entry.name
                for entry in parse(found)["Attributes"]
                if not "".join(entry.desc).strip()
            ]
        )
    }
    assert not bare


def written(default):
    """Return a default as docstrings write it, or as the value that they write."""
    return getattr(default, "__name__", default)


def documented_defaults(found):
    """Yield each parameter that has a default with it, and what the docstring says."""
    signature = inspect.signature(found).parameters
    for entry in parse(found)["Parameters"]:
        said = entry.type.rpartition("default=")[2].strip() if entry.type else ""
        with contextlib.suppress(ValueError, SyntaxError):
            said = ast.literal_eval(said)
        for name in entry.name.replace("*", "").split(", "):
            kind = signature[name].kind if name in signature else None
            if kind not in (inspect.Parameter.VAR_KEYWORD, None):
                yield name, written(signature[name].default), said


@pytest.mark.parametrize("module", MODULES)
def test_defaults_are_those_of_the_signature(module):
    wrong = {
        f"{name}.{parameter}": (default, said)
        for name, found in public_objects(module)
        if not is_exception(found)
        for parameter, default, said in documented_defaults(found)
        if default != "_empty" and default != said
    }
    assert not wrong


def test_the_site_is_built_with_the_same_checks():
    source = Path(__file__).parents[1].joinpath("docs", "conf.py").read_text()
    (checks,) = (
        ast.literal_eval(line.value)
        for line in ast.parse(source).body
        if isinstance(line, ast.Assign)
        and line.targets[0].id == "numpydoc_validation_checks"
    )
    assert checks == {"all"} | NOT_ASKED_OF_METHODS
