"""When mail that could not be sent is tried again, and when it is given up."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Retry:
    """When mail that could not be sent is tried again, and when it is given up; in seconds.

    The defaults are this lab's: RFC 821 has none. RFC 1123, 5.3.1.1, asks for at least 30 minutes
    between tries and 4 to 5 days before giving up.
    """

    first: float = 1800.0
    factor: float = 2.0
    max: float = 14400.0
    give_up: float = 259200.0

    def delay(self, failures: int) -> float:
        """Seconds from the ``failures``-th failure (1 for the first) to the next try."""
        delay = self.first
        for _ in range(failures - 1):
            delay *= self.factor
            if delay >= self.max:
                break
        return min(delay, self.max)
