"""What left a host, in the order in which it left.

A trace has what crossed a channel at the time of its arrival. This module goes through a trace
twice, and needs memory only for what is on its way at one time.
"""

from __future__ import annotations

import heapq
from array import array
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from math import inf
from typing import Final, NamedTuple

from lab.trace.rows import CROSSING, KIND, OPEN_STARTED, SENT, Row, T

_AT_ONCE: Final = 4096
"""Rows from one note of the earliest departure to the next."""


class Departure(NamedTuple):
    """A row, its number among the rows that were asked for, and when what it tells left its host.

    Rows of kinds that nothing leaves for are at their own time.
    """

    at: float
    number: int
    row: Row


def left_at(row: Row) -> float:
    """Return when the bytes or the opening of a row left a host, in seconds, or the row's time."""
    kind = row[KIND]
    if kind in CROSSING:
        return float(row[SENT])
    return float(row[OPEN_STARTED] if kind == "open" else row[T])


def in_order_of_departure(rows: Callable[[], Iterable[Row]]) -> Iterator[Departure]:
    """Yield rows by the time at which they left, then as in the trace.

    ``rows`` is called twice, and returns the same rows of a trace each time, in their order.
    """
    earliest = _earliest_later(rows())
    waiting: list[Departure] = []
    for number, row in enumerate(rows()):
        heapq.heappush(waiting, Departure(left_at(row), number, row))
        if number % _AT_ONCE == _AT_ONCE - 1:
            limit = earliest[number // _AT_ONCE + 1]
            while waiting and waiting[0].at <= limit:
                yield heapq.heappop(waiting)
    while waiting:
        yield heapq.heappop(waiting)


def _earliest_later(rows: Iterable[Row]) -> array[float]:
    """Return, for each block of rows, the earliest departure in it and all later ones."""
    times = map(left_at, rows)
    earliest = array("d")
    while block := tuple(islice(times, _AT_ONCE)):
        earliest.append(min(block))
    earliest.append(inf)
    for place in range(len(earliest) - 2, -1, -1):
        earliest[place] = min(earliest[place], earliest[place + 1])
    return earliest
