"""Where the files lie that ship with the lab besides its code: topologies and notebooks.

In a clone they are at the top, next to ``lab/``. An installed package has them inside itself,
where the build has put them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

_PACKAGE: Final = Path(__file__).resolve().parents[1]


def folder(name: str) -> Path:
    """Return the folder "topologies" or "notebooks" that ships with the lab.

    It may be missing from an installation that was not made by the lab's own build.
    """
    inside = _PACKAGE / name
    return inside if inside.is_dir() else _PACKAGE.parent / name
