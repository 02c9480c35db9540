"""Room on a disk that is kept for mail: a trace, which may share the disk, must not take it.

Mail that got a 250 has to move on, from the file of one host to that of the next. If the trace of
the run, or more mail from outside, took the last room, it could not, and would be given up in the
end. So files that a run can do without stop growing while there is still room for mail, and mail
from outside draws 452 before the mail that is owed does.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_MOST: Final = 256 << 20
"""Bytes of a disk that are kept for mail, at most."""


class SpareRoom:
    """The disk that a folder is on; ``kept`` bytes of it are for mail alone.

    That is half of what is free when the run begins, at most 256 MiB.
    """

    def __init__(self, folder: Path, kept: int | None = None) -> None:
        self._folder = folder
        self.kept = min(_MOST, self.free // 2) if kept is None else kept

    @property
    def free(self) -> int:
        """How many bytes are free on the disk now."""
        about = os.statvfs(self._folder)
        return about.f_bavail * about.f_frsize

    def is_shared_by(self, folder: Path) -> bool:
        """Return whether another folder is on this disk."""
        return os.stat(folder).st_dev == os.stat(self._folder).st_dev

    def has(self, octets: int = 0) -> bool:
        """Return whether so many bytes more leave what is kept for mail."""
        return self.free - octets >= self.kept

    def has_for_mail(self, octets: int, owed: int) -> bool:
        """Return whether mail from outside leaves room for what is owed to move on.

        The ``owed`` bytes may be in the files of two more hosts before they are out of this one.
        """
        return self.free - octets >= self.kept // 4 + 2 * owed
