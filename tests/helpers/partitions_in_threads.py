"""The parts of a run as threads of one process: all that parts do, without starting processes."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from multiprocessing.connection import Connection
from os import dup
from socket import socket
from typing import Any

import pytest

from lab.simulation.partitioned import coordinator as whole
from lab.simulation.partitioned.exchange import Peers
from lab.simulation.partitioned.worker import Setup, WorkerProcess
from lab.topology.model import Topology
from lab.trace.retention import Retention


class PartThread(threading.Thread):
    """What stands in for a process, with ends of pipes of its own."""

    def __init__(self, target: Any, args: tuple[Any, ...], daemon: bool) -> None:
        setup, part, plugs, home = args
        self.plugs: list[socket | None] = [plug and plug.dup() for plug in plugs]
        self.home = Connection(dup(home.fileno()))
        self.part = WorkerProcess(setup, part, Peers(self.plugs), self.home)
        super().__init__(daemon=daemon)

    def run(self) -> None:
        try:
            self.part.run()
        except (EOFError, OSError):
            pass
        finally:
            for plug in self.plugs:
                if plug is not None:
                    plug.close()
            self.home.close()

    def kill(self) -> None:
        """Wait for it: what ends a process does not end a thread."""
        self.join(60)
        assert not self.is_alive(), "a part has not come to its end"


class Threads:
    Process = PartThread


def in_parts(
    topology: Topology,
    parts: Mapping[str, int],
    seed: int,
    until: float | None = None,
    level: str = "wire",
) -> whole.Coordinator:
    """A run whose hosts are in these parts, and its trace in ``keeper``."""
    latencies = [one.latency for one in topology.links if parts[one.a] != parts[one.b]]
    for fault in topology.faults:
        if fault.kind == "latency":
            latencies.append(fault.value or 0.0)
    setup = Setup(topology, seed, until, dict(parts), min(latencies, default=math.inf), level)
    return whole.Coordinator(setup, Retention(level, in_memory=True))


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole, "get_context", lambda _: Threads)
