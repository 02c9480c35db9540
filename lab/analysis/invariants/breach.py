"""A breach: a rule that a run broke."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from lab.trace.rows import MESSAGE, Row, T

MOST: Final = 20
"""The most breaches that are reported of a run."""


END: Final = "each recipient reaches an end"
LOST: Final = "no accepted mail is lost"
NOT_SENT: Final = "nothing is delivered that was not sent"
TEXT: Final = "the bytes of the text arrive unchanged"
ROUTE: Final = "the reverse-path is the route that the message took"
STAMPS: Final = "a time stamp line for each host"
ORDER: Final = "time stamp lines are in order"
REPLY: Final = "no reply outside 4.3's table"

RULES: Final = (END, LOST, NOT_SENT, TEXT, ROUTE, STAMPS, ORDER, REPLY)
"""The names of the rules, in the order in which ``lab help faults`` explains them."""


@dataclass(frozen=True, slots=True)
class Breach:
    """A rule that a run broke at ``t`` seconds, in a sentence, and the message that it is about."""

    rule: str
    t: float
    sentence: str
    message: int | None = None

    def __str__(self) -> str:
        return f"{self.rule}: {self.sentence}"


Numbered = tuple[str, int | None]
"""A number that has to become that of the whole run: ("message", 3) or ("session", 7)."""


class Finding(NamedTuple):
    """A breach as a rule finds it: in its ``words``, messages and sessions go by their numbers."""

    rule: str
    t: float
    message: int | None
    words: tuple[str | Numbered, ...]

    def breach(self, number: Callable[[str, int], int] = lambda _, number: number) -> Breach:
        """Return the breach.

        ``number`` gives the number that a "message" or a "session" has in the whole run, if this is
        a part of it.
        """
        words = [word if isinstance(word, str) else _text(word, number) for word in self.words]
        message = None if self.message is None else number("message", self.message)
        return Breach(self.rule, self.t, "".join(words), message)


def _text(word: Numbered, number: Callable[[str, int], int]) -> str:
    kind, own = word
    return str(None if own is None else number(kind, own))


def of_message(number: int | None) -> Numbered:
    """Return a word of a :class:`Finding`: the number of a message."""
    return "message", number


def of_session(number: int | None) -> Numbered:
    """Return a word of a :class:`Finding`: the number of a session."""
    return "session", number


class Findings:
    """The first :data:`MOST` findings of some rules, and those at the time of the last of them."""

    def __init__(self) -> None:
        self.all: list[Finding] = []

    def add(self, rule: str, row: Row, *words: str | Numbered) -> None:
        """Add what an event breaks, unless there is enough already."""
        if len(self.all) < MOST or row[T] <= self.all[-1].t:
            self.all.append(Finding(rule, row[T], row[MESSAGE], words))
