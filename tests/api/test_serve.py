"""A live network for the length of a with block."""

from __future__ import annotations

import os
import signal
import smtplib
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.live_hosts import eventually, wait_for_mail
from helpers.places import ROOT

import lab
from lab import lessons

TWO = lessons.from_text("""
[[host]]
name = "ONE.ARPA"
relay = true
[[host]]
name = "TWO.ARPA"
users = ["bob"]
[[link]]
between = ["ONE.ARPA", "TWO.ARPA"]
latency = "1 ms"
""")
LETTER = "Subject: x\n\nHello\n"


def is_deaf(port: int) -> bool:
    """Whether nobody listens at a port any more."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_mail_program_is_served_and_the_run_is_there_afterwards(tmp_path: Path) -> None:
    """EHLO draws 500, HELO follows, and the mail that was begun arrives; then nobody listens."""
    with lab.serve(TWO, spool=tmp_path) as served:
        assert set(served.ports) == {"ONE.ARPA", "TWO.ARPA"}
        with pytest.raises(RuntimeError, match="read it after the with block"):
            _ = served.run
        with smtplib.SMTP("127.0.0.1", served.ports["ONE.ARPA"], timeout=60) as program:
            program.sendmail("ann@laptop.example", ["bob@TWO.ARPA"], LETTER)
        wait_for_mail(tmp_path, "TWO.ARPA")
    verbs = [e["verb"] for e in served.run.trace if e.kind == "command" and e.peer == "outside"]
    assert verbs == ["EHLO", "HELO", "MAIL", "RCPT", "DATA", "QUIT"]
    assert served.run.summary["delivered"] == 1
    assert served.run.breaches == []
    assert all(is_deaf(port) for port in served.ports.values())
    with pytest.raises(RuntimeError, match="has ended"), served:
        pass


def test_processes_end_when_a_block_is_interrupted() -> None:
    """As the stop button of a notebook does; what happened until then is not lost."""
    served = lab.serve(TWO)
    with pytest.raises(KeyboardInterrupt), served:
        raise KeyboardInterrupt
    assert all(is_deaf(port) for port in served.ports.values())
    assert served.run.summary["submitted"] == 0


def test_processes_end_when_the_program_that_started_them_is_killed(tmp_path: Path) -> None:
    """SIGKILL leaves no time for anything: the network finds out by itself."""
    script = tmp_path / "program.py"  # and it needs no `if __name__ == "__main__"`
    script.write_text(
        "import time, lab\n"
        "with lab.serve('topologies/rfc821/scenario-03.toml') as served:\n"
        "    print(*served.ports.values(), flush=True)\n"
        "    time.sleep(60)\n"
    )
    root = ROOT
    with subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, text=True, cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    ) as program:  # fmt: skip
        assert program.stdout is not None
        ports = [int(port) for port in program.stdout.readline().split()]
        assert ports
        assert not any(is_deaf(port) for port in ports)
        program.send_signal(signal.SIGKILL)
    assert eventually(lambda: all(is_deaf(port) for port in ports))


def test_a_speed_out_of_range_is_an_error_in_one_sentence() -> None:
    with pytest.raises(ValueError, match="speed must be greater than 0"):
        lab.serve(TWO, speed=0)
