"""Helpers for the notebooks: find a file, be the sender-SMTP, check an answer.

A lesson leaves a gap, ``answer = ...`` (the three dots are Python's Ellipsis), and checks it::

    from lab import lessons

    sessions = ...
    lessons.check("Exercise 1", sessions, run.summary["sessions"])

The right answer is computed from a run wherever possible, so that reading the check gives nothing
away. A check never raises, so a notebook always runs to its end. Its result has one of these
states:

- "not yet": the gap is not filled;
- "passed";
- "failed": the message shows the answer and says what is wrong with it;
- "handed in": the teacher judges the answer, and the notebook has no check (:func:`hand_in`).

:data:`results` keeps the last result of every check of this process under its name, for programs
that grade notebooks (:mod:`lab.lessons.grading`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from sys import modules
from textwrap import fill
from typing import TYPE_CHECKING, Final, Literal

from lab.lessons import answers as answers
from lab.lessons import functions as functions
from lab.lessons import trials as trials
from lab.lessons.exercises import Exercise as Exercise
from lab.lessons.exercises import ExerciseError as ExerciseError
from lab.lessons.exercises import Material as Material
from lab.lessons.exercises import exercise as exercise
from lab.lessons.own_code import OwnFault, TooLong, limited
from lab.lessons.plain import WrongForm, short
from lab.lessons.texts import from_text as from_text
from lab.runtime import shipped

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from lab.api.run import Run
    from lab.lessons.typed_session import TypedSession
    from lab.topology.model import Topology

State = Literal["passed", "failed", "not yet", "handed in"]
Problem = Literal["", "form", "content", "code"]

_SECONDS: Final = 60.0
"""How long it may take to try an answer."""

_WIDTH: Final = 96
"""Characters of a line of a notebook's page."""

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


def tell(sentences: Iterable[str]) -> None:
    """Print sentences, such as the story of a message, one below another.

    A sentence longer than a page of a notebook is wide goes on below, between two words.
    """
    for sentence in sentences:
        print(fill(sentence, _WIDTH, subsequent_indent="    ", break_long_words=False))


def topology(name: str) -> Path:
    """Return the path of a file under ``topologies/``, for example "rfc821/scenario-03.toml".

    It is searched for in the working directory, in those above it (a notebook runs in
    ``notebooks/``), and among those that ship with the lab. Raises FileNotFoundError if it is in
    none of them.
    """
    if not isinstance(name, str):
        raise TypeError(f"name must be that of a file in topologies/, not {name!r}")
    current = Path.cwd()
    above = [folder / "topologies" for folder in (current, *current.parents)]
    for folder in (*above, shipped.folder("topologies")):
        path = folder / name
        if path.is_file():
            return path
    raise FileNotFoundError(
        f"topologies/{name} is not in {current}, nor above it, nor among those that ship with the "
        "lab; lab examples lists these"
    )


def draw(network: Topology) -> Axes:
    """Draw the map of a network, before anything has happened in it."""
    from dataclasses import replace

    from lab.views.pictures.map import map_trace, network_map

    return network_map(map_trace(replace(network, expect={})))  # nothing has come of it yet


def mailbox(run: Run, user: str) -> list[str]:
    """Return the messages in a user's mailbox at the end of a run, in the order they came."""
    found = (e for e in run.trace if e.kind == "deliver" and e["user"] == user)
    return [event["octets"].decode("latin-1") for event in found]


def talk(
    where: str | Topology, host: str, *, lf_ends_lines: bool = False, quiet: bool = False
) -> TypedSession:
    """Open a session with a host's receiver-SMTP, in which you are the sender-SMTP.

    ``where`` is a file under ``topologies/`` or a topology. ``lf_ends_lines``: the host treats a
    lone LF as the end of a line, which RFC 821 does not allow (4.5.2: CRLF only). ``quiet``:
    nothing is printed.
    """
    from lab.api.simulate import load
    from lab.lessons.typed_session import TypedSession
    from lab.topology.model import Topology

    network = load(topology(where)) if isinstance(where, str) else where
    if not isinstance(network, Topology):
        raise TypeError(f"where must be a lab.Topology or a file in topologies/, not {where!r}")
    return TypedSession(network, host, lf_ends_lines=lf_ends_lines, quiet=quiet)


def _judge(answer: object, wanted: answers.Answer) -> answers.Verdict:
    return wanted.judge(answer)


def _not_judged(answer: object, problem: Exception) -> str:
    if isinstance(problem, ValueError) and re.search(r"zip\(\)|to unpack", str(problem)):
        return f"{short(answer)} has too few values, or too many."
    if hasattr(problem, "problems"):  # a topology with errors
        return f"The network cannot be used: {'; '.join(problem.problems)}"
    return f"{short(answer)} is not of the kind that is asked for."


def _keep(result: Result) -> Result:
    results[result.name] = result
    return result


def _install_friendly_errors() -> None:
    """In a notebook, replace the tracebacks of everyday mistakes by sentences."""
    from importlib import import_module

    if "IPython" in modules:
        import_module("lab.lessons.friendly_errors").install()


_install_friendly_errors()
