"""Public names that are imported when first used."""

from importlib import import_module


def attach(package, homes):
    """Return ``__getattr__``, ``__dir__`` and ``__all__`` for a package.

    ``homes`` maps each public name to the module of the package that defines it; a
    module's own name maps to itself.
    """
    names = sorted(homes)

    def __getattr__(name):
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = import_module(f"{package}.{homes[name]}")
        return module if homes[name] == name else getattr(module, name)

    def __dir__():
        return names

    return __getattr__, __dir__, names
