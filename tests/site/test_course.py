"""The lessons as pages: all of what a student reads, and nothing of the answers."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path

import pytest
from helpers.pages import broken_links
from helpers.places import NOTEBOOKS

from lab.lessons.course import lessons
from lab.lessons.tasks import has_tag, text_of
from lab.site.build import write_site
from lab.site.course import handed_in, kept


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    write_site(folder, ["course"])
    return folder / "course"


def words(page: Path) -> str:
    """Return the text of a page, without elements."""
    return unescape(re.sub(r"<[^>]*>", "", page.read_text(encoding="utf-8")))


LESSONS = lessons(NOTEBOOKS)


@pytest.mark.parametrize("stem", [each.path.stem for each in LESSONS])
def test_a_lesson_has_its_texts_and_no_solution(course: Path, stem: str) -> None:
    """Each line of a solution that no other cell has is left out; headings of the others stay."""
    cells = json.loads((NOTEBOOKS / f"{stem}.ipynb").read_text("utf-8"))["cells"]
    page = words(course / f"{stem}.html")
    others = [cell for cell in cells if not has_tag(cell, "solution")]
    seen = "\n".join(text_of(cell) for cell in others)
    for cell in cells:
        text = text_of(cell)
        if has_tag(cell, "solution"):
            own = [line for line in text.splitlines() if len(line) > 12 and line not in seen]
            assert [line for line in own if line in page] == []
        elif cell["cell_type"] == "markdown":
            headings = re.findall(r"^#+ ([^`*\n]+)$", text, re.M)
            assert [line for line in headings if line.split(" (")[0] not in page] == []
    assert "lessons.check(" not in page
    assert "hand_in" not in page


def test_the_list_leads_to_every_lesson(course: Path) -> None:
    index = (course / "index.html").read_text("utf-8")
    assert [each for each in LESSONS if f'href="{each.path.stem}.html"' not in index] == []
    assert len(LESSONS) >= 16


def test_what_is_left_of_a_cell_is_as_it_was_written() -> None:
    """The check, and what only it needs, is gone."""
    before = 'TEXT = """\na\n"""\n\n\nright = 3\nlessons.check("One", answer, right)\n'
    after = "TEXT = '\\na\\n'\nlessons.hand_in('One', answer)"
    assert kept(before, after) == 'TEXT = """\na\n"""'
    assert handed_in(after) == ["One"]


def test_without_matplotlib_the_list_has_no_map(
    tmp_path: Path, course: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert 'src="map.svg"' in (course / "index.html").read_text("utf-8")
    monkeypatch.setattr("lab.site.course.is_installed", lambda package: False)
    write_site(tmp_path, ["course"])
    page = (tmp_path / "course" / "index.html").read_text("utf-8")
    assert "The map" not in page
    assert "map.svg" not in page
    assert broken_links(tmp_path) == []
