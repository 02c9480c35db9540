"""The journal of a sweep: a line of JSON for each finished run, in the order in which runs end.

Lines are only appended, so finished runs stay readable however the sweep ends.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Self


class JournalLock(Exception):
    """Raised when another process is writing the journal."""


class Journal:
    """The outcomes of runs, in a file; without a path, nothing is kept."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def lock(self) -> None:
        """Lock the file until it is closed; raises :class:`JournalLock` if another process has."""
        self._open()

    def outcomes(self) -> Iterator[dict[str, Any]]:
        """Yield the outcomes in the file; a line that was cut off is skipped."""
        if self.path is None or not self.path.exists():
            return
        with open(self.path, "rb") as file:
            for line in file:
                try:
                    outcome = json.loads(line)
                except ValueError:
                    continue
                if isinstance(outcome, dict) and isinstance(outcome.get("key"), str):
                    yield outcome

    def keep(self, outcome: dict[str, Any]) -> dict[str, Any]:
        """Append an outcome, and return it."""
        file = self._open()
        if file is not None:
            file.write(json.dumps(outcome, default=str).encode() + b"\n")
        return outcome

    def _open(self) -> IO[bytes] | None:
        if self._file is None and self.path is not None:
            file = open(self.path, "ab", buffering=0)  # noqa: SIM115
            if not _try_lock(file):
                file.close()
                raise JournalLock
            if file.tell() and not self._ends_with_newline():
                file.write(b"\n")
            self._file = file
        return self._file

    def _ends_with_newline(self) -> bool:
        assert self.path is not None
        with open(self.path, "rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read() == b"\n"


def _try_lock(file: IO[bytes]) -> bool:
    """Lock a file until it is closed; False if another process has locked it."""
    if sys.platform == "win32":
        return True
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass  # the file system has no locks
    return True
