"""Traces as JSON lines: what is written comes back, and what is wrong with a line."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from helpers.places import TOPOLOGIES
from helpers.rows import one_of_each_kind

import lab
from lab.trace.jsonl import journal_lines, read
from lab.trace.levels import LEVELS
from lab.trace.rows import KIND, KINDS, OPTIONAL, Row, event_of
from lab.trace.trace import Trace


@pytest.mark.parametrize("level", LEVELS)
def test_lines_tell_their_level_and_the_digest_of_the_whole(level: str, tmp_path: Path) -> None:
    run = lab.simulate(TOPOLOGIES / "campus.toml", trace=level)
    with open(tmp_path / "trace.jsonl", "w", encoding="utf-8") as file:
        run.trace.write_jsonl(file)
    back = lab.open_trace(tmp_path)
    assert (back.level, back.digest()) == (level, run.digest)
    assert back.rows == run.trace.rows


def lines_of(rows: list[Row]) -> str:
    """Return rows as JSON lines."""
    file = io.StringIO()
    Trace(rows).write_jsonl(file)
    return file.getvalue()


def test_every_kind_of_event_comes_back_as_it_was(tmp_path: Path) -> None:
    rows = [*one_of_each_kind()]
    assert {row[KIND] for row in rows} == set(KINDS)
    (tmp_path / "trace.jsonl").write_text(lines_of(rows))
    contents = read(tmp_path / "trace.jsonl")
    assert contents.rows == rows
    assert (contents.digest, contents.missing) == (Trace(rows).digest(), [])


def test_a_line_that_was_cut_off_is_left_out(tmp_path: Path) -> None:
    rows = [*one_of_each_kind()]
    (tmp_path / "trace.jsonl").write_text(lines_of(rows)[:-20])
    assert read(tmp_path / "trace.jsonl").rows == rows[:-1]


def test_lines_that_are_missing_or_out_of_order_are_noted(tmp_path: Path) -> None:
    rows = [*one_of_each_kind()]
    lines = lines_of(rows).splitlines(keepends=True)
    shuffled = [*lines[10:], *lines[1:4], *lines[5:8], lines[0]]
    (tmp_path / "trace.jsonl").write_text("".join([lines[0], *shuffled]))
    contents = read(tmp_path / "trace.jsonl")
    assert contents.rows == [*rows[:4], *rows[5:8], *rows[10:]]
    assert contents.missing == [(4, 4), (8, 9)]


PLACE = '"t": 1, "seq": 0, "host": "A", "peer": null, "session": null, "message": 1'


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("nonsense", "it is not JSON: expecting value at column 1"),
        ("[1]", "it is not a JSON object"),
        ('{"t": 1, "kind": "dance"}', "'dance' is not a kind of event"),
        ('{"t": 1, "host": "A"}', "the key 'kind' is missing"),
        ('{"kind": "end", "t": 1, "host": ""}', "the key 'peer' is missing"),
        (f'{{"kind": "defer", {PLACE}}}', "the key 'recipients' is missing"),
        (f'{{"kind": "end", {PLACE}, "reason": "", "level": "all"}}', "'all' is not a level of a"),
        (
            '{"kind": "end", ' + PLACE.replace('"seq": 0', '"seq": "x"') + ', "reason": ""}',
            "seq must be a whole number of 0 or more",
        ),
        *(
            (f'{{"kind": {kind}, {place}}}', "a value has another type than its key requires")
            for kind, place in [
                ('"end"', PLACE.replace('"A"', "1") + ', "reason": ""'),
                ('"end"', PLACE.replace("1", '"x"') + ', "reason": ""'),
                ('"reply"', PLACE + ', "sent": 1, "octets": 250'),
                ('"reply"', PLACE + ', "sent": 1, "octets": "\\u2026"'),
                ('"start"', PLACE + ', "meta": []'),
                ("[]", PLACE),
            ]
        ),
    ],
)
def test_a_line_that_is_not_an_event_gets_a_sentence(line: str, why: str, tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    path.write_text(line + "\n")
    with pytest.raises(ValueError, match="line 1: not an event of a trace") as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}, line 1: not an event of a trace ({why}")
    assert str(caught.value).endswith(
        "); each line must be one JSON object with t, seq, kind and "
        "host, as `lab run --out` writes it"
    )


def test_what_is_not_text_gets_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "map.png").write_bytes(b"\x89PNG\r\n\x1a\n\xff")
    with pytest.raises(ValueError, match=r"map.png: not a text file; give the trace.jsonl that"):
        read(tmp_path / "map.png")


def test_lines_of_a_run_that_goes_on_are_its_events() -> None:
    """Each kind of event has the same names and values, in the same order, as in a whole trace."""
    rows = [row for row in one_of_each_kind() if row[KIND] != "start"]
    crossed = (("A", "B", 0.0, 1.0, 2.0, None, None),)
    rows += [(*row, crossed) for row in rows if row[KIND] in OPTIONAL]
    assert len({(row[KIND], len(row)) for row in rows}) == len(KINDS) - 1 + len(OPTIONAL)
    written = b"".join(journal_lines(rows, 7, "wire")).splitlines()
    for number, (line, row) in enumerate(zip(written, rows, strict=True), 7):
        expected = json.loads(json.dumps(event_of(row, number).as_dict()))
        assert list(json.loads(line).items()) == list(expected.items())


def test_large_mail_is_written_in_pieces(tmp_path: Path) -> None:
    """It comes back as it was, and only the last piece of a line ends with a newline."""
    mail = bytes(range(256)) * 9000
    rows: list[Row] = [
        (0.0, "start", "", None, None, None, {"hosts": []}),
        (0.5, "data", "A", "B", 3, 1, 0.5, mail),
        (1.0, "deliver", "A", None, None, 1, "1", 'a"b', mail + b'"octets":""'),
        (1.0, "end", "", None, None, None, "settled"),
    ]
    pieces = list(journal_lines(rows, 0, "wire"))
    assert max(map(len, pieces)) < 5 * len(mail) // 2, "a byte may be six characters"
    assert sum(piece.endswith(b"\n") for piece in pieces) == 4
    path = tmp_path / "trace.jsonl"
    path.write_bytes(b"".join(pieces))
    assert read(path).rows == rows
