"""Bytes that were cut off: they had left their host, and had not arrived, when a channel was lost.

A trace has what arrives. What was on its way is worked out from the dialogue, which is in lockstep:
the host that received something last was the next to send. Where it was is worked out from the
links of the topology. That is an estimate where other bytes were in front, or a fault had changed a
link.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, NamedTuple

from lab.analysis.channels import Path
from lab.analysis.links import Hop, JoinedLink, cheapest, links_between
from lab.network.transport import TRANSPORTS
from lab.protocol.replies import code_of
from lab.trace.closes import cut_cause, is_hang_up
from lab.trace.levels import includes
from lab.trace.rows import (
    CLOSE_REASON,
    HOST,
    KIND,
    MESSAGE,
    OCTETS,
    OPEN_ENVIRONMENT,
    OPEN_PATH,
    OPEN_TRANSPORT,
    PEER,
    QUEUE_SIZE,
    SESSION,
    Row,
    T,
)
from lab.trace.trace import Trace

_READ: Final = frozenset({"open", "close", "command", "reply", "piece", "data", "queue"})

_SHORT: Final = 30
"""Bytes that a command or a reply is taken to have."""


class OnLine(NamedTuple):
    """Bytes on one link of their way.

    ``began`` is when the first byte went onto the link, ``ended`` when the last one had, in seconds
    after they left their host; ``latency`` is how long each of them takes.
    """

    began: float
    ended: float
    latency: float


class CutOff(NamedTuple):
    """Something that was cut off: it left at ``left`` seconds, after the first ``after`` events.

    ``closed`` is the number of the event that lost its channel, at ``at`` seconds. ``kind`` is
    command, reply or data; ``path`` is its way over the links, ``lines`` each of these, and
    ``needed`` the seconds after which all of it would have arrived.
    """

    closed: int
    at: float
    left: float
    after: int
    kind: str
    message: int | None
    path: Path
    lines: tuple[OnLine, ...]
    needed: float


def stretch(cut: CutOff) -> tuple[float, float]:
    """Return where its tail and its head were when it was cut, as shares of its way over links."""
    now = cut.at - cut.left
    passed = [
        (_share(now - line.ended, line.latency), _share(now - line.began, line.latency))
        for line in cut.lines
    ]
    tail, head = (sum(shares) / len(passed) for shares in zip(*passed, strict=True))
    return min(tail, head), head


def _share(seconds: float, latency: float) -> float:
    """Return how much of a link a byte has passed, so long after it went onto it."""
    if latency <= 0:
        return float(seconds >= 0)
    return min(1.0, max(0.0, seconds / latency))


@dataclass(slots=True)
class _Session:
    """An open channel: its way, its transport service, and what arrived last on it."""

    path: Path
    environment: str
    transport: str
    last: int


def cut_off(trace: Trace) -> list[CutOff]:
    """Return what was cut off in a run, in the order in which the channels were lost."""
    if not includes(trace.level, "wire"):
        return []
    joined = links_between(trace.meta)
    return list(_cuts_in(list(trace.rows), joined))


def _cuts_in(rows: Sequence[Row], joined: Mapping[Hop, Sequence[JoinedLink]]) -> Iterator[CutOff]:
    sessions: dict[int, _Session] = {}
    sizes: dict[tuple[str, int], int] = {}
    for n, row in enumerate(rows):
        kind, number = row[KIND], row[SESSION]
        if kind not in _READ:
            continue
        if kind == "queue":
            sizes[row[HOST], row[MESSAGE]] = row[QUEUE_SIZE]
        elif kind == "open":
            sessions[number] = _Session(
                tuple(row[OPEN_PATH]), row[OPEN_ENVIRONMENT], row[OPEN_TRANSPORT], n
            )
        elif number in sessions and kind != "close":
            sessions[number].last = n
        elif kind == "close" and (session := sessions.pop(number, None)) is not None:
            cause = cut_cause(str(row[CLOSE_REASON]))
            if cause and not is_hang_up(cause) and len(session.path) > 1:
                yield from _under_way(rows, n, session, joined, sizes)


def _under_way(
    rows: Sequence[Row],
    closed: int,
    session: _Session,
    joined: Mapping[Hop, Sequence[JoinedLink]],
    sizes: Mapping[tuple[str, int], int],
) -> Iterator[CutOff]:
    """Yield what was on its way in a session when it was lost, if anything was."""
    last = rows[session.last]
    sender = last[PEER] if last[KIND] == "open" else last[HOST]
    kind, size = "reply", _SHORT
    if last[KIND] == "piece":
        return
    if last[KIND] == "reply":
        kind = "data" if code_of(last[OCTETS]) == 354 else "command"
        if kind == "data":
            size = sizes.get((sender, last[MESSAGE]), _SHORT)
    path = session.path if session.path[0] == sender else session.path[::-1]
    size = TRANSPORTS[session.transport].on_the_wire(size)
    lines, needed = _timed(path, session.environment, size, joined)
    at, left = rows[closed][T], last[T]
    # a word that would have arrived long ago was not said: the session was idle
    if at > left and (kind == "data" or at - left <= 2 * needed):
        message = None if kind == "reply" else last[MESSAGE]
        yield CutOff(closed, at, left, session.last + 1, kind, message, path, lines, needed)


def _timed(
    path: Path, environment: str, size: int, joined: Mapping[Hop, Sequence[JoinedLink]]
) -> tuple[tuple[OnLine, ...], float]:
    """Return when some bytes are on each link of a way, and when all of them have arrived."""
    head = tail = 0.0
    lines = []
    for a, b in pairwise(path):
        links = joined.get((environment, a, b))
        link = cheapest(links).there if links else None
        sending = size * 8 / link.bandwidth if link is not None and link.bandwidth else 0.0
        ended = max(head + sending, tail)
        latency = link.latency if link is not None else 0.0
        lines.append(OnLine(head, ended, latency))
        head, tail = head + latency, ended + latency
    return tuple(lines), tail
