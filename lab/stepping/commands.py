"""The commands that can be typed to a stepper, one on each line, and what they print."""

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
from lab.trace.rows import MESSAGE

HELP: Final = (
    ("step [N]", "go one event forward, or N (so does an empty line)"),
    ("back [N]", "go one event back, or N"),
    ("until CONDITION", f"go forward to the next event such as {EXAMPLES}"),
    ("before CONDITION", "go back to the last such event"),
    (
        "break CONDITION",
        "make go stop at such events; break alone lists them, break - removes them",
    ),
    ("go", "go forward to the next breakpoint, or to the end"),
    ("follow [N]", "go to the next event of message N, or of the one followed; follow - ends it"),
    ("at TIME", "go to a time: at 12.5 s, at 2 h"),
    ("event N", "go to event N; event 0 is before the first"),
    ("session [N]", "show session N; without N, the session of the event"),
    ("where", "show all panels"),
    ("dialogue [N]", "show the dialogue of the session, or of session N"),
    ("sides", "show states, buffers and the row of the transition table"),
    ("links", "show what is on each link"),
    ("spools [HOST]", "show the mail in each spool, or in one"),
    ("events", "show the events around this one"),
    ("digest", "show the digest so far"),
    ("cut A B [for TIME]", "intervene: take a link down, for a time or for good"),
    ("crash HOST [for TIME]", "intervene: crash a host; for 60 s if no time is given"),
    ("hang up", "intervene: cut the transmission channel of the session"),
    ("reply LINE", "intervene: change the next reply of the session: reply 550 No such user"),
    ("command LINE", "intervene: change the next SMTP command of the session: command RSET"),
    ("diff", "compare the altered run with its original"),
    ("undo", "undo the last intervention"),
    ("save FILE", "write the altered run as a topology file with faults"),
    ("help", "show this list"),
    ("quit", "leave"),
)
"""The commands and what they do."""


class Quit(Exception):
    """Raised by the command quit."""


class Misunderstood(ValueError):
    """Raised for a line that is not a command; the message says what would be right."""


class CommandLine:
    """A stepper that carries out typed commands.

    ``do`` returns the lines to show. It raises :class:`Misunderstood`, :class:`NoCondition` or
    :class:`NoIntervention` with one sentence, and :class:`Quit`.
    """

    def __init__(self, stepper: Stepper) -> None:
        self.stepper = stepper
        self.followed: int | None = None
        """The number of the message that is followed."""

    def do(self, line: str) -> list[str]:
        """Carry out one command."""
        word, _, argument = line.strip().partition(" ")
        word = _SHORT.get(word.lower(), word)
        names = [name for name in _COMMANDS if name.startswith(word.lower() or "step")]
        exact = word.lower() in _COMMANDS
        if not exact and (len(names) != 1 and word):
            meant = f"; it could be {' or '.join(names)}" if names else ""
            raise Misunderstood(f"{word!r} is not a command{meant}; type help for a list")
        name = word.lower() if exact else names[0] if word else "step"
        return _COMMANDS[name](self, argument.strip())

    # -- moves ------------------------------------------------------------------------------------

    def status(self) -> str:
        """Return which event this is, in a line."""
        return self._status()[0]

    def _status(self) -> list[str]:
        moment = self.stepper.moment
        return [f"{panels.heading(moment)} · {moment.sentence}"]

    def _search(self, move: Callable[[], object], not_found: str) -> list[str]:
        """Search for an event; ``not_found`` is printed at either end of the run."""
        move()
        n, count = self.stepper.n, self.stepper.index.count
        at_end = n == count or n == 0
        return ([not_found] if at_end else []) + self._status()

    def _step(self, argument: str) -> list[str]:
        self.stepper.step(_number(argument, "step 5", 1))
        return self._status()

    def _back(self, argument: str) -> list[str]:
        self.stepper.back(_number(argument, "back 5", 1))
        return self._status()

    def _until(self, argument: str) -> list[str]:
        condition = _required(argument, "until")
        return self._search(
            lambda: self.stepper.until(condition), f"at the end, not found: {condition}"
        )

    def _before(self, argument: str) -> list[str]:
        condition = _required(argument, "before")
        return self._search(
            lambda: self.stepper.back_until(condition), f"at the beginning, not found: {condition}"
        )

    def _break(self, argument: str) -> list[str]:
        breakpoints = self.stepper.breakpoints
        if argument == "-":
            breakpoints.clear()
        elif argument:
            self.stepper.add_breakpoint(argument)
        return [f"stops at: {condition}" for condition in breakpoints] or [
            "there are no breakpoints"
        ]

    def _go(self, argument: str) -> list[str]:
        return self._search(self.stepper.go_on, "no breakpoint before this")

    def _follow(self, argument: str) -> list[str]:
        if argument == "-":
            self.followed = None
            return ["no message is followed"]
        number = _number(argument, "follow 2") if argument else self.followed
        if number is None:
            raise Misunderstood("no message is followed; write its number, as in follow 2")
        last = max((row[MESSAGE] or 0 for row in self.stepper.index.rows), default=0)
        if not 1 <= number <= last:
            there = f"they are 1 to {last}" if last > 1 else "there is 1" if last else "it has none"
            raise Misunderstood(f"there is no message {number} in this run; {there}")
        self.followed = number
        return self._search(
            lambda: self.stepper.next(message=number), f"at the end of message {number}"
        )

    def _at(self, argument: str) -> list[str]:
        self.stepper.at(_time(argument, "at 12.5 s"))
        return self._status()

    def _event(self, argument: str) -> list[str]:
        self.stepper.seek(_number(argument, "event 40"))
        return self._status()

    def _session(self, argument: str) -> list[str]:
        number = _number(argument, "session 1") if argument else None
        if number is not None and number not in self.stepper.index.session_histories:
            raise Misunderstood(f"there is no session {number} in this run")
        self.stepper.session = number
        return panels.dialogue(self.stepper.moment)

    # -- panels -----------------------------------------------------------------------------------

    def _where(self, argument: str) -> list[str]:
        return panels.where(self.stepper.moment)

    def _dialogue(self, argument: str) -> list[str]:
        number = _number(argument, "dialogue 1") if argument else None
        return panels.dialogue(self.stepper.moment, number)

    def _sides(self, argument: str) -> list[str]:
        return panels.sides(self.stepper.moment)

    def _links(self, argument: str) -> list[str]:
        return panels.links(self.stepper.moment)

    def _spools(self, argument: str) -> list[str]:
        return panels.spools(self.stepper.moment, self.stepper.host(argument) if argument else None)

    def _events(self, argument: str) -> list[str]:
        return panels.events(self.stepper.moment)

    def _digest(self, argument: str) -> list[str]:
        return [self.stepper.moment.digest]

    def _help(self, argument: str) -> list[str]:
        width = max(len(usage) for usage, _ in HELP)
        return [f"{usage:<{width}}  {meaning}" for usage, meaning in HELP]

    # -- interventions ----------------------------------------------------------------------------

    def _altered(self) -> list[str]:
        count = len(self.stepper.interventions)
        last = f": {self.stepper.interventions[-1].words}" if count else ""
        return [f"altered{last}" if count else "as it was", *self._status()]

    def _cut(self, argument: str) -> list[str]:
        names, seconds = _names_and_seconds(argument)
        if len(names) != 2:
            raise Misunderstood("cut takes the two ends of a link: cut MIT-AI.ARPA USC-ISIE.ARPA")
        self.stepper.cut(names[0], names[1], seconds)
        return self._altered()

    def _crash(self, argument: str) -> list[str]:
        names, seconds = _names_and_seconds(argument)
        if len(names) != 1:
            raise Misunderstood("crash takes one host: crash USC-ISIE.ARPA for 2 min")
        self.stepper.crash(names[0], 60.0 if seconds is None else seconds)
        return self._altered()

    def _hang(self, argument: str) -> list[str]:
        self.stepper.hang_up()
        return self._altered()

    def _reply(self, argument: str) -> list[str]:
        self.stepper.change_reply(argument)
        return self._altered()

    def _command(self, argument: str) -> list[str]:
        self.stepper.change_command(argument)
        return self._altered()

    def _diff(self, argument: str) -> list[str]:
        return self.stepper.diff().lines()

    def _undo(self, argument: str) -> list[str]:
        self.stepper.undo()
        return self._altered()

    def _save(self, argument: str) -> list[str]:
        if not argument:
            raise Misunderstood("save takes the name of a file: save altered.toml")
        try:
            return [f"saved: {self.stepper.save(os.path.expanduser(argument))}"]
        except OSError as error:
            raise Misunderstood(
                f"{argument}: cannot be written ({error.strerror or error})"
            ) from None

    def _quit(self, argument: str) -> list[str]:
        raise Quit


_COMMANDS: Final[dict[str, Callable[[CommandLine, str], list[str]]]] = {
    re.split(r"\W", usage)[0]: getattr(CommandLine, f"_{re.split(r'[ ]', usage)[0]}")
    for usage, _ in HELP
}


_SHORT: Final = {
    "s": "step", "n": "step", "next": "step", "b": "back", "u": "until", "g": "go", "c": "go",
    "w": "where", "d": "dialogue", "l": "links", "e": "events", "q": "quit", "exit": "quit",
    "h": "help", "?": "help",
}  # fmt: skip
"""Short forms of frequent commands."""


def _number(argument: str, example: str, default: int | None = None) -> int:
    if not argument and default is not None:
        return default
    digits = argument.replace(",", "")
    if not (digits.isascii() and digits.isdecimal()):
        raise Misunderstood(f"{argument!r} is not a number; write {example}")
    return int(digits)


def _time(argument: str, example: str) -> float:
    bare = argument.replace(".", "", 1)
    try:
        return parse_duration(float(argument) if bare.isascii() and bare.isdecimal() else argument)
    except ValueError:
        raise Misunderstood(f"{argument!r} is not a time; write {example}") from None


def _required(argument: str, command: str) -> str:
    if not argument:
        raise Misunderstood(f"{command} requires a condition, such as {EXAMPLES}")
    return argument


def _names_and_seconds(argument: str) -> tuple[list[str], float | None]:
    """Return the names before "for", and the seconds after it (None without it)."""
    try:
        words = shlex.split(argument)
    except ValueError:
        raise Misunderstood(f"{argument!r} has an open quotation mark; close it") from None
    if "for" not in words:
        return words, None
    at = words.index("for")
    return words[:at], _time(" ".join(words[at + 1 :]), "for 2 min")


__all__ = ["HELP", "CommandLine", "Misunderstood", "NoCondition", "NoIntervention", "Quit"]
