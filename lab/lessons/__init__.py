"""What the notebooks need beside the lab itself: find a file, be the sender, check an answer.

A lesson leaves a hole, ``answer = ...`` (the three dots are Python's Ellipsis), and checks it::

    from lab import lessons

    sessions = ...
    lessons.check("Exercise 1", sessions, run.summary["sessions"])

The right answer is computed from a run wherever it can be, so that reading the check gives nothing
away. A check never raises: a notebook always runs to its end. What it says is in three states:

- "not yet": the hole is untouched;
- "passed";
- "failed": what was found, and what is wrong with it.

Every check of a process is kept in :data:`results` under its name (the last try counts), for a
program that marks notebooks (:mod:`lab.lessons.grading`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from lab.lessons.typed_session import TypedSession
    from lab.topology.model import Topology

State = Literal["passed", "failed", "not yet"]

_SHOWN: Final[dict[State, str]] = {"passed": "✓", "failed": "✗", "not yet": "…"}


@dataclass(frozen=True, slots=True)
class Result:
    """What a check found; its ``repr`` is what a student reads, it is true where it passed."""

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
    """Whether an answer is right.

    ``right`` is the value to equal, or a function of the answer that gives True, False, or a
    sentence that says what is wrong. ``hint`` is shown where the answer is not right. Where a
    function raises, the answer was of an unfit kind: the check fails and says how.
    """
    if untouched(answer):
        return _keep(Result(name, "not yet", "Not yet. Put your answer in place of the dots."))
    try:
        verdict = _judge(answer, right)
    except Exception as problem:  # an answer may be anything, so its judge may stumble on it
        verdict = _stumbled(answer, problem)
    if verdict is True:
        return _keep(Result(name, "passed", "Right."))
    return _keep(Result(name, "failed", f"{verdict} {hint}".strip()))


def about(right: float, within: float = 0.1) -> Callable[[object], bool | str]:
    """A judge of an estimate: right where it is off by no more than a share of the right number."""

    def judge(answer: object) -> bool | str:
        given = float(answer)  # type: ignore[arg-type]  # what is no number raises, and is told
        if abs(given - right) <= within * abs(right):
            return True
        size = "small" if given < right else "large"
        by = "far " if not right / 3 <= given <= right * 3 else ""
        return f"{_short(answer)} is {by}too {size}."

    return judge


def untouched(answer: object) -> bool:
    """Whether an answer still is, or has in it, the three dots that a lesson leaves."""
    if isinstance(answer, dict):
        return any(untouched(value) for value in answer.values())
    if isinstance(answer, (list, tuple)):
        return any(untouched(value) for value in answer)
    return answer is ...


def topology(name: str) -> Path:
    """The path of a file under ``topologies/``, for example "rfc821/scenario-03.toml".

    Looked for in the working directory, in those above it (a notebook runs in ``notebooks/``), and
    beside the package; FileNotFoundError where none of them has it.
    """
    here = Path.cwd()
    for folder in (here, *here.parents, Path(__file__).resolve().parents[2]):
        path = folder / "topologies" / name
        if path.is_file():
            return path
    raise FileNotFoundError(f"topologies/{name} is neither in {here}, nor above it, nor by the lab")


def talk(
    where: str | Topology, host: str, *, lf_ends_lines: bool = False, quiet: bool = False
) -> TypedSession:
    """A session with a host's receiver-SMTP in which you are the sender-SMTP.

    ``where`` is a file under ``topologies/`` or a topology. ``lf_ends_lines``: the host takes a
    lone LF for the end of a line, as it must not (4.5.2 of RFC 821 knows CRLF alone).
    ``quiet``: nothing is printed.
    """
    from lab.api.simulate import load
    from lab.lessons.typed_session import TypedSession

    network = load(topology(where)) if isinstance(where, str) else where
    return TypedSession(network, host, lf_ends_lines=lf_ends_lines, quiet=quiet)


def from_text(text: str) -> Topology:
    """The topology that a text in the form of a topology file describes.

    Raises TopologyError for what is wrong in it, as a file of the same content would.
    """
    from lab.topology.model import TopologyError, load

    with TemporaryDirectory() as folder:
        path = Path(folder, "network.toml")
        path.write_text(text, encoding="utf-8")
        try:
            return load(path)
        except TopologyError as error:
            problems = [one.replace(str(path), "the text") for one in error.problems]
            raise TopologyError(problems) from None


def _judge(answer: object, right: object) -> Literal[True] | str:
    judge: Callable[[object], object] = right if callable(right) else lambda given: given == right
    verdict = judge(answer)
    if isinstance(verdict, str):
        return verdict
    return True if bool(verdict) else f"Not so: you have {_short(answer)}."


def _stumbled(answer: object, problem: Exception) -> str:
    if isinstance(problem, ValueError) and re.search(r"zip\(\)|to unpack", str(problem)):
        return f"{_short(answer)} has too few values, or too many."
    return f"{_short(answer)} could not be judged ({type(problem).__name__}: {problem})."


def _short(answer: object) -> str:
    text = repr(answer)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _keep(result: Result) -> Result:
    results[result.name] = result
    return result


def _be_kind() -> None:
    """In a notebook, say in a sentence what hinders a cell that was run too early."""
    from importlib import import_module
    from sys import modules

    if "IPython" in modules:
        import_module("lab.lessons.friendly_errors").settle_in()


_be_kind()
