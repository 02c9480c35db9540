"""Lines, outlines and texts on paper, as SVG or PNG; one unit is a pixel of the PNG."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Sequence
from functools import cache
from itertools import accumulate, cycle, pairwise
from math import cos, hypot, pi, sin
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

from lab.runtime.escaping import visible
from lab.views.visual_language import COLOURS, Sign

Point = tuple[float, float]

_SHARPER: Final = 2
"""How many dots a PNG is drawn with in place of each of its pixels, in each direction."""

_LARGE: Final = 6_000_000
"""Pixels from which on it is drawn with one."""

_LETTER: Final = 0.61
"""The width of a letter as a share of its size, on average."""

_CORNERS: Final = 24
"""Corners of a circle."""


class _Outline(NamedTuple):
    """A line through points, or an area if it is closed."""

    points: tuple[Point, ...]
    fill: str
    edge: str
    width: float
    dashes: tuple[float, ...]
    is_closed: bool

    def lower_by(self, room: float) -> _Outline:
        """Return the same, farther down."""
        return self._replace(points=tuple((x, y + room) for x, y in self.points))


class _Text(NamedTuple):
    """A text; its anchor is "start", "middle" or "end", at x and on the line at y."""

    x: float
    y: float
    text: str
    size: float
    colour: str
    anchor: str
    is_bold: bool

    def lower_by(self, room: float) -> _Text:
        """Return the same, farther down."""
        return self._replace(y=self.y + room)


def colour(name: str) -> str:
    """Return a colour of the visual language for light paper; other texts are colours already."""
    return COLOURS[name].light if name in COLOURS else name


def wide(text: str, size: float) -> float:
    """Return about how wide a text is."""
    return len(text) * size * _LETTER


def fitted(text: str, room: float, size: float) -> str:
    """Return a text cut in the middle to fit into some room."""
    most = max(4, int(room / (size * _LETTER)))
    if len(text) <= most:
        return text
    head = most // 2
    return f"{text[:head]}…{text[len(text) - (most - 1 - head) :]}"


class Drawing:
    """What is drawn, from the back to the front."""

    def __init__(self, width: float, height: float, title: str) -> None:
        self.width, self.height, self.title = width, height, visible(title)
        self._shapes: list[_Outline | _Text] = []

    def line(
        self, *points: Point, ink: str = "line", width: float = 1.0, dashes: Sequence[float] = ()
    ) -> None:
        """Draw a line through points."""
        shape = _Outline(points, "none", colour(ink), width, tuple(dashes), is_closed=False)
        self._shapes.append(shape)

    def area(
        self, points: Sequence[Point], fill: str = "none", edge: str = "none", width: float = 1.0
    ) -> None:
        """Draw an area with an edge."""
        shape = _Outline(tuple(points), colour(fill), colour(edge), width, (), is_closed=True)
        self._shapes.append(shape)

    def box(
        self, x: float, y: float, width: float, height: float, fill: str, edge: str = "none"
    ) -> None:
        """Draw a rectangle."""
        corners = ((x, y), (x + width, y), (x + width, y + height), (x, y + height))
        self.area(corners, fill, edge)

    def sign(self, sign: Sign, x: float, y: float, size: float = 6.0) -> None:
        """Draw a sign of the visual language around a point."""
        corners = [(x + a * size / 6, y + b * size / 6) for a, b in sign.points]
        if not corners:
            turns = [2 * pi * n / _CORNERS for n in range(_CORNERS)]
            corners = [(x + size * 0.85 * cos(t), y + size * 0.85 * sin(t)) for t in turns]
        fill, edge = (sign.colour, "ink") if sign.is_full else ("panel", sign.colour)
        self.area(corners, fill, edge, 1.2)

    def arrow(
        self, start: Point, end: Point, ink: str, width: float, dashes: Sequence[float] = ()
    ) -> None:
        """Draw an arrow."""
        self.line(start, end, ink=ink, width=width, dashes=dashes)
        long = hypot(end[0] - start[0], end[1] - start[1]) or 1.0
        dx, dy = (end[0] - start[0]) / long, (end[1] - start[1]) / long
        back = (end[0] - 9 * dx, end[1] - 9 * dy)
        side = (-dy * 3.5, dx * 3.5)
        head = (end, (back[0] + side[0], back[1] + side[1]), (back[0] - side[0], back[1] - side[1]))
        self.area(head, fill=ink)

    def text(
        self, x: float, y: float, text: str, *, size: float = 12.0, ink: str = "ink",
        anchor: str = "start", is_bold: bool = False,
    ) -> None:  # fmt: skip
        """Write a text in one line."""
        self._shapes.append(_Text(x, y, visible(text), size, colour(ink), anchor, is_bold))

    def put_above(self, sentences: Sequence[str]) -> None:
        """Move everything down, and write what must not be overlooked above it."""
        most = int((self.width - 40) / (12 * _LETTER))
        lines = [line for each in sentences for line in textwrap.wrap(each, most)]
        if not lines:
            return
        room = 18.0 * len(lines) + 14
        self._shapes = [shape.lower_by(room) for shape in self._shapes]
        self.height += room
        self.area([(8, 6), (self.width - 8, 6), (self.width - 8, room), (8, room)], edge="lost")
        for number, line in enumerate(lines):
            self.text(20, 22 + 18 * number, line, ink="text-worst", is_bold=True)

    # -- files --------------------------------------------------------------------------------

    def svg(self) -> str:
        """Return the drawing as SVG."""
        size = f'width="{self.width:g}" height="{self.height:g}"'
        view = f'viewBox="0 0 {self.width:g} {self.height:g}"'
        return "\n".join([
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} {view} role="img" '
            'font-family="DejaVu Sans, Verdana, sans-serif">',
            f"<title>{html.escape(self.title)}</title>",
            f'<rect width="100%" height="100%" fill="{colour("panel")}"/>',
            *map(_element, self._shapes),
            "</svg>\n",
        ])  # fmt: skip

    def write_png(self, path: str | Path | IO[bytes]) -> None:
        """Write the drawing as PNG; raises ImportError without Pillow."""
        from PIL import Image, ImageDraw

        size = (round(self.width), round(self.height))
        scale = _SHARPER if self.width * self.height <= _LARGE else 1
        image = Image.new("RGB", (size[0] * scale, size[1] * scale), colour("panel"))
        pen = ImageDraw.Draw(image)
        for shape in self._shapes:
            _draw(pen, shape, scale)
        if scale > 1:
            image = image.resize(size, Image.Resampling.LANCZOS)
        image.save(path, format="PNG")


def _element(shape: _Outline | _Text) -> str:
    if isinstance(shape, _Text):
        bold = ' font-weight="bold"' if shape.is_bold else ""
        return (
            f'<text x="{shape.x:.1f}" y="{shape.y:.1f}" font-size="{shape.size:g}" '
            f'fill="{shape.colour}" text-anchor="{shape.anchor}"{bold}>'
            f"{html.escape(shape.text)}</text>"
        )
    points = "L".join(f"{x:.1f} {y:.1f}" for x, y in shape.points)
    end = "Z" if shape.is_closed else ""
    dashes = " ".join(f"{dash * shape.width:g}" for dash in shape.dashes)
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return (
        f'<path d="M{points}{end}" fill="{shape.fill}" stroke="{shape.edge}" '
        f'stroke-width="{shape.width:g}"{dashed}/>'
    )


def _draw(pen: Any, shape: _Outline | _Text, scale: int) -> None:
    """Draw a shape with Pillow."""
    if isinstance(shape, _Text):
        font = _font(round(shape.size * scale))
        at = (shape.x * scale, shape.y * scale)
        anchor = {"start": "ls", "middle": "ms", "end": "rs"}[shape.anchor]
        heavy = 1 if shape.is_bold else 0
        pen.text(at, shape.text, fill=shape.colour, font=font, anchor=anchor, stroke_width=heavy)
        return
    points = [(x * scale, y * scale) for x, y in shape.points]
    width = max(1, round(shape.width * scale))
    if shape.is_closed:
        fill, edge = (None if name == "none" else name for name in (shape.fill, shape.edge))
        pen.polygon(points, fill=fill)
        if edge is not None:
            pen.line([*points, points[0]], fill=edge, width=width, joint="curve")
    elif shape.dashes:
        for piece in _dashes(points, [dash * width for dash in shape.dashes]):
            pen.line(piece, fill=shape.edge, width=width)
    else:
        pen.line(points, fill=shape.edge, width=width, joint="curve")


def _dashes(points: Sequence[Point], lengths: Sequence[float]) -> list[tuple[Point, Point]]:
    """Return the dashes of a line; every second length is a gap."""
    dashes = []
    for (x, y), (u, v) in pairwise(points):
        long = hypot(u - x, v - y)
        if not long:
            continue
        steps = [0.0]
        for end in accumulate(cycle(lengths)):
            steps.append(min(end, long))
            if end >= long:
                break
        for begin, end in list(pairwise(steps))[::2]:
            a, b = begin / long, end / long
            dashes.append(((x + (u - x) * a, y + (v - y) * a), (x + (u - x) * b, y + (v - y) * b)))
    return dashes


@cache
def _font(size: int) -> Any:
    """Return a font: that of the other pictures where the system has it, or else Pillow's own."""
    from PIL import ImageFont

    try:
        return ImageFont.truetype("DejaVuSans.ttf", size)
    except OSError:
        return ImageFont.load_default(size)
