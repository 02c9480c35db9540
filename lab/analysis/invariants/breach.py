"""A breach: a rule that a run broke."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

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


class Finding(NamedTuple):
    """A breach as a rule finds it: in its ``words``, a number is that of a message."""

    rule: str
    t: float
    message: int | None
    words: tuple[str | int | None, ...]

    def breach(self, numbered: Callable[[int], int]) -> Breach:
        """Return the breach; ``numbered`` gives the number that a message has in the whole run."""
        words = [str(numbered(word)) if isinstance(word, int) else str(word) for word in self.words]
        message = None if self.message is None else numbered(self.message)
        return Breach(self.rule, self.t, "".join(words), message)
