"""Traces that are damaged, or written to harm their reader: a sentence, never a failure."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import pytest

import lab
from lab.trace.checked_rows import check_row
from lab.trace.rows import KINDS

CASE = "topologies/rfc821/scenario-03.toml"
RUN = lab.simulate(CASE)


def events() -> list[dict[str, Any]]:
    file = io.StringIO()
    RUN.trace.write_jsonl(file)
    return [json.loads(line) for line in file.getvalue().splitlines()]


WRONG = (float("nan"), float("inf"), 10**30, [[1]], {"a": 1})


def test_a_wrong_value_in_any_column_draws_a_sentence(tmp_path: Path) -> None:
    """One at a time: each column of each kind of event in the run."""
    path = tmp_path / "trace.jsonl"
    whole = events()
    firsts = {event["kind"]: event for event in reversed(whole)}
    tried = 0
    for kind, event in firsts.items():
        for column in ("t", "kind", "host", "session", *KINDS[kind]):
            value = event[column]
            for wrong in (one for one in WRONG if type(one) is not dict or column != "meta"):
                event[column] = wrong
                path.write_text("".join(json.dumps(event) + "\n" for event in whole))
                with pytest.raises(ValueError, match="not an event of a trace"):
                    lab.open_trace(path)
                tried += 1
            event[column] = value
    assert tried > 100


@pytest.mark.parametrize(
    "meta",
    [
        {"hosts": 3}, {"hosts": [{"name": 3}]}, {"links": [3]}, {"environments": [{"name": None}]},
        {"hosts": [{"name": "A", "position": [float("inf"), "x"]}]}, {"title": ["x"]},
    ],
)  # fmt: skip
def test_a_description_of_another_type_draws_a_sentence(meta: Any, tmp_path: Path) -> None:
    """What the first event says of the topology."""
    whole = events()
    whole[0]["meta"] |= meta
    path = tmp_path / "trace.jsonl"
    path.write_text("".join(json.dumps(event) + "\n" for event in whole))
    with pytest.raises(ValueError, match="line 1: not an event of a trace"):
        lab.open_trace(path)


@pytest.mark.parametrize(
    "line",
    [
        '{"t": ' + "[" * 100_000 + "]" * 100_000 + "}", '{"seq": ' + "9" * 5000 + "}", "\n\n", "[]",
        '{"kind": []}', '{"kind": {"a": 1}}',
    ],
    ids=["deep", "number", "empty lines", "list", "kind", "kind of kinds"],
)  # fmt: skip
def test_a_hostile_trace_draws_a_sentence(line: str, tmp_path: Path) -> None:
    """JSON that is nested, numbers without end, what is no object."""
    path = tmp_path / "trace.jsonl"
    path.write_text(line + "\n")
    with pytest.raises(ValueError, match=r"trace\.jsonl"):
        lab.open_trace(path)


def test_a_line_without_an_end_is_not_read_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is what is no file at all."""
    monkeypatch.setattr("lab.trace.jsonl._LONGEST_LINE", 1000)
    path = tmp_path / "trace.jsonl"
    path.write_text('{"t": "' + "x" * 2000)
    with pytest.raises(ValueError, match="line 1: the line is too long for an event"):
        lab.open_trace(path)
    os.mkfifo(tmp_path / "fifo")
    for name in (tmp_path / "fifo", "/dev/zero"):
        with pytest.raises(ValueError, match="not a file"):
            lab.open_trace(name)


def stored(folder: Path, count: int, **columns: Any) -> Path:
    """A stored trace of so many equal rows of mail data, in one group."""
    import pyarrow
    import pyarrow.parquet

    from lab.trace.parquet import ParquetWriter

    writer = ParquetWriter(folder)
    writer.write(RUN.trace.rows[:1] * 2)
    writer.close("", {})
    path = folder / "part-00000.parquet"
    table = pyarrow.parquet.read_table(path)
    metadata = table.schema.metadata
    table = table.take([0] * count)
    for name, values in columns.items():
        place = table.column_names.index(name)
        table = table.set_column(place, name, pyarrow.array(values))
    pyarrow.parquet.write_table(
        table.replace_schema_metadata(metadata),
        path,
        row_group_size=max(count, 1),
        compression="zstd",
    )
    return folder


def test_a_stored_trace_with_a_group_of_a_billion_rows_is_not_read(tmp_path: Path) -> None:
    """A small file may say that it has them; more than a group of ours has is refused."""
    folder = stored(tmp_path / "trace.parquet", 64 * 16_384 + 1)
    assert (folder / "part-00000.parquet").stat().st_size < 1 << 20
    with pytest.raises(ValueError, match="group 0 is too large"):
        lab.open_trace(folder)


def test_a_stored_trace_of_other_types_draws_a_sentence(tmp_path: Path) -> None:
    """Numbers in the place of names, texts in the place of numbers."""
    for number, columns in enumerate((
        {"kind": [3]}, {"kind": ["nothing"]}, {"t": ["x"]}, {"rest": ["[" * 9]}, {"rest": ["{}"]},
        {"host": [None]}, {"session": [1.5]},
    )):  # fmt: skip
        folder = stored(tmp_path / str(number) / "trace.parquet", 1, **columns)
        with pytest.raises(ValueError, match="stored trace"):
            list(lab.open_trace(folder))


def test_all_rows_of_a_run_pass() -> None:
    """And are what they were."""
    for row in RUN.trace.rows:
        assert check_row(row) == row
