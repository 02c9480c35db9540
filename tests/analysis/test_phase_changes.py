"""Gained and lost seconds by phase: they add up to the change of each recipient."""

from __future__ import annotations

from dataclasses import replace

import pytest
from helpers.places import TOPOLOGIES
from helpers.small_topologies import host, mail

import lab
from lab.analysis.difference_sentences import IN_PHASES, mostly, phase_sentence
from lab.analysis.differences import differences
from lab.analysis.phase_changes import PhaseChange, PhaseChanges, largest, totals
from lab.analysis.phases import PHASES
from lab.simulation.simulation import simulate
from lab.topology.model import from_dict

CAMPUS = simulate(lab.load(TOPOLOGIES / "campus.toml"))


@pytest.mark.parametrize(
    ("file", "sets"),
    [
        ("campus.toml", {"link.*.bandwidth": "4800 bit/s"}),
        ("faults/link-down.toml", {"retry.first": "7 min"}),
        ("faults/busy.toml", {"fault.0.for": "40 min"}),
        ("polling.toml", {"link.0.latency": "2 s"}),
    ],
)
def test_the_phases_add_up_to_the_change_of_each_recipient(file: str, sets: object) -> None:
    topology = lab.load(TOPOLOGIES / file)
    found = differences(simulate(topology), simulate(topology.change(sets)))  # type: ignore[arg-type]
    movers = [pair for pair in found.movers() if pair.change]
    assert movers
    for pair in movers:
        spent = sum(one.change for one in found.phase_changes(pair))
        assert spent == pytest.approx(pair.change, abs=1e-5)
    changed = [pair.change or 0.0 for pair in found.pairs]
    assert sum(found.phase_totals().values()) == pytest.approx(sum(changed), abs=1e-4)


def three_mails(bandwidth: str) -> lab.Trace:
    return simulate(from_dict({
        "host": [host("A", "ann"), host("B", "bob")],
        "link": [{"between": ["A", "B"], "latency": "1 s", "bandwidth": bandwidth}],
        "mail": [mail("ann@A", "bob@B", text="x" * 1000) for _ in range(3)],
    }))  # fmt: skip


def test_the_phase_that_did_most_is_named_with_its_cause() -> None:
    """By hand: sending is bytes by rate, and later mail waits in the spool behind the first."""
    found = differences(three_mails("1200 bit/s"), three_mails("2400 bit/s"))
    first, *_, last = sorted(found.pairs, key=lambda pair: pair.recipient.message)
    assert first.change is not None
    changes = {one.phase: one for one in found.phase_changes(first)}
    assert changes["sending"].a == pytest.approx(2 * changes["sending"].b, rel=0.15)
    assert mostly(found, first).startswith("-")
    assert " sending: " in mostly(found, first)
    assert " spool: behind mail 1 and 2 of A to B" in mostly(found, last)


def test_the_largest_change_is_one_in_the_same_direction() -> None:
    changes = [PhaseChange("spool", 9.0, 1.0, "x"), PhaseChange("line", 1.0, 4.0, "y")]
    assert largest(changes, 2.0) == changes[1]
    assert largest(changes, -2.0) == changes[0]
    assert largest(changes[:1], 2.0) is None
    assert totals([changes, changes]) == {
        **dict.fromkeys(PHASES, 0.0), "spool": -16.0, "line": 6.0,
    }  # fmt: skip


def test_a_recipient_of_one_run_alone_has_phases_there_alone() -> None:
    a = simulate(replace(lab.load(TOPOLOGIES / "campus.toml"), mail=()))
    changes = PhaseChanges(CAMPUS, a)
    one = next(iter(lab.Account(CAMPUS.rows).everyone()))
    assert changes.phases(1, None) == ()
    assert all(one.b == 0.0 for one in changes.of(one, None))
    unknown = replace(one, id="9")
    assert changes.phases(0, unknown) == ()


def test_runs_without_what_crossed_the_wire_have_no_phases() -> None:
    topology = lab.load(TOPOLOGIES / "campus.toml")
    thin = lab.simulate(topology, trace="session").trace
    other = simulate(topology.change({"link.*.latency": "1 s"}))
    found = differences(thin, other)
    assert found.phases is None
    assert (found.phase_totals(), phase_sentence(found)) == ({}, "")
    assert mostly(found, found.movers()[0]) == ""
    assert lab.diff(thin, other).recipients["spool"].isna().all()


def test_every_phase_has_words_and_the_sentence_begins_with_the_largest() -> None:
    assert tuple(IN_PHASES) == PHASES
    topology = lab.load(TOPOLOGIES / "campus.toml")
    found = differences(CAMPUS, simulate(topology.change({"link.*.bandwidth": "4800 bit/s"})))
    assert phase_sentence(found) == (
        "In all, mail in B spent 0:03:30.2 less in spools, 55 s less waiting for a line, 46.6 s "
        "less sending mail data, 8.56 s less in dialogues, 5.49 s more opening channels."
    )
    same = differences(CAMPUS, CAMPUS)
    assert phase_sentence(same) == ""


def test_tables_and_json_have_the_seconds_of_each_phase() -> None:
    topology = lab.load(TOPOLOGIES / "campus.toml")
    compared = lab.diff(CAMPUS, topology.change({"link.*.bandwidth": "4800 bit/s"}))
    table = compared.recipients
    assert (table[list(PHASES)].sum(axis=1) - table["change"]).abs().max() < 1e-5
    found = compared.as_dict()
    assert set(found["phases"]) == set(PHASES)  # type: ignore[call-overload]
    page = compared.page()
    assert page.count('class="spool"') > 4
    assert "Seconds that B took more (+) or less (-), by phase" in page
