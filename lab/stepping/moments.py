"""Moments: all that a run shows after so many of its events."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from lab.analysis.faults import FaultInterval
from lab.analysis.index import WIRE, Crossing, Spooled, TraceIndex
from lab.analysis.narrative import lines_of, sentence
from lab.analysis.session_states import SessionHistory, Snapshot
from lab.trace.rows import KIND, OCTETS, SESSION, Event


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a dialogue: at which event, who speaks ("S" or "R"), and what."""

    seq: int
    speaker: str
    text: str


@dataclass(frozen=True, slots=True)
class InFlight:
    """What is on a link: the crossing, the link's ends as it goes, how much of the way is done."""

    crossing: Crossing
    link: tuple[str, str]
    share: float


class Moment:
    """A run after its first ``n`` events, the same however one came here.

    ``t`` is the time of the last of them in seconds, ``event`` that event (None before the first).
    ``session`` is the one that is looked at: the event's own, or the last before it.
    """

    def __init__(self, records: TraceIndex, n: int, session: int | None = None) -> None:
        self.records = records
        self.n = n
        self.event: Event | None = records.trace[n - 1] if n else None
        self.t = self.event.t if self.event else 0.0
        self.session = session if session is not None else self._session()

    def __repr__(self) -> str:
        return f"<event {self.n} of {self.records.count} · {self.t:g} s · {self.sentence}>"

    def _session(self) -> int | None:
        for seq in range(self.n - 1, max(-1, self.n - 2000), -1):
            session: int | None = self.records.rows[seq][SESSION]
            if session is not None:
                return session
        return None

    @property
    def sentence(self) -> str:
        """The event in a sentence."""
        return sentence(self.event) if self.event else "Nothing has happened yet."

    @property
    def digest(self) -> str:
        """The digest of the trace so far."""
        return self.records.digest(self.n)

    @property
    def film(self) -> SessionHistory | None:
        """The session that is looked at."""
        return (
            self.records.session_histories.get(self.session) if self.session is not None else None
        )

    @property
    def shot(self) -> Snapshot | None:
        """Where both sides of that session stand: states, buffers, the row of the table."""
        return self.film.at(self.n - 1) if self.film else None

    @property
    def open_sessions(self) -> list[int]:
        """The numbers of the sessions that are open."""
        return self.records.sessions(self.n)

    @property
    def spool(self) -> list[Spooled]:
        """The mail in the spools of all hosts."""
        return self.records.spool(self.n)

    @property
    def faults(self) -> list[FaultInterval]:
        """The faults that last."""
        return self.records.faults(self.n)

    def retry_at(self, mail: Spooled) -> float | None:
        """When mail in a spool is to be tried again, in seconds; None where it was not put off."""
        return self.records.retry_at(self.n, mail)

    @cached_property
    def links(self) -> list[InFlight]:
        """What is on each link."""
        return [self._placed(crossing) for crossing in self.records.flying(self.n)]

    def dialogue(self, session: int | None = None, most: int = 0) -> list[Line]:
        """What was said in a session so far (default: the one that is looked at), line by line.

        ``most``: only so many of the last events. Mail data has its first and last lines.
        """
        number = self.session if session is None else session
        film = self.records.session_histories.get(number) if number is not None else None
        if film is None:
            return []
        seqs = film.seqs[: bisect_right(film.seqs, self.n - 1)]
        lines = []
        for seq in seqs[-most:]:
            row = self.records.rows[seq]
            if row[KIND] in WIRE:
                speaker = "R" if row[KIND] == "reply" else "S"
                said = lines_of(row[OCTETS])
                if row[KIND] == "data" and len(said) > 8:
                    said = [*said[:4], f"... {len(said) - 7:,} lines ...", *said[-3:]]
                lines += [Line(seq, speaker, text) for text in said]
        return lines

    def _placed(self, crossing: Crossing) -> InFlight:
        way = self.records.ways.get(crossing.session, (crossing.sender, crossing.receiver))
        if way[:1] != (crossing.sender,):
            way = way[::-1]
        takes = crossing.due - crossing.sent
        share = min(1.0, max(0.0, (self.t - crossing.sent) / takes)) if takes > 0 else 1.0
        hops = list(pairwise(way)) or [(crossing.sender, crossing.receiver)]
        lengths = [self.records.latencies.get(frozenset(hop), 0.0) for hop in hops]
        if sum(lengths) <= 0:
            lengths = [1.0] * len(hops)
        return _along(crossing, hops, lengths, share)


def _along(
    crossing: Crossing, hops: list[tuple[str, str]], lengths: list[float], share: float
) -> InFlight:
    """The link that a share of the whole way lies on, and the share of that link."""
    left = share * sum(lengths)
    for hop, size in zip(hops, lengths, strict=True):
        if left <= size and size > 0:
            return InFlight(crossing, hop, left / size)
        left -= size
    return InFlight(crossing, hops[-1], 1.0)
