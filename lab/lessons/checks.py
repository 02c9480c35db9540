"""A check of an answer, its result, and the results of this process."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Literal

from lab.lessons import answers
from lab.lessons.own_code import OwnFault, TooLong, limited
from lab.lessons.plain import WrongForm, short, unusable

State = Literal["passed", "failed", "not yet", "handed in"]
Problem = Literal["", "form", "content", "code"]

_SECONDS: Final = 60.0
"""How long it may take to try an answer."""

_SHOWN: Final[dict[State, str]] = {"passed": "✓", "failed": "✗", "not yet": "…", "handed in": "→"}


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a check. A student reads its ``repr``; it is true if the check passed.

    ``problem`` says what kind of fault a failed answer has: its "form" (a list where a number is
    asked for), its "content", or "code" of the student's own that fails or does not end.
    """

    name: str
    state: State
    message: str
    problem: Problem = ""

    def __bool__(self) -> bool:
        return self.state == "passed"

    def __repr__(self) -> str:
        return f"{_SHOWN[self.state]} {self.name}: {self.message}"


results: Final[dict[str, Result]] = {}
"""The last result of each check, by name, in the order in which they were first made."""


def check(name: str, answer: object, right: object, *, hint: str = "") -> Result:
    """Check an answer, and return and keep the result.

    ``right`` is what the exercise asks for (:mod:`lab.lessons.answers`), the right value alone, or
    a function of the answer that returns True, False, or a sentence that says what is wrong.
    ``hint`` is shown if the content of the answer is wrong, but not if its form is; without it,
    the hint of ``right`` is.
    """
    if is_unanswered(answer):
        return _keep(Result(name, "not yet", "Not yet. Put your answer in place of the dots."))
    wanted = answers.typed(right)
    try:
        with limited(_SECONDS):
            verdict = _judge(answer, wanted)
    except WrongForm as form:
        return _keep(Result(name, "failed", f"Wrong form. {form}", "form"))
    except OwnFault as fault:
        return _keep(Result(name, "failed", str(fault), "code"))
    except TooLong:
        return _keep(Result(name, "failed", "Your answer takes too long to try.", "code"))
    except Exception as problem:  # an answer may be anything, so judging it may raise
        return _keep(Result(name, "failed", f"Wrong form. {_not_judged(answer, problem)}", "form"))
    if verdict is True:
        return _keep(Result(name, "passed", "Right."))
    return _keep(Result(name, "failed", f"{verdict} {hint or wanted.hint}".strip(), "content"))


def hand_in(name: str, answer: object = ...) -> Result:
    """Take an answer that the teacher judges; in what students get, it stands where checks were."""
    if is_unanswered(answer):
        return _keep(Result(name, "not yet", "Not yet. Put your answer in place of the dots."))
    return _keep(Result(name, "handed in", "Your answer is there. Your teacher's copy judges it."))


def close_to(right: float, within: float = 0.1) -> Callable[[object], bool | str]:
    """Return what :func:`check` takes for an estimate.

    ``within`` is the largest error that is accepted, as a share of the right number.
    """
    return answers.Estimate(right, within)


def is_unanswered(answer: object, depth: int = 0) -> bool:
    """Return whether an answer is, or contains, the three dots that a lesson leaves."""
    if depth < 10 and issubclass(type(answer), dict):
        values: Iterable[object] = dict.values(answer)  # type: ignore[arg-type]
        return any(is_unanswered(value, depth + 1) for value in values)
    if depth < 10 and issubclass(type(answer), (list, tuple)):
        items: Iterable[object] = iter(answer)  # type: ignore[call-overload]
        return any(is_unanswered(value, depth + 1) for value in items)
    return answer is ...


def _judge(answer: object, wanted: answers.Answer) -> answers.Verdict:
    return wanted.judge(answer)


def _not_judged(answer: object, problem: Exception) -> str:
    if isinstance(problem, ValueError) and re.search(r"zip\(\)|to unpack", str(problem)):
        return f"{short(answer)} has too few values, or too many."
    if hasattr(problem, "problems"):  # a topology with errors
        return unusable(problem.problems)
    return f"{short(answer)} is not of the kind that is asked for."


def _keep(result: Result) -> Result:
    results[result.name] = result
    return result
