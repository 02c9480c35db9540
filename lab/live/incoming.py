"""A session that a host has answered, over TCP: the receiver-SMTP's side of it."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from lab.hosts.interception import reply_of
from lab.hosts.receiving import receiver_smtp, reply_script
from lab.hosts.reply_script import ReplyScript, ReplyWriter
from lab.hosts.sessions import enter, take_over
from lab.hosts.verdicts import closing
from lab.live.caller_record import CallerRecord
from lab.live.clients import Caller
from lab.live.host_connection import HostConnection
from lab.live.host_process import HostProcess
from lab.live.open_session import OpenSession
from lab.live.scripted_end import ScriptedEnd
from lab.live.storing_session import StoringSession
from lab.protocol import (
    Crossing,
    ReceiverSMTP,
    Reply,
    State,
    Transaction,
)
from lab.protocol.lines import end_of_mail_data, may_complete_end
from lab.simulation.interception import KnownRecipients
from lab.trace.closes import END_OF_INPUT, QUIT, cut
from lab.trace.rows import OUTSIDE, Row

_SLICE: Final = 1 << 11
"""Bytes of commands that a session may have handled before others have their turn."""


class IncomingConnection(OpenSession, Caller):
    """The receiver-SMTP's side of a session. ``given`` counts the replies in it so far.

    ``address`` is the IP address of a caller from outside, "unknown" if it has gone already.
    """

    receiver: ReceiverSMTP
    receiving: StoringSession

    def __init__(self, process: HostProcess, channel: HostConnection | None = None) -> None:
        super().__init__(OUTSIDE, None)
        self.process = process
        self.address = ""
        self._refusal = ""
        self.channel = channel if channel is not None else HostConnection(self)
        self.last = time.monotonic()
        self._known = False
        self._noted = 0
        self._record: CallerRecord | None = None
        self._counts = 0
        self.replies_given = 0
        self._recipients = KnownRecipients() if process.interceptions.changes else None
        self._unread = bytearray()
        self._is_going_on = False
        self._has_ended = False
        self._script: ReplyScript | None = None
        self._writer: ReplyWriter | None = None

    @property
    def is_work(self) -> bool:
        """Whether the host has work: with mail of a host, a caller from outside, or a reply due."""
        return self._known or self.peer == OUTSIDE or self.receiver.is_waiting

    def connected(self, transport: asyncio.Transport) -> None:
        """Greet the caller: a host of the topology, or a mail program from outside."""
        process = self.process
        self._count(1)
        process.hear_network()
        # the address is gone if the caller has reset the connection
        end = (transport.get_extra_info("peername") or ("", 0))[:2]
        expected = process.expected.pop(end, None)
        if expected is None:
            self._from_outside(end[0])
        else:
            self.begin(expected)

    def failed(self, error: Exception) -> None:
        """End the session, and nothing else, as something in it has failed."""
        self.process.session_failed(self, error)

    def hear_network(self) -> None:
        """Handle what the network has said before what comes next, which it brings or records."""
        if self.peer != OUTSIDE:
            self.process.hear_network()

    def _count(self, by: int) -> None:
        """Count this session among those that are open, or not any more."""
        self._counts += by
        self.process.host.open_sessions += by

    def begin(self, expected: tuple[int, str, str, bool]) -> None:
        """Greet a host of the topology."""
        if not self._counts:
            self._count(1)
        self.number, self.peer, environment, self._known = expected
        self._greet(environment)

    def _from_outside(self, address: str) -> None:
        """Greet a mail program from outside; its address stands in the path of the channel."""
        process = self.process
        self.address = address or "unknown"
        # what has not left at once is not said yet, and nothing more is read until it has
        self.channel.transport.set_write_buffer_limits(0)
        self.number = process.numbering.next_session()
        self._record = CallerRecord(process, self.channel, self.number)
        environment = process.environment
        now = process.clock.now
        transport = process.arguments.topology.environments[environment].transport
        name = process.host.name
        row = (now, "open", OUTSIDE, name, self.number, None, environment, transport)
        process.note([(*row, (address or OUTSIDE, name), now)])
        self._refusal = process.clients.admit(self, self.address)
        self._greet(environment)

    def _greet(self, environment: str) -> None:
        process = self.process
        process.keep_watch(self)
        self.receiving = StoringSession(
            process, environment, self._identify, self.number, self.peer, self._enter,
            self._respond,
        )  # fmt: skip
        self.receiving.now = process.clock.now
        self.receiving.address = self.address
        self.receiving.caller, self.receiving.refusal = self, self._refusal
        override = self._next_reply if self._recipients is not None else None
        self._script = script = reply_script(process.host)
        self.receiver = receiver_smtp(self.receiving, override, script)
        if script is not None:
            self._writer = ScriptedEnd(
                process, script, self.channel.transport, self.number,
                self.peer if self.peer == OUTSIDE else None, self._finish,
                self.receiver.end_of_input,
            ).writer  # fmt: skip
        self._do(self.receiver.open())

    def _next_reply(self) -> Reply | None:
        """Return the reply that a fault puts in the place of this one, if any."""
        self.replies_given += 1
        change = self.process.interceptions.change
        spec = change("change-reply", self.number, self.replies_given, self.process.host.name)
        return reply_of(spec.line or "") if spec is not None else None

    def _identify(self, transaction: Transaction) -> tuple[int, list[str]] | None:
        """Return the message and recipients that both sides mean; or it is mail from outside."""
        if not self._known:
            return self._comes_back(transaction)
        mail = self.process.message_of(self.number)
        if self._script is not None:
            taken = self._script.taken(mail.ids)
            return None if mail.message is None or taken is None else (mail.message, taken)
        if mail.message is None or self._recipients is None:
            return None if mail.message is None else (mail.message, mail.ids)
        numbers = self._recipients.numbers()
        if numbers is None:
            return None
        return mail.message, [mail.all_ids[number] for number in numbers]

    def _comes_back(self, transaction: Transaction) -> tuple[int, list[str]] | None:
        """Return the message and recipients of mail that had left the lab; None for new mail."""
        self.process.hear_network()
        mail = self.process.mail_outside.find(transaction.mail_data)
        if mail is None or len(mail[1]) != len(transaction.forward_paths):
            return None
        self._say_first(self.receiver.crossed)
        return mail[0], list(mail[1])

    def _enter(self, transaction: Transaction) -> tuple[int, list[str]]:
        """Record mail from outside as submitted; return its number and the ids of recipients."""
        self._say_first(self.receiver.crossed)
        number = self.process.numbering.next_message()
        row, ids = enter(self.receiving.now, self.process.host.name, number, transaction)
        self.process.record(row)
        return number, ids

    def received(self, octets: bytes) -> None:
        """Handle bytes from the sender-SMTP: many at once in slices, so that others have turns."""
        if self.over:
            return
        self.last = time.monotonic()
        if (
            self._unread
            or self.receiver.is_waiting
            or self.is_held_back
            or self._first_slice(octets) < len(octets)
        ):
            self._unread += octets
            self.channel.pause()
            self._go_on_soon()
        else:
            self._take(octets)

    def _first_slice(self, octets: bytes | bytearray) -> int:
        """Return how many bytes to handle at once: a few commands, or mail data up to its end."""
        if len(octets) <= _SLICE:
            return len(octets)
        if self.receiver.state is not State.DATA or may_complete_end(octets):
            return _SLICE
        end = end_of_mail_data(octets)
        return len(octets) if end < 0 else end

    def _go_on_soon(self) -> None:
        if not self._is_going_on:
            self._is_going_on = True
            asyncio.get_running_loop().call_soon(self._next_slice)

    def _next_slice(self) -> None:
        self._is_going_on = False
        try:
            self.go_on()
        except Exception as error:
            self.process.session_failed(self, error)

    def go_on(self) -> None:
        """Handle the next slice of what has come, if the replies to the last one have left."""
        if self._record is not None and not self.channel.is_stuck:
            self._record.settle(has_left=True)
        if self.over or self.channel.is_stuck or self.receiver.is_waiting or self.is_held_back:
            return
        size = self._first_slice(self._unread)
        octets = bytes(self._unread[:size])
        del self._unread[:size]
        if octets:
            self._take(octets)
        if self._unread:
            self._go_on_soon()
        elif self._has_ended:
            self._end_of_input()
        else:
            self.channel.resume()

    def input_ended(self) -> bool:
        """Note that nothing more comes; return whether the replies still have to be sent.

        A caller from outside that has said everything may close its half of the connection, and
        then still waits for the replies.
        """
        if self.peer == OUTSIDE and not self.over:
            self._has_ended = True
            self._end_of_input()
        return self.peer == OUTSIDE

    def _end_of_input(self) -> None:
        """End the session, if all that has come is handled and has been replied to."""
        if not (self._unread or self.receiver.is_waiting):
            self._finish(END_OF_INPUT)

    def _take(self, octets: bytes) -> None:
        process = self.process
        process.inputs += 1
        self.receiving.now = process.clock.now
        self._noted = 0
        # mail from outside may be reported a little later
        process.may_report_late = is_outside = self.peer == OUTSIDE
        events = self.receiver.receive(octets)
        process.may_report_late = False
        if is_outside and not self.over:
            process.note_came(len(octets))
            self._note_held(len(octets))
        if self._recipients is not None:
            asked = process.asked.pop(self.number, None)
            self._recipients.follow(self.receiver.transaction, asked)
        self._do(events)

    def _note_held(self, octets_arrived: int) -> None:
        """Note how much memory the caller takes; mail that is being stored counts until it is."""
        held = self.receiver.held
        if self.receiver.is_waiting:
            held = max(held, self.held, octets_arrived)
        self.process.clients.hold(self, held + len(self._unread))

    def hold_back(self) -> None:
        """Read nothing from now on: others have the memory."""
        self.channel.pause()

    def release(self) -> None:
        """Read on: there is room again."""
        if not self.over:
            self.last = time.monotonic()
            self._go_on_soon()

    @property
    def is_storing(self) -> bool:
        """Whether its mail has come in full and is being stored."""
        return self.receiver.is_waiting

    def make_room(self, why: str) -> None:
        """End the session with a 421: its client has more than its share."""
        self._close_channel(why, "its client had too much")

    def _do(self, events: list[Crossing]) -> None:
        """Send the replies; record what crossed, if the network does not."""
        self._say_first(events)
        if self._recipients is not None and self.peer != OUTSIDE:
            receiver = self.receiver
            is_in_mail_data = receiver.state is State.DATA
            self.process.send("receiver", self.number, is_in_mail_data, receiver.turned)
        for kind, octets in events:
            if kind == "reply" and self._writer is not None:
                self._writer.write(octets, self.receiving.now)
            elif kind == "reply" and self.peer != OUTSIDE:
                self.process.reply(self.channel.transport, octets)
        if self._known:
            self.process.schedule_flush()
        if self.receiver.turned:
            self._turn()
        elif self.receiver.closing and self._writer is None:
            self._finish(QUIT)
        elif self.receiver.closing and self._writer is not None:
            self._writer.close(self.receiving.now)

    def _say_first(self, events: list[Crossing]) -> None:
        """Say and record those events that have not been yet."""
        if self.peer == OUTSIDE:
            new = events[self._noted :] if self._noted else events
            self._noted = len(events)
            self._say(new)

    def _say(self, events: list[Crossing]) -> None:
        """Give a caller from outside the replies among events, and record what crossed.

        A scripted host says something else in place of them, and records that.
        """
        has_writer = self._writer is not None
        record = self._record
        assert record is not None, "what a host of the topology says is the network's to record"
        replies = [] if has_writer else [octets for kind, octets in events if kind == "reply"]
        rows = [
            self._row(kind, octets)
            for kind, octets in events
            if octets and (kind != "reply" or not has_writer)
        ]
        if replies:
            record.say(b"".join(replies), rows)
        else:
            record.note(rows)

    def _row(self, kind: str, octets: bytes) -> Row:
        now, name, number = self.receiving.now, self.process.host.name, self.number
        ends = (OUTSIDE, name) if kind == "reply" else (name, OUTSIDE)
        return (now, kind, *ends, number, None, now, octets)

    def _note_close(self, reason: str) -> None:
        process = self.process
        row = (process.clock.now, "close", OUTSIDE, process.host.name, self.number, None, reason)
        if self._record is not None:
            self._record.note([row])

    def _respond(self, verdict: Reply) -> None:
        if not self.over and self.receiver.is_waiting:
            try:
                self._answer(verdict)
            except Exception as error:
                self.process.session_failed(self, error)

    def _answer(self, verdict: Reply) -> None:
        self.receiving.now = self.process.clock.now
        self._noted = 0
        events = self.receiver.answer(verdict)
        if self.peer == OUTSIDE:
            self._note_held(0)
        self._do(events)
        self.go_on()

    def _turn(self) -> None:
        """Change roles: from here on this host is the sender-SMTP (section 3.8)."""
        self.over = True
        process, host = self.process, self.process.host
        process.sessions.discard(self)
        self._count(-1)
        environment = self.receiving.environment
        sender, queue_sender = take_over(host, self.peer, environment)
        role = process.calls.new_call(self.peer, environment, sender, queue_sender)
        role.take_over(self.channel, self.number, self.replies_given)

    def _finish(self, reason: str) -> None:
        if self.over:
            return
        self.over = True
        process = self.process
        process.sessions.discard(self)
        self._count(-self._counts)
        process.identified.pop(self.number, None)
        process.clients.leave(self)
        begun = self.receiver.begun_line
        if self.peer == OUTSIDE and begun:
            row = (process.clock.now, "command", process.host.name, OUTSIDE, self.number, None)
            process.note([(*row, process.clock.now, begun)])
        self.receiver.end_of_input()
        if self._writer is not None:
            self._writer.stop()
        if self.peer == OUTSIDE:
            self._note_close(reason)
        else:
            process.mark_urgent()
        process.hang_up(self.channel.transport, free=self.peer == OUTSIDE)

    def fail(self) -> None:
        """Say 421 to a caller from outside, and end the session at once."""
        process = self.process
        if not self.over:
            self.over = True
            process.sessions.discard(self)
            self._count(-self._counts)
            process.identified.pop(self.number, None)
            process.clients.leave(self)
            if self._writer is not None:
                self._writer.stop()
            self._close_failed()
        process.mark_urgent()

    def _close_failed(self) -> None:
        transport = self.channel.transport
        if self.peer != OUTSIDE or not hasattr(self, "receiving"):
            transport.abort()
            return
        name, self.receiving.now = self.process.host.name, self.process.clock.now
        self._say([Crossing("reply", closing(name).octets)])
        self._note_close(cut("something failed in the session"))
        self.process.hang_up(transport, free=True)

    def disconnected(self, *, has_all_left: bool) -> None:
        """End the session as if RSET had come: the connection is gone (section 4.1.1, QUIT)."""
        if self._record is not None:
            self._record.settle(has_left=has_all_left)
        self._finish(END_OF_INPUT)

    def check_timeout(self, now: float) -> None:
        """Close the channel to a sender-SMTP from outside that has sent nothing for too long."""
        idle = self.process.arguments.idle
        if self.is_held_back or self.is_storing:
            self.last = time.monotonic()
        if self.peer == OUTSIDE and time.monotonic() - self.last >= idle:
            self._close_channel(f"Nothing came for {idle:g} s", "nothing was received for too long")

    def shut_down(self) -> None:
        """Say 421 and close the channel: the host ends."""
        self._close_channel("Service not available", "the host has ended")
        if self._record is not None and self.channel.is_stuck:
            self._record.settle(has_left=False)  # this process ends before it can

    def _close_channel(self, why: str, reason: str) -> None:
        """Say 421, which "may be a reply to any command" (4.2.1), and close the channel."""
        if self.over:
            return
        octets = closing(self.receiving.name, why).octets
        if self.peer == OUTSIDE:
            self._say([Crossing("reply", octets)])
        else:
            self.process.write(self.channel.transport, octets, free=True)
        self._finish(cut(reason))
