"""The timeline of a run without matplotlib: a lane for each message, with what it did when."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from lab.analysis.faults import fault_intervals
from lab.analysis.itineraries import End, Itinerary, itineraries
from lab.analysis.shown_names import shown_names
from lab.analysis.stages import ATTEMPT, CROSSING, OPENING, SPOOL, WAIT, busy, stages
from lab.analysis.wrongs import Wrongs, wrongs
from lab.quantities import TIME_STEPS, clock_time
from lab.trace.trace import Trace
from lab.views.plain.drawing import Drawing, fitted, wide
from lab.views.visual_language import ENDS, PHASES, Sign

_WIDTH: Final = 1000.0
_LEFT: Final = 250.0
_RIGHT: Final = 24.0
_TOP: Final = 56.0
_LANE: Final = 24.0

MOST: Final = 60
"""Messages that have a lane; the first ones, of more."""


class _Look(NamedTuple):
    words: str
    fill: str
    edge: str
    high: float


_LOOKS: Final = {
    SPOOL: _Look(PHASES["spool"].words, "panel", PHASES["spool"].colour, 8),
    WAIT: _Look(PHASES["retry"].words, "panel", PHASES["retry"].colour, 3),
    ATTEMPT: _Look("attempt that failed", "panel", "refusal", 12),
    OPENING: _Look(PHASES["opening"].words, PHASES["opening"].colour, "ink", 10),
    CROSSING: _Look("crosses a session", PHASES["sending"].colour, "ink", 12),
}
"""The bar of each stage of a hop."""

_SIGNS: Final = {
    "deliver": "delivered", "terminal": "terminal", "refuse": "refused", "reject": "rejected",
    "abandon": "abandoned",
}  # fmt: skip
"""The sign of each kind of end."""


def timeline(trace: Trace) -> Drawing:
    """Draw the timeline."""
    every = itineraries(trace)
    lanes = every[:MOST]
    bottom = _TOP + _LANE * max(len(lanes), 1)
    title = str(trace.meta.get("title", ""))
    drawing = Drawing(_WIDTH, bottom + 90, title)
    drawing.text(20, 28, fitted(title, _WIDTH - 40, 17), size=17, is_bold=True)
    last = max([moment for lane in lanes for _, moment in busy(lane)], default=0.0) or 1.0
    axis = _Axis(last)
    axis.draw(drawing, bottom)
    for fault in fault_intervals(trace):
        left, right = axis.at(fault.begin), axis.at(min(fault.end, last))
        drawing.box(left, _TOP, max(right - left, 1.0), bottom - _TOP, "fault-shade")
    shown = shown_names(trace.meta)
    wrong = wrongs(trace)
    for number, lane in enumerate(lanes):
        y = _TOP + _LANE * (number + 0.5)
        about = f"{lane.number}  {shown[lane.host]} → {', '.join(lane.recipients)}"
        drawing.text(_LEFT - 10, y + 4, fitted(about, _LEFT - 24, 11), size=11, anchor="end")
        _lane(drawing, lane, y, axis, last)
        for sign, t in _ends(lane, wrong):
            drawing.sign(sign, axis.at(t), y, 5.5)
    if len(every) > MOST:
        unlisted = f"and {len(every) - MOST} more messages"
        drawing.text(_WIDTH - _RIGHT, 28, unlisted, ink="quiet", anchor="end")
    _legend(drawing, bottom + 62)
    return drawing


class _Axis:
    """The axis of time, from the beginning of the run to ``last``, in seconds."""

    def __init__(self, last: float) -> None:
        self._last = last

    def at(self, t: float) -> float:
        """Return where a time is."""
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * min(t / self._last, 1.0)

    def draw(self, drawing: Drawing, bottom: float) -> None:
        """Draw ticks with their times."""
        step = next(
            (each for each in TIME_STEPS if self._last / each <= 6),
            TIME_STEPS[-1],
        )
        for number in range(int(self._last / step) + 1):
            x = self.at(number * step)
            drawing.line((x, _TOP), (x, bottom), ink="edge")
            digits = 0 if step >= 1 else 3
            label = clock_time(number * step, digits)
            drawing.text(x, bottom + 16, label, size=11, ink="quiet", anchor="middle")
        words = "simulated time"
        drawing.text(_WIDTH - _RIGHT, bottom + 34, words, size=11, ink="quiet", anchor="end")


def _lane(drawing: Drawing, lane: Itinerary, y: float, axis: _Axis, last: float) -> None:
    for hop in lane.hops:
        for stage in stages(hop, last):
            left, right = axis.at(stage.begin), axis.at(stage.end)
            look = _LOOKS[stage.kind]
            if right > left or stage.kind in (ATTEMPT, CROSSING):
                wide_enough = max(right - left, 1.5)
                drawing.box(left, y - look.high / 2, wide_enough, look.high, look.fill, look.edge)


def _ends(lane: Itinerary, wrong: Wrongs) -> Iterator[tuple[Sign, float]]:
    """Yield the signs of a lane with their times; mail that came twice has its own at the last."""
    lost_at = wrong.lost_at(lane.number)
    if lost_at is not None:
        yield ENDS["lost"], lost_at
    deliveries = [end for end in lane.ends if end.kind == "deliver"]
    twice = deliveries[-1:] if wrong.came_twice(lane.number) else []
    for end in lane.ends:
        yield ENDS["twice" if end in twice else _sign_of(end, lane)], end.t


def _sign_of(end: End, lane: Itinerary) -> str:
    if lane.about is not None and end.kind == "deliver":
        return "returned"
    return _SIGNS.get(end.kind, "open")


def _legend(drawing: Drawing, y: float) -> None:
    x = 24.0
    for look in _LOOKS.values():
        drawing.box(x, y - 4 - look.high / 2, 22, look.high, look.fill, look.edge)
        drawing.text(x + 27, y, look.words, size=11)
        x += wide(look.words, 11) + 38
    x, y = 30.0, y + 18
    for name in ("delivered", "returned", "refused", "lost", "twice"):
        drawing.sign(ENDS[name], x, y - 4)
        words = ENDS[name].words.partition(" to ")[0]
        drawing.text(x + 12, y, words, size=11)
        x += wide(words, 11) + 22
