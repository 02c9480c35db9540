"""Pictures for pages: SVG whose colours follow the reader's choice of light or dark."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from markupsafe import Markup

from lab import views
from lab.analysis import map_layout
from lab.runtime.extras import is_installed
from lab.trace.trace import Trace
from lab.views.plain.drawing import Drawing
from lab.views.visual_language import COLOURS, HOSTS

_WIDTH: Final = 360.0
_HEIGHT: Final = 190.0
_EDGE: Final = 24.0

_HEX: Final = re.compile(r"#[0-9a-f]{6}\b")
_PURE: Final = {"#000000": "ink", "#ffffff": "panel"}
"""What a library draws in pure black and white, and the colour that is meant.

Letters without a colour are black as well.
"""


def themed(svg: str) -> str:
    """Return an SVG drawn for light paper with the dark colours of the visual language beside.

    Colours that the language does not have stay as they are.
    """
    used = set[str]()
    by_light = {colour.light: name for name, colour in reversed(COLOURS.items())} | _PURE

    def replaced(match: re.Match[str]) -> str:
        name = by_light.get(match[0])
        if name is None:
            return match[0]
        used.add(name)
        return f"var(--{name})"

    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)  # the time of drawing
    svg = re.sub(r"<\?xml.*?\?>|<!DOCTYPE[^>]*>", "", svg).lstrip()
    svg = _HEX.sub(replaced, svg)
    used.add("ink")
    light = "".join(f"--{name}:{COLOURS[name].light};" for name in sorted(used))
    dark = "".join(f"--{name}:{COLOURS[name].dark};" for name in sorted(used))
    style = f":root{{{light}fill:var(--ink)}}@media (prefers-color-scheme:dark){{:root{{{dark}}}}}"
    return re.sub(r"(<svg\b[^>]*>)", rf"\1<style>{style}</style>", svg, count=1)


def small_map(trace: Trace) -> str:
    """Return the map of a run as a small SVG without words, for a list of many."""
    hosts, links = list(trace.meta.get("hosts", ())), list(trace.meta.get("links", ()))
    drawing = Drawing(_WIDTH, _HEIGHT, str(trace.meta.get("title", "")))
    spots = {
        str(host["name"]): (
            _EDGE + float(x) * (_WIDTH - 2 * _EDGE), _EDGE + (1 - float(y)) * (_HEIGHT - 2 * _EDGE)
        )
        for host, (x, y) in zip(hosts, map_layout.places(hosts, links), strict=True)
    }  # fmt: skip
    for link in links:
        drawing.line(spots[str(link["a"])], spots[str(link["b"])], width=1.5)
    size = 8.0 if len(hosts) <= 12 else 5.0 if len(hosts) <= 60 else 2.5
    for host in hosts:
        drawing.sign(HOSTS[map_layout.kind_of(host)], *spots[str(host["name"])], size)
    return themed(drawing.svg())


@contextmanager
def same_each_time() -> Iterator[None]:
    """Draw so that the same picture is the same file: matplotlib's names of shapes are random."""
    if not is_installed("matplotlib"):
        yield
        return
    import matplotlib as mpl

    with mpl.rc_context({"svg.hashsalt": "smtp-lab"}):
        yield


def full_map(trace: Trace) -> str:
    """Return the map of a run with names and traffic, as SVG."""
    with tempfile.TemporaryDirectory() as folder, same_each_time():
        path = Path(folder) / "map.svg"
        views.save(trace, "map", path)
        return themed(path.read_text(encoding="utf-8"))


def words_of(svg: str) -> Markup:
    """Return the text alternative that an SVG has, or its title."""
    match = re.search(r'aria-label="([^"]+)"', svg) or re.search(r"<title>([^<]*)</title>", svg)
    return Markup(match[1] if match is not None else "")
