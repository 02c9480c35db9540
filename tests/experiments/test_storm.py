"""Storms: random networks, mail and faults; every run is checked, and a breach made small."""

from __future__ import annotations

import gc
import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from helpers.small_topologies import ANN_TO_BOB, TWO_HOSTS

import lab
from lab.cli import cli
from lab.experiments.storm import storm as storm_module
from lab.experiments.storm.random_networks import random_network
from lab.experiments.storm.shrink import shrink
from lab.experiments.storm.storm import Storm, run_and_check, run_storm
from lab.hosts.host import Host
from lab.simulation.simulation import Simulation
from lab.topology.model import Topology, from_dict
from lab.topology.specs import FAULT_KINDS
from lab.topology.write import to_toml
from lab.trace.rows import T
from lab.trace.trace import Trace


def test_three_hundred_storms_lose_nothing_and_break_no_rule() -> None:
    storm = Storm(seed=0, careless=False)
    for _ in run_storm(storm, 300):
        pass
    assert [(run.number, str(run.breaches[0])) for run in storm.broken] == []
    assert storm.total("lost") == 0
    assert storm.total("submitted") > 1000
    assert storm.total("returned") > 0
    assert storm.total("duplicates") > 0, "no fault fell into the window of RFC 1047"


@pytest.mark.parametrize("seed", [0, 1, 7])
def test_a_storm_of_careless_hosts_finds_a_loss_and_shrinks_it(seed: int, tmp_path: Path) -> None:
    """That nothing is lost means something only if a loss would be found."""
    command = ["storm", "--careless", "--runs", "200", "--seed", str(seed), "--json"]
    done = CliRunner().invoke(cli, [*command, "--out", str(tmp_path)])
    assert done.exit_code == 1, (done.output, done.exception)
    figures = json.loads(done.stdout)
    assert figures["runs"] == 200
    assert figures["lost"] > 0
    path = next(breach["file"] for breach in figures["breaches"] if breach["file"])
    smallest = lab.load(path)
    assert len(smallest.hosts) <= 3
    assert len(smallest.faults) == 1
    again = CliRunner().invoke(cli, ["run", path])
    assert again.exit_code == 1
    assert "no accepted mail is lost" in again.stderr
    assert "CARELESS" in again.stdout


def test_a_storm_is_the_same_from_its_seed_on_any_number_of_processes() -> None:
    storms = [Storm(3, careless=False) for _ in range(2)]
    for storm, processes in zip(storms, (1, 2), strict=True):
        for _ in run_storm(storm, 40, processes):
            pass
    assert storms[0].runs == storms[1].runs


def test_storms_have_each_kind_of_fault() -> None:
    """Those that change one reply or command are written for a session that is known; one is for
    NCP, which these networks do not have.
    """
    kinds = {fault.kind for n in range(100) for fault in random_network(0, n).faults}
    assert kinds == FAULT_KINDS.keys() - {
        "change-reply", "change-command", "one-way", "jitter", "bandwidth"
    }  # fmt: skip


def test_the_storms_of_two_seeds_differ() -> None:
    assert random_network(0, 1) != random_network(1, 1)
    assert random_network(0, 1) == random_network(0, 1)


def test_a_storm_as_a_file_is_the_same_run(tmp_path: Path) -> None:
    path = tmp_path / "storm.toml"
    for number in range(20):
        topology = random_network(5, number)
        path.write_text(to_toml(topology))
        assert lab.simulate(path).digest == run_and_check(topology)[0].digest()


def test_shrinking_keeps_what_shows_the_breach_and_nothing_else() -> None:
    """Of a large case with two faults, the one that matters is left, and two hosts."""

    def shows(topology: Topology) -> Trace | None:
        trace = run_and_check(topology)[0]
        cut = any(row[1] == "close" and "link" in str(row[6]) for row in trace.rows)
        return trace if cut else None

    whole = next(one for number in range(500) if shows(one := random_network(2, number)))
    smallest = shrink(whole, shows)
    assert shows(smallest)
    assert len(smallest.faults) == 1
    assert len(smallest.hosts) <= len(whole.hosts)
    assert len(smallest.mail) == 1


def test_the_figures_are_shown(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["storm", "--runs", "20", "--out", str(tmp_path)])
    assert done.exit_code == 0
    assert "20 runs" in done.stdout
    assert "no rule was broken" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_told_before_the_storm(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    done = CliRunner().invoke(cli, ["storm", "--runs", "5", "--out", str(file)])
    assert done.exit_code == 2


CIRCLE = """
[[host]]
name = "ONE.ARPA"
users = ["ann"]
on_251 = "redirect"
[[host]]
name = "TWO.ARPA"
[[host.forward]]
user = "bob"
to = "bob@TRE.ARPA"
[[host]]
name = "TRE.ARPA"
[[host.forward]]
user = "bob"
to = "bob@TWO.ARPA"
mode = "refer"
[[link]]
between = ["ONE.ARPA", "TWO.ARPA"]
[[link]]
between = ["ONE.ARPA", "TRE.ARPA"]
[[link]]
between = ["TWO.ARPA", "TRE.ARPA"]
[[mail]]
from = "ann@ONE.ARPA"
to = ["bob@TWO.ARPA"]
"""


@pytest.mark.rule("3.2-4")
def test_hosts_that_send_a_sender_to_each_other_are_followed_once(tmp_path: Path) -> None:
    """A 251 leads to a host whose 551 leads back: no path is followed twice, and it comes back."""
    path = tmp_path / "circle.toml"
    path.write_text(CIRCLE)
    run = lab.simulate(path, until=86400.0)
    assert run.is_settled
    led = [(e["old"], e["new"]) for e in run.trace if e.kind == "forward"]
    assert led == [("bob@TWO.ARPA", "bob@TRE.ARPA")]
    assert run.summary["returned"] == 1


def test_a_host_that_falls_at_every_try_returns_its_mail(tmp_path: Path) -> None:
    """It has no chance to fail at sending: time runs out, and the originator is told."""
    path = tmp_path / "falls.toml"
    path.write_text(
        TWO_HOSTS
        + 'latency = "10 s"\n'
        + ANN_TO_BOB
        + """
[[fault]]
kind = "host-down"
host = "ONE.ARPA"
rate = "1 /s"
for = "60 s"
[retry]
give_up = "1 h"
"""
    )
    run = lab.simulate(path, until=86400.0)
    assert run.is_settled
    assert run.summary["returned"] == 1
    assert 3600 <= run.summary["simulated_seconds"] < 4000


def test_a_host_that_two_faults_befall_is_up_when_both_are_over(tmp_path: Path) -> None:
    """What lies in the spool of a host that is down for good is queued, and no breach."""
    topology = random_network(1, 175)
    assert run_and_check(topology)[2] == []


PATIENT = {
    "host": [
        {"name": "ONE", "users": ["ann"]},
        {"name": "TWO", "reply": [{"to": "open", "octets": "421 bye\r\n", "then": "cut"}]},
    ],
    "link": [{"between": ["ONE", "TWO"]}],
    "mail": [{"from": "ann@ONE", "to": "bob@TWO"}],
    "retry": {"first": 1, "factor": 1, "give_up": "3 d"},
}


def test_a_run_that_tries_very_often_is_hurried_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mail that is tried each second for days makes a long run, and not an endless one."""
    monkeypatch.setattr(storm_module, "MOST_CALLS", 0)
    trace, account, broken = run_and_check(from_dict(PATIENT))
    assert broken == []
    assert account.summary()["returned"] == 1
    assert trace.rows[-1][T] < 86400.0


def test_a_run_that_goes_on_when_it_is_hurried_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storm_module, "MOST_CALLS", 0)
    monkeypatch.setattr(storm_module, "HURRIED_CALLS", 1)
    monkeypatch.setattr(Host, "give_up_soon", lambda *_: None)
    _, _, broken = run_and_check(from_dict(PATIENT))
    assert [breach.rule for breach in broken] == [storm_module.ENDLESS]


def test_a_run_of_a_storm_leaves_no_hosts_behind() -> None:
    """Many runs would otherwise stay in memory until Python looks for them, which takes long."""
    storm = Storm(0, False)
    gc.collect()
    gc.disable()
    try:
        list(run_storm(storm, 2, processes=1))
        left = [made for made in gc.get_objects() if type(made) is Simulation]
    finally:
        gc.enable()
    assert not left


def test_from_python_a_storm_is_blown_and_its_breach_shrunk() -> None:
    """The worst breach unless another is named; as a file it breaks the same rule again."""
    seen: list[int] = []
    storm = lab.storm(20, careless=True, progress=seen.append)
    assert seen[-1] == len(storm.runs) == 20
    assert "every host CARELESS" in repr(storm)
    smallest = storm.smallest()
    whole = storm.topology(storm.worst(1)[0].number)
    assert len(smallest.hosts) <= len(whole.hosts)
    assert lab.simulate(smallest).summary["lost"] > 0
    assert lab.lessons.from_text(smallest.to_toml()) == smallest


def test_a_storm_that_broke_nothing_has_no_smallest_case() -> None:
    storm = lab.storm(3)
    assert "no rule was broken" in repr(storm)
    with pytest.raises(ValueError, match="no rule was broken, so there is no smallest case"):
        storm.smallest()
