"""Hands mail in to a program: the sender-SMTP's part of a session, a command at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from lab.judging.channel import SocketChannel
from lab.judging.record import Line
from lab.judging.replies import Counter, read
from lab.protocol.lines import dot_stuff

TEXT: Final = "the text"
"""What was said last when the mail data had been sent."""

_LINGER: Final = 2.0
"""Seconds for which a program may take its time to hang up after QUIT."""


class Client:
    """Says commands on a channel and waits for a reply to each, ``timeout`` seconds at most.

    ``lines`` are what was said, for a ladder; the reply to the greeting is the first.
    """

    def __init__(self, channel: SocketChannel, timeout: float) -> None:
        self.lines: list[Line] = []
        self._channel = channel
        self._timeout = timeout
        self._counter = Counter()
        self._due = 0

    def hand_in(self, commands: Sequence[str], text: bytes) -> tuple[str, int]:
        """Say commands, the last of which is DATA, and the text if that is asked for.

        Return what was said last, and the code of its reply: 0 if there was none. A reply that is
        no success ends it.
        """
        last_sent, code = "the connection", self._say(b"")
        for command in commands:
            if code // 100 != 2:
                return last_sent, code
            last_sent, code = command, self._say(f"{command}\r\n".encode("latin-1"))
        if code == 354:
            last_sent, code = TEXT, self._say(dot_stuff(text) + b".\r\n")
        channel = self._channel
        channel.exchange(b"QUIT\r\n", lambda: channel.has_ended, _LINGER)
        return last_sent, code

    def _say(self, octets: bytes) -> int:
        channel, self._due = self._channel, self._due + 1
        counter, due = self._counter, self._due
        channel.exchange(octets, lambda: counter.of(channel.received) >= due, self._timeout)
        replies = read(bytes(channel.received))
        if octets:
            self.lines.append(Line("S", octets))
        if len(replies) < due:
            return 0
        self.lines.append(Line("R", replies[due - 1].octets))
        return replies[due - 1].code
