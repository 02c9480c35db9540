"""The rows and columns of the tables of a trace, without pandas.

:mod:`lab.analysis.tables` says what the columns are; it makes DataFrames of these rows, and
``lab export`` CSV files. A value is None where it does not apply. A table of what a run did not
record raises ValueError.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from lab.analysis.account import Account
from lab.analysis.differences import Differences, RecipientPair
from lab.analysis.link_use import link_intervals, link_use
from lab.analysis.phases import PHASES as PHASE_NAMES
from lab.analysis.phases import RecipientPhases
from lab.analysis.recipients import Recipient
from lab.analysis.time_series import interval, spool_intervals
from lab.analysis.ways import Ways
from lab.trace.levels import includes
from lab.trace.rows import (
    CLOSE_REASON,
    DIALOGUE,
    HOST,
    KIND,
    MESSAGE,
    OCTETS,
    OPEN_ENVIRONMENT,
    OPEN_STARTED,
    OPEN_TRANSPORT,
    OWN,
    PEER,
    SENT,
    SESSION,
    SUBMIT_REVERSE_PATH,
    SUBMIT_SIZE,
    SUBMIT_VERB,
    Row,
    T,
    event_of,
    named_columns,
)
from lab.trace.trace import Trace

_WHOLE, _FLOAT, _TEXT = "Int64", "float64", "string"

EVENTS: Final = {
    "seq": _WHOLE, "t": _FLOAT, "kind": _TEXT, "host": _TEXT, "peer": _TEXT,
    "session": _WHOLE, "message": _WHOLE, "sent": _FLOAT, "verb": _TEXT, "code": _WHOLE,
    "bytes": _WHOLE, "recipients": _TEXT, "text": _TEXT,
}  # fmt: skip
"""The columns of :func:`lab.analysis.tables.events` and their types."""

DELIVERIES: Final = {
    "message": _WHOLE, "id": _TEXT, "sender": _TEXT, "recipient": _TEXT, "verb": _TEXT,
    "bytes": _WHOLE, "outcome": _TEXT, "submitted_at": _FLOAT, "settled_at": _FLOAT,
    "seconds": _FLOAT, "hops": _WHOLE, "copies": _WHOLE, "way": _TEXT,
}  # fmt: skip
"""The columns of :func:`lab.analysis.tables.deliveries` and their types."""

SESSIONS: Final = {
    "session": _WHOLE, "host": _TEXT, "peer": _TEXT, "environment": _TEXT, "transport": _TEXT,
    "started": _FLOAT, "opened": _FLOAT, "closed": _FLOAT, "seconds": _FLOAT,
    "commands": _WHOLE, "replies": _WHOLE, "messages": _WHOLE, "bytes_sent": _WHOLE,
    "bytes_received": _WHOLE, "ended": _TEXT,
}  # fmt: skip
"""The columns of :func:`lab.analysis.tables.sessions` and their types."""

LINKS: Final = {
    "host": _TEXT, "peer": _TEXT, "environment": _TEXT, "name": _TEXT, "bytes": _WHOLE,
    "payload": _WHOLE, "chunks": _WHOLE, "messages": _WHOLE, "segments_lost": _WHOLE,
    "busy_seconds": _FLOAT, "utilisation": _FLOAT, "longest_queue": _WHOLE, "mean_queue": _FLOAT,
    "mean_wait": _FLOAT,
}  # fmt: skip
"""The columns of :func:`lab.analysis.tables.links` and their types."""

UTILISATION: Final = {
    "t": _FLOAT, "host": _TEXT, "peer": _TEXT, "environment": _TEXT, "name": _TEXT,
    "utilisation": _FLOAT, "queue": _FLOAT,
}  # fmt: skip
"""The columns of :func:`lab.analysis.tables.utilisation` and their types."""

PHASES: Final = {
    "message": _WHOLE, "id": _TEXT, "recipient": _TEXT, "outcome": _TEXT, "phase": _TEXT,
    "host": _TEXT, "peer": _TEXT, "begin": _FLOAT, "end": _FLOAT, "seconds": _FLOAT,
    "because": _TEXT,
}  # fmt: skip
"""The columns of :func:`lab.analysis.tables.phases` and their types."""

QUEUES: Final = {"t": _FLOAT, "host": _TEXT, "messages": _FLOAT}
"""The columns of :func:`lab.analysis.tables.queues` and their types."""

RECIPIENTS_COMPARED: Final = {
    "recipient": _TEXT, "message_a": _WHOLE, "message_b": _WHOLE, "outcome_a": _TEXT,
    "outcome_b": _TEXT, "settled_at_a": _FLOAT, "settled_at_b": _FLOAT, "seconds_a": _FLOAT,
    "seconds_b": _FLOAT, "copies_a": _WHOLE, "copies_b": _WHOLE, "change": _FLOAT,
    **dict.fromkeys(PHASE_NAMES, _FLOAT),
}  # fmt: skip
"""The columns of :attr:`lab.Diff.recipients` and their types."""

LOADS_COMPARED: Final = {
    "host": _TEXT, "peer": _TEXT, "name": _TEXT, "a": _FLOAT, "b": _FLOAT, "change": _FLOAT,
    "unit": _TEXT,
}  # fmt: skip
"""The columns of :attr:`lab.Diff.links` and their types."""

_RECIPIENTS: Final = ("recipients", "recipient")
_WORDS: Final = ("reason", "reply", "name", "what", "text")

_OF_THE_WIRE: Final = ("commands", "replies", "bytes_sent", "bytes_received")
"""Columns of :func:`sessions` that only a trace of level wire has."""


def event_rows(trace: Trace) -> Iterator[Sequence[Any]]:
    """Yield the rows of :func:`lab.analysis.tables.events`."""
    return (_event_values(seq, row) for seq, row in enumerate(trace.rows, trace.first_seq))


def _event_values(seq: int, row: Row) -> Sequence[Any]:
    kind = row[KIND]
    place = (seq, row[T], kind, row[HOST] or None, *row[PEER:OWN])
    octets = row[OCTETS] if kind in DIALOGUE else b""
    if kind == "data":
        return (*place, row[SENT], None, None, len(octets), None, None)
    if kind in DIALOGUE:
        event = event_of(row, seq)
        verb, code = (event["verb"], None) if kind == "command" else (None, event["code"])
        return (*place, row[SENT], verb, code, len(octets), None, event["text"])
    extra = dict(named_columns(row))
    octets = extra.get("octets")
    whom = next((extra[name] for name in _RECIPIENTS if name in extra), None)
    if isinstance(whom, (list, tuple)):
        whom = " ".join(map(str, whom)) if kind != "submit" else ", ".join(whom)
    text = next((str(extra[name]) for name in _WORDS if extra.get(name)), None)
    size = len(octets) if octets else extra.get("size")
    return (*place, None, extra.get("verb"), None, size, whom, text)


def delivery_rows(trace: Trace) -> Iterator[Sequence[Any]]:
    """Yield the rows of :func:`lab.analysis.tables.deliveries`."""
    _require(trace, "deliveries", "delivery")
    account, ways = Account(), Ways()
    submitted: dict[int, tuple[str, str, int]] = {}
    for row in trace.rows:
        account.take(row)
        ways.take(row)
        if row[KIND] == "submit":
            columns = row[SUBMIT_REVERSE_PATH], row[SUBMIT_VERB], row[SUBMIT_SIZE]
            submitted[row[MESSAGE]] = columns
    account.summary()  # finds who is lost
    for recipient in account.everyone():
        message = recipient.message
        sender, verb, size = submitted.get(message, (None, None, None))
        yield (
            message, recipient.id, sender, recipient.address, verb, size, recipient.outcome,
            recipient.submitted_at, recipient.settled_at, recipient.seconds,
            recipient.hops, recipient.deliveries, " ".join(ways.of(message, recipient.id)),
        )  # fmt: skip


def session_rows(trace: Trace) -> Iterator[Sequence[Any]]:
    """Yield the rows of :func:`lab.analysis.tables.sessions`."""
    _require(trace, "sessions", "session")
    absent = dict.fromkeys(_OF_THE_WIRE) if trace.level != "wire" else {}
    sessions: dict[int, dict[str, Any]] = {}
    for row in trace.rows:
        session = sessions.get(row[SESSION]) if row[SESSION] is not None else None
        if row[KIND] == "open":
            sessions[row[SESSION]] = {
                **dict.fromkeys(("commands", "replies", "messages"), 0),
                **dict.fromkeys(("bytes_sent", "bytes_received"), 0),
                "session": row[SESSION], "host": row[HOST], "peer": row[PEER],
                "environment": row[OPEN_ENVIRONMENT], "transport": row[OPEN_TRANSPORT],
                "started": row[OPEN_STARTED], "opened": row[T],
            }  # fmt: skip
        elif session is not None:
            _count(session, row)
    for columns in sessions.values():
        yield [(columns | absent).get(name) for name in SESSIONS]


def _count(session: dict[str, Any], row: Sequence[Any]) -> None:
    kind = row[KIND]
    if kind in DIALOGUE:
        session["bytes_sent" if row[HOST] == session["peer"] else "bytes_received"] += len(
            row[OCTETS]
        )
        if kind != "data":
            session["commands" if kind == "command" else "replies"] += 1
    elif kind == "accept":
        session["messages"] += 1
    elif kind == "close":
        session.update(closed=row[T], seconds=row[T] - session["opened"], ended=row[CLOSE_REASON])


def link_rows(trace: Trace) -> Iterator[Sequence[Any]]:
    """Yield the rows of :func:`lab.analysis.tables.links`."""
    return ([use[name] for name in LINKS] for use in map(dict, link_use(trace)))


def utilisation_rows(trace: Trace, every: float | None = None) -> Iterator[Sequence[Any]]:
    """Yield the rows of :func:`lab.analysis.tables.utilisation`."""
    return link_intervals(trace, interval(trace, every))


def queue_rows(trace: Trace, every: float | None = None) -> Iterator[Sequence[Any]]:
    """Yield the rows of :func:`lab.analysis.tables.queues`."""
    _require(trace, "queues", "delivery")
    return spool_intervals(trace, interval(trace, every))


def phase_rows(recipients: Iterable[RecipientPhases]) -> Iterator[Sequence[Any]]:
    """Yield the rows of :func:`lab.analysis.tables.phases`."""
    for each in recipients:
        for phase in each.phases:
            yield (
                each.message, each.id, each.recipient, each.outcome, phase.phase,
                phase.host, phase.peer or None, phase.begin, phase.end, phase.seconds,
                phase.because,
            )  # fmt: skip


def _require(trace: Trace, table: str, level: str) -> None:
    if not includes(trace.level, level):
        raise ValueError(
            f"the table of {table} requires --trace {level}; "
            f"this run was recorded with --trace {trace.level}"
        )


# -- two runs --------------------------------------------------------------------------------------


def recipient_pair_rows(
    differences: Differences, pairs: Iterable[RecipientPair]
) -> Iterator[Sequence[Any]]:
    """Yield recipients of two runs as :data:`RECIPIENTS_COMPARED` has them."""
    for pair in pairs:
        columns = zip(*map(_of_one_run, pair), strict=True)
        changes = {change.phase: change.change for change in differences.phase_changes(pair)}
        both = None not in pair and differences.phases is not None
        spent = (changes.get(phase, 0.0) if both else None for phase in PHASE_NAMES)
        yield (
            pair.recipient.address,
            *(value for both in columns for value in both),
            pair.change,
            *spent,
        )


def _of_one_run(recipient: Recipient | None) -> Sequence[Any]:
    if recipient is None:
        return (None,) * 5
    return (
        recipient.message, recipient.outcome, recipient.ended_at, recipient.seconds,
        recipient.deliveries,
    )  # fmt: skip
