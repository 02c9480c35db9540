"""A whole mail program: it listens on a port of its own, and may be killed and started again."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from lab.judging.channel import SocketChannel
from lab.judging.places import filled
from lab.judging.program import LastWords, NotStarted, Program
from lab.runtime.escaping import visible

_START: Final = 20.0
"""Seconds that a program may take until it listens."""


def free_port() -> int:
    """Return a port of this machine that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class WholeProgram:
    """A program with its port and folders, which are made.

    ``places`` has the port, and what else stands in its command; ``errors`` are the last of what
    it wrote on stderr, each time that it ran.
    """

    def __init__(self, command: Sequence[str], places: Mapping[str, str], folder: Path) -> None:
        self.port = int(places["port"])
        for name in ("queue", "mail"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        self.command, self.environment = filled(command, places)
        self.errors = bytearray()
        self._program: Program | None = None
        self._last_words: LastWords | None = None

    def start(self) -> None:
        """Start it. Raises :class:`NotStarted`."""
        self._program = Program(self.command, self.environment, pipes=False)
        self._last_words = LastWords(self._program, self.errors)

    def wait_until_it_listens(self) -> None:
        """Wait for its port. Raises :class:`NotStarted` if it ends, or takes too long."""
        assert self._program is not None
        until = time.monotonic() + _START
        while not self._listens():
            status = self._program.wait(0.05)
            if status is not None or time.monotonic() > until:
                self.end()
                last = self.errors.decode("utf-8", "replace").strip().splitlines()
                last_words = f"; its last words: {visible(last[-1])}" if last else ""
                how = f"ended with status {status}" if status is not None else "was running"
                raise NotStarted(
                    f"{self.command[0]} {how}, and nothing listens on port {self.port}{last_words}"
                )

    def _listens(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 5):
            return True
        return False

    def channel(self) -> SocketChannel:
        """Return a new connection to it."""
        return SocketChannel(socket.create_connection(("127.0.0.1", self.port), 10))

    def end(self) -> None:
        """Kill it, as a crash does, with all that it has started."""
        if self._program is None or self._last_words is None:
            return
        self._program.kill()
        self._last_words.join()
        self._program.close()
        self._program = None
