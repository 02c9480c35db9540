"""The digest of a trace: the same for a run wherever and however it was made.

Each host's own events are hashed in their order, and the hosts' hashes together, host by host by
name. A session or message is named by the host where it first appeared, and its number among those
that first appeared there. So the digest does not depend on how events of different hosts at the
same instant were interleaved, nor on how a run was divided among processes.

Events are encoded in MessagePack, which has exactly one form for each number and text: times are
eight bytes, however Python or a machine would print them. How bytes crossed lines (the optional
columns) is not hashed: the first traces did not have it, and it follows from what is hashed.
"""

from __future__ import annotations

import hashlib
import json
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec

from lab.trace.rows import HOST, KIND, KINDS, MESSAGE, OPTIONAL, OWN, PEER, SESSION, Row, T

_MOST_BYTES: Final = 1 << 20
"""Bytes of rows of a host that are hashed together."""


_ENDS: Final = {kind: OWN + len(KINDS[kind]) for kind in OPTIONAL}
"""For the kinds that may have more columns than are hashed, where these end."""


_MAIL: Final = frozenset({"data", "deliver", "terminal"})
"""The kinds whose last column is mail."""

_EMPTY: Final = b"\xc4\x00"
_LONG: Final = b"\xc6"
"""What MessagePack writes for no bytes, and before the length of many."""


class NumberNames:
    """Names consecutive numbers by the host at which they first appeared.

    A number takes eight bytes: the index of the host, and its rank among the numbers that first
    appeared there (0 for a number that has not appeared).
    """

    def __init__(self) -> None:
        self._hosts: list[str] = []
        self._indices: dict[str, int] = {}
        self._counts: list[int] = []
        self._host_of = array("I")
        self._rank_of = array("I")
        self._scattered: dict[int, tuple[str, int]] = {}

    def name(self, number: int, host: str) -> tuple[str, int]:
        """Return the name of a number that appears at a host, now or before."""
        host_of = self._host_of
        if 0 <= number < len(host_of):
            if rank := self._rank_of[number]:
                return self._hosts[host_of[number]], rank
        elif not 0 <= number < 2 * len(host_of) + 4096:
            # not a number of the lab's: another program wrote this trace
            if number not in self._scattered:
                self._scattered[number] = self._next(host)
            return self._scattered[number]
        else:
            zeros = [0] * (number + 1 - len(host_of))
            host_of.extend(zeros)
            self._rank_of.extend(zeros)
        name, rank = self._next(host)
        host_of[number] = self._indices[name]
        self._rank_of[number] = rank
        return name, rank

    def _next(self, host: str) -> tuple[str, int]:
        """Return the name of the next number that first appears at a host."""
        index = self._indices.get(host)
        if index is None:
            index = self._indices[host] = len(self._hosts)
            self._hosts.append(host)
            self._counts.append(0)
        self._counts[index] += 1
        return host, self._counts[index]


Naming = Callable[[int, str], tuple[str, int]]
"""Returns the name of a number that appears at a host: where it first appeared, and its rank."""


class Digests:
    """The hashes of the hosts of a run, taken from its rows as they come.

    ``session_name`` and ``message_name`` name the sessions and messages, if their numbers are not
    consecutive.
    """

    def __init__(
        self, session_name: Naming | None = None, message_name: Naming | None = None
    ) -> None:
        self._session_name = session_name or NumberNames().name
        self._message_name = message_name or NumberNames().name
        self._hosts: dict[str, Any] = {}
        self._encode = msgspec.msgpack.Encoder().encode_into

    def take(self, rows: Iterable[Row]) -> None:
        """Take the next rows of the trace."""
        session_name, message_name, encode = self._session_name, self._message_name, self._encode
        # few sessions have many rows: their names are looked up here, until the next rows
        sessions: dict[int, tuple[str, int]] = {}
        messages: dict[int, tuple[str, int]] = {}
        texts: dict[str, bytearray] = {}
        for row in rows:
            kind, host, session = row[KIND], row[HOST], row[SESSION]
            message, columns = row[MESSAGE], row[OWN : _ENDS.get(kind)]
            if session is not None:
                name = sessions.get(session)
                if kind == "loss":
                    name = None  # when a greeting is lost, its host does not know the session yet
                elif name is None:
                    name = sessions[session] = session_name(session, host)
                session = name
            if kind == "notify":
                columns = (message_name(columns[0], host), *columns[1:])
            elif kind == "start":
                made_from = {key: of for key, of in columns[0].items() if key != "expect"}
                columns = (json.dumps(made_from, sort_keys=True),)
            if message is not None:
                name = messages.get(message)
                if name is None:
                    name = messages[message] = message_name(message, host)
                message = name
            text = texts.get(host)
            if text is None:
                text = texts[host] = bytearray()
            mail = columns[-1] if kind in _MAIL else b""
            if len(mail) > _MOST_BYTES:  # it is not copied: it may be many megabytes
                columns = (*columns[:-1], b"")
                encode((row[T], kind, host, row[PEER], session, message, columns), text, -1)
                text[-len(_EMPTY) :] = _LONG + len(mail).to_bytes(4, "big")
                self._hash(host, texts.pop(host))
                self._hosts[host].update(mail)
                continue
            encode((row[T], kind, host, row[PEER], session, message, columns), text, -1)
            if len(text) > _MOST_BYTES:
                self._hash(host, texts.pop(host))
        for host, text in texts.items():
            self._hash(host, text)

    def _hash(self, host: str, text: bytearray) -> None:
        sha = self._hosts.get(host)
        if sha is None:
            sha = self._hosts[host] = hashlib.sha256()
        sha.update(text)

    def hashes(self) -> dict[str, bytes]:
        """Return the 32 bytes of the hash of each host's events so far."""
        return {host: sha.digest() for host, sha in self._hosts.items()}

    def of(self, host: str) -> bytes:
        """Return the hash of one host's events so far."""
        hash_: bytes = self._hosts[host].digest()
        return hash_

    def digest(self) -> str:
        """Return the digest of the rows so far, as ``"sha256:..."``."""
        return combined(self.hashes().items())


def combined(hashes: Iterable[tuple[str, bytes]]) -> str:
    """Return the digest of a run whose hosts' events have these hashes."""
    sha = hashlib.sha256()
    for host, hash_ in sorted(hashes):
        sha.update(msgspec.msgpack.encode((host, hash_)))
    return "sha256:" + sha.hexdigest()


def digest(rows: Iterable[Row]) -> str:
    """Return the digest of the rows of a trace."""
    digests = Digests()
    digests.take(rows)
    return digests.digest()


class DigestHistory:
    """The digest that a trace had after each of its events."""

    def __init__(self, rows: Iterable[Row]) -> None:
        digests = Digests()
        self._hosts: dict[str, tuple[list[int], list[bytes]]] = {}
        for index, row in enumerate(rows):
            digests.take((row,))
            indices, hashes = self._hosts.setdefault(row[HOST], ([], []))
            indices.append(index)
            hashes.append(digests.of(row[HOST]))

    def after(self, count: int) -> str:
        """Return the digest of the first ``count`` events."""
        hosts = []
        for host, (indices, hashes) in self._hosts.items():
            known = bisect_right(indices, count - 1)
            if known:
                hosts.append((host, hashes[known - 1]))
        return combined(hosts)
