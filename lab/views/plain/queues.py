"""The queues of a run without matplotlib: how many messages lie in each spool over time."""

from __future__ import annotations

from typing import Final

from lab.analysis.faults import fault_intervals
from lab.analysis.shown_names import shown_names
from lab.analysis.spools import Line, mail_time, queue_lengths, sum_of
from lab.trace.rows import T
from lab.trace.trace import Trace
from lab.views.plain.axes import DASHES, Frame, legend, whole_ticks
from lab.views.plain.drawing import Drawing, fitted
from lab.views.visual_language import SERIES

_WIDTH: Final = 1000.0
_HEIGHT: Final = 430.0
_MOST: Final = 6
"""Hosts with a line of their own; the others are summed."""


def queues(trace: Trace) -> Drawing:
    """Draw the spools; the hosts with the longest (length times time) have a line each."""
    lines = queue_lengths(trace)
    last = trace.rows[-1][T] if trace.rows else 0.0
    names = shown_names(trace.meta)
    ranked = sorted(lines, key=lambda host: (-mail_time(lines[host], last), host))
    shown = [(names[host], lines[host]) for host in ranked[:_MOST]]
    if left_out := ranked[_MOST:]:
        text = f"the other {len(left_out):,} hosts together"
        shown.append((text, sum_of([lines[host] for host in left_out])))
    most = max((number for _, line in shown for _, number in line), default=1)
    title = str(trace.meta.get("title") or "")
    drawing = Drawing(_WIDTH, _HEIGHT, title)
    drawing.text(20, 28, fitted(title or "The spools", _WIDTH - 40, 17), size=17, is_bold=True)
    frame = Frame(64, 60, _WIDTH - 24, _HEIGHT - 120, last or 1.0, max(most, 1))
    for fault in fault_intervals(trace):
        left, right = frame.x(fault.begin), frame.x(min(fault.end, last))
        high = frame.bottom - frame.top
        drawing.box(left, frame.top, max(right - left, 1.0), high, "fault-shade")
    frame.time_axis(drawing, "simulated time")
    frame.number_axis(drawing, whole_ticks(most))
    drawing.text(20, 50, "messages in the spool", size=11, ink="quiet")
    _lines(drawing, frame, shown)
    return drawing


def _lines(drawing: Drawing, frame: Frame, shown: list[tuple[str, Line]]) -> None:
    rows = []
    for number, (name, line) in enumerate(shown):
        ink, dashes = SERIES[number % len(SERIES)].light, DASHES[number % len(DASHES)]
        drawing.line(*frame.steps(line), ink=ink, width=2, dashes=dashes)
        rows.append((f"{fitted(name, 230, 11)}, at most {max(n for _, n in line):,}", ink, dashes))
    if not rows:
        middle = (frame.left + frame.right) / 2
        drawing.text(middle, frame.y(0.5), "no mail ever waited", anchor="middle")
    legend(drawing, (64, frame.bottom + 58), rows)
