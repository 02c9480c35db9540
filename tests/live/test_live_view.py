"""What ``lab live --serve`` shows while it goes on: lines of JSON, and a table in a terminal."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import smtplib
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from helpers.live_hosts import eventually
from helpers.small_topologies import TWO_HOSTS
from rich.console import Console

from lab.cli import cli
from lab.cli.live_view import parse_page, state_table

TOPOLOGY = f"""{TWO_HOSTS}[[mail]]
from = "ann@ONE.ARPA"
to = ["bob@TWO.ARPA"]
subject = "[red]first[/red]"
text = "Hi"
"""


@pytest.fixture
def topology(tmp_path: Path) -> str:
    file = tmp_path / "net.toml"
    file.write_text(TOPOLOGY)
    return str(file)


def command(*options: str) -> list[str]:
    return [sys.executable, "-m", "lab", "live", *options, "--serve"]


def test_json_is_a_line_for_each_change_and_the_summary_last(topology: str) -> None:
    """A program reads where the hosts listen, and what they have; nothing else is printed."""
    with subprocess.Popen(
        command(topology, "--json"), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        lines = (json.loads(line) for line in process.stdout)
        start = next(lines)
        assert start["event"] == "start"
        assert start["page"].startswith("http://127.0.0.1:")
        state = next(one for one in lines if one["newest"])
        assert state["event"] == "state"
        assert state["newest"][0]["subject"] == "[red]first[/red]"
        where = start["hosts"]["TWO.ARPA"]
        with smtplib.SMTP(where["address"], where["port"], timeout=20) as program:
            program.sendmail("x@y.example", ["bob@TWO.ARPA"], "Subject: second\n\nHi\n")
        state = next(one for one in lines if one["newest"][0]["subject"] == "second")
        assert {host["host"]: host["mailboxes"] for host in state["hosts"]} == {
            "ONE.ARPA": {}, "TWO.ARPA": {"bob": 2},
        }  # fmt: skip
        process.send_signal(signal.SIGINT)
        *_, summary = lines
    assert (summary["delivered"], process.returncode) == (2, 0)


def test_a_terminal_has_a_table_that_is_updated(topology: str) -> None:
    """It is on stderr, and gone when the run has ended; the page's address stays."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        command(topology, "--no-page"), stdout=subprocess.PIPE, stderr=theirs, text=True,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "40", "NO_COLOR": "1"},
    ) as process:  # fmt: skip
        os.close(theirs)
        shown = bytearray()

        def has(*texts: str) -> bool:
            shown.extend(os.read(ours, 65536))
            return all(text.encode() in shown for text in texts)

        assert eventually(lambda: has("in mailboxes", "bob 1", "newest mail", "[red]first[/red]"))
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        printed = process.stdout.read()
    os.close(ours)
    assert "the mail as it arrives" not in printed
    assert "1 delivered" in printed


def state(hosts: int) -> dict[str, Any]:
    names = [f"H{n}.ARPA" for n in range(hosts)]
    quiet = {"address": "127.0.0.1", "port": 25, "external": False, "up": True, "sessions": 0}
    found = [{**quiet, "host": name, "queues": {}, "mailboxes": {}} for name in names]
    found[-1] |= {"queues": {"H1.ARPA": 3}, "mailboxes": {"ann": 2}, "up": False}
    mail = {
        "host": "H1.ARPA", "user": "bob\x1b[31m", "from": "", "subject": "\x07[b]x\nnext line",
        "stored_at": "2026-11-29T15:13:59+00:00",
    }  # fmt: skip
    return {"t": 61.5, "hosts": found, "newest": [mail] * 9, "labels": {}}


def drawn(about: dict[str, Any], most: int) -> str:
    file = StringIO()
    Console(width=100, file=file).print(state_table(about, most))
    return file.getvalue()


def test_the_table_of_many_hosts_has_those_with_mail_first() -> None:
    text = drawn(state(50), 3)
    assert "H49.ARPA  down" in text
    assert "3 for H1.ARPA" in text
    assert "... and 47 hosts more" in text
    assert len(re.findall("next line", text)) == 5
    assert "... and" not in drawn(state(3), 3)


def test_the_table_has_the_labels_of_hosts() -> None:
    about = state(2) | {"labels": {"H0.ARPA": "東京", "H1.ARPA": "Zürich"}}
    text = drawn(about, 3)
    assert "東京 " in text
    assert "3 for Zürich" in text
    assert "ARPA" not in text


def test_nothing_of_the_mail_reaches_the_terminal_as_a_command() -> None:
    text = drawn(state(3), 3)
    assert "\x1b" not in text
    assert "\x07" not in text
    assert r"\x07[b]x\nnext line" in text
    assert "<>" in text


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--page", "x"], "expected a port, or IP:PORT"),
        (["--page", "localhost:80"], "expected a port, or IP:PORT"),
        (["--page", "127.0.0.1:99999"], "expected a port, or IP:PORT"),
        (["--page", "8025", "--no-page"], "exclude each other"),
    ],
)
def test_a_page_that_cannot_be_is_an_error(
    topology: str, options: list[str], sentence: str
) -> None:
    done = CliRunner().invoke(cli, ["live", topology, *options])
    assert done.exit_code == 2
    assert sentence in done.stderr


def test_a_page_that_others_can_reach_is_warned_of(topology: str) -> None:
    done = CliRunner().invoke(cli, ["live", topology, "--page", "192.0.2.1:0"])
    assert "anybody who has the address of the page can read all mail" in done.stderr
    assert "the page with the mail cannot listen at 192.0.2.1:0" in done.stderr
    assert done.exit_code == 2


def test_a_quiet_run_serves_no_page_that_nobody_is_told_of() -> None:
    assert parse_page(False, None, False) is None
    assert parse_page(True, None, False) == ("127.0.0.1", 0)
    assert parse_page(True, None, True) is None
    assert parse_page(False, "[::1]:8025", False) == ("::1", 8025)
