"""What failed in a run, and where: links and hosts that were down, or otherwise disturbed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from lab.trace.rows import FAULT_NAME, FAULT_ON, FAULT_WHAT, HOST, PEER, Row, T
from lab.trace.trace import Trace

DOWN: Final = frozenset({"link-down", "partition", "host-down", "crash"})
"""The kinds of fault after which nothing gets through, as long as they last."""


class Outage(NamedTuple):
    """A fault at a host, or at the link of two, from a time to a time (seconds)."""

    kind: str
    begin: float
    end: float
    host: str
    peer: str | None

    @property
    def is_down(self) -> bool:
        """Whether nothing got through."""
        return self.kind in DOWN


def outages(trace: Trace) -> list[Outage]:
    """The faults of a run, in the order in which they began; a partition is one for each link."""
    last = trace.last
    found = [
        Outage(kind, begin, end, host, peer)
        for kind, begin, end, place in _spells(trace.of(("fault",)), last)
        for host, peer in _places(trace, place)
    ]
    return sorted(found, key=lambda one: (one.begin, one.end, one.kind, one.host, one.peer or ""))


def _spells(rows: Iterable[Row], last: float) -> Iterator[tuple[str, float, float, Any]]:
    """Each fault: its kind, from when to when, and where, as the trace has it."""
    begun: dict[Any, list[float]] = {}
    for row in rows:
        place = (row[HOST], row[PEER], row[FAULT_WHAT])
        if row[FAULT_ON]:
            begun.setdefault((row[FAULT_NAME], place), []).append(row[T])
        elif begun.get((row[FAULT_NAME], place)):
            yield row[FAULT_NAME], begun[row[FAULT_NAME], place].pop(), row[T], place
    for (kind, place), times in begun.items():
        for t in times:
            yield kind, t, t if kind in ("crash", "hang-up") else last, place


def _places(trace: Trace, place: tuple[str, str | None, str]) -> Iterator[tuple[str, str | None]]:
    """A host, a link, or the links between the groups of a partition."""
    host, peer, what = place
    if host:
        yield host, peer
        return
    side = {name: n for n, group in enumerate(what.split(" | ")) for name in group.split()}
    for link in trace.meta.get("links", ()):
        a, b = str(link["a"]), str(link["b"])
        if a in side and b in side and side[a] != side[b]:
            yield a, b


__all__ = ["DOWN", "Outage", "outages"]
