"""Hostile text in every field of a topology and on every place of the wire, and all outputs."""

from __future__ import annotations

import base64
import csv
import io
import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from helpers.command_line import Command
from helpers.live_hosts import served

import lab as library
from lab.runtime.escaping import csv_cell, visible
from lab.views.replay import replay_page

EVIL = (
    "\x1b]0;OWNED\x07\x1b[2J\x9b31m\x00\r\x08\x7f\u202egnp\u2066\u200b\ufeff\u2028"
    "<script>alert(1)</script>&\"'$\\frac{$[bold]{{7*7}}"
)
USER = '\x1b]0;OWNED\x07\x1b[2J\x08<script>"$x'
"""A user name is ASCII, without line ends."""

SUBJECT = EVIL.replace("\r", "")

TOPOLOGY: dict[str, Any] = {
    "title": f"=cmd()|{EVIL}",
    "environment": [{"name": EVIL}],
    "host": [
        {
            "name": "ONE.ARPA", "relay": True, "title": EVIL, "names": {EVIL: "UNO.ARPA"},
            "user": [{"name": USER, "full_name": "\x1b[2J\u202e William"}, {"name": "ann"}],
            "list": [{"name": USER + "L", "members": ["\x1b[2J Bob <bob@TWO.ARPA>"]}],
        },
        {"name": "TWO.ARPA", "users": ["bob", USER + "2"]},
    ],
    "link": [{"between": ["ONE.ARPA", "TWO.ARPA"], "environment": EVIL}],
    "mail": [
        {"from": "ann@ONE.ARPA", "to": ["bob@TWO.ARPA"], "subject": SUBJECT, "text": EVIL},
        {"from": "ann@ONE.ARPA", "to": ["nobody@TWO.ARPA"], "subject": SUBJECT, "text": EVIL},
    ],
    "script": [
        {
            "from": "ONE.ARPA", "to": "TWO.ARPA",
            "lines": ["HELO \x1b[2J", f"VRFY {USER}", "\x9b", "QUIT"],
        }
    ],
}  # fmt: skip


def toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{toml(key)} = {toml(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value).replace("\\ud83d", "") if not isinstance(value, bool) else "true"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("hostile")
    text = "\n".join(f"{key} = {toml(value)}" for key, value in TOPOLOGY.items())
    (place / "evil.toml").write_text(text, encoding="utf-8")
    return place


def printed(folder: Path, *arguments: str, told: str = "") -> tuple[str, str]:
    command = [sys.executable, "-m", "lab", *arguments]
    done = subprocess.run(
        command, cwd=folder, input=told, capture_output=True, timeout=120, encoding="utf-8"
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    return done.stdout, done.stderr


def is_visible(text: str) -> bool:
    bad = {char for char in text if not (char.isprintable() or char == "\n")}
    assert not bad, f"{bad} in {text[:2000]!r}"
    return True


COMMANDS = [
    ("run", "evil.toml", "--transcript"), ("show", "evil.toml"), ("check", "evil.toml"),
    ("run", "evil.toml", "--json"), ("check", "\x1b]0;x\x07.toml"), ("run", "\x9b\u202e.toml"),
    ("run", "evil.toml", "--set", "\x1b[2J=1"), ("talk", "evil.toml", "\x1b[2J"),
    ("\x1b[2J",), ("run", "--\x1b[2J"), ("plot", "\x1b[2J", "\x1b[2J"),
    ("run", "evil.toml", "--set", "host.0.users=[\"\x1b[2J\\u001b\"]"), ("spool", "\x1b[2J"),
]  # fmt: skip


@pytest.mark.parametrize("arguments", COMMANDS, ids=[" ".join(map(visible, c)) for c in COMMANDS])
def test_what_commands_print_is_visible(
    folder: Path, arguments: tuple[str, ...], lab: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On stdout and stderr, in a pipe: nothing that a terminal obeys, nothing that reorders."""
    monkeypatch.chdir(folder)
    done = lab(*arguments)
    assert done.out + done.err
    assert is_visible(done.out + done.err)


_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@pytest.mark.parametrize("arguments", COMMANDS[:3], ids=["run", "show", "check"])
def test_in_a_terminal_only_our_own_colours_are_not_text(
    folder: Path, arguments: tuple[str, ...]
) -> None:
    """The same in a terminal."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "lab", *arguments]
    with subprocess.Popen(
        command, cwd=folder, stdout=theirs, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL
    ) as process:
        os.close(theirs)
        heard = b"".join(_until_closed(ours))
        process.wait(60)
    assert heard
    assert is_visible(_COLOURS.sub("", heard.decode()).replace("\r\n", "\n"))


def _until_closed(terminal: int) -> Iterator[bytes]:
    try:
        while octets := os.read(terminal, 65536):
            yield octets
    except OSError:  # Linux says so when the other end is closed
        os.close(terminal)


def test_stepping_shows_it_as_text(folder: Path) -> None:
    """Events, buffers, spools, the story of a message, and what was typed."""
    told = "help\nnext 5\nsides\nuntil deliver\nstory\nmap\n\x1b[2J\nuntil \x9b\nspools\nlinks\n"
    out, err = printed(folder, "step", "evil.toml", told=told)
    assert is_visible(out + err)


def test_artefacts_show_it_as_text_and_data_stays_exact(folder: Path) -> None:
    """The transcript and pages have escapes; JSON, the trace and the mail have what was written."""
    out = folder / "out"
    printed(folder, "run", "evil.toml", "--out", "out", "--quiet")
    assert is_visible((out / "transcript.txt").read_text(encoding="utf-8"))
    assert is_visible((out / "capture.hosts").read_text(encoding="utf-8").replace("\t", ""))
    assert json.loads((out / "summary.json").read_text())["title"] == TOPOLOGY["title"]
    trace = library.open_trace(out / "trace.jsonl")
    assert trace.meta["title"] == TOPOLOGY["title"]
    (mail,) = (out / "mail" / "TWO.ARPA" / "bob" / "new").iterdir()
    assert b"\x1b]0;OWNED\x07" in mail.read_bytes()


def test_the_replay_page_shows_it_as_text(folder: Path) -> None:
    """No tag of others, and no character of others that is not shown, in the page or its data."""
    run = library.simulate(folder / "evil.toml")
    page = replay_page(run.trace)
    assert is_visible(page.replace("\t", ""))
    assert "<script>alert(1)" not in page
    packed = re.search(r'[>"]([A-Za-z0-9+/=]{400,})[<"]', page)
    assert packed is not None
    data = json.loads(zlib.decompress(base64.b64decode(packed[1])))
    for text in _texts(data):
        assert is_visible(text)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
        if value.startswith("["):
            try:
                yield from _texts(json.loads(value))
            except ValueError:
                return
    elif isinstance(value, dict):
        for key, one in value.items():
            yield key
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)


PICTURES = ("map", "timeline", "ladder", "latency", "queues", "states", "utilisation", "film")


@pytest.mark.parametrize("kind", PICTURES)
def test_pictures_are_well_formed_and_show_it_as_text(kind: str, folder: Path) -> None:
    """SVG: XML that any reader takes, and texts that are shown."""
    run = library.simulate(folder / "evil.toml")
    path = folder / f"{kind}.svg"
    if kind == "film":
        library.views.animation(run.trace).save(path)
    else:
        library.views.save(run.trace, kind, path)
    text = path.read_text(encoding="utf-8")
    assert is_visible(text.replace("\t", ""))
    tags = {element.tag.rpartition("}")[2] for element in ElementTree.fromstring(text).iter()}
    assert "script" not in tags


def test_a_live_run_prints_what_strangers_say_as_text(folder: Path) -> None:
    """RCPT, HELO, MAIL, commands and mail data of a caller: nothing of it reaches the terminal."""
    spool = folder / "spool"
    with served(folder / "evil.toml", "--spool", str(spool), "--out", str(folder / "live")) as (
        process, ports,
    ):  # fmt: skip
        with socket.create_connection(("127.0.0.1", ports["ONE.ARPA"]), 20) as sock:
            heard = sock.makefile("rb")
            heard.readline()
            for line in (
                b"HELO \x1b[2J", b"HELO me", b"\x1b]0;x\x07", b"VRFY \x1b[2J", b"EXPN \x9b\x00",
                b"HELP \x1b[2J", b"MAIL FROM:<\"\x1b[2J\"@b>",
                b'RCPT TO:<"\x1b]0;OWNED\x07"@TWO.ARPA>',
                b'RCPT TO:<"\x1b]0;OWNED\x07\x1b[2J\x08<script>\\"$x2"@TWO.ARPA>', b"DATA",
                b"Subject: \x1b[2J\r\n\r\n\x1b[2J\r\n.", b"QUIT",
            ):  # fmt: skip
                sock.sendall(line + b"\r\n")
                heard.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert "Traceback" not in err
    assert is_visible(out + err)
    assert is_visible((folder / "live" / "transcript.txt").read_text(encoding="utf-8"))
    for arguments in (("spool", "spool"), ("spool", "spool", "--read", "\x1b[2J/1")):
        assert is_visible("".join(printed(folder, *arguments)))


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"), ("+A1", "'+A1"), ("-A1", "'-A1"), ("@SUM(A1)", "'@SUM(A1)"),
        (" =1+1", "' =1+1"), ("\t=1", "'\\t=1"), ("-0.5", "-0.5"), ("+2e3", "+2e3"), ("a=b", "a=b"),
        ("\x1b[2J", "\\x1b[2J"), ("-1_0", "'-1_0"), (-3, -3), (None, None), ("", ""),
    ],
)  # fmt: skip
def test_a_cell_of_a_table_is_no_formula(value: object, cell: object) -> None:
    """A spreadsheet takes it for text; numbers stay numbers."""
    assert csv_cell(value) == cell


def test_names_of_notebooks_are_no_formulas_in_the_table_of_grades() -> None:
    """A student chooses the name of a file, and what an error says."""
    from lab.lessons.grading import Grade, as_csv

    made = as_csv([Grade("=cmd().ipynb", "=1", problem="@\x1b[2J\n=2")])
    row = list(csv.reader(io.StringIO(made)))[1]
    assert not [cell for cell in row if cell.startswith(("=", "@"))]
    assert is_visible(made)
