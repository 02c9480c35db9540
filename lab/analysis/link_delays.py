"""How long bytes of a channel are on its links, without what waits there or is lost.

That is the sum of the latencies of the links of its path, each way, as faults have them at a time.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise
from math import inf
from typing import Final

from lab.analysis.links import (
    Direction,
    Hop,
    JoinedLink,
    LinkChanges,
    cheapest,
    links_between,
)
from lab.trace.rows import HOST, KIND, OPEN_ENVIRONMENT, OPEN_PATH, PEER, SESSION, Row, T
from lab.trace.trace import Trace

_FOLLOWED: Final = ("open", "fault")


class LinkDelays:
    """The latencies of the paths of channels, at any time of a run."""

    def __init__(self, trace: Trace) -> None:
        self._joined: dict[Hop, list[JoinedLink]] = links_between(trace.meta)
        self._between: dict[tuple[str, str], list[Direction]] = {}
        for (_, host, peer), links in self._joined.items():
            self._between.setdefault((host, peer), []).extend(link.there for link in links)
        self._past: dict[Direction, tuple[list[float], list[float]]] = {
            direction: ([-inf], [direction.latency])
            for directions in self._between.values()
            for direction in directions
        }
        self._links: dict[int, tuple[list[Direction], list[Direction]]] = {}
        changes = LinkChanges(self._between)
        for row in trace.of(_FOLLOWED):
            if row[KIND] == "open":
                self._open(row)
            else:
                changes.take(row)
                self._note(row)

    def _open(self, row: Row) -> None:
        hops = [(row[OPEN_ENVIRONMENT], a, b) for a, b in pairwise(row[OPEN_PATH])]
        taken = [cheapest(self._joined[hop]) for hop in hops if hop in self._joined]
        self._links[row[SESSION]] = [link.there for link in taken], [link.back for link in taken]

    def _note(self, row: Row) -> None:
        """Keep what a fault makes of the links between two ends."""
        ends = row[HOST], row[PEER]
        for direction in (*self._between.get(ends, ()), *self._between.get(ends[::-1], ())):
            times, values = self._past[direction]
            times.append(row[T])
            values.append(direction.latency)

    def of(self, session: int, at: float, *, back: bool = False) -> float:
        """Return the seconds from one end of a channel to the other, or back to the first.

        The first is the host that opened it; a session that is not known takes no time.
        """
        there_and_back = self._links.get(session, ((), ()))
        return sum(self._latency(direction, at) for direction in there_and_back[back])

    def _latency(self, direction: Direction, at: float) -> float:
        times, values = self._past[direction]
        return values[bisect_right(times, at) - 1]
