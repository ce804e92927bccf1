"""Pages that list every public name by its module, written from the package itself."""

import inspect
import pkgutil
from importlib import import_module

import skmtl

TITLE = "API reference"
INTRODUCTION = "Every public name, by the module it is imported from."
# Modules in the order in which they are met.
ORDER = ["automatic", "baselines", "safety", "linear", "boosting", "active", "compose"]
ORDER += ["model_selection", "metrics", "plotting", "datasets", "exceptions"]


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


def summary(home):
    return (inspect.getdoc(import_module(home)) or "").partition("\n")[0]


def index(homes):
    """Return the page that leads to one for each module."""
    lines = [*headed(TITLE, "="), INTRODUCTION, ""]
    for home in homes:
        lines += [f":doc:`{home}`", f"   {summary(home)}", ""]
    tree = [f"   {home}" for home in homes]
    return [*lines, ".. toctree::", "   :hidden:", "", *tree, ""]


def section(home, names):
    """Return the page of a module."""
    lines = [*headed(home, "="), summary(home), ""]
    lines += [".. autosummary::", "   :toctree: ../generated", ""]
    return [*lines, *(f"   {name}" for name in names), ""]


def place(home):
    return ORDER.index(home.removeprefix("skmtl."))


def write_reference(folder):
    """Write the pages into `folder`, unless they stand there, and return their names.

    Pages of names that are gone would be documents that nothing leads to.
    """
    items = public_items()
    homes = sorted(items, key=place)
    pages = {home: section(home, sorted(items[home])) for home in homes}
    pages["index"] = index(homes)
    texts = {folder / f"{name}.rst": "\n".join(page) for name, page in pages.items()}
    found = {path: path.read_text() for path in folder.glob("*.rst")}
    if found != texts:
        folder.mkdir(exist_ok=True)
        for page in [*found, *(folder.parent / "generated").glob("*.rst")]:
            page.unlink()
        for path, text in texts.items():
            path.write_text(text)
    return [f"{folder.name}/{path.name}" for path in texts]
