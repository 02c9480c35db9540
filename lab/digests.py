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
from collections.abc import Iterable
from typing import Any

import msgspec

Row = tuple[Any, ...]


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


class Digests:
    """The hashes of the hosts of a run, as its rows come."""

    def __init__(self) -> None:
        self._sessions = _Firsts()
        self._messages = _Firsts()
        self._hosts: dict[str, Any] = {}
        self._encode = msgspec.msgpack.Encoder().encode

    def take(self, rows: Iterable[Row]) -> None:
        """Take the next rows of the trace."""
        hosts, sessions, messages = self._hosts, self._sessions.name, self._messages.name
        encode = self._encode
        for row in rows:
            t, kind, host, peer, session, message, *extras = row
            if session is not None:
                session = sessions(session, host)
            if kind == "notify":
                extras[0] = messages(extras[0], host)
            elif kind == "start":
                extras = [json.dumps(extras[0], sort_keys=True)]
            if message is not None:
                message = messages(message, host)
            sha = hosts.get(host)
            if sha is None:
                sha = hosts[host] = hashlib.sha256()
            sha.update(encode((t, kind, host, peer, session, message, extras)))

    def of(self, host: str) -> bytes:
        """The 32 bytes of the hash of a host's events so far."""
        found: bytes = self._hosts[host].digest()
        return found

    def digest(self) -> str:
        """The digest of what has come so far, as ``"sha256:..."``."""
        return _together((host, sha.digest()) for host, sha in self._hosts.items())


def _together(hosts: Iterable[tuple[str, bytes]]) -> str:
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
            seqs, found = self._hosts.setdefault(row[2], ([], []))
            seqs.append(seq)
            found.append(digests.of(row[2]))

    def after(self, events: int) -> str:
        """The digest of the first so many events."""
        hosts = []
        for host, (seqs, found) in self._hosts.items():
            place = bisect_right(seqs, events - 1)
            if place:
                hosts.append((host, found[place - 1]))
        return _together(hosts)
