"""A live run that is watched: its hosts are processes on real TCP.

What happens in it also depends on the machine, so the file of the changes makes a run with the same
faults and messages, but not always with the same events.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any, Final

from lab.live.network import LiveNetwork
from lab.simulation.agenda import submission_of
from lab.topology.model import MailSpec
from lab.trace.rows import Row, T
from lab.trace.trace import Trace
from lab.watching.changes import Change, Changes, NoChange
from lab.watching.feed import Feed

_TICK: Final = 0.02
"""Seconds between two looks at what has been recorded."""

_TIMEOUT: Final = 10.0
"""Seconds that a change may take."""


class LiveRun:
    """A live network, as its viewers see it; ``feed`` gets its events as they are recorded."""

    def __init__(self, changes: Changes, network: LiveNetwork, feed: Feed) -> None:
        self.changes = changes
        self.feed = feed
        self.speed = network.settings.speed
        self._network = network
        self._loop = asyncio.get_running_loop()
        self._rows_sent: set[int] = set()
        self._count = 0
        self._task = self._loop.create_task(self._publish_for_ever())

    def trace(self) -> Trace:
        """Return the trace so far, in the order of time."""
        first, *rows = list(self._network.trace.rows)
        rows.sort(key=lambda row: row[T])
        last = rows[-1][T] if rows else 0.0
        return Trace([first, *rows, (last, "end", "", None, None, None, "interrupted")])

    def change(self, wanted: Mapping[str, Any]) -> Change:
        """Make a change now; raises NoChange, or OSError if its file cannot be written."""
        made = asyncio.run_coroutine_threadsafe(self._change(wanted), self._loop)
        try:
            return made.result(_TIMEOUT)
        except TimeoutError:
            raise NoChange("the network does not answer") from None

    async def _change(self, wanted: Mapping[str, Any]) -> Change:
        network = self._network
        network.catch_up()
        count = len(self.changes.made)
        try:
            return self.changes.make(wanted, network.clock.now)
        finally:
            for change in self.changes.made[count:]:
                if isinstance(change.made, MailSpec):
                    network.schedule.add(submission_of(network.topology, change.made))
                else:
                    network.faults.add([change.made])
                self.feed.tell(change=change.words, at=change.at)
            network.pump()

    def set_speed(self, speed: float) -> None:
        """Refuse: the hosts have their clocks already."""
        raise NoChange("a live run keeps the speed that it began with; see --speed")

    def finish(self, trace: Trace, reason: str) -> None:
        """Publish the last events, when the run is over."""
        self._publish([row for row in trace.rows if id(row) not in self._rows_sent])
        self.feed.end(ended=reason, digest="")

    async def _publish_for_ever(self) -> None:
        while True:
            rows = self._network.trace.rows
            if len(rows) > self._count:
                self._publish(list(rows[self._count :]))
                self._count = len(rows)
            await asyncio.sleep(_TICK)

    def _publish(self, rows: list[Row]) -> None:
        self._rows_sent.update(map(id, rows))
        self.feed.add_rows(rows, time.time(), self._network.clock.now)
