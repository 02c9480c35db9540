"""Rows that wait in memory while they are few, and in a file when they are too many for that."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from lab.trace import waiting_rows
from lab.trace.rows import Row
from lab.trace.trace import Trace
from lab.trace.waiting_rows import RowFile, WaitingRows
from lab.views.files.capture import write_capture
from lab.views.text.transcript import transcript


def row(number: int, octets: bytes = b"NOOP\r\n") -> Row:
    return (float(number), "command", "B", "A", 1, None, number - 0.5, octets)


@pytest.mark.parametrize("most", [1 << 30, 0])
def test_rows_come_out_as_they_went_in(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """One after the other, and by their places, in any order; those in the file as well."""
    monkeypatch.setattr(waiting_rows, "_MOST", most)
    monkeypatch.setattr(waiting_rows, "_LEAST", 2_000)
    with RowFile() as file:
        lists = [WaitingRows(file) for _ in range(3)]
        wanted = [[row(n + k, bytes([k]) * n) for n in range(50)] for k in range(3)]
        for n in range(50):
            for k, each in enumerate(lists):
                each.append(wanted[k][n])
        lists[1].finish()
        for each, rows in zip(lists, wanted, strict=True):
            assert list(each) == rows
            assert len(each) == 50
            assert [each[n] for n in (49, 0, 25, 24, 48)] == [rows[n] for n in (49, 0, 25, 24, 48)]
            each.close()
            assert list(each) == []
        assert file.weight == 0


SESSIONS, PIECES = 4, 30
PIECE = (b"x" * 70 + b"\r\n") * 910


def trace_of_open_sessions() -> Trace:
    """Sessions side by side, each with mail of 2 MB; the first of them stays open."""
    trace = Trace()
    hosts = [{"name": name} for name in "AB"]
    trace.record((0.0, "start", "", None, None, None, {"hosts": hosts}))
    for session in range(1, SESSIONS + 1):
        about = ("A", "B", session, None, "arpanet", "tcp", ("A", "B"), 0.0)
        trace.record((session / 10, "open", *about))
    for number in range(PIECES):
        for session in range(1, SESSIONS + 1):
            at = 1 + number + session / 10
            octets = bytes([65 + session]) + PIECE[1:]
            trace.record((at, "data", "B", "A", session, None, at - 0.5, octets))
    for session in range(2, SESSIONS + 1):
        trace.record((99.0, "close", "A", "B", session, None, "quit"))
    trace.record((100.0, "end", "", None, None, None, "until"))
    return trace


def test_what_is_open_at_once_does_not_stay_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither for a capture nor for the transcript, which need all of it until it is closed."""
    monkeypatch.setattr(waiting_rows, "_MOST", 1 << 20)
    trace = trace_of_open_sessions()
    size = SESSIONS * PIECES * len(PIECE)
    with open(tmp_path / "warm.pcap", "wb") as file:
        write_capture(Trace(), file)
    tracemalloc.start()
    try:
        with open(tmp_path / "capture.pcap", "wb") as file:
            write_capture(trace, file)
        of_capture = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        with open(tmp_path / "transcript.txt", "w", encoding="utf-8") as text:
            text.writelines(transcript(trace))
        of_transcript = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (tmp_path / "capture.pcap").stat().st_size > size
    assert (tmp_path / "transcript.txt").stat().st_size > 0.9 * size
    assert of_capture < size * 2 / 3, "packets of all sessions are more than twice the size"
    assert of_transcript < size * 2 / 3
