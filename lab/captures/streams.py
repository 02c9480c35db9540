"""The bytes of each TCP connection, in order, with when they were sent and when they arrived."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from lab.captures.packets import ACK, FIN, PUSH, RST, SYN, Address, Segment

_WHOLE: Final = 1 << 32
MOST_WAITING: Final = 4 << 20
"""Bytes that are held while those before them are missing."""


@dataclass(slots=True)
class Piece:
    """Bytes that were sent together: when, and the end of them in the stream.

    ``pushed``: their sender had no more to send.
    """

    t: float
    end: int
    octets: bytes
    pushed: bool


@dataclass(slots=True)
class Side:
    """What one end of a connection has sent.

    ``pieces`` are in order and without gaps; ``acknowledged`` is when the other end had how many of
    the bytes. ``missing``: bytes that the other end has had are not in the capture.
    """

    address: Address
    first: int | None = None
    size: int = 0
    pieces: list[Piece] = field(default_factory=list)
    acknowledged: list[tuple[int, float]] = field(default_factory=list)
    finished: float | None = None
    missing: bool = False
    _waiting: dict[int, Segment] = field(default_factory=dict)
    _held: int = 0

    def take(self, segment: Segment) -> None:
        """Take a segment of this end: its bytes, once those before them are there."""
        if self.first is None:
            self.first = (segment.sequence + bool(segment.flags & SYN)) % _WHOLE
        if segment.flags & SYN:
            return
        place = self._place(segment.sequence)
        if segment.octets and place + len(segment.octets) > self.size:
            if place > self.size:
                self._hold(place, segment)
            else:
                self._append(place, segment)
                self._release()
        if segment.flags & FIN and self.finished is None:
            self.finished = segment.t

    def _place(self, sequence: int) -> int:
        """Return the place in the stream of a sequence number, which begins again after 2**32."""
        assert self.first is not None
        ahead = (sequence - self.first - self.size) % _WHOLE
        return self.size + (ahead - _WHOLE if ahead >= _WHOLE // 2 else ahead)

    def _hold(self, place: int, segment: Segment) -> None:
        if place not in self._waiting and self._held + len(segment.octets) <= MOST_WAITING:
            self._waiting[place] = segment
            self._held += len(segment.octets)

    def _append(self, place: int, segment: Segment) -> None:
        octets = segment.octets[self.size - place :]
        self.size += len(octets)
        self.pieces.append(Piece(segment.t, self.size, octets, bool(segment.flags & PUSH)))

    def _release(self) -> None:
        """Append what has waited for the bytes before it."""
        for place in sorted(self._waiting):
            if place > self.size:
                return
            segment = self._waiting.pop(place)
            self._held -= len(segment.octets)
            if place + len(segment.octets) > self.size:
                self._append(place, segment)

    def acknowledge(self, t: float, number: int) -> None:
        """Note that the other end has had all bytes before a sequence number."""
        if self.first is None:
            return
        place = self._place(number)
        if not self.acknowledged or place > self.acknowledged[-1][0]:
            self.acknowledged.append((place, t))
        if self._waiting and place > min(self._waiting):
            self.missing = True

    def arrived(self, end: int, sent: float) -> float:
        """Return when the bytes up to a place had arrived, as far as the capture shows it."""
        at = bisect_left(self.acknowledged, (end, -1.0))
        return max(sent, self.acknowledged[at][1]) if at < len(self.acknowledged) else sent


@dataclass(slots=True)
class Connection:
    """A TCP connection: the end that opened it, and the one that it called.

    ``started`` and ``asked`` are when it was tried first and last, ``greeted`` when the other end
    answered, ``opened`` when it was open, ``reset_by`` and ``reset_at`` which end reset it, if one
    did. Times are seconds since 1970.
    """

    client: Side
    server: Side
    started: float
    asked: float = 0.0
    greeted: float | None = None
    opened: float | None = None
    reset_by: Side | None = None
    reset_at: float | None = None

    def take(self, segment: Segment) -> None:
        """Take the next segment of it."""
        from_client = segment.source == self.client.address
        side, other_side = (self.client, self.server) if from_client else (self.server, self.client)
        side.take(segment)
        if segment.flags & ACK:
            other_side.acknowledge(segment.t, segment.acknowledged)
        if segment.flags & SYN:
            if from_client:
                self.asked = segment.t
            else:
                self.greeted = segment.t
        elif self.opened is None and self.greeted is not None and from_client:
            # the server has this acknowledgement as late as the client had the one before
            self.opened = segment.t + max(0.0, self.greeted - self.asked)
        if segment.flags & RST and self.reset_at is None:
            self.reset_by, self.reset_at = side, segment.t

    @property
    def is_over(self) -> bool:
        """Whether it was closed or reset."""
        return self.reset_at is not None or (
            self.client.finished is not None and self.server.finished is not None
        )


def connections(captured: Iterable[Segment]) -> tuple[list[Connection], int]:
    """Return the connections of a capture as they began, and how many had begun before it."""
    known: dict[tuple[Address, Address], Connection] = {}
    all_of_them: list[Connection] = []
    before: set[tuple[Address, Address]] = set()
    for segment in captured:
        key = min(segment.source, segment.target), max(segment.source, segment.target)
        connection = known.get(key)
        is_first = segment.flags & SYN and not segment.flags & ACK
        if is_first and (connection is None or _is_another(connection, segment)):
            connection = Connection(Side(segment.source), Side(segment.target), segment.t)
            known[key] = connection
            all_of_them.append(connection)
        if connection is None:
            before.add(key)
        else:
            connection.take(segment)
    return all_of_them, len(before)


def _is_another(connection: Connection, segment: Segment) -> bool:
    """Return whether a SYN opens another connection between the same ports."""
    first = connection.client.first
    return connection.is_over or (
        connection.greeted is not None and first != (segment.sequence + 1) % _WHOLE
    )
