"""The pictures of a run where matplotlib is not installed; :data:`PICTURES` has their kinds.

They mean the same as those of :mod:`lab.views.pictures`, in the same visual language, and are
plainer. SVG needs nothing; PNG needs Pillow.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from lab.analysis.alternatives import alternative
from lab.analysis.wrongs import wrongs
from lab.views.plain.ladder import ladder
from lab.views.plain.latency import latency
from lab.views.plain.map import network_map
from lab.views.plain.queues import queues
from lab.views.plain.shown import Shown, image, show
from lab.views.plain.states import states
from lab.views.plain.timeline import timeline
from lab.views.visual_language import BROKEN

if TYPE_CHECKING:
    from lab.trace.trace import Trace
    from lab.views.plain.drawing import Drawing

PICTURES: Final[dict[str, Callable[..., Drawing]]] = {
    "ladder": ladder, "latency": latency, "map": network_map, "queues": queues, "states": states,
    "timeline": timeline,
}  # fmt: skip
"""The kinds of picture that need no matplotlib."""

ENDINGS: Final = (".svg", ".png")
"""The endings of the files that need no matplotlib."""


def ending(path: str | Path | IO[bytes]) -> str:
    """Return the ending of a file's name, which says its format; an open file gets a PNG."""
    return Path(path).suffix.lower() if isinstance(path, (str, Path)) else ".png"


def drawn(trace: Trace, kind: str, **options: object) -> Drawing:
    """Return a picture, with what went wrong; options that it does not have are left out."""
    known = signature(PICTURES[kind]).parameters
    shown = {name: value for name, value in options.items() if name in known}
    drawing = PICTURES[kind](trace, **shown)
    problems, unlisted = wrongs(trace).first_sentences()
    drawing.put_above([f"{BROKEN.glyph} {line}" for line in problems] + unlisted)
    return drawing


def shown(trace: Trace, kind: str, **options: object) -> Shown:
    """Show a picture in a notebook's cell, and return what was shown."""
    return show(drawn(trace, kind, **options), alternative(trace, kind))


def as_html(trace: Trace, kind: str) -> str:
    """Return a picture as an image for a page."""
    return image(drawn(trace, kind).svg(), alternative(trace, kind))


def save(trace: Trace, kind: str, path: str | Path | IO[bytes], **options: object) -> None:
    """Draw a picture into an SVG or PNG file."""
    drawing = drawn(trace, kind, **options)
    if ending(path) == ".svg" and isinstance(path, (str, Path)):
        Path(path).write_text(drawing.svg(), encoding="utf-8")
    else:
        drawing.write_png(path)
