"""One host in a process of its own: an asyncio driver of its engines.

The host is the simulation's, told the time by the wall clock. What it records goes to the network's
process; what it must not forget goes to stable storage; only then do its bytes go out.
"""

from __future__ import annotations

import asyncio
import math
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path as FilePath
from typing import Any, Final, NoReturn

from lab.hosts.host import Host
from lab.hosts.port import HostPort
from lab.hosts.sending import QueueSender
from lab.hosts.spool import Queue, QueuedMail
from lab.live.control import Control
from lab.live.row_ring import SIZE, RowRing, packed
from lab.live.send_queue import SendQueue
from lab.live.storage import Storage
from lab.live.temp_files import abandon, descriptors
from lab.live.wallclock import WallClock
from lab.protocol import Limits, SenderSMTP
from lab.protocol.script import ScriptedSender
from lab.simulation.numbering import LiveHostNumbering
from lab.simulation.world import World
from lab.topology.model import PollSpec, ScriptSpec, Topology
from lab.trace.rows import DELIVER_OCTETS, DELIVER_USER, KIND, MESSAGE, PEER, Row

LOOPBACK: Final = "127.0.0.1"
SAFE: Final = Limits(line=4096, message=64 << 20, recipients=10_000, sessions=2000)
"""The limits of a live host that sets none of its own: what comes from a network is bounded."""

_OWN_FILES: Final = 64
"""Descriptors that no session may take: storage, control, listening, calls of the host's own."""

_SPOOLED: Final = frozenset({"queue", "transfer", "defer", "refuse", "forward"})
_LATE: Final = 0.05
"""Seconds after which the network is told at last what was said with somebody outside."""

_GATHERING: Final = 0.002
"""Seconds for which mail may wait for other mail to be stored with it, while more comes in."""

_WEEK: Final = 604_800.0
"""Seconds of the wall clock for which an event loop can wait at a time."""


@dataclass(frozen=True, slots=True)
class HostArguments:
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
    is_kept: bool
    outbox: RowRing


class HostProcess:
    """A host, its storage, its channels, and its control channel to the network."""

    def __init__(self, orders: HostArguments, control: Control) -> None:
        self.orders = orders
        self.clock = orders.clock
        self.control = control
        self.world = World(orders.topology, orders.seed)
        self.host = self._host()
        self.storage = Storage(FilePath(orders.storage), durable=orders.durable)
        self.sessions: set[Any] = set()
        self.callers: dict[int, Any] = {}
        self.expected: dict[tuple[str, int], tuple[int, str, str, bool]] = {}
        self.identified: dict[int, tuple[int, list[str]]] = {}
        self.environment = self._environment()
        self.pending = 0
        self._rows: list[Row] = []
        self.outbox = orders.outbox
        self.outbox.stored = self.storage.batch
        self._looked = 0
        self._departures = SendQueue()
        self._syncing: asyncio.Future[None] | None = None
        self.puts = 0
        self.heard = 0
        self.is_patient = False
        self._is_watched = any(fault.when for fault in orders.topology.faults)
        self._heard_before = 0
        self._gathers_until = math.inf
        self._dirty: set[str] = set()
        self._flushing = False
        self._noting = False
        self._urgent = True
        self._heard = 0
        self._told: Any = None
        self.numbering = LiveHostNumbering(orders.number, orders.life)
        self._tickets = 0
        self.over = asyncio.Event()
        self._heed: dict[str, Callable[..., None]] = {
            "submit": self._submit, "condition": self._condition, "links": self._links,
            "session": self._expect, "identify": self._identify, "open": self._opened,
            "no": self._no_way, "unreachable": self._unreachable, "poll": self._poll,
            "script": self._script, "start": self._start_clock, "stop": self._stop,
        }  # fmt: skip

    def _host(self) -> Host:
        settings = self.orders.topology.hosts[self.orders.name]
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
        """The environment that callers from outside come by: the first of the host's links."""
        name, topology = self.host.name, self.orders.topology
        joined = (link.environment for link in topology.links if name in (link.a, link.b))
        return next(joined, next(iter(topology.environments)))

    # -- what it says and stores ----------------------------------------------------------------

    def ticket(self) -> int:
        """A number for a call."""
        self._tickets += 1
        return self._tickets

    def note(self, rows: Iterable[Row]) -> None:
        """Put down what was said with somebody outside; the network hears of it in time."""
        self._rows.extend(rows)
        if not self._noting:
            self._noting = True
            asyncio.get_running_loop().call_later(_LATE, self._noted)

    def _noted(self) -> None:
        self._noting = False
        self.soon()

    def record(self, row: Row) -> None:
        """Put down what happened, and what to store of it."""
        kind = row[KIND]
        if kind in _SPOOLED and row[PEER] is not None:
            self._dirty.add(row[PEER])
            self.puts += 1
        elif kind == "deliver":
            self.storage.drop(row[DELIVER_USER], row[MESSAGE], row[DELIVER_OCTETS])
            self.puts += 1
        if self.is_patient and not self._is_watched:
            self.note((row,))
        else:
            self._rows.append(row)
            self.soon()

    def say(self, *word: Any) -> None:
        """Tell the network something, after what was recorded before it; which is stored first,
        or a crash between the two would leave what others were told undone.
        """
        self._store()
        self._tell_rows()
        self.control.say(*word)

    def _put_rows(self, batch: int = 0) -> None:
        """Have rows where they outlive this process; too many at once go to the network."""
        if self._rows:
            rows, self._rows = self._rows, []
            octets = packed(rows)
            if not self.outbox.put(octets, batch):
                self._tell_rows()
                self.control.say_rows(octets, batch)

    def _tell_rows(self) -> None:
        """Have the network fetch the rows."""
        self._put_rows()
        if self._looked != self.outbox.written:
            self._looked = self.outbox.written
            self.control.say("look", self._looked)

    def write(self, transport: asyncio.Transport, octets: bytes, *, free: bool = False) -> None:
        """Send bytes when all that came before them is told and stored.

        ``free``: these promise nothing, and need not wait for the mail of others to be stored.
        """
        if octets:
            self._departures.add(transport, octets, free=free)
            self._schedule()

    def hang_up(self, transport: asyncio.Transport, *, free: bool = False) -> None:
        """Close a connection when what was written to it has left."""
        self._departures.add(transport, None, free=free)
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
        departures = self._departures
        if self._is_gathering():
            self._put_rows(self.storage.batch + 1)
            departures.send_free()
            if self._syncing is None:
                self._schedule()
            return
        self._store()
        self._tell()
        if self._syncing is None and self.storage.is_unsynced:
            departures.withhold()
            self._syncing = asyncio.get_running_loop().run_in_executor(None, self.storage.sync)
            self._syncing.add_done_callback(self._synced)
        if self._syncing is not None:
            departures.send_free()
        else:
            departures.send()

    def _is_gathering(self) -> bool:
        """Whether what is to be stored waits for more: it does as long as every turn of the loop
        brings something, for many share a commit then, and whoever is alone waits for nobody.
        """
        heard, self._heard_before = self._heard_before, self.heard
        if not self._dirty and not self.storage.is_open:
            return False
        if self._syncing is not None:
            return True
        now = time.monotonic()
        if self._gathers_until == math.inf:
            self._gathers_until = now + _GATHERING
        if heard != self.heard and now < self._gathers_until:
            return True
        self._gathers_until = math.inf
        return False

    def _synced(self, done: asyncio.Future[None]) -> None:
        self._syncing = None
        done.result()
        self._departures.release()
        self.flush()

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
        if self.storage.is_open:
            self._put_rows(self.storage.batch + 1)
            self.storage.commit()
            self.outbox.stored = self.storage.batch

    def _tell(self) -> None:
        self._put_rows()
        if self._urgent or self.outbox.written - self._looked > SIZE // 2:
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
        if self.host.unstored:
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
            leave_alone(self.orders)

    def _start_clock(self, epoch: float) -> None:
        self.clock = WallClock(epoch, self.clock.speed)
        self._recover()

    def _stop(self) -> None:
        self.over.set()

    def _submit(self, number: int, sender: Any, to: Any, octets: bytes, verb: str) -> None:
        self.host.submit(self.clock.now, number, sender, to, octets, verb)

    def _condition(self, name: str, value: Any) -> None:
        setattr(self.host.faults, name, value)

    def _links(self, downs: list[int]) -> None:
        for link, down in zip(self.world.links, downs, strict=True):
            link.downs = down
        self.world.links_changed()

    def _expect(
        self, end: tuple[str, int], number: int, peer: str, environment: str, known: bool
    ) -> None:
        self.expected[end] = (number, peer, environment, known)

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
            self.host.defer_all(now, queue, why, cut_off=cut_off)
            self.host.schedule_retry(now, queue)

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

    def _enter(self, now: float, peer: str, entry: QueuedMail) -> None:
        """Mail that an earlier run left: to this run it is new."""
        entry.message, entry.not_before = self.numbering.next_message(), 0.0
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
        """Have something done after a while, as a host that stores mail asks.

        Reports to the network which mail a crash would lose until then.
        """
        self.pending += 1

        def done() -> None:
            self.pending -= 1
            call(self.clock.now)
            self.say("unsaved", dict(self.host.unstored))
            self.soon()

        self.at(self.clock.now + seconds, done)
        self.say("unsaved", dict(self.host.unstored))

    def wake(self, queue: Queue, at: float) -> None:
        """Look at a queue at a time of the host's clock."""
        asyncio.get_running_loop().call_later(
            min(self.clock.until(at), _WEEK), self._woken, queue, at
        )

    def _woken(self, queue: Queue, at: float) -> None:
        if queue.wake_at != at:
            return
        now = self.clock.now
        if now < at:
            self.wake(queue, at)
            return
        queue.wake_at = None
        if queue.session or queue.ready(now) is None:
            self.host.schedule_retry(now, queue)
        else:
            self._call(queue)
        self.soon()

    # -- calling --------------------------------------------------------------------------------

    def _call(self, queue: Queue, *, turn: bool = False) -> None:
        host = self.host
        self._attempt(queue.host, queue.environment, queue.failures + 1)
        queue.session = True
        errand = QueueSender(host, queue, turn=turn)
        sender = SenderSMTP(host.settings.name_in(queue.environment), errand)
        self._dial(queue.host, queue.environment, sender, errand)

    def _attempt(self, peer: str, environment: str, times: int) -> None:
        row = (self.clock.now, "attempt", self.host.name, peer, None, None, environment, times)
        self.record(row)

    def _dial(
        self,
        peer: str,
        environment: str,
        sender: SenderSMTP | ScriptedSender,
        errand: QueueSender | None,
    ) -> None:
        from lab.live.connections import OutgoingConnection

        caller = OutgoingConnection(self, peer, environment, sender, errand)
        self.callers[caller.ticket] = caller
        asyncio.get_running_loop().create_task(self._connect(caller))

    async def _connect(self, caller: Any) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: caller.channel, LOOPBACK, self.orders.gate)
        except OSError as error:
            self._no_way(caller.ticket, f"no channel to the network: {error.strerror}", True)

    def _poll(self, poll: PollSpec) -> None:
        near = self.host.routes.neighbours_of(self.host.name).get(poll.to)
        if near is None:
            return
        queue = self.host.spool.queue(near.name, near.environment)
        if queue.session:
            queue.polled = True
        else:
            queue.not_before = self.clock.now
            self._call(queue, turn=True)

    def _script(self, script: ScriptSpec) -> None:
        near = self.host.routes.neighbours_of(self.host.name).get(script.to)
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


class LivePort(HostPort):
    """What the host of a process asks of it."""

    def __init__(self, process: HostProcess) -> None:
        super().__init__(process.record)
        self._process = process

    def wake(self, host: str, queue: Queue, at: float) -> None:
        """Look at a queue at a time of the host's clock."""
        self._process.wake(queue, at)

    def next_message(self, host: str, about: int | None = None) -> int:
        """Return a number of the host's own for a message."""
        return self._process.numbering.next_message()

    def later(self, host: str, seconds: float, call: Callable[[float], None]) -> None:
        """Call with the time after so many seconds."""
        self._process.later(seconds, call)


def _under_way(sessions: list[Any], queue: Queue) -> list[QueuedMail]:
    """The entries that sessions have taken from a queue and not settled yet."""
    return [
        session.sends.tag
        for session in sessions
        if session.errand is not None and session.errand.queue is queue
    ]


def leave_alone(orders: HostArguments) -> NoReturn:
    """End at once, for there is no network any more, and nobody to tidy up after this process."""
    if not orders.is_kept:
        abandon(FilePath(orders.storage))
    os._exit(0)
