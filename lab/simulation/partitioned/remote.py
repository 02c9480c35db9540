"""Sessions between hosts of two partitions: each partition has the end at its own host.

The sender-SMTP's end is a :class:`~lab.simulation.session.Session` on a :class:`CallingConnection`,
the receiver-SMTP's a :class:`RemoteReceiverSession` on a :class:`CalledConnection`. What would
arrive at the other end is posted to the other partition, with the time and the order number at
which it arrives. A fault that cuts both ends is not posted: all partitions replay all faults, and
each end finds out on its own.

What is posted is a tuple ``(at, order, kind, key, ...)`` of numbers, texts and bytes. ``key`` is
the session's, given by the host that opens it. What an event of another partition causes here in
the same instant happens right after it, at ``order | 1``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from lab.hosts.host import Host
from lab.network.channel import ChannelRoute, Route, Stream
from lab.network.clock import Clock
from lab.network.connection import Connection, ConnectionUser, Interception
from lab.network.events import Deliver, Delivery, Line
from lab.network.link import LinkDirection
from lab.protocol import SenderSMTP, Transaction
from lab.protocol.replies import MAIL_DATA
from lab.simulation.any_session import AnySession
from lab.simulation.driver import Driver
from lab.simulation.receiver_end import LocalReceiverEnd, ReceiverEnd
from lab.simulation.reply_timeouts import reply_deadline
from lab.simulation.session import Session
from lab.trace.rows import Row

Message = tuple[Any, ...]
"""What one partition posts to another; its first item is a time in seconds."""

CALL: Final = 0
CONTROL: Final = 1
SENT: Final = 2
ANSWERED: Final = 3
FINISHED: Final = 4
FORGET: Final = 5
TREE: Final = 6
ROWS: Final = 7

Lines = tuple[Line, ...]

Post = Callable[[float, int, bytes, float, Lines | None], None]
"""Called with what lands elsewhere: when, at which order number, the octets, when sent, and how
they crossed the lines that have a bandwidth.
"""


class RemoteSessions:
    """The sessions of a partition with an end in another, and what is to be sent about them.

    ``partitions`` are the numbers of the hosts' partitions by name; ``outboxes`` are the messages
    for each partition. ``calling`` are the connections that hosts here have opened, ``called`` the
    sessions that hosts elsewhere have, both by key. ``aliases`` are pairs of a session's key and
    its number. ``sent`` are the rows of commands and mail data that will arrive elsewhere, each
    with the number of ``rows`` of this partition before it; ``rows`` are those of its trace.
    """

    def __init__(self, partitions: Mapping[str, int]) -> None:
        self.partitions = partitions
        self.outboxes: list[list[Message]] = [[] for _ in range(max(partitions.values()) + 1)]
        self.calling: dict[int, CallingConnection] = {}
        self.called: dict[int, RemoteReceiverSession] = {}
        self.aliases: list[tuple[int, int]] = []
        self.sent: list[tuple[int, Row]] = []
        self.rows: list[Row] = []

    def post(self, host: str, message: Message) -> None:
        """Post a message to the partition of a host."""
        self.outboxes[self.partitions[host]].append(message)

    def add_sent(self, row: Row) -> None:
        """Add the row of a command or mail data that will arrive in another partition."""
        self.sent.append((len(self.rows), row))

    def clear(self) -> None:
        """Forget the rows and the aliases: they have been sent on."""
        self.aliases = []
        self.sent = []


class RemoteStream(Stream):
    """A direction of a channel into another partition: what would land there is posted."""

    __slots__ = ("post",)

    def __init__(
        self,
        env: Clock,
        route: Route,
        post: Post,
        on_segment_loss: Callable[[LinkDirection, int, float], None] | None = None,
    ) -> None:
        assert len(route.links) == 1, "routers are of the same partition as all that they join"
        super().__init__(env, route, _here, on_segment_loss)
        self.post = post

    def cut(self) -> None:
        """Let nothing that is under way arrive."""
        super().cut()
        self.post = _nowhere

    def send(self, octets: bytes, now: float) -> None:
        """Send bytes at the present time, in seconds."""
        delay = self.route.delay
        if delay is not None:
            self.land(now + delay, octets, now)
        else:
            super().send(octets, now)

    def land(self, at: float, octets: bytes, sent: float, lines: Lines | None = None) -> None:
        """Post what arrives in the other partition."""
        self.post(at, self.route.next_order(), octets, sent, lines)


def _nowhere(at: float, order: int, octets: bytes, sent: float, lines: Lines | None) -> None:
    """Drop what is sent after a channel has been cut."""


def _here(_: Any) -> None:
    raise AssertionError("what goes to another partition does not arrive in this one")


class RemoteDelivery(Delivery):
    """What a sender-SMTP of another partition has sent, with what is known of it there.

    ``number`` is the session's; ``message`` the one on its way; ``ids`` come with mail data and are
    those of its recipients that were accepted; ``deadline`` is until when the sender-SMTP waits for
    the reply, in seconds.
    """

    __slots__ = ("deadline", "ids", "message", "number")

    def __init__(
        self,
        clock: Clock,
        deliver: Deliver,
        at: float,
        order: int,
        octets: bytes,
        sent: float,
        number: int,
        message: int | None,
        ids: list[str] | None,
        deadline: float,
        lines: Lines | None = None,
    ) -> None:
        super().__init__(clock, at, deliver, octets, sent, order, lines)
        self.number = number
        self.message = message
        self.ids = ids
        self.deadline = deadline


_NONE: Final = Transaction()


# -- the sender-SMTP's end ------------------------------------------------------------------------


class CallingConnection(Connection):
    """A connection into another partition, of which the sender-SMTP's end is here."""

    __slots__ = ("is_open", "key", "remote", "session")

    def __init__(self, env: Clock, route: ChannelRoute, remote: RemoteSessions, key: int) -> None:
        super().__init__(env, route)
        self.remote = remote
        self.key = key
        self.is_open = False
        self.session: Session | None = None

    def attach(self, user: ConnectionUser, interceptions: tuple[Interception, ...] = ()) -> None:
        """Set whose connection it is: a session's.

        Interceptions are not asked: hosts on whose link a fault cuts or changes what arrives are of
        the same partition.
        """
        assert isinstance(user, Session)
        self.session = user
        self.remote.calling[self.key] = self
        super().attach(user)

    def stream_to_receiver(self, route: Route) -> Stream:
        """Return a stream that ends in the other partition."""
        return RemoteStream(self.env, route, self._posted)

    def _post(self, at: float, order: int, kind: int, *contents: Any) -> None:
        self.remote.post(self.route.nodes[-1], (at, order, kind, self.key, *contents))

    # -- opening --------------------------------------------------------------------------------

    def open_at(self, at: float, order: int) -> None:
        """Have the connection be open at a time, unless it is cut before: at both ends."""
        super().open_at(at, order)
        self._call(at, order | 1, opens=True)

    def _call(self, at: float, order: int, *, opens: bool) -> None:
        """Post that a connection is being opened; ``opens``: it is open when this arrives."""
        assert self.session is not None
        nodes, deadline = self.route.nodes, reply_deadline(self.session)
        about = (nodes[0], nodes[-1], self.route.environment, self.started, deadline)
        self._post(at, order, CALL, *about, opens)

    def control_arrived(self, _: Any) -> None:
        """Send the next control message; the other partition sends every second one."""
        if self.is_alive:
            self.crossed(_)
            size = self.route.transport.opening[self.control_messages]
            self.control_messages += 2
            self.to_receiver.control(size, self.env.now)

    def _posted(
        self, at: float, order: int, octets: bytes, sent: float, lines: Lines | None
    ) -> None:
        """Post what lands at the receiver-SMTP's end."""
        if self.is_open:
            self._post_command(at, order, octets, sent, lines)
            return
        self.lines += lines or ()
        # the number of control messages is odd: the last one is sent from this end
        is_last = self.control_messages > len(self.route.transport.opening)
        if is_last:
            super().open_at(at, order)
            order |= 1
        if self.control_messages == 2:
            self._call(at, order, opens=is_last)
        else:
            self._post(at, order, CONTROL, is_last)

    # -- carrying, and the end ------------------------------------------------------------------

    def arrive(
        self, at: float, order: int, octets: bytes | None, sent: float, lines: Lines | None = None
    ) -> None:
        """Have a reply from the other partition arrive, or a control message (None)."""
        deliver = self.at_sender if octets is not None else self.control_arrived
        Delivery(self.env, at, deliver, octets or b"", sent, order, lines)

    def _post_command(
        self, at: float, order: int, octets: bytes, sent: float, lines: Lines | None
    ) -> None:
        session = self.session
        assert session is not None
        queue_sender, sender, number = session.queue_sender, session.sender, session.number
        assert queue_sender is not None, "a script is of the same partition as its receiver"
        is_data = isinstance(sender, SenderSMTP) and sender.awaiting == MAIL_DATA
        ids = queue_sender.identify(_NONE)[1] if is_data else None
        message, deadline = queue_sender.message, reply_deadline(session)
        self._post(at, order, SENT, octets, sent, number, message, ids, deadline, lines)
        if at <= deadline:
            kind = "data" if is_data else "command"
            hosts = session.receiver_host, session.sender_host
            self.remote.add_sent((at, kind, *hosts, number, message, sent, octets))

    def close_sender_end(self) -> None:
        """Close the end that is here; the other finds out later, or forgets one not open yet."""
        super().close_sender_end()
        self.remote.calling.pop(self.key, None)
        if not self.is_open:
            self._post(math.inf, 0, FORGET)

    def announce_close(self, now: float) -> None:
        """Send a control message that the connection is closed, to the other partition."""
        last = RemoteStream(self.env, self.to_receiver.route, self._post_close)
        last.control(self.route.transport.opening[0], now)

    def _post_close(
        self, at: float, order: int, octets: bytes, sent: float, lines: Lines | None
    ) -> None:
        self._post(at, order, FINISHED)

    def release(self) -> None:
        """Drop all references to the session."""
        super().release()
        self.session = None


class RemoteReceiverEnd(ReceiverEnd):
    """The receiver-SMTP's end of a session, which is in another partition."""

    __slots__ = ("connection",)

    def __init__(self, connection: CallingConnection) -> None:
        self.connection = connection

    def open(self, now: float, number: int) -> None:
        """Begin. The end in the other partition is open at the same moment, and greets."""
        connection = self.connection
        connection.is_open = True
        connection.remote.aliases.append((connection.key, number))

    def take(self, delivery: Delivery, number: int, message: int | None) -> None:
        """Refuse: commands arrive in the other partition."""
        _here(delivery)

    def take_part(self, delivery: Delivery, number: int, message: int | None) -> None:
        """Refuse: commands arrive in the other partition."""
        _here(delivery)

    def see_close(self) -> None:
        """Do nothing: the end finds out in its own partition."""

    def shut_down(self, now: float) -> None:
        """Do nothing: the end does so in its own partition."""

    @property
    def is_in_mail_data(self) -> bool:
        """Whether what comes next is mail data: not known here."""
        return False


# -- the receiver-SMTP's end ----------------------------------------------------------------------


class CalledConnection(Connection):
    """A connection from another partition, of which the receiver-SMTP's end is here.

    ``deadline`` is until when the sender-SMTP waits for the greeting, in seconds.
    """

    __slots__ = ("deadline", "is_open", "key", "remote")

    def __init__(
        self,
        env: Clock,
        route: ChannelRoute,
        remote: RemoteSessions,
        key: int,
        started: float,
        deadline: float,
    ) -> None:
        super().__init__(env, route)
        self.remote = remote
        self.key = key
        self.deadline = deadline
        self.is_open = False
        self.started = started
        self.control_messages = 1

    def stream_to_sender(self, route: Route) -> Stream:
        """Return a stream that ends in the other partition."""
        return RemoteStream(self.env, route, self._posted)

    def call(self, at: float, order: int, *, opens: bool) -> None:
        """Have a control message arrive; ``opens``: it is the last."""
        deliver = self.opened if opens else self.control_arrived
        Delivery(self.env, at, deliver, b"", self.started, order)

    def control_arrived(self, _: Any) -> None:
        """Send the next control message; the other partition sends every second one."""
        if self.is_alive and self.env.now <= self.deadline:
            size = self.route.transport.opening[self.control_messages]
            self.control_messages += 2
            self.to_sender.control(size, self.env.now)

    def opened(self, _: Any) -> None:
        """Tell the user that the connection is open, if the sender-SMTP still waits for it."""
        if self.env.now <= self.deadline:
            super().opened(None)

    def _posted(
        self, at: float, order: int, octets: bytes, sent: float, lines: Lines | None
    ) -> None:
        """Post what lands at the sender-SMTP's end."""
        host = self.route.nodes[0]
        if self.is_open:
            self.remote.post(host, (at, order, ANSWERED, self.key, octets, sent, lines))
        else:
            self.remote.post(host, (at, order, CONTROL, self.key, None, sent, lines))

    def finish(self, at: float, order: int) -> None:
        """Have the other end's close arrive at a time; until then no fault cuts this end."""
        self.remote.called.pop(self.key, None)
        self.to_receiver.cut()
        Delivery(self.env, at, self.user.receiver_sees_close, b"", at, order)

    def close_receiver_end(self) -> None:
        """Close the end that is here; what it has sent still arrives."""
        self.receiver_closed = True
        self.remote.called.pop(self.key, None)
        self.to_receiver.cut()
        self.to_sender = self.to_receiver  # what is under way holds the stream that it is on
        self.release()

    def abandon(self) -> None:
        """Let nothing arrive any more at either end."""
        self.remote.called.pop(self.key, None)
        self.cut()
        self.release()


class _RemoteMail:
    """What this partition knows of the mail of a sender-SMTP in another."""

    __slots__ = ("ids", "message")

    def __init__(self) -> None:
        self.message: int | None = None
        self.ids: list[str] | None = None

    def identify(self, _: Transaction) -> tuple[int, list[str]]:
        """Return the message on its way, and the ids of the recipients that were accepted."""
        assert self.message is not None, "mail data without a message"
        assert self.ids is not None, "mail data without recipients"
        return self.message, self.ids


class RemoteReceiverSession(AnySession):
    """The receiver-SMTP's end of a session, whose sender-SMTP is in another partition.

    Until that has sent something, the session's number is not known here: -``key`` stands for it.
    """

    __slots__ = ("called", "mail", "receiver", "record")

    def __init__(
        self, driver: Driver, sender_host: str, host: Host, connection: CalledConnection
    ) -> None:
        super().__init__(sender_host, host.name, connection)
        self.called = connection
        self.record = driver.record
        self.mail = _RemoteMail()
        self.receiver = LocalReceiverEnd(
            host, sender_host, connection, driver.record, self.mail.identify
        )
        connection.attach(self)
        connection.remote.called[connection.key] = self

    @property
    def message(self) -> int | None:
        """The number of the message on its way; None outside of a transaction."""
        return self.mail.message

    @property
    def is_in_mail_data(self) -> bool:
        """Whether the receiver-SMTP takes what comes next as mail data."""
        return self.receiver.is_in_mail_data

    def opened(self, _: Any) -> None:
        """The connection is open: the receiver-SMTP greets."""
        called = self.called
        called.is_open = True
        self.number = -called.key
        self.receiver.open(called.env.now, -called.key)

    def arrive(self, at: float, order: int, contents: tuple[Any, ...]) -> None:
        """Have a command or mail data arrive that the sender-SMTP has sent."""
        RemoteDelivery(self.called.env, self.called.at_receiver, at, order, *contents)

    def at_receiver(self, delivery: Delivery) -> None:
        """Give a command or mail data to the receiver-SMTP."""
        assert isinstance(delivery, RemoteDelivery)
        if delivery.at <= delivery.deadline:
            self.number = self.receiver.session.session = delivery.number
            self.mail.message = delivery.message
            self.mail.ids = delivery.ids
            self.receiver.take(delivery, delivery.number, delivery.message)

    def part_at_receiver(self, delivery: Delivery) -> None:
        """Refuse: a run with hang-ups has one process."""
        _here(delivery)

    def at_sender(self, delivery: Delivery) -> None:
        """Refuse: replies arrive in the other partition."""
        _here(delivery)

    def receiver_sees_close(self, _: Any) -> None:
        """Let the receiver-SMTP's end find out that the other one has closed the channel."""
        self.receiver.see_close()

    def segment_lost(self, link: LinkDirection, times: int, delay: float) -> None:
        """Record that a segment was lost on a link and sent again."""
        now = self.called.env.now
        self.record((now, "loss", link.a, link.b, self.number, None, times, delay))

    def cut(self, reason: str, crashed: str | None = None) -> None:
        """Cut the connection: this end finds out, and the other one in its own partition."""
        self.called.abandon()
        if self.number is not None:
            self.receiver.see_close()

    def shut_down(self) -> None:
        """Have the receiver-SMTP say 421 and close the channel: its host goes down in order."""
        self.receiver.shut_down(self.called.env.now)

    def discard(self) -> None:
        """Drop everything, at the end of a run, or as the sender-SMTP has given up opening."""
        self.called.abandon()
