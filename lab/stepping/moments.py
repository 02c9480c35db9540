"""The state of a run after a number of its events: sessions, spools, links and faults."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from lab.analysis.channels import link_at, shares
from lab.analysis.faults import FaultInterval
from lab.analysis.index import Crossing, TraceIndex
from lab.analysis.narrative import LETTERS, lines_shown
from lab.analysis.session_states import SessionHistory, Snapshot
from lab.analysis.spools import Spooled
from lab.quantities import clock_time
from lab.runtime import arguments
from lab.runtime.deprecation import renamed
from lab.trace.rows import CROSSING, KIND, OCTETS, Event

_RENAMED: Final = {
    "film": "history", "records": "index", "shot": "snapshot", "troubles": "faults",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a dialogue: the number of its event, the speaker ("S" or "R"), and the text."""

    seq: int
    speaker: str
    text: str


@dataclass(frozen=True, slots=True)
class InFlight:
    """What is on a link, the ends of the link in its direction, and the share it has crossed."""

    crossing: Crossing
    link: tuple[str, str]
    share: float


class Moment:
    """A run after its first ``n`` events.

    ``event`` is the last of these events, None before the first, and ``t`` its time in seconds.
    ``session`` is the session that is shown: that of the event or, if it has none, of the last
    event before it that has one.
    """

    def __init__(self, index: TraceIndex, n: int, session: int | None = None) -> None:
        self.index = index
        self.n = n
        self.event: Event | None = index.trace[n - 1] if n else None
        self.t = self.event.t if self.event else 0.0
        self.session = session if session is not None else index.session_at(n)

    def __repr__(self) -> str:
        return f"<event {self.n} of {self.index.count} · {clock_time(self.t)} · {self.sentence}>"

    if not TYPE_CHECKING:  # type checkers know the new names only

        def __getattr__(self, name: str) -> Any:
            return renamed(self, _RENAMED, name)

    @property
    def sentence(self) -> str:
        """The event, in a sentence."""
        return self.index.sentence(self.event) if self.event else "Nothing has happened yet."

    @property
    def digest(self) -> str:
        """The digest of the trace so far."""
        return self.index.digest(self.n)

    @property
    def history(self) -> SessionHistory | None:
        """The history of the session that is shown."""
        return self.index.session_histories.get(self.session) if self.session is not None else None

    @property
    def snapshot(self) -> Snapshot | None:
        """Both sides of that session: states, buffers, and the row of the transition table."""
        return self.history.at(self.n - 1) if self.history else None

    @property
    def open_sessions(self) -> list[int]:
        """The numbers of the sessions that are open."""
        return self.index.sessions(self.n)

    @property
    def spool(self) -> list[Spooled]:
        """The mail in the spools of all hosts."""
        return self.index.spool(self.n)

    @property
    def spool_lengths(self) -> dict[str, int]:
        """How many messages lie in each spool that is not empty, by host."""
        return self.index.spool_lengths(self.n)

    @property
    def faults(self) -> list[FaultInterval]:
        """The faults that are in effect."""
        return self.index.faults(self.n)

    def retry_at(self, mail: Spooled) -> float | None:
        """Return when mail in a spool is tried again, in seconds; None if it was not deferred."""
        arguments.instance("mail", mail, Spooled, "mail in a spool, as spools has it")
        return self.index.retry_at(self.n, mail)

    @cached_property
    def links(self) -> list[InFlight]:
        """What is on each link."""
        return [self._in_flight(crossing) for crossing in self.index.in_flight(self.n)]

    def dialogue(self, session: int | None = None, most: int = 0) -> list[Line]:
        """Return the lines of a session so far; by default of the session that is shown.

        ``most`` is the number of events to show, counted from the last (0: all of them). Of long
        mail data, only the first and last lines are shown.
        """
        most = arguments.whole_number("most", most, 0)
        number = self.session if session is None else arguments.whole_number("session", session)
        history = self.index.session_histories.get(number) if number is not None else None
        if history is None:
            return []
        seqs = history.seqs[: bisect_right(history.seqs, self.n - 1)]
        lines = []
        for seq in seqs[-most:]:
            row = self.index.rows[seq]
            if row[KIND] in CROSSING:
                speaker = LETTERS[row[KIND]]
                texts = lines_shown(row[KIND], row[OCTETS])
                if row[KIND] == "data" and len(texts) > 8:
                    texts = [*texts[:4], f"... {len(texts) - 7:,} lines ...", *texts[-3:]]
                lines += [Line(seq, speaker, text) for text in texts]
        return lines

    def _in_flight(self, crossing: Crossing) -> InFlight:
        path = self.index.way(crossing)
        duration = crossing.due - crossing.sent
        share = min(1.0, max(0.0, (self.t - crossing.sent) / duration)) if duration > 0 else 1.0
        link, passed = link_at(path, shares(path, self.index.latencies), share)
        return InFlight(crossing, link, passed)
