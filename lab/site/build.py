"""Make the site: each of its parts in turn, into a folder that is one's own."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from importlib import import_module
from pathlib import Path
from typing import Final, NamedTuple

from lab.runtime.version import VERSION
from lab.site.course import write_course
from lab.site.gallery import write_gallery
from lab.site.guides import write_guides
from lab.site.home import write_home
from lab.site.pages import Site, style_sheet
from lab.site.parts import PLAY
from lab.site.reference import write_reference

Report = Callable[[str], None]
"""Is told what is being made, in a few words."""

MANIFEST: Final = "site.json"
"""The file that says which files of the folder belong to the site."""


class NotOurs(ValueError):
    """Raised for a folder that holds other files than those of a site."""


class Built(NamedTuple):
    """A site that was made: the number of its files, and their bytes."""

    files: int
    size: int


_WRITERS: Final[dict[str, Callable[[Site], Iterator[str]]]] = {
    "guides": write_guides, "course": write_course, "reference": write_reference,
}  # fmt: skip
"""What writes each part that takes no choices, and yields the path of each of its pages."""


def write_site(
    folder: Path,
    parts: Collection[str] = (),
    report: Report = lambda doing: None,
    examples: Collection[str] = (),
) -> Built:
    """Write the site to a folder, which is made if it is missing; all parts, or those named.

    ``examples`` are the names of those in the gallery; none stands for all.
    The files of an older site there are replaced, and those that are no longer of it removed.
    Raises NotOurs if there are other files in the folder and no site, and OSError.
    """
    old = _files_of(folder)
    site = Site(folder, parts)
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
    if site.has("play"):
        _write_play(site, report)
    _remove(folder, old - set(site.written))
    listed = json.dumps({"version": VERSION, "files": sorted(site.written)}, indent=1)
    site.file(MANIFEST, listed + "\n")
    return Built(len(site.written), sum((folder / path).stat().st_size for path in site.written))


def _write_play(site: Site, report: Report) -> None:
    """Let the lab in the browser write its folder."""
    report("the lab in the browser")
    folder = site.folder / "play"
    import_module(PLAY).write_play(folder, report)
    site.written += [
        path.relative_to(site.folder).as_posix() for path in folder.rglob("*") if path.is_file()
    ]


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
        (folder / path).unlink(missing_ok=True)
