"""A run that several processes share is the run that one would make."""

from __future__ import annotations

import gc
import json
import math
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import active_children
from pathlib import Path
from random import Random
from typing import Any

import pytest
from click.testing import CliRunner, Result
from helpers.garbage import only_new_objects
from helpers.partitions_in_threads import in_parts, threads  # noqa: F401
from helpers.places import ROOT
from helpers.small_topologies import chain, host, mail, relay

import lab
from lab.analysis.invariants import form as rules
from lab.analysis.invariants import replies
from lab.cli import cli
from lab.cli import run as run_command
from lab.hosts.receiving import ReceivingSession
from lab.network.connection import Connection
from lab.simulation.partitioned import windows
from lab.simulation.partitioned import worker as process
from lab.simulation.partitioned.coordinator import Coordinator
from lab.simulation.partitioned.planning import partitioned
from lab.simulation.partitioned.remote import (
    CalledConnection,
    CallingConnection,
    RemoteReceiverEnd,
    RemoteReceiverSession,
)
from lab.simulation.receiver_end import LocalReceiverEnd
from lab.simulation.session import Session
from lab.simulation.simulation import Simulation
from lab.topology.model import Topology, from_dict
from lab.topology.specs import FAULT_KINDS
from lab.trace.digests import digest
from lab.trace.trace import Trace

UUCP = ROOT.parent / "shared" / "data" / "uucp-map" / "uucp-edges-1988-12-31.txt"
SHIPPED = [
    path
    for path in sorted((ROOT / "topologies").rglob("*.toml"))
    if path.parent.name != "experiments"
]
ANN, JOE = "ann@A.ARPA", "joe@B.ARPA"

LINKS: list[dict[str, Any]] = [
    {},
    {"latency": "30 ms", "jitter": "20 ms"},
    {"latency": "30 ms", "bandwidth": "9600 bit/s"},
    {"latency": "20 ms", "bandwidth": "56 kbit/s", "jitter": "5 ms", "loss": 0.05},
]
IMPATIENT = {
    "command": "200 ms", "opening": "150 ms", "data": "300 ms", "mail_data": "1 s", "block": "0 s",
}  # fmt: skip
HOSTS: list[dict[str, Any]] = [
    {},
    {"store": "200 ms"},
    {"timeouts": IMPATIENT},
    {"limits": {"sessions": 2}},
    {"careless": True},
]
CHANGES = {"change-reply", "change-command", "one-way"}
"""Faults that are not drawn at random: they name a session, or are for NCP only."""
KINDS = [kind for kind in FAULT_KINDS if kind not in CHANGES]

BUSY: dict[str, Any] = {
    "generate": {"kind": "barabasi_albert_graph", "n": 30, "m": 2},
    "defaults": {"host": {"relay": True, "users": ["ann"]}, "link": {"latency": "100 ms"}},
    "traffic": [{"count": 400, "rate": "100 /s"}],
    "fault": [{"kind": "crash", "host": "*", "rate": "20 /min", "for": "2 s"}],
}


def a_fault(draw: Random, names: list[str], links: list[list[str]]) -> dict[str, Any]:
    kind = draw.choice(KINDS)
    fault: dict[str, Any] = {"kind": kind, "at": round(draw.random() * 15, 3)}
    if kind == "hang-up":
        return fault | {"link": draw.choice(links)}
    fault["for"] = round(draw.random() * 20, 3)
    requires = FAULT_KINDS[kind].requires
    if "groups" in requires:
        mixed = draw.sample(names, len(names))
        cut = draw.randrange(1, len(names))
        fault["groups"] = [mixed[:cut], mixed[cut:]]
    elif "link" in requires:
        fault["link"] = draw.choice(links)
    else:
        fault["host"] = draw.choice(names)
    values = {
        "loss": 0.3, "latency": "300 ms", "clock-skew": "-5 min", "jitter": "50 ms",
        "bandwidth": "9600 bit/s",
    }  # fmt: skip
    if "value" in requires:
        fault["value"] = values[kind]
    if draw.random() < 0.25:
        del fault["at"]
        fault |= {"rate": "3 /min", "for": "4 s"}
    return fault


def at_random(seed: int) -> tuple[Topology, dict[str, int], float | None]:
    """A random topology with faults, its hosts in two or three parts at random, and an end."""
    draw = Random(f"parts {seed}")
    size = draw.choice([6, 10, 20])
    tables: dict[str, Any] = {
        "generate": {"kind": "barabasi_albert_graph", "n": size, "m": 2},
        "defaults": {
            "host": {"relay": True, "users": ["ann", "bob"], **draw.choice(HOSTS)},
            "link": draw.choice(LINKS),
        },
        "environment": [{"name": "net", "transport": draw.choice(["tcp", "ncp", "nits", "x25"])}],
        "retry": {"first": "5 s", "give_up": "60 s"},
        "traffic": [{"count": 60, "rate": "5 /s", "size": "700 B"}],
    }
    calm = from_dict(tables, seed=seed)
    names, links = list(calm.hosts), [[link.a, link.b] for link in calm.links]
    faults = [a_fault(draw, names, links) for _ in range(draw.choice([2, 4, 8]))]
    topology = from_dict(tables | {"fault": faults}, seed=seed)
    count = draw.choice([2, 3])
    parts = {name: rank % count if rank < count else draw.randrange(count)
             for rank, name in enumerate(names)}  # fmt: skip
    return topology, parts, draw.choice([None, None, 20.0])


def lab_run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lab", "run", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


def compared(shared: Coordinator, one: lab.Run) -> None:
    """The run in parts is the other one, event by event, and all that is made of it is the same."""
    many = lab.Run(shared.topology, shared.run(), shared)
    assert many.trace.rows == one.trace.rows
    assert many.digest == one.digest
    assert many.summary == one.summary
    assert many.breaches == one.breaches


@pytest.mark.usefixtures("threads")
@pytest.mark.turns("random topologies in parts", 3)
@pytest.mark.parametrize("seed", range(24))
def test_a_random_topology_with_faults_runs_the_same_in_parts(seed: int) -> None:
    topology, parts, until = at_random(seed)
    one = lab.simulate(topology, seed=seed, until=until)
    compared(in_parts(topology, parts, seed, until), one)


@pytest.mark.usefixtures("threads")
@pytest.mark.turns("topologies that ship in parts", 2)
@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_topology_that_ships_runs_the_same_in_parts(path: Path) -> None:
    topology = lab.load(path)
    if any(fault.when or fault.session is not None for fault in topology.faults):
        pytest.skip("one of its faults can be seen by one process alone")
    if any(host.replies for host in topology.hosts.values()):
        pytest.skip("scripted replies can be followed by one process alone")
    partition = partitioned(topology, 2)
    if partition.count < 2:
        pytest.skip("it cannot be parted")
    compared(in_parts(topology, partition.partitions, 0), lab.simulate(topology))


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("at", [0.9, 1.3, 2.05, 3.3, 4.75, 6.1])
def test_hosts_that_shut_down_say_421_to_hosts_of_another_part(at: float) -> None:
    """Whatever is on its way to them, also mail that is being stored."""
    names = "ABCD"
    ways = ("AB", "AD", "DB", "CB", "BD", "AC") * 4
    tables = {
        "host": [
            {"name": name, "users": ["u"], "relay": True, "store": 0.4 if name == "B" else 0}
            for name in names
        ],
        "link": [{"between": [*pair], "latency": "300 ms"} for pair in ("AB", "BC", "CD")],
        "mail": [
            {"from": f"u@{a}", "to": f"u@{b}", "at": number * 0.7}
            for number, (a, b) in enumerate(ways)
        ],
        "fault": [
            {"kind": "host-down", "host": "B", "at": at, "for": "7 s"},
            {"kind": "host-down", "host": "C", "at": at + 3.1, "for": "9 s"},
        ],
        "retry": {"first": "20 s", "give_up": "1 h"},
    }
    topology = from_dict(tables)
    one = lab.simulate(topology)
    assert any(event.kind == "reply" and event["code"] == 421 for event in one.trace)
    assert (one.summary["delivered"], one.summary["duplicates"], one.breaches) == (24, 0, [])
    for parts in ({"A": 0, "B": 1, "C": 0, "D": 1}, {"A": 0, "B": 1, "C": 2, "D": 2}):
        compared(in_parts(topology, parts, 0), one)


OF_A_SESSION = (
    Session, RemoteReceiverSession, Connection, CallingConnection, CalledConnection,
    LocalReceiverEnd, RemoteReceiverEnd, ReceivingSession,
)  # fmt: skip


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("seed", [5, 6, 7, 18, 23])
def test_a_session_that_is_over_is_let_go_of_at_once(seed: int) -> None:
    """None lies about until the collector of cycles comes by, which takes time to find it."""
    topology, parts, _ = at_random(seed)
    with only_new_objects():
        one = Simulation(topology, seed)
        one.begin()
        one.run()
        whole = in_parts(topology, parts, seed)
        whole.run()
        kinds = {type(it) for it in gc.get_objects()}
        left = {kind.__name__ for kind in kinds if str(kind.__module__).startswith("lab.")}
    assert any(row[1] == "attempt" for row in one.trace.rows)
    assert "PartitionSimulation" in left, "these are known to be cycles"
    assert not left & {each.__name__ for each in OF_A_SESSION}


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("level", ["session", "delivery", "none"])
def test_account_digest_and_rules_are_the_same_whatever_is_kept(level: str) -> None:
    topology, parts, until = at_random(11)
    one = lab.simulate(topology, seed=11, until=until, trace=level)
    compared(in_parts(topology, parts, 11, until, level), one)


@pytest.mark.usefixtures("threads")
def test_what_breaks_a_rule_is_told_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rules that no host keeps: 550 to every RCPT, and no time stamp line above the text."""
    monkeypatch.setitem(replies._ROWS, b"RCPT", frozenset([b"550"]))
    monkeypatch.setattr(rules, "stamps_above", lambda octets, text, begin=0: 0)
    topology, parts, until = at_random(3)
    one = lab.simulate(topology, seed=3, until=until)
    assert {breach.rule for breach in one.breaches} >= {
        "no reply outside 4.3's table", "a time stamp line for each host",
    }  # fmt: skip
    compared(in_parts(topology, parts, 3, until), one)


@pytest.mark.usefixtures("threads")
def test_mail_that_careless_hosts_lose_is_lost_the_same() -> None:
    defaults = {"relay": True, "users": ["ann"], "careless": True, "store": "2 s"}
    topology = from_dict(BUSY | {"defaults": {"host": defaults, "link": {"latency": "100 ms"}}})
    one = lab.simulate(topology)
    assert one.summary["lost"]
    assert one.breaches
    parts = {name: rank % 2 for rank, name in enumerate(topology.hosts)}
    compared(in_parts(topology, parts, 0), one)


@pytest.mark.usefixtures("threads")
def test_large_mail_both_ways_at_once_does_not_stop_the_parts() -> None:
    """More than a pipe holds is on its way to each of two parts in one window."""
    hosts = [host("A.ARPA", "ann"), host("B.ARPA", "joe")]
    mails = [mail(a, b, text=f"{'x' * 60}\n" * 40_000) for a, b in 5 * [(ANN, JOE), (JOE, ANN)]]
    tables = {"host": hosts, "link": chain(*hosts), "mail": mails}
    topology = from_dict(tables)
    compared(in_parts(topology, {"A.ARPA": 0, "B.ARPA": 1}, 0), lab.simulate(topology))


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("most", [1, 50])
def test_a_window_in_which_much_happens_is_cut_short(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two pairs of hosts that no link joins could go to the end at once: nothing would be sent."""
    monkeypatch.setattr(windows, "MOST_ROWS", most)
    monkeypatch.setattr(process, "BATCH", most)
    hosts = [relay(f"{each}.ARPA", "ann") for each in "ABCD"]
    links = [*chain(*hosts[:2]), *chain(*hosts[2:])]
    traffic = [
        {"count": 60, "rate": "9 /s", "from": f"*@{a}.ARPA", "to": f"*@{b}.ARPA"}
        for a, b in ("AB", "CD")
    ]
    topology = from_dict({"host": hosts, "link": links, "traffic": traffic})
    shared = in_parts(topology, {"A.ARPA": 0, "B.ARPA": 0, "C.ARPA": 1, "D.ARPA": 1}, 0)
    assert shared.setup.lookahead == math.inf
    batches: list[int] = []
    keep = shared.retention.keep
    monkeypatch.setattr(
        shared.retention, "keep", lambda rows: (batches.append(len(rows)), keep(rows))
    )
    compared(shared, lab.simulate(topology))
    assert len(batches) > 10


@pytest.mark.usefixtures("threads")
def test_a_part_without_mail_waits_for_the_others() -> None:
    hosts = [relay("A.ARPA", "ann"), relay("B.ARPA", "joe"), relay("C.ARPA"), relay("D.ARPA")]
    tables = {"host": hosts, "link": chain(*hosts), "mail": [mail(ANN, JOE)]}
    topology = from_dict(tables)
    parts = {"A.ARPA": 0, "B.ARPA": 0, "C.ARPA": 1, "D.ARPA": 2}
    compared(in_parts(topology, parts, 0), lab.simulate(topology))


# -- processes ------------------------------------------------------------------------------------


@pytest.fixture
def busy(tmp_path: Path) -> Path:
    """A file of a topology that is worth sharing out."""
    path = tmp_path / "busy.toml"
    path.write_text(from_dict(BUSY).to_toml())
    return path


def test_processes_make_the_run_that_one_would(tmp_path: Path, busy: Path) -> None:
    made = {}
    for processes in (1, 2, 3):
        out = tmp_path / str(processes)
        done = lab_run(busy, "--seed", 4, "--processes", processes, "--out", out, "--transcript")
        assert done.stderr == ""
        files = {
            path.relative_to(out): path.read_bytes() for path in out.rglob("*") if path.is_file()
        }
        made[processes] = done.stdout.replace(str(out), "OUT"), files
    assert made[2] == made[1]
    assert made[3] == made[1]


def test_simulate_takes_processes(busy: Path) -> None:
    one = lab.simulate(busy, seed=2)
    two = lab.simulate(busy, seed=2, processes=2, trace="none")
    assert (two.digest, two.summary, two.breaches) == (one.digest, one.summary, one.breaches)
    assert two.trace.level == "none"


def test_more_events_than_memory_is_for_go_to_a_store(
    tmp_path: Path, busy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lab.trace.retention.MAX_ROWS_IN_MEMORY", 5_000)
    topology = lab.load(busy)
    two = lab.simulate(topology, processes=2, store=tmp_path / "store")
    assert two.trace.folder == tmp_path / "store"
    assert digest(two.trace.rows) == two.digest == lab.simulate(topology).digest


@pytest.mark.skipif(not UUCP.exists(), reason="the map of UUCP does not lie beside the repository")
def test_the_uucp_map_of_1988_runs_the_same_in_parts(tmp_path: Path) -> None:
    file = tmp_path / "uucp.toml"
    file.write_text(
        f"graph = {str(UUCP)!r}\n"
        "[defaults.host]\nrelay = true\nusers = ['root']\n"
        "[defaults.link]\nlatency = '1 s'\n"
        "[[traffic]]\ncount = 100\nrate = '100 /s'\nroute = 'source'\n"
    )
    topology = lab.load(file)
    one, two = (lab.simulate(topology, processes=processes) for processes in (1, 2))
    assert two.digest == one.digest


# -- where one has to do it all -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"defaults": {"link": {"latency": "0 s"}}}, "cannot be parted"),
        ({"traffic": [{"count": 9, "rate": "1 /min"}]}, "would have to meet every 10 ms"),
        (
            {"fault": [{"kind": "crash", "host": "B.ARPA", "when": {"event": "accept"}}]},
            "fault 0 waits for an event",
        ),
        (
            {"fault": [{"kind": "change-reply", "host": "B.ARPA", "session": 1, "number": 1,
                        "line": "421 No"}]},
            "fault 0 names a session",
        ),
        (
            {"script": [{"at": "1 s", "from": "A.ARPA", "to": "B.ARPA", "lines": ["QUIT"]}]},
            "cannot be parted",
        ),
    ],
)  # fmt: skip
def test_where_processes_cannot_help_one_makes_the_run_and_a_sentence_says_why(
    tmp_path: Path, more: dict[str, Any], why: str
) -> None:
    hosts = [relay("A.ARPA", "ann"), relay("B.ARPA", "joe")]
    tables = {"host": hosts, "link": chain(*hosts), "traffic": [{"count": 9, "rate": "9 /s"}]}
    topology = from_dict(tables | more)
    with pytest.warns(UserWarning, match=f"^one process makes this run: .*{why}"):
        shared = lab.simulate(topology, processes=2)
    assert shared.digest == lab.simulate(topology).digest
    path = tmp_path / "a.toml"
    path.write_text(topology.to_toml())
    done = lab_run(path, "--processes", 2)
    assert re.fullmatch(f"lab: note: one process makes this run: .*{why}.*\n", done.stderr)


# -- ends before the end --------------------------------------------------------------------------

LONG = ["--set", "traffic.0.count=1000000", "--set", "traffic.0.rate=100 /s"]


@pytest.fixture
def long_run(
    busy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Callable[[], None]], tuple[Result, Trace]]:
    """What comes of a long run in which something happens once it has begun to be gathered."""

    def run(happens: Callable[[], None]) -> tuple[Result, Trace]:
        @contextmanager
        def progress_bar(total: int, quiet: bool) -> Iterator[Callable[[int], None]]:
            yield lambda messages: happens()

        monkeypatch.setattr(run_command, "progress_bar", progress_bar)
        arguments = [busy, *LONG, "--processes", 2, "--out", tmp_path / "out", "--quiet"]
        done = CliRunner().invoke(cli, ["run", *map(str, arguments)])
        return done, Trace.read_jsonl(tmp_path / "out" / "trace.jsonl")

    return run


def test_an_interrupted_run_ends_where_all_parts_are_at_one_time(
    tmp_path: Path,
    long_run: Callable[[Callable[[], None]], tuple[Result, Trace]],
) -> None:
    done, trace = long_run(lambda: os.kill(os.getpid(), signal.SIGINT))
    last_line = json.loads((tmp_path / "out" / "trace.jsonl").read_text().splitlines()[-1])
    assert done.exit_code == 130
    assert re.fullmatch(r"lab: interrupted at [\d:.]+( s)? of simulated time\n", done.stderr)
    assert trace[-1]["reason"] == "interrupted"
    assert last_line["digest"] == digest(trace.rows)
    assert trace.count(["submit"]) > 100


def test_when_a_part_is_killed_the_run_says_so_and_keeps_what_has_come(
    tmp_path: Path,
    long_run: Callable[[Callable[[], None]], tuple[Result, Trace]],
) -> None:
    done, trace = long_run(lambda: active_children()[0].kill())
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert done.exit_code == 1
    assert re.fullmatch(
        r"lab: the process of part \d ended before its time\n"
        r"lab: given up at [\d:.]+( s)? of simulated time\n",
        done.stderr,
    )
    assert trace[-1]["reason"] == "interrupted"
    assert trace.count(["submit"]) > 100
    assert summary["sessions"] == trace.count(["open"])
    assert summary["delivered"] + summary["duplicates"] == trace.count(["deliver"])
    assert summary["delivered"] + summary["queued"] == trace.count(["submit"])
