"""The style of all pictures: colours, hatches, fonts, time axes, and texts that fit.

Colours are those of Okabe and Ito, which people with any of the common kinds of colour blindness
can tell apart. Nothing depends on colour alone: hatches, line styles and markers show the same in
print.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from lab.escaping import visible, visible_lines
from lab.quantities import TIME_STEPS

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLACK: Final = "#000000"
ORANGE: Final = "#E69F00"
SKY: Final = "#56B4E9"
GREEN: Final = "#009E73"
YELLOW: Final = "#F0E442"
BLUE: Final = "#0072B2"
VERMILION: Final = "#D55E00"
PURPLE: Final = "#CC79A7"
GREY: Final = "#6B6B6B"
PALE: Final = "#ECECEC"

HOPS: Final = (BLUE, ORANGE, GREEN, PURPLE, SKY, YELLOW)
"""Colours of the first, second ... hop of a message; the seventh has the first again."""

LINES: Final = ("-", (0, (5, 2)), (0, (1.2, 1.6)), (0, (5, 1.6, 1.2, 1.6)), (0, (9, 3)))
"""Line styles of the environments, in the order of the topology file."""

LINE_COLOURS: Final = (GREY, BLUE, VERMILION, GREEN, PURPLE)

RC: Final[dict[Any, Any]] = {
    "font.family": "sans-serif",
    "font.sans-serif": [
        "DejaVu Sans"
    ],  # comes with matplotlib, so that pictures are the same everywhere
    "font.size": 10,
    "axes.titlesize": 13,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.labelsize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": False,
    "axes.facecolor": "white",
    "figure.facecolor": "white",
    "figure.dpi": 100,
    "savefig.dpi": 100,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.7,
    "hatch.linewidth": 0.6,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "text.parse_math": False,  # a dollar sign in a name does not begin a formula
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
}

_off_screen: ContextVar[bool] = ContextVar("off_screen", default=False)


@contextmanager
def off_screen() -> Iterator[None]:
    """Make new figures without a window or a notebook's cell, within a ``with`` statement."""
    token = _off_screen.set(True)
    try:
        yield
    finally:
        _off_screen.reset(token)


_OF_OTHER_SCRIPTS: Final = (
    "Noto Sans CJK JP", "Noto Sans CJK SC", "Noto Sans", "WenQuanYi Zen Hei", "Droid Sans Fallback",
    "Hiragino Sans", "Yu Gothic", "Microsoft YaHei", "Arial Unicode MS",
)  # fmt: skip


@cache
def _fonts() -> list[str]:
    """Return the font of all pictures, and fonts of this machine for letters that it lacks."""
    from matplotlib.font_manager import fontManager

    installed = set(fontManager.get_font_names())
    return ["DejaVu Sans", *(name for name in _OF_OTHER_SCRIPTS if name in installed)]


@contextmanager
def missing_glyphs_ignored() -> Iterator[None]:
    """Draw letters that no font has as boxes, without a warning, within a ``with`` statement."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


@contextmanager
def styled(ax: Axes | None = None) -> Iterator[None]:
    """Draw in the style of the lab, within a ``with`` statement; ``ax`` is drawn on, if given.

    Raises TypeError for anything but matplotlib Axes.
    """
    import matplotlib

    if ax is not None and not hasattr(ax, "get_figure"):
        raise TypeError(f"ax must be matplotlib Axes, not {ax!r}")

    with matplotlib.rc_context({**RC, "font.sans-serif": _fonts()}), missing_glyphs_ignored():
        yield
        if ax is not None:
            make_texts_visible(ax)
        interactive = matplotlib.is_interactive()
    # a notebook's backend turns this on when the first figure is made; off again, no later figure
    # would be shown
    matplotlib.interactive(interactive)


def make_texts_visible(artist: Artist) -> None:
    """Put escapes in the place of control characters in all texts and ids of a figure or Axes."""
    from matplotlib.text import Text

    for one in artist.findobj():
        if isinstance(one, Text) and not one.get_text().isprintable():
            one.set_text(visible_lines(one.get_text()))
        if (name := one.get_gid()) is not None:
            one.set_gid(visible(name))


@cache
def _figure_class() -> type[Figure]:
    from matplotlib.figure import Figure

    class Shown(Figure):
        """A figure whose texts are made visible before they are drawn."""

        def draw(self, renderer: Any) -> None:
            make_texts_visible(self)
            super().draw(renderer)

    return Shown


def new_axes(width: float, height: float) -> Axes:
    """Return an empty Axes on a figure of its own; width and height are in inches."""
    if _off_screen.get():
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        figure = _figure_class()(figsize=(width, height))
        FigureCanvasAgg(figure)
    else:
        from matplotlib import pyplot

        figure = pyplot.figure(figsize=(width, height), FigureClass=_figure_class())
    return figure.add_subplot()


def shorten(text: str, width: int) -> str:
    """Cut a text to ``width`` characters in the middle, where names differ least."""
    if len(text) <= width:
        return text
    head = math.ceil((width - 1) / 2)
    tail = width - 1 - head
    return f"{text[:head]}…{text[len(text) - tail :]}"


def time_step(span: float, ticks: int) -> float:
    """Return the round number of seconds that cuts a span into at most that many pieces."""
    return next((step for step in TIME_STEPS if span / step <= ticks), TIME_STEPS[-1])


def time_unit(span: float) -> tuple[float, str]:
    """Return the unit that suits a span of time: its length in seconds, and its name."""
    for size, name in ((86400.0, "days"), (3600.0, "hours"), (60.0, "minutes")):
        if span >= 3 * size:
            return size, name
    return (1.0, "seconds") if span >= 0.5 else (1e-3, "milliseconds")


def time_axis(ax: Axes, first: float, last: float, *, label: str = "simulated time") -> None:
    """Set the x axis, whose data are seconds, to a span and to the unit that suits it."""
    from matplotlib.ticker import FuncFormatter, MultipleLocator

    span = max(last - first, 1e-6)
    size, name = time_unit(last)
    ax.set_xlim(first - span * 0.005, last + span * 0.02)
    ax.xaxis.set_major_locator(MultipleLocator(time_step(span, 10)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda t, _: f"{t / size:.6g}"))
    ax.set_xlabel(f"{label} ({name})")


def text_width(text: str, points: float, weight: str = "normal") -> float:
    """Return how wide a text is drawn, in points."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(family="DejaVu Sans", size=points, weight=weight)
    return float(text_to_path.get_text_width_height_descent(text, font, False)[0])


def legend_columns(
    names: Sequence[str], room: float, most: int, *, points: float = 9, handle: float = 3.0
) -> int:
    """Return in how many columns a legend fits into ``room`` points, filled column by column."""
    widths = [text_width(name, points) + (handle + 0.8 + 2.0) * points for name in names]
    for columns in range(min(most, len(names)), 1, -1):
        long, extra = divmod(len(names), columns)
        ends = [long * n + min(n, extra) for n in range(columns + 1)]
        if sum(max(widths[a:b], default=0) for a, b in pairwise(ends)) <= room:
            return columns
    return 1


def fitted(text: str, room: float, points: float, weight: str = "normal") -> str:
    """Return a text cut in the middle until it is no wider than ``room`` points."""
    wide = text_width(text, points, weight)
    most = len(text)
    while wide > room and most > 4:
        most = max(4, min(most - 1, int(most * room / wide)))
        wide = text_width(shorten(text, most), points, weight)
    return shorten(text, most)


def fitted_title(ax: Axes, text: str) -> str:
    """Return a title cut so that it ends within the figure; its axes must be in place."""
    left = float(ax.get_window_extent().x0)
    room = (float(ax.figure.bbox.width) - left) * 72 / float(ax.figure.dpi) - 10
    return fitted(text, max(room, 60.0), 13, "bold")
