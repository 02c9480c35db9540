"""The journal of a sweep: a line of JSON for each run that is done, in the order in which they end.

It is only ever added to, so that what is done stays readable whatever ends the sweep.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Self


class JournalLock(Exception):
    """A journal that somebody else is writing."""


class Journal:
    """The outcomes of runs, in a file or, without a path, nowhere."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def hold(self) -> None:
        """Keep others from writing it until it is closed; raises :class:`JournalLock` if one
        does.
        """
        self._open()

    def outcomes(self) -> Iterator[dict[str, Any]]:
        """What is written there; a line that was cut off is passed over."""
        if self.path is None or not self.path.exists():
            return
        with open(self.path, "rb") as file:
            for line in file:
                try:
                    found = json.loads(line)
                except ValueError:
                    continue
                if isinstance(found, dict) and isinstance(found.get("key"), str):
                    yield found

    def keep(self, outcome: dict[str, Any]) -> dict[str, Any]:
        """Write one more; the outcome itself."""
        file = self._open()
        if file is not None:
            file.write(json.dumps(outcome, default=str).encode() + b"\n")
        return outcome

    def _open(self) -> IO[bytes] | None:
        if self._file is None and self.path is not None:
            file = open(self.path, "ab", buffering=0)  # noqa: SIM115
            if not _locked(file):
                file.close()
                raise JournalLock
            if file.tell() and not self._ends_well():
                file.write(b"\n")
            self._file = file
        return self._file

    def _ends_well(self) -> bool:
        assert self.path is not None
        with open(self.path, "rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read() == b"\n"


def _locked(file: IO[bytes]) -> bool:
    """Whether a file is ours alone until it is closed, as far as its file system can tell."""
    if sys.platform == "win32":
        return True
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass  # a file system that has no locks
    return True
