"""Sphinx configuration; ``make docs`` builds the site without a network."""

import os
import sys
from pathlib import Path

here = Path(__file__).parent
sys.path.insert(0, str(here))

from inventory import SITE, write_inventory  # noqa: E402
from reference import write_reference  # noqa: E402

import skmtl  # noqa: E402

project = "skmtl"
author = "skmtl developers"
project_copyright = f"2026, {author}"
release = skmtl.__version__

extensions = [
    "executed",
    "linked",
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "_templates"]
templates_path = ["_templates"]

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

# By name, since pages that are new to a build would otherwise be left out.
autosummary_generate = write_reference(here / "api")
autodoc_typehints = "none"
numpydoc_show_class_members = False
# All but those that tests/test_docstrings.py gives a reason for; it is stricter on
# classes and functions.
numpydoc_validation_checks = {"all", "ES01", "EX01", "RT02", "SA01"}
# Inherited from scikit-learn, which documents them.
numpydoc_validation_exclude = {r"\.set_\w+_request$", r"\.get_metadata_routing$"}
# Pages have "fit" beside them, where "HierarchicalRegressor.fit" would be cut off.
toc_object_entries_show_parents = "hide"

online = "SKMTL_DOCS_ONLINE" in os.environ or "READTHEDOCS" in os.environ
intersphinx_mapping = (
    {
        "numpy": ("https://numpy.org/doc/stable/", None),
        "pandas": ("https://pandas.pydata.org/docs/", None),
        "python": ("https://docs.python.org/3/", None),
        "scipy": ("https://docs.scipy.org/doc/scipy/", None),
        "sklearn": (SITE, None),
    }
    if online
    else {"sklearn": (SITE, write_inventory(here / "_build" / "sklearn.inv"))}
)

sphinx_gallery_conf = {
    "abort_on_example_error": True,
    "backreferences_dir": "generated/backreferences",
    # Tables and estimators are shown where they end a block; what else is to be seen is
    # printed.
    "capture_repr": ("_repr_html_",),
    "doc_module": ("skmtl",),
    "examples_dirs": "../examples",
    "filename_pattern": r"/plot_",
    "gallery_dirs": "auto_examples",
    "ignore_pattern": r"(^|/)(demo|__init__)\.py$",
    "reference_url": {"skmtl": None},
    "reset_modules_order": "both",
    "show_memory": False,
    "within_subsection_order": "gallery.reading_order",
}

html_theme = "pydata_sphinx_theme"
html_title = "skmtl"
html_static_path = ["_static"]
html_css_files = ["skmtl.css"]
# Pages with none below them need no list of such beside them.
html_sidebars = {
    page: [] for page in ("index", "getting_started", "changelog", "contributing")
}
html_show_sourcelink = False
html_theme_options = {
    "github_url": "https://github.com/skmtl/skmtl",
    "navigation_with_keys": False,
    "show_prev_next": False,
    "use_edit_page_button": False,
}
copybutton_prompt_text = ">>> "


def skip_field(app, what, name, item, skip, options):
    """Leave out fields of named tuples, which are described with their class."""
    return True if type(item).__name__ == "_tuplegetter" else None


def setup(app):
    app.connect("autodoc-skip-member", skip_field)
