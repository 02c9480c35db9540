"""Sessions between hosts of two parts: each part has the end at its own host.

The sender-SMTP's end (:class:`RemoteSenderSession`) and the receiver-SMTP's
(:class:`RemoteReceiverSession`) are
sessions like any other, but for what lands at the other end: that is posted to the other part, with
the time and the place in that instant at which it arrives. What befalls both ends at once, a fault,
each end finds out by itself, as all parts replay all faults.

What is posted is a tuple ``(at, place, what, key, ...)`` of numbers, texts and bytes; ``key`` is
the session's, given by the caller's host. At ``place | 1`` happens, right after it, what an event
of the other part has happen in this one at the same instant.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from lab.hosts.host import Host
from lab.hosts.sending import QueueSender
from lab.network.channel import Route, Stream
from lab.network.clock import Clock
from lab.network.events import Deliver, Delivery
from lab.network.link import LinkDirection
from lab.protocol import SenderSMTP, Transaction
from lab.protocol.replies import MAIL_DATA
from lab.protocol.script import ScriptedSender
from lab.simulation.session import ChannelRoute, Session

if TYPE_CHECKING:
    from lab.simulation.partitioned.partition import PartitionSimulation

Message = tuple[Any, ...]
"""What one part tells another; its first item is a time in seconds."""

CALL: Final = 0
CONTROL: Final = 1
SAID: Final = 2
ANSWERED: Final = 3
FINISHED: Final = 4
FORGET: Final = 5
TREE: Final = 6
ENTRIES: Final = 7

Post = Callable[[float, int, bytes, float], None]
"""Told of what lands elsewhere: when, its place at that instant, the octets, and when sent."""


class RemoteStream(Stream):
    """A direction of a channel into another part: what would land there is posted."""

    __slots__ = ("post",)

    def __init__(
        self,
        env: Clock,
        way: Route,
        post: Post,
        on_loss: Callable[[LinkDirection, int, float], None] | None = None,
    ) -> None:
        assert len(way.links) == 1, "routers are of the same part as all that they join"
        super().__init__(env, way, _here, on_loss)
        self.post = post

    def cut(self) -> None:
        """Let nothing that is under way arrive."""
        super().cut()
        self.post = _nowhere

    def send(self, octets: bytes, now: float) -> None:
        """Put bytes on their way at the present time."""
        delay = self.way.delay
        if delay is not None:
            self._land(now + delay, octets, now)
        else:
            super().send(octets, now)

    def _land(self, at: float, octets: bytes, sent: float) -> None:
        self.post(at, self.way.ticket(), octets, sent)


def _nowhere(at: float, place: int, octets: bytes, sent: float) -> None:
    """Where what is sent goes once a channel has been cut."""


def _here(_: Any) -> None:
    raise AssertionError("what goes to another part does not arrive in this one")


class RemoteDelivery(Delivery):
    """What a sender-SMTP of another part said, with what its own part knows of it.

    ``number`` is the session's; ``message`` the one on its way, and ``ids`` its recipients that
    were taken, with the mail data; ``deadline`` is until when the sender-SMTP waits for the reply.
    """

    __slots__ = ("deadline", "ids", "message", "number")

    def __init__(
        self,
        clock: Clock,
        deliver: Deliver,
        at: float,
        place: int,
        octets: bytes,
        sent: float,
        number: int,
        message: int | None,
        ids: list[str] | None,
        deadline: float,
    ) -> None:
        super().__init__(clock, at, deliver, octets, sent, place)
        self.number = number
        self.message = message
        self.ids = ids
        self.deadline = deadline


class RemoteSenderSession(Session):
    """The sender-SMTP's end of a session, whose receiver-SMTP is in another part."""

    __slots__ = ("key", "part")

    def __init__(
        self,
        simulation: PartitionSimulation,
        host: Host,
        peer: Host,
        way: ChannelRoute,
        sender: SenderSMTP,
        errand: QueueSender,
    ) -> None:
        self.part = simulation
        self.key = simulation.numbers.next_key(host.name)
        super().__init__(simulation, host, peer, way, sender, errand)
        simulation.calling[self.key] = self

    def _lay(self, forth: Route, back: Route) -> None:
        on_loss = self._lost if self.way.opening is None else None
        self.forth = RemoteStream(self.env, forth, self._posted, on_loss)
        self.back = Stream(self.env, back, self._at_sender)

    def _post(self, at: float, place: int, what: int, *more: Any) -> None:
        self.part.post(self.there, (at, place, what, self.key, *more))

    # -- opening --------------------------------------------------------------------------------

    def _open_at(self, at: float, place: int) -> None:
        super()._open_at(at, place)
        self._ring(at, place | 1, opens=True)

    def _ring(self, at: float, place: int, *, opens: bool) -> None:
        """Let the other part know of the session; ``opens``: it will be open then."""
        about = (self.here, self.there, self.way.environment, self.started, self.patient_until())
        self._post(at, place, CALL, *about, opens)

    def _set_up(self, _: Any) -> None:
        """Send the next control message; who is called sends every second one."""
        if self.forth.alive:
            size = self.way.transport.opening[self.trips]
            self.trips += 2
            self.forth.control(size, self.env.now)

    def _posted(self, at: float, place: int, octets: bytes, sent: float) -> None:
        """Something is to land at the receiver-SMTP's end."""
        if self.number is not None:
            self._say(at, place, octets, sent)
            return
        last = self.trips > len(self.way.transport.opening)  # it has an odd number of messages
        if last:
            super()._open_at(at, place)
            place |= 1
        if self.trips == 2:
            self._ring(at, place, opens=last)
        else:
            self._post(at, place, CONTROL, last)

    def answered(self, at: float, place: int, octets: bytes | None, sent: float) -> None:
        """Take a reply of the other end's, or a control message (None), that will arrive."""
        deliver = self._at_sender if octets is not None else self._set_up
        Delivery(self.env, at, deliver, octets or b"", sent, place)

    def _greet(self, now: float, number: int) -> None:
        """The receiver-SMTP's end is open at the same moment, and greets."""
        self.part.aliases.append((self.key, number))

    # -- what is said, and the end --------------------------------------------------------------

    def _say(self, at: float, place: int, octets: bytes, sent: float) -> None:
        errand, number, sender = self.errand, self.number, self.sender
        assert errand is not None, "a sender-SMTP has an errand"
        is_data = isinstance(sender, SenderSMTP) and sender.awaiting == MAIL_DATA
        ids = errand.identify(_NONE)[1] if is_data else None
        message = errand.message
        until = self.patient_until()
        self._post(at, place, SAID, octets, sent, number, message, ids, until)
        if at <= until:
            kind = "data" if is_data else "command"
            row = (at, kind, self.there, self.here, number, message, sent, octets)
            self.part.said(row)

    def _depart(self) -> None:
        super()._depart()
        self.forth.on_loss = self.back.on_loss = None
        self.part.calling.pop(self.key, None)
        if self.number is None:
            self._post(math.inf, 0, FORGET)

    def _finish(self, now: float) -> None:
        last = RemoteStream(self.env, self.forth.way, self._post_end)
        last.control(self.way.transport.opening[0], now)

    def _post_end(self, at: float, place: int, octets: bytes, sent: float) -> None:
        self._post(at, place, FINISHED)

    def _gone(self, _: Any) -> None:
        """The receiver-SMTP finds out in its own part."""

    def _leave(self) -> None:
        """The receiver-SMTP leaves in its own part."""


_NONE: Final = Transaction()
_NOBODY: Final = ScriptedSender(())


class _Told:
    """What this part has been told of the errand of a sender-SMTP in another."""

    __slots__ = ("ids", "message")

    def __init__(self) -> None:
        self.message: int | None = None
        self.ids: list[str] | None = None

    def identify(self, _: Transaction) -> tuple[int, list[str]]:
        """The message on its way, and the ids of the recipients that were taken."""
        assert self.message is not None, "mail data without a message"
        assert self.ids is not None, "mail data without recipients"
        return self.message, self.ids


class RemoteReceiverSession(Session):
    """The receiver-SMTP's end of a session, whose sender-SMTP is in another part.

    Until that has said something, the session's number is not known here: -``key`` stands for it.
    """

    __slots__ = ("deadline", "key", "part", "told")

    def __init__(self, simulation: PartitionSimulation, message: Message) -> None:
        key, here, there, environment, started, deadline = message[3:9]
        self.part = simulation
        self.key: int = key
        self.deadline: float = deadline
        hosts = simulation.hosts
        way = simulation.world.channel_route(here, there, environment)
        self.told = _Told()
        super().__init__(simulation, hosts[here], hosts[there], way, _NOBODY, None)
        self.started = started
        self.trips = 1

    def _enter(self) -> None:
        self.part.called[self.key] = self

    def _depart(self) -> None:
        self.closed = True
        self.forth.cut()
        self.back.cut()
        self.back.on_loss = None
        self.part.called.pop(self.key, None)

    def _lay(self, forth: Route, back: Route) -> None:
        on_loss = self._lost if self.way.opening is None else None
        self.forth = Stream(self.env, forth, self._at_receiver)
        self.back = RemoteStream(self.env, back, self._posted, on_loss)

    def called(self, at: float, place: int, *, opens: bool) -> None:
        """Take a control message that will arrive; ``opens``: it is the last."""
        deliver = self._opened if opens else self._set_up
        Delivery(self.env, at, deliver, b"", self.started, place)

    def said(self, at: float, place: int, more: tuple[Any, ...]) -> None:
        """Take what the sender-SMTP has said, that will arrive."""
        RemoteDelivery(self.env, self._at_receiver, at, place, *more)

    def finished(self, at: float, place: int) -> None:
        """Take word of the close, that will arrive: until then no fault befalls this end."""
        self.part.called.pop(self.key, None)
        self.forth.cut()
        Delivery(self.env, at, self._gone, b"", at, place)

    def _set_up(self, _: Any) -> None:
        now = self.env.now
        if self.forth.alive and now <= self.deadline:
            size = self.way.transport.opening[self.trips]
            self.trips += 2
            self.back.control(size, now)

    def _posted(self, at: float, place: int, octets: bytes, sent: float) -> None:
        """Something is to land at the sender-SMTP's end."""
        what = (CONTROL, None) if self.number is None else (ANSWERED, octets)
        self.part.post(self.here, (at, place, what[0], self.key, what[1], sent))

    def _opened(self, _: Any) -> None:
        now = self.env.now
        if self.forth.alive and now <= self.deadline:
            self.number = -self.key
            self._greet(now, self.number)
            self.reception.enters = False

    def _at_receiver(self, arrival: Delivery) -> None:
        assert isinstance(arrival, RemoteDelivery)
        if self.forth.alive and arrival.at <= arrival.deadline:
            self.number = self.reception.session = arrival.number
            self.told.message = arrival.message
            self.told.ids = arrival.ids
            self._take_in(arrival, arrival.message)

    def _identifier(self) -> Callable[[Transaction], tuple[int, list[str]]]:
        return self.told.identify

    def cut(self, reason: str, crashed: Host | None = None) -> None:
        """A fault has befallen the channel: this end finds out."""
        self._depart()
        if self.number is not None:
            self._gone(None)

    def _leave(self) -> None:
        super()._leave()
        self.part.called.pop(self.key, None)
        self.forth.cut()
        self.back = self.forth  # nothing is said any more: what is under way has its own leg
        self._dissolve()
