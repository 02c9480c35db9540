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

from lab.analysis.differences import Differences, Loads, RecipientPair
from lab.analysis.phases import Phases, RecipientPhases
from lab.analysis.table_rows import (
    DELIVERIES,
    EVENTS,
    LINKS,
    LOADS_COMPARED,
    PHASES,
    QUEUES,
    RECIPIENTS_COMPARED,
    SESSIONS,
    UTILISATION,
    delivery_rows,
    event_rows,
    link_rows,
    phase_rows,
    queue_rows,
    recipient_pair_rows,
    session_rows,
    utilisation_rows,
)
from lab.runtime.extras import required
from lab.trace.trace import Trace

if TYPE_CHECKING:
    import pandas

__all__ = (
    "DELIVERIES", "EVENTS", "LINKS", "PHASES", "QUEUES", "SESSIONS", "UTILISATION", "deliveries",
    "events", "links", "phases", "phases_frame", "queues", "sessions", "utilisation",
)  # fmt: skip

_AT_ONCE: Final = 65_536
"""Rows that are collected before they are added to the columns."""


def events(trace: Trace) -> pandas.DataFrame:
    """Return every event of a trace, a row each, in the order of the trace.

    ``t`` (s) and ``seq`` say when; ``host`` and ``peer`` where; ``session`` and ``message`` what it
    is about. Commands, replies and mail data have ``sent`` (s), when they left the peer, ``verb``
    or ``code``, their ``bytes`` (as have messages that are queued, accepted or delivered), and
    their ``text``. For other events ``text`` is the reason, and ``recipients`` are the ids of the
    recipients, separated by spaces. ``sent`` and ``code`` require ``--trace wire``: with less there
    are no such events, and delivered mail has no ``bytes``.
    """
    return frame(event_rows(trace), EVENTS)


def deliveries(trace: Trace) -> pandas.DataFrame:
    """Return every recipient of every submitted message, a row each, and what became of it.

    ``outcome`` is delivered, returned, rejected, queued, undeliverable_notifications, discarded or
    lost; ``seconds`` are from ``submitted_at`` to ``settled_at``; ``hops`` are the sessions that
    the mail crossed; ``copies`` is how often it was delivered (2: a duplicate); ``way`` are the
    hosts by which it went, separated by spaces; ``bytes`` is the size of the mail data as
    submitted. The ``id`` of a member of a list is that of the list, a period and its own. Requires
    ``--trace delivery``.
    """
    return frame(delivery_rows(trace), DELIVERIES)


def sessions(trace: Trace) -> pandas.DataFrame:
    """Return every transmission channel that opened, a row each.

    ``host`` is the sender-SMTP's and ``peer`` the receiver-SMTP's when it opened (TURN changes
    roles on a channel that is open); ``started``, ``opened`` and ``closed`` in seconds, ``seconds``
    are from opened to closed; ``commands`` and ``replies`` are how many arrived, ``messages`` how
    many were accepted; ``bytes_sent`` and ``bytes_received`` are what arrived at ``peer`` and at
    ``host``; ``ended`` is why it closed. Requires ``--trace session``; ``commands``, ``replies``
    and both ``bytes`` require ``--trace wire``, and are missing otherwise.
    """
    return frame(session_rows(trace), SESSIONS)


def links(trace: Trace) -> pandas.DataFrame:
    """Return what crossed each link, a row each for its two directions.

    A row is about what went from ``host`` to ``peer``. :class:`lab.LinkUse` says what the columns
    are: ``bytes`` on the link with all headers, ``busy_seconds``, ``utilisation`` from 0 to 1,
    ``longest_queue`` in chunks that waited, ``segments_lost`` and so on. ``busy_seconds`` and those
    after it are missing for links without a bandwidth. Requires ``--trace wire``.
    """
    return frame(link_rows(trace), LINKS)


def utilisation(trace: Trace, every: float | None = None) -> pandas.DataFrame:
    """Return a row for each interval and each direction of a link that has a bandwidth.

    ``t`` is the beginning of the interval, ``utilisation`` the share of it in which bits were sent,
    and ``queue`` the mean number of chunks that waited. ``every`` is the length of an interval in
    seconds, by default a hundredth of the run; the last interval ends with the run. Requires
    ``--trace wire``.
    """
    return frame(utilisation_rows(trace, every), UTILISATION)


def queues(trace: Trace, every: float | None = None) -> pandas.DataFrame:
    """Return a row for each interval and each host that ever had mail in its spool.

    ``t`` is the beginning of the interval, and ``messages`` the mean number of messages in the
    spool. ``every`` is the length of an interval in seconds, by default a hundredth of the run; the
    last interval ends with the run. Requires ``--trace delivery``.
    """
    return frame(queue_rows(trace, every), QUEUES)


def phases(trace: Trace) -> pandas.DataFrame:
    """Return a row for each phase of each recipient, from its submission to its settlement.

    ``phase`` is spool, retry, opening, line (waiting for it), sending or dialogue; of a line,
    ``host`` and ``peer`` are its ends, of others where the mail was and for which host. ``begin``,
    ``end`` and ``seconds`` are seconds, and ``because`` is the cause. Requires ``--trace wire``.
    """
    return phases_frame(Phases(trace).everyone())


def phases_frame(recipients: Iterable[RecipientPhases]) -> pandas.DataFrame:
    """Return the same for some recipients."""
    return frame(phase_rows(recipients), PHASES)


def recipients_compared(
    differences: Differences, pairs: Iterable[RecipientPair]
) -> pandas.DataFrame:
    """Return recipients of two runs, a row each: see :attr:`lab.Diff.recipients`."""
    return frame(recipient_pair_rows(differences, pairs), RECIPIENTS_COMPARED)


def loads_compared(loads: Loads) -> pandas.DataFrame:
    """Return the load of each direction of each link in two runs: see :attr:`lab.Diff.links`."""
    rows = ((*each, each.change, loads.unit) for each in loads.links)
    return frame(rows, LOADS_COMPARED)


def frame(rows: Iterable[Sequence[Any]], columns: dict[str, str]) -> pandas.DataFrame:
    """Return rows as a table; ``columns`` are the types of its columns, by name."""
    required("pandas", "tables of a trace require")
    import pandas

    values: list[list[Any]] = [[] for _ in columns]
    rows_left = iter(rows)
    while batch := list(islice(rows_left, _AT_ONCE)):
        for column, new in zip(values, zip(*batch, strict=True), strict=True):
            column.extend(new)
    return pandas.DataFrame({
        name: pandas.Series(column, dtype=kind)
        for (name, kind), column in zip(columns.items(), values, strict=True)
    })  # fmt: skip
