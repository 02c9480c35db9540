"""A session: a sender-SMTP and a receiver-SMTP with a connection between them, simulated."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from lab.hosts.host import Host
from lab.hosts.receiving import Identity, from_outside, reply_script
from lab.hosts.reply_script import ReplyScript
from lab.hosts.sending import QueueSender
from lab.hosts.sessions import take_over
from lab.network.channel import ChannelRoute
from lab.network.connection import Connection
from lab.network.events import Delivery
from lab.network.link import LinkDirection
from lab.protocol import SenderSMTP, Transaction
from lab.protocol.arriving import ArrivingReplies
from lab.protocol.replies import code_of
from lab.protocol.script import ScriptedSender
from lab.simulation.any_session import AnySession
from lab.simulation.driver import Driver
from lab.simulation.interception import ChangedReplies, KnownRecipients
from lab.simulation.receiver_end import Identify, LocalReceiverEnd, ReceiverEnd
from lab.trace.closes import closed_by_sender, cut, hung_up, turned_alone, unreachable
from lab.trace.rows import Row

_RCPT: Final = "RCPT"


class Session(AnySession):
    """A sender-SMTP and a receiver-SMTP with a connection between them.

    ``sender`` is the sender-SMTP and ``queue_sender`` the queue whose mail it sends, or None for a
    script. ``receiver`` is the other end. ``host`` and ``peer`` are the two hosts. Neither end
    knows more of the other than what has crossed; both find out when the connection is cut.

    A run on several processes gives a ``connection`` and a ``receiver`` whose other end is in
    another process; without them, both are made here.
    """

    __slots__ = (
        "changed_replies", "driver", "host", "known", "peer", "pieces", "queue_sender", "receiver",
        "record", "sender",
    )  # fmt: skip

    def __init__(
        self,
        driver: Driver,
        host: Host,
        peer: Host,
        route: ChannelRoute,
        sender: SenderSMTP | ScriptedSender,
        queue_sender: QueueSender | None,
        connection: Connection | None = None,
        receiver: ReceiverEnd | None = None,
    ) -> None:
        if connection is None:
            connection = Connection(driver.env, route)
        super().__init__(host.name, peer.name, connection)
        self.driver = driver
        self.record = driver.record
        self.host = host
        self.peer = peer
        self.sender = sender
        self.queue_sender = queue_sender
        self.pieces: ArrivingReplies | None = None
        interceptions = driver.interceptions
        self.changed_replies: ChangedReplies | None = interceptions.changed_replies(
            self, driver.record
        )
        self.known = KnownRecipients() if self.changed_replies is not None else None
        connection.attach(self, interceptions.of(self, driver.record, self.changed_replies))
        self.receiver: ReceiverEnd = self._local_receiver() if receiver is None else receiver
        driver.register(self)

    def _local_receiver(self) -> LocalReceiverEnd:
        queue_sender, changed_replies = self.queue_sender, self.changed_replies
        script = reply_script(self.peer)
        is_watched = script is not None or self.known is not None
        self.pieces = ArrivingReplies() if is_watched else None
        identify: Identify
        if script is not None and queue_sender is not None:
            identify = partial(self._identify_told, script)
        elif self.known is not None:
            identify = self._identify_known
        elif queue_sender is not None:
            identify = queue_sender.identify
        else:
            identify = from_outside
        return LocalReceiverEnd(
            self.peer,
            self.sender_host,
            self.connection,
            self.record,
            identify,
            partial(self.driver.foreign, self.peer),
            override=changed_replies.next_reply if changed_replies is not None else None,
            script=script,
        )

    @property
    def message(self) -> int | None:
        """The number of the message on its way; None outside of a transaction."""
        queue_sender = self.queue_sender
        return queue_sender.message if queue_sender is not None else None

    @property
    def is_in_mail_data(self) -> bool:
        """Whether the receiver-SMTP takes what comes next as mail data."""
        return self.receiver.is_in_mail_data

    # -- opening --------------------------------------------------------------------------------

    def open(self) -> None:
        """Begin to open the connection."""
        self.connection.open()

    def opened(self, _: Any) -> None:
        """The connection is open: record that, and have the receiver-SMTP greet."""
        now = self.driver.env.now
        self.number = number = self.driver.next_session(self.sender_host)
        self.record(self.open_row(now, number))
        self._begin(now, number)

    def _begin(self, now: float, number: int) -> None:
        queue_sender = self.queue_sender
        if queue_sender is not None:
            queue_sender.session = number
            queue_sender.now = now
        self.receiver.open(now, number)

    # -- what arrives ---------------------------------------------------------------------------

    def at_receiver(self, delivery: Delivery) -> None:
        """Give a command or mail data to the receiver-SMTP."""
        number = self.number
        if number is not None:
            self.receiver.take(delivery, number, self.message)
            if self.known is not None:
                self._follow_recipients(self.known)

    def part_at_receiver(self, delivery: Delivery) -> None:
        """Give the receiver-SMTP the first bytes of a command or of mail data."""
        number = self.number
        if number is not None:
            self.receiver.take_part(delivery, number, self.message)

    def at_sender(self, delivery: Delivery) -> None:
        """Give a reply to the sender-SMTP, and send what it answers."""
        if self.pieces is not None:
            self._piece_at_sender(delivery, self.pieces)
            return
        octets, sender, queue_sender = delivery.octets, self.sender, self.queue_sender
        connection, now = self.connection, delivery.at
        message = None
        if queue_sender is not None:
            queue_sender.now = now
            message = queue_sender.message
        row: Row = (
            now, "reply", self.sender_host, self.receiver_host, self.number, message,
            delivery.sent, octets,
        )  # fmt: skip
        self.record(row if delivery.lines is None else (*row, delivery.lines))
        out = sender.answer(octets) if isinstance(sender, SenderSMTP) else None
        if out:
            connection.send_command(out, now)
            return
        if out is None:
            for kind, crossed in sender.receive(octets):
                if kind != "reply":
                    connection.send_command(crossed, now)
        if isinstance(sender, SenderSMTP) and sender.turned:
            self._turn(now)
        elif sender.closing:
            self._hang_up_after(octets)

    def _piece_at_sender(self, delivery: Delivery, pieces: ArrivingReplies) -> None:
        """Give the sender-SMTP what a scripted receiver-SMTP has sent: a reply, a piece of one, or
        several; or the end of what it sends.
        """
        octets, sender, queue_sender = delivery.octets, self.sender, self.queue_sender
        now = delivery.at
        if not octets:
            self.cut(hung_up(self.receiver_host))
            return
        message = queue_sender.message if queue_sender is not None else None
        about = (self.sender_host, self.receiver_host, self.number, message, delivery.sent)
        lines = () if delivery.lines is None else (delivery.lines,)
        for kind, crossed in pieces.take(octets):
            self.record((now, kind, *about, crossed, *lines))
        if queue_sender is not None:
            queue_sender.now = now
        if isinstance(sender, SenderSMTP):
            has_left = self.connection.to_receiver.left_at <= now
            events = sender.receive(octets, has_left=has_left)
        else:
            events = sender.receive(octets)
        for kind, crossed in events:
            if kind != "reply":
                self.connection.send_command(crossed, now)
        if isinstance(sender, SenderSMTP) and sender.turned:
            self._turn(now)
        elif sender.closing:
            self._hang_up_after(pieces.last)

    def segment_lost(self, link: LinkDirection, times: int, delay: float) -> None:
        """Record that a segment was lost on a link and sent again."""
        now = self.driver.env.now
        self.record((now, "loss", link.a, link.b, self.number, None, times, delay))

    # -- mail of a session whose commands may have been changed ----------------------------------

    def _follow_recipients(self, known: KnownRecipients) -> None:
        receiver, sender, queue_sender = self.receiver, self.sender, self.queue_sender
        assert isinstance(receiver, LocalReceiverEnd)
        asked = None
        if queue_sender is not None and isinstance(sender, SenderSMTP) and sender.awaiting == _RCPT:
            asked = queue_sender.asked
        known.follow(receiver.engine.transaction, asked)

    def _identify_known(self, _: Transaction) -> tuple[int, list[str]] | None:
        """Return the message and recipients that both sides mean; or it is mail from outside."""
        queue_sender, known = self.queue_sender, self.known
        numbers = known.numbers() if known is not None else None
        if queue_sender is None or queue_sender.message is None or numbers is None:
            return None
        return queue_sender.message, queue_sender.ids(numbers)

    def _identify_told(self, script: ReplyScript, transaction: Transaction) -> Identity | None:
        """Return the message, and the recipients that a scripted receiver-SMTP has really taken;
        None for mail from outside.
        """
        queue_sender = self.queue_sender
        if queue_sender is not None and queue_sender.message is not None:
            message, ids = queue_sender.identify(transaction)
            taken = script.taken(ids)
            if taken is not None and len(taken) == len(transaction.forward_paths):
                return message, taken
        return None

    # -- changing roles -------------------------------------------------------------------------

    def _turn(self, now: float) -> None:
        """Change roles on the open channel (section 3.8): two new engines, as if just opened."""
        receiver = self.receiver
        assert isinstance(receiver, LocalReceiverEnd), "hosts that change roles share a process"
        if not receiver.engine.turned:
            self.cut(turned_alone(self.sender_host, self.receiver_host))
            return
        if self.known is not None:
            self.known = KnownRecipients()
        if self.queue_sender is not None:
            self.host.session_over(now, self.queue_sender.queue)
        receiver.close()
        self.host, self.peer = self.peer, self.host
        self.sender_host, self.receiver_host = self.receiver_host, self.sender_host
        self.connection.swap_ends()
        host, environment = self.host, self.connection.route.environment
        self.sender, self.queue_sender = take_over(host, self.receiver_host, environment)
        self.receiver = self._local_receiver()
        assert self.number is not None, "a channel that is open has a number"
        self._begin(now, self.number)

    # -- the end --------------------------------------------------------------------------------

    def _hang_up_after(self, reply: bytes) -> None:
        """Close the channel from the sender-SMTP's side, after a reply; the other end finds out."""
        has_quit = self.sender.has_quit
        self.close(closed_by_sender(has_quit))
        if not has_quit and code_of(reply) != 421:
            self.connection.announce_close(self.driver.env.now)
        elif not self.connection.receiver_closed:
            self.receiver.see_close()  # a fault or a setting made it send this reply

    def close(self, reason: str) -> None:
        """Close the channel from the sender-SMTP's side, in order."""
        if self.connection.is_alive:
            self._close_sender_side(reason)
            if self.queue_sender is not None:
                self.host.session_over(self.driver.env.now, self.queue_sender.queue)

    def cut(self, reason: str, crashed: str | None = None) -> None:
        """Cut the connection. Both hosts find out, except ``crashed``, a host that has crashed."""
        if not self.connection.is_alive:
            return
        now = self.driver.env.now
        queue_sender = self.queue_sender
        is_open = self.number is not None
        if is_open:
            self._close_sender_side(cut(reason))
            if not self.connection.receiver_closed:
                self.receiver.see_close()
        else:
            self._close_connection()
            self.record(self.unreachable_row(now, reason))
        if queue_sender is None:
            return
        queue_sender.now = now
        if crashed == self.sender_host:
            queue_sender.abort()
        elif is_open:
            self.sender.end_of_input()
        else:
            why = unreachable(self.receiver_host, reason)
            cut_off = not self.peer.faults.down
            self.host.defer_all(now, queue_sender.queue, why, cut_off=cut_off)
        self.host.session_over(now, queue_sender.queue)

    def shut_down(self) -> None:
        """Have the receiver-SMTP say 421 and close the channel: its host goes down in order."""
        if not self.connection.receiver_closed:
            self.receiver.shut_down(self.driver.env.now)

    def time_out(self, why: str) -> None:
        """Close the channel: the sender-SMTP has waited too long for a reply."""
        sender, queue_sender = self.sender, self.queue_sender
        assert isinstance(sender, SenderSMTP), "a script waits for ever"
        assert queue_sender is not None, "a script waits for ever"
        now = queue_sender.now = self.driver.env.now
        self._close_sender_side(cut(why))
        self.connection.announce_close(now)
        sender.give_up(why)
        self.host.session_over(now, queue_sender.queue)

    def _close_sender_side(self, reason: str) -> None:
        self._close_connection()
        self.record(self.close_row(self.driver.env.now, reason))

    def _close_connection(self) -> None:
        self.driver.unregister(self)
        self.connection.close_sender_end()

    def receiver_sees_close(self, _: Any) -> None:
        """Let the receiver-SMTP's end find out that the other one has closed the channel."""
        self.receiver.see_close()

    def discard(self) -> None:
        """Drop everything, at the end of a run."""
        self.connection.cut()
        self.connection.release()
