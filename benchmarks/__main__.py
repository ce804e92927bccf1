"""List the benchmarks, and run the short form of all of them.

``python -m benchmarks`` does both, in about a quarter of an hour, and writes the pages
in ``docs/benchmarks``; ``--list`` only lists. ``python -m benchmarks.NAME`` runs one of
them, with rivals that are installed and data whose folder is named on the command line.
"""

import ast
import sys
from pathlib import Path


def commands():
    """Yield the name and the first line of the docstring of everything that runs."""
    for path in sorted(Path(__file__).parent.glob("[a-z]*.py")):
        text = path.read_text()
        if '__name__ == "__main__"' in text:
            yield path.stem, ast.get_docstring(ast.parse(text)).splitlines()[0]


def main():
    """Print what there is, then run the short forms."""
    for name, line in commands():
        print(f"benchmarks.{name:24s} {line}", flush=True)
    if "--list" not in sys.argv[1:]:
        from benchmarks import quick

        quick.main()


if __name__ == "__main__":
    main()
