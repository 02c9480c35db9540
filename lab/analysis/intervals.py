"""An index of intervals: which of many things exist at a moment, found without looking at each."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from typing import Final, Generic, TypeVar

T = TypeVar("T")

_EVERY: Final = 512
"""Moments from one list of what exists to the next."""


class IntervalIndex(Generic[T]):
    """Values, each of which exists from one moment on until another.

    It lists what exists at every 512th moment, and looks at each thing that begins after that.
    """

    def __init__(self, intervals: Iterable[tuple[int, int, T]], moments: int) -> None:
        ordered = sorted(
            (each for each in intervals if each[0] < each[1]), key=lambda each: (each[0], each[1])
        )
        self._values = [value for _, _, value in ordered]
        self._begins = [begin for begin, _, _ in ordered]
        self._ends = [end for _, end, _ in ordered]
        self._lists: list[list[int]] = []
        present: list[int] = []
        seen = 0
        for moment in range(0, moments + 1, _EVERY):
            begun = bisect_right(self._begins, moment)
            present = [n for n in (*present, *range(seen, begun)) if self._ends[n] > moment]
            seen = begun
            self._lists.append(present)

    def at(self, moment: int) -> list[T]:
        """Return what exists at a moment, in the order in which it began."""
        number = min(moment // _EVERY, len(self._lists) - 1)
        first = bisect_right(self._begins, number * _EVERY)
        last = bisect_right(self._begins, moment)
        candidates = (*self._lists[number], *range(first, last))
        return [self._values[n] for n in candidates if self._ends[n] > moment]
