"""Fault intervals: what failed in a run, where, and from when to when.

Every reader of a trace (timeline, map, film, stepper, replay page) takes them from here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from lab.analysis.shown_names import ShownNames
from lab.quantities import bandwidth, duration
from lab.trace.closes import cut_cause, is_hang_up
from lab.trace.meta import LinkMeta
from lab.trace.rows import CLOSE_REASON, FAULT_NAME, FAULT_ON, FAULT_WHAT, HOST, KIND, PEER, Row, T
from lab.trace.trace import Trace

DOWN: Final = frozenset({"link-down", "partition", "host-down", "crash"})
"""The kinds of fault during which nothing gets through."""

_VALUES: Final[dict[str, Callable[[float], str]]] = {
    "bandwidth": bandwidth,
    "latency": duration,
    "jitter": duration,
    "loss": lambda chance: f"{chance:.3g}",
    "clock-skew": lambda seconds: ("-" if seconds < 0 else "") + duration(abs(seconds)),
}
"""By the kind of a fault, what writes its value with a unit."""

_OVER_AT_ONCE: Final = frozenset({"crash", "change-reply", "change-command", "hang-up"})
"""The kinds of fault that are over as soon as they began, unless the trace says when they ended.

A crashed host starts again at once if its fault gives no time.
"""


@dataclass(frozen=True, slots=True)
class FaultInterval:
    """A fault, from when to when.

    ``host`` is where, or one end of a link whose other end is ``peer``; a partition has an empty
    ``host``, and its groups in ``what``. ``begin`` and ``end`` are seconds since the start of the
    run: the same for a fault that is over at once, and infinity as the ``end`` of one that nothing
    ended before the run did.
    """

    kind: str
    host: str
    peer: str | None
    what: str
    begin: float
    end: float

    @property
    def lasts(self) -> bool:
        """Whether it took time."""
        return self.end > self.begin

    @property
    def is_down(self) -> bool:
        """Whether nothing got through."""
        return self.kind in DOWN

    @property
    def place(self) -> str:
        """Where it was: "A - B", a host, or the groups of a partition."""
        return place_of(self.host, self.peer) or self.what

    def places(self, links: Iterable[LinkMeta]) -> list[tuple[str, str | None]]:
        """Return the host (with None) or the link; of a partition, each link that it breaks.

        ``links`` are those of the run, as ``trace.meta["links"]`` has them.
        """
        if self.host:
            return [(self.host, self.peer)]
        group = {
            name: n for n, names in enumerate(self.what.split(" | ")) for name in names.split()
        }
        ends = [(str(link["a"]), str(link["b"])) for link in links]
        return [(a, b) for a, b in ends if a in group and b in group and group[a] != group[b]]


class FaultSpan(NamedTuple):
    """A fault interval with the places in the trace of the events that began and ended it.

    ``last`` is ``first`` for a fault that is over at once, and None for one that never ended.
    """

    first: int
    last: int | None
    interval: FaultInterval


def fault_intervals(trace: Trace) -> list[FaultInterval]:
    """Return the faults of a run, in the order in which they began."""
    return [span.interval for span in fault_spans(trace.of(("fault", "close")))]


def fault_spans(rows: Iterable[Row]) -> list[FaultSpan]:
    """Return the faults among the rows of a run, in the order in which they began.

    ``first`` and ``last`` count these rows, from 0.
    """
    return sorted(_spans(rows), key=lambda span: span.first)


def place_shown(fault: FaultInterval, shown: ShownNames) -> str:
    """Return where a fault was, with the names of hosts as people see them."""
    return shown_place(fault.host, fault.peer, shown) or what_shown(fault, shown)


def what_shown(fault: FaultInterval, shown: ShownNames) -> str:
    """Return the details of a fault, with the names of hosts as people see them."""
    return shown.words(fault.what) if fault.kind == "partition" else value_in_words(fault)


def value_in_words(fault: FaultInterval) -> str:
    """Return the value of a fault with its unit, as "15 s" of jitter; what has none as it is."""
    in_words = _VALUES.get(fault.kind)
    try:
        value = float(fault.what)
    except ValueError:
        return fault.what
    return in_words(value) if in_words and math.isfinite(value) else fault.what


def shown_place(host: str, peer: str | None, shown: ShownNames) -> str:
    """Return the same as :func:`place_of`, with the names of the hosts as people see them."""
    return place_of(shown[host], shown[peer] if peer else peer)


def place_of(host: str, peer: str | None) -> str:
    """Return where a fault is, in words: "A - B" for a link, a host, or "" for a partition."""
    return f"{host} - {peer}" if peer else host


def _spans(rows: Iterable[Row]) -> Iterator[FaultSpan]:
    """Yield each fault once its end is known; of several alike, the first to begin ends first."""
    lasting: dict[tuple[Any, ...], list[tuple[int, float]]] = {}
    for n, row in enumerate(rows):
        if row[KIND] == "close":
            cause = cut_cause(str(row[CLOSE_REASON]))
            if is_hang_up(cause):
                interval = FaultInterval("hang-up", row[HOST], row[PEER], cause, row[T], row[T])
                yield FaultSpan(n, n, interval)
        elif row[KIND] == "fault" and not _waits(row):
            key = (row[FAULT_NAME], row[HOST], row[PEER], row[FAULT_WHAT])
            if row[FAULT_ON]:
                lasting.setdefault(key, []).append((n, row[T]))
            elif lasting.get(key):
                first, begin = lasting[key].pop(0)
                yield FaultSpan(first, n, FaultInterval(*key, begin, row[T]))
    for key, begun in lasting.items():
        for first, begin in begun:
            if key[0] in _OVER_AT_ONCE:
                yield FaultSpan(first, first, FaultInterval(*key, begin, begin))
            else:
                yield FaultSpan(first, None, FaultInterval(*key, begin, math.inf))


def _waits(row: Row) -> bool:
    """Whether a row only says that a hang-up waits for its place in a session.

    It happens where the channel is cut, if it happens at all.
    """
    return bool(row[FAULT_NAME] == "hang-up" and is_hang_up(str(row[FAULT_WHAT])))
