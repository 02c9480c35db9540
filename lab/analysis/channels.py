"""Transmission channels: when each was open, by which links it went, and what was on its way on it.

The map, the film, the timeline, the stepper and the replay page take it from here.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Final, NamedTuple

from lab.trace.meta import Meta
from lab.trace.rows import (
    CROSSING,
    HOST,
    KIND,
    OPEN_PATH,
    OPEN_STARTED,
    PEER,
    PLAN_PATH,
    SENT,
    SESSION,
    Row,
    T,
)
from lab.trace.trace import Trace

Path = tuple[str, ...]
"""The hosts and routers on a way over the links, both ends included."""

LEAVES: Final = dict.fromkeys(CROSSING, "sent") | {"open": "started"}
"""The kinds of event at whose end something has come a way, and the column of when it left."""


class SessionSpan(NamedTuple):
    """An open session, with the numbers of the events that opened and closed it; None: never."""

    first: int
    last: int | None
    session: int


class Flight(NamedTuple):
    """Something on its way: event number ``seq`` is its end.

    It left at ``left`` seconds, because of the last of the first ``after`` events.
    """

    seq: int
    left: float
    after: int


class Traffic(NamedTuple):
    """How much crossed each link, by the link's ends in the direction of the way.

    ``is_planned``: how many recipients' mail will cross it, as the run has not been made; otherwise
    the number of sessions.
    """

    crossings: Counter[tuple[str, str]]
    is_planned: bool


def session_spans(rows: Iterable[Row]) -> list[SessionSpan]:
    """Return the sessions of a run, in the order in which they opened; rows count from 0."""
    spans: dict[int, SessionSpan] = {}
    for n, row in enumerate(rows):
        if row[KIND] == "open":
            spans[row[SESSION]] = SessionSpan(n, None, row[SESSION])
        elif row[KIND] == "close" and row[SESSION] in spans:
            spans[row[SESSION]] = spans[row[SESSION]]._replace(last=n)
    return list(spans.values())


def opening_times(trace: Trace) -> list[float]:
    """Return the seconds that each channel took to open, greeting and HELO included."""
    began: dict[int, float] = {}
    until: dict[int, float] = {}
    replies: Counter[int] = Counter()
    for row in trace.of(("open", "reply")):
        if row[KIND] == "open":
            began[row[SESSION]], until[row[SESSION]] = row[OPEN_STARTED], row[T]
        elif row[SESSION] in began and replies[row[SESSION]] < 2:
            replies[row[SESSION]] += 1
            until[row[SESSION]] = row[T]
    return [until[session] - at for session, at in began.items()]


# -- ways over the links ---------------------------------------------------------------------------


def channel_paths(rows: Iterable[Row]) -> dict[int, Path]:
    """Return the way of each session's channel, from the host that opened it."""
    return {row[SESSION]: tuple(row[OPEN_PATH]) for row in rows if row[KIND] == "open"}


def way_of(row: Row, paths: Mapping[int, Path]) -> Path:
    """Return the way over the links of what an event is the end of, from where it left.

    The event is one of :data:`LEAVES`; ``paths`` are the :func:`channel_paths` of the trace.
    """
    ends = (row[HOST], row[PEER]) if row[KIND] == "open" else (row[PEER], row[HOST])
    path = paths.get(row[SESSION], ())
    if len(path) < 2:
        return ends
    return path if path[0] == ends[0] else path[::-1]


def latencies(meta: Meta) -> dict[frozenset[str], float]:
    """Return the latency of each link in seconds, by its two ends."""
    return {
        frozenset((link["a"], link["b"])): float(link["latency"]) for link in meta.get("links", ())
    }


def shares(path: Sequence[str], latency: Mapping[frozenset[str], float]) -> list[float]:
    """Return which share of the time something takes to reach each host of a way: 0 to 1.

    It is shared out by the latencies of the links; by their number, where none has any.
    """
    each = [latency.get(frozenset(link), 0.0) for link in pairwise(path)]
    if sum(each) <= 0:
        each = [1.0] * len(each)
    total = sum(each)
    return [0.0, *(min(1.0, reached / total) for reached in accumulate(each))]


def link_at(path: Path, reached: Sequence[float], share: float) -> tuple[tuple[str, str], float]:
    """Return the link of a way on which something is, and the share of the link that it has passed.

    ``reached`` are the :func:`shares` of the way, ``share`` that of the time which has gone by.
    """
    for link, (begin, end) in zip(pairwise(path), pairwise(reached), strict=True):
        if share <= end and end > begin:
            return link, (share - begin) / (end - begin)
    return (path[-2], path[-1]), 1.0


def traffic(trace: Trace) -> Traffic:
    """Return how much crossed, or will cross, each link in each direction.

    A session counts in the directions in which mail went, which may be from the host that was
    called (TURN); without mail, in the one in which it was opened.
    """
    crossings: Counter[tuple[str, str]] = Counter()
    is_planned = False
    paths: dict[int, Path] = {}
    senders: dict[int, set[str]] = {}
    for row in trace.of(("open", "plan", "transfer")):
        if row[KIND] == "plan":
            is_planned = True
            crossings.update(pairwise(row[PLAN_PATH]))
        elif row[KIND] == "open":
            paths[row[SESSION]] = row[OPEN_PATH]
        elif row[SESSION] is not None:
            senders.setdefault(row[SESSION], set()).add(row[HOST])
    for session, path in paths.items():
        for host in senders.get(session, {path[0]} if path else ()):
            crossings.update(pairwise(path if path[0] == host else path[::-1]))
    return Traffic(crossings, is_planned)


# -- what is on its way ----------------------------------------------------------------------------


def flights(rows: Sequence[Row]) -> Iterator[Flight]:
    """Yield what was on its way in a run, in the order of its arrival: channels that open too.

    Of two things that leave at the same instant, each is on its way from the event on that made it
    leave: the command that a reply answers, the attempt that opens a channel.
    """
    finder = FlightFinder()
    for row in rows:
        flight = finder.take(row)
        if flight is not None:
            yield flight


class FlightFinder:
    """Finds the flights of a run while it goes on; see :func:`flights`."""

    def __init__(self) -> None:
        self._times: list[float] = []
        self._last: dict[int, int] = {}
        self._attempts: dict[tuple[str, str], int] = {}

    def take(self, row: Row) -> Flight | None:
        """Take the next event; return what has arrived with it, if anything."""
        kind, session, times = row[KIND], row[SESSION], self._times
        seq = len(times)
        times.append(row[T])
        if kind == "attempt":
            self._attempts[row[HOST], row[PEER]] = seq
        if session is None:
            return None
        before = self._last.get(session)
        self._last[session] = seq
        if kind not in LEAVES:
            return None
        is_open = kind == "open"
        left = row[OPEN_STARTED if is_open else SENT]
        cause = self._attempts.get((row[HOST], row[PEER])) if is_open else before
        # a reply may be given later than the last that happened in its session
        is_at_once = cause is not None and times[cause] >= left
        after = cause + 1 if is_at_once and cause is not None else bisect_left(times, left)
        return Flight(seq, left, after)
