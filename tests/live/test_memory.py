"""The memory of the process that carries the links: it does not grow with the mail in a run."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from helpers.live_hosts import eventually, listener, served, wait_for_mail

import lab
from lab.analysis.streaming import StreamingAnalysis
from lab.live.commits import Acceptance
from lab.live.control import Control
from lab.live.journal import Journal
from lab.live.mail_file import LARGE, MailFile, mail_in, pieces_of
from lab.live.output import Output
from lab.live.recorder import Recorder
from lab.live.row_ring import outbox
from lab.live.spare_room import SpareRoom
from lab.live.wallclock import WallClock
from lab.simulation.numbering import RunNumbering
from lab.trace.retention import Retention, live_retention
from lab.trace.rows import OUTSIDE, Row
from lab.trace.trace import Trace

PIECE = (b"x" * 70 + b"\r\n") * 910
PIECES = 60
SIZE = PIECES * len(PIECE)
MAILS = 24


def rows_of(message: int) -> Iterator[Row]:
    """What a host records of mail of 4 MB from outside for one of its users."""
    at, session = message / 10, message
    about = ("A", OUTSIDE, session, None)
    yield at, "open", OUTSIDE, "A", session, None, "arpanet", "tcp", ("127.0.0.1", "A"), at
    for number in range(PIECES):
        yield at, "data", *about, at, bytes([65 + number % 26]) + PIECE[1:]
    yield at, "data", *about, at, b".\r\n"
    yield at, "submit", "A", None, None, message, "a@B", ("ann@A",), "MAIL", SIZE
    yield at, "accept", "A", OUTSIDE, session, message, ("1",), "a@B", SIZE
    text = b"".join(bytes([65 + number % 26]) + PIECE[1:] for number in range(PIECES))
    yield at, "deliver", "A", None, None, message, "1", "ann", b"Return-Path: <a@B>\r\n" + text
    yield at, "reply", OUTSIDE, "A", session, message, at, b"250 OK\r\n"
    yield at, "close", OUTSIDE, "A", session, None, "QUIT"


def test_mail_does_not_stay_in_memory(tmp_path: Path) -> None:
    """24 mails of 4 MB within a few seconds, each of them twice in the rows: all are in the trace.

    The rows of the last two seconds may have to be sorted yet; their mail is on disk already.
    """
    trace = Trace()
    trace.record((0.0, "start", "", None, None, None, {"hosts": []}))
    retention = live_retention("wire", tmp_path / "trace.parquet")
    analysis = StreamingAnalysis(Trace(), retention)
    journal = Journal(tmp_path / "trace.jsonl", "wire")
    records = Recorder(trace, trace.record, RunNumbering(), analysis, tmp_path, journal)
    clock = WallClock(time.monotonic())
    next(rows_of(1))
    import pyarrow.parquet  # noqa: F401  it takes memory of its own

    tracemalloc.start()
    try:
        for message in range(1, MAILS + 1):
            for row in rows_of(message):
                records.take([row])
            records.put_away(clock)
            records.work()
        records.sort()
        while records.work():
            pass
        records.finish()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 26 * SIZE, "all of it, twice and in a part of the trace's file, is over 60"
    kept = analysis.close()
    assert analysis.account.summary()["delivered"] == MAILS
    for number, message in enumerate(range(1, MAILS + 1)):
        wanted = [row for row in rows_of(message) if row[1] in ("data", "deliver")]
        begin = 1 + number * (PIECES + 7)
        rows = kept.rows[begin : begin + PIECES + 7]
        assert [row[-1] for row in rows if row[1] in ("data", "deliver")] == [
            row[-1] for row in wanted
        ]
    so_far = lab.Trace.read_jsonl(tmp_path / "trace.jsonl")
    assert [event["octets"] for event in so_far if event.kind == "deliver"] == [
        row[-1]
        for message in range(1, MAILS + 1)
        for row in rows_of(message)
        if row[1] == "deliver"
    ]


def test_large_mail_is_not_copied_for_the_trace_nor_for_the_digest(tmp_path: Path) -> None:
    """At most it is in memory as it came, and as one while it is looked at."""
    size = 16 << 20
    pieces = [bytes([65 + number]) * ((1 << 20) - 2) + b"\r\n" for number in range(size >> 20)]
    trace = Trace()
    trace.record((0.0, "start", "", None, None, None, {"hosts": []}))
    analysis = StreamingAnalysis(Trace(), live_retention("none", None))
    journal = Journal(tmp_path / "trace.jsonl", "wire")
    records = Recorder(trace, trace.record, RunNumbering(), analysis, tmp_path, journal)
    rows: list[Row] = [(1.0, "submit", "A", None, None, 1, "a@B", ("ann@A",), "MAIL", size)]
    about = ("A", OUTSIDE, 1, None)
    rows += [(1.0, "data", *about, 1.0, piece) for piece in (*pieces, b".\r\n")]
    rows.append((1.0, "accept", "A", OUTSIDE, 1, 1, ("1",), "a@B", size))
    text = b"Return-Path: <a@B>\r\n" + b"".join(pieces)
    rows.append((1.0, "deliver", "A", None, None, 1, "1", "ann", text))
    tracemalloc.start()
    try:
        records.take(rows)
        records.sort()
        while records.work():
            pass
        records.finish()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2.5 * size
    summary = analysis.account.summary()
    assert summary["delivered"] == 1
    assert analysis.rules.breaches(analysis.account) == []


SENT = 32 << 20


def most_memory(pid: int) -> int:
    """The most bytes that a process has had in memory so far."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) << 10 if found else 0


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="there is no /proc")
def test_a_large_mail_is_in_memory_twice_at_most_in_a_run(tmp_path: Path) -> None:
    """In its host, as it came and with the lines above it; in the network, once for the rules.

    SQLite has no copy of it, nor has what goes from the one process to the other.
    """
    path, spool = tmp_path / "one.toml", tmp_path / "spool"
    path.write_text('[[host]]\nname = "ONE.ARPA"\nusers = ["ann"]\n')
    with served(path, "--spool", str(spool)) as (process, ports):
        pids = [process.pid, listener(ports["ONE.ARPA"])]
        send_large(ports["ONE.ARPA"], 1 << 20)
        before = [most_memory(pid) for pid in pids]
        send_large(ports["ONE.ARPA"], SENT)
        wait_for_mail(spool, "ONE.ARPA", 2)
        assert eventually(lambda: trace_so_far(spool).stat().st_size > 2 * SENT)
        network, host = (
            most_memory(pid) - at_first for pid, at_first in zip(pids, before, strict=True)
        )
        process.send_signal(signal.SIGINT)
        process.wait(120)
        assert process.returncode == 0
    assert host < 2.6 * SENT
    assert network < 1.6 * SENT


def send_large(port: int, size: int) -> None:
    """Send ann mail of about so many bytes, without a header and so in one line after the other."""
    with socket.create_connection(("127.0.0.1", port), 60) as caller, caller.makefile("rb") as got:
        caller.settimeout(120)
        got.readline()
        for line in (b"HELO me.x", b"MAIL FROM:<a@me.x>", b"RCPT TO:<ann@ONE.ARPA>", b"DATA"):
            caller.sendall(line + b"\r\n")
            got.readline()
        for _ in range(size // len(PIECE)):
            caller.sendall(PIECE)
        caller.sendall(b".\r\n")
        assert got.readline().startswith(b"250")


def trace_so_far(spool: Path) -> Path:
    return spool / "trace.jsonl"


@pytest.mark.parametrize("case", ["on disk", "no room", "no file"])
def test_mail_that_comes_in_pieces_is_whole_in_the_trace(case: str, tmp_path: Path) -> None:
    """Whether the disk takes the pieces or not; rows between have theirs, and others none."""
    room = 0 if case == "no room" else 1 << 40

    class Room(SpareRoom):
        free = room  # type: ignore[assignment]

    spare = Room(tmp_path, 0)
    with pytest.MonkeyPatch.context() as patch:
        if case == "no file":
            patch.setattr("tempfile.TemporaryFile", Mock(side_effect=OSError(28, "full")))
        file = MailFile(tmp_path, spare)
    mails = [bytes([65 + number]) * (LARGE + number + 1) for number in range(3)]
    about = ("A", None, None, 1, "1", "ann")
    rows: list[Row] = [(1.0, "deliver", *about, len(mail)) for mail in mails]
    rows.insert(1, (1.0, "forget", "A", None, None, 1, ("1",)))
    for mail in mails:
        for piece in pieces_of(mail):
            file.append(bytes(piece))
    complete = file.completed(rows)
    assert [len(mail_in(row)) for row in complete] == [len(mails[0]), 0, *map(len, mails[1:])]
    trace = Trace()
    trace.record((0.0, "start", "", None, None, None, {"hosts": []}))
    analysis = StreamingAnalysis(Trace(), Retention("wire", in_memory=True))
    journal = Journal(tmp_path / "trace.jsonl", "wire")
    records = Recorder(trace, trace.record, RunNumbering(), analysis, tmp_path, journal, spare)
    records.take(complete)
    records.finish()
    kept = [row[-1] for row in analysis.close().rows if row[1] == "deliver"]
    so_far = lab.open_trace(tmp_path / "trace.jsonl")
    assert kept == mails
    assert [event["octets"] for event in so_far if event.kind == "deliver"] == mails


class Quiet(Output):
    """A host's process that has nothing to do."""

    now = 0.0
    has_work = False

    def state(self) -> tuple[Any, ...]:
        return ()

    def give_up(self, error: Exception) -> None:
        raise error

    def finish(self, acceptance: Acceptance) -> None:
        raise AssertionError("nothing was handed over")

    finish_again = finish
    failed = give_up


def test_a_process_that_has_let_go_of_its_storage_does_nothing_more(tmp_path: Path) -> None:
    """What still comes as its connections are closed is neither stored nor an error."""

    async def run() -> bytes:
        ours, theirs = socket.socketpair()
        ring = outbox()
        output = Quiet("A", Control(ours), tmp_path / "A.sqlite", ring, durable=True)
        output.close()
        output.commits.forget(Mock())
        output.write(Mock(), b"250 OK\r\n")
        output.send("call", 1)
        output.flush()
        theirs.setblocking(False)
        with pytest.raises(BlockingIOError):
            theirs.recv(1)
        await asyncio.sleep(0.01)
        ours.close()
        heard = theirs.recv(100)
        theirs.close()
        ring.close()
        return heard

    assert asyncio.run(run()) == b""


def test_what_is_said_while_the_ring_is_full_goes_to_the_network_first(tmp_path: Path) -> None:
    """It cannot be taken back then, and it is not in this process alone as its bytes leave."""
    ours, theirs = socket.socketpair()
    ring = outbox()
    output = Quiet("A", Control(ours), tmp_path / "A.sqlite", ring, durable=False)
    rows: list[Row] = [(0.5, "reply", OUTSIDE, "A", 1, None, 0.5, b"250 OK\r\n")]
    assert output.put_open(rows)
    ring.confirm()
    while ring.put(bytes(1000), 0):
        pass
    while ring.put(b"", 0):
        pass
    assert not output.put_open(rows)
    network = Control(theirs)
    assert ("rows", 0, rows) in list(network.receive())
    output.close()
    for end in (ours, theirs, ring):
        end.close()
