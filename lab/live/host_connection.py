"""A TCP connection of a host's process, as the event loop sees it."""

from __future__ import annotations

import asyncio
from typing import cast

from lab.live.failures import contained
from lab.live.open_session import OpenSession


class HostConnection(asyncio.Protocol):
    """A TCP connection, with the role that this host has on it; TURN changes the role."""

    transport: asyncio.Transport

    def __init__(self, role: OpenSession) -> None:
        self.role = role
        self.is_stuck = False

    def failed(self, error: Exception) -> None:
        """End the session, and nothing else, as something in it has failed."""
        self.role.failed(error)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin: the connection has been made."""
        self.transport = cast(asyncio.Transport, transport)
        self._begin()

    @contained
    def _begin(self) -> None:
        self.role.connected(self.transport)

    @contained
    def data_received(self, octets: bytes) -> None:
        """Handle bytes, after what the network sent before them."""
        self.role.hear_network()
        self.role.received(octets)

    def eof_received(self) -> bool:
        """Note that the peer sends nothing more; return whether it may still receive replies."""
        try:
            return self.role.input_ended()
        except Exception as error:
            self.failed(error)
            return False

    @contained
    def connection_lost(self, error: Exception | None) -> None:
        """End the session: the connection is gone."""
        self.role.hear_network()
        self.role.disconnected(has_all_left=error is None)

    @contained
    def pause_writing(self) -> None:
        """Stop reading from a peer that does not read what we write."""
        self.is_stuck = True
        self.pause()

    @contained
    def resume_writing(self) -> None:
        """Read on: what we wrote has left."""
        self.is_stuck = False
        self.role.go_on()

    def pause(self) -> None:
        """Stop reading for now."""
        if not self.transport.is_closing():
            self.transport.pause_reading()

    def resume(self) -> None:
        """Read on, unless the peer does not read."""
        if not self.transport.is_closing() and not self.is_stuck:
            self.transport.resume_reading()
