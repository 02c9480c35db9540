"""The windows of a partition: how far it may go before it must hear from the others again."""

from __future__ import annotations

import math
from typing import Final

from lab.simulation.partitioned.event_order import EventOrder, run_window
from lab.simulation.partitioned.partition import PartitionSimulation

MOST_ROWS: Final = 16_384
"""Rows of all partitions in a window; with more, the next window is shorter."""

FIRST_SPAN: Final = 0.1
"""The longest that the first window may be, in seconds."""

LEAST_SPAN: Final = 1e-6
"""The shortest that a window may become, in seconds: an instant cannot be divided."""

WINDOWS_AHEAD: Final = 1
"""How many windows a partition may be ahead of what it has received from the others."""

FEW_ROWS: Final = 250
MANY_ROWS: Final = 1_000
"""Rows of all partitions in a window: with fewer, being ahead is not worth shorter windows; with
more, it is.
"""


class Windows:
    """The windows of a partition.

    ``lookahead`` is the least time, in seconds, that anything takes to another partition. No window
    begins at ``until`` or later. ``end`` is how far this partition has come.

    Before a window, a partition has received what the others sent up to ``ahead`` windows ago. What
    they have sent since, they sent no sooner than the ``first`` thing that could happen then, and
    it arrives the lookahead later. So the window may end there. If many events fall into windows,
    they are so short that there is room for one more.
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
        self.event_order = EventOrder()
        self._sent = [math.inf] * (WINDOWS_AHEAD + 1)

    def pace(self, rows: int) -> None:
        """Make the next window longer or shorter, by the rows of all partitions in the last one.

        What is recorded in a window waits in memory until its end.
        """
        if rows > MOST_ROWS:
            self._span = max(self._span / 2, LEAST_SPAN)
        elif rows < MOST_ROWS // 4:
            self._span *= 2
        self._rows = (self._rows + rows) // 2  # an average of the last windows, as they vary
        if self._rows < FEW_ROWS:
            self.ahead = 0
        elif self._rows > MANY_ROWS:
            self.ahead = WINDOWS_AHEAD
        self._span = min(self._span, self.lookahead / (self.ahead + 1))

    def next_time(self) -> float:
        """Return when something happens next here, or elsewhere as a result of this partition.

        To be called once a window, as others may not have received yet what the last one sent.
        """
        outboxes = self.simulation.remote.outboxes
        sent = min((message[0] for outbox in outboxes for message in outbox), default=math.inf)
        self._sent = [*self._sent[1:], sent]
        peek: float = self.simulation.env.peek()
        return min(peek, *self._sent)

    def is_of_faults(self, first: float) -> bool:
        """Return whether faults begin or end at the time at which the next window would begin."""
        start = max(first, self.end)
        return self.simulation.faults.next_time(start) == start

    def is_over(self, first: float) -> bool:
        """Return whether nothing is left to do in any partition before the end of the run."""
        return first >= self.until

    def run(self, first: float) -> None:
        """Go through the next window. Nothing can happen in any partition sooner than ``first``.

        An instant in which faults begin or end is a window of its own, and ends the one before it.
        """
        start = max(first, self.end)
        fault = self.simulation.faults.next_time(start)
        end = math.nextafter(start, math.inf)
        if fault > start:
            furthest = max(first + self.lookahead, math.nextafter(first, math.inf))
            end = min(max(start + self._span, end), furthest, fault, self.until)
        if end > self.end:
            simulation = self.simulation
            rows, ranks = simulation.trace.growing, simulation.world.ranks
            run_window(simulation.env, end, rows, self.event_order, ranks)
            self.end = end
