"""The map in a terminal, drawn in characters: hosts, links and what is on them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final

from rich.cells import cell_len, set_cell_size
from rich.style import Style
from rich.text import Span, Text

from lab.analysis.ladder_rows import tag
from lab.analysis.map_layout import kind_of
from lab.analysis.narrative import summary_line
from lab.analysis.short_names import short_names
from lab.runtime.escaping import visible
from lab.stepping.moments import Moment
from lab.trace.meta import HostMeta, Meta
from lab.views.visual_language import TERMINAL

_BRAILLE: Final = 0x2800
_DOTS: Final = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))

LINK = Style(color=TERMINAL["line"])
CHANNEL = Style(color=TERMINAL["session"])
BROKEN = Style(color=TERMINAL["down"], bold=True)
HOST = Style(bold=True)
CURRENT = Style(color=TERMINAL["select"], bold=True)
DOWN = Style(color=TERMINAL["down"], bold=True, strike=True)
MAIL = Style(color="black", bgcolor=TERMINAL["mail"], bold=True)
SPOOL = Style(color=TERMINAL["spool"])


_SIGNS: Final = {"router": "+", "relay": "■", "host": "●"}
"""The sign of each kind of host on the map: full, so that it stands out from the lines."""


@dataclass(frozen=True, slots=True)
class CharGrid:
    """A grid of characters, and the column and line of each host in it."""

    columns: int
    lines: int
    cells: dict[str, tuple[int, int]]


@lru_cache(maxsize=8)
def _coordinates(names: tuple[str, ...], links: tuple[tuple[str, str], ...], positions: Any) -> Any:
    """Return where each host lies, from (0, 0) at the lower left to (1, 1) at the upper right."""
    from lab.analysis import map_layout

    hosts = [
        {"name": name, "position": position}
        for name, position in zip(names, positions, strict=True)
    ]
    return map_layout.places(hosts, [{"a": a, "b": b} for a, b in links])


def make_grid(meta: Meta, columns: int, lines: int) -> CharGrid:
    """Place the hosts of a run in a grid of the given size."""
    hosts = meta.get("hosts", [])
    names = tuple(host["name"] for host in hosts)
    ends = tuple((link["a"], link["b"]) for link in meta.get("links", []))
    positions = tuple(tuple(host.get("position") or ()) or None for host in hosts)
    coordinates = _coordinates(names, ends, positions)
    margin = min(9, columns // 6)
    width, height = max(1, columns - 1 - 2 * margin), max(1, lines - 3)
    cells = {
        name: (margin + round(float(x) * width), 1 + round((1 - float(y)) * height))
        for name, (x, y) in zip(names, coordinates, strict=True)
    }
    return CharGrid(columns, lines, cells)


class Canvas:
    """Characters with styles. Lines are drawn in Braille dots, two by four in a character."""

    def __init__(self, columns: int, lines: int) -> None:
        self.columns = columns
        self.lines = lines
        self._dots: dict[tuple[int, int], int] = {}
        self._text: dict[tuple[int, int], str] = {}
        self._style: dict[tuple[int, int], Style] = {}

    def line(self, a: tuple[int, int], b: tuple[int, int], style: Style, gap: int = 1) -> None:
        """Draw every ``gap``-th dot of a line from one cell to another."""
        x0, y0, x1, y1 = a[0] * 2, a[1] * 4 + 1, b[0] * 2, b[1] * 4 + 1
        steps = max(abs(x1 - x0), abs(y1 - y0), 1)
        for k in range(0, steps + 1, gap):
            x, y = x0 + (x1 - x0) * k // steps, y0 + (y1 - y0) * k // steps
            cell = (x // 2, y // 4)
            if 0 <= cell[0] < self.columns and 0 <= cell[1] < self.lines:
                self._dots[cell] = self._dots.get(cell, 0) | _DOTS[y % 4][x % 2]
                self._style[cell] = style

    def is_free(self, column: int, line: int, size: int) -> bool:
        """Return whether a text fits on the canvas and covers no other text."""
        if column < 0 or column + size > self.columns or not 0 <= line < self.lines:
            return False
        return not any((x, line) in self._text for x in range(column - 1, column + size + 1))

    def write(self, column: int, line: int, text: str, style: Style) -> None:
        """Write a text over whatever is there; a wide letter takes two cells, a mark none."""
        for char in text:
            width = cell_len(char)
            if width == 0 and (column - 1, line) in self._text:
                self._text[column - 1, line] += char
            for k in range(width):
                self._text[column + k, line] = char if k == 0 else ""
                self._style[column + k, line] = style
            column += width

    def text(self) -> Text:
        """Return the canvas as lines of text with colours."""
        lines: list[str] = []
        spans: list[Span] = []
        at = 0
        for y in range(self.lines):
            chars = [self._char(x, y) for x in range(self.columns)]
            for x, char in enumerate(chars):
                style = self._style.get((x, y))
                if style is not None and char:
                    if spans and spans[-1].end == at and spans[-1].style is style:
                        spans[-1] = Span(spans[-1].start, at + len(char), style)
                    else:
                        spans.append(Span(at, at + len(char), style))
                at += len(char)
            lines.append("".join(chars))
            at += 1
        return Text("\n".join(lines), no_wrap=True, spans=spans)

    def _char(self, x: int, y: int) -> str:
        """Return what is in a cell; empty where the letter before it is wide."""
        if (x, y) in self._text:
            return self._text[x, y]
        dots = self._dots.get((x, y))
        return chr(_BRAILLE + dots) if dots else " "


def chart(moment: Moment, columns: int, lines: int) -> Text:
    """Draw the map of a moment in ``columns`` columns and ``lines`` lines."""
    meta = moment.index.trace.meta
    grid = make_grid(meta, columns, lines)
    canvas = Canvas(columns, lines)
    links = meta.get("links", [])
    faults = [fault for fault in moment.faults if fault.is_down]
    down = {frozenset(place) for fault in faults for place in fault.places(links)}
    for link in links:
        a, b = grid.cells[link["a"]], grid.cells[link["b"]]
        is_down = frozenset((link["a"], link["b"])) in down
        canvas.line(a, b, BROKEN if is_down else LINK, 4 if is_down else 2)
    for session in moment.open_sessions:
        for near, far in pairwise(moment.index.paths[session]):
            canvas.line(grid.cells[near], grid.cells[far], CHANNEL)
    _draw_hosts(canvas, moment, grid, meta.get("hosts", []))
    _draw_in_flight(canvas, moment, grid)
    return canvas.text()


def _draw_in_flight(canvas: Canvas, moment: Moment, grid: CharGrid) -> None:
    """Write what is on its way at its position, next to the names if possible."""
    taken: set[tuple[int, int]] = set()
    for in_flight in moment.links:
        sign = _sign(in_flight.crossing.kind, in_flight.crossing.octets)
        a, b = (grid.cells[name] for name in in_flight.link)
        cells_near = list(_cells_along(a, b, in_flight.share, canvas.columns - len(sign)))
        free = [cell for cell in cells_near if canvas.is_free(*cell, len(sign))]
        for x, y in (*free, *cells_near):
            cells = {(x + k, y) for k in range(-1, len(sign) + 1)}
            if taken.isdisjoint(cells):
                canvas.write(x, y, sign, MAIL)
                taken |= cells
                break


def _cells_along(
    a: tuple[int, int], b: tuple[int, int], share: float, last_column: int
) -> Iterator[tuple[int, int]]:
    """Yield cells near the point that divides the line from a to b by ``share``, nearest first."""
    for aside in (0, -1, 1):
        for shift in (0.0, -0.08, 0.08, -0.16, 0.16):
            along = min(max(0.12 + 0.76 * share + shift, 0.05), 0.95)
            x, y = round(a[0] + (b[0] - a[0]) * along), round(a[1] + (b[1] - a[1]) * along)
            yield min(max(x, 0), max(last_column, 0)), max(y + aside, 0)


def _sign(kind: str, octets: bytes) -> str:
    """Return what is on its way in up to four letters: a command, a code, or "mail"."""
    return tag(kind, summary_line(kind, octets)) or "?"


def _draw_hosts(canvas: Canvas, moment: Moment, grid: CharGrid, hosts: Sequence[HostMeta]) -> None:
    down = {fault.host for fault in moment.faults if fault.is_down and fault.peer is None}
    spooled = moment.spool_lengths
    current = moment.event.host if moment.event else ""
    for host in hosts:
        x, y = grid.cells[host["name"]]
        sign = _SIGNS[kind_of(host)]
        canvas.write(x, y, sign, DOWN if host["name"] in down else HOST)
    # names that matter at this moment get their cells first
    ranked = sorted(hosts, key=lambda host: (host["name"] != current, host["name"] not in spooled))
    short = short_names((host["name"] for host in hosts), moment.index.shown)
    for host in ranked:
        name = host["name"]
        style = DOWN if name in down else CURRENT if name == current else Style()
        waiting = f" {spooled[name]}✉" if name in spooled else ""
        for column, line, text in _labels(grid.cells[name], _cut(visible(short[name])), waiting):
            if canvas.is_free(column, line, cell_len(text)):
                canvas.write(column, line, text, style)
                if waiting and text.endswith(waiting):
                    at = column + cell_len(text) - cell_len(waiting)
                    canvas.write(at, line, waiting, SPOOL)
                break


def _labels(cell: tuple[int, int], name: str, waiting: str) -> Iterator[tuple[int, int, str]]:
    """Yield cells for a host's name, with the text to write there, the best first."""
    x, y = cell
    for text in (name + waiting, _first(name, 8) + waiting):
        size = cell_len(text)
        yield x + 2, y, text
        yield x - size - 1, y, text
        yield x - size // 2, y + 1, text
        yield x - size // 2, y - 1, text


def _cut(name: str) -> str:
    return name if cell_len(name) <= 18 else _first(name, 17) + "…"


def _first(name: str, cells: int) -> str:
    """Return the beginning of a name, of at most a number of cells, with its marks."""
    return name if cell_len(name) <= cells else set_cell_size(name, cells).rstrip()
