"""The process of a part: it goes from window to window, and hands on what it has recorded.

Rows go in batches: about each message to the part whose books it is in, and what is kept of the
run to who gathers that. All parts send a batch at the end of the same window, so that those of one
number are of the same stretch of time; the answer to each but the last says whether to go on.
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
from typing import Any, Final

from lab.hosts.routing import Trees
from lab.runtime.gc_pause import gc_pause
from lab.simulation.partitioned.exchange import Peers
from lab.simulation.partitioned.local_results import LocalResults
from lab.simulation.partitioned.merged_results import NUMBERED
from lab.simulation.partitioned.partition import PartitionSimulation
from lab.simulation.partitioned.windows import Windows
from lab.topology.model import Topology
from lab.trace.levels import LEVELS
from lab.trace.rows import KIND, Row, octets_in

BATCH: Final = 16_384
"""Rows of all parts, or blocks of :data:`BLOCK` bytes of mail in them, that go home together."""

BLOCK: Final = 8_192

AHEAD: Final = 4
"""Batches that are sent before the first is answered."""

SOME: Final = 64
"""Rows that are weighed together."""

GO: Final = b"go"
LEAST: Final = b"least"
STOP: Final = b"stop"
"""The answers to a batch: go on; go on, and send no more than what is always kept; stop."""

ROWS: Final = 0
DONE: Final = 1
BROKEN: Final = 2
"""What is sent home: a batch, the last word, and what has gone wrong."""

_LAST: Final = 2**63 - 1


@dataclass(frozen=True)
class Setup:
    """What all parts of a run are told; ``trees`` of next hops are known already."""

    topology: Topology
    seed: int
    until: float | None
    parts: dict[str, int]
    lookahead: float
    level: str
    trees: Trees = field(default_factory=dict)


class WorkerProcess:
    """A part at work: a simulation, the other parts, and who gathers what all have recorded."""

    def __init__(self, setup: Setup, part: int, peers: Peers, home: Connection) -> None:
        self.simulation = PartitionSimulation(setup.topology, setup.seed, setup.parts, part)
        self.simulation.routes.know(setup.trees)
        self.windows = Windows(self.simulation, setup.lookahead, setup.until)
        here = frozenset(name for name in setup.parts if setup.parts[name] == part)
        parts = len(self.simulation.remote.outboxes)
        begun = self.simulation.begun
        self.share = LocalResults(list(setup.topology.hosts), here, part, parts, begun)
        self.peers = peers
        self.home = home
        self.level = setup.level
        self._batches = 0
        self._recorded = 0
        self._weighed = 0
        self._weight = 0
        self._first = 0.0
        self._total = 0
        self._told: deque[tuple[float, int]] = deque()
        self._nothing: list[list[Any]] = [[] for _ in self.simulation.remote.outboxes]

    def run(self) -> None:
        """Go on until nothing is left to do in any part, or until this is stopped."""
        simulation, windows = self.simulation, self.windows
        self._mark(0.0, -(2**63))
        simulation.begin()
        self._tell()
        self._hear(0)
        stopped, known = False, 0
        while not stopped:
            if windows.is_of_faults(self._first):
                self._hear(0)
            if self._total - known > BATCH:
                known = self._total
                stopped = self._send_home()
            if stopped or windows.is_over(self._first):
                break
            if windows.is_of_faults(self._first):
                simulation.all_idle, _ = self._agree()
            windows.run(self._first)
            self._tell()
            self._hear(windows.ahead)
        self._end(stopped)

    def _mark(self, t: float, place: int) -> None:
        rows = self.simulation.trace.rows
        if rows:
            self.windows.marks.add(t, place, len(rows))

    def _tell(self) -> None:
        """Tell the others what has been sent, what happens next, and how much is recorded here."""
        told = self.windows.next_time(), self._recorded_so_far()
        self._told.append(told)
        self.peers.tell(told, self.simulation.remote.outboxes)

    def _hear(self, ahead: int) -> None:
        """Hear what the others have told, but for the last so many times: what can happen next in
        any part, and how much has been recorded in all.
        """
        while len(self._told) > ahead:
            first, total = self._told.popleft()
            for about, messages in self.peers.hear():
                self.simulation.take(messages)
                first = min(first, about[0])
                total += about[1]
            self.windows.pace(total - self._total)
            self._first, self._total = first, total

    def _recorded_so_far(self) -> int:
        """The rows recorded until now, and blocks of mail in them."""
        rows = self.simulation.trace.rows
        if len(rows) > self._weighed + SOME:
            self._weight += octets_in(rows[self._weighed :])
            self._weighed = len(rows)
        return self._recorded + len(rows) + self._weight // BLOCK

    def _agree(self) -> tuple[bool, float]:
        """Whether nothing is left to do in any part, and the time of the last row of all.

        All that the others have told has been heard.
        """
        idle, last = self.simulation.is_idle_here, self.simulation.trace.last
        self.peers.tell((idle, last), self._nothing)
        for about, _ in self.peers.hear():
            idle = idle and about[0]
            last = max(last, about[1])
        return idle, last

    def _end(self, stopped: bool) -> None:
        self._hear(0)
        idle, last = self._agree()
        reason = "settled"
        if stopped:
            reason = "interrupted"
        elif self.windows.until < math.inf and not idle:
            reason, last = "until", self.windows.until
        if not self.simulation.part:
            self.simulation.record((last, "end", "", None, None, None, reason))
            self._mark(last, _LAST)
        self._send_batch()
        self.peers.tell((), self.simulation.remote.outboxes)
        for _, messages in self.peers.hear():
            self.simulation.take(messages)
        self.peers.flush()
        share, books = self.share, self.simulation.books
        wrong, found = share.wrong_replies(), [tuple(one) for one in books.findings()]
        word = (DONE, share.hashes(), wrong, found, books.settled(), books.rest())
        self.home.send_bytes(marshal.dumps(word))

    # -- home -----------------------------------------------------------------------------------

    def _send_home(self) -> bool:
        """Send what has been recorded, and hear how to go on; whether to stop."""
        self._send_batch()
        self._batches += 1
        if self._batches <= AHEAD:
            return False  # nobody waits for the one who gathers them, unless that falls behind
        answer = self.home.recv_bytes()
        if answer == LEAST:
            self.level = "none"
        return answer == STOP

    def _send_batch(self) -> None:
        simulation = self.simulation
        rows: list[Row] = simulation.trace.rows
        marks = self.windows.marks
        for part, indices in enumerate(self.share.take(rows, simulation.remote.sent)):
            those = [rows[index] for index in indices]
            simulation.enter(part, (those, *marks.of(indices)))
        kinds = LEVELS[self.level] | NUMBERED
        shipped = [index for index, row in enumerate(rows) if row[KIND] in kinds]
        sent = [list(rows[index]) for index in shipped]  # home puts other numbers into them
        batch = (
            ROWS,
            sent,
            *marks.of(shipped),
            simulation.remote.aliases,
            simulation.books.settled(),
        )
        self.home.send_bytes(marshal.dumps(batch))
        self._recorded += len(rows)
        simulation.trace.clear()
        simulation.remote.clear()
        marks.clear()
        self._weighed = 0


def main(setup: Setup, part: int, plugs: Sequence[socket | None], home: Connection) -> None:
    """The process of a part."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who gathers the parts to answer
    try:
        with gc_pause():
            WorkerProcess(setup, part, Peers(plugs), home).run()
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass  # another part is no more, and home knows
    except Exception:  # told at home, where it is read
        home.send_bytes(marshal.dumps((BROKEN, traceback.format_exc())))
