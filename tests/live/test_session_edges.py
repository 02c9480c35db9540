"""The edges of a session with a caller from outside: its first moment, half-closes, and 421."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from helpers.live_hosts import eventually, listener, served

GATE = "GATE.ARPA"
TOPOLOGY = '[[host]]\nname = "GATE.ARPA"\nusers = ["fred"]\n'
COMMANDS = [
    b"HELO me.x\r\n", b"MAIL FROM:<a@me.x>\r\n", b"RCPT TO:<fred@GATE.ARPA>\r\n", b"DATA\r\n",
    b"hi\r\n.\r\n", b"QUIT\r\n",
]  # fmt: skip


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    path = tmp_path / "gate.toml"
    path.write_text(TOPOLOGY)
    return path


def received(caller: socket.socket) -> list[str]:
    """The codes of all replies until the host closes the channel."""
    caller.settimeout(60)
    octets = b""
    with suppress(ConnectionResetError):
        while some := caller.recv(4096):
            octets += some
    return re.findall(r"^\d{3}", octets.decode(), re.MULTILINE)


def heard(caller: socket.socket, count: int) -> list[str]:
    """The codes of the next replies, of one line each."""
    caller.settimeout(60)
    codes: list[str] = []
    while len(codes) < count:
        line = b""
        while not line.endswith(b"\n"):
            octet = caller.recv(1)
            assert octet, (codes, line)
            line += octet
        codes.append(line[:3].decode())
    return codes


def call(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), 20)


def test_a_caller_that_half_closes_still_gets_every_reply(gate: Path, tmp_path: Path) -> None:
    """After all of its commands, after the final period, and after nothing (4.1.1)."""
    out = tmp_path / "out"
    with served(gate, "--out", str(out)) as (_, ports):
        with call(ports[GATE]) as caller:
            caller.sendall(b"".join(COMMANDS))
            caller.shutdown(socket.SHUT_WR)
            assert received(caller) == ["220", "250", "250", "250", "354", "250", "221"]
        with call(ports[GATE]) as caller:
            caller.sendall(b"".join(COMMANDS[:5]))
            caller.shutdown(socket.SHUT_WR)
            assert received(caller) == ["220", "250", "250", "250", "354", "250"]
        with call(ports[GATE]) as caller:
            caller.shutdown(socket.SHUT_WR)
            assert received(caller) == ["220"]
    assert json.loads((out / "summary.json").read_text())["delivered"] == 2


@pytest.mark.parametrize("to_all", [False, True], ids=["the network", "every process"])
def test_a_run_that_ends_says_421_to_who_is_connected(gate: Path, to_all: bool) -> None:
    """Between commands and in the middle of the mail data; that is no breach."""
    command = [sys.executable, "-m", "lab", "live", str(gate), "--serve"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline().rpartition(":")[2])
        with call(port) as first, call(port) as second:
            first.sendall(COMMANDS[0])
            second.sendall(b"".join(COMMANDS[:4]) + b"some text")
            assert heard(first, 2) == ["220", "250"]
            assert heard(second, 5) == ["220", "250", "250", "250", "354"]
            if to_all:
                os.killpg(process.pid, signal.SIGTERM)
            else:
                process.terminate()
            assert received(first) == received(second) == ["421"]
        assert process.wait(120) == 0


def test_a_caller_that_says_nothing_hears_421(gate: Path) -> None:
    """After ``--idle``; the run that goes on has no breach because of it."""
    with served(gate, "--idle", "1 s") as (process, ports):
        with call(ports[GATE]) as caller:
            caller.sendall(b"".join(COMMANDS[:4]))
            assert received(caller) == ["220", "250", "250", "250", "354", "421"]
        process.terminate()
        assert process.wait(120) == 0


def test_a_host_listens_when_it_can_answer_and_not_before(tmp_path: Path) -> None:
    """A caller that tries from the first moment on is refused, or gets all of its replies."""
    path = tmp_path / "star.toml"
    others = "".join(
        f'[[host]]\nname = "IN{n}.ARPA"\n[[link]]\nbetween = ["GATE.ARPA", "IN{n}.ARPA"]\n'
        for n in range(12)
    )
    path.write_text(TOPOLOGY + others)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "lab", "live", str(path), "--serve"]
    command += ["--port", f"{GATE}={port}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        caller = eventually(lambda: connected(port))
        with caller:
            caller.sendall(b"".join(COMMANDS))
            assert received(caller) == ["220", "250", "250", "250", "354", "250", "221"]
        process.terminate()
        assert process.wait(120) == 0


def connected(port: int) -> socket.socket | None:
    try:
        return call(port)
    except OSError:
        return None


def test_callers_that_reset_the_connection_at_once_end_nothing(gate: Path) -> None:
    """The address of such a caller may be gone when the host looks."""
    with served(gate) as (process, ports):
        for _ in range(150):
            caller = call(ports[GATE])
            caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            caller.close()
        with call(ports[GATE]) as caller:
            caller.sendall(b"QUIT\r\n")
            assert received(caller) == ["220", "221"]
        process.terminate()
        assert process.wait(120) == 0


def test_a_host_that_is_asked_to_end_says_421_and_runs_again(gate: Path) -> None:
    """SIGTERM to one process is a shutdown of that host, and the network starts it again."""
    with served(gate) as (process, ports):
        with call(ports[GATE]) as caller:
            caller.sendall(COMMANDS[0])
            assert heard(caller, 2) == ["220", "250"]
            pid = listener(ports[GATE])
            os.kill(pid, signal.SIGTERM)
            assert received(caller) == ["421"]
        assert eventually(lambda: is_answered(ports[GATE]))
        assert process.poll() is None


@pytest.mark.parametrize(("kind", "last"), [("host-down", ["421"]), ("crash", [])])
def test_a_host_that_a_fault_shuts_down_says_421(
    kind: str, last: list[str], tmp_path: Path
) -> None:
    """In order; a host that crashes says nothing any more. In both cases it is there again."""
    path = tmp_path / "down.toml"
    path.write_text(
        TOPOLOGY
        + f'[[fault]]\nkind = "{kind}"\nhost = "GATE.ARPA"\nfor = "1 s"\n'
        + 'when = { event = "submit" }\n'
        + '[[mail]]\nat = "1 h"\nfrom = "fred@GATE.ARPA"\nto = "fred@GATE.ARPA"\n'
    )
    with served(path) as (process, ports):
        with call(ports[GATE]) as caller:
            caller.sendall(COMMANDS[0])
            assert heard(caller, 2) == ["220", "250"]
            with call(ports[GATE]) as other:  # whose mail is what the fault waits for
                other.sendall(b"".join(COMMANDS[:5]))
                assert received(caller) == last
        assert eventually(lambda: is_answered(ports[GATE]))
        assert process.poll() is None


def is_answered(port: int) -> bool:
    """Whether a host greets and says goodbye; at its end it may take a call and say nothing."""
    try:
        with call(port) as caller:
            caller.sendall(b"QUIT\r\n")
            return received(caller) == ["220", "221"]
    except OSError:
        return False
