"""What leaves a host's process: bytes and hang-ups, in order, some when the mail is stored."""

from __future__ import annotations

import asyncio

_Leaving = tuple[asyncio.Transport, bytes | None]
"""Bytes that are to go out on a connection, or None to hang up."""


class SendQueue:
    """The bytes that wait to leave.

    What is ``free`` promises nothing, and may go while the mail of others is stored; but on one
    connection all goes in its order.
    """

    def __init__(self) -> None:
        self._free: list[_Leaving] = []
        self._bound: list[_Leaving] = []
        self._withheld: list[_Leaving] = []
        self._waiting: set[asyncio.Transport] = set()

    def add(self, transport: asyncio.Transport, octets: bytes | None, *, free: bool) -> None:
        """Have bytes leave, or, with None, the connection be closed after them."""
        if free and transport not in self._waiting:
            self._free.append((transport, octets))
        else:
            self._bound.append((transport, octets))
            self._waiting.add(transport)

    def send_free(self) -> None:
        """Send what need not wait."""
        free, self._free = self._free, []
        _send(free)

    def send(self) -> None:
        """Send everything: all is stored."""
        self.send_free()
        bound, self._bound = self._bound, []
        self._waiting.clear()
        _send(bound)

    def withhold(self) -> None:
        """Keep what waits until :meth:`release`: the disk is busy with it."""
        self._withheld, self._bound = self._bound, []

    def release(self) -> None:
        """Send what was withheld, for it is on the disk."""
        held, self._withheld = self._withheld, []
        self._waiting = {transport for transport, _ in self._bound} if self._bound else set()
        _send(held)


def _send(leaving: list[_Leaving]) -> None:
    for transport, octets in leaving:
        if octets is None:
            transport.close()
        elif not transport.is_closing():
            transport.write(octets)
