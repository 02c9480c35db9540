"""The tally from event to event ends where the summary of the run does."""

from __future__ import annotations

from collections import Counter

import pytest
from helpers.places import TOPOLOGIES

import lab
from lab.analysis.tallies import tally_changes

SHIPPED = sorted(
    path.relative_to(TOPOLOGIES).as_posix()
    for path in TOPOLOGIES.rglob("*.toml")
    if "experiments" not in path.parts and path.stem != "arpanet-1972"
)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_tally_ends_with_the_counts_of_the_summary(name: str) -> None:
    run = lab.simulate(TOPOLOGIES / name)
    tally = Counter[str]()
    for change in tally_changes(run.trace.rows):
        tally[change.name] += change.by
    names = ("submitted", "delivered", "returned", "rejected", "undeliverable_notifications")
    assert {each: tally[each] for each in names} == {item: run.summary[item] for item in names}


def test_each_change_is_at_the_event_that_brings_it() -> None:
    trace = lab.simulate(TOPOLOGIES / "rfc821/scenario-03.toml").trace
    changes = [(trace[n].kind, name, count) for n, name, count in tally_changes(trace.rows)]
    assert changes == [("submit", "submitted", 1), ("deliver", "delivered", 1)]
