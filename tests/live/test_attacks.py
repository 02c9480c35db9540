"""What happens to the machine of a run, or is done to it: nothing that got a 250 is lost."""

from __future__ import annotations

import json
import os
import signal
import smtplib
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from helpers.live_hosts import eventually, served
from helpers.small_topologies import chain, host, mail

from lab.live.network import LiveNetwork
from lab.live.running import run_live
from lab.live.settings import Settings
from lab.live.spool_folder import read_folder
from lab.topology.model import from_dict

TOPOLOGY = """
[retry]
first = "0.5 s"
factor = 1
[[host]]
name = "A.ARPA"
relay = true
[[host]]
name = "B.ARPA"
users = ["bob"]
[[link]]
between = ["A.ARPA", "B.ARPA"]
latency = "1 ms"
"""
LINES = ("y" * 70 + "\r\n") * 100


def send(port: int, text: str = "hello\r\n") -> int:
    """Send a mail to bob; return the last code that came."""
    with smtplib.SMTP("127.0.0.1", port, timeout=60) as program:
        try:
            program.sendmail("me@me.x", ["bob@B.ARPA"], text)
        except smtplib.SMTPResponseException as refused:
            return refused.smtp_code
        except smtplib.SMTPRecipientsRefused as refused:
            return next(iter(refused.recipients.values()))[0]
        return 250


@pytest.fixture
def topology(tmp_path: Path) -> Path:
    path = tmp_path / "two.toml"
    path.write_text(TOPOLOGY)
    return path


def kept(spool: Path) -> int:
    """How many mails there are, in mailboxes and on their way; no run may use the spool."""
    return sum(len(each.drops) + len(each.waiting) for each in read_folder(spool))


def test_hosts_serve_while_the_process_of_the_network_is_stopped(
    topology: Path, tmp_path: Path
) -> None:
    """What they accept meanwhile goes on its way, and is in the account, when it runs again."""
    out, spool = tmp_path / "out", tmp_path / "spool"
    with served(topology, "--trace", "none", "--out", str(out), "--spool", str(spool)) as (
        process,
        ports,
    ):
        assert send(ports["A.ARPA"]) == 250
        process.send_signal(signal.SIGSTOP)
        try:
            codes = [send(port, LINES) for _ in range(10) for port in ports.values()]
        finally:
            process.send_signal(signal.SIGCONT)
        assert codes == [250] * 20
        assert send(ports["A.ARPA"]) == 250
        process.send_signal(signal.SIGINT)
        assert process.wait(120) == 0
    summary = json.loads((out / "summary.json").read_text())
    assert kept(spool) == summary["submitted"] == 22
    assert summary["delivered"] + summary["queued"] == 22
    assert (summary["lost"], summary["duplicates"]) == (0, 0)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(place)]
    if os.name == "nt" or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a tmpfs may not be mounted here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_disk_that_is_full_until_it_grows_loses_nothing(
    topology: Path, small_disk: Path, tmp_path: Path
) -> None:
    """It draws 452; the hosts go on, and take mail again when there is room."""
    out, spool = tmp_path / "out", small_disk / "spool"
    with served(topology, "--trace", "none", "--out", str(out), "--spool", str(spool)) as (
        process,
        ports,
    ):
        codes: list[int] = []

        def is_full() -> bool:
            codes.extend(send(port, LINES) for port in ports.values())
            return codes.count(452) > 5

        assert eventually(is_full, 120)
        assert set(codes) == {250, 452}
        subprocess.run(["mount", "-o", "remount,size=50m", str(small_disk)], check=True)
        assert eventually(lambda: send(ports["B.ARPA"]) == 250, 60)
        process.send_signal(signal.SIGINT)
        assert process.wait(120) == 0
    summary = json.loads((out / "summary.json").read_text())
    assert kept(spool) == summary["submitted"] == codes.count(250) + 1
    assert summary["delivered"] + summary["queued"] == summary["submitted"]
    assert summary["lost"] == 0
    assert {each["name"] for each in summary["failures"]} == {"storage"}


def test_programs_that_hold_the_port_between_processes_open_stop_nothing() -> None:
    """They say nothing, or a byte now and then; mail goes on past them."""
    two = [host("ONE.ARPA", "ann"), host("TWO.ARPA", "bob")]
    described = from_dict({
        "host": two, "link": chain(*two), "mail": [mail("ann@ONE.ARPA", "bob@TWO.ARPA", at=20)],
    })  # fmt: skip
    with ExitStack() as closing:
        over = threading.Event()

        def dribble(sockets: list[socket.socket]) -> None:
            while not over.wait(0.05):
                for sock in sockets:
                    try:
                        sock.send(b"x")
                    except OSError:
                        sockets.remove(sock)
                        break

        def started(network: LiveNetwork) -> None:
            sockets = []
            for _ in range(300):
                sock = socket.create_connection(("127.0.0.1", network.relay_port), 20)
                sockets.append(closing.enter_context(sock))
            thread = threading.Thread(target=dribble, args=(sockets[::3],))
            thread.start()
            closing.callback(thread.join)
            closing.callback(over.set)

        begun = time.monotonic()
        trace, reason = run_live(described, 0, Settings(speed=20.0), started=started)
        assert reason == "settled", time.monotonic() - begun
    assert [event["user"] for event in trace if event.kind == "deliver"] == ["bob"]
    assert [event for event in trace if event.kind == "failure"] == []
