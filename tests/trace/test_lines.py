"""When bytes began to go onto each line, and behind what they waited: a column of some rows."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from helpers.live_hosts import live
from helpers.places import TOPOLOGIES
from helpers.rows import one_of_each_kind

import lab
from lab.topology.model import from_dict
from lab.trace.checked_rows import check_row
from lab.trace.digests import digest
from lab.trace.parquet import ParquetWriter, StoredRows
from lab.trace.rows import (
    LINES,
    OCTETS,
    OPTIONAL,
    OWN,
    Row,
    event_of,
    flat_row,
    lines_of,
    octets_in,
)

LATENCY, RATE, HEADERS, PACKET = 0.05, 150.0, 40, 576
"""Seconds, bytes a second (1200 bit/s), and bytes of TCP and IP."""

MAIL = {"from": "u@HUB", "to": ["v@DORM"], "size": "400 B"}
THREE = {
    "host": [{"name": "HUB", "users": ["u"], "channels": 3}, {"name": "DORM", "users": ["v"]}],
    "link": [{"between": ["HUB", "DORM"], "latency": LATENCY, "bandwidth": "1200 bit/s"}],
    "mail": [MAIL, MAIL, MAIL],
}
LINE = ("A", "B", 0.25, 1.5, 2.0, 3, 7)


def with_lines() -> list[Row]:
    """A trace with a row of each kind; those that may have lines have some."""
    return [
        (*row, (LINE, (*LINE[:5], None, None))) if row[1] in OPTIONAL else row
        for row in one_of_each_kind()
    ]


def test_mail_data_waits_behind_what_was_sent_before_it_computed_by_hand() -> None:
    run = lab.simulate(from_dict(THREE))
    sent = [row for row in run.trace.rows if row[1] == "data"]
    lines = [lines_of(row)[0] for row in sent]
    seconds = (len(sent[0][OCTETS]) + HEADERS) / RATE
    first = lines[0][3]
    for number, (row, line) in enumerate(zip(sent, lines, strict=True)):
        host, peer, since, begin, end, session, message = line
        assert (host, peer, since) == ("HUB", "DORM", row[6])
        assert begin == pytest.approx(first + number * seconds, abs=1e-9)
        assert end == pytest.approx(begin + seconds, abs=1e-9)
        assert row[0] == pytest.approx(end + LATENCY, abs=1e-9)
        if number:
            before = sent[number - 1]
            assert (session, message) == (before[4], before[5])


def test_what_finds_the_line_free_waits_behind_nothing() -> None:
    run = lab.simulate(from_dict({**THREE, "mail": [MAIL]}))
    for row in run.trace.rows:
        for host, _, since, begin, _, *behind in lines_of(row):
            assert (since, behind) == (begin, [None, None]), host


def test_the_opening_of_a_channel_tells_how_its_messages_crossed_the_line() -> None:
    run = lab.simulate(from_dict(THREE))
    opened = [row for row in run.trace.rows if row[1] == "open"]
    ways = [[line[0] for line in lines_of(row)] for row in opened]
    assert ways == [["HUB", "DORM", "HUB"]] * 3
    # the second channel's first message waits for the first one's: 40 bytes, at 150 a second
    assert lines_of(opened[1])[0] == (
        "HUB",
        "DORM",
        0.0,
        HEADERS / RATE,
        2 * HEADERS / RATE,
        None,
        None,
    )


def test_each_line_on_a_way_is_told_and_links_without_a_bandwidth_are_not() -> None:
    tables = {
        "host": [
            {"name": "A", "users": ["u"]},
            *({"name": name, "kind": "router"} for name in "RS"),
            {"name": "B", "users": ["u"]},
        ],
        "link": [
            {"between": ["A", "R"], "bandwidth": "9600 bit/s"},
            {"between": ["R", "S"]},
            {"between": ["S", "B"], "bandwidth": "1200 bit/s"},
        ],
        "mail": [{"from": "u@A", "to": ["u@B"]}],
    }
    run = lab.simulate(from_dict(tables))
    ways = {tuple(line[:2] for line in lines_of(row)) for row in run.trace.rows}
    there, back = (("A", "R"), ("S", "B")), (("B", "S"), ("R", "A"))
    assert ways == {(), there, back, (*there, *back, *there)}


def test_rows_are_as_short_as_ever_where_no_link_has_a_bandwidth() -> None:
    run = lab.simulate(TOPOLOGIES / "rfc821/scenario-03.toml")
    assert {len(row) for row in run.trace.rows if row[1] == "data"} == {LINES}


def test_a_bandwidth_that_begins_during_a_session_is_told() -> None:
    tables = {
        **THREE,
        "link": [{"between": ["HUB", "DORM"], "latency": "1 s"}],
        "mail": [{**MAIL, "size": "4 kB"}],
        "fault": [{
            "kind": "bandwidth", "link": ["HUB", "DORM"], "at": "5.5 s", "for": "2 h",
            "value": "1200 bit/s",
        }],
    }  # fmt: skip
    run = lab.simulate(from_dict(tables))
    told = [bool(lines_of(row)) for row in run.trace.rows if row[1] in ("command", "data")]
    assert (told[0], told[-1]) == (False, True)


# -- what reads rows


def test_the_digest_does_not_depend_on_the_lines() -> None:
    assert digest(with_lines()) == digest(list(one_of_each_kind()))


def test_json_lines_and_parquet_keep_the_lines_and_read_rows_without(tmp_path: Path) -> None:
    for number, rows in enumerate((with_lines(), list(one_of_each_kind()))):
        file = io.StringIO()
        lab.Trace(rows).write_jsonl(file)
        (tmp_path / "trace.jsonl").write_text(file.getvalue())
        assert lab.Trace.read_jsonl(tmp_path / "trace.jsonl").rows == rows
        writer = ParquetWriter(tmp_path / f"{number}.parquet")
        writer.write(rows)
        writer.close("sha256:0", {})
        assert list(StoredRows(tmp_path / f"{number}.parquet")) == rows


def test_an_event_has_the_lines_by_name_if_its_row_has_them() -> None:
    for row in with_lines():
        event = event_of(row)
        assert ("lines" in event.extra) == (row[1] in OPTIONAL)
        assert json.dumps(event.as_dict()) == json.dumps({**flat_row(row, 0), "seq": -1})
    with pytest.raises(KeyError, match="lines"):
        event_of(next(row for row in one_of_each_kind() if row[1] == "open"))["lines"]


def test_lines_that_are_none_are_refused() -> None:
    row = next(row for row in with_lines() if row[1] == "data")
    for wrong in (None, 3, (LINE[:-1],), ((*LINE[:5], "1", None),)):
        with pytest.raises(TypeError):
            check_row((*row[:-1], wrong))
    with pytest.raises(TypeError):
        check_row((*row, ()))


def test_the_bytes_of_rows_are_counted_with_lines_and_without() -> None:
    assert octets_in(with_lines()) == octets_in(list(one_of_each_kind())) > 0


def test_a_live_run_tells_how_bytes_crossed_its_links() -> None:
    trace = live(from_dict(THREE), speed=60.0).trace
    data = [row for row in trace.rows if row[1] == "data"]
    lines = sorted(lines_of(row)[0] for row in data)
    assert [row[OWN] for row in sorted(data, key=lambda row: lines_of(row))] == [
        pytest.approx(line[2]) for line in lines
    ]
    numbers = {(row[4], row[5]) for row in data}
    assert {line[5:] for line in lines[1:] if line[3] > line[2]} <= numbers | {
        (session, None) for session, _ in numbers
    }
    assert any(line[3] > line[2] for line in lines)
