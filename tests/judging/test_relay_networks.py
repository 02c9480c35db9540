"""Whole mail programs as hosts of networks with faults: drawn ones, and those of a file."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from helpers.command_line import Command, command_in_this_process
from judging.mailers import PYTHON, edited

from lab.judging.finding import Judgement, by_cause
from lab.judging.networks.faults import Faults, why_unused
from lab.judging.networks.random_networks import network_through
from lab.judging.networks.relay_storm import judge_relay_and_storm
from lab.judging.relays.judge import AskedRelay
from lab.topology.model import FaultSpec

PLACES = ["relay", "{port}", "{next_host}", "{next_port}", "{queue}"]
NETWORK = """
[[host]]
name = "A.ARPA"
users = ["ann"]
[[host]]
name = "R.ARPA"
relay = true
[[host]]
name = "B.ARPA"
users = ["bob"]
[[link]]
between = ["A.ARPA", "R.ARPA"]
[[link]]
between = ["R.ARPA", "B.ARPA"]
[[traffic]]
count = 3
rate = "2 /s"
from = "ann@*"
to = "bob@*"
[[fault]]
kind = "link-down"
link = ["R.ARPA", "B.ARPA"]
at = "0 s"
for = "30 s"
[[fault]]
kind = "clock-skew"
host = "R.ARPA"
at = "1 s"
value = "5 min"
"""


@pytest.fixture
def lab(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    return command_in_this_process(capsys, monkeypatch)


def stormed(mailer: Path, *only: str) -> Judgement:
    command = [sys.executable, str(mailer), *PLACES]
    return judge_relay_and_storm(AskedRelay(command, only=only, timeout=4))


def rules(result: Judgement) -> list[str]:
    return [group[0].rule for group in by_cause(result.findings)]


def network(tmp_path: Path) -> str:
    path = tmp_path / "network.toml"
    path.write_text(NETWORK, encoding="utf-8")
    return str(path)


def program(mailer: Path) -> str:
    return " ".join(["R.ARPA=" + sys.executable, str(mailer), *PLACES])


def test_a_right_relay_loses_nothing_in_drawn_networks() -> None:
    result = stormed(PYTHON, "network-2", "network-4")
    assert (result.cases, rules(result)) == (["network-2", "network-4"], [])


def test_a_relay_whose_queue_does_not_survive_a_crash_is_found(tmp_path: Path) -> None:
    mailer = tmp_path / "mailer.py"
    source = edited(PYTHON, 'sorted(self.folder.glob("[0-9]*")):',
                    'sorted(self.folder.glob(f"[0-9]*-{os.getpid()}")):')  # fmt: skip
    source = source.replace(
        '-{threading.get_ident()}"\n        write(self', '-{os.getpid()}"\n        write(self'
    )
    mailer.write_text(source, encoding="utf-8")
    result = stormed(mailer, "network-4")
    assert rules(result) == ["4.1.1-12"]
    assert result.findings[0].observed == "it was lost in a crash after its 250"


def test_a_drawn_network_is_the_same_again_and_has_the_program_in_its_middle() -> None:
    users = ("Jones", "Brown")
    one, again = (network_through("BETA.ARPA", users, 3, 4) for _ in range(2))
    assert one == again
    assert one != network_through("BETA.ARPA", users, 4, 4)
    assert sum("BETA.ARPA" in (link.a, link.b) for link in one.links) >= 2


def test_faults_and_traffic_of_a_file_happen_on_real_tcp(lab: Command, tmp_path: Path) -> None:
    """A fault that a program cannot have is named."""
    done = lab("judge", "--network", network(tmp_path), "--host", program(PYTHON))
    assert done.status == 0, done.out
    assert "4 cases" in done.out
    assert "the fault clock-skew at R.ARPA is left out" in done.out


def test_a_relay_that_returns_mail_for_a_lost_link_is_found(lab: Command, tmp_path: Path) -> None:
    mailer = tmp_path / "mailer.py"
    late = edited(PYTHON, 'late = time.time() - job["since"] > GIVE_UP', "late = code == 451")
    mailer.write_text(late, encoding="utf-8")
    done = lab("judge", "--network", network(tmp_path), "--host", program(mailer), "--json")
    failed = json.loads(done.out)["failed"]
    assert {(each["rule"], each["got"]) for each in failed} == {("E-3", "returned")}
    assert done.status == 1


def faults(*specs: FaultSpec) -> Faults:
    started = Faults(specs, ["P.ARPA"], 1.0, lambda name: None, lambda name: None)
    started.begin()
    return started


def test_links_of_programs_are_cut_in_the_time_of_a_fault() -> None:
    down = faults(FaultSpec("link-down", at=0.0, duration=100.0, link=("P.ARPA", "A.ARPA")))
    assert down.is_cut("A.ARPA", "P.ARPA")
    assert not down.is_cut("P.ARPA", "B.ARPA")
    later = faults(FaultSpec("partition", at=100.0, groups=(("P.ARPA",), ("A.ARPA", "B.ARPA"))))
    assert not later.is_cut("P.ARPA", "A.ARPA")
    parted = faults(FaultSpec("partition", at=0.0, groups=(("P.ARPA",), ("A.ARPA",))))
    assert parted.is_cut("P.ARPA", "A.ARPA")
    assert not parted.is_cut("P.ARPA", "B.ARPA")
    assert faults(FaultSpec("host-down", at=0.0, host="P.ARPA")).is_cut("P.ARPA", "A.ARPA")


def test_a_hang_up_befalls_one_session_and_a_delay_all() -> None:
    link = ("P.ARPA", "A.ARPA")
    some = faults(FaultSpec("hang-up", at=0.0, link=link, after="DATA"),
                  FaultSpec("latency", at=0.0, link=link, value=0.5))  # fmt: skip
    assert [some.hang_up(*link) for _ in range(2)] == ["DATA", ""]
    assert (some.seconds("A.ARPA", "P.ARPA"), some.seconds("P.ARPA", "B.ARPA")) == (0.5, 0.0)


def test_a_program_is_killed_at_the_event_of_a_fault_and_started_again() -> None:
    done: list[str] = []
    when = {"host": "P.ARPA", "event": "accept", "nth": 2}
    crash = FaultSpec("crash", host="P.ARPA", when=when, duration=0.0)
    started = Faults([crash], ["P.ARPA"], 1.0, lambda name: done.append(f"kill {name}"),
                     lambda name: done.append(f"start {name}"))  # fmt: skip
    started.begin()
    started.note("accept", "P.ARPA")
    assert done == []
    started.note("accept", "P.ARPA")
    for timer in started.timers:
        timer.join()
    assert done == ["kill P.ARPA", "start P.ARPA"]
    started.close()


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        (FaultSpec("busy", at=0.0, host="P.ARPA"), "a program has its own storage"),
        (FaultSpec("crash", rate=0.1, host="P.ARPA"), "it must have a time"),
        (FaultSpec("loss", at=0.0, link=("P.ARPA", "A.ARPA"), value=0.1), "what programs send"),
        (FaultSpec("link-down", rate=0.1, link=("P.ARPA", "A.ARPA")), "has no time"),
        (FaultSpec("busy", at=0.0, host="A.ARPA"), ""),
        (FaultSpec("link-down", at=0.0, link=("P.ARPA", "A.ARPA")), ""),
    ],
)
def test_what_of_a_fault_does_not_happen_is_said(spec: FaultSpec, says: str) -> None:
    said = why_unused(spec, ["P.ARPA"])
    assert says in said if says else not said
