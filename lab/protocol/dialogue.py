"""The tracker of a dialogue: the state of both sides, as derived from what crosses the wire.

It keeps the states and buffers of section 4.1.1, by the tables of :mod:`lab.protocol.states` and
:mod:`lab.protocol.replies`. Pictures and the stepper use it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from lab.protocol.lines import CRLF, END_OF_MAIL_DATA, dot_unstuff
from lab.protocol.replies import COMMAND_REPLIES, CONNECTION, MAIL_DATA, Outcome, meaning_of
from lab.protocol.states import TRANSITIONS, Buffers, State, Transition
from lab.protocol.syntax import parse_command, verb_of


@dataclass(frozen=True, slots=True)
class Spoken:
    """A command or mail data that a sender-SMTP has sent, and that waits for its reply."""

    command: str
    argument: str = ""
    octets: bytes = b""

    @classmethod
    def read(cls, octets: bytes, *, data: bool) -> Spoken:
        """Return the command of a line, or the mail data, that has been sent."""
        if data:
            return cls(MAIL_DATA, octets=octets)
        command = parse_command(octets.removesuffix(CRLF))
        verb = command.verb or verb_of(octets)
        return cls(verb, command.path.text)


@dataclass(frozen=True, slots=True)
class SideState:
    """The state of one side of a session.

    ``awaiting`` is the command (or "CONNECT", "data") whose reply is to come, "" if none.
    ``reverse_path``, ``forward_paths`` and ``mail_data`` are the three buffers of section 4.1.1.
    ``was``, ``command`` and ``code`` are the state before the last command, the command, and the
    code of its reply. ``row`` is the row of the transition table that decided it; None if the
    command was out of order.
    """

    state: State = State.OPENED
    awaiting: str = CONNECTION
    verb: str = ""
    reverse_path: str | None = None
    forward_paths: tuple[str, ...] = ()
    mail_data: bytes = b""
    was: State = State.OPENED
    command: str = CONNECTION
    code: int | None = None
    row: Transition | None = None

    @property
    def meaning(self) -> Outcome | None:
        """The meaning of the last reply to its command (section 4.3); None before the reply."""
        return None if self.code is None else _meaning(self.command, self.code)

    def ask(self, spoken: Spoken) -> SideState:
        """Return the side after a command has been sent or received, before the reply."""
        return replace(
            self,
            awaiting=spoken.command,
            was=self.state,
            command=spoken.command,
            code=None,
            row=TRANSITIONS[self.state].get(spoken.command),
        )

    def reply(self, spoken: Spoken | None, code: int) -> SideState:
        """Return the side after the reply to ``spoken``; None means the opening of the channel."""
        if spoken is None:
            return replace(self, awaiting="", code=code, command=CONNECTION)
        row = TRANSITIONS[self.state].get(spoken.command)
        after = replace(
            self, awaiting="", was=self.state, command=spoken.command, code=code, row=row
        )
        if code == 421:
            return replace(after._with_buffers(Buffers.CLEAR, spoken), state=State.CLOSED)
        if row is None:
            return after
        if spoken.command == MAIL_DATA:
            # accepted or not, the end of mail data ends the transaction
            return replace(after._with_buffers(Buffers.CLEAR, spoken), state=row.next)
        if _meaning(spoken.command, code) not in (Outcome.S, Outcome.I):
            return after
        return replace(after._with_buffers(row.buffers, spoken), state=row.next)

    def fill(self, octets: bytes) -> SideState:
        """Return the side with mail data, as it crossed, in its buffer; transparency is undone."""
        ends = octets.endswith(END_OF_MAIL_DATA) or octets == b".\r\n"
        return replace(self, mail_data=dot_unstuff(octets[:-3] if ends else octets))

    def _with_buffers(self, buffers: Buffers, spoken: Spoken) -> SideState:
        """Return the side with its buffers as they are after a command that succeeded (4.1.1)."""
        if buffers is Buffers.CLEAR:
            return replace(self, verb="", reverse_path=None, forward_paths=(), mail_data=b"")
        if buffers is Buffers.REVERSE_PATH:
            path = spoken.argument
            cleared = self._with_buffers(Buffers.CLEAR, spoken)
            return replace(cleared, verb=spoken.command, reverse_path=path)
        if buffers is Buffers.FORWARD_PATH:
            return replace(self, forward_paths=(*self.forward_paths, spoken.argument))
        return self


def _meaning(command: str, code: int) -> Outcome | None:
    """Return the meaning of a code to a command; None for a command that RFC 821 does not have."""
    return meaning_of(command, code) if command in COMMAND_REPLIES else None
