"""A driver that does nothing by itself, and hosts for its sessions."""

from __future__ import annotations

from typing import Any

from helpers.host_by_hand import HandPort, by_hand, table
from lab.hosts.control import HostControl
from lab.hosts.directory import User
from lab.hosts.host import Host
from lab.hosts.retry import Retry
from lab.hosts.settings import HostSettings
from lab.protocol import Transaction
from lab.simulation.any_session import AnySession
from lab.simulation.driver import Driver
from lab.simulation.interception import Interceptions
from lab.simulation.numbering import RunNumbering
from lab.simulation.world import World
from lab.topology.model import FaultSpec, PollSpec, ScriptSpec, from_dict
from lab.trace.trace import Trace


class FakeDriver(Driver):
    """Keeps the rows and the sessions. Sessions are number 7, and mail from outside message 900."""

    def __init__(self, *faults: FaultSpec) -> None:
        trace = Trace()
        self.rows: list[tuple[Any, ...]] = trace.rows
        world = World(from_dict({"host": [{"name": "A.ARPA"}, {"name": "B.ARPA"}]}))
        interceptions = Interceptions(faults, lambda row: None)
        super().__init__(world, trace, trace.record, RunNumbering(), interceptions)

    def register(self, session: AnySession) -> None:
        self.sessions[id(session)] = session

    def next_session(self, host: str) -> int:
        return 7

    def foreign(self, host: HostControl, transaction: Transaction) -> tuple[int, list[str]]:
        return 900, [str(n) for n, _ in enumerate(transaction.forward_paths, 1)]

    @property
    def is_idle(self) -> bool:
        return not self.sessions

    def host_control(self, name: str) -> HostControl:
        raise AssertionError("faults are none of its business")

    def run_script(self, script: ScriptSpec) -> None:
        raise AssertionError("nothing is planned")

    def poll(self, poll: PollSpec) -> None:
        raise AssertionError("nothing is planned")

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
