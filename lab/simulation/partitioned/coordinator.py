"""Coordinates a run over several processes: starts them, merges their rows and stops them.

The rows of a batch that are kept are put into the order in which one process would have written
them, and numbered. The partitions themselves keep account and check the rules: they report what has
been settled, and at the end what has not, and what was wrong.
"""

from __future__ import annotations

import marshal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from threading import Thread
from typing import Any

from lab.analysis.account import Account
from lab.runtime.gc_pause import gc_pause
from lab.simulation.limits import UNLIMITED, Limits
from lab.simulation.partitioned.event_order import merge
from lab.simulation.partitioned.local_processes import LocalProcesses, StartsWorkers, WorkerEnd
from lab.simulation.partitioned.merged_results import MergedResults
from lab.simulation.partitioned.messages import Message
from lab.simulation.partitioned.planning import PartitionPlan
from lab.simulation.partitioned.worker import Setup
from lab.simulation.plugins import NONE, Plugins
from lab.topology.model import Topology
from lab.trace.digests import combined
from lab.trace.retention import Retention
from lab.trace.trace import Trace


class WorkerLost(Exception):
    """Raised if a worker process has ended too early; the message is a sentence."""


Received = SimpleQueue[tuple[int, bytes | None]]
"""What the workers have sent, with the numbers of their partitions; None: the process has ended."""


def _receive(partition: int, worker: WorkerEnd, received: Received) -> None:
    """Take what a worker sends as it comes, so that it need not wait for the coordinator."""
    try:
        while True:
            received.put((partition, worker.recv_bytes()))
    except (EOFError, OSError):
        received.put((partition, None))


class Coordinator:
    """A run on several processes.

    ``account`` and ``rules`` are of all events, as those of a
    :class:`lab.analysis.streaming.StreamingAnalysis`.
    """

    def __init__(
        self,
        setup: Setup,
        retention: Retention,
        limits: Limits = UNLIMITED,
        start: StartsWorkers | None = None,
    ) -> None:
        self.setup = setup
        self._start = start or LocalProcesses()
        self.limits = limits
        self.retention = retention
        self.rules = MergedResults()
        self._partitions = max(setup.partitions.values()) + 1
        self._batches: list[deque[tuple[Any, ...]]] = [deque() for _ in range(self._partitions)]
        self._results: list[list[Any]] = []
        self._receivers: list[Thread] = []
        self._stopping: Message | None = None

    @classmethod
    def of(
        cls,
        topology: Topology,
        seed: int,
        until: float | None,
        plan: PartitionPlan,
        retention: Retention,
        limits: Limits = UNLIMITED,
        plugins: Plugins = NONE,
        start: StartsWorkers | None = None,
    ) -> Coordinator:
        """Return the coordinator of a run of a topology that is shared out as planned.

        Of ``limits``, that of seconds ends the run; the events are counted in one process only.
        ``start`` has the workers begin: by default, processes of this machine.
        """
        level = retention.level
        setup = Setup(
            topology, seed, until, plan.partitions, plan.lookahead, level, plan.trees, plugins
        )
        return cls(setup, retention, limits, start)

    @property
    def account(self) -> Account:
        """What has become of the mail, as far as the workers have reported."""
        return self.rules.account

    @property
    def topology(self) -> Topology:
        """The topology that the run is of."""
        return self.setup.topology

    def interrupt(self, *_: Any) -> None:
        """End the run where all partitions have come to the same time."""
        self._stopping = Message.STOP

    def run(self, progress: Callable[[int], None] | None = None) -> Trace:
        """Run, and return the trace as it was kept.

        ``progress`` is called with the number of messages so far. Raises :class:`WorkerLost` where
        a process ends before its time; what has come until then is in account and trace.
        """
        with self._processes() as workers, gc_pause():
            self._gather(workers, progress)
            hashes: dict[str, bytes] = {}
            for of_partition, *results in self._results:
                hashes |= of_partition
                self.rules.close(*results)
            self.rules.settle()
        return self.retention.close(combined(hashes.items()), self.account.counts)

    def salvage(self) -> Trace:
        """Return the trace of what had come when the run was given up.

        Its digest is known only where all of its events are kept.
        """
        last = (self.account.last, "end", "", None, None, None, "interrupted")
        self.account.take(last)
        self.retention.keep([last])
        level = "none" if self.retention.has_dropped else self.retention.level
        self.rules.give_up(self.retention.rows(), level)
        is_whole = level == "wire"
        return self.retention.close("" if is_whole else "unknown", self.account.counts)

    # -- processes ------------------------------------------------------------------------------

    @contextmanager
    def _processes(self) -> Iterator[Sequence[WorkerEnd]]:
        workers: Sequence[WorkerEnd] = ()
        try:
            with self._start.begun(self.setup, self._partitions) as workers:
                yield workers
        finally:
            for receiver in self._receivers:  # each sees the end of its process
                receiver.join()
            for worker in workers:
                worker.close()

    def _gather(self, workers: Sequence[WorkerEnd], progress: Callable[[int], None] | None) -> None:
        received: Received = SimpleQueue()
        for partition, worker in enumerate(workers):
            receiver = Thread(target=_receive, args=(partition, worker, received), daemon=True)
            receiver.start()
            self._receivers.append(receiver)
        unfinished = set(range(self._partitions))
        while unfinished:
            partition, octets = received.get()
            if partition in unfinished and self._handle(partition, octets):
                unfinished.discard(partition)
            while all(self._batches):
                self._take([batches.popleft() for batches in self._batches])
                self._answer(workers)
                if progress is not None:
                    progress(self.rules.messages)

    def _handle(self, partition: int, octets: bytes | None) -> bool:
        """Handle what a worker has sent (None: it has ended); return whether that was the last."""
        if octets is None:
            raise WorkerLost(self._start.lost(partition))
        kind, *content = marshal.loads(octets)
        if kind == Message.FAILED:
            if content[1]:
                raise WorkerLost(content[0])
            raise WorkerLost(f"the process of part {partition} failed:\n{content[0]}")
        if kind == Message.BATCH:
            self._batches[partition].append(tuple(content))
            return False
        assert kind == Message.FINISHED
        self._results.append(content)
        return True

    def _answer(self, workers: Sequence[WorkerEnd]) -> None:
        answer = Message.SUMMARY_ONLY if self.retention.has_dropped else Message.CONTINUE
        left = self.limits.seconds_left
        if left is not None and left <= 0 and self._stopping is None:
            self._stopping = Message.OUT_OF_TIME
        if self._stopping is not None:
            answer = self._stopping
        for worker in workers:
            with suppress(OSError):  # it has sent its last batch
                worker.send_bytes(answer.octets)

    # -- rows -----------------------------------------------------------------------------------

    def _take(self, batches: Sequence[tuple[Any, ...]]) -> None:
        """Take the batches of all partitions for one stretch of time."""
        for batch in batches:
            self.rules.know(batch[3])
        numbered = self.rules.number(merge([(batch[0], batch[1], batch[2]) for batch in batches]))
        self.rules.take(numbered, [batch[4] for batch in batches])
        self.retention.keep(numbered)
