"""What a host asks of its driver: to record what happens, and to be called when time has passed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from mypy_extensions import mypyc_attr

from lab.hosts.spool import Queue
from lab.trace.rows import Row


@mypyc_attr(allow_interpreted_subclasses=True)
class HostPort(ABC):
    """The side of a driver that its hosts see. A driver derives from it, once for all its hosts.

    ``record`` takes a row of the trace. It is an attribute, for a host calls it at every event: a
    driver gives it to the constructor. ``host`` is always the name of the host that asks.
    """

    def __init__(self, record: Callable[[Row], None]) -> None:
        self.record = record

    @abstractmethod
    def wake(self, host: str, queue: Queue, at: float) -> None:
        """Look at a queue of a host at a time in seconds: it then has mail to be tried.

        What is outdated by then, for ``queue.wake_at`` has another value, is passed over.
        """

    @abstractmethod
    def next_message(self, host: str, about: int | None = None) -> int:
        """Return the number of a message that first appears at a host.

        ``about``: the message that a notification reports on.
        """

    @abstractmethod
    def later(self, host: str, seconds: float, call: Callable[[float], None]) -> None:
        """Call with the time after so many seconds, unless the host has crashed meanwhile."""
