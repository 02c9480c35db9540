"""``lab why``, and the verdict of ``lab run``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers.command_line import Command, is_one_sentence
from helpers.places import TOPOLOGIES

import lab as public

DOWN = str(TOPOLOGIES / "faults/link-down.toml")


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the trace of a run, and one that was recorded without the wire."""
    folder = tmp_path_factory.mktemp("traces")
    run = public.simulate(DOWN)
    with open(folder / "trace.jsonl", "w", encoding="utf-8") as file:
        run.trace.write_jsonl(file)
    with open(folder / "thin.jsonl", "w", encoding="utf-8") as file:
        public.simulate(DOWN, trace="session").trace.write_jsonl(file)
    return folder


def test_it_prints_a_line_for_each_phase_of_each_recipient(lab: Command, traces: Path) -> None:
    done = lab("why", str(traces), "--message", "2")
    heading, *lines = done.out.splitlines()
    assert (done.status, done.err) == (0, "")
    assert heading.startswith("message 2 to jon@UCLA.ARPA: delivered after 0:10:07.9, 99 % of it")
    run = public.simulate(DOWN)
    assert len(lines) == len(run.why(2).recipients[0].phases)
    assert "link down at HARVARD.ARPA-BBN-RELAY.ARPA" in done.out


def test_it_prints_the_phases_as_json(lab: Command, traces: Path) -> None:
    wanted = json.loads(json.dumps(public.simulate(DOWN).why(2).as_dict()))
    for path in (traces / "trace.jsonl", traces):
        done = lab("why", str(path), "--message", "2", "--json")
        assert (done.status, done.err) == (0, "")
        assert json.loads(done.out) == wanted
    assert wanted["message"] == 2
    (recipient,) = wanted["recipients"]
    assert {"recipient", "outcome", "phases"} <= recipient.keys()
    first, *_, last = recipient["phases"]
    assert {"phase", "host", "peer", "begin", "end", "because"} <= first.keys()
    assert (first["begin"], last["end"]) == (recipient["submitted_at"], recipient["settled_at"])


def test_without_a_number_it_is_the_message_that_took_longest(lab: Command, traces: Path) -> None:
    done = lab("why", str(traces))
    assert done.out.startswith("message 2 to jon@UCLA.ARPA: delivered after 0:10:07.9")


def test_a_message_that_is_not_there_is_refused_in_a_sentence(lab: Command, traces: Path) -> None:
    done = lab("why", str(traces), "--message", "99")
    assert (done.status, done.out) == (2, "")
    assert is_one_sentence(done.err)
    assert "there is no message 99 in this run; they are 1 to 5" in done.err


def test_a_trace_without_the_wire_says_what_is_missing(lab: Command, traces: Path) -> None:
    done = lab("why", str(traces / "thin.jsonl"), "--message", "1")
    assert (done.status, done.out) == (2, "")
    assert "requires --trace wire; this run was recorded with --trace session" in done.err


def test_a_run_prints_its_verdict(lab: Command) -> None:
    verdict = public.simulate(DOWN).verdict
    assert verdict in lab("run", DOWN).out
    assert json.loads(lab("run", DOWN, "--json").out)["verdict"] == verdict
    assert "verdict " not in lab("run", DOWN, "--trace", "session").out
