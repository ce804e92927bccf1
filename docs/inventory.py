"""An inventory of scikit-learn made from the installed package.

Sphinx normally downloads the list of what can be linked to. Without a network this one,
read from the package and from the docstrings that skmtl inherits, takes its place: the
links lead to the same pages.
"""

import inspect
import pkgutil
import re
import zlib
from importlib import import_module

import sklearn
from sklearn.experimental import (  # noqa: F401 - they make names importable
    enable_halving_search_cv,
    enable_iterative_imputer,
)

SITE = "https://scikit-learn.org/stable/"
ROLE = re.compile(r":(ref|term):`(?:[^`<]*<)?([^`<>]+)>?`")
INHERITED = ["base", "utils._metadata_requests", "utils._set_output"]


def public_modules():
    for module in pkgutil.iter_modules(sklearn.__path__):
        if not module.name.startswith("_") and module.name not in (
            "conftest",
            "externals",
            "tests",
        ):
            yield import_module(f"sklearn.{module.name}")


def api_rows(module):
    for name in getattr(module, "__all__", []):
        item = getattr(module, name, None)
        full = f"{module.__name__}.{name}"
        page = f"modules/generated/{full}.html"
        if inspect.isclass(item):
            yield f"{full} py:class 1 {page} -"
            for method in dir(item):
                if not method.startswith("_") and callable(getattr(item, method)):
                    yield f"{full}.{method} py:method 1 {page}#{full}.{method} -"
        elif callable(item):
            yield f"{full} py:function 1 {page} -"


def role_rows(module):
    for role, target in ROLE.findall(inspect.getsource(module)):
        if role == "term":
            yield f"{target} std:term -1 glossary.html#term-{target} -"
        else:
            page = "metadata_routing" if "routing" in target else "user_guide"
            yield f"{target} std:label -1 {page}.html {target}"


def write_inventory(path):
    """Write to `path` every class, function, label and term that may be linked to."""
    rows = {row for module in public_modules() for row in api_rows(module)}
    for name in INHERITED:
        rows.update(role_rows(import_module(f"sklearn.{name}")))
    header = (
        "# Sphinx inventory version 2\n"
        "# Project: scikit-learn\n"
        f"# Version: {sklearn.__version__}\n"
        "# The remainder of this file is compressed using zlib.\n"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    body = zlib.compress("\n".join(sorted(rows)).encode() + b"\n")
    path.write_bytes(header.encode() + body)
    return str(path)
