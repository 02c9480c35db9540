"""Limits of one run: how many events it may record, and how long it may take.

They stop a run that would go on for too long, between two events and in good order. They are not
part of what is simulated, so the digest of a run that ends within them is the same without them.
"""

from __future__ import annotations

import time
from typing import Final, NamedTuple

MAX_EVENTS: Final = "max-events"
MAX_SECONDS: Final = "max-seconds"
"""The reasons of a run's end if it was cut off."""

LOOK: Final = 1000
"""Steps of the clock from one look at the limits to the next."""


class Limits(NamedTuple):
    """How many events of the trace a run may record, and its seconds by the clock on the wall.

    ``begun`` is when the run began, in seconds of ``time.monotonic``. None stands for no limit.
    ``ending`` is how a run ended that is made again, up to its last event: ``max_events``.
    """

    max_events: int | None = None
    max_seconds: float | None = None
    begun: float = 0.0
    ending: str = ""

    def started(self) -> Limits:
        """Return the limits of a run that begins now."""
        return self._replace(begun=time.monotonic())

    @property
    def is_set(self) -> bool:
        """Whether there is a limit."""
        return self.max_events is not None or self.max_seconds is not None

    @property
    def seconds_left(self) -> float | None:
        """How many seconds the run may still take; None for as many as it wants."""
        if self.max_seconds is None:
            return None
        return self.begun + self.max_seconds - time.monotonic()

    def reached(self, events: int) -> str:
        """Return why a run with that number of events must end; "" if it may go on."""
        if self.max_events is not None and events >= self.max_events:
            return self.ending or MAX_EVENTS
        left = self.seconds_left
        return MAX_SECONDS if left is not None and left <= 0 else ""


UNLIMITED: Final = Limits()
"""No limit at all."""
