"""How the parts of a run meet: each tells each of the others, and hears of it, once a window."""

from __future__ import annotations

import marshal
import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

from lab.parts.far import Message

SMALL: Final = 32_768
"""Bytes that a pipe takes without anybody reading at its other end: what is told at once."""

BUFFER: Final = 262_144
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
    """The end of a pipe to another part, and what has come of its next message."""

    def __init__(self, plug: socket.socket) -> None:
        self._plug = plug
        self._come = b""
        self._room = memoryview(bytearray(BUFFER))

    def tell(self, octets: bytes) -> None:
        self._plug.sendall(len(octets).to_bytes(_SIZE, "big") + octets)

    def hear(self) -> Any:
        come = self._come
        while len(come) < _SIZE or len(come) < self._whole(come):
            count = self._plug.recv_into(self._room)
            if not count:
                raise EOFError
            come += self._room[:count]
        whole = self._whole(come)
        self._come = come[whole:]
        return marshal.loads(come[_SIZE:whole])

    @staticmethod
    def _whole(come: bytes) -> int:
        return _SIZE + int.from_bytes(come[:_SIZE], "big")


class Peers:
    """The pipes from one part to all others, by their numbers; its own place is None."""

    def __init__(self, part: int, plugs: Sequence[socket.socket | None]) -> None:
        self.part = part
        self._peers = {number: _Peer(plug) for number, plug in enumerate(plugs) if plug is not None}

    def meet(
        self, about: About, outboxes: list[list[Message]]
    ) -> list[tuple[About, list[Message]]]:
        """Tell each part ``about`` and its outbox, which is emptied; what the others tell.

        Raises EOFError or OSError where a part is there no more.
        """
        large = {}
        for number, peer in self._peers.items():
            octets = marshal.dumps((about, outboxes[number]))
            outboxes[number] = []
            if len(octets) > SMALL:
                large[number] = octets
                octets = marshal.dumps((about, None))
            peer.tell(octets)
        heard = {number: peer.hear() for number, peer in self._peers.items()}
        # if both wrote much at once, both would wait for the other to read: the lower number begins
        for number, peer in self._peers.items():
            if number > self.part and number in large:
                peer.tell(large[number])
            if heard[number][1] is None:
                heard[number] = peer.hear()
            if number < self.part and number in large:
                peer.tell(large[number])
        return list(heard.values())
