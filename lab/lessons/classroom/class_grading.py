"""Grades a class: what is not in the journal yet, several at a time; then writes what it found."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from lab.lessons.classroom.feedback import feedback
from lab.lessons.classroom.gradebook import (
    ExerciseMark,
    Row,
    as_csv,
    as_matrix,
    for_canvas,
    for_moodle,
)
from lab.lessons.classroom.roster import Student
from lab.lessons.classroom.submissions import Submission
from lab.lessons.crew import Crew, Job, Marked
from lab.lessons.grading import HandedIn, judge_submission
from lab.lessons.marking import Marks, Timing
from lab.lessons.tasks import tasks
from lab.runtime.whole_files import whole_file

JOURNAL = "journal.jsonl"


class ClassGrading:
    """The grading of a class in a folder, which goes on from its journal."""

    def __init__(
        self,
        out: Path,
        timing: Timing,
        processes: int,
        late: float = 0.0,
        scheduler: str | None = None,
    ) -> None:
        self.out, self.timing, self.processes, self.late = out, timing, processes, late
        self.scheduler = scheduler
        self.rows: dict[str, Row] = {}
        self.pictures: dict[tuple[str, str], str] = {}

    def known(self) -> dict[tuple[str, str], Row]:
        """Return the rows of the journal by file and digest; lines that cannot be read are left."""
        row_of: dict[tuple[str, str], Row] = {}
        path = self.out / JOURNAL
        for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
            try:
                entry = json.loads(line)
                row = entry["row"]
                marks = [ExerciseMark(**each) for each in row.pop("marks")]
                row_of[entry["file"], entry["digest"]] = Row(**row, marks=marks)
                for key, picture in entry.get("pictures", []):
                    self.pictures[tuple(key)] = picture
            except (ValueError, KeyError, TypeError):
                continue  # the last line of a grading that was killed
        return row_of

    def run(
        self, submissions: list[Submission], again: bool, progress: Callable[[int], None] | None
    ) -> int:
        """Grade what is not graded yet; return how many were.

        Raises KeyboardInterrupt, and WorkersError if the workers of a scheduler are lost.
        """
        self.out.mkdir(parents=True, exist_ok=True)
        known = {} if again else self.known()
        jobs: list[Job] = []
        for each in submissions:
            if each.problem or each.assignment is None:
                problem = "; ".join([each.problem, *each.notes])
                self.rows[each.file] = Row(each.student, each.file, each.lesson, [], problem)
            elif (row := known.get((each.file, each.digest))) is not None:
                self.rows[each.file] = row
            else:
                self.rows[each.file] = self._empty(each)
                handed_in = HandedIn(each.assignment, each.notebook, self.timing)
                jobs.append(Job(each.assignment.key, handed_in, partial(self._record, each)))
        Crew(self.processes, self.scheduler).run_all(judge_submission, jobs, progress)
        return len(jobs)

    def _empty(self, each: Submission) -> Row:
        assert each.assignment is not None
        marks = [
            ExerciseMark(task.name, task.points, is_hidden=task.is_hidden, hints=task.hints)
            for task in tasks(each.assignment.source)
        ]
        why = "not graded yet"
        return Row(each.student, each.file, each.lesson, marks, why, is_graded=False)

    def _record(self, each: Submission, marked: Marked) -> None:
        """Keep what marking a submission gave, unless it was interrupted.

        What failed on our side is not in the journal, so the next grading tries it again.
        """
        if marked.is_interrupted:
            return
        row, marks = self._empty(each), marked.marks
        if not marked.is_whole:
            row.problem = f"not graded, for {marks.problems[-1]}: run the same command again"
            self.rows[each.file] = row
            return
        row.is_graded = True
        for mark in row.marks:
            if (verdict := marks.verdicts.get(mark.name)) is not None:
                mark.state, mark.message = verdict.state, verdict.message
                mark.credit, mark.answer = verdict.credit, verdict.answer
                mark.picture = verdict.picture
        days = each.days_late()
        if days:
            each.notes.append(f"handed in {_ago(days)} late")
            row.penalty = min(1.0, self.late / 100 * -(-days // 1))
        row.problem = "; ".join([*each.notes, *marks.problems])
        self._keep(each, row, marks)

    def _keep(self, each: Submission, row: Row, marks: Marks) -> None:
        pictures = [[[row.lesson, name], picture] for name, picture in marks.pictures.items()]
        self.rows[each.file] = row
        new = [item for item in pictures if tuple(item[0]) not in self.pictures]
        self.pictures |= {tuple(key): picture for key, picture in new}  # type: ignore[misc]
        entry = {"file": each.file, "digest": each.digest, "row": asdict(row), "pictures": new}
        with (self.out / JOURNAL).open("a", encoding="utf-8") as journal:
            journal.write(json.dumps(entry) + "\n")

    def write(self, students: list[Student], title: str) -> list[Row]:
        """Write the tables, class.html and the pages; return the rows in order."""
        order = {student.name: number for number, student in enumerate(students)}
        graded = {row.student for row in self.rows.values()}
        missing = [Row(each.name, "", problem="nothing was handed in")
                   for each in students if each.name not in graded]  # fmt: skip
        rows = sorted(
            [*self.rows.values(), *missing],
            key=lambda row: (order.get(row.student, len(order)), row.student, row.file),
        )
        pages = {"grades.csv": as_csv(rows), "class.html": as_matrix(rows, title)}
        columns = {
            each.name: {"name": each.full_name, "email": each.email, **each.columns}
            for each in students
        }
        pages |= {"canvas.csv": for_canvas(rows, columns), "moodle.csv": for_moodle(rows, columns)}
        by_student: dict[str, list[Row]] = {}
        for row in rows:
            by_student.setdefault(row.student, []).append(row)
        (self.out / "feedback").mkdir(exist_ok=True)
        for student, own in by_student.items():
            pages[f"feedback/{file_name(student)}.html"] = feedback(student, own, self.pictures)
        for name, text in pages.items():
            with whole_file(self.out / name) as path:
                path.write_text(text, encoding="utf-8", newline="")
        return rows


def file_name(student: str) -> str:
    """Return a student's name as the name of a file."""
    return re.sub(r"[^\w.@+ -]+", "-", student).strip(". ")[:80] or "student"


def _ago(days: float) -> str:
    return f"{days * 24:.0f} h" if days < 2 else f"{days:.0f} days"


def title_of(submissions: list[Submission]) -> Any:
    """Return what a class was graded in."""
    names = sorted({each.lesson for each in submissions if each.lesson})
    return ", ".join(names) or "Class"
