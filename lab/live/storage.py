"""Stable storage of a live host: its spool and its mail drops in one SQLite file.

SQLite and not a directory of files: what one acceptance does (mail into three queues and a mail
drop) becomes durable in one transaction with one fsync, whole or not at all, and several sessions'
mail may share it: what comes while the disk is busy goes with the next. RFC 821 requires mail to
be in hand before a 250 says so.

What is written is what has changed, message by message. So it costs the same however many messages
a queue holds.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path as FilePath
from typing import Any, Final

from lab.hosts.spool import QueuedMail
from lab.live.changes import Changes
from lab.live.spool_rows import (
    VERSION,
    WAITING,
    DamagedSpool,
    as_mail,
    as_text,
    checksum,
    last_marked,
    make_tables,
    mark_of,
    marked,
    readable_rows,
    version_of,
)
from lab.live.transaction import StoredCopy, StoredOctets, Transaction

_PAGE: Final = 1 << 14


_WORTH_GIVING_BACK: Final = 1 << 20
"""Bytes of empty pages from which on the file is made shorter."""

_MARGIN: Final = 8 * _PAGE
"""Bytes of the disk that are left besides the room for the log."""


_LEFT_TIMEOUT: Final = 0.5
"""Seconds for which the network waits for a file that another process still has."""


class StorageFailed(Exception):
    """The storage could not be written; ``is_full`` if there is no room."""

    def __init__(self, why: str, *, is_full: bool = False) -> None:
        super().__init__(why)
        self.is_full = is_full


class Storage:
    """The file of one host; ``write`` and ``sync`` make changes durable.

    ``durable``: whether the disk is to be waited for. ``batch`` is the number of the last commit,
    and ``unreadable`` are sentences about mail that cannot be read. ``waiting_octets`` is how large
    the mail for next hosts is, which is in memory too. Raises sqlite3.Error or DamagedSpool where
    the file is not a spool.
    """

    def __init__(self, path: FilePath, *, durable: bool = True) -> None:
        self.durable = durable
        self._folder = path.parent
        self._file = sqlite3.connect(path, isolation_level=None)
        path.chmod(0o600)  # an earlier version left it readable to others
        # a mail of 1 MB is 64 pages of this size in place of 250, each written with a call or two
        self._file.execute(f"pragma page_size = {_PAGE}")
        self._file.execute("pragma auto_vacuum = incremental")  # else no file gets shorter
        # Debian's SQLite overwrites what is deleted: all mail would be written a second time
        self._file.execute("pragma secure_delete = off")
        self._file.execute("pragma journal_mode = wal")
        self._file.execute(f"pragma synchronous = {'normal' if durable else 'off'}")
        version = version_of(self._file)
        if version == 0:
            make_tables(self._file)
        elif version != VERSION:
            raise DamagedSpool(f"it has version {version} of the tables, and not {VERSION}")
        self._log = os.open(f"{path}-wal", os.O_RDONLY)
        self.is_unsynced = False
        self._is_doubtful = False
        if durable:
            _sync_directory(path.parent)
        [[last]] = self._file.execute("select last from batches")
        self.unreadable: list[str] = []
        if (marked_as := last_marked(path)) > last:
            self.unreadable.append(f"the last {marked_as - last} commits are not there any more")
        self.batch: int = max(last, marked_as)
        self._committed: int = self.batch
        self._mark = os.open(mark_of(path), os.O_CREAT | os.O_WRONLY, 0o600)
        self._octets: dict[int, StoredOctets] = {}
        self._copies: dict[QueuedMail, StoredCopy] = {}
        self.waiting_octets = 0

    def recover(self) -> Iterator[tuple[str, str, QueuedMail]]:
        """The mail that was in the spool: next host, environment, and entry, oldest first.

        What cannot be read stays in the file, with a sentence in ``unreadable``.
        """
        last: StoredOctets | None = None
        for row, mail, host, environment, about, check, octets, octets_check, _ in self._stored():
            try:
                if octets is None or checksum(octets) != octets_check or checksum(about) != check:
                    raise DamagedSpool("it is not what was stored")
                if last is None or last.row != mail:
                    last = StoredOctets(mail, octets)
                    self._octets[id(octets)] = last
                    self.waiting_octets += len(octets)
                entry = as_mail(about, last.octets)
            except DamagedSpool as error:
                self.unreadable.append(f"message {row} for {host} is damaged: {error}")
                continue
            last.copies += 1
            self._copies[entry] = StoredCopy(row, last, host, about)
            yield host, environment, entry

    def _stored(self) -> Iterator[tuple[Any, ...]]:
        """The rows of the spool; where a page of the file is damaged, those that can be read."""
        for row in readable_rows(self._file, WAITING, "copies", "mail, copies.id"):
            if isinstance(row, str):
                self.unreadable.append(row)
            else:
                yield row

    def drops(self) -> list[tuple[str, bytes]]:
        """What lies in the mail drops: user and mail, oldest first."""
        return self._file.execute("select user, octets from drops order by id").fetchall()

    def queued(self) -> dict[QueuedMail, str]:
        """The mail of the spool, and the next host of each, as last committed."""
        return {mail: copy.queue for mail, copy in self._copies.items()}

    def restore(self, mail: QueuedMail) -> None:
        """Make mail what it was when it was last committed; its place in the queue stays."""
        known = self._copies.get(mail)
        if known is not None and known.about != as_text(mail):
            place, stored = mail.place, as_mail(known.about, mail.mail_data)
            for name in QueuedMail.__slots__:
                setattr(mail, name, getattr(stored, name))
            mail.place = place

    def counts(self) -> tuple[int, int]:
        """How many messages the file has the bytes of, and how many copies wait for next hosts."""
        [counts] = self._file.execute(
            "select (select count(*) from mails), (select count(*) from copies)"
        )
        return counts[0], counts[1]

    def checkpoint(self) -> None:
        """Copy the write-ahead log into the file, and begin it anew.

        SQLite does so by itself when the log has grown by 1,000 pages; so the cost is shared by as
        many changes.
        """
        self._file.execute("pragma wal_checkpoint(truncate)")

    def write(self, changes: Changes) -> None:
        """Commit changes: they outlive the process, but not yet the machine.

        They are one ``batch``, and numbered. ``is_unsynced`` tells whether :meth:`sync` is due.
        Raises StorageFailed if they cannot be written; then none of them is.
        """
        writing = Transaction(self._file, self._octets, self._copies)
        try:
            if self._is_doubtful:
                self._begin_log_anew()
            self._keep_room_for_log(changes.octets)
            self._file.execute("begin")
            writing.write(changes)
            self._file.execute("update batches set last = ?", (self.batch + 1,))
            self._file.execute("commit")
        except Exception as error:  # whatever it is, nothing of this has been stored
            self._roll_back()
            full = is_full(error) or (_is_of_the_disk(error) and not self._may_grow(changes.octets))
            raise StorageFailed(str(error), is_full=full) from error
        finally:
            self.batch += 1  # a number that failed is not given again
        with suppress(sqlite3.Error):
            self._give_room_back()
        self.waiting_octets += writing.finish()
        self._committed = self.batch
        self.is_unsynced = self.durable
        if not self.durable:
            self._put_mark(self.batch)

    def _put_mark(self, batch: int) -> None:
        """Note that this commit, and all before it, are on the disk."""
        with suppress(OSError):  # then less is noted than there is
            os.pwrite(self._mark, marked(batch), 0)

    def _begin_log_anew(self) -> None:
        """Copy the log into the file and empty it: part of the log may not be on the disk.

        If the disk has not confirmed the log once, it may say that it has the next time, though
        what it lost is in the middle. Raises sqlite3.Error if that fails.
        """
        [[is_busy, *_]] = self._file.execute("pragma wal_checkpoint(truncate)")
        if is_busy:
            raise sqlite3.OperationalError("the log cannot be copied into the file")
        self._is_doubtful = False

    def _keep_room_for_log(self, octets: int) -> None:
        """Have the disk keep as much room as the log takes, for the pages that go into the file.

        A log that had taken the last room could not be copied any more, and so not be emptied
        either: nothing could be stored until somebody else made room. Raises OSError where so many
        bytes of mail would take that room.
        """
        if not self._is_short_of_room(octets):
            return
        with suppress(sqlite3.Error):
            self.checkpoint()
        if octets and self._is_short_of_room(octets):
            raise OSError(errno.ENOSPC, "what is left of the disk is for the mail that is stored")

    def _give_room_back(self) -> None:
        """Cut off empty pages of the file when they are much of what is free on the disk.

        The mail is in the file of another host now, for which there may be no room else.
        """
        before = 0
        while (empty := self._empty_pages) * _PAGE >= max(_WORTH_GIVING_BACK, self._free // 8):
            if empty == before:  # a file of an earlier version does not get shorter
                return
            before = empty
            self.checkpoint()
            pages = max(1, self._free // (4 * _PAGE))  # each may move another, by way of the log
            self._file.executescript(f"pragma incremental_vacuum({pages})")  # execute() cuts off 1
            self.checkpoint()

    @property
    def _empty_pages(self) -> int:
        [[pages]] = self._file.execute("pragma freelist_count")
        return int(pages)

    @property
    def _free(self) -> int:
        """How many bytes are free on the disk."""
        disk = os.fstatvfs(self._log)
        return disk.f_bavail * disk.f_frsize

    def _is_short_of_room(self, octets: int) -> bool:
        return self._free < os.fstat(self._log).st_size + 2 * octets + _MARGIN

    def _may_grow(self, octets: int) -> bool:
        """Return whether a file here may be as large as the log with so many bytes of mail more.

        A quota or a limit on the size of files may be in the way; SQLite then says no more than
        that the disk does not work.
        """
        size = os.fstat(self._log).st_size + octets + _MARGIN
        try:
            with tempfile.TemporaryFile(dir=self._folder) as probe:
                getattr(os, "posix_fallocate", _extend)(probe.fileno(), 0, size)
        except OSError as error:
            return not is_full(error)
        return True

    def _roll_back(self) -> None:
        if self._file.in_transaction:
            with suppress(sqlite3.Error):  # SQLite may have done so itself
                self._file.execute("rollback")

    def begin_sync(self) -> int:
        """Return the number of the last commit that the next :meth:`sync` surely waits for.

        What is committed from now on is unsynced, even if the disk has not begun yet.
        """
        self.is_unsynced = False
        return self._committed

    def sync(self, batch: int) -> None:
        """Wait for the disk: what was written outlives the machine. May be called in a thread.

        The write-ahead log holds every commit since SQLite last copied it into its file, which it
        does in order, with the disk waited for; so the log is all that there is to wait for.
        ``batch`` is what :meth:`begin_sync` returned. Raises OSError.
        """
        try:
            _sync(self._log)
        except OSError:
            self._is_doubtful = True
            raise
        self._put_mark(batch)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._log)
        os.close(self._mark)
        self._file.close()


def is_full(error: BaseException) -> bool:
    """Return whether an error says that there is no room."""
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    return getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_FULL


def _is_of_the_disk(error: Exception) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_IOERR


def _extend(file: int, begin: int, size: int) -> None:
    """Make a file longer, where the system cannot reserve the room for that."""
    os.ftruncate(file, begin + size)


def left_in(path: FilePath) -> tuple[int, int] | None:
    """What a file holds whose process is no more: the number of the last commit, and how much mail
    is in the spool.

    None where it cannot be read now: while the process that was killed waits for the disk, say, it
    still has the file.
    """
    if not path.exists():
        return 0, 0
    try:
        where = f"{path.absolute().as_uri()}?mode=rw"
        with closing(sqlite3.connect(where, timeout=_LEFT_TIMEOUT, uri=True)) as file:
            # else SQLite makes a file of its own beside it, for which a full disk has no room
            file.execute("pragma locking_mode = exclusive")
            [[batch, queued]] = file.execute(
                "select last, (select count(*) from copies) from batches"
            )
    except sqlite3.Error:
        return None
    return int(batch), int(queued)


_sync = getattr(os, "fdatasync", os.fsync)


def _sync_directory(path: FilePath) -> None:
    """Wait for the names of new files to be on the disk."""
    directory = os.open(path, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
