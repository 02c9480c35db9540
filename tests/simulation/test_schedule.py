"""What a topology file has planned, put on the clock of a driver made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from lab.hosts.control import HostControl
from lab.protocol import Path
from lab.simulation.any_session import AnySession
from lab.simulation.driver import Driver
from lab.simulation.faults import Faults
from lab.simulation.numbering import RunNumbering
from lab.simulation.schedule import Schedule
from lab.simulation.world import World
from lab.topology.model import PollSpec, ScriptSpec, from_dict
from lab.trace.trace import Trace

PLAN: dict[str, Any] = {
    "host": [{"name": "A", "users": ["ann"]}, {"name": "B", "users": ["bob"]}],
    "link": [{"between": ["A", "B"]}],
    "mail": [
        {"at": "5 s", "from": "bob@B", "to": ["ann@A"], "text": "second"},
        {"at": "2 s", "from": "ann@A", "to": ["bob@B"], "text": "first"},
    ],
    "script": [{"at": "5 s", "from": "A", "to": "B", "lines": ["QUIT"]}],
    "poll": [{"at": "1 s", "every": "3 s", "times": 2, "from": "A", "to": "B"}],
}


class HandHost(HostControl):
    """A host that notes what is handed in."""

    has_work = has_queued_mail = False

    def __init__(self, driver: HandDriver, name: str) -> None:
        super().__init__(driver.topology.hosts[name], driver.record)
        self.driver = driver

    def submit(
        self,
        now: float,
        message: int,
        sender: Path,
        to: Sequence[Path],
        mail_data: bytes,
        verb: str = "MAIL",
    ) -> None:
        self.driver.done.append((now, f"mail {message} of {sender.bare}"))

    def resume(self, now: float) -> None:
        self.driver.done.append((now, f"{self.name} resumes"))


class HandDriver(Driver):
    """A driver that notes what is due; it runs the hosts ``here``."""

    is_idle = False

    def __init__(self, faults: Faults, here: str = "AB") -> None:
        trace = Trace()
        numbering, interceptions = RunNumbering(), faults.interceptions
        super().__init__(World(from_dict(PLAN)), trace, trace.record, numbering, interceptions)
        faults.attach(self)
        self.here = here
        self.done: list[tuple[float, str]] = []
        self.hosts = {name: HandHost(self, name) for name in "AB"}

    def is_here(self, host: str) -> bool:
        return host in self.here

    def host_control(self, name: str) -> HostControl:
        return self.hosts[name]

    def register(self, session: AnySession) -> None:
        raise AssertionError("nothing opens sessions here")

    def run_script(self, script: ScriptSpec) -> None:
        self.done.append((self.env.now, f"script of {script.sender}"))

    def poll(self, poll: PollSpec) -> None:
        self.done.append((self.env.now, f"poll by {poll.sender}"))


@pytest.fixture
def faults() -> Faults:
    return Faults([])


def test_all_that_is_planned_comes_at_its_time_and_mail_before_scripts(faults: Faults) -> None:
    driver = HandDriver(faults)
    schedule = Schedule(driver, faults)
    schedule.begin()
    assert not schedule.is_over
    driver.env.run_out()
    assert driver.done == [
        (1.0, "poll by A"),
        (2.0, "mail 1 of ann@A"),
        (4.0, "poll by A"),
        (5.0, "mail 2 of bob@B"),
        (5.0, "script of A"),
    ]
    assert schedule.is_over


def test_what_other_processes_hosts_have_planned_is_left_to_them(faults: Faults) -> None:
    driver = HandDriver(faults, here="B")
    schedule = Schedule(driver, faults)
    schedule.begin()
    driver.env.run_out()
    assert driver.done == [(5.0, "mail 1 of bob@B")]
    assert schedule.is_over


def test_mail_of_a_host_that_is_down_is_handed_in_when_it_is_up(faults: Faults) -> None:
    driver = HandDriver(faults)
    Schedule(driver, faults).begin()
    host = driver.host_control("B")
    faults.take_down(host, crashed=False)
    driver.env.run_to(6.0)
    assert (5.0, "mail 2 of bob@B") not in driver.done
    faults.bring_up(host)
    assert driver.done[-2:] == [(6.0, "mail 2 of bob@B"), (6.0, "B resumes")]


def test_a_host_that_two_faults_have_down_stays_down_after_one(faults: Faults) -> None:
    driver = HandDriver(faults)
    host = driver.host_control("A")
    faults.take_down(host, crashed=False)
    faults.take_down(host, crashed=True)
    faults.bring_up(host)
    assert faults.obstacle("A", "B") == "A is down"
    assert driver.done == []
    faults.bring_up(host)
    assert faults.obstacle("A", "B") is None
    assert driver.done == [(0.0, "A resumes")]


def test_nothing_planned_happens_after_the_run(faults: Faults) -> None:
    driver = HandDriver(faults)
    schedule = Schedule(driver, faults)
    schedule.close()
    with pytest.raises(AssertionError, match="the run is over"):
        schedule.begin()
