"""The bytes that wait to leave a host's process, some of them until mail is stored."""

from __future__ import annotations

import asyncio

_Leaving = tuple[asyncio.Transport, bytes | None]
"""Bytes to be sent on a connection, b"" to close this direction of it, or None to close it."""


class SendQueue:
    """The bytes and closings that wait to leave, in order on each connection.

    What is ``free`` promises nothing, and may leave while the mail of others is being stored.
    """

    def __init__(self) -> None:
        self._free: list[_Leaving] = []
        self._bound: list[_Leaving] = []
        self._withheld: list[_Leaving] = []
        self._waiting: set[asyncio.Transport] = set()

    def add(self, transport: asyncio.Transport, octets: bytes | None, *, free: bool) -> None:
        """Add bytes to be sent on a connection; or, with None, close it after them."""
        if free and transport not in self._waiting:
            self._free.append((transport, octets))
        else:
            self._bound.append((transport, octets))
            self._waiting.add(transport)

    def send_free(self) -> None:
        """Send what need not wait for storage."""
        free, self._free = self._free, []
        _send(free)

    def send(self) -> None:
        """Send everything: everything is stored."""
        self.send_free()
        bound, self._bound = self._bound, []
        self._waiting.clear()
        _send(bound)

    def withhold(self) -> None:
        """Hold back what waits until :meth:`release`: the disk is busy with it."""
        self._withheld, self._bound = self._bound, []

    def release(self) -> None:
        """Send what was held back: it is on the disk."""
        held, self._withheld = self._withheld, []
        self._waiting = {transport for transport, _ in self._bound} if self._bound else set()
        _send(held)


def _send(leaving: list[_Leaving]) -> None:
    for transport, octets in leaving:
        try:
            _send_one(transport, octets)
        except Exception:  # what it is, its session hears as the connection is lost
            transport.abort()


def _send_one(transport: asyncio.Transport, octets: bytes | None) -> None:
    if octets is None:
        transport.close()
    elif octets and not transport.is_closing():
        transport.write(octets)
    elif not transport.is_closing():
        transport.write_eof()
