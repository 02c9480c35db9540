"""Breaks one step of a run: the k-th callback, the k-th write, the k-th record.

A :class:`Breaker` counts the steps of its kind, and does something at one of them. With the number
0 it breaks none: so an unbroken run tells how many there are.
"""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from lab.live import storage
from lab.live.calls import Calls
from lab.live.control import Control
from lab.live.failures import contained
from lab.live.host_connection import HostConnection
from lab.live.host_handle import HostHandle
from lab.live.host_process import HostProcess
from lab.live.incoming import IncomingConnection
from lab.live.network import LiveNetwork
from lab.live.outgoing import OutgoingConnection
from lab.live.output import Output
from lab.live.relay_port import RelayPort
from lab.live.relayed import LiveSession
from lab.live.row_ring import RowRing
from lab.live.storage import Storage


def sample(seen: list[str], every: int) -> list[int]:
    """The numbers of some steps, from 1: one of each kind, and every so many."""
    places = {where: [n for n, one in enumerate(seen, 1) if one == where] for where in seen}
    middle = {numbers[len(numbers) // 2] for numbers in places.values()}
    return sorted(middle | set(range(1, len(seen) + 1, every)))


class Broken(Exception):
    """What a broken step raises."""


class Breaker:
    """Counts steps, or those of one name only, and calls ``what`` at step number ``at``, from 1."""

    def __init__(self, at: int, action: Callable[..., None], only: str = "") -> None:
        self.at = at
        self.action = action
        self.only = only
        self.seen: list[str] = []
        self.where = ""

    def step(self, where: str, *about: Any) -> bool:
        """Count a step; return whether it was the one that was broken."""
        if self.only not in ("", where):
            return False
        self.seen.append(where)
        if len(self.seen) != self.at:
            return False
        self.where = where
        self.action(*about)
        return True


CALLBACKS: list[tuple[type[Any], str]] = [
    (HostConnection, "_begin"), (HostConnection, "data_received"),
    (HostConnection, "connection_lost"), (HostConnection, "resume_writing"),
    (IncomingConnection, "input_ended"), (IncomingConnection, "go_on"),
    (IncomingConnection, "_take"), (IncomingConnection, "_answer"),
    (IncomingConnection, "_enter"), (IncomingConnection, "disconnected"),
    (IncomingConnection, "check_timeout"),
    (OutgoingConnection, "connected"), (OutgoingConnection, "opened"),
    (OutgoingConnection, "received"), (OutgoingConnection, "_finish"),
    (OutgoingConnection, "disconnected"), (OutgoingConnection, "check_timeout"),
    (Output, "_flush"), (HostProcess, "_submit"), (Calls, "call"),
    (HostProcess, "_expect"), (HostProcess, "_identify"), (HostProcess, "_opened"),
    (Calls, "_connect"), (HostProcess, "finish"),
    (RelayPort, "data_received"), (RelayPort, "connection_lost"),
    (LiveSession, "opened"), (LiveSession, "_join"), (LiveSession, "at_receiver"),
    (LiveSession, "at_sender"), (LiveSession, "received"), (LiveSession, "hung_up"),
    (HostHandle, "_take_state"), (HostHandle, "_take_call"),
    (HostHandle, "_take_rows"), (HostHandle, "submit"), (LiveNetwork, "_open_session"),
    (LiveNetwork, "report_mail"),
]  # fmt: skip
"""The functions that event loops call in the processes of a live run, and what these call next."""


def _patched(method: Any, breaker: Breaker, where: str, after: bool) -> Any:
    inner = getattr(method, "__wrapped__", method)

    def broken(self: Any, *args: Any, **named: Any) -> Any:
        if not after:
            breaker.step(where, self)
        result = inner(self, *args, **named)
        if after:
            breaker.step(where, self)
        return result

    return contained(broken) if inner is not method else broken


@contextmanager
def callbacks(breaker: Breaker, *, after: bool = False) -> Iterator[Breaker]:
    """Within this context every callback is a step: before it has done anything, or after."""
    with pytest.MonkeyPatch.context() as patch:
        for cls, name in CALLBACKS:
            where = f"{cls.__name__}.{name}"
            patch.setattr(cls, name, _patched(vars(cls)[name], breaker, where, after))
        yield breaker


@contextmanager
def pieces(breaker: Breaker) -> Iterator[Breaker]:
    """Within this context each arrival of bytes at a TCP connection is a step, with the transport.

    The bytes have arrived when the step is over.
    """
    with pytest.MonkeyPatch.context() as patch:
        for cls in (HostConnection, RelayPort):
            method = vars(cls)["data_received"]

            def arrives(self: Any, octets: bytes, method: Any = method) -> None:
                breaker.step(type(self).__name__, self.transport)
                method(self, octets)

            patch.setattr(cls, "data_received", arrives)
        yield breaker


class _File:
    """A SQLite connection whose statements that write are steps."""

    def __init__(self, file: sqlite3.Connection, breaker: Breaker) -> None:
        self._file = file
        self._breaker = breaker

    def execute(self, statement: str, *values: Any) -> Any:
        if statement.split()[0] in ("begin", "insert", "update", "delete", "commit"):
            self._breaker.step(statement.split()[0])
        return self._file.execute(statement, *values)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def disk_error(number: int) -> sqlite3.OperationalError:
    """What SQLite raises where a write fails with ENOSPC or EIO."""
    is_full = number == errno.ENOSPC
    text = "database or disk is full" if is_full else "disk I/O error"
    error = sqlite3.OperationalError(text)
    error.sqlite_errorcode = sqlite3.SQLITE_FULL if is_full else sqlite3.SQLITE_IOERR
    return error


@contextmanager
def statements(breaker: Breaker) -> Iterator[Breaker]:
    """Within this context each write to a host's storage, and each wait for the disk, is a step."""
    made, synced = Storage.__init__, storage._sync

    def init(self: Storage, *args: Any, **named: Any) -> None:
        made(self, *args, **named)
        vars(self)["_file"] = _File(vars(self)["_file"], breaker)

    def sync(descriptor: int) -> None:
        breaker.step("sync")
        synced(descriptor)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Storage, "__init__", init)
        patch.setattr(storage, "_sync", sync)
        yield breaker


class _Sock:
    """A socket that takes one byte in place of all, at some steps."""

    def __init__(self, sock: Any, breaker: Breaker) -> None:
        self._sock = sock
        self._breaker = breaker

    def sendmsg(self, buffers: list[bytes]) -> int:
        if self._breaker.step("sendmsg"):
            return int(self._sock.send(bytes(buffers[0][:1])))
        return int(self._sock.sendmsg(buffers))

    def send(self, octets: Any) -> int:
        if self._breaker.step("send"):
            return int(self._sock.send(octets[:1]))
        return int(self._sock.send(octets))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


@contextmanager
def messages(breaker: Breaker) -> Iterator[Breaker]:
    """Within this context every write to a control channel is a step; a broken one is short."""
    made = Control.__init__

    def init(self: Control, sock: Any) -> None:
        made(self, sock)
        self.sock = _Sock(sock, breaker)  # type: ignore[assignment]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Control, "__init__", init)
        yield breaker


@contextmanager
def records(breaker: Breaker) -> Iterator[Breaker]:
    """Within this context every record in a ring is a step; a broken one cannot be read."""
    put = RowRing.put

    def damaged(self: RowRing, octets: bytes, batch: int) -> bool:
        if breaker.step("put"):
            octets = b"\xff" * len(octets)
        return put(self, octets, batch)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RowRing, "put", damaged)
        yield breaker
