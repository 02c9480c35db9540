"""A trace as pandas DataFrames: its events, what became of each recipient, its sessions.

Times are floats in seconds since the start of the run, sizes in bytes; what does not apply is
missing (``<NA>``, ``NaN``). pandas is imported when a table is first asked for.

How much of a run was recorded (:data:`lab.trace.levels.LEVELS`) decides what a table can hold;
a table of what was not recorded at all raises ValueError.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from lab.analysis.account import Account
from lab.analysis.links import link_intervals, link_use
from lab.analysis.time_series import interval, spool_intervals
from lab.analysis.ways import Ways
from lab.trace.levels import includes
from lab.trace.rows import (
    CLOSE_REASON,
    DIALOGUE,
    HOST,
    KIND,
    KINDS,
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
)
from lab.trace.trace import Trace

if TYPE_CHECKING:
    import pandas

_WHOLE, _FLOAT, _TEXT = "Int64", "float64", "string"

EVENTS: Final = {
    "seq": _WHOLE, "t": _FLOAT, "kind": _TEXT, "host": _TEXT, "peer": _TEXT,
    "session": _WHOLE, "message": _WHOLE, "sent": _FLOAT, "verb": _TEXT, "code": _WHOLE,
    "bytes": _WHOLE, "recipients": _TEXT, "text": _TEXT,
}  # fmt: skip
"""The columns of :func:`events` and their types."""

DELIVERIES: Final = {
    "message": _WHOLE, "id": _TEXT, "sender": _TEXT, "recipient": _TEXT, "verb": _TEXT,
    "bytes": _WHOLE, "outcome": _TEXT, "submitted_at": _FLOAT, "settled_at": _FLOAT,
    "seconds": _FLOAT, "hops": _WHOLE, "copies": _WHOLE, "way": _TEXT,
}  # fmt: skip
"""The columns of :func:`deliveries` and their types."""

SESSIONS: Final = {
    "session": _WHOLE, "host": _TEXT, "peer": _TEXT, "environment": _TEXT, "transport": _TEXT,
    "started": _FLOAT, "opened": _FLOAT, "closed": _FLOAT, "seconds": _FLOAT,
    "commands": _WHOLE, "replies": _WHOLE, "messages": _WHOLE, "bytes_sent": _WHOLE,
    "bytes_received": _WHOLE, "ended": _TEXT,
}  # fmt: skip
"""The columns of :func:`sessions` and their types."""

LINKS: Final = {
    "host": _TEXT, "peer": _TEXT, "environment": _TEXT, "bytes": _WHOLE, "payload": _WHOLE,
    "chunks": _WHOLE, "messages": _WHOLE, "segments_lost": _WHOLE, "busy_seconds": _FLOAT,
    "utilisation": _FLOAT, "longest_queue": _WHOLE, "mean_queue": _FLOAT, "mean_wait": _FLOAT,
}  # fmt: skip
"""The columns of :func:`links` and their types."""

UTILISATION: Final = {
    "t": _FLOAT, "host": _TEXT, "peer": _TEXT, "environment": _TEXT, "utilisation": _FLOAT,
    "queue": _FLOAT,
}  # fmt: skip
"""The columns of :func:`utilisation` and their types."""

QUEUES: Final = {"t": _FLOAT, "host": _TEXT, "messages": _FLOAT}
"""The columns of :func:`queues` and their types."""

_RECIPIENTS: Final = ("recipients", "recipient")
_WORDS: Final = ("reason", "reply", "name", "what", "text")
_AT_ONCE: Final = 65_536
"""Rows that are collected before they are added to the columns."""

_OF_THE_WIRE: Final = ("commands", "replies", "bytes_sent", "bytes_received")
"""Columns of :func:`sessions` that only a trace of level wire has."""


def events(trace: Trace) -> pandas.DataFrame:
    """Return every event of a trace, a row each, in the order of the trace.

    ``t`` (s) and ``seq`` say when; ``host`` and ``peer`` where; ``session`` and ``message`` what it
    is about. Commands, replies and mail data have ``sent`` (s), when they left the peer, ``verb``
    or ``code``, their ``bytes`` (as have messages that are queued, accepted or delivered), and
    their ``text``. For other events ``text`` is the reason, and ``recipients`` are the ids of the
    recipients, separated by spaces. ``sent`` and ``code`` require ``--trace wire``: with less there
    are no such events, and delivered mail has no ``bytes``.
    """
    rows = (_event_values(seq, row) for seq, row in enumerate(trace.rows, trace.first_seq))
    return _frame(rows, EVENTS)


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
    extra = dict(zip(KINDS[kind], row[OWN:], strict=True))
    octets = extra.get("octets")
    whom = next((extra[name] for name in _RECIPIENTS if name in extra), None)
    if isinstance(whom, (list, tuple)):
        whom = " ".join(map(str, whom)) if kind != "submit" else ", ".join(whom)
    text = next((str(extra[name]) for name in _WORDS if extra.get(name)), None)
    size = len(octets) if octets else extra.get("size")
    return (*place, None, extra.get("verb"), None, size, whom, text)


def deliveries(trace: Trace) -> pandas.DataFrame:
    """Return every recipient of every submitted message, a row each, and what became of it.

    ``outcome`` is delivered, returned, rejected, queued, undeliverable_notifications, discarded or
    lost; ``seconds`` are from ``submitted_at`` to ``settled_at``; ``hops`` are the sessions that
    the mail crossed; ``copies`` is how often it was delivered (2: a duplicate); ``way`` are the
    hosts by which it went, separated by spaces; ``bytes`` is the size of the mail data as
    submitted. The ``id`` of a member of a list is that of the list, a period and its own. Requires
    ``--trace delivery``.
    """
    _require(trace, "deliveries", "delivery")
    account, ways = Account(), Ways()
    submitted: dict[int, tuple[str, str, int]] = {}
    for row in trace.rows:
        account.take(row)
        ways.take(row)
        if row[KIND] == "submit":
            given = row[SUBMIT_REVERSE_PATH], row[SUBMIT_VERB], row[SUBMIT_SIZE]
            submitted[row[MESSAGE]] = given
    account.summary()  # finds who is lost
    rows = []
    for recipient in account.everyone():
        message = recipient.message
        sender, verb, size = submitted.get(message, (None, None, None))
        rows.append((
            message, recipient.id, sender, recipient.address, verb, size, recipient.outcome,
            recipient.submitted_at, recipient.settled_at, recipient.seconds,
            recipient.hops, recipient.deliveries, " ".join(ways.of(message, recipient.id)),
        ))  # fmt: skip
    return _frame(rows, DELIVERIES)


def sessions(trace: Trace) -> pandas.DataFrame:
    """Return every transmission channel that opened, a row each.

    ``host`` is the sender-SMTP's and ``peer`` the receiver-SMTP's when it opened (TURN changes
    roles on a channel that is open); ``started``, ``opened`` and ``closed`` in seconds, ``seconds``
    are from opened to closed; ``commands`` and ``replies`` are how many arrived, ``messages`` how
    many were accepted; ``bytes_sent`` and ``bytes_received`` are what arrived at ``peer`` and at
    ``host``; ``ended`` is why it closed. Requires ``--trace session``; ``commands``, ``replies``
    and both ``bytes`` require ``--trace wire``, and are missing otherwise.
    """
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
    rows = ([(columns | absent).get(name) for name in SESSIONS] for columns in sessions.values())
    return _frame(rows, SESSIONS)


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


def links(trace: Trace) -> pandas.DataFrame:
    """Return what crossed each link, a row each for its two directions.

    A row is about what went from ``host`` to ``peer``. :class:`lab.LinkUse` says what the columns
    are: ``bytes`` on the link with all headers, ``busy_seconds``, ``utilisation`` from 0 to 1,
    ``longest_queue`` in chunks that waited, ``segments_lost`` and so on. ``busy_seconds`` and those
    after it are missing for links without a bandwidth. Requires ``--trace wire``.
    """
    return _frame(([use[name] for name in LINKS] for use in map(dict, link_use(trace))), LINKS)


def utilisation(trace: Trace, every: float | None = None) -> pandas.DataFrame:
    """Return a row for each interval and each direction of a link that has a bandwidth.

    ``t`` is the beginning of the interval, ``utilisation`` the share of it in which bits were sent,
    and ``queue`` the mean number of chunks that waited. ``every`` is the length of an interval in
    seconds, by default a hundredth of the run; the last interval ends with the run. Requires
    ``--trace wire``.
    """
    return _frame(link_intervals(trace, interval(trace, every)), UTILISATION)


def queues(trace: Trace, every: float | None = None) -> pandas.DataFrame:
    """Return a row for each interval and each host that ever had mail in its spool.

    ``t`` is the beginning of the interval, and ``messages`` the mean number of messages in the
    spool. ``every`` is the length of an interval in seconds, by default a hundredth of the run; the
    last interval ends with the run. Requires ``--trace delivery``.
    """
    _require(trace, "queues", "delivery")
    return _frame(spool_intervals(trace, interval(trace, every)), QUEUES)


def _require(trace: Trace, table: str, level: str) -> None:
    if not includes(trace.level, level):
        raise ValueError(
            f"the table of {table} requires --trace {level}; "
            f"this run was recorded with --trace {trace.level}"
        )


def _frame(rows: Iterable[Sequence[Any]], columns: dict[str, str]) -> pandas.DataFrame:
    try:
        import pandas
    except ImportError:
        raise ImportError(
            "tables of a trace require pandas, which is not installed; "
            "run: pip install 'smtp-lab[lessons]'"
        ) from None

    values: list[list[Any]] = [[] for _ in columns]
    rest = iter(rows)
    while batch := list(islice(rest, _AT_ONCE)):
        for column, new in zip(values, zip(*batch, strict=True), strict=True):
            column.extend(new)
    return pandas.DataFrame({
        name: pandas.Series(column, dtype=kind)
        for (name, kind), column in zip(columns.items(), values, strict=True)
    })  # fmt: skip
