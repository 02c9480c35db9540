"""Films: where both sides of each session stand after each event, from the trace alone."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from lab.protocol.dialogue import SideState, Spoken
from lab.protocol.states import State
from lab.protocol.syntax import verb_of
from lab.trace.rows import (
    CLOSE_REASON,
    HOST,
    KIND,
    OCTETS,
    OPEN_ENVIRONMENT,
    OPEN_TRANSPORT,
    PEER,
    SESSION,
    Row,
    T,
)
from lab.trace.trace import Trace


@dataclass(slots=True)
class SessionHistory:
    """One session: who speaks to whom, and the standing of both sides from each event on.

    ``sender`` and ``receiver`` name the hosts by role, from each event on: TURN changes them.
    """

    number: int
    environment: str
    transport: str
    opened: float
    closed: float | None = None
    reason: str = ""
    seqs: list[int] = field(default_factory=list)
    shots: list[Snapshot] = field(default_factory=list)

    def at(self, seq: int) -> Snapshot | None:
        """The session just after an event; None before it opened."""
        place = bisect_right(self.seqs, seq)
        return self.shots[place - 1] if place else None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A session at a moment: the hosts by role, and where each of the two engines stands."""

    sender_host: str
    receiver_host: str
    sender: SideState
    receiver: SideState
    open: bool = True


_GREETED = SideState().reply(None, 220)
_READ = frozenset({"open", "command", "data", "reply", "close", "accept"})


def session_histories(trace: Trace, session: int | None = None) -> dict[int, SessionHistory]:
    """The film of each session of a trace, by its number; or of one alone."""
    rows: dict[int, list[tuple[int, Row]]] = {}
    for seq, row in enumerate(trace.rows):
        if (
            row[KIND] in _READ
            and row[SESSION] is not None
            and (session is None or row[SESSION] == session)
        ):
            rows.setdefault(row[SESSION], []).append((seq, row))
    return {number: _film(some) for number, some in rows.items() if some[0][1][KIND] == "open"}


def kinds_of_session(rows: Iterable[Row]) -> list[tuple[SessionHistory, list[Row], int]]:
    """The sessions of a trace that went alike, command by command and code by code, counted.

    Of each kind its first session: the film, whose ``seqs`` count its own rows, those rows, and how
    many sessions were of the kind. What addresses and mail were about makes no difference.
    """
    said: dict[int, list[bytes]] = {}
    kept: dict[int, list[Row]] = {}
    count: Counter[tuple[bytes, ...]] = Counter()
    first: dict[tuple[bytes, ...], list[Row]] = {}

    def end(session: int) -> None:
        key = tuple(said.pop(session))
        count[key] += 1
        first.setdefault(key, kept[session])
        del kept[session]

    for row in rows:
        kind, session = row[KIND], row[SESSION]
        if kind not in _READ or session is None:
            continue
        if kind == "open":
            said[session], kept[session] = [], []
        elif session not in said:
            continue
        kept[session].append(row)
        if kind == "command":
            said[session].append(verb_of(row[OCTETS]).encode("latin-1"))
        elif kind == "reply":
            said[session].append(row[OCTETS][:3])
        elif kind == "data":
            said[session].append(b"mail data")
        elif kind == "close":
            end(session)
    for session in list(said):
        end(session)
    return [(_film(list(enumerate(some))), some, count[key]) for key, some in first.items()]


def _film(rows: list[tuple[int, Row]]) -> SessionHistory:
    _, first = rows[0]
    film = SessionHistory(first[SESSION], first[OPEN_ENVIRONMENT], first[OPEN_TRANSPORT], first[T])
    codes = _replies(rows)
    shot = Snapshot(first[HOST], first[PEER], SideState(), _GREETED)
    asked: deque[Spoken | None] = deque([None])
    storing: tuple[Spoken, int | None] | None = None
    for seq, row in rows:
        kind = row[KIND]
        if kind in ("command", "data"):
            what = Spoken.read(row[OCTETS], data=kind == "data")
            asked.append(what)
            code = codes.get(seq)
            if kind == "data":
                # processed from now on (4.1.1 DATA): the buffers are full until it is done
                receiver = shot.receiver.ask(what).fill(row[OCTETS])
                storing = (what, code)
            elif code is None:
                receiver = shot.receiver.ask(what)
            else:
                receiver = shot.receiver.reply(what, code)
            sender = shot.sender.ask(what)
            shot = replace(shot, sender=sender, receiver=receiver)
        elif kind == "accept":
            shot, storing = _stored(shot, storing), None
        elif kind == "reply":
            shot, storing = _stored(shot, storing), None
            shot = _replied(shot, asked.popleft() if asked else None, int(row[OCTETS][:3]), asked)
        elif kind == "close":
            film.closed, film.reason = row[T], row[CLOSE_REASON]
            gone = replace(shot.sender, state=State.CLOSED, awaiting="")
            gone_too = replace(shot.receiver, state=State.CLOSED, awaiting="")
            shot = replace(shot, open=False, sender=gone, receiver=gone_too)
        film.seqs.append(seq)
        film.shots.append(shot)
    return film


def _stored(shot: Snapshot, storing: tuple[Spoken, int | None] | None) -> Snapshot:
    """The session when the mail data has been processed, and its reply is on its way."""
    if storing is None or storing[1] is None:
        return shot
    return replace(shot, receiver=shot.receiver.reply(storing[0], storing[1]))


def _replied(
    shot: Snapshot, what: Spoken | None, code: int, asked: deque[Spoken | None]
) -> Snapshot:
    sender = shot.sender.reply(what, code)
    if what is not None and what.command == "TURN" and code // 100 == 2:
        # 3.8: the roles change, and both sides are as after opening
        asked.append(None)
        return Snapshot(shot.receiver_host, shot.sender_host, SideState(), _GREETED)
    return replace(shot, sender=sender)


def _replies(rows: list[tuple[int, Row]]) -> dict[int, int]:
    """By the event at which a command or mail data arrived, the code that it drew, if one came."""
    asked: deque[int | None] = deque([None])
    turning: set[int] = set()
    found: dict[int, int] = {}
    for seq, row in rows:
        if row[KIND] in ("command", "data"):
            asked.append(seq)
            if verb_of(row[OCTETS]) == "TURN":
                turning.add(seq)
        elif row[KIND] == "reply" and asked:
            of = asked.popleft()
            if of is not None:
                found[of] = int(row[OCTETS][:3])
                if of in turning and found[of] // 100 == 2:
                    asked.append(None)
    return found
