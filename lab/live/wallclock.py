"""The wall clock as a run reads it: seconds since its start, ``speed`` times as fast."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

_LONGEST_WAIT: Final = 604_800.0
"""Seconds of the wall clock for which an event loop is asked to wait at a time: a week."""

_SHORT: Final = 0.0002
"""Seconds that are shorter than the wait of an event loop should be."""


@dataclass(frozen=True, slots=True)
class WallClock:
    """Seconds of a run since ``epoch`` (of the monotonic clock, which all processes share)."""

    epoch: float
    speed: float = 1.0

    @property
    def now(self) -> float:
        """Seconds since the start of the run."""
        return (time.monotonic() - self.epoch) * self.speed

    def until(self, at: float) -> float:
        """Seconds of the wall clock until a time of the run; 0 if that is past."""
        return max(0.0, (at - self.now) / self.speed)

    def call_at(self, at: float, call: Callable[..., None], *arguments: Any) -> asyncio.TimerHandle:
        """Have the event loop call something at a time of the run, or very soon after it.

        uvloop counts in whole milliseconds and rounds: asked for the time itself, it would often
        call too early, and for the rest again and again without any wait. That is done only for a
        very short time, which matters where a run is much faster than its clock.
        """
        loop = asyncio.get_running_loop()
        now = time.monotonic()
        seconds = min(self.epoch + at / self.speed - now, _LONGEST_WAIT)
        if seconds > _SHORT and not isinstance(loop, asyncio.BaseEventLoop):
            seconds = (math.ceil((now + seconds) * 1000.0) - math.floor(now * 1000.0)) / 1000.0
        return loop.call_later(max(0.0, seconds), call, *arguments)
