"""The ladder of a run without matplotlib: a line for each host, an arrow for all that crossed."""

from __future__ import annotations

from typing import Final

from lab.analysis.ladder_rows import LadderRow, first_ladder_rows
from lab.analysis.shown_names import shown_names
from lab.quantities import clock_time
from lab.trace.trace import Trace
from lab.views.plain.drawing import Drawing, fitted
from lab.views.visual_language import CROSSINGS, CUT

MOST: Final = 400
"""Rows of a ladder; of more, the first ones are drawn."""

_LEFT: Final = 110.0
_WIDEST: Final = 3200.0
_TOP: Final = 84.0
_ROW: Final = 21.0


def ladder(
    trace: Trace,
    *,
    message: int | None = None,
    session: int | None = None,
    between: tuple[str, str] | None = None,
) -> Drawing:
    """Draw the ladder of the whole run, or of a message, a session, or two hosts' sessions."""
    rows, undrawn = first_ladder_rows(
        trace, MOST, message=message, session=session, between=between
    )
    hosts = list(dict.fromkeys(
        name for row in rows for name in (row.host, row.peer if _spans(row) else None) if name
    ))  # fmt: skip
    apart = max(90.0, min(260.0, _WIDEST / max(len(hosts), 1)))
    lines = {name: _LEFT + apart * (number + 0.5) for number, name in enumerate(hosts)}
    bottom = _TOP + _ROW * (len(rows) + 1)
    title = str(trace.meta.get("title", ""))
    drawing = Drawing(_LEFT + apart * max(len(hosts), 2), bottom + 40, title)
    drawing.text(20, 28, fitted(title, drawing.width - 40, 17), size=17, is_bold=True)
    shown = shown_names(trace.meta)
    for name, x in lines.items():
        drawing.line((x, _TOP - 12), (x, bottom), ink="line")
        label = fitted(shown[name], apart - 12, 12)
        drawing.text(x, _TOP - 20, label, anchor="middle", is_bold=True)
    for number, row in enumerate(rows):
        _row(drawing, row, _TOP + _ROW * (number + 0.7), lines)
    if undrawn:
        drawing.text(20, bottom + 24, f"and {undrawn} more rows", ink="quiet")
    return drawing


def _spans(row: LadderRow) -> bool:
    """Return whether a row is about bytes between two hosts."""
    return row.crosses or row.stretch is not None


def _row(drawing: Drawing, row: LadderRow, y: float, lines: dict[str, float]) -> None:
    here = lines.get(row.host, min(lines.values(), default=_LEFT + 20))
    if not _spans(row) and not row.text:
        return
    drawing.text(_LEFT - 12, y + 4, clock_time(row.t), size=11, ink="quiet", anchor="end")
    if not (_spans(row) and row.peer in lines):
        ink = "text-bad" if row.kind in ("cut", "loss", "unreachable", "fault") else "quiet"
        text = fitted(row.text, drawing.width - here - 20, 11)
        drawing.text(here + 8, y + 4, text, size=11, ink=ink)
        return
    there = lines[row.peer or ""]
    if row.stretch is None:
        stroke = CROSSINGS[row.kind]
        drawing.arrow((here, y + 2), (there, y + 2), stroke.colour, stroke.width, stroke.dashes)
    else:
        stroke = CROSSINGS[row.stops]
        tail, head = (here + (there - here) * share for share in row.stretch)
        drawing.line(
            (tail, y + 2), (head, y + 2), ink=stroke.colour, width=stroke.width, dashes=(2, 1)
        )
        for x in (tail, head):
            drawing.sign(CUT, x, y + 2, 4.5)
    text = fitted(row.text, abs(there - here) - 16, 11)
    drawing.text((here + there) / 2, y - 3, text, size=11, anchor="middle")
