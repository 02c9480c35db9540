"""The windows of a part: how far it may go before the parts meet again."""

from __future__ import annotations

import math
from typing import Final

from lab.simulation.partitioned.event_order import EventOrder, run_window
from lab.simulation.partitioned.partition import PartitionSimulation

MOST_ROWS: Final = 16_384
"""Rows of all parts in a window from which on it is too long."""

FIRST_SPAN: Final = 0.1
"""Seconds that the first window has at the most."""

LEAST_SPAN: Final = 1e-6
"""Seconds that a window is shortened to: what happens at one instant cannot be parted."""


WINDOWS_AHEAD: Final = 1
"""Windows that a part goes through before it must have heard what the others did in the first."""

FEW_ROWS: Final = 250
MANY_ROWS: Final = 1_000
"""Rows of all parts in a window below which to be ahead is not worth shorter ones, and above which
it is.
"""


class Windows:
    """The windows of a part: how far it may go before the parts meet again.

    ``lookahead`` in seconds is how long what is sent to another part takes at the least; none
    begins at ``until`` or later. ``end`` is how far this part has come.

    Before a window a part has heard from the others up to ``ahead`` windows ago. What they have
    sent since, they have sent no sooner than all that could happen next then, the ``first``; and it
    arrives the lookahead later. So the window may end there; and its length is such that this
    leaves room for one after it, where much happens in them.
    """

    def __init__(
        self, simulation: PartitionSimulation, lookahead: float, until: float | None
    ) -> None:
        self.simulation = simulation
        self.lookahead = lookahead
        self.ahead = 0
        self._rows = 0
        self._span = min(lookahead, FIRST_SPAN)
        self.until = math.inf if until is None else until
        self.end = -math.inf
        self.marks = EventOrder()
        self._told = [math.inf] * (WINDOWS_AHEAD + 1)

    def pace(self, rows: int) -> None:
        """Have the next window be longer or shorter, by the rows of all parts in the last one.

        All that is recorded in a window waits in memory until its end.
        """
        if rows > MOST_ROWS:
            self._span = max(self._span / 2, LEAST_SPAN)
        elif rows < MOST_ROWS // 4:
            self._span *= 2
        self._rows = (self._rows + rows) // 2  # of some of the last windows: they vary
        if self._rows < FEW_ROWS:
            self.ahead = 0
        elif self._rows > MANY_ROWS:
            self.ahead = WINDOWS_AHEAD
        self._span = min(self._span, self.lookahead / (self.ahead + 1))

    def next_time(self) -> float:
        """The time of what happens next here, or elsewhere by what was done here.

        To be asked once a window: another part may not have heard yet of what was done in the last.
        """
        outboxes = self.simulation.remote.outboxes
        told = min((one[0] for outbox in outboxes for one in outbox), default=math.inf)
        self._told = [*self._told[1:], told]
        peek: float = self.simulation.env.peek()
        return min(peek, *self._told)

    def is_of_faults(self, first: float) -> bool:
        """Whether faults strike or end where the next window would begin."""
        start = max(first, self.end)
        return self.simulation.faults.next_time(start) == start

    def is_over(self, first: float) -> bool:
        """Whether nothing is left to do in any part before the end of the run."""
        return first >= self.until

    def run(self, first: float) -> None:
        """Go through the next window, where all that can happen in any part is no sooner than
        ``first``, for all that has been heard.

        An instant in which faults strike is a window of its own, and ends the one before it.
        """
        start = max(first, self.end)
        fault = self.simulation.faults.next_time(start)
        end = math.nextafter(start, math.inf)
        if fault > start:
            furthest = max(first + self.lookahead, math.nextafter(first, math.inf))
            end = min(max(start + self._span, end), furthest, fault, self.until)
        if end > self.end:
            simulation = self.simulation
            run_window(
                simulation.env, end, simulation.trace.rows, self.marks, simulation.world.ranks
            )
            self.end = end
