"""Relaying changes nothing that cannot be undone (4.5.2): bytes from outside, to external hosts."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from helpers.foreign_host import foreign_host
from helpers.live_hosts import eventually, served

TOPOLOGY = """
[[host]]
name = "GATE.ARPA"
relay = true
users = ["fred"]
[[host]]
name = "INNER.ARPA"
relay = true
[[host]]
name = "THEIRS.ARPA"
users = ["ann"]
external = "127.0.0.1:{port}"
[[link]]
between = ["GATE.ARPA", "INNER.ARPA"]
[[link]]
between = ["INNER.ARPA", "THEIRS.ARPA"]
"""
KEPT = [
    b"one\ntwo\r\n", b"one\rtwo\r\n", b"nul\0l\r\n", b"\x01\x7f\t\r\n", b"..\r\n.a\r\n\n.b\r\n",
    b"z" * 998 + b"\r\n", b"\n\r\n", b"no newline\n\r\n", b"",
]  # fmt: skip
REFUSED = [b"one\n.\nQUIT\r\n", b"one\r.\rQUIT\r\n", b"one\n.\r\ntwo\r\n", b"z" * 999 + b"\r\n"]


def stuffed(text: bytes) -> bytes:
    """A text as it is sent, with its end (4.5.2)."""
    lines = (b"\r\n" + text).replace(b"\r\n.", b"\r\n..")[2:]
    return lines + b".\r\n"


def send(port: int, to: str, text: bytes) -> bytes:
    """Hand in a text; return the reply to it."""
    with socket.create_connection(("127.0.0.1", port), 20) as caller, caller.makefile("rb") as got:
        got.readline()
        for line in (b"HELO me.x", b"MAIL FROM:<a@me.x>", f"RCPT TO:<{to}>".encode(), b"DATA"):
            caller.sendall(line + b"\r\n")
            got.readline()
        caller.sendall(stuffed(text))
        return got.readline()


def test_bytes_arrive_as_they_came_or_are_refused_before_they_are_accepted(tmp_path: Path) -> None:
    """Bare LF and CR, NUL, leading periods and the longest lines, over two relays of ours."""
    path = tmp_path / "out.toml"
    out = tmp_path / "out"
    with foreign_host() as theirs:
        path.write_text(TOPOLOGY.format(port=theirs.port))
        with served(path, "--out", str(out), "--speed", "5") as (process, ports):
            for text in KEPT:
                assert send(ports["GATE.ARPA"], "ann@THEIRS.ARPA", text).startswith(b"250"), text
            assert eventually(lambda: len(theirs.mail_data) == len(KEPT))
            for text in REFUSED:
                reply = send(ports["INNER.ARPA"], "ann@THEIRS.ARPA", text)
                assert reply.startswith(b"554"), text
            process.terminate()
            process.wait(120)
            assert process.returncode == 3  # the caller may not send a line of 999 characters
    arrived = sorted(data.split(b"\r\n", 2)[2] for data in theirs.mail_data)
    assert arrived == sorted(stuffed(text) for text in KEPT)
    summary = json.loads((out / "summary.json").read_text())
    assert summary["delivered"] == len(KEPT)
    assert summary["submitted"] == len(KEPT), "what was refused was never accepted"


@pytest.mark.parametrize("text", [b"one\n.\nQUIT\r\n", b"one\r.\rtwo\r\n"])
def test_what_is_refused_on_the_way_out_is_delivered_inside(text: bytes, tmp_path: Path) -> None:
    """Hosts of the lab end mail at CRLF, period, CRLF and at nothing else."""
    path = tmp_path / "out.toml"
    path.write_text(TOPOLOGY.format(port=9))
    with served(path) as (_, ports):
        assert send(ports["GATE.ARPA"], "fred@GATE.ARPA", text).startswith(b"250")
