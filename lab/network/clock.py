"""The clock: SimPy's environment, with a short way for what a run does most."""

from __future__ import annotations

import math
from typing import Final

from simpy import Environment

from lab.network.events import go

_ALL: Final = 1 << 60
"""More events than can happen."""


class Clock(Environment):
    """SimPy's environment, in seconds."""

    _now: float

    def run_out(self) -> None:
        """Go on until nothing is left to happen."""
        go(self, _ALL, math.inf)

    def run_some(self, events: int, until: float) -> None:
        """Go on for so many events at the most, none of them at ``until`` seconds or later."""
        go(self, events, until)

    def stop(self) -> None:
        """Have nothing happen any more."""
        self._queue.clear()

    def run_to(self, at: float) -> None:
        """Let all happen that is due at a time or before it; then it is that time."""
        while self.peek() <= at:
            self.step()
        self._now = max(self._now, at)
