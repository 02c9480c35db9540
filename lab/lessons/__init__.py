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
from tempfile import TemporaryDirectory
from textwrap import fill
from typing import TYPE_CHECKING, Final, Literal

from lab.runtime import shipped

if TYPE_CHECKING:
    from lab.lessons.typed_session import TypedSession
    from lab.topology.model import Topology

State = Literal["passed", "failed", "not yet", "handed in"]

_WIDTH: Final = 96
"""Characters of a line of a notebook's page."""

_SHOWN: Final[dict[State, str]] = {"passed": "✓", "failed": "✗", "not yet": "…", "handed in": "→"}


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a check. A student reads its ``repr``; it is true if the check passed."""

    name: str
    state: State
    message: str

    def __bool__(self) -> bool:
        return self.state == "passed"

    def __repr__(self) -> str:
        return f"{_SHOWN[self.state]} {self.name}: {self.message}"


results: Final[dict[str, Result]] = {}
"""The last result of each check, by name, in the order in which they were first made."""


def check(name: str, answer: object, right: object, *, hint: str = "") -> Result:
    """Check an answer, and return and keep the result.

    ``right`` is the right value, or a function of the answer that returns True, False, or a
    sentence that says what is wrong. ``hint`` is shown if the answer is wrong. If the function
    raises, the answer is of the wrong type: the check fails and says so.
    """
    if is_unanswered(answer):
        return _keep(Result(name, "not yet", "Not yet. Put your answer in place of the dots."))
    try:
        verdict = _judge(answer, right)
    except Exception as problem:  # an answer may be anything, so judging it may raise
        verdict = _not_judged(answer, problem)
    if verdict is True:
        return _keep(Result(name, "passed", "Right."))
    return _keep(Result(name, "failed", f"{verdict} {hint}".strip()))


def hand_in(name: str, answer: object = ...) -> Result:
    """Take an answer that the teacher judges; in what students get, it stands where checks were."""
    if is_unanswered(answer):
        return _keep(Result(name, "not yet", "Not yet. Put your answer in place of the dots."))
    return _keep(Result(name, "handed in", "Your answer is there. Your teacher's copy judges it."))


def close_to(right: float, within: float = 0.1) -> Callable[[object], bool | str]:
    """Return a function for :func:`check` that accepts an estimate.

    ``within`` is the largest error that is accepted, as a share of the right number.
    """

    def judge(answer: object) -> bool | str:
        number = float(answer)  # type: ignore[arg-type]  # what is not a number raises, and the check says so
        if abs(number - right) <= within * abs(right):
            return True
        size = "small" if number < right else "large"
        by = "far " if not right / 3 <= number <= right * 3 else ""
        return f"{_short(answer)} is {by}too {size}."

    return judge


def is_unanswered(answer: object) -> bool:
    """Return whether an answer is, or contains, the three dots that a lesson leaves."""
    if isinstance(answer, dict):
        return any(is_unanswered(value) for value in answer.values())
    if isinstance(answer, (list, tuple)):
        return any(is_unanswered(value) for value in answer)
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


def from_text(text: str) -> Topology:
    """Return the topology that a text describes, written as a topology file.

    Raises TopologyError with what is wrong in it, as a file with the same content would.
    """
    from lab.topology.model import TopologyError, load

    with TemporaryDirectory() as folder:
        path = Path(folder, "network.toml")
        path.write_text(text, encoding="utf-8")
        try:
            return load(path)
        except TopologyError as error:
            problems = [problem.replace(str(path), "the text") for problem in error.problems]
            raise TopologyError(problems) from None


def _judge(answer: object, right: object) -> Literal[True] | str:
    judge: Callable[[object], object] = right if callable(right) else lambda value: value == right
    verdict = judge(answer)
    if isinstance(verdict, str):
        return verdict
    return True if bool(verdict) else f"Not right: you have {_short(answer)}."


def _not_judged(answer: object, problem: Exception) -> str:
    if isinstance(problem, ValueError) and re.search(r"zip\(\)|to unpack", str(problem)):
        return f"{_short(answer)} has too few values, or too many."
    return f"{_short(answer)} could not be judged ({type(problem).__name__}: {problem})."


def _short(answer: object) -> str:
    text = repr(answer)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _keep(result: Result) -> Result:
    results[result.name] = result
    return result


def _install_friendly_errors() -> None:
    """In a notebook, replace the tracebacks of everyday mistakes by sentences."""
    from importlib import import_module

    if "IPython" in modules:
        import_module("lab.lessons.friendly_errors").install()


_install_friendly_errors()
