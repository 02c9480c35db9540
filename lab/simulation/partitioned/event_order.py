"""The order of rows: when, and at which event of that instant, each was recorded."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from heapq import heappop
from typing import TYPE_CHECKING, Any, Final

from lab.network.events import FAULT_GAP, ORDER_BITS, WATCHES, Delivery, happen
from lab.trace.rows import FAULT_ON, HOST, KIND

if TYPE_CHECKING:
    from lab.network.clock import Clock

LAST_ORDER: Final = WATCHES << ORDER_BITS
"""The order number of what comes last at its instant."""


class EventOrder:
    """Which rows of a trace were recorded by which event.

    Row by row, or several rows of one event together: ``times`` and ``orders`` are the event's time
    and its order number in that instant; ``ends`` is how many rows there are with its own.
    """

    __slots__ = ("ends", "orders", "times")

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Start again: rows are counted from 0."""
        self.times = array("d")
        self.orders = array("q")
        self.ends = array("q")

    def add(self, t: float, order: int, end: int) -> None:
        """Add the rows of an event at a time and order; ``end`` is how many rows there are then."""
        self.times.append(t)
        self.orders.append(order)
        self.ends.append(end)

    def of(self, rows: Sequence[int]) -> tuple[bytes, bytes]:
        """Return the times and the orders of the rows of these indices, eight bytes each."""
        events = [bisect_right(self.ends, row) for row in rows]
        times = array("d", [self.times[event] for event in events])
        orders = array("q", [self.orders[event] for event in events])
        return times.tobytes(), orders.tobytes()


OrderedRows = tuple[list[Any], bytes, bytes]
"""Rows, and the times and the orders of their events, eight bytes each."""


def merge(batches: Sequence[OrderedRows]) -> list[Any]:
    """Return the rows of all partitions as one process would have recorded them.

    Rows of the same time and order stay in the order of the partitions.
    """
    rows: list[Any] = []
    times, orders = array("d"), array("q")
    for batch in batches:
        rows += batch[0]
        times.frombytes(batch[1])
        orders.frombytes(batch[2])
    # each batch is in order, which the sort makes use of
    keys = list(zip(times, orders, strict=True))
    return [rows[index] for index in sorted(range(len(rows)), key=keys.__getitem__)]


def run_window(
    clock: Clock,
    end: float,
    rows: list[Any],
    event_order: EventOrder,
    ranks: Mapping[str, int],
) -> None:
    """Let everything happen before a time in seconds, and note the events of the rows.

    Each event that adds to ``rows`` adds to ``event_order`` its time, its order in that instant,
    and how many rows there are then. Orders never decrease within an instant: what an event starts
    at the same time has at least its order. By their ``ranks`` hosts come one after another where
    an event affects many of them.
    """
    queue: list[Any] = clock._queue
    add = event_order.add
    known, last, highest = len(rows), -1.0, 0
    while queue and queue[0][0] < end:
        now, _, order, event = heappop(queue)
        clock._now = now
        if now != last:
            last, highest = now, order
        elif order > highest:
            highest = order
        if isinstance(event, Delivery):
            event.deliver(event)
        else:
            happen(event)
        if len(rows) != known:
            if 0 <= order < LAST_ORDER:
                known = len(rows)
                add(now, highest, known)
                continue
            for row in rows[known:]:
                known += 1
                highest = max(highest, _finer(order, row, ranks))
                add(now, highest, known)


def _finer(order: int, row: tuple[Any, ...], ranks: Mapping[str, int]) -> int:
    """Return the order of a row of an event that affects many hosts, one after another.

    A fault comes before its effects, and its end after them; of the effects, what a crashed host
    forgets comes first.
    """
    if order >= LAST_ORDER:
        return LAST_ORDER + ranks.get(row[HOST], 0)
    if row[KIND] == "fault":
        return order if row[FAULT_ON] else order + FAULT_GAP - 1
    return order + 1 if row[KIND] == "forget" else order + 2 + ranks.get(row[HOST], 0)
