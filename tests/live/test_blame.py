"""Who broke the protocol: external hosts and callers from outside are told apart from ours."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from helpers.foreign_host import foreign_host
from helpers.live_hosts import served

from lab.cli import cli

GATE = "GATE.ARPA"
OUT = """
[retry]
first = "1 s"
give_up = "2 s"
[[host]]
name = "OURS.ARPA"
users = ["joe"]
[[host]]
name = "THEIRS.ARPA"
users = ["ann"]
external = "127.0.0.1:{port}"
[[link]]
between = ["OURS.ARPA", "THEIRS.ARPA"]
[[mail]]
from = "joe@OURS.ARPA"
to = "ann@THEIRS.ARPA"
"""


@pytest.mark.parametrize(("command", "reply"), [
    (b"RCPT", b"354 send it\r\n"),
    (b"MAIL", b"354 send it\r\n"),
    (b"", b"250 hello\r\n"),
    (b"HELO", b"250 theirs\r\n250 theirs\r\n"),
    (b".", b"250-one\r\n250 two\r\n250 three\r\n"),
    (b"RCPT", b"hello there\r\n"),
])  # fmt: skip
def test_a_wrong_reply_of_an_external_host_is_its_own(
    command: bytes, reply: bytes, tmp_path: Path
) -> None:
    """Status 3, a sentence on stderr and in the table, and the rule, host and bytes as JSON."""
    with foreign_host({command: reply}) as theirs:
        path = tmp_path / "out.toml"
        path.write_text(OUT.format(port=theirs.port))
        result = CliRunner().invoke(cli, ["live", str(path), "--speed", "5", "--json"])
        assert result.exit_code == 3, result.output
        summary = json.loads(result.stdout)
        first = summary["peer_breaches"][0]
        assert summary["peer_breach_count"] >= 1
        assert first["host"] == "THEIRS.ARPA"
        assert first["octets"].encode("latin-1") == reply.splitlines(keepends=True)[-1]
        assert "THEIRS.ARPA said" in first["sentence"]
        assert "by a program outside the lab: " in result.stderr
        assert summary["lost"] == 0


@pytest.mark.parametrize("line", ['latency = "2 s"', 'bandwidth = "2400 bit/s"'])
def test_an_external_host_that_replies_before_it_has_the_mail_is_to_blame(
    line: str, tmp_path: Path
) -> None:
    """Ours loses nothing: the mail counts as taken, or, if it is still leaving, it stays."""
    for speed in ("20", "5", "1"):  # theirs may be late on a busy machine, and so be right
        with foreign_host(early=b"250 got it\r\n") as theirs:
            path = tmp_path / "out.toml"
            between = 'between = ["OURS.ARPA", "THEIRS.ARPA"]'
            text = OUT.format(port=theirs.port).replace(between, f"{between}\n{line}")
            path.write_text(
                text.replace('"2 s"\n[[host]]', '"90 s"\n[[host]]') + f'text = "{"a b " * 300}"'
            )
            result = CliRunner().invoke(cli, ["live", str(path), "--speed", speed, "--json"])
        if result.exit_code == 3:
            break
    assert result.exit_code == 3, result.output
    summary = json.loads(result.stdout)
    assert summary["lost"] == 0
    assert summary["peer_breaches"][0]["octets"] == "250 got it\r\n"


def test_an_external_host_that_keeps_to_the_rfc_has_broken_nothing(tmp_path: Path) -> None:
    """Replies of several lines, refusals, and 421 at any time are permitted."""
    replies = {b"HELO": b"250-theirs\r\n250 welcomes you\r\n", b".": b"421 theirs goes home\r\n"}
    with foreign_host(replies) as theirs:
        path = tmp_path / "out.toml"
        path.write_text(OUT.format(port=theirs.port))
        result = CliRunner().invoke(cli, ["live", str(path), "--speed", "5", "--json"])
        assert result.exit_code == 0, result.output
        assert json.loads(result.stdout)["peer_breaches"] == []


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    path = tmp_path / "gate.toml"
    path.write_text('[[host]]\nname = "GATE.ARPA"\nusers = ["fred"]\n')
    return path


MAIL = (b"HELO me.x\r\n", b"MAIL FROM:<a@me.x>\r\n", b"RCPT TO:<fred@GATE.ARPA>\r\n", b"DATA\r\n")
WRONG = [
    (b"GET / HTTP/1.1\r\n",), (b"RCPT TO:<fred@GATE.ARPA>\r\n",), (b"MAIL FROM:ann\r\n",),
    (*MAIL, b"a" * 1500 + b"\r\n.\r\n"), (*MAIL, b"caf\xe9\r\n.\r\n"),
]  # fmt: skip
FINE = [
    (b"EHLO me.x\r\n", *MAIL, b"a\nb\r\0c\r\n.\r\n"), (b"VRFY nobody\r\n",), (),
    (*MAIL[:2], b"RCPT TO:<nobody@GATE.ARPA>\r\n"), (b"HELO me.x\r\n", b"TURN\r\n"),
]  # fmt: skip


def called(
    gate: Path, tmp_path: Path, calls: list[tuple[bytes, ...]]
) -> tuple[int, dict[str, Any], str]:
    """Say lines to a host, each after the reply to the last; return status, summary and stdout."""
    out = tmp_path / "out"
    with served(gate, "--out", str(out)) as (process, ports):
        for lines in calls:
            with socket.create_connection(("127.0.0.1", ports[GATE]), 20) as caller:
                replies = caller.makefile("rb")
                replies.readline()
                for line in lines:
                    caller.sendall(line)
                    replies.readline()
        process.terminate()
        stdout, _ = process.communicate(timeout=120)
        return process.returncode, json.loads((out / "summary.json").read_text()), stdout


def test_what_a_caller_says_wrong_is_its_own(gate: Path, tmp_path: Path) -> None:
    """Commands that are none or out of order, and mail data that no sender-SMTP may send."""
    status, summary, stdout = called(gate, tmp_path, WRONG)
    assert status == 3
    assert summary["peer_breach_count"] == len(WRONG)
    found = summary["peer_breaches"]
    assert {breach["host"] for breach in found} == {"127.0.0.1"}
    wrong = sorted(lines[-1][:1000] for lines in WRONG)
    assert sorted(breach["octets"].encode("latin-1") for breach in found) == wrong
    assert "127.0.0.1 broke RFC 821 5 times" in " ".join(stdout.split())


def test_lines_that_a_caller_ends_with_lf_are_its_own(gate: Path, tmp_path: Path) -> None:
    """Only CRLF ends a command; a line that is cut short without is no breach."""
    out = tmp_path / "out"
    with served(gate, "--out", str(out)) as (process, ports):
        for last in (b"HELO me.x\nMAIL FROM:<a@me.x>\n", b"NOOP\nQUIT\n", b"MAIL FROM:<a@"):
            with socket.create_connection(("127.0.0.1", ports[GATE]), 20) as caller:
                replies = caller.makefile("rb")
                assert replies.readline()[:3] == b"220"
                caller.sendall(b"HELO me.x\r\n" + last)
                assert replies.readline()[:3] == b"250"
        process.terminate()
        process.communicate(timeout=120)
    summary = json.loads((out / "summary.json").read_text())
    assert process.returncode == 3
    assert [breach["octets"] for breach in summary["peer_breaches"]] == [
        "HELO me.x\nMAIL FROM:<a@me.x>\n", "NOOP\nQUIT\n",
    ]  # fmt: skip
    assert "which CRLF does not end" in summary["peer_breaches"][0]["sentence"]


def test_what_is_no_breach(gate: Path, tmp_path: Path) -> None:
    """EHLO, a bare LF or CR, NUL, unknown users, and a caller that hangs up."""
    status, summary, _ = called(gate, tmp_path, FINE)
    assert (status, summary["peer_breaches"], summary["peer_breach_count"]) == (0, [], 0)
