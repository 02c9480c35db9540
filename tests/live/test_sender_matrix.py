"""Our receiver-SMTP against senders that misbehave: each stage and each manner, by hand and live.

After each cell the host serves the next caller, and keeps exactly the mail that it said 250 to.
"""

from __future__ import annotations

import json
import re
import signal
import socket
import struct
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest
from helpers.live_hosts import served

from lab.analysis.invariants import breaches
from lab.api.conversation import Conversation
from lab.topology.model import from_dict

HOST = "GATE.ARPA"
TABLES = {"host": [{"name": HOST, "users": ["fred"], "limits": {"line": 512, "message": 5000}}]}

STAGES: dict[str, bytes] = {
    "before the greeting": b"",
    "opened": b"",
    "greeted": b"HELO me.x\r\n",
    "in a transaction": b"HELO me.x\r\nMAIL FROM:<a@me.x>\r\n",
    "with a recipient": b"HELO me.x\r\nMAIL FROM:<a@me.x>\r\nRCPT TO:<fred@GATE.ARPA>\r\n",
    "in mail data": b"HELO me.x\r\nMAIL FROM:<a@me.x>\r\nRCPT TO:<fred@GATE.ARPA>\r\n"
    b"DATA\r\nHi\r\n",
    "after the mail": b"HELO me.x\r\nMAIL FROM:<a@me.x>\r\nRCPT TO:<fred@GATE.ARPA>\r\n"
    b"DATA\r\nHi\r\n.\r\n",
}
WHOLE = STAGES["after the mail"] + b"QUIT\r\n"

MANNERS: dict[str, bytes] = {
    "everything at once": WHOLE,
    "half a command": b"RCPT TO:<fr",
    "half a line end": b"NOOP\r",
    "half an end of mail data": b"\r\n.",
    "two QUIT": b"QUIT\r\nQUIT\r\n",
    "commands after QUIT": b"QUIT\r\n" + WHOLE,
    "garbage": bytes(range(256)) * 3 + b"\r\n",
    "no line end": b"x" * 3000,
    "a line too long": b"x" * 3000 + b"\r\n",
    "NULs": b"\0\0NOOP\0\r\n",
    "bare LF": b"NOOP\nRSET\n.\nQUIT\n",
    "bare CR": b"NOOP\rRSET\r.\rQUIT\r",
    "an end of data with bare LF": b"x\n.\nMAIL FROM:<b@me.x>\r\n",
    "empty lines": b"\r\n" * 50,
    "EHLO": b"EHLO me.x\r\n",
    "a reply": b"250 OK\r\n354 go\r\n",
    "too much data": b"DATA\r\n" + b"y" * 500 + b"\r\n" * 3 + b"y" * 9000 + b"\r\n.\r\n",
    "nothing": b"",
}

ENDS: dict[str, Callable[[socket.socket], None]] = {
    "close": lambda caller: None,
    "half-close": lambda caller: caller.shutdown(socket.SHUT_WR),
    "reset": lambda caller: caller.setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
    ),
}

CELLS = [(stage, manner) for stage in STAGES for manner in MANNERS]


def codes_in(octets: bytes) -> list[str]:
    return re.findall(r"^(\d{3})[ -]", octets.decode("latin-1"), re.MULTILINE)


def taken(said: bytes) -> int:
    """How many mails were taken: each 354 that is followed by a 250 at once."""
    codes = codes_in(said)
    return sum(pair == ("354", "250") for pair in pairwise(codes))


@pytest.mark.parametrize(("stage", "manner"), CELLS)
def test_by_hand_a_host_replies_by_the_table_and_keeps_what_it_said(
    stage: str, manner: str
) -> None:
    talk = Conversation(from_dict(TABLES), HOST)
    said = talk.open()
    for piece in (STAGES[stage], MANNERS[manner]):
        if not talk.is_over:
            said += talk.receive(piece)
    talk.close()
    run = talk.finish().run
    assert breaches(run.trace.rows) == []
    assert run.summary["lost"] == 0
    assert run.summary["delivered"] == taken(said)


Gate = tuple[int, "subprocess.Popen[str]", Path]
"""The port of a host that serves, its process, and what that leaves at its end."""


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    folder = tmp_path_factory.mktemp("gate")
    path = folder / "gate.toml"
    path.write_text(from_dict(TABLES).to_toml())
    with served(path, "--out", str(folder / "out")) as (process, ports):
        yield ports[HOST], process, folder / "out"


TAKEN: list[bytes] = []
"""The dialogues of callers who heard that their mail is taken."""


def call(port: int, octets: bytes, end: str, *, early: bool = False) -> bytes:
    """Say something, end as told, and return all that the host says."""
    said = b""
    with socket.create_connection(("127.0.0.1", port), 20) as caller:
        caller.settimeout(20)
        if not early:
            said += caller.recv(4096)
        with suppress(OSError):
            caller.sendall(octets)
            ENDS[end](caller)
            while end == "half-close" and (some := caller.recv(4096)):
                said += some
    return said


@pytest.mark.parametrize(("stage", "manner"), CELLS)
def test_live_a_host_serves_the_next_caller(stage: str, manner: str, gate: Gate) -> None:
    port, *_ = gate
    early = stage == "before the greeting"
    for end in ENDS:
        call(port, STAGES[stage] + MANNERS[manner], end, early=early)
    said = call(port, WHOLE, "half-close")
    assert codes_in(said) == ["220", "250", "250", "250", "354", "250", "221"]
    TAKEN.append(said)


def test_live_nothing_is_lost_and_nobody_is_blamed(gate: Gate) -> None:
    """At its end the host has all the mail that it said 250 to; the callers broke the rules."""
    _, process, out = gate
    process.send_signal(signal.SIGINT)
    printed = process.communicate(timeout=120)
    assert process.returncode == 3, printed  # a peer broke a rule, and no host of ours
    summary = json.loads((out / "summary.json").read_text())
    assert summary["lost"] == 0
    # a caller that resets its connection early has no address any more
    assert {breach["host"] for breach in summary["peer_breaches"]} <= {"127.0.0.1", "outside"}
    assert summary["peer_breaches"]
    assert summary["delivered"] == summary["submitted"] >= len(TAKEN)
