"""The folder of ``lab live --spool``: a spool file for each host, read while no run has it."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from lab.hosts.spool import Queue
from lab.live.changes import Changes, Delivery
from lab.live.spool_rows import (
    VERSION,
    WAITING,
    DamagedSpool,
    as_mail,
    checksum,
    last_marked,
    mark_of,
    readable_rows,
    version_of,
)
from lab.live.storage import Storage
from lab.protocol import HostName
from lab.topology.model import Topology

_LOCK: Final = "lock"
_SUFFIX: Final = ".sqlite"
_WAIT: Final = 2_000
"""Milliseconds to wait for the hosts of a run that was killed: they end by themselves."""

_DROPS: Final = "select id, user, octets, stored_at, checksum from drops"
_LATEST: Final = 253_402_300_800.0
"""The first second after the year 9999: no mail was stored later."""


class SpoolProblem(Exception):
    """A folder or file cannot be used as a spool; the message is a sentence."""


@dataclass(frozen=True, slots=True)
class WaitingMail:
    """Mail that a host owes to a next host. ``number`` is its row in the host's file.

    ``next_try`` is in seconds of the run that stored it, ``stored_at`` in seconds since 1970.
    """

    host: str
    number: int
    next_host: str
    environment: str
    reverse_path: str
    recipients: tuple[str, ...]
    tries: int
    next_try: float
    stored_at: float
    octets: bytes


@dataclass(frozen=True, slots=True)
class DroppedMail:
    """Mail in a user's mail drop. ``number`` is its row, ``stored_at`` seconds since 1970."""

    host: str
    user: str
    number: int
    stored_at: float
    octets: bytes


def stored_date(seconds: float) -> str:
    """Return when mail was stored, in seconds since 1970, as a date and time of this place."""
    return datetime.fromtimestamp(seconds).astimezone().isoformat(timespec="seconds")


@dataclass(slots=True)
class HostSpool:
    """What the file of one host holds; ``problems`` are sentences about what cannot be read."""

    host: str
    waiting: list[WaitingMail] = field(default_factory=list)
    drops: list[DroppedMail] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def is_named(self, name: str) -> bool:
        """Return whether this is the host of a name, upper and lower case alike."""
        return HostName(self.host) == HostName(name)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock the folder for this run; raises SpoolProblem if another run has it, or it is
    read-only.
    """
    try:
        lock = os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    except OSError as error:
        raise SpoolProblem(
            f"{folder}: the spool cannot be written: {error.strerror}; choose another folder"
        ) from None
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SpoolProblem(
                f"{folder}: the spool is in use by another run; wait until that has ended, or "
                "choose another folder"
            ) from None
        yield
    finally:
        os.close(lock)


def host_files(folder: Path) -> dict[str, Path]:
    """Return the file of each host, by its name."""
    return {path.name.removesuffix(_SUFFIX): path for path in sorted(folder.glob(f"*{_SUFFIX}"))}


def read_folder(folder: Path) -> list[HostSpool]:
    """Return what the files of a folder hold. Raises SpoolProblem if it is not a spool."""
    if not folder.is_dir():
        raise SpoolProblem(f"{folder}: there is no such folder; use that of lab live --spool")
    files = host_files(folder)
    if not files:
        raise SpoolProblem(f"{folder}: there is no spool in it; use the folder of lab live --spool")
    with locked(folder):
        return [_read(name, path) for name, path in files.items()]


def check_folder(folder: Path, topology: Topology) -> None:
    """Raise SpoolProblem if a run of a topology cannot go on with what a folder holds."""
    for name, path in host_files(folder).items():
        spool = _read(name, path)
        if spool.problems:
            raise SpoolProblem(spool.problems[0])
        for mail in spool.waiting:
            _check_map(folder, mail, topology)


def _check_map(folder: Path, mail: WaitingMail, topology: Topology) -> None:
    """Raise SpoolProblem if mail is of a host, or for one, that the topology does not have."""
    for name in (mail.host, mail.next_host):
        spec = topology.hosts.get(name)
        if spec is None or spec.kind != "host":
            why = f"{name}, which is not a host of this topology"
        elif name == mail.host and spec.external:
            why = f"{name}, which is external in this topology"
        else:
            continue
        where = "at" if name == mail.host else "for"
        raise SpoolProblem(
            f"{folder}: mail waits {where} {why}; run the topology that it was stored with, or "
            f"take the mail out with lab spool {folder} --export OUT and choose another folder"
        )


def migrate(folder: Path) -> list[str]:
    """Bring the files of a folder up to date; return the hosts whose files have changed.

    A file as it was stays beside the new one, with ``.old`` at the end of its name.
    """
    changed = []
    with locked(folder):
        for name, path in host_files(folder).items():
            with _opened(name, path) as file:
                if version_of(file) != 1:
                    continue
                mails = file.execute(
                    "select host, environment, about, mail_data from spool order by id"
                ).fetchall()
                drops = file.execute("select user, message, octets from drops order by id")
                _write_anew(path, mails, drops.fetchall())
            path.rename(f"{path}.old")
            new = Path(f"{path}.new")
            mark_of(new).rename(mark_of(path))
            new.rename(path)
            changed.append(name)
    return changed


def _write_anew(path: Path, mails: list[Any], drops: list[Any]) -> None:
    """Write what a file of version 1 holds into a new file beside it."""
    new = Path(f"{path}.new")
    new.unlink(missing_ok=True)
    changes = Changes()
    for host, environment, about, mail_data in mails:
        changes.mails[as_mail(about, mail_data)] = Queue(host, environment)
    changes.deliveries = [Delivery(*drop) for drop in drops]
    storage = Storage(new)
    storage.write(changes)
    storage.checkpoint()
    storage.close()


@contextmanager
def _opened(name: str, path: Path) -> Iterator[sqlite3.Connection]:
    """Open the file of a host; raises SpoolProblem where SQLite fails, the file open or not."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)) as file:
            file.execute(f"pragma busy_timeout = {_WAIT}")
            # else SQLite makes a file of its own beside it, for which a full disk has no room
            file.execute("pragma locking_mode = exclusive")
            yield file
    except (sqlite3.Error, DamagedSpool) as error:
        if "locked" in str(error):
            why = f"{path}: the spool is in use by another run; wait until that has ended"
        else:
            why = f"{name}: {path} cannot be used as stable storage: {_one_line(error)}"
        raise SpoolProblem(why) from None


def _why_not_a_file(path: Path) -> str:
    """Return why a path cannot be the file of a host; "" if it can be one."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        return str(error.strerror)
    if stat.S_ISDIR(mode):
        return "it is a folder, and not a file"
    if not stat.S_ISREG(mode):
        return "it is not a file"
    return "" if os.access(path, os.R_OK | os.W_OK) else "it may not be read and written"


def _read(name: str, path: Path) -> HostSpool:
    spool = HostSpool(name)
    try:
        if why := _why_not_a_file(path):
            raise SpoolProblem(f"{name}: {path} cannot be used as stable storage: {why}")
        with _opened(name, path) as file:
            version = version_of(file)
            _check_version(path, version)
            _check_whole(spool, path, file, version)
            if version:
                _read_waiting(spool, path, file)
                _read_drops(spool, path, file)
    except SpoolProblem as problem:
        spool.problems.append(str(problem))
    return spool


def _check_version(path: Path, version: int) -> None:
    if version == 1:
        raise SpoolProblem(
            f"{path}: the spool has an older format; bring it up to date with "
            f"lab spool {path.parent} --migrate"
        )
    if version not in (0, VERSION):
        raise SpoolProblem(
            f"{path}: the spool has format {version}, of another version of smtp-lab; this one "
            f"reads format {VERSION}"
        )


def _check_whole(spool: HostSpool, path: Path, file: sqlite3.Connection, version: int) -> None:
    """Note pages that are damaged, and commits that are missing."""
    try:
        for [verdict] in file.execute("pragma quick_check(1)"):
            if verdict != "ok":
                spool.problems.append(f"{path}: the spool is damaged: {_one_line(verdict)}")
    except sqlite3.Error as error:
        spool.problems.append(f"{path}: the spool is damaged: {_one_line(error)}")
    last = file.execute("select last from batches").fetchone() if version else (0,)
    if last is None or not isinstance(last[0], int):
        spool.problems.append(f"{path}: the spool is damaged: the number of commits is gone")
    elif (missing := last_marked(path) - last[0]) > 0:
        commits = "1 commit is" if missing == 1 else f"{missing} commits are"
        spool.problems.append(
            f"{path}: the spool is damaged: the last {commits} missing; {path.name}-wal, or the "
            "file itself, has been cut off, changed or removed"
        )
    elif not version and file.execute("select 1 from sqlite_master").fetchone():
        spool.problems.append(f"{path}: this is not a spool, but another file of SQLite's")


def _one_line(text: object) -> str:
    return " ".join(str(text).split())


def _is_date(seconds: object) -> bool:
    return isinstance(seconds, (int, float)) and 0 <= seconds < _LATEST


def _read_waiting(spool: HostSpool, path: Path, file: sqlite3.Connection) -> None:
    for row in readable_rows(file, WAITING, "copies", "mail, copies.id"):
        if isinstance(row, str):
            spool.problems.append(f"{path}: {_one_line(row)}")
            continue
        number, _, peer, environment, about, check, octets, octets_check, at = row
        try:
            if octets is None or checksum(octets) != octets_check or checksum(about) != check:
                raise DamagedSpool("it is not what was stored")
            if not _is_date(at):
                raise DamagedSpool("its date cannot be read")
            mail = as_mail(about, octets)
        except DamagedSpool as error:
            spool.problems.append(f"{path}: message {number} for {peer} is damaged: {error}")
            continue
        recipients = tuple(path.bare for _, path in mail.addressees)
        spool.waiting.append(
            WaitingMail(
                spool.host, number, peer, environment, mail.reverse_path.bare, recipients,
                mail.failures, mail.not_before, at, octets,
            )
        )  # fmt: skip


def _read_drops(spool: HostSpool, path: Path, file: sqlite3.Connection) -> None:
    for row in readable_rows(file, _DROPS, "drops", "id"):
        if isinstance(row, str):
            spool.problems.append(f"{path}: {_one_line(row)}")
            continue
        number, user, octets, at, check = row
        if isinstance(octets, bytes) and checksum(octets) == check and _is_date(at):
            spool.drops.append(DroppedMail(spool.host, str(user), number, at, octets))
        else:
            spool.problems.append(f"{path}: message {number} of {user} is damaged")
