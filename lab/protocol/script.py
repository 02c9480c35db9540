"""A sender-SMTP that sends exactly the lines that it is given, whatever the replies.

It sends one line at a time, each after the reply to the last. After a 354 it sends all lines up to
the one that is a single period at once, as mail data. Lines are sent as they are: a period at the
beginning of a line is not doubled. A script cannot become a receiver-SMTP: when its TURN is granted
it hangs up.
"""

from __future__ import annotations

from collections.abc import Sequence

from lab.protocol.lines import CRLF
from lab.protocol.replies import ReplyParser
from lab.protocol.syntax import in_capitals
from lab.protocol.transactions import Crossing


class ScriptedSender:
    """The sender-SMTP's side of a session, line by line; ``closing`` is set when it hangs up."""

    __slots__ = ("_lines", "_parser", "_position", "_turning", "closing")

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = [line.encode("latin-1") for line in lines]
        self._position = 0
        self._parser = ReplyParser()
        self._turning = False
        self.closing = False

    def receive(self, octets: bytes) -> list[Crossing]:
        """Take the bytes of replies; return what crossed and what to send next, in order."""
        events: list[Crossing] = []
        try:
            replies = self._parser.feed(octets)
        except ValueError:
            self.closing = True
            return events
        for code, _, whole in replies:
            events.append(("reply", whole))
            over = code in (221, 421) or (self._turning and code == 250)
            if over or self._position >= len(self._lines):
                self.closing = True
                break
            events.append(self._data() if code == 354 else self._command())
        return events

    def end_of_input(self) -> None:
        """End the script, as the channel is gone."""
        self.closing = True

    def _command(self) -> Crossing:
        line = self._lines[self._position]
        self._position += 1
        self._turning = in_capitals(line.decode("latin-1")) == "TURN"
        return "command", line + CRLF

    def _data(self) -> Crossing:
        remaining = self._lines[self._position :]
        # data without an end draws no reply: the script hangs up after it
        self.closing = b"." not in remaining
        length = len(remaining) if self.closing else remaining.index(b".") + 1
        self._position += length
        return "data", b"".join(line + CRLF for line in remaining[:length])
