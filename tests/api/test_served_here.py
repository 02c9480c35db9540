"""``lab.serve`` where there are no processes and no sockets, as in a browser."""

from __future__ import annotations

import smtplib
import socket
import subprocess
import sys
from importlib import import_module

import pytest
from helpers.places import TOPOLOGIES

import lab
from lab.api import progress
from lab.lessons import from_text
from lab.runtime import executor

RELAYED = TOPOLOGIES / "rfc821/scenario-03.toml"


@pytest.fixture(autouse=True)
def no_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lab believes that it is so here."""
    import_module("lab.api.serve")  # whose name is that of a function, too
    monkeypatch.setattr(sys.modules["lab.api.serve"], "has_processes", lambda: False)


def test_smtplib_sends_through_the_network() -> None:
    """Mail that was accepted goes on when the block ends; both sessions are of one run."""
    before = socket.create_connection
    with lab.serve(RELAYED) as served:
        with pytest.raises(RuntimeError, match="after the with block"):
            _ = served.run
        for text in ("One", "Two"):
            with smtplib.SMTP("127.0.0.1", served.ports["USC-ISIE.ARPA"], "home") as program:
                program.sendmail("me@HOME.ARPA", ["Jones@BBN-VAX.ARPA"], text)
    assert socket.create_connection is before
    outcomes = [row["outcome"] for row in served.run.summary["recipients"]]
    assert outcomes.count("delivered") == 3  # with that of the file
    callers = [event.peer for event in served.run.trace if event.kind == "command"]
    assert "outside" in callers


def test_a_program_with_a_socket_of_its_own() -> None:
    """It reads lines as bytes or text, or pieces; at the end of a session it reads nothing."""
    with lab.serve(RELAYED) as served:
        address = ("127.0.0.1", served.ports["BBN-VAX.ARPA"])
        with socket.create_connection(address, 5) as channel:
            channel.settimeout(5)
            assert channel.recv(4) == b"220 "
            text = channel.makefile()
            assert text.readline().endswith("Ready\r\n")
            with pytest.raises(TimeoutError, match="waits for you"):
                channel.recv(10)
            assert channel.send(b"NOOP\r\n") == 6
            assert channel.makefile("rb").readline() == b"250 OK\r\n"
            channel.sendall(b"QUIT\r\n")
            channel.shutdown(socket.SHUT_WR)
            assert channel.recv(100).startswith(b"221 ")
            assert channel.recv(100) == b""
            with pytest.raises(BrokenPipeError):
                channel.sendall(b"NOOP\r\n")
        with pytest.raises(ConnectionRefusedError, match="nothing listens at port 1"):
            socket.create_connection(("127.0.0.1", 1))
    assert any(event.kind == "close" for event in served.run.trace)


def test_a_stranger_does_not_change_roles_by_a_name() -> None:
    """As with a live network: TURN is for hosts that are recognised by their line."""
    network = from_text(
        '[[host]]\nname = "HUB.ARPA"\nturn = true\nholds = ["SMALL.ARPA"]\n'
        '[[host]]\nname = "SMALL.ARPA"\nusers = ["bob"]\n'
        '[[link]]\nbetween = ["HUB.ARPA", "SMALL.ARPA"]\n'
    )
    with (
        lab.serve(network) as served,
        smtplib.SMTP("127.0.0.1", served.ports["HUB.ARPA"], "home") as program,
    ):
        assert [program.docmd(line)[0] for line in ("HELO SMALL.ARPA", "TURN")] == [250, 502]


def test_many_runs_are_made_one_after_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executor, "has_processes", lambda: False)
    monkeypatch.setattr(executor, "ALONE", -1.0)
    assert executor.processors() == 1
    monkeypatch.setattr(progress, "has_processes", lambda: False)
    with progress.shown(True, 4) as told:  # a bar would need a thread
        assert told is None
    assert list(executor.results(abs, [-1, -2, -3, -4], 2)) == [1, 2, 3, 4]


def test_what_lessons_import_needs_no_processes() -> None:
    """As in a browser, whose Python has no module of them."""
    program = (
        "import sys\n"
        "sys.modules['_multiprocessing'] = None\n"
        "from lab.lessons.asks import lesson_11, lesson_15, lesson_16\n"
        "import lab\nassert lab.explore and lab.storm and lab.serve\n"
        "from lab.runtime.extras import has_processes\nassert not has_processes()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
