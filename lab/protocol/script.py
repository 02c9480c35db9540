"""A sender-SMTP that sends exactly the lines that it is given, whatever the replies.

It sends one line at a time, each after the reply to the last. When DATA has drawn its 354 it sends
all lines up to the one that is a single period at once, as mail data. Lines are sent as they are: a
period at the beginning of a line is not doubled. A script cannot become a receiver-SMTP: when its
TURN is granted it hangs up. So it does when the receiver-SMTP closes the channel (421, or QUIT has
succeeded), and when a reply comes that answers nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from lab.protocol.dialogue import Exchange
from lab.protocol.events import Crossing
from lab.protocol.lines import CRLF


class ScriptedSender:
    """The sender-SMTP's side of a session, line by line; ``closing`` is set when it hangs up."""

    __slots__ = ("_exchange", "_lines", "_position", "closing")

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = [line.encode("latin-1") for line in lines]
        self._position = 0
        self._exchange = Exchange()
        self.closing = False

    @property
    def has_quit(self) -> bool:
        """Whether QUIT has succeeded."""
        return self._exchange.has_quit

    def receive(self, octets: bytes, *, has_left: bool = True) -> list[Crossing]:
        """Take the bytes of replies; return what crossed and what to send next, in order.

        ``has_left``: whether all that the last call returned has been sent; if not, it hangs up.
        """
        exchange = self._exchange
        exchange.is_broken = exchange.is_broken or not has_left
        answered = exchange.receive(octets)
        events: list[Crossing] = [Crossing("reply", reply.octets) for reply in answered]
        if exchange.has_ended:
            self.closing = True
        elif exchange.outstanding is None:
            if self._position >= len(self._lines):
                self.closing = True
            else:
                crossing = self._data() if exchange.takes_mail_data else self._command()
                exchange.ask_next(crossing[1])
                events.append(crossing)
        return events

    def end_of_input(self) -> None:
        """End the script: the channel is gone."""
        self.closing = True

    def _command(self) -> Crossing:
        line = self._lines[self._position]
        self._position += 1
        return Crossing("command", line + CRLF)

    def _data(self) -> Crossing:
        remaining = self._lines[self._position :]
        # data without an end draws no reply: the script hangs up after it
        self.closing = b"." not in remaining
        length = len(remaining) if self.closing else remaining.index(b".") + 1
        self._position += length
        return Crossing("data", b"".join(line + CRLF for line in remaining[:length]))
