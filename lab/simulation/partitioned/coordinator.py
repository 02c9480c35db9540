"""The whole of a run whose parts are processes: it begins them, gathers their rows, and ends them.

The rows of a batch that are kept are put into the order that one process would have written them
in, and given their numbers. Account and rules are the parts' affair: they tell what has been
settled, and at the end what has not, and what was wrong.
"""

from __future__ import annotations

import marshal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import combinations
from multiprocessing import get_context
from multiprocessing.connection import Connection, Pipe
from queue import SimpleQueue
from socket import socket
from threading import Thread
from typing import Any

from lab.analysis.account import Account
from lab.runtime.gc_pause import gc_pause
from lab.runtime.spawn import without_main
from lab.simulation.partitioned.event_order import merged
from lab.simulation.partitioned.exchange import pipe
from lab.simulation.partitioned.merged_results import MergedResults
from lab.simulation.partitioned.planning import PartitionPlan
from lab.simulation.partitioned.worker import BROKEN, DONE, GO, LEAST, ROWS, STOP, Setup, main
from lab.topology.model import Topology
from lab.trace.digests import combined
from lab.trace.retention import Retention
from lab.trace.trace import Trace


class WorkerLost(Exception):
    """A part of the run has ended before its time; the message is a sentence."""


Heard = SimpleQueue[tuple[int, bytes | None]]
"""What the parts have sent, with their numbers; None where one is no more."""


def _listen(part: int, home: Connection, heard: Heard) -> None:
    """Take what a part sends as it comes, so that it need not wait until somebody has the time."""
    try:
        while True:
            heard.put((part, home.recv_bytes()))
    except (EOFError, OSError):
        heard.put((part, None))


class Coordinator:
    """A run on several processes.

    ``account`` and ``rules`` are of all events, as those of a
    :class:`lab.analysis.streaming.StreamingAnalysis`.
    """

    def __init__(self, setup: Setup, retention: Retention) -> None:
        self.setup = setup
        self.retention = retention
        self.rules = MergedResults()
        self._parts = max(setup.parts.values()) + 1
        self._batches: list[deque[tuple[Any, ...]]] = [deque() for _ in range(self._parts)]
        self._last: list[list[Any]] = []
        self._listeners: list[Thread] = []
        self._stopping = False

    @classmethod
    def of(
        cls,
        topology: Topology,
        seed: int,
        until: float | None,
        partition: PartitionPlan,
        retention: Retention,
    ) -> Coordinator:
        """The run of a topology that is shared out."""
        parts, lookahead, trees = partition.parts, partition.lookahead, partition.trees
        return cls(
            Setup(topology, seed, until, parts, lookahead, retention.level, trees), retention
        )

    @property
    def account(self) -> Account:
        """What has become of the mail, as far as it has been told."""
        return self.rules.account

    @property
    def topology(self) -> Topology:
        """The topology that the run is of."""
        return self.setup.topology

    def interrupt(self, *_: Any) -> None:
        """Have the run end where all parts have come to the same time."""
        self._stopping = True

    def run(self, progress: Callable[[int], None] | None = None) -> Trace:
        """The trace of the run, as it was kept.

        ``progress`` is called with the number of messages so far. Raises :class:`WorkerLost` where
        a process ends before its time; what has come until then is in account and trace.
        """
        with self._processes() as homes, gc_pause():
            self._gather(homes, progress)
            hashes: dict[str, bytes] = {}
            for of_part, *known in self._last:
                hashes |= of_part
                self.rules.close(*known)
            self.rules.settle()
        return self.retention.close(combined(hashes.items()), self.account.counts)

    def salvage(self) -> Trace:
        """The trace of what had come when the run was given up.

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
    def _processes(self) -> Iterator[list[Connection]]:
        # spawn: a fork would copy whatever threads the caller has (a notebook, a progress bar)
        context = get_context("spawn")
        plugs: list[list[socket | None]] = [[None] * self._parts for _ in range(self._parts)]
        for a, b in combinations(range(self._parts), 2):
            plugs[a][b], plugs[b][a] = pipe()
        homes, running = [], []
        try:
            with without_main():
                for part in range(self._parts):
                    home, theirs = Pipe()
                    homes.append(home)
                    process = context.Process(
                        target=main, args=(self.setup, part, plugs[part], theirs), daemon=True
                    )
                    process.start()
                    theirs.close()
                    running.append(process)
            for plug in (plug for row in plugs for plug in row if plug is not None):
                plug.close()
            yield homes
        finally:
            for process in running:  # all that they had to tell has come, or never will
                process.kill()
                process.join()
            for listener in self._listeners:  # each hears the end of its process
                listener.join()
            for home in homes:
                home.close()

    def _gather(self, homes: list[Connection], progress: Callable[[int], None] | None) -> None:
        heard: Heard = SimpleQueue()
        for part, home in enumerate(homes):
            listener = Thread(target=_listen, args=(part, home, heard), daemon=True)
            listener.start()
            self._listeners.append(listener)
        open_ones = set(range(self._parts))
        while open_ones:
            part, octets = heard.get()
            if part in open_ones and self._hear(part, octets):
                open_ones.discard(part)
            while all(self._batches):
                self._take([batches.popleft() for batches in self._batches])
                self._answer(homes)
                if progress is not None:
                    progress(self.rules.messages)

    def _hear(self, part: int, octets: bytes | None) -> bool:
        """Take what a part has sent (None: it is no more); whether that was its last word."""
        if octets is None:
            raise WorkerLost(f"the process of part {part} ended before its time")
        what, *message = marshal.loads(octets)
        if what == BROKEN:
            raise WorkerLost(f"the process of part {part} failed:\n{message[0]}")
        if what == ROWS:
            self._batches[part].append(tuple(message))
            return False
        assert what == DONE
        self._last.append(message)
        return True

    def _answer(self, homes: list[Connection]) -> None:
        answer = STOP if self._stopping else LEAST if self.retention.has_dropped else GO
        for home in homes:
            with suppress(OSError):  # it was its last
                home.send_bytes(answer)

    # -- rows -----------------------------------------------------------------------------------

    def _take(self, batches: Sequence[tuple[Any, ...]]) -> None:
        """Take the batches of all parts for one stretch of time."""
        for batch in batches:
            self.rules.know(batch[3])
        numbered = self.rules.number(merged([(batch[0], batch[1], batch[2]) for batch in batches]))
        self.rules.take(numbered, [batch[4] for batch in batches])
        self.retention.keep(numbered)
