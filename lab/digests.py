"""Digests: a trace as one number, the same wherever and however its run was made.

Each host's own events are hashed in their order, and the hosts' hashes together, host by host by
name. Sessions and messages count by their first appearance at the host: so the digest does not
depend on how events of different hosts at the same instant were interleaved, and parts of a run
that were made in several processes have the digests of their hosts to themselves.
"""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from typing import Any

Row = tuple[Any, ...]


class Stream:
    """The events of one host as they come, hashed in their canonical form."""

    __slots__ = ("_messages", "_sessions", "_sha")

    def __init__(self) -> None:
        self._sha = hashlib.sha256()
        self._sessions: dict[int | None, int] = {}
        self._messages: dict[int | None, int] = {}

    def add(self, row: Row) -> None:
        """Take the host's next event: a row of the trace."""
        t, kind, host, peer, session, message, *extras = row
        messages = self._messages
        if kind == "notify":
            extras[0] = messages.setdefault(extras[0], len(messages))
        elif kind == "start":
            extras = [json.dumps(extras[0], sort_keys=True)]
        session = self._sessions.setdefault(session, len(self._sessions))
        message = messages.setdefault(message, len(messages))
        self._sha.update(repr((t, kind, host, peer, session, message, *extras)).encode())

    def digest(self) -> bytes:
        """The 32 bytes of the hash of what has come so far."""
        return self._sha.digest()


def together(hosts: Mapping[str, bytes]) -> str:
    """The digest of a run, as ``"sha256:..."``, from those of its hosts."""
    sha = hashlib.sha256()
    for host in sorted(hosts):
        sha.update(repr(host).encode())
        sha.update(hosts[host])
    return "sha256:" + sha.hexdigest()


def digest(rows: Iterable[Row]) -> str:
    """The digest of the rows of a trace."""
    streams: dict[str, Stream] = {}
    for row in rows:
        stream = streams.get(row[2])
        if stream is None:
            stream = streams[row[2]] = Stream()
        stream.add(row)
    return together({host: stream.digest() for host, stream in streams.items()})


class DigestsSoFar:
    """The digest that a trace has had after each of its events."""

    def __init__(self, rows: Iterable[Row]) -> None:
        streams: dict[str, Stream] = {}
        self._hosts: dict[str, tuple[list[int], list[bytes]]] = {}
        for seq, row in enumerate(rows):
            host = row[2]
            stream = streams.get(host)
            if stream is None:
                stream = streams[host] = Stream()
                self._hosts[host] = ([], [])
            stream.add(row)
            seqs, found = self._hosts[host]
            seqs.append(seq)
            found.append(stream.digest())

    def after(self, events: int) -> str:
        """The digest of the first so many events."""
        hosts = {}
        for host, (seqs, found) in self._hosts.items():
            place = bisect_right(seqs, events - 1)
            if place:
                hosts[host] = found[place - 1]
        return together(hosts)
