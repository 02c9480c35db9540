"""Make the site: each of its parts in turn, into a folder that is one's own."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from lab.runtime.version import VERSION
from lab.site.browser import write_play
from lab.site.course import write_course
from lab.site.gallery import write_gallery
from lab.site.guides import write_guides
from lab.site.home import write_home
from lab.site.lessons import FOLDER as LESSONS
from lab.site.lessons import write_lessons
from lab.site.pages import Site, style_sheet
from lab.site.parts import NotMade, Report
from lab.site.reference import write_reference

MANIFEST: Final = "site.json"
"""The file that says which files of the folder belong to the site."""


class NotOurs(ValueError):
    """Raised for a folder that holds other files than those of a site."""


class Built(NamedTuple):
    """A site that was made: the number of its files, their bytes, and what was left out and why.

    ``left_out`` is about the lab in the browser, and ``without_lessons`` about the lessons there.
    """

    files: int
    size: int
    left_out: str
    without_lessons: str = ""


_WRITERS: Final[dict[str, Callable[[Site], Iterator[str]]]] = {
    "guides": write_guides, "course": write_course, "reference": write_reference,
}  # fmt: skip
"""What writes each part that takes no choices, and yields the path of each of its pages."""


def write_site(
    folder: Path,
    parts: Collection[str] = (),
    report: Report = lambda doing: None,
    examples: Collection[str] = (),
    packages: str | None = None,
) -> Built:
    """Write the site to a folder, which is made if it is missing; all parts, or those named.

    ``examples`` are the names of those in the gallery; none stands for all. ``packages`` is the
    address from which the lab in the browser may load Pyodide's own packages.
    The files of an older site there are replaced, and those that it no longer has are removed.
    Raises NotOurs if there are other files in the folder and no site, NotMade if a part that is
    named cannot be made, and OSError.
    """
    old = _files_of(folder)
    site = Site(folder, parts)
    left_out = without_lessons = ""
    try:
        left_out = _write_play(site, report, old, packages, is_asked="play" in parts)
        if site.has("play"):
            without_lessons = _write_lessons(site, report)
        _write_pages(site, report, examples)
        _remove(folder, old - set(site.written))
        old = set()
    finally:  # what was written is of the site, also if not all was
        listed = {"version": VERSION, "files": sorted(old | set(site.written))}
        site.file(MANIFEST, json.dumps(listed, indent=1) + "\n")
    size = sum((folder / path).stat().st_size for path in site.written)
    return Built(len(site.written), size, left_out, without_lessons)


def _write_pages(site: Site, report: Report, examples: Collection[str]) -> None:
    site.file("site.css", style_sheet())
    report("home page")
    write_home(site)
    for part, write in _WRITERS.items():
        if site.has(part):
            for path in write(site):
                report(path)
    if site.has("gallery"):
        for name in write_gallery(site, examples):
            report(f"gallery: {name}")


def _write_play(
    site: Site, report: Report, old: Collection[str], packages: str | None, is_asked: bool
) -> str:
    """Let the lab in the browser write its folder; return why it is left out, "" if it is not.

    It comes first, since pages lead to it if it is there. Raises NotMade if it was asked for.
    """
    if not site.has("play"):
        return ""
    report("the lab in the browser")
    folder = site.folder / "play"
    _remove(site.folder, [path for path in old if path.startswith("play/")])
    try:
        write_play(folder, report, packages)
    except NotMade as why:
        if is_asked:
            raise
        site.leave_out("play")
        return str(why)
    finally:
        site.written += [
            path.relative_to(site.folder).as_posix() for path in folder.rglob("*") if path.is_file()
        ]
    return ""


def _write_lessons(site: Site, report: Report) -> str:
    """Write the lessons in the browser; return why they are left out, "" if they are not."""
    folder = site.folder / LESSONS
    try:
        write_lessons(folder, report)
        site.has_lessons = True
    except NotMade as why:
        return str(why)
    finally:
        site.written += [
            path.relative_to(site.folder).as_posix() for path in folder.rglob("*") if path.is_file()
        ]
    return ""


def _files_of(folder: Path) -> set[str]:
    """Return the files of the site that is in a folder; raises NotOurs."""
    if not folder.exists() or not any(folder.iterdir()):
        return set()
    try:
        listed = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return {str(path) for path in listed["files"] if _is_within(folder, str(path))}
    except (OSError, ValueError, KeyError, TypeError):
        raise NotOurs(
            f"{folder}: it holds files that are not of a site; name a new folder"
        ) from None


def _is_within(folder: Path, path: str) -> bool:
    return (folder / path).resolve().is_relative_to(folder.resolve())


def _remove(folder: Path, paths: Collection[str]) -> None:
    """Remove files of an older site."""
    for path in paths:
        file = folder / path
        if file.is_file() or file.is_symlink():
            file.unlink()
        for parent in file.relative_to(folder).parents:
            with suppress(OSError):  # it has other files
                if parent.name:
                    (folder / parent).rmdir()
