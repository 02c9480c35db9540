"""A mail server that is not ours: it replies what a test wants, and keeps what it got."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO

REPLIES = {
    b"": b"220 theirs\r\n", b"HELO": b"250 theirs\r\n", b"MAIL": b"250 OK\r\n",
    b"RCPT": b"250 OK\r\n", b"DATA": b"354 go on\r\n", b".": b"250 OK\r\n", b"RSET": b"250 OK\r\n",
    b"QUIT": b"221 bye\r\n",
}  # fmt: skip
"""What a server replies that keeps to RFC 821; b"" is its greeting, b"." the end of mail data."""


class ForeignHost:
    """``port`` is where it listens, ``mail_data`` what came after each 354 to DATA."""

    def __init__(self, replies: Mapping[bytes, bytes], early: bytes) -> None:
        self._early = early
        self.mail_data: list[bytes] = []
        self._replies = {**REPLIES, **replies}
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.listening.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        try:
            while True:
                caller, _ = self.listening.accept()
                threading.Thread(target=self._answer, args=(caller,), daemon=True).start()
        except OSError:
            return

    def _answer(self, caller: socket.socket) -> None:
        try:
            with caller, caller.makefile("rb") as lines:
                caller.sendall(self._replies[b""])
                while line := lines.readline():
                    verb = line[:4].upper()
                    reply = self._replies.get(verb, b"500 what?\r\n")
                    caller.sendall(reply)
                    if verb == b"DATA" and reply.startswith(b"354"):
                        if self._early:
                            time.sleep(0.05)
                            caller.sendall(self._early)
                        self.mail_data.append(_mail_data(lines))
                        if not self._early:
                            caller.sendall(self._replies[b"."])
                    if verb == b"QUIT":
                        return
        except OSError:
            return


def _mail_data(lines: IO[bytes]) -> bytes:
    octets = b""
    while not (octets.endswith(b"\r\n.\r\n") or octets == b".\r\n"):
        if not (line := lines.readline()):
            break
        octets += line
    return octets


@contextmanager
def foreign_host(
    replies: Mapping[bytes, bytes] | None = None, early: bytes = b""
) -> Iterator[ForeignHost]:
    """A server with other replies than :data:`REPLIES` to some commands.

    ``early``: what it says soon after its 354, in place of the reply to the mail data.
    """
    host = ForeignHost(replies or {}, early)
    try:
        yield host
    finally:
        host.listening.close()
