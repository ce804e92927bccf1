"""The page that lists every public name, written from the package itself."""

import inspect
import pkgutil
from importlib import import_module

import skmtl

TITLE = "API reference"
INTRODUCTION = "Every public name, by the module it is imported from."


def public_modules():
    """Yield every module or package without an underscore, and skmtl last."""
    for module in pkgutil.iter_modules(skmtl.__path__, "skmtl."):
        if not module.name.split(".")[-1].startswith("_"):
            yield import_module(module.name)
    yield skmtl


def public_items():
    """Map each module to the public names that no module before it has."""
    sections, seen = {}, set()
    for module in public_modules():
        for name in getattr(module, "__all__", []):
            item = getattr(module, name)
            if name.startswith("_") or inspect.ismodule(item) or id(item) in seen:
                continue
            seen.add(id(item))
            sections.setdefault(module.__name__, []).append(f"{module.__name__}.{name}")
    return sections


def headed(text, underline):
    return [text, underline * len(text), ""]


def section(home, names):
    summary = (inspect.getdoc(import_module(home)) or "").partition("\n")[0]
    lines = [*headed(f"``{home}``", "-"), summary, ""]
    lines += [".. autosummary::", "   :toctree: generated", ""]
    return [*lines, *(f"   {name}" for name in names), ""]


def write_reference(path):
    """Write the page to `path`, unless it stands there already.

    Pages of names that are gone would be documents that nothing leads to.
    """
    lines = [*headed(TITLE, "="), INTRODUCTION, ""]
    for home, names in sorted(public_items().items()):
        lines += section(home, sorted(names))
    text = "\n".join(lines)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
        for page in (path.parent / "generated").glob("*.rst"):
            page.unlink()
