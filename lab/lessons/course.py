"""The course: which lessons there are, what each needs, and the map of them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INDEX: Final = "00-the-course"
"""The notebook that leads to the others."""


@dataclass(frozen=True)
class Lesson:
    """A notebook of the course: its number, title, minutes, and the lessons that it builds on."""

    path: Path
    title: str
    minutes: int
    needs: tuple[int, ...]
    about: str

    @property
    def number(self) -> int:
        """Its place in the course."""
        return int(self.path.stem[:2])


class NoLessons(LookupError):
    """There is no folder of lessons, or no such lesson in it; the message says so in a sentence."""


def folder() -> Path:
    """The folder of the lessons: here, above, or beside the package; raises NoLessons."""
    here = Path.cwd()
    for place in (here, *here.parents, Path(__file__).resolve().parents[2]):
        for found in (place / "notebooks", place):
            if (found / f"{INDEX}.ipynb").is_file():
                return found
    raise NoLessons(
        f"there are no lessons in {here} or above it; they are in notebooks/ of the repository: "
        "run this in a clone of it"
    )


def read(path: Path) -> dict[str, Any]:
    """A notebook as JSON; raises ValueError in a sentence where the file is none."""
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(notebook["cells"], list) or notebook["nbformat"] != 4:
            raise ValueError("its format is not that of version 4")
    except UnicodeDecodeError:
        raise ValueError(f"{path}: no notebook; it is no text") from None
    except (KeyError, TypeError, ValueError) as error:
        why = "it has no cells" if isinstance(error, (KeyError, TypeError)) else str(error)
        raise ValueError(f"{path}: no notebook ({why}); hand in the .ipynb file") from None
    found: dict[str, Any] = notebook
    return found


def lessons() -> list[Lesson]:
    """The lessons in their order."""
    paths = [path for path in sorted(folder().glob("[0-9][0-9]-*.ipynb")) if path.stem != INDEX]
    return [_lesson(path) for path in paths]


def lesson(wanted: str) -> Lesson:
    """The lesson of a number ("7") or of a name that begins so; raises NoLessons."""
    found = lessons()
    for one in found:
        if wanted.isdigit() and int(wanted) == one.number:
            return one
        if not wanted.isdigit() and one.path.stem[3:].startswith(wanted.removesuffix(".ipynb")):
            return one
    raise NoLessons(f"there is no lesson {wanted}; there are {found[0].number} to {len(found)}")


def _lesson(path: Path) -> Lesson:
    notebook = read(path)
    said = notebook["metadata"].get("lab", {})
    title = re.sub(r"^# ", "", "".join(notebook["cells"][0]["source"]).partition("\n")[0])
    return Lesson(
        path, title, said.get("minutes", 40), tuple(said.get("needs", ())), said.get("about", "")
    )


def course_map(ax: Axes | None = None) -> Axes:
    """The lessons, with an arrow from each to those that build on it.

    Left to right as far as a lesson is from the first.
    """
    import matplotlib.pyplot as plt

    found = {one.number: one for one in lessons()}
    depth: dict[int, int] = {}
    for number, one in found.items():
        depth[number] = max((depth[need] + 1 for need in one.needs if need in depth), default=0)
    places = _places(found, depth)
    if ax is None:
        _, ax = plt.subplots(figsize=(10.5, 5.2), layout="constrained")
    for number, one in found.items():
        x, y = places[number]
        for need in one.needs:
            _arrow(ax, places[need], (x, y))
        words = re.sub(r"(.{9,}?) ", r"\1\n", one.about)
        ax.text(
            x, y, f"{number}\n{words}", ha="center", va="center", fontsize=8.5, linespacing=1.25,
            bbox={"boxstyle": "round,pad=0.45", "fc": "#eef4fb", "ec": "#3b6ea5"},
        )  # fmt: skip
    ax.set_xlim(-0.6, max(depth.values()) + 0.6)
    low, high = min(y for _, y in places.values()), max(y for _, y in places.values())
    ax.set_ylim(low - 0.6, high + 0.6)
    ax.axis("off")
    return ax


def _places(found: dict[int, Lesson], depth: dict[int, int]) -> dict[int, tuple[float, float]]:
    columns: dict[int, list[int]] = {}
    for number in found:
        columns.setdefault(depth[number], []).append(number)
    return {
        number: (float(x), (len(column) - 1) / 2 - row)
        for x, column in columns.items()
        for row, number in enumerate(column)
    }


def _arrow(ax: Axes, a: tuple[float, float], b: tuple[float, float]) -> None:
    ax.annotate(
        "", xy=(b[0] - 0.36, b[1]), xytext=(a[0] + 0.36, a[1]),
        arrowprops={"arrowstyle": "-|>", "color": "#8a8a8a", "connectionstyle": "arc3,rad=0.06"},
    )  # fmt: skip
