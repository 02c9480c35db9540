"""When mail that could not be sent is tried again, and when it is given up."""

from __future__ import annotations

from dataclasses import dataclass, field

from lab.hosts import policies
from lab.hosts.checked import checked
from lab.hosts.setting import setting


@checked
@dataclass(frozen=True, slots=True)
class Retry(policies.Retry):
    """When mail that could not be sent is tried again, and when it is given up; in seconds.

    The defaults are this lab's: RFC 821 has none. RFC 1123, 5.3.1.1, asks for at least 30 minutes
    between tries and 4 to 5 days before giving up.
    """

    first: float = field(
        default=1800.0, metadata=setting("span", "From the first failure to the next attempt.")
    )
    factor: float = field(
        default=2.0,
        metadata=setting("factor", "Each wait is this many times the one before."),
    )
    max: float = field(default=14400.0, metadata=setting("span", "The longest wait."))
    give_up: float = field(
        default=259200.0,
        metadata=setting(
            "duration",
            "Age of mail at which it is given up; then a notification goes back.",
            "3.6",
        ),
    )

    def delay(self, failures: int, host: str = "", peer: str = "", reason: str = "") -> float:
        """Seconds from the ``failures``-th failure (1 for the first) to the next try, whatever the
        hosts and the reason.
        """
        delay = self.first
        if self.factor == 1.0:  # hosts in vain ask thousands of times: no loop that grows with it
            return min(delay, self.max)
        for _ in range(failures - 1):
            delay *= self.factor
            if delay >= self.max:
                break
        return min(delay, self.max)
