"""What crossed in each session and when, and what the time of a session went by on.

A span of a session is cut into pieces: bytes waited for a line, mail data was sent, or the two
hosts talked. The pieces follow one another without a gap.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from math import inf
from typing import Final, NamedTuple

from lab.trace.rows import (
    HOST,
    KIND,
    LOSS_DELAY,
    MESSAGE,
    OCTETS,
    OPEN_PATH,
    OPEN_STARTED,
    OPEN_TRANSPORT,
    PEER,
    SENT,
    SESSION,
    Line,
    Row,
    T,
    lines_of,
)

READ: Final = ("open", "close", "command", "reply", "data", "loss")
"""The kinds of event that this module reads."""

LINE: Final = "line"
SENDING: Final = "sending"
DIALOGUE: Final = "dialogue"
OPENING: Final = "opening"


class Crossing(NamedTuple):
    """A command, a reply or mail data: when it was sent and had arrived, in seconds.

    ``host`` is where it arrived, ``octets`` how many bytes it has.
    """

    sent: float
    arrived: float
    kind: str
    host: str
    peer: str
    octets: int
    message: int | None
    lines: tuple[Line, ...]


class Piece(NamedTuple):
    """A piece of a session's time. ``line`` is what was waited for, ``crossing`` what crossed."""

    kind: str
    begin: float
    end: float
    line: Line | None
    crossing: Crossing | None


@dataclass(slots=True, eq=False)
class SessionTimes:
    """A session: when its channel began to open, was open and was closed, and what crossed it."""

    number: int
    host: str
    peer: str
    path: tuple[str, ...]
    transport: str
    started: float
    opened: float
    lines: tuple[Line, ...]
    closed: float = inf
    crossings: list[Crossing] = field(default_factory=list)
    losses: list[tuple[float, float]] = field(default_factory=list)
    is_sorted: bool = False

    def pieces(self, begin: float, end: float, base: str = DIALOGUE) -> Iterator[Piece]:
        """Yield the pieces of a span; ``base`` is what the hosts' talk is called there."""
        at = begin
        for piece in self._waits_and_mail(begin, end):
            first, last = max(piece.begin, at), min(piece.end, end)
            if last <= first:
                continue
            if first > at:
                yield Piece(base, at, first, None, None)
            yield piece._replace(begin=first, end=last, kind=piece.kind or base)
            at = last
        if end > at:
            yield Piece(base, at, end, None, None)

    def _waits_and_mail(self, begin: float, end: float) -> Iterator[Piece]:
        if begin < self.opened:
            yield from _waits(self.lines)
        for crossing in self.within(begin, end):
            kind = SENDING if crossing.kind == "data" else ""
            at = crossing.sent
            for wait in _waits(crossing.lines):
                yield Piece(kind, at, wait.begin, None, crossing)
                yield wait._replace(crossing=crossing)
                at = wait.end
            yield Piece(kind, at, crossing.arrived, None, crossing)

    def within(self, begin: float, end: float) -> list[Crossing]:
        """Return what was on its way at some time of a span, in the order in which it was sent."""
        if not self.is_sorted:
            self.crossings.sort(key=lambda crossing: (crossing.sent, crossing.arrived))
            self.is_sorted = True
        # one at a time, so that those before the first that is sent later have arrived
        first = max(bisect_left(self.crossings, begin, key=lambda each: each.sent) - 2, 0)
        last = bisect_left(self.crossings, end, key=lambda each: each.sent)
        return [each for each in self.crossings[first:last] if each.arrived > begin]

    def losses_within(self, begin: float, end: float) -> list[float]:
        """Return the delays of the segments that were lost in a span, in seconds."""
        return [delay for at, delay in self.losses if begin <= at < end]


def _waits(lines: Iterable[Line]) -> Iterator[Piece]:
    for line in lines:
        if line[3] > line[2]:
            yield Piece(LINE, line[2], line[3], line, None)


class Transaction(NamedTuple):
    """When a message was first spoken of in a session, and last, in seconds.

    ``on_lines`` are the seconds of it in which its mail data waited for lines or was on them.
    """

    begin: float
    end: float
    message: int
    session: SessionTimes
    on_lines: float


class Turns:
    """The transactions from one host to another, in their order."""

    def __init__(self, transactions: Iterable[Transaction]) -> None:
        self.all = sorted(
            transactions, key=lambda transaction: (transaction.begin, transaction.end)
        )
        self._begins = [transaction.begin for transaction in self.all]
        # until when any so far went on: the same as its end where they come one after another
        self._latest = list(accumulate((transaction.end for transaction in self.all), max))
        self._on_lines = [0.0, *accumulate(transaction.on_lines for transaction in self.all)]

    def within(self, begin: float, end: float) -> tuple[list[Transaction], float]:
        """Return the transactions of a span, and how long they were on lines."""
        first = bisect_right(self._latest, begin)
        last = bisect_left(self._begins, end)
        return self.all[first:last], self._on_lines[max(last, first)] - self._on_lines[first]


class Sessions:
    """The sessions of a trace.

    ``turns`` are the transactions between two hosts, by the sender-SMTP's and the receiver-SMTP's;
    ``of_message`` those of a message between two hosts.
    """

    def __init__(self, rows: Iterable[Row]) -> None:
        self.sessions: dict[int, SessionTimes] = {}
        self.between: dict[tuple[str, str], list[SessionTimes]] = {}
        self.of_message: dict[tuple[int, str, str], list[Transaction]] = {}
        early: dict[int, list[tuple[float, float]]] = {}
        for row in rows:
            kind, session = row[KIND], row[SESSION]
            if kind == "open":
                self._open(row).losses += early.pop(session, [])
            elif session not in self.sessions:
                if kind == "loss" and session is not None:
                    early.setdefault(session, []).append((row[T], row[LOSS_DELAY]))
            elif kind == "close":
                self.sessions[session].closed = row[T]
            elif kind == "loss":
                self.sessions[session].losses.append((row[T], row[LOSS_DELAY]))
            else:
                self.sessions[session].crossings.append(_crossing(row))
        self._first: dict[int, int] = {}
        self.turns = self._turns()

    def _open(self, row: Row) -> SessionTimes:
        session = SessionTimes(
            row[SESSION], row[HOST], row[PEER], tuple(row[OPEN_PATH]), row[OPEN_TRANSPORT],
            row[OPEN_STARTED], row[T], lines_of(row),
        )  # fmt: skip
        self.sessions[session.number] = session
        for ends in ((session.host, session.peer), (session.peer, session.host)):
            self.between.setdefault(ends, []).append(session)
        return session

    def _turns(self) -> dict[tuple[str, str], Turns]:
        transactions_of: dict[tuple[str, str], list[Transaction]] = {}
        for session in self.sessions.values():
            spans: dict[tuple[int, str, str], tuple[float, float, float]] = {}
            for crossing in session.within(-inf, inf):
                if crossing.message is None:
                    continue
                ends = (
                    (crossing.peer, crossing.host)
                    if crossing.kind != "reply"
                    else (crossing.host, crossing.peer)
                )
                self._first.setdefault(session.number, crossing.message)
                key = (crossing.message, *ends)
                begin, end, on_lines = spans.get(key, (crossing.sent, crossing.arrived, 0.0))
                on_lines += (
                    crossing.arrived - crossing.sent
                    if crossing.kind == "data" and crossing.lines
                    else 0.0
                )
                spans[key] = begin, max(end, crossing.arrived), on_lines
            for (message, host, peer), (begin, end, on_lines) in spans.items():
                transaction = Transaction(begin, end, message, session, on_lines)
                transactions_of.setdefault((host, peer), []).append(transaction)
                self.of_message.setdefault((message, host, peer), []).append(transaction)
        return {ends: Turns(transactions) for ends, transactions in transactions_of.items()}

    def leading(self, message: int, host: str, peer: str, at: float) -> SessionTimes | None:
        """Return the session of which a message was the first, with its MAIL sent at a time."""
        for transaction in self.of_message.get((message, host, peer), ()):
            if transaction.begin == at and self._first.get(transaction.session.number) == message:
                return transaction.session
        return None

    def on_lines(self) -> Iterator[tuple[str, int, Line]]:
        """Yield what crossed lines: in words, its message (0: none), and how it crossed."""
        for session in self.sessions.values():
            of = f"of session {session.number}"
            yield from ((f"the opening {of}", 0, line) for line in session.lines)
            for crossing in session.crossings:
                subject = f"a {crossing.kind}" if crossing.kind != "data" else "mail data"
                subject = f"{subject} {of}, from {crossing.peer} to {crossing.host}"
                yield from ((subject, crossing.message or 0, line) for line in crossing.lines)

    def of_hop(
        self, message: int, host: str, peer: str, begin: float, end: float
    ) -> SessionTimes | None:
        """Return the session in which a message was, or was to be, between two times."""
        for transaction in self.of_message.get((message, host, peer), ()):
            if (transaction.begin < end and transaction.end > begin) or transaction.begin == begin:
                return transaction.session
        for session in self.between.get((host, peer), ()):
            if session.started < end and session.closed > begin:
                return session
        return None


def _crossing(row: Row) -> Crossing:
    return Crossing(
        row[SENT], row[T], row[KIND], row[HOST], row[PEER], len(row[OCTETS]), row[MESSAGE],
        lines_of(row),
    )  # fmt: skip
