"""What is said to a caller from outside, and the record of it: each reply before its first byte."""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

from lab.live.output import Output
from lab.live.row_ring import HELD
from lab.trace.rows import KIND, Row

_REPLY: Final = "reply"


class Channel(Protocol):
    """A TCP connection; ``is_stuck`` while the other side does not read what was written."""

    transport: asyncio.Transport
    is_stuck: bool


class CallerRecord:
    """Sends the replies of one session, and records what crosses in it.

    Rows outlive this process before the bytes leave that they tell of. A reply that could not be
    sent is not recorded. One that only waits, as the caller reads nothing, is held until it has
    left, with all that comes after it; it counts also if the process ends meanwhile, since a part
    of it may have been read.
    """

    def __init__(self, output: Output, channel: Channel, session: int) -> None:
        self._output = output
        self._channel = channel
        self._session = session
        self._held: list[Row] = []

    def say(self, octets: bytes, rows: list[Row]) -> None:
        """Send replies, and record them with what crossed before them."""
        transport, output = self._channel.transport, self._output
        if transport.is_closing():
            self.note(without_replies(rows))
            return
        is_open = output.put_open(rows)
        transport.write(octets)
        if not is_open:
            return  # the network has them already
        if transport.is_closing():
            output.outbox.take_back()
            self.note(without_replies(rows))
        elif self._held or self._channel.is_stuck:
            self._held += rows
            output.outbox.confirm(HELD)
        else:
            output.outbox.confirm()
            output.note(())

    def note(self, rows: list[Row]) -> None:
        """Record what crossed, after what is held."""
        if not rows:
            return
        if self._held or self._channel.is_stuck:
            self._held += rows
            self._output.hold_rows(rows)
        else:
            self._output.note(rows)

    def settle(self, *, has_left: bool) -> None:
        """Record what is held: it has left, or else the replies among it never will."""
        held, self._held = self._held, []
        if held:
            rows = held if has_left else without_replies(held)
            self._output.release_rows(self._session, rows)


def without_replies(rows: list[Row]) -> list[Row]:
    """Return the rows of what the other side said, and of what happened."""
    return [row for row in rows if row[KIND] != _REPLY]
