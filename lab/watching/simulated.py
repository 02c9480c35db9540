"""A simulation that goes on at the pace of the wall's clock, in a thread of its own.

A change takes effect at the next instant that has not happened yet, exactly as if it had stood in
the topology file: the file of the changes makes the same run again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any, Final

from lab.simulation.simulation import Simulation
from lab.topology.model import MailSpec
from lab.trace.trace import Trace
from lab.watching.changes import Change, Changes, NoChange
from lab.watching.feed import Feed

TICK: Final = 0.01
"""Seconds between two looks at what is due."""

_MOST: Final = 0.05
"""Seconds of the wall's clock that are made up for at a time, where a run has fallen behind."""


class PacedRun:
    """A run at ``speed`` simulated seconds per second; 0 pauses it. ``feed`` gets its events.

    ``until`` is the time of the run in seconds at which it ends; None: when all is settled.
    """

    def __init__(
        self, changes: Changes, simulation: Simulation, feed: Feed, speed: float,
        until: float | None = None,
    ) -> None:  # fmt: skip
        self.changes = changes
        self.feed = feed
        self.speed = speed
        self._simulation = simulation
        self._until = until
        self._lock = threading.RLock()
        self._reached = 0.0
        self._sent = 0
        self._anchor = (time.monotonic(), 0.0)
        self._stopped = threading.Event()
        self._trace: Trace | None = None
        self._thread = threading.Thread(target=self._run, name="lab-watch", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._simulation.begin()
        self._anchor = (time.monotonic(), 0.0)
        self._thread.start()

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the end of the run; return whether it has ended."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def stop(self) -> None:
        """End the run where it is."""
        self._stopped.set()
        self._thread.join()

    @property
    def ended(self) -> bool:
        """Whether nothing happens any more."""
        return self._trace is not None

    def trace(self) -> Trace:
        """Return the trace so far: of the whole run when it has ended."""
        with self._lock:
            if self._trace is not None:
                return self._trace
            simulation = self._simulation
            return Trace([*simulation.trace.rows, simulation.last_row("until")])

    # -- what viewers do ----------------------------------------------------------------------

    def change(self, wanted: Mapping[str, Any]) -> Change:
        """Make a change now; raises NoChange, or OSError if its file cannot be written."""
        with self._lock:
            if self.ended:
                raise NoChange("the run is over; nothing can be changed any more")
            count = len(self.changes.made)
            try:
                return self.changes.make(wanted, max(self._reached, self._simulation.env.now))
            finally:
                for change in self.changes.made[count:]:
                    self._apply(change)

    def _apply(self, change: Change) -> None:
        if isinstance(change.made, MailSpec):
            self._simulation.add_mail(change.made)
        else:
            self._simulation.add_faults([change.made])
        self.feed.tell(change=change.words, at=change.at)

    def set_speed(self, speed: float) -> None:
        """Go on at another speed from now on; 0 pauses the run."""
        with self._lock:
            self._anchor = (time.monotonic(), self._reached)
            self.speed = speed
            self.feed.tell(speed=speed)

    # -- the thread ---------------------------------------------------------------------------

    def _run(self) -> None:
        reason = ""
        while not reason:
            began = time.monotonic()
            with self._lock:
                behind = self._advance(began)
                reason = self._ending()
            if not behind and not reason:
                self._stopped.wait(max(0.0, TICK - (time.monotonic() - began)))
        with self._lock:
            self._simulation.stop(reason)
            self._publish(time.time())
            self._trace = self._simulation.trace
            self._simulation.close()
        self.feed.end(ended=reason, digest=self._trace.digest())

    def _advance(self, now: float) -> bool:
        """Let everything happen that is due; return whether more is."""
        began, since = self._anchor
        target = since + (now - began) * self.speed
        if self._until is not None:
            target = min(target, self._until)
        reached = min(target, self._reached + max(_MOST * self.speed, 0.0))
        if reached > self._reached:
            self._simulation.advance(reached)
            self._reached = reached
            late = (target - reached) / self.speed if self.speed else 0.0
            self._publish(time.time() - late)
        return reached < target

    def _publish(self, due: float) -> None:
        rows = self._simulation.trace.rows[self._sent :]
        self._sent += len(rows)
        self.feed.add_rows(rows, due, self._reached)

    def _ending(self) -> str:
        if self._stopped.is_set():
            return "interrupted"
        if self._until is not None and self._reached >= self._until:
            return "settled" if self._simulation.is_idle else "until"
        return "settled" if self._simulation.is_idle else ""
