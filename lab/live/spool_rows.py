"""The rows of a spool file: its tables, their version, and queued mail as text and back.

Each row has a checksum, so that a byte that changed on the disk is noticed and not sent.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Final
from zlib import crc32

from lab.hosts.spool import QueuedMail
from lab.protocol import SyntaxFault, parse_path

VERSION: Final = 2
"""The version of the tables, in the file's ``user_version``; 1 was written without a number."""

APPLICATION: Final = 0x534D_5450
"""What the file says it is, in its ``application_id``: "SMTP"."""

TABLES: Final = """
create table if not exists mails (
  id integer primary key, octets blob not null, stored_at real not null, checksum integer not null);
create table if not exists copies (
  id integer primary key, mail integer not null, host text not null, environment text not null,
  about text not null, checksum integer not null);
create table if not exists drops (
  id integer primary key, user text not null, message integer, octets blob not null,
  stored_at real not null, checksum integer not null);
create table if not exists batches (id integer primary key, last integer not null);
insert or ignore into batches values (1, 0);
create view if not exists spool as
  select copies.id as id, host, environment, about, octets as mail_data
  from copies join mails on mails.id = mail;
"""
"""``mails`` holds the bytes of each message once. A row of ``copies`` is a message in the queue for
a next host: moving it, or trying it again, leaves its bytes where they are. ``drops`` is what lies
in mail drops. ``batches`` has the number of the last commit. The view ``spool`` is for people who
look at the file with ``sqlite3``."""


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
        (
            message, verb, reverse_path, return_path, addressees, failures, not_before, expires,
            relaying, takes_251, last_chance, avoided, followed, *added,
        ) = json.loads(about)  # fmt: skip
        entry = QueuedMail(
            message,
            verb,
            parse_path(reverse_path, null=True),
            parse_path(return_path, null=True),
            [(number, parse_path(text)) for number, text in addressees],
            mail_data,
        )
    except (ValueError, TypeError, SyntaxFault) as error:
        raise DamagedSpool("a row about queued mail cannot be read") from error
    entry.failures, entry.not_before, entry.expires = failures, not_before, expires
    entry.relaying, entry.takes_251, entry.last_chance = relaying, takes_251, last_chance
    entry.avoided, entry.followed = frozenset(avoided), frozenset(followed)
    entry.redirects = added[0] if added else 0  # not in a file of version 1
    written = added[1] if len(added) > 1 else {}
    entry.written = {
        number: (parse_path(text), hidden) for number, (text, hidden) in written.items()
    }
    return entry


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
    """Make the tables of this version in a file that has none."""
    file.executescript(TABLES)
    file.execute(f"pragma application_id = {APPLICATION}")
    file.execute(f"pragma user_version = {VERSION}")
