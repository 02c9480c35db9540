"""A channel of plain data: JSON, a line for each message, over one socket."""

from __future__ import annotations

import json
import select
import socket
import time
from typing import Any, Final

LONGEST: Final = 4_000_000
"""Bytes of the longest message that is read."""


class ChannelClosed(Exception):
    """Raised when the other side has gone, or says what is not a message."""


class Channel:
    """One side of a channel. Messages are dictionaries with a ``kind``."""

    def __init__(self, end: socket.socket) -> None:
        self.end = end
        self._buffer = b""

    def send(self, kind: str, /, **content: Any) -> None:
        """Send a message; raises ChannelClosed."""
        try:
            self.end.sendall(json.dumps({"kind": kind, **content}).encode() + b"\n")
        except (OSError, ValueError, RecursionError) as error:
            raise ChannelClosed(str(error)) from None

    def pass_on(self, message: dict[str, Any]) -> None:
        """Send a message of another channel's."""
        content = {name: value for name, value in message.items() if name != "kind"}
        self.send(message["kind"], **content)

    def receive(self, seconds: float | None = None) -> dict[str, Any] | None:
        """Return the next message; None if there is none in time. Raises ChannelClosed."""
        deadline = None if seconds is None else time.monotonic() + seconds
        while b"\n" not in self._buffer:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            if not select.select([self.end], [], [], left)[0]:
                return None
            self._read()
        line, _, self._buffer = self._buffer.partition(b"\n")
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            raise ChannelClosed("what came is not JSON") from None
        if not isinstance(message, dict) or not isinstance(message.get("kind"), str):
            raise ChannelClosed("what came is not a message")
        return message

    def _read(self) -> None:
        try:
            octets = self.end.recv(1 << 18)
        except OSError as error:
            raise ChannelClosed(str(error)) from None
        if not octets:
            raise ChannelClosed("the other side has gone")
        self._buffer += octets
        if len(self._buffer) > LONGEST:
            raise ChannelClosed("what came is too long")

    def is_ready(self) -> bool:
        """Return whether something can be received at once."""
        return b"\n" in self._buffer or bool(select.select([self.end], [], [], 0)[0])

    def forget(self) -> None:
        """Forget what has come in and is not read: another process reads on from here."""
        self._buffer = b""

    def close(self) -> None:
        """Close this side."""
        self.end.close()
