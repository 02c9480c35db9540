"""What a host requires of its driver: to record events, and to call the host at later times."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from mypy_extensions import mypyc_attr

from lab.hosts.spool import Queue, QueuedMail
from lab.trace.rows import Row


@mypyc_attr(allow_interpreted_subclasses=True)
class HostPort(ABC):
    """The side of a driver that its hosts see. A driver derives from it, once for all its hosts.

    ``record`` takes a row of the trace. It is an attribute, because a host calls it at every event;
    a driver passes it to the constructor. ``host`` is always the name of the host that asks.
    """

    def __init__(self, record: Callable[[Row], None]) -> None:
        self.record = record

    @abstractmethod
    def wake(self, host: str, queue: Queue, at: float) -> None:
        """Try the mail of a queue of a host at a time in seconds.

        If ``queue.wake_at`` has another value by then, the call is outdated, and nothing is done.
        """

    def keep(self, host: str, queue: Queue, mail: QueuedMail) -> bool:
        """Keep mail that a host owes to a next host from now on, or that has changed in its queue.

        Returns whether new mail may be tried at once. If not, the driver puts it into the queue by
        :meth:`~lab.hosts.spooling.Spooling.admit` when it is stored.
        """
        return True

    def forget(self, host: str, mail: QueuedMail) -> None:
        """Forget mail that a host does not owe any more, because it was sent on or returned."""
        return

    @abstractmethod
    def next_message(self, host: str, about: int | None = None) -> int:
        """Return the number of a message that first appears at a host.

        ``about``: the message that a notification reports on.
        """

    @abstractmethod
    def later(self, host: str, seconds: float, call: Callable[[float], None]) -> None:
        """Call a function with the time after ``seconds``, unless the host has crashed."""
