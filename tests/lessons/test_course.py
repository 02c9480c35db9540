"""The map of the course: every lesson in a box, no arrow over one, and what is missing is said."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from helpers.places import NOTEBOOKS
from matplotlib.axes import Axes
from matplotlib.path import Path as Path2D
from matplotlib.text import Annotation, Text

from lab.lessons import course


@pytest.fixture
def some(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the map of the course, and none of its lessons yet; one works there."""
    shutil.copy(NOTEBOOKS / f"{course.INDEX}.ipynb", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    plt.close("all")


def boxes(ax: Axes) -> dict[str, Text]:
    """The boxes of a map by the number of their lesson."""
    texts = [text for text in ax.texts if not isinstance(text, Annotation)]
    return {text.get_text().partition("\n")[0]: text for text in texts}


def test_every_lesson_has_a_box_and_those_that_build_on_another_an_arrow() -> None:
    ax = course.course_map()
    lessons = course.lessons()
    assert sorted(map(int, boxes(ax))) == [lesson.number for lesson in lessons]
    arrows = [text for text in ax.texts if isinstance(text, Annotation)]
    assert len(arrows) >= sum(bool(lesson.needs) for lesson in lessons)
    assert len(arrows) == len(ax.lines)


def test_no_arrow_leads_over_a_box() -> None:
    """Nor does one touch a box, but at its ends."""
    ax = course.course_map()
    ax.figure.canvas.draw()
    heads = [text for text in ax.texts if isinstance(text, Annotation)]
    paths = [Path2D([head.xyann, head.xy]) for head in heads]
    paths += [line.get_path() for line in ax.lines]
    for text in boxes(ax).values():
        patch = text.get_bbox_patch()
        assert patch is not None
        inner = patch.get_window_extent().padded(-3)
        for path in paths:
            drawn = ax.transData.transform_path(path)
            assert not drawn.intersects_bbox(inner, filled=False), text.get_text()


def test_a_lesson_that_builds_on_one_that_is_not_there_says_so(some: Path) -> None:
    for name in ("01-first-mail", "14-real-maps", "16-build-it"):
        shutil.copy(NOTEBOOKS / f"{name}.ipynb", some)
    found = boxes(course.course_map())
    assert set(found) == {"1", "14", "16"}
    assert "(no lesson 13 here)" in found["16"].get_text()
    assert "no lesson" not in found["1"].get_text()


@pytest.mark.usefixtures("some")
def test_a_map_without_lessons_is_told_in_a_sentence() -> None:
    with pytest.raises(course.NoLessons, match=r"there are no lessons in .*, only the map"):
        course.course_map()
    with pytest.raises(course.NoLessons, match="there are no lessons in"):
        course.lesson("7")
