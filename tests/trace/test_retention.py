"""Retention: which rows of a run are kept, and where."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from helpers.places import TOPOLOGIES

import lab
from lab.trace import retention
from lab.trace.retention import Retention
from lab.trace.rows import KIND, Row

START: Row = (0.0, "start", "", None, None, None, {})
END: Row = (9.0, "end", "", None, None, None, "settled")


def deliveries(count: int) -> list[Row]:
    """Return rows of mail that is delivered, a kilobyte each."""
    return [(1.0, "deliver", "A", None, None, n, "1", "ann", bytes(1000)) for n in range(count)]


def counts() -> dict[str, Any]:
    return {"delivered": 7}


def no_counts() -> dict[str, Any]:
    raise AssertionError("the counts are taken for a folder only, for that costs time")


def test_few_rows_stay_in_memory() -> None:
    kept = Retention()
    kept.keep([START, *deliveries(5)])
    kept.keep([END])
    assert kept.rows_in_memory == 7
    assert list(kept.rows()) == [START, *deliveries(5), END]
    trace = kept.close("sha256:0", no_counts)
    assert (trace.rows, trace.level, trace.digest()) == (list(kept.rows()), "wire", "sha256:0")
    assert trace.folder is None


@pytest.mark.parametrize("limit", ["MAX_ROWS_IN_MEMORY", "MAX_WAITING_OCTETS"])
def test_many_rows_or_octets_go_to_a_folder(
    limit: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(retention, limit, {"MAX_ROWS_IN_MEMORY": 9}.get(limit, 9000))
    kept = Retention(folder=tmp_path / "trace.parquet")
    rows = [START, *deliveries(20), END]
    for row in rows:
        kept.keep([row])
    assert list(kept.rows()) == rows
    trace = kept.close("sha256:0", counts)
    assert trace.folder == tmp_path / "trace.parquet"
    assert (list(trace.rows), trace.digest()) == (rows, "sha256:0")
    assert trace.rows.about["counts"] == counts()


def test_without_a_folder_all_but_the_first_and_last_are_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retention, "MAX_ROWS_IN_MEMORY", 9)
    kept = Retention()
    kept.keep([START, *deliveries(8)])
    assert not kept.has_dropped
    kept.keep(deliveries(1))
    assert kept.has_dropped
    kept.keep([END])
    kept.keep([])
    trace = kept.close("sha256:0", no_counts)
    assert (trace.rows, trace.level, trace.digest()) == ([START, END], "none", "sha256:0")


def test_in_memory_all_are_kept_however_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "MAX_ROWS_IN_MEMORY", 9)
    monkeypatch.setattr(retention, "MAX_WAITING_OCTETS", 9)
    kept = Retention(in_memory=True)
    kept.keep([START, *deliveries(20), END])
    assert len(kept.close("", no_counts)) == 22


def test_a_level_keeps_its_rows_only() -> None:
    kept = Retention("none")
    kept.keep([START, *deliveries(20), END])
    assert kept.close("sha256:0", no_counts).rows == [START, END]


def test_what_is_not_a_level_gets_a_sentence() -> None:
    with pytest.raises(ValueError, match="'some' is not a level of a trace; use wire, session"):
        Retention("some")


def test_without_a_store_a_long_run_keeps_its_account_and_lets_go_of_its_events(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retention, "MAX_ROWS_IN_MEMORY", 50)
    whole = lab.simulate(TOPOLOGIES / "campus.toml")
    run = lab.simulate(TOPOLOGIES / "campus.toml", trace="session")
    assert run.summary == whole.summary
    assert [row[KIND] for row in run.trace.rows] == ["start", "end"]
    assert run.is_settled
