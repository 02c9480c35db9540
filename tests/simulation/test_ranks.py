"""A run over MPI is the run that one process would make, and outlives its ranks."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import deque
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner
from helpers.partitions_in_threads import setup_in_turn
from helpers.places import ROOT

import lab
from lab.cli import cli
from lab.simulation.partitioned import ranks
from lab.simulation.partitioned.coordinator import Coordinator, WorkerLost
from lab.simulation.partitioned.ranks import Network, NoRanks, Ranks, take_part
from lab.topology.model import Topology, from_dict
from lab.trace.retention import Retention

BUSY = {
    "generate": {"kind": "barabasi_albert_graph", "n": 12, "m": 2},
    "defaults": {"host": {"relay": True, "users": ["ann"]}, "link": {"latency": "200 ms"}},
    "traffic": [{"count": 60, "rate": "30 /s"}],
}
LONG = """
[generate]
kind = "barabasi_albert_graph"
n = 30
m = 2
[defaults]
host = { relay = true, users = ["ann"] }
link = { latency = "500 ms" }
[[traffic]]
count = 40000
rate = "400 /s"
"""


# -- ranks as threads, with an MPI of their own


class Mail:
    """What stands in for mpi4py in one rank: messages are put into the other's queue."""

    BYTE = ANY_SOURCE = ANY_TAG = -1

    def __init__(self, rank: int, queues: list[deque[tuple[int, int, bytes]]]) -> None:
        self.COMM_WORLD = self
        self.rank, self.size = rank, len(queues)
        self.queues = queues
        self.finalized = self.aborted = False

    def Status(self) -> Mail:
        return self

    def Isend(self, buffer: list[Any], to: int, tag: int) -> Mail:
        self.queues[to].append((tag, self.rank, bytes(buffer[0])))
        return self

    def Test(self) -> bool:
        return True

    def Iprobe(self, *_: object) -> bool:
        return bool(self.queues[self.rank])

    def Get_tag(self) -> int:
        return self.queues[self.rank][0][0]

    def Get_source(self) -> int:
        return self.queues[self.rank][0][1]

    def Get_count(self, _: int) -> int:
        return len(self.queues[self.rank][0][2])

    def Recv(self, buffer: list[Any], *_: object) -> None:
        buffer[0][:] = self.queues[self.rank].popleft()[2]

    def Abort(self, _: int) -> None:
        self.aborted = True
        raise SystemExit

    def Finalize(self) -> None:
        self.finalized = True


class Threads:
    """Ranks in threads, and the pipe to the first of them."""

    def __init__(self, count: int) -> None:
        self.pipe, theirs = Pipe()
        queues: list[deque[tuple[int, int, bytes]]] = [deque() for _ in range(count)]
        self.mails = [Mail(rank, queues) for rank in range(count)]
        networks = [Network(mail) for mail in self.mails]
        networks[0].pipe = theirs
        self.threads = [Thread(target=take_part, args=(each,)) for each in networks]
        for thread in self.threads:
            thread.start()
        self._theirs: Connection = theirs

    def end(self) -> None:
        self.pipe.close()
        for thread in self.threads:
            thread.join(60)
        self._theirs.close()
        assert all(mail.finalized for mail in self.mails)


def over(topology: Topology, count: int, partitions: int) -> lab.Run:
    """A run of so many partitions over so many ranks."""
    setup = setup_in_turn(topology, partitions)
    threads = Threads(count)
    try:
        start = Ranks(threads.pipe, count)
        shared = Coordinator(setup, Retention("wire", in_memory=True), start=start)
        return lab.Run(topology, shared.run(), shared)
    finally:
        threads.end()


@pytest.mark.parametrize(("count", "partitions"), [(2, 2), (4, 3), (3, 1)])
def test_ranks_make_the_run_that_one_process_would(count: int, partitions: int) -> None:
    """Event by event; a rank that has no partition waits for the end of the run."""
    topology = from_dict(BUSY, seed=0)
    made = over(topology, count, partitions)
    one = lab.simulate(topology)
    assert made.trace.rows == one.trace.rows
    assert made.digest == one.digest
    assert made.summary == one.summary


def test_ranks_end_if_there_is_no_run() -> None:
    """As where the file of the topology has problems."""
    Threads(3).end()


def test_a_rank_that_is_not_heard_from_any_more_ends_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranks, "TIMEOUT", 0.05)
    mail = Mail(0, [deque(), deque()])
    network = Network(mail)
    with pytest.raises(SystemExit):
        network.leave()
    assert mail.aborted


def test_the_end_of_rank_0_is_a_sentence() -> None:
    ours, theirs = Pipe()
    setup = setup_in_turn(from_dict(BUSY, seed=0), 2)
    shared = Coordinator(setup, Retention("wire", in_memory=True), start=Ranks(ours, 2))
    theirs.close()
    with pytest.raises(WorkerLost, match="one of the 2 ranks ended before its time"):
        shared.run()
    ours.close()


@pytest.mark.parametrize(
    ("options", "note"),
    [
        ((), "one process would be faster: its parts would have to meet every 100 ms"),
        (
            ("--set", "link.0.latency=0", "--set", "link.1.latency=0"),
            "one process makes this run: its hosts cannot be parted",
        ),
    ],
)
def test_a_note_says_what_one_process_does_better(
    options: tuple[str, ...], note: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ranks share the hosts although they are slower; not those that cannot be parted."""
    threads = Threads(2)
    monkeypatch.setattr(ranks, "ranks_of_this_run", lambda: Ranks(threads.pipe, 2))
    path = ROOT / "topologies" / "rfc821" / "scenario-03.toml"
    done = CliRunner().invoke(cli, ["run", str(path), "--json", "--mpi", *options])
    threads.end()
    assert done.exit_code == 0, done.output
    assert note in done.stderr
    assert json.loads(done.stdout)["delivered"] == 1


# -- what cannot be


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for names in ranks.LAUNCHED.items():
        for name in names:
            monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("alone")
def test_without_mpiexec_a_sentence_says_how() -> None:
    done = CliRunner().invoke(cli, ["run", "x.toml", "--mpi"])
    assert done.exit_code == 2
    assert (
        done.stderr == f"lab: --mpi requires that mpiexec starts it; for example {ranks.EXAMPLE}\n"
    )


def test_processes_and_mpi_exclude_each_other() -> None:
    done = CliRunner().invoke(cli, ["run", "x.toml", "--mpi", "--processes", "2"])
    assert done.exit_code == 2
    assert "--mpi and --processes exclude each other" in done.stderr


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize(
    ("module", "sentence"),
    [
        (None, r"requires mpi4py, which is not installed; run: pip install 'smtp-lab\[cluster\]'"),
        (SimpleNamespace(), r"finds no MPI \(cannot import name 'MPI'.*pip install mpich"),
        (SimpleNamespace(MPI=Mail(0, [deque()])), "2 processes were started, but mpi4py sees each"),
    ],
)
def test_without_mpi_the_first_rank_says_so(
    module: Any, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others end without a word."""
    monkeypatch.setitem(sys.modules, "mpi4py", module)
    monkeypatch.setenv("PMI_SIZE", "2")
    monkeypatch.setenv("PMI_RANK", "0")
    with pytest.raises(NoRanks, match=sentence):
        ranks.ranks_of_this_run()
    monkeypatch.setenv("PMI_RANK", "1")
    assert ranks.ranks_of_this_run() == ranks.UNUSABLE


# -- with an MPI


def mpi() -> tuple[str, dict[str, str]] | None:
    """The mpiexec of this installation, and the environment for it."""
    beside = Path(sys.prefix) / "bin"
    found = shutil.which("mpiexec", path=f"{beside}{os.pathsep}{os.environ.get('PATH', '')}")
    if found is None or importlib.util.find_spec("mpi4py") is None:
        return None
    environment = {
        **os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    }  # fmt: skip
    for library in (Path(found).parent.parent / "lib").glob("libmpi.so.*"):  # of a wheel
        environment["MPI4PY_LIBMPI"] = str(library)
    return found, environment


needs_mpi = pytest.mark.skipif(
    mpi() is None, reason="neither mpiexec nor mpi4py: pip install mpich"
)


def started(count: int, *words: object) -> subprocess.Popen[str]:
    installed = mpi()
    assert installed is not None
    command = [installed[0], "-n", str(count), sys.executable, "-m", "lab", "run"]
    return subprocess.Popen(
        [*command, *map(str, words), "--mpi"], env=installed[1], cwd=ROOT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


@needs_mpi
@pytest.mark.parametrize("count", [2, 4])
def test_mpiexec_gives_the_same_digest(count: int) -> None:
    path = ROOT / "topologies" / "rfc821" / "scenario-03.toml"
    run = started(count, path, "--json")
    out, err = run.communicate(timeout=300)
    assert run.returncode == 0, err
    assert json.loads(out)["digest"] == lab.simulate(path).digest


@needs_mpi
def test_a_problem_of_the_file_is_said_once() -> None:
    run = started(2, "nowhere.toml")
    out, err = run.communicate(timeout=300)
    assert run.returncode == 2
    assert out == ""
    assert err.count("lab: nowhere.toml: there is no such file") == 1


@needs_mpi
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="ranks are found in /proc")
def test_a_rank_that_dies_leaves_what_was_done(tmp_path: Path) -> None:
    """A sentence, and the figures of the run until then."""
    path = tmp_path / "long.toml"
    path.write_text(LONG)
    run = started(2, path, "--json", "--trace", "none")
    victim = rank_of(run.pid, path)
    while cpu_seconds(victim) < 2.5:
        time.sleep(0.05)
    os.kill(victim, signal.SIGKILL)
    out, err = run.communicate(timeout=300)
    assert run.returncode != 0
    assert "lab: one of the 2 ranks ended before its time, and the run with it\n" in err
    summary, _ = json.JSONDecoder().raw_decode(out)  # mpiexec may add words of its own
    assert 0 < summary["delivered"] < summary["submitted"]
    assert summary["ending"] == "interrupted"


def rank_of(mpiexec: int, path: Path) -> int:
    """The process of the second rank, as soon as it is there."""
    marks = (b"PMI_RANK=1", b"OMPI_COMM_WORLD_RANK=1")
    while True:
        for process in Path("/proc").glob("[0-9]*"):
            try:
                words = (process / "cmdline").read_bytes().split(b"\0")
                variables = (process / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if os.fsencode(path) in words and any(mark in variables for mark in marks):
                return int(process.name)
        time.sleep(0.05)


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
