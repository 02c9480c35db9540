"""The wall clock as a run reads it: seconds since its start, ``speed`` times as fast."""

from __future__ import annotations

import time
from dataclasses import dataclass


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
