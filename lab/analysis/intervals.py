"""Spans: which of many things that begin and end are there at a moment, found without looking at
all of them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from typing import Final, Generic, TypeVar

T = TypeVar("T")

_EVERY: Final = 512
"""Moments from one key frame to the next."""


class IntervalIndex(Generic[T]):
    """Things with the moments from which on they are there, and from which on they are not.

    A key frame names what is there at every 512th moment; what begins since is looked at one by
    one.
    """

    def __init__(self, spans: Iterable[tuple[int, int, T]], moments: int) -> None:
        ordered = sorted(
            (span for span in spans if span[0] < span[1]), key=lambda span: (span[0], span[1])
        )
        self._things = [thing for _, _, thing in ordered]
        self._begins = [begin for begin, _, _ in ordered]
        self._ends = [end for _, end, _ in ordered]
        self._frames: list[list[int]] = []
        there: list[int] = []
        taken = 0
        for moment in range(0, moments + 1, _EVERY):
            begun = bisect_right(self._begins, moment)
            there = [n for n in (*there, *range(taken, begun)) if self._ends[n] > moment]
            taken = begun
            self._frames.append(there)

    def at(self, moment: int) -> list[T]:
        """What is there at a moment, in the order in which it began."""
        frame = min(moment // _EVERY, len(self._frames) - 1)
        first = bisect_right(self._begins, frame * _EVERY)
        last = bisect_right(self._begins, moment)
        candidates = (*self._frames[frame], *range(first, last))
        return [self._things[n] for n in candidates if self._ends[n] > moment]
