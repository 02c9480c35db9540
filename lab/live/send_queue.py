"""The bytes that wait to leave a host's process, some of them until mail is stored."""

from __future__ import annotations

import asyncio

_Leaving = tuple[asyncio.Transport, bytes | None]
"""Bytes to be sent on a connection, b"" to close this direction of it, or None to close it."""


class SendQueue:
    """The bytes and closings that wait to leave, in order on each connection.

    What is ``free`` promises nothing, and may leave while the mail of others is being stored. What
    is ``early`` must not be undone if this process ends, and may leave when that is written, before
    the disk has confirmed it. Everything else waits for the disk.
    """

    def __init__(self) -> None:
        self._free: list[_Leaving] = []
        self._early: list[_Leaving] = []
        self._before: set[asyncio.Transport] = set()
        self._bound: list[_Leaving] = []
        self._withheld: list[_Leaving] = []
        self._waiting: set[asyncio.Transport] = set()

    def add(
        self,
        transport: asyncio.Transport,
        octets: bytes | None,
        *,
        free: bool = False,
        early: bool = False,
    ) -> None:
        """Add bytes to be sent on a connection; or, with None, close it after them."""
        if transport in self._waiting or not (free or early):
            self._bound.append((transport, octets))
            self._waiting.add(transport)
        elif free and transport not in self._before:
            self._free.append((transport, octets))
        else:
            self._early.append((transport, octets))
            self._before.add(transport)

    @property
    def has_early(self) -> bool:
        """Whether something waits only for what is to be written."""
        return bool(self._early)

    def send_free(self) -> None:
        """Send what need not wait for storage."""
        free, self._free = self._free, []
        _send(free)

    def send_early(self) -> None:
        """Send what need not wait for the disk: everything is written."""
        self.send_free()
        early, self._early = self._early, []
        self._before.clear()
        _send(early)

    def send(self) -> None:
        """Send everything: everything is stored."""
        self.send_early()
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
