"""A run may be given a limit of events and one of time, and then ends in good order."""

from __future__ import annotations

import json
from pathlib import Path

import numpy
import pytest
from click.testing import CliRunner
from helpers.places import TOPOLOGIES

import lab
from lab.api.simulate import make_run
from lab.cli import cli
from lab.simulation.limits import Limits

CAMPUS = str(TOPOLOGIES / "campus.toml")


def busy(count: int = 20_000) -> lab.Topology:
    import networkx

    return lab.Topology.from_graph(
        networkx.path_graph(3),
        defaults={"host": {"relay": True, "users": ["ann"]}, "link": {"latency": "2 s"}},
        traffic=[{"count": count, "rate": "100 /s"}],
    )


@pytest.mark.parametrize("events", [1, 2, 50, 333])
def test_a_run_ends_as_soon_as_it_has_so_many_events(events: int) -> None:
    whole = lab.simulate(CAMPUS)
    run = lab.simulate(CAMPUS, max_events=events)
    assert run.ending == "max-events"
    assert events < len(run.trace) <= events + 20
    assert run.trace.rows[:-1] == whole.trace.rows[: len(run.trace) - 1]
    assert run.breaches == []
    summary = run.summary
    assert "as many events as it was allowed" in summary["cut_off"]
    assert summary["lost"] == 0
    outcomes = ("delivered", "returned", "rejected", "queued", "undeliverable_notifications")
    assert summary["submitted"] == sum(summary[name] for name in outcomes)  # type: ignore[literal-required]


def test_a_limit_that_is_not_reached_changes_nothing() -> None:
    whole = lab.simulate(CAMPUS)
    limited = lab.simulate(CAMPUS, max_events=len(whole.trace), max_seconds="1 h")
    assert limited.ending == "settled"
    assert limited.digest == whole.digest
    assert limited.summary["cut_off"] == ""


@pytest.mark.parametrize("trace", ["session", "none"])
def test_the_limit_counts_events_that_are_not_kept_too(trace: str, tmp_path: Path) -> None:
    run = lab.simulate(CAMPUS, max_events=200, trace=trace)
    assert run.digest == lab.simulate(CAMPUS, max_events=200).digest
    assert len(run.trace) < 200
    run.save(tmp_path)
    assert json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))["max_events"] >= 200


def test_a_run_that_takes_too_long_is_cut_off() -> None:
    run = lab.simulate(busy(), max_seconds=numpy.float32(0.001))
    assert run.ending == "max-seconds"
    assert "as long as it was allowed" in run.summary["cut_off"]
    assert 0 < run.summary["submitted"] < 20_000


def test_a_run_on_several_processes_that_takes_too_long_is_cut_off() -> None:
    run = lab.simulate(busy(10_000), processes=2, max_seconds=0)
    assert run.ending == "max-seconds"
    assert run.summary["queued"] > 0
    assert run.breaches == []
    alone = make_run(busy(10_000), limits=Limits(len(run.trace) - 1, ending=run.ending))
    assert alone.digest == run.digest


def test_events_are_counted_in_one_process() -> None:
    with pytest.warns(UserWarning, match="a limit of events is counted in one process"):
        run = lab.simulate(CAMPUS, processes=2, max_events=100)
    assert run.digest == lab.simulate(CAMPUS, max_events=100).digest


def test_the_command_leaves_all_artefacts_and_says_why_it_stopped(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        cli, ["run", CAMPUS, "--max-events", "300", "--out", str(tmp_path), "--json"]
    )
    assert result.exit_code == 0, result.output
    assert "(--max-events)" in result.stderr
    summary = json.loads(result.stdout)
    assert summary["ending"] == "max-events"
    names = {path.name for path in tmp_path.iterdir()}
    assert {"summary.json", "trace.jsonl", "replay.html", "capture.pcap", "run.json"} <= names
    again = CliRunner().invoke(cli, ["run", str(tmp_path)])
    assert again.exit_code == 0, again.output
    assert "has the same digest" in again.stdout


def test_the_table_says_that_a_run_was_cut_off() -> None:
    result = CliRunner().invoke(cli, ["run", CAMPUS, "--max-events", "300"])
    assert "the run was cut off, because it had as many events as it was allowed" in result.stdout


@pytest.mark.parametrize("option", [["--max-events", "0"], ["--max-seconds", "-1 s"]])
def test_a_limit_that_makes_no_sense_is_refused(option: list[str]) -> None:
    result = CliRunner().invoke(cli, ["run", CAMPUS, *option])
    assert result.exit_code == 2
