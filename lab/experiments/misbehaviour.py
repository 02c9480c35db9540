"""Misbehaviour to invent for each reply of a run: what a scripted receiver-SMTP would do there.

Each is one ``[[host.reply]]`` for one reply of one host. The host does the rest as it did.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from lab.hosts.reply_script import COMES_AFTER, DATA_SENT, OPEN, STAGES, ScriptedReply
from lab.protocol.syntax import verb_of
from lab.trace.rows import HOST, KIND, OCTETS, PEER, SESSION, Row

PAUSE: Final = 1.0
"""Seconds between the pieces of a reply."""

_REFUSALS: Final = ("421 closing", "451 local error", "550 no")
_SUCCESS: Final = "250 OK"
_GO_AHEAD: Final = "354 go ahead"


class Misbehaviour(NamedTuple):
    """What a host does in place of a reply that arrived in a row of the trace.

    ``leaves_unanswered``: what was asked is carried out, and gets no reply.
    """

    seq: int
    kind: str
    where: str
    host: str
    reply: ScriptedReply
    leaves_unanswered: bool


@dataclass(slots=True)
class _Asked:
    """What a host was asked at a stage: the how manieth of its kind, and after which stage."""

    stage: str
    nth: int
    after: str


@dataclass(slots=True)
class _Stages:
    """What each host was asked, as a :class:`~lab.hosts.reply_script.ReplyScript` counts it.

    ``last`` is the stage at which each session is, and ``waiting`` what no reply has come to.
    """

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    last: dict[int | None, str] = field(default_factory=dict)
    waiting: dict[int | None, list[_Asked]] = field(default_factory=dict)

    def ask(self, session: int | None, host: str, stage: str) -> None:
        """Note that a host is asked something."""
        after = self.last.get(session, "")
        self.last[session] = stage
        self.counts[host, stage] += 1
        asked = _Asked(stage, self.counts[host, stage], after)
        self.waiting.setdefault(session, []).append(asked)

    def answered(self, session: int | None) -> _Asked | None:
        """Return what a reply of a session is to; None for one that is not to anything."""
        waiting = self.waiting.get(session)
        return waiting.pop(0) if waiting else None


def misbehaviours(rows: Sequence[Row]) -> Iterator[Misbehaviour]:
    """Yield what a host could do in place of each reply of a run, in the order of the run."""
    stages = _Stages()
    for seq, row in enumerate(rows):
        kind, session = row[KIND], row[SESSION]
        if kind == "open":
            stages.ask(session, row[PEER], OPEN)
        elif kind == "command":
            stages.ask(session, row[HOST], verb_of(row[OCTETS]).strip())
        elif kind == "data":
            if stages.last.get(session) != DATA_SENT:  # it may come in pieces
                stages.ask(session, row[HOST], DATA_SENT)
        elif kind == "reply":
            asked = stages.answered(session)
            if asked is not None and asked.stage in STAGES:
                yield from _of_reply(seq, row, asked)


def _of_reply(seq: int, row: Row, asked: _Asked) -> Iterator[Misbehaviour]:
    own: bytes = row[OCTETS]
    at = f"{row[PEER]} at {asked.stage}, session {row[SESSION]}"
    for kind, reply in _replies(asked, own):
        first_line = (reply.octets or b"").decode("latin-1").strip().partition("\r\n")[0]
        where = f"{at}: {kind}" + (f" {first_line[:30]!r}" if first_line else "")
        yield Misbehaviour(seq, kind, where, row[PEER], reply, reply.octets == b"")


def _replies(asked: _Asked, own: bytes) -> Iterator[tuple[str, ScriptedReply]]:
    stage, nth = asked.stage, asked.nth
    if stage != OPEN and asked.after in COMES_AFTER[stage]:
        yield "early reply", ScriptedReply(stage, nth, own, early=True)
    yield "doubled reply", ScriptedReply(stage, nth, repeat=2)
    yield "reply in pieces", ScriptedReply(stage, nth, pieces=(1, 3), pause=PAUSE)
    yield "reply, then half-close", ScriptedReply(stage, nth, then="half-close")
    yield "no reply, then cut", ScriptedReply(stage, nth, b"", then="cut")
    yield "no reply, then silence", ScriptedReply(stage, nth, b"", then="silence")
    for line in _other_replies(stage, own):
        yield "another code", ScriptedReply(stage, nth, f"{line}\r\n".encode("ascii"))


def _other_replies(stage: str, own: bytes) -> tuple[str, ...]:
    """Return other replies: refusals of what was accepted, a success, and one that is misplaced."""
    success, misplaced = (_GO_AHEAD, _SUCCESS) if stage == "DATA" else (_SUCCESS, _GO_AHEAD)
    return (*_REFUSALS, misplaced) if own[:1] in b"23" else (success, misplaced)
