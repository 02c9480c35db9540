"""The trace: its rows and events, its files, and what is not one."""

from __future__ import annotations

import json
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.places import TOPOLOGIES
from helpers.rows import one_of_each_kind

import lab
from lab.trace.digests import digest
from lab.trace.rows import KIND, KINDS, T, event_of
from lab.trace.trace import Trace

ROWS = [*one_of_each_kind()]


def test_events_have_their_place_in_the_run() -> None:
    trace = Trace()
    assert (len(trace), trace.last, trace.meta, trace.folder) == (0, 0.0, {}, None)
    for row in ROWS[:10]:
        trace.record(row)
    assert list(trace) == [event_of(row, seq) for seq, row in enumerate(ROWS[:10])]
    assert (trace[3], trace[-1]) == (event_of(ROWS[3], 3), event_of(ROWS[9], 9))
    assert trace.meta == {"title": "All kinds"}


def test_rows_that_are_removed_are_counted() -> None:
    trace = Trace(ROWS[:10])
    trace.clear()
    assert (len(trace), trace.first_seq, trace.last) == (0, 10, ROWS[9][T])
    trace.record(ROWS[10])
    assert trace[0] == trace[-1] == next(iter(trace)) == event_of(ROWS[10], 10)
    assert trace.meta == {}


def test_the_old_names_still_work() -> None:
    trace = Trace(ROWS[:10])
    with pytest.warns(DeprecationWarning, match="Trace.take_away is now Trace.clear") as warned:
        trace.take_away()
    assert warned[0].filename == __file__
    with pytest.warns(DeprecationWarning, match="Trace.base is now Trace.first_seq"):
        assert trace.base == 10


def test_a_trace_can_be_pickled(small_parts: None, tmp_path: Path) -> None:
    stored = lab.simulate(TOPOLOGIES / "polling.toml", store=tmp_path / "trace.parquet").trace
    assert stored.folder is not None
    for trace in (Trace(ROWS, "session", "sha256:0"), stored):
        back = pickle.loads(pickle.dumps(trace))
        assert back.rows == list(trace.rows)
        assert (back.level, back.digest()) == (trace.level, trace.digest())


def test_the_digest_is_that_of_the_rows_or_the_one_recorded_with_them() -> None:
    assert Trace(ROWS).digest() == digest(ROWS)
    assert Trace(ROWS[:3], recorded="sha256:0").digest() == "sha256:0"


def test_rows_of_some_kinds_are_those_in_their_order(small_parts: None, tmp_path: Path) -> None:
    """Of a stored trace and of one in memory."""
    whole = lab.simulate(TOPOLOGIES / "campus.toml").trace
    kept = lab.simulate(TOPOLOGIES / "campus.toml", store=tmp_path).trace
    for kinds in (("open", "close"), ("fault",), KINDS):
        wanted = [row for row in whole.rows if row[KIND] in kinds]
        assert list(kept.of(kinds)) == list(whole.of(kinds)) == wanted
        assert kept.count(kinds) == whole.count(kinds) == len(wanted)


def test_a_stored_trace_is_read_only(small_parts: None, tmp_path: Path) -> None:
    trace = lab.simulate(TOPOLOGIES / "campus.toml", store=tmp_path).trace
    with pytest.raises(TypeError, match="a stored trace is read only"):
        trace.record(ROWS[0])


# -- opening one


@pytest.fixture(scope="module")
def artefacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `lab run --out` leaves of a short run."""
    out = tmp_path_factory.mktemp("artefacts")
    name = TOPOLOGIES / "rfc821" / "scenario-03.toml"
    command = [sys.executable, "-m", "lab", "run", str(name), "--quiet", "--out", str(out)]
    subprocess.run(command, check=True, capture_output=True)
    return out


def test_lines_a_folder_of_columns_and_a_folder_of_artefacts_can_be_opened(
    artefacts: Path, small_parts: None, tmp_path: Path
) -> None:
    run = lab.simulate(TOPOLOGIES / "rfc821" / "scenario-03.toml", store=tmp_path / "trace.parquet")
    assert run.trace.folder is not None
    for path in (
        artefacts, str(artefacts), artefacts / "trace.jsonl", tmp_path, tmp_path / "trace.parquet"
    ):  # fmt: skip
        trace = lab.open_trace(path)
        assert list(trace.rows) == list(run.trace.rows)
        assert trace.digest() == run.digest
        assert trace.missing == []
    assert json.loads((artefacts / "summary.json").read_text())["digest"] == run.digest


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("map.png", "map.png: not a text file; give the trace.jsonl that `lab run --out` writes"),
        ("summary.json", "summary.json, line 1: not an event of a trace ("),
        ("transcript.txt", "transcript.txt, line 1: not an event of a trace (it is not JSON: "),
        ("empty.jsonl", "empty.jsonl: not a trace, because it does not begin with the first event"),
        ("later.jsonl", "later.jsonl: not a trace, because it does not begin with the first event"),
        ("mail", "mail: not a stored trace, because it has no part-00000.parquet; give a"),
        ("part-00000.parquet", "part-00000.parquet: one part of a stored trace; give the folder"),
    ],
)
def test_anything_else_gets_one_sentence(
    artefacts: Path, name: str, why: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(artefacts, out)
    (out / "empty.jsonl").touch()
    lines = (out / "trace.jsonl").read_text().splitlines(keepends=True)
    (out / "later.jsonl").write_text("".join(lines[1:]))
    (out / "part-00000.parquet").touch()
    with pytest.raises(ValueError, match=r"^/") as caught:
        lab.open_trace(out / name)
    assert str(caught.value).removeprefix(f"{out}/").startswith(why)
    assert "\n" not in str(caught.value)


def test_a_path_that_is_not_there_gets_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "no.jsonl"
    with pytest.raises(FileNotFoundError) as caught:
        lab.open_trace(path)
    sentence = f"{path}: there is no such file or folder; give what `lab run --out` leaves"
    assert str(caught.value) == sentence
