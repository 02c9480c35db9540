"""Session histories: the states and buffers of both sides of each session, after each event.

The tracker of :mod:`lab.protocol.dialogue` derives them from what crossed the channel.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from lab.protocol.dialogue import Dialogue, SideState, replies_to
from lab.protocol.replies import MAIL_DATA, Outcome, code_of
from lab.protocol.states import State
from lab.protocol.syntax import verb_of
from lab.trace.rows import (
    CLOSE_REASON,
    DIALOGUE,
    HOST,
    KIND,
    OCTETS,
    OPEN_ENVIRONMENT,
    OPEN_TRANSPORT,
    PEER,
    SENT,
    SESSION,
    Row,
    T,
)
from lab.trace.trace import Trace

OF_SESSIONS: Final = frozenset(DIALOGUE) | {"open", "close", "accept"}
"""The kinds of event after which either side of a session may be in another state."""


@dataclass(slots=True)
class SessionHistory:
    """One session: the states of both sides, from each of its events on.

    ``seqs`` are the places of its events in the trace, ``snapshots`` the session after each.
    ``opened`` and ``closed`` are in seconds; ``closed`` is None if it was open when the run ended,
    and ``reason`` says why it closed.
    """

    number: int
    environment: str
    transport: str
    opened: float
    closed: float | None = None
    reason: str = ""
    seqs: list[int] = field(default_factory=list)
    snapshots: list[Snapshot] = field(default_factory=list)

    def at(self, seq: int) -> Snapshot | None:
        """Return the session just after an event; None before it opened."""
        count = bisect_right(self.seqs, seq)
        return self.snapshots[count - 1] if count else None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A session at a moment: the hosts by role, which TURN changes, and the state of each side."""

    sender_host: str
    receiver_host: str
    sender: SideState
    receiver: SideState
    open: bool = True

    @property
    def has_stored(self) -> bool:
        """Whether mail has been stored, and the sender-SMTP waits for the reply that says so."""
        is_stored = self.receiver.command == MAIL_DATA and self.receiver.code is not None
        return is_stored and self.sender.awaiting == MAIL_DATA


def session_histories(trace: Trace, session: int | None = None) -> dict[int, SessionHistory]:
    """Return the history of each session of a trace, by its number; or of one alone."""
    rows: dict[int, list[tuple[int, Row]]] = {}
    for seq, row in enumerate(trace.rows):
        if (
            row[KIND] in OF_SESSIONS
            and row[SESSION] is not None
            and (session is None or row[SESSION] == session)
        ):
            rows.setdefault(row[SESSION], []).append((seq, row))
    return {
        number: history_of(session_rows)
        for number, session_rows in rows.items()
        if session_rows[0][1][KIND] == "open"
    }


def kinds_of_session(rows: Iterable[Row]) -> list[tuple[SessionHistory, list[Row], int]]:
    """Return the kinds of session among rows: alike, command by command and code by code.

    Of each kind: the history of its first session, whose ``seqs`` count the rows of that session;
    those rows; and how many sessions were of the kind. Addresses and mail make no difference.
    """
    dialogues: dict[int, list[str | int]] = {}
    rows_of: dict[int, list[Row]] = {}
    count: Counter[tuple[str | int, ...]] = Counter()
    first: dict[tuple[str | int, ...], list[Row]] = {}

    def end(session: int) -> None:
        kind_of_session = tuple(dialogues.pop(session))
        count[kind_of_session] += 1
        first.setdefault(kind_of_session, rows_of[session])
        del rows_of[session]

    for row in rows:
        kind, session = row[KIND], row[SESSION]
        if kind not in OF_SESSIONS or session is None:
            continue
        if kind == "open":
            dialogues[session], rows_of[session] = [], []
        elif session not in dialogues:
            continue
        rows_of[session].append(row)
        if kind == "command":
            dialogues[session].append(verb_of(row[OCTETS]))
        elif kind == "reply":
            dialogues[session].append(code_of(row[OCTETS]))
        elif kind == "data":
            dialogues[session].append("mail data")
        elif kind == "close":
            end(session)
    for session in list(dialogues):
        end(session)
    return [
        (history_of(list(enumerate(session_rows))), session_rows, count[kind])
        for kind, session_rows in first.items()
    ]


def transitions_taken(trace: Trace, until: int | None = None) -> Counter[tuple[State, str]]:
    """Return how often each arrow of the transition table was taken in all sessions.

    An arrow is the state that it leads from and the command. ``until`` is the number of the last
    event that counts.
    """
    taken: Counter[tuple[State, str]] = Counter()
    rows = trace.rows if until is None else islice(trace.rows, until + 1)
    for history, session_rows, times in kinds_of_session(rows):
        for arrow in transitions_of(session_rows, history.snapshots):
            taken[arrow] += times
    return taken


def transitions_of(
    rows: Sequence[Row], snapshots: Sequence[Snapshot]
) -> Iterator[tuple[State, str]]:
    """Yield the arrows of the table that the receiver-SMTP took in a session, event by event.

    It takes one for each command that succeeds, and for mail data whatever the reply.
    """
    before: SideState | None = None
    for row, snapshot in zip(rows, snapshots, strict=True):
        here = snapshot.receiver
        if here.command == MAIL_DATA:
            awaited = before is not None and before.command == MAIL_DATA and before.code is None
            taken = awaited and here.code is not None
        else:
            taken = row[KIND] == "command" and here.meaning in (Outcome.S, Outcome.I)
        if taken and here.row is not None:
            yield here.was, here.command
        before = here


def history_of(rows: list[tuple[int, Row]]) -> SessionHistory:
    """Return the history of one session of its rows so far, each with its place in the trace.

    They are rows of :data:`OF_SESSIONS`, and the first of them is its open.
    """
    _, first = rows[0]
    history = SessionHistory(
        first[SESSION], first[OPEN_ENVIRONMENT], first[OPEN_TRANSPORT], first[T]
    )
    by_sender = _as_the_sender_sees(rows)
    codes = replies_to((seq, row[KIND], row[OCTETS]) for seq, row in by_sender)
    overtaken = _overtaken(by_sender)
    dialogue = Dialogue()
    for seq, row in rows:
        for sent in overtaken.get(seq, ()):
            dialogue.sent(sent[OCTETS], data=sent[KIND] == "data")
        _follow(dialogue, row, codes.get(seq))
        if row[KIND] == "close":
            history.closed, history.reason = row[T], row[CLOSE_REASON]
        hosts = (first[HOST], first[PEER])
        sender, receiver = reversed(hosts) if dialogue.is_turned else hosts
        history.seqs.append(seq)
        history.snapshots.append(
            Snapshot(
                sender, receiver, dialogue.sender, dialogue.receiver, open=history.closed is None
            )
        )
    return history


def _as_the_sender_sees(rows: list[tuple[int, Row]]) -> list[tuple[int, Row]]:
    """Return what crossed in a session, in the order in which the sender-SMTP sent or received it.

    The trace has a command where it arrives. A reply may come before that and after it was sent.
    """
    crossed = [(seq, row) for seq, row in rows if row[KIND] in DIALOGUE]
    return sorted(
        crossed,
        key=lambda crossing: (
            crossing[1][T if crossing[1][KIND] == "reply" else SENT],
            crossing[0],
        ),
    )


def _overtaken(by_sender: list[tuple[int, Row]]) -> dict[int, list[Row]]:
    """Return the commands and mail data that have left before a reply, and arrive after it: by the
    place of that reply in the trace. Only a reply that nobody had asked for overtakes a command.
    """
    before: dict[int, list[Row]] = {}
    pending: list[tuple[int, Row]] = []
    for seq, row in by_sender:
        if row[KIND] != "reply":
            pending.append((seq, row))
            continue
        ahead = [earlier for place, earlier in pending if place > seq]
        pending = []
        if ahead:
            before[seq] = ahead
    return before


def _follow(dialogue: Dialogue, row: Row, code: int | None) -> None:
    """Have the tracker follow one event of a session; ``code`` is what a command drew, if any."""
    match row[KIND]:
        case "command":
            dialogue.command(row[OCTETS], code)
        case "data":
            dialogue.mail_data(row[OCTETS], code)
        case "reply":
            dialogue.reply(row[OCTETS])
        case "accept":
            dialogue.stored()
        case "close":
            dialogue.close()
