"""A host's process as the network has it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lab.hosts.host import Host
from lab.hosts.settings import HostSettings
from lab.hosts.spool import Spool
from lab.live.control import Control, channel
from lab.live.host_main import main
from lab.live.host_process import HostArguments
from lab.live.relayed import LiveSession
from lab.live.row_ring import RowRing, outbox, what_crossed
from lab.live.storage import last_batch
from lab.runtime.compiled import source_of
from lab.runtime.spawn import without_main
from lab.trace.rows import Row

if TYPE_CHECKING:
    from lab.hosts.settings import HostFaults
    from lab.live.network import LiveNetwork
else:
    # a condition that tells the host's process: compiled, there is none other
    HostFaults = source_of("lab.hosts.settings").HostFaults

_FORWARDED: Final = frozenset({"busy", "full", "refusing", "skew"})
START_TIMEOUT: Final = 20.0
"""Seconds that a process may take to start."""

_LEAVE: Final = 2.0
"""Seconds that it may take to end."""


class _LiveHostFaults(HostFaults):
    """What is wrong with a host: its process is told, or ended."""

    __slots__ = ("_mirror",)

    def __init__(self, handle: HostHandle) -> None:
        super().__init__()
        self._mirror = handle

    def __setattr__(self, name: str, value: Any) -> None:
        before = getattr(self, name, 0)
        super().__setattr__(name, value)
        handle = getattr(self, "_mirror", None)
        if handle is None or value == before:
            return
        if name in _FORWARDED:
            handle.send("fault", name, value)
        elif name == "down" and value and not before:
            handle.kill()


class HostHandle:
    """A host's process as the network has it; in the place of a :class:`Host` for the faults."""

    def __init__(self, network: LiveNetwork, host: Host, number: int) -> None:
        self.network = network
        self.name = host.name
        self.settings: HostSettings = host.settings
        self.number = number
        self.spool = Spool()
        self.unstored: dict[int, tuple[int, tuple[str, ...]]] = {}
        self.open_sessions = 0
        self.faults = _LiveHostFaults(self)
        self.port = (network.settings.ports or {}).get(host.name, 0)
        spec = network.topology.hosts[host.name]
        where, _, at = spec.external.rpartition(":")
        self.external = (where.strip("[]"), int(at)) if where else None
        self.ready = asyncio.Event()
        self.control: Control | None = None
        self.lives = 0
        self._process: Any = None
        self._outbox: RowRing | None = None
        self._unsure: deque[tuple[int, list[Row]]] = deque()
        self._sent = 0
        self._state = (0, False, 0)

    @property
    def has_work(self) -> bool:
        """Whether the host will do something of itself, or has not done yet what it was told."""
        handled, work, queued = self._state
        if self.external:
            return False
        if self.faults.down:
            return bool(queued) and self.network.faults.mending > 0
        return work or handled != self._sent or not self.ready.is_set()

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
        arguments = HostArguments(
            self.name, network.topology, network.seed, network.clock, settings.address,
            self.port, network.relay_port, str(self._file), self.number, self.lives,
            settings.durable, settings.idle, settings.is_kept, self._outbox,
        )  # fmt: skip
        self.lives += 1
        self._sent = 0
        self._state = (0, True, self.queued)
        self.control = Control(ours)
        self._process = network.processes.Process(
            target=main, args=(arguments, theirs), daemon=True
        )
        with without_main():
            self._process.start()
        theirs.close()
        asyncio.get_running_loop().add_reader(self.control, self.receive_messages)

    def send(self, *message: Any) -> None:
        """Tell the host something; what it cannot take now it gets later."""
        if self.control is None or self.control.ended:
            return
        self._sent += 1
        self.control.send(*message)
        if self.control.has_unsent:
            asyncio.get_running_loop().add_writer(self.control, self._more)

    def _more(self) -> None:
        assert self.control is not None
        self.control.flush()
        if not self.control.has_unsent:
            asyncio.get_running_loop().remove_writer(self.control)

    def receive_messages(self) -> None:
        """Take what the host has said; if its process has ended, that is a crash."""
        if self.control is None:
            return
        self._take()
        if self.control.ended and not self.faults.down and not self.network.over:
            self.network.died(self)

    def _take(self) -> None:
        assert self.control is not None
        network = self.network
        urgent = self.control.ended
        if self._unsure:
            self._take_stored()
        for kind, *rest in self.control.receive():
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
        """Rows of the host; what it may not have stored yet waits until it has."""
        self._unsure.append((batch, rows))
        self._take_stored()

    def _take_stored(self) -> None:
        assert self._outbox is not None
        stored = self._outbox.stored
        while self._unsure and self._unsure[0][0] <= stored:
            self.network.take(self._unsure.popleft()[1])

    def _inherit(self) -> None:
        """What the host had recorded when its process ended; its storage knows what came true."""
        if self._outbox is None:
            return
        self._fetch()
        left, self._unsure = self._unsure, deque()
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
            self.send("links", self.network.downs())
            for name in sorted(_FORWARDED):
                if value := getattr(self.faults, name):
                    self.send("fault", name, value)
            self.send("start", self.network.clock.epoch)

    async def end(self) -> None:
        """Stop the process, in order; kill it if it does not, or nobody wants to wait for it."""
        if self._process is None:
            return
        until = time.monotonic() + _LEAVE
        while self._process.is_alive() and time.monotonic() < until:
            if self.network.interrupted > 1:
                break
            await asyncio.sleep(0.01)
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
        self.send("submit", message, sender, to, octets, verb)

    def defer_all(self, now: float, queue: Any, why: str, *, cut_off: bool = False) -> None:
        """A call came to nothing."""
        self.send("unreachable", queue.ticket, why, cut_off)

    def session_over(self, now: float, queue: Any) -> None:
        """The host finds out for itself."""

    # -- what a host says -----------------------------------------------------------------------

    def _ready(self, port: int) -> None:
        self.port = port
        self.ready.set()

    def _broken(self, why: str) -> None:
        self.network.failures.append(f"the process of {self.name} failed: {why}")

    def _failed(self, why: str) -> None:
        self.network.failures.append(why)

    def _unsaved(self, unsaved: dict[int, tuple[int, tuple[str, ...]]]) -> None:
        real = self.network.real_message
        self.unstored = {real(key): (real(n), ids) for key, (n, ids) in unsaved.items()}

    def _call(self, call_number: int, port: int, peer: str, environment: str, mail: bool) -> None:
        self.network.called(self, call_number, port, peer, environment, mail)

    def _mail(
        self, number: int, message: int | None, ids: list[str], path: str, octets: bytes,
        users: Sequence[str] = (),
    ) -> None:  # fmt: skip
        session = self.network.numbered.get(number)
        mail = session.mail if session is not None else None
        if mail is not None:
            mail.message = None if message is None else self.network.real_message(message)
            mail.ids, mail.path, mail.octets, mail.users = ids, path, octets, list(users)

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
        await asyncio.wait_for(self.ready.wait(), START_TIMEOUT)
        address = self.network.settings.reach
        sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        sock.setblocking(False)
        try:
            sock.bind((address, 0))
            end = sock.getsockname()[:2]
            environment, is_mail = session.connection.route.environment, session.mail is not None
            self.send("session", end, number, session.sender_host, environment, is_mail)
            await loop.sock_connect(sock, (address, self.port))
            transport, _ = await loop.create_connection(lambda: session.answerer, sock=sock)
        except BaseException:  # the end of the run among them
            sock.close()
            raise
        if transport.is_closing():
            sock.detach()  # it was closed beneath us, before the loop took it for its own
