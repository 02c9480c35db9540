"""Faults that are added to a simulation while a session is open."""

from __future__ import annotations

from typing import Any

import pytest
from helpers.small_topologies import host, mail

import lab
from lab.simulation.simulation import Simulation
from lab.topology.model import FaultSpec, from_dict

LINK = ("A", "B")


def stopped_within_a_session() -> Simulation:
    """One in which A has sent HELO to B, half a second before."""
    simulation = Simulation(
        from_dict(
            {
                "environment": [{"name": "net", "transport": "ncp"}],
                "host": [host("A", "ann"), host("B", "bob")],
                "link": [{"between": [*LINK], "latency": 0.5}],
                "mail": [mail("ann@A", "bob@B")],
                "retry": {"first": 120},
            }
        ),
        may_go_on=True,
    )
    simulation.begin()
    sent: list[Any] = []
    time = 0.0
    while not sent:
        time += 0.25
        simulation.advance(time)
        sent = [row for row in simulation.trace.rows if row[1] == "command"]
    assert len(sent) == 1
    return simulation


def ends_of_sessions(simulation: Simulation) -> list[str]:
    simulation.run()
    run = lab.Run(simulation.world.topology, simulation.trace)
    assert run.summary["delivered"] == 1
    return [event["reason"] for event in run.trace if event.kind == "close"]


def test_without_a_fault_the_session_ends_in_good_order() -> None:
    assert ends_of_sessions(stopped_within_a_session()) == ["quit"]


@pytest.mark.parametrize(
    "fault",
    [
        FaultSpec("hang-up", link=LINK, after="DATA"),
        FaultSpec("one-way", link=LINK, duration=60.0),
        FaultSpec("crash", host="B", when={"event": "reply", "code": 354}, duration=60.0),
    ],
    ids=lambda fault: fault.kind,
)  # fmt: skip
def test_an_open_session_has_the_faults_that_are_added(fault: FaultSpec) -> None:
    """Each looks at what crosses, is put into it, and ends it before its QUIT."""
    simulation = stopped_within_a_session()
    simulation.add_faults([fault])
    first, *_, last = ends_of_sessions(simulation)
    assert first != "quit"
    assert last == "quit"
