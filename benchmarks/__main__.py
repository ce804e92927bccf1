"""List the benchmarks, and run those that need nothing but skmtl: about five minutes.

``python -m benchmarks`` does that; ``python -m benchmarks.NAME`` runs one of them, with
rivals that are installed and data whose folder is named on the command line.
"""

import ast
import runpy
from pathlib import Path

SHORT = ["foundation"]


def summary(path):
    """Return the first line of a module's docstring."""
    return ast.get_docstring(ast.parse(path.read_text())).splitlines()[0]


def main():
    """Print what there is, then run the short ones."""
    for path in sorted(Path(__file__).parent.glob("[a-z]*.py")):
        if path.stem != "measuring":
            print(f"benchmarks.{path.stem:24s} {summary(path)}")
    for name in SHORT:
        print(f"\n{name}\n")
        runpy.run_module(f"benchmarks.{name}", run_name="__main__")


if __name__ == "__main__":
    main()
