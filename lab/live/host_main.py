"""A host's process: it listens, serves until it is told to end, and says what has failed."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import sqlite3
import time
from collections.abc import Callable
from typing import Any, Final

from lab.live.control import Control, Gone
from lab.live.host_process import HostArguments, HostProcess, leave_alone

_PORT_TAKEN: Final = 5.0
"""Seconds for which a host that was killed tries to have its port back."""


def endpoint(address: str, port: int) -> str:
    """An address and a port, as they are written."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


class CannotListen(Exception):
    """The address or the port of a host is not to be had."""


async def _serve(station: HostProcess) -> None:
    from lab.live.connections import IncomingConnection

    orders = station.orders
    loop = asyncio.get_running_loop()
    loop.add_reader(station.control, station.listen)
    until = time.monotonic() + _PORT_TAKEN if orders.life else 0.0
    while True:
        try:
            server = await loop.create_server(
                lambda: IncomingConnection(station).channel, orders.address, orders.port,
                backlog=1024, reuse_address=True,
            )  # fmt: skip
            break
        except OSError as error:
            if time.monotonic() >= until:
                why = (error.strerror or str(error)).rpartition(": ")[2]
                raise CannotListen(
                    f"{orders.name} cannot listen at {endpoint(orders.address, orders.port)}: {why}"
                ) from None
        await asyncio.sleep(0.1)
    station.say("ready", server.sockets[0].getsockname()[1])
    station.control.flush_all()
    loop.call_later(1.0, station.sweep)
    await station.over.wait()
    await station.settle()
    server.close()
    station.storage.close()
    station.control.flush_all()


def main(orders: HostArguments, sock: socket.socket) -> None:
    """A host's process: serve until told to stop, or until the network is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the network's to answer
    gc.set_threshold(70_000, 50, 100)  # it makes no cycles that matter, as a simulation makes none
    control = Control(sock)
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(_run(orders, control))
    except Gone:
        leave_alone(orders)
    except CannotListen as error:
        control.say("failed", str(error))
        control.flush_all()
    except sqlite3.Error as error:
        control.say(
            "failed", f"{orders.name}: {orders.storage} cannot be used as stable storage: {error}"
        )
        control.flush_all()
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


async def _run(orders: HostArguments, control: Control) -> None:
    failed: list[BaseException] = []

    def report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if error is None or isinstance(error, ConnectionError):
            return
        failed.append(error)
        station.over.set()

    asyncio.get_running_loop().set_exception_handler(report)
    station = HostProcess(orders, control)
    await _serve(station)
    if failed:
        raise failed[0]
