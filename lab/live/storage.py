"""Stable storage of a live host: its spool and its mail drops in one SQLite file.

SQLite and not a directory of files: what one acceptance does (mail into three queues and a mail
drop) becomes durable in one transaction with one fsync, whole or not at all, and several sessions'
mail may share it: what comes while the disk is busy goes with the next. RFC 821 asks that mail be
in hand before 250 says so.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path as FilePath

from lab.hosts.spool import Queue, QueuedMail
from lab.protocol import parse_path

_PAGE = 1 << 14
_TABLES = """
create table if not exists spool (
  id integer primary key, host text not null, environment text not null,
  about text not null, mail_data blob not null);
create table if not exists drops (
  id integer primary key, user text not null, message integer, octets blob not null);
create table if not exists batches (id integer primary key, last integer not null);
insert or ignore into batches values (1, 0);
"""


class Storage:
    """The file of one host; ``commit`` and ``sync`` make what was put in durable.

    ``durable``: whether the disk is to be waited for. ``batch`` is the number of the last commit;
    ``is_open`` is set while something waits for the next. Raises sqlite3.Error where the file is
    none.
    """

    def __init__(self, path: FilePath, *, durable: bool = True) -> None:
        self.durable = durable
        self._file = sqlite3.connect(path, isolation_level=None)
        # a mail of 1 MB is 64 pages of this size in place of 250, each written with a call or two
        self._file.execute(f"pragma page_size = {_PAGE}")
        # one process has the file; so no lock is asked for at each transaction
        self._file.execute("pragma locking_mode = exclusive")
        self._file.execute("pragma journal_mode = wal")
        self._file.execute(f"pragma synchronous = {'normal' if durable else 'off'}")
        self._file.executescript(_TABLES)
        self._log = os.open(f"{path}-wal", os.O_RDONLY)
        self.is_unsynced = False
        if durable:
            _sync_directory(path.parent)
        [[self.batch]] = self._file.execute("select last from batches")
        self._kept: dict[str, dict[int, tuple[int, QueuedMail, str]]] = {}
        self.is_open = False

    def recover(self) -> Iterator[tuple[str, str, QueuedMail]]:
        """The mail that was in the spool: next host, environment, and entry, oldest first."""
        rows = self._file.execute("select id, host, environment, about, mail_data from spool")
        for number, host, environment, about, mail_data in rows.fetchall():
            entry = _read(about, mail_data)
            self._kept.setdefault(host, {})[id(entry)] = (number, entry, about)
            yield host, environment, entry

    def drops(self) -> list[tuple[str, bytes]]:
        """What lies in the mail drops: user and mail, oldest first."""
        return self._file.execute("select user, octets from drops order by id").fetchall()

    def keep(self, queue: Queue, under_way: Iterable[QueuedMail]) -> None:
        """Have the file hold what a queue holds, and what of it is under way."""
        self._begin()
        kept = self._kept.setdefault(queue.host, {})
        entries = {id(entry): entry for entry in (*queue.entries, *under_way)}
        for key in [key for key in kept if key not in entries]:
            self._file.execute("delete from spool where id = ?", (kept.pop(key)[0],))
        for key, entry in entries.items():
            about = _written(entry)
            known = kept.get(key)
            if known is None:
                row = (queue.host, queue.environment, about, entry.mail_data)
                made = self._file.execute(
                    "insert into spool (host, environment, about, mail_data) values (?, ?, ?, ?)",
                    row,
                )
                kept[key] = (int(made.lastrowid or 0), entry, about)
            elif known[2] != about:
                self._file.execute("update spool set about = ? where id = ?", (about, known[0]))
                kept[key] = (known[0], entry, about)

    def drop(self, user: str, message: int | None, octets: bytes) -> None:
        """Put mail into a mail drop."""
        self._begin()
        row = (user, message, octets)
        self._file.execute("insert into drops (user, message, octets) values (?, ?, ?)", row)

    def commit(self) -> None:
        """Write what was put in since the last time: it outlives the process, not yet the machine.

        It is one ``batch``, and numbered. ``is_unsynced`` tells whether :meth:`sync` is due.
        """
        if self.is_open:
            self.is_open = False
            self.batch += 1
            self._file.execute("update batches set last = ?", (self.batch,))
            self._file.execute("commit")
            self.is_unsynced = self.durable

    def sync(self) -> None:
        """Wait for the disk: what was written outlives the machine. May be called in a thread.

        The write-ahead log holds every commit since SQLite last copied it into its file, which it
        does in order, with the disk waited for; so the log is all that there is to wait for.
        """
        self.is_unsynced = False
        _sync(self._log)

    def _begin(self) -> None:
        if not self.is_open:
            self.is_open = True
            self._file.execute("begin")

    def close(self) -> None:
        """Commit, and let go of the file."""
        self.commit()
        os.close(self._log)
        self._file.close()


def last_batch(path: FilePath) -> int:
    """The number of the last commit that a file holds whose process is no more.

    0 where it cannot be read: on a disk that is full, say.
    """
    file = sqlite3.connect(path)
    try:
        [[batch]] = file.execute("select last from batches")
    except sqlite3.Error:
        return 0
    finally:
        file.close()
    return int(batch)


def _written(entry: QueuedMail) -> str:
    """An entry but for its mail data, as JSON."""
    return json.dumps(
        [
            entry.message, entry.verb, entry.reverse_path.text, entry.return_path.text,
            [[number, path.text] for number, path in entry.addressees],
            entry.failures, entry.not_before, entry.expires, entry.relaying, entry.takes_251,
            entry.last_chance, sorted(entry.avoided), sorted(entry.followed), entry.redirects,
        ]
    )  # fmt: skip


def _read(about: str, mail_data: bytes) -> QueuedMail:
    (
        message, verb, reverse_path, return_path, addressees, failures, not_before, expires,
        relaying, takes_251, last_chance, avoided, followed, redirects,
    ) = json.loads(about)  # fmt: skip
    entry = QueuedMail(
        message,
        verb,
        parse_path(reverse_path, null=True),
        parse_path(return_path, null=True),
        [(number, parse_path(text)) for number, text in addressees],
        mail_data,
    )
    entry.failures, entry.not_before, entry.expires = failures, not_before, expires
    entry.relaying, entry.takes_251, entry.last_chance = relaying, takes_251, last_chance
    entry.avoided, entry.followed = frozenset(avoided), frozenset(followed)
    entry.redirects = redirects
    return entry


_sync = getattr(os, "fdatasync", os.fsync)


def _sync_directory(path: FilePath) -> None:
    """Wait for the names of new files to be on the disk."""
    directory = os.open(path, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
