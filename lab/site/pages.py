"""The pages of the site: templates filled in and written, each link relative to its page."""

from __future__ import annotations

import posixpath
from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from lab.runtime.whole_files import whole_file
from lab.site import parts as every
from lab.views import visual_language

LESSON_PAGE: Final = "play/lessons/notebooks/index.html"
"""The page on which a lesson is worked on; the lesson is ``path`` in its query."""

HERE: Final = Path(__file__).parent


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(HERE / "templates"), autoescape=True, trim_blocks=True,
        lstrip_blocks=True, undefined=StrictUndefined,
    )  # fmt: skip


class Site:
    """A folder with a site in it: writes its files, and remembers which.

    ``parts`` are the names of its parts; none stands for all. ``has_lessons`` says whether the
    lessons can be worked on in the browser.
    """

    def __init__(self, folder: Path, parts: Collection[str]) -> None:
        self.folder = folder
        self.parts = [part for part in every.PARTS if not parts or part.name in parts]
        self.written: list[str] = []
        self.has_lessons = False

    def has(self, part: str) -> bool:
        """Whether a part of the site is made."""
        return any(each.name == part for each in self.parts)

    def leave_out(self, part: str) -> None:
        """Make the site without a part; no page that is written from now on leads to it."""
        self.parts = [each for each in self.parts if each.name != part]

    def page(self, path: str, title: str, template: str, **values: object) -> None:
        """Write a page: ``path`` within the site, ``template`` the name of its template."""
        part = path.partition("/")[0] if "/" in path else ""
        whole = _environment().get_template(template).render(
            title=title, parts=self.parts, part=part, here=path, link=linker(path),
            lesson_page=LESSON_PAGE if self.has_lessons else "", **values
        )  # fmt: skip
        self.file(path, whole)

    def file(self, path: str, content: str | bytes) -> None:
        """Write a file of the site; it is there whole or not at all."""
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(target) as unfinished:
            unfinished.write_bytes(content.encode() if isinstance(content, str) else content)
        self.written.append(path)


class linker:
    """Return the address of a file of the site as seen from a page."""

    def __init__(self, page: str) -> None:
        self._folder = posixpath.dirname(page)

    def __call__(self, path: str) -> str:
        """Return the address relative to the page; an anchor may follow the path."""
        return posixpath.relpath(path, self._folder or ".")


def html(text: str) -> Markup:
    """Mark a text as HTML, which a template leaves as it is."""
    return Markup(text)


def style_sheet() -> str:
    """Return the style sheet of the site: colours of the visual language, light and dark."""
    return visual_language.style_sheet(":root") + (HERE / "site.css").read_text(encoding="utf-8")
