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
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path as FilePath
from typing import Any, Final

from lab.hosts.spool import Queue, QueuedMail
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

_PAGE: Final = 1 << 14

_LARGE: Final = 1 << 20
"""Bytes of mail that are written piece by piece, as SQLite would copy them twice otherwise."""

_PIECE: Final = 1 << 18

_MARGIN: Final = 8 * _PAGE
"""Bytes of the disk that are left besides the room for the log."""

_INSERT_MAIL: Final = "insert into mails (octets, stored_at, checksum) values (?, ?, ?)"
_INSERT_COPY: Final = (
    "insert into copies (mail, host, environment, about, checksum) values (?, ?, ?, ?, ?)"
)
_INSERT_DROP: Final = (
    "insert into drops (octets, user, message, stored_at, checksum) values (?, ?, ?, ?, ?)"
)
_UPDATE_COPY: Final = (
    "update copies set host = ?, environment = ?, about = ?, checksum = ? where id = ?"
)


_LEFT_TIMEOUT: Final = 0.5
"""Seconds for which the network waits for a file that another process still has."""


class StorageFailed(Exception):
    """The storage could not be written; ``is_full`` if there is no room."""

    def __init__(self, why: str, *, is_full: bool = False) -> None:
        super().__init__(why)
        self.is_full = is_full


class Delivery:
    """Mail for a user's mail drop; ``row`` is its number there, 0 while it is not stored."""

    __slots__ = ("message", "octets", "row", "user")

    def __init__(self, user: str, message: int | None, octets: bytes) -> None:
        self.user = user
        self.message = message
        self.octets = octets
        self.row = 0


class Changes:
    """What has changed since the last commit.

    ``mails`` is queued mail that was added or changed, with its queue; with None, mail that is not
    in the spool any more. ``deliveries`` are for mail drops; ``withdrawn`` are taken out of them.
    """

    __slots__ = ("deliveries", "mails", "withdrawn")

    def __init__(self) -> None:
        self.mails: dict[QueuedMail, Queue | None] = {}
        self.deliveries: list[Delivery] = []
        self.withdrawn: list[Delivery] = []

    def __bool__(self) -> bool:
        return bool(self.mails or self.deliveries or self.withdrawn)

    @property
    def octets(self) -> int:
        """How many bytes of mail they add at most; the same mail for several hosts counts once."""
        kept = [mail.mail_data for mail, queue in self.mails.items() if queue is not None]
        mails = {id(octets): len(octets) for octets in kept}
        return sum(mails.values()) + sum(len(each.octets) for each in self.deliveries)

    def add(self, later: Changes) -> None:
        """Add what changed after these changes."""
        self.mails.update(later.mails)
        self.deliveries += later.deliveries
        self.withdrawn += later.withdrawn

    def undone(self) -> Changes:
        """Return the changes that take back what these have added."""
        changes = Changes()
        changes.mails = dict.fromkeys(self.mails)
        changes.withdrawn = list(self.deliveries)
        return changes


class _Octets:
    """The bytes of a message in the file: its row, and how many copies have it."""

    __slots__ = ("copies", "octets", "row")

    def __init__(self, row: int, octets: bytes) -> None:
        self.row = row
        self.octets = octets
        self.copies = 0


class _Copy:
    """A message in the queue for a next host, as the file has it."""

    __slots__ = ("about", "octets", "queue", "row")

    def __init__(self, row: int, octets: _Octets, queue: str, about: str) -> None:
        self.row = row
        self.octets = octets
        self.queue = queue
        self.about = about


class Storage:
    """The file of one host; ``write`` and ``sync`` make changes durable.

    ``durable``: whether the disk is to be waited for. ``batch`` is the number of the last commit,
    and ``unreadable`` are sentences about mail that cannot be read. ``waiting_octets`` is how large
    the mail for next hosts is, which is in memory too. Raises sqlite3.Error or DamagedSpool where
    the file is not a spool.
    """

    def __init__(self, path: FilePath, *, durable: bool = True) -> None:
        self.durable = durable
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
        self._octets: dict[int, _Octets] = {}
        self._copies: dict[QueuedMail, _Copy] = {}
        self.waiting_octets = 0

    def recover(self) -> Iterator[tuple[str, str, QueuedMail]]:
        """The mail that was in the spool: next host, environment, and entry, oldest first.

        What cannot be read stays in the file, with a sentence in ``unreadable``.
        """
        last: _Octets | None = None
        for row, mail, host, environment, about, check, octets, octets_check, _ in self._stored():
            try:
                if octets is None or checksum(octets) != octets_check or checksum(about) != check:
                    raise DamagedSpool("it is not what was stored")
                if last is None or last.row != mail:
                    last = _Octets(mail, octets)
                    self._octets[id(octets)] = last
                    self.waiting_octets += len(octets)
                entry = as_mail(about, last.octets)
            except DamagedSpool as error:
                self.unreadable.append(f"message {row} for {host} is damaged: {error}")
                continue
            last.copies += 1
            self._copies[entry] = _Copy(row, last, host, about)
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
        writing = _Transaction(self._file, self._octets, self._copies)
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
            raise StorageFailed(str(error), is_full=_is_full(error)) from error
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
        while (empty := self._empty_pages) * _PAGE >= max(_LARGE, self._free // 8):
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


class _Transaction:
    """One transaction, and what it adds to and takes from what is known of the file.

    That is known only when it has succeeded: :meth:`finish`.
    """

    def __init__(
        self,
        file: sqlite3.Connection,
        octets: dict[int, _Octets],
        copies: dict[QueuedMail, _Copy],
    ) -> None:
        self._file = file
        self._octets = octets
        self._copies = copies
        self._now = time.time()
        self._made: dict[QueuedMail, _Copy] = {}
        self._gone: list[QueuedMail] = []
        self._new: dict[int, _Octets] = {}
        self._counts: dict[_Octets, int] = {}
        self._rows: list[tuple[Delivery, int]] = []

    def write(self, changes: Changes) -> None:
        for entry, queue in changes.mails.items():
            if queue is not None:
                self._put(entry, queue)
            elif entry in self._copies:
                self._remove(entry)
        for delivery in changes.deliveries:
            octets = delivery.octets
            about = (delivery.user, delivery.message, self._now, checksum(octets))
            self._rows.append((delivery, self._insert("drops", _INSERT_DROP, octets, about)))
        for delivery in changes.withdrawn:
            self._file.execute("delete from drops where id = ?", (delivery.row,))
        for mail, by in self._counts.items():
            if mail.copies + by == 0:
                self._file.execute("delete from mails where id = ?", (mail.row,))

    def _put(self, mail: QueuedMail, queue: Queue) -> None:
        about = as_text(mail)
        known = self._copies.get(mail)
        if known is None:
            octets = self._row_of(mail.mail_data)
            row = (octets.row, queue.host, queue.environment, about, checksum(about))
            made = self._file.execute(_INSERT_COPY, row).lastrowid
            self._count(octets, 1)
            self._made[mail] = _Copy(int(made or 0), octets, queue.host, about)
        elif known.about != about or known.queue != queue.host:
            now = (queue.host, queue.environment, about, checksum(about), known.row)
            self._file.execute(_UPDATE_COPY, now)
            self._made[mail] = _Copy(known.row, known.octets, queue.host, about)

    def _remove(self, mail: QueuedMail) -> None:
        known = self._copies[mail]
        self._file.execute("delete from copies where id = ?", (known.row,))
        self._gone.append(mail)
        self._count(known.octets, -1)

    def _row_of(self, octets: bytes) -> _Octets:
        """Return the row that has these bytes; make it if there is none."""
        key = id(octets)
        known = self._octets.get(key) or self._new.get(key)
        if known is None:
            row = self._insert("mails", _INSERT_MAIL, octets, (self._now, checksum(octets)))
            known = self._new[key] = _Octets(row, octets)
        return known

    def _insert(self, table: str, statement: str, octets: bytes, about: tuple[Any, ...]) -> int:
        """Insert a row with the bytes of a message, and return its number."""
        if len(octets) <= _LARGE:
            return int(self._file.execute(statement, (octets, *about)).lastrowid or 0)
        room = statement.replace("values (?", "values (zeroblob(?)")
        row = int(self._file.execute(room, (len(octets), *about)).lastrowid or 0)
        with memoryview(octets) as left, self._file.blobopen(table, "octets", row) as blob:
            for begin in range(0, len(octets), _PIECE):
                blob.write(left[begin : begin + _PIECE])
        return row

    def _count(self, octets: _Octets, by: int) -> None:
        self._counts[octets] = self._counts.get(octets, 0) + by

    def finish(self) -> int:
        """Know what the file has now; return by how many bytes the mail that waits has grown."""
        grown = 0
        self._copies.update(self._made)
        for mail in self._gone:
            del self._copies[mail]
        for octets, by in self._counts.items():
            was = octets.copies > 0
            octets.copies += by
            grown += len(octets.octets) * ((octets.copies > 0) - was)
            if octets.copies:
                self._octets[id(octets.octets)] = octets
            else:
                self._octets.pop(id(octets.octets), None)
        for delivery, row in self._rows:
            delivery.row = row
        return grown


def _is_full(error: Exception) -> bool:
    """Whether an error says that there is no room."""
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    return getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_FULL


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
