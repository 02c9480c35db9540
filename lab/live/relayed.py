"""A session between two hosts' processes, as the network sees it: two TCP connections, joined.

What one host writes is cut into commands, mail data and replies, put on the emulated links as the
simulation would, and written to the other host when it arrives there.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, Final, cast

from lab.hosts.host import Host
from lab.hosts.interception import command_line
from lab.protocol import State
from lab.protocol.lines import END_OF_MAIL_DATA
from lab.protocol.replies import ReplyParser
from lab.protocol.syntax import verb_of
from lab.runtime.compiled import source_of

if TYPE_CHECKING:
    from lab.live.host_handle import HostHandle
    from lab.live.network import LiveNetwork
    from lab.simulation.session import ChannelRoute, Session, WatchedSession
else:
    # sessions with other things in the place of engines and hosts: compiled, they take no others
    _sessions = source_of("lab.simulation.session")
    Session, WatchedSession = _sessions.Session, _sessions.WatchedSession

LONGEST: Final = 128 << 20
"""Bytes of one command or mail that the network holds; what is longer cuts the session."""


class RelayPort(asyncio.Protocol):
    """The network's end of a TCP connection to a host."""

    def __init__(self, network: LiveNetwork) -> None:
        self.network = network
        self.session: LiveSession | None = None
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """There is TCP; a session that was cut in the meantime wants none any more."""
        self.transport = cast(asyncio.Transport, transport)
        self.network.relays.add(self)
        if self.session is not None and self.session.closed:
            self.transport.close()

    def data_received(self, octets: bytes) -> None:
        """Bytes from the host."""
        if self.session is not None:
            self.network.catch_up()
            self.session.heard(self, octets)
            self.network.changed.set()

    def connection_lost(self, error: Exception | None) -> None:
        """The host has hung up, or is no more."""
        self.network.relays.discard(self)
        self.network.lost(self)
        if self.session is not None:
            self.network.catch_up()
            self.session.hung_up(self)
            self.network.changed.set()

    def write(self, octets: bytes) -> None:
        """Send bytes, if anybody is there."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(octets)

    def close(self) -> None:
        """Hang up, when what was written has left."""
        if self.transport is not None:
            self.transport.close()


class _Errand:
    """What the network knows of the mail on its way in a session."""

    def __init__(self, ticket: int) -> None:
        self.queue = self
        self.ticket = ticket
        self.now = 0.0
        self.message: int | None = None
        self.ids: list[str] = []
        self.path = ""
        self.octets = b""
        self.users: list[str] = []

    def abort(self) -> None:
        """The host has crashed: its mail is in its stable storage."""


class _Engine:
    """Where an engine's place is in :class:`Session`: which of the buffers the bytes are for."""

    def __init__(self, session: LiveSession) -> None:
        self.session = session
        self.state = State.READY
        self.now = 0.0
        self.closing = False

    def end_of_input(self) -> None:
        """The engine is in another process, which finds out for itself."""

    def receive(self, octets: bytes) -> None:
        """The last bytes before a cut."""
        self.session.answerer.write(octets)


class LiveSession(Session):
    """A session whose engines are in two other processes."""

    # no slots: with them no session could be both live and watched
    simulation: LiveNetwork

    def __init__(
        self,
        network: LiveNetwork,
        host: HostHandle,
        peer: HostHandle,
        way: ChannelRoute,
        ticket: int,
        caller: RelayPort,
        *,
        is_script: bool,
    ) -> None:
        errand: Any = None if is_script else _Errand(ticket)
        engine: Any = _Engine(self)
        self.ticket = ticket
        of: Any = host
        to: Any = peer
        super().__init__(network, of, to, way, engine, errand)
        self.receiver = self.reception = engine
        self.caller = caller
        self.answerer = RelayPort(network)
        caller.session = self.answerer.session = self
        self._begin_role()
        self._last = 0
        self._said = 0

    def _begin_role(self) -> None:
        self._buffer = bytearray()
        self._replies = ReplyParser()
        self._kinds: deque[str] = deque()
        self._verb = ""
        self._turning = False
        self.receiver.state = State.READY

    def patient_until(self) -> float:
        """The hosts look at their own clocks."""
        return float("inf")

    def _begin(self, now: float, number: int) -> None:
        network = self.simulation
        host: Any = self.host
        network.numbered[number] = self
        host.send("open", self.ticket, number)
        network.spawn(self._join(number))

    async def _join(self, number: int) -> None:
        """Open TCP to the host that is called."""
        peer: Any = self.peer
        try:
            await peer.join(self, number)
        except OSError as error:
            self.simulation.catch_up()
            self.cut(f"{self.there} cannot be reached: {error.strerror or error}")

    # -- what the hosts say ---------------------------------------------------------------------

    def heard(self, plug: RelayPort, octets: bytes) -> None:
        """Bytes from one of the two hosts."""
        if self.closed:
            return
        if plug is self.caller:
            self._from_sender(octets)
        else:
            self._from_receiver(octets)

    def _from_sender(self, octets: bytes) -> None:
        self._buffer += octets
        now = self.env.now
        while self._buffer and not self.closed:
            end = self._end_of_unit()
            if end < 0:
                if len(self._buffer) > LONGEST:
                    self.cut("more came than the network holds")
                return
            unit = bytes(self._buffer[:end])
            del self._buffer[:end]
            data = self.receiver.state is State.DATA
            self._kinds.append("data" if data else "command")
            self._verb = "data" if data else verb_of(unit)
            self.forth.send(unit, now)

    def _end_of_unit(self) -> int:
        """Where the command, or the mail data, ends; -1 where it does not yet."""
        if self.receiver.state is not State.DATA:
            found = self._buffer.find(b"\r\n")
            return found + 2 if found >= 0 else -1
        if self._buffer.startswith(b".\r\n"):
            return 3
        found = self._buffer.find(END_OF_MAIL_DATA)
        return found + len(END_OF_MAIL_DATA) if found >= 0 else -1

    def _from_receiver(self, octets: bytes) -> None:
        now = self.env.now
        try:
            replies = self._replies.feed(octets)
        except ValueError as why:
            self.cut(f"{self.there} does not speak SMTP: {why}")
            return
        for code, _, whole in replies:
            if code == 354:
                self.receiver.state = State.DATA
            elif self._verb == "data" and code < 300:
                self.simulation.taken_outside(self, now)
            self._last = code
            self.say(whole, now)

    def hung_up(self, plug: RelayPort) -> None:
        """One of the two hosts has closed its connection."""
        if self.closed:
            return
        if self.number is None:
            if plug is self.caller:
                self.cut(f"{self.here} hung up")
            return
        if plug is self.caller:
            self.close("quit" if self._last == 221 else "closed")
        elif self._last not in (221, 421):
            self.cut(f"{self.there} hung up")

    # -- what arrives ---------------------------------------------------------------------------

    def _at_receiver(self, arrival: Any) -> None:
        if not self.forth.alive:
            return
        kind = self._kinds.popleft()
        self._change_command(arrival)
        errand: Any = self.errand
        message = errand.message if errand is not None else None
        row = (
            arrival.at, kind, self.there, self.here, self.number, message, arrival.sent,
            arrival.octets,
        )  # fmt: skip
        self.record(row)
        if kind == "data":
            self.receiver.state = State.READY
            peer: Any = self.peer
            if errand is not None:
                peer.send("identify", self.number, message, errand.ids)
        self._turning = verb_of(arrival.octets) == "TURN"
        self.answerer.write(arrival.octets)

    def _change_command(self, arrival: Any) -> None:
        """What a fault has the sender-SMTP say in the place of what it said."""
        self._said += 1
        changes = self.simulation.faults.changes
        spec = changes.get(("change-command", self.number, self._said))
        if spec is not None and spec.host == self.here:
            said = arrival.octets.split(b"\r\n", 1)[0].decode("latin-1")
            row = (self.env.now, "fault", spec.host, self.there, self.number, None)
            self.record((*row, spec.kind, True, f"{spec.line} in place of {said}"))
            arrival.octets = command_line(spec.line or "")

    def _at_sender(self, arrival: Any) -> None:
        if not self.back.alive:
            return
        message = self.errand.message if self.errand is not None else None
        octets = arrival.octets
        row = (
            arrival.at, "reply", self.here, self.there, self.number, message, arrival.sent, octets,
        )  # fmt: skip
        self.record(row)
        self.caller.write(octets)
        if self._turning and octets.startswith(b"250") and self.errand is not None:
            self._turn(arrival.at)

    def _turn(self, now: float) -> None:
        """The hosts change roles by themselves; from here on what each says is the other's part."""
        self.host, self.peer = self.peer, self.host
        self.here, self.there = self.there, self.here
        self.caller, self.answerer = self.answerer, self.caller
        forth, back = self.forth.way, self.back.way
        self.forth.cut()
        self.back.cut()
        self._lay(back, forth)
        errand: Any = _Errand(0)
        self.errand = errand
        self._begin_role()

    # -- the end --------------------------------------------------------------------------------

    def close(self, reason: str) -> None:
        """The sender-SMTP has closed the channel."""
        super().close(reason)
        self._hang_up_both()

    def cut(self, reason: str, crashed: Host | None = None) -> None:
        """The channel is gone: each side finds out."""
        super().cut(reason, crashed)
        self._hang_up_both()

    def gave_up(self, why: str) -> None:
        """The sender-SMTP has waited for too long."""
        if not self.closed:
            self._end(f"cut: {why}")
            self._hang_up_both()

    def _end(self, reason: str) -> None:
        super()._end(reason)
        if self.number is not None:
            self.simulation.numbered.pop(self.number, None)

    def _dissolve(self) -> None:
        """The engines are in two other processes, and hold nothing here."""

    def _hang_up_both(self) -> None:
        for plug in (self.caller, self.answerer):
            plug.close()


class LiveWatchedSession(WatchedSession, LiveSession):
    """The same, followed word by word for a fault to cut it at its place."""
