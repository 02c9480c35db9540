"""Limits of a run: where it is looked at, and the reason for which it must end."""

from __future__ import annotations

import time

import pytest

from lab.simulation.limits import MAX_EVENTS, MAX_SECONDS, UNLIMITED, Limits
from lab.simulation.simulation import Simulation, simulate
from lab.topology.model import from_dict

MEMBERS = [f"u{number}" for number in range(50)]
LIST_OF_FIFTY = {
    "host": [
        {"name": "A", "users": ["ann"]},
        {
            "name": "B",
            "users": MEMBERS,
            "list": [{"name": "all", "members": [f"{user}@B" for user in MEMBERS]}],
        },
    ],
    "link": [{"between": ["A", "B"]}],
    "mail": [{"from": "ann@A", "to": "all@B"}],
}


def test_without_a_limit_a_run_goes_on() -> None:
    assert not UNLIMITED.is_set
    assert UNLIMITED.started().reached(10**9) == ""
    assert UNLIMITED.seconds_left is None


@pytest.mark.parametrize("most", range(1, 60, 7))
def test_no_step_is_made_after_the_one_that_records_the_last_event(most: int) -> None:
    """Mail for a list of fifty, of which one step records fifty events and more."""
    topology = from_dict(LIST_OF_FIFTY)
    simulation = Simulation(topology)
    simulation.begin()
    while simulation.events < most:
        simulation.env.run_some(1, 1e9)
    limited = Simulation(topology)
    limited.begin()
    assert limited.advance(limits=Limits(most)) == MAX_EVENTS
    assert most <= limited.events == simulation.events


@pytest.mark.parametrize("most", range(1, 60, 7))
def test_a_run_that_is_made_again_ends_exactly_where_it_ended(most: int) -> None:
    whole = simulate(from_dict(LIST_OF_FIFTY))
    limited = Simulation(from_dict(LIST_OF_FIFTY))
    limited.begin()
    assert limited.advance(limits=Limits(most, ending="interrupted")) == "interrupted"
    assert limited.trace.rows == whole.rows[:most]


def test_a_run_that_is_made_again_may_have_ended_with_its_last_event() -> None:
    """Somebody interrupted it after that, and before it knew that nothing was left to do."""
    events = len(simulate(from_dict(LIST_OF_FIFTY))) - 1
    limited = Simulation(from_dict(LIST_OF_FIFTY))
    limited.begin()
    assert limited.advance(limits=Limits(events, ending="interrupted")) == "interrupted"


@pytest.mark.parametrize(("events", "reason"), [(99, ""), (100, MAX_EVENTS), (101, MAX_EVENTS)])
def test_a_run_ends_at_its_last_event(events: int, reason: str) -> None:
    assert Limits(max_events=100).started().reached(events) == reason


def test_a_run_ends_when_its_seconds_are_over() -> None:
    limits = Limits(max_seconds=1000.0).started()
    assert limits.reached(0) == ""
    over = limits._replace(begun=time.monotonic() - 1000)
    assert over.seconds_left is not None
    assert over.seconds_left <= 0
    assert over.reached(0) == MAX_SECONDS
