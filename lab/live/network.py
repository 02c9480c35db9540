"""The network of a live run: the simulation's links, transport services and faults, in real time.

Each host is a process; here it has a :class:`HostHandle`. The clock of the links is kept in step
with the wall's: what is due happens, and what comes from a host comes at the time that it is.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lab.hosts.control import HostControl
from lab.hosts.fingerprint import fingerprint
from lab.live.control import MailSent
from lab.live.driver import LiveDriver
from lab.live.failures import failure_row, reason_of_failure
from lab.live.host_handle import START_TIMEOUT, HostHandle
from lab.live.journal import Journal
from lab.live.recorder import Recorder
from lab.live.relay_port import RelayListener, RelayPort
from lab.live.relayed import LiveSession
from lab.live.settings import LOOPBACK, Settings
from lab.live.wallclock import WallClock
from lab.network.channel import NoRoute
from lab.simulation.any_session import AnySession
from lab.simulation.numbering import RunNumbering
from lab.simulation.schedule import Schedule
from lab.topology.model import PollSpec, ScriptSpec, Topology
from lab.trace.rows import Row

if TYPE_CHECKING:
    from lab.analysis.streaming import StreamingAnalysis

_DRAIN: Final = 3.0
"""Seconds after Ctrl-C in which mail that is under way may still arrive; a second one ends all."""

_LOOK: Final = 0.01
"""Seconds between two looks whether the run is over, at least."""

_LOOK_SERVING: Final = 0.05
"""The same where it is over only when somebody says so."""

_LOOK_AGAIN: Final = 0.2
"""Seconds between two such looks, at most."""

_LONGEST_PAUSE: Final = 5.0
"""Seconds between two attempts to start the process of a host, at most."""


class LiveNetwork(LiveDriver):
    """The links of a topology, and the handles of its hosts, which are processes.

    ``hosts`` are the handles by name. ``records`` takes what the hosts record. ``page`` is the
    address of the page that shows the mail, "" if there is none.
    """

    def __init__(
        self,
        topology: Topology,
        seed: int,
        settings: Settings,
        analysis: StreamingAnalysis | None = None,
    ) -> None:
        numbering = RunNumbering()
        super().__init__(topology, seed, settings, numbering)
        storage, journal = settings.storage or Path(), settings.journal
        self.records = Recorder(
            self.trace, self.record, numbering, analysis,
            storage if journal is None else journal.parent,
            None if journal is None else Journal(journal, settings.level, self.room), self.room,
        )  # fmt: skip
        self.schedule = Schedule(self, self.faults)
        self.hosts = {
            host.name: HostHandle(self, host, number)
            for number, host in enumerate(self.world.host_settings)
        }
        self.page = ""
        self._deadline = math.inf
        self._numbered: dict[int, LiveSession] = {}
        self._relays: set[asyncio.BaseProtocol] = set()
        self._unassigned: dict[int, RelayPort] = {}
        self._waiting: dict[int, tuple[Any, ...]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._due: asyncio.TimerHandle | None = None
        self._due_at = math.inf

    def host_control(self, name: str) -> HostControl:
        """Return a host, as faults see it."""
        return self.hosts[name]

    # -- time -----------------------------------------------------------------------------------

    def catch_up(self) -> None:
        """Let everything happen that is due, and receive what the hosts have sent."""
        self.advance()
        for handle in self.hosts.values():
            handle.receive_messages()
        self.pump()

    def advance(self) -> None:
        """Let everything happen on the links that is due; nothing is before all hosts listen."""
        if self.is_up:
            self._let_happen(self.clock.now)

    def pump(self) -> None:
        """Let everything happen on the links that is due, and the rest when it is due."""
        first = self.env.peek()
        if first <= self.env.now:
            self.advance()
            first = self.env.peek()
        if first < self._due_at and self.is_up:
            if self._due is not None:
                self._due.cancel()
            self._due = self.clock.call_at(first, self._is_due)
            self._due_at = first

    def _is_due(self) -> None:
        self._due_at = math.inf
        self.advance()
        self.pump()

    def _let_happen(self, until: float) -> None:
        """Let everything happen that is due; what fails has happened, and the rest still does."""
        while True:
            try:
                self.env.run_to(until)
                return
            except Exception as error:
                self.note_failure(reason_of_failure(error))

    def note_failure(
        self, reason: str, name: str = "network", session: AnySession | None = None, host: str = ""
    ) -> None:
        """Record that something has failed, while the run goes on."""
        now, peer, number = self.env.now, None, None
        if session is not None:
            host, peer, number = session.sender_host, session.receiver_host, session.number
        self.record(failure_row(now, host, name, reason, peer=peer, session=number))
        self.changed.set()

    def take_exception(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Record what nothing has caught in the event loop; the run goes on."""
        error = context.get("exception")
        if isinstance(error, Exception) and not isinstance(error, ConnectionError):
            self.note_failure(reason_of_failure(error))

    @property
    def is_idle(self) -> bool:
        """Whether no mail is on its way anywhere, and none is to come."""
        if not self.schedule.is_over or self._waiting or self._tasks:
            return False
        if not all(
            isinstance(session, LiveSession) and session.is_stuck
            for session in self.sessions.values()
        ):
            return False
        return not any(map(self.faults.is_at_work, self.hosts.values()))

    # -- starting and ending --------------------------------------------------------------------

    async def start(self) -> None:
        """Start every host; returns when all listen. Raises OSError where one cannot."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._new_relay, LOOPBACK, 0, backlog=1024)
        self.relay_port = self._server.sockets[0].getsockname()[1]
        for handle in self.hosts.values():
            handle.start()
        for handle in self.hosts.values():
            await self._reached(handle, handle.bound)
        self.clock = WallClock(time.monotonic(), self.settings.speed)
        for handle in self.hosts.values():
            handle.send("start", self.clock.epoch)
        self.faults.begin()
        self.schedule.begin()
        for handle in self.hosts.values():
            await self._reached(handle, handle.ready)
        self.is_up = True

    async def _reached(self, handle: HostHandle, stage: asyncio.Event) -> None:
        for _ in range(int(START_TIMEOUT * 10)):
            if stage.is_set():
                return
            if self.failures:
                break
            with suppress(TimeoutError):
                await asyncio.wait_for(stage.wait(), 0.1)
        raise OSError(self.failures[0] if self.failures else f"{handle.name} could not start")

    async def carry_on(self, until: float | None, progress: Any) -> str:
        """Go on until everything is settled, or until a time; return why it ended."""
        last = math.inf if until is None else until
        look = _LOOK_SERVING if self.settings.serve else _LOOK
        taken = 0
        while True:
            self.catch_up()
            self._attempt(self.records.put_away, self.clock)
            self._attempt(progress, self)
            if self.interrupted and self._is_drained():
                return "interrupted"
            if self.clock.now >= last:
                return "until"
            if not self.settings.serve and self.is_idle:
                return "settled"
            if self.records.taken == taken and self._attempt(self.records.work):
                await asyncio.sleep(0)
                continue
            taken = self.records.taken
            # what happens on the links does not wait for this loop
            self.changed.clear()
            await asyncio.sleep(min(self.clock.until(last), look))
            with suppress(TimeoutError):
                async with asyncio.timeout(min(self.clock.until(last), _LOOK_AGAIN)):
                    await self.changed.wait()

    def _attempt(self, call: Callable[..., Any], *arguments: Any) -> Any:
        """Call something; if it fails, record that, and return None."""
        try:
            return call(*arguments)
        except Exception as error:
            self.note_failure(reason_of_failure(error))
            return None

    def interrupt(self) -> None:
        """End the run in order; hosts that serve have a while to finish what they have begun."""
        self.interrupted += 1
        self._deadline = min(self._deadline, time.monotonic() + _DRAIN)
        self.changed.set()

    def _is_drained(self) -> bool:
        late = self.interrupted > 1 or time.monotonic() >= self._deadline
        return late or not self.settings.serve or self.is_idle

    async def end(self, reason: str, progress: Any = None) -> None:
        """End every process, and complete the trace."""
        self.catch_up()
        for session in list(self.sessions.values()):
            if reason == "settled":
                self._attempt(session.discard)  # as in a simulation, it stays open
            else:
                self._attempt(session.cut, "the run has ended")
        self.over = True
        for handle in self.hosts.values():
            self._attempt(handle.send, "stop")
        for handle in self.hosts.values():
            try:
                await handle.end()
            except Exception as error:
                self.note_failure(reason_of_failure(error), host=handle.name)
        if self._server is not None:
            self._server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for turn in range(100):  # what was written may have to leave yet, but not for ever
            for relay in list(self._relays):
                if isinstance(relay, RelayPort):
                    relay.close()
            await asyncio.sleep(0.01)
            if turn and not self._relays:
                break  # a turn later than the last of them, for the loop to let go of sockets
        else:
            self._abort_relays()  # a peer that reads nothing keeps its connection open
            await asyncio.sleep(0.01)
        self.records.sort()
        self.stop(reason)
        while self.records.work(is_over=True):
            if progress is not None:
                self._attempt(progress, self)
            await asyncio.sleep(0)
        self.records.finish()

    def _abort_relays(self) -> None:
        for relay in list(self._relays):
            if isinstance(relay, RelayPort):
                relay.abort()

    def stop(self, reason: str) -> None:
        """Write the last record of the trace."""
        last = max(self.env.now if reason == "until" else 0.0, self.trace.last)
        self.record((last, "end", "", None, None, None, reason))

    def spawn(self, task: Coroutine[Any, Any, None]) -> None:
        """Run a task beside the others; if it fails, the run goes on."""
        made = asyncio.get_running_loop().create_task(task)
        self._tasks.add(made)
        made.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self.changed.set()
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception):
            self.note_failure(reason_of_failure(error))

    # -- hosts ----------------------------------------------------------------------------------

    def mail_leaves(self, mail_data: bytes, message: int, ids: Sequence[str]) -> None:
        """Tell all hosts of mail that goes to a real mail server: it may come back to any."""
        mark = fingerprint(mail_data)
        for handle in self.hosts.values():
            if not handle.external:
                handle.send("outside", mark, message, ids)

    def real_message(self, number: int) -> int:
        """Return the number in the run of a message that a host may have numbered itself."""
        return self.records.message(number)

    def take_rows(self, rows: list[Row]) -> None:
        """Take what a host has recorded into the trace."""
        self.records.take(rows)

    def host_died(self, host: HostControl, why: str) -> None:
        """Handle the end of a host's process that no fault of the file has caused.

        It is recorded as a crash, and the host runs again: at once, or, if that does not help,
        after a pause that grows. Where nobody is served, that ends some time.
        """
        handle = self.hosts[host.name]
        row = (self.clock.now, "fault", host.name, None, None, None, "crash")
        self.record((*row, True, ""))
        self.faults.take_down(host, crashed=True)
        pause = handle.pause_before_restart()
        if pause > _LONGEST_PAUSE and not self.is_up:
            self.failures.append(f"the process of {host.name} failed: {why}")
            return
        if pause > _LONGEST_PAUSE and not self.settings.serve:
            self.note_failure(f"{why}; it stays down", "down", host=host.name)
            return
        self.note_failure(why, "process", host=host.name)
        self.faults.pending_repairs += 1
        pause = min(pause, _LONGEST_PAUSE)
        asyncio.get_running_loop().call_later(pause, self._start_again, handle)

    def _start_again(self, handle: HostHandle) -> None:
        self.faults.pending_repairs -= 1
        if self.over:
            return
        self._attempt(self.faults.bring_up, handle)
        if not handle.faults.down:
            row = (self.clock.now, "fault", handle.name, None, None, None, "crash")
            self.record((*row, False, ""))
        self.changed.set()

    def links_changed(self) -> None:
        """Find channel routes anew, here and in the hosts: links have gone down or changed."""
        super().links_changed()
        downs = [link.downs for link in self.world.links]
        for handle in self.hosts.values():
            handle.send("links", downs)

    def run_script(self, script: ScriptSpec) -> None:
        """Have a host send the lines of a script."""
        self.hosts[script.sender].hand_over("script", script)

    def poll(self, poll: PollSpec) -> None:
        """Have a host call another, and ask it to change roles."""
        self.hosts[poll.sender].hand_over("poll", poll)

    # -- sessions -------------------------------------------------------------------------------

    def register(self, session: AnySession) -> None:
        """Add a session to those that faults can cut; the hosts watch its reply timeouts."""
        self.sessions[id(session)] = session

    def number_session(self, session: AnySession) -> int:
        """Return a number for a session that is open; hosts report on it by that."""
        number = self.next_session(session.sender_host)
        if isinstance(session, LiveSession):
            self._numbered[number] = session
        return number

    def unregister(self, session: AnySession) -> None:
        """Remove a session whose sender-SMTP's end is closed."""
        super().unregister(session)
        if session.number is not None:
            self._numbered.pop(session.number, None)

    def report_mail(self, session: int, sent: MailSent) -> None:
        """Note what mail a session sends."""
        known = self._numbered.get(session)
        mail = known.mail if known is not None else None
        if mail is not None:
            mail.message = None if sent.message is None else self.real_message(sent.message)
            mail.ids, mail.path, mail.octets = list(sent.ids), sent.path, sent.octets
            mail.users, mail.all_ids, mail.is_taken = list(sent.users), list(sent.all_ids), False

    def report_receiver(self, session: int, is_in_mail_data: bool, turned: bool) -> None:
        """Note what the receiver-SMTP of a session makes of a reply that it is about to give."""
        known = self._numbered.get(session)
        if known is not None:
            known.receiver_says(is_in_mail_data, turned)

    def report_timeout(self, session: int, why: str) -> None:
        """Close a session whose sender-SMTP has waited too long for a reply."""
        known = self._numbered.get(session)
        if known is not None:
            known.gave_up(why)

    def relay_opened(self, relay: asyncio.BaseProtocol) -> None:
        """Note a new TCP connection to a host, to be closed at the end of the run."""
        self._relays.add(relay)

    def relay_closed(self, relay: asyncio.BaseProtocol) -> None:
        """Note that a TCP connection to a host is closed."""
        self._relays.discard(relay)
        for port in [port for port, each in self._unassigned.items() if each is relay]:
            del self._unassigned[port]

    def _new_relay(self) -> RelayPort:
        return RelayListener(self, self.host_connected)

    def host_connected(self, relay: RelayPort, port: int) -> None:
        """Note that a host has connected from a port; which call that is for, it reports."""
        call = self._waiting.pop(port, None)
        if call is None:
            self._unassigned[port] = relay
        else:
            self._open_session(relay, *call)

    def host_called(
        self,
        host: HostControl,
        call_number: int,
        port: int,
        peer: str,
        environment: str,
        *,
        is_mail: bool,
    ) -> None:
        """Join a host to another, for mail or for a script. It has connected from ``port``."""
        caller = self.hosts[host.name]
        relay = self._unassigned.pop(port, None)
        if relay is None:
            self._waiting[port] = (caller, call_number, peer, environment, is_mail)
        else:
            self._open_session(relay, caller, call_number, peer, environment, is_mail)

    def _open_session(
        self,
        relay: RelayPort,
        host: HostHandle,
        call_number: int,
        peer: str,
        environment: str,
        is_mail: bool,
    ) -> None:
        route = self.faults.route_now(host.name, peer, environment)
        if isinstance(route, NoRoute):
            cut_off = not self.hosts[peer].faults.down
            host.send("no", call_number, route.reason, cut_off)
            relay.close()
            return
        session = LiveSession(
            self, host, self.hosts[peer], route, call_number, relay, is_script=not is_mail
        )
        session.open()
