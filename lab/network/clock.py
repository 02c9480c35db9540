"""The clock: SimPy's environment, with a faster loop for the events of the lab."""

from __future__ import annotations

import math
from typing import Any, Final

from simpy import Environment

from lab.network.events import go, go_while_fewer

_ALL: Final = 1 << 60
"""More events than any run has."""


class Clock(Environment):
    """SimPy's environment, in seconds."""

    __slots__ = ("_now",)
    _now: float

    def run_out(self) -> None:
        """Run until no event is left."""
        go(self, _ALL, math.inf)

    def run_before(self, at: float) -> None:
        """Run all events before a time in seconds, and set the clock to it if it is finite."""
        go(self, _ALL, at)
        if at < math.inf:
            self._now = max(self._now, at)

    def run_some(self, events: int, until: float) -> None:
        """Run at most this many events, all of them before ``until`` seconds."""
        go(self, events, until)

    def run_some_while_fewer(self, events: int, until: float, rows: list[Any], most: int) -> None:
        """Run at most this many events, as :meth:`run_some`, and none once there are ``most``
        rows.
        """
        go_while_fewer(self, events, until, rows, most)

    def stop(self) -> None:
        """Drop all events that are still to happen."""
        self._queue.clear()

    def run_to(self, at: float) -> None:
        """Run all events up to a time in seconds, that time included, and set the clock to it."""
        go(self, _ALL, math.nextafter(at, math.inf))
        self._now = max(self._now, at)


# the time is looked up dozens of times a message: as an attribute, not by a property in Python
Clock.now = vars(Clock)["_now"]  # type: ignore[method-assign]
