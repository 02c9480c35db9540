"""A worker: the process of a partition, which goes from window to window and sends what it records.

Rows go in batches: those about a message to the partition that accounts for it, and those that are
kept of the run to the coordinator. All workers send a batch at the end of the same window, so that
batches of one number are of the same stretch of time; the coordinator's answer says whether to
go on.
"""

from __future__ import annotations

import marshal
import math
import signal
import traceback
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from socket import socket
from typing import Any, Final, Protocol

from lab.hosts.routing import Trees
from lab.runtime.gc_pause import gc_pause
from lab.runtime.plugins import PluginFailed
from lab.runtime.signals import let_through
from lab.simulation.limits import MAX_SECONDS
from lab.simulation.partitioned.exchange import AnyPeers, Peers
from lab.simulation.partitioned.local_results import LocalResults
from lab.simulation.partitioned.merged_results import NUMBERED
from lab.simulation.partitioned.messages import Message
from lab.simulation.partitioned.partition import PartitionSimulation
from lab.simulation.partitioned.windows import Windows
from lab.simulation.plugins import NONE, Plugins
from lab.topology.model import Topology
from lab.trace.levels import LEVELS
from lab.trace.rows import KIND, octets_in

BATCH: Final = 16_384
"""Rows of all partitions, or blocks of :data:`BLOCK` bytes of mail in them, that make a batch."""

BLOCK: Final = 8_192

AHEAD: Final = 4
"""Batches that are sent before the first is answered."""

SOME: Final = 64
"""Rows whose mail is counted together."""

_LAST: Final = 2**63 - 1


@dataclass(frozen=True)
class Setup:
    """What all workers of a run get.

    ``partitions`` are the numbers of the hosts' partitions by name, ``lookahead`` is in seconds,
    and ``trees`` of next hops are known already.
    """

    topology: Topology
    seed: int
    until: float | None
    partitions: dict[str, int]
    lookahead: float
    level: str
    trees: Trees = field(default_factory=dict)
    plugins: Plugins = NONE


class CoordinatorEnd(Protocol):
    """A worker's end of what joins it to the coordinator."""

    def send_bytes(self, octets: bytes, /) -> None:
        """Send a message to the coordinator."""

    def recv_bytes(self) -> bytes:
        """Return the next answer; raises EOFError if there will be none."""


class WorkerProcess:
    """A partition at work: its simulation, the other partitions, and the coordinator."""

    def __init__(
        self, setup: Setup, partition: int, peers: AnyPeers, coordinator: CoordinatorEnd
    ) -> None:
        partitions = setup.partitions
        self.simulation = PartitionSimulation(
            setup.topology, setup.seed, partitions, partition, setup.plugins
        )
        self.simulation.world.routes.shortest.know(setup.trees)
        self.windows = Windows(self.simulation, setup.lookahead, setup.until)
        here = frozenset(name for name in partitions if partitions[name] == partition)
        count = len(self.simulation.remote.outboxes)
        begun = self.simulation.begun
        self.results = LocalResults(list(setup.topology.hosts), here, partition, count, begun)
        self.peers = peers
        self.coordinator = coordinator
        self.level = setup.level
        self._batches = 0
        self._recorded = 0
        self._weighed = 0
        self._weight = 0
        self._first = 0.0
        self._total = 0
        self._sent: deque[tuple[float, int]] = deque()
        self._empty_outboxes: list[list[Any]] = [[] for _ in self.simulation.remote.outboxes]

    def run(self) -> None:
        """Go on until nothing is left to do in any partition, or until the run is stopped."""
        simulation, windows = self.simulation, self.windows
        self._add_order(0.0, -(2**63))
        simulation.begin()
        self._send()
        self._receive(0)
        stopped, known = "", 0
        while not stopped:
            if windows.is_of_faults(self._first):
                self._receive(0)
            if self._total - known > BATCH:
                known = self._total
                stopped = self._report()
            if stopped or windows.is_over(self._first):
                break
            if windows.is_of_faults(self._first):
                simulation.all_idle, _ = self._agree()
            windows.run(self._first)
            self._send()
            self._receive(windows.ahead)
        self._end(stopped)

    def _add_order(self, t: float, order: int) -> None:
        rows = self.simulation.trace.rows
        if rows:
            self.windows.event_order.add(t, order, len(rows))

    def _send(self) -> None:
        """Send the others their messages, when something happens next here, and how many rows are
        recorded here.
        """
        report = self.windows.next_time(), self._recorded_so_far()
        self._sent.append(report)
        self.peers.send(report, self.simulation.remote.outboxes)

    def _receive(self, ahead: int) -> None:
        """Receive what the others have sent, except the last ``ahead`` times: when something can
        happen next in any partition, and how many rows are recorded in all.
        """
        while len(self._sent) > ahead:
            first, total = self._sent.popleft()
            for report, messages in self.peers.receive():
                self.simulation.take(messages)
                first = min(first, report[0])
                total += report[1]
            self.windows.pace(total - self._total)
            self._first, self._total = first, total

    def _recorded_so_far(self) -> int:
        """Return how many rows are recorded so far, and blocks of mail in them."""
        rows = self.simulation.trace.rows
        if len(rows) > self._weighed + SOME:
            self._weight += octets_in(rows[self._weighed :])
            self._weighed = len(rows)
        return self._recorded + len(rows) + self._weight // BLOCK

    def _agree(self) -> tuple[bool, float]:
        """Return whether nothing is left to do in any partition, and the time of the last row.

        All that the others have sent must have been received.
        """
        idle, last = self.simulation.is_idle_here, self.simulation.trace.last
        self.peers.send((idle, last), self._empty_outboxes)
        for report, _ in self.peers.receive():
            idle = idle and report[0]
            last = max(last, report[1])
        return idle, last

    def _end(self, stopped: str) -> None:
        self._receive(0)
        idle, last = self._agree()
        reason = "settled"
        if stopped:
            reason = stopped
        elif self.windows.until < math.inf and not idle:
            reason, last = "until", self.windows.until
        if not self.simulation.partition:
            self.simulation.record((last, "end", "", None, None, None, reason))
            self._add_order(last, _LAST)
        self._send_batch()
        self.peers.send((), self.simulation.remote.outboxes)
        for _, messages in self.peers.receive():
            self.simulation.take(messages)
        self.peers.flush()
        local, owned = self.results, self.simulation.owned_results
        findings = [tuple(finding) for finding in (*local.findings(), *owned.findings())]
        results = (local.hashes(), findings, owned.settled(), owned.unsettled())
        self.coordinator.send_bytes(marshal.dumps((Message.FINISHED.value, *results)))

    # -- the coordinator ------------------------------------------------------------------------

    def _report(self) -> str:
        """Send what has been recorded, and receive how to go on; return why to stop, or ""."""
        self._send_batch()
        self._batches += 1
        if self._batches <= AHEAD:
            return ""  # a worker does not wait for the coordinator, unless that falls behind
        answer = self.coordinator.recv_bytes()
        if answer == Message.SUMMARY_ONLY.octets:
            self.level = "none"
        return _STOPS.get(answer, "")

    def _send_batch(self) -> None:
        simulation = self.simulation
        rows = simulation.trace.growing
        event_order = self.windows.event_order
        for partition, indices in enumerate(self.results.take(rows, simulation.remote.sent)):
            needed = [rows[index] for index in indices]
            simulation.send_rows(partition, (needed, *event_order.of(indices)))
        kinds = LEVELS[self.level] | NUMBERED
        shipped = [index for index, row in enumerate(rows) if row[KIND] in kinds]
        sent = [list(rows[index]) for index in shipped]  # the coordinator renumbers them
        settled = simulation.owned_results.settled()
        batch = (
            Message.BATCH.value,
            sent,
            *event_order.of(shipped),
            simulation.remote.aliases,
            settled,
        )
        self.coordinator.send_bytes(marshal.dumps(batch))
        self._recorded += len(rows)
        simulation.trace.clear()
        simulation.remote.clear()
        event_order.clear()
        self._weighed = 0


_STOPS: Final = {Message.STOP.octets: "interrupted", Message.OUT_OF_TIME.octets: MAX_SECONDS}
"""Why a run ends, by the answer of the coordinator."""


def main(
    setup: Setup, partition: int, pipes: Sequence[socket | None], coordinator: Connection
) -> None:
    """Run a worker: the main function of its process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the coordinator handles Ctrl-C
    let_through()
    work(setup, partition, Peers(pipes), coordinator)


def work(setup: Setup, partition: int, peers: AnyPeers, coordinator: CoordinatorEnd) -> None:
    """Run a partition to its end; what goes wrong in it is sent to the coordinator."""
    try:
        with gc_pause():
            WorkerProcess(setup, partition, peers, coordinator).run()
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass  # another worker has ended, and the coordinator knows
    except PluginFailed as why:  # a user's error, which is one sentence
        coordinator.send_bytes(marshal.dumps((Message.FAILED.value, str(why), True)))
    except Exception:  # the coordinator reports it
        failed = (Message.FAILED.value, traceback.format_exc(), False)
        coordinator.send_bytes(marshal.dumps(failed))
