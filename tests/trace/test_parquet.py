"""Traces as Parquet: what is stored is the trace, whole or as far as it was written."""

from __future__ import annotations

import os
from pathlib import Path

import pandas
import pytest
from helpers.places import TOPOLOGIES
from helpers.rows import one_of_each_kind

import lab
from lab.trace import parquet
from lab.trace.digests import digest
from lab.trace.parquet import ParquetWriter, StoredRows
from lab.trace.rows import KIND, KINDS

SHOWN = ["campus.toml", "faults/duplicate-window.toml", "faults/routing-loop.toml", "polling.toml"]


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
    kept = lab.open_trace(tmp_path)
    assert list(kept.rows) == whole.rows[: len(kept)]
    assert len(kept) % 100 == 0 < len(kept)


def test_a_part_that_is_not_there_is_noted(small_parts: None, tmp_path: Path) -> None:
    lab.simulate(TOPOLOGIES / "campus.toml", store=tmp_path)
    (tmp_path / "part-00001.parquet").unlink()
    assert lab.open_trace(tmp_path).missing == [(100, 199)]


def test_a_folder_that_is_not_a_trace_gets_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"not a stored trace, because it has no part-00000.parquet"
    ):
        StoredRows(tmp_path)
    (tmp_path / "part-00000.parquet").write_bytes(b"PAR1 or so")
    with pytest.raises(
        ValueError, match=r"part-00000.parquet: not a part of a stored trace"
    ) as why:
        StoredRows(tmp_path)
    assert "\n" not in str(why.value)


def test_somebody_elses_table_is_not_a_trace(tmp_path: Path) -> None:
    pandas.DataFrame({"seq": [0]}).to_parquet(tmp_path / "part-00000.parquet")
    with pytest.raises(ValueError, match="not a part of a stored trace"):
        StoredRows(tmp_path)


def test_every_kind_of_event_comes_back_as_it_was(tmp_path: Path) -> None:
    rows = [*one_of_each_kind()]
    assert {row[KIND] for row in rows} == set(KINDS)
    writer = ParquetWriter(tmp_path / "trace.parquet")
    writer.write(rows)
    assert (writer.waiting, list(writer.rows())) == (len(rows), rows)
    writer.close("sha256:0", {"delivered": 1})
    stored = StoredRows(tmp_path / "trace.parquet")
    assert list(stored) == rows
    assert stored.about == {"level": "wire", "digest": "sha256:0", "counts": {"delivered": 1}}


def test_what_has_been_written_can_be_read_before_the_end(
    small_parts: None, tmp_path: Path
) -> None:
    rows = [(float(n), "queue", "A", "B", None, 1, ("1",), n) for n in range(250)]
    writer = ParquetWriter(tmp_path)
    writer.write(rows)
    assert writer.waiting == 50
    assert list(writer.rows()) == rows


def test_a_new_trace_takes_the_place_of_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "part-00007.parquet").write_bytes(b"old")
    (tmp_path / "file").write_bytes(b"old")
    for name in ("folder", "file"):
        ParquetWriter(tmp_path / name).close("", {})
        assert [path.name for path in (tmp_path / name).iterdir()] == ["part-00000.parquet"]


def test_a_reader_keeps_few_groups_in_memory(
    small_parts: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """And reads one that is looked at again and again only once."""
    monkeypatch.setattr(parquet, "CACHED_GROUPS", 2)
    rows = [(float(n), "forget", "A", None, None, n, ("1",)) for n in range(200)]
    writer = ParquetWriter(tmp_path)
    writer.write(rows)
    writer.close("", {})
    stored = StoredRows(tmp_path)
    read: list[int] = []
    read_group = stored._read
    monkeypatch.setattr(stored, "_read", lambda number: read.append(number) or read_group(number))
    assert [stored[n] for n in (0, 29, 199, 0, 30, 0, 199)] == [
        rows[n] for n in (0, 29, 199, 0, 30, 0, 199)
    ]
    # 0 stays, for it was looked at before 30 came; the last group had to go
    assert read == [0, 7, 1, 7]


def test_all_artefacts_of_a_stored_trace_are_those_of_the_trace(
    small_parts: None, tmp_path: Path
) -> None:
    name = TOPOLOGIES / "polling.toml"
    lab.simulate(name).save(tmp_path / "whole")
    lab.simulate(name, store=tmp_path / "kept" / "trace.parquet").save(tmp_path / "kept")
    whole, kept = ({p.name for p in (tmp_path / each).iterdir()} for each in ("whole", "kept"))
    assert kept - {"trace.parquet"} == whole - {"trace.jsonl"}
    for same in ("summary.json", "transcript.txt", "capture.pcap", "replay.html"):
        assert (tmp_path / "kept" / same).read_bytes() == (tmp_path / "whole" / same).read_bytes()


def test_a_reader_keeps_little_mail_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Groups of events with much mail are read again; the one that was read last stays."""
    monkeypatch.setattr(parquet, "CACHED_OCTETS", 10_000)
    writer = ParquetWriter(tmp_path / "trace.parquet", most_octets=3_500)
    rows = [(0.0, "deliver", "A", None, None, n, "1", "ann", bytes(4_000)) for n in range(6)]
    for row in rows:
        writer.write([row])
    writer.close("sha256:", {})
    stored = StoredRows(tmp_path / "trace.parquet")
    for _ in range(2):
        assert [stored[number] for number in range(6)] == rows
    kept = vars(stored)["_cache"]
    assert len(kept) == 2
    again = kept[5]
    assert stored[5] is again[0]


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="there is no /proc")
def test_what_was_written_and_read_is_not_kept_in_memory(tmp_path: Path) -> None:
    """Arrow keeps memory that it has used, unless it is asked to give it back."""

    def pages() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1])

    mail = bytes(range(256)) * (1 << 15)
    ParquetWriter(tmp_path / "first").close("", {})  # Arrow itself is loaded
    before = pages()
    writer = ParquetWriter(tmp_path / "all", most_octets=len(mail))
    for number in range(8):
        writer.write([(float(number), "deliver", "A", None, None, 1, "1", "bob", mail)])
    writer.close("", {})
    assert sum(len(row[-1]) for row in StoredRows(tmp_path / "all")) == 8 * len(mail)
    assert (pages() - before) * os.sysconf("SC_PAGE_SIZE") < 3 * len(mail)
