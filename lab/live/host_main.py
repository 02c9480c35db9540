"""The main function of a host's process: it listens, serves until it is stopped, reports errors."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from lab.live.control import Control, PeerGone
from lab.live.failures import reason_of_failure
from lab.live.host_arguments import HostArguments
from lab.live.host_process import HostProcess, exit_without_network
from lab.live.incoming import IncomingConnection
from lab.live.outgoing import OutgoingConnection
from lab.live.spare_room import SpareRoom
from lab.runtime.memory import return_memory_early
from lab.runtime.private_files import OTHERS
from lab.runtime.signals import let_through

_PORT_TAKEN: Final = 5.0
"""Seconds for which a host that was killed tries to listen at its port again."""

_LEAST: Final = 1 << 17
"""Bytes of a disk without which SQLite cannot open a file."""


def endpoint(address: str, port: int) -> str:
    """Return an address and a port as one text, such as ``127.0.0.1:2525`` or ``[::1]:2525``."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


class CannotListen(Exception):
    """The host cannot listen at its address and port; the message is a sentence."""


def _cannot_listen(arguments: HostArguments, error: OSError) -> CannotListen:
    why = (error.strerror or str(error)).rpartition(": ")[2]
    where = endpoint(arguments.address, arguments.port)
    return CannotListen(f"{arguments.name} cannot listen at {where}: {why}")


async def serve(process: HostProcess) -> None:
    """Listen, and serve until the process is to end."""
    loop = asyncio.get_running_loop()
    loop.add_reader(process.control, process.receive_messages)
    with suppress(RuntimeError, ValueError):  # in a test, not the main thread
        loop.add_signal_handler(signal.SIGTERM, process.over.set)
    let_through()
    server = await _listen(process)
    try:
        await _serve(process, server)
    finally:
        server.close()
    if process.fatal is not None:
        raise process.fatal  # nothing is stored or said any more; the next process goes on
    await process.drain()  # mail that is being stored gets its 250
    process.shut_down()
    await process.drain()
    process.close()


async def _listen(process: HostProcess) -> asyncio.Server:
    """Return what will accept connections, once it is started; raise CannotListen."""
    loop, arguments = asyncio.get_running_loop(), process.arguments
    until = time.monotonic() + _PORT_TAKEN if arguments.life else 0.0
    while True:
        try:
            return await loop.create_server(
                lambda: IncomingConnection(process).channel, arguments.address, arguments.port,
                backlog=1024, reuse_address=True, start_serving=False,
            )  # fmt: skip
        except OSError as error:
            if time.monotonic() >= until:
                raise _cannot_listen(arguments, error) from None
        await asyncio.sleep(0.1)


async def _serve(process: HostProcess, server: asyncio.Server) -> None:
    process.send("bound", server.sockets[0].getsockname()[1])
    process.control.flush_all()
    await process.started.wait()  # before, a caller could connect and not be answered
    try:
        await server.start_serving()
    except OSError as error:
        raise _cannot_listen(process.arguments, error) from None
    process.send("ready")
    process.control.flush_all()
    await process.over.wait()


def main(arguments: HostArguments, sock: socket.socket) -> None:
    """Serve until the network says stop or is gone."""
    os.umask(OTHERS)
    return_memory_early()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the network handles Ctrl-C
    gc.set_threshold(70_000, 50, 100)  # like a simulation, it makes no cycles that matter
    control = Control(sock)
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(_run(arguments, control))
    except PeerGone:
        exit_without_network()
    except CannotListen as error:
        control.send("failed", str(error))
        control.flush_all()
    except sqlite3.Error as error:
        full = (
            "" if SpareRoom(Path(arguments.storage).parent, _LEAST).has() else "; its disk is full"
        )
        control.send(
            "failed",
            f"{arguments.name}: {arguments.storage} cannot be used as stable storage: "
            f"{error}{full}",
        )
        control.flush_all()
    except Exception as error:  # the network's process prints it as one sentence
        control.send("broken", reason_of_failure(error))
        control.flush_all()
    os._exit(0)


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return a factory of event loops: libuv's, which is faster, if installed; else None."""
    try:
        from uvloop import new_event_loop
    except ImportError:
        return None
    return new_event_loop


async def _run(arguments: HostArguments, control: Control) -> None:
    process = HostProcess(arguments, control, OutgoingConnection)

    def report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Record what nobody has caught; the host goes on."""
        error = context.get("exception")
        if isinstance(error, Exception) and not isinstance(error, ConnectionError):
            process.failed(error)

    asyncio.get_running_loop().set_exception_handler(report)
    await serve(process)
