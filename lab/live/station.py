"""One host in a process of its own: an asyncio driver of its engines.

The host is the simulation's, told the time by the wall clock. What it records goes to the network's
process; what it must not forget goes to stable storage; only then do its bytes go out.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path as FilePath
from typing import Any, Final

from lab.hosts.errand import Errand
from lab.hosts.host import Host
from lab.hosts.spool import Entry, Queue
from lab.live.control import Control, Gone
from lab.live.storage import Storage
from lab.live.wallclock import WallClock
from lab.network.topology import PollSpec, ScriptSpec, Topology
from lab.protocol import Limits, SenderSMTP
from lab.protocol.script import ScriptedSender
from lab.simulation import Simulation
from lab.trace import Row

SAFE: Final = Limits(line=4096, message=64 << 20, recipients=10_000, sessions=2000)
"""The limits of a live host that sets none of its own: what comes from a network is bounded."""

TOKENS: Final = 1 << 40
"""A number from here on is a host's own; the network gives the message or session its real one."""

_SPOOLED: Final = frozenset({"queue", "transfer", "defer", "refuse", "forward"})
_LATE: Final = 0.05
"""Seconds after which the network is told at last what was said with somebody outside."""

_WEEK: Final = 604_800.0
"""Seconds of the wall clock for which an event loop can wait at a time."""


Leaving = tuple[asyncio.Transport, bytes | None, bool]
"""Bytes that are to go out, or None to hang up, and whether they need not wait for the disk."""


@dataclass(frozen=True, slots=True)
class Orders:
    """What a host's process is told at its start."""

    name: str
    topology: Topology
    seed: int
    clock: WallClock
    address: str
    port: int
    gate: int
    storage: str
    number: int
    life: int
    durable: bool
    idle: float


class Station:
    """A host, its storage, its channels, and its control channel to the network."""

    def __init__(self, orders: Orders, control: Control) -> None:
        self.orders = orders
        self.clock = orders.clock
        self.control = control
        self.simulation = Simulation(orders.topology, orders.seed)
        self.host = self._host()
        self.storage = Storage(FilePath(orders.storage), durable=orders.durable)
        self.sessions: set[Any] = set()
        self.callers: dict[int, Any] = {}
        self.expected: dict[int, tuple[int, str, str, bool]] = {}
        self.identified: dict[int, tuple[int, list[str]]] = {}
        self.pending = 0
        self._rows: list[Row] = []
        self._out: list[Leaving] = []
        self._withheld: list[Leaving] = []
        self._syncing: asyncio.Future[None] | None = None
        self.puts = 0
        self._dirty: set[str] = set()
        self._flushing = False
        self._noting = False
        self._urgent = True
        self._heard = 0
        self._told: Any = None
        self._tokens = TOKENS * (orders.number + 1) + (orders.life << 24)
        self._tickets = 0
        self.over = asyncio.Event()
        self._heed: dict[str, Callable[..., None]] = {
            "submit": self._submit, "condition": self._condition, "links": self._links,
            "session": self._expect, "identify": self._identify, "open": self._opened,
            "no": self._no_way, "unreachable": self._unreachable, "poll": self._poll,
            "script": self._script, "start": self._start_clock, "stop": self._stop,
        }  # fmt: skip

    def _host(self) -> Host:
        host = self.simulation.hosts[self.orders.name]
        own = host.identity.limits
        limits = {
            name: value for name in Limits.__slots__ if (value := getattr(own, name)) is not None
        }
        host.identity = replace(host.identity, limits=replace(SAFE, **limits))
        host.record, host.wake, host.number = self.record, self._wake, self.token
        return host

    # -- what it says and stores ----------------------------------------------------------------

    def token(self) -> int:
        """A number of this host's own, for a message or session that is new."""
        self._tokens += 1
        return self._tokens

    def ticket(self) -> int:
        """A number for a call."""
        self._tickets += 1
        return self._tickets

    def note(self, row: Row) -> None:
        """Tell the network, when there is time for it, what was said with somebody outside."""
        self._rows.append(row)
        if not self._noting:
            self._noting = True
            asyncio.get_running_loop().call_later(_LATE, self._noted)

    def _noted(self) -> None:
        self._noting = False
        self.soon()

    def record(self, row: Row) -> None:
        """Tell the network what happened; and what to store of it."""
        self._rows.append(row)
        kind = row[1]
        if kind in _SPOOLED and row[3] is not None:
            self._dirty.add(row[3])
            self.puts += 1
        elif kind == "deliver":
            self.storage.drop(row[7], row[5], row[8])
            self.puts += 1
        self.soon()

    def say(self, *word: Any) -> None:
        """Tell the network something, after what was recorded before it; which is stored first,
        or a crash between the two would leave what others were told undone.
        """
        self._store()
        self._tell_rows()
        self.control.say(*word)

    def _tell_rows(self) -> None:
        if self._rows:
            rows, self._rows = self._rows, []
            self.control.say_rows(rows)

    def write(self, transport: asyncio.Transport, octets: bytes, *, free: bool = False) -> None:
        """Send bytes when all that came before them is told and stored.

        ``free``: these promise nothing, and need not wait for the mail of others to be stored.
        """
        if octets:
            self._out.append((transport, octets, free))
            self._schedule()

    def hang_up(self, transport: asyncio.Transport, *, free: bool = False) -> None:
        """Close a connection when what was written to it has left."""
        self._out.append((transport, None, free))
        self._schedule()

    def urge(self) -> None:
        """Have the network told at the next flush."""
        self._urgent = True

    def soon(self) -> None:
        """Store, tell and send at the end of this turn of the loop: all of it together."""
        self._urgent = True
        self._schedule()

    def _schedule(self) -> None:
        if not self._flushing:
            self._flushing = True
            asyncio.get_running_loop().call_soon(self.flush)

    def flush(self) -> None:
        """Storage first, then what happened, then the bytes that say so.

        What was put into storage outlives this process at once, and the machine when the disk has
        been waited for. Meanwhile sessions go on, up to where they put something in themselves:
        all of that waits for the disk together, the next time.
        """
        self._flushing = False
        self._store()
        self._tell()
        if self._syncing is None and self.storage.is_unsynced:
            self._withheld, self._out = self._out, []
            self._syncing = asyncio.get_running_loop().run_in_executor(None, self.storage.sync)
            self._syncing.add_done_callback(self._synced)
        if self._syncing is not None:
            self._send_free()
            return
        out, self._out = self._out, []
        _send(out)

    def _synced(self, done: asyncio.Future[None]) -> None:
        self._syncing = None
        done.result()
        held, self._withheld = self._withheld, []
        _send(held)
        self.flush()

    def _send_free(self) -> None:
        """Send what need not wait, each connection's bytes in their order."""
        waiting = {transport for transport, _, free in self._withheld if not free}
        for name in ("_withheld", "_out"):
            kept: list[Leaving] = []
            for one in getattr(self, name):
                transport, _, free = one
                if free and transport not in waiting:
                    _send([one])
                else:
                    waiting.add(transport)
                    kept.append(one)
            setattr(self, name, kept)

    async def settle(self) -> None:
        """Flush, and wait until all is stored and sent."""
        self.flush()
        while self._syncing is not None:
            await asyncio.wait([self._syncing])
            await asyncio.sleep(0)

    def _store(self) -> None:
        """Put into storage what has changed since the last time."""
        if self._dirty:
            dirty, self._dirty = self._dirty, set()
            under_way = [session for session in self.sessions if session.sends is not None]
            for name in dirty:
                queue = self.host.spool.queues.get(name)
                if queue is not None:
                    self.storage.keep(queue, _under_way(under_way, queue))
        self.storage.commit()

    def _tell(self) -> None:
        if self._urgent:
            self._urgent = False
            self._tell_rows()
            self._tell_state()
            self.control.flush_all()

    def _tell_state(self) -> None:
        work = bool(self.pending or self.sessions or self.callers or self._has_work())
        state = (self._heard, work, len(self.host.spool))
        if state != self._told:
            self._told = state
            self.control.say("state", *state)

    def _has_work(self) -> bool:
        if self.host.unsaved:
            return True
        queues = self.host.spool.queues.values()
        return any(queue.entries and queue.wake_at is not None for queue in queues)

    # -- what it is told ------------------------------------------------------------------------

    def listen(self) -> None:
        """Heed what the network says; without a network there is no host."""
        for kind, *rest in self.control.heard():
            self._heard += 1
            self._heed[kind](*rest)
            self.soon()
        if self.control.ended:
            os._exit(0)

    def _start_clock(self, epoch: float) -> None:
        self.clock = WallClock(epoch, self.clock.speed)
        self._recover()

    def _stop(self) -> None:
        self.over.set()

    def _submit(self, number: int, sender: Any, to: Any, octets: bytes, verb: str) -> None:
        self.host.submit(self.clock.now, number, sender, to, octets, verb)

    def _condition(self, name: str, value: Any) -> None:
        setattr(self.host.condition, name, value)

    def _links(self, downs: list[int]) -> None:
        for link, down in zip(self.simulation.links, downs, strict=True):
            link.downs = down
        self.simulation.links_changed()

    def _expect(self, port: int, number: int, peer: str, environment: str, known: bool) -> None:
        self.expected[port] = (number, peer, environment, known)

    def _identify(self, number: int, message: int, ids: list[str]) -> None:
        self.identified[number] = (message, ids)

    def message_of(self, number: int) -> tuple[int, list[str]]:
        """Which message the mail of a session is, and the ids of the recipients that were taken."""
        while number not in self.identified:
            self.control.wait(10.0)
            self.listen()
        return self.identified.pop(number)

    def _opened(self, ticket: int, number: int) -> None:
        if ticket in self.callers:
            self.callers[ticket].opened(number)

    def _no_way(self, ticket: int, reason: str, cut_off: bool) -> None:
        caller = self.callers.pop(ticket, None)
        if caller is not None:
            now = self.clock.now
            row = (now, "unreachable", self.host.name, caller.peer, None, None, reason)
            self.record(row)
            self._held(caller, f"{caller.peer} cannot be reached: {reason}", cut_off)

    def _unreachable(self, ticket: int, why: str, cut_off: bool) -> None:
        caller = self.callers.pop(ticket, None)
        if caller is not None:
            self._held(caller, why, cut_off)

    def _held(self, caller: Any, why: str, cut_off: bool) -> None:
        caller.leave()
        if caller.errand is not None:
            queue = caller.errand.queue
            now = self.clock.now
            queue.session = False
            self.host.hold(now, queue, why, cut_off=cut_off)
            self.host.arrange(now, queue)

    # -- the spool ------------------------------------------------------------------------------

    def _recover(self) -> None:
        """Take up what stable storage kept when this host last ran."""
        now = self.clock.now
        for name, environment, entry in self.storage.recover():
            if self.orders.life == 0:
                self._enter(now, name, entry)
            self.host.spool.queue(name, environment).entries.append(entry)
        for queue in self.host.spool.queues.values():
            self._dirty.add(queue.host)
        self.host.resume(now)

    def _enter(self, now: float, peer: str, entry: Entry) -> None:
        """Mail that an earlier run left: to this run it is new."""
        entry.message, entry.not_before = self.token(), 0.0
        entry.expires = now + self.host.retry.give_up
        entry.addressees = [(str(n), path) for n, (_, path) in enumerate(entry.addressees, 1)]
        texts = tuple(path.bare for _, path in entry.addressees)
        size = len(entry.mail_data)
        row = (now, "submit", self.host.name, None, None, entry.message)
        self.record((*row, entry.reverse_path.bare, texts, entry.verb, size))
        place = (self.host.name, peer, None, entry.message)
        self.record((now, "queue", *place, entry.ids, size))

    def at(self, at: float, call: Callable[..., None], *rest: Any) -> None:
        """Have something done at a time of the run."""
        loop = asyncio.get_running_loop()
        loop.call_later(min(self.clock.until(at), _WEEK), call, *rest)

    def later(self, seconds: float, call: Callable[[float], None]) -> None:
        """Have something done after a while, as a host that stores mail asks."""
        self.pending += 1

        def done() -> None:
            self.pending -= 1
            call(self.clock.now)
            self.soon()

        self.at(self.clock.now + seconds, done)

    def _wake(self, host: Host, queue: Queue, at: float) -> None:
        asyncio.get_running_loop().call_later(
            min(self.clock.until(at), _WEEK), self._woken, queue, at
        )

    def _woken(self, queue: Queue, at: float) -> None:
        if queue.wake_at != at:
            return
        now = self.clock.now
        if now < at:
            self._wake(self.host, queue, at)
            return
        queue.wake_at = None
        if queue.session or queue.ready(now) is None:
            self.host.arrange(now, queue)
        else:
            self._call(queue)
        self.soon()

    # -- calling --------------------------------------------------------------------------------

    def _call(self, queue: Queue, *, turn: bool = False) -> None:
        host = self.host
        self._attempt(queue.host, queue.environment, queue.failures + 1)
        queue.session = True
        errand = Errand(host, queue, turn=turn)
        sender = SenderSMTP(host.identity.name_in(queue.environment), errand)
        self._dial(queue.host, queue.environment, sender, errand)

    def _attempt(self, peer: str, environment: str, times: int) -> None:
        row = (self.clock.now, "attempt", self.host.name, peer, None, None, environment, times)
        self.record(row)

    def _dial(
        self,
        peer: str,
        environment: str,
        sender: SenderSMTP | ScriptedSender,
        errand: Errand | None,
    ) -> None:
        from lab.live.channels import Caller

        caller = Caller(self, peer, environment, sender, errand)
        self.callers[caller.ticket] = caller
        asyncio.get_running_loop().create_task(self._connect(caller))

    async def _connect(self, caller: Any) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(
                lambda: caller.channel, self.orders.address, self.orders.gate
            )
        except OSError as error:
            self._no_way(caller.ticket, f"no channel to the network: {error.strerror}", True)

    def _poll(self, poll: PollSpec) -> None:
        near = self.host.routes.near(self.host.name).get(poll.to)
        if near is None:
            return
        queue = self.host.spool.queue(near.name, near.environment)
        if not queue.session:
            queue.not_before = self.clock.now
            self._call(queue, turn=True)

    def _script(self, script: ScriptSpec) -> None:
        near = self.host.routes.near(self.host.name).get(script.to)
        if near is None:
            row = (self.clock.now, "unreachable", self.host.name, script.to, None, None)
            self.record((*row, "no path of links of one environment joins them"))
            return
        self._attempt(near.name, near.environment, 1)
        self._dial(near.name, near.environment, ScriptedSender(script.lines), None)

    # -- watching -------------------------------------------------------------------------------

    def sweep(self) -> None:
        """Close the sessions in which nothing has been said for too long."""
        now = self.clock.now
        for session in list(self.sessions):
            session.look_at_the_clock(now)
        asyncio.get_running_loop().call_later(1.0, self.sweep)


def _send(out: list[Leaving]) -> None:
    for transport, octets, _ in out:
        if octets is None:
            transport.close()
        elif not transport.is_closing():
            transport.write(octets)


def _under_way(sessions: list[Any], queue: Queue) -> list[Entry]:
    """The entries that sessions have taken from a queue and not settled yet."""
    return [
        session.sends.tag
        for session in sessions
        if session.errand is not None and session.errand.queue is queue
    ]


async def _serve(station: Station) -> None:
    from lab.live.channels import Answerer

    orders = station.orders
    loop = asyncio.get_running_loop()
    loop.add_reader(station.control, station.listen)
    server = await loop.create_server(
        lambda: Answerer(station).channel, orders.address, orders.port, backlog=1024,
        reuse_address=True,
    )  # fmt: skip
    station.say("ready", server.sockets[0].getsockname()[1])
    station.control.flush_all()
    loop.call_later(1.0, station.sweep)
    await station.over.wait()
    await station.settle()
    server.close()
    station.storage.close()
    station.control.flush_all()


def main(orders: Orders, sock: socket.socket) -> None:
    """A host's process: serve until told to stop, or until the network is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the network's to answer
    gc.set_threshold(70_000, 50, 100)  # it makes no cycles that matter, as a simulation makes none
    control = Control(sock)
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(_run(orders, control))
    except Gone:
        pass
    except Exception as error:  # said by the network in one sentence; here nobody reads
        control.say("broken", f"{type(error).__name__}: {error}")
        control.flush_all()
    os._exit(0)


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The event loop: libuv's where it is installed, which is faster, or Python's own."""
    try:
        from uvloop import new_event_loop
    except ImportError:
        return None
    return new_event_loop


async def _run(orders: Orders, control: Control) -> None:
    failed: list[BaseException] = []

    def report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if error is None or isinstance(error, ConnectionError):
            return
        failed.append(error)
        station.over.set()

    asyncio.get_running_loop().set_exception_handler(report)
    station = Station(orders, control)
    await _serve(station)
    if failed:
        raise failed[0]
