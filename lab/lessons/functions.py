"""Exercises that ask for a function or a network: they are judged by what these do."""

from __future__ import annotations

import inspect
import re
import tomllib
from collections.abc import Callable, Iterable
from operator import eq
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.lessons.answers import Answer, Code, Verdict
from lab.lessons.own_code import called
from lab.lessons.plain import WrongForm, joined, named, plain, short, text_of, unusable

if TYPE_CHECKING:
    from lab.api.run import Run
    from lab.topology.model import Topology

Trial = tuple[tuple[Any, ...], Any]
"""What a function is given, and what it should return."""


class Function(Answer):
    """A function, tried on examples: those of the exercise, hidden ones, and random ones.

    ``trials`` makes them, or yields them one after another; ``reads`` makes of a result, as plain
    data, what is compared, and raises WrongForm; ``same`` compares that with what is right.
    ``shown`` says what a function was given.
    """

    wants = "a function"

    def __init__(
        self,
        trials: Callable[[], Iterable[Trial]],
        reads: Callable[[Any], Any] = lambda value: value,
        shown: Callable[..., str] = lambda *inputs: f"For {', '.join(map(short, inputs))}",
        same: Callable[[Any, Any], bool] = eq,
    ) -> None:
        self.trials, self.reads, self.shown, self.same = trials, reads, shown, same

    def judge(self, answer: object) -> Verdict:
        """Return True, or a sentence that says what is wrong; raises WrongForm."""
        for inputs, right in self.trials():
            made = self.result(answer, *inputs)
            if not self.same(made, right):
                return f"{self.shown(*inputs)} it returns {short(made)}, which is not right."
        return True

    def result(self, function: object, *inputs: object) -> Any:
        """Return what a function returns, ready to be compared; raises WrongForm and OwnFault."""
        made = called(usable(function, len(inputs)), *inputs)
        beginning = self.shown(*inputs)
        try:
            return self.reads(plain(made))
        except WrongForm as form:
            why = "does it end with `return`?" if made is None else str(form)
            raise WrongForm(f"{beginning} your function returns {short(made)}: {why}") from None


def usable(function: object, count: int) -> Callable[..., Any]:
    """Return a function that takes a number of arguments; raises WrongForm."""
    if not callable(function) or isinstance(function, Answer):
        raise WrongForm(
            f"Expected a function; you have {named(function)}. Write its name, without parentheses."
        )
    try:
        inspect.signature(function).bind(*[None] * count)
    except TypeError:
        raise WrongForm(f"Your function must take {count} argument{'s'[: count - 1]}.") from None
    except ValueError:  # a function of C
        pass
    return function


class Doing(Answer):
    """A function that is judged by what it does: ``does`` is given it, ready to be called."""

    wants = "a function"

    def __init__(self, does: Callable[[Callable[..., object]], Verdict], count: int = 1) -> None:
        self.does, self.count = does, count

    def judge(self, answer: object) -> Verdict:
        """Return True, or a sentence that says what is wrong; raises WrongForm and OwnFault."""
        own = usable(answer, self.count)
        return self.does(lambda *inputs: called(own, *inputs))


class Network(Answer):
    """A network, judged by what happens in it: the function is given the topology.

    A text as in a topology file, the name of such a file, or a topology.
    """

    wants = "a network: the text of a topology file, in quotation marks, or a topology"

    def __init__(self, does: Callable[[Topology], Verdict]) -> None:
        self.does = does

    def read_network(self, answer: object) -> Topology:
        """Return the topology of an answer; raises WrongForm."""
        from lab.api.run import Run
        from lab.lessons.texts import from_text
        from lab.topology.model import Topology, TopologyError

        if isinstance(answer, Run):
            return answer.topology
        if isinstance(answer, Topology):
            return answer
        value = str(answer) if isinstance(answer, Path) else plain(answer)
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        if not isinstance(text, str):
            raise WrongForm(f"Expected {self.wants}; you have {named(answer)}.")
        if text.endswith(".toml") and "\n" not in text and Path(text).is_file():
            text = Path(text).read_text(encoding="utf-8")
        try:
            return from_text(text)
        except TopologyError as error:
            raise WrongForm(unusable(error.problems)) from None

    def judge(self, answer: object) -> Verdict:
        """Return True, or a sentence that says what is wrong; raises WrongForm."""
        return self.does(self.read_network(answer))


class Replies(Answer):
    """The replies that a host gives, as in ``answers = { ... }`` of a topology file.

    A text of what is between the braces, with the braces or without, or a dictionary. The function
    is given the text, as it is between the braces.
    """

    wants = "the text between the braces, such as 'RCPT = [450, 250]'"

    def __init__(self, does: Callable[[str], Verdict]) -> None:
        self.does = does

    def judge(self, answer: object) -> Verdict:
        """Return True, or a sentence that says what is wrong; raises WrongForm."""
        value = plain(answer)
        table = value if isinstance(value, dict) else self._table(text_of(value))
        return self.does(", ".join(f"{row} = {_codes(row, codes)}" for row, codes in table.items()))

    def _table(self, text: str | None) -> dict[str, Any]:
        if text is None:
            raise WrongForm(f"Expected {self.wants}.")
        inside = re.sub(r"^answers\s*=\s*", "", text).strip().rstrip(",")
        inside = inside[1:-1] if inside[:1] == "{" and inside[-1:] == "}" else inside
        try:
            tables = tomllib.loads(f"answers = {{ {inside} }}")
        except tomllib.TOMLDecodeError as error:
            raise WrongForm(f"Expected {self.wants}. Yours cannot be read: {error}.") from None
        if list(tables) != ["answers"]:
            raise WrongForm(f"Expected {self.wants}, and no more.")
        table: dict[str, Any] = tables["answers"]
        return table


def _codes(row: object, codes: Any) -> list[int]:
    if not re.fullmatch(r"\w+", str(row)):
        raise WrongForm(f"{short(row)} is not a row of the table.")
    return [Code().read(code) for code in (codes if isinstance(codes, (list, tuple)) else [codes])]


class Settings(Answer):
    """Some settings with their values: a dictionary, or pairs. The function is given it."""

    wants = "a dictionary of settings"

    def __init__(self, does: Callable[[dict[str, Any]], Verdict], names: Iterable[str]) -> None:
        self.does, self.names = does, list(names)

    def judge(self, answer: object) -> Verdict:
        """Return True, or a sentence that says what is wrong; raises WrongForm."""
        value = plain(answer)
        is_pairs = isinstance(value, (list, tuple)) and all(
            isinstance(each, (list, tuple)) and len(each) == 2 for each in value
        )
        table = dict(value) if is_pairs else value
        if not isinstance(table, dict) or not table:
            raise WrongForm(f"Expected {self.wants}; you have {named(answer)}.")
        unknown = [str(name) for name in table if name not in self.names]
        if unknown:
            raise WrongForm(f"{joined(unknown)} cannot be chosen; {joined(self.names)} can.")
        return self.does(table)


class Fault(Answer):
    """A crash or a cut of a channel; the function is given it."""

    wants = 'a fault, such as lab.Fault("crash", host="RELAY.ARPA", at=1, duration=60)'

    def __init__(self, does: Callable[[Any], Verdict]) -> None:
        self.does = does

    def judge(self, answer: object) -> Verdict:
        """Return True, or a sentence that says what is wrong; raises WrongForm."""
        from lab.topology.model import FaultSpec

        if type(answer) in (list, tuple) and len(answer) == 1:  # type: ignore[arg-type]
            answer = answer[0]  # type: ignore[index]
        if not isinstance(answer, FaultSpec):
            raise WrongForm(f"Expected {self.wants}; you have {named(answer)}.")
        if answer.kind not in ("crash", "hang-up"):
            raise WrongForm(f"It should be a crash or a hang-up, not {short(answer.kind)}.")
        return self.does(answer)


def signatures(run: Run, message: int) -> list[tuple[str, str]]:
    """Return the hosts that relayed a message, each with the name by which it said HELO then."""
    own = [event for event in run.trace if event.kind == "command"]
    wrote = next(e.host for e in run.trace if e.kind == "submit" and e.message == message)
    sessions = {event.session for event in own if event.message == message}
    hellos = [e for e in own if e.session in sessions and e["verb"] == "HELO" and e.peer != wrote]
    return [(str(e.peer).upper(), e["text"].partition(" ")[2].strip().upper()) for e in hellos]


def text_lines(mail_data: bytes) -> list[str]:
    """Return the lines of the text of a message: without the lines of hosts, and the header."""
    lines = mail_data.decode("latin-1").split("\r\n")
    while lines and re.match(r"(Return-Path|Received):|[ \t]", lines[0], re.I):
        lines = lines[1:]
    header = re.compile(r"[!-9;-~]+:|[ \t]+\S")
    end = next((n for n, line in enumerate(lines) if not header.match(line)), len(lines))
    return lines[end + 1 :] if end < len(lines) and not lines[end] else lines
