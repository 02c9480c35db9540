"""How the partitions of a run exchange messages: once a window, each with each of the others.

Sending does not wait until the other has received.
"""

from __future__ import annotations

import marshal
import socket
from collections.abc import Sequence
from contextlib import suppress
from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector
from typing import Any, Final, Protocol

from lab.simulation.partitioned.remote import Message

BUFFER: Final = 1_048_576
"""Bytes that a pipe should hold."""

_SIZE: Final = 4

Report = tuple[Any, ...]
"""What a partition reports to all others: numbers."""


def pipe() -> tuple[socket.socket, socket.socket]:
    """Return the ends of a pipe both ways."""
    ends = socket.socketpair()
    for end in ends:
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            with suppress(OSError):  # the system may allow less
                end.setsockopt(socket.SOL_SOCKET, option, BUFFER)
    return ends


class AnyPeers(Protocol):
    """The other partitions, as one of them sees them.

    What each of them sends is received in the order in which it was sent. All raise EOFError or
    OSError where one has ended.
    """

    def send(self, report: Report, outboxes: list[list[Message]]) -> None:
        """Send each partition the report and its outbox, which is emptied."""

    def receive(self) -> list[tuple[Report, list[Message]]]:
        """Return what each of the others has sent next."""

    def flush(self) -> None:
        """Wait until everything is sent."""


class _Peer:
    """The end of a pipe to another partition: what is yet to be sent, and what has come."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        self._end = end
        self._out = bytearray()
        self._received = b""
        self._room = memoryview(bytearray(BUFFER))
        self._ready = DefaultSelector()
        self._ready.register(end, EVENT_READ)

    def send(self, octets: bytes) -> None:
        """Send as much as the pipe takes; the rest goes while this end waits for the other."""
        self._out += len(octets).to_bytes(_SIZE, "big")
        self._out += octets
        self._push()

    def receive(self) -> Any:
        """Wait for the next message."""
        received = self._received
        while len(received) < _SIZE or len(received) < self._whole(received):
            try:
                count = self._end.recv_into(self._room)
            except BlockingIOError:
                self._wait(EVENT_READ)
                continue
            if not count:
                raise EOFError
            received += self._room[:count]
        whole = self._whole(received)
        self._received = received[whole:]
        return marshal.loads(received[_SIZE:whole])

    def flush(self) -> None:
        """Wait until everything is sent."""
        while self._out:
            self._wait(0)

    def _push(self) -> None:
        with suppress(BlockingIOError):
            while self._out:
                del self._out[: self._end.send(self._out)]

    def _wait(self, events: int) -> None:
        """Wait for these events, and for the pipe to take what is yet to be sent."""
        self._ready.modify(self._end, events | (EVENT_WRITE if self._out else 0))
        self._ready.select()
        self._push()

    @staticmethod
    def _whole(received: bytes) -> int:
        return _SIZE + int.from_bytes(received[:_SIZE], "big")


class Peers:
    """The pipes from one partition to all others, by their numbers; its own place is None.

    What each of the others sends is received in the order in which it was sent. Raises EOFError or
    OSError where one has ended.
    """

    def __init__(self, ends: Sequence[socket.socket | None]) -> None:
        self._peers = {number: _Peer(end) for number, end in enumerate(ends) if end is not None}

    def send(self, report: Report, outboxes: list[list[Message]]) -> None:
        """Send each partition the report and its outbox, which is emptied."""
        for number, peer in self._peers.items():
            peer.send(marshal.dumps((report, outboxes[number])))
            outboxes[number] = []

    def receive(self) -> list[tuple[Report, list[Message]]]:
        """Return what each of the others has sent next."""
        return [peer.receive() for peer in self._peers.values()]

    def flush(self) -> None:
        """Wait until everything is sent."""
        for peer in self._peers.values():
            peer.flush()
