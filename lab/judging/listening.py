"""Ports of ours that programs under test connect to; each connection has a thread of its own."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress


class Listening:
    """A port of this machine.

    ``begin`` is called for each connection, in the order in which they come, and returns what
    serves it; that runs in a thread of its own, and may raise OSError. ``most`` connections are
    taken. ``is_down``: connections are refused until :meth:`open` is called; nobody else gets the
    port meanwhile.
    """

    def __init__(
        self, begin: Callable[[socket.socket], Callable[[], None]], most: int = sys.maxsize,
        *, is_down: bool = False,
    ) -> None:  # fmt: skip
        self._begin, self._most = begin, most
        self._server = socket.socket()
        self._server.bind(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        if not is_down:
            self.open()

    def open(self) -> None:
        """Take connections from now on."""
        self._server.listen(32)
        self._accepting.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while len(self._open) < self._most:
                client, _ = self._server.accept()
                self._open.append(client)
                serve = self._begin(client)
                thread = threading.Thread(target=self._serve, args=(client, serve), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _serve(self, client: socket.socket, serve: Callable[[], None]) -> None:
        with client, suppress(OSError):
            serve()

    def close(self) -> None:
        """Close the port and all connections, and wait until their threads have ended."""
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        if self._accepting.ident is not None:
            self._accepting.join()
        for client in self._open:
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
