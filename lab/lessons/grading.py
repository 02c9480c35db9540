"""Grade lessons that were handed in, each in a kernel of its own, with the published checks.

A student may have changed any cell. Before the notebook is run, every cell that is not an answer
is restored to its published form, so that the checks are those of the course. Cells are recognised
by their ids or, if an editor has removed these, by their text. Cells that the student added are run
too, because an answer may need them. A cell that raises does not stop the others.

Grading helps a class; it is not proof against cheating. It runs the code that was handed in, and a
determined student can deceive the checks.
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

from lab.escaping import csv_cell
from lab.lessons.course import Lesson, lessons, read

if TYPE_CHECKING:
    from lab.lessons.kernels import Runner

_CHECK: Final = re.compile(r"lessons\.check\(\s*\"([^\"]+)\"")
_GAP: Final = re.compile(r"^(\w[\w, ]*) = .*\.\.\.", re.MULTILINE)
INTERRUPTED: Final = "interrupted before it had finished"


@dataclass
class Grade:
    """The results of the checks of one handed-in notebook.

    ``states`` and ``messages`` are those of each check, by its name; ``problem`` is a sentence if
    the notebook could not be run to its end.
    """

    name: str
    lesson: str = ""
    states: dict[str, str] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    problem: str = ""

    @property
    def passed(self) -> int:
        """The number of checks that passed."""
        return sum(state == "passed" for state in self.states.values())


def checks_of(notebook: dict[str, Any]) -> list[str]:
    """Return the names of the checks of a notebook, in order."""
    return list(
        dict.fromkeys(name for names in _checks_by_cell(notebook).values() for name in names)
    )


def _checks_by_cell(notebook: dict[str, Any]) -> dict[str, list[str]]:
    cells = (cell for cell in notebook["cells"] if cell["cell_type"] == "code")
    return {cell["id"]: _CHECK.findall(_text(cell)) for cell in cells}


def _text(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def published(notebook: dict[str, Any], path: Path) -> Lesson | None:
    """Find the lesson that a notebook is a copy of, by its metadata, its name or its title."""
    metadata = notebook.get("metadata")
    own = metadata.get("lab") if isinstance(metadata, dict) else None
    stem = own.get("lesson") if isinstance(own, dict) else None
    headings = {_text(cell).partition("\n")[0].strip() for cell in valid_cells(notebook)}
    known = lessons()
    return next(
        chain(
            (lesson for lesson in known if lesson.path.stem == stem),
            (lesson for lesson in known if lesson.path.stem in path.stem),
            (lesson for lesson in known if f"# {lesson.title}" in headings),
        ),
        None,
    )


def valid_cells(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the valid cells of a notebook, each with its text as one string."""
    cells = []
    for cell in notebook["cells"]:
        source = cell.get("source") if isinstance(cell, dict) else None
        lines = [source] if isinstance(source, str) else source
        if isinstance(lines, list) and all(isinstance(line, str) for line in lines):
            defaults: dict[str, Any] = {"metadata": {}, "outputs": [], "execution_count": None}
            kind = cell.get("cell_type", "raw")
            cells.append({**defaults, **cell, "source": "".join(lines), "cell_type": kind})
    return cells


def recognised(cells: list[dict[str, Any]], original: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the handed-in cells, and give published cells that lost their ids these ids again.

    A published cell is recognised by its text, and an answer by the names to which it assigns.
    """
    ids = {cell.get("id") for cell in cells}
    lost = [cell for cell in original["cells"] if cell["id"] not in ids]
    published_ids = {cell["id"] for cell in original["cells"]}
    cells = list(cells)
    for cell in lost:
        for number, candidate in enumerate(cells):
            if candidate.get("id") not in published_ids and _is_copy(candidate, cell):
                cells[number] = {**candidate, "id": cell["id"]}
                break
    return cells


def _is_copy(candidate: dict[str, Any], published: dict[str, Any]) -> bool:
    if _is_answer(published):
        gap = _GAP.search(_text(published))
        if gap is None or candidate["cell_type"] != "code":
            return False
        assignment = rf"^{re.escape(gap[1])}\s*=[^=]"
        return bool(re.search(assignment, _text(candidate), re.MULTILINE))
    return _text(published).split() == _text(candidate).split()


def restored(handed_in: dict[str, Any], original: dict[str, Any]) -> dict[str, Any]:
    """Return a handed-in notebook with everything but its answers as published, ready to run.

    A published cell that was removed is put back where it was.
    """
    own_cells = recognised(valid_cells(handed_in), original)
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


def grade(path: Path, timeout: float = 120.0) -> Grade:
    """Run a handed-in notebook in a kernel of its own, and return its grade.

    ``timeout`` is in seconds, for the whole notebook; the checks after it are "not reached".
    """
    return grade_all([path], timeout)[0]


def examine(path: Path) -> tuple[Grade, dict[str, Any], Lesson | None]:
    """Return the grade of a notebook before it is run, its content, and its lesson."""
    grade = Grade(str(path))
    try:
        handed_in = read(path)
    except (ValueError, OSError) as error:
        grade.problem = getattr(error, "strerror", None) or str(error)
        return grade, {}, None
    lesson = published(handed_in, path)
    if lesson is None:
        grade.problem = "this is not a copy of a lesson, judging by its name and title"
        return grade, handed_in, None
    grade.lesson = lesson.path.stem
    grade.states = dict.fromkeys(checks_of(read(lesson.path)), "not reached")
    return grade, handed_in, lesson


async def _run(
    runner: Runner, grade: Grade, handed_in: dict[str, Any], lesson: Lesson, timeout: float
) -> None:
    """Run a notebook, and write the results of its checks into ``grade``."""
    from lab.lessons import kernels

    begun = time.monotonic()
    clean = read(lesson.path)
    checks = _checks_by_cell(clean)
    results: dict[str, tuple[str, str]] = {}
    grade.problem = INTERRUPTED
    try:
        ready = restored(handed_in, clean)
        grade.problem = await kernels.run(ready, lesson.path.parent, timeout, checks, results)
    except Exception as error:  # whatever happens to a kernel, the other notebooks are graded
        grade.problem = f"{type(error).__name__}: {error}".splitlines()[0]
    finally:
        if runner.interrupted:  # a kernel that was stopped looks like one that died
            grade.problem = INTERRUPTED
        grade.seconds = round(time.monotonic() - begun, 1)
        for name in grade.states.keys() & results.keys():
            grade.states[name], grade.messages[name] = results[name]


def grade_all(
    paths: Iterable[Path],
    timeout: float = 120.0,
    processes: int = 2,
    progress: Callable[[int], None] | None = None,
    grades: list[Grade] | None = None,
) -> list[Grade]:
    """Grade several notebooks, several at a time; return the grades in the order of ``paths``.

    ``processes`` is the number of kernels that run at the same time. ``grades`` is a list to which
    the grades are added before the first notebook is run; after a KeyboardInterrupt it has the
    results until then.
    """
    from lab.lessons import kernels

    examined = [examine(path) for path in paths]
    grades = [] if grades is None else grades
    grades.extend(grade for grade, _, _ in examined)
    for grade, _, lesson in examined:
        grade.problem = grade.problem if lesson is None else INTERRUPTED
    runner = kernels.Runner(processes)
    tasks = [
        partial(_run, runner, grade, handed_in, lesson, timeout)
        for grade, handed_in, lesson in examined
        if lesson is not None
    ]
    if tasks:
        runner.run_all(tasks, progress)
    return grades


def notebooks_in(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield each file, and for a folder all notebooks in it and below, sorted by name.

    Files in folders whose names begin with a dot are left out.
    """
    for path in paths:
        if path.is_dir():
            for file in sorted(path.rglob("*.ipynb")):
                if not any(part[0] == "." for part in file.parts if part != ".."):
                    yield file
        else:
            yield path


def columns(grades: Iterable[Grade]) -> list[str]:
    """Return the names of all checks in some grades, in the order of the lessons."""
    return list(dict.fromkeys(name for grade in grades for name in grade.states))


def as_csv(grades: list[Grade]) -> str:
    """Return a table in CSV with a row for each notebook.

    Its columns are the file, the lesson, how many checks passed, the number of checks, the score
    from 0 to 100, the seconds, the problem, and the state of each check. The column of a check that
    a lesson does not have is empty.
    """
    out = io.StringIO()
    names = columns(grades)
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(
        [
            "notebook",
            "lesson",
            "passed",
            "checks",
            "score",
            "seconds",
            "problem",
            *map(csv_cell, names),
        ]
    )
    for grade in grades:
        row = [
            grade.name,
            grade.lesson,
            grade.passed,
            len(grade.states),
            score(grade),
            grade.seconds,
            grade.problem,
        ]
        states = (grade.states.get(name, "") for name in names)
        writer.writerow([csv_cell(cell) for cell in (*row, *states)])
    return out.getvalue()


def score(grade: Grade) -> int:
    """Return the share of the checks that passed, from 0 to 100."""
    return round(100 * grade.passed / len(grade.states)) if grade.states else 0
