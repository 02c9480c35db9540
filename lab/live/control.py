"""The control channel between the network and a host's process. A message is a Python tuple.

Messages arrive whole and in order. Neither side waits for the other to read, as two full buffers
would stop both for good. A host sends a message before the bytes on TCP that follow from it.
"""

from __future__ import annotations

import marshal
import pickle
import selectors
import socket
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple

Message = tuple[Any, ...]
"""A message: its kind, and what belongs to that kind."""

_HEADER: Final = 4
_BATCH: Final = 8
_BUFFER: Final = 1 << 20
_AT_ONCE: Final = 1 << 16
"""Bytes that are read from the socket at a time."""

_PIECES: Final = 64
"""Pieces that one system call sends at most."""

_ROWS: Final = 1 << 31
"""A bit of the header: rows of the trace follow, in marshal, which is faster than pickle."""

_MAIL: Final = 1 << 30
"""A bit of the header: a piece of mail follows."""


class MailSent(NamedTuple):
    """What a session sends: its message, if any; at the mail data, to whom and from whom.

    ``ids`` are the recipients that were taken, ``users`` their names, and ``all_ids`` all that were
    asked for. ``octets`` is the mail data, where the network records what becomes of it.
    """

    message: int | None
    ids: Sequence[str] = ()
    path: str = ""
    octets: bytes = b""
    users: Sequence[str] = ()
    all_ids: Sequence[str] = ()


class PeerGone(Exception):
    """The process at the other end has ended."""


class Control:
    """One end of a control channel over a stream socket.

    ``received`` counts the messages that were received; ``count``, if it is set, is called with how
    many have been sent, the next one included, before that leaves.
    """

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            sock.setsockopt(socket.SOL_SOCKET, option, _BUFFER)
        self.sock = sock
        self.ended = False
        self.received = 0
        self.count: Callable[[int], None] | None = None
        self._sent = 0
        self._in = bytearray()
        self._buffer = memoryview(bytearray(_AT_ONCE))
        self._out: deque[memoryview] = deque()

    def fileno(self) -> int:
        """The descriptor, for an event loop."""
        return self.sock.fileno()

    @property
    def has_unsent(self) -> bool:
        """Whether something waits to be sent: call :meth:`flush` when the socket takes more."""
        return bool(self._out)

    def send(self, *message: Any) -> None:
        """Send a message; what the socket does not take now goes later."""
        self.put(*message)
        self.flush()

    def put(self, *message: Any) -> None:
        """Have a message leave together with the next one that is sent, before it."""
        self._put(0, [pickle.dumps(message, pickle.HIGHEST_PROTOCOL)])

    def send_rows(self, octets: bytes, batch: int) -> None:
        """Send rows of the trace, packed by marshal; they arrive as ("rows", batch, rows)."""
        self._put(_ROWS, [batch.to_bytes(_BATCH, "big"), octets])
        self.flush()

    def send_mail(self, piece: bytes | memoryview) -> None:
        """Send a piece of mail, and wait until it has left; it arrives as ("octets", piece)."""
        self._put(_MAIL, [piece])
        self.flush_all()

    def _put(self, kind: int, content: Sequence[bytes | memoryview]) -> None:
        """Put header and content, without a copy: it may be a mail of many megabytes."""
        self._sent += 1
        if self.count is not None:
            self.count(self._sent)
        header = (kind | sum(map(len, content))).to_bytes(_HEADER, "big")
        self._out += map(memoryview, (header, *content))

    def flush(self) -> None:
        """Send as much of what is waiting as the socket takes."""
        waiting = self._out
        try:
            while waiting:
                sent = self.sock.sendmsg(list(islice(waiting, _PIECES)))
                while sent:
                    first = waiting[0]
                    if sent < len(first):
                        waiting[0] = first[sent:]
                        break
                    sent -= len(first)
                    waiting.popleft()
        except BlockingIOError:
            pass
        except OSError:  # the other side has ended: reading will show it
            self._out.clear()

    def flush_all(self) -> None:
        """Send all that is waiting, however long it takes; for the end that is always read."""
        self.flush()
        while self._out:
            self._ready(selectors.EVENT_WRITE, None)
            self.flush()

    def receive(self) -> Iterator[Message]:
        """Yield the messages that have arrived, without waiting for more."""
        is_all = False
        while not is_all:
            is_all = self._read()
            while (message := self._next()) is not None:
                self.received += 1
                yield message

    def _read(self) -> bool:
        """Read some of what has arrived; return whether that was all."""
        while not self.ended:
            try:
                size = self.sock.recv_into(self._buffer)
            except BlockingIOError:
                break
            except OSError:
                size = 0
            if not size:
                self.ended = True
                break
            self._in += self._buffer[:size]
            if size < _AT_ONCE:
                break  # that was all: asking again would only say so
            if len(self._in) > _BUFFER:
                return False  # the other side may send as fast as this one reads
        return True

    def wait(self, seconds: float) -> None:
        """Wait until there is something to receive.

        Raises :class:`PeerGone` if nothing comes within ``seconds``, or the channel has ended.
        """
        if self.ended or not self._ready(selectors.EVENT_READ, seconds):
            raise PeerGone

    def _ready(self, event: int, seconds: float | None) -> bool:
        """Wait for an event of the socket, whatever its descriptor's number; False: none came."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.sock, event)
            return bool(selector.select(seconds))

    def _next(self) -> Message | None:
        if len(self._in) < _HEADER:
            return None
        header = int.from_bytes(self._in[:_HEADER], "big")
        end = _HEADER + (header & ~(_ROWS | _MAIL))
        if len(self._in) < end:
            return None
        with memoryview(self._in) as octets:
            content = octets[_HEADER:end]
            message: Message
            if header & _MAIL:
                message = "octets", bytes(content)
            else:
                message = _rows(content) if header & _ROWS else pickle.loads(content)
            content.release()
        del self._in[:end]
        return message

    def close(self) -> None:
        """Close this end of the channel."""
        self.ended = True
        self.sock.close()


def _rows(content: memoryview) -> Message:
    return "rows", int.from_bytes(content[:_BATCH], "big"), marshal.loads(content[_BATCH:])


def channel() -> tuple[socket.socket, socket.socket]:
    """Return the two ends of a new control channel."""
    return socket.socketpair()
