"""Ports of the judge's box that a program in a student's box can connect to.

Each box has a network of its own. When the judge calls a function with the number of a port on
which something listens in its box, the student's box listens on the same port while the function
runs. What comes there is carried over the channel, in messages of the kind ``tcp``: the number of
the connection, and its next bytes in base 64, or null where nothing more comes. Only the ports of
that call can be reached.
"""

from __future__ import annotations

import base64
import queue
import select
import socket
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from lab.lessons.sandbox.channel import Channel, ChannelClosed

LOOPBACK: Final = "127.0.0.1"
PIECE: Final = 1 << 15
MOST_CONNECTIONS: Final = 64
MOST_OCTETS: Final = 16 << 20
"""Bytes that may be carried each way for one call."""

FINISH_SECONDS: Final = 5.0
"""How long connections may take to end when the function has returned."""

_LISTENS: Final = "0A"


def open_ports(value: Any) -> list[int]:
    """Return the numbers in plain data that are ports on which something listens here."""
    wanted = set(_numbers(value))
    listening = _listening() if wanted else set()
    return sorted(wanted & listening)


def _numbers(value: Any) -> Iterable[int]:
    if type(value) is int:
        yield value
    elif isinstance(value, (list, dict)):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _numbers(each)


def _listening() -> set[int]:
    """Return the ports on which something listens, where Linux says it."""
    try:
        lines = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]
    except OSError:
        return set()
    parts = [line.split() for line in lines]
    return {int(part[1].rpartition(":")[2], 16) for part in parts if part[3] == _LISTENS}


class _Connection:
    """One end of a connection: bytes that are still to be written, and what is not over yet."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        self.end = end
        self.waiting = bytearray()
        self.may_read = True
        self.may_write = True
        self.ends = False

    def write(self) -> None:
        """Write what can be written at once; and the end, if it has come."""
        if self.waiting:
            with suppress(BlockingIOError):
                del self.waiting[: self.end.send(self.waiting)]
        if self.ends and not self.waiting and self.may_write:
            self.may_write = False
            self.end.shutdown(socket.SHUT_WR)


class Carrier:
    """The connections of one side. What comes on them is sent with ``send``, a channel's."""

    def __init__(self, send: Callable[..., None]) -> None:
        self._send = send
        self._connections: dict[int, _Connection] = {}
        self._carried = 0

    def __len__(self) -> int:
        return len(self._connections)

    def add(self, number: int, end: socket.socket) -> None:
        """Carry a connection from now on."""
        self._connections[number] = _Connection(end)

    def take(self, number: int, octets: str | None) -> None:
        """Write what has come over the channel for a connection."""
        connection = self._connections.get(number)
        if connection is None:
            return
        if octets is None:
            connection.ends = True
        else:
            self._count(len(octets))
            connection.waiting += base64.b64decode(octets)
        self._write(number, connection)

    def pump(self, other_ends: list[Any], seconds: float) -> list[Any]:
        """Carry what is ready within a time; return those of ``other_ends`` that can be read."""
        reading = {each.end: n for n, each in self._connections.items() if each.may_read}
        writing = {each.end: n for n, each in self._connections.items() if each.waiting}
        readable, writable, _ = select.select([*reading, *other_ends], [*writing], [], seconds)
        for end in writable:
            self._write(writing[end], self._connections[writing[end]])
        for end in readable:
            if end in reading and reading[end] in self._connections:
                self._read(reading[end], self._connections[reading[end]])
        return [each for each in readable if each in other_ends]

    def _read(self, number: int, connection: _Connection) -> None:
        try:
            octets = connection.end.recv(PIECE)
        except BlockingIOError:
            return
        except OSError:
            octets = b""
        if octets:
            self._count(len(octets))
            self._send("tcp", connection=number, octets=base64.b64encode(octets).decode())
        else:
            connection.may_read = False
            self._send("tcp", connection=number, octets=None)
            self._forget_if_over(number, connection)

    def _write(self, number: int, connection: _Connection) -> None:
        try:
            connection.write()
        except OSError:  # the program has gone
            connection.waiting.clear()
            connection.may_write = False
        self._forget_if_over(number, connection)

    def _forget_if_over(self, number: int, connection: _Connection) -> None:
        if not (connection.may_read or connection.may_write):
            connection.end.close()
            self._connections.pop(number, None)  # too many bytes have closed all

    def _count(self, octets: int) -> None:
        self._carried += octets
        if self._carried > MOST_OCTETS:
            self.close()

    def end_input(self) -> None:
        """Send what has come so far on each connection, and that nothing more comes."""
        while self._connections and self.pump([], 0) is not None:
            ready = [each.end for each in self._connections.values() if each.may_read]
            if not ready or not select.select(ready, [], [], 0)[0]:
                break
        for number, connection in self._connections.items():
            if connection.may_read:
                self._send("tcp", connection=number, octets=None)

    def close(self) -> None:
        """Close all connections."""
        for connection in self._connections.values():
            connection.end.close()
        self._connections.clear()


class Offered:
    """The judge's side during a call: connects to the ports of the call, and to no others."""

    def __init__(self, channel: Channel, call: int, ports: list[int]) -> None:
        self._channel, self._call, self._ports = channel, call, ports
        self._opened = 0
        self._carrier = Carrier(self._send)

    def _send(self, kind: str, /, **content: Any) -> None:
        self._channel.send(kind, call=self._call, **content)

    def receive(self, seconds: float) -> dict[str, Any] | None:
        """Return the next message that is not about a connection; None if none comes in time."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if not self._channel.is_ready():
                self._carrier.pump([self._channel.end], left)
                continue
            message = self._channel.receive(left)
            if message is None or message["kind"] != "tcp":
                return message
            self._take(message)
        return None

    def _take(self, message: dict[str, Any]) -> None:
        if message.get("call") == self._call:
            with suppress(
                KeyError, ValueError, TypeError, OSError
            ):  # it spoils its own marks alone
                number = int(message["connection"])
                if "port" in message:
                    self._open(number, message["port"])
                else:
                    self._carrier.take(number, message["octets"])

    def _open(self, number: int, port: object) -> None:
        self._opened += 1
        if port not in self._ports or self._opened > MOST_CONNECTIONS:
            self._send("tcp", connection=number, octets=None)
            return
        self._carrier.add(number, socket.create_connection((LOOPBACK, int(str(port))), 5))

    def finish(self) -> None:
        """Wait until what was carried is handled, and close all connections."""
        deadline = time.monotonic() + FINISH_SECONDS
        with suppress(ChannelClosed):
            while len(self._carrier) and (left := deadline - time.monotonic()) > 0:
                self._carrier.pump([], left)
        self._carrier.close()


class Listening:
    """The student's side during a call: listens on its ports; a context.

    It is a channel as well: a thread reads the real one meanwhile. A port that is in use is left
    alone: then both sides have the same network, and the program reaches the judge's itself.
    """

    def __init__(self, channel: Channel, call: object, ports: list[int]) -> None:
        self._channel, self._call = channel, call
        self._lock = threading.Lock()
        self._messages: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._carrier = Carrier(self._send_about)
        self._listeners = dict(_listener(port) for port in ports)
        self._listeners.pop(None, None)
        self._opened = 0
        self._wake, self._woken = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._wake.close()
        self._thread.join(FINISH_SECONDS)

    def send(self, kind: str, /, **content: Any) -> None:
        """Send a message; raises ChannelClosed."""
        with self._lock:
            self._channel.send(kind, **content)

    def receive(self, seconds: float | None = None) -> dict[str, Any] | None:
        """Return the next message that is not about a connection; None if none comes in time."""
        try:
            message = self._messages.get(timeout=seconds)
        except queue.Empty:
            return None
        if message is None:
            raise ChannelClosed("the other side has gone")
        return message

    def _send_about(self, kind: str, /, **content: Any) -> None:
        self.send(kind, call=self._call, **content)

    def _serve(self) -> None:
        try:
            other_ends = [self._channel.end, self._woken, *self._listeners.values()]
            while self._woken not in (ready := self._carrier.pump(other_ends, 60)):
                self._accept(ready)
                if self._channel.end in ready:
                    self._read()
            self._accept(other_ends)
            self._carrier.end_input()
        except (ChannelClosed, OSError):
            self._messages.put(None)
        finally:
            self._carrier.close()
            for each in (self._woken, *self._listeners.values()):
                each.close()

    def _accept(self, ready: list[socket.socket]) -> None:
        """Carry the connections that programs have opened; after the last call, all of them."""
        for port, listener in self._listeners.items():
            if listener in ready:
                with suppress(BlockingIOError):
                    while True:
                        end = listener.accept()[0]
                        self._opened += 1
                        self._send_about("tcp", connection=self._opened, port=port)
                        self._carrier.add(self._opened, end)

    def _read(self) -> None:
        while self._channel.is_ready():
            message = self._channel.receive(0)
            if message is None:
                return
            if message["kind"] != "tcp":
                self._messages.put(message)
            elif message.get("call") == self._call:
                self._carrier.take(message["connection"], message["octets"])


def _listener(port: int) -> tuple[int | None, socket.socket]:
    """Return a port and a socket that listens there; None for a port that is in use."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((LOOPBACK, port))
        listener.listen(MOST_CONNECTIONS)
    except OSError:
        listener.close()
        return None, listener
    listener.setblocking(False)
    return port, listener
