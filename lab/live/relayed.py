"""A session between two hosts' processes, as the network sees it: two TCP connections, joined.

What one host writes is cut into commands, mail data and replies. Each of them crosses the emulated
links, as in the simulation, and is written to the other host when it arrives there.
"""

from __future__ import annotations

import time
from collections import deque
from copy import copy
from typing import Any, Final

from lab.live.driver import LiveDriver
from lab.live.failures import contained, reason_of_failure
from lab.live.host_handle import HostHandle
from lab.live.relay_port import RelayPort
from lab.network.channel import ChannelRoute
from lab.network.connection import Connection
from lab.network.events import Delivery
from lab.network.link import LinkDirection
from lab.protocol.arriving import ArrivingReplies
from lab.protocol.dialogue import Answered, Exchange, Spoken
from lab.protocol.lines import CRLF, END_OF_MAIL_DATA, end_of_mail_data, ends_mail_data
from lab.protocol.replies import MAIL_DATA, is_success
from lab.protocol.states import MAIL_COMMANDS
from lab.simulation.any_session import AnySession
from lab.trace.closes import closed_by_sender, cut, hung_up, turned_alone, unreachable

LONGEST: Final = 128 << 20
"""Bytes of a command or of mail data that the network holds at most; more cuts the session."""

_QUIET: Final = 2.0
"""Seconds of the wall clock in which a host surely does what it does with bytes that have come."""

_END_BEGUN: Final = len(END_OF_MAIL_DATA) - 1
"""Bytes at the end of what has come that may be the beginning of an end."""


class LiveMail:
    """What the network knows of the mail on its way in a session."""

    def __init__(self) -> None:
        self.message: int | None = None
        self.ids: list[str] = []
        self.all_ids: list[str] = []
        self.path = ""
        self.octets = b""
        self.users: list[str] = []
        self.is_taken = False


class LiveSession(AnySession):
    """A session whose engines are in two other processes: a connection with a socket at each end.

    ``host`` and ``peer`` are the processes of the two hosts. ``mail`` is what is known of the mail
    on its way; None for a script. ``call_number`` is the number by which the calling host knows the
    session until it is open.
    """

    def __init__(
        self,
        network: LiveDriver,
        host: HostHandle,
        peer: HostHandle,
        route: ChannelRoute,
        call_number: int,
        caller: RelayPort,
        *,
        is_script: bool,
    ) -> None:
        super().__init__(host.name, peer.name, Connection(network.env, route))
        self.network = network
        self.host = host
        self.peer = peer
        self.call_number = call_number
        self.mail = None if is_script else LiveMail()
        self._caller = caller
        self.answerer = RelayPort(network)
        caller.session = self.answerer.session = self
        interceptions = network.interceptions
        replies = interceptions.changed_replies(self, network.record)
        self.connection.attach(self, interceptions.of(self, network.record, replies))
        self._have_changes = replies is not None
        self._on_links = 0
        self._last = time.monotonic()
        self._is_shut_down = False
        self._begin_role()
        network.register(self)

    def host_at(self, port: RelayPort) -> HostHandle:
        """Return the host at the other end of a port."""
        return self.host if port is self._caller else self.peer

    def failed(self, error: Exception) -> None:
        """End the session, as something of the network's has failed in it."""
        why = reason_of_failure(error)
        self.network.note_failure(why, "session", self)
        try:
            self.cut("something failed in the network")
        except Exception as again:
            self.network.note_failure(reason_of_failure(again))
            self.discard()

    def is_scripted(self, port: RelayPort) -> bool:
        """Return whether a port is of a host whose replies the file sets byte for byte."""
        return port is self.answerer and self._has_script

    def _begin_role(self) -> None:
        self._has_script = bool(self.network.topology.hosts[self.receiver_host].replies)
        self._pieces = ArrivingReplies()
        self._buffer = bytearray()
        self._searched = 0
        self._unsent = bytearray()
        self._is_early = False
        self._at_sender = Exchange()
        self._at_receiver = Exchange()
        self._sent: deque[tuple[bytes, Spoken]] = deque()
        self._asked: deque[int | None] = deque()
        self._next_recipient = 0
        self._receiver_state: tuple[bool, bool] | None = None
        self._promised: LiveMail | None = None

    @property
    def message(self) -> int | None:
        """The number of the message on its way; None outside of a transaction."""
        return self.mail.message if self.mail is not None else None

    @property
    def is_in_mail_data(self) -> bool:
        """Whether the receiver-SMTP takes what comes next as mail data."""
        receiver = self._at_receiver
        if receiver.has_ended and self._sent:
            return self._sent[0][1].command == MAIL_DATA
        return receiver.takes_mail_data

    @property
    def is_stuck(self) -> bool:
        """Whether nothing will happen any more: a script waits for a reply that does not come.

        A simulated run is over then too. Bytes on a link come sooner or later; what a host does
        with them takes it a moment, and a real mail server may take its time.
        """
        if self.mail is not None or self.number is None or self._on_links:
            return False
        limit = self.network.settings.idle if self.peer.external else _QUIET
        return time.monotonic() - self._last >= limit

    @property
    def is_over(self) -> bool:
        """Whether the session is closed or cut."""
        return not self.connection.is_alive

    def open(self) -> None:
        """Begin to open the connection; a script waits for ever."""
        self.connection.open()
        if self.mail is not None:
            timeouts = self.network.topology.hosts[self.sender_host].timeouts
            due = self.network.env.now + timeouts.opening
            self.network.at(due, self._opening_timeout, timeouts.not_opened)

    @contained
    def _opening_timeout(self, why: str) -> None:
        if self.number is None:
            self.cut(why)

    @contained
    def opened(self, _: Any) -> None:
        """The connection is open: record that, and open TCP to the host that is called."""
        network = self.network
        now = network.env.now
        self.number = number = network.number_session(self)
        network.record(self.open_row(now, number))
        self.host.send("open", self.call_number, number)
        network.spawn(self._join(number))

    async def _join(self, number: int) -> None:
        try:
            environment, is_mail = self.connection.route.environment, self.mail is not None
            await self.peer.join(
                self.answerer, number, self.sender_host, environment, is_mail=is_mail
            )
        except OSError as error:
            self.network.catch_up()
            self.cut(unreachable(self.receiver_host, error.strerror or str(error)))
        except Exception as error:
            self.failed(error)

    # -- what the hosts send --------------------------------------------------------------------

    def received(self, port: RelayPort, octets: bytes) -> None:
        """Take bytes from one of the two hosts."""
        if self.is_over:
            return
        self._last = time.monotonic()
        if port is self._caller:
            self._from_sender(octets)
        else:
            self._from_receiver(octets)

    def _from_sender(self, octets: bytes) -> None:
        self._buffer += octets
        now = self.network.env.now
        while self._buffer and not self.is_over:
            end = self._end_of_unit()
            if end < 0:
                if len(self._buffer) > LONGEST:
                    self.cut("more data arrived than the network can hold")
                return
            with memoryview(self._buffer) as begun:
                unit = bytes(begun[:end])
            del self._buffer[:end]
            self._searched = 0
            spoken = self._at_sender.ask_next(unit)
            self._sent.append((unit, spoken))
            if self._have_changes:
                self._asked.append(self._recipient_of(spoken.command))
            self._on_links += 1
            self.connection.send_command(unit, now)

    def _end_of_unit(self) -> int:
        """Return where the command or the mail data ends; -1 where its end has not come yet.

        What was looked through before is not looked through again, so that mail of 20 MB, which
        comes in hundreds of pieces, takes no more time than as many small ones.
        """
        begin, self._searched = self._searched, max(0, len(self._buffer) - _END_BEGUN)
        if self._at_sender.takes_mail_data:
            return end_of_mail_data(self._buffer, begin)
        end = self._buffer.find(CRLF, begin)
        return end + len(CRLF) if end >= 0 else -1

    def _recipient_of(self, command: str) -> int | None:
        """Return the number, from 0, of the recipient that a command is about; None for others."""
        if command == "RCPT":
            self._next_recipient += 1
            return self._next_recipient - 1
        if command in MAIL_COMMANDS:
            self._next_recipient = 0
        return None

    def receiver_says(self, is_in_mail_data: bool, turned: bool) -> None:
        """Note the receiver-SMTP's state after its next replies, where faults set replies."""
        self._receiver_state = is_in_mail_data, turned

    def _from_receiver(self, octets: bytes) -> None:
        """Send whole replies on, and what comes with or after them: the sender-SMTP judges it."""
        now, receiver = self.network.env.now, self._at_receiver
        if not self.answerer.has_left:
            self._is_early = True
        self._unsent += octets
        answered = receiver.receive(octets)
        if any(map(_confirms_mail, answered)) and not self._is_early:
            self._record_outside(now, self.mail)
        if self._receiver_state is not None:
            receiver.takes_mail_data, receiver.is_turned = self._receiver_state
            self._receiver_state = None
        if answered or receiver.has_ended or self._has_script:
            whole = bytes(self._unsent)
            self._unsent.clear()
            self._on_links += 1
            self.connection.send_reply(whole, now)

    def _record_outside(self, now: float, mail: LiveMail | None) -> None:
        """Record that a real mail server has taken mail: for the lab it is delivered there."""
        peer = self.peer
        if not peer.external or mail is None or mail.message is None or mail.is_taken:
            return
        mail.is_taken = True
        about = (peer.name, self.sender_host, self.number, mail.message)
        record = self.network.record
        record((now, "accept", *about, tuple(mail.ids), mail.path, len(mail.octets)))
        for recipient, user in zip(mail.ids, mail.users, strict=True):
            row = (now, "deliver", peer.name, None, None, mail.message, recipient, user)
            record((*row, mail.octets))

    def hung_up(self, port: RelayPort) -> None:
        """Note that one of the two hosts has closed its connection."""
        if self.is_over:
            return
        is_caller = port is self._caller
        if self.number is None:
            if is_caller:
                self.cut(hung_up(self.sender_host))
        elif is_caller:
            self._close(closed_by_sender(self._at_sender.has_quit))
        else:
            self.connection.announce_close_to_sender(self.network.env.now)

    # -- what arrives ---------------------------------------------------------------------------

    @contained
    def at_receiver(self, delivery: Delivery) -> None:
        """Write a command or mail data to the receiver-SMTP's host."""
        self._note_arrival()
        if self._is_shut_down:
            return
        octets = delivery.octets
        is_data = self._arrives(octets)
        was_data = self._sent.popleft()[1].command == MAIL_DATA
        self._record_arrival(delivery, "data" if is_data or self._promised else "command")
        if was_data and self._promised is not None:
            self._record_outside(delivery.at, self._promised)
            self._promised = None
        if self._have_changes:
            self.peer.send("asked", self.number, self._asked.popleft())
        if (is_data or was_data) and (mail := self.mail) is not None:
            self.peer.send("identify", self.number, mail.message, mail.ids, mail.all_ids)
            if is_data and self.peer.external and mail.message is not None:
                self.network.mail_leaves(mail.octets, mail.message, mail.ids)
        self.answerer.write(octets)

    def _note_arrival(self) -> None:
        self._on_links -= 1
        self._last = time.monotonic()

    def _arrives(self, octets: bytes) -> bool:
        """Note that a command or mail data arrives; return whether it is taken as mail data."""
        receiver, is_data = self._at_receiver, self.is_in_mail_data
        if not is_data or ends_mail_data(octets):
            unit, spoken = self._sent[0]
            if unit is not octets or (spoken.command == MAIL_DATA) != is_data:
                spoken = Spoken.read(octets, data=is_data)  # it was changed, or is taken otherwise
            receiver.ask(spoken)
        return is_data

    @contained
    def part_at_receiver(self, delivery: Delivery) -> None:
        """Write the first bytes of a command or of mail data to the receiver-SMTP's host."""
        if self._is_shut_down:
            return
        self._record_arrival(delivery, "data" if self.is_in_mail_data else "command")
        self.answerer.write(delivery.octets)

    def _record_arrival(self, delivery: Delivery, kind: str) -> None:
        hosts = self.receiver_host, self.sender_host
        row = (delivery.at, kind, *hosts, self.number, self.message, delivery.sent, delivery.octets)
        self.network.record(row if delivery.lines is None else (*row, delivery.lines))

    @contained
    def at_sender(self, delivery: Delivery) -> None:
        """Write a reply to the sender-SMTP's host; the close, if there are no bytes."""
        octets = delivery.octets
        if not octets:
            self._receiver_hung_up()
            return
        self._note_arrival()
        hosts = self.sender_host, self.receiver_host
        for kind, crossed in self._pieces.take(octets):
            row = (delivery.at, kind, *hosts, self.number, self.message, delivery.sent, crossed)
            self.network.record(row if delivery.lines is None else (*row, delivery.lines))
        confirmed = any(map(_confirms_mail, self._at_sender.receive(octets)))
        if self._is_early or self._buffer or self.connection.to_receiver.left_at > delivery.at:
            self._at_sender.has_quit = False
            self.host.send("early", self.number)
        elif confirmed:
            self._confirmed(delivery.at)
        self._caller.write(octets)
        if self._at_sender.is_turned and self.mail is not None:
            self._turn()

    def _confirmed(self, now: float) -> None:
        """Note that mail counts as taken: a real mail server may say so before it has the data."""
        if any(spoken.command == MAIL_DATA for _, spoken in self._sent):
            self._promised = copy(self.mail)
        else:
            self._record_outside(now, self.mail)

    def _receiver_hung_up(self) -> None:
        """Cut the session, unless the sender-SMTP is about to close it after the last reply."""
        if not self._at_sender.has_ended:
            self.cut(hung_up(self.receiver_host))

    def _turn(self) -> None:
        """Change roles: the hosts do so by themselves, and from here on each sends other things."""
        if not self._at_receiver.is_turned:
            self.cut(turned_alone(self.sender_host, self.receiver_host))
            return
        self.host, self.peer = self.peer, self.host
        self.sender_host, self.receiver_host = self.receiver_host, self.sender_host
        self._caller, self.answerer = self.answerer, self._caller
        self.connection.swap_ends()
        self.mail = LiveMail()
        self._begin_role()

    @contained
    def segment_lost(self, link: LinkDirection, times: int, delay: float) -> None:
        """Record that a segment was lost on a link and sent again."""
        now = self.network.env.now
        self.network.record((now, "loss", link.a, link.b, self.number, None, times, delay))

    # -- the end --------------------------------------------------------------------------------

    def cut(self, reason: str, crashed: str | None = None) -> None:
        """Cut the connection. Both hosts find out, except ``crashed``, a host that has crashed."""
        if self.is_over:
            return
        if self.number is None:
            self._close_connection()
            self.network.record(self.unreachable_row(self.network.env.now, reason))
            if self.mail is not None and crashed != self.sender_host:
                why = unreachable(self.receiver_host, reason)
                self.host.send("unreachable", self.call_number, why, not self.peer.faults.down)
            self._hang_up()
        else:
            self._close(cut(reason))

    def shut_down(self) -> None:
        """Pass nothing more on to the receiver-SMTP's host, which has said 421 and ends."""
        self._is_shut_down = True

    def gave_up(self, why: str) -> None:
        """Close the session: the sender-SMTP has waited too long for a reply."""
        if not self.is_over:
            self._close(cut(why))

    def _close(self, reason: str) -> None:
        if self.peer.external and self._unsent:
            # what its server began to say, and did not end as a reply ends
            now, hosts = self.network.env.now, (self.sender_host, self.receiver_host)
            row = (now, "piece", *hosts, self.number, self.message, now, bytes(self._unsent))
            self.network.record(row)
        self._close_connection()
        self.network.record(self.close_row(self.network.env.now, reason))
        self._hang_up()

    def _close_connection(self) -> None:
        self.network.unregister(self)
        self.connection.close_sender_end()

    def _hang_up(self) -> None:
        for port in (self._caller, self.answerer):
            port.close()

    def receiver_sees_close(self, _: Any) -> None:
        """Do nothing: the host in the other process finds out on its own."""

    def discard(self) -> None:
        """Drop everything, at the end of a run."""
        self._close_connection()
        self._hang_up()


def _confirms_mail(answered: Answered) -> bool:
    """Whether a reply says that the mail data has been taken."""
    spoken = answered.spoken
    if spoken is None or spoken.command != MAIL_DATA:
        return False
    return is_success(MAIL_DATA, answered.code)
