"""Replies and commands that a fault replaces by others."""

from __future__ import annotations

from collections.abc import Callable

from lab.hosts.reply_script import ReplyScript
from lab.hosts.scripted import ScriptedReceiver
from lab.hosts.settings import HostSettings
from lab.protocol import Crossing, Installation, Reply, State, reply
from lab.protocol.lines import CRLF, MailData
from lab.protocol.replies import TEXTS, grants_turn
from lab.protocol.sizes import MAX_COMMAND_LINE
from lab.protocol.syntax import verb_of


def reply_of(line: str) -> Reply:
    """Return the reply that a line such as "550 No such user here" stands for; a code alone has
    RFC 821's text.

    Raises ValueError, the tail of a sentence, for any other line.
    """
    code, _, text = line.partition(" ")
    if not (code.isdecimal() and code.isascii() and int(code) in TEXTS):
        raise ValueError("does not begin with a reply code of RFC 821; write 550 No such user here")
    try:
        return reply(int(code), text) if text else reply(int(code))
    except ValueError:
        raise ValueError("holds a CR or LF, which would end the reply; write one line") from None


def command_line(line: str) -> bytes:
    """Return the octets of a command line, its CRLF included.

    Raises ValueError, the tail of a sentence, for a text that is not one line.
    """
    if "\r" in line or "\n" in line:
        raise ValueError("is more than one line; write one command")
    if not line.isascii() or len(line) > MAX_COMMAND_LINE - len(CRLF):
        raise ValueError(
            f"is not a command line; write ASCII, at most {MAX_COMMAND_LINE - len(CRLF)} characters"
        )
    return line.encode("ascii") + CRLF


class OverriddenReceiver(ScriptedReceiver):
    """A receiver-SMTP whose replies are replaced by what ``override`` returns, if anything.

    If the new reply is a refusal (4yz, 5yz), the command is not carried out, and the mail is not
    stored. Any other reply is only sent: the engine acts on its own verdict, except that roles do
    not change unless the reply grants that.
    """

    __slots__ = ("_held_back", "_override")

    def __init__(
        self,
        installation: Installation,
        settings: HostSettings,
        answers_given: dict[str, int],
        override: Callable[[], Reply | None],
        script: ReplyScript | None = None,
    ) -> None:
        super().__init__(installation, settings, answers_given, script)
        self._override = override
        self._held_back: Reply | None = None

    def open(self) -> list[Crossing]:
        """Return the greeting."""
        forced = self._override()
        greeted = super().open()
        if forced is None:
            return greeted
        self.state = State.CLOSED if forced.code == 421 else State.OPENED
        return [Crossing("reply", self.completed(forced).octets)]

    def command(self, line: bytes) -> bytes:
        """Return the replies to a line, in whatever state a changed command has left this side."""
        return b"".join(octets for kind, octets in self.receive(line) if kind == "reply")

    def reply_to(self, line: bytes) -> Reply:
        """Carry out a command line, and return the reply, or the one in its place."""
        forced = self._override()
        if forced is None:
            return super().reply_to(line)
        if forced.code < 400:
            if verb_of(line) != "TURN" or grants_turn("TURN", forced.code):
                super().reply_to(line)
        elif forced.code == 421:
            self.state = State.CLOSED
        return self.completed(forced, self.path_of(line))

    def reply_to_mail_data(self, data: MailData) -> Reply | None:
        """Take the mail data, and return the reply, or the one in its place."""
        forced = self._override()
        if forced is None:
            return super().reply_to_mail_data(data)
        forced = self.completed(forced)
        if forced.code >= 400:
            return forced
        if super().reply_to_mail_data(data) is None:
            self._held_back = forced
            return None
        return forced

    def checked_answer(self, verdict: Reply) -> Reply:
        """Return the verdict that was left open, or the one in its place."""
        forced, self._held_back = self._held_back, None
        return super().checked_answer(verdict) if forced is None else forced
