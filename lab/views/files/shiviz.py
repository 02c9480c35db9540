"""A run as a log with vector clocks, for ShiViz.

Each event is two lines: its host with the vector clock, and what happened. The first line of the
file is the expression by which ShiViz reads it. What crosses a channel is two events: it is sent by
one host, and received by another.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Final, NamedTuple

from lab.analysis.departures import in_order_of_departure
from lab.analysis.narrative import piece_text, sentence, summary_line
from lab.analysis.shown_names import NAMES, ShownNames
from lab.runtime.escaping import visible
from lab.trace.rows import CROSSING, HOST, KIND, OCTETS, PEER, SESSION, Row, T, event_of

EXPRESSION: Final = r"(?<host>\S*) (?<clock>{.*})\n(?<event>.*)"
"""How a log is read: the first line of the file."""

_LEFT_OUT: Final = frozenset({"start", "plan", "late", "attempt", "loss", "end"})
"""Kinds of event that are no event of one host, or that another tells as well."""


class _Step(NamedTuple):
    """An event of a host, in its order: ``number`` is that of its row."""

    t: float
    rank: int
    number: float
    action: str
    row: Row


def write_shiviz(
    rows: Callable[[], Iterable[Row]], file: IO[str], shown: ShownNames = NAMES
) -> None:
    """Write the log of a run; ``rows`` is called twice, and returns its rows in their order.

    ``shown`` are the names of hosts as people see them.

    Memory grows with the number of pairs of hosts that have heard of each other.
    """
    file.write(f"{EXPRESSION}\n\n")
    clocks: dict[str, dict[str, int]] = {}
    under_way: dict[float, dict[str, int]] = {}
    for step in _steps(rows):
        host, text = _host_and_text(step, shown)
        if not host:
            continue
        name = _word(shown[host])
        clock = clocks.setdefault(name, {})
        if step.action == "receives":
            for known_name, count in under_way.pop(step.number, {}).items():
                clock[known_name] = max(clock.get(known_name, 0), count)
        clock[name] = clock.get(name, 0) + 1
        if step.action == "sends":
            under_way[round(step.number + 0.5)] = dict(clock)
        file.write(f"{name} {json.dumps(clock, ensure_ascii=False)}\n{text}\n")


def _steps(rows: Callable[[], Iterable[Row]]) -> Iterator[_Step]:
    """Yield what hosts do, in an order in which nothing is received before it is sent."""
    waiting: list[_Step] = []
    for departure in in_order_of_departure(lambda: _wanted(rows())):
        at, number, row = departure
        while waiting and waiting[0].t < at:
            yield heapq.heappop(waiting)
        if row[KIND] in CROSSING or row[KIND] == "open":
            # what is sent at an instant follows from what happened at it, unless it arrives at once
            rank = 1 if at < row[T] else 0
            heapq.heappush(waiting, _Step(min(at, row[T]), rank, number - 0.5, "sends", row))
            heapq.heappush(waiting, _Step(row[T], 0, number, "receives", row))
        else:
            heapq.heappush(waiting, _Step(at, 0, number, "does", row))
    while waiting:
        yield heapq.heappop(waiting)


def _wanted(rows: Iterable[Row]) -> Iterator[Row]:
    return (row for row in rows if row[KIND] not in _LEFT_OUT)


def _host_and_text(step: _Step, shown: ShownNames) -> tuple[str, str]:
    """Return the host of a step, and its text in one line."""
    row, kind = step.row, step.row[KIND]
    if step.action == "does":
        return row[HOST], f"{step.t:.6f} s: {visible(sentence(event_of(row), shown=shown))}"
    if kind == "open":
        host, peer = row[HOST], row[PEER]  # recorded at the host that began
        words = f"session {row[SESSION]}"
        sent, received = f"opens {words} to {shown[peer]}", f"{words} with {shown[host]} is open"
    else:
        peer, host = row[HOST], row[PEER]
        summary = piece_text(row[OCTETS]) if kind == "piece" else summary_line(kind, row[OCTETS])
        sent, received = (
            f"sends to {shown[peer]}: {summary}",
            f"receives from {shown[host]}: {summary}",
        )
    is_sent = step.action == "sends"
    return (host if is_sent else peer), f"{step.t:.6f} s: {visible(sent if is_sent else received)}"


def _word(host: str) -> str:
    """Return a host's name without spaces, for the log has names up to the first one."""
    return "".join("␣" if char.isspace() else char for char in visible(host))
