"""The course: which lessons there are, what each needs, and the map of them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text

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
        notebook = json.loads(path.read_text(encoding="utf-8-sig"))
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
    """The lessons in their order; raises NoLessons where there are none."""
    here = folder()
    paths = [path for path in sorted(here.glob("[0-9][0-9]-*.ipynb")) if path.stem != INDEX]
    if not paths:
        raise NoLessons(f"there are no lessons in {here}, only the map of the course")
    return [_lesson(path) for path in paths]


def lesson(wanted: str) -> Lesson:
    """The lesson of a number ("7") or of a name that begins so; raises NoLessons."""
    found = lessons()
    name = Path(wanted).name.removesuffix(".ipynb")
    for one in found:
        if name.isdecimal():
            if int(name) == one.number:
                return one
        elif name and any(stem.startswith(name) for stem in (one.path.stem, one.path.stem[3:])):
            return one
    numbers = f"; there are {found[0].number} to {found[-1].number}" if found else ""
    raise NoLessons(f"there is no lesson {wanted or 'without a name'}{numbers}")


def _lesson(path: Path) -> Lesson:
    notebook = read(path)
    said = notebook["metadata"].get("lab", {})
    title = re.sub(r"^# ", "", "".join(notebook["cells"][0]["source"]).partition("\n")[0])
    return Lesson(
        path, title, said.get("minutes", 40), tuple(said.get("needs", ())), said.get("about", "")
    )


def course_map(ax: Axes | None = None) -> Axes:
    """The lessons, with an arrow from each to those that build on it.

    Left to right as far as a lesson is from the first; where an arrow would only shorten a way of
    others, it is left out. A lesson that builds on one which is not there says so in its box.
    """
    import matplotlib.pyplot as plt

    found = {one.number: one for one in lessons()}
    columns: dict[int, int] = {}
    for number, one in found.items():
        columns[number] = max(
            (columns[need] + 1 for need in one.needs if need in columns), default=0
        )
    ways = _ways(found, columns)
    places = _places(columns, ways)
    if ax is None:
        _, ax = plt.subplots(figsize=(10.5, 5.2), layout="constrained")
    boxes = {
        number: ax.text(
            *places[number, number, x], f"{number}\n{_words(found[number], found)}",
            ha="center", va="center", fontsize=8.5, linespacing=1.25, zorder=3,
            bbox={"boxstyle": "round,pad=0.45", "fc": "#eef4fb", "ec": "#3b6ea5"},
        )
        for number, x in columns.items()
    }  # fmt: skip
    xs, ys = zip(*places.values(), strict=True)
    ax.set(xlim=(-0.6, max(xs) + 0.6), ylim=(min(ys) - 0.6, max(ys) + 0.6))
    ax.axis("off")
    ax.figure.draw_without_rendering()  # type: ignore[union-attr]  # the boxes have sizes now
    for way in ways:
        _arrow(ax, [places[stop] for stop in way], boxes[way[0][0]], boxes[way[-1][0]])
    return ax


_Stop = tuple[int, int, int]
"""Where the way from a lesson to another crosses a column; a lesson is a way to itself."""


def _ways(found: dict[int, Lesson], columns: dict[int, int]) -> list[list[_Stop]]:
    ways = []
    for number, one in found.items():
        for need in one.needs:
            if need in found and not any(need in _before(other, found) for other in one.needs):
                between = [(need, number, x) for x in range(columns[need] + 1, columns[number])]
                ends = [(end, end, columns[end]) for end in (need, number)]
                ways.append([ends[0], *between, ends[1]])
    return ways


def _before(number: int, found: dict[int, Lesson]) -> set[int]:
    """The lessons that one builds on, and those that they build on."""
    needs = {need for need in found[number].needs if need < number} if number in found else set()
    return needs.union(*(_before(need, found) for need in needs))


def _places(columns: dict[int, int], ways: list[list[_Stop]]) -> dict[_Stop, tuple[float, float]]:
    """Each stop in its column, near the height of those before it and after it."""
    beside: dict[_Stop, list[_Stop]] = {(number, number, x): [] for number, x in columns.items()}
    for way in ways:
        for one, other in pairwise(way):
            beside.setdefault(one, []).append(other)
            beside.setdefault(other, []).append(one)
    places: dict[_Stop, tuple[float, float]] = {}
    # from the left, where only those before have places, and then to and fro until it is settled
    last = max(columns.values())
    for x in [*range(last + 1), *[*range(last, -1, -1), *range(last + 1)] * 3]:
        heights = {
            stop: mean([places[one][1] for one in near if one in places] or [0])
            for stop, near in beside.items()
            if stop[2] == x
        }
        for row, stop in enumerate(sorted(heights, key=lambda stop: (-heights[stop], stop))):
            places[stop] = float(x), (len(heights) - 1) / 2 - row
    return places


def _words(one: Lesson, found: dict[int, Lesson]) -> str:
    missing = [f"\n(no lesson {need} here)" for need in one.needs if need not in found]
    return re.sub(r"(.{9,}?) ", r"\1\n", one.about) + "".join(missing)


def _arrow(ax: Axes, way: list[tuple[float, float]], start: Text, end: Text) -> None:
    """An arrow from the right of a box to the left of another, level where it passes a column."""
    right, left = _sides(ax, start)[1], _sides(ax, end)[0]
    passed = [(x + off, y) for x, y in way[1:-1] for off in (-0.3, 0.3)]
    *before, last = [(right, way[0][1]), *passed]
    ax.plot(*zip(*before, last, strict=True), color="#8a8a8a", lw=1, zorder=1)
    look = {"arrowstyle": "-|>", "color": "#8a8a8a", "lw": 1, "shrinkA": 0, "shrinkB": 1}
    ax.annotate("", xy=(left, way[-1][1]), xytext=last, arrowprops=look, zorder=1)


def _sides(ax: Axes, text: Text) -> tuple[float, float]:
    """Where the box around a text begins and ends."""
    box = text.get_bbox_patch()
    assert box is not None
    extent = box.get_window_extent().transformed(ax.transData.inverted())
    return extent.x0, extent.x1
