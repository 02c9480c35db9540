"""Which student and which notebook a handed-in file is of."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from lab.lessons import course
from lab.lessons.classroom.roster import Student, read_date, simple
from lab.lessons.classroom.teacher_file import Release
from lab.lessons.grading import Assignment, notebooks_in, of_lesson, published
from lab.lessons.handed_in import valid_cells


@dataclass
class Submission:
    """A file that was handed in. ``problem`` says why it cannot be graded, or ""."""

    path: Path
    file: str
    student: str = ""
    lesson: str = ""
    assignment: Assignment | None = None
    notebook: dict[str, Any] = field(default_factory=dict)
    problem: str = ""
    notes: list[str] = field(default_factory=list)
    due: str = ""

    @property
    def digest(self) -> str:
        """The digest of the file and of what it is marked against."""
        source = self.assignment.source if self.assignment is not None else None
        before = self.assignment.before if self.assignment is not None else ""
        return hashlib.sha256(
            self.path.read_bytes() + f"{source}{before}{self.due}".encode()
        ).hexdigest()

    def days_late(self) -> float:
        """Return how many days after its due date it was written last; 0 if it was in time."""
        if not self.due:
            return 0.0
        written = datetime.fromtimestamp(self.path.stat().st_mtime).astimezone()
        return max(0.0, (written - read_date(self.due, self.file)).total_seconds() / 86400)


def keys_of(paths: Iterable[Path]) -> set[str]:
    """Return the keys of the releases that some notebooks say they are of."""
    keys = set()
    for path in paths:
        try:
            metadata = course.read(path).get("metadata")
        except (ValueError, OSError):
            continue
        own = metadata.get("lab") if isinstance(metadata, dict) else None
        if isinstance(own, dict) and isinstance(own.get("release"), str):
            keys.add(own["release"])
    return keys


def files_in(folder: Path) -> list[Path]:
    """Return the notebooks that were handed in, sorted."""
    return list(notebooks_in([folder]))


def submission(
    path: Path, top: Path, release: Release | None, lessons: dict[str, Assignment],
    students: list[Student],
) -> Submission:  # fmt: skip
    """Return what a file is. ``lessons`` keeps the assignments of the course that were made."""
    file = str(path.relative_to(top)) if path != top and top in path.parents else path.name
    made = Submission(path, file)
    try:
        made.notebook = course.read(path)
    except (ValueError, OSError) as error:
        reason = getattr(error, "strerror", None) or str(error).removeprefix(f"{path}: ")
        made.problem = str(reason)
    name = _notebook_name(made, release)
    made.student = _student(made, students, name)
    own = next((each for each in students if each.name == made.student), None)
    made.due = (own.due if own else "") or (release.due if release else "")
    if not made.problem:
        _assign(made, name, release, lessons)
    return made


def _notebook_name(made: Submission, release: Release | None) -> str:
    """Return the name of the released notebook that a file is a copy of, or ""."""
    names = list(release.notebooks) if release is not None else []
    metadata = made.notebook.get("metadata")
    own = metadata.get("lab") if isinstance(metadata, dict) else None
    lesson_named = own.get("lesson") if isinstance(own, dict) else None
    if lesson_named in names:
        return str(lesson_named)
    in_path = [name for name in names if name in made.path.stem]
    if in_path:
        return max(in_path, key=len)
    heads = {cell["source"].partition("\n")[0] for cell in _cells(made)}
    for name in names:
        assert release is not None
        first = "".join(release.notebooks[name]["cells"][0]["source"]).partition("\n")[0]
        if first in heads:
            return name
    return names[0] if len(names) == 1 and not made.notebook else ""


def _cells(made: Submission) -> list[dict[str, Any]]:
    return valid_cells(made.notebook) if made.notebook else []


def _student(made: Submission, students: list[Student], notebook: str) -> str:
    """Return whose a file is: by its folders and its name, or else by what it says itself."""
    parts = [Path(made.file).stem, *reversed(Path(made.file).parts[:-1])]
    words = [simple(part.replace(notebook, "") if notebook else part) for part in parts]
    metadata = made.notebook.get("metadata")
    own = metadata.get("lab") if isinstance(metadata, dict) else None
    student_named = own.get("student") if isinstance(own, dict) else None
    for word in words:
        exact = [each for each in students if word in each.words]
        inside = exact or [each for each in students if any(
            len(own_word) > 2 and own_word in word for own_word in each.words)]  # fmt: skip
        if inside:
            likely = max(
                inside, key=lambda each: max(len(w) for w in each.words if w in word or exact)
            )
            if isinstance(student_named, str) and student_named and student_named != likely.name:
                made.notes.append(f"it is the copy that was released to {student_named[:60]}")
            return likely.name
    if students:
        if isinstance(student_named, str) and any(each.name == student_named for each in students):
            return student_named
        made.notes.append("this student is not in the roster")
    folders = Path(made.file).parts[:-1]
    return folders[0] if folders else Path(made.file).stem


def _assign(
    made: Submission, name: str, release: Release | None, lessons: dict[str, Assignment]
) -> None:
    if name and release is not None:
        made.lesson, made.assignment = name, release.assignment(name, made.student)
        return
    lesson = published(made.notebook, made.path)
    if lesson is None:
        made.problem = (
            "this is not a copy of a lesson or of what was released, judging by its name and title"
        )
        return
    stem = lesson.path.stem
    if stem not in lessons:
        lessons[stem] = of_lesson(lesson)
    made.lesson, made.assignment = stem, lessons[stem]
