"""Files that are there whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path: Path, ending: str = "") -> Iterator[Path]:
    """Give a path to write to, which becomes the file when it is whole, and is removed if not."""
    unfinished = path.with_name(f".{path.name}.part{ending}")
    try:
        yield unfinished
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
