"""How the parts of a run meet: each tells each of the others, and hears of it, once a window.

Telling does not wait for the other to listen.
"""

from __future__ import annotations

import marshal
import socket
from collections.abc import Sequence
from contextlib import suppress
from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector
from typing import Any, Final

from lab.simulation.partitioned.remote import Message

BUFFER: Final = 1_048_576
"""Bytes that a pipe is asked to hold."""

_SIZE: Final = 4

About = tuple[Any, ...]
"""What a part tells all others: numbers."""


def pipe() -> tuple[socket.socket, socket.socket]:
    """A pipe both ways."""
    ends = socket.socketpair()
    for end in ends:
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            with suppress(OSError):  # it is a wish: the system has its limits
                end.setsockopt(socket.SOL_SOCKET, option, BUFFER)
    return ends


class _Peer:
    """The end of a pipe to another part: what is yet to be sent, and what has come."""

    def __init__(self, plug: socket.socket) -> None:
        plug.setblocking(False)
        self._plug = plug
        self._out = bytearray()
        self._come = b""
        self._room = memoryview(bytearray(BUFFER))
        self._ready = DefaultSelector()
        self._ready.register(plug, EVENT_READ)

    def tell(self, octets: bytes) -> None:
        """Send as much as the pipe takes; the rest goes while this part waits for the other."""
        self._out += len(octets).to_bytes(_SIZE, "big")
        self._out += octets
        self._push()

    def hear(self) -> Any:
        come = self._come
        while len(come) < _SIZE or len(come) < self._whole(come):
            try:
                count = self._plug.recv_into(self._room)
            except BlockingIOError:
                self._wait(EVENT_READ)
                continue
            if not count:
                raise EOFError
            come += self._room[:count]
        whole = self._whole(come)
        self._come = come[whole:]
        return marshal.loads(come[_SIZE:whole])

    def flush(self) -> None:
        while self._out:
            self._wait(0)

    def _push(self) -> None:
        with suppress(BlockingIOError):
            while self._out:
                del self._out[: self._plug.send(self._out)]

    def _wait(self, events: int) -> None:
        """Wait for these, and for the pipe to take what is yet to be sent."""
        self._ready.modify(self._plug, events | (EVENT_WRITE if self._out else 0))
        self._ready.select()
        self._push()

    @staticmethod
    def _whole(come: bytes) -> int:
        return _SIZE + int.from_bytes(come[:_SIZE], "big")


class Peers:
    """The pipes from one part to all others, by their numbers; its own place is None.

    What the others tell is heard in the order in which they told it. Where one is there no more,
    EOFError or OSError is raised.
    """

    def __init__(self, plugs: Sequence[socket.socket | None]) -> None:
        self._peers = {number: _Peer(plug) for number, plug in enumerate(plugs) if plug is not None}

    def tell(self, about: About, outboxes: list[list[Message]]) -> None:
        """Tell each part ``about`` and its outbox, which is emptied."""
        for number, peer in self._peers.items():
            peer.tell(marshal.dumps((about, outboxes[number])))
            outboxes[number] = []

    def hear(self) -> list[tuple[About, list[Message]]]:
        """What each of the others has told next."""
        return [peer.hear() for peer in self._peers.values()]

    def flush(self) -> None:
        """Wait until all that was told is on its way."""
        for peer in self._peers.values():
            peer.flush()
