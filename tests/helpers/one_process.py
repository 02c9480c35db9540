"""A live network in one process: its hosts are tasks of one event loop, so that a test can break
them at any step.

Everything else is as it is: the hosts' engines and storage, TCP, control channels and rings.
"""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

import lab
from helpers.garbage import only_new_objects
from lab.live import control, host_handle, host_main, host_process, output
from lab.live.control import Control, PeerGone
from lab.live.host_arguments import HostArguments
from lab.live.host_connection import HostConnection
from lab.live.host_process import HostProcess
from lab.live.network import LiveNetwork
from lab.live.outgoing import OutgoingConnection
from lab.live.row_ring import RowRing
from lab.live.settings import Settings
from lab.live.storage import Storage
from lab.topology.model import Topology

FIRST_PID = 1 << 30
"""The number of the first process that is none; a real one has a smaller number."""


class Killed(BaseException):
    """The end of a host's process, wherever it is at the moment."""


class HostTask:
    """Stands in for the process of a host; one SIGKILL ends it, and what it has opened."""

    def __init__(self, hosts: Hosts, target: Any, args: tuple[Any, ...], daemon: bool) -> None:
        arguments, sock = args
        self._hosts = hosts
        ring = RowRing(os.dup(vars(arguments.outbox)["_descriptor"]))
        self.arguments: HostArguments = replace(arguments, outbox=ring)
        self._sock: socket.socket = sock.dup()
        self.pid = FIRST_PID + len(hosts.tasks)
        self.exitcode: int | None = None
        self.process: HostProcess | None = None
        self.transports: list[asyncio.Transport] = []
        hosts.tasks.append(self)

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        channel = Control(self._sock)
        code = 0
        try:
            self.process = HostProcess(self.arguments, channel, OutgoingConnection)
            await host_main.serve(self.process)
        except (Killed, asyncio.CancelledError):
            code = -9
        except Exception as error:
            channel.send("broken", f"{type(error).__name__}: {error}")
            channel.flush_all()
        self._end(code)

    def _end(self, code: int) -> None:
        if self.exitcode is not None:
            return
        self.exitcode = code
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._sock)
        self._sock.close()
        for transport in self.transports:
            transport.abort()
        process = self.process
        if process is None:
            return
        process.over.set()
        # what is still to be called does nothing: there is no such process any more
        process.flush = process.sweep = lambda: None  # type: ignore[method-assign]
        vars(process)["_flush"] = process.flush  # for one that was on its way
        process.receive_messages = lambda: None  # type: ignore[method-assign]
        with suppress(Exception):
            file = vars(process.storage)["_file"]
            if file.in_transaction:
                file.execute("rollback")
            file.close()

    def kill(self) -> None:
        self._end(-9)
        self._task.cancel()

    def is_alive(self) -> bool:
        return self.exitcode is None

    def join(self, timeout: float | None = None) -> None:
        pass

    def close(self) -> None:
        pass


@dataclass
class Hosts:
    """What makes the processes of a network, as ``multiprocessing`` does."""

    tasks: list[HostTask] = field(default_factory=list)

    def Process(self, target: Any, args: tuple[Any, ...], daemon: bool) -> HostTask:
        return HostTask(self, target, args, daemon)

    def of(self, process: HostProcess) -> HostTask | None:
        return next((task for task in self.tasks if task.process is process), None)

    def living(self, name: str = "") -> list[HostTask]:
        named = (task for task in self.tasks if name in ("", task.arguments.name))
        return [task for task in named if task.is_alive()]

    def kill(self, pid: int, number: int) -> None:
        if pid >= FIRST_PID:
            self.tasks[pid - FIRST_PID].kill()
        else:
            os.kill(pid, number)


class _Os:
    """The module ``os``, but for a process that is a task."""

    def __init__(self, kill: Callable[[int, int], None]) -> None:
        self.kill = kill

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)


def _without_network() -> None:
    raise Killed


@contextmanager
def hosts_as_tasks() -> Iterator[Hosts]:
    """Within this context, a network that is given these hosts runs them as tasks."""
    hosts = Hosts()
    made = HostConnection.connection_made

    def connection_made(connection: HostConnection, transport: asyncio.BaseTransport) -> None:
        task = hosts.of(connection.role.process)
        if task is None or not task.is_alive():
            transport.abort()  # type: ignore[attr-defined]
            return
        task.transports.append(transport)  # type: ignore[arg-type]
        made(connection, transport)

    def wait(channel: Control, seconds: float) -> None:
        raise PeerGone  # the network cannot send anything while a host waits in the same loop

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HostConnection, "connection_made", connection_made)
        patch.setattr(host_handle, "os", _Os(hosts.kill))
        patch.setattr(host_process, "exit_without_network", _without_network)
        patch.setattr(control.Control, "wait", wait)
        patch.setattr(output, "_AGAIN", 0.01)
        patch.setattr(output, "_LATE", 0.005)
        yield hosts


# -- a caller from outside ----------------------------------------------------------------------


@dataclass
class Caller:
    """A mail program that sends each mail until it has a 250; ``accepted`` are those that have."""

    port: Callable[[], int]
    sender: str = "me@OUT.ARPA"
    accepted: set[str] = field(default_factory=set)
    codes: list[str] = field(default_factory=list)

    async def send(self, mark: str, to: str, tries: int = 2000) -> None:
        for _ in range(tries):
            try:
                code = await asyncio.wait_for(self._try(mark, to), 5)
            except (OSError, EOFError, TimeoutError):
                code = "cut"
            self.codes.append(code)
            if code.startswith("250"):
                self.accepted.add(mark)
                return
            await asyncio.sleep(0.02)

    async def _try(self, mark: str, to: str) -> str:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port())
        try:
            code = await _reply(reader)
            lines = ("HELO OUT.ARPA", f"MAIL FROM:<{self.sender}>", f"RCPT TO:<{to}>", "DATA")
            for line in (*lines, f"X-Mark: {mark}=\r\n\r\nhello\r\n."):
                if code[:1] not in "23":
                    return code
                writer.write(f"{line}\r\n".encode())
                await writer.drain()
                code = await _reply(reader)
            writer.write(b"QUIT\r\n")
            return code
        finally:
            writer.close()


async def _reply(reader: asyncio.StreamReader) -> str:
    line = await reader.readline()
    if not line:
        raise EOFError
    return line.decode("latin-1").rstrip()


# -- a run --------------------------------------------------------------------------------------


@dataclass
class Outcome:
    """What a run has come to: ``drops`` and ``queued`` are the marks in the hosts' storage."""

    run: lab.Run
    reason: str
    accepted: set[str]
    codes: list[str]
    drops: list[str]
    queued: list[str]


def mark_of(octets: bytes) -> str:
    found = octets.partition(b"X-Mark: ")[2].partition(b"=")[0]
    return found.decode() or octets.decode("latin-1")


def held(folder: Path) -> tuple[list[str], list[str]]:
    """The marks of the mail in the mail drops, and of the mail that waits, in a spool folder."""
    drops: list[str] = []
    queued: list[str] = []
    for path in sorted(folder.glob("*.sqlite")):
        storage = Storage(path, durable=False)
        drops += [mark_of(octets) for _, octets in storage.drops()]
        queued += [mark_of(mail.mail_data) for _, _, mail in storage.recover()]
        storage.close()
    return drops, queued


Step = Callable[[LiveNetwork, Hosts], None]


def play(
    topology: Topology,
    folder: Path,
    sends: list[tuple[str, str, str]],
    *,
    seconds: float = 60.0,
    until: float | None = None,
    serve: bool = True,
    begun: Step | None = None,
    progress: Step | None = None,
    speed: float = 50.0,
    before: Callable[[LiveNetwork], Awaitable[None]] | None = None,
) -> Outcome:
    """Run a topology until it is settled and callers have sent mail: mark, host, recipient.

    ``before`` is what other callers do before that.
    """
    accepted: set[str] = set()
    codes: list[str] = []

    async def live(hosts: Hosts) -> tuple[LiveNetwork, str]:
        loop = asyncio.get_running_loop()
        settings = Settings(folder, speed, serve=serve)
        network = LiveNetwork(topology, 0, settings)
        network.processes = hosts  # type: ignore[assignment]
        loop.set_exception_handler(network.take_exception)
        if begun is not None:
            begun(network, hosts)

        async def callers() -> None:
            if before is not None:
                await before(network)
            for mark, host, to in sends:
                caller = Caller(lambda host=host: network.hosts[host].port, accepted=accepted)
                caller.codes = codes
                await caller.send(mark, to)
            while not network.is_idle:
                await asyncio.sleep(0.01)
            if serve:
                network.interrupt()

        def step(network: LiveNetwork) -> None:
            if progress is not None:
                progress(network, hosts)

        reason, calling = "failed", None
        try:
            await network.start()
            calling = loop.create_task(callers())
            loop.call_later(seconds, network.interrupt)
            reason = await network.carry_on(until, step)
        finally:
            await network.end(reason, step)
            if calling is not None:
                calling.cancel()
            for task in hosts.living():
                task.kill()
            await asyncio.sleep(0.02)  # for the loop to let go of sockets
        return network, reason

    with hosts_as_tasks() as hosts:
        folder.mkdir(exist_ok=True)
        with only_new_objects():
            network, reason = asyncio.run(live(hosts))
            for task in hosts.tasks:
                task.arguments.outbox.close()
            gc.collect()  # what a host left open is closed within the test that killed it
    return Outcome(lab.Run(topology, network.trace), reason, accepted, codes, *held(folder))


def reset(transport: asyncio.Transport) -> None:
    """Close a connection so that the other end hears of a reset."""
    sock = transport.get_extra_info("socket")
    if sock is not None:
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
