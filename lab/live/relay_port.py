"""The network's end of a TCP connection to a host, and who may make one."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable
from typing import Final, Protocol, cast

from lab.live.driver import SECRET, LiveDriver
from lab.live.failures import contained, reason_of_failure
from lab.live.host_handle import HostHandle

_UNKNOWN: Final = 5.0
"""Seconds that a connection to the network may take to show that it is a host's."""


class RelayUser(Protocol):
    """The session whose bytes a port carries, as the port sees it."""

    @property
    def is_over(self) -> bool:
        """Whether the session is closed or cut."""

    def failed(self, error: Exception) -> None:
        """End the session, as something of the network's has failed in it."""

    def host_at(self, port: RelayPort) -> HostHandle:
        """Return the host at the other end of a port."""

    def is_scripted(self, port: RelayPort) -> bool:
        """Return whether a port is of a host whose replies the file sets byte for byte."""

    def received(self, port: RelayPort, octets: bytes) -> None:
        """Take bytes from one of the two hosts."""

    def hung_up(self, port: RelayPort) -> None:
        """Note that one of the two hosts has closed its connection."""


class RelayPort(asyncio.Protocol):
    """The network's end of a TCP connection to a host."""

    def __init__(self, network: LiveDriver) -> None:
        self.network = network
        self.session: RelayUser | None = None
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the new TCP connection; close it if its session has been cut meanwhile."""
        self.transport = cast(asyncio.Transport, transport)
        self.network.relay_opened(self)
        self._begin()

    def failed(self, error: Exception) -> None:
        """End the session, and nothing else, as something of the network's has failed in it."""
        if self.session is not None:
            self.session.failed(error)
        else:
            self.network.note_failure(reason_of_failure(error))
        self.abort()

    @contained
    def _begin(self) -> None:
        if self.session is not None and self.session.is_over:
            self.close()

    @contained
    def data_received(self, octets: bytes) -> None:
        """Pass bytes from the host on to its session."""
        session, network = self.session, self.network
        if session is not None:
            network.advance()
            session.host_at(self).receive_what_was_sent()  # what it has said before these bytes
            session.received(self, octets)
            network.pump()

    def eof_received(self) -> bool:
        """Tell the session that the host sends nothing more; return whether it may still read.

        Only a scripted host closes one direction of a connection; others have closed both.
        """
        return bool(self._has_half_closed())

    @contained
    def _has_half_closed(self) -> bool:
        session = self.session
        if session is None or not session.is_scripted(self):
            return False
        self.network.catch_up()
        session.hung_up(self)
        self.network.pump()
        return True

    @contained
    def connection_lost(self, error: Exception | None) -> None:
        """Tell the session that the host has hung up, or that its process has ended."""
        self.network.relay_closed(self)
        if self.session is not None:
            self.network.catch_up()
            self.session.hung_up(self)
            self.network.pump()

    @property
    def has_left(self) -> bool:
        """Whether all that was written has left this process."""
        return self.transport is None or self.transport.get_write_buffer_size() == 0

    def write(self, octets: bytes) -> None:
        """Send bytes to the host, if it is connected."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(octets)

    def abort(self) -> None:
        """Hang up at once; what has not left is lost."""
        if self.transport is not None:
            self.transport.abort()

    def close(self) -> None:
        """Hang up, once what was written has been sent."""
        if self.transport is not None:
            self.transport.close()


class RelayListener(RelayPort):
    """A TCP connection from a host. Until its first bytes have come, it may be a stranger's.

    ``known`` is called with it and with the port from which the host has connected.
    """

    def __init__(self, network: LiveDriver, known: Callable[[RelayPort, int], None]) -> None:
        super().__init__(network)
        self._known = known
        self._is_known = False
        self._begun = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the secret with which a host begins; anybody may connect here."""
        super().connection_made(transport)
        asyncio.get_running_loop().call_later(_UNKNOWN, self._give_up)

    def _give_up(self) -> None:
        if not self._is_known:
            self.abort()

    @contained
    def data_received(self, octets: bytes) -> None:
        """Take the secret, and then what the host sends.

        The host reports on its control channel what the connection is for.
        """
        if self._is_known:
            super().data_received(octets)
            return
        self._begun += octets
        begun, rest = self._begun[:SECRET], self._begun[SECRET:]
        if len(begun) < SECRET:
            return
        end = self.transport.get_extra_info("peername") if self.transport is not None else None
        if not hmac.compare_digest(begun, self.network.relay_secret) or end is None:
            self.abort()
            return
        self._is_known = True
        self._known(self, end[1])
        if rest:
            super().data_received(rest)
