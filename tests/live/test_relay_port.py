"""The port at which the processes of a run meet: any program of the machine can connect there."""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from typing import Any

import pytest
from helpers.small_topologies import chain, host, mail

from lab.live.host_process import HostProcess
from lab.live.network import LiveNetwork
from lab.live.running import run_live
from lab.live.settings import Settings
from lab.topology.model import from_dict

TWO = [host("ONE.ARPA", "ann"), host("TWO.ARPA", "bob")]


def test_a_stranger_at_the_port_between_processes_is_no_host(monkeypatch: Any) -> None:
    """It hears nothing, whatever it says; after a moment the connection is closed; mail arrives."""
    topology = from_dict({
        "host": TWO, "link": chain(*TWO), "mail": [mail("ann@ONE.ARPA", "bob@TWO.ARPA", at=1)],
    })  # fmt: skip
    monkeypatch.setattr("lab.live.relay_port._UNKNOWN", 0.2)
    heard: list[bytes] = []

    def call(port: int, octets: bytes) -> None:
        with socket.create_connection(("127.0.0.1", port), 20) as sock:
            sock.settimeout(20)
            sock.sendall(octets)
            try:
                heard.append(sock.recv(1000))
            except ConnectionResetError:
                heard.append(b"")

    threads: list[threading.Thread] = []

    def started(network: LiveNetwork) -> None:
        for octets in (b"", b"HELO ONE.ARPA\r\n", b"x" * 16 + b"HELO ONE.ARPA\r\n"):
            threads.append(threading.Thread(target=call, args=(network.relay_port, octets)))
            threads[-1].start()

    trace, reason = run_live(topology, 0, Settings(), started=started)
    for thread in threads:
        thread.join(20)
    assert reason == "settled"
    assert heard == [b"", b"", b""]
    assert [event["user"] for event in trace if event.kind == "deliver"] == ["bob"]


def test_a_session_that_did_not_come_is_not_expected_any_more() -> None:
    """Whoever calls later from the same port is somebody else."""
    process = HostProcess.__new__(HostProcess)
    process.expected = {("127.0.0.1", 5000): (1, "ONE.ARPA", "arpanet", True)}
    process._handlers = {"no session": process._expect_no_more}
    process._expect_no_more(("127.0.0.1", 5000))
    assert process.expected == {}
    process._expect_no_more(("127.0.0.1", 5000))


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
