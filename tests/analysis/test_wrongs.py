"""What went wrong in a run as a whole, and the text alternative of pictures."""

from __future__ import annotations

import pytest
from helpers.places import TOPOLOGIES
from helpers.small_topologies import host, mail

import lab
from lab.analysis.alternatives import alternative, map_alternative
from lab.analysis.wrongs import unmet, wrongs
from lab.topology.model import from_dict
from lab.trace.trace import Trace
from lab.views import PICTURES

CARELESS = lab.simulate(TOPOLOGIES / "faults/careless.toml")
CRASH = lab.simulate(TOPOLOGIES / "faults/crash.toml")


def test_lost_mail_is_told_with_its_time_and_doubled_mail_with_its_number() -> None:
    found = wrongs(CARELESS.trace)
    assert [number for number, _ in found.lost] == [2]
    assert found.lost[0][1] == pytest.approx(found.breaches[0].t)
    assert found.sentences() == [f"rule broken at 11.805 s: {CARELESS.breaches[0]}"]
    assert wrongs(CRASH.trace).twice == ((2, 2), (3, 2))
    assert not wrongs(CRASH.trace).sentences()


def test_an_expectation_that_is_not_met_is_told_from_the_trace_alone() -> None:
    run = lab.simulate(CARELESS.topology.change({"expect": {"delivered": 3}}))
    assert wrongs(run.trace).unmet == tuple(run.unmet())
    assert run.digest == CARELESS.digest  # what a file expects is no part of what happened
    assert unmet({"lost": 0}, {"lost": 0}) == []


def test_a_trace_with_too_little_in_it_is_not_judged() -> None:
    run = lab.simulate(TOPOLOGIES / "faults/careless.toml", trace="delivery")
    assert wrongs(run.trace).lost
    assert not wrongs(run.trace).breaches
    none = lab.simulate(TOPOLOGIES / "faults/careless.toml", trace="none")
    assert not wrongs(none.trace).lost


@pytest.mark.parametrize("kind", [*PICTURES, "film"])
def test_the_alternative_of_each_kind_of_picture_has_what_went_wrong(kind: str) -> None:
    text = alternative(CARELESS.trace, kind)
    assert text.startswith(kind.capitalize())
    assert "no accepted mail is lost" in text
    assert "3 recipients in 0:01:25.443: 2 delivered, 1 LOST." in text
    assert "crash at BBN-RELAY.ARPA from 11.805 s to 41.805 s" in text
    assert "Delivered TWICE: message 2, 3." in alternative(CRASH.trace, kind)


def test_an_alternative_names_what_the_picture_shows() -> None:
    campus = lab.simulate(TOPOLOGIES / "campus.toml").trace
    assert "Message 1 to galois@DORM.CAMPUS: delivered after 35.5 s." in alternative(
        campus, "timeline"
    )
    assert "Longest queues: HUB.CAMPUS" in alternative(campus, "queues")
    assert "the median waited" in alternative(campus, "latency")
    assert "sessions." in alternative(campus, "ladder")
    assert "Busiest: HUB.CAMPUS to DORM.CAMPUS 8" in alternative(campus, "utilisation")
    assert "5 links" in map_alternative(campus.meta) or "4 links" in map_alternative(campus.meta)


def test_alternatives_of_a_run_without_mail_links_and_names() -> None:
    silent = lab.simulate(from_dict({"host": [host("A", "ann")]})).trace
    assert "no mail" in alternative(silent, "timeline")
    assert "No mail ever waited." in alternative(silent, "queues")
    assert "No link has a bandwidth." in alternative(silent, "utilisation")
    assert "median" not in alternative(silent, "latency")
    assert (
        map_alternative({}) == "Map: hosts, links and the ways that mail took. no hosts; 0 links."
    )
    assert alternative(Trace(), "map").startswith("Map")


def test_an_alternative_counts_what_it_has_no_room_for() -> None:
    faults = [{"kind": "crash", "host": "A", "at": f"{n} s"} for n in range(9)]
    run = lab.simulate(from_dict({
        "host": [host("A", "ann"), host("B", "bob")], "link": [{"between": ["A", "B"]}],
        "mail": [mail("ann@A", "bob@B", at="20 s")], "fault": faults,
    }))  # fmt: skip
    assert "and 3 more" in alternative(run.trace, "timeline")
