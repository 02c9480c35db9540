"""A transmission channel to a program: bytes out and in, with a limit for each wait.

It is a pair of file descriptors, so that pipes and sockets are alike. What arrives is only kept:
what it means is for others to say.
"""

from __future__ import annotations

import os
import select
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from lab.judging.program import Program
from lab.judging.replies import Counter

MOST: Final = 512 * 1024
"""Bytes that a program may say in a session."""
_STDERR_KEPT: Final = 2000
_WHOLE: Final = 5
"""How many times as long as nothing may happen all that is said at once may take."""


class Channel:
    """A channel. ``received`` is all that arrived, ``has_ended`` says that no more can arrive.

    ``is_flooded``: the program said more than :data:`MOST`, and the rest was not read.
    ``slow_for``: the seconds after which we stopped waiting, though something still happened; 0.0
    if we did not. ``program`` is closed with the channel; it is None if the other end is not ours
    to end.
    """

    def __init__(self, reader: int, writer: int, program: Program | None = None) -> None:
        self.received = bytearray()
        self.errors = bytearray()
        self.has_ended = False
        self.is_flooded = False
        self.slow_for = 0.0
        self.cannot_send = False
        self.program = program
        self.reader, self.writer = reader, writer
        self._replies = Counter()
        self._reply_began = 0.0
        self._poll = select.poll()
        os.set_blocking(reader, False)
        os.set_blocking(writer, False)
        self._poll.register(reader, select.POLLIN)
        self._stderr = -1
        if program is not None and program.process.stderr is not None:
            self._stderr = program.process.stderr.fileno()
            os.set_blocking(self._stderr, False)
            self._poll.register(self._stderr, select.POLLIN)

    def exchange(
        self, octets: bytes, is_enough: Callable[[], bool], seconds: float,
        longest: float | None = None,
    ) -> bool:  # fmt: skip
        """Send bytes and read until there is enough; return whether there was, in time.

        ``seconds`` is how long nothing may happen. One reply may take as long, from its first byte
        to its last, so that a program that says a byte now and then does not go on for ever; all
        of it may take five times as long, or ``longest``.
        """
        is_reply = longest is None
        longest = _WHOLE * seconds if longest is None else longest
        left = memoryview(octets)
        now = time.monotonic()
        quiet, last, moved = now + seconds, now + longest, now
        while left or not is_enough():
            if self.has_ended or (not left and is_enough()):
                break
            wait = min(quiet, last) - time.monotonic()
            if wait <= 0 and time.monotonic() < last and self._is_busy():
                quiet = time.monotonic() + seconds
                continue
            if wait <= 0:
                is_slow = time.monotonic() - moved < seconds
                self.slow_for = longest if is_slow else 0.0
                return False
            before = len(left), len(self.received)
            left = self._step(left, wait)
            if is_reply and self._drips(before[1], seconds) and not is_enough():
                self.slow_for = seconds
                return False
            if (len(left), len(self.received)) != before:
                moved = time.monotonic()
                quiet = moved + seconds
        return is_enough()

    def _drips(self, before: int, seconds: float) -> bool:
        """Return whether a reply that is not whole has grown for too long.

        ``before`` is how many bytes there were before the last were read.
        """
        if len(self.received) == before:
            return False
        now = time.monotonic()
        self._replies.of(self.received)
        if self._replies.end >= before:
            self._reply_began = now
        return now - self._reply_began > seconds

    def _is_busy(self) -> bool:
        """Return whether the program works or waits for a processor: it is not silent then."""
        return self.program is not None and self.program.is_running()

    def _step(self, left: memoryview, wait: float) -> memoryview:
        """Wait until something can be read or written, and do that; return what is left to send."""
        if left and not self.cannot_send:
            if self.writer == self.reader:
                self._poll.modify(self.reader, select.POLLIN | select.POLLOUT)
            else:
                self._poll.register(self.writer, select.POLLOUT)
        events = dict(self._poll.poll(wait * 1000))
        if left and not self.cannot_send:
            if self.writer == self.reader:
                self._poll.modify(self.reader, select.POLLIN)
            else:
                self._poll.unregister(self.writer)
        if left and events.get(self.writer, 0) & ~select.POLLIN:
            left = self._write(left)
        if events.get(self.reader, 0) & ~select.POLLOUT:
            self._read()
        if events.get(self._stderr):
            self._read_errors()
        return memoryview(b"") if self.cannot_send else left

    def _write(self, left: memoryview) -> memoryview:
        try:
            return left[os.write(self.writer, left[:65536]) :]
        except BlockingIOError:
            return left
        except OSError:
            self.cannot_send = True
            return memoryview(b"")

    def _read(self) -> None:
        try:
            octets = os.read(self.reader, 65536)
        except BlockingIOError:
            return
        except OSError:
            octets = b""
        self.received += octets
        if not octets or len(self.received) > MOST:
            self.is_flooded = bool(octets)
            self.has_ended = True
            self._poll.unregister(self.reader)

    def _read_errors(self) -> None:
        with suppress(BlockingIOError):
            octets = os.read(self._stderr, 65536)
            self.errors = (self.errors + octets)[-_STDERR_KEPT:]
            if not octets:
                self._poll.unregister(self._stderr)
                self._stderr = -2

    def end_input(self) -> None:
        """Say that nothing more will be sent: the program sees the end of its input."""
        if self.program is not None and self.program.process.stdin is not None:
            with suppress(OSError):
                self.program.process.stdin.close()
            self.cannot_send = True
        else:
            self._half_close()

    def _half_close(self) -> None:
        self.cannot_send = True

    def close(self) -> None:
        """Close it, and end the program if it is ours."""
        if self.program is not None:
            self.program.close()


class SocketChannel(Channel):
    """A channel over TCP."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        super().__init__(connection.fileno(), connection.fileno())

    def _half_close(self) -> None:
        super()._half_close()
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()


class PipeChannel(Channel):
    """A channel to the stdin and stdout of a program, which ends with it."""

    def __init__(self, program: Program) -> None:
        process = program.process
        assert process.stdin is not None
        assert process.stdout is not None
        super().__init__(process.stdout.fileno(), process.stdin.fileno(), program)
