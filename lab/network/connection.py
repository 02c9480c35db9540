"""A connection: the transmission channel between two hosts, from its opening to its close.

It opens with the control messages of its transport service, carries bytes both ways, loses segments
and sends them again, and is cut or closed. It knows no SMTP: engines, sockets or pipes use it, as a
:class:`ConnectionUser`. The ends are named for the roles at present: the sender-SMTP's end is the
one that opened the connection, until the roles change.

An :class:`Interception` can change or stop what arrives, as faults do.
"""

from __future__ import annotations

from abc import ABCMeta, abstractmethod
from typing import Any, Final

from mypy_extensions import mypyc_attr

from lab.network.channel import ChannelRoute, Route, Stream
from lab.network.clock import Clock
from lab.network.events import Delivery, Line, Timer
from lab.network.link import NOBODY, Holder, LinkDirection


# not of ABC, a class of plain Python: each compiled object would have a dictionary
@mypyc_attr(allow_interpreted_subclasses=True)
class ConnectionUser(metaclass=ABCMeta):
    """What a connection calls: the owner of the engines, sockets or pipes at its ends."""

    __slots__ = ()

    @abstractmethod
    def opened(self, _: Any) -> None:
        """The connection is open: both ends may send."""

    @abstractmethod
    def at_receiver(self, delivery: Delivery) -> None:
        """Bytes have arrived at the receiver-SMTP's end."""

    @abstractmethod
    def part_at_receiver(self, delivery: Delivery) -> None:
        """The first bytes of a chunk have arrived at the receiver-SMTP's end; the rest is lost."""

    @abstractmethod
    def at_sender(self, delivery: Delivery) -> None:
        """Bytes have arrived at the sender-SMTP's end."""

    @abstractmethod
    def receiver_sees_close(self, _: Any) -> None:
        """The receiver-SMTP's end sees that the other end has closed the connection."""

    @abstractmethod
    def segment_lost(self, link: LinkDirection, times: int, delay: float) -> None:
        """A segment was lost on a link and sent again ``times`` times: ``delay`` seconds later."""

    def sender_holds(self) -> Holder:
        """Return whose bytes the sender-SMTP's end sends, for others that wait behind them."""
        return NOBODY

    def receiver_holds(self) -> Holder:
        """Return whose bytes the receiver-SMTP's end sends, for others that wait behind them."""
        return NOBODY


class _Nobody(ConnectionUser):
    """The user of a connection that is over."""

    __slots__ = ()

    def opened(self, _: Any) -> None:
        """Do nothing."""

    def at_receiver(self, delivery: Delivery) -> None:
        """Do nothing."""

    def part_at_receiver(self, delivery: Delivery) -> None:
        """Do nothing."""

    def at_sender(self, delivery: Delivery) -> None:
        """Do nothing."""

    def receiver_sees_close(self, _: Any) -> None:
        """Do nothing."""

    def segment_lost(self, link: LinkDirection, times: int, delay: float) -> None:
        """Do nothing."""


_NOBODY: Final = _Nobody()


@mypyc_attr(allow_interpreted_subclasses=True)
class Interception:
    """Changes or stops what arrives over a connection. This one leaves everything as it is.

    A method whose name begins with ``before`` may set other ``octets`` in the delivery, and returns
    how many of them arrive; None for all.
    """

    __slots__ = ()

    def before_receiver(self, delivery: Delivery) -> int | None:
        """Bytes are about to arrive at the receiver-SMTP's end."""
        return None

    def after_receiver(self) -> None:
        """They have arrived, as far as they do."""

    def before_sender(self, delivery: Delivery) -> int | None:
        """Bytes are about to arrive at the sender-SMTP's end; if not all do, none does."""
        return None

    def after_sender(self) -> None:
        """They have arrived, or been lost."""

    def reply_sent(self, octets: bytes, now: float) -> None:
        """The receiver-SMTP's end has sent bytes."""


class Connection:
    """A transmission channel over a route, used by a :class:`ConnectionUser`.

    ``to_receiver`` and ``to_sender`` are the streams of bytes. ``started`` is when opening began.
    ``control_messages`` counts those of opening, and ``lines`` is how they crossed the lines that
    have a bandwidth. ``receiver_closed``: the receiver-SMTP's end is
    closed, or was never open here. When both ends are closed the connection lets go of its user.
    """

    __slots__ = (
        "control_messages", "env", "interceptions", "lines", "receiver_closed", "route", "started",
        "to_receiver", "to_sender", "user",
    )  # fmt: skip

    def __init__(self, env: Clock, route: ChannelRoute) -> None:
        self.env = env
        self.route = route
        self.started = env.now
        self.control_messages = 0
        self.lines: tuple[Line, ...] = ()
        self.receiver_closed = True
        self.user: ConnectionUser = _NOBODY
        self.interceptions: tuple[Interception, ...] = ()

    def attach(self, user: ConnectionUser, interceptions: tuple[Interception, ...] = ()) -> None:
        """Set who uses the connection, and what intercepts it. To be called once, before opening.

        Interceptions are asked in their order.
        """
        self.user = user
        self.interceptions = interceptions
        self._connect(self.route.to_receiver, self.route.to_sender)

    def _connect(self, to_receiver: Route, to_sender: Route) -> None:
        self.to_receiver = self.stream_to_receiver(to_receiver)
        self.to_sender = self.stream_to_sender(to_sender)
        self.to_receiver.holder = self.user.sender_holds
        self.to_sender.holder = self.user.receiver_holds
        # a link that loses nothing now may do so while the channel is open
        segment_lost = self.user.segment_lost
        self.to_receiver.on_segment_loss = self.to_sender.on_segment_loss = segment_lost

    def stream_to_receiver(self, route: Route) -> Stream:
        """Return a new stream to the receiver-SMTP's end.

        A derived class may return one that ends elsewhere.
        """
        return Stream(self.env, route, self.at_receiver)

    def stream_to_sender(self, route: Route) -> Stream:
        """Return a new stream to the sender-SMTP's end; a derived class may, as above."""
        return Stream(self.env, route, self.at_sender)

    @property
    def is_alive(self) -> bool:
        """Whether the sender-SMTP's end is not closed, and nothing has cut the connection."""
        return self.to_receiver.alive

    @property
    def streams(self) -> tuple[Stream, Stream]:
        """Both directions."""
        return self.to_receiver, self.to_sender

    # -- opening --------------------------------------------------------------------------------

    def open(self) -> None:
        """Begin to open, with the control messages of the transport service."""
        route, now = self.route, self.started
        order = route.to_receiver.next_order()
        if route.opening is not None:
            self.open_at(now + route.opening, order)
            return
        self.to_receiver.deliver = self.to_sender.deliver = self.control_arrived
        Timer(self.env, now + route.transport.setup, self.control_arrived, None, order)

    def open_at(self, at: float, order: int) -> None:
        """Have the connection be open at a time, unless it is cut before."""
        Delivery(self.env, at, self.opened, b"", self.started, order)

    def control_arrived(self, _: Any) -> None:
        """Send the first control message, or the next one as one has arrived; or be open.

        A derived class may send only those of one end.
        """
        if not self.is_alive:
            return
        self.crossed(_)
        done = self.control_messages
        opening = self.route.transport.opening
        self.control_messages += 1
        if done < len(opening):
            stream = self.to_receiver if done % 2 == 0 else self.to_sender
            stream.control(opening[done], self.env.now)
            return
        self.to_receiver.deliver, self.to_sender.deliver = self.at_receiver, self.at_sender
        self.user.opened(None)

    def crossed(self, delivery: Any) -> None:
        """Note how a control message crossed the lines; the first one has none before it."""
        if isinstance(delivery, Delivery) and delivery.lines is not None:
            self.lines += delivery.lines

    def opened(self, _: Any) -> None:
        """Tell the user that the connection is open, unless it was cut before."""
        if self.is_alive:
            self.user.opened(None)

    # -- carrying -------------------------------------------------------------------------------

    def send_command(self, octets: bytes, now: float) -> None:
        """Send bytes from the sender-SMTP's end: a command or mail data."""
        self.to_receiver.send(octets, now)

    def send_reply(self, octets: bytes, now: float) -> None:
        """Send bytes from the receiver-SMTP's end: a reply."""
        if not self.interceptions:
            self.to_sender.send(octets, now)
        elif octets:  # a changed command may draw no reply
            self.to_sender.send(octets, now)
            for interception in self.interceptions:
                interception.reply_sent(octets, now)

    def at_receiver(self, delivery: Delivery) -> None:
        """Pass on what has arrived at the receiver-SMTP's end, unless the connection was cut."""
        if not self.is_alive:
            return
        user, interceptions = self.user, self.interceptions
        if not interceptions:
            user.at_receiver(delivery)
            return
        arriving: int | None = None
        for interception in interceptions:
            most = interception.before_receiver(delivery)
            if most is not None:
                arriving = most
        if arriving is None or arriving >= len(delivery.octets):
            user.at_receiver(delivery)
        elif arriving:
            delivery.octets = delivery.octets[:arriving]
            user.part_at_receiver(delivery)
        for interception in interceptions:
            interception.after_receiver()

    def at_sender(self, delivery: Delivery) -> None:
        """Pass on what has arrived at the sender-SMTP's end, unless the connection was cut."""
        if not self.is_alive:
            return
        user, interceptions = self.user, self.interceptions
        if not interceptions:
            user.at_sender(delivery)
            return
        arriving: int | None = None
        for interception in interceptions:
            most = interception.before_sender(delivery)
            if most is not None:
                arriving = most
        # part of a reply tells the sender-SMTP nothing
        if arriving is None or arriving >= len(delivery.octets):
            user.at_sender(delivery)
        for interception in interceptions:
            interception.after_sender()

    # -- changing roles, and the end ------------------------------------------------------------

    def swap_ends(self) -> None:
        """Change the roles of the ends. Nothing should be under way: each side has to wait for
        the other before it takes its new role (section 3.8).
        """
        to_receiver, to_sender = self.to_sender.route, self.to_receiver.route
        self.cut()
        self._connect(to_receiver, to_sender)

    def cut(self) -> None:
        """Let nothing that is under way arrive."""
        self.to_receiver.cut()
        self.to_sender.cut()

    def close_sender_end(self) -> None:
        """Close the sender-SMTP's end: it gets nothing any more, and what it sent is lost."""
        self.cut()
        if self.receiver_closed:
            self.release()

    def announce_close(self, now: float) -> None:
        """Send a control message that the connection is closed, to the receiver-SMTP's end."""
        last = Stream(self.env, self.to_receiver.route, self.user.receiver_sees_close)
        last.control(self.route.transport.opening[0], now)

    def announce_close_to_sender(self, now: float) -> None:
        """Send a control message that the connection is closed, to the sender-SMTP's end.

        It comes after the replies that were sent before, as a delivery without bytes.
        """
        self.to_sender.settle_order(now)
        self.to_sender.control(self.route.transport.opening[0], now)

    def close_receiver_end(self) -> None:
        """Close the receiver-SMTP's end; what it has sent still arrives."""
        self.receiver_closed = True
        if not self.is_alive:
            self.release()

    def release(self) -> None:
        """Drop all references to the user, which refers to this: no reference cycle is left."""
        self.to_receiver.on_segment_loss = self.to_sender.on_segment_loss = None
        self.to_receiver.holder = self.to_sender.holder = _NOBODY.sender_holds
        self.user = _NOBODY
        self.interceptions = ()
