"""A trace as pandas DataFrames: its events, what became of each recipient, its sessions.

Times are floats in seconds since the start of the run, sizes in bytes; what does not apply is
missing (``<NA>``, ``NaN``). pandas is imported when a table is first asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from lab.account import Account
from lab.trace import Event, Trace

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

_RECIPIENTS: Final = ("recipients", "recipient")
_WORDS: Final = ("reason", "reply", "name", "what", "text")


def events(trace: Trace) -> pandas.DataFrame:
    """Every event of a trace, a row each, in the order of the trace.

    ``t`` (s) and ``seq`` say when; ``host`` and ``peer`` where; ``session`` and ``message`` what it
    was about. Of what crossed the wire: ``sent`` (s) when it left the peer, ``verb`` of a command,
    ``code`` of a reply, ``bytes`` (also of a message that is queued, accepted or delivered), and
    ``text`` as it was said. Of other events ``text`` is the reason; ``recipients`` the ids of those
    whom it befell, parted by spaces.
    """
    return _frame(map(_event, trace), EVENTS)


def _event(event: Event) -> Sequence[Any]:
    extra = event.extra
    octets = extra.get("octets")
    whom = next((extra[name] for name in _RECIPIENTS if name in extra), None)
    if isinstance(whom, (list, tuple)):
        whom = " ".join(map(str, whom)) if event.kind != "submit" else ", ".join(whom)
    text = next((str(extra[name]) for name in _WORDS if extra.get(name)), None)
    if event.kind in ("command", "reply"):
        text = event["text"]
    return (
        event.seq, event.t, event.kind, event.host or None, event.peer, event.session,
        event.message, extra.get("sent"),
        event["verb"] if event.kind == "command" else extra.get("verb"),
        event["code"] if event.kind == "reply" else None,
        len(octets) if octets is not None else extra.get("size"), whom, text,
    )  # fmt: skip


def deliveries(trace: Trace) -> pandas.DataFrame:
    """Every recipient of every message that a user handed in, a row each, and what became of it.

    ``outcome`` is delivered, returned, rejected, queued, undeliverable_notifications or lost;
    ``seconds`` from ``submitted_at`` to ``settled_at``; ``hops`` the sessions that the mail
    crossed; ``copies`` how often it was delivered (2: a duplicate); ``way`` the hosts by which it
    went, parted by spaces; ``bytes`` the size of the mail data as it was handed in. A member of a
    list has the ``id`` of the list's place, a period and its own.
    """
    account, tracks = Account(), _Tracks()
    for row in trace.rows:
        account.take(row)
        tracks.take(row)
    account.summary()  # tells who is lost
    rows = []
    for one in account.everyone():
        sender, verb, size = tracks.handed_in.get(one.message, (None, None, None))
        settled = one.settled_at
        rows.append((
            one.message, one.id, sender, one.address, verb, size, one.outcome,
            one.submitted_at, settled, None if settled is None else settled - one.submitted_at,
            one.hops, one.deliveries, tracks.way(one.message, one.id),
        ))  # fmt: skip
    return _frame(rows, DELIVERIES)


class _Tracks:
    """Who handed in each message, and by which hosts each of its recipients' mail went."""

    def __init__(self) -> None:
        self.handed_in: dict[int, tuple[str, str, int]] = {}
        self._ways: dict[tuple[int, str], list[str]] = {}

    def take(self, row: Sequence[Any]) -> None:
        kind, host, message = row[1], row[2], row[5]
        if kind == "submit":
            self.handed_in[message] = (row[6], row[8], row[9])
            for number in range(1, len(row[7]) + 1):
                self._ways[message, str(number)] = [host]
        elif kind == "accept":
            for one in row[6]:
                if (message, one) in self._ways:
                    self._ways[message, one].append(host)
        elif kind == "expand":
            for one, _ in row[8]:
                self._ways[message, one] = list(self._ways.get((message, row[6]), ()))

    def way(self, message: int, recipient: str) -> str:
        """The hosts, parted by spaces."""
        return " ".join(self._ways.get((message, recipient), ()))


def sessions(trace: Trace) -> pandas.DataFrame:
    """Every transmission channel that opened, a row each.

    ``host`` is the sender-SMTP's and ``peer`` the receiver-SMTP's when it opened (TURN changes
    roles on a channel that is open); ``started``, ``opened`` and ``closed`` in seconds, ``seconds``
    from opened to closed; ``commands`` and ``replies`` how many arrived, ``messages`` how many
    were accepted; ``bytes_sent`` and ``bytes_received`` what arrived at ``peer`` and at ``host``;
    ``ended`` why it closed.
    """
    found: dict[int, dict[str, Any]] = {}
    for row in trace.rows:
        one = found.get(row[4]) if row[4] is not None else None
        if row[1] == "open":
            found[row[4]] = {
                **dict.fromkeys(("commands", "replies", "messages"), 0),
                **dict.fromkeys(("bytes_sent", "bytes_received"), 0),
                "session": row[4], "host": row[2], "peer": row[3], "environment": row[6],
                "transport": row[7], "started": row[9], "opened": row[0],
            }  # fmt: skip
        elif one is not None:
            _count(one, row)
    rows = ([one.get(name) for name in SESSIONS] for one in found.values())
    return _frame(rows, SESSIONS)


def _count(one: dict[str, Any], row: Sequence[Any]) -> None:
    kind = row[1]
    if kind in ("command", "data", "reply"):
        one["bytes_sent" if row[2] == one["peer"] else "bytes_received"] += len(row[7])
        if kind != "data":
            one["commands" if kind == "command" else "replies"] += 1
    elif kind == "accept":
        one["messages"] += 1
    elif kind == "close":
        one.update(closed=row[0], seconds=row[0] - one["opened"], ended=row[6])


def _frame(rows: Iterable[Sequence[Any]] | Iterator[Any], columns: dict[str, str]) -> Any:
    try:
        import pandas
    except ImportError:
        raise ImportError(
            "tables of a trace want pandas, which is not installed; "
            "run: pip install 'smtp-lab[lessons]'"
        ) from None

    values = list(zip(*rows, strict=True)) or [()] * len(columns)
    return pandas.DataFrame({
        name: pandas.Series(list(column), dtype=kind)
        for (name, kind), column in zip(columns.items(), values, strict=True)
    })  # fmt: skip
