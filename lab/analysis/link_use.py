"""Figures of links: what crossed each direction in a run, and how busy it was in each interval."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple, TypedDict

from lab.analysis.kept import Kept
from lab.analysis.links import Direction, LinkReplay
from lab.analysis.time_series import Intervals
from lab.trace.trace import Trace


class LinkUse(TypedDict):
    """What crossed a link from ``host`` to ``peer`` in a run, from its beginning to its end.

    ``name`` tells the link from others between the two; most have none.

    ``bytes`` are those on the link, headers included; ``payload`` is those of commands, replies
    and mail data; ``messages`` whose mail data ended there. ``busy_seconds`` is how long bits were
    being sent, ``utilisation`` its share of the run, from 0 to 1. What is sent at once is a chunk:
    a command, a reply, the mail data of a message. ``longest_queue`` is the largest number of
    chunks that waited for others at one time, ``mean_queue`` their mean over time, ``mean_wait``
    the seconds that each of ``chunks`` waited. The last five are None without a bandwidth, because
    nothing waits. ``segments_lost`` counts segments that were lost and sent again.
    """

    host: str
    peer: str
    environment: str
    name: str
    bytes: int
    payload: int
    chunks: int
    messages: int
    segments_lost: int
    busy_seconds: float | None
    utilisation: float | None
    longest_queue: int | None
    mean_queue: float | None
    mean_wait: float | None


_kept: Final[Kept[list[LinkUse]]] = Kept()


def link_use(trace: Trace) -> list[LinkUse]:
    """Return the figures of each link of a run, two entries each: one for each direction.

    Raises ValueError for a trace that was recorded without what crossed the wire.
    """
    return [use.copy() for use in _kept.of(trace, _use_of_all)]


def _use_of_all(trace: Trace) -> list[LinkUse]:
    replay = LinkReplay(trace)
    for _ in replay.crossings():
        pass
    return _uses(replay, trace)


def _uses(replay: LinkReplay, trace: Trace) -> list[LinkUse]:
    return [_use(direction, trace.last) for direction in replay.directions]


def _use(link: Direction, seconds: float) -> LinkUse:
    is_limited = link.is_limited
    return {
        "host": link.host, "peer": link.peer, "environment": link.environment,
        "name": link.name,
        "bytes": link.octets, "payload": link.payload, "chunks": link.chunks,
        "messages": link.messages, "segments_lost": link.lost,
        "busy_seconds": round(link.busy, 9) if is_limited else None,
        "utilisation": _ratio(link.busy, seconds) if is_limited else None,
        "longest_queue": link.longest if is_limited else None,
        "mean_queue": _ratio(link.waited, seconds) if is_limited else None,
        "mean_wait": _ratio(link.waited, link.chunks) if is_limited else None,
    }  # fmt: skip


def _ratio(amount: float, of: float) -> float:
    return round(amount / of, 9) if of else 0.0


class LinkInterval(NamedTuple):
    """What one direction of a link did in an interval of a run, ``t`` seconds after its start.

    ``utilisation`` is the share of the interval in which bits were being sent, ``queue`` the mean
    number of chunks that waited.
    """

    t: float
    host: str
    peer: str
    environment: str
    name: str
    utilisation: float
    queue: float


def link_intervals(trace: Trace, every: float) -> Iterator[LinkInterval]:
    """Yield what each direction of a link with a bandwidth did in each interval of a run.

    ``every`` is the length of an interval in seconds; the last one may be shorter. Memory grows
    with the number of intervals, and of links that were used.
    """
    replay = LinkReplay(trace)
    seconds = trace.last
    used: dict[Direction, tuple[Intervals, Intervals]] = {}
    for link, since, begin, end, *_ in replay.crossings():
        if end > since:
            if link not in used:
                used[link] = Intervals(every, seconds), Intervals(every, seconds)
            waiting, sending = used[link]
            waiting.add(since, begin)
            sending.add(begin, end)
    _kept.put(trace, _uses(replay, trace))
    unused = Intervals(every, seconds)
    for link in replay.directions:
        if link.is_limited:
            waiting, sending = used.get(link, (unused, unused))
            for (t, queue), (_, busy) in zip(waiting.means(), sending.means(), strict=True):
                yield LinkInterval(
                    t, link.host, link.peer, link.environment, link.name, min(1.0, busy), queue
                )
