"""Links: what crossed each direction of each link, how busy it was, and what waited for it.

A trace says when bytes left a host and when they arrived. Between the two, links carry them first
come, first served, as :mod:`lab.network.link` says; this module follows them there. What counts is
what arrived: bytes that were on their way when a channel was cut are not in a trace. Where a link
has jitter, the time at which bytes enter the next link of a path is taken without it.
"""

from __future__ import annotations

import heapq
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from math import inf
from typing import Any, Final, NamedTuple

from lab.analysis.departures import in_order_of_departure
from lab.network.transport import TRANSPORTS, Transport
from lab.protocol.lines import ends_mail_data
from lab.trace.levels import includes
from lab.trace.meta import Meta
from lab.trace.rows import (
    CROSSING,
    FAULT_NAME,
    FAULT_ON,
    FAULT_WHAT,
    HOST,
    KIND,
    LOSS_AGAIN,
    LOSS_DELAY,
    OCTETS,
    OPEN_ENVIRONMENT,
    OPEN_PATH,
    OPEN_TRANSPORT,
    PEER,
    SESSION,
    Row,
    T,
)
from lab.trace.trace import Trace

_FOLLOWED: Final = (*CROSSING, "open", "close", "fault")
"""The kinds of event that tell what crossed links, and what a link was like."""

Hop = tuple[str, str, str]
"""What links join: their environment, and two ends in the order of a direction."""


class Direction:
    """One direction of a link, and what has crossed it.

    ``bandwidth`` is in bit/s (None: no limit) and ``latency`` in seconds, both as they are at
    present; ``is_limited`` says whether it ever had a bandwidth. ``octets`` are bytes on the link,
    headers of the transport service included; ``payload`` those of commands, replies and mail data.
    ``chunks`` counts what was sent at once; ``messages`` those whose mail data ended there.
    ``busy`` are the seconds in which bits were sent, ``waited`` those that chunks waited for
    others, added up; ``longest`` is the largest number of chunks that waited at one time, and
    ``lost`` how many segments were sent again. ``downs`` counts the faults that have the link down.
    """

    __slots__ = (
        "_starts", "bandwidth", "busy", "chunks", "downs", "environment", "free_at", "host",
        "is_limited", "latency", "longest", "lost", "messages", "name", "octets", "payload", "peer",
        "waited",
    )  # fmt: skip

    def __init__(
        self,
        environment: str,
        host: str,
        peer: str,
        name: str,
        latency: float,
        bandwidth: float | None,
    ) -> None:
        self.environment = environment
        self.name = name
        self.host = host
        self.peer = peer
        self.latency = latency
        self.bandwidth = bandwidth
        self.is_limited = bandwidth is not None
        self.octets = self.payload = self.chunks = self.messages = self.lost = self.longest = 0
        self.busy = self.waited = self.free_at = 0.0
        self.downs = 0
        self._starts: deque[float] = deque()

    def carry(self, chunk: _Chunk, late: float = 0.0) -> LinkCrossing:
        """Carry a chunk, which is then at the other end, ``late`` seconds later; return how.

        The tail may have to wait for a slower link before.
        """
        self.octets += chunk.octets
        self.chunks += 1
        since = begin = end = chunk.head
        if self.bandwidth is not None:
            rate = self.bandwidth / 8
            begin = max(since, self.free_at)
            end = begin + chunk.octets / rate
            first = min(chunk.piece, chunk.octets) / rate
            self._wait(since, begin)
            self.busy += chunk.octets / rate
            chunk.head = begin + first
            chunk.tail = self.free_at = max(end, chunk.tail + first)
        chunk.head += self.latency + late
        chunk.tail += self.latency + late
        return LinkCrossing(self, since, begin, end, chunk.tail, chunk.octets, chunk.row)

    def _wait(self, since: float, until: float) -> None:
        starts = self._starts
        while starts and starts[0] <= since:
            starts.popleft()
        if until > since:
            starts.append(until)
            self.waited += until - since
            self.longest = max(self.longest, len(starts))


class LinkCrossing(NamedTuple):
    """A chunk on one direction of a link: when it came, began to leave, and had left, in seconds.

    ``arrives`` is when the whole of it is at the other end. ``octets`` are its bytes on the link,
    and ``row`` is its event in the trace; None for a control message of a transport service.
    """

    direction: Direction
    since: float
    begin: float
    end: float
    arrives: float
    octets: int
    row: Row | None


class JoinedLink(NamedTuple):
    """A link as seen from one end: what it costs from there, its direction, and the one back."""

    cost: float
    there: Direction
    back: Direction


class _Channel(NamedTuple):
    """An open channel: its transport service, who opened it, and its links there and back."""

    transport: Transport
    opener: str
    there: list[Direction]
    back: list[Direction]


class _Chunk:
    """Something on its way: the links that are left, and when its head and tail enter the next.

    ``then`` is what is sent as soon as it has arrived: the next control message of an opening.
    """

    __slots__ = ("head", "links", "octets", "piece", "row", "tail", "then")

    def __init__(
        self,
        at: float,
        links: Sequence[Direction],
        octets: int,
        piece: int,
        row: Row | None,
        then: _Chunk | None = None,
    ) -> None:
        self.head = self.tail = at
        self.links = links
        self.octets = octets
        self.piece = piece
        self.row = row
        self.then = then


class LinkReplay:
    """Follows what crossed the links of a trace.

    ``directions`` are complete at the end of :meth:`crossings`, which is to be used once. Raises
    ValueError for a trace that was recorded without what crossed the wire.
    """

    def __init__(self, trace: Trace) -> None:
        if not includes(trace.level, "wire"):
            raise ValueError(
                "the figures of links require --trace wire; "
                f"this run was recorded with --trace {trace.level}"
            )
        self._trace = trace
        self._joined = links_between(trace.meta)
        self._between: dict[tuple[str, str], list[Direction]] = {}
        for (_, host, peer), links in self._joined.items():
            usual = sorted(links, key=lambda link: link.cost)
            self._between.setdefault((host, peer), []).extend(link.there for link in usual)
        self.directions = _in_order_of_the_file(self._joined)
        self._changes = LinkChanges(self._between)
        self._channels: dict[int, _Channel] = {}
        self._pieces: dict[int, bytes] = {}
        self._delays: dict[tuple[int | None, str, str, float], float] = {}
        self._under_way: list[tuple[float, int, _Chunk]] = []
        self._number = 0

    def crossings(self) -> Iterator[LinkCrossing]:
        """Yield what crossed each link; on one direction, in the order in which it entered."""
        self._note_losses()
        under_way = self._under_way
        for at, _, row in in_order_of_departure(lambda: self._trace.of(_FOLLOWED)):
            if under_way and under_way[0][0] <= at:
                yield from self._until(at)
            yield from self._take(row, at)
        yield from self._until(inf)

    def _note_losses(self) -> None:
        for row in self._trace.of(("loss",)):
            where = (row[SESSION], row[HOST], row[PEER], row[T])
            self._delays[where] = self._delays.get(where, 0.0) + row[LOSS_DELAY]
            for direction in self._between.get((row[HOST], row[PEER]), ())[:1]:
                direction.lost += row[LOSS_AGAIN]

    def _take(self, row: Row, at: float) -> Iterable[LinkCrossing]:
        kind = row[KIND]
        if kind == "fault":
            self._changes.take(row)
        elif kind == "open":
            self._opening(row, at)
        elif kind == "close":  # whatever arrived in the session left before
            self._pieces.pop(row[SESSION], None)
            self._channels.pop(row[SESSION], None)
        elif row[SESSION] in self._channels and not self._is_known(row):
            return self._sent(row, at)
        return ()

    def _is_known(self, row: Row) -> bool:
        """Return whether a row is a reply whose pieces came before; note a piece."""
        session, kind = row[SESSION], row[KIND]
        if kind == "piece":
            self._pieces[session] = self._pieces.get(session, b"") + row[OCTETS]
        elif kind == "reply" and row[OCTETS] in self._pieces.get(session, b""):
            self._pieces[session] = self._pieces[session].partition(row[OCTETS])[2]
            return True
        return False

    def _sent(self, row: Row, at: float) -> Iterator[LinkCrossing]:
        transport, opener, there, back = self._channels[row[SESSION]]
        links = there if row[PEER] == opener else back
        payload = len(row[OCTETS])
        size = transport.on_the_wire(payload)
        is_message = row[KIND] == "data" and ends_mail_data(row[OCTETS])
        for link in links:
            link.payload += payload
            link.messages += is_message
        chunk = _Chunk(at, links, size, transport.piece, row)
        return self._travel(chunk, at)

    def _opening(self, row: Row, at: float) -> None:
        """Note a channel; send the control messages by which it was opened."""
        transport = TRANSPORTS[row[OPEN_TRANSPORT]]
        hops = [(row[OPEN_ENVIRONMENT], a, b) for a, b in pairwise(row[OPEN_PATH])]
        # a link that the trace does not know has no figures
        taken = [cheapest(self._joined[hop]) for hop in hops if hop in self._joined]
        there = [link.there for link in taken]
        back = [link.back for link in reversed(taken)]
        self._channels[row[SESSION]] = _Channel(transport, row[HOST], there, back)
        chunk: _Chunk | None = None
        for number in range(len(transport.opening) - 1, -1, -1):
            links = back if number % 2 else there
            chunk = _Chunk(at, links, transport.opening[number], transport.piece, None, chunk)
        if chunk is not None:
            self._send(chunk, at + transport.setup)

    # -- the links, as lab.network.channel has bytes cross them ---------------------------------

    def _until(self, until: float) -> Iterator[LinkCrossing]:
        """Go on with what is on its way, until a time."""
        while self._under_way and self._under_way[0][0] <= until:
            now, _, chunk = heapq.heappop(self._under_way)
            yield from self._travel(chunk, now)

    def _send(self, chunk: _Chunk, at: float) -> None:
        chunk.head = chunk.tail = at
        self._later(chunk)

    def _later(self, chunk: _Chunk) -> None:
        self._number += 1
        heapq.heappush(self._under_way, (chunk.head, self._number, chunk))

    def _travel(self, chunk: _Chunk, now: float) -> Iterator[LinkCrossing]:
        """Cross links until one where other bytes may come first, or to the end."""
        for place, link in enumerate(chunk.links):
            if link.bandwidth is not None and chunk.head > now:
                chunk.links = chunk.links[place:]
                self._later(chunk)
                return
            yield link.carry(chunk, self._delay(chunk, link, now))
        if chunk.then is not None:
            self._send(chunk.then, chunk.tail)

    def _delay(self, chunk: _Chunk, link: Direction, now: float) -> float:
        """Return how much later a chunk arrives because segments of it are lost on a link."""
        if not self._delays:
            return 0.0
        session = chunk.row[SESSION] if chunk.row is not None else None
        return self._delays.pop((session, link.host, link.peer, now), 0.0)


class LinkChanges:
    """Faults that change what links are like; of several alike, the last that is not over counts.

    ``between`` are the directions of links from one end to the other.
    """

    def __init__(self, between: Mapping[tuple[str, str], Sequence[Direction]]) -> None:
        self._between = between
        self._values: dict[tuple[str, Direction], list[float | None]] = {}

    def take(self, row: Row) -> None:
        """Apply the fault of a row, or take back what it changed."""
        kind, ends = row[FAULT_NAME], (row[HOST], row[PEER])
        change = _WHAT.fullmatch(row[FAULT_WHAT])
        if kind not in ("latency", "bandwidth", "link-down") or change is None:
            return
        directions = [*self._between.get(ends, ())] if change["way"] != "back" else []
        if change["way"] != "there":
            directions += self._between.get(ends[::-1], ())
        for direction in directions:
            if change["name"] is not None and direction.name != change["name"]:
                continue
            if kind == "link-down":
                direction.downs += 1 if row[FAULT_ON] else -1
            elif change["value"]:
                self._set(direction, kind, float(change["value"]), is_on=row[FAULT_ON])

    def _set(self, direction: Direction, name: str, value: float, *, is_on: bool) -> None:
        values = self._values.setdefault((name, direction), [getattr(direction, name)])
        if is_on:
            values.append(value)
        elif value in values[1:]:
            del values[len(values) - 1 - values[::-1].index(value)]
        setattr(direction, name, values[-1])
        direction.is_limited = direction.is_limited or direction.bandwidth is not None


_WHAT: Final = re.compile(
    r"(?P<value>\d+(?:\.\d+)?(?:e[-+]?\d+)?)?(?: ?on (?P<name>.*?))?(?:, (?P<way>there|back))?",
    re.S,
)
"""What a fault of a link says of itself: a value, the name of one of several links, a direction."""


def links_between(meta: Meta) -> dict[Hop, list[JoinedLink]]:
    """Return the links between every two ends that some join, in the order of the topology."""
    joined: dict[Hop, list[JoinedLink]] = {}
    for link in meta.get("links", ()):
        values: Mapping[str, Any] = dict(link)
        environment, a, b, name = values["environment"], values["a"], values["b"], ""
        name = values.get("name", "")
        returning = {**values, **values.get("back", {})}
        there = Direction(environment, a, b, name, values["latency"], values["bandwidth"])
        back = Direction(environment, b, a, name, returning["latency"], returning["bandwidth"])
        costs = [
            own["latency"] if own.get("cost") is None else own["cost"]
            for own in (values, returning)
        ]
        joined.setdefault((environment, a, b), []).append(JoinedLink(costs[0], there, back))
        joined.setdefault((environment, b, a), []).append(JoinedLink(costs[1], back, there))
    return joined


def _in_order_of_the_file(joined: Mapping[Hop, Sequence[JoinedLink]]) -> list[Direction]:
    """Return both directions of each link, the one from the first end of the file first."""
    directions: dict[Direction, None] = {}
    for links in joined.values():
        for link in links:
            directions.setdefault(link.there)
            directions.setdefault(link.back)
    return list(directions)


def cheapest(links: Sequence[JoinedLink]) -> JoinedLink:
    """Return the link that a channel takes: of those that are up, the first that costs least."""
    up = [link for link in links if not link.there.downs] or links
    return min(up, key=lambda link: link.cost)
