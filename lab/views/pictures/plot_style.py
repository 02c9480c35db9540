"""The style of all pictures: fonts, time axes, texts that fit, and the visual language on paper.

What colours, signs and hatches mean stands in :mod:`lab.views.visual_language`; here they become
what matplotlib calls them. Nothing depends on colour alone: hatches, line styles and markers show
the same in print.
"""

from __future__ import annotations

import base64
import io
import logging
import math
import os
import unicodedata
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from xml.sax.saxutils import escape, quoteattr

from lab.quantities import TIME_STEPS, hours_minutes_seconds
from lab.runtime.escaping import visible, visible_lines
from lab.runtime.extras import required
from lab.views import visual_language
from lab.views.pictures.fonts import fonts_for, tell_missing

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text


def colour(name: str) -> str:
    """Return a colour of the visual language as it is on white paper."""
    return visual_language.COLOURS[name].light


def tint(name: str, share: float = 0.45) -> str:
    """Return a colour of the visual language that is thinned with white, for areas."""
    own = colour(name)
    parts = (int(own[n : n + 2], 16) for n in (1, 3, 5))
    return "#" + "".join(f"{round(255 * (1 - share) + share * part):02x}" for part in parts)


SERIES: Final = tuple(each.light for each in visual_language.SERIES)
"""Colours of things that only have to be told apart."""

BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK, BROWN = SERIES
YELLOW: Final = colour("relay")
GREY: Final = colour("quiet")
PALE: Final = colour("faint")
LINE: Final = colour("line")
EDGE: Final = colour("edge")

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
    "grid.color": EDGE,
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


@contextmanager
def missing_glyphs_ignored() -> Iterator[None]:
    """Draw letters that no font has as boxes, without a warning, within a ``with`` statement.

    Nor is it reported that a font of another script is not there in bold.
    """
    log = logging.getLogger("matplotlib.font_manager")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        log.addFilter(_is_no_lack_of_bold)
        try:
            yield
        finally:
            log.removeFilter(_is_no_lack_of_bold)


def _is_no_lack_of_bold(record: logging.LogRecord) -> bool:
    return "Failed to find font weight" not in record.getMessage()


@contextmanager
def styled(ax: Axes | None = None) -> Iterator[None]:
    """Draw in the style of the lab, within a ``with`` statement; ``ax`` is drawn on, if given.

    Raises TypeError for anything but matplotlib Axes.
    """
    required("matplotlib", "this picture requires")
    import matplotlib

    if ax is not None and not hasattr(ax, "get_figure"):
        raise TypeError(f"ax must be matplotlib Axes, not {ax!r}")

    with matplotlib.rc_context(RC), missing_glyphs_ignored():
        yield
        if ax is not None:
            make_texts_visible(ax)
        interactive = matplotlib.is_interactive()
    # a notebook's backend turns this on when the first figure is made; off again, no later figure
    # would be shown
    matplotlib.interactive(interactive)


def make_texts_visible(artist: Artist) -> None:
    """Put escapes in the place of control characters in all texts and ids of a figure or Axes.

    Texts with letters of other scripts get fonts that have them.
    """
    from matplotlib.text import Text

    texts = []
    for part in artist.findobj():
        if isinstance(part, Text):
            if not part.get_text().isprintable():
                part.set_text(visible_lines(part.get_text()))
            fonts = fonts_for(part.get_text())
            if len(fonts) > 1:
                texts.append(part.get_text())
                part.set_fontfamily(fonts)
                _find(fonts, part)
        if (name := part.get_gid()) is not None:
            part.set_gid(visible(name))
    tell_missing(texts)


def _find(fonts: Sequence[str], text: Text) -> None:
    """Have matplotlib find the fonts of a text: it keeps what it found, and reports nothing."""
    from matplotlib.font_manager import findfont

    with missing_glyphs_ignored():
        for name in fonts:
            wanted = text.get_fontproperties().copy()
            wanted.set_family(name)
            findfont(wanted)


def save_described(
    save: Callable[..., None], file: Any, text: str, options: dict[str, Any]
) -> None:
    """Save a figure with a text alternative, as PNG, SVG or PDF have it; others go without.

    SVG and PDF are the same bytes each time: they have no date, and names that follow from what is
    drawn.
    """
    import matplotlib as mpl

    name = str(file) if isinstance(file, (str, os.PathLike)) else ""
    kind = str(options.get("format") or Path(name).suffix[1:] or "png")
    title = text.partition(".")[0]
    words = {"png": {"Title": title, "Description": text}, "pdf": {"Title": title, "Subject": text}}
    dateless = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
    own = {**dateless.get(kind, {}), **(words.get(kind, {}) if text else {})}
    if own:
        options = {**options, "metadata": {**own, **(options.get("metadata") or {})}}
    with mpl.rc_context({"svg.hashsalt": "lab"}):
        if not text or kind != "svg":
            save(file, **options)
            return
        drawn = io.StringIO()
        save(drawn, **{**options, "format": "svg"})
    svg = described_svg(drawn.getvalue(), title, text)
    if name:
        Path(file).write_text(svg, encoding="utf-8")
    elif isinstance(file, io.TextIOBase):
        file.write(svg)
    else:
        file.write(svg.encode("utf-8"))


def described_svg(svg: str, title: str, text: str) -> str:
    """Return an SVG with a title and a description, which screen readers read aloud."""
    head, begin, rest = svg.partition("<svg")
    tag, end, rest = rest.partition(">")
    words = f"<title>{escape(visible(title))}</title><desc>{escape(visible(text))}</desc>"
    label = quoteattr(visible(text))
    return f'{head}{begin} role="img" aria-label={label}{tag}{end}\n{words}{rest}'


@cache
def _figure_class() -> type[Figure]:
    from matplotlib.figure import Figure

    class Shown(Figure):
        """A figure whose texts are made visible before they are drawn."""

        lab_alternative: Callable[[], str] | None = None

        def draw(self, renderer: Any) -> None:
            make_texts_visible(self)
            with missing_glyphs_ignored():
                super().draw(renderer)

        def savefig(self, fname: Any, **options: Any) -> None:
            """Write the figure to a file, with its text alternative."""
            text = "" if self.lab_alternative is None else self.lab_alternative()
            save_described(super().savefig, fname, text, options)

        def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, str], dict[str, Any]]:
            """Return the figure as a notebook shows it, with its text alternative."""
            file = io.BytesIO()
            self.savefig(file, format="png", bbox_inches="tight")
            coded = base64.b64encode(file.getvalue()).decode("ascii")
            if self.lab_alternative is None:
                return {"image/png": coded}, {}
            text = visible(self.lab_alternative())
            # a page that is made of a notebook takes the alternative from HTML alone
            image = f'<img src="data:image/png;base64,{coded}" alt={quoteattr(text)}>'
            return {"image/png": coded, "text/html": image}, {"image/png": {"alt": text}}

    return Shown


def sign_look(sign: visual_language.Sign, size: float = 9) -> dict[str, Any]:
    """Return a sign as matplotlib draws it: its marker, ``size`` points large, and its colours."""
    own = colour(sign.colour)
    marker = sign.marker or [(x, -y) for x, y in (*sign.points, sign.points[0])]
    look: dict[str, Any] = {"mfc": own, "mec": colour("ink"), "mew": 0.9}
    if not sign.is_full:
        look = {"mfc": colour("panel"), "mec": own, "mew": 2.0}
    return {"marker": marker, "ms": size if sign.marker else size * 1.4, **look}


def stroke_look(name: str) -> dict[str, Any]:
    """Return how a crossing (a key of CROSSINGS) is drawn as a line of matplotlib."""
    stroke = visual_language.CROSSINGS[name]
    dashes = (0, stroke.dashes) if stroke.dashes else "-"
    return {"color": colour(stroke.colour), "lw": stroke.width, "ls": dashes}


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
    last = len(text) - (width - 1 - head)
    # a letter keeps its marks, and a sign made of several characters is not cut within
    begin = next((n for n in range(head, -1, -1) if not _continues(text, n)), 0)
    end = next((n for n in range(last, len(text)) if not _continues(text, n)), len(text))
    if head - begin > _MOST_MARKS or end - last > _MOST_MARKS:
        return f"{text[:head]}…{text[last:]}"
    return f"{text[:begin]}…{text[end:]}"


_MOST_MARKS: Final = 8
"""The most characters that a letter or sign keeps with it; a text with more is only cut."""

_LONGEST: Final = 250
"""The most characters of a text that is cut to the room there is."""

_JOINER: Final = "\u200d"


def _continues(text: str, n: int) -> bool:
    """Return whether a character belongs to the one before it: a mark, a joiner, a skin tone."""
    if n == 0 or n == len(text) or text[n].isascii():
        return False
    joins = _JOINER in text[n - 1 : n + 1] or "\U0001f3fb" <= text[n] <= "\U0001f3ff"
    return joins or unicodedata.category(text[n]) in ("Mn", "Mc", "Me")


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
    step = time_step(span, 10)
    ax.set_xlim(first - span * 0.005, last + span * 0.02)
    ax.xaxis.set_major_locator(MultipleLocator(step))
    if 60 <= size < 86400:  # as clocks show it, and all other words of the picture
        name = "h:min:s"
        digits = 0 if step >= 1 else 1
        ax.xaxis.set_major_formatter(
            FuncFormatter(lambda t, _: hours_minutes_seconds(max(t, 0.0), digits))
        )
    else:
        ax.xaxis.set_major_formatter(FuncFormatter(lambda t, _: f"{t / size:.6g}"))
    ax.set_xlabel(f"{label} ({name})")


def text_width(text: str, points: float, weight: str = "normal") -> float:
    """Return how wide a text is drawn, in points."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(family=fonts_for(text), size=points, weight=weight)
    with missing_glyphs_ignored() if not text.isascii() else nullcontext():
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
    text = shorten(text, _LONGEST)  # marks take no room, and there may be thousands
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
