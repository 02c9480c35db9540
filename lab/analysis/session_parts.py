"""The bytes of sessions, cut into openings, transactions and endings, to compare two runs by.

A session without a transaction is one part, its whole: it is a script's or a poll's, or it failed.

Two drivers may choose otherwise which mail goes in which session, and which of several sessions
comes first. What they may not change is what is said in a part of a session.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from lab.protocol.dialogue import Spoken
from lab.protocol.states import MAIL_COMMANDS
from lab.protocol.time_stamps import date_spans
from lab.trace.rows import DIALOGUE, HOST, KIND, MESSAGE, OCTETS, PEER, SESSION, Row

OPENING: Final = "opening"
TRANSACTION: Final = "transaction"
ENDING: Final = "ending"
WHOLE: Final = "whole"

COUNTED: Final = (TRANSACTION, WHOLE)
"""The kinds of part of which two runs must have as many."""

_MARK: Final = b"(date)"

_ENDS: Final = ("QUIT", "TURN")


def without_dates(octets: bytes) -> bytes:
    """Return octets with a mark in place of each date that a host has put there.

    Those are the dates of time stamp lines and of Date fields, also where they are quoted.
    """
    clean = bytearray()
    last = 0
    for begin, end in date_spans(octets):
        clean += octets[last:begin] + _MARK
        last = end
    return bytes(clean + octets[last:]) if last else octets


def first_difference(ours: bytes, theirs: bytes) -> tuple[int, int] | None:
    """Return where two texts first differ, dates aside: a place in each; None if they do not."""
    a, b = without_dates(ours), without_dates(theirs)
    if a == b:
        return None
    same = next((n for n, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), None)
    place = min(len(a), len(b)) if same is None else same
    return _with_dates(ours, place), _with_dates(theirs, place)


def _with_dates(octets: bytes, place: int) -> int:
    """Return the place in octets of a place in them without dates."""
    longer = 0
    for begin, end in date_spans(octets):
        if place < begin - longer + len(_MARK):
            return min(place + longer, begin)
        longer += end - begin - len(_MARK)
    return place + longer


@dataclass(slots=True)
class Part:
    """A part of a session: an opening, a transaction or an ending; or the whole.

    ``said`` are the octets of each host, and ``begins`` how many octets of the host came before
    them in the session. ``message`` is the number of the message that it sends.
    """

    session: int
    kind: str
    message: int | None
    octets: dict[str, bytearray] = field(default_factory=dict)
    begins: dict[str, int] = field(default_factory=dict)

    def key(self, set_aside: frozenset[str]) -> tuple[str, tuple[tuple[str, bytes], ...]]:
        """Return what must be the same in both runs: all that is said, but by hosts set aside."""
        return self.kind, tuple(
            (host, without_dates(bytes(octets)))
            for host, octets in sorted(self.octets.items())
            if host not in set_aside
        )


class PartedSession:
    """A session, cut into its parts; ``ends`` are the host that called and the one it called."""

    def __init__(self, number: int, ends: tuple[str, str]) -> None:
        self.number = number
        self.ends = ends
        self._parts = [Part(number, OPENING, None)]
        self._counts: dict[str, int] = {}

    @property
    def parts(self) -> list[Part]:
        """The parts, in their order."""
        if any(part.kind == TRANSACTION for part in self._parts):
            return self._parts
        whole = Part(self.number, WHOLE, None, begins=dict.fromkeys(self._counts, 0))
        for part in self._parts:
            for host, octets in part.octets.items():
                whole.octets.setdefault(host, bytearray()).extend(octets)
        return [whole]

    def take(self, row: Row) -> None:
        """Add what crossed the channel."""
        if row[KIND] == "command":
            self._begin(Spoken.read(row[OCTETS], data=False).command, row[MESSAGE])
        part, speaker = self._parts[-1], row[PEER]
        if speaker not in part.octets:
            part.octets[speaker] = bytearray()
            part.begins[speaker] = self._counts.get(speaker, 0)
        part.octets[speaker] += row[OCTETS]
        self._counts[speaker] = self._counts.get(speaker, 0) + len(row[OCTETS])

    def _begin(self, command: str, message: int | None) -> None:
        """Begin another part, if a command does."""
        if command in MAIL_COMMANDS:
            self._parts.append(Part(self.number, TRANSACTION, message))
        elif command in _ENDS:
            self._parts.append(Part(self.number, ENDING, None))
        elif command == "HELO" and self._parts[-1].kind != OPENING:
            self._parts.append(Part(self.number, OPENING, None))


def parted_sessions(rows: Iterable[Row]) -> list[PartedSession]:
    """Return the sessions of a run, in the order in which they opened."""
    sessions: dict[int, PartedSession] = {}
    for row in rows:
        if row[KIND] == "open":
            sessions[row[SESSION]] = PartedSession(row[SESSION], (row[HOST], row[PEER]))
        elif row[KIND] in DIALOGUE and row[SESSION] in sessions:
            sessions[row[SESSION]].take(row)
    return list(sessions.values())
