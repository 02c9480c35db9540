"""What a session asks of the driver that runs it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from mypy_extensions import mypyc_attr

from lab.hosts.host import Host
from lab.network.clock import Clock
from lab.protocol import Transaction
from lab.simulation.any_session import AnySession
from lab.simulation.interception import Interceptions
from lab.trace.rows import Row


@mypyc_attr(allow_interpreted_subclasses=True)
class Driver(ABC):
    """The side of a driver that its sessions see.

    ``env`` is the clock. ``record`` takes a row of the trace; it is an attribute, as sessions call
    it at every event. ``interceptions`` are the hang-ups and changes that the faults have set.
    """

    def __init__(
        self, env: Clock, record: Callable[[Row], None], interceptions: Interceptions
    ) -> None:
        self.env = env
        self.record = record
        self.interceptions = interceptions

    @abstractmethod
    def register(self, session: AnySession) -> None:
        """Add a session to those that faults can cut, and watch its reply timeouts."""

    @abstractmethod
    def unregister(self, session: AnySession) -> None:
        """Remove a session, as its sender-SMTP's end is closed."""

    @abstractmethod
    def next_session(self, host: str) -> int:
        """Return the number of a session that a host opens, from 1."""

    @abstractmethod
    def foreign(self, host: Host, transaction: Transaction) -> tuple[int, list[str]]:
        """Return a number for mail from outside the scenario, and the ids of its recipients.

        The mail is recorded as submitted at ``host``, which accepts it.
        """
