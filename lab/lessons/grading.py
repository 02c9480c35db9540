"""Marking lessons that were handed in: each in a kernel of its own, with the published checks.

A student may have changed any cell. What is run is the handed-in notebook with every cell that is
not an answer put back to how it was published (they are known by their ids, and where an editor has
thrown these away, by what they say), so that the checks are the course's own; cells that the
student added are run too, for an answer may need them. A cell that raises stops nothing but itself.
It is a help for a class, no examination: the code of a notebook that was handed in is run, and who
is set on it can deceive the checks.
"""

from __future__ import annotations

import csv
import io
import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lab.lessons.course import Lesson, lessons, read

if TYPE_CHECKING:
    from lab.lessons.kernels import Runner

_CHECK: Final = re.compile(r"lessons\.check\(\s*\"([^\"]+)\"")
_HOLE: Final = re.compile(r"^(\w[\w, ]*) = .*\.\.\.", re.MULTILINE)
INTERRUPTED: Final = "interrupted before it was run to its end"


@dataclass
class Grade:
    """What the checks of one handed-in notebook found; ``problem`` says what hindered them."""

    name: str
    lesson: str = ""
    states: dict[str, str] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    problem: str = ""

    @property
    def passed(self) -> int:
        """Checks that passed."""
        return sum(state == "passed" for state in self.states.values())


def checks_of(notebook: dict[str, Any]) -> list[str]:
    """The names of the checks of a notebook, in their order."""
    return list(
        dict.fromkeys(name for names in _checks_by_cell(notebook).values() for name in names)
    )


def _checks_by_cell(notebook: dict[str, Any]) -> dict[str, list[str]]:
    cells = (cell for cell in notebook["cells"] if cell["cell_type"] == "code")
    return {cell["id"]: _CHECK.findall(_text(cell)) for cell in cells}


def _text(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def published(notebook: dict[str, Any], path: Path) -> Lesson | None:
    """The lesson of which a notebook is a copy: by its metadata, its name, or its title."""
    metadata = notebook.get("metadata")
    ours = metadata.get("lab") if isinstance(metadata, dict) else None
    said = ours.get("lesson") if isinstance(ours, dict) else None
    tops = {_text(cell).partition("\n")[0].strip() for cell in tidied(notebook)}
    known = lessons()
    return next(
        chain(
            (one for one in known if one.path.stem == said),
            (one for one in known if one.path.stem in path.stem),
            (one for one in known if f"# {one.title}" in tops),
        ),
        None,
    )


def tidied(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    """The cells of a notebook that are cells, each with a text."""
    found = []
    for cell in notebook["cells"]:
        source = cell.get("source") if isinstance(cell, dict) else None
        lines = [source] if isinstance(source, str) else source
        if isinstance(lines, list) and all(isinstance(line, str) for line in lines):
            own: dict[str, Any] = {"metadata": {}, "outputs": [], "execution_count": None}
            kind = cell.get("cell_type", "raw")
            found.append({**own, **cell, "source": "".join(lines), "cell_type": kind})
    return found


def recognised(cells: list[dict[str, Any]], original: dict[str, Any]) -> list[dict[str, Any]]:
    """The handed-in cells, with the ids of published cells that lost theirs.

    A published cell is known by its text, and an answer by the names that it gives a value to.
    """
    here = {cell.get("id") for cell in cells}
    lost = [cell for cell in original["cells"] if cell["id"] not in here]
    ours = {cell["id"] for cell in original["cells"]}
    cells = list(cells)
    for cell in lost:
        for number, one in enumerate(cells):
            if one.get("id") not in ours and _same(cell, one):
                cells[number] = {**one, "id": cell["id"]}
                break
    return cells


def _same(cell: dict[str, Any], other: dict[str, Any]) -> bool:
    if _is_answer(cell):
        hole = _HOLE.search(_text(cell))
        names = rf"^{re.escape(hole[1])}\s*=[^=]" if hole else r"(?!)"
        return other["cell_type"] == "code" and bool(re.search(names, _text(other), re.MULTILINE))
    return _text(cell).split() == _text(other).split()


def restored(handed_in: dict[str, Any], original: dict[str, Any]) -> dict[str, Any]:
    """A handed-in notebook with all but its answers as published, ready to be run.

    A published cell that was taken out comes back where it was.
    """
    own_cells = recognised(tidied(handed_in), original)
    answers: dict[str, dict[str, Any]] = {}
    added: dict[str | None, list[dict[str, Any]]] = {}
    names = {cell["id"] for cell in original["cells"]}
    before: str | None = None
    for cell in own_cells:
        if cell.get("id") in names:
            before = cell["id"]
            answers.setdefault(cell["id"], cell)
        elif cell["cell_type"] == "code":
            added.setdefault(before, []).append(cell)
    cells = list(added.pop(None, []))
    for cell in original["cells"]:
        own = answers.get(cell["id"]) if _is_answer(cell) else None
        cells += [{**cell, "source": own["source"]} if own else cell, *added.pop(cell["id"], [])]
    return {**original, "cells": cells}


def _is_answer(cell: dict[str, Any]) -> bool:
    return "exercise" in cell["metadata"].get("tags", ())


def mark(path: Path, timeout: float = 120.0) -> Grade:
    """Run a handed-in notebook in a kernel of its own and keep what its checks found.

    ``timeout`` is in seconds for the whole notebook; what it does not reach is "not reached".
    """
    return mark_all([path], timeout)[0]


def looked_at(path: Path) -> tuple[Grade, dict[str, Any], Lesson | None]:
    """What is told of a handed-in notebook before it is run, what is in it, and its lesson."""
    found = Grade(str(path))
    try:
        handed_in = read(path)
    except (ValueError, OSError) as error:
        found.problem = getattr(error, "strerror", None) or str(error)
        return found, {}, None
    lesson = published(handed_in, path)
    if lesson is None:
        found.problem = "this is a copy of no lesson of the course, as far as its name tells"
        return found, handed_in, None
    found.lesson = lesson.path.stem
    found.states = dict.fromkeys(checks_of(read(lesson.path)), "not reached")
    return found, handed_in, lesson


async def _run(
    runner: Runner, found: Grade, handed_in: dict[str, Any], lesson: Lesson, timeout: float
) -> None:
    from lab.lessons import kernels

    begun = time.monotonic()
    clean = read(lesson.path)
    checks = _checks_by_cell(clean)
    results: dict[str, tuple[str, str]] = {}
    found.problem = INTERRUPTED
    try:
        ready = restored(handed_in, clean)
        found.problem = await kernels.run(ready, lesson.path.parent, timeout, checks, results)
    except Exception as error:  # whatever a kernel may come to, the class goes on
        found.problem = f"{type(error).__name__}: {error}".splitlines()[0]
    finally:
        if runner.interrupted:  # a kernel that we have ended looks like one that died
            found.problem = INTERRUPTED
        found.seconds = round(time.monotonic() - begun, 1)
        for name in found.states.keys() & results.keys():
            found.states[name], found.messages[name] = results[name]


def mark_all(
    paths: Iterable[Path],
    timeout: float = 120.0,
    processes: int = 2,
    progress: Callable[[int], None] | None = None,
    marks: list[Grade] | None = None,
) -> list[Grade]:
    """The marks of several notebooks, in their order; some kernels run side by side.

    ``marks``: a list in which they are from the beginning, and in which KeyboardInterrupt leaves
    what was found until then.
    """
    from lab.lessons import kernels

    looked = [looked_at(path) for path in paths]
    marks = [] if marks is None else marks
    marks.extend(found for found, _, _ in looked)
    for found, _, lesson in looked:
        found.problem = found.problem if lesson is None else INTERRUPTED
    runner = kernels.Runner(processes)
    work = [
        partial(_run, runner, found, handed_in, lesson, timeout)
        for found, handed_in, lesson in looked
        if lesson is not None
    ]
    if work:
        runner.each(work, progress)
    return marks


def notebooks_in(paths: Iterable[Path]) -> Iterator[Path]:
    """The files that are meant: of a folder, every notebook in it and below, by name."""
    for path in paths:
        if path.is_dir():
            below = sorted(path.rglob("*.ipynb"))
            yield from (
                one
                for one in below
                if not any(part[0] == "." for part in one.parts if part != "..")
            )
        else:
            yield path


def columns(marks: Iterable[Grade]) -> list[str]:
    """The names of all checks that marks have, in the order of the lessons."""
    return list(dict.fromkeys(name for one in marks for name in one.states))


def as_csv(marks: list[Grade]) -> str:
    """A row a notebook: file, lesson, checks passed and their number, score from 0 to 100, checks.

    Where a lesson has no check of that name, its column is empty.
    """
    out = io.StringIO()
    names = columns(marks)
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(
        ["notebook", "lesson", "passed", "checks", "score", "seconds", "problem", *names]
    )
    for one in marks:
        row = [
            one.name,
            one.lesson,
            one.passed,
            len(one.states),
            score(one),
            one.seconds,
            one.problem,
        ]
        writer.writerow([*row, *(one.states.get(name, "") for name in names)])
    return out.getvalue()


def score(one: Grade) -> int:
    """The share of the checks that passed, from 0 to 100."""
    return round(100 * one.passed / len(one.states)) if one.states else 0
