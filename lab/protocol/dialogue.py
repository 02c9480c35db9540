"""The tracker of a dialogue: the states and buffers of both sides, from what crosses the channel.

It follows section 4.1.1 by the tables of :mod:`lab.protocol.states` and
:mod:`lab.protocol.replies`. :class:`Dialogue` is for a whole session; pictures, the stepper and the
replay page take the states of sessions from it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from lab.protocol.lines import CRLF, END_OF_MAIL_DATA, dot_unstuff
from lab.protocol.replies import (
    COMMAND_REPLIES,
    CONNECTION,
    MAIL_DATA,
    Outcome,
    code_of,
    meaning_of,
)
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
    """The state and buffers of one side of a session.

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


_GREETED: Final = SideState().reply(None, 220)
"""The receiver-SMTP once it has greeted."""


class Dialogue:
    """Both sides of a session, from what crosses the channel; call its methods as it arrives.

    ``sender`` and ``receiver`` are the two sides. ``is_turned`` says whether the hosts have changed
    roles, with TURN, since the channel opened. The receiver-SMTP moves when a command arrives, by
    the code that it is about to reply: see :func:`replies_to`. If it never replied, it waits.
    """

    def __init__(self) -> None:
        self.sender = SideState()
        self.receiver = _GREETED
        self.is_turned = False
        self._asked: deque[Spoken | None] = deque([None])
        self._storing: tuple[Spoken, int] | None = None

    def command(self, octets: bytes, code: int | None) -> None:
        """A command arrives, and will be replied to with that code (None: never)."""
        spoken = self._ask(octets, data=False)
        if code is None:
            self.receiver = self.receiver.ask(spoken)
        else:
            self.receiver = self.receiver.reply(spoken, code)

    def mail_data(self, octets: bytes, code: int | None) -> None:
        """Mail data arrives. The receiver-SMTP keeps it in its buffer until it is stored."""
        spoken = self._ask(octets, data=True)
        self.receiver = self.receiver.ask(spoken).fill(octets)
        self._storing = None if code is None else (spoken, code)

    def stored(self) -> None:
        """The mail data has been processed, and the reply to it is on its way."""
        if self._storing is not None:
            self.receiver = self.receiver.reply(*self._storing)
            self._storing = None

    def reply(self, octets: bytes) -> None:
        """A reply arrives at the sender-SMTP."""
        self.stored()
        spoken = self._asked.popleft() if self._asked else None
        code = code_of(octets)
        if _is_turn(spoken, code):
            # 3.8: the roles change, and both sides are as after opening
            self._asked.append(None)
            self.is_turned = not self.is_turned
            self.sender, self.receiver = SideState(), _GREETED
        else:
            self.sender = self.sender.reply(spoken, code)

    def close(self) -> None:
        """The channel closes."""
        self.sender = replace(self.sender, state=State.CLOSED, awaiting="")
        self.receiver = replace(self.receiver, state=State.CLOSED, awaiting="")

    def _ask(self, octets: bytes, *, data: bool) -> Spoken:
        spoken = Spoken.read(octets, data=data)
        self._asked.append(spoken)
        self.sender = self.sender.ask(spoken)
        return spoken


def replies_to(crossings: Iterable[tuple[int, str, bytes]]) -> dict[int, int]:
    """Return the code that each command or mail data of a session drew, by its number.

    ``crossings`` are all that crossed, in order: a number, the kind (command, data or reply) and
    the octets. What drew no reply is left out.
    """
    asked: deque[tuple[int, Spoken] | None] = deque([None])
    codes: dict[int, int] = {}
    for number, kind, octets in crossings:
        if kind != "reply":
            asked.append((number, Spoken.read(octets, data=kind == "data")))
        elif asked and (first := asked.popleft()) is not None:
            codes[first[0]] = code = code_of(octets)
            if _is_turn(first[1], code):
                asked.append(None)  # the other side greets now
    return codes


def _is_turn(spoken: Spoken | None, code: int) -> bool:
    """Whether the two sides change roles: the reply to TURN is a success by its first digit."""
    return spoken is not None and spoken.command == "TURN" and code // 100 == 2
