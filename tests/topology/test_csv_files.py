"""Files of rows and numbers: what is read, and what is said of a file that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.quantities import parse_duration
from lab.topology import csv_files
from lab.topology.csv_files import RowFault, numbers, read_cell, rows, table


def written(folder: Path, content: str | bytes, name: str = "rows.csv") -> Path:
    octets = content.encode() if isinstance(content, str) else content
    (folder / name).write_bytes(octets)
    return folder / name


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_columns_may_come_in_any_order_and_any_case(separator: str, tmp_path: Path) -> None:
    """Comments and empty lines are left out; cells that a short row lacks are empty."""
    lines = ["# of a day", "TO,At", "", "B,1 s", "  # another", '"C",2 s', "D"]
    path = written(tmp_path, "\n".join(lines).replace(",", separator))
    assert list(rows(path, ("at", "to"))) == [
        (4, {"to": "B", "at": "1 s"}), (6, {"to": "C", "at": "2 s"}), (7, {"to": "D", "at": ""}),
    ]  # fmt: skip


def test_a_file_may_begin_with_a_mark_of_its_encoding(tmp_path: Path) -> None:
    path = written(tmp_path, "at\n1\n".encode("utf-8-sig"))
    assert list(rows(path, ("at",))) == [(2, {"at": "1"})]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "rows.csv is empty; write the columns in its first line: at,to,size"),
        ("# nothing\n", "rows.csv is empty; write the columns in its first line: at,to,size"),
        ("at,too\n", "rows.csv, line 1: there is no column 'too'; did you mean to?"),
        ("at,colour\n", "rows.csv, line 1: there is no column 'colour'; there are at, to, size"),
        ("at,to,At\n", "rows.csv, line 1: the column at is there twice; write it once"),
        ("\nat\n", "rows.csv, line 2: the column to is missing; write at,to,size"),
        ("at,to\n1,B,2,3\n",
         "rows.csv, line 2: there are 4 values, but 2 columns; write as many"),
        ("at,to\n1," + "x" * 1001, "rows.csv, line 2: a value has more than 1000 characters"),
        ('at,to\n1,"B\n', "rows.csv, line 2: unexpected end of data; write a value in one line"),
        (b"at,to\n1,\xff\n", "rows.csv, line 2: byte 0xff is not UTF-8 text"),
    ],
)  # fmt: skip
def test_a_file_that_is_wrong_is_said_with_its_line(
    content: str | bytes, sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(RowFault) as wrong:
        list(rows(written(tmp_path, content), ("at", "to"), ("size",)))
    assert str(wrong.value).replace('"', "'") == sentence


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    written(tmp_path, "at\n", "delays.csv")
    for name, sentence in [
        ("delay.csv", "there is no such file; did you mean delays.csv?"),
        ("nope.csv", "there is no such file; write a path from the folder of the topology file"),
        ("delays.tsv", "there is no such file; write a path from the folder of the topology file"),
        ("other", "there is no such file; write a path from the folder of the topology file"),
        ("none/delays.csv", "there is no such file; write a path from the folder of the topology"),
        ("delays.csv/x", "cannot be read (not a directory)"),
        (".", "is not a file; write the path of one"),
        ("a\0b", "cannot be read (embedded null byte)"),
    ]:
        with pytest.raises(RowFault) as wrong:
            list(table(tmp_path / name))
        assert sentence in str(wrong.value)


def test_a_file_beyond_the_bounds_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, "at\n1\n2\n3\n")
    monkeypatch.setattr(csv_files, "MOST_ROWS", 3)
    assert [line for line, _ in table(path)] == [1, 2, 3, 4]
    monkeypatch.setattr(csv_files, "MOST_ROWS", 2)
    with pytest.raises(RowFault, match=r"^rows.csv has more than 2 rows; write fewer$"):
        list(table(path))
    monkeypatch.setattr(csv_files, "LARGEST_FILE", 8)
    with pytest.raises(RowFault, match=r"^rows.csv is larger than 0 MiB; write a smaller one$"):
        list(table(path))


def test_numbers_have_units_or_none_and_may_have_a_name_above(tmp_path: Path) -> None:
    assert numbers(written(tmp_path, "gap;note\n5 ms;x\n2;y\n"), parse_duration, 9) == (0.005, 2.0)
    assert numbers(written(tmp_path, "3\n"), parse_duration, 1) == (3.0,)
    for content, sentence in [
        ("gap\n", "rows.csv has no numbers; write one on each line"),
        ("gap\nnow\n", "rows.csv, line 2: 'now' is not a quantity"),
        ("1\n2\n", "rows.csv has more than 1 numbers; write fewer"),
    ]:
        with pytest.raises(RowFault) as wrong:
            numbers(written(tmp_path, content), parse_duration, 1)
        assert str(wrong.value).replace('"', "'").startswith(sentence.partition(" is not")[0])


def test_a_cell_that_is_wrong_is_said_with_line_and_column(tmp_path: Path) -> None:
    path = written(tmp_path, "at\n1 s\nsoon\n")
    (line, good), (other, bad) = rows(path, ("at",))
    assert read_cell(path, line, good, "at", parse_duration) == 1.0
    with pytest.raises(RowFault, match=r"^rows.csv, line 3, at: "):
        read_cell(path, other, bad, "at", parse_duration)
