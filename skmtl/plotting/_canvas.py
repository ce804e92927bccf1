"""Axes to draw in, and colours that hold in grey, for everyone, on any background."""

import numpy as np

# Parts of matplotlib's map "plasma", whose lightness grows evenly: colours differ in
# grey and for the colour-blind. At these ends they have a contrast of three to one or
# more with a white background, and with a black one.
ON_LIGHT, ON_DARK = (0.0, 0.6), (0.45, 0.95)
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
# Inches of a figure for what is not a row of names, and for each row.
FRAME, ROW, LOWEST, HIGHEST = 1.4, 0.2, 3.2, 9.0
MARKERS = "oDs^vPX<>"
MANY = 20


class Display:
    """What all displays have in common."""

    def _open(self, ax, n_rows=0, width=7.0):
        """Set and return the axes to draw in: new ones if there are none."""
        plt = import_pyplot(type(self).__name__)
        # Only in a figure of its own is there room for a legend beside the axes.
        self._outside = False
        if ax is None:
            height = np.clip(FRAME + ROW * n_rows, LOWEST, HIGHEST)
            _, ax = plt.subplots(figsize=(width, height), layout="constrained")
            self._outside = True
        self.ax_, self.figure_ = ax, ax.figure
        return ax


def import_pyplot(display):
    """Return ``matplotlib.pyplot``, or say how to get it."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            f"{display} draws with matplotlib, which is not installed: "
            "pip install 'skmtl[plot]' installs it."
        ) from error
    return plt


def ink(ax):
    """Return the colour of text in these axes, which any style makes readable."""
    return ax.xaxis.label.get_color()


def is_light(ax):
    """Return whether the background is light, which is where text is dark."""
    from matplotlib.colors import to_rgb

    return bool(LUMINANCE @ to_rgb(ink(ax)) < 0.5)


def series_colours(n, ax):
    """Return colours of `n` series, from that farthest from the background on."""
    from matplotlib import colormaps

    low, high = ON_LIGHT if is_light(ax) else ON_DARK[::-1]
    return colormaps["plasma"](np.linspace(low, high, n))


def accent(ax):
    """Return the colour of what is to be seen among much that is not."""
    return series_colours(2, ax)[1]


def strength_map(ax):
    """Return a colour map for amounts: the more, the farther from the background."""
    return "cividis_r" if is_light(ax) else "cividis"


def cell_ink(image, value):
    """Return a colour for text on a cell of an image that shows this value."""
    rgb = np.array(image.cmap(image.norm(value)))[:3]
    return "black" if LUMINANCE @ rgb > 0.5 else "white"


def quiet(ax):
    """Take away the lines of the frame that carry no scale."""
    ax.spines[["top", "right"]].set_visible(False)


def log_scale(ax, which):
    """Make an axis logarithmic, with numbers as people write them."""
    from matplotlib.ticker import LogLocator

    ax.set(**{f"{which}scale": "log"})
    axis = getattr(ax, f"{which}axis")
    low, high = axis.get_view_interval()
    # Ticks at 1, 2, 5, 10, 20, ... where no more than two decades are seen.
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 100 * low else (1,)))
    write_plainly(axis)


def write_plainly(axis):
    """Write the numbers of a logarithmic axis as people do, not as powers of ten."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.6g}"))
    axis.set_minor_formatter(NullFormatter())
