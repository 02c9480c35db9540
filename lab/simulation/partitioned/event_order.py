"""The places of rows: when, and where among what happened at that instant, each was recorded."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from heapq import heappop
from typing import TYPE_CHECKING, Any, Final

from lab.network.events import FAULT_GAP, ORDER_BITS, WATCHES, Delivery, happen
from lab.trace.rows import FAULT_ON, HOST, KIND

if TYPE_CHECKING:
    from lab.network.clock import Clock

LAST: Final = WATCHES << ORDER_BITS
"""The place of what comes last at its instant."""


class EventOrder:
    """Which rows of a trace were recorded at which place of which instant.

    Row by row, or stretch by stretch of rows of one event: ``times`` and ``places`` are the
    event's, ``ends`` tell how many rows there are with its own.
    """

    __slots__ = ("ends", "places", "times")

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Let go of what is here: rows are counted from none again."""
        self.times = array("d")
        self.places = array("q")
        self.ends = array("q")

    def add(self, t: float, place: int, end: int) -> None:
        """Add those of the event at a time and place; there are so many rows with them."""
        self.times.append(t)
        self.places.append(place)
        self.ends.append(end)

    def of(self, rows: Sequence[int]) -> tuple[bytes, bytes]:
        """The times, and the places, of the rows of these indices: eight bytes each."""
        import numpy

        events = numpy.searchsorted(self.ends, rows, side="right")
        times, places = numpy.frombuffer(self.times), numpy.frombuffer(self.places, numpy.int64)
        return times[events].tobytes(), places[events].tobytes()


Marked = tuple[list[Any], bytes, bytes]
"""Rows, and the times and the places of their events, eight bytes each."""


def merged(batches: Sequence[Marked]) -> list[Any]:
    """The rows of all parts in the order in which one process would have recorded them.

    What is of the same time and place stays in the order of the parts.
    """
    import numpy

    rows: list[Any] = []
    for batch in batches:
        rows += batch[0]
    times = numpy.frombuffer(b"".join([batch[1] for batch in batches]))
    places = numpy.frombuffer(b"".join([batch[2] for batch in batches]), numpy.int64)
    return [rows[index] for index in numpy.lexsort((places, times)).tolist()]


def run_window(
    clock: Clock,
    end: float,
    rows: list[Any],
    marks: EventOrder,
    ranks: Mapping[str, int],
) -> None:
    """Go on until a time in seconds, none of it included, and mark whose rows are whose.

    Each event that adds to ``rows`` adds to ``marks`` its time, its place in that instant, and
    how many rows there are then. Places never go back within an instant: what an event has
    happen later at the same time counts as being at that event's. ``ranks`` of the hosts tell
    the place of what befalls many of them at once.
    """
    queue: list[Any] = clock._queue
    mark = marks.add
    known, last, highest = len(rows), -1.0, 0
    while queue and queue[0][0] < end:
        now, _, place, event = heappop(queue)
        clock._now = now
        if now != last:
            last, highest = now, place
        elif place > highest:
            highest = place
        if isinstance(event, Delivery):
            event.deliver(event)
        else:
            happen(event)
        if len(rows) != known:
            if 0 <= place < LAST:
                known = len(rows)
                mark(now, highest, known)
                continue
            for row in rows[known:]:
                known += 1
                highest = max(highest, _finer(place, row, ranks))
                mark(now, highest, known)


def _finer(place: int, row: tuple[Any, ...], ranks: Mapping[str, int]) -> int:
    """The place of a row of an event that befalls many hosts, which come in their order.

    A fault comes before what it does, what a crashed host forgets first of that, and the end of
    the fault after all.
    """
    if place >= LAST:
        return LAST + ranks.get(row[HOST], 0)
    if row[KIND] == "fault":
        return place if row[FAULT_ON] else place + FAULT_GAP - 1
    return place + 1 if row[KIND] == "forget" else place + 2 + ranks.get(row[HOST], 0)
