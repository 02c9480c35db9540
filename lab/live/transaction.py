"""One transaction of the storage: statements for what has changed, and what the file then has."""

from __future__ import annotations

import sqlite3
import time
from typing import Any, Final

from lab.hosts.spool import Queue, QueuedMail
from lab.live.changes import Changes, Delivery
from lab.live.spool_rows import (
    as_text,
    checksum,
)

_LARGE: Final = 1 << 20
"""Bytes of mail that are written piece by piece, as SQLite would copy them twice otherwise."""


_PIECE: Final = 1 << 18


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


class StoredOctets:
    """The bytes of a message in the file: its row, and how many copies have it."""

    __slots__ = ("copies", "octets", "row")

    def __init__(self, row: int, octets: bytes) -> None:
        self.row = row
        self.octets = octets
        self.copies = 0


class StoredCopy:
    """A message in the queue for a next host, as the file has it."""

    __slots__ = ("about", "octets", "queue", "row")

    def __init__(self, row: int, octets: StoredOctets, queue: str, about: str) -> None:
        self.row = row
        self.octets = octets
        self.queue = queue
        self.about = about


class Transaction:
    """One transaction, and what it adds to and takes from what is known of the file.

    That is known only when it has succeeded: :meth:`finish`.
    """

    def __init__(
        self,
        file: sqlite3.Connection,
        octets: dict[int, StoredOctets],
        copies: dict[QueuedMail, StoredCopy],
    ) -> None:
        self._file = file
        self._octets = octets
        self._copies = copies
        self._now = time.time()
        self._made: dict[QueuedMail, StoredCopy] = {}
        self._gone: list[QueuedMail] = []
        self._new: dict[int, StoredOctets] = {}
        self._counts: dict[StoredOctets, int] = {}
        self._rows: list[tuple[Delivery, int]] = []

    def write(self, changes: Changes) -> None:
        """Carry out what has changed; the caller begins and commits."""
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
            self._made[mail] = StoredCopy(int(made or 0), octets, queue.host, about)
        elif known.about != about or known.queue != queue.host:
            now = (queue.host, queue.environment, about, checksum(about), known.row)
            self._file.execute(_UPDATE_COPY, now)
            self._made[mail] = StoredCopy(known.row, known.octets, queue.host, about)

    def _remove(self, mail: QueuedMail) -> None:
        known = self._copies[mail]
        self._file.execute("delete from copies where id = ?", (known.row,))
        self._gone.append(mail)
        self._count(known.octets, -1)

    def _row_of(self, octets: bytes) -> StoredOctets:
        """Return the row that has these bytes; make it if there is none."""
        key = id(octets)
        known = self._octets.get(key) or self._new.get(key)
        if known is None:
            row = self._insert("mails", _INSERT_MAIL, octets, (self._now, checksum(octets)))
            known = self._new[key] = StoredOctets(row, octets)
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

    def _count(self, octets: StoredOctets, by: int) -> None:
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
