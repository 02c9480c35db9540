"""A whole mail program of one host: it listens on a port of its own until it is ended."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from lab.escaping import visible
from lab.judging.channel import Channel, SocketChannel
from lab.judging.networks.asked import BadNetwork
from lab.judging.networks.commands import filled
from lab.judging.program import NotStarted, Program

_START: Final = 20.0
"""Seconds that a program may take until it listens."""


class Running:
    """A running program. ``errors`` are the last of what it wrote on stderr."""

    def __init__(self, command: Sequence[str], places: Mapping[str, str], folder: Path) -> None:
        self.port = int(places["port"])
        for name in ("queue", "mail"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        self.errors = bytearray()
        self.name = command[0]
        words, environment = filled(command, places)
        try:
            self.program = Program(words, environment, pipes=False)
        except NotStarted as error:
            raise BadNetwork(str(error)) from None
        self._reading = threading.Thread(target=self._keep_errors, daemon=True)
        self._reading.start()

    def wait_until_it_listens(self) -> None:
        """Wait for its port. Raises :class:`BadNetwork` if it ends, or takes too long."""
        until = time.monotonic() + _START
        while not self._listens():
            status = self.program.wait(0.05)
            if status is not None or time.monotonic() > until:
                last = self.errors.decode("utf-8", "replace").strip().splitlines()
                said = f"; its last words: {visible(last[-1])}" if last else ""
                how = f"ended with status {status}" if status is not None else "was running"
                raise BadNetwork(
                    f"{self.name} {how}, and nothing listens on port {self.port}{said}"
                )

    def _keep_errors(self) -> None:
        stream = self.program.process.stderr
        assert stream is not None
        with suppress(OSError, ValueError):
            while piece := stream.read(65536):
                self.errors[:] = (self.errors + piece)[-2000:]

    def _listens(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 5):
            return True
        return False

    def channel(self) -> Channel:
        """Return a new connection to it."""
        return SocketChannel(socket.create_connection(("127.0.0.1", self.port), 10))

    def close(self) -> None:
        """End it, and all that it has started."""
        self.program.kill()
        self._reading.join(5)
        self.program.close()
