"""Pages whose code runs when the site is built: what it prints, and what it draws.

So no page shows a figure that its own code did not give.
"""

import contextlib
import doctest
import io
import re
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import Directive

here = Path(__file__).parent
# Pages that show below every block of code what it prints.
PRINTING = {"index", "getting_started"}
# The page that draws every display, and where the pictures go.
DRAWING = here / "user_guide" / "plotting.md"
PICTURES = here / "generated" / "pictures"
STYLES = {"light": "default", "dark": "dark_background"}
SCRIPT = re.compile(r"^```python\n(.*?)^```$", re.M | re.S)
SESSION = re.compile(r"^```pycon\n(.*?)^```$", re.M | re.S)


def with_output(text):
    """Return a page with what its blocks of code print below each of them."""
    namespace = {"__name__": "__main__"}

    def run(block):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(block[1], "page", "exec"), namespace)
        said = printed.getvalue().rstrip()
        return f"{block[0]}\n\n```text\n{said}\n```" if said else block[0]

    return SCRIPT.sub(run, text)


def show_output(app, docname, source):
    """Run the code of a page before it is read."""
    if docname in PRINTING:
        source[0] = with_output(source[0])


def draw(text):
    """Run a page, and save the first picture of every display that it draws."""
    import matplotlib as mpl

    mpl.use("Agg")
    PICTURES.mkdir(parents=True, exist_ok=True)
    namespace, shown, drawn = {}, None, set()
    for block in SESSION.findall(text):
        for example in doctest.DocTestParser().get_examples(block):
            with contextlib.redirect_stdout(io.StringIO()):
                exec(compile(example.source, "page", "single"), namespace)
            display = namespace.get("display")
            if display is not shown and type(display).__name__ not in drawn:
                save(display)
                drawn.add(type(display).__name__)
            shown = display


def save(display):
    """Draw a display once for each style, on no background."""
    import matplotlib.pyplot as plt

    for style, settings in STYLES.items():
        with plt.style.context(settings):
            figure = display.plot().figure_
            path = PICTURES / f"{type(display).__name__}_{style}.png"
            figure.savefig(path, dpi=110, transparent=True)
    plt.close("all")


def draw_pictures(app):
    """Draw the displays, unless nothing changed since they were drawn."""
    sources = [DRAWING, Path(__file__), *(here.parent / "skmtl/plotting").glob("*.py")]
    # Written last: drawing that was interrupted begins anew.
    done = PICTURES / "done"
    if not done.exists() or done.stat().st_mtime < max(
        path.stat().st_mtime for path in sources
    ):
        draw(DRAWING.read_text(encoding="utf-8"))
        done.touch()


class Picture(Directive):
    """The picture of a display in the style of the page; its content describes it."""

    required_arguments = 1
    has_content = True

    def run(self):
        return [
            nodes.image(
                uri=f"/generated/pictures/{self.arguments[0]}_{style}.png",
                alt=" ".join(self.content),
                classes=[f"only-{style}", "display"],
            )
            for style in STYLES
        ]


def setup(app):
    app.add_directive("picture", Picture)
    app.connect("builder-inited", draw_pictures)
    app.connect("source-read", show_output)
    return {"parallel_read_safe": True}
