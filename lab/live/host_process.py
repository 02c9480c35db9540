"""One host in a process of its own: an asyncio driver of its engines.

The host is the same class as in a simulation; the wall clock tells it the time.
"""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path as FilePath
from typing import Any, Final, NamedTuple, NoReturn

from lab.hosts.fingerprint import MailOutside
from lab.hosts.host import Host
from lab.hosts.port import HostPort
from lab.hosts.sending import QueueSender
from lab.hosts.spool import Queue, QueuedMail
from lab.live.calls import Calls, PendingCall
from lab.live.clients import Clients
from lab.live.commits import Acceptance
from lab.live.control import Control, PeerGone
from lab.live.failures import reason_of_failure
from lab.live.host_arguments import HostArguments
from lab.live.open_session import OpenSession
from lab.live.output import Output
from lab.live.run_folder import descriptors
from lab.live.spare_room import SpareRoom
from lab.live.wallclock import WallClock
from lab.protocol import Limits, Reply, SenderSMTP
from lab.protocol.script import ScriptedSender
from lab.simulation.interception import Interceptions
from lab.simulation.numbering import LiveHostNumbering
from lab.simulation.world import World

SESSIONS: Final = 2000

SAFE: Final = Limits(line=4096, message=64 << 20, recipients=10_000, sessions=SESSIONS)
"""The limits of a live host that sets none of its own: input from a network is bounded."""

_OWN_FILES: Final = 64
"""Descriptors kept back for storage, control, listening, and calls of the host's own."""

_SWEEP: Final = 1.0
"""Seconds between two looks for sessions in which nothing has come for too long, at most."""

_LEAST_PAUSE: Final = 0.002
"""Seconds between two such looks, at least."""

_BY_THEMSELVES: Final = frozenset(("submit", "poll", "script", "fault"))
"""The kinds of message that nothing else depends on: if one fails, the host goes on."""


class KnownMail(NamedTuple):
    """The mail that a session carries, as the network knows it.

    ``ids`` are those of the recipients that the sender-SMTP takes to be accepted, and ``all_ids``
    those of all recipients of the transaction.
    """

    message: int | None
    ids: list[str]
    all_ids: list[str]


NewCall = Callable[
    ["HostProcess", str, str, SenderSMTP | ScriptedSender, QueueSender | None], PendingCall
]
"""Makes a call: the process, the peer, the environment, the engine, and whose mail it sends."""


class HostProcess(Output):
    """A host, its storage, its sessions, and its control channel to the network.

    ``new_call`` makes the calls. ``sessions`` are open; ``expected`` are sessions that the network
    has announced, by the address from which they will come. ``asked`` is the number of the
    recipient that the last command was about, for sessions in which faults change something.
    ``started`` is set when the clock runs, and ``over`` when the process is to end; ``fatal`` is
    why, if it cannot go on.
    """

    def __init__(self, arguments: HostArguments, control: Control, new_call: NewCall) -> None:
        super().__init__(
            arguments.name, control, FilePath(arguments.storage), arguments.outbox,
            durable=arguments.durable,
        )  # fmt: skip
        self.arguments = arguments
        self.fatal: Exception | None = None
        self.clock = arguments.clock
        self.world = World(arguments.topology, arguments.seed)
        if arguments.trusts_external:
            self.world.routes.external = frozenset()
        self.host = self._host()
        self.sessions: set[OpenSession] = set()
        self.clients = Clients(arguments.budgets, self.host.settings.limits.sessions or SESSIONS)
        self.room = SpareRoom(FilePath(arguments.storage).parent, arguments.room)
        self.is_short_of_room = False
        self.calls = Calls(
            self, self.host, partial(new_call, self), arguments.relay_port, arguments.life
        )
        self.expected: dict[tuple[str, int], tuple[int, str, str, bool]] = {}
        self.identified: dict[int, KnownMail] = {}
        self.asked: dict[int, int | None] = {}
        self.interceptions = Interceptions(arguments.topology.faults)
        self.environment = self._environment()
        self.pending = 0
        self.is_watched = any(fault.when for fault in arguments.topology.faults)
        self._handled = 0
        self.numbering = LiveHostNumbering(arguments.number, arguments.life)
        self.started = asyncio.Event()
        self.over = asyncio.Event()
        self.mail_outside = MailOutside()
        self._is_sweeping = False
        self._handlers: dict[str, Callable[..., None]] = {
            "submit": self._submit, "fault": self._fault, "links": self._links,
            "session": self._expect, "no session": self._expect_no_more,
            "identify": self._identify, "open": self._opened,
            "no": self.calls.refused, "unreachable": self.calls.failed, "poll": self.calls.poll,
            "script": self.calls.send_script, "start": self._start_clock, "stop": self._stop,
            "asked": self._ask, "early": self._early, "outside": self.mail_outside.add,
        }  # fmt: skip

    def _host(self) -> Host:
        settings = self.arguments.topology.hosts[self.arguments.name]
        own = settings.limits
        limits = {
            name: value for name in Limits.__slots__ if (value := getattr(own, name)) is not None
        }
        safe = replace(SAFE, **limits)
        room = max(1, descriptors() - _OWN_FILES)
        safe = replace(safe, sessions=min(safe.sessions or room, room))
        settings = replace(settings, limits=safe)
        return self.world.make_host(settings, LivePort(self))

    def _environment(self) -> str:
        """Return the environment of callers from outside: that of the host's first link."""
        name, topology = self.host.name, self.arguments.topology
        joined = (link.environment for link in topology.links if name in (link.a, link.b))
        return next(joined, next(iter(topology.environments)))

    # -- what fails -----------------------------------------------------------------------------

    @property
    def now(self) -> float:
        """The time of the run, in seconds."""
        return self.clock.now if self.started.is_set() else 0.0

    def give_up(self, error: Exception) -> None:
        """End the process, as it cannot go on: the network starts it again."""
        self.fatal = error
        self.over.set()

    def failed(self, error: Exception) -> None:
        """Record that something other than a session has failed; the host goes on."""
        if isinstance(error, PeerGone) and self.control.ended:
            exit_without_network()
        self.take_back()
        self.report_failure("host", reason_of_failure(error))
        if self.started.is_set():
            try:
                self.mend_queues()
            except Exception as again:
                self.give_up(again)

    def session_failed(self, session: OpenSession, error: Exception) -> None:
        """End a session in which something has failed, as if it had never done that."""
        if isinstance(error, PeerGone) and self.control.ended:
            exit_without_network()
        self.take_back()
        self.may_report_late = False
        peer, number = session.peer, session.number or None
        self.report_failure("session", reason_of_failure(error), peer=peer, session=number)
        try:
            session.fail()
            self.mend_queues()
        except Exception as again:  # it has done half of what it should
            self.give_up(again)

    def mend_queues(self) -> None:
        """Have each queue hold what is stored for it and no session is sending."""
        owed, spool = self.commits.owed(), self.host.spool
        sending = {session.sends.tag for session in self.sessions if session.sends is not None}
        missing = {mail: host for mail, host in owed.items() if mail not in sending}
        for queue in spool.queues.values():
            for mail in queue.clear():
                if missing.pop(mail, None) == queue.host:
                    queue.add_at(mail.place, mail)
        for mail in missing:
            self.storage.restore(mail)
            queue = spool.queues[owed[mail]]
            queue.add(mail)
        sessions = [*self.sessions, *self.calls.pending.values()]
        for queue in spool.queues.values():
            own = [
                caller
                for caller in sessions
                if caller.queue_sender and caller.queue_sender.queue is queue
            ]
            queue.sessions = len(own)
            queue.sending = len([caller for caller in own if caller.sends is not None])
            self.host.schedule_retry(self.now, queue)

    def has_room(self, octets: int) -> bool:
        """Return whether the disk has room for mail from outside, besides that which is owed."""
        is_short = not self.room.has_for_mail(octets, self.storage.waiting_octets)
        if is_short and not self.is_short_of_room:
            self.report_failure(
                "storage", "the last room on the disk is kept for mail that is owed"
            )
        self.is_short_of_room = is_short
        return not is_short

    # -- what leaves it -------------------------------------------------------------------------

    def state(self) -> tuple[Any, ...]:
        """Return how far messages are handled, whether the host has work, and how much waits."""
        return self._handled, self.has_work, len(self.host.spool)

    @property
    def has_work(self) -> bool:
        """Whether the host will do something by itself."""
        work = self.pending or self.calls.pending or self.commits.is_busy
        work = work or any(session.is_work for session in self.sessions)
        return bool(work or self.host.has_work)

    def finish(self, acceptance: Acceptance) -> None:
        """Put stored mail into its queues, and reply to its sender."""
        now = self.clock.now
        for queue, mail in acceptance.admitted:
            self.host.spooling.admit(now, queue, mail)
        if acceptance.answer is not None and acceptance.verdict is not None:
            acceptance.answer(acceptance.verdict)

    def finish_again(self, acceptance: Acceptance) -> None:
        """Put stored mail into its queues, and reply, if the first time has not come to that."""
        try:
            self.mend_queues()
            if acceptance.answer is not None and acceptance.verdict is not None:
                acceptance.answer(acceptance.verdict)
        except Exception as error:
            self.give_up(error)

    def reply_when_stored(self, verdict: Reply, answer: Callable[[Reply], None]) -> None:
        """Give a peer a verdict; if mail is being handed over, when that is stored."""
        acceptance = self.commits.current
        if acceptance is not None and acceptance.changes:
            acceptance.verdict, acceptance.answer = verdict, answer
        else:
            answer(verdict)

    # -- messages from the network --------------------------------------------------------------

    def hear_network(self) -> None:
        """Handle the messages that the network has sent until now, if there are any."""
        if self.outbox.sent_to_host != self.control.received:
            self.receive_messages()

    def receive_messages(self) -> None:
        """Handle the messages of the network. If its process has ended, so does this one.

        A peer may be handing over mail, which waits for a message; none of them is about that.
        """
        acceptance, self.commits.current = self.commits.current, None
        for kind, *arguments in self.control.receive():
            self._handled += 1
            try:
                self._handlers[kind](*arguments)
            except Exception as error:
                if kind not in _BY_THEMSELVES:
                    # what the host knows of its sessions is not what the network knows
                    self.give_up(error)
                    break
                self.failed(error)
            self.schedule_flush()
        self.commits.current = acceptance
        if self.control.ended:
            exit_without_network()

    def _start_clock(self, epoch: float) -> None:
        self.clock = WallClock(epoch, self.clock.speed)
        self._recover()
        self.started.set()

    def shut_down(self) -> None:
        """Say 421 in each session with a caller from outside: the host ends (section 4.2.1)."""
        for session in list(self.sessions):
            try:
                session.shut_down()
            except Exception as error:
                self.session_failed(session, error)

    def _stop(self) -> None:
        self.over.set()

    def _submit(self, number: int, sender: Any, to: Any, octets: bytes, verb: str) -> None:
        self.begin()
        try:
            self.host.submit(self.clock.now, number, sender, to, octets, verb)
        except Exception as error:
            self.failed(error)
            self._reject(number, sender, to, len(octets), verb)
        self.settle()

    def _reject(self, number: int, sender: Any, to: Any, size: int, verb: str) -> None:
        """Record that mail of a user is not taken, as something has failed with it."""
        texts, about = tuple(path.bare for path in to), (self.host.name, None, None, number)
        self.record((self.now, "submit", *about, sender.bare, texts, verb, size))
        for ident, text in enumerate(texts, 1):
            row = (self.now, "reject", *about, str(ident), text, "something failed at the host")
            self.record(row)

    def _fault(self, name: str, value: Any) -> None:
        setattr(self.host.faults, name, value)

    def _links(self, downs: list[int]) -> None:
        for link, down in zip(self.world.links, downs, strict=True):
            link.downs = down
        self.world.links_changed()

    def _expect(
        self, end: tuple[str, int], number: int, peer: str, environment: str, known: bool
    ) -> None:
        self.expected[end] = (number, peer, environment, known)

    def _expect_no_more(self, end: tuple[str, int]) -> None:
        """Forget a session that was announced; a later call from that port is another session."""
        self.expected.pop(end, None)

    def _identify(self, number: int, *mail: Any) -> None:
        self.identified[number] = KnownMail(*mail)

    def _ask(self, number: int, recipient: int | None) -> None:
        self.asked[number] = recipient

    def _early(self, number: int) -> None:
        for session in self.sessions:
            if session.number == number:
                session.is_early = True

    def _opened(self, call_number: int, number: int) -> None:
        call = self.calls.pending.get(call_number)
        if call is not None:
            try:
                call.opened(number)
            except Exception as error:
                self.session_failed(call, error)

    def message_of(self, number: int) -> KnownMail:
        """Return the mail that a session carries; waits for the network to say so."""
        while number not in self.identified:
            self.control.wait(10.0)
            self.receive_messages()
        return self.identified.pop(number)

    # -- the spool ------------------------------------------------------------------------------

    def _recover(self) -> None:
        """Load the mail that stable storage kept when this host last ran."""
        now = self.clock.now
        for name, environment, entry in self.storage.recover():
            queue = self.host.spool.queue(name, environment)
            if self.arguments.life == 0:
                self._enter(now, name, entry)
                self.commits.keep(queue, entry)
            queue.add(entry)
        for sentence in self.storage.unreadable:
            self.report_failure("storage", f"{sentence}; it stays in {self.arguments.storage}")
        self.host.resume(now)

    def _enter(self, now: float, peer: str, entry: QueuedMail) -> None:
        """Number and record mail that an earlier run left: it is new to this run."""
        entry.message, entry.not_before = self.numbering.next_message(), 0.0
        entry.expires = now + self.host.spooling.give_up
        entry.addressees = [(str(n), path) for n, (_, path) in enumerate(entry.addressees, 1)]
        texts = tuple(path.bare for _, path in entry.addressees)
        size = len(entry.mail_data)
        row = (now, "submit", self.host.name, None, None, entry.message)
        self.record((*row, entry.reverse_path.bare, texts, entry.verb, size))
        place = (self.host.name, peer, None, entry.message)
        self.record((now, "queue", *place, entry.ids, size))

    def at(self, at: float, call: Callable[..., None], *arguments: Any) -> None:
        """Call something at a time of the run."""
        self.clock.call_at(at, call, *arguments)

    def later(self, seconds: float, call: Callable[[float], None]) -> None:
        """Call something after a while, for a host that takes time to store mail.

        Reports to the network which mail a crash would lose until then.
        """
        self.pending += 1

        def done() -> None:
            self.pending -= 1
            self.begin_acceptance()
            try:
                call(self.clock.now)
            except Exception as error:
                self.failed(error)
            else:
                self.end_acceptance()
            self.send("unstored", dict(self.host.unstored))
            self.schedule_flush()

        self.at(self.clock.now + seconds, done)
        self.send("unstored", dict(self.host.unstored))

    def wake(self, queue: Queue, at: float) -> None:
        """Look at a queue at a time of the run."""
        self.at(at, self._woken, queue, at)

    def _woken(self, queue: Queue, at: float) -> None:
        if queue.wake_at != at:
            return
        now = self.clock.now
        if now < at:
            self.wake(queue, at)
            return
        queue.wake_at = None
        if not queue.wants_session(now):
            self.host.schedule_retry(now, queue)
        while queue.wants_session(now):
            self._call_for(queue)
        self.schedule_flush()

    def _call_for(self, queue: Queue) -> None:
        """Call the next host of a queue; if that fails here, the queue waits for its next try."""
        try:
            self.calls.call(queue)
        except Exception as error:
            self.calls.hold(queue)
            self.failed(error)

    # -- watching -------------------------------------------------------------------------------

    def keep_watch(self, session: OpenSession) -> None:
        """Note a session that has begun, and that may be silent for too long."""
        self.sessions.add(session)
        if not self._is_sweeping:
            self._is_sweeping = True
            asyncio.get_running_loop().call_soon(self.sweep)

    def sweep(self) -> None:
        """Close the sessions in which nothing has come for too long; go on while there are any."""
        if not self.sessions:
            self._is_sweeping = False  # a host that has nothing to do takes no time
            return
        now = self.clock.now
        self.clients.sweep()
        for session in list(self.sessions):
            try:
                session.check_timeout(now)
            except Exception as error:
                self.session_failed(session, error)
        # a session that begins meanwhile may have the shortest timeout
        shortest = now + self.host.settings.timeouts.least
        first = min((session.deadline for session in self.sessions), default=math.inf)
        first = min(first, shortest)
        pause = min(self.clock.until(first), _SWEEP)
        asyncio.get_running_loop().call_later(max(pause, _LEAST_PAUSE), self.sweep)


class LivePort(HostPort):
    """The side of a host's process that its host sees."""

    def __init__(self, process: HostProcess) -> None:
        super().__init__(process.record)
        self._process = process

    def wake(self, host: str, queue: Queue, at: float) -> None:
        """Look at a queue at a time of the run."""
        self._process.wake(queue, at)

    def keep(self, host: str, queue: Queue, mail: QueuedMail) -> bool:
        """Store queued mail; return whether it may be tried before that."""
        return self._process.commits.keep(queue, mail)

    def forget(self, host: str, mail: QueuedMail) -> None:
        """Remove queued mail from storage."""
        self._process.commits.forget(mail)

    def next_message(self, host: str, about: int | None = None) -> int:
        """Return a number of the host's own for a message."""
        return self._process.numbering.next_message()

    def later(self, host: str, seconds: float, call: Callable[[float], None]) -> None:
        """Call with the time after ``seconds``."""
        self._process.later(seconds, call)


def exit_without_network() -> NoReturn:
    """Exit at once, because the network's process has ended; what is stored stays, to be read."""
    os._exit(0)
