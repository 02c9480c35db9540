"""Traces on disk and levels of detail: what is kept, and that nothing else depends on it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pandas
import pytest
from helpers.places import TOPOLOGIES

import lab
from lab.analysis import streaming
from lab.trace import parquet
from lab.trace.digests import digest
from lab.trace.parquet import LEVELS, open_trace
from lab.trace.trace import KINDS
from lab.views import NEEDS

SHOWN = ["campus.toml", "faults/duplicate-window.toml", "faults/routing-loop.toml", "polling.toml"]


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is longer than a few events goes to a store, in small parts."""
    monkeypatch.setattr(streaming, "LONGEST", 50)
    monkeypatch.setattr(parquet, "PART", 100)
    monkeypatch.setattr(parquet, "GROUP", 30)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", SHOWN)
def test_summary_digest_and_breaches_do_not_depend_on_how_much_is_recorded(
    name: str, level: str
) -> None:
    whole = lab.simulate(TOPOLOGIES / name)
    run = lab.simulate(TOPOLOGIES / name, trace=level)
    assert run.summary == whole.summary
    assert run.digest == whole.digest
    assert run.breaches == whole.breaches
    kinds = {row[1] for row in run.trace.rows}
    assert kinds == {row[1] for row in whole.trace.rows} & LEVELS[level]


@pytest.mark.parametrize("name", SHOWN)
def test_a_stored_trace_is_the_trace(name: str, small_parts: None, tmp_path: Path) -> None:
    whole = lab.simulate(TOPOLOGIES / name).trace
    kept = lab.simulate(TOPOLOGIES / name, store=tmp_path / "trace.parquet").trace
    assert kept.folder == tmp_path / "trace.parquet"
    assert len(list(kept.folder.glob("*.parquet"))) > 1
    assert list(kept.rows) == whole.rows
    assert len(kept) == len(whole)
    for seq in (0, 1, 49, 50, -1, len(whole) // 2):
        assert kept.rows[seq] == whole.rows[seq]
        assert kept[seq] == whole[seq]
    assert kept.rows[20:120:7] == whole.rows[20:120:7]
    with pytest.raises(IndexError):
        kept.rows[len(whole)]
    assert digest(kept.rows) == kept.digest() == whole.digest()
    for table in ("events", "deliveries", "sessions"):
        pandas.testing.assert_frame_equal(getattr(kept, table)(), getattr(whole, table)())


def test_a_stored_trace_is_a_table_to_anyone(small_parts: None, tmp_path: Path) -> None:
    run = lab.simulate(TOPOLOGIES / "campus.toml", store=tmp_path / "trace.parquet")
    table = pandas.read_parquet(tmp_path / "trace.parquet")
    assert list(table.seq) == list(range(len(run.trace)))
    assert (table.kind == "reply").sum() == sum(e.kind == "reply" for e in run.trace)
    assert table.octets[table.kind == "command"].iloc[0].startswith(b"HELO")


def test_a_run_that_is_killed_leaves_its_whole_parts(small_parts: None, tmp_path: Path) -> None:
    whole = lab.simulate(TOPOLOGIES / "campus.toml").trace
    lab.simulate(TOPOLOGIES / "campus.toml", store=tmp_path)
    last = max(tmp_path.glob("part-*.parquet"))
    last.rename(tmp_path / f".{last.name}")  # as it is while it is written
    kept = open_trace(tmp_path)
    assert list(kept.rows) == whole.rows[: len(kept)]
    assert len(kept) % 100 == 0 < len(kept)


def test_rows_of_some_kinds_are_those_in_their_order(small_parts: None, tmp_path: Path) -> None:
    """Of a stored trace and of one in memory."""
    whole = lab.simulate(TOPOLOGIES / "campus.toml").trace
    kept = lab.simulate(TOPOLOGIES / "campus.toml", store=tmp_path).trace
    for kinds in (("open", "close"), ("fault",), KINDS):
        wanted = [row for row in whole.rows if row[1] in kinds]
        assert list(kept.of(kinds)) == list(whole.of(kinds)) == wanted
        assert kept.count(kinds) == whole.count(kinds) == len(wanted)


def test_a_part_that_is_not_there_is_noted(small_parts: None, tmp_path: Path) -> None:
    lab.simulate(TOPOLOGIES / "campus.toml", store=tmp_path)
    (tmp_path / "part-00001.parquet").unlink()
    assert open_trace(tmp_path).missing == [(100, 199)]


def test_without_a_store_a_long_run_keeps_its_account_and_lets_go_of_its_events(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(streaming, "LONGEST", 50)
    whole = lab.simulate(TOPOLOGIES / "campus.toml")
    run = lab.simulate(TOPOLOGIES / "campus.toml", trace="session")
    assert run.summary == whole.summary
    assert [row[1] for row in run.trace.rows] == ["start", "end"]
    assert run.is_settled


@pytest.mark.parametrize("level", LEVELS)
def test_lines_tell_their_level_and_the_digest_of_the_whole(level: str, tmp_path: Path) -> None:
    run = lab.simulate(TOPOLOGIES / "campus.toml", trace=level)
    with open(tmp_path / "trace.jsonl", "w", encoding="utf-8") as file:
        run.trace.write_jsonl(file)
    back = open_trace(tmp_path)
    assert (back.level, back.digest()) == (level, run.digest)
    assert back.rows == run.trace.rows


def lab_command(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lab", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def test_lab_run_leaves_what_the_level_has_and_says_what_is_missing(tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = lab_command("run", TOPOLOGIES / "campus.toml", "--trace", "delivery", "--out", out)
    assert done.returncode == 0, done.stderr
    assert (
        "of --trace delivery there is no transcript.txt, map.png, timeline.png, ladder.png, "
        "replay.html, capture.pcap, mail" in done.stdout
    )
    left = {path.name for path in out.iterdir()}
    assert left == {"summary.json", "trace.jsonl", "capture.hosts"}
    assert json.loads((out / "summary.json").read_text())["delivered"] == 12
    assert lab_command("plot", out, "queues", "-o", tmp_path / "q.png").returncode == 0
    refused = lab_command("plot", out / "trace.jsonl", "ladder", "-o", tmp_path / "l.png")
    assert refused.returncode == 2
    assert refused.stderr == (
        f"lab: {tmp_path / 'l.png'}: not drawn, for the ladder wants --trace wire, "
        "and of this run --trace delivery was recorded\n"
    )


def test_a_folder_that_is_no_trace_gets_a_sentence(tmp_path: Path) -> None:
    done = lab_command("plot", tmp_path, "map")
    assert done.returncode == 2
    assert "no stored trace, for there is no part-00000.parquet in it" in done.stderr
    (tmp_path / "part-00000.parquet").write_bytes(b"PAR1 or so")
    done = lab_command("plot", tmp_path, "map")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "part-00000.parquet: no part of a stored trace" in done.stderr


def test_all_artefacts_of_a_stored_trace_are_those_of_the_trace(
    small_parts: None, tmp_path: Path
) -> None:
    name = TOPOLOGIES / "polling.toml"
    lab.simulate(name).save(tmp_path / "whole")
    lab.simulate(name, store=tmp_path / "kept" / "trace.parquet").save(tmp_path / "kept")
    whole, kept = ({p.name for p in (tmp_path / one).iterdir()} for one in ("whole", "kept"))
    assert kept - {"trace.parquet"} == whole - {"trace.jsonl"}
    for same in ("summary.json", "transcript.txt", "capture.pcap", "replay.html"):
        assert (tmp_path / "kept" / same).read_bytes() == (tmp_path / "whole" / same).read_bytes()


def test_every_view_says_what_it_needs() -> None:
    assert set(NEEDS) >= set(lab.views.PICTURES)
    with pytest.raises(ValueError, match="the states wants --trace wire"):
        lab.simulate(TOPOLOGIES / "campus.toml", trace="none").plot("states")


def test_a_live_run_is_recorded_at_a_level_too(tmp_path: Path) -> None:
    out = tmp_path / "out"
    name = TOPOLOGIES / "rfc821" / "scenario-03.toml"
    command = ("live", name, "--speed", "20", "--trace", "session", "--quiet", "--out", out)
    done = lab_command(*command)
    assert done.returncode == 0, done.stderr
    trace = open_trace(out)
    assert trace.level == "session"
    kinds = {row[1] for row in trace.rows}
    assert {"open", "close", "accept", "deliver"} <= kinds <= LEVELS["session"]
    summary = json.loads((out / "summary.json").read_text())
    assert (summary["delivered"], summary["digest"]) == (1, trace.digest())


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("nonsense", "no JSON: expecting value at column 1"),
        ("[1]", "a value is of another type than that key has"),
        ('{"kind": "dance"}', "the key 'dance' is missing, or its value is none that there is"),
        ('{"kind": "end", "t": 1, "host": ""}', "the key 'peer' is missing, or its value is"),
    ],
)
def test_a_line_that_is_no_event_is_told_in_plain_words(
    line: str, says: str, tmp_path: Path
) -> None:
    (tmp_path / "trace.jsonl").write_text(line + "\n")
    with pytest.raises(ValueError, match="line 1: no event of a trace") as caught:
        open_trace(tmp_path / "trace.jsonl")
    assert says in str(caught.value)


def test_a_run_that_is_not_shared_out_over_processes_says_so() -> None:
    done = lab_command("run", TOPOLOGIES / "campus.toml", "--processes", "2", "--json")
    assert done.returncode == 0
    assert "one process makes this run" in done.stderr
    assert json.loads(done.stdout)["digest"] == lab.simulate(TOPOLOGIES / "campus.toml").digest
