"""Rows: how an event of a run is stored, and the names of its columns.

A run appends one flat tuple for each event, ``(t, kind, host, peer, session, message, *columns of
its kind)``: tracing costs no more than an append. Code that goes through many rows reads a column
by its name, ``row[KIND]`` or ``row[CLOSE_REASON]``; other code reads an :class:`Event`.

Wire events (``command``, ``reply``, ``data``) are recorded where and when they *arrive*, with the
time at which they were ``sent``: one row describes both ends. Where they crossed lines that have a
bandwidth, ``lines`` follows: when they began to go onto each, and behind what they had waited.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, overload

if TYPE_CHECKING:
    from lab.trace.meta import Meta

Row = tuple[Any, ...]
"""A stored event: ``(t, kind, host, peer, session, message, *columns of its kind)``."""

OUTSIDE: Final = "outside"
"""How the trace of a live run names a mail program that is not a host of the topology."""

KINDS: Final[dict[str, tuple[str, ...]]] = {
    "start": ("meta",),
    "plan": ("path",),
    "late": ("reverse_path", "recipients", "verb", "on", "reason"),
    "submit": ("reverse_path", "recipients", "verb", "size"),
    "reject": ("recipient", "path", "reason"),
    "expand": ("recipient", "name", "members"),
    "forward": ("recipient", "old", "new", "mode"),
    "queue": ("recipients", "size"),
    "attempt": ("environment", "number"),
    "unreachable": ("reason",),
    "open": ("environment", "transport", "path", "started"),
    "misnamed": ("name",),
    "command": ("sent", "octets"),
    "reply": ("sent", "octets"),
    "piece": ("sent", "octets"),
    "data": ("sent", "octets"),
    "close": ("reason",),
    "accept": ("recipients", "reverse_path", "size"),
    "transfer": ("recipients",),
    "refuse": ("recipients", "reply"),
    "defer": ("recipients", "reason", "retry_at"),
    "deliver": ("recipient", "user", "octets"),
    "terminal": ("recipient", "user", "octets"),
    "notify": ("about", "recipients", "path", "reason"),
    "abandon": ("reason",),
    "loss": ("again", "delay"),
    "fault": ("name", "on", "what"),
    "forget": ("recipients",),
    "failure": ("name", "reason"),
    "end": ("reason",),
}
"""The kinds of event, and the columns of each besides the common ones."""

Line = tuple[str, str, float, float, float, int | None, int | None]
"""How bytes crossed a line, which is one direction of a link that has a bandwidth.

``(host, peer, since, begin, end, session, message)``: the ends of the link; when the first byte
came, began to go onto the line, and when the last one had left, in seconds; and the session and
message of the bytes behind which they waited. These are None if the line was free, and for the
opening of a channel, which has no number yet. Replies are of a session, and of no message.
"""

OPTIONAL: Final[dict[str, tuple[str, ...]]] = dict.fromkeys(
    ("open", "command", "reply", "piece", "data"), ("lines",)
)
"""Columns that follow those of a kind where they apply; a row without them is shorter.

``lines`` is a tuple of :data:`Line`, in the order of the way; of an ``open``, those of the control
messages by which the channel was opened.
"""

# These numbers are written out, so that the compiler can put them into the code that uses them.
# A test compares each of them with KINDS.

T: Final = 0
"""The time in seconds since the start of the run."""

KIND: Final = 1
HOST: Final = 2
PEER: Final = 3
SESSION: Final = 4
MESSAGE: Final = 5

OWN: Final = 6
"""The first of the columns that a kind has of its own."""

SENT: Final = 6
"""When the octets of a command, a reply or mail data were sent, in seconds."""

OCTETS: Final = 7
"""The octets of a command, a reply or mail data."""

LINES: Final = 8
"""How a command, a reply or mail data crossed the lines, in rows that are as long as that."""

RECIPIENT: Final = 6
"""The recipient that a reject, expand, forward, deliver or terminal is about."""

RECIPIENTS: Final = 6
"""The recipients that a queue, accept, transfer, refuse, defer or forget is about."""

START_META: Final = 6

PLAN_PATH: Final = 6

LATE_REVERSE_PATH: Final = 6
LATE_RECIPIENTS: Final = 7
LATE_VERB: Final = 8
LATE_ON: Final = 9
LATE_REASON: Final = 10
"""Whether mail waits for its host from now on, or is handed in now."""

SUBMIT_REVERSE_PATH: Final = 6
SUBMIT_RECIPIENTS: Final = 7
SUBMIT_VERB: Final = 8
SUBMIT_SIZE: Final = 9

REJECT_PATH: Final = 7
REJECT_REASON: Final = 8

EXPAND_NAME: Final = 7
EXPAND_MEMBERS: Final = 8

FORWARD_OLD: Final = 7
FORWARD_NEW: Final = 8
FORWARD_MODE: Final = 9

QUEUE_SIZE: Final = 7

ATTEMPT_ENVIRONMENT: Final = 6
ATTEMPT_NUMBER: Final = 7

UNREACHABLE_REASON: Final = 6

OPEN_ENVIRONMENT: Final = 6
OPEN_TRANSPORT: Final = 7
OPEN_PATH: Final = 8
OPEN_STARTED: Final = 9
OPEN_LINES: Final = 10

MISNAMED_NAME: Final = 6

CLOSE_REASON: Final = 6

ACCEPT_REVERSE_PATH: Final = 7
ACCEPT_SIZE: Final = 8

REFUSE_REPLY: Final = 7

DEFER_REASON: Final = 7
DEFER_RETRY_AT: Final = 8

DELIVER_USER: Final = 7
"""The user of a deliver or terminal."""

DELIVER_OCTETS: Final = 8
"""The mail of a deliver or terminal; empty if the level does not keep it."""

NOTIFY_ABOUT: Final = 6
NOTIFY_RECIPIENTS: Final = 7
NOTIFY_PATH: Final = 8
NOTIFY_REASON: Final = 9

ABANDON_REASON: Final = 6

LOSS_AGAIN: Final = 6
LOSS_DELAY: Final = 7

FAULT_NAME: Final = 6
FAULT_ON: Final = 7
FAULT_WHAT: Final = 8

FAILURE_NAME: Final = 6
"""What has failed: "session", "storage", "host", "process", "down", "trace" or "network"."""

FAILURE_REASON: Final = 7
CHANGING: Final = frozenset(("change-reply", "change-command"))
"""Names of the faults that change what crosses in a session."""

END_REASON: Final = 6

OCTETS_COLUMNS: Final = {
    kind: OWN + columns.index("octets") for kind, columns in KINDS.items() if "octets" in columns
}
"""For each kind that has octets, which column they are."""

CROSSING: Final = tuple(kind for kind, columns in KINDS.items() if "sent" in columns)
"""The kinds of event that crossed a transmission channel: command, reply, piece and data."""

DIALOGUE: Final = tuple(kind for kind in CROSSING if kind != "piece")
"""Those of them that are whole; the pieces of a reply are in the reply again."""

_COMMON: Final = ("t", "seq", "kind", "host", "peer", "session", "message")

_FLOATS = Literal["t", "delay", "retry_at", "sent", "started"]
_INTEGERS = Literal["seq", "about", "again", "code", "number", "size"]
_TEXTS = Literal[
    "kind", "host", "environment", "mode", "name", "new", "old", "reason", "recipient", "reply",
    "reverse_path", "text", "transport", "user", "verb", "what",
]  # fmt: skip
"""The names of columns whose values have the same type in every kind of event that has them."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened at a host at a simulated time.

    ``t`` is in seconds since the start of the run; ``seq`` is the place in the trace, from 0;
    ``peer``, ``session`` and ``message`` are None where they do not apply. The columns of the kind
    are in ``extra``, and by subscription: ``event["octets"]``. What can be read in the octets has
    names too: ``code`` and ``text`` of a reply, ``verb`` and ``text`` of a command.
    """

    t: float
    seq: int
    kind: str
    host: str
    peer: str | None
    session: int | None
    message: int | None
    extra: Mapping[str, object] = field(default_factory=dict)

    @overload
    def __getitem__(self, name: _FLOATS) -> float: ...
    @overload
    def __getitem__(self, name: _INTEGERS) -> int: ...
    @overload
    def __getitem__(self, name: _TEXTS) -> str: ...
    @overload
    def __getitem__(self, name: Literal["octets"]) -> bytes: ...
    @overload
    def __getitem__(self, name: Literal["on"]) -> bool: ...
    @overload
    def __getitem__(self, name: Literal["peer"]) -> str | None: ...
    @overload
    def __getitem__(self, name: Literal["session", "message"]) -> int | None: ...
    @overload
    def __getitem__(self, name: Literal["recipients"]) -> tuple[str, ...]: ...
    @overload
    def __getitem__(self, name: Literal["path"]) -> str | tuple[str, ...]: ...
    @overload
    def __getitem__(self, name: Literal["members"]) -> tuple[tuple[str, str], ...]: ...
    @overload
    def __getitem__(self, name: Literal["meta"]) -> Meta: ...
    @overload
    def __getitem__(self, name: str) -> object: ...

    def __getitem__(self, name: str) -> object:
        if name in self.extra:
            return self.extra[name]
        if name in _COMMON:
            return getattr(self, name)
        octets = self["octets"] if self.kind in _READ else b""
        return _read(self.kind, name, octets)

    def as_dict(self) -> dict[str, object]:
        """Return the event as a flat dictionary that JSON can hold; bytes become Latin-1 text."""
        columns = [self.extra[name] for name in KINDS[self.kind]]
        columns += [self.extra[name] for name in OPTIONAL.get(self.kind, ()) if name in self.extra]
        common = (self.t, self.kind, self.host, self.peer, self.session, self.message)
        return flat_row((*common, *columns), self.seq)


def flat_row(row: Row, seq: int) -> dict[str, object]:
    """Return what :meth:`Event.as_dict` does, of the event in a row."""
    kind = row[KIND]
    # not strict: a row may lack the optional columns
    flat = dict(zip(FLAT_NAMES[kind], (row[T], seq, *row[KIND:]), strict=False))
    column = OCTETS_COLUMNS.get(kind)
    if column is not None:
        octets = row[column]
        flat["octets"] = octets.decode("latin-1")
        if kind in READ_IN_OCTETS:
            name, read = READ_IN_OCTETS[kind]
            flat[name] = read(octets)
    return flat


FLAT_NAMES: Final = {
    kind: (*_COMMON, *columns, *OPTIONAL.get(kind, ())) for kind, columns in KINDS.items()
}
"""The names in a flat event of each kind, in order; the last ones may be missing."""


_READ: Final = ("command", "reply")
"""The kinds of event in whose octets more can be read."""


def _read(kind: str, name: str, octets: bytes) -> int | str:
    """Return what can be read in the octets of an event; raises KeyError for any other name."""
    if kind == "reply":
        if name == "code":
            return _code(octets)
        if name == "text":  # of all lines, without the code (appendix E)
            lines = octets.decode("latin-1").removesuffix("\r\n").split("\r\n")
            return "\n".join(line[4:] for line in lines)
    elif kind == "command":
        if name == "verb":
            return _verb(octets)
        if name == "text":
            return octets.decode("latin-1").rstrip("\r\n")
    raise KeyError(name)


def _code(octets: bytes) -> int:
    return int(octets[:3])


def _verb(octets: bytes) -> str:
    return octets[:4].upper().decode("latin-1").strip()


READ_IN_OCTETS: Final[dict[str, tuple[str, Callable[[bytes], int | str]]]] = {
    "reply": ("code", _code),
    "command": ("verb", _verb),
}
"""What a flat event says last of its octets: the name of it, and how it is read."""


def event_of(row: Row, seq: int = -1) -> Event:
    """Return the event that a row holds; ``seq`` is its place in the trace, if that is known."""
    extra = dict(named_columns(row))
    return Event(row[T], seq, row[KIND], row[HOST], row[PEER], row[SESSION], row[MESSAGE], extra)


def value_of(row: Row, name: str) -> Any:
    """Return what the event in a row has by a name, as ``event_of(row)[name]`` does, but ``seq``.

    It costs no event. Raises KeyError for a name that the event does not have.
    """
    kind = row[KIND]
    column = _COLUMNS[kind].get(name)
    if column is not None and column < len(row):
        return row[column]
    return _read(kind, name, row[OCTETS] if kind in _READ else b"")


_COLUMNS: Final = {
    kind: {name: at for at, name in enumerate(names)}
    for kind, columns in KINDS.items()
    for names in [("t", *_COMMON[2:], *columns, *OPTIONAL.get(kind, ()))]
}


def named_columns(row: Row) -> Iterable[tuple[str, Any]]:
    """Return the columns that a row has besides the common ones, with their names."""
    kind = row[KIND]
    names = KINDS[kind]
    if len(row) > OWN + len(names):
        names += OPTIONAL.get(kind, ())
    return zip(names, row[OWN:], strict=True)


def lines_of(row: Row) -> tuple[Line, ...]:
    """Return how what a row is about crossed lines; none if no line had a bandwidth."""
    column = _LINES_COLUMNS.get(row[KIND])
    lines: tuple[Line, ...] = row[column] if column is not None and len(row) > column else ()
    return lines


_LINES_COLUMNS: Final = {kind: OWN + len(KINDS[kind]) for kind in OPTIONAL}


def octets_in(rows: Iterable[Row]) -> int:
    """Return how many bytes of mail and dialogue rows hold: most of the memory that they take."""
    last = [row[OCTETS if len(row) > LINES and row[KIND] in CROSSING else -1] for row in rows]
    return sum([len(column) for column in last if type(column) is bytes])


def missing_numbers(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the ranges of sequence numbers, first and last, that ranges in order leave out.

    Numbers begin at 0.
    """
    missing = []
    expected = 0
    for first, last in ranges:
        if first > expected:
            missing.append((expected, first - 1))
        expected = last + 1
    return missing
