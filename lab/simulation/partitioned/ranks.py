"""The workers of a run as ranks of MPI, which may be on several machines.

``mpiexec -n 4 lab run FILE --mpi`` starts four processes. Each becomes a rank, and each rank the
worker of a partition; they exchange over MPI what those of one machine exchange over pipes. Rank 0
starts the coordinator besides: the same command once more, joined to it by a pipe, in a session of
its own. Where a rank dies, mpiexec ends all others, and not in good order. The coordinator is none
of them: it sees the pipe close, says so, and keeps what the run has come to.
"""

from __future__ import annotations

import marshal
import os
import pickle
import signal
import subprocess
import sys
import time
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, Pipe
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any, Final

from lab.runtime.extras import sentence
from lab.simulation.partitioned.exchange import Report
from lab.simulation.partitioned.local_processes import WorkerEnd
from lab.simulation.partitioned.remote import Message
from lab.simulation.partitioned.worker import Setup, work

if TYPE_CHECKING:
    from mpi4py import MPI

PIPE: Final = "SMTP_LAB_RANKS"
"""The environment variable with which rank 0 tells the coordinator its pipe, and how many there
are."""

LAUNCHED: Final = {
    "PMI_RANK": "PMI_SIZE",
    "OMPI_COMM_WORLD_RANK": "OMPI_COMM_WORLD_SIZE",
    "MV2_COMM_WORLD_RANK": "MV2_COMM_WORLD_SIZE",
    "PMIX_RANK": "SLURM_NTASKS",
}
"""Environment variables of ranks: with its number, and with how many there are."""

EXAMPLE: Final = "mpiexec -n 4 lab run FILE --mpi"

WINDOW, BATCH, ANSWER, START, LEAVE, LEFT, GONE = range(7)
"""What ranks send each other: messages of partitions, what is for the coordinator and from it,
what all of a run get; that it is over, that a rank has nothing left to send, and that none has."""

SPINS: Final = 200
"""How often a rank looks for a message before it sleeps for a moment."""

SHORTEST: Final = 20e-6
LONGEST: Final = 1e-3
"""Seconds for which it sleeps, more and more."""

UNUSABLE: Final = 2
"""The exit status of a rank that cannot begin."""

TIMEOUT: Final = 10.0
"""Seconds within which all ranks must have ended."""


class NoRanks(Exception):
    """Raised if a run cannot be shared out over MPI; the message is a sentence."""


class Ranks:
    """The ranks of an MPI run, as its coordinator sees them through a pipe to rank 0."""

    def __init__(self, pipe: Connection, size: int) -> None:
        self.size = size
        self._pipe = pipe

    def lost(self, _: int) -> str:
        """Return a sentence that says that a rank has ended too early."""
        return f"one of the {self.size} ranks ended before its time, and the run with it"

    @contextmanager
    def begun(self, setup: Setup, count: int) -> Iterator[Sequence[WorkerEnd]]:
        """Give ``count`` ranks their partitions; let all of them go afterwards."""
        ends = [_RankEnd(number, self._pipe) for number in range(count)]
        self._send(marshal.dumps((START, -1, pickle.dumps(setup))))
        reader = Thread(target=self._read, args=(ends,), daemon=True)
        reader.start()
        try:
            yield ends
        finally:
            self._send(marshal.dumps((LEAVE, -1, b"")))
            for end in ends:
                end.messages.put(None)

    def _send(self, octets: bytes) -> None:
        with suppress(OSError):  # the next answer that is read says that the pipe is closed
            self._pipe.send_bytes(octets)

    def _read(self, ends: Sequence[_RankEnd]) -> None:
        try:
            while True:
                number, octets = marshal.loads(self._pipe.recv_bytes())
                ends[number].messages.put(octets)
        except (EOFError, OSError):
            for end in ends:
                end.messages.put(None)


class _RankEnd:
    """The coordinator's end of what joins it to a rank."""

    def __init__(self, number: int, pipe: Connection) -> None:
        self.messages: SimpleQueue[bytes | None] = SimpleQueue()
        self._number = number
        self._pipe = pipe

    def send_bytes(self, octets: bytes, /) -> None:
        """Send a message to the rank."""
        self._pipe.send_bytes(marshal.dumps((ANSWER, self._number, octets)))

    def recv_bytes(self) -> bytes:
        """Return the rank's next message; raises EOFError where there is none."""
        octets = self.messages.get()
        if octets is None:
            raise EOFError
        return octets

    def close(self) -> None:
        """There is nothing to close: the pipe is that of all ranks."""


def ranks_of_this_run() -> Ranks | int:
    """Return the ranks, in the process that coordinates them.

    In a rank, do its work and return the exit status: in rank 0, that of the coordinator. Raises
    :class:`NoRanks`.
    """
    if pipe := os.environ.pop(PIPE, ""):
        descriptor, size = map(int, pipe.split(":"))
        os.set_inheritable(descriptor, False)
        return Ranks(Connection(descriptor), size)
    launched = next((names for names in LAUNCHED.items() if names[0] in os.environ), None)
    if launched is None:
        raise NoRanks(f"--mpi requires that mpiexec starts it; for example {EXAMPLE}")
    number, started = os.environ[launched[0]], os.environ.get(launched[1], "1")
    try:
        network = Network(loaded())
        if network.size == 1 and started != "1":
            raise NoRanks(
                f"{started} processes were started, but mpi4py sees each of them alone; use the "
                "mpiexec of the MPI that mpi4py has found"
            )
    except NoRanks as why:
        if number != "0":
            return UNUSABLE  # the first of them says it
        raise why from None
    return be_a_rank(network)


def be_a_rank(network: Network) -> int:
    """Do the work of a rank, and return its exit status."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    coordinator = _coordinator(network) if network.rank == 0 else None
    take_part(network)
    status = 0 if coordinator is None else coordinator.wait()
    return status if status >= 0 else 1  # a signal has ended it


def take_part(network: Network) -> None:
    """Work on the partition of a rank, until the run is over."""
    try:
        octets = network.receive(START, 0)
        setup: Setup = pickle.loads(octets)
        count = max(setup.partitions.values()) + 1
        if network.rank < count:
            peers = RankPeers(network, count)
            work(setup, network.rank, peers, _Relayed(network))
        while True:
            network.receive(START, 0)
    except EOFError:  # the run is over
        network.leave()


def _coordinator(network: Network) -> subprocess.Popen[bytes]:
    """Start the coordinator of a run: the same command, joined to this process by a pipe."""
    network.pipe, theirs = Pipe()
    number = theirs.fileno()
    child = subprocess.Popen(
        [sys.executable, "-m", "lab", *sys.argv[1:]],
        env={**os.environ, PIPE: f"{number}:{network.size}"},
        pass_fds=[number],
        start_new_session=True,
    )
    theirs.close()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, lambda number, _: child.send_signal(number))
    return child


def loaded() -> Any:
    """Return MPI, as mpi4py has it; raises :class:`NoRanks`."""
    try:
        from mpi4py import MPI
    except ModuleNotFoundError:
        raise NoRanks(sentence("--mpi requires", "mpi4py")) from None
    except (ImportError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise NoRanks(
            f"mpi4py finds no MPI ({reason}); install one, for example: pip install mpich"
        ) from None
    return MPI


class Network:
    """MPI, as one rank sees it. ``pipe`` is the way to the coordinator, in rank 0."""

    def __init__(self, mpi: Any) -> None:
        self._mpi = mpi
        self._world: MPI.Intracomm = mpi.COMM_WORLD
        self._status: MPI.Status = mpi.Status()
        self.rank, self.size = self._world.rank, self._world.size
        self.pipe: Connection | None = None
        self._arrived: dict[tuple[int, int], deque[bytes]] = defaultdict(deque)
        self._leaving: deque[tuple[MPI.Request, bytes]] = deque()
        self._is_over = False

    def send(self, to: int, tag: int, octets: bytes) -> None:
        """Send a message, without waiting until it is received."""
        if to == self.rank:
            self._take(tag, to, octets)
        else:
            request = self._world.Isend([octets, self._mpi.BYTE], to, tag)
            self._leaving.append((request, octets))

    def receive(self, tag: int, source: int) -> bytes:
        """Return the next message of a kind from a rank; raises EOFError when the run is over."""
        messages = self._arrived[tag, source]
        self._wait_for(lambda: bool(messages) or self._is_over)
        if self._is_over:
            raise EOFError
        return messages.popleft()

    def flush(self) -> None:
        """Wait until everything is sent."""
        self._wait_for(lambda: not self._leaving or self._is_over)

    def leave(self) -> None:
        """End in good order: no message is on its way when MPI ends."""
        latest = time.monotonic() + TIMEOUT
        if self.rank == 0:
            for rank in range(1, self.size):
                self.send(rank, LEAVE, b"")
        self._wait_for(lambda: not self._leaving, latest)
        if self.rank:
            self.send(0, LEFT, b"")
            self._wait_for(lambda: bool(self._arrived[GONE, 0]), latest)
            self._mpi.Finalize()
            return
        for rank in range(1, self.size):
            left = self._arrived[LEFT, rank]
            self._wait_for(lambda left=left: bool(left), latest)
        for rank in range(1, self.size):
            self.send(rank, GONE, b"")
        self._wait_for(lambda: not self._leaving, latest)
        self._mpi.Finalize()

    def _wait_for(self, is_so: Any, latest: float = 0.0) -> None:
        """Take what comes until something is so; after ``latest``, all ranks are ended."""
        looked, pause = 0, SHORTEST
        while not is_so():
            if self._look(looked):
                looked, pause = 0, SHORTEST
                continue
            looked += 1
            if looked > SPINS:
                time.sleep(pause)
                pause = min(2 * pause, LONGEST)
                if latest and time.monotonic() > latest:
                    self._world.Abort(1)

    def _look(self, looked: int) -> bool:
        """Take a message, if there is one; return whether there was."""
        while self._leaving and self._leaving[0][0].Test():
            self._leaving.popleft()
        if self._world.Iprobe(self._mpi.ANY_SOURCE, self._mpi.ANY_TAG, self._status):
            tag, source = self._status.Get_tag(), self._status.Get_source()
            room = bytearray(self._status.Get_count(self._mpi.BYTE))
            self._world.Recv([room, self._mpi.BYTE], source, tag)
            self._take(tag, source, bytes(room))
            return True
        return self.pipe is not None and looked % 8 == 0 and self._look_at(self.pipe)

    def _take(self, tag: int, source: int, octets: bytes) -> None:
        if tag == LEAVE:
            self._is_over = True
        elif tag == BATCH and self.pipe is not None:
            with suppress(OSError):  # that the coordinator has ended is seen when it is read
                self.pipe.send_bytes(marshal.dumps((source, octets)))
        else:
            self._arrived[tag, source].append(octets)

    def _look_at(self, pipe: Connection) -> bool:
        """Pass on a message of the coordinator's, if there is one."""
        try:
            if not pipe.poll():
                return False
            tag, to, octets = marshal.loads(pipe.recv_bytes())
        except (EOFError, OSError):  # it has ended
            tag, to, octets = LEAVE, 0, b""
        if tag == LEAVE:
            self._is_over, self.pipe = True, None
        for rank in range(self.size) if tag == START else [to]:
            if tag != LEAVE:
                self.send(rank, tag, octets)
        return True


class RankPeers:
    """The other partitions of a run over MPI, as one of them sees them."""

    def __init__(self, network: Network, count: int) -> None:
        self._network = network
        self._other_ranks = [number for number in range(count) if number != network.rank]

    def send(self, report: Report, outboxes: list[list[Message]]) -> None:
        """Send each partition the report and its outbox, which is emptied."""
        for number in self._other_ranks:
            self._network.send(number, WINDOW, marshal.dumps((report, outboxes[number])))
            outboxes[number] = []

    def receive(self) -> list[tuple[Report, list[Message]]]:
        """Return what each of the others has sent next."""
        return [marshal.loads(self._network.receive(WINDOW, rank)) for rank in self._other_ranks]

    def flush(self) -> None:
        """Wait until everything is sent."""
        self._network.flush()


class _Relayed:
    """A rank's way to the coordinator: by rank 0."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def send_bytes(self, octets: bytes, /) -> None:
        """Send a message to the coordinator."""
        self._network.send(0, BATCH, octets)

    def recv_bytes(self) -> bytes:
        """Return the coordinator's next answer; raises EOFError when the run is over."""
        return self._network.receive(ANSWER, 0)
