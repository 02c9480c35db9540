"""How busy each direction of a link was in each interval of a run, as quickly as can be.

A trace says when bytes began to go onto each line. So the links need not be followed again, as
:mod:`lab.analysis.links` does, unless a trace is too old to say so, two links join the same ends,
replies came in pieces, or a fault changed a bandwidth.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from itertools import pairwise
from typing import Final

from lab.analysis.link_use import link_intervals
from lab.analysis.links import links_between
from lab.analysis.time_series import Intervals
from lab.network.transport import TRANSPORTS
from lab.trace.levels import includes
from lab.trace.rows import (
    FAULT_NAME,
    KIND,
    LINES,
    OCTETS,
    OPEN_PATH,
    OPEN_TRANSPORT,
    SESSION,
    Line,
    Row,
    lines_of,
)
from lab.trace.trace import Trace

_READ: Final = ("command", "reply", "piece", "data", "open", "fault")

Ends = tuple[str, str, str, str]
"""A direction of a link: from which host to which, the environment, and the name of the link."""


def busy_shares(trace: Trace, every: float) -> dict[Ends, list[float]]:
    """Return for each direction of a link with a bandwidth the share of each interval of a run in
    which bits were being sent, from 0 to 1; ``every`` is the length of an interval in seconds.
    """
    known = _recorded(trace, every) if includes(trace.level, "wire") else None
    if known is not None:
        return known
    shares: dict[Ends, list[float]] = {}
    for each in link_intervals(trace, every):
        shares.setdefault(each[1:5], []).append(each.utilisation)
    return shares


class _NotRecorded(Exception):
    """The trace does not say enough; the links have to be followed."""


def _recorded(trace: Trace, every: float) -> dict[Ends, list[float]] | None:
    directions = [link.there for links in links_between(trace.meta).values() for link in links]
    limited = {
        (direction.host, direction.peer): direction
        for direction in directions
        if direction.bandwidth is not None
    }
    if len({(direction.host, direction.peer) for direction in directions}) < len(directions):
        return None
    rates = {ends: (direction.bandwidth or 0.0) / 8 for ends, direction in limited.items()}
    sending = {ends: Intervals(every, trace.last) for ends in limited}
    try:
        for (host, peer, _, begin, *_), octets in _sent(trace, rates.keys()):
            sending[host, peer].add(begin, begin + octets / rates[host, peer])
    except _NotRecorded:
        return None
    return {
        (direction.host, direction.peer, direction.environment, direction.name): [
            min(1.0, share) for _, share in sending[ends].means()
        ]
        for ends, direction in limited.items()
    }


def _sent(trace: Trace, limited: Set[tuple[str, str]]) -> Iterator[tuple[Line, int]]:
    """Yield each line that bytes crossed, and how many these were, with headers."""
    services: dict[int, str] = {}
    sizes: dict[tuple[str, int], int] = {}
    for row in trace.of(_READ):
        kind = row[KIND]
        if kind == "piece" or (kind == "fault" and row[FAULT_NAME] == "bandwidth"):
            raise _NotRecorded
        if kind == "open":
            if any(ends in limited for ends in pairwise(row[OPEN_PATH])):
                services[row[SESSION]] = row[OPEN_TRANSPORT]
                yield from zip(lines_of(row), _control_messages(row, limited), strict=True)
        elif kind != "fault" and row[SESSION] in services:
            key = services[row[SESSION]], len(row[OCTETS])
            if key not in sizes:
                sizes[key] = TRANSPORTS[key[0]].on_the_wire(key[1])
            if len(row) <= LINES:
                raise _NotRecorded
            for line in row[LINES]:
                yield line, sizes[key]


def _control_messages(row: Row, limited: Set[tuple[str, str]]) -> list[int]:
    """Return the bytes of the messages that opened a channel, once for each line they crossed."""
    there = list(pairwise(row[OPEN_PATH]))
    back = [(b, a) for a, b in reversed(there)]
    messages = []
    for number, octets in enumerate(TRANSPORTS[row[OPEN_TRANSPORT]].opening):
        messages += [octets for ends in (back if number % 2 else there) if ends in limited]
    if len(messages) != len(lines_of(row)):
        raise _NotRecorded
    return messages
