"""Digests: a trace as one number, the same wherever and however its run was made.

Each host's own events are hashed in their order, and the hosts' hashes together, host by host by
name. A session or message goes by the host where it first appeared and its number among those that
first appeared there. So the digest does not depend on how events of different hosts at the same
instant were interleaved, nor on how the parts of a run were shared out over processes.

The canonical form of an event is MessagePack, whose numbers and texts have one form each: times are
eight bytes, whatever a Python or a machine would print for them.
"""

from __future__ import annotations

import hashlib
import json
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from lab.trace.rows import HOST, KIND, MESSAGE, OWN, PEER, SESSION, Row, T


class _Firsts:
    """Where numbers that are given out one after another first appeared.

    Eight bytes a number: the host's index, and the place among the numbers that appeared there.
    """

    def __init__(self) -> None:
        self._hosts: list[str] = []
        self._indices: dict[str, int] = {}
        self._counts: list[int] = []
        self._where = array("I")
        self._place = array("I")
        self._far: dict[int, tuple[str, int]] = {}

    def name(self, number: int, host: str) -> tuple[str, int]:
        """The name of a number that appears at a host, now or before."""
        where = self._where
        if 0 <= number < len(where):
            if place := self._place[number]:
                return self._hosts[where[number]], place
        elif not 0 <= number < 2 * len(where) + 4096:
            # no number of a run of ours: a trace of somebody else's
            if number not in self._far:
                self._far[number] = self._next(host)
            return self._far[number]
        else:
            missing = [0] * (number + 1 - len(where))
            where.extend(missing)
            self._place.extend(missing)
        name, place = self._next(host)
        where[number] = self._indices[name]
        self._place[number] = place
        return name, place

    def _next(self, host: str) -> tuple[str, int]:
        index = self._indices.get(host)
        if index is None:
            index = self._indices[host] = len(self._hosts)
            self._hosts.append(host)
            self._counts.append(0)
        self._counts[index] += 1
        return host, self._counts[index]


Name = Callable[[int, str], tuple[str, int]]
"""The name of a number that appears at a host, now or before: where it first did, and its place."""


class Digests:
    """The hashes of the hosts of a run, as its rows come.

    ``session_name`` and ``message_name`` name the sessions and messages, where their numbers are
    not such as are given out one after another.
    """

    def __init__(self, session_name: Name | None = None, message_name: Name | None = None) -> None:
        self._session_name = session_name or _Firsts().name
        self._message_name = message_name or _Firsts().name
        self._hosts: dict[str, Any] = {}
        self._encode = msgspec.msgpack.Encoder().encode_into

    def take(self, rows: Iterable[Row]) -> None:
        """Take the next rows of the trace."""
        session_name, message_name, encode = self._session_name, self._message_name, self._encode
        # few sessions have many rows: what has been named is looked up here, until the next rows
        sessions: dict[int, tuple[str, int]] = {}
        messages: dict[int, tuple[str, int]] = {}
        texts: dict[str, bytearray] = {}
        for row in rows:
            kind, host, session = row[KIND], row[HOST], row[SESSION]
            message, extras = row[MESSAGE], row[OWN:]
            if session is not None:
                name = sessions.get(session)
                if kind == "loss":
                    name = None  # where a greeting is lost, its host knows of no session yet
                elif name is None:
                    name = sessions[session] = session_name(session, host)
                session = name
            if kind == "notify":
                extras = (message_name(extras[0], host), *extras[1:])
            elif kind == "start":
                extras = (json.dumps(extras[0], sort_keys=True),)
            if message is not None:
                name = messages.get(message)
                if name is None:
                    name = messages[message] = message_name(message, host)
                message = name
            text = texts.get(host)
            if text is None:
                text = texts[host] = bytearray()
            encode((row[T], kind, host, row[PEER], session, message, extras), text, -1)
        for host, text in texts.items():
            sha = self._hosts.get(host)
            if sha is None:
                sha = self._hosts[host] = hashlib.sha256()
            sha.update(text)

    def hashes(self) -> dict[str, bytes]:
        """The 32 bytes of the hash of each host's events so far."""
        return {host: sha.digest() for host, sha in self._hosts.items()}

    def of(self, host: str) -> bytes:
        """The hash of one host's events so far."""
        found: bytes = self._hosts[host].digest()
        return found

    def digest(self) -> str:
        """The digest of what has come so far, as ``"sha256:..."``."""
        return together(self.hashes().items())


def together(hosts: Iterable[tuple[str, bytes]]) -> str:
    """The digest of a run whose hosts' events have these hashes."""
    sha = hashlib.sha256()
    for host, digest_of_it in sorted(hosts):
        sha.update(msgspec.msgpack.encode((host, digest_of_it)))
    return "sha256:" + sha.hexdigest()


def digest(rows: Iterable[Row]) -> str:
    """The digest of the rows of a trace."""
    digests = Digests()
    digests.take(rows)
    return digests.digest()


class DigestsSoFar:
    """The digest that a trace has had after each of its events."""

    def __init__(self, rows: Iterable[Row]) -> None:
        digests = Digests()
        self._hosts: dict[str, tuple[list[int], list[bytes]]] = {}
        for seq, row in enumerate(rows):
            digests.take((row,))
            seqs, found = self._hosts.setdefault(row[HOST], ([], []))
            seqs.append(seq)
            found.append(digests.of(row[HOST]))

    def after(self, events: int) -> str:
        """The digest of the first so many events."""
        hosts = []
        for host, (seqs, found) in self._hosts.items():
            place = bisect_right(seqs, events - 1)
            if place:
                hosts.append((host, found[place - 1]))
        return together(hosts)
