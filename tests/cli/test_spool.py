"""``lab spool``, and what ``lab live --spool`` says of a folder that it cannot go on with."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from email import message_from_binary_file
from mailbox import Maildir
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from helpers.small_topologies import A_AND_B

from lab.cli import cli
from lab.hosts.spool import Queue, QueuedMail
from lab.live.changes import Changes, Delivery
from lab.live.spool_folder import locked
from lab.live.storage import Storage
from lab.protocol import parse_path

ANN, BOB = parse_path("<ann@A.ARPA>"), parse_path("<bob@B.ARPA>")
WAITS = b"Subject: Waits\r\n\r\n.\r\nwith a dot, and a bare \n\r\n"
LIES = b"Return-Path: <bob@B.ARPA>\r\nSubject: Lies there\r\n\r\nHi.\r\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A spool in which A owes one message to B, and has another in ann's mail drop."""
    made = tmp_path / "spool"
    made.mkdir()
    storage, changes = Storage(made / "A.ARPA.sqlite"), Changes()
    mail = QueuedMail(7, "MAIL", ANN, ANN, [("1", BOB)], WAITS)
    changes.mails[mail] = Queue("B.ARPA", "arpanet")
    changes.deliveries.append(Delivery("ann", 8, LIES))
    storage.write(changes)
    storage.close()
    return made


def spool(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["spool", *map(str, arguments)])


def live(tmp_path: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = tmp_path / "two.toml"
    if not path.exists():
        path.write_text(A_AND_B)
    command = [sys.executable, "-m", "lab", "live", str(path), "--spool", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_it_lists_what_waits_and_what_lies_in_mailboxes(folder: Path) -> None:
    lines = spool(folder).stdout.splitlines()
    assert lines[1].split()[:6] == [
        "A.ARPA/1",
        "B.ARPA",
        "<ann@A.ARPA>",
        "bob@B.ARPA",
        str(len(WAITS)),
        "at",
    ]
    assert lines[3].split()[:2] == ["A.ARPA/ann/1", str(len(LIES))]
    assert lines[-1] == "1 message waits, 1 in mailboxes"


def test_the_list_as_json(folder: Path) -> None:
    found = json.loads(spool(folder, "--json").stdout)
    [waiting], [lying] = found["waiting"], found["mailboxes"]
    assert waiting.pop("since")[:2] == lying.pop("since")[:2] == "20"
    assert waiting == {
        "host": "A.ARPA", "number": 1, "next_host": "B.ARPA", "from": "ann@A.ARPA",
        "to": ["bob@B.ARPA"], "size": len(WAITS), "tries": 0, "next_try": 0.0,
    }  # fmt: skip
    assert lying == {"host": "A.ARPA", "user": "ann", "number": 1, "size": len(LIES)}


@pytest.mark.parametrize(
    ("which", "octets"), [("A.ARPA/1", WAITS), ("a.arpa/1", WAITS), ("A.ARPA/ann/1", LIES)]
)
def test_it_prints_a_message_as_it_is(folder: Path, which: str, octets: bytes) -> None:
    assert spool(folder, "--read", which).stdout_bytes == octets


def test_it_exports_maildirs(folder: Path, tmp_path: Path) -> None:
    """They open as Maildirs, keep every byte, and the envelope lies beside them."""
    out = tmp_path / "out"
    assert spool(folder, "--export", out).stdout == f"wrote 2 messages to {out}\n"
    drop = Maildir(out / "mail" / "A.ARPA" / "ann", factory=message_from_binary_file)
    assert [message["Subject"] for message in drop] == ["Lies there"]
    queue = out / "queue" / "A.ARPA" / "B.ARPA"
    [file] = (queue / "new").iterdir()
    assert file.read_bytes() == WAITS
    envelope = {file.name: {"from": "ann@A.ARPA", "to": ["bob@B.ARPA"]}}
    assert json.loads((queue / "envelopes.json").read_text()) == envelope


def test_a_file_of_the_first_format_is_brought_up_to_date(folder: Path, tmp_path: Path) -> None:
    """What waited is delivered by the next run."""
    path = folder / "A.ARPA.sqlite"
    path.unlink()
    about = [5, "MAIL", "<ann@A.ARPA>", "<ann@A.ARPA>", [["1", "<bob@B.ARPA>"]], 0, 0.0, 9e9,
             False, False, False, [], []]  # fmt: skip
    with closing(sqlite3.connect(path)) as file, file:
        file.executescript(
            "create table spool (id integer primary key, host text, environment text, about text,"
            " mail_data blob);"
            "create table drops (id integer primary key, user text, message integer, octets blob);"
            "create table batches (id integer primary key, last integer);"
        )
        row = ("B.ARPA", "arpanet", json.dumps(about), WAITS)
        file.execute("insert into spool values (1, ?, ?, ?, ?)", row)
        file.execute("insert into drops values (1, 'ann', 6, ?)", (LIES,))
    older = f"{path}: the spool has an older format; bring it up to date with lab spool {folder}"
    assert older in spool(folder).stderr
    assert older in live(tmp_path, folder).stderr
    assert "1 message waits, 1 in mailboxes" in spool(folder, "--migrate").stdout
    done = live(tmp_path, folder, "--json")
    assert json.loads(done.stdout)["delivered"] == 1, done.stderr


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("update mails set octets = 'x'", "message 1 for B.ARPA is damaged"),
        ("update copies set about = '[]'", "message 1 for B.ARPA is damaged"),
        ("update drops set octets = 'x'", "message 1 of ann is damaged"),
        ("pragma user_version = 7", "the spool has format 7, of another version of smtp-lab"),
        ("update copies set host = 'C.ARPA', about = about", "C.ARPA, which is not a host of this"),
    ],
)
def test_a_run_cannot_go_on_with_another_spool(
    folder: Path, tmp_path: Path, change: str, said: str
) -> None:
    """Damaged, of another version, or of another map: one sentence before anything starts."""
    with closing(sqlite3.connect(folder / "A.ARPA.sqlite")) as file, file:
        file.execute(change)
    done = live(tmp_path, folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert said in done.stderr
    listed = spool(folder)
    assert (listed.exit_code, said in listed.stderr) == (
        (0, False) if "C.ARPA" in said else (2, True)
    )


def test_what_is_not_damaged_is_exported(folder: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(folder / "A.ARPA.sqlite")) as file, file:
        file.execute("update mails set octets = 'x'")
    done = spool(folder, "--export", tmp_path / "out")
    assert (done.exit_code, done.stdout) == (2, f"wrote 1 message to {tmp_path / 'out'}\n")


def test_a_spool_that_another_run_has_is_refused(folder: Path, tmp_path: Path) -> None:
    with locked(folder):
        assert "in use by another run" in spool(folder).stderr
        done = live(tmp_path, folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert "in use by another run" in done.stderr


def test_a_spool_that_cannot_be_written_is_refused(folder: Path, tmp_path: Path) -> None:
    """A directory stands where the lock would be: as good as a read-only disk, for root, too."""
    (folder / "lock").unlink(missing_ok=True)
    (folder / "lock").mkdir()
    done = live(tmp_path, folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{folder}: the spool cannot be written" in done.stderr


def test_actions_exclude_each_other(folder: Path) -> None:
    done = spool(folder, "--migrate", "--read", "A.ARPA/1")
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)


def test_a_message_that_is_not_there_is_told_with_an_example(folder: Path) -> None:
    said = "--read A.ARPA/9: there is no such message; for example A.ARPA/1"
    assert said in spool(folder, "--read", "A.ARPA/9").stderr
