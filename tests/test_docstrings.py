"""Every public object's docstring is complete, as numpydoc sees it."""

import inspect
import pkgutil
from importlib import import_module

import pytest

import skmtl

validate = pytest.importorskip("numpydoc.validate").validate

# Not asked for: sections "See Also" and "Examples", a long description and notes of
# every method; and returned values have names, as they have in scikit-learn.
NOT_ASKED = {"SA01", "EX01", "ES01", "RT02"}
MODULES = ["skmtl"] + [
    f"skmtl.{module.name}"
    for module in pkgutil.iter_modules(skmtl.__path__)
    if not module.name.startswith("_")
]


def public_names(module):
    """Return the dotted names of what a module offers, and of its methods."""
    for name in getattr(import_module(module), "__all__", []):
        found = getattr(import_module(module), name)
        # Fields of named tuples are described as attributes.
        if inspect.ismodule(found) or hasattr(found, "_fields"):
            continue
        yield f"{module}.{name}"
        if not inspect.isclass(found):
            continue
        for method, value in inspect.getmembers(found, callable):
            ours = getattr(value, "__module__", "") or ""
            if not method.startswith("_") and ours.startswith("skmtl"):
                yield f"{module}.{name}.{method}"


@pytest.mark.parametrize("module", MODULES)
def test_docstrings_are_complete(module):
    faults = {
        name: found
        for name in public_names(module)
        if (
            found := [
                error for error in validate(name)["errors"] if error[0] not in NOT_ASKED
            ]
        )
    }
    assert not faults
