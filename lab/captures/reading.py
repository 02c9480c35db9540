"""A capture as a trace: its sessions in the order in which they opened, and the mail in them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Final

from lab.analysis.account import Account
from lab.analysis.invariants import PeerBreach, Peers
from lab.analysis.invariants.replies import Replies
from lab.analysis.summarising import summarise
from lab.analysis.summary import Summary
from lab.captures.dialogues import Talk, is_smtp, talk_of
from lab.captures.hosts import Names, read_hosts
from lab.captures.mail import Mails, messages_of, transactions
from lab.captures.packets import CaptureError, segments
from lab.captures.streams import Connection, connections
from lab.runtime import arguments
from lab.trace.meta import HostMeta, LinkMeta, Meta
from lab.trace.rows import CROSSING, KIND, OPEN_STARTED, SENT, Row, T
from lab.trace.trace import Trace

ENVIRONMENT: Final = "captured"
"""The name of the one environment of such a trace."""

_Keyed = tuple[tuple[float, float], Row]
"""A row with its order: its time, and its place among those of the same time."""


@dataclass(frozen=True)
class Captured:
    """The trace of the SMTP in a capture, and sentences (``notes``) about what is not in it."""

    trace: Trace
    notes: tuple[str, ...]

    @cached_property
    def summary(self) -> Summary:
        """What became of the mail, as far as the capture shows it, and who broke RFC 821."""
        peers = self._peers
        breaches = [breach.summary() for breach in peers.breaches]
        return summarise(self.trace, Account(self.trace.rows), breaches, peers.count)

    @property
    def peer_breaches(self) -> list[PeerBreach]:
        """The rules of RFC 821 that the programs in the capture broke: the first of them."""
        return self._peers.breaches

    @cached_property
    def _peers(self) -> Peers:
        rules = Replies()
        handlers = rules.handlers()
        for row in self.trace.rows:
            if (handler := handlers.get(row[KIND])) is not None:
                handler(row)
        return rules.peers


def read_capture(
    path: str | os.PathLike[str], hosts: str | os.PathLike[str] | None = None
) -> Captured:
    """Return the SMTP in a pcap or pcapng file as a trace: sessions, mail, and what became of it.

    ``hosts`` is a file like /etc/hosts with the names of addresses; by default the one beside the
    capture whose name ends in ``.hosts``, if there is one. All hosts are external: breaches of
    RFC 821 are theirs. Times are seconds since the first packet of SMTP, to the microsecond. The
    whole capture is in memory. Raises OSError, and :class:`CaptureError` if it cannot be read.
    """
    file = Path(arguments.path("path", path, "the path of a capture"))
    if hosts is not None:
        known = read_hosts(Path(arguments.path("hosts", hosts, "the path of a file of names")))
    else:
        beside = file.with_suffix(".hosts")
        known = read_hosts(beside) if beside.is_file() else {}
    try:
        with file.open("rb") as capture:
            opened, before = connections(segments(capture))
    except CaptureError as why:
        raise CaptureError(f"{file}: {why}") from None
    smtp = [connection for connection in opened if is_smtp(connection)]
    if not smtp:
        raise CaptureError(
            f"{file}: there is no SMTP in it ({len(opened)} TCP connections); give a capture in "
            "which the connections to a mail server begin"
        )
    notes = (
        [_left_out(len(opened) - len(smtp), before)] if before or len(opened) > len(smtp) else []
    )
    return _captured(file.name, smtp, known, notes)


def _left_out(other_protocols: int, before: int) -> str:
    parts = []
    if other_protocols:
        parts.append(
            f"{other_protocols} of other protocols"
            if other_protocols > 1
            else "one of another protocol"
        )
    if before:
        parts.append(f"{before} that had begun before the capture")
    return f"connections left out: {' and '.join(parts)}"


def _captured(
    title: str, smtp: Sequence[Connection], known: Mapping[str, str], notes: list[str]
) -> Captured:
    first = min(connection.started for connection in smtp)
    opened = sorted(
        (connection for connection in smtp if connection.opened is not None),
        key=lambda connection: connection.opened or 0.0,
    )
    talks = [talk_of(connection) for connection in opened]
    names = Names(talks, known)
    ends = [names.ends(talk) for talk in talks]
    failed = [
        (names.ends(Talk(connection)), connection)
        for connection in smtp
        if connection.opened is None
    ]
    sent = sorted(
        (
            transaction
            for n, talk in enumerate(talks)
            for transaction in transactions(n, talk.crossings)
        ),
        key=lambda transaction: transaction.began,
    )
    mails = Mails(ends)
    for transaction in sent:
        mails.take(transaction)
    keyed: list[_Keyed] = mails.finish()
    numbers = messages_of(sent)
    for n, talk in enumerate(talks):
        keyed += _rows_of(n, talk, ends[n], numbers)
        notes += [f"session {n + 1}: {note}" for note in talk.notes]
    for pair, connection in failed:
        keyed += _attempt(pair, connection)
    keyed.sort(key=lambda item: item[0])
    pairs = list(dict.fromkeys([*ends, *(pair for pair, _ in failed)]))
    meta = _meta(title, first, pairs)
    rows: list[Row] = [(0.0, "start", "", None, None, None, meta)]
    rows += [_since(first, row) for _, row in keyed]
    rows.append((rows[-1][T], "end", "", None, None, None, "settled"))
    return Captured(Trace(rows), tuple(notes))


def _rows_of(
    number: int, talk: Talk, ends: tuple[str, str], messages: Mapping[tuple[int, int], int]
) -> Iterable[_Keyed]:
    """Yield the rows of a session: its opening, what crossed, and its end."""
    client, server = ends
    connection, session = talk.connection, number + 1
    opened = connection.opened or connection.started
    path = (client, server)
    how = (ENVIRONMENT, "tcp", path, connection.started)
    yield (opened, -2.0), (opened, "open", client, server, session, None, *how)
    for place, spoken in enumerate(talk.crossings):
        to, by = (server, client) if spoken.by_client else (client, server)
        message = messages.get((number, place))
        row = spoken.t, spoken.kind, to, by, session, message, spoken.sent, spoken.octets
        yield (spoken.t, float(place)), row
    if talk.closed is not None:
        at = talk.closed, len(talk.crossings) + 1.0
        by, to = (server, client) if talk.is_turned else (client, server)
        yield at, (talk.closed, "close", by, to, session, None, talk.reason)


def _attempt(ends: tuple[str, str], connection: Connection) -> Iterable[_Keyed]:
    """Yield the rows of a connection that never opened."""
    client, server = ends
    begun, end = connection.started, connection.reset_at or connection.asked
    why = "refused" if connection.reset_at is not None else "no answer"
    yield (begun, -3.0), (begun, "attempt", client, server, None, None, ENVIRONMENT, 1)
    yield (end, -2.0), (end, "unreachable", client, server, None, None, why)


def _since(first: float, row: Row) -> Row:
    """Return a row whose times are seconds since the first packet, to the microsecond."""
    times = {T, SENT} if row[KIND] in CROSSING else {T}
    if row[KIND] == "open":
        times.add(OPEN_STARTED)
    return tuple([_round(item - first) if n in times else item for n, item in enumerate(row)])


def _round(t: float) -> float:
    return max(0.0, round(t, 6))


def _meta(title: str, first: float, pairs: Sequence[tuple[str, str]]) -> Meta:
    names = list(dict.fromkeys(name for pair in pairs for name in pair))
    servers = {server for _, server in pairs}
    hosts: list[HostMeta] = [
        {"name": name, "kind": "host", "relay": name in servers, "users": 0, "external": name}
        for name in names
    ]
    links: list[LinkMeta] = [
        {
            "a": a,
            "b": b,
            "environment": ENVIRONMENT,
            "latency": 0.0,
            "jitter": 0.0,
            "bandwidth": None,
            "loss": 0.0,
        }
        for a, b in dict.fromkeys((min(pair), max(pair)) for pair in pairs if pair[0] != pair[1])
    ]
    return {
        "title": title,
        "seed": 0,
        "start": datetime.fromtimestamp(first, UTC).isoformat(),
        "live": True,
        "environments": [{"name": ENVIRONMENT, "transport": "tcp"}],
        "hosts": hosts,
        "links": links,
    }
