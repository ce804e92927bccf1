"""The order of the tutorials."""

from pathlib import Path

HEADER = Path(__file__).parents[1] / "examples" / "GALLERY_HEADER.rst"


def reading_order(filename):
    """Return where the header of the gallery names a tutorial."""
    return HEADER.read_text(encoding="utf-8").index(f"auto_examples_{filename}")
