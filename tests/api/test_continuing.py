"""A run goes on from where it stopped, as if it had never stopped, as often as wanted."""

from __future__ import annotations

import copy
import gc
import os
import pickle
import socket
from pathlib import Path
from typing import Any

import pytest
from helpers.places import TOPOLOGIES
from hypothesis import given, settings
from hypothesis import strategies as st

import lab
from lab.api import continuing
from lab.api.continuing import Here
from lab.api.run_file import described, read_run_file, write_run_file
from lab.api.simulate import make_run
from lab.simulation.simulation import Simulation

CAMPUS = str(TOPOLOGIES / "campus.toml")
SHIP = [
    *sorted((TOPOLOGIES / "rfc821").glob("*.toml")),
    *sorted((TOPOLOGIES / "faults").glob("*.toml")),
    TOPOLOGIES / "campus.toml",
    TOPOLOGIES / "polling.toml",
    TOPOLOGIES / "satellite.toml",
    TOPOLOGIES / "two-environments.toml",
]
HOST = next(iter(lab.load(CAMPUS).hosts))
WHOLE = lab.simulate(CAMPUS)


@pytest.mark.parametrize("path", SHIP, ids=lambda path: path.stem)
def test_a_run_that_goes_on_has_the_digest_of_one_that_never_stopped(path: Path) -> None:
    whole = lab.simulate(path)
    times = sorted({row[0] for row in whole.trace.rows})
    for at in {times[len(times) // 3], times[len(times) // 2] + 0.001}:
        run = lab.simulate(path, until=at)
        if run.is_settled:
            continue
        assert run.continue_().digest == whole.digest  # this simulation
        branch = run.continue_(until=at + 1.0)  # a copy of it
        assert branch.continue_().digest == whole.digest  # and a copy of the copy
        assert run.trace.last == at


@settings(max_examples=6, deadline=None)
@given(st.data())
def test_faults_that_are_added_are_as_those_of_a_file(data: st.DataObject) -> None:
    at = data.draw(st.floats(0.0, 95.0, allow_nan=False), "stopped at")
    hosts, links = list(WHOLE.topology.hosts), WHOLE.topology.links
    faults = []
    for _ in range(data.draw(st.integers(1, 2), "faults")):
        begins = at + data.draw(st.sampled_from([0.0, 0.1, 3.0, 20.0]))
        common: dict[str, Any] = {"at": begins, "duration": data.draw(st.sampled_from([1.0, 30.0]))}
        kind = data.draw(st.sampled_from(["crash", "host-down", "busy", "loss", "link-down"]))
        if kind in ("loss", "link-down"):
            link = data.draw(st.sampled_from(links))
            common |= {"link": (link.a, link.b)} | ({"value": 0.3} if kind == "loss" else {})
        else:
            common["host"] = data.draw(st.sampled_from(hosts))
        faults.append(lab.Fault(kind, **common))
    run = lab.simulate(CAMPUS, until=at)
    first, second = run.continue_(faults=faults), run.continue_(faults=faults)
    whole = lab.simulate(CAMPUS, faults=faults)
    assert first.digest == second.digest == whole.digest
    assert first.topology.faults == whole.topology.faults
    assert run.continue_().digest == WHOLE.digest


def test_a_hang_up_cuts_a_session_that_is_open_already() -> None:
    case = TOPOLOGIES / "rfc821/scenario-03.toml"
    opened = next(event.t for event in lab.simulate(case).trace if event.kind == "open")
    fault = lab.Fault("hang-up", link=("MIT-AI.ARPA", "USC-ISIE.ARPA"), after="DATA", at=opened)
    run = lab.simulate(case, until=opened + 0.001)
    late = lab.Fault("hang-up", link=("MIT-AI.ARPA", "USC-ISIE.ARPA"), after="DATA")
    assert run.continue_(faults=[late]).trace.count(["close"]) == 3
    assert lab.simulate(case, faults=[fault]).trace.count(["close"]) == 3


def test_a_fault_that_waits_for_an_event_waits_from_now_on(tmp_path: Path) -> None:
    run = lab.simulate(CAMPUS, until=40)
    waits = lab.Fault("crash", host=HOST, when={"event": "deliver"}, duration=10.0)
    reply = lab.Fault("crash", host=HOST, when={"event": "reply", "code": 354}, duration=10.0)
    for fault in (waits, reply):
        went_on = run.continue_(faults=[fault])
        begins = [event.t for event in went_on.trace if event.kind == "fault"]
        assert len(begins) == 2
        assert begins[0] >= 40
    content = described(went_on.topology, went_on.trace, went_on.digest, 9, legs=went_on.legs)
    with open(tmp_path / "run.json", "w", encoding="utf-8") as file:
        write_run_file(content, file)
    kept = read_run_file(tmp_path)
    assert kept.legs == went_on.legs == ((40.0, len(run.trace) - 1, 1),)
    made_again = make_run(kept.topology, kept.seed, kept.until, legs=kept.legs)
    assert made_again.digest == went_on.digest


def test_a_run_that_was_cut_off_goes_on() -> None:
    run = lab.simulate(CAMPUS, max_events=200)
    assert run.continue_(max_events=300).ending == "max-events"
    assert run.continue_().digest == WHOLE.digest
    assert run.continue_(until="60 s").continue_().digest == WHOLE.digest


def test_a_run_that_has_settled_goes_on_to_the_same_end() -> None:
    assert WHOLE.continue_().digest == WHOLE.digest
    fault = lab.Fault("crash", host=HOST, at=500.0)
    went_on = WHOLE.continue_(faults=[fault])
    assert went_on.digest == lab.simulate(CAMPUS, faults=[fault]).digest
    assert went_on.topology.faults == (fault,)


@pytest.mark.parametrize("copied", [copy.copy, lambda run: pickle.loads(pickle.dumps(run))])
def test_a_copy_of_a_run_goes_on_too(copied: Any) -> None:
    run = copied(lab.simulate(CAMPUS, until=30))
    assert run.continue_().digest == run.continue_().digest == WHOLE.digest


def test_without_copies_of_the_process_the_run_is_made_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = lab.simulate(CAMPUS, until=30)
    crash = lab.Fault("crash", host=HOST, duration=10.0)
    monkeypatch.delattr(os, "fork")
    once, twice = run.continue_(faults=[crash]), run.continue_(faults=[crash])
    assert once.digest == twice.digest != WHOLE.digest
    stopped = run.continue_(until=45, faults=[crash])
    assert stopped.continue_().digest == stopped.continue_().digest == once.digest


def test_a_branch_tells_its_progress_and_keeps_its_limits() -> None:
    run = lab.simulate(CAMPUS, until=30)
    run.continue_()
    told: list[int] = []
    branch = run.continue_(progress=told.append, max_events=300)
    assert told
    assert branch.ending == "max-events"


def simulations() -> int:
    """Return how many there are in this process. (Compiled objects take no weak references.)"""
    gc.collect()
    return sum(type(each) is Simulation for each in gc.get_objects())


def test_a_run_that_is_dropped_leaves_no_simulation_and_no_process() -> None:
    run = lab.simulate(CAMPUS, until=30)
    went_on = run.continue_(until=40)
    state = went_on._state
    assert isinstance(state, Here)
    there = simulations()
    del state, went_on
    assert simulations() == there - 1
    state = run._state
    assert isinstance(state, Here)
    assert state._branches is not None
    with socket.socket(fileno=os.dup(state._branches._requests)) as requests:
        requests.settimeout(60)
        del run, state
        assert requests.getpeername() == ""  # somebody is there


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"until": 20}, "until must be 30 or more, where this run has stopped, not 20"),
    ({"until": "x"}, "until: 'x' is not a quantity"),
    ({"faults": [lab.Fault("crash", host=HOST, at=10.0)]},
     "faults[0].at must be 30 or more, because the run has come to 30.000 s, not 10"),
    ({"faults": [lab.Fault("crash", host="NOBODY")]}, "there is no host 'NOBODY'"),
    ({"faults": [lab.Fault("change-reply", host=HOST, session=1, number=1, line="250 OK")]},
     "faults[0]: change-reply cannot be added to a run that has begun"),
    ({"max_events": 0}, "max_events must be 1 or more, not 0"),
]  # fmt: skip


@pytest.mark.parametrize(("wrong", "sentence"), REFUSED)
def test_what_cannot_be_is_told_in_one_sentence(wrong: dict[str, Any], sentence: str) -> None:
    run = lab.simulate(CAMPUS, until=30)
    with pytest.raises((ValueError, lab.TopologyError)) as refused:
        run.continue_(**wrong)
    assert sentence in str(refused.value)
    assert run.continue_().digest == WHOLE.digest


@pytest.mark.parametrize("options", [{"trace": "session"}, {"store": "stored"}])
def test_a_run_whose_state_is_not_kept_says_so(
    options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = lab.simulate(CAMPUS, until=30, **options)
    with pytest.raises(ValueError, match="this run cannot go on, because its state was not kept"):
        run.continue_()


def test_a_paused_run_may_outlive_the_names_of_its_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """When Python ends, they are None; a warning about it would be an error here."""
    run = lab.simulate(CAMPUS, until=1.0)
    monkeypatch.setattr(continuing, "sys", None)
    del run
    gc.collect()
