"""Orders: what can be typed to a stepper, one a line, and what it says to them."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable
from typing import Final

from lab.analysis.conditions import EXAMPLES, NoCondition
from lab.quantities import parse_duration
from lab.stepping import panels
from lab.stepping.stepper import NoIntervention, Stepper

HELP: Final = (
    ("step [N]", "one event on, or N (an empty line too)"),
    ("back [N]", "one event back, or N"),
    ("until CONDITION", f"on to the next event such as {EXAMPLES}"),
    ("before CONDITION", "back to the last such event"),
    (
        "break CONDITION",
        "have go stop at such events; break alone lists them, break - forgets them",
    ),
    ("go", "on to the next breakpoint, or to the end"),
    ("at TIME", "to a time: at 12.5 s, at 2 h"),
    ("event N", "to event N; event 0 is before the first"),
    ("session [N]", "look at session N; without N at that of the event"),
    ("where", "all that is so now"),
    ("dialogue [N]", "what was said in the session, or in session N"),
    ("sides", "states, buffers and the row of the table that applies"),
    ("links", "what is on each link"),
    ("spools [HOST]", "the mail in each spool, or in one"),
    ("events", "the events around this one"),
    ("digest", "the digest so far"),
    ("cut A B [for TIME]", "intervene: take a link down, for a time or for good"),
    ("crash HOST [for TIME]", "intervene: let a host crash; for 60 s if no time is given"),
    ("hang up", "intervene: cut the transmission channel of the session"),
    ("reply LINE", "intervene: the next reply of the session is LINE: reply 550 No such user"),
    ("command LINE", "intervene: the next command of the session is LINE: command RSET"),
    ("undo", "take the last intervention back"),
    ("save FILE", "write the run, as altered, as a topology with faults"),
    ("help", "this list"),
    ("quit", "leave"),
)
"""The orders and what they do."""


class Quit(Exception):
    """The order to leave."""


class Misunderstood(ValueError):
    """An order that is none; the message says what would be right."""


class CommandLine:
    """A stepper that takes orders in words.

    ``do`` gives the lines to show. It raises :class:`Misunderstood`, :class:`NoCondition` or
    :class:`NoIntervention` with one sentence, and :class:`Quit`.
    """

    def __init__(self, stepper: Stepper) -> None:
        self.stepper = stepper

    def do(self, line: str) -> list[str]:
        """Carry out one order."""
        word, _, rest = line.strip().partition(" ")
        word = _SHORT.get(word.lower(), word)
        names = [name for name in _ORDERS if name.startswith(word.lower() or "step")]
        exact = word.lower() in _ORDERS
        if not exact and (len(names) != 1 and word):
            meant = f"; it could be {' or '.join(names)}" if names else ""
            raise Misunderstood(f"{word!r} is no order{meant}; type help for a list")
        return _ORDERS[word.lower() if exact else names[0] if word else "step"](self, rest.strip())

    # -- moves ------------------------------------------------------------------------------------

    def here(self) -> str:
        """Which event this is, in a line."""
        return self._here()[0]

    def _here(self) -> list[str]:
        moment = self.stepper.moment
        return [f"{panels.heading(moment)} · {moment.sentence}"]

    def _moved(self, order: Callable[[], object], missed: str) -> list[str]:
        """What is said after a move that looks for something."""
        order()
        n, count = self.stepper.n, self.stepper.records.count
        at_end = n == count or n == 0
        return ([missed] if at_end else []) + self._here()

    def _step(self, rest: str) -> list[str]:
        self.stepper.step(_number(rest, "step 5", 1))
        return self._here()

    def _back(self, rest: str) -> list[str]:
        self.stepper.back(_number(rest, "back 5", 1))
        return self._here()

    def _until(self, rest: str) -> list[str]:
        wanted = _wanted(rest, "until")
        return self._moved(lambda: self.stepper.until(wanted), f"to the end: {wanted}")

    def _before(self, rest: str) -> list[str]:
        wanted = _wanted(rest, "before")
        return self._moved(lambda: self.stepper.back_until(wanted), f"to the beginning: {wanted}")

    def _break(self, rest: str) -> list[str]:
        breakpoints = self.stepper.breakpoints
        if rest == "-":
            breakpoints.clear()
        elif rest:
            self.stepper.add_breakpoint(rest)
        return [f"stops at: {one}" for one in breakpoints] or ["there are no breakpoints"]

    def _go(self, rest: str) -> list[str]:
        return self._moved(self.stepper.go_on, "no breakpoint before this")

    def _at(self, rest: str) -> list[str]:
        self.stepper.at(_time(rest, "at 12.5 s"))
        return self._here()

    def _event(self, rest: str) -> list[str]:
        self.stepper.seek(_number(rest, "event 40"))
        return self._here()

    def _session(self, rest: str) -> list[str]:
        number = _number(rest, "session 1") if rest else None
        if number is not None and number not in self.stepper.records.session_histories:
            raise Misunderstood(f"there is no session {number} in this run")
        self.stepper.session = number
        return panels.dialogue(self.stepper.moment)

    # -- looks ------------------------------------------------------------------------------------

    def _where(self, rest: str) -> list[str]:
        return panels.where(self.stepper.moment)

    def _dialogue(self, rest: str) -> list[str]:
        number = _number(rest, "dialogue 1") if rest else None
        return panels.dialogue(self.stepper.moment, number)

    def _sides(self, rest: str) -> list[str]:
        return panels.sides(self.stepper.moment)

    def _links(self, rest: str) -> list[str]:
        return panels.links(self.stepper.moment)

    def _spools(self, rest: str) -> list[str]:
        return panels.spools(self.stepper.moment, self.stepper.host(rest) if rest else None)

    def _events(self, rest: str) -> list[str]:
        return panels.events(self.stepper.moment)

    def _digest(self, rest: str) -> list[str]:
        return [self.stepper.moment.digest]

    def _help(self, rest: str) -> list[str]:
        wide = max(len(order) for order, _ in HELP)
        return [f"{order:<{wide}}  {what}" for order, what in HELP]

    # -- interventions ----------------------------------------------------------------------------

    def _altered(self) -> list[str]:
        count = len(self.stepper.interventions)
        last = f": {self.stepper.interventions[-1].words}" if count else ""
        return [f"altered{last}" if count else "as it was", *self._here()]

    def _cut(self, rest: str) -> list[str]:
        names, seconds = _for(rest)
        if len(names) != 2:
            raise Misunderstood("cut takes the two ends of a link: cut MIT-AI.ARPA USC-ISIE.ARPA")
        self.stepper.cut(names[0], names[1], seconds)
        return self._altered()

    def _crash(self, rest: str) -> list[str]:
        names, seconds = _for(rest)
        if len(names) != 1:
            raise Misunderstood("crash takes one host: crash USC-ISIE.ARPA for 2 min")
        self.stepper.crash(names[0], 60.0 if seconds is None else seconds)
        return self._altered()

    def _hang(self, rest: str) -> list[str]:
        self.stepper.hang_up()
        return self._altered()

    def _reply(self, rest: str) -> list[str]:
        self.stepper.change_reply(rest)
        return self._altered()

    def _command(self, rest: str) -> list[str]:
        self.stepper.change_command(rest)
        return self._altered()

    def _undo(self, rest: str) -> list[str]:
        self.stepper.undo()
        return self._altered()

    def _save(self, rest: str) -> list[str]:
        if not rest:
            raise Misunderstood("save takes the name of a file: save altered.toml")
        try:
            return [f"saved: {self.stepper.save(os.path.expanduser(rest))}"]
        except OSError as error:
            raise Misunderstood(f"{rest}: cannot be written ({error.strerror or error})") from None

    def _quit(self, rest: str) -> list[str]:
        raise Quit


_ORDERS: Final[dict[str, Callable[[CommandLine, str], list[str]]]] = {
    re.split(r"\W", order)[0]: getattr(CommandLine, f"_{re.split(r'[ ]', order)[0]}")
    for order, _ in HELP
}


_SHORT: Final = {
    "s": "step", "n": "step", "next": "step", "b": "back", "u": "until", "g": "go", "c": "go",
    "w": "where", "d": "dialogue", "l": "links", "e": "events", "q": "quit", "exit": "quit",
    "h": "help", "?": "help",
}  # fmt: skip
"""Short words for orders that are given often."""


def _number(rest: str, example: str, default: int | None = None) -> int:
    if not rest and default is not None:
        return default
    digits = rest.replace(",", "")
    if not (digits.isascii() and digits.isdecimal()):
        raise Misunderstood(f"{rest!r} is no number; write {example}")
    return int(digits)


def _time(rest: str, example: str) -> float:
    bare = rest.replace(".", "", 1)
    try:
        return parse_duration(float(rest) if bare.isascii() and bare.isdecimal() else rest)
    except ValueError:
        raise Misunderstood(f"{rest!r} is no time; write {example}") from None


def _wanted(rest: str, order: str) -> str:
    if not rest:
        raise Misunderstood(f"{order} what? write {order} and one such as {EXAMPLES}")
    return rest


def _for(rest: str) -> tuple[list[str], float | None]:
    """Names, and the seconds that follow "for"."""
    try:
        words = shlex.split(rest)
    except ValueError:
        raise Misunderstood(f"{rest!r} has an open quotation mark; close it") from None
    if "for" not in words:
        return words, None
    place = words.index("for")
    return words[:place], _time(" ".join(words[place + 1 :]), "for 2 min")


__all__ = ["HELP", "CommandLine", "Misunderstood", "NoCondition", "NoIntervention", "Quit"]
