"""Follow a page as a newcomer does: its code, verbatim, in a process of its own.

``python tests/newcomer.py docs/getting_started.md``. Imports fail unless what they need
is what the page says to install: skmtl with some of its extras, and their requirements.
"""

import re
import sys
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

INSTALL = re.compile(r'^pip install "?skmtl(?:\[([\w,]+)\])?"?$', re.M)
CODE = re.compile(r"^```python\n(.*?)^```$", re.M | re.S)
REQUIREMENT = re.compile(r"([\w.-]+)(?:\[([\w,]+)\])?")
EXTRA = re.compile(r"""extra == ['"]([\w-]+)['"]""")


def plain(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def installed_by(name, extras=(), found=None):
    """Return the distributions that installing one brings along."""
    found = set() if found is None else found
    if not extras and name in found:
        return found
    found.add(name)
    try:
        needed = requires(name) or []
    except PackageNotFoundError:
        return found
    for line in needed:
        wanted = EXTRA.search(line)
        if wanted is None or wanted[1] in extras:
            other, more = REQUIREMENT.match(line).groups()
            installed_by(plain(other), more.split(",") if more else (), found)
    return found


class Refused:
    """Refuses to import what a newcomer has not installed."""

    def __init__(self, distributions):
        self.owners = {
            name: {plain(owner) for owner in owners}
            for name, owners in packages_distributions().items()
        }
        self.installed = distributions

    def find_spec(self, name, path=None, target=None):
        owners = self.owners.get(name)
        if owners and not owners & self.installed:
            raise ModuleNotFoundError(f"The page does not install {name}.", name=name)


def main(path):
    page = Path(path).read_text(encoding="utf-8")
    extras = (INSTALL.search(page)[1] or "").split(",")
    sys.meta_path.insert(0, Refused(installed_by("skmtl", extras)))
    exec(compile("\n".join(CODE.findall(page)), path, "exec"), {"__name__": "__main__"})


if __name__ == "__main__":
    main(sys.argv[1])
