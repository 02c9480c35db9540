"""What a session asks of the driver that runs it, and what the driver asks of its sessions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from mypy_extensions import mypyc_attr

from lab.hosts.host import Host
from lab.network.clock import Clock
from lab.protocol import Transaction
from lab.trace.rows import Row


@mypyc_attr(allow_interpreted_subclasses=True)
class AnySession(ABC):
    """A session as its driver, the faults and the interceptions see it.

    ``sender_host`` and ``receiver_host`` are the names of the hosts at its ends, by their present
    roles. ``number`` is None until the channel is open.
    """

    def __init__(self, sender_host: str, receiver_host: str) -> None:
        self.sender_host = sender_host
        self.receiver_host = receiver_host
        self.number: int | None = None

    @abstractmethod
    def cut(self, reason: str, crashed: str | None = None) -> None:
        """Cut the channel. Each host finds out, except one of that name that has crashed."""


@mypyc_attr(allow_interpreted_subclasses=True)
class Driver(ABC):
    """The side of a driver that its sessions see.

    ``env`` is the clock. ``record`` takes a row of the trace. Both are attributes, as sessions use
    them at every event.
    """

    def __init__(self, env: Clock, record: Callable[[Row], None]) -> None:
        self.env = env
        self.record = record

    @abstractmethod
    def register(self, session: AnySession) -> None:
        """Add a session to those that faults can cut, and watch its reply timeouts."""

    @abstractmethod
    def unregister(self, session: AnySession) -> None:
        """Remove a session that has ended."""

    @abstractmethod
    def next_session(self, host: str) -> int:
        """Return the number of a session that a host opens, from 1."""

    @abstractmethod
    def foreign(self, host: Host, transaction: Transaction) -> tuple[int, list[str]]:
        """Return a number for mail from outside the scenario, and the ids of its recipients.

        The mail is recorded as submitted at ``host``, which accepts it.
        """
