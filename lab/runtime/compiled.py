"""Compiled modules in place of their sources, if they were made from these very sources.

If there was a C compiler, the installation has compiled the modules in which a run spends its time,
into a folder of their own among the installed packages. Either all of them are used or none: all,
if every source is byte for byte what it was when they were made. Otherwise an edit would be hidden,
or old code would be mixed with new. ``SMTP_LAB_PURE=1`` in the environment has everything run from
its source.
"""

from __future__ import annotations

import os
import sys
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec
from importlib.util import spec_from_file_location
from typing import Any, Final

FOLDER: Final = "smtp_lab_compiled"
_LIBRARY: Final = "smtp_lab__mypyc"
_ROOT: Final = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Finder:
    """Finds the compiled modules of the lab, if they are to be used."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Return the compiled module of this name, if there is one that can be used."""
        if not name.startswith("lab.") and name != _LIBRARY:
            return None
        folder = _folder()
        if folder is None:
            return None
        file = os.path.join(folder, *name.split(".")) + EXTENSION_SUFFIXES[0]
        if not os.path.exists(file) or not in_use():
            return None
        return spec_from_file_location(name, file)


def install() -> None:
    """Make imports look for compiled modules first, from now on."""
    if not os.environ.get("SMTP_LAB_PURE") and Finder not in sys.meta_path:
        sys.meta_path.insert(0, Finder)


@cache
def in_use() -> bool:
    """Whether the compiled modules are what runs, and not their sources."""
    folder = _folder()
    if folder is None or Finder not in sys.meta_path:
        return False
    from hashlib import sha256

    try:
        with open(os.path.join(folder, "SOURCES"), encoding="utf-8") as sources:
            for line in sources:
                digest, name = line.split()
                with open(os.path.join(_ROOT, name), "rb") as source:
                    if sha256(source.read()).hexdigest() != digest:
                        return False
    except (OSError, ValueError):
        return False
    return True


@cache
def _folder() -> str | None:
    """Where the compiled modules lie; None if none were installed."""
    for place in sys.path:
        folder = os.path.join(place, FOLDER)
        if os.path.exists(os.path.join(folder, "SOURCES")):
            return folder
    return None
