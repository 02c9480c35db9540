"""Time series: means over equal intervals of a run, for tables, pictures and statistics."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from math import ceil, isfinite
from typing import Final, NamedTuple

from lab.analysis.spools import queue_lengths
from lab.runtime import arguments
from lab.trace.trace import Trace

MOST: Final = 100_000
"""Intervals into which a run may be cut."""

_USUAL: Final = 100


class Intervals:
    """Equal intervals of a run, and how much of something there was in each.

    ``every`` is their length and ``last`` the end of the run, in seconds; the last interval may be
    shorter.
    """

    __slots__ = ("_amounts", "_every", "_last")

    def __init__(self, every: float, last: float) -> None:
        self._every = every
        self._last = last
        self._amounts = array("d", [0.0]) * max(1, ceil(last / every - 1e-9))

    def add(self, begin: float, end: float, amount: float = 1.0) -> None:
        """Note that there was so much of it between two times in seconds."""
        every, amounts = self._every, self._amounts
        n = int(begin / every)
        if begin < end <= (n + 1) * every and n < len(amounts):
            amounts[n] += (end - begin) * amount
            return
        while begin < end and n < len(amounts):
            until = min(end, (n + 1) * every)
            amounts[n] += max(0.0, until - begin) * amount
            begin = max(begin, until)
            n += 1

    def means(self) -> Iterator[tuple[float, float]]:
        """Yield the time at which each interval begins, and the mean over it."""
        for n, amount in enumerate(self._amounts):
            begin = n * self._every
            length = min(self._every, self._last - begin)
            yield begin, amount / length if length > 0 else 0.0


class SpoolInterval(NamedTuple):
    """How many messages lay in a host's spool on average, in an interval that begins at ``t``."""

    t: float
    host: str
    messages: float


def spool_intervals(trace: Trace, every: float) -> Iterator[SpoolInterval]:
    """Yield how much mail lay in each spool that had any, in each interval of ``every`` seconds."""
    last = trace.last
    for host, line in queue_lengths(trace).items():
        intervals = Intervals(every, last)
        ends = [*(t for t, _ in line[1:]), last]
        for (begin, length), end in zip(line, ends, strict=True):
            intervals.add(begin, end, length)
        for t, messages in intervals.means():
            yield SpoolInterval(t, host, messages)


def interval(trace: Trace, every: object = None) -> float:
    """Return the length of the intervals that a user asks for, in seconds; None: a hundredth.

    Raises TypeError or ValueError in one sentence for what cannot be a length, or is so short that
    there would be more than :data:`MOST` intervals.
    """
    last = trace.last
    if every is None:
        return last / _USUAL if last > 0 else 1.0
    seconds = arguments.real_number("every", every, unit="seconds", example="60.0")
    if not seconds > 0 or not isfinite(seconds):
        raise ValueError(f"every must be greater than 0, not {seconds:g}; for example every=60.0")
    if last / seconds > MOST:
        raise ValueError(
            f"every={seconds:g} would cut {last:g} seconds into more than {MOST:,} intervals; "
            f"use {last / MOST:.3g} or more"
        )
    return seconds
