"""Servers of a judged network: threads that answer connections until they are closed."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from lab.judging.networks.program_host import ProgramHost, TooMany
from lab.judging.program import NotStarted
from lab.protocol.lines import CRLF, end_of_mail_data

_MOST: Final = 8 * 1024**2
_IDLE: Final = 60.0


class Listening:
    """A port of this machine. ``serve`` is called in a thread of its own for each connection."""

    def __init__(self, serve: Callable[[socket.socket], None]) -> None:
        self._serve = serve
        self._server = socket.create_server(("127.0.0.1", 0), backlog=32)
        self.port: int = self._server.getsockname()[1]
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._server.accept()
                client.settimeout(_IDLE)
                self._open.append(client)
                thread = threading.Thread(target=self._answer, args=(client,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _answer(self, client: socket.socket) -> None:
        with client, suppress(OSError, NotStarted, TooMany):
            self._serve(client)

    def close(self) -> None:
        """Close the port and all connections, and wait until their threads have ended."""
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._accepting.join()
        for client in self._open:
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()


class Units:
    """Commands and mail data, one at a time, from a connection."""

    def __init__(self, client: socket.socket) -> None:
        self._client = client
        self.buffer = b""

    def next(self, *, is_data: bool) -> bytes:
        """Return the next command line, or mail data with its end; what is left at the end."""
        while (end := self._end(is_data=is_data)) < 0:
            piece = self._client.recv(65536)
            if not piece or len(self.buffer) > _MOST:
                unit, self.buffer = self.buffer, b""
                return unit
            self.buffer += piece
        unit, self.buffer = self.buffer[:end], self.buffer[end:]
        return unit

    def _end(self, *, is_data: bool) -> int:
        if is_data:
            return end_of_mail_data(self.buffer)
        at = self.buffer.find(CRLF)
        return at + 2 if at >= 0 else -1


def front_of(program: ProgramHost) -> Listening:
    """Return a port in front of a program, which records each of its sessions."""

    def serve(client: socket.socket) -> None:
        session = program.session()
        units = Units(client)
        try:
            said, then = session.ask(b"")
            while not (then or session.has_quit):
                client.sendall(said)
                unit = units.next(is_data=session.is_data)
                if not unit:
                    return
                said, then = session.ask(unit)
            client.sendall(said)
        finally:
            session.hang_up()

    return Listening(serve)
