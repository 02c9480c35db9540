"""The rows of a spool file: its tables, their version, and queued mail as text and back.

Each row has a checksum, so that a byte that changed on the disk is noticed and not sent.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from zlib import crc32

from lab.hosts.spool import QueuedMail
from lab.protocol import SyntaxFault, parse_path

VERSION: Final = 2
"""The version of the tables, in the file's ``user_version``; 1 was written without a number."""

APPLICATION: Final = 0x534D_5450
"""What the file says it is, in its ``application_id``: "SMTP"."""

TABLES: Final = """
create table if not exists mails (
  id integer primary key, stored_at real not null, checksum integer not null, octets blob not null);
create table if not exists copies (
  id integer primary key, mail integer not null, host text not null, environment text not null,
  about text not null, checksum integer not null);
create table if not exists drops (
  id integer primary key, user text not null, message integer, stored_at real not null,
  checksum integer not null, octets blob not null);
create table if not exists batches (id integer primary key, last integer not null);
insert or ignore into batches values (1, 0);
create view if not exists spool as
  select copies.id as id, host, environment, about, octets as mail_data
  from copies join mails on mails.id = mail;
"""
"""``mails`` holds the bytes of each message once. A row of ``copies`` is a message in the queue for
a next host: moving it, or trying it again, leaves its bytes where they are. ``drops`` is what lies
in mail drops. Bytes are the last column, so that SQLite does not build a row of them in memory; a
file of an earlier version has them before others. ``batches`` has the number of the last commit.
The view ``spool`` is for people who look at the file with ``sqlite3``."""


WAITING: Final = (
    "select copies.id, mail, host, environment, about, copies.checksum, octets, mails.checksum,"
    " stored_at from copies left join mails on mails.id = mail"
)
"""Selects the mail of the spool, without order."""


class DamagedSpool(Exception):
    """A row of a spool file is not what was written there; the message says which."""


def as_text(entry: QueuedMail) -> str:
    """Return queued mail without its mail data, as JSON."""
    return json.dumps(
        [
            entry.message, entry.verb, entry.reverse_path.text, entry.return_path.text,
            [[number, path.text] for number, path in entry.addressees],
            entry.failures, entry.not_before, entry.expires, entry.relaying, entry.takes_251,
            entry.last_chance, sorted(entry.avoided), sorted(entry.followed), entry.redirects,
            {
                number: (entry.written[number][0].text, entry.written[number][1])
                for number, _ in entry.addressees if number in entry.written
            },
        ]
    )  # fmt: skip


def as_mail(about: str, mail_data: bytes) -> QueuedMail:
    """Return queued mail from its JSON and its mail data; raise DamagedSpool if it is not."""
    try:
        return _mail(about, mail_data)
    except (ValueError, TypeError, KeyError, AttributeError, SyntaxFault) as error:
        raise DamagedSpool("a row about queued mail cannot be read") from error


def _mail(about: str, mail_data: bytes) -> QueuedMail:
    (
        message, verb, reverse_path, return_path, addressees, failures, not_before, expires,
        relaying, takes_251, last_chance, avoided, followed, *added,
    ) = json.loads(about)  # fmt: skip
    mail = QueuedMail(
        message,
        verb,
        parse_path(reverse_path, null=True),
        parse_path(return_path, null=True),
        [(number, parse_path(text)) for number, text in addressees],
        mail_data,
    )
    mail.failures, mail.not_before, mail.expires = (
        int(failures),
        _number(not_before),
        _number(expires),
    )
    mail.relaying, mail.takes_251, mail.last_chance = relaying, takes_251, last_chance
    mail.avoided, mail.followed = frozenset(avoided), frozenset(followed)
    mail.redirects = int(added[0]) if added else 0  # not in a file of version 1
    written = added[1] if len(added) > 1 else {}
    mail.written = {
        number: (parse_path(text), hidden) for number, (text, hidden) in written.items()
    }
    return mail


def _number(value: object) -> float:
    """Return a number that JSON had; raise TypeError for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{value!r} is not a number")
    return value


def readable_rows(
    file: sqlite3.Connection, select: str, table: str, order: str
) -> Iterator[tuple[Any, ...] | str]:
    """Yield the rows of a select, in order, whose first column is the ``id`` of a table.

    Where a page of the file is damaged, yield a sentence for that, and those rows that can be read.
    """
    seen = set()
    try:
        for stored in file.execute(f"{select} order by {order}"):
            seen.add(stored[0])
            yield stored
        return
    except sqlite3.Error as error:
        yield f"the spool is damaged: {error}"
    for number in _numbers(file, table, order):
        if number in seen:
            continue
        try:
            yield from file.execute(f"{select} where {table}.id = ?", (number,)).fetchall()
        except sqlite3.Error as error:
            yield f"message {number} is damaged: {error}"


def _numbers(file: sqlite3.Connection, table: str, order: str) -> list[int]:
    """The numbers of the rows of a table, as many as can be read."""
    numbers = []
    with suppress(sqlite3.Error):
        for [number] in file.execute(f"select id from {table} order by {order}"):
            numbers.append(number)
    return numbers


# -- the number of the last commit that is on the disk ------------------------------------------

_NUMBER: Final = 8


def mark_of(path: Path) -> Path:
    """Return the file beside a spool file that has the number of its last commit on the disk.

    A log of SQLite's that is cut off reads as one that ends there: this number tells that.
    """
    return path.with_name(f"{path.name}-last")


def marked(batch: int) -> bytes:
    """Return what that file has in it for a number: the number, and its checksum."""
    octets = batch.to_bytes(_NUMBER, "big")
    return octets + crc32(octets).to_bytes(4, "big")


def last_marked(path: Path) -> int:
    """Return the number of the last commit that was on the disk, as far as the mark tells: or 0."""
    try:
        octets = mark_of(path).read_bytes()
    except OSError:
        return 0
    number = int.from_bytes(octets[:_NUMBER], "big")
    return number if marked(number) == octets else 0


def checksum(about: str | bytes) -> int:
    """Return the checksum of a row's text or bytes."""
    return crc32(about.encode() if isinstance(about, str) else about)


def version_of(file: sqlite3.Connection) -> int:
    """Return the version of a spool file's tables; 0 for a file without any."""
    [[version]] = file.execute("pragma user_version")
    if version:
        return int(version)
    old = file.execute(
        "select 1 from sqlite_master where type = 'table' and name = 'spool'"
    ).fetchall()
    return 1 if old else 0


def make_tables(file: sqlite3.Connection) -> None:
    """Make the tables of this version in a file that has none: all of them or, if killed, none."""
    file.executescript(
        f"begin; {TABLES} pragma application_id = {APPLICATION};"
        f" pragma user_version = {VERSION}; commit"
    )
