"""The network of a live run: the simulation's links, transport services and faults, in real time.

Each host is a process; here it has a :class:`HostHandle`. SimPy's clock is kept in step with the
wall's: what is due is let happen, and what comes from a host comes at the time that it is.
"""

from __future__ import annotations

import asyncio
import math
import multiprocessing
import time
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lab.live.host_handle import START_TIMEOUT, HostHandle
from lab.live.host_process import LOOPBACK
from lab.live.recorder import Recorder
from lab.live.relayed import LiveSession, RelayPort
from lab.live.wallclock import WallClock
from lab.runtime.compiled import source_of
from lab.simulation.any_session import AnySession
from lab.simulation.numbering import RunNumbering
from lab.topology.model import PollSpec, ScriptSpec, Topology
from lab.trace.rows import Row

if TYPE_CHECKING:
    from lab.analysis.streaming import StreamingAnalysis
    from lab.simulation.simulation import Simulation
else:
    # a simulation with other things in the place of hosts: compiled, it takes no others
    Simulation = source_of("lab.simulation.simulation").Simulation

_DRAIN: Final = 3.0
"""Seconds after Ctrl-C in which mail that is under way may still arrive; a second one ends all."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How a live run is made.

    ``speed``: seconds of the run in a second of the wall clock. ``ports``: where a host is to
    listen (0: any port that is free). ``address``: where all listen. ``storage``: a directory for
    the hosts' files. ``durable``: whether they wait for the disk before 250. ``idle``: seconds for
    which a caller from outside may say nothing. ``is_kept``: whether the hosts' files outlive
    the run.
    """

    storage: Path | None = None
    speed: float = 1.0
    ports: dict[str, int] | None = None
    address: str = LOOPBACK
    durable: bool = True
    idle: float = 300.0
    serve: bool = False
    is_kept: bool = True

    @property
    def reach(self) -> str:
        """The address by which processes of this machine reach the hosts."""
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.address, self.address)


class LiveNetwork(Simulation):
    """A topology whose hosts are processes."""

    hosts: dict[str, Any]

    def __init__(
        self,
        topology: Topology,
        seed: int,
        settings: Settings,
        ledger: StreamingAnalysis | None = None,
    ) -> None:
        numbering = RunNumbering()
        super().__init__(topology, seed, numbering)
        self.settings = settings
        for described in self.trace.meta["hosts"]:
            if external := topology.hosts[described["name"]].external:
                described["external"] = external
        self.processes = multiprocessing.get_context("forkserver")
        self.processes.set_forkserver_preload(["lab.live.host_main", "lab.live.connections"])
        self.clock = WallClock(math.inf, settings.speed)
        self.relay_port = 0
        self.over = False
        self.interrupted = 0
        self._deadline = math.inf
        self.failures: list[str] = []
        self.changed = asyncio.Event()
        self.numbered: dict[int, LiveSession] = {}
        self.relays: set[RelayPort] = set()
        self.records = Recorder(
            self.trace, self.record, numbering, ledger, settings.storage or Path()
        )
        self._unassigned: dict[int, RelayPort] = {}
        self._waiting: dict[int, tuple[Any, ...]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.hosts = {
            name: HostHandle(self, host, number)
            for number, (name, host) in enumerate(self.hosts.items())
        }

    # -- time -----------------------------------------------------------------------------------

    def catch_up(self) -> None:
        """Let all happen that is due, and hear what the hosts have said."""
        self.env.run_to(self.clock.now)
        for handle in self.hosts.values():
            handle.receive_messages()

    def register(self, session: AnySession) -> None:
        """Add a session to those that faults can cut; hosts watch their own timeouts."""
        self.sessions[id(session)] = session

    @property
    def is_idle(self) -> bool:
        """Whether no mail is anywhere on its way, and none is to come."""
        if self._due or not self._exhausted or self.sessions or self._waiting or self._tasks:
            return False
        return not any(handle.has_work for handle in self.hosts.values())

    # -- starting and ending --------------------------------------------------------------------

    async def start(self) -> None:
        """Start every host; returns when all listen. Raises OSError where one cannot."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._new_relay, LOOPBACK, 0, backlog=1024)
        self.relay_port = self._server.sockets[0].getsockname()[1]
        for handle in self.hosts.values():
            handle.start()
        for handle in self.hosts.values():
            await self._started(handle)
        self.clock = WallClock(time.monotonic(), self.settings.speed)
        for handle in self.hosts.values():
            handle.send("start", self.clock.epoch)
        self.begin()

    async def _started(self, handle: HostHandle) -> None:
        for _ in range(int(START_TIMEOUT * 10)):
            if handle.ready.is_set():
                return
            if self.failures:
                break
            with suppress(TimeoutError):
                await asyncio.wait_for(handle.ready.wait(), 0.1)
        raise OSError(self.failures[0] if self.failures else f"{handle.name} does not start")

    async def carry_on(self, until: float | None, progress: Any) -> str:
        """Go on until all is settled, or a time; why it ended."""
        last = math.inf if until is None else until
        taken = 0
        while True:
            self.catch_up()
            self.records.put_away(self.clock)
            progress(self)
            if self.failures:
                return "failed"
            if self.interrupted and self._is_drained():
                return "interrupted"
            if self.clock.now >= last:
                return "until"
            if not self.settings.serve and self.is_idle:
                return "settled"
            if self.records.taken == taken and self.records.work():
                await asyncio.sleep(0)
                continue
            taken = self.records.taken
            self.changed.clear()
            pause = min(self.clock.until(min(self.env.peek(), last)), 0.2)
            with suppress(TimeoutError):
                await asyncio.wait_for(self.changed.wait(), pause)

    def interrupt(self) -> None:
        """Have the run end in order; hosts that serve finish what they have begun, for a while."""
        self.interrupted += 1
        self._deadline = min(self._deadline, time.monotonic() + _DRAIN)
        self.changed.set()

    def _is_drained(self) -> bool:
        late = self.interrupted > 1 or time.monotonic() >= self._deadline
        return late or not self.settings.serve or self.is_idle

    async def end(self, reason: str, progress: Any = None) -> None:
        """End every process, and the trace."""
        self.catch_up()
        if reason != "settled":
            for session in list(self.sessions.values()):
                session.cut("the run has ended")
        self.over = True
        for handle in self.hosts.values():
            handle.send("stop")
        for handle in self.hosts.values():
            await handle.end()
        if self._server is not None:
            self._server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for turn in range(100):  # what was written may yet have to leave; not for ever, though
            for relay in list(self.relays):
                relay.close()
            await asyncio.sleep(0.01)
            if turn and not self.relays:
                break  # a turn later than the last of them, for the loop to let go of sockets
        self.records.sort()
        self.stop(reason)
        while self.records.work():
            if progress is not None:
                progress(self)
            await asyncio.sleep(0)
        self.records.finish()

    def stop(self, reason: str) -> None:
        """Write the last record of the trace."""
        last = max(self.env.now if reason == "until" else 0.0, self.trace.last)
        self.record((last, "end", "", None, None, None, reason))

    def spawn(self, task: Coroutine[Any, Any, None]) -> None:
        """Have something done that waits."""
        made = asyncio.get_running_loop().create_task(task)
        self._tasks.add(made)
        made.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self.changed.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            self.failures.append(f"the network failed: {type(error).__name__}: {error}")

    # -- what the hosts recorded ----------------------------------------------------------------

    def real_message(self, number: int) -> int:
        """The message's number, where a host gave one of its own."""
        return self.records.message(number)

    def take(self, rows: list[Row]) -> None:
        """What a host recorded, into the trace."""
        self.records.take(rows)

    # -- faults ---------------------------------------------------------------------------------

    def downs(self) -> list[int]:
        """How many faults have each link down."""
        return [link.downs for link in self.links]

    def links_changed(self) -> None:
        """Links have gone down, come up or changed: the hosts find their ways anew."""
        super().links_changed()
        for handle in self.hosts.values():
            handle.send("links", self.downs())

    def died(self, handle: HostHandle) -> None:
        """A host's process has ended by no fault of the file: a crash, and it runs again."""
        now = self.clock.now
        row = (now, "fault", handle.name, None, None, None, "crash")
        self.record((*row, True, ""))
        handle.faults.down += 1
        for message, ids in handle.unstored.values():
            self.record((now, "forget", handle.name, None, None, message, ids))
        handle.unstored.clear()
        for session in list(self.sessions.values()):
            if handle.name in (session.sender_host, session.receiver_host):
                session.cut(f"{handle.name} crashed", crashed=handle.name)
        handle.faults.down -= 1
        handle.resume(now)
        self.record((*row, False, ""))

    # -- sessions -------------------------------------------------------------------------------

    def _new_relay(self) -> RelayPort:
        return _Listener(self)

    def host_connected(self, relay: RelayPort, port: int) -> None:
        """A host has TCP to the network."""
        call = self._waiting.pop(port, None)
        if call is None:
            self._unassigned[port] = relay
        else:
            self._open_session(relay, *call)

    def called(
        self,
        handle: HostHandle,
        call_number: int,
        port: int,
        peer: str,
        environment: str,
        mail: bool,
    ) -> None:
        """A host asks to be joined to another."""
        relay = self._unassigned.pop(port, None)
        if relay is None:
            self._waiting[port] = (handle, call_number, peer, environment, mail)
        else:
            self._open_session(relay, handle, call_number, peer, environment, mail)

    def _open_session(
        self,
        relay: RelayPort,
        host: HostHandle,
        call_number: int,
        peer: str,
        environment: str,
        mail: bool,
    ) -> None:
        way = self._way_or_reason(host.name, peer, environment)
        if isinstance(way, str):
            cut_off = not self.hosts[peer].faults.down
            host.send("no", call_number, way, cut_off)
            relay.close()
            return
        session = LiveSession(
            self, host, self.hosts[peer], way, call_number, relay, is_script=not mail
        )
        session.open()

    def lost(self, relay: RelayPort) -> None:
        """A connection is no more."""
        for port in [port for port, one in self._unassigned.items() if one is relay]:
            del self._unassigned[port]

    def taken_outside(self, session: LiveSession, now: float) -> None:
        """A mail server that is no host of ours has taken mail: it is delivered there."""
        peer, mail = session.peer, session.mail
        if not peer.external or mail is None or mail.message is None:
            return
        place = (peer.name, session.sender_host, session.number, mail.message)
        ids = tuple(mail.ids)
        self.record((now, "accept", *place, ids, mail.path, len(mail.octets)))
        for number, user in zip(ids, mail.users, strict=True):
            row = (now, "deliver", peer.name, None, None, mail.message, number, user)
            self.record((*row, mail.octets))

    def _run_script(self, script: ScriptSpec) -> None:
        self._due -= 1
        self.hosts[script.sender].send("script", script)

    def _poll(self, poll: PollSpec) -> None:
        self._due -= 1
        if not self.hosts[poll.sender].faults.down:
            self.hosts[poll.sender].send("poll", poll)


class _Listener(RelayPort):
    """TCP from a host, before it is known what for."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """There is TCP; the host says on its control channel what for."""
        super().connection_made(transport)
        self.network.host_connected(self, transport.get_extra_info("peername")[1])
