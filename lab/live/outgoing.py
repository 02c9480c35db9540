"""A session that a host has opened, over TCP: the sender-SMTP's side of it."""

from __future__ import annotations

import asyncio
import math

from lab.hosts.sending import QueueSender
from lab.hosts.timeouts import Timeouts
from lab.live.calls import PendingCall
from lab.live.control import MailSent
from lab.live.host_connection import HostConnection
from lab.live.host_process import HostProcess
from lab.live.incoming import IncomingConnection
from lab.protocol import Crossing, Outgoing, SenderSMTP, Transaction
from lab.protocol.script import ScriptedSender
from lab.trace.closes import unreachable


class OutgoingConnection(PendingCall):
    """The sender-SMTP's side of a session that this host opened.

    ``replies`` counts the replies in the session so far.
    """

    def __init__(
        self,
        process: HostProcess,
        peer: str,
        environment: str,
        sender: SenderSMTP | ScriptedSender,
        queue_sender: QueueSender | None,
    ) -> None:
        super().__init__(peer, process.calls.next_number(), queue_sender)
        self.process = process
        self.environment = environment
        self.sender = sender
        self.channel = HostConnection(self)
        self.over = False
        self.since = process.clock.now
        self.replies = 0
        self._mail_reported: tuple[Outgoing | None, bool] = (None, False)

    @property
    def sends(self) -> Outgoing | None:
        """The mail of the transaction in progress."""
        return self.sender.outgoing if isinstance(self.sender, SenderSMTP) else None

    def connected(self, transport: asyncio.Transport) -> None:
        """Ask the network, to which there is a connection now, to be joined to the other host."""
        transport.write(self.process.arguments.relay_secret)
        port = transport.get_extra_info("sockname")[1]
        self.process.send(
            "call",
            self.call_number,
            port,
            self.peer,
            self.environment,
            self.queue_sender is not None,
        )

    def protocol(self) -> HostConnection:
        """Return what handles its TCP connection to the network."""
        return self.channel

    def opened(self, number: int) -> None:
        """Begin the session: the channel to the other host is open."""
        self.number = number
        self.process.calls.pending.pop(self.call_number, None)
        self.process.keep_watch(self)
        self.since = self.process.clock.now
        if self.queue_sender is not None:
            self.queue_sender.session = number

    def failed(self, error: Exception) -> None:
        """End the session, and nothing else, as something in it has failed."""
        self.process.session_failed(self, error)

    def hear_network(self) -> None:
        """Handle what the network has said before what comes next on the connection."""
        self.process.hear_network()

    def take_over(self, channel: HostConnection, number: int, replies: int) -> None:
        """Begin on a connection that there is, as TURN has changed the roles."""
        self.replies = replies
        self.channel = channel
        channel.role = self
        self.opened(number)

    def received(self, octets: bytes) -> None:
        """Handle bytes from the receiver-SMTP."""
        if self.over:
            return
        self.since = now = self.process.clock.now
        if self.queue_sender is not None:
            self.queue_sender.now = now
        self.process.begin()
        for kind, crossed in self._take(octets):
            self.replies += kind == "reply"
            if kind != "reply" and crossed:
                self._report_mail(kind)
                self.process.command(self.channel.transport, crossed)
        self.process.schedule_flush()
        if isinstance(self.sender, SenderSMTP) and self.sender.turned:
            self._turn()
        elif self.sender.closing:
            self._finish(now)
        self.process.settle()

    def _take(self, octets: bytes) -> list[Crossing]:
        if isinstance(self.sender, SenderSMTP):
            return self.sender.receive(octets, has_left=not self.is_early)
        return self.sender.receive(octets)

    def go_on(self) -> None:
        """Read on: what we wrote has left."""
        self.channel.resume()

    def _report_mail(self, kind: str) -> None:
        """Report which mail is sent, before its first byte is; at the mail data, also to whom."""
        outgoing = self.sends
        report = (outgoing, kind == "data")
        if report == self._mail_reported or self.queue_sender is None:
            return
        self._mail_reported = report
        if outgoing is None:
            self.process.report("mail", self.number, *MailSent(None))
        elif kind == "data":
            message, ids = self.queue_sender.identify(Transaction())
            path = outgoing.reverse_path.bare
            # of what a real mail server takes, the network records the delivery
            is_outside = bool(self.process.arguments.topology.hosts[self.peer].external)
            octets = outgoing.mail_data if is_outside else b""
            local = [p.user for n, p in enumerate(outgoing.forward_paths) if outgoing.taken(n)]
            everyone = self.queue_sender.ids(list(range(len(outgoing.forward_paths))))
            sent = MailSent(message, ids, path, octets, local, everyone)
            self.process.report("mail", self.number, *sent)
        else:
            self.process.report("mail", self.number, *MailSent(self.queue_sender.message))

    def _finish(self, now: float) -> None:
        self.over = True
        self.process.sessions.discard(self)
        if self.queue_sender is not None:
            self.process.host.session_over(now, self.queue_sender.queue)
        self.process.mark_urgent()
        self.process.hang_up(self.channel.transport)

    def _turn(self) -> None:
        """Change roles: from here on this host is the receiver-SMTP (section 3.8)."""
        self.over = True
        process = self.process
        process.sessions.discard(self)
        if self.queue_sender is not None:
            process.host.session_over(process.clock.now, self.queue_sender.queue)
        role = IncomingConnection(process, self.channel)
        role.replies_given = self.replies
        self.channel.role = role
        role.begin((self.number, self.peer, self.environment, True))

    def input_ended(self) -> bool:
        """Return that the connection is to be closed: the network does not half-close."""
        return False

    def abort(self) -> None:
        """Close the connection: no channel can be opened."""
        self.over = True
        transport = getattr(self.channel, "transport", None)
        if transport is not None:
            transport.abort()

    def disconnected(self, *, has_all_left: bool) -> None:
        """End the session: the connection is gone."""
        if self.over:
            return
        if self.call_number in self.process.calls.pending:
            # it was not a session yet, and the network has not said why
            self.process.calls.failed(self.call_number, unreachable(self.peer), True)
            return
        now = self.process.clock.now
        if self.queue_sender is not None:
            self.queue_sender.now = now
        self.process.begin()
        self.sender.end_of_input()
        self._finish(now)
        self.process.settle()

    def fail(self) -> None:
        """End the session at once; its queue waits for the next try."""
        process = self.process
        was_over, self.over = self.over, True
        was_calling = process.calls.pending.pop(self.call_number, None) is not None
        process.sessions.discard(self)
        if self.queue_sender is not None and (was_calling or not was_over):
            process.calls.hold(self.queue_sender.queue)
        process.mark_urgent()
        self.abort()

    @property
    def deadline(self) -> float:
        """When the receiver-SMTP will have taken too long to reply; a script waits for ever."""
        if self.queue_sender is None or self.over or not isinstance(self.sender, SenderSMTP):
            return math.inf
        limit = self._timeouts.limit(self.sender.awaiting, self.queue_sender.size)
        return self.since + limit

    @property
    def _timeouts(self) -> Timeouts:
        return self.process.host.settings.timeouts

    def check_timeout(self, now: float) -> None:
        """Give up if the receiver-SMTP has taken too long to reply."""
        queue_sender, sender = self.queue_sender, self.sender
        if now < self.deadline or queue_sender is None or not isinstance(sender, SenderSMTP):
            return
        why = self._timeouts.missing(sender.awaiting, queue_sender.size)
        self.process.send("gave up", self.number, why)
        queue_sender.now = now
        self.process.begin()
        sender.give_up(why)
        self._finish(now)
        self.process.settle()
