"""Names of the API in running text lead to their pages, as plain Markdown cannot.

The first time that a section, or a row of a table, names a class or function, as in
``SafeTasks`` or ``SafeTasks(...)``, it is linked. Pages read the same without this.
"""

import re

from docutils import nodes
from reference import public_items
from sphinx.addnodes import pending_xref
from sphinx.transforms import SphinxTransform

CALL = re.compile(r"([A-Za-z_]\w*)(\(.*\))?$", re.DOTALL)
WRITTEN_BY_HAND = ("user_guide/", "benchmarks/", "getting_started", "index")


class LinkNames(SphinxTransform):
    """Wrap names in references that Sphinx resolves."""

    default_priority = 400

    def apply(self):
        """Link the names of one document."""
        if not self.env.docname.startswith(WRITTEN_BY_HAND):
            return
        seen = set()
        for node in list(self.document.findall(nodes.literal)):
            found = CALL.match(node.astext())
            target = found and self.config.api_pages.get(found[1])
            if not target or enclosing(node, nodes.title, nodes.reference):
                continue
            place = id(enclosing(node, nodes.row, nodes.section)), target
            if place not in seen:
                seen.add(place)
                link(node, target, self.env.docname)


def enclosing(node, *kinds):
    """Return the nearest ancestor of some kinds, or None."""
    while node is not None and not isinstance(node, kinds):
        node = node.parent
    return node


def link(node, target, page):
    """Put a reference around a node."""
    place = pending_xref(
        "",
        refdoc=page,
        refdomain="py",
        refexplicit=True,
        reftarget=target,
        reftype="obj",
        refwarn=True,
    )
    node.parent.replace(node, place)
    place += node


def setup(app):
    pages = {
        full.rpartition(".")[2]: full
        for names in public_items().values()
        for full in names
    }
    app.add_config_value("api_pages", pages, "env")
    app.add_transform(LinkNames)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
