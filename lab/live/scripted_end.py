"""The replies of a live host that its file sets byte for byte, in one session."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from lab.hosts.reply_script import ReplyScript, ReplyWriter
from lab.protocol.arriving import ArrivingReplies
from lab.trace.closes import QUIT, cut, hung_up

if TYPE_CHECKING:
    from lab.live.host_process import HostProcess


class ScriptedEnd:
    """Sends what a :class:`~lab.hosts.reply_script.ReplyScript` has in place of each reply.

    ``finish`` ends the session, with the reason; ``stop_input`` lets the engine read nothing more.
    ``outside`` is how the trace names a mail program at the other end that is not a host of the
    topology, or None: the network records what goes to a host. ``number`` is the session's.
    """

    def __init__(
        self,
        process: HostProcess,
        script: ReplyScript,
        transport: asyncio.Transport,
        number: int,
        outside: str | None,
        finish: Callable[[str], None],
        stop_input: Callable[[], None],
    ) -> None:
        self.writer = ReplyWriter(script, self._send, self._end, process.later)
        self._process = process
        self._transport = transport
        self._number = number
        self._outside = outside
        self._finish = finish
        self._stop_input = stop_input
        self._pieces = ArrivingReplies()

    def _send(self, octets: bytes, now: float) -> None:
        """Send bytes, and record them if the network does not."""
        process = self._process
        if self._outside is not None and not self._transport.is_closing():
            about = (self._outside, process.host.name, self._number, None, now)
            crossed = self._pieces.take(octets)
            process.note([(now, kind, *about, unit) for kind, unit in crossed])
        process.write(self._transport, octets)

    def _end(self, how: str, now: float) -> None:
        """End the session's replies as the script says; "close": the engine has closed it."""
        if how == "close":
            self._finish(QUIT)
        elif how == "cut":
            self._finish(cut(hung_up(self._process.host.name)))
        else:
            self._stop_input()
            if how == "half-close":
                self._process.half_close(self._transport)
