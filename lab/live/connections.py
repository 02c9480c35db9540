"""Transmission channels over TCP, as a host's process has them: one that it opened, or answered."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final, cast

from lab.hosts.interception import reply_of
from lab.hosts.receiving import ReceivingSession, receiver_smtp
from lab.hosts.sending import QueueSender
from lab.protocol import (
    Crossing,
    Outgoing,
    ReceiverSMTP,
    Reply,
    SenderSMTP,
    State,
    Transaction,
    reply,
)
from lab.protocol.lines import END_OF_MAIL_DATA, dot_stuff, with_crlf
from lab.protocol.replies import CONNECTION, MAIL_DATA
from lab.protocol.script import ScriptedSender

if TYPE_CHECKING:
    from lab.live.host_process import HostProcess
    from lab.topology.model import FaultSpec

OUTSIDE: Final = "outside"
"""How the trace names a mail program that is no host of the topology."""

_SLICE: Final = 1 << 11
"""Bytes of commands that are taken from a session before others have their turn."""

_ENDS: Final = tuple(END_OF_MAIL_DATA[n:] for n in range(1, len(END_OF_MAIL_DATA)))
"""What may be left of the end of mail data where its beginning has come before."""

_AWAITED: Final = {CONNECTION: "no greeting", MAIL_DATA: "no reply to the mail data"}


class HostConnection(asyncio.Protocol):
    """A TCP connection, and whichever role this host plays on it; TURN changes that."""

    transport: asyncio.Transport

    def __init__(self, role: OutgoingConnection | IncomingConnection) -> None:
        self.role: OutgoingConnection | IncomingConnection = role
        self.is_stuck = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """There is TCP."""
        self.transport = cast(asyncio.Transport, transport)
        self.role.made(self.transport)

    def data_received(self, octets: bytes) -> None:
        """Bytes have come; what the network said before them is heard first."""
        if self.role.peer != OUTSIDE:
            self.role.station.listen()
        self.role.received(octets)

    def connection_lost(self, error: Exception | None) -> None:
        """There is no TCP any more."""
        if self.role.peer != OUTSIDE:
            self.role.station.listen()
        self.role.lost()

    def pause_writing(self) -> None:
        """Who does not read what we write is not read either."""
        self.is_stuck = True
        self.hold()

    def resume_writing(self) -> None:
        """What we wrote has left."""
        self.is_stuck = False
        self.role.go_on()

    def hold(self) -> None:
        """Read no more for now."""
        if not self.transport.is_closing():
            self.transport.pause_reading()

    def let(self) -> None:
        """Read on."""
        if not self.transport.is_closing() and not self.is_stuck:
            self.transport.resume_reading()


class OutgoingConnection:
    """The sender-SMTP's side of a session that this host opened."""

    number: int = 0

    def __init__(
        self,
        station: HostProcess,
        peer: str,
        environment: str,
        sender: SenderSMTP | ScriptedSender,
        errand: QueueSender | None,
    ) -> None:
        self.station = station
        self.peer = peer
        self.environment = environment
        self.sender = sender
        self.errand = errand
        self.ticket = station.ticket()
        self.channel = HostConnection(self)
        self.over = False
        self.is_external = bool(station.orders.topology.hosts[peer].external)
        self.since = station.clock.now
        self._mail: tuple[Outgoing | None, bool] = (None, False)

    @property
    def sends(self) -> Outgoing | None:
        """The mail of the transaction in progress."""
        return self.sender.outgoing if isinstance(self.sender, SenderSMTP) else None

    def made(self, transport: asyncio.Transport) -> None:
        """There is TCP to the network: ask to be joined to the other host."""
        port = transport.get_extra_info("sockname")[1]
        self.station.say(
            "call", self.ticket, port, self.peer, self.environment, self.errand is not None
        )

    def opened(self, number: int) -> None:
        """The channel to the other host is open."""
        self.number = number
        self.station.callers.pop(self.ticket, None)
        self.station.sessions.add(self)
        self.since = self.station.clock.now
        if self.errand is not None:
            self.errand.session = number

    def received(self, octets: bytes) -> None:
        """Bytes of the receiver-SMTP's."""
        if self.over:
            return
        self.since = now = self.station.clock.now
        if self.errand is not None:
            self.errand.now = now
        for kind, crossed in self.sender.receive(octets):
            if kind != "reply" and crossed:
                self._tell_mail(kind)
                if kind == "data" and self.is_external and self.sends is not None:
                    crossed = dot_stuff(with_crlf(self.sends.mail_data))
                self.station.write(self.channel.transport, crossed)
        self.station.soon()
        if isinstance(self.sender, SenderSMTP) and self.sender.turned:
            self._turn()
        elif self.sender.closing:
            self._finish(now)

    def go_on(self) -> None:
        """What we wrote has left."""
        self.channel.let()

    def _tell_mail(self, kind: str) -> None:
        """Before the first byte of mail crosses, tell which it is; at the data, for whom."""
        outgoing = self.sends
        told = (outgoing, kind == "data")
        if told == self._mail or self.errand is None:
            return
        self._mail = told
        if outgoing is None:
            self.station.say("mail", self.number, None, [], "", b"")
        elif kind == "data":
            message, ids = self.errand.identify(Transaction())
            path, octets = outgoing.reverse_path.bare, outgoing.mail_data
            local = [p.user for n, p in enumerate(outgoing.forward_paths) if outgoing.taken(n)]
            self.station.say("mail", self.number, message, ids, path, octets, local)
        else:
            self.station.say("mail", self.number, self.errand.message, [], "", b"")

    def _finish(self, now: float) -> None:
        self.over = True
        self.station.sessions.discard(self)
        if self.errand is not None:
            self.station._dirty.add(self.errand.queue.host)
            self.station.host.session_over(now, self.errand.queue)
        self.station.urge()
        self.station.hang_up(self.channel.transport)

    def _turn(self) -> None:
        """The roles change: from here on this host is the receiver-SMTP (section 3.8)."""
        self.over = True
        station = self.station
        station.sessions.discard(self)
        if self.errand is not None:
            station.host.session_over(station.clock.now, self.errand.queue)
        station.host.open_sessions += 1
        role = IncomingConnection(station, self.channel)
        self.channel.role = role
        role.begin((self.number, self.peer, self.environment, True))

    def leave(self) -> None:
        """There is no channel to be had."""
        self.over = True
        transport = getattr(self.channel, "transport", None)
        if transport is not None:
            transport.abort()

    def lost(self) -> None:
        """TCP is gone."""
        if self.over:
            return
        if self.ticket in self.station.callers:
            # it was no session yet, and nobody has said why
            self.station._unreachable(self.ticket, f"{self.peer} cannot be reached", True)
            return
        now = self.station.clock.now
        if self.errand is not None:
            self.errand.now = now
        self.sender.end_of_input()
        self._finish(now)

    def look_at_the_clock(self, now: float) -> None:
        """Give up where the receiver-SMTP takes too long."""
        errand, sender = self.errand, self.sender
        if errand is None or not isinstance(sender, SenderSMTP) or self.over:
            return
        patience = self.station.host.settings.timeouts
        if now - self.since <= patience.limit(sender.awaiting, errand.size):
            return
        what = _AWAITED.get(sender.awaiting, f"no reply to {sender.awaiting}")
        why = f"{what} came within {now - self.since:.3g} s"
        self.station.say("gave up", self.number, why)
        errand.now = now
        sender.give_up(why)
        self._finish(now)


class IncomingConnection:
    """The receiver-SMTP's side of a session."""

    sends = None
    errand = None
    receiver: ReceiverSMTP
    reception: ReceivingSession

    def __init__(self, station: HostProcess, channel: HostConnection | None = None) -> None:
        self.station = station
        self.channel = channel if channel is not None else HostConnection(self)
        self.number = 0
        self.peer = OUTSIDE
        self.over = False
        self.last = time.monotonic()
        self._known = False
        self._noted = 0
        self._given = 0
        self._changes: dict[int | None, FaultSpec] = {}
        self._more = bytearray()
        self._is_going_on = False

    def made(self, transport: asyncio.Transport) -> None:
        """Somebody has called: a host of the topology, or a mail program from outside."""
        station = self.station
        station.listen()
        station.host.open_sessions += 1
        end = transport.get_extra_info("peername")[:2]
        expected = station.expected.pop(end, None)
        if expected is None:
            self._from_outside()
        else:
            self.begin(expected)

    def begin(self, expected: tuple[int, str, str, bool]) -> None:
        """Greet a host of the topology."""
        self.number, self.peer, environment, self._known = expected
        self._greet(environment)

    def _from_outside(self) -> None:
        station = self.station
        self.number = station.numbering.next_session()
        environment = station.environment
        now = station.clock.now
        transport = station.orders.topology.environments[environment].transport
        name = station.host.name
        row = (now, "open", OUTSIDE, name, self.number, None, environment, transport)
        station.note([(*row, (OUTSIDE, name), now)])
        self._greet(environment)

    def _greet(self, environment: str) -> None:
        station = self.station
        station.sessions.add(self)
        self.reception = ReceivingSession(
            station.host, environment, self._identify, self.number, self.peer
        )
        self.reception.now = station.clock.now
        self.reception.enters = not self._known
        identity = station.host.settings
        if identity.store or identity.careless:
            self.reception.respond = self._respond
        self.receiver = self._engine()
        self._do(self.receiver.open())

    def _engine(self) -> ReceiverSMTP:
        """The receiver-SMTP; one whose replies a fault changes, where there is such."""
        faults = self.station.orders.topology.faults
        name, number = self.station.host.name, self.number
        mine = [one for one in faults if one.kind == "change-reply" and one.host == name]
        self._changes = {one.number: one for one in mine if one.session == number}
        return receiver_smtp(self.reception, self._next_reply if self._changes else None)

    def _next_reply(self) -> Reply | None:
        """What a fault has this reply be."""
        self._given += 1
        spec = self._changes.get(self._given)
        if spec is None:
            return None
        row = (self.reception.now, "fault", spec.host, self.peer, self.number, None)
        self.station.record((*row, spec.kind, True, spec.line))
        return reply_of(spec.line or "")

    def _identify(self, transaction: Transaction) -> tuple[int, list[str]]:
        if self._known:
            message, ids = self.station.message_of(self.number)
            if len(ids) == len(transaction.forward_paths):
                return message, ids
            # a command was changed on its way: this is not the mail that was sent
        self._note(self.receiver.crossed)
        number = self.station.numbering.next_message()
        texts = tuple(path.bare for path in transaction.forward_paths)
        row = (self.reception.now, "submit", self.station.host.name, None, None, number)
        path = transaction.reverse_path.bare
        self.station.record((*row, path, texts, transaction.verb, len(transaction.mail_data)))
        return number, [str(n) for n in range(1, len(texts) + 1)]

    def received(self, octets: bytes) -> None:
        """Bytes of the sender-SMTP's; much at once is taken slice by slice, others having turns."""
        if self.over:
            return
        self.last = time.monotonic()
        if self._more or self.receiver.is_waiting or self._first_slice(octets) < len(octets):
            self._more += octets
            self.channel.hold()
            self._go_on_soon()
        else:
            self._take(octets)

    def _first_slice(self, octets: bytes | bytearray) -> int:
        """How many of these bytes may be taken at once: a few commands, or mail data to its end."""
        if len(octets) <= _SLICE:
            return len(octets)
        if self.receiver.state is not State.DATA or octets.startswith(_ENDS):
            return _SLICE
        end = octets.find(END_OF_MAIL_DATA)
        return len(octets) if end < 0 else end + len(END_OF_MAIL_DATA)

    def _go_on_soon(self) -> None:
        if not self._is_going_on:
            self._is_going_on = True
            asyncio.get_running_loop().call_soon(self._next_slice)

    def _next_slice(self) -> None:
        self._is_going_on = False
        self.go_on()

    def go_on(self) -> None:
        """Take the next slice of what has come, if the last one's replies are on their way."""
        if self.over or self.channel.is_stuck or self.receiver.is_waiting:
            return
        size = self._first_slice(self._more)
        octets = bytes(self._more[:size])
        del self._more[:size]
        if octets:
            self._take(octets)
        if self._more:
            self._go_on_soon()
        else:
            self.channel.let()

    def _take(self, octets: bytes) -> None:
        station = self.station
        station.heard += 1
        self.reception.now = station.clock.now
        self._noted = 0
        puts = station.puts
        # of mail from outside the network may hear a little later; it goes on by what is said then
        station.is_patient = is_outside = self.peer == OUTSIDE
        events = self.receiver.receive(octets)
        station.is_patient = False
        self._do(events, free=is_outside and station.puts == puts)

    def _do(self, events: list[Crossing], *, free: bool = False) -> None:
        """Record what crossed, where nobody else does, and send the replies."""
        self._note(events)
        self._noted = 0
        for kind, octets in events:
            if kind == "reply":
                self.station.write(self.channel.transport, octets, free=free)
        if self._known:
            self.station.soon()
        if self.receiver.turned:
            self._turn()
        elif self.receiver.closing:
            self._finish("quit")

    def _note(self, events: list[Crossing]) -> None:
        if self.peer != OUTSIDE:
            return
        now, name, number = self.reception.now, self.station.host.name, self.number
        self.station.note(
            (now, kind, OUTSIDE, name, number, None, now, octets)
            if kind == "reply"
            else (now, kind, name, OUTSIDE, number, None, now, octets)
            for kind, octets in (events[self._noted :] if self._noted else events)
            if octets
        )
        self._noted = len(events)

    def _respond(self, verdict: Reply) -> None:
        if not self.over:
            self.reception.now = self.station.clock.now
            self._noted = 0
            self._do(self.receiver.answer(verdict))
            self.go_on()

    def _turn(self) -> None:
        """The roles change: from here on this host is the sender-SMTP (section 3.8)."""
        self.over = True
        station, host = self.station, self.station.host
        station.sessions.discard(self)
        host.open_sessions -= 1
        environment = self.reception.environment
        queue = host.spool.queue(self.peer, environment)
        queue.session = True
        queue.not_before = 0.0
        errand = QueueSender(host, queue)
        sender = SenderSMTP(host.settings.name_in(environment), errand)
        role = OutgoingConnection(station, self.peer, environment, sender, errand)
        role.channel = self.channel
        self.channel.role = role
        role.opened(self.number)

    def _finish(self, reason: str) -> None:
        if self.over:
            return
        self.over = True
        station = self.station
        station.sessions.discard(self)
        station.host.open_sessions -= 1
        station.identified.pop(self.number, None)
        self.receiver.end_of_input()
        if self.peer == OUTSIDE:
            row = (station.clock.now, "close", OUTSIDE, station.host.name, self.number, None)
            station.note([(*row, reason)])
        else:
            station.urge()
        station.hang_up(self.channel.transport, free=self.peer == OUTSIDE)

    def lost(self) -> None:
        """TCP is gone: as if RSET had come (section 4.1.1, QUIT)."""
        self._finish("end of input")

    def look_at_the_clock(self, now: float) -> None:
        """Close the channel to a sender-SMTP that says nothing for too long."""
        idle = self.station.orders.idle
        if self.peer != OUTSIDE or self.over or time.monotonic() - self.last < idle:
            return
        name = self.reception.name
        said = reply(421, f"{name} Nothing came for {idle:g} s, closing transmission channel")
        if self.receiver.state is not State.DATA:
            self._note([("reply", said.octets)])
            self._noted = 0
            self.station.write(self.channel.transport, said.octets)
        self._finish("cut: nothing was said for too long")
