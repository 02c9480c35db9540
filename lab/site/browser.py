"""The lab in the browser: the folder ``play/`` of the site, with Python and everything in it.

Python is Pyodide. The lab, what it needs and its topologies are one archive, which a worker of the
page unpacks. Its modules are compiled here, once, where Node.js is there to do it.
"""

from __future__ import annotations

import gzip
import importlib.metadata
import io
import json
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from lab.runtime.shipped import folder as shipped
from lab.runtime.version import VERSION
from lab.site import downloads
from lab.site.parts import Report
from lab.views.replay import player_css, player_js
from lab.views.visual_language import style_sheet

_HERE: Final = Path(__file__).parent / "play"
_PAGES: Final = (
    "index.html", "play.css", "play.js", "editor.js", "network.js", "kept.js", "python.js",
    "worker.js",
)  # fmt: skip
PURE: Final = ("anyascii", "mypy_extensions", "networkx", "simpy", "typing_extensions")
"""What the lab needs that is plain Python: it is taken from where it is installed."""

LEFT_OUT: Final = (
    "benchmarks", "captures", "cli", "judging", "lessons", "live", "notebooks", "watching",
)  # fmt: skip
"""Folders of the lab that the page has no use for."""

_PATIENCE: Final = 900


def write_play(
    folder: Path, report: Report = lambda doing: None, packages: str | None = None
) -> None:
    """Write the page of the lab in the browser, with all that it loads.

    ``packages`` is the address of Pyodide's own packages, from where the page may take matplotlib;
    without it, nothing is loaded from elsewhere. Raises NotFetched, and OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    report("Pyodide")
    (folder / "pyodide").mkdir(exist_ok=True)
    for path in downloads.pyodide():
        shutil.copy(path, folder / "pyodide" / path.name)
    wheels = downloads.wheels()
    report("the lab for the browser")
    write_folder(folder / "library.tar.gz", _lab(wheels))
    write_archive(folder / "packages.zip", _packages())
    is_prepared = _prepare(folder)
    for name in _PAGES:
        shutil.copy(_HERE / name, folder / name)
    (folder / "player.js").write_text(player_js(), encoding="utf-8")
    colours = style_sheet(":root")
    (folder / "player.css").write_text(colours + player_css(), encoding="utf-8")
    settings = {"version": VERSION, "packages": packages, "memory": is_prepared}
    (folder / "settings.json").write_text(json.dumps(settings) + "\n", encoding="utf-8")


def write_archive(path: Path, files: Iterable[tuple[str, bytes]]) -> None:
    """Write an archive that the page loads: the names of files and what is in them."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            # a time of its own would make every archive another
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)


def write_folder(path: Path, files: Iterable[tuple[str, bytes]]) -> None:
    """Write an archive that the page unpacks, which a browser does faster if it is a tar file."""
    with (
        gzip.GzipFile(path, "wb", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as archive,
    ):
        for name, content in files:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def _lab(wheels: Iterable[Path]) -> Iterator[tuple[str, bytes]]:
    """Yield what is unpacked: the lab and what ships with it, and packages with compiled parts."""
    package = _HERE.parents[1]
    for name, content in below(package, "lab"):
        if name.split("/")[1] not in LEFT_OUT:
            yield name, content
    if not (package / "topologies").is_dir():  # it is, where the lab was installed from a wheel
        yield from below(shipped("topologies"), "lab/topologies")
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as packed:
            yield from ((name, packed.read(name)) for name in packed.namelist())


def _packages() -> Iterator[tuple[str, bytes]]:
    """Yield the packages of plain Python, which are imported from their archive."""
    for distribution in PURE:
        for file in importlib.metadata.files(distribution) or ():
            if not {"..", "__pycache__", "tests"}.intersection(file.parts):
                yield file.as_posix(), Path(str(file.locate())).read_bytes()


def below(folder: Path, name: str) -> Iterator[tuple[str, bytes]]:
    """Yield the files below a folder, each with its path below ``name``."""
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        hidden = any(part.startswith((".", "__pycache__")) for part in inside.parts)
        if path.is_file() and not hidden and path.suffix != ".so":
            yield f"{name}/{inside.as_posix()}", path.read_bytes()


def _prepare(folder: Path) -> bool:
    """Compile the modules and start Python ahead, if Node.js is there; return whether it was.

    Without it the page works as well, and takes longer to begin.
    """
    (folder / "memory.bin.gz").unlink(missing_ok=True)
    node = shutil.which("node")
    if node is None:
        return False
    command = [node, str(_HERE / "prepare.mjs"), str(folder.resolve())]
    try:
        subprocess.run(command, capture_output=True, timeout=_PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        return False
    return (folder / "memory.bin.gz").is_file()
