"""A driver that does nothing by itself, and hosts for its sessions."""

from __future__ import annotations

from typing import Any

from helpers.host_by_hand import HandPort, by_hand, table
from lab.hosts.directory import User
from lab.hosts.host import Host
from lab.hosts.retry import Retry
from lab.hosts.settings import HostSettings
from lab.network.clock import Clock
from lab.protocol import Transaction
from lab.simulation.any_session import AnySession
from lab.simulation.driver import Driver
from lab.simulation.interception import Interceptions
from lab.topology.model import FaultSpec


class FakeDriver(Driver):
    """Keeps the rows and the sessions; mail from outside is message 900."""

    def __init__(self, *faults: FaultSpec) -> None:
        self.rows: list[tuple[Any, ...]] = []
        super().__init__(Clock(), self.rows.append, Interceptions(faults))
        self.sessions: dict[int, AnySession] = {}

    def register(self, session: AnySession) -> None:
        self.sessions[id(session)] = session

    def unregister(self, session: AnySession) -> None:
        self.sessions.pop(id(session))

    def next_session(self, host: str) -> int:
        return 7

    def foreign(self, host: Host, transaction: Transaction) -> tuple[int, list[str]]:
        return 900, [str(n) for n, _ in enumerate(transaction.forward_paths, 1)]

    def crossed(self) -> list[str]:
        """What crossed the channel, and how it began and ended."""
        texts = []
        for row in self.rows:
            if row[1] in ("command", "data", "reply"):
                texts.append(f"{row[0]:.1f} {row[-1].decode().splitlines()[0]}")
            elif row[1] in ("open", "close", "unreachable"):
                why = "" if row[1] == "open" else f" ({row[-1]})"
                texts.append(f"{row[0]:.1f} {row[1]}{why}")
        return texts


def host(name: str, *users: str, **settings: Any) -> Host:
    made = HostSettings(name, users=tuple(User(user) for user in users), **settings)
    model = by_hand()
    return Host(made, table("A.ARPA B.ARPA"), model.calendar, Retry(), HandPort())
