"""Faults that change a link: bandwidth and jitter, one direction, one of several, periodically."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

import lab
from lab.topology.model import from_dict


def topology(*faults: dict[str, Any], links: Any = (), **more: Any) -> lab.Topology:
    hosts = [{"name": name, "users": ["u"]} for name in "AB"]
    link = {"between": ["A", "B"], "latency": "100 ms"}
    mail = [{"from": "u@A", "to": "u@B", "text": "Hello.", "at": at} for at in (1, 11, 21)]
    return from_dict(
        {"host": hosts, "link": [link, *links], "mail": mail, "fault": list(faults)} | more
    )


def trips(run: lab.Run, kind: str = "command") -> list[tuple[float, float]]:
    """Return when each command was sent, and how long it took."""
    return [
        (event["sent"], round(event.t - event["sent"], 6))
        for event in run.trace
        if event.kind == kind
    ]


def fault(kind: str, value: object, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "link": ["A", "B"], "value": value, "at": 10, "for": 9} | more


def test_a_bandwidth_fault_slows_the_link_while_it_lasts() -> None:
    """HELO A is 8 bytes, and 40 of TCP and IP: 0.384 s at 1000 bit/s, and 0.1 s of latency."""
    first = [took for sent, took in trips(lab.simulate(topology(fault("bandwidth", 1000))))]
    assert first.count(0.484) == 1
    assert first.count(0.1) > 2


def test_a_jitter_fault_adds_up_to_its_value() -> None:
    run = lab.simulate(topology(fault("jitter", "2 s")))
    during = [took for sent, took in trips(run) if 10 <= sent < 19]
    assert len({*during}) >= 3
    assert all(0.1 <= took <= 2.1 for took in during)
    assert {took for sent, took in trips(run) if sent < 10 or sent > 21} == {0.1}


def test_losses_of_a_fault_that_begins_within_a_session_are_recorded() -> None:
    """What a chunk is late by is the sum of the delays of its losses, each of them a row."""
    mail = [{"from": "u@A", "to": "u@B", "text": "Hello.", "at": 10}]
    run = lab.simulate(topology(fault("loss", 0.6, at=10.35, **{"for": 60}), mail=mail))
    begun = next(event.t for event in run.trace if event.kind == "open")
    assert begun < 10.35
    losses = [event for event in run.trace if event.kind == "loss"]
    late = sum(took - 0.1 for kind in ("command", "reply", "data") for _, took in trips(run, kind))
    assert late > 0
    assert sum(event["delay"] for event in losses) == pytest.approx(late)


@pytest.mark.parametrize(("direction", "there", "back"), [("there", 1.0, 0.1), ("back", 0.1, 1.0)])
def test_a_fault_changes_one_direction(direction: str, there: float, back: float) -> None:
    run = lab.simulate(topology(fault("latency", "1 s", direction=direction)))
    assert {took for sent, took in trips(run) if 10 <= sent < 18} == {there}
    assert {took for sent, took in trips(run, "reply") if 10 <= sent < 18} == {back}
    (begin, _) = [event for event in run.trace if event.kind == "fault"]
    assert begin["what"] == f"1, {direction}"


def test_a_fault_has_one_of_several_links_down() -> None:
    """The other carries the mail: at once where the first was down before a channel opened."""
    other = {"between": ["A", "B"], "latency": "300 ms", "name": "satellite"}
    down = {"kind": "link-down", "link": ["A", "B"], "at": 10, "for": 9, "name": ""}
    run = lab.simulate(topology(down, links=[other]))
    assert {took for sent, took in trips(run) if 10 <= sent < 19} == {0.3}
    assert {took for sent, took in trips(run) if sent < 10 or sent > 21} == {0.1}
    also = lab.simulate(topology(down | {"name": "satellite"}, links=[other]))
    assert {took for _, took in trips(also)} == {0.1}


def test_a_periodic_fault_comes_again_until_all_mail_is_settled() -> None:
    run = lab.simulate(topology(fault("latency", "1 s", at=0.5, **{"for": 3, "every": 10})))
    times = [(event.t, event["on"]) for event in run.trace if event.kind == "fault"]
    assert times == [
        (0.5, True), (3.5, False), (10.5, True), (13.5, False), (20.5, True), (23.5, False),
    ]  # fmt: skip


def test_a_bandwidth_fault_over_several_processes_is_the_same() -> None:
    hosts = [{"name": name, "users": ["u"], "relay": True} for name in "ABCD"]
    links = [{"between": list(ends), "latency": "1 s"} for ends in ("AB", "BC", "CD")]
    faults = [
        {"kind": "bandwidth", "link": ["B", "C"], "value": 9600, "at": 1, "for": 2, "every": 5},
        {"kind": "jitter", "link": ["B", "C"], "value": 3, "at": 2, "for": 9, "direction": "back"},
    ]
    network = from_dict({
        "host": hosts, "link": links, "fault": faults, "traffic": [{"count": 60, "rate": "200 /s"}],
    })  # fmt: skip
    assert lab.simulate(network).digest == lab.simulate(network, processes=2).digest


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"name": "sattelite"}, "no link between the two has the name 'sattelite'"),
        ({"every": 5}, "it lasts longer than the time from one to the next; write 5 or less"),
        ({"for": None, "every": 5}, "every requires for, so that the fault is over before"),
        ({"at": None, "rate": "1 /h", "every": 50}, "a fault happens again only after a time"),
        ({"direction": "forth"}, "'forth' is not one of both, there, back"),
    ],
)
def test_what_does_not_fit_is_said(change: dict[str, Any], sentence: str) -> None:
    table = {key: each for key, each in (fault("loss", 0.5) | change).items() if each is not None}
    with pytest.raises(lab.TopologyError, match=sentence):
        topology(table)


def test_a_crash_may_come_again_without_an_end() -> None:
    crash = {"kind": "crash", "host": "B", "at": 5, "every": 10}
    run = lab.simulate(topology(crash))
    assert [event.t for event in run.trace if event.kind == "fault"] == [5.0, 15.0]


def test_a_fault_that_is_written_to_a_file_is_read_as_it_was() -> None:
    table = fault("latency", "1 s", direction="there", name="", every=20)
    made = topology(table)
    assert from_dict(tomllib.loads(made.to_toml())).faults == made.faults
