"""The network of a live run: the simulation's links, transport services and faults, in real time.

Each host is a process; here it has a :class:`Mirror`. SimPy's clock is kept in step with the
wall's: what is due is let happen, and what comes from a host comes at the time that it is.
"""

from __future__ import annotations

import asyncio
import math
import multiprocessing
import os
import signal
import socket
import time
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from lab.hosts.host import Host
from lab.hosts.identity import Condition, Identity
from lab.hosts.spool import Spool
from lab.live.control import Control, channel
from lab.live.outbox import Outbox, outbox, what_crossed
from lab.live.relayed import LiveSession, LiveWatchedSession, Plug
from lab.live.station import TOKENS, Orders, main
from lab.live.storage import last_batch
from lab.live.wallclock import WallClock
from lab.network.topology import PollSpec, ScriptSpec, Topology
from lab.simulation import Simulation
from lab.trace import Row

LOOPBACK: Final = "127.0.0.1"
_FORWARDED: Final = frozenset({"busy", "full", "refusing", "skew"})
_DRAIN: Final = 3.0
"""Seconds after Ctrl-C in which mail that is under way may still arrive; a second one ends all."""

_PATIENCE: Final = 20.0
"""Seconds that a process may take to start."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How a live run is made.

    ``speed``: seconds of the run in a second of the wall clock. ``ports``: where a host is to
    listen (0: any port that is free). ``address``: where all listen. ``storage``: a directory for
    the hosts' files. ``durable``: whether they wait for the disk before 250. ``idle``: seconds for
    which a caller from outside may say nothing.
    """

    storage: Path | None = None
    speed: float = 1.0
    ports: dict[str, int] | None = None
    address: str = LOOPBACK
    durable: bool = True
    idle: float = 300.0
    serve: bool = False


class _LiveCondition(Condition):
    """What is wrong with a host: its process is told, or ended."""

    __slots__ = ("_mirror",)

    def __init__(self, mirror: Mirror) -> None:
        super().__init__()
        self._mirror = mirror

    def __setattr__(self, name: str, value: Any) -> None:
        before = getattr(self, name, 0)
        super().__setattr__(name, value)
        mirror = getattr(self, "_mirror", None)
        if mirror is None or value == before:
            return
        if name in _FORWARDED:
            mirror.say("condition", name, value)
        elif name == "down" and value and not before:
            mirror.kill()


class Mirror:
    """A host's process as the network has it; in the place of a :class:`Host` for the faults."""

    def __init__(self, network: LiveNetwork, host: Host, number: int) -> None:
        self.network = network
        self.name = host.name
        self.identity: Identity = host.identity
        self.number = number
        self.spool = Spool()
        self.unsaved: dict[int, tuple[int, tuple[str, ...]]] = {}
        self.open_sessions = 0
        self.condition = _LiveCondition(self)
        self.port = (network.settings.ports or {}).get(host.name, 0)
        spec = network.topology.hosts[host.name]
        where, _, at = spec.external.rpartition(":")
        self.external = (where, int(at)) if where else None
        self.ready = asyncio.Event()
        self.control: Control | None = None
        self.lives = 0
        self._process: Any = None
        self._outbox: Outbox | None = None
        self._unsure: list[tuple[int, list[Row]]] = []
        self._said = 0
        self._state = (0, False, 0)

    @property
    def has_work(self) -> bool:
        """Whether the host will do something of itself, or has not done yet what it was told."""
        heard, work, queued = self._state
        if self.external:
            return False
        if self.condition.down:
            return bool(queued) and self.network.faults.mending > 0
        return work or heard != self._said or not self.ready.is_set()

    @property
    def queued(self) -> int:
        """How much mail is in its spool."""
        return self._state[2]

    @property
    def _file(self) -> Path:
        """Its stable storage."""
        assert self.network.settings.storage is not None
        return self.network.settings.storage / f"{self.name}.sqlite"

    # -- the process ----------------------------------------------------------------------------

    def start(self) -> None:
        """Start the host's process."""
        network, settings = self.network, self.network.settings
        if self.external:
            self.ready.set()
            return
        ours, theirs = channel()
        self._outbox = outbox()
        orders = Orders(
            self.name, network.topology, network.seed, network.clock, settings.address,
            self.port, network.gate, str(self._file), self.number, self.lives, settings.durable,
            settings.idle, self._outbox,
        )  # fmt: skip
        self.lives += 1
        self._said = 0
        self._state = (0, True, self.queued)
        self.control = Control(ours)
        self._process = network.processes.Process(target=main, args=(orders, theirs), daemon=True)
        self._process.start()
        theirs.close()
        asyncio.get_running_loop().add_reader(self.control, self.listen)

    def say(self, *word: Any) -> None:
        """Tell the host something; what it cannot take now it gets later."""
        if self.control is None or self.control.ended:
            return
        self._said += 1
        self.control.say(*word)
        if self.control.is_held_up:
            asyncio.get_running_loop().add_writer(self.control, self._more)

    def _more(self) -> None:
        assert self.control is not None
        self.control.flush()
        if not self.control.is_held_up:
            asyncio.get_running_loop().remove_writer(self.control)

    def listen(self) -> None:
        """Take what the host has said; if its process has ended, that is a crash."""
        if self.control is None:
            return
        self._take()
        if self.control.ended and not self.condition.down and not self.network.over:
            self.network.died(self)

    def _take(self) -> None:
        assert self.control is not None
        network = self.network
        urgent = self.control.ended
        for kind, *rest in self.control.heard():
            if kind == "look":
                self._fetch(*rest)
            elif kind == "rows":
                self._take_batch(*rest)
            elif kind == "state":
                self._state = tuple(rest)
            else:
                urgent = True
                getattr(self, f"_{kind.replace(' ', '_')}")(*rest)
        if urgent or not network.settings.serve or network.env.peek() <= network.env.now:
            network.changed.set()

    def _fetch(self, until: int | None = None) -> None:
        assert self._outbox is not None
        for batch, rows in self._outbox.fetch(until):
            self._take_batch(batch, rows)

    def _take_batch(self, batch: int, rows: list[Row]) -> None:
        """Rows of the host; what it may not have stored yet waits for its next word."""
        assert self._outbox is not None
        stored = self._outbox.stored
        while self._unsure and self._unsure[0][0] <= stored:
            self.network.take(self._unsure.pop(0)[1])
        if self._unsure or batch > stored:
            self._unsure.append((batch, rows))
        else:
            self.network.take(rows)

    def _inherit(self) -> None:
        """What the host had recorded when its process ended; its storage knows what came true."""
        if self._outbox is None:
            return
        self._fetch()
        left, self._unsure = self._unsure, []
        self._outbox.close()
        self._outbox = None
        if left:
            stored = last_batch(self._file)
            for batch, rows in left:
                self.network.take(rows if batch <= stored else what_crossed(rows))

    def kill(self) -> None:
        """SIGKILL: what the host has said until then is heard, and no more."""
        if self._process is None or self.control is None:
            return
        with suppress(ProcessLookupError):
            os.kill(self._process.pid, signal.SIGKILL)
        self._process.join(5)
        loop = asyncio.get_running_loop()
        loop.remove_reader(self.control)
        loop.remove_writer(self.control)
        while not self.control.ended:
            self._take()
        self._inherit()
        self.control.close()
        self.control = None
        self.ready.clear()

    def resume(self, now: float) -> None:
        """The host runs again, with what its stable storage holds."""
        if self._process is not None and self.control is None:
            self.start()
            self.say("links", self.network.downs())
            for name in sorted(_FORWARDED):
                if value := getattr(self.condition, name):
                    self.say("condition", name, value)
            self.say("start", self.network.clock.epoch)

    def end(self) -> None:
        """Stop the process, in order; kill it if it does not."""
        if self._process is None:
            return
        self._process.join(2)
        if self._process.is_alive():
            self._process.kill()
            self._process.join(2)
        if self.control is not None:
            self._take()
            self._inherit()
            asyncio.get_running_loop().remove_reader(self.control)
            asyncio.get_running_loop().remove_writer(self.control)
            self.control.close()
        self._process.close()

    # -- what the simulation asks of a host -----------------------------------------------------

    def submit(
        self, now: float, message: int, sender: Any, to: Sequence[Any], octets: bytes, verb: str
    ) -> None:
        """A user hands mail to the host."""
        self.say("submit", message, sender, to, octets, verb)

    def hold(self, now: float, queue: Any, why: str, *, cut_off: bool = False) -> None:
        """A call came to nothing."""
        self.say("unreachable", queue.ticket, why, cut_off)

    def session_over(self, now: float, queue: Any) -> None:
        """The host finds out for itself."""

    # -- what a host says -----------------------------------------------------------------------

    def _ready(self, port: int) -> None:
        self.port = port
        self.ready.set()

    def _broken(self, why: str) -> None:
        self.network.failures.append(f"the process of {self.name} failed: {why}")

    def _unsaved(self, unsaved: dict[int, tuple[int, tuple[str, ...]]]) -> None:
        real = self.network.real_message
        self.unsaved = {real(key): (real(n), ids) for key, (n, ids) in unsaved.items()}

    def _call(self, ticket: int, port: int, peer: str, environment: str, mail: bool) -> None:
        self.network.called(self, ticket, port, peer, environment, mail)

    def _mail(
        self, number: int, message: int | None, ids: list[str], path: str, octets: bytes,
        users: Sequence[str] = (),
    ) -> None:  # fmt: skip
        session = self.network.numbered.get(number)
        errand: Any = session.errand if session is not None else None
        if errand is not None:
            errand.message = None if message is None else self.network.real_message(message)
            errand.ids, errand.path, errand.octets, errand.users = ids, path, octets, list(users)

    def _gave_up(self, number: int, why: str) -> None:
        session = self.network.numbered.get(number)
        if session is not None:
            session.gave_up(why)

    # -- being called ---------------------------------------------------------------------------

    async def join(self, session: LiveSession, number: int) -> None:
        """Open TCP to the host for a session."""
        loop = asyncio.get_running_loop()
        if self.external:
            host, port = self.external
            await loop.create_connection(lambda: session.answerer, host, port)
            return
        await asyncio.wait_for(self.ready.wait(), _PATIENCE)
        sock = socket.socket()
        sock.setblocking(False)
        sock.bind((self.network.settings.address, 0))
        port = sock.getsockname()[1]
        way = session.way.environment
        self.say("session", port, number, session.here, way, session.errand is not None)
        try:
            await loop.sock_connect(sock, (self.network.settings.address, self.port))
            transport, _ = await loop.create_connection(lambda: session.answerer, sock=sock)
        except BaseException:  # the end of the run among them
            sock.close()
            raise
        if transport.is_closing():
            sock.detach()  # it was closed beneath us, before the loop took it for its own


class LiveNetwork(Simulation):
    """A topology whose hosts are processes."""

    hosts: dict[str, Any]

    def __init__(self, topology: Topology, seed: int, settings: Settings) -> None:
        super().__init__(topology, seed)
        self.settings = settings
        for described in self.trace.meta["hosts"]:
            if external := topology.hosts[described["name"]].external:
                described["external"] = external
        self.processes = multiprocessing.get_context("forkserver")
        self.processes.set_forkserver_preload(["lab.live.station", "lab.live.channels"])
        self.clock = WallClock(math.inf, settings.speed)
        self.gate = 0
        self.over = False
        self.interrupted = 0
        self._deadline = math.inf
        self.failures: list[str] = []
        self.changed = asyncio.Event()
        self.numbered: dict[int, LiveSession] = {}
        self.plugs: set[Plug] = set()
        self._real: dict[int, int] = {}
        self._dialled: dict[int, Plug] = {}
        self._waiting: dict[int, tuple[Any, ...]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.hosts = {
            name: Mirror(self, host, number)
            for number, (name, host) in enumerate(self.hosts.items())
        }

    # -- time -----------------------------------------------------------------------------------

    def catch_up(self) -> None:
        """Let all happen that is due, and hear what the hosts have said."""
        self.env.run_to(self.clock.now)
        for mirror in self.hosts.values():
            mirror.listen()

    def watch_patience(self) -> None:
        """The hosts look at their own clocks."""

    @property
    def is_idle(self) -> bool:
        """Whether no mail is anywhere on its way, and none is to come."""
        if self._due or not self._exhausted or self.sessions or self._waiting or self._tasks:
            return False
        return not any(mirror.has_work for mirror in self.hosts.values())

    # -- starting and ending --------------------------------------------------------------------

    async def start(self) -> None:
        """Start every host; returns when all listen. Raises OSError where one cannot."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._plug, self.settings.address, 0, backlog=1024)
        self.gate = self._server.sockets[0].getsockname()[1]
        for mirror in self.hosts.values():
            mirror.start()
        for mirror in self.hosts.values():
            await self._started(mirror)
        self.clock = WallClock(time.monotonic(), self.settings.speed)
        for mirror in self.hosts.values():
            mirror.say("start", self.clock.epoch)
        self.begin()

    async def _started(self, mirror: Mirror) -> None:
        for _ in range(int(_PATIENCE * 10)):
            if mirror.ready.is_set():
                return
            if self.failures:
                break
            with suppress(TimeoutError):
                await asyncio.wait_for(mirror.ready.wait(), 0.1)
        raise OSError(self.failures[0] if self.failures else f"{mirror.name} does not start")

    async def carry_on(self, until: float | None, progress: Any) -> str:
        """Go on until all is settled, or a time; why it ended."""
        last = math.inf if until is None else until
        while True:
            self.catch_up()
            progress(self)
            if self.failures:
                return "failed"
            if self.interrupted and self._is_drained():
                return "interrupted"
            if self.clock.now >= last:
                return "until"
            if not self.settings.serve and self.is_idle:
                return "settled"
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

    async def end(self, reason: str) -> None:
        """End every process, and the trace."""
        self.catch_up()
        if reason != "settled":
            for session in list(self.sessions.values()):
                session.cut("the run has ended")
        self.over = True
        for mirror in self.hosts.values():
            mirror.say("stop")
        for mirror in self.hosts.values():
            mirror.end()
        if self._server is not None:
            self._server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for turn in range(100):  # what was written may yet have to leave; not for ever, though
            for plug in list(self.plugs):
                plug.close()
            await asyncio.sleep(0.01)
            if turn and not self.plugs:
                break  # a turn later than the last of them, for the loop to let go of sockets
        rows = self.trace.rows
        rows[1:] = sorted(rows[1:], key=lambda row: row[0])
        self.stop("until" if reason == "until" else reason)

    def stop(self, reason: str) -> None:
        """Write the last record of the trace."""
        last = max(self.env.now if reason == "until" else 0.0, self.trace.rows[-1][0])
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

    # -- numbers --------------------------------------------------------------------------------

    def real_message(self, number: int) -> int:
        """The message's number, where a host gave one of its own."""
        if number < TOKENS:
            return number
        if number not in self._real:
            self._real[number] = self.next_message()
        return self._real[number]

    def _real_session(self, number: int) -> int:
        if number not in self._real:
            self._real[number] = self.next_session()
        return self._real[number]

    def take(self, rows: list[Row]) -> None:
        """What a host recorded, into the trace."""
        record, real = self.record, self._real
        for row in rows:
            session, message = row[4], row[5]
            if session is not None and session >= TOKENS:
                session = real.get(session) or self._real_session(session)
            if message is not None and message >= TOKENS:
                message = real.get(message) or self.real_message(message)
            if session != row[4] or message != row[5]:
                row = (*row[:4], session, message, *row[6:])
            if row[1] == "notify":
                row = (*row[:6], self.real_message(row[6]), *row[7:])
            record(row)

    # -- faults ---------------------------------------------------------------------------------

    def downs(self) -> list[int]:
        """How many faults have each link down."""
        return [link.downs for link in self.links]

    def links_changed(self) -> None:
        """Links have gone down, come up or changed: the hosts find their ways anew."""
        super().links_changed()
        for mirror in self.hosts.values():
            mirror.say("links", self.downs())

    def died(self, mirror: Mirror) -> None:
        """A host's process has ended by no fault of the file: a crash, and it runs again."""
        now = self.clock.now
        row = (now, "fault", mirror.name, None, None, None, "crash")
        self.record((*row, True, ""))
        mirror.condition.down += 1
        for message, ids in mirror.unsaved.values():
            self.record((now, "forget", mirror.name, None, None, message, ids))
        mirror.unsaved.clear()
        host: Any = mirror
        for session in list(self.sessions.values()):
            if host in (session.host, session.peer):
                session.cut(f"{mirror.name} crashed", crashed=host)
        mirror.condition.down -= 1
        mirror.resume(now)
        self.record((*row, False, ""))

    # -- sessions -------------------------------------------------------------------------------

    def _plug(self) -> Plug:
        return _Gate(self)

    def dialled(self, plug: Plug, port: int) -> None:
        """A host has TCP to the network."""
        call = self._waiting.pop(port, None)
        if call is None:
            self._dialled[port] = plug
        else:
            self._place(plug, *call)

    def called(
        self, mirror: Mirror, ticket: int, port: int, peer: str, environment: str, mail: bool
    ) -> None:
        """A host asks to be joined to another."""
        plug = self._dialled.pop(port, None)
        if plug is None:
            self._waiting[port] = (mirror, ticket, peer, environment, mail)
        else:
            self._place(plug, mirror, ticket, peer, environment, mail)

    def _place(
        self, plug: Plug, host: Mirror, ticket: int, peer: str, environment: str, mail: bool
    ) -> None:
        way = self._way_or_reason(host.name, peer, environment)
        if isinstance(way, str):
            cut_off = not self.hosts[peer].condition.down
            host.say("no", ticket, way, cut_off)
            plug.close()
            return
        kind = LiveWatchedSession if self.faults.watches_sessions else LiveSession
        session = kind(self, host, self.hosts[peer], way, ticket, plug, is_script=not mail)
        session.open()

    def lost(self, plug: Plug) -> None:
        """A connection is no more."""
        for port in [port for port, one in self._dialled.items() if one is plug]:
            del self._dialled[port]

    def taken_outside(self, session: LiveSession, now: float) -> None:
        """A mail server that is no host of ours has taken mail: it is delivered there."""
        peer: Any = session.peer
        errand: Any = session.errand
        if not peer.external or errand is None or errand.message is None:
            return
        place = (peer.name, session.here, session.number, errand.message)
        ids = tuple(errand.ids)
        self.record((now, "accept", *place, ids, errand.path, len(errand.octets)))
        for number, user in zip(ids, errand.users, strict=True):
            row = (now, "deliver", peer.name, None, None, errand.message, number, user)
            self.record((*row, errand.octets))

    def _run_script(self, script: ScriptSpec) -> None:
        self._due -= 1
        self.hosts[script.sender].say("script", script)

    def _poll(self, poll: PollSpec) -> None:
        self._due -= 1
        if not self.hosts[poll.sender].condition.down:
            self.hosts[poll.sender].say("poll", poll)


class _Gate(Plug):
    """TCP from a host, before it is known what for."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """There is TCP; the host says on its control channel what for."""
        super().connection_made(transport)
        self.network.dialled(self, transport.get_extra_info("peername")[1])
