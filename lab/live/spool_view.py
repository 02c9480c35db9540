"""Reads what the hosts of a live run have stored, while they go on: mailboxes, queues, messages.

SQLite lets others read a file beside the process that writes it, and shows them what was committed
last. Nothing here writes, and no host waits for a reader.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from lab.live.spool_rows import DamagedSpool, as_mail

HEAD: Final = 4096
"""Bytes of a message that a list has, for its subject."""

_CACHE: Final = 256
"""Kilobytes of a host's file that are kept in memory."""

_IN_DROPS: Final = (
    "select id, user, message, stored_at, length(octets), substr(octets, 1, :head) from drops"
    " where (:user is null or user = :user) and (:before is null or stored_at < :before)"
    " order by id desc limit :most"
)
_IN_QUEUES: Final = (
    "select copies.id, host, about, stored_at, length(octets), substr(octets, 1, :head)"
    " from copies join mails on mails.id = mail"
    " where :before is null or stored_at < :before order by copies.id desc limit :most"
)
_ONE_DROP: Final = "select user, message, stored_at, octets from drops where id = ?"
_ONE_COPY: Final = (
    "select host, about, stored_at, octets from copies join mails on mails.id = mail"
    " where copies.id = ?"
)
_NEW_DROPS: Final = "select id, user from drops where id > ? order by id"
_QUEUES: Final = "select host, count(*) from copies group by host order by host"


@dataclass(frozen=True, slots=True)
class Listed:
    """A message in a list. ``number`` is its row in the file of ``host``.

    It is in the mailbox of ``user``, or, with ``next_host``, in the queue for that. ``message`` is
    the number that the host knows it by, None where it has none; ``reverse_path`` and
    ``recipients`` are those of a queue's mail. ``stored_at`` is in seconds since 1970. ``octets``
    are the first bytes in a list, and all of them in a message that was asked for.
    """

    host: str
    number: int
    user: str
    next_host: str
    message: int | None
    reverse_path: str
    recipients: tuple[str, ...]
    stored_at: float
    size: int
    octets: bytes


class SpoolView:
    """Reads the files of hosts that run. May be used by several threads.

    What cannot be read at the moment, because a host has not made its file yet, counts as empty.
    """

    def __init__(self, folder: Path, hosts: Sequence[str]) -> None:
        self._folder = folder
        self._hosts = tuple(hosts)
        self._lock = threading.Lock()
        self._files: dict[str, sqlite3.Connection] = {}
        self._mailboxes: dict[str, dict[str, int]] = {host: {} for host in hosts}
        self._last: dict[str, int] = dict.fromkeys(hosts, 0)

    def mailboxes(self, host: str) -> dict[str, int]:
        """Return how many messages are in the mailbox of each user who has some.

        Only what has come since the last call is read.
        """
        counts = self._mailboxes.get(host, {})
        with self._lock:
            for number, user in self._rows(host, _NEW_DROPS, (self._last.get(host, 0),)):
                counts[user] = counts.get(user, 0) + 1
                self._last[host] = number
            return dict(counts)

    def queues(self, host: str) -> dict[str, int]:
        """Return how many messages wait for each next host for which there are some."""
        with self._lock:
            return dict(self._rows(host, _QUEUES))

    def in_mailboxes(
        self, host: str = "", user: str | None = None, before: float | None = None, most: int = 100
    ) -> list[Listed]:
        """Return the newest messages in mailboxes, of all hosts or one, stored before a time."""
        about = {"head": HEAD, "user": user, "before": before, "most": most}
        with self._lock:
            rows = [(name, self._rows(name, _IN_DROPS, about)) for name in self._hosts_asked(host)]
        return _newest([_dropped(name, *row) for name, of_host in rows for row in of_host], most)

    def in_queues(
        self, host: str = "", before: float | None = None, most: int = 100
    ) -> list[Listed]:
        """Return the newest messages that wait for next hosts, stored before a time."""
        about = {"head": HEAD, "before": before, "most": most}
        with self._lock:
            rows = [(name, self._rows(name, _IN_QUEUES, about)) for name in self._hosts_asked(host)]
        return _newest([_waiting(name, *row) for name, of_host in rows for row in of_host], most)

    def message(self, host: str, number: int, *, is_queued: bool = False) -> Listed | None:
        """Return a message with all its bytes; None if it is not there any more."""
        with self._lock:
            rows = self._rows(host, _ONE_COPY if is_queued else _ONE_DROP, (number,))
        for first, second, at, octets in rows:
            made = _waiting if is_queued else _dropped
            return made(host, number, first, second, at, len(octets), octets)
        return None

    def close(self) -> None:
        """Let go of the files."""
        with self._lock:
            for file in self._files.values():
                file.close()
            self._files.clear()

    def _hosts_asked(self, host: str) -> tuple[str, ...]:
        return (host,) if host else self._hosts

    def _rows(self, host: str, query: str, about: Any = ()) -> list[Any]:
        """Return what is found in the file of a host: nothing, where it cannot be read."""
        try:
            return self._opened(host).execute(query, about).fetchall()
        except (sqlite3.Error, OverflowError):  # a number that SQLite does not have
            return []

    def _opened(self, host: str) -> sqlite3.Connection:
        file = self._files.get(host)
        if file is None:
            if host not in self._hosts:
                raise sqlite3.OperationalError("no such host")
            place = Path(self._folder, f"{host}.sqlite").absolute().as_uri()
            # without isolation level: no transaction stays open, which would hold up the log
            file = sqlite3.connect(
                f"{place}?mode=ro", uri=True, check_same_thread=False, isolation_level=None
            )
            file.execute(f"pragma cache_size = -{_CACHE}")  # for each of many hosts
            file.execute("select count(*) from batches").fetchall()  # fails before its tables are
            self._files[host] = file
        return file


def _dropped(
    host: str, number: int, user: str, message: int | None, at: float, size: int, octets: bytes
) -> Listed:
    return Listed(host, number, user, "", message, "", (), at, size, octets)


def _waiting(
    host: str, number: int, next_host: str, about: str, at: float, size: int, octets: bytes
) -> Listed:
    try:
        mail = as_mail(about, b"")
    except DamagedSpool:
        return Listed(host, number, "", next_host, None, "", (), at, size, octets)
    recipients = tuple(path.bare for _, path in mail.addressees)
    return Listed(
        host, number, "", next_host, mail.message, mail.reverse_path.bare, recipients, at, size,
        octets,
    )  # fmt: skip


def _newest(mails: list[Listed], most: int) -> list[Listed]:
    return sorted(mails, key=lambda mail: (mail.stored_at, mail.host, mail.number), reverse=True)[
        :most
    ]
