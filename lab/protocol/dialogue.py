"""A session as somebody sees it who listens to the wire: the states and buffers of both sides.

It is told what crossed and says where the receiver-SMTP and the sender-SMTP stand by the tables of
:mod:`lab.protocol.states` and :mod:`lab.protocol.replies`: for drawings and for stepping.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from lab.protocol.lines import unstuff
from lab.protocol.replies import CONNECTION, MAIL_DATA, Outcome, outcome
from lab.protocol.states import TRANSITIONS, Buffers, State, Transition
from lab.protocol.syntax import in_capitals, parse_command


@dataclass(frozen=True, slots=True)
class SideState:
    """Where one side of a session stands.

    ``awaiting`` is the command (or "CONNECT", "data") whose reply is to come, "" if none.
    ``reverse_path``, ``forward_paths`` and ``mail_data`` are the three buffers of section 4.1.1.
    ``state``, ``command``, ``code``: where the last command was given, what it was and what it
    drew; ``row`` is the row of the transition table that decided it, None if it was out of order.
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
        """What the last reply meant to its command (section 4.3); None if none has come."""
        return None if self.code is None else outcome(self.command, self.code)


@dataclass(frozen=True, slots=True)
class Spoken:
    """A command, or mail data, that waits for its reply."""

    command: str
    argument: str = ""
    octets: bytes = b""


def said(standing: SideState, octets: bytes, *, data: bool) -> Spoken:
    """What a sender-SMTP has just said: a command line, or mail data."""
    if data:
        return Spoken(MAIL_DATA, octets=octets)
    command = parse_command(octets.removesuffix(b"\r\n"))
    return Spoken(command.verb or in_capitals(octets[:4].decode("latin-1")), command.path.text)


def spoken(standing: SideState, what: Spoken) -> SideState:
    """A side that has said, or heard, a command and not its reply."""
    row = TRANSITIONS[standing.state].get(what.command)
    return replace(
        standing,
        awaiting=what.command,
        was=standing.state,
        command=what.command,
        code=None,
        row=row,
    )


def answered(standing: SideState, what: Spoken | None, code: int) -> SideState:
    """A side after the reply to what was said; None: to the opening of the channel."""
    if what is None:
        return replace(standing, awaiting="", code=code, command=CONNECTION)
    row = TRANSITIONS[standing.state].get(what.command)
    after = replace(
        standing, awaiting="", was=standing.state, command=what.command, code=code, row=row
    )
    if code == 421:
        return replace(_buffered(after, Buffers.CLEAR, what), state=State.CLOSED)
    if what.command == MAIL_DATA and row is not None:
        # taken or not, the end of mail data ends the transaction
        return replace(_buffered(after, Buffers.CLEAR, what), state=row.next)
    means = outcome(what.command, code)
    if row is None or means not in (Outcome.S, Outcome.I):
        return after
    return replace(_buffered(after, row.buffers, what), state=row.next)


def _buffered(standing: SideState, buffers: Buffers, what: Spoken) -> SideState:
    """The three buffers after a command that succeeded (section 4.1.1)."""
    if buffers is Buffers.CLEAR:
        return replace(standing, verb="", reverse_path=None, forward_paths=(), mail_data=b"")
    if buffers is Buffers.REVERSE_PATH:
        return replace(
            standing, verb=what.command, reverse_path=what.argument, forward_paths=(), mail_data=b""
        )
    if buffers is Buffers.FORWARD_PATH:
        return replace(standing, forward_paths=(*standing.forward_paths, what.argument))
    return standing


def filled(standing: SideState, octets: bytes) -> SideState:
    """A side whose mail data buffer holds what has crossed, transparency undone."""
    text = octets[:-3] if octets.endswith(b"\r\n.\r\n") or octets == b".\r\n" else octets
    return replace(standing, mail_data=unstuff(text))
