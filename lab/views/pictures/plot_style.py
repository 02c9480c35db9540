"""The one style sheet: what every plot of the lab shares in colour, hatch, marker and time axis.

Colours are those of Okabe and Ito, which people with any of the common kinds of colour blindness
tell apart. Nothing is told by colour alone: hatches, line styles and markers say the same in print.
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

from lab.quantities import TIME_STEPS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

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
"""Fill of the first, second ... hop's transmission; from the seventh on they begin again."""

LINES: Final = ("-", (0, (5, 2)), (0, (1.2, 1.6)), (0, (5, 1.6, 1.2, 1.6)), (0, (9, 3)))
"""Line styles of the environments, in the order of the topology file."""

LINE_COLOURS: Final = (GREY, BLUE, VERMILION, GREEN, PURPLE)

RC: Final[dict[Any, Any]] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib: the same picture everywhere
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
    "text.parse_math": False,  # a dollar sign in a name is no formula
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
}

_off_screen: ContextVar[bool] = ContextVar("off_screen", default=False)


@contextmanager
def off_screen() -> Iterator[None]:
    """A stretch of code in which new figures belong to no window and to no notebook's cell."""
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
    """The font of all pictures, and those of this machine for what it has no letters for."""
    from matplotlib.font_manager import fontManager

    there = set(fontManager.get_font_names())
    return ["DejaVu Sans", *(name for name in _OF_OTHER_SCRIPTS if name in there)]


@contextmanager
def no_word_of_glyphs() -> Iterator[None]:
    """A stretch of code in which letters that no font has are drawn as boxes, and no more said."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


@contextmanager
def sheet() -> Iterator[None]:
    """A stretch of code in which what is drawn follows the style sheet."""
    import matplotlib

    with matplotlib.rc_context({**RC, "font.sans-serif": _fonts()}), no_word_of_glyphs():
        yield
        interactive = matplotlib.is_interactive()
    # a notebook's backend sets this when the first figure is made; put back, no later figure shows
    matplotlib.interactive(interactive)


def new_axes(width: float, height: float) -> Axes:
    """An empty Axes on a figure of its own; width and height are in inches."""
    if _off_screen.get():
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(figsize=(width, height))
        FigureCanvasAgg(figure)
    else:
        from matplotlib import pyplot

        figure = pyplot.figure(figsize=(width, height))
    return figure.add_subplot()


def shorten(text: str, width: int) -> str:
    """The text in at most ``width`` characters, cut in the middle, where names differ least."""
    if len(text) <= width:
        return text
    head = math.ceil((width - 1) / 2)
    tail = width - 1 - head
    return f"{text[:head]}…{text[len(text) - tail :]}"


def time_step(span: float, ticks: int) -> float:
    """The round number of seconds that cuts a span into at most that many pieces."""
    return next((step for step in TIME_STEPS if span / step <= ticks), TIME_STEPS[-1])


def time_unit(span: float) -> tuple[float, str]:
    """The unit that suits a span of time: its length in seconds, and its name."""
    for size, name in ((86400.0, "days"), (3600.0, "hours"), (60.0, "minutes")):
        if span >= 3 * size:
            return size, name
    return (1.0, "seconds") if span >= 0.5 else (1e-3, "milliseconds")


def time_axis(ax: Axes, first: float, last: float, *, label: str = "simulated time") -> None:
    """Scale the x axis, whose data are seconds, to a span and to the unit that suits it."""
    from matplotlib.ticker import FuncFormatter, MultipleLocator

    span = max(last - first, 1e-6)
    size, name = time_unit(last)
    ax.set_xlim(first - span * 0.005, last + span * 0.02)
    ax.xaxis.set_major_locator(MultipleLocator(time_step(span, 10)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda t, _: f"{t / size:.6g}"))
    ax.set_xlabel(f"{label} ({name})")


def text_width(text: str, points: float, weight: str = "normal") -> float:
    """How wide a text is drawn, in points."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(family="DejaVu Sans", size=points, weight=weight)
    return float(text_to_path.get_text_width_height_descent(text, font, False)[0])


def legend_columns(
    names: Sequence[str], room: float, most: int, *, points: float = 9, handle: float = 3.0
) -> int:
    """In how many columns a legend fits into ``room`` points, filled column by column."""
    widths = [text_width(name, points) + (handle + 0.8 + 2.0) * points for name in names]
    for columns in range(min(most, len(names)), 1, -1):
        long, extra = divmod(len(names), columns)
        ends = [long * n + min(n, extra) for n in range(columns + 1)]
        if sum(max(widths[a:b], default=0) for a, b in pairwise(ends)) <= room:
            return columns
    return 1


def fitted(text: str, room: float, points: float, weight: str = "normal") -> str:
    """A text cut in the middle until it is no wider than ``room`` points."""
    wide = text_width(text, points, weight)
    most = len(text)
    while wide > room and most > 4:
        most = max(4, min(most - 1, int(most * room / wide)))
        wide = text_width(shorten(text, most), points, weight)
    return shorten(text, most)


def fitted_title(ax: Axes, text: str) -> str:
    """A title cut so that it ends within the figure, by where its axes begin now."""
    left = float(ax.get_window_extent().x0)
    room = (float(ax.figure.bbox.width) - left) * 72 / float(ax.figure.dpi) - 10
    return fitted(text, max(room, 60.0), 13, "bold")
