"""The trace of a live run so far, in a file: it is readable if the run is killed.

Its events are in the order in which they reached the network's process, which is not quite that of
time. Readers sort them, because the first line says so. When the run ends, the whole trace takes
its place.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from lab.live.spare_room import SpareRoom
from lab.trace.jsonl import is_journal, journal_lines
from lab.trace.levels import thinned
from lab.trace.rows import Row


class Journal:
    """A file that rows are appended to as they come; ``level`` says which of them.

    A row that cannot be written, on a full disk, is missing from the file; later ones are not. So
    are rows that would take the ``room`` that is kept for mail, if the file is on that disk.
    Raises OSError if the file cannot be made.
    """

    def __init__(self, path: Path, level: str, room: SpareRoom | None = None) -> None:
        self.path = path
        self._room = room if room is not None and room.is_shared_by(path.parent) else None
        self._level = level
        self._count = 0
        # without a buffer, so that what was written outlives this process
        self._file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        self._end = 0

    def write(self, rows: Sequence[Row]) -> None:
        """Append what the level keeps of the rows."""
        kept = list(thinned(list(rows), self._level))
        first, self._count = self._count, self._count + len(kept)
        if self._room is not None and not self._room.has():
            return
        size, is_whole = 0, True
        for octets in journal_lines(kept, first, self._level):
            is_whole = is_whole and self._append(octets)
            size += len(octets)
            if octets.endswith(b"\n"):  # else more of the line is to come
                self._end += size if is_whole else 0
                size, is_whole = 0, True

    def _append(self, octets: bytes | bytearray) -> bool:
        """Write bytes; if they cannot be written, remove what there is of their line."""
        left = memoryview(octets)
        try:
            while left:
                left = left[os.write(self._file, left) :]
        except OSError:
            with suppress(OSError):  # no half line stays before the next
                os.ftruncate(self._file, self._end)
                os.lseek(self._file, self._end, os.SEEK_SET)
            return False
        return True

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


def move_aside(path: Path) -> Path | None:
    """Rename the journal of a run that was killed, if there is one; return its new path."""
    if not is_journal(path):
        return None
    number = 1
    while (aside := path.with_name(f"{path.stem}-killed-{number}{path.suffix}")).exists():
        number += 1
    path.rename(aside)
    return aside
