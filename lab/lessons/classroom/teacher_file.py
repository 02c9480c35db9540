"""What only the teacher has of a release: the seed, the notebooks with answers, the roster."""

from __future__ import annotations

import ast
import json
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lab.lessons import course, exercises
from lab.lessons.classroom.roster import Student
from lab.lessons.clean import clean
from lab.lessons.grading import Assignment, topologies_of
from lab.lessons.released import released
from lab.lessons.tasks import calls, code_cells, is_exercise, parsed, text_of

ENDING = ".teacher.json"


@dataclass
class Release:
    """A release. ``notebooks`` are the teacher's, by name; ``late`` is what a day costs in %."""

    key: str
    seed: int
    notebooks: dict[str, dict[str, Any]]
    topologies: str = ""
    students: list[Student] = field(default_factory=list)
    due: str = ""
    late: float = 0.0

    def save(self, path: Path) -> None:
        """Write the file, which nobody but its owner may read: it has the answers."""
        path.touch(mode=0o600)
        path.chmod(0o600)  # one that was there may be readable to others
        path.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False), encoding="utf-8")

    def assignment(self, name: str, student: str) -> Assignment:
        """Return what a student's copy of a notebook is marked against."""
        source = self.notebooks[name]
        seed = exercises.seed_of(self.seed, student)
        specs = list(specifications(source))
        files: dict[str, str] = {}
        for exercise, network, fault in specs:
            files |= exercises.material(exercise, network, fault, seed).files(exercise)
        folder = Path(self.topologies) if self.topologies else None
        return Assignment(
            (self.key, name, student if specs else ""),
            source,
            released(source, replaced(specs)),
            folder if folder and folder.is_dir() else topologies_of(course.folder() / "x"),
            files,
            f"from lab.lessons import exercises\nexercises.use({seed})" if specs else "",
        )


def load(path: Path) -> Release:
    """Return the release of a file; raises ValueError."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        students = [Student(**each) for each in content.pop("students")]
        return Release(students=students, **content)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise ValueError(f"{path}: not a file that lab class release has left") from None


def new_release(notebooks: dict[str, dict[str, Any]], **options: Any) -> Release:
    """Return a release of notebooks with a key of its own."""
    return Release(secrets.token_hex(4), notebooks=notebooks, **options)


def specifications(notebook: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Yield the name, network and faults of each ``lessons.exercise``; raises ExerciseError.

    They are read without running the notebook, so they must be written out in the call.
    """
    for cell in code_cells(notebook):
        tree = parsed(text_of(cell))
        for call in calls(tree) if tree is not None else ():
            if is_exercise(call):
                yield _specification(call)


def _specification(call: ast.Call) -> tuple[str, Any, Any]:
    options = {keyword.arg: keyword.value for keyword in call.keywords}
    try:
        name = ast.literal_eval(call.args[0] if call.args else options["name"])
        network = ast.literal_eval(options["network"])
        fault = ast.literal_eval(options["fault"]) if "fault" in options else ()
    except (ValueError, KeyError, IndexError):
        raise exercises.ExerciseError(
            "in lessons.exercise(NAME, network=..., fault=...) these three must be written out: "
            "texts, numbers, lists and dictionaries, no names of variables"
        ) from None
    return str(name), network, fault


def replaced(specs: list[tuple[str, Any, Any]]) -> dict[str, dict[str, Any]]:
    """Return the arguments that students get in place of the teacher's."""
    tables: dict[str, dict[str, Any]] = {}
    for name, _, fault in specs:
        stem = exercises.slug(name)
        tables[name] = {"network": f"{stem}.toml"}
        if fault:
            tables[name]["observed"] = f"{stem}.csv"
    return tables


def read_notebook(path: Path) -> dict[str, Any]:
    """Return a teacher's notebook with stable ids, or one of a TOML file; raises ValueError."""
    if path.suffix == ".toml":
        from lab.lessons.classroom.from_toml import notebook_of

        return notebook_of(path)
    notebook = course.read(path)
    for cell in notebook["cells"]:
        cell.setdefault("metadata", {})
    notebook.setdefault("metadata", {})
    return clean(notebook)


def find(wanted: Path | None, near: list[Path], keys: set[str]) -> Release | None:
    """Return the release of the file that is asked for, or of one nearby with one of these keys."""
    if wanted is not None:
        return load(wanted)
    folders = dict.fromkeys([Path.cwd(), *near, *(each.resolve().parent for each in near)])
    for folder in folders:
        for path in sorted(folder.glob(f"*{ENDING}")):
            release = load(path)
            if release.key in keys:
                return release
    return None
