"""What students get: notebooks without answers, and each student's own networks beside them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from lab.lessons import exercises
from lab.lessons.classroom.roster import Student
from lab.lessons.classroom.teacher_file import ENDING, Release, replaced, specifications
from lab.lessons.clean import written
from lab.lessons.released import released
from lab.lessons.tasks import code_cells, gaps, has_tag, tasks, text_of


def problems(name: str, notebook: dict[str, Any]) -> list[str]:
    """Return why a notebook cannot be released: what would give an answer away, or has no check."""
    sentences = []
    for cell in code_cells(notebook):
        if has_tag(cell, "exercise") and not gaps(text_of(cell)):
            sentences.append(
                f"{name}: the cell {cell['id']!r} has no gap; write `answer = ...` in it"
            )
    if not tasks(notebook):
        sentences.append(
            f'{name}: it has no check, such as lessons.check("Exercise 1", answer, 250)'
        )
    return sentences


def write_release(
    release: Release, out: Path, progress: Callable[[int], None] | None = None
) -> list[Path]:
    """Write what students get into ``out``, and the teacher's file beside it; return the files.

    With students, each has a folder. Raises OSError, ExerciseError.
    """
    out.mkdir(parents=True, exist_ok=True)
    files: list[Path] = []
    for done, student in enumerate(release.students or [Student("")], 1):
        folder = out / student.name
        folder.mkdir(exist_ok=True)
        files += _of_student(release, student, folder)
        if progress is not None:
            progress(done)
    release.save(teacher_file(out))
    return files


def teacher_file(out: Path) -> Path:
    """Return where the teacher's file of a release is: beside the folder."""
    whole = out.resolve()
    return whole.with_name(f"{whole.name}{ENDING}")


def _of_student(release: Release, student: Student, folder: Path) -> list[Path]:
    made = []
    seed = exercises.seed_of(release.seed, student.name)
    for name, source in release.notebooks.items():
        specs = list(specifications(source))
        notebook = released(source, replaced(specs))
        own = {"lesson": name, "release": release.key, "student": student.name}
        known = {key: value for key, value in notebook["metadata"].get("lab", {}).items()
                 if key in ("minutes", "needs", "about")}  # fmt: skip
        notebook["metadata"]["lab"] = {**known, **own}
        made.append(folder / f"{name}.ipynb")
        made[-1].write_text(written(notebook), encoding="utf-8")
        for exercise, network, fault in specs:
            texts = exercises.material(exercise, network, fault, seed).files(exercise)
            for file, text in texts.items():
                made.append(folder / file)
                made[-1].write_text(text, encoding="utf-8")
    return made
