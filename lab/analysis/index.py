"""The index of a trace: the state of the run at any moment, found in a few milliseconds."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from lab.analysis.channels import (
    Path,
    channel_paths,
    flights,
    latencies,
    session_spans,
    way_of,
)
from lab.analysis.faults import FaultInterval, fault_spans
from lab.analysis.intervals import IntervalIndex
from lab.analysis.narrative import sentence, unheard
from lab.analysis.session_states import session_histories
from lab.analysis.shown_names import ShownNames, shown_names
from lab.analysis.spools import SpoolChange, Spooled, SpoolSpan, spans_and_changes
from lab.trace.digests import DigestHistory
from lab.trace.rows import (
    CROSSING,
    HOST,
    KIND,
    OCTETS,
    PEER,
    SESSION,
    Event,
    Row,
    T,
)
from lab.trace.trace import Trace

_LOOKS_BACK: Final = 2000
"""Events among which the last one in a session is looked for."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """A command, reply or mail data on its way from one host to another.

    ``sent`` and ``due`` are when it left and when it arrives, in seconds; ``seq`` is the event that
    its arrival will be.
    """

    seq: int
    session: int
    kind: str
    sender: str
    receiver: str
    sent: float
    due: float
    octets: bytes


class TraceIndex:
    """The state of a run at any moment of its trace.

    A moment is a number of events that have happened, from 0 to ``len(trace)``.
    """

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.rows: Sequence[Row] = trace.rows
        self.count = len(trace.rows)
        self.times = [row[T] for row in trace.rows]
        self.session_histories = session_histories(trace)
        spans, changes = spans_and_changes(self.rows)
        self._spool = IntervalIndex(self._spooled(spans), self.count)
        self._spool_lengths = _spool_lengths(changes)
        self._open = IntervalIndex(self._open_sessions(), self.count)
        self._faults = IntervalIndex(self._lasting_faults(), self.count)
        self._in_flight = IntervalIndex(self._crossings(), self.count)

    @cached_property
    def _digests(self) -> DigestHistory:
        return DigestHistory(self.rows)

    @cached_property
    def paths(self) -> dict[int, Path]:
        """The way of each session's channel over the links, from the host that opened it."""
        return channel_paths(self.rows)

    @cached_property
    def _unheard(self) -> frozenset[tuple[int | None, int | None]]:
        return unheard(self.trace.of(("close", "accept")))

    def sentence(self, event: Event) -> str:
        """Return an event of the trace as a sentence."""
        is_accept = event.kind == "accept"
        is_unheard = is_accept and (event.session, event.message) in self._unheard
        return sentence(event, is_unheard=is_unheard, shown=self.shown)

    @cached_property
    def shown(self) -> ShownNames:
        """The names of hosts as people see them."""
        return shown_names(self.trace.meta)

    @cached_property
    def latencies(self) -> dict[frozenset[str], float]:
        """The latency of each link in seconds, by its two ends."""
        return latencies(self.trace.meta)

    def way(self, crossing: Crossing) -> Path:
        """Return the way over the links of something, from the host that sent it."""
        return way_of(self.rows[crossing.seq], self.paths)

    def digest(self, moment: int) -> str:
        """Return the digest of the trace up to a moment."""
        return self._digests.after(moment)

    def moment_at(self, t: float) -> int:
        """Return the moment after all events up to a time in seconds."""
        return bisect_right(self.times, t)

    def spool(self, moment: int) -> list[Spooled]:
        """Return the mail in all spools."""
        return self._spool.at(moment)

    def spool_lengths(self, moment: int) -> dict[str, int]:
        """Return how many messages lie in each spool that is not empty, by host.

        A message counts once at a host, even if it is there for several next hosts.
        """
        counts = {}
        for host, (moments, lengths) in self._spool_lengths.items():
            place = bisect_right(moments, moment)
            if place and lengths[place - 1]:
                counts[host] = lengths[place - 1]
        return counts

    def sessions(self, moment: int) -> list[int]:
        """Return the numbers of the sessions that are open."""
        return self._open.at(moment)

    def faults(self, moment: int) -> list[FaultInterval]:
        """Return the faults that are in effect."""
        return self._faults.at(moment)

    def in_flight(self, moment: int) -> list[Crossing]:
        """Return what is on its way."""
        return self._in_flight.at(moment)

    def retry_at(self, moment: int, mail: Spooled) -> float | None:
        """Return when deferred mail is to be tried again, in seconds; None for other mail."""
        place = bisect_left(mail.retries, (moment,))
        return mail.retries[place - 1][1] if place else None

    def session_at(self, moment: int) -> int | None:
        """Return the session of the last event that is in one; None if that was long ago."""
        for seq in range(moment - 1, max(-1, moment - _LOOKS_BACK), -1):
            session: int | None = self.rows[seq][SESSION]
            if session is not None:
                return session
        return None

    def next_in(self, session: int, moment: int, kinds: Collection[str]) -> int | None:
        """Return the number of a session's next event of some kinds; None if there is none."""
        of_these = (seq for seq in self._of_session(session, kinds) if seq >= moment)
        return next(of_these, None)

    def count_in(self, session: int, moment: int, kinds: Collection[str]) -> int:
        """Return how many events of some kinds have happened in a session."""
        return sum(seq < moment for seq in self._of_session(session, kinds))

    def _of_session(self, session: int, kinds: Collection[str]) -> Iterator[int]:
        seqs = self.session_histories[session].seqs
        return (seq for seq in seqs if self.rows[seq][KIND] in kinds)

    def _open_sessions(self) -> Iterator[tuple[int, int, int]]:
        for first, last, session in session_spans(self.rows):
            yield first + 1, (self.count if last is None else last) + 1, session

    def _spooled(self, spans: Iterable[SpoolSpan]) -> Iterator[tuple[int, int, Spooled]]:
        for first, last, _, mail in spans:
            yield first + 1, (self.count if last is None else last) + 1, mail

    def _lasting_faults(self) -> Iterator[tuple[int, int, FaultInterval]]:
        for first, last, interval in fault_spans(self.rows):
            yield first + 1, (self.count if last is None else last) + 1, interval

    def _crossings(self) -> Iterator[tuple[int, int, Crossing]]:
        for seq, left, after in flights(self.rows):
            row = self.rows[seq]
            if row[KIND] in CROSSING:
                first = max(after, bisect_left(self.times, left) + 1)
                crossing = Crossing(
                    seq, row[SESSION], row[KIND], row[PEER], row[HOST], left, row[T], row[OCTETS]
                )
                yield first, seq + 1, crossing


def _spool_lengths(changes: Iterable[SpoolChange]) -> dict[str, tuple[list[int], list[int]]]:
    """Return the moments at which each host's spool changes its length, and the lengths."""
    lengths: dict[str, tuple[list[int], list[int]]] = {}
    for change in changes:
        if change.by:
            moments, levels = lengths.setdefault(change.host, ([], []))
            moments.append(change.n + 1)
            levels.append((levels[-1] if levels else 0) + change.by)
    return lengths
