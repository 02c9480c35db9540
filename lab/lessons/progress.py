"""What a learner has passed, as the saved notebooks say it, and lessons as they were published.

A check prints its result below its cell, and Jupyter saves that with the notebook. So the notebooks
in a learner's folder are the record of what was passed; nothing else is written anywhere.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from lab.lessons.course import Lesson, NoLessons, lessons, read
from lab.runtime import shipped

_RESULT: Final = re.compile(r"^([✓✗…→]) ([^:\n]+):", re.MULTILINE)


@dataclass(frozen=True)
class Progress:
    """How far a lesson is: how many of its exercises have passed, and how many there are."""

    lesson: Lesson
    passed: int
    exercises: int

    @property
    def is_done(self) -> bool:
        """Whether all exercises have passed."""
        return self.passed >= self.exercises > 0


def progress() -> list[Progress]:
    """Return how far each lesson is, in the notebooks of the working directory or above it."""
    return [_progress(lesson) for lesson in lessons()]


def following(all_lessons: list[Progress]) -> Progress | None:
    """Return where to go on: the first lesson that is not done, from the last one begun onwards.

    None if all are done.
    """
    left = [each for each in all_lessons if not each.is_done]
    begun = [each for each in left if each.passed]
    return begun[0] if begun else left[0] if left else None


def _progress(lesson: Lesson) -> Progress:
    cells = [cell for cell in read(lesson.path)["cells"] if isinstance(cell, dict)]
    signs: dict[str, str] = {}
    for cell in cells:
        for sign, name in _RESULT.findall("\n".join(map(_text, cell.get("outputs") or ()))):
            signs[name] = sign
    tags = [cell.get("metadata", {}).get("tags", ()) for cell in cells]
    exercises = sum("exercise" in each for each in tags)
    return Progress(lesson, min(sum(s == "✓" for s in signs.values()), exercises), exercises)


def _text(output: Any) -> str:
    """Return what an output of a cell says, as one text."""
    if not isinstance(output, dict):
        return ""
    text = output.get("text") or (output.get("data") or {}).get("text/plain") or ""
    return "".join(text) if isinstance(text, (str, list)) else ""


def reset(lesson: Lesson) -> Path:
    """Put a lesson back to its published form, and return the path of a copy of what was there.

    Raises NoLessons if the published form is not at hand, and OSError.
    """
    path = lesson.path
    clean = _published(path)
    number = 1
    while (kept := path.with_name(f"{path.stem}.mine-{number}.ipynb")).exists():
        number += 1
    kept.write_bytes(path.read_bytes())
    path.write_bytes(clean)
    return kept


def _published(path: Path) -> bytes:
    """Return the published form of a notebook: as it ships, or as the clone has it in git."""
    original = shipped.folder("notebooks") / path.name
    if original.is_file() and original.resolve() != path.resolve():
        return original.read_bytes()
    command = ["git", "-C", str(path.parent), "show", f"HEAD:./{path.name}"]
    try:
        return subprocess.run(command, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        raise NoLessons(
            f"{path} is the published lesson itself; work in a copy: lab lessons --copy"
        ) from None
