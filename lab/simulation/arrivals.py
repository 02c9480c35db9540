"""When random messages come: gaps with a distribution, at a rate that may follow the time of day.

A rate that changes stretches time: a gap is as much of the day's profile as it would be of a
constant rate. So the messages of a Poisson process stay one, with another rate.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import count

from lab.runtime.streams import Stream
from lab.topology.distributions import draws_of
from lab.topology.model import Distribution, TrafficSpec
from lab.topology.traffic_specs import DAY


def arrival_times(spec: TrafficSpec, stream: Stream, start: datetime) -> Iterator[float]:
    """Yield when each message comes, in seconds; ``start`` is the date at t=0."""
    assert spec.rate is not None, "the loader has computed a rate"
    gap = _gaps(spec, stream)
    steps = spec.steps
    midnight = start.hour * 3600.0 + start.minute * 60.0 + start.second
    profile = Profile(steps, midnight) if steps else None
    end = math.inf if spec.until is None else spec.until
    at = spec.start
    for _ in count() if spec.count is None else range(spec.count):
        seconds = gap() / spec.rate
        # microseconds, so that the last bit of a logarithm cannot matter
        at = round(at + seconds if profile is None else profile.after(at, seconds), 6)
        if at >= end:
            return
        yield at


def _gaps(spec: TrafficSpec, stream: Stream) -> Callable[[], float]:
    """Return what draws the gaps, whose mean is 1."""
    arrivals = spec.arrivals
    if isinstance(arrivals, Distribution):
        draws, average = draws_of(arrivals), arrivals.average
        return lambda: draws.draw(stream) / average
    if arrivals == "fixed":
        return lambda: 1.0
    return lambda: -math.log(1.0 - stream.random())


class Profile:
    """How a rate follows the time of day.

    ``steps`` are seconds after midnight, from which on each factor holds, in order; ``midnight`` is
    the time of day at t=0, in seconds.
    """

    def __init__(self, steps: list[tuple[float, float]], midnight: float) -> None:
        begins = [begin for begin, _ in steps]
        self._midnight = midnight
        self._ends = [*begins, DAY]
        self._factors = [steps[-1][1], *(factor for _, factor in steps)]
        spans = zip([0.0, *begins], self._ends, self._factors, strict=True)
        self._of_a_day = sum((end - begin) * factor for begin, end, factor in spans)

    def after(self, at: float, seconds: float) -> float:
        """Return when as much of the profile has passed as ``seconds`` of a factor of 1."""
        days = max(math.floor(seconds / self._of_a_day) - 1, 0)
        at, left = at + days * DAY, seconds - days * self._of_a_day
        while True:
            # whole microseconds, so that each step gets on
            now = round((at + self._midnight) % DAY, 6) % DAY
            place = next(n for n, end in enumerate(self._ends) if now < end)
            factor, room = self._factors[place], self._ends[place] - now
            if left <= room * factor:
                return at + (left / factor if factor else 0.0)
            left -= room * factor
            at += room
