"""Names of tasks that never overlap: all of them, or those that stand out."""

import numpy as np

from ._canvas import cell_ink, ink

# Height of a line of text in units of its size, and the smallest size that is read.
LINE, LEAST_SIZE = 1.3, 6.5
LONGEST = 28
# Points between the axes and a name beside them; pixels around a name among points.
AWAY, AIR = 18.0, 2.0
MOST_ENDS, MOST_POINTS = 5, 12
# Where a name can stand about its point, in points, and how it is aligned there.
PLACES = (
    ((7, 0), "left", "center"),
    ((-7, 0), "right", "center"),
    ((0, 6), "center", "bottom"),
    ((0, -6), "center", "top"),
    ((4, 7), "left", "bottom"),
    ((4, -7), "left", "top"),
    ((-4, 7), "right", "bottom"),
    ((-4, -7), "right", "top"),
)
# Characters in a line of a legend above the axes.
LEGEND_WIDTH = 96


def shorten(label):
    """Return a label as text of a length that leaves room for the picture."""
    text = str(label)
    text = text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
    # matplotlib leaves names that begin so out of legends.
    return " " + text if text.startswith("_") else text


def counted(n, what):
    """Return a number of things in words: "1 task", "3 tasks"."""
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def text_size():
    """Return the usual size of names, in points."""
    from matplotlib import rcParams
    from matplotlib.font_manager import FontProperties

    return FontProperties(size=rcParams["ytick.labelsize"]).get_size_in_points()


def lay_out(ax):
    """Let matplotlib place everything drawn so far, so that it can be measured."""
    ax.figure.figure.draw_without_rendering()


def points_high(ax):
    """Return the height of axes that are laid out, in points."""
    return 72.0 * ax.get_window_extent().height / ax.figure.dpi


def names_high(ax):
    """Return how many names have room one above another beside axes laid out."""
    return int(points_high(ax) / (LINE * text_size()))


def points_apart(ax):
    """Return the distance of two rows of axes that are laid out, in points."""
    bottom, top = ax.transData.transform([(0.0, 0.0), (0.0, 1.0)])[:, 1]
    return 72.0 * abs(top - bottom) / ax.figure.dpi


def both_ends(n):
    """Return the positions of rows from both ends towards the middle."""
    order = np.column_stack([np.arange(n)[::-1], np.arange(n)]).ravel()
    return list(dict.fromkeys(order.tolist()))[: 2 * MOST_ENDS]


def name_rows(ax, labels, first=None, what="task"):
    """Name the rows 0, 1, ... from bottom to top, all or those that come first.

    Parameters
    ----------
    ax : Axes
        With everything else drawn, and limits set.
    labels : sequence
    first : sequence of int, default=None
        Rows to be named where there is no room for all, in this order; by default those
        at both ends.
    what : str
        What the rows are, for the text that says how many of them are named.
    """
    labels = [shorten(label) for label in labels]
    ax.set_yticks([])
    lay_out(ax)
    size = min(text_size(), points_apart(ax) / LINE)
    if size >= LEAST_SIZE:
        ax.set_yticks(range(len(labels)), labels, fontsize=size, parse_math=False)
        ax.tick_params(axis="y", length=0)
        return
    first = both_ends(len(labels)) if first is None else list(first)
    rows = sorted(first[: names_high(ax)])
    width = name_beside(ax, rows, [labels[row] for row in rows])
    note = f"{len(rows)} of them named" if rows else "names left out"
    ax.set_ylabel(f"{counted(len(labels), what)}, {note}", labelpad=width + 4.0)


def name_beside(ax, heights, labels, side="left"):
    """Write names beside the axes, tied to heights in the axes; return their width."""
    if not labels:
        return 0.0
    size, high = text_size(), points_high(ax)
    at = ax.transData.transform(np.column_stack([np.zeros(len(heights)), heights]))
    at = ax.transAxes.inverted().transform(at)[:, 1]
    places = spread(high * at, LINE * size, high) / high
    left = side == "left"
    names = [
        ax.annotate(
            label,
            xy=(0.0 if left else 1.0, true),
            xycoords="axes fraction",
            xytext=(-AWAY if left else AWAY, place),
            textcoords=("offset points", "axes fraction"),
            ha="right" if left else "left",
            va="center",
            fontsize=size,
            parse_math=False,
            annotation_clip=False,
            arrowprops=tie(ax, left),
        )
        for label, true, place in zip(labels, at, places, strict=True)
    ]
    pixels = max(name.get_window_extent().width for name in names)
    return 72.0 * pixels / ax.figure.dpi


def tie(ax, left):
    """Return how the line between a name and its place is drawn."""
    return {
        "arrowstyle": "-",
        "color": ink(ax),
        "alpha": 0.5,
        "linewidth": 0.6,
        "shrinkA": 1.0,
        "shrinkB": 0.0,
        "relpos": (1.0 if left else 0.0, 0.5),
    }


def spread(wanted, gap, high):
    """Return heights as near as can be to those wanted, a gap or more apart.

    Heights less gaps must not fall, so that the nearest are an isotonic regression.
    """
    from sklearn.isotonic import isotonic_regression

    order = np.argsort(wanted, kind="stable")
    steps = gap * np.arange(order.size)
    low, top = 0.5 * gap, max(0.5 * gap, high - 0.5 * gap - steps[-1])
    places = np.empty(order.size)
    places[order] = steps + isotonic_regression(
        wanted[order] - steps, y_min=low, y_max=top
    )
    return places


def name_points(ax, places, labels, order, most=MOST_POINTS, marks=None, sure=0):
    """Name points in this order as far as there is room, and return how many.

    Parameters
    ----------
    ax : Axes
        With everything else drawn, and limits set.
    places : array of shape (n_points, 2)
    labels : sequence
    order : sequence of int
        Points to be named, the most important first.
    most : int
        Names at most.
    marks : array of shape (n_marks, 2), default=None
        Everything that a name should not hide; the points, if nothing else is said.
    sure : int
        Names that are wanted even if they hide marks: the first in the order.
    """
    from matplotlib.patheffects import withStroke

    lay_out(ax)
    # Names stay legible where they cross a line or a mark.
    halo = [withStroke(linewidth=2.0, foreground=ax.get_facecolor())]
    legend = ax.get_legend()
    taken = [text.get_window_extent() for text in ax.texts]
    taken += [] if legend is None else [legend.get_window_extent()]
    marks = ax.transData.transform(places if marks is None else marks)
    sure = len(labels) if len(labels) <= most else sure
    named = 0
    for position, point in enumerate(order):
        if named == most:
            break
        hidden = len(marks) if position < sure else 0
        name = ax.annotate(
            shorten(labels[point]),
            xy=places[point],
            xytext=(0, 0),
            textcoords="offset points",
            fontsize=min(text_size(), 9.0),
            parse_math=False,
            path_effects=halo,
        )
        box = stand(name, ax, taken, marks, hidden)
        if box is None:
            name.remove()
            continue
        taken.append(box)
        named += 1
    return named


def stand(name, ax, taken, marks, hidden):
    """Put a name where it hides fewest marks, and return its box, or None.

    Names do not leave the axes or touch boxes that are taken.
    """
    frame = ax.get_window_extent()
    own = ax.transData.transform(name.xy)
    others = marks[np.abs(marks - own).max(axis=1) > 1.0]
    best, found = hidden + 1, None
    for place in PLACES:
        box = put(name, place).padded(AIR)
        inside = frame.x0 <= box.x0 and box.x1 <= frame.x1
        inside = inside and frame.y0 <= box.y0 and box.y1 <= frame.y1
        if not inside or any(box.overlaps(other) for other in taken):
            continue
        within = (others >= box.min - AIR) & (others <= box.max + AIR)
        n_hidden = int(within.all(axis=1).sum())
        if n_hidden < best:
            best, found = n_hidden, place
    return None if found is None else put(name, found).padded(AIR)


def put(name, place):
    """Move a name to one of its places, and return the box it fills there."""
    offset, across, along = place
    name.set_position(offset)
    name.set_ha(across)
    name.set_va(along)
    return name.get_window_extent()


def write_cells(ax, image, form):
    """Write the numbers of a heat map into its cells if all of them have room.

    Cells without a number, which are masked, stay empty.
    """
    lay_out(ax)
    numbers = np.ma.masked_invalid(image.get_array())
    texts = {
        at: form(n).replace("-", "\N{MINUS SIGN}")
        for at, n in np.ma.ndenumerate(numbers)
    }
    size, across = 0.9 * text_size(), ax.get_window_extent().width / ax.figure.dpi
    width = 72.0 * across / numbers.shape[1]
    longest = max(map(len, texts.values()), default=0)
    if width < 0.75 * size * (longest + 1) or points_apart(ax) < LINE * size:
        return
    for (row, column), text in texts.items():
        ax.text(
            column,
            row,
            text,
            color=cell_ink(image, numbers[row, column]),
            fontsize=size,
            ha="center",
            va="center",
        )


def show_legend(ax, *, outside, title=None):
    """Add a legend: above axes that have their figure for themselves, else inside.

    Names are shown as they are, whatever signs are in them.
    """
    handles, labels = ax.get_legend_handles_labels()
    if outside:
        longest = max(map(len, labels), default=1)
        legend = ax.figure.legend(
            handles,
            labels,
            loc="outside upper left",
            ncols=int(np.clip(LEGEND_WIDTH // (longest + 6), 1, 3)),
            title=title,
            alignment="left",
            frameon=False,
        )
    else:
        legend = ax.legend(title=title, fontsize="small")
    for text in legend.get_texts():
        text.set_parse_math(False)
    return legend
