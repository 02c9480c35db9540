"""What happened in a case: who said what, in order, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from lab.judging.cases import Case, Say
from lab.judging.replies import ProgramReply, read

GREETING: Final = Say("", (220,), row="CONNECT", rule="4.3-2", is_setup=True)


@dataclass(slots=True)
class Asked:
    """Something that was said; ``at``: how much the program had said when it went out."""

    say: Say
    octets: bytes
    at: int = 0


@dataclass(slots=True)
class Record:
    """What happened in a case.

    ``asked`` is what was said, ``received`` all that the program said. ``has_ended``: it closed the
    channel; ``is_silent``: it said nothing for too long; ``status`` is its exit status, None if it
    was still running. ``stopped_because`` is why it was ended, if it was for what it did.
    ``slow_for``: the seconds after which we did not wait for the rest of what it said; 0.0 if we
    did.
    ``mail`` is what lies in the mail drop: None if nobody could look, and else the copies.
    """

    case: Case
    asked: list[Asked] = field(default_factory=list)
    received: bytes = b""
    has_ended: bool = False
    is_silent: bool = False
    is_flooded: bool = False
    slow_for: float = 0.0
    is_going_away: bool = False
    status: int | None = None
    errors: str = ""
    stopped_because: str = ""
    mail: list[bytes] | None = None
    token: str = ""
    skips: bool = False

    def replies(self) -> list[ProgramReply]:
        """Return what the program said as replies."""
        return read(self.received)

    def expecting(self) -> list[Asked]:
        """Return what a reply was due to, beginning with the opening of the channel."""
        opening = Asked(_greeting(self.case), b"")
        return [opening, *(each for each in self.asked if each.say.wanted)]


def _greeting(case: Case) -> Say:
    if case.rule.startswith("4.3-2"):
        return Say("", case.greeting, row="CONNECT", rule=case.rule)
    return GREETING


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a ladder: ``who`` is "S" or "R". ``mark`` is the offset of a wrong byte, or -1."""

    who: str
    octets: bytes
    mark: int = -1


def ladder(record: Record, wrong: int = -1, mark: int = 0) -> list[Line]:
    """Return the dialogue, each reply after what it answers.

    ``wrong`` is the number of the reply that is wrong, from 0, and ``mark`` its wrong byte.
    """
    replies = record.replies()
    lines: list[Line] = []
    number = 0

    def add_replies() -> None:
        nonlocal number
        if number < len(replies):
            at = mark if number == wrong else -1
            lines.append(Line("R", replies[number].octets, at))
            number += 1

    add_replies()
    waiting = 0
    for each in record.asked:
        lines.append(Line("S", each.octets))
        waiting += bool(each.say.wanted)
        if not each.say.is_joined:
            for _ in range(waiting):
                add_replies()
            waiting = 0
    while number < len(replies):
        add_replies()
    return lines
