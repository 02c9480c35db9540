"""Grade lessons that were handed in, each in a box of its own, by the published lessons.

A student may have changed any cell. The answers are taken out of the box as data, and judged by
another process, from the published lesson: the checks in the notebook that was handed in are
ignored. Cells are recognised by their ids or, if an editor has removed these, by their text. Cells
that the student added are run too, because an answer may need them. A cell that raises, does not
end or kills its process does not stop the others.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Final

from lab.lessons.course import Lesson, lessons, read
from lab.lessons.crew import Crew, Job, Marked, Worker
from lab.lessons.handed_in import restored, steps, valid_cells
from lab.lessons.marking import Marking, Marks, Timing, Verdict
from lab.lessons.tasks import tasks, text_of
from lab.runtime import shipped
from lab.runtime.escaping import csv_cell

__all__ = ["Grade", "grade", "grade_all", "restored"]

INTERRUPTED: Final = "interrupted before it had finished"


@dataclass
class Grade:
    """The results of the checks of one handed-in notebook.

    ``states`` and ``messages`` are those of each check, by its name, ``credits`` from 0 to 1, and
    ``answers`` what was handed in; ``problem`` is a sentence if some cell could not be run.
    """

    name: str
    lesson: str = ""
    states: dict[str, str] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)
    credits: dict[str, float] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    problem: str = ""

    @property
    def passed(self) -> int:
        """The number of checks that passed."""
        return sum(state == "passed" for state in self.states.values())


def checks_of(notebook: dict[str, Any]) -> list[str]:
    """Return the names of the checks of a notebook, in order."""
    return [task.name for task in tasks(notebook)]


def published(notebook: dict[str, Any], path: Path) -> Lesson | None:
    """Find the lesson that a notebook is a copy of, by its metadata, its name or its title."""
    metadata = notebook.get("metadata")
    own = metadata.get("lab") if isinstance(metadata, dict) else None
    stem = own.get("lesson") if isinstance(own, dict) else None
    headings = {text_of(cell).partition("\n")[0].strip() for cell in valid_cells(notebook)}
    known = lessons()
    return next(
        chain(
            (lesson for lesson in known if lesson.path.stem == stem),
            (lesson for lesson in known if lesson.path.stem in path.stem),
            (lesson for lesson in known if f"# {lesson.title}" in headings),
        ),
        None,
    )


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


@dataclass(frozen=True)
class Assignment:
    """What a submission is marked against.

    ``source`` is the teacher's notebook, ``released`` what students got; ``files`` are those beside
    it, and ``before`` is run before the notebook, on the teacher's side alone.
    """

    key: object
    source: dict[str, Any]
    released: dict[str, Any]
    topologies: Path | None = None
    files: dict[str, str] = field(default_factory=dict)
    before: str = ""


def of_lesson(lesson: Lesson) -> Assignment:
    """Return what copies of a lesson are marked against."""
    from lab.lessons.released import released

    source = read(lesson.path)
    return Assignment(lesson.path.stem, source, released(source), topologies_of(lesson.path))


def topologies_of(path: Path) -> Path | None:
    """Return the folder of topologies beside a lesson, or that which ships with the lab."""
    beside = (path.parent.parent / "topologies").resolve()
    folder = beside if beside.is_dir() else shipped.folder("topologies")
    return folder if folder.is_dir() else None


@dataclass(frozen=True)
class HandedIn:
    """A notebook that was handed in, and what it is marked against."""

    assignment: Assignment
    notebook: dict[str, Any]
    timing: Timing


def judge_submission(worker: Worker, submission: HandedIn, marks: Marks) -> None:
    """Judge a submission: ``marks`` gets its verdicts one by one; raises JudgeFault, BoxFault."""
    assignment, timing = submission.assignment, submission.timing
    topologies = _topologies_here(assignment.topologies)
    judge = worker.judge(topologies)
    judge.open(assignment.key, assignment.source, assignment.files, assignment.before, timing.cell)
    made = steps(submission.notebook, assignment.source, assignment.released)
    for task in tasks(assignment.source):
        marks.verdicts[task.name] = Verdict("not reached")
        marks.pictures[task.name] = judge.pictures.get(str(task.start), "")
    marking = Marking(made, judge, timing, marks)
    is_over = False
    while not is_over:
        with worker.box("lab.lessons.sandbox.student", topologies) as box:
            is_over = marking.go(box, assignment.files)


def _topologies_here(folder: Path | None) -> Path | None:
    """Return a folder of topologies; that which ships where a cluster's worker has none there."""
    if folder is None or folder.is_dir():
        return folder
    shipping = shipped.folder("topologies")
    return shipping if shipping.is_dir() else None


def _record(grade: Grade, marked: Marked) -> None:
    """Write what marking a notebook gave into its grade."""
    marks = marked.marks
    # a box that was ended looks like one that died
    grade.problem = INTERRUPTED if marked.is_interrupted else "; ".join(marks.problems)
    grade.seconds = marked.seconds
    for name in grade.states.keys() & marks.verdicts.keys():
        verdict = marks.verdicts[name]
        grade.states[name], grade.messages[name] = verdict.state, verdict.message
        grade.credits[name], grade.answers[name] = verdict.credit, verdict.answer


def grade_all(
    paths: Iterable[Path],
    timeout: float = 120.0,
    processes: int = 2,
    progress: Callable[[int], None] | None = None,
    grades: list[Grade] | None = None,
    cell_timeout: float = 20.0,
    scheduler: str | None = None,
) -> list[Grade]:
    """Grade several notebooks, several at a time; return the grades in the order of ``paths``.

    ``processes`` is the number of submissions that run at the same time. ``grades`` is a list to
    which the grades are added before the first notebook is run; after a KeyboardInterrupt it has
    the results until then. ``scheduler`` is the address of a Dask scheduler whose workers grade
    them; raises WorkersError if it cannot be reached or is gone.
    """
    examined = [examine(path) for path in paths]
    grades = [] if grades is None else grades
    grades.extend(grade for grade, _, _ in examined)
    for grade, _, lesson in examined:
        grade.problem = grade.problem if lesson is None else INTERRUPTED
    lesson_of = {lesson.path: lesson for _, _, lesson in examined if lesson is not None}
    assignments = {path: of_lesson(lesson) for path, lesson in lesson_of.items()}
    timing = Timing(min(cell_timeout, timeout), timeout)
    jobs = [
        Job(
            assignments[lesson.path].key,
            HandedIn(assignments[lesson.path], handed_in, timing),
            partial(_record, grade),
        )
        for grade, handed_in, lesson in examined
        if lesson is not None
    ]
    Crew(processes, scheduler).run_all(judge_submission, jobs, progress)
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
