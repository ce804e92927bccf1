"""Where the documentation explains what a message says in a line."""

from . import __version__

SITE = "https://skmtl.readthedocs.io"


def address(page):
    """Return the address of a page in the documentation of this version."""
    release = "latest" if "dev" in __version__ else f"v{__version__}"
    return f"{SITE}/en/{release}/{page}"


def see(section):
    """Return the end of a message that a section on the task column explains."""
    return f" See {address('user_guide/tasks_as_columns.html')}#{section}"
