"""What a run takes of the machine: a temporary directory, and descriptors.

The directory is always removed: if the network's process is killed, its hosts remove their files;
if they are killed with it, the next run does so. A lock that ends with its process tells whether a
run still goes on.
"""

from __future__ import annotations

import fcntl
import os
import resource
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

_PREFIX: Final = "smtp-lab-live-"
_LOCK: Final = "lock"
_DESCRIPTORS: Final = 65_536


@contextmanager
def temporary_directory() -> Iterator[Path]:
    """Yield a directory that is removed after; remove first what killed runs have left."""
    remove_stale(Path(tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True) as name:
        place = Path(name)
        # under another name until it is locked, or another run might remove it
        lock = os.open(place / f".{_LOCK}", os.O_CREAT | os.O_RDWR)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            (place / f".{_LOCK}").rename(place / _LOCK)
            yield place
        finally:
            os.close(lock)


def remove_stale(where: Path) -> None:
    """Remove the directories of runs of this user that have ended without removing them."""
    for place in where.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            about = place.lstat()
            if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.getuid():
                continue
            lock = os.open(place / _LOCK, os.O_RDWR | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(place, ignore_errors=True)
            finally:
                os.close(lock)


def descriptors() -> int:
    """Allow this process as many connections and files as possible; return how many.

    With the usual 1,024, a thousand callers that send nothing would keep out all others.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(_DESCRIPTORS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):  # not allowed after all
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    return _DESCRIPTORS if soft == resource.RLIM_INFINITY else min(soft, _DESCRIPTORS)


def remove_storage(file: Path) -> None:
    """Remove the file of a host whose network has ended; the last host removes the directory."""
    for one in (file, Path(f"{file}-wal"), Path(f"{file}-journal"), file.parent / _LOCK):
        with suppress(OSError):
            one.unlink()
    with suppress(OSError):
        file.parent.rmdir()
