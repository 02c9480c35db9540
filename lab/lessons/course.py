"""The course: which lessons there are, what each needs, and the map of them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, Any, Final

from lab.api.examples import copy_folder
from lab.runtime import shipped
from lab.runtime.extras import is_installed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text

INDEX: Final = "00-the-course"
"""The name of the notebook that leads to the others."""

OWN: Final = "smtp-lab"
"""The name of the folder that a copy of the lessons is put into, unless another one is named."""


@dataclass(frozen=True)
class Lesson:
    """A notebook of the course.

    ``minutes`` is how long it takes, ``needs`` are the numbers of the lessons that it builds on,
    and ``about`` is its subject in a few words.
    """

    path: Path
    title: str
    minutes: int
    needs: tuple[int, ...]
    about: str

    @property
    def number(self) -> int:
        """Its number in the course."""
        return int(self.path.stem[:2])


class NoLessons(LookupError):
    """Raised when there is no folder of lessons, or no such lesson in it."""


def folder() -> Path:
    """Return the folder of the lessons; raises NoLessons.

    It is searched for in the working directory and above it. If they are not there, they are
    those that ship with the lab.
    """
    notebooks = here() or shipped.folder("notebooks")
    if not (notebooks / f"{INDEX}.ipynb").is_file():
        raise NoLessons(f"there are no lessons in {Path.cwd()}, above it, or in this installation")
    return notebooks


def here() -> Path | None:
    """Return the folder of the lessons in the working directory or above it, if there is one."""
    current = Path.cwd()
    for parent in (current, *current.parents):
        for candidate in (parent / "notebooks", parent / OWN / "notebooks", parent):
            if (candidate / f"{INDEX}.ipynb").is_file():
                return candidate
    return None


def make_own_copy(target: Path | None = None) -> tuple[Path, int]:
    """Copy the lessons, and the topologies beside them, for somebody to work in.

    Return the folder of the notebooks and the number of new files. Files that are there are left
    alone. Without ``target``, it is :data:`OWN` in the working directory; if that cannot be written
    to, in the home directory; if neither can, in a new temporary folder. Raises OSError.
    """
    for place in [target] if target else [Path(OWN), _home() / OWN]:
        try:
            return place / "notebooks", _copy(place)
        except OSError:
            if target:
                raise
    from tempfile import mkdtemp

    place = Path(mkdtemp(prefix=f"{OWN}-"))
    return place / "notebooks", _copy(place)


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:  # nobody's
        return Path()


def _copy(place: Path) -> int:
    return sum(
        copy_folder(shipped.folder(name), place / name) for name in ("topologies", "notebooks")
    )


def read(path: Path) -> dict[str, Any]:
    """Read a notebook as JSON; raises ValueError if the file is not a notebook."""
    try:
        notebook: dict[str, Any] = json.loads(path.read_text(encoding="utf-8-sig"))
        if not isinstance(notebook["cells"], list) or notebook["nbformat"] != 4:
            raise ValueError("it is not in format version 4")
    except UnicodeDecodeError:
        raise ValueError(f"{path}: not a notebook; it is not text") from None
    except RecursionError:
        raise ValueError(f"{path}: not a notebook; lists within lists without end") from None
    except (KeyError, TypeError, ValueError) as error:
        why = "it has no cells" if isinstance(error, (KeyError, TypeError)) else str(error)
        raise ValueError(f"{path}: not a notebook ({why}); hand in the .ipynb file") from None
    return notebook


def lessons(notebooks: Path | None = None) -> list[Lesson]:
    """Return the lessons of a folder (by default :func:`folder`) in order.

    Raises NoLessons if there are none.
    """
    notebooks = folder() if notebooks is None else notebooks
    paths = [
        path
        for path in sorted(notebooks.glob("[0-9][0-9]-*.ipynb"))
        if path.stem != INDEX and ".mine-" not in path.stem
    ]
    if not paths:
        raise NoLessons(f"there are no lessons in {notebooks}, only the map of the course")
    return [_lesson(path) for path in paths]


def lesson(wanted: str) -> Lesson:
    """Return a lesson by its number ("7") or the beginning of its name; raises NoLessons."""
    course = lessons()
    name = Path(wanted).name.removesuffix(".ipynb")
    for candidate in course:
        stem = candidate.path.stem
        if name.isdecimal():
            if int(name) == candidate.number:
                return candidate
        elif name and (stem.startswith(name) or stem[3:].startswith(name)):
            return candidate
    numbers = f"; there are {course[0].number} to {course[-1].number}" if course else ""
    raise NoLessons(f"there is no lesson {wanted or 'without a name'}{numbers}")


def _lesson(path: Path) -> Lesson:
    notebook = read(path)
    metadata = notebook["metadata"].get("lab", {})
    title = re.sub(r"^# ", "", "".join(notebook["cells"][0]["source"]).partition("\n")[0])
    return Lesson(
        path,
        title,
        metadata.get("minutes", 40),
        tuple(metadata.get("needs", ())),
        metadata.get("about", ""),
    )


def course_map(ax: Axes | None = None, notebooks: Path | None = None) -> Axes:
    """Draw the lessons of a folder, with an arrow from each to those that build on it.

    The column of a lesson is its distance from the first. An arrow is left out if other arrows lead
    to the same lesson in more steps. If a lesson that another one builds on is missing, the box of
    the latter says so.
    """
    course = {lesson.number: lesson for lesson in lessons(notebooks)}
    columns: dict[int, int] = {}
    for number, lesson in course.items():
        columns[number] = max(
            (columns[need] + 1 for need in lesson.needs if need in columns), default=0
        )
    routes = _routes(course, columns)
    positions = _positions(columns, routes)
    if ax is None and not is_installed("matplotlib"):
        instead: Any = _plain_map(course, routes, positions)
        drawn: Axes = instead
        return drawn
    import matplotlib.pyplot as plt

    from lab.views.pictures.plot_style import colour

    if ax is None:
        _, ax = plt.subplots(figsize=(10.5, 5.2), layout="constrained")
    boxes = {
        number: ax.text(
            *positions[number, number, x], f"{number}\n{_box_text(course[number], course)}",
            ha="center", va="center", fontsize=8.5, linespacing=1.25, zorder=3,
            bbox={"boxstyle": "round,pad=0.45", "fc": colour("panel"), "ec": colour("command")},
        )
        for number, x in columns.items()
    }  # fmt: skip
    xs, ys = zip(*positions.values(), strict=True)
    ax.set(xlim=(-0.6, max(xs) + 0.6), ylim=(min(ys) - 0.6, max(ys) + 0.6))
    ax.axis("off")
    ax.figure.draw_without_rendering()  # type: ignore[union-attr]  # the boxes have sizes now
    for route in routes:
        _arrow(ax, [positions[stop] for stop in route], boxes[route[0][0]], boxes[route[-1][0]])
    return ax


def _plain_map(
    course: dict[int, Lesson],
    routes: list[list[_Stop]],
    positions: dict[_Stop, tuple[float, float]],
) -> object:
    """Show the map where matplotlib is not installed."""
    from lab.views.plain.drawing import Drawing
    from lab.views.plain.shown import show

    xs, ys = zip(*positions.values(), strict=True)
    top, wide, high = max(ys), 150.0, 74.0
    size = wide * (max(xs) + 1), high * (top - min(ys) + 1.4)
    drawing = Drawing(*size, "Map of the course")

    def at(stop: _Stop, aside: float = 0) -> tuple[float, float]:
        x, y = positions[stop]
        return wide * (x + 0.5) + aside, high * (top - y + 0.7)

    for route in routes:
        *before, last = [at(route[0], 50), *map(at, route[1:-1]), at(route[-1], -54)]
        drawing.line(*before, last)
        drawing.arrow(before[-1], last, "line", 1.0)
    for number, lesson in course.items():
        x, y = at(next(stop for stop in positions if stop[:2] == (number, number)))
        drawing.box(x - 54, y - 26, 108, 52, "panel", "command")
        lines = [str(number), *_box_text(lesson, course).split("\n")]
        for row, words in enumerate(lines):
            height = y + 4 + 15 * (row - (len(lines) - 1) / 2)
            drawing.text(x, height, words, size=11, anchor="middle", is_bold=row == 0)
    return show(drawing, "Map of the course. The table above says what each lesson builds on.")


_Stop = tuple[int, int, int]
"""A stop of an arrow: the lessons at its ends, and the column. A lesson is an arrow to itself."""


def _routes(course: dict[int, Lesson], columns: dict[int, int]) -> list[list[_Stop]]:
    """Return the stops of each arrow."""
    routes = []
    for number, lesson in course.items():
        for need in lesson.needs:
            is_implied = any(
                need in _all_needs(need_beside, course) for need_beside in lesson.needs
            )
            if need in course and not is_implied:
                between = [(need, number, x) for x in range(columns[need] + 1, columns[number])]
                ends = [(end, end, columns[end]) for end in (need, number)]
                routes.append([ends[0], *between, ends[1]])
    return routes


def _all_needs(number: int, course: dict[int, Lesson]) -> set[int]:
    """Return the lessons that a lesson builds on, directly or not."""
    needs = {need for need in course[number].needs if need < number} if number in course else set()
    return needs.union(*(_all_needs(need, course) for need in needs))


def _positions(
    columns: dict[int, int], routes: list[list[_Stop]]
) -> dict[_Stop, tuple[float, float]]:
    """Place each stop in its column, near the height of the stops next to it on its arrows."""
    neighbours: dict[_Stop, list[_Stop]] = {(n, n, x): [] for n, x in columns.items()}
    for route in routes:
        for stop, following in pairwise(route):
            neighbours.setdefault(stop, []).append(following)
            neighbours.setdefault(following, []).append(stop)
    positions: dict[_Stop, tuple[float, float]] = {}
    # once from the left, while the columns to the right have no positions, then three times to and
    # fro, until the order hardly changes
    last = max(columns.values())
    for x in [*range(last + 1), *[*range(last, -1, -1), *range(last + 1)] * 3]:
        heights = {
            stop: mean([positions[near][1] for near in nearby if near in positions] or [0])
            for stop, nearby in neighbours.items()
            if stop[2] == x
        }
        for row, stop in enumerate(sorted(heights, key=lambda stop: (-heights[stop], stop))):
            positions[stop] = float(x), (len(heights) - 1) / 2 - row
    return positions


def _box_text(lesson: Lesson, course: dict[int, Lesson]) -> str:
    missing = [f"\n(no lesson {need} here)" for need in lesson.needs if need not in course]
    return re.sub(r"(.{9,}?) ", r"\1\n", lesson.about) + "".join(missing)


def _arrow(ax: Axes, stops: list[tuple[float, float]], start: Text, end: Text) -> None:
    """Draw an arrow from one box to another, level where it passes a column."""
    from lab.views.pictures.plot_style import colour

    right, left = _sides(ax, start)[1], _sides(ax, end)[0]
    passed = [(x + off, y) for x, y in stops[1:-1] for off in (-0.3, 0.3)]
    *before, last = [(right, stops[0][1]), *passed]
    ax.plot(*zip(*before, last, strict=True), color=colour("line"), lw=1, zorder=1)
    style = {"arrowstyle": "-|>", "color": colour("line"), "lw": 1, "shrinkA": 0, "shrinkB": 1}
    ax.annotate("", xy=(left, stops[-1][1]), xytext=last, arrowprops=style, zorder=1)


def _sides(ax: Axes, text: Text) -> tuple[float, float]:
    """Return the left and the right side of the box around a text, in data coordinates."""
    box = text.get_bbox_patch()
    assert box is not None
    extent = box.get_window_extent().transformed(ax.transData.inverted())
    return extent.x0, extent.x1
