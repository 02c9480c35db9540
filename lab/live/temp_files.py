"""What a run takes of the machine: a directory of files that nobody wants to keep, and descriptors.

The directory goes with the run, always: where the network's process is killed, its hosts remove
what is theirs; where they are killed with it, the next run does so. A lock that ends with its
process tells whose run goes on.
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
def for_a_while() -> Iterator[Path]:
    """A directory that is gone afterwards; those of runs that were killed go first."""
    remove_stale(Path(tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True) as name:
        place = Path(name)
        # under another name until it is locked: another run could take it for one of nobody's
        lock = os.open(place / f".{_LOCK}", os.O_CREAT | os.O_RDWR)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            (place / f".{_LOCK}").rename(place / _LOCK)
            yield place
        finally:
            os.close(lock)


def remove_stale(where: Path) -> None:
    """Remove the directories of this user's runs that have ended and could not do so."""
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
    """How many connections and files this process may have at once, as many as it is allowed.

    The usual 1,024 would let a thousand callers that say nothing keep out all others.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(_DESCRIPTORS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):  # not allowed after all
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    return _DESCRIPTORS if soft == resource.RLIM_INFINITY else min(soft, _DESCRIPTORS)


def abandon(file: Path) -> None:
    """Remove the file of a host whose network is no more; the last one removes the directory."""
    for one in (file, Path(f"{file}-wal"), Path(f"{file}-journal"), file.parent / _LOCK):
        with suppress(OSError):
            one.unlink()
    with suppress(OSError):
        file.parent.rmdir()
