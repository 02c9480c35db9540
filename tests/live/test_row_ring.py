"""What a host recorded outlives it: the outbox, and the storage that says what came true."""

from __future__ import annotations

import json
import os
import signal
import smtplib
from pathlib import Path
from unittest.mock import Mock

import pytest
from helpers.live_hosts import eventually, served

import lab
from lab.live.row_ring import SIZE, RowRing, outbox, packed, what_crossed
from lab.live.send_queue import SendQueue


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


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="there is no /proc")
def test_what_a_host_said_before_it_was_killed_is_in_the_trace(tmp_path: Path) -> None:
    """SIGKILL as soon as the 250 is there: so are accept, deliver, and the words of the session.

    The 250 itself is recorded when it was written, and the SIGKILL may come between the two.
    """
    path, out = tmp_path / "one.toml", tmp_path / "out"
    path.write_text('[[host]]\nname = "ONE.ARPA"\nusers = ["ann"]\n')
    with served(path, "--out", str(out)) as (process, ports):
        for _ in range(3):
            client = smtplib.SMTP("127.0.0.1", ports["ONE.ARPA"], timeout=20)
            pid = _listener(ports["ONE.ARPA"])
            client.helo("me")
            client.sendmail("a@B.ARPA", ["ann@ONE.ARPA"], "Hi\r\n" + "x" * 5000)
            os.kill(pid, signal.SIGKILL)
            client.close()
            assert eventually(lambda gone=pid: _listener(ports["ONE.ARPA"]) not in (0, gone))
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    trace = lab.Trace.read_jsonl(out / "trace.jsonl")
    summary = json.loads((out / "summary.json").read_text())
    assert (summary["delivered"], summary["lost"]) == (3, 0)
    for session in range(1, 4):
        words = [e for e in trace if e.session == session and e.kind in ("command", "data")]
        assert [e["verb"] for e in words if e.kind == "command"] == ["HELO", "MAIL", "RCPT", "DATA"]
        replies = [e["code"] for e in trace if e.session == session and e.kind == "reply"]
        assert replies[:5] == [220, 250, 250, 250, 354]
        assert replies[5:] in ([250], [])


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
