"""What a host recorded outlives it: the outbox, and the storage that says what came true."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from unittest.mock import Mock, patch

import pytest
from helpers.live_hosts import eventually, served

import lab
from lab.hosts.settings import HostSettings
from lab.live.caller_record import CallerRecord
from lab.live.host_handle import HostHandle
from lab.live.row_ring import HELD, INSTEAD, SIZE, RowRing, outbox, packed, what_crossed
from lab.live.send_queue import SendQueue
from lab.trace.rows import Row


def both() -> tuple[RowRing, RowRing]:
    """The host's end and the network's."""
    host = outbox()
    return host, RowRing(os.dup(host._descriptor))


def rows_of(size: int, number: int = 0) -> list[tuple[object, ...]]:
    return [(0.5, "data", "A", "B", number, None, 0.5, b"x" * size)]


def test_rows_are_fetched_in_order_many_times_round_the_ring() -> None:
    """Of all sizes, across its end; and nothing is fetched twice."""
    host, network = both()
    fetched = []
    for number in range(16_000):
        assert host.put(packed(rows_of(number % 997, number)), number)
        if number % 50 == 49:
            fetched += list(network.fetch(host.written))
    assert host.written > 1.5 * SIZE
    assert [batch for batch, _ in fetched] == list(range(16_000))
    assert [rows for _, rows in fetched] == [rows_of(n % 997, n) for n in range(16_000)]
    assert list(network.fetch()) == []
    for end in (host, network):
        end.close()


def test_a_ring_that_is_full_says_so_and_loses_nothing() -> None:
    """Until the network has fetched; and more than there is room for is never taken."""
    host, network = both()
    count = 0
    while host.put(packed(rows_of(1000)), 0):
        count += 1
    assert count > SIZE // 1200
    assert len(list(network.fetch(host.written))) == count
    assert host.put(packed(rows_of(1000)), 0)
    assert not host.put(packed(rows_of(SIZE)), 0)
    assert len(list(network.fetch())) == 1
    for end in (host, network):
        end.close()


def test_of_a_batch_that_was_not_stored_only_what_crossed_before_is_true() -> None:
    """The mail data of session 1 came; that it was accepted, and the 250, did not come true."""
    command, data, accept, deliver, said, other = (
        (1.0, "command", "A", "outside", 1, None, 1.0, b"DATA\r\n"),
        (1.0, "data", "A", "outside", 1, None, 1.0, b".\r\n"),
        (1.0, "accept", "A", "outside", 1, 7, ("1",), "", 0),
        (1.0, "deliver", "A", None, None, 7, "1", "ann", b""),
        (1.0, "reply", "outside", "A", 1, None, 1.0, b"250 OK\r\n"),
        (1.0, "reply", "outside", "A", 2, None, 1.0, b"220 A\r\n"),
    )
    kept = what_crossed([command, data, accept, deliver, said, other])
    assert kept == [command, data, other]


def test_what_is_free_passes_what_waits_but_not_on_its_own_connection() -> None:
    """Bytes of one connection leave in their order."""
    gone: list[tuple[str, bytes]] = []

    def connection(name: str) -> Mock:
        made = Mock(is_closing=lambda: False)
        made.write = lambda octets: gone.append((name, octets))
        made.close = lambda: gone.append((name, b"closed"))
        return made

    one, two = connection("one"), connection("two")
    departures = SendQueue()
    departures.add(one, b"250", free=False)
    departures.add(one, b"221", free=True)
    departures.add(two, b"220", free=True)
    departures.send_free()
    departures.withhold()
    departures.add(one, None, free=True)
    departures.add(two, b"354", free=True)
    departures.send_free()
    assert gone == [("two", b"220"), ("two", b"354")]
    departures.release()
    departures.send()
    assert gone[2:] == [("one", b"250"), ("one", b"221"), ("one", b"closed")]
    departures.add(one, b"again", free=True)
    departures.send_free()
    assert gone[-1] == ("one", b"again")


def test_what_is_early_waits_until_it_is_written_and_not_for_the_disk() -> None:
    """A command after mail that was taken; what was said before it on a connection leaves first."""
    gone: list[bytes] = []
    one, two = (Mock(is_closing=lambda: False, write=gone.append) for _ in range(2))
    departures = SendQueue()
    departures.add(one, b"MAIL", early=True)
    departures.add(one, b"RCPT", free=True, early=True)
    departures.add(two, b"DATA", free=True, early=True)
    departures.send_free()
    assert gone == [b"DATA"]
    assert departures.has_early
    departures.add(two, b"250")
    departures.withhold()
    departures.add(two, b"MAIL", early=True)
    departures.send_early()
    assert gone == [b"DATA", b"MAIL", b"RCPT"]
    assert not departures.has_early
    departures.release()
    departures.send()
    assert gone[3:] == [b"250", b"MAIL"]


class Killed(Exception):
    """Stands for a SIGKILL: nothing of the host runs after it."""


class Caller:
    """A connection to a caller that does as the test says with what is written to it."""

    def __init__(self, *, reads: bool = True, killed: bool = False, resets: bool = False) -> None:
        self.transport: Any = self
        self.is_stuck = False
        self._reads, self._killed, self._resets = reads, killed, resets
        self._is_closing = False

    def is_closing(self) -> bool:
        return self._is_closing

    def write(self, octets: bytes) -> None:
        if self._killed:
            raise Killed
        self.is_stuck = not self._reads
        self._is_closing = self._resets


class Host:
    """As much of a host's process as records what is said."""

    def __init__(self) -> None:
        self.outbox, network = both()
        self.handle = HostHandle(Mock(settings=Mock(ports={})), HostSettings("A.ARPA"), 0)
        self.handle._outbox = network
        self.rows: list[Row] = []

    def put_open(self, rows: list[Row]) -> bool:
        self._put()
        return self.outbox.put_open(packed(rows))

    def hold_rows(self, rows: list[Row]) -> None:
        self.outbox.put(packed(rows), HELD)

    def release_rows(self, session: int, rows: list[Row]) -> None:
        self.outbox.put(packed([(session,), *rows]), INSTEAD)

    def note(self, rows: Iterable[Row]) -> None:
        self.rows += rows

    def _put(self) -> None:
        self.outbox.put(packed(self.rows), 0)
        self.rows = []

    def recorded(self) -> list[bytes]:
        """What the network records in all, once this host has ended."""
        self._put()
        taken: list[Row] = []
        self.handle._take_rows = taken.extend  # type: ignore[method-assign]
        left = patch("lab.live.host_handle.left_in", return_value=(0, 0))
        with left, patch.object(HostHandle, "_file", Path()):
            self.handle._inherit()
        self.outbox.close()
        return [row[-1] for row in taken]


MAIL = [(0.5, "command", "A", "outside", 7, None, 0.5, b"MAIL")]
OK = [(0.5, "reply", "outside", "A", 7, None, 0.5, b"250")]
CLOSE = [(0.6, "close", "outside", "A", 7, None, b"closed")]


def test_a_reply_is_recorded_before_its_first_byte_leaves() -> None:
    """The host is killed in the middle of the write."""
    host = Host()
    with pytest.raises(Killed):
        CallerRecord(host, Caller(killed=True), 7).say(b"250", MAIL + OK)  # type: ignore[arg-type]
    assert host.recorded() == [b"MAIL", b"250"]


def test_a_reply_that_cannot_be_sent_is_not_recorded() -> None:
    """The connection has been reset before, or is as the reply is written."""
    host, caller = Host(), Caller(resets=True)
    record = CallerRecord(host, caller, 7)  # type: ignore[arg-type]
    record.say(b"250", MAIL + OK)
    record.say(b"250", MAIL + OK)
    assert host.recorded() == [b"MAIL", b"MAIL"]


@pytest.mark.parametrize(
    ("end", "recorded"),
    [
        ("left", [b"MAIL", b"250", b"closed"]),
        ("reset", [b"MAIL", b"closed"]),
        ("killed", [b"MAIL", b"250", b"closed"]),
    ],
)
def test_a_reply_that_waits_is_recorded_when_it_is_known_what_became_of_it(
    end: str, recorded: list[bytes]
) -> None:
    """The caller reads nothing. If the host is killed meanwhile, a part may have been read."""
    host, caller = Host(), Caller(reads=False)
    record = CallerRecord(host, caller, 7)  # type: ignore[arg-type]
    record.say(b"250", MAIL + OK)
    record.note(CLOSE)
    assert list(host.rows) == []
    if end != "killed":
        record.settle(has_left=end == "left")
    assert host.recorded() == recorded


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="there is no /proc")
def test_what_a_host_said_before_it_was_killed_is_in_the_trace(tmp_path: Path) -> None:
    """SIGKILL as soon as a reply is there, after each: so is all that was said until then."""
    path, out = tmp_path / "one.toml", tmp_path / "out"
    path.write_text('[[host]]\nname = "ONE.ARPA"\nusers = ["ann"]\n')
    lines = [b"HELO me", b"MAIL FROM:<a@B>", b"RCPT TO:<ann@ONE.ARPA>", b"DATA", b"Hi\r\n."]
    codes = [220, 250, 250, 250, 354, 250]
    with served(path, "--out", str(out)) as (process, ports):
        for count in range(len(codes)):
            with socket.create_connection(("127.0.0.1", ports["ONE.ARPA"]), 20) as caller:
                pid = _listener(ports["ONE.ARPA"])
                replies = caller.makefile("rb")
                replies.readline()
                for line in lines[:count]:
                    caller.sendall(line + b"\r\n")
                    replies.readline()
                os.kill(pid, signal.SIGKILL)
                replies.close()
            assert eventually(lambda gone=pid: _listener(ports["ONE.ARPA"]) not in (0, gone))
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)
    trace = lab.Trace.read_jsonl(out / "trace.jsonl")
    summary = json.loads((out / "summary.json").read_text())
    assert (summary["delivered"], summary["lost"]) == (1, 0)
    for count in range(len(codes)):
        events = [event for event in trace if event.session == count + 1]
        words = [e for e in events if e.kind in ("command", "data")]
        assert [e["octets"] for e in words][:4] == [line + b"\r\n" for line in lines[:count]][:4]
        assert [e["code"] for e in events if e.kind == "reply"] == codes[: count + 1]


def _listener(port: int) -> int:
    """The process that listens at a port; 0 while there is none."""
    wanted = f"0100007F:{port:04X}"
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    fields = [line.split() for line in lines]
    sockets = {f"socket:[{f[9]}]" for f in fields if f[1] == wanted and f[3] == "0A"}
    for place in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if os.readlink(place) in sockets:
                return int(place.parts[2])
        except OSError:
            continue
    return 0
