"""The workers of a run as processes of this machine, joined by pipes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import combinations
from multiprocessing import get_context
from multiprocessing.connection import Pipe
from socket import socket
from typing import Protocol

from lab.runtime.spawn import quiet_start
from lab.simulation.partitioned.exchange import pipe
from lab.simulation.partitioned.worker import Setup, main


class WorkerEnd(Protocol):
    """The coordinator's end of what joins it to a worker."""

    def send_bytes(self, octets: bytes, /) -> None:
        """Send a message to the worker; raises OSError if it has ended."""

    def recv_bytes(self) -> bytes:
        """Return the worker's next message; raises EOFError or OSError if it has ended."""

    def close(self) -> None:
        """Close this end, when nothing is received any more."""


class StartsWorkers(Protocol):
    """What has the workers of a run begin, and ends them."""

    def lost(self, partition: int) -> str:
        """Return a sentence that says that a worker has ended too early."""

    def begun(self, setup: Setup, count: int) -> AbstractContextManager[Sequence[WorkerEnd]]:
        """Begin ``count`` workers, and end them afterwards: gives their ends, by partitions."""


class LocalProcesses:
    """Workers that are processes of this machine."""

    def lost(self, partition: int) -> str:
        """Return a sentence that says that a worker has ended too early."""
        return f"the process of part {partition} ended before its time"

    @contextmanager
    def begun(self, setup: Setup, count: int) -> Iterator[Sequence[WorkerEnd]]:
        """Start a process for each partition; kill them afterwards."""
        # spawn: a fork would copy whatever threads the caller has (a notebook, a progress bar)
        context = get_context("spawn")
        pipes: list[list[socket | None]] = [[None] * count for _ in range(count)]
        for a, b in combinations(range(count), 2):
            pipes[a][b], pipes[b][a] = pipe()
        workers, running = [], []
        try:
            with quiet_start():
                for partition in range(count):
                    ours, theirs = Pipe()
                    workers.append(ours)
                    arguments = (setup, partition, pipes[partition], theirs)
                    process = context.Process(target=main, args=arguments, daemon=True)
                    process.start()
                    theirs.close()
                    running.append(process)
            for end in (end for ends in pipes for end in ends if end is not None):
                end.close()
            yield workers
        finally:
            for process in running:  # all that they had to send has come, or never will
                process.kill()
                process.join()
