"""A run with code of users goes on from where it stopped: that code keeps what it holds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from helpers.greylist import Greylist
from helpers.places import TOPOLOGIES

import lab
from lab import extend

CAMPUS = str(TOPOLOGIES / "campus.toml")
HUB = "HUB.CAMPUS"


class Jittered(extend.Retry):
    def delay(self, failures: int, host: str = "", peer: str = "", reason: str = "") -> float:
        return 20.0 * (0.5 + self.random.random())


class Counting(extend.Routing):
    """Looks at the load, and counts how often it was asked."""

    def begin(self) -> None:
        self.asked = 0

    def next_hop(self, host: str, target: str, avoided: frozenset[str]) -> str | None:
        self.asked += 1
        return self.network.shortest(host, target, avoided)


class Outages(extend.Fault):
    def run(self, network: extend.NetworkControl) -> Iterator[float]:
        for _ in range(3):
            yield 25.0 + 10.0 * self.random.random()
            network.happen("host-down", host=HUB, duration=3.0)


class Backlog(extend.Probe):
    kinds = ("deliver", "end")
    every = 10.0

    def event(self, event: lab.Event) -> None:
        self.add(event=event.kind, seq=event.seq)

    def sample(self) -> None:
        self.add(queued=self.network.queued(HUB))


class Unplain(extend.Probe):
    """Finds what no process can send another."""

    def result(self) -> object:
        return lambda: None


class Failing(extend.Fault):
    def run(self, network: extend.NetworkControl) -> Iterator[float]:
        yield 60.0
        raise ZeroDivisionError("at sixty")


def options() -> dict[str, Any]:
    return {
        "routing": Counting(), "retry": Jittered(), "behaviours": {HUB: Greylist(5.0)},
        "faults": [Outages()], "probes": [Backlog()],
    }  # fmt: skip


WHOLE = lab.simulate(CAMPUS, **options())
ROWS = WHOLE.findings()["Backlog"]


@pytest.fixture
def run() -> lab.Run:
    return lab.simulate(CAMPUS, until=30, **options())


def test_a_run_that_goes_on_is_as_one_that_never_stopped(run: lab.Run) -> None:
    """The first time, in a copy of the process, and in a copy of that."""
    assert run.continue_().digest == WHOLE.digest
    branch = run.continue_(until=45)
    last = branch.continue_()
    assert last.digest == WHOLE.digest
    assert last.findings()["Backlog"] == ROWS
    assert last.trace.meta["plugins"] == WHOLE.trace.meta["plugins"]


def test_a_probe_sees_the_end_of_each_run_and_no_other(run: lab.Run) -> None:
    went_on = [run.continue_(until=45), run.continue_(until=45)]
    for each in (run, *went_on, WHOLE):
        rows = each.probes["Backlog"]
        ends = rows[rows.event == "end"]
        assert list(ends.seq) == [len(each.trace) - 1]
    assert len(run.probes["Backlog"]) < len(went_on[0].probes["Backlog"])


def test_the_run_is_made_again_where_processes_cannot_be_copied(
    run: lab.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "fork")
    crash = lab.Fault("crash", host=HUB, duration=10.0)
    once, twice = run.continue_(faults=[crash]), run.continue_(faults=[crash])
    assert once.digest == twice.digest != WHOLE.digest
    assert once.findings() == twice.findings()


def test_code_that_fails_later_leaves_the_run_so_far() -> None:
    """In this process and in that of a branch."""
    run = lab.simulate(CAMPUS, until=30, faults=[Failing()])
    for _ in range(2):
        with pytest.raises(
            lab.RunFailed, match=r"the fault Failing failed in run.*at sixty"
        ) as why:
            run.continue_()
        assert why.value.run.ending == "failed"
        assert why.value.run.trace.last <= 60
    with pytest.raises(lab.RunFailed, match="at sixty"):
        lab.simulate(CAMPUS, faults=[Failing()])


def test_what_a_branch_cannot_send_is_told() -> None:
    run = lab.simulate(CAMPUS, until=30, probes=[Unplain()])
    assert callable(run.continue_().findings()["Unplain"])
    with pytest.raises(lab.RunFailed, match="return plain data from result"):
        run.continue_()


def test_a_probe_that_cannot_be_copied_by_now_is_asked_itself() -> None:
    class Holds(extend.Probe):
        kinds = ("end",)

        def begin(self) -> None:
            self.add(held=1)
            self.generator_of_rows = (row for row in self.rows)  # which cannot be copied

        def event(self, event: lab.Event) -> None:
            self.add(held=2)

    run = lab.simulate(CAMPUS, until=30, probes=[Holds()])
    assert run.findings()["Holds"] == [{"t": 0.0, "held": 1}]
    assert [row["held"] for row in run.continue_().probes["Holds"].to_dict("records")] == [1, 2]


def test_code_of_users_is_not_added_to_a_run_that_has_begun(run: lab.Run) -> None:
    with pytest.raises(TypeError, match=r"lab\.Fault"):
        run.continue_(faults=[Outages()])  # type: ignore[list-item]
