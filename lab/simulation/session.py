"""A session: two engines with a channel between them, driven by SimPy's clock."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from lab.hosts.host import Host
from lab.hosts.receiving import ReceivingSession, receiver_smtp
from lab.hosts.sending import QueueSender
from lab.hosts.timeouts import Timeouts
from lab.network.channel import Route, Stream
from lab.network.events import Delivery, Ticket, Timer
from lab.network.link import LinkDirection
from lab.network.paths import PathFinder
from lab.network.transport import Transport
from lab.protocol import ReceiverSMTP, Reply, SenderSMTP, State, Transaction
from lab.protocol.replies import CONNECTION, MAIL_DATA
from lab.protocol.script import ScriptedSender
from lab.protocol.syntax import verb_of
from lab.quantities import parse_size

if TYPE_CHECKING:
    from lab.simulation.simulation import Simulation
    from lab.topology.model import FaultSpec

_CLOSED: Final = State.CLOSED
_DATA: Final = State.DATA
_AWAITED: Final = {CONNECTION: "no greeting", MAIL_DATA: "no reply to the mail data"}


def _nothing(_: Any) -> None:
    """A verdict after the end of a session goes nowhere."""


class ChannelRoute:
    """How channels from one host to another go: ways there and back, transport, nodes, links."""

    __slots__ = ("back", "environment", "forth", "links", "nodes", "opening", "transport")

    def __init__(
        self,
        reach: PathFinder,
        host: str,
        peer: str,
        environment: str,
        transport: Transport,
        tickets: Mapping[str, Ticket],
    ) -> None:
        self.links = reach.path(host, peer, environment)
        there, nodes = reach.ways(host, self.links)
        back, _ = reach.ways(peer, tuple(reversed(self.links)))
        self.forth = Route(tuple(there), transport, tickets[host])
        self.back = Route(tuple(back), transport, tickets[peer])
        self.nodes = tuple(nodes)
        self.environment = environment
        self.transport = transport
        self.opening = self._fixed_opening()

    def _fixed_opening(self) -> float | None:
        """Seconds that opening takes where only latency lies on the way; else None."""
        there, back = self.forth.delay, self.back.delay
        if there is None or back is None:
            return None
        trips = len(self.transport.opening)
        return self.transport.setup + there * (trips - trips // 2) + back * (trips // 2)


class Session:
    """Two engines with a channel between them.

    ``sender`` and ``receiver`` are the engines, ``errand`` what the sender is about (None for a
    script), ``reception`` what the receiver asks. ``closed`` tells of the sender-SMTP's end of the
    channel, ``left`` of the receiver-SMTP's: neither knows of the other but by what has crossed, or
    by what befalls them both.
    """

    __slots__ = (
        "back", "closed", "env", "errand", "forth", "here", "host", "left", "number", "peer",
        "receiver", "reception", "record", "sender", "simulation", "started", "there",
        "trips", "way",
    )  # fmt: skip

    def __init__(
        self,
        simulation: Simulation,
        host: Host,
        peer: Host,
        way: ChannelRoute,
        sender: SenderSMTP | ScriptedSender,
        errand: QueueSender | None,
    ) -> None:
        self.simulation = simulation
        self.env = simulation.env
        self.record = simulation.record
        self.host = host
        self.peer = peer
        self.here = host.name
        self.there = peer.name
        self.way = way
        self.sender = sender
        self.errand = errand
        self.number: int | None = None
        self.trips = 0
        self.started = simulation.env.now
        self.closed = self.left = False
        self._lay(way.forth, way.back)
        self._enter()

    def _enter(self) -> None:
        """Let the simulation know of the session, and look after its sender-SMTP's patience."""
        simulation = self.simulation
        simulation.sessions[id(self)] = self
        if not simulation.is_watching_patience:
            simulation.watch_patience()

    def _depart(self) -> None:
        """The sender-SMTP's end of the channel is closed: nothing that is under way arrives."""
        self.closed = True
        self.forth.cut()
        self.back.cut()
        self.simulation.sessions.pop(id(self), None)

    def _lay(self, forth: Route, back: Route) -> None:
        """Lay the channel from the sender-SMTP to the receiver-SMTP and back."""
        self.forth = Stream(self.env, forth, self._at_receiver)
        self.back = Stream(self.env, back, self._at_sender)
        if self.way.opening is None:
            self.forth.on_loss = self.back.on_loss = self._lost

    def open(self) -> None:
        """Begin to open the channel: the control messages of the transport service."""
        way, now = self.way, self.started
        place = way.forth.ticket()
        if way.opening is not None:
            self._open_at(now + way.opening, place)
            return
        self.forth.deliver = self.back.deliver = self._set_up
        Timer(self.env, now + way.transport.setup, self._set_up, None, place)

    def _open_at(self, at: float, place: int) -> None:
        """Be open at a time, if nothing comes between."""
        Delivery(self.env, at, self._opened, b"", self.started, place)

    def _set_up(self, _: Any) -> None:
        """One control message has arrived (or none has been sent): send the next, or be open."""
        if not self.forth.alive:
            return
        done = self.trips
        opening = self.way.transport.opening
        self.trips += 1
        if done < len(opening):
            leg = self.forth if done % 2 == 0 else self.back
            leg.control(opening[done], self.simulation.env.now)
            return
        self.forth.deliver, self.back.deliver = self._at_receiver, self._at_sender
        self._opened(None)

    def _opened(self, _: Any) -> None:
        if not self.forth.alive:
            return
        simulation, way = self.simulation, self.way
        now = simulation.env.now
        self.number = number = simulation.next_session(self.here)
        row = (
            now, "open", self.here, self.there, number, None,
            way.environment, way.transport.name, way.nodes, self.started,
        )  # fmt: skip
        self.record(row)
        self._begin(now, number)

    def _begin(self, now: float, number: int) -> None:
        """Both ends know of the channel, and the receiver-SMTP greets."""
        errand = self.errand
        if errand is not None:
            errand.session = number
            errand.now = now
        self._greet(now, number)

    def _greet(self, now: float, number: int) -> None:
        """Put the receiver-SMTP to work."""
        peer = self.peer
        environment = self.way.environment
        identify = self._identifier()
        self.reception = reception = ReceivingSession(
            peer, environment, identify, number, self.here
        )
        reception.now = now
        reception.enters = self.errand is None
        identity = peer.settings
        if identity.store or identity.careless:
            reception.respond = self._respond
        self.receiver = receiver = self._engine(reception)
        peer.open_sessions += 1
        self.left = False
        for _, octets in receiver.open():
            self.say(octets, now)
        if receiver.state is _CLOSED:
            self._leave()

    def _engine(self, reception: ReceivingSession) -> ReceiverSMTP:
        """The receiver-SMTP of the session."""
        return receiver_smtp(reception)

    def patient_until(self) -> float:
        """When the sender-SMTP will have waited for too long; scripts wait for ever."""
        errand, sender = self.errand, self.sender
        if errand is None or not isinstance(sender, SenderSMTP):
            return math.inf
        patience: Timeouts = self.host.settings.timeouts
        if self.number is None:
            return self.started + patience.opening
        return errand.now + patience.limit(sender.awaiting, errand.size)

    def lose_patience(self) -> None:
        """The sender-SMTP has waited for too long, and closes the channel."""
        errand, sender = self.errand, self.sender
        now = self.env.now
        if self.number is None:
            self.cut(f"no channel was open within {now - self.started:g} s")
        elif errand is not None and isinstance(sender, SenderSMTP):
            what = _AWAITED.get(sender.awaiting, f"no reply to {sender.awaiting}")
            why = f"{what} came within {now - errand.now:g} s"
            errand.now = now
            self._end(f"cut: {why}")
            self._finish(now)
            sender.give_up(why)
            self.host.session_over(now, errand.queue)

    def _identifier(self) -> Callable[[Transaction], tuple[int, list[str]]]:
        """What gives mail its number, and its recipients their ids."""
        errand = self.errand
        return errand.identify if errand is not None else self._foreign

    def _foreign(self, transaction: Transaction) -> tuple[int, list[str]]:
        """Number mail that no user of a simulated host handed in: a script's, or a person's."""
        return self.simulation.foreign(self.peer, transaction)

    def say(self, octets: bytes, now: float) -> None:
        """Put a reply of the receiver-SMTP on its way."""
        self.back.send(octets, now)

    def _at_receiver(self, arrival: Delivery) -> None:
        if self.forth.alive:
            self._take_in(arrival, self.errand.message if self.errand is not None else None)

    def _take_in(self, arrival: Delivery, message: int | None) -> None:
        """Take what has arrived at the receiver-SMTP, about a message."""
        octets, receiver = arrival.octets, self.receiver
        now = self.reception.now = arrival.at
        # A sender of ours sends one command, or the mail data, in one piece: it is recorded before
        # what the host makes of it
        data = receiver.state is _DATA
        kind = "data" if data else "command"
        self.record((now, kind, self.there, self.here, self.number, message, arrival.sent, octets))
        if not data:
            self.say(receiver.command(octets), now)
        else:
            for kind, crossed in receiver.receive(octets):
                if kind == "reply":
                    self.say(crossed, now)
        if receiver.state is _CLOSED:
            self._leave()

    def _at_sender(self, arrival: Delivery) -> None:
        if not self.back.alive:
            return
        octets, sender, errand = arrival.octets, self.sender, self.errand
        now = arrival.at
        message = None
        if errand is not None:
            errand.now = now
            message = errand.message
        sent = arrival.sent
        self.record((now, "reply", self.here, self.there, self.number, message, sent, octets))
        out = sender.answer(octets) if isinstance(sender, SenderSMTP) else None
        if out:
            self.forth.send(out, now)
            return
        if out is None:
            for kind, crossed in sender.receive(octets):
                if kind != "reply":
                    self.forth.send(crossed, now)
        if isinstance(sender, SenderSMTP) and sender.turned:
            self._turn(now)
        elif sender.closing:
            self._hang_up_after(octets)

    def _turn(self, now: float) -> None:
        """Change roles on the open channel (section 3.8): two new engines, as if just opened."""
        if self.errand is not None:
            self.host.session_over(now, self.errand.queue)
        self._leave()
        self.host, self.peer = self.peer, self.host
        self.here, self.there = self.there, self.here
        forth, back = self.forth.way, self.back.way
        self.forth.cut()
        self.back.cut()
        self._lay(back, forth)
        host, environment = self.host, self.way.environment
        queue = host.spool.queue(self.there, environment)
        queue.session = True
        queue.not_before = 0.0
        self.errand = QueueSender(host, queue)
        self.sender = SenderSMTP(host.settings.name_in(environment), self.errand)
        assert self.number is not None, "a channel that is open has a number"
        self._begin(now, self.number)

    def _hang_up_after(self, reply: bytes) -> None:
        """The sender-SMTP closes the channel upon a reply; what the receiver-SMTP knows of it."""
        self.close("quit" if reply.startswith(b"221") else "closed")
        if not reply.startswith((b"221", b"421")):
            self._finish(self.env.now)
        elif not self.left:
            self._gone(None)  # these words were put into its mouth

    def close(self, reason: str) -> None:
        """The sender-SMTP closes the channel, in order."""
        if not self.closed:
            self._end(reason)
            if self.errand is not None:
                self.host.session_over(self.env.now, self.errand.queue)

    def cut(self, reason: str, crashed: Host | None = None) -> None:
        """The channel is gone: each side finds out, but a host that has ``crashed``."""
        if self.closed:
            return
        now = self.env.now
        errand = self.errand
        if self.number is None:
            self._depart()
            self._dissolve()
            self.record((now, "unreachable", self.here, self.there, None, None, reason))
        else:
            self._end(f"cut: {reason}")
            self._gone(None)
        if errand is None:
            return
        errand.now = now
        if crashed is self.host:
            errand.abort()
        elif self.number is None:
            why = f"{self.there} cannot be reached: {reason}"
            self.host.defer_all(now, errand.queue, why, cut_off=not self.peer.faults.down)
        else:
            self.sender.end_of_input()
        self.host.session_over(now, errand.queue)

    def _end(self, reason: str) -> None:
        self._depart()
        self.record((self.env.now, "close", self.here, self.there, self.number, None, reason))
        if self.left:
            self._dissolve()

    def _dissolve(self) -> None:
        """Both ends are done: let go of what refers to the session itself.

        Else it would lie about until the collector of cycles comes by.
        """
        self.forth.on_loss = self.back.on_loss = None
        if self.number is not None and self.reception.respond is not None:
            self.reception.respond = _nothing

    def _finish(self, now: float) -> None:
        """Let the receiver-SMTP know that the channel has been closed: a control message."""
        last = Stream(self.env, self.forth.way, self._gone)
        last.control(self.way.transport.opening[0], now)

    def _gone(self, _: Any) -> None:
        """The receiver-SMTP finds out that the channel is gone."""
        self.receiver.end_of_input()
        self._leave()

    def _leave(self) -> None:
        """The receiver-SMTP is done with the session: it has said so, or has found out."""
        if not self.left:
            self.left = True
            self.peer.open_sessions -= 1
            if self.closed:
                self._dissolve()

    def _respond(self, verdict: Reply) -> None:
        """Give the verdict that storing has held back, if the channel is still there."""
        if not self.left:
            for _, octets in self.receiver.answer(verdict):
                self.say(octets, self.env.now)
            if self.receiver.state is _CLOSED:
                self._leave()

    def _lost(self, link: LinkDirection, again: int, delay: float) -> None:
        simulation = self.simulation
        now = simulation.env.now
        simulation.record((now, "loss", link.a, link.b, self.number, None, again, delay))


class WatchedSession(Session):
    """A session that is followed word by word, for a fault to cut it at its place.

    A hang-up ``after`` a command cuts when the command has arrived; after a reply code, when that
    reply has; after ".", when the mail data has arrived and been answered, so that the answer is
    lost; after a size, when so many bytes of the sender-SMTP's (or receiver-SMTP's) have arrived.
    """

    __slots__ = ("_answered", "_crossed")

    def _opened(self, event: Any) -> None:
        self._crossed = self._answered = 0
        super()._opened(event)

    def say(self, octets: bytes, now: float) -> None:
        """Put a reply on its way, and let it be noticed."""
        if not octets:
            return  # to what came in an order that is none, nothing may have been said
        super().say(octets, now)
        if self.number is None:
            return
        message = self.errand.message if self.errand is not None else None
        row = (now, "reply", self.there, self.here, self.number, message, now, octets)
        self.simulation.faults.notice(row)

    def _trap(
        self, of: str, crossed: int, octets: bytes, word: str
    ) -> tuple[FaultSpec, int] | None:
        """The hang-up that these bytes set off, and how many of them still arrive."""
        for spec in self.simulation.faults.traps_for(self):
            size = _bytes(spec.after)
            if size is None and spec.after == word:
                return spec, len(octets)
            if size is not None and spec.of == of and crossed + len(octets) >= size:
                return spec, max(0, size - crossed)
        return None

    def _hang_up(self, spec: FaultSpec) -> None:
        self.simulation.faults.sprung(spec)
        whose = " of the receiver-SMTP" if spec.of == "receiver" else ""
        self.cut(f"after {spec.after}{whose}")

    def _at_receiver(self, arrival: Delivery) -> None:
        if not self.forth.alive:
            return
        octets = arrival.octets
        in_data = self.receiver.state is _DATA
        word = "." if in_data else verb_of(octets).strip()
        sprung = self._trap("sender", self._crossed, octets, word)
        self._crossed += len(octets)
        if sprung is not None and sprung[1] < len(octets):
            arrival.octets = octets[: sprung[1]]
            self._partial(arrival)
        else:
            super()._at_receiver(arrival)
        if sprung is not None:
            self._hang_up(sprung[0])

    def _partial(self, arrival: Delivery) -> None:
        """The last bytes before the cut: no whole line need be among them."""
        if not arrival.octets:
            return
        kind = "data" if self.receiver.state is _DATA else "command"
        message = self.errand.message if self.errand is not None else None
        place = (kind, self.there, self.here, self.number, message)
        self.record((arrival.at, *place, arrival.sent, arrival.octets))
        self.reception.now = arrival.at
        self.receiver.receive(arrival.octets)

    def _at_sender(self, arrival: Delivery) -> None:
        if not self.back.alive:
            return
        octets = arrival.octets
        word = octets[:3].decode("latin-1")
        sprung = self._trap("receiver", self._answered, octets, word)
        self._answered += len(octets)
        # of a reply that does not arrive whole nothing is told: it tells the sender-SMTP nothing
        if sprung is None or sprung[1] >= len(octets):
            super()._at_sender(arrival)
        if sprung is not None:
            self._hang_up(sprung[0])


def _bytes(after: str | None) -> int | None:
    if after is None or after == "." or after.isalpha() or after.isdecimal():
        return None
    return parse_size(after)
