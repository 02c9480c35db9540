"""What the lab in the browser needs of others: Pyodide from npm, and two wheels for it from PyPI.

It is fetched by the clients of those registries, npm and pip, and kept in the user's cache: the
next site is built without a network.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from lab.site.parts import NotMade

PYODIDE: Final = "pyodide@314"
"""The npm package; its versions of one number share an ABI, which the wheels are for."""

WHEELS: Final = ("msgspec", "pydantic-core")
"""The packages with compiled parts: their wheels for WebAssembly come from PyPI."""

_PLATFORM: Final = "pyemscripten_2026_0_wasm32"
_FILES: Final = (
    "pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip", "pyodide-lock.json",
    "package.json",
)  # fmt: skip
_PATIENCE: Final = 300


class NotFetched(NotMade):
    """Raised if something cannot be fetched; the text says what, why, and what would help."""


def cache_folder() -> Path:
    """Return the folder where downloads are kept; it is made if it is missing."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(base) / "smtp-lab" / "browser"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def is_cached() -> bool:
    """Whether everything is there already."""
    folder = cache_folder()
    return (folder / "pyodide" / "pyodide.mjs").is_file() and all(
        _wheel(folder, name) is not None for name in WHEELS
    )


def pyodide() -> list[Path]:
    """Return the files of Pyodide that a page loads; raises NotFetched."""
    folder = cache_folder() / "pyodide"
    if not all((folder / name).is_file() for name in _FILES):
        with tempfile.TemporaryDirectory(dir=folder.parent) as fresh:
            command = ("npm", "pack", PYODIDE, "--silent", "--pack-destination", fresh)
            _fetch("Pyodide", command, "npm (it comes with Node.js)")
            _unpack(next(Path(fresh).glob("*.tgz")), Path(fresh) / "pyodide")
            shutil.rmtree(folder, ignore_errors=True)
            (Path(fresh) / "pyodide").replace(folder)
    return [folder / name for name in _FILES]


def _unpack(archive: Path, target: Path) -> None:
    """Take the files that are needed from an npm package."""
    target.mkdir()
    with tarfile.open(archive) as packed:
        for name in _FILES:
            content = packed.extractfile(f"package/{name}")
            assert content is not None
            (target / name).write_bytes(content.read())


def wheels() -> list[Path]:
    """Return the wheels for WebAssembly of what the lab needs compiled; raises NotFetched."""
    folder = cache_folder()
    missing = [name for name in WHEELS if _wheel(folder, name) is None]
    if missing:
        command = (
            sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:",
            "--dest", str(folder), "--python-version", "3.14", "--implementation", "cp",
            "--abi", "cp314", "--platform", _PLATFORM, *missing,
        )  # fmt: skip
        _fetch(f"{' and '.join(missing)} for the browser", command, "pip")
    return [wheel for name in WHEELS if (wheel := _wheel(folder, name)) is not None]


def _wheel(folder: Path, name: str) -> Path | None:
    wheels = sorted(folder.glob(f"{re.sub('-', '_', name)}-*{_PLATFORM}.whl"))
    return wheels[-1] if wheels else None


def _fetch(noun: str, command: Sequence[str], program: str) -> None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_PATIENCE, check=False
        )
    except FileNotFoundError:
        raise NotFetched(f"{noun} cannot be fetched: {program} is not installed") from None
    except subprocess.TimeoutExpired:
        raise NotFetched(f"{noun} cannot be fetched: {program} did not answer") from None
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no reason given"]
        raise NotFetched(f"{noun} cannot be fetched: {program} says: {lines[-1].strip()}")
