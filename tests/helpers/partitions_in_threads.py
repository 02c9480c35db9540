"""The workers of a run as threads of one process: all that they do, without starting processes."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from multiprocessing.connection import Connection
from os import dup
from socket import socket
from typing import Any

import pytest

from lab.simulation.partitioned import coordinator, local_processes
from lab.simulation.partitioned.exchange import Peers
from lab.simulation.partitioned.worker import Setup, WorkerProcess
from lab.topology.model import Topology
from lab.trace.retention import Retention


class WorkerThread(threading.Thread):
    """What stands in for a process, with ends of pipes of its own."""

    def __init__(self, target: Any, args: tuple[Any, ...], daemon: bool) -> None:
        setup, partition, pipes, theirs = args
        self.pipes: list[socket | None] = [end and end.dup() for end in pipes]
        self.coordinator = Connection(dup(theirs.fileno()))
        self.worker = WorkerProcess(setup, partition, Peers(self.pipes), self.coordinator)
        super().__init__(daemon=daemon)

    def run(self) -> None:
        try:
            self.worker.run()
        except (EOFError, OSError):
            pass
        finally:
            for end in self.pipes:
                if end is not None:
                    end.close()
            self.coordinator.close()

    def kill(self) -> None:
        """Wait for it: what ends a process does not end a thread."""
        self.join(60)
        assert not self.is_alive(), "a worker has not come to its end"


class Threads:
    Process = WorkerThread


def in_parts(
    topology: Topology,
    parts: Mapping[str, int],
    seed: int,
    until: float | None = None,
    level: str = "wire",
) -> coordinator.Coordinator:
    """A run whose hosts are in these parts, and its trace in ``keeper``."""
    latencies = [link.latency for link in topology.links if parts[link.a] != parts[link.b]]
    for fault in topology.faults:
        if fault.kind == "latency":
            latencies.append(fault.value or 0.0)
    setup = Setup(topology, seed, until, dict(parts), min(latencies, default=math.inf), level)
    return coordinator.Coordinator(setup, Retention(level, in_memory=True))


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_processes, "get_context", lambda _: Threads)


def setup_in_turn(topology: Topology, count: int) -> Setup:
    """What the workers of a run get whose hosts are in so many parts, in turn."""
    parts = {name: number % count for number, name in enumerate(topology.hosts)}
    latency = min(link.latency for link in topology.links)
    return Setup(topology, 0, None, parts, latency, "wire")
