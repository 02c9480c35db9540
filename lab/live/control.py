"""The control channel between the network and a host's process: whole Python tuples, in order.

Neither side ever waits for the other to read: or two full buffers would stop both for good. What a
host has to say it says before the bytes on TCP that follow from it.
"""

from __future__ import annotations

import marshal
import pickle
import select
import socket
import time
from collections.abc import Iterator
from typing import Any, Final

Word = tuple[Any, ...]
"""What is said: its kind, and what belongs to that."""

_HEADER: Final = 4
_BATCH: Final = 8
_BUFFER: Final = 1 << 20
_ROWS: Final = 1 << 31
"""Set in a header where rows of the trace follow, which marshal writes faster than pickle."""


class Gone(Exception):
    """The other side's process has ended."""


class Control:
    """One end of a control channel over a stream socket."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            sock.setsockopt(socket.SOL_SOCKET, option, _BUFFER)
        self.sock = sock
        self.ended = False
        self._in = bytearray()
        self._out = bytearray()

    def fileno(self) -> int:
        """The descriptor, for an event loop."""
        return self.sock.fileno()

    @property
    def is_held_up(self) -> bool:
        """Whether something said has not left yet: say :meth:`flush` when the socket takes more."""
        return bool(self._out)

    def say(self, *word: Any) -> None:
        """Send a word; what the socket does not take now goes later."""
        self._send(0, pickle.dumps(word, pickle.HIGHEST_PROTOCOL))

    def say_rows(self, octets: bytes, batch: int) -> None:
        """Send rows of the trace, packed by marshal, heard as ("rows", batch, rows)."""
        self._send(_ROWS, batch.to_bytes(_BATCH, "big") + octets)

    def _send(self, kind: int, octets: bytes) -> None:
        """Send header and content; straight from where they are, if nothing is waiting."""
        header = (kind | len(octets)).to_bytes(_HEADER, "big")
        sent = 0
        if not self._out:
            try:
                sent = self.sock.sendmsg([header, octets])
            except BlockingIOError:
                pass
            except OSError:  # nobody is there any more: reading will tell
                return
        if sent < _HEADER:
            self._out += header[sent:]
        if sent < _HEADER + len(octets):
            self._out += memoryview(octets)[max(0, sent - _HEADER) :]
            self.flush()

    def flush(self) -> None:
        """Send what is waiting, as far as the socket takes it."""
        try:
            while self._out:
                sent = self.sock.send(memoryview(self._out)[: 1 << 18])
                del self._out[:sent]
        except BlockingIOError:
            pass
        except OSError:  # nobody is there any more: reading will tell
            self._out.clear()

    def flush_all(self) -> None:
        """Send all that is waiting, however long it takes; for the side that is always read."""
        self.flush()
        while self._out:
            select.select([], [self.sock], [])
            self.flush()

    def heard(self) -> Iterator[Word]:
        """The words that are there, without waiting for more."""
        while not self.ended:
            try:
                octets = self.sock.recv(1 << 18)
            except BlockingIOError:
                break
            except OSError:
                octets = b""
            if not octets:
                self.ended = True
                break
            self._in += octets
        while (word := self._next()) is not None:
            yield word

    def wait(self, seconds: float) -> None:
        """Wait until there is something to hear; raises :class:`Gone` if there never will be."""
        until = time.monotonic() + seconds
        ready, _, _ = select.select([self.sock], [], [], max(0.0, until - time.monotonic()))
        if self.ended or not ready:
            raise Gone

    def _next(self) -> Word | None:
        if len(self._in) < _HEADER:
            return None
        header = int.from_bytes(self._in[:_HEADER], "big")
        end = _HEADER + (header & ~_ROWS)
        if len(self._in) < end:
            return None
        with memoryview(self._in) as octets:
            content = octets[_HEADER:end]
            word: Word = _rows(content) if header & _ROWS else pickle.loads(content)
            content.release()
        del self._in[:end]
        return word

    def close(self) -> None:
        """End the channel."""
        self.ended = True
        self.sock.close()


def _rows(content: memoryview) -> Word:
    return "rows", int.from_bytes(content[:_BATCH], "big"), marshal.loads(content[_BATCH:])


def channel() -> tuple[socket.socket, socket.socket]:
    """The two ends of a new control channel."""
    return socket.socketpair()
