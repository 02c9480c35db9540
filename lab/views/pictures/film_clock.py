"""The clock of a film: what was one after the other is never seen at once; long waits are short."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from typing import Final

from lab.analysis.waits import Span
from lab.views.pictures.timescale import Timescale

SHORTEST: Final = 0.25
"""Seconds that a crossing takes, so that it can be seen, if there is time for all of them."""

_SKIP: Final = 0.3
"""Seconds of a long wait."""


def film_clock(scale: Timescale, crossings: Iterable[Span], seconds: float) -> Timescale:
    """Return a scale on which each crossing can be seen, in a film of so many seconds.

    Of times of the run, the later one never comes first, so what ended before something else was
    sent is over before it begins. Short crossings, and nothing else, are drawn out.
    """
    spans = sorted({span for span in crossings if span[1] > span[0]})
    knots = sorted({*scale.times, *(t for span in spans for t in span)})
    lengths = [float(scale.place(b) - scale.place(a)) * seconds for a, b in pairwise(knots)]
    for begin, end in scale.folds:
        first, last = bisect_left(knots, begin), bisect_left(knots, end)
        inside = sum(lengths[first:last])
        shrink = min(1.0, _SKIP / inside) if inside > 0 else 1.0
        lengths[first:last] = [length * shrink for length in lengths[first:last]]
    least = min(SHORTEST, seconds / max(_in_turn(spans), 1))
    for begin, end in sorted(spans, key=lambda span: span[1] - span[0]):
        first, last = bisect_left(knots, begin), bisect_left(knots, end)
        short = least - sum(lengths[first:last])
        if short > 0:
            share = short / (last - first)
            lengths[first:last] = [length + share for length in lengths[first:last]]
    places = [*accumulate(lengths, initial=0.0)]
    whole = places[-1] or 1.0
    return Timescale(tuple(knots), tuple(place / whole for place in places), scale.folds)


def _in_turn(spans: Sequence[Span]) -> int:
    """Return how many spans there are at most of which none overlaps another."""
    count, free = 0, float("-inf")
    for begin, end in sorted(spans, key=lambda span: span[1]):
        if begin >= free:
            count, free = count + 1, end
    return count
