"""The folder of a live run without ``--spool``, and what runs that were killed have left there.

It holds the hosts' storage and the trace so far, and is removed when the run ends. If the run is
killed, it stays: mail that got a 250 can still be read. The next run says what it found. A lock
that ends with its process shows whether a run is still going on.
"""

from __future__ import annotations

import fcntl
import os
import resource
import shutil
import sqlite3
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lab.quantities import count_noun
from lab.runtime.signals import held_back

TRACE: Final = "trace.jsonl"
"""The name of the trace so far, in the folder of a run."""

_PREFIX: Final = "live-"
_UNFINISHED: Final = ".new-"
_LOCK: Final = "lock"
_REPORTED: Final = "reported"
_DESCRIPTORS: Final = 65_536
_PRIVATE: Final = 0o700

_COUNTS: Final = "select (select count(*) from copies), (select count(*) from drops)"


@dataclass(frozen=True, slots=True)
class LeftByKilled:
    """What a run that was killed has left in its folder.

    ``waiting`` messages wait for next hosts, ``delivered`` ones lie in mailboxes.
    """

    folder: Path
    waiting: int
    delivered: int

    def __str__(self) -> str:
        waiting = count_noun(self.waiting, "waiting message")
        delivered = count_noun(self.delivered, "delivered one")
        return (
            f"a run that was killed left {waiting} and {delivered}: lab spool {self.folder} lists "
            f"them, lab plot {self.folder / TRACE} ladder shows what happened; remove the folder "
            "when you no longer need it"
        )


def runs_folder() -> Path:
    """Return the folder of all runs, which only this user can read; make it if there is none.

    It is ``smtp-lab`` in ``$XDG_STATE_HOME`` (by default ``~/.local/state``). Where that cannot be
    written it is in the system's temporary folder. Raises OSError if neither can be used.
    """
    state = os.environ.get("XDG_STATE_HOME", "")
    base = Path(state) if os.path.isabs(state) else Path.home() / ".local" / "state"
    with suppress(OSError):
        return _made_private(base / "smtp-lab")
    return _made_private(Path(tempfile.gettempdir()) / f"smtp-lab-{os.getuid()}")


def _made_private(folder: Path) -> Path:
    """Make a folder of this user's own; raise OSError if it is another's or cannot be written."""
    folder.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
    about = folder.lstat()
    if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.getuid():
        raise PermissionError(
            f"{folder} belongs to somebody else; remove it, or set XDG_STATE_HOME"
        )
    if about.st_mode & 0o077:
        folder.chmod(_PRIVATE)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(f"{folder} is not writable; set XDG_STATE_HOME to another folder")
    return folder


@contextmanager
def run_folder() -> Iterator[Path]:
    """Yield a new folder for a run, which only this user can read; it is removed afterwards."""
    with ExitStack() as stack:
        with held_back():
            # under another name until it is locked, or another run might take it for a killed one's
            made = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=runs_folder()))
            stack.callback(_remove, made)
            lock = os.open(made / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
            stack.callback(os.close, lock)
            fcntl.flock(lock, fcntl.LOCK_EX)
            place = made.with_name(f"{_PREFIX}{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}")
            made.rename(place)
            stack.callback(_remove, place)
        yield place


def _remove(folder: Path) -> None:
    with held_back():
        shutil.rmtree(folder, ignore_errors=True)


def left_by_killed() -> list[LeftByKilled]:
    """Return what killed runs have left, each of them once; remove the folders without mail.

    Folders of runs that go on are left alone, and so are those of hosts that have not ended yet.
    """
    try:
        folders = sorted(runs_folder().glob(f"{_PREFIX}*"))
    except OSError:
        return []
    return [left for place in folders if (left := _left_in(place)) is not None]


def _left_in(place: Path) -> LeftByKilled | None:
    with suppress(OSError, sqlite3.Error):
        if not stat.S_ISDIR(place.lstat().st_mode) or (place / _REPORTED).exists():
            return None
        lock = os.open(place / _LOCK, os.O_RDWR | os.O_NOFOLLOW)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            left = LeftByKilled(place, *_in_folder(place))
            if left.waiting or left.delivered:
                (place / _REPORTED).touch(mode=0o600)
                return left
            shutil.rmtree(place, ignore_errors=True)
        finally:
            os.close(lock)
    return None


def _in_folder(folder: Path) -> tuple[int, int]:
    """Count the messages of all hosts: those that wait, and those in mailboxes."""
    counts = [_counts(file) for file in sorted(folder.glob("*.sqlite"))]
    return sum(waiting for waiting, _ in counts), sum(delivered for _, delivered in counts)


def _counts(file: Path) -> tuple[int, int]:
    """Count the messages in a host's file: those that wait, and those in mailboxes.

    A file without tables holds none; one that cannot be read counts as one, and so is kept.
    """
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", uri=True)) as spool:
        try:
            [counts] = spool.execute(_COUNTS)
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise  # its host has not ended yet
            return (0, 0) if "no such table" in str(error) else (1, 0)
        except sqlite3.DatabaseError:
            return 1, 0
    return int(counts[0]), int(counts[1])


def left_in_spool(folder: Path) -> str:
    """Return a sentence about the mail that earlier runs have left in a spool; "" for none."""
    waiting = delivered = 0
    with suppress(OSError, sqlite3.Error):
        waiting, delivered = _in_folder(folder)
    if not waiting and not delivered:
        return ""
    return (
        f"{folder} holds {count_noun(waiting, 'waiting message')} and "
        f"{count_noun(delivered, 'delivered one')} of earlier runs; what waits is sent now"
    )


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
